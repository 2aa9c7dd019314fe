package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// unmet reports whether an event tells of a customer whom nobody knew so far.
func unmet(sl slot) bool {
	e := sl.event
	if e.Customer != "" || e.Newcomer == nil || e.Sample {
		return false
	}
	return len(e.Identities) > 0 && !e.Newcomer.Find || len(e.Identities) == 0 && e.Newcomer.Mail != ""
}

// welcome finds or makes the customers whom events tell of and no identity named.
// One transaction of a workspace does so at a time: of two nodes that hear of the
// same person, the second finds whom the first made.
func (t *tx) welcome(ws string, slots []slot) error {
	if !slices.ContainsFunc(slots, unmet) {
		return nil
	}
	if _, err := one(t, scanString, `SELECT id FROM workspace WHERE id = $1 {lock}`, ws); err != nil {
		return found("workspace", err)
	}
	w, err := t.workspace(ws)
	if err == nil {
		err = t.identify(ws, slots)
	}
	if err != nil {
		return err
	}
	made := map[string]string{}
	for i := range slots {
		if !unmet(slots[i]) {
			continue
		}
		e := &slots[i].event
		if e.Customer, err = t.meet(*e, w.Locale, made); err != nil {
			return err
		}
	}
	return nil
}

// meet returns the customer of an event that names none who is known, made if need
// be; empty: nobody can tell. made has those of the batch, by identity.
func (t *tx) meet(e engawa.Event, locale engawa.Locale, made map[string]string) (string, error) {
	for _, id := range e.Identities {
		if c := made[id.Issuer+"\n"+id.Kind+"\n"+id.Value]; c != "" {
			return c, nil
		}
	}
	again, err := all(t, scanString, `SELECT customer FROM event WHERE workspace = $1 AND account = $2 AND dedup = $3`, e.Workspace, e.Account, e.DedupKey)
	if err != nil || len(again) > 0 {
		return "", err // it was told before: who was erased since does not come back by it
	}
	mail := e.Newcomer.Mail
	if mail != "" && t.s.circles(mail) != nil {
		mail = ""
	}
	if len(e.Identities) == 0 {
		ids, err := t.at(e.Workspace, mail)
		switch {
		case err != nil || mail == "" || len(ids) > 1: // of several it is not known who is meant
			return "", err
		case len(ids) == 1:
			return ids[0], nil
		case e.Newcomer.Find:
			return "", nil
		}
	}
	n := newcomer(e, locale, mail)
	for _, id := range e.Identities {
		made[id.Issuer+"\n"+id.Kind+"\n"+id.Value] = n.Customer.ID
	}
	return n.Customer.ID, met(t.addCustomer(n))
}

// newcomer is the customer of whom an event tells: nothing of what it tells is a
// consent, and another customer who has the address keeps it.
func newcomer(e engawa.Event, locale engawa.Locale, mail engawa.Address) NewCustomer {
	now := time.Now().UTC()
	n := NewCustomer{
		Customer:   engawa.Customer{Workspace: e.Workspace, ID: engawa.NewID(engawa.PrefixCustomer), Kind: "person", Name: e.Newcomer.Name, Locale: locale, CreatedAt: now},
		Identities: e.Identities,
	}
	if mail != "" {
		p := engawa.ContactPoint{Workspace: e.Workspace, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: n.Customer.ID, Kind: "mail", Address: mail, CreatedAt: now}
		if e.Newcomer.Proved {
			p.VerifiedAt = now
		}
		n.ContactPoints = append(n.ContactPoints, p)
	}
	return n
}

// CustomersAt returns who is at a mail address, two at the most: whoever was entered
// there or has confirmed it. What a customer only says counts for nobody.
func (s *Store) CustomersAt(ctx context.Context, workspace string, mail engawa.Address) (ids []string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ids, err = t.at(workspace, mail)
		return err
	})
	return ids, err
}

func (t *tx) at(workspace string, mail engawa.Address) ([]string, error) {
	if mail == "" {
		return nil, nil
	}
	index, _ := t.s.vault.Index(workspace, "address:mail", foldAddress(mail))
	return all(t, scanString, `SELECT customer FROM contact_point WHERE workspace = $1 AND kind = 'mail' AND address_index = $2 AND ended_at = 0
		AND (claimed = FALSE OR verified_at > 0) GROUP BY customer ORDER BY customer LIMIT 2`, workspace, index)
}

// prove marks addresses of known customers that fresh events say are their own, by
// whom may say so. It waits for claims under way, like whoever changes a contact point.
func (t *tx) prove(workspace string, slots []slot, ring keyring) error {
	told := slices.DeleteFunc(slices.Clone(slots), func(sl slot) bool {
		n := sl.event.Newcomer
		return n == nil || !n.Proved || n.Mail == "" || !sl.out.Fresh || !ring.opens(sl.event.Customer)
	})
	slices.SortStableFunc(told, func(a, b slot) int { return strings.Compare(a.event.Customer, b.event.Customer) })
	for _, sl := range told {
		customer := sl.event.Customer
		index, _ := t.s.vault.Index(workspace, "address:mail", foldAddress(sl.event.Newcomer.Mail))
		ids, err := all(t, scanString, `SELECT id FROM contact_point WHERE workspace = $1 AND customer = $2 AND kind = 'mail' AND address_index = $3 AND ended_at = 0 AND verified_at = 0`,
			workspace, customer, index)
		for _, id := range ids {
			if err == nil {
				err = t.ofPoint(workspace, customer, id, `UPDATE contact_point SET verified_at = $4`, now())
			}
		}
		if err != nil && engawa.CodeOf(err) != engawa.CodeConflict { // a conflict: erased this moment
			return err
		}
	}
	return nil
}
