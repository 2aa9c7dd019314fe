package catalogue_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

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

const intro = `# Events

Printed from internal/catalogue; do not edit. ` + "`GET /v1/event-types`" + ` lists the same, with what the workspace added; the console
shows it under Routes, Events.

- A type's first word is its group: a route for ` + "`payment.*`" + ` takes every payment event.
- Data posted to ` + "`POST /v1/events`" + ` is held against the type's schema: a wrong type or a missing required member is 400 with the
  place. Members that are not listed are kept. Every member that is not marked required may be missing, or null.
- Types that nobody listed are taken as they are. To have one checked and named, describe it: ` + "`PUT /v1/event-types/{type}`" + `.
- Amounts are whole numbers of the currency's smallest unit: yen as they are, dollars in cents. Never send a card's number.
- Put personal data into ` + "`m`" + ` (a mail's address into ` + "`address`" + `): what stands there is masked where staff read it.
- Three ends of a contract are kept apart. **Reserved** (` + "`contract.termination.reserved`" + `): it runs, and its last day is booked.
  **Terminated** (` + "`contract.terminated`" + `): it ran, and is over. **Cancelled** (` + "`contract.cancelled`" + `): it was called off before or
  instead of the sale, perhaps with a refund.
- One cause may raise two events: a failed card is a payment that failed and a contract that is suspended. Both are delivered.
  They are of one cause where both carry the same ` + "`correlation`" + `; where one of them carries none, where they are about the same
  contract and near in time. "One cause with" says which, by what and within what time.
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
		if typ.Kind == catalogue.Store {
			continue
		}
		if g := typ.Group(); g != group {
			group = g
			fmt.Fprintf(&b, "\n## %s\n", map[string]string{"general": "General", "application": "Applications", "payment": "Payments", "contract": "Contracts", "custom": "The hub's own, and its channels'"}[g])
		}
		one(t, &b, w, typ)
	}
	store(t, &b, w)
	return b.String()
}

func one(t *testing.T, b *strings.Builder, w *text.Words, typ catalogue.Type) {
	t.Helper()
	fmt.Fprintf(b, "\n### `%s`\n\n%s.%s\n", typ.Name, w.EventLine(engawa.English, typ.Name, nil), map[bool]string{true: " Opt-in."}[typ.OptIn])
	for _, v := range typ.Variants {
		fmt.Fprintf(b, "With %s: %s.\n", difference(t, typ, v), w.EventLine(engawa.English, typ.Name+"."+v.Name, nil))
	}
	for _, r := range typ.Related {
		fmt.Fprintf(b, "One cause with `%s`, by `%s`, within %s.\n", r.Type, strings.Join(r.By, "`, else `"), r.Within)
	}
	fields(b, w, typ)
	fmt.Fprintf(b, "\n```json\n%s\n```\n", indented(t, typ.Sample))
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
	b.WriteString("\n| Member | Type | Meaning |\n|---|---|---|\n")
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
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Path, kind, w.T(engawa.English, w.FieldKey(typ.Name, f.Path)))
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

// store lists the App Store's types: their data has one schema.
func store(t *testing.T, b *strings.Builder, w *text.Words) {
	t.Helper()
	b.WriteString("\n## From the App Store\n\nSigned notifications become these; the hub verifies them, nobody posts them. A type that Apple adds is kept under its own name.\n\n| Type | Says |\n|---|---|\n")
	var last catalogue.Type
	for _, typ := range catalogue.Types() {
		if typ.Kind == catalogue.Store {
			fmt.Fprintf(b, "| `%s` | %s |\n", typ.Name, w.EventLine(engawa.English, typ.Name, nil))
			last = typ
		}
	}
	b.WriteString("\nTheir data:\n")
	fields(b, w, last)
}
