package vault

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var day = time.Date(2026, 10, 18, 9, 0, 0, 0, time.UTC)

const address = "taro@example.jp"

// customer returns a fresh vault and the key of one of its customers.
func customer(t testing.TB) (*Vault, *Keyring, DataKey, Wrapped) {
	t.Helper()
	ring := Generate(day)
	v := New(ring)
	dk, w, err := v.NewDataKey("ws_a", "cus_1")
	if err != nil {
		t.Fatal(err)
	}
	return v, ring, dk, w
}

// A sealed value opens at its own place only: rows that are moved, swapped,
// cut or altered in the database fail closed (B42).
func TestValueOpensAtItsPlaceOnly(t *testing.T) {
	v, _, dk, w := customer(t)
	other, _, err := v.NewDataKey("ws_a", "cus_2")
	if err != nil {
		t.Fatal(err)
	}
	sealed := dk.Seal("ws_a", "contact_point", "address", "cp_1", []byte(address))
	if bytes.Contains(sealed, []byte(address)) || len(sealed) != len(address)+29 {
		t.Fatalf("sealed value is %d bytes: %q", len(sealed), sealed)
	}
	again, err := v.OpenDataKey("ws_a", "cus_1", w)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open("ws_a", "contact_point", "address", "cp_1", sealed); err != nil || string(got) != address {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if bytes.Equal(sealed, dk.Seal("ws_a", "contact_point", "address", "cp_1", []byte(address))) {
		t.Error("the same value sealed twice gives the same bytes")
	}
	flip := func(i int) []byte {
		b := slices.Clone(sealed)
		b[i] ^= 1
		return b
	}
	tests := []struct {
		name                          string
		key                           DataKey
		workspace, table, column, row string
		sealed                        []byte
	}{
		{"other tenant", dk, "ws_b", "contact_point", "address", "cp_1", sealed},
		{"other table", dk, "ws_a", "destination", "address", "cp_1", sealed},
		{"other column", dk, "ws_a", "contact_point", "label", "cp_1", sealed},
		{"other row", dk, "ws_a", "contact_point", "address", "cp_2", sealed},
		{"a letter over the border", dk, "ws_a", "contact_pointa", "ddress", "cp_1", sealed},
		{"other customer's key", other, "ws_a", "contact_point", "address", "cp_1", sealed},
		{"no key", DataKey{}, "ws_a", "contact_point", "address", "cp_1", sealed},
		{"version", dk, "ws_a", "contact_point", "address", "cp_1", flip(0)},
		{"nonce", dk, "ws_a", "contact_point", "address", "cp_1", flip(1)},
		{"text", dk, "ws_a", "contact_point", "address", "cp_1", flip(13)},
		{"tag", dk, "ws_a", "contact_point", "address", "cp_1", flip(len(sealed) - 1)},
		{"one byte more", dk, "ws_a", "contact_point", "address", "cp_1", append(slices.Clone(sealed), 0)},
		{"nil", dk, "ws_a", "contact_point", "address", "cp_1", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.key.Open(tt.workspace, tt.table, tt.column, tt.row, tt.sealed)
			if !errors.Is(err, ErrOpen) || got != nil {
				t.Errorf("Open = %q, %v; want ErrOpen", got, err)
			}
		})
	}
	for n := range sealed {
		if got, err := dk.Open("ws_a", "contact_point", "address", "cp_1", sealed[:n]); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("cut to %d bytes: %q, %v; want ErrOpen", n, got, err)
		}
	}
}

func TestEmptyValue(t *testing.T) {
	_, _, dk, _ := customer(t)
	got, err := dk.Open("ws_a", "t", "c", "r", dk.Seal("ws_a", "t", "c", "r", nil))
	if err != nil || len(got) != 0 {
		t.Errorf("Open = %q, %v", got, err)
	}
}

// A wrapped key opens for its own workspace and id only, with its own ring.
func TestDataKeyOpensForItsOwnerOnly(t *testing.T) {
	v, _, _, w := customer(t)
	stranger := New(Generate(day))
	damaged := Wrapped{w.KEK, slices.Clone(w.Bytes)}
	damaged.Bytes[20] ^= 0x80
	tests := []struct {
		name          string
		v             *Vault
		workspace, id string
		w             Wrapped
		want          error
	}{
		{"other workspace", v, "ws_b", "cus_1", w, ErrOpen},
		{"other customer", v, "ws_a", "cus_2", w, ErrOpen},
		{"a letter over the border", v, "ws_ac", "us_1", w, ErrOpen},
		{"damaged", v, "ws_a", "cus_1", damaged, ErrOpen},
		{"truncated", v, "ws_a", "cus_1", Wrapped{w.KEK, w.Bytes[:60]}, ErrOpen},
		{"empty", v, "ws_a", "cus_1", Wrapped{w.KEK, nil}, ErrOpen},
		{"erased", v, "ws_a", "cus_1", Wrapped{}, ErrNoKey},
		{"another ring", stranger, "ws_a", "cus_1", w, ErrNoKey},
		{"another ring's key named", stranger, "ws_a", "cus_1", Wrapped{stranger.Current(), w.Bytes}, ErrOpen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if dk, err := tt.v.OpenDataKey(tt.workspace, tt.id, tt.w); !errors.Is(err, tt.want) || dk != (DataKey{}) {
				t.Errorf("OpenDataKey = %v, %v; want %v", dk, err, tt.want)
			}
			if _, err := tt.v.Rewrap(tt.workspace, tt.id, tt.w); !errors.Is(err, tt.want) {
				t.Errorf("Rewrap: %v; want %v", err, tt.want)
			}
		})
	}
}

