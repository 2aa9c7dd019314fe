package dispatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chatwork"
	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	"github.com/engawa/engawa/internal/channel/line"
	"github.com/engawa/engawa/internal/channel/mail"
	mailsim "github.com/engawa/engawa/internal/channel/mail/sim"
	"github.com/engawa/engawa/internal/channel/webhook"
	"github.com/engawa/engawa/internal/channel/zendesk"
	"github.com/engawa/engawa/internal/dispatch"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

// pipes is a network in memory: each dial is served by the inbox.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case p.conns <- b:
		return a, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 25} }

// hub is a hub on a real store, with its simulators.
type hub struct {
	t        *testing.T
	st       *store.Store
	room     *chatworksim.Server
	inbox    *mailsim.Inbox
	net      *pipes
	http     *http.Client
	composer *message.Composer
	rules    *rule.Set
	stop     context.CancelFunc
	ended    chan struct{}
}

const ws = "ws_test"

var kinds = []channel.Kind{mail.Kind, chatwork.Kind, webhook.Kind, zendesk.Kind, line.Kind}

func newHub(t *testing.T, url string, v *vault.Vault) *hub {
	t.Helper()
	st, err := store.Open(context.Background(), url, v)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, st: st, room: &chatworksim.Server{}, inbox: &mailsim.Inbox{}, net: newPipes(), rules: rules}
	h.room.AddRoom(11, "契約", "group")
	st.Tells = []string{"zendesk"}
	st.Front("https://hub.example")
	h.http = channeltest.Client(h.room)
	h.composer = &message.Composer{
		Store: st, Rules: rules, Words: words, Kinds: kinds,
		Unsubscribe: func(m engawa.Message) string { return "https://hinata.example/u/" + m.ID },
	}
	return h
}

// furnish adds a workspace with a chat room, a staff mailbox, a webhook and
// two customers, of whom one consented to marketing by mail.
func (h *hub) furnish() {
	h.t.Helper()
	ctx, now := context.Background(), time.Now()
	h.must(h.st.AddWorkspace(ctx, engawa.Workspace{
		ID: ws, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now,
		Sender: engawa.SenderProfile{Name: "ひなた珈琲", Postal: "石川県金沢市1-1", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"},
	}))
	for _, a := range []engawa.Account{
		{ID: "acc_chat", Kind: "chatwork", Settings: map[string]string{"token": "t0ken", "base_url": "http://chat.example/v2"}},
		{ID: "acc_mail", Kind: "mail", Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example", "per_second": "50"}},
		{ID: "acc_hook", Kind: "webhook", Settings: map[string]string{"url": "http://hook.example/in", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
	} {
		a.Workspace, a.Name, a.Environment, a.Owner, a.Enabled, a.CreatedAt = ws, a.Kind, engawa.Production, engawa.OwnerWorkspace, true, now
		h.must(h.st.AddAccount(ctx, a))
	}
	for _, d := range []engawa.Destination{
		{ID: "dst_room", Name: "契約の部屋", Account: "acc_chat", Address: "11"},
		{ID: "dst_staff", Name: "スタッフ", Account: "acc_mail", Address: "staff@hinata.example"},
		{ID: "dst_hook", Name: "社内システム", Account: "acc_hook", Address: "queue-1"},
	} {
		d.Workspace, d.Locale, d.CreatedAt = ws, engawa.Japanese, now
		h.must(h.st.AddDestination(ctx, d))
	}
	for _, id := range []string{"cus_yes", "cus_no"} {
		h.must(h.st.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: "田中", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: now},
			Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: id}},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(id + "@customer.example"), Role: "contract", VerifiedAt: now, CreatedAt: now}},
		}))
	}
	h.decide("cus_yes", true)
	h.must(h.st.SaveTemplate(ctx, engawa.Template{Workspace: ws, ID: "tpl_offer", Name: "offer", Words: map[engawa.Locale]engawa.Content{
		engawa.Japanese: {Subject: "{{customer.name}}様へのご案内", Text: "{{customer.name}}様、もう少しご一緒しませんか。"},
	}}))
	h.must(h.st.SaveTemplate(ctx, engawa.Template{Workspace: ws, ID: "tpl_notice", Name: "notice", Words: map[engawa.Locale]engawa.Content{
		engawa.Japanese: {Subject: "解約の予約", Text: "契約 {{contract}} の解約が予約されました。"},
	}}))
}

