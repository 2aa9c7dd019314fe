package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Journaled is what became of an event handed in.
type Journaled struct {
	ID    string // of the event; for a repetition, of the one that was kept
	Fresh bool
}

type journalItem struct {
	events []engawa.Event
	out    []Journaled
}

// eventBody is what is sealed of an event.
type eventBody struct {
	Data  json.RawMessage   `json:"data,omitempty"`
	Raw   []byte            `json:"raw,omitempty"`
	Actor engawa.Actor      `json:"actor,omitzero"`
	Links map[string]string `json:"links,omitempty"`
}

// Journal keeps events, each once by its account and dedup key, and returns
// only when they are durable. Events of one call are kept together or not at
// all. Callers share commits. Trouble of the database is CodeUnavailable.
func (s *Store) Journal(ctx context.Context, evs []engawa.Event) ([]Journaled, error) {
	it := journalItem{evs, make([]Journaled, len(evs))}
	if err := s.journal.add(ctx, it); err != nil {
		return nil, unavailable(fmt.Errorf("journal: %w", err))
	}
	s.wakeUp("", "")
	return it.out, nil
}

func (s *Store) journalBatch(items []journalItem) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	parts := byWorkspace(items)
	wiped := false
	err := s.sealTx(ctx, slices.Collect(maps.Keys(parts)), func(t *tx) error {
		for _, workspace := range slices.Sorted(maps.Keys(parts)) {
			if err := t.journal(parts[workspace]); err != nil {
				return err
			}
		}
		wiped = t.wipes
		return nil
	})
	if err == nil {
		s.announce()
	}
	if err == nil && s.lite && wiped {
		_ = s.writer.wipe(ctx) // where somebody reads the log, the next sweep moves it
	}
	return err
}

// slot is where the answer for an event goes.
type slot struct {
	event engawa.Event
	out   *Journaled
}

func byWorkspace(items []journalItem) map[string][]slot {
	parts := map[string][]slot{}
	for _, it := range items {
		for i, e := range it.events {
			parts[e.Workspace] = append(parts[e.Workspace], slot{e, &it.out[i]})
		}
	}
	return parts
}

// journal inserts the events of one workspace.
func (t *tx) journal(slots []slot) error {
	ws := slots[0].event.Workspace
	if err := t.identify(ws, slots); err != nil {
		return err
	}
	if err := t.answered(ws, slots); err != nil {
		return err
	}
	if err := t.welcome(ws, slots); err != nil {
		return err
	}
	var customers []string
	for _, sl := range slots {
		customers = append(customers, sl.event.Customer)
	}
	ring, err := t.keys(ws, openers(customers))
	if err == nil {
		err = t.followMerged(ws, slots, &ring)
	}
	if err != nil {
		return err
	}
	// In one order everywhere: two batches with the same events wait for each
	// other in turn, not in a circle.
	slices.SortStableFunc(slots, func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.event.Account, b.event.Account), cmp.Compare(a.event.DedupKey, b.event.DedupKey))
	})
	if err := t.emptyUnsaid(ws, slots); err != nil {
		return err
	}
	rows := make([][]any, len(slots))
	for i, sl := range slots {
		if rows[i], err = eventRow(ring, sl.event); err != nil {
			return err
		}
	}
	known, err := t.knownStoreEvents(ws, slots)
	if err != nil {
		return err
	}
	n, err := t.insert(`INSERT INTO event (workspace, id, account, type, dedup, subject, customer, occurred_at, received_at, known, sample, routed, trace, sealed, sealed_by, hops)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, FALSE, $12, $13, $14, $15)
		ON CONFLICT (workspace, account, dedup) DO NOTHING`, rows)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, sl := range slots {
		*sl.out = Journaled{ID: sl.event.ID, Fresh: true}
	}
	if n < len(slots) {
		if err := t.findFirsts(ws, slots); err != nil {
			return err
		}
	}
	if err := t.hearRescinded(slots, known); err != nil {
		return err
	}
	if err := t.prove(ws, slots, ring); err != nil {
		return err
	}
	if err := t.hearReached(ws, slots, ring); err != nil {
		return err
	}
	if err := t.unsay(ws, slots); err != nil {
		return err
	}
	return t.countDays(ws, slots, known)
}

