package verdict

import (
	"time"

	"github.com/engawa/engawa"
)

// Decided are the decisions that bear on an act which is no message.
type Decided struct {
	Given     *engawa.Consent // stands
	Pending   *engawa.Consent // would stand, were it confirmed
	Withdrawn *engawa.Consent // the newest withdrawal
}

// Sharing weighs a customer's decisions on an act that is no message, such as to
// share usage data with a store: for the business itself, one app (empty: one that
// is not known, which only a consent for all apps covers, and a withdrawal for any)
// and one channel. It
// follows the rule of consents for messages, but that the purpose does not matter:
// a consent stands if no later or broader withdrawal stops it, whatever purpose
// that names. The order of the list does not matter.
func Sharing(all []engawa.Consent, act engawa.Act, app, channel string, at time.Time) Decided {
	return SharingWith(engawa.ControllerWorkspace, all, act, app, channel, at)
}

// SharingWith is Sharing with a controller: the business itself, or a partner.
func SharingWith(controller string, all []engawa.Consent, act engawa.Act, app, channel string, at time.Time) (d Decided) {
	bears := func(c engawa.Consent) bool {
		return c.Act == act && c.Controller == controller && (covers(c.App, app) || app == "" && !c.Given) && covers(c.Channel, channel)
	}
	for i := range all {
		c := &all[i]
		switch {
		case !bears(*c):
		case !c.Given:
			d.Withdrawn = latest(d.Withdrawn, c)
		case c.At.After(at.Add(skew)) || c.Topic != "" || stopped(*c, all, bears):
		case c.Pending:
			d.Pending = latest(d.Pending, c)
		default:
			d.Given = latest(d.Given, c)
		}
	}
	return d
}

func stopped(c engawa.Consent, all []engawa.Consent, bears func(engawa.Consent) bool) bool {
	for _, w := range all {
		if !w.Given && bears(w) && (!c.At.After(w.At) || !covers(w.App, c.App) || !covers(w.Channel, c.Channel) || !covers(w.Topic, c.Topic)) {
			return true
		}
	}
	return false
}

func latest(a, b *engawa.Consent) *engawa.Consent {
	if a == nil || b.At.After(a.At) {
		return b
	}
	return a
}
