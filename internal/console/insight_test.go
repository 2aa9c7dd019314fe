package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/insight"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestReady: choosing a ready-made route makes one that is off, with words in
// three languages, and opens its form, which keeps the condition of the purchase.
func TestReady(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		if res := d.post("/routes/ready/upgrade", url.Values{}); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("without a product: %d", res.Code)
		}
		if res := d.post("/routes/ready/upgrade", url.Values{"product": {"p"}, "app": {"app_of_nobody"}}); res.Code != http.StatusNotFound {
			t.Errorf("an app that is none: %d", res.Code)
		}
		d.must(d.st.AddOfferPool(t.Context(), engawa.OfferPool{
			Workspace: ws, ID: "ofp_1", Account: "acc_mail", Name: "お礼", Offer: "thanks", EndsAt: time.Now().Add(time.Hour), CreatedAt: time.Now(),
		}, ""))
		if res := d.post("/routes/ready/save", url.Values{"offer": {"nothing"}}); res.Code != http.StatusNotFound {
			t.Errorf("an offer without codes: %d", res.Code)
		}
		if _, page := d.get("/routes/ready"); strings.Count(page, `<option value="thanks">`) != 8 {
			t.Errorf("offers to choose from: %d", strings.Count(page, `<option value="thanks">`))
		}
		at := d.went(d.post("/routes/ready/save", url.Values{"offer": {"thanks"}}))
		offers, err := d.st.Templates(t.Context(), ws)
		d.must(err)
		if n := slices.IndexFunc(offers, func(t engawa.Template) bool {
			return strings.Contains(t.Words[engawa.Korean].Text, engawa.OfferPlace("thanks"))
		}); n < 0 || at == "" {
			t.Error("no template holds the link")
		}
		plan := url.Values{"id": {"premium"}, "group": {"20500001"}, "level": {"1"}}
		d.went(d.post("/store/products", plan))
		if res := d.post("/routes/ready/upgrade", url.Values{"product": {"premium"}}); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "下のプランが登録されていない") {
			t.Errorf("a plan that none is below: %d", res.Code)
		}
		d.went(d.post("/store/products", with(with(plan, "id", "light"), "level", "2")))
		for _, r := range insight.Routes() {
			at := d.went(d.post("/routes/ready/"+r.Name, url.Values{"product": {"premium"}}))
			status, page := d.get(at)
			if status != http.StatusOK || r.While != "" && !strings.Contains(page, `<option value="`+string(r.While)+`" selected>`) {
				t.Errorf("%s: %d", r.Name, status)
			}
		}
		routes, err := d.st.Routes(t.Context(), ws)
		d.must(err)
		templates, err := d.st.Templates(t.Context(), ws)
		d.must(err)
		made := map[string]engawa.Route{}
		for _, r := range routes {
			made[r.Events[0]] = r
		}
		save, up := made["store.did_change_renewal_status.auto_renew_disabled"], made["store.did_renew"]
		if save.Enabled || len(save.Then) != 1 || save.Then[0].While != engawa.WhileRenewalOff || save.Then[0].Purpose != engawa.Marketing || save.Then[0].Template == "" || up.Then[0].While != engawa.WhileLower || up.Then[0].Product != "premium" {
			t.Errorf("%+v\n%+v", save, up)
		}
		for _, tpl := range templates {
			if tpl.ID == save.Then[0].Template && len(tpl.Words) != len(engawa.Locales) {
				t.Errorf("words in %d languages", len(tpl.Words))
			}
		}
		form := url.Values{
			"name": {"残ってください"}, "version": {"1"}, "enabled": {"true"}, "events": {save.Events[0]}, "steps": {"1"}, "do": {"save"},
			"s0.to": {"customer"}, "s0.template": {save.Then[0].Template}, "s0.purpose": {"marketing"}, "s0.v0.account": {save.Then[0].Via[0].Account}, "s0.while": {"renewal_off"}, "s0.delay": {"72"},
		}
		if res := d.post("/routes/"+save.ID, form); res.Code != http.StatusSeeOther {
			t.Errorf("edited: %d", res.Code)
		}
		for _, bad := range []url.Values{with(form, "s0.while", "lower_plan"), with(form, "s0.product", "premium")} { // one without the other
			if res := d.post("/routes/"+save.ID, with(bad, "version", "2")); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "ご案内するプランの商品ID: ") {
				t.Errorf("%s %q: %d", bad.Get("s0.while"), bad.Get("s0.product"), res.Code)
			}
		}
		form.Set("s0.to", "dst_staff")
		if res := d.post("/routes/"+save.ID, with(form, "version", "2")); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("a condition of the staff's purchase: %d", res.Code)
		}
		_, page := d.get("/store/adoption")
		if strings.Count(page, `href="/routes/ready#`) != 0 {
			t.Error("a route that is there is offered again")
		}
	})
}

