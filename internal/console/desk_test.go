package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/console"
	support "github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// shopDesk is a console of a business that sells in a simulated App Store.
type shopDesk struct {
	*followtest.Shop

	d *desk
}

// atShop runs a test in a bubble, at the desk of a shop on SQLite.
func atShop(t *testing.T, do func(t *testing.T, s *shopDesk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		shop := followtest.Open(t, storetest.SQLite(t), sim.Production)
		d := &desk{t: t, st: shop.Hub, member: engawa.Member{Workspace: followtest.Workspace, ID: "mem_1", Name: "佐藤 ゆき", Role: engawa.Support}}
		shop.Must(shop.Hub.AddMember(t.Context(), store.SignIn{Member: d.member}))
		d.h = console.New(console.Deps{
			Store: shop.Hub, Words: words(t), Desk: &support.Desk{Store: shop.Hub, Clients: shop.Clients, Follow: shop.Follow}, Version: "test", PublicURL: "https://hub.example",
			Door: console.Door{Who: func(http.ResponseWriter, *http.Request) (engawa.Member, error) { return d.member, nil }},
		})
		do(t, &shopDesk{shop, d})
	})
}

// follows posts and returns the page to which it leads.
func (s *shopDesk) follows(path string, form url.Values) string {
	s.T.Helper()
	res := s.d.post(path, form)
	if res.Code != http.StatusSeeOther {
		s.T.Fatalf("POST %s: %d %s", path, res.Code, mainOf(res.Body.String()))
	}
	to, _, _ := strings.Cut(res.Header().Get("Location"), "#")
	return s.d.seen(to)
}

// spaces are what a browser shows as one.
var spaces = regexp.MustCompile(`\s+`)

func mainOf(page string) string {
	_, page, _ = strings.Cut(page, "<main")
	return page
}

func (s *shopDesk) actions(action string) (lines []store.Audit) {
	s.T.Helper()
	lines, err := s.Hub.Audits(s.T.Context(), followtest.Workspace, store.AuditFilter{Action: action}, store.Page{})
	s.Must(err)
	return lines
}

// TestExtendPage: a customer is found by the order id of a receipt, and what was
// typed stands nowhere; the renewal is extended twice, and the third time the
// page says why not before a click and refuses one all the same.
func TestExtendPage(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		who := s.Person("JPN", "")
		sub := s.Bought(who, "monthly")
		time.Sleep(time.Second)
		synctest.Wait()
		order, err := s.Order(sub)
		s.Must(err)
		page := s.follows("/customers/find", url.Values{"q": {" " + order + "　"}})
		for _, want := range []string{"有効", "支払い済みで、すべて使えます", "あと2回", "更新日を延ばす"} {
			if !strings.Contains(page, want) {
				t.Errorf("the customer's page lacks %q", want)
			}
		}
		looked := s.actions("find-customer")
		if len(looked) != 1 || strings.Contains(fmt.Sprint(looked), order) || looked[0].Detail != "as=order/number/name found=1" {
			t.Errorf("%+v", looked)
		}
		path := regexp.MustCompile(`/purchases/pur_\w+/extend`).FindString(page)
		form := url.Values{"days": {"7"}, "reason": {"1"}}
		for left := 2; left > 0; left-- {
			if page := s.d.seen(path); !strings.Contains(page, fmt.Sprintf("あと%d回", left)) {
				t.Errorf("%d left is not said", left)
			}
			if page := s.follows(path, form); !strings.Contains(page, "更新日を延ばしました") || !strings.Contains(page, "佐藤 ゆき") {
				t.Error("what was done is not said, or by whom")
			}
			time.Sleep(time.Hour)
		}
		page = s.d.seen(path)
		if !strings.Contains(page, "365日以内に2回延ばしています") || !strings.Contains(page, "次は2000年12月31日") || strings.Contains(page, `name="days"`) {
			t.Errorf("the third: %s", mainOf(page))
		}
		if res := s.d.post(path, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "365日以内に2回延ばしています") {
			t.Errorf("the third, asked for all the same: %d", res.Code)
		}
		if lines := s.actions("extend-renewal"); len(lines) != 2 || lines[0].Actor != "member:mem_1" || !strings.Contains(lines[0].Detail, "days=7 reason=1") {
			t.Errorf("%+v", lines)
		}
		for _, bad := range []url.Values{{"days": {"91"}, "reason": {"1"}}, {"days": {"x"}, "reason": {"1"}}, {"days": {"1"}, "reason": {""}}} {
			if res := s.d.post(path, bad); res.Code != http.StatusUnprocessableEntity {
				t.Errorf("%v: %d", bad, res.Code)
			}
		}
		story := s.d.seen("/customers/" + s.Purchase(sub).Customer + "?show=extension")
		if strings.Count(story, "monthlyの更新日を7日延長") != 3 || strings.Contains(story, `class="tag">出来事`) {
			t.Error("the story does not tell of both and of the third attempt, or of more")
		}
		if !strings.Contains(story, "断られました · お客さまの満足のため · 佐藤 ゆき · 365日以内に2回延ばしています") {
			t.Errorf("the story does not tell why the third was refused: %s", mainOf(story))
		}
		_ = s.d.post(path, form) // again on the same day: not told twice
		if lines := s.actions("refuse-extension"); len(lines) != 1 || lines[0].Actor != "member:mem_1" || lines[0].Detail != "days=7 reason=1 why=none_left" {
			t.Errorf("%+v", lines)
		}
		s.d.member.Role = engawa.Viewer
		if res := s.d.post(path, form); res.Code != http.StatusForbidden {
			t.Errorf("a viewer extends: %d", res.Code)
		}
		if page := s.d.seen(path); strings.Contains(page, `name="days"`) {
			t.Error("a viewer is shown the form")
		}
	})
}

