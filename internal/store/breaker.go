package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
)

// HeldFor is how long a delivery that waits for a receiver is left alone at most:
// it is called when the receiver takes mail again, and looked at after that time in
// case nobody called.
const HeldFor = 24 * time.Hour

// ReceiverWork is told to OnWake instead of an account when TendBreakers has a new
// time to look at.
const ReceiverWork = "receivers"

// HeldNote is the note of a delivery that waits for a receiver.
const HeldNote = "receiver"

// BlockedTask is the kind of the task that asks a person about a pair.
const BlockedTask = "mail.blocked"

// heldTries is after how many attempts a refused delivery waits for its receiver
// no more: it may be the mail after all.
const heldTries = 5

// Watched is a pair whose answers mean something, as a claim found it. Deliveries
// of one claim to one receiver share it.
type Watched struct {
	ID string
	breaker.Breaker

	changed bool
}

// Ask says what a mail may do; where nothing is known of the pair, it goes.
func (w *Watched) Ask(now time.Time) breaker.Answer {
	if w == nil {
		return breaker.Go
	}
	return w.Breaker.Ask(now)
}

// Try makes a delivery the pair's probe.
func (w *Watched) Try(delivery string, now time.Time) {
	w.Breaker, w.changed = w.Begin(delivery, now), true
}

// breakerRow is a pair as its row has it.
type breakerRow struct {
	workspace, id, own, by string
	sealed                 []byte
	breaker.Breaker
}

const breakerColumns = `workspace, id, own, body, sealed, sealed_by`

func scanBreaker(scan func(...any) error) (r breakerRow, err error) {
	var body string
	if err := scan(&r.workspace, &r.id, &r.own, &body, &r.sealed, &r.by); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(body), &r.Breaker)
}

func (t *tx) pairHash(workspace string, p breaker.Pair) (hash, key string) {
	return t.s.vault.Index(workspace, "breaker:"+p.Own, p.Receiver)
}

// watch tells candidates of their pairs. The rows are locked until the claim
// commits: of two lanes with one own domain, one sends the probe.
func (t *tx) watch(workspace string, cs []*Claimed, between func(engawa.Address) breaker.Pair) error {
	if between == nil || len(cs) == 0 {
		return nil
	}
	of, hashes := make([]breaker.Pair, len(cs)), map[breaker.Pair]string{}
	for i, c := range cs {
		of[i] = between(c.Known.To)
		if of[i] != (breaker.Pair{}) && hashes[of[i]] == "" { // a claim has few pairs
			hashes[of[i]], _ = t.pairHash(workspace, of[i])
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	found := map[string]*Watched{}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var hash string
		r, err := scanBreaker(func(dst ...any) error { return scan(append(dst, &hash)...) })
		found[hash] = &Watched{ID: r.id, Breaker: r.Breaker}
		return struct{}{}, err
	}, `SELECT `+breakerColumns+`, pair_hash FROM breaker WHERE workspace = $1 AND pair_hash {in $2} AND watched ORDER BY id {lock}`, workspace, t.list(slices.Collect(maps.Values(hashes))))
	for i, c := range cs {
		c.Watch = found[hashes[of[i]]]
	}
	return err
}

