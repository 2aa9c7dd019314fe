package follow_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

const token = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"

// within runs a test in a bubble with a shop on SQLite.
func within(t *testing.T, do func(t *testing.T, s *followtest.Shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, followtest.Open(t, storetest.SQLite(t), sim.Production)) })
}

// wait lets time go by.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestFollow: what the store tells of a subscription's life stands in the hub
// when the notification is answered, and its events are the customer's.
func TestFollow(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		who := s.Person("KOR", token)
		sub := s.Bought(who, "monthly")
		wait(time.Second)
		p := s.Purchase(sub)
		if p.State != "active" || p.Product != "monthly" || !p.Renews || p.Customer == "" || p.Storefront != "KOR" || p.App != followtest.AppID || p.Environment != engawa.Production {
			t.Errorf("bought: %+v", p)
		}
		c, err := s.Hub.Customer(t.Context(), followtest.Workspace, p.Customer)
		if err != nil || c.Country != "KR" || c.Locale != engawa.Japanese || c.Kind != "person" {
			t.Errorf("%+v, %v", c, err)
		}
		s.Must(s.Renew(who, "20500001", false))
		wait(time.Second)
		if p = s.Purchase(sub); p.State != "active" || p.Renews {
			t.Errorf("canceled: %+v", p)
		}
		wait(32 * 24 * time.Hour)
		p = s.Purchase(sub)
		state, err := follow.State(p.Facts)
		if v := state.At(time.Now()); err != nil || p.State != "expired" || v.Entitled || v.Reason != purchase.EndCanceled {
			t.Errorf("expired: %+v %+v %v", p, v, err)
		}
		evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Customer: p.Customer}, store.Page{})
		if err != nil || len(evs) != 3 {
			t.Errorf("%d events of the customer: %v", len(evs), err)
		}
		recipes := s.Bought(who, "recipes")
		wait(time.Second)
		if other := s.Purchase(recipes); other.Customer != p.Customer || other.State != engawa.PurchaseOwned || other.Renews {
			t.Errorf("%+v", other)
		}
	})
}

// TestWhose: the token that the business gave names the customer, whatever else
// is new; what once came without one is tied to it later; and where the business
// knows two customers a person is asked.
func TestWhose(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := followtest.Open(t, url, sim.Production)
		add := func(kind, value string) string {
			id := engawa.NewID(engawa.PrefixCustomer)
			s.Must(s.Hub.AddCustomer(t.Context(), store.NewCustomer{
				Customer:   engawa.Customer{Workspace: followtest.Workspace, ID: id, Kind: "person", CreatedAt: time.Now()},
				Identities: []engawa.Identity{{Issuer: appstore.Issuer, Kind: kind, Value: value}},
			}))
			return id
		}
		ours := add(appstore.KindAppAccountToken, token)
		report := func(original, token, app string) purchase.Report {
			return purchase.OfTransaction(&appstore.Transaction{
				TransactionID: original, OriginalTransactionID: original, ProductID: "monthly", Type: sim.AutoRenewable, SubscriptionGroupIdentifier: "20500001",
				PurchaseDate: 1000, ExpiresDate: 2000, SignedDate: 1000, AppAccountToken: token, AppTransactionID: app, Storefront: "JPN",
			})
		}
		for _, tc := range []struct {
			name, original, token, app string
			same                       string // whose it is; empty: a new one's
		}{
			{"by token", "1", token, "a1", ours},
			{"by the app's transaction, which is known now", "2", "", "a1", ours},
			{"by nothing known", "3", "", "", ""},
			{"a token in capitals", "4", "7F3B0E0A-4A9E-4F5F-9D9B-0D2B7F1F7C01", "a9", ours},
		} {
			ps, err := s.Follow.Save(t.Context(), s.Account, follow.How{}, report(tc.original, tc.token, tc.app))
			s.Must(err)
			if got := ps[0].Customer; tc.same != "" && got != tc.same || tc.same == "" && (got == ours || got == "") {
				t.Errorf("%s: %s", tc.name, got)
			}
		}
		add(appstore.KindAppTransaction, "b1")
		if _, err := s.Follow.Save(t.Context(), s.Account, follow.How{}, report("5", token, "b1")); err != nil {
			t.Fatal(err)
		}
		tasks, err := s.Hub.Tasks(t.Context(), followtest.Workspace, 10)
		if err != nil || len(tasks) != 1 || tasks[0].Kind != "customer.twins" || tasks[0].Ref != ours {
			t.Errorf("%+v %v", tasks, err)
		}
	})
}

