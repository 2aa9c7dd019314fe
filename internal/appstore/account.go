package appstore

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// Account is one app in one environment as an operator entered it: it takes
// the store's notifications and, with a key, asks the store.
type Account struct {
	*Receiver
	settings Settings
	access   Access
}

// OpenAccount reads the settings of an account by their keys: bundle_id,
// app_apple_id, environment, roots, ocsp; issuer_id, key_id and private_key, all
// three or none; offer_key_id and offer_key; connect_issuer_id, connect_key_id and
// connect_key; api_url. The error is an *engawa.Error that names the setting.
func OpenAccount(s map[string]string, client *http.Client) (*Account, error) {
	id, err := strconv.ParseInt("0"+s["app_apple_id"], 10, 64)
	if err != nil {
		return nil, explain(fail(ClassConfiguration, "app_apple_id", "it is no number"))
	}
	a := &Account{
		settings: Settings{BundleID: s["bundle_id"], AppAppleID: id, Environment: s["environment"], Roots: s["roots"], OCSP: s["ocsp"] == "true", HTTP: client},
		access: Access{
			Key:  Key{IssuerID: s["issuer_id"], KeyID: s["key_id"], PrivateKey: engawa.Secret(s["private_key"])},
			HTTP: client, Base: s["api_url"],
		},
	}
	if a.Receiver, err = New(a.settings); err != nil {
		return nil, err
	}
	if a.Asks() {
		_, err = a.Client()
	}
	if err == nil {
		_, err = OfferRules(s["signed_offers"])
	}
	if err == nil && s["offer_key"]+s["offer_key_id"] != "" {
		_, err = NewSigner(s)
	}
	if err == nil {
		if _, err = NewConnect(s, client); errors.Is(err, ErrNoConnect) {
			err = nil
		}
	}
	return a, err
}

// Asks reports whether a key was entered, or a part of one.
func (a *Account) Asks() bool {
	k := a.access.Key
	return k.IssuerID != "" || k.KeyID != "" || k.PrivateKey != ""
}

// AppleID is the app's number, for links into the store; 0: not entered.
func (a *Account) AppleID() int64 { return a.settings.AppAppleID }

// Client returns a Client that asks in the account's name at a pace of its own,
// or ErrNoKey.
func (a *Account) Client() (*Client, error) {
	if !a.Asks() {
		return nil, ErrNoKey
	}
	return NewClient(a.v, a.access)
}

// ErrNoKey tells that an account only listens.
var ErrNoKey error = &engawa.Error{
	Code: engawa.CodeConflict, Field: "/settings/private_key", Message: "this App Store account has no key to ask the store with",
	Remedy: "make an In-App Purchase key in App Store Connect under Users and Access, Integrations, and enter it with its ids on the account's page",
}

// Probe asks the store for the notifications of the last minute, which sends
// nothing, to see whether it knows the key. The error is an *engawa.Error in
// words for the operator; an account without a key has nothing to be asked.
func (a *Account) Probe(ctx context.Context) error {
	if !a.Asks() {
		return nil
	}
	c, err := a.Client()
	if err != nil {
		return err
	}
	now := time.Now()
	for _, err = range c.Notifications(ctx, NotificationQuery{From: now.Add(-time.Minute), Until: now}) {
		break
	}
	return Explain(err)
}

// Explain puts an error of a Client in words for the operator, as an
// *engawa.Error: CodeUnavailable for what may succeed later.
func Explain(err error) error {
	e, ok := errors.AsType[*APIError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return tell(err)
	case e.Status == http.StatusUnauthorized && skewed(e.Skew):
		return &engawa.Error{
			Code: engawa.CodeConflict, Message: "the App Store does not take the key: this machine's clock is off by " + e.Skew.Abs().String(),
			Remedy: "set the clock right (NTP), then try again", Err: err,
		}
	case e.Status == http.StatusUnauthorized:
		return &engawa.Error{
			Code: engawa.CodeConflict, Field: "/settings/private_key", Message: "the App Store does not know this key, its ids or this bundle id",
			Remedy: "compare Issuer ID and Key ID with App Store Connect, Users and Access, Integrations, In-App Purchase; a key of another kind does not work, and an app that was never approved answers in the sandbox only",
			Err:    err,
		}
	case e.Passing():
		return &engawa.Error{Code: engawa.CodeUnavailable, Message: "the App Store does not answer now: " + e.Meaning(engawa.English), Remedy: "try again later", Err: err}
	}
	return &engawa.Error{Code: engawa.CodeConflict, Message: "the App Store refused: " + e.Meaning(engawa.English), Remedy: "see docs/app-store.md for what each answer means", Err: err}
}

// skewed reports whether clocks differ by more than a token bears.
func skewed(d time.Duration) bool { return d.Abs() >= skewNoted }

// Transaction proves a transaction that an app fetched on a device and posted, and
// reports whether it names that device: what the Server API and notifications carry
// is signed as well, and names none. The
// error is an *engawa.Error: CodeUnverified (not signed by the App Store, or fetched
// on another device), CodeInvalid (another app's, or of another environment:
// errors.As an *Error tells which) or CodeUnavailable.
func (a *Account) Transaction(signed, device string) (t *Transaction, here bool, err error) {
	t, err = a.v.Transaction(signed)
	if err != nil {
		return nil, false, tellPosted(err)
	}
	var on struct {
		Verification string `json:"deviceVerification"`
		Nonce        string `json:"deviceVerificationNonce"`
	}
	if len(t.Other) > 0 && json.Unmarshal(t.Other, &on) != nil {
		on.Verification = "unreadable"
	}
	here, err = onDevice(on.Verification, on.Nonce, device)
	return t, here, err
}

// AppTransaction proves an app's own transaction, as Transaction does.
func (a *Account) AppTransaction(signed, device string) (t *AppTransaction, here bool, err error) {
	t, err = a.v.AppTransaction(signed)
	if err != nil {
		return nil, false, tellPosted(err)
	}
	here, err = onDevice(t.DeviceVerification, t.DeviceVerificationNonce, device)
	return t, here, err
}

// onDevice reports whether something names the device that says to have it, and
// refuses what names another: the
// check is the SHA-384 of the nonce and the device's id, in lower case (StoreKit,
// Transaction.deviceVerification).
func onDevice(check, nonce, device string) (here bool, err error) {
	sum := sha512.Sum384([]byte(strings.ToLower(nonce + device)))
	if check == "" || base64.StdEncoding.EncodeToString(sum[:]) == check {
		return check != "", nil
	}
	return false, &engawa.Error{
		Code: engawa.CodeUnverified, Field: "/device", Message: "this was signed for another device",
		Remedy: "send AppStore.deviceVerificationID of the device on which StoreKit handed it out, and the jwsRepresentation as it is",
	}
}

// tellPosted is tell for what an app posted.
func tellPosted(err error) error {
	told := tell(err)
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return told
	case e.Class == ClassApp:
		told.Message, told.Remedy = "this was bought in another app", "use the app key of that app"
	case e.Class == ClassEnvironment:
		told.Message, told.Remedy = "this was bought in another environment (sandbox or production) than the app's accounts are of", "connect an App Store account of that environment for the app"
	case told.Code == engawa.CodeUnverified:
		told.Message, told.Remedy = "this is not signed by the App Store", "send the jwsRepresentation that StoreKit gives, unchanged"
	}
	told.Field = "/transactions"
	return told
}
