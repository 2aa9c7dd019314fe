package appstore

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
)

// Limits of signedDate against the hub's clock.
const (
	// MaxAhead is how far signedDate may lie in the future.
	MaxAhead = 5 * time.Minute
	// MaxPast is how old signedDate may be once the leaf has ended: the reach of
	// Apple's notification history. An older one proves nothing any more, since
	// the key of an ended certificate need not be guarded.
	MaxPast = 180 * 24 * time.Hour
)

// Parts as errors name them.
const (
	partNotification   = "notification"
	partTransaction    = "transaction"
	partRenewal        = "renewal info"
	partAppTransaction = "app transaction"
)

// Settings say whose data is accepted.
type Settings struct {
	BundleID    string // required
	AppAppleID  int64  // the app's Apple id; required in production
	Environment string // engawa.Production or engawa.Sandbox
	Roots       string // trusted roots in PEM; empty: Apple Root CA - G3

	// OCSP asks Apple's responder whether leaf and intermediate were revoked,
	// at most every 15 minutes for a chain. While it cannot be reached nothing
	// is accepted, and the errors are of ClassRetryable. The chain must then be
	// valid now, too, as in Apple's libraries.
	OCSP bool
	HTTP *http.Client // for OCSP; required with it
}

// Verifier proves signed data of one app in one environment. It is safe for
// use by several goroutines.
type Verifier struct {
	bundleID    string
	appAppleID  int64
	environment string // in Apple's words
	roots       roots
	ocsp        *http.Client // nil: off
	chains      chains
}

// NewVerifier returns a Verifier, or an Error of ClassConfiguration that names
// the setting.
func NewVerifier(s Settings) (*Verifier, error) {
	v := &Verifier{bundleID: s.BundleID, appAppleID: s.AppAppleID}
	if s.BundleID == "" {
		return nil, fail(ClassConfiguration, "bundle_id", "it is empty")
	}
	switch s.Environment {
	case engawa.Production:
		v.environment = appleProduction
		if s.AppAppleID <= 0 {
			return nil, fail(ClassConfiguration, "app_apple_id", "production needs the app's Apple id, a number above 0")
		}
	case engawa.Sandbox:
		v.environment = appleSandbox
	default:
		return nil, fail(ClassConfiguration, "environment", "it is %q, not production or sandbox", s.Environment)
	}
	text := appleRoots
	if s.Roots != "" {
		text = []byte(s.Roots)
	}
	var err error
	if v.roots, err = parseRoots(text); err != nil {
		return nil, fail(ClassConfiguration, "roots", "%w", err)
	}
	if s.OCSP {
		if s.HTTP == nil {
			return nil, fail(ClassConfiguration, "ocsp", "the status check has no HTTP client")
		}
		v.ocsp = s.HTTP
	}
	return v, nil
}

// Notice is a proved notification with what was signed inside it.
type Notice struct {
	Notification
	Transaction    *Transaction    // nil: it carries none
	Renewal        *RenewalInfo    // nil: it carries none
	AppTransaction *AppTransaction // nil: it carries none
}

// Notification proves a signedPayload and every JWS inside it. The error is
// an *Error.
func (v *Verifier) Notification(signedPayload string) (*Notice, error) {
	var n Notice
	if err := v.open(partNotification, signedPayload, &n.Notification); err != nil {
		return nil, err
	}
	if n.Type == "" || n.UUID == "" {
		return nil, fail(ClassVerification, partNotification, "no notificationType or no notificationUUID: other signed data in its place")
	}
	if err := v.addressed(&n.Notification); err != nil {
		return nil, err
	}
	if err := v.inside(&n); err != nil {
		return nil, err
	}
	return &n, nil
}

