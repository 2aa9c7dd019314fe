package appstore

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
)

// Issuer is the issuer of the identities in a store event.
const Issuer = "appstore"

// Kinds of the identities in a store event.
const (
	KindOriginalTransaction = "original_transaction_id"
	KindAppAccountToken     = "app_account_token"
	KindAppTransaction      = "app_transaction_id"
)

// Facts is the Data of a store event: what routes, templates and people ask
// for, in plain words. Absent means that Apple did not say. Amounts are decimal
// strings in units of the currency ("10.99", "980"), times RFC 3339 in UTC.
// The customer's own tokens are not here but in the event's identities.
type Facts struct {
	Type        string `json:"type"` // in Apple's words
	Subtype     string `json:"subtype,omitzero"`
	Environment string `json:"environment"` // production or sandbox
	BundleID    string `json:"bundle_id"`
	AppAppleID  int64  `json:"app_apple_id,omitzero"`
	AppVersion  string `json:"app_version,omitzero"`
	Status      string `json:"status,omitzero"` // active, expired, billing_retry, billing_grace_period, revoked; else Apple's number
	Entitled    *bool  `json:"entitled,omitzero"`

	ProductID             string    `json:"product_id,omitzero"`
	ProductType           string    `json:"product_type,omitzero"` // auto_renewable_subscription, consumable …
	SubscriptionGroup     string    `json:"subscription_group,omitzero"`
	TransactionID         string    `json:"transaction_id,omitzero"`
	OriginalTransactionID string    `json:"original_transaction_id,omitzero"`
	WebOrderLineItemID    string    `json:"web_order_line_item_id,omitzero"`
	Ownership             string    `json:"ownership,omitzero"` // purchased, family_shared
	Reason                string    `json:"reason,omitzero"`    // purchase, renewal
	Quantity              int64     `json:"quantity,omitzero"`
	Storefront            string    `json:"storefront,omitzero"` // ISO 3166-1 alpha-3
	Price                 string    `json:"price,omitzero"`
	Currency              string    `json:"currency,omitzero"`
	Offer                 *Offer    `json:"offer,omitzero"`
	Upgraded              bool      `json:"upgraded,omitzero"` // replaced by a higher plan
	PurchasedAt           time.Time `json:"purchased_at,omitzero"`
	FirstPurchasedAt      time.Time `json:"first_purchased_at,omitzero"`
	ExpiresAt             time.Time `json:"expires_at,omitzero"`
	Revocation            *Taken    `json:"revocation,omitzero"`

	AutoRenew          *bool     `json:"auto_renew,omitzero"`
	AutoRenewProductID string    `json:"auto_renew_product_id,omitzero"`
	RenewsAt           time.Time `json:"renews_at,omitzero"`
	RenewalPrice       string    `json:"renewal_price,omitzero"`
	RenewalCurrency    string    `json:"renewal_currency,omitzero"`
	RenewalOffer       *Offer    `json:"renewal_offer,omitzero"`
	SubscribedAt       time.Time `json:"subscribed_at,omitzero"` // of the current run of renewals
	BillingRetry       *bool     `json:"billing_retry,omitzero"` // has been seen false in the grace period: go by status
	GraceUntil         time.Time `json:"grace_until,omitzero"`
	PriceIncrease      string    `json:"price_increase,omitzero"`    // pending, agreed
	ExpirationReason   string    `json:"expiration_reason,omitzero"` // canceled, billing, price_increase, product_unavailable, other
	WinBackOffers      []string  `json:"win_back_offers,omitzero"`   // best first

	ConsumptionReason string     `json:"consumption_reason,omitzero"`
	AnswerBy          time.Time  `json:"answer_by,omitzero"` // of a CONSUMPTION_REQUEST: 12 hours
	Extension         *Extension `json:"extension,omitzero"`
	ExternalPurchase  *External  `json:"external_purchase,omitzero"`

	// Recovered says that the notification did not arrive and was read later, in
	// the store's history; Superseded, that the store had then said more of the
	// same purchase.
	Recovered  bool `json:"recovered,omitzero"`
	Superseded bool `json:"superseded,omitzero"`
}

// Offer is what a price came from.
type Offer struct {
	Type   string `json:"type"` // introductory, promotional, code, win_back; else Apple's number
	ID     string `json:"id,omitzero"`
	Pays   string `json:"pays,omitzero"`   // free_trial, pay_as_you_go, pay_up_front, one_time
	Period string `json:"period,omitzero"` // ISO 8601 duration
}

