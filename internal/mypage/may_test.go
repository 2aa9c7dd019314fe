package mypage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/verdict"
)

// TestNothingHidden: whatever a customer decided, in whatever order: what a verdict
// lets pass stands on the page as a line with a button, and once every such button
// was pressed nothing passes any more. The same of what a contract needs.
func TestNothingHidden(t *testing.T) {
	rules, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(xs ...string) string { return xs[rnd.IntN(len(xs))] }
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	passed, refused := 0, 0
	for range 3000 {
		var all []engawa.Consent
		for i := range 1 + rnd.IntN(6) {
			all = append(all, engawa.Consent{
				ID: fmt.Sprint("cns_", i), Controller: pick(engawa.ControllerWorkspace, "ptn_1"), App: pick("", "app_1"), Act: engawa.ActContact,
				Purpose: engawa.Purpose(pick("service", "marketing")), Channel: pick("", "mail"), Given: rnd.IntN(2) == 0, At: begin.Add(time.Duration(rnd.IntN(4)) * time.Hour),
			})
		}
		for _, r := range []relation{{engawa.ControllerWorkspace, "app_1"}, {"ptn_1", "app_1"}} {
			rows := senders(all, []relation{r})
			stops := pressAll(rows, r, begin.Add(5*time.Hour))
			for _, p := range []engawa.Purpose{engawa.Service, engawa.Marketing} {
				if !goes(rules, all, r, p) {
					refused++
					continue
				}
				passed++
				shown := slices.ContainsFunc(stops, func(w engawa.Consent) bool { return w.Purpose == p })
				if after := goes(rules, append(slices.Clone(all), stops...), r, p); !shown || after {
					t.Fatalf("%s by %v: on the page %v, passes after every button was pressed %v\n%+v\n%+v", p, r, shown, after, rows, all)
				}
			}
		}
	}
	if passed < 500 || refused < 500 {
		t.Errorf("%d passed, %d refused: the cases hold nothing", passed, refused)
	}
}

// pressAll are the withdrawals of every button that bears on a sender and an app.
func pressAll(rows []Sender, r relation, at time.Time) (stops []engawa.Consent) {
	for _, s := range rows {
		if s.Controller != r.Controller || s.App != "" && s.App != r.App {
			continue
		}
		for _, l := range s.Lines {
			if l.Stands {
				w := stopOf(l.Consent)
				w.At = at
				stops = append(stops, w)
			}
		}
		if !s.Stopped {
			stops = append(stops, engawa.Consent{Controller: s.Controller, App: s.App, Act: engawa.ActContact, Purpose: engawa.Service, At: at})
		}
	}
	return stops
}

func goes(rules *rule.Set, all []engawa.Consent, r relation, p engawa.Purpose) bool {
	f := engawa.Facts{
		Workspace: "ws", Account: "acc", Channel: "mail", Customer: "cus", Purpose: p, Trigger: engawa.ByUser, App: r.App, Controller: r.Controller,
	}
	for _, c := range all {
		f.Consents = append(f.Consents, engawa.ConsentFacts{Controller: c.Controller, App: c.App, Act: c.Act, Purpose: c.Purpose, Channel: c.Channel, Topic: c.Topic, Given: c.Given, At: c.At})
	}
	v := verdict.Judge(f, rules, time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC))
	for _, g := range v.Gates {
		if g.Gate == engawa.GateConsent {
			return g.Outcome == engawa.Send
		}
	}
	return false
}
