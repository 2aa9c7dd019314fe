package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/engawa/engawa"
)

// Judged is a verdict with the facts it was made from.
type Judged struct {
	Facts   engawa.Facts   `json:"facts"`
	Verdict engawa.Verdict `json:"verdict"`
}

// NewMessage is a message to be stored with its first deliveries.
type NewMessage struct {
	Message    engawa.Message
	Judged     []Judged
	Deliveries []engawa.Delivery
	Attempts   []engawa.Attempt // only of a sample, whose deliveries have ended
}

// messageWords are what is sealed of a message. The early verdicts, which a claim
// does not read, are sealed beside them.
type messageWords struct {
	Content     engawa.Content      `json:"content"`
	Promotional bool                `json:"promotional,omitempty"`
	Applied     []engawa.Obligation `json:"applied,omitempty"`
	Unsub       string              `json:"unsubscribe,omitempty"`
	Early       []string            `json:"early,omitempty"` // the likeness of each early verdict
}

// Routed is an event with the messages that its routes made.
type Routed struct {
	Workspace, Event string
	Messages         []NewMessage
	Gathered         []Gathered // the digests that it goes into
	Marks            []string   // by which events of one cause find one another
}

// Route marks events routed and stores what they caused, in one transaction.
// An event that was routed meanwhile causes nothing twice. It fails where a
// customer was merged into another since the messages were composed: then they
// must be composed anew, for the other.
func (s *Store) Route(ctx context.Context, routed []Routed) error {
	var lanes laneSet
	var workspaces []string
	for _, r := range routed {
		workspaces = append(workspaces, r.Workspace)
	}
	err := s.sealTx(ctx, workspaces, func(t *tx) error {
		var caused []NewMessage
		marks := make([][]any, len(routed))
		for i, r := range routed {
			marks[i] = []any{r.Workspace, r.Event}
		}
		fresh, err := t.update(`UPDATE event SET routed = TRUE WHERE workspace = $1 AND id = $2 AND routed = FALSE`, marks)
		if err != nil {
			return err
		}
		for i, r := range routed {
			if !fresh[i] {
				continue
			}
			caused = append(caused, r.Messages...)
			if err := t.mark(r); err != nil {
				return err
			}
			for _, g := range r.Gathered {
				if err := t.gather(r, g, time.Now()); err != nil {
					return err
				}
			}
		}
		lanes, _, err = t.enqueue(caused) // who was erased meanwhile gets nothing
		return err
	})
	if err != nil {
		return fmt.Errorf("route: %w", err)
	}
	lanes.wake(s)
	return nil
}

// Enqueue stores messages with their first deliveries, in one transaction.
func (s *Store) Enqueue(ctx context.Context, ms []NewMessage) error {
	var lanes laneSet
	var workspaces []string
	for _, m := range ms {
		workspaces = append(workspaces, m.Message.Workspace)
	}
	err := s.sealTx(ctx, workspaces, func(t *tx) (err error) {
		var left int
		if lanes, left, err = t.enqueue(ms); err == nil && left > 0 {
			err = &engawa.Error{Code: engawa.CodeConflict, Message: "the customer was erased meanwhile", Remedy: "look the customer up again"}
		}
		return err
	})
	if err != nil {
		return unavailable(fmt.Errorf("enqueue: %w", err))
	}
	lanes.wake(s)
	return nil
}

// laneSet is the lanes that got work.
type laneSet map[[2]string]bool

func (l laneSet) wake(s *Store) {
	for k := range l {
		s.wakeUp(k[0], k[1])
	}
}

// enqueue stores messages but those to, or about, customers whose keys are gone: left
// counts them.
func (t *tx) enqueue(ms []NewMessage) (lanes laneSet, left int, err error) {
	lanes = laneSet{}
	parts := map[string][]NewMessage{}
	for _, m := range ms {
		parts[m.Message.Workspace] = append(parts[m.Message.Workspace], m)
	}
	for ws, part := range parts {
		n, err := t.enqueueIn(ws, part, lanes)
		if err != nil {
			return nil, 0, err
		}
		left += n
	}
	for k := range lanes {
		if err := t.notify(k[0], k[1]); err != nil {
			return nil, 0, err
		}
	}
	return lanes, left, nil
}

