package verdict

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

var seoul = zone("Asia/Seoul")

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func load(t testing.TB) *rule.Set {
	t.Helper()
	s, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, zone("Asia/Tokyo"))

func given(at time.Time) engawa.ConsentFacts {
	return engawa.ConsentFacts{Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Given: true, At: at, Wording: "v3", Where: "signup"}
}

// japan is a marketing mail to a customer in Japan who agreed to it.
func japan() engawa.Facts {
	return engawa.Facts{
		Workspace: "ws_1", Account: "acc_1", Channel: "mail", Customer: "cus_1", Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic,
		Controller: engawa.ControllerWorkspace, Country: []string{"JP"}, Zones: []string{"Asia/Tokyo"}, OneClick: true, CreatedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(48 * time.Hour),
		Content: engawa.ContentFacts{Subject: "新しい豆のご案内", Text: "入荷しました"},
		Sender:  engawa.SenderProfile{Name: "ひなた珈琲", Postal: "金沢市", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example"},
		Contact: &engawa.ContactFacts{ID: "cp_1", Verified: true, Serves: true}, Consents: []engawa.ConsentFacts{given(noon.Add(-24 * time.Hour))},
	}
}

func korea(channel string) engawa.Facts {
	f := japan()
	f.Channel, f.Country, f.Zones = channel, []string{"KR"}, []string{"Asia/Seoul"}
	return f
}

func reasonsOf(v engawa.Verdict) []string {
	var codes []string
	for _, g := range v.Gates {
		for _, r := range g.Reasons {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

// gateCase is what changes in the plain facts, what comes out and why.
type gateCase struct {
	code string
	want engawa.Outcome
	f    func(*engawa.Facts)
}

// gateCases has a case for every code, at noon.
func gateCases() []gateCase {
	withdrawn := func(at time.Time) engawa.ConsentFacts {
		c := given(at)
		c.Given = false
		return c
	}
	nightly := given(noon.Add(-time.Hour))
	nightly.Act = engawa.ActContactNight
	return []gateCase{
		{"grant.workspace", engawa.Send, func(*engawa.Facts) {}},
		{"grant.incomplete", engawa.Refuse, func(f *engawa.Facts) { f.Customer = "" }},
		{"grant.none", engawa.Refuse, func(f *engawa.Facts) { f.Controller = "ptn_1" }},
		{"grant.allowed", engawa.Refuse, func(f *engawa.Facts) { partner(f) }}, // the consent is not the partner's
		{"grant.ended", engawa.Refuse, func(f *engawa.Facts) { partner(f).EndedAt = noon.Add(-time.Second) }},
		{"grant.ended", engawa.Refuse, func(f *engawa.Facts) { partner(f).EndsAt = noon }},
		{"grant.not_started", engawa.Refuse, func(f *engawa.Facts) { partner(f).StartsAt = noon.Add(time.Second) }},
		{"grant.scope", engawa.Refuse, func(f *engawa.Facts) { partner(f).Scopes = nil }},
		{"grant.app", engawa.Refuse, func(f *engawa.Facts) { partner(f).Apps = []string{"app_2"} }},
		{"grant.channel", engawa.Refuse, func(f *engawa.Facts) { partner(f).Channels = nil }},
		{"grant.purpose", engawa.Refuse, func(f *engawa.Facts) { partner(f).Purposes = []engawa.Purpose{engawa.Service} }},
		{"recipient.verified", engawa.Send, func(*engawa.Facts) {}},
		{"recipient.destination", engawa.Send, destination},
		{"recipient.none", engawa.Refuse, func(f *engawa.Facts) { f.Contact = nil }},
		{"recipient.unknown", engawa.Refuse, func(f *engawa.Facts) { f.Customer, f.Nobody, f.Contact = "", true, nil }},
		{"recipient.erased", engawa.Refuse, func(f *engawa.Facts) { f.Erased = true }},
		{"recipient.unverified", engawa.Refuse, func(f *engawa.Facts) { f.Contact.Verified = false }},
		{"recipient.purpose", engawa.Refuse, func(f *engawa.Facts) { f.Contact.Serves = false }},
		{"recipient.unproven", engawa.Send, func(f *engawa.Facts) { f.Contact.Verified, f.Purpose = false, engawa.Security }},
		{"relationship.not_needed", engawa.Send, func(*engawa.Facts) {}},
		{"relationship.destination", engawa.Send, destination},
		{"relationship.holds", engawa.Send, func(f *engawa.Facts) { f.Relationship = engawa.RelationshipFacts{Required: "friend", State: "friend"} }},
		{"relationship.missing", engawa.Refuse, func(f *engawa.Facts) { f.Relationship.Required = "friend" }},
		{"relationship.blocked", engawa.Refuse, func(f *engawa.Facts) { f.Relationship.State = "blocked" }},
		{"consent.given", engawa.Send, func(*engawa.Facts) {}},
		{"consent.destination", engawa.Send, destination},
		{"consent.none", engawa.Refuse, func(f *engawa.Facts) { f.Consents = nil }},
		{"consent.none", engawa.Refuse, func(f *engawa.Facts) { f.Consents[0].Purpose = "newsletter" }}, // is marketing, but not what was asked for
		{"consent.withdrawn", engawa.Refuse, func(f *engawa.Facts) { f.Consents = append(f.Consents, withdrawn(noon)) }},
		{"consent.withdrawn", engawa.Refuse, func(f *engawa.Facts) {
			f.Consents = append(f.Consents, withdrawn(noon))
			f.Consents[1].Purpose = "newsletter"
		}},
		{"consent.pending", engawa.Refuse, func(f *engawa.Facts) { f.Consents[0].Pending = true }},
		{"consent.service", engawa.Send, func(f *engawa.Facts) { f.Purpose, f.Consents = engawa.Service, nil }},
		{"consent.service_withdrawn", engawa.Refuse, func(f *engawa.Facts) {
			c := withdrawn(noon)
			c.Purpose = engawa.Service
			f.Purpose, f.Consents = engawa.Service, []engawa.ConsentFacts{c}
		}},
		{"consent.mandatory", engawa.Send, func(f *engawa.Facts) {
			f.Purpose, f.Consents = engawa.LegalNotice, []engawa.ConsentFacts{withdrawn(noon)}
		}},
		{"consent.promotional", engawa.Refuse, func(f *engawa.Facts) { f.Purpose, f.Content.Promotional, f.Consents = engawa.Service, true, nil }},
		{"consent.unknown_purpose", engawa.Send, func(f *engawa.Facts) { f.Purpose = "newsletter" }},
		{"disclosure.not_needed", engawa.Send, func(*engawa.Facts) {}},
		{"disclosure.destination", engawa.Send, destination},
		{"disclosure.missing", engawa.Refuse, func(f *engawa.Facts) { f.DisclosureRequired = true }},
		{"disclosure.by_user", engawa.Send, func(f *engawa.Facts) { f.DisclosureRequired, f.Trigger = true, engawa.ByUser }},
		{"disclosure.on_file", engawa.Send, func(f *engawa.Facts) {
			f.DisclosureRequired, f.Disclosure = true, &engawa.DisclosureFacts{ID: "dsc_1", Version: "v2", Since: noon.Add(-time.Hour)}
		}},
		{"disclosure.not_yet", engawa.Refuse, func(f *engawa.Facts) {
			f.DisclosureRequired, f.Disclosure = true, &engawa.DisclosureFacts{ID: "dsc_1", Version: "v2", Since: noon.Add(time.Hour)}
		}},
		{"rules.met", engawa.Send, destination},
		{"rules.stopped", engawa.Refuse, func(f *engawa.Facts) { f.Stopped = true }},
		{"rules.unsafe_pictures", engawa.Refuse, func(f *engawa.Facts) { f.Content.Unsafe = engawa.UnsafePictures }},
		{"rules.unsafe_empty", engawa.Refuse, func(f *engawa.Facts) { f.Content.Unsafe = engawa.UnsafeEmpty }},
		{"rules.expired", engawa.Refuse, func(f *engawa.Facts) { f.ExpiresAt = noon }},
		{"rules.too_old", engawa.Refuse, func(f *engawa.Facts) { f.CreatedAt = noon.Add(-169 * time.Hour) }},
		{"rules.clock", engawa.Hold, func(f *engawa.Facts) { f.CreatedAt = noon.Add(time.Hour) }},
		{"rules.minor", engawa.Refuse, func(f *engawa.Facts) { f.Minor = true }},
		{"rules.informational_only", engawa.Refuse, func(f *engawa.Facts) { *f = korea("alimtalk") }},
		{"rules.zone", engawa.Refuse, func(f *engawa.Facts) { *f = korea("line"); f.Zones = []string{"Mars/Olympus"} }},
		{"rules.label", engawa.Send, func(f *engawa.Facts) { *f = korea("mail") }},
		{"rules.label_variant", engawa.Refuse, func(f *engawa.Facts) { *f = korea("mail"); f.Content.Subject = "[광고] 새 원두" }},
		{"rules.label_missing", engawa.Refuse, func(f *engawa.Facts) { *f = korea("mail"); f.Final = true }},
		{"rules.rerender", engawa.Refuse, func(f *engawa.Facts) { f.Final = true }},
		{"rules.one_click", engawa.Refuse, func(f *engawa.Facts) { f.OneClick = false }},
		{"rules.reminder", engawa.Refuse, func(f *engawa.Facts) { *f = korea("mail"); f.Consents[0].At = noon.AddDate(-2, 0, -1) }},
		{"rules.sender_name", engawa.Refuse, func(f *engawa.Facts) { f.Sender.Name = "" }},
		{"rules.sender_postal", engawa.Refuse, func(f *engawa.Facts) { f.Sender.Postal = " " }},
		{"rules.sender_contact", engawa.Refuse, func(f *engawa.Facts) { f.Sender.Contact = "" }},
		{"rules.sender_phone", engawa.Refuse, func(f *engawa.Facts) { *f = korea("mail"); f.Sender.Phone = "" }},
		{"rules.sender_mail", engawa.Refuse, func(f *engawa.Facts) { *f = korea("mail"); f.Sender.Mail = "" }},
		{"suppression.clear", engawa.Send, func(*engawa.Facts) {}},
		{"suppression.spared", engawa.Send, func(f *engawa.Facts) { f.Purpose, f.Suppressions = engawa.Service, stop("opted_out") }},
		{"suppression.bounced", engawa.Refuse, func(f *engawa.Facts) { f.Purpose, f.Suppressions = engawa.Security, stop("bounced") }},
		{"suppression.complained", engawa.Refuse, func(f *engawa.Facts) { f.Suppressions = stop("complained") }},
		{"suppression.blocked", engawa.Refuse, func(f *engawa.Facts) { f.Suppressions = stop("blocked") }},
		{"suppression.operator", engawa.Refuse, func(f *engawa.Facts) { f.Suppressions = stop("operator") }},
		{"suppression.opted_out", engawa.Refuse, func(f *engawa.Facts) { f.Suppressions = stop("opted_out") }},
		{"suppression.other", engawa.Refuse, func(f *engawa.Facts) { f.Suppressions = stop("something") }},
		{"suppression.cap", engawa.Hold, func(f *engawa.Facts) { f.SentDay, f.OldestDay = 5, noon.Add(-time.Hour) }},
		{"suppression.cap_sender", engawa.Hold, func(f *engawa.Facts) { f.SentSender, f.OldestDay = 3, noon.Add(-time.Hour) }},
		{"budget.left", engawa.Send, func(*engawa.Facts) {}},
		{"budget.spent", engawa.Hold, func(f *engawa.Facts) {
			f.Budgets = []engawa.BudgetFacts{{Scope: "month", ResetsAt: noon.Add(time.Hour)}}
		}},
		{"budget.grant_day", engawa.Refuse, func(f *engawa.Facts) { g := partner(f); g.QuotaDay, g.UsedDay = 5, 5 }},
		{"budget.grant_month", engawa.Refuse, func(f *engawa.Facts) { g := partner(f); g.QuotaMon, g.UsedMonth = 5, 6 }},
		{"budget.offer", engawa.Send, func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{Offer: "thanks"} }},
		{"budget.offer_empty", engawa.Hold, func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{Offer: "thanks", Missing: engawa.OfferEmpty} }},
		{"budget.offer_empty", engawa.Hold, func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{Offer: "thanks", Missing: "something"} }},
		{"budget.offer_unlinked", engawa.Hold, func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{Offer: "thanks", Missing: engawa.OfferUnlinked} }},
		{"budget.offer_used", engawa.Refuse, func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{Offer: "thanks", Missing: engawa.OfferUsed} }},
		{"recipient.gone", engawa.Refuse, func(f *engawa.Facts) { destination(f); f.Contact = nil }},
		{"rules.country_unknown", engawa.Send, func(f *engawa.Facts) { f.Country = nil }},
		// Noon in Tokyo is three in the night in London.
		{"rules.quiet_hours", engawa.Hold, func(f *engawa.Facts) { *f = korea("line"); f.Zones = []string{"Europe/London"} }},
		{"rules.night_consent", engawa.Send, func(f *engawa.Facts) {
			*f = korea("line")
			f.Zones, f.Consents = []string{"Europe/London"}, append(f.Consents, nightly)
		}},
		{"rules.quiet_never", engawa.Refuse, func(f *engawa.Facts) {
			*f = korea("line")
			f.Zones = []string{"Europe/London", "America/Los_Angeles", "Pacific/Auckland", "America/Sao_Paulo"}
		}},
	}
}

