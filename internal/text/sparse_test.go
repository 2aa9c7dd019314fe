package text_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/text"
)

// barely is what an event has to say at least, where that is anything.
var barely = map[string]map[string]any{
	"site.maintenance.changed":      {"enabled": true},
	"contract.termination.reserved": {"effective_on": "2026-12-31"},
}

// emptyLabel is a line that names something and does not say it.
var emptyLabel = regexp.MustCompile(`(?m)[:：]\s*$|\(\)|（）|^\s*(?:様|님)`)

// TestSparseNotices: an event that lacks what need not be there has a notice all
// the same, in which nothing stands empty (docs/decisions/0013-members-of-events.md).
func TestSparseNotices(t *testing.T) {
	w := load(t)
	for _, typ := range catalogue.Types() {
		if typ.Kind != catalogue.Business {
			continue
		}
		data := barely[typ.Name]
		if data == nil {
			data = map[string]any{}
		}
		for _, l := range engawa.Locales {
			vars := w.For(l, nil).EventVars(engawa.Event{ID: "evt_1", Type: typ.Name}, data, text.Person{}, "ひなた珈琲")
			got, err := text.Render(w.DefaultTemplate(typ.Name).Words[l], vars, text.EscapeChat)
			if err != nil || strings.TrimSpace(got.Text) == "" {
				t.Errorf("%s, %s: %q %v", typ.Name, l, got.Text, err)
			}
			if emptyLabel.MatchString(got.Text) {
				t.Errorf("%s, %s has something empty:\n%s", typ.Name, l, got.Text)
			}
		}
	}
}
