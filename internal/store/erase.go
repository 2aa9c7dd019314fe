package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Erasure is what became of a customer's data.
type Erasure struct {
	At        time.Time
	Canceled  int64 // messages to the customer, or about the customer, that had not been handed over
	Forgotten int64 // identities and contact points by which the customer could be found
}

// ErasureTask is the kind of the task for an erasure that a customer asked for
// and that has to wait. Its ref is the customer; the erasure closes it.
const ErasureTask = "customer.erasure"

// Erase destroys the customer's key and what could find the customer again:
// identities, contact points, look-up hashes (of the name and of transactions too), handles, the subjects of events and
// the marks by which they find one another;
// and so of all who were merged into the customer. Rows that count stay,
// unreadable, and the decisions with their evidence, which prove what was
// allowed. An address that was suppressed stays suppressed, tied to nobody.
//
// What was queued ends as canceled with the note "erased"; of what a claim is
// just looking at, the claim says so. Erasing again changes nothing and answers
// when it happened.
func (s *Store) Erase(ctx context.Context, workspace, customer string) (e Erasure, err error) {
	err = s.inTx(ctx, workspace, func(t *tx) error {
		e = Erasure{At: time.Now().UTC().Truncate(time.Microsecond)}
		erased, err := one(t, scanInt, `SELECT erased_at FROM customer WHERE workspace = $1 AND id = $2 {lock}`, workspace, customer)
		if err != nil {
			return found("customer", err)
		}
		if erased > 0 {
			e.At = at(erased)
			return nil
		}
		if _, err := t.own(workspace, customer); err != nil {
			return err
		}
		return t.erase(workspace, customer, &e)
	})
	if err == nil && s.lite {
		err = s.writer.wipe(ctx)
	}
	if err != nil {
		return e, unavailable(fmt.Errorf("erase %s: %w", customer, err))
	}
	return e, nil
}

