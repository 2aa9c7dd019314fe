package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/channel/inapp"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/dispatch"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/phone"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

// The devices of a test, and what names its customer at the business.
const (
	device  = "0B2E6F4C-8A1D-4E55-9C0F-3D6A7B8C9D01"
	another = "0b2e6f4c-8a1d-4e55-9c0f-3d6a7b8c9d02"
	account = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"
)

// handheld is a device with an app of a shop, before a hub.
type handheld struct {
	*followtest.Shop

	handler http.Handler
	doc     *huma.OpenAPI
	full    string // a key of the workspace
	key     string // the app's
	session string
	log     bytes.Buffer
}

// onDevice runs a test in a bubble with a device.
func onDevice(t *testing.T, do func(t *testing.T, s *handheld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &handheld{Shop: followtest.Open(t, storetest.SQLite(t), sim.Production)}
		words, err := text.Load()
		s.Must(err)
		rules, err := rule.Load()
		s.Must(err)
		kinds := builtin.Kinds()
		a := &api.API{
			Store: s.Hub, Intake: s.Intake, Words: words, Kinds: kinds, Vault: vault.New(vault.Generate(time.Now())), Log: slog.New(slog.NewTextHandler(&s.log, nil)), Follow: s.Follow,
			Desk:    &desk.Desk{Store: s.Hub, Clients: s.Clients, Follow: s.Follow},
			Compose: &message.Composer{Store: s.Hub, Rules: rules, Words: words, Kinds: kinds},
		}
		s.handler, s.doc = a.Handler(), a.Document()
		key, err := api.NewKey(t.Context(), s.Hub, followtest.Workspace, "all", "*")
		s.Must(err)
		s.full = key.Reveal()
		s.key = s.made(followtest.AppID)
		do(t, s)
		if log := s.log.String(); strings.Contains(log, s.session) && s.session != "" || strings.Contains(log, account) {
			t.Errorf("a session or a token is in the log: %s", log)
		}
	})
}

// made makes an app key.
func (s *handheld) made(app string) string {
	s.T.Helper()
	status, out := s.call("POST", "/v1/apps/"+app+"/keys", s.full, `{"name":"iOS"}`)
	key, _ := out["key"].(string)
	if status != 201 || !strings.HasPrefix(key, "eng_app_") {
		s.T.Fatalf("%d %v", status, out)
	}
	return key
}