// whileCases are messages whose reason stands, or does not any more.
func whileCases() (cases []gateCase) {
	holds := func(w engawa.WhileFacts) func(*engawa.Facts) {
		return func(f *engawa.Facts) { f.While = &w }
	}
	for _, s := range engawa.Standings {
		cases = append(cases, gateCase{"rules.while_" + string(s), engawa.Send, holds(engawa.WhileFacts{Holds: s, Until: noon.Add(time.Hour)})})
	}
	for _, g := range engawa.Gones {
		cases = append(cases, gateCase{"rules.gone_" + string(g), engawa.Refuse, holds(engawa.WhileFacts{Holds: engawa.WhileExpired, Gone: g})})
	}
	return append(cases, gateCase{"rules.gone_ended", engawa.Refuse, holds(engawa.WhileFacts{Holds: engawa.WhileRenewalOff, Until: noon})})
}

// TestGates runs the cases, and holds Codes to what they produce.
func TestGates(t *testing.T) {
	set := load(t)
	produced := map[string]bool{}
	alone := []string{grantWorkspace, grantAllowed, rulesMet, suppressionClear, budgetLeft} // said where there is nothing else to say
	for _, tc := range append(gateCases(), whileCases()...) {
		f := japan()
		tc.f(&f)
		v := Judge(f, set, noon)
		codes := reasonsOf(v)
		for _, c := range codes {
			produced[c] = true
		}
		if v.Outcome != tc.want || !slices.Contains(codes, tc.code) {
			t.Errorf("%s: %s at %s, codes %v", tc.code, v.Outcome, v.Decided, codes)
		}
		for i, g := range v.Gates {
			if g.Gate != engawa.Gates[i] {
				t.Errorf("%s: gate %d is %s", tc.code, i, g.Gate)
			}
			if len(g.Reasons) > 1 && slices.ContainsFunc(g.Reasons, func(r engawa.Reason) bool { return slices.Contains(alone, r.Code) }) {
				t.Errorf("%s: of gate %s all is well, and yet %v", tc.code, g.Gate, g.Reasons)
			}
		}
	}
	for _, c := range reasonsOf(Judge(japan(), nil, noon)) {
		produced[c] = true
	}
	for _, code := range Codes {
		if !produced[code] {
			t.Errorf("no case produces %s", code)
		}
	}
	for code := range produced {
		if !slices.Contains(Codes[:], code) {
			t.Errorf("%s is produced and not in Codes", code)
		}
	}
}