// wipe empties SQLite's write-ahead log, where pages stand as they were before.
// What is freed in the database itself is overwritten (secure_delete). It waits
// a second for readers, whose statements are short. On PostgreSQL old row versions stay
// until VACUUM, and in its log until that is recycled: of what is not sealed,
// that is the subject of events.
func (w *writer) wipe(ctx context.Context) error {
	select {
	case <-w.turn:
		defer func() { w.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx = context.WithoutCancel(ctx) // the timeout must be put back
	var busy, pages, moved int64
	_, err := w.conn.ExecContext(ctx, `PRAGMA busy_timeout = 1000`) // nobody writes meanwhile
	if err == nil {
		err = w.conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	}
	if _, back := w.conn.ExecContext(ctx, `PRAGMA busy_timeout = 10000`); err != nil || back != nil {
		return fmt.Errorf("empty the log: %w", errors.Join(err, back))
	}
	if busy != 0 {
		return &engawa.Error{
			Code: engawa.CodeUnavailable, Message: "the customer is erased, but somebody reads the log in which traces still stand",
			Remedy: "send it again in a moment, to have them wiped too",
		}
	}
	return nil
}

func (t *tx) erase(workspace, customer string, e *Erasure) error {
	when := us(e.At)
	if err := t.leaveLists(workspace, customer); err != nil {
		return err
	}
	if err := t.must("destroy the key", `UPDATE data_key SET state = 'erased', wrapped = NULL, erased_at = $3
		WHERE workspace = $1 AND id = $2 AND state = 'live'`, workspace, customer, when); err != nil {
		return err
	}
	for _, x := range [...]struct {
		q     string
		count *int64
	}{
		{`UPDATE customer SET erased_at = $3, consent_version = consent_version + 1 WHERE workspace = $1 AND id = $2`, nil},
		{`UPDATE customer SET erased_at = $3 WHERE workspace = $1 AND merged_into <> '' AND merged_into = $2`, nil},
		{forgetReturns, nil},
		{`UPDATE contact_point SET ended_at = $3, address_index = '' WHERE workspace = $1 AND customer = $2 AND address_index <> ''`, &e.Forgotten},
		{`UPDATE handle SET ended_at = $3, ended_by = '` + endedByErasure + `' WHERE workspace = $1 AND customer = $2 AND ended_at = 0`, nil},
		{cancelErased, nil},
		{`UPDATE message SET state = 'canceled', updated_at = $3 WHERE workspace = $1 AND ` + messageState + ` = 'waiting' AND id IN ` + concerning, &e.Canceled},
	} {
		n, err := t.exec(x.q, workspace, customer, when)
		if err != nil {
			return err
		}
		if x.count != nil {
			*x.count += n
		}
	}
	if err := t.forgetActive(workspace, customer, e.At); err != nil {
		return err
	}
	n, err := t.exec(`DELETE FROM identity WHERE workspace = $1 AND customer = $2`, workspace, customer)
	if err != nil {
		return err
	}
	e.Forgotten += n
	for _, q := range [...]string{
		`DELETE FROM import_row WHERE workspace = $1 AND customer = $2`,
		`DELETE FROM name_prefix WHERE workspace = $1 AND customer = $2`,
		`DELETE FROM customer_tag WHERE workspace = $1 AND customer = $2`,
		`DELETE FROM purchase_transaction WHERE workspace = $1 AND purchase IN (SELECT id FROM purchase WHERE workspace = $1 AND customer = $2)`,
		`UPDATE suppression SET customer = '' WHERE workspace = $1 AND customer = $2`,
		`UPDATE subscription SET source = '', contract = '', detail = '{}' WHERE workspace = $1 AND customer = $2 AND source <> ''`,
		`UPDATE event SET subject = '' WHERE workspace = $1 AND customer <> '' AND customer = $2`,
		`UPDATE refund_case SET next_at = 0 WHERE workspace = $1 AND customer = $2`,
		`DELETE FROM consumption WHERE workspace = $1 AND customer = $2`,
		`DELETE FROM cause WHERE workspace = $1 AND event IN (SELECT id FROM event WHERE workspace = $1 AND customer <> '' AND customer = $2)`,
		`UPDATE delivery SET carry = NULL WHERE workspace = $1 AND carry IS NOT NULL AND message IN ` + concerning,
	} {
		if _, err := t.exec(q, workspace, customer); err != nil {
			return err
		}
	}
	if err := t.closeTask(workspace, Closing{Kind: ErasureTask, Ref: customer}); err != nil {
		return err
	}
	if err := t.lastSayings(workspace, customer); err != nil {
		return err
	}
	cases, err := all(t, scanString, `SELECT id FROM refund_case WHERE workspace = $1 AND customer = $2 AND alarmed_at > 0`, workspace, customer)
	if err != nil {
		return err
	}
	for _, id := range cases {
		if err := t.closeTask(workspace, Closing{Kind: RefundTask, Ref: id}); err != nil {
			return err
		}
	}
	if err := t.retell(workspace, customer); err != nil {
		return err
	}
	return t.noted(workspace, "erase-customer", customer, fmt.Sprintf("canceled=%d", e.Canceled))
}

// forgetReturns lets what came back by mail count for nobody's address. Its
// second condition names $3, which every statement of the list is given.
const forgetReturns = `UPDATE mail_return SET address_index = '' WHERE workspace = $1 AND at <= $3 AND address_index <> '' AND address_index IN
	(SELECT address_index FROM contact_point WHERE workspace = $1 AND customer = $2 AND address_index <> '')`

// concerning are the messages to a customer ($2), and those to staff that the
// customer's events made.
const concerning = `(SELECT id FROM message WHERE workspace = $1 AND customer <> '' AND customer = $2
	UNION ALL SELECT id FROM message WHERE workspace = $1 AND event <> '' AND event IN
		(SELECT id FROM event WHERE workspace = $1 AND customer <> '' AND customer = $2))`

// cancelErased leaves out what a claim has locked: that claim waits for the
// customer's row and then finds the key gone.
const cancelErased = `UPDATE delivery SET state = 'canceled', note = 'erased', updated_at = $3 WHERE workspace = $1 AND id IN
	(SELECT id FROM delivery WHERE workspace = $1 AND waits AND message IN ` + concerning + ` {skip})`
