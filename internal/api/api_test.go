package api_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/api"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/mypage"
	"github.com/engawa/engawa/internal/partner"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

// offline is a world in which no provider answers.
type offline struct{}

var errOffline = errors.New("no provider answers in this test")

// RoundTrip asks the provider that a test has switched on.
func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "api.appstoreconnect.apple.com" && s.connect != nil {
		return channeltest.Client(s.connect).Transport.RoundTrip(r)
	}
	if s.provider == nil {
		return nil, errOffline
	}
	return channeltest.Client(s.provider).Transport.RoundTrip(r)
}

func (offline) dial(context.Context, string, string) (net.Conn, error) { return nil, errOffline }

type site struct {
	t       *testing.T
	doc     *huma.OpenAPI
	handler http.Handler
	st      *store.Store
	url     string
	key     string
	other   string // a key of another workspace
	log     *bytes.Buffer
	store   *appstoresim.Store
	desk    *desk.Desk
	lists   *partner.Lists
	vault   *vault.Vault
	compose *message.Composer

	provider http.Handler // who answers outgoing requests; nil: nobody
	connect  http.Handler // App Store Connect; nil: provider
}

// newSite serves the API on a database with two workspaces.
func newSite(t *testing.T, url string) *site {
	t.Helper()
	s := newHub(t, url)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// newHub is newSite without a network: a test may call the handler itself.
func newHub(t *testing.T, url string) *site {
	t.Helper()
	ctx := context.Background()
	v := vault.New(vault.Generate(time.Now()))
	st, err := store.Open(ctx, url, v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	st.Front("https://hub.example")
	rules, err1 := rule.Load()
	words, err2 := text.Load()
	apple, err3 := appstoresim.New("jp.hinata.coffee", 1, "Sandbox")
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	s := &site{t: t, st: st, log: &bytes.Buffer{}, store: apple}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	kinds := builtin.Kinds()
	s.desk = &desk.Desk{Store: st, Clients: &follow.Clients{Store: st, HTTP: &http.Client{Transport: s}}, Follow: &follow.Follower{Store: st}}
	a := &api.API{
		Refunds: &refund.Runner{Store: st, Clients: &follow.Clients{Store: st, HTTP: http.DefaultClient}}, Store: st, Desk: s.desk, Intake: &intake.Intake{Store: st, Kinds: kinds, Env: channel.Env{HTTP: &http.Client{Transport: s}, Dial: offline{}.dial}}, Words: words, Kinds: kinds, Vault: v, Log: log,
		Compose: &message.Composer{Store: st, Rules: rules, Words: words, Kinds: kinds},
		Lists:   &partner.Lists{Store: st, Rules: rules, Kinds: kinds},
	}
	s.lists, s.vault, s.compose = a.Lists, v, a.Compose
	a.Compose.Unsubscribe = func(m engawa.Message) string { return a.UnsubscribeURL(s.url, m) }
	a.Pages = &mypage.Site{Store: st, Vault: v, Words: words, Compose: a.Compose, Kinds: kinds, Log: log, Base: "https://hub.hinata.example"}
	s.doc = a.Document()
	s.handler = a.Handler()
	for _, ws := range []string{"ws_one", "ws_two"} {
		s.must(st.AddWorkspace(ctx, engawa.Workspace{
			ID: ws, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: time.Now(),
			Sender: engawa.SenderProfile{Name: "ひなた珈琲", Postal: "金沢市", Phone: "076", Mail: "a@hinata.example", Contact: "https://hinata.example"},
		}))
	}
	one, err := api.NewKey(ctx, st, "ws_one", "one", "*")
	s.must(err)
	two, err := api.NewKey(ctx, st, "ws_two", "two", "*")
	s.must(err)
	s.key, s.other = one.Reveal(), two.Reveal()
	s.must(st.AddAccount(ctx, engawa.Account{
		Workspace: "ws_one", ID: "acc_mail", Kind: "mail", Name: "mail", Environment: "sandbox", Owner: "workspace", Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example", "password": "s3cret-canary"},
	}))
	s.must(st.AddAccount(ctx, engawa.Account{
		Workspace: "ws_one", ID: "acc_store", Kind: "appstore", Name: "App Store", Environment: "sandbox", Owner: "workspace", Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"bundle_id": "jp.hinata.coffee", "environment": "sandbox", "roots": apple.RootPEM()},
	}))
	s.must(st.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: "ws_one", ID: "cus_one", Kind: "person", Name: "田中", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: time.Now()},
		Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "A-1"}},
		ContactPoints: []engawa.ContactPoint{{Workspace: "ws_one", ID: "cp_one", Customer: "cus_one", Kind: "mail", Address: "address-canary@customer.example", VerifiedAt: time.Now(), CreatedAt: time.Now()}},
	}))
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) do(method, path, key, body string, h ...string) (int, map[string]any, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	s.must(err)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	s.must(err)
	var out map[string]any
	json.Unmarshal(b, &out)
	s.conforms(req, res, b)
	return res.StatusCode, out, string(b)
}

