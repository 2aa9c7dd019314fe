package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/refusal"
)

// Handed is a delivery about which mail came in.
type Handed struct {
	Workspace  string
	Delivery   string
	Message    string
	Account    string
	Customer   string // to whom it went; empty: to a staff place
	ProviderID string // its Message-ID
	State      engawa.DeliveryState
	Address    engawa.Address // where it went; empty after an erasure
	HandedAt   time.Time      // zero: never
}

// Format names the delivery without its address, whatever the verb.
func (h Handed) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "delivery %s, %s", h.Delivery, h.State) }

// Handed finds a delivery of any workspace: its id comes from an address that we
// signed. It asks for the id in each workspace, by the table's key.
func (s *Store) Handed(ctx context.Context, delivery string) (h Handed, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		p, err := t.handed(delivery)
		h = p.Handed
		return err
	})
	if err != nil {
		return h, unavailable(fmt.Errorf("find %s: %w", delivery, err))
	}
	return h, nil
}

// handedRow is a delivery with where it went.
type handedRow struct {
	Handed
	position int
	channel  string // under which its address is looked up
	index    string
	point    string // the contact point that it went to; empty: a staff place
}

func (t *tx) handed(delivery string) (h handedRow, err error) {
	// CROSS JOIN: SQLite keeps this order, and looks no delivery over but by its key.
	h, err = one(t, scanHanded, `SELECT d.workspace, d.id, d.message, d.account, d.customer, d.provider_id, d.state, d.handed_at, d.position, d.contact_point, d.destination
		FROM workspace CROSS JOIN delivery d WHERE d.workspace = workspace.id AND d.id = $1`, delivery)
	if err != nil {
		return h, found("delivery", err)
	}
	return h, t.openHanded(&h)
}

func scanHanded(scan func(...any) error) (h handedRow, err error) {
	var point, place string
	var handed int64
	err = scan(&h.Workspace, &h.Delivery, &h.Message, &h.Account, &h.Customer, &h.ProviderID, &h.State, &handed, &h.position, &point, &place)
	h.HandedAt = at(handed)
	h.point, h.index = point, point
	if place != "" {
		h.channel, h.index = StaffPlaces, place
	}
	return h, err
}

// openHanded opens the address that a delivery went to: a staff place's, or a
// contact point's, also one that ended since.
func (t *tx) openHanded(h *handedRow) error {
	id := h.index
	h.index = ""
	if h.channel == StaffPlaces {
		places, err := t.destinations(h.Workspace, `AND id = $2`, id)
		if err == nil && len(places) == 1 {
			h.Address, h.index = places[0].Address, places[0].index
		}
		return err
	}
	points, err := all(t, func(scan func(...any) error) (r contactRow, err error) {
		return r, scan(&r.ID, &r.Kind, &r.index, &r.sealed, &r.by)
	}, `SELECT id, kind, address_index, sealed, sealed_by FROM contact_point WHERE workspace = $1 AND id = $2`, h.Workspace, id)
	if err != nil || len(points) == 0 {
		return err
	}
	p := points[0]
	h.channel = p.Kind
	ring, err := t.keys(h.Workspace, openers([]string{p.by}))
	if err != nil || !ring.opens(p.by) {
		return err
	}
	plain, err := ring.open(h.Workspace, p.by, "contact_point", p.ID, p.sealed)
	h.Address, h.index = engawa.Address(plain), p.index
	return err
}

// Return is what came back for a delivery and what follows from it.
type Return struct {
	Data      map[string]any // the event's; whose mail it was is filled in
	Event     engawa.Event   // workspace, account and customer are filled in from the delivery
	Delivery  string
	Automatic bool                 // no person wrote it: what it sets off is counted as the message's doing (engawa.MaxHops)
	State     engawa.DeliveryState // what an accepted or unknown delivery becomes; empty: it stays
	Note      string
	Reason    string        // under which it is counted; empty: it is not
	Status    string        // counted once for a delivery
	Suppress  string        // the suppression's reason; empty: none
	After     int           // how many returns of Reason to the address suppress it
	Within    time.Duration // counted so far back; 0: however old
	Until     time.Duration // how long the suppression holds; 0: for good
	Withdraw  bool          // the customer wants no more marketing of this sender
	Task      *engawa.Task  // its workspace is filled in
	Heard     *HeardOf      // what it says of the pair of domains; nil: nothing
	Reply     *engawa.Reply // what a partner may read of it; workspace, customer and message are filled in
}

