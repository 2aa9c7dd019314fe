package text_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/text"
)

var update = flag.Bool("update", false, "write testdata/notices and the kinds of tasks in docs/tasks.md anew")

// story is one thing that the words must tell: a type, or a variant of it, with
// a sample of its data.
type story struct {
	name   string // the words' key
	typ    catalogue.Type
	sample []byte
}

func stories() (all []story) {
	for _, t := range catalogue.Types() {
		all = append(all, story{t.Name, t, t.Sample})
		for _, v := range t.Variants {
			all = append(all, story{t.Name + "." + v.Name, t, v.Sample})
		}
	}
	return all
}

// notice renders the notice to staff as a place of theirs shows it.
func (s story) notice(t *testing.T, w *text.Words, l engawa.Locale) engawa.Content {
	t.Helper()
	var data map[string]any
	if err := json.Unmarshal(s.sample, &data); err != nil {
		t.Fatal(s.name, err)
	}
	zone := time.FixedZone("JST", 9*60*60)
	viewer := w.For(l, zone)
	e := engawa.Event{ID: "evt_1", Type: s.typ.Name, OccurredAt: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	vars := viewer.EventVars(e, text.Veil(data), text.Person{ID: "cus_1", Name: "山田 花"}, "ひなた珈琲")
	got, err := text.Render(w.DefaultTemplate(text.Variant(e.Type, data)).Words[l], vars, text.EscapeChat)
	if err != nil {
		t.Errorf("%s in %s: %v", s.name, l, err)
	}
	if want := w.DefaultTemplate(s.name).Words[l]; s.name != s.typ.Name && want != w.DefaultTemplate(text.Variant(e.Type, data)).Words[l] {
		t.Errorf("the sample of %s chooses other words", s.name)
	}
	return got
}

// TestNoticesOfCatalogue prints the notice of every type of the catalogue, with
// its sample, in each language.
func TestNoticesOfCatalogue(t *testing.T) {
	w := load(t)
	for _, l := range engawa.Locales {
		var b bytes.Buffer
		for _, s := range stories() {
			if !w.Knows(s.name) {
				t.Errorf("%s has no words", s.name)
			}
			n := s.notice(t, w, l)
			if strings.ContainsAny(n.Subject+n.Text, "{}") || strings.TrimSpace(n.Subject) == "" || !strings.Contains(n.Text, "ref: evt_1") || strings.Contains(n.Text, "hana@") {
				t.Errorf("%s in %s reads\n%s\n%s", s.name, l, n.Subject, n.Text)
			}
			fmt.Fprintf(&b, "== %s\n%s\n--\n%s\n", s.name, n.Subject, n.Text)
		}
		path := filepath.Join("testdata", "notices", string(l)+".txt")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, b.Bytes()) {
			t.Errorf("the notices in %s are not as in %s (%v): read them and run go test ./internal/text -update", l, path, err)
		}
	}
}

// TestEveryNoticeIsOfTheCatalogue: words that no type of the catalogue uses, nor
// any as its family, tell of nothing.
func TestEveryNoticeIsOfTheCatalogue(t *testing.T) {
	used := map[string]bool{}
	for _, s := range stories() {
		for name := s.name; name != ""; name = name[:max(0, strings.LastIndexByte(name, '.'))] {
			used[name] = true
		}
	}
	for _, typ := range load(t).EventTypes() {
		if !used[typ] {
			t.Errorf("%s has words and is not in the catalogue", typ)
		}
	}
}

// TestFieldsHaveWords: every member of every type's data is explained.
func TestFieldsHaveWords(t *testing.T) {
	w, used := load(t), map[string]bool{}
	for _, typ := range catalogue.Types() {
		for _, f := range typ.Schema.Fields() {
			key := w.FieldKey(typ.Name, f.Path)
			if !w.Has(key) {
				t.Errorf("%s of %s is not explained", f.Path, typ.Name)
			}
			used[key] = true
		}
	}
	for _, key := range w.Keys(engawa.English) {
		if strings.HasPrefix(key, "field.") && !used[key] {
			t.Errorf("%s explains a member that no type has", key)
		}
	}
}

// TestCodesHaveWords: a code that a schema lists is shown in words.
func TestCodesHaveWords(t *testing.T) {
	w := load(t)
	for _, typ := range catalogue.Types() {
		for _, f := range typ.Schema.Fields() {
			for _, code := range f.Enum {
				if got := w.For(engawa.Japanese, nil).Show(map[string]any{f.Path: code})[f.Path]; got == code {
					t.Errorf("%s of %s has no words for %q", f.Path, typ.Name, code)
				}
			}
		}
	}
}
