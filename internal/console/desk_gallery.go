package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/store"
)

// deskSamples are the support desk's canned pages.
func deskSamples(page func(at, title string) Page, s spoken) []Sample {
	customers := func(title string) Page { return page("customers", title) }
	return []Sample{
		{"customers-found", CustomersPage(sampleFound(customers("customers.title"), s))},
		{"customers-none", CustomersPage(sampleNobody(customers("customers.title")))},
		{"customer-erased", CustomerPage(sampleErased(customers("")))},
		{"extend", ExtendPage(sampleExtend(customers("extend.title"), s))},
		{"extend-none-left", ExtendPage(sampleNoneLeft(customers("extend.title"), s))},
		{"extend-unknown", ExtendPage(sampleUnknown(customers("extend.title"), s))},
		{"outages", OutagesPage(sampleOutages(customers("outages.title"), s))},
		{"outages-none", OutagesPage(Outages{Page: customers("outages.title")})},
		{"outage-new", OutageFormPage(sampleOutageForm(customers("outages.new")))},
		{"outage-nobody", OutageFormPage(OutageForm{Page: customers("outages.new")})},
		{"outage-running", OutagePage(sampleOutage(customers(""), s, engawa.ExtensionRunning))},
		{"outage-done", OutagePage(sampleOutage(customers(""), s, engawa.ExtensionDone))},
		{"letter", LetterPage(sampleLetter(customers("letter.title"), s))},
		{"letter-no-way", LetterPage(Letter{Page: customers("letter.title"), ID: "cus_1", Name: s.hana})},
	}
}

func sampleFound(p Page, s spoken) Customers {
	v := sampleCustomers(p, s)
	v.Rows = v.Rows[:2]
	v.Rows[0].By, v.Rows[1].By = p.T("find.by.name"), p.T("find.identity.member_number")
	v.Found = p.foundView(desk.Finding{Forms: []desk.Form{desk.FormNumber, desk.FormName}, More: true, Hits: make([]store.Hit, 2)})
	return v
}

func sampleNobody(p Page) Customers {
	return Customers{Page: p, CSV: "/customers.csv", Found: p.foundView(desk.Finding{
		Forms: []desk.Form{desk.FormOrder, desk.FormNumber, desk.FormName},
		Asked: []desk.Asked{{Account: engawa.Account{Name: "Hinata iOS"}, As: desk.FormOrder}, {Account: engawa.Account{Name: "Hinata iOS Sandbox"}, As: desk.FormOrder, Sandbox: true}},
	})}
}

func sampleErased(p Page) Customer {
	p.Title = p.T("customer.erased")
	return Customer{
		Page: p, ID: "cus_8f2k3m9x1c4t8v7w2y5z0a3b6", Name: p.Title, Kind: "person", Speaks: engawa.Japanese, Erased: true, Since: ago(90 * 24 * time.Hour),
		Purchases: []Purchase{{ID: "pur_1", Product: "monthly", Kind: p.T("purchase.kind.auto_renewable_subscription"), State: p.Title, Tone: "off", Renews: true, Limits: desk.Limits{Why: desk.Erased}}},
		Story:     []StoryRow{{At: ago(time.Hour), Kind: "note", Line: p.T("note.gone")}},
	}
}

// samplePurchases are what a customer has: one in each state that a customer asks about.
func samplePurchases(p Page) []Purchase {
	say := func(id, product, kind, key, tone string, open bool, l desk.Limits, facts ...Choice) Purchase {
		return Purchase{
			ID: id, Product: product, Kind: p.T("purchase.kind." + kind), State: p.T("purchase.state." + key), Tone: tone, Open: open, Means: p.T("purchase.means." + key), Say: p.T("purchase.say." + key),
			Facts: facts, Limits: l, Renews: kind == "auto_renewable_subscription",
		}
	}
	end := sampleNow.Add(20 * 24 * time.Hour)
	return []Purchase{
		say("pur_1", "hinata.yearly", "auto_renewable_subscription", "canceled", "wait", true, desk.Limits{Left: 1, Until: end},
			Choice{p.T("purchase.until"), p.dated(end)}, Choice{p.T("purchase.bought"), p.dated(ago(345 * 24 * time.Hour))}, Choice{p.T("purchase.storefront"), p.storefrontWords("JPN")}),
		say("pur_2", "hinata.club", "auto_renewable_subscription", "billing_retry", "wait", false, desk.Limits{Why: desk.NotPaid, Left: 2},
			Choice{p.T("purchase.ended"), p.dated(ago(3 * 24 * time.Hour))}, Choice{p.T("purchase.why"), p.T("purchase.reason.billing")}, Choice{p.T("purchase.retry"), p.dated(sampleNow.Add(57 * 24 * time.Hour))}),
		say("pur_3", "hinata.recipes", "non_consumable", "revoked", "off", false, desk.Limits{Why: desk.NotRenewing}, Choice{p.T("purchase.bought"), p.dated(ago(200 * 24 * time.Hour))}),
		say("pur_4", "hinata.beans", "consumable", "units", "go", true, desk.Limits{Why: desk.NotRenewing}, Choice{p.T("purchase.bought"), p.dated(ago(30 * 24 * time.Hour))}),
	}
}

