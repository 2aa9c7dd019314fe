package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	app      = Client{"app", "secret"}
	another  = Client{"another", "secret"}
	verifier = strings.Repeat("v", 43)
)

func server() *Server {
	return &Server{
		App: app, Others: []Client{another}, ListClient: Client{"list", "other"}, ListPath: "/users", Members: Members{"id", "name", "mail", "plan", "state"},
		Contracts: []*Contract{
			{ID: "sb_1", State: "active", Users: []User{{ID: "1", Name: "葵", Mail: "aoi@shop.example", Owner: true}, {ID: "2", Name: "空", Mail: "sora@shop.example"}}},
			{ID: "sb_2", State: "end"},
		},
	}
}

// ask calls the server and returns the status and the answer.
func ask(t *testing.T, s *Server, method, to, authorization string, form url.Values) (int, map[string]any, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, to, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if form.Has("json") {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var out map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &out) // a list, or a page, is none
	return w.Code, out, w.Header()
}

func basic(c Client) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.ID+":"+c.Secret))
}

// TestToken: who gets the app's token, in which environment, and what it opens.
func TestToken(t *testing.T) {
	grant := url.Values{"grant_type": {"client_credentials"}, "scope": {"pos.products:read"}}
	for name, c := range map[string]struct {
		to   string
		who  Client
		form url.Values
		code int
		says string
	}{
		"good":                           {"https://id.smaregi.dev/app/sb_1/token", app, grant, 200, ""},
		"production":                     {"https://id.smaregi.jp/app/sb_1/token", app.in(true), grant, 200, ""},
		"the sandbox's in production":    {"https://id.smaregi.jp/app/sb_1/token", app, grant, 401, "invalid_client"},
		"production's in the sandbox":    {"https://id.smaregi.dev/app/sb_1/token", app.in(true), grant, 401, "invalid_client"},
		"the list's client":              {"https://id.smaregi.dev/app/sb_1/token", Client{"list", "other"}, grant, 401, "invalid_client"},
		"JSON":                           {"https://id.smaregi.dev/app/sb_1/token", app, url.Values{"json": {"1"}}, 400, "invalid_request"},
		"a contract that left":           {"https://id.smaregi.dev/app/sb_2/token", app, grant, 400, "invalid_grant"},
		"a contract nobody knows":        {"https://id.smaregi.dev/app/sb_9/token", app, grant, 400, "invalid_grant"},
		"a scope nobody knows":           {"https://id.smaregi.dev/app/sb_1/token", app, url.Values{"grant_type": {"client_credentials"}, "scope": {"all"}}, 400, "invalid_scope"},
		"the API is not at this host":    {"https://api.smaregi.dev/app/sb_1/token", app, grant, 404, ""},
		"the list is not at id's host":   {"https://id.smaregi.dev/users", Client{"list", "other"}, nil, 404, ""},
		"another grant than the app may": {"https://id.smaregi.dev/app/sb_1/token", app, url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
	} {
		code, out, _ := ask(t, server(), http.MethodPost, c.to, basic(c.who), c.form)
		if code != c.code || c.says != "" && out["error"] != c.says {
			t.Errorf("%s: %d %v", name, code, out)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := server()
		s.Life = 5 * time.Second
		_, out, _ := ask(t, s, http.MethodPost, "https://id.smaregi.dev/app/sb_1/token", basic(app), grant)
		token := "Bearer " + out["access_token"].(string)
		for at, want := range map[string]int{"sb_1": 200, "sb_2": 403} {
			if code, _, _ := ask(t, s, http.MethodGet, "https://api.smaregi.dev/"+at+"/pos/products", token, nil); code != want {
				t.Errorf("%s: %d", at, code)
			}
		}
		time.Sleep(6 * time.Second)
		if code, _, _ := ask(t, s, http.MethodGet, "https://api.smaregi.dev/sb_1/pos/products", token, nil); code != 401 {
			t.Errorf("an old token: %d", code)
		}
	})
}

// TestSignIn: PKCE is asked for, a code works once, and userinfo says who owns the
// contract, an address only by its scope.
func TestSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server()
		sum := sha256.Sum256([]byte(verifier))
		sign := func(user, scope string) url.Values {
			s.SignIn("sb_1", user)
			q := url.Values{
				"response_type": {"code"}, "client_id": {app.ID}, "scope": {scope}, "state": {"st"}, "redirect_uri": {"https://app.example/back"},
				"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
			}
			time.Sleep(2 * time.Second) // within the limits
			code, _, h := ask(t, s, http.MethodGet, "https://id.smaregi.dev/authorize?"+q.Encode(), "", nil)
			to, err := url.Parse(h.Get("Location"))
			if code != http.StatusFound || err != nil || to.Query().Get("state") != "st" {
				t.Fatal(code, err)
			}
			return url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "code_verifier": {verifier}, "redirect_uri": {"https://app.example/back"}}
		}
		trade := func(form url.Values) (int, map[string]any) {
			code, out, _ := ask(t, s, http.MethodPost, "https://id.smaregi.dev/authorize/token", basic(app), form)
			return code, out
		}
		form := sign("2", "openid email")
		_, out := trade(form)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			_, info, _ := ask(t, s, method, "https://id.smaregi.dev/userinfo", "Bearer "+out["access_token"].(string), nil)
			if c := info["contract"].(map[string]any); c["is_owner"] != false || info["email"] != "sora@shop.example" || info["name"] != nil {
				t.Errorf("%s: %v", method, info)
			}
		}
		if code, _ := trade(form); code != 400 {
			t.Errorf("a code works twice: %d", code)
		}
		form = sign("1", "openid profile offline_access")
		form.Set("code_verifier", "x")
		if code, _ := trade(form); code != 400 {
			t.Errorf("a wrong verifier: %d", code)
		}
		other := sign("1", "openid")
		if code, _, _ := ask(t, s, http.MethodPost, "https://id.smaregi.dev/authorize/token", basic(another), other); code != 400 {
			t.Errorf("a code of another client: %d", code)
		}
		form = sign("1", "openid profile")
		time.Sleep(61 * time.Second)
		if code, _ := trade(form); code != 400 {
			t.Errorf("an old code: %d", code)
		}
		_, out = trade(sign("1", "openid profile offline_access"))
		_, info, _ := ask(t, s, http.MethodGet, "https://id.smaregi.dev/userinfo", "Bearer "+out["access_token"].(string), nil)
		if c := info["contract"].(map[string]any); c["is_owner"] != true || info["email"] != nil || info["name"] != "葵" {
			t.Errorf("%v", info)
		}
		s.NoMail = true
		_, mute := trade(sign("1", "openid email"))
		s.Contracts[0].Users[0].Unverified, s.NoMail = true, false
		_, vague := trade(sign("1", "openid email"))
		_, info, _ = ask(t, s, http.MethodGet, "https://id.smaregi.dev/userinfo", "Bearer "+vague["access_token"].(string), nil)
		if info["email"] != "aoi@shop.example" || info["email_verified"] != false {
			t.Errorf("an address that is not verified: %v", info)
		}
		s.NoMail = true
		for fault, want := range map[string]int{"": 200, Refused: 401, Broken: 500, Garbage: 200, Bare: 200, Malformed: 200} {
			s.Fault(fault)
			code, info, _ := ask(t, s, http.MethodGet, "https://id.smaregi.dev/userinfo", "Bearer "+mute["access_token"].(string), nil)
			c, _ := info["contract"].(map[string]any)
			if code != want || (c["is_owner"] == true) != (fault == "") || info["email"] != nil {
				t.Errorf("%q: %d %v", fault, code, info)
			}
		}
		s.Fault("")
		s.SignIn("sb_2", "1")
		_, _, h := ask(t, s, http.MethodGet, "https://id.smaregi.dev/authorize?response_type=code&client_id=app&redirect_uri=https://app.example/&code_challenge=x&code_challenge_method=S256", "", nil)
		if to := h.Get("Location"); !strings.Contains(to, "error=access_denied") {
			t.Errorf("nobody to sign in: %q", to)
		}
		again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {out["refresh_token"].(string)}}
		if code, next := trade(again); code != 200 || next["refresh_token"] == out["refresh_token"] {
			t.Errorf("a refresh token does not rotate: %d", code)
		}
		time.Sleep(2 * time.Second)
		if code, _ := trade(again); code != 400 {
			t.Errorf("a refresh token works twice: %d", code)
		}
		if code, _, _ := ask(t, s, http.MethodGet, "https://id.smaregi.dev/authorize?response_type=code&client_id=app&redirect_uri=https://app.example/", "", nil); code != 400 {
			t.Errorf("without PKCE: %d", code)
		}
	})
}

