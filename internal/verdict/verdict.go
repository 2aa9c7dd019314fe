// Package verdict judges whether a message may be said.
package verdict

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// Judge answers the eight gates.
func Judge(f engawa.Facts, rules *rule.Set, at time.Time) engawa.Verdict {
	v := engawa.Verdict{Account: f.Account, Channel: f.Channel, Outcome: engawa.Send, At: at}
	complete := rules != nil && f.Workspace != "" && f.Account != "" && f.Channel != "" &&
		(f.ToDestination || f.Customer != "" && f.Contact != nil && f.Contact.Verified)
	for _, g := range engawa.Gates {
		r := engawa.GateResult{Gate: g, Outcome: engawa.Send, Reasons: []engawa.Reason{{Gate: g, Code: string(g) + ".passes"}}}
		if !complete || f.Stopped || len(f.Suppressions) > 0 {
			r.Outcome = engawa.Refuse
			v.Outcome = engawa.Refuse
			v.Decided = engawa.Gates[0]
		}
		v.Gates = append(v.Gates, r)
	}
	if !f.ToDestination && f.Purpose.Class() != engawa.Service && len(f.Consents) == 0 {
		v.Outcome, v.Decided = engawa.Refuse, engawa.GateConsent
	}
	return v
}
