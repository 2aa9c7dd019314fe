package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

var noon = time.Date(2026, 10, 18, 12, 0, 0, 0, time.UTC)

func TestKey(t *testing.T) {
	k, text := NewKey("live")
	plain := text.Reveal()
	if parts := strings.Split(plain, "_"); len(parts) != 4 || parts[0] != "eng" || parts[1] != "live" || parts[2] != k.ID || len(parts[3]) != 38 {
		t.Fatalf("the key has %d parts, the id %q", len(parts), k.ID)
	}
	id, hash, err := ParseKey(text)
	if err != nil || id != k.ID || hash != k.Hash {
		t.Fatalf("ParseKey: %q, %v", id, err)
	}
	if got := k.ExpiresAt.Sub(k.CreatedAt); got != MaxKeyLife {
		t.Errorf("it lives for %v", got)
	}
	if log := fmt.Sprintf("%v %+v %#v %s", k, k, text, slog.AnyValue(text)); strings.Contains(log, plain[20:]) {
		t.Error("the key shows in a log")
	}
}

func TestKeyAdmit(t *testing.T) {
	k, text := NewKey("live")
	_, other := NewKey("live")
	_, hash, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	_, wrong, err := ParseKey(other)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddr
	here := k
	here.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	revoked, old := k, k
	revoked.RevokedAt = k.CreatedAt
	old.ExpiresAt = noon
	tests := []struct {
		name string
		k    Key
		hash Hash
		from string
		now  time.Time
		want Refusal
	}{
		{"right", k, hash, "203.0.113.1", k.CreatedAt, ""},
		{"wrong secret", k, wrong, "203.0.113.1", k.CreatedAt, KeyInvalid},
		{"wrong id", Key{}, hash, "203.0.113.1", k.CreatedAt, KeyInvalid},
		{"wrong id, no hash", Key{}, Hash{}, "203.0.113.1", time.Time{}.Add(-time.Hour), KeyInvalid},
		{"revoked", revoked, hash, "203.0.113.1", k.CreatedAt, KeyInvalid},
		{"before its end", old, hash, "203.0.113.1", noon.Add(-1), ""},
		{"at its end", old, hash, "203.0.113.1", noon, KeyExpired},
		{"expired, wrong secret", old, wrong, "203.0.113.1", noon, KeyInvalid},
		{"in its network", here, hash, "192.0.2.255", k.CreatedAt, ""},
		{"in its network, mapped", here, hash, "::ffff:192.0.2.1", k.CreatedAt, ""},
		{"in its other network", here, hash, "2001:db8::1", k.CreatedAt, ""},
		{"outside", here, hash, "192.0.3.0", k.CreatedAt, KeyNetwork},
		{"outside, wrong secret", here, wrong, "192.0.3.0", k.CreatedAt, KeyInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantRefusal(t, tt.k.Admit(tt.hash, at(tt.from), tt.now), tt.want)
		})
	}
}

// An unknown key, a wrong one and a mistyped one get the same words.
func TestKeyRefusalsAreEqual(t *testing.T) {
	k, text := NewKey("live")
	_, hash, _ := ParseKey(text + "x")
	_, _, mistyped := ParseKey(text + "x")
	unknown := Key{}.Admit(hash, netip.Addr{}, noon)
	wrong := k.Admit(hash, netip.Addr{}, noon)
	if mistyped == nil || mistyped.Error() != unknown.Error() || unknown.Error() != wrong.Error() {
		t.Errorf("%v\n%v\n%v", mistyped, unknown, wrong)
	}
	if hash == (Hash{}) {
		t.Error("a mistyped key is not hashed: it is told apart by time")
	}
}

