package catalogue_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/text"
)

var update = flag.Bool("update", false, "rewrite docs/events.md")

const page = "../../docs/events.md"

// TestDocs prints the catalogue as docs/events.md and compares.
func TestDocs(t *testing.T) {
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := markdown(t, w)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/events.md is not what the catalogue says (%v): go test ./internal/catalogue -update", err)
	}
}

// TestEventsAreTold: what stands in docs/events.md about a type, and about each
// of its variants, has its name and its notice in every language, what each
// member means in every language, and its sample.
func TestEventsAreTold(t *testing.T) {
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`\\(.)`).ReplaceAllString(strings.ReplaceAll(string(b), "<br>", "\n"), "$1")
	for _, typ := range catalogue.Types() {
		_, part, ok := strings.Cut(said, heading(typ))
		part, _, _ = strings.Cut(part, "\n### ")
		if !ok {
			t.Errorf("docs/events.md does not tell of %s", typ.Name)
		}
		want := []string{"```json\n" + indented(t, typ.Sample)}
		for _, s := range stories(typ) {
			for _, l := range engawa.Locales {
				n := notice(t, w, l, typ, s)
				want = append(want, "| "+w.EventLine(l, s.name, nil)+" |", "| **"+n.Subject+"**\n"+strings.TrimSpace(n.Text)+" |")
			}
		}
		fields := part
		if typ.Kind == catalogue.Store {
			_, fields, _ = strings.Cut(said, "\n## From the App Store\n")
			fields, _, _ = strings.Cut(fields, "\n### ")
		}
		for _, f := range typ.Schema.Fields() {
			key := w.FieldKey(typ.Name, f.Path)
			_, row, _ := strings.Cut(fields, "\n| `"+f.Path+"` | ")
			row, _, _ = strings.Cut(row, "\n")
			if !strings.HasSuffix(row, " | "+w.T(engawa.Japanese, key)+" | "+w.T(engawa.Korean, key)+" | "+w.T(engawa.English, key)+" |") {
				t.Errorf("docs/events.md does not explain %s of %s: %s", f.Path, typ.Name, row)
			}
		}
		for _, text := range want {
			if !strings.Contains(part, text) {
				t.Errorf("docs/events.md on %s lacks\n%s", typ.Name, text)
			}
		}
	}
}

const intro = `# Events

Printed from internal/catalogue; do not edit. ` + "`GET /v1/event-types`" + ` lists the same, with what the workspace added; the console
shows it under Routes, Events.

- A type's first word is its group: a route for ` + "`payment.*`" + ` takes every payment event.
- Data posted to ` + "`POST /v1/events`" + ` is held against the type's schema: a wrong type or a missing required member is 400 with the
  place. Members that are not listed are kept. Every member that is not marked required may be missing, or null.
- Types that nobody listed are taken as they are. To have one checked and named, describe it: ` + "`PUT /v1/event-types/{type}`" + `.
- Amounts are whole numbers of the currency's smallest unit: yen as they are, dollars in cents. Never send a card's number.
- An event is about the customer whom it names: by ` + "`customer`" + `, by the first of its ` + "`identities`" + ` that is known, else by the member number in
  ` + "`m.id`" + ` (issuer ` + "`business`" + `, kind ` + "`member_number`" + `), else by the address in ` + "`m.email`" + ` where one customer alone is there. Who is new is made a
  customer by it, with name and address and without a consent; the address is not proved, unless ` + "`m.email_verified`" + ` says so and the key may
  change customers (` + "`customers:write`" + `). The address of another customer stays the other's, and nobody is merged. News of mails, of a store
  and of a deletion make nobody. [Why](decisions/0015-newcomers.md).
- Put personal data into ` + "`m`" + ` (a mail's address into ` + "`address`" + `): what stands there is masked where staff read it.
- Three ends of a contract are kept apart. **Reserved** (` + "`contract.termination.reserved`" + `): it runs, and its last day is booked.
  **Terminated** (` + "`contract.terminated`" + `): it ran, and is over. **Cancelled** (` + "`contract.cancelled`" + `): it was called off before or
  instead of the sale, perhaps with a refund.
- One cause may raise two events: a failed card is a payment that failed and a contract that is suspended. Both are delivered.
  They are of one cause where both carry the same ` + "`correlation`" + `; where one of them carries none, where they are about the same
  contract and near in time. "One cause with" says which, by what and within what time.
- A notice is what staff are told of the sample below it, until a route has words of your own; its first line is a mail's subject. A
  member's meaning stands in Japanese, Korean and English.
- Opt-in types are kept and shown like the others; nobody expects a notice of them unless a route asks.
- The hub writes ` + "`delivery.*`, `manual_task.*` and `consent.*`" + ` itself, from the moment on at which a route that is switched on names the
  type or its group (` + "`*`" + ` names neither): messages, tasks and customers say the same already. Notices of deliveries and tasks report nothing in
  turn. A consent that waits for its double opt-in is none yet.
`

func markdown(t *testing.T, w *text.Words) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(intro)
	group := ""
	for _, typ := range catalogue.Types() {
		if g := typ.Group(); g != group {
			group = g
			fmt.Fprintf(&b, "\n## %s\n", map[string]string{"general": "General", "application": "Applications", "payment": "Payments", "contract": "Contracts", "store": "From the App Store", "custom": "The hub's own, and its channels'"}[g])
			if typ.Kind == catalogue.Store {
				store(&b, w, typ)
			}
		}
		one(t, &b, w, typ)
	}
	return b.String()
}

// heading begins the part of docs/events.md that is about a type.
func heading(typ catalogue.Type) string { return "\n### `" + typ.Name + "`\n" }

