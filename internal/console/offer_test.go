package console_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// atStore adds an App Store account.
func (d *desk) atStore() {
	d.t.Helper()
	d.must(d.st.AddAccount(d.t.Context(), engawa.Account{
		Workspace: ws, ID: "acc_shop", Kind: "appstore", Name: "ひなた", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"bundle_id": "jp.hinata.coffee", "app_apple_id": "1234567890", "environment": "production"},
	}))
}

// stock adds one with a pool of two codes.
func (d *desk) stock() {
	d.t.Helper()
	d.atStore()
	p := engawa.OfferPool{Workspace: ws, ID: "ofp_1", Account: "acc_shop", Name: "お詫び", Offer: "thanks", EndsAt: time.Now().Add(time.Hour), CreatedAt: time.Now()}
	d.must(d.st.AddOfferPool(d.t.Context(), p, ""))
	_, err := d.st.AddOfferCodes(d.t.Context(), p, []engawa.Secret{"ABCDEF1234", "BBCDEF1234"})
	d.must(err)
}

// send posts a form with a file as a browser does; an empty file is none.
func (d *desk) send(path, file string, form url.Values) *httptest.ResponseRecorder {
	d.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range form {
		d.must(w.WriteField(name, values[0]))
	}
	if file != "" {
		part, err := w.CreateFormFile("file", "codes.csv")
		d.must(err)
		_, err = part.Write([]byte(file))
		d.must(err)
	}
	d.must(w.Close())
	r := httptest.NewRequest(http.MethodPost, path, &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return d.do(r)
}

// TestOffers: a file is looked at without a trace, then taken in; more codes come
// later; one is handed out on the customer's page and no second one; what is wrong
// is said at its line.
func TestOffers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		if _, page := d.get("/offers/new"); !strings.Contains(page, "App Storeのアカウントがありません") {
			t.Error("a form without an app")
		}
		d.atStore()
		form := url.Values{"name": {"お詫び"}, "account": {"acc_shop"}, "offer": {"thanks"}, "ends": {time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}, "low": {"1"}, "kind": {"codes"}, "do": {"look"}}
		const file = "Code\nABCDEF1234\n??\nABCDEF1234\nBBCDEF1234\n"
		before := len(d.trail())
		if res := d.send("/offers/new", file, form); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "新しいコードが2件") ||
			!strings.Contains(res.Body.String(), "3行目: コードがありません") || !strings.Contains(res.Body.String(), "4行目: 2行目と同じコードです") {
			t.Errorf("%d %s", res.Code, notices(res.Body.String()))
		}
		if pools, err := d.st.OfferPools(t.Context(), ws); err != nil || len(pools) != 0 || len(d.trail()) != before {
			t.Errorf("looking changed something: %v %v", pools, err)
		}
		for field, value := range map[string]string{"name": "", "account": "acc_x", "offer": "??", "ends": "2020-01-01", "low": "many"} {
			if res := d.send("/offers/new", file, with(with(form, "do", "save"), field, value)); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), `role="alert"`) {
				t.Errorf("%s=%s: %d", field, value, res.Code)
			}
		}
		path := d.went(d.send("/offers/new", file, with(form, "do", "save")))
		if res := d.send(path+"/codes", "ABCDEF1234\nCBCDEF1234\n", url.Values{"do": {"look"}}); !strings.Contains(res.Body.String(), "1行目: 登録済みのコードです") {
			t.Errorf("%d %s", res.Code, notices(res.Body.String()))
		}
		d.went(d.send(path+"/codes", "ABCDEF1234\nCBCDEF1234\n", url.Values{"do": {"save"}}))
		if res := d.send(path+"/codes", "", url.Values{"do": {"save"}}); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("no file: %d", res.Code)
		}
		const card = "/customers/cus_hana/offers"
		pool := strings.TrimPrefix(path, "/offers/")
		if res := d.post(card, url.Values{"pool": {pool}, "reason": {"because"}}); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("no reason: %d", res.Code)
		}
		if to := d.went(d.post(card, url.Values{"pool": {pool}, "reason": {"apology"}})); to != card {
			t.Error(to)
		}
		_, page := d.get(card)
		if !strings.Contains(page, "https://apps.apple.com/redeem?ctx=offercodes&amp;id=1234567890&amp;code=") || !strings.Contains(page, "お詫び") || strings.Contains(page, `name="pool"`) {
			t.Errorf("the card: %s", page)
		}
		if _, page = d.get(path); !strings.Contains(page, "/customers/cus_hana") || strings.Contains(page, "ABCDEF1234") {
			t.Error("the pool does not show who was given a code, or shows the code")
		}
		if !strings.Contains(page, "{{offer.link:thanks}}") {
			t.Error("the pool does not say how a template holds its link")
		}
		d.must(d.st.SaveRoute(t.Context(), engawa.Route{Workspace: ws, ID: "rte_back", Name: "お戻りの方へ", UpdatedAt: time.Now()}))
		p := engawa.OfferPool{Workspace: ws, ID: "ofp_word", Account: "acc_shop", Name: "春", Offer: "other", Word: true, EndsAt: time.Now().Add(time.Hour), CreatedAt: time.Now()}
		d.must(d.st.AddOfferPool(t.Context(), p, "HARU2026"))
		d.must(d.st.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_two", Kind: "person", CreatedAt: time.Now()}}))
		for customer, by := range map[string]string{"cus_hana": "route:rte_back", "cus_two": "message:msg_1"} {
			_, _, err := d.st.HandOut(t.Context(), store.HandOut{Workspace: ws, Account: "acc_shop", Offer: "other", Customer: customer, Reason: "campaign", By: by})
			d.must(err)
		}
		if _, page = d.get("/offers/ofp_word"); !strings.Contains(page, "通知の行き先「お戻りの方へ」") || !strings.Contains(page, "メッセージ") {
			t.Error("the pool does not say which route handed a code out")
		}
		actions := map[string]int{}
		for _, a := range d.trail() {
			actions[a.Action]++
		}
		if actions["add-offer-pool"] != 1 || actions["add-offer-codes"] != 2 || actions["hand-out-code"] != 1 { // a member's; what routes do stands with the code
			t.Errorf("%v", actions)
		}
		d.member.Role = engawa.Viewer
		if res := d.post(card, url.Values{"pool": {pool}, "reason": {"apology"}}); res.Code != http.StatusForbidden {
			t.Errorf("a viewer hands out: %d", res.Code)
		}
		if c, err := d.st.OfferPool(t.Context(), ws, pool); err != nil || c.Free != 2 || c.Handed != 1 {
			t.Errorf("%+v %v", c, err)
		}
	})
}

