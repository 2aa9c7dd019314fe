package console_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	zendesksim "github.com/engawa/engawa/internal/channel/zendesk/sim"
	"github.com/engawa/engawa/internal/console"
	support "github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
	"github.com/engawa/engawa/internal/verdict"
)

const ws = "ws_test"

// desk is a console on a real store, and the member who sits at it.
type desk struct {
	t      *testing.T
	st     *store.Store
	h      http.Handler
	done   chan struct{}
	member engawa.Member // nobody is signed in when it has no id
	spoken engawa.Locale
	stale  bool // the sign-in is no longer fresh
}

func newDesk(t *testing.T, dsn string) *desk {
	t.Helper()
	return deskOver(t, dsn, http.DefaultClient)
}

// deskOver is a desk whose channels ask their providers by client.
func deskOver(t *testing.T, dsn string, client *http.Client) *desk {
	t.Helper()
	st, err := store.Open(context.Background(), dsn, vault.New(vault.Generate(time.Now())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	rules, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	w := words(t)
	d := &desk{t: t, st: st, done: make(chan struct{}), member: engawa.Member{Workspace: ws, ID: "mem_1", Name: "佐藤 ゆき", Mail: "yuki@hinata.example", Role: engawa.Owner}}
	d.h = console.New(console.Deps{
		Store: st, Desk: &support.Desk{Store: st, Clients: &follow.Clients{Store: st, HTTP: http.DefaultClient}, Follow: &follow.Follower{Store: st}}, Words: w, Kinds: builtin.Kinds(), Refunds: &refund.Runner{Store: st, Clients: &follow.Clients{Store: st, HTTP: http.DefaultClient}}, Env: channel.Env{HTTP: client, Dial: new(net.Dialer).DialContext, Log: slog.New(slog.DiscardHandler)}, Log: slog.New(slog.DiscardHandler), PublicURL: "https://hub.example", Version: "test", Done: d.done,
		Compose:      &message.Composer{Store: st, Rules: rules, Words: w, Kinds: builtin.Kinds(), Unsubscribe: func(m engawa.Message) string { return "https://hub.example/u/" + m.ID }},
		InboxAddress: func(string) string { return "in-k3p8w1q7vz4m2c9x@relay.hub.example" },
		Certify:      func(_ context.Context, _, id string) (string, error) { return "certificate of " + id, nil },
		Door: console.Door{
			Who: func(http.ResponseWriter, *http.Request) (engawa.Member, error) {
				if d.member.ID == "" {
					return d.member, access.SessionEnded
				}
				return d.member, nil
			},
			Password: func(_ http.ResponseWriter, _ *http.Request, _ engawa.Address, p engawa.Secret) error {
				if p != "correct horse" {
					return fmt.Errorf("sign in: %w", access.SignInInvalid)
				}
				return nil
			},
			Link: func(http.ResponseWriter, *http.Request, engawa.Secret) (string, error) { return "", access.LinkInvalid },
			Sure: func(_ *http.Request, _ engawa.Member, p engawa.Secret) error {
				if d.stale && p != "correct horse" {
					return fmt.Errorf("again: %w", access.SignInInvalid)
				}
				return nil
			},
			Invite: func(ctx context.Context, by *store.Store, workspace, member string, life time.Duration) (string, error) {
				l, token := access.NewLink(workspace, member, time.Now().Add(life))
				err := by.AddLink(ctx, store.Session{Hash: fmt.Sprintf("%x", l.Hash), Workspace: workspace, Member: member, CreatedAt: time.Now(), SeenAt: time.Now(), EndsAt: l.EndsAt})
				return "https://hub.example/signin/link?token=" + token.Reveal(), err
			},
			Leave: func(http.ResponseWriter, *http.Request) {
				d.member = engawa.Member{}
			},
			SetPassword: func(_ http.ResponseWriter, _ *http.Request, _ engawa.Member, _ engawa.Address, old, _ engawa.Secret) error {
				if old != "correct horse" {
					return fmt.Errorf("change password: %w", access.SignInInvalid)
				}
				return nil
			},
			Speak: func(_ context.Context, _ engawa.Member, l engawa.Locale) error { d.spoken = l; return nil },
		},
	})
	d.furnish()
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) furnish() {
	ctx, now := context.Background(), time.Now()
	d.must(d.st.AddWorkspace(ctx, engawa.Workspace{
		ID: ws, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now,
		Sender: engawa.SenderProfile{Name: "ひなた珈琲", Postal: "石川県金沢市1-1", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"},
	}))
	d.must(d.st.AddAccount(ctx, engawa.Account{
		Workspace: ws, ID: "acc_mail", Kind: "mail", Name: "通知用メール", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
		Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example", "username": "shop", "password": "hunter2hunter2"},
	}))
	d.must(d.st.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_staff", Name: "スタッフ", Account: "acc_mail", Address: "staff@hinata.example", Locale: engawa.Japanese, CreatedAt: now}))
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: "cus_hana", Kind: "person", Name: "山田 <花>", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: now},
		Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "A-100"}},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_hana", Customer: "cus_hana", Kind: "mail", Address: "hana.yamada@customer.example", Role: "login", VerifiedAt: now, CreatedAt: now}},
	}))
	d.must(d.st.SaveTemplate(ctx, engawa.Template{Workspace: ws, ID: "tpl_1", Name: "offer", UpdatedAt: now, Words: map[engawa.Locale]engawa.Content{engawa.Japanese: {Subject: "{{customer.name}}様", Text: "{{customer.name}}様 {{amount?}}"}}}))
	data, err := json.Marshal(map[string]any{"amount": 1980, "m": map[string]any{"email": "hana.yamada@customer.example"}})
	d.must(err)
	_, err = d.st.Journal(ctx, []engawa.Event{{
		Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "payment.recurring.failed", DedupKey: "1", Customer: "cus_hana",
		Subject: "contract:456", OccurredAt: now, ReceivedAt: now, Known: true, Data: data,
	}})
	d.must(err)
}

// get asks for a page and holds it to what every page must be.
func (d *desk) get(path string) (int, string) {
	d.t.Helper()
	res := d.do(httptest.NewRequest(http.MethodGet, path, nil))
	body := res.Body.String()
	if res.Code == http.StatusOK && strings.Contains(res.Header().Get("Content-Type"), "text/html") && strings.HasPrefix(body, "<!doctype") {
		checkPage(d.t, body)
	}
	for _, leaked := range []string{"hana.yamada@customer.example", "hunter2hunter2", "staff@hinata.example"} {
		if strings.Contains(body, leaked) {
			d.t.Errorf("%s shows %s", path, leaked)
		}
	}
	return res.Code, body
}

func (d *desk) post(path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return d.do(r)
}

func (d *desk) do(r *http.Request) *httptest.ResponseRecorder {
	res := httptest.NewRecorder()
	d.h.ServeHTTP(res, r)
	return res
}

// only returns the id of the one message there is.
func (d *desk) only() string {
	d.t.Helper()
	rows, err := d.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{})
	d.must(err)
	if len(rows) != 1 {
		d.t.Fatalf("%d messages", len(rows))
	}
	return rows[0].Message.ID
}

