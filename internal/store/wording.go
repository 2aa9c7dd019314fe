package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// AddWording keeps the next version of what customers are shown, and returns it
// with its number and who made it.
func (s *Store) AddWording(ctx context.Context, w engawa.Wording) (engawa.Wording, error) {
	words, err := json.Marshal(w.Words)
	if err != nil {
		return w, fmt.Errorf("add wording: %w", err)
	}
	err = s.inTx(ctx, w.Workspace, func(t *tx) error {
		// Two at a time: the second waits, since the numbers follow one another.
		if _, err := one(t, scanString, `SELECT id FROM workspace WHERE id = $1 {lock}`, w.Workspace); err != nil {
			return found("workspace", err)
		}
		last, err := one(t, scanInt, `SELECT coalesce(max(version), 0) FROM consent_wording WHERE workspace = $1 AND app = $2 AND act = $3 AND purpose = $4`,
			w.Workspace, w.App, string(w.Act), string(w.Purpose))
		if err != nil {
			return err
		}
		w.Version, w.MadeBy, w.MadeAt = last+1, s.actor, time.Now().UTC().Truncate(time.Microsecond)
		if err := t.must("add wording", `INSERT INTO consent_wording (workspace, app, act, purpose, version, words, made_by, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			w.Workspace, w.App, string(w.Act), string(w.Purpose), w.Version, string(words), w.MadeBy, us(w.MadeAt)); err != nil {
			return err
		}
		return t.noted(w.Workspace, "add-wording", w.App, fmt.Sprintf("%s %s %d", w.Act, w.Purpose, w.Version))
	})
	if err != nil {
		return w, fmt.Errorf("add wording: %w", err)
	}
	return w, nil
}

// Wordings returns every version of what customers of a workspace are shown, the
// newest of each first.
func (s *Store) Wordings(ctx context.Context, workspace string) (ws []engawa.Wording, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ws, err = all(t, func(scan func(...any) error) (w engawa.Wording, err error) {
			var words string
			var made int64
			if err := scan(&w.Workspace, &w.App, &w.Act, &w.Purpose, &w.Version, &words, &w.MadeBy, &made); err != nil {
				return w, err
			}
			w.MadeAt = at(made)
			return w, json.Unmarshal([]byte(words), &w.Words)
		}, `SELECT workspace, app, act, purpose, version, words, made_by, made_at FROM consent_wording
			WHERE workspace = $1 ORDER BY app, act, purpose, version DESC`, workspace)
		return err
	})
	return ws, err
}
