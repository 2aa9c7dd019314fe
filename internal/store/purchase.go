package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Heard is what a source said of one purchase.
type Heard struct {
	Workspace string
	Account   string
	Original  string            // the source's id of the purchase; kept as a keyed hash
	Whose     []engawa.Identity // by which the customer is known; the surest first
	Tied      []engawa.Identity // by which the business may have said whose it is; looked for behind Whose, and not kept
	New       engawa.Customer   // kind, locale, country of one whom none of these names yet
	Asked     bool              // it was asked for, not told unasked
	Single    []string          // the source's ids of the single transactions; kept as keyed hashes
	Back      bool              // the customer came back in person: one who was erased begins anew
	Redeemed  []Redemption      // purchases by offer codes that were told of
	// Fold adds what was said to the facts that are kept, nil the first time, and
	// returns the purchase as it is then. It may be called again.
	Fold func(facts []byte) (engawa.Purchase, error)
	// Refunds are the refund cases that follow from the facts; nil: none do.
	Refunds func(facts []byte) ([]engawa.RefundCase, error)
}

// Hear adds what sources of one workspace said to what is kept, all of it or
// nothing, and returns the purchases in the same order. A purchase belongs to the
// customer whom its surest known identity names, else to a new one; of Whose, what
// nobody had is that customer's from then on. Where two of them name different
// customers a person is asked whether these are the same.
//
// A purchase of an erased customer stays as it was and has no Facts, unless the
// customer came back. Two nodes that meet a new customer at the same moment are
// CodeUnavailable for one of them.
func (s *Store) Hear(ctx context.Context, workspace string, hs []Heard) (ps []engawa.Purchase, err error) {
	err = untangled(func() error {
		return s.sealTx(ctx, []string{workspace}, func(t *tx) error {
			ps = make([]engawa.Purchase, 0, len(hs))
			if err := t.oneListener(workspace, hs); err != nil {
				return err
			}
			for _, h := range hs {
				p, err := t.hear(h)
				if err != nil {
					return err
				}
				ps = append(ps, p)
			}
			return nil
		})
	})
	if err != nil {
		return nil, unavailable(fmt.Errorf("hear of purchases: %w", err))
	}
	return ps, nil
}

// oneListener has those who hear of the same account wait for each other: else
// two would make a customer each of one whom nobody knew.
func (t *tx) oneListener(workspace string, hs []Heard) error {
	var accounts []string
	for _, h := range hs {
		accounts = append(accounts, h.Account)
	}
	accounts = distinct(accounts)
	found, err := all(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND id {in $2} ORDER BY id {lock}`, workspace, t.list(accounts))
	if err == nil && len(found) < len(accounts) {
		err = engawa.NotFound("account")
	}
	return err
}

func (t *tx) hear(h Heard) (engawa.Purchase, error) {
	hash, key := t.originalHash(h.Workspace, h.Account, h.Original)
	kept, err := t.purchase(`original_hash = $2 AND account = $3`, h.Workspace, hash, h.Account)
	known := err == nil
	if err != nil && engawa.CodeOf(err) != engawa.CodeNotFound {
		return kept, err
	}
	if known && kept.Facts == nil && !h.Back {
		return kept, nil
	}
	customer, err := t.buyer(h, kept.Customer)
	if err != nil {
		return kept, err
	}
	// A claim that goes by what the customer bought is over first, or sees this.
	if _, err := all(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id = $2 {share}`, h.Workspace, customer); err != nil {
		return kept, err
	}
	p, err := h.Fold(kept.Facts)
	if err != nil {
		return kept, err
	}
	p.Workspace, p.Account, p.Customer = h.Workspace, h.Account, customer
	p.ID = cmp.Or(kept.ID, engawa.NewID(engawa.PrefixPurchase))
	p.CheckedAt = kept.CheckedAt
	if h.Asked {
		p.CheckedAt = time.Now().UTC().Truncate(time.Microsecond)
	}
	if err := t.keepPurchase(p, hash, key); err != nil {
		return kept, err
	}
	if h.Refunds != nil {
		cases, err := h.Refunds(p.Facts)
		if err == nil {
			err = t.hearRefunds(p, cases)
		}
		if err != nil {
			return kept, err
		}
	}
	if err := t.countActive(kept, p); err != nil {
		return kept, err
	}
	if err := t.findByTransactions(p, h.Single); err != nil {
		return kept, err
	}
	if err := t.redeem(p, h.Redeemed); err != nil {
		return kept, err
	}
	return p, t.subscribed(p)
}

