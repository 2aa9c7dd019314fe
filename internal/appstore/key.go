package appstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// Key is the business's own In-App Purchase key, made in App Store Connect
// under Users and Access, Integrations. One key serves production and sandbox.
type Key struct {
	IssuerID   string        // of the team, above the list of keys
	KeyID      string        // beside the key
	PrivateKey engawa.Secret // the downloaded .p8 file: PKCS #8 in PEM
}

// Format names the key without showing it, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "app store key "+k.KeyID) }

// tokenLife is how long a token counts; Apple's own libraries give five
// minutes and make one for each request, which costs a P-256 signature.
const tokenLife = 5 * time.Minute

// signer makes the tokens of one app.
type signer struct {
	issuer, id, bundle string
	key                *ecdsa.PrivateKey
}

// Format prints nothing of the key, whatever the verb.
func (s *signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "app store key "+s.id) }

// newSigner reads a key. The error is an *Error of ClassConfiguration that
// names the setting, never its value.
func newSigner(k Key, bundle string) (*signer, error) {
	if k.IssuerID == "" {
		return nil, fail(ClassConfiguration, "issuer_id", "it is empty")
	}
	if k.KeyID == "" {
		return nil, fail(ClassConfiguration, "key_id", "it is empty")
	}
	key, err := parseKey(k.PrivateKey)
	if err != nil {
		return nil, fail(ClassConfiguration, "private_key", "%w", err)
	}
	return &signer{issuer: k.IssuerID, id: k.KeyID, bundle: bundle, key: key}, nil
}

func parseKey(text engawa.Secret) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text.Reveal()))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("no private key in PEM form (-----BEGIN PRIVATE KEY-----)")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key cannot be read; a line of it may be missing") // the parser's words may hold parts of it
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("not a key of the App Store: those are on the curve P-256")
	}
	return key, nil
}

// token makes the bearer token of one request (RFC 7519 with ES256, RFC 7518
// §3.4). iat and exp are whole seconds of this machine's clock.
func (s *signer) token(now time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Issuer   string `json:"iss"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
		Audience string `json:"aud"`
		BundleID string `json:"bid,omitzero"` // App Store Connect wants none
	}{s.issuer, now.Unix(), now.Add(tokenLife).Unix(), "appstoreconnect-v1", s.bundle})
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	return s.sign(claims)
}

// sign makes a JWS of claims (RFC 7515 with ES256, RFC 7518 §3.4).
func (s *signer) sign(claims []byte) (string, error) {
	head, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}{"ES256", s.id, "JWT"})
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	content := base64url.EncodeToString(head) + "." + base64url.EncodeToString(claims)
	sum := sha256.Sum256([]byte(content))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	v.FillBytes(sig[32:])
	return content + "." + base64url.EncodeToString(sig[:]), nil
}
