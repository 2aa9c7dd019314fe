package mypage

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/source/smaregi"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

const (
	ws     = "ws_one"
	hana   = "cus_hana"    // a person with a proved address
	firm   = "cus_firm"    // a contract
	canary = "hana.canary" // what no page may show to a reader who has not shown who they are
)

// site is the pages over a real store, with a business, a partner and two
// customers.
type site struct {
	*Site
	t       *testing.T
	db      *sql.DB
	lite    bool
	log     *bytes.Buffer
	handler http.Handler
}

func each(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, dsn string) { test(t, newSite(t, dsn)) })
}

func newSite(t *testing.T, dsn string) *site {
	t.Helper()
	v := vault.New(vault.Generate(time.Now()))
	st, err := store.Open(t.Context(), dsn, v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	rules, err1 := rule.Load()
	words, err2 := text.Load()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	kinds := []channel.Kind{mail.Kind, smaregi.Kind}
	s := &site{t: t, db: storetest.Open(t, dsn), lite: st.Lite(), log: &bytes.Buffer{}}
	s.Site = &Site{
		Store: st, Vault: v, Words: words, Kinds: kinds, Log: slog.New(slog.NewTextHandler(s.log, nil)), Base: "https://hub.hinata.example",
		Compose: &message.Composer{Store: st, Rules: rules, Words: words, Kinds: kinds}, Frames: []string{"https://shop.hinata.example"},
		From: func(*http.Request) string { return "203.0.113.77/32" }, Try: func(*http.Request) (func(), error) { return func() {}, nil },
	}
	s.Compose.OwnPage, s.Compose.Unsubscribe = s.InMessage, func(m engawa.Message) string { return s.Base + "/u/" + m.ID }
	s.handler = s.Handler()
	s.furnish()
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) furnish() {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	s.must(s.Store.AddWorkspace(ctx, engawa.Workspace{
		ID: ws, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now,
		Sender: engawa.SenderProfile{Name: "ひなた珈琲", Postal: "石川県金沢市1-1", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"},
	}))
	s.must(s.Store.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_beans", Name: "みどり農園", Sender: engawa.SenderProfile{Name: "みどり農園", Postal: "石川県白山市2-2", Phone: "076-111-1111", Mail: "hello@midori.example", Contact: "https://midori.example"}, CreatedAt: now}))
	s.must(s.Store.AddApp(ctx, engawa.App{Workspace: ws, ID: "app_own", Name: "ひなた珈琲アプリ", CreatedAt: now}))
	s.must(s.Store.AddApp(ctx, engawa.App{Workspace: ws, ID: "app_beans", Name: "豆の定期便", Partner: "ptn_beans", CreatedAt: now}))
	s.must(s.Store.AddGrant(ctx, engawa.Grant{Workspace: ws, ID: "grt_1", Partner: "ptn_beans", Scopes: []string{"*"}, Apps: []string{"*"}, Channels: []string{"*"}, Purposes: []engawa.Purpose{"*"}, StartsAt: now.Add(-time.Hour)}))
	s.must(s.Store.AddAccount(ctx, engawa.Account{
		Workspace: ws, ID: "acc_mail", Kind: "mail", Name: "メール", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
		Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example"},
	}))
	s.must(s.Store.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: hana, Kind: "person", Name: "山田 花", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: now},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_hana", Customer: hana, Kind: "mail", Address: canary + "@customer.example", Role: "login", VerifiedAt: now, CreatedAt: now}},
	}))
	s.must(s.Store.AddCustomer(ctx, store.NewCustomer{
		Customer: engawa.Customer{Workspace: ws, ID: firm, Kind: "contract", Name: "青空商店", Locale: engawa.Korean, Country: "KR", Zone: "Asia/Seoul", CreatedAt: now},
		Identities: []engawa.Identity{
			{Issuer: "https://id.hinata.example", Kind: subjectKind, Value: "owner-1", Role: "owner"},
			{Issuer: "https://id.hinata.example", Kind: subjectKind, Value: "staff-1", Role: "staff"},
		},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_firm", Customer: firm, Kind: "mail", Address: "contract@firm.example", Role: "contract", VerifiedAt: now, CreatedAt: now}},
	}))
}

// do asks for a page. A path may be a whole URL of the site's.
func (s *site) do(method, path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, strings.TrimPrefix(path, s.Base), strings.NewReader(form.Encode()))
	r.Header.Set("Accept-Language", "ja")
	r.Header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func (s *site) get(path string) string {
	s.t.Helper()
	w := s.do(http.MethodGet, path, nil)
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", clipped(path), w.Code, w.Body)
	}
	return w.Body.String()
}

// post sends a form and expects a status.
func (s *site) post(path string, status int, form url.Values) string {
	s.t.Helper()
	w := s.do(http.MethodPost, path, form)
	if w.Code != status {
		s.t.Fatalf("POST %s: %d, want %d\n%s", clipped(path), w.Code, status, w.Body)
	}
	return w.Body.String()
}

func clipped(path string) string {
	return regexp.MustCompile(`[\w.-]{40,}`).ReplaceAllString(path, "…")
}

// sure is a customer's page as one who has shown who they are sees it.
func (s *site) sure(customer string) string {
	return "/my/" + s.token(sureToken, pass{Workspace: ws, Customer: customer}, sureLife)
}

func (s *site) signedIn(subject string) string {
	return "/my/" + s.token(sureToken, pass{Workspace: ws, Customer: firm, Issuer: "https://id.hinata.example", Subject: subject}, sureLife)
}

