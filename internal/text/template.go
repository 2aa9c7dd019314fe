package text

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// MaxPart is the most bytes that a part may have, as a template and as rendered.
const MaxPart = 64 << 10

// Escape says where the plain text goes, so that a value cannot speak the
// place's own markup.
type Escape int

// The escapes. HTML is always escaped as HTML, and a subject is always one line.
const (
	EscapeNone Escape = iota
	EscapeChat        // Chatwork: no escape exists there, so "[" becomes "［"
)

// variable is what stands between the braces: a path of names, with a question
// mark when it may be absent.
var variable = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL\pN_]+)*\??$`)

// offerWord is the word for the link of the customer's code of an offer.
var offerWord = regexp.MustCompile(`^offer\.link:([A-Za-z0-9._-]{1,64})$`)

// Offer is the offer of the App Store of which the words hold a code's link,
// {{offer.link:OFFER}}; empty: of none. A message holds the link of one offer at
// most, and not in its subject. The error is an *engawa.Error, CodeInvalid.
func Offer(words ...engawa.Content) (offer string, err error) {
	for _, c := range words {
		titles := len(Variables(engawa.Content{Subject: c.Subject}))
		for i, name := range Variables(c) {
			m := offerWord.FindStringSubmatch(name)
			switch {
			case m == nil:
			case i < titles:
				return "", engawa.Invalid("/subject", "write the link into the text", "the subject cannot hold an offer's link")
			case offer != "" && offer != m[1]:
				return "", engawa.Invalid("/text", "write two templates", "the words hold links of two offers, %s and %s; a message has one", offer, m[1])
			default:
				offer = m[1]
			}
		}
	}
	return offer, nil
}

// Render puts vars into the {{path.to.value}} places of c. There is no logic
// and no recursion: a value that holds braces stays as it is. {{offer.link:OFFER}}
// stays too: the link is put in when the message goes (verdict.Cleared.PutCode). {{path?}} may be
// absent, and a line of a text whose variables are all optional and absent is
// left out. Any other absent variable is an error that names it. A missing
// plain text is made from the HTML. The errors are *engawa.Error, CodeInvalid.
func Render(c engawa.Content, vars map[string]any, escape Escape) (engawa.Content, error) {
	var out engawa.Content
	var err error
	if out.Subject, err = renderPart(subject, c.Subject, vars, oneLine); err != nil {
		return engawa.Content{}, err
	}
	out.Subject = strings.TrimSpace(out.Subject)
	if out.Text, err = renderPart("/text", c.Text, vars, escape.plain); err != nil {
		return engawa.Content{}, err
	}
	if out.HTML, err = renderPart("/html", c.HTML, vars, html.EscapeString); err != nil {
		return engawa.Content{}, err
	}
	if out.HTML != "" {
		if err := checkHTML(out.HTML); err != nil {
			return engawa.Content{}, err
		}
	}
	if out.Text == "" {
		out.Text = FromHTML(out.HTML)
	}
	return out, nil
}

func (e Escape) plain(s string) string {
	s = cleanText(s)
	if e == EscapeChat {
		return strings.ReplaceAll(s, "[", "［")
	}
	return s
}

// oneLine makes a value fit for a header: no line ends, no control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029
	}), " ")
}

// cleanText keeps line ends and tabs and drops the other control characters.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// subject is the part that is one line.
const subject = "/subject"

func renderPart(field, part string, vars map[string]any, escape func(string) string) (string, error) {
	if len(part) > MaxPart {
		return "", tooLong(field, len(part))
	}
	var b strings.Builder
	for line := range strings.Lines(part) {
		if err := renderLine(&b, field, line, vars, escape); err != nil {
			return "", err
		}
		if b.Len() > MaxPart {
			return "", tooLong(field, b.Len())
		}
	}
	return b.String(), nil
}

// renderLine writes one line, or nothing when all its variables are absent.
func renderLine(b *strings.Builder, field, line string, vars map[string]any, escape func(string) string) error {
	var out strings.Builder
	places, filled := 0, 0
	for rest := line; ; {
		before, after, found := strings.Cut(rest, "{{")
		out.WriteString(before)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}}")
		if !closed {
			return unclosed(field)
		}
		value, present, err := fill(field, strings.TrimSpace(name), vars)
		if err != nil {
			return err
		}
		places++
		if present {
			filled++
			out.WriteString(escape(value))
		}
		if out.Len() > MaxPart {
			return tooLong(field, out.Len())
		}
		rest = tail
	}
	if places > 0 && filled == 0 && field != subject { // a subject has no other line
		return nil
	}
	b.WriteString(out.String())
	return nil
}

// fill looks one variable up. present is false for an optional one that is
// absent or empty.
func fill(field, name string, vars map[string]any) (value string, present bool, err error) {
	if m := offerWord.FindStringSubmatch(name); m != nil {
		return engawa.OfferPlace(m[1]), true, nil
	}
	if !variable.MatchString(name) {
		return "", false, badName(field, name)
	}
	bare, optional := strings.CutSuffix(name, "?")
	v, ok := lookup(vars, bare)
	if ok {
		value, ok = scalar(v)
	}
	switch {
	case optional && (!ok || value == ""):
		return "", false, nil
	case !ok:
		return "", false, engawa.Invalid(field, "give it a value, or write {{"+bare+"?}} if it may be missing",
			"the template uses {{%s}}, and nothing of that name was given", bare)
	}
	return value, true, nil
}

func lookup(vars map[string]any, dotted string) (any, bool) {
	var v any = vars
	for name := range strings.SplitSeq(dotted, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[name]
			if !ok {
				return nil, false
			}
			v = next
		case map[string]string:
			next, ok := at[name]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// scalar is the text of one value, and of a list of texts; other lists, objects
// and null have none.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case []any:
		return joined(v)
	case string:
		return strings.ToValidUTF8(v, "\uFFFD"), true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case json.Number:
		return v.String(), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.FormatInt(int64(v), 10), true
		}
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case fmt.Stringer:
		return v.String(), true
	}
	return "", false
}

// Value is the text of the value that a dotted name finds in data; empty if there
// is none.
func Value(data map[string]any, dotted string) string {
	v, _ := lookup(data, dotted)
	value, _ := scalar(v)
	return value
}

func joined(list []any) (string, bool) {
	texts := make([]string, len(list))
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			return "", false
		}
		texts[i] = strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.Join(texts, ", "), len(texts) > 0
}

// Variables lists the variables of c in the order of their first use, without
// the question mark.
func Variables(c engawa.Content) []string {
	var names []string
	seen := map[string]bool{}
	for _, part := range []string{c.Subject, c.Text, c.HTML} {
		for {
			_, after, found := strings.Cut(part, "{{")
			if !found {
				break
			}
			name, tail, _ := strings.Cut(after, "}}")
			name = strings.TrimSuffix(strings.TrimSpace(name), "?")
			if name != "" && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
			part = tail
		}
	}
	return names
}

// Show returns data as a reader of v expects to see it in a template: RFC 3339
// times in the viewer's zone and words, and members called amount or price, or
// ending in _amount, as money in the currency that stands beside them or above
// them (JPY where none does). Codes that the catalogue names (a cause, a state, a
// way to pay) become words. data is not changed.
func (v Viewer) Show(data map[string]any) map[string]any {
	return v.showMap(data, "JPY")
}

func (v Viewer) showMap(data map[string]any, currency string) map[string]any {
	if c, ok := data["currency"].(string); ok && len(c) == 3 {
		currency = c
	}
	out := make(map[string]any, len(data))
	for name, value := range data {
		out[name] = v.showValue(name, value, currency)
	}
	return out
}

func (v Viewer) showValue(name string, value any, currency string) any {
	switch x := value.(type) {
	case map[string]any:
		return v.showMap(x, currency)
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = v.showValue(name, x[i], currency)
		}
		return list
	case string:
		if at, err := time.Parse(time.RFC3339, x); err == nil {
			return v.Time(at)
		}
		if at, err := time.ParseInLocation(time.DateOnly, x, v.Zone); err == nil {
			return v.Date(at)
		}
		if key := "value." + codeOf(name) + "." + x; v.Words.Has(key) {
			return v.T(key)
		}
	case float64:
		if isMoney(name) && x == math.Trunc(x) && math.Abs(x) < 1e15 {
			return v.Money(int64(x), currency)
		}
	case int:
		if isMoney(name) {
			return v.Money(int64(x), currency)
		}
	}
	return value
}

// codeOf is the name under which the words of a member's codes stand.
func codeOf(name string) string {
	switch name {
	case "by":
		return "actor"
	case "payment_method":
		return "method"
	}
	return name
}

func isMoney(name string) bool {
	return name == "amount" || name == "price" || strings.HasSuffix(name, "_amount") || strings.HasPrefix(name, "amount_")
}

// Pick returns the words for a reader of want: in that locale, else in
// fallback, else along the product's chain (ko → en → ja, ja → en → ko,
// en → ja → ko). The locale says which was taken; it is empty when words is.
func Pick(words map[engawa.Locale]engawa.Content, want, fallback engawa.Locale) (engawa.Content, engawa.Locale) {
	chain := []engawa.Locale{want, fallback, engawa.English, engawa.Japanese, engawa.Korean}
	for _, l := range chain {
		if c, ok := words[l]; ok && c != (engawa.Content{}) {
			return c, l
		}
	}
	return engawa.Content{}, ""
}

func tooLong(field string, n int) error {
	return engawa.Invalid(field, "shorten it", "it has %d bytes; a part may have %d", n, MaxPart)
}

func unclosed(field string) error {
	return engawa.Invalid(field, "close it with }} on the same line", "a variable is opened with {{ and not closed")
}

func badName(field, name string) error {
	if utf8.RuneCountInString(name) > 40 {
		name = string([]rune(name)[:40]) + "…"
	}
	return engawa.Invalid(field, "write names joined by dots, such as {{m.name}}; there is no logic in templates", "%q is not the name of a variable", name)
}
