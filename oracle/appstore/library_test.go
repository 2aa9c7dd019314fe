package appstore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"image"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore/sim"
)

const (
	bundle = "jp.hinata.coffee"
	appID  = 1234567890
	token  = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"
)

// shop is a simulated store that the library can reach.
type shop struct {
	*sim.Store
	t        *testing.T
	url      string
	mu       sync.Mutex
	realtime []string // requests that came to the realtime URL
}

func open(t *testing.T, environment string) *shop {
	t.Helper()
	st, err := sim.New(bundle, appID, environment)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{Store: st, t: t}
	hub := httptest.NewServer(http.HandlerFunc(s.hub))
	mux := http.NewServeMux()
	mux.Handle("/", st)
	mux.HandleFunc("POST /review", func(http.ResponseWriter, *http.Request) { st.ReviewMessaging(true) })
	server := httptest.NewServer(mux)
	t.Cleanup(func() { st.Close(); server.Close(); hub.Close() })
	s.url, st.URL, st.Client = server.URL, hub.URL, hub.Client()
	yen := func(n int64) map[string]int64 { return map[string]int64{"JPN": n * 1000} }
	st.AddProduct(sim.Product{ID: "monthly", Type: sim.AutoRenewable, Group: "20500001", Level: 2, Period: "P1M", Prices: yen(1480), Family: true, Offers: []sim.Offer{
		{ID: "stay", Type: sim.Promotional, Pays: sim.PayAsYouGo, Period: "P1M", Prices: yen(700)},
		{ID: "thanks", Type: sim.OfferCode, Pays: sim.PayUpFront, Period: "P3M", Prices: yen(2000)},
		{ID: "comeback", Type: sim.WinBack, Pays: sim.FreeTrial, Period: "P1M"},
	}})
	st.AddProduct(sim.Product{ID: "premium", Type: sim.AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: yen(2480), Offers: []sim.Offer{
		{ID: "more", Type: sim.OfferCode, Pays: sim.FreeTrial, Period: "P1M"},
	}})
	st.AddProduct(sim.Product{ID: "club", Type: sim.AutoRenewable, Group: "20500002", Level: 1, Period: "P1W", Prices: yen(300), Offers: []sim.Offer{{Type: sim.Introductory, Pays: sim.FreeTrial, Period: "P3D"}}})
	st.AddProduct(sim.Product{ID: "beans", Type: sim.Consumable, Prices: yen(300)})
	return s
}

// hub is the business's server: it takes notifications, and realtime requests.
func (s *shop) hub(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/realtime" {
		var in struct{ SignedPayload string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		s.mu.Lock()
		s.realtime = append(s.realtime, in.SignedPayload)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte("{}"))
	}
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) buy(customer, product string) string {
	s.t.Helper()
	id, err := s.Buy(sim.Purchase{Customer: customer, Product: product})
	s.must(err)
	return id
}

// task tells the script of the store.
func (s *shop) task(more map[string]any) map[string]any {
	id, issuer, p8 := s.Key()
	task := map[string]any{
		"url": s.url, "environment": s.Environment, "bundleId": bundle, "appAppleId": appID, "key": p8, "keyId": id, "issuerId": issuer, "root": root(s.Store),
		"realtime": s.URL + "/realtime",
	}
	maps.Copy(task, more)
	return task
}

func root(s *sim.Store) string {
	block, _ := pem.Decode([]byte(s.RootPEM()))
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

// found is what the script found.
type found struct {
	Methods, Called, Types []string
	Held                   int
	Signed                 struct {
		JWS, Nonce, Signature, Eligibility string
		Timestamp                          int64
	}
}

// script runs Apple's library on stores.
func script(t *testing.T, stores ...map[string]any) (out found) {
	t.Helper()
	if err := install(); err != nil {
		t.Fatal(err)
	}
	stranger, err := sim.New(bundle, appID, sim.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(map[string]any{"stores": stores, "stranger": root(stranger)})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "oracle.mjs")
	var said, wrong bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &said, &wrong
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &wrong)
	}
	if err := json.Unmarshal(said.Bytes(), &out); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	return out
}

