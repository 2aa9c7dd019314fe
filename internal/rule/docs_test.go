package rule

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

var update = flag.Bool("update", false, "rewrite docs/rules.md")

const page = "../../docs/rules.md"

// TestDocs prints the rules as docs/rules.md and compares.
func TestDocs(t *testing.T) {
	want := markdown(load(t))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/rules.md is not what the rules say (%v): go test ./internal/rule -update", err)
	}
}

func markdown(s *Set) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Rules of contact

Printed from internal/rule/data; do not edit. Version %s.

These rules decide what the rules, consent, disclosure and suppression gates of
a verdict say. They are a reading of the law, not legal advice. Duties that are
not about one message (records, erasure, notices of breach) are not here.

- A customer's law is that of every country in which they may be, and for Kakao
  Korea's. Where no country is known, the law of all of them counts, or of those
  that the business names as its markets.
- A rule of the house yields to a law's rule of the same kind.
- Quiet hours count on the wall clock of every zone in which the customer may be.
- "Security and law" are the purposes that pass even after a withdrawal:
  security, legal notice and consent administration.
- A rule without dates began before this program could send, and has no end.
- Mark: **P** the primary text was read, **S** a secondary page, **M** from memory,
  **?** contested, **policy** our own.
`, s.Version())
	var last string
	for _, r := range s.All() {
		if r.Jurisdiction != last {
			last = r.Jurisdiction
			fmt.Fprintf(&b, "\n## %s\n\n| Id | Says | Channels | Purposes | In force | Source | Reviewed | Mark | Note |\n|---|---|---|---|---|---|---|---|---|\n", title(last))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			r.ID, says(r), channels(r), purposes(r.Purposes), inForce(r), r.Source, r.ReviewedOn, r.Mark, r.Note)
	}
	return b.String()
}

func title(jurisdiction string) string {
	return map[string]string{
		"jp": "Japan", "kr": "Korea and Kakao", "eu": "European Economic Area", "us": "United States", House: "Everywhere",
	}[jurisdiction]
}

func says(r Rule) string {
	switch b := r.Body.(type) {
	case OptIn:
		return "consent first"
	case OptOut:
		return "a refusal stops it at once"
	case DoubleOptIn:
		return "consent counts when confirmed"
	case OneClick:
		return "one-click unsubscribe"
	case InformationalOnly:
		return "none of these"
	case AutomationDisclosure:
		return "automatic messages are announced"
	case QuietHours:
		return quiet(b)
	case SubjectLabel:
		return "subject begins with `" + b.Text + "`"
	case BodyLabel:
		return "text begins with `" + b.Text + "` and the sender's name"
	case SenderDetails:
		return "shows sender's " + strings.Join(b.Require, ", ") + " and how to refuse"
	case Reminder:
		return fmt.Sprintf("consent confirmed to the customer every %d years", b.Years)
	case FrequencyCap:
		return fmt.Sprintf("at most %d a day, %d of one sender", b.PerDay, b.PerSender)
	case MinorGuardian:
		return fmt.Sprintf("under %d with a guardian's consent", b.Age)
	case MaxAge:
		return fmt.Sprintf("no older than %d hours", b.Hours)
	case ClockStep:
		return fmt.Sprintf("not from over %d s ahead of the clock", b.ToleranceSeconds)
	case Suppression:
		return fmt.Sprintf("stops: %s everything; %s all but security and law; %s marketing",
			strings.Join(b.All, ", "), strings.Join(b.Optional, ", "), strings.Join(b.Marketing, ", "))
	}
	return ""
}

func quiet(q QuietHours) string {
	s := fmt.Sprintf("quiet %s–%s", q.From, q.To)
	if q.LeadMinutes > 0 {
		s += fmt.Sprintf(", %d min before too", q.LeadMinutes)
	}
	if q.Unless != "" {
		s += ", unless " + string(q.Unless) + " was consented to"
	}
	if q.Switch != "" {
		s += ", where " + q.Switch + " is on"
	}
	return s
}

func channels(r Rule) string {
	s := strings.ReplaceAll(strings.Join(r.Channels, ", "), "*", "all")
	if len(r.Except) > 0 {
		s += " but " + strings.Join(r.Except, ", ")
	}
	return s
}

func purposes(ps []engawa.Purpose) string {
	var out []string
	for _, p := range ps {
		name := string(p)
		if p.Mandatory() {
			name = "security and law"
		}
		if len(out) == 0 || out[len(out)-1] != name {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

func inForce(r Rule) string {
	if r.From.IsZero() && r.To.IsZero() {
		return "always"
	}
	s := ""
	if !r.From.IsZero() {
		s = "from " + r.From.Format(time.DateOnly)
	}
	if !r.To.IsZero() {
		s += " until before " + r.To.Format(time.DateOnly)
	}
	return strings.TrimSpace(s)
}

// TestSays: no kind is left out of the page.
func TestSays(t *testing.T) {
	for _, r := range load(t).All() {
		if says(r) == "" || title(r.Jurisdiction) == "" {
			t.Errorf("nothing to say of %s (%s)", r.ID, r.Kind)
		}
	}
}
