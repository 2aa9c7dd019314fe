package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// UnprovedTask asks a person about an answer to a partner whose sender is not
// proved. Its ref is the reply.
const UnprovedTask = "reply.unproved"

// unprovedDue is how long a person has for it: somebody waits for an answer.
const unprovedDue = 24 * time.Hour

// keepReply keeps what a customer answered a partner. Where it is in doubt who did,
// a person is asked and the partner hears nothing. Of a customer who was
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
	if _, err = t.exec(`INSERT INTO partner_reply (workspace, id, customer, partner, app, message, at, created_at, sealed, sealed_by, doubt, sender) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		r.Workspace, r.ID, r.Customer, r.Partner, r.App, r.Message, us(r.At), us(r.CreatedAt), sealed, by, string(r.Doubt), r.Sender); err != nil {
		return err
	}
	if r.Doubt != engawa.DoubtNone {
		return t.askOf(r)
	}
	return t.tellPartner(r)
}

// askOf raises the task about a reply in doubt.
func (t *tx) askOf(r engawa.Reply) error {
	partner, app, err := t.namesIn(r)
	if err != nil {
		return err
	}
	return t.raise(engawa.Task{
		Workspace: r.Workspace, Kind: UnprovedTask, Ref: r.ID, Customer: r.Customer, DueAt: r.CreatedAt.Add(unprovedDue),
		Args: map[string]string{"message": r.Message, "partner": cmp.Or(partner, r.Partner), "app": cmp.Or(app, "—"), "from": r.Sender, "why": string(r.Doubt)},
	})
}

// namesIn is what a reply's partner and app are called. Who is not there has no name.
func (t *tx) namesIn(r engawa.Reply) (partner, app string, err error) {
	n, err := one(t, func(scan func(...any) error) (n [2]string, err error) { return n, scan(&n[0], &n[1]) },
		`SELECT coalesce((SELECT name FROM partner WHERE workspace = $1 AND id = $2), ''), coalesce((SELECT name FROM app WHERE workspace = $1 AND id = $3), '')`,
		r.Workspace, r.Partner, r.App)
	return n[0], n[1], err
}

// tellPartner reports that there is something for a partner to read.
func (t *tx) tellPartner(r engawa.Reply) error {
	return t.report(engawa.Event{Workspace: r.Workspace, Type: PartnerReplied, DedupKey: toldOfReply + r.ID},
		map[string]string{"partner": r.Partner, "app": r.App, "message": r.Message})
}

// toldOfReply begins the key of the event that tells a partner of a reply.
const toldOfReply = "reply:"

// PartnerReplied is reported, where a route asks, of what a customer answered a
// partner. It names the partner's own message, and no customer.
const PartnerReplied = "partner.replied"

// PartnerReplies returns a page of what customers of some apps answered a partner,
// newest first. What came from a customer who is erased by now has no body; what is
// in doubt is not among it.
func (s *Store) PartnerReplies(ctx context.Context, workspace, partner string, apps []string, p Page) (rs []engawa.Reply, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rs, err = t.replies(workspace, `r.partner = $2 AND r.doubt = '' AND r.app {in $3} AND (r.created_at, r.id) < ($4, $5) ORDER BY r.created_at DESC, r.id DESC LIMIT $6`,
			partner, t.list(apps), p.before(), p.ID, p.limit())
		return err
	})
	return rs, err
}

// replies reads and opens those that where says; its arguments begin with $2.
func (t *tx) replies(workspace, where string, args ...any) (rs []engawa.Reply, err error) {
	type row struct {
		engawa.Reply
		sealed []byte
		by     string
	}
	rows, err := all(t, func(scan func(...any) error) (r row, err error) {
		var came, created int64
		err = scan(&r.Workspace, &r.ID, &r.Customer, &r.Partner, &r.App, &r.Message, &r.Handle, &came, &created, &r.Doubt, &r.Sender, &r.sealed, &r.by)
		r.At, r.CreatedAt = at(came), at(created)
		return r, err
	}, `SELECT r.workspace, r.id, r.customer, r.partner, r.app, r.message, coalesce(m.handle, ''), r.at, r.created_at, r.doubt, r.sender, r.sealed, r.sealed_by
		FROM partner_reply r LEFT JOIN partner_message m ON m.workspace = r.workspace AND m.message = r.message
		WHERE r.workspace = $1 AND `+where, append([]any{workspace}, args...)...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if ring.opens(r.by) {
			body, err := ring.open(workspace, r.by, "partner_reply", r.ID, r.sealed)
			if err != nil {
				return nil, err
			}
			if err := json.Unmarshal(body, &r.Body); err != nil {
				return nil, fmt.Errorf("decode %s: %w", r.ID, err)
			}
		}
		rs = append(rs, r.Reply)
	}
	return rs, nil
}

// inDoubt finds the replies that wait for a person.
const inDoubt = `doubt NOT IN ('', 'left')`

// UnprovedReply is a reply in doubt.
type UnprovedReply struct {
	engawa.Reply

	PartnerName string
	AppName     string // empty: the message was about none
	Ended       bool   // the partner has: nothing can be passed on
}

// Format names the reply without its words, whatever the verb.
func (r UnprovedReply) Format(f fmt.State, verb rune) { r.Reply.Format(f, verb) }

// UnprovedReply returns a reply in doubt as its partner would read it. One that was
// passed on or left is CodeNotFound.
func (s *Store) UnprovedReply(ctx context.Context, workspace, id string) (u UnprovedReply, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rs, err := t.replies(workspace, `r.id = $2 AND `+inDoubt, id)
		if err != nil {
			return err
		}
		if len(rs) == 0 {
			return engawa.NotFound("answer that waits")
		}
		u.Reply = rs[0]
		if u.PartnerName, u.AppName, err = t.namesIn(u.Reply); err != nil {
			return err
		}
		u.Ended, err = t.overWith(u.Reply)
		return err
	})
	return u, err
}

// overWith reports whether a reply's partner has ended.
func (t *tx) overWith(r engawa.Reply) (bool, error) {
	n, err := one(t, scanInt, `SELECT count(*) FROM partner WHERE workspace = $1 AND id = $2 AND ended_at = 0`, r.Workspace, r.Partner)
	return n == 0, err
}

// PassReply gives a reply in doubt to its partner, once: whoever comes second finds
// none. From then on it is as one that was proved. Of a customer who was erased,
// and to a partner that has ended, nothing is passed on (CodeConflict).
func (s *Store) PassReply(ctx context.Context, workspace, id string) error {
	err := s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		r, err := t.doubtful(workspace, id)
		if err != nil {
			return err
		}
		if err := t.living(workspace, r.Customer); err != nil {
			return err
		}
		over, err := t.overWith(r)
		if err == nil && over {
			err = &engawa.Error{Code: engawa.CodeConflict, Message: "this partner has ended", Remedy: "leave the answer, and write to the customer yourself"}
		}
		if err != nil {
			return err
		}
		// created_at is its place in the partner's list, which is read newest first.
		if err := t.expect("answer that waits", `UPDATE partner_reply SET doubt = '', sender = '', created_at = $3 WHERE workspace = $1 AND id = $2 AND customer = $4 AND `+inDoubt,
			workspace, id, now(), r.Customer); err != nil {
			return err
		}
		if err := t.tellPartner(r); err != nil {
			return err
		}
		if err := t.closeTask(workspace, Closing{Kind: UnprovedTask, Ref: id}); err != nil {
			return err
		}
		return t.noted(workspace, "pass-reply", id, r.Partner)
	})
	if err != nil {
		return fmt.Errorf("pass on %s: %w", id, err)
	}
	s.wakeUp("", "")
	return nil
}

// LeaveReply destroys what a reply in doubt says, for good; that it came and was left
// stays in the thread. That somebody answered, with their words, stays in the journal of
// the workspace.
func (s *Store) LeaveReply(ctx context.Context, workspace, id string) error {
	err := s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		r, err := t.doubtful(workspace, id)
		if err != nil {
			return err
		}
		if err := t.expect("answer that waits", `UPDATE partner_reply SET doubt = 'left', sender = '', sealed = $3, sealed_by = '`+destroyedBy+`' WHERE workspace = $1 AND id = $2 AND `+inDoubt,
			workspace, id, make([]byte, wrappedSize)); err != nil {
			return err
		}
		if err := t.closeTask(workspace, Closing{Kind: UnprovedTask, Ref: id}); err != nil {
			return err
		}
		return t.noted(workspace, "leave-reply", id, r.Partner)
	})
	if err != nil {
		return fmt.Errorf("leave %s: %w", id, err)
	}
	s.wakeUp("", "")
	return nil
}

// doubtful reads the head of a reply in doubt, without its words.
func (t *tx) doubtful(workspace, id string) (engawa.Reply, error) {
	r, err := one(t, func(scan func(...any) error) (r engawa.Reply, err error) {
		return r, scan(&r.Workspace, &r.ID, &r.Customer, &r.Partner, &r.App, &r.Message)
	}, `SELECT workspace, id, customer, partner, app, message FROM partner_reply WHERE workspace = $1 AND id = $2 AND `+inDoubt, workspace, id)
	if err != nil {
		return r, found("answer that waits", err)
	}
	return r, nil
}
