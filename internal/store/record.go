package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// Result is how one hand-over ended and what follows from it.
type Result struct {
	Claimed    *Claimed
	EndedAt    time.Time
	Outcome    engawa.AttemptOutcome
	State      engawa.DeliveryState // what the delivery becomes
	DueAt      time.Time            // for retrying
	Code       string
	Note       string
	ProviderID string
	Exchange   engawa.Exchange
	Carry      []byte
	Doubt      bool                // it may have arrived, and nobody knows
	GoesOn     bool                // the next of the chain has its turn
	Suppress   *engawa.Suppression // the address is gone; with Return: it may be, as that says
	Return     *Return             // of a mail that was refused: its event, and what is counted of it
	Task       *engawa.Task
	Asked      bool      // the channel asked a person by itself
	PauseUntil time.Time // the account cannot send: the whole lane waits
	PauseCode  string
	Refused    int64    // with PauseUntil: the version of the account that cannot send
	Heard      *HeardOf // of mail: what the answer means for the pair of domains; nil: nothing
}

// String names the delivery and what becomes of it.
func (r Result) String() string { return r.Claimed.String() + ": " + string(r.State) + " " + r.Code }

// Format prints String whatever the verb.
func (r Result) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.String()) }

// MarshalText is String, in JSON and text encodings.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Record stores how hand-overs ended, if l still holds the lane. Of a holder
// that has lost it, the attempts are kept as evidence, marked late, and the
// deliveries stay where the new holder put them; late counts those.
func (s *Store) Record(ctx context.Context, l Lane, rs []Result) (late int, err error) {
	var lanes laneSet
	var done func()
	err = s.inRefusedTx(ctx, l.Workspace, rs, func(t *tx) error {
		lanes, late = laneSet{}, 0
		ours, err := t.recordDeliveries(l, rs)
		if err != nil {
			return err
		}
		for _, ok := range ours {
			if !ok {
				late++
			}
		}
		if err := t.recordAttempts(l, rs, ours); err != nil {
			return err
		}
		if done, err = t.closeHandovers(l, rs, ours); err != nil {
			return err
		}
		return t.follow(rs, ours, lanes)
	})
	if err != nil {
		return 0, fmt.Errorf("record: %w", err)
	}
	done()
	lanes.wake(s)
	return late, nil
}

func (t *tx) recordDeliveries(l Lane, rs []Result) ([]bool, error) {
	rows := make([][]any, len(rs))
	for i := range rs {
		r := &rs[i]
		handed := r.Claimed.Delivery.HandedAt
		if r.Outcome == engawa.OutcomeFailed {
			handed = time.Time{} // nobody was written to: it does not count against the cap
		}
		rows[i] = []any{
			l.Workspace, r.Claimed.Delivery.ID, l.Fence, r.Claimed.Delivery.Attempts,
			string(r.State), us(r.DueAt), r.Note, r.ProviderID, us(handed), us(r.EndedAt), r.Carry, l.Account, r.Doubt,
		}
	}
	return t.update(`UPDATE delivery SET state = $5, due_at = $6, note = $7, provider_id = $8, handed_at = $9, updated_at = $10, carry = $11, doubt = $13
		WHERE workspace = $1 AND account = $12 AND id = $2 AND state = 'sending' AND fence = $3 AND attempts = $4
		AND EXISTS (SELECT 1 FROM lane WHERE lane.workspace = $1 AND lane.account = $12 AND lane.fence = $3)`, rows)
}

