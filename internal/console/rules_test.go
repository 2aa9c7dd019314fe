package console

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/text"
)

const rulesFolder = "../../docs/rules"

// speakers are pages in each language.
func speakers(t *testing.T) []Page {
	t.Helper()
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	var ps []Page
	for _, l := range engawa.Locales {
		ps = append(ps, samplePage(w, l, "settings"))
	}
	return ps
}

func packs(t *testing.T) *rule.Set {
	t.Helper()
	s, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRulesHaveWords: of everything that ships, in each language.
func TestRulesHaveWords(t *testing.T) {
	for _, p := range speakers(t) {
		for _, pack := range packs(t).Packs() {
			card := p.packCard(pack)
			said := []string{card.Title, card.Text}
			for _, r := range card.Rules {
				said = append(said, r.Says, r.Covers, r.Mark)
			}
			for _, s := range said {
				if s == "" || strings.Contains(s, "rule.") || strings.Contains(s, "<no value>") || strings.Contains(s, "{{") {
					t.Errorf("%s in %s says %q", pack.Name, p.Locale, s)
				}
			}
		}
	}
}

// TestRulesDocs prints the packs as docs/rules and compares.
func TestRulesDocs(t *testing.T) {
	set, ps := packs(t), speakers(t)
	want := map[string]string{"README.md": rulesIndex(set, ps)}
	for _, pack := range set.Packs() {
		want[pack.Name+".md"] = rulesPage(pack, ps)
	}
	for name, text := range want {
		path := filepath.Join(rulesFolder, name)
		if flag.Lookup("update").Value.String() == "true" {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("docs/rules/%s is not what the pack says (%v): go test ./internal/console -run '^TestRulesDocs$' -update", name, err)
		}
	}
	found, err := os.ReadDir(rulesFolder)
	if err != nil || len(found) != len(want) {
		t.Errorf("%d files in docs/rules, %d packs: %v", len(found), len(want)-1, err)
	}
}

func rulesIndex(set *rule.Set, ps []Page) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Rules of contact\n\nPrinted from internal/rule/data; do not edit. Version %s.\n", set.Version())
	for _, p := range ps {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s\n\n", p.T("nav.own"), p.T("rules.sub"), p.T("rules.unknown"))
		for _, pack := range set.Packs() {
			fmt.Fprintf(&b, "- [%s](%s.md): %s\n", p.packName(pack.Name), pack.Name, p.T("rule.pack."+pack.Name+".text"))
		}
	}
	b.WriteString(`
## How they are put together

- A customer's law is that of every country in which they may be, and for Kakao
  Korea's. Where no country is known, the law of all of them counts, or of those
  that the business names as its markets.
- A rule of the house yields to a law's rule of the same kind. Where the law's pack
  is off, it holds again. What Kakao asks on its own channels stays in any case.
- Quiet hours count on the wall clock of every zone in which the customer may be.
- "Security", "legal notice" and "consent notice" pass even after a withdrawal.
- A rule without dates began before this program could send, and has no end.
- A pack is switched for the whole workspace, on the page "Rules" or with
  ` + "`PUT /v1/rules/{pack}`" + `, with a reason that is kept. The verdict of a message names
  the version and the packs that were off (` + "`-without-us`" + `); old verdicts stay as they are.
- The notices that Korea asks for after a decision (within 14 days) and before two
  years are over are sent by the hub itself (docs/consent.md); KR-13 stops what
  rests on a consent of which the second was not given.
- Before a pack is switched it can be tried on up to 100,000 messages of the last 7,
  30 or 90 days: ` + "`GET /v1/rules/{pack}/trial`" + `. Each is judged again on the facts that
  were kept with it. What a changed verdict frees or uses of a customer's day and of
  quotas is simulated again in order, and what differs by that alone is marked.
- Duties that are not about one message (records, erasure, notices of breach) are
  not here. The product checks; whether you keep the law is for you to judge.
`)
	return b.String()
}

func rulesPage(pack rule.Pack, ps []Page) string {
	var b strings.Builder
	var titles []string
	for _, p := range ps {
		titles = append(titles, p.packName(pack.Name))
	}
	fmt.Fprintf(&b, "# %s\n\nPrinted from internal/rule/data/%s.toml; do not edit.\n", strings.Join(titles, " · "), pack.Name)
	for _, p := range ps {
		card := p.packCard(pack)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", p.T("nav.own"), card.Text)
		if card.Where != "" {
			fmt.Fprintf(&b, "%s: %s\n\n", p.T("rules.where"), card.Where)
		}
		fmt.Fprintf(&b, "| | %s | | %s | %s |\n|---|---|---|---|---|\n", p.T("rules.rule"), p.T("rules.source"), p.T("rules.read"))
		for _, r := range card.Rules {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.ID, r.Says, r.Covers, r.Source, joinDot(r.ReviewedOn, r.Mark))
		}
	}
	b.WriteString("\n## Notes\n\n")
	for _, r := range pack.Rules {
		if r.Note != "" {
			fmt.Fprintf(&b, "- %s: %s\n", r.ID, r.Note)
		}
	}
	return b.String()
}