// do calls with a key, in a language, and with the session that there is.
func (s *handheld) do(method, path, key, body, locale string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Accept-Language", locale)
	if s.session != "" {
		r.Header.Set("Engawa-Session", s.session)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// call is do in no language, and reads the answer.
func (s *handheld) call(method, path, key, body string) (int, map[string]any) {
	s.T.Helper()
	w := s.do(method, path, key, body, "")
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		s.T.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Code, out
}

// ask is call with the app's key, which must work.
func (s *handheld) ask(method, path, body string) map[string]any {
	s.T.Helper()
	status, out := s.call(method, path, s.key, body)
	if status/100 != 2 {
		s.T.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

func (s *handheld) signed(transaction string) string {
	s.T.Helper()
	jws, err := s.OnDevice(transaction, device)
	s.Must(err)
	return jws
}

func shows(jws ...string) string {
	b, _ := json.Marshal(map[string]any{"transactions": jws, "device": device})
	return string(b)
}

// enter shows transactions, and keeps the session.
func (s *handheld) enter(jws ...string) map[string]any {
	s.T.Helper()
	out := s.ask("POST", "/v1/app/transactions", shows(jws...))
	s.session, _ = out["session"].(string)
	return out
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestAppEnters: what was bought on the device is known at once and is the
// customer's whom the token names; the same shown again changes nothing.
func TestAppEnters(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		s.Down.Store(true) // no notification comes
		who := s.Person("JPN", account)
		sub, beans := s.Bought(who, "club"), s.Bought(who, "beans")
		out := s.enter(s.signed(sub), s.signed(beans))
		if got := fmt.Sprint(out["entitlements"]); !strings.Contains(got, "name:club") || !strings.Contains(got, "name:beans") || !strings.Contains(got, "units:1") {
			t.Errorf("%s", got)
		}
		p := s.Purchase(sub)
		if p.Product != "club" || p.State != "active" || s.Purchase(beans).Customer != p.Customer {
			t.Errorf("%+v", p)
		}
		customer, err := s.Hub.CustomerBy(t.Context(), followtest.Workspace, engawa.Identity{Issuer: appstore.Issuer, Kind: appstore.KindAppAccountToken, Value: account})
		if err != nil || customer != p.Customer {
			t.Errorf("the token names %q, not %q: %v", customer, p.Customer, err)
		}
		again := s.enter(s.signed(sub))
		if fmt.Sprint(again["purchases"]) != fmt.Sprint(out["purchases"]) {
			t.Errorf("%v\n%v", out["purchases"], again["purchases"])
		}
		refundable := func(of map[string]any) (ids []string) {
			for _, p := range of["purchases"].([]any) {
				if p.(map[string]any)["refundable"] == true {
					ids = append(ids, p.(map[string]any)["transaction_id"].(string))
				}
			}
			return ids
		}
		if got := refundable(out); !slices.Equal(got, []string{beans}) { // club began free of charge
			t.Errorf("the app should offer to ask for a refund of %v, not of %s", got, beans)
		}
		s.Must(s.AskRefund(beans, "OTHER"))
		s.Must(s.Decide(beans, 100))
		wait(time.Hour)
		s.enter(s.signed(beans))
		got := s.ask("GET", "/v1/app/purchases", "")
		if text := fmt.Sprint(got["purchases"]); strings.Count(text, "refunded:true") != 1 || len(refundable(got)) != 0 {
			t.Errorf("%s", text)
		}
		if strings.Contains(fmt.Sprint(got), p.Customer) || strings.Contains(fmt.Sprint(got), account) {
			t.Errorf("the answer names the customer: %v", got)
		}
	})
}

// TestAppInstalled: who bought nothing comes in by the app's own transaction, is
// made a customer once, and is the same who buys later.
func TestAppInstalled(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		who := s.Person("KOR", "")
		jws, err := s.AppOnDevice(who, device)
		s.Must(err)
		body := fmt.Sprintf(`{"app_transaction":%q,"device":%q}`, jws, device)
		s.session, _ = s.ask("POST", "/v1/app/transactions", body)["session"].(string)
		s.ask("POST", "/v1/app/transactions", body)
		if cs, err := s.Hub.Customers(t.Context(), followtest.Workspace, store.Page{}); err != nil || len(cs) != 1 {
			t.Errorf("%d customers: %v", len(cs), err)
		}
		s.Bought(who, "recipes")
		wait(time.Second)
		if got := fmt.Sprint(s.ask("GET", "/v1/app/purchases", "")["entitlements"]); !strings.Contains(got, "recipes") {
			t.Errorf("%s", got)
		}
		if status, out := s.call("POST", "/v1/app/introductory-offers:sign", s.key, `{"product":"monthly"}`); status != 200 || out["eligible"] != true {
			t.Errorf("%d %v", status, out)
		}
	})
}

// TestAppRefused: what cannot be taken is refused with what to do, and leaves nothing.
func TestAppRefused(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		s.Down.Store(true)
		foreign, err := sim.New("jp.other.app", 99, sim.Production)
		s.Must(err)
		defer foreign.Close()
		sandbox, err := sim.New(followtest.Bundle, followtest.AppleID, sim.Sandbox)
		s.Must(err)
		defer sandbox.Close()
		unknown, err := sim.New(followtest.Bundle, followtest.AppleID, sim.Production)
		s.Must(err)
		defer unknown.Close()
		a, err := s.Hub.Account(t.Context(), followtest.Workspace, followtest.AccountID)
		s.Must(err)
		a.Settings["roots"] = s.RootPEM() + foreign.RootPEM() + sandbox.RootPEM()
		s.Must(s.Hub.ChangeAccount(t.Context(), a))
		bought := func(st *sim.Store) string {
			st.AddProduct(sim.Product{ID: "x", Type: sim.NonConsumable, Prices: map[string]int64{"JPN": 900_000}})
			who, _ := st.AddCustomer("c", "JPN", "")
			id, err := st.Buy(sim.Purchase{Customer: who, Product: "x"})
			s.Must(err)
			jws, err := st.OnDevice(id, device)
			s.Must(err)
			return jws
		}
		sub := s.Bought(s.Person("JPN", account), "monthly")
		other := s.Person("JPN", "")
		good := s.signed(sub)
		stolen, err := s.OnDevice(sub, another)
		s.Must(err)
		app, err := s.AppOnDevice(other, device)
		s.Must(err)
		for name, tc := range map[string]struct {
			body   string
			status int
			says   string
		}{
			"nothing":            {`{}`, 400, "nothing that the App Store signed"},
			"no JWS":             {shows("x.y.z"), 401, "not signed by the App Store"},
			"altered":            {shows(good[:len(good)-6] + "AAAAAA"), 401, "not signed by the App Store"},
			"another device's":   {shows(stolen), 401, "another device"},
			"another store's":    {shows(bought(unknown)), 401, "not signed by the App Store"},
			"another app's":      {shows(bought(foreign)), 400, "another app"},
			"the sandbox's":      {shows(bought(sandbox)), 400, "another environment"},
			"one good, one bad":  {shows(good, "x.y.z"), 401, "not signed"},
			"too many":           {shows(strings.Split(strings.Repeat("x ", 51), " ")...), 400, "/transactions"},
			"too large":          {`{"transactions":["` + strings.Repeat("x", 600<<10) + `"]}`, 413, "larger"},
			"another customer's": {fmt.Sprintf(`{"transactions":[%q],"app_transaction":%q,"device":%q}`, good, app, device), 401, "different customers"},
		} {
			status, out := s.call("POST", "/v1/app/transactions", s.key, tc.body)
			if status != tc.status || !strings.Contains(fmt.Sprint(out), tc.says) || out["remedy"] == "" {
				t.Errorf("%s: %d %v", name, status, out)
			}
		}
		if cs, err := s.Hub.Customers(t.Context(), followtest.Workspace, store.Page{}); err != nil || len(cs) != 0 {
			t.Errorf("what was refused made %d customers: %v", len(cs), err)
		}
	})
}

