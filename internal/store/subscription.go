package store

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/engawa/engawa"
)

// SaveSubscription stores what is known now of a customer's subscription of a
// product of an app, in place of what was known, and returns its id. An erased
// customer has none. One that was ended here starts again only by a later start.
func (s *Store) SaveSubscription(ctx context.Context, b engawa.Subscription) (id string, err error) {
	id = subscriptionID(b)
	err = s.inTx(ctx, b.Workspace, func(t *tx) error {
		if err := t.living(b.Workspace, b.Customer); err != nil {
			return err
		}
		n, err := t.saveSubscription(id, b)
		if err == nil && n == 0 {
			err = &engawa.Error{
				Code: engawa.CodeConflict, Message: "the contract of this subscription was ended here; what was told began before that",
				Remedy: "tell of it with the start of the new contract, once there is one",
			}
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("save subscription %s: %w", id, err)
	}
	return id, nil
}

// saveSubscription stores it under id, and reports 0 where its contract was ended
// here and it does not start anew.
func (t *tx) saveSubscription(id string, b engawa.Subscription) (n int64, err error) {
	n, err = t.exec(`INSERT INTO subscription (workspace, id, customer, app, product, state, starts_at, ends_at, environment, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '{}')
		ON CONFLICT (workspace, id) DO UPDATE SET state = excluded.state, starts_at = excluded.starts_at, ends_at = excluded.ends_at, environment = excluded.environment, ended_at = 0
			WHERE subscription.ended_at = 0 OR excluded.starts_at > subscription.ended_at`,
		b.Workspace, id, b.Customer, b.App, b.Product, string(b.State), us(b.StartsAt), us(b.EndsAt), b.Environment)
	if err != nil {
		return 0, err
	}
	return n, t.retell(b.Workspace, b.Customer)
}

// subscriptionID is the same for the same customer, app and product, so that
// what is told twice is one row.
func subscriptionID(b engawa.Subscription) string {
	sum := sha256.Sum256([]byte(b.Customer + "\n" + b.App + "\n" + b.Product))
	return fmt.Sprintf("%s_%x", engawa.PrefixSubscription, sum[:13])
}

// Subscriptions returns a page of subscriptions by id, which says nothing of
// their age; of one customer, if it is not empty. Page.At is not used.
func (s *Store) Subscriptions(ctx context.Context, workspace, customer string, p Page) (bs []engawa.Subscription, err error) {
	var w where
	w.and(`workspace = ?`, workspace)
	if p.ID != "" {
		w.and(`id < ?`, p.ID)
	}
	if customer != "" {
		w.and(`customer = ?`, customer)
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		bs, err = all(t, scanSubscription, `SELECT `+subscriptionColumns+` FROM subscription `+w.text+
			fmt.Sprintf(` ORDER BY id DESC LIMIT %d`, p.limit()), w.args...)
		return err
	})
	return bs, err
}

const subscriptionColumns = `workspace, id, customer, app, product, state, starts_at, ends_at, environment, ended_at`

func scanSubscription(scan func(...any) error) (b engawa.Subscription, err error) {
	var starts, ends, ended int64
	err = scan(&b.Workspace, &b.ID, &b.Customer, &b.App, &b.Product, &b.State, &starts, &ends, &b.Environment, &ended)
	b.StartsAt, b.EndsAt, b.EndedAt = at(starts), at(ends), at(ended)
	return b, err
}
