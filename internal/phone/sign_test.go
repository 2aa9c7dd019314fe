package phone

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/purchase"
)

// TestAllows: a promotional offer is for who is or was subscribed in the product's
// own group, and stands there where the rule wants; what stands in another group
// says nothing.
func TestAllows(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	ends := map[string]appstore.Date{"active": appstore.Date(now.AddDate(0, 0, 9).UnixMilli()), "expired": appstore.Date(now.AddDate(0, 0, -9).UnixMilli())}
	sub := func(product, group, state string, shared bool) purchase.State {
		var p purchase.Period
		p.TransactionID, p.ProductID, p.Group, p.Type, p.ExpiresAt, p.Shared = "1", product, group, "Auto-Renewable Subscription", ends[state], shared
		return purchase.State{OriginalTransactionID: "1", Periods: map[string]purchase.Said[purchase.Period]{"1": {What: p}}}
	}
	for _, c := range []struct {
		name, states, group string
		all                 []purchase.State
		want                bool
	}{
		{"nobody's", "", "1", nil, false},
		{"the product", "", "1", []purchase.State{sub("year", "1", "active", false)}, true},
		{"another of the group", "", "1", []purchase.State{sub("month", "1", "active", false)}, true},
		{"one of another group", "", "1", []purchase.State{sub("club", "2", "active", false)}, false},
		{"expired here, active elsewhere", "active", "1", []purchase.State{sub("month", "1", "expired", false), sub("club", "2", "active", false)}, false},
		{"expired here, which is wanted", "expired", "1", []purchase.State{sub("month", "1", "expired", false), sub("club", "2", "active", false)}, true},
		{"the family's", "", "1", []purchase.State{sub("month", "1", "active", true)}, false},
		{"the product, of a group that nobody said", "", "", []purchase.State{sub("year", "", "active", false)}, true},
		{"another, where nobody said the group", "", "", []purchase.State{sub("month", "", "active", false)}, false},
	} {
		if got := allows(appstore.OfferRule{Product: "year", Offer: "stay", States: strings.Fields(c.states)}, c.group, c.all, now); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

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