// TestLimits: the 11th call within a second waits in the sandbox, the 51st in production.
func TestLimits(t *testing.T) {
	for host, most := range map[string]int{"api.smaregi.dev": 10, "api.smaregi.jp": 50} {
		synctest.Test(t, func(t *testing.T) {
			s, who := server(), basic(Client{"list", "other"}.in(host == "api.smaregi.jp"))
			for n := range most + 1 {
				code, out, h := ask(t, s, http.MethodGet, "https://"+host+"/users", who, nil)
				if want := map[bool]int{true: 200, false: 429}[n < most]; code != want {
					t.Fatalf("%s: call %d: %d", host, n+1, code)
				}
				if n == most && (h.Get("Retry-After") != "1" || h.Get("Content-Type") != "application/problem+json" || out["status"] != 429.0) {
					t.Errorf("%v %v", h, out)
				}
			}
			time.Sleep(time.Second)
			if code, _, _ := ask(t, s, http.MethodGet, "https://"+host+"/users", who, nil); code != 200 {
				t.Errorf("%s: after a second: %d", host, code)
			}
		})
	}
}

// hook is who is told: answer, or whoever gives up before it.
type hook func(http.ResponseWriter, *http.Request)

func (answer hook) RoundTrip(r *http.Request) (*http.Response, error) {
	got := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		answer(w, r)
		got <- w.Result()
	}()
	select {
	case res := <-got:
		return res, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// TestSender: a notice goes once, waits three seconds for its answer and no longer, and
// what is not answered as Smaregi asks is noted.
func TestSender(t *testing.T) {
	for name, c := range map[string]struct {
		answer hook
		took   time.Duration
		want   string
	}{
		"good":     {func(http.ResponseWriter, *http.Request) {}, 0, ""},
		"just":     {func(http.ResponseWriter, *http.Request) { time.Sleep(Patience - time.Millisecond) }, Patience - time.Millisecond, ""},
		"too late": {func(http.ResponseWriter, *http.Request) { time.Sleep(Patience + time.Second) }, Patience, "no answer within 3 seconds"},
		"a body":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }, 0, "the body is not empty"},
		"no 200":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 0, "the status is not 200"},
		"busy, 429": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 0, "the status is not 200"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				s := server()
				s.Hook = Hook{URL: "https://hub.example/in", Header: "X-Mine", Value: "v", Client: &http.Client{Transport: hook(func(w http.ResponseWriter, r *http.Request) {
					calls.Add(1)
					id := "smaregi-contract-id" // in small letters, as the platform sends it
					if r.Header[id][0] != "sb_1" || r.Header.Get("X-Mine") != "v" {
						t.Errorf("%v", r.Header)
					}
					c.answer(w, r)
				})}}
				began := time.Now()
				err := s.Act(t.Context(), "sb_1", "force-stop", "2026-11-30")
				if took := time.Since(began); took != c.took {
					t.Errorf("took %s", took)
				}
				time.Sleep(time.Hour) // it is never sent again
				if n := s.Sent(); (err == nil) != (c.want == "") || len(n) != 1 || n[0].Violations != c.want || calls.Load() != 1 {
					t.Errorf("%v %+v, %d calls", err, n, calls.Load())
				}
				if s.Contracts[0].State != "force-stop" {
					t.Error("the contract did not change")
				}
			})
		})
	}
}

