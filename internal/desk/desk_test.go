package desk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/rude"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

const token = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"

// bench is a desk before a shop.
type bench struct {
	*followtest.Shop
	*desk.Desk

	lose func(*http.Request) (ask, answer bool) // what of a call to the store gets through; nil: all
}

// RoundTrip loses what the test says.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	ask, answer := true, true
	if b.lose != nil {
		ask, answer = b.lose(r)
	}
	if !ask {
		return nil, errors.New("connection reset")
	}
	res, err := b.Shop.Clients.HTTP.Transport.RoundTrip(r)
	if err == nil && !answer {
		res.Body.Close()
		return nil, errors.New("connection reset")
	}
	return res, err
}

func open(t *testing.T, url, environment string) *bench {
	b := &bench{Shop: followtest.Open(t, url, environment)}
	b.Desk = &desk.Desk{Store: b.Hub, Follow: b.Shop.Follow, Clients: &follow.Clients{Store: b.Hub, HTTP: &http.Client{Transport: b}}}
	return b
}

// within runs a test in a bubble, on SQLite.
func within(t *testing.T, do func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, open(t, storetest.SQLite(t), sim.Production)) })
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) find(text string) desk.Finding {
	b.T.Helper()
	f, err := b.Find(b.T.Context(), followtest.Workspace, text, true)
	b.Must(err)
	return f
}

func TestForms(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"cus_1":                       "id",
		"sub_1":                       "handle",
		"Hana@Customer.example":       "mail number",
		token:                         "token number",
		strings.ToUpper(token):        "token number",
		"2000000123456789":            "transaction number",
		"1234567":                     "number",
		"MK4TTT1234":                  "order number name",
		"mk4ttt1234":                  "order number name",
		"MKTTTABCDE":                  "order number name",
		"A-100":                       "number name",
		"A-10000":                     "order number name",
		"hanako":                      "number name",
		"山田 花":                        "number name",
		"김민수":                         "number name",
		"W1/../2":                     "order number name",
		"an order id 12 with spaces ": "number name",
	} {
		var got []string
		for _, f := range desk.Forms(desk.Clean(text)) {
			got = append(got, string(f))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q may be %v, want %s", text, got, want)
		}
	}
	if desk.Clean(" ＭＫ４ｔ\u3000") != "MK4t" {
		t.Errorf("%q", desk.Clean(" ＭＫ４ｔ\u3000"))
	}
}

