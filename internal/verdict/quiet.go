package verdict

import (
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/rule"
)

// horizon is how far ahead an open moment is looked for. Hours that are closed
// for a whole week of all candidate zones never open.
const horizon = 8 * 24 * time.Hour

// window is one rule's quiet hours on the wall clocks of one zone.
type window struct {
	rule  *rule.Rule
	hours rule.QuietHours
	loc   *time.Location
}

// judgeQuiet holds until the first moment that is open under every rule in
// every zone in which the customer may be.
func (j *judgement) judgeQuiet(a *answer) {
	windows, lifted := j.windows(a)
	for _, w := range lifted {
		if w.closed(j.at) {
			night := j.standing(w.hours.Unless).given
			a.pass(rulesNight, w.rule, "at", stamp(night.At), "wording", night.Wording)
			break
		}
	}
	closed := slices.DeleteFunc(slices.Clone(windows), func(w window) bool { return !w.closed(j.at) })
	if len(closed) == 0 {
		return
	}
	until := opens(windows, j.at)
	first := closed[0]
	if until.Sub(j.at) > horizon {
		a.refuse(rulesQuietNever, first.rule, "zones", zoneNames(windows))
		return
	}
	for i, w := range closed {
		if i == 0 || w.rule.ID != closed[i-1].rule.ID {
			a.hold(until.In(w.loc), rulesQuiet, w.rule,
				"from", w.hours.From.String(), "to", w.hours.To.String(), "zone", w.loc.String())
		}
	}
}

// windows returns the quiet hours that bind the message, and those that a
// separate consent lifts. A zone that nobody knows is refused.
func (j *judgement) windows(a *answer) (bind, lifted []window) {
	for _, r := range j.rules {
		q, ok := r.Body.(rule.QuietHours)
		if !ok || q.Switch == "quiet_all" && !j.House.QuietAllSilent {
			continue
		}
		for _, zone := range j.zones(r, q) {
			loc, err := rule.Location(zone)
			switch {
			case err != nil:
				a.refuse(rulesZone, r, "zone", zone)
			case q.Unless != "" && j.standing(q.Unless).given != nil:
				lifted = append(lifted, window{r, q, loc})
			default:
				bind = append(bind, window{r, q, loc})
			}
		}
	}
	return bind, lifted
}

// zones are those that a rule counts in: its own, and those of the customer,
// or, where nothing is known of the customer, those of the rule's jurisdiction.
func (j *judgement) zones(r *rule.Rule, q rule.QuietHours) []string {
	zones := j.Zones
	if len(zones) == 0 {
		zones = j.set.Zones(r.Jurisdiction, j.Country)
	}
	all := slices.Concat(q.Zones, zones)
	slices.Sort(all)
	return slices.Compact(all)
}

// opens returns the first moment from t on that is open in all windows, or
// some moment beyond the horizon.
func opens(windows []window, t time.Time) time.Time {
	limit := t.Add(horizon)
	for moved := true; moved && !t.After(limit); {
		moved = false
		for _, w := range windows {
			if o := w.hours.Opens(t, w.loc); o.After(t) {
				t, moved = o, true
			}
		}
	}
	return t
}

func (w window) closed(t time.Time) bool { return w.hours.Opens(t, w.loc).After(t) }

func zoneNames(windows []window) string {
	var names []string
	for _, w := range windows {
		names = append(names, w.loc.String())
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// ends are the known instants at which a verdict of send stops being true.
func (j *judgement) ends() []time.Time {
	var ends []time.Time
	if !j.ToDestination {
		windows, _ := j.windows(new(answer))
		for _, w := range windows {
			ends = append(ends, w.hours.Closes(j.at, w.loc))
		}
	}
	if !j.ExpiresAt.IsZero() {
		ends = append(ends, j.ExpiresAt)
	}
	if j.While != nil && !j.While.Until.IsZero() {
		ends = append(ends, j.While.Until)
	}
	if j.Grant != nil && !j.Grant.EndsAt.IsZero() {
		ends = append(ends, j.Grant.EndsAt)
	}
	return ends
}