// findFirsts finds which of slots were repetitions, and the event that was
// there before them.
func (t *tx) findFirsts(ws string, slots []slot) error {
	for _, sl := range slots {
		id, err := one(t, scanString, `SELECT id FROM event WHERE workspace = $1 AND account = $2 AND dedup = $3`, ws, sl.event.Account, sl.event.DedupKey)
		if err != nil {
			return fmt.Errorf("journal: find the first of a repetition: %w", err)
		}
		*sl.out = Journaled{ID: id, Fresh: id == sl.event.ID}
	}
	return nil
}

// followMerged gives events that name a customer who was merged into another to
// the other.
func (t *tx) followMerged(workspace string, slots []slot, ring *keyring) error {
	var lost []string
	for _, sl := range slots {
		if id := sl.event.Customer; id != "" && !ring.opens(id) {
			lost = append(lost, id)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	into := map[string]string{}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var from, to string
		err := scan(&from, &to)
		into[from] = to
		return struct{}{}, err
	}, `SELECT id, merged_into FROM customer WHERE workspace = $1 AND id {in $2} AND merged_into <> ''`, workspace, t.list(distinct(lost)))
	if err != nil || len(into) == 0 {
		return err
	}
	var customers []string
	for i := range slots {
		if to := into[slots[i].event.Customer]; to != "" {
			slots[i].event.Customer = to
		}
		customers = append(customers, slots[i].event.Customer)
	}
	*ring, err = t.keys(workspace, openers(customers))
	return err
}

func eventRow(ring keyring, e engawa.Event) ([]any, error) {
	body, err := json.Marshal(eventBody{json.RawMessage(e.Data), e.Raw, e.CausedBy(), e.Links})
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", e.ID, err)
	}
	customer := e.Customer
	if _, ok := ring.customers[customer]; !ok {
		customer = "" // erased meanwhile: the fact stays, tied to nobody
	}
	sealed, by, err := ring.seal(e.Workspace, customer, "event", e.ID, body)
	if err != nil {
		return nil, err
	}
	return []any{
		e.Workspace, e.ID, e.Account, e.Type, e.DedupKey, e.Subject, customer, us(e.OccurredAt), us(e.ReceivedAt),
		e.Known, e.Sample, e.Trace, sealed, by, e.Hops,
	}, nil
}

// identify fills in the customer of events whose identities are known: of several,
// whom the first of them names.
func (t *tx) identify(workspace string, slots []slot) error {
	var hashes []string
	want := map[string][][2]int{} // slot, and the place of the identity in its event
	best := map[int]int{}
	for i, sl := range slots {
		if sl.event.Customer != "" {
			continue
		}
		best[i] = len(sl.event.Identities)
		for n, id := range sl.event.Identities {
			h, _ := t.identityHash(workspace, id)
			key := id.Issuer + "\n" + id.Kind + "\n" + h
			if want[key] == nil {
				hashes = append(hashes, h)
			}
			want[key] = append(want[key], [2]int{i, n})
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var issuer, kind, hash, customer string
		if err := scan(&issuer, &kind, &hash, &customer); err != nil {
			return struct{}{}, err
		}
		for _, w := range want[issuer+"\n"+kind+"\n"+hash] {
			if i, n := w[0], w[1]; n < best[i] {
				slots[i].event.Customer, best[i] = customer, n
			}
		}
		return struct{}{}, nil
	}, `SELECT issuer, kind, value_hash, customer FROM identity WHERE workspace = $1 AND value_hash {in $2}`, workspace, t.list(hashes))
	return err
}

// answered fills in the customer of events that tell the fate of a delivery, or
// answer it: who it went to, or whom the notice told of. A delivery on another
// account is not theirs to speak of.
func (t *tx) answered(workspace string, slots []slot) error {
	want := map[string][]int{}
	for i, sl := range slots {
		if sl.event.Customer == "" && sl.event.Delivery != "" {
			want[sl.event.Delivery] = append(want[sl.event.Delivery], i)
		}
	}
	if len(want) == 0 {
		return nil
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var id, account, customer, by string
		if err := scan(&id, &account, &customer, &by); err != nil {
			return struct{}{}, err
		}
		if customer == "" && !strings.HasPrefix(by, byRing) {
			customer = by // the message's About
		}
		for _, i := range want[id] {
			if slots[i].event.Account == account {
				slots[i].event.Customer = customer
			}
		}
		return struct{}{}, nil
	}, `SELECT d.id, d.account, m.customer, m.sealed_by FROM delivery d JOIN message m ON m.workspace = d.workspace AND m.id = d.message
		WHERE d.workspace = $1 AND d.id {in $2}`, workspace, t.list(slices.Sorted(maps.Keys(want))))
	return err
}