func (t *tx) recordAttempts(l Lane, rs []Result, ours []bool) error {
	var customers []string
	for i := range rs {
		customers = append(customers, rs[i].Claimed.Message.Owner())
	}
	ring, err := t.keys(l.Workspace, distinct(customers))
	if err != nil {
		return err
	}
	rows := make([][]any, len(rs))
	err = parallel(len(rs), func(i int) error {
		r := &rs[i]
		sealed, by, err := ring.sealExchange(r)
		d := &r.Claimed.Delivery
		rows[i] = []any{
			l.Workspace, d.ID, d.Attempts, l.Fence, d.Key, us(d.HandedAt), us(r.EndedAt), string(r.Outcome), r.Code, !ours[i], sealed, by,
		}
		return err
	})
	if err != nil {
		return err
	}
	fresh, late := make([][]any, 0, len(rs)), [][]any(nil)
	for i, ok := range ours {
		if ok {
			fresh = append(fresh, rows[i])
		} else {
			late = append(late, rows[i])
		}
	}
	if _, err := t.insert(insertAttempt, fresh); err != nil {
		return err
	}
	// Of a late one the lane's next holder wrote that it was interrupted.
	_, err = t.insert(insertAttempt+` ON CONFLICT (workspace, delivery, n) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome,
		code = excluded.code, late = excluded.late, sealed = excluded.sealed, sealed_by = excluded.sealed_by`, late)
	return err
}

const insertAttempt = `INSERT INTO attempt (workspace, delivery, n, fence, retry_key, started_at, ended_at, outcome, code, late, sealed, sealed_by)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// sealExchange seals what was said; of an erased customer nothing is kept.
func (r keyring) sealExchange(res *Result) (sealed []byte, by string, err error) {
	d, customer := &res.Claimed.Delivery, res.Claimed.Message.Owner()
	if customer != "" && !r.opens(customer) {
		return nil, "", nil
	}
	plain, err := jsonv2.Marshal(res.Exchange)
	if err != nil {
		return nil, "", fmt.Errorf("attempt %s: %w", d.ID, err)
	}
	return r.seal(d.Workspace, customer, "attempt", fmt.Sprintf("%s.%d", d.ID, d.Attempts), plain)
}

// follow stores what the results mean for messages, addresses, tasks and lanes.
func (t *tx) follow(rs []Result, ours []bool, lanes laneSet) error {
	if err := t.lockFollowed(rs, ours); err != nil {
		return err
	}
	open, err := t.hearResults(rs, ours, lanes)
	if err != nil {
		return err
	}
	for i := range rs {
		if !ours[i] {
			continue
		}
		r := &rs[i]
		if err := t.enterAs(r); err != nil {
			return err
		}
		if r.State == engawa.Accepted || r.State == engawa.Delivered {
			continue // its message is sent: messageState
		}
		if pair, refused := open[r.Claimed.Delivery.ID]; refused {
			if waits, err := t.waitsFor(pair, r); err != nil {
				return err
			} else if waits {
				continue
			}
		}
		if err := t.followTrouble(r, lanes); err != nil {
			return err
		}
	}
	return nil
}

// enterAs keeps what a list has of the customer now, as far as the result says.
func (t *tx) enterAs(r *Result) error {
	switch {
	case r.State == engawa.Accepted, r.State == engawa.Delivered:
		return t.enter(r.Claimed, ListedByForm)
	case r.State == engawa.Unknown:
		return t.enter(r.Claimed, ListedUnclear)
	case r.State == engawa.Failed && (r.Asked || r.Task != nil):
		return t.enter(r.Claimed, ListedByHand)
	}
	return nil
}

// lockFollowed takes what results will change in the order in which a claim does:
// the lane, then customers. Else the two could wait for each other.
func (t *tx) lockFollowed(rs []Result, ours []bool) error {
	var workspace, paused string
	var customers []string
	for i := range rs {
		if !ours[i] {
			continue
		}
		r := &rs[i]
		workspace = r.Claimed.Delivery.Workspace
		if !r.PauseUntil.IsZero() {
			paused = r.Claimed.Delivery.Account
		}
		if r.Claimed.Entry != nil {
			customers = append(customers, r.Claimed.Message.Customer)
		}
		if r.Suppress != nil {
			index, _ := t.addressIndex(*r.Suppress)
			ids, err := t.customersAt(*r.Suppress, index)
			if err != nil {
				return err
			}
			customers = append(append(customers, ids...), r.Suppress.Customer)
		}
	}
	if paused != "" {
		if _, err := all(t, scanInt, `SELECT fence FROM lane WHERE workspace = $1 AND account = $2 {lock}`, workspace, paused); err != nil {
			return err
		}
	}
	if customers = distinct(customers); len(customers) > 0 {
		if _, err := all(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id {in $2} ORDER BY id {lock}`, workspace, t.list(customers)); err != nil {
			return err
		}
	}
	return t.lockPairs(workspace, rs, ours)
}

