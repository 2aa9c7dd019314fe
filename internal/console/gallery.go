package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// Sample is one page of the gallery.
type Sample struct {
	Name string
	View templ.Component
}

// Gallery shows every page with canned data, in every language: /_pages lists
// them, /_pages/<name>?lang=ko shows one. It reads nothing and changes nothing.
func Gallery(words *text.Words) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := engawa.Locale(r.URL.Query().Get("lang"))
		if l == "" {
			l = text.Negotiate(r.Header.Get("Accept-Language"), engawa.Japanese)
		}
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/_pages"), "/")
		secure(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		samples := Samples(words, l)
		for _, s := range samples {
			if s.Name == name {
				_ = s.View.Render(r.Context(), w) // the reader went away
				return
			}
		}
		if name != "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_ = galleryPage(samplePage(words, l, "gallery"), samples).Render(context.WithoutCancel(r.Context()), w)
	})
}

// sampleNow is when the canned pages are looked at: Monday 23 November 2026, 22:40 in Japan.
var sampleNow = time.Date(2026, 11, 23, 13, 40, 2, 0, time.UTC)

// spoken are the names in the canned data, by locale.
type spoken struct {
	shop, member, hana, minsu, room, mailbox, plan, subject, body string
}

func spokenIn(l engawa.Locale) spoken {
	switch l {
	case engawa.Japanese:
		return spoken{"ひなた珈琲", "佐藤 ゆき", "山田 花", "김민수", "お金の部屋", "通知用メール", "年額プラン", "年額プランのご案内", "山田 花 様\n\nいつもひなた珈琲をご利用いただきありがとうございます。\n年額プランの期限は12月13日です。続けてくださる方へ、次の一年の豆を一袋お届けします。\n\nお手続き: https://hinata.example/plan"}
	case engawa.Korean:
		return spoken{"히나타 커피", "김유나", "야마다 하나", "김민수", "결제 알림방", "알림 메일", "연간 요금제", "연간 요금제 안내", "김민수 님\n\n히나타 커피를 이용해 주셔서 감사합니다.\n연간 요금제의 기한은 12월 13일입니다. 계속 이용하시는 분께 다음 해의 원두 한 봉지를 보내 드립니다.\n\n신청: https://hinata.example/plan"}
	case engawa.English:
	}
	return spoken{"Hinata Coffee", "Yuki Sato", "Hana Yamada", "Minsu Kim", "Money room", "Notices mailbox", "Yearly plan", "About your yearly plan", "Dear Hana Yamada,\n\nthank you for being with Hinata Coffee.\nYour yearly plan runs until 13 December. If you stay, a bag of beans for the next year is on us.\n\nContinue here: https://hinata.example/plan"}
}

func samplePage(words *text.Words, l engawa.Locale, at string) Page {
	s := spokenIn(l)
	zone := time.FixedZone("JST", 9*60*60)
	if l == engawa.Korean {
		zone = time.FixedZone("KST", 9*60*60)
	}
	return Page{
		Viewer: words.For(l, zone), Workspace: s.shop, Member: s.member, Role: engawa.Owner,
		At: at, Path: "/", Tasks: 2, Now: sampleNow, Title: "Engawa",
	}
}