// TestFind: by each thing that a customer can name; the store is asked only for
// what the hub has never heard of, and what it says is kept.
func TestFind(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		who := b.Person("JPN", token)
		sub := b.Bought(who, "monthly")
		wait(32 * 24 * time.Hour) // renewed once
		owner := b.Purchase(sub).Customer
		_, err := b.Hub.ChangeCustomer(t.Context(), followtest.Workspace, owner, func(c *engawa.Customer) { c.Name = "山田 花" })
		b.Must(err)
		b.Down.Store(true)
		var beans, order string                         // which the hub does not hear of
		for !strings.ContainsAny(order, "0123456789") { // without a digit small letters may be a name
			beans = b.Bought(who, "beans")
			order, err = b.Order(beans)
			b.Must(err)
		}
		state, err := follow.State(b.Purchase(sub).Facts)
		b.Must(err)
		var second string
		for id := range state.Periods {
			if id != sub {
				second = id
			}
		}
		b.Must(b.Hub.AddPartner(t.Context(), engawa.Partner{Workspace: followtest.Workspace, ID: "ptn_a", Name: "在庫くん", CreatedAt: time.Now()}))
		b.Must(b.Hub.AddApp(t.Context(), engawa.App{Workspace: followtest.Workspace, ID: "app_a", Partner: "ptn_a", Name: "在庫くん", CreatedAt: time.Now()}))
		handle, err := b.Hub.Handle(t.Context(), store.List{Workspace: followtest.Workspace, App: "app_a"}, owner)
		b.Must(err)
		calls := len(b.Calls())
		for typed, by := range map[string]store.FoundBy{
			owner: store.ByID, handle: store.ByHandle, "sub_nobodys": "", sub: store.ByIdentity, second: store.ByTransaction, strings.ToUpper(token): store.ByIdentity, "やまだ": "", "山田": store.ByName, " 山田　花 ": store.ByName,
		} {
			f := b.find(typed)
			if by == "" {
				if len(f.Hits) != 0 {
					t.Errorf("%s finds %v", typed, f.Hits)
				}
				continue
			}
			if len(f.Hits) != 1 || f.Hits[0].Customer.ID != owner || f.Hits[0].By != by && by != store.ByIdentity {
				t.Errorf("%s: %+v", by, f.Hits)
			}
		}
		if n := len(b.Calls()); n != calls {
			t.Errorf("the store was asked %d times for what is known", n-calls)
		}
		for _, typed := range []string{strings.ToLower(order), order} {
			if f := b.find(typed); len(f.Hits) != 1 || f.Hits[0].Customer.ID != owner || f.Hits[0].By != desk.ByOrder || len(f.Asked) != 1 || f.Asked[0].Err != nil {
				t.Errorf("by order %s: %+v", typed, f)
			}
		}
		if p := b.Purchase(beans); p.Customer != owner {
			t.Errorf("what the store said was not kept: %+v", p)
		}
		for _, nothing := range []string{"MK0000000X", "../../x1", "W1/../../etc2", "99999999999999"} {
			if f := b.find(nothing); len(f.Hits) != 0 || len(f.Asked) != 1 || f.Asked[0].Err != nil {
				t.Errorf("%q: %+v", nothing, f)
			}
		}
		for _, trouble := range []int{rude.Lost, 500, 5000000} {
			b.Answer = func(*http.Request) (int, bool) { return trouble, false }
			if f := b.find("MK0000000X"); len(f.Asked) != 1 || !coded(f.Asked[0].Err, engawa.CodeUnavailable) {
				t.Errorf("the store does not answer, %d: %+v", trouble, f)
			}
		}
		if f, err := b.Find(t.Context(), followtest.Workspace, "MK0000000X", false); err != nil || len(f.Asked) != 0 {
			t.Errorf("asked without leave: %+v %v", f, err)
		}
		if _, err := b.Find(t.Context(), followtest.Workspace, strings.Repeat("x", 201), true); !coded(err, engawa.CodeInvalid) {
			t.Errorf("too long: %v", err)
		}
	})
}

func coded(err error, code engawa.Code) bool {
	e, ok := errors.AsType[*engawa.Error](err)
	return ok && e.Code == code
}

// TestFindNew: a transaction that was never heard of is found in the store, on
// both engines; the sandbox says that it has no orders.
func TestFindNew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		b := open(t, url, sim.Sandbox)
		b.Down.Store(true)
		sub := b.Bought(b.Person("KOR", token), "monthly")
		f := b.find(sub)
		if len(f.Hits) != 1 || f.Hits[0].By != store.ByTransaction {
			t.Fatalf("%+v", f)
		}
		if p := b.Purchase(sub); p.State != "active" || !p.Renews || p.CheckedAt.IsZero() {
			t.Errorf("%+v", p)
		}
		if f := b.find("MK4TTT1234"); len(f.Hits) != 0 || len(f.Asked) != 1 || !f.Asked[0].Sandbox {
			t.Errorf("%+v", f)
		}
	})
}

func (b *bench) extend(id string) (engawa.Extension, error) {
	return b.Extend(b.T.Context(), desk.Ask{Workspace: followtest.Workspace, Purchase: id, Days: 7, Reason: appstore.ExtendSatisfaction, Actor: "member:mem_1"})
}

func (b *bench) limits(id string) desk.Limits {
	b.T.Helper()
	_, l, err := b.Standing(b.T.Context(), followtest.Workspace, id)
	b.Must(err)
	return l
}