// TestTightened: why a message is judged as marketing is said where its purpose alone
// does not say it.
func TestTightened(t *testing.T) {
	set := load(t)
	for _, tc := range []struct {
		purpose    engawa.Purpose
		advertises bool
		said       string
	}{
		{engawa.Marketing, false, ""},
		{engawa.Marketing, true, consentPromotional},
		{engawa.Notice, false, ""},
		{engawa.Service, false, ""},
		{engawa.Service, true, consentPromotional},
		{"newsletter", false, consentUnknownPurpose},
		{"newsletter", true, consentPromotional},
	} {
		f := japan()
		f.Purpose, f.Content.Promotional = tc.purpose, tc.advertises
		said := ""
		for _, code := range reasonsOf(Judge(f, set, noon)) {
			if code == consentPromotional || code == consentUnknownPurpose {
				said += code
			}
		}
		if said != tc.said {
			t.Errorf("%s that advertises %t: %q, want %q", tc.purpose, tc.advertises, said, tc.said)
		}
	}
}

// TestUnknownCountry: where nobody knows in which country a customer is, the
// law of every country counts that it may be, and the verdict says so.
func TestUnknownCountry(t *testing.T) {
	set := load(t)
	for name, tc := range map[string]struct {
		country, markets []string
		laws             []string // that bear on the mail
		label            bool     // (광고) is owed
	}{
		"known":                        {[]string{"JP"}, nil, []string{"jp"}, false},
		"known, markets do not matter": {[]string{"JP"}, []string{"KR", "US"}, []string{"jp"}, false},
		"unknown":                      {nil, nil, []string{"eu", "jp", "kr", "us"}, true},
		"unknown, one market":          {nil, []string{"JP"}, []string{"jp"}, false},
		"unknown, two markets":         {nil, []string{"JP", "KR"}, []string{"jp", "kr"}, true},
		"known, of no law we have":     {[]string{"BR"}, []string{"JP"}, []string{"eu", "jp", "kr", "us"}, true},
		"a market of no law we have":   {nil, []string{"BR"}, []string{"eu", "jp", "kr", "us"}, true},
	} {
		f := japan()
		f.Country, f.House.Markets = tc.country, tc.markets
		j := open(f, set, noon)
		var laws []string
		for _, r := range j.rules {
			if r.Jurisdiction != rule.House {
				laws = append(laws, r.Jurisdiction)
			}
		}
		slices.Sort(laws)
		v := Judge(f, set, noon)
		label := slices.ContainsFunc(v.Obligations, func(o engawa.Obligation) bool { return o.Text == "(광고)" })
		said := slices.Contains(reasonsOf(v), rulesCountry)
		if laws = slices.Compact(laws); !slices.Equal(laws, tc.laws) || label != tc.label || said != (tc.country == nil) {
			t.Errorf("%s: laws %v, label %v, said %v", name, laws, label, said)
		}
	}
	night := japan()
	night.Channel, night.Country, night.Zones = "line", nil, nil
	at := time.Date(2026, 11, 23, 22, 0, 0, 0, seoul)
	if v := Judge(fresh(night, at), set, at); v.Outcome == engawa.Send {
		t.Errorf("by night, to a customer who may be in Korea: %s", v.Outcome)
	}
	night.House.Markets = []string{"JP"}
	if v := Judge(fresh(night, at), set, at); v.Outcome != engawa.Send {
		t.Errorf("by night, to a customer who can only be in Japan: %s at %s", v.Outcome, v.Decided)
	}
}