// Samples are the canned pages in locale l.
func Samples(words *text.Words, l engawa.Locale) []Sample {
	page := func(at, title string) Page {
		p := samplePage(words, l, at)
		if title != "" {
			p.Title = p.T(title)
		}
		return p
	}
	s := spokenIn(l)
	return []Sample{
		{"today", TodayPage(sampleToday(page("today", "today.title"), s))},
		{"today-quiet", TodayPage(sampleQuiet(page("today", "today.title")))},
		{"live", LivePage(sampleLive(page("live", "live.title"), s))},
		{"live-empty", LivePage(Live{Page: page("live", "live.title"), Channels: []Choice{{"", words.T(l, "list.any")}}})},
		{"event", EventPage(sampleEvent(page("live", ""), s))},
		{"messages", MessagesPage(sampleMessages(page("messages", "messages.title"), s))},
		{"message-refused", MessagePage(sampleRefused(page("messages", ""), s))},
		{"message-sent", MessagePage(sampleSaid(page("messages", ""), s))},
		{"message-held", MessagePage(sampleHeld(page("messages", ""), s))},
		{"customers", CustomersPage(sampleCustomers(page("customers", "customers.title"), s))},
		{"customers-none", CustomersPage(Customers{Page: page("customers", "customers.title"), Query: "MK4TTT"})},
		{"customer", CustomerPage(sampleCustomer(page("customers", ""), s))},
		{"accounts", AccountsPage(sampleAccounts(page("accounts", "accounts.title"), s))},
		{"account", AccountPage(sampleAccount(page("accounts", ""), s))},
		{"places", PlacesPage(samplePlaces(page("accounts", ""), s))},
		{"notices", NoticesPage(sampleNotices(page("accounts", ""), s))},
		{"sent", SentPage(sampleSent(page("lanes", ""), s))},
		{"routes", RoutesPage(sampleRoutes(page("routes", "routes.title"), s))},
		{"route", RoutePage(sampleRoute(page("routes", ""), s))},
		{"templates", TemplatesPage(sampleTemplates(page("templates", "templates.title"), s))},
		{"template", TemplatePage(sampleTemplate(page("templates", ""), s))},
		{"lanes", LanesPage(Lanes{Page: page("lanes", "lanes.title"), Rows: sampleLanes(page("lanes", ""), s)})},
		{"tasks", TasksPage(Tasks{Page: page("tasks", "tasks.title"), Rows: sampleTasks(page("tasks", ""))})},
		{"settings", SettingsPage(sampleSettings(page("settings", "settings.title"), s))},
		{"signin", SignInPage(SignIn{Page: page("", "signin.title"), OIDC: "Google Workspace", Failed: "sign_in_invalid", Mail: "yuki@hinata.example"})},
		{"signin-link", SignInPage(SignIn{Page: page("", "signin.title"), Link: "sample"})},
		{"not-found", ProblemPage(page("", "").problem("not_found"))},
		{"forbidden", ProblemPage(page("", "").problem("forbidden"))},
		{"unavailable", ProblemPage(page("", "").problem("unavailable"))},
	}
}

func ago(d time.Duration) time.Time { return sampleNow.Add(-d) }

func sampleToday(p Page, s spoken) Today {
	v := Today{
		Page: p, Events: 1284, EventsBefore: 1190, Sent: 846, Failed: 2, Held: 57, Refused: 31,
		RefusedMost: p.T("today.most", "gate", p.T("gate.consent"), "n", 24), Tasks: sampleTasks(p), Lanes: sampleLanes(p, s), Live: sampleRows(p, s),
	}
	for i, n := range []int{12, 8, 5, 3, 2, 4, 9, 18, 34, 46, 52, 60, 48, 44, 50, 58, 66, 74, 80, 88, 92, 71, 57, 40} {
		waiting := n / 16
		if i < 2 || i > 21 {
			waiting = n * 35 / 100
		}
		v.Hours = append(v.Hours, Hour{At: sampleNow.Truncate(time.Hour).Add(time.Duration(i-23) * time.Hour), Sent: n - waiting - n/25, Waiting: waiting, Refused: n / 25})
	}
	return v
}

func sampleQuiet(p Page) Today {
	p.Tasks = 0
	v := Today{Page: p}
	for i := range 24 {
		v.Hours = append(v.Hours, Hour{At: sampleNow.Truncate(time.Hour).Add(time.Duration(i-23) * time.Hour)})
	}
	return v
}

func sampleLive(p Page, s spoken) Live {
	return Live{Page: p, Rows: sampleRows(p, s), Mark: "3f2a", Channels: []Choice{{"", p.T("list.any")}, {"mail", p.kindWords("mail")}, {"chatwork", p.kindWords("chatwork")}}}
}