// TestAppCopies: a copy of what the store signed that names no device, as it stands
// in notifications, is kept, and answers what it opens; it opens no session, neither
// beside what a device of somebody else shows, and brings no erased customer back.
func TestAppCopies(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		s.Down.Store(true)
		copied := func(transaction string) string {
			jws, err := s.OnDevice(transaction, "")
			s.Must(err)
			return jws
		}
		who := s.Person("JPN", account)
		sub, club := s.Bought(who, "monthly"), s.Bought(who, "club")
		out := s.enter(copied(sub))
		if got := fmt.Sprint(out["entitlements"]); out["session"] != "" || out["ends_at"] != nil || !strings.Contains(got, "name:monthly") || fmt.Sprint(out["purchases"]) != "[]" {
			t.Errorf("a copy alone: %v", out)
		}
		customer := s.Purchase(sub).Customer
		if got, err := s.Hub.CustomerBy(t.Context(), followtest.Workspace, engawa.Identity{Issuer: appstore.Issuer, Kind: appstore.KindAppAccountToken, Value: account}); got != customer || customer == "" {
			t.Errorf("the token names %q, not %q: %v", got, customer, err)
		}
		s.enter(s.signed(club)) // more is known of this customer
		if got := fmt.Sprint(s.enter(copied(sub))["entitlements"]); !strings.Contains(got, "name:monthly") || strings.Contains(got, "club") {
			t.Errorf("a copy opens more than itself: %s", got)
		}
		if status, _ := s.call("GET", "/v1/app/messages", s.key, ""); status != 401 {
			t.Errorf("a copy reads messages: %d", status)
		}
		thief := s.Bought(s.Person("JPN", ""), "recipes")
		for _, shown := range [][]string{{s.signed(thief), copied(sub)}, {copied(sub), s.signed(thief)}} {
			s.enter(shown...)
			if got := fmt.Sprint(s.ask("GET", "/v1/app/purchases", "")); !strings.Contains(got, "recipes") || strings.Contains(got, "monthly") {
				t.Errorf("beside one's own: %s", got)
			}
		}
		app, err := s.AppOnDevice(who, "")
		s.Must(err)
		if status, out := s.call("POST", "/v1/app/transactions", s.key, fmt.Sprintf(`{"app_transaction":%q,"device":%q}`, app, device)); status != 401 || !strings.Contains(fmt.Sprint(out), "names no device") {
			t.Errorf("a copy of the app's: %d %v", status, out)
		}
		with := s.ask("POST", "/v1/app/transactions", fmt.Sprintf(`{"transactions":[%q],"app_transaction":%q,"device":%q}`, copied(sub), app, device))
		if with["session"] != "" {
			t.Error("two copies open a session")
		}
		if app, err = s.AppOnDevice(who, device); err != nil {
			t.Fatal(err)
		}
		with = s.ask("POST", "/v1/app/transactions", fmt.Sprintf(`{"transactions":[%q],"app_transaction":%q,"device":%q}`, copied(sub), app, device))
		s.session, _ = with["session"].(string)
		if got := fmt.Sprint(s.ask("GET", "/v1/app/purchases", "")); !strings.Contains(got, "monthly") || !strings.Contains(got, "club") {
			t.Errorf("beside the app's own: %s", got)
		}
		_, err = s.Hub.Erase(t.Context(), followtest.Workspace, customer)
		s.Must(err)
		if out := s.enter(copied(sub)); out["session"] != "" || fmt.Sprint(out["entitlements"]) != "[]" || s.Purchase(sub).Facts != nil {
			t.Errorf("of an erased customer: %v", out)
		}
	})
}

// phoneBodies are bodies that the operations of devices take.
var phoneBodies = map[string]string{
	"enterApp": `{"transactions":["x.y.z"]}`, "signOffer": `{"product":"club","offer":"stay"}`, "signIntro": `{"product":"club"}`, "tellReason": `{"reason":"other"}`, "tellUsage": `{"product":"club","played_seconds":1}`,
}