// TestEvents: own form, list, CloudEvents in three forms; the id is the key.
func TestEvents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		status, first, _ := s.do("POST", "/v1/events", s.key, `{"id":"e1","type":"contract.terminated","data":{"a":1}}`)
		_, again, _ := s.do("POST", "/v1/events", s.key, `{"id":"e1","type":"contract.terminated","data":{"a":1}}`)
		if status != 202 || first["fresh"] != true || again["fresh"] != false || first["id"] != again["id"] {
			t.Errorf("%d: %v, then %v", status, first, again)
		}
		if _, other, _ := s.do("POST", "/v1/events", s.other, `{"id":"e1","type":"contract.terminated"}`); other["fresh"] != true {
			t.Errorf("another workspace's event of the same id: %v", other)
		}
		for name, got := range map[string][]string{
			"list":       {`[{"id":"e2","type":"a.b"},{"id":"e3","type":"a.c"}]`},
			"structured": {`{"specversion":"1.0","id":"1","source":"/shop","type":"contract.resumed","time":"2026-11-20T10:00:00+09:00","data":{}}`, "Content-Type", "application/cloudevents+json"},
			"batch":      {`[{"specversion":"1.0","id":"2","source":"/shop","type":"contract.resumed"}]`, "Content-Type", "application/cloudevents-batch+json"},
			"binary":     {`{"x":1}`, "Ce-Specversion", "1.0", "Ce-Id", "3", "Ce-Source", "/shop", "Ce-Type", "contract.resumed"},
		} {
			if status, _, body := s.do("POST", "/v1/events", s.key, got[0], got[1:]...); status != 202 {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		_, posted, _ := s.do("POST", "/v1/events", s.key, `{"id":"e4","type":"contract.terminated","actor":{"type":"customer","id":"123"},"links":{"contract":"https://shop.example/c/456"},"data":{"actor":"admin"}}`)
		_, told, _ := s.do("GET", "/v1/events/"+posted["id"].(string), s.key, "")
		if fmt.Sprintf("%v %v %v", told["actor"], told["links"], told["url"]) != "map[id:123 type:customer] map[contract:https://shop.example/c/456] https://hub.example/events/"+posted["id"].(string) {
			t.Errorf("who and where: %v", told)
		}
		_, list, _ := s.do("GET", "/v1/events?limit=2", s.key, "")
		n := len(list["events"].([]any))
		for next := list["next"].(string); next != ""; {
			_, list, _ = s.do("GET", "/v1/events?limit=2&cursor="+next, s.key, "")
			n += len(list["events"].([]any))
			next = list["next"].(string)
		}
		if n != 7 {
			t.Errorf("%d events in pages, want 7", n)
		}
	})
}

