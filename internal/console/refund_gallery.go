package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/refund"
)

// The canned refund cases of the gallery.

func (p Page) sampleCase(s spoken) RefundRow {
	return RefundRow{
		ID: "rfd_1", Product: "coffee.beans.10", Kind: "consumable", Customer: "cus_1", CustomerName: s.hana, Reason: p.coded("refunds.reason.", "UNINTENDED_PURCHASE"),
		State: engawa.RefundOpen, Answer: engawa.RefundProposed, Why: p.T("value.why.no_rule"), Requests: 2, DueAt: sampleNow.Add(2*time.Hour + 41*time.Minute), Price: p.milli(1_480_000, "JPY"),
	}
}

func sampleRefunds(p Page, s spoken) Refunds {
	first := p.sampleCase(s)
	second := first
	second.ID, second.Product, second.Kind, second.CustomerName, second.Price = "rfd_2", "coffee.club.monthly", "auto_renewable_subscription", s.minsu, p.milli(9_900_000, "KRW")
	second.Reason, second.Requests, second.DueAt = p.coded("refunds.reason.", "UNSATISFIED_WITH_PURCHASE"), 1, sampleNow.Add(7*time.Hour)
	second.Answer, second.Why = engawa.RefundNoConsent, p.T("value.why.no_consent")
	third := first
	third.ID, third.Answer, third.Why, third.DueAt, third.Requests = "rfd_3", engawa.RefundSent, "", sampleNow.Add(11*time.Hour), 1
	return Refunds{Page: p, CSV: "/refunds.csv", Rows: []RefundRow{first, second, third}}
}

func sampleRefundsOver(p Page, s spoken) Refunds {
	late := p.sampleCase(s)
	late.ID, late.Answer, late.Why, late.DueAt, late.Requests, late.Sandbox = "rfd_4", engawa.RefundLate, "", sampleNow.Add(-3*time.Hour), 3, true
	sent := late
	sent.ID, sent.Answer, sent.DueAt, sent.Sandbox = "rfd_5", engawa.RefundSent, sampleNow.Add(-time.Hour), false
	return Refunds{Page: p, Show: "over", CSV: "/refunds.csv?show=over", Rows: []RefundRow{late, sent}}
}

func sampleRefundsClosed(p Page, s spoken) Refunds {
	v := sampleRefunds(p, s)
	v.Show, v.Closed, v.CSV, v.Next = "closed", true, "/refunds.csv?show=closed", "/refunds?show=closed&after=1"
	for i, state := range []engawa.RefundState{engawa.RefundGranted, engawa.RefundDeclined, engawa.RefundReversed} {
		r := &v.Rows[i]
		r.State, r.ClosedAt, r.Why = state, ago(time.Duration(i*9+2)*time.Hour), ""
		if state == engawa.RefundGranted {
			r.Returned = r.Price
		}
	}
	return v
}

func sampleRefund(p Page, s spoken) Refund {
	half := int64(37_500)
	v := Refund{
		Page: p, RefundRow: p.sampleCase(s), Account: "acc_store", AccountName: p.accountWords("appstore", s.shop), Storefront: "JPN", Transaction: "2000000712345678", BoughtAt: ago(30 * time.Hour), AskedAt: ago(9 * time.Hour), Earlier: 1,
		Obstacle: p.T("value.why.no_rule"), Remedy: p.T("refunds.remedy.no_rule"), Rule: p.T("refund.rule.none", "version", 3), May: true, ToldAt: ago(8 * time.Hour),
		Consent: &Consent{Act: engawa.ActShareUsage, Given: true, At: ago(700 * time.Hour), Where: s.shop + " 3.2", Means: "switch", Version: "v2"},
		Form:    RefundForm{Preference: "DECLINE"},
	}
	v.Title = p.T("refund.title", "product", v.Product)
	v.Plan = RefundPlan{Parts: p.answerParts(refund.Answer{Delivery: appstore.Delivered, Percent: &half}, v.Kind, true)}
	v.told(refund.Usage{Delivery: appstore.Delivered, Percent: &half, At: ago(8 * time.Hour)})
	v.Said = []RefundSaid{
		{ago(9 * time.Hour), joinDot(p.T("refund.said.requested"), v.Reason)},
		{ago(time.Hour), joinDot(p.T("refund.said.requested"), v.Reason)},
	}
	v.Lines = []RefundLine{
		p.refundLine(refund.Line{At: ago(9 * time.Hour), What: refund.DidPropose, Why: refund.WhyNoRule, Version: 3}, v.Kind, nil),
		p.refundLine(refund.Line{At: ago(2 * time.Minute), What: refund.DidAlarm, Why: refund.WhyNoRule}, v.Kind, nil),
	}
	return v
}