func destination(f *engawa.Facts) {
	f.ToDestination, f.Customer, f.Contact, f.Consents, f.Purpose = true, "", &engawa.ContactFacts{ID: "dst_1", Verified: true, Serves: true}, nil, engawa.Service
}

func partner(f *engawa.Facts) *engawa.GrantFacts {
	f.Controller, f.App = "ptn_1", "app_1"
	f.Grant = &engawa.GrantFacts{ID: "grt_1", Scopes: []string{ScopeSend}, Apps: []string{"app_1"}, Channels: []string{"*"}, Purposes: []engawa.Purpose{engawa.Marketing}, StartsAt: noon.Add(-time.Hour)}
	return f.Grant
}

func stop(reason string) []engawa.SuppressionFacts {
	return []engawa.SuppressionFacts{{Reason: reason, At: noon.Add(-time.Hour)}}
}

// TestQuietHours stands on both sides of each edge, to the millisecond.
func TestQuietHours(t *testing.T) {
	set := load(t)
	at := func(h, m, s, ms int) time.Time {
		return time.Date(2026, 11, 23, h, m, s, ms*int(time.Millisecond), seoul)
	}
	eight := time.Date(2026, 11, 24, 8, 0, 0, 0, seoul)
	for _, tc := range []struct {
		channel string
		at      time.Time
		until   time.Time // zero: it goes
	}{
		{"line", at(20, 59, 59, 999), time.Time{}},
		{"line", at(21, 0, 0, 0), eight},
		{"line", at(23, 30, 0, 0), eight},
		{"line", eight.Add(-time.Millisecond), eight},
		{"line", eight, time.Time{}},
		{"mail", at(23, 0, 0, 0), time.Time{}}, // exempt
		{"kakao", at(20, 48, 59, 999), time.Time{}},
		{"kakao", at(20, 49, 0, 0), eight}, // 20:50 less the life of a verdict
	} {
		f := korea(tc.channel)
		f.CreatedAt = tc.at.Add(-time.Minute)
		f.ExpiresAt = time.Time{}
		v := Judge(f, set, tc.at)
		want := engawa.Send
		if !tc.until.IsZero() {
			want = engawa.Hold
		}
		var rules engawa.GateResult
		for _, g := range v.Gates {
			if g.Gate == engawa.GateRules {
				rules = g
			}
		}
		if rules.Outcome != want || !rules.Until.Equal(tc.until) {
			t.Errorf("%s at %s: %s until %s, want %s until %s", tc.channel, tc.at.Format(time.TimeOnly), rules.Outcome, rules.Until, want, tc.until)
		}
	}
}