// TestFigures: what the store told stands in charts, tables and a file, by account
// and product; of a sandbox where it is chosen, and in no sum of production.
func TestFigures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		connect := func(id, app, environment string) {
			t.Helper()
			d.must(d.st.AddAccount(t.Context(), engawa.Account{
				Workspace: ws, ID: id, Kind: "appstore", Name: id, Environment: environment, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
				Settings: map[string]string{"app": app, "environment": environment},
			}))
		}
		connect("acc_shop", "", engawa.Production)
		var evs []engawa.Event
		for typ, n := range map[string]int{ // each column has a number of its own
			"store.did_renew": 2, "store.did_change_renewal_status.auto_renew_disabled": 3, "store.did_change_renewal_status.auto_renew_enabled": 4, "store.refund": 1,
			"store.refund_declined": 5, "store.refund_reversed": 6, "store.did_fail_to_renew": 7, "store.did_renew.billing_recovery": 8,
		} {
			for i := range n {
				evs = append(evs, engawa.Event{
					Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: "acc_shop", Type: typ, DedupKey: fmt.Sprint("figure ", typ, i),
					OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{"product_id":"plan.monthly"}`),
				})
			}
		}
		for i := range 9 {
			evs = append(evs, engawa.Event{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: "acc_shop", Type: "store.did_renew", DedupKey: fmt.Sprint("yearly ", i),
				OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{"product_id":"plan.yearly"}`),
			})
		}
		_, err := d.st.Journal(t.Context(), evs)
		d.must(err)
		const head = "day,active,renewed,canceled,saved,refunded,declined,reversed,unpaid,recovered,refunds_expected,refunds_surge\n"
		for path, want := range map[string]string{
			"/store.csv?days=90": ",0,11,3,4,1,5,6,7,8,0.00,false\n", "/store.csv?product=plan.monthly": ",0,2,3,4,1,5,6,7,8,0.00,false\n",
			"/store.csv?product=plan.yearly": ",0,9,0,0,0,0,0,0,0,0.00,false\n", "/store.csv?product=other": ",0,0,0,0,0,0,0,0,0,0.00,false\n",
		} {
			status, file := d.get(path)
			lines := strings.SplitAfter(file, "\n")
			if status != http.StatusOK || strings.TrimPrefix(lines[0], "\ufeff") != head || !strings.HasSuffix(lines[len(lines)-2], want) {
				t.Errorf("%s: %d %q %q", path, status, lines[0], lines[len(lines)-2])
			}
		}
		d.must(d.st.AddApp(t.Context(), engawa.App{Workspace: ws, ID: "app_beans", Name: "豆のアプリ", CreatedAt: time.Now()}))
		for id, environment := range map[string]string{"acc_live": engawa.Production, "acc_trial": engawa.Sandbox} {
			connect(id, "app_beans", environment)
			_, err = d.st.Journal(t.Context(), []engawa.Event{{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: id, Type: "store.did_renew", DedupKey: "of the app", OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{"product_id":"beans"}`),
			}})
			d.must(err)
		}
		for store, want := range map[string]string{"app_beans": ",0,1,0,0,0,0,0,0,0,0.00,false\n", "acc_trial": ",0,1,0,0,0,0,0,0,0,0.00,false\n", "acc_live": ",0,1,0,0,0,0,0,0,0,0.00,false\n", "": ",0,12,3,4,1,5,6,7,8,0.00,false\n"} {
			_, file := d.get("/store.csv?days=90&store=" + store)
			if !strings.HasSuffix(file, want) {
				t.Errorf("%s: %q", store, file[len(file)-60:])
			}
		}
		if _, page := d.get("/store"); !strings.Contains(page, `<option value="app_beans">アプリ: 豆のアプリ</option>`) {
			t.Error("the app is not offered")
		}
		for product, want := range map[string]string{"": "更新 12", "plan.monthly": "更新 2", "plan.yearly": "更新 9", "other": "更新 0"} {
			page := d.seen("/store?product=" + product)
			link := regexp.MustCompile(`href="(/store\.csv[^"]*)"`).FindStringSubmatch(page)
			if !strings.Contains(page, ">"+want+"<") || link == nil {
				t.Errorf("%s: %s", product, mainOf(page))
				continue
			}
			_, shown := d.get(html.UnescapeString(link[1]))
			if _, file := d.get("/store.csv?product=" + product); shown != file {
				t.Errorf("%s: the page's file is another: %s", product, link[1])
			}
		}
		if at := d.went(d.post("/store/recount", nil)); !strings.HasPrefix(at, "/store") {
			t.Errorf("recounted: %s", at)
		}
		if _, file := d.get("/store.csv?days=90"); !strings.HasSuffix(file, ",0,12,3,4,1,5,6,7,8,0.00,false\n") {
			t.Errorf("counted anew: %q", file[len(file)-60:])
		}
		if status, page := d.get("/store"); status != http.StatusOK || strings.Count(page, "<svg class=\"chart\"") != 5 || strings.Count(page, "<desc ") != 5 || !strings.Contains(page, "plan.monthly") {
			t.Errorf("%d", status)
		}
		if status, _ := d.get("/store?store=acc_other"); status != http.StatusNotFound {
			t.Errorf("another account: %d", status)
		}
	})
}