func (s *site) opened(customer string) string {
	return strings.TrimPrefix(s.Link(ws, customer), s.Base)
}

// give records a consent as of a while ago.
func (s *site) give(customer, controller, app string, purpose engawa.Purpose) string {
	s.t.Helper()
	c := engawa.Consent{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixConsent), Customer: customer, Controller: controller, App: app, Act: engawa.ActContact, Purpose: purpose, Channel: "mail",
		Given: true, At: time.Now().Add(-time.Minute), Evidence: engawa.Evidence{Wording: "受け取ります", Version: "3", Where: "shop", How: "checkbox", Locale: engawa.Japanese},
	}
	s.must(s.Store.Decide(s.t.Context(), c))
	return c.ID
}

// says asks for a message, and returns it as it was stored.
func (s *site) says(r message.Request) store.Said {
	s.t.Helper()
	r.Workspace, r.Trigger, r.Chain = ws, engawa.ByUser, []engawa.Via{{Account: "acc_mail"}}
	if r.Content == (engawa.Content{}) {
		r.Content = engawa.Content{Subject: "新しい豆", Text: "入荷しました。"}
	}
	ms, err := s.Compose.Accept(s.t.Context(), ws, []message.Request{r})
	s.must(err)
	said, err := s.Store.Message(s.t.Context(), ws, ms[0].Message.ID)
	s.must(err)
	return said
}