func TestPagesOnTheStore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		for path, want := range map[string]string{
			"/": "届いた出来事", "/live": "月額の決済に失敗しました", "/live?group=payment": "月額の決済", "/messages": "当てはまるメッセージはありません",
			"/customers": "山田 &lt;花&gt;", "/customers/cus_hana": "h…@c….example", "/accounts": "通知用メール", "/accounts/acc_mail": "差出人のアドレス",
			"/accounts/new?kind=chatwork": "APIトークン", "/routes": "行き先がまだありません", "/routes/new": "新しい行き先", "/templates": "offer", "/templates/tpl_1": "見え方",
			"/templates/new": "新しい文面", "/lanes": "順調", "/tasks": "残っているものはありません", "/settings": "石川県金沢市1-1", "/live?group=contract": "まだ出来事が届いていません",
		} {
			code, body := d.get(path)
			if code != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s: %d without %q", path, code, want)
			}
		}
		_, live := d.get("/live")
		event := regexp.MustCompile(`/events/(evt_\w+)`).FindString(live)
		if code, body := d.get(event); code != http.StatusOK || !strings.Contains(body, "1980") || !strings.Contains(body, "この出来事を受け取る行き先はありません") {
			t.Errorf("%s: %d", event, code)
		}
		mark := regexp.MustCompile(`rows\?mark=(\w+)`).FindStringSubmatch(live)
		if code, _ := d.get("/live/rows?mark=" + mark[1]); code != http.StatusNoContent {
			t.Errorf("an unchanged live page answers %d", code)
		}
		for _, gone := range []string{"/nowhere", "/messages/msg_none", "/events/evt_none", "/customers/cus_none", "/accounts/acc_none", "/routes/rte_none", "/accounts/new?kind=pigeon"} {
			if code, body := d.get(gone); code != http.StatusNotFound || !strings.Contains(body, "このページはありません") {
				t.Errorf("%s: %d", gone, code)
			}
		}
	})
}

// TestStream: the stream says that the page moved, and ends when the hub stops.
func TestStream(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	_, live := d.get("/live")
	mark := regexp.MustCompile(`rows\?mark=(\w+)`).FindStringSubmatch(live)[1]
	s := httptest.NewServer(d.h)
	t.Cleanup(s.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/live/stream?mark="+mark, nil)
	d.must(err)
	res, err := http.DefaultClient.Do(r)
	d.must(err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != "retry: 1000" || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%q, %s", lines.Text(), res.Header.Get("Content-Type"))
	}
	now := time.Now()
	_, err = d.st.Journal(context.Background(), []engawa.Event{{
		Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "contract.terminated", DedupKey: "2",
		OccurredAt: now, ReceivedAt: now, Known: true, Data: []byte(`{}`),
	}})
	d.must(err)
	for lines.Scan() && lines.Text() == "" {
	}
	if lines.Text() != "data: moved" {
		t.Errorf("the stream says %q", lines.Text())
	}
	close(d.done)
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("after the end: %q", lines.Text())
		}
	}
}

func TestFindCustomer(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	for _, q := range []string{"A-100", "cus_hana", "hana.yamada@customer.example", " HANA.yamada@customer.example "} {
		res := d.post("/customers/find", url.Values{"q": {q}})
		if res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/customers/cus_hana" {
			t.Errorf("%q: %d %s", q, res.Code, res.Header().Get("Location"))
		}
	}
	ctx := t.Context()
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_twin", Kind: "person", CreatedAt: time.Now()}}))
	_, err := d.st.Merge(ctx, store.Merge{Workspace: ws, Into: "cus_hana", From: "cus_twin", Narrow: verdict.Narrow})
	d.must(err)
	if res := d.do(httptest.NewRequest(http.MethodGet, "/customers/cus_twin", nil)); res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/customers/cus_hana" {
		t.Errorf("one who was merged: %d %s", res.Code, res.Header().Get("Location"))
	}
	if res := d.post("/customers/find", url.Values{"q": {"nobody"}}); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "見つかりませんでした") || strings.Contains(res.Body.String(), "nobody") {
		t.Errorf("nobody: %d", res.Code)
	}
}

func TestTestSendPassesTheRoad(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	if res := d.post("/accounts/acc_mail/test", url.Values{"to": {"no address"}}); res.Code != http.StatusUnprocessableEntity {
		t.Errorf("a bad address: %d", res.Code)
	}
	res := d.post("/accounts/acc_mail/test", url.Values{"to": {"yuki@hinata.example"}})
	id := d.only()
	if to := res.Header().Get("Location"); res.Code != http.StatusSeeOther || to != "/messages/"+id+"?done=queued#deliveries" {
		t.Fatalf("%d %s", res.Code, to)
	}
	code, body := d.get("/messages/" + id + "?done=queued")
	if code != http.StatusOK || strings.Count(body, `class="name"`) != 8 || !strings.Contains(body, "hx-get") || !strings.Contains(body, "Engawaからのテストです") {
		t.Errorf("%d\n%s", code, body)
	}
	mark := regexp.MustCompile(`deliveries\?mark=(\w+)`).FindStringSubmatch(body)
	if code, _ := d.get("/messages/" + id + "/deliveries?mark=" + mark[1]); code != http.StatusNoContent {
		t.Errorf("unchanged deliveries answer %d", code)
	}
	_ = d.post("/accounts/acc_mail/test", url.Values{"to": {"yuki@hinata.example"}})
	places, err := d.st.Destinations(context.Background(), ws)
	if err != nil || len(places) != 2 {
		t.Errorf("a second test made another place: %d %v", len(places), err)
	}
}

