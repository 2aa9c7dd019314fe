package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

const switchColumns = `workspace, version, pack, is_on, reason, switched_by, at`

func scanSwitch(scan func(...any) error) (p engawa.PackSwitch, err error) {
	var when int64
	err = scan(&p.Workspace, &p.Version, &p.Pack, &p.On, &p.Reason, &p.By, &when)
	p.At = at(when)
	return p, err
}

// PackSwitches returns every switch of a pack of rules, newest first. Before the
// first all packs are on.
func (s *Store) PackSwitches(ctx context.Context, workspace string) (ps []engawa.PackSwitch, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ps, err = all(t, scanSwitch, `SELECT `+switchColumns+` FROM pack_switch WHERE workspace = $1 ORDER BY version DESC`, workspace)
		return err
	})
	return ps, err
}

// SwitchPack switches a pack of rules on or off: what is judged from then on is
// judged so. p.Version is that of the newest switch when it was decided; if there
// is a newer one, or the pack is so already, it is a conflict.
func (s *Store) SwitchPack(ctx context.Context, p engawa.PackSwitch) error {
	err := s.inTx(ctx, p.Workspace, func(t *tx) error {
		text, err := one(t, scanString, `SELECT packs_off FROM workspace WHERE id = $1 {lock}`, p.Workspace)
		if err != nil {
			return found("workspace", err)
		}
		last, err := one(t, scanInt, `SELECT version FROM pack_switch WHERE workspace = $1 ORDER BY version DESC LIMIT 1`, p.Workspace)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		off := strings.Fields(text)
		if last != p.Version || slices.Contains(off, p.Pack) != p.On {
			return &engawa.Error{Code: engawa.CodeConflict, Message: "the packs were switched meanwhile", Remedy: "look at them again, then switch"}
		}
		if p.On {
			off = slices.DeleteFunc(off, func(name string) bool { return name == p.Pack })
		} else {
			off = append(off, p.Pack)
			slices.Sort(off)
		}
		if err := t.must("switch pack "+p.Pack, `UPDATE workspace SET packs_off = $2 WHERE id = $1`, p.Workspace, strings.Join(off, " ")); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO pack_switch (`+switchColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			p.Workspace, last+1, p.Pack, p.On, p.Reason, t.s.actor, now()); err != nil {
			return err
		}
		action := "switch-pack-off"
		if p.On {
			action = "switch-pack-on"
		}
		return t.noted(p.Workspace, action, p.Pack, p.Reason)
	})
	if err != nil {
		return fmt.Errorf("switch pack %s: %w", p.Pack, err)
	}
	return nil
}

// CustomersByCountry counts the customers of each country; neither those who were
// erased nor those who were merged into others.
func (s *Store) CustomersByCountry(ctx context.Context, workspace string) (of map[string]int, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		of, err = tally[string](t, `SELECT country, count(*) FROM customer WHERE workspace = $1 AND erased_at = 0 AND merged_into = '' GROUP BY country`, workspace)
		return err
	})
	return of, err
}
