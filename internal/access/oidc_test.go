package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

const issuer = "https://op.example"

// rudeOP is an OpenID provider in memory that can be told to misbehave. It is
// the transport of the client that talks to it.
type rudeOP struct {
	key    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	kid    string
	codes  map[string]url.Values // code -> the authorization request
	used   map[string]bool
	jwks   atomic.Int32 // how often the keys were asked for
	claims func(map[string]any)
	sign   func(o *rudeOP, claims map[string]any) string
	config func(map[string]any)
	info   map[string]any
	path   map[string]http.HandlerFunc // answers instead
	forget bool                        // takes a code twice
}

func newRudeOP(t *testing.T) *rudeOP {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &rudeOP{key: key, ec: ec, kid: "k1", codes: map[string]url.Values{}, used: map[string]bool{}, path: map[string]http.HandlerFunc{}}
}

// RoundTrip answers in process.
func (o *rudeOP) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	switch h := o.path[r.URL.Path]; {
	case h != nil:
		h(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		o.discovery(w)
	case r.URL.Path == "/keys":
		o.jwks.Add(1)
		o.keys(w)
	case r.URL.Path == "/token":
		o.token(w, r)
	case r.URL.Path == "/userinfo":
		answer(w, o.info)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), r.Context().Err()
}

func (o *rudeOP) discovery(w http.ResponseWriter) {
	c := map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/auth", "token_endpoint": issuer + "/token",
		"jwks_uri": issuer + "/keys", "userinfo_endpoint": issuer + "/userinfo",
		"id_token_signing_alg_values_supported": []string{"RS256", "RS384", "ES256", "HS256", "none"},
	}
	if o.config != nil {
		o.config(c)
	}
	answer(w, c)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (o *rudeOP) keys(w http.ResponseWriter) {
	e := big.NewInt(int64(o.key.E)).Bytes()
	point, _ := o.ec.PublicKey.Bytes()
	answer(w, map[string]any{"keys": []any{
		map[string]any{"kty": "RSA", "kid": o.kid, "use": "sig", "n": text64(o.key.N.Bytes()), "e": text64(e)},
		map[string]any{"kty": "EC", "kid": "ec", "crv": "P-256", "x": text64(point[1:33]), "y": text64(point[33:])},
	}})
}

// authorize gives a code for the request that the browser was sent with.
func (o *rudeOP) authorize(request url.Values) string {
	code := fmt.Sprint("code", len(o.codes))
	o.codes[code] = request
	return code
}

func (o *rudeOP) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	code := r.Form.Get("code")
	request, ok := o.codes[code]
	sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	if !ok || o.used[code] && !o.forget || request.Get("code_challenge_method") != "S256" ||
		request.Get("code_challenge") != text64(sum[:]) || r.Form.Get("redirect_uri") != request.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]any{"error": "invalid_grant"})
		return
	}
	o.used[code] = true
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": issuer, "sub": "sub-1", "aud": "client-1", "exp": now + 300, "iat": now, "nonce": request.Get("nonce"),
		"email": "hana@example.jp", "email_verified": true, "name": "花",
	}
	if o.claims != nil {
		o.claims(claims)
	}
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	sign := rs256
	if o.sign != nil {
		sign = o.sign
	}
	answer(w, map[string]any{"access_token": "at-1", "token_type": "Bearer", "id_token": sign(o, claims)})
}

func text64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwt returns the signing input of a token.
func jwt(header, claims map[string]any) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	return text64(h) + "." + text64(c)
}

func rs256(o *rudeOP, claims map[string]any) string {
	return rs256As(o.key, map[string]any{"alg": "RS256", "kid": o.kid}, claims)
}

func rs256As(key *rsa.PrivateKey, header, claims map[string]any) string {
	in := jwt(header, claims)
	sum := sha256.Sum256([]byte(in))
	sig, _ := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	return in + "." + text64(sig)
}

func rs384(o *rudeOP, claims map[string]any) string {
	in := jwt(map[string]any{"alg": "RS384", "kid": o.kid}, claims)
	sum := sha512.Sum384([]byte(in))
	sig, _ := rsa.SignPKCS1v15(rand.Reader, o.key, crypto.SHA384, sum[:])
	return in + "." + text64(sig)
}

