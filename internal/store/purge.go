package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// destroyedBy is the sealed_by of a row whose words were destroyed with the
// contract that they belonged to: no key has that name.
const destroyedBy = "destroyed"

// How much one transaction of a purge takes away, so that others have their turn.
const (
	wordsAtOnce     = 200
	repliesAtOnce   = 500
	customersAtOnce = 20
)

// purgeAgain is when a purge that failed is tried again.
const purgeAgain = time.Minute

// StepEndings destroys what only an ended contract needed, of one contract that is
// due, and reports whether there was one: the words of its messages, the answers
// that were kept for its partner, the partner's view of its customers, and the
// customers themselves where nothing else needs them. Rows that count stay,
// unreadable, and so do decisions with their evidence. It goes on where it was
// interrupted.
func (s *Store) StepEndings(ctx context.Context) (some bool, err error) {
	var due []Ending
	err = s.view(ctx, everywhere, func(t *tx) (err error) {
		due, err = all(t, scanEnding, `SELECT `+endingColumns+` FROM partner_end WHERE next_at > 0 AND next_at <= $1 ORDER BY next_at LIMIT 1`, now())
		return err
	})
	if err != nil || len(due) == 0 {
		return false, err
	}
	e := due[0]
	if err := s.purge(ctx, e); err != nil {
		later := s.inTx(ctx, e.Workspace, func(t *tx) error {
			_, err := t.exec(`UPDATE partner_end SET next_at = $3 WHERE workspace = $1 AND id = $2 AND next_at > 0`, e.Workspace, e.ID, us(time.Now().Add(purgeAgain)))
			return err
		})
		return false, fmt.Errorf("destroy what %s left: %w", e.ID, errors.Join(err, later))
	}
	return true, nil
}

func (s *Store) purge(ctx context.Context, e Ending) error {
	for more := true; more; {
		err := s.sealTx(ctx, []string{e.Workspace}, func(t *tx) (err error) {
			more, err = t.purgeSome(e)
			return err
		})
		if err != nil {
			return err
		}
	}
	if s.lite {
		if err := s.writer.wipe(ctx); err != nil {
			return err
		}
	}
	return s.inTx(ctx, e.Workspace, func(t *tx) error {
		_, err := t.exec(`UPDATE partner_end SET purged_at = $3, next_at = 0 WHERE workspace = $1 AND id = $2 AND purged_at = 0`, e.Workspace, e.ID, now())
		return err
	})
}

// errUnderWay says that a message of an ended contract is still being handed over.
var errUnderWay = errors.New("a message is still under way")

// waiting counts messages of the contract that have not ended.
func (t *tx) waiting(e Ending) (int64, error) {
	w := e.of("message")
	w.and(messageState + ` = 'waiting'`)
	return one(t, scanInt, `SELECT count(*) FROM message `+w.text, w.args...)
}

// purgeSome destroys a part, and counts it, or reports that nothing is left.
func (t *tx) purgeSome(due Ending) (more bool, err error) {
	e, err := one(t, scanEnding, `SELECT `+endingColumns+` FROM partner_end WHERE workspace = $1 AND id = $2 {lock}`, due.Workspace, due.ID)
	if err != nil || !e.PurgedAt.IsZero() {
		return false, err
	}
	if !e.counted {
		if e.Shared, err = t.shared(e); err != nil {
			return false, err
		}
	}
	if goesOn, err := t.goesOn(e); err != nil || goesOn {
		return false, err
	}
	before := e.Destroyed
	for _, destroy := range []func(*Ending) error{t.destroyWords, t.destroyReplies, t.destroyHandles} {
		if err := destroy(&e); err != nil {
			return false, err
		}
		if e.Destroyed != before {
			break
		}
	}
	shared, err := json.Marshal(append([]Shared{}, e.Shared...))
	if err != nil {
		return false, err
	}
	destroyed, err := json.Marshal(e.Destroyed)
	if err != nil {
		return false, err
	}
	if _, err := t.exec(`UPDATE partner_end SET shared = $3, destroyed = $4 WHERE workspace = $1 AND id = $2`, e.Workspace, e.ID, string(shared), string(destroyed)); err != nil {
		return false, err
	}
	if e.Destroyed != before {
		return true, nil
	}
	if waiting, err := t.waiting(e); err != nil || waiting > 0 {
		return false, errors.Join(err, errUnderWay)
	}
	if e.Subscription != "" {
		return false, nil
	}
	_, err = t.exec(`DELETE FROM subscriber_list WHERE workspace = $1 AND partner = $2`, e.Workspace, e.Partner)
	return false, err
}

// destroyWords makes the words of messages unreadable, with what was said to
// providers, the verdicts, and what came back by mail.
func (t *tx) destroyWords(e *Ending) error {
	w := e.words()
	messages, err := all(t, scanString, `SELECT id FROM message `+w.text+fmt.Sprintf(` ORDER BY id LIMIT %d {lock}`, wordsAtOnce), w.args...)
	if err != nil || len(messages) == 0 {
		return err
	}
	if err := t.destroyMessages(e.Workspace, messages); err != nil {
		return err
	}
	e.Destroyed.Texts += int64(len(messages))
	return nil
}