func (t *tx) followTrouble(r *Result, lanes laneSet) error {
	d := r.Claimed.Delivery
	if err := t.refusedNow(r, lanes); err != nil {
		return err
	}
	repaired := false
	if !r.PauseUntil.IsZero() {
		var err error
		if repaired, err = t.pauseRefused(r); err != nil {
			return err
		}
	}
	if r.Task != nil && !repaired {
		if err := t.raise(*r.Task); err != nil {
			return err
		}
	}
	if !r.State.Final() {
		return nil
	}
	over, err := t.goOn(r.Claimed.Message, d, r.GoesOn, r.EndedAt, lanes)
	if err == nil && over && !r.Asked && r.Task == nil {
		err = t.unheard(r.Claimed.Message, d, nil, r.EndedAt)
	}
	return err
}

// refusedNow takes what was refused as [Store.TakeReturn] does what comes back. What
// the pair of domains hears of it, it has heard (hearResults).
func (t *tx) refusedNow(r *Result, lanes laneSet) error {
	if r.Return == nil {
		if r.Suppress == nil {
			return nil
		}
		return t.suppress(*r.Suppress)
	}
	h, err := t.handed(r.Claimed.Delivery.ID)
	if err != nil {
		return err
	}
	said := *r.Return
	said.Heard = nil
	if !r.State.Final() { // it is tried again, and only told of if that costs the address
		if n, err := t.countReturn(said, h); err != nil || n < said.After {
			return err
		}
	}
	j, err := t.takeReturn(said, h, lanes)
	if err != nil || !j.Fresh {
		return err
	}
	t.told = true
	return t.notify("", "")
}

// inRefusedTx is inTx; of results that tell of customers, since mail was refused, it
// is sealTx.
func (s *Store) inRefusedTx(ctx context.Context, workspace string, rs []Result, f func(*tx) error) error {
	if slices.ContainsFunc(rs, func(r Result) bool { return r.Return != nil }) {
		return s.sealTx(ctx, []string{workspace}, f)
	}
	return s.inTx(ctx, workspace, f)
}

// pauseRefused keeps the lane of an account that was refused from sending, unless
// the account was changed since: what the provider makes of it now, nobody knows.
func (t *tx) pauseRefused(r *Result) (repaired bool, err error) {
	d := r.Claimed.Delivery
	version, err := one(t, scanInt, `SELECT version FROM account WHERE workspace = $1 AND id = $2`, d.Workspace, d.Account)
	if err != nil || version != r.Refused {
		return err == nil, err
	}
	return false, t.pause(d.Workspace, d.Account, r.PauseUntil, r.PauseCode)
}