func sampleExtend(p Page, s spoken) Extend {
	return Extend{
		Page: p, ID: "pur_1", Customer: "cus_1", Name: s.hana, Product: "hinata.yearly", Limits: desk.Limits{Left: 1, Until: sampleNow.Add(20 * 24 * time.Hour)}, Days: "100", Reason: "3",
		Problem: p.T("extend.days.wrong"), Last: sampleExtension(p, s, engawa.ExtensionDone),
	}
}

func sampleNoneLeft(p Page, s spoken) Extend {
	v := sampleExtend(p, s)
	v.Limits = desk.Limits{Why: desk.NoneLeft, Until: sampleNow.Add(27 * 24 * time.Hour), Again: sampleNow.Add(214 * 24 * time.Hour)}
	v.Problem, v.Last = "", sampleExtension(p, s, engawa.ExtensionRefused)
	return v
}

func sampleUnknown(p Page, s spoken) Extend {
	v := sampleExtend(p, s)
	v.Limits, v.Problem, v.Last = desk.Limits{Why: desk.UnderWay, Left: 1, Until: sampleNow.Add(20 * 24 * time.Hour), Open: "ext_1"}, "", sampleExtension(p, s, engawa.ExtensionUnknown)
	return v
}

func sampleExtension(p Page, s spoken, state engawa.ExtensionState) *Extension {
	x := engawa.Extension{
		ID: "ext_1", Product: "hinata.yearly", Customer: "cus_1", Days: 7, Reason: 1, State: state, Actor: "member:1", CreatedAt: ago(5 * time.Minute), Storefronts: []string{"JPN", "KOR"},
		Concerned: 1284,
	}
	switch state { //nolint:exhaustive // the others add nothing
	case engawa.ExtensionDone:
		x.EndsAt, x.DoneAt, x.Succeeded, x.Failed = sampleNow.Add(27*24*time.Hour), ago(time.Minute), 1281, 2
	case engawa.ExtensionRefused:
		x.Code = 4030005
	case engawa.ExtensionRunning:
		x.NextAt = sampleNow.Add(time.Minute)
	}
	view := p.extensionView(x, []Choice{{"member:1", s.member}})
	return &view
}

func sampleOutages(p Page, s spoken) Outages {
	v := Outages{Page: p, Next: "/extensions?after=x"}
	for _, state := range []engawa.ExtensionState{engawa.ExtensionWaiting, engawa.ExtensionRunning, engawa.ExtensionUnknown, engawa.ExtensionRefused, engawa.ExtensionDone} {
		v.Rows = append(v.Rows, *sampleExtension(p, s, state))
	}
	return v
}

func sampleOutageForm(p Page) OutageForm {
	return OutageForm{
		Page: p, Sold: []Choice{{"acc_1 hinata.yearly", "hinata.yearly · Hinata iOS"}, {"acc_1 hinata.club", "hinata.club · Hinata iOS"}}, Chosen: "acc_1 hinata.yearly",
		Storefronts: []Storefront{{"JPN", p.storefrontWords("JPN"), 1284, true}, {"KOR", p.storefrontWords("KOR"), 1, false}, {"BRA", p.storefrontWords("BRA"), 12, false}},
		Days:        "3", Reason: "3", Request: "00000000-0000-4000-8000-000000000000", Concerned: 1284, Account: "Hinata iOS", Product: "hinata.yearly", Where: p.storefrontWords("JPN"),
		Problem: p.T("outages.under_way"), Remedy: p.T("outages.under_way.now"),
	}
}

func sampleOutage(p Page, s spoken, state engawa.ExtensionState) Outage {
	v := Outage{Page: p, Extension: *sampleExtension(p, s, state)}
	v.Title = p.T("outage.title", "product", v.Product)
	v.Account = "Hinata iOS"
	if state == engawa.ExtensionDone {
		v.Failures = []EventRow{{ID: "evt_1", Line: s.hana, At: ago(time.Hour)}, {ID: "evt_2", Line: s.minsu, At: ago(2 * time.Hour)}}
	}
	return v
}

func sampleLetter(p Page, s spoken) Letter {
	return Letter{
		Page: p, ID: "cus_1", Name: s.hana, Accounts: []Choice{{"acc_1", s.mailbox}}, Account: "acc_1", Purpose: string(engawa.Marketing), Subject: s.subject, Text: s.body,
		Verdicts: []Verdict{p.verdictWords(sampleVerdict(true), p.accountWords("mail", s.mailbox))},
	}
}
