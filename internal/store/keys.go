package store

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/vault"
)

// ErrErased is what reading answers when the key was destroyed.
var ErrErased = errors.New("erased: its key was destroyed")

// byRing begins the sealed_by of a row that belongs to no customer: the id of
// the ring's key that wraps the row's own key follows. Of a customer's row it is
// the customer's id, which holds no colon.
const byRing = "ring:"

// keyring opens and seals the rows of one transaction: with the vault's ring,
// and with the data keys of customers, which are opened anew in every
// transaction, so that an erasure takes effect at once.
type keyring struct {
	vault     *vault.Vault
	customers map[string]vault.DataKey
}

// keys opens the data keys of customers; erased ones are absent.
func (t *tx) keys(workspace string, customers []string) (keyring, error) {
	ring := keyring{t.s.vault, map[string]vault.DataKey{}}
	if len(customers) == 0 {
		return ring, nil
	}
	type row struct {
		id string
		w  vault.Wrapped
	}
	rows, err := all(t, func(scan func(...any) error) (r row, err error) {
		return r, scan(&r.id, &r.w.KEK, &r.w.Bytes)
	}, `SELECT id, kek, wrapped FROM data_key WHERE workspace = $1 AND state = 'live' AND id {in $2}`, workspace, t.list(customers))
	if err != nil {
		return ring, err
	}
	opened := make([]vault.DataKey, len(rows))
	err = parallel(len(rows), func(i int) (err error) {
		if opened[i], err = t.s.vault.OpenDataKey(workspace, rows[i].id, rows[i].w); err != nil {
			err = fmt.Errorf("open key of %s: %w", rows[i].id, err)
		}
		return err
	})
	for i, r := range rows {
		ring.customers[r.id] = opened[i]
	}
	return ring, err
}

// newKey makes the data key of a customer. An erased id keeps its tombstone and
// is refused.
func (t *tx) newKey(workspace, id string) (keyring, error) {
	k, w, err := t.s.vault.NewDataKey(workspace, id)
	if err != nil {
		return keyring{}, fmt.Errorf("make key of %s: %w", id, err)
	}
	n, err := t.exec(`INSERT INTO data_key (workspace, id, state, kek, wrapped, created_at)
		VALUES ($1, $2, 'live', $3, $4, $5) ON CONFLICT (workspace, id) DO NOTHING`,
		workspace, id, w.KEK, w.Bytes, us(time.Now()))
	if err == nil && n == 0 {
		err = fmt.Errorf("make key of %s: it has one, or had one: %w", id, ErrErased)
	}
	return keyring{t.s.vault, map[string]vault.DataKey{id: k}}, err
}

// seal seals a row's body under a key of its own, wrapped by the customer's key
// or, where there is no customer, by the ring.
func (r keyring) seal(workspace, customer, table, row string, plain []byte) (sealed []byte, by string, err error) {
	dk, wrapped, by, err := r.newRowKey(workspace, customer, table+"/"+row)
	if err != nil {
		return nil, "", err
	}
	return dk.AppendSeal(wrapped, workspace, table, "sealed", row, plain), by, nil
}

// sealWith is seal, and seals more for another column under the row's same key.
func (r keyring) sealWith(workspace, customer, table, row string, plain []byte, column string, more []byte) (sealed, beside []byte, by string, err error) {
	dk, wrapped, by, err := r.newRowKey(workspace, customer, table+"/"+row)
	if err != nil {
		return nil, nil, "", err
	}
	return dk.AppendSeal(wrapped, workspace, table, "sealed", row, plain), dk.Seal(workspace, table, column, row, more), by, nil
}

func (r keyring) newRowKey(workspace, customer, id string) (dk vault.DataKey, wrapped []byte, by string, err error) {
	if customer == "" {
		dk, w, err := r.vault.NewDataKey(workspace, id)
		return dk, w.Bytes, byRing + w.KEK, err
	}
	k, ok := r.customers[customer]
	if !ok {
		return dk, nil, "", fmt.Errorf("key of %s: %w", customer, ErrErased)
	}
	dk, w := k.NewDataKey(workspace, id)
	return dk, w.Bytes, customer, nil
}

// wrappedSize is how many bytes of a sealed body are its own wrapped key.
const wrappedSize = 61

// opens reports whether a row sealed by this can be opened: its customer was
// not erased.
func (r keyring) opens(by string) bool {
	_, ok := r.customers[by]
	return ok || strings.HasPrefix(by, byRing)
}

// open undoes seal.
func (r keyring) open(workspace, by, table, row string, sealed []byte) ([]byte, error) {
	dk, err := r.keyOf(workspace, by, table, row, sealed)
	if err != nil {
		return nil, err
	}
	return dk.Open(workspace, table, "sealed", row, sealed[wrappedSize:])
}

// openBeside opens what sealWith sealed for another column.
func (r keyring) openBeside(workspace, by, table, row string, sealed []byte, column string, beside []byte) ([]byte, error) {
	dk, err := r.keyOf(workspace, by, table, row, sealed)
	if err != nil {
		return nil, err
	}
	return dk.Open(workspace, table, column, row, beside)
}

// keyOf is the key of a row, which is wrapped in the first bytes of what is sealed.
func (r keyring) keyOf(workspace, by, table, row string, sealed []byte) (dk vault.DataKey, err error) {
	if len(sealed) < wrappedSize {
		return dk, fmt.Errorf("%s %s: %w", table, row, vault.ErrOpen)
	}
	if dk, err = r.rowKey(workspace, by, table+"/"+row, sealed[:wrappedSize]); err != nil {
		return dk, fmt.Errorf("%s %s: %w", table, row, err)
	}
	return dk, nil
}

func (r keyring) rowKey(workspace, by, id string, wrapped []byte) (vault.DataKey, error) {
	if kek, ok := strings.CutPrefix(by, byRing); ok {
		return r.vault.OpenDataKey(workspace, id, vault.Wrapped{KEK: kek, Bytes: wrapped})
	}
	k, ok := r.customers[by]
	if !ok {
		return k, ErrErased
	}
	return k.OpenDataKey(workspace, id, vault.Wrapped{KEK: k.ID(), Bytes: wrapped})
}

// openers returns the ids of customers whose keys are needed to open rows
// sealed by these.
func openers(by []string) []string {
	var out []string
	for _, id := range by {
		if id != "" && !strings.HasPrefix(id, byRing) {
			out = append(out, id)
		}
	}
	return distinct(out)
}
