package insight

import (
	"reflect"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

var week = Span{To: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Days: 4} // 27 February to 2 March

// TestCharts: days are put where they belong, and a level stands between changes.
func TestCharts(t *testing.T) {
	day := func(account, d, what string, n int) engawa.StoreDay {
		return engawa.StoreDay{Account: account, Day: d, What: what, Product: "p", N: n}
	}
	days := []engawa.StoreDay{
		day("a", "2026-02-20", engawa.DayActive, 5), day("b", "2026-02-25", engawa.DayActive, 2),
		day("a", "2026-02-26", "store.did_renew", 9),
		day("a", "2026-02-27", "store.did_renew", 3), day("a", "2026-02-28", engawa.DayActive, 7), day("a", "2026-02-28", "store.did_renew.billing_recovery", 1),
		day("b", "2026-02-28", "store.did_fail_to_renew.grace_period", 2), day("b", "2026-02-28", "store.did_fail_to_renew", 1),
		day("b", "2026-03-02", engawa.DayActive, 0), day("b", "2026-03-02", "store.refund", 4), day("b", "2026-03-02", "store.refund_declined", 1),
		day("b", "2026-03-02", "store.did_change_renewal_status.auto_renew_disabled", 2), day("a", "2026-03-02", "store.did_change_renewal_status.auto_renew_enabled", 1),
	}
	want := map[string][]int{
		"active": {7, 9, 9, 7}, "renewed": {3, 0, 0, 0}, "canceled": {0, 0, 0, 2}, "saved": {0, 0, 0, 1},
		"refunded": {0, 0, 0, 4}, "declined": {0, 0, 0, 1}, "reversed": {0, 0, 0, 0}, "unpaid": {0, 3, 0, 0}, "recovered": {0, 1, 0, 0},
	}
	got := map[string][]int{}
	for _, c := range Charts(days, week) {
		for _, s := range c.Series {
			got[s.Name] = s.Values
		}
		if (c.Name == "refunds") != (len(c.Surges) == week.Days) {
			t.Errorf("%s has %d days judged", c.Name, len(c.Surges))
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if sales := SalesOf(days, week); sales[0].Sold != 3 || sales[1].Sold != 1 || sales[3] != (Sales{0, 4}) {
		t.Errorf("%v", sales)
	}
	if p := MostRefunded(days, "2026-03-02"); p != "p" {
		t.Errorf("%q", p)
	}
}

// TestAdoption: what comes and is not used, and what should come and does not.
func TestAdoption(t *testing.T) {
	days := []engawa.StoreDay{
		{Day: "2026-03-01", What: "store.refund", N: 2},
		{Day: "2025-12-01", What: "store.refund", N: 5},
		{Day: "2026-03-01", What: "store.refund_declined", N: 1},
		{Day: "2026-03-01", What: "store.expired.voluntary", N: 3},
		{Day: "2026-01-01", What: "store.revoke", N: 1},
		{Day: "2026-03-01", What: "store.rescind_consent", N: 1},
		{Day: "2026-03-01", What: "store.external_purchase_token.created", N: 1},
	}
	staff := []engawa.Step{{To: "dst_staff"}}
	routes := []engawa.Route{
		{Enabled: true, Events: []string{"store.refund"}, Then: staff}, {Events: []string{"store.revoke"}, Then: staff}, {Enabled: true, Events: []string{"store.expired.voluntary"}, Then: staff},
	}
	ours := []engawa.Account{{ID: "acc_1", Environment: engawa.Production, Settings: map[string]string{"app": "app_1", "bundle_id": "jp.one"}}}
	got := map[string]Adopted{}
	for _, a := range Adoption(days, Span{To: week.To, Days: LongSpan}, routes, ours) {
		got[a.Type] = a
	}
	for typ, want := range map[string]Adopted{
		"store.refund":          {Family{Type: "store.refund", Phase: Start}, 2, 7, true},
		"store.refund_declined": {Family{Type: "store.refund_declined", Phase: LifeCycle, Rare: true}, 1, 1, false},
		"store.expired":         {Family{Type: "store.expired", Phase: Start, Renews: true}, 3, 3, true},
		"store.revoke":          {Family{Type: "store.revoke", Phase: LifeCycle, Rare: true}, 0, 1, false},
		"store.did_renew":       {Family{Type: "store.did_renew", Phase: Start, Renews: true}, 0, 0, false},
	} {
		if got[typ] != want {
			t.Errorf("%+v, want %+v", got[typ], want)
		}
	}
	for typ, lacks := range map[string]bool{"store.refund": false, "store.refund_declined": true, "store.revoke": true, "store.did_renew": true, "store.offer_redeemed": false, "store.rescind_consent": false, "store.external_purchase_token": true, "store.test": false} {
		if got[typ].Lacks() != lacks {
			t.Errorf("%s: %t", typ, !lacks)
		}
	}
	for _, c := range []struct {
		what   string
		days   []engawa.StoreDay
		absent bool // what is of subscriptions counts as lacking
	}{
		{"nothing is known", nil, true},
		{"a test notification alone", []engawa.StoreDay{{Day: "2026-03-01", What: "store.test", N: 1}}, true},
		{"an app without subscriptions", []engawa.StoreDay{{Day: "2026-03-01", What: "store.one_time_charge", N: 1}, {Day: "2026-03-01", What: "store.refund", N: 1}}, false},
		{"a subscription is told of", []engawa.StoreDay{{Day: "2026-03-01", What: "store.refund", N: 1}, {Day: "2026-03-01", What: "store.offer_redeemed.upgrade", N: 1}}, true},
		{"a subscription is known", []engawa.StoreDay{{Day: "2026-03-01", What: "store.refund", N: 1}, {Day: "2026-03-01", What: engawa.DayActive, Product: "p", N: 1}}, true},
	} {
		for _, a := range Adoption(c.days, Span{To: week.To, Days: LongSpan}, routes, ours) {
			switch a.Type {
			case "store.subscribed", "store.did_renew", "store.did_fail_to_renew", "store.expired", "store.did_change_renewal_status":
				if a.Lacks() != c.absent {
					t.Errorf("%s: %s lacks: %t", c.what, a.Type, !c.absent)
				}
			case "store.refund":
				if a.Lacks() != (a.Long == 0) {
					t.Errorf("%s: refunds lack: %t", c.what, a.Lacks())
				}
			}
		}
	}
}

// TestMade: a ready-made route is there for the app whose events it takes in its name:
// one that was made before routes named the app's bundle ids is its app's, one that
// names no app is whosever events its condition takes, and none takes the sandbox's.
func TestMade(t *testing.T) {
	store := func(app, bundle, environment string) engawa.Account {
		return engawa.Account{ID: "acc_" + app + environment, Environment: environment, Settings: map[string]string{"app": app, "bundle_id": bundle}}
	}
	one, two, nobodys := store("app_1", "jp.one", engawa.Production), store("app_2", "jp.two", engawa.Production), store("", "jp.none", engawa.Production)
	tested, unnamed := store("app_1", "jp.one", engawa.Sandbox), store("app_1", "", engawa.Production)
	save := Routes()[0]
	made := func(app string) engawa.Route {
		r := save.Route(Choice{App: app, Bundles: []string{"jp.one"}})
		r.Enabled = true
		return r
	}
	asks := func(r engawa.Route, condition string) engawa.Route {
		r.Condition = condition
		return r
	}
	off, all := made("app_1"), asks(made(""), "")
	off.Enabled, all.Events = false, []string{"store.*"}
	staffs := engawa.Route{Enabled: true, Events: save.Events, Then: []engawa.Step{{To: "dst_staff"}}}
	for _, c := range []struct {
		what   string
		routes []engawa.Route
		of     engawa.Account
		want   State
	}{
		{"nothing", nil, one, Missing},
		{"to staff", []engawa.Route{staffs}, one, Missing},
		{"off", []engawa.Route{off}, one, Off},
		{"on", []engawa.Route{made("app_1")}, one, On},
		{"off, and one of all", []engawa.Route{off, all}, one, On},
		{"another app's", []engawa.Route{made("app_1")}, two, Missing},
		{"the sandbox's", []engawa.Route{made("app_1")}, tested, Missing},
		{"of before", []engawa.Route{asks(made("app_1"), "")}, one, On},
		{"of before, another app's", []engawa.Route{asks(made("app_1"), "")}, two, Missing},
		{"of before, where accounts name no app", []engawa.Route{asks(made("app_1"), "")}, nobodys, On},
		{"of an app whose bundle id nobody knows", []engawa.Route{made("app_1")}, unnamed, On},
		{"of no app, by its bundle id", []engawa.Route{made("")}, one, On},
		{"of no app, by another's bundle id", []engawa.Route{made("")}, two, Missing},
		{"by an account", []engawa.Route{asks(made(""), `event.account == "`+two.ID+`"`)}, one, Missing},
	} {
		if s, _ := save.Made(c.routes, []engawa.Account{c.of}); s != c.want {
			t.Errorf("%s: %s, want %s", c.what, s, c.want)
		}
	}
	for of, routed := range map[*engawa.Account]bool{&one: true, &two: false, &tested: false} {
		day := []engawa.StoreDay{{Day: "2026-03-01", What: save.Events[0], N: 1}}
		for _, a := range Adoption(day, Span{To: week.To, Days: LongSpan}, []engawa.Route{made("app_1")}, []engawa.Account{*of}) {
			if a.Routed != (routed && a.Type == "store.did_change_renewal_status") {
				t.Errorf("%s of %s is taken: %t", a.Type, of.ID, a.Routed)
			}
		}
	}
}
