package relay_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/relay"
	"github.com/engawa/engawa/internal/relay/scrub"
	"github.com/engawa/engawa/internal/source/inbox"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

const domain = "relay.hinata.example"

// post is a relay that serves, with a customer's delivery that was accepted.
type post struct {
	*store.Store
	t        *testing.T
	vault    *vault.Vault
	server   *relay.Server
	addr     string
	receiver *relay.Receiver
	partner  string // whose messages handOver sends; empty: the workspace's own
	delivery string
	log      *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func limits() relay.Limits {
	return relay.Limits{Size: 1 << 20, Connections: 20, Recipients: 5, Timeout: 5 * time.Second}
}

func posted(t *testing.T, l relay.Limits, certificate *tls.Config) *post {
	t.Helper()
	p := &post{t: t, vault: vault.New(vault.Generate(time.Now())), log: &syncBuffer{}}
	var err error
	p.Store, err = store.Open(t.Context(), storetest.SQLite(t), p.vault)
	p.must(err)
	t.Cleanup(func() { _ = p.Close() })
	p.furnish()
	p.receiver = &relay.Receiver{
		Store: p.Store, Vault: p.vault, Domains: []string{domain},
		Words: func(engawa.Locale) scrub.Words { return func(what string) string { return what } },
	}
	p.server = relay.NewServer(p.receiver, domain, l, certificate, slog.New(slog.NewTextHandler(p.log, nil)))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	p.must(err)
	p.addr = listener.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- p.server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = p.server.Shutdown(ctx)
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return p
}

func (p *post) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

var (
	mailAccount = engawa.NewID(engawa.PrefixAccount)
	inboxOf     = engawa.NewID(engawa.PrefixAccount)
)

func (p *post) furnish() {
	p.t.Helper()
	ctx, now := p.t.Context(), time.Now()
	p.must(p.AddWorkspace(ctx, engawa.Workspace{ID: "ws_1", Name: "ひなた珈琲", Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}))
	p.must(p.AddAccount(ctx, engawa.Account{Workspace: "ws_1", ID: mailAccount, Kind: "mail", Enabled: true, CreatedAt: now, Settings: map[string]string{"from_address": "shop@hinata.example"}}))
	patterns, err := inbox.Text([]inbox.Pattern{{
		Name: "停止", From: "@luxliner.example", Subject: "契約が停止", Body: `顧客番号: (?P<no>\d+)`, Type: "contract.suspended",
		Data: map[string]string{"member": "no"}, Customer: &inbox.Customer{By: "identity", Issuer: "business", Kind: "member_number", Group: "no"},
	}})
	p.must(err)
	p.must(p.AddAccount(ctx, engawa.Account{Workspace: "ws_1", ID: inboxOf, Kind: "inbox", Name: "会員サイト", Enabled: true, CreatedAt: now, Settings: map[string]string{"patterns": patterns}}))
	p.must(p.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: "ws_1", ID: "cus_1", Kind: "person", Name: "田中", CreatedAt: now},
		Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "456"}},
		ContactPoints: []engawa.ContactPoint{{Workspace: "ws_1", ID: "cp_1", Customer: "cus_1", Kind: "mail", Address: "taro@customer.example", VerifiedAt: now, CreatedAt: now}},
	}))
	p.delivery = p.handOver("msg_1")
}

// handOver has a marketing message handed over and accepted.
func (p *post) handOver(id string) string {
	p.t.Helper()
	ctx, now := p.t.Context(), time.Now()
	m := engawa.Message{
		Workspace: "ws_1", ID: id, Customer: "cus_1", Partner: p.partner, Purpose: engawa.Marketing, State: engawa.MessageWaiting, Content: engawa.Content{Subject: "x", Text: "x"},
		Chain: []engawa.Via{{Account: mailAccount}}, CreatedAt: now,
	}
	d := store.NewDelivery(m, 0, now)
	p.must(p.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{d}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
	seen, err := p.Lane(ctx, "ws_1", mailAccount)
	p.must(err)
	l, _, err := p.Hold(ctx, "node", seen)
	p.must(err)
	going, _, err := p.Claim(ctx, l, 1, store.Decide{
		Judge: func(c *store.Claimed) store.Decision {
			return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: "k" + c.Delivery.ID}
		},
		Pace: func() store.Pace { return l.Pace },
	})
	p.must(err)
	_, err = p.Record(ctx, l, []store.Result{{Claimed: going[0], EndedAt: now, Outcome: engawa.OutcomeAccepted, State: engawa.Accepted, ProviderID: id + "@hinata.example"}})
	p.must(err)
	return d.ID
}