// dump is every row of the database but what counts how often it is looked at.
func (s *site) dump() string {
	s.t.Helper()
	q := `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`
	if s.lite {
		q = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1`
	}
	var out strings.Builder
	for _, table := range s.column(q) {
		fmt.Fprintf(&out, "%s %v\n", table, s.column(`SELECT CAST(count(*) AS TEXT) FROM `+table))
	}
	for _, q := range []string{
		`SELECT id || ' ' || CAST(consent_version AS TEXT) FROM customer ORDER BY 1`, `SELECT id || purposes || CAST(verified_at AS TEXT) || CAST(ended_at AS TEXT) FROM contact_point ORDER BY 1`,
		`SELECT id || state FROM message ORDER BY 1`,
	} {
		fmt.Fprintln(&out, s.column(q))
	}
	return out.String()
}

func (s *site) column(q string) (out []string) {
	s.t.Helper()
	rows, err := s.db.QueryContext(s.t.Context(), q)
	s.must(err)
	defer rows.Close()
	for rows.Next() {
		var v string
		s.must(rows.Scan(&v))
		out = append(out, v)
	}
	s.must(rows.Err())
	return out
}

// consents are Hana's decisions, newest first.
func (s *site) consents() []engawa.Consent {
	s.t.Helper()
	all, err := s.Store.Consents(s.t.Context(), ws, hana)
	s.must(err)
	return all
}

// sealIn is the first seal of shown words in a page.
func sealIn(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="v" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("there is no seal in %s", page)
	}
	return m[1]
}

// TestGetChangesNothing walks every page that can be opened, by GET and HEAD, as
// a mail scanner does: nothing in the database is different afterwards.
func TestGetChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.give(hana, engawa.ControllerWorkspace, "app_own", engawa.Marketing)
		s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Marketing})
		ask, frame := s.AskLink(Ask{Workspace: ws, Customer: hana, Controller: "ptn_beans", App: "app_beans", Purposes: []engawa.Purpose{engawa.Notice}, Address: true}, AskLife)
		prove := "/prove/" + s.token(proveToken, pass{Workspace: ws, Customer: hana, Point: "cp_hana"}, proveLife)
		pages := []string{ask, frame, ask + "?done=1", prove, s.opened(hana), s.sure(hana), s.sure(hana) + "/erase", s.signedIn("owner-1"), "/mypage/at/" + ws, "/mypage/style.css", "/.well-known/jwks.json"}
		before := s.dump()
		for _, p := range pages {
			s.get(p)
			if w := s.do(http.MethodHead, p, nil); w.Code != http.StatusOK {
				t.Errorf("HEAD %s: %d", clipped(p), w.Code)
			}
		}
		for _, act := range []string{"stop", "stop-all", "stop-service", "leave", "allow", "sure", "points", "points/cp_hana/end", "data"} {
			if w := s.do(http.MethodGet, s.sure(hana)+"/"+act, nil); w.Code < 400 {
				t.Errorf("GET %s: %d", act, w.Code)
			}
		}
		if after := s.dump(); after != before {
			t.Errorf("looking changed something:\n%s\n%s", before, after)
		}
		if s.log.Len() > 0 {
			t.Error(s.log)
		}
	})
}

// TestHeaders: no page may be kept, indexed, framed or tell another site of its
// address; the consent page's frame is for the origins of the setting alone.
func TestHeaders(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	ask, frame := s.AskLink(Ask{Workspace: ws, Customer: hana, Controller: engawa.ControllerWorkspace, Purposes: []engawa.Purpose{engawa.Notice}}, AskLife)
	for path, ancestors := range map[string]string{
		ask: "frame-ancestors 'none'", frame: "frame-ancestors https://shop.hinata.example", s.opened(hana): "frame-ancestors 'none'", "/my/nothing": "frame-ancestors 'none'",
		"/mypage/at/" + ws: "frame-ancestors 'none'",
	} {
		h := s.do(http.MethodGet, path, nil).Header()
		if !strings.HasSuffix(h.Get("Content-Security-Policy"), ancestors) || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %s", clipped(path), h.Get("Content-Security-Policy"))
		}
		if h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || h.Get("X-Robots-Tag") != "noindex, nofollow" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", clipped(path), h)
		}
		if h.Get("Set-Cookie") != "" {
			t.Errorf("%s sets a cookie", clipped(path))
		}
	}
}

// TestTokens: a token opens what it was made for, as long as it was made for, and
// nothing else; all that do not open answer alike. No page and no address of one
// holds a mail address that is not masked.
func TestTokens(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	p := pass{Workspace: ws, Customer: hana, Point: "cp_hana"}
	const nothing = "/my/s000000abcdefgh.AAAA"
	unknown := s.do(http.MethodGet, nothing, nil)
	for name, path := range map[string]string{
		"!a prove token": "/my/" + s.token(proveToken, p, time.Hour), "!an ask token": "/my/" + s.token(askToken, p, time.Hour), "!an old one": "/my/" + s.token(openToken, p, -time.Second),
		"nobody's": "/my/" + s.token(openToken, pass{Workspace: ws, Customer: "cus_nobody"}, time.Hour), "!of nowhere": "/my/" + s.token(openToken, pass{Workspace: "ws_no", Customer: hana}, time.Hour),
		"open, to prove": "/prove/" + s.token(openToken, p, time.Hour), "open, to ask": "/consent/" + s.token(openToken, p, time.Hour),
		"another's point":            "/prove/" + s.token(proveToken, pass{Workspace: ws, Customer: hana, Point: "cp_firm"}, time.Hour),
		"a sign-in of nobody":        s.signedIn("nobody"),
		"a sign-in of somebody else": "/my/" + s.token(sureToken, pass{Workspace: ws, Customer: hana, Issuer: "https://id.hinata.example", Subject: "owner-1"}, time.Hour),
	} {
		w := s.do(http.MethodGet, path, nil)
		if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), canary) {
			t.Errorf("%s: %d\n%s", name, w.Code, w.Body)
		}
		if forged := strings.HasPrefix(name, "!"); forged && w.Body.String() != strings.ReplaceAll(unknown.Body.String(), nothing, path) {
			t.Errorf("%s differs from one that is nothing:\n%s", name, w.Body)
		}
	}
	if strings.Contains(s.opened(hana), canary) || strings.Contains(s.get(s.opened(hana)), canary) || strings.Contains(s.get(s.opened(hana)), "山田") {
		t.Error("the page of a link in a message shows the address or the name")
	}
	if !strings.Contains(s.get(s.sure(hana)), canary) {
		t.Error("who has shown who they are does not see the address")
	}
	s.must(s.Store.Link(t.Context(), ws, firm, engawa.Identity{Issuer: "x", Kind: "y", Value: "z"}))
	if _, err := s.Store.Unlink(t.Context(), ws, firm, engawa.Identity{Issuer: "https://id.hinata.example", Kind: subjectKind, Value: "owner-1"}); err != nil {
		t.Fatal(err)
	}
	if w := s.do(http.MethodGet, s.signedIn("owner-1"), nil); w.Code != http.StatusNotFound {
		t.Errorf("a sign-in whose identity was taken away still opens: %d", w.Code)
	}
}

// TestOtherSites: a form that another site sends does nothing.
func TestOtherSites(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.give(hana, engawa.ControllerWorkspace, "", engawa.Marketing)
	for _, site := range []string{"cross-site", "same-site", "none"} {
		if w := s.do(http.MethodPost, s.opened(hana)+"/stop-all", nil, "Sec-Fetch-Site", site); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", site, w.Code)
		}
	}
	if len(s.consents()) != 1 {
		t.Error("it was done")
	}
	if w := s.do(http.MethodPost, s.opened(hana)+"/stop-all", nil, "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusSeeOther {
		t.Errorf("our own: %d", w.Code)
	}
}

// TestAsk: nothing is ticked; what is ticked is kept with what was shown, and what
// is not changes nothing; the address is asked for apart.
func TestAsk(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		link, _ := s.AskLink(Ask{
			Workspace: ws, Customer: hana, Controller: "ptn_beans", App: "app_beans", Purposes: []engawa.Purpose{engawa.Notice, engawa.Marketing}, Channels: []string{"mail"},
			Night: true, Address: true, Usage: true, Where: "豆の定期便 申し込み", Back: "https://shop.hinata.example/done",
		}, AskLife)
		page := s.get(link)
		if n := strings.Count(page, `type="checkbox"`); n != 5 || strings.Contains(page, "checked") {
			t.Fatalf("%d boxes, or one is ticked:\n%s", n, page)
		}
		if groups := strings.Split(page, "<fieldset"); len(groups) != 6 || !strings.Contains(groups[4], "連絡先を渡す") || strings.Count(groups[4], "checkbox") != 1 {
			t.Errorf("the address is not asked for apart: %d groups", len(groups))
		}
		s.post(link, http.StatusConflict, url.Values{"v": {"other"}, "box0": {"1"}})
		if len(s.consents()) != 0 {
			t.Fatal("words that were not shown were agreed to")
		}
		seal := sealIn(t, page)
		s.post(link, http.StatusSeeOther, url.Values{"v": {seal}})
		if len(s.consents()) != 0 {
			t.Fatal("silence was taken for something")
		}
		s.post(link, http.StatusSeeOther, url.Values{"v": {seal}, "box0": {"1"}})
		all := s.consents()
		if len(all) != 1 {
			t.Fatalf("%d decisions", len(all))
		}
		want := engawa.Consent{Controller: "ptn_beans", App: "app_beans", Act: engawa.ActContact, Purpose: engawa.Notice, Channel: "mail"}
		e := all[0].Evidence
		if all[0].Scope() != want || !all[0].Given || time.Since(all[0].At) > time.Minute {
			t.Errorf("kept %v", all[0])
		}
		if e.Version != builtin || e.Where != "豆の定期便 申し込み" || e.How != "checkbox" || e.Locale != engawa.Japanese || e.Network != "203.0.113.0/24" || e.Agent != "phone" ||
			!strings.HasPrefix(e.Wording, "豆の定期便についてのお知らせを、みどり農園からメールで受け取ります。\n") || !strings.Contains(e.Wording, "断っても") {
			t.Errorf("evidence %+v", e)
		}
		if said := s.says(message.Request{Customer: hana, Partner: "ptn_beans", App: "app_beans", Purpose: engawa.Notice}); said.Message.State != engawa.MessageWaiting {
			t.Errorf("what was agreed to is %s", said.Message.State)
		}
		if said := s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Notice}); said.Message.State != engawa.MessageRefused {
			t.Errorf("another sender's is %s", said.Message.State)
		}
	})
}

// TestWordings: the workspace's words go before ours, version by version, in each
// language, and a decision names the version that was read.
func TestWordings(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		link, _ := s.AskLink(Ask{Workspace: ws, Customer: hana, Controller: "ptn_beans", App: "app_beans", Purposes: []engawa.Purpose{engawa.Notice}, Where: "x"}, AskLife)
		old := sealIn(t, s.get(link))
		for n, words := range []string{"{{sender}}の{{app}}だより", "{{sender}}の{{app}}通信"} {
			w, err := s.Store.By("key:1").AddWording(t.Context(), engawa.Wording{Workspace: ws, App: "app_beans", Act: engawa.ActContact, Purpose: engawa.Notice, Words: map[engawa.Locale]string{
				engawa.Japanese: words, engawa.Korean: "{{app}} 소식", engawa.English: "News of {{app}}",
			}})
			if err != nil || w.Version != int64(n+1) || w.MadeBy != "key:1" {
				t.Fatal(w, err)
			}
		}
		if page := s.get(link); !strings.Contains(page, "みどり農園の豆の定期便通信") || strings.Contains(page, "だより") {
			t.Error(page)
		}
		if page := s.get(link + "?lang=ko"); !strings.Contains(page, "豆の定期便 소식") || !strings.Contains(page, `<html lang="ko">`) {
			t.Error(page)
		}
		s.post(link, http.StatusConflict, url.Values{"v": {old}, "box0": {"1"}})
		page := s.get(link + "?lang=en")
		s.post(link+"?lang=en", http.StatusSeeOther, url.Values{"v": {sealIn(t, page)}, "box0": {"1"}})
		e := s.consents()[0].Evidence
		if e.Version != "own-2" || e.Locale != engawa.English || !strings.HasPrefix(e.Wording, "News of 豆の定期便\n") {
			t.Errorf("%+v", e)
		}
	})
}

// TestStop: one press stops one thing, or all of it, at once: what waits is
// refused when it is claimed, and what comes next is refused with the reason.
func TestStop(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		own := s.give(hana, engawa.ControllerWorkspace, "app_own", engawa.Marketing)
		s.give(hana, "ptn_beans", "app_beans", engawa.Notice)
		state := func(partner, app string, p engawa.Purpose) engawa.MessageState {
			return s.says(message.Request{Customer: hana, Partner: partner, App: app, Purpose: p}).Message.State
		}
		if state("", "app_own", engawa.Marketing) != engawa.MessageWaiting || state("ptn_beans", "app_beans", engawa.Notice) != engawa.MessageWaiting {
			t.Fatal("consents do not count")
		}
		my := s.opened(hana)
		if page := s.get(my); !strings.Contains(page, `value="`+own+`"`) || !strings.Contains(page, "ひなた珈琲アプリ") || !strings.Contains(page, "みどり農園(ひなた珈琲を通して)") {
			t.Fatal(page)
		}
		s.post(my+"/stop", http.StatusSeeOther, url.Values{"id": {own}})
		if state("", "app_own", engawa.Marketing) != engawa.MessageRefused || state("ptn_beans", "app_beans", engawa.Notice) != engawa.MessageWaiting {
			t.Error("the wrong thing stopped")
		}
		w := s.consents()[0]
		if w.Given || w.Evidence.How != "own_page" || w.Evidence.Wording != "停止する" {
			t.Errorf("%+v", w)
		}
		s.post(my+"/stop-all", http.StatusSeeOther, nil)
		if state("ptn_beans", "app_beans", engawa.Notice) != engawa.MessageRefused || state("ptn_beans", "app_beans", engawa.Service) != engawa.MessageWaiting {
			t.Error("stopping all stopped too little or too much")
		}
		page := s.get(my)
		if strings.Contains(page, `id="stop-all"`) || !strings.Contains(page, "もう一度受け取る") {
			t.Error(page)
		}
		var last engawa.Consent
		for _, c := range s.consents() {
			if c.App == "app_own" && !c.Given {
				last = c
			}
		}
		s.post(my+"/allow", http.StatusSeeOther, url.Values{"id": {last.ID}, "v": {"other"}})
		if state("", "app_own", engawa.Marketing) != engawa.MessageRefused {
			t.Error("words that were not shown were agreed to")
		}
		i := strings.Index(page, last.ID)
		if i < 0 {
			t.Fatal("there is no way back")
		}
		s.post(my+"/allow", http.StatusSeeOther, url.Values{"id": {last.ID}, "v": {sealIn(t, page[i:])}})
		if state("", "app_own", engawa.Marketing) != engawa.MessageWaiting {
			t.Error("allowed again, and nothing goes")
		}
	})
}

// TestStopService: what a contract needs stops for one app of one sender, and
// begins again; what must arrive comes all the same.
func TestStopService(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		_, err := s.Store.SaveSubscription(t.Context(), engawa.Subscription{Workspace: ws, Customer: hana, App: "app_beans", Product: "月2回", State: engawa.SubscriptionActive, StartsAt: time.Now()})
		s.must(err)
		state := func(p engawa.Purpose) engawa.MessageState {
			return s.says(message.Request{Customer: hana, Partner: "ptn_beans", App: "app_beans", Purpose: p}).Message.State
		}
		my := s.opened(hana)
		s.post(my+"/stop-service", http.StatusSeeOther, url.Values{"of": {"ptn_beans app_beans"}})
		if state(engawa.Service) != engawa.MessageRefused || state(engawa.Security) != engawa.MessageWaiting {
			t.Error("service is not stopped, or security is")
		}
		page := s.get(my)
		i := strings.Index(page, `name="of" value="ptn_beans app_beans"`)
		s.post(my+"/allow", http.StatusSeeOther, url.Values{"of": {"ptn_beans app_beans"}, "v": {sealIn(t, page[i:])}})
		if state(engawa.Service) != engawa.MessageWaiting {
			t.Error("service does not begin again")
		}
		s.post(my+"/stop-service", http.StatusSeeOther, url.Values{"of": {"ptn_else app_else"}})
		if n := len(s.consents()); n != 2 {
			t.Errorf("%d decisions: one of a stranger", n)
		}
	})
}

// TestLeave: one press ends a partner for one app: nothing of it comes, its handle
// is gone, and the page offers no second end. What is no partner's is not left.
func TestLeave(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		_, err := s.Store.SaveSubscription(t.Context(), engawa.Subscription{Workspace: ws, Customer: hana, App: "app_beans", Product: "月2回", State: engawa.SubscriptionActive, StartsAt: time.Now()})
		s.must(err)
		s.give(hana, "ptn_beans", "app_beans", engawa.Marketing)
		list := store.List{Workspace: ws, Partner: "ptn_beans", App: "app_beans"}
		before, err := s.Store.Handle(t.Context(), list, hana)
		s.must(err)
		my := s.opened(hana)
		s.post(my+"/leave", http.StatusSeeOther, url.Values{"of": {engawa.ControllerWorkspace + " "}})
		if n := len(s.consents()); n != 1 {
			t.Errorf("%d decisions: something was left that is no partner's", n)
		}
		s.post(my+"/leave", http.StatusSeeOther, url.Values{"of": {"ptn_beans app_beans"}})
		for _, p := range []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing} {
			if m := s.says(message.Request{Customer: hana, Partner: "ptn_beans", App: "app_beans", Purpose: p}).Message; m.State != engawa.MessageRefused {
				t.Errorf("%s still comes: %s", p, m.State)
			}
		}
		if strings.Contains(s.get(my), my+"/leave") {
			t.Error("what was left can be left again")
		}
		if after, err := s.Store.Handle(t.Context(), list, hana); err == nil && after == before {
			t.Error("the partner still has its handle")
		}
	})
}

// TestWhy: the page tells of what went and what did not, with the reason, and
// shows subjects only to who has shown who they are.
func TestWhy(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.give(hana, engawa.ControllerWorkspace, "app_own", engawa.Marketing)
	s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Marketing})
	s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Notice})
	s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Service})
	page := s.get(s.opened(hana))
	for _, want := range []string{"に、受け取ると選ばれたため。", "受け取ると選ばれていないため。", "ご契約に必要なため。", "送りませんでした", "これから届きます"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(page, "新しい豆") || !strings.Contains(s.get(s.sure(hana)), "新しい豆") {
		t.Error("subjects are shown to whom they should not be, or not shown to whom they should be")
	}
}

// TestInMessages: a message to a customer leaves with the link to their page at
// its end, and is not kept with it; one to an address by name, to one that is not
// proved, to a staff place or over a form leaves without.
func TestInMessages(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	words := engawa.Content{Subject: "s", Text: "本文", HTML: "<p>本文</p>"}
	said := s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Service, Content: words})
	if strings.Contains(said.Message.Content.Text+said.Message.Content.HTML, "/my/") {
		t.Error("the link is kept with the words")
	}
	proved := &engawa.ContactFacts{ID: "cp_hana", Verified: true}
	leaving := s.Compose.Leaving(said.Message, mail.Kind, proved)
	m := regexp.MustCompile(`https://hub\.hinata\.example(/my/\S+)`).FindStringSubmatch(leaving.Text)
	if m == nil {
		t.Fatalf("no link in\n%s", leaving.Text)
	}
	s.get(m[1])
	if !strings.Contains(leaving.HTML, `href="`+s.Base+m[1]+`"`) || leaving.Subject != "s" {
		t.Error(leaving)
	}
	named, staff := said.Message, said.Message
	named.ContactPoint = "cp_hana"
	staff.Customer, staff.Destination = "", "dst_1"
	form := mail.Kind
	form.Form = &channel.FormKind{}
	for name, got := range map[string]engawa.Content{
		"by name": s.Compose.Leaving(named, mail.Kind, proved), "to staff": s.Compose.Leaving(staff, mail.Kind, proved), "over a form": s.Compose.Leaving(said.Message, form, proved),
		"not proved": s.Compose.Leaving(said.Message, mail.Kind, &engawa.ContactFacts{ID: "cp_hana"}), "in the app": s.Compose.Leaving(said.Message, channel.Kind{Name: "inapp"}, proved),
	} {
		if got != said.Message.Content {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// letter is the newest message on a topic.
func (s *site) letter(customer, topic string) store.Said {
	s.t.Helper()
	rows, err := s.Store.Messages(s.t.Context(), ws, store.MessageFilter{Customer: customer}, store.Page{})
	s.must(err)
	i := slices.IndexFunc(rows, func(r store.MessageRow) bool { return r.Message.Topic == topic })
	if i < 0 {
		s.t.Fatalf("no letter on %s", topic)
	}
	said, err := s.Store.Message(s.t.Context(), ws, rows[i].Message.ID)
	s.must(err)
	return said
}

func (s *site) linkIn(said store.Said) string {
	s.t.Helper()
	m := regexp.MustCompile(regexp.QuoteMeta(s.Base) + `(/\S+)`).FindStringSubmatch(said.Message.Content.Text)
	if m == nil {
		s.t.Fatalf("no link in\n%s", said.Message.Content.Text)
	}
	return m[1]
}

// TestSure: who came by a message's link can do nothing with the data; the link
// that can goes to a proved address of one reader, five times an hour at most.
func TestSure(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		my := s.opened(hana)
		for path, form := range map[string]url.Values{
			"/points": {"mail": {"x@customer.example"}}, "/points/cp_hana/end": nil, "/points/cp_hana/purposes": nil, "/data": nil, "/erase": {"sure": {"1"}},
		} {
			s.post(my+path, http.StatusForbidden, form)
		}
		s.must(s.Store.AddContactPoint(t.Context(), engawa.ContactPoint{Workspace: ws, ID: "cp_group", Customer: hana, Kind: "mail", Address: "all@group.example", Shared: true, VerifiedAt: time.Now(), CreatedAt: time.Now()}))
		for _, point := range []string{"cp_firm", "cp_group", "cp_none"} {
			s.post(my+"/sure", http.StatusNotFound, url.Values{"point": {point}})
		}
		s.post(my+"/sure", http.StatusSeeOther, url.Values{"point": {"cp_hana"}})
		said := s.letter(hana, sureTopic)
		if said.Message.ContactPoint != "cp_hana" || said.Message.State != engawa.MessageWaiting || said.Message.Purpose != engawa.Security {
			t.Errorf("%+v", said.Message)
		}
		if page := s.get(s.linkIn(said)); !strings.Contains(page, canary) || !strings.Contains(page, `id="download"`) {
			t.Error("the link does not show all")
		}
		for range anHour - 1 {
			s.post(my+"/sure", http.StatusSeeOther, url.Values{"point": {"cp_hana"}})
		}
		s.post(my+"/sure", http.StatusTooManyRequests, url.Values{"point": {"cp_hana"}})
	})
}

// TestPoints: a new address gets its letter and nothing else before whoever reads
// there has said yes; no takes it away. A group mailbox is asked in its own words.
func TestPoints(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		my := s.sure(hana)
		s.post(my+"/points", http.StatusUnprocessableEntity, url.Values{"mail": {"no address"}})
		s.post(my+"/points", http.StatusUnprocessableEntity, url.Values{"mail": {strings.ToUpper(canary) + "@customer.example"}})
		s.post(my+"/points", http.StatusSeeOther, url.Values{"mail": {"all@group.example"}, "shared": {"1"}, "purpose": {"marketing", "notice"}})
		said := s.letter(hana, proveTopic)
		points := func() []engawa.ContactPoint {
			ps, err := s.Store.ContactPoints(t.Context(), ws, hana)
			s.must(err)
			return ps
		}
		p := points()[1]
		if !p.Shared || !p.VerifiedAt.IsZero() || p.Address != "all@group.example" || !slices.Equal(p.Purposes, []engawa.Purpose{engawa.Notice, engawa.Marketing}) {
			t.Errorf("%v %v %v", p, p.Shared, p.Purposes)
		}
		if said.Message.ContactPoint != p.ID || said.Message.State != engawa.MessageWaiting || !strings.Contains(said.Message.Content.Text, "ここを読むみなさんを代表") {
			t.Errorf("%s %s", said.Message.State, said.Message.Content.Text)
		}
		facts, err := s.Store.Facts(t.Context(), ws, []store.Ask{{Message: said.Message, Account: "acc_mail"}})
		s.must(err)
		if facts[0].To != "all@group.example" {
			t.Errorf("the letter goes to %s", facts[0].To)
		}
		s.give(hana, engawa.ControllerWorkspace, "app_own", engawa.Marketing)
		where := func() string {
			facts, err := s.Store.Facts(t.Context(), ws, []store.Ask{{Message: engawa.Message{Workspace: ws, Customer: hana, Purpose: engawa.Marketing, App: "app_own"}, Account: "acc_mail"}})
			s.must(err)
			return fmt.Sprint(facts[0].Facts.Contact.ID, facts[0].Facts.Contact.Verified)
		}
		if got := where(); got == p.ID+"true" {
			t.Errorf("advertising goes to %s before it was confirmed", got)
		}
		link := s.linkIn(said)
		page := s.get(link)
		if !strings.Contains(page, "この窓口で受け取ります") || strings.Contains(page, "山田") || strings.Contains(page, canary) {
			t.Error(page)
		}
		s.post(link, http.StatusOK, url.Values{"is": {"yes"}})
		if got := where(); got != p.ID+"true" {
			t.Errorf("advertising goes to %s after it was confirmed", got)
		}
		s.post(my+"/points", http.StatusSeeOther, url.Values{"mail": {"wrong@else.example"}, "purpose": {"service", "notice", "marketing"}})
		s.post(s.linkIn(s.letter(hana, proveTopic)), http.StatusOK, url.Values{"is": {"no"}})
		if n := len(points()); n != 2 {
			t.Errorf("%d contact points after a no", n)
		}
		s.post(my+"/points/"+p.ID+"/purposes", http.StatusSeeOther, url.Values{"purpose": {"notice"}})
		if got := points()[1].Purposes; !slices.Equal(got, []engawa.Purpose{engawa.Notice}) {
			t.Errorf("it serves %v", got)
		}
		s.post(my+"/points/"+p.ID+"/end", http.StatusSeeOther, nil)
		w := s.do(http.MethodPost, my+"/points/cp_hana/end", nil)
		if len(points()) != 1 || !strings.Contains(w.Header().Get("Location"), "done=last") {
			t.Errorf("%v, %s", points(), w.Header().Get("Location"))
		}
	})
}