// Recover settles the deliveries that earlier holders of the lane left in
// sending: their attempts end as unknown, and judge says what becomes of each:
// retrying (the provider remembers its key, or can be asked) or unknown (a
// person must look, whom ask asks; nil: UnknownTask does).
func (s *Store) Recover(ctx context.Context, l Lane, judge func(engawa.Delivery) (engawa.DeliveryState, string), ask func(*Claimed) engawa.Task) (n int, err error) {
	err = s.inTx(ctx, l.Workspace, func(t *tx) error {
		n = 0
		handovers, ids, err := t.underWay(l.Workspace, l.Account, l.Fence)
		if err != nil || len(handovers) == 0 {
			return err
		}
		rows, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM delivery
			WHERE workspace = $1 AND id {in $2} AND state = 'sending' AND fence < $3 ORDER BY id {lock}`, l.Workspace, t.list(ids), l.Fence)
		if err != nil {
			return err
		}
		at := time.Now()
		n = len(rows)
		var lost []deliveryRow
		for _, r := range rows {
			state, note := judge(r.Delivery)
			if err := t.recoverOne(r.Delivery, state, note, at); err != nil {
				return err
			}
			if state == engawa.Unknown {
				lost = append(lost, r)
			}
		}
		if err := t.askAbout(l.Workspace, lost, ask, at); err != nil {
			return err
		}
		if err := t.forgetHandovers(l, handovers); err != nil {
			return err
		}
		return t.beat(l, l.Pace.TAT)
	})
	if err != nil {
		return 0, fmt.Errorf("recover lane %s: %w", l.Account, err)
	}
	return n, nil
}

func (t *tx) recoverOne(d engawa.Delivery, state engawa.DeliveryState, note string, at time.Time) error {
	if _, err := t.exec(`INSERT INTO attempt (workspace, delivery, n, fence, retry_key, started_at, ended_at, outcome, code, late, sealed_by)
		SELECT workspace, id, attempts, fence, retry_key, handed_at, $3, 'unknown', 'interrupted', FALSE, '' FROM delivery WHERE workspace = $1 AND id = $2
		ON CONFLICT (workspace, delivery, n) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome, code = excluded.code
		WHERE attempt.outcome = 'open'`, d.Workspace, d.ID, us(at)); err != nil {
		return err
	}
	if err := t.must("recover "+d.ID, `UPDATE delivery SET state = $3, note = $4, doubt = TRUE, due_at = $5, updated_at = $5
		WHERE workspace = $1 AND id = $2 AND state = 'sending'`, d.Workspace, d.ID, string(state), note, us(at)); err != nil {
		return err
	}
	if state != engawa.Unknown {
		return nil
	}
	return t.settle(d.Workspace, d.Message, at)
}

// askAbout raises a task about each delivery whose outcome nobody knows. Messages are
// opened only where ask reads them.
func (t *tx) askAbout(workspace string, rows []deliveryRow, ask func(*Claimed) engawa.Task, at time.Time) error {
	if ask == nil {
		for _, r := range rows {
			if err := t.raise(UnknownTask(r.Delivery, at)); err != nil {
				return err
			}
		}
		return nil
	}
	cs, _, err := t.claimed(workspace, rows)
	if err != nil {
		return err
	}
	for _, c := range cs {
		if err := t.raise(ask(c)); err != nil {
			return err
		}
		if err := t.enter(c, ListedUnclear); err != nil {
			return err
		}
	}
	return nil
}

// UnknownTask asks a person to look whether deliveries of an account arrived.
// One open task for the account counts them all.
func UnknownTask(d engawa.Delivery, at time.Time) engawa.Task {
	return engawa.Task{
		Workspace: d.Workspace, Kind: "delivery.unknown", Ref: d.Account, DueAt: at.Add(24 * time.Hour),
		Args: map[string]string{"account": d.Account, "message": d.Message},
	}
}

// Resolve settles an unknown delivery by a person's word: it arrived, or it is
// to be sent again.
func (s *Store) Resolve(ctx context.Context, workspace, delivery string, arrived bool) error {
	state, note := engawa.Retrying, "sent_again"
	if arrived {
		state, note = engawa.Accepted, "confirmed"
	}
	var account string
	err := s.inTx(ctx, workspace, func(t *tx) error {
		n, err := t.exec(`UPDATE delivery SET state = $3, note = $4, doubt = FALSE, due_at = $5, updated_at = $5 WHERE workspace = $1 AND id = $2 AND state = 'unknown'`,
			workspace, delivery, string(state), note, now())
		if err == nil && n == 0 {
			err = engawa.NotFound("delivery whose outcome is unknown")
		}
		if err != nil {
			return err
		}
		row, err := one(t, scanDelivery, `SELECT `+deliveryColumns+` FROM delivery WHERE workspace = $1 AND id = $2`, workspace, delivery)
		if err != nil {
			return err
		}
		account = row.Account
		if err := t.noted(workspace, "resolve-delivery", delivery, fmt.Sprintf("arrived=%t", arrived)); err != nil {
			return err
		}
		return t.settle(workspace, row.Message, time.Now())
	})
	if err != nil {
		return fmt.Errorf("resolve %s: %w", delivery, err)
	}
	s.wakeUp(workspace, account)
	return nil
}