// TestFindInSandbox: a transaction that the production account does not know is asked
// of the sandbox's, after it, and what the sandbox tells is kept as the sandbox's.
func TestFindInSandbox(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		sandbox, err := sim.New(followtest.Bundle, followtest.AppleID, sim.Sandbox)
		b.Must(err)
		defer func() { _ = sandbox.Close() }()
		sandbox.AddProduct(sim.Product{ID: "monthly", Name: "月額", Type: sim.AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: map[string]int64{"JPN": 1480000}})
		id, issuer, p8 := sandbox.Key()
		b.Must(b.Hub.AddAccount(t.Context(), engawa.Account{
			Workspace: followtest.Workspace, ID: "acc_a_sandbox", Kind: follow.Kind, Name: "Sandbox", Environment: engawa.Sandbox, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"bundle_id": followtest.Bundle, "environment": engawa.Sandbox, "app": followtest.AppID, "issuer_id": issuer, "key_id": id, "private_key": p8, "roots": sandbox.RootPEM()},
		}))
		here := channeltest.Client(sandbox).Transport
		b.Desk.Clients.HTTP = &http.Client{Transport: byHost(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Host, "sandbox") {
				return here.RoundTrip(r)
			}
			return b.RoundTrip(r)
		})}
		who, _ := sandbox.AddCustomer("reviewer", "JPN", token)
		tx, err := sandbox.Buy(sim.Purchase{Customer: who, Product: "monthly"})
		b.Must(err)
		f := b.find(tx)
		if len(f.Hits) != 1 || len(f.Asked) != 2 || f.Asked[0].Account.ID != followtest.AccountID || f.Asked[0].Err != nil || f.Asked[1].Account.ID != "acc_a_sandbox" {
			t.Fatalf("%+v", f)
		}
		p, err := b.Hub.PurchaseBy(t.Context(), followtest.Workspace, "acc_a_sandbox", tx)
		if err != nil || p.Environment != engawa.Sandbox || p.Customer != f.Hits[0].Customer.ID {
			t.Errorf("%+v %v", p, err)
		}
		asked := func(text string) (accounts []string, f desk.Finding) {
			t.Helper()
			f = b.find(text)
			for _, a := range f.Asked {
				accounts = append(accounts, fmt.Sprint(a.Account.ID, " ", a.Err != nil, " ", a.Sandbox))
			}
			return accounts, f
		}
		wants := func(name, text string, hits int, want ...string) {
			t.Helper()
			if got, f := asked(text); !slices.Equal(got, want) || len(f.Hits) != hits {
				t.Errorf("%s: asked %q and found %d", name, got, len(f.Hits))
			}
		}
		b.Down.Store(true) // the hub hears of nothing that follows
		live := b.Bought(b.Person("JPN", ""), "monthly")
		wants("production knows it", live, 1, "acc_store false false")
		wants("nobody knows it", "2000000000000099", 0, "acc_store false false", "acc_a_sandbox false false")
		wants("an order", "MK4TTT1234", 0, "acc_store false false", "acc_a_sandbox false true")
		second, _ := sandbox.AddCustomer("reviewer", "JPN", "")
		other, err := sandbox.Buy(sim.Purchase{Customer: second, Product: "monthly"})
		b.Must(err)
		b.lose = func(*http.Request) (bool, bool) { return false, false }
		wants("production does not answer", other, 1, "acc_store true false", "acc_a_sandbox false false")
		b.lose = nil
		a, err := b.Hub.Account(t.Context(), followtest.Workspace, "acc_a_sandbox")
		b.Must(err)
		a.Enabled = false
		b.Must(b.Hub.ChangeAccount(t.Context(), a))
		wants("the sandbox is off", "2000000000000098", 0, "acc_store false false")
	})
}

type byHost func(*http.Request) (*http.Response, error)

