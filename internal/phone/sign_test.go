package phone

import (
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/purchase"
)

// TestHad: an introductory offer is one for each group, whichever of its products
// had it. Of a product whose group nobody knows, any may have been its own.
func TestHad(t *testing.T) {
	bought := func(product, group string, offer int) purchase.State {
		var p purchase.Period
		p.ProductID, p.Group, p.Offer.Type = product, group, appstore.OfferType(offer)
		return purchase.State{Periods: map[string]purchase.Said[purchase.Period]{"1": {What: p}}}
	}
	trial, full := int(appstore.OfferIntroductory), 0
	coffee := []engawa.Product{{ID: "monthly", Group: "1"}, {ID: "club", Group: "2"}}
	for _, c := range []struct {
		name      string
		all       []purchase.State
		described []engawa.Product
		product   string
		want      bool
	}{
		{"nothing", nil, coffee, "monthly", false},
		{"at the full price", []purchase.State{bought("monthly", "1", full)}, coffee, "monthly", false},
		{"the product itself", []purchase.State{bought("monthly", "1", trial)}, nil, "monthly", true},
		{"another of its group, described", []purchase.State{bought("light", "1", trial)}, coffee, "monthly", true},
		{"another of its group, bought before", []purchase.State{bought("light", "1", trial), bought("monthly", "1", full)}, nil, "monthly", true},
		{"one of another group", []purchase.State{bought("light", "1", trial)}, coffee, "club", false},
		{"a product that nobody described", []purchase.State{bought("light", "1", trial)}, nil, "monthly", true},
		{"a trial whose group was not said", []purchase.State{bought("light", "", trial)}, coffee, "monthly", true},
	} {
		if got := had(c.all, c.described, c.product); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
