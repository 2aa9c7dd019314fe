package store

import (
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Tasks that ask a person about mail of which nothing could be made. The ref of
// each is the account: one task, however many mails.
const (
	InboxOffTask = "inbox.off"
	LoopTask     = "feedback.unread"
)

// UnreadFor is how long such mail is kept, and maxUnread how many of an account. Of
// what comes beyond that the task counts each.
const (
	UnreadFor = 30 * 24 * time.Hour
	maxUnread = 200
)

// Unread is a mail of which nothing could be made, as it came, kept for a person.
type Unread struct {
	Workspace string
	ID        string
	Account   string
	Why       Unheard
	Dedup     string // the same for the same mail
	At        time.Time
	EndsAt    time.Time // then it is deleted
	Raw       []byte
	Unopened  error // why the seal does not open; Raw is nil then
}

// Format names the mail alone, whatever the verb.
func (u Unread) Format(f fmt.State, _ rune) { fmt.Fprint(f, "unread mail "+u.ID) }

// Unheard is why nothing could be made of a mail.
type Unheard string

// The reasons.
const (
	InboxOff Unheard = "off"   // its inbox is switched off
	OfLoop   Unheard = "loop"  // it came to a feedback loop's address and names no mail of ours
	Aside    Unheard = "aside" // a report about our mail that nobody complains in
)

func (w Unheard) task() string {
	if w == InboxOff {
		return InboxOffTask
	}
	return LoopTask
}

// unreadDue is how long a person has to look at it.
const unreadDue = 24 * time.Hour

// KeepUnread keeps a mail, sealed, and asks a person to look. A mail that is brought
// again changes nothing.
func (s *Store) KeepUnread(ctx context.Context, u Unread) error {
	u.ID, u.EndsAt = engawa.NewOrderedID(engawa.PrefixUnread, u.At), u.At.Add(UnreadFor)
	err := s.inTx(ctx, u.Workspace, func(t *tx) error {
		a, err := t.account(u.Workspace, u.Account)
		if err != nil {
			return err
		}
		n, err := one(t, scanInt, `SELECT count(*) FROM unread_mail WHERE workspace = $1 AND account = $2`, u.Workspace, u.Account)
		if err == nil && n < maxUnread {
			n, err = t.keepUnread(u)
		}
		if err != nil || n == 0 {
			return err
		}
		return t.raise(engawa.Task{Workspace: u.Workspace, Kind: u.Why.task(), Ref: u.Account, DueAt: u.At.Add(unreadDue), Args: map[string]string{"account": a.Name}})
	})
	if err != nil {
		return unavailable(fmt.Errorf("keep unread mail of %s: %w", u.Account, err))
	}
	s.wakeUp("", "")
	return nil
}

// keepUnread returns 0 where the mail is there already.
func (t *tx) keepUnread(u Unread) (int64, error) {
	sealed, by, err := keyring{vault: t.s.vault}.seal(u.Workspace, "", "unread_mail", u.ID, u.Raw)
	if err != nil {
		return 0, err
	}
	return t.exec(`INSERT INTO unread_mail (workspace, id, account, why, dedup, at, ends_at, sealed, sealed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (workspace, account, dedup) DO NOTHING`, u.Workspace, u.ID, u.Account, string(u.Why), u.Dedup, us(u.At), us(u.EndsAt), sealed, by)
}

// UnreadOf returns the mails that are kept of an account, oldest first, at most limit.
func (s *Store) UnreadOf(ctx context.Context, workspace, account string, limit int) (out []Unread, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		out, err = t.unread(workspace, `workspace = $1 AND account = $2 ORDER BY at, id LIMIT $3`, workspace, account, limit)
		return err
	})
	return out, err
}

// UnreadToRead returns mails of all workspaces whose inbox was switched off when
// they came and is on now, by their ids, which are by time, at most limit; after is the id
// of the last that was returned, so that those which stay keep none from being seen.
func (s *Store) UnreadToRead(ctx context.Context, after string, limit int) (out []Unread, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		out, err = t.unread(everywhere, `why = 'off' AND id > $1 AND EXISTS (SELECT 1 FROM account a WHERE a.workspace = unread_mail.workspace AND a.id = unread_mail.account AND a.enabled = TRUE)
			ORDER BY id LIMIT $2`, after, limit)
		return err
	})
	return out, err
}

// unread reads mails. One that does not open keeps none of the others.
func (t *tx) unread(workspace, where string, args ...any) ([]Unread, error) {
	out, err := all(t, func(scan func(...any) error) (Unread, error) {
		var u Unread
		var came, ends int64
		var sealed []byte
		var by string
		if err := scan(&u.Workspace, &u.ID, &u.Account, &u.Why, &u.Dedup, &came, &ends, &sealed, &by); err != nil {
			return u, err
		}
		u.At, u.EndsAt = at(came), at(ends)
		u.Raw, u.Unopened = keyring{vault: t.s.vault}.open(u.Workspace, by, "unread_mail", u.ID, sealed)
		return u, nil
	}, `SELECT workspace, id, account, why, dedup, at, ends_at, sealed, sealed_by FROM unread_mail WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("unread mail of %q: %w", workspace, err)
	}
	return out, nil
}

// EndUnread deletes a mail that was read by now, and finishes the task when it was
// the last of its account.
func (s *Store) EndUnread(ctx context.Context, u Unread) error {
	return s.inTx(ctx, u.Workspace, func(t *tx) error {
		if err := t.expect("unread mail", `DELETE FROM unread_mail WHERE workspace = $1 AND id = $2`, u.Workspace, u.ID); err != nil {
			return err
		}
		n, err := one(t, scanInt, `SELECT count(*) FROM unread_mail WHERE workspace = $1 AND account = $2 AND why = $3`, u.Workspace, u.Account, string(u.Why))
		if err != nil || n > 0 {
			return err
		}
		return t.closeTask(u.Workspace, Closing{Kind: u.Why.task(), Ref: u.Account})
	})
}

// DropUnread deletes what is kept of an account: a person has looked at it. It
// finishes the tasks about it.
func (s *Store) DropUnread(ctx context.Context, workspace, account string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		n, err := t.exec(`DELETE FROM unread_mail WHERE workspace = $1 AND account = $2`, workspace, account)
		if err == nil && n == 0 {
			err = engawa.NotFound("unread mail of this account")
		}
		for _, why := range []Unheard{InboxOff, OfLoop} {
			if err == nil {
				err = t.closeTask(workspace, Closing{Kind: why.task(), Ref: account})
			}
		}
		if err != nil {
			return err
		}
		return t.noted(workspace, "drop-unread", account, "")
	})
	if err != nil {
		return fmt.Errorf("drop unread mail of %s: %w", account, err)
	}
	return nil
}
