package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/engawa/engawa"
)

// AddAccount stores an account, its settings sealed, and its lane.
func (s *Store) AddAccount(ctx context.Context, a engawa.Account) error {
	err := s.inTx(ctx, a.Workspace, func(t *tx) error { return t.addAccount(a) })
	if err != nil {
		return fmt.Errorf("add account %s: %w", a.ID, err)
	}
	s.wakeUp(a.Workspace, a.ID)
	return nil
}

func (t *tx) addAccount(a engawa.Account) error {
	sealed, by, err := t.sealSettings(a)
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO account (workspace, id, kind, name, environment, owner, custodian, enabled, version, sealed, sealed_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11)`,
		a.Workspace, a.ID, a.Kind, a.Name, a.Environment, a.Owner, a.Custodian, a.Enabled, sealed, by, us(a.CreatedAt)); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO lane (workspace, account) VALUES ($1, $2)`, a.Workspace, a.ID); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO directory (public_id, workspace, kind) VALUES ($1, $2, 'account')`, a.ID, a.Workspace); err != nil {
		return err
	}
	if err := t.ownCustody(a.Workspace); err != nil {
		return err
	}
	if err := t.retellEvery(a.Workspace); err != nil {
		return err
	}
	return t.noted(a.Workspace, "create-account", a.ID, a.Kind)
}

// ChangeAccount replaces an account's name, custody, switch and settings, if it
// still has a.Version. It takes the lane's row, as a claim does: of an account
// that is switched off, nothing is handed over from the moment it returns.
func (s *Store) ChangeAccount(ctx context.Context, a engawa.Account) error {
	if err := s.inTx(ctx, a.Workspace, func(t *tx) error { return t.changeAccount(a) }); err != nil {
		return fmt.Errorf("change account %s: %w", a.ID, err)
	}
	s.wakeUp(a.Workspace, a.ID)
	return nil
}

func (t *tx) changeAccount(a engawa.Account) error {
	sealed, by, err := t.sealSettings(a)
	if err != nil {
		return err
	}
	if _, err := all(t, scanInt, `SELECT fence FROM lane WHERE workspace = $1 AND account = $2 {lock}`, a.Workspace, a.ID); err != nil {
		return err
	}
	n, err := t.exec(`UPDATE account SET name = $3, environment = $4, owner = $5, custodian = $6, enabled = $7, sealed = $8, sealed_by = $9, version = version + 1
		WHERE workspace = $1 AND id = $2 AND version = $10 AND ended_at = 0`,
		a.Workspace, a.ID, a.Name, a.Environment, a.Owner, a.Custodian, a.Enabled, sealed, by, a.Version)
	if err == nil && n == 0 {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "somebody else changed this account meanwhile", Remedy: "load it again and repeat your change"}
	}
	if err != nil {
		return err
	}
	// A provider that refused the account may take it as it is now.
	if _, err := t.exec(`UPDATE lane SET paused_until = 0, pause_code = '' WHERE workspace = $1 AND account = $2 AND paused_until > 0`, a.Workspace, a.ID); err != nil {
		return err
	}
	if err := t.retellEvery(a.Workspace); err != nil {
		return err
	}
	return t.noted(a.Workspace, "change-account", a.ID, fmt.Sprintf("version=%d enabled=%t", a.Version+1, a.Enabled))
}

func (t *tx) sealSettings(a engawa.Account) (sealed []byte, by string, err error) {
	ring, err := t.keys(a.Workspace, nil)
	if err != nil {
		return nil, "", err
	}
	plain, err := json.Marshal(a.Settings)
	if err != nil {
		return nil, "", err
	}
	return ring.seal(a.Workspace, "", "account", a.ID, plain)
}

const accountColumns = `workspace, id, kind, name, environment, owner, custodian, enabled, version, sealed, sealed_by, created_at`

// accounts reads accounts with their settings opened.
func (t *tx) accounts(workspace, where string, args ...any) ([]engawa.Account, error) {
	ring, err := t.keys(workspace, nil)
	if err != nil {
		return nil, err
	}
	return all(t, func(scan func(...any) error) (a engawa.Account, err error) {
		var sealed []byte
		var by string
		var created int64
		if err := scan(&a.Workspace, &a.ID, &a.Kind, &a.Name, &a.Environment, &a.Owner, &a.Custodian, &a.Enabled, &a.Version, &sealed, &by, &created); err != nil {
			return a, err
		}
		a.CreatedAt = at(created)
		plain, err := ring.open(workspace, by, "account", a.ID, sealed)
		if err != nil {
			return a, err
		}
		return a, json.Unmarshal(plain, &a.Settings)
	}, `SELECT `+accountColumns+` FROM account WHERE workspace = $1 AND ended_at = 0 `+where, append([]any{workspace}, args...)...)
}

// Account returns one account, settings and secrets opened.
func (s *Store) Account(ctx context.Context, workspace, id string) (a engawa.Account, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		a, err = t.account(workspace, id)
		return err
	})
	return a, err
}

func (t *tx) account(workspace, id string) (engawa.Account, error) {
	as, err := t.accounts(workspace, `AND id = $2`, id)
	if err == nil && len(as) == 0 {
		err = engawa.NotFound("account")
	}
	if err != nil {
		return engawa.Account{}, err
	}
	return as[0], nil
}

// Accounts returns a workspace's accounts, oldest first.
func (s *Store) Accounts(ctx context.Context, workspace string) (as []engawa.Account, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		as, err = t.accounts(workspace, `ORDER BY created_at, id`)
		return err
	})
	return as, err
}
