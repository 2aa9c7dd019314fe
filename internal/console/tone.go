package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Tones are the classes of a state chip: goes, waits, refused, unknown, over.

func messageTone(s engawa.MessageState) string {
	switch s {
	case engawa.MessageSent:
		return "go"
	case engawa.MessageWaiting:
		return "wait"
	case engawa.MessageRefused, engawa.MessageFailed:
		return "no"
	case engawa.MessageUnknown:
		return "unk"
	case engawa.MessageCanceled, engawa.MessageExpired:
	}
	return "off"
}

func deliveryTone(s engawa.DeliveryState) string {
	switch s {
	case engawa.Accepted, engawa.Delivered:
		return "go"
	case engawa.Queued, engawa.Held, engawa.Sending, engawa.Retrying:
		return "wait"
	case engawa.Refused, engawa.Failed:
		return "no"
	case engawa.Unknown:
		return "unk"
	case engawa.Canceled, engawa.Expired:
	}
	return "off"
}

func attemptTone(o engawa.AttemptOutcome) string {
	switch o {
	case engawa.OutcomeAccepted:
		return "go"
	case engawa.OutcomeFailed:
		return "no"
	case engawa.OutcomeUnknown:
		return "unk"
	case engawa.OutcomeOpen, engawa.OutcomeRetry:
	}
	return "wait"
}

func outcomeTone(o engawa.Outcome) string {
	switch o {
	case engawa.Send:
		return "go"
	case engawa.Hold:
		return "wait"
	case engawa.Refuse:
	}
	return "no"
}

// gateClass is how one of the eight steps looks.
func gateClass(g Gate) string {
	class := string(g.Outcome)
	if !g.Applies {
		class = "none"
	}
	if g.Decided {
		class += " decided"
	}
	return class
}

// near says a time as shortly as it can be said without doubt: the minute
// today, the day in this year, else the year too.
func (p Page) near(t time.Time) string {
	now, at := p.Now.In(p.Zone), t.In(p.Zone)
	switch {
	case now.IsZero() || now.Year() != at.Year():
		return p.Date(t) + " " + p.Minute(t)
	case now.YearDay() == at.YearDay():
		return p.Clock(t)
	}
	return p.Time(t)
}

// due says how long is left, or since when it is over.
func (p Page) due(t time.Time) string {
	switch left := t.Sub(p.Now); {
	case t.IsZero():
		return p.T("task.due.none")
	case left < 0:
		return p.T("task.due.over", "time", p.Duration(-left))
	default:
		return p.T("task.due.left", "time", p.Duration(left))
	}
}

func pressed(on bool) string { return strconv.FormatBool(on) }

func whole(n int) string { return strconv.Itoa(n) }

func outsideName(p Page) string { return cmp.Or(p.Workspace, "Engawa") }

// query is path with the pairs that have a value.
func query(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// joinDot puts a middle dot between the parts that are there.
func joinDot(parts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == "" }), " · ")
}