// NewReturn is an event of a type about a delivery that was handed over.
func NewReturn(h Handed, typ, dedup string, now time.Time) Return {
	return Return{Delivery: h.Delivery, Data: map[string]any{"delivery": h.Delivery}, Event: engawa.Event{
		ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Type: typ, DedupKey: dedup, Subject: h.Message, Known: true, OccurredAt: now, ReceivedAt: now,
	}}
}

// Add notes what the event says, unless it is nothing.
func (r *Return) Add(name, value string) {
	if value != "" {
		r.Data[name] = value
	}
}

// softFor is how long an address stays suppressed whose mailbox was full or
// switched off too often: people come back to such mailboxes.
const softFor = 30 * 24 * time.Hour

// Refused is what a refusal means for delivery, address and account, whether it was
// said at the hand-over or in a report that came back. A challenge is no refusal: the
// mail waits there for somebody. That receivers distrust the sender is one thing to do
// for a person, however many they are. The same refusal of a delivery counts once.
func Refused(why refusal.Refusal, h Handed, now time.Time) Return {
	class := why.Reason.Class()
	r := NewReturn(h, why.Reason.Event(), "returned:"+h.Delivery+":"+why.Status, now)
	r.Automatic, r.Status = true, why.Status
	r.Add("class", string(class))
	r.Add("reason", string(why.Reason))
	r.Add("code", why.Code)
	r.Add("status", why.Status)
	r.Data["permanent"] = class == refusal.Hard // of the address: no mail will ever be taken there
	if class != refusal.Challenge {
		r.State, r.Note = engawa.Failed, "returned."+string(class)
	}
	if after, within := why.Reason.Limit(); after > 0 {
		r.Reason, r.After, r.Within, r.Suppress = string(why.Reason), after, within, "bounced"
		if within > 0 {
			r.Until = softFor
		}
	}
	if said := why.Blame(); said != "" {
		r.Heard = &HeardOf{Heard: breaker.Heard{Said: said, Delivery: h.Delivery, Code: why.String(), At: now, Sent: h.HandedAt}, Asks: class == refusal.Block}
	}
	return r
}

// String names the delivery and what becomes of it.
func (r Return) String() string { return r.Event.Type + " for " + r.Delivery }

// Format prints String whatever the verb.
func (r Return) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.String()) }

// TakeReturn journals what came back, once, and stores what follows from it, in one
// transaction: the delivery's state and its message's next account, the
// suppressed address, the withdrawal, the task. A delivery that is just being
// handed over is CodeUnavailable: its answer has not been recorded yet. It takes
// the delivery's row first, then customers, as a claim does.
func (s *Store) TakeReturn(ctx context.Context, r Return) (j Journaled, err error) {
	h, err := s.Handed(ctx, r.Delivery)
	if err != nil {
		return j, err
	}
	lanes := laneSet{}
	err = s.sealTx(ctx, []string{h.Workspace}, func(t *tx) error {
		row, err := t.lockHanded(h)
		if err != nil {
			return err
		}
		j, err = t.takeReturn(r, row, lanes)
		return err
	})
	if err != nil {
		return j, unavailable(fmt.Errorf("take what came back for %s: %w", r.Delivery, err))
	}
	s.wakeUp("", "")
	lanes.wake(s)
	return j, nil
}

// takeReturn journals what was said of a delivery, once, and stores what follows from
// it. What is known already tells nothing again, but of a delivery that was sent once
// more and taken since then it is news: it did not arrive.
func (t *tx) takeReturn(r Return, h handedRow, lanes laneSet) (j Journaled, err error) {
	e := r.Event
	e.Workspace, e.Account, e.Customer = h.Workspace, h.Account, h.Customer
	if r.Automatic {
		if e.Hops, err = t.hopsAfter(h.Workspace, h.Message); err != nil {
			return j, err
		}
	}
	said, err := t.mailed(h)
	if err != nil {
		return j, err
	}
	if e.Data, err = r.data(said); err != nil {
		return j, err
	}
	if err := t.journal([]slot{{e, &j}}); err != nil || !j.Fresh && (r.State != engawa.Failed || !h.sent()) {
		return j, err
	}
	return j, t.followReturn(r, h, lanes)
}

// sent reports a delivery that was taken, as far as is known.
func (h handedRow) sent() bool { return h.State == engawa.Accepted || h.State == engawa.Unknown }

// mailed is whose mail came back, as its event tells it.
type mailed struct {
	message, subject string
	point            string // the contact point's id
	name             string // the customer's
	to               engawa.Address
}

// Format names the message alone, whatever the verb.
func (m mailed) Format(f fmt.State, _ rune) { fmt.Fprint(f, m.message) }