// TestProducts: what a product opens is said, read again, changed and taken away; what
// cannot be is refused with what was typed.
func TestProducts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		form := url.Values{"id": {"club.monthly"}, "name": {"クラブ"}, "entitlements": {"premium\r\n\r\n recipes \r\n"}, "months": {"3"}, "days": {""}, "group": {"20500001"}, "level": {"2"}}
		for field, wrong := range map[string]string{"id": "a b", "entitlements": "premium\npremium", "months": "many", "days": "4000", "group": "club", "level": ""} {
			res := d.post("/store/products", with(form, field, wrong))
			if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), `role="alert"`) || !strings.Contains(res.Body.String(), "クラブ") {
				t.Errorf("%s %q: %d", field, wrong, res.Code)
			}
		}
		d.went(d.post("/store/products", form))
		ps, err := d.st.Products(t.Context(), ws)
		if err != nil || len(ps) != 1 || fmt.Sprint(ps[0].Entitlements, ps[0].Months, ps[0].Days, ps[0].Level) != "[premium recipes] 3 0 2" || ps[0].Group != "20500001" || ps[0].UpdatedBy != "member:mem_1" {
			t.Fatalf("%+v %v", ps, err)
		}
		if _, page := d.get("/store/products?id=club.monthly"); !strings.Contains(page, `value="club.monthly"`) || !strings.Contains(page, "premium\nrecipes</textarea>") || !strings.Contains(page, "3か月") || !strings.Contains(page, "グループ20500001、レベル2") {
			t.Error("the form does not show what there is")
		}
		d.went(d.post("/store/products/forget", url.Values{"id": {"club.monthly"}}))
		if res := d.post("/store/products/forget", url.Values{"id": {"club.monthly"}}); res.Code != http.StatusNotFound {
			t.Errorf("taken away twice: %d", res.Code)
		}
	})
}