func (t *tx) enqueueIn(ws string, ms []NewMessage, lanes laneSet) (left int, err error) {
	var customers []string
	for _, m := range ms {
		customers = append(customers, m.Message.Owner())
	}
	ring, err := t.keys(ws, openers(customers))
	if err != nil {
		return 0, err
	}
	var messages, deliveries, attempts [][]any
	var kept []NewMessage
	for _, m := range ms {
		if c := m.Message.Owner(); c != "" && !ring.opens(c) {
			if err := t.notMerged(ws, c); err != nil {
				return 0, err
			}
			left++
			continue
		}
		row, err := messageRow(ring, m)
		if err != nil {
			return 0, err
		}
		messages, kept = append(messages, row), append(kept, m)
		for _, d := range m.Deliveries {
			deliveries = append(deliveries, newDeliveryRow(m.Message, d))
			if d.State.Waiting() {
				lanes[[2]string{ws, d.Account}] = true
			}
		}
		for _, a := range m.Attempts {
			row, err := pastAttemptRow(ring, m.Message, a)
			if err != nil {
				return 0, err
			}
			attempts = append(attempts, row)
		}
	}
	if _, err := t.insert(insertMessage, messages); err != nil {
		return 0, fmt.Errorf("store messages: %w", err)
	}
	if _, err := t.insert(insertDelivery, deliveries); err != nil {
		return 0, fmt.Errorf("store deliveries: %w", err)
	}
	if _, err := t.insert(insertAttempt, attempts); err != nil {
		return 0, fmt.Errorf("store attempts: %w", err)
	}
	return left, t.stoppedPlaces(kept)
}

// pastAttemptRow is of a sample: no lane had it.
func pastAttemptRow(ring keyring, m engawa.Message, a engawa.Attempt) ([]any, error) {
	plain, err := json.Marshal(a.Exchange)
	if err != nil {
		return nil, fmt.Errorf("attempt %s: %w", a.Delivery, err)
	}
	sealed, by, err := ring.seal(m.Workspace, m.Owner(), "attempt", fmt.Sprintf("%s.%d", a.Delivery, a.N), plain)
	if err != nil {
		return nil, err
	}
	return []any{m.Workspace, a.Delivery, a.N, 0, a.Key, us(a.StartedAt), us(a.EndedAt), string(a.Outcome), a.Code, false, sealed, by}, nil
}

const insertMessage = `INSERT INTO message (workspace, id, event, route, partner, member, app, customer, destination, broadcast,
	purpose, trigger_by, topic, locale, urgent, sample, not_before, expires_at, state, outcome, gate, chain, trace, sealed, judged, sealed_by, created_at, updated_at, standing, offer, contact_point, hops, reason)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)`

func messageRow(ring keyring, n NewMessage) ([]any, error) {
	m := n.Message
	chain, err := json.Marshal(m.Chain)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	early := make([]string, len(n.Judged))
	for i, j := range n.Judged {
		early[i] = j.likeness()
	}
	words, err := json.Marshal(messageWords{m.Content, m.Promotional, m.Applied, m.Unsubscribe, early})
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	verdicts, err := json.Marshal(n.Judged)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	sealed, judged, by, err := ring.sealWith(m.Workspace, m.Owner(), "message", m.ID, words, "judged", verdicts)
	if err != nil {
		return nil, err
	}
	standing, err := standingText(m.While)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	outcome, gate := overall(n.Judged)
	return []any{
		m.Workspace, m.ID, m.Event, m.Route, m.Partner, m.Member, m.App, m.Customer, m.Destination, m.Broadcast,
		string(m.Purpose), string(m.Trigger), m.Topic, string(m.Locale), m.Urgent, m.Sample, us(m.NotBefore), us(m.ExpiresAt),
		string(m.State), string(outcome), string(gate), string(chain), m.Trace, sealed, judged, by, us(m.CreatedAt), us(m.CreatedAt), standing, m.Offer, m.ContactPoint, m.Hops, string(m.Reason),
	}, nil
}

// standingText is what is asked of a purchase as a column; empty: nothing.
func standingText(w engawa.While) (string, error) {
	if w == (engawa.While{}) {
		return "", nil
	}
	b, err := json.Marshal(w)
	return string(b), err
}

