package store

import (
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// KeptFor is how long the answer to a request with an idempotency key is kept.
const KeptFor = 24 * time.Hour

// Once is a request that is to take effect once: its key, and what it asks.
type Once struct {
	Workspace string
	Key       string
	Request   string // everything that makes it this request: method, path, body
}

// Kept is what is known of a request with an idempotency key.
type Kept struct {
	Fresh  bool // nobody came before: act, then Keep or Forget
	Status int  // 0: somebody is at it
	Body   []byte
}

// Begin takes a key for a request, or says what became of the same request
// before. The key with another request is CodeMismatch. Only keyed hashes of
// key and request are stored.
//
// A process that dies between the effect and Keep leaves the key taken: its
// request is never done twice, and the caller has to look what became of it.
func (s *Store) Begin(ctx context.Context, o Once) (k Kept, err error) {
	hash, print := s.onceHashes(o)
	err = s.inTx(ctx, o.Workspace, func(t *tx) error {
		if err := t.sweepKept(o.Workspace, hash); err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO idempotency (workspace, key_hash, fingerprint, status, body, created_at) VALUES ($1, $2, $3, 0, NULL, $4)
			ON CONFLICT (workspace, key_hash) DO NOTHING`, o.Workspace, hash, print, now())
		if err != nil {
			return err
		}
		if k.Fresh = n == 1; k.Fresh {
			return nil
		}
		k, err = t.kept(o.Workspace, hash, print)
		return err
	})
	if err != nil {
		return k, unavailable(fmt.Errorf("begin request: %w", err))
	}
	return k, nil
}

func (s *Store) onceHashes(o Once) (hash, print string) {
	hash, _ = s.vault.Index(o.Workspace, "idempotency:key", o.Key)
	print, _ = s.vault.Index(o.Workspace, "idempotency:request", o.Request)
	return hash, print
}

// sweepKept removes the key if its time is over, and a few others.
func (t *tx) sweepKept(workspace, hash string) error {
	old := us(time.Now().Add(-KeptFor))
	if _, err := t.exec(`DELETE FROM idempotency WHERE workspace = $1 AND key_hash = $2 AND created_at < $3`, workspace, hash, old); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM idempotency WHERE (workspace, key_hash) IN
		(SELECT workspace, key_hash FROM idempotency WHERE created_at < $1 LIMIT 20 {skip})`, old)
	return err
}

func (t *tx) kept(workspace, hash, print string) (Kept, error) {
	type row struct {
		print  string
		status int
		sealed []byte
		by     string
	}
	r, err := one(t, func(scan func(...any) error) (r row, err error) {
		return r, scan(&r.print, &r.status, &r.sealed, &r.by)
	}, `SELECT fingerprint, status, body, sealed_by FROM idempotency WHERE workspace = $1 AND key_hash = $2`, workspace, hash)
	if err != nil {
		return Kept{}, err
	}
	if r.print != print {
		return Kept{}, &engawa.Error{
			Code: engawa.CodeMismatch, Message: "this idempotency key was used for another request",
			Remedy: "use a new key for a new request; repeat the old one unchanged",
		}
	}
	if r.status == 0 {
		return Kept{}, nil
	}
	ring, err := t.keys(workspace, nil)
	if err != nil {
		return Kept{}, err
	}
	body, err := ring.open(workspace, r.by, "idempotency", hash, r.sealed)
	return Kept{Status: r.status, Body: body}, err
}

// Keep stores the answer to a request that Begin gave out as fresh, sealed,
// for KeptFor.
func (s *Store) Keep(ctx context.Context, o Once, status int, body []byte) error {
	hash, _ := s.onceHashes(o)
	err := s.inTx(ctx, o.Workspace, func(t *tx) error {
		ring, err := t.keys(o.Workspace, nil)
		if err != nil {
			return err
		}
		sealed, by, err := ring.seal(o.Workspace, "", "idempotency", hash, body)
		if err != nil {
			return err
		}
		return t.must("keep answer", `UPDATE idempotency SET status = $3, body = $4, sealed_by = $5 WHERE workspace = $1 AND key_hash = $2 AND status = 0`,
			o.Workspace, hash, status, sealed, by)
	})
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// Forget gives a key back whose request had no effect.
func (s *Store) Forget(ctx context.Context, o Once) error {
	hash, _ := s.onceHashes(o)
	err := s.inTx(ctx, o.Workspace, func(t *tx) error {
		_, err := t.exec(`DELETE FROM idempotency WHERE workspace = $1 AND key_hash = $2 AND status = 0`, o.Workspace, hash)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget request: %w", err)
	}
	return nil
}
