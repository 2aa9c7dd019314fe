package serve

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/source/smaregi"
	smaregisim "github.com/engawa/engawa/internal/source/smaregi/sim"
	"github.com/engawa/engawa/internal/store/storetest"
)

// subscribed is the vendor's list of subscribers: of each its plans and their states.
func (o shop) subscribed(t *testing.T, app, token string) (all []string) {
	t.Helper()
	for _, s := range o.ask(t, "GET", "/v1/partner/apps/"+app+"/subscribers", token, "")["subscribers"].([]any) {
		var plans []string
		for _, b := range s.(map[string]any)["subscriptions"].([]any) {
			plans = append(plans, fmt.Sprint(b.(map[string]any)["plan"], " ", b.(map[string]any)["state"]))
		}
		slices.Sort(plans)
		all = append(all, strings.Join(plans, ", "))
	}
	return all
}

// TestNotices: Smaregi posts to a running hub that a contract begins, changes its plan,
// is stopped and ends. Each is answered with 200 and nothing, and
// the vendor reads it in its list of subscribers; who has not the secret is refused and
// changes nothing.
func TestNotices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		o := workingOn(t, dsn)
		vendor, app, token := o.vendor(t)
		hook := smaregisim.Hook{URL: o.url + "/in/acc_smaregi", Header: "X-Hub-Secret", Value: "a-secret-of-the-hub", Client: http.DefaultClient}
		if err := o.Store.AddAccount(t.Context(), engawa.Account{
			Workspace: "ws_1", ID: "acc_smaregi", Kind: "smaregi", Name: "スマレジ", Environment: engawa.Production, Owner: vendor, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"app": app, "client_id": "stock", "header": hook.Header, "secret": hook.Value},
		}); err != nil {
			t.Fatal(err)
		}
		provider := &smaregisim.Server{App: smaregisim.Client{ID: "stock"}, Hook: hook, Contracts: []*smaregisim.Contract{{ID: "c1", Plan: "std"}}}
		for _, x := range []struct {
			action, day, plan, value string
			status                   int
			want                     string
		}{
			{"start", "2026-11-01", "std", "another-secret", http.StatusUnauthorized, ""},
			{"start", "2026-11-01", "std", "", http.StatusUnauthorized, ""},
			{"start", "2026-11-01", "std", hook.Value, http.StatusOK, "std active"},
			{"change-plan", "2026-11-05", "pro", hook.Value, http.StatusOK, "pro active, std expired"},
			{"force-stop", "2026-11-06", "pro", hook.Value, http.StatusOK, "pro suspended, std expired"},
			{"end", "2026-11-07", "pro", "another-secret", http.StatusUnauthorized, "pro suspended, std expired"},
			{"end", "2026-11-07", "pro", hook.Value, http.StatusOK, "pro expired, std expired"},
		} {
			provider.Change("c1", func(c *smaregisim.Contract) { c.Plan = x.plan })
			provider.Hook.Value = x.value
			err := provider.Act(t.Context(), "c1", x.action, x.day)
			sent := provider.Sent()
			if last := sent[len(sent)-1]; (err == nil) != (x.status == http.StatusOK) || last.Status != x.status {
				t.Errorf("%s: %v %+v", x.action, err, last)
			}
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the hub works by itself beside us
				got := strings.Join(o.subscribed(t, app, token), "; ")
				if got == x.want {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%s: the vendor reads %q, want %q", x.action, got, x.want)
				}
			}
		}
	})
}

// lent is a hub to which a vendor lends its platform app, with Smaregi beside it: the
// contracts c1 and c2 use the app, c3 is one that nobody told of.
type lent struct {
	shop
	smaregi *smaregisim.Server
	id      string // where people sign in
	app     string
}

