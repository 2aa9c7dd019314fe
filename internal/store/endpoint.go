package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// AddEndpoint stores an account, a staff place behind it and a route there in
// one transaction: an endpoint that gets what its route takes, or nothing.
func (s *Store) AddEndpoint(ctx context.Context, a engawa.Account, d engawa.Destination, r engawa.Route) error {
	err := s.inTx(ctx, a.Workspace, func(t *tx) error {
		if err := t.addAccount(a); err != nil {
			return err
		}
		if err := t.addDestination(d); err != nil {
			return err
		}
		return t.saveRoute(r)
	})
	if err != nil {
		return fmt.Errorf("add endpoint %s: %w", a.ID, err)
	}
	s.wakeUp(a.Workspace, a.ID)
	return nil
}

// EndEndpoint takes an account of a kind away with its staff places and the
// routes that lead there alone, and cancels what waits for it. A route that leads
// elsewhere too is a conflict: what it tells would fall silent.
func (s *Store) EndEndpoint(ctx context.Context, workspace, kind, account string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND id = $2 AND kind = $3 AND ended_at = 0 {lock}`, workspace, account, kind); err != nil {
			return found("endpoint", err)
		}
		if err := t.endEndpoint(workspace, account); err != nil {
			return err
		}
		return t.noted(workspace, "end-endpoint", account, "")
	})
	if err != nil {
		return fmt.Errorf("end endpoint %s: %w", account, err)
	}
	s.wakeUp(workspace, account)
	return nil
}

func (t *tx) endEndpoint(workspace, account string) error {
	if err := t.endRoutesTo(workspace, account); err != nil {
		return err
	}
	if err := t.cancelWaiting(workspace, account); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE destination SET ended_at = $3 WHERE workspace = $1 AND account = $2 AND ended_at = 0`, workspace, account, now()); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE replay SET state = 'stopped', ended_at = $3 WHERE workspace = $1 AND account = $2 AND state = 'running'`, workspace, account, now()); err != nil {
		return err
	}
	return t.must("end account", `UPDATE account SET ended_at = $3, enabled = FALSE, version = version + 1 WHERE workspace = $1 AND id = $2`, workspace, account, now())
}

// endRoutesTo ends the routes whose every message goes over an account alone.
func (t *tx) endRoutesTo(workspace, account string) error {
	rs, err := t.routes(workspace)
	if err != nil {
		return err
	}
	for _, r := range rs {
		over := accountsOf(r)
		if !slices.Contains(over, account) {
			continue
		}
		if len(over) > 1 {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: fmt.Sprintf("the route %s sends over this endpoint and over another account", r.ID),
				Remedy: "take the endpoint out of the route first (PUT /v1/routes/" + r.ID + ")",
			}
		}
		if err := t.must("end route "+r.ID, `UPDATE route SET current = FALSE WHERE workspace = $1 AND id = $2 AND current = TRUE`, workspace, r.ID); err != nil {
			return err
		}
	}
	return nil
}

func accountsOf(r engawa.Route) []string {
	var ids []string
	for _, step := range r.Then {
		for _, v := range step.Via {
			ids = append(ids, v.Account)
		}
	}
	return distinct(ids)
}

// cancelWaiting cancels the deliveries that wait for an account.
func (t *tx) cancelWaiting(workspace, account string) error {
	messages, err := all(t, scanString, `SELECT message FROM delivery WHERE workspace = $1 AND account = $2 AND waits ORDER BY id {lock}`, workspace, account)
	if err != nil {
		return err
	}
	at := time.Now()
	if _, err := t.exec(`UPDATE delivery SET state = 'canceled', note = 'canceled', updated_at = $3
		WHERE workspace = $1 AND account = $2 AND waits`, workspace, account, us(at)); err != nil {
		return err
	}
	for _, id := range distinct(messages) {
		if err := t.settle(workspace, id, at); err != nil {
			return err
		}
	}
	return nil
}

// Tried is one attempt on an account, with what it was about and what comes next.
type Tried struct {
	Attempt   engawa.Attempt
	Message   string
	OpenedAt  time.Time // when its delivery was: with Attempt.Delivery the cursor of the next page
	Event     string    // empty: a request made the message
	EventType string
	State     engawa.DeliveryState
	DueAt     time.Time // of the next attempt, where one comes
}

// TriedFilter narrows a list of attempts. Empty fields match all.
type TriedFilter struct {
	Outcome engawa.AttemptOutcome
	Event   string
}

// Tries returns a page of the attempts on an account, those of the newest
// deliveries first; the cursor is the delivery's time and id.
func (s *Store) Tries(ctx context.Context, workspace, account string, f TriedFilter, p Page) (out []Tried, err error) {
	var w where
	w.and("d.workspace = ?", workspace)
	w.and("d.account = ? AND d.attempts > 0", account)
	w.and("(d.created_at, d.id) < (?, ?)", p.before(), p.ID)
	if f.Outcome != "" {
		w.and("a.outcome = ?", string(f.Outcome))
	}
	if f.Event != "" {
		w.and("m.event <> '' AND m.event = ?", f.Event)
	}
	type row struct {
		Tried
		sealed []byte
		by     string
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, func(scan func(...any) error) (r row, err error) {
			var started, ended, due, made int64
			a := &r.Attempt
			err = scan(&a.Workspace, &a.Delivery, &a.N, &a.Key, &started, &ended, &a.Outcome, &a.Code, &a.Late, &r.sealed, &r.by, &r.Message, &r.Event, &r.EventType, &r.State, &due, &made)
			a.ID = fmt.Sprintf("%s.%d", a.Delivery, a.N)
			a.StartedAt, a.EndedAt, r.DueAt, r.OpenedAt = at(started), at(ended), at(due), at(made)
			return r, err
		}, `SELECT a.workspace, a.delivery, a.n, a.retry_key, a.started_at, a.ended_at, a.outcome, a.code, a.late, a.sealed, a.sealed_by,
			m.id, m.event, coalesce(e.type, ''), d.state, d.due_at, d.created_at
			FROM delivery d JOIN message m ON m.workspace = d.workspace AND m.id = d.message
			JOIN attempt a ON a.workspace = d.workspace AND a.delivery = d.id
			LEFT JOIN event e ON e.workspace = m.workspace AND e.id = m.event `+w.text+`
			ORDER BY d.created_at DESC, d.id DESC, a.n DESC LIMIT `+strconv.Itoa(p.limit()), w.args...)
		if err != nil {
			return err
		}
		var by []string
		for _, r := range rows {
			by = append(by, r.by)
		}
		ring, err := t.keys(workspace, openers(by))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.sealed != nil && ring.opens(r.by) {
				plain, err := ring.open(workspace, r.by, "attempt", r.Attempt.ID, r.sealed)
				if err != nil {
					return err
				}
				if err := json.Unmarshal(plain, &r.Attempt.Exchange); err != nil {
					return fmt.Errorf("attempt %s: %w", r.Attempt.ID, err)
				}
			}
			out = append(out, r.Tried)
		}
		return nil
	})
	return out, err
}

// Failing says from when to when every attempt on an account failed: the starts of
// the first and of the last failure that no success followed, among attempts that
// began at after or later. Zero: the last one succeeded, or there was none.
func (s *Store) Failing(ctx context.Context, workspace, account string, after time.Time) (first, last time.Time, err error) {
	const of = ` FROM delivery d JOIN attempt a ON a.workspace = d.workspace AND a.delivery = d.id
		WHERE d.workspace = $1 AND d.account = $2 AND d.attempts > 0 AND d.created_at >= $3 AND a.started_at >= $4 AND a.outcome `
	err = s.view(ctx, workspace, func(t *tx) error {
		// A message waits for 5 days at most, so older ones have no attempt after.
		old := us(after.Add(-5 * 24 * time.Hour))
		good, err := one(t, scanInt, `SELECT coalesce(max(a.started_at), 0)`+of+`= 'accepted'`, workspace, account, old, us(after))
		if err != nil {
			return err
		}
		bad, err := one(t, func(scan func(...any) error) (bad [2]int64, err error) {
			err = scan(&bad[0], &bad[1])
			return bad, err
		}, `SELECT coalesce(min(a.started_at), 0), coalesce(max(a.started_at), 0)`+of+`IN ('retry', 'failed', 'unknown')`, workspace, account, old, max(us(after), good+1))
		first, last = at(bad[0]), at(bad[1])
		return err
	})
	return first, last, err
}