// TestUnread: an event that cannot be applied is kept all the same, and a person is
// asked, once however many come.
func TestUnread(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		s.Intake.Follow[follow.Kind] = func(context.Context, engawa.Account, *engawa.Event) error { return errors.New("facts of another time") }
		s.Bought(s.Person("JPN", token), "monthly")
		s.Bought(s.Person("KOR", ""), "premium")
		wait(time.Second)
		evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{}, store.Page{})
		s.Must(err)
		kept := 0
		for _, e := range evs {
			if e.Account == followtest.AccountID {
				kept++
			}
		}
		ks, err := s.Hub.Tasks(t.Context(), followtest.Workspace, 10)
		if err != nil || kept < 2 || len(ks) != 1 || ks[0].Kind != "purchase.unread" || ks[0].Ref != followtest.AccountID || ks[0].Count != kept {
			t.Errorf("%d kept, tasks %+v, %v", kept, ks, err)
		}
	})
}

// TestAnyOrder: late and repeated notifications do no harm, in the database too.
func TestAnyOrder(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		s.Down.Store(true)
		who := s.Person("JPN", token)
		sub := s.Bought(who, "monthly")
		s.Must(s.Renew(who, "20500001", false))
		wait(time.Hour)
		s.Must(s.Renew(who, "20500001", true))
		wait(40 * 24 * time.Hour)
		s.Must(s.AskRefund(sub, "OTHER"))
		wait(72 * time.Hour)
		s.Down.Store(false)
		notices := s.Notices()
		if len(notices) < 5 {
			t.Fatalf("only %d notices", len(notices))
		}
		var want string
		for round := range 4 {
			for range 5 {
				if round > 0 {
					rand.Shuffle(len(notices), func(i, j int) { notices[i], notices[j] = notices[j], notices[i] })
				}
				for _, n := range notices {
					s.Must(s.Intake.Accept(t.Context(), followtest.AccountID, nil, n.Body))
				}
			}
			p := s.Purchase(sub)
			got := fmt.Sprintf("%s %v %v %s %s", p.State, p.EndsAt, p.HeardAt, p.Product, p.Facts)
			if want != "" && got != want {
				t.Errorf("round %d: %s, want %s", round, got, want)
			}
			want = got
		}
	})
}

// TestErased: the purchase of an erased customer is not followed any more, until
// the customer comes back.
func TestErased(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := followtest.Open(t, url, sim.Production)
		r := purchase.OfTransaction(&appstore.Transaction{
			TransactionID: "1", OriginalTransactionID: "1", ProductID: "recipes", Type: sim.NonConsumable, PurchaseDate: 1000, SignedDate: 1000, AppAccountToken: token,
		})
		save := func(how follow.How) engawa.Purchase {
			ps, err := s.Follow.Save(t.Context(), s.Account, how, r)
			s.Must(err)
			return ps[0]
		}
		first := save(follow.How{})
		_, err := s.Hub.Erase(t.Context(), followtest.Workspace, first.Customer)
		s.Must(err)
		if p := save(follow.How{Asked: true}); p.Facts != nil || p.Customer != first.Customer || !p.CheckedAt.IsZero() {
			t.Errorf("%+v", p)
		}
		p := save(follow.How{Back: true})
		if p.Facts == nil || p.Customer == first.Customer || p.ID != first.ID || p.State != engawa.PurchaseOwned {
			t.Errorf("%+v", p)
		}
	})
}

