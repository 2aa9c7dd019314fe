package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// The sample life: the same seed tells the same story, counted back from today.
const (
	seed          = 20260401
	days          = 30
	customerCount = 90
	perDay        = 16
	roasterID     = "ptn_yukari"
	carrierID     = "ptn_haru"
	carrierQuota  = 2 // messages a day
)

// ending is how the hand-overs of one sample event's messages ended.
type ending string

const (
	arrived  ending = ""
	retried  ending = "retried"   // the second attempt arrived
	fellBack ending = "fell_back" // the first account was too late, the next took it
	failed   ending = "failed"    // the provider refused for good
	unclear  ending = "unknown"   // the connection broke after the hand-over
)

// history is the 30 days, made before any of it is journaled.
type history struct {
	rng    *rand.Rand
	now    time.Time
	people []store.NewCustomer
	marks  []engawa.Suppression
	events []engawa.Event

	mu      sync.Mutex
	endings map[string]ending // by event
	unsure  []engawa.Delivery
}

func newHistory(now time.Time) *history {
	h := &history{rng: rand.New(rand.NewPCG(seed, 1)), now: now, endings: map[string]ending{}} //nolint:gosec // a story, not a secret
	for i := range customerCount {
		h.person(i)
	}
	for d := days; d > 0; d-- {
		h.day(d)
	}
	return h
}

var (
	familyJA = []string{"佐藤", "鈴木", "高橋", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田", "松本"}
	givenJA  = []string{"陽菜", "結衣", "蓮", "湊", "さくら", "大翔", "美月", "悠真", "凛", "健太", "千尋", "直樹"}
	familyKO = []string{"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임"}
	givenKO  = []string{"민준", "서준", "지우", "하은", "도윤", "수아", "지호", "예린", "현우", "다은"}
)

// person makes customer i. Some have no address, an unproven one, a bounced one,
// no consent, or took it back: so every reason to refuse comes to pass.
func (h *history) person(i int) {
	id := sampleID(i)
	joined := h.now.AddDate(0, 0, -days-1-h.rng.IntN(300))
	c := engawa.Customer{
		Workspace: workspaceID, ID: id, Kind: "person", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: joined,
		Name: familyJA[h.rng.IntN(len(familyJA))] + " " + givenJA[h.rng.IntN(len(givenJA))], Minor: i%31 == 30,
	}
	if i%3 == 2 {
		c.Locale, c.Country, c.Zone = engawa.Korean, "KR", "Asia/Seoul"
		c.Name = familyKO[h.rng.IntN(len(familyKO))] + givenKO[h.rng.IntN(len(givenKO))]
	}
	if i%29 == 28 {
		c.Locale = engawa.English // lives here, reads English
	}
	mail := engawa.Address(fmt.Sprintf("member%03d@customer.example", i))
	in := store.NewCustomer{
		Customer: c, Sample: true,
		Identities: []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: memberNumber(i)}},
	}
	if subscribes(i) || isLively(i) {
		in.Identities = append(in.Identities, appAccountToken(id))
		if i%3 != 0 {
			in.Consents = append(in.Consents, shares(c, i, joined))
		}
	}
	if i%15 != 7 {
		p := engawa.ContactPoint{Workspace: workspaceID, ID: fmt.Sprintf("cp_sample%03d", i), Customer: id, Kind: "mail", Address: mail, Role: "contract", CreatedAt: joined}
		if i%15 != 11 {
			p.VerifiedAt = joined.Add(10 * time.Minute)
		}
		in.ContactPoints = []engawa.ContactPoint{p}
	}
	if hasApp(i) {
		in.ContactPoints = append(in.ContactPoints, engawa.ContactPoint{
			Workspace: workspaceID, ID: pushPoint(i), Customer: id, Kind: "webhook", Address: engawa.Address(memberNumber(i)), Role: "login",
			VerifiedAt: joined, CreatedAt: joined,
		})
		push := h.consent(c, i, true, joined)
		push.ID, push.Channel, push.Evidence.Wording = fmt.Sprintf("cns_push%03d", i), "webhook", pushWordings[c.Locale]
		in.Consents = append(in.Consents, push)
	}
	if i%4 != 3 {
		in.Consents = append(in.Consents, h.consent(c, i, true, joined))
	}
	if i%11 == 4 {
		in.Consents = append(in.Consents, h.consent(c, i, false, h.now.AddDate(0, 0, -days)))
	}
	if i%17 == 5 {
		h.marks = append(h.marks, engawa.Suppression{Workspace: workspaceID, Channel: "mail", Address: mail, Customer: id, Reason: "bounced", At: h.now.AddDate(0, 0, -days)})
	}
	h.people = append(h.people, in)
}

