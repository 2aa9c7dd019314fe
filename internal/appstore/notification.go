package appstore

import "github.com/go-json-experiment/json/jsontext"

// Notification is the payload of an App Store Server Notification V2
// (responseBodyV2DecodedPayload). Exactly one container is set, except that
// Apple may add new ones, which are then in Other. In all payload types an
// unknown value of an enumeration stays as it came and unknown members are
// kept in Other, so that encoding a payload again loses nothing.
type Notification struct {
	Type       string `json:"notificationType,omitzero"`
	Subtype    string `json:"subtype,omitzero"`
	UUID       string `json:"notificationUUID,omitzero"` // the same on every retry
	Version    string `json:"version,omitzero"`
	SignedDate Date   `json:"signedDate,omitzero"`

	Data                  *Data                  `json:"data,omitzero"`
	Summary               *Summary               `json:"summary,omitzero"`
	ExternalPurchaseToken *ExternalPurchaseToken `json:"externalPurchaseToken,omitzero"`
	AppData               *AppData               `json:"appData,omitzero"`

	Other jsontext.Value `json:",embed"`
}

// Data is the container of most notifications.
type Data struct {
	AppAppleID               int64          `json:"appAppleId,omitzero"` // only in production for sure
	BundleID                 string         `json:"bundleId,omitzero"`
	BundleVersion            string         `json:"bundleVersion,omitzero"`
	Environment              string         `json:"environment,omitzero"`
	SignedTransactionInfo    string         `json:"signedTransactionInfo,omitzero"` // JWS of a Transaction
	SignedRenewalInfo        string         `json:"signedRenewalInfo,omitzero"`     // JWS of a RenewalInfo
	Status                   Status         `json:"status,omitzero"`                // only for auto-renewable subscriptions
	ConsumptionRequestReason string         `json:"consumptionRequestReason,omitzero"`
	Other                    jsontext.Value `json:",embed"`
}

// Summary is the container of RENEWAL_EXTENSION SUMMARY.
type Summary struct {
	AppAppleID             int64          `json:"appAppleId,omitzero"`
	BundleID               string         `json:"bundleId,omitzero"`
	Environment            string         `json:"environment,omitzero"`
	ProductID              string         `json:"productId,omitzero"`
	RequestIdentifier      string         `json:"requestIdentifier,omitzero"`
	StorefrontCountryCodes []string       `json:"storefrontCountryCodes,omitzero"` // ISO 3166-1 alpha-3; none: all
	SucceededCount         *int64         `json:"succeededCount,omitzero"`
	FailedCount            *int64         `json:"failedCount,omitzero"`
	Other                  jsontext.Value `json:",embed"`
}

// ExternalPurchaseToken is the container of EXTERNAL_PURCHASE_TOKEN.
type ExternalPurchaseToken struct {
	ExternalPurchaseID string         `json:"externalPurchaseId,omitzero"` // begins with SANDBOX there
	TokenCreationDate  Date           `json:"tokenCreationDate,omitzero"`
	AppAppleID         int64          `json:"appAppleId,omitzero"`
	BundleID           string         `json:"bundleId,omitzero"`
	Other              jsontext.Value `json:",embed"`
}

// AppData is the container of RESCIND_CONSENT.
type AppData struct {
	AppAppleID               int64          `json:"appAppleId,omitzero"`
	BundleID                 string         `json:"bundleId,omitzero"`
	Environment              string         `json:"environment,omitzero"`
	SignedAppTransactionInfo string         `json:"signedAppTransactionInfo,omitzero"` // JWS of an AppTransaction
	Other                    jsontext.Value `json:",embed"`
}

// Environments as Apple writes them. Xcode and LocalTesting, which carry no
// proof, are deliberately not among them.
const (
	appleProduction = "Production"
	appleSandbox    = "Sandbox"
)

// Status is the state of an auto-renewable subscription.
type Status int64

// The statuses.
const (
	StatusActive             Status = 1
	StatusExpired            Status = 2
	StatusBillingRetry       Status = 3
	StatusBillingGracePeriod Status = 4
	StatusRevoked            Status = 5
)

// String is the status in plain words with underscores, as in Facts; a number
// that Apple added later stays one.
func (s Status) String() string {
	return name(int64(s), "active", "expired", "billing_retry", "billing_grace_period", "revoked")
}

// Entitled reports whether the customer has access in this status.
func (s Status) Entitled() bool { return s == StatusActive || s == StatusBillingGracePeriod }

func (n *Notification) signed() Date { return n.SignedDate }
