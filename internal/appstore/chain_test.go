package appstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// testChain is a chain shaped like Apple's, with whatever is wrong in it.
type testChain struct {
	root, between, leaf           *x509.Certificate
	rootKey, betweenKey, leafKey  *ecdsa.PrivateKey
	from, until                   time.Time // of the leaf
	noLeafOID, noBetweenOID, noCA bool
	otherIssuer                   bool   // another key of the same name signs the leaf
	responder                     string // OCSP
}

func issue(t testing.TB, curve elliptic.Curve, tmpl, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, signer = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func mark(oid asn1.ObjectIdentifier, absent bool) []pkix.Extension {
	if absent {
		return nil
	}
	return []pkix.Extension{{Id: oid, Value: []byte{5, 0}}}
}

// newTestChain makes the certificates that spec asks for.
func newTestChain(t testing.TB, spec testChain) *testChain {
	t.Helper()
	c := &spec
	now := time.Now()
	if c.from.IsZero() {
		c.from, c.until = now.Add(-365*24*time.Hour), now.Add(365*24*time.Hour)
	}
	authority := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: now.Add(-10 * 365 * 24 * time.Hour), NotAfter: now.Add(10 * 365 * 24 * time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	c.root, c.rootKey = issue(t, elliptic.P384(), authority(1, "Test Root"), nil, nil)
	tmpl := authority(2, "Test Intermediate")
	tmpl.ExtraExtensions = mark(oidIntermediate, c.noBetweenOID)
	tmpl.OCSPServer = responders(c.responder)
	if c.noCA {
		tmpl.IsCA, tmpl.KeyUsage = false, x509.KeyUsageDigitalSignature
	}
	c.between, c.betweenKey = issue(t, elliptic.P384(), tmpl, c.root, c.rootKey)
	signer := c.betweenKey
	parent := c.between
	if c.otherIssuer {
		parent, signer = issue(t, elliptic.P384(), tmpl, c.root, c.rootKey)
	}
	c.leaf, c.leafKey = issue(t, elliptic.P256(), &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "Test Leaf"}, NotBefore: c.from, NotAfter: c.until,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: mark(oidLeaf, c.noLeafOID), OCSPServer: responders(c.responder),
	}, parent, signer)
	return c
}

func responders(url string) []string {
	if url == "" {
		return nil
	}
	return []string{url}
}

func (c *testChain) rootPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.root.Raw}))
}

func (c *testChain) x5c() []string {
	return []string{
		base64.StdEncoding.EncodeToString(c.leaf.Raw),
		base64.StdEncoding.EncodeToString(c.between.Raw),
		base64.StdEncoding.EncodeToString(c.root.Raw),
	}
}

type object = map[string]any

// sign returns payload as a JWS with the header {alg, x5c} changed by extra.
func (c *testChain) sign(t testing.TB, payload any, extra object) string {
	t.Helper()
	head := object{"alg": "ES256", "x5c": c.x5c()}
	maps.Copy(head, extra)
	content := part(t, head) + "." + part(t, payload)
	return content + "." + base64.RawURLEncoding.EncodeToString(signES256(t, c.leafKey, content))
}

func part(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func signES256(t testing.TB, key crypto.Signer, content string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(content))
	der, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 64)
	sig.R.FillBytes(out[:32])
	sig.S.FillBytes(out[32:])
	return out
}

// verifier trusts c in the sandbox of com.example.
func (c *testChain) verifier(t testing.TB) *Verifier {
	t.Helper()
	v, err := NewVerifier(Settings{BundleID: "com.example", Environment: engawa.Sandbox, Roots: c.rootPEM()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// with returns a copy of o with changes.
func with(o, changes object) object {
	o = maps.Clone(o)
	maps.Copy(o, changes)
	return o
}

func transaction(at time.Time) object {
	return object{
		"transactionId": "23456", "originalTransactionId": "12345", "bundleId": "com.example", "productId": "coffee.monthly",
		"type": "Auto-Renewable Subscription", "environment": "Sandbox", "signedDate": at.UnixMilli(), "price": 980000, "currency": "JPY",
		"expiresDate": at.Add(24 * time.Hour).UnixMilli(), "appAccountToken": "7E3FB20B-4CDB-47CC-936D-99D65F608138", "appTransactionId": "71134",
		"offerType": 3, "offerIdentifier": "spring", "isUpgraded": false, "quantity": 1, "inAppOwnershipType": "PURCHASED",
	}
}

func renewal(at time.Time) object {
	return object{
		"originalTransactionId": "12345", "autoRenewProductId": "coffee.monthly", "productId": "coffee.monthly", "autoRenewStatus": 0,
		"environment": "Sandbox", "signedDate": at.UnixMilli(), "renewalDate": at.Add(24 * time.Hour).UnixMilli(),
	}
}

// notification is a full one, signed at the moment at.
func (c *testChain) notification(t testing.TB, at time.Time, changes object) object {
	t.Helper()
	data := object{
		"environment": "Sandbox", "bundleId": "com.example", "appAppleId": 1234, "status": 1,
		"signedTransactionInfo": c.sign(t, transaction(at), nil), "signedRenewalInfo": c.sign(t, renewal(at), nil),
	}
	maps.Copy(data, changes)
	return object{
		"notificationType": "DID_CHANGE_RENEWAL_STATUS", "subtype": "AUTO_RENEW_DISABLED",
		"notificationUUID": "9ad56bd2-0bc6-42e0-af24-fd996d87a1e6", "version": "2.0", "signedDate": at.UnixMilli(), "data": data,
	}
}
