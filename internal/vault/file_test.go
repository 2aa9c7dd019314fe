package vault

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// saved returns a ring, its file and a key wrapped by it.
func saved(t *testing.T) (*Keyring, string, Wrapped) {
	t.Helper()
	_, ring, _, w := customer(t)
	path := filepath.Join(t.TempDir(), "engawa.keys")
	if err := ring.Save(path); err != nil {
		t.Fatal(err)
	}
	return ring, path, w
}

func TestSaveAndLoad(t *testing.T) {
	ring, path, w := saved(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	ring.Rotate(day.Add(Epoch))
	ring.RotateSigning(day.Add(Epoch))
	v := New(ring)
	hash, _ := v.Index("ws_a", "d", "x")
	if err := ring.Save(path); err != nil {
		t.Fatal(err)
	}
	token := v.Token("p", []byte("x"), day.Add(time.Hour))
	again, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() != ring.ID() || again.Current() != ring.Current() || !again.Opened().Equal(day.Add(Epoch)) {
		t.Errorf("loaded %v at %s since %s, want %v at %s", again, again.Current(), again.Opened(), ring, ring.Current())
	}
	u := New(again)
	if _, err := u.OpenDataKey("ws_a", "cus_1", w); err != nil {
		t.Error(err)
	}
	if got, _ := u.Index("ws_a", "d", "x"); got != hash {
		t.Error("the index differs after loading")
	}
	if _, err := u.OpenToken("p", token, day); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left beside the ring: %v, %v", left, err)
	}
}

// A key that is not on the disk yet wraps nothing: a crash would lose it.
func TestRotationCountsOnceSaved(t *testing.T) {
	ring, path, _ := saved(t)
	v := New(ring)
	before := ring.Current()
	_, signer := v.Sign("p", nil)
	ring.Rotate(day.Add(Epoch))
	ring.RotateSigning(day.Add(Epoch))
	_, w, err := v.NewDataKey("ws_a", "cus_2")
	if err != nil || w.KEK != before {
		t.Fatalf("wrapped by %s, %v; want %s", w.KEK, err, before)
	}
	if _, id := v.Sign("p", nil); id != signer {
		t.Error("an unsaved key signs")
	}
	if err := ring.Save(filepath.Join(path, "nowhere")); err == nil {
		t.Fatal("saved under a file")
	}
	if ring.Current() != before {
		t.Error("a failed Save put the new key in charge")
	}
	ring.Expire(day.AddDate(1, 0, 0))
	if _, err := v.OpenDataKey("ws_a", "cus_2", w); err != nil {
		t.Errorf("Expire destroyed the key in charge: %v", err)
	}
	if err := ring.Save(path); err != nil {
		t.Fatal(err)
	}
	if w, err = v.Rewrap("ws_a", "cus_2", w); err != nil || w.KEK == before {
		t.Fatalf("rewrapped by %s, %v", w.KEK, err)
	}
	crashed, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(crashed).OpenDataKey("ws_a", "cus_2", w); err != nil {
		t.Error(err)
	}
}

func TestExpiredKeyLeavesTheFile(t *testing.T) {
	ring, path, w := saved(t)
	key := base64.StdEncoding.EncodeToString(ring.epochs[0].Key)
	ring.Rotate(day.Add(Epoch))
	if err := ring.Save(path); err != nil {
		t.Fatal(err)
	}
	ring.Expire(day.Add(Epoch).Add(time.Second))
	if err := ring.Save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), key) {
		t.Errorf("the destroyed key is still in the file (%v)", err)
	}
	again, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(again).OpenDataKey("ws_a", "cus_1", w); !errors.Is(err, ErrDestroyed) {
		t.Errorf("after loading: %v; want ErrDestroyed", err)
	}
}

// Two nodes share a file: one rotates, the other follows, neither overwrites.
func TestSecondNodeFollows(t *testing.T) {
	ring, path, _ := saved(t)
	second, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	ring.Rotate(day.Add(Epoch))
	if err := ring.Save(path); err != nil {
		t.Fatal(err)
	}
	_, w, err := New(ring).NewDataKey("ws_a", "cus_9")
	if err != nil {
		t.Fatal(err)
	}
	v := New(second)
	second.Rotate(day.Add(Epoch))
	wantCode(t, second.Save(path), engawa.CodeConflict)
	if _, err := v.OpenDataKey("ws_a", "cus_9", w); err != nil {
		t.Fatalf("the file has the key, the ring has not read it yet: %v", err)
	}
	if _, err := v.OpenDataKey("ws_a", "cus_9", Wrapped{KEK: "k991231aaaaaaaa", Bytes: w.Bytes}); !errors.Is(err, ErrNoKey) {
		t.Fatalf("a key of no file: %v; want ErrNoKey", err)
	}
	if err := second.Reload(path); err != nil {
		t.Fatal(err)
	}
	if _, err := v.OpenDataKey("ws_a", "cus_9", w); err != nil {
		t.Error(err)
	}
	stranger := Generate(day)
	wantCode(t, stranger.Save(path), engawa.CodeConflict)
	wantCode(t, stranger.Reload(path), engawa.CodeConflict)
}

func TestLoadRefuses(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	for _, mode := range []fs.FileMode{0o660, 0o604, 0o620, 0o601, 0o666, 0o644} {
		ring, path, _ := saved(t)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		wantCode(t, err, engawa.CodeInvalid)
		wantCode(t, ring.Save(path), engawa.CodeInvalid)
	}
	_, err := Load(t.TempDir())
	wantCode(t, err, engawa.CodeInvalid)
}

func TestLoadRefusesDamage(t *testing.T) {
	_, path, _ := saved(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	change := func(old, with string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("no %q in the file", old)
		}
		return strings.Replace(whole, old, with, 1)
	}
	for name, damaged := range map[string]string{
		"empty":         "",
		"half":          whole[:len(whole)/2],
		"twice":         whole + whole,
		"unknown field": change(`"ring"`, `"rink"`),
		"format":        change(`"format": 1`, `"format": 2`),
		"short key":     change(`"key": "`, `"key": "AAAA`),
		"no key":        change(`"key"`, `"kee"`),
		"no id":         change(`"id": "k`, `"id": "", "closed": "2026-01-01T00:00:00Z", "key": "`),
		"no epochs":     `{"format":1,"ring":"r","epochs":[],"index":{},"signing":[]}`,
		"null":          "null",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			wantCode(t, err, engawa.CodeInvalid)
		})
	}
}

func wantCode(t *testing.T, err error, code engawa.Code) {
	t.Helper()
	var e *engawa.Error
	if !errors.As(err, &e) || e.Code != code || e.Message == "" || e.Remedy == "" {
		t.Errorf("error %v; want code %s with words", err, code)
	}
}

// TestFirstSave: of rings that are saved to one path at the same moment one is
// kept, and every other is told.
func TestFirstSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engawa.key")
	rings := make([]*Keyring, 8)
	saved := make([]error, len(rings))
	var work sync.WaitGroup
	for i := range rings {
		rings[i] = Generate(time.Now())
		work.Go(func() { saved[i] = rings[i].Save(path) })
	}
	work.Wait()
	kept, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range saved {
		if (err == nil) != (rings[i].ID() == kept.ID()) {
			t.Errorf("ring %d: %v, and the file holds another: %v", i, err, rings[i].ID() != kept.ID())
		}
		if err != nil {
			wantCode(t, err, engawa.CodeConflict)
		}
	}
}
