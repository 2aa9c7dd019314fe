package console

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/verdict"
)

// Sample is one page of the gallery.
type Sample struct {
	Name string
	View templ.Component
}

// Gallery shows every page with canned data, in every language: /_pages lists
// them, /_pages/<name>?lang=ko shows one. It reads nothing and changes nothing.
func Gallery(words *text.Words) http.Handler {
	of := map[engawa.Locale]func() []Sample{}
	for _, l := range engawa.Locales {
		of[l] = sync.OnceValue(func() []Sample { return Samples(words, l) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := engawa.Locale(r.URL.Query().Get("lang"))
		if of[l] == nil {
			l = text.Negotiate(r.Header.Get("Accept-Language"), engawa.Japanese)
		}
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/_pages"), "/")
		secure(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		samples := of[l]()
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
		At: at, Path: "/", Tasks: 3, Overdue: 1, Now: sampleNow, Title: "Engawa",
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
	return append(append(append(deskSamples(page, s), partnerSamples(page)...), segmentSamples(page, s)...), []Sample{
		{"today", TodayPage(sampleToday(page("today", "today.title"), s))},
		{"today-quiet", TodayPage(sampleQuiet(page("today", "today.title")))},
		{"live", LivePage(sampleLive(page("live", "live.title"), s))},
		{"live-empty", LivePage(Live{Page: page("live", "live.title"), Channels: []Choice{{"", words.T(l, "list.any")}}})},
		{"event", EventPage(sampleEvent(page("live", ""), s))},
		{"event-nobody", EventPage(nobodysEvent(page("live", ""), s))},
		{"messages", MessagesPage(sampleMessages(page("messages", "messages.title"), s))},
		{"message-refused", MessagePage(sampleRefused(page("messages", ""), s))},
		{"message-sent", MessagePage(sampleSaid(page("messages", ""), s))},
		{"message-held", MessagePage(sampleHeld(page("messages", ""), s))},
		{"customers", CustomersPage(sampleCustomers(page("customers", "customers.title"), s))},
		{"imports", ImportsPage(sampleImports(page("customers", "imports.title"), s))},
		{"imports-none", ImportsPage(Imports{Page: page("customers", "imports.title"), Sources: []Choice{{"", words.T(l, "imports.source.new")}}})},
		{"columns", ColumnsPage(sampleColumns(page("customers", ""), s))},
		{"columns-unreadable", ColumnsPage(sampleUnreadable(page("customers", "")))},
		{"import", ImportPage(sampleDryRun(page("customers", ""), s))},
		{"import-first", ImportPage(sampleFirst(page("customers", ""), s))},
		{"import-applying", ImportPage(sampleApplying(page("customers", ""), s))},
		{"import-done", ImportPage(sampleApplied(page("customers", ""), s))},
		{"customer", CustomerPage(sampleCustomer(page("customers", ""), s))},
		{"customer-offers", CustomerOffersPage(sampleCustomerOffers(page("customers", "offers.title"), s))},
		{"offers", OffersPage(sampleOffers(page("accounts", "offers.title"), s))},
		{"offers-none", OffersPage(Offers{Page: page("accounts", "offers.title")})},
		{"offer-new", OfferFormPage(sampleOfferForm(page("accounts", "offer.new"), s))},
		{"offer", PoolPage(samplePool(page("accounts", ""), s))},
		{"ticket", TicketPage(sampleTicket(page("customers", "ticket.title"), s))},
		{"stop", WithdrawalPage(sampleWithdrawal(page("customers", "stop.title"), s))},
		{"merge", MergerPage(sampleMerger(page("customers", "merge.title"), s))},
		{"merge-none", MergerPage(sampleMergerNone(page("customers", "merge.title"), s))},
		{"erase", ErasurePage(Erasure{Page: page("customers", "erase.title"), ID: "cus_1", Name: s.hana, Points: 2, Identities: 3, Ask: true})},
		{"erase-traces", ErasurePage(Erasure{Page: page("customers", "erase.title"), ID: "cus_1", Name: s.hana, Traces: true})},
		{"rules", RulesPage(sampleRules(page("settings", "rules.title"), s))},
		{"rules-trial", PackTrialPage(samplePackTrial(page("settings", ""), s))},
		{"accounts", AccountsPage(sampleAccounts(page("accounts", "accounts.title"), s))},
		{"account", AccountPage(sampleAccount(page("accounts", ""), s))},
		{"account-appstore", AccountPage(sampleAppStore(page("accounts", ""), s))},
		{"account-appstore-trouble", AccountPage(sampleAppStoreTrouble(page("accounts", ""), s))},
		{"account-zendesk", AccountPage(sampleZendesk(page("accounts", ""), s))},
		{"custody", CustodiesPage(sampleCustodies(page("accounts", "custody.title"), s))},
		{"custody-none", CustodiesPage(CustodyList{Page: page("accounts", "custody.title"), Kinds: []Choice{{"line", words.T(l, "custody.kind.line")}}})},
		{"custody-hostage", CustodyPage(sampleHostage(page("accounts", ""), s))},
		{"custody-connected", CustodyPage(sampleWatched(page("accounts", ""), s))},
		{"custody-state", CustodyFormPage(sampleStatement(page("accounts", ""), s))},
		{"custody-questions", QuestionsPage(page("accounts", "custody.q.title").questionsIn(l))},
		{"kept", KeptPage(sampleKept(page("accounts", "")))},
		{"patterns", PatternsPage(samplePatterns(page("accounts", "")))},
		{"webform", WebFormPage(sampleWebForm(page("accounts", ""), l))},
		{"by-hand", ByHandPage(sampleByHand(page("tasks", "byhand.title"), s))},
		{"places", PlacesPage(samplePlaces(page("accounts", ""), s))},
		{"tries", TriesPage(sampleTries(page("accounts", "")))},
		{"notices", NoticesPage(sampleNotices(page("accounts", ""), s))},
		{"sent", SentPage(sampleSent(page("lanes", ""), s))},
		{"routes", RoutesPage(sampleRoutes(page("routes", "routes.title"), s))},
		{"route", RoutePage(sampleRoute(page("routes", ""), s))},
		{"route-history", RouteHistoryPage(sampleHistory(page("routes", ""), s))},
		{"products", ProductsPage(sampleProducts(page("routes", "products.title")))},
		{"products-none", ProductsPage(Products{Page: page("routes", "products.title"), Problem: page("routes", "products.title").T("form.check"), Remedy: page("routes", "products.title").T("products.wrong.id")})},
		{"ready", ReadyPage(sampleReady(page("routes", "ready.title"), s, ""))},
		{"ready-problem", ReadyPage(sampleReady(page("routes", "ready.title"), s, "channel"))},
		{"adoption", AdoptionPage(sampleAdoption(page("routes", "adoption.title")))},
		{"adoption-none", AdoptionPage(sampleAdoptionNone(page("routes", "adoption.title")))},
		{"figures", FiguresPage(sampleFigures(page("routes", "figures.title")))},
		{"figures-none", FiguresPage(sampleFiguresNone(page("routes", "figures.title")))},
		{"types", TypesPage(sampleTypes(page("routes", "types.title")))},
		{"type", TypePage(sampleType(page("routes", "types.new")))},
		{"templates", TemplatesPage(sampleTemplates(page("templates", "templates.title"), s))},
		{"template", TemplatePage(sampleTemplate(page("templates", ""), s))},
		{"lanes", LanesPage(Lanes{Page: page("lanes", "lanes.title"), Rows: sampleLanes(page("lanes", ""), s)})},
		{"lanes-refused", LanesPage(Lanes{Page: page("lanes", "lanes.title"), Rows: sampleLanes(page("lanes", ""), s), Receivers: sampleReceivers()})},
		{"account-refused", AccountPage(sampleBlocked(page("accounts", ""), s))},
		{"refunds", RefundsPage(sampleRefunds(page("refunds", "refunds.title"), s))},
		{"refunds-over", RefundsPage(sampleRefundsOver(page("refunds", "refunds.title"), s))},
		{"refunds-closed", RefundsPage(sampleRefundsClosed(page("refunds", "refunds.title"), s))},
		{"refunds-empty", RefundsPage(Refunds{Page: page("refunds", "refunds.title"), CSV: "/refunds.csv"})},
		{"refund", RefundPage(sampleRefund(page("refunds", ""), s))},
		{"refund-no-consent", RefundPage(sampleRefundWithheld(page("refunds", ""), s))},
		{"refund-closed", RefundPage(sampleRefundClosed(page("refunds", ""), s))},
		{"refund-rules", RefundRulesPage(sampleRefundRules(page("accounts", ""), s))},
		{"refund-rules-wrong", RefundRulesPage(sampleRefundRulesWrong(page("accounts", ""), s))},
		{"tasks", TasksPage(sampleMany(page("tasks", "tasks.title"), s))},
		{"tasks-empty", TasksPage(sampleTaskList(quiet(page("tasks", "tasks.title")), nil))},
		{"tasks-overdue", TasksPage(sampleOverdue(page("tasks", "tasks.title"), s))},
		{"tasks-done", TasksPage(sampleDone(page("tasks", "tasks.title"), s))},
		{"task-new", TaskFormPage(sampleTaskForm(page("tasks", "tasks.new"), s))},
		{"task", TaskPage(sampleTask(page("tasks", ""), s))},
		{"task-done", TaskPage(sampleTaskDone(page("tasks", ""), s))},
		{"settings", SettingsPage(sampleSettings(page("settings", "settings.title"), s))},
		{"members", MembersPage(Members{Page: page("settings", "members.title"), Rows: sampleMembers(s)})},
		{"member", MemberPage(sampleMember(page("settings", ""), s))},
		{"member-last", MemberPage(sampleLast(page("settings", ""), s))},
		{"invite", InvitationPage(Invitation{Page: page("settings", "invite.title"), For: engawa.Support, Ask: true})},
		{"link-made", LinkMadePage(LinkMade{Page: page("settings", "link.title"), Name: s.hana, Link: "https://hub.hinata.example/signin/link?token=Zk3x8Q7uJt2mYw9c4sVb1nLd6hRfPa5eXo0iGzKqTUM", Until: sampleNow.Add(72 * time.Hour)})},
		{"keys", KeysPage(sampleKeys(page("settings", "keys.title"), s))},
		{"keys-empty", KeysPage(Keys{Page: page("settings", "keys.title")})},
		{"key", KeyFormPage(sampleKeyForm(page("settings", "key.title")))},
		{"key-made", KeyMadePage(sampleKeyMade(page("settings", "key.made"), s))},
		{"audit", AuditPage(sampleAudit(page("settings", "audit.title"), s))},
		{"signin", SignInPage(SignIn{Page: page("", "signin.title"), OIDC: "Google Workspace", Failed: "sign_in_invalid", Mail: "yuki@hinata.example"})},
		{"signin-link", SignInPage(SignIn{Page: page("", "signin.title"), Link: "sample"})},
		{"not-found", ProblemPage(page("", "").problem("not_found"))},
		{"forbidden", ProblemPage(page("", "").problem("forbidden"))},
		{"unavailable", ProblemPage(page("", "").problem("unavailable"))},
	}...)
}

func ago(d time.Duration) time.Time { return sampleNow.Add(-d) }

func sampleToday(p Page, s spoken) Today {
	v := Today{
		Page: p, Events: 1284, EventsBefore: 1190, Sent: 846, Failed: 2, Held: 57, Refused: 31,
		RefusedMost: p.T("today.most", "gate", p.T("gate.consent"), "n", 24), Tasks: sampleTasks(p, s), Lanes: sampleLanes(p, s), Live: sampleRows(p, s),
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

// quiet is a page while nothing is left to do.
func quiet(p Page) Page {
	p.Tasks, p.Overdue = 0, 0
	return p
}

func sampleQuiet(p Page) Today {
	v := Today{Page: quiet(p)}
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

func sampleKept(p Page) Kept {
	p.Title = p.T("kept.of", "account", p.kindWords("inbox"))
	return Kept{Page: p, Account: "acc_1", Off: true, Rows: []KeptRow{
		{At: ago(2 * time.Hour), EndsAt: ago(-30 * 24 * time.Hour), Why: string(store.InboxOff), From: "i…@l….example", Subject: "停止", Text: "■ 顧客データ\n山田 花"},
		{At: ago(time.Hour), EndsAt: ago(-30 * 24 * time.Hour), Why: string(store.OfLoop), From: "f…@p….example", Subject: "Confirm your feedback loop", Text: "https://portal.example/confirm/1"},
	}}
}

// nobodysEvent is one of a customer whom nobody knows: a route writes to staff
// about it, and another cannot write to the customer.
func nobodysEvent(p Page, s spoken) Event {
	e := sampleEvent(p, s)
	e.Type, e.Group, e.Source, e.Signed, e.Subject = "contract.terminated", "contract", p.T("event.source.api"), false, ""
	e.Line = p.Words.EventLine(p.Locale, e.Type, nil)
	e.Title, e.Customer, e.CustomerName, e.Data, e.Messages = e.Line, "", "", "{}", e.Messages[1:]
	why, remedy := p.Words.Reason(p.Locale, engawa.Reason{Code: verdict.Unknown})
	e.Unmade = []Unmade{{Route: "rte_1", RouteName: s.subject, Message: "msg_7", Why: why, Remedy: remedy, At: ago(0)}}
	return e
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
	v.Verdicts = []Verdict{p.verdictWords(sampleVerdict(false), p.accountWords("mail", s.mailbox))}
	return v
}

func sampleSaid(p Page, s spoken) Message {
	v := sampleMessage(p, s, engawa.MessageSent)
	v.Verdicts = []Verdict{p.verdictWords(sampleVerdict(true), p.accountWords("mail", s.mailbox))}
	v.Deliveries = []Delivery{{
		ID: "dlv_1", Account: p.accountWords("mail", s.mailbox), State: engawa.Accepted, HandedAt: ago(15 * time.Second), ProviderID: "4cRk2v1",
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
	v.Verdicts = []Verdict{p.verdictWords(sampleHeldVerdict(), p.accountWords("chatwork", s.room)), p.verdictWords(sampleVerdict(true), p.accountWords("mail", s.mailbox))}
	v.Deliveries = []Delivery{{ID: "dlv_2", Account: p.accountWords("chatwork", s.room), State: engawa.Held, DueAt: sampleNow.Add(128 * time.Second)}}
	v.Told = []EventRow{
		{ID: "evt_2", Line: v.Title, At: ago(21 * time.Second)},
		{ID: "evt_5", Line: p.Words.EventLine(p.Locale, "contract.suspended", nil), At: ago(20 * time.Second)},
	}
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
		Tags: []string{"vip"}, Segments: []Choice{{"/segments/seg_1", "VIP"}},
		Refunds: []RefundRow{p.sampleCase(s)},
		Points: []Point{
			{Kind: p.kindWords("mail"), Address: "h…@e….jp", Role: "login", VerifiedAt: ago(90 * 24 * time.Hour)},
			{Kind: p.kindWords("mail"), Address: "y…@g….com", Role: "billing", Purposes: []engawa.Purpose{engawa.Service}},
		},
		Consents: []Consent{
			{At: ago(82 * 24 * time.Hour), Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: p.kindWords("mail"), Topic: "renewal", Given: true, Told: ago(82 * 24 * time.Hour), Version: "v3", Where: "https://hinata.example/join"},
			{At: ago(20 * 24 * time.Hour), Act: engawa.ActContactNight, Purpose: engawa.Marketing, Given: false, Version: "v3"},
		},
		Listed: []ListedRow{
			{List: p.kindWords("listform"), Mail: "h…@e….jp", NewMail: "y…@g….com", Plan: "12", Since: ago(90 * 24 * time.Hour), How: "form", Asked: "change", Task: "tsk_1"},
			{List: p.kindWords("listform"), Mail: "h…@e….jp", Plan: "34", Since: ago(90 * 24 * time.Hour), EndedAt: ago(24 * time.Hour), How: "by_hand"},
		},
		Story: []StoryRow{
			{At: ago(0), Kind: "event", Line: line("store.did_change_renewal_status.auto_renew_disabled"), More: s.plan, URL: "/events/evt_1"},
			{At: ago(time.Second), Kind: "message", Line: s.subject, More: p.kindWords("mail"), URL: "/messages/msg_1", State: engawa.MessageSent},
			{At: ago(time.Hour), Kind: "extension", Line: p.T("extend.line", "product", "hinata.yearly", "days", 7), More: joinDot(p.T("extend.state.done"), s.member), URL: "/purchases/pur_1/extend"},
			{At: ago(time.Hour + time.Minute), Kind: "code", Line: p.T("story.code.line", "offer", "outage_3m"), More: joinDot(p.T("offers.handed"), p.T("offer.for.apology"), s.member), URL: "/customers/cus_1/offers"},
			{At: ago(time.Hour + 2*time.Minute), Kind: "answer", Line: joinDot(p.T("refund.did.sent"), "hinata.recipes"), More: joinDot(s.member, p.T("because.goodwill")), URL: "/refunds/rfd_1"},
			{At: ago(time.Hour + 3*time.Minute), Kind: "ticket", Line: s.subject, More: joinDot("Zendesk", s.member, p.T("because.complaint")), URL: "/messages/msg_2"},
			{At: ago(2 * time.Hour), Kind: "note", Line: s.body, More: s.member},
			{At: ago(3 * time.Hour), Kind: "task", Line: p.T("task.account.closed"), More: p.T("task.open"), URL: "/tasks/tsk_1"},
			{At: ago(30 * 24 * time.Hour), Kind: "refund", Line: p.T("refund.entry.refunded"), More: joinDot("hinata.recipes", p.moneyOf(980_000, "JPY"))},
			{At: ago(82 * 24 * time.Hour), Kind: "consent", Line: p.T("act.contact") + " · " + p.T("purpose.marketing"), Given: true},
			{At: ago(345 * 24 * time.Hour), Kind: "event", Line: line("store.subscribed.initial_buy"), More: s.plan, URL: "/events/evt_0"},
		},
		Contracts: []Contract{
			{ID: "sbs_1", App: sampleAppName(p), Product: "standard", State: engawa.SubscriptionActive, StartsAt: ago(80 * 24 * time.Hour)},
			{ID: "sbs_0", App: sampleAppName(p), Product: "trial", State: engawa.SubscriptionExpired, StartsAt: ago(110 * 24 * time.Hour), EndedAt: ago(80 * 24 * time.Hour)},
		},
		Next: "/customers/cus_1?after=x#story", Desk: true,
		Doors: []Entitlement{
			{Name: "premium", Until: sampleNow.Add(20 * 24 * time.Hour), By: "hinata.yearly"}, {Name: "hinata.beans", By: "hinata.beans", Units: 3}, {Name: "archive", Shared: true},
		},
		TestDoors: []Entitlement{{Name: "premium", Until: sampleNow.Add(3 * time.Hour), By: "hinata.yearly"}},
		Purchases: samplePurchases(p), Handles: []string{p.T("find.identity.member_number"), p.T("find.identity.app_account_token")},
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

func sampleReceivers() []ReceiverRow {
	return []ReceiverRow{
		{ID: "brk_1", Domain: "gmail.com", Own: "hinata.example", State: "open", Code: "550 5.7.26", At: ago(24 * time.Minute), Waiting: 1204, Tries: 3, Since: ago(75 * time.Minute), Next: sampleNow.Add(16 * time.Minute)},
		{ID: "brk_2", Domain: "outlook.com", Own: "hinata.example", State: "probing", Code: "550 5.7.515", At: ago(40 * time.Minute), Waiting: 87, Tries: 2, Since: ago(40 * time.Minute)},
		{ID: "brk_3", Domain: "tanaka.example", Own: "news.hinata.example", State: "doubted", Code: "554 5.7.1", At: ago(3 * time.Hour)},
	}
}

func sampleBlocked(p Page, s spoken) AccountForm {
	v := sampleAccount(p, s)
	v.Refused = true
	return v
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
		Page: p, ID: "acc_2", Kind: "mail", Name: s.mailbox, Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Custodian: s.member, Enabled: true, CanTest: true, TestTo: "",
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

// sampleAppStore is an app that is connected, and of which something was missed.
func sampleAppStore(p Page, s spoken) AccountForm {
	p.Title = "Hinata iOS"
	v := AccountForm{
		Page: p, ID: "acc_5", Kind: "appstore", Name: "Hinata iOS", Owner: engawa.OwnerWorkspace, Custodian: s.member, Enabled: true,
		Callback: "https://hub.hinata.example/in/acc_5",
	}
	settings := map[string]string{"bundle_id": "jp.hinata.coffee", "app_apple_id": "1234567890", "app": "app_1", "issuer_id": "57246542-96fe-1a63-e053-0824d011072a", "key_id": "2X9R4HXF34", "private_key": "x"}
	for _, f := range []channel.Field{
		{Key: "bundle_id", Type: channel.Text, Required: true},
		{Key: "app_apple_id", Type: channel.Number},
		{Key: "app", Type: channel.OfApp},
		{Key: "issuer_id", Type: channel.Text},
		{Key: "key_id", Type: channel.Text},
		{Key: "private_key", Type: channel.PEM},
	} {
		v.Fields = append(v.Fields, p.formField("appstore", f, settings))
	}
	v.Fields[2].Choices = []Choice{{"", p.T("gap.app.none")}, {"app_1", s.shop}}
	v.Hearing = &Hearing{
		Account: "acc_5", Key: p.T("gap.key.works"), Heard: ago(4 * time.Minute), Next: sampleNow.Add(5 * time.Hour), Asks: true,
		Last: &engawa.Check{Cause: engawa.CheckAbsence, Told: 1204, Missed: 37, Checked: 31, Unanswered: 1, EndedAt: ago(50 * time.Minute)},
		Gaps: []engawa.Gap{
			{ID: "gap_2", Cause: engawa.CheckAbsence, From: ago(7 * time.Hour), To: ago(52 * time.Minute), Missed: 37, FoundAt: ago(51 * time.Minute), FilledAt: ago(50 * time.Minute)},
			{ID: "gap_1", Cause: engawa.CheckFailures, From: ago(20 * 24 * time.Hour), To: ago(20 * 24 * time.Hour), Missed: 1, FoundAt: ago(20*24*time.Hour - time.Hour), FilledAt: ago(20*24*time.Hour - time.Hour)},
		},
		Test: &TestResult{Tone: "go", Words: p.T("gap.test.arrived")},
	}
	return v
}

// sampleAppStoreTrouble is one whose history cannot be read, while it is checked.
func sampleAppStoreTrouble(p Page, s spoken) AccountForm {
	v := sampleAppStore(p, s)
	v.Hearing.Trouble = p.T("gap.trouble.history", "time", p.near(ago(20*time.Hour)))
	v.Hearing.Now = &engawa.Check{Told: 8420, Checked: 0}
	v.Hearing.Gaps = []engawa.Gap{{ID: "gap_3", Cause: engawa.CheckNight, From: ago(9 * time.Hour), To: ago(8 * time.Hour), Missed: 412, FoundAt: ago(time.Minute)}}
	v.Hearing.Test = &TestResult{Tone: "no", Words: p.T("gap.test.failed", "why", p.T("gap.result.SOCKET_ISSUE"))}
	return v
}

// sampleZendesk is a form with help beside every field, one that was refused,
// and long text.
func sampleZendesk(p Page, s spoken) AccountForm {
	p.Title = p.T("account.new", "kind", p.kindWords("zendesk"))
	settings := map[string]string{
		"subdomain": "hinata", "mail": "agent@hinata.example", "token": "t", "webhook_secret": "s", "tags": "engawa",
		"custom_fields": "360001234567 = data.c.name\n360007654321 = data.amount", "per_minute": "400",
	}
	v := AccountForm{
		Page: p, ID: "acc_3", Kind: "zendesk", Name: p.kindWords("zendesk"), Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Custodian: s.member,
		Enabled: true, CanTest: true, Callback: "https://hub.hinata.example/in/acc_3",
	}
	for _, f := range []channel.Field{
		{Key: "subdomain", Type: channel.Text, Required: true},
		{Key: "client_id", Type: channel.Text},
		{Key: "client_secret", Type: channel.SecretField},
		{Key: "mail", Type: channel.Mail},
		{Key: "token", Type: channel.SecretField},
		{Key: "oauth_token", Type: channel.SecretField},
		{Key: "webhook_secret", Type: channel.SecretField},
		{Key: "tags", Type: channel.Text},
		{Key: "priority", Type: channel.Choice, Choices: []string{"unset", "low", "normal", "high", "urgent"}},
		{Key: "brand", Type: channel.Pick},
		{Key: "form", Type: channel.Pick},
		{Key: "custom_fields", Type: channel.Lines},
		{Key: "per_minute", Type: channel.Number},
		{Key: "base_url", Type: channel.URL},
	} {
		v.Fields = append(v.Fields, p.formField("zendesk", f, settings))
	}
	v.Fields[9].Choices = p.pickFrom([]channel.Option{{Value: "360000000000201", Name: s.shop}}, "")
	v.Problem, v.Remedy, v.Fields[4].Bad = p.T("form.check"), v.Fields[4].Label, p.T("kind.zendesk.token.wrong")
	return v
}

// sampleForm warns as the real one does.
var sampleForm = channel.Kind{Name: "listform", Form: &channel.FormKind{Warns: []string{"promise", "interface", "hole", "end", "test", "only", "cancel", "change", "name", "consent"}}}

// sampleWebForm is a form that has changed since it was read.
func sampleWebForm(p Page, l engawa.Locale) WebForm {
	name := p.T("kind.listform")
	p.Title = p.T("webform.title", "account", name)
	labels := map[engawa.Locale][]string{
		engawa.Japanese: {"メールアドレス", "お名前", "コース"}, engawa.Korean: {"메일 주소", "이름", "과정"}, engawa.English: {"Mail address", "Your name", "Course"},
	}[l]
	v := WebForm{
		Page: p, Account: "acc_6", AccountName: name, Warning: p.warning(sampleForm), URL: "https://mm.hinata.example/np/sesform.php", Version: 2,
		Forms: 2, Charset: "shift_jis", Disagree: true, Changed: []string{"- text onamae", "+ text onamae (required)"}, Ready: true, Off: true, Registered: 12, NoPlan: true, Uncovered: "course",
		Shape: "post https://mm.hinata.example/np/sesform.php shift_jis", Try: WebFormTry{Mail: "yuki@hinata.example"},
		Inputs: []channel.WebInput{
			{Name: "mail", Type: "text", Label: labels[0], Required: true},
			{Name: "onamae", Type: "text", Label: labels[1], Required: true},
			{Name: "course", Type: "select", Label: labels[2], Required: true},
		},
	}
	options := []Choice{{"", p.T("webform.unused")}}
	for _, in := range v.Inputs {
		options = append(options, Choice{in.Name, joinDot(in.Label, in.Name)})
	}
	field := func(key string, t channel.FieldType, value string) FormField {
		return p.formField("listform", channel.Field{Key: key, Type: t, Required: key == "mail" || key == "success"}, map[string]string{key: value})
	}
	for _, f := range []FormField{field("mail", channel.Choice, "mail"), field("name", channel.Choice, "onamae"), field("kana", channel.Choice, ""), field("plan", channel.Choice, "")} {
		f.Choices = options
		v.Map = append(v.Map, f)
	}
	v.Phrases = []FormField{field("success", channel.Lines, labels[0]+" OK"), field("failure", channel.Lines, ""), field("duplicate", channel.Lines, "")}
	return v
}

func sampleByHand(p Page, s spoken) ByHand {
	return ByHand{
		Listed: []ListedRow{
			{Mail: "hana.old@hinata.example", NewMail: "hana@hinata.example", Name: s.hana, Plan: "12", Since: ago(90 * 24 * time.Hour), How: "form", Asked: "change"},
			{Mail: "hana.old@hinata.example", Name: s.hana, Plan: "34", Since: ago(30 * 24 * time.Hour), How: "unclear"},
		},
		Page: p, Back: p.T("byhand.back"), Admin: "https://mm.hinata.example/admin", Act: "register", Known: []string{"hana@hinata.example", "hana.old@hinata.example"},
		Rows: []Choice{{"hana@hinata.example", p.T("kind.listform.mail")}, {s.hana, p.T("kind.listform.name")}, {"12", p.T("kind.listform.plan")}},
	}
}

func sampleRoutes(p Page, s spoken) Routes {
	mail, chat := p.accountWords("mail", s.mailbox), p.accountWords("chatwork", s.room)
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
		}, Digest: DigestForm{Minutes: 10, Count: 20, By: "cause"}, Mute: []engawa.Window{{Days: []string{"sat", "sun"}, From: "22:00", To: "08:00"}}}},
		Tried: &Trial{
			Looked: 12_400, Hit: 88, Replaces: true, Was: 120, Differ: 86, First: 1, Last: 2, Next: "try.",
			Sums: []TrialSum{{p.aspect(message.Changed, message.Gathering), 52}, {p.aspect(message.Removed, message.Condition), 33}, {p.aspect(message.Added, message.OtherTypes), 1}},
			Rows: []TrialRow{
				{
					ID: "evt_1", At: ago(time.Hour), Line: p.Words.EventLine(p.Locale, "payment.recurring.failed", nil), Differs: p.aspect(message.Changed, message.Gathering),
					Before: []string{joinDot(s.room, p.accountWords("chatwork", s.room)+" → "+p.accountWords("mail", s.mailbox), p.T("routes.default_words"))},
					After:  []string{joinDot(s.room, p.accountWords("chatwork", s.room)+" → "+p.accountWords("mail", s.mailbox), p.T("routes.default_words"), p.T("routes.digest", "time", p.Duration(time.Hour)))},
					Messages: []TrialMessage{
						{To: s.room, Outcome: engawa.Send}, {To: s.mailbox, Outcome: engawa.Hold, Why: p.why(sampleHeldVerdict())},
					},
				},
				{
					ID: "evt_2", At: ago(30 * time.Hour), Line: p.Words.EventLine(p.Locale, "contract.suspended", nil), Differs: p.aspect(message.Removed, message.Condition),
					Before: []string{joinDot(s.room, p.accountWords("chatwork", s.room), p.T("routes.default_words"))}, After: []string{p.T("trial.nothing")},
				},
			},
		},
		Doubts:    []Doubt{{Says: p.T("doubt.partly", "path", "event.data.amount"), Remedy: p.T("doubt.partly.remedy", "path", "event.data.amount"), Of: p.T("doubt.of", "of", p.Words.EventLine(p.Locale, "contract.suspended", nil))}},
		Condition: "event.data.amount > 1000",
	}
}

func sampleHistory(p Page, s spoken) RouteHistory {
	row := RouteRow{
		Name: p.Title, Events: []string{p.T("routes.group", "group", p.T("group.payment"))}, Changed: ago(26 * time.Hour), By: s.member,
		Steps: []StepWords{{To: s.room, Template: p.T("routes.default_words"), Notes: []string{p.T("routes.mute", "from", "22:00", "to", "08:00")}, Via: []string{s.mailbox}}},
	}
	old := row
	old.Changed, old.By, old.Steps = ago(20*24*time.Hour), p.T("routes.system"), []StepWords{{To: s.room, Template: p.T("routes.default_words")}}
	return RouteHistory{Page: p, ID: "rte_1", Rows: []RouteVersion{{RouteRow: row, Version: 2, Current: true}, {RouteRow: old, Version: 1, Condition: "event.data.amount > 1000"}}}
}

// sampleOwn is a type that the shop made.
var sampleOwn = engawa.EventType{
	Type: "shop.order.shipped", Names: map[engawa.Locale]string{engawa.Japanese: "ご注文の品を発送しました", engawa.Korean: "주문 상품을 발송했습니다", engawa.English: "An order was shipped"},
	Schema: []byte(`{"type":"object","properties":{"order":{"type":"string"},"carrier":{"type":"string","enum":["yamato","post"]}},"required":["order"]}`),
	Sample: []byte(`{"order":"A-1","carrier":"post"}`),
}

func sampleTypes(p Page) Types {
	all := catalogue.Types()
	if own, err := catalogue.OwnType(sampleOwn); err == nil {
		all = append(all, own)
	}
	counts := map[string]int{
		"member.provisional": 64, "member.registered": 58, "mail.bounced": 3, "application.completed": 61, "payment.recurring.failed": 9, "payment.recurring.recovered": 6,
		"contract.suspended": 9, "contract.resumed": 6, "contract.termination.reserved": 4, "contract.terminated": 3, "store.did_renew": 1204, "shop.order.shipped": 122,
	}
	return Types{Page: p, Sections: p.typeSections(all, counts)}
}

func sampleType(p Page) TypeForm {
	f := TypeForm{Page: p, Type: sampleOwn.Type, Schema: indented(sampleOwn.Schema), Sample: indented(sampleOwn.Sample), Stored: true}
	for i, l := range engawa.Locales {
		f.Names[i] = sampleOwn.Names[l]
	}
	f.Problem, f.Remedy = p.T("types.sample.wrong", "place", "/order"), p.T("types.sample.help")
	return f
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

func sampleTasks(p Page, s spoken) []TaskRow {
	row := func(id, kind, from string, args map[string]string) TaskRow {
		r := TaskRow{ID: id, Source: p.T("tasks.source." + from), Count: 1, Open: true}
		r.Title, r.Help = p.TaskWords(engawa.Task{Kind: kind, Args: args})
		return r
	}
	closed, unknown, broken := row("tsk_1", "account.closed", "acc", nil), row("tsk_2", "delivery.unknown", "acc", nil), row("tsk_3", "route.broken", "rte", nil)
	closed.URL, closed.Count, closed.DueAt, closed.At, closed.Late = "/accounts/acc_3", 3, ago(40*time.Minute), ago(3*time.Hour), true
	unknown.URL, unknown.DueAt, unknown.At, unknown.Assignee, unknown.Mine = "/messages/msg_5", sampleNow.Add(22*time.Hour+48*time.Minute), ago(time.Hour), s.member, true
	unknown.Customer, unknown.Whose = "cus_2", s.minsu
	broken.URL, broken.DueAt, broken.At, broken.Assignee = "/routes/rte_1", sampleNow.Add(50*time.Hour), ago(2*time.Hour), s.hana
	return []TaskRow{closed, unknown, broken}
}

func sampleTaskList(p Page, rows []TaskRow) Tasks {
	return Tasks{Page: p, Rows: rows, CSV: "/tasks.csv", Kinds: []Choice{{"", p.T("list.any")}}}
}

func sampleMany(p Page, s spoken) Tasks {
	var rows []TaskRow
	for range 4 {
		rows = append(rows, sampleTasks(p, s)...)
	}
	v := sampleTaskList(p, rows)
	v.Next = "/tasks?after=x"
	return v
}

func sampleOverdue(p Page, s spoken) Tasks {
	v := sampleTaskList(p, sampleTasks(p, s)[:1])
	v.Late = true
	return v
}

func sampleDone(p Page, s spoken) Tasks {
	v := sampleTaskList(p, sampleTasks(p, s)[1:])
	v.Closed = true
	for i := range v.Rows {
		v.Rows[i].Open, v.Rows[i].DoneAt, v.Rows[i].DoneBy = false, ago(time.Duration(i+1)*5*time.Hour), s.member
	}
	return v
}

func sampleTaskForm(p Page, s spoken) TaskForm {
	return TaskForm{
		Page: p, Name: s.subject, Customer: "cus_1", CustomerName: s.hana, Assignee: "mem_1", Due: "2026-11-24T18:00", Zone: p.Zone.String(),
		Members: []Choice{{"", p.T("tasks.nobody")}, {"mem_1", s.member}}, Problem: p.T("form.check"), Remedy: p.taskProblem(engawa.Invalid("/assignee", "", "")),
	}
}

func sampleTask(p Page, s spoken) Task {
	v := Task{
		Page: p, TaskRow: sampleTasks(p, s)[0], RaisedAt: ago(20 * time.Minute), May: true, Zone: p.Zone.String(), DueLocal: ago(40 * time.Minute).In(p.Zone).Format(localMinute),
		Members: []Choice{{"mem_1", s.member}, {"mem_2", s.hana}},
		ToType:  []Choice{{"hana.yamada@hinata.example", p.TypeLabel("mail")}, {s.hana, p.TypeLabel("name")}},
		Lines:   []TaskLine{{At: ago(3 * time.Hour), Text: p.T("tasks.line.raised", "who", p.T("tasks.hub"))}, {At: ago(2 * time.Hour), Text: p.T("tasks.line.take", "who", s.hana)}, {At: ago(time.Hour), Text: p.T("tasks.line.note", "who", s.hana), Note: s.subject}, {At: ago(time.Hour), Text: p.T("tasks.line.drop", "who", s.hana)}},
	}
	v.Page.Title = v.TaskRow.Title
	return v
}

func sampleTaskDone(p Page, s spoken) Task {
	v := sampleTask(p, s)
	v.Open, v.Late, v.Assignee, v.DoneAt, v.DoneBy, v.ToType, v.Gone = false, false, s.member, ago(5*time.Minute), s.member, nil, true
	v.Lines = append(v.Lines, TaskLine{At: ago(6 * time.Minute), Text: p.T("tasks.line.take", "who", s.member)}, TaskLine{At: ago(5 * time.Minute), Text: p.T("tasks.line.finish", "who", s.member), Note: s.plan})
	return v
}

func samplePatterns(p Page) Patterns {
	p.Title = p.T("patterns.of", "account", "Luxliner")
	return Patterns{
		Page: p, Account: "acc_5", Version: 3, Sample: "From: info@luxliner.example\nSubject: 契約が停止されました\n\n以下の契約が停止されました。\n\n■ 顧客データ\n顧客番号: 456\n",
		Rows: []PatternRow{{Name: "契約停止", Type: "contract.suspended", URL: "/accounts/acc_5/patterns?name=x"}, {Name: "決済失敗", Type: "payment.recurring.failed", URL: "/accounts/acc_5/patterns?name=y"}},
		Mails: []UnreadRow{
			{At: sampleNow.Add(-time.Hour), Subject: "メンテナンスのお知らせ", URL: "/accounts/acc_5/patterns?event=evt_1"}, {At: sampleNow.Add(-26 * time.Hour), Subject: p.T("patterns.no_subject"), URL: "/accounts/acc_5/patterns?event=evt_2"},
		},
		Form: PatternForm{
			Old: "契約停止", Name: "契約停止", From: "@luxliner.example", Subject: "停止", Body: `顧客番号: (?P<no>\d+)`, Type: "contract.suspended", Data: "member = no\n",
			By: "identity", Issuer: "business", Kind: "member_number", Group: "no",
		},
		Tried: &PatternTrial{Fits: true, Values: []Choice{{"member", "456"}, {"pattern", "契約停止"}}, Customer: p.T("patterns.tried.nobody")},
	}
}

func samplePlaces(p Page, s spoken) Places {
	p.Title = p.T("places.of", "account", p.kindWords("chatwork"))
	return Places{
		Page: p, Account: "acc_1", Listed: true, Speaks: string(p.Locale), Rows: []PlaceRow{{Name: s.room, Address: "7…", Locale: p.Locale, Stops: []Stop{{Reason: "bounced", At: ago(3 * time.Hour), Lift: "/accounts/acc_1/places/dst_1/lift"}}}},
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

func sampleTries(p Page) Tries {
	p.Title = p.T("tries.title", "account", "Zapier")
	try := func(n int, d time.Duration, o engawa.AttemptOutcome, code, response string) Attempt {
		return Attempt{
			N: n, At: ago(d), Took: 180 * time.Millisecond, Outcome: o, Code: code, Response: response,
			Request: "POST https://hooks.zapier.example/…\nwebhook-id: 8f2f4d1e\n\n{\"type\":\"contract.terminated\"}",
		}
	}
	line := p.Words.EventLine(p.Locale, "contract.terminated", nil)
	return Tries{
		Page: p, Account: "acc_sample", Off: true, Replays: true, From: "2026-11-22T22:40", To: "2026-11-23T22:40",
		Running: &engawa.Replay{ID: "rpl_sample", Events: 420, Looked: 130, State: engawa.ReplayRunning},
		Rows: []TryRow{
			{Attempt: try(3, 2*time.Minute, engawa.OutcomeRetry, "503", "503 Service Unavailable"), Line: line, Message: "msg_sample", Event: "evt_sample", DueAt: sampleNow.Add(10 * time.Minute)},
			{Attempt: try(1, 26*time.Hour, engawa.OutcomeAccepted, "", "200 OK"), Line: line, Message: "msg_sample2", Event: "evt_sample2"},
		},
	}
}

func sampleAudit(p Page, s spoken) Audit {
	who := Choice{"member:mem_1", s.member}
	key := Choice{"key:key_1", p.T("audit.key", "name", s.shop)}
	return Audit{
		Page: p, People: []Choice{who, key}, CSV: "/audit.csv", Next: "/audit?after=aud_1",
		Rows: []AuditRow{
			{At: ago(4 * time.Minute), Who: s.member, What: p.auditWords("save-route"), Object: "rte_2", URL: "/routes/rte_2", Detail: "version=3 enabled=true"},
			{At: ago(31 * time.Minute), Who: s.member, What: p.auditWords("change-account"), Object: "acc_3", URL: "/accounts/acc_3", Detail: "version=7 enabled=true"},
			{At: ago(2 * time.Hour), Who: key.Label, What: p.auditWords("change-customer"), Object: "cus_9", URL: "/customers/cus_9"},
			{At: ago(5 * time.Hour), Who: p.T("audit.stranger"), What: p.auditWords("sign-in-refused"), Object: s.member, Detail: "sign_in_invalid"},
			{At: ago(26 * time.Hour), Who: p.T("audit.command"), What: p.auditWords("add-member"), Object: s.member, Detail: "role=admin"},
		},
	}
}

func sampleMembers(s spoken) []MemberRow {
	return []MemberRow{
		{ID: "mem_1", Name: s.member, Mail: "y…@h….example", Has: engawa.Owner, You: true, SignedInAt: ago(40 * time.Minute)},
		{ID: "mem_2", Name: s.hana, Mail: "h…@h….example", Has: engawa.Support, SignedInAt: ago(50 * time.Hour)},
		{ID: "mem_3", Name: s.minsu, Mail: "m…@h….example", Has: engawa.Admin, LinkUntil: sampleNow.Add(60 * time.Hour)},
		{ID: "mem_4", Name: s.shop, Mail: "s…@h….example", Has: engawa.Viewer},
	}
}

func sampleMember(p Page, s spoken) Member {
	row := sampleMembers(s)[1]
	p.Title = row.Name
	return Member{Page: p, MemberRow: row, Since: ago(90 * 24 * time.Hour), Password: true, Tied: true, Tasks: 2, Keys: 1, Ask: true}
}

func sampleLast(p Page, s spoken) Member {
	row := sampleMembers(s)[0]
	p.Title = row.Name
	return Member{Page: p, MemberRow: row, Since: ago(200 * 24 * time.Hour), Password: true, Last: true}
}

func sampleKeys(p Page, s spoken) Keys {
	all, events := p.allows([]string{"*"}), p.allows([]string{"events:write"})
	site := p.allows([]string{"events:write", "customers:read", "customers:write", "consents:write", "messages:send", "messages:read"})
	return Keys{
		Page: p, Rows: []KeyRow{
			{ID: "k3xq7ujt2myw", Begins: "eng_live_k3xq7ujt2myw_…", Name: s.shop, What: site, EndsAt: sampleNow.Add(200 * 24 * time.Hour), UsedAt: sampleNow.Truncate(24 * time.Hour)},
			{ID: "9c4svb1nld6h", Begins: "eng_live_9c4svb1nld6h_…", Name: "POS", What: events, EndsAt: sampleNow.Add(12 * 24 * time.Hour)},
			{ID: "rfpa5exo0igz", Begins: "eng_live_rfpa5exo0igz_…", Name: "Grafana", What: all, Whose: s.member, EndsAt: sampleNow.Add(80 * 24 * time.Hour), UsedAt: ago(9 * 24 * time.Hour)},
			{ID: "x2myw9c4svb1", Begins: "eng_app_x2myw9c4svb1_…", Name: "iOS", What: p.allows([]string{"app:use"}), Whose: s.shop, EndsAt: sampleNow.Add(300 * 24 * time.Hour), UsedAt: ago(24 * time.Hour)},
		},
		Ended: []KeyRow{
			{ID: "kqtum1zk3x8q", Begins: "eng_live_kqtum1zk3x8q_…", Name: s.mailbox, EndsAt: sampleNow.Add(30 * 24 * time.Hour), RevokedAt: ago(20 * 24 * time.Hour), UsedAt: ago(21 * 24 * time.Hour)},
			{ID: "7ujt2myw9c4s", Begins: "eng_live_7ujt2myw9c4s_…", Name: s.plan, EndsAt: ago(3 * 24 * time.Hour)},
		},
	}
}

func sampleKeyForm(p Page) KeyForm {
	v := KeyForm{Page: p, Use: useOwn, Days: "365", Chosen: []string{"events:write", "tasks:read"}}
	for _, u := range keyUses {
		v.Uses = append(v.Uses, u.name)
	}
	v.Uses, v.Apps = append(v.Uses, useApp, useOwn), []Choice{{"app_1", "ひなた珈琲"}}
	for _, n := range access.Scopes {
		v.Scopes = append(v.Scopes, string(n.Scope))
	}
	return v
}

func sampleKeyMade(p Page, s spoken) KeyMade {
	return KeyMade{
		Page: p, Name: s.shop, Key: "eng_live_k3xq7ujt2myw_Zk3x8Q7uJt2mYw9c4sVb1nLd6hRfPa5eXo0iGz", What: p.allows([]string{"events:write"}),
		EndsAt: sampleNow.Add(365 * 24 * time.Hour), Example: "https://hub.hinata.example/v1/…\nAuthorization: Bearer eng_live_k3xq7ujt2myw_…",
	}
}

func sampleTicket(p Page, s spoken) Ticket {
	return Ticket{
		Page: p, ID: "cus_1", Name: s.hana, Desks: []Choice{{"dst_1", "Zendesk"}, {"dst_2", s.room}}, Desk: "dst_1",
		Subject: p.Words.EventLine(p.Locale, "contract.termination.reserved", nil), Problem: p.T("ticket.text.wrong"),
	}
}

func sampleWithdrawal(p Page, s spoken) Withdrawal {
	given := func(channel, topic string) string {
		return p.consentWords(Consent{Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: channel, Topic: topic})
	}
	return Withdrawal{Page: p, ID: "cus_1", Name: s.hana, Given: []Choice{{"cns_1", given(p.kindWords("mail"), "renewal")}, {"cns_2", given("", "")}}, Chosen: "cns_1", Problem: p.T("stop.where.wrong")}
}

func sampleMerger(p Page, s spoken) Merger {
	into := Side{
		ID: "cus_8f2k3m9x1c4t8v7w2y5z0a3b6", Name: s.hana, Kind: "person", Country: "JP", Since: ago(90 * 24 * time.Hour), Consents: 2,
		Points: []Point{{Kind: p.kindWords("mail"), Address: "h…@e….jp"}}, Identities: []string{"business member_number"},
	}
	from := Side{
		ID: "cus_2m9x1c4t8v7w2y5z0a3b68f2k3", Name: s.hana, Kind: "person", Since: ago(3 * 24 * time.Hour), Minor: true, Identities: []string{"appstore app_account_token", "appstore original_transaction_id"},
	}
	return Merger{Page: p, ID: into.ID, Name: s.hana, Into: into, From: &from}
}

func sampleMergerNone(p Page, s spoken) Merger {
	return Merger{Page: p, ID: "cus_1", Name: s.hana, Problem: p.T("merge.none")}
}

func samplePools(p Page, s spoken) []PoolRow {
	day := 24 * time.Hour
	return []PoolRow{
		{ID: "ofp_1", Name: p.T("offer.for.apology"), Offer: "outage_3m", Account: s.shop, Low: true, Free: 38, Handed: 120, Redeemed: 841, Lapsed: 1, EndsAt: sampleNow.Add(60 * day)},
		{ID: "ofp_2", Name: p.T("offer.for.win_back"), Offer: "comeback_half", Account: s.shop, Free: 4_200, Handed: 310, Redeemed: 490, EndsAt: sampleNow.Add(110 * day)},
		{ID: "ofp_3", Name: p.T("offer.for.campaign"), Offer: "spring", Account: s.shop, Word: true, Free: -1, Handed: 1_204, Redeemed: 96, EndsAt: sampleNow.Add(20 * day)},
		{ID: "ofp_4", Name: p.T("offer.for.support"), Offer: "support_1m", Account: s.shop, Redeemed: 12, Lapsed: 88, EndsAt: sampleNow.Add(-3 * day)},
	}
}

func sampleOffers(p Page, s spoken) Offers { return Offers{Page: p, Rows: samplePools(p, s)} }

func sampleOfferForm(p Page, s spoken) OfferForm {
	return OfferForm{
		Page: p, Accounts: []Choice{{"acc_1", s.shop}}, Name: p.T("offer.for.apology"), Account: "acc_1", Offer: "outage_3m", EndsOn: "2027-02-28", LowAt: "50", Kind: "codes",
		Read: &OfferSheet{New: 998, Known: 1, Faults: []RefusedLine{
			{12, p.T("offer.line.not_a_code"), ""}, {300, p.T("offer.line.twice", "first", p.Number(299)), ""}, {301, p.T("offer.line.known"), ""},
		}},
	}
}

func samplePool(p Page, s spoken) Pool {
	row := samplePools(p, s)[0]
	p.Title = row.Name
	ago := func(d time.Duration) time.Time { return sampleNow.Add(-d) }
	return Pool{
		Page: p, PoolRow: row, Product: "monthly", CreatedAt: ago(240 * time.Hour),
		Codes: []OfferCodeRow{
			{Customer: "cus_1", CustomerName: s.hana, By: s.member, State: engawa.OfferHanded, Reason: "apology", At: ago(20 * time.Minute)},
			{Customer: "cus_2", CustomerName: s.minsu, By: s.member, State: engawa.OfferRedeemed, Reason: "support", At: ago(50 * time.Hour)},
		},
	}
}

func sampleCustomerOffers(p Page, s spoken) CustomerOffers {
	ago := func(d time.Duration) time.Time { return sampleNow.Add(-d) }
	return CustomerOffers{Name: s.hana, OfferCard: OfferCard{
		Page: p, Customer: "cus_1", May: true, Pools: []Choice{{"ofp_2", joinDot(p.T("offer.for.win_back"), "comeback_half", p.T("offers.left", "n", p.Number(4_200)))}},
		Rows: []OfferCodeRow{
			{Offer: "outage_3m", By: s.member, State: engawa.OfferHanded, Reason: "apology", At: ago(20 * time.Minute), EndsAt: sampleNow.Add(60 * 24 * time.Hour), Link: "https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code=W7Q2KXPN4MTRA9HEYC"},
			{Offer: "spring", By: s.member, State: engawa.OfferRedeemed, Reason: "campaign", At: ago(900 * time.Hour), EndsAt: sampleNow.Add(20 * 24 * time.Hour)},
		},
	}}
}