// TestClaimDrawsNoEvent: an address that a customer typed and nobody confirmed makes no
// event theirs that tells that address.
func TestClaimDrawsNoEvent(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.post(s.sure(hana)+"/points", http.StatusSeeOther, url.Values{"mail": {"victim@else.example"}})
		now := time.Now()
		js, err := s.Store.Journal(t.Context(), []engawa.Event{{
			Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "member.provisional", DedupKey: "1", OccurredAt: now, ReceivedAt: now, Known: true,
			Newcomer: &engawa.Newcomer{Mail: "victim@else.example"},
		}})
		s.must(err)
		if e, err := s.Store.Event(t.Context(), ws, js[0].ID); err != nil || e.Customer == hana || e.Customer == "" {
			t.Errorf("the event is of %q, %v", e.Customer, err)
		}
	})
}

// TestContract: on a contract only an owner changes where its mail goes, takes its
// data or has it erased; staff and who came by a link only look and stop.
func TestContract(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		add := url.Values{"mail": {"new@firm.example"}, "purpose": {"service"}}
		for name, my := range map[string]string{"a link": s.opened(firm), "staff": s.signedIn("staff-1"), "a link to an address": s.sure(firm)} {
			s.post(my+"/points", http.StatusForbidden, add)
			s.post(my+"/data", http.StatusForbidden, nil)
			if w := s.do(http.MethodGet, my+"/erase", nil); w.Code != http.StatusForbidden {
				t.Errorf("%s may erase: %d", name, w.Code)
			}
			if page := s.get(my); !strings.Contains(page, "계약의 소유자만") {
				t.Errorf("%s is not told who may:\n%s", name, page)
			}
		}
		s.post(s.opened(firm)+"/sure", http.StatusNotFound, url.Values{"point": {"cp_firm"}})
		s.post(s.signedIn("owner-1")+"/points", http.StatusSeeOther, add)
		ps, err := s.Store.ContactPoints(t.Context(), ws, firm)
		s.must(err)
		if len(ps) != 2 || ps[1].Role != "contract" {
			t.Errorf("%v", ps)
		}
		s.must(s.Store.Link(t.Context(), ws, firm, engawa.Identity{Issuer: "https://id.hinata.example", Kind: subjectKind, Value: "owner-1", Role: "staff"}))
		s.post(s.signedIn("owner-1")+"/points", http.StatusForbidden, add)
	})
}

