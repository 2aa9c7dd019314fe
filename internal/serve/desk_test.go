package serve

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/store"
)

const deskToken = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"

// counter is a hub whose app is sold in a simulated App Store.
type counter struct {
	shop
	apple *appstoresim.Store
	buyer string // in the store
}

func newCounter(t *testing.T) counter {
	t.Helper()
	o := counter{shop: working(t)}
	var err error
	if o.apple, err = appstoresim.New("jp.hinata.coffee", 1234567890, appstoresim.Production); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.apple.Close() })
	o.apple.Undecided = true
	o.apple.URL, o.apple.Client = o.url+"/in/acc_store", &http.Client{Timeout: 10 * time.Second}
	apple := httptest.NewServer(o.apple)
	t.Cleanup(apple.Close)
	yen := func(n int64) map[string]int64 { return map[string]int64{"JPN": n * 1000} }
	o.apple.AddProduct(appstoresim.Product{
		ID: "hinata.monthly", Name: "Hinata Monthly", Type: appstoresim.AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: yen(1480),
		Offers: []appstoresim.Offer{{ID: "thanks", Type: appstoresim.OfferCode, Pays: appstoresim.FreeTrial, Period: "P1M"}},
	})
	o.apple.AddProduct(appstoresim.Product{ID: "hinata.beans", Name: "Hinata Beans", Type: appstoresim.Consumable, Prices: yen(300)})
	o.buyer, _ = o.apple.AddCustomer("花", "JPN", deskToken)
	id, issuer, p8 := o.apple.Key()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(o.Store.AddAccount(t.Context(), engawa.Account{
		Workspace: "ws_1", ID: "acc_store", Kind: follow.Kind, Name: "App Store", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{
			"bundle_id": "jp.hinata.coffee", "app_apple_id": strconv.Itoa(1234567890), "environment": "production", "app": "app_1",
			"issuer_id": issuer, "key_id": id, "private_key": p8, "roots": o.apple.RootPEM(), "api_url": apple.URL,
		},
	}))
	must(o.Store.Link(t.Context(), "ws_1", "cus_hana", engawa.Identity{Issuer: appstore.Issuer, Kind: appstore.KindAppAccountToken, Value: deskToken}))
	must(o.Store.Decide(t.Context(), engawa.Consent{
		Workspace: "ws_1", ID: "cns_share", Customer: "cus_hana", Controller: engawa.ControllerWorkspace, App: "app_1", Act: engawa.ActShareUsage, Given: true, At: time.Now().Add(-time.Hour),
		Evidence: engawa.Evidence{Wording: "返金の判断のため、ご利用状況をAppleに伝えることに同意します", Version: "v1", Where: "アプリ", How: "checkbox"},
	}))
	return o
}

// buys has the customer buy, and waits until the hub has heard of it.
func (o counter) buys(t *testing.T, product string) (transaction string) {
	t.Helper()
	transaction, err := o.apple.Buy(appstoresim.Purchase{Customer: o.buyer, Product: product})
	if err != nil {
		t.Fatal(err)
	}
	o.until(t, product+" is not known", func() bool {
		p, err := o.Store.PurchaseBy(t.Context(), "ws_1", "acc_store", transaction)
		return err == nil && p.Customer == "cus_hana"
	})
	return transaction
}