// TestLookPage: of an extension without a clear answer the page says so, offers
// to look, and the look is the member's.
func TestLookPage(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		sub := s.Bought(s.Person("JPN", ""), "monthly")
		time.Sleep(time.Second)
		synctest.Wait()
		p := s.Purchase(sub)
		s.Must(s.Hub.OpenExtension(t.Context(), engawa.Extension{
			Workspace: p.Workspace, ID: "ext_1", Account: p.Account, Customer: p.Customer, Purchase: p.ID, Product: p.Product, Days: 7, RequestID: "1", State: engawa.ExtensionUnknown,
			BeforeAt: p.EndsAt, CreatedAt: time.Now(), AskedAt: time.Now(),
		}))
		path := "/purchases/" + p.ID + "/extend"
		if page := s.d.seen(path); !strings.Contains(page, `action="/extensions/ext_1/look"`) || strings.Contains(page, `name="days"`) {
			t.Error("it can be asked for again, or not looked up")
		}
		if page := s.follows("/extensions/ext_1/look", nil); !strings.Contains(page, "延長されていません") || !strings.Contains(page, `name="days"`) {
			t.Error("what was found is not said")
		}
		if lines := s.actions("settle-extension"); len(lines) != 1 || lines[0].Actor != "member:mem_1" || lines[0].Detail != "undone" {
			t.Errorf("%+v", lines)
		}
	})
}

// TestPurchaseFacts: on the customer's page stand the plan that follows, a price that
// waits for the customer's yes, the offer that the present price came from, and, for 60
// days after the end, until when a return keeps the year's count.
func TestPurchaseFacts(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		wait := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		codes, err := s.Codes("club", "thanks", 1)
		s.Must(err)
		a, b, c := s.Person("JPN", ""), s.Person("JPN", ""), s.Person("JPN", "")
		sub, silent := s.Bought(a, "monthly"), s.Bought(c, "light")
		club, err := s.Redeem(b, codes[0])
		s.Must(err)
		wait(time.Second)
		fact := regexp.MustCompile(`<dt>([^<]*)</dt>\s*<dd>([^<]*)</dd>`)
		facts := func(purchase string) map[string]string {
			out := map[string]string{}
			for _, f := range fact.FindAllStringSubmatch(s.d.seen("/customers/"+s.Purchase(purchase).Customer), -1) {
				out[f[1]] = f[2]
			}
			return out
		}
		const plan, rise, offer, kept = "次の更新からのプラン", "値上げ", "特典", "年数を引き継げる期限"
		want := func(purchase string, what map[string]string) {
			t.Helper()
			got := facts(purchase)
			for _, name := range []string{plan, rise, offer, kept} {
				if got[name] != what[name] {
					t.Errorf("%s: %q, want %q", name, got[name], what[name])
				}
			}
		}
		want(sub, nil)
		want(club, map[string]string{offer: "特典コード · thanks"})
		s.Bought(a, "light")
		wait(time.Second)
		want(sub, map[string]string{plan: "light"})
		s.Must(s.RaisePrice("light", map[string]int64{"JPN": 580_000}, true))
		wait(time.Second)
		want(sub, map[string]string{plan: "light", rise: "お客さまの返事待ち"})
		want(silent, map[string]string{rise: "お客さまの返事待ち"})
		s.Must(s.Consent(a, "20500001"))
		wait(time.Second)
		want(sub, map[string]string{plan: "light"})
		s.Must(s.Renew(a, "20500001", false))
		wait(32 * 24 * time.Hour)                     // it ended on 1 February 2000
		for _, ended := range []string{sub, silent} { // one chose to, the other did not answer
			want(ended, map[string]string{kept: "2000年4月1日(土) 09:00"})
		}
		wait(59 * 24 * time.Hour)
		want(sub, nil)
	})
}

