package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
)

// partnerSamples are the canned pages on which partners are looked after.
func partnerSamples(page func(at, title string) Page) []Sample {
	at := func(title string) Page { return page("settings", title) }
	return []Sample{
		{"partners", PartnersPage(samplePartners(at("partners.title")))},
		{"partners-empty", PartnersPage(Partners{Page: at("partners.title")})},
		{"partner-new", PartnerFormPage(PartnerForm{Page: at("partner.new")})},
		{"partner", PartnerPage(samplePartner(at("")))},
		{"partner-slowed", PartnerPage(sampleSlowedPartner(at("")))},
		{"partner-ended", PartnerPage(sampleEndedPartner(at("")))},
		{"partner-purged", PartnerPage(samplePurgedPartner(at("")))},
		{"partner-secret", SecretMadePage(sampleSecret(at("secret.made")))},
		{"answer-unproved", UnprovedPage(sampleReply(at("reply.title")))},
		{"answer-unproved-ended", UnprovedPage(sampleLateReply(at("reply.title")))},
		{"threads", ThreadsPage(sampleThreads(at("threads.title")))},
		{"threads-empty", ThreadsPage(Threads{Page: at("threads.title"), Partner: samplePartnerID, Name: samplePartnerName(at(""))})},
		{"thread", ThreadPage(sampleThread(at("")))},
		{"thread-gone", ThreadPage(sampleGoneThread(at("")))},
		{"message-answered", MessagePage(sampleAnswered(page("messages", "")))},
		{"grant-new", GrantFormPage(sampleGrantForm(at("grant.new")))},
	}
}

const (
	samplePartnerID = "ptn_4m2k3m9x1c4t8v7w2y5z0a3b6"
	sampleTokenURL  = "https://hub.hinata.example/oauth/token"
)

func samplePartnerName(p Page) string {
	switch p.Locale {
	case engawa.Japanese:
		return "在庫くん株式会社"
	case engawa.Korean:
		return "재고관리 주식회사"
	case engawa.English:
	}
	return "Stockwise Inc."
}

func sampleAppName(p Page) string {
	switch p.Locale {
	case engawa.Japanese:
		return "在庫くん"
	case engawa.Korean:
		return "재고관리"
	case engawa.English:
	}
	return "Stockwise"
}

func samplePartners(p Page) Partners {
	return Partners{
		Page:  p,
		Rows:  []PartnerRow{{ID: samplePartnerID, Name: samplePartnerName(p), Grants: 1, Secrets: 2}, {ID: "ptn_9x1c4t8v7w2y5z0a3b6q7r8s9", Name: "Kaede Agency"}},
		Ended: []PartnerRow{{ID: "ptn_0a3b6q7r8s99x1c4t8v7w2y5z", Name: "Momiji Apps", EndedAt: ago(90 * 24 * time.Hour)}},
	}
}

func samplePartner(p Page) Partner {
	p.Title = samplePartnerName(p)
	apps := map[string]string{"app_1": sampleAppName(p)}
	all := []engawa.Purpose{engawa.Service, engawa.Notice}
	grant := engawa.GrantFacts{
		ID: "grt_1", Scopes: []string{string(access.MessagesSend), string(access.MessagesRead), string(access.SubscribersRead)}, Apps: []string{"app_1"}, Channels: []string{"mail"}, Purposes: all,
		QuotaDay: 500, QuotaMon: 10_000, UsedDay: 128, UsedMonth: 4_210, StartsAt: ago(60 * 24 * time.Hour), EndsAt: sampleNow.AddDate(0, 4, 0),
	}
	next, over := grant, grant
	next.ID, next.StartsAt, next.EndsAt, next.QuotaDay, next.QuotaMon = "grt_2", sampleNow.AddDate(0, 4, 0), time.Time{}, 0, 0
	next.Scopes, next.Apps, next.Channels, next.Purposes = []string{"*"}, []string{"*"}, []string{"*"}, []engawa.Purpose{"*"}
	over.ID, over.EndedAt = "grt_0", ago(61*24*time.Hour)
	return Partner{
		Page: p, PartnerRow: PartnerRow{ID: samplePartnerID, Name: p.Title}, TokenURL: sampleTokenURL, Ask: true,
		Sender: engawa.SenderProfile{Name: p.Title, Postal: "金沢市片町1-2-3", Phone: "076-000-0000", Mail: "info@stock.example", Contact: "https://stock.example/contact"},
		Keys:   []KeyRow{{ID: "k3m9x1c4t8v7", CreatedAt: ago(300 * 24 * time.Hour), EndsAt: sampleNow.AddDate(0, 0, 9), UsedAt: ago(0)}},
		Granted: []GrantRow{
			p.grantRow(next, apps), p.grantRow(grant, apps),
		},
		Over:   []GrantRow{p.grantRow(over, apps)},
		Repute: Repute{Complained: store.Complained{Sent: 4_210, Complaints: 1}, Days: []store.ComplaintDay{{Day: ago(48 * time.Hour), Complaints: 1, Sent: 311}}},
		Apps:   []PartnerAppRow{{"app_1", sampleAppName(p)}},
		Shared: []SharedRow{{store.Shared{App: "app_1", Handles: 1_284, Addresses: 37, Messages: 8_112}, sampleAppName(p)}},
	}
}

