// Package verdict judges whether a message may be said: eight gates over plain
// facts, under a dated set of rules, at an instant. It is pure: the same facts,
// rules and instant give the same verdict years later. It alone can make a
// Cleared, without which no channel sends.
package verdict

import (
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// Judge answers all eight gates, in order. The outcome is the strictest of
// them; Decided is the first gate that refuses, else the first that holds;
// Until is the latest of the holds and always after at; the obligations are
// the union. Every gate has a reason, also where it passes.
//
// It fails closed: a nil set of rules refuses everything, and so do facts that
// do not say who writes to whom.
func Judge(f engawa.Facts, rules *rule.Set, at time.Time) engawa.Verdict {
	return open(f, rules, at).verdict()
}

// Bearing returns the rules that bear on a message: those of where its recipient is
// or, where nobody knows that, of everywhere that it may be.
func Bearing(f engawa.Facts, rules *rule.Set, at time.Time) rule.Rules {
	return open(f, rules, at).rules
}

// judgement is one verdict in the making.
type judgement struct {
	engawa.Facts
	set      *rule.Set
	at       time.Time
	purpose  engawa.Purpose // as it is judged: words can tighten it, nothing loosens it
	anywhere bool           // the customer's country is not known: those of Country may be it or, if it is empty, any
	rules    rule.Rules     // that bear on it
	owed     []engawa.Obligation
}

func open(f engawa.Facts, set *rule.Set, at time.Time) *judgement {
	j := &judgement{Facts: f, set: set, at: at, purpose: purpose(f)}
	if len(f.Country) == 0 {
		j.Country, j.anywhere = f.House.Markets, !f.ToDestination
	} else {
		j.set = set.Without(f.House.PacksOff) // whose country nobody knows keeps the strictest
	}
	j.rules = j.set.At(at, f.Channel, j.purpose, j.Country)
	return j
}

// purpose is what the message is judged as. What is unknown counts as
// marketing, and so does what advertises to a customer, whatever it is called.
func purpose(f engawa.Facts) engawa.Purpose {
	if f.Content.Promotional && !f.ToDestination || f.Purpose.Class() == engawa.Marketing {
		return engawa.Marketing
	}
	return f.Purpose
}

func (j *judgement) verdict() engawa.Verdict {
	v := engawa.Verdict{
		Account: j.Account, Channel: j.Channel, Outcome: engawa.Send,
		RuleSet: j.set.Version(), At: j.at, Gates: make([]engawa.GateResult, 0, len(engawa.Gates)),
	}
	judges := [len(engawa.Gates)]func(*judgement) *answer{
		grant, recipient, relationship, consent, disclosure, rules, suppression, budget,
	}
	for i, judge := range judges {
		r := judge(j).result(engawa.Gates[i])
		if stricter(r.Outcome, v.Outcome) {
			v.Outcome, v.Decided = r.Outcome, r.Gate
		}
		if r.Until.After(v.Until) {
			v.Until = r.Until
		}
		v.Gates = append(v.Gates, r)
	}
	if v.Outcome != engawa.Hold {
		v.Until = time.Time{}
	}
	v.Obligations = j.owed
	return v
}

// owe adds an obligation. Each rule is met once, and its id is in what it obliges.
func (j *judgement) owe(o engawa.Obligation) { j.owed = append(j.owed, o) }

// final reports whether the words will not be rendered again.
func (j *judgement) final() bool { return j.Final || len(j.Applied) > 0 }

// stricter: what refuses, then what holds.
func stricter(a, b engawa.Outcome) bool {
	return a == engawa.Refuse && b != engawa.Refuse || a == engawa.Hold && b == engawa.Send
}

// answer collects what one gate finds.
type answer struct {
	refusals, holds, passes []engawa.Reason
	until                   time.Time
}

func (a *answer) refuse(code string, r *rule.Rule, args ...string) {
	a.refusals = append(a.refusals, reason(code, r, args))
}

func (a *answer) hold(until time.Time, code string, r *rule.Rule, args ...string) {
	args = append(args, "until", stamp(until))
	a.holds = append(a.holds, reason(code, r, args))
	if until.After(a.until) {
		a.until = until.UTC()
	}
}

func (a *answer) pass(code string, r *rule.Rule, args ...string) *answer {
	a.passes = append(a.passes, reason(code, r, args))
	return a
}

// result lists the strictest reasons first.
func (a *answer) result(g engawa.Gate) engawa.GateResult {
	r := engawa.GateResult{Gate: g, Outcome: engawa.Send, Reasons: a.passes}
	switch {
	case a.refusals != nil:
		r.Outcome, r.Reasons = engawa.Refuse, slices.Concat(a.refusals, a.holds, a.passes)
	case a.holds != nil:
		r.Outcome, r.Reasons, r.Until = engawa.Hold, slices.Concat(a.holds, a.passes), a.until
	}
	for i := range r.Reasons {
		r.Reasons[i].Gate = g
	}
	return r
}

// silent reports whether the gate has found nothing yet.
func (a *answer) silent() bool { return a.refusals == nil && a.holds == nil && a.passes == nil }

// reason fills a Reason. The rule is nil where the product itself decides; args are pairs of a name and a value.
func reason(code string, r *rule.Rule, args []string) engawa.Reason {
	out := engawa.Reason{Code: code}
	if r != nil {
		out.Rule, out.Source = r.ID, r.Source
	}
	if args != nil {
		out.Args = map[string]string{}
	}
	for i := 0; i < len(args); i += 2 {
		out.Args[args[i]] = args[i+1]
	}
	return out
}

// stamp writes an instant to the second in the offset it carries, rounded up:
// what is open "from 08:00:00" must not be named earlier.
func stamp(t time.Time) string {
	if r := t.Truncate(time.Second); r.Before(t) {
		t = r.Add(time.Second)
	}
	return t.Format(time.RFC3339)
}