// data is the event's, with whose mail it was: the address masked, of the words the
// subject.
func (r Return) data(m mailed) ([]byte, error) {
	mail := map[string]any{"id": m.message}
	if m.subject != "" {
		mail["subject"] = m.subject
	}
	data := map[string]any{"message": mail}
	if m.name != "" {
		data["m"] = map[string]any{"name": m.name}
	}
	if m.point != "" {
		data["address_ref"] = m.point
	}
	if m.to != "" {
		data["address"] = m.to.String()
	}
	maps.Copy(data, r.Data)
	return json.Marshal(data)
}

// mailed reads whose mail a delivery was. Of an erased customer nothing is left.
func (t *tx) mailed(h handedRow) (m mailed, err error) {
	m = mailed{message: h.Message, point: h.point, to: h.Address}
	rows, err := all(t, scanMessage, `SELECT `+messageColumns+` FROM message WHERE workspace = $1 AND id = $2`, h.Workspace, h.Message)
	if err != nil || len(rows) == 0 {
		return m, err
	}
	ring, err := t.keys(h.Workspace, openers([]string{rows[0].by}))
	if err != nil {
		return m, err
	}
	said, err := rows[0].open(ring)
	if err != nil || h.Customer == "" {
		m.subject = said.Message.Content.Subject
		return m, err
	}
	m.subject = said.Message.Content.Subject
	cs, err := all(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2`, h.Workspace, h.Customer)
	if err != nil {
		return m, err
	}
	open, err := t.openCustomers(h.Workspace, cs)
	if err == nil && len(open) == 1 {
		m.name = open[0].Name
	}
	return m, err
}

// hopsAfter are those of an event that comes of a message.
func (t *tx) hopsAfter(workspace, message string) (int, error) {
	n, err := one(t, scanInt, `SELECT hops FROM message WHERE workspace = $1 AND id = $2`, workspace, message)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, nil
	}
	return int(n) + 1, err
}

func (t *tx) lockHanded(h Handed) (row handedRow, err error) {
	if _, err := all(t, scanString, `SELECT id FROM delivery WHERE workspace = $1 AND id = $2 {lock}`, h.Workspace, h.Delivery); err != nil {
		return row, err
	}
	row, err = t.handed(h.Delivery)
	if err == nil && row.State == engawa.Sending {
		err = &engawa.Error{Code: engawa.CodeUnavailable, Message: "the delivery is being handed over; its outcome is not recorded yet", Remedy: "send it again in a minute"}
	}
	return row, err
}

func (t *tx) followReturn(r Return, h handedRow, lanes laneSet) error {
	n, err := t.countReturn(r, h)
	if err != nil {
		return err
	}
	if r.Suppress != "" && n >= r.After && h.Address != "" {
		x := engawa.Suppression{Workspace: h.Workspace, Channel: h.channel, Address: h.Address, Reason: r.Suppress, At: r.Event.ReceivedAt}
		if h.channel != StaffPlaces {
			x.Customer = h.Customer
		}
		if r.Until > 0 {
			x.Until = x.At.Add(r.Until)
		}
		if err := t.suppress(x); err != nil {
			return err
		}
	}
	if r.Withdraw {
		if err := t.withdrawMarketing(h, r.Event); err != nil {
			return err
		}
	}
	if r.Heard != nil {
		if _, err := t.hearOf(h.Workspace, *r.Heard, lanes); err != nil {
			return err
		}
	}
	if r.Task != nil {
		k := *r.Task
		k.Workspace = h.Workspace
		if err := t.raise(k); err != nil {
			return err
		}
	}
	if r.Reply != nil {
		a := *r.Reply
		a.Workspace, a.Customer, a.Message = h.Workspace, h.Customer, h.Message
		if err := t.keepReply(a); err != nil {
			return err
		}
	}
	if r.State == "" || !h.sent() {
		return nil
	}
	return t.moveReturned(r, h, lanes)
}

// countReturn keeps the return for counting, and says how many of its reason
// the address has had, this one included.
func (t *tx) countReturn(r Return, h handedRow) (int, error) {
	if r.Reason == "" {
		return r.After, nil
	}
	key := ""
	if h.index != "" {
		_, key = t.addressIndex(engawa.Suppression{Workspace: h.Workspace, Channel: h.channel, Address: h.Address})
	}
	if _, err := t.exec(`INSERT INTO mail_return (workspace, delivery, reason, status, address_index, key_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (workspace, delivery, reason, status) DO NOTHING`, h.Workspace, h.Delivery, r.Reason, r.Status, h.index, key, us(r.Event.ReceivedAt)); err != nil {
		return 0, fmt.Errorf("count return: %w", err)
	}
	since := int64(0)
	if r.Within > 0 {
		since = us(r.Event.ReceivedAt.Add(-r.Within))
	}
	n, err := one(t, scanInt, `SELECT count(DISTINCT delivery) FROM mail_return WHERE workspace = $1 AND address_index = $2 AND address_index <> '' AND reason = $3 AND at >= $4`,
		h.Workspace, h.index, r.Reason, since)
	return int(n), err
}

// withdrawMarketing records that the customer of a marketing message wants no
// more of its sender. Of other messages a complaint withdraws nothing: the
// suppression stops what comes to this address.
func (t *tx) withdrawMarketing(h handedRow, e engawa.Event) error {
	if h.Customer == "" {
		return nil
	}
	type head struct {
		partner string
		purpose engawa.Purpose
	}
	m, err := one(t, func(scan func(...any) error) (m head, err error) { return m, scan(&m.partner, &m.purpose) },
		`SELECT partner, purpose FROM message WHERE workspace = $1 AND id = $2`, h.Workspace, h.Message)
	if err != nil || m.purpose.Class() != engawa.Marketing {
		return err
	}
	erased, err := one(t, scanInt, `SELECT erased_at FROM customer WHERE workspace = $1 AND id = $2`, h.Workspace, h.Customer)
	if err != nil || erased > 0 {
		return err
	}
	return t.decided(engawa.Consent{
		Workspace: h.Workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: h.Customer, Controller: firstSet(m.partner, engawa.ControllerWorkspace),
		Act: engawa.ActContact, Purpose: engawa.Marketing, At: e.ReceivedAt,
		Evidence: engawa.Evidence{Wording: "spam complaint (RFC 5965)", Version: "1", Where: h.Message, How: howComplaint},
	})
}

// moveReturned gives the delivery its new state. Of one that failed the next
// account of the chain has its turn, unless it had it already.
func (t *tx) moveReturned(r Return, h handedRow, lanes laneSet) error {
	when := r.Event.ReceivedAt
	if err := t.must("move "+h.Delivery, `UPDATE delivery SET state = $3, note = $4, updated_at = $5 WHERE workspace = $1 AND id = $2`,
		h.Workspace, h.Delivery, string(r.State), r.Note, us(when)); err != nil {
		return err
	}
	m, err := one(t, scanMessage, `SELECT `+messageColumns+` FROM message WHERE workspace = $1 AND id = $2`, h.Workspace, h.Message)
	if err != nil {
		return found("message", err)
	}
	positions, err := all(t, scanInt, `SELECT position FROM delivery WHERE workspace = $1 AND message = $2`, h.Workspace, h.Message)
	if err != nil {
		return err
	}
	d := engawa.Delivery{Workspace: h.Workspace, ID: h.Delivery, Message: h.Message, Position: h.position, Account: h.Account}
	goesOn := r.State == engawa.Failed && m.State != engawa.MessageCanceled && h.position < len(m.Chain) && !m.Chain[h.position].Copy &&
		!slices.Contains(positions, int64(nextTurn(m.Message, h.position)))
	over, err := t.goOn(m.Message, d, goesOn, when, lanes)
	if err == nil && over {
		err = t.unheard(m.Message, d, nil, when)
	}
	if err != nil {
		return err
	}
	return t.settle(h.Workspace, h.Message, when) // it was sent; now it waits for the next account, or failed
}

// nextTurn is the position that goOn would open after i.
func nextTurn(m engawa.Message, i int) int {
	for i++; i < len(m.Chain) && m.Chain[i].Copy; i++ {
	}
	return i
}

// Arrival is an event that came by mail, with the task that it raises.
type Arrival struct {
	Event engawa.Event
	Task  *engawa.Task
}

// Arrive journals an event, once, and raises its task if it is fresh, in one
// transaction.
func (s *Store) Arrive(ctx context.Context, a Arrival) (j Journaled, err error) {
	err = s.sealTx(ctx, []string{a.Event.Workspace}, func(t *tx) error {
		if err := t.journal([]slot{{a.Event, &j}}); err != nil || !j.Fresh || a.Task == nil {
			return err
		}
		return t.raise(*a.Task)
	})
	if err != nil {
		return j, unavailable(fmt.Errorf("take %s: %w", a.Event.ID, err))
	}
	s.wakeUp("", "")
	return j, nil
}