func sampleRows(p Page, s spoken) []LiveRow {
	line := func(typ string) string { return p.Words.EventLine(p.Locale, typ, nil) }
	return []LiveRow{
		{At: ago(0), Event: "evt_1", Line: line("store.did_change_renewal_status.auto_renew_disabled"), About: s.hana + " · " + s.plan, Messages: []LiveMessage{
			{ID: "msg_1", To: s.hana, Via: p.kindWords("mail"), State: engawa.MessageSent},
			{ID: "msg_2", To: s.room, Via: p.kindWords("chatwork"), State: engawa.MessageSent},
		}},
		{At: ago(4 * time.Second), Event: "evt_2", Line: line("payment.recurring.failed"), About: s.minsu, Messages: []LiveMessage{
			{ID: "msg_3", To: s.room, Via: p.kindWords("chatwork"), State: engawa.MessageWaiting, Why: p.why(sampleHeldVerdict())},
		}},
		{At: ago(21 * time.Second), Event: "evt_3", Line: line("store.did_change_renewal_status.auto_renew_disabled"), About: s.minsu, Messages: []LiveMessage{
			{ID: "msg_4", To: s.minsu, Via: p.kindWords("mail"), State: engawa.MessageRefused, Why: p.why(sampleVerdict(false))},
		}},
		{At: ago(42 * time.Second), Event: "evt_4", Line: line("mail.bounced"), About: s.hana},
		{At: ago(26 * time.Hour), Event: "evt_5", Line: line("contract.terminated"), About: s.hana, Sample: true, Messages: []LiveMessage{
			{ID: "msg_5", To: s.room, Via: p.kindWords("chatwork"), State: engawa.MessageUnknown},
		}},
	}
}

func sampleEvent(p Page, s spoken) Event {
	typ := "store.did_change_renewal_status.auto_renew_disabled"
	p.Title = p.Words.EventLine(p.Locale, typ, nil)
	return Event{
		Page: p, ID: "evt_06f3k2m9x1c4t8v7w2y5z0a3b6", Type: typ, Line: p.Title, Group: "store", Source: "App Store · Hinata",
		Customer: "cus_1", CustomerName: s.hana, Subject: "2000000412345678", OccurredAt: ago(2 * time.Second), ReceivedAt: ago(0), Known: true, Signed: true,
		Data:     "{\n  \"product_id\": \"hinata.yearly\",\n  \"auto_renew_status\": 0,\n  \"expires_at\": \"2026-12-13T15:00:00Z\",\n  \"environment\": \"Production\"\n}",
		Messages: sampleMessageRows(p, s)[:2],
	}
}

func sampleMessageRows(p Page, s spoken) []MessageRow {
	return []MessageRow{
		{ID: "msg_1", At: ago(0), Subject: s.subject, To: s.hana, Via: p.kindWords("mail"), Purpose: engawa.Marketing, State: engawa.MessageSent},
		{ID: "msg_2", At: ago(time.Second), Subject: p.Words.EventLine(p.Locale, "payment.recurring.failed", nil), To: s.room, Via: p.kindWords("chatwork"), Purpose: engawa.Service, State: engawa.MessageWaiting, Why: p.why(sampleHeldVerdict())},
		{ID: "msg_3", At: ago(21 * time.Second), Subject: s.subject, To: s.minsu, Via: p.kindWords("mail"), Purpose: engawa.Marketing, State: engawa.MessageRefused, Why: p.why(sampleVerdict(false))},
		{ID: "msg_4", At: ago(3 * time.Hour), Subject: s.subject, To: s.hana, Via: p.kindWords("mail"), Purpose: engawa.Notice, State: engawa.MessageFailed},
		{ID: "msg_5", At: ago(30 * time.Hour), Subject: s.subject, To: s.hana, Via: p.kindWords("mail"), Purpose: engawa.Notice, State: engawa.MessageUnknown},
		{ID: "msg_6", At: ago(31 * time.Hour), Subject: s.subject, To: s.hana, Via: p.kindWords("mail"), Purpose: engawa.Notice, State: engawa.MessageCanceled},
	}
}

func sampleMessages(p Page, s spoken) Messages {
	return Messages{Page: p, Rows: sampleMessageRows(p, s), Next: "/messages?cursor=x", CSV: "/messages.csv"}
}

func sampleGate(g engawa.Gate, o engawa.Outcome, rule, code, source string, args map[string]string) engawa.GateResult {
	return engawa.GateResult{Gate: g, Outcome: o, Reasons: []engawa.Reason{{Gate: g, Rule: rule, Code: code, Source: source, Args: args}}}
}