// TestData: the data of the customer, all of it and nobody else's.
func TestData(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.give(hana, engawa.ControllerWorkspace, "app_own", engawa.Marketing)
		s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Marketing})
		s.says(message.Request{Customer: firm, Purpose: engawa.Service, Content: engawa.Content{Subject: "他社", Text: "他社"}})
		s.must(s.Store.AddNote(t.Context(), engawa.Note{Workspace: ws, ID: "nte_1", Customer: hana, Author: "member:1", Text: "電話あり", CreatedAt: time.Now()}))
		_, err := s.Store.Journal(t.Context(), []engawa.Event{{Workspace: ws, ID: engawa.NewID(engawa.PrefixEvent), Type: "contract.resumed", DedupKey: "1", Customer: hana, ReceivedAt: time.Now(), Data: []byte(`{"plan":"月2回"}`)}})
		s.must(err)
		if strings.Contains(s.get(s.sure(hana)+"/erase"), "メルマガの名簿") {
			t.Error("on no list, and the page speaks of one")
		}
		s.listed(hana, "listed."+canary+"@customer.example")
		if !strings.Contains(s.get(s.sure(hana)+"/erase"), "メルマガの名簿。") {
			t.Error("the page does not say what a person takes out of the list")
		}
		w := s.do(http.MethodPost, s.sure(hana)+"/data", nil)
		body := w.Body.String()
		for _, want := range []string{"listed." + canary + "@customer.example", canary + "@customer.example", "山田 花", "新しい豆", "入荷しました", "受け取ります", "電話あり", "engawa-portrait-1"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is not in it", want)
			}
		}
		if strings.Contains(body, "firm") || strings.Contains(body, "他社") || !strings.Contains(w.Header().Get("Content-Disposition"), "attachment") {
			t.Error(body)
		}
		lines, err := s.Store.Audits(t.Context(), ws, store.AuditFilter{Action: "take-own-data"}, store.Page{})
		if err != nil || len(lines) != 1 || lines[0].Actor != "customer:"+hana {
			t.Errorf("%v %v", lines, err)
		}
	})
}