// TestBadInput: each is refused with a status, a code and a remedy, and leaves
// nothing behind.
func TestBadInput(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		event := func(more string) string { return `{"id":"x","type":"a.b"` + more + `}` }
		for name, c := range map[string]struct {
			path, body string
			status     int
		}{
			"duplicate name":      {"/v1/events", event(`,"id":"y"`), 400},
			"duplicate in data":   {"/v1/events", event(`,"data":{"a":1,"a":2}`), 400},
			"unknown name":        {"/v1/events", event(`,"workspace":"ws_two"`), 400},
			"case variant":        {"/v1/events", `{"ID":"x","type":"a.b"}`, 400},
			"NUL escape":          {"/v1/events", event(`,"data":{"a":"\u0000"}`), 400},
			"NUL byte":            {"/v1/events", event(",\"subject\":\"\x00\""), 400},
			"lone surrogate":      {"/v1/events", event(`,"data":{"a":"\ud800"}`), 400},
			"broken UTF-8":        {"/v1/events", event(",\"subject\":\"\xff\""), 400},
			"byte order mark":     {"/v1/events", "\xef\xbb\xbf" + event(""), 400},
			"trailing data":       {"/v1/events", event("") + "{}", 400},
			"deep":                {"/v1/events", event(`,"data":{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`), 400},
			"data no object":      {"/v1/events", event(`,"data":[1]`), 400},
			"empty":               {"/v1/events", ``, 400},
			"empty list":          {"/v1/events", `[]`, 400},
			"no id":               {"/v1/events", `{"type":"a.b"}`, 400},
			"long id":             {"/v1/events", `{"id":"` + strings.Repeat("x", 256) + `","type":"a.b"}`, 400},
			"bad type":            {"/v1/events", `{"id":"x","type":"A B"}`, 400},
			"no zone":             {"/v1/events", event(`,"occurred_at":"2026-11-23T12:00:00"`), 400},
			"no such day":         {"/v1/events", event(`,"occurred_at":"2026-02-30T12:00:00Z"`), 400},
			"24:00":               {"/v1/events", event(`,"occurred_at":"2026-02-20T24:00:00Z"`), 400},
			"year 9999":           {"/v1/events", event(`,"occurred_at":"9999-01-01T00:00:00Z"`), 400},
			"1970":                {"/v1/events", event(`,"occurred_at":"1970-01-01T00:00:00Z"`), 400},
			"too large":           {"/v1/events", event(`,"subject":"` + strings.Repeat("x", 6<<20) + `"`), 413},
			"verdict by hand":     {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"text":"t"},"verdict":"send"}`, 400},
			"consent by hand":     {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"text":"t"},"consent":true}`, 400},
			"two recipients":      {"/v1/messages", `{"to":{"customer":"cus_one","destination":"dst_x"},"purpose":"service","trigger":"user","content":{"text":"t"},"channels":["mail"]}`, 400},
			"no words":            {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user"}`, 400},
			"bad purpose":         {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"x","trigger":"user","content":{"text":"t"}}`, 400},
			"send in 1970":        {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"text":"t"},"not_before":"1970-01-01T00:00:00Z"}`, 400},
			"unknown channel":     {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"text":"t"},"channels":["pigeon"]}`, 400},
			"foreign customer":    {"/v1/messages", `{"to":{"customer":"cus_two"},"purpose":"service","trigger":"user","content":{"text":"t"}}`, 404},
			"consent unproved":    {"/v1/customers/cus_one/consents", `{"act":"contact","purpose":"marketing","given":true}`, 400},
			"consent unsaid":      {"/v1/customers/cus_one/consents", `{"act":"contact","purpose":"marketing"}`, 400},
			"script link":         {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"text":"t","html":"<a href=\"javascript:alert(1)\">x</a>"}}`, 400},
			"number out of range": {"/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","template":"t","variables":{"n":1e400}}`, 400},
		} {
			status, out, body := s.do("POST", c.path, s.key, c.body)
			if status != c.status || out["code"] == "" || out["detail"] == "" || out["remedy"] == nil {
				t.Errorf("%s: %d %s, want %d", name, status, body, c.status)
			}
		}
		for _, path := range []string{"/v1/events?limit=-1", "/v1/events?limit=9999", "/v1/messages?cursor=forged", "/v1/messages?cursor=zz.%27;drop"} {
			if status, _, body := s.do("GET", path, s.key, ""); status != 400 {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		if _, list, _ := s.do("GET", "/v1/events", s.key, ""); len(list["events"].([]any)) != 0 {
			t.Errorf("something was kept: %v", list)
		}
	})
}

// TestKeys: no key, a wrong key and an unknown key are told the same; a
// member's key does no more than its member may, a partner's nothing here.
func TestKeys(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	last := "x"
	if strings.HasSuffix(s.key, last) {
		last = "y"
	}
	wrong := s.key[:len(s.key)-1] + last
	_, _, a := s.do("GET", "/v1/events", wrong, "")
	_, _, b := s.do("GET", "/v1/events", "eng_live_nonsense", "")
	status, _, none := s.do("GET", "/v1/events", "", "")
	if status != 401 || a != b || none == "" {
		t.Errorf("%d: %s | %s | %s", status, a, b, none)
	}
	ctx := t.Context()
	for _, m := range []engawa.Member{{ID: "mem_own", Role: engawa.Owner, Mail: "o@x.example"}, {ID: "mem_see", Role: engawa.Viewer, Mail: "v@x.example"}} {
		m.Workspace, m.Locale, m.CreatedAt = "ws_one", engawa.Japanese, time.Now()
		s.must(s.st.AddMember(ctx, store.SignIn{Member: m}))
	}
	for name, c := range map[string]struct {
		row         store.APIKey
		read, write int
	}{
		"a viewer's":   {store.APIKey{Member: "mem_see"}, 200, 403},
		"an owner's":   {store.APIKey{Member: "mem_own"}, 200, 201},
		"of nobody":    {store.APIKey{Member: "mem_gone"}, 401, 401},
		"a partner's":  {store.APIKey{Partner: "ptn_x"}, 403, 403},
		"that expired": {store.APIKey{EndsAt: time.Now().Add(-time.Second)}, 401, 401},
	} {
		k, text := access.NewKey("live")
		row := c.row
		row.Workspace, row.ID, row.Hash, row.Scopes, row.CreatedAt = "ws_one", k.ID, hex.EncodeToString(k.Hash[:]), []string{"*"}, k.CreatedAt
		if row.EndsAt.IsZero() {
			row.EndsAt = k.ExpiresAt
		}
		s.must(s.st.AddKey(ctx, row))
		read, _, _ := s.do("GET", "/v1/apps", text.Reveal(), "")
		write, _, _ := s.do("POST", "/v1/apps", text.Reveal(), `{"name":"a"}`)
		if read != c.read || write != c.write {
			t.Errorf("a key %s: %d reading, %d writing; want %d, %d", name, read, write, c.read, c.write)
		}
	}
}

// TestMakeKeys: a key makes keys that can do no more than itself; one that was
// revoked is out at once.
func TestMakeKeys(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	maker := s.keyOf("keys:write", "events:read")
	for scopes, want := range map[string]int{`["events:read"]`: 201, `["*"]`: 403, `["apps:write"]`: 403, `["nonsense"]`: 400, `["*","events:read"]`: 400, `[]`: 400} {
		if status, _, text := s.do("POST", "/v1/keys", maker, `{"name":"k","scopes":`+scopes+`}`); status != want {
			t.Errorf("%s: %d %s", scopes, status, text)
		}
	}
	_, made, _ := s.do("POST", "/v1/keys", maker, `{"name":"k","scopes":["events:read"]}`)
	key := made["key"].(string)
	before, _, _ := s.do("GET", "/v1/events", key, "")
	s.do("POST", "/v1/keys/"+made["id"].(string)+":revoke", maker, "")
	after, _, _ := s.do("GET", "/v1/events", key, "")
	if _, _, list := s.do("GET", "/v1/keys", maker, ""); before != 200 || after != 401 || strings.Contains(list, key) {
		t.Errorf("%d, then %d", before, after)
	}
	row, err := s.st.Key(t.Context(), made["id"].(string))
	if err != nil || !row.UsedAt.Equal(store.Day(time.Now())) {
		t.Errorf("the day of its use: %s %v", row.UsedAt, err)
	}
}

// TestOtherWorkspace: ids of another workspace are answered like ids of nobody.
func TestOtherWorkspace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		_, ev, _ := s.do("POST", "/v1/events", s.key, `{"id":"e1","type":"a.b"}`)
		_, m, body := s.do("POST", "/v1/messages", s.key, `{"to":{"identity":{"issuer":"business","kind":"member_number","value":"A-1"}},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"},"channels":["mail"]}`)
		if m["id"] == nil {
			t.Fatalf("message not taken: %s", body)
		}
		for _, c := range [][2]string{{"GET", "/v1/events/" + ev["id"].(string)}, {"GET", "/v1/messages/" + m["id"].(string)}, {"POST", "/v1/messages/" + m["id"].(string) + ":cancel"}} {
			status, _, theirs := s.do(c[0], c[1], s.other, "")
			nobody := c[1][:strings.LastIndex(c[1], "_")+1] + strings.Repeat("0", 26)
			if strings.HasSuffix(c[1], ":cancel") {
				nobody += ":cancel"
			}
			_, _, none := s.do(c[0], nobody, s.other, "")
			if status != 404 || theirs != none {
				t.Errorf("%s %s: %d %s, of nobody %s", c[0], c[1], status, theirs, none)
			}
		}
	})
}