func (f byHost) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestExtend: twice, then no more, by our own count; the trail names who and why.
func TestExtend(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		sub := b.Bought(b.Person("JPN", token), "monthly")
		wait(time.Second)
		p := b.Purchase(sub)
		before := p.EndsAt
		for left := 2; left > 0; left-- {
			if l := b.limits(p.ID); l.Left != left || l.Why != "" || !l.Until.Equal(b.Purchase(sub).EndsAt) {
				t.Errorf("%d left: %+v", left, l)
			}
			x, err := b.extend(p.ID)
			if err != nil || x.State != engawa.ExtensionDone || !x.EndsAt.Equal(before.AddDate(0, 0, 7*(3-left))) {
				t.Fatalf("%+v %v", x, err)
			}
			if now := b.Purchase(sub); !now.EndsAt.Equal(x.EndsAt) {
				t.Errorf("the new date is not shown at once: %v, %v", now.EndsAt, x.EndsAt)
			}
			wait(time.Hour)
		}
		calls := len(b.Calls())
		l := b.limits(p.ID)
		if l.Left != 0 || l.Why != desk.NoneLeft || l.Again.Before(time.Now().AddDate(0, 0, 364)) || l.Again.After(time.Now().AddDate(0, 0, 365)) {
			t.Errorf("%+v", l)
		}
		if _, err := b.extend(p.ID); !coded(err, engawa.CodeConflict) || !strings.Contains(err.Error(), "twice within 365 days") {
			t.Errorf("the third: %v", err)
		}
		if n := len(b.Calls()); n != calls {
			t.Error("the store was asked for a third")
		}
		trail, err := b.Hub.Audits(t.Context(), followtest.Workspace, store.AuditFilter{Action: "extend-renewal"}, store.Page{})
		if err != nil || len(trail) != 2 || trail[0].Actor != "member:mem_1" || trail[0].Object != p.ID || !strings.Contains(trail[0].Detail, "days=7 reason=1") {
			t.Errorf("%+v %v", trail, err)
		}
		wait(366 * 24 * time.Hour)
		if l := b.limits(p.ID); l.Left != 2 {
			t.Errorf("a year later %+v", l)
		}
	})
}

// TestStoreRefuses: what the hub does not know the store does: the reason is its
// own, and its code is kept.
func TestStoreRefuses(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		sub := b.Bought(b.Person("JPN", token), "monthly")
		wait(time.Second)
		p := b.Purchase(sub)
		app, err := b.Desk.Clients.Open(t.Context(), followtest.Workspace, followtest.AccountID)
		b.Must(err)
		b.Down.Store(true) // another program extends, and the hub hears nothing of it
		for range 2 {
			_, err := app.Extend(t.Context(), sub, appstore.Extend{Days: 1, RequestID: desk.NewRequest()})
			b.Must(err)
		}
		if l := b.limits(p.ID); l.Left != 2 {
			t.Fatalf("%+v", l)
		}
		x, err := b.extend(p.ID)
		if !coded(err, engawa.CodeConflict) || x.State != engawa.ExtensionRefused || x.Code != 4030005 || !strings.Contains(err.Error(), "already extended twice") {
			t.Errorf("%+v %v", x, err)
		}
		xs, err := b.Hub.Extensions(t.Context(), followtest.Workspace, p.Customer, store.Page{})
		if err != nil || len(xs) != 1 || xs[0].Code != 4030005 || xs[0].State != engawa.ExtensionRefused || xs[0].Actor != "member:mem_1" {
			t.Errorf("%+v %v", xs, err)
		}
	})
}

