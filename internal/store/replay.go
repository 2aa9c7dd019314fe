package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

const replayColumns = `workspace, id, account, from_at, to_at, per_second, state, events, looked, sent, cursor, created_by, created_at, ended_at`

func scanReplay(scan func(...any) error) (r engawa.Replay, err error) {
	var from, to, created, ended int64
	err = scan(&r.Workspace, &r.ID, &r.Account, &from, &to, &r.PerSecond, &r.State, &r.Events, &r.Looked, &r.Sent, &r.Cursor, &r.CreatedBy, &created, &ended)
	r.From, r.To, r.CreatedAt, r.EndedAt = at(from), at(to), at(created), at(ended)
	return r, err
}

// EventsBetween returns events received at from or later and before to, oldest
// first, from behind the id after on.
func (s *Store) EventsBetween(ctx context.Context, workspace, after string, from, to time.Time, limit int) (evs []engawa.Event, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1 AND id > $2 AND received_at >= $3 AND received_at < $4
			ORDER BY id LIMIT `+strconv.Itoa(limit), workspace, after, us(from), us(to))
		if err != nil {
			return err
		}
		evs, err = t.openEvents(workspace, rows)
		return err
	})
	return evs, err
}

// AddReplay begins a replay and counts its events. A second one to the same
// endpoint is a conflict while the first is running.
func (s *Store) AddReplay(ctx context.Context, r engawa.Replay) (engawa.Replay, error) {
	err := s.inTx(ctx, r.Workspace, func(t *tx) error {
		_, err := t.account(r.Workspace, r.Account)
		if err != nil {
			return err
		}
		n, err := one(t, scanInt, `SELECT count(*) FROM event WHERE workspace = $1 AND received_at >= $2 AND received_at < $3`, r.Workspace, us(r.From), us(r.To))
		if err != nil {
			return err
		}
		r.Events, r.State = int(n), engawa.ReplayRunning
		made, err := t.exec(`INSERT INTO replay (`+replayColumns+`, next_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '', $9, $10, 0, 0)
			ON CONFLICT DO NOTHING`,
			r.Workspace, r.ID, r.Account, us(r.From), us(r.To), r.PerSecond, string(r.State), r.Events, r.CreatedBy, us(r.CreatedAt))
		if err != nil {
			return err
		}
		if made == 0 {
			return &engawa.Error{Code: engawa.CodeConflict, Message: "a replay to this endpoint is running", Remedy: "wait until it is done, or stop it"}
		}
		return t.noted(r.Workspace, "start-replay", r.ID, r.Account)
	})
	if err != nil {
		return r, fmt.Errorf("add replay: %w", err)
	}
	return r, nil
}

// Replays returns the newest replays to an endpoint, or of all if account is empty.
func (s *Store) Replays(ctx context.Context, workspace, account string, limit int) (rs []engawa.Replay, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rs, err = all(t, scanReplay, `SELECT `+replayColumns+` FROM replay WHERE workspace = $1 AND ($2 = '' OR account = $2)
			ORDER BY created_at DESC, id LIMIT `+strconv.Itoa(limit), workspace, account)
		return err
	})
	return rs, err
}

// Replay returns one.
func (s *Store) Replay(ctx context.Context, workspace, id string) (r engawa.Replay, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		r, err = one(t, scanReplay, `SELECT `+replayColumns+` FROM replay WHERE workspace = $1 AND id = $2`, workspace, id)
		return found("replay", err)
	})
	return r, err
}

// StopReplay ends a running replay. What it made already is sent.
func (s *Store) StopReplay(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("running replay", `UPDATE replay SET state = 'stopped', ended_at = $3 WHERE workspace = $1 AND id = $2 AND state = 'running'`,
			workspace, id, now()); err != nil {
			return err
		}
		return t.noted(workspace, "stop-replay", id, "")
	})
}

// replayLease is how long a node may take for a step before another takes it over.
const replayLease = time.Minute

// DueReplays takes the running replays of every workspace whose next step is
// due. Nobody else gets them before the step is told (StepReplay) or the lease
// is over.
func (s *Store) DueReplays(ctx context.Context) (rs []engawa.Replay, err error) {
	var due []engawa.Replay
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, scanReplay, `SELECT `+replayColumns+` FROM replay WHERE state = 'running' AND next_at <= $1 ORDER BY next_at LIMIT 20`, now())
		return err
	})
	for _, r := range due {
		err = s.inTx(ctx, r.Workspace, func(t *tx) error {
			n, err := t.exec(`UPDATE replay SET next_at = $3 WHERE workspace = $1 AND id = $2 AND state = 'running' AND next_at <= $4`,
				r.Workspace, r.ID, us(time.Now().Add(replayLease)), now())
			if err == nil && n == 1 {
				rs = append(rs, r)
			}
			return err
		})
		if err != nil {
			return rs, fmt.Errorf("take replay %s: %w", r.ID, err)
		}
	}
	return rs, err
}

// ReplayStep is what one step of a replay did.
type ReplayStep struct {
	Looked   int    // at so many events
	Cursor   string // up to this one; empty: there was none
	Messages []NewMessage
	Done     bool
	Next     time.Time // when the next may be taken
}

// StepReplay stores the messages of a step and how far the replay has come, in one
// transaction: no node makes them twice. It does nothing, and says so by false, for
// a replay that was stopped meanwhile or whose step another node took over.
func (s *Store) StepReplay(ctx context.Context, r engawa.Replay, st ReplayStep) (took bool, err error) {
	var lanes laneSet
	err = s.sealTx(ctx, []string{r.Workspace}, func(t *tx) error {
		state, ended := engawa.ReplayRunning, time.Time{}
		if st.Done {
			state, ended = engawa.ReplayDone, time.Now()
		}
		n, err := t.exec(`UPDATE replay SET looked = looked + $4, sent = sent + $5, cursor = $6, next_at = $7, state = $8, ended_at = $9
			WHERE workspace = $1 AND id = $2 AND cursor = $3 AND state = 'running'`,
			r.Workspace, r.ID, r.Cursor, st.Looked, len(st.Messages), firstSet(st.Cursor, r.Cursor), us(st.Next), string(state), us(ended))
		if took = n == 1; err != nil || !took {
			return err
		}
		lanes, _, err = t.enqueue(st.Messages) // who was erased meanwhile gets nothing
		return err
	})
	if err != nil {
		return false, fmt.Errorf("step of replay %s: %w", r.ID, err)
	}
	lanes.wake(s)
	return took, nil
}

// Telling is a digest that holds an event, and how it was told of.
type Telling struct {
	Digest  string
	Event   string // which it holds
	Route   string
	Step    int
	Open    bool   // it waits still
	Message string // empty: it waits still, or none could be made
	First   string // the first of its events that was received in a stretch of time
}

// TellingOf returns the digests in which events are, or were, told of, and which
// event is the first of each that was received at from or later, before to.
func (s *Store) TellingOf(ctx context.Context, workspace string, events []string, from, to time.Time) (told []Telling, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		told, err = all(t, func(scan func(...any) error) (d Telling, err error) {
			state := ""
			err = scan(&d.Digest, &d.Event, &d.Route, &d.Step, &state, &d.Message, &d.First)
			d.Open = state == "open"
			return d, err
		}, `SELECT d.id, g.event, d.route, d.step, d.state, d.message, COALESCE((SELECT min(e.id) FROM digest_event o
				JOIN event e ON e.workspace = o.workspace AND e.id = o.event
				WHERE o.workspace = d.workspace AND o.digest = d.id AND e.received_at >= $3 AND e.received_at < $4), '')
			FROM digest_event g JOIN digest d ON d.workspace = g.workspace AND d.id = g.digest
			WHERE g.workspace = $1 AND g.event {in $2} ORDER BY d.id, g.event`, workspace, t.list(events), us(from), us(to))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("digests of events: %w", err)
	}
	return told, nil
}

// KeysOf returns the retry key under which each event was first handed to an
// account, other than the keys of messages that told of it together with others;
// events that were not are left out.
func (s *Store) KeysOf(ctx context.Context, workspace, account string, events []string, together map[string]string) (map[string]string, error) {
	apart := map[string]bool{}
	for _, key := range together {
		apart[key] = true
	}
	return s.handed(ctx, workspace, account, `m.event <> '' AND m.event {in $2}`, `m.event`, events, apart)
}

// KeysOfMessages returns the retry key of each message on an account; those that
// were not handed to it are left out.
func (s *Store) KeysOfMessages(ctx context.Context, workspace, account string, messages []string) (map[string]string, error) {
	return s.handed(ctx, workspace, account, `m.id {in $2}`, `m.id`, messages, nil)
}

// handed returns the first key, but those of but, for each value of a column.
func (s *Store) handed(ctx context.Context, workspace, account, which, column string, ids []string, but map[string]bool) (map[string]string, error) {
	keys := map[string]string{}
	if len(ids) == 0 {
		return keys, nil
	}
	err := s.view(ctx, workspace, func(t *tx) error {
		_, err := all(t, func(scan func(...any) error) (struct{}, error) {
			var of, key string
			err := scan(&of, &key)
			if keys[of] == "" && !but[key] {
				keys[of] = key
			}
			return struct{}{}, err
		}, `SELECT `+column+`, d.retry_key FROM message m JOIN delivery d ON d.workspace = m.workspace AND d.message = m.id
			WHERE m.workspace = $1 AND `+which+` AND d.account = $3 AND d.retry_key <> '' ORDER BY m.created_at, d.id`,
			workspace, t.list(ids), account)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keys on account %s: %w", account, err)
	}
	return keys, nil
}
