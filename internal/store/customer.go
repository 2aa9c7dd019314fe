package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/engawa/engawa"
)

// NewCustomer is a customer with what is known of it from the start.
type NewCustomer struct {
	Customer      engawa.Customer
	Identities    []engawa.Identity
	ContactPoints []engawa.ContactPoint
	Consents      []engawa.Consent
	Sample        bool
}

// AddCustomer stores a customer under a key of its own.
func (s *Store) AddCustomer(ctx context.Context, c NewCustomer) error {
	err := s.inTx(ctx, c.Customer.Workspace, func(t *tx) error {
		ring, err := t.newKey(c.Customer.Workspace, c.Customer.ID)
		if err != nil {
			return err
		}
		sealed, by, err := ring.seal(c.Customer.Workspace, c.Customer.ID, "customer", c.Customer.ID, []byte(c.Customer.Name))
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO customer (workspace, id, kind, locale, country, zone, minor, sealed, sealed_by, sample, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			c.Customer.Workspace, c.Customer.ID, c.Customer.Kind, string(c.Customer.Locale), c.Customer.Country, c.Customer.Zone,
			c.Customer.Minor, sealed, by, c.Sample, us(c.Customer.CreatedAt)); err != nil {
			return err
		}
		for _, id := range c.Identities {
			if err := t.link(c.Customer.Workspace, c.Customer.ID, id); err != nil {
				return err
			}
		}
		for _, p := range c.ContactPoints {
			if err := t.addContactPoint(ring, p); err != nil {
				return err
			}
		}
		for _, cn := range c.Consents {
			if err := t.keepConsent(cn); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add customer %s: %w", c.Customer.ID, err)
	}
	return nil
}

// AddContactPoint stores one more way to reach a customer.
func (s *Store) AddContactPoint(ctx context.Context, p engawa.ContactPoint) error {
	err := s.inTx(ctx, p.Workspace, func(t *tx) error {
		if err := t.living(p.Workspace, p.Customer); err != nil {
			return err
		}
		ring, err := t.keys(p.Workspace, []string{p.Customer})
		if err != nil {
			return err
		}
		return t.addContactPoint(ring, p)
	})
	if err != nil {
		return fmt.Errorf("add contact point %s: %w", p.ID, err)
	}
	return nil
}

func (t *tx) addContactPoint(ring keyring, p engawa.ContactPoint) error {
	sealed, by, err := ring.seal(p.Workspace, p.Customer, "contact_point", p.ID, []byte(p.Address.Reveal()))
	if err != nil {
		return err
	}
	purposes, err := json.Marshal(p.Purposes)
	if err != nil {
		return err
	}
	index, key := t.s.vault.Index(p.Workspace, "address:"+p.Kind, foldAddress(p.Address))
	_, err = t.exec(`INSERT INTO contact_point (workspace, id, customer, kind, address_index, key_id, role, purposes, verified_at, sealed, sealed_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		p.Workspace, p.ID, p.Customer, p.Kind, index, key, p.Role, string(purposes), us(p.VerifiedAt), sealed, by, us(p.CreatedAt))
	return err
}

// foldAddress is the form under which an address is looked up: mailboxes are
// compared without regard to case, as every large receiver does.
func foldAddress(a engawa.Address) string { return strings.ToLower(a.Reveal()) }

// link ties an identity to a customer. A value that already belongs to another
// customer is a conflict for a person to resolve (merge), never a silent move.
func (t *tx) link(workspace, customer string, id engawa.Identity) error {
	if err := t.living(workspace, customer); err != nil {
		return err
	}
	hash, key := t.identityHash(workspace, id)
	n, err := t.exec(`INSERT INTO identity (workspace, issuer, kind, value_hash, key_id, customer, role, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (workspace, issuer, kind, value_hash) DO UPDATE SET role = excluded.role WHERE identity.customer = excluded.customer`,
		workspace, id.Issuer, id.Kind, hash, key, customer, id.Role, now())
	if err == nil && n == 0 {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this " + id.Kind + " belongs to another customer", Remedy: "merge the two customers, or correct the value"}
	}
	return err
}

// living refuses a customer who does not exist or was erased, and keeps an
// erasure waiting until the transaction ends: else what could find the customer
// again would come in behind it.
func (t *tx) living(workspace, customer string) error {
	erased, err := one(t, scanInt, `SELECT erased_at FROM customer WHERE workspace = $1 AND id = $2 {share}`, workspace, customer)
	if err == nil && erased > 0 {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this customer was erased", Remedy: "make a new customer"}
	}
	return found("customer", err)
}

func (t *tx) identityHash(workspace string, id engawa.Identity) (hash, key string) {
	return t.s.vault.Index(workspace, "identity:"+id.Issuer+"/"+id.Kind, id.Value)
}

// Link ties an identity to a customer.
func (s *Store) Link(ctx context.Context, workspace, customer string, id engawa.Identity) error {
	return s.inTx(ctx, workspace, func(t *tx) error { return t.link(workspace, customer, id) })
}

// Identities returns what a customer may be found by, oldest first. Values are
// not among it: only their keyed hashes are stored.
func (s *Store) Identities(ctx context.Context, workspace, customer string) (ids []engawa.Identity, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ids, err = all(t, func(scan func(...any) error) (id engawa.Identity, err error) {
			return id, scan(&id.Issuer, &id.Kind, &id.Role, &id.Customer)
		}, `SELECT issuer, kind, role, customer FROM identity WHERE workspace = $1 AND customer = $2 ORDER BY created_at, issuer, kind`, workspace, customer)
		return err
	})
	return ids, err
}

// CustomerBy returns the customer whom an identity names; empty if nobody.
func (s *Store) CustomerBy(ctx context.Context, workspace string, id engawa.Identity) (customer string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		hash, _ := t.identityHash(workspace, id)
		ids, err := all(t, scanString, `SELECT customer FROM identity WHERE workspace = $1 AND issuer = $2 AND kind = $3 AND value_hash = $4`,
			workspace, id.Issuer, id.Kind, hash)
		if len(ids) > 0 {
			customer = ids[0]
		}
		return err
	})
	return customer, err
}

// CustomerByAddress returns the customers who have an address of a kind.
func (s *Store) CustomerByAddress(ctx context.Context, workspace, kind string, a engawa.Address) (ids []string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		index, _ := s.vault.Index(workspace, "address:"+kind, foldAddress(a))
		ids, err = all(t, scanString, `SELECT customer FROM contact_point WHERE workspace = $1 AND kind = $2 AND address_index = $3 AND ended_at = 0 ORDER BY customer`,
			workspace, kind, index)
		return err
	})
	return ids, err
}

const customerColumns = `workspace, id, kind, locale, country, zone, minor, erased_at, sealed, sealed_by, created_at`

type customerRow struct {
	engawa.Customer
	sealed []byte
	by     string
}

func scanCustomer(scan func(...any) error) (c customerRow, err error) {
	var erased, created int64
	err = scan(&c.Workspace, &c.ID, &c.Kind, &c.Locale, &c.Country, &c.Zone, &c.Minor, &erased, &c.sealed, &c.by, &created)
	c.Erased, c.CreatedAt = erased > 0, at(created)
	return c, err
}

// openCustomers fills in the names of those who were not erased.
func (t *tx) openCustomers(workspace string, rows []customerRow) ([]engawa.Customer, error) {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	ring, err := t.keys(workspace, ids)
	if err != nil {
		return nil, err
	}
	out := make([]engawa.Customer, len(rows))
	for i, r := range rows {
		out[i] = r.Customer
		if r.Erased {
			continue
		}
		name, err := ring.open(workspace, r.by, "customer", r.ID, r.sealed)
		if err != nil {
			return nil, err
		}
		out[i].Name = string(name)
	}
	return out, nil
}

// Customer returns one customer.
func (s *Store) Customer(ctx context.Context, workspace, id string) (c engawa.Customer, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		row, err := one(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2`, workspace, id)
		if err != nil {
			return found("customer", err)
		}
		cs, err := t.openCustomers(workspace, []customerRow{row})
		if err == nil {
			c = cs[0]
		}
		return err
	})
	return c, err
}

// Customers returns a page of customers, newest first. The cursor is the last
// customer's place of the page before; zero values begin.
func (s *Store) Customers(ctx context.Context, workspace string, p Page) (cs []engawa.Customer, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanCustomer, `SELECT `+customerColumns+` FROM customer
			WHERE workspace = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4`,
			workspace, p.before(), p.ID, p.limit())
		if err != nil {
			return err
		}
		cs, err = t.openCustomers(workspace, rows)
		return err
	})
	return cs, err
}

