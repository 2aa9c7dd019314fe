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

// Run backs up. The key file is not in the copy.
func (b backupCmd) Run(ctx context.Context) error {
	return b.with(ctx, func(h *serve.Hub) error {
		if err := h.Store.Backup(ctx, b.File); err != nil {
			return err
		}
		fmt.Printf("wrote %s; keep a copy of %s in another place: without it the copy opens nothing\n", b.File, h.Config.KeyFile)
		return nil
	})
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

// Run fails if anything that was looked at does not open.
func (v verifyCmd) Run(ctx context.Context) error {
	return v.with(ctx, func(h *serve.Hub) error {
		all, err := h.Store.Workspaces(ctx)
		if err != nil {
			return err
		}
		closed := 0
		for _, w := range all {
			closed += verifyWorkspace(ctx, h.Store, w.ID)
		}
		if closed > 0 {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: fmt.Sprintf("%d lists do not open", closed),
				Remedy: "restore a backup of the database with the key file of its time",
			}
		}
		fmt.Println("all that was looked at opens")
		return ctx.Err()
	})
}

// verifyWorkspace reads every list whose rows are sealed and returns how many
// of them do not open. A list is read page by page; one row that does not open
// ends it.
func verifyWorkspace(ctx context.Context, st *store.Store, ws string) (closed int) {
	for _, l := range []struct {
		name string
		read func() (int, error)
	}{
		{"members", func() (int, error) { return count(st.Members(ctx, ws)) }},
		{"accounts", func() (int, error) { return count(st.Accounts(ctx, ws)) }},
		{"destinations", func() (int, error) { return count(st.Destinations(ctx, ws)) }},
		{"customers", func() (int, error) { return verifyCustomers(ctx, st, ws) }},
		{"events", func() (int, error) { return verifyEvents(ctx, st, ws) }},
		{"messages", func() (int, error) { return verifyMessages(ctx, st, ws) }},
	} {
		n, err := l.read()
		if err != nil {
			closed++
			fmt.Printf("%s\t%s\t%d open, then: %s\n", ws, l.name, n, told(err))
			continue
		}
		fmt.Printf("%s\t%s\t%d open\n", ws, l.name, n)
	}
	return closed
}

func count[T any](list []T, err error) (int, error) { return len(list), err }

const verifyPage = 200

func verifyCustomers(ctx context.Context, st *store.Store, ws string) (n int, err error) {
	for p := (store.Page{Limit: verifyPage}); ; {
		cs, err := st.Customers(ctx, ws, p)
		if err != nil {
			return n, err
		}
		for _, c := range cs {
			if _, err := st.ContactPoints(ctx, ws, c.ID); err != nil {
				return n, fmt.Errorf("contact points of %s: %w", c.ID, err)
			}
			n++
			p.At, p.ID = c.CreatedAt, c.ID
		}
		if len(cs) < verifyPage {
			return n, nil
		}
	}
}

func verifyEvents(ctx context.Context, st *store.Store, ws string) (n int, err error) {
	for p := (store.Page{Limit: verifyPage}); ; {
		es, err := st.Events(ctx, ws, store.EventFilter{}, p)
		if err != nil {
			return n, err
		}
		for _, e := range es {
			n++
			p.At, p.ID = e.ReceivedAt, e.ID
		}
		if len(es) < verifyPage {
			return n, nil
		}
	}
}

func verifyMessages(ctx context.Context, st *store.Store, ws string) (n int, err error) {
	for p := (store.Page{Limit: verifyPage}); ; {
		ms, err := st.Messages(ctx, ws, store.MessageFilter{}, p)
		if err != nil {
			return n, err
		}
		for _, m := range ms {
			if _, err := st.Message(ctx, ws, m.Message.ID); err != nil {
				return n, fmt.Errorf("message %s: %w", m.Message.ID, err)
			}
			n++
			p.At, p.ID = m.Message.CreatedAt, m.Message.ID
		}
		if len(ms) < verifyPage {
			return n, nil
		}
	}
}

type versionCmd struct{}

// Run prints the version of the module and of Go.
func (versionCmd) Run() error {
	version, golang := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version, golang = info.Main.Version, info.GoVersion
	}
	_, err := fmt.Println("engawa", version, golang)
	return err
}