// TestKindIsSaidOnce: an account is named by its kind and its name, and by its
// name alone where that is the kind's.
func TestKindIsSaidOnce(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	kind := words(t).T(engawa.Japanese, "kind.mail")
	_ = d.post("/accounts/acc_mail/test", url.Values{"to": {"yuki@hinata.example"}})
	tags, blank := regexp.MustCompile(`<[^>]*>`), regexp.MustCompile(`\s+`)
	paths := []string{"/messages", "/messages/" + d.only(), "/lanes", "/accounts", "/accounts/acc_mail", "/"}
	for _, path := range paths {
		_, body := d.get(path)
		if text := blank.ReplaceAllString(tags.ReplaceAllString(body, " "), " "); !strings.Contains(text, kind+" · 通知用メール") && !strings.Contains(text, "通知用メール "+kind) {
			t.Errorf("%s does not say the account's kind: %s", path, text)
		}
	}
	a, err := d.st.Account(context.Background(), ws, "acc_mail")
	d.must(err)
	a.Name = kind
	d.must(d.st.ChangeAccount(context.Background(), a))
	for _, path := range paths {
		_, body := d.get(path)
		text := blank.ReplaceAllString(tags.ReplaceAllString(body, " "), " ")
		if twice := regexp.MustCompile(kind + "( ·)? " + kind + "[ <]"); twice.MatchString(text) || !strings.Contains(text, " "+kind+" ") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestCancel(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	_ = d.post("/accounts/acc_mail/test", url.Values{"to": {"yuki@hinata.example"}})
	id := d.only()
	if res := d.post("/messages/"+id+"/cancel", nil); res.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	said, err := d.st.Message(context.Background(), ws, id)
	if err != nil || said.Message.State != engawa.MessageCanceled {
		t.Errorf("%s %v", said.Message.State, err)
	}
	if res := d.post("/messages/"+id+"/cancel", nil); res.Code != http.StatusConflict {
		t.Errorf("canceling twice: %d", res.Code)
	}
	res := d.do(httptest.NewRequest(http.MethodGet, "/messages.csv", nil))
	if !strings.HasPrefix(res.Body.String(), "\ufeffid,created_at") || !strings.Contains(res.Body.String(), id) {
		t.Errorf("%s", res.Body)
	}
}

func TestAccountForm(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	form := url.Values{"name": {"本店のメール"}, "version": {"1"}, "environment": {"production"}, "owner": {"workspace"}, "enabled": {"true"}, "s.host": {""}, "s.from_address": {"shop@hinata.example"}, "s.tls": {"none"}}
	stored, err := d.st.Account(context.Background(), ws, "acc_mail")
	d.must(err)
	form.Set("version", fmt.Sprint(stored.Version))
	res := d.post("/accounts/acc_mail", form)
	if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "入力してください") || !strings.Contains(res.Body.String(), "本店のメール") {
		t.Errorf("an empty host: %d", res.Code)
	}
	form.Set("s.host", "127.0.0.1:2525")
	form.Set("s.username", "shop")
	if res := d.post("/accounts/acc_mail", form); res.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	a, err := d.st.Account(context.Background(), ws, "acc_mail")
	if err != nil || a.Name != "本店のメール" || a.Settings["host"] != "127.0.0.1:2525" || a.Settings["password"] != "hunter2hunter2" {
		t.Errorf("%s %v: the secret that was left empty must stay", a.Settings["host"], err)
	}
	if res := d.post("/accounts/acc_mail", form); res.Code != http.StatusConflict {
		t.Errorf("a stale form: %d", res.Code)
	}
	room := httptest.NewServer(&chatworksim.Server{Token: "t0ken"})
	t.Cleanup(room.Close)
	added := url.Values{"name": {"部屋"}, "s.token": {"t0ken"}, "s.base_url": {room.URL + "/v2"}, "owner": {"workspace"}, "enabled": {"true"}}
	if res := d.post("/accounts/new?kind=chatwork", added); res.Code != http.StatusSeeOther {
		t.Errorf("adding: %d %s", res.Code, res.Body)
	}
	added.Set("s.token", "another")
	if res := d.post("/accounts/new?kind=chatwork", added); res.Code != http.StatusUnprocessableEntity {
		t.Errorf("adding with a token that the provider does not know: %d", res.Code)
	}
}

// TestZendeskForm: the provider is asked when the form is saved, and what is
// wrong stands beside its input with what to type, by its id where it is one
// custom field of several; a provider that is down keeps nobody from saving, and
// the page says that it was not asked.
func TestZendeskForm(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	zendesk := &zendesksim.Server{Mail: "agent@hinata.example", Token: "t0ken", Polite: true, Page: 2, Fields: []zendesksim.Field{
		{ID: 1, Title: "件名"}, {ID: 2, Title: "詳細"}, {ID: 360001234567, Title: "プラン"}, {ID: 360001234569, Title: "旧プラン", Off: true}, {ID: 9007199254740993, Title: "金額"},
	}}
	zendesk.AddBrand(9007199254740995, "ひなた珈琲", true)
	zendesk.AddBrand(12, "旧ブランド", false)
	desk := httptest.NewServer(zendesk)
	t.Cleanup(desk.Close)
	form := func(change, value string) url.Values {
		f := url.Values{
			"name": {"窓口"}, "owner": {"workspace"}, "enabled": {"true"}, "s.subdomain": {"https://hinata.zendesk.com/agent"}, "s.mail": {"agent@hinata.example"},
			"s.token": {"t0ken"}, "s.custom_fields": {"360001234567 = data.plan\r\n9007199254740993 = data.amount"}, "s.base_url": {desk.URL},
		}
		f.Set(change, value)
		return f
	}
	for _, tc := range []struct{ field, value, says string }{
		{"s.subdomain", "https://support.hinata.example", "「.zendesk.com」の前の部分"},
		{"s.token", "another", "メールアドレスとAPIトークンの組み合わせ"},
		{"s.mail", "", "入力してください"},
		{"s.custom_fields", "plan = data.plan", "360001234567 = data.plan"},
		{"s.custom_fields", "360001234567 = data.plan\r\n9007199254740992 = data.amount", "使用中のフィールドにこのIDはありません: 9007199254740992。"},
		{"s.custom_fields", "360001234569 = data.plan", "使用中のフィールドにこのIDはありません: 360001234569。"},
		{"name", "窓口", ""},
	} {
		res := d.post("/accounts/new?kind=zendesk", form(tc.field, tc.value))
		if tc.says == "" && res.Code != http.StatusSeeOther || tc.says != "" && (res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), tc.says)) {
			t.Errorf("%s %q: %d without %q: %s", tc.field, tc.value, res.Code, tc.says, res.Body)
		}
		if strings.Contains(res.Body.String(), "t0ken") {
			t.Errorf("%s: the token is on the page", tc.field)
		}
		if tc.says == "" {
			if _, b := d.get(res.Header().Get("Location")); !strings.Contains(b, ">保存しました。<") {
				t.Errorf("a provider that was asked: %s", b)
			}
		}
	}
	all, err := d.st.Accounts(context.Background(), ws)
	d.must(err)
	if len(all) != 2 || all[1].Settings["custom_fields"] != "360001234567 = data.plan\n9007199254740993 = data.amount" {
		t.Errorf("%d accounts: %q", len(all), all[len(all)-1].Settings["custom_fields"])
	}
	path := "/accounts/" + all[1].ID
	if _, b := d.get(path); !strings.Contains(b, `<option value="9007199254740995">ひなた珈琲`) || strings.Contains(b, "旧ブランド") {
		t.Errorf("the brands in use are not to choose from: %s", b)
	}
	for brand, want := range map[string]int{"12": http.StatusUnprocessableEntity, "9007199254740995": http.StatusSeeOther} {
		f := form("s.brand", brand)
		f.Set("version", strconv.FormatInt(all[1].Version, 10))
		if res := d.post(path, f); res.Code != want || want != http.StatusSeeOther && !strings.Contains(res.Body.String(), "使用中のブランドに該当するものがありません") {
			t.Errorf("brand %s: %d %s", brand, res.Code, res.Body)
		}
	}
	desk.Close()
	if _, b := d.get(path); !strings.Contains(b, `name="s.brand" type="text"`) {
		t.Error("a provider that is down takes the brand from the form")
	}
	res := d.post("/accounts/new?kind=zendesk", form("name", "予備"))
	if _, b := d.get(res.Header().Get("Location")); res.Code != http.StatusSeeOther || !strings.Contains(b, "応答がなく、この設定で動くかどうかは確かめられませんでした") {
		t.Errorf("a provider that is down: %d %s", res.Code, b)
	}
}

func TestRouteForm(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	form := url.Values{
		"name": {"お支払い"}, "version": {"0"}, "enabled": {"true"}, "events": {"payment.*\r\n"}, "steps": {"1"},
		"s0.to": {"dst_staff"}, "s0.template": {"tpl_1"}, "s0.purpose": {"service"}, "s0.v0.account": {"acc_mail"}, "s0.v0.minutes": {"10"}, "do": {"try"},
	}
	res := d.post("/routes/new", form)
	if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "最近の1件のうち、1件") {
		t.Fatalf("trying: %d %s", res.Code, res.Body)
	}
	if rows, _ := d.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{}); len(rows) != 0 {
		t.Error("a trial stored messages")
	}
	form.Set("do", "save")
	if res := d.post("/routes/new", form); res.Code != http.StatusSeeOther {
		t.Fatalf("saving: %d %s", res.Code, res.Body)
	}
	routes, err := d.st.Routes(context.Background(), ws)
	d.must(err)
	if len(routes) != 1 || routes[0].Then[0].Via[0].Within != 10*time.Minute || routes[0].UpdatedBy != "mem_1" {
		t.Fatalf("%+v", routes)
	}
	if _, body := d.get("/routes"); !strings.Contains(body, "お支払いの出来事") || !strings.Contains(body, "10分以内") {
		t.Error("the route is not in words")
	}
	form.Set("version", fmt.Sprint(routes[0].Version))
	form.Set("condition", "event.data.amount >")
	if res := d.post("/routes/"+routes[0].ID, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "条件") {
		t.Errorf("a broken condition: %d", res.Code)
	}
	form.Set("condition", "")
	form.Set("do", "step")
	if res := d.post("/routes/"+routes[0].ID, form); !strings.Contains(res.Body.String(), `name="s1.to"`) {
		t.Error("no second step")
	}
	form.Set("do", "save")
	if res := d.post("/routes/"+routes[0].ID, form); res.Code != http.StatusSeeOther {
		t.Errorf("a second version: %d %s", res.Code, res.Body)
	}
	if res := d.post("/routes/"+routes[0].ID, form); res.Code != http.StatusConflict {
		t.Errorf("a stale form: %d", res.Code)
	}
}