// Taken is a refund or the end of family sharing.
type Taken struct {
	At      time.Time `json:"at,omitzero"`
	Type    string    `json:"type,omitzero"`    // refund_full, refund_prorated, family_revoke
	Reason  string    `json:"reason,omitzero"`  // app_issue, other; else Apple's number
	Percent string    `json:"percent,omitzero"` // "50", "33.333"
}

// Extension is the end of a mass extension.
type Extension struct {
	RequestID   string   `json:"request_id,omitzero"`
	ProductID   string   `json:"product_id,omitzero"`
	Storefronts []string `json:"storefronts,omitzero"`
	Succeeded   *int64   `json:"succeeded,omitzero"`
	Failed      *int64   `json:"failed,omitzero"`
}

// External is a token of a purchase outside the App Store.
type External struct {
	ID        string    `json:"id,omitzero"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// answerTime is how long Apple waits for consumption information.
const answerTime = 12 * time.Hour

// event translates a proved notice. Workspace, account, id and time of
// receipt are the intake's.
func (v *Verifier) event(n *Notice, raw []byte) (engawa.Event, error) {
	return event(n, v.facts(n), v.subject(n), raw)
}

func event(n *Notice, f Facts, subject string, raw []byte) (engawa.Event, error) {
	data, err := json.Marshal(f, jsontext.EscapeForHTML(false))
	if err != nil {
		return engawa.Event{}, err
	}
	at := n.SignedDate.Time()
	if at.IsZero() {
		at = time.Now().UTC()
	}
	return engawa.Event{
		Type: eventType(n.Type, n.Subtype), Known: known(n.Type, n.Subtype),
		DedupKey: n.UUID, Subject: subject, Identities: identities(n),
		OccurredAt: at, Data: data, Raw: raw,
	}, nil
}

func (v *Verifier) subject(n *Notice) string {
	switch {
	case original(n) != "":
		return "transaction:" + original(n)
	case n.AppTransaction != nil && n.AppTransaction.AppTransactionID != "":
		return "app_transaction:" + n.AppTransaction.AppTransactionID
	case n.ExternalPurchaseToken != nil && n.ExternalPurchaseToken.ExternalPurchaseID != "":
		return "external_purchase:" + n.ExternalPurchaseToken.ExternalPurchaseID
	case n.Summary != nil && n.Summary.RequestIdentifier != "":
		return "extension:" + n.Summary.RequestIdentifier
	}
	return "app:" + v.bundleID
}

// original returns the original transaction that n is about, or nothing.
func original(n *Notice) string {
	if n.Transaction != nil {
		return n.Transaction.OriginalTransactionID
	}
	if n.Renewal != nil {
		return n.Renewal.OriginalTransactionID
	}
	return ""
}

func identities(n *Notice) []engawa.Identity {
	var ids []engawa.Identity
	add := func(kind, value string) {
		if value != "" {
			ids = append(ids, engawa.Identity{Issuer: Issuer, Kind: kind, Value: value})
		}
	}
	add(KindOriginalTransaction, original(n))
	var token, app string
	if n.Transaction != nil {
		token, app = n.Transaction.AppAccountToken, n.Transaction.AppTransactionID
	} else if n.Renewal != nil {
		token, app = n.Renewal.AppAccountToken, n.Renewal.AppTransactionID
	}
	if n.AppTransaction != nil {
		app = n.AppTransaction.AppTransactionID
	}
	// Apps write UUIDs in either case; the App Store answers in lower case.
	add(KindAppAccountToken, strings.ToLower(token))
	add(KindAppTransaction, app)
	return ids
}

func (v *Verifier) facts(n *Notice) Facts {
	f := Facts{
		Type: n.Type, Subtype: n.Subtype,
		Environment: strings.ToLower(v.environment), BundleID: v.bundleID, AppAppleID: v.appAppleID,
	}
	f.addData(n)
	if n.Transaction != nil {
		f.addTransaction(n.Transaction)
	}
	if n.Renewal != nil {
		f.addRenewal(n.Renewal)
	}
	if s := n.Summary; s != nil {
		f.Extension = &Extension{
			RequestID: s.RequestIdentifier, ProductID: s.ProductID, Storefronts: s.StorefrontCountryCodes,
			Succeeded: s.SucceededCount, Failed: s.FailedCount,
		}
	}
	if t := n.ExternalPurchaseToken; t != nil {
		f.ExternalPurchase = &External{ID: t.ExternalPurchaseID, CreatedAt: t.TokenCreationDate.Time()}
	}
	return f
}

func (f *Facts) addData(n *Notice) {
	d := n.Data
	if d == nil {
		return
	}
	f.AppVersion = d.BundleVersion
	f.ConsumptionReason = d.ConsumptionRequestReason
	if n.Type == "CONSUMPTION_REQUEST" && n.SignedDate != 0 {
		f.AnswerBy = n.SignedDate.Time().Add(answerTime)
	}
	if d.Status != 0 {
		f.Status = d.Status.String()
		f.Entitled = new(d.Status.Entitled())
	}
}

func (f *Facts) addTransaction(t *Transaction) {
	f.ProductID, f.ProductType, f.SubscriptionGroup = t.ProductID, productType(t.Type), t.SubscriptionGroupIdentifier
	f.TransactionID, f.OriginalTransactionID, f.WebOrderLineItemID = t.TransactionID, t.OriginalTransactionID, t.WebOrderLineItemID
	f.Ownership, f.Reason = strings.ToLower(t.InAppOwnershipType), strings.ToLower(t.TransactionReason)
	f.Storefront, f.Price, f.Currency = t.Storefront, thousandths(t.Price), t.Currency
	f.Offer = offer(t.OfferType, t.OfferIdentifier, t.OfferDiscountType, t.OfferPeriod)
	f.PurchasedAt, f.FirstPurchasedAt, f.ExpiresAt = t.PurchaseDate.Time(), t.OriginalPurchaseDate.Time(), t.ExpiresDate.Time()
	if t.Quantity != nil {
		f.Quantity = *t.Quantity
	}
	f.Upgraded = t.IsUpgraded != nil && *t.IsUpgraded
	if t.RevocationDate != 0 {
		f.Revocation = &Taken{
			At: t.RevocationDate.Time(), Type: strings.ToLower(t.RevocationType),
			Reason: revocationReason(t.RevocationReason), Percent: thousandths(t.RevocationPercentage),
		}
	}
}

func (f *Facts) addRenewal(r *RenewalInfo) {
	if f.OriginalTransactionID == "" {
		f.OriginalTransactionID, f.ProductID = r.OriginalTransactionID, r.ProductID
	}
	if r.AutoRenewStatus != nil {
		f.AutoRenew = new(*r.AutoRenewStatus == 1)
	}
	f.AutoRenewProductID, f.RenewsAt = r.AutoRenewProductID, r.RenewalDate.Time()
	f.RenewalPrice, f.RenewalCurrency = thousandths(r.RenewalPrice), r.Currency
	f.RenewalOffer = offer(r.OfferType, r.OfferIdentifier, r.OfferDiscountType, r.OfferPeriod)
	f.SubscribedAt, f.BillingRetry, f.GraceUntil = r.RecentSubscriptionStartDate.Time(), r.IsInBillingRetryPeriod, r.GracePeriodExpiresDate.Time()
	f.WinBackOffers = r.EligibleWinBackOfferIDs
	if r.PriceIncreaseStatus != nil {
		f.PriceIncrease = name(*r.PriceIncreaseStatus+1, "pending", "agreed")
	}
	if r.ExpirationIntent != 0 {
		f.ExpirationReason = name(r.ExpirationIntent, "canceled", "billing", "price_increase", "product_unavailable", "other")
	}
}

func offer(typ OfferType, id, pays, period string) *Offer {
	if typ == 0 {
		return nil
	}
	return &Offer{
		Type: name(int64(typ), "introductory", "promotional", "code", "win_back"),
		ID:   id, Pays: strings.ToLower(pays), Period: period,
	}
}

func revocationReason(reason *int64) string {
	if reason == nil {
		return ""
	}
	return name(*reason+1, "other", "app_issue")
}

// productType turns "Auto-Renewable Subscription" into auto_renewable_subscription.
func productType(typ string) string {
	return strings.ToLower(strings.NewReplacer(" ", "_", "-", "_").Replace(typ))
}

// name returns the n-th name, counted from 1, or the number of a value that
// Apple added later.
func name(n int64, names ...string) string {
	if n >= 1 && n <= int64(len(names)) {
		return names[n-1]
	}
	return strconv.FormatInt(n, 10)
}

// thousandths writes an amount that is counted in thousandths as a decimal
// number without needless zeros: 10990 is "10.99".
func thousandths(n *int64) string {
	if n == nil {
		return ""
	}
	text := strconv.FormatInt(*n, 10)
	sign := ""
	if *n < 0 {
		sign, text = "-", text[1:]
	}
	if len(text) < 4 {
		text = strings.Repeat("0", 4-len(text)) + text
	}
	whole, part := text[:len(text)-3], strings.TrimRight(text[len(text)-3:], "0")
	if part != "" {
		part = "." + part
	}
	return sign + whole + part
}
