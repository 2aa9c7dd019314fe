package purchase

import (
	"slices"
	"strings"
	"time"
)

// Product is what a product of the business entitles to. One that is not
// described entitles to itself.
type Product struct {
	Entitlements []string // several products may open the same door
	Months, Days int      // how long a non-renewing subscription lasts, which the store does not know; both 0: without end
}

// Entitlement is one door that is open to a customer.
type Entitlement struct {
	Name      string
	Until     time.Time // zero: no end is known
	ProductID string    // by which
	Shared    bool      // by the family
	Units     int64     // of consumables: bought and not taken back; what is left of them is the app's to know
}

// Entitlements are the open doors of one customer, by name. Of several purchases
// that open the same door the one that lasts longest is named. A non-renewing
// subscription that is bought while one of the same product runs begins when
// that ends.
func Entitlements(purchases []State, products map[string]Product, now time.Time) []Entitlement {
	var open []Entitlement
	bought := map[string][]time.Time{} // non-renewing ones, by product
	for _, s := range purchases {
		v := s.At(now)
		switch {
		case !v.Entitled:
		case v.Kind == NonRenewing:
			bought[v.ProductID] = append(bought[v.ProductID], s.latest().What.PurchasedAt.Time())
		case v.Kind == Consumable:
			open = append(open, Entitlement{ProductID: v.ProductID, Units: max(1, s.latest().What.Quantity)})
		default:
			open = append(open, Entitlement{Until: v.Until, ProductID: v.ProductID, Shared: v.Shared})
		}
	}
	for id, at := range bought {
		if until, runs := products[id].runs(at, now); runs {
			open = append(open, Entitlement{Until: until, ProductID: id})
		}
	}
	return doors(open, products)
}

// runs puts purchases of a non-renewing subscription one behind the other and
// tells whether one runs at now, and when the last one ends.
func (p Product) runs(bought []time.Time, now time.Time) (until time.Time, ok bool) {
	slices.SortFunc(bought, time.Time.Compare)
	if p.Months == 0 && p.Days == 0 {
		return time.Time{}, !bought[0].After(now)
	}
	for _, at := range bought {
		if at.After(now) {
			break
		}
		if until.Before(at) {
			until = at
		}
		until = until.AddDate(0, p.Months, p.Days)
	}
	return until, now.Before(until)
}

// doors names what products open and keeps one line for each name.
func doors(open []Entitlement, products map[string]Product) []Entitlement {
	byName := map[string]Entitlement{}
	for _, e := range open {
		names := products[e.ProductID].Entitlements
		if len(names) == 0 {
			names = []string{e.ProductID}
		}
		for _, e.Name = range names {
			known, ok := byName[e.Name]
			best := e
			if ok && !longer(e, known) {
				best = known
			}
			best.Units = e.Units + known.Units
			byName[e.Name] = best
		}
	}
	all := make([]Entitlement, 0, len(byName))
	for _, e := range byName {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entitlement) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// longer reports whether a lasts longer than b, or as long by a product whose id
// comes first; no end is the longest.
func longer(a, b Entitlement) bool {
	switch {
	case a.Until.Equal(b.Until):
		return a.ProductID < b.ProductID
	case b.Until.IsZero():
		return false
	}
	return a.Until.IsZero() || a.Until.After(b.Until)
}