// shareWordings are what the customer read of what Apple is told.
var shareWordings = map[engawa.Locale]string{
	engawa.Japanese: "返金の判断のため、ご利用状況をAppleに伝えることに同意します",
	engawa.Korean:   "환불 판단을 위해 이용 상황을 Apple에 전달하는 데 동의합니다",
	engawa.English:  "Apple may be told how I used my purchases, to decide on refunds",
}

// shares is a consent to tell the store how far a purchase was used.
func shares(c engawa.Customer, i int, at time.Time) engawa.Consent {
	return engawa.Consent{
		Workspace: workspaceID, ID: fmt.Sprintf("cns_share%03d", i), Customer: c.ID, Controller: engawa.ControllerWorkspace, App: appID, Act: engawa.ActShareUsage, Given: true, At: at,
		Evidence: engawa.Evidence{Wording: shareWordings[c.Locale], Version: "v1", Where: "signup in the app", How: "checkbox", Locale: c.Locale},
	}
}

// hasApp reports whether customer i has the app on a telephone.
func hasApp(i int) bool { return i%6 == 2 || i%6 == 3 }

func sampleID(i int) string { return fmt.Sprintf("cus_sample%03d", i) }

func pushPoint(i int) string { return fmt.Sprintf("cp_push%03d", i) }

func memberNumber(i int) string { return fmt.Sprintf("H-%05d", 10000+i) }

// wordings are what the customer read beside the box.
var wordings = map[engawa.Locale]string{
	engawa.Japanese: "お得なご案内をメールで受け取ります",
	engawa.Korean:   "혜택 안내를 메일로 받겠습니다",
	engawa.English:  "Send me offers by mail",
}

var pushWordings = map[engawa.Locale]string{
	engawa.Japanese: "お得なご案内をアプリの通知で受け取ります",
	engawa.Korean:   "혜택 안내를 앱 알림으로 받겠습니다",
	engawa.English:  "Send me offers as notifications of the app",
}

func (h *history) consent(c engawa.Customer, i int, given bool, at time.Time) engawa.Consent {
	where, how := "signup in the app", "checkbox"
	if !given {
		where, how = "settings in the app", "switch"
	}
	return engawa.Consent{
		Workspace: workspaceID, ID: fmt.Sprintf("cns_sample%03d_%t", i, given), Customer: c.ID, Controller: engawa.ControllerWorkspace,
		Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: "mail", Given: given, At: at,
		Evidence: engawa.Evidence{Wording: wordings[c.Locale], Version: "v3", Where: where, How: how, Locale: c.Locale},
	}
}

// kinds of event, by how often they come.
var happenings = []string{
	"payment.confirmed", "payment.confirmed", "payment.confirmed", "payment.recurring.failed", "payment.recurring.failed",
	"payment.recurring.recovered", "payment.refunded", "application.completed", "application.completed", "member.registered",
	"contract.started", "contract.termination.reserved", "contract.termination.reserved", "contract.termination.withdrawn", "contract.suspended",
}

// day makes the events of the d-th day before today, between 8:00 and 20:00 in Tokyo.
func (h *history) day(d int) {
	at := h.morning(d)
	for i := range perDay {
		at = at.Add(time.Duration(5+h.rng.IntN(35)) * time.Minute)
		who := h.rng.IntN(len(h.people))
		h.event(fmt.Sprintf("sample-%02d-%02d", d, i), happenings[h.rng.IntN(len(happenings))], h.people[who].Customer, who, at)
	}
}

// morning is 8:00 in Tokyo and Seoul on the d-th day before today.
func (h *history) morning(d int) time.Time {
	tokyo := time.FixedZone("JST", 9*60*60)
	y, m, n := h.now.In(tokyo).AddDate(0, 0, -d).Date()
	return time.Date(y, m, n, 8, 0, 0, 0, tokyo)
}

