package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
)

// Claimed is a delivery that a lane may hand over, with what its verdict needs.
type Claimed struct {
	Delivery engawa.Delivery
	Message  engawa.Message
	Known    Known
	Carry    []byte        // what an earlier attempt left
	Entry    *Entry        // what it has to do with a list of somebody else's; set by who claims
	Watch    *Watched      // the pair of domains of a mail; nil: nothing is known of it
	Code     engawa.Secret // that the customer has now, where Message.Offer is set and the delivery goes
	AppleID  int64         // of the app whose code it is
	early    string        // the likeness of the verdict given when the message was taken
	erased   bool          // the words cannot be read any more
	with     *handover
}

// String names the delivery without recipient and words.
func (c Claimed) String() string {
	return c.Delivery.ID + " (" + c.Delivery.Message + "), " + c.Known.String()
}

// Format prints String whatever the verb.
func (c Claimed) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText is String, in JSON and text encodings.
func (c Claimed) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Decision is what the lane does with a claimed delivery.
type Decision struct {
	Facts   engawa.Facts // as they were judged
	Verdict engawa.Verdict
	Later   time.Time // set: cleared, but a limit of the account lets it go only then
	Held    bool      // with Later: it waits for its receiver
	Key     string    // the provider's retry key, if the delivery has none yet
}

// Decide is the pure part of a claim. Judge is asked about each candidate in
// turn; Pace then gives the state of the limits that is stored with the
// decisions.
type Decide struct {
	Judge func(*Claimed) Decision
	Pace  func() Pace
	Late  func(*Claimed) *engawa.Task // what a person does instead where the time of a message is over; nil, or answering nil: nothing
	// Between names the two domains of a mail to an address; nil: the account sends none.
	Between func(engawa.Address) breaker.Pair
}

// Claim takes up to limit due deliveries of the lane, has each judged on the
// facts as they stand in this very transaction, and stores what was decided:
// sending (with its attempt opened), held, refused, expired. The customers' and
// grants' rows are locked until it commits, so that a withdrawal is either seen
// or waits. It returns those that are to be handed over now, and fails with
// ErrLaneLost when l is held by somebody else.
func (s *Store) Claim(ctx context.Context, l Lane, limit int, d Decide) (going []*Claimed, end ClaimEnd, err error) {
	var lanes laneSet
	err = untangled(func() error {
		return s.inTx(ctx, l.Workspace, func(t *tx) error {
			going, end, lanes = nil, ClaimEnd{}, laneSet{}
			row, err := one(t, scanLane, `SELECT `+laneColumns+` FROM lane WHERE workspace = $1 AND account = $2 {lock}`, l.Workspace, l.Account)
			if err != nil {
				return err
			}
			if row.Owner != l.Owner || row.Fence != l.Fence {
				return ErrLaneLost
			}
			if err := t.expireLate(l, d, lanes); err != nil {
				return err
			}
			if end.PausedUntil = row.PausedUntil; end.PausedUntil.After(time.Now()) {
				limit = 0
			}
			if limit > 0 {
				cs, ring, err := t.candidates(l, limit)
				if err != nil {
					return err
				}
				end.More = len(cs) == limit
				if err := t.watch(l.Workspace, cs, d.Between); err != nil {
					return err
				}
				if going, err = t.decide(l, cs, ring, d, lanes); err != nil {
					return err
				}
			}
			return t.savePace(l, d.Pace())
		})
	})
	if err != nil {
		return nil, end, fmt.Errorf("claim %s: %w", l.Account, err)
	}
	delete(lanes, [2]string{l.Workspace, l.Account}) // this lane is awake
	lanes.wake(s)
	return going, end, nil
}

// ClaimEnd says how a claim left the lane.
type ClaimEnd struct {
	More        bool      // there may be more that is due
	PausedUntil time.Time // nothing is claimed before; zero: not paused
}

