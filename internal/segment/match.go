package segment

import (
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Matches reports whether a condition holds of a customer at a time. It is what
// store.Selection asks of all customers in SQL, said on values.
func Matches(c engawa.Condition, p engawa.Profile, now time.Time) bool {
	return holds(c, p, now) != c.Not
}

func holds(c engawa.Condition, p engawa.Profile, now time.Time) bool {
	of := func(part engawa.Condition) bool { return Matches(part, p, now) }
	switch {
	case len(c.All) > 0:
		return !slices.ContainsFunc(c.All, func(part engawa.Condition) bool { return !of(part) })
	case len(c.Any) > 0:
		return slices.ContainsFunc(c.Any, of)
	case c.Is == "":
		return true
	}
	return trait(c, p, now)
}

func trait(c engawa.Condition, p engawa.Profile, now time.Time) bool {
	switch c.Is {
	case engawa.TraitTag:
		return slices.Contains(p.Tags, c.Value)
	case engawa.TraitKind:
		return p.Customer.Kind == c.Value
	case engawa.TraitLocale:
		return string(p.Customer.Locale) == c.Value
	case engawa.TraitCountry:
		return p.Customer.Country == c.Value
	case engawa.TraitMinor:
		return p.Customer.Minor
	case engawa.TraitSubscription:
		return slices.ContainsFunc(p.Subscriptions, func(s engawa.Subscription) bool {
			return covers(c.App, s.App) && covers(c.Product, s.Product) && covers(c.Subscription, s.State)
		})
	case engawa.TraitConsent:
		return agreed(c, p.Consents, now)
	case engawa.TraitContact:
		return slices.ContainsFunc(p.Points, func(x engawa.ContactPoint) bool { return x.Kind == c.Channel && !x.VerifiedAt.IsZero() })
	case engawa.TraitRelationship:
		return slices.ContainsFunc(p.Relations, func(r engawa.Relation) bool { return r.State == c.Value && covers(c.Account, r.Account) })
	case engawa.TraitActive:
		return !p.ActiveAt.IsZero() && !p.ActiveAt.Before(now.AddDate(0, 0, -c.Days))
	case engawa.TraitCreatedAfter:
		return !p.Customer.CreatedAt.Before(*c.At)
	case engawa.TraitCreatedBefore:
		return p.Customer.CreatedAt.Before(*c.At)
	}
	return false
}

// agreed weighs decisions as verdicts do (internal/verdict, standing): a consent
// stands if no matching withdrawal is as new, or names less.
func agreed(c engawa.Condition, all []engawa.Consent, now time.Time) bool {
	bears := func(d engawa.Consent) bool {
		purpose := d.Purpose
		if !d.Given {
			purpose = d.Purpose.Class()
		}
		return d.Controller == engawa.ControllerWorkspace && d.Act == engawa.ActContact && purpose == c.Purpose &&
			covers(d.App, c.App) && covers(d.Channel, c.Channel) && covers(d.Topic, c.Topic)
	}
	return slices.ContainsFunc(all, func(d engawa.Consent) bool {
		return d.Given && !d.Pending && !d.At.After(now) && bears(d) && !slices.ContainsFunc(all, func(w engawa.Consent) bool {
			return !w.Given && bears(w) && (!d.At.After(w.At) || !covers(w.App, d.App) || !covers(w.Channel, d.Channel) || !covers(w.Topic, d.Topic))
		})
	})
}

func covers[S ~string](scope, value S) bool { return scope == "" || scope == value }