// TestOneCause: the page of an event and that of its message name what came of the
// same cause.
func TestOneCause(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx, now := context.Background(), time.Now()
	for i, typ := range []string{"payment.recurring.failed", "contract.suspended"} {
		e := engawa.Event{
			Workspace: ws, ID: fmt.Sprint("evt_", i), Account: engawa.SourceAPI, Type: typ, DedupKey: typ, Known: true, OccurredAt: now, ReceivedAt: now,
			Data: []byte(`{"c":{"id":"456"}}`), Actor: engawa.Actor{Type: "customer", ID: "no-123"}, Links: map[string]string{"contract": "https://shop.example/c/456"},
		}
		_, err := d.st.Journal(ctx, []engawa.Event{e})
		d.must(err)
		d.must(d.st.Route(ctx, []store.Routed{{Workspace: ws, Event: e.ID, Marks: catalogue.Marks(e)}}))
	}
	if _, body := d.get("/events/evt_0"); !strings.Contains(body, "同じ原因の出来事") || !strings.Contains(body, `href="/events/evt_1"`) {
		t.Error("the event does not name its relative")
	} else if !strings.Contains(body, "no-123") || !strings.Contains(body, `href="https://shop.example/c/456"`) {
		t.Error("the event does not say who caused it, or does not lead to its source")
	}
	d.must(d.st.Enqueue(ctx, []store.NewMessage{{
		Message: engawa.Message{Workspace: ws, ID: "msg_cause", Event: "evt_0", Destination: "dst_staff", Purpose: engawa.Service, State: engawa.MessageWaiting, CreatedAt: now, Chain: []engawa.Via{{Account: "acc_mail"}}},
		Judged:  []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}},
	}}))
	if _, body := d.get("/messages/msg_cause"); !strings.Contains(body, `id="related"`) || !strings.Contains(body, `href="/events/evt_1"`) || strings.Contains(body, `id="told"`) {
		t.Error("the message does not name the relative of its event")
	}
}

// TestNobody: the page of an event of which nobody knows whose it is names each route
// that would write to its customer, why it does not and what to do; so do the live view
// and the message's page.
func TestNobody(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx, now := context.Background(), time.Now()
	d.must(d.st.SaveRoute(ctx, engawa.Route{Workspace: ws, ID: "rte_1", Name: "解約の挨拶", Events: []string{"contract.*"}, Then: []engawa.Step{{To: "customer", Via: []engawa.Via{{Account: "acc_mail"}}}}}))
	e := engawa.Event{Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "contract.terminated", DedupKey: "nobody", Known: true, OccurredAt: now, ReceivedAt: now}
	_, err := d.st.Journal(ctx, []engawa.Event{e})
	d.must(err)
	refused := engawa.Verdict{Account: "acc_mail", Channel: "mail", Outcome: engawa.Refuse, Decided: engawa.GateRecipient, Gates: []engawa.GateResult{{Gate: engawa.GateRecipient, Outcome: engawa.Refuse, Reasons: []engawa.Reason{{Code: verdict.Unknown}}}}}
	d.must(d.st.Route(ctx, []store.Routed{{Workspace: ws, Event: e.ID, Messages: []store.NewMessage{{
		Message: engawa.Message{Workspace: ws, ID: "msg_1", Event: e.ID, Route: "rte_1", Purpose: engawa.Service, State: engawa.MessageRefused, CreatedAt: now, Chain: []engawa.Via{{Account: "acc_mail"}}},
		Judged:  []store.Judged{{Verdict: refused}},
	}}}}))
	for page, want := range map[string][]string{
		"/events/" + e.ID: {`href="/routes/rte_1"`, "解約の挨拶", "どのお客さまの出来事なのか、わかりません", "m.id の会員番号", `href="/messages/msg_1"`},
		"/live":           {"不明なお客さま", "送らない", "宛先"},
		"/messages/msg_1": {"不明なお客さま", "解約の挨拶", "どのお客さまの出来事なのか、わかりません"},
	} {
		_, body := d.get(page)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s lacks %q", page, w)
			}
		}
		if strings.Contains(body, "受け取る行き先はありません") {
			t.Errorf("%s says that no route takes it", page)
		}
	}
}

// TestGathering: the page of an event that waits in a digest names the route, and does
// not say that none takes it.
func TestGathering(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx, now := context.Background(), time.Now()
	d.must(d.st.SaveRoute(ctx, engawa.Route{Workspace: ws, ID: "rte_1", Name: "日ごとのまとめ", Events: []string{"contract.*"}, Then: []engawa.Step{{To: "dst_staff", Via: []engawa.Via{{Account: "acc_mail"}}}}}))
	e := engawa.Event{Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "contract.terminated", DedupKey: "gathered", Known: true, OccurredAt: now, ReceivedAt: now}
	_, err := d.st.Journal(ctx, []engawa.Event{e})
	d.must(err)
	d.must(d.st.Route(ctx, []store.Routed{{Workspace: ws, Event: e.ID, Gathered: []store.Gathered{{Route: "rte_1", Version: 1, Within: time.Hour, Count: 9}}}}))
	if _, body := d.get("/events/" + e.ID); !strings.Contains(body, "日ごとのまとめ") || !strings.Contains(body, "まとめて知らせるために待っています") || strings.Contains(body, "受け取る行き先はありません") {
		t.Error("the page does not say that the event waits")
	}
}

// TestLift: what is stopped is shown with why, on the customer's page and on that of
// the places, and lifted for a reason that the audit trail keeps without addresses.
func TestLift(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx, now := context.Background(), time.Now()
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: "cus_1", Kind: "person", Name: "山田 花", CreatedAt: now},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_1", Customer: "cus_1", Kind: "mail", Address: "hana@customer.example", CreatedAt: now}},
	}))
	d.must(d.st.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: "mail", Address: "hana@customer.example", Customer: "cus_1", Reason: "bounced", At: now}))
	d.must(d.st.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: store.StaffPlaces, Address: "staff@hinata.example", Reason: "bounced", At: now}))
	for page, at := range map[string]string{"/customers/cus_1": "/customers/cus_1/points/cp_1/lift", "/accounts/acc_mail/places": "/accounts/acc_mail/places/dst_staff/lift"} {
		if _, body := d.get(page); !strings.Contains(body, "宛先に届きませんでした") || !strings.Contains(body, `action="`+at+`"`) {
			t.Errorf("%s does not show the stop", page)
		}
		if res := d.post(at, url.Values{"reason": {"bounced"}, "why": {" "}}); res.Code/100 != 4 {
			t.Errorf("%s without a reason: %d", at, res.Code)
		}
		if res := d.post(at, url.Values{"reason": {"bounced"}, "why": {"hana@customer.example に電話で確認"}}); res.Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", at, res.Code, res.Body)
		}
		if _, body := d.get(page); strings.Contains(body, "宛先に届きませんでした") {
			t.Errorf("%s still shows the stop", page)
		}
		if res := d.post(at, url.Values{"reason": {"bounced"}, "why": {"x"}}); res.Code != http.StatusNotFound {
			t.Errorf("%s twice: %d", at, res.Code)
		}
	}
	lines, err := d.st.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
	d.must(err)
	for _, l := range lines {
		if l.Action == "lift-suppression" && (!strings.HasPrefix(l.Detail, "bounced: ") || strings.Contains(l.Detail, "hana@") || !strings.Contains(l.Detail, "電話で確認")) {
			t.Errorf("the trail says %q", l.Detail)
		}
	}
}

