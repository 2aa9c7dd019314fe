package route

import (
	"errors"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

func TestUnmuted(t *testing.T) {
	night := engawa.Window{From: "22:00", To: "08:00"}
	weekend := engawa.Window{Days: []string{"sat", "sun"}, From: "00:00", To: "00:00"}
	lunch := engawa.Window{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "12:00", To: "13:00"}
	seoul, berlin := zone(t, "Asia/Seoul"), zone(t, "Europe/Berlin")
	for _, c := range []struct {
		name  string
		ws    []engawa.Window
		at    string
		in    *time.Location
		until string // empty: at once
	}{
		{"no windows", nil, "2026-11-30 23:00", seoul, ""},
		{"before the night", []engawa.Window{night}, "2026-11-30 21:59", seoul, ""},
		{"as the night begins", []engawa.Window{night}, "2026-11-30 22:00", seoul, "2026-12-01 08:00"},
		{"after midnight", []engawa.Window{night}, "2026-12-01 03:00", seoul, "2026-12-01 08:00"},
		{"as the night ends", []engawa.Window{night}, "2026-12-01 08:00", seoul, ""},
		{"a day without", []engawa.Window{lunch}, "2026-11-29 12:30", seoul, ""}, // a Sunday
		{"a day with", []engawa.Window{lunch}, "2026-11-30 12:30", seoul, "2026-11-30 13:00"},
		{"Friday's night, then the weekend, then Sunday's night", []engawa.Window{night, weekend}, "2026-11-27 23:00", seoul, "2026-11-30 08:00"},
		{"a night on which the clock goes back", []engawa.Window{night}, "2026-10-24 23:00", berlin, "2026-10-25 08:00"},
		{"a night on which it goes forward", []engawa.Window{night}, "2026-03-28 23:00", berlin, "2026-03-29 08:00"},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.at, c.in)
		if err != nil {
			t.Fatal(err)
		}
		want := at
		if c.until != "" {
			want, _ = time.ParseInLocation("2006-01-02 15:04", c.until, c.in)
		}
		if got := Unmuted(c.ws, at); !got.Equal(want) {
			t.Errorf("%s: at %s it may be said %s, not %s", c.name, at, got, want)
		}
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestCheckStep(t *testing.T) {
	every := engawa.Window{From: "00:00", To: "00:00"}
	for _, c := range []struct {
		name  string
		step  engawa.Step
		field string // empty: it may be saved
	}{
		{"muted at night", engawa.Step{Mute: []engawa.Window{{From: "22:00", To: "08:00"}}}, ""},
		{"no such time", engawa.Step{Mute: []engawa.Window{{From: "22:00", To: "24:00"}}}, "/then/0/mute/0"},
		{"no such day", engawa.Step{Mute: []engawa.Window{{Days: []string{"monday"}, From: "22:00", To: "23:00"}}}, "/then/0/mute/0/days"},
		{"muted for ever", engawa.Step{Mute: []engawa.Window{every}}, "/then/0/mute"},
		{"muted for ever in two halves", engawa.Step{Mute: []engawa.Window{{From: "00:00", To: "12:00"}, {From: "12:00", To: "00:00"}}}, "/then/0/mute"},
		{"open on Mondays", engawa.Step{Mute: []engawa.Window{{Days: Days[2:], From: "00:00", To: "00:00"}, {Days: Days[:1], From: "00:00", To: "00:00"}}}, ""},
		{"a digest", engawa.Step{Digest: &engawa.Digest{Within: time.Hour, Count: 20}}, ""},
		{"a digest of one", engawa.Step{Digest: &engawa.Digest{Within: time.Hour, Count: 1}}, "/then/0/digest/count"},
		{"a digest that does not wait", engawa.Step{Digest: &engawa.Digest{Count: 10}}, "/then/0/digest/within"},
		{"a digest that waits two days", engawa.Step{Digest: &engawa.Digest{Within: 48 * time.Hour}}, "/then/0/digest/within"},
		{"one cause", engawa.Step{Digest: &engawa.Digest{Within: 2 * time.Minute, Cause: true}}, ""},
		{"one cause, to a customer", engawa.Step{To: ToCustomer, Digest: &engawa.Digest{Within: time.Hour, Cause: true}}, ""},
		{"one cause that waits two hours", engawa.Step{Digest: &engawa.Digest{Within: 2 * time.Hour, Cause: true}}, "/then/0/digest/within"},
		{"one cause by a field", engawa.Step{Digest: &engawa.Digest{Within: time.Minute, Cause: true, By: "c.id"}}, "/then/0/digest/cause"},
		{"one cause by a number", engawa.Step{Digest: &engawa.Digest{Within: time.Minute, Cause: true, Count: 3}}, "/then/0/digest/cause"},
		{"a digest to a customer", engawa.Step{To: ToCustomer, Digest: &engawa.Digest{Within: time.Hour}}, "/then/0/digest"},
	} {
		c.step.Via = []engawa.Via{{Account: "acc_1"}}
		_, err := Check(engawa.Route{Name: "a", Events: []string{"*"}, Then: []engawa.Step{c.step}}, nil, nil)
		var told *engawa.Error
		if field := ""; errors.As(err, &told) {
			if field = told.Field; field != c.field {
				t.Errorf("%s: %s is wrong, not %s: %v", c.name, field, c.field, err)
			}
		} else if err != nil || c.field != "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