// overall is the outcome of the first account that may send, now or later; if
// none may, the first refusal.
func overall(js []Judged) (engawa.Outcome, engawa.Gate) {
	if len(js) == 0 {
		return engawa.Refuse, engawa.GateRecipient
	}
	for _, j := range js {
		if j.Verdict.Outcome != engawa.Refuse {
			return j.Verdict.Outcome, j.Verdict.Decided
		}
	}
	return js[0].Verdict.Outcome, js[0].Verdict.Decided
}

const insertDelivery = `INSERT INTO delivery (workspace, id, message, position, account, customer, contact_point, destination, partner, class,
	state, bulk, due_at, deadline_at, attempts, retry_key, key_at, fence, provider_id, note, handed_at, created_at, updated_at, sealed_by)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0, 0, '', $17, $18, $19, $19, '')`

// newDeliveryRow leaves the verdict out: until a lane claims the delivery it is
// the message's early one.
func newDeliveryRow(m engawa.Message, d engawa.Delivery) []any {
	created := d.UpdatedAt
	if created.IsZero() {
		created = time.Now()
	}
	return []any{
		d.Workspace, d.ID, d.Message, d.Position, d.Account, m.Customer, d.ContactPoint, d.Destination, m.Partner, string(m.Purpose.Class()),
		string(d.State), d.Bulk, us(d.DueAt), us(d.DeadlineAt), d.Attempts, d.Key, d.Note, us(d.HandedAt), us(created),
	}
}

const (
	messageColumns = beforeState + messageState + behindState
	storedColumns  = beforeState + `state` + behindState // for a claim, to which it says nothing

	beforeState = `workspace, id, event, route, partner, member, app, customer, destination, broadcast, purpose, trigger_by, topic, locale,
		urgent, sample, not_before, expires_at, `
	behindState = `, chain, trace, sealed, sealed_by, created_at, standing, offer, contact_point, hops, reason`
)

// messageState is the state of a row of message: sent as soon as one of its
// deliveries has arrived. That is told by the delivery alone, since writing it to
// the message too costs a lane more than anything else (docs/decisions/0014);
// every other state stands in the row (tx.settle).
const messageState = `coalesce((SELECT 'sent' FROM delivery arrived WHERE arrived.workspace = message.workspace AND arrived.message = message.id
	AND arrived.state IN ('accepted', 'delivered') LIMIT 1), message.state)` // LIMIT: else PostgreSQL reads all deliveries at once, for a list of twenty

type messageRowRead struct {
	engawa.Message
	sealed []byte
	judged []byte // where the row was read whole
	by     string
}

// scanWhole is scanMessage of a row with judged behind it.
func scanWhole(scan func(...any) error) (m messageRowRead, err error) {
	var judged []byte
	m, err = scanMessage(func(dst ...any) error { return scan(append(dst, &judged)...) })
	m.judged = judged
	return m, err
}

func scanMessage(scan func(...any) error) (m messageRowRead, err error) {
	var chain, standing string
	var notBefore, expires, created int64
	if err := scan(&m.Workspace, &m.ID, &m.Event, &m.Route, &m.Partner, &m.Member, &m.App, &m.Customer, &m.Destination, &m.Broadcast, &m.Purpose, &m.Trigger, &m.Topic, &m.Locale,
		&m.Urgent, &m.Sample, &notBefore, &expires, &m.State, &chain, &m.Trace, &m.sealed, &m.by, &created, &standing, &m.Offer, &m.ContactPoint, &m.Hops, &m.Reason); err != nil {
		return m, err
	}
	m.NotBefore, m.ExpiresAt, m.CreatedAt = at(notBefore), at(expires), at(created)
	if m.Customer == "" && !strings.HasPrefix(m.by, byRing) {
		m.About = m.by
	}
	if standing != "" {
		if err := json.Unmarshal([]byte(standing), &m.While); err != nil {
			return m, err
		}
	}
	return m, jsonv2.Unmarshal([]byte(chain), &m.Chain, jsonv1.FormatDurationAsNano(true)) // as encoding/json wrote it
}

