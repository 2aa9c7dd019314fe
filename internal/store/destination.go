package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// AddDestination stores a staff place, its address sealed.
func (s *Store) AddDestination(ctx context.Context, d engawa.Destination) error {
	err := s.inTx(ctx, d.Workspace, func(t *tx) error { return t.addDestination(d) })
	if err != nil {
		return fmt.Errorf("add destination %s: %w", d.ID, err)
	}
	return nil
}

func (t *tx) addDestination(d engawa.Destination) error {
	if err := t.s.circles(d.Address); err != nil {
		return err
	}
	ring, err := t.keys(d.Workspace, nil)
	if err != nil {
		return err
	}
	sealed, by, err := ring.seal(d.Workspace, "", "destination", d.ID, []byte(d.Address.Reveal()))
	if err != nil {
		return err
	}
	index, key := t.s.vault.Index(d.Workspace, "address:"+StaffPlaces, foldAddress(d.Address))
	_, err = t.exec(`INSERT INTO destination (workspace, id, name, account, address_index, key_id, locale, sealed, sealed_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		d.Workspace, d.ID, d.Name, d.Account, index, key, string(d.Locale), sealed, by, us(d.CreatedAt))
	if err != nil {
		return err
	}
	return t.noted(d.Workspace, "create-destination", d.ID, d.Account)
}

type destinationRow struct {
	engawa.Destination
	index string
}

func (t *tx) destinations(workspace, where string, args ...any) ([]destinationRow, error) {
	ring, err := t.keys(workspace, nil)
	if err != nil {
		return nil, err
	}
	return all(t, func(scan func(...any) error) (d destinationRow, err error) {
		var created int64
		var sealed []byte
		var by string
		if err := scan(&d.Workspace, &d.ID, &d.Name, &d.Account, &d.index, &d.Locale, &sealed, &by, &created); err != nil {
			return d, err
		}
		d.CreatedAt = at(created)
		plain, err := ring.open(workspace, by, "destination", d.ID, sealed)
		d.Address = engawa.Address(plain)
		return d, err
	}, `SELECT workspace, id, name, account, address_index, locale, sealed, sealed_by, created_at
		FROM destination WHERE workspace = $1 AND ended_at = 0 `+where, append([]any{workspace}, args...)...)
}

// Destinations returns a workspace's staff places.
func (s *Store) Destinations(ctx context.Context, workspace string) (ds []engawa.Destination, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := t.destinations(workspace, `ORDER BY created_at, id`)
		for _, r := range rows {
			ds = append(ds, r.Destination)
		}
		return err
	})
	return ds, err
}

// EndDestination takes a staff place away. One that a route sends to is a
// conflict: what the route tells would fall silent. It takes the destination's
// row, which a claim holds too: nothing is handed over to the place from the
// moment it returns, and what is queued for it is refused when it is due, so that
// its fallback goes.
func (s *Store) EndDestination(ctx context.Context, workspace, id string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM destination WHERE workspace = $1 AND id = $2 AND ended_at = 0 {lock}`, workspace, id); err != nil {
			return found("destination", err)
		}
		rs, err := t.routes(workspace)
		if err != nil {
			return err
		}
		for _, r := range rs {
			if slices.Contains(destinationsOf(r), id) {
				return &engawa.Error{
					Code: engawa.CodeConflict, Message: fmt.Sprintf("the route %s sends to this destination", r.ID),
					Remedy: "let the route send elsewhere first (PUT /v1/routes/" + r.ID + ")",
				}
			}
		}
		if err := t.must("end destination", `UPDATE destination SET ended_at = $3 WHERE workspace = $1 AND id = $2`, workspace, id, now()); err != nil {
			return err
		}
		return t.noted(workspace, "end-destination", id, "")
	})
	if err != nil {
		return fmt.Errorf("end destination %s: %w", id, err)
	}
	return nil
}

// standing refuses staff places that were taken away, and keeps the others from
// it until the transaction ends.
func (t *tx) standing(workspace string, destinations []string) error {
	ended, err := all(t, scanInt, `SELECT ended_at FROM destination WHERE workspace = $1 AND id {in $2} ORDER BY id {share}`, workspace, t.list(destinations))
	if err == nil && slices.ContainsFunc(ended, func(at int64) bool { return at > 0 }) {
		err = &engawa.Error{Code: engawa.CodeConflict, Message: "a destination of this route was taken away", Remedy: "choose one that GET /v1/destinations lists"}
	}
	return err
}

// destinationsOf are the staff places that a route names, and "customer" where
// it writes to one.
func destinationsOf(r engawa.Route) []string {
	var ids []string
	for _, step := range r.Then {
		ids = append(ids, step.To)
		for _, v := range step.Via {
			ids = append(ids, v.Destination)
		}
	}
	return distinct(ids)
}

// SaveRoute stores a new version of a route. The version must follow the one
// that r was loaded with; 0 makes a new route. A staff place that it names must
// not have been taken away.
func (s *Store) SaveRoute(ctx context.Context, r engawa.Route) error {
	err := s.inTx(ctx, r.Workspace, func(t *tx) error { return t.saveRoute(r) })
	if err != nil {
		return fmt.Errorf("save route %s: %w", r.ID, err)
	}
	return nil
}