// TestMessage: an early verdict with reasons in the caller's language; a
// refusal is a kept fact; nothing secret is in answers or the log.
func TestMessage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		const ask = `{"to":{"customer":"cus_one"},"purpose":"marketing","trigger":"automatic","content":{"subject":"新商品","text":"入荷しました"},"channels":["mail"]}`
		status, m, body := s.do("POST", "/v1/messages", s.key, ask, "Accept-Language", "ja")
		if status != 202 || m["verdict"].(map[string]any)["outcome"] != "refuse" || !strings.Contains(body, "同意していません") {
			t.Errorf("%d %s", status, body)
		}
		if status, _, body := s.do("POST", "/v1/messages:check", s.key, ask, "Accept-Language", "ko"); status != 200 || !strings.Contains(body, "동의하지 않았습니다") || strings.Contains(body, `"id"`) {
			t.Errorf("check: %d %s", status, body)
		}
		_, list, _ := s.do("GET", "/v1/messages", s.key, "")
		if n := len(list["messages"].([]any)); n != 1 {
			t.Errorf("%d messages kept; a check keeps none", n)
		}
		s.do("POST", "/v1/customers/cus_one/consents", s.key, `{"act":"contact","purpose":"marketing","given":true,"evidence":{"wording":"w","version":"v1","where":"shop","how":"checkbox","locale":"ja"}}`)
		_, _, sent := s.do("POST", "/v1/messages", s.key, ask)
		if !strings.Contains(sent, `"outcome":"send"`) {
			t.Errorf("with consent: %s", sent)
		}
		_, _, accounts := s.do("GET", "/v1/accounts", s.key, "")
		for where, text := range map[string]string{"answer": body + sent + accounts, "log": s.log.String()} {
			if strings.Contains(text, "address-canary") || strings.Contains(text, "s3cret-canary") {
				t.Errorf("a secret or an address is in the %s: %s", where, text)
			}
		}
	})
}

