package store

import (
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// InApp is a message that waits in an app, or was fetched there.
type InApp struct {
	ID        string
	App       string
	Body      []byte // the words
	KeptAt    time.Time
	EndsAt    time.Time // shown no longer
	FetchedAt time.Time // zero: not yet
	SeenAt    time.Time
}

// MaxInApp is how many messages an app gets at once.
const MaxInApp = 50

// KeepInApp keeps a delivery's words for an app until its message ends; one without
// an end for 90 days. Kept again it changes nothing; for a customer who was erased
// meanwhile it is ErrErased.
func (s *Store) KeepInApp(ctx context.Context, workspace, delivery, app string, body []byte) error {
	type row struct {
		customer string
		ends     int64
	}
	err := s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		r, err := one(t, func(scan func(...any) error) (r row, err error) { return r, scan(&r.customer, &r.ends) },
			`SELECT m.customer, m.expires_at FROM delivery d JOIN message m ON m.workspace = d.workspace AND m.id = d.message WHERE d.workspace = $1 AND d.id = $2`, workspace, delivery)
		if err != nil {
			return found("delivery", err)
		}
		if r.ends == 0 {
			r.ends = us(time.Now().Add(keptInApp))
		}
		ring, err := t.keys(workspace, []string{r.customer})
		if err != nil {
			return err
		}
		id := engawa.FixedID(engawa.PrefixInApp, workspace, delivery)
		sealed, by, err := ring.seal(workspace, r.customer, "in_app", id, body)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO in_app (workspace, id, delivery, app, customer, kept_at, ends_at, fetched_at, seen_at, sealed_by, sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9) ON CONFLICT (workspace, id) DO NOTHING`, workspace, id, delivery, app, r.customer, now(), r.ends, by, sealed)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep for the app: %w", err)
	}
	return nil
}

// FetchInApp returns what a customer's app shows, the latest first, at most
// MaxInApp, and writes down that it was delivered.
func (s *Store) FetchInApp(ctx context.Context, workspace, app, customer string) (out []InApp, err error) {
	type row struct {
		InApp
		delivery, by string
		waits        bool // it is not marked as delivered yet
		sealed       []byte
	}
	var deliveries []string
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, func(scan func(...any) error) (r row, err error) {
			var kept, ends, fetched, seen int64
			err = scan(&r.ID, &r.App, &r.delivery, &kept, &ends, &fetched, &seen, &r.by, &r.sealed, &r.waits)
			r.KeptAt, r.EndsAt, r.FetchedAt, r.SeenAt = at(kept), at(ends), at(fetched), at(seen)
			return r, err
		}, `SELECT id, app, delivery, kept_at, ends_at, fetched_at, seen_at, sealed_by, sealed,
				fetched_at = 0 OR EXISTS (SELECT 1 FROM delivery d WHERE d.workspace = in_app.workspace AND d.id = in_app.delivery AND d.state = 'accepted') FROM in_app
			WHERE workspace = $1 AND customer = $2 AND app = $3 AND ends_at > $4 ORDER BY kept_at DESC, id LIMIT $5`, workspace, customer, app, now(), MaxInApp)
		if err != nil {
			return err
		}
		ring, err := t.keys(workspace, []string{customer})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if !ring.opens(r.by) {
				continue // erased this moment
			}
			if r.Body, err = ring.open(workspace, r.by, "in_app", r.ID, r.sealed); err != nil {
				return err
			}
			if out = append(out, r.InApp); r.waits {
				deliveries = append(deliveries, r.delivery)
			}
		}
		return nil
	})
	if err != nil || len(deliveries) == 0 { // an app asks often, and mostly there is nothing new
		return out, err
	}
	return out, s.inTx(ctx, workspace, func(t *tx) error { return t.fetched(workspace, deliveries) })
}

// fetched marks deliveries as delivered. One whose handing over is not written
// down yet is marked the next time.
func (t *tx) fetched(workspace string, deliveries []string) error {
	if _, err := t.exec(`UPDATE in_app SET fetched_at = $3 WHERE workspace = $1 AND delivery {in $2} AND fetched_at = 0`, workspace, t.list(deliveries), now()); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE delivery SET state = 'delivered', updated_at = $3 WHERE workspace = $1 AND id {in $2} AND state = 'accepted'`, workspace, t.list(deliveries), now())
	return err
}

// SeeInApp writes down that the customer saw a message, and reports it where a route
// asks. Seen again it stays as it was the first time.
func (s *Store) SeeInApp(ctx context.Context, workspace, app, customer, id string) error {
	return s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		delivery, err := one(t, scanString, `SELECT delivery FROM in_app WHERE workspace = $1 AND id = $2 AND app = $3 AND customer = $4`, workspace, id, app, customer)
		if err != nil {
			return found("message in the app", err)
		}
		n, err := t.exec(`UPDATE in_app SET seen_at = $3 WHERE workspace = $1 AND id = $2 AND seen_at = 0`, workspace, id, now())
		if err != nil || n == 0 {
			return err
		}
		return t.reportSeen(workspace, app, customer, delivery)
	})
}

func (t *tx) reportSeen(workspace, app, customer, delivery string) error {
	message, err := one(t, scanString, `SELECT message FROM delivery WHERE workspace = $1 AND id = $2`, workspace, delivery)
	if err != nil {
		return found("delivery", err)
	}
	const typ = "app.message.seen"
	return t.report(engawa.Event{Workspace: workspace, Type: typ, DedupKey: typ + ":" + delivery, Subject: "message:" + message, Customer: customer},
		map[string]string{"message": message, "delivery": delivery, "app": app})
}

// seenIn says when deliveries were seen in an app.
func (t *tx) seenIn(workspace string, deliveries []engawa.Delivery) error {
	var ids []string
	for _, d := range deliveries {
		ids = append(ids, d.ID)
	}
	when, err := t.seenBy(`SELECT delivery, seen_at FROM in_app WHERE workspace = $1 AND delivery {in $2} AND seen_at > 0`, workspace, ids)
	for i := range deliveries {
		deliveries[i].SeenAt = when[deliveries[i].ID]
	}
	return err
}

// seenMessages says when messages were seen first, of those that were.
func (t *tx) seenMessages(workspace string, messages []string) (map[string]time.Time, error) {
	return t.seenBy(`SELECT d.message, min(x.seen_at) FROM delivery d JOIN in_app x ON x.workspace = d.workspace AND x.delivery = d.id
		WHERE d.workspace = $1 AND d.message {in $2} AND x.seen_at > 0 GROUP BY d.message`, workspace, messages)
}

func (t *tx) seenBy(query, workspace string, ids []string) (map[string]time.Time, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type row struct {
		id   string
		when int64
	}
	rows, err := all(t, func(scan func(...any) error) (r row, err error) { return r, scan(&r.id, &r.when) }, query, workspace, t.list(ids))
	out := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		out[r.id] = at(r.when)
	}
	return out, err
}

// keptInApp is how long it is kept what an app showed.
const keptInApp = 90 * 24 * time.Hour
