package console_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/gap"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// storeDesk is a desk before a shop.
type storeDesk struct {
	desk
	*followtest.Shop
	check gap.Checker
}

const ofStore = "/accounts/" + followtest.AccountID

func atStore(t *testing.T, do func(t *testing.T, d *storeDesk)) {
	t.Helper()
	rules, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	w := words(t)
	synctest.Test(t, func(t *testing.T) {
		s := followtest.Open(t, storetest.SQLite(t), sim.Production)
		member := engawa.Member{Workspace: followtest.Workspace, ID: "mem_1", Name: "佐藤 ゆき", Role: engawa.Owner}
		d := &storeDesk{desk: desk{t: t, st: s.Hub, member: member}, Shop: s, check: gap.Checker{Store: s.Hub, Clients: s.Clients, Follow: s.Follow, Words: w}}
		d.h = console.New(console.Deps{
			Store: s.Hub, Words: w, Kinds: builtin.Kinds(), Env: channel.Env{HTTP: channeltest.Client(s.Store)}, Stores: s.Clients, Log: slog.New(slog.DiscardHandler),
			PublicURL: "https://hub.example", Compose: &message.Composer{Store: s.Hub, Rules: rules, Words: w, Kinds: builtin.Kinds()},
			Door: console.Door{Who: func(http.ResponseWriter, *http.Request) (engawa.Member, error) { return d.member, nil }},
		})
		do(t, d)
	})
}

// form is the account's form as it would be sent unchanged.
func (d *storeDesk) form(change url.Values) url.Values {
	a, err := d.Hub.Account(context.Background(), followtest.Workspace, followtest.AccountID)
	d.must(err)
	f := url.Values{"name": {a.Name}, "environment": {a.Environment}, "owner": {engawa.OwnerWorkspace}, "enabled": {"true"}, "version": {strconv.FormatInt(a.Version, 10)}}
	for k, v := range a.Settings {
		if k != "private_key" && k != "roots" {
			f.Set("s."+k, v)
		}
	}
	maps.Copy(f, change)
	return f
}

func (d *storeDesk) work() {
	d.must(d.check.Attend(context.Background()))
	d.must(d.check.Step(context.Background()))
}

func (d *storeDesk) trailed(action string) bool {
	as, err := d.Hub.Audits(context.Background(), followtest.Workspace, store.AuditFilter{Action: action}, store.Page{})
	d.must(err)
	return len(as) == 1 && as[0].Actor == "member:mem_1" && as[0].Object == followtest.AccountID
}

// wants says what the account's page lacks.
func (d *storeDesk) wants(when string, words ...string) {
	d.t.Helper()
	code, body := d.get(ofStore)
	for _, w := range words {
		if code != http.StatusOK || !strings.Contains(body, w) {
			d.t.Errorf("%s: %d, the page does not say %q", when, code, w)
		}
	}
}

// TestHearing: the page of an App Store account shows the URL to copy, what
// arrives, the last check and what was missed, and has the account checked.
func TestHearing(t *testing.T) {
	atStore(t, func(t *testing.T, d *storeDesk) {
		d.wants("at first", `<code data-copy="コピー">https://hub.example/in/acc_store</code>`, "登録済み", "まだありません", "漏れは見つかっていません", `<option value="app_hinata" selected>ひなた珈琲</option>`)
		d.work()
		d.Down.Store(true)
		d.Bought(d.Person("JPN", ""), "monthly")
		time.Sleep(20 * time.Minute)
		d.Down.Store(false)
		if res := d.post(ofStore+"/check", nil); res.Code != http.StatusSeeOther || res.Header().Get("Location") != ofStore+"?done=checking#hearing" || !d.trailed("check-account") {
			t.Errorf("%d %s", res.Code, res.Header().Get("Location"))
		}
		d.wants("asked for", "まもなく照合を始めます", `hx-get="`+ofStore+`"`)
		d.work()
		d.wants("checked", "使えています", "漏れ1件", "依頼による照合", "に取り込み済み")
		d.Bought(d.Person("JPN", ""), "beans")
		time.Sleep(time.Second)
		synctest.Wait()
		if _, body := d.get(ofStore); strings.Contains(body, "まだありません") {
			t.Error("nothing seems to have arrived")
		}
		if res := d.post("/accounts/acc_none/check", nil); res.Code != http.StatusNotFound {
			t.Errorf("no such account: %d", res.Code)
		}
	})
}