func (p *post) bounceTo(delivery string) string {
	return relay.LocalPart(p.vault, relay.Bounce, delivery, time.Now().Add(relay.BounceLife)) + "@" + domain
}

func (p *post) replyTo() string {
	return relay.LocalPart(p.vault, relay.Reply, p.delivery, time.Now().Add(relay.ReplyLife)) + "@" + domain
}

func inboxAddress(p *post, account string) string {
	return relay.LocalPart(p.vault, relay.Inbox, account, time.Time{}) + "@" + domain
}

// bring hands a mail over with net/smtp and returns the code of the refusal; 0: taken.
func (p *post) bring(from, to, mail string) int {
	p.t.Helper()
	err := smtp.SendMail(p.addr, nil, from, []string{to}, []byte(strings.ReplaceAll(mail, "\n", "\r\n")))
	if told, ok := errors.AsType[*textproto.Error](err); ok {
		return told.Code
	}
	p.must(err)
	return 0
}

// events are the types of what was journaled, the newest first.
func (p *post) events() (out []string) {
	p.t.Helper()
	evs, err := p.Events(p.t.Context(), "ws_1", store.EventFilter{}, store.Page{Limit: 100})
	p.must(err)
	for _, e := range evs {
		if err := catalogue.Check(e); err != nil {
			p.t.Error(err)
		}
		if !strings.HasPrefix(e.Type, "task.") { // that a person was asked
			out = append(out, e.Type)
		}
	}
	return out
}

// dsn is a report that a mail to taro failed.
func dsn(status string) string {
	return "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nx\n--b\nContent-Type: message/delivery-status\n\n" +
		"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; taro@customer.example\nAction: failed\nStatus: " + status + "\nDiagnostic-Code: smtp; 550 no\n\n--b--\n"
}

// TestRoad: what comes back by mail becomes events, tied to customer and delivery.
func TestRoad(t *testing.T) {
	p := posted(t, limits(), nil)
	const taro = "taro@customer.example"
	for _, step := range []struct {
		name, from, to, mail string
		want                 []string
	}{
		{"an answer", taro, p.replyTo(), "From: " + taro + "\nSubject: Re: x\n\nはい\n", []string{"mail.replied"}},
		{"a vacation note", "", p.bounceTo(p.delivery), "From: " + taro + "\nSubject: 不在\nAuto-Submitted: auto-replied\n\nx\n", []string{"mail.auto_replied", "mail.replied"}},
		{"a bounce", "", strings.ToUpper(p.bounceTo(p.delivery)), dsn("5.1.1"), []string{"mail.bounced", "mail.auto_replied", "mail.replied"}},
		{"the same bounce", "", p.bounceTo(p.delivery), dsn("5.1.1"), []string{"mail.bounced", "mail.auto_replied", "mail.replied"}},
		{"a notice", "info@luxliner.example", inboxAddress(p, inboxOf), "From: info@luxliner.example\nSubject: 契約が停止されました\nContent-Type: text/plain; charset=utf-8\n\n顧客番号: 456\n", []string{"contract.suspended", "mail.bounced", "mail.auto_replied", "mail.replied"}},
		{"another mail", "x@y.example", inboxAddress(p, inboxOf), "From: x@y.example\nSubject: hello\n\nx\n", []string{"inbox.unrecognized", "contract.suspended", "mail.bounced", "mail.auto_replied", "mail.replied"}},
	} {
		if code := p.bring(step.from, step.to, step.mail); code != 0 {
			t.Fatalf("%s: %d", step.name, code)
		}
		if got := p.events(); fmt.Sprint(got) != fmt.Sprint(step.want) {
			t.Fatalf("%s: events are %v", step.name, got)
		}
	}
	evs, err := p.Events(t.Context(), "ws_1", store.EventFilter{Customer: "cus_1"}, store.Page{Limit: 100})
	p.must(err)
	if len(evs) != 4 {
		t.Errorf("%d of five events are the customer's", len(evs))
	}
	said, err := p.Message(t.Context(), "ws_1", "msg_1")
	p.must(err)
	if said.Deliveries[0].State != engawa.Failed || said.Message.State != engawa.MessageFailed {
		t.Errorf("the delivery is %s, the message %s", said.Deliveries[0].State, said.Message.State)
	}
	tasks, err := p.Tasks(t.Context(), "ws_1", 10)
	p.must(err)
	if len(tasks) != 1 || tasks[0].Kind != "inbox.unrecognized" || tasks[0].Ref != inboxOf {
		t.Errorf("tasks are %+v", tasks)
	}
	if log := p.log.String(); strings.Contains(log, "taro") || strings.Contains(log, "はい") {
		t.Errorf("the log tells an address or words: %s", log)
	}
}

