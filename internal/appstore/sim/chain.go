package sim

import (
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
	"fmt"
	"math/big"
	"time"
)

// The marks that a verified chain carries: on the leaf and on the intermediate.
var (
	oidLeaf         = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 11, 1}
	oidIntermediate = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 2, 1}
)

// signer is the store's own chain and the leaf's key.
type signer struct {
	root []byte
	head string // of every JWS, encoded
	key  *ecdsa.PrivateKey
}

// newSigner makes a chain: root and intermediate on P-384, leaf on P-256, as the
// real one.
func newSigner() (*signer, error) {
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
	return &signer{root: chain[2], key: leafKey, head: base64.RawURLEncoding.EncodeToString(head)}, nil
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
func (s *signer) RootPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.root}))
}

// Sign returns payload as a compact JWS.
func (s *signer) Sign(payload any) (string, error) {
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
