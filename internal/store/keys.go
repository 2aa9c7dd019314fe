package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/vault"
)

// workspaceKey is the id of a workspace's own data key; a customer's key has
// the customer's id.
const workspaceKey = "workspace"

// ErrErased is what reading answers when the key was destroyed.
var ErrErased = errors.New("erased: its key was destroyed")

// workspaceKeys remembers the opened keys of workspaces. Customers' keys are
// opened anew in every transaction, so that an erasure takes effect at once.
type workspaceKeys struct {
	mu  sync.Mutex
	all map[string]vault.DataKey
}

// keyring is the keys that one transaction has opened.
type keyring map[string]vault.DataKey

// keys opens the workspace's key and those of customers; erased ones are absent.
func (t *tx) keys(workspace string, customers []string) (keyring, error) {
	own, err := t.ownKey(workspace)
	if err != nil {
		return nil, err
	}
	ring := keyring{workspaceKey: own}
	if len(customers) == 0 {
		return ring, nil
	}
	_, err = all(t, func(scan func(...any) error) (struct{}, error) {
		var id string
		var w vault.Wrapped
		if err := scan(&id, &w.KEK, &w.Bytes); err != nil {
			return struct{}{}, err
		}
		k, err := t.s.vault.OpenDataKey(workspace, id, w)
		if err != nil {
			return struct{}{}, fmt.Errorf("open key of %s: %w", id, err)
		}
		ring[id] = k
		return struct{}{}, nil
	}, `SELECT id, kek, wrapped FROM data_key WHERE workspace = $1 AND state = 'live' AND id {in $2}`, workspace, t.list(customers))
	return ring, err
}

func (t *tx) ownKey(workspace string) (vault.DataKey, error) {
	c := &t.s.keys
	c.mu.Lock()
	k, ok := c.all[workspace]
	c.mu.Unlock()
	if ok {
		return k, nil
	}
	w, err := one(t, func(scan func(...any) error) (w vault.Wrapped, err error) {
		return w, scan(&w.KEK, &w.Bytes)
	}, `SELECT kek, wrapped FROM data_key WHERE workspace = $1 AND id = $2 AND state = 'live'`, workspace, workspaceKey)
	if err != nil {
		return k, fmt.Errorf("key of workspace %s: %w", workspace, err)
	}
	if k, err = t.s.vault.OpenDataKey(workspace, workspaceKey, w); err != nil {
		return k, fmt.Errorf("key of workspace %s: %w", workspace, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]vault.DataKey{}
	}
	c.all[workspace] = k
	return k, nil
}

// newKey makes the data key of a customer or a workspace. An erased id keeps
// its tombstone and is refused.
func (t *tx) newKey(workspace, id string) (vault.DataKey, error) {
	k, w, err := t.s.vault.NewDataKey(workspace, id)
	if err != nil {
		return k, fmt.Errorf("make key of %s: %w", id, err)
	}
	n, err := t.exec(`INSERT INTO data_key (workspace, id, state, kek, wrapped, created_at)
		VALUES ($1, $2, 'live', $3, $4, $5) ON CONFLICT (workspace, id) DO NOTHING`,
		workspace, id, w.KEK, w.Bytes, us(time.Now()))
	if err == nil && n == 0 {
		err = fmt.Errorf("make key of %s: %w", id, ErrErased)
	}
	return k, err
}

// pick returns the customer's key, or the workspace's where there is no customer.
func (r keyring) pick(customer string) (key vault.DataKey, id string, err error) {
	id = customer
	if id == "" {
		id = workspaceKey
	}
	k, ok := r[id]
	if !ok {
		return k, id, fmt.Errorf("key of %s: %w", id, ErrErased)
	}
	return k, id, nil
}

// seal seals a row's body under a key of its own, wrapped by the key of the
// customer or the workspace.
func (r keyring) seal(workspace, customer, table, row string, plain []byte) (sealed []byte, by string, err error) {
	k, by, err := r.pick(customer)
	if err != nil {
		return nil, "", err
	}
	dk, w := k.NewDataKey(workspace, table+"/"+row)
	return append(w.Bytes, dk.Seal(workspace, table, "sealed", row, plain)...), by, nil
}

// wrappedSize is how many bytes of a sealed body are its own wrapped key.
const wrappedSize = 61

// open undoes seal.
func (r keyring) open(workspace, by, table, row string, sealed []byte) ([]byte, error) {
	k, ok := r[by]
	if !ok {
		return nil, fmt.Errorf("%s %s: %w", table, row, ErrErased)
	}
	if len(sealed) < wrappedSize {
		return nil, fmt.Errorf("%s %s: %w", table, row, vault.ErrOpen)
	}
	dk, err := k.OpenDataKey(workspace, table+"/"+row, vault.Wrapped{KEK: k.ID(), Bytes: sealed[:wrappedSize]})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", table, row, err)
	}
	return dk.Open(workspace, table, "sealed", row, sealed[wrappedSize:])
}

// openers returns the ids of customers whose keys are needed to open rows
// sealed by these.
func openers(by []string) []string {
	var out []string
	seen := map[string]bool{workspaceKey: true, "": true}
	for _, id := range by {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// Erase destroys the customer's key and what could find the customer again:
// identities, contact points, look-up hashes. Rows that count stay, unreadable.
func (s *Store) Erase(ctx context.Context, workspace, customer string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		now := us(time.Now())
		n, err := t.exec(`UPDATE data_key SET state = 'erased', wrapped = NULL, erased_at = $3
			WHERE workspace = $1 AND id = $2 AND state = 'live'`, workspace, customer, now)
		if err != nil {
			return fmt.Errorf("erase %s: %w", customer, err)
		}
		if n == 0 {
			return fmt.Errorf("erase %s: %w", customer, sql.ErrNoRows)
		}
		for _, q := range []string{
			`UPDATE customer SET erased_at = $3, consent_version = consent_version + 1 WHERE workspace = $1 AND id = $2`,
			`UPDATE contact_point SET ended_at = $3, address_index = '' WHERE workspace = $1 AND customer = $2`,
			`UPDATE delivery SET state = 'canceled', note = 'erased', updated_at = $3
				WHERE workspace = $1 AND customer = $2 AND state IN ('queued', 'held', 'retrying')`,
			`UPDATE message SET state = 'canceled', updated_at = $3 WHERE workspace = $1 AND customer = $2 AND state = 'waiting'`,
		} {
			if _, err := t.exec(q, workspace, customer, now); err != nil {
				return fmt.Errorf("erase %s: %w", customer, err)
			}
		}
		if _, err := t.exec(`DELETE FROM identity WHERE workspace = $1 AND customer = $2`, workspace, customer); err != nil {
			return fmt.Errorf("erase %s: %w", customer, err)
		}
		return nil
	})
}
