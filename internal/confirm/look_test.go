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
	from, week := due.AddDate(0, 0, -30), due.AddDate(0, 0, -7)
	told := engawa.Said{ResultAt: given, ResultBy: "msg_1"}
	msg := func(state engawa.MessageState, made time.Time) store.Notice {
		return store.Notice{State: state, MadeAt: made, HandedAt: made.Add(time.Minute)}
	}
	for name, x := range map[string]struct {
		law     law
		stopped bool // by a withdrawal, or by a newer consent to the same
		refused bool // it is a refusal or a withdrawal itself
		said    engawa.Said
		result  store.Notice
		again   store.Notice
		unasked bool // by any law: that is kept
		now     time.Time
		tell    what
		late    what
		must    what
		next    time.Time
		retry   time.Time // if what is to be told cannot be
		known   bool      // that it was told
		stop    bool
	}{
		"at once":                 {law: kr, now: given, tell: result, next: given.Add(soon), retry: given.Add(daily)},
		"a refusal too":           {law: kr, refused: true, now: given, tell: result, next: given.Add(soon), retry: given.Add(daily)},
		"no law asks yet":         {refused: true, now: given, next: given.Add(daily)},
		"no law asks":             {now: fortnight, next: fortnight.Add(monthly), unasked: true},
		"no law asks, refused":    {refused: true, now: fortnight, unasked: true},
		"withdrawn, reminded":     {law: kr, said: told, stopped: true, again: msg(engawa.MessageSent, from), now: week, known: true},
		"before the alarm":        {law: kr, now: alarm.Add(-tick), tell: result, next: alarm, retry: alarm},
		"at the alarm":            {law: kr, now: alarm, tell: result, must: result, next: alarm.Add(soon), retry: alarm.Add(daily)},
		"at the end":              {law: kr, now: fortnight, tell: result, must: result, next: fortnight.Add(soon), retry: fortnight.Add(weekly)},
		"recorded long before":    {law: kr, said: engawa.Said{ResultBy: store.Unasked}, now: fortnight, next: from},
		"recorded just before":    {law: kr, said: engawa.Said{ResultBy: store.Unasked}, now: fortnight.Add(-tick), tell: result, must: result, next: fortnight.Add(soon - tick), retry: fortnight.Add(daily - tick)},
		"under way":               {law: kr, result: msg(engawa.MessageWaiting, alarm.Add(tick-hour)), now: alarm, next: alarm.Add(soon)},
		"under way too long":      {law: kr, result: msg(engawa.MessageWaiting, alarm.Add(-hour)), now: alarm, late: result, next: alarm.Add(soon)},
		"under way, and asked":    {law: kr, result: store.Notice{State: engawa.MessageWaiting, MadeAt: alarm, Asked: true}, now: alarm, late: result, next: alarm.Add(soon)},
		"under way at the end":    {law: kr, refused: true, result: msg(engawa.MessageWaiting, alarm), now: fortnight, late: result, next: fortnight.Add(soon)},
		"nobody knows":            {law: kr, result: msg(engawa.MessageUnknown, given), now: given.Add(hour), next: given.Add(2 * hour)},
		"it failed":               {law: kr, result: msg(engawa.MessageFailed, given), now: given.Add(soon), next: given.Add(daily)},
		"it failed yesterday":     {law: kr, result: msg(engawa.MessageFailed, given), now: given.Add(daily), tell: result, next: given.Add(daily + soon), retry: given.Add(2 * daily)},
		"it failed at the alarm":  {law: kr, result: msg(engawa.MessageExpired, alarm.Add(-hour)), now: alarm, late: result, next: alarm.Add(daily - hour)},
		"it failed and goes anew": {law: kr, result: msg(engawa.MessageFailed, alarm.Add(-daily)), now: alarm, tell: result, late: result, next: alarm.Add(soon), retry: alarm.Add(daily)},
		"it was canceled":         {law: kr, result: msg(engawa.MessageCanceled, given), now: given.Add(soon), next: given.Add(daily)},
		"it was sent":             {law: kr, result: msg(engawa.MessageSent, given), now: alarm, next: from, known: true},
		"it was sent late":        {law: kr, refused: true, result: msg(engawa.MessageSent, alarm), now: fortnight, known: true},
		"long before two years":   {law: kr, said: told, now: from.Add(-tick), next: from},
		"thirty days before":      {law: kr, said: told, now: from, tell: reminder, next: from.Add(soon), retry: from.Add(daily)},
		"withdrawn meanwhile":     {law: kr, said: told, stopped: true, now: from},
		"withdrawn under way":     {law: kr, said: told, stopped: true, again: msg(engawa.MessageWaiting, from), now: from, stop: true},
		"just before a week":      {law: kr, said: told, now: week.Add(-tick), tell: reminder, next: week, retry: week},
		"a week before":           {law: kr, said: told, now: week, tell: reminder, must: reminder, next: week.Add(soon), retry: week.Add(daily)},
		"the date itself":         {law: kr, said: told, now: due, tell: reminder, must: reminder, next: due.Add(soon), retry: due.Add(weekly)},
		"the reminder waits":      {law: kr, said: told, again: msg(engawa.MessageWaiting, from), now: from.Add(soon), next: from.Add(2 * soon)},
		"reminded":                {law: kr, said: told, again: msg(engawa.MessageSent, week), now: due, next: seoul(2029, 12, 4), known: true},
		"reminded two years ago": {
			law: kr, said: engawa.Said{ResultAt: given, ReminderAt: week}, again: msg(engawa.MessageSent, week.Add(-tick)), now: seoul(2029, 12, 4),
			tell: reminder, next: seoul(2029, 12, 4).Add(soon), retry: seoul(2029, 12, 5),
		},
	} {
		c := store.ToTell{Consent: engawa.Consent{At: given, Given: !x.refused, Said: x.said}, Result: x.result, Reminder: x.again}
		d := look(c, x.law, !x.stopped && !x.refused, x.now)
		if d.tell != x.tell || d.late != x.late || d.must != x.must || d.stop != x.stop {
			t.Errorf("%s: tell %q, late %q, must %q, stop %t; want %q, %q, %q, %t", name, d.tell, d.late, d.must, d.stop, x.tell, x.late, x.must, x.stop)
		}
		if !d.next.Equal(x.next) || !d.retry.Equal(x.retry) {
			t.Errorf("%s: next %s, after a failure %s; want %s, %s", name, d.next, d.retry, x.next, x.retry)
		}
		if x.unasked != (d.said.ResultBy == store.Unasked && x.said.ResultBy == "") {
			t.Errorf("%s: told by %q", name, d.said.ResultBy)
		}
		if known := d.said != x.said; known != (x.known || x.unasked) {
			t.Errorf("%s: that it was told is known: %t", name, known)
		}
	}
}