// buyer finds whose a purchase is, or makes the customer, and ties to it the
// identities that nobody has.
func (t *tx) buyer(h Heard, owner string) (string, error) {
	var fresh []engawa.Identity
	var named []string
	for i, id := range slices.Concat(h.Whose, h.Tied) {
		customer, err := t.customerBy(h.Workspace, id)
		if err != nil {
			return "", err
		}
		switch {
		case customer != "":
			named = append(named, customer)
		case i < len(h.Whose):
			fresh = append(fresh, id)
		}
	}
	if len(named) == 0 && owner != "" && t.living(h.Workspace, owner) == nil {
		named = append(named, owner)
	}
	if len(named) == 0 {
		c := NewCustomer{Customer: h.New, Identities: h.Whose}
		c.Customer.Workspace, c.Customer.ID, c.Customer.CreatedAt = h.Workspace, engawa.NewID(engawa.PrefixCustomer), time.Now().UTC()
		return c.Customer.ID, met(t.addCustomer(c))
	}
	for _, id := range fresh {
		if err := met(t.link(h.Workspace, named[0], id)); err != nil {
			return "", err
		}
	}
	return named[0], t.twins(h.Workspace, named)
}

// met tells of an identity that nobody had and that somebody has now: it is
// somebody else's work of this moment, and the next look finds it done.
func met(err error) error {
	if engawa.CodeOf(err) == engawa.CodeConflict {
		return &engawa.Error{Code: engawa.CodeUnavailable, Message: "another node hears of the same customer right now; nothing was taken", Remedy: "send it again in a moment", Err: err}
	}
	return err
}

// twins asks a person about customers whom the identities of one purchase name.
func (t *tx) twins(workspace string, named []string) error {
	i := slices.IndexFunc(named, func(c string) bool { return c != named[0] })
	if i < 0 {
		return nil
	}
	return t.raise(engawa.Task{Workspace: workspace, Kind: "customer.twins", Ref: named[0], Args: map[string]string{"customer": named[0], "other": named[i]}})
}

func (t *tx) originalHash(workspace, account, original string) (hash, key string) {
	return t.s.vault.Index(workspace, "purchase:"+account, original)
}

func (t *tx) keepPurchase(p engawa.Purchase, hash, key string) error {
	ring, err := t.keys(p.Workspace, []string{p.Customer})
	if err != nil {
		return err
	}
	sealed, by, err := ring.seal(p.Workspace, p.Customer, "purchase", p.ID, p.Facts)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO purchase (workspace, id, account, original_hash, key_id, app, customer, environment, kind, product, product_group, state, renews, shared, storefront,
			bought_at, ends_at, heard_at, checked_at, sealed, sealed_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (workspace, id) DO UPDATE SET app = excluded.app, customer = excluded.customer, environment = excluded.environment, kind = excluded.kind,
			product = excluded.product, product_group = excluded.product_group, state = excluded.state, renews = excluded.renews, shared = excluded.shared,
			storefront = excluded.storefront, bought_at = excluded.bought_at, ends_at = excluded.ends_at, heard_at = excluded.heard_at, checked_at = excluded.checked_at,
			sealed = excluded.sealed, sealed_by = excluded.sealed_by`,
		p.Workspace, p.ID, p.Account, hash, key, p.App, p.Customer, p.Environment, p.Kind, p.Product, p.Group, string(p.State), p.Renews, p.Shared, p.Storefront,
		us(p.BoughtAt), us(p.EndsAt), us(p.HeardAt), us(p.CheckedAt), sealed, by)
	return err
}

// renewing is the kind of purchases that renew themselves.
const renewing = "auto_renewable_subscription"

// subscribed keeps the subscription that a purchase which renews itself is. One
// to another product of the same purchase has ended. What a tester buys in the
// sandbox does not take the place of what is known of the product in production.
func (t *tx) subscribed(p engawa.Purchase) error {
	if p.Kind != renewing || p.App == "" {
		return nil
	}
	b := engawa.Subscription{Customer: p.Customer, App: p.App, Product: p.Product}
	if _, err := t.exec(`UPDATE subscription SET state = $5, ends_at = CASE WHEN ends_at = 0 OR ends_at > $6 THEN $6 ELSE ends_at END
		WHERE workspace = $1 AND customer = $2 AND purchase = $3 AND product <> $4 AND state <> $5`,
		p.Workspace, p.Customer, p.ID, p.Product, string(engawa.SubscriptionExpired), us(p.HeardAt)); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO subscription (workspace, id, customer, app, product, state, starts_at, ends_at, signed_at, environment, detail, purchase)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '{}', $11)
		ON CONFLICT (workspace, id) DO UPDATE SET state = excluded.state, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
			signed_at = excluded.signed_at, environment = excluded.environment, purchase = excluded.purchase
			WHERE excluded.environment = subscription.environment OR excluded.environment = '`+engawa.Production+`'`,
		p.Workspace, subscriptionID(b), p.Customer, p.App, p.Product, string(p.State), us(p.BoughtAt), us(p.EndsAt), us(p.HeardAt), p.Environment, p.ID)
	return err
}