func TestParseKeyRefuses(t *testing.T) {
	_, text := NewKey("live")
	plain := text.Reveal()
	for i := range plain {
		b := []byte(plain)
		b[i]++
		if id, _, err := ParseKey(engawa.Secret(b)); !errors.Is(err, KeyInvalid) || id != "" {
			t.Errorf("character %d changed: %q, %v", i, id, err)
		}
	}
	for _, s := range []string{"", "eng_", "eng___", strings.Repeat("_", 60), strings.Repeat("a", 1<<20), plain + " ", " " + plain, plain + plain} {
		if _, _, err := ParseKey(engawa.Secret(s)); !errors.Is(err, KeyInvalid) {
			t.Errorf("%.60q: %v", s, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	_, text := NewKey("live")
	f.Add(text.Reveal())
	f.Fuzz(func(t *testing.T, s string) {
		if id, _, err := ParseKey(engawa.Secret(s)); err == nil && len(id) != idSize {
			t.Errorf("ParseKey(%q) = %q", s, id)
		}
	})
}

func BenchmarkKey(b *testing.B) {
	k, text := NewKey("live")
	for b.Loop() {
		_, hash, _ := ParseKey(text)
		if k.Admit(hash, netip.Addr{}, k.CreatedAt) != nil {
			b.Fatal("refused")
		}
	}
}

// light is a cost for tests.
var light = Cost{Memory: 64, Passes: 1, Lanes: 1}

func TestPassword(t *testing.T) {
	ctx := t.Context()
	p := NewPasswords(light, 2)
	const good = "縁側でお茶をどうぞ"
	kept, err := p.Hash(ctx, good)
	if err != nil || !strings.HasPrefix(kept, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%q, %v", kept, err)
	}
	if again, _ := p.Hash(ctx, good); again == kept {
		t.Error("two hashes of one password are the same")
	}
	composed, err := p.Hash(ctx, "caf\u00e9 au lait")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, kept, password string
		want                 Refusal
	}{
		{"right", kept, good, ""},
		{"wrong", kept, good + " ", SignInInvalid},
		{"empty", kept, "", SignInInvalid},
		{"too long", kept, strings.Repeat("a", MaxPassword+1), SignInInvalid},
		{"not text", kept, "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", SignInInvalid},
		{"unknown member", "", good, SignInInvalid},
		{"composed another way", composed, "cafe\u0301 au lait", ""},
	}
	for _, tt := range tests {
		rehash, err := p.Check(ctx, tt.kept, engawa.Secret(tt.password))
		if rehash {
			t.Errorf("%s: asks for a new hash", tt.name)
		}
		wantRefusal(t, err, tt.want)
	}
	stronger := NewPasswords(Cost{Memory: 128, Passes: 1, Lanes: 1}, 1)
	if rehash, err := stronger.Check(ctx, kept, good); err != nil || !rehash {
		t.Errorf("made at another cost: %v, %v", rehash, err)
	}
	if rehash, err := stronger.Check(ctx, kept, "another one"); err == nil || rehash {
		t.Errorf("wrong, made at another cost: %v, %v", rehash, err)
	}
}

func TestPasswordLengths(t *testing.T) {
	p := NewPasswords(light, 1)
	for password, ok := range map[string]bool{
		"1234567":                        false,
		"12345678":                       true,
		"日本語の合言":                         false, // 6 characters in 18 bytes
		strings.Repeat("a", 1024):        true,
		strings.Repeat("a", 1025):        false,
		"1234567" + string([]byte{0xff}): false,
	} {
		_, err := p.Hash(t.Context(), engawa.Secret(password))
		var e *engawa.Error
		if (err == nil) != ok || !ok && (!errors.As(err, &e) || e.Field != "/password" || strings.Contains(err.Error(), password)) {
			t.Errorf("%d bytes: %v", len(password), err)
		}
	}
}

// A damaged hash is our trouble: an error, neither right nor wrong, and no work.
func TestPasswordDamagedHash(t *testing.T) {
	p := NewPasswords(light, 1)
	kept, err := p.Hash(t.Context(), "password!")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"x", "$", strings.Repeat("$", 5), kept[:len(kept)-1], kept[1:], kept + "$",
		strings.Replace(kept, "argon2id", "argon2i", 1),
		strings.Replace(kept, "v=19", "v=16", 1),
		strings.Replace(kept, "m=64", "m=4294967295", 1),
		strings.Replace(kept, "m=64", "m=-1", 1),
		strings.Replace(kept, "t=1", "t=0", 1),
		strings.Replace(kept, "t=1", "t=4000000000", 1),
		strings.Replace(kept, "p=1", "p=0", 1),
		strings.Replace(kept, "p=1", "p=1,x=1", 1),
	} {
		if _, err := p.Check(t.Context(), s, "password!"); !errors.Is(err, errPHC) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// The reference implementation's own vectors (phc-winner-argon2 test.c, v=19),
// but for those whose hash has another length than ours.
func TestPasswordReferenceVectors(t *testing.T) {
	p := NewPasswords(light, 1)
	for _, kept := range []string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	} {
		if _, err := p.Check(t.Context(), kept, "password"); err != nil {
			t.Errorf("%s: %v", kept, err)
		}
		if _, err := p.Check(t.Context(), kept, "passwore"); !errors.Is(err, SignInInvalid) {
			t.Errorf("%s: the wrong password: %v", kept, err)
		}
	}
}

// Who cannot have a turn in time is asked to come again, and takes no memory.
func TestPasswordsInParallel(t *testing.T) {
	p := NewPasswords(light, 1)
	p.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Check(ctx, "", "password!")
	wantRefusal(t, err, SignInBusy)
	<-p.slots
	if _, err := p.Hash(t.Context(), "password!"); err != nil {
		t.Error(err)
	}
	if len(p.slots) != 0 {
		t.Error("a turn is not given back")
	}
}

// A wrong password of a member and any password of an unknown one take the same time.
func BenchmarkPassword(b *testing.B) {
	p := NewPasswords(DefaultCost(), 2)
	kept, err := p.Hash(b.Context(), "password!")
	if err != nil {
		b.Fatal(err)
	}
	for name, kept := range map[string]string{"wrong": kept, "unknown": ""} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Check(b.Context(), kept, "passwore!"); !errors.Is(err, SignInInvalid) {
					b.Fatal(err)
				}
			}
		})
	}
}