func (o shop) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestDeskFromOrder: an agent finds a customer by the order id of a receipt mail,
// moves a renewal date twice and is told why a third time is not possible,
// answers a refund case and hands out an offer code; the customer redeems it,
// and the customer's page tells all of it.
func TestDeskFromOrder(t *testing.T) {
	o := newCounter(t)
	subscription, beans := o.buys(t, "hinata.monthly"), o.buys(t, "hinata.beans")
	order, err := o.apple.Order(subscription)
	if err != nil {
		t.Fatal(err)
	}
	chrome := looktest.Chromium(t)
	b, mate := tab(chrome, t, o.url, 1280), tab(chrome, t, o.url, 1280)
	b.enter(o.Hub)
	mate.enter(o.Hub)

	b.open("/customers")
	b.fill(`[name="q"]`, order)
	b.press(`main form[role="search"] button, main form button.main`)
	if at := eval[string](b, "location.pathname"); !strings.HasPrefix(at, "/customers/cus_hana") {
		b.press(`main td a`)
	}
	b.sees("山田 花")
	b.sees("hinata.monthly")

	extend := eval[string](b, `document.querySelector('a[href$="/extend"]').getAttribute("href")`)
	moves := func(b *browser) {
		b.fill(`[name="days"]`, "30")
		eval[bool](b, `(document.querySelector('[name="reason"]').click(), true)`)
		b.press(`main form button.main`)
	}
	b.open(extend)
	moves(b)
	b.sees("更新日を延ばしました。")
	b.open(extend)
	mate.open(extend) // a colleague reads the same form, and is the later one
	moves(b)
	b.sees("更新日を延ばしました。")
	moves(mate)
	mate.sees("365日以内に2回延ばしています")
	b.open(extend)
	b.sees("365日以内に2回延ばしています")
	if n, err := o.apple.Extensions(o.buyer); err != nil || n != 2 {
		t.Errorf("%d extensions in the store, %v", n, err)
	}

	if err := o.apple.AskRefund(beans, "UNINTENDED_PURCHASE"); err != nil {
		t.Fatal(err)
	}
	o.until(t, "no refund case", func() bool {
		cases, err := o.Store.RefundsOf(t.Context(), "ws_1", "cus_hana")
		return err == nil && len(cases) == 1
	})
	b.open("/refunds")
	b.press(`main a[href^="/refunds/"]`)
	b.choose("preference", "返金しない")
	b.choose("delivery", "提供し、問題なく使える")
	b.choose("sample", "はい")
	b.choose("reason", "問題なく利用されている")
	b.press(`#send`)
	b.sees("Appleに送信しました。")
	o.until(t, "the store has no answer", func() bool { return len(o.apple.Answers(beans)) == 1 })
	if a := o.apple.Answers(beans)[0]; a.Late || a.Body["customerConsented"] != true {
		t.Errorf("%+v", a)
	}

	codes, err := o.apple.Codes("hinata.monthly", "thanks", 3)
	if err != nil {
		t.Fatal(err)
	}
	pool := engawa.OfferPool{Workspace: "ws_1", ID: "ofp_1", Account: "acc_store", Name: "お礼", Offer: "thanks", EndsAt: time.Now().Add(30 * 24 * time.Hour), CreatedAt: time.Now()}
	if err := o.Store.AddOfferPool(t.Context(), pool, ""); err != nil {
		t.Fatal(err)
	}
	var secret []engawa.Secret
	for _, c := range codes {
		secret = append(secret, engawa.Secret(c))
	}
	if _, err := o.Store.AddOfferCodes(t.Context(), pool, secret); err != nil {
		t.Fatal(err)
	}
	b.open("/customers/cus_hana")
	b.press(`#offers form button.main`)
	b.sees("apps.apple.com/redeem")
	handed, err := o.Store.OfferCodesOf(t.Context(), "ws_1", "cus_hana")
	if err != nil || len(handed) != 1 {
		t.Fatal(handed, err)
	}
	if _, err := o.apple.Redeem(o.buyer, handed[0].Code.Reveal()); err != nil {
		t.Fatal(err)
	}
	o.until(t, "the code is not seen as used", func() bool {
		handed, err = o.Store.OfferCodesOf(t.Context(), "ws_1", "cus_hana")
		return err == nil && handed[0].State == engawa.OfferRedeemed
	})

	b.open("/customers/cus_hana")
	told := eval[[]string](b, `[...document.querySelectorAll("#story .line")].map(e => e.innerText.replace(/\s+/g, " "))`)
	for _, c := range []struct {
		what string
		n    int
		says []string
	}{
		{"the extensions", 2, []string{"hinata.monthlyの更新日を30日延長", "完了", "佐藤 ゆき"}},
		{"the third attempt", 1, []string{"hinata.monthlyの更新日を30日延長", "断られました", "佐藤 ゆき", "365日以内に2回延ばしています"}},
		{"that Apple asked about a refund", 1, []string{"返金の申請", "hinata.beans"}},
		{"the answer to Apple", 1, []string{"Appleに送信", "hinata.beans", "佐藤 ゆき", "返金しない", "問題なく利用されている"}},
		{"the code", 1, []string{"オファー「thanks」のコードをお渡し", "利用済み", "佐藤 ゆき", "お詫び"}},
	} {
		n := 0
		for _, line := range told {
			if !slices.ContainsFunc(c.says, func(words string) bool { return !strings.Contains(line, words) }) {
				n++
			}
		}
		if n != c.n {
			t.Errorf("the story tells %d times of %s, want %d:\n%s", n, c.what, c.n, strings.Join(told, "\n"))
		}
	}
	if text := strings.Join(told, "\n"); strings.Contains(text, handed[0].ID) || slices.ContainsFunc(codes, func(c string) bool { return strings.Contains(text, c) }) {
		t.Error("the story shows the code itself")
	}
	events, err := o.Store.Events(t.Context(), "ws_1", store.EventFilter{Customer: "cus_hana"}, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{"store.subscribed.initial_buy", "store.one_time_charge", "store.renewal_extended", "store.consumption_request", "store.offer_redeemed"} {
		if !strings.Contains(fmt.Sprint(typesOf(events)), typ) {
			t.Errorf("the journal lacks %s: %v", typ, typesOf(events))
		}
	}
	b.quiet()
	mate.quiet()
}

func typesOf(events []engawa.Event) (types []string) {
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}
