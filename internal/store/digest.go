package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Gathered is an event that a route's step gathers instead of telling of it by
// itself.
type Gathered struct {
	Route   string
	Version int64
	Step    int
	By      string        // the value in which the events of one digest agree
	Within  time.Duration // of the first event the digest is due at the latest
	Count   int           // at so many events it is due at once
	// Kin, unless nil, says which events are of one cause with this one: it goes
	// to the first of them that waits here. The digest is due at once when it has
	// events of Count types.
	Kin func(engawa.Event) bool
}

// Digest is events that are to be told of in one message.
type Digest struct {
	Workspace string
	ID        string
	Route     string
	Version   int64
	Step      int
	Events    []engawa.Event // in the order in which they were received
}

// gather adds an event to the open digest of its step, or opens one.
func (t *tx) gather(r Routed, g Gathered, now time.Time) error {
	workspace, event, by := r.Workspace, r.Event, ""
	if g.Kin != nil {
		joined, err := t.join(r, g, now)
		if err != nil {
			return fmt.Errorf("gather %s: %w", event, err)
		}
		if joined {
			return nil
		}
		g.By = event // a digest of its own, until one of its cause comes
	}
	if g.By != "" {
		by, _ = t.s.vault.Index(workspace, "digest:"+g.Route, g.By)
	}
	id, err := one(t, scanString, `INSERT INTO digest (workspace, id, route, version, step, by_hash, state, count, opened_at, due_at)
		VALUES ($1, $2, $3, $4, $5, $6, 'open', 1, $7, $8)
		ON CONFLICT (workspace, route, version, step, by_hash) WHERE state = 'open'
		DO UPDATE SET count = digest.count + 1, due_at = CASE WHEN digest.count + 1 >= $9 THEN $7 ELSE digest.due_at END
		RETURNING id`, workspace, engawa.NewOrderedID(engawa.PrefixDigest, now), g.Route, g.Version, g.Step, by, us(now), us(now.Add(g.Within)), g.Count)
	if err == nil {
		_, err = t.exec(`INSERT INTO digest_event (workspace, digest, event) VALUES ($1, $2, $3)`, workspace, id, event)
	}
	if err != nil {
		return fmt.Errorf("gather %s: %w", event, err)
	}
	return nil
}

// mark keeps by what the event is found by those of one cause with it.
func (t *tx) mark(r Routed) error {
	var rows [][]any
	for _, h := range t.causes(r) {
		rows = append(rows, []any{r.Workspace, h, r.Event})
	}
	if _, err := t.insert(`INSERT INTO cause (workspace, hash, event) VALUES ($1, $2, $3)`, rows); err != nil {
		return fmt.Errorf("mark %s: %w", r.Event, err)
	}
	return nil
}

func (t *tx) causes(r Routed) (hashes []string) {
	for _, m := range r.Marks {
		h, _ := t.s.vault.Index(r.Workspace, "cause", m)
		hashes = append(hashes, h)
	}
	return hashes
}

// join puts an event into the oldest open digest of its step that holds one of its
// cause. It reports false where there is none, or another node just told of it.
func (t *tx) join(r Routed, g Gathered, now time.Time) (bool, error) {
	ids, err := all(t, scanString, `SELECT g.digest FROM digest_event g CROSS JOIN digest d
		WHERE g.workspace = $1 AND d.workspace = g.workspace AND d.id = g.digest AND g.event IN (SELECT event FROM cause WHERE workspace = $1 AND hash {in $5})
		AND d.route = $2 AND d.version = $3 AND d.step = $4 AND d.state = 'open' ORDER BY d.id`, r.Workspace, g.Route, g.Version, g.Step, t.list(t.causes(r)))
	if err != nil {
		return false, err
	}
	for _, id := range distinct(ids) {
		evs, err := t.gathered(Digest{Workspace: r.Workspace, ID: id})
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(evs, g.Kin) {
			continue
		}
		n, err := t.exec(`UPDATE digest SET count = count + 1 WHERE workspace = $1 AND id = $2 AND state = 'open'`, r.Workspace, id)
		if err != nil || n == 0 {
			return false, err
		}
		if _, err := t.exec(`INSERT INTO digest_event (workspace, digest, event) VALUES ($1, $2, $3)`, r.Workspace, id, r.Event); err != nil {
			return false, err
		}
		_, err = t.exec(`UPDATE digest SET due_at = $3 WHERE workspace = $1 AND id = $2 AND $4 <= (SELECT count(DISTINCT type) FROM event
			WHERE workspace = $1 AND id IN (SELECT event FROM digest_event WHERE workspace = $1 AND digest = $2))`, r.Workspace, id, us(now), g.Count)
		return err == nil, err
	}
	return false, nil
}

