package purchase

import (
	"cmp"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/appstore"
)

// Kind is what was bought.
type Kind string

// The kinds, named as in a store event's product_type.
const (
	Renewing      Kind = "auto_renewable_subscription"
	NonRenewing   Kind = "non_renewing_subscription"
	Consumable    Kind = "consumable"
	NonConsumable Kind = "non_consumable"
)

// Spans of the App Store.
const (
	// RetrySpan is how long it tries to collect a failed payment.
	RetrySpan = 60 * 24 * time.Hour
	// CountSpan is how long after the end of a subscription a return goes on with
	// the count of days of paid service, of which a year brings the higher share.
	CountSpan = 60 * 24 * time.Hour
	// Patience is how long access goes on where a renewal is due and nothing was
	// heard: until the nightly reconciliation has asked. Shutting a paying customer
	// out costs more than a day.
	Patience = 24 * time.Hour
)

// View is what holds at a moment.
type View struct {
	Kind            Kind
	TransactionID   string // the latest
	ProductID       string
	Group           string
	Shared          bool // by a family member who bought it
	AppAccountToken string
	Offer           Offer // that the present price came from

	// Entitled says whether the customer has access, until Until (zero: no end is
	// known). Overdue says that the store should have said more by now: ask it.
	Entitled bool
	Until    time.Time
	Overdue  bool

	// Of a subscription.
	Status          appstore.Status // 0: none
	Canceled        bool            // paid, and ends at Until
	RenewsAt        time.Time       // zero: it does not, or nobody said when
	RenewalPrice    int64           // thousandths
	RenewalCurrency string          // currency; empty: the price is not known
	RenewalOffer    Offer
	Pending         string       // the product that it changes to at the renewal
	PriceConsent    PriceConsent // while there is a subscription that may renew
	WinBack         []string     // eligible offers, best first
	EndedAt         time.Time
	Reason          EndReason // why it ended, or did not renew
	RetryUntil      time.Time // the store tries to collect until then
	CountKeptUntil  time.Time // a return until then keeps the year's count
}

// EndReason is why a subscription ended.
type EndReason string

// The reasons.
const (
	EndCanceled           EndReason = "canceled"
	EndBilling            EndReason = "billing"
	EndPriceIncrease      EndReason = "price_increase"
	EndProductUnavailable EndReason = "product_unavailable"
	EndOther              EndReason = "other"
	EndRefunded           EndReason = "refunded"
	EndShareEnded         EndReason = "share_ended"
)

// At tells what holds at now. The zero State gives the zero View.
func (s State) At(now time.Time) View {
	if len(s.Periods) == 0 {
		return View{}
	}
	said := s.latest()
	p := said.What
	v := View{
		Kind: kind(p.Type), TransactionID: p.TransactionID, ProductID: p.ProductID, Group: p.Group, Shared: p.Shared,
		AppAccountToken: p.AppAccountToken, Offer: p.Offer,
	}
	if v.Kind != Renewing {
		v.Entitled, v.Until = !s.revoked(p), p.ExpiresAt.Time()
		if !v.Until.IsZero() && !now.Before(v.Until) {
			v.Entitled = false
		}
		return v
	}
	v.Status, v.Overdue = s.status(said, now)
	s.access(&v, p)
	s.prospects(&v)
	s.end(&v, p)
	return v
}

// kind reads Apple's "Auto-Renewable Subscription".
func kind(typ string) Kind {
	return Kind(strings.ToLower(strings.NewReplacer(" ", "_", "-", "_").Replace(typ)))
}

// latest is the word on the period that began last; one that a higher plan
// replaced counts only if there is no other.
func (s State) latest() Said[Period] {
	var best Said[Period]
	for _, said := range s.Periods {
		if best.What.TransactionID == "" || after(said.What, best.What) {
			best = said
		}
	}
	return best
}

func after(a, b Period) bool {
	if a.Upgraded != b.Upgraded {
		return b.Upgraded
	}
	return cmp.Or(cmp.Compare(a.PurchasedAt, b.PurchasedAt), cmp.Compare(a.ExpiresAt, b.ExpiresAt), cmp.Compare(a.TransactionID, b.TransactionID)) > 0
}

// status is the store's last word on the status, corrected by a later word on
// the period, which an answer without a status may bring, and by the time that
// has passed since.
func (s State) status(said Said[Period], now time.Time) (status appstore.Status, overdue bool) {
	status = s.Status.What
	p := said.What
	if status == 0 || said.At > s.Status.At {
		status = byPeriod(status, p.ExpiresAt.Time(), s.revoked(p), now)
	}
	switch status {
	case appstore.StatusActive:
		return s.active(p, now)
	case appstore.StatusBillingGracePeriod:
		if until := s.Renewal.What.GraceUntil.Time(); !until.IsZero() && !now.Before(until) {
			status = appstore.StatusBillingRetry
		}
	case appstore.StatusExpired, appstore.StatusBillingRetry, appstore.StatusRevoked:
	}
	if status == appstore.StatusBillingRetry && !now.Before(p.ExpiresAt.Time().Add(RetrySpan)) {
		status = appstore.StatusExpired
	}
	return status, false
}