// TestKeyIsTried: a key that the store does not know, a text that is no key and
// an app that is none of the workspace's are refused when they are saved, beside
// the field; a right one is taken; an account without one says what that means.
func TestKeyIsTried(t *testing.T) {
	atStore(t, func(t *testing.T, d *storeDesk) {
		other, err := sim.New(followtest.Bundle, followtest.AppleID, sim.Production)
		d.must(err)
		_, _, wrong := other.Key()
		for field, c := range map[string]struct {
			change url.Values
			say    string
		}{
			"private_key": {url.Values{"s.private_key": {wrong}}, "App Storeに登録がありません"},
			"no key":      {url.Values{"s.private_key": {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"}}, "アプリ内課金キーではないか"},
			"issuer_id":   {url.Values{"s.issuer_id": {"57246542-96fe-1a63-e053-0824d011072a"}}, "App Storeに登録がありません"},
			"app":         {url.Values{"s.app": {"app_none"}}, "このワークスペースのアプリを選んでください"},
		} {
			res := d.post(ofStore, d.form(c.change))
			if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), c.say) || strings.Contains(res.Body.String(), "BEGIN PRIVATE") {
				t.Errorf("%s: %d without %q", field, res.Code, c.say)
			}
		}
		if res := d.post(ofStore, d.form(url.Values{"name": {"本番"}})); res.Code != http.StatusSeeOther {
			t.Errorf("the right one: %d %s", res.Code, res.Body)
		}
		a, err := d.Hub.Account(t.Context(), followtest.Workspace, followtest.AccountID)
		d.must(err)
		for _, k := range []string{"issuer_id", "key_id", "private_key"} {
			delete(a.Settings, k)
		}
		d.must(d.Hub.ChangeAccount(t.Context(), a))
		d.wants("without a key", "キーがありません")
		if _, body := d.get(ofStore); strings.Contains(body, "今すぐ照合する") || strings.Contains(body, ">テスト通知を頼む</button>") {
			t.Error("what needs a key is offered without one")
		}
	})
}

// TestTestNotification: what became of a test notification is said in words.
func TestTestNotification(t *testing.T) {
	atStore(t, func(t *testing.T, d *storeDesk) {
		d.work()
		ask := func(form url.Values) string {
			res := d.post(ofStore+"/notification", form)
			if res.Code != http.StatusOK {
				t.Errorf("%d %s", res.Code, res.Body)
			}
			checkPage(t, res.Body.String())
			return res.Body.String()
		}
		if body := ask(nil); !strings.Contains(body, "届きました") || !d.trailed("ask-test-notification") {
			t.Error("it arrived, and the page does not say so")
		}
		proper, way := d.URL, d.Client
		d.URL = ""
		if body := ask(nil); !strings.Contains(body, "URLが登録されていません") {
			t.Error("no URL")
		}
		d.URL, d.Client = proper, channeltest.Client(status(http.StatusOK))
		if body := ask(nil); !strings.Contains(body, "ここには届いていません") {
			t.Error("taken elsewhere")
		}
		d.Client = channeltest.Client(status(http.StatusNotFound))
		if body := ask(nil); !strings.Contains(body, "URLがエラーを返しました") {
			t.Error("404")
		}
		d.Client = channeltest.Client(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		body := ask(nil)
		if !strings.Contains(body, "まだ送っていません") || !strings.Contains(body, "もう一度見る") {
			t.Error("under way")
		}
		time.Sleep(time.Minute) // the store's patience is 30 seconds
		_, token, _ := strings.Cut(body, `name="token" value="`)
		token, _, _ = strings.Cut(token, `"`)
		if body := ask(url.Values{"token": {token}}); !strings.Contains(body, "時間内に応答しませんでした") {
			t.Error("timed out")
		}
		d.Client = way
	})
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

// TestAppStoreSetUp: the page of a new account of the App Store, and that of one
// that is there, say every step of the set-up in the member's language, and call
// what stands on our pages by its name; docs/app-store.md has the same steps.
func TestAppStoreSetUp(t *testing.T) {
	d, w := newDesk(t, storetest.SQLite(t)), words(t)
	d.must(d.st.AddAccount(t.Context(), engawa.Account{Workspace: ws, ID: "acc_app", Kind: "appstore", Name: "Hinata iOS", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(), Settings: map[string]string{"bundle_id": "jp.hinata.coffee", "app_apple_id": "1234567890"}}))
	ours := []string{"form.save", "kind.appstore.environment", "kind.appstore.roots", "choice.production", "choice.sandbox", "gap.test", "nav.live"}
	theirs := []string{"App Store Connect", "Production Server URL", "Sandbox Server URL", "Set Up URL", "Version 2", "Create Test Accounts", ".p8"}
	for _, l := range engawa.Locales {
		d.member.Locale = l
		for _, path := range []string{"/accounts/new?kind=appstore", "/accounts/acc_app"} {
			_, body := d.get(path)
			_, steps, _ := strings.Cut(body, `<ol class="steps">`)
			steps, _, _ = strings.Cut(steps, "</ol>")
			steps = html.UnescapeString(steps)
			if n := strings.Count(steps, "<li>"); n != 7 {
				t.Errorf("%s in %s has %d steps", path, l, n)
			}
			for _, key := range ours {
				if !strings.Contains(steps, w.T(l, key)) {
					t.Errorf("the steps of %s in %s do not speak of %q", path, l, w.T(l, key))
				}
			}
			for _, name := range theirs {
				if !strings.Contains(steps, name) {
					t.Errorf("the steps of %s in %s do not speak of %q", path, l, name)
				}
			}
		}
	}
	guide := readDoc(t, "app-store.md")
	for _, key := range ours {
		if name := w.T(engawa.English, key); !strings.Contains(guide, "**"+name+"**") {
			t.Errorf("docs/app-store.md does not speak of %q", name)
		}
	}
	for _, name := range theirs {
		if !strings.Contains(guide, name) {
			t.Errorf("docs/app-store.md does not speak of %q", name)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^[1-7]\. \*\*`).FindAllString(guide, -1)); n != 7 {
		t.Errorf("docs/app-store.md has %d steps", n)
	}
}