// savePace stores the limits' state and proves that the lane is still held.
func (t *tx) savePace(l Lane, p Pace) error {
	if err := t.beat(l, p.TAT); err != nil {
		return err
	}
	var rows [][]any
	for scope, state := range p.Limits {
		rows = append(rows, []any{l.Workspace, l.Account, scope, string(state)})
	}
	_, err := t.insert(`INSERT INTO lane_limit (workspace, account, scope, state) VALUES ($1, $2, $3, $4)
		ON CONFLICT (workspace, account, scope) DO UPDATE SET state = excluded.state`, rows)
	return err
}

// candidates picks due deliveries: urgent before bulk, and within each an equal
// share for every sender that has work.
func (t *tx) candidates(l Lane, limit int) ([]*Claimed, keyring, error) {
	var rows []deliveryRow
	for _, bulk := range []bool{false, true} {
		part, err := t.dueOf(l, bulk, limit-len(rows))
		if err != nil {
			return nil, keyring{}, err
		}
		rows = append(rows, part...)
		if len(rows) >= limit {
			break
		}
	}
	return t.claimed(l.Workspace, rows)
}

func (t *tx) dueOf(l Lane, bulk bool, limit int) ([]deliveryRow, error) {
	heads, err := t.heads(l.Workspace, l.Account, bulk)
	if err != nil {
		return nil, err
	}
	nowUS := now()
	var due []string
	for _, h := range heads {
		if us(h.due) <= nowUS {
			due = append(due, h.partner)
		}
	}
	// Whom a share falls to when there are fewer than senders is chance: a lane
	// that sends one a minute would else serve the first of the alphabet alone.
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] }) //nolint:gosec // shares turns, guards nothing
	var rows []deliveryRow
	for i, partner := range due {
		share := (limit - len(rows) + len(due) - i - 1) / (len(due) - i)
		part, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM delivery
			WHERE workspace = $1 AND account = $2 AND bulk = $3 AND partner = $4 AND due_at <= $5 AND waits
			ORDER BY due_at, id LIMIT $6 {skip}`, l.Workspace, l.Account, bulk, partner, nowUS, share)
		if err != nil {
			return nil, err
		}
		rows = append(rows, part...)
	}
	return rows, nil
}

// claimed joins deliveries with their messages and facts. The ring has the keys
// of all of them, read behind the customers' locks.
func (t *tx) claimed(workspace string, rows []deliveryRow) ([]*Claimed, keyring, error) {
	if len(rows) == 0 {
		return nil, keyring{}, nil
	}
	read, of, err := t.messagesOf(workspace, rows)
	if err != nil {
		return nil, keyring{}, err
	}
	asks, by := make([]Ask, len(rows)), make([]string, len(read))
	for i, r := range rows {
		asks[i] = Ask{read[of[r.Message]].Message, r.Account, r.Destination}
	}
	for i := range read {
		by[i] = read[i].by
	}
	w, err := t.world(workspace, asks, openers(by), true)
	if err != nil {
		return nil, keyring{}, err
	}
	said := make([]Said, len(read))
	err = parallel(len(read), func(i int) (err error) {
		said[i], err = read[i].open(w.ring)
		return err
	})
	if err != nil {
		return nil, keyring{}, err
	}
	out := make([]*Claimed, len(rows))
	err = parallel(len(rows), func(i int) (err error) {
		out[i], err = w.claim(&rows[i], &said[of[rows[i].Message]])
		return err
	})
	return out, w.ring, err
}

// claim is a delivery with what was opened of its message, and its facts.
func (w *world) claim(r *deliveryRow, said *Said) (*Claimed, error) {
	known, err := w.know(Ask{said.Message, r.Account, r.Destination})
	if err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	c := &Claimed{Delivery: r.Delivery, Message: said.Message, Known: known, Carry: r.carry, erased: said.Erased}
	if r.Position < len(said.early) {
		c.early = said.early[r.Position]
	}
	return c, nil
}

// messagesOf reads the messages of deliveries without opening them, and says
// where each is.
func (t *tx) messagesOf(workspace string, rows []deliveryRow) (read []messageRowRead, of map[string]int, err error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.Message
	}
	read, err = upTo(t, len(rows), scanMessage, `SELECT `+storedColumns+` FROM message WHERE workspace = $1 AND id {in $2}`, workspace, t.list(distinct(ids)))
	if err != nil {
		return nil, nil, err
	}
	of = make(map[string]int, len(read))
	for i := range read {
		of[read[i].ID] = i
	}
	for _, r := range rows {
		if _, ok := of[r.Message]; !ok {
			return nil, nil, fmt.Errorf("delivery %s has no message", r.ID)
		}
	}
	return read, of, nil
}

// decide asks about each candidate and stores the answers.
func (t *tx) decide(l Lane, cs []*Claimed, ring keyring, d Decide, lanes laneSet) ([]*Claimed, error) {
	if len(cs) == 0 {
		return nil, nil
	}
	w := writes{lane: l, ring: ring, at: at(now()), going: make([]*Claimed, 0, len(cs)), with: &handover{}}
	judged := w.judge(cs, d)
	if err := t.handOut(judged, d); err != nil {
		return nil, err
	}
	if err := w.seal(judged); err != nil {
		return nil, err
	}
	for i := range judged {
		w.take(&judged[i])
	}
	if err := t.saveWatched(l.Workspace, cs); err != nil {
		return nil, err
	}
	return w.going, t.store(&w, lanes)
}

func (d Decide) late(c *Claimed) *engawa.Task {
	if d.Late == nil || c.erased {
		return nil
	}
	return d.Late(c)
}

// judgement is one candidate with what was decided about it, sealed.
type judgement struct {
	c      *Claimed
	d      Decision
	erased bool
	sealed []byte
	by     string
}

// judge asks about each candidate in turn; what is too late is not asked about.
func (w *writes) judge(cs []*Claimed, d Decide) []judgement {
	judged := make([]judgement, 0, len(cs))
	sent := map[string]int{} // in this batch, by customer: the cap counts them too
	used := map[string]int{} // in this batch, by partner: so does the quota
	slow := map[string]int{} // in this batch, by partner: marketing alone
	for _, c := range cs {
		if !c.Message.ExpiresAt.IsZero() && !c.Message.ExpiresAt.After(w.at) {
			w.ended = append(w.ended, ending{c: c, state: engawa.Expired, note: "expired", task: d.late(c)})
			continue
		}
		if c.erased {
			w.end(c, engawa.Canceled, "erased", false)
			continue
		}
		if c.Known.Paused {
			w.wait(&judgement{c: c}, engawa.Held, c.Message.ExpiresAt, PausedNote, c.Message.Broadcast)
			continue
		}
		c.Known.Facts.SentDay += sent[c.Message.Customer]
		c.Known.Facts.SentSender += sent[c.Message.Customer]
		if g := c.Known.Facts.Grant; g != nil {
			g.UsedDay += used[c.Message.Partner]
			g.UsedMonth += used[c.Message.Partner]
		}
		for i := range c.Known.Facts.Budgets {
			if b := &c.Known.Facts.Budgets[i]; b.Scope == SlowScope { // a message has this one to itself
				b.Remaining -= slow[c.Message.Partner]
			}
		}
		dec := d.Judge(c)
		judged = append(judged, judgement{c: c, d: dec})
		if dec.Verdict.Outcome != engawa.Send || !dec.Later.IsZero() {
			continue
		}
		if c.Message.Purpose.Class() != engawa.Service {
			sent[c.Message.Customer]++
		}
		if c.Delivery.HandedAt.IsZero() { // else it is counted already
			used[c.Message.Partner]++
			if c.Message.Purpose.Class() == engawa.Marketing {
				slow[c.Message.Partner]++
			}
		}
	}
	return judged
}

func (w *writes) seal(judged []judgement) error {
	return parallel(len(judged), func(i int) error {
		if err := w.sealOne(&judged[i]); err != nil {
			return fmt.Errorf("delivery %s: %w", judged[i].c.Delivery.ID, err)
		}
		return nil
	})
}

// sealOne seals a verdict with its facts; of an erased customer nothing. Where a
// claim lets go by what the early verdict found, there is nothing to keep but
// when: that is the hand-over's time.
func (w *writes) sealOne(j *judgement) error {
	owner, now := j.c.Message.Owner(), Judged{j.d.Facts, j.d.Verdict}
	if j.erased = owner != "" && !w.ring.opens(owner); j.erased {
		return nil
	}
	if now.Verdict.Outcome == engawa.Send && now.likeness() == j.c.early {
		return nil
	}
	plain, err := json.Marshal(now)
	if err == nil {
		j.sealed, j.by, err = w.ring.seal(j.c.Delivery.Workspace, owner, "delivery", j.c.Delivery.ID, plain)
	}
	return err
}

// writes collects what a claim changes.
type writes struct {
	lane    Lane
	ring    keyring
	at      time.Time
	going   []*Claimed
	with    *handover
	sending [][]any
	waiting [][]any
	ended   []ending
}

// ending is a delivery that is over; goesOn: the next of the chain has its turn.
type ending struct {
	c      *Claimed
	state  engawa.DeliveryState
	note   string
	goesOn bool
	task   *engawa.Task // asked of a person if it was the last way; nil: what is asked of every notice to staff
	sealed []byte
	by     string
}

func (w *writes) end(c *Claimed, state engawa.DeliveryState, note string, goesOn bool) {
	w.ended = append(w.ended, ending{c: c, state: state, note: note, goesOn: goesOn})
}

// take turns one decision into rows.
func (w *writes) take(j *judgement) {
	switch v := j.d.Verdict; {
	case j.erased:
		w.end(j.c, engawa.Canceled, "erased", false)
	case v.Outcome == engawa.Refuse:
		w.ended = append(w.ended, ending{c: j.c, state: engawa.Refused, note: string(v.Decided), goesOn: true, sealed: j.sealed, by: j.by})
	case v.Outcome == engawa.Hold:
		w.wait(j, engawa.Held, earliest(v.Until, j.c.Message.ExpiresAt), string(v.Decided), "")
	case j.d.Held:
		w.wait(j, engawa.Held, earliest(j.d.Later, j.c.Message.ExpiresAt), HeldNote, j.c.Watch.ID)
	case !j.d.Later.IsZero():
		w.wait(j, j.c.Delivery.State, j.d.Later, "pace", "")
	default:
		w.send(j)
	}
}

func earliest(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (w *writes) wait(j *judgement, state engawa.DeliveryState, until time.Time, note, heldFor string) {
	w.waiting = append(w.waiting, []any{j.c.Delivery.Workspace, j.c.Delivery.ID, string(state), us(until), note, us(w.at), j.sealed, j.by, heldFor})
}

// send opens the attempt: until it ends, its delivery's row is all there is of it.
func (w *writes) send(j *judgement) {
	c := j.c
	c.Delivery.Attempts++
	if c.Delivery.Key == "" {
		c.Delivery.Key = j.d.Key
	}
	if c.Delivery.KeyAt.IsZero() {
		c.Delivery.KeyAt = w.at
	}
	contact := ""
	if c.Known.Facts.Contact != nil && !c.Known.Facts.ToDestination {
		contact = c.Known.Facts.Contact.ID
	}
	c.Delivery.State, c.Delivery.HandedAt, c.with = engawa.Sending, w.at, w.with
	w.going = append(w.going, c)
	w.sending = append(w.sending, []any{
		c.Delivery.Workspace, c.Delivery.ID, c.Delivery.Attempts, w.lane.Fence, c.Delivery.Key, us(c.Delivery.KeyAt), contact, us(w.at), j.sealed, j.by,
	})
}

// store writes what was collected. Every update says what it expects.
func (t *tx) store(w *writes, lanes laneSet) error {
	changed, err := t.update(`UPDATE delivery SET state = 'sending', attempts = $3, fence = $4, retry_key = $5, key_at = $6,
		contact_point = $7, handed_at = $8, updated_at = $8, sealed = $9, sealed_by = $10, held_for = ''
		WHERE workspace = $1 AND id = $2 AND attempts = $3 - 1 AND waits`, w.sending)
	if err != nil {
		return err
	}
	for i, ok := range changed {
		if !ok {
			return fmt.Errorf("delivery %s changed while it was locked", w.going[i].Delivery.ID)
		}
	}
	if err := t.openHandover(w); err != nil {
		return err
	}
	if _, err := t.update(`UPDATE delivery SET state = $3, due_at = $4, note = $5, updated_at = $6, sealed = $7, sealed_by = $8, held_for = $9
		WHERE workspace = $1 AND id = $2 AND waits`, w.waiting); err != nil {
		return err
	}
	for _, e := range w.ended {
		if err := t.end(e, w.at, lanes); err != nil {
			return err
		}
	}
	return nil
}

// end ends a waiting delivery and gives the next of the chain its turn.
func (t *tx) end(e ending, at time.Time, lanes laneSet) error {
	d := e.c.Delivery
	set, args := `state = $3, note = $4, updated_at = $5`, []any{d.Workspace, d.ID, string(e.state), e.note, us(at)}
	if e.sealed != nil {
		set, args = set+`, sealed = $6, sealed_by = $7`, append(args, e.sealed, e.by)
	}
	if err := t.must("end delivery "+d.ID, `UPDATE delivery SET `+set+` WHERE workspace = $1 AND id = $2 AND waits`, args...); err != nil {
		return err
	}
	over, err := t.goOn(e.c.Message, d, e.goesOn, at, lanes)
	if err == nil && over && d.Destination != "" && e.note == string(engawa.GateSuppression) {
		return t.raise(GoneTask(d, at)) // it was to be said, and there is nowhere to say it
	}
	if err == nil && over {
		err = t.unheard(e.c.Message, d, e.task, at)
	}
	if err == nil && over && e.task != nil {
		err = t.enter(e.c, ListedByHand)
	}
	return err
}

// goOn opens the next delivery of a message's chain, or settles the message
// when there is none: then it is over.
func (t *tx) goOn(m engawa.Message, d engawa.Delivery, goesOn bool, now time.Time, lanes laneSet) (over bool, err error) {
	if goesOn {
		for i := d.Position + 1; i < len(m.Chain); i++ {
			if m.Chain[i].Copy {
				continue // it went its own way from the start
			}
			next := NewDelivery(m, i, now)
			if _, err := t.exec(insertDelivery, newDeliveryRow(m, next)...); err != nil {
				return false, fmt.Errorf("fall back from %s: %w", d.ID, err)
			}
			lanes[[2]string{m.Workspace, next.Account}] = true
			if err := t.reportDelivery(m, d, "delivery.fell_back", next.Account); err != nil {
				return false, err
			}
			return false, t.notify(m.Workspace, next.Account)
		}
	}
	if err := t.settle(m.Workspace, m.ID, now); err != nil {
		return true, err
	}
	return true, t.reportFailed(m, d)
}

// unheard asks a person about a notice to staff whose every way was tried in vain:
// nothing falls silent. What a verdict refused or a person canceled was not to be
// said. One open task for the account counts them all. own, if there is one, is
// what a person does instead, and is asked whoever the message goes to.
func (t *tx) unheard(m engawa.Message, d engawa.Delivery, own *engawa.Task, now time.Time) error {
	if m.Destination == "" && own == nil {
		return nil
	}
	states, err := all(t, scanString, `SELECT state FROM message WHERE workspace = $1 AND id = $2 AND state IN ('failed', 'expired')`, m.Workspace, m.ID)
	if err != nil || len(states) == 0 {
		return err
	}
	if own != nil {
		return t.raise(*own)
	}
	return t.raise(engawa.Task{
		Workspace: m.Workspace, Kind: "delivery.failed", Ref: d.Account, DueAt: now.Add(24 * time.Hour),
		Args: map[string]string{"account": d.Account, "message": m.ID},
	})
}

// NewDelivery is the delivery of position i of a message's chain, waiting from at.
func NewDelivery(m engawa.Message, i int, at time.Time) engawa.Delivery {
	via := m.Chain[i]
	d := engawa.Delivery{
		Workspace: m.Workspace, ID: engawa.NewOrderedID(engawa.PrefixDelivery, at), Message: m.ID, Position: i, Account: via.Account,
		Destination: firstSet(via.Destination, m.Destination), State: engawa.Queued, Bulk: !m.Urgent && m.Broadcast != "",
		DueAt: at, UpdatedAt: at,
	}
	if m.NotBefore.After(at) {
		d.DueAt = m.NotBefore
	}
	if via.Within > 0 {
		d.DeadlineAt = d.DueAt.Add(via.Within)
	}
	return d
}

// settle gives a message the state that its deliveries add up to.
func (t *tx) settle(workspace, id string, at time.Time) error {
	states, err := all(t, scanString, `SELECT state FROM delivery WHERE workspace = $1 AND message = $2`, workspace, id)
	if err != nil {
		return fmt.Errorf("settle %s: %w", id, err)
	}
	_, err = t.exec(`UPDATE message SET state = $3, updated_at = $4 WHERE workspace = $1 AND id = $2 AND state <> 'canceled'`,
		workspace, id, string(Settled(states)), us(at))
	if err != nil {
		return fmt.Errorf("settle %s: %w", id, err)
	}
	return nil
}

// Settled is the state of a message whose deliveries stand so: sent if one
// arrived, waiting while one may, else the outcome that most asks for a person.
func Settled(deliveries []string) engawa.MessageState {
	has := map[engawa.DeliveryState]bool{}
	for _, s := range deliveries {
		has[engawa.DeliveryState(s)] = true
	}
	switch {
	case has[engawa.Accepted], has[engawa.Delivered]:
		return engawa.MessageSent
	case has[engawa.Queued], has[engawa.Held], has[engawa.Retrying], has[engawa.Sending]:
		return engawa.MessageWaiting
	case has[engawa.Unknown]:
		return engawa.MessageUnknown
	case has[engawa.Failed]:
		return engawa.MessageFailed
	case has[engawa.Expired]:
		return engawa.MessageExpired
	case has[engawa.Canceled]:
		return engawa.MessageCanceled
	}
	return engawa.MessageRefused
}

// late joins deliveries with their messages: opened only where Late reads them.
func (t *tx) late(workspace string, rows []deliveryRow, d Decide) ([]*Claimed, error) {
	if d.Late != nil {
		cs, _, err := t.claimed(workspace, rows)
		return cs, err
	}
	read, of, err := t.messagesOf(workspace, rows)
	if err != nil {
		return nil, err
	}
	cs := make([]*Claimed, len(rows))
	for i, r := range rows {
		cs[i] = &Claimed{Delivery: r.Delivery, Message: read[of[r.Message]].Message}
	}
	return cs, nil
}

// expireLate ends deliveries whose deadline has passed, so that their fallback
// goes: a limit that is used up does not silence a notice.
func (t *tx) expireLate(l Lane, d Decide, lanes laneSet) error {
	at := time.Now()
	rows, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM delivery
		WHERE workspace = $1 AND account = $2 AND deadline_at > 0 AND deadline_at <= $3 AND waits
		ORDER BY deadline_at LIMIT 200 {skip}`, l.Workspace, l.Account, us(at))
	if err != nil || len(rows) == 0 {
		return err
	}
	cs, err := t.late(l.Workspace, rows, d)
	if err != nil {
		return err
	}
	for _, c := range cs {
		e := ending{c: c, state: engawa.Expired, note: "deadline", goesOn: true, task: d.late(c)}
		if err := t.end(e, at, lanes); err != nil {
			return err
		}
	}
	return nil
}