// sampleVerdict goes, or is refused for want of consent.
func sampleVerdict(goes bool) engawa.Verdict {
	v := engawa.Verdict{Outcome: engawa.Send, RuleSet: "2026-11-20", At: ago(time.Second), Gates: []engawa.GateResult{
		sampleGate(engawa.GateGrant, engawa.Send, "", "grant.workspace", "", nil),
		sampleGate(engawa.GateRecipient, engawa.Send, "", "recipient.verified", "", nil),
		sampleGate(engawa.GateRelationship, engawa.Send, "", "relationship.not_needed", "", nil),
		sampleGate(engawa.GateConsent, engawa.Send, "JP-01", "consent.given", "", map[string]string{"at": "2026-09-02T10:12:00+09:00", "wording": "v3"}),
		sampleGate(engawa.GateDisclosure, engawa.Send, "", "disclosure.not_needed", "", nil),
		sampleGate(engawa.GateRules, engawa.Send, "", "rules.met", "", nil),
		sampleGate(engawa.GateSuppression, engawa.Send, "", "suppression.clear", "", nil),
		sampleGate(engawa.GateBudget, engawa.Send, "", "budget.left", "", nil),
	}, Obligations: []engawa.Obligation{{Kind: "footer", Rule: "JP-04"}, {Kind: "one_click"}}}
	if !goes {
		v.Outcome, v.Decided, v.Obligations = engawa.Refuse, engawa.GateConsent, nil
		v.Gates[3] = sampleGate(engawa.GateConsent, engawa.Refuse, "KR-01", "consent.none", "정보통신망법 §50(1)", nil)
		v.Gates[5] = sampleGate(engawa.GateRules, engawa.Hold, "KR-04", "rules.quiet_hours", "정보통신망법 §50(3)", map[string]string{"from": "21:00", "to": "08:00", "until": "2026-11-24T08:00:00+09:00"})
	}
	return v
}

// sampleHeldVerdict waits for a provider's quota, to a destination.
func sampleHeldVerdict() engawa.Verdict {
	v := sampleVerdict(true)
	v.Outcome, v.Decided, v.Until, v.Obligations = engawa.Hold, engawa.GateBudget, sampleNow.Add(128*time.Second), nil
	for _, i := range []int{1, 2, 3, 4} {
		v.Gates[i].Reasons = nil
	}
	v.Gates[7] = sampleGate(engawa.GateBudget, engawa.Hold, "", "budget.spent", "", map[string]string{"scope": "token", "until": "2026-11-23T13:42:10Z"})
	return v
}

func sampleMessage(p Page, s spoken, state engawa.MessageState) Message {
	p.Title = s.subject
	return Message{
		Page: p, ID: "msg_q7kd3m9x1c4t8v7w2y5z0a3b6", Event: "evt_1", EventLine: p.Words.EventLine(p.Locale, "store.did_change_renewal_status.auto_renew_disabled", nil),
		Route: "rte_1", RouteName: s.plan, Customer: "cus_1", To: s.hana, From: s.shop, App: s.shop, Topic: "renewal",
		Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic, State: state, CreatedAt: ago(21 * time.Second), ExpiresAt: sampleNow.Add(72 * time.Hour),
		Content: engawa.Content{Subject: s.subject, Text: s.body},
	}
}

func sampleRefused(p Page, s spoken) Message {
	v := sampleMessage(p, s, engawa.MessageRefused)
	v.To = s.minsu
	v.Verdicts = []Verdict{p.verdictWords(sampleVerdict(false), s.mailbox, p.kindWords("mail"))}
	return v
}