// TestAppKey: the key of an app opens nothing else, no other key opens what is the
// app's, a session is its key's and ends with it, with a day, and with the customer.
func TestAppKey(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		sub := s.Bought(s.Person("JPN", account), "monthly")
		wait(time.Second)
		for _, path := range []string{"/v1/customers", "/v1/accounts", "/v1/keys", "/v1/messages", "/v1/apps"} {
			if status, out := s.call("GET", path, s.key, ""); status != 403 {
				t.Errorf("%s by an app key: %d %v", path, status, out)
			}
		}
		walked := 0
		for path, item := range s.doc.Paths {
			if !strings.HasPrefix(path, "/v1/app/") {
				continue
			}
			for method, o := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
				if o == nil {
					continue
				}
				walked++
				body, at := phoneBodies[o.OperationID], strings.ReplaceAll(path, "{id}", "iam_nobody")
				if status, out := s.call(method, at, s.full, body); status != 403 {
					t.Errorf("%s by a key of the workspace: %d %v", o.OperationID, status, out)
				}
				if status, out := s.call(method, at, s.key, body); o.OperationID != "enterApp" && status != 401 {
					t.Errorf("%s without a session: %d %v", o.OperationID, status, out)
				}
			}
		}
		if walked < 5 {
			t.Errorf("only %d operations are the app's", walked)
		}
		s.enter(s.signed(sub))
		s.ask("GET", "/v1/app/purchases", "")
		other := s.made(followtest.AppID)
		if status, _ := s.call("GET", "/v1/app/purchases", other, ""); status != 401 {
			t.Errorf("another key's session: %d", status)
		}
		session := s.session
		middle := len(session) / 2
		s.session = session[:middle] + map[bool]string{true: "B", false: "A"}[session[middle] == 'A'] + session[middle+1:]
		if status, _ := s.call("GET", "/v1/app/purchases", s.key, ""); status != 401 {
			t.Errorf("an altered session: %d", status)
		}
		s.session = session
		wait(25 * time.Hour)
		if status, _ := s.call("GET", "/v1/app/purchases", s.key, ""); status != 401 {
			t.Errorf("a day later: %d", status)
		}
		s.enter(s.signed(sub))
		_, err := s.Hub.Erase(t.Context(), followtest.Workspace, s.Purchase(sub).Customer)
		s.Must(err)
		if status, _ := s.call("GET", "/v1/app/purchases", s.key, ""); status != 401 {
			t.Errorf("of an erased customer: %d", status)
		}
		s.enter(s.signed(sub)) // the customer came back
		if got := fmt.Sprint(s.ask("GET", "/v1/app/purchases", "")["entitlements"]); !strings.Contains(got, "monthly") {
			t.Errorf("%s", got)
		}
		keys, err := s.Hub.Keys(t.Context(), followtest.Workspace)
		s.Must(err)
		for _, k := range keys {
			if k.App != "" {
				s.Must(s.Hub.RevokeKey(t.Context(), followtest.Workspace, k.ID))
			}
		}
		wait(10 * time.Second)
		if status, _ := s.call("GET", "/v1/app/purchases", s.key, ""); status != 401 {
			t.Errorf("by a revoked key: %d", status)
		}
	})
}

// TestAppPace: a device that loops is told to wait; later it is let in again.
func TestAppPace(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		refused := 0
		for range 150 {
			if status, _ := s.call("GET", "/v1/app/purchases", s.key, ""); status == 429 {
				refused++
			}
		}
		if refused != 50 {
			t.Errorf("%d of 150 calls were refused", refused)
		}
		wait(time.Minute)
		if status, _ := s.call("GET", "/v1/app/purchases", s.key, ""); status != 401 {
			t.Errorf("a minute later: %d", status)
		}
	})
}

// TestAppOffers: the store takes what was signed, in both forms, once; only for
// whom a rule names.
func TestAppOffers(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		who := s.Person("JPN", account)
		sub := s.Bought(who, "club")
		s.enter(s.signed(sub))
		const wish = `{"product":"club","offer":"stay","app_account_token":"` + account + `"}`
		allow := func(rules string) {
			a, err := s.Hub.Account(t.Context(), followtest.Workspace, followtest.AccountID)
			s.Must(err)
			a.Settings["signed_offers"] = rules
			s.Must(s.Hub.ChangeAccount(t.Context(), a))
		}
		for _, rules := range []string{"", "club other", "monthly stay", "club stay expired canceled"} {
			allow(rules)
			if status, out := s.call("POST", "/v1/app/offers:sign", s.key, wish); status != 403 {
				t.Errorf("by %q: %d %v", rules, status, out)
			}
		}
		allow("\nclub stay active canceled\n")
		signed := s.ask("POST", "/v1/app/offers:sign", wish)
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "club", Offer: "stay", Signed: sim.OfferSignature{JWS: signed["jws"].(string)}}); err != nil {
			t.Errorf("the newer form: %v", err)
		}
		old := sim.OfferSignature{
			KeyID: signed["key_id"].(string), Nonce: signed["nonce"].(string), Timestamp: int64(signed["timestamp"].(float64)), AppAccountToken: account, Signature: signed["signature"].(string),
		}
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "club", Offer: "stay", Signed: old}); err != nil {
			t.Errorf("the original form: %v", err)
		}
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "club", Offer: "stay", Signed: old}); err == nil {
			t.Error("the store takes a signature twice: the test proves nothing")
		}
		if status, out := s.call("POST", "/v1/app/offers:sign", s.key, `{"product":"club","offer":"stay","transaction_id":"2000000000000099"}`); status != 400 {
			t.Errorf("for somebody else's transaction: %d %v", status, out)
		}
		if had := s.ask("POST", "/v1/app/introductory-offers:sign", `{"product":"club"}`); had["eligible"] != false || strings.Count(had["jws"].(string), ".") != 2 {
			t.Errorf("who had it: %v", had)
		}
		fresh := s.Person("JPN", "")
		s.enter(s.signed(s.Bought(fresh, "monthly")))
		if status, out := s.call("POST", "/v1/app/offers:sign", s.key, strings.Replace(wish, account, "", 1)); status != 403 {
			t.Errorf("to who was subscribed in another group alone: %d %v", status, out)
		}
		may := s.ask("POST", "/v1/app/introductory-offers:sign", `{"product":"club"}`)
		id, err := s.Buy(sim.Purchase{Customer: fresh, Product: "club", Eligibility: may["jws"].(string)})
		s.Must(err)
		wait(time.Second)
		if p := s.Purchase(id); may["eligible"] != true || !strings.Contains(string(p.Facts), "FREE_TRIAL") {
			t.Errorf("%v, and the store made of it %s", may["eligible"], p.Facts)
		}
		if _, err := s.Buy(sim.Purchase{Customer: fresh, Product: "club", Eligibility: may["jws"].(string)}); err == nil || !strings.Contains(err.Error(), "was used") {
			t.Errorf("the store did not read the eligibility: %v", err)
		}
	})
}

