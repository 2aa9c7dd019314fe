package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// consented adds a consent of Hana's.
func (d *desk) consented(id, topic string) {
	d.t.Helper()
	d.must(d.st.Decide(context.Background(), engawa.Consent{
		Workspace: ws, ID: id, Customer: "cus_hana", Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Topic: topic,
		Given: true, At: time.Now().Add(-time.Hour), Evidence: engawa.Evidence{Wording: "お知らせを受け取ります", Version: "3", Where: "入会ページ", How: "checkbox"},
	}))
}

// standing is how many consents there are that the page offers to withdraw.
func (d *desk) standing() (n int) {
	d.t.Helper()
	_, body := d.get("/customers/cus_hana/stop")
	return strings.Count(body, `value="cns_`)
}

// TestWithdraw: one consent, or all of a purpose, is withdrawn in the customer's
// words, and the page offers only what still stands.
func TestWithdraw(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		d.consented("cns_renewal", "renewal")
		d.consented("cns_shop", "shop")
		if d.standing() != 2 {
			t.Errorf("%d consents stand", d.standing())
		}
		for _, form := range []url.Values{
			{"what": {"cns_renewal"}}, {"where": {"電話"}}, {"what": {"cns_other"}, "where": {"電話"}}, {"what": {"service.security"}, "where": {"電話"}}, {"what": {"cns_renewal"}, "where": {strings.Repeat("x", 501)}},
		} {
			if res := d.post("/customers/cus_hana/stop", form); res.Code != http.StatusUnprocessableEntity {
				t.Errorf("%v: %d", form.Get("what"), res.Code)
			}
		}
		all, err := d.st.Consents(t.Context(), ws, "cus_hana")
		if err != nil || len(all) != 2 {
			t.Fatalf("%d decisions after refused forms, %v", len(all), err)
		}
		if res := d.post("/customers/cus_hana/stop", url.Values{"what": {"cns_renewal"}, "where": {"11月24日の電話"}}); res.Code != http.StatusSeeOther || d.standing() != 1 {
			t.Errorf("one consent: %d, %d stand", res.Code, d.standing())
		}
		if res := d.post("/customers/cus_hana/stop", url.Values{"what": {"marketing"}, "where": {"店頭"}}); res.Code != http.StatusSeeOther || d.standing() != 0 {
			t.Errorf("all marketing: %d, %d stand", res.Code, d.standing())
		}
		all, err = d.st.Consents(t.Context(), ws, "cus_hana")
		if err != nil || len(all) != 4 || all[0].Given || all[0].Topic != "" || all[0].Evidence.Where != "店頭" || all[0].Evidence.How != "member" || all[1].Topic != "renewal" {
			t.Errorf("%+v %v", all, err)
		}
		if _, body := d.get("/customers/cus_hana"); !strings.Contains(body, "11月24日の電話") {
			t.Error("the customer's page does not show how it was said")
		}
	})
}

// TestMergePage: both stand beside each other, found by number, address or id;
// nothing is changed until the form is sent, and what cannot be is said.
func TestMergePage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		ctx := t.Context()
		twin := d.twin()
		d.must(d.st.Link(ctx, ws, twin, engawa.Identity{Issuer: "business", Kind: "member_number", Value: "B-200"}))
		d.must(d.st.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_firm", Kind: "contract", Name: "株式会社", CreatedAt: time.Now()}}))
		const path = "/customers/cus_hana/merge"
		for q, want := range map[string]string{
			"": "もうひとりを探す", "B-200": "ひとつにまとめる", "cus_twin": "ひとつにまとめる", "A-100": "同じお客さまです", "hana.yamada@customer.example": "同じお客さまです",
			"cus_firm": "個人と契約先はまとめられません", "cus_none": "見つかりません", "nobody": "見つかりません", "msg_1": "見つかりません",
		} {
			res := d.post(path+"/find", url.Values{"q": {q}})
			if q == "" {
				res = d.do(httptest.NewRequest(http.MethodGet, path, nil))
			}
			if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), want) {
				t.Errorf("%q: %d without %q", q, res.Code, want)
			}
		}
		for _, from := range []string{"", "cus_hana", "cus_firm", "cus_none"} {
			if res := d.post(path, url.Values{"from": {from}}); res.Code != http.StatusUnprocessableEntity {
				t.Errorf("from %q: %d", from, res.Code)
			}
		}
		d.stale = true
		if res := d.post(path, url.Values{"from": {twin}}); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), `name="again"`) {
			t.Errorf("without the password: %d", res.Code)
		}
		if cu, err := d.st.Customer(ctx, ws, twin); err != nil || cu.MergedInto != "" {
			t.Fatalf("merged by what was refused: %v", err)
		}
		if res := d.post(path, url.Values{"from": {twin}, "again": {"correct horse"}}); res.Code != http.StatusSeeOther {
			t.Fatalf("%d", res.Code)
		}
		if cu, err := d.st.Customer(ctx, ws, twin); err != nil || cu.MergedInto != "cus_hana" {
			t.Errorf("merged into %q, %v", cu.MergedInto, err)
		}
		if status, body := d.get(path + "?from=cus_twin"); status != http.StatusOK || !strings.Contains(body, "すでにほかのお客さまにまとめられています") {
			t.Errorf("who is merged already: %d", status)
		}
		if status, _ := d.get("/customers/cus_twin/merge"); status != http.StatusNotFound {
			t.Errorf("the page of who is merged: %d", status)
		}
	})
}

// TestErasePage: the warning erases nobody, nor does a form without its tick and
// the password; what was erased has no such page any more.
func TestErasePage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		const path = "/customers/cus_hana/erase"
		status, body := d.get(path)
		for _, want := range []string{"連絡先(1件)", "番号(1件)", "消去は元に戻せません"} {
			if status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%d without %q", status, want)
			}
		}
		d.stale = true
		for _, form := range []url.Values{{}, {"again": {"correct horse"}}, {"sure": {"1"}}, {"sure": {"1"}, "again": {"wrong"}}} {
			if res := d.post(path, form); res.Code != http.StatusUnprocessableEntity {
				t.Errorf("%v: %d", form, res.Code)
			}
		}
		if cu, err := d.st.Customer(t.Context(), ws, "cus_hana"); err != nil || cu.Erased {
			t.Fatalf("erased by what was refused: %v", err)
		}
		d.member.Role = engawa.Support
		if res := d.post(path, url.Values{"sure": {"1"}, "again": {"correct horse"}}); res.Code != http.StatusForbidden {
			t.Errorf("a supporter: %d", res.Code)
		}
		d.member.Role = engawa.Admin
		if res := d.post(path, url.Values{"sure": {"1"}, "again": {"correct horse"}}); res.Code != http.StatusSeeOther {
			t.Fatalf("%d", res.Code)
		}
		if cu, err := d.st.Customer(t.Context(), ws, "cus_hana"); err != nil || !cu.Erased || cu.Name != "" {
			t.Errorf("%+v %v", cu, err)
		}
		if status, body := d.get("/customers/cus_hana"); status != http.StatusOK || !strings.Contains(body, "消去済み") || strings.Contains(body, "/erase") || strings.Contains(body, "/stop") {
			t.Errorf("the erased customer's page: %d", status)
		}
		for _, page := range []string{"erase", "stop", "merge"} {
			if status, _ := d.get("/customers/cus_hana/" + page); status != http.StatusNotFound {
				t.Errorf("%s of who is erased: %d", page, status)
			}
		}
	})
}