func es256(o *rudeOP, claims map[string]any) string {
	in := jwt(map[string]any{"alg": "ES256", "kid": "ec"}, claims)
	sum := sha256.Sum256([]byte(in))
	r, s, _ := ecdsa.Sign(rand.Reader, o.ec, sum[:])
	sig := make([]byte, 64)
	return in + "." + text64(append(r.FillBytes(sig[:32]), s.FillBytes(sig[32:])...))
}

func unsigned(_ *rudeOP, claims map[string]any) string {
	return jwt(map[string]any{"alg": "none"}, claims) + "."
}

// hs256 signs with the public key as if it were a shared secret.
func hs256(o *rudeOP, claims map[string]any) string {
	in := jwt(map[string]any{"alg": "HS256", "kid": o.kid}, claims)
	der, _ := x509.MarshalPKIXPublicKey(&o.key.PublicKey)
	h := hmac.New(sha256.New, der)
	h.Write([]byte(in))
	return in + "." + text64(h.Sum(nil))
}

// browser walks a person through a sign-in.
type browser struct {
	cookies []*http.Cookie
	request url.Values // what it was sent to the provider with
}

func newOIDC(t *testing.T, op *rudeOP) *OIDC {
	t.Helper()
	o, err := NewOIDC(
		Provider{Issuer: issuer, ClientID: "client-1", ClientSecret: "hush", RedirectURL: "https://hub.example/sign-in/back"},
		&http.Client{Transport: op}, vault.New(vault.Generate(time.Now())), Cookies{Secure: true})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (b *browser) start(t *testing.T, o *OIDC, next string) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := o.Start(w, httptest.NewRequest(http.MethodGet, "/sign-in?next="+url.QueryEscape(next), nil)); err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther {
		t.Fatalf("status %d, location %v, %v", w.Code, to, err)
	}
	b.cookies, b.request = w.Result().Cookies(), to.Query()
}

