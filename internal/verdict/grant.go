package verdict

import (
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// ScopeSend is the scope without which a grant sends nothing.
const ScopeSend = "messages:send"

// grant asks whether this sender may do this here, now. The workspace needs no
// grant for itself; a partner is nobody without one. A grant that was ended is
// ended at once, whatever the clocks say.
func grant(j *judgement) *answer {
	var a answer
	if missing := j.missing(); len(missing) > 0 {
		a.refuse(grantIncomplete, nil, "missing", strings.Join(missing, ", "))
	}
	g := j.Grant
	switch {
	case g != nil:
		j.judgeGrant(g, &a)
	case j.Controller == engawa.ControllerWorkspace || j.Controller == "" && j.ToDestination:
		if a.silent() {
			a.pass(grantWorkspace, nil)
		}
	default:
		a.refuse(grantNone, nil)
	}
	return &a
}

func (j *judgement) judgeGrant(g *engawa.GrantFacts, a *answer) {
	switch {
	case !g.EndedAt.IsZero():
		a.refuse(grantEnded, nil, "at", stamp(g.EndedAt))
	case !g.EndsAt.IsZero() && !j.at.Before(g.EndsAt):
		a.refuse(grantEnded, nil, "at", stamp(g.EndsAt))
	case j.at.Before(g.StartsAt):
		a.refuse(grantNotStarted, nil, "at", stamp(g.StartsAt))
	}
	if !allows(g.Scopes, ScopeSend) {
		a.refuse(grantScope, nil, "scope", ScopeSend)
	}
	if !allows(g.Apps, j.App) {
		a.refuse(grantApp, nil, "app", j.App)
	}
	if !allows(g.Channels, j.Channel) {
		a.refuse(grantChannel, nil, "channel", j.Channel)
	}
	// Exactly: a grant for service does not open its sub-kinds, which pass
	// even after a withdrawal.
	if !allows(g.Purposes, j.purpose) {
		a.refuse(grantPurpose, nil, "purpose", string(j.purpose))
	}
	if a.silent() {
		a.pass(grantAllowed, nil, "grant", g.ID)
	}
}

// allows reports whether a list of a grant names one. The empty list allows nothing.
func allows[T ~string](list []T, one T) bool {
	return slices.Contains(list, one) || slices.Contains(list, "*")
}

// missing names the facts without which there is nothing to judge.
func (j *judgement) missing() []string {
	var out []string
	for _, f := range []struct {
		name  string
		there bool
	}{
		{"workspace", j.Workspace != ""},
		{"account", j.Account != ""},
		{"channel", j.Channel != ""},
		{"recipient", j.ToDestination != (j.Customer != "" || j.Nobody)},
		{"controller", j.ToDestination || j.Controller != ""},
		{"time", !j.at.IsZero()},
	} {
		if !f.there {
			out = append(out, f.name)
		}
	}
	return out
}

// budget asks whether the provider and the grant leave room: later, not never.
func budget(j *judgement) *answer {
	var a answer
	for _, b := range j.Budgets {
		if b.Remaining < 1 && (b.ResetsAt.IsZero() || b.ResetsAt.After(j.at)) {
			a.hold(j.later(b.ResetsAt), budgetSpent, nil, "scope", b.Scope)
		}
	}
	if g := j.Grant; g != nil {
		if g.QuotaDay > 0 && g.UsedDay >= g.QuotaDay {
			a.hold(j.later(g.DayEnds), budgetGrantDay, nil, "quota", number(g.QuotaDay))
		}
		if g.QuotaMon > 0 && g.UsedMonth >= g.QuotaMon {
			a.hold(j.later(g.MonthEnds), budgetGrantMonth, nil, "quota", number(g.QuotaMon))
		}
	}
	j.judgeOffer(&a)
	if a.silent() {
		a.pass(budgetLeft, nil)
	}
	return &a
}

// judgeOffer holds what would go without the link that its words promise, until
// there is a code for it, and refuses it for who has used one.
func (j *judgement) judgeOffer(a *answer) {
	o := j.Offer
	if o == nil {
		return
	}
	switch o.Missing {
	case "":
		a.pass(budgetOffer, nil, "offer", o.Offer)
	case engawa.OfferUsed:
		a.refuse(budgetOfferUsed, nil, "offer", o.Offer)
	case engawa.OfferUnlinked:
		a.hold(j.at.Add(restock), budgetOfferUnlinked, nil, "offer", o.Offer)
	case engawa.OfferEmpty:
		fallthrough
	default:
		a.hold(j.at.Add(restock), budgetOfferEmpty, nil, "offer", o.Offer)
	}
}

// restock is when it is looked again whether a person brought codes.
const restock = 15 * time.Minute

// recheck is when counts are looked at again that do not say when they change.
const recheck = 5 * time.Minute

// later returns t, or a while from now when t is not in the future.
func (j *judgement) later(t time.Time) time.Time {
	if t.After(j.at) {
		return t
	}
	return j.at.Add(recheck)
}
