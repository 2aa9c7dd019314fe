package console

import (
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/insight"
)

func sampleReady(p Page, s spoken, problem string) ReadyRoutes {
	v := ReadyRoutes{Page: p, Rows: readyRows(p, sampleMade(), sampleShops(s.shop)), Products: []string{"plan.monthly", "plan.yearly"}}
	if problem != "" {
		v.Problem, v.Remedy = p.T("ready.problem."+problem), p.T("ready.problem."+problem+".remedy")
	}
	return v
}

// sampleShops is the one app of the canned shop.
func sampleShops(name string) []shop {
	return []shop{{Choice{"app_1", name}, sampleStore()}}
}

func sampleStore() []engawa.Account {
	return []engawa.Account{{ID: "acc_store", Environment: engawa.Production, Settings: map[string]string{"app": "app_1", "bundle_id": "jp.hinata.coffee"}}}
}

// sampleMade are the routes of the canned shop.
func sampleMade() (rs []engawa.Route) {
	for _, r := range insight.Routes()[:2] {
		made := r.Route(insight.Choice{Name: r.Name})
		made.ID, made.Enabled = "rte_"+r.Name, r.Name == "save"
		rs = append(rs, made)
	}
	return rs
}

func sampleSpan(p Page, days int) insight.Span { return insight.Span{To: p.Now.In(p.Zone), Days: days} }

// sampleDays are some months of a shop with a bad day.
func sampleDays(p Page) (days []engawa.StoreDay) {
	span := sampleSpan(p, 120)
	active := 900
	for i := range span.Days {
		add := func(what string, n int) {
			if n > 0 {
				days = append(days, engawa.StoreDay{Account: "acc_store", Day: span.Day(i), What: what, Product: "plan.monthly", N: n})
			}
		}
		active += i*7%9 - 3
		add(engawa.DayActive, active)
		add("store.subscribed.initial_buy", 3+i%4)
		add("store.did_renew", 24+i*5%11)
		add("store.did_change_renewal_status.auto_renew_disabled", 2+i*3%5)
		add("store.did_change_renewal_status.auto_renew_enabled", i*2%3)
		add("store.did_fail_to_renew", 1+i%3)
		add("store.did_renew.billing_recovery", i%2)
		add("store.expired.voluntary", 1+i%2)
		refunds := 1 - i%2
		if i == 112 {
			refunds = 14
		}
		add("store.refund", refunds)
		add("store.refund_declined", i%5/4)
	}
	return days
}

func sampleStores(p Page) []Choice {
	return []Choice{{"", p.T("figures.all")}, {"acc_store", "App Store"}, {"acc_sandbox", "App Store (Sandbox)"}}
}

func sampleAdoption(p Page) Adoption {
	v := Adoption{Page: p, Stores: sampleStores(p), Chooses: true, Account: "acc_store", Meant: []string{"acc_store"}, Tested: true}
	routes := append(sampleMade(), engawa.Route{Enabled: true, Events: []string{"store.refund", "store.expired.*"}, Then: []engawa.Step{{To: "dst_1"}}})
	v.Rows = insight.Adoption(sampleDays(p), sampleSpan(p, insight.LongSpan), routes, sampleStore())
	v.Ready = readyRows(p, routes, sampleShops(""))
	return v
}

func sampleAdoptionNone(p Page) Adoption {
	v := sampleAdoption(p)
	v.Tested, v.Stores, v.Chooses = false, v.Stores[:2], false
	v.Rows = insight.Adoption(nil, insight.Span{To: time.Now(), Days: insight.LongSpan}, nil, nil)
	return v
}

func sampleFigures(p Page) Figures {
	v := Figures{Page: p, Stores: sampleStores(p), Days: 30, Products: []Choice{{"", p.T("figures.products")}, {"plan.monthly", "plan.monthly"}}}
	for _, d := range spans {
		v.Spans = append(v.Spans, Choice{strconv.Itoa(d), p.T("figures.days", "n", d)})
	}
	span := sampleSpan(p, v.Days)
	for _, c := range insight.Charts(sampleDays(p), span) {
		v.Charts = append(v.Charts, draw(p, c, span))
	}
	return v
}

func sampleFiguresNone(p Page) Figures {
	v := sampleFigures(p)
	v.Charts, v.None = nil, true
	return v
}

func sampleProducts(p Page) Products {
	return Products{Page: p, Known: []string{"plan.monthly", "season.2026"}, Rows: []engawa.Product{
		{ID: "plan.monthly", Name: "Monthly", Entitlements: []string{"premium", "recipes"}}, {ID: "season.2026", Entitlements: []string{"premium"}, Months: 3, Days: 7}, {ID: "tip.small"},
	}}
}
