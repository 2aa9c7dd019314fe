package builtin

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/text"
)

var update = flag.Bool("update", false, "write docs/channels anew")

// mark is where the generated part of a page begins. What is above it is
// written by hand.
const mark = "<!-- From here on generated from the code: make generate. -->\n"

var picture = regexp.MustCompile(`!\[[^\]]+\]\(\.\./screens/([^)]+\.png)\)`)

// TestPages: docs/channels has a page for every kind, with a picture of a screen,
// which says what the code says of its settings, limits and answers.
func TestPages(t *testing.T) {
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		path := filepath.Join("..", "..", "..", "docs", "channels", k.Name+".md")
		kept, err := os.ReadFile(path)
		if err != nil && !(*update && errors.Is(err, fs.ErrNotExist)) {
			t.Fatal(err)
		}
		byHand, _, _ := bytes.Cut(kept, []byte(mark))
		if len(byHand) == 0 {
			byHand = []byte("# " + words.T(engawa.English, "kind."+k.Name) + "\n\n")
		}
		if !bytes.HasSuffix(byHand, []byte("\n\n")) {
			t.Errorf("docs/channels/%s.md has no blank line before what the code prints", k.Name)
		}
		for _, f := range k.Fields { // such a table would say it a second time, and the code does not keep it true
			if bytes.Contains(byHand, []byte("\n| `"+f.Key+"`")) {
				t.Errorf("docs/channels/%s.md has a table by hand that speaks of %s", k.Name, f.Key)
			}
		}
		for _, heading := range [][]byte{[]byte("\n## Settings\n"), []byte("\n## Limits\n"), []byte("\n## Answers\n"), []byte("\n## Events\n")} {
			if bytes.Contains(byHand, heading) {
				t.Errorf("docs/channels/%s.md has by hand what the code prints:%s", k.Name, heading)
			}
		}
		pictures := picture.FindAllSubmatch(byHand, -1)
		if len(pictures) == 0 {
			t.Errorf("docs/channels/%s.md shows no screen", k.Name)
		}
		for _, p := range pictures {
			if _, err := os.Stat(filepath.Join("..", "..", "..", "docs", "screens", string(p[1]))); err != nil {
				t.Error(err)
			}
		}
		page := slices.Concat(byHand, []byte(mark), describe(k, words))
		if *update {
			if err := os.WriteFile(path, page, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if !bytes.Equal(page, kept) {
			t.Errorf("docs/channels/%s.md is not what the code says: run make generate", k.Name)
		}
	}
}

// describe is the generated part of a kind's page.
func describe(k channel.Kind, w *text.Words) []byte {
	var b bytes.Buffer
	b.WriteString("\n## Settings\n\n| Key | In the form (en / ja / ko) | Takes | |\n|---|---|---|---|\n")
	for _, f := range k.Fields {
		key := "kind." + k.Name + "." + f.Key
		var labels []string
		for _, l := range []engawa.Locale{engawa.English, engawa.Japanese, engawa.Korean} {
			labels = append(labels, w.T(l, key))
		}
		help := ""
		if w.Has(key + ".help") {
			help = w.T(engawa.English, key+".help")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Key, strings.Join(labels, " / "), takes(k, f), help)
	}
	b.Write(told(k, w))
	if k.New == nil {
		return b.Bytes()
	}
	fmt.Fprintf(&b, "\n## Whom it reaches\n\n%s\n", reaches(k))
	if k.Form != nil {
		b.WriteString("\n## Events\n\n| Event | In words | What becomes of it |\n|---|---|---|\n")
		for _, e := range k.Form.Registers {
			fmt.Fprintf(&b, "| `%s` | %s | the customer is registered |\n", e, w.EventLine(engawa.English, e, nil))
		}
		for _, e := range k.Form.Asks {
			fmt.Fprintf(&b, "| `%s` | %s | a task asks a person |\n", e, w.EventLine(engawa.English, e, nil))
		}
	}
	b.WriteString("\n## Limits\n\n")
	limits := []channel.Limit{}
	if k.Limits != nil {
		limits = k.Limits(defaults(k))
	}
	for _, l := range limits {
		fmt.Fprintf(&b, "- %s\n", limit(l, w))
	}
	if len(limits) == 0 {
		b.WriteString("None that the code knows of.\n")
	}
	fmt.Fprintf(&b, "\n## Never twice\n\n%s\n", never(k))
	if k.Answers != nil {
		b.WriteString("\n## Answers\n\nWhere the provider's words do not say more:\n\n| Code | What becomes of the delivery |\n|---|---|\n")
		for _, row := range answers(k.Answers) {
			b.WriteString(row)
		}
	}
	return b.Bytes()
}

// told is what stands beside a field whose value cannot be used.
func told(k channel.Kind, w *text.Words) []byte {
	var b bytes.Buffer
	for _, f := range k.Fields {
		for _, what := range []string{".wrong", ".unknown"} {
			if key := "kind." + k.Name + "." + f.Key + what; w.Has(key) {
				fmt.Fprintf(&b, "| `%s` | %s |\n", f.Key, w.T(engawa.English, key, "part", "…"))
			}
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return slices.Concat([]byte("\n## What is told beside a field\n\n| Key | When its value cannot be used |\n|---|---|\n"), b.Bytes())
}

func defaults(k channel.Kind) channel.Settings {
	s := channel.Settings{}
	for _, f := range k.Fields {
		s[f.Key] = f.Default
	}
	return s
}

func takes(k channel.Kind, f channel.Field) string {
	s := map[channel.FieldType]string{
		channel.Text: "text", channel.SecretField: "secret, never shown again", channel.Number: "whole number", channel.Bool: "yes or no", channel.URL: "URL",
		channel.Host: "host or host:port", channel.Mail: "mail address", channel.PEM: "PEM, never shown again", channel.Lines: "lines", channel.Pick: "one of what the provider has, by its id", channel.OfApp: "an app of the workspace, by its id", channel.Input: "an input of the form, by its name", channel.Own: "kept by a page of its own",
		channel.Choice: "`" + strings.Join(f.Choices, "`, `") + "`",
	}[f.Type]
	switch {
	case f.Default != "":
		s += "; `" + f.Default + "` if empty"
	case f.Required:
		s += "; required"
	}
	if k.Form != nil && slices.Contains(k.Form.Fields, f.Key) && f.Type != channel.Own {
		s += "; chosen on the form's page"
	}
	return s
}

func reaches(k channel.Kind) string {
	var out []string
	if k.ToCustomers {
		out = append(out, "customers, at their contact points of this kind")
	}
	if k.ToStaff {
		out = append(out, "staff, as a destination")
	}
	s := "It reaches " + strings.Join(out, ", and ") + "."
	if k.Relationship != "" {
		s += " The recipient must be a " + k.Relationship + "."
	}
	if k.Disclosure {
		s += " Automatic messages must have been announced to customers."
	}
	if k.Tells {
		s += " A notice about a customer takes the customer's name and mail address with it, on an account of the business's own."
	}
	return s
}

func limit(l channel.Limit, w *text.Words) string {
	s := fmt.Sprintf("%s: %d in %s", w.T(engawa.English, "scope."+l.Scope), l.N, long(l.Per))
	if l.Month != nil {
		return fmt.Sprintf("%s: %d in a calendar month there, by whoever uses the account; the provider's word counts", w.T(engawa.English, "scope."+l.Scope), l.N)
	}
	if l.ByTo {
		s += ", for each recipient"
	}
	if l.Exact {
		return s + ", in any window of this length"
	}
	return s + ", at a steady rate"
}

func long(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return d.String()
}

// never says how a kind keeps from sending twice.
func never(k channel.Kind) string {
	r := k.Retry
	switch {
	case k.Form != nil:
		return "A hand-over whose outcome is unknown does not go again by itself: a task for each message asks a person to look, with what to type."
	case r.KeyLife > 0 && r.Lookup:
		return fmt.Sprintf("A hand-over whose outcome is unknown goes again with the same key for %s; after that the provider is asked first whether it arrived.", long(r.KeyLife))
	case r.KeyLife > 0:
		return fmt.Sprintf("A hand-over whose outcome is unknown goes again with the same key for %s; after that a task asks a person.", long(r.KeyLife))
	case r.Lookup:
		return "A hand-over whose outcome is unknown is looked for at the provider before it goes again."
	}
	return "A hand-over whose outcome is unknown does not go again by itself: a task asks a person."
}

// becomes says what each class means.
var becomes = map[channel.Class]string{
	channel.Again:         "tried again later, not before the provider's Retry-After",
	channel.Rejected:      "failed for good; the next account of the route takes over",
	channel.AddressGone:   "failed for good, and the address is not written to again",
	channel.AccountClosed: "the lane pauses and a task asks a person; the delivery waits",
	channel.Ambiguous:     "it may have arrived: see above",
}

// answers groups the codes from 300 to 599 by what they mean: runs are ranges.
func answers(of func(int) channel.Class) (rows []string) {
	runs := map[channel.Class][]string{}
	order := []channel.Class{}
	for from := 300; from < 600; {
		to, class := from, of(from)
		for to+1 < 600 && of(to+1) == class {
			to++
		}
		run := fmt.Sprint(from)
		if to > from {
			run = fmt.Sprintf("%d–%d", from, to)
		}
		if !slices.Contains(order, class) {
			order = append(order, class)
		}
		runs[class] = append(runs[class], run)
		from = to + 1
	}
	for _, class := range order {
		rows = append(rows, fmt.Sprintf("| %s | %s |\n", strings.Join(runs[class], ", "), becomes[class]))
	}
	return rows
}