// The body of an event is wrapped by the ring until its customer is known, then
// by the customer: with the customer's key erased it is gone.
func TestRowKeyFollowsTheCustomer(t *testing.T) {
	v, _, cus, _ := customer(t)
	row, _, err := v.NewDataKey("ws_a", "evt_1")
	if err != nil {
		t.Fatal(err)
	}
	body := row.Seal("ws_a", "event", "body", "evt_1", []byte("{}"))
	w := cus.Wrap("ws_a", row)
	opened, err := cus.OpenDataKey("ws_a", "evt_1", w)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := opened.Open("ws_a", "event", "body", "evt_1", body); err != nil || string(got) != "{}" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	msg, mw := cus.NewDataKey("ws_a", "msg_1")
	if got, err := cus.OpenDataKey("ws_a", "msg_1", mw); err != nil || got.ID() != msg.ID() {
		t.Fatalf("OpenDataKey = %v, %v", got, err)
	}
	other, _, err := v.NewDataKey("ws_a", "cus_2")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"other row":        func() error { _, err := cus.OpenDataKey("ws_a", "evt_2", w); return err },
		"other workspace":  func() error { _, err := cus.OpenDataKey("ws_b", "evt_1", w); return err },
		"other customer":   func() error { _, err := other.OpenDataKey("ws_a", "evt_1", w); return err },
		"renamed customer": func() error { _, err := other.OpenDataKey("ws_a", "evt_1", Wrapped{"cus_2", w.Bytes}); return err },
		"no customer key":  func() error { _, err := DataKey{}.OpenDataKey("ws_a", "evt_1", w); return err },
	} {
		if err := f(); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %v; want ErrOpen", name, err)
		}
	}
}

// An old backup's wrapped key is dead once its epoch is destroyed; the live
// copy, wrapped again each day, is not touched.
func TestExpiredEpochCannotBeRead(t *testing.T) {
	v, ring, dk, w := customer(t)
	sealed := dk.Seal("ws_a", "t", "c", "r", []byte(address))
	backup := w
	for d := 1; d <= 31; d++ {
		now := day.Add(time.Duration(d) * Epoch)
		ring.Rotate(now)
		var err error
		if w, err = v.Rewrap("ws_a", "cus_1", w); err != nil {
			t.Fatalf("day %d: %v", d, err)
		}
		ring.Expire(now.Add(-Keep))
		if _, err := v.OpenDataKey("ws_a", "cus_1", backup); err != nil {
			t.Fatalf("day %d: the backup died early: %v", d, err)
		}
	}
	last := day.Add(32 * Epoch)
	if due := ring.Due(last.Add(-Keep)); !slices.Equal(due, []string{backup.KEK}) {
		t.Errorf("Due = %q, want %q", due, backup.KEK)
	}
	ring.Expire(last.Add(-Keep))
	if _, err := v.OpenDataKey("ws_a", "cus_1", backup); !errors.Is(err, ErrDestroyed) {
		t.Errorf("the backup still opens: %v", err)
	}
	live, err := v.OpenDataKey("ws_a", "cus_1", w)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := live.Open("ws_a", "t", "c", "r", sealed); err != nil || string(got) != address {
		t.Errorf("Open = %q, %v", got, err)
	}
	ring.Expire(last.AddDate(1, 0, 0))
	if _, err := v.OpenDataKey("ws_a", "cus_1", w); err != nil {
		t.Errorf("the current epoch was destroyed: %v", err)
	}
}

