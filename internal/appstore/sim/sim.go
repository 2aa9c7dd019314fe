// Package sim is the App Store's server side in memory: it signs notifications
// with a chain of its own that carries the store's two certificate marks, and
// posts them as the store does.
package sim

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"
)

// The marks that a verified chain carries: on the leaf and on the intermediate.
var (
	oidLeaf         = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 11, 1}
	oidIntermediate = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 2, 1}
)

// Store signs and posts. Its exported fields are set before use.
type Store struct {
	BundleID    string
	AppAppleID  int64
	Environment string // "Production" or "Sandbox"

	root []byte
	head string // of every JWS, encoded
	key  *ecdsa.PrivateKey
}

// New makes a store with a signing chain of its own: root and intermediate on
// P-384, leaf on P-256, as the real one.
func New(bundleID string, appAppleID int64, environment string) (*Store, error) {
	s := &Store{BundleID: bundleID, AppAppleID: appAppleID, Environment: environment}
	rootKey, err1 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	midKey, err2 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	leafKey, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, fmt.Errorf("make signing keys: %w, %w, %w", err1, err2, err3)
	}
	now := time.Now()
	root := authority(1, "Simulated Root CA", now, nil)
	mid := authority(2, "Simulated Worldwide Developer Relations", now, oidIntermediate)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "Simulated Store Receipt Signing"},
		NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: mark(oidLeaf),
	}
	var chain [3][]byte
	var err error
	for _, c := range []struct {
		at           int
		tmpl, parent *x509.Certificate
		pub          any
		signer       *ecdsa.PrivateKey
	}{
		{2, root, root, rootKey.Public(), rootKey},
		{1, mid, root, midKey.Public(), rootKey},
		{0, leaf, mid, leafKey.Public(), midKey},
	} {
		if chain[c.at], err = x509.CreateCertificate(rand.Reader, c.tmpl, c.parent, c.pub, c.signer); err != nil {
			return nil, fmt.Errorf("make signing chain: %w", err)
		}
	}
	x5c := make([]string, 3)
	for i, der := range chain {
		x5c[i] = base64.StdEncoding.EncodeToString(der)
	}
	head, err := json.Marshal(map[string]any{"alg": "ES256", "x5c": x5c})
	if err != nil {
		return nil, fmt.Errorf("make header: %w", err)
	}
	s.root, s.key, s.head = chain[2], leafKey, base64.RawURLEncoding.EncodeToString(head)
	return s, nil
}

func authority(serial int64, name string, now time.Time, oid asn1.ObjectIdentifier) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-10, 0, 0), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtraExtensions: mark(oid),
	}
}

func mark(oid asn1.ObjectIdentifier) []pkix.Extension {
	if oid == nil {
		return nil
	}
	return []pkix.Extension{{Id: oid, Value: []byte{5, 0}}}
}

// RootPEM is the root to trust instead of Apple's.
func (s *Store) RootPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.root}))
}

// Sign returns payload as a compact JWS.
func (s *Store) Sign(payload any) (string, error) {
	b, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	text := s.head + "." + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	v.FillBytes(sig[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig[:]), nil
}

// Subscription is one customer's auto-renewable subscription.
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
		sub.Status = 1
	}
	transaction, err1 := s.Sign(s.transaction(typ, sub, at))
	renewal, err2 := s.Sign(s.renewal(sub, at))
	if err := errors.Join(err1, err2); err != nil {
		return "", nil, err
	}
	uuid = newUUID()
	n := map[string]any{
		"notificationType": typ, "notificationUUID": uuid, "version": "2.0", "signedDate": at.UnixMilli(),
		"data": map[string]any{
			"appAppleId": s.AppAppleID, "bundleId": s.BundleID, "bundleVersion": "1.4.2", "environment": s.Environment,
			"signedTransactionInfo": transaction, "signedRenewalInfo": renewal, "status": sub.Status,
		},
	}
	if subtype != "" {
		n["subtype"] = subtype
	}
	payload, err := s.Sign(n)
	if err != nil {
		return "", nil, err
	}
	body, err = json.Marshal(map[string]string{"signedPayload": payload})
	return uuid, body, err
}

// transaction is the JWSTransactionDecodedPayload of the current period.
func (s *Store) transaction(typ string, sub Subscription, at time.Time) map[string]any {
	id, reason := sub.TransactionID, "RENEWAL"
	if id == "" {
		id = sub.OriginalTransactionID
	}
	if typ == "SUBSCRIBED" {
		reason = "PURCHASE"
	}
	t := map[string]any{
		"transactionId": id, "originalTransactionId": sub.OriginalTransactionID, "bundleId": s.BundleID,
		"productId": sub.ProductID, "subscriptionGroupIdentifier": "20500001", "purchaseDate": sub.ExpiresAt.AddDate(0, -1, 0).UnixMilli(),
		"originalPurchaseDate": sub.StartedAt.UnixMilli(), "expiresDate": sub.ExpiresAt.UnixMilli(), "quantity": 1,
		"type": "Auto-Renewable Subscription", "inAppOwnershipType": "PURCHASED", "signedDate": at.UnixMilli(), "environment": s.Environment,
		"appAccountToken": sub.AppAccountToken, "price": sub.Price, "currency": sub.Currency, "storefront": sub.Storefront, "transactionReason": reason,
	}
	if !sub.RevokedAt.IsZero() {
		t["revocationDate"], t["revocationReason"] = sub.RevokedAt.UnixMilli(), 0
	}
	return t
}

// renewal is the JWSRenewalInfoDecodedPayload.
func (s *Store) renewal(sub Subscription, at time.Time) map[string]any {
	renew := 0
	if sub.AutoRenew {
		renew = 1
	}
	r := map[string]any{
		"originalTransactionId": sub.OriginalTransactionID, "autoRenewProductId": sub.ProductID, "productId": sub.ProductID,
		"autoRenewStatus": renew, "signedDate": at.UnixMilli(), "environment": s.Environment, "renewalDate": sub.ExpiresAt.UnixMilli(),
		"recentSubscriptionStartDate": sub.StartedAt.UnixMilli(), "isInBillingRetryPeriod": sub.Status == 3 || sub.Status == 4,
	}
	if !sub.GraceUntil.IsZero() {
		r["gracePeriodExpiresDate"] = sub.GraceUntil.UnixMilli()
	}
	if sub.ExpirationIntent != 0 {
		r["expirationIntent"] = sub.ExpirationIntent
	}
	return r
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Post hands a notification to url and reports the status. The store takes
// 200 to 206 for delivered.
func Post(ctx context.Context, client *http.Client, url string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("post notification: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post notification: %w", err)
	}
	return res.StatusCode, res.Body.Close()
}
