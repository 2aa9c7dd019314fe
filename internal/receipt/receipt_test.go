package receipt

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

const canary = "hana.canary@customer.example"

func decision() engawa.Consent {
	return engawa.Consent{
		Workspace: "ws_1", ID: "cns_1", Customer: "cus_hana", Controller: "ptn_beans", App: "app_beans", Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: "mail",
		Topic: "for " + canary, Given: true, At: time.Date(2026, 11, 30, 1, 2, 3, 456000, time.UTC),
		Evidence: engawa.Evidence{Wording: "受け取ります " + canary, Version: "v-" + canary, Where: "page of " + canary, How: "checkbox", Locale: engawa.Japanese, Network: "203.0.113.0/24", Agent: "phone"},
	}
}

func veil(s string) string { return strings.ReplaceAll(s, canary, "h…@c….example") }

// TestReceipt: a receipt verifies by the public keys alone, here and by a JOSE
// library not written here, and says what was decided; neither address nor
// customer id nor network is in it.
func TestReceipt(t *testing.T) {
	ring := vault.Generate(time.Now())
	v := vault.New(ring)
	c := New("https://hub.example", "sub_1", "app_beans", decision(), time.Unix(1_800_000_000, 0), veil)
	signed, err := Sign(v, c)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(KeysOf(v))
	if err != nil {
		t.Fatal(err)
	}
	var keys Keys
	if err := json.Unmarshal(set, &keys); err != nil {
		t.Fatal(err)
	}
	got, err := Check(signed, keys)
	if err != nil || got != c {
		t.Errorf("%+v %v", got, err)
	}
	x, err := base64.RawURLEncoding.DecodeString(keys.Keys[0].X)
	if err != nil {
		t.Fatal(err)
	}
	theirs := oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{ed25519.PublicKey(x)}}
	body, err := theirs.VerifySignature(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{canary, "hana", "cus_", "203.0.113", "受け取ります", "phone", "page of"} {
		if strings.Contains(string(body), never) {
			t.Errorf("%q is in %s", never, body)
		}
	}
	for _, want := range []string{`"sub":"sub_1"`, `"purpose":"marketing"`, `"channel":"mail"`, `"given":true`, `"wording_sha256":"` + Hash("受け取ります "+canary) + `"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
	ring.RotateSigning(time.Now())
	if _, err := Check(signed, KeysOf(v)); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if again, err := Sign(v, c); err != nil || strings.Split(again, ".")[0] == strings.Split(signed, ".")[0] {
		t.Errorf("the old key signs on: %v", err)
	}
}

// TestForged: no other key, no altered byte and no other header passes.
func TestForged(t *testing.T) {
	v := vault.New(vault.Generate(time.Now()))
	signed, err := Sign(v, New("i", "sub_1", "app", decision(), time.Now(), veil))
	if err != nil {
		t.Fatal(err)
	}
	keys := KeysOf(v)
	if _, err := Check(signed, KeysOf(vault.New(vault.Generate(time.Now())))); err == nil {
		t.Error("another hub's keys pass it")
	}
	for i := range len(signed) {
		b := []byte(signed)
		if b[i] = 'A'; signed[i] == 'A' {
			b[i] = 'B'
		}
		if _, err := Check(string(b), keys); err == nil {
			t.Errorf("byte %d does not matter", i)
		}
	}
	parts := strings.Split(signed, ".")
	head := func(h string) string { return text.EncodeToString([]byte(h)) + "." + parts[1] }
	for _, h := range []string{`{"alg":"none","typ":"` + Type + `","kid":"` + keys.Keys[0].ID + `"}`, `{"alg":"EdDSA","typ":"JWT","kid":"` + keys.Keys[0].ID + `"}`} {
		made := head(h)
		s, sum := v.SignPublic(purpose, func(string) []byte { return []byte(made) })
		if _, err := Check(string(s)+"."+text.EncodeToString(sum), keys); err == nil {
			t.Errorf("%s passes", h)
		}
	}
	for _, bad := range []string{"", ".", "..", "a.b.c", parts[0] + "." + parts[1], signed + "\n", signed + "."} {
		if _, err := Check(bad, keys); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	if slices.ContainsFunc(keys.Keys, func(k Key) bool { return k.X == "" }) {
		t.Error("a key is empty")
	}
}