// destroyMessages makes the words of messages unreadable, wherever they are.
func (t *tx) destroyMessages(workspace string, messages []string) error {
	if len(messages) == 0 {
		return nil
	}
	list := t.list(messages)
	gone := make([]byte, wrappedSize)
	for _, q := range [...]string{
		`UPDATE attempt SET sealed = NULL, sealed_by = '' WHERE workspace = $1 AND delivery IN (SELECT id FROM delivery WHERE workspace = $1 AND message {in $2})`,
		`UPDATE delivery SET sealed = NULL, sealed_by = '', carry = NULL WHERE workspace = $1 AND message {in $2}`,
		`DELETE FROM in_app WHERE workspace = $1 AND delivery IN (SELECT id FROM delivery WHERE workspace = $1 AND message {in $2})`,
		`DELETE FROM partner_message WHERE workspace = $1 AND message {in $2}`,
	} {
		if _, err := t.exec(q, workspace, list); err != nil {
			return err
		}
	}
	for _, q := range [...]string{
		`UPDATE event SET sealed = $3, sealed_by = '` + destroyedBy + `' WHERE workspace = $1 AND customer IN
			(SELECT customer FROM message WHERE workspace = $1 AND id {in $2} AND customer <> '') AND customer <> '' AND subject {in $2} AND type LIKE 'mail.%'`,
		`UPDATE message SET sealed = $3, judged = NULL, sealed_by = '` + destroyedBy + `' WHERE workspace = $1 AND id {in $2}`,
	} {
		if _, err := t.exec(q, workspace, list, gone); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) destroyReplies(e *Ending) error {
	w := e.of("partner_reply")
	n, err := t.exec(`DELETE FROM partner_reply WHERE workspace = $1 AND id IN (SELECT id FROM partner_reply `+w.text+fmt.Sprintf(` LIMIT %d)`, repliesAtOnce), w.args...)
	e.Destroyed.Replies += n
	return err
}

// destroyHandles takes away what partners knew of customers, and erases the
// customers whom nothing else needs.
func (t *tx) destroyHandles(e *Ending) error {
	w := e.of("handle")
	customers, err := all(t, scanString, `SELECT customer FROM handle `+w.text+fmt.Sprintf(` GROUP BY customer ORDER BY customer LIMIT %d`, customersAtOnce), w.args...)
	if err != nil || len(customers) == 0 {
		return err
	}
	if _, err := all(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id {in $2} ORDER BY id {lock}`, e.Workspace, t.list(customers)); err != nil {
		return err
	}
	alive, err := one(t, scanInt, `SELECT count(*) FROM customer WHERE workspace = $1 AND id {in $2} AND erased_at = 0`, e.Workspace, t.list(customers))
	if err != nil {
		return err
	}
	free, err := t.unneeded(*e, customers)
	if err != nil {
		return err
	}
	for _, id := range free {
		if err := t.erase(e.Workspace, id, &Erasure{At: time.Now().UTC().Truncate(time.Microsecond)}); err != nil {
			return err
		}
	}
	w.args = append(w.args, t.list(customers))
	n, err := t.exec(`DELETE FROM handle `+w.text+fmt.Sprintf(` AND customer {in $%d}`, len(w.args)), w.args...)
	e.Destroyed.Handles += n
	e.Destroyed.Customers += int64(len(free))
	e.Destroyed.Kept += alive - int64(len(free))
	return err
}

// unneeded are those of customers whom nothing needs but contracts that ended:
// no other subscription, purchase or list of a partner, no decision or message of
// anybody else, nothing that a system or a file told, no sign-in, no friendship on
// a chat. A decision says of whom it is: of the app of a subscription that ended,
// all partners' are over.
func (t *tx) unneeded(e Ending, customers []string) ([]string, error) {
	return all(t, scanString, `SELECT c.id FROM customer c WHERE c.workspace = $1 AND c.id {in $2} AND c.erased_at = 0 AND c.merged_into = ''
		AND NOT EXISTS (SELECT 1 FROM subscription b LEFT JOIN app a ON a.workspace = b.workspace AND a.id = b.app LEFT JOIN partner p ON p.workspace = b.workspace AND p.id = a.partner
			WHERE b.workspace = $1 AND b.customer = c.id AND b.ended_at = 0 AND coalesce(p.ended_at, 0) = 0)
		AND NOT EXISTS (SELECT 1 FROM handle h LEFT JOIN partner p ON p.workspace = h.workspace AND p.id = h.partner
			WHERE h.workspace = $1 AND h.customer = c.id AND h.ended_at = 0 AND coalesce(p.ended_at, 0) = 0)
		AND NOT EXISTS (SELECT 1 FROM consent d LEFT JOIN partner p ON p.workspace = d.workspace AND p.id = d.controller
			WHERE d.workspace = $1 AND d.customer = c.id AND coalesce(p.ended_at, 0) = 0 AND NOT (p.id IS NOT NULL AND d.app <> '' AND d.app = $3))
		AND NOT EXISTS (SELECT 1 FROM message m LEFT JOIN partner p ON p.workspace = m.workspace AND p.id = m.partner
			WHERE m.workspace = $1 AND m.customer <> '' AND m.customer = c.id AND coalesce(p.ended_at, 0) = 0 AND NOT (m.partner <> '' AND m.app <> '' AND m.app = $3))
		AND NOT EXISTS (SELECT 1 FROM purchase u WHERE u.workspace = $1 AND u.customer = c.id)
		AND NOT EXISTS (SELECT 1 FROM event v WHERE v.workspace = $1 AND v.customer <> '' AND v.customer = c.id AND v.account <> 'hub' AND v.type NOT LIKE 'mail.%')
		AND NOT EXISTS (SELECT 1 FROM import_row r WHERE r.workspace = $1 AND r.customer = c.id)
		AND NOT EXISTS (SELECT 1 FROM identity i WHERE i.workspace = $1 AND i.customer = c.id AND i.kind = 'subject')
		AND NOT EXISTS (SELECT 1 FROM contact_point o JOIN relationship r ON r.workspace = o.workspace AND r.contact_point = o.id
			WHERE o.workspace = $1 AND o.customer = c.id AND r.state = 'friend') ORDER BY c.id`, e.Workspace, t.list(customers), e.App)
}
