package appstore

import "github.com/go-json-experiment/json/jsontext"

// RenewalInfo is what comes next for a subscription
// (JWSRenewalInfoDecodedPayload). It carries no bundle id: it belongs to an
// app only through the transaction beside it. Prices are in thousandths.
type RenewalInfo struct {
	OriginalTransactionID       string             `json:"originalTransactionId,omitzero"`
	AppTransactionID            string             `json:"appTransactionId,omitzero"`
	ProductID                   string             `json:"productId,omitzero"`
	AutoRenewProductID          string             `json:"autoRenewProductId,omitzero"`
	AutoRenewStatus             *int64             `json:"autoRenewStatus,omitzero"`  // 0 off, 1 on
	ExpirationIntent            int64              `json:"expirationIntent,omitzero"` // 1 cancelled, 2 billing, 3 price, 4 product, 5 other
	IsInBillingRetryPeriod      *bool              `json:"isInBillingRetryPeriod,omitzero"`
	GracePeriodExpiresDate      Date               `json:"gracePeriodExpiresDate,omitzero"`
	PriceIncreaseStatus         *int64             `json:"priceIncreaseStatus,omitzero"` // 0 not answered, 1 agreed
	OfferType                   OfferType          `json:"offerType,omitzero"`
	OfferIdentifier             string             `json:"offerIdentifier,omitzero"`
	OfferDiscountType           string             `json:"offerDiscountType,omitzero"`
	OfferPeriod                 string             `json:"offerPeriod,omitzero"`
	EligibleWinBackOfferIDs     []string           `json:"eligibleWinBackOfferIds,omitzero"` // best first
	SignedDate                  Date               `json:"signedDate,omitzero"`
	Environment                 string             `json:"environment,omitzero"`
	RecentSubscriptionStartDate Date               `json:"recentSubscriptionStartDate,omitzero"`
	RenewalDate                 Date               `json:"renewalDate,omitzero"`
	RenewalPrice                *int64             `json:"renewalPrice,omitzero"`
	Currency                    string             `json:"currency,omitzero"`
	AppAccountToken             string             `json:"appAccountToken,omitzero"`
	RenewalBillingPlanType      string             `json:"renewalBillingPlanType,omitzero"`
	CommitmentInfo              *RenewalCommitment `json:"commitmentInfo,omitzero"`
	AdvancedCommerceInfo        jsontext.Value     `json:"advancedCommerceInfo,omitzero"` // kept, not read
	Other                       jsontext.Value     `json:",embed"`
}

// RenewalCommitment is what follows a subscription paid in instalments.
type RenewalCommitment struct {
	AutoRenewProductID string         `json:"commitmentAutoRenewProductId,omitzero"`
	AutoRenewStatus    *int64         `json:"commitmentAutoRenewStatus,omitzero"`
	BillingPlanType    string         `json:"commitmentRenewalBillingPlanType,omitzero"`
	RenewalDate        Date           `json:"commitmentRenewalDate,omitzero"`
	RenewalPrice       *int64         `json:"commitmentRenewalPrice,omitzero"`
	Other              jsontext.Value `json:",embed"`
}

func (r *RenewalInfo) signed() Date { return r.SignedDate }