func (h *history) event(key, typ string, c engawa.Customer, who int, at time.Time) {
	e := engawa.Event{
		Workspace: workspaceID, ID: engawa.NewOrderedID(engawa.PrefixEvent, at), Account: engawa.SourceAPI, Type: typ, DedupKey: key,
		Subject: "contract:" + memberNumber(who), Customer: c.ID, OccurredAt: at, ReceivedAt: at.Add(800 * time.Millisecond),
		Data: data(c, who, at), Sample: true, Known: true,
	}
	switch n := h.rng.IntN(100); {
	case n < 6:
		h.endings[e.ID] = retried
	case n < 11:
		h.endings[e.ID] = fellBack
	case n < 14:
		h.endings[e.ID] = failed
	case n < 16:
		h.endings[e.ID] = unclear
	}
	h.events = append(h.events, e)
}

// data is what the shop's system says about the customer and the contract.
func data(c engawa.Customer, who int, at time.Time) []byte {
	amount, currency := 1480, "JPY"
	if c.Country == "KR" {
		amount, currency = 13900, "KRW"
	}
	b, _ := json.Marshal(map[string]any{ // plain strings and numbers
		"m": map[string]any{"id": memberNumber(who), "name": c.Name}, "c": map[string]any{"name": "Hinata Monthly"},
		"amount": amount, "currency": currency, "billing_date": at.Format(time.DateOnly), "effective_on": at.AddDate(0, 0, 20).Format(time.DateOnly),
	})
	return b
}

// bring imports the 30 days: customers first, then the events, which take the
// hub's own way through routes, verdicts and deliveries.
func (w *world) bring(ctx context.Context, hub *serve.Hub, h *history) error {
	for _, p := range h.people {
		if err := hub.Store.AddCustomer(ctx, p); err != nil {
			return err
		}
	}
	for _, x := range h.marks {
		if err := hub.Store.Suppress(ctx, x); err != nil {
			return err
		}
	}
	hub.Compose.Past = h.past
	for _, tell := range []func(context.Context, *serve.Hub, *history) error{w.partners, w.campaigns, w.offerCodes} {
		if err := tell(ctx, hub, h); err != nil {
			return err
		}
	}
	signed, err := w.storeEvents(ctx, hub, h)
	if err != nil {
		return err
	}
	_, err = hub.Store.Journal(ctx, inOrder(append(h.events, signed...)))
	return err
}

// partners are a roaster, who writes to customers within its grant and after
// its end, and a carrier, whose grant stands and is small.
func (w *world) partners(ctx context.Context, hub *serve.Hub, h *history) error {
	begun := h.now.AddDate(0, 0, -days)
	for _, p := range []struct {
		id, name, site string
		quota          int
		ends           time.Time
	}{
		{roasterID, "ゆかり焙煎所", "yukari.example", 100, h.now.AddDate(0, 0, -5)},
		{carrierID, "はる便り運送", "haru.example", carrierQuota, time.Time{}},
	} {
		err := hub.Store.AddPartner(ctx, engawa.Partner{
			Workspace: workspaceID, ID: p.id, Name: p.name, CreatedAt: begun,
			Sender: engawa.SenderProfile{Name: p.name, Postal: "東京都台東区谷中1-2-3", Phone: "03-0000-0000", Mail: "hello@" + p.site, Contact: "https://" + p.site + "/contact"},
		})
		if err != nil {
			return err
		}
		err = hub.Store.AddGrant(ctx, engawa.Grant{
			Workspace: workspaceID, ID: engawa.NewID(engawa.PrefixGrant), Partner: p.id, Scopes: []string{verdict.ScopeSend}, Apps: []string{"app_hinata"},
			Channels: []string{"mail"}, Purposes: []engawa.Purpose{engawa.Service}, QuotaDay: p.quota, StartsAt: begun, EndsAt: p.ends,
		})
		if err != nil {
			return err
		}
	}
	var rs []message.Request
	for i, at := range []time.Time{h.now.AddDate(0, 0, -12), h.now.AddDate(0, 0, -3)} {
		rs = append(rs, message.Request{
			Workspace: workspaceID, Partner: roasterID, App: "app_hinata", Customer: h.people[i].Customer.ID, Purpose: engawa.Service, Trigger: engawa.ByUser,
			Content: engawa.Content{Subject: "焙煎日のお知らせ", Text: "ご注文の豆は、あさって焙煎します。\n"}, Chain: []engawa.Via{{Account: mailAccount}}, Sample: true, At: at,
		})
	}
	_, err := hub.Compose.Accept(ctx, workspaceID, rs)
	return err
}