// TestLimits: each thing that stands in the way, seen before the store is asked.
func TestLimits(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		head, child := b.Person("JPN", token), b.Person("JPN", "")
		b.Must(b.Family(head, child))
		shared := b.Bought(head, "monthly")
		free := b.Bought(b.Person("JPN", ""), "club")
		once := b.Bought(b.Person("JPN", ""), "recipes")
		gone := b.Person("JPN", "")
		over := b.Bought(gone, "monthly")
		b.Must(b.Renew(gone, "20500001", false))
		wait(time.Second)
		why := func(original string) desk.Obstacle { return b.limits(b.Purchase(original).ID).Why }
		if got := why(free); got != desk.FreeOffer {
			t.Errorf("in a free offer: %q", got)
		}
		if got := why(once); got != desk.NotRenewing {
			t.Errorf("bought once: %q", got)
		}
		all, err := b.Hub.Customers(t.Context(), followtest.Workspace, store.Page{Limit: 50})
		b.Must(err)
		seen := 0
		for _, c := range all {
			ps, err := b.Hub.PurchasesOf(t.Context(), followtest.Workspace, c.ID)
			b.Must(err)
			for _, p := range ps {
				if p.Shared {
					seen++
					if got := b.limits(p.ID).Why; got != desk.Shared {
						t.Errorf("shared: %q", got)
					}
				}
			}
		}
		if seen != 1 {
			t.Errorf("%d shared purchases", seen)
		}
		failing := func() (original string) {
			who := b.Person("JPN", "")
			original = b.Bought(who, "monthly")
			b.Must(b.Card(who, false))
			return original
		}
		unpaid := failing()
		wait(35 * 24 * time.Hour)
		b.Grace = 16
		graced := failing()
		wait(35 * 24 * time.Hour)
		if got := why(unpaid); got != desk.NotPaid || b.Purchase(unpaid).State != "billing_retry" {
			t.Errorf("in billing retry: %q", got)
		}
		if l := b.limits(b.Purchase(graced).ID); l.Why != "" || l.Left != 2 || b.Purchase(graced).State != "billing_grace_period" || !l.Until.After(time.Now()) {
			t.Errorf("within the grace period: %+v", l)
		}
		if x, err := b.extend(b.Purchase(graced).ID); !coded(err, engawa.CodeConflict) || x.Code != 4030004 {
			t.Errorf("the store has the last word: %+v %v", x, err)
		}
		calls := len(b.Calls())
		if _, err := b.extend(b.Purchase(unpaid).ID); !coded(err, engawa.CodeConflict) || len(b.Calls()) != calls {
			t.Errorf("the store was asked for what is not paid: %v", err)
		}
		if got := why(over); got != desk.NotPaid {
			t.Errorf("over: %q", got)
		}
		if got := why(shared); got != "" {
			t.Errorf("the buyer's own: %q", got)
		}
		p := b.Purchase(shared)
		_, err = b.Hub.Erase(t.Context(), followtest.Workspace, p.Customer)
		b.Must(err)
		if got := b.limits(p.ID).Why; got != desk.Erased {
			t.Errorf("erased: %q", got)
		}
		for _, bad := range []desk.Ask{{Days: 0}, {Days: 91}, {Days: 1, Reason: 4}, {Days: 1, Reason: -1}} {
			bad.Workspace, bad.Purchase = followtest.Workspace, p.ID
			if _, err := b.Extend(t.Context(), bad); !coded(err, engawa.CodeInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

// unclear are answers that do not tell whether anything was done: one that never
// came, and the store's own trouble, whichever code it bears.
var unclear = map[string]rude.Fault{
	"lost, done": {Status: rude.Lost, Done: true}, "lost, not done": {Status: rude.Lost},
	"5000001, done": {Status: 500, Done: true}, "5000001, not done": {Status: 500},
	"5000000, done": {Status: 5000000, Done: true}, "5000000, not done": {Status: 5000000},
}

// treats has the store treat the calls of a method as f says, and counts them.
func (b *bench) treats(method string, f rude.Fault) (calls *int) {
	calls = new(int)
	b.Answer = func(r *http.Request) (int, bool) {
		if r.Method != method {
			return 0, false
		}
		*calls++
		return f.Status, f.Done
	}
	return calls
}

// TestUnclear: an answer that does not tell. The request is not repeated; a look
// tells whether it was done, by the hub itself after two minutes.
func TestUnclear(t *testing.T) {
	for name, f := range unclear {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, b *bench) {
				sub := b.Bought(b.Person("JPN", token), "monthly")
				wait(time.Second)
				p := b.Purchase(sub)
				asked := b.treats(http.MethodPut, f)
				b.Down.Store(true)
				x, err := b.extend(p.ID)
				if err != nil || x.State != engawa.ExtensionUnknown {
					t.Fatalf("%+v %v", x, err)
				}
				if l := b.limits(p.ID); l.Why != desk.UnderWay || l.Open != x.ID {
					t.Errorf("%+v", l)
				}
				if _, err := b.extend(p.ID); !coded(err, engawa.CodeConflict) || *asked != 1 {
					t.Errorf("asked again, %d times: %v", *asked, err)
				}
				b.Must(b.Step(t.Context())) // too early
				wait(3 * time.Minute)
				b.Must(b.Step(t.Context()))
				x, err = b.Hub.Extension(t.Context(), followtest.Workspace, x.ID)
				b.Must(err)
				want, left := engawa.ExtensionDone, 1
				if !f.Done {
					want, left = engawa.ExtensionUndone, 2
				}
				if l := b.limits(p.ID); x.State != want || l.Left != left || l.Why != "" || *asked != 1 {
					t.Errorf("%+v, then %+v", x, l)
				}
			})
		})
	}
}

