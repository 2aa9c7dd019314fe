package oidc

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

// openHub runs a whole hub whose members sign in at a provider, with one owner
// of the given mail address.
func openHub(t *testing.T, mail engawa.Address) (base string, h *serve.Hub) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base = "http://" + l.Addr().String()
	c := config.Default()
	c.Node, c.KeyFile, c.Listen, c.PublicURL = "test", filepath.Join(t.TempDir(), "engawa.key"), l.Addr().String(), base
	c.Database = config.DSN(filepath.Join(t.TempDir(), "engawa.db"))
	c.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.OIDC = config.OIDC{Issuer: startOP(t, map[string]*storage.Client{"web": storage.WebClient("web", "hush", base+"/signin/oidc/callback")}), ClientID: "web", ClientSecret: "hush"}
	if h, err = serve.Open(t.Context(), c, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := h.Store.AddWorkspace(t.Context(), engawa.Workspace{ID: "ws_1", Name: "Hinata", Locale: engawa.English, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}); err != nil {
		t.Fatal(err)
	}
	m := engawa.Member{Workspace: "ws_1", ID: "mem_1", Name: "Yuki", Mail: mail, Role: engawa.Owner, Locale: engawa.English, CreatedAt: now}
	if err := h.Store.AddMember(t.Context(), store.SignIn{Member: m}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		h.Close()
	})
	return base, h
}

// visitor is a browser that stops before it follows a redirect to the hub's
// callback, so that a test can hold the provider's answer in its hands.
type visitor struct {
	t    *testing.T
	base string
	c    *http.Client
	held *url.URL // the provider's answer
}

func newVisitor(t *testing.T, base string) *visitor {
	t.Helper()
	v := &visitor{t: t, base: base, c: newBrowser(t)}
	v.c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/signin/oidc/callback") {
			v.held = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	return v
}

// authorize goes to the provider, signs in there, and returns its answer.
func (v *visitor) authorize() *url.URL {
	v.t.Helper()
	res, err := v.c.PostForm(v.base+"/signin/oidc", url.Values{"next": {"/messages"}})
	if err != nil {
		v.t.Fatal(err)
	}
	res.Body.Close()
	form := res.Request.URL
	if form.Path != "/login/username" {
		v.t.Fatalf("the browser is at %s: %s", form, res.Status)
	}
	v.held = nil
	res, err = v.c.PostForm(form.String(), url.Values{
		"id": {form.Query().Get("authRequestID")}, "username": {"test-user@" + form.Hostname()}, "password": {"verysecure"},
	})
	if err != nil {
		v.t.Fatal(err)
	}
	res.Body.Close()
	if v.held == nil {
		v.t.Fatalf("the provider answered %s at %s", res.Status, res.Request.URL.Path)
	}
	return v.held
}

// bring takes an answer to the hub, and returns the status and where it leads.
func (v *visitor) bring(answer string) (int, string) {
	v.t.Helper()
	v.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := v.c.Get(answer)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header.Get("Location")
}

// inside reports whether the hub shows its pages.
func (v *visitor) inside() bool {
	v.t.Helper()
	res, err := v.c.Get(v.base + "/settings")
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return err == nil && res.StatusCode == http.StatusOK && strings.Contains(string(body), "Yuki")
}

// The mail address of the provider's test user, which it vouches for.
const known = "test-user@zitadel.ch"

// TestDoor: a member signs in at a provider that we did not write, through the
// hub as it is served; the answer works once and in the browser that asked for it.
func TestDoor(t *testing.T) {
	base, h := openHub(t, known)
	v := newVisitor(t, base)
	if v.inside() {
		t.Fatal("a stranger is inside")
	}
	answer := v.authorize()
	thief := newVisitor(t, base)
	if status, _ := thief.bring(answer.String()); status != http.StatusUnauthorized || thief.inside() {
		t.Errorf("another browser brought the answer: %d", status)
	}
	status, next := v.bring(answer.String())
	if status != http.StatusSeeOther || next != "/messages" || !v.inside() {
		t.Fatalf("answered with %d to %q", status, next)
	}
	again := newVisitor(t, base)
	again.c.Jar = v.c.Jar // with everything that the browser has
	if status, next := again.bring(answer.String()); status != http.StatusUnauthorized {
		t.Errorf("the answer was taken twice: %d to %q", status, next)
	}
	all, err := h.Store.Audits(t.Context(), "ws_1", store.AuditFilter{}, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, a := range all {
		seen[a.Action+" "+a.Detail]++
	}
	if seen["sign-in oidc"] != 1 || seen["link-oidc "] != 1 {
		t.Errorf("the audit trail says %v", seen)
	}
}

// TestDoorRefuses: an answer that was changed on its way lets nobody in.
func TestDoorRefuses(t *testing.T) {
	for name, change := range map[string]func(q url.Values){
		"another state":   func(q url.Values) { q.Set("state", "x"+q.Get("state")[1:]) },
		"no state":        func(q url.Values) { q.Del("state") },
		"another code":    func(q url.Values) { q.Set("code", "x"+q.Get("code")) },
		"no code":         func(q url.Values) { q.Del("code") },
		"an error":        func(q url.Values) { q.Set("error", "access_denied") },
		"another issuer":  func(q url.Values) { q.Set("iss", "https://id.example") },
		"of another trip": nil,
	} {
		t.Run(name, func(t *testing.T) {
			base, _ := openHub(t, known)
			v := newVisitor(t, base)
			answer := v.authorize()
			if change == nil { // the code of one trip with the state, and so the nonce, of another
				other := newVisitor(t, base).authorize().Query()
				change = func(q url.Values) { q.Set("code", other.Get("code")) }
			}
			q := answer.Query()
			change(q)
			answer.RawQuery = q.Encode()
			status, _ := v.bring(answer.String())
			if status/100 == 3 || status/100 == 2 || v.inside() {
				t.Errorf("answered with %d", status)
			}
		})
	}
}

// TestDoorKnowsMembers: whom the provider knows and the hub does not stays out.
func TestDoorKnowsMembers(t *testing.T) {
	base, h := openHub(t, "somebody@hinata.example")
	v := newVisitor(t, base)
	if status, _ := v.bring(v.authorize().String()); status != http.StatusUnauthorized || v.inside() {
		t.Errorf("an unknown person was answered with %d", status)
	}
	all, err := h.Store.Audits(t.Context(), "ws_1", store.AuditFilter{}, store.Page{})
	if err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