// TestAppCodes: the app shows the customer's own unused codes, and no others.
func TestAppCodes(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		who := s.Person("JPN", account)
		sub := s.Bought(who, "monthly")
		other := s.Bought(s.Person("JPN", ""), "monthly")
		wait(time.Second)
		s.pool(2)
		s.enter(s.signed(sub))
		for _, id := range []string{other, sub} {
			if got := s.ask("GET", "/v1/app/offer-codes", "")["codes"].([]any); len(got) != 0 {
				t.Errorf("before: %v", got)
			}
			_, _, err := s.Hub.HandOut(t.Context(), store.HandOut{Workspace: followtest.Workspace, Account: followtest.AccountID, Offer: "thanks", Customer: s.Purchase(id).Customer, Reason: "apology"})
			s.Must(err)
		}
		got := s.ask("GET", "/v1/app/offer-codes", "")["codes"].([]any)
		if len(got) != 1 || !strings.HasPrefix(fmt.Sprint(got[0].(map[string]any)["link"]), "https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code=") {
			t.Errorf("%v", got)
		}
		wait(2 * time.Hour)
		if got := s.ask("GET", "/v1/app/offer-codes", "")["codes"].([]any); len(got) != 0 {
			t.Errorf("after its end: %v", got)
		}
	})
}

// hand connects messages in the app and sends what is composed, until it is stopped.
func (s *handheld) hand() (compose *message.Composer, stop func()) {
	s.T.Helper()
	s.Must(s.Hub.AddAccount(s.T.Context(), engawa.Account{
		Workspace: followtest.Workspace, ID: "acc_app", Kind: "inapp", Name: "アプリ", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"app": followtest.AppID},
	}))
	words, err := text.Load()
	s.Must(err)
	rules, err := rule.Load()
	s.Must(err)
	compose = &message.Composer{Store: s.Hub, Rules: rules, Words: words, Kinds: builtin.Kinds()}
	ctx, end := context.WithCancel(s.T.Context())
	d := &dispatch.Dispatcher{
		Store: s.Hub, Compose: compose, Rules: rules, Kinds: builtin.Kinds(), Owner: "node", Log: slog.New(slog.DiscardHandler), Lease: 30 * time.Second,
		Env: channel.Env{Log: slog.New(slog.DiscardHandler), Raise: s.Hub.Raise, Show: phone.Keep(s.Hub)},
	}
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	return compose, func() { end(); <-done }
}

// pool puts codes of the offer "thanks" into a pool, and returns them.
func (s *handheld) pool(n int) (codes []string) {
	s.T.Helper()
	codes, err := s.Codes("club", "thanks", n)
	s.Must(err)
	p := engawa.OfferPool{Workspace: followtest.Workspace, ID: "ofp_1", Account: followtest.AccountID, Offer: "thanks", EndsAt: time.Now().Add(time.Hour), CreatedAt: time.Now()}
	s.Must(s.Hub.AddOfferPool(s.T.Context(), p, ""))
	secret := make([]engawa.Secret, n)
	for i, c := range codes {
		secret[i] = engawa.Secret(c)
	}
	_, err = s.Hub.AddOfferCodes(s.T.Context(), p, secret)
	s.Must(err)
	return codes
}

