package console

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// TestNotes: why a delivery stands where it stands is said in words, in every
// language, and never by a code alone.
func TestNotes(t *testing.T) {
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, l := range engawa.Locales {
		p := Page{Viewer: words.For(l, time.UTC)}
		for _, note := range []string{
			"deadline", "window", "unreachable", "timeout", "broken", "look_up", "no_look_up", "unknown", "not_sent", "canceled", "fell_back",
			"403", "429", "503", "550 5.1.1", "401 invalid_token", "rules", "consent",
		} {
			got := p.noteWords(note)
			if other, twice := said[got]; got == note || len(got) < 2*len(note) && !strings.Contains(got, note) || twice {
				t.Errorf("%s: %q is said as %q, as is %q", l, note, got, other)
			}
			said[got] = note
		}
	}
}