// TestLabel: the label is exactly itself; what looks like it is refused.
func TestLabel(t *testing.T) {
	set := load(t)
	for _, tc := range []struct {
		subject string
		ok      bool
	}{
		{"새 원두가 들어왔습니다", true},
		{"(광고) 새 원두가 들어왔습니다", true},
		{"광고주 분들께 안내", true},
		{"(재입고) 새 원두", true},
		{"(광 고) 새 원두", false},
		{"(광.고) 새 원두", false},
		{"[광고] 새 원두", false},
		{"（광고） 새 원두", false},
		{"(광고) (광고) 새 원두", false},
		{"\u200b(광고) 새 원두", false},
		{"(광\u200b고) 새 원두", false},
		{"(\u1100\u116a\u11bc\u1100\u1169) 새 원두", false},
		{"Re: (광고) 새 원두", false},
		{"(AD) 새 원두", false},
		{"AD Coffee 새 원두", true}, // only in brackets
		{"광고 새 원두", false},
		{"광고: 새 원두", false},
		{"【광고】 새 원두", false},
		{"<광고> 새 원두", false},
		{"Fwd: RE: (광고) 새 원두", false},
		{"(\u3164광\u115f고\ufe0f) 새 원두", false}, // fillers and a variation selector
		{" (광고) 새 원두", false},
		{"(광고 없는) 새 원두", true},
		{"(", true},
		{"", true},
	} {
		f := korea("mail")
		f.Content.Subject = tc.subject
		refused := slices.Contains(reasonsOf(Judge(f, set, noon)), rulesLabelVariant)
		if refused == tc.ok {
			t.Errorf("subject %q: refused %t", tc.subject, refused)
		}
	}
}