func (b *browser) finish(o *OIDC, answer url.Values) (Claims, error) {
	r := httptest.NewRequest(http.MethodGet, "/sign-in/back?"+answer.Encode(), nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	return o.Finish(httptest.NewRecorder(), r)
}

func TestOIDCSignIn(t *testing.T) {
	op := newRudeOP(t)
	o := newOIDC(t, op)
	for name, sign := range map[string]func(*rudeOP, map[string]any) string{"RS256": rs256, "ES256": es256} {
		op.sign = sign
		var b browser
		b.start(t, o, "/messages?state=held")
		if c := b.cookies[0]; len(b.cookies) != 1 || !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %v", b.cookies)
		}
		if q := b.request; q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("scope") != "openid email profile" || len(q.Get("nonce")) < 22 || len(q.Get("state")) < 22 {
			t.Errorf("authorization request %v", q)
		}
		got, err := b.finish(o, url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]})
		want := Claims{Issuer: issuer, Subject: "sub-1", Mail: "hana@example.jp", Name: "花", Next: "/messages?state=held"}
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// What an ID token may not say or be (B37).
func TestOIDCRefusesTokens(t *testing.T) {
	set := func(kv ...any) func(map[string]any) {
		return func(c map[string]any) {
			for i := 0; i < len(kv); i += 2 {
				c[kv[i].(string)] = kv[i+1]
			}
		}
	}
	now := time.Now().Unix()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		claims func(map[string]any)
		sign   func(*rudeOP, map[string]any) string
		want   Refusal // "" lets in
	}{
		{"as it should be", nil, nil, ""},
		{"no nonce", set("nonce", nil), nil, ProviderProof},
		{"other nonce", set("nonce", "other"), nil, ProviderProof},
		{"iss with a slash", set("iss", issuer+"/"), nil, ProviderProof},
		{"iss in capitals", set("iss", "https://OP.example"), nil, ProviderProof},
		{"aud as a list of us", set("aud", []string{"client-1"}), nil, ""},
		{"aud with another", set("aud", []string{"client-1", "client-2"}), nil, ProviderProof},
		{"aud with another and azp", set("aud", []string{"client-1", "client-2"}, "azp", "client-1"), nil, ProviderProof},
		{"aud of another", set("aud", "client-2"), nil, ProviderProof},
		{"azp right", set("azp", "client-1"), nil, ""},
		{"azp wrong", set("azp", "client-2"), nil, ProviderProof},
		{"azp empty", set("azp", ""), nil, ProviderProof},
		{"sub empty", set("sub", ""), nil, ProviderProof},
		{"sub long", set("sub", strings.Repeat("x", 256)), nil, ProviderProof},
		{"expired within the skew", set("exp", now-30), nil, ""},
		{"expired", set("exp", now-61), nil, ProviderProof},
		{"no exp", set("exp", nil), nil, ProviderProof},
		{"made ahead within the skew", set("iat", now+30), nil, ""},
		{"made ahead", set("iat", now+90), nil, ProviderProof},
		{"made long ago", set("iat", now-3600), nil, ProviderProof},
		{"not yet", set("nbf", now+90), nil, ProviderProof},
		{"at_hash wrong", set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), nil, ProviderProof},
		{"mail not verified", set("email_verified", false), nil, MailUnverified},
		{"mail verified not said", set("email_verified", nil), nil, MailUnverified},
		{"mail verified as text", set("email_verified", "true"), nil, ""},
		{"mail verified as the text false", set("email_verified", "false"), nil, MailUnverified},
		{"mail verified as 1", set("email_verified", 1), nil, MailUnverified},
		{"unsigned", nil, unsigned, ProviderProof},
		{"HS256 with the public key", nil, hs256, ProviderProof},
		{"RS384, true but not on the list", nil, rs384, ProviderProof},
		{"another's key", nil, func(o *rudeOP, c map[string]any) string {
			return rs256As(stranger, map[string]any{"alg": "RS256", "kid": o.kid}, c)
		}, ProviderProof},
		{"another's key in the header", nil, func(_ *rudeOP, c map[string]any) string {
			e := big.NewInt(int64(stranger.E)).Bytes()
			jwk := map[string]any{"kty": "RSA", "kid": "mine", "n": text64(stranger.N.Bytes()), "e": text64(e)}
			return rs256As(stranger, map[string]any{"alg": "RS256", "kid": "mine", "jwk": jwk, "jku": "https://evil.example/keys"}, c)
		}, ProviderProof},
		{"kid is a path", nil, func(o *rudeOP, c map[string]any) string {
			return rs256As(stranger, map[string]any{"alg": "RS256", "kid": "../../../dev/null"}, c)
		}, ProviderProof},
		{"kid is SQL", nil, func(o *rudeOP, c map[string]any) string {
			return rs256As(stranger, map[string]any{"alg": "RS256", "kid": "k1' OR '1'='1"}, c)
		}, ProviderProof},
		{"claims changed after signing", nil, func(o *rudeOP, c map[string]any) string {
			signed := strings.Split(rs256(o, c), ".")
			c["sub"] = "sub-2"
			return jwt(map[string]any{"alg": "RS256", "kid": o.kid}, c) + "." + signed[2]
		}, ProviderProof},
		{"no token", nil, func(*rudeOP, map[string]any) string { return "" }, ProviderProof},
		{"garbage", nil, func(*rudeOP, map[string]any) string { return "a.b.c" }, ProviderProof},
	}
	op := newRudeOP(t)
	o := newOIDC(t, op)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			op.claims, op.sign = tt.claims, tt.sign
			var b browser
			b.start(t, o, "")
			got, err := b.finish(o, url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]})
			wantRefusal(t, err, tt.want)
			if (err == nil) != (got.Subject == "sub-1") {
				t.Errorf("claims %+v with %v", got, err)
			}
		})
	}
}

