package confirm

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
)

// TestLook: on both sides of each limit, of a decision at noon on 10 January in Seoul.
func TestLook(t *testing.T) {
	given := time.Date(2026, 1, 10, 12, 0, 0, 0, time.FixedZone("KST", 9*3600))
	kr := law{&rule.DecisionNotice{Days: 14, AlarmDays: 10, Zone: "Asia/Seoul"}, &rule.ReminderNotice{Years: 2, Zone: "Asia/Seoul", LeadDays: 30, AlarmDays: 7}}
	seoul := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, given.Location()) }
	const tick = time.Microsecond
	fortnight, alarm := given.Add(days(14)), given.Add(days(10))
	due := seoul(2028, 1, 10)
	from, late := due.AddDate(0, 0, -30), due.AddDate(0, 0, -7)
	told := engawa.Said{ResultAt: given, ResultBy: "msg_1"}
	for name, x := range map[string]struct {
		law     law
		stopped bool // by a withdrawal, or by a newer consent to the same
		refused bool // it is a refusal or a withdrawal itself
		said    engawa.Said
		result  engawa.MessageState
		again   engawa.MessageState
		made    time.Time
		now     time.Time
		tell    what
		ask     bool
		next    time.Time // if nothing is told
		retry   time.Time // if what is to be told cannot be
		known   bool      // that it was told
	}{
		"at once":                 {law: kr, now: given, tell: result, retry: given.Add(daily)},
		"a refusal too":           {law: kr, refused: true, now: given, tell: result, retry: given.Add(daily)},
		"no law asks":             {now: given, next: given.Add(month)},
		"no law asks, refused":    {refused: true, now: given},
		"before the alarm":        {law: kr, now: alarm.Add(-tick), tell: result, retry: alarm},
		"at the alarm":            {law: kr, now: alarm, tell: result, ask: true, retry: alarm.Add(daily)},
		"before the end":          {law: kr, now: fortnight.Add(-tick), tell: result, ask: true, retry: fortnight.Add(daily - tick)},
		"too late for the result": {law: kr, now: fortnight, next: from},
		"under way":               {law: kr, result: engawa.MessageWaiting, now: alarm, next: alarm.Add(soon)},
		"nobody knows":            {law: kr, result: engawa.MessageUnknown, now: alarm, next: alarm.Add(hour)},
		"it failed":               {law: kr, result: engawa.MessageFailed, now: given, tell: result, retry: given.Add(daily)},
		"it ran out":              {law: kr, result: engawa.MessageExpired, now: given, tell: result, retry: given.Add(daily)},
		"it was sent":             {law: kr, result: engawa.MessageSent, now: alarm, next: from, known: true},
		"a refusal was told":      {law: kr, refused: true, result: engawa.MessageSent, now: alarm, known: true},
		"long before two years":   {law: kr, said: told, now: from.Add(-tick), next: from},
		"thirty days before":      {law: kr, said: told, now: from, tell: reminder, retry: from.Add(daily)},
		"withdrawn meanwhile":     {law: kr, said: told, stopped: true, now: from},
		"a week before":           {law: kr, said: told, now: late, tell: reminder, ask: true, retry: late.Add(daily)},
		"just before that":        {law: kr, said: told, now: late.Add(-tick), tell: reminder, retry: late},
		"the date itself":         {law: kr, said: told, now: due, tell: reminder, ask: true, retry: due.Add(later)},
		"the reminder waits":      {law: kr, said: told, again: engawa.MessageWaiting, made: from, now: late, next: late.Add(soon)},
		"reminded":                {law: kr, said: told, again: engawa.MessageSent, made: from, now: late, next: seoul(2029, 12, 4), known: true},
		"reminded two years ago": {
			law: kr, said: engawa.Said{ResultAt: given, ReminderAt: late}, again: engawa.MessageSent, made: from, now: seoul(2029, 12, 4), tell: reminder, retry: seoul(2029, 12, 5),
		},
	} {
		c := store.ToTell{Consent: engawa.Consent{At: given, Given: !x.refused, Said: x.said}, Result: x.result, Reminder: x.again, ReminderMade: x.made}
		d := look(c, x.law, !x.stopped && !x.refused, x.now)
		if d.tell != x.tell || d.ask != x.ask {
			t.Errorf("%s: tell %q, ask %t; want %q, %t", name, d.tell, d.ask, x.tell, x.ask)
		}
		if x.tell == nothing && !d.next.Equal(x.next) || !d.retry.Equal(x.retry) {
			t.Errorf("%s: next %s, after a failure %s; want %s, %s", name, d.next, d.retry, x.next, x.retry)
		}
		if known := d.said != x.said; known != x.known {
			t.Errorf("%s: that it was told is known: %t", name, known)
		}
	}
}
