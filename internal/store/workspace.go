package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/engawa/engawa"
)

// AddWorkspace stores a workspace.
func (s *Store) AddWorkspace(ctx context.Context, w engawa.Workspace) error {
	if err := s.inTx(ctx, w.ID, func(t *tx) error { return t.addWorkspace(w) }); err != nil {
		return fmt.Errorf("add workspace %s: %w", w.ID, err)
	}
	return nil
}

func (t *tx) addWorkspace(w engawa.Workspace) error {
	sender, house, err := profile(w)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO workspace (id, name, locale, zone, country, sender, house, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		w.ID, w.Name, string(w.Locale), w.Zone, w.Country, sender, house, us(w.CreatedAt))
	return err
}

// welcomeLock is the advisory lock of those who look for the first owner: "welc"
// in ASCII.
const welcomeLock = 0x77656c63

// Welcome gives a hub that has no members yet its first owner: in its oldest
// workspace or, where there is none, in w. It answers that member; the zero Member
// where there are members already. Of nodes that start at the same moment one gets an
// answer, and one workspace is made.
func (s *Store) Welcome(ctx context.Context, w engawa.Workspace, owner func(engawa.Workspace) engawa.Member) (m engawa.Member, err error) {
	welcome := func(t *tx) error {
		members, err := one(t, scanInt, `SELECT count(*) FROM member`)
		if err != nil || members > 0 {
			return err
		}
		oldest, err := all(t, scanWorkspace, `SELECT `+workspaceColumns+` FROM workspace ORDER BY created_at, id LIMIT 1`)
		if err != nil {
			return err
		}
		if len(oldest) > 0 {
			w = oldest[0]
		} else if err := t.addWorkspace(w); err != nil {
			return err
		}
		m = owner(w)
		return t.addMember(SignIn{Member: m})
	}
	if s.lite {
		err = s.inTx(ctx, everywhere, welcome)
	} else {
		err = s.postgresTx(ctx, fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", welcomeLock), everywhere, welcome)
	}
	if err != nil {
		return engawa.Member{}, fmt.Errorf("welcome the first owner: %w", err)
	}
	return m, nil
}

// ChangeWorkspace replaces name, locale, zone, country, sender and house rules.
func (s *Store) ChangeWorkspace(ctx context.Context, w engawa.Workspace) error {
	sender, house, err := profile(w)
	if err != nil {
		return fmt.Errorf("change workspace %s: %w", w.ID, err)
	}
	return s.inTx(ctx, w.ID, func(t *tx) error {
		if err := t.must("change workspace "+w.ID, `UPDATE workspace SET name = $2, locale = $3, zone = $4, country = $5, sender = $6, house = $7
			WHERE id = $1`, w.ID, w.Name, string(w.Locale), w.Zone, w.Country, sender, house); err != nil {
			return err
		}
		return t.noted(w.ID, "change-workspace", w.ID, "")
	})
}

func profile(w engawa.Workspace) (sender, house string, err error) {
	a, err := json.Marshal(w.Sender)
	if err != nil {
		return "", "", err
	}
	w.House.PacksOff = nil // they stand in a column of their own: see SwitchPack
	b, err := json.Marshal(w.House)
	return string(a), string(b), err
}

const workspaceColumns = `id, name, locale, zone, country, sender, house, packs_off, created_at`

func scanWorkspace(scan func(...any) error) (w engawa.Workspace, err error) {
	var sender, house, off string
	var created int64
	if err := scan(&w.ID, &w.Name, &w.Locale, &w.Zone, &w.Country, &sender, &house, &off, &created); err != nil {
		return w, err
	}
	w.CreatedAt = at(created)
	err = errors.Join(json.Unmarshal([]byte(sender), &w.Sender), json.Unmarshal([]byte(house), &w.House))
	if off != "" {
		w.House.PacksOff = strings.Fields(off)
	}
	return w, err
}

// Workspace returns one workspace.
func (s *Store) Workspace(ctx context.Context, id string) (w engawa.Workspace, err error) {
	err = s.view(ctx, id, func(t *tx) error {
		w, err = t.workspace(id)
		return err
	})
	return w, err
}

func (t *tx) workspace(id string) (engawa.Workspace, error) {
	w, err := one(t, scanWorkspace, `SELECT `+workspaceColumns+` FROM workspace WHERE id = $1`, id)
	return w, found("workspace", err)
}

// Workspaces returns every workspace, oldest first.
func (s *Store) Workspaces(ctx context.Context) (ws []engawa.Workspace, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		ws, err = all(t, scanWorkspace, `SELECT `+workspaceColumns+` FROM workspace ORDER BY created_at, id`)
		return err
	})
	return ws, err
}

// WorkspaceOf says which workspace a public id belongs to: an account's or an
// API key's.
func (s *Store) WorkspaceOf(ctx context.Context, publicID string) (workspace string, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		workspace, err = one(t, scanString, `SELECT workspace FROM directory WHERE public_id = $1`, publicID)
		return found("id", err)
	})
	return workspace, err
}

// found turns "no rows" into an error that a user may read.
func found(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return engawa.NotFound(what)
	}
	return err
}
