package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// maxEventTypes bounds what a workspace may add to the catalogue.
const maxEventTypes = 200

// SaveEventType stores a workspace's own type of events, or puts it in place of
// the one of that name.
func (s *Store) SaveEventType(ctx context.Context, e engawa.EventType) error {
	names, err := json.Marshal(e.Names)
	if err != nil {
		return fmt.Errorf("save event type %s: %w", e.Type, err)
	}
	err = s.inTx(ctx, e.Workspace, func(t *tx) error {
		n, err := one(t, scanInt, `SELECT count(*) FROM event_type WHERE workspace = $1 AND type <> $2`, e.Workspace, e.Type)
		if err != nil {
			return err
		}
		if n >= maxEventTypes {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: fmt.Sprintf("this workspace has %d types of its own; %d are allowed", n, maxEventTypes),
				Remedy: "take one away that no event uses any more",
			}
		}
		_, err = t.exec(`INSERT INTO event_type (workspace, type, names, body, sample, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (workspace, type) DO UPDATE SET names = excluded.names, body = excluded.body, sample = excluded.sample,
				updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
			e.Workspace, e.Type, string(names), string(e.Schema), string(e.Sample), e.UpdatedBy, us(e.UpdatedAt))
		if err != nil {
			return err
		}
		return t.noted(e.Workspace, "save-event-type", e.Type, "")
	})
	if err != nil {
		return fmt.Errorf("save event type %s: %w", e.Type, err)
	}
	return nil
}

// EventTypes returns the types that a workspace made, by name.
func (s *Store) EventTypes(ctx context.Context, workspace string) (es []engawa.EventType, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		es, err = all(t, func(scan func(...any) error) (e engawa.EventType, err error) {
			var names, body, sample string
			var updated int64
			if err := scan(&e.Workspace, &e.Type, &names, &body, &sample, &e.UpdatedBy, &updated); err != nil {
				return e, err
			}
			e.Schema, e.Sample, e.UpdatedAt = []byte(body), []byte(sample), at(updated)
			return e, json.Unmarshal([]byte(names), &e.Names)
		}, `SELECT workspace, type, names, body, sample, updated_by, updated_at FROM event_type WHERE workspace = $1 ORDER BY type`, workspace)
		return err
	})
	return es, err
}

// EndEventType takes a type away. Its events and routes stay; new events of it
// are not held against a schema any more.
func (s *Store) EndEventType(ctx context.Context, workspace, typ string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("event type of your own", `DELETE FROM event_type WHERE workspace = $1 AND type = $2`, workspace, typ); err != nil {
			return err
		}
		return t.noted(workspace, "end-event-type", typ, "")
	})
	if err != nil {
		return fmt.Errorf("end event type %s: %w", typ, err)
	}
	return nil
}

// CountLimit is how many of the newest events EventCounts looks at.
const CountLimit = 100_000

// EventCounts counts the events of each type since an instant, among the newest
// CountLimit. All of them is how many were counted.
func (s *Store) EventCounts(ctx context.Context, workspace string, since time.Time) (counts map[string]int, all int, err error) {
	from := engawa.NewOrderedID(engawa.PrefixEvent, since)[:len(engawa.PrefixEvent)+1+9]
	err = s.view(ctx, workspace, func(t *tx) error {
		counts, err = tally[string](t, `SELECT type, count(*) FROM (SELECT type FROM event WHERE workspace = $1 AND id >= $2 ORDER BY id DESC LIMIT $3) newest GROUP BY type`,
			workspace, from, CountLimit)
		return err
	})
	for _, n := range counts {
		all += n
	}
	return counts, all, err
}
