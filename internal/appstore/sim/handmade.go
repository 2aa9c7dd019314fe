package sim

import (
	"encoding/json"
	"errors"
	"time"
)

// Subscription is one customer's auto-renewable subscription that stands outside
// the simulated world: what Notification tells of it is made up.
type Subscription struct {
	OriginalTransactionID string
	TransactionID         string // of this period; empty: the original one
	AppAccountToken       string // a UUID; empty: none
	ProductID             string
	StartedAt             time.Time // of the subscription; zero: six months before
	ExpiresAt             time.Time
	AutoRenew             bool
	Status                int   // 1 active, 2 expired, 3 billing retry, 4 billing grace period, 5 revoked; 0: active
	Price                 int64 // milliunits
	Currency              string
	Storefront            string    // ISO 3166-1 alpha-3
	GraceUntil            time.Time // in the billing grace period
	RevokedAt             time.Time // refunded
	ExpirationIntent      int       // 1 cancelled, 2 billing; 0: not expired
}

// Notification returns the body that the store posts for a subscription: a
// notification of typ and subtype (may be empty) signed at the instant at.
func (s *Store) Notification(typ, subtype string, sub Subscription, at time.Time) (uuid string, body []byte, err error) {
	if sub.StartedAt.IsZero() {
		sub.StartedAt = at.AddDate(0, -6, 0)
	}
	if sub.Status == 0 {
		sub.Status = statusActive
	}
	transaction, err1 := s.Sign(s.handmade(typ, sub, at))
	renewal, err2 := s.Sign(s.handmadeRenewal(sub, at))
	if err := errors.Join(err1, err2); err != nil {
		return "", nil, err
	}
	uuid = newUUID()
	signed, err := s.Sign(payload{Type: typ, Subtype: subtype, UUID: uuid, Version: "2.0", SignedDate: millis(at), Data: &noticeData{
		AppAppleID: s.AppAppleID, BundleID: s.BundleID, BundleVersion: version, Environment: s.Environment, Transaction: transaction, Renewal: renewal, Status: sub.Status,
	}})
	if err != nil {
		return "", nil, err
	}
	body, err = json.Marshal(map[string]string{"signedPayload": signed})
	return uuid, body, err
}

func (s *Store) handmade(typ string, sub Subscription, at time.Time) transactionInfo {
	t := transactionInfo{
		TransactionID: sub.TransactionID, OriginalID: sub.OriginalTransactionID, BundleID: s.BundleID, ProductID: sub.ProductID, Group: "20500001",
		PurchaseDate: millis(sub.ExpiresAt.AddDate(0, -1, 0)), OriginalPurchaseDate: millis(sub.StartedAt), ExpiresDate: millis(sub.ExpiresAt), Quantity: 1,
		Type: AutoRenewable, Ownership: ownership(false), SignedDate: millis(at), Environment: s.Environment, AppAccountToken: sub.AppAccountToken,
		Price: &sub.Price, Currency: sub.Currency, Storefront: sub.Storefront, TransactionReason: "RENEWAL", RevocationDate: millis(sub.RevokedAt),
	}
	if t.TransactionID == "" {
		t.TransactionID = t.OriginalID
	}
	if typ == "SUBSCRIBED" {
		t.TransactionReason = "PURCHASE"
	}
	if !sub.RevokedAt.IsZero() {
		t.RevocationReason = new(0)
	}
	return t
}

func (s *Store) handmadeRenewal(sub Subscription, at time.Time) renewalInfo {
	r := renewalInfo{
		OriginalID: sub.OriginalTransactionID, AutoRenewProductID: sub.ProductID, ProductID: sub.ProductID, SignedDate: millis(at), Environment: s.Environment,
		RenewalDate: millis(sub.ExpiresAt), RecentStart: millis(sub.StartedAt), BillingRetry: new(sub.Status == statusRetry || sub.Status == statusGrace),
		GraceUntil: millis(sub.GraceUntil), ExpirationIntent: sub.ExpirationIntent,
	}
	if sub.AutoRenew {
		r.AutoRenewStatus = 1
	}
	return r
}