func (h *hub) decide(customer string, given bool) {
	h.t.Helper()
	h.must(h.st.Decide(context.Background(), engawa.Consent{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixConsent), Customer: customer, Controller: engawa.ControllerWorkspace,
		Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: "mail", Given: given, At: time.Now(),
		Evidence: engawa.Evidence{Wording: "お得な情報をメールで受け取る", Version: "v1", Where: "signup", How: "checkbox", Locale: engawa.Japanese},
	}))
}

func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// run starts a node and its inbox; close stops both.
func (h *hub) run(owner string, lease time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	h.stop, h.ended = stop, ended
	d := &dispatch.Dispatcher{
		Store: h.st, Compose: h.composer, Rules: h.rules, Kinds: kinds, Owner: owner, Lease: lease,
		Log: slog.New(slog.DiscardHandler),
		Env: channel.Env{HTTP: h.http, Dial: h.net.Dial, Log: slog.New(slog.DiscardHandler), Hop: strconv.Itoa},
	}
	var work sync.WaitGroup
	work.Go(func() { d.Run(ctx) })
	work.Go(func() { h.inbox.Serve(h.net) })
	go func() { work.Wait(); close(ended) }()
}

func (h *hub) close() {
	if h.stop != nil {
		h.stop()
		h.net.Close()
		h.inbox.Close()
		<-h.ended
	}
	h.must(h.st.Close())
}

func (h *hub) event(id, typ, customer string) {
	h.t.Helper()
	_, err := h.st.Journal(context.Background(), []engawa.Event{{
		Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: engawa.SourceAPI, Type: typ, DedupKey: id, Customer: customer,
		OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(`{"contract":"` + id + `"}`),
	}})
	h.must(err)
}

func (h *hub) messages() map[string]store.Said {
	h.t.Helper()
	rows, err := h.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{Limit: 200})
	h.must(err)
	out := map[string]store.Said{}
	for _, r := range rows {
		said, err := h.st.Message(context.Background(), ws, r.Message.ID)
		h.must(err)
		out[r.Message.ID] = said
	}
	return out
}

func routeOf(id, event string, steps ...engawa.Step) engawa.Route {
	return engawa.Route{Workspace: ws, ID: id, Name: id, Enabled: true, Events: []string{event}, Then: steps, UpdatedAt: time.Now()}
}

func bubble(t *testing.T, test func(t *testing.T, h *hub)) {
	url := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(12 * time.Hour) // noon in London, evening in Tokyo: outside no quiet hours of mail
		h := newHub(t, url, vault.New(vault.Generate(time.Now())))
		h.furnish()
		defer h.close()
		test(t, h)
	})
}

// TestConsent follows one event to two customers: an offer to the one who
// consented, a refusal with its reason for the other.
func TestConsent(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_offer", "contract.termination.reserved",
			engawa.Step{To: "customer", Template: "tpl_offer", Purpose: engawa.Marketing, Via: []engawa.Via{{Account: "acc_mail"}}})))
		h.run("n1", time.Minute)
		h.event("1", "contract.termination.reserved", "cus_yes")
		h.event("2", "contract.termination.reserved", "cus_no")
		h.event("2", "contract.termination.reserved", "cus_no") // the source repeats itself
		time.Sleep(time.Minute)
		synctest.Wait()
		mails := h.inbox.Mails()
		if len(mails) != 1 || mails[0].To != "cus_yes@customer.example" {
			t.Fatalf("inbox has %d mails: %+v", len(mails), mails)
		}
		m := mails[0]
		if m.Subject != "田中様へのご案内" || !strings.Contains(m.Text, "石川県金沢市") || !strings.Contains(m.Unsubscribe, "https://hinata.example/u/msg_") {
			t.Errorf("mail: subject %q, unsubscribe %q, text %q", m.Subject, m.Unsubscribe, m.Text)
		}
		var states []string
		for _, said := range h.messages() {
			states = append(states, said.Message.Customer+" "+string(said.Message.State)+" "+string(said.Judged[0].Verdict.Decided))
		}
		if len(states) != 2 || !contains(states, "cus_yes sent ") || !contains(states, "cus_no refused consent") {
			t.Errorf("states %q", states)
		}
	})
}

