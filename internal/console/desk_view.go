package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/purchase"
)

// Found is what came of looking for somebody, with nothing of what was typed.
type Found struct {
	As    []string // what it was looked for as, in words
	More  bool
	Asked []Choice // accounts of the App Store, and what came of asking them
	Try   []string // nothing was found: what to do now
}

// Entitlement is one thing that a customer may use now.
type Entitlement struct {
	Name   string
	Until  time.Time // zero: no end is known
	By     string    // the product
	Shared bool
	Units  int64
}

// Purchase is one purchase in words.
type Purchase struct {
	ID, Product, Kind string
	Tone              string // of the chip
	State             string // in words
	Open              bool   // it gives access now
	Sandbox           bool   // nobody paid for it
	Means             string // what the state entitles to
	Say               string // what to say to the customer
	Facts             []Choice
	Limits            desk.Limits
	Renews            bool // it is a subscription
}

// Extend is where a renewal date is moved.
type Extend struct {
	Page
	ID, Customer, Name string // of the purchase; the customer
	Product            string
	Limits             desk.Limits
	Days               string
	Reason             string
	Problem, Remedy    string
	Last               *Extension // the newest one asked for
}

// Extension is a move of renewal dates, in words.
type Extension struct {
	ID, Product, Account, Storefronts string
	Customer                          string // empty: of all
	Days                              int
	Reason, Who                       string
	State                             engawa.ExtensionState
	Why                               string // of a refusal
	Concerned, Succeeded, Failed      int64
	At, EndsAt, DoneAt, NextAt        time.Time
}

// Outages are the moves for all subscribers of a product.
type Outages struct {
	Page
	Rows []Extension
	Next string
}

// OutageForm asks for one, and shows whom it would concern.
type OutageForm struct {
	Page
	Sold            []Choice // "account product", in words
	Chosen          string
	Storefronts     []Storefront
	Days, Reason    string
	Request         string // the UUID of what is sent; empty: nothing can be sent yet
	Concerned       int64
	Account         string // of Chosen, in words
	Product         string
	Where           string // the storefronts that were chosen, in words
	Problem, Remedy string
}

// Storefront is one country of the store, with how many subscribers it has.
type Storefront struct {
	Code, Name string
	Living     int64
	Chosen     bool
}

// Outage is one of them.
type Outage struct {
	Page
	Extension
	Failures []EventRow // what the store told of, the newest
}

// Letter is a message to one customer before it is sent.
type Letter struct {
	Page
	ID, Name      string
	Accounts      []Choice
	Account       string
	Purpose       string
	Reason        string
	Subject, Text string
	Verdicts      []Verdict
	Problem       string
}

// letterPurposes are those that a member writes for.
var letterPurposes = []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing}

// reasons are choices, the likeliest first.
func (p Page) reasons(all []engawa.Because) []Choice {
	choices := make([]Choice, len(all))
	for i, r := range all {
		choices[i] = Choice{string(r), p.because(r)}
	}
	return choices
}

// because says why a member did something; empty where nobody was asked.
func (p Page) because(r engawa.Because) string {
	if r == "" {
		return ""
	}
	return p.T("because." + string(r))
}

// extendReasons are the App Store's four, the likeliest first.
var extendReasons = []appstore.ExtendReason{appstore.ExtendSatisfaction, appstore.ExtendOutage, appstore.ExtendOther, appstore.ExtendUndeclared}

// purchaseKey is the part of a key by which a purchase's state has words: its
// state, and of one that is paid whether it goes on.
func purchaseKey(v purchase.View, state engawa.PurchaseState) string {
	switch {
	case v.Overdue && v.Entitled:
		return "overdue"
	case v.Canceled:
		return "canceled"
	case state == engawa.PurchaseOwned && v.Kind == purchase.Consumable:
		return "units"
	}
	return string(state)
}

func purchaseTone(v purchase.View) string {
	switch {
	case v.Entitled && (v.Canceled || v.Overdue || v.Status == appstore.StatusBillingGracePeriod):
		return "wait"
	case v.Entitled:
		return "go"
	case v.Status == appstore.StatusBillingRetry:
		return "wait"
	case v.Status == appstore.StatusRevoked:
		return "no"
	}
	return "off"
}

