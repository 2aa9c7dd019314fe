package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

// Format names the customer alone, whatever the verb.
func (c NewCustomer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "new customer "+c.Customer.ID) }

// AddCustomer stores a customer under a key of its own.
func (s *Store) AddCustomer(ctx context.Context, c NewCustomer) error {
	if err := s.inTx(ctx, c.Customer.Workspace, func(t *tx) error { return t.addCustomer(c) }); err != nil {
		return fmt.Errorf("add customer %s: %w", c.Customer.ID, err)
	}
	return nil
}

func (t *tx) addCustomer(c NewCustomer) error {
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
	if err := t.findByName(c.Customer); err != nil {
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
		if err := t.decided(cn); err != nil {
			return err
		}
	}
	if !c.Sample {
		return nil
	}
	// What sample data decided nobody has to be told.
	_, err = t.exec(`UPDATE consent SET look_at = 0, told_by = '`+Unasked+`' WHERE workspace = $1 AND customer = $2`, c.Customer.Workspace, c.Customer.ID)
	return err
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
		return t.roomFor("contact points", `SELECT count(*) FROM contact_point WHERE workspace = $1 AND customer = $2 AND ended_at = 0`,
			p.Workspace, p.Customer, func() error { return t.addContactPoint(ring, p) })
	})
	if err != nil {
		return fmt.Errorf("add contact point %s: %w", p.ID, err)
	}
	return nil
}

// MaxOfCustomer is how many identities, and how many contact points, a customer
// may be given; a merger may bring more together.
const MaxOfCustomer = 100

// roomFor runs add, and refuses what it added where there are MaxOfCustomer
// already. count is the query that counts a customer's.
func (t *tx) roomFor(what, count, workspace, customer string, add func() error) error {
	before, err := one(t, scanInt, count, workspace, customer)
	if err != nil {
		return err
	}
	if err := add(); err != nil {
		return err
	}
	after, err := one(t, scanInt, count, workspace, customer)
	if err == nil && after > before && after > MaxOfCustomer {
		err = &engawa.Error{
			Code: engawa.CodeConflict, Message: fmt.Sprintf("this customer has %d %s; %d are allowed", before, what, MaxOfCustomer),
			Remedy: "take away those that are no longer needed first",
		}
	}
	return err
}

// Relays says whose mail comes to this hub, before anything is stored: domains in
// lower case. Nobody lives there, and what was sent there would come back.
func (s *Store) Relays(domains []string) { s.relays = domains }

// circles refuses an address at one of Relays, which is nobody's mailbox.
func (s *Store) circles(a engawa.Address) error {
	_, domain, _ := strings.Cut(strings.ToLower(a.Reveal()), "@")
	if !slices.Contains(s.relays, domain) {
		return nil
	}
	return engawa.Invalid("/address", "give the address of a person's or a group's own mailbox", "mail for this address comes to this hub, which would write to itself")
}