// saveWatched stores what a claim began.
func (t *tx) saveWatched(workspace string, cs []*Claimed) error {
	for _, c := range cs {
		if c.Watch == nil || !c.Watch.changed {
			continue
		}
		c.Watch.changed = false
		if err := t.saveBreaker(workspace, c.Watch.ID, c.Watch.Breaker); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) saveBreaker(workspace, id string, b breaker.Breaker) error {
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	due := b.Due(t.s.Breaker)
	if !due.IsZero() {
		due = due.Add(time.Microsecond) // body keeps nanoseconds: at next_at it is due for sure
	}
	return t.must("save breaker", `UPDATE breaker SET body = $3, watched = $4, next_at = $5, updated_at = $6 WHERE workspace = $1 AND id = $2`,
		workspace, id, string(body), b.Watched(), us(due), now())
}

// lockBreaker returns the pair's row, locked. Where there is none it makes one if
// that is asked for; else it returns the zero row.
func (t *tx) lockBreaker(workspace string, p breaker.Pair, makes bool) (breakerRow, error) {
	hash, key := t.pairHash(workspace, p)
	read := func() (breakerRow, error) {
		return one(t, scanBreaker, `SELECT `+breakerColumns+` FROM breaker WHERE workspace = $1 AND pair_hash = $2 {lock}`, workspace, hash)
	}
	r, err := read()
	switch {
	case !errors.Is(err, sql.ErrNoRows):
		return r, err
	case !makes:
		return breakerRow{}, nil
	}
	ring, err := t.keys(workspace, nil)
	if err != nil {
		return r, err
	}
	id := engawa.NewID("brk")
	sealed, by, err := ring.seal(workspace, "", "breaker", id, []byte(p.Receiver))
	if err != nil {
		return r, err
	}
	if _, err := t.exec(`INSERT INTO breaker (workspace, id, own, pair_hash, key_id, watched, body, next_at, updated_at, sealed, sealed_by)
		VALUES ($1, $2, $3, $4, $5, FALSE, '{}', 0, $6, $7, $8) ON CONFLICT (workspace, pair_hash) DO NOTHING`,
		workspace, id, p.Own, hash, key, now(), sealed, by); err != nil {
		return r, err
	}
	return read()
}

// HeardOf is what an answer means for a pair.
type HeardOf struct {
	breaker.Pair
	breaker.Heard

	Asks bool // of a refusal: a person is asked at once, not when the pair opens
}

// speaks reports an answer that counts whether or not the pair is watched.
func (h *HeardOf) speaks() bool {
	return h.Pair != (breaker.Pair{}) && (h.Said == breaker.Refused || h.Said == breaker.Unfit)
}

// hearOf takes an answer into account, with all that follows from it. Where nothing
// is known of the pair it returns one that is closed.
func (t *tx) hearOf(workspace string, h HeardOf, lanes laneSet) (breakerRow, error) {
	r, err := t.lockBreaker(workspace, h.Pair, h.speaks())
	if err != nil || r.id == "" {
		return r, err
	}
	var change breaker.Change
	r.Breaker, change = r.Hear(h.Heard, t.s.Breaker, chance())
	if h.Asks && change != breaker.Opened {
		if err := t.raise(r.task(time.Now())); err != nil {
			return r, err
		}
	}
	return r, t.changed(r, change, lanes)
}

func chance() float64 { return rand.Float64() } //nolint:gosec // spreads load, guards nothing

func (r breakerRow) task(at time.Time) engawa.Task {
	return engawa.Task{
		Workspace: r.workspace, Kind: BlockedTask, Ref: r.id, DueAt: at.Add(24 * time.Hour), Args: map[string]string{"breaker": r.id, "domain": r.own},
	}
}

// changed stores a pair, and what its change means for people and for what waits.
func (t *tx) changed(r breakerRow, change breaker.Change, lanes laneSet) error {
	if err := t.saveBreaker(r.workspace, r.id, r.Breaker); err != nil {
		return err
	}
	if !r.Due(t.s.Breaker).IsZero() {
		if err := t.wakeLanes(r.workspace, []string{ReceiverWork}, lanes); err != nil {
			return err
		}
	}
	switch change {
	case breaker.Opened:
		return t.opened(r)
	case breaker.Freed:
		if err := t.closeTask(r.workspace, Closing{Kind: BlockedTask, Ref: r.id}); err != nil {
			return err
		}
		return t.release(r, lanes)
	case breaker.Calling:
		return t.call(r, lanes)
	case breaker.Same:
	}
	return nil
}

// opened asks a person, tells once for the opening, and takes back what was
// refused on the way to it.
func (t *tx) opened(r breakerRow) error {
	if err := t.raise(r.task(time.Now())); err != nil {
		return err
	}
	ring, err := t.keys(r.workspace, nil)
	if err != nil {
		return err
	}
	name, err := ring.open(r.workspace, r.by, "breaker", r.id, r.sealed)
	if err != nil {
		return err
	}
	said := map[string]any{
		"class": "block", "reason": "distrust", "receiver": string(name), "own_domain": r.own, "refused": len(r.Refusals), "next_at": r.Next.UTC().Format(time.RFC3339),
	}
	if code, status, _ := strings.Cut(r.Code, " "); code != "" {
		said["code"] = code
		if status != "" {
			said["status"] = status
		}
	}
	data, err := json.Marshal(said)
	if err != nil {
		return err
	}
	err = t.tellOf(engawa.Event{
		Workspace: r.workspace, Type: "mail.blocked", Subject: "breaker:" + r.id, DedupKey: "breaker:" + r.id + ":" + strconv.Itoa(r.Openings), Data: data,
	})
	if err != nil {
		return err
	}
	ids := make([]string, len(r.Refusals))
	for i, x := range r.Refusals {
		ids[i] = x.Delivery
	}
	return t.takeBack(r, ids)
}

// takeBack lets refused deliveries wait for the pair which had no other way to go
// and whose message would else have failed. What came back by mail is not among
// them: a second report for it could not be told from the first.
func (t *tx) takeBack(r breakerRow, deliveries []string) error {
	messages, err := all(t, scanString, `UPDATE delivery SET state = 'held', note = '`+HeldNote+`', held_for = $3, due_at = $4, updated_at = $5
		WHERE workspace = $1 AND id {in $2} AND state = 'failed' AND attempts < $6 AND provider_id = '' AND message IN
			(SELECT id FROM message WHERE workspace = $1 AND id IN (SELECT message FROM delivery WHERE workspace = $1 AND id {in $2}) AND `+messageState+` = 'failed' AND (expires_at = 0 OR expires_at > $5))
		RETURNING message`, r.workspace, t.list(deliveries), r.id, us(time.Now().Add(HeldFor)), now(), heldTries)
	if err != nil {
		return fmt.Errorf("take back: %w", err)
	}
	for _, m := range distinct(messages) {
		if err := t.settle(r.workspace, m, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// A released crowd does not fall upon a receiver that has just begun to take mail
// again: one a second, all within ten minutes.
const (
	releaseStep = time.Second
	releaseAll  = 10 * time.Minute
)

// release lets what waits for a pair go. A delivery that a claim is just looking
// at waits for this row, and goes by what it then finds.
func (t *tx) release(r breakerRow, lanes laneSet) error {
	n, err := one(t, scanInt, `SELECT count(*) FROM delivery WHERE workspace = $1 AND held_for = $2 AND held_for <> '' AND waits`, r.workspace, r.id)
	if err != nil || n == 0 {
		return err
	}
	accounts, err := all(t, scanString, `UPDATE delivery SET held_for = '', note = '', due_at = $3 + turn.n * $4
		FROM (SELECT id AS held, row_number() OVER (ORDER BY created_at, id) - 1 AS n
			FROM (SELECT id, created_at FROM delivery WHERE workspace = $1 AND held_for = $2 AND held_for <> '' AND waits {skip}) AS waiting) AS turn
		WHERE delivery.workspace = $1 AND delivery.id = turn.held RETURNING account`,
		r.workspace, r.id, now(), min(releaseStep, releaseAll/time.Duration(n)).Microseconds())
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return t.wakeLanes(r.workspace, accounts, lanes)
}

// call makes one of what waits for a pair due: it goes as the probe.
func (t *tx) call(r breakerRow, lanes laneSet) error {
	accounts, err := all(t, scanString, `UPDATE delivery SET due_at = $3 WHERE workspace = $1 AND id IN
		(SELECT id FROM delivery WHERE workspace = $1 AND held_for = $2 AND held_for <> '' AND waits ORDER BY attempts, due_at, id LIMIT 1 {skip}) RETURNING account`,
		r.workspace, r.id, now())
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	return t.wakeLanes(r.workspace, accounts, lanes)
}

func (t *tx) wakeLanes(workspace string, accounts []string, lanes laneSet) error {
	for _, a := range distinct(accounts) {
		lanes[[2]string{workspace, a}] = true
		if err := t.notify(workspace, a); err != nil {
			return err
		}
	}
	return nil
}

// counts reports a result of which a pair hears.
func (r *Result) counts() bool { return r.Heard != nil && (r.Heard.speaks() || r.Claimed.Watch != nil) }

// lockPairs takes the rows of the pairs that will hear of results, in the order in
// which a claim does.
func (t *tx) lockPairs(workspace string, rs []Result, ours []bool) error {
	var hashes []string
	for i := range rs {
		if ours[i] && rs[i].counts() {
			hash, _ := t.pairHash(workspace, rs[i].Heard.Pair)
			hashes = append(hashes, hash)
		}
	}
	if hashes = distinct(hashes); len(hashes) < 2 { // one is locked when it hears
		return nil
	}
	_, err := all(t, scanString, `SELECT id FROM breaker WHERE workspace = $1 AND pair_hash {in $2} ORDER BY id {lock}`, workspace, t.list(hashes))
	return err
}

// hearResults takes the answers of recorded hand-overs into account, in one order
// everywhere, before anything of tasks is locked. It returns the open pairs of
// refused deliveries.
func (t *tx) hearResults(rs []Result, ours []bool, lanes laneSet) (open map[string]breakerRow, err error) {
	open = map[string]breakerRow{}
	var heard []int
	for i := range rs {
		if ours[i] && rs[i].counts() {
			heard = append(heard, i)
		}
	}
	slices.SortStableFunc(heard, func(a, b int) int {
		return strings.Compare(rs[a].Heard.Own+" "+rs[a].Heard.Receiver, rs[b].Heard.Own+" "+rs[b].Heard.Receiver)
	})
	stands := map[breaker.Pair]breakerRow{}
	for _, i := range heard {
		d := rs[i].Claimed.Delivery
		r, err := t.hearOf(d.Workspace, *rs[i].Heard, lanes)
		if err != nil {
			return nil, fmt.Errorf("answer for %s: %w", d.ID, err)
		}
		stands[rs[i].Heard.Pair] = r
	}
	for _, i := range heard {
		if r := stands[rs[i].Heard.Pair]; r.State != breaker.Closed && rs[i].Heard.Said == breaker.Refused {
			open[rs[i].Claimed.Delivery.ID] = r
		}
	}
	return open, nil
}

// waitsFor lets a delivery that was just refused wait for its receiver, where
// there is no other way for it to go.
func (t *tx) waitsFor(r breakerRow, res *Result) (bool, error) {
	d, m := res.Claimed.Delivery, res.Claimed.Message
	if nextTurn(m, d.Position) < len(m.Chain) || d.Attempts >= heldTries {
		return false, nil
	}
	n, err := t.exec(`UPDATE delivery SET state = 'held', note = '`+HeldNote+`', held_for = $3, due_at = $4, updated_at = $5 WHERE workspace = $1 AND id = $2 AND state = 'failed'`,
		d.Workspace, d.ID, r.id, us(earliest(time.Now().Add(HeldFor), m.ExpiresAt)), now())
	return n == 1, err
}

// tendBatch is how many pairs one look sees to.
const tendBatch = 100

// TendBreakers does what is due for pairs: calls a waiting mail to be the probe,
// gives up a probe of which nothing was heard, closes a pair whose probe did not
// come back. It says when the next is due; zero: none.
func (s *Store) TendBreakers(ctx context.Context) (next time.Time, err error) {
	var due [][2]string
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, func(scan func(...any) error) (p [2]string, err error) { return p, scan(&p[0], &p[1]) },
			`SELECT workspace, id FROM breaker WHERE next_at > 0 AND next_at <= $1 ORDER BY next_at LIMIT $2`, now(), tendBatch)
		return err
	})
	if err != nil {
		return next, fmt.Errorf("tend breakers: %w", err)
	}
	for _, p := range due {
		if err := s.changeBreaker(ctx, p[0], p[1], func(b breaker.Breaker) (breaker.Breaker, breaker.Change, error) {
			b, change := b.Tick(time.Now(), s.Breaker, chance())
			return b, change, nil
		}); err != nil {
			return next, fmt.Errorf("tend breaker %s: %w", p[1], err)
		}
	}
	err = s.view(ctx, everywhere, func(t *tx) error {
		first, err := one(t, scanInt, `SELECT coalesce(min(next_at), 0) FROM breaker WHERE next_at > 0`)
		next = at(first)
		return err
	})
	return next, err
}

func (s *Store) changeBreaker(ctx context.Context, workspace, id string, change func(breaker.Breaker) (breaker.Breaker, breaker.Change, error)) error {
	var lanes laneSet
	err := s.inTx(ctx, workspace, func(t *tx) error {
		lanes = laneSet{}
		r, err := one(t, scanBreaker, `SELECT `+breakerColumns+` FROM breaker WHERE workspace = $1 AND id = $2 {lock}`, workspace, id)
		if err != nil {
			return found("receiver", err)
		}
		var what breaker.Change
		if r.Breaker, what, err = change(r.Breaker); err != nil {
			return err
		}
		if err := t.changed(r, what, lanes); err != nil {
			return err
		}
		return t.noted(workspace, "try-receiver", id, r.own)
	})
	if err == nil {
		lanes.wake(s)
	}
	return err
}

// TryReceiver has the next probe go at once. It is a conflict where the pair is
// not open, or a probe is under way.
func (s *Store) TryReceiver(ctx context.Context, workspace, id string) error {
	err := s.changeBreaker(ctx, workspace, id, func(b breaker.Breaker) (breaker.Breaker, breaker.Change, error) {
		if b.State != breaker.Open {
			return b, breaker.Same, &engawa.Error{Code: engawa.CodeConflict, Message: "mail flows to this receiver, or one is just being tried", Remedy: "look again in a few minutes"}
		}
		return b.Now(time.Now()), breaker.Calling, nil
	})
	if err != nil {
		return fmt.Errorf("try %s: %w", id, err)
	}
	return nil
}

// Receiver is a pair as an operator sees it.
type Receiver struct {
	ID, Own, Domain string // Domain takes the mail
	breaker.Breaker

	Waiting int
}

// Format names the pair without the receiver, whatever the verb.
func (r Receiver) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "receiver %s of %s", r.ID, r.Own) }

// Receivers returns the receivers that refuse mail of a workspace's domains, or
// did since the last success.
func (s *Store) Receivers(ctx context.Context, workspace string) (out []Receiver, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanBreaker, `SELECT `+breakerColumns+` FROM breaker WHERE workspace = $1 AND watched ORDER BY id`, workspace)
		if err != nil {
			return err
		}
		ring, err := t.keys(workspace, nil)
		if err != nil {
			return err
		}
		for _, r := range rows {
			name, err := ring.open(workspace, r.by, "breaker", r.id, r.sealed)
			if err != nil {
				return err
			}
			n, err := one(t, scanInt, `SELECT count(*) FROM delivery WHERE workspace = $1 AND held_for = $2 AND held_for <> '' AND waits`, workspace, r.id)
			if err != nil {
				return err
			}
			out = append(out, Receiver{r.id, r.own, string(name), r.Breaker, int(n)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("receivers: %w", err)
	}
	return out, nil
}
