package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/engawa/engawa"
)

// Lane is the state of one lane as its row has it.
type Lane struct {
	Workspace   string
	Account     string
	Owner       string // who holds it; empty: nobody
	Beat        int64  // moves while the holder lives
	Fence       int64  // counts the holders
	Pace        Pace
	PausedUntil time.Time
	PauseCode   string
}

// Pace is how far a lane has used its account's limits: the whole state of its
// steady rate, and a state for each limit that is counted otherwise.
type Pace struct {
	TAT    time.Time
	Limits map[string]json.RawMessage // by scope
}

// RoutingLane is the lane of routing itself: one node routes at a time.
const RoutingLane = "routing"

// Lane returns a lane's row.
func (s *Store) Lane(ctx context.Context, workspace, account string) (l Lane, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		l, err = t.lane(workspace, account)
		return err
	})
	return l, err
}

func (t *tx) lane(workspace, account string) (Lane, error) {
	l, err := one(t, scanLane, `SELECT `+laneColumns+` FROM lane WHERE workspace = $1 AND account = $2`, workspace, account)
	if err != nil {
		return l, fmt.Errorf("lane %s: %w", account, err)
	}
	l.Pace.Limits = map[string]json.RawMessage{}
	_, err = all(t, func(scan func(...any) error) (struct{}, error) {
		var scope, state string
		err := scan(&scope, &state)
		l.Pace.Limits[scope] = json.RawMessage(state)
		return struct{}{}, err
	}, `SELECT scope, state FROM lane_limit WHERE workspace = $1 AND account = $2`, workspace, account)
	return l, err
}

const laneColumns = `workspace, account, owner, beat, fence, tat, paused_until, pause_code`

func scanLane(scan func(...any) error) (l Lane, err error) {
	var tat, paused int64
	err = scan(&l.Workspace, &l.Account, &l.Owner, &l.Beat, &l.Fence, &tat, &paused, &l.PauseCode)
	l.Pace.TAT, l.PausedUntil = at(tat), at(paused)
	return l, err
}

// Hold makes owner the lane's holder if nobody holds it, or if seen's owner
// does and its beat has not moved since seen was read. It returns the lane with
// its new fence; held is false when somebody else has it.
func (s *Store) Hold(ctx context.Context, owner string, seen Lane) (l Lane, held bool, err error) {
	err = s.inTx(ctx, seen.Workspace, func(t *tx) error {
		n, err := t.exec(`UPDATE lane SET owner = $3, fence = fence + 1, beat = beat + 1
			WHERE workspace = $1 AND account = $2 AND (owner = '' OR owner = $4 AND beat = $5)`,
			seen.Workspace, seen.Account, owner, seen.Owner, seen.Beat)
		if err != nil || n == 0 {
			return err
		}
		held = true
		l, err = t.lane(seen.Workspace, seen.Account)
		return err
	})
	if err != nil {
		return l, false, fmt.Errorf("hold lane %s: %w", seen.Account, err)
	}
	return l, held, nil
}

// Beat shows that the holder lives. It fails with ErrLaneLost when it holds no more.
func (s *Store) Beat(ctx context.Context, l Lane) error {
	return s.inTx(ctx, l.Workspace, func(t *tx) error { return t.beat(l, l.Pace.TAT) })
}

// ErrLaneLost says that somebody else holds the lane now.
var ErrLaneLost = fmt.Errorf("the lane has another holder")

func (t *tx) beat(l Lane, tat time.Time) error {
	n, err := t.exec(`UPDATE lane SET beat = beat + 1, tat = $5 WHERE workspace = $1 AND account = $2 AND owner = $3 AND fence = $4`,
		l.Workspace, l.Account, l.Owner, l.Fence, us(tat))
	if err == nil && n == 0 {
		err = fmt.Errorf("lane %s: %w", l.Account, ErrLaneLost)
	}
	return err
}

// Release gives the lane back, with its pace, for the next holder at once.
func (s *Store) Release(ctx context.Context, l Lane) error {
	return s.inTx(ctx, l.Workspace, func(t *tx) error {
		_, err := t.exec(`UPDATE lane SET owner = '', beat = beat + 1, tat = $5 WHERE workspace = $1 AND account = $2 AND owner = $3 AND fence = $4`,
			l.Workspace, l.Account, l.Owner, l.Fence, us(l.Pace.TAT))
		return err
	})
}

// Pause keeps a lane from sending until a time, with a code that says why.
// A zero until lets it go on.
func (s *Store) Pause(ctx context.Context, workspace, account string, until time.Time, code string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.pause(workspace, account, until, code); err != nil {
			return err
		}
		action := "pause-lane"
		if until.IsZero() {
			action = "resume-lane"
		}
		if err := t.noted(workspace, action, account, code); err != nil {
			return err
		}
		return t.notify(workspace, account)
	})
	if err == nil {
		s.wakeUp(workspace, account)
	}
	return err
}

func (t *tx) pause(workspace, account string, until time.Time, code string) error {
	return t.must("pause lane "+account, `UPDATE lane SET paused_until = $3, pause_code = $4 WHERE workspace = $1 AND account = $2`, workspace, account, us(until), code)
}

