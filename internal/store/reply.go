package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/engawa/engawa"
)

// keepReply keeps what a customer answered a partner. Of a customer who was
// erased nothing is kept, and that is no error: nobody learns of it.
func (t *tx) keepReply(r engawa.Reply) error {
	err := t.living(r.Workspace, r.Customer)
	if code := engawa.CodeOf(err); code == engawa.CodeConflict || code == engawa.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	ring, err := t.keys(r.Workspace, []string{r.Customer})
	if err != nil {
		return err
	}
	body, err := json.Marshal(r.Body)
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.ID, err)
	}
	sealed, by, err := ring.seal(r.Workspace, r.Customer, "partner_reply", r.ID, body)
	if err != nil {
		return err
	}
	if _, err = t.exec(`INSERT INTO partner_reply (workspace, id, customer, partner, app, message, at, created_at, sealed, sealed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		r.Workspace, r.ID, r.Customer, r.Partner, r.App, r.Message, us(r.At), us(r.CreatedAt), sealed, by); err != nil {
		return err
	}
	return t.report(engawa.Event{Workspace: r.Workspace, Type: PartnerReplied, DedupKey: "reply:" + r.ID},
		map[string]string{"partner": r.Partner, "app": r.App, "message": r.Message})
}

// PartnerReplied is reported, where a route asks, of what a customer answered a
// partner. It names the partner's own message, and no customer.
const PartnerReplied = "partner.replied"

// PartnerReplies returns a page of what customers of some apps answered a partner,
// newest first. What came from a customer who is erased by now has no body.
func (s *Store) PartnerReplies(ctx context.Context, workspace, partner string, apps []string, p Page) (rs []engawa.Reply, err error) {
	type row struct {
		engawa.Reply
		sealed []byte
		by     string
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, func(scan func(...any) error) (r row, err error) {
			var came, created int64
			err = scan(&r.Workspace, &r.ID, &r.Customer, &r.Partner, &r.App, &r.Message, &r.Handle, &came, &created, &r.sealed, &r.by)
			r.At, r.CreatedAt = at(came), at(created)
			return r, err
		}, `SELECT r.workspace, r.id, r.customer, r.partner, r.app, r.message, coalesce(m.handle, ''), r.at, r.created_at, r.sealed, r.sealed_by
			FROM partner_reply r LEFT JOIN partner_message m ON m.workspace = r.workspace AND m.message = r.message
			WHERE r.workspace = $1 AND r.partner = $2 AND r.app {in $3} AND (r.created_at, r.id) < ($4, $5) ORDER BY r.created_at DESC, r.id DESC LIMIT $6`,
			workspace, partner, t.list(apps), p.before(), p.ID, p.limit())
		if err != nil || len(rows) == 0 {
			return err
		}
		var by []string
		for _, r := range rows {
			by = append(by, r.by)
		}
		ring, err := t.keys(workspace, openers(by))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if ring.opens(r.by) {
				body, err := ring.open(workspace, r.by, "partner_reply", r.ID, r.sealed)
				if err != nil {
					return err
				}
				if err := json.Unmarshal(body, &r.Body); err != nil {
					return fmt.Errorf("decode %s: %w", r.ID, err)
				}
			}
			rs = append(rs, r.Reply)
		}
		return nil
	})
	return rs, err
}