// TestCallback: a signed notification is kept once; what is not proved is
// refused and leaves nothing.
func TestCallback(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		_, body, err := s.store.Notification("DID_RENEW", "", appstoresim.Subscription{OriginalTransactionID: "1", ProductID: "p", ExpiresAt: time.Now().Add(time.Hour)}, time.Now())
		s.must(err)
		for range 3 {
			if status, _, out := s.do("POST", "/in/acc_store", "", string(body)); status != 200 {
				t.Fatalf("%d %s", status, out)
			}
		}
		other, err := appstoresim.New("jp.hinata.coffee", 1, "Sandbox")
		s.must(err)
		_, forged, err := other.Notification("DID_RENEW", "", appstoresim.Subscription{OriginalTransactionID: "1", ProductID: "p", ExpiresAt: time.Now()}, time.Now())
		s.must(err)
		of := func(bundle, environment string) string { // signed by the same root
			defer func(b, e string) { s.store.BundleID, s.store.Environment = b, e }(s.store.BundleID, s.store.Environment)
			s.store.BundleID, s.store.Environment = bundle, environment
			_, body, err := s.store.Notification("DID_RENEW", "", appstoresim.Subscription{OriginalTransactionID: "2", ProductID: "p", ExpiresAt: time.Now().Add(time.Hour)}, time.Now())
			s.must(err)
			return string(body)
		}
		for name, c := range map[string]struct {
			path, body string
			status     int
		}{
			"another app":         {"/in/acc_store", of("jp.other.tea", "Sandbox"), 400},
			"another environment": {"/in/acc_store", of("jp.hinata.coffee", "Production"), 400},
			"of Xcode":            {"/in/acc_store", of("jp.hinata.coffee", "Xcode"), 400},
			"another root":        {"/in/acc_store", string(forged), 401},
			"altered":             {"/in/acc_store", strings.Replace(string(body), ".", ".A", 1), 401},
			"not JSON":            {"/in/acc_store", "x", 400},
			"empty":               {"/in/acc_store", "", 400},
			"too large":           {"/in/acc_store", strings.Repeat("x", 2<<20), 413},
			"unknown account":     {"/in/acc_nobody", string(body), 404},
			"no callbacks":        {"/in/acc_mail", string(body), 404},
		} {
			if status, _, out := s.do("POST", c.path, "", c.body); status != c.status {
				t.Errorf("%s: %d %s, want %d", name, status, out, c.status)
			}
		}
		_, list, _ := s.do("GET", "/v1/events", s.key, "")
		if evs := list["events"].([]any); len(evs) != 1 || evs[0].(map[string]any)["type"] != "store.did_renew" {
			t.Errorf("events %v", list)
		}
	})
}