// TestReasons: what a reason carries, for the words and for who asks why.
func TestReasons(t *testing.T) {
	set := load(t)
	find := func(f engawa.Facts, at time.Time, code string) []engawa.Reason {
		var found []engawa.Reason
		for _, g := range Judge(f, set, at).Gates {
			for _, r := range g.Reasons {
				if r.Code == code && r.Gate == g.Gate {
					found = append(found, r)
				}
			}
		}
		return found
	}
	f := japan()
	f.Minor = true
	if r := find(f, noon, rulesMinor); len(r) != 1 || r[0].Args["age"] != "16" || r[0].Rule != "H-05" {
		t.Errorf("a minor in Japan: %v", r)
	}
	for age, want := range map[int]string{1: "1", 20: "20"} {
		f.House.MinAge = age
		if r := find(f, noon, rulesMinor); len(r) != 1 || r[0].Args["age"] != want {
			t.Errorf("a minor for this business: %v", r)
		}
	}
	f.Country = []string{"KR"}
	f.House.MinAge = 0
	if r := find(f, noon, rulesMinor); len(r) != 1 || r[0].Args["age"] != "14" || r[0].Rule != "KR-20" || r[0].Source == "" {
		t.Errorf("a minor in Korea: %v", r)
	}
	at := time.Date(2026, 11, 24, 22, 0, 0, 0, seoul)
	g := fresh(korea("kakao"), at)
	g.Zones = []string{"Asia/Seoul", "Asia/Tokyo", "Asia/Pyongyang"}
	r := find(g, at, rulesQuiet)
	if len(r) != 2 || r[0].Rule != "KR-04" || r[1].Rule != "KR-05" {
		t.Fatalf("two rules are closed, in three zones each: %v", r)
	}
	if want := map[string]string{"from": "20:50", "to": "08:00", "zone": "Asia/Pyongyang", "until": "2026-11-25T08:00:00+09:00"}; !maps.Equal(r[1].Args, want) {
		t.Errorf("KR-05 says %v", r[1].Args)
	}
	g.Zones = []string{"Pacific/Auckland", "Europe/London", "America/Los_Angeles", "America/Sao_Paulo"}
	if r := find(g, at, rulesQuietNever); len(r) != 1 || r[0].Args["zones"] != "America/Los_Angeles, America/Sao_Paulo, Asia/Seoul, Europe/London, Pacific/Auckland" {
		t.Errorf("it is always night somewhere: %v", r)
	}
	g.Zones = []string{"Asia/Seoul"}
	g.Channel = "line"
	g.Consents = append(g.Consents, given(noon))
	g.Consents[1].Act = engawa.ActContactNight
	if r := find(g, at, rulesNight); len(r) != 1 || r[0].Args["at"] != "2026-11-23T12:00:00+09:00" {
		t.Errorf("by night, as was consented to: %v", r)
	}
	if r := find(g, noon, rulesNight); len(r) != 0 {
		t.Errorf("by day: %v", r)
	}
	if r := find(g, at, grantWorkspace); len(r) != 1 || r[0].Args != nil || r[0].Rule != "" {
		t.Errorf("the business itself, by no rule and with no values: %v", r)
	}
	h := japan()
	h.ExpiresAt = noon.Add(-1)
	if r := find(h, noon, rulesExpired); len(r) != 1 || r[0].Args["at"] != "2026-11-23T12:00:00+09:00" {
		t.Errorf("an instant within a second is named %v, want it rounded up", r)
	}
}

// TestOutcome: over random facts the outcome is the strictest gate's, the
// deciding gate the first of that kind, a hold ends in the future, and nothing
// panics.
func TestOutcome(t *testing.T) {
	set := load(t)
	r := rand.New(rand.NewPCG(1, 2))
	flip := func() bool { return r.IntN(2) == 0 }
	order := []engawa.Outcome{engawa.Send, engawa.Hold, engawa.Refuse}
	for range 20_000 {
		f := japan()
		if flip() {
			f = korea([]string{"line", "kakao", "mail", "alimtalk"}[r.IntN(4)])
		}
		if flip() {
			f.Country, f.Zones = nil, nil
		}
		f.Purpose = []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing, engawa.Security, "x"}[r.IntN(5)]
		f.Consents[0].Given, f.Consents[0].Pending, f.Contact.Verified, f.OneClick, f.Final = flip(), flip(), flip(), flip(), flip()
		f.SentDay, f.OldestDay = r.IntN(8), noon.Add(-time.Duration(r.IntN(30))*time.Hour)
		if flip() {
			f.Suppressions = stop([]string{"bounced", "opted_out", "x"}[r.IntN(3)])
		}
		at := noon.Add(time.Duration(r.IntN(86400)) * time.Second)
		v := Judge(f, set, at)
		strictest := engawa.Send
		var first engawa.Gate
		for _, g := range v.Gates {
			if len(g.Reasons) == 0 {
				t.Fatalf("gate %s says nothing: %+v", g.Gate, f)
			}
			if slices.Index(order, g.Outcome) > slices.Index(order, strictest) {
				strictest, first = g.Outcome, g.Gate
			}
		}
		if v.Outcome != strictest || v.Decided != first {
			t.Fatalf("outcome %s at %q, gates say %s at %q", v.Outcome, v.Decided, strictest, first)
		}
		if v.Outcome == engawa.Hold != v.Until.After(at) {
			t.Fatalf("%s until %s at %s", v.Outcome, v.Until, at)
		}
	}
}

