// Package vault keeps what the database must not be able to read by itself.
//
// Two layers of keys. A Keyring holds the key-encryption keys in a file outside
// the database and its backups. Each customer, and each row whose customer is
// not known yet, has a DataKey: 256 random bits that the database keeps only
// wrapped. To erase a customer is to delete the wrapped key: rows, logs and
// copies stay, unreadable.
//
// A wrapped key in an old backup is undone by epochs: each day a new
// key-encryption key opens, what lives is wrapped again (Vault.Rewrap), and a
// closed key is destroyed 30 days later, so that no older backup can be read
// with any key still held. For this to hold, a row's key is wrapped either by
// the ring (Vault.NewDataKey) or by its customer's key (DataKey.NewDataKey), never
// by a DataKey that lives for ever, such as a workspace's: that one would open
// the old copy.
//
// Sealing is AES-256-GCM with a random nonce (NIST SP 800-38D §8.2.2: at most
// 2^32 uses of one key; a data key seals a few rows, a ring key one day's data
// keys). Tokens, whose number is not known, use XChaCha20-Poly1305. Look-ups,
// signatures and tokens have keys of their own, derived by HKDF-SHA-256 (RFC 5869).
//
// What is opened is either exactly what was sealed, at the place it was sealed
// for, or an error: nothing here answers a part of it.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNoKey: the ring does not hold the key that the value names, and its
	// file does not either.
	ErrNoKey = errors.New("the key is not in the key ring")
	// ErrDestroyed: the ring did hold that key, and Expire destroyed it.
	ErrDestroyed = errors.New("the key was destroyed at the end of its time")
	// ErrOpen: the value was altered, cut short, moved from its place, or
	// sealed with another key. Which of these cannot be known.
	ErrOpen = errors.New("the sealed value does not open here")
)

// keySize is the size of every key, in bytes: AES-256, HMAC-SHA-256, XChaCha20.
const keySize = 32

// Vault wraps, looks up, signs and makes tokens with the keys of a ring. It is
// safe for concurrent use, also while the ring rotates.
type Vault struct {
	ring    *Keyring
	derived sync.Map // derivation -> []byte; as many as workspaces and purposes
}

// New returns a vault over k. Later changes of k take effect at once.
func New(k *Keyring) *Vault { return &Vault{ring: k} }

// Current returns the id of the key that wraps now. Whatever is wrapped by
// another one is to be rewrapped.
func (v *Vault) Current() string { return v.ring.Current() }

// Ring names the key ring for ever.
func (v *Vault) Ring() string { return v.ring.ID() }

// Knows reports whether the ring has, or had, the key-encryption key id.
func (v *Vault) Knows(id string) bool {
	_, err := v.kek(id)
	return !errors.Is(err, ErrNoKey)
}

// kek returns a key-encryption key; for one that it has not heard of, it looks
// whether another node has changed the ring's file.
func (v *Vault) kek(id string) (cipher.AEAD, error) {
	aead, err := v.ring.aead(id)
	if errors.Is(err, ErrNoKey) && v.ring.refresh() {
		aead, err = v.ring.aead(id)
	}
	return aead, err
}

// Format keeps keys out of logs whatever the verb.
func (v *Vault) Format(f fmt.State, _ rune) { io.WriteString(f, "vault") }

// derivation names a key derived from one of the ring's secrets.
type derivation struct{ secret, use, name string }

// derive returns the key for d under secret, made once and kept. The kept keys
// are never shown and live as long as the vault.
func (v *Vault) derive(d derivation, secret []byte) []byte {
	if key, ok := v.derived.Load(d); ok {
		return key.([]byte)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, string(bind("engawa", d.use, d.name)), keySize)
	if err != nil {
		panic("vault: derive a 32-byte key: " + err.Error()) // only for lengths over 8,160 bytes
	}
	v.derived.Store(d, key)
	return key
}

// bind joins parts so that no other parts give the same bytes: each is preceded
// by its length in 4 bytes.
func bind(parts ...string) []byte {
	n := 0
	for _, p := range parts {
		n += 4 + len(p)
	}
	b := make([]byte, 0, n)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p))) //nolint:gosec // no part has 4 GiB
		b = append(b, p...)
	}
	return b
}

// newAEAD returns AES-256-GCM that puts a random nonce before what it seals.
func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("vault: " + err.Error()) // only for another key size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("vault: " + err.Error()) // only for another block size
	}
	return aead
}
