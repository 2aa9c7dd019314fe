package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/receipt"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// TestPartnersRoad: a partner's whole road in a browser, by the pages of the demo.
// A developer registers an app without asking anybody, lists its subscribers, writes
// to one and reads the answer, and learns no address; the customer answers in the inbox
// and withdraws on their page, and the next message is refused; the operator ends the
// partner and takes a certificate, which anybody can check.
func TestPartnersRoad(t *testing.T) {
	chrome := looktest.Chromium(t)
	w := &world{out: io.Discard, locale: engawa.Japanese, begun: time.Now()}
	if err := w.simulators(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer w.relay.Close()
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	err := w.hub(t.Context(), Options{Addr: "127.0.0.1:0", LogFile: os.Stderr}, t.TempDir(), func(ctx context.Context, h *serve.Hub) error {
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		people := newHistory(time.Now()).people
		people = slices.DeleteFunc(people, func(p store.NewCustomer) bool {
			return !slices.ContainsFunc(subscribers, func(s subscriber) bool { return s.customer == p.Customer.ID })
		})
		for _, p := range people {
			if err := h.Store.AddCustomer(ctx, p); err != nil {
				return err
			}
		}
		sandbox, err := w.sandbox(ctx, h)
		if err != nil {
			return err
		}
		page := httptest.NewServer(sandbox.handler())
		defer page.Close()
		r := &road{t: t, ctx: ctx, hub: h, world: w, customer: people[0], browser: tab(chrome, t)}
		r.registers(page.URL)
		handle := r.lists()
		message := r.sends(handle)
		mail := r.answers()
		r.reads(handle, message)
		r.withdraws(mail)
		r.isRefused(handle)
		r.ends(handle)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// road is one partner's, as far as it got.
type road struct {
	t        *testing.T
	ctx      context.Context //nolint:containedctx // of the test
	hub      *serve.Hub
	world    *world
	customer store.NewCustomer // who agreed to marketing
	browser  context.Context   //nolint:containedctx // a tab lives as long as its test
	app      string
	client   string
	secret   string
	token    string
}

// tab is a tab with cookies of its own, whose reader reads Japanese.
func tab(chrome context.Context, t *testing.T) context.Context {
	t.Helper()
	ctx, stop := chromedp.NewContext(chrome, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	looktest.Do(ctx, t, chromedp.EmulateViewport(390, 900))
	if _, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": "ja"}}); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func (r *road) open(link string) {
	r.t.Helper()
	looktest.Do(r.browser, r.t, chromedp.Navigate(link))
}

// press presses what a selector names and waits for the page that follows.
func (r *road) press(sel chromedp.CSS) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.browser, 20*time.Second)
	defer stop()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(sel)); err != nil {
		r.t.Fatalf("press %s: %v, on\n%s", sel, err, r.says())
	}
}

func (r *road) says() string { return looktest.Eval[string](r.browser, r.t, "document.body.innerText") }

func (r *road) sees(words ...string) {
	r.t.Helper()
	page := r.says()
	for _, word := range words {
		if !strings.Contains(page, word) {
			r.t.Fatalf("%q is not on the page:\n%s", word, page)
		}
	}
}

// ask is the partner's call to the API. Whatever it is answered names nobody.
func (r *road) ask(method, path, kind, body string) (int, map[string]any) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.ctx, method, r.world.hubURL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		r.t.Fatalf("%s %s: %s %v", method, path, res.Status, err)
	}
	names := []string{"@", "cus_", "customer.example", "member0"}
	for _, m := range r.world.inbox.Mails() { // the links by which the customer may be acted for
		names = append(names, regexp.MustCompile(`s\d{6}\w{8}\.[\w-]{20}`).FindAllString(m.Text, -1)...)
	}
	for part := range strings.FieldsSeq(r.customer.Customer.Name) {
		names = append(names, part)
	}
	for _, name := range names {
		if strings.Contains(strings.ReplaceAll(string(b), "hello@sandbox.example", ""), name) { // the partner's own
			r.t.Errorf("%s %s tells the partner %q: %s", method, path, name, b)
		}
	}
	return res.StatusCode, out
}

