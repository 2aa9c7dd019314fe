package refund

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/store"
)

// Policy says how an account's cases are answered. The first rule that fits
// counts; where none does, a person is asked.
type Policy struct {
	Rules []Rule `json:"rules,omitzero"`
	// What is said where the business's systems told nothing of a purchase; empty
	// and nil: a person is asked.
	Delivery appstore.Delivery `json:"delivery,omitzero"`
	Sample   *bool             `json:"sample,omitzero"`
}

// MaxRules bounds the rules of a policy.
const MaxRules = 50

// Rule is what is done with the cases that it fits. An empty condition fits all.
type Rule struct {
	Name        string   `json:"name,omitzero"`
	Products    []string `json:"products,omitzero"`
	Kinds       []string `json:"kinds,omitzero"`       // as engawa.Purchase.Kind
	Storefronts []string `json:"storefronts,omitzero"` // ISO 3166-1 alpha-3
	AgeFrom     int      `json:"age_from,omitzero"`    // whole days from the purchase to the request, at least
	AgeTo       *int     `json:"age_to,omitzero"`      // at most
	EarlierFrom int      `json:"earlier_from,omitzero"`
	EarlierTo   *int     `json:"earlier_to,omitzero"` // refunds of the customer before, at most
	Currency    string   `json:"currency,omitzero"`   // of the amounts, which fit no other
	AmountFrom  *int64   `json:"amount_from,omitzero"`
	AmountTo    *int64   `json:"amount_to,omitzero"` // in thousandths of the currency

	Act        Act                       `json:"act"`
	Preference appstore.RefundPreference `json:"preference,omitzero"` // empty: data alone
}

// Act is what a rule does.
type Act string

// The acts.
const (
	Send    Act = "send"
	Propose Act = "propose"
	Ignore  Act = "ignore" // nothing is answered, on purpose
)

// Acts lists them.
var Acts = [...]Act{Propose, Send, Ignore}

// Preferences lists what the business may wish for; empty: nothing.
var Preferences = [...]appstore.RefundPreference{"", appstore.PreferDecline, appstore.PreferFull, appstore.PreferProrated}

// Deliveries lists what may be said of whether a purchase arrived.
var Deliveries = [...]appstore.Delivery{
	appstore.Delivered, appstore.UndeliveredQuality, appstore.UndeliveredWrongItem, appstore.UndeliveredServerDown, appstore.UndeliveredOtherReason,
}

// ReadPolicy reads a version of a policy; one that was never saved has no rules.
func ReadPolicy(p engawa.RefundPolicy) (out Policy, err error) {
	if p.Version == 0 {
		return out, nil
	}
	if err := json.Unmarshal(p.Body, &out); err != nil {
		return out, fmt.Errorf("read version %d of the refund policy of %s: %w", p.Version, p.Account, err)
	}
	return out, nil
}

// Write is a policy as it is kept.
func (p Policy) Write() ([]byte, error) { return json.Marshal(p, json.Deterministic(true)) }

// Check tells what is wrong with a policy. The error is an *engawa.Error whose
// Field points into it.
func (p Policy) Check() error {
	if len(p.Rules) > MaxRules {
		return engawa.Invalid("/rules", "put rules together", "there are %d rules; %d are allowed", len(p.Rules), MaxRules)
	}
	if p.Delivery != "" && !slices.Contains(Deliveries[:], p.Delivery) {
		return engawa.Invalid("/delivery", "choose one of the list", "%.40q is no delivery that the App Store knows", string(p.Delivery))
	}
	for i, r := range p.Rules {
		if err := r.check(fmt.Sprintf("/rules/%d", i)); err != nil {
			return err
		}
	}
	return nil
}

var kinds = []string{"auto_renewable_subscription", "non_renewing_subscription", "consumable", "non_consumable"}

func (r Rule) check(at string) error {
	for _, k := range r.Kinds {
		if !slices.Contains(kinds, k) {
			return engawa.Invalid(at+"/kinds", "choose from the list", "%.40q is no kind of purchase", k)
		}
	}
	for _, s := range r.Storefronts {
		if len(s) != 3 {
			return engawa.Invalid(at+"/storefronts", "write countries in three letters, as in JPN, KOR, USA", "%.40q is no storefront", s)
		}
	}
	switch {
	case !slices.Contains(Acts[:], r.Act):
		return engawa.Invalid(at+"/act", "choose propose, send or ignore", "%.40q is nothing that a rule can do", string(r.Act))
	case !slices.Contains(Preferences[:], r.Preference):
		return engawa.Invalid(at+"/preference", "choose DECLINE, GRANT_FULL, GRANT_PRORATED or nothing", "%.40q is no preference that the App Store knows", string(r.Preference))
	case r.AgeFrom < 0 || r.AgeTo != nil && *r.AgeTo < r.AgeFrom:
		return engawa.Invalid(at+"/age_to", "give whole days, the smaller number first", "no purchase is of this age")
	case r.EarlierFrom < 0 || r.EarlierTo != nil && *r.EarlierTo < r.EarlierFrom:
		return engawa.Invalid(at+"/earlier_to", "give numbers from 0 on, the smaller first", "no customer has so many refunds")
	case (r.AmountFrom != nil || r.AmountTo != nil) && len(r.Currency) != 3:
		return engawa.Invalid(at+"/currency", "name the currency in three letters, as in JPY", "amounts are of one currency, and none is named")
	case r.AmountFrom != nil && (*r.AmountFrom < 0 || r.AmountTo != nil && *r.AmountTo < *r.AmountFrom):
		return engawa.Invalid(at+"/amount_to", "give amounts from 0 on, the smaller first", "no price lies between these amounts")
	}
	return nil
}

// Rule returns the first rule that fits a case and its place; -1: none does.
func (p Policy) Rule(f store.RefundFacts) (Rule, int) {
	for i, r := range p.Rules {
		if r.fits(f) {
			return r, i
		}
	}
	return Rule{Act: Propose}, -1
}

func (r Rule) fits(f store.RefundFacts) bool {
	c := f.Case
	days := int(c.AskedAt.Sub(c.BoughtAt) / (24 * time.Hour))
	return among(r.Products, c.Product) && among(r.Kinds, c.Kind) && among(r.Storefronts, c.Storefront) &&
		days >= r.AgeFrom && (r.AgeTo == nil || days <= *r.AgeTo) &&
		f.Earlier >= r.EarlierFrom && (r.EarlierTo == nil || f.Earlier <= *r.EarlierTo) &&
		r.paid(c)
}

func (r Rule) paid(c engawa.RefundCase) bool {
	if r.AmountFrom == nil && r.AmountTo == nil {
		return true
	}
	return c.Currency == r.Currency && (r.AmountFrom == nil || c.Price >= *r.AmountFrom) && (r.AmountTo == nil || c.Price <= *r.AmountTo)
}

// among reports whether a list that is not empty holds v.
func among(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
