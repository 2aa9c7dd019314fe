package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Row-level security is the second wall between workspaces on PostgreSQL; the
// first is that every statement names its workspace. A transaction says at its
// BEGIN whose it is (postgresTx), and rows of others do not exist for it: not to
// read, not to change, not to insert. Without that word there are no rows at all.
//
// The wall stands for the tables' owner too (FORCE), as the hub owns them. A
// superuser and a role with BYPASSRLS walk through it: do not give the hub one.
// PostgreSQL manual, 5.9 Row Security Policies.

// wallKey is the advisory lock under which one node at a time builds walls:
// "engawa" in ASCII.
const wallKey = 0x656e67617761

// unwalled lists the tables that have a workspace and no wall yet, with the
// column that names it. Nobody can forget the wall of a new table.
const unwalled = `SELECT c.relname, a.attname FROM pg_class c
	JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped AND a.attname = CASE c.relname WHEN 'workspace' THEN 'id' ELSE 'workspace' END
	WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY c.relname`

// wall is asked once in a statement, not once in a row, thanks to its SELECTs
// (measured: docs/store.md).
const wall = `ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY; ALTER TABLE %[1]s FORCE ROW LEVEL SECURITY;
	CREATE POLICY workspace ON %[1]s USING (%[2]s = (SELECT current_setting('engawa.workspace', true))
		OR (SELECT current_setting('engawa.workspace', true)) = '*')`

// buildWalls puts row-level security on every table that lacks it.
func (s *Store) buildWalls(ctx context.Context) error {
	if s.lite {
		return nil
	}
	return s.inTx(ctx, everywhere, func(t *tx) error {
		if _, err := t.exec(`SELECT pg_advisory_xact_lock($1)`, int64(wallKey)); err != nil {
			return fmt.Errorf("build walls: %w", err)
		}
		type place struct{ table, column string }
		places, err := all(t, func(scan func(...any) error) (p place, err error) { return p, scan(&p.table, &p.column) }, unwalled)
		if err != nil {
			return fmt.Errorf("build walls: %w", err)
		}
		for _, p := range places {
			if err := t.script(fmt.Sprintf(wall, pgx.Identifier{p.table}.Sanitize(), pgx.Identifier{p.column}.Sanitize())); err != nil {
				return fmt.Errorf("build the wall of %s: %w", p.table, err)
			}
		}
		return nil
	})
}
