package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// asked has a customer, who has agreed, ask the App Store for money back; the
// account has no key. It returns the case.
func (d *desk) asked(customer string) string {
	d.t.Helper()
	ctx, now := context.Background(), time.Now()
	d.must(d.st.AddAccount(ctx, engawa.Account{
		Workspace: ws, ID: "acc_store", Kind: "appstore", Name: "珈琲アプリ", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
		Settings: map[string]string{"bundle_id": "jp.hinata.coffee", "app_apple_id": "1234567890", "environment": "production"},
	}))
	id := engawa.Identity{Issuer: "appstore", Kind: "app_account_token", Value: "t"}
	d.must(d.st.Link(ctx, ws, customer, id))
	d.must(d.st.Decide(ctx, engawa.Consent{
		Workspace: ws, ID: "cns_usage", Customer: customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActShareUsage, Given: true, At: now,
		Evidence: engawa.Evidence{Wording: "ご利用状況をAppleに伝えます", Version: "7", Where: "アプリ", How: "switch"},
	}))
	_, err := d.st.Hear(ctx, ws, []store.Heard{{
		Workspace: ws, Account: "acc_store", Original: "2000000001", Whose: []engawa.Identity{id},
		Fold: func([]byte) (engawa.Purchase, error) {
			return engawa.Purchase{Environment: engawa.Production, Kind: "consumable", Product: "beans", State: engawa.PurchaseOwned, Facts: []byte(`{}`)}, nil
		},
		Refunds: func([]byte) ([]engawa.RefundCase, error) {
			return []engawa.RefundCase{{
				Transaction: "2000000001", Original: "2000000001", Kind: "consumable", Product: "beans", Storefront: "JPN", Price: 300_000, Currency: "JPY", State: engawa.RefundOpen, Reason: "LEGAL", Requests: 2,
				BoughtAt: now.Add(-time.Hour), AskedAt: now, DueAt: now.Add(engawa.RefundFor), Facts: []byte(`{}`),
			}}, nil
		},
	}})
	d.must(err)
	cases, err := d.st.RefundsOf(ctx, ws, customer)
	d.must(err)
	return cases[0].ID
}

// TestRefund: a case is in the list and its CSV, its page tells what stands in the
// way, and what a member chooses is sent, or refused in words.
func TestRefund(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		path := "/refunds/" + d.asked("cus_hana")
		for _, want := range []string{"beans", "300円", "法律上の理由", "確認前", "2回の問い合わせ"} {
			if _, body := d.get("/refunds?product=beans"); !strings.Contains(body, want) {
				t.Errorf("the list lacks %q", want)
			}
		}
		for _, page := range []string{path, "/customers/cus_hana"} { // the consent has no purpose
			if _, body := d.get(page); !strings.Contains(body, "利用状況の提供") || strings.Contains(body, "purpose.") {
				t.Errorf("%s does not say the consent in words", page)
			}
		}
		if _, body := d.get("/refunds?product=tea"); strings.Contains(body, path) {
			t.Error("the filter lets another product through")
		}
		if _, body := d.get("/refunds?show=closed"); strings.Contains(body, path) {
			t.Error("an open case is among the decided ones")
		}
		if _, body := d.get("/refunds.csv"); !strings.Contains(body, ",beans,consumable,JPN,production,LEGAL,2,") || !strings.Contains(body, ",300,0,JPY,cus_hana") {
			t.Errorf("%s", body)
		}
		if _, body := d.get(path); !strings.Contains(body, "提供できたかどうかが伝えられていません") || !strings.Contains(body, "ご利用状況をAppleに伝えます") || !strings.Contains(body, path+"/answer") {
			t.Error("the page does not say what is missing, which consent there is, or offer an answer")
		}
		good := url.Values{"preference": {"GRANT_PRORATED"}, "delivery": {"DELIVERED"}, "sample": {"no"}, "percent": {"37.5"}, "reason": {"goodwill"}}
		for field, wrong := range map[string]string{"delivery": "", "sample": "", "percent": "0", "preference": "X", "reason": "asked"} {
			if res := d.post(path+"/answer", with(good, field, wrong)); res.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s %q: %d", field, wrong, res.Code)
			}
		}
		for _, wrong := range []string{"101", "-1", "1.2345", "viel", "NaN"} {
			if res := d.post(path+"/answer", with(good, "percent", wrong)); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), wrong) {
				t.Errorf("percent %q: %d, or what was written is lost", wrong, res.Code)
			}
		}
		if res := d.post(path+"/answer", good); res.Code != http.StatusSeeOther || !strings.Contains(res.Header().Get("Location"), "refund_retrying") {
			t.Errorf("%d %s", res.Code, res.Header().Get("Location"))
		}
		if _, body := d.get(path); !strings.Contains(body, "鍵がないか") || !strings.Contains(body, "37.5 %") || !strings.Contains(body, "特別な配慮") || !strings.Contains(body, "佐藤 ゆき") {
			t.Error("the page does not tell what was chosen, by whom, and why it did not arrive")
		}
		d.must(d.st.Decide(context.Background(), engawa.Consent{
			Workspace: ws, ID: "cns_not", Customer: "cus_hana", Controller: engawa.ControllerWorkspace, Act: engawa.ActShareUsage, Purpose: engawa.Service, At: time.Now().Add(time.Second),
		}))
		if _, body := d.get(path); strings.Contains(body, path+"/answer") || !strings.Contains(body, "同意を取り消しました") {
			t.Error("an answer is offered after the consent was withdrawn")
		}
		if res := d.post(path+"/answer", good); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("without consent: %d", res.Code)
		}
		d.member.Role = engawa.Viewer
		if res := d.post(path+"/ignore", nil); res.Code != http.StatusForbidden {
			t.Errorf("a viewer: %d", res.Code)
		}
	})
}

