package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/custody"
)

// vendorIn is the vendor of the canned ledger.
func vendorIn(l engawa.Locale) string {
	switch l {
	case engawa.Japanese:
		return "みなとウェブ"
	case engawa.Korean:
		return "미나토웹"
	case engawa.English:
	}
	return "Minato Web"
}

func ownersIn(p Page) []Choice {
	return []Choice{{engawa.OwnerWorkspace, p.T("account.owner.workspace")}, {engawa.OwnerOther, p.T("account.owner.other")}}
}

// hostage is an official account that a vendor set up: pattern 1.
func hostage(p Page, s spoken) engawa.Custody {
	days := func(n int) time.Time { return sampleNow.AddDate(0, 0, -n) }
	return engawa.Custody{
		ID: "cst_line", Kind: "line", Name: s.shop, Lines: []engawa.CustodyLine{
			{ID: "ctl_1", At: days(6), By: "member:1", Picture: "image/png", Stated: &engawa.CustodyStatement{
				Owner: engawa.OwnerWorkspace, Known: engawa.KnownSeen, On: "2026-11-17", Holders: []engawa.CustodyHolder{
					{Name: s.member, Side: engawa.SideOwn, Rights: []string{"oa_admin"}},
					{Name: vendorIn(p.Locale), Side: engawa.SideOutside, Rights: []string{"oa_admin", "provider_admin", "channel_admin", "webhook"}},
				},
			}},
			{ID: "ctl_2", At: days(1), By: "member:1", Done: &engawa.CustodyDone{Step: engawa.CustodyStep{Key: custody.StepKeep}}},
		},
	}
}

func sampleHostage(p Page, s spoken) CustodyEntry {
	view := p.custodyView(hostage(p, s), func(string) string { return s.member }, ownersIn(p))
	view.Path = custodyPath(view.ID)
	return view
}

// watched is a connected account in which a check found something.
func watched(s spoken) engawa.Custody {
	return engawa.Custody{
		ID: "cst_acc_mail", Kind: "line", Name: s.shop, Account: "acc_line", LookedAt: sampleNow.Add(-3 * time.Hour),
		Facts: channel.Facts{channel.FactWebhook: "https://tool.vendor.example/callback", channel.FactUsed: "940", channel.FactMenu: "", channel.FactIdentity: "U0000000000000000000000000000000a"},
		Lines: []engawa.CustodyLine{
			{ID: "ctl_3", At: sampleNow.Add(-27 * time.Hour), Found: &engawa.CustodyFound{What: custody.CredentialsFailing}},
			{ID: "ctl_4", At: sampleNow.Add(-26 * time.Hour), Done: &engawa.CustodyDone{Step: engawa.CustodyStep{Key: custody.StepFound, Found: "ctl_3"}}},
			{ID: "ctl_5", At: sampleNow.Add(-3 * time.Hour), Found: &engawa.CustodyFound{What: custody.WebhookChanged, Was: "https://hub.hinata.example/in/acc_line", Is: "https://tool.vendor.example/callback"}},
			{ID: "ctl_6", At: sampleNow.Add(-3 * time.Hour), Found: &engawa.CustodyFound{What: custody.QuotaUsedByOthers, Was: "120", Is: "940"}},
		},
	}
}

func sampleWatched(p Page, s spoken) CustodyEntry {
	view := p.custodyView(watched(s), func(string) string { return s.member }, ownersIn(p))
	view.Path, view.Owner, view.Wrote = custodyPath(view.ID), p.T("account.owner.workspace"), vendorIn(p.Locale)
	return view
}

func sampleStatement(p Page, s spoken) CustodyForm {
	e := hostage(p, s)
	view := p.custodyStatement(e, *e.Lines[0].Stated, ownersIn(p))
	view.Path = custodyPath(view.ID) + "/state"
	return view
}

func sampleCustodies(p Page, s spoken) CustodyList {
	view := CustodyList{Page: p, Kind: "line"}
	for _, k := range append(custody.Kinds(), "other") {
		view.Kinds = append(view.Kinds, Choice{k, p.custodyKind(k)})
	}
	vendor := vendorIn(p.Locale)
	stated := func(kind string, hs ...engawa.CustodyHolder) engawa.Custody {
		return engawa.Custody{Kind: kind, Account: "acc", Lines: []engawa.CustodyLine{{At: sampleNow.AddDate(0, -1, 0), Stated: &engawa.CustodyStatement{Owner: engawa.OwnerWorkspace, Holders: hs}}}}
	}
	own := engawa.CustodyHolder{Name: s.member, Side: engawa.SideOwn, Rights: []string{"org_admin", "owner", "holder"}}
	second := engawa.CustodyHolder{Name: s.hana, Side: engawa.SideOwn, Rights: own.Rights}
	for _, e := range []engawa.Custody{
		named(stated("mail", engawa.CustodyHolder{Name: vendor, Side: engawa.SideOutside, Rights: []string{"registrar", "dns"}}), "hinata.example", ""),
		named(hostage(p, s), s.shop, ""),
		named(engawa.Custody{Kind: "zendesk"}, "Zendesk", "acc_desk"),
		named(stated("chatwork", own, second, engawa.CustodyHolder{Name: vendor, Side: engawa.SideOutside, Rights: []string{"token"}}), s.room, "acc_room"),
		named(stated("appstore", own, second), s.plan, "acc_store"),
	} {
		row := p.custodyRow(e, ownersIn(p))
		if row.Owner == "" {
			row.Owner = p.T("account.owner.workspace")
		}
		view.Rows = append(view.Rows, row)
	}
	return view
}

func named(e engawa.Custody, name, account string) engawa.Custody {
	e.ID, e.Name, e.Account = "cst_"+name, name, account
	return e
}
