package appstore

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Sizes in bytes that a JWS may have. Apple's notifications are about 15 kB,
// their headers 5 kB.
const (
	maxJWS    = 512 << 10
	maxHeader = 16 << 10
)

// base64url is the encoding of JWS parts: no padding, no stray bits (RFC 7515 §2).
var base64url = base64.RawURLEncoding.Strict()

// jws is one JSON Web Signature in compact form (RFC 7515 §7.1), taken apart
// but not proved.
type jws struct {
	header  string // still encoded
	payload []byte
	content string // what is signed: header and payload, encoded
	r, s    *big.Int
}

// split takes a compact JWS apart. It checks form and size only.
func split(text string) (jws, error) {
	if len(text) > maxJWS {
		return jws{}, fmt.Errorf("%d bytes are more than the %d allowed", len(text), maxJWS)
	}
	// Go's decoder skips line breaks inside base64; RFC 7515 has none.
	if strings.ContainsAny(text, "\r\n") {
		return jws{}, errors.New("a line break inside")
	}
	if strings.Count(text, ".") != 2 {
		return jws{}, fmt.Errorf("%d parts instead of 3", strings.Count(text, ".")+1)
	}
	last := strings.LastIndexByte(text, '.')
	content := text[:last]
	header, body, _ := strings.Cut(content, ".")
	if len(header) > maxHeader {
		return jws{}, fmt.Errorf("a header of %d bytes is more than the %d allowed", len(header), maxHeader)
	}
	payload, err := base64url.DecodeString(body)
	if err != nil {
		return jws{}, fmt.Errorf("decode payload: %w", err)
	}
	sig, err := base64url.DecodeString(text[last+1:])
	if err != nil {
		return jws{}, fmt.Errorf("decode signature: %w", err)
	}
	if len(sig) != 64 {
		return jws{}, fmt.Errorf("a signature of %d bytes, ES256 has 64", len(sig))
	}
	return jws{
		header: header, payload: payload, content: content,
		r: new(big.Int).SetBytes(sig[:32]), s: new(big.Int).SetBytes(sig[32:]),
	}, nil
}

// signedBy reports whether key made the signature (ES256, RFC 7518 §3.4).
func (j jws) signedBy(key *ecdsa.PublicKey) bool {
	sum := sha256.Sum256([]byte(j.content))
	return ecdsa.Verify(key, sum[:], j.r, j.s)
}

// header is a JWS header as far as it matters.
type header struct {
	Algorithm string   `json:"alg"`
	X5C       []string `json:"x5c"`

	// Headers that would name another key or change the rules. Apple sends
	// none of them; whoever does wants something.
	JKU      jsontext.Value `json:"jku"`
	JWK      jsontext.Value `json:"jwk"`
	X5U      jsontext.Value `json:"x5u"`
	Critical jsontext.Value `json:"crit"`
}

// errChainLength tells an x5c of another length than three.
var errChainLength = errors.New("x5c must hold exactly 3 certificates")

// readHeader decodes an encoded header and refuses what can be refused
// without looking at a certificate.
func readHeader(encoded string) (header, error) {
	text, err := base64url.DecodeString(encoded)
	if err != nil {
		return header{}, fmt.Errorf("decode header: %w", err)
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return header{}, fmt.Errorf("decode header: %w", err)
	}
	switch {
	case h.Algorithm != "ES256":
		return header{}, fmt.Errorf("algorithm %.20q, only ES256 is taken", h.Algorithm)
	case h.JKU != nil || h.JWK != nil || h.X5U != nil || h.Critical != nil:
		return header{}, errors.New("a header that names another key or an extension (jku, jwk, x5u, crit)")
	case h.X5C == nil:
		return header{}, errors.New("no x5c in the header")
	case len(h.X5C) != 3:
		return header{}, fmt.Errorf("%w, not %d", errChainLength, len(h.X5C))
	}
	return h, nil
}