func sampleSaid(p Page, s spoken) Message {
	v := sampleMessage(p, s, engawa.MessageSent)
	v.Verdicts = []Verdict{p.verdictWords(sampleVerdict(true), s.mailbox, p.kindWords("mail"))}
	v.Deliveries = []Delivery{{
		ID: "dlv_1", Account: s.mailbox, Channel: p.kindWords("mail"), State: engawa.Accepted, HandedAt: ago(15 * time.Second), ProviderID: "4cRk2v1",
		Attempts: []Attempt{
			{N: 1, At: ago(20 * time.Second), Took: 88 * time.Millisecond, Outcome: engawa.OutcomeRetry, Code: "451 4.7.1", Request: "MAIL FROM:<b…@h….example>\nRCPT TO:<h…@e….jp>\nDATA", Response: "250 2.1.0 ok\n451 4.7.1 greylisted, try again in 5 seconds"},
			{N: 2, At: ago(15 * time.Second), Took: 41 * time.Millisecond, Outcome: engawa.OutcomeAccepted, Code: "250", Request: "MAIL FROM:<b…@h….example>\nRCPT TO:<h…@e….jp>\nDATA\n\nMessage-ID: <dlv_1@hinata.example>\nSubject: …\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n… 2,184 bytes", Response: "250 2.1.0 ok\n250 2.1.5 ok\n354 go ahead\n250 2.0.0 queued as 4cRk2v1"},
		},
	}}
	return v
}

func sampleHeld(p Page, s spoken) Message {
	v := sampleMessage(p, s, engawa.MessageWaiting)
	v.Title = p.Words.EventLine(p.Locale, "payment.recurring.failed", nil)
	v.Content = engawa.Content{Text: v.Title + "\n" + s.minsu + "\nref: evt_2"}
	v.Customer, v.To, v.Purpose, v.CanCancel = "", s.room, engawa.Service, true
	v.Verdicts = []Verdict{p.verdictWords(sampleHeldVerdict(), s.room, p.kindWords("chatwork")), p.verdictWords(sampleVerdict(true), s.mailbox, p.kindWords("mail"))}
	v.Deliveries = []Delivery{{ID: "dlv_2", Account: s.room, Channel: p.kindWords("chatwork"), State: engawa.Held, DueAt: sampleNow.Add(128 * time.Second)}}
	return v
}

func sampleCustomers(p Page, s spoken) Customers {
	return Customers{Page: p, CSV: "/customers.csv", Rows: []CustomerRow{
		{ID: "cus_1", Name: s.hana, Kind: "person", Country: "JP", Locale: engawa.Japanese, Since: ago(90 * 24 * time.Hour)},
		{ID: "cus_2", Name: s.minsu, Kind: "person", Country: "KR", Locale: engawa.Korean, Since: ago(40 * 24 * time.Hour)},
		{ID: "cus_3", Name: "Kanazawa Roasters", Kind: "contract", Country: "JP", Locale: engawa.English, Since: ago(400 * 24 * time.Hour)},
	}}
}

func sampleCustomer(p Page, s spoken) Customer {
	p.Title = s.hana
	line := func(typ string) string { return p.Words.EventLine(p.Locale, typ, nil) }
	return Customer{
		Page: p, ID: "cus_8f2k3m9x1c4t8v7w2y5z0a3b6", Name: s.hana, Kind: "person", Country: "JP", Zone: "Asia/Tokyo", Speaks: engawa.Japanese, Since: ago(90 * 24 * time.Hour),
		Points: []Point{
			{Kind: p.kindWords("mail"), Address: "h…@e….jp", Role: "login", VerifiedAt: ago(90 * 24 * time.Hour)},
			{Kind: p.kindWords("mail"), Address: "y…@g….com", Role: "billing", Purposes: []engawa.Purpose{engawa.Service}},
		},
		Consents: []Consent{
			{At: ago(82 * 24 * time.Hour), Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: p.kindWords("mail"), Topic: "renewal", Given: true, Version: "v3", Where: "https://hinata.example/join"},
			{At: ago(20 * 24 * time.Hour), Act: engawa.ActContactNight, Purpose: engawa.Marketing, Given: false, Version: "v3"},
		},
		Story: []StoryRow{
			{At: ago(0), Kind: "event", Line: line("store.did_change_renewal_status.auto_renew_disabled"), More: s.plan, URL: "/events/evt_1"},
			{At: ago(time.Second), Kind: "message", Line: s.subject, More: p.kindWords("mail"), URL: "/messages/msg_1", State: engawa.MessageSent},
			{At: ago(82 * 24 * time.Hour), Kind: "consent", Line: p.T("act.contact") + " · " + p.T("purpose.marketing"), Given: true},
			{At: ago(345 * 24 * time.Hour), Kind: "event", Line: line("store.subscribed.initial_buy"), More: s.plan, URL: "/events/evt_0"},
		},
		Next: "/customers/cus_1?cursor=x",
	}
}

