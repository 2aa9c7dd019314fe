package store

import (
	"context"
	"fmt"

	"github.com/engawa/engawa"
)

// AddNote keeps what somebody wrote down about a customer.
func (s *Store) AddNote(ctx context.Context, n engawa.Note) error {
	err := s.inTx(ctx, n.Workspace, func(t *tx) error {
		if err := t.living(n.Workspace, n.Customer); err != nil {
			return err
		}
		ring, err := t.keys(n.Workspace, []string{n.Customer})
		if err != nil {
			return err
		}
		sealed, by, err := ring.seal(n.Workspace, n.Customer, "customer_note", n.ID, []byte(n.Text))
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO customer_note (workspace, id, customer, author, created_at, sealed, sealed_by) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			n.Workspace, n.ID, n.Customer, n.Author, us(n.CreatedAt), sealed, by); err != nil {
			return err
		}
		return t.noted(n.Workspace, "note-customer", n.Customer, n.ID)
	})
	if err != nil {
		return fmt.Errorf("add note %s: %w", n.ID, err)
	}
	return nil
}

// Notes returns a page of the notes on a customer, newest first.
func (s *Store) Notes(ctx context.Context, workspace, customer string, p Page) (ns []engawa.Note, err error) {
	type row struct {
		engawa.Note
		sealed []byte
		by     string
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, func(scan func(...any) error) (r row, err error) {
			var created int64
			err = scan(&r.Workspace, &r.ID, &r.Customer, &r.Author, &created, &r.sealed, &r.by)
			r.CreatedAt = at(created)
			return r, err
		}, `SELECT workspace, id, customer, author, created_at, sealed, sealed_by FROM customer_note
			WHERE workspace = $1 AND customer = $2 AND (created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT $5`,
			workspace, customer, p.before(), p.ID, p.limit())
		if err != nil || len(rows) == 0 {
			return err
		}
		ring, err := t.keys(workspace, []string{customer})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if ring.opens(r.by) {
				text, err := ring.open(workspace, r.by, "customer_note", r.ID, r.sealed)
				if err != nil {
					return err
				}
				r.Text = string(text)
			}
			ns = append(ns, r.Note)
		}
		return nil
	})
	return ns, err
}