// TestErase: erased at once where nothing is under way; else everything that can
// stop has stopped, and a person is asked within ten days.
func TestErase(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		my := s.sure(hana)
		s.give(hana, "ptn_beans", "app_beans", engawa.Marketing)
		_, err := s.Store.SaveSubscription(t.Context(), engawa.Subscription{Workspace: ws, Customer: hana, App: "app_beans", Product: "月2回", State: engawa.SubscriptionActive, StartsAt: time.Now()})
		s.must(err)
		s.post(my+"/erase", http.StatusUnprocessableEntity, nil)
		page := s.post(my+"/erase", http.StatusOK, url.Values{"sure": {"1"}})
		if !strings.Contains(page, "豆の定期便のご契約(月2回)") || !strings.Contains(page, "残るもの") {
			t.Error(page)
		}
		tasks, err := s.Store.TaskPage(t.Context(), ws, store.TaskFilter{Kind: store.ErasureTask, State: "open"}, store.Page{})
		if err != nil || len(tasks) != 1 || tasks[0].Customer != hana || time.Until(tasks[0].DueAt) > answerWithin {
			t.Fatalf("%v %v", tasks, err)
		}
		if s.says(message.Request{Customer: hana, Partner: "ptn_beans", App: "app_beans", Purpose: engawa.Marketing}).Message.State != engawa.MessageRefused {
			t.Error("advertising goes on")
		}
		if !strings.Contains(s.get(my), "消去のお申し出を受け付けています") {
			t.Error("the page does not tell of the request")
		}
		_, err = s.Store.SaveSubscription(t.Context(), engawa.Subscription{Workspace: ws, Customer: hana, App: "app_beans", Product: "月2回", State: engawa.SubscriptionExpired, StartsAt: time.Now()})
		s.must(err)
		open := s.opened(hana)
		if page := s.post(my+"/erase", http.StatusOK, url.Values{"sure": {"1"}}); !strings.Contains(page, "消去しました") {
			t.Error(page)
		}
		cu, err := s.Store.Customer(t.Context(), ws, hana)
		if err != nil || !cu.Erased || cu.Name != "" {
			t.Errorf("%v %v", cu, err)
		}
		if w := s.do(http.MethodGet, open, nil); w.Code != http.StatusGone {
			t.Errorf("an old link answers %d", w.Code)
		}
		tasks, err = s.Store.TaskPage(t.Context(), ws, store.TaskFilter{Kind: store.ErasureTask, State: "open"}, store.Page{})
		if err != nil || len(tasks) != 0 {
			t.Errorf("the task stays: %v %v", tasks, err)
		}
		if len(s.consents()) == 0 {
			t.Error("the proof is gone")
		}
	})
}