// TestAppMessages: a message in the app waits until it is fetched, through the
// verdict like any other: what is not agreed to is not there, what ended is not, and
// the app says what was seen, which the message and the customer's timeline tell. The
// build that the customer tests fetches from the same inbox as the one that is sold.
func TestAppMessages(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		compose, stop := s.hand()
		defer stop()
		sub := s.Bought(s.Person("JPN", account), "monthly")
		testFlight := s.both()
		tester, _ := testFlight.AddCustomer("tester", "JPN", account)
		tested, err := testFlight.Buy(sim.Purchase{Customer: tester, Product: "monthly"})
		s.Must(err)
		s.enter(s.signed(sub))
		s.enter(s.signed(sub))
		customer := s.Purchase(sub).Customer
		points, err := s.Hub.ContactPoints(t.Context(), followtest.Workspace, customer)
		if err != nil || len(points) != 1 || points[0].Kind != "inapp" {
			t.Fatalf("%d ways to reach the customer: %v", len(points), err)
		}
		say := func(purpose engawa.Purpose, subject, words string) string {
			ms, err := compose.Accept(t.Context(), followtest.Workspace, []message.Request{{
				Workspace: followtest.Workspace, Customer: customer, Purpose: purpose, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_app"}},
				Content: engawa.Content{Subject: subject, Text: words}, Variables: map[string]any{"shop": "ひなた珈琲"},
			}})
			s.Must(err)
			return ms[0].Message.ID
		}
		fix := say(engawa.Service, "お支払い方法をご確認ください", "https://apps.apple.com/account/billing")
		say(engawa.Marketing, "おすすめの豆", "x")
		wait(time.Minute)
		state := func() engawa.DeliveryState {
			said, err := s.Hub.Message(t.Context(), followtest.Workspace, fix)
			s.Must(err)
			return said.Deliveries[0].State
		}
		if got := state(); got != engawa.Accepted {
			t.Errorf("kept, it is %s", got)
		}
		sold := s.session
		onTest, err := testFlight.OnDevice(tested, device)
		s.Must(err)
		s.enter(onTest)
		got := s.ask("GET", "/v1/app/messages", "")["messages"].([]any)
		if len(got) != 1 || !strings.Contains(fmt.Sprint(got), "お支払い方法をご確認ください") || strings.Contains(fmt.Sprint(got), "seen:true") {
			t.Fatalf("%v", got)
		}
		if got := state(); got != engawa.Delivered {
			t.Errorf("fetched, it is %s", got)
		}
		s.session = sold
		id := got[0].(map[string]any)["id"].(string)
		for range 2 {
			s.ask("POST", "/v1/app/messages/"+id+":seen", "")
		}
		if got := s.ask("GET", "/v1/app/messages", "")["messages"]; !strings.Contains(fmt.Sprint(got), "seen:true") {
			t.Errorf("%v", got)
		}
		_, told := s.call("GET", "/v1/messages/"+fix, s.full, "")
		at := fmt.Sprint(told["deliveries"].([]any)[0].(map[string]any)["seen_at"])
		if when, err := time.Parse(time.RFC3339, at); err != nil || !when.Equal(time.Now()) {
			t.Errorf("the message says seen at %s", at)
		}
		for path, rows := range map[string]string{"/v1/customers/" + customer + "/timeline?kind=message": "rows", "/v1/messages?customer=" + customer: "messages"} {
			_, told := s.call("GET", path, s.full, "")
			for _, r := range told[rows].([]any) {
				row := r.(map[string]any)
				if got, want := row["seen_at"], map[bool]any{true: at, false: nil}[row["id"] == fix]; got != want {
					t.Errorf("%s: %s was seen at %v, not %v", path, row["id"], got, want)
				}
			}
		}
		code := s.pool(1)[0]
		say(engawa.Service, "お詫びの特典", "{{shop}}より: {{offer.link:thanks}}")
		wait(time.Minute)
		offered := s.ask("GET", "/v1/app/messages", "")["messages"].([]any)
		if want := "ひなた珈琲より: https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code=" + code; len(offered) != 2 || offered[0].(map[string]any)["text"] != want {
			t.Errorf("%v, not %q", offered, want)
		}
		if codes := s.ask("GET", "/v1/app/offer-codes", "")["codes"].([]any); len(codes) != 1 || codes[0].(map[string]any)["code"] != code {
			t.Errorf("the code in the message is not the customer's: %v", codes)
		}
		mine := s.session
		s.enter(s.signed(s.Bought(s.Person("JPN", ""), "recipes")))
		if got := s.ask("GET", "/v1/app/messages", "")["messages"].([]any); len(got) != 0 {
			t.Errorf("somebody else's: %v", got)
		}
		if status, _ := s.call("POST", "/v1/app/messages/"+id+":seen", s.key, ""); status != 404 {
			t.Errorf("somebody else saw it: %d", status)
		}
		s.session = mine
		stop() // what was kept waits without anybody's work
		wait(23 * time.Hour)
		if got := s.ask("GET", "/v1/app/messages", "")["messages"].([]any); len(got) != 2 {
			t.Errorf("a day later: %v", got)
		}
		wait(72 * time.Hour)
		s.enter(s.signed(sub))
		if got := s.ask("GET", "/v1/app/messages", "")["messages"].([]any); len(got) != 0 {
			t.Errorf("after its end: %v", got)
		}
	})
}

