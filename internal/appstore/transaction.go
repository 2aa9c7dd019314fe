package appstore

import "github.com/go-json-experiment/json/jsontext"

// Transaction is one purchase or renewal (JWSTransactionDecodedPayload).
// Prices and percentages are in thousandths: 10990 is 10.99, 50000 is 50 %.
type Transaction struct {
	TransactionID               string         `json:"transactionId,omitzero"`
	OriginalTransactionID       string         `json:"originalTransactionId,omitzero"`
	WebOrderLineItemID          string         `json:"webOrderLineItemId,omitzero"`
	AppTransactionID            string         `json:"appTransactionId,omitzero"`
	BundleID                    string         `json:"bundleId,omitzero"`
	ProductID                   string         `json:"productId,omitzero"`
	SubscriptionGroupIdentifier string         `json:"subscriptionGroupIdentifier,omitzero"`
	PurchaseDate                Date           `json:"purchaseDate,omitzero"`
	OriginalPurchaseDate        Date           `json:"originalPurchaseDate,omitzero"`
	ExpiresDate                 Date           `json:"expiresDate,omitzero"`
	Quantity                    *int64         `json:"quantity,omitzero"`
	Type                        string         `json:"type,omitzero"`               // "Auto-Renewable Subscription", "Consumable" …
	AppAccountToken             string         `json:"appAccountToken,omitzero"`    // the business's own UUID of the customer
	InAppOwnershipType          string         `json:"inAppOwnershipType,omitzero"` // PURCHASED, FAMILY_SHARED
	SignedDate                  Date           `json:"signedDate,omitzero"`
	RevocationReason            *int64         `json:"revocationReason,omitzero"` // 0 other, 1 an issue within the app
	RevocationDate              Date           `json:"revocationDate,omitzero"`
	RevocationType              string         `json:"revocationType,omitzero"` // REFUND_FULL, REFUND_PRORATED, FAMILY_REVOKE
	RevocationPercentage        *int64         `json:"revocationPercentage,omitzero"`
	IsUpgraded                  *bool          `json:"isUpgraded,omitzero"`
	OfferType                   OfferType      `json:"offerType,omitzero"`
	OfferIdentifier             string         `json:"offerIdentifier,omitzero"`
	OfferDiscountType           string         `json:"offerDiscountType,omitzero"` // FREE_TRIAL, PAY_AS_YOU_GO, PAY_UP_FRONT, ONE_TIME
	OfferPeriod                 string         `json:"offerPeriod,omitzero"`       // ISO 8601 duration
	Environment                 string         `json:"environment,omitzero"`
	TransactionReason           string         `json:"transactionReason,omitzero"` // PURCHASE, RENEWAL
	Storefront                  string         `json:"storefront,omitzero"`        // ISO 3166-1 alpha-3
	StorefrontID                string         `json:"storefrontId,omitzero"`
	Price                       *int64         `json:"price,omitzero"`
	Currency                    string         `json:"currency,omitzero"` // ISO 4217
	BillingPlanType             string         `json:"billingPlanType,omitzero"`
	CommitmentInfo              *Commitment    `json:"commitmentInfo,omitzero"`
	AdvancedCommerceInfo        jsontext.Value `json:"advancedCommerceInfo,omitzero"` // kept, not read
	Other                       jsontext.Value `json:",embed"`
}

// Commitment is how far a subscription paid in instalments has come.
type Commitment struct {
	BillingPeriodNumber int64          `json:"billingPeriodNumber,omitzero"`
	TotalBillingPeriods int64          `json:"totalBillingPeriods,omitzero"`
	ExpiresDate         Date           `json:"commitmentExpiresDate,omitzero"`
	Price               *int64         `json:"commitmentPrice,omitzero"`
	Other               jsontext.Value `json:",embed"`
}

// OfferType is the kind of offer that a price came from.
type OfferType int64

// The offer types.
const (
	OfferIntroductory OfferType = 1
	OfferPromotional  OfferType = 2
	OfferCode         OfferType = 3
	OfferWinBack      OfferType = 4
)

func (t *Transaction) signed() Date { return t.SignedDate }
