package serve

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// visitor is a browser at a hub's door.
type visitor struct {
	t   *testing.T
	url string
	c   *http.Client
}

func newVisitor(t *testing.T, url string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, url, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) do(method, path string, form url.Values) *http.Response {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := v.c.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { res.Body.Close() })
	return res
}

func (v *visitor) signIn(mail, password string) int {
	v.t.Helper()
	return v.do(http.MethodPost, "/signin", url.Values{"mail": {mail}, "password": {password}}).StatusCode
}

// inside reports whether the visitor is signed in.
func (v *visitor) inside() bool {
	v.t.Helper()
	return v.do(http.MethodGet, "/settings", nil).StatusCode == http.StatusOK
}

// house is a hub that is served, with one member.
func house(t *testing.T, dsn string) (*Hub, *httptest.Server) {
	t.Helper()
	h := open(t, settings(t, dsn))
	s := httptest.NewServer(h.handler())
	t.Cleanup(s.Close)
	member(t, h)
	return h, s
}

// member adds a workspace and its owner, who has a password.
func member(t *testing.T, h *Hub) {
	t.Helper()
	sender := engawa.SenderProfile{Name: "ひなた珈琲", Postal: "石川県金沢市広坂1-2-3", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"}
	err := h.Store.AddWorkspace(t.Context(), engawa.Workspace{ID: "ws_1", Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", Sender: sender, CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	phc, err := access.NewPasswords(access.DefaultCost(), 1).Hash(t.Context(), "縁側で一休みする")
	if err != nil {
		t.Fatal(err)
	}
	yuki := engawa.Member{Workspace: "ws_1", ID: "mem_yuki", Name: "佐藤 ゆき", Mail: "yuki@hinata.example", Role: engawa.Owner, Locale: engawa.Japanese, CreatedAt: time.Now()}
	if err := h.Store.AddMember(t.Context(), store.SignIn{Member: yuki, Password: phc}); err != nil {
		t.Fatal(err)
	}
}

// TestDoor: in by password, out again, refused with the wrong one; each leaves
// its line in the audit trail.
func TestDoor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		h, s := house(t, dsn)
		v := newVisitor(t, s.URL)
		if v.inside() {
			t.Fatal("a stranger is inside")
		}
		for _, who := range []string{"yuki@hinata.example", "nobody@hinata.example"} {
			begun := time.Now()
			if status := v.signIn(who, "wrong password"); status != http.StatusUnauthorized {
				t.Errorf("%s: %d", who, status)
			}
			if took := time.Since(begun); took < refuseAfter {
				t.Errorf("%s was refused after %s: the time tells", who, took)
			}
		}
		if v.inside() {
			t.Error("a wrong password let somebody in")
		}
		if status := v.signIn(" Yuki@hinata.example ", "縁側で一休みする"); status != http.StatusSeeOther || !v.inside() {
			t.Fatalf("the right password: %d", status)
		}
		if res := v.do(http.MethodPost, "/signout", nil); res.StatusCode != http.StatusSeeOther || v.inside() {
			t.Errorf("still inside after signing out: %d", res.StatusCode)
		}
		rows, err := h.Store.Audits(t.Context(), "ws_1", store.AuditFilter{}, store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		var trail []string
		for _, a := range rows {
			trail = append(trail, a.Actor+" "+a.Action+" "+a.Object+" "+a.Detail)
		}
		want := "member:mem_yuki sign-out mem_yuki ,member:mem_yuki sign-in mem_yuki password,stranger sign-in-refused mem_yuki sign_in_invalid"
		if got := strings.Join(trail, ","); got != want {
			t.Errorf("audit trail:\n%s, want\n%s", got, want)
		}
	})
}

// TestLinkWorksOnce: opening a link signs nobody in; its button does, once.
func TestLinkWorksOnce(t *testing.T) {
	h, s := house(t, storetest.SQLite(t))
	link, err := h.SignInLink(t.Context(), "ws_1", "mem_yuki")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	v := newVisitor(t, s.URL)
	if res := v.do(http.MethodGet, u.RequestURI(), nil); res.StatusCode != http.StatusOK || v.inside() {
		t.Fatalf("opening the link: %d, inside %v", res.StatusCode, v.inside())
	}
	if res := v.do(http.MethodPost, "/signin/link", u.Query()); res.StatusCode != http.StatusSeeOther || !v.inside() {
		t.Errorf("the button: %d", res.StatusCode)
	}
	other := newVisitor(t, s.URL)
	if res := other.do(http.MethodPost, "/signin/link", u.Query()); res.StatusCode != http.StatusUnauthorized || other.inside() {
		t.Errorf("the button again: %d", res.StatusCode)
	}
	if _, err := h.SignInLink(t.Context(), "ws_1", "mem_nobody"); !missing(err) {
		t.Errorf("a link for nobody: %v", err)
	}
}

// TestFirstOwner: comes by the link that the first start prints, gives address
// and password, and signs in with them; the other browser is out.
func TestFirstOwner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		h := open(t, settings(t, dsn))
		s := httptest.NewServer(h.handler())
		t.Cleanup(s.Close)
		var visitors []*visitor
		link, err := h.Welcome(t.Context())
		for range 2 {
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			v := newVisitor(t, s.URL)
			if v.do(http.MethodPost, "/signin/link", u.Query()); !v.inside() {
				t.Fatal("the link does not let the owner in")
			}
			visitors = append(visitors, v)
			ws, err := h.Store.Workspaces(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ms, err := h.Store.Members(t.Context(), ws[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if link, err = h.SignInLink(t.Context(), ms[0].Workspace, ms[0].ID); err != nil {
				t.Fatal(err)
			}
		}
		here, there := visitors[0], visitors[1]
		if res := here.do(http.MethodPost, "/settings/signin", url.Values{"mail": {"owner@hinata.example"}, "password": {"short"}}); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("a short password: %d", res.StatusCode)
		}
		if res := here.do(http.MethodPost, "/settings/signin", url.Values{"mail": {"owner@hinata.example"}, "password": {"もうすぐ春ですね"}}); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d", res.StatusCode)
		}
		if !here.inside() || there.inside() {
			t.Errorf("after the change: here %v, there %v", here.inside(), there.inside())
		}
		if status := there.signIn("owner@hinata.example", "もうすぐ春ですね"); status != http.StatusSeeOther || !there.inside() {
			t.Errorf("with the new password: %d", status)
		}
	})
}

