package appstore

import (
	"context"
	"time"

	"github.com/engawa/engawa"
)

// Limits of extensions, as the App Store enforces them.
const (
	MaxExtensionDays  = 90
	ExtensionsAllowed = 2 // of one subscription within ExtensionsWithin
	ExtensionsWithin  = 365 * 24 * time.Hour
)

// ExtendReason is why a renewal date moves.
type ExtendReason int64

// The reasons.
const (
	ExtendUndeclared   ExtendReason = 0
	ExtendSatisfaction ExtendReason = 1 // to please a customer
	ExtendOther        ExtendReason = 2
	ExtendOutage       ExtendReason = 3 // the service did not work
)

// Extend is how a renewal date moves.
type Extend struct {
	Days      int          // 1 to MaxExtensionDays
	Reason    ExtendReason //
	RequestID string       // the business's own, at most 128 characters; for ExtendAll a UUID used once
}

type extendBody struct {
	Days        int          `json:"extendByDays"`
	Reason      ExtendReason `json:"extendReasonCode"`
	RequestID   string       `json:"requestIdentifier"`
	Storefronts []string     `json:"storefrontCountryCodes,omitempty"`
	ProductID   string       `json:"productId,omitempty"`
}

// body checks e against the limits that need no asking.
func (e Extend) body() (extendBody, error) {
	switch {
	case e.Days < 1 || e.Days > MaxExtensionDays:
		return extendBody{}, engawa.Invalid("/days", "choose 1 to 90 days", "%d days: the App Store extends by 1 to %d days at a time", e.Days, MaxExtensionDays)
	case e.Reason < ExtendUndeclared || e.Reason > ExtendOutage:
		return extendBody{}, engawa.Invalid("/reason", "choose one of the four reasons", "the App Store has no reason %d", e.Reason)
	case e.RequestID == "" || len(e.RequestID) > 128:
		return extendBody{}, engawa.Invalid("/request_id", "give each extension an id of its own", "an extension needs an id of 1 to 128 characters")
	}
	return extendBody{Days: e.Days, Reason: e.Reason, RequestID: e.RequestID}, nil
}

// Extended is what became of an extension.
type Extended struct {
	OriginalTransactionID string `json:"originalTransactionId,omitzero"`
	WebOrderLineItemID    string `json:"webOrderLineItemId,omitzero"`
	Success               bool   `json:"success,omitzero"`
	EffectiveDate         Date   `json:"effectiveDate,omitzero"` // the new renewal date
}

// Extend moves the renewal date of one subscription. Apple mails the customer.
// It is never repeated by itself: see APIError.Ambiguous.
func (c *Client) Extend(ctx context.Context, originalID string, e Extend) (Extended, error) {
	body, err := e.body()
	if err != nil {
		return Extended{}, err
	}
	var a Extended
	err = c.ask(ctx, EndpointExtend, question{ids: []string{originalID}, body: body}, &a)
	return a, err
}

type extendAllAnswer struct {
	RequestID string `json:"requestIdentifier,omitzero"`
}

// ExtendAll moves the renewal date of every active subscriber of a product, in
// storefronts (ISO 3166-1 alpha-3; none: all). It takes the App Store hours to
// days. It returns the request's id for ExtendedAll; a RENEWAL_EXTENSION SUMMARY
// comes at the end.
func (c *Client) ExtendAll(ctx context.Context, productID string, storefronts []string, e Extend) (string, error) {
	body, err := e.body()
	if err != nil {
		return "", err
	}
	body.ProductID, body.Storefronts = productID, storefronts
	var a extendAllAnswer
	err = c.ask(ctx, EndpointExtendAll, question{body: body}, &a)
	return a.RequestID, err
}

// ExtendedAll is how far an extension of all has come.
type ExtendedAll struct {
	RequestID      string `json:"requestIdentifier,omitzero"`
	Complete       bool   `json:"complete,omitzero"`
	CompleteDate   Date   `json:"completeDate,omitzero"`
	SucceededCount int64  `json:"succeededCount,omitzero"`
	FailedCount    int64  `json:"failedCount,omitzero"`
}

// ExtendedAll asks how far an extension of all has come. (Apple's own tests ask
// for uuid and product in the other order; the documentation's is this one.)
func (c *Client) ExtendedAll(ctx context.Context, productID, requestID string) (ExtendedAll, error) {
	var a ExtendedAll
	err := c.ask(ctx, EndpointExtendedAll, question{ids: []string{productID, requestID}}, &a)
	return a, err
}