// TestSender: who may send without a grant.
func TestSender(t *testing.T) {
	set := load(t)
	for _, tc := range []struct {
		controller string
		staff, ok  bool
	}{
		{engawa.ControllerWorkspace, false, true},
		{engawa.ControllerWorkspace, true, true},
		{"ptn_1", false, false},
		{"ptn_1", true, false},
		{"", true, true},
		{"", false, false},
	} {
		f := japan()
		f.Purpose = engawa.Service
		if tc.staff {
			destination(&f)
		}
		f.Controller = tc.controller
		if v := Judge(f, set, noon); (v.Outcome == engawa.Send) != tc.ok {
			t.Errorf("%q to staff %t: %s at %s", tc.controller, tc.staff, v.Outcome, v.Decided)
		}
	}
}

// TestMissing: each fact without which there is nothing to judge is named.
func TestMissing(t *testing.T) {
	set := load(t)
	for name, change := range map[string]func(*engawa.Facts){
		"workspace":  func(f *engawa.Facts) { f.Workspace = "" },
		"account":    func(f *engawa.Facts) { f.Account = "" },
		"channel":    func(f *engawa.Facts) { f.Channel = "" },
		"recipient":  func(f *engawa.Facts) { f.ToDestination = true }, // both
		"controller": func(f *engawa.Facts) { f.Controller = "" },
	} {
		f := japan()
		change(&f)
		v := Judge(f, set, noon)
		if r := v.Gates[0].Reasons[0]; v.Decided != engawa.GateGrant || r.Code != grantIncomplete || r.Args["missing"] != name {
			t.Errorf("%s: %s %v", name, v.Outcome, r)
		}
	}
	if v := Judge(japan(), set, time.Time{}); v.Gates[0].Reasons[0].Args["missing"] != "time" {
		t.Errorf("without an instant: %v", v.Gates[0].Reasons)
	}
}

// TestFailClosed: without rules or facts nothing goes.
func TestFailClosed(t *testing.T) {
	if v := Judge(japan(), nil, noon); v.Outcome != engawa.Refuse {
		t.Errorf("without rules: %s", v.Outcome)
	}
	if v := Judge(engawa.Facts{}, load(t), noon); v.Outcome != engawa.Refuse {
		t.Errorf("without facts: %s", v.Outcome)
	}
}

// TestCleared: only what a verdict cleared opens, for its account, in its time.
func TestCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := load(t)
		f := japan()
		destination(&f)
		f.CreatedAt, f.ExpiresAt = time.Time{}, time.Time{}
		p := engawa.Parcel{Workspace: "ws_1", Message: "msg_1", Delivery: "dlv_1", Account: "acc_1", To: "x@y.example", Content: engawa.Content{Text: "t"}}
		if _, err := (Cleared{}).Open("acc_1"); !errors.Is(err, ErrNotCleared) {
			t.Errorf("the zero Cleared opens: %v", err)
		}
		c, v := Clear(f, set, time.Now(), p, time.Now().Add(time.Hour))
		if v.Outcome != engawa.Send {
			t.Fatalf("%s at %s", v.Outcome, v.Decided)
		}
		if got, err := c.Open("acc_1"); err != nil || got.To != p.To {
			t.Errorf("opens to %v, %v", got, err)
		}
		if _, err := c.Open("acc_2"); !errors.Is(err, ErrNotCleared) {
			t.Errorf("opens for another account: %v", err)
		}
		changed := *c.it
		changed.parcel.Content.Text = "something else"
		if _, err := (Cleared{&changed}).Open("acc_1"); !errors.Is(err, ErrNotCleared) {
			t.Errorf("opens with other words: %v", err)
		}
		p.Partner = "ptn_smuggled"
		if c, _ := Clear(f, set, time.Now(), p, time.Now().Add(time.Hour)); c.it.parcel.Partner != "" {
			t.Error("whose words they are came past the facts")
		}
		p.About = &engawa.About{Mail: "smuggled@y.example"}
		if c, _ := Clear(f, set, time.Now(), p, time.Now().Add(time.Hour)); c.it.parcel.About != nil {
			t.Error("whom a notice tells of came past the facts")
		}
		f.About = &engawa.About{Customer: "cus_1", Mail: "a@y.example"}
		told, _ := Clear(f, set, time.Now(), p, time.Now().Add(time.Hour))
		if got, err := told.Open("acc_1"); err != nil || got.About != f.About {
			t.Errorf("tells of %v, %v", got.About, err)
		}
		f.About.Mail = "b@y.example"
		if _, err := told.Open("acc_1"); !errors.Is(err, ErrNotCleared) {
			t.Errorf("opens with another address to tell of: %v", err)
		}
		time.Sleep(MaxAge)
		if _, err := c.Open("acc_1"); !errors.Is(err, ErrNotCleared) {
			t.Errorf("opens after its time: %v", err)
		}
		f.Stopped = true
		if c, v := Clear(f, set, time.Now(), p, time.Now().Add(time.Hour)); v.Outcome == engawa.Send || c.it != nil {
			t.Errorf("a refusal is cleared: %s", v.Outcome)
		}
	})
}

