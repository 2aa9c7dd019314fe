package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/engawa/engawa"
)

//go:embed migrations/*.sql
var migrations embed.FS

const migrationTable = `CREATE TABLE IF NOT EXISTS migration (name TEXT NOT NULL PRIMARY KEY, sum TEXT NOT NULL, at BIGINT NOT NULL)`

// migrate applies what is missing, forward only. Of several nodes starting at
// once, the first to insert a migration's name applies it; the others wait for
// that row's commit and then find it done.
func (s *Store) migrate(ctx context.Context) error {
	if err := s.createMigrationTable(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := s.refuseNewer(ctx); err != nil {
		return err
	}
	for _, name := range migrationNames() {
		if err := s.apply(ctx, name); err != nil {
			return fmt.Errorf("migrate: %s: %w", name, err)
		}
	}
	return s.buildWalls(ctx)
}

// migrationNames are all that this program knows, in their order.
func migrationNames() []string {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	return names
}

// collisions are what PostgreSQL answers where another node creates the same
// table at the same moment: a key of its catalogues taken twice, the table, its type.
var collisions = []string{"23505", "42P07", "42710"}

// createMigrationTable tries again when another node created it at the same
// moment: CREATE TABLE IF NOT EXISTS can still collide on PostgreSQL.
func (s *Store) createMigrationTable(ctx context.Context) error {
	var err error
	for range 5 {
		err = s.inTx(ctx, everywhere, func(t *tx) error {
			_, err := t.exec(migrationTable)
			return err
		})
		if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || !slices.Contains(collisions, pg.Code) {
			return err
		}
	}
	return err
}

// refuseNewer refuses a database that has migrations which this program does
// not know, or knows with another text.
func (s *Store) refuseNewer(ctx context.Context) error {
	applied, err := s.applied(ctx)
	if err != nil {
		return err
	}
	known := migrationNames()
	for _, m := range applied {
		if !slices.Contains(known, m[0]) {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: "this database was used by a newer engawa (" + m[0] + ")",
				Remedy: "start that version again, or restore a backup made before the upgrade",
			}
		}
		if text, err := migrations.ReadFile(m[0]); err != nil || sum(text) != m[1] {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: "this database was made by another build of engawa, whose " + m[0] + " differs",
				Remedy: "start the release that made it, or begin with a new database", Err: err,
			}
		}
	}
	return nil
}

// applied are the migrations that ran, each with its sum.
func (s *Store) applied(ctx context.Context) (ms [][2]string, err error) {
	err = s.view(ctx, everywhere, func(t *tx) (err error) {
		ms, err = all(t, func(scan func(...any) error) (m [2]string, err error) {
			return m, scan(&m[0], &m[1])
		}, `SELECT name, sum FROM migration ORDER BY name`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look which migrations ran: %w", err)
	}
	return ms, nil
}

// UpToDate refuses a database on which not every migration of this program ran.
func (s *Store) UpToDate(ctx context.Context) error {
	applied, err := s.applied(ctx)
	if err == nil && len(applied) < len(migrationNames()) {
		err = &engawa.Error{
			Code: engawa.CodeConflict, Message: "this database was last used by an older engawa",
			Remedy: "start engawa serve of this version once, which brings it up to date, or use the older engawa for this",
		}
	}
	return err
}

func sum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}

// apply runs one migration. It and the row that says so commit together: one
// that was interrupted has not happened.
func (s *Store) apply(ctx context.Context, name string) error {
	return s.inTx(ctx, everywhere, func(t *tx) error {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO migration (name, sum, at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`, name, sum(text), us(time.Now()))
		if err != nil || n == 0 {
			return err
		}
		return t.script(s.dialect(string(text)))
	})
}

var textColumn = regexp.MustCompile(`(?m)^(  [a-z_]+ +TEXT)\b`)

// onlyPostgres begins a line that is a comment to SQLite.
var onlyPostgres = regexp.MustCompile(`(?m)^--postgres `)

// dialect makes PostgreSQL compare text by bytes, whatever language the
// database was created for: SQLite does, and so do cursors and ranges of types.
// It lets PostgreSQL see the lines that are for it alone.
func (s *Store) dialect(text string) string {
	if s.lite {
		return text
	}
	return onlyPostgres.ReplaceAllString(textColumn.ReplaceAllString(text, `$1 COLLATE "C"`), "")
}

// script runs several statements without arguments.
func (t *tx) script(text string) error {
	_, err := t.conn.ExecContext(t.ctx, text)
	return err
}