// OneCause returns, the oldest first, the events that share a mark with e, happened
// no further from it than within, and are of one cause with it as kin says: a
// hundred at most.
func (s *Store) OneCause(ctx context.Context, e engawa.Event, within time.Duration, kin func(engawa.Event) bool) (evs []engawa.Event, err error) {
	err = s.view(ctx, e.Workspace, func(t *tx) error {
		rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1 AND id <> $2 AND occurred_at >= $3 AND occurred_at <= $4
			AND id IN (SELECT event FROM cause WHERE workspace = $1 AND hash IN (SELECT hash FROM cause WHERE workspace = $1 AND event = $2))
			ORDER BY received_at, id LIMIT 100`, e.Workspace, e.ID, us(e.OccurredAt.Add(-within)), us(e.OccurredAt.Add(within)))
		if err == nil {
			evs, err = t.openEvents(e.Workspace, rows)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the events of one cause with %s: %w", e.ID, err)
	}
	return slices.DeleteFunc(evs, func(other engawa.Event) bool { return !kin(other) }), nil
}

// Waiting returns the routes whose digests hold an event and wait for others.
func (s *Store) Waiting(ctx context.Context, workspace, event string) (routes []string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		routes, err = all(t, scanString, `SELECT d.route FROM digest_event g CROSS JOIN digest d
			WHERE g.workspace = $1 AND g.event = $2 AND d.workspace = g.workspace AND d.id = g.digest AND d.state = 'open' ORDER BY d.route`, workspace, event)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("what %s waits for: %w", event, err)
	}
	return distinct(routes), nil
}

// Gathered returns the events that a message tells of together; none where it tells
// of the event that made it alone.
func (s *Store) Gathered(ctx context.Context, workspace, message string) (evs []engawa.Event, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ids, err := all(t, scanString, `SELECT id FROM digest WHERE workspace = $1 AND message <> '' AND message = $2`, workspace, message)
		if err == nil && len(ids) == 1 {
			evs, err = t.gathered(Digest{Workspace: workspace, ID: ids[0]})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("what %s tells of: %w", message, err)
	}
	return evs, nil
}

// DueDigests returns open digests of all workspaces that are due, the oldest first.
func (s *Store) DueDigests(ctx context.Context, limit int) (ds []Digest, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		ds, err = all(t, func(scan func(...any) error) (d Digest, err error) {
			return d, scan(&d.Workspace, &d.ID, &d.Route, &d.Version, &d.Step)
		}, `SELECT workspace, id, route, version, step FROM digest WHERE state = 'open' AND due_at <= $1 ORDER BY due_at, id LIMIT $2`, now(), limit)
		for i := range ds {
			if err == nil {
				ds[i].Events, err = t.gathered(ds[i])
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("due digests: %w", err)
	}
	return ds, nil
}

func (t *tx) gathered(d Digest) ([]engawa.Event, error) {
	rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1
		AND id IN (SELECT event FROM digest_event WHERE workspace = $1 AND digest = $2) ORDER BY received_at, id`, d.Workspace, d.ID)
	if err != nil {
		return nil, err
	}
	return t.openEvents(d.Workspace, rows)
}

// NextDigest says when the next open digest is due; ok is false when none is open.
func (s *Store) NextDigest(ctx context.Context) (due time.Time, ok bool, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		dues, err := all(t, scanInt, `SELECT due_at FROM digest WHERE state = 'open' ORDER BY due_at LIMIT 1`)
		if ok = len(dues) == 1; ok {
			due = at(dues[0])
		}
		return err
	})
	return due, ok, err
}

// Tell ends a digest with the messages that tell of it: none, where they could
// not be made. It reports false, and nothing happens, if another node ended it or
// an event came in since it was read.
func (s *Store) Tell(ctx context.Context, d Digest, ms []NewMessage) (told bool, err error) {
	var lanes laneSet
	message := ""
	if len(ms) > 0 {
		message = ms[0].Message.ID
	}
	err = s.sealTx(ctx, []string{d.Workspace}, func(t *tx) error {
		n, err := t.exec(`UPDATE digest SET state = 'done', message = $3 WHERE workspace = $1 AND id = $2 AND state = 'open' AND count = $4`,
			d.Workspace, d.ID, message, len(d.Events))
		if told = n == 1; err != nil || !told {
			return err
		}
		lanes, _, err = t.enqueue(ms)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("tell of digest %s: %w", d.ID, err)
	}
	lanes.wake(s)
	return told, nil
}

// RouteVersions returns the newest hundred versions of a route, the newest first.
func (s *Store) RouteVersions(ctx context.Context, workspace, id string) (rs []engawa.Route, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rs, err = all(t, scanRoute, `SELECT `+routeColumns+` FROM route WHERE workspace = $1 AND id = $2 ORDER BY version DESC LIMIT 100`, workspace, id)
		if err == nil && len(rs) == 0 {
			err = engawa.NotFound("route")
		}
		return err
	})
	return rs, err
}