func (r *road) get(path string) map[string]any {
	r.t.Helper()
	status, out := r.ask(http.MethodGet, path, "application/json", "")
	if status != http.StatusOK {
		r.t.Fatalf("%s: %d %v", path, status, out)
	}
	return out
}

// registers is the developer on the sandbox's page, who copies what is shown once.
func (r *road) registers(page string) {
	r.t.Helper()
	r.open(page)
	looktest.Do(r.browser, r.t, chromedp.SetValue(chromedp.CSS("#name"), "在庫くん"))
	r.press("form button")
	r.sees("在庫くん", "登録しました", "/oauth/token", "/v1/partner/messages", "/v1/partner/replies")
	text := func(id string) string {
		return looktest.Eval[string](r.browser, r.t, fmt.Sprintf("document.getElementById(%q).textContent", id))
	}
	r.client, r.secret, r.app = text("client"), text("secret"), text("app")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {r.client}, "client_secret": {r.secret}}
	status, got := r.ask(http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", form.Encode())
	if status != http.StatusOK {
		r.t.Fatalf("the sandbox's secret opens nothing: %d %v", status, got)
	}
	r.token = got["access_token"].(string)
}

// lists finds the one subscriber who may get marketing.
func (r *road) lists() (handle string) {
	r.t.Helper()
	r.until("the list is not whole", func() (bool, any) {
		all := r.get("/v1/partner/apps/" + r.app + "/subscribers")["subscribers"].([]any)
		for _, s := range all {
			if s := s.(map[string]any); strings.Contains(fmt.Sprint(s["contactable"]), "marketing") {
				handle, _ = s["subscriber"].(string)
			}
		}
		return len(all) == len(subscribers) && handle != "", all
	})
	return handle
}

// write asks for a message to a subscriber.
func (r *road) write(handle string) map[string]any {
	r.t.Helper()
	status, got := r.ask(http.MethodPost, "/v1/partner/messages", "application/json",
		fmt.Sprintf(`{"to":{"subscriber":%q},"purpose":"marketing","trigger":"user","content":{"subject":"新機能","text":"在庫の自動発注を始めました。"}}`, handle))
	if status != http.StatusAccepted {
		r.t.Fatalf("a message: %d %v", status, got)
	}
	return got
}

func (r *road) sends(handle string) (message string) {
	r.t.Helper()
	message = r.write(handle)["id"].(string)
	r.until("the message is not sent", func() (bool, any) {
		m := r.get("/v1/partner/messages/" + message)
		return m["state"] == "sent", m
	})
	return message
}