// What the answer in the browser may not be (B37).
func TestOIDCRefusesAnswers(t *testing.T) {
	op := newRudeOP(t)
	op.forget = true // so that only our own memory stands against a replay
	o := newOIDC(t, op)
	other := newOIDC(t, op)
	other.vault = o.vault
	other.settings.Issuer = "https://other.example"
	beside := newOIDC(t, op) // another client of the same provider
	beside.vault = o.vault
	beside.settings.RedirectURL = "https://hub.example/beside"
	tests := []struct {
		name   string
		answer func(good url.Values, b *browser)
		o      *OIDC
		want   Refusal
	}{
		{"as it should be", func(url.Values, *browser) {}, o, ""},
		{"no state", func(q url.Values, _ *browser) { q.Del("state") }, o, ProviderState},
		{"other state", func(q url.Values, _ *browser) { q.Set("state", "x") }, o, ProviderState},
		{"two states", func(q url.Values, _ *browser) { q.Add("state", "x") }, o, ProviderState},
		{"no cookie", func(_ url.Values, b *browser) { b.cookies = nil }, o, ProviderState},
		{"two cookies", func(_ url.Values, b *browser) { b.cookies = append(b.cookies, b.cookies[0]) }, o, ProviderState},
		{"forged cookie", func(_ url.Values, b *browser) { b.cookies[0].Value = "s.AAAA" }, o, ProviderState},
		{"another sign-in's cookie", func(_ url.Values, b *browser) {
			var second browser
			second.start(t, o, "")
			b.cookies = second.cookies
		}, o, ProviderState},
		{"begun with another provider", func(url.Values, *browser) {}, other, ProviderState},
		{"come back elsewhere than it was sent to", func(url.Values, *browser) {}, beside, ProviderState},
		{"iss right", func(q url.Values, _ *browser) { q.Set("iss", issuer) }, o, ""},
		{"iss of another", func(q url.Values, _ *browser) { q.Set("iss", issuer+"/") }, o, ProviderProof},
		{"declined", func(q url.Values, _ *browser) { q.Set("error", "access_denied") }, o, ProviderRefused},
		{"no code", func(q url.Values, _ *browser) { q.Del("code") }, o, ProviderProof},
		{"two codes", func(q url.Values, _ *browser) { q.Add("code", "x") }, o, ProviderProof},
		{"unknown code", func(q url.Values, _ *browser) { q.Set("code", "x") }, o, ProviderProof},
		{"code of another sign-in", func(q url.Values, _ *browser) {
			var second browser
			second.start(t, o, "")
			q.Set("code", op.authorize(second.request))
		}, o, ProviderProof}, // PKCE: another verifier
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b browser
			b.start(t, o, "")
			q := url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]}
			tt.answer(q, &b)
			_, err := b.finish(tt.o, q)
			wantRefusal(t, err, tt.want)
			if _, err := b.finish(o, q); tt.want == "" && !errors.Is(err, ProviderState) {
				t.Errorf("the same answer again: %v", err)
			}
		})
	}
}

func TestOIDCCodeWorksOnce(t *testing.T) {
	op := newRudeOP(t)
	o := newOIDC(t, op)
	var first, second browser
	first.start(t, o, "")
	code := op.authorize(first.request)
	if _, err := first.finish(o, url.Values{"code": {code}, "state": first.request["state"]}); err != nil {
		t.Fatal(err)
	}
	second.start(t, o, "")
	_, err := second.finish(o, url.Values{"code": {code}, "state": second.request["state"]})
	wantRefusal(t, err, ProviderProof)
}

func TestOIDCTripEnds(t *testing.T) {
	op := newRudeOP(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOIDC(t, op)
		var b browser
		b.start(t, o, "")
		q := url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]}
		time.Sleep(oidcLife)
		_, err := b.finish(o, q)
		wantRefusal(t, err, ProviderState)
	})
}

// The states that came back are forgotten once their cookies are dead anyway.
func TestOIDCForgetsUsedStates(t *testing.T) {
	o := newOIDC(t, newRudeOP(t))
	now := time.Now()
	for n := range 1_000 {
		o.useUp(fmt.Sprint(n), now)
	}
	o.useUp("later", now.Add(oidcLife+time.Second))
	if len(o.used) != 1 {
		t.Errorf("%d states are remembered", len(o.used))
	}
}

// A provider that names itself in its answers must do so (RFC 9207, mix-up).
func TestOIDCMixUp(t *testing.T) {
	op := newRudeOP(t)
	op.config = func(c map[string]any) { c["authorization_response_iss_parameter_supported"] = true }
	o := newOIDC(t, op)
	var b browser
	b.start(t, o, "")
	_, err := b.finish(o, url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]})
	wantRefusal(t, err, ProviderProof)
}

func TestOIDCKeysRotate(t *testing.T) {
	op := newRudeOP(t)
	o := newOIDC(t, op)
	signIn := func() error {
		var b browser
		b.start(t, o, "")
		_, err := b.finish(o, url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]})
		return err
	}
	if err := signIn(); err != nil {
		t.Fatal(err)
	}
	op.key, op.kid = newRudeOP(t).key, "k2"
	if err := signIn(); err != nil {
		t.Errorf("after the provider changed its key: %v", err)
	}
	if n := op.jwks.Load(); n != 2 {
		t.Errorf("the keys were asked for %d times, want 2", n)
	}
}