func sampleEndedPartner(p Page) Partner {
	v := samplePartner(p)
	v.EndedAt, v.Keys, v.Granted = ago(24*time.Hour), nil, nil
	for i := range v.Over {
		v.Over[i].EndedAt = v.EndedAt
	}
	v.Ending = &Ending{At: v.EndedAt.AddDate(0, 0, 30), Counts: store.Destroyed{Texts: 8_112, Replies: 214, Handles: 1_284, Customers: 903}, Decisions: 1_530}
	return v
}

func sampleSlowedPartner(p Page) Partner {
	v := samplePartner(p)
	v.Repute = Repute{
		Complained: store.Complained{Level: engawa.ReputeSlowed, Sent: 4_210, Complaints: 9},
		Days:       []store.ComplaintDay{{Day: ago(24 * time.Hour), Complaints: 7, Sent: 402}, {Day: ago(48 * time.Hour), Complaints: 2, Sent: 311}},
	}
	return v
}

func samplePurgedPartner(p Page) Partner {
	v := sampleEndedPartner(p)
	v.EndedAt = ago(40 * 24 * time.Hour)
	v.Ending.Done, v.Ending.At = true, v.EndedAt.AddDate(0, 0, 30)
	return v
}

func sampleSecret(p Page) SecretMade {
	return SecretMade{
		Page: p, Partner: samplePartnerName(p), Client: samplePartnerID, Secret: "eng_secret_k3m9x1c4t8v7_sample00000000000000000000000000", TokenURL: sampleTokenURL, EndsAt: sampleNow.AddDate(1, 0, 0),
	}
}

func sampleGrantForm(p Page) GrantForm {
	v := GrantForm{
		Page: p, Partner: samplePartnerID, Of: samplePartnerName(p), Apps: []Choice{{"app_1", sampleAppName(p)}}, HasApps: []string{"app_1"},
		Channels: []Choice{{"mail", p.kindWords("mail")}, {"inapp", p.kindWords("inapp")}}, HasChannels: []string{"mail"}, HasPurposes: []string{"service"},
		EndsOn: "2026-11-01", QuotaDay: "500", Problem: p.T("grant.dates.wrong"),
	}
	for _, n := range access.Scopes {
		if n.Partner {
			v.Scopes, v.HasScopes = append(v.Scopes, string(n.Scope)), append(v.HasScopes, string(n.Scope))
		}
	}
	return v
}

func sampleReply(p Page) Unproved {
	p.At = "tasks"
	s := spokenIn(p.Locale)
	return Unproved{
		Page: p, CustomerName: s.hana,
		UnprovedReply: store.UnprovedReply{PartnerName: samplePartnerName(p), AppName: sampleAppName(p), Reply: engawa.Reply{
			ID: "rep_4m2k3m9x1c4t8v7w2y5z0a3b6", Customer: "cus_hana", Message: "msg_1", CreatedAt: ago(2 * time.Hour), Doubt: engawa.DoubtForged, Sender: engawa.MaskAddress("hana@customer.example"),
			Body: engawa.ReplyBody{Subject: "Re: " + s.subject, Text: s.plan + "\n\n" + p.T("scrub.name"), Files: []engawa.ReplyFile{{Name: "photo.png", Type: "image/png"}}},
		}},
	}
}