// until waits for something to become so.
func (r *road) until(what string, so func() (bool, any)) {
	r.t.Helper()
	for {
		ok, seen := so()
		if ok {
			return
		}
		select {
		case <-r.ctx.Done():
			r.t.Fatalf("%s: %v", what, seen)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// answers is the customer in the inbox, who signs with name, address and number, and
// whose mail program quotes the mail with the links to their own page.
func (r *road) answers() (mail string) {
	r.t.Helper()
	r.open(r.world.inboxURL + "/?lang=ja")
	r.press(`.list a`)
	r.sees("新機能", "在庫くん via ひなた珈琲", r.customer.ContactPoints[0].Address.Reveal())
	mail = looktest.Eval[string](r.browser, r.t, "location.href")
	words := "ありがとうございます。" + r.customer.Customer.Name + "です。\n" + r.customer.ContactPoints[0].Address.Reveal() + " へもどうぞ。"
	looktest.Do(r.browser, r.t, chromedp.SetValue(chromedp.CSS("#reply"), words))
	r.press(`.reply button`)
	r.sees("返信を送りました")
	return mail
}

// reads is the partner, who reads the customer's words and nothing that names them.
func (r *road) reads(handle, message string) {
	r.t.Helper()
	var got map[string]any
	r.until("the partner reads no answer", func() (bool, any) {
		all := r.get("/v1/partner/replies")["replies"].([]any)
		if len(all) == 1 {
			got = all[0].(map[string]any)
		}
		return got != nil, all
	})
	words, _ := got["text"].(string)
	if got["subscriber"] != handle || got["message"] != message || !strings.HasPrefix(words, "ありがとうございます。[") || !strings.Contains(words, "> 在庫の自動発注を始めました。") {
		r.t.Errorf("the partner reads %v", got)
	}
}

// withdraws is the customer on their own page, by the link in the mail.
func (r *road) withdraws(mail string) {
	r.t.Helper()
	r.open(mail)
	r.open(looktest.Eval[string](r.browser, r.t, `document.querySelector('.text a[href*="/my/"]').href`))
	r.sees("在庫くん")
	line := fmt.Sprintf(`[...document.querySelectorAll("#who ~ article")].find(a => a.innerText.includes(%q)).querySelectorAll('form[action*="/stop?"]')`, "在庫くん")
	if n := looktest.Eval[int](r.browser, r.t, line+".length"); n != len(subscribers[0].agreed) {
		r.t.Fatalf("%d things to stop on\n%s", n, r.says())
	}
	looktest.Eval[string](r.browser, r.t, line+`[1].id = "withdraw"`) // the asked-for stands before the advertising
	r.press(`#withdraw button`)
	r.sees("停止しました")
}

// isRefused is the partner's next message, and what the list now says.
func (r *road) isRefused(handle string) {
	r.t.Helper()
	said := r.write(handle)
	var classes []string
	answers, _ := said["verdicts"].([]any)
	if len(answers) != 1 {
		r.t.Fatalf("the verdict: %v", said)
	}
	answer := answers[0].(map[string]any)
	for _, x := range answer["reasons"].([]any) {
		x := x.(map[string]any)
		classes = append(classes, x["class"].(string))
		if x["text"] == "" {
			r.t.Errorf("a reason without words: %v", x)
		}
	}
	if answer["outcome"] != "refuse" || !slices.Contains(classes, "no_consent") {
		r.t.Errorf("after the withdrawal: %v", said)
	}
	n := 0
	for _, m := range r.world.inbox.Mails() { // beside what the law has the customer told
		if strings.Contains(m.Subject, "新機能") {
			n++
		}
	}
	if n != 1 {
		r.t.Errorf("%d of the partner's mails are in the inbox", n)
	}
}

// ends is the operator in the console, who reads the conversation as the partner does,
// ends the partner and downloads the certificate. It is checked with the keys that the hub publishes.
func (r *road) ends(handle string) {
	r.t.Helper()
	link, err := r.hub.SignInLink(r.ctx, workspaceID, ownerID)
	if err != nil {
		r.t.Fatal(err)
	}
	r.browser = tab(r.browser, r.t)
	r.open(link)
	r.press("main form button.main")
	r.open(r.world.hubURL + "/partners/" + r.client + "/threads")
	r.press(`section a`)
	r.sees("在庫くん", "お客さまの返信", "ありがとうございます。", "お名前は伏せています", "パートナーが読めます", "在庫の自動発注を始めました。", handle)
	letter := looktest.Eval[string](r.browser, r.t, `[...document.querySelectorAll("mark")].pop().closest(".letter").innerText`)
	if strings.Contains(letter, r.customer.ContactPoints[0].Address.Reveal()) || strings.Contains(letter, r.customer.Customer.Name) {
		r.t.Errorf("the thread shows more than the partner reads: %s", letter)
	}
	r.open(r.world.hubURL + "/partners/" + r.client)
	looktest.Eval[bool](r.browser, r.t, `document.querySelector('[name="sure"]').closest("details").open = true`)
	looktest.Do(r.browser, r.t, chromedp.Click(chromedp.CSS(`[name="sure"]`)))
	r.press(`form[action="/partners/` + chromedp.CSS(r.client) + `/end"] button`)
	r.sees("在庫くん", "証明書")
	if status, _ := r.ask(http.MethodGet, "/v1/partner/apps", "application/json", ""); status != http.StatusUnauthorized {
		r.t.Errorf("after its end the partner is answered %d", status)
	}

	folder := r.t.TempDir()
	if _, err := chromedp.Call(r.browser, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(r.browser).BrowserContextID, DownloadPath: folder,
	}); err != nil {
		r.t.Fatal(err)
	}
	looktest.Do(r.browser, r.t, chromedp.Click(chromedp.CSS(`a[href$="/certificate"]`)))
	var signed []byte
	r.until("no certificate is downloaded", func() (bool, any) {
		signed, err = os.ReadFile(filepath.Join(folder, "certificate-"+r.client+".txt"))
		return err == nil && len(signed) > 0, err
	})
	res, err := http.Get(r.world.hubURL + "/.well-known/jwks.json")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var keys receipt.Keys
	if err := json.NewDecoder(res.Body).Decode(&keys); err != nil {
		r.t.Fatal(err)
	}
	c, err := receipt.CheckCertificate(strings.TrimSpace(string(signed)), keys)
	if err != nil || c.Partner != r.client || c.PartnerName != "在庫くん" || len(c.Shared) != 1 || c.Shared[0].Handles != int64(len(subscribers)) || c.Shared[0].Addresses != 0 || c.Shared[0].Messages != 2 {
		r.t.Errorf("the certificate: %+v %v", c, err)
	}
}

// TestSandboxPage: the page fits a small telephone in each language, before and after;
// it takes a name that can be one, so many apps, and nothing from another site.
func TestSandboxPage(t *testing.T) {
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		_, _ = io.WriteString(w, `{"id":"ptn_0123456789abcdefghjkmnpqrs","client_secret":"eng_secret_0123456789abcdefghjkmnpqrs_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefgh"}`)
	}))
	defer hub.Close()
	s := &sandbox{hub: caller{url: hub.URL}, inbox: hub.URL, words: words}
	page := httptest.NewServer(s.handler())
	defer page.Close()
	ctx := looktest.Chromium(t)
	looktest.Do(ctx, t, chromedp.EmulateViewport(360, 900))
	for _, l := range engawa.Locales {
		looktest.Do(ctx, t, chromedp.Navigate(page.URL+"/?lang="+string(l)))
		for _, step := range []string{"", `document.querySelector("#name").required = false`, `document.querySelector("#name").value = "A name"`} {
			if step != "" {
				looktest.Eval[any](ctx, t, step)
				if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS("form button"))); err != nil {
					t.Fatal(err)
				}
			}
			said := looktest.Eval[string](ctx, t, "document.body.innerText")
			if over := looktest.Eval[int](ctx, t, looktest.TooWide); over > 0 || strings.Contains(said, "sandbox.") || strings.Contains(said, "{{") {
				t.Errorf("in %s after %q it is %d px too wide:\n%s", l, step, over, said)
			}
		}
		if said := looktest.Eval[string](ctx, t, "document.querySelector('#secret').textContent"); !strings.HasPrefix(said, "eng_secret_") {
			t.Errorf("in %s the secret is %q", l, said)
		}
	}
	post := func(name, site string) int {
		r := httptest.NewRequest(http.MethodPost, "/?lang=en", strings.NewReader(url.Values{"name": {name}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r)
		return w.Code
	}
	asked = nil
	for name, want := range map[string]int{" \t": http.StatusUnprocessableEntity, strings.Repeat("縁", maxAppName+1): http.StatusUnprocessableEntity} {
		if got := post(name, "same-origin"); got != want {
			t.Errorf("%q is answered %d", name, got)
		}
	}
	if got := post("x", "cross-site"); got != http.StatusForbidden || len(asked) != 0 {
		t.Errorf("a name of another site is answered %d; the hub was asked for %q", got, asked)
	}
	for s.made < maxApps {
		if got := post(strings.Repeat("縁", maxAppName), "same-origin"); got != http.StatusOK {
			t.Fatalf("app %d is answered %d", s.made, got)
		}
	}
	asked = nil
	if got := post("x", "same-origin"); got != http.StatusConflict || len(asked) != 0 {
		t.Errorf("one app too many is answered %d; the hub was asked for %q", got, asked)
	}
}
