package text_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

var update = flag.Bool("update", false, "write the kinds of tasks in docs/tasks.md anew")

// TestEveryNoticeIsOfTheCatalogue: words that no type of the catalogue uses, nor
// any as its family, tell of nothing.
func TestEveryNoticeIsOfTheCatalogue(t *testing.T) {
	used := map[string]bool{}
	var told []string
	for _, t := range catalogue.Types() {
		told = append(told, t.Name)
		for _, v := range t.Variants {
			told = append(told, t.Name+"."+v.Name)
		}
	}
	for _, name := range told {
		for ; name != ""; name = name[:max(0, strings.LastIndexByte(name, '.'))] {
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