const purchaseColumns = `workspace, id, account, app, customer, environment, kind, product, product_group, state, renews, shared, storefront, bought_at, ends_at, heard_at, checked_at, sealed, sealed_by`

type purchaseRow struct {
	engawa.Purchase
	sealed []byte
	by     string
}

func scanPurchase(scan func(...any) error) (r purchaseRow, err error) {
	var bought, ends, heard, checked int64
	err = scan(&r.Workspace, &r.ID, &r.Account, &r.App, &r.Customer, &r.Environment, &r.Kind, &r.Product, &r.Group, &r.State, &r.Renews, &r.Shared, &r.Storefront,
		&bought, &ends, &heard, &checked, &r.sealed, &r.by)
	r.BoughtAt, r.EndsAt, r.HeardAt, r.CheckedAt = at(bought), at(ends), at(heard), at(checked)
	return r, err
}

// openPurchases opens facts; those of erased customers stay nil.
func (t *tx) openPurchases(workspace string, rows []purchaseRow) ([]engawa.Purchase, error) {
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return nil, err
	}
	out := make([]engawa.Purchase, len(rows))
	err = parallel(len(rows), func(i int) error {
		r := rows[i]
		out[i] = r.Purchase
		if !ring.opens(r.by) {
			return nil
		}
		facts, err := ring.open(workspace, r.by, "purchase", r.ID, r.sealed)
		out[i].Facts = facts
		return err
	})
	return out, err
}

// purchase finds one by a condition, whose arguments begin with the workspace.
func (t *tx) purchase(where string, args ...any) (p engawa.Purchase, err error) {
	row, err := one(t, scanPurchase, `SELECT `+purchaseColumns+` FROM purchase WHERE workspace = $1 AND `+where, args...)
	if err != nil {
		return p, found("purchase", err)
	}
	ps, err := t.openPurchases(row.Workspace, []purchaseRow{row})
	if err != nil {
		return p, err
	}
	return ps[0], nil
}

// Purchase returns one purchase.
func (s *Store) Purchase(ctx context.Context, workspace, id string) (p engawa.Purchase, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		p, err = t.purchase(`id = $2`, workspace, id)
		return err
	})
	return p, err
}

// PurchaseBy returns the purchase that an account knows by its source's id.
func (s *Store) PurchaseBy(ctx context.Context, workspace, account, original string) (p engawa.Purchase, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		hash, _ := t.originalHash(workspace, account, original)
		p, err = t.purchase(`original_hash = $2 AND account = $3`, workspace, hash, account)
		return err
	})
	return p, err
}

// PurchasesOf returns the purchases of a customer, the latest first.
func (s *Store) PurchasesOf(ctx context.Context, workspace, customer string) (ps []engawa.Purchase, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanPurchase, `SELECT `+purchaseColumns+` FROM purchase WHERE workspace = $1 AND customer = $2 ORDER BY bought_at DESC, id`, workspace, customer)
		if err != nil {
			return err
		}
		ps, err = t.openPurchases(workspace, rows)
		return err
	})
	return ps, err
}

// Sold is how many subscribers of a product an account has in one storefront,
// by what the store said last.
type Sold struct {
	Account    string
	Product    string
	Storefront string // ISO 3166-1 alpha-3
	Living     int64
}

// SoldSubscriptions counts subscribers who have access, by account, product and
// storefront.
func (s *Store) SoldSubscriptions(ctx context.Context, workspace string) (sold []Sold, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		sold, err = all(t, func(scan func(...any) error) (x Sold, err error) {
			return x, scan(&x.Account, &x.Product, &x.Storefront, &x.Living)
		}, `SELECT account, product, storefront, count(*) FROM purchase WHERE workspace = $1 AND `+giving+`
			GROUP BY account, product, storefront ORDER BY account, product, storefront`, workspace)
		return err
	})
	return sold, err
}
