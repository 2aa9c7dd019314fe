package appstore

import (
	"context"

	"github.com/engawa/engawa"
)

// Consent names the record that a customer agreed to usage data going to the
// store. It is made by OnFile alone; the zero value is no consent. Nothing else
// sets customerConsented, so it cannot be true by default, and without consent
// nothing is sent: Apple wants no answer then, not a false one.
type Consent struct{ record string }

// OnFile is a customer's consent that is kept under record. An empty record is
// no consent.
func OnFile(record string) Consent { return Consent{record: record} }

// errNoConsent tells that consumption information may not leave.
func errNoConsent() error {
	return &engawa.Error{
		Code:    engawa.CodeForbidden,
		Message: "the customer has not agreed to usage data going to the App Store; nothing was sent",
		Remedy:  "answer only with consent on file; without it the App Store decides by itself",
	}
}

// Delivery is whether a purchase arrived.
type Delivery string

// The deliveries.
const (
	Delivered              Delivery = "DELIVERED"
	UndeliveredQuality     Delivery = "UNDELIVERED_QUALITY_ISSUE"
	UndeliveredWrongItem   Delivery = "UNDELIVERED_WRONG_ITEM"
	UndeliveredServerDown  Delivery = "UNDELIVERED_SERVER_OUTAGE"
	UndeliveredOtherReason Delivery = "UNDELIVERED_OTHER"
)

// RefundPreference is what the business would like to see done.
type RefundPreference string

// The preferences.
const (
	PreferDecline  RefundPreference = "DECLINE"
	PreferFull     RefundPreference = "GRANT_FULL"
	PreferProrated RefundPreference = "GRANT_PRORATED"
)

// Consumption is the answer to a CONSUMPTION_REQUEST (version 2).
type Consumption struct {
	SampleProvided bool             // it could be tried before buying
	Delivery       Delivery         // required
	Percentage     *int64           // used up, in thousandths: 50000 is 50 %; nil: not told
	Preference     RefundPreference // empty: none
}

type consumptionBody struct {
	CustomerConsented bool             `json:"customerConsented"`
	SampleProvided    bool             `json:"sampleContentProvided"`
	Delivery          Delivery         `json:"deliveryStatus"`
	Percentage        *int64           `json:"consumptionPercentage,omitzero"`
	Preference        RefundPreference `json:"refundPreference,omitzero"`
}

// allPercent is everything used up.
const allPercent = 100_000

// autoRenewable is the type of a transaction of a subscription.
const autoRenewable = "Auto-Renewable Subscription"

// Check holds the rules of version 2 for a purchase: what the App Store would
// refuse is refused before it is sent.
func (a Consumption) Check(t *Transaction) error {
	prorated, known := a.Preference == PreferProrated, a.Percentage != nil
	switch {
	case !a.Delivery.known():
		return engawa.Invalid("/delivery", "say whether the purchase was delivered, or why not", "%.40q is no delivery that the App Store knows", string(a.Delivery))
	case a.Preference != "" && a.Preference != PreferDecline && a.Preference != PreferFull && !prorated:
		return engawa.Invalid("/preference", "choose DECLINE, GRANT_FULL, GRANT_PRORATED or nothing", "%.40q is no preference that the App Store knows", string(a.Preference))
	case known && (*a.Percentage < 0 || *a.Percentage > allPercent):
		return engawa.Invalid("/percentage", "give 0 to 100000, where 50000 is 50 %", "%d lies outside of 0 to %d thousandths of a percent", *a.Percentage, allPercent)
	case a.Delivery != Delivered && known && *a.Percentage != 0:
		return engawa.Invalid("/percentage", "leave the percentage out, or give 0", "what was not delivered cannot be used up")
	case prorated && t.Type == autoRenewable && known:
		return engawa.Invalid("/percentage", "leave the percentage out", "for a subscription the App Store computes the share itself")
	case prorated && t.Type != autoRenewable && (!known || *a.Percentage == 0):
		return engawa.Invalid("/percentage", "give the share that was used up, above 0", "a share of the price is returned only where the share that was used up is known")
	}
	return nil
}

func (d Delivery) known() bool {
	switch d {
	case Delivered, UndeliveredQuality, UndeliveredWrongItem, UndeliveredServerDown, UndeliveredOtherReason:
		return true
	}
	return false
}

// SendConsumption answers a CONSUMPTION_REQUEST, within 12 hours of it. A later
// answer replaces an earlier one.
func (c *Client) SendConsumption(ctx context.Context, t *Transaction, consent Consent, a Consumption) error {
	if consent.record == "" {
		return errNoConsent()
	}
	if err := a.Check(t); err != nil {
		return err
	}
	body := consumptionBody{true, a.SampleProvided, a.Delivery, a.Percentage, a.Preference}
	return c.ask(ctx, EndpointConsumption, question{ids: []string{t.TransactionID}, body: body}, nil)
}

// ConsumptionV1 is the answer in the older form, which only Advanced Commerce
// purchases still take. The numbers are Apple's; zero is "undeclared" in all of
// them but Delivery, where it is "delivered and working".
type ConsumptionV1 struct {
	ConsumptionStatus        int    `json:"consumptionStatus"` // 1 not, 2 partly, 3 fully used
	Platform                 int    `json:"platform"`          // 1 Apple, 2 other
	SampleProvided           bool   `json:"sampleContentProvided"`
	Delivery                 int    `json:"deliveryStatus"` // 0 delivered … 5
	AppAccountToken          string `json:"appAccountToken"`
	AccountTenure            int    `json:"accountTenure"`            // 1 … 7, by days
	PlayTime                 int    `json:"playTime"`                 // 1 … 7, by minutes
	LifetimeDollarsRefunded  int    `json:"lifetimeDollarsRefunded"`  // 1 … 7
	LifetimeDollarsPurchased int    `json:"lifetimeDollarsPurchased"` // 1 … 7
	UserStatus               int    `json:"userStatus"`               // 1 active … 4
	RefundPreference         int    `json:"refundPreference"`         // 1 grant, 2 decline, 3 none
}

type consumptionV1Body struct {
	CustomerConsented bool `json:"customerConsented"`
	ConsumptionV1
}

// SendConsumptionV1 answers a CONSUMPTION_REQUEST about an Advanced Commerce
// purchase. Any other is refused: it takes version 2.
func (c *Client) SendConsumptionV1(ctx context.Context, t *Transaction, consent Consent, a ConsumptionV1) error {
	if consent.record == "" {
		return errNoConsent()
	}
	if t.AdvancedCommerceInfo == nil {
		return engawa.Invalid("", "send version 2", "version 1 of consumption information is for Advanced Commerce purchases alone")
	}
	return c.ask(ctx, EndpointConsumptionV1, question{ids: []string{t.TransactionID}, body: consumptionV1Body{true, a}}, nil)
}