// TestRefundSurge: far more refunds on a day than the app had before, as the store
// tells of them one by one, become an alarm in the journal, a mark on the chart and a
// word in the file, on that day alone.
func TestRefundSurge(t *testing.T) {
	atShop(t, func(t *testing.T, s *shopDesk) {
		wait := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		refund := func(who string) {
			id := s.Bought(who, "beans")
			wait(time.Second)
			s.Must(s.AskRefund(id, "OTHER"))
			s.Must(s.Decide(id, 100))
			wait(time.Second)
		}
		seen := func() (alarms []engawa.Event, page string, lines []string) {
			s.Must((&follow.Watch{Store: s.Hub}).Step(t.Context()))
			alarms, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: insight.Surged}, store.Page{})
			s.Must(err)
			_, file := s.d.get("/store.csv")
			return alarms, mainOf(s.d.seen("/store")), strings.Split(strings.TrimSpace(file), "\n")
		}
		tokyo, err := time.LoadLocation("Asia/Tokyo")
		s.Must(err)
		regular := s.Person("JPN", "")
		for range 12 {
			s.Bought(regular, "beans")
			wait(24 * time.Hour)
		}
		refund(regular)
		alarms, page, lines := seen()
		usual := time.Now().In(tokyo).Format(time.DateOnly)
		if last := lines[len(lines)-1]; len(alarms) != 0 || strings.Contains(page, `class="surge"`) || !strings.HasPrefix(last, usual+",") || !strings.HasSuffix(last, ",false") {
			t.Fatalf("one refund: %d alarms, %s", len(alarms), last)
		}
		wait(24 * time.Hour)
		for range 8 {
			refund(s.Person("JPN", ""))
		}
		alarms, page, lines = seen()
		day := time.Now().In(tokyo).Format(time.DateOnly)
		var said struct {
			Day      string
			Refunded int
			Expected float64
		}
		if len(alarms) != 1 {
			t.Fatalf("%d alarms", len(alarms))
		}
		s.Must(json.Unmarshal(alarms[0].Data, &said))
		if alarms[0].Account != followtest.AccountID || said.Day != day || said.Refunded != 8 || said.Expected <= 0 || said.Expected > 4 {
			t.Errorf("the alarm: %+v", said)
		}
		if n := strings.Count(page, `<path class="surge" d="M`); n != 2 || !strings.Contains(page, "多すぎる日 1日") { // the legend's and the day's
			t.Errorf("%d marks on the chart", n)
		}
		row := regexp.MustCompile(`<td class="num">` + day + `</td>(?:<td class="num end">[0-9.,]+</td>)+<td><span class="chip no">多すぎ</span></td>`)
		if strings.Count(page, `<span class="chip no">多すぎ</span>`) != 1 || !row.MatchString(page) {
			t.Errorf("the table: %s", page)
		}
		head := strings.Split(lines[0], ",")
		for _, line := range lines[1:] {
			values := strings.Split(line, ",")
			if is := values[0] == day; values[slices.Index(head, "refunds_surge")] != fmt.Sprint(is) || is && values[slices.Index(head, "refunded")] != "8" {
				t.Errorf("the file: %s", line)
			}
		}
		if shown := s.d.seen("/events/" + alarms[0].ID); !strings.Contains(shown, day) {
			t.Error("the alarm's page does not name the day")
		}
	})
}

// part is a section of a page by its id.
func part(page, id string) string {
	_, page, _ = strings.Cut(page, `id="`+id+`"`)
	page, _, _ = strings.Cut(page, "</section>")
	return page
}

// row is the line of a table that holds something.
func row(page, what string) string {
	before, after, _ := strings.Cut(page, what)
	after, _, _ = strings.Cut(after, "</tr>")
	return before[max(0, strings.LastIndex(before, "<tr")):] + after
}

