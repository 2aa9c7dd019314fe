package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

const broadcastColumns = `workspace, id, name, state, segment, body, members, made, unmade, cursor, walked, created_by, created_at, stopped_at, ended_at`

func scanBroadcast(scan func(...any) error) (b engawa.Broadcast, err error) {
	var body string
	var created, stopped, ended int64
	if err := scan(&b.Workspace, &b.ID, &b.Name, &b.State, &b.Segment, &body, &b.Members, &b.Made, &b.Unmade, &b.Cursor, &b.Walked, &b.CreatedBy, &created, &stopped, &ended); err != nil {
		return b, err
	}
	b.CreatedAt, b.StoppedAt, b.EndedAt = at(created), at(stopped), at(ended)
	return b, json.Unmarshal([]byte(body), &b.Body)
}

// AddBroadcast begins a broadcast: the next step makes its first messages.
func (s *Store) AddBroadcast(ctx context.Context, b engawa.Broadcast) error {
	body, err := json.Marshal(b.Body)
	if err != nil {
		return fmt.Errorf("add broadcast: %w", err)
	}
	err = s.inTx(ctx, b.Workspace, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO broadcast (`+broadcastColumns+`, next_at) VALUES ($1, $2, $3, 'running', $4, $5, $6, 0, 0, '', FALSE, $7, $8, 0, 0, 0)`,
			b.Workspace, b.ID, b.Name, b.Segment, string(body), b.Members, b.CreatedBy, us(b.CreatedAt)); err != nil {
			return err
		}
		return t.noted(b.Workspace, "start-broadcast", b.ID, b.Segment)
	})
	if err != nil {
		return fmt.Errorf("add broadcast %s: %w", b.ID, err)
	}
	return nil
}

// Broadcast returns one.
func (s *Store) Broadcast(ctx context.Context, workspace, id string) (b engawa.Broadcast, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		b, err = one(t, scanBroadcast, `SELECT `+broadcastColumns+` FROM broadcast WHERE workspace = $1 AND id = $2`, workspace, id)
		return found("broadcast", err)
	})
	return b, err
}

// Broadcasts returns a page of broadcasts, newest first.
func (s *Store) Broadcasts(ctx context.Context, workspace string, p Page) (bs []engawa.Broadcast, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		bs, err = all(t, scanBroadcast, `SELECT `+broadcastColumns+` FROM broadcast WHERE workspace = $1 AND (created_at, id) < ($2, $3)
			ORDER BY created_at DESC, id DESC LIMIT $4`, workspace, p.before(), p.ID, p.limit())
		return err
	})
	return bs, err
}

// BroadcastProgress says how many of a broadcast's messages stand in each state.
func (s *Store) BroadcastProgress(ctx context.Context, workspace, id string) (n map[engawa.MessageState]int, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		n, err = tally[engawa.MessageState](t, `SELECT stands, count(*) FROM (SELECT `+messageState+` AS stands FROM message
			WHERE workspace = $1 AND broadcast <> '' AND broadcast = $2) AS each_message GROUP BY stands`, workspace, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("progress of broadcast %s: %w", id, err)
	}
	return n, nil
}

// PausedNote is the note of a delivery that waits because its broadcast was paused.
const PausedNote = "paused"

// PauseBroadcast has a running broadcast make no more messages, and none of those
// that it made be handed over: one row, which every claim looks at, and sets what it
// would have handed over aside.
func (s *Store) PauseBroadcast(ctx context.Context, workspace, id string) error {
	return s.turnBroadcast(ctx, workspace, id, "running broadcast", "pause-broadcast",
		`UPDATE broadcast SET state = 'paused', stopped_at = $3 WHERE workspace = $1 AND id = $2 AND state = 'running'`)
}

// ResumeBroadcast lets a paused broadcast go on where it stood.
func (s *Store) ResumeBroadcast(ctx context.Context, workspace, id string) error {
	return s.turnBroadcast(ctx, workspace, id, "paused broadcast", "resume-broadcast",
		`UPDATE broadcast SET state = 'running', stopped_at = 0, next_at = $3 WHERE workspace = $1 AND id = $2 AND state = 'paused'`)
}

// StopBroadcast ends a broadcast at once: from its commit on no claim hands any of
// its messages over. What waits is refused as soon as its lane looks at it.
func (s *Store) StopBroadcast(ctx context.Context, workspace, id string) error {
	err := s.turnBroadcast(ctx, workspace, id, "running or paused broadcast", "stop-broadcast",
		`UPDATE broadcast SET state = 'stopped', stopped_at = $3, ended_at = $3 WHERE workspace = $1 AND id = $2 AND state IN ('running', 'paused')`)
	if err == nil {
		err = s.hasten(ctx, workspace, id)
	}
	return err
}

// turnBroadcast changes a broadcast's state. What was set aside for a pause is
// looked at again, in that transaction: a claim that is setting something aside holds
// the row, and this waits for it.
func (s *Store) turnBroadcast(ctx context.Context, workspace, id, what, action, q string) error {
	lanes := laneSet{}
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect(what, q, workspace, id, now()); err != nil {
			return err
		}
		accounts, err := all(t, scanString, `UPDATE delivery SET held_for = '', note = '', state = 'queued', due_at = $3 WHERE workspace = $1 AND id IN
			(SELECT id FROM delivery WHERE workspace = $1 AND held_for = $2 AND held_for <> '' AND waits {skip}) RETURNING account`, workspace, id, now())
		if err != nil {
			return err
		}
		if err := t.wakeLanes(workspace, accounts, lanes); err != nil {
			return err
		}
		return t.noted(workspace, action, id, "")
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", action, id, err)
	}
	lanes.wake(s)
	return nil
}

// hasten makes due what waits for a time of a stopped broadcast: a lane refuses it
// now, not in the morning. Without it the same happens later.
func (s *Store) hasten(ctx context.Context, workspace, id string) error {
	lanes := laneSet{}
	err := s.inTx(ctx, workspace, func(t *tx) error {
		accounts, err := all(t, scanString, `UPDATE delivery SET due_at = $3 WHERE workspace = $1 AND id IN (SELECT id FROM delivery WHERE workspace = $1 AND waits AND due_at > $3
			AND message IN (SELECT id FROM message WHERE workspace = $1 AND broadcast <> '' AND broadcast = $2) {skip}) RETURNING account`, workspace, id, now())
		if err != nil {
			return err
		}
		return t.wakeLanes(workspace, accounts, lanes)
	})
	if err != nil {
		return fmt.Errorf("hasten broadcast %s: %w", id, err)
	}
	lanes.wake(s)
	return nil
}

// broadcastLease is how long a node may take for a step before another takes it over.
const broadcastLease = time.Minute

// DueBroadcasts takes the running broadcasts of every workspace whose next step is
// due. Nobody else gets them before the step is told or the lease is over.
func (s *Store) DueBroadcasts(ctx context.Context) (bs []engawa.Broadcast, err error) {
	var due []engawa.Broadcast
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, scanBroadcast, `SELECT `+broadcastColumns+` FROM broadcast WHERE state = 'running' AND next_at <= $1 ORDER BY next_at LIMIT 20`, now())
		return err
	})
	for _, b := range due {
		err = s.inTx(ctx, b.Workspace, func(t *tx) error {
			n, err := t.exec(`UPDATE broadcast SET next_at = $3 WHERE workspace = $1 AND id = $2 AND state = 'running' AND next_at <= $4`,
				b.Workspace, b.ID, us(time.Now().Add(broadcastLease)), now())
			if err == nil && n == 1 {
				bs = append(bs, b)
			}
			return err
		})
		if err != nil {
			return bs, fmt.Errorf("take broadcast %s: %w", b.ID, err)
		}
	}
	return bs, err
}

// BroadcastStep is what one step of a broadcast did.
type BroadcastStep struct {
	Cursor   string // looked at customers up to this one; empty: there was none
	Messages []NewMessage
	Unmade   int // customers for whom none could be made
	Walked   bool
	Next     time.Time // when the next may be taken
}

// StepBroadcast stores the messages of a step and how far the broadcast has come, in
// one transaction: no node makes them twice. It does nothing, and says so by false,
// for a broadcast that was paused or stopped meanwhile or whose step another node took
// over.
func (s *Store) StepBroadcast(ctx context.Context, b engawa.Broadcast, st BroadcastStep) (took bool, err error) {
	var lanes laneSet
	err = s.sealTx(ctx, []string{b.Workspace}, func(t *tx) error {
		n, err := t.exec(`UPDATE broadcast SET cursor = $4, walked = $5, unmade = unmade + $6, next_at = $7
			WHERE workspace = $1 AND id = $2 AND cursor = $3 AND walked = FALSE AND state = 'running'`,
			b.Workspace, b.ID, b.Cursor, firstSet(st.Cursor, b.Cursor), st.Walked, st.Unmade, us(st.Next))
		if took = n == 1; err != nil || !took {
			return err
		}
		var left int
		if lanes, left, err = t.enqueue(st.Messages); err != nil { // who was erased meanwhile gets nothing
			return err
		}
		return t.must("count messages", `UPDATE broadcast SET made = made + $3 WHERE workspace = $1 AND id = $2`, b.Workspace, b.ID, len(st.Messages)-left)
	})
	if err != nil {
		return false, fmt.Errorf("step of broadcast %s: %w", b.ID, err)
	}
	lanes.wake(s)
	return took, nil
}

// FinishBroadcast ends a broadcast all of whose messages have gone or will not go;
// else it is looked at again at next.
func (s *Store) FinishBroadcast(ctx context.Context, b engawa.Broadcast, next time.Time) error {
	err := s.inTx(ctx, b.Workspace, func(t *tx) error {
		waiting, err := all(t, scanString, `SELECT d.id FROM message m JOIN delivery d ON d.workspace = m.workspace AND d.message = m.id
			WHERE m.workspace = $1 AND m.broadcast <> '' AND m.broadcast = $2 AND (d.waits OR d.state = 'sending') LIMIT 1`, b.Workspace, b.ID)
		if err != nil {
			return err
		}
		state, ended := engawa.BroadcastRunning, time.Time{}
		if len(waiting) == 0 {
			state, ended = engawa.BroadcastDone, time.Now()
		}
		_, err = t.exec(`UPDATE broadcast SET state = $3, ended_at = $4, next_at = $5 WHERE workspace = $1 AND id = $2 AND state = 'running' AND walked`,
			b.Workspace, b.ID, string(state), us(ended), us(next))
		return err
	})
	if err != nil {
		return fmt.Errorf("finish broadcast %s: %w", b.ID, err)
	}
	return nil
}