const eventColumns = `workspace, id, account, type, dedup, subject, customer, occurred_at, received_at, known, sample, trace, sealed, sealed_by, hops`

type eventRowRead struct {
	engawa.Event
	sealed []byte
	by     string
}

func scanEvent(scan func(...any) error) (e eventRowRead, err error) {
	var occurred, received int64
	err = scan(&e.Workspace, &e.ID, &e.Account, &e.Type, &e.DedupKey, &e.Subject, &e.Customer, &occurred, &received, &e.Known, &e.Sample, &e.Trace, &e.sealed, &e.by, &e.Hops)
	e.OccurredAt, e.ReceivedAt = at(occurred), at(received)
	return e, err
}

// openEvents opens bodies; those of erased customers stay empty.
func (t *tx) openEvents(workspace string, rows []eventRowRead) ([]engawa.Event, error) {
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return nil, err
	}
	out := make([]engawa.Event, len(rows))
	err = parallel(len(rows), func(i int) (err error) {
		out[i], err = rows[i].open(ring)
		return err
	})
	return out, err
}

func (r eventRowRead) open(ring keyring) (engawa.Event, error) {
	e := r.Event
	if !ring.opens(r.by) {
		return e, nil
	}
	plain, err := ring.open(r.Workspace, r.by, "event", r.ID, r.sealed)
	if err != nil {
		return e, err
	}
	var b eventBody
	if err := json.Unmarshal(plain, &b); err != nil {
		return e, fmt.Errorf("event %s: %w", r.ID, err)
	}
	e.Data, e.Raw, e.Actor, e.Links = b.Data, b.Raw, b.Actor, b.Links
	return e, nil
}

// Unrouted returns events that no route has seen, in the order received, of
// all workspaces.
func (s *Store) Unrouted(ctx context.Context, limit int) (evs []engawa.Event, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE routed = FALSE ORDER BY received_at, id LIMIT $1`, limit)
		if err != nil {
			return err
		}
		for len(rows) > 0 { // runs of one workspace
			n := 1
			for n < len(rows) && rows[n].Workspace == rows[0].Workspace {
				n++
			}
			part, err := t.openEvents(rows[0].Workspace, rows[:n])
			if err != nil {
				return err
			}
			evs, rows = append(evs, part...), rows[n:]
		}
		return nil
	})
	return evs, err
}

// Event returns one event.
func (s *Store) Event(ctx context.Context, workspace, id string) (e engawa.Event, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		row, err := one(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1 AND id = $2`, workspace, id)
		if err != nil {
			return found("event", err)
		}
		evs, err := t.openEvents(workspace, []eventRowRead{row})
		if err == nil {
			e = evs[0]
		}
		return err
	})
	return e, err
}

// EventFilter narrows a list of events. Empty fields match all.
type EventFilter struct {
	Type     string // exact, or a group with a trailing ".*"
	Customer string
}

// Events returns a page of events, newest first. Ids sort by time, so the id
// alone is the cursor.
func (s *Store) Events(ctx context.Context, workspace string, f EventFilter, p Page) (evs []engawa.Event, err error) {
	before := p.ID
	if before == "" {
		before = engawa.PrefixEvent + "_~" // after every id
	}
	var w where
	w.and("workspace = ?", workspace)
	w.and("id < ?", before)
	if f.Type != "" && f.Type != "*" {
		lo, hi := typeRange(f.Type)
		w.and("type >= ?", lo)
		w.and("type < ?", hi)
	}
	if f.Customer != "" {
		w.and("customer <> '' AND customer = ?", f.Customer)
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event `+w.text+` ORDER BY id DESC LIMIT `+strconv.Itoa(p.limit()), w.args...)
		if err != nil {
			return err
		}
		evs, err = t.openEvents(workspace, rows)
		return err
	})
	return evs, err
}

// typeRange turns "payment.*" into a half-open range of strings, so that no
// LIKE is needed, whose meaning differs between the engines.
func typeRange(typ string) (lo, hi string) {
	n := len(typ)
	if n > 2 && typ[n-2:] == ".*" {
		return typ[:n-1], typ[:n-2] + "/" // '/' follows '.'
	}
	return typ, typ + "\x01"
}