// TestRouteHistory: a digest and quiet times are kept from the form, shown in
// words, told of in the history, and taken back from it.
func TestRouteHistory(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	form := url.Values{
		"name": {"お支払い"}, "version": {"0"}, "enabled": {"true"}, "events": {"payment.*"}, "steps": {"1"}, "do": {"save"},
		"s0.to": {"dst_staff"}, "s0.purpose": {"service"}, "s0.v0.account": {"acc_mail"},
	}
	if res := d.post("/routes/new", form); res.Code != http.StatusSeeOther {
		t.Fatalf("saving: %d %s", res.Code, res.Body)
	}
	routes, err := d.st.Routes(context.Background(), ws)
	d.must(err)
	at := "/routes/" + routes[0].ID
	form.Set("version", "1")
	form.Set("s0.digest.minutes", "2000")
	if res := d.post(at, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "まとめ送り: ") {
		t.Errorf("a digest of 2000 minutes: %d", res.Code)
	}
	form.Set("s0.digest.minutes", "15")
	form.Set("s0.digest.count", "20")
	form.Set("s0.digest.cause", "true")
	if res := d.post(at, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "同じ原因の出来事は1通にまとめる: ") {
		t.Errorf("one cause and a number: %d", res.Code)
	}
	form.Set("s0.digest.count", "")
	form.Set("s0.digest.minutes", "")
	if res := d.post(at, form); res.Code != http.StatusSeeOther {
		t.Fatalf("saving one notice for one cause: %d %s", res.Code, res.Body)
	}
	routes, err = d.st.Routes(context.Background(), ws)
	d.must(err)
	if got := routes[0].Then[0].Digest; got == nil || !got.Cause || got.Within != 2*time.Minute {
		t.Errorf("one notice for one cause: %+v", got)
	}
	if _, body := d.get("/routes"); !strings.Contains(body, "同じ原因は1通に(2分待つ)") {
		t.Error("the cause is not in words")
	}
	form.Set("version", "2")
	form.Set("s0.digest.cause", "")
	form.Set("s0.digest.minutes", "15")
	form.Set("s0.digest.count", "20")
	form.Set("s0.digest.by", "cause")
	if _, body := d.get(at); strings.Contains(body, "s0.m0.from") {
		t.Error("a quiet time is offered that nobody asked for")
	}
	form.Set("do", "mute.0")
	if res := d.post(at, form); res.Code != http.StatusOK || strings.Count(res.Body.String(), `type="time"`) != 2 {
		t.Errorf("one quiet time more: %d", res.Code)
	}
	form.Set("do", "save")
	form.Set("s0.m0.from", "22:00")
	if res := d.post(at, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "静かな時間: ") {
		t.Errorf("a quiet time without an end: %d", res.Code)
	}
	form.Set("s0.m0.to", "08:00")
	form["s0.m0.days"] = []string{"sat", "sun"}
	if res := d.post(at, form); res.Code != http.StatusSeeOther {
		t.Fatalf("saving a digest: %d %s", res.Code, res.Body)
	}
	routes, err = d.st.Routes(context.Background(), ws)
	d.must(err)
	want := engawa.Step{
		To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}, Digest: &engawa.Digest{Within: 15 * time.Minute, Count: 20, By: "cause"},
		Mute: []engawa.Window{{Days: []string{"sat", "sun"}, From: "22:00", To: "08:00"}},
	}
	if !reflect.DeepEqual(routes[0].Then, []engawa.Step{want}) {
		t.Errorf("kept: %+v", routes[0].Then)
	}
	if _, body := d.get("/routes"); !strings.Contains(body, "15分ごとにまとめる") || !strings.Contains(body, "22:00〜08:00は静か") {
		t.Error("the digest is not in words")
	}
	_, body := d.get(at + "/versions")
	if !strings.Contains(body, "第3版") || !strings.Contains(body, "第1版") || strings.Count(body, "この内容に戻す") != 2 {
		t.Errorf("the history: %s", body)
	}
	if res := d.post(at+"/versions/1", url.Values{}); res.Code != http.StatusSeeOther {
		t.Fatalf("taking back: %d %s", res.Code, res.Body)
	}
	routes, err = d.st.Routes(context.Background(), ws)
	d.must(err)
	if routes[0].Version != 4 || routes[0].Then[0].Digest != nil || routes[0].UpdatedBy != "mem_1" {
		t.Errorf("taken back: %+v", routes[0])
	}
	if res := d.post(at+"/versions/9", url.Values{}); res.Code != http.StatusNotFound {
		t.Errorf("a version that is none: %d", res.Code)
	}
}

// TestRouteChanged: the history of a route says of each version who saved it, by name,
// and when; so does the list of routes of the latest.
func TestRouteChanged(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.staff()
	d.must(d.st.AddKey(t.Context(), store.APIKey{Workspace: ws, ID: "key_1", Name: "取り込み", Hash: "00", CreatedAt: time.Now()}))
	r := engawa.Route{Workspace: ws, ID: "rte_1", Name: "お支払い", Enabled: true, Events: []string{"payment.*"}, Then: []engawa.Step{{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}}}
	var want []string
	for _, c := range []struct{ by, says string }{
		{"", "システム"}, {"mem_1", "佐藤 ゆき"}, {"member:mem_2", "鈴木 健"}, {"key:key_1", "APIキー「取り込み」"}, {"mem_gone", "mem_gone"}, {"mem_2", "鈴木 健"},
	} {
		r.UpdatedBy, r.UpdatedAt = c.by, time.Date(2025, 11, 20, 15, 4, 0, 0, time.UTC).AddDate(0, 0, int(r.Version))
		d.must(d.st.SaveRoute(t.Context(), r))
		r.Version++
		day := 20 + r.Version // midnight has passed in Tokyo
		want = append(want, fmt.Sprintf("第%d版 2025-11-%dT15:04:00Z 2025年11月%d日 %s", r.Version, day-1, day, c.says))
	}
	slices.Reverse(want)
	said := regexp.MustCompile(`(?s)<time datetime="([^"]*)"[^>]*>(2025年11月\d+日)\(.\) 00:04</time> · (.*?)</p>`)
	history := d.seen("/routes/rte_1/versions")
	var got []string
	for _, version := range strings.Split(history, "<h2>")[1:] {
		number, _, _ := strings.Cut(version, " ")
		for _, m := range said.FindAllStringSubmatch(version, -1) {
			got = append(got, number+" "+strings.Join(m[1:], " "))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the history says %q, want %q", got, want)
	}
	if m := said.FindAllStringSubmatch(d.seen("/routes"), -1); len(m) != 1 || "第6版 "+strings.Join(m[0][1:], " ") != want[0] {
		t.Errorf("the list says %q, want %q", m, want[0])
	}
}

func TestTemplateForm(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	form := url.Values{"name": {"ご案内"}, "version": {"0"}, "text.ja": {"{{m.name}} 様"}, "text.ko": {"{{m.name} 쿠폰"}, "do": {"save"}}
	if res := d.post("/templates/new", form); res.Code != http.StatusUnprocessableEntity {
		t.Errorf("open braces: %d", res.Code)
	}
	form.Set("text.ko", "{{m.name}} 님 쿠폰")
	form.Set("html.ja", `<a href="javascript:alert(1)">x</a>`)
	if res := d.post("/templates/new", form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "javascript") {
		t.Errorf("a script: %d", res.Code)
	}
	form.Del("html.ja")
	form.Set("do", "preview")
	if res := d.post("/templates/new", form); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "山田 花 様") || !strings.Contains(res.Body.String(), "広告と見なされる") {
		t.Errorf("preview: %d", res.Code)
	}
	form.Set("do", "save")
	if res := d.post("/templates/new", form); res.Code != http.StatusSeeOther {
		t.Errorf("saving: %d %s", res.Code, res.Body)
	}
	all, err := d.st.Templates(context.Background(), ws)
	if err != nil || len(all) != 2 {
		t.Errorf("%d %v", len(all), err)
	}
}

