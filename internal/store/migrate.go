package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/engawa/engawa"
)

//go:embed migrations/*.sql
var migrations embed.FS

const migrationTable = `CREATE TABLE IF NOT EXISTS migration (name TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL)`

// migrate applies what is missing, forward only. Of several nodes starting at
// once, the first to insert a migration's name applies it; the others wait for
// that row's commit and then find it done.
func (s *Store) migrate(ctx context.Context) error {
	if err := s.createMigrationTable(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := s.refuseNewer(ctx, names); err != nil {
		return err
	}
	for _, name := range names {
		if err := s.apply(ctx, name); err != nil {
			return fmt.Errorf("migrate: %s: %w", name, err)
		}
	}
	return nil
}

// createMigrationTable tries again when another node created it at the same
// moment: CREATE TABLE IF NOT EXISTS can still collide on PostgreSQL.
func (s *Store) createMigrationTable(ctx context.Context) error {
	var err error
	for range 5 {
		err = s.inTx(ctx, func(t *tx) error {
			_, err := t.exec(migrationTable)
			return err
		})
		if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != "23505" && pg.Code != "42P07" {
			return err
		}
	}
	return err
}

func (s *Store) refuseNewer(ctx context.Context, known []string) error {
	var applied []string
	err := s.view(ctx, func(t *tx) (err error) {
		applied, err = all(t, scanString, `SELECT name FROM migration ORDER BY name`)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, name := range applied {
		if !slices.Contains(known, name) {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: "this database was used by a newer engawa (" + name + ")",
				Remedy: "start that version again, or restore a backup made before the upgrade",
			}
		}
	}
	return nil
}

func (s *Store) apply(ctx context.Context, name string) error {
	return s.inTx(ctx, func(t *tx) error {
		n, err := t.exec(`INSERT INTO migration (name, at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, us(time.Now()))
		if err != nil || n == 0 {
			return err
		}
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		return t.script(string(text))
	})
}

// script runs several statements without arguments.
func (t *tx) script(text string) error {
	if t.tx != nil {
		_, err := t.tx.ExecContext(t.ctx, text)
		return err
	}
	_, err := t.conn.ExecContext(t.ctx, text)
	return err
}