func sampleRefundWithheld(p Page, s spoken) Refund {
	v := sampleRefund(p, s)
	v.Product, v.Kind, v.Subscription, v.Price = "coffee.club.monthly", "auto_renewable_subscription", true, p.milli(1_480_000, "JPY")
	v.Title = p.T("refund.title", "product", v.Product)
	v.Answer, v.Why, v.DueAt = engawa.RefundNoConsent, p.T("value.why.no_consent"), sampleNow.Add(7*time.Hour)
	v.Obstacle, v.Remedy, v.Consent, v.May = v.Why, p.T("refunds.remedy.no_consent"), nil, false
	v.Told, v.Rule = nil, p.T("refund.rule.fits", "n", 1, "name", p.T("refunds.preference.decline"), "version", 3)
	v.Plan = RefundPlan{Parts: p.answerParts(refund.Answer{Delivery: appstore.Delivered, Preference: appstore.PreferDecline}, v.Kind, true)}
	v.Lines = []RefundLine{p.refundLine(refund.Line{At: ago(5 * time.Hour), What: refund.DidWithhold, Why: refund.WhyNoConsent}, v.Kind, nil)}
	return v
}

func sampleRefundClosed(p Page, s spoken) Refund {
	v := sampleRefund(p, s)
	used := int64(75_000)
	a := refund.Answer{Delivery: appstore.Delivered, Percent: &used, Preference: appstore.PreferDecline}
	v.State, v.Answer, v.ClosedAt, v.Obstacle, v.Remedy, v.May = engawa.RefundDeclined, engawa.RefundSent, ago(20*time.Minute), "", "", false
	v.Rule = p.T("refund.rule.fits", "n", 1, "name", p.T("refunds.preference.decline"), "version", 3)
	v.Plan = RefundPlan{Parts: p.answerParts(a, v.Kind, true), Sends: true}
	v.Said = append(v.Said, RefundSaid{ago(20 * time.Minute), p.T("refund.said.declined")})
	rule := p.T("refunds.preference.decline")
	v.Lines = []RefundLine{
		p.refundLine(refund.Line{At: ago(9 * time.Hour), What: refund.DidFail, Why: refund.WhyUnreachable, Status: 429, Code: 4290000, Rule: rule, Version: 3}, v.Kind, nil),
		p.refundLine(refund.Line{At: ago(9*time.Hour - time.Minute), What: refund.DidSend, Answer: &a, Rule: rule, Version: 3}, v.Kind, nil),
	}
	return v
}

func sampleRefundRules(p Page, s spoken) RefundRules {
	p.Title = p.T("refundrules.of", "account", s.shop)
	return RefundRules{
		Page: p, Account: "acc_store", Version: 3, Bad: -1, Delivery: "DELIVERED", Sample: "no",
		Rules: []RefundRule{
			{Name: p.T("refunds.preference.decline"), Kind: "consumable", EarlierFrom: "2", Does: "send", Preference: "DECLINE"},
			{Name: p.T("refunds.preference.grant_prorated"), Products: "coffee.club.monthly", Storefronts: "JPN, KOR", AgeTo: "7", Does: "send", Preference: "GRANT_PRORATED"},
		},
		Versions: []RefundVersion{{3, ago(50 * time.Hour), s.member, 2}, {2, ago(120 * time.Hour), s.member, 1}},
	}
}

func sampleRefundRulesWrong(p Page, s spoken) RefundRules {
	v := sampleRefundRules(p, s)
	v.Bad, v.Problem, v.Remedy = 1, p.T("refundrules.wrong.rule", "n", 2), p.T("refundrules.wrong.currency")
	v.Rules[1].AmountTo = "500"
	return v
}