func (t *tx) addContactPoint(ring keyring, p engawa.ContactPoint) error {
	if err := t.s.circles(p.Address); err != nil {
		return err
	}
	sealed, by, err := ring.seal(p.Workspace, p.Customer, "contact_point", p.ID, []byte(p.Address.Reveal()))
	if err != nil {
		return err
	}
	purposes, err := json.Marshal(p.Purposes)
	if err != nil {
		return err
	}
	index, key := t.s.vault.Index(p.Workspace, "address:"+p.Kind, foldAddress(p.Address))
	_, err = t.exec(`INSERT INTO contact_point (workspace, id, customer, kind, address_index, key_id, role, purposes, verified_at, sealed, sealed_by, created_at, shared, claimed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		p.Workspace, p.ID, p.Customer, p.Kind, index, key, p.Role, string(purposes), us(p.VerifiedAt), sealed, by, us(p.CreatedAt), p.Shared, p.Claimed)
	if err != nil {
		return err
	}
	return t.retell(p.Workspace, p.Customer)
}

// EndContactPoint takes a way to reach a customer away. It waits for claims
// under way; none after it goes there. What is queued is judged again when it is
// due, and goes by what is left.
func (s *Store) EndContactPoint(ctx context.Context, workspace, customer, id string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if _, err := t.own(workspace, customer); err != nil {
			return err
		}
		n, err := t.exec(`UPDATE contact_point SET ended_at = $4 WHERE workspace = $1 AND customer = $2 AND id = $3 AND ended_at = 0`, workspace, customer, id, now())
		if err == nil && n == 0 {
			err = engawa.NotFound("contact point of this customer")
		}
		if err == nil {
			err = t.retell(workspace, customer)
		}
		if err != nil {
			return err
		}
		return t.noted(workspace, "end-contact-point", id, customer)
	})
	if err != nil {
		return fmt.Errorf("end contact point %s: %w", id, err)
	}
	return nil
}

// ChangeCustomer has change alter name, kind, locale, country, zone and minority
// of a customer, and returns the customer as it is then. Claims after it go by
// the new values.
func (s *Store) ChangeCustomer(ctx context.Context, workspace, id string, change func(*engawa.Customer)) (c engawa.Customer, err error) {
	err = s.inTx(ctx, workspace, func(t *tx) error {
		row, err := t.own(workspace, id)
		if err != nil {
			return err
		}
		opened, err := t.openCustomers(workspace, []customerRow{row})
		if err != nil {
			return err
		}
		c = opened[0]
		change(&c)
		if err := t.saveCustomer(c); err != nil {
			return err
		}
		return t.noted(workspace, "change-customer", id, "")
	})
	if err != nil {
		return c, fmt.Errorf("change customer %s: %w", id, err)
	}
	return c, nil
}

func (t *tx) saveCustomer(c engawa.Customer) error {
	ring, err := t.keys(c.Workspace, []string{c.ID})
	if err != nil {
		return err
	}
	sealed, sealedBy, err := ring.seal(c.Workspace, c.ID, "customer", c.ID, []byte(c.Name))
	if err != nil {
		return err
	}
	if err := t.findByName(c); err != nil {
		return err
	}
	if err := t.retell(c.Workspace, c.ID); err != nil {
		return err
	}
	return t.must("save customer", `UPDATE customer SET kind = $3, locale = $4, country = $5, zone = $6, minor = $7, sealed = $8, sealed_by = $9 WHERE workspace = $1 AND id = $2`,
		c.Workspace, c.ID, c.Kind, string(c.Locale), c.Country, c.Zone, c.Minor, sealed, sealedBy)
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

// living refuses a customer who does not exist, was erased or was merged into
// another, and keeps an erasure or a merger waiting until the transaction ends:
// else what could find the customer again would come in behind it.
func (t *tx) living(workspace, customer string) error {
	_, err := t.customer(workspace, customer, "{share}")
	return err
}

// own is living for who changes the customer: claims wait for it too, so that
// none goes by what was there before.
func (t *tx) own(workspace, customer string) (customerRow, error) {
	return t.customer(workspace, customer, "{lock}")
}

func (t *tx) customer(workspace, id, lock string) (customerRow, error) {
	r, err := one(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2 `+lock, workspace, id)
	if err != nil {
		return r, found("customer", err)
	}
	return r, alive(r.Customer)
}

// alive refuses what is asked of a customer who is no more.
func alive(c engawa.Customer) error {
	switch {
	case c.Erased:
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this customer was erased", Remedy: "make a new customer"}
	case c.MergedInto != "":
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this customer was merged into " + c.MergedInto, Remedy: "use " + c.MergedInto}
	}
	return nil
}

func (t *tx) identityHash(workspace string, id engawa.Identity) (hash, key string) {
	return t.s.vault.Index(workspace, "identity:"+id.Issuer+"/"+id.Kind, id.Value)
}

// Link ties an identity to a customer.
func (s *Store) Link(ctx context.Context, workspace, customer string, id engawa.Identity) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		return t.roomFor("identities", `SELECT count(*) FROM identity WHERE workspace = $1 AND customer = $2`,
			workspace, customer, func() error { return t.link(workspace, customer, id) })
	})
}