func sampleLanes(p Page, s spoken) []LaneRow {
	return []LaneRow{
		{Account: "acc_1", Name: s.room, Kind: p.kindWords("chatwork"), Waiting: 16, OldestAt: ago(90 * time.Second), NextFree: sampleNow.Add(128 * time.Second), Gauges: []Gauge{{Scope: "token", Used: 300, Limit: 300, Per: 5 * time.Minute}}},
		{Account: "acc_2", Name: s.mailbox, Kind: p.kindWords("mail"), Waiting: 41, OldestAt: ago(4 * time.Second), Gauges: []Gauge{{Scope: "account", Used: 9, Limit: 50, Per: time.Second}, {Scope: "account", Used: 41200, Limit: 50000, Per: 24 * time.Hour}}},
		{Account: "acc_3", Name: "Hinata ERP", Kind: p.kindWords("webhook"), PausedUntil: sampleNow.Add(20 * time.Minute), PauseWhy: "401"},
		{Account: "acc_4", Name: "Old shop", Kind: p.kindWords("webhook"), Off: true},
	}
}

func sampleAccounts(p Page, s spoken) Accounts {
	v := Accounts{Page: p, Kinds: []Choice{{"mail", p.kindWords("mail")}, {"chatwork", p.kindWords("chatwork")}, {"webhook", p.kindWords("webhook")}, {"appstore", p.kindWords("appstore")}}}
	for _, l := range sampleLanes(p, s) {
		v.Rows = append(v.Rows, AccountRow{ID: l.Account, Name: l.Name, Kind: l.Kind, Environment: engawa.Production, Owner: p.T("account.owner.workspace"), Custodian: s.member, Enabled: !l.Off, Sends: true, Lane: l})
	}
	v.Rows = append(v.Rows, AccountRow{ID: "acc_5", Name: "Hinata iOS", Kind: p.kindWords("appstore"), Environment: engawa.Sandbox, Owner: p.T("account.owner.other"), Custodian: "B Inc.", Enabled: true})
	return v
}

func sampleAccount(p Page, s spoken) AccountForm {
	p.Title = s.mailbox
	return AccountForm{
		Page: p, ID: "acc_2", Kind: p.kindWords("mail"), Name: s.mailbox, Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Custodian: s.member, Enabled: true, CanTest: true, TestTo: "",
		Callback: "https://hub.hinata.example/in/acc_2",
		Fields: []FormField{
			{Key: "host", Type: "host", Label: "SMTP", Value: "smtp.hinata.example:587", Required: true},
			{Key: "user", Type: "text", Label: p.T("settings.name"), Value: "engawa"},
			{Key: "password", Type: "secret", Label: p.T("signin.password"), Required: true, Secret: true, Kept: true},
			{Key: "tls", Type: "choice", Label: "TLS", Value: "starttls", Choices: []Choice{{"starttls", "STARTTLS"}, {"tls", "TLS"}}, Required: true},
			{Key: "dkim", Type: "pem", Label: "DKIM", Secret: true, Kept: true},
			{Key: "signed", Type: "bool", Label: p.T("routes.on"), Value: "true"},
		},
	}
}