// 10,000 guesses an hour: at most 30 an hour reach the hash, and the owner, in a
// browser that is known, waits for nobody.
func TestGuessesAreSlowed(t *testing.T) {
	var stranger, owner Attempts
	reached := 0
	for n := range 10_000 {
		next, wait := stranger.Try(AccountPace(), noon.Add(time.Duration(n)*time.Hour/10_000))
		if wait == 0 {
			stranger = next
			reached++
		} else if next != stranger {
			t.Fatal("an attempt that was refused counts")
		}
	}
	if reached < 20 || reached > 30 {
		t.Errorf("%d guesses reached the hash", reached)
	}
	if _, wait := owner.Try(AccountPace(), noon.Add(time.Hour)); wait != 0 {
		t.Errorf("the owner waits %v", wait)
	}
}

func TestAttempts(t *testing.T) {
	p := AccountPace()
	tests := []struct {
		name string
		a    Attempts
		now  time.Time
		wait time.Duration
		next int
	}{
		{"first", Attempts{}, noon, 0, 1},
		{"third at once", Attempts{2, noon}, noon, 0, 3},
		{"fourth at once", Attempts{3, noon}, noon, time.Second, 3},
		{"fourth in time", Attempts{3, noon}, noon.Add(time.Second), 0, 4},
		{"sixth", Attempts{5, noon}, noon.Add(time.Second), 3 * time.Second, 5},
		{"thousandth", Attempts{1_000, noon}, noon, p.Most, 1_000},
		{"billionth", Attempts{1 << 40, noon}, noon.Add(p.Most), 0, 1<<40 + 1},
		{"next day", Attempts{1_000, noon}, noon.Add(p.Forget), 0, 1},
		{"clock back by a year", Attempts{1_000, noon}, noon.AddDate(-1, 0, 0), 2 * p.Most, 1_000},
	}
	for _, tt := range tests {
		next, wait := tt.a.Try(p, tt.now)
		if tt.name == "clock back by a year" {
			if wait > p.Most {
				t.Errorf("%s: locked out for %v", tt.name, wait)
			}
			continue
		}
		if wait != tt.wait || next.Tries != tt.next {
			t.Errorf("%s: wait %v, %d tries; want %v, %d", tt.name, wait, next.Tries, tt.wait, tt.next)
		}
	}
}

func TestNetwork(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1/32",
		"::ffff:192.0.2.1":   "192.0.2.1/32",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1%eth0":       "fe80::/64",
		"2001:db8:1:2:ff::1": "2001:db8:1:2::/64",
	} {
		if got := Network(netip.MustParseAddr(a)); got.String() != want {
			t.Errorf("Network(%s) = %s, want %s", a, got, want)
		}
	}
	if Network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

