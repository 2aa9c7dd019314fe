package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Prove marks a contact point as the customer's: whoever reads there said so.
// It waits for claims under way. The day is that of the last time.
func (s *Store) Prove(ctx context.Context, workspace, customer, point string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.ofPoint(workspace, customer, point, `UPDATE contact_point SET verified_at = $4`, now()); err != nil {
			return err
		}
		return t.noted(workspace, "prove-contact-point", point, customer)
	})
	if err != nil {
		return fmt.Errorf("prove %s: %w", point, err)
	}
	return nil
}

// Choose says which purposes a contact point serves; none: all.
func (s *Store) Choose(ctx context.Context, workspace, customer, point string, purposes []engawa.Purpose) error {
	text, err := json.Marshal(purposes)
	if err != nil {
		return fmt.Errorf("choose %s: %w", point, err)
	}
	err = s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.ofPoint(workspace, customer, point, `UPDATE contact_point SET purposes = $4`, string(text)); err != nil {
			return err
		}
		return t.noted(workspace, "choose-contact-point", point, customer)
	})
	if err != nil {
		return fmt.Errorf("choose %s: %w", point, err)
	}
	return nil
}

// ofPoint changes one contact point of a customer who lives, behind the
// customer's lock, so that no claim goes by what was there before.
func (t *tx) ofPoint(workspace, customer, point, update string, value any) error {
	if _, err := t.own(workspace, customer); err != nil {
		return err
	}
	n, err := t.exec(update+` WHERE workspace = $1 AND customer = $2 AND id = $3 AND ended_at = 0`, workspace, customer, point, value)
	if err == nil && n == 0 {
		err = engawa.NotFound("contact point of this customer")
	}
	if err != nil {
		return err
	}
	return t.retell(workspace, customer)
}

// Handle returns the name by which a partner (empty: the one that operates the
// app) knows a customer of an app, made the first time that it is asked for. Of a
// customer who was erased there is none. The partner's list tells of a new one.
func (s *Store) Handle(ctx context.Context, l List, customer string) (handle string, err error) {
	err = s.inTx(ctx, l.Workspace, func(t *tx) error {
		if err := t.living(l.Workspace, customer); err != nil {
			return err
		}
		operator, err := one(t, scanString, `SELECT partner FROM app WHERE workspace = $1 AND id = $2`, l.Workspace, l.App)
		if err != nil {
			return found("app", err)
		}
		partner := firstSet(l.Partner, operator)
		n, err := t.exec(`INSERT INTO handle (workspace, id, app, partner, customer, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (workspace, app, partner, customer) WHERE ended_at = 0 DO NOTHING`, l.Workspace, engawa.NewID(engawa.PrefixHandle), l.App, partner, customer, now())
		if err == nil && n > 0 {
			err = t.retell(l.Workspace, customer)
		}
		if err != nil {
			return err
		}
		handle, err = one(t, scanString, `SELECT id FROM handle WHERE workspace = $1 AND app = $2 AND partner = $3 AND customer = $4 AND ended_at = 0`, l.Workspace, l.App, partner, customer)
		return found("handle", err)
	})
	if err != nil {
		return "", fmt.Errorf("handle of %s: %w", customer, err)
	}
	return handle, nil
}

// RoleOf returns whom an identity names, and the role that it has on a contract;
// empty: it names nobody.
func (s *Store) RoleOf(ctx context.Context, workspace string, id engawa.Identity) (customer, role string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		hash, _ := t.identityHash(workspace, id)
		found, err := all(t, func(scan func(...any) error) (r [2]string, err error) { return r, scan(&r[0], &r[1]) },
			`SELECT customer, role FROM identity WHERE workspace = $1 AND issuer = $2 AND kind = $3 AND value_hash = $4`, workspace, id.Issuer, id.Kind, hash)
		if len(found) > 0 {
			customer, role = found[0][0], found[0][1]
		}
		return err
	})
	return customer, role, err
}

// SaidOn counts the messages on a topic to a customer since an instant.
func (s *Store) SaidOn(ctx context.Context, workspace, customer, topic string, since time.Time) (n int, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		count, err := one(t, scanInt, `SELECT count(*) FROM message WHERE workspace = $1 AND customer <> '' AND customer = $2 AND created_at >= $3 AND topic = $4`,
			workspace, customer, us(since), topic)
		n = int(count)
		return err
	})
	return n, err
}