func extensionTone(s engawa.ExtensionState) string {
	switch s {
	case engawa.ExtensionDone:
		return "go"
	case engawa.ExtensionRefused:
		return "no"
	case engawa.ExtensionUnknown:
		return "unk"
	case engawa.ExtensionUndone:
		return "off"
	case engawa.ExtensionWaiting, engawa.ExtensionAsking, engawa.ExtensionRunning:
	}
	return "wait"
}

// moneyOf shows an amount in thousandths of a currency.
func (p Page) moneyOf(amount int64, currency string) string {
	if currency == "JPY" || currency == "KRW" {
		return p.Money(amount/1000, currency)
	}
	return p.Money(amount/10, currency)
}

// storefrontWords names a storefront.
func (p Page) storefrontWords(code string) string {
	if code == "" {
		return p.T("extend.everywhere")
	}
	if key := "storefront." + code; p.Words.Has(key) {
		return p.T(key)
	}
	return code
}

// purchaseView says in words how a purchase stands now.
func (p Page) purchaseView(o desk.Owned, l desk.Limits) Purchase {
	view := Purchase{ID: o.ID, Product: o.Product, Kind: p.T("purchase.kind." + o.Kind), Limits: l, Renews: o.Kind == string(purchase.Renewing), Sandbox: o.Environment == engawa.Sandbox}
	if o.Facts == nil {
		view.State, view.Tone = p.T("customer.erased"), "off"
		return view
	}
	v, state := o.Stands(p.Now)
	key := purchaseKey(v, state)
	view.State, view.Tone, view.Open = p.T("purchase.state."+key), purchaseTone(v), v.Entitled
	view.Means, view.Say = p.T("purchase.means."+key), p.T("purchase.say."+key)
	view.fact(p.T("purchase.until"), p.dated(v.Until))
	if v.Canceled || v.RenewsAt.IsZero() {
		view.fact(p.T("purchase.ended"), p.dated(v.EndedAt))
	} else {
		view.fact(p.T("purchase.renews"), p.dated(v.RenewsAt))
	}
	if v.RenewalCurrency != "" {
		view.fact(p.T("purchase.price"), p.moneyOf(v.RenewalPrice, v.RenewalCurrency))
	}
	if v.Reason != "" {
		view.fact(p.T("purchase.why"), p.T("purchase.reason."+string(v.Reason)))
	}
	view.fact(p.T("purchase.retry"), p.dated(v.RetryUntil))
	view.fact(p.T("purchase.next"), v.Pending)
	if v.PriceConsent == purchase.PricePending {
		view.fact(p.T("purchase.rise"), p.T("purchase.rise.pending"))
	}
	if v.Offer.Type != 0 {
		view.fact(p.T("purchase.offer"), joinDot(p.T("purchase.offer."+offerKey(v.Offer.Type)), v.Offer.ID))
	}
	if v.Shared {
		view.fact(p.T("purchase.shared"), p.T("purchase.shared.family"))
	}
	if v.EndedAt.IsZero() || p.Now.Before(v.CountKeptUntil) {
		view.fact(p.T("purchase.kept"), p.dated(v.CountKeptUntil))
	}
	view.fact(p.T("purchase.bought"), p.dated(o.BoughtAt))
	view.fact(p.T("purchase.storefront"), p.storefrontWords(o.Storefront))
	view.fact(p.T("purchase.environment"), p.tested(o.Environment))
	view.fact(p.T("purchase.heard"), p.dated(o.HeardAt))
	return view
}

// tested marks what is of the sandbox; empty: it is not.
func (p Page) tested(environment string) string {
	if environment != engawa.Sandbox {
		return ""
	}
	return p.T("purchase.sandbox")
}

func (v *Purchase) fact(label, text string) {
	if text != "" {
		v.Facts = append(v.Facts, Choice{label, text})
	}
}

// dated is a date and a time; empty: none.
func (p Page) dated(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return p.Date(t) + " " + p.Minute(t)
}

func offerKey(t appstore.OfferType) string {
	if t >= 1 && t <= 4 {
		return [...]string{"introductory", "promotional", "code", "win_back"}[t-1]
	}
	return "other"
}

// limitWords says why a renewal date cannot be moved, and what to do instead.
func (p Page) limitWords(l desk.Limits) (why, instead string) {
	if l.Why == "" {
		return "", ""
	}
	return p.T("extend.why." + string(l.Why)), p.T("extend.instead."+string(l.Why), "date", p.dated(l.Again))
}