// Unlink takes identities of a customer away: those of an issuer and kind, or,
// with a value, that one. It returns how many there were; none is CodeNotFound.
func (s *Store) Unlink(ctx context.Context, workspace, customer string, id engawa.Identity) (n int64, err error) {
	err = s.inTx(ctx, workspace, func(t *tx) error {
		if _, err := t.own(workspace, customer); err != nil {
			return err
		}
		var w where
		w.and("workspace = ?", workspace)
		w.and("customer = ?", customer)
		w.and("issuer = ?", id.Issuer)
		w.and("kind = ?", id.Kind)
		if id.Value != "" {
			hash, _ := t.identityHash(workspace, id)
			w.and("value_hash = ?", hash)
		}
		n, err = t.exec(`DELETE FROM identity `+w.text, w.args...)
		if err == nil && n == 0 {
			err = engawa.NotFound("identity of this customer")
		}
		if err != nil {
			return err
		}
		return t.noted(workspace, "end-identity", customer, id.Issuer+" "+id.Kind)
	})
	if err != nil {
		return 0, fmt.Errorf("unlink from %s: %w", customer, err)
	}
	return n, nil
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
		customer, err = t.customerBy(workspace, id)
		return err
	})
	return customer, err
}

func (t *tx) customerBy(workspace string, id engawa.Identity) (customer string, err error) {
	hash, _ := t.identityHash(workspace, id)
	ids, err := all(t, scanString, `SELECT customer FROM identity WHERE workspace = $1 AND issuer = $2 AND kind = $3 AND value_hash = $4`,
		workspace, id.Issuer, id.Kind, hash)
	if len(ids) > 0 {
		customer = ids[0]
	}
	return customer, err
}

// MaxFound is how many customers CustomerByAddress returns at most: a group
// mailbox may stand for many contracts.
const MaxFound = 200

// CustomerByAddress returns the customers who have an address of a kind, at
// most MaxFound of them.
func (s *Store) CustomerByAddress(ctx context.Context, workspace, kind string, a engawa.Address) (ids []string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		index, _ := s.vault.Index(workspace, "address:"+kind, foldAddress(a))
		ids, err = all(t, scanString, `SELECT customer FROM contact_point WHERE workspace = $1 AND kind = $2 AND address_index = $3 AND ended_at = 0 GROUP BY customer ORDER BY customer LIMIT $4`,
			workspace, kind, index, MaxFound)
		return err
	})
	return ids, err
}

const customerColumns = `workspace, id, kind, locale, country, zone, minor, erased_at, merged_into, sealed, sealed_by, created_at`

type customerRow struct {
	engawa.Customer
	sealed []byte
	by     string
}

func scanCustomer(scan func(...any) error) (c customerRow, err error) {
	var erased, created int64
	err = scan(&c.Workspace, &c.ID, &c.Kind, &c.Locale, &c.Country, &c.Zone, &c.Minor, &erased, &c.MergedInto, &c.sealed, &c.by, &created)
	c.Erased, c.CreatedAt = erased > 0, at(created)
	return c, err
}

// openCustomers fills in the names of those who were not erased.
func (t *tx) openCustomers(workspace string, rows []customerRow) ([]engawa.Customer, error) {
	var by []string
	for _, r := range rows {
		by = append(by, r.by) // of one who was merged, the other
	}
	ring, err := t.keys(workspace, openers(by))
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

// Customers returns a page of customers, newest first, without those who were
// merged into others. The cursor is the last customer's place of the page
// before; zero values begin.
func (s *Store) Customers(ctx context.Context, workspace string, p Page) (cs []engawa.Customer, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanCustomer, `SELECT `+customerColumns+` FROM customer
			WHERE workspace = $1 AND merged_into = '' AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4`,
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
		if err := scan(&r.Workspace, &r.ID, &r.Customer, &r.Kind, &r.index, &r.Role, &purposes, &verified, &r.sealed, &r.by, &created, &r.Shared); err != nil {
			return r, err
		}
		r.VerifiedAt, r.CreatedAt = at(verified), at(created)
		return r, json.Unmarshal([]byte(purposes), &r.Purposes)
	}, `SELECT workspace, id, customer, kind, address_index, role, purposes, verified_at, sealed, sealed_by, created_at, shared
		FROM contact_point WHERE workspace = $1 AND customer {in $2} AND ended_at = 0 ORDER BY created_at, id`, workspace, t.list(customers))
}
