package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"slices"
)

// version is the first byte of everything sealed, so that the cipher can be
// changed later. It is covered by the seal.
const version = 1

// Wrapped is a data key as the database keeps it.
type Wrapped struct {
	KEK   string // id of the key that wraps it: of the ring, or of a data key
	Bytes []byte // 61 bytes
}

// DataKey is the opened key of one customer, workspace or row. The zero DataKey
// opens nothing, and panics when asked to seal. It never prints its key.
type DataKey struct{ k *dataKey } // a pointer: fmt shows no more of a nested one than its address

type dataKey struct {
	id   string
	raw  *[keySize]byte // a pointer for the same reason: %s of a nested pointer shows what it points to
	aead cipher.AEAD
}

func newDataKey(id string, raw [keySize]byte) DataKey {
	return DataKey{&dataKey{id: id, raw: &raw, aead: newAEAD(raw[:])}}
}

func randomDataKey(id string) DataKey {
	var raw [keySize]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails (Go 1.24)
	return newDataKey(id, raw)
}

// ID returns the id that the key was made with.
func (k DataKey) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.id
}

// Format keeps the key out of logs whatever the verb.
func (k DataKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "data key %s", k.ID()) }

// Seal seals plain for one place in the database; it opens nowhere else. The
// result is 29 bytes longer than plain. It is safe for concurrent use.
func (k DataKey) Seal(workspace, table, column, row string, plain []byte) []byte {
	return k.AppendSeal(nil, workspace, table, column, row, plain)
}

// AppendSeal is Seal behind what b holds.
func (k DataKey) AppendSeal(b []byte, workspace, table, column, row string, plain []byte) []byte {
	return seal(b, k.k.aead, plain, bind("value", workspace, table, column, row))
}

// Open opens what Seal sealed for the same place with the same key. The error
// wraps ErrOpen.
func (k DataKey) Open(workspace, table, column, row string, sealed []byte) ([]byte, error) {
	if k.k == nil {
		return nil, fmt.Errorf("open %s.%s of %s: no data key: %w", table, column, row, ErrOpen)
	}
	plain, err := open(k.k.aead, sealed, bind("value", workspace, table, column, row))
	if err != nil {
		return nil, fmt.Errorf("open %s.%s of %s: %w", table, column, row, err)
	}
	return plain, nil
}

// NewDataKey makes a random key for id, wrapped by k: it ends when k is erased.
func (k DataKey) NewDataKey(workspace, id string) (DataKey, Wrapped) {
	dk := randomDataKey(id)
	return dk, k.Wrap(workspace, dk)
}

// Wrap wraps dk by k, as when the customer of a row becomes known. The copy
// that was wrapped before is the caller's to delete.
func (k DataKey) Wrap(workspace string, dk DataKey) Wrapped {
	return wrap(k.k.aead, k.k.id, workspace, dk)
}

// OpenDataKey opens the key of id that k wraps.
func (k DataKey) OpenDataKey(workspace, id string, w Wrapped) (DataKey, error) {
	if k.k == nil || w.KEK != k.k.id {
		return DataKey{}, fmt.Errorf("open data key %s with %s: it is wrapped by %q: %w", id, k, w.KEK, ErrOpen)
	}
	return unwrap(k.k.aead, workspace, id, w)
}

// NewDataKey makes a random key for id, wrapped by the ring's current key. The
// error is for a ring without one.
func (v *Vault) NewDataKey(workspace, id string) (DataKey, Wrapped, error) {
	dk := randomDataKey(id)
	w, err := v.wrap(workspace, dk)
	if err != nil {
		return DataKey{}, Wrapped{}, err
	}
	return dk, w, nil
}

// OpenDataKey opens the key of id. The error wraps ErrNoKey, ErrDestroyed or ErrOpen.
func (v *Vault) OpenDataKey(workspace, id string, w Wrapped) (DataKey, error) {
	aead, err := v.kek(w.KEK)
	if err != nil {
		return DataKey{}, fmt.Errorf("open data key %s: %w", id, err)
	}
	return unwrap(aead, workspace, id, w)
}

// Rewrap wraps the key of id by the ring's current key. What is already wrapped
// by it is opened all the same, so that damage shows.
func (v *Vault) Rewrap(workspace, id string, w Wrapped) (Wrapped, error) {
	dk, err := v.OpenDataKey(workspace, id, w)
	if err != nil {
		return Wrapped{}, fmt.Errorf("rewrap: %w", err)
	}
	if w.KEK == v.Current() {
		return w, nil
	}
	return v.wrap(workspace, dk)
}

func (v *Vault) wrap(workspace string, dk DataKey) (Wrapped, error) {
	kek := v.ring.Current()
	aead, err := v.ring.aead(kek)
	if err != nil {
		return Wrapped{}, fmt.Errorf("wrap data key %s: %w", dk.ID(), err)
	}
	return wrap(aead, kek, workspace, dk), nil
}

func wrap(aead cipher.AEAD, kek, workspace string, dk DataKey) Wrapped {
	return Wrapped{KEK: kek, Bytes: seal(nil, aead, dk.k.raw[:], bind("key", kek, workspace, dk.k.id))}
}

func unwrap(aead cipher.AEAD, workspace, id string, w Wrapped) (DataKey, error) {
	raw, err := open(aead, w.Bytes, bind("key", w.KEK, workspace, id))
	if err != nil {
		return DataKey{}, fmt.Errorf("open data key %s: %w", id, err)
	}
	if len(raw) != keySize {
		return DataKey{}, fmt.Errorf("open data key %s: it has %d bytes: %w", id, len(raw), ErrOpen)
	}
	return newDataKey(id, [keySize]byte(raw)), nil
}

// seal puts the version, a random nonce and the sealed plain behind what b holds.
func seal(b []byte, aead cipher.AEAD, plain, place []byte) []byte {
	b = append(slices.Grow(b, 1+aead.Overhead()+len(plain)), version)
	return aead.Seal(b, nil, plain, append(place, version)) //nolint:gosec // no nonce is given: the AEAD makes a random one
}

func open(aead cipher.AEAD, sealed, place []byte) ([]byte, error) {
	if len(sealed) < 1+aead.Overhead() || sealed[0] != version {
		return nil, ErrOpen
	}
	plain, err := aead.Open(nil, nil, sealed[1:], append(place, version))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}