// TestNobodyKnows: while the store does not answer it is looked for again, and
// after a day a person is asked.
func TestNobodyKnows(t *testing.T) {
	x := engawa.Extension{AskedAt: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), BeforeAt: time.Date(2026, 5, 20, 0, 0, 0, 0, time.UTC)}
	if got, _ := desk.Became(x, stateOf(x.BeforeAt.AddDate(0, 0, -40), x.BeforeAt.AddDate(0, 0, -10))); got != engawa.ExtensionUnknown {
		t.Errorf("a period that ended before: %s", got)
	}
	if got, _ := desk.Became(x, stateOf(x.BeforeAt, x.BeforeAt.AddDate(0, 1, 0))); got != engawa.ExtensionUndone {
		t.Errorf("renewed on the old date: %s", got)
	}
	if got, until := desk.Became(x, stateOf(x.BeforeAt.AddDate(0, -1, 0), x.BeforeAt.AddDate(0, 0, 7))); got != engawa.ExtensionDone || !until.Equal(x.BeforeAt.AddDate(0, 0, 7)) {
		t.Errorf("moved: %s %v", got, until)
	}
}

func (b *bench) outage(storefronts ...string) (engawa.Extension, error) {
	return b.ExtendAll(b.T.Context(), desk.Outage{
		Workspace: followtest.Workspace, Account: followtest.AccountID, Product: "monthly", Storefronts: storefronts, Days: 3, Reason: appstore.ExtendOutage,
		RequestID: desk.NewRequest(), Actor: "member:mem_1",
	})
}

func (b *bench) again(x engawa.Extension) engawa.Extension {
	b.T.Helper()
	x, err := b.Hub.Extension(b.T.Context(), x.Workspace, x.ID)
	b.Must(err)
	return x
}

// steps lets time go by, with the background work of two nodes.
func (b *bench) steps(minutes int) {
	b.T.Helper()
	for range minutes {
		wait(time.Minute)
		done := make(chan error)
		for range 2 {
			go func() { done <- b.Step(b.T.Context()) }()
		}
		b.Must(errors.Join(<-done, <-done))
	}
}

// TestOutage: those whom it concerns are counted before, it is asked once, its
// progress is followed over a restart, and who could not be extended is a task.
func TestOutage(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		var first string
		for i := range 5 {
			id := b.Bought(b.Person([]string{"JPN", "KOR"}[i%2], ""), "monthly")
			if i == 0 {
				first = id
			}
		}
		b.Bought(b.Person("JPN", ""), "premium")
		wait(time.Second)
		p := b.Purchase(first)
		for range 2 { // so that it can be extended no more
			_, err := b.extend(p.ID)
			b.Must(err)
			wait(time.Minute)
		}
		sold, err := b.Hub.SoldSubscriptions(t.Context(), followtest.Workspace)
		if err != nil || len(sold) != 3 || sold[0] != (store.Sold{Account: followtest.AccountID, Product: "monthly", Storefront: "JPN", Living: 3}) {
			t.Errorf("%+v %v", sold, err)
		}
		x, err := b.outage("JPN")
		if err != nil || x.Concerned != 3 || x.State != engawa.ExtensionWaiting {
			t.Fatalf("%+v %v", x, err)
		}
		if _, err := b.outage(); !coded(err, engawa.CodeConflict) {
			t.Errorf("a second one of the product: %v", err)
		}
		b.steps(1)
		if x = b.again(x); x.State != engawa.ExtensionRunning {
			t.Fatalf("%+v", x)
		}
		b.steps(60)
		b.Desk = &desk.Desk{Store: b.Hub, Follow: b.Shop.Follow, Clients: b.Shop.Clients} // the hub starts again
		b.steps(90)
		if x = b.again(x); x.State != engawa.ExtensionDone || x.Succeeded != 2 || x.Failed != 1 || x.DoneAt.IsZero() {
			t.Errorf("%+v", x)
		}
		b.steps(75)
		if x = b.again(x); !x.NextAt.IsZero() || x.Listed != 1 {
			t.Errorf("%+v", x)
		}
		posts, polls := 0, 0
		for _, c := range b.Calls() {
			if strings.HasSuffix(c.Path, "/extend/mass") || strings.HasSuffix(c.Path, "/extend/mass/") {
				posts++
			} else if strings.Contains(c.Path, "/extend/mass/") {
				polls++
			}
		}
		if posts != 1 || polls < 10 || polls > 80 {
			t.Errorf("asked %d times, looked %d times", posts, polls)
		}
		tasks, err := b.Hub.Tasks(t.Context(), followtest.Workspace, 10)
		if err != nil || len(tasks) != 1 || tasks[0].Kind != "extension.failed" || tasks[0].Customer != p.Customer || tasks[0].Count != 1 {
			t.Errorf("%+v %v", tasks, err)
		}
		trail, err := b.Hub.Audits(t.Context(), followtest.Workspace, store.AuditFilter{Action: "extend-all"}, store.Page{})
		if err != nil || len(trail) != 1 || trail[0].Actor != "member:mem_1" || trail[0].Object != x.ID || !strings.HasPrefix(trail[0].Detail, "days=3 reason=3 ") {
			t.Errorf("%+v %v", trail, err)
		}
	})
}

