package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/store"
)

const sandboxID = "acc_sandbox"

// byHost is the App Store's two hosts.
type byHost struct{ production, sandbox http.RoundTripper }

func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Host, "sandbox") {
		return b.sandbox.RoundTrip(r)
	}
	return b.production.RoundTrip(r)
}

// both adds the app's sandbox to a shop in production: one key and one URL for both.
func (s *handheld) both() *sim.Store {
	s.T.Helper()
	sandbox, err := sim.New(followtest.Bundle, followtest.AppleID, sim.Sandbox)
	s.Must(err)
	s.T.Cleanup(func() { _ = sandbox.Close() })
	sandbox.AddProduct(sim.Product{ID: "monthly", Name: "月額", Type: sim.AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: map[string]int64{"JPN": 1480_000}})
	sandbox.UseKey(s.Store)
	settings := maps.Clone(s.Account.Settings)
	settings["environment"], settings["roots"] = engawa.Sandbox, s.RootPEM()+sandbox.RootPEM() // Apple has one root for both
	s.Must(s.Hub.AddAccount(s.T.Context(), engawa.Account{
		Workspace: followtest.Workspace, ID: sandboxID, Kind: s.Account.Kind, Name: "Sandbox", Environment: engawa.Sandbox, Enabled: true, Settings: settings, CreatedAt: time.Now(),
	}))
	a, err := s.Hub.Account(s.T.Context(), followtest.Workspace, followtest.AccountID)
	s.Must(err)
	a.Settings["roots"] = settings["roots"]
	s.Must(s.Hub.ChangeAccount(s.T.Context(), a))
	s.Clients.HTTP = &http.Client{Transport: byHost{channeltest.Client(s.Store).Transport, channeltest.Client(sandbox).Transport}}
	sandbox.URL, sandbox.Client = s.URL, s.Client // App Store Connect has one URL
	return sandbox
}

// TestBothAtOneDoor: an app whose reviewers and testers buy in the sandbox with the
// build that is sold is served at one URL and with one app key. What is of the sandbox
// is the sandbox's account's, whichever door it came by; what production does not
// know (4040010, 4040005) is asked of the sandbox, and done there.
func TestBothAtOneDoor(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		sandbox := s.both()
		reviewer, _ := sandbox.AddCustomer("reviewer", "JPN", "")
		tested, err := sandbox.Buy(sim.Purchase{Customer: reviewer, Product: "monthly"})
		s.Must(err)
		sold := s.Bought(s.Person("JPN", account), "monthly")
		wait(time.Minute)
		for transaction, in := range map[string]string{tested: sandboxID, sold: followtest.AccountID} {
			for _, account := range []string{sandboxID, followtest.AccountID} {
				p, err := s.Hub.PurchaseBy(t.Context(), followtest.Workspace, account, transaction)
				if found := err == nil; found != (account == in) {
					t.Errorf("%s has %s: %t, %v", account, transaction, found, err)
				}
				if account == in && p.State != "active" {
					t.Errorf("%s is %s", transaction, p.State)
				}
			}
		}
		evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: "store.subscribed.initial_buy"}, store.Page{})
		if err != nil || len(evs) != 2 || evs[0].Account == evs[1].Account {
			t.Errorf("%d events: %v", len(evs), err)
		}

		device := func(from *sim.Store, transaction string) string {
			jws, err := from.OnDevice(transaction, device)
			s.Must(err)
			return jws
		}
		s.enter(device(sandbox, tested))
		ofTest := s.session
		s.enter(device(s.Store, sold))
		ofSold := s.session
		for session, want := range map[string]string{ofTest: tested, ofSold: sold} {
			s.session = session
			got, err := json.Marshal(s.ask("GET", "/v1/app/purchases", ""))
			if err != nil || !strings.Contains(string(got), `"`+want+`"`) || strings.Count(string(got), `"transaction_id"`) != 1 {
				t.Errorf("%s: %s %v", want, got, err)
			}
		}
		for session, want := range map[string]string{ofTest: engawa.Sandbox, ofSold: engawa.Production} {
			s.session = session
			e, err := s.Hub.Event(t.Context(), followtest.Workspace, s.ask("POST", "/v1/app/cancel-reason", `{"reason":"not_used"}`)["event"].(string))
			if err != nil || !strings.Contains(string(e.Data), `"environment":"`+want+`"`) {
				t.Errorf("%s: %s %v", want, e.Data, err)
			}
		}

		s.Down.Store(true) // neither is heard of
		unheard, err := sandbox.Buy(sim.Purchase{Customer: func() string { c, _ := sandbox.AddCustomer("second", "JPN", ""); return c }(), Product: "monthly"})
		s.Must(err)
		production, err := s.Clients.Open(t.Context(), followtest.Workspace, followtest.AccountID)
		s.Must(err)
		wantCode := func(code int64, err error) {
			t.Helper()
			if e, ok := errors.AsType[*appstore.APIError](err); !ok || e.Code != code {
				t.Errorf("production says %v, not %d", err, code)
			}
		}
		_, err = production.Transaction(t.Context(), unheard)
		wantCode(4040010, err)
		_, err = production.Extend(t.Context(), unheard, appstore.Extend{Days: 7, Reason: appstore.ExtendSatisfaction, RequestID: "5c0e3f2a-7a3b-4f0e-9d55-0a3c1b7e9f10"})
		wantCode(4040005, err)
		status, found := s.call("POST", "/v1/customers:find", s.full, fmt.Sprintf(`{"text":%q,"ask":true}`, unheard))
		asked, _ := json.Marshal(found["asked"])
		if status != 200 || len(found["customers"].([]any)) != 1 || !strings.Contains(string(asked), sandboxID) {
			t.Fatalf("%d %v", status, found)
		}
		p, err := s.Hub.PurchaseBy(t.Context(), followtest.Workspace, sandboxID, unheard)
		s.Must(err)
		if status, out := s.call("POST", "/v1/purchases/"+p.ID+":extend", s.full, `{"days":7,"reason":"customer_satisfaction"}`); status/100 != 2 || out["state"] != "done" {
			t.Errorf("%d %v", status, out)
		}
		s.Down.Store(false)

		a, err := s.Hub.Account(t.Context(), followtest.Workspace, sandboxID)
		s.Must(err)
		a.Enabled = false
		s.Must(s.Hub.ChangeAccount(t.Context(), a))
		wait(time.Minute)
		last, err := sandbox.Buy(sim.Purchase{Customer: func() string { c, _ := sandbox.AddCustomer("third", "JPN", ""); return c }(), Product: "monthly"})
		s.Must(err)
		wait(time.Minute)
		for _, account := range []string{sandboxID, followtest.AccountID} {
			if _, err := s.Hub.PurchaseBy(t.Context(), followtest.Workspace, account, last); engawa.CodeOf(err) != engawa.CodeNotFound {
				t.Errorf("%s takes what is of an environment that is off: %v", account, err)
			}
		}
	})
}