// TestReadyOfApps: each app that is in the App Store gets its own ready-made route,
// which takes what happens in it alone, and in production, where it may not be yet;
// so does what is there for no app. Other apps are not offered.
func TestReadyOfApps(t *testing.T) {
	atStore(t, func(t *testing.T, d *storeDesk) {
		ctx := context.Background()
		names := map[string]string{followtest.AppID: "ひなた珈琲", "app_beans": "豆のアプリ", "app_soon": "新しいアプリ", "app_partners": "パートナーのアプリ"}
		for id, name := range names {
			if id == followtest.AppID {
				continue
			}
			d.must(d.Hub.AddApp(ctx, engawa.App{Workspace: followtest.Workspace, ID: id, Name: name, CreatedAt: time.Now()}))
		}
		d.must(d.Hub.AddAccount(ctx, engawa.Account{
			Workspace: followtest.Workspace, ID: "acc_mail", Kind: "mail", Name: "mail", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example"},
		}))
		stores := map[string]*followtest.Shop{
			"hinata": d.Shop, "sandbox": d.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle), "beans": d.Beside(sim.Production, "acc_beans", "app_beans", "jp.hinata.beans"),
			"soon": d.Beside(sim.Sandbox, "acc_soon", "app_soon", "jp.hinata.soon"), "none": d.Beside(sim.Production, "acc_none", "", "jp.hinata.none"),
		}
		names[""] = words(t).T(engawa.Japanese, "form.unset")
		card := func(want ...string) {
			t.Helper()
			got := part(d.seen("/routes/ready"), "save")
			for app, name := range names {
				if offered := strings.Contains(got, `<option value="`+app+`">`+name+`</option>`); offered != slices.Contains(want, app) {
					t.Errorf("%s is offered: %t", app, offered)
				}
			}
			if strings.Contains(got, "<form") != (len(want) > 0) || strings.Count(got, `href="/routes/rte_`) != 4-len(want) {
				t.Errorf("to be made for %v: %s", want, got)
			}
		}
		staff := engawa.Route{
			Workspace: followtest.Workspace, ID: "rte_staff", Name: "staff", Events: []string{"store.rescind_consent"}, Enabled: true,
			Then: []engawa.Step{{To: "staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}},
		}
		for version, condition := range []string{`event.data.bundle_id == "jp.hinata.beans"`, ""} {
			staff.Version, staff.Condition = int64(version), condition
			d.must(d.Hub.SaveRoute(ctx, staff))
			got := part(d.seen("/routes/ready"), "rescinded")
			if strings.Contains(got, "<form") != (condition != "") || strings.Count(got, `href="/routes/rte_`) != 1 {
				t.Errorf("a route tells staff under %q: %s", condition, got)
			}
		}
		for _, other := range []string{"app_partners", "acc_beans"} {
			if res := d.post("/routes/ready/save", url.Values{"app": {other}}); res.Code != http.StatusNotFound {
				t.Errorf("%q: %d", other, res.Code)
			}
		}
		for left := []string{followtest.AppID, "app_beans", "app_soon", ""}; len(left) > 0; {
			card(left...)
			d.went(d.post("/routes/ready/save", url.Values{"app": {left[0]}}))
			left = left[1:]
		}
		card()
		for _, in := range stores {
			who := in.Person("JPN", "")
			in.Bought(who, "monthly")
			time.Sleep(time.Second)
			d.must(in.Renew(who, "20500001", false))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		routes, err := d.Hub.Routes(ctx, followtest.Workspace)
		d.must(err)
		evs, err := d.Hub.Events(ctx, followtest.Workspace, store.EventFilter{Type: insight.Routes()[0].Events[0]}, store.Page{})
		d.must(err)
		var told []string
		if !slices.ContainsFunc(routes, func(r engawa.Route) bool {
			return r.Condition == `event.data.environment == "production" && event.data.bundle_id in ["jp.hinata.soon"]`
		}) {
			t.Error("an app that is in the sandbox alone has no route for production")
		}
		for _, r := range routes {
			r.Enabled = true
			for _, e := range evs {
				plans, broken := route.Compile([]engawa.Route{r}).Plan(e, message.Data(e), engawa.Customer{})
				if len(broken) > 0 {
					t.Errorf("%v", broken)
				}
				for _, p := range plans {
					told = append(told, e.Account+" as "+p.Step.App)
				}
			}
		}
		slices.Sort(told)
		if want := []string{"acc_beans as app_beans", "acc_none as ", followtest.AccountID + " as " + followtest.AppID}; len(evs) != len(stores) || !slices.Equal(told, want) {
			t.Errorf("of %d events: %v, want %v", len(evs), told, want)
		}
	})
}

// TestAdoptionOfApps: what came and what takes it are those of the app or account that
// is chosen, and of production where none is: a sandbox stands for itself. The third
// phase is the app's, and of all of them the one's that has come least far.
func TestAdoptionOfApps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		store := func(id, app, environment string, refunds int) {
			d.must(d.st.AddAccount(t.Context(), engawa.Account{
				Workspace: ws, ID: id, Kind: "appstore", Name: id, Environment: environment, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(), Settings: map[string]string{"app": app, "bundle_id": "jp." + app},
			}))
			var evs []engawa.Event
			for i := range refunds {
				evs = append(evs, engawa.Event{
					Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: id, Type: "store.refund", DedupKey: fmt.Sprint(i), OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(`{"product_id":"p"}`),
				})
			}
			_, err := d.st.Journal(t.Context(), evs)
			d.must(err)
		}
		for _, app := range []string{"app_tea", "app_milk"} {
			d.must(d.st.AddApp(t.Context(), engawa.App{Workspace: ws, ID: app, Name: app, CreatedAt: time.Now()}))
		}
		store("acc_try", "app_tea", engawa.Sandbox, 8)
		if page := d.seen("/store/adoption"); strings.Contains(page, "まだ何も届いていません") || !strings.Contains(page, `<option value="acc_try" selected`) {
			t.Errorf("the sandbox alone: %s", mainOf(page))
		}
		store("acc_tea", "app_tea", engawa.Production, 2)
		store("acc_milk", "app_milk", engawa.Production, 4)
		at := d.went(d.post("/routes/ready/sorry", url.Values{"app": {"app_tea"}}))
		routes, err := d.st.Routes(t.Context(), ws)
		d.must(err)
		made := routes[slices.IndexFunc(routes, func(r engawa.Route) bool { return strings.HasPrefix(at, "/routes/"+r.ID) })]
		made.Enabled = true
		d.must(d.st.SaveRoute(t.Context(), made))
		const used, unused, on, missing = "使っています", "届くが、使っていません", "使用中", "まだありません"
		for chosen, want := range map[string]struct {
			came          int
			taken, acting string
		}{
			"": {6, used, missing}, "app_tea": {2, used, on}, "acc_tea": {2, used, on}, "app_milk": {4, unused, missing}, "acc_milk": {4, unused, missing}, "acc_try": {8, unused, on},
		} {
			page := d.seen("/store/adoption?store=" + chosen)
			refunds, sorry := row(page, `<span class="sub mono small">store.refund</span>`), row(part(page, "acting"), "<td>"+words(t).T(engawa.Japanese, "outreach.sorry")+"</td>")
			if !strings.Contains(refunds, fmt.Sprintf(`</span>%d</td>`, want.came)) || !strings.Contains(refunds, ">"+want.taken+"<") {
				t.Errorf("%q: %s", chosen, refunds)
			}
			if !strings.Contains(sorry, ">"+want.acting+"<") {
				t.Errorf("%q: %s", chosen, sorry)
			}
		}
		if status, _ := d.get("/store/adoption?store=acc_mail"); status != http.StatusNotFound {
			t.Errorf("an account that is no store: %d", status)
		}
	})
}