// inside proves the JWS that a notification carries. Proving the outer one
// says nothing about them.
func (v *Verifier) inside(n *Notice) (err error) {
	if d := n.Data; d != nil && d.SignedTransactionInfo != "" {
		if n.Transaction, err = v.Transaction(d.SignedTransactionInfo); err != nil {
			return err
		}
	}
	if d := n.Data; d != nil && d.SignedRenewalInfo != "" {
		if n.Renewal, err = v.RenewalInfo(d.SignedRenewalInfo); err != nil {
			return err
		}
	}
	if d := n.AppData; d != nil && d.SignedAppTransactionInfo != "" {
		if n.AppTransaction, err = v.AppTransaction(d.SignedAppTransactionInfo); err != nil {
			return err
		}
	}
	t, r := n.Transaction, n.Renewal
	if t != nil && r != nil && t.OriginalTransactionID != r.OriginalTransactionID {
		return fail(ClassVerification, partRenewal, "its original transaction is not that of the transaction beside it")
	}
	return nil
}

// Transaction proves a JWSTransaction. The error is an *Error.
func (v *Verifier) Transaction(signed string) (*Transaction, error) {
	var t Transaction
	if err := v.open(partTransaction, signed, &t); err != nil {
		return nil, err
	}
	if t.TransactionID == "" {
		return nil, fail(ClassVerification, partTransaction, "no transactionId: other signed data in its place")
	}
	if err := v.check(partTransaction, claim{bundle: t.BundleID, app: v.appAppleID, environment: t.Environment}); err != nil {
		return nil, err
	}
	return &t, nil
}

// RenewalInfo proves a JWSRenewalInfo. It names no app: compare its original
// transaction with a proved Transaction. The error is an *Error.
func (v *Verifier) RenewalInfo(signed string) (*RenewalInfo, error) {
	var r RenewalInfo
	if err := v.open(partRenewal, signed, &r); err != nil {
		return nil, err
	}
	// Kinds of signed data are not marked: a transaction has all that a renewal
	// info must have, except for the renewal status.
	if r.AutoRenewStatus == nil && has(r.Other, "transactionId") {
		return nil, fail(ClassVerification, partRenewal, "a transaction in its place")
	}
	if err := v.check(partRenewal, claim{bundle: v.bundleID, app: v.appAppleID, environment: r.Environment}); err != nil {
		return nil, err
	}
	return &r, nil
}

// AppTransaction proves a JWSAppTransaction. The error is an *Error.
func (v *Verifier) AppTransaction(signed string) (*AppTransaction, error) {
	var a AppTransaction
	if err := v.open(partAppTransaction, signed, &a); err != nil {
		return nil, err
	}
	if err := v.check(partAppTransaction, claim{bundle: a.BundleID, app: a.AppAppleID, environment: a.ReceiptType}); err != nil {
		return nil, err
	}
	return &a, nil
}

// payload is what every kind of signed data has in common.
type payload interface {
	signed() Date // zero: not given
}

// open proves one JWS and decodes its payload into it. Whose data it is has
// to be checked by the caller.
func (v *Verifier) open(part, text string, it payload) error {
	j, err := split(text)
	if err != nil {
		return fail(ClassVerification, part, "%w", err)
	}
	now := time.Now()
	sum := sha256.Sum256([]byte(j.header))
	known := v.chains.get(sum, now)
	var h header
	if known == nil {
		if h, err = readHeader(j.header); err != nil {
			return refuse(part, err)
		}
	}
	if err := json.Unmarshal(j.payload, it); err != nil {
		return fail(ClassVerification, part, "decode payload: %w", err)
	}
	at := it.signed().Time()
	if at.IsZero() {
		at = now
	}
	if at.After(now.Add(MaxAhead)) {
		return fail(ClassVerification, part, "signedDate %s lies ahead", at.Format(time.RFC3339))
	}
	c := known
	if c == nil {
		if c, err = v.roots.prove(h.X5C, at); err != nil {
			return fail(ClassVerification, part, "%w", err)
		}
		v.chains.put(sum, c, now)
	}
	return v.accept(part, j, c, at, now)
}