// TestDoorsApart: on the page stands what is open by what was paid for; what the same
// customer bought as a tester stands apart, marked, and is no entitlement.
func TestDoorsApart(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		const token, other = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01", "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c02"
		for _, product := range []string{"monthly", "premium"} {
			s.Must(s.Hub.SaveProduct(t.Context(), engawa.Product{Workspace: followtest.Workspace, ID: product, Entitlements: []string{"plus"}}))
		}
		box := s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		paid := s.Bought(s.Person("JPN", token), "monthly")
		pass(10 * 24 * time.Hour)
		box.Bought(box.Person("JPN", token), "premium")
		tested := box.Bought(box.Person("JPN", other), "premium")
		pass(time.Second)
		tags := regexp.MustCompile(`<[^>]*>`)
		possessions := func(customer string) (open, bought string) {
			t.Helper()
			_, page, _ := strings.Cut(s.d.seen("/customers/"+customer), `id="purchases"`)
			page, _, _ = strings.Cut(page, "</section>")
			page = strings.TrimSpace(spaces.ReplaceAllString(tags.ReplaceAllString(page, " "), " "))
			_, page, _ = strings.Cut(page, "使えるものと購入 ")
			open, bought, _ = strings.Cut(page, " 購入の一覧 ")
			return open, bought
		}
		const none, apart = "いま使えるものはありません。", "次は、Sandboxでの試験用の購入によるものです。お支払いはありません。"
		const test = apart + " plus 2000年2月11日(金) 09:00まで Sandbox（試験用）"
		open, bought := possessions(s.Purchase(paid).Customer)
		if want := "plus 2000年2月1日(火) 09:00まで 使えます " + test; open != want {
			t.Errorf("both: %s\nwant %s", open, want)
		}
		if !strings.HasPrefix(bought, "monthly ") || strings.Count(bought, "premium ") != 1 || !regexp.MustCompile(`premium \S+ Sandbox（試験用） `).MatchString(bought) {
			t.Errorf("the purchases: %s", bought)
		}
		for _, shop := range []*followtest.Shop{s.Shop, box} {
			beans := shop.Bought(shop.Person("JPN", token), "beans")
			pass(time.Second)
			shop.Must(shop.AskRefund(beans, "OTHER"))
			pass(time.Second)
			shop.Must(shop.Decide(beans, 100))
			pass(time.Second)
		}
		refunds := s.d.seen("/customers/" + s.Purchase(paid).Customer + "?show=refund")
		if n := strings.Count(refunds, "beans · 300円"); n != 2 || strings.Count(refunds, "beans · 300円 · Sandbox（試験用）") != 1 {
			t.Errorf("%d refunds in the story: %s", n, mainOf(refunds))
		}
		if open, _ := possessions(box.Purchase(tested).Customer); open != none+" "+test {
			t.Errorf("the sandbox alone: %s\nwant %s", open, none+" "+test)
		}
	})
}

