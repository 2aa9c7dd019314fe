package store_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// TestBackup copies a database that is being written to and opens the copy.
func TestBackup(t *testing.T) {
	ring := vault.New(vault.Generate(time.Now()))
	path := storetest.SQLite(t)
	s, err := store.Open(t.Context(), path, ring)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"ws_1", "ws_2"} {
		if err := s.AddWorkspace(t.Context(), engawa.Workspace{ID: id, Name: "ひなた珈琲", CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			s.Note(ctx, store.Audit{Workspace: "ws_1", Actor: "test", Action: "write"})
		}
	}()
	copied := filepath.Join(t.TempDir(), "copy.db")
	err = s.Backup(t.Context(), copied)
	stop()
	<-ended
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v; want mode 0600", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(copied)); err != nil || len(left) != 1 {
		t.Errorf("beside the copy lies %v, %v", left, err)
	}
	c, err := store.Open(t.Context(), copied, ring)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ws, err := c.Workspaces(t.Context()); err != nil || len(ws) != 2 || ws[0].Name != "ひなた珈琲" {
		t.Errorf("the copy has workspaces %v, %v", ws, err)
	}
	if err := s.Backup(t.Context(), copied); code(err) != engawa.CodeConflict {
		t.Errorf("over a file that exists: %v", err)
	}
}

// TestOpenToRead: beside a node that writes, another looks and copies, and can
// change nothing; there must be a database, and its own ring.
func TestOpenToRead(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_a")
		r, err := store.OpenToRead(s.t.Context(), s.url, s.vault)
		s.must(err)
		defer r.Close()
		s.must(r.UpToDate(s.t.Context()))
		if c, err := r.Customer(s.t.Context(), ws, "cus_a"); err != nil || c.Name != "田中 cus_a" {
			s.t.Errorf("it reads %v, %v", c, err)
		}
		s.customer("cus_b") // this node goes on
		if _, err := r.Customer(s.t.Context(), ws, "cus_b"); err != nil {
			s.t.Error(err)
		}
		if err := r.Note(s.t.Context(), store.Audit{Workspace: ws, Action: "look"}); err == nil {
			s.t.Error("it wrote a line")
		}
		if err := r.Raise(s.t.Context(), engawa.Task{Workspace: ws, Kind: "k"}); err == nil {
			s.t.Error("it raised a task")
		}
		if other, err := store.OpenToRead(s.t.Context(), s.url, vault.New(vault.Generate(time.Now()))); code(err) != engawa.CodeConflict {
			s.t.Errorf("another ring: %v, %v", other, err)
		}
		_, err = storetest.Open(s.t, s.url).ExecContext(s.t.Context(), `DELETE FROM migration WHERE name >= 'migrations/0002'`)
		s.must(err)
		if err := r.UpToDate(s.t.Context()); code(err) != engawa.CodeConflict {
			s.t.Errorf("an older database: %v", err)
		}
	})
	if none, err := store.OpenToRead(t.Context(), storetest.Empty(t, storetest.EngineSQLite), vault.New(vault.Generate(time.Now()))); err == nil {
		t.Errorf("a database that is not there was opened: %v", none)
	}
}