// TestNewTask: a member raises a task by hand, about a customer, for somebody, until
// a time of the member's zone; what is wrong is said beside what was written.
func TestNewTask(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx := context.Background()
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_1", Kind: "person", Name: "山田 花", CreatedAt: time.Now()}}))
	d.must(d.st.AddMember(ctx, store.SignIn{Member: engawa.Member{Workspace: ws, ID: "mem_1", Mail: "yuki@hinata.example", Name: "佐藤 ゆき", Role: engawa.Owner}}))
	if _, body := d.get("/tasks/new?customer=cus_1"); !strings.Contains(body, `value="cus_1"`) || !strings.Contains(body, "山田 花") {
		t.Error("the customer is not filled in")
	}
	good := url.Values{"title": {"お電話する"}, "text": {"午前中に"}, "customer": {"cus_1"}, "assignee": {"mem_1"}, "due": {"2030-01-02T10:00"}}
	for field, c := range map[string][2]string{
		"title": {"", "すること: "}, "text": {strings.Repeat("あ", 4001), "やり方: "}, "due": {"tomorrow", "期限: "}, "assignee": {"mem_9", "担当者: "}, "customer": {"cus_9", "お客さまのID: "},
	} {
		form := maps.Clone(good)
		form.Set(field, c[0])
		if res := d.post("/tasks/new", form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), c[1]) || field != "title" && !strings.Contains(res.Body.String(), "お電話する") {
			t.Errorf("%s: %d", field, res.Code)
		}
	}
	if res := d.post("/tasks/new", good); res.Code != http.StatusSeeOther || !strings.HasPrefix(res.Header().Get("Location"), "/tasks/tsk_") {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	all, err := d.st.Tasks(ctx, ws, 10)
	d.must(err)
	due := time.Date(2030, 1, 2, 1, 0, 0, 0, time.UTC) // ten in Tokyo
	if len(all) != 1 || all[0].Kind != engawa.TaskByHand || all[0].Source != "cus_1" || all[0].Assignee != "mem_1" || !all[0].DueAt.Equal(due) || all[0].Args["text"] != "午前中に" {
		t.Fatalf("%+v", all)
	}
	if _, body := d.get("/tasks/" + all[0].ID); !strings.Contains(body, "お電話する") || !strings.Contains(body, `href="/customers/cus_1"`) {
		t.Error("the task's page")
	}
	if _, body := d.get("/customers/cus_1"); !strings.Contains(body, `href="/tasks/new?customer=cus_1"`) {
		t.Error("the customer's page leads to no task")
	}
}

