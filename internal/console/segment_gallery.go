package console

import (
	"time"

	"github.com/engawa/engawa"
)

// segmentSamples are the canned pages of segments and broadcasts.
func segmentSamples(page func(at, title string) Page, s spoken) []Sample {
	customers := func(title string) Page { return page("customers", title) }
	messages := func(title string) Page { return page("messages", title) }
	return []Sample{
		{"segments", SegmentsPage(sampleSegments(customers("segments.title")))},
		{"segments-none", SegmentsPage(Segments{Page: customers("segments.title")})},
		{"segment", SegmentPage(sampleSegment(customers("segments.new"), s))},
		{"segment-foreign", SegmentPage(sampleForeign(customers("segments.new")))},
		{"broadcasts", BroadcastsPage(sampleBroadcasts(messages("broadcasts.title")))},
		{"broadcasts-none", BroadcastsPage(Broadcasts{Page: messages("broadcasts.title")})},
		{"broadcast-new", BroadcastFormPage(sampleBroadcastForm(messages("broadcasts.write")))},
		{"broadcast-forecast", BroadcastFormPage(sampleForecast(messages("broadcasts.write"), s))},
		{"broadcast-no-way", BroadcastFormPage(BroadcastForm{Page: messages("broadcasts.write")})},
		{"broadcast-running", BroadcastPage(sampleBroadcast(messages(""), engawa.BroadcastRunning))},
		{"broadcast-paused", BroadcastPage(sampleBroadcast(messages(""), engawa.BroadcastPaused))},
		{"broadcast-done", BroadcastPage(sampleBroadcast(messages(""), engawa.BroadcastDone))},
	}
}

func sampleSegments(p Page) Segments {
	return Segments{Page: p, Rows: []SegmentRow{
		{"seg_1", "VIP", p.T("segments.says.tag", "value", "vip") + p.T("segments.and") + p.T("segments.says.active", "n", 30), 128},
		{"seg_2", "Win-back", p.T("segments.not", "what", p.T("segments.says.active", "n", 90)), 2_341},
	}}
}

func sampleSegment(p Page, s spoken) SegmentForm {
	any := []Choice{{"", p.T("segments.any")}}
	return SegmentForm{
		Page: p, ID: "seg_1", Name: "VIP", Version: 2, Match: "all", N: 128, Some: []Choice{{"/customers/cus_1", s.hana}}, Tags: []string{"vip"},
		Apps: append(any, Choice{"app_1", "Hinata iOS"}), Accounts: append(any, Choice{"acc_line", "LINE · Hinata"}), Channels: []string{"mail", "inapp"},
		Rows: []TraitRow{
			{Condition: engawa.Condition{Is: engawa.TraitTag, Value: "vip"}},
			{Condition: engawa.Condition{Is: engawa.TraitSubscription, Subscription: engawa.SubscriptionActive, App: "app_1"}},
			{Condition: engawa.Condition{Is: engawa.TraitConsent, Purpose: engawa.Marketing, Channel: "mail"}},
			{Condition: engawa.Condition{Is: engawa.TraitActive, Days: 30, Not: true}},
			{Condition: engawa.Condition{Is: engawa.TraitCreatedAfter}, Date: "2026-04-01"},
			{},
		},
	}
}

func sampleForeign(p Page) SegmentForm {
	return SegmentForm{
		Page: p, ID: "seg_2", Name: "API", Version: 1, N: 3, Problem: p.T("segments.check"), Remedy: p.T("segments.name.wrong"),
		Foreign: "(" + p.T("segments.says.tag", "value", "vip") + p.T("segments.or") + p.T("segments.says.minor") + ")" + p.T("segments.and") + p.T("segments.says.active", "n", 30),
	}
}

func sampleBroadcasts(p Page) Broadcasts {
	return Broadcasts{Page: p, Rows: []BroadcastRow{
		{"brd_1", "2026 spring", engawa.BroadcastRunning, 2_341, 1_200, ago(10 * time.Minute)},
		{"brd_2", "Maintenance", engawa.BroadcastPaused, 128, 128, ago(2 * time.Hour)},
		{"brd_3", "New menu", engawa.BroadcastStopped, 2_300, 400, ago(30 * time.Hour)},
		{"brd_4", "Thanks", engawa.BroadcastDone, 2_290, 2_290, ago(90 * time.Hour)},
	}, Next: "/broadcasts?after=x"}
}

func sampleBroadcastForm(p Page) BroadcastForm {
	return BroadcastForm{
		Page: p, Segment: "seg_1", Purpose: string(engawa.Marketing), Words: map[engawa.Locale]engawa.Content{},
		Segments: []Choice{{"", p.T("broadcasts.everybody")}, {"seg_1", "VIP"}}, Templates: []Choice{{"", p.T("broadcasts.own_words")}, {"tpl_1", "Spring"}},
		Accounts: []Choice{{"acc_mail", p.kindWords("mail")}, {"acc_app", p.kindWords("inapp")}},
	}
}

func sampleForecast(p Page, s spoken) BroadcastForm {
	v := sampleBroadcastForm(p)
	v.Name, v.First, v.Then, v.NotBefore = "2026 spring", "acc_mail", "acc_app", "2026-12-02T10:00"
	v.Words[p.Locale] = engawa.Content{Subject: "Spring", Text: "{{customer.name}} …"}
	none, remedy := p.Words.Reason(p.Locale, engawa.Reason{Gate: engawa.GateConsent, Code: "consent.none"})
	v.Forecast = &ForecastView{
		Members: 2_341, Asked: 500, Send: 1_400, Hold: 200, Refuse: 741, Why: []WhyRow{{engawa.Refuse, 741, none, remedy}},
		Use:     []UseRow{{p.kindWords("mail"), 1_600, []string{p.T("broadcasts.left", "n", p.Number(12_000), "until", p.Date(ago(-20*24*time.Hour)))}}},
		Subject: "Spring", Text: s.hana + " …", Shown: []TrialMessage{{To: s.hana, Outcome: engawa.Send}, {To: s.hana, Outcome: engawa.Refuse, Why: none}},
	}
	return v
}

func sampleBroadcast(p Page, state engawa.BroadcastState) Broadcast {
	p.Title = "2026 spring"
	v := Broadcast{
		Page: p, ID: "brd_1", Says: p.T("segments.says.tag", "value", "vip"), Purpose: p.purposeWords(engawa.Marketing), State: state, Members: 2_341, Made: 1_200, Unmade: 1,
		Counts:   []BroadcastCount{{engawa.MessageSent, 700}, {engawa.MessageWaiting, 300}, {engawa.MessageRefused, 200}},
		Words:    []SaidIn{{p.T("locale.en"), "Spring", "Hello {{customer.name}}"}},
		Accounts: []string{p.kindWords("mail")}, At: ago(10 * time.Minute), Until: ago(-24 * time.Hour),
	}
	if state == engawa.BroadcastDone {
		v.Walked, v.Made, v.End = true, 2_340, ago(time.Minute)
		v.Counts = []BroadcastCount{{engawa.MessageSent, 1_900}, {engawa.MessageWaiting, 0}, {engawa.MessageRefused, 440}}
	}
	return v
}
