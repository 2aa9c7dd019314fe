package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
)

// How long an epoch is open, and how long its key is kept after it has closed.
const (
	Epoch = 24 * time.Hour
	Keep  = 30 * 24 * time.Hour
)

// Keyring holds the keys that stay outside the database: key-encryption keys
// by epoch, the index key, and the keys of signatures and tokens. It is safe for
// concurrent use. One process at a time may rotate a ring that several share.
type Keyring struct {
	saving sync.Mutex // one Save at a time; held over disk I/O, unlike mu

	mu      sync.RWMutex
	id      string
	epochs  []epoch // oldest first
	current string  // id of the epoch that wraps
	index   secret
	signing []secret // oldest first; the last signs
	kept    bool     // the ring has a file: a new key counts once it is in there
	signer  string   // id of the signing key that signs

	path string      // of the file, if the ring has one
	read fs.FileInfo // of the file that was last read or written
}

// epoch is a key-encryption key and its time. Without a key it is the memory of
// one that was destroyed.
type epoch struct {
	ID     string    `json:"id"`
	Opened time.Time `json:"opened"`
	Closed time.Time `json:"closed,omitzero"`
	Key    []byte    `json:"key,omitempty"`

	aead cipher.AEAD
}

// secret is a key from which others are derived.
type secret struct {
	ID     string    `json:"id"`
	Opened time.Time `json:"opened"`
	Key    []byte    `json:"key"`
}

// Generate returns a new ring of random keys. It is in memory only until Save.
func Generate(at time.Time) *Keyring {
	k := &Keyring{
		id:      "ring" + randomText(16),
		index:   newSecret("i", at),
		signing: []secret{newSecret("s", at)},
	}
	k.signer = k.signing[0].ID
	k.openEpoch(at)
	k.current = k.epochs[0].ID
	return k
}

// ID names the ring for ever. The database keeps it, so that a node with
// another ring is noticed before it wraps anything.
func (k *Keyring) ID() string { return k.id }

// Current returns the id of the key that wraps now.
func (k *Keyring) Current() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.current
}

// Opened returns when the current epoch began: rotate once it is an Epoch ago.
func (k *Keyring) Opened() time.Time {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.epochs[k.find(k.current)].Opened
}

// Format keeps keys out of logs whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) { io.WriteString(f, "key ring "+k.id) }

// Rotate closes the last epoch and opens a new one. In a ring that has a file
// the new key wraps nothing before the next Save has written it: a crash in
// between would take with it all that it had wrapped.
func (k *Keyring) Rotate(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epochs[len(k.epochs)-1].Closed = stamp(at)
	k.openEpoch(at)
	if !k.kept {
		k.current = k.epochs[len(k.epochs)-1].ID
	}
}

// RotateSigning puts a new key in charge of signatures and tokens, from the
// next Save on if the ring has a file. The old ones still verify.
func (k *Keyring) RotateSigning(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := newSecret("s", at)
	k.signing = append(k.signing, s)
	if !k.kept {
		k.signer = s.ID
	}
}

// Due returns the ids of the keys that Expire would destroy. Nothing that lives
// may be wrapped by them any more: look before you expire.
func (k *Keyring) Due(before time.Time) []string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var ids []string
	for _, e := range k.epochs {
		if k.due(e, before) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// Expire destroys the keys whose epochs closed before the instant before,
// normally Keep ago. What they alone had wrapped is gone. The file forgets them at
// the next Save; what the disk keeps of an overwritten file is beyond reach here.
func (k *Keyring) Expire(before time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, e := range k.epochs {
		if k.due(e, before) {
			clear(e.Key)
			k.epochs[i].Key, k.epochs[i].aead = nil, nil
		}
	}
}

func (k *Keyring) due(e epoch, before time.Time) bool {
	return e.Key != nil && e.ID != k.current && !e.Closed.IsZero() && e.Closed.Before(before)
}

// openEpoch appends a new epoch. The lock is held, or the ring is not shared yet.
func (k *Keyring) openEpoch(at time.Time) {
	s := newSecret("k", at)
	k.epochs = append(k.epochs, epoch{ID: s.ID, Opened: s.Opened, Key: s.Key, aead: newAEAD(s.Key)})
}

// aead returns the cipher of the key-encryption key id.
func (k *Keyring) aead(id string) (cipher.AEAD, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	i := k.find(id)
	switch {
	case i < 0:
		return nil, fmt.Errorf("key %q: %w", id, ErrNoKey)
	case k.epochs[i].aead == nil:
		return nil, fmt.Errorf("key %q: %w", id, ErrDestroyed)
	}
	return k.epochs[i].aead, nil
}

// find returns the place of an epoch, or -1. It looks from the newest, which is
// nearly always the one.
func (k *Keyring) find(id string) int {
	for i, e := range slices.Backward(k.epochs) {
		if e.ID == id {
			return i
		}
	}
	return -1
}

func (k *Keyring) indexKey() secret {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.index
}

// signingKey returns the signing secret id, or the one that signs now if id is empty.
func (k *Keyring) signingKey(id string) (secret, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if id == "" {
		id = k.signer
	}
	i := slices.IndexFunc(k.signing, func(s secret) bool { return s.ID == id })
	if i < 0 {
		return secret{}, false
	}
	return k.signing[i], true
}

// signingKeys returns all signing secrets, oldest first.
func (k *Keyring) signingKeys() []secret {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.signing)
}

// newSecret returns a random key whose id is kind, the day and random text:
// an operator sees how old it is, and no two rings share an id.
func newSecret(kind string, at time.Time) secret {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // crypto/rand.Read never fails (Go 1.24)
	return secret{ID: kind + at.UTC().Format("060102") + randomText(8), Opened: stamp(at), Key: key}
}

// randomText returns n characters of 5 random bits each, in lower case.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b)[:n])
}

// stamp is the time as the file keeps it.
func stamp(at time.Time) time.Time { return at.UTC().Truncate(time.Second) }