// TestWords: every code has its words in every language, and what does not
// pass says what to do. The words name only values that the reason carries,
// and no two languages say the same.
func TestWords(t *testing.T) {
	words := map[engawa.Locale]map[string]string{}
	for _, l := range engawa.Locales {
		b, err := os.ReadFile("../text/words/verdict." + string(l) + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]string{}
		if err := toml.Unmarshal(b, &said); err != nil {
			t.Fatal(err)
		}
		words[l] = said
	}
	want := map[string][]string{} // key -> values that may be named
	for _, g := range engawa.Gates {
		want["gate."+string(g)] = nil
	}
	for _, o := range []engawa.Outcome{engawa.Send, engawa.Hold, engawa.Refuse} {
		want["outcome."+string(o)] = nil
	}
	stop, pass := reasons(t)
	for _, r := range pass {
		want["verdict."+r.Code] = names(r)
	}
	for _, r := range stop {
		want["verdict."+r.Code] = names(r)
		want["verdict."+r.Code+".remedy"] = names(r)
	}
	for key, values := range want {
		ja, ko, en := words[engawa.Japanese][key], words[engawa.Korean][key], words[engawa.English][key]
		if ja == "" || ko == "" || en == "" || ja == ko || ko == en || en == ja {
			t.Errorf("%s: %q, %q, %q", key, ja, ko, en)
		}
		for _, text := range []string{ja, ko, en} {
			for _, m := range regexp.MustCompile(`{{\.(\w+)}}`).FindAllStringSubmatch(text, -1) {
				if !slices.Contains(values, m[1]) {
					t.Errorf("%s: %q names %s; the reason has %v", key, text, m[1], values)
				}
			}
		}
	}
	for _, l := range engawa.Locales {
		for key := range words[l] {
			if _, ok := want[key]; !ok {
				t.Errorf("%s: nothing says %s", l, key)
			}
		}
	}
}

func names(r engawa.Reason) []string { return slices.Collect(maps.Keys(r.Args)) }

// reasons returns a reason of each code: of those that refuse or hold, and of
// those that only explain.
func reasons(t *testing.T) (stop, pass map[string]engawa.Reason) {
	stop, pass = map[string]engawa.Reason{}, map[string]engawa.Reason{}
	set := load(t)
	explains := []string{consentPromotional, consentUnknownPurpose, suppressionSpared, rulesLabel, rulesNight, rulesCountry}
	sort := func(v engawa.Verdict) {
		for _, g := range v.Gates {
			for _, r := range g.Reasons {
				if g.Outcome == engawa.Send || slices.Contains(explains, r.Code) {
					pass[r.Code] = r
				} else {
					stop[r.Code] = r
				}
			}
		}
	}
	for _, tc := range gateCases() {
		f := japan()
		tc.f(&f)
		sort(Judge(f, set, noon))
	}
	sort(Judge(japan(), nil, noon))
	return stop, pass
}

// TestNobody: of a message to the customer of an event of whom nobody knows whose it
// is, the recipient decides, and nothing is said to be missing from the request.
func TestNobody(t *testing.T) {
	f := japan()
	f.Customer, f.Nobody, f.Contact = "", true, nil
	v := Judge(f, load(t), noon)
	if v.Outcome != engawa.Refuse || v.Decided != engawa.GateRecipient || slices.Contains(reasonsOf(v), "grant.incomplete") {
		t.Errorf("%s by %s: %v", v.Outcome, v.Decided, reasonsOf(v))
	}
}