// TestSignedPosts: what a system of the business signs is held against the
// catalogue and the workspace's own types as what it posts to /v1/events, and
// nothing is kept of what does not fit.
func TestSignedPosts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		s.must(s.st.AddAccount(t.Context(), engawa.Account{
			Workspace: "ws_one", ID: "acc_system", Kind: "webhook", Name: "system", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"url": "https://hook.example/in", "secret": key, "in_secret": key},
		}))
		s.must(s.st.SaveEventType(t.Context(), engawa.EventType{
			Workspace: "ws_one", Type: "shop.order.shipped", Names: map[engawa.Locale]string{"ja": "あ", "ko": "가", "en": "a"}, UpdatedAt: time.Now(),
			Schema: []byte(`{"type":"object","properties":{"order":{"type":"string"}},"required":["order"]}`), Sample: []byte(`{"order":"7"}`),
		}))
		post := func(id, body string) (int, string) {
			raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
			s.must(err)
			stamp := strconv.FormatInt(time.Now().Unix(), 10)
			mac := hmac.New(sha256.New, raw)
			mac.Write([]byte(id + "." + stamp + "." + body))
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/in/acc_system", strings.NewReader(body))
			r.Header.Set("Webhook-Id", id)
			r.Header.Set("Webhook-Timestamp", stamp)
			r.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		for i, c := range []struct {
			body, field string // the field of the refusal; empty: it is taken
		}{
			{`{"type":"site.maintenance.changed","data":{"enabled":true}}`, ""},
			{`{"type":"site.maintenance.changed","data":{"enabled":"yes"}}`, "/data/enabled"},
			{`{"type":"site.maintenance.changed"}`, "/data/enabled"},
			{`{"type":"shop.order.shipped","data":{"order":"7"}}`, ""},
			{`{"type":"shop.order.shipped","data":{}}`, "/data/order"},
			{`{"type":"shop.cart.left","data":{"anything":1}}`, ""},
			{`{"type":"shop.cart.left","data":[1]}`, "/data"},
			{`{"type":"cart","data":{}}`, "/type"},
			{`{"type":"shop.cart.left","timestamp":"1999-01-01T00:00:00Z","data":{}}`, "/timestamp"},
			{`{"type":"shop.cart.left","data":{"a":1,"a":2}}`, "/data/a"},
		} {
			status, out := post(fmt.Sprint("msg_", i), c.body)
			if (c.field == "") != (status == 200) || status != 200 && status/100 != 4 || c.field != "" && !strings.Contains(out, `"`+c.field+`"`) {
				t.Errorf("%s: %d %s", c.body, status, out)
			}
		}
		_, list, _ := s.do("GET", "/v1/events", s.key, "")
		if n := len(list["events"].([]any)); n != 3 {
			t.Errorf("%d events are kept", n)
		}
		if status, out := post("msg_new", `{"type":"member.registered","data":{"m":{"id":"77","email":"hana@customer.example","email_verified":true}}}`); status != 200 {
			t.Errorf("a new member: %d %s", status, out)
		}
		id, err := s.st.CustomerBy(t.Context(), "ws_one", engawa.Identity{Issuer: "business", Kind: "member_number", Value: "77"})
		s.must(err)
		if ps, err := s.st.ContactPoints(t.Context(), "ws_one", id); err != nil || len(ps) != 1 || ps[0].VerifiedAt.IsZero() {
			t.Errorf("the business's own word proves %d contact points, %v", len(ps), err)
		}
	})
}

