package vault

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSignatureHoldsForItsPurpose(t *testing.T) {
	ring := Generate(day)
	v := New(ring)
	data := []byte("dlv_1")
	sum, key := v.Sign("verp", data)
	if len(sum) != 16 || !v.Verify("verp", data, sum, key) {
		t.Fatal("a true signature does not verify")
	}
	ring.RotateSigning(day.Add(Epoch))
	if !v.Verify("verp", data, sum, key) {
		t.Error("a rotated key no longer verifies")
	}
	if _, newer := v.Sign("verp", data); newer == key {
		t.Error("the old key still signs")
	}
	flipped := slices.Clone(sum)
	flipped[15] ^= 1
	tests := []struct {
		name    string
		v       *Vault
		purpose string
		data    string
		sum     []byte
		key     string
	}{
		{"other purpose", v, "cursor", "dlv_1", sum, key},
		{"other data", v, "verp", "dlv_2", sum, key},
		{"flipped", v, "verp", "dlv_1", flipped, key},
		{"cut", v, "verp", "dlv_1", sum[:15], key},
		{"none", v, "verp", "dlv_1", nil, key},
		{"unknown key", v, "verp", "dlv_1", sum, "s260101aaaa"},
		{"no key id", v, "verp", "dlv_1", sum, ""},
		{"other ring", New(Generate(day)), "verp", "dlv_1", sum, key},
	}
	for _, tt := range tests {
		if tt.v.Verify(tt.purpose, []byte(tt.data), tt.sum, tt.key) {
			t.Errorf("%s: verifies", tt.name)
		}
	}
}

func TestToken(t *testing.T) {
	v := New(Generate(day))
	expires := day.Add(10 * time.Minute)
	token := v.Token("sign-in", []byte("mem_1"), expires)
	if strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		t.Errorf("%q does not fit a URL", token)
	}
	if token == v.Token("sign-in", []byte("mem_1"), expires) {
		t.Error("two tokens are the same")
	}
	id, text, _ := strings.Cut(token, ".")
	tests := []struct {
		name, purpose, token string
		at                   time.Time
		want                 error
	}{
		{"true", "sign-in", token, expires.Add(-time.Second), nil},
		{"at its end", "sign-in", token, expires, ErrTokenExpired},
		{"long after", "sign-in", token, expires.AddDate(1, 0, 0), ErrTokenExpired},
		{"other purpose", "unsubscribe", token, day, ErrToken},
		{"other purpose, expired", "unsubscribe", token, expires, ErrToken},
		{"cut", "sign-in", token[:len(token)-1], day, ErrToken},
		{"longer", "sign-in", token + "AAAA", day, ErrToken},
		{"with a line break", "sign-in", token + "\n", day, ErrToken},
		{"other key", "sign-in", "s260101aaaa." + text, day, ErrToken},
		{"no key", "sign-in", "." + text, day, ErrToken},
		{"key only", "sign-in", id, day, ErrToken},
		{"short", "sign-in", id + ".AAAA", day, ErrToken},
		{"empty", "sign-in", "", day, ErrToken},
		{"never valid", "sign-in", v.Token("sign-in", nil, time.Time{}), day, ErrTokenExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := v.OpenToken(tt.purpose, tt.token, tt.at)
			if !errors.Is(err, tt.want) || (err == nil) != (string(got) == "mem_1") {
				t.Errorf("OpenToken = %q, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// Every single changed character is noticed: the encoding has one form only.
func TestTokenHasOneForm(t *testing.T) {
	v := New(Generate(day))
	token := v.Token("p", []byte("mem_12"), day.Add(time.Hour))
	for i := range token {
		b := []byte(token)
		for _, c := range []byte("A_9z") {
			if b[i] = c; string(b) == token {
				continue
			}
			if got, err := v.OpenToken("p", string(b), day); err == nil {
				t.Fatalf("character %d changed to %c: opens as %q", i, c, got)
			}
		}
	}
}

func FuzzOpenToken(f *testing.F) {
	v := New(Generate(day))
	token := v.Token("p", []byte("mem_1"), day.Add(time.Hour))
	f.Add(token)
	f.Add("s.")
	f.Add(v.Token("q", []byte("mem_1"), day.Add(time.Hour)))
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := v.OpenToken("p", s, day); (err == nil) != (s == token) {
			t.Errorf("OpenToken(%q): %v", s, err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	v := New(Generate(day))
	for b.Loop() {
		v.Sign("verp", []byte("dlv_0123456789abcdefghjkmnpqrs"))
	}
}

func BenchmarkToken(b *testing.B) {
	v := New(Generate(day))
	for b.Loop() {
		if _, err := v.OpenToken("p", v.Token("p", []byte("mem_1"), day.Add(time.Hour)), day); err != nil {
			b.Fatal(err)
		}
	}
}