// TestTaskList filters, pages and exports.
func TestTaskList(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.staff()
	for i := range 60 {
		k := engawa.Task{Workspace: ws, Kind: "delivery.unknown", Ref: fmt.Sprintf("acc_%d", i), DueAt: time.Now().Add(time.Duration(i-1) * time.Hour)}
		if i == 7 {
			k.Kind, k.Ref, k.Assignee = "route.broken", "rte_1", "mem_1"
		}
		d.must(d.st.Raise(context.Background(), k))
	}
	seen := map[string]bool{}
	for path := "/tasks"; path != ""; {
		_, body := d.get(path)
		for _, id := range regexp.MustCompile(`href="/tasks/(tsk_\w+)"`).FindAllStringSubmatch(body, -1) {
			if seen[id[1]] {
				t.Errorf("%s is shown twice", id[1])
			}
			seen[id[1]] = true
		}
		path = ""
		if next := regexp.MustCompile(`href="(/tasks\?[^"]*after[^"]*)"`).FindStringSubmatch(body); next != nil {
			path = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if len(seen) != 60 {
		t.Errorf("%d are shown", len(seen))
	}
	for path, want := range map[string]int{
		"/tasks?whose=mine": 1, "/tasks?whose=nobody&late=1": 2, "/tasks?kind=route.broken": 1, "/tasks?source=rte": 1, "/tasks?source=acc_3": 1, "/tasks?source=msg": 0, "/tasks?order=oldest": 50,
	} {
		_, body := d.get(path)
		if n := strings.Count(body, `class="line`); n != want {
			t.Errorf("%s shows %d", path, n)
		}
	}
	if _, body := d.get("/tasks.csv?kind=route.broken"); strings.Count(body, "\n") != 2 || !strings.Contains(body, "rte_1") || !strings.Contains(body, "佐藤 ゆき") {
		t.Errorf("%s", body)
	}
}

// TestTaskCSV: the export has every task that is open or, if asked for, every one that
// is done, once each whatever their number, and says all of each.
func TestTaskCSV(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.staff()
	due := time.Date(2030, 1, 2, 1, 0, 0, 0, time.UTC)
	const many = 205 // more than are read at once
	for i := range many {
		k := engawa.Task{Workspace: ws, ID: fmt.Sprintf("tsk_%03d", i), Kind: "delivery.unknown", Ref: fmt.Sprintf("msg_%03d", i)}
		if i < many-10 { // the others have no day
			k.DueAt = due.Add(time.Duration(i/30) * time.Hour)
		}
		d.must(d.st.Raise(t.Context(), k))
	}
	call := engawa.Task{Workspace: ws, ID: "tsk_call", Kind: engawa.TaskByHand, Ref: "r", Customer: "cus_hana", Source: "acc_mail", Assignee: "mem_2", DueAt: due, Args: map[string]string{"title": "=お電話する, \"至急\""}}
	d.must(d.st.Raise(t.Context(), call))
	d.must(d.st.Raise(t.Context(), call)) // it is asked for twice
	export := func(path string) map[string][]string {
		body, ok := strings.CutPrefix(d.seen(path), "\ufeff")
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		d.must(err)
		if head := "id,state,kind,title,customer,source,assignee,count,created_at,raised_at,due_at,done_at,done_by"; !ok || strings.Join(rows[0], ",") != head {
			t.Errorf("%s begins with %q", path, rows[0])
		}
		byID := map[string][]string{}
		for _, row := range rows[1:] {
			if byID[row[0]] != nil {
				t.Errorf("%s has %s twice", path, row[0])
			}
			byID[row[0]] = row
		}
		return byID
	}
	whole := func(rows map[string][]string, state, by string) {
		story, err := d.st.Task(t.Context(), ws, "tsk_call")
		d.must(err)
		at := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }
		want := []string{"tsk_call", state, "by_hand", "'=お電話する, \"至急\"", "cus_hana", "acc_mail", "鈴木 健", "2", at(story.CreatedAt), at(story.RaisedAt), "2030-01-02T01:00:00Z", "", by}
		if by != "" {
			want[11] = at(story.DoneAt)
		}
		if !slices.Equal(rows["tsk_call"], want) {
			t.Errorf("the row is %q, want %q", rows["tsk_call"], want)
		}
	}
	for _, order := range []string{"", "newest", "oldest"} {
		rows := export("/tasks.csv?order=" + order)
		if len(rows) != many+1 {
			t.Errorf("%d rows, order %q", len(rows), order)
		}
		whole(rows, "open", "")
	}
	if res := d.post("/tasks/tsk_call/done", url.Values{"note": {"お話ししました"}}); res.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	if rows := export("/tasks.csv"); len(rows) != many || rows["tsk_call"] != nil {
		t.Errorf("%d are open", len(rows))
	}
	rows := export("/tasks.csv?closed=1")
	if len(rows) != 1 {
		t.Errorf("%d are done", len(rows))
	}
	whole(rows, "done", "佐藤 ゆき")
}

// TestTypeExactly: what is to be typed is shown to who may do the task alone.
func TestTypeExactly(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.must(d.st.Raise(context.Background(), engawa.Task{Workspace: ws, ID: "tsk_1", Kind: engawa.TaskByHand, Ref: "r", Args: map[string]string{"title": "登録する", engawa.TypeExactly + "mail": "hana@customer.example"}}))
	if _, body := d.get("/tasks/tsk_1"); !strings.Contains(body, "hana@customer.example") || !strings.Contains(body, "このとおりに入力してください") {
		t.Errorf("%s", body)
	}
	d.member.Role = engawa.Viewer
	if _, body := d.get("/tasks/tsk_1"); strings.Contains(body, "hana@customer.example") || strings.Contains(body, "<form method=\"post\" action=\"/tasks") {
		t.Error("a viewer sees what is to be typed, or a button")
	}
	for _, act := range []string{"take", "assign", "due", "note", "done", "reopen"} {
		if res := d.post("/tasks/tsk_1/"+act, nil); res.Code != http.StatusForbidden {
			t.Errorf("%s by a viewer: %d", act, res.Code)
		}
	}
}

func (d *desk) staff() {
	d.t.Helper()
	for id, name := range map[string]string{"mem_1": "佐藤 ゆき", "mem_2": "鈴木 健"} {
		d.must(d.st.AddMember(context.Background(), store.SignIn{Member: engawa.Member{Workspace: ws, ID: id, Name: name, Mail: engawa.Address(id + "@hinata.example"), Role: engawa.Support, CreatedAt: time.Now()}}))
	}
}

func TestTasksAndLanes(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.staff()
	ctx := context.Background()
	d.must(d.st.Raise(ctx, engawa.Task{Workspace: ws, Kind: "account.closed", Ref: "acc_mail", DueAt: time.Now().Add(-time.Hour)}))
	d.must(d.st.Pause(ctx, ws, "acc_mail", time.Now().Add(time.Hour), "401"))
	_, body := d.get("/tasks")
	take := regexp.MustCompile(`/tasks/(tsk_\w+)/take`).FindStringSubmatch(body)
	if take == nil || !strings.Contains(body, "アカウントの設定を直してください") || !strings.Contains(body, "期限切れ1件") {
		t.Fatalf("%s", body)
	}
	if _, body := d.get("/"); !strings.Contains(body, "止まっている送信の流れが1つあります") || !strings.Contains(body, "期限切れが1件あります") {
		t.Error("today does not say what is stuck or overdue")
	}
	page := "/tasks/" + take[1]
	for _, act := range []struct {
		path string
		form url.Values
		says string
	}{
		{"/take", nil, "佐藤 ゆきが引き受けました"},
		{"/note", url.Values{"note": {"<b>電話</b>しました"}}, "&lt;b&gt;電話&lt;/b&gt;しました"},
		{"/due", url.Values{"due": {"2031-02-03T09:30"}}, "2031年2月3日(月) 09:30"},
		{"/assign", url.Values{"to": {"mem_2"}}, "鈴木 健に渡しました"},
		{"/done", url.Values{"note": {"鍵を入れ替えました"}}, "鍵を入れ替えました"},
		{"/reopen", url.Values{"note": {"まだでした"}}, "もう一度開きました"},
		{"/done", nil, "済み"},
	} {
		if res := d.post(page+act.path, act.form); res.Code != http.StatusSeeOther || !strings.HasPrefix(res.Header().Get("Location"), page+"?done=task") {
			t.Errorf("%s: %d %s", act.path, res.Code, res.Body)
		}
		if _, body := d.get(page); !strings.Contains(body, act.says) {
			t.Errorf("%s: the page does not say %q: %s", act.path, act.says, body)
		}
	}
	if res := d.post(page+"/due", url.Values{"due": {"tomorrow"}}); res.Code != http.StatusBadRequest {
		t.Errorf("a due time that is none: %d", res.Code)
	}
	if _, body := d.get("/tasks?closed=1"); !strings.Contains(body, "済み") || !strings.Contains(body, page) {
		t.Error("the done task is gone")
	}
	trail, err := d.st.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
	if err != nil || len(trail) != 7 || trail[0].Actor != "member:mem_1" {
		t.Errorf("the trail has %d lines: %+v, %v", len(trail), trail, err)
	}
	if _, body := d.get("/lanes"); !strings.Contains(body, "/lanes/acc_mail/resume") {
		t.Error("no way to resume")
	}
	if res := d.post("/lanes/acc_mail/resume", nil); res.Code != http.StatusSeeOther {
		t.Errorf("%d", res.Code)
	}
	if lane, err := d.st.Lane(ctx, ws, "acc_mail"); err != nil || lane.PausedUntil.After(time.Now()) {
		t.Errorf("still paused: %v", err)
	}
}

func TestRoles(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.member.Role = engawa.Viewer
	for _, path := range []string{"/accounts/acc_mail", "/routes/new", "/messages.csv"} {
		if code, body := d.get(path); code != http.StatusForbidden || !strings.Contains(body, "閲覧のみ") {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, path := range []string{"/lanes/acc_mail/resume", "/accounts/acc_mail", "/templates/new"} {
		if res := d.post(path, nil); res.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
}

// TestGetChangesNothing asks for every path that a form posts to.
func TestGetChangesNothing(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	for _, path := range []string{"/messages/msg_1/cancel", "/accounts/acc_mail/test", "/lanes/acc_mail/resume", "/tasks/tsk_1/done", "/tasks/tsk_1/take", "/tasks/tsk_1/assign", "/tasks/tsk_1/due", "/tasks/tsk_1/note", "/tasks/tsk_1/reopen", "/signout", "/language"} {
		if code, _ := d.get(path); code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, code)
		}
	}
}

func TestOtherSitesCannotPost(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	r := httptest.NewRequest(http.MethodPost, "/lanes/acc_mail/resume", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res := d.do(r)
	if res.Code != http.StatusForbidden || !strings.Contains(res.Body.String(), "ほかのサイト") {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := res.Header().Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestDoor(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.member = engawa.Member{}
	res := d.do(httptest.NewRequest(http.MethodGet, "/messages?state=sent", nil))
	if to := res.Header().Get("Location"); to != "/signin?next="+url.QueryEscape("/messages?state=sent") {
		t.Errorf("%q", to)
	}
	poll := httptest.NewRequest(http.MethodGet, "/live/rows", nil)
	poll.Header.Set("HX-Request", "true")
	if res := d.do(poll); res.Code != http.StatusUnauthorized || res.Header().Get("HX-Redirect") == "" {
		t.Errorf("a poll without session: %d", res.Code)
	}
	if res := d.post("/signin", url.Values{"mail": {"yuki@hinata.example"}, "password": {"wrong"}}); res.Code != http.StatusUnauthorized || !strings.Contains(res.Body.String(), "合いません") || strings.Contains(res.Body.String(), ">wrong<") {
		t.Errorf("%d", res.Code)
	}
	for next, want := range map[string]string{"/live": "/live", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "": "/"} {
		res := d.post("/signin", url.Values{"mail": {"a@b.example"}, "password": {"correct horse"}, "next": {next}})
		if got := res.Header().Get("Location"); res.Code != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d %q", next, res.Code, got)
		}
	}
	if code, body := d.get("/signin/link?token=abc"); code != http.StatusOK || !strings.Contains(body, `value="abc"`) {
		t.Errorf("a link: %d", code)
	}
	if res := d.post("/signin/link", url.Values{"token": {"abc"}}); res.Code != http.StatusUnauthorized || !strings.Contains(res.Body.String(), "使用済み") {
		t.Errorf("a used link: %d", res.Code)
	}
	if res := d.post("/signin/oidc", nil); res.Code != http.StatusNotFound {
		t.Errorf("no provider: %d", res.Code)
	}
}

func TestLanguage(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	res := d.post("/language", url.Values{"lang": {"ko"}, "back": {"/lanes"}})
	if res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/lanes" || d.spoken != engawa.Korean {
		t.Fatalf("%d %s", res.Code, d.spoken)
	}
	r := httptest.NewRequest(http.MethodGet, "/lanes", nil)
	r.AddCookie(res.Result().Cookies()[0])
	if body := d.do(r).Body.String(); !strings.Contains(body, "발송 상태") {
		t.Error("the cookie does not hold")
	}
	en := httptest.NewRequest(http.MethodGet, "/lanes", nil)
	en.Header.Set("Accept-Language", "en-GB")
	if body := d.do(en).Body.String(); !strings.Contains(body, "Lanes") {
		t.Error("the header does not hold")
	}
	if res := d.post("/language", url.Values{"lang": {"xx"}}); res.Code != http.StatusBadRequest {
		t.Errorf("%d", res.Code)
	}
}

// TestRooms: of an account's rooms only a group chat becomes a destination; the
// others say why not, and a form that asks for one all the same is refused.
func TestRooms(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	room := &chatworksim.Server{Token: "t0ken"}
	room.AddRoom(7001, "お金の部屋", "group")
	room.AddRoom(7003, "田中", "direct")
	s := httptest.NewServer(room)
	t.Cleanup(s.Close)
	d.must(d.st.AddAccount(context.Background(), engawa.Account{
		Workspace: ws, ID: "acc_room", Kind: "chatwork", Name: "部屋", Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"token": "t0ken", "base_url": s.URL + "/v2"},
	}))
	_, body := d.get("/accounts/acc_room/places")
	keys := regexp.MustCompile(`name="room" value="(\w+)" required( disabled)?`).FindAllStringSubmatch(body, -1)
	if len(keys) != 2 || keys[0][2] != "" || keys[1][2] == "" || !strings.Contains(body, "1対1のチャットは選べません") || strings.Contains(body, "7001") {
		t.Fatalf("%q\n%s", keys, body)
	}
	if res := d.post("/accounts/acc_room/places", url.Values{"room": {keys[1][1]}, "locale": {"ko"}}); res.Code != http.StatusUnprocessableEntity {
		t.Errorf("a talk with one person: %d", res.Code)
	}
	if res := d.post("/accounts/acc_room/places", url.Values{"room": {keys[0][1]}, "locale": {"ko"}}); res.Code != http.StatusSeeOther {
		t.Errorf("a group chat: %d", res.Code)
	}
	all, err := d.st.Destinations(context.Background(), ws)
	d.must(err)
	if last := all[len(all)-1]; len(all) != 2 || last.Name != "お金の部屋" || last.Address != "7001" || last.Locale != engawa.Korean {
		t.Errorf("%+v", all)
	}
	s.Close()
	if code, body := d.get("/accounts/acc_room/places"); code != http.StatusOK || !strings.Contains(body, "部屋の一覧を受け取れませんでした") {
		t.Errorf("a provider that is down: %d", code)
	}
	if res := d.post("/accounts/acc_mail/places", url.Values{"address": {"no address"}}); res.Code != http.StatusUnprocessableEntity {
		t.Errorf("no address: %d", res.Code)
	}
	if res := d.post("/accounts/acc_mail/places", url.Values{"address": {"money@hinata.example"}, "name": {"経理"}}); res.Code != http.StatusSeeOther {
		t.Errorf("a mailbox: %d", res.Code)
	}
}

// TestSettings: what cannot be is refused with what to enter; the rest is kept.
func TestSettings(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.must(d.st.AddMember(context.Background(), store.SignIn{Member: d.member}))
	shop := func(change, value string) url.Values {
		form := url.Values{"shop": {"ひなた珈琲店"}, "country": {"kr"}, "zone": {"Asia/Seoul"}, "sender.name": {"ひなた珈琲店"}}
		form.Set(change, value)
		return form
	}
	for _, tc := range []struct {
		path string
		form url.Values
		says string // empty: saved
	}{
		{"/settings/name", url.Values{"name": {" "}}, "名前を200文字まで"},
		{"/settings/name", url.Values{"name": {"佐藤 雪"}}, ""},
		{"/settings/workspace", shop("shop", ""), "名前を200文字まで"},
		{"/settings/workspace", shop("country", "Korea"), "2文字で"},
		{"/settings/workspace", shop("zone", "Asia/Kanazawa"), "タイムゾーンは見つかりません"},
		{"/settings/workspace", shop("sender.phone", "076-1"), ""},
		{"/settings/signin", url.Values{"mail": {"yuki"}, "password": {"long enough"}}, "メールアドレスの形"},
		{"/settings/signin", url.Values{"old": {"wrong"}, "password": {"long enough"}}, "いまのパスワードが合いません"},
		{"/settings/signin", url.Values{"old": {"correct horse"}, "password": {"long enough"}}, ""},
	} {
		res := d.post(tc.path, tc.form)
		if tc.says == "" && res.Code != http.StatusSeeOther || tc.says != "" && (res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), tc.says)) {
			t.Errorf("%s %v: %d without %q", tc.path, tc.form, res.Code, tc.says)
		}
	}
	w, err := d.st.Workspace(context.Background(), ws)
	d.must(err)
	if w.Name != "ひなた珈琲店" || w.Country != "KR" || w.Zone != "Asia/Seoul" || w.Sender.Phone != "076-1" {
		t.Errorf("%+v", w)
	}
	m, err := d.st.Member(context.Background(), ws, d.member.ID)
	d.must(err)
	if m.Name != "佐藤 雪" || m.Mail != d.member.Mail {
		t.Errorf("%+v", m)
	}
	d.member.Role = engawa.Viewer
	if res := d.post("/settings/workspace", shop("shop", "x")); res.Code != http.StatusForbidden {
		t.Errorf("a viewer changed the workspace: %d", res.Code)
	}
}

