package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// MaxKeyLife is the longest life of an API key, and the one it has unless it is
// given an earlier end.
const MaxKeyLife = 365 * 24 * time.Hour

// A key reads eng_<env>_<id>_<secret><checksum>: lengths in characters. The
// prefix lets a scanner find a leaked key, the checksum lets it be sure offline.
const (
	keyPrefix = "eng_"
	idSize    = 12 // base32: 60 bits, no secret
	bodySize  = 32 // base62: 190 bits
	sumSize   = 6  // base62: CRC-32 (IEEE) of all before it
)

// PartnerEnv is the env of partners' client secrets, which are keys that open
// nothing but /oauth/token.
const PartnerEnv = "secret"

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Key is an API key as it is kept: without its secret.
type Key struct {
	ID        string // 12 characters
	Env       string // "live", "test"
	Hash      Hash
	Scopes    []string
	Networks  []netip.Prefix // empty: from anywhere
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time // zero: not revoked
}

// NewKey makes a key for env ("live" or "test"; lower-case letters and digits)
// that lives for MaxKeyLife, and its text, which is shown once and kept nowhere.
func NewKey(env string) (Key, engawa.Secret) {
	now := time.Now()
	id := keyID()
	text := keyPrefix + env + "_" + id + "_" + randomBase62(bodySize)
	text += checksum(text)
	k := Key{ID: id, Env: env, Hash: HashToken(engawa.Secret(text)), CreatedAt: now, ExpiresAt: now.Add(MaxKeyLife)}
	return k, engawa.Secret(text)
}

// ParseKey returns the id by which a presented key is looked up and the hash to
// give to Key.Admit. The error says that the text cannot be a key of ours; it is
// the one that Admit answers for an unknown or wrong key, after the same work.
func ParseKey(text engawa.Secret) (id string, hash Hash, err error) {
	hash = HashToken(text)
	id, ok := splitKey(text.Reveal())
	if !ok {
		return "", hash, refuse(KeyInvalid, nil)
	}
	return id, hash, nil
}

// splitKey returns the key's id if the text has the form of a key and its
// checksum is right.
func splitKey(text string) (string, bool) {
	if len(text) > 128 || len(text) < len(keyPrefix)+bodySize+sumSize {
		return "", false
	}
	front, sum := text[:len(text)-sumSize], text[len(text)-sumSize:]
	parts := strings.Split(front, "_")
	if len(parts) != 4 || parts[0]+"_" != keyPrefix || len(parts[2]) != idSize || len(parts[3]) != bodySize {
		return "", false
	}
	return parts[2], checksum(front) == sum
}

// Admit answers nil if hash, as ParseKey gave it, is k's and k may be used now
// from the address from. For a key that was not found call it on the zero Key:
// it does the same work and answers the same error, an *engawa.Error.
func (k Key) Admit(hash Hash, from netip.Addr, now time.Time) error {
	same := subtle.ConstantTimeCompare(k.Hash[:], hash[:]) == 1
	switch {
	case !same || k.ID == "" || !k.RevokedAt.IsZero():
		return refuse(KeyInvalid, nil)
	case !now.Before(k.ExpiresAt):
		return refuse(KeyExpired, nil)
	case len(k.Networks) > 0 && !slices.ContainsFunc(k.Networks, func(p netip.Prefix) bool { return p.Contains(from.Unmap()) }):
		return refuse(KeyNetwork, nil)
	}
	return nil
}

// Principal returns who k stands for in workspace, with its scopes.
func (k Key) Principal(workspace string) Principal {
	return Principal{Workspace: workspace, Key: k.ID, Scopes: k.Scopes}
}

// Row is k as the store keeps it, under a name that says what it is for.
func (k Key) Row(workspace, name string) store.APIKey {
	return store.APIKey{
		Workspace: workspace, ID: k.ID, Name: name, Hash: hex.EncodeToString(k.Hash[:]), Scopes: k.Scopes, CreatedAt: k.CreatedAt, EndsAt: k.ExpiresAt,
	}
}

func keyID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b)[:idSize])
}

func randomBase62(n int) string {
	b := make([]byte, n)
	for i := range b {
		c, _ := rand.Int(rand.Reader, big.NewInt(int64(len(base62)))) // crypto/rand never fails (Go 1.24)
		b[i] = base62[c.Int64()]
	}
	return string(b)
}

func checksum(s string) string {
	n := crc32.ChecksumIEEE([]byte(s))
	var b [sumSize]byte
	for i := range b {
		b[sumSize-1-i] = base62[n%62]
		n /= 62
	}
	return string(b[:])
}
