package mypage

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store/storetest"
)

// provider is a small OpenID provider that knows who is signed in at it, and
// tells of no mail address.
type provider struct {
	*httptest.Server
	key     *rsa.PrivateKey
	subject string
	asked   url.Values // the last authorization request
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != p.asked.Get("code_challenge") {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": p.token(t)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) token(t *testing.T) string {
	t.Helper()
	now := time.Now().Unix()
	body, err := json.Marshal(map[string]any{"iss": p.URL, "sub": p.subject, "aud": "engawa", "nonce": p.asked.Get("nonce"), "iat": now, "exp": now + 60})
	if err != nil {
		t.Fatal(err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// enter goes to the provider as subject and comes back.
func (s *site) enter(p *provider, workspace, subject string) *httptest.ResponseRecorder {
	s.t.Helper()
	p.subject = subject
	out := s.do(http.MethodPost, "/mypage/at/"+workspace, url.Values{"next": {"https://evil.example/"}})
	to, err := url.Parse(out.Header().Get("Location"))
	if err != nil || out.Code != http.StatusSeeOther || !strings.HasPrefix(to.String(), p.URL+"/authorize?") {
		s.t.Fatalf("%d %s", out.Code, out.Header().Get("Location"))
	}
	p.asked = to.Query()
	if scope := p.asked.Get("scope"); scope != "openid" {
		s.t.Errorf("asks for %q: the subject is enough", scope)
	}
	return s.do(http.MethodGet, "/mypage/callback?"+url.Values{"code": {"c"}, "state": {p.asked.Get("state")}}.Encode(), nil, "Cookie", strings.SplitN(out.Header().Get("Set-Cookie"), ";", 2)[0])
}

// TestSignIn: the business's own sign-in opens the page of whom its user is
// linked to: the owner of a contract changes, staff look, a stranger gets nothing,
// and the half hour ends at once where the link to the customer does.
func TestSignIn(t *testing.T) {
	s, p := newSite(t, storetest.SQLite(t)), newProvider(t)
	var err error
	s.SignIn, err = access.NewOIDC(access.Provider{Issuer: p.URL, ClientID: "engawa", RedirectURL: s.Base + "/mypage/callback", SubjectOnly: true}, p.Client(), s.Vault, access.Cookies{Secure: true})
	s.must(err)
	for subject, role := range map[string]string{"one": "owner", "two": "staff"} {
		s.must(s.Store.Link(t.Context(), ws, firm, engawa.Identity{Issuer: p.URL, Kind: subjectKind, Value: subject, Role: role}))
	}
	if page := s.get("/mypage/at/" + ws); !strings.Contains(page, "ひなた珈琲のIDでサインイン") {
		t.Error(page)
	}
	before := s.dump()
	one := s.enter(p, ws, "one")
	if one.Code != http.StatusSeeOther || !strings.HasPrefix(one.Header().Get("Location"), "/my/") {
		t.Fatalf("%d %s %s", one.Code, one.Header().Get("Location"), one.Body)
	}
	if s.dump() != before {
		t.Error("coming back changed something")
	}
	my := one.Header().Get("Location")
	if page := s.get(my); !strings.Contains(page, "contract@firm.example") || !strings.Contains(page, `id="download"`) {
		t.Error("the owner does not see the contract's address")
	}
	two := s.enter(p, ws, "two").Header().Get("Location")
	if page := s.get(two); strings.Contains(page, "contract@firm.example") || strings.Contains(page, `id="download"`) || !strings.Contains(page, "계약의 소유자만") {
		t.Error("staff may change the contract's address")
	}
	for name, w := range map[string]*httptest.ResponseRecorder{"a stranger": s.enter(p, ws, "three"), "of another workspace": s.enter(p, "ws_else", "one")} {
		if w.Code != http.StatusForbidden || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Location"))
		}
	}
	_, err = s.Store.Unlink(t.Context(), ws, firm, engawa.Identity{Issuer: p.URL, Kind: subjectKind, Value: "one"})
	s.must(err)
	if w := s.do(http.MethodGet, my, nil); w.Code != http.StatusNotFound {
		t.Errorf("who is linked no more has the page still: %d", w.Code)
	}
	if w := s.do(http.MethodGet, "/mypage/callback?code=c&state=forged", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("a forged answer: %d", w.Code)
	}
	if strings.Contains(s.log.String(), "one") {
		t.Error(s.log)
	}
}