func TestStatic(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	for _, name := range []string{"tokens.css", "app.css", "htmx.min.js", "stream.js", "mark.svg", "LICENSE-htmx"} {
		res := d.do(httptest.NewRequest(http.MethodGet, "/static/"+name, nil))
		b, err := io.ReadAll(res.Body)
		if res.Code != http.StatusOK || err != nil || len(b) < 100 {
			t.Errorf("%s: %d, %d bytes", name, res.Code, len(b))
		}
	}
}

// TestEveryFieldHasWords: the account form of every kind reads in words.
func TestEveryFieldHasWords(t *testing.T) {
	w := words(t)
	for _, k := range builtin.Kinds() {
		if !w.Has("kind." + k.Name) {
			t.Errorf("no words for kind.%s", k.Name)
		}
		for _, f := range k.Fields {
			if !w.Has("kind." + k.Name + "." + f.Key) {
				t.Errorf("no words for kind.%s.%s", k.Name, f.Key)
			}
			for _, c := range f.Choices {
				if !w.Has("choice." + c) {
					t.Errorf("no words for choice.%s", c)
				}
			}
		}
		if k.Limits == nil {
			continue
		}
		for _, l := range k.Limits(channel.Settings{}) {
			if !w.Has("scope." + l.Scope) {
				t.Errorf("no words for scope.%s", l.Scope)
			}
		}
	}
}

// TestGallery serves each canned page in each language.
func TestGallery(t *testing.T) {
	w := words(t)
	h := console.Gallery(w)
	for _, s := range console.Samples(w, engawa.English) {
		res := httptest.NewRecorder()
		h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/_pages/"+s.Name+"?lang=ko", nil))
		if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), `lang="ko"`) {
			t.Errorf("%s: %d", s.Name, res.Code)
		}
	}
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/_pages?lang=fr", nil))
	if !strings.Contains(res.Body.String(), "/_pages/message-refused?lang=ja") {
		t.Error("the list is missing")
	}
}