// byPeriod judges by a period's dates alone; before is what the store said
// earlier, or 0.
func byPeriod(before appstore.Status, expires time.Time, revoked bool, now time.Time) appstore.Status {
	switch {
	case revoked:
		return appstore.StatusRevoked
	case now.Before(expires):
		return appstore.StatusActive
	case before == 0 || before == appstore.StatusRevoked:
		return appstore.StatusExpired
	}
	return before
}

// active judges a subscription that was active by the time that has passed.
func (s State) active(p Period, now time.Time) (status appstore.Status, overdue bool) {
	expires := p.ExpiresAt.Time()
	switch {
	case now.Before(expires) || expires.IsZero():
		return appstore.StatusActive, false
	case s.Renewal.What.Told && !s.Renewal.What.On:
		return appstore.StatusExpired, false // it ended as it was to
	}
	if now.Before(expires.Add(Patience)) {
		return appstore.StatusActive, true
	}
	return appstore.StatusExpired, true
}

// access fills in whether the status gives access, and until when.
func (s State) access(v *View, p Period) {
	switch v.Status {
	case appstore.StatusActive:
		v.Entitled, v.Until = true, p.ExpiresAt.Time()
		if v.Overdue {
			v.Until = v.Until.Add(Patience)
		}
	case appstore.StatusBillingGracePeriod:
		v.Entitled, v.Until = true, s.Renewal.What.GraceUntil.Time()
	case appstore.StatusExpired, appstore.StatusBillingRetry, appstore.StatusRevoked:
	}
}

// prospects fills in what comes next.
func (s State) prospects(v *View) {
	r := s.Renewal.What
	v.WinBack = strings.Fields(r.WinBack)
	alive := v.Status == appstore.StatusActive || v.Status == appstore.StatusBillingGracePeriod || v.Status == appstore.StatusBillingRetry
	v.Canceled = v.Status == appstore.StatusActive && r.Told && !r.On
	if !alive {
		return
	}
	if v.PriceConsent = r.PriceConsent; !r.On {
		return
	}
	v.RenewsAt, v.RenewalPrice, v.RenewalCurrency, v.RenewalOffer = r.At.Time(), r.Price, r.Currency, r.Offer
	if r.NextProductID != "" && r.NextProductID != v.ProductID {
		v.Pending = r.NextProductID
	}
}

// end fills in since when and why there is no paid period any more.
func (s State) end(v *View, p Period) {
	switch v.Status {
	case appstore.StatusActive, appstore.StatusBillingGracePeriod:
		return
	case appstore.StatusBillingRetry:
		v.EndedAt, v.Reason = p.ExpiresAt.Time(), EndBilling
		v.RetryUntil = v.EndedAt.Add(RetrySpan)
	case appstore.StatusRevoked:
		v.EndedAt, v.Reason = p.ExpiresAt.Time(), EndRefunded
		if p.RevokedAt != 0 {
			v.EndedAt = p.RevokedAt.Time()
		}
		if p.Shared || s.Refunds[refundKey(p.TransactionID, p.RevokedAt)].Type == familyRevoke {
			v.Reason = EndShareEnded
		}
	case appstore.StatusExpired:
		v.EndedAt, v.Reason = p.ExpiresAt.Time(), s.reason()
	}
	v.CountKeptUntil = v.EndedAt.Add(CountSpan)
}

// reason is the store's expirationIntent, or what follows from the rest while
// it has not said.
func (s State) reason() EndReason {
	reasons := []EndReason{"", EndCanceled, EndBilling, EndPriceIncrease, EndProductUnavailable, EndOther}
	r := s.Renewal.What
	switch {
	case r.ExpirationIntent > 0 && r.ExpirationIntent < int64(len(reasons)):
		return reasons[r.ExpirationIntent]
	case r.ExpirationIntent != 0:
		return EndOther
	case s.Status.What == appstore.StatusBillingRetry || s.Status.What == appstore.StatusBillingGracePeriod:
		return EndBilling
	case r.Told && !r.On:
		return EndCanceled
	}
	return EndOther
}

// First is when the purchase was first made, as far as is known.
func (s State) First() time.Time {
	var first appstore.Date
	for _, p := range s.Periods {
		if first == 0 || p.What.PurchasedAt < first {
			first = p.What.PurchasedAt
		}
	}
	return first.Time()
}

// Heard is the moment of the store's last word.
func (s State) Heard() time.Time {
	last := max(s.Renewal.At, s.Status.At)
	for _, p := range s.Periods {
		last = max(last, p.At)
	}
	for _, m := range s.Remarks {
		last = max(last, m.At)
	}
	return last.Time()
}

// Storefront is the country of the store in which it was last paid, ISO 3166-1
// alpha-3.
func (s State) Storefront() string { return s.latest().What.Storefront }