// TestUnsubscribe: opening the link changes nothing, one POST does.
func TestUnsubscribe(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	consents := func() int {
		_, out, _ := s.do("GET", "/v1/customers/cus_one/consents", s.key, "")
		return len(out["consents"].([]any))
	}
	s.do("POST", "/v1/customers/cus_one/consents", s.key, `{"act":"contact","purpose":"marketing","given":true,"evidence":{"wording":"w","version":"v1","where":"shop","how":"checkbox","locale":"ja"}}`)
	_, _, checked := s.do("POST", "/v1/messages:check", s.key, `{"to":{"customer":"cus_one"},"purpose":"marketing","trigger":"automatic","content":{"subject":"s","text":"t"},"channels":["mail"]}`)
	i := strings.Index(checked, "/u/")
	if i < 0 {
		t.Fatalf("no link in %s", checked)
	}
	link := checked[i:]
	link = link[:strings.IndexFunc(link[3:], func(r rune) bool {
		return !(r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})+3]
	for _, method := range []string{"GET", "HEAD"} {
		if status, _, _ := s.do(method, link, "", ""); status != 200 || consents() != 1 {
			t.Errorf("%s: %d, %d consents", method, status, consents())
		}
	}
	if status, _, body := s.do("POST", link, "", "List-Unsubscribe=One-Click"); status != 200 || consents() != 2 {
		t.Errorf("POST: %d %s, %d consents", status, body, consents())
	}
	if status, _, _ := s.do("POST", link+"x", "", ""); status != 404 {
		t.Errorf("a forged link: %d", status)
	}
	if _, _, body := s.do("POST", "/v1/messages:check", s.key, `{"to":{"customer":"cus_one"},"purpose":"marketing","trigger":"automatic","content":{"subject":"s","text":"t"},"channels":["mail"]}`); !strings.Contains(body, "consent.withdrawn") {
		t.Errorf("after it: %s", body)
	}
}

// TestDatabaseGone: trouble of the database is 503 with Retry-After, never 4xx.
func TestDatabaseGone(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.do("GET", "/v1/events", s.key, "") // the key is remembered
	s.must(s.st.Close())
	status, out, body := s.do("POST", "/v1/events", s.key, `{"id":"e1","type":"a.b"}`)
	if status != 503 || out["code"] != "unavailable" {
		t.Errorf("%d %s", status, body)
	}
}
