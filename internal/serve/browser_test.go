package serve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	mailsim "github.com/engawa/engawa/internal/channel/mail/sim"
	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// browser is one tab of Chromium, with cookies of its own.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // a tab lives as long as its test
	url string

	mu     sync.Mutex
	errors []string // what the pages complained of
}

// tab opens a tab of the given width beside the others.
func tab(chrome context.Context, t *testing.T, url string, width int64) *browser {
	t.Helper()
	b := &browser{t: t, url: url}
	ctx, stop := chromedp.NewContext(chrome, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	t.Cleanup(stop)
	b.ctx = ctx
	b.do(chromedp.EmulateViewport(width, 900))
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": "ja"}})
	return b
}

// call runs a command of the protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	return looktest.Eval[T](b.ctx, b.t, expression)
}

// listen collects what a page complains of. That a refused form was answered
// with 401 or 422 is not a complaint.
func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		refused := strings.Contains(e.Entry.Text, "401") || strings.Contains(e.Entry.Text, "422")
		if e.Entry.Level == log.EntryLevelError && !refused {
			b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	looktest.Do(b.ctx, b.t, actions...)
}

// open goes to a page and holds it to what every page must be.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
	b.fits(path)
}

// press presses what sel names and waits for the page that follows.
func (b *browser) press(sel chromedp.CSS) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 20*time.Second)
	defer stop()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(sel)); err != nil {
		b.t.Fatalf("press %s: %v", sel, err)
	}
	b.fits("after " + string(sel))
}

func (b *browser) fill(sel chromedp.CSS, text string) {
	b.t.Helper()
	b.do(chromedp.SetValue(sel, text))
}

// sees waits until a text is on the page.
func (b *browser) sees(words string) {
	b.t.Helper()
	var body string
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var err error
		if body, err = chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText")); err == nil && strings.Contains(body, words) {
			return
		}
	}
	b.t.Fatalf("%q is not on the page:\n%s", words, body)
}

// fits fails if a page is wider than the screen or has something to press that
// is too small for a thumb (WCAG 2.2, 2.5.8: 24 px).
func (b *browser) fits(where string) {
	b.t.Helper()
	wide := eval[[]string](b, `document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 4).map(e => e.outerHTML.slice(0, 120)).concat(String(document.documentElement.scrollWidth))`)
	small := eval[[]string](b, `[...document.querySelectorAll("button, .btn, select, textarea, input:not([type=hidden]), nav a")].filter(e => e.getClientRects().length && e.getBoundingClientRect().height < 24 && !e.closest("label")).map(e => e.outerHTML.slice(0, 120))`)
	for _, e := range wide {
		b.t.Errorf("%s is wider than the screen: %s", where, e)
	}
	for _, e := range small {
		b.t.Errorf("%s: too small to press: %s", where, e)
	}
}

// quiet fails if a page complained of anything.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		b.t.Errorf("the browser's console: %s", e)
	}
}

// shop is a hub that works: a mail account behind which an inbox listens, a
// customer who consented to nothing, a template, and a key for the API.
type shop struct {
	*Hub
	url   string
	key   engawa.Secret
	inbox *mailsim.Inbox
}

func working(t *testing.T) shop {
	t.Helper()
	return workingOn(t, storetest.SQLite(t))
}

func workingOn(t *testing.T, dsn string) shop {
	t.Helper()
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	inbox, mails, l := &mailsim.Inbox{}, listen(), listen()
	c := settings(t, dsn)
	c.Listen = l.Addr().String()
	c.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	h := open(t, c)
	member(t, h)
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	running.Go(func() { _ = inbox.Serve(mails) }) // ends when it is closed
	running.Go(func() {
		if err := h.Run(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		_ = inbox.Close() // for good
		running.Wait()
	})
	now := time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(h.Store.AddApp(t.Context(), engawa.App{Workspace: "ws_1", ID: "app_1", Name: "ひなた珈琲アプリ", CreatedAt: now}))
	must(h.Store.AddAccount(t.Context(), engawa.Account{
		Workspace: "ws_1", ID: "acc_mail", Kind: "mail", Name: "お知らせ用メール", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
		Settings: map[string]string{"host": mails.Addr().String(), "tls": "none", "from_address": "shop@hinata.example"},
	}))
	must(h.Store.AddCustomer(t.Context(), store.NewCustomer{
		Customer:      engawa.Customer{Workspace: "ws_1", ID: "cus_hana", Kind: "person", Name: "山田 花", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: now},
		ContactPoints: []engawa.ContactPoint{{Workspace: "ws_1", ID: "cp_hana", Customer: "cus_hana", Kind: "mail", Address: "hana.yamada@customer.example", Role: "login", VerifiedAt: now, CreatedAt: now}},
	}))
	must(h.Store.SaveTemplate(t.Context(), engawa.Template{Workspace: "ws_1", ID: "tpl_1", Name: "引き止めのご案内", UpdatedAt: now, Words: map[engawa.Locale]engawa.Content{
		engawa.Japanese: {Subject: "{{customer.name}}様へのご案内", Text: "次の3か月を半額でお届けします。"},
	}}))
	must(h.Store.Raise(t.Context(), engawa.Task{Workspace: "ws_1", ID: "tsk_1", Kind: "account.closed", Ref: "acc_mail", DueAt: now.Add(time.Hour)}))
	key, err := api.NewKey(t.Context(), h.Store, "ws_1", "test", "*")
	must(err)
	return shop{h, "http://" + c.Listen, key, inbox}
}

// post has the business report an event through the API.
func (o shop) post(t *testing.T, event string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+"/v1/events", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.key.Reveal())
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		t.Fatalf("POST /v1/events: %s", res.Status)
	}
}