func sampleRoutes(p Page, s spoken) Routes {
	mail, chat := p.kindWords("mail")+" · "+s.mailbox, p.kindWords("chatwork")+" · "+s.room
	return Routes{Page: p, Rows: []RouteRow{
		{
			ID: "rte_1", Name: p.T("group.payment"), Enabled: true, Events: []string{p.T("routes.group", "group", p.T("group.payment"))}, Changed: ago(50 * time.Hour), By: s.member,
			Steps: []StepWords{{To: s.room, Template: p.T("routes.default_words"), Via: []string{p.T("routes.within", "via", chat, "time", p.Duration(10*time.Minute)), mail}}},
		},
		{
			ID: "rte_2", Name: s.plan, Enabled: true, Events: []string{p.Words.EventLine(p.Locale, "store.did_change_renewal_status.auto_renew_disabled", nil)}, Changed: ago(24 * 40 * time.Hour), By: s.member,
			Steps: []StepWords{{To: p.T("routes.to_customer"), Template: s.subject, Via: []string{mail}}, {To: s.room, Template: p.T("routes.default_words"), Via: []string{chat, p.T("routes.copy", "via", mail)}}},
		},
		{
			ID: "rte_3", Name: p.T("group.general"), Events: []string{p.T("routes.every")}, Changed: ago(24 * 300 * time.Hour), By: s.member,
			Steps: []StepWords{{To: s.room, Template: p.T("routes.default_words"), Via: []string{chat}}},
		},
	}}
}

func sampleRoute(p Page, s spoken) RouteForm {
	p.Title = p.T("group.payment")
	return RouteForm{
		Page: p, ID: "rte_1", Name: p.Title, Version: 3, Enabled: true, Events: "payment.*\ncontract.suspended",
		EventTypes:   []Choice{{"payment.recurring.failed", p.Words.EventLine(p.Locale, "payment.recurring.failed", nil)}},
		Destinations: []Choice{{"customer", p.T("routes.to_customer")}, {"dst_1", s.room}},
		Templates:    []Choice{{"", p.T("routes.default_words")}, {"tpl_1", s.subject}},
		Apps:         []Choice{{"", p.T("route.via.none")}, {"app_1", s.shop}},
		Vias:         []Choice{{"", p.T("route.via.none")}, {"acc_1", s.room}, {"acc_2", s.mailbox}},
		Steps: []StepForm{{To: "dst_1", Purpose: engawa.Service, Urgent: true, Via: []ViaForm{
			{Account: "acc_1", Minutes: 10}, {Account: "acc_2"},
		}}},
		Tried: &Trial{Looked: 200, Hit: 2, Rows: []TrialRow{
			{At: ago(time.Hour), Line: p.Words.EventLine(p.Locale, "payment.recurring.failed", nil), To: s.room, Outcome: engawa.Send},
			{At: ago(30 * time.Hour), Line: p.Words.EventLine(p.Locale, "contract.suspended", nil), To: s.room, Outcome: engawa.Hold, Why: p.why(sampleHeldVerdict())},
		}},
	}
}

func sampleTemplates(p Page, s spoken) Templates {
	return Templates{Page: p, Rows: []TemplateRow{
		{ID: "tpl_1", Name: s.plan, Subject: s.subject, Locales: []engawa.Locale{engawa.Japanese, engawa.Korean, engawa.English}, Changed: ago(50 * time.Hour)},
		{ID: "tpl_2", Name: s.room, Subject: "", Locales: []engawa.Locale{engawa.Japanese}, Changed: ago(70 * 24 * time.Hour)},
	}}
}

func sampleTemplate(p Page, s spoken) TemplateForm {
	p.Title = s.plan
	v := TemplateForm{Page: p, ID: "tpl_1", Name: s.plan, Version: 2, Variables: []string{"m.name", "expires_at"}}
	for i, l := range engawa.Locales {
		v.Words[i] = TemplateWords{Locale: l}
		if l == engawa.English {
			continue
		}
		words := spokenIn(l)
		v.Words[i].Content = engawa.Content{Subject: words.subject, Text: "{{m.name}}\n\n" + words.subject + "\n{{expires_at}}"}
		v.Words[i].Preview = engawa.Content{Subject: words.subject, Text: words.body}
		v.Words[i].Ad = l == engawa.Korean
	}
	return v
}

func sampleTasks(p Page) []TaskRow {
	unknown, help := p.taskWords(engawa.Task{Kind: "delivery.unknown"})
	closed, closedHelp := p.taskWords(engawa.Task{Kind: "account.closed"})
	return []TaskRow{
		{ID: "tsk_1", Title: closed, Help: closedHelp, URL: "/accounts/acc_3", Count: 3, DueAt: ago(40 * time.Minute), At: ago(3 * time.Hour), Open: true},
		{ID: "tsk_2", Title: unknown, Help: help, URL: "/messages/msg_5", Count: 1, DueAt: sampleNow.Add(22*time.Hour + 48*time.Minute), At: ago(time.Hour), Open: true},
	}
}