// TestAdoptionGaps: each type of notification stands as what it is (used, not used,
// not come, or rare), and each phase counts what it lacks.
func TestAdoptionGaps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		d.must(d.st.AddAccount(t.Context(), engawa.Account{
			Workspace: ws, ID: "acc_shop", Kind: "appstore", Name: "App Store", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		}))
		page := d.seen("/store/adoption")
		if !strings.Contains(page, "まだ何も届いていません") || !strings.Contains(part(page, "start"), "残り 5 件") || !strings.Contains(part(page, "life_cycle"), "残り 1 件") {
			t.Errorf("nothing came: %s", part(page, "start"))
		}
		for i, typ := range []string{"store.subscribed.initial_buy", "store.did_renew", "store.refund", "store.price_increase.pending"} {
			_, err := d.st.Journal(t.Context(), []engawa.Event{{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: "acc_shop", Type: typ, DedupKey: fmt.Sprint("gap ", i), OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(`{"product_id":"p"}`),
			}})
			d.must(err)
		}
		for i, r := range []engawa.Route{{Enabled: true, Events: []string{"store.refund"}}, {Events: []string{"store.did_renew"}}} { // the second is off
			r.Workspace, r.ID, r.Name, r.UpdatedAt = ws, fmt.Sprint("rt_", i), "行き先", time.Now()
			r.Then = []engawa.Step{{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}}
			d.must(d.st.SaveRoute(t.Context(), r))
		}
		page = d.seen("/store/adoption")
		for typ, want := range map[string][2]string{
			"store.refund": {"使っています", ""}, "store.did_renew": {"届くが、使っていません", "/routes/new?event=store.did_renew.%2A"}, "store.subscribed": {"届くが、使っていません", "/routes/new?event=store.subscribed.%2A"},
			"store.expired": {"届いていません", "/accounts/acc_shop"}, "store.price_increase": {"届くが、使っていません", "/routes/new?event=store.price_increase.%2A"}, "store.revoke": {"機能を使うと届きます", ""},
		} {
			got := row(page, `<span class="sub mono small">`+typ+`</span>`)
			if !strings.Contains(got, ">"+want[0]+"<") || strings.Contains(got, "href=") != (want[1] != "") || !strings.Contains(got, want[1]) {
				t.Errorf("%s: %s", typ, got)
			}
		}
		if strings.Contains(page, "まだ何も届いていません") || !strings.Contains(part(page, "start"), "残り 4 件") || !strings.Contains(part(page, "life_cycle"), "残り 2 件") {
			t.Errorf("what is lacking: %s %s", part(page, "start"), part(page, "life_cycle"))
		}
		ready := len(insight.Routes())
		if !strings.Contains(part(page, "acting"), fmt.Sprintf("残り %d 件", ready)) || strings.Count(part(page, "acting"), `href="/routes/ready#`) != ready {
			t.Errorf("what is not acted on: %s", part(page, "acting"))
		}
	})
}