func TestSessionEnds(t *testing.T) {
	s, token := NewSession("ws_1", "mem_1", noon)
	if len(token.Reveal()) < 43 || s.Hash != HashToken(token) {
		t.Errorf("token of %d characters", len(token.Reveal()))
	}
	if _, other := NewSession("ws_1", "mem_1", noon); other == token {
		t.Error("two sessions have one token")
	}
	busy := s
	busy.SeenAt = noon.Add(SessionLife - time.Second)
	tests := []struct {
		name string
		s    Session
		now  time.Time
		want Refusal
	}{
		{"just before idle", s, noon.Add(SessionIdle - 1), ""},
		{"idle", s, noon.Add(SessionIdle), SessionEnded},
		{"busy to the last", busy, noon.Add(SessionLife - 1), ""},
		{"old", busy, noon.Add(SessionLife), SessionEnded},
		{"none", Session{}, noon, SessionEnded},
		{"none, at the beginning of time", Session{}, time.Time{}, SessionEnded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantRefusal(t, tt.s.Admit(tt.now), tt.want) })
	}
	if _, keep := s.Touch(noon.Add(59 * time.Second)); keep {
		t.Error("written twice in a minute")
	}
	if next, keep := s.Touch(noon.Add(time.Minute)); !keep || !next.SeenAt.Equal(noon.Add(time.Minute)) {
		t.Error("not written after a minute")
	}
	if !s.Fresh(noon.Add(FreshFor-1)) || s.Fresh(noon.Add(FreshFor)) {
		t.Error("fresh for another time than 10 minutes")
	}
}

func TestLink(t *testing.T) {
	l, token := NewLink("ws_1", "mem_1", noon.Add(LinkLife))
	if l.Hash != HashToken(token) {
		t.Error("the hash is another token's")
	}
	used := l
	used.UsedAt = noon
	wantRefusal(t, l.Admit(noon.Add(LinkLife-1)), "")
	wantRefusal(t, l.Admit(noon.Add(LinkLife)), LinkInvalid)
	wantRefusal(t, used.Admit(noon), LinkInvalid)
	wantRefusal(t, Link{}.Admit(time.Time{}), LinkInvalid)
}

// carry returns a request with the cookies that a handler set.
func carry(set func(http.ResponseWriter)) (*http.Request, []*http.Cookie) {
	w := httptest.NewRecorder()
	set(w)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	return r, w.Result().Cookies()
}

func TestSessionCookie(t *testing.T) {
	s, token := NewSession("ws_1", "mem_1", noon)
	for _, c := range []Cookies{{Secure: true}, {Secure: false}} {
		r, set := carry(func(w http.ResponseWriter) { c.SetSession(w, token) })
		want := map[bool]string{true: "__Host-engawa_session", false: "engawa_session"}[c.Secure]
		if k := set[0]; k.Name != want || k.Secure != c.Secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" || k.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %v", k)
		}
		if hash, ok := c.Session(r); !ok || hash != s.Hash {
			t.Error("the session is not found")
		}
		if _, ok := (Cookies{Secure: !c.Secure}).Session(r); ok {
			t.Error("read under the other name")
		}
		r.AddCookie(&http.Cookie{Name: want, Value: "tossed"})
		if _, ok := c.Session(r); ok {
			t.Error("one of two cookies is believed")
		}
		if _, cleared := carry(c.ClearSession); cleared[0].MaxAge >= 0 || cleared[0].Name != want {
			t.Errorf("cleared by %v", cleared[0])
		}
	}
	if _, ok := (Cookies{}).Session(httptest.NewRequest(http.MethodGet, "/", nil)); ok {
		t.Error("a session without a cookie")
	}
}

func TestKnownBrowser(t *testing.T) {
	v := vault.New(vault.Generate(noon))
	c := Cookies{Secure: true}
	r, _ := carry(func(w http.ResponseWriter) { c.SetKnown(w, v, "mem_1", noon) })
	name, ok := c.Known(r, v, "mem_1", noon.Add(KnownFor-time.Second))
	if !ok || !strings.HasPrefix(name, "mem_1 ") {
		t.Errorf("Known = %q, %v", name, ok)
	}
	other, _ := carry(func(w http.ResponseWriter) { c.SetKnown(w, v, "mem_1", noon) })
	if second, _ := c.Known(other, v, "mem_1", noon); second == name {
		t.Error("two browsers have one name")
	}
	if _, ok := c.Known(r, v, "mem_2", noon); ok {
		t.Error("known for another member")
	}
	if _, ok := c.Known(r, v, "mem_1", noon.Add(KnownFor)); ok {
		t.Error("known for ever")
	}
	forged, _ := carry(func(w http.ResponseWriter) {
		c.set(w, knownCookie, v.Token("other", []byte("mem_1 x"), noon.Add(time.Hour)), 0)
	})
	if _, ok := c.Known(forged, v, "mem_1", noon); ok {
		t.Error("a token for another purpose is believed")
	}
}

