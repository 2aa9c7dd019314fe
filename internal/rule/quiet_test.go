package rule

import (
	"testing"
	"time"
)

// Quiet hours over midnight, within a day, and in an hour that a move of the
// clocks may swallow or double.
var (
	night  = QuietHours{From: 21 * Clock(time.Hour), To: 8 * Clock(time.Hour)}
	siesta = QuietHours{From: 13 * Clock(time.Hour), To: 15 * Clock(time.Hour)}
	gap    = QuietHours{From: 2 * Clock(time.Hour), To: 3 * Clock(time.Hour)}
)

// closedAt is a second, plain reading: what does the wall clock show?
func closedAt(q QuietHours, t time.Time, loc *time.Location) bool {
	shows := t.In(loc).Format("15:04:05.000000000")
	from, to := q.From.String(), q.To.String()
	if from < to {
		return shows >= from && shows < to
	}
	return shows >= from || shows < to
}

// TestQuietHours walks over the days on which clocks are moved, in zones that
// move them in every way, and asks at each edge a millisecond either side:
// open means that the wall clock says so, Opens and Closes name the very
// instant at which it changes its mind.
func TestQuietHours(t *testing.T) {
	for zone, days := range map[string][]string{
		"Asia/Seoul":          {"2026-11-24"},
		"America/New_York":    {"2027-03-13", "2026-10-31"}, // a gap and a second 01:30
		"America/Los_Angeles": {"2027-03-13", "2026-10-31"},
		"Europe/London":       {"2027-03-27", "2026-10-24"},
		"Europe/Berlin":       {"2027-03-27", "2026-10-24"},
		"Atlantic/Azores":     {"2027-03-27", "2026-10-24"}, // at midnight
		"America/Sao_Paulo":   {"2018-11-03", "2019-02-16"}, // at midnight, into the quiet hours
		"Australia/Lord_Howe": {"2026-10-03", "2027-04-03"}, // half an hour
		"Africa/Casablanca":   {"2026-02-14", "2026-03-21"},
		"Antarctica/Troll":    {"2027-03-27"}, // two hours
		"Asia/Kathmandu":      {"2026-11-24"}, // a quarter
		"Pacific/Apia":        {"2011-12-29"}, // a day that never was
		"Asia/Pyongyang":      {"2018-05-04"}, // 23:30 becomes midnight
	} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			start, err := time.ParseInLocation(time.DateOnly, day, loc)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range []QuietHours{night, siesta, gap} {
				walk(t, q, start, loc)
			}
		}
	}
}

// walk looks at three days, each quarter of an hour and a millisecond around it.
func walk(t *testing.T, q QuietHours, start time.Time, loc *time.Location) {
	t.Helper()
	for quarter := range 3 * 96 {
		for _, off := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
			at := start.Add(time.Duration(quarter)*15*time.Minute + off)
			opens, closes := q.Opens(at, loc), q.Closes(at, loc)
			if closed := closedAt(q, at, loc); opens.Equal(at) == closed || closes.Equal(at) != closed {
				t.Fatalf("%s at %s: closed %t, opens %s, closes %s", loc, at.In(loc), closed, opens.In(loc), closes.In(loc))
			}
			edge(t, q, at, opens, loc, false)
			edge(t, q, at, closes, loc, true)
		}
	}
}

// edge asks that it is as said at the instant to, and otherwise from at until then.
func edge(t *testing.T, q QuietHours, at, to time.Time, loc *time.Location, closed bool) {
	t.Helper()
	if closedAt(q, to, loc) != closed {
		t.Fatalf("%s from %s: at %s it is not closed=%t", loc, at.In(loc), to.In(loc), closed)
	}
	if to.After(at) && closedAt(q, to.Add(-time.Nanosecond), loc) == closed {
		t.Fatalf("%s from %s: %s is not the first instant that is closed=%t", loc, at.In(loc), to.In(loc), closed)
	}
	for s := at; s.Before(to); s = s.Add(time.Hour) {
		if closedAt(q, s, loc) == closed {
			t.Fatalf("%s from %s to %s: already at %s closed=%t", loc, at.In(loc), to.In(loc), s.In(loc), closed)
		}
	}
}

func TestLead(t *testing.T) {
	q := QuietHours{From: 20*Clock(time.Hour) + 50*Clock(time.Minute), To: 8 * Clock(time.Hour), LeadMinutes: 1}
	edge := time.Date(2026, 11, 24, 20, 49, 0, 0, time.UTC)
	if !q.Opens(edge.Add(-1), time.UTC).Equal(edge.Add(-1)) || q.Opens(edge, time.UTC).Equal(edge) || !q.Closes(edge.Add(-1), time.UTC).Equal(edge) {
		t.Error("the lead does not begin at 20:49")
	}
}

// TestNeverQuiet: hours that begin as they end close nothing. No rule may have such.
func TestNeverQuiet(t *testing.T) {
	for _, hour := range []Clock{0, 8 * Clock(time.Hour)} {
		for _, at := range []time.Time{time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC)} {
			if q := (QuietHours{From: hour, To: hour}); !q.Opens(at, time.UTC).Equal(at) {
				t.Errorf("from %s to %s: at %s it is closed", hour, hour, at)
			}
		}
	}
}

// TestDue: a consent is to be confirmed again before the same date, counted in the
// rule's zone, and in UTC where there is none.
func TestDue(t *testing.T) {
	for _, tc := range []struct {
		zone, confirmed, due string
		years                int
	}{
		{"Asia/Seoul", "2026-01-10T23:30:00Z", "2028-01-11T00:00:00+09:00", 2},
		{"UTC", "2026-01-10T23:30:00Z", "2027-01-10T00:00:00Z", 1},
		{"", "2026-01-10T23:30:00Z", "2027-01-10T00:00:00Z", 1},
		{"UTC", "2028-02-29T12:00:00Z", "2032-02-29T00:00:00Z", 4},
		{"UTC", "2028-02-29T12:00:00Z", "2030-02-28T00:00:00Z", 2}, // has no 29th
	} {
		confirmed, err := time.Parse(time.RFC3339, tc.confirmed)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Reminder{tc.years, tc.zone}).Due(confirmed).Format(time.RFC3339Nano); got != tc.due {
			t.Errorf("%s confirmed in %q: due %s, want %s", tc.confirmed, tc.zone, got, tc.due)
		}
	}
}

func TestClock(t *testing.T) {
	for text, ok := range map[string]bool{"00:00": true, "23:59": true, "24:00": false, "8:00": false, "08:00:00": false, "": false} {
		var c Clock
		err := c.UnmarshalText([]byte(text))
		if (err == nil) != ok || ok && c.String() != text {
			t.Errorf("%q: %s, %v", text, c, err)
		}
	}
}
