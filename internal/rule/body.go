package rule

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Body is what a rule of one kind says beyond where and when it holds.
type Body interface{ check() error }

// The kinds without parameters.
type (
	// OptIn asks for consent before the first message. Consent is asked for
	// everywhere; the rule says which law does.
	OptIn struct{}
	// OptOut makes a refusal stop messages at once.
	OptOut struct{}
	// DoubleOptIn lets a consent count only when it was confirmed.
	DoubleOptIn struct{}
	// OneClick asks for an unsubscribe link that acts on one POST (RFC 8058).
	OneClick struct{}
	// InformationalOnly closes a channel to the rule's purposes.
	InformationalOnly struct{}
	// AutomationDisclosure asks that customers were told of automatic messages.
	AutomationDisclosure struct{}
)

// QuietHours closes a part of the local day. See Opens and Closes.
type QuietHours struct {
	From        Clock      `toml:"from"`         // first instant that is closed
	To          Clock      `toml:"to"`           // first that is open again
	LeadMinutes int        `toml:"lead_minutes"` // closed so much earlier, since a cleared message lives a while
	Zones       []string   `toml:"zones"`        // counted whatever is known of the customer
	Unless      engawa.Act `toml:"unless"`       // a separate consent that lifts it
	Switch      string     `toml:"switch"`       // "quiet_all": holds only where the business switched that on
}

// SubjectLabel asks that the subject begins with exactly Text.
type SubjectLabel struct {
	Text     string   `toml:"text"`
	Variants []string `toml:"variants"` // what imitates it at the start; "(ad)" only in brackets
}

// BodyLabel asks that the words begin with exactly Text and the sender's name.
type BodyLabel struct {
	Text     string   `toml:"text"`
	Variants []string `toml:"variants"`
}

// SenderDetails asks that the sender's profile is filled in and shown.
type SenderDetails struct {
	Require []string `toml:"require"` // of SenderFields
}

// Reminder asks that a consent is confirmed to the customer every Years years,
// before the same date, counted in Zone.
type Reminder struct {
	Years int    `toml:"years"`
	Zone  string `toml:"zone"`
}

// Due is the instant before which a consent is to be confirmed again that was given
// or last confirmed at one: the beginning of the same date years later, and of the
// last day of February for the 29th in a year without one.
func (r Reminder) Due(confirmed time.Time) time.Time {
	zone, err := Location(r.Zone)
	if err != nil {
		zone = time.UTC // the zone was checked when the rule was read
	}
	y, m, d := confirmed.In(zone).Date()
	due := time.Date(y+r.Years, m, d, 0, 0, 0, 0, zone)
	if due.Month() != m {
		return time.Date(y+r.Years, m+1, 0, 0, 0, 0, 0, zone)
	}
	return due
}

// ReminderNotice has the customer told, before Reminder's date, that a consent
// stands: from LeadDays before it on by the hub, from AlarmDays before it on a person
// is asked where that was not possible.
type ReminderNotice struct {
	Years     int    `toml:"years"`
	Zone      string `toml:"zone"`
	LeadDays  int    `toml:"lead_days"`
	AlarmDays int    `toml:"alarm_days"`
}

// Reminder is whose date it is.
func (n ReminderNotice) Reminder() Reminder { return Reminder{Years: n.Years, Zone: n.Zone} }

// DecisionNotice has the customer told within Days what came of a consent, a refusal
// or a withdrawal, with its date in Zone; a person is asked where that was not
// possible in AlarmDays.
type DecisionNotice struct {
	Days      int    `toml:"days"`
	AlarmDays int    `toml:"alarm_days"`
	Zone      string `toml:"zone"`
}

// FrequencyCap limits messages to one customer in any 24 hours.
type FrequencyCap struct {
	PerDay    int `toml:"per_day"`    // of all senders
	PerSender int `toml:"per_sender"` // of one
}

// MinorGuardian asks for a guardian's consent below Age years.
type MinorGuardian struct {
	Age int `toml:"age"`
}

// MaxAge lets a message grow no older than Hours.
type MaxAge struct {
	Hours int `toml:"hours"`
}

// ClockStep holds messages that were made later than the clock now says.
type ClockStep struct {
	ToleranceSeconds int `toml:"tolerance_seconds"` // clocks of nodes differ so much
}

// Suppression says what a stop on an address stops, by its reason. A reason
// that is in no list stops everything.
type Suppression struct {
	All       []string `toml:"all"`
	Optional  []string `toml:"optional"`  // all but the mandatory sub-kinds of service
	Marketing []string `toml:"marketing"` // marketing only
}