// TestRefundRules: rules are added, moved and saved without script; what is wrong
// is named; nobody overwrites what another saved.
func TestRefundRules(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		d.asked("cus_hana")
		const path = "/accounts/acc_store/refunds"
		if _, body := d.get("/accounts/acc_store"); !strings.Contains(body, path) {
			t.Error("the account's page leads to no rules")
		}
		form := url.Values{
			"version": {"0"}, "rules": {"2"}, "delivery": {"DELIVERED"}, "sample": {"no"},
			"r0.act": {"ignore"}, "r0.kind": {"consumable"}, "r0.age_to": {"7"},
			"r1.name": {"安いもの"}, "r1.act": {"send"}, "r1.preference": {"GRANT_FULL"}, "r1.products": {"beans、 tea"}, "r1.storefronts": {"jpn"}, "r1.amount_to": {"500"}, "r1.currency": {"jpy"}, "r1.earlier_to": {"0"},
		}
		if res := d.post(path, with(form, "do", "add")); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), `name="r2.act"`) {
			t.Errorf("add: %d", res.Code)
		}
		if res := d.post(path, with(form, "do", "remove.0")); res.Code != http.StatusOK || strings.Contains(res.Body.String(), `name="r1.act"`) || !strings.Contains(res.Body.String(), "安いもの") {
			t.Errorf("remove: %d", res.Code)
		}
		for field, wrong := range map[string]string{"r1.currency": "", "r1.storefronts": "Japan", "r0.age_to": "x", "r1.earlier_to": "-1", "r0.kind": "x", "r1.amount_to": "y", "r1.act": ""} {
			if res := d.post(path, with(with(form, "do", "save"), field, wrong)); res.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s %q: %d", field, wrong, res.Code)
			}
		}
		if res := d.post(path, with(form, "do", "up.1")); res.Code != http.StatusOK || strings.Index(res.Body.String(), "安いもの") > strings.Index(res.Body.String(), `name="r1.name"`) {
			t.Errorf("up: %d", res.Code)
		}
		if kept, err := d.st.RefundPolicies(context.Background(), ws, "acc_store", 9); err != nil || len(kept) != 0 {
			t.Errorf("saved before it was asked: %v, %v", kept, err)
		}
		if res := d.post(path, with(form, "do", "save")); res.Code != http.StatusSeeOther {
			t.Errorf("save: %d", res.Code)
		}
		kept, err := d.st.RefundPolicies(context.Background(), ws, "acc_store", 9)
		d.must(err)
		p, err := refund.ReadPolicy(kept[0])
		d.must(err)
		if r := p.Rules[1]; len(p.Rules) != 2 || kept[0].Version != 1 || kept[0].By != "member:mem_1" || strings.Join(r.Products, " ") != "beans tea" || r.Storefronts[0] != "JPN" || *r.AmountTo != 500_000 || *r.EarlierTo != 0 || r.Currency != "JPY" {
			t.Errorf("%+v", p)
		}
		if res := d.post(path, with(form, "do", "save")); res.Code != http.StatusConflict {
			t.Errorf("over what was saved meanwhile: %d", res.Code)
		}
		if _, body := d.get(path); !strings.Contains(body, "安いもの") || !strings.Contains(body, "第1版") {
			t.Error("the page does not show what was saved")
		}
		if code, _ := d.get("/accounts/acc_mail/refunds"); code != http.StatusNotFound {
			t.Errorf("rules of an account that is no store: %d", code)
		}
	})
}