// accept checks the signature with the key of a proved chain, then whether
// the chain may vouch for the moment at.
func (v *Verifier) accept(part string, j jws, c *chain, at, now time.Time) error {
	if !j.signedBy(c.key) {
		return fail(ClassVerification, part, "the signature is not the leaf's")
	}
	if !c.covers(at) {
		return fail(ClassVerification, part, "chain: not valid at signedDate %s", at.Format(time.RFC3339))
	}
	if now.After(c.until) && at.Before(now.Add(-MaxPast)) {
		return fail(ClassVerification, part, "the certificate has ended, and signedDate %s is more than 180 days ago", at.Format(time.RFC3339))
	}
	if v.ocsp == nil {
		return nil
	}
	if !c.covers(now) {
		return fail(ClassVerification, part, "chain: not valid now, which the status check asks for")
	}
	if err := c.status.ask(v.ocsp, c, now); err != nil {
		return &Error{Class: statusClass(err), Part: part, Err: err}
	}
	return nil
}

func refuse(part string, err error) *Error {
	if errors.Is(err, errChainLength) {
		return &Error{Class: ClassChainLength, Part: part, Err: err}
	}
	return &Error{Class: ClassVerification, Part: part, Err: err}
}

// claim is whose data something says it is.
type claim struct {
	bundle      string
	app         int64
	environment string
}

// check compares a claim with the settings: the app first, then the
// environment, in the order of Apple's libraries. The Apple id counts in
// production only; elsewhere Apple may leave it out.
func (v *Verifier) check(part string, c claim) error {
	if c.bundle != v.bundleID {
		return fail(ClassApp, part, "bundle id %.100q, not %q", c.bundle, v.bundleID)
	}
	if v.environment == appleProduction && c.app != v.appAppleID {
		return fail(ClassApp, part, "Apple id %d, not %d", c.app, v.appAppleID)
	}
	if c.environment != v.environment {
		return fail(ClassEnvironment, part, "environment %.40q, not %q", c.environment, v.environment)
	}
	return nil
}

// addressed checks whose every container of n says it is.
func (v *Verifier) addressed(n *Notification) error {
	claims := claims(n)
	if len(claims) == 0 {
		return fail(ClassApp, partNotification, "it names no app")
	}
	for _, c := range claims {
		if err := v.check(partNotification, c); err != nil {
			return err
		}
	}
	return nil
}

func claims(n *Notification) []claim {
	var all []claim
	if d := n.Data; d != nil {
		all = append(all, claim{d.BundleID, d.AppAppleID, d.Environment})
	}
	if s := n.Summary; s != nil {
		all = append(all, claim{s.BundleID, s.AppAppleID, s.Environment})
	}
	if t := n.ExternalPurchaseToken; t != nil {
		all = append(all, claim{t.BundleID, t.AppAppleID, tokenEnvironment(t.ExternalPurchaseID)})
	}
	if a := n.AppData; a != nil {
		all = append(all, claim{a.BundleID, a.AppAppleID, a.Environment})
	}
	if len(all) == 0 {
		return unknownClaims(n.Other)
	}
	return all
}

// tokenEnvironment tells the environment of a container that has no such
// member: Apple marks the sandbox in the id.
func tokenEnvironment(id string) string {
	if strings.HasPrefix(id, "SANDBOX") {
		return appleSandbox
	}
	return appleProduction
}

// unknownClaims finds containers that Apple adds one day: objects that name a
// bundle. appData arrived that way in 2025 and broke clients that refused it
// (apple/app-store-server-library-java#217).
func unknownClaims(other jsontext.Value) []claim {
	var members map[string]jsontext.Value
	if len(other) == 0 || json.Unmarshal(other, &members) != nil {
		return nil
	}
	var all []claim
	for _, m := range members {
		var c struct {
			BundleID    string `json:"bundleId"`
			AppAppleID  int64  `json:"appAppleId"`
			Environment string `json:"environment"`
		}
		if m.Kind() == '{' && json.Unmarshal(m, &c) == nil && c.BundleID != "" {
			all = append(all, claim{c.BundleID, c.AppAppleID, c.Environment})
		}
	}
	return all
}

// has reports whether an object has a member called name.
func has(object jsontext.Value, name string) bool {
	var members map[string]jsontext.Value
	if len(object) == 0 || json.Unmarshal(object, &members) != nil {
		return false
	}
	_, ok := members[name]
	return ok
}