// TestNewcomer: a notice about somebody whom nobody knows registers that person, by
// number or by address, and the next notice finds the same one. No address is proved.
func TestNewcomer(t *testing.T) {
	p := posted(t, limits(), nil)
	who := &inbox.Customer{By: "address", Group: "mail"}
	patterns, err := inbox.Text([]inbox.Pattern{
		{Name: "仮登録", Subject: "仮登録", Body: `氏名: (?P<name>.+)\nメール: (?P<mail>\S+)`, Type: "member.provisional", Data: map[string]string{"name": "name"}, Customer: who},
		{Name: "退会", Subject: "退会", Body: `メール: (?P<mail>\S+)`, Type: "member.deleted", Customer: who},
		{Name: "番号", Subject: "番号", Body: `番号: (?P<no>\d+)`, Type: "contract.started", Customer: &inbox.Customer{By: "identity", Issuer: "business", Kind: "member_number", Group: "no"}},
	})
	p.must(err)
	a, err := p.Account(t.Context(), "ws_1", inboxOf)
	p.must(err)
	a.Settings = map[string]string{"patterns": patterns}
	p.must(p.ChangeAccount(t.Context(), a))
	tell := func(subject, text string) string {
		t.Helper()
		mail := "From: info@luxliner.example\nSubject: " + subject + "\nMessage-ID: <" + engawa.NewID("x") + "@luxliner.example>\nContent-Type: text/plain; charset=utf-8\n\n" + text + "\n"
		if code := p.bring("info@luxliner.example", inboxAddress(p, inboxOf), mail); code != 0 {
			t.Fatal(code)
		}
		evs, err := p.Events(t.Context(), "ws_1", store.EventFilter{}, store.Page{Limit: 1})
		p.must(err)
		return evs[0].Customer
	}
	if id := tell("退会", "メール: hana@customer.example"); id != "" {
		t.Error("the news of a deletion made a customer")
	}
	id := tell("仮登録", "氏名: 山田 花\nメール: Hana@customer.example")
	c, err := p.Customer(t.Context(), "ws_1", id)
	p.must(err)
	points, err := p.ContactPoints(t.Context(), "ws_1", id)
	if err != nil || c.Name != "山田 花" || len(points) != 1 || points[0].Address != "hana@customer.example" || !points[0].VerifiedAt.IsZero() {
		t.Errorf("%d contact points, %v", len(points), err)
	}
	if again := tell("退会", "メール: hana@customer.example"); again != id {
		t.Errorf("the next notice is about %q", again)
	}
	if one, two := tell("番号", "番号: 789"), tell("番号", "番号: 789 再"); one == "" || one == id || two != one {
		t.Errorf("by number: %q, %q", one, two)
	}
}

// TestDistrust: a bounce that speaks of the sender is counted for our domain and
// the receiver, and asks a person; the address is not stopped.
func TestDistrust(t *testing.T) {
	p := posted(t, limits(), nil)
	if code := p.bring("", p.bounceTo(p.delivery), dsn("5.7.26")); code != 0 {
		t.Fatalf("the bounce: %d", code)
	}
	rs, err := p.Receivers(t.Context(), "ws_1")
	p.must(err)
	if len(rs) != 1 || rs[0].Domain != "customer.example" || rs[0].Own != "hinata.example" || !strings.HasSuffix(rs[0].Code, "5.7.26") {
		t.Fatalf("%d receivers: %v", len(rs), rs)
	}
	tasks, err := p.Tasks(t.Context(), "ws_1", 10)
	p.must(err)
	if len(tasks) != 1 || tasks[0].Kind != store.BlockedTask || tasks[0].Ref != rs[0].ID {
		t.Errorf("tasks are %+v", tasks)
	}
}