func one(t *testing.T, b *strings.Builder, w *text.Words, typ catalogue.Type) {
	t.Helper()
	b.WriteString(heading(typ) + map[bool]string{true: "\nOpt-in.\n"}[typ.OptIn])
	for i, s := range stories(typ) {
		if i > 0 {
			fmt.Fprintf(b, "\nWith %s:\n", difference(t, typ, typ.Variants[i-1]))
		}
		told(t, b, w, typ, s)
	}
	for _, r := range typ.Related {
		fmt.Fprintf(b, "\nOne cause with `%s`, by `%s`, within %s.\n", r.Type, strings.Join(r.By, "`, else `"), r.Within)
	}
	if typ.Kind != catalogue.Store {
		fields(b, w, typ)
	}
	fmt.Fprintf(b, "\n```json\n%s\n```\n", indented(t, typ.Sample))
}

// story is one thing that the words must tell: a type, or a variant of it, with
// a sample of its data.
type story struct {
	name   string // the words' key
	sample []byte
}

// stories are a type's own and those of its variants.
func stories(typ catalogue.Type) []story {
	all := []story{{typ.Name, typ.Sample}}
	for _, v := range typ.Variants {
		all = append(all, story{typ.Name + "." + v.Name, v.Sample})
	}
	return all
}

// told prints what a type is called and the notice of its sample, the three
// languages beside each other.
func told(t *testing.T, b *strings.Builder, w *text.Words, typ catalogue.Type, s story) {
	t.Helper()
	rows := [3]string{"| |", "| Name |", "| Notice |"}
	for _, l := range engawa.Locales {
		n := notice(t, w, l, typ, s)
		if !w.Knows(s.name) {
			t.Errorf("%s has no words", s.name)
		}
		rows[0] += " " + w.T(l, "locale."+string(l)) + " |"
		rows[1] += " " + cell(w.EventLine(l, s.name, nil)) + " |"
		rows[2] += " **" + cell(n.Subject) + "**<br>" + cell(n.Text) + " |"
	}
	fmt.Fprintf(b, "\n%s\n|---|---|---|---|\n%s\n%s\n", rows[0], rows[1], rows[2])
}

// cell is a text of several lines as Markdown shows it in a table.
func cell(s string) string {
	s = regexp.MustCompile("[\\\\`*<>|\\[\\]]").ReplaceAllString(strings.TrimSpace(s), `\$0`)
	return strings.ReplaceAll(s, "\n", "<br>")
}

// notice is what a place of the staff shows of a type's sample. An amount is what
// the staff looks for first: each that a source may send has its line.
func notice(t *testing.T, w *text.Words, l engawa.Locale, typ catalogue.Type, s story) engawa.Content {
	t.Helper()
	var data map[string]any
	if err := json.Unmarshal(s.sample, &data); err != nil || s.name != typ.Name && s.name != text.Variant(typ.Name, data) {
		t.Errorf("the sample of %s chooses other words (%v)", s.name, err)
	}
	e := engawa.Event{ID: "evt_1", Type: typ.Name, OccurredAt: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC), Data: s.sample}
	got, err := w.For(l, time.FixedZone("JST", 9*60*60)).Notice(w.DefaultTemplate(s.name), e, text.Person{ID: "cus_1", Name: "山田 花"}, "ひなた珈琲")
	if err != nil {
		t.Errorf("%s in %s: %v", s.name, l, err)
	}
	if strings.ContainsAny(got.Subject+got.Text, "{}") || strings.TrimSpace(got.Subject) == "" || !strings.Contains(got.Text, "ref: evt_1") || strings.Contains(got.Text, "hana@") {
		t.Errorf("%s in %s reads\n%s\n%s", s.name, l, got.Subject, got.Text)
	}
	for _, f := range typ.Schema.Fields() {
		if strings.HasPrefix(f.Path, "amount") && !slices.Contains(text.Variables(w.DefaultTemplate(s.name).Words[l]), f.Path) {
			t.Errorf("%s in %s does not tell %s", s.name, l, f.Path)
		}
	}
	return got
}

// difference is the member by which a variant is told from the others.
func difference(t *testing.T, typ catalogue.Type, v catalogue.Variant) string {
	t.Helper()
	switch typ.Name {
	case "application.completed":
		return "`offer.is_one_time`"
	case "site.maintenance.changed":
		return fmt.Sprintf("`enabled` %v", v.Name == "on")
	}
	t.Fatalf("say by what %s %s is told", typ.Name, v.Name)
	return ""
}

func fields(b *strings.Builder, w *text.Words, typ catalogue.Type) {
	b.WriteString("\n| Member | Type | Meaning | | |\n|---|---|---|---|---|\n")
	for _, f := range typ.Schema.Fields() {
		kind := f.Type
		if f.Format != "" {
			kind = f.Format
		}
		if f.Enum != nil {
			kind = strings.Join(f.Enum, ", ")
		}
		if f.Required {
			kind += ", **required**"
		}
		fmt.Fprintf(b, "| `%s` | %s |", f.Path, kind)
		for _, l := range engawa.Locales {
			b.WriteString(" " + cell(w.T(l, w.FieldKey(typ.Name, f.Path))) + " |")
		}
		b.WriteString("\n")
	}
}

func indented(t *testing.T, sample []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, sample, "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// store says what the App Store's types have in common: their data has one schema.
func store(b *strings.Builder, w *text.Words, first catalogue.Type) {
	b.WriteString("\nSigned notifications become these; the hub verifies them, nobody posts them. A type that Apple adds is kept under its own name.\nTheir data:\n")
	fields(b, w, first)
}