func contains(list []string, s string) bool {
	return slices.Contains(list, s)
}

// TestFallback holds the rule of the chat: what the room cannot take in time
// goes by mail to the staff, never to the customer, though no copy was asked for.
func TestFallback(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.room.UseElsewhere(299)
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_room", "contract.*",
			engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{
				{Account: "acc_chat", Within: 20 * time.Second}, {Account: "acc_mail", Destination: "dst_staff"},
			}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.termination.reserved", "cus_no")
		time.Sleep(2 * time.Second)
		h.event("A-2", "contract.termination.reserved", "cus_no")
		time.Sleep(time.Minute)
		synctest.Wait()
		posts, mails := h.room.Messages(11), h.inbox.Mails()
		if len(posts) != 1 || !strings.Contains(posts[0].Body, "契約 A-1") {
			t.Errorf("room: %+v", posts)
		}
		if len(mails) != 1 || mails[0].To != "staff@hinata.example" || !strings.Contains(mails[0].Text, "A-2") {
			t.Fatalf("mails: %+v", mails)
		}
		for _, said := range h.messages() {
			if said.Message.State != engawa.MessageSent {
				t.Errorf("message %s is %s: %+v", said.Message.ID, said.Message.State, said.Deliveries)
			}
		}
	})
}

// TestAmbiguous: the room took the notice and answered with an error. It is
// looked for before anything is sent again.
func TestAmbiguous(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		fail := 2
		h.room.Answer = func(r *http.Request) (int, bool) {
			if r.Method == http.MethodPost && fail > 0 {
				fail--
				return 500, fail == 1 // the first was done all the same
			}
			return 0, false
		}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_room", "contract.*",
			engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.terminated", "")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 1 {
			t.Errorf("posted %d times", len(posts))
		}
		for _, said := range h.messages() {
			if said.Message.State != engawa.MessageSent || len(said.Attempts) != 2 || said.Attempts[0].Outcome != engawa.OutcomeUnknown {
				t.Errorf("message %s, attempts %+v", said.Message.State, said.Attempts)
			}
		}
	})
}

// TestDoubtOutlivesAWait: the room took the notice and the answer was lost. By the
// time it would be tried again the room's limit is used up; it waits for that,
// and is still looked for before it is posted.
func TestDoubtOutlivesAWait(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.loseOne()
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_room", "contract.*",
			engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.terminated", "")
		time.Sleep(time.Second)
		const others = 25 // the room takes 10 in 10 seconds
		for i := range others {
			h.event(fmt.Sprint("B-", i), "contract.terminated", "")
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		posts := map[string]int{}
		for _, m := range h.room.Messages(11) {
			posts[m.Body[:strings.Index(m.Body, "\n")]]++
		}
		if len(h.room.Messages(11)) != others+1 {
			t.Errorf("posted: %v", posts)
		}
		waited := false
		for _, said := range h.messages() {
			if said.Message.State != engawa.MessageSent {
				t.Errorf("message is %s", said.Message.State)
			}
			if len(said.Attempts) == 2 {
				waited = said.Attempts[1].StartedAt.Sub(said.Attempts[0].EndedAt) > 8*time.Second // the first wait is 6 at most
			}
		}
		if !waited {
			t.Error("the one in doubt did not wait for the room's limit")
		}
	})
}

// TestUnknown: the connection broke after the mail was handed over. Mail knows
// no key and no look-up, so a person is asked, once, and nothing goes twice.
func TestUnknown(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.inbox.Answer = func(_, _ string) (int, bool) { return -1, true }
		_, err := h.composer.Accept(context.Background(), ws, []message.Request{{
			Workspace: ws, Destination: "dst_staff", Purpose: engawa.Service, Trigger: engawa.ByUser, Content: engawa.Content{Subject: "s", Text: "t"},
			Chain: []engawa.Via{{Account: "acc_mail"}},
		}})
		h.must(err)
		h.run("n1", time.Minute)
		time.Sleep(time.Hour)
		synctest.Wait()
		tasks, err := h.st.Tasks(context.Background(), ws, 10)
		h.must(err)
		if len(h.inbox.Mails()) != 1 || len(tasks) != 1 || tasks[0].Kind != "delivery.unknown" {
			t.Fatalf("%d mails, tasks %+v", len(h.inbox.Mails()), tasks)
		}
		for _, said := range h.messages() {
			if said.Message.State != engawa.MessageUnknown {
				t.Errorf("message is %s", said.Message.State)
			}
		}
	})
}