// TestOutagePages: whom it concerns is shown before it begins, the form begins
// it once, and the page tells how far it is.
func TestOutagePages(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		if page := s.d.seen("/extensions/new"); !strings.Contains(page, "対象になる購読者がいません") {
			t.Error("without subscribers")
		}
		for i := range 4 {
			s.Bought(s.Person([]string{"JPN", "KOR"}[i%2], ""), "monthly")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		of := followtest.AccountID + " monthly"
		page := s.d.seen("/extensions/new?of=" + url.QueryEscape(of) + "&days=3&reason=3&storefront=JPN")
		request := regexp.MustCompile(`name="request" value="([0-9a-f-]{36})"`).FindStringSubmatch(page)
		if !strings.Contains(page, "対象はおよそ2件です") || !strings.Contains(page, "日本") || request == nil {
			t.Fatalf("the preview: %s", mainOf(page))
		}
		if n := len(s.actions("extend-all")); n != 0 {
			t.Errorf("looking began %d", n)
		}
		form := url.Values{"of": {of}, "days": {"3"}, "reason": {"3"}, "storefront": {"JPN"}, "request": {request[1]}}
		if page := s.follows("/extensions/new", form); !strings.Contains(page, "まもなくApp Storeに依頼します") {
			t.Errorf("begun: %s", mainOf(page))
		}
		if res := s.d.post("/extensions/new", form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "もう進んでいます") {
			t.Errorf("sent twice: %d", res.Code)
		}
		if lines := s.actions("extend-all"); len(lines) != 1 || lines[0].Actor != "member:mem_1" || !strings.HasPrefix(lines[0].Detail, "days=3 reason=3 ") {
			t.Errorf("%+v", lines)
		}
		runner := &support.Desk{Store: s.Hub, Clients: s.Clients, Follow: s.Follow}
		for range 200 {
			s.Must(runner.Step(t.Context()))
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		xs, err := s.Hub.Extensions(t.Context(), followtest.Workspace, "", store.Page{})
		s.Must(err)
		if page := s.d.seen("/extensions/" + xs[0].ID); !strings.Contains(page, "App Storeの処理が終わりました") || !strings.Contains(page, "延ばした数") {
			t.Errorf("done: %s", mainOf(page))
		}
		if page := s.d.seen("/extensions"); !strings.Contains(page, "完了") {
			t.Error("the list")
		}
		s.d.member.Role = engawa.Viewer
		if res := s.d.post("/extensions/new", form); res.Code != http.StatusForbidden {
			t.Errorf("a viewer: %d", res.Code)
		}
	})
}

// TestOutageEnds: what the store tells at the end of an extension of all, proved as
// every notification is, stands on the page of it and in the journal with the same
// numbers; each whom it could not extend is named there, and is a task.
func TestOutageEnds(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		step := func(n int) {
			for range n {
				s.Must((&support.Desk{Store: s.Hub, Clients: s.Clients, Follow: s.Follow}).Step(t.Context()))
				time.Sleep(time.Minute)
				synctest.Wait()
			}
		}
		var subs []string
		for range 5 {
			subs = append(subs, s.Bought(s.Person("JPN", ""), "monthly"))
		}
		abroad := s.Bought(s.Person("KOR", ""), "monthly")
		step(1)
		names := map[string]string{"山田 花": subs[0], "김민수": subs[1]}
		for name, sub := range names { // extended twice, and so no more
			p := s.Purchase(sub)
			_, err := s.Hub.ChangeCustomer(t.Context(), followtest.Workspace, p.Customer, func(c *engawa.Customer) { c.Name = name })
			s.Must(err)
			for range 2 {
				s.follows("/purchases/"+p.ID+"/extend", url.Values{"days": {"1"}, "reason": {"1"}})
				step(1)
			}
		}
		until := s.Purchase(subs[4]).EndsAt
		s.follows("/extensions/new", url.Values{"of": {followtest.AccountID + " monthly"}, "days": {"3"}, "reason": {"3"}, "storefront": {"JPN"}, "request": {support.NewRequest()}})
		step(200)
		xs, err := s.Hub.Extensions(t.Context(), followtest.Workspace, "", store.Page{})
		s.Must(err)
		if !s.Purchase(subs[4]).EndsAt.Equal(until.AddDate(0, 0, 3)) || s.Purchase(abroad).EndsAt.After(until) {
			t.Errorf("extended to %v; abroad %v", s.Purchase(subs[4]).EndsAt, s.Purchase(abroad).EndsAt)
		}
		page := mainOf(s.d.seen("/extensions/" + xs[0].ID))
		number := func(word string) string {
			m := regexp.MustCompile(`<dt>` + word + `</dt>\s*<dd class="num">([0-9,]+)</dd>`).FindStringSubmatch(page)
			if m == nil {
				return ""
			}
			return m[1]
		}
		if number("延ばした数") != "3" || number("延ばせなかった数") != "2" {
			t.Errorf("%s", page)
		}
		sums, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: "store.renewal_extension.summary"}, store.Page{})
		s.Must(err)
		var said struct {
			Extension struct {
				RequestID   string `json:"request_id"`
				ProductID   string `json:"product_id"`
				Storefronts []string
				Succeeded   int
				Failed      int
			}
		}
		if len(sums) != 1 {
			t.Fatalf("%d summaries", len(sums))
		}
		s.Must(json.Unmarshal(sums[0].Data, &said))
		if x := said.Extension; x.RequestID != xs[0].RequestID || x.ProductID != "monthly" || fmt.Sprint(x.Storefronts) != "[JPN]" || x.Succeeded != 3 || x.Failed != 2 {
			t.Errorf("the summary: %+v", x)
		}
		if tasks := s.d.seen("/tasks?kind=extension.failed"); strings.Count(tasks, ">一括延長できなかった方に対応する</a>") != 2 {
			t.Errorf("%s", mainOf(tasks))
		}
		_, list, _ := strings.Cut(page, "/tasks?kind=extension.failed")
		open, err := s.Hub.TaskPage(t.Context(), followtest.Workspace, store.TaskFilter{Kind: "extension.failed"}, store.Page{})
		s.Must(err)
		var whose []string
		for _, k := range open {
			whose = append(whose, k.Customer)
			c, err := s.Hub.Customer(t.Context(), followtest.Workspace, k.Customer)
			s.Must(err)
			line := ">一括延長できなかった方に対応する</a> · <a href=\"/customers/" + k.Customer + "\">" + c.Name + "</a>"
			if tasks := s.d.seen("/tasks?kind=extension.failed"); !strings.Contains(spaces.ReplaceAllString(tasks, " "), line) {
				t.Errorf("the list of tasks does not name %s: %s", c.Name, mainOf(tasks))
			}
			if names[c.Name] == "" || strings.Count(list, ">"+c.Name+"</a>") != 1 || !strings.Contains(s.d.seen("/tasks/"+k.ID), `href="/customers/`+k.Customer+`"`) {
				t.Errorf("%s is not named: %s", c.Name, list)
			}
		}
		slices.Sort(whose)
		want := []string{s.Purchase(subs[0]).Customer, s.Purchase(subs[1]).Customer}
		if slices.Sort(want); !slices.Equal(whose, want) {
			t.Errorf("tasks of %v, want %v", whose, want)
		}
	})
}

