package route

import (
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Days are the names of the days of the week, as time.Weekday counts them.
var Days = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const clock = "15:04"

// Unmuted is when what is to be said at may be said: at itself, or the end of the
// windows that it falls into. The clock is that of at's zone. On the night on
// which a zone's clock jumps a window ends by the clock, as people expect.
func Unmuted(ws []engawa.Window, at time.Time) time.Time {
	for range 2 * len(Days) { // windows may follow on one another; Check refuses those that never end
		end := ending(ws, at)
		if !end.After(at) {
			return at
		}
		at = end
	}
	return at
}

// ending is the latest end of the windows that at falls into; zero: of none.
func ending(ws []engawa.Window, at time.Time) (latest time.Time) {
	for _, w := range ws {
		for _, back := range [...]int{0, -1} { // it may have begun yesterday
			begin, end, ok := on(w, at.AddDate(0, 0, back))
			if ok && !at.Before(begin) && at.Before(end) && end.After(latest) {
				latest = end
			}
		}
	}
	return latest
}

// on is the window as it falls on the day of t.
func on(w engawa.Window, t time.Time) (begin, end time.Time, ok bool) {
	from, err1 := time.Parse(clock, w.From)
	to, err2 := time.Parse(clock, w.To)
	if err1 != nil || err2 != nil || len(w.Days) > 0 && !slices.Contains(w.Days, Days[t.Weekday()]) {
		return begin, end, false
	}
	at := func(days int, c time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+days, c.Hour(), c.Minute(), 0, 0, t.Location())
	}
	begin, end = at(0, from), at(0, to)
	if !to.After(from) {
		end = at(1, to)
	}
	return begin, end, true
}

// maxWindows is how many a step may have.
const maxWindows = 14

func checkMute(at string, ws []engawa.Window) error {
	if len(ws) > maxWindows {
		return engawa.Invalid(at, fmt.Sprintf("use %d windows at most", maxWindows), "there are %d quiet windows", len(ws))
	}
	for i, w := range ws {
		field := fmt.Sprintf("%s/%d", at, i)
		for _, c := range [...]string{w.From, w.To} {
			if _, err := time.Parse(clock, c); err != nil {
				return engawa.Invalid(field, `write it as "22:00"`, "%q is not a time of the day", c)
			}
		}
		for _, d := range w.Days {
			if !slices.Contains(Days[:], d) {
				return engawa.Invalid(field+"/days", "use mon, tue, wed, thu, fri, sat, sun", "%q is not a day of the week", d)
			}
		}
	}
	if monday := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); Unmuted(ws, monday).Sub(monday) >= 7*24*time.Hour {
		return engawa.Invalid(at, "leave some time of the week open, or switch the route off", "the quiet windows leave no time at all")
	}
	return nil
}

// The bounds of a digest.
const (
	maxGather   = 24 * time.Hour
	maxKin      = time.Hour // for events of one cause
	MaxGathered = 500       // events; then it goes at once
)

func checkDigest(at string, st engawa.Step) error {
	d := st.Digest
	switch {
	case d == nil:
		return nil
	case d.Cause && (d.Within < time.Minute || d.Within > maxKin):
		return engawa.Invalid(at+"/within", "choose 1 minute to 1 hour", "an event waits %s for the others of its cause", d.Within)
	case d.Cause && (d.Count != 0 || d.By != ""):
		return engawa.Invalid(at+"/cause", "leave count and by out, or cause", "events go together by their cause, or by a number and a field")
	case d.Cause:
		return nil
	case st.To == ToCustomer:
		return engawa.Invalid(at, "send digests to staff; to customers each message goes by itself", "a digest would tell one customer of others")
	case d.Within < time.Minute || d.Within > maxGather:
		return engawa.Invalid(at+"/within", "choose 1 minute to 24 hours", "a digest waits %s", d.Within)
	case d.Count < 0 || d.Count == 1 || d.Count > MaxGathered:
		return engawa.Invalid(at+"/count", fmt.Sprintf("choose 2 to %d, or 0 for none", MaxGathered), "a digest goes at %d events", d.Count)
	case len(d.By) > 100:
		return engawa.Invalid(at+"/by", `name a field of the event's data, as "cause"`, "the field's name has %d letters", len(d.By))
	}
	return nil
}