// sampleAnswers are one that the partner can read, one that waits and one that was left.
func sampleAnswers(p Page) []store.Answer {
	s := spokenIn(p.Locale)
	reply := func(id string, before time.Duration, doubt engawa.Doubt) engawa.Reply {
		return engawa.Reply{ID: id, Partner: samplePartnerID, App: "app_1", Message: "msg_1", Handle: "sub_4m2k3m9x1c4t8v7w2y5z0a3b6", At: ago(before).Truncate(time.Hour), CreatedAt: ago(before), Doubt: doubt}
	}
	mark := func(what string) string { return "[" + p.T("scrub."+what) + "]" }
	read, waits, left := reply("rep_1", 26*time.Hour, ""), reply("rep_2", 3*time.Hour, engawa.DoubtForged), reply("rep_3", 2*time.Hour, engawa.DoubtLeft)
	read.Body = engawa.ReplyBody{
		Subject: "Re: " + s.subject, Text: s.plan + "\n\n" + mark("name") + "\n" + mark("address") + "\n\n" + mark("document"),
		Hidden: map[string]int{"name": 1, "address": 1}, Held: map[string]int{"document": 1},
	}
	waits.Body = engawa.ReplyBody{Subject: "Re: " + s.subject, Text: s.plan}
	return []store.Answer{
		{Reply: read, Files: []store.AnswerFile{{Name: "photo.png", Type: "image/png", Size: 48_213}, {Name: "order.txt", Type: "text/plain", Size: 312}}, Told: []engawa.MessageState{engawa.MessageSent, engawa.MessageFailed}},
		{Reply: waits, Task: "tsk_1"},
		{Reply: left, Gone: true},
	}
}

func sampleThreads(p Page) Threads {
	as := sampleAnswers(p)
	return Threads{Page: p, Partner: samplePartnerID, Name: samplePartnerName(p), Next: "/partners/" + samplePartnerID + "/threads?after=x", Rows: []store.Conversation{
		{Answer: as[1], AppName: sampleAppName(p), Answers: 2, Waiting: 1},
		{Answer: as[2], Answers: 4, Waiting: 2},
		{Answer: as[0], AppName: sampleAppName(p), Answers: 1},
	}}
}

func sampleThread(p Page) Thread {
	p.Title = p.T("thread.title", "partner", samplePartnerName(p))
	s := spokenIn(p.Locale)
	v := Thread{Page: p, CustomerName: s.hana, Thread: store.Thread{
		Older: "msg_0", Newer: "msg_2",
		Partner: samplePartnerID, PartnerName: samplePartnerName(p), App: "app_1", AppName: sampleAppName(p), Handle: "sub_4m2k3m9x1c4t8v7w2y5z0a3b6", Customer: "cus_hana",
		Lines: []store.ThreadLine{{At: ago(27 * time.Hour), Said: store.Said{Message: engawa.Message{ID: "msg_1", State: engawa.MessageSent, Content: engawa.Content{Subject: s.subject, Text: s.plan}}}}},
	}}
	for _, a := range sampleAnswers(p) {
		v.Lines = append(v.Lines, store.ThreadLine{At: a.CreatedAt, Answer: &a})
	}
	return v
}

// sampleGoneThread is of a customer who was erased.
func sampleGoneThread(p Page) Thread {
	v := sampleThread(p)
	v.CustomerName, v.Older, v.Newer, v.Cut = p.T("customer.erased"), "", "", true
	v.Lines[0].Said = store.Said{Message: engawa.Message{ID: "msg_1", State: engawa.MessageSent}, Erased: true}
	a := *v.Lines[1].Answer
	a.Body, a.Files, a.Gone, a.Told = engawa.ReplyBody{}, nil, true, nil
	v.Lines = append(v.Lines[:1], store.ThreadLine{At: a.CreatedAt, Answer: &a})
	return v
}

// sampleAnswered is a partner's message that a customer answered.
func sampleAnswered(p Page) Message {
	v := sampleSaid(p, spokenIn(p.Locale))
	v.Event, v.EventLine, v.Route, v.RouteName, v.From = "", "", "", "", samplePartnerName(p)
	v.Answers, v.AnswersCut = sampleAnswers(p), true
	return v
}

func sampleLateReply(p Page) Unproved {
	v := sampleReply(p)
	v.Ended, v.Doubt, v.AppName = true, engawa.DoubtStranger, ""
	return v
}
