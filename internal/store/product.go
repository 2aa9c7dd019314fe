package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/engawa/engawa"
)

const productColumns = `workspace, id, name, entitlements, months, days, plan_group, level, updated_by, updated_at`

func scanProduct(scan func(...any) error) (p engawa.Product, err error) {
	var entitlements string
	var updated int64
	if err := scan(&p.Workspace, &p.ID, &p.Name, &entitlements, &p.Months, &p.Days, &p.Group, &p.Level, &p.UpdatedBy, &updated); err != nil {
		return p, err
	}
	p.UpdatedAt = at(updated)
	return p, json.Unmarshal([]byte(entitlements), &p.Entitlements)
}

// MaxProducts is how many products a workspace may describe.
const MaxProducts = 1000

// SaveProduct keeps what a product entitles to, in place of what was said before.
func (s *Store) SaveProduct(ctx context.Context, p engawa.Product) error {
	entitlements, err := json.Marshal(p.Entitlements)
	if err == nil {
		err = s.inTx(ctx, p.Workspace, func(t *tx) error {
			if _, err := t.exec(`INSERT INTO product (`+productColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
				ON CONFLICT (workspace, id) DO UPDATE SET name = excluded.name, entitlements = excluded.entitlements, months = excluded.months, days = excluded.days,
					plan_group = excluded.plan_group, level = excluded.level, updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
				p.Workspace, p.ID, p.Name, string(entitlements), p.Months, p.Days, p.Group, p.Level, p.UpdatedBy, now()); err != nil {
				return err
			}
			n, err := one(t, scanInt, `SELECT count(*) FROM product WHERE workspace = $1`, p.Workspace)
			if err == nil && n > MaxProducts {
				err = &engawa.Error{Code: engawa.CodeConflict, Message: "1000 products are described already", Remedy: "take away what was said of products that nobody has any more"}
			}
			if err != nil {
				return err
			}
			return t.noted(p.Workspace, "save-product", p.ID, strings.Join(p.Entitlements, " "))
		})
	}
	if err != nil {
		return fmt.Errorf("save product %s: %w", p.ID, err)
	}
	return nil
}

// ForgetProduct takes away what was said of a product: it entitles to itself again.
func (s *Store) ForgetProduct(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("described product", `DELETE FROM product WHERE workspace = $1 AND id = $2`, workspace, id); err != nil {
			return err
		}
		return t.noted(workspace, "forget-product", id, "")
	})
}

// Products returns the products that a workspace describes, by id.
func (s *Store) Products(ctx context.Context, workspace string) (ps []engawa.Product, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ps, err = t.products(workspace)
		return err
	})
	return ps, err
}

func (t *tx) products(workspace string) ([]engawa.Product, error) {
	return all(t, scanProduct, `SELECT `+productColumns+` FROM product WHERE workspace = $1 ORDER BY id`, workspace)
}
