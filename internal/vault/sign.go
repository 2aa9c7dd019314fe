package vault

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// Errors of OpenToken.
var (
	// ErrToken: not a token of ours, not for this purpose, or altered.
	ErrToken = errors.New("the token is not valid")
	// ErrTokenExpired: a true token after its time.
	ErrTokenExpired = errors.New("the token has expired")
)

// macSize is the size of a signature, in bytes: HMAC-SHA-256 cut to its first
// half (RFC 2104 §5), so that one fits the local part of a mail address.
const macSize = 16

var tokenText = base64.RawURLEncoding.Strict()

// Index returns a keyed hash by which a value is found without being stored,
// and the id of the key it was made with. The same value gives another hash in
// another workspace or domain ("address:mail"). The caller normalises value.
func (v *Vault) Index(workspace, domain, value string) (hash, keyID string) {
	s := v.ring.indexKey()
	key := v.derive(derivation{s.ID, "index", workspace}, s.Key)
	return base64.RawURLEncoding.EncodeToString(mac(key, bind(domain), []byte(value))), s.ID
}

// Sign returns a signature of 16 bytes over data, and the id of its key. Each
// purpose, a constant of the program, has a key of its own.
func (v *Vault) Sign(purpose string, data []byte) (sum []byte, keyID string) {
	s, _ := v.ring.signingKey("") // a ring always has one
	return mac(v.derive(derivation{s.ID, "sign", purpose}, s.Key), data)[:macSize], s.ID
}

// Verify reports whether sum is Sign's over data for purpose with the key keyID.
func (v *Vault) Verify(purpose string, data, sum []byte, keyID string) bool {
	s, ok := v.ring.signingKey(keyID)
	if !ok || keyID == "" {
		return false
	}
	want := mac(v.derive(derivation{s.ID, "sign", purpose}, s.Key), data)[:macSize]
	return hmac.Equal(want, sum)
}

// shortSize is the size of a short signature, in bytes: 80 bits, the least that
// RFC 2104 §5 lets an HMAC-SHA-1 be cut to. It is for names that must fit the 64
// octets of a mailbox and can be tried only over the network.
const shortSize = 10

// SignShort is Sign cut to 10 bytes.
func (v *Vault) SignShort(purpose string, data []byte) (sum []byte, keyID string) {
	sum, keyID = v.Sign(purpose, data)
	return sum[:shortSize], keyID
}

// VerifyShort reports whether sum is SignShort's over data for purpose with the
// key keyID.
func (v *Vault) VerifyShort(purpose string, data, sum []byte, keyID string) bool {
	s, ok := v.ring.signingKey(keyID)
	if !ok || keyID == "" {
		return false
	}
	want := mac(v.derive(derivation{s.ID, "sign", purpose}, s.Key), data)[:shortSize]
	return hmac.Equal(want, sum)
}

// Token returns payload sealed for one purpose until expires (whole seconds), as
// text for a URL or a cookie: the key's id, a dot, base64url.
func (v *Vault) Token(purpose string, payload []byte, expires time.Time) string {
	s, _ := v.ring.signingKey("") // a ring always has one
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+8+len(payload)+chacha20poly1305.Overhead)
	_, _ = rand.Read(nonce) // crypto/rand.Read never fails (Go 1.24)
	plain := binary.BigEndian.AppendUint64(nil, uint64(max(0, expires.Unix())))
	plain = append(plain, payload...)
	return s.ID + "." + tokenText.EncodeToString(v.tokenAEAD(s, purpose).Seal(nonce, nonce, plain, bind("token", s.ID, purpose)))
}

// OpenToken returns the payload of a token made for purpose that has not
// expired at now. The error is ErrToken, or ErrTokenExpired for a true token.
func (v *Vault) OpenToken(purpose, token string, now time.Time) ([]byte, error) {
	id, text, _ := strings.Cut(token, ".")
	s, ok := v.ring.signingKey(id)
	if !ok || id == "" || strings.ContainsAny(text, "\r\n") { // line ends: the decoder would pass over them
		return nil, ErrToken
	}
	sealed, err := tokenText.DecodeString(text)
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return nil, ErrToken
	}
	nonce, sealed := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := v.tokenAEAD(s, purpose).Open(nil, nonce, sealed, bind("token", s.ID, purpose))
	if err != nil || len(plain) < 8 {
		return nil, ErrToken
	}
	if now.Unix() >= int64(binary.BigEndian.Uint64(plain)) { //nolint:gosec // Token wrote an int64
		return nil, ErrTokenExpired
	}
	return plain[8:], nil
}

// tokenAEAD returns the cipher of one purpose's tokens.
func (v *Vault) tokenAEAD(s secret, purpose string) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(v.derive(derivation{s.ID, "token", purpose}, s.Key))
	if err != nil {
		panic("vault: " + err.Error()) // only for another key size
	}
	return aead
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
