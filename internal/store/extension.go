package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

const extensionColumns = `workspace, id, account, customer, purchase, product, storefronts, days, reason, request_id, state, code, why, concerned, succeeded, failed, listed,
	before_at, ends_at, actor, created_at, asked_at, looked_at, next_at, done_at`

func scanExtension(scan func(...any) error) (x engawa.Extension, err error) {
	var storefronts string
	var before, ends, created, asked, looked, next, done int64
	if err := scan(&x.Workspace, &x.ID, &x.Account, &x.Customer, &x.Purchase, &x.Product, &storefronts, &x.Days, &x.Reason, &x.RequestID, &x.State, &x.Code, &x.Why,
		&x.Concerned, &x.Succeeded, &x.Failed, &x.Listed, &before, &ends, &x.Actor, &created, &asked, &looked, &next, &done); err != nil {
		return x, err
	}
	x.BeforeAt, x.EndsAt, x.CreatedAt, x.AskedAt, x.LookedAt, x.NextAt, x.DoneAt = at(before), at(ends), at(created), at(asked), at(looked), at(next), at(done)
	return x, json.Unmarshal([]byte(storefronts), &x.Storefronts)
}

// OpenExtension keeps an extension before the store is asked for it. It is a
// conflict while another of the same purchase, or of all subscribers of the same
// product, has no end yet; and the same request is opened once. The actor's line
// in the audit trail is written with it.
func (s *Store) OpenExtension(ctx context.Context, x engawa.Extension) error {
	storefronts, err := json.Marshal(append([]string{}, x.Storefronts...))
	if err != nil {
		return err
	}
	err = s.inTx(ctx, x.Workspace, func(t *tx) error {
		_, err := t.account(x.Workspace, x.Account)
		if err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO extension (`+extensionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', $12, 0, 0, 0, $13, 0, $14, $15, $16, 0, $17, 0)
			ON CONFLICT DO NOTHING`,
			x.Workspace, x.ID, x.Account, x.Customer, x.Purchase, x.Product, string(storefronts), x.Days, x.Reason, x.RequestID, string(x.State), x.Concerned,
			us(x.BeforeAt), x.Actor, us(x.CreatedAt), us(x.AskedAt), us(x.NextAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: "an extension of the same is under way, or nobody knows yet what became of it",
				Remedy: "look what became of it first: a second one could extend twice",
			}
		}
		action := "extend-renewal"
		if x.Purchase == "" {
			action = "extend-all"
		}
		return t.noted(x.Workspace, action, cmp.Or(x.Purchase, x.ID), "days="+strconv.Itoa(x.Days)+" reason="+strconv.Itoa(x.Reason)+" "+x.ID)
	})
	if err != nil {
		return fmt.Errorf("open extension %s: %w", x.ID, err)
	}
	return nil
}

// RefuseExtension keeps that the hub itself refused to ask for an extension, and
// why: once for each of its ids. The actor's line in the audit trail is written
// with it.
func (s *Store) RefuseExtension(ctx context.Context, x engawa.Extension) error {
	err := s.inTx(ctx, x.Workspace, func(t *tx) error {
		if _, err := t.account(x.Workspace, x.Account); err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO extension (`+extensionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, '[]', $7, $8, $2, 'refused', 0, $9, 0, 0, 0, 0, $10, 0, $11, $12, 0, 0, 0, $12)
			ON CONFLICT DO NOTHING`, x.Workspace, x.ID, x.Account, x.Customer, x.Purchase, x.Product, x.Days, x.Reason, x.Why, us(x.BeforeAt), x.Actor, us(x.CreatedAt))
		if err != nil || n == 0 {
			return err
		}
		return t.noted(x.Workspace, "refuse-extension", x.Purchase, "days="+strconv.Itoa(x.Days)+" reason="+strconv.Itoa(x.Reason)+" why="+x.Why)
	})
	if err != nil {
		return fmt.Errorf("refuse extension %s: %w", x.ID, err)
	}
	return nil
}

// SettleExtension keeps what became of an extension, if it still stands at from.
// Who was before is a conflict.
func (s *Store) SettleExtension(ctx context.Context, x engawa.Extension, from engawa.ExtensionState) error {
	err := s.inTx(ctx, x.Workspace, func(t *tx) error {
		n, err := t.exec(`UPDATE extension SET state = $4, code = $5, succeeded = $6, failed = $7, listed = $8, ends_at = $9, asked_at = $10, looked_at = $11, next_at = $12, done_at = $13
			WHERE workspace = $1 AND id = $2 AND state = $3`,
			x.Workspace, x.ID, string(from), string(x.State), x.Code, x.Succeeded, x.Failed, x.Listed, us(x.EndsAt), us(x.AskedAt), us(x.LookedAt), us(x.NextAt), us(x.DoneAt))
		if err == nil && n == 0 {
			err = &engawa.Error{Code: engawa.CodeConflict, Message: "this extension is no longer " + string(from), Remedy: "look at it again"}
		}
		if err != nil {
			return err
		}
		return t.noted(x.Workspace, "settle-extension", x.ID, string(x.State))
	})
	if err != nil {
		return fmt.Errorf("settle extension %s: %w", x.ID, err)
	}
	return nil
}

// Extension returns one.
func (s *Store) Extension(ctx context.Context, workspace, id string) (x engawa.Extension, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		x, err = one(t, scanExtension, `SELECT `+extensionColumns+` FROM extension WHERE workspace = $1 AND id = $2`, workspace, id)
		return found("extension", err)
	})
	return x, err
}

// Extensions returns a page of a customer's extensions, newest first; with no
// customer, of those of all subscribers of a product.
func (s *Store) Extensions(ctx context.Context, workspace, customer string, p Page) (xs []engawa.Extension, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		xs, err = all(t, scanExtension, `SELECT `+extensionColumns+` FROM extension WHERE workspace = $1 AND customer = $2 AND (created_at, id) < ($3, $4)
			ORDER BY created_at DESC, id DESC LIMIT $5`, workspace, customer, p.before(), p.ID, p.limit())
		return err
	})
	return xs, err
}

// extensionLease is how long whoever took an extension has for one step.
const extensionLease = 5 * time.Minute

// DueExtensions takes the extensions of every workspace that are to go on.
// Nobody else gets them before the lease is over.
func (s *Store) DueExtensions(ctx context.Context) (xs []engawa.Extension, err error) {
	var due []engawa.Extension
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, scanExtension, `SELECT `+extensionColumns+` FROM extension WHERE next_at > 0 AND next_at <= $1 ORDER BY next_at LIMIT 20`, now())
		return err
	})
	for _, x := range due {
		err = s.inTx(ctx, x.Workspace, func(t *tx) error {
			n, err := t.exec(`UPDATE extension SET next_at = $4 WHERE workspace = $1 AND id = $2 AND state = $3 AND next_at > 0 AND next_at <= $5`,
				x.Workspace, x.ID, string(x.State), us(time.Now().Add(extensionLease)), now())
			if err == nil && n == 1 {
				xs = append(xs, x)
			}
			return err
		})
		if err != nil {
			return xs, fmt.Errorf("take extension %s: %w", x.ID, err)
		}
	}
	return xs, err
}