// Rotation of every key while others work costs nobody an error.
func TestRotateUnderUse(t *testing.T) {
	ring := Generate(day)
	path := filepath.Join(t.TempDir(), "keys")
	if err := ring.Save(path); err != nil {
		t.Fatal(err)
	}
	v := New(ring)
	expires := day.AddDate(1, 0, 0)
	unsubscribe := v.Token("unsubscribe", []byte("cus_1"), expires)
	var work, rotation sync.WaitGroup
	stop := make(chan struct{})
	for n := range 4 {
		work.Go(func() {
			id := fmt.Sprint("cus_", n)
			_, w, err := v.NewDataKey("ws_a", id)
			for err == nil {
				select {
				case <-stop:
					return
				default:
				}
				if w, err = v.Rewrap("ws_a", id, w); err != nil {
					break
				}
				sum, key := v.Sign("verp", []byte(id))
				if !v.Verify("verp", []byte(id), sum, key) {
					err = errors.New("a fresh signature does not verify")
				}
				if _, e := v.OpenToken("unsubscribe", unsubscribe, day); e != nil {
					err = e
				}
			}
			t.Errorf("%s: %v", id, err)
		})
	}
	rotation.Go(func() {
		for d := range 60 {
			now := day.Add(time.Duration(d) * Epoch)
			ring.Rotate(now)
			ring.RotateSigning(now)
			if err := ring.Save(path); err != nil {
				t.Error(err)
			}
			ring.Expire(now.Add(-Keep))
		}
	})
	rotation.Wait()
	close(stop)
	work.Wait()
}

func TestIndexIsApartPerWorkspaceAndDomain(t *testing.T) {
	ring := Generate(day)
	v := New(ring)
	seen := map[string]string{}
	for _, tt := range [][3]string{
		{"ws_a", "address:mail", address},
		{"ws_b", "address:mail", address},
		{"ws_a", "identity:oidc/sub", address},
		{"ws_a", "address:mail", "jiro@example.jp"},
		{"ws_a", "address:mailt", address[1:]},
		{"ws_aa", "ddress:mail", address},
	} {
		name := strings.Join(tt[:], " ")
		hash, key := v.Index(tt[0], tt[1], tt[2])
		if other, ok := seen[hash]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[hash] = name
		again, key2 := New(ring).Index(tt[0], tt[1], tt[2])
		if hash != again || key != key2 || key == "" || len(hash) != 43 {
			t.Errorf("%s: %q by %q, then %q by %q", name, hash, key, again, key2)
		}
	}
	if hash, _ := New(Generate(day)).Index("ws_a", "address:mail", address); seen[hash] != "" {
		t.Error("another ring gives the same hash")
	}
}

func TestNothingPrintsAKey(t *testing.T) {
	v, ring, dk, _ := customer(t)
	raw := dk.k.raw[:]
	v.Index("ws_a", "d", "x")
	v.Sign("p", nil)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("keys", "vault", v, "ring", ring, "key", dk, "nested", struct{ k any }{dk})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("keys", "vault", v, "ring", ring, "key", dk)
	type row struct{ dk DataKey }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&log, verb+verb+verb+verb+"\n", v, ring, dk, row{dk})
	}
	secrets := [][]byte{raw, ring.epochs[0].Key, ring.index.Key, ring.signing[0].Key}
	for _, s := range secrets {
		for _, form := range []string{string(s), fmt.Sprintf("%x", s), strings.Trim(fmt.Sprintf("%d", s[:8]), "[]"), fmt.Sprintf("%#v", s[:4])[7:21]} {
			if strings.Contains(log.String(), form) {
				t.Errorf("a key shows in %q", log.String())
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	v, _, dk, w := customer(f)
	f.Add(dk.Seal("ws_a", "t", "c", "r", []byte(address)), w.Bytes)
	f.Add([]byte{1}, []byte(nil))
	f.Fuzz(func(t *testing.T, sealed, wrapped []byte) {
		if _, err := dk.Open("ws_b", "t", "c", "r", sealed); !errors.Is(err, ErrOpen) {
			t.Errorf("Open: %v", err)
		}
		if _, err := v.OpenDataKey("ws_b", "cus_1", Wrapped{w.KEK, wrapped}); !errors.Is(err, ErrOpen) {
			t.Errorf("OpenDataKey: %v", err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	_, _, dk, _ := customer(b)
	plain := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		dk.Seal("ws_0123456789abcdefghjkmnpqrs", "contact_point", "address", "cp_0123456789abcdefghjkmnpqrs", plain)
	}
}

func BenchmarkOpen(b *testing.B) {
	_, _, dk, _ := customer(b)
	sealed := dk.Seal("ws_a", "contact_point", "address", "cp_1", make([]byte, 100))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dk.Open("ws_a", "contact_point", "address", "cp_1", sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewDataKey(b *testing.B) {
	v, _, _, _ := customer(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := v.NewDataKey("ws_a", "cus_1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenDataKey(b *testing.B) {
	v, _, _, w := customer(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.OpenDataKey("ws_a", "cus_1", w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	v := New(Generate(day))
	b.ReportAllocs()
	for b.Loop() {
		v.Index("ws_a", "address:mail", address)
	}
}