// TestRude: asked for it, the sender has notices come twice and not in their order.
func TestRude(t *testing.T) {
	s := server()
	s.Rude = true
	s.Hook = Hook{URL: "https://hub.example/in", Client: &http.Client{Transport: hook(func(http.ResponseWriter, *http.Request) {})}}
	for _, action := range []string{"start", "force-stop", "cancel-force-stop", "end", "start"} {
		if err := s.Act(t.Context(), "sb_1", action, "2026-11-30"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, n := range s.Sent() {
		got = append(got, n.Action)
	}
	if want := "force-stop start force-stop start end cancel-force-stop end cancel-force-stop"; strings.Join(got, " ") != want {
		t.Errorf("sent %q", got)
	}
}

// TestPage shows in each language, and plays.
func TestPage(t *testing.T) {
	s := server()
	for _, lang := range []string{"ja", "ko", "en"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?lang="+lang, nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), words[lang]["title"]) || strings.Contains(w.Body.String(), "no value") {
			t.Errorf("%s: %d %s", lang, w.Code, w.Body)
		}
	}
	if code, _, _ := ask(t, s, http.MethodPost, "/play", "", url.Values{"action": {"rude"}}); code != http.StatusSeeOther || !s.Rude {
		t.Errorf("%d, rude: %t", code, s.Rude)
	}
	if code, _, _ := ask(t, s, http.MethodPost, "/play", "", url.Values{"contract": {"sb_1"}, "action": {"tick"}}); code != http.StatusSeeOther || !s.Contracts[0].Shares {
		t.Errorf("%d, shares: %t", code, s.Contracts[0].Shares)
	}
}