// ContactPoints returns a customer's contact points, addresses opened.
func (s *Store) ContactPoints(ctx context.Context, workspace, customer string) (ps []engawa.ContactPoint, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ring, err := t.keys(workspace, []string{customer})
		if err != nil {
			return err
		}
		rows, err := t.contactPoints(workspace, []string{customer})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if ps, err = r.openTo(ps, ring); err != nil {
				return err
			}
		}
		return nil
	})
	return ps, err
}

type contactRow struct {
	engawa.ContactPoint
	index  string
	sealed []byte
	by     string
}

func (r contactRow) openTo(ps []engawa.ContactPoint, ring keyring) ([]engawa.ContactPoint, error) {
	plain, err := ring.open(r.Workspace, r.by, "contact_point", r.ID, r.sealed)
	if err != nil {
		return ps, err
	}
	r.Address = engawa.Address(plain)
	return append(ps, r.ContactPoint), nil
}

func (t *tx) contactPoints(workspace string, customers []string) ([]contactRow, error) {
	return all(t, func(scan func(...any) error) (r contactRow, err error) {
		var purposes string
		var verified, created int64
		if err := scan(&r.Workspace, &r.ID, &r.Customer, &r.Kind, &r.index, &r.Role, &purposes, &verified, &r.sealed, &r.by, &created); err != nil {
			return r, err
		}
		r.VerifiedAt, r.CreatedAt = at(verified), at(created)
		return r, json.Unmarshal([]byte(purposes), &r.Purposes)
	}, `SELECT workspace, id, customer, kind, address_index, role, purposes, verified_at, sealed, sealed_by, created_at
		FROM contact_point WHERE workspace = $1 AND customer {in $2} AND ended_at = 0 ORDER BY created_at, id`, workspace, t.list(customers))
}