// SenderFields are the parts of a sender's profile that a rule can require.
var SenderFields = [...]string{"name", "postal", "phone", "mail", "contact"}

func decodeBody(kind string, params map[string]any) (Body, error) {
	switch kind {
	case "opt_in":
		return decode[OptIn](params)
	case "opt_out":
		return decode[OptOut](params)
	case "double_opt_in":
		return decode[DoubleOptIn](params)
	case "one_click":
		return decode[OneClick](params)
	case "informational_only":
		return decode[InformationalOnly](params)
	case "automation_disclosure":
		return decode[AutomationDisclosure](params)
	case "quiet_hours":
		return decode[QuietHours](params)
	case "subject_label":
		return decode[SubjectLabel](params)
	case "body_label":
		return decode[BodyLabel](params)
	case "sender_details":
		return decode[SenderDetails](params)
	case "two_year_reminder":
		return decode[Reminder](params)
	case "reminder_notice":
		return decode[ReminderNotice](params)
	case "decision_notice":
		return decode[DecisionNotice](params)
	case "frequency_cap":
		return decode[FrequencyCap](params)
	case "minor_guardian":
		return decode[MinorGuardian](params)
	case "max_age":
		return decode[MaxAge](params)
	case "clock_step":
		return decode[ClockStep](params)
	case "suppression":
		return decode[Suppression](params)
	}
	return nil, fmt.Errorf("kind %q is not known", kind)
}

func (OptIn) check() error                { return nil }
func (OptOut) check() error               { return nil }
func (DoubleOptIn) check() error          { return nil }
func (OneClick) check() error             { return nil }
func (InformationalOnly) check() error    { return nil }
func (AutomationDisclosure) check() error { return nil }

func (q QuietHours) check() error {
	switch {
	case q.closes() == q.To:
		return errors.New("quiet hours must leave a part of the day")
	case q.LeadMinutes < 0 || q.closes() < 0:
		return errors.New("lead_minutes must be from 0 and stay on the same day")
	case q.Unless != "" && q.Unless != engawa.ActContactNight:
		return fmt.Errorf("unless %q is not an act that can lift quiet hours", q.Unless)
	case q.Switch != "" && q.Switch != "quiet_all":
		return fmt.Errorf("switch %q is not known", q.Switch)
	}
	for _, z := range q.Zones {
		if _, err := Location(z); err != nil {
			return err
		}
	}
	return nil
}

func (l SubjectLabel) check() error { return checkLabel(l.Text, l.Variants) }
func (l BodyLabel) check() error    { return checkLabel(l.Text, l.Variants) }

func checkLabel(text string, variants []string) error {
	if text == "" || len(variants) == 0 {
		return errors.New("a label needs its text and the variants it is imitated by")
	}
	return nil
}

func (d SenderDetails) check() error {
	if len(d.Require) == 0 {
		return errors.New("sender details need require")
	}
	for _, f := range d.Require {
		if !slices.Contains(SenderFields[:], f) {
			return fmt.Errorf("require: %q is not a part of a sender's profile", f)
		}
	}
	return nil
}

func (r Reminder) check() error {
	if r.Years < 1 {
		return errors.New("years must be from 1")
	}
	_, err := Location(r.Zone)
	return err
}

func (n ReminderNotice) check() error {
	if n.AlarmDays < 1 || n.LeadDays <= n.AlarmDays {
		return errors.New("alarm_days must be from 1, and lead_days more")
	}
	return n.Reminder().check()
}

func (n DecisionNotice) check() error {
	if n.AlarmDays < 1 || n.Days <= n.AlarmDays {
		return errors.New("alarm_days must be from 1, and days more")
	}
	_, err := Location(n.Zone)
	return err
}

func (c FrequencyCap) check() error {
	return positive("per_day and per_sender", min(c.PerDay, c.PerSender))
}
func (m MinorGuardian) check() error { return positive("age", m.Age) }
func (m MaxAge) check() error        { return positive("hours", m.Hours) }

func (c ClockStep) check() error { return positive("tolerance_seconds", c.ToleranceSeconds) }

func positive(name string, n int) error {
	if n < 1 {
		return fmt.Errorf("%s must be from 1", name)
	}
	return nil
}

func (s Suppression) check() error {
	seen := map[string]bool{}
	for _, reason := range slices.Concat(s.All, s.Optional, s.Marketing) {
		if seen[reason] {
			return fmt.Errorf("reason %q stands twice", reason)
		}
		seen[reason] = true
	}
	return nil
}
