package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/dispatch"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

func settings(t *testing.T, url string) config.Config {
	c := config.Default()
	c.Node, c.Database, c.KeyFile = "test", config.DSN(url), filepath.Join(t.TempDir(), "engawa.key")
	return c
}

func open(t *testing.T, c config.Config) *Hub {
	t.Helper()
	h, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func addCustomer(t *testing.T, h *Hub, id string) {
	t.Helper()
	err := h.Store.AddCustomer(t.Context(), store.NewCustomer{
		Customer: engawa.Customer{Workspace: "ws_1", ID: id, Kind: "person", Name: "田中 " + id, CreatedAt: time.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKeyFileAndDatabase: the first start makes both; after that a missing key
// file, another one and an old copy are refused, with what to do, and nothing is
// made in their place.
func TestKeyFileAndDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		c := settings(t, url)
		h := open(t, c)
		ring := h.Vault.Ring()
		first, err := os.ReadFile(c.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, c).Close()

		refused := func(what string, words ...string) {
			t.Helper()
			_, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
			var e *engawa.Error
			if !errors.As(err, &e) || e.Code != engawa.CodeConflict {
				t.Fatalf("%s: %v", what, err)
			}
			for _, w := range words {
				if !strings.Contains(e.Message+" "+e.Remedy, w) {
					t.Errorf("%s: %q, %q do not say %q", what, e.Message, e.Remedy, w)
				}
			}
		}
		newest, err := os.ReadFile(c.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		write := func(text []byte) {
			t.Helper()
			if err := os.WriteFile(c.KeyFile, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(c.KeyFile); err != nil {
			t.Fatal(err)
		}
		refused("missing", "no key file", c.KeyFile, ring, "restore")
		if _, err := os.Stat(c.KeyFile); err == nil {
			t.Error("a key file was made beside a database with data")
		}
		other := vault.Generate(time.Now())
		if err := other.Save(c.KeyFile); err != nil {
			t.Fatal(err)
		}
		refused("another ring", other.ID(), ring, "restore")
		write(first)
		refused("an old copy", "older than the database", "newest copy")
		write(newest)
		open(t, c)
	})
}

// TestRotateKeys: old rows read after a rotation, rewrap moves them all, a key
// is destroyed only when nothing needs it, and the file follows.
func TestRotateKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		c := settings(t, url)
		h := open(t, c)
		if err := h.Store.AddWorkspace(t.Context(), engawa.Workspace{ID: "ws_1", Name: "w", CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		addCustomer(t, h, "cus_1")
		first := h.Vault.Current()
		if err := h.rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h.Vault.Current() == first {
			t.Fatal("the rotation changed no key")
		}
		name := func(id string) {
			t.Helper()
			if got, err := h.Store.Customer(t.Context(), "ws_1", id); err != nil || got.Name != "田中 "+id {
				t.Fatalf("%s reads as %q, %v", id, got.Name, err)
			}
		}
		name("cus_1")
		addCustomer(t, h, "cus_2")
		if n, err := h.Store.Wrapped(t.Context(), []string{first}); err != nil || n != 1 {
			t.Fatalf("the first key wraps %d, %v; want the first customer's", n, err)
		}
		if n, err := h.Store.Rewrap(t.Context(), []string{first}); err != nil || n != 1 {
			t.Fatalf("rewrapped %d, %v", n, err)
		}
		if n, err := h.Store.Wrapped(t.Context(), []string{first}); err != nil || n != 0 {
			t.Fatalf("the first key still wraps %d, %v", n, err)
		}
		h.ring.Expire(time.Now().Add(time.Hour)) // as if 30 days had passed
		name("cus_1")
		name("cus_2")
		if err := h.ring.Save(c.KeyFile); err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		h = open(t, c)
		name("cus_1")
	})
}

// TestUpkeepStops: a node whose key file fell behind must not go on wrapping
// with old keys.
func TestUpkeepStops(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		c := settings(t, url)
		h := open(t, c)
		if err := h.upkeepOnce(t.Context()); err != nil {
			t.Fatalf("all is well: %v", err)
		}
		if err := h.Store.Rotate(t.Context(), func() (string, error) { return "k991231elsewhere", nil }); err != nil {
			t.Fatal(err)
		}
		if err := h.upkeepOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "older than the database") {
			t.Errorf("the database was given a key that this node lacks: %v", err)
		}
	})
}

// TestUpkeepRotates: after a day the upkeep rotates by itself where it may, and
// says nothing of keys in its log.
func TestUpkeepRotates(t *testing.T) {
	for _, x := range []struct {
		rotation string
		rotates  bool
	}{{"auto", true}, {"daily", true}, {"off", false}} {
		c := settings(t, storetest.SQLite(t))
		c.KeyRotation = x.rotation
		if err := vault.Generate(time.Now().Add(-25 * time.Hour)).Save(c.KeyFile); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		h, err := Open(context.Background(), c, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		first := h.Vault.Current()
		if err := h.upkeepOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if rotated := h.Vault.Current() != first; rotated != x.rotates {
			t.Errorf("%s: rotated: %v; %s", x.rotation, rotated, &log)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShortestLease holds the setting to what the dispatcher can work with.
func TestShortestLease(t *testing.T) {
	if config.MinLease != dispatch.MinLease {
		t.Errorf("config allows a lease of %s, the dispatcher needs %s", config.MinLease, dispatch.MinLease)
	}
	c := settings(t, storetest.SQLite(t))
	c.Lease = 12 * time.Second
	if got := open(t, c).Dispatch.Lease; got != c.Lease {
		t.Errorf("the lease is %s, not %s", got, c.Lease)
	}
}