// TestGuessing: strangers who guess are slowed down; the member's own browser is not.
func TestGuessing(t *testing.T) {
	h, s := house(t, storetest.SQLite(t))
	own := newVisitor(t, s.URL)
	if own.signIn("yuki@hinata.example", "縁側で一休みする") != http.StatusSeeOther {
		t.Fatal("the right password is refused")
	}
	var slowed atomic.Int64
	var guesses sync.WaitGroup
	for range 6 {
		stranger := newVisitor(t, s.URL)
		guesses.Go(func() {
			var body strings.Builder
			res := stranger.do(http.MethodPost, "/signin", url.Values{"mail": {"yuki@hinata.example"}, "password": {"a guess"}})
			if err := res.Write(&body); err != nil {
				t.Error(err)
			}
			if strings.Contains(body.String(), h.Words.T(engawa.Japanese, "access.sign_in_too_soon")) {
				slowed.Add(1)
			}
		})
	}
	guesses.Wait()
	if slowed.Load() == 0 {
		t.Error("six guesses at once: none was slowed down")
	}
	if own.signIn("yuki@hinata.example", "縁側で一休みする") != http.StatusSeeOther {
		t.Error("a stranger's guesses keep the member out of her own browser")
	}
}

// TestCookies: over https they are bound to the host and hidden from scripts.
func TestCookies(t *testing.T) {
	c := settings(t, storetest.SQLite(t))
	c.PublicURL = "https://hub.example"
	h := open(t, c)
	link, err := h.Welcome(t.Context())
	if err != nil || !strings.HasPrefix(link, "https://hub.example/signin/link?token=") {
		t.Fatalf("%q, %v", link, err)
	}
	if again, err := h.Welcome(t.Context()); again != "" || err != nil {
		t.Errorf("a second welcome: %q, %v", again, err)
	}
	_, token, _ := strings.Cut(link, "=")
	r := httptest.NewRequest(http.MethodPost, "https://hub.example/signin/link", strings.NewReader("token="+token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.handler().ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 2 {
		t.Fatalf("%d with %d cookies", w.Code, len(cookies))
	}
	for _, k := range cookies {
		if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
			t.Errorf("%s: %+v", k.Name, k)
		}
	}
}

// TestWelcomeTogether: of nodes that start on an empty database at the same
// moment one welcomes, and one workspace with one owner is made.
func TestWelcomeTogether(t *testing.T) {
	for range 3 { // an empty database each
		c := settings(t, storetest.Postgres(t))
		hubs := []*Hub{open(t, c), open(t, c), open(t, c), open(t, c)}
		links := make([]string, len(hubs))
		var work sync.WaitGroup
		for i, h := range hubs {
			work.Go(func() {
				var err error
				if links[i], err = h.Welcome(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		ws, err := hubs[0].Store.Workspaces(t.Context())
		if err != nil || len(ws) != 1 {
			t.Fatalf("%d workspaces, %v", len(ws), err)
		}
		ms, err := hubs[0].Store.Members(t.Context(), ws[0].ID)
		if err != nil || len(ms) != 1 || len(strings.Join(links, "")) == 0 || strings.Count(strings.Join(links, " "), "token=") != 1 {
			t.Errorf("%d members, links %q, %v", len(ms), links, err)
		}
	}
}

// TestNetwork: only a trusted proxy is believed about where a request comes from.
func TestNetwork(t *testing.T) {
	c := settings(t, storetest.SQLite(t))
	c.TrustedProxy = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	h := open(t, c)
	d, err := newDoor(h, h.base(), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ remote, forwarded, want string }{
		{"203.0.113.7:5000", "198.51.100.1", "203.0.113.7/32"},
		{"10.1.1.1:5000", "198.51.100.1", "198.51.100.1/32"},
		{"10.1.1.1:5000", "192.0.2.9, 198.51.100.1, 10.2.2.2", "198.51.100.1/32"},
		{"10.1.1.1:5000", "", "10.1.1.1/32"},
		{"10.1.1.1:5000", "nonsense", "10.1.1.1/32"},
		{"[2001:db8:1:2:3:4:5:6]:5000", "", "2001:db8:1:2::/64"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/signin", nil)
		r.RemoteAddr = tc.remote
		r.Header.Set("X-Forwarded-For", tc.forwarded)
		if got := d.network(r); got != tc.want {
			t.Errorf("%s forwarded %q: %s, want %s", tc.remote, tc.forwarded, got, tc.want)
		}
	}
}

// TestInvite: an owner invites by the pages, the invited person comes in by the
// link and is sent to where a password is set; a role that is taken away counts
// from the next request on, and who is taken away is out at once.
func TestInvite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		h, s := house(t, dsn)
		owner, hana := newVisitor(t, s.URL), newVisitor(t, s.URL)
		if owner.signIn("yuki@hinata.example", "縁側で一休みする") != http.StatusSeeOther {
			t.Fatal("the owner is not let in")
		}
		res := owner.do(http.MethodPost, "/settings/members/new", url.Values{"name": {"山田 花"}, "mail": {"hana@hinata.example"}, "role": {"admin"}})
		page, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("the invitation: %d %v", res.StatusCode, err)
		}
		token := regexp.MustCompile(`token=([\w-]{43})`).FindSubmatch(page)
		if token == nil {
			t.Fatal("the page shows no link")
		}
		res = hana.do(http.MethodPost, "/signin/link", url.Values{"token": {string(token[1])}})
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/settings?done=welcome#signin" || !hana.inside() {
			t.Fatalf("the link: %d to %s", res.StatusCode, to)
		}
		ms, err := h.Store.Members(t.Context(), "ws_1")
		if err != nil || len(ms) != 2 {
			t.Fatalf("%d members, %v", len(ms), err)
		}
		path := "/settings/members/" + ms[1].ID
		if status := hana.do(http.MethodGet, "/audit", nil).StatusCode; status != http.StatusOK {
			t.Errorf("an admin at the audit trail: %d", status)
		}
		if res := owner.do(http.MethodPost, path+"/role", url.Values{"role": {"viewer"}}); res.StatusCode != http.StatusSeeOther {
			t.Errorf("changing the role: %d", res.StatusCode)
		}
		if status := hana.do(http.MethodGet, "/audit", nil).StatusCode; status != http.StatusForbidden {
			t.Errorf("who is viewer now, at the audit trail: %d", status)
		}
		if res := owner.do(http.MethodPost, path+"/end", nil); res.StatusCode != http.StatusSeeOther {
			t.Errorf("taking away: %d", res.StatusCode)
		}
		if hana.inside() {
			t.Error("who was taken away is still inside")
		}
	})
}

// TestSure: the password is asked for once the sign-in is not fresh, and it is
// the member's own, though another workspace knows the address too.
func TestSure(t *testing.T) {
	h, s := house(t, storetest.SQLite(t))
	d, err := newDoor(h, s.URL, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	m, err := h.Store.Member(t.Context(), "ws_1", "mem_yuki")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Store.AddWorkspace(t.Context(), engawa.Workspace{ID: "ws_0", Name: "別の店", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP"}); err != nil {
		t.Fatal(err)
	}
	phc, err := d.passwords.Hash(t.Context(), "別の店の長い合言葉")
	if err != nil {
		t.Fatal(err)
	}
	twin := engawa.Member{Workspace: "ws_0", ID: "mem_twin", Name: "佐藤 ゆき", Mail: m.Mail, Role: engawa.Owner}
	if err := h.Store.AddMember(t.Context(), store.SignIn{Member: twin, Password: phc}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		age      time.Duration
		password engawa.Secret
		sure     bool
	}{
		{0, "", true},
		{access.FreshFor - time.Minute, "", true},
		{access.FreshFor, "", false},
		{access.FreshFor, "縁側で一休みする", true},
		{access.FreshFor, "別の店の長い合言葉", false},
	} {
		now := time.Now()
		session, token := access.NewSession("ws_1", "mem_yuki", now)
		err := h.Store.AddSession(t.Context(), store.Session{
			Hash: hex.EncodeToString(session.Hash[:]), Workspace: "ws_1", Member: "mem_yuki", CreatedAt: now.Add(-x.age), SeenAt: now, EndsAt: now.Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		d.cookies.SetSession(w, token)
		r := httptest.NewRequest(http.MethodPost, "/settings/keys/new", nil)
		r.AddCookie(w.Result().Cookies()[0])
		if err := d.sure(r, m, x.password); (err == nil) != x.sure {
			t.Errorf("%s after signing in, with a password of %d bytes: %v", x.age, len(x.password), err)
		}
	}
}