func TestOIDCUserInfo(t *testing.T) {
	op := newRudeOP(t)
	op.claims = func(c map[string]any) { c["email"], c["email_verified"], c["name"] = nil, nil, nil }
	o := newOIDC(t, op)
	for _, tt := range []struct {
		name string
		info map[string]any
		want Refusal
	}{
		{"tells", map[string]any{"sub": "sub-1", "email": "hana@example.jp", "email_verified": true}, ""},
		{"another subject", map[string]any{"sub": "sub-2", "email": "hana@example.jp", "email_verified": true}, ProviderProof},
		{"not verified", map[string]any{"sub": "sub-1", "email": "hana@example.jp"}, MailUnverified},
		{"no mail", map[string]any{"sub": "sub-1"}, MailUnverified},
	} {
		op.info = tt.info
		var b browser
		b.start(t, o, "")
		got, err := b.finish(o, url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]})
		wantRefusal(t, err, tt.want)
		if tt.want == "" && got.Mail != "hana@example.jp" {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// A provider that neither describes itself nor has keys that are known: whom its user
// info names for the token that was just traded has signed in. Its ID token counts for
// nothing, whatever it says.
func TestOIDCEndpoints(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			answer(w, map[string]any{"sub": "sub-1", "email": "hana@example.jp"})
		}
	}
	for _, tt := range []struct {
		name string
		info http.HandlerFunc
		code func(code string) string
		want Refusal
	}{
		{"as it should be", nil, nil, ""},
		{"401", status(401), nil, ProviderDown},
		{"500", status(500), nil, ProviderDown},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>hana@example.jp") }, nil, ProviderDown},
		{"no subject", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{"email": "hana@example.jp"}) }, nil, ProviderProof},
		{"a long subject", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, map[string]any{"sub": strings.Repeat("x", 256)})
		}, nil, ProviderProof},
		{"moved", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host != "evil.example" {
				http.Redirect(w, r, "https://evil.example/userinfo", http.StatusFound)
				return
			}
			answer(w, map[string]any{"sub": "sub-1"}) // would do if it were followed
		}, nil, ProviderDown},
		{"an unknown code", nil, func(string) string { return "x" }, ProviderProof},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := newRudeOP(t)
			op.info = map[string]any{"sub": "sub-1", "contract": map[string]any{"id": "c1"}}
			op.claims = func(c map[string]any) { c["sub"], c["nonce"] = "sub-2", "another" }
			op.path["/.well-known/openid-configuration"] = status(500)
			traded := 0
			op.path["/token"] = func(w http.ResponseWriter, r *http.Request) {
				traded++
				if id, secret, ok := r.BasicAuth(); !ok || id != "client-1" || secret != "hush" {
					t.Errorf("the code is traded by %q", id)
				}
				op.token(w, r)
			}
			if tt.info != nil {
				op.path["/userinfo"] = tt.info
			}
			o, err := NewOIDC(Provider{
				Issuer: issuer, ClientID: "client-1", ClientSecret: "hush", RedirectURL: "https://hub.example/back",
				Endpoints: &Endpoints{Authorize: issuer + "/auth", Token: issuer + "/token", UserInfo: issuer + "/userinfo", Scopes: []string{"email"}},
			}, &http.Client{Transport: op}, vault.New(vault.Generate(time.Now())), Cookies{Secure: true})
			if err != nil {
				t.Fatal(err)
			}
			var b browser
			b.start(t, o, "/mine")
			if b.request.Get("scope") != "openid email" || b.request.Has("nonce") || b.request.Get("code_challenge_method") != "S256" {
				t.Errorf("authorization request %v", b.request)
			}
			code := op.authorize(b.request)
			if tt.code != nil {
				code = tt.code(code)
			}
			got, err := b.finish(o, url.Values{"code": {code}, "state": b.request["state"]})
			wantRefusal(t, err, tt.want)
			want := Claims{}
			if tt.want == "" {
				want = Claims{Issuer: issuer, Subject: "sub-1", Told: `{"contract":{"id":"c1"},"sub":"sub-1"}`, Next: "/mine"}
			}
			if got.Told = strings.TrimSpace(got.Told); got != want || traded != 1 {
				t.Errorf("%+v, traded %d times", got, traded)
			}
		})
	}
}