// Next says when a lane next has something to do: a delivery falls due or
// reaches its deadline. ok is false when nothing waits.
func (s *Store) Next(ctx context.Context, workspace, account string) (due, deadline time.Time, ok bool, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		for _, bulk := range []bool{false, true} {
			heads, err := t.heads(workspace, account, bulk)
			if err != nil {
				return err
			}
			for _, h := range heads {
				if !ok || h.due.Before(due) {
					due, ok = h.due, true
				}
			}
		}
		us, err := all(t, scanInt, `SELECT deadline_at FROM delivery WHERE workspace = $1 AND account = $2 AND deadline_at > 0
			AND waits ORDER BY deadline_at LIMIT 1`, workspace, account)
		if len(us) == 1 {
			deadline = at(us[0])
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("next of lane %s: %w", account, err)
	}
	return due, deadline, ok, err
}

// head is the first waiting delivery of one sender in a lane.
type head struct {
	partner string
	due     time.Time
}

// heads walks the index from sender to sender, so that a million rows of one
// cost the others nothing.
func (t *tx) heads(workspace, account string, bulk bool) (hs []head, err error) {
	const columns = `SELECT partner, due_at FROM delivery WHERE workspace = $1 AND account = $2 AND bulk = $3
		AND waits`
	scan := func(scan func(...any) error) (h head, err error) {
		var due int64
		err = scan(&h.partner, &due)
		h.due = at(due)
		return h, err
	}
	found, err := all(t, scan, columns+` ORDER BY partner, due_at, id LIMIT 1`, workspace, account, bulk)
	for err == nil && len(found) == 1 {
		hs = append(hs, found[0])
		found, err = all(t, scan, columns+` AND partner > $4 ORDER BY partner, due_at, id LIMIT 1`, workspace, account, bulk, found[0].partner)
	}
	return hs, err
}

// LaneUse is a lane as an operator sees it.
type LaneUse struct {
	Lane       Lane
	Kind       string
	Name       string
	Waiting    int
	Oldest     time.Time // due time of the oldest that waits
	Unknown    int
	HandedHour int
}

// Lanes returns the lanes of a workspace with what waits in them.
func (s *Store) Lanes(ctx context.Context, workspace string) (ls []LaneUse, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ls, err = all(t, func(scan func(...any) error) (u LaneUse, err error) {
			u.Lane, err = scanLane(func(dst ...any) error { return scan(append(dst, &u.Kind, &u.Name)...) })
			return u, err
		}, `SELECT l.workspace, l.account, l.owner, l.beat, l.fence, l.tat, l.paused_until, l.pause_code, a.kind, a.name
			FROM lane l JOIN account a ON a.workspace = l.workspace AND a.id = l.account
			WHERE l.workspace = $1 AND a.ended_at = 0 ORDER BY a.created_at, a.id`, workspace)
		if err != nil {
			return err
		}
		for i := range ls {
			if err := t.fillUse(&ls[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return ls, err
}

func (t *tx) fillUse(u *LaneUse) error {
	full, err := t.lane(u.Lane.Workspace, u.Lane.Account)
	if err != nil {
		return err
	}
	u.Lane.Pace = full.Pace
	_, err = all(t, func(scan func(...any) error) (struct{}, error) {
		var oldest int64
		err := scan(&u.Waiting, &oldest)
		u.Oldest = at(oldest)
		return struct{}{}, err
	}, `SELECT count(*), coalesce(min(due_at), 0) FROM delivery WHERE workspace = $1 AND account = $2 AND waits`,
		u.Lane.Workspace, u.Lane.Account)
	return err
}

// notify tells other nodes that a lane has work; a hint, never relied on.
func (t *tx) notify(workspace, account string) error {
	if t.s.lite {
		return nil
	}
	_, err := t.exec(`SELECT pg_notify('engawa', $1)`, workspace+" "+account)
	return err
}

// announce tells other nodes that events wait for their routes; a hint too. It is
// given after the commit: NOTIFY holds a lock of the whole server while its
// transaction commits, and no two batches of the journal would share a flush
// (PreCommit_Notify in PostgreSQL's async.c).
func (s *Store) announce() {
	select {
	case s.news <- struct{}{}:
	default: // it will be said of these too
	}
}

// apart is how far announcements are apart at least.
const apart = 10 * time.Millisecond

// announceAll says what announce is told, until ctx ends.
func (s *Store) announceAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.news:
		}
		s.write.ExecContext(ctx, `SELECT pg_notify('engawa', ' ')`) //nolint:errcheck // who hears nothing looks by itself
		select {
		case <-ctx.Done():
		case <-time.After(apart):
		}
	}
}

// Listen calls the OnWake function for the work that other nodes announce,
// until ctx ends or the connection breaks.
func (s *Store) Listen(ctx context.Context) error {
	if s.lite {
		<-ctx.Done()
		return nil
	}
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	if _, err := conn.Exec(ctx, `LISTEN engawa`); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		var workspace, account string
		fmt.Sscan(n.Payload, &workspace, &account) //nolint:errcheck // an empty payload means: events
		s.wakeUp(workspace, account)
	}
}

// SendingAccounts returns the accounts of every workspace that have a lane.
func (s *Store) SendingAccounts(ctx context.Context) (as []engawa.Account, err error) {
	ws, err := s.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range ws {
		part, err := s.Accounts(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		as = append(as, part...)
	}
	return as, nil
}
