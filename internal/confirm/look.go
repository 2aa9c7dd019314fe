package confirm

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
)

// what a customer is told of a decision.
type what string

const (
	nothing  what = ""
	result   what = "result"   // what came of it
	reminder what = "reminder" // that it stands
)

// law is what is to be told of a decision, and when; nil: nothing.
type law struct {
	result   *rule.DecisionNotice
	reminder *rule.ReminderNotice
}

// duty is what is to be done about one decision.
type duty struct {
	tell  what        // by a message, now
	late  what        // what has not arrived although its time is running out: a person is asked
	must  what        // the same, unless a message can be made now
	until time.Time   // by when what is told or asked must have been told
	said  engawa.Said // what is known to have been told
	next  time.Time   // when to look again; zero: never
	retry time.Time   // when to look again if what is to be told cannot be
	zone  string      // in which the law counts dates
	stop  bool        // the reminder that is under way is of a consent that allows nothing any more
}

// How long it is until the next look.
const (
	moment    = 5 * time.Second     // where somebody else was at it
	soon      = 10 * time.Minute    // at a message that is under way
	hour      = time.Hour           // at one of which nobody knows whether it arrived
	daily     = 24 * time.Hour      // where no way to the customer was open
	weekly    = 7 * 24 * time.Hour  // the same, once it is late
	monthly   = 30 * 24 * time.Hour // where no law asks for it: one may come to bear
	fortnight = 14 * 24 * time.Hour // in which a country that becomes known matters for what came of a decision
)

// look says what is to be done about a decision. stands says whether it still
// allows something.
func look(c store.ToTell, l law, stands bool, now time.Time) duty {
	d := duty{said: c.Said, stop: !stands && open(c.Reminder.State)}
	if l.result != nil && c.Said.ResultAt.IsZero() {
		end := c.At.Add(days(l.result.Days))
		switch {
		case c.Result.State == engawa.MessageSent:
			d.said.ResultAt = c.Result.HandedAt
		case now.Before(end) || c.Said.ResultBy != store.Unasked:
			d.zone = l.result.Zone
			return d.within(result, c.Result, end, c.At.Add(days(l.result.AlarmDays)), now)
		}
	}
	if l.result == nil && c.Said.ResultBy == "" {
		if now.Before(c.At.Add(fortnight)) {
			d.next = now.Add(daily)
			return d
		}
		d.said.ResultBy = store.Unasked
	}
	m := c.Reminder
	switch {
	case !m.MadeAt.After(c.Said.ReminderAt):
		m = store.Notice{Asked: m.Asked} // the one of two years ago
	case m.State == engawa.MessageSent:
		d.said.ReminderAt, m = m.HandedAt, store.Notice{}
	}
	if !c.Given || !stands {
		return d
	}
	if l.reminder == nil {
		d.next = now.Add(monthly)
		return d
	}
	confirmed := c.At
	if d.said.ReminderAt.After(confirmed) {
		confirmed = d.said.ReminderAt
	}
	due := l.reminder.Reminder().Due(confirmed)
	if from := due.AddDate(0, 0, -l.reminder.LeadDays); now.Before(from) {
		d.next = from
		return d
	}
	d.zone = l.reminder.Zone
	return d.within(reminder, m, due, due.AddDate(0, 0, -l.reminder.AlarmDays), now)
}

// within tells before until: at once, and a day after a message that did not arrive.
// From alarm on a person is asked too, unless a message has just been made.
func (d duty) within(tell what, m store.Notice, until, alarm, now time.Time) duty {
	d.until = until
	again := m.MadeAt.Add(daily)
	switch {
	case m.State == engawa.MessageUnknown: // a person is asked what became of it
		d.next = now.Add(hour)
	case open(m.State):
		d.next = now.Add(soon)
	case m.State != "" && now.Before(again):
		d.next = again
	default:
		d.tell, d.next, d.retry = tell, now.Add(soon), now.Add(daily)
		if !now.Before(until) {
			d.retry = now.Add(weekly)
		}
	}
	switch {
	case now.Before(alarm):
		d.next, d.retry = notAfter(d.next, alarm), notAfter(d.retry, alarm)
	case m.State == "" && !m.Asked:
		d.must = tell
	case open(m.State) && !m.Asked && now.Before(m.MadeAt.Add(hour)): // it may arrive any moment
	default:
		d.late = tell
	}
	return d
}

// open reports whether a message may still arrive, or may have.
func open(s engawa.MessageState) bool {
	return s == engawa.MessageWaiting || s == engawa.MessageUnknown
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// notAfter is t, or limit if t is later.
func notAfter(t, limit time.Time) time.Time {
	if t.After(limit) {
		return limit
	}
	return t
}