// A provider that is down, lies about itself or floods is an error in words, and
// nothing that was wrong once stays wrong.
func TestOIDCRudeProvider(t *testing.T) {
	const discovery = "/.well-known/openid-configuration"
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	var real *rudeOP
	flood := func(w http.ResponseWriter, _ *http.Request) { // would do if it were read to its end
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, strings.Repeat(" ", 10<<20))
		real.keys(w)
	}
	tests := []struct {
		name, path string
		h          http.HandlerFunc
		config     func(map[string]any)
		want       Refusal
	}{
		{"discovery 500", discovery, status(500), nil, ProviderDown},
		{"discovery moved", discovery, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host != "evil.example" {
				http.Redirect(w, r, "https://evil.example"+discovery, http.StatusFound)
				return
			}
			real.discovery(w) // would do if it were followed
		}, nil, ProviderDown},
		{"discovery is a page", discovery, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, nil, ProviderDown},
		{"issuer with a slash", "", nil, func(c map[string]any) { c["issuer"] = issuer + "/" }, ProviderDown},
		{"token endpoint in plain text", "", nil, func(c map[string]any) { c["token_endpoint"] = "http://op.example/token" }, ProviderDown},
		{"keys in plain text", "", nil, func(c map[string]any) { c["jwks_uri"] = "http://op.example/keys" }, ProviderDown},
		{"keys of 10 MB", "/keys", flood, nil, ProviderProof},
		{"keys 503", "/keys", status(503), nil, ProviderProof},
		{"token 503", "/token", status(503), nil, ProviderDown},
		{"token 200 without a token", "/token", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{}) }, nil, ProviderDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			op := newRudeOP(t)
			real = op
			synctest.Test(t, func(t *testing.T) {
				o := newOIDC(t, op)
				op.config = tt.config
				if tt.h != nil {
					op.path[tt.path] = tt.h
				}
				w := httptest.NewRecorder()
				err := o.Start(w, httptest.NewRequest(http.MethodGet, "/sign-in", nil))
				if err == nil {
					var b browser
					b.start(t, o, "")
					_, err = b.finish(o, url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]})
				} else if w.Header().Get("Set-Cookie") != "" || w.Code != http.StatusOK {
					t.Error("a failed Start has written")
				}
				wantRefusal(t, err, tt.want)
				if len(err.Error()) > 500 {
					t.Errorf("the error quotes %d bytes", len(err.Error()))
				}
				op.config, op.path = nil, nil
				time.Sleep(oidcRetry)
				var b browser
				b.start(t, o, "")
				if _, err := b.finish(o, url.Values{"code": {op.authorize(b.request)}, "state": b.request["state"]}); err != nil {
					t.Errorf("after it was mended: %v", err)
				}
			})
		})
	}
}

func TestOIDCNextStaysHere(t *testing.T) {
	for next, want := range map[string]string{
		"/messages/msg_1?tab=why": "/messages/msg_1?tab=why",
		"":                        "/",
		"messages":                "/",
		"https://evil.example/":   "/",
		"//evil.example/":         "/",
		"/\\evil.example/":        "/",
		"/\tevil":                 "/",
		"javascript:alert(1)":     "/",
		"/%zz":                    "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("localPath(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestNewOIDCRefuses(t *testing.T) {
	good := Provider{Issuer: issuer, ClientID: "c", RedirectURL: "http://127.0.0.1:8025/back"}
	for field, change := range map[string]func(*Provider){
		"/issuer":       func(p *Provider) { p.Issuer = "http://op.example" },
		"/redirect_url": func(p *Provider) { p.RedirectURL = "https://user:pw@hub.example/" },
		"/client_id":    func(p *Provider) { p.ClientID = "" },
		"/authorize": func(p *Provider) {
			p.Endpoints = &Endpoints{Authorize: "http://op.example", Token: issuer, UserInfo: issuer}
		},
		"/token": func(p *Provider) {
			p.Endpoints = &Endpoints{Authorize: issuer, Token: "http://op.example", UserInfo: issuer}
		},
		"/userinfo": func(p *Provider) { p.Endpoints = &Endpoints{Authorize: issuer, Token: issuer, UserInfo: "//op"} },
	} {
		p := good
		change(&p)
		_, err := NewOIDC(p, &http.Client{}, nil, Cookies{})
		var e *engawa.Error
		if !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := NewOIDC(good, &http.Client{}, nil, Cookies{}); err != nil {
		t.Error(err)
	}
}

// wantRefusal checks that err is r in words, holding nothing secret.
func wantRefusal(t *testing.T, err error, r Refusal) {
	t.Helper()
	if r == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var e *engawa.Error
	if !errors.Is(err, r) || !errors.As(err, &e) || e.Message == "" || e.Remedy == "" {
		t.Errorf("error %v; want %s in words", err, r)
		return
	}
	for _, secret := range []string{"hana@example.jp", "hush", "at-1", "eyJ"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q shows in %q", secret, err)
		}
	}
}