func lend(t *testing.T) lent {
	t.Helper()
	o := lent{shop: working(t)}
	var vendor string
	vendor, o.app, _ = o.vendor(t)
	o.smaregi = &smaregisim.Server{App: smaregisim.Client{ID: "stock", Secret: "hush"}, Contracts: []*smaregisim.Contract{
		{ID: "c1", Users: []smaregisim.User{{ID: "1", Mail: "aoi@shop.example", Owner: true}, {ID: "2", Mail: "sora@shop.example"}}},
		{ID: "c2", Users: []smaregisim.User{{ID: "1", Mail: "hi@books.example", Owner: true, Unverified: true}}},
		{ID: "c3", Users: []smaregisim.User{{ID: "1", Mail: "new@bar.example", Owner: true}}},
	}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "id.smaregi.jp" // production, where as much may be asked as a test asks
		o.smaregi.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	o.id = srv.URL
	o.account(t, "acc_smaregi", vendor, engawa.Production)
	o.account(t, "acc_sandbox", vendor, engawa.Sandbox)
	o.smaregi.Hook = smaregisim.Hook{URL: o.url + "/in/acc_smaregi", Header: "X-Engawa-Secret", Value: "a-secret-of-the-hub", Client: http.DefaultClient}
	o.tell(t, "c1", "start")
	o.tell(t, "c2", "start")
	return o
}

func (o lent) account(t *testing.T, id, vendor, environment string) {
	t.Helper()
	if err := o.Store.AddAccount(t.Context(), engawa.Account{
		Workspace: "ws_1", ID: id, Kind: "smaregi", Name: id, Environment: environment, Owner: vendor, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{
			"app": o.app, "environment": environment, "client_id": "prod-stock", "client_secret": "prod-hush", "secret": "a-secret-of-the-hub", "sign_in_url": o.id, "sign_in_email": "true",
		},
	}); err != nil {
		t.Fatal(err)
	}
}

func (o lent) tell(t *testing.T, contract, action string) {
	t.Helper()
	body := fmt.Sprintf(`{"contractId":%q,"event":"AppSubscription","action":%q,"date":%q,"clientId":"prod-stock"}`, contract, action, smaregi.Today(time.Now()))
	if err := o.smaregi.Send(t.Context(), contract, action, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// customer is whose the contract is here; empty: nobody's.
func (o lent) customer(t *testing.T, contract string) string {
	t.Helper()
	c, err := o.Store.CustomerBy(t.Context(), "ws_1", smaregi.Identity(contract))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// points are the addresses of the contract c1.
func (o lent) points(t *testing.T) (all []string) {
	t.Helper()
	points, err := o.Store.ContactPoints(t.Context(), "ws_1", o.customer(t, "c1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		all = append(all, fmt.Sprint(p.Address.Reveal(), " ", p.Role, " ", !p.VerifiedAt.IsZero()))
	}
	return all
}

// guest is somebody with a browser.
type guest struct {
	*http.Client
	t *testing.T
	o lent
}

func (o lent) guest(t *testing.T) guest {
	jar, _ := cookiejar.New(nil) // never fails
	return guest{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, t, o}
}

// ask opens a page, or sends a form, and returns the status, the page and where it leads.
func (g guest) ask(path string, form url.Values) (status int, page, to string) {
	g.t.Helper()
	var res *http.Response
	var err error
	if strings.HasPrefix(path, "/") {
		path = g.o.url + path
	}
	if form == nil {
		res, err = g.Get(path)
	} else {
		res, err = g.PostForm(path, form)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header.Get("Location")
}

// answered goes to Smaregi as a user of a contract, and returns where it is sent back to.
func (g guest) answered(account, contract, user string) string {
	g.t.Helper()
	g.o.smaregi.SignIn(contract, user)
	_, page, to := g.ask("/mypage/at/ws_1", url.Values{"with": {account}})
	asked, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, g.o.id+"/authorize?") {
		g.t.Fatalf("not sent to Smaregi but to %q: %s", to, page)
	}
	if q := asked.Query(); q.Get("redirect_uri") != g.o.url+"/mypage/at/ws_1/"+account || q.Get("scope") != "openid email" {
		g.t.Errorf("asked with %v", q)
	}
	_, _, back := g.ask(to, nil)
	return back
}

// signIn comes back as a user of a contract; page is what is seen at last.
func (g guest) signIn(account, contract, user string) (status int, page, my string) {
	g.t.Helper()
	status, page, my = g.ask(g.answered(account, contract, user), nil)
	if status == http.StatusSeeOther {
		status, page, _ = g.ask(my, nil)
	}
	return status, page, my
}

// TestOwner: in a browser, an owner of a contract signs in with Smaregi, finds the
// address of the sign-in suggested and nothing of it kept, puts a group mailbox in its
// place, and it serves when it was confirmed there.
func TestOwner(t *testing.T) {
	o := lend(t)
	b := tab(looktest.Chromium(t), t, o.url, 390)
	b.open("/mypage/at/ws_1")
	b.sees("在庫くんをお使いのご契約")
	b.press(`form:has([value="acc_smaregi"]) button`)
	b.sees("連絡してよい相手")
	if got := eval[string](b, `document.querySelector("#mail").value`); got != "aoi@shop.example" {
		t.Errorf("the form suggests %q", got)
	}
	if got := o.points(t); got != nil {
		t.Errorf("signing in left %q", got)
	}
	b.do(chromedp.Click(chromedp.CSS("#add > summary")))
	b.fill("#mail", "keiri@shop.example")
	b.do(chromedp.Click(chromedp.CSS(`[name="shared"]`)))
	b.press("#add button")
	if got := o.points(t); !slices.Equal(got, []string{"keiri@shop.example contract false"}) {
		t.Errorf("an address was added: %q", got)
	}
	link := regexp.MustCompile(regexp.QuoteMeta(o.url) + `(/prove/\S+)`).FindStringSubmatch(o.letter(t))
	if link == nil {
		t.Fatal("no link in the letter")
	}
	b.open(link[1])
	b.press(`button[value="yes"]`)
	if got := o.points(t); !slices.Equal(got, []string{"keiri@shop.example contract true"}) {
		t.Errorf("it was confirmed: %q", got)
	}
	b.quiet()
}

// TestSmaregiSignIn: who may come in with Smaregi, to which page, and what a member of a
// contract may not do there.
func TestSmaregiSignIn(t *testing.T) {
	o := lend(t)
	g := o.guest(t)
	refused := func(what string, status int, page string, want int, words string) {
		t.Helper()
		if status != want || !strings.Contains(page, words) || strings.Contains(page, "@shop.example") {
			t.Errorf("%s: %d, want %d and %q: %s", what, status, want, words, page)
		}
	}
	const failed, nobody, forbidden, nothing = "サインインできませんでした", "このサインインに当たるお客さまがいません", "ここでは変えられません", "このリンクは使えません"

	status, page, owner := g.signIn("acc_smaregi", "c1", "1")
	if status != http.StatusOK || !strings.Contains(page, `id="add"`) || strings.Contains(owner, "example") {
		t.Fatalf("the owner: %d %s", status, page)
	}
	if status, _, _ := g.ask(owner+"/points", url.Values{"mail": {"keiri@shop.example"}}); status != http.StatusSeeOther {
		t.Errorf("the owner adds an address: %d", status)
	}

	status, page, staff := g.signIn("acc_smaregi", "c1", "2")
	if status != http.StatusOK || strings.Contains(page, `id="add"`) || strings.Contains(page, "sora@") || strings.Contains(page, "keiri@") || !strings.Contains(page, "契約の所有者だけができます") {
		t.Errorf("a member: %d %s", status, page)
	}
	for _, act := range []string{"/points", "/data", "/erase"} {
		status, page, _ := g.ask(staff+act, url.Values{"mail": {"sora@bad.test"}, "sure": {"1"}})
		refused("a member: "+act, status, page, http.StatusForbidden, forbidden)
	}

	status, page, books := g.signIn("acc_smaregi", "c2", "1")
	if status != http.StatusOK || strings.Contains(page, "keiri@") || strings.Contains(page, "hi@books.example") {
		t.Errorf("another contract, of whose owner no address is verified: %d %s", status, page)
	}
	points, err := o.Store.ContactPoints(t.Context(), "ws_1", o.customer(t, "c1"))
	if err != nil || len(points) != 1 {
		t.Fatal(points, err)
	}
	for _, act := range []string{"again", "purposes"} {
		status, page, _ := g.ask(books+"/points/"+points[0].ID+"/"+act, url.Values{"purpose": {"marketing"}})
		refused("another contract's address: "+act, status, page, http.StatusNotFound, nothing)
	}
	g.ask(books+"/points/"+points[0].ID+"/end", url.Values{})
	if got := o.points(t); len(got) != 1 {
		t.Errorf("another contract's address was taken away: %q", got)
	}

	status, page, _ = g.signIn("acc_smaregi", "c3", "1")
	refused("a contract that nobody knows", status, page, http.StatusForbidden, nobody)
	if c := o.customer(t, "c3"); c != "" {
		t.Errorf("it was made a customer: %s", c)
	}
	status, page, _ = g.signIn("acc_sandbox", "c1", "1")
	refused("a contract that does not use the app there", status, page, http.StatusForbidden, nobody)
	status, page, _ = g.signIn("acc_smaregi", "c1", "9")
	refused("who declines", status, page, http.StatusUnauthorized, failed)

	back := g.answered("acc_smaregi", "c1", "1")
	status, page, _ = g.ask(strings.Replace(back, "state=", "state=x", 1), nil)
	refused("a forged state", status, page, http.StatusUnauthorized, failed)
	status, page, _ = o.guest(t).ask(g.answered("acc_smaregi", "c1", "1"), nil)
	refused("in another browser", status, page, http.StatusUnauthorized, failed)
	status, page, _ = g.ask(strings.Replace(g.answered("acc_sandbox", "c1", "1"), "acc_sandbox", "acc_smaregi", 1), nil)
	refused("to another account", status, page, http.StatusUnauthorized, failed)
	back = g.answered("acc_smaregi", "c1", "1")
	if status, _, _ := g.ask(back, nil); status != http.StatusSeeOther {
		t.Fatalf("the answer: %d", status)
	}
	status, page, _ = g.ask(back, nil)
	refused("the same answer again", status, page, http.StatusUnauthorized, failed)
	used, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	next, err := url.Parse(g.answered("acc_smaregi", "c1", "1"))
	if err != nil {
		t.Fatal(err)
	}
	next.RawQuery = url.Values{"code": used.Query()["code"], "state": next.Query()["state"]}.Encode()
	status, page, _ = g.ask(next.String(), nil)
	refused("a code that was used", status, page, http.StatusUnauthorized, failed)
	for _, fault := range smaregisim.Faults {
		o.smaregi.Fault(fault)
		status, page, _ = g.signIn("acc_smaregi", "c1", "1")
		refused("user info "+fault, status, page, http.StatusUnauthorized, failed)
	}
	o.smaregi.Fault("")

	o.tell(t, "c1", "end")
	if status, page, _ := g.signIn("acc_smaregi", "c1", "1"); status != http.StatusOK || !strings.Contains(page, `id="download"`) {
		t.Errorf("a contract that has ended has its data still: %d %s", status, page)
	}

	back = g.answered("acc_smaregi", "c1", "1")
	o.turn(t, false)
	if _, page, _ := g.ask("/mypage/at/ws_1", nil); strings.Contains(page, "acc_smaregi") {
		t.Error("an account that is switched off is offered")
	}
	for what, path := range map[string]string{"the page": owner, "the answer": back} {
		status, page, _ = g.ask(path, nil)
		refused("switched off: "+what, status, page, http.StatusNotFound, nothing)
	}
	status, page, _ = g.ask("/mypage/at/ws_1", url.Values{"with": {"acc_smaregi"}})
	refused("switched off", status, page, http.StatusNotFound, nothing)
	o.turn(t, true)
	if status, _, _ := g.ask(owner, nil); status != http.StatusOK {
		t.Errorf("switched on again: %d", status)
	}

	if _, err := o.Store.Erase(t.Context(), "ws_1", o.customer(t, "c1")); err != nil {
		t.Fatal(err)
	}
	status, page, _ = g.ask(owner, nil)
	refused("who was erased", status, page, http.StatusGone, "データは消去されています")
	status, page, _ = g.signIn("acc_smaregi", "c1", "1")
	refused("who was erased, anew", status, page, http.StatusForbidden, nobody)

	for range 30 {
		if status, page, _ = g.ask(next.String(), nil); status != http.StatusUnauthorized {
			break
		}
	}
	refused("many that fail", status, page, http.StatusTooManyRequests, "少し時間をおいてください")
}

// turn switches the account on or off.
func (o lent) turn(t *testing.T, on bool) {
	t.Helper()
	a, err := o.Store.Account(t.Context(), "ws_1", "acc_smaregi")
	if err == nil {
		a.Enabled = on
		err = o.Store.ChangeAccount(t.Context(), a)
	}
	if err != nil {
		t.Fatal(err)
	}
}
