package purchase

import (
	"cmp"
	"errors"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa/internal/appstore"
)

// State is all that is known of one purchase. It is a value: Fold returns a new
// one. It is kept as JSON; the zero value knows nothing.
type State struct {
	OriginalTransactionID string                  `json:"original_transaction_id"`
	Periods               map[string]Said[Period] `json:"periods,omitzero"` // by transaction id
	Renewal               Said[Renewal]           `json:"renewal,omitzero"`
	Status                Said[appstore.Status]   `json:"status,omitzero"`
	Refunds               map[string]Refund       `json:"refunds,omitzero"`    // by transaction id and moment of the refund
	Remarks               map[string]Remark       `json:"remarks,omitzero"`    // of the store on refunds, by notificationUUID
	Extensions            map[string]Extension    `json:"extensions,omitzero"` // by notificationUUID
}

// Said is the latest word on something. Equal moments are decided by the
// notification's id and then by the content, so that the same reports always
// end in the same state.
type Said[T comparable] struct {
	At   appstore.Date `json:"at,omitzero"`
	By   string        `json:"by,omitzero"` // notificationUUID; empty: an answer
	What T             `json:"what,omitzero"`
}

// or returns the later of two words.
func (s Said[T]) or(o Said[T]) Said[T] {
	if c := cmp.Or(cmp.Compare(s.At, o.At), cmp.Compare(s.By, o.By)); c != 0 {
		if c > 0 {
			return s
		}
		return o
	}
	if s.What == o.What || text(s.What) > text(o.What) {
		return s
	}
	return o
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// Period is a transaction as far as it matters here: a paid period of a
// subscription, or a purchase. Amounts are in thousandths.
type Period struct {
	TransactionID   string        `json:"transaction_id"`
	ProductID       string        `json:"product_id"`
	Type            string        `json:"type,omitzero"` // in Apple's words
	Group           string        `json:"group,omitzero"`
	Shared          bool          `json:"shared,omitzero"` // by the family
	PurchasedAt     appstore.Date `json:"purchased_at,omitzero"`
	ExpiresAt       appstore.Date `json:"expires_at,omitzero"`
	Quantity        int64         `json:"quantity,omitzero"`
	Upgraded        bool          `json:"upgraded,omitzero"` // replaced by a higher plan
	Price           int64         `json:"price,omitzero"`
	Currency        string        `json:"currency,omitzero"` // empty: the price is not known
	Storefront      string        `json:"storefront,omitzero"`
	Offer           Offer         `json:"offer,omitzero"`
	AppAccountToken string        `json:"app_account_token,omitzero"`
	RevokedAt       appstore.Date `json:"revoked_at,omitzero"`
	Advanced        bool          `json:"advanced,omitzero"` // an Advanced Commerce purchase
}

// Offer is what a price came from.
type Offer struct {
	Type   appstore.OfferType `json:"type,omitzero"` // 0: none
	ID     string             `json:"id,omitzero"`
	Pays   string             `json:"pays,omitzero"`   // FREE_TRIAL …
	Period string             `json:"period,omitzero"` // ISO 8601 duration
}

// Renewal is what comes next for a subscription.
type Renewal struct {
	ProductID        string        `json:"product_id,omitzero"`
	NextProductID    string        `json:"next_product_id,omitzero"`
	Told             bool          `json:"told,omitzero"` // whether it renews is known
	On               bool          `json:"on,omitzero"`   // it renews
	At               appstore.Date `json:"at,omitzero"`
	Price            int64         `json:"price,omitzero"`
	Currency         string        `json:"currency,omitzero"` // empty: the price is not known
	Offer            Offer         `json:"offer,omitzero"`
	ExpirationIntent int64         `json:"expiration_intent,omitzero"`
	GraceUntil       appstore.Date `json:"grace_until,omitzero"`
	PriceConsent     PriceConsent  `json:"price_consent,omitzero"`
	WinBack          string        `json:"win_back,omitzero"` // ids of offers, best first, with spaces between
	RunSince         appstore.Date `json:"run_since,omitzero"`
}

// PriceConsent is where a price increase stands.
type PriceConsent string

// The states of a price increase. The store says "agreed" also where it only
// had to tell the customer.
const (
	PricePending PriceConsent = "pending"
	PriceAgreed  PriceConsent = "agreed"
)

// errOther tells a report of another purchase than the state's.
var errOther = errors.New("fold: a report of another purchase, or of none")

// Fold returns s with what reports say. Reports may come in any order and any
// number of times. It fails, and s is returned as it was, if one is about another
// purchase.
func (s State) Fold(reports ...Report) (State, error) {
	before := s
	s.Periods, s.Refunds = clone(s.Periods), clone(s.Refunds)
	s.Remarks, s.Extensions = clone(s.Remarks), clone(s.Extensions)
	for _, r := range reports {
		if r.Transaction == nil || r.Transaction.OriginalTransactionID == "" {
			return before, errOther
		}
		s.OriginalTransactionID = cmp.Or(s.OriginalTransactionID, r.Transaction.OriginalTransactionID)
		if s.OriginalTransactionID != r.Transaction.OriginalTransactionID {
			return before, errOther
		}
		s.hear(r)
	}
	return s, nil
}

func clone[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// hear takes one report into a state whose maps are its own.
func (s *State) hear(r Report) {
	t := r.Transaction
	s.Periods[t.TransactionID] = s.Periods[t.TransactionID].or(Said[Period]{t.SignedDate, r.ID, period(t)})
	if r.Renewal != nil {
		s.Renewal = s.Renewal.or(Said[Renewal]{r.Renewal.SignedDate, r.ID, renewal(r.Renewal)})
	}
	if r.Status != 0 {
		s.Status = s.Status.or(Said[appstore.Status]{r.At, r.ID, r.Status})
	}
	s.refund(r)
	if r.Type == "RENEWAL_EXTENDED" {
		s.Extensions[r.ID] = Extension{At: r.At, Until: t.ExpiresDate}
	}
}

func period(t *appstore.Transaction) Period {
	return Period{
		TransactionID: t.TransactionID, ProductID: t.ProductID, Type: t.Type, Group: t.SubscriptionGroupIdentifier,
		Shared:      t.InAppOwnershipType == "FAMILY_SHARED",
		PurchasedAt: t.PurchaseDate, ExpiresAt: t.ExpiresDate, Quantity: value(t.Quantity), Upgraded: value(t.IsUpgraded),
		Price: value(t.Price), Currency: t.Currency, Storefront: t.Storefront,
		Offer:           Offer{t.OfferType, t.OfferIdentifier, t.OfferDiscountType, t.OfferPeriod},
		AppAccountToken: strings.ToLower(t.AppAccountToken), RevokedAt: t.RevocationDate, Advanced: t.AdvancedCommerceInfo != nil,
	}
}

func renewal(r *appstore.RenewalInfo) Renewal {
	w := Renewal{
		ProductID: r.ProductID, NextProductID: r.AutoRenewProductID,
		Told: r.AutoRenewStatus != nil, On: value(r.AutoRenewStatus) == 1, At: r.RenewalDate,
		Price: value(r.RenewalPrice), Currency: r.Currency,
		Offer:            Offer{r.OfferType, r.OfferIdentifier, r.OfferDiscountType, r.OfferPeriod},
		ExpirationIntent: r.ExpirationIntent, GraceUntil: r.GracePeriodExpiresDate,
		WinBack: strings.Join(r.EligibleWinBackOfferIDs, " "), RunSince: r.RecentSubscriptionStartDate,
	}
	if s := r.PriceIncreaseStatus; s != nil {
		w.PriceConsent = PricePending
		if *s == 1 {
			w.PriceConsent = PriceAgreed
		}
	}
	return w
}

// value returns what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Redeemed reports whether something was bought by a code of an offer.
func (s State) Redeemed(offer string) bool {
	for _, said := range s.Periods {
		if o := said.What.Offer; o.Type == appstore.OfferCode && o.ID == offer {
			return true
		}
	}
	return false
}
