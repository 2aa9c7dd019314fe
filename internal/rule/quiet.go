package rule

import (
	"fmt"
	"time"
)

const day = 24 * time.Hour

// Clock is a time of the local day, as the length since 00:00 on a wall clock.
type Clock time.Duration

// UnmarshalText reads "21:00".
func (c *Clock) UnmarshalText(text []byte) error {
	t, err := time.Parse("15:04", string(text))
	if err != nil || len(text) != len("15:04") {
		return fmt.Errorf("clock %q is not of the form 21:00", text)
	}
	*c = wall(t)
	return nil
}

// String is the inverse of UnmarshalText.
func (c Clock) String() string {
	return time.Time{}.Add(time.Duration(c)).Format("15:04")
}

// Opens returns the first instant from t on at which the quiet hours are open
// on the wall clocks of loc: t itself when they are open at t.
//
// The interval is half-open, [From less the lead, To). Days on which clocks
// are moved are exact: between two moves the wall clock runs evenly, so that
// each step ends at the opening or at the next move, whichever comes first.
func (q QuietHours) Opens(t time.Time, loc *time.Location) time.Time {
	for q.closed(wall(t.In(loc))) {
		t = advance(t, loc, q.To)
	}
	return t
}

// Closes returns the first instant from t on at which the quiet hours are
// closed on the wall clocks of loc: t itself when they are closed at t.
func (q QuietHours) Closes(t time.Time, loc *time.Location) time.Time {
	for !q.closed(wall(t.In(loc))) {
		t = advance(t, loc, q.closes())
	}
	return t
}

func (q QuietHours) closes() Clock {
	return q.From - Clock(time.Duration(q.LeadMinutes)*time.Minute)
}

func (q QuietHours) closed(at Clock) bool {
	from := q.closes()
	if from > q.To { // over midnight
		return at >= from || at < q.To
	}
	return at >= from && at < q.To
}

// advance goes on from t until the wall clock shows to, or is moved.
func advance(t time.Time, loc *time.Location, to Clock) time.Time {
	local := t.In(loc)
	next := t.Add((time.Duration(to-wall(local)) + day) % day)
	if _, moved := local.ZoneBounds(); !moved.IsZero() && moved.Before(next) {
		return moved
	}
	return next
}

func wall(t time.Time) Clock {
	h, m, s := t.Clock()
	return Clock(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond()))
}
