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
	tell  what        // to be told now
	until time.Time   // by when
	ask   bool        // if it cannot be told now, a person is asked
	said  engawa.Said // what is known to have been told
	next  time.Time   // when to look again, if nothing is told now; zero: never
	retry time.Time   // when to look again if what is to be told cannot be
	zone  string      // in which the law counts dates
}

// How long it is until the next look.
const (
	soon  = 10 * time.Minute    // at a message that is under way
	daily = 24 * time.Hour      // where no way to the customer was open
	later = 7 * 24 * time.Hour  // the same, once it is late
	month = 30 * 24 * time.Hour // where no law asks for it: the customer's country may become known
	hour  = time.Hour
)

// look says what is to be done about a decision. stands says whether it still
// allows something.
func look(c store.ToTell, l law, stands bool, now time.Time) duty {
	d := duty{said: c.Said}
	if l.result != nil && c.Said.ResultAt.IsZero() {
		end := c.At.Add(days(l.result.Days))
		switch {
		case c.Result == engawa.MessageSent:
			d.said.ResultAt = now
		case now.Before(end):
			d.zone = l.result.Zone
			return d.within(result, c.Result, end, c.At.Add(days(l.result.AlarmDays)), now)
		}
	}
	if !c.Given || !stands {
		return d
	}
	if l.reminder == nil {
		d.next = now.Add(month)
		return d
	}
	state := c.Reminder
	if !c.ReminderMade.After(c.Said.ReminderAt) {
		state = "" // the one of two years ago
	}
	if state == engawa.MessageSent {
		d.said.ReminderAt, state = now, ""
	}
	due := l.reminder.Reminder().Due(latest(c.At, d.said.ReminderAt))
	if from := due.AddDate(0, 0, -l.reminder.LeadDays); now.Before(from) {
		d.next = from
		return d
	}
	d.zone = l.reminder.Zone
	return d.within(reminder, state, due, due.AddDate(0, 0, -l.reminder.AlarmDays), now)
}

// within tells before until, unless a message is under way; from alarm on a person
// is asked where it cannot be told.
func (d duty) within(tell what, state engawa.MessageState, until, alarm, now time.Time) duty {
	switch state {
	case engawa.MessageWaiting:
		d.next = now.Add(soon)
		return d
	case engawa.MessageUnknown: // a person is asked what became of it
		d.next = now.Add(hour)
		return d
	case engawa.MessageSent, engawa.MessageRefused, engawa.MessageFailed, engawa.MessageCanceled, engawa.MessageExpired:
	}
	d.tell, d.until, d.ask, d.next = tell, until, !now.Before(alarm), now.Add(soon)
	switch {
	case !now.Before(until):
		d.retry = now.Add(later)
	case d.ask:
		d.retry = now.Add(daily)
	default:
		d.retry = earliest(now.Add(daily), alarm)
	}
	return d
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
