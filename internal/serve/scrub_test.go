package serve

import (
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/relay/scrub"
	"github.com/engawa/engawa/internal/text"
)

// TestScrubWords: each thing that is taken out of an answer has words in every
// language, on one line, in which nothing is found that would be taken out again.
func TestScrubWords(t *testing.T) {
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := &Hub{Words: words}
	known := scrub.Known{Addresses: []string{"a@b.example"}, Names: []string{"田中 花子", "Hana Tanaka"}, Phones: []string{"+819012345678"}, IDs: []string{"M-00001"}}
	for _, l := range engawa.Locales {
		var whats []string
		for _, c := range scrub.Classes() {
			whats = append(whats, string(c))
		}
		for _, w := range scrub.Whys() {
			whats = append(whats, string(w))
		}
		for _, what := range whats {
			said := h.scrubWords(l)(what)
			if strings.HasPrefix(said, "scrub.") || strings.Contains(said, "\n") {
				t.Errorf("%s in %s: %q", what, l, said)
			}
			if again, r := scrub.New(known, h.scrubWords(l)).Text("[" + said + "]"); again != "["+said+"]" {
				t.Errorf("%s in %s becomes %q, %v", what, l, again, r)
			}
		}
	}
}
