package mail

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/emersion/go-msgauth/dkim"
)

// signer puts the DKIM signature of one domain on letters (RFC 6376, RFC 8463).
type signer struct {
	domain, selector string
	key              crypto.Signer
	mark             string // of domain, selector and key
}

func newSigner(domain, selector, key string) (*signer, error) {
	k, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return &signer{domain: domain, selector: selector, key: k, mark: digest(domain, selector, string(public))}, nil
}

// signed lists the fields that a signature covers. Those that must not be
// added on the way stand there once more than they occur (oversigning).
var signed = []string{
	"From", "From", "To", "To", "Subject", "Subject", "Date", "Date",
	"Reply-To", "Reply-To", "Message-ID", "Message-ID", "Auto-Submitted", "Feedback-ID",
	"List-Id", "List-Id", "List-Unsubscribe", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Unsubscribe-Post",
	"MIME-Version", "Content-Type", "Content-Type", "Content-Transfer-Encoding",
}

// parseKey reads a private key: RSA of 2048 to 4096 bits in PKCS #1 or
// PKCS #8, or Ed25519 in PKCS #8. Errors do not repeat the key.
func parseKey(text string) (crypto.Signer, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is not one PEM block")
	}
	if block.Type == "RSA PRIVATE KEY" {
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("it is not an RSA private key in PKCS #1")
		}
		return checkRSA(key)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is not a private key in PKCS #8")
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return checkRSA(key)
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("%T is neither an RSA nor an Ed25519 key", key)
}

// checkRSA holds RFC 8301 3.2 and the 4096 bits that a verifier must take.
func checkRSA(key *rsa.PrivateKey) (crypto.Signer, error) {
	if n := key.N.BitLen(); n < 2048 || n > 4096 {
		return nil, fmt.Errorf("the RSA key has %d bits; 2048 to 4096 are taken", n)
	}
	return key, nil
}

// sign puts the signature in front of l. A signature made by an earlier
// attempt is used again if it was made of the same octets with the same key;
// with RSA-2048 that saves more than a millisecond, and the mail stays the
// same to the octet.
func (s *signer) sign(l *letter, carried []byte) error {
	sum := s.sum(l.octets)
	if field, ok := bytes.CutPrefix(carried, sum[:]); ok {
		l.carry = carried
		l.prepend(field)
		return nil
	}
	w, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: s.domain, Selector: s.selector, Signer: s.key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed,
		BodyCanonicalization:   dkim.CanonicalizationRelaxed,
		HeaderKeys:             signed,
	})
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	_, err = w.Write(l.octets)
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	field := w.Signature()
	l.carry = append(sum[:], field...)
	l.prepend([]byte(field))
	return nil
}

// sum binds a carried signature to what it was made of.
func (s *signer) sum(octets []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(s.mark))
	h.Write(octets)
	return [sha256.Size]byte(h.Sum(nil))
}

func (l *letter) prepend(field []byte) {
	l.octets = append(append(make([]byte, 0, len(field)+len(l.octets)), field...), l.octets...)
	l.head += len(field)
}