// TestMainActs plays a member's day in a browser, on a desk and on a phone.
func TestMainActs(t *testing.T) {
	chrome := looktest.Chromium(t)
	for _, width := range []int64{1280, 390} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			o := working(t)
			b := tab(chrome, t, o.url, width)
			b.open("/live")
			b.sees("サインイン")
			b.signIn("a wrong guess")
			b.sees("合いません")
			b.signIn("縁側で一休みする")
			b.sees("アカウントの設定を直してください") // it leads where the visitor was going, and tells of the task

			b.open("/routes/new")
			b.fill(`[name="name"]`, "お支払いの失敗")
			b.fill(`[name="events"]`, "payment.*")
			b.fill(`[name="s0.to"]`, "customer")
			b.fill(`[name="s0.template"]`, "tpl_1")
			b.fill(`[name="s0.purpose"]`, string(engawa.Marketing))
			b.fill(`[name="s0.app"]`, "app_1")
			b.fill(`[name="s0.v0.account"]`, "acc_mail")
			b.press(`button[value="save"]`)
			b.sees("保存しました")

			b.open("/live")
			o.post(t, `{"id":"e1","type":"payment.recurring.failed","customer":"cus_hana","data":{"amount":1980}}`)
			b.sees("月額の決済に失敗しました") // by itself, without a new visit
			b.sees("送らない")
			b.press(`#rows li a[href^="/messages/"]`)
			b.sees("同意")

			b.open("/accounts/acc_mail")
			b.fill(`[name="s.from_address"]`, "no address")
			b.do(chromedp.SetAttributeValue(chromedp.CSS(`main form`), "novalidate", "")) // as a client that does not check
			b.press(`main form button.main`)
			b.sees("shop@hinata.example のようなメールアドレスをひとつ") // what to do
			b.open("/accounts/acc_mail")
			b.fill(`#to`, "yuki@hinata.example")
			b.press(`#test button.main`)
			b.sees("引き渡し済み")
			b.sees("送信済み") // the message's own state moved with its delivery's
			page := eval[string](b, "document.documentElement.outerHTML")
			if !strings.Contains(page, "RCPT TO:") || strings.Contains(page, "yuki@hinata.example") {
				t.Error("the page does not show what was said to the server, or shows an address in full")
			}

			b.open("/tasks")
			b.press(`form[action$="/take"] button`)
			b.sees("あなたの担当になりました")
			b.fill(`#finish`, "パスワードを入れ直しました")
			b.press(`form[action$="/done"] button`)
			b.sees("パスワードを入れ直しました")
			b.sees("が済みにしました")
			b.open("/tasks")
			b.sees("残っているものはありません")

			b.open("/settings")
			b.press(`a[href="/audit"]`)
			b.sees("通知の行き先を保存")
			b.fill(`[name="what"]`, "finish-task")
			b.press(`form.filter button`)
			if rows := eval[int](b, `document.querySelectorAll("tbody tr").length`); rows != 1 {
				t.Errorf("%d lines tell of the finished task", rows)
			}

			b.open("/settings")
			b.press(`.foot button[value="ko"]`)
			b.sees("설정")
			b.press(`.foot form[action="/signout"] button`)
			b.sees("로그인")
			b.open("/settings")
			b.sees("로그인")
			b.quiet()
		})
	}
}

func (b *browser) signIn(password string) {
	b.t.Helper()
	b.fill("#mail", "yuki@hinata.example")
	b.fill("#password", password)
	b.press("main form button.main")
}

// TestWithoutScript: a link signs in and a form saves where no script runs.
func TestWithoutScript(t *testing.T) {
	o := working(t)
	b := tab(looktest.Chromium(t), t, o.url, 390)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.enter(o.Hub)
	b.open("/tasks")
	b.press(`form[action$="/take"] button`)
	b.press(`form[action$="/done"] button`)
	b.open("/tasks")
	b.sees("残っているものはありません")
	b.open("/accounts/acc_mail")
	b.fill(`[name="name"]`, "本店のメール")
	b.press(`main form button.main`)
	b.sees("保存しました")
}

// enter signs in by a link.
func (b *browser) enter(h *Hub) {
	b.t.Helper()
	link, err := h.SignInLink(b.t.Context(), "ws_1", "mem_yuki")
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.Navigate(link))
	b.press("main form button.main")
}

// TestNarrow walks every page on the narrowest screen.
func TestNarrow(t *testing.T) {
	o := working(t)
	b := tab(looktest.Chromium(t), t, o.url, 360)
	b.enter(o.Hub)
	for _, path := range []string{
		"/", "/live", "/messages", "/customers", "/customers/cus_hana", "/customers/cus_hana/stop", "/customers/cus_hana/merge", "/customers/cus_hana/erase", "/accounts", "/accounts/acc_mail", "/accounts/acc_mail/places", "/accounts/new?kind=chatwork", "/accounts/new?kind=webhook",
		"/routes", "/routes/new", "/templates", "/templates/tpl_1", "/templates/new", "/lanes", "/tasks", "/tasks?closed=1", "/tasks/tsk_1", "/settings", "/settings/members", "/settings/members/new", "/settings/members/mem_yuki", "/settings/keys", "/settings/keys/new", "/audit", "/nowhere",
	} {
		b.open(path)
	}
}