// arf is a complaint about a mail that shows a return path (RFC 5965).
func arf(path string) string {
	return "From: fbl@portal.example\nSubject: complaint\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nx\n--b\nContent-Type: message/feedback-report\n\n" +
		"Feedback-Type: abuse\nVersion: 1\n\n--b\nContent-Type: message/rfc822\n\nReturn-Path: <" + path + ">\nSubject: x\n\nx\n--b--\n"
}

// TestComplaint: it is followed by its own address, and by the return path that
// the mail complained about shows, at the address of a feedback loop. The address
// is stopped for that reason and no other, and the consent is withdrawn.
func TestComplaint(t *testing.T) {
	p := posted(t, limits(), nil)
	second := p.handOver("msg_2")
	if code := p.bring("fbl@portal.example", p.bounceTo(p.delivery), arf(p.bounceTo(p.delivery))); code != 0 {
		t.Fatal(code)
	}
	if code := p.bring("fbl@portal.example", inboxAddress(p, mailAccount), arf(p.bounceTo(second))); code != 0 {
		t.Fatal(code)
	}
	if got := p.events(); fmt.Sprint(got) != "[mail.complained mail.complained]" {
		t.Errorf("events are %v", got)
	}
	consents, err := p.Consents(t.Context(), "ws_1", "cus_1")
	p.must(err)
	if len(consents) != 2 || consents[0].Given || consents[0].Purpose != engawa.Marketing || consents[0].Controller != engawa.ControllerWorkspace {
		t.Errorf("consents are %+v", consents)
	}
	stops, err := p.Suppressed(t.Context(), "ws_1", store.SuppressedFilter{}, store.Page{})
	p.must(err)
	if len(stops) != 1 || stops[0].Of != "cp_1" || stops[0].Customer != "cus_1" || stops[0].Channel != "mail" || stops[0].Reason != "complained" || !stops[0].Until.IsZero() {
		t.Errorf("stopped are %+v", stops)
	}
}

// open are the open tasks of a kind, and how many mails each counts.
func (p *post) open(kind string) (refs []string) {
	p.t.Helper()
	ks, err := p.TaskPage(p.t.Context(), "ws_1", store.TaskFilter{State: "open", Kind: kind, Order: store.TasksNewest}, store.Page{})
	p.must(err)
	for _, k := range ks {
		refs = append(refs, fmt.Sprint(k.Ref, " ", k.Count))
	}
	return refs
}

