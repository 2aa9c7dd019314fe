package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

type backupCmd struct {
	configFile
	File string `arg:"" type:"path"`
}

// Run backs up, beside a hub that runs too. The key file is not in the copy.
func (b backupCmd) Run(ctx context.Context) error {
	c, err := b.load()
	if err != nil {
		return err
	}
	if err := serve.Backup(ctx, c, quiet(c), b.File); err != nil {
		return stopped(ctx, err)
	}
	fmt.Printf("wrote %s; keep a copy of %s in another place: without it the copy opens nothing\n", b.File, c.KeyFile)
	return nil
}

type restoreCmd struct {
	configFile
	File string `arg:"" type:"existingfile"`
}

// Run puts the backup in the place of the configured database and opens it, so
// that a key file that does not fit is found now. An existing database is never
// overwritten.
func (r restoreCmd) Run(ctx context.Context) error {
	c, err := r.load()
	if err != nil {
		return err
	}
	path := strings.TrimPrefix(c.Database.Reveal(), "sqlite:")
	if strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://") {
		return engawa.Invalid("", "run: pg_restore --dbname=… "+r.File+" into an empty database", "this database is PostgreSQL, which has its own programs")
	}
	for _, f := range []string{path, path + "-wal", path + "-shm"} {
		if _, err := os.Lstat(f); !errors.Is(err, fs.ErrNotExist) {
			return &engawa.Error{Code: engawa.CodeConflict, Message: "there is a database at " + f + " already", Remedy: "move it away first; restore overwrites nothing"}
		}
	}
	if _, err := os.Stat(c.KeyFile); err != nil {
		return &engawa.Error{
			Code: engawa.CodeConflict, Message: "there is no key file at " + c.KeyFile, Remedy: "put the key file that belongs to the backup there first", Err: err,
		}
	}
	if err := place(r.File, path); err != nil {
		return fmt.Errorf("restore %s: %w", r.File, err)
	}
	if err := r.with(ctx, func(*serve.Hub) error { return nil }); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	fmt.Printf("restored %s; run engawa verify\n", path)
	return nil
}

// place copies from to a new file, whole or not at all.
func place(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()                                                 //nolint:errcheck // read only
	part, err := os.CreateTemp(filepath.Dir(to), ".engawa-restore-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = io.Copy(part, src)
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		err = os.Link(part.Name(), to) // unlike a rename it replaces nothing
	}
	return errors.Join(err, os.Remove(part.Name()))
}

type verifyCmd struct{ configFile }

// Run fails if anything does not open.
func (v verifyCmd) Run(ctx context.Context) error {
	return v.look(ctx, func(h *serve.Hub) error {
		workspaces, err := h.Store.Workspaces(ctx)
		if err != nil {
			return err
		}
		closed := 0
		for _, w := range workspaces {
			tables, err := h.Store.Verify(ctx, w.ID)
			if err != nil {
				return err
			}
			for _, o := range tables {
				fmt.Println(verified(w.ID, o))
				closed += o.Closed
			}
		}
		if closed > 0 {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: fmt.Sprintf("%d rows do not open", closed),
				Remedy: "restore a backup of the database with the key file of its time",
			}
		}
		fmt.Println("all that is sealed opens")
		return nil
	})
}

// verified says of a table how many rows opened.
func verified(workspace string, o store.Opened) string {
	line := fmt.Sprintf("%s\t%s\t%d open", workspace, o.Table, o.Open)
	if o.Erased > 0 {
		line += fmt.Sprintf(", %d erased", o.Erased)
	}
	if o.Closed > 0 {
		line += fmt.Sprintf(", %d do not open, the first is %s: %s", o.Closed, o.First, told(o.Why))
	}
	return line
}

type versionCmd struct{}

// Run prints the version of the module and of Go.
func (versionCmd) Run() error {
	golang := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		golang = info.GoVersion
	}
	_, err := fmt.Println("engawa", version(), golang)
	return err
}