// TestBusy: the room took the notice, the answer was lost, and so much was posted
// since that nobody but a person can find it: a person is asked, and nothing
// goes twice.
func TestBusy(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		lost := false
		h.room.Answer = func(r *http.Request) (int, bool) {
			if r.Method != http.MethodPost || lost {
				return 0, false
			}
			lost = true
			return 500, true
		}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_room", "contract.*",
			engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.terminated", "")
		time.Sleep(2 * time.Second)
		for range 100 {
			h.must(h.room.Say(11, "おつかれさまです"))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		ours := 0
		for _, m := range h.room.Messages(11) {
			if strings.Contains(m.Body, "契約 A-1") {
				ours++
			}
		}
		tasks, err := h.st.Tasks(context.Background(), ws, 10)
		h.must(err)
		if ours != 1 || len(tasks) != 1 || tasks[0].Kind != "delivery.unknown" {
			t.Fatalf("%d posts, tasks %+v", ours, tasks)
		}
		for _, said := range h.messages() {
			if said.Message.State != engawa.MessageUnknown {
				t.Errorf("message is %s", said.Message.State)
			}
		}
	})
}

// ledger is a webhook receiver that remembers ids.
type ledger struct {
	mu   sync.Mutex
	seen map[string]int
	at   []time.Time
	fail func(n int) int
	n    int
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	var in struct {
		Type string `json:"type"`
	}
	json.Unmarshal(b, &in)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	if l.fail != nil {
		if code := l.fail(l.n); code != 0 {
			w.WriteHeader(code)
			return
		}
	}
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	l.seen[r.Header.Get("Webhook-Id")]++
	l.at = append(l.at, time.Now())
}

// TestRetries: 503, then 429, then accepted, with one key throughout.
func TestRetries(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		l := &ledger{fail: func(n int) int { return map[int]int{1: 503, 2: 429}[n] }}
		h.http = channeltest.Client(l)
		h.send(1)
		h.run("n1", time.Minute)
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, said := range h.messages() {
			if said.Message.State != engawa.MessageSent || len(said.Attempts) != 3 || len(l.seen) != 1 {
				t.Errorf("message %s, %d attempts, seen %v", said.Message.State, len(said.Attempts), l.seen)
			}
		}
	})
}

// send accepts n service messages to the webhook.
func (h *hub) send(n int) {
	h.t.Helper()
	var rs []message.Request
	for i := range n {
		rs = append(rs, message.Request{
			Workspace: ws, Destination: "dst_hook", Purpose: engawa.Service, Trigger: engawa.ByAutomatic,
			Content: engawa.Content{Subject: fmt.Sprint(i), Text: "text"}, Chain: []engawa.Via{{Account: "acc_hook"}},
		})
	}
	_, err := h.composer.Accept(context.Background(), ws, rs)
	h.must(err)
}

// TestNodes: three nodes share the lanes of one PostgreSQL; everything goes
// once. One of them dies while holding, and another goes on after the lease.
func TestNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		if !strings.HasPrefix(url, "postgres") {
			return // one process only
		}
		v := vault.New(vault.Generate(time.Now()))
		l := &ledger{}
		first := newHub(t, url, v)
		first.furnish()
		dead := store.Lane{Workspace: ws, Account: "acc_hook"}
		if _, held, err := first.st.Hold(context.Background(), "dead", dead); err != nil || !held {
			t.Fatal(held, err)
		}
		first.send(300)
		hubs := []*hub{first, newHub(t, url, v), newHub(t, url, v)}
		for i, h := range hubs {
			h.http = channeltest.Client(l)
			h.run(fmt.Sprint("n", i), 10*time.Second)
		}
		deadline := time.Now().Add(30 * time.Second)
		for time.Now().Before(deadline) {
			l.mu.Lock()
			n := len(l.seen)
			l.mu.Unlock()
			if n == 300 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		for _, h := range hubs {
			h.close()
		}
		for id, n := range l.seen {
			if n != 1 {
				t.Errorf("%s arrived %d times", id, n)
			}
		}
		if len(l.seen) != 300 {
			t.Errorf("%d of 300 arrived", len(l.seen))
		}
	})
}