func TestRequire(t *testing.T) {
	ws := Principal{Workspace: "ws_1"}
	member := func(r engawa.Role) Principal { p := ws; p.Member, p.Role = "mem_1", r; return p }
	key := func(scopes ...string) Principal { p := ws; p.Key, p.Scopes = "k", scopes; return p }
	partner := func(grant []string, scopes ...string) Principal {
		p := key(scopes...)
		p.Partner, p.Grant = "ptn_1", grant
		return p
	}
	behind := func(r engawa.Role, scopes ...string) Principal { p := key(scopes...); p.Role = r; return p }
	nowhere := member(engawa.Owner)
	nowhere.Workspace = ""
	all := []string{All}
	tests := []struct {
		name  string
		p     Principal
		scope Scope
		want  Refusal
	}{
		{"nobody", Principal{}, EventsRead, ScopeMissing},
		{"nobody in a workspace", ws, EventsRead, ScopeMissing},
		{"owner of no workspace", nowhere, EventsRead, ScopeMissing},
		{"viewer reads", member(engawa.Viewer), EventsRead, ""},
		{"viewer sends", member(engawa.Viewer), MessagesSend, RoleTooLow},
		{"support sends", member(engawa.Support), MessagesSend, ""},
		{"support reads addresses", member(engawa.Support), AddressesRead, RoleTooLow},
		{"admin exports", member(engawa.Admin), ExportRead, RoleTooLow},
		{"owner exports", member(engawa.Owner), ExportRead, ""},
		{"made-up role", member("root"), EventsRead, RoleTooLow},
		{"owner, made-up scope", member(engawa.Owner), "events:eat", ScopeMissing},
		{"key with the scope", key("events:write"), EventsWrite, ""},
		{"key with another", key("events:write"), EventsRead, ScopeMissing},
		{"key with none", key(), EventsRead, ScopeMissing},
		{"key with all", key(All), KeysWrite, ""},
		{"key with all and one", key(All, "events:read"), KeysWrite, ScopeMissing},
		{"an API key's principal", Key{ID: "k", Scopes: []string{"events:write"}}.Principal("ws_1"), EventsWrite, ""},
		{"an API key's principal, more", Key{ID: "k", Scopes: []string{"events:write"}}.Principal("ws_1"), EventsRead, ScopeMissing},
		{"no API key's principal", Key{}.Principal("ws_1"), EventsRead, ScopeMissing},
		{"key with all, made-up scope", key(All), "x", ScopeMissing},
		{"viewer's key with all", behind(engawa.Viewer, All), EventsWrite, RoleTooLow},
		{"owner's key without the scope", behind(engawa.Owner, "events:read"), EventsWrite, ScopeMissing},
		{"partner with both", partner(all, "messages:send"), MessagesSend, ""},
		{"partner with all of both", partner(all, All), SubscribersRead, ""},
		{"partner whose grant lacks it", partner([]string{"messages:read"}, All), MessagesSend, ScopeMissing},
		{"partner whose grant ended", partner(nil, All), MessagesRead, ScopeMissing},
		{"partner whose key lacks it", partner(all, "messages:read"), MessagesSend, ScopeMissing},
		{"partner reads addresses", partner(all, All), AddressesRead, ScopeMissing},
		{"partner reads customers", partner(all, All), CustomersRead, ScopeMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantRefusal(t, tt.p.Require(tt.scope), tt.want) })
	}
}

func TestCheckScopes(t *testing.T) {
	for _, tt := range []struct {
		scopes  string
		partner bool
		ok      bool
	}{
		{"events:read messages:send", false, true},
		{"*", true, true},
		{"* events:read", false, false},
		{"events:eat", false, false},
		{"messages:send", true, true},
		{"addresses:read", true, false},
	} {
		if err := CheckScopes(strings.Fields(tt.scopes), tt.partner); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.scopes, err)
		}
	}
}

// Every scope is in the table once, and no refusal is without words.
func TestTablesAreWhole(t *testing.T) {
	seen := map[Scope]bool{}
	for _, n := range Scopes {
		if seen[n.Scope] || n.Role == "" || !strings.Contains(string(n.Scope), ":") {
			t.Errorf("scope %+v", n)
		}
		seen[n.Scope] = true
	}
	for _, r := range []Refusal{
		KeyInvalid, KeyExpired, KeyNetwork, ScopeMissing, RoleTooLow, SignInInvalid, SignInTooSoon, SignInBusy,
		LinkInvalid, SessionEnded, ProviderDown, ProviderRefused, ProviderProof, ProviderState, MailUnverified,
	} {
		wantRefusal(t, refuse(r, nil), r)
		wantRefusal(t, refuse(r, errors.New("cause")), r)
	}
	if err := TooSoon(); !errors.Is(err, SignInTooSoon) {
		t.Error(err)
	}
}