// Said is a message with everything known of it.
type Said struct {
	Message    engawa.Message
	Judged     []Judged // the early verdicts with their facts; empty after an erasure
	Deliveries []engawa.Delivery
	Attempts   []engawa.Attempt
	Erased     bool
	early      []string // the likeness of each early verdict
}

// Message returns one message with its verdicts, deliveries and attempts.
func (s *Store) Message(ctx context.Context, workspace, id string) (said Said, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanWhole, `SELECT `+messageColumns+`, judged FROM message WHERE workspace = $1 AND id = $2`, workspace, id)
		if err == nil && len(rows) == 0 {
			err = engawa.NotFound("message")
		}
		if err != nil {
			return err
		}
		ring, err := t.keys(workspace, openers([]string{rows[0].by}))
		if err != nil {
			return err
		}
		if said, err = rows[0].openAll(ring); err != nil {
			return err
		}
		if said.Deliveries, err = t.deliveries(ring, workspace, id, said.Judged); err != nil {
			return err
		}
		if err := t.seenIn(workspace, said.Deliveries); err != nil {
			return err
		}
		said.Attempts, err = t.attempts(ring, workspace, id)
		return err
	})
	return said, err
}

// open opens the words; the early verdicts are left closed.
func (r messageRowRead) open(ring keyring) (Said, error) {
	said, _, err := r.openWords(ring)
	return said, err
}

// openAll opens the words and the early verdicts.
func (r messageRowRead) openAll(ring keyring) (Said, error) {
	said, verdicts, err := r.openWhole(ring)
	if err != nil || said.Erased {
		return said, err
	}
	if err := json.Unmarshal(verdicts, &said.Judged); err != nil {
		return said, fmt.Errorf("message %s: %w", r.ID, err)
	}
	for _, j := range said.Judged {
		said.Message.Verdicts = append(said.Message.Verdicts, j.Verdict)
	}
	return said, nil
}

// openWhole opens the words, and the early verdicts as they were written, of a row
// that was read whole.
func (r messageRowRead) openWhole(ring keyring) (said Said, verdicts []byte, err error) {
	said, verdicts, err = r.openWords(ring)
	if err == nil && r.judged != nil && !said.Erased {
		verdicts, err = ring.openBeside(r.Workspace, r.by, "message", r.ID, r.sealed, "judged", r.judged)
	}
	return said, verdicts, err
}

// openWords opens the words, and the early verdicts of a row that has them in one
// with the words, as those of before migration 51 do.
func (r messageRowRead) openWords(ring keyring) (said Said, verdicts []byte, err error) {
	said = Said{Message: r.Message}
	if !ring.opens(r.by) {
		said.Erased = true
		return said, nil, nil
	}
	plain, err := ring.open(r.Workspace, r.by, "message", r.ID, r.sealed)
	if err != nil {
		return said, nil, err
	}
	words, verdicts, _ := bytes.Cut(plain, []byte{'\n'}) // JSON has no line feed inside a text
	var w messageWords
	if err := jsonv2.Unmarshal(words, &w); err != nil { // of 2 KB in 40 % of the time that encoding/json takes
		return said, nil, fmt.Errorf("message %s: %w", r.ID, err)
	}
	said.early = w.Early
	m := &said.Message
	m.Content, m.Promotional, m.Applied, m.Unsubscribe = w.Content, w.Promotional, w.Applied, w.Unsub
	return said, verdicts, nil
}

const deliveryColumns = `workspace, id, message, position, account, contact_point, destination, state, bulk, due_at, deadline_at,
	attempts, retry_key, key_at, provider_id, note, doubt, handed_at, updated_at, carry, sealed, sealed_by`

type deliveryRow struct {
	engawa.Delivery
	carry  []byte
	sealed []byte
	by     string
}

func scanDelivery(scan func(...any) error) (d deliveryRow, err error) {
	var due, deadline, keyAt, handed, updated int64
	err = scan(&d.Workspace, &d.ID, &d.Message, &d.Position, &d.Account, &d.ContactPoint, &d.Destination, &d.State, &d.Bulk, &due, &deadline,
		&d.Attempts, &d.Key, &keyAt, &d.ProviderID, &d.Note, &d.Doubt, &handed, &updated, &d.carry, &d.sealed, &d.by)
	d.DueAt, d.DeadlineAt, d.KeyAt, d.HandedAt, d.UpdatedAt = at(due), at(deadline), at(keyAt), at(handed), at(updated)
	return d, err
}

