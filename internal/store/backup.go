package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/engawa/engawa"
)

// Backup writes a whole and consistent copy of a SQLite database to a new file
// at path (VACUUM INTO, https://sqlite.org/lang_vacuum.html) while the hub goes
// on working; the copy is on the disk when Backup returns, and a copy that was
// interrupted is never found under path. The key file is not in it: it is to be
// kept elsewhere.
//
// PostgreSQL is backed up by its own programs (pg_dump, pg_basebackup): Backup
// says so in a CodeInvalid error.
func (s *Store) Backup(ctx context.Context, path string) error {
	if !s.lite {
		return &engawa.Error{
			Code: engawa.CodeInvalid, Message: "this database is PostgreSQL, which has its own backup programs",
			Remedy: "run: pg_dump --format=custom --file=" + path + " with the database's URL; keep the key file apart from it",
		}
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "there is a file at " + path + " already", Remedy: "name a new file", Err: err}
	}
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	return nil
}

// backup writes beside path and renames, so that half a copy has another name.
func (s *Store) backup(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".backup-*") // mode 0700: VACUUM INTO asks the umask
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // empty when all went well
	part := filepath.Join(dir, "part")
	if err := s.vacuumInto(ctx, part); err != nil {
		return err
	}
	if err := os.Chmod(part, 0o600); err != nil {
		return err
	}
	if err := syncFile(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// vacuumInto takes a connection of its own: the readers are query_only, which
// VACUUM INTO does not pass, and the writer must not wait for it.
func (s *Store) vacuumInto(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", s.file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, path)
	return errors.Join(err, db.Close())
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