// TestFindPage: several are listed with what each was found by; where nobody is
// found the page says what was tried and what to do, and shows nothing of what
// was typed.
func TestFindPage(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		for id, name := range map[string]string{"cus_a": "山田 花", "cus_b": "山田 健", "cus_c": "佐藤"} {
			s.Must(s.Hub.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: followtest.Workspace, ID: id, Kind: "person", Name: name, CreatedAt: time.Now()}}))
		}
		res := s.d.post("/customers/find", url.Values{"q": {"山田"}})
		page := res.Body.String()
		if res.Code != http.StatusOK || !strings.Contains(page, "山田 花") || !strings.Contains(page, "山田 健") || strings.Contains(page, "佐藤<") || !strings.Contains(page, "お名前で見つかりました") {
			t.Errorf("%d %s", res.Code, mainOf(page))
		}
		checkPage(t, page)
		res = s.d.post("/customers/find", url.Values{"q": {"MK4TTT1234"}})
		page = res.Body.String()
		for _, want := range []string{"見つかりませんでした", "App Storeの注文番号", "この注文や取引はありませんでした", "領収書メール"} {
			if !strings.Contains(page, want) {
				t.Errorf("nobody, without %q", want)
			}
		}
		if strings.Contains(page, "MK4TTT1234") || strings.Contains(fmt.Sprint(s.actions("find-customer")), "MK4") {
			t.Error("what was typed is shown or kept")
		}
		for q, to := range map[string]string{"msg_1": "/messages/msg_1", "evt_1": "/events/evt_1", "": "/customers"} {
			if res := s.d.post("/customers/find", url.Values{"q": {q}}); res.Header().Get("Location") != to {
				t.Errorf("%q leads to %q", q, res.Header().Get("Location"))
			}
		}
	})
}

// seeInApp lets the customer of a message see it in an app.
func (d *desk) seeInApp(message string) {
	d.t.Helper()
	said, err := d.st.Message(context.Background(), ws, message)
	d.must(err)
	if page := d.seen("/messages/" + message); strings.Contains(page, "アプリで表示") {
		d.t.Error("it is seen before it was")
	}
	of := said.Deliveries[0].ID
	d.must(d.st.KeepInApp(context.Background(), ws, of, "app_1", []byte("{}")))
	d.must(d.st.SeeInApp(context.Background(), ws, "app_1", said.Message.Customer, engawa.FixedID(engawa.PrefixInApp, ws, of)))
}