// campaigns are three evenings at 21:40 on which the app announced new beans by
// itself. On the first the page that tells customers of automatic messages was
// not out yet. On the others Korean law holds the night's till the morning, and
// who switched the app's notifications off gets none.
func (w *world) campaigns(ctx context.Context, hub *serve.Hub, h *history) error {
	err := hub.Store.Disclose(ctx, workspaceID, engawa.NewID(engawa.PrefixDisclosure), "app_hinata", pushAccount, "v1", h.morning(18), engawa.Evidence{
		Wording: "新しい豆のご案内は、アプリが自動でお送りします。", Version: "v1", Where: "https://hinata.example/notifications", How: "page", Locale: engawa.Japanese,
	})
	if err != nil {
		return err
	}
	var rs []message.Request
	for _, day := range []int{22, 12, 4} {
		at := h.morning(day).Add(13*time.Hour + 40*time.Minute)
		for i, p := range h.people {
			if !hasApp(i) {
				continue
			}
			rs = append(rs, message.Request{
				Workspace: workspaceID, App: "app_hinata", Customer: p.Customer.ID, Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic, Topic: "new_beans",
				Template: "tpl_beans", Chain: []engawa.Via{{Account: pushAccount}}, Sample: true, At: at,
			})
		}
	}
	for _, i := range []int{3, 20} {
		if err := hub.Store.Relate(ctx, workspaceID, pushAccount, pushPoint(i), "blocked"); err != nil {
			return err
		}
	}
	_, err = hub.Compose.Accept(ctx, workspaceID, rs)
	return err
}

// past writes how the deliveries of a sample message ended, with their attempts.
func (h *history) past(n *store.NewMessage) {
	if n.Message.State != engawa.MessageSent {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d := &n.Deliveries[len(n.Deliveries)-1]
	switch end := h.endings[n.Message.Event]; {
	case end == retried:
		attempt(n, d, engawa.OutcomeRetry, "503", "503 Service Unavailable")
		d.HandedAt = d.HandedAt.Add(30 * time.Second)
	case end == fellBack && len(n.Message.Chain) > 1:
		d.State, d.Note, d.HandedAt = engawa.Expired, "deadline", time.Time{}
		at := n.Message.CreatedAt.Add(n.Message.Chain[0].Within)
		next := store.NewDelivery(n.Message, 1, at)
		next.State, next.Note, next.HandedAt, next.Verdict = engawa.Accepted, "sample", at, &n.Judged[1].Verdict
		n.Deliveries = append(n.Deliveries, next)
		d = &n.Deliveries[len(n.Deliveries)-1]
	case end == failed:
		attempt(n, d, engawa.OutcomeFailed, "rejected", "550 5.7.1 refused by policy")
		d.State, d.Note, d.HandedAt, n.Message.State = engawa.Failed, "rejected", time.Time{}, engawa.MessageFailed
		return
	case end == unclear:
		attempt(n, d, engawa.OutcomeUnknown, "connection_lost", "")
		d.State, d.Note, n.Message.State = engawa.Unknown, "connection_lost", engawa.MessageUnknown
		h.unsure = append(h.unsure, *d)
		return
	}
	attempt(n, d, engawa.OutcomeAccepted, "", "accepted (sample: nothing was sent)")
}

// attempt adds one more try of d, of 400 ms.
func attempt(n *store.NewMessage, d *engawa.Delivery, o engawa.AttemptOutcome, code, answer string) {
	d.Attempts++
	n.Attempts = append(n.Attempts, engawa.Attempt{
		Workspace: d.Workspace, Delivery: d.ID, N: d.Attempts, Key: d.ID, StartedAt: d.HandedAt, EndedAt: d.HandedAt.Add(400 * time.Millisecond),
		Outcome: o, Code: code, Exchange: engawa.Exchange{Request: "(sample)", Response: answer},
	})
}

// settled waits until every sample event has been routed, and asks a person
// about the hand-overs whose end nobody knows.
func (w *world) settled(ctx context.Context, hub *serve.Hub, h *history) error {
	err := w.wait(ctx, func() (bool, error) {
		evs, err := hub.Store.Unrouted(ctx, 1)
		return len(evs) == 0, err
	})
	if err != nil {
		return fmt.Errorf("sample events not routed: %w", err)
	}
	h.mu.Lock()
	unsure := h.unsure
	h.mu.Unlock()
	for _, d := range unsure {
		if err := hub.Store.Raise(ctx, store.UnknownTask(d, h.now)); err != nil {
			return err
		}
	}
	return nil
}