// install gets the library as package-lock.json names it, once.
var install = sync.OnceValue(func() error {
	out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline").CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})

// lacking are the endpoints of the simulator that the library has no method for.
var lacking = []string{"GET v1/refund/lookup/{}"}

// TestLibrary: Apple's library, unchanged, calls every endpoint that it has, and
// verifies everything that the simulator signs.
func TestLibrary(t *testing.T) {
	var pic bytes.Buffer
	if err := png.Encode(&pic, image.NewRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	production, sandbox := open(t, sim.Production), open(t, sim.Sandbox)
	sandbox.Speed = 2_000 // an extension of all takes the store two hours
	var tasks []map[string]any
	for _, s := range []*shop{production, sandbox} {
		tasks = append(tasks, s.task(map[string]any{"call": true, "ids": s.furnish(), "png": base64.StdEncoding.EncodeToString(pic.Bytes())}))
	}
	out := script(t, tasks...)
	for _, method := range out.Methods {
		if !slices.Contains(out.Called, method) {
			t.Errorf("the library's %s was not called", method)
		}
	}
	if len(out.Methods) < 30 {
		t.Errorf("the library has %d methods", len(out.Methods))
	}
	var unheard []string
	for _, e := range sim.Endpoints() {
		if !slices.ContainsFunc(slices.Concat(production.Calls(), sandbox.Calls()), func(c sim.Call) bool { return c.Endpoint == e && c.Status/100 == 2 }) {
			unheard = append(unheard, e)
		}
	}
	if !slices.Equal(unheard, lacking) {
		t.Errorf("the library did not get an answer from %q; it is known to lack %q", unheard, lacking)
	}
	extended := sandbox.extended()
	sandbox.mu.Lock()
	defer sandbox.mu.Unlock()
	if len(sandbox.realtime) == 0 {
		t.Fatal("no realtime request was made")
	}
	out = script(t, sandbox.task(map[string]any{"notifications": extended, "realtimeRequests": sandbox.realtime}))
	for _, want := range []string{"RENEWAL_EXTENDED", "RENEWAL_EXTENSION/FAILURE", "RENEWAL_EXTENSION/SUMMARY"} {
		if !slices.Contains(out.Types, want) {
			t.Errorf("no %s was verified", want)
		}
	}
}

// extended waits until the extension of all that the library asked for has ended, and
// returns the notifications.
func (s *shop) extended() (signed []string) {
	s.t.Helper()
	for range 200 {
		if signed = s.signed(); slices.ContainsFunc(signed, func(jws string) bool {
			part := strings.Split(jws, ".")
			payload, err := base64.RawURLEncoding.DecodeString(part[1])
			return err == nil && bytes.Contains(payload, []byte(`"SUMMARY"`))
		}) {
			return signed
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatal("the extension of all did not end")
	return nil
}

// signed are the notifications so far.
func (s *shop) signed() (signed []string) {
	for _, n := range s.Notices() {
		var body struct{ SignedPayload string }
		s.must(json.Unmarshal(n.Body, &body))
		signed = append(signed, body.SignedPayload)
	}
	return signed
}

// furnish makes a world in which every call finds something.
func (s *shop) furnish() map[string]any {
	s.Undecided = true
	who, app := s.AddCustomer("田中 美咲", "JPN", token)
	ids := map[string]any{"app": app, "product": "monthly", "subscription": s.buy(who, "monthly"), "bought": 31}
	for range 28 {
		s.buy(who, "beans")
	}
	consumable, asked := s.buy(who, "beans"), s.buy(who, "beans")
	order, err := s.Order(consumable)
	s.must(err)
	refunded := s.buy(who, "beans")
	for _, id := range []string{asked, refunded} {
		s.must(s.AskRefund(id, "UNINTENDED_PURCHASE"))
	}
	s.must(s.Decide(refunded, 100))
	ids["consumable"], ids["order"], ids["asked"], ids["refunded"] = consumable, order, asked, refunded
	s.taken()
	return ids
}

// taken waits until every notification was delivered.
func (s *shop) taken() {
	s.t.Helper()
	for range 200 {
		if !slices.ContainsFunc(s.Notices(), func(n sim.Notice) bool { return !n.Over }) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatal("the notifications were not delivered")
}

// TestNotifications: Apple's library verifies a notification of every kind that
// the simulator makes, with what is signed inside it, and no other store's.
func TestNotifications(t *testing.T) {
	s := open(t, sim.Production)
	s.lives()
	out := script(t, s.task(map[string]any{"notifications": s.signed()}))
	for want := range strings.FieldsSeq(`SUBSCRIBED/INITIAL_BUY SUBSCRIBED/RESUBSCRIBE DID_CHANGE_RENEWAL_PREF/UPGRADE DID_CHANGE_RENEWAL_PREF/DOWNGRADE
		DID_CHANGE_RENEWAL_PREF DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_ENABLED DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED OFFER_REDEEMED OFFER_REDEEMED/UPGRADE
		OFFER_REDEEMED/DOWNGRADE DID_RENEW DID_RENEW/BILLING_RECOVERY DID_FAIL_TO_RENEW DID_FAIL_TO_RENEW/GRACE_PERIOD GRACE_PERIOD_EXPIRED EXPIRED/VOLUNTARY EXPIRED/BILLING_RETRY EXPIRED/PRICE_INCREASE
		EXPIRED/PRODUCT_NOT_FOR_SALE PRICE_INCREASE/PENDING PRICE_INCREASE/ACCEPTED REFUND REFUND_DECLINED REFUND_REVERSED CONSUMPTION_REQUEST
		REVOKE ONE_TIME_CHARGE EXTERNAL_PURCHASE_TOKEN/UNREPORTED RESCIND_CONSENT`) {
		if !slices.Contains(out.Types, want) {
			t.Errorf("no %s was verified", want)
		}
	}
}

// TestOnDevice: Apple's library verifies what the simulator signs as StoreKit hands it
// to the app on a device, and finds that device in it, as the script hashes it itself;
// and no other store's.
func TestOnDevice(t *testing.T) {
	const device = "0C3D8F57-5A1B-4A8E-9B0B-6F1E2D3C4B5A"
	var tasks []map[string]any
	for _, environment := range []string{sim.Production, sim.Sandbox} {
		s := open(t, environment)
		who, app := s.AddCustomer("a", "JPN", token)
		bought := s.buy(who, "monthly")
		var held []map[string]any
		for _, on := range []string{device, ""} {
			transaction, err := s.OnDevice(bought, on)
			s.must(err)
			installed, err := s.AppOnDevice(who, on)
			s.must(err)
			held = append(held, map[string]any{"signed": transaction, "transaction": bought, "device": on}, map[string]any{"signed": installed, "app": app, "device": on})
		}
		tasks = append(tasks, s.task(map[string]any{"held": held}))
	}
	if out := script(t, tasks...); out.Held != 8 {
		t.Errorf("%d of 8 were verified", out.Held)
	}
}

// lives makes a past of half a year in which everything happens.
func (s *shop) lives() {
	s.Grace = 6
	s.must(s.Begin(time.Now().AddDate(0, -6, 0)))
	day := 24 * time.Hour
	var who [6]string
	for i := range who {
		who[i], _ = s.AddCustomer(string(rune('a'+i)), "JPN", token)
	}
	s.must(s.Family(who[0], who[1]))
	for _, c := range who[2:] {
		s.buy(c, "monthly")
	}
	s.buy(who[0], "monthly")
	codes, err := s.Codes("monthly", "thanks", 1)
	s.must(err)
	_, err = s.Redeem(who[2], codes[0])
	s.must(err)
	s.buy(who[3], "premium")
	s.buy(who[3], "monthly")
	s.buy(who[3], "premium")
	s.must(s.Card(who[4], false))
	s.must(s.Card(who[5], false))
	s.Pass(32 * day)
	s.must(s.Card(who[4], true))
	s.must(s.RaisePrice("monthly", map[string]int64{"JPN": 1980_000}, true))
	s.must(s.Consent(who[4], "monthly"))
	s.must(s.Leave(who[0], who[1]))
	s.Pass(70 * day)
	s.must(s.Renew(who[3], "premium", false))
	s.must(s.Renew(who[3], "premium", true))
	s.must(s.Renew(who[3], "premium", false))
	s.must(s.ForSale("monthly", false))
	s.Pass(40 * day)
	s.must(s.ForSale("monthly", true))
	s.buy(who[3], "monthly")
	s.must(s.Card(who[5], true))
	bean := s.buy(who[5], "beans")
	s.must(s.AskRefund(bean, "LEGAL"))
	s.must(s.Decide(bean, 0))
	s.must(s.Decide(bean, 40))
	s.must(s.Reverse(bean))
	s.must(s.RescindConsent(who[5]))
	s.ExternalPurchase("UNREPORTED")
	s.Grace = 0 // from here on who cannot pay loses access at once
	poor, _ := s.AddCustomer("g", "JPN", token)
	up, _ := s.AddCustomer("h", "JPN", token)
	down, _ := s.AddCustomer("i", "JPN", token)
	s.buy(poor, "monthly")
	s.must(s.Card(poor, false))
	s.buy(up, "monthly")
	s.buy(down, "premium")
	for who, by := range map[string][2]string{up: {"premium", "more"}, down: {"monthly", "thanks"}} {
		codes, err := s.Codes(by[0], by[1], 1)
		s.must(err)
		_, err = s.Redeem(who, codes[0])
		s.must(err)
	}
	s.Pass(32 * day)
	s.CatchUp()
}

// TestSignedOffers: what the library signs for a promotional offer is taken.
func TestSignedOffers(t *testing.T) {
	s := open(t, sim.Sandbox)
	who, app := s.AddCustomer("a", "JPN", token)
	other, _ := s.AddCustomer("b", "JPN", token)
	s.buy(who, "monthly")
	s.buy(other, "monthly")
	out := script(t, s.task(map[string]any{"sign": true, "ids": map[string]string{"product": "monthly", "eligible": "club", "offer": "stay", "app": app, "accountToken": token}})).Signed
	_, err := s.Buy(sim.Purchase{Customer: who, Product: "monthly", Offer: "stay", Signed: sim.OfferSignature{JWS: out.JWS}})
	s.must(err)
	id, _, _ := s.Key()
	_, err = s.Buy(sim.Purchase{Customer: other, Product: "monthly", Offer: "stay", Signed: sim.OfferSignature{
		KeyID: id, Nonce: out.Nonce, Timestamp: out.Timestamp, AppAccountToken: token, Signature: out.Signature,
	}})
	s.must(err)
	_, err = s.Buy(sim.Purchase{Customer: who, Product: "club", Eligibility: out.Eligibility})
	s.must(err)
}