// TestOutageOfMany: beyond a number of customers who could not be extended one task
// speaks of all the others.
func TestOutageOfMany(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.Bought(b.Person("JPN", ""), "monthly")
		wait(time.Second)
		x, err := b.outage("JPN")
		b.Must(err)
		b.steps(1)
		wait(time.Second)
		now := time.Now()
		evs := make([]engawa.Event, 203)
		for i := range evs {
			evs[i] = engawa.Event{
				Workspace: followtest.Workspace, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: followtest.AccountID, Type: desk.TypeFailure, DedupKey: fmt.Sprint("failure ", i),
				OccurredAt: now, ReceivedAt: now, Known: true, Data: []byte(`{"product_id":"monthly","storefront":"JPN"}`),
			}
		}
		_, err = b.Hub.Journal(t.Context(), evs)
		b.Must(err)
		b.steps(20)
		for kind, want := range map[string]int{"extension.failed": 200, "extension.more_failed": 1} {
			n := 0
			for p := (store.Page{Limit: 100}); ; {
				ks, err := b.Hub.TaskPage(t.Context(), followtest.Workspace, store.TaskFilter{Kind: kind}, p)
				b.Must(err)
				if n += len(ks); len(ks) < p.Limit {
					break
				}
				p.ID, p.At = ks[len(ks)-1].ID, ks[len(ks)-1].CreatedAt
			}
			if n != want {
				t.Errorf("%d tasks %s, want %d", n, kind, want)
			}
		}
		ks, err := b.Hub.TaskPage(t.Context(), followtest.Workspace, store.TaskFilter{Kind: "extension.more_failed"}, store.Page{})
		if err != nil || len(ks) != 1 || ks[0].Ref != x.ID || ks[0].Args["product"] != "monthly" {
			t.Errorf("%+v %v", ks, err)
		}
	})
}

// TestOutageLost: no clear answer to the request. It is never sent again: the
// store is asked whether it has it, and where it has not a person is.
func TestOutageLost(t *testing.T) {
	for name, f := range unclear {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, b *bench) {
				b.Bought(b.Person("JPN", ""), "monthly")
				wait(time.Second)
				posts := b.treats(http.MethodPost, f)
				x, err := b.outage()
				b.Must(err)
				b.steps(200)
				x = b.again(x)
				tasks, err := b.Hub.Tasks(t.Context(), followtest.Workspace, 10)
				b.Must(err)
				if f.Done && (x.State != engawa.ExtensionDone || x.Succeeded != 1 || len(tasks) != 0) {
					t.Errorf("%+v %v", x, tasks)
				}
				if !f.Done && (x.State != engawa.ExtensionUnknown || len(tasks) != 1 || tasks[0].Kind != "extension.unknown") {
					t.Errorf("%+v %v", x, tasks)
				}
				if *posts != 1 {
					t.Errorf("asked %d times", *posts)
				}
			})
		})
	}
}

