package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// APIKey is a key as it is stored: the hash of its text, never the text.
type APIKey struct {
	Workspace string
	ID        string
	Name      string
	Hash      string // hexadecimal SHA-256
	Scopes    []string
	Member    string
	Partner   string
	CreatedAt time.Time
	EndsAt    time.Time
	RevokedAt time.Time // zero: not revoked
}

// AddKey stores an API key and makes it findable by its id.
func (s *Store) AddKey(ctx context.Context, k APIKey) error {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return fmt.Errorf("add key %s: %w", k.ID, err)
	}
	err = s.inTx(ctx, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO api_key (workspace, id, name, hash, scopes, member, partner, created_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			k.Workspace, k.ID, k.Name, k.Hash, string(scopes), k.Member, k.Partner, us(k.CreatedAt), us(k.EndsAt)); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO directory (public_id, workspace, kind) VALUES ($1, $2, 'key')`, k.ID, k.Workspace)
		return err
	})
	if err != nil {
		return fmt.Errorf("add key %s: %w", k.ID, err)
	}
	return nil
}

// Key returns an API key by its id, of whichever workspace.
func (s *Store) Key(ctx context.Context, id string) (k APIKey, err error) {
	err = s.view(ctx, func(t *tx) error {
		k, err = one(t, func(scan func(...any) error) (k APIKey, err error) {
			var scopes string
			var created, ends, revoked int64
			if err := scan(&k.Workspace, &k.ID, &k.Name, &k.Hash, &scopes, &k.Member, &k.Partner, &created, &ends, &revoked); err != nil {
				return k, err
			}
			k.CreatedAt, k.EndsAt, k.RevokedAt = at(created), at(ends), at(revoked)
			return k, json.Unmarshal([]byte(scopes), &k.Scopes)
		}, `SELECT k.workspace, k.id, k.name, k.hash, k.scopes, k.member, k.partner, k.created_at, k.ends_at, k.revoked_at
			FROM directory d JOIN api_key k ON k.workspace = d.workspace AND k.id = d.public_id WHERE d.public_id = $1 AND d.kind = 'key'`, id)
		return found("key", err)
	})
	return k, err
}

// RevokeKey ends a key. Nodes that remember it forget it within seconds.
func (s *Store) RevokeKey(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, func(t *tx) error {
		return t.must("revoke key "+id, `UPDATE api_key SET revoked_at = $3 WHERE workspace = $1 AND id = $2 AND revoked_at = 0`, workspace, id, now())
	})
}
