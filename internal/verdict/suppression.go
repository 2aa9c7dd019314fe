package verdict

import (
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// suppression asks whether the address was stopped, and whether the customer
// has heard enough for a day. It refuses by reason: what bounced, complained
// or blocked gets nothing here, not even what must arrive, which goes another
// way; an opt-out stops marketing alone.
func suppression(j *judgement) *answer {
	var a answer
	r, stops, _ := rule.Find[rule.Suppression](j.rules)
	for _, s := range j.Suppressions {
		switch {
		case !s.Until.IsZero() && !j.at.Before(s.Until):
		case j.stopped(stops, s.Reason):
			a.refuse(suppressionCode(s.Reason), r, "at", stamp(s.At))
		default:
			a.pass(suppressionSpared, r, "at", stamp(s.At))
		}
	}
	j.judgeCap(&a)
	if a.silent() {
		a.pass(suppressionClear, nil)
	}
	return &a
}

// stopped reports whether a reason stops the purpose. One that no list names
// stops everything, and without a rule every reason does.
func (j *judgement) stopped(stops rule.Suppression, reason string) bool {
	switch {
	case slices.Contains(stops.Marketing, reason):
		return j.purpose == engawa.Marketing
	case slices.Contains(stops.Optional, reason):
		return !j.purpose.Mandatory()
	}
	return true
}

func suppressionCode(reason string) string {
	code := "suppression." + reason
	switch code {
	case suppressionBounced, suppressionComplained, suppressionBlocked, suppressionOperator, suppressionOptedOut:
		return code
	}
	return suppressionOther
}

// judgeCap holds what would be one message too many in any 24 hours, until the
// oldest that was counted leaves them.
func (j *judgement) judgeCap(a *answer) {
	if j.ToDestination || j.purpose.Class() == engawa.Service {
		return
	}
	r, limit, _ := rule.Find[rule.FrequencyCap](j.rules)
	day, sender := limit.PerDay, limit.PerSender
	if j.House.CapPerDay > 0 {
		day = j.House.CapPerDay
	}
	if j.House.CapPerSender > 0 {
		sender = j.House.CapPerSender
	}
	until := j.later(j.OldestDay.Add(24 * time.Hour))
	if day > 0 && j.SentDay >= day {
		a.hold(until, suppressionCap, r, "cap", number(day), "sent", number(j.SentDay))
	}
	if sender > 0 && j.SentSender >= sender {
		a.hold(until, suppressionCapSender, r, "cap", number(sender), "sent", number(j.SentSender))
	}
}

func number(n int) string { return strconv.Itoa(n) }