// TestAppReason: an answer becomes one event of the customer.
func TestAppReason(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		sub := s.Bought(s.Person("JPN", account), "monthly")
		wait(time.Second)
		s.enter(s.signed(sub))
		const answer = `{"reason":"too_expensive","text":"飲みきれません","product":"monthly"}`
		first := s.ask("POST", "/v1/app/cancel-reason", answer)
		if again := s.ask("POST", "/v1/app/cancel-reason", answer); again["event"] != first["event"] {
			t.Errorf("%v and %v", first, again)
		}
		if status, _ := s.call("POST", "/v1/app/cancel-reason", s.key, `{"reason":"because"}`); status != 400 {
			t.Errorf("no reason: %d", status)
		}
		e, err := s.Hub.Event(t.Context(), followtest.Workspace, first["event"].(string))
		if err != nil || e.Type != "app.cancel_reason" || e.Customer != s.Purchase(sub).Customer || !strings.Contains(string(e.Data), "too_expensive") {
			t.Errorf("%+v %v", e, err)
		}
	})
}

// TestAppUsage: an app tells how far its customer's own purchases were used, and of
// nobody else's; a device cannot make it less, nor take back what the server told.
func TestAppUsage(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		who := s.Person("JPN", account)
		beans := s.Bought(who, "beans")
		other := s.Bought(s.Person("JPN", ""), "recipes")
		wait(time.Second)
		s.enter(s.signed(beans))
		kept := func(about map[string]any) string {
			body, err := json.Marshal(about)
			s.Must(err)
			status, out := s.call("POST", "/v1/consumption", s.full, string(body)) // tells one thing, and answers all that is known
			if status/100 != 2 {
				t.Fatalf("%d %v", status, out)
			}
			return fmt.Sprint(out["delivery"], " ", out["percentage"], " ", out["played_seconds"])
		}
		s.ask("POST", "/v1/app/usage", `{"transaction_id":"`+beans+`","delivered":true,"percentage":40,"played_seconds":600}`)
		s.ask("POST", "/v1/app/usage", `{"transaction_id":"`+beans+`","percentage":10,"played_seconds":601}`)
		if got := kept(map[string]any{"transaction": beans, "sample_provided": false}); got != "DELIVERED 40 601" {
			t.Errorf("%s", got)
		}
		kept(map[string]any{"transaction": beans, "delivery": "UNDELIVERED_OTHER", "percentage": 5})
		s.ask("POST", "/v1/app/usage", `{"transaction_id":"`+beans+`","delivered":true,"percentage":4}`)
		if got := kept(map[string]any{"transaction": beans, "sample_provided": false}); got != "UNDELIVERED_OTHER 5 601" {
			t.Errorf("%s", got)
		}
		s.ask("POST", "/v1/app/usage", `{"product":"beans","played_seconds":9}`)
		if got := kept(map[string]any{"customer": s.Purchase(beans).Customer, "product": "beans", "sample_provided": true}); got != " <nil> 9" {
			t.Errorf("%s", got)
		}
		for name, body := range map[string]string{
			"somebody else's":  `{"transaction_id":"` + other + `","played_seconds":1}`,
			"another product":  `{"product":"recipes","played_seconds":1}`,
			"of nothing":       `{"played_seconds":1}`,
			"of two":           `{"transaction_id":"` + beans + `","product":"beans","played_seconds":1}`,
			"nothing":          `{"product":"beans"}`,
			"more than all":    `{"product":"beans","percentage":101}`,
			"a delivery's say": `{"product":"beans","delivery":"UNDELIVERED_OTHER"}`,
		} {
			if status, out := s.call("POST", "/v1/app/usage", s.key, body); status != 400 || fmt.Sprint(out["remedy"]) == "" {
				t.Errorf("%s: %d %v", name, status, out)
			}
		}
	})
}

// TestAppsOfTwo: of a customer of two apps, each app's account reaches the customer
// there, for what is about that app or about none.
func TestAppsOfTwo(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		const second = "app_second"
		s.Must(s.Hub.AddApp(t.Context(), engawa.App{Workspace: followtest.Workspace, ID: second, Name: "二つ目", CreatedAt: time.Now()}))
		for id, app := range map[string]string{"acc_one": followtest.AppID, "acc_two": second} {
			s.Must(s.Hub.AddAccount(t.Context(), engawa.Account{
				Workspace: followtest.Workspace, ID: id, Kind: "inapp", Name: app, Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
				Settings: map[string]string{"app": app},
			}))
		}
		now := time.Now()
		s.Must(s.Hub.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: followtest.Workspace, ID: "cus_both", Kind: "person", CreatedAt: now}}))
		for i, app := range []string{followtest.AppID, second} {
			s.Must(s.Hub.AddContactPoint(t.Context(), engawa.ContactPoint{
				Workspace: followtest.Workspace, ID: fmt.Sprint("cp_", i), Customer: "cus_both", Kind: "inapp", Address: inapp.Address(app, "cus_both"), VerifiedAt: now, CreatedAt: now,
			}))
		}
		for _, tc := range []struct{ account, about, want string }{
			{"acc_one", "", followtest.AppID + "/cus_both"},
			{"acc_two", "", second + "/cus_both"},
			{"acc_two", second, second + "/cus_both"},
			{"acc_two", followtest.AppID, ""},
			{"acc_one", second, ""},
		} {
			known, err := s.Hub.Facts(t.Context(), followtest.Workspace, []store.Ask{{
				Message: engawa.Message{Workspace: followtest.Workspace, ID: "msg_1", Customer: "cus_both", App: tc.about, Purpose: engawa.Service}, Account: tc.account,
			}})
			s.Must(err)
			if got := known[0].To.Reveal(); got != tc.want || (known[0].Facts.Contact == nil) != (tc.want == "") {
				t.Errorf("%s about %q: %q", tc.account, tc.about, got)
			}
		}
	})
}

