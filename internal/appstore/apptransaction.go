package appstore

import "github.com/go-json-experiment/json/jsontext"

// AppTransaction is the download of the app itself
// (JWSAppTransactionDecodedPayload).
type AppTransaction struct {
	ReceiptType                string         `json:"receiptType,omitzero"` // the environment
	AppAppleID                 int64          `json:"appAppleId,omitzero"`
	BundleID                   string         `json:"bundleId,omitzero"`
	ApplicationVersion         string         `json:"applicationVersion,omitzero"`
	VersionExternalIdentifier  *int64         `json:"versionExternalIdentifier,omitzero"`
	SignedDate                 Date           `json:"signedDate,omitzero"`
	ReceiptCreationDate        Date           `json:"receiptCreationDate,omitzero"` // when it was signed
	OriginalPurchaseDate       Date           `json:"originalPurchaseDate,omitzero"`
	OriginalApplicationVersion string         `json:"originalApplicationVersion,omitzero"`
	DeviceVerification         string         `json:"deviceVerification,omitzero"`
	DeviceVerificationNonce    string         `json:"deviceVerificationNonce,omitzero"`
	PreorderDate               Date           `json:"preorderDate,omitzero"`
	AppTransactionID           string         `json:"appTransactionId,omitzero"`
	OriginalPlatform           string         `json:"originalPlatform,omitzero"` // iOS, macOS, tvOS, visionOS
	Other                      jsontext.Value `json:",embed"`
}

func (a *AppTransaction) signed() Date {
	if a.SignedDate != 0 {
		return a.SignedDate
	}
	return a.ReceiptCreationDate
}