// TestTogether: two nodes that hear of a new customer at once make one customer.
func TestTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := followtest.Open(t, url, sim.Production)
		const n = 8
		got := make(chan string, n)
		for i := range n {
			go func() {
				ps, err := s.Follow.Save(t.Context(), s.Account, follow.How{}, purchase.OfTransaction(&appstore.Transaction{
					TransactionID: fmt.Sprint(i), OriginalTransactionID: fmt.Sprint(i), ProductID: "beans", Type: sim.Consumable, PurchaseDate: 1000, SignedDate: 1000, AppAccountToken: token,
				}))
				if err != nil {
					t.Error(err)
					got <- ""
					return
				}
				got <- ps[0].Customer
			}()
		}
		first := <-got
		for range n - 1 {
			if c := <-got; c != first {
				t.Errorf("%s and %s", first, c)
			}
		}
	})
}

// TestPlans: a change of plan ends the subscription to the product before.
func TestPlans(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		who := s.Person("JPN", token)
		sub := s.Bought(who, "monthly")
		wait(24 * time.Hour)
		s.Bought(who, "premium")
		wait(time.Second)
		bs, err := s.Hub.Subscriptions(t.Context(), followtest.Workspace, s.Purchase(sub).Customer, store.Page{})
		s.Must(err)
		states := map[string]engawa.SubscriptionState{}
		for _, b := range bs {
			states[b.Product] = b.State
		}
		if len(bs) != 2 || states["premium"] != engawa.SubscriptionActive || states["monthly"] != engawa.SubscriptionExpired {
			t.Errorf("%v", states)
		}
	})
}

// TestSubscribedApart: a subscription that a tester has in the sandbox does not take
// the place of the one that is paid for; one that is bought takes the sandbox's.
func TestSubscribedApart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := followtest.Open(t, url, sim.Production)
		box := s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
		now := time.Now()
		hears := func(a engawa.Account, id, token string, status appstore.Status) (customer string) {
			t.Helper()
			on := int64(1)
			ps, err := s.Follow.Save(t.Context(), a, follow.How{}, purchase.OfSubscription(appstore.Subscription{
				Status: status,
				Transaction: &appstore.Transaction{
					TransactionID: id, OriginalTransactionID: id, ProductID: "monthly", Type: sim.AutoRenewable, SubscriptionGroupIdentifier: "20500001", AppAccountToken: token,
					PurchaseDate: appstore.Date(now.UnixMilli()), ExpiresDate: appstore.Date(now.Add(20 * 24 * time.Hour).UnixMilli()), SignedDate: appstore.Date(now.UnixMilli()),
				},
				Renewal: &appstore.RenewalInfo{OriginalTransactionID: id, ProductID: "monthly", AutoRenewProductID: "monthly", AutoRenewStatus: &on, SignedDate: appstore.Date(now.UnixMilli())},
			}))
			s.Must(err)
			return ps[0].Customer
		}
		stands := func(customer string) (all []string) {
			t.Helper()
			bs, err := s.Hub.Subscriptions(t.Context(), followtest.Workspace, customer, store.Page{})
			s.Must(err)
			for _, b := range bs {
				all = append(all, b.Environment+" "+string(b.State))
			}
			return all
		}
		const other = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c02"
		for _, c := range []struct {
			account   engawa.Account
			id, token string
			status    appstore.Status
			want      string
		}{
			{s.Account, "1", token, appstore.StatusActive, "production active"},
			{box.Account, "2", token, appstore.StatusExpired, "production active"},
			{s.Account, "1", token, appstore.StatusExpired, "production expired"},
			{box.Account, "2", token, appstore.StatusActive, "production expired"},
			{box.Account, "3", other, appstore.StatusActive, "sandbox active"},
			{box.Account, "3", other, appstore.StatusExpired, "sandbox expired"},
			{s.Account, "4", other, appstore.StatusActive, "production active"},
		} {
			now = now.Add(time.Second)
			if got := stands(hears(c.account, c.id, c.token, c.status)); !slices.Equal(got, []string{c.want}) {
				t.Errorf("%s is %s in %s: %q, want %s", c.id, c.status, c.account.ID, got, c.want)
			}
		}
	})
}
