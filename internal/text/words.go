// Package text holds the words of the product in Japanese, Korean and English,
// and turns templates into what a recipient reads.
//
// Words live in words/<area>.<locale>.toml, one flat quoted key a line
// ("verdict.no_consent.remedy" = "…"), with go-i18n's {{.name}} for values and
// a table with one and other where English needs a plural. A test holds the
// locales together: same keys, same values, no text left in another language.
// What a business sends is not words but templates: {{path.to.value}}, no logic.
package text

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	i18ntemplate "github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/engawa/engawa"
)

//go:embed words/*.toml
var wordFiles embed.FS

// Words is every text of the product. It is safe for concurrent use.
type Words struct {
	tongues map[engawa.Locale]tongue
	parser  i18ntemplate.Parser
	notices map[engawa.Locale]map[string]notice
	// outreach is the words of ready-made routes to customers.
	outreach map[engawa.Locale]map[string]engawa.Content
}

// tongue is the words of one locale.
type tongue struct {
	localizer *i18n.Localizer
	printer   *message.Printer
	plain     map[string]string // by key: words with nothing to fill in
	filled    map[string]bool   // keys of the others, which localizer has
}

// Load reads the embedded words, once for the whole program: the command line
// and the hub speak with the same. It fails where a file is malformed, where a
// key stands twice, and where a locale has no words.
var Load = sync.OnceValues(load)

func load() (*Words, error) {
	bundle := i18n.NewBundle(language.English)
	w := &Words{
		tongues: map[engawa.Locale]tongue{},
		parser:  &i18ntemplate.TextParser{Option: "missingkey=zero"}, // a value not given is left out, not "<no value>"
	}
	for _, l := range engawa.Locales {
		tag := language.Make(string(l))
		t := tongue{
			localizer: i18n.NewLocalizer(bundle, string(l)), printer: message.NewPrinter(tag),
			plain: map[string]string{}, filled: map[string]bool{},
		}
		if err := t.load(bundle, l, tag); err != nil {
			return nil, err
		}
		w.tongues[l] = t
	}
	var err error
	if w.notices, err = loadNotices(); err == nil {
		w.outreach, err = loadOutreach()
	}
	return w, err
}

// load reads the files of locale l. Most words have nothing to fill in; the
// bundle, which keeps a template for each plural form, is spared those.
func (t tongue) load(bundle *i18n.Bundle, l engawa.Locale, tag language.Tag) error {
	names, err := fs.Glob(wordFiles, "words/*."+string(l)+".toml")
	if err != nil || len(names) == 0 {
		return fmt.Errorf("load words of %s: %d files: %w", l, len(names), err)
	}
	for _, name := range names {
		b, err := wordFiles.ReadFile(name)
		if err != nil {
			return fmt.Errorf("load words %s: %w", name, err)
		}
		var file map[string]any
		if err := toml.Unmarshal(b, &file); err != nil {
			return fmt.Errorf("load words %s: %w", name, err)
		}
		for key, words := range file {
			if err := t.add(bundle, tag, key, words); err != nil {
				return fmt.Errorf("load words %s: %w", name, err)
			}
		}
	}
	return nil
}

// add keeps the words of a key: a text or, where a number chooses, a table of
// plural forms.
func (t tongue) add(bundle *i18n.Bundle, tag language.Tag, key string, words any) error {
	if t.has(key) {
		return fmt.Errorf("%s stands twice", key)
	}
	forms, ok := words.(map[string]any)
	if s, isText := words.(string); isText {
		if !strings.Contains(s, "{{.") { // {{to}} is how a reader of the words writes a template
			t.plain[key] = s
			return nil
		}
		forms, ok = map[string]any{"other": s}, true
	}
	if !ok {
		return fmt.Errorf("%s is neither a text nor a table of plural forms", key)
	}
	forms["id"] = key
	m, err := i18n.NewMessage(forms)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	t.filled[key] = true
	return bundle.AddMessages(tag, m)
}

func (t tongue) has(key string) bool {
	_, plain := t.plain[key]
	return plain || t.filled[key]
}

// T returns the words of key in locale l. args are pairs of a name and a
// value; the value named "n" also chooses the plural. Whole numbers are
// grouped as the locale does. A key without words is returned itself.
func (w *Words) T(l engawa.Locale, key string, args ...any) string {
	t := w.tongue(l)
	if s, ok := t.plain[key]; ok {
		return s
	}
	cfg := &i18n.LocalizeConfig{MessageID: key, TemplateParser: w.parser}
	if len(args) > 0 {
		data := make(map[string]string, len(args)/2)
		for i := 0; i+1 < len(args); i += 2 {
			name := fmt.Sprint(args[i])
			data[name] = t.show(args[i+1])
			if n, ok := args[i+1].(int); ok && name == "n" {
				cfg.PluralCount = n
			}
		}
		cfg.TemplateData = data
	}
	s, err := t.localizer.Localize(cfg)
	if err != nil && s == "" {
		return key
	}
	return s
}

// Has reports whether key has words.
func (w *Words) Has(key string) bool { return w.tongue(engawa.English).has(key) }

// Keys lists every key of locale l in order.
func (w *Words) Keys(l engawa.Locale) []string {
	t := w.tongue(l)
	return slices.Sorted(slices.Values(slices.AppendSeq(slices.Collect(maps.Keys(t.plain)), maps.Keys(t.filled))))
}

// Reason returns why, and what to do now, for a verdict's reason. An argument
// that is an RFC 3339 time is shown as a date in the offset it carries. A
// reason without a remedy has an empty one.
func (w *Words) Reason(l engawa.Locale, r engawa.Reason) (text, remedy string) {
	return w.reason(l, nil, r)
}

func (w *Words) reason(l engawa.Locale, zone *time.Location, r engawa.Reason) (text, remedy string) {
	args := make([]any, 0, 2*len(r.Args))
	for name, value := range r.Args {
		args = append(args, name, w.showArg(l, zone, value))
	}
	text = w.T(l, "verdict."+r.Code, args...)
	if w.Has("verdict." + r.Code + ".remedy") {
		remedy = w.T(l, "verdict."+r.Code+".remedy", args...)
	}
	return text, remedy
}

func (w *Words) showArg(l engawa.Locale, zone *time.Location, value string) string {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value
	}
	if zone == nil {
		zone = at.Location()
	}
	return w.For(l, zone).Time(at)
}

func (w *Words) tongue(l engawa.Locale) tongue {
	if t, ok := w.tongues[l]; ok {
		return t
	}
	return w.tongues[engawa.English]
}

func (t tongue) show(v any) string {
	switch v := v.(type) {
	case int, int64:
		return t.printer.Sprintf("%d", v)
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// Negotiate returns the locale that an Accept-Language header asks for, or
// fallback when it asks for none of ours. (RFC 9110 §12.5.4).
func Negotiate(header string, fallback engawa.Locale) engawa.Locale {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return fallback
	}
	for _, tag := range tags {
		base, _ := tag.Base()
		if l := engawa.Locale(strings.ToLower(base.String())); slices.Contains(engawa.Locales[:], l) {
			return l
		}
	}
	return fallback
}