// TestFindMany: where more are called so than a page shows, it says so and asks for the
// given name, which then finds the one.
func TestFindMany(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	for i := range store.MaxHits + 5 {
		d.must(d.st.AddCustomer(context.Background(), store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: fmt.Sprint("cus_many_", i), Kind: "person", Name: fmt.Sprintf("高橋 G%02d", i), CreatedAt: time.Now()}}))
	}
	res := d.post("/customers/find", url.Values{"q": {"高橋"}})
	if page := mainOf(res.Body.String()); res.Code != http.StatusOK || strings.Count(page, "cus_many_") < store.MaxHits || !strings.Contains(page, "姓に続けて名のはじめの文字も入力するか") {
		t.Errorf("%d %s", res.Code, page)
	}
	if res := d.post("/customers/find", url.Values{"q": {"高橋 g54"}}); res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/customers/cus_many_54" {
		t.Errorf("with the given name: %d %s", res.Code, res.Header().Get("Location"))
	}
}

// TestNoteAndLetter: a note stands in the story with its author; a message
// passes the verdict, which can be seen before.
func TestNoteAndLetter(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	if res := d.post("/customers/cus_hana/notes", url.Values{"note": {"電話で<確認>"}}); res.Code != http.StatusSeeOther {
		t.Fatalf("%d", res.Code)
	}
	d.must(d.st.AddMember(context.Background(), store.SignIn{Member: d.member}))
	if page := d.seen("/customers/cus_hana"); !strings.Contains(page, "電話で&lt;確認&gt;") || !strings.Contains(page, "佐藤 ゆき") {
		t.Error("the note is not in the story")
	}
	if res := d.post("/customers/cus_hana/notes", url.Values{"note": {" "}}); res.Code != http.StatusBadRequest {
		t.Errorf("an empty note: %d", res.Code)
	}
	form := url.Values{"account": {"acc_mail"}, "purpose": {"marketing"}, "subject": {"ご案内"}, "text": {"新しい豆です"}, "reason": {"asked"}, "do": {"check"}}
	res := d.post("/customers/cus_hana/write", form)
	if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "同意") || strings.Contains(res.Body.String(), "hana.yamada@customer.example") {
		t.Errorf("the verdict: %d", res.Code)
	}
	if rows, err := d.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{}); err != nil || len(rows) != 0 {
		t.Errorf("looking at the verdict kept %d messages: %v", len(rows), err)
	}
	form.Set("do", "send")
	form.Set("purpose", "service")
	if res := d.post("/customers/cus_hana/write", form); res.Code != http.StatusSeeOther {
		t.Fatalf("%d", res.Code)
	}
	rows, err := d.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{})
	if err != nil || len(rows) != 1 || rows[0].Message.Customer != "cus_hana" || rows[0].Message.Member != "mem_1" || rows[0].Message.Reason != "asked" {
		t.Errorf("%+v %v", rows, err)
	}
	if page := d.seen("/customers/cus_hana?show=message"); !strings.Contains(page, "佐藤 ゆき · お客さまからのご依頼") {
		t.Error("the story does not tell who wrote, and why")
	}
	d.seeInApp(rows[0].Message.ID)
	for path, want := range map[string]string{"/messages/" + rows[0].Message.ID: "アプリで表示", "/customers/cus_hana?show=message": "アプリで表示: "} {
		if page := d.seen(path); !strings.Contains(page, want) {
			t.Errorf("%s does not tell that it was seen: %s", path, mainOf(page))
		}
	}
	form.Set("purpose", "marketing")
	_ = d.post("/customers/cus_hana/write", form)
	if page := d.seen("/customers/cus_hana?show=message"); !strings.Contains(page, "この種類のお知らせに同意していません") {
		t.Errorf("the story does not tell why a message was refused: %s", mainOf(page))
	}
	for name, value := range map[string]string{"account": "acc_none", "purpose": "fun", "subject": "", "text": "", "reason": "whim"} {
		if res := d.post("/customers/cus_hana/write", with(form, name, value)); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, res.Code)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/customers/cus_hana?show=note", nil)
	if body := d.do(r).Body.String(); strings.Contains(body, "payment") || !strings.Contains(body, "電話で") {
		t.Error("the filter")
	}
}
