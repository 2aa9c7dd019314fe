package appstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // the default root
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"
)

// appleRoots is Apple Root CA - G3, which signs App Store data until 2039
// (https://www.apple.com/certificateauthority/).
//
//go:embed roots/apple-root-ca-g3.pem
var appleRoots []byte

// The purposes that Apple marks with an extension of its own; presence counts.
var (
	oidLeaf         = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 11, 1}
	oidIntermediate = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 2, 1}
)

// roots are the certificates that every chain must end in.
type roots struct {
	pool  *x509.CertPool
	names map[string]bool // raw subjects: a cheap look before any signature
}

// parseRoots reads certificates in PEM. Anything else in the text, a
// certificate that is no authority, or none at all is an error.
func parseRoots(text []byte) (roots, error) {
	r := roots{pool: x509.NewCertPool(), names: map[string]bool{}}
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return roots{}, fmt.Errorf("a PEM block of type %q, only CERTIFICATE is taken", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return roots{}, fmt.Errorf("parse certificate %d: %w", len(r.names)+1, err)
		}
		if !cert.IsCA {
			return roots{}, fmt.Errorf("certificate %q is no certification authority", cert.Subject)
		}
		r.pool.AddCert(cert)
		r.names[string(cert.RawSubject)] = true
	}
	if len(r.names) == 0 {
		return roots{}, errors.New("no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
	}
	return r, nil
}

// chain is a leaf proved down from a root.
type chain struct {
	leaf, intermediate, root *x509.Certificate
	key                      *ecdsa.PublicKey // the leaf's, P-256
	from, until              time.Time        // all three are valid in between
	status                   status           // what OCSP said
}

// covers reports whether all certificates of c are valid at the moment at.
func (c *chain) covers(at time.Time) bool { return !at.Before(c.from) && !at.After(c.until) }

// prove verifies the certificates of an x5c at the moment at. The third is
// ignored: the root comes from r. Whatever costs no signature comes first, so
// that a made-up chain is cheap to refuse.
func (r roots) prove(x5c []string, at time.Time) (*chain, error) {
	leaf, err := parseCertificate(x5c[0])
	if err != nil {
		return nil, fmt.Errorf("leaf: %w", err)
	}
	intermediate, err := parseCertificate(x5c[1])
	if err != nil {
		return nil, fmt.Errorf("intermediate: %w", err)
	}
	key, err := r.plausible(leaf, intermediate, at)
	if err != nil {
		return nil, err
	}
	between := x509.NewCertPool()
	between.AddCert(intermediate)
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: r.pool, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, fmt.Errorf("chain: %w", err)
	}
	for _, certs := range chains {
		if len(certs) == 3 && certs[1].Equal(intermediate) {
			return newChain(certs, key), nil
		}
	}
	return nil, errors.New("chain: not leaf, intermediate, root")
}

// plausible checks all that can be seen without a signature and returns the leaf's key.
func (r roots) plausible(leaf, intermediate *x509.Certificate, at time.Time) (*ecdsa.PublicKey, error) {
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || key.Curve != elliptic.P256():
		return nil, errors.New("leaf: the key is not P-256")
	case !carries(leaf, oidLeaf):
		return nil, fmt.Errorf("leaf: no extension %s", oidLeaf)
	case !carries(intermediate, oidIntermediate):
		return nil, fmt.Errorf("intermediate: no extension %s", oidIntermediate)
	case intermediate.PublicKeyAlgorithm != x509.ECDSA || !intermediate.BasicConstraintsValid || !intermediate.IsCA:
		return nil, errors.New("intermediate: no certification authority with an elliptic key")
	case string(leaf.RawIssuer) != string(intermediate.RawSubject):
		return nil, errors.New("leaf: not issued in the intermediate's name")
	case !r.names[string(intermediate.RawIssuer)]:
		return nil, errors.New("intermediate: not issued in the name of a trusted root")
	case at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) || at.Before(intermediate.NotBefore) || at.After(intermediate.NotAfter):
		return nil, fmt.Errorf("chain: not valid at signedDate %s", at.UTC().Format(time.RFC3339))
	}
	return key, nil
}

func newChain(certs []*x509.Certificate, key *ecdsa.PublicKey) *chain {
	c := &chain{leaf: certs[0], intermediate: certs[1], root: certs[2], key: key, from: certs[0].NotBefore, until: certs[0].NotAfter}
	for _, cert := range certs[1:] {
		if cert.NotBefore.After(c.from) {
			c.from = cert.NotBefore
		}
		if cert.NotAfter.Before(c.until) {
			c.until = cert.NotAfter
		}
	}
	return c
}

func parseCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

func carries(cert *x509.Certificate, oid asn1.ObjectIdentifier) bool {
	for _, e := range cert.Extensions {
		if e.Id.Equal(oid) {
			return true
		}
	}
	return false
}

// Bounds of the memory of proved chains. Apple uses one leaf at a time.
const (
	chainLife = time.Hour
	maxChains = 64
)

// chains remembers proved chains by the SHA-256 of the JWS header that
// carried them. Only proved ones enter, so a stranger can fill it only with
// variants of Apple's own chain, and then only up to maxChains.
type chains struct {
	mu   sync.Mutex
	kept map[[sha256.Size]byte]remembered
}

type remembered struct {
	chain *chain
	drop  time.Time
}

// get returns the chain of a header whose memory has not ended by now, else nil.
func (c *chains) get(sum [sha256.Size]byte, now time.Time) *chain {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.kept[sum]
	if !ok {
		return nil
	}
	if !now.Before(r.drop) {
		delete(c.kept, sum)
		return nil
	}
	return r.chain
}

// put remembers a chain for chainLife or until a certificate of it ends,
// whichever is earlier. A full memory loses what would end first.
func (c *chains) put(sum [sha256.Size]byte, proved *chain, now time.Time) {
	drop := now.Add(chainLife)
	if proved.until.Before(drop) {
		drop = proved.until
	}
	if !now.Before(drop) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = make(map[[sha256.Size]byte]remembered, maxChains)
	}
	if _, ok := c.kept[sum]; !ok && len(c.kept) >= maxChains {
		c.evict()
	}
	c.kept[sum] = remembered{chain: proved, drop: drop}
}

func (c *chains) evict() {
	var first [sha256.Size]byte
	var soonest time.Time
	for sum, r := range c.kept {
		if soonest.IsZero() || r.drop.Before(soonest) {
			first, soonest = sum, r.drop
		}
	}
	delete(c.kept, first)
}

// certificates returns those that OCSP is asked about, each with its issuer.
func (c *chain) certificates() [][2]*x509.Certificate {
	return [][2]*x509.Certificate{{c.leaf, c.intermediate}, {c.intermediate, c.root}}
}