// TestAppProducts: what the business says of its products is answered to the app, to
// its systems, and counts at once; forgotten, a product opens itself again.
func TestAppProducts(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		who := s.Person("JPN", account)
		sub, season := s.Bought(who, "club"), s.Bought(who, "season")
		wait(time.Second)
		s.enter(s.signed(sub), s.signed(season))
		open := func() string {
			var names []string
			for _, e := range s.ask("GET", "/v1/app/purchases", "")["entitlements"].([]any) {
				one := e.(map[string]any)
				names = append(names, fmt.Sprint(one["name"], " by ", one["product"], " ", one["until"] != nil))
			}
			_, out := s.call("GET", "/v1/customers/"+s.Purchase(sub).Customer+"/entitlements", s.full, "")
			for i, e := range out["entitlements"].([]any) {
				if one := e.(map[string]any); i >= len(names) || !strings.HasPrefix(names[i], fmt.Sprint(one["name"], " by ", one["product"])) {
					t.Errorf("the business is told %v, the app %v", one, names)
				}
			}
			return strings.Join(names, ", ")
		}
		if got := open(); got != "club by club true, season by season false" {
			t.Errorf("undescribed: %s", got)
		}
		for id, body := range map[string]string{"club": `{"entitlements":["premium","recipes"]}`, "season": `{"entitlements":["premium"],"months":3}`} {
			if status, out := s.call("PUT", "/v1/products/"+id, s.full, body); status != 200 {
				t.Fatalf("%d %v", status, out)
			}
		}
		if got := open(); got != "premium by season true, recipes by club true" {
			t.Errorf("described: %s", got)
		}
		for _, bad := range []string{`{"entitlements":["a","a"]}`, `{"entitlements":[""]}`, `{"entitlements":[],"months":500}`, `{}`} {
			if status, out := s.call("PUT", "/v1/products/club", s.full, bad); status != 400 || fmt.Sprint(out["remedy"]) == "" {
				t.Errorf("%s: %d %v", bad, status, out)
			}
		}
		s.call("DELETE", "/v1/products/season", s.full, "")
		if got := open(); got != "premium by club true, recipes by club true, season by season false" {
			t.Errorf("forgotten: %s", got)
		}
		if status, _ := s.call("DELETE", "/v1/products/season", s.full, ""); status != 404 {
			t.Errorf("forgotten twice: %d", status)
		}
	})
}

// TestMessageWhile: a message that is posted goes only while what it asks of a
// purchase holds, and names a purchase of its own customer.
func TestMessageWhile(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		s.Must(s.Hub.AddAccount(t.Context(), engawa.Account{
			Workspace: followtest.Workspace, ID: "acc_app", Kind: "inapp", Name: "アプリ", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"app": followtest.AppID},
		}))
		who := s.Person("JPN", account)
		sub := s.Bought(who, "monthly")
		other := s.Bought(s.Person("JPN", ""), "monthly")
		wait(time.Second)
		s.enter(s.signed(sub))
		p := s.Purchase(sub)
		check := func(purchase, to string) (int, string) {
			status, out := s.call("POST", "/v1/messages:check", s.full, fmt.Sprintf(
				`{"to":%s,"purpose":"service","trigger":"automatic","content":{"text":"x"},"while":{"holds":"renewal_off","purchase":%q}}`, to, purchase))
			return status, fmt.Sprint(out)
		}
		mine := fmt.Sprintf(`{"customer":%q}`, p.Customer)
		if status, out := check(p.ID, mine); status != 200 || !strings.Contains(out, "rules.gone_renews") {
			t.Errorf("renewing: %d %s", status, out)
		}
		s.Must(s.Renew(who, "20500001", false))
		wait(time.Second)
		if status, out := check(p.ID, mine); status != 200 || !strings.Contains(out, "rules.while_renewal_off") || strings.Contains(out, "rules.gone_") {
			t.Errorf("switched off: %d %s", status, out)
		}
		for name, purchase := range map[string]string{"somebody else's": s.Purchase(other).ID, "nobody's": "pur_x"} {
			if status, out := check(purchase, mine); status != 400 || !strings.Contains(out, "/while/purchase") {
				t.Errorf("%s: %d %s", name, status, out)
			}
		}
		if status, out := check(p.ID, `{"destination":"dst_x"}`); status != 400 || !strings.Contains(out, "/while") {
			t.Errorf("to staff: %d %s", status, out)
		}
	})
}
