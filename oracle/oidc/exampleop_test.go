package oidc

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/vault"
)

// startOP runs zitadel's example provider with the given clients, on loopback.
func startOP(t *testing.T, clients map[string]*storage.Client) string {
	t.Helper()
	var h http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	store := storage.NewStorageWithClients(storage.NewUserStore(srv.URL), clients)
	h = exampleop.SetupServer(srv.URL, store, quiet, false)
	return srv.URL
}

// startHub runs the two handlers of a sign-in and hands out what came of it.
func startHub(t *testing.T) (base string, use func(*access.OIDC), result func() (access.Claims, error)) {
	t.Helper()
	var (
		o      *access.OIDC
		claims access.Claims
		failed error
	)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		if err := o.Start(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /sign-in/back", func(w http.ResponseWriter, r *http.Request) { claims, failed = o.Finish(w, r) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL, func(next *access.OIDC) { o = next }, func() (access.Claims, error) { return claims, failed }
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// post submits a form and returns where the redirects led.
func post(t *testing.T, c *http.Client, to string, form url.Values) *url.URL {
	t.Helper()
	resp, err := c.PostForm(to, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %s: %s", resp.Request.URL.Path, resp.Status, body)
	}
	return resp.Request.URL
}

// A person signs in through a provider that we did not write: discovery, PKCE,
// nonce, ID token, user info. With and without a client secret.
func TestSignIn(t *testing.T) {
	tests := []struct {
		name, client, secret string
		register             func(back string) *storage.Client
	}{
		{"confidential client", "web", "hush", func(back string) *storage.Client { return storage.WebClient("web", "hush", back) }},
		{"public client", "native", "", func(back string) *storage.Client { return storage.NativeClient("native", back) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub, use, result := startHub(t)
			back := hub + "/sign-in/back"
			op := startOP(t, map[string]*storage.Client{tt.client: tt.register(back)})
			use(newOIDC(t, op, tt.client, tt.secret, back))
			c := newBrowser(t)
			form := post(t, c, hub+"/sign-in", url.Values{"next": {"/messages"}})
			if form.Path != "/login/username" {
				t.Fatalf("the browser is at %s", form)
			}
			who, _ := url.Parse(op)
			answered := post(t, c, form.String(), url.Values{
				"id": {form.Query().Get("authRequestID")}, "username": {"test-user@" + who.Hostname()}, "password": {"verysecure"},
			})
			got, err := result()
			want := access.Claims{Issuer: op, Subject: "id1", Mail: "test-user@zitadel.ch", Name: "Test User", Next: "/messages"}
			if err != nil || got != want {
				t.Errorf("Finish = %+v, %v\nwant %+v", got, err, want)
			}
			again, err := c.Get(answered.String())
			if err != nil {
				t.Fatal(err)
			}
			again.Body.Close()
			if _, err := result(); err == nil {
				t.Error("the same answer is taken twice")
			}
		})
	}
}

// A wrong client secret is refused when the code is traded.
func TestWrongClientSecret(t *testing.T) {
	hub, use, result := startHub(t)
	back := hub + "/sign-in/back"
	op := startOP(t, map[string]*storage.Client{"web": storage.WebClient("web", "hush", back)})
	use(newOIDC(t, op, "web", "guess", back))
	c := newBrowser(t)
	form := post(t, c, hub+"/sign-in", nil)
	who, _ := url.Parse(op)
	post(t, c, form.String(), url.Values{
		"id": {form.Query().Get("authRequestID")}, "username": {"test-user@" + who.Hostname()}, "password": {"verysecure"},
	})
	if got, err := result(); err == nil {
		t.Errorf("Finish = %+v", got)
	}
}

func newOIDC(t *testing.T, op, client, secret, back string) *access.OIDC {
	t.Helper()
	p := access.Provider{Issuer: op, ClientID: client, ClientSecret: engawa.Secret(secret), RedirectURL: back}
	o, err := access.NewOIDC(p, &http.Client{}, vault.New(vault.Generate(time.Now())), access.Cookies{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
