package store

import (
	"context"
	"fmt"
	"time"
)

// Audit is one line of what somebody did or looked at. It holds ids, never an
// address, a secret or words of a message.
type Audit struct {
	Workspace string
	ID        string
	At        time.Time
	Actor     string // "key:…", "member:…"
	Action    string // "create-account", "read-addresses"
	Object    string // the id it was done to; may be empty
	Detail    string
}

// Note writes a line into the audit trail. Lines are never changed.
func (s *Store) Note(ctx context.Context, a Audit) error {
	return s.inTx(ctx, a.Workspace, func(t *tx) error { return t.note(a) })
}

// noted writes what the store's actor does into the trail, together with it.
// What the hub does by itself has no line.
func (t *tx) noted(workspace, action, object, detail string) error {
	if t.s.actor == "" {
		return nil
	}
	return t.note(Audit{Workspace: workspace, Actor: t.s.actor, Action: action, Object: object, Detail: detail})
}

func (t *tx) note(a Audit) error {
	when := time.Now()
	_, err := t.exec(`INSERT INTO audit (workspace, id, at, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		a.Workspace, t.s.lines.Next("aud", when), us(when), a.Actor, a.Action, a.Object, a.Detail)
	if err != nil {
		return fmt.Errorf("note %s: %w", a.Action, err)
	}
	return nil
}

// AuditFilter narrows the audit trail; empty fields do not.
type AuditFilter struct {
	Actor  string
	Action string
	Object string
}

// Audits returns a page of the audit trail, newest first. Ids sort in the order
// in which the lines were written, so the id alone is the cursor. Lines that
// several nodes write in the same millisecond, or with clocks that disagree, sort
// by the clocks.
func (s *Store) Audits(ctx context.Context, workspace string, f AuditFilter, p Page) (as []Audit, err error) {
	var w where
	w.and(`workspace = ?`, workspace)
	if p.ID != "" {
		w.and(`id < ?`, p.ID)
	}
	for _, c := range []struct{ column, value string }{{"actor", f.Actor}, {"action", f.Action}, {"object", f.Object}} {
		if c.value != "" {
			w.and(c.column+` = ?`, c.value)
		}
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		as, err = all(t, func(scan func(...any) error) (a Audit, err error) {
			var when int64
			err = scan(&a.Workspace, &a.ID, &when, &a.Actor, &a.Action, &a.Object, &a.Detail)
			a.At = at(when)
			return a, err
		}, `SELECT workspace, id, at, actor, action, object, detail FROM audit `+w.text+fmt.Sprintf(` ORDER BY id DESC LIMIT %d`, p.limit()), w.args...)
		return err
	})
	return as, err
}
