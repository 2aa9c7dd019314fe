package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/insight"
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
// and product.
func TestFigures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		var evs []engawa.Event
		for i, typ := range []string{"store.did_renew", "store.did_renew", "store.refund"} {
			evs = append(evs, engawa.Event{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: "acc_mail", Type: typ, DedupKey: fmt.Sprint("figure ", i),
				OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{"product_id":"plan.monthly"}`),
			})
		}
		_, err := d.st.Journal(t.Context(), evs)
		d.must(err)
		for path, want := range map[string]string{"/store.csv?days=90": ",0,2,0,0,1,0,0,0,0,0.00,false\n", "/store.csv?product=other": ",0,0,0,0,0,0,0,0,0,0.00,false\n"} {
			status, file := d.get(path)
			lines := strings.SplitAfter(file, "\n")
			if status != http.StatusOK || !strings.HasSuffix(lines[len(lines)-2], want) {
				t.Errorf("%s: %d %q", path, status, lines[len(lines)-2])
			}
		}
		d.must(d.st.AddApp(t.Context(), engawa.App{Workspace: ws, ID: "app_beans", Name: "豆のアプリ", CreatedAt: time.Now()}))
		for id, environment := range map[string]string{"acc_live": engawa.Production, "acc_trial": engawa.Sandbox} {
			d.must(d.st.AddAccount(t.Context(), engawa.Account{
				Workspace: ws, ID: id, Kind: "appstore", Name: id, Environment: environment, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(), Settings: map[string]string{"app": "app_beans"},
			}))
			_, err = d.st.Journal(t.Context(), []engawa.Event{{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: id, Type: "store.did_renew", DedupKey: "of the app", OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{"product_id":"beans"}`),
			}})
			d.must(err)
		}
		for store, want := range map[string]string{"app_beans": ",0,1,0,0,0,0,0,0,0,0.00,false\n", "acc_trial": ",0,1,0,0,0,0,0,0,0,0.00,false\n", "": ",0,4,0,0,1,0,0,0,0,0.00,false\n", "app_other": ",0,0,0,0,0,0,0,0,0,0.00,false\n"} {
			_, file := d.get("/store.csv?days=90&store=" + store)
			if !strings.HasSuffix(file, want) {
				t.Errorf("%s: %q", store, file[len(file)-60:])
			}
		}
		if _, page := d.get("/store"); !strings.Contains(page, `<option value="app_beans">アプリ: 豆のアプリ</option>`) {
			t.Error("the app is not offered")
		}
		if at := d.went(d.post("/store/recount", nil)); !strings.HasPrefix(at, "/store") {
			t.Errorf("recounted: %s", at)
		}
		if _, file := d.get("/store.csv?days=90"); !strings.HasSuffix(file, ",0,4,0,0,1,0,0,0,0,0.00,false\n") {
			t.Errorf("counted anew: %q", file[len(file)-60:])
		}
		if status, page := d.get("/store"); status != http.StatusOK || strings.Count(page, "<svg class=\"chart\"") != 5 || strings.Count(page, "<desc ") != 5 || !strings.Contains(page, "plan.monthly") {
			t.Errorf("%d", status)
		}
		if status, page := d.get("/store?store=acc_other"); status != http.StatusOK || strings.Contains(page, "<svg class=\"chart\"") {
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