func (t *tx) saveRoute(r engawa.Route) error {
	body, err := json.Marshal(routeBody{r.Events, r.Condition, r.Then})
	if err != nil {
		return err
	}
	if err := t.supersede("route", r.Workspace, r.ID, r.Version); err != nil {
		return err
	}
	if err := t.standing(r.Workspace, destinationsOf(r)); err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO route (workspace, id, version, current, name, enabled, body, updated_by, updated_at)
		VALUES ($1, $2, $3, TRUE, $4, $5, $6, $7, $8)`,
		r.Workspace, r.ID, r.Version+1, r.Name, r.Enabled, string(body), r.UpdatedBy, us(r.UpdatedAt))
	if err != nil {
		return err
	}
	return t.noted(r.Workspace, "save-route", r.ID, fmt.Sprintf("version=%d enabled=%t", r.Version+1, r.Enabled))
}

type routeBody struct {
	Events    []string      `json:"events"`
	Condition string        `json:"condition,omitempty"`
	Then      []engawa.Step `json:"then"`
}

// supersede ends the current version of a versioned row, which must be version.
func (t *tx) supersede(table, workspace, id string, version int64) error {
	if version == 0 {
		return nil
	}
	n, err := t.exec(`UPDATE `+table+` SET current = FALSE WHERE workspace = $1 AND id = $2 AND version = $3 AND current = TRUE`, workspace, id, version)
	if err == nil && n == 0 {
		err = &engawa.Error{Code: engawa.CodeConflict, Message: "somebody else changed this " + table + " meanwhile", Remedy: "load it again and repeat your change"}
	}
	return err
}

// Routes returns the current version of every route, by name.
func (s *Store) Routes(ctx context.Context, workspace string) (rs []engawa.Route, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rs, err = t.routes(workspace)
		return err
	})
	return rs, err
}

func (t *tx) routes(workspace string) ([]engawa.Route, error) {
	return all(t, scanRoute, `SELECT `+routeColumns+` FROM route WHERE workspace = $1 AND current = TRUE ORDER BY name, id`, workspace)
}

const routeColumns = `workspace, id, version, name, enabled, body, updated_by, updated_at`

func scanRoute(scan func(...any) error) (r engawa.Route, err error) {
	var body string
	var updated int64
	if err := scan(&r.Workspace, &r.ID, &r.Version, &r.Name, &r.Enabled, &body, &r.UpdatedBy, &updated); err != nil {
		return r, err
	}
	var b routeBody
	err = json.Unmarshal([]byte(body), &b)
	r.Events, r.Condition, r.Then, r.UpdatedAt = b.Events, b.Condition, b.Then, at(updated)
	return r, err
}

// SaveTemplate stores a new version of a template, as SaveRoute does of a route.
func (s *Store) SaveTemplate(ctx context.Context, m engawa.Template) error {
	words, err := json.Marshal(m.Words)
	if err != nil {
		return fmt.Errorf("save template %s: %w", m.ID, err)
	}
	err = s.inTx(ctx, m.Workspace, func(t *tx) error {
		if err := t.supersede("template", m.Workspace, m.ID, m.Version); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO template (workspace, id, version, current, name, words, updated_at) VALUES ($1, $2, $3, TRUE, $4, $5, $6)`,
			m.Workspace, m.ID, m.Version+1, m.Name, string(words), us(time.Now()))
		if err != nil {
			return err
		}
		return t.noted(m.Workspace, "save-template", m.ID, fmt.Sprintf("version=%d", m.Version+1))
	})
	if err != nil {
		return fmt.Errorf("save template %s: %w", m.ID, err)
	}
	return nil
}

// Templates returns the current version of every template.
func (s *Store) Templates(ctx context.Context, workspace string) (ms []engawa.Template, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ms, err = all(t, func(scan func(...any) error) (m engawa.Template, err error) {
			var words string
			var updated int64
			if err := scan(&m.Workspace, &m.ID, &m.Version, &m.Name, &words, &updated); err != nil {
				return m, err
			}
			m.UpdatedAt = at(updated)
			return m, json.Unmarshal([]byte(words), &m.Words)
		}, `SELECT workspace, id, version, name, words, updated_at FROM template WHERE workspace = $1 AND current = TRUE ORDER BY name, id`, workspace)
		return err
	})
	return ms, err
}

// AddApp stores an app.
func (s *Store) AddApp(ctx context.Context, a engawa.App) error {
	return s.inTx(ctx, a.Workspace, func(t *tx) error {
		_, err := t.exec(`INSERT INTO app (workspace, id, name, partner, created_at) VALUES ($1, $2, $3, $4, $5)`,
			a.Workspace, a.ID, a.Name, a.Partner, us(a.CreatedAt))
		if err != nil {
			return err
		}
		return t.noted(a.Workspace, "create-app", a.ID, a.Partner)
	})
}

// Apps returns a workspace's apps.
func (s *Store) Apps(ctx context.Context, workspace string) (as []engawa.App, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		as, err = t.apps(workspace)
		return err
	})
	return as, err
}

func (t *tx) apps(workspace string) ([]engawa.App, error) {
	return all(t, func(scan func(...any) error) (a engawa.App, err error) {
		var created int64
		err = scan(&a.Workspace, &a.ID, &a.Name, &a.Partner, &created)
		a.CreatedAt = at(created)
		return a, err
	}, `SELECT workspace, id, name, partner, created_at FROM app WHERE workspace = $1 ORDER BY created_at, id`, workspace)
}