// TestSwitchedOff: mail to an inbox that is switched off waits, one task counts it,
// and it is read as soon as the inbox is on, once and as of the day on which it came.
func TestSwitchedOff(t *testing.T) {
	p := posted(t, limits(), nil)
	turn := func(on bool) {
		a, err := p.Account(t.Context(), "ws_1", inboxOf)
		p.must(err)
		a.Enabled = on
		p.must(p.ChangeAccount(t.Context(), a))
	}
	turn(false)
	for _, no := range []string{"456", "457", "456"} { // the last is brought again
		if code := p.bring("info@luxliner.example", inboxAddress(p, inboxOf), "From: info@luxliner.example\nSubject: 契約が停止されました\nContent-Type: text/plain; charset=utf-8\n\n顧客番号: "+no+"\n"); code != 0 {
			t.Fatal(code)
		}
	}
	came := time.Now()
	if got := p.open(store.InboxOffTask); fmt.Sprint(got) != "["+inboxOf+" 2]" || len(p.events()) != 0 {
		t.Errorf("tasks %v, events %v", got, p.events())
	}
	read := func() {
		if err := p.receiver.ReadKept(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if read(); len(p.events()) != 0 {
		t.Error("it was read while the inbox is switched off")
	}
	turn(true)
	read()
	read()
	evs, err := p.Events(t.Context(), "ws_1", store.EventFilter{Type: "contract.suspended"}, store.Page{})
	p.must(err)
	if len(evs) != 2 || evs[1].Customer != "cus_1" || evs[1].OccurredAt.After(came) || len(p.open(store.InboxOffTask)) != 0 {
		t.Errorf("%d events, tasks %v", len(evs), p.open(store.InboxOffTask))
	}
}

// TestKeptThatFails: kept mails that cannot be read, however many, keep those that came
// later from nothing.
func TestKeptThatFails(t *testing.T) {
	p := posted(t, limits(), nil)
	const broken = 60 // more than are read at once
	keep := func(n int, raw string) {
		p.must(p.KeepUnread(t.Context(), store.Unread{
			Workspace: "ws_1", Account: inboxOf, Why: store.InboxOff, Dedup: fmt.Sprint(n), At: time.Now().Add(time.Duration(n-broken) * time.Second), Raw: []byte(raw),
		}))
	}
	for n := range broken {
		keep(n, "no mail")
	}
	keep(broken, "From: info@luxliner.example\r\nSubject: 契約が停止されました\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n顧客番号: 456\r\n")
	if err := p.receiver.ReadKept(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "60 kept mails, first: read ") {
		t.Errorf("%v", err)
	}
	if got := p.events(); fmt.Sprint(got) != "[contract.suspended]" {
		t.Errorf("events are %v", got)
	}
	if kept, err := p.UnreadOf(t.Context(), "ws_1", inboxOf, 100); err != nil || len(kept) != broken {
		t.Errorf("%d stay, %v", len(kept), err)
	}
}

// TestLoopsOwnWords: what comes to a feedback loop's address and names no mail of
// ours is kept for a person: a complaint without our return path, one about a delivery that
// is gone, and what the loop's provider writes itself.
func TestLoopsOwnWords(t *testing.T) {
	p := posted(t, limits(), nil)
	for _, mail := range []string{
		"From: fbl@portal.example\nSubject: Confirm your feedback loop\n\nhttps://portal.example/confirm/1\n",
		arf("nobody@elsewhere.example"),
		arf(p.bounceTo(engawa.NewID(engawa.PrefixDelivery))), // signed, and gone
	} {
		if code := p.bring("fbl@portal.example", inboxAddress(p, mailAccount), mail); code != 0 {
			t.Fatal(code)
		}
	}
	kept, err := p.UnreadOf(t.Context(), "ws_1", mailAccount, 10)
	p.must(err)
	if got := p.open(store.LoopTask); fmt.Sprint(got) != "["+mailAccount+" 3]" || len(kept) != 3 || !strings.Contains(string(kept[0].Raw), "portal.example/confirm/1") || len(p.events()) != 0 {
		t.Errorf("tasks %v, %d kept, events %v", got, len(kept), p.events())
	}
	if log := p.log.String(); strings.Contains(log, "confirm") || strings.Contains(log, "fbl@") {
		t.Errorf("the log tells of it: %s", log)
	}
}

// TestAsides: reports that nobody complains in become no event and no withdrawal, and a
// person reads them, whether they come to a loop's address or to a return path.
func TestAsides(t *testing.T) {
	p := posted(t, limits(), nil)
	for n, kind := range []string{"not-spam", "auth-failure"} {
		for m, to := range []string{p.bounceTo(p.delivery), p.replyTo(), inboxAddress(p, mailAccount)} {
			for range 2 { // it is brought again
				report := strings.Replace(arf(p.bounceTo(p.delivery)), "Feedback-Type: abuse", "Feedback-Type: "+kind, 1)
				if code := p.bring("fbl@portal.example", to, fmt.Sprint(report, n, m, "\n")); code != 0 {
					t.Fatal(code)
				}
			}
		}
	}
	kept, err := p.UnreadOf(t.Context(), "ws_1", mailAccount, 10)
	p.must(err)
	if got := p.open(store.LoopTask); fmt.Sprint(got) != "["+mailAccount+" 6]" || len(kept) != 6 || len(p.events()) != 0 {
		t.Errorf("tasks %v, %d kept, events %v", got, len(kept), p.events())
	}
	for _, u := range kept {
		if u.Why != store.Aside || !strings.Contains(string(u.Raw), "feedback-report") {
			t.Errorf("kept as %s: %s", u.Why, u.Raw)
		}
	}
	if consents, err := p.Consents(t.Context(), "ws_1", "cus_1"); err != nil || len(consents) != 0 {
		t.Errorf("consents %v, %v", consents, err)
	}
}

// TestNoOpenRelay: only what we signed is a mailbox here, and whatever is wrong
// with another the answer is the same.
func TestNoOpenRelay(t *testing.T) {
	p := posted(t, limits(), nil)
	good := p.bounceTo(p.delivery)
	local := strings.TrimSuffix(good, "@"+domain)
	stranger := relay.LocalPart(vault.New(vault.Generate(time.Now())), relay.Bounce, p.delivery, time.Now().Add(time.Hour)) + "@" + domain
	expired := relay.LocalPart(p.vault, relay.Bounce, p.delivery, time.Now().Add(-48*time.Hour)) + "@" + domain
	answers := map[string]bool{}
	c := p.dial()
	for _, to := range []string{
		"someone@gmail.example", "postmaster@" + domain, "info@" + domain, stranger, expired, local + "@other.example", local + "x@" + domain, "taro%customer.example@" + domain,
		"@" + domain + ":taro@customer.example", `"` + local + `"@elsewhere.example`,
	} {
		c.say("MAIL FROM:<a@b.example>")
		answers[c.ask("RCPT TO:<"+to+">")] = true
		c.say("RSET")
	}
	if len(answers) != 1 || !answers["550 5.1.1 there is no such mailbox here"] {
		t.Errorf("the answers are %v", answers)
	}
	c.say("MAIL FROM:<a@b.example>")
	gone := relay.LocalPart(p.vault, relay.Bounce, engawa.NewOrderedID(engawa.PrefixDelivery, time.Now()), time.Now().Add(time.Hour)) + "@" + domain
	a, b := strings.ReplaceAll(c.ask("RCPT TO:<"+good+">"), good, ""), strings.ReplaceAll(c.ask("RCPT TO:<"+gone+">"), gone, "")
	if a != b || !strings.HasPrefix(a, "250") {
		t.Errorf("a delivery that is: %q; one that is not: %q", a, b)
	}
	for _, verb := range []string{"VRFY " + good, "EXPN staff"} {
		if got := c.ask(verb); strings.HasPrefix(got, "250") || strings.Contains(got, "@") {
			t.Errorf("%s: %q", verb, got)
		}
	}
	if got := c.ask("AUTH PLAIN AGEAYg=="); !strings.HasPrefix(got, "5") {
		t.Errorf("AUTH: %q", got)
	}
}

// talk is one connection, line by line.
type talk struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

// dial is a connection that was let in. Those before it count a moment longer than
// they last.
func (p *post) dial() *talk {
	p.t.Helper()
	for started := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		c, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", p.addr)
		p.must(err)
		p.t.Cleanup(func() { _ = c.Close() })
		p.must(c.SetDeadline(time.Now().Add(20 * time.Second)))
		k := &talk{p.t, c, bufio.NewReader(c)}
		if said := k.read(); strings.HasPrefix(said, "220") {
			k.say("EHLO client.example")
			return k
		} else if time.Since(started) > 5*time.Second {
			p.t.Fatalf("not let in: %q", said)
		}
	}
}

// read returns the last line of an answer; what the end of the connection says instead.
func (k *talk) read() string {
	for {
		line, err := k.r.ReadString('\n')
		if err != nil {
			return "closed"
		}
		if len(line) > 3 && line[3] == ' ' {
			return strings.TrimSpace(line)
		}
	}
}

func (k *talk) ask(line string) string {
	k.t.Helper()
	if _, err := k.c.Write([]byte(line + "\r\n")); err != nil {
		return "closed"
	}
	return k.read()
}

func (k *talk) say(line string) { k.t.Helper(); _ = k.ask(line) }

// TestSmuggling: only CRLF.CRLF ends a mail, so that nothing after a false end is
// a command; and a mail whose lines end in anything else is refused (B01). Of
// CRLF.CR go-smtp drops the dot and the CR before we see them: it is one mail.
func TestSmuggling(t *testing.T) {
	p := posted(t, limits(), nil)
	for _, end := range []string{"\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\r"} {
		k := p.dial()
		k.say("MAIL FROM:<a@b.example>")
		k.say("RCPT TO:<" + p.replyTo() + ">")
		k.say("DATA")
		got := k.ask("From: taro@customer.example\r\nSubject: one\r\n\r\nx" + end + "MAIL FROM:<c@d.example>\r\nRCPT TO:<" + p.bounceTo(p.delivery) + ">\r\nDATA\r\nFrom: taro@customer.example\r\n\r\nsmuggled\r\n.")
		if !strings.HasPrefix(got, "550 5.6.0") && end != "\r\n.\r" {
			t.Errorf("%q: %q", end, got)
		}
		if got := k.ask("NOOP"); !strings.HasPrefix(got, "250") {
			t.Errorf("%q: then NOOP is answered %q", end, got)
		}
		_ = k.c.Close()
	}
	evs, err := p.Events(t.Context(), "ws_1", store.EventFilter{}, store.Page{Limit: 10})
	p.must(err)
	if len(evs) != 1 || !strings.Contains(string(evs[0].Data), "smuggled") {
		t.Errorf("%d mails were taken; the last of the six is one, with all of it in it", len(evs))
	}
}

// TestLimits: too large, too many recipients, too many connections, too slow.
func TestLimits(t *testing.T) {
	l := limits()
	patient := posted(t, l, nil) // a large mail takes its time on a busy machine
	if code := patient.bring("a@b.example", patient.replyTo(), "From: a@b.example\n\n"+strings.Repeat(strings.Repeat("x", 70)+"\n", 20_000)); code != 552 {
		t.Errorf("a large mail: %d", code)
	}
	l.Timeout = 500 * time.Millisecond
	l.Connections = 8
	p := posted(t, l, nil)
	k := p.dial()
	if got := k.ask("MAIL FROM:<a@b.example> SIZE=2000000"); !strings.HasPrefix(got, "552") {
		t.Errorf("one that says so: %q", got)
	}
	k.say("MAIL FROM:<a@b.example>")
	for range l.Recipients {
		k.say("RCPT TO:<" + p.replyTo() + ">")
	}
	if got := k.ask("RCPT TO:<" + p.replyTo() + ">"); !strings.HasPrefix(got, "452") {
		t.Errorf("one recipient too many: %q", got)
	}
	_ = k.c.Close()
	first, second := p.dial(), p.dial()
	c, err := net.Dial("tcp", p.addr)
	p.must(err)
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	line, _ := bufio.NewReader(c).ReadString('\n')
	_ = errors.Join(c.Close(), first.c.Close(), second.c.Close())
	if !strings.HasPrefix(line, "421 4.3.2") {
		t.Errorf("a third connection of one network of eight: %q", line)
	}
	slow := p.dial()
	slow.say("MAIL FROM:<a@b.example>")
	slow.say("RCPT TO:<" + p.replyTo() + ">")
	slow.say("DATA")
	started := time.Now()
	for time.Since(started) < 5*time.Second {
		if _, err := slow.c.Write([]byte("x")); err != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if time.Since(started) > 4*time.Second {
		t.Error("a client may take a mail's time for each octet")
	}
	if evs := p.events(); len(evs) != 0 {
		t.Errorf("events are %v", evs)
	}
}

// TestCircling: what has passed too many servers is refused (B16).
func TestCircling(t *testing.T) {
	p := posted(t, limits(), nil)
	for hops, refused := range map[int]bool{30: false, 31: true} {
		passed := strings.Repeat("Received: from a.example by b.example; Mon, 23 Nov 2026 09:00:00 +0900\n", hops)
		if said := p.said(p.replyTo(), passed+"From: taro@customer.example\n\nx\n"); strings.Contains(said, "5.4.6") != refused || (said == "") == refused {
			t.Errorf("%d servers: %q", hops, said)
		}
	}
}

// said is the answer to a mail; empty: it was taken.
func (p *post) said(to, mail string) string {
	p.t.Helper()
	err := smtp.SendMail(p.addr, nil, "a@b.example", []string{to}, []byte(strings.ReplaceAll(mail, "\n", "\r\n")))
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestOwn: the hub knows its own mail again when it comes back, counts what led to
// what, and takes no more of it than engawa.MaxHops. What others write is not believed.
func TestOwn(t *testing.T) {
	p := posted(t, limits(), nil)
	other := vault.New(vault.Generate(time.Now()))
	three, four := relay.Hop(p.vault, 3), relay.Hop(p.vault, 4)
	for i, c := range []struct {
		fields []string
		want   int // -1: refused
	}{
		{nil, 0},
		{[]string{relay.Hop(p.vault, 1)}, 1},
		{[]string{three}, 3},
		{[]string{four}, -1},
		{[]string{relay.Hop(p.vault, 1), four, three}, -1},
		{[]string{relay.Hop(other, 4)}, 0},
		{[]string{"4" + three[1:]}, 0},
		{[]string{"4", "", "..", "x.y.z", four[:len(four)-1]}, 0},
	} {
		head := ""
		for _, f := range c.fields {
			head += relay.HopField + ": " + f + "\n"
		}
		subject := fmt.Sprint("note ", i)
		said := p.said(inboxAddress(p, inboxOf), head+"From: a@b.example\nSubject: "+subject+"\n\nx\n")
		if c.want < 0 {
			if !strings.Contains(said, "5.4.6") {
				t.Errorf("%v: %q", c.fields, said)
			}
			continue
		}
		evs, err := p.Events(t.Context(), "ws_1", store.EventFilter{Type: inbox.Unrecognized}, store.Page{})
		p.must(err)
		if said != "" || len(evs) == 0 || !strings.Contains(string(evs[0].Data), subject) || evs[0].Hops != c.want {
			t.Errorf("%v: %q, %+v", c.fields, said, evs[0])
		}
	}
}

// TestReturnsCount: what comes back by itself counts as led to by the message, which
// stops a notice of returned mail that is returned; what a person writes does not.
func TestReturnsCount(t *testing.T) {
	p := posted(t, limits(), nil)
	for mail, want := range map[string]int{
		dsn("5.7.1"): 1,
		"From: taro@customer.example\nAuto-Submitted: auto-replied\nSubject: away\n\nx\n": 1,
		"From: taro@customer.example\nSubject: Re: x\n\nthanks\n":                         0,
	} {
		to := p.replyTo()
		if strings.Contains(mail, "delivery-status") {
			to = p.bounceTo(p.delivery)
		}
		if said := p.said(to, mail); said != "" {
			t.Fatal(said)
		}
		evs, err := p.Events(t.Context(), "ws_1", store.EventFilter{}, store.Page{})
		p.must(err)
		if len(evs) == 0 || evs[0].Hops != want {
			t.Errorf("%.60q: %+v", mail, evs)
		}
	}
}

// TestTrouble: while the database cannot take it, the client keeps the mail.
func TestTrouble(t *testing.T) {
	p := posted(t, limits(), nil)
	to := p.replyTo()
	p.must(p.Close())
	if code := p.bring("taro@customer.example", to, "From: taro@customer.example\n\nx\n"); code != 451 {
		t.Errorf("with the database closed: %d", code)
	}
}

// TestGone: an address whose account or delivery has gone takes mail like any other, and
// nothing comes of it: no workspace is left whom it could be told.
func TestGone(t *testing.T) {
	p := posted(t, limits(), nil)
	for _, to := range []string{inboxAddress(p, engawa.NewID(engawa.PrefixAccount)), p.bounceTo(engawa.NewID(engawa.PrefixDelivery))} {
		if code := p.bring("a@b.example", to, "From: a@b.example\n\nx\n"); code != 0 || len(p.events()) != 0 {
			t.Errorf("%d, events %v", code, p.events())
		}
	}
	if all, err := p.Tasks(t.Context(), "ws_1", 10); err != nil || len(all) != 0 {
		t.Errorf("tasks %v, %v", all, err)
	}
}

// TestSeveralRecipients: one mail for two of our addresses counts for both, and
// brought again for neither.
func TestSeveralRecipients(t *testing.T) {
	p := posted(t, limits(), nil)
	second := p.handOver("msg_2")
	mail := []byte(strings.ReplaceAll(dsn("5.1.1"), "\n", "\r\n"))
	for range 2 {
		p.must(smtp.SendMail(p.addr, nil, "", []string{p.bounceTo(p.delivery), p.bounceTo(second)}, mail))
	}
	if got := p.events(); fmt.Sprint(got) != "[mail.bounced mail.bounced]" {
		t.Errorf("events are %v", got)
	}
}

// TestSTARTTLS: with a certificate the server offers it and works over it; words
// that were sent before it do not count (B05).
func TestSTARTTLS(t *testing.T) {
	p := posted(t, limits(), serverTLS(t))
	k := p.dial()
	if _, err := k.c.Write([]byte("STARTTLS\r\nNOOP\r\nMAIL FROM:<injected@b.example>\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := k.read(); !strings.HasPrefix(got, "220") {
		t.Fatalf("STARTTLS: %q", got)
	}
	secured := tls.Client(k.c, &tls.Config{InsecureSkipVerify: true})
	k.c, k.r = secured, bufio.NewReader(secured)
	if got := k.ask("EHLO client.example"); got == "closed" {
		return // the words before made the handshake fail, which is as good
	}
	if got := k.ask("RCPT TO:<" + p.replyTo() + ">"); strings.HasPrefix(got, "250") {
		t.Errorf("the sender that was said in the clear counts: %q", got)
	}
}