// openVerdict fills in the verdict by which the delivery went or waits: its own
// or, where a claim found the same, the message's early one.
func (d *deliveryRow) openVerdict(ring keyring, early []Judged) error {
	if d.sealed == nil && d.Position < len(early) {
		v := early[d.Position].Verdict
		if !d.HandedAt.IsZero() {
			v.At = d.HandedAt
		}
		d.Verdict = &v
	}
	if d.sealed == nil || !ring.opens(d.by) {
		return nil
	}
	plain, err := ring.open(d.Workspace, d.by, "delivery", d.ID, d.sealed)
	if err != nil {
		return err
	}
	var j Judged
	if err := json.Unmarshal(plain, &j); err != nil {
		return fmt.Errorf("delivery %s: %w", d.ID, err)
	}
	d.Verdict = &j.Verdict
	return nil
}

func (t *tx) deliveries(ring keyring, workspace, message string, early []Judged) ([]engawa.Delivery, error) {
	rows, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM delivery WHERE workspace = $1 AND message = $2 ORDER BY position, id`, workspace, message)
	if err != nil {
		return nil, err
	}
	out := make([]engawa.Delivery, len(rows))
	for i := range rows {
		if err := rows[i].openVerdict(ring, early); err != nil {
			return nil, err
		}
		out[i] = rows[i].Delivery
	}
	return out, nil
}

// attempts returns the attempts of a message's deliveries. One that is under way
// has no row yet: its delivery says so.
func (t *tx) attempts(ring keyring, workspace, message string) ([]engawa.Attempt, error) {
	return all(t, func(scan func(...any) error) (a engawa.Attempt, err error) {
		var started, ended int64
		var sealed []byte
		var by string
		if err := scan(&a.Workspace, &a.Delivery, &a.N, &a.Fence, &a.Key, &started, &ended, &a.Outcome, &a.Code, &a.Late, &sealed, &by); err != nil {
			return a, err
		}
		a.ID = fmt.Sprintf("%s.%d", a.Delivery, a.N)
		a.StartedAt, a.EndedAt = at(started), at(ended)
		if !ring.opens(by) || sealed == nil {
			return a, nil
		}
		plain, err := ring.open(workspace, by, "attempt", a.ID, sealed)
		if err != nil {
			return a, err
		}
		return a, json.Unmarshal(plain, &a.Exchange)
	}, `SELECT a.workspace, a.delivery, a.n, a.fence, a.retry_key, a.started_at, a.ended_at, a.outcome, a.code, a.late, a.sealed, a.sealed_by
		FROM attempt a JOIN delivery d ON d.workspace = a.workspace AND d.id = a.delivery
		WHERE d.workspace = $1 AND d.message = $2
		UNION ALL
		SELECT d.workspace, d.id, d.attempts, d.fence, d.retry_key, d.handed_at, 0, 'open', '', FALSE, NULL, '' FROM delivery d
		WHERE d.workspace = $1 AND d.message = $2 AND d.state = 'sending'
		AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.workspace = d.workspace AND a.delivery = d.id AND a.n = d.attempts)
		ORDER BY 6, 2, 3`, workspace, message)
}

// MessageFilter narrows a list of messages. Empty fields match all.
type MessageFilter struct {
	State       string
	Outcome     string
	Customer    string
	Event       string // that made it, or that it tells of with others
	Destination string
	Purpose     string
	Ticket      string // a customer about whom a member wrote to staff
	Broadcast   string
}

// MessageRow is one line of a list of messages.
type MessageRow struct {
	Message engawa.Message // without content and verdicts
	Outcome engawa.Outcome // of the early verdict
	Gate    engawa.Gate
	Subject string
	SeenAt  time.Time // in an app; zero: not told
}

func (f MessageFilter) where(workspace string, p Page) where {
	var w where
	w.and("workspace = ?", workspace)
	w.and("(created_at, id) < (?, ?)", p.before(), p.ID)
	for _, c := range [...]struct{ text, value string }{
		{messageState + " = ?", f.State},
		{"outcome = ?", f.Outcome},
		{"customer <> '' AND customer = ?", f.Customer},
		{"destination <> '' AND destination = ?", f.Destination},
		{"purpose = ?", f.Purpose},
		{"member <> '' AND destination <> '' AND sealed_by = ?", f.Ticket},
		{"broadcast <> '' AND broadcast = ?", f.Broadcast},
	} {
		if c.value != "" {
			w.and(c.text, c.value)
		}
	}
	if f.Event != "" {
		w.and(`id IN (SELECT id FROM message WHERE workspace = ? AND event <> '' AND event = ? UNION ALL
			SELECT d.message FROM digest_event g CROSS JOIN digest d WHERE g.workspace = ? AND g.event = ? AND d.workspace = g.workspace AND d.id = g.digest AND d.message <> '')`,
			workspace, f.Event, workspace, f.Event)
	}
	return w
}

// Messages returns a page of messages, newest first.
func (s *Store) Messages(ctx context.Context, workspace string, f MessageFilter, p Page) (out []MessageRow, err error) {
	w := f.where(workspace, p)
	err = s.view(ctx, workspace, func(t *tx) error {
		type row struct {
			messageRowRead
			outcome engawa.Outcome
			gate    engawa.Gate
		}
		rows, err := all(t, func(scan func(...any) error) (r row, err error) {
			r.messageRowRead, err = scanMessage(func(dst ...any) error { return scan(append(dst, &r.outcome, &r.gate)...) })
			return r, err
		}, `SELECT `+messageColumns+`, outcome, gate FROM message `+w.text+` ORDER BY created_at DESC, id DESC LIMIT `+strconv.Itoa(p.limit()), w.args...)
		if err != nil {
			return err
		}
		var by, ids []string
		for _, r := range rows {
			by, ids = append(by, r.by), append(ids, r.ID)
		}
		ring, err := t.keys(workspace, openers(by))
		if err != nil {
			return err
		}
		seen, err := t.seenMessages(workspace, ids)
		if err != nil {
			return err
		}
		for _, r := range rows {
			said, err := r.open(ring)
			if err != nil {
				return err
			}
			out = append(out, MessageRow{r.Message, r.outcome, r.gate, said.Message.Content.Subject, seen[r.ID]})
		}
		return nil
	})
	return out, err
}

// Cancel stops everything of a message that has not been handed over; if one of
// its deliveries has been, it is a conflict and nothing changes. It takes the
// deliveries' rows first, as a claim does: of the two, one sees the other.
func (s *Store) Cancel(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		canceled, err := t.cancel(workspace, id)
		if err != nil {
			return err
		}
		if canceled {
			return t.noted(workspace, "cancel-message", id, "")
		}
		if _, err := one(t, scanString, `SELECT state FROM message WHERE workspace = $1 AND id = $2`, workspace, id); err != nil {
			return found("message", err)
		}
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this message has been handed over or has ended", Remedy: "look at its deliveries"}
	})
}

// cancel stops what of a message was not handed over, and reports whether nothing was.
func (t *tx) cancel(workspace, id string) (bool, error) {
	if _, err := all(t, scanString, `SELECT id FROM delivery WHERE workspace = $1 AND message = $2 ORDER BY id {lock}`, workspace, id); err != nil {
		return false, fmt.Errorf("cancel %s: %w", id, err)
	}
	if _, err := t.exec(`UPDATE delivery SET state = 'canceled', note = 'canceled', updated_at = $3
		WHERE workspace = $1 AND message = $2 AND waits`, workspace, id, now()); err != nil {
		return false, fmt.Errorf("cancel %s: %w", id, err)
	}
	n, err := t.exec(`UPDATE message SET state = 'canceled', updated_at = $3 WHERE workspace = $1 AND id = $2 AND `+messageState+` = 'waiting'
		AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.workspace = message.workspace AND d.message = message.id AND d.state = 'sending')`, workspace, id, now())
	if err != nil {
		return false, fmt.Errorf("cancel %s: %w", id, err)
	}
	return n == 1, nil
}