// TestOfferWord: a custom code needs no file.
func TestOfferWord(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.atStore()
	form := url.Values{"name": {"春"}, "account": {"acc_shop"}, "offer": {"spring"}, "ends": {time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}, "kind": {"word"}, "word": {"HARU 26"}, "most": {"10"}, "do": {"save"}}
	if res := d.send("/offers/new", "", form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "英数字6〜64文字") {
		t.Errorf("%d", res.Code)
	}
	path := d.went(d.send("/offers/new", "", with(form, "word", "HARU26")))
	c, _, err := d.st.HandOut(t.Context(), store.HandOut{Workspace: ws, Account: "acc_shop", Offer: "spring", Customer: "cus_hana", Reason: "campaign"})
	if err != nil || c.Code != "HARU26" {
		t.Errorf("%+v %v", c, err)
	}
	if _, page := d.get(path); !strings.Contains(page, "<dd class=\"num\">9</dd>") {
		t.Error("what is left is not shown")
	}
}

// TestFetchOffers: where there is a key, codes are made in App Store Connect from the
// pool's page, which counts them, and the trail has who asked for how many; what App
// Store Connect says is told there.
func TestFetchOffers(t *testing.T) {
	shop, err := appstoresim.New("jp.hinata.coffee", 1234567890, appstoresim.Production)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shop.Close() })
	shop.AddProduct(appstoresim.Product{
		ID: "club", Type: appstoresim.AutoRenewable, Group: "1", Level: 1, Period: "P1M", Prices: map[string]int64{"JPN": 980_000},
		Offers: []appstoresim.Offer{{ID: "spring", Type: appstoresim.OfferCode, Pays: appstoresim.FreeTrial, Period: "P1M"}},
	})
	asc, err := shop.Connect()
	if err != nil {
		t.Fatal(err)
	}
	d := deskOver(t, storetest.SQLite(t), &http.Client{Transport: wire{"api.appstoreconnect.apple.com": asc}})
	d.atStore()
	form := url.Values{"name": {"春"}, "account": {"acc_shop"}, "offer": {"spring"}, "connect": {"asc-spring"}, "ends": {time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}, "kind": {"codes"}, "do": {"save"}}
	path := d.went(d.send("/offers/new", "", form))
	fetch := `action="` + path + `/fetch"`
	if _, page := d.get(path); strings.Contains(page, fetch) {
		t.Error("it is offered without a key")
	}
	before := d.trail()
	five := url.Values{"make": {"5"}}
	if res := d.post(path+"/fetch", five); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "App Store Connectのキーが使えません") {
		t.Errorf("%d %s", res.Code, notices(res.Body.String()))
	}
	if after := d.trail(); len(after) != len(before) {
		t.Errorf("what was not asked for is in the trail: %+v", after[0])
	}
	a, err := d.st.Account(t.Context(), ws, "acc_shop")
	d.must(err)
	id, issuer, p8 := asc.Key()
	a.Settings["connect_issuer_id"], a.Settings["connect_key_id"], a.Settings["connect_key"] = issuer, id, p8
	d.must(d.st.ChangeAccount(t.Context(), a))
	if _, page := d.get(path); !strings.Contains(page, fetch) || !strings.Contains(page, `name="make"`) {
		t.Error("it is not offered with a key")
	}
	d.member.Role = engawa.Support
	if res := d.post(path+"/fetch", five); res.Code != http.StatusForbidden {
		t.Errorf("a supporter has codes made: %d", res.Code)
	}
	d.member.Role = engawa.Owner
	if to := d.went(d.post(path+"/fetch", five)); to != path {
		t.Error(to)
	}
	if _, page := d.get(path); !strings.Contains(page, `<dd class="num">5</dd>`) {
		t.Error("the page does not count what was made")
	}
	lines := map[string]string{}
	for _, l := range d.trail() {
		lines[l.Action] = l.Actor + " " + l.Object + " " + l.Detail
	}
	who := "member:mem_1 " + strings.TrimPrefix(path, "/offers/")
	if lines["make-offer-codes"] != who+" n=5 offer=spring" || lines["add-offer-codes"] != who+" n=5" {
		t.Errorf("the trail: %v", lines)
	}
}