func samplePlaces(p Page, s spoken) Places {
	p.Title = p.T("places.of", "account", p.kindWords("chatwork"))
	return Places{
		Page: p, Account: "acc_1", Listed: true, Speaks: string(p.Locale), Rows: []PlaceRow{{Name: s.room, Address: "7…", Locale: p.Locale}},
		Rooms: []Room{{Key: "a", Name: s.room}, {Key: "b", Name: s.minsu, Refused: p.T("place.direct")}, {Key: "c", Name: s.shop, Refused: p.T("place.readonly")}},
	}
}

func sampleNotices(p Page, s spoken) Notices {
	p.Title = p.T("notices.of", "account", p.kindWords("chatwork"))
	return Notices{
		Page: p, Account: "acc_1", Kind: p.kindWords("chatwork"), Who: "Engawa", Enabled: true, Seen: "sample", CanTask: true,
		Groups: []NoticeGroup{
			{Group: "general", Room: "b"}, {Group: "application", Room: "b", Copy: true}, {Group: "payment", Room: "a"}, {Group: "contract", Room: "b", Edited: true, Route: "rte_1"},
		},
		Rooms:   []Room{{Key: "a", Name: s.room}, {Key: "b", Name: s.shop}, {Key: "c", Name: s.minsu, Refused: p.T("place.direct")}, {Key: "d", Name: s.member, Refused: p.T("place.my_chat")}},
		Mailbox: "dst_1", Mailboxes: []Choice{{"dst_1", s.mailbox + " s…@h….example"}, {"", p.T("notices.mailbox.other")}}, MailAccounts: []Choice{{"acc_2", s.mailbox}},
		Within: "10", Unit: "minutes", Events: p.noticeEvents(), People: []Choice{{"1002", s.member}, {"1003", s.minsu}},
		Tasks: []NoticeTask{{Event: "payment.recurring.failed", To: []string{"1002"}, Days: "3"}, {}},
	}
}

func sampleSent(p Page, s spoken) Sent {
	p.Title = p.T("sent.of", "account", p.kindWords("chatwork"))
	line := func(typ string) string { return p.Words.EventLine(p.Locale, typ, nil) }
	mail := func() string {
		return p.T("sent.went", "kind", p.kindWords("mail"), "state", p.T("delivery.accepted"))
	}
	return Sent{
		Page: p, Account: "acc_1", Kind: p.kindWords("chatwork"), Left: 12, Total: 300, Others: 41,
		Counts: []SentCount{{"sent", 1284}, {"waiting", 6}, {"on", 33}, {"not", 0}},
		Lane:   LaneRow{Gauges: []Gauge{{Scope: "token", Used: 247, Limit: 300, Per: 5 * time.Minute}, {Scope: "room", Used: 10, Limit: 10, Per: 10 * time.Second}}},
		Rows: []SentRow{
			{At: ago(20 * time.Second), Message: "msg_1", Subject: line("payment.recurring.failed"), To: s.room, Now: p.T("delivery.queued"), State: "waiting"},
			{At: ago(11 * time.Minute), Message: "msg_2", Subject: line("application.completed"), To: s.shop, Now: mail(), State: "on", Why: p.T("sent.late", "time", p.Duration(10*time.Minute))},
			{At: ago(12 * time.Minute), Message: "msg_3", Subject: line("contract.terminated"), To: s.shop, Now: p.T("delivery.accepted"), State: "sent"},
		},
	}
}

func sampleSettings(p Page, s spoken) Settings {
	return Settings{
		Page: p, Name: s.member, Shop: s.shop, Mail: "y…@h….example", Zone: "Asia/Tokyo", Country: "JP", Version: "0.1.0",
		Sender: engawa.SenderProfile{Name: s.shop, Postal: "920-0999 Kanazawa 1-2-3", Phone: "076-000-0000", Mail: "info@hinata.example"},
	}
}
