package main

import (
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/verdict"
)

const (
	barVerdict  = 20 * time.Microsecond // for a recipient, with every pack on
	verdictRuns = 5                     // the best counts: on a machine that others use too, the rest measures them
)

// verdicts measures one verdict with every pack on: an advertisement by mail, at
// noon, to a customer whose country nobody knows, so that every country's rules are
// checked and every zone's night is asked about, with a history of decisions.
func (r *report) verdicts() error {
	rules, err := rule.Load()
	if err != nil {
		return err
	}
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, channel string
	}{{"mail", "mail"}, {"chat", "line"}} {
		f := anyone(tc.channel, at)
		best, n := time.Duration(1<<62), 0
		for range verdictRuns {
			start := time.Now()
			for n = 0; time.Since(start) < lasting/20; n++ {
				if v := verdict.Judge(f, rules, at); v.Outcome == "" || len(v.Gates) != len(engawa.Gates) {
					return fmt.Errorf("a verdict says %q at %d gates", v.Outcome, len(v.Gates))
				}
			}
			best = min(best, time.Since(start)/time.Duration(n))
		}
		r.line("Verdict/"+tc.name, n, figure{float64(best.Nanoseconds()) / 1000, "µs"})
		r.bar(best <= barVerdict, fmt.Sprintf("at most %s for a recipient", barVerdict))
	}
	return nil
}

func anyone(channel string, at time.Time) engawa.Facts {
	f := engawa.Facts{
		Workspace: "ws_1", Account: "acc_1", Channel: channel, Customer: "cus_1", Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic,
		Controller: engawa.ControllerWorkspace, OneClick: true, CreatedAt: at.Add(-time.Minute), ExpiresAt: at.Add(48 * time.Hour),
		Content: engawa.ContentFacts{Subject: "A new season's beans", Text: "The first harvest has arrived, and members may order from today."},
		Sender:  engawa.SenderProfile{Name: "Hinata Coffee", Postal: "Kanazawa", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example"},
		Contact: &engawa.ContactFacts{ID: "cp_1", Verified: true, Serves: true},
		SentDay: 1, OldestDay: at.Add(-time.Hour),
	}
	for i := range 8 {
		f.Consents = append(f.Consents, engawa.ConsentFacts{
			Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Given: i%2 == 1, At: at.AddDate(0, i-9, 0), Wording: "v3", Where: "signup",
		})
	}
	return f
}