// TestOutageRefused: the store's reason ends it and asks a person.
func TestOutageRefused(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.Bought(b.Person("JPN", ""), "monthly")
		wait(time.Second)
		for name, o := range map[string]desk.Outage{
			"days": {Product: "monthly", Days: 91}, "nobody": {Product: "club", Days: 1}, "storefront": {Product: "monthly", Days: 1, Storefronts: []string{"jp"}}, "id": {Product: "monthly", Days: 1, RequestID: "1"},
		} {
			o.Workspace, o.Account = followtest.Workspace, followtest.AccountID
			if name != "id" {
				o.RequestID = desk.NewRequest()
			}
			if _, err := b.ExtendAll(t.Context(), o); !coded(err, engawa.CodeInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		x, err := b.outage("JPN")
		b.Must(err)
		app, err := b.Desk.Clients.Open(t.Context(), followtest.Workspace, followtest.AccountID)
		b.Must(err)
		_, err = app.ExtendAll(t.Context(), "monthly", nil, appstore.Extend{Days: 1, RequestID: x.RequestID}) // the store knows the id already
		b.Must(err)
		b.steps(2)
		tasks, err := b.Hub.Tasks(t.Context(), followtest.Workspace, 10)
		if x = b.again(x); err != nil || x.State != engawa.ExtensionRefused || x.Code != 4000011 || len(tasks) != 1 || tasks[0].Kind != "extension.refused" {
			t.Errorf("%+v %v %v", x, tasks, err)
		}
	})
}

// TestStory: all of it in one order, page by page, or one kind alone.
func TestStory(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		sub := b.Bought(b.Person("JPN", token), "monthly")
		wait(time.Hour)
		p := b.Purchase(sub)
		_, err := b.extend(p.ID)
		b.Must(err)
		wait(time.Hour)
		b.Must(b.Hub.AddNote(ctx, engawa.Note{Workspace: followtest.Workspace, ID: engawa.NewID(engawa.PrefixNote), Customer: p.Customer, Author: "member:mem_1", Text: "電話あり", CreatedAt: time.Now()}))
		wait(time.Hour)
		b.Must(b.Hub.Decide(ctx, engawa.Consent{Workspace: followtest.Workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: p.Customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Notice, Given: true, At: time.Now(), Evidence: engawa.Evidence{Wording: "同意します", Version: "1", Where: "app", How: "checkbox"}}))
		wait(time.Hour)
		b.Must(b.Hub.Raise(ctx, engawa.Task{Workspace: followtest.Workspace, Kind: "by_hand", Ref: "1", Customer: p.Customer, Args: map[string]string{"title": "x"}}))
		b.Must(b.AskRefund(sub, "OTHER"))
		wait(72 * time.Hour)
		seen := map[desk.RowKind]int{}
		var last time.Time
		var ids []string
		page := store.Page{Limit: 2}
		for {
			rows, err := b.Story(ctx, followtest.Workspace, p.Customer, "", page)
			b.Must(err)
			for _, r := range rows {
				if !last.IsZero() && r.At.After(last) || slices.Contains(ids, r.ID) {
					t.Errorf("%s %s at %v after %v", r.Kind, r.ID, r.At, last)
				}
				last, ids = r.At, append(ids, r.ID)
				seen[r.Kind]++
				page.At, page.ID = r.At, r.ID
			}
			if len(rows) < 2 {
				break
			}
		}
		for kind, least := range map[desk.RowKind]int{desk.RowEvent: 4, desk.RowNote: 1, desk.RowConsent: 1, desk.RowTask: 1, desk.RowExtension: 1, desk.RowRefund: 2} {
			rows, err := b.Story(ctx, followtest.Workspace, p.Customer, kind, store.Page{})
			if err != nil || len(rows) != seen[kind] || len(rows) < least || slices.ContainsFunc(rows, func(r desk.Row) bool { return r.Kind != kind }) {
				t.Errorf("%s: %d rows, of all %d: %v", kind, len(rows), seen[kind], err)
			}
		}
		if text := fmt.Sprintf("%+v", store.Sought{Mail: "hana@customer.example", Name: "山田"}); strings.Contains(text, "hana") || strings.Contains(text, "山田") {
			t.Error("printing shows what was typed")
		}
	})
}