// TestMerged: a link in an old message opens the page of the one who the customer
// turned out to be.
func TestMerged(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.must(s.Store.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_twin", Kind: "person", CreatedAt: time.Now()}}))
	old := s.opened("cus_twin")
	_, err := s.Store.Merge(context.WithoutCancel(t.Context()), store.Merge{Workspace: ws, Into: hana, From: "cus_twin", Narrow: func(a, b []engawa.Consent, at time.Time) []engawa.Consent { return nil }})
	s.must(err)
	id := s.give(hana, engawa.ControllerWorkspace, "", engawa.Marketing)
	s.post(old+"/stop", http.StatusSeeOther, url.Values{"id": {id}})
	if s.consents()[0].Given {
		t.Error("nothing was stopped")
	}
}

// TestOthers: an id of another customer's decision or contact point does nothing.
func TestOthers(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	theirs := s.give(firm, engawa.ControllerWorkspace, "", engawa.Marketing)
	before := s.dump()
	s.post(s.opened(hana)+"/stop", http.StatusSeeOther, url.Values{"id": {theirs}})
	s.post(s.opened(hana)+"/allow", http.StatusSeeOther, url.Values{"id": {theirs}})
	s.post(s.sure(hana)+"/points/cp_firm/purposes", http.StatusNotFound, url.Values{"purpose": {"notice"}})
	s.post(s.sure(hana)+"/points/cp_firm/end", http.StatusSeeOther, nil)
	if after := s.dump(); after != before {
		t.Errorf("it changed something:\n%s\n%s", before, after)
	}
}

// listed has the form of a list take a customer at an address.
func (s *site) listed(customer string, to engawa.Address) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	s.must(s.Store.AddAccount(ctx, engawa.Account{Workspace: ws, ID: "acc_list", Kind: "listform", Name: "メルマガ", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now}))
	m := engawa.Message{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixMessage), Customer: customer, Purpose: engawa.Service, State: engawa.MessageWaiting, Content: engawa.Content{Text: "登録"},
		Chain: []engawa.Via{{Account: "acc_list"}}, CreatedAt: now,
	}
	s.must(s.Store.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, now)}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
	lane, err := s.Store.Lane(ctx, ws, "acc_list")
	s.must(err)
	lane, _, err = s.Store.Hold(ctx, "form", lane)
	s.must(err)
	going, _, err := s.Store.Claim(ctx, lane, 1, store.Decide{Pace: func() store.Pace { return lane.Pace }, Judge: func(c *store.Claimed) store.Decision {
		c.Entry = &store.Entry{Registers: true, Plans: []string{"12"}, Mail: to}
		return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: c.Delivery.ID}
	}})
	s.must(err)
	_, err = s.Store.Record(ctx, lane, []store.Result{{Claimed: going[0], EndedAt: now, Outcome: engawa.OutcomeAccepted, State: engawa.Accepted}})
	s.must(err)
}
