package dispatch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	linesim "github.com/engawa/engawa/internal/channel/line/sim"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/takeout"
)

const lineID, lineSecret = "1657000001", "8c570fa6dd201bb328f1c1eac23a96d8"

// chatter is a hub with an official account on LINE, which posts its webhooks there.
type chatter struct {
	*hub
	line *linesim.Server
	bot  string
	hana string // a person with a telephone
}

// onLine runs test in a bubble. The webhooks are worded as oddly as LINE may word
// them, and its answers are plain.
func onLine(t *testing.T, test func(c *chatter)) {
	bubble(t, func(t *testing.T, h *hub) {
		c := &chatter{hub: h, line: &linesim.Server{Answer: func(*http.Request) (int, bool) { return 0, false }}}
		defer c.line.Close()
		in := &intake.Intake{Store: h.st, Kinds: kinds, Env: channel.Env{Log: slog.New(slog.DiscardHandler)}}
		c.line.Client = channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if err := in.Accept(r.Context(), "acc_line", r.Header, body); engawa.CodeOf(err) == engawa.CodeUnverified {
				w.WriteHeader(http.StatusUnauthorized)
			} else if err != nil {
				t.Logf("a webhook is not taken: %v", err)
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		c.bot = c.line.AddAccount(linesim.Account{Provider: "Hinata", Name: "ひなた珈琲", ID: lineID, Secret: lineSecret, Plan: 300, Webhook: "https://hub.example/in/acc_line", Redelivery: true}).UserID
		c.hana = c.line.AddPerson("花")
		h.http = channeltest.Client(c.line)
		c.must(h.st.AddAccount(context.Background(), engawa.Account{
			Workspace: ws, ID: "acc_line", Kind: "line", Name: "ひなた珈琲", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"channel_id": lineID, "channel_secret": lineSecret, "bot_user_id": c.bot, "base_url": "https://line.example"},
		}))
		test(c)
	})
}

// events are those that LINE told of, oldest first.
func (c *chatter) events() []engawa.Event {
	c.t.Helper()
	evs, err := c.st.Events(context.Background(), ws, store.EventFilter{Type: "line.*"}, store.Page{Limit: 200})
	c.must(err)
	slices.Reverse(evs)
	return evs
}

// add has the person add the account, and returns the customer that came of it.
func (c *chatter) add() string {
	c.t.Helper()
	c.must(c.line.Follow(c.hana, lineID))
	c.line.Settle()
	evs := c.events()
	if len(evs) == 0 {
		c.t.Fatalf("no webhook came: %+v", c.line.Deliveries(lineID))
	}
	return evs[len(evs)-1].Customer
}

// write asks for a message to a customer, and returns it once time has passed.
func (c *chatter) write(customer, text string, wait time.Duration) store.Said {
	c.t.Helper()
	out, err := c.composer.Accept(context.Background(), ws, []message.Request{{
		Workspace: ws, Customer: customer, Purpose: engawa.Service, Trigger: engawa.ByUser, Chain: []engawa.Via{{Account: "acc_line"}}, Content: engawa.Content{Text: text},
	}})
	c.must(err)
	return c.later(out[0].Message.ID, wait)
}

func (c *chatter) later(id string, wait time.Duration) store.Said {
	c.t.Helper()
	time.Sleep(wait)
	synctest.Wait()
	said, err := c.st.Message(context.Background(), ws, id)
	c.must(err)
	return said
}

func (c *chatter) inbox() (texts []string) {
	for _, m := range c.line.Inbox(c.hana, lineID) {
		if m.Kind == "push" {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// TestFriend follows somebody who adds the account, blocks it and comes back: who is
// no friend is not written to, and what LINE would take all the same is not sent.
func TestFriend(t *testing.T) {
	onLine(t, func(c *chatter) {
		c.run("n1", time.Minute)
		customer := c.add()
		if customer == "" {
			t.Fatal("who added the account is no customer")
		}
		for _, step := range []struct {
			name    string
			before  func() error
			state   engawa.MessageState
			decided engawa.Gate
			inbox   int
		}{
			{"a friend", func() error { return nil }, engawa.MessageSent, "", 1},
			{"blocked", func() error { return c.line.Block(c.hana, lineID) }, engawa.MessageRefused, engawa.GateRelationship, 1},
			{"a friend again", func() error { return c.line.Follow(c.hana, lineID) }, engawa.MessageSent, "", 2},
		} {
			c.must(step.before())
			c.line.Settle()
			time.Sleep(time.Second)
			said := c.write(customer, step.name, time.Minute)
			if v := said.Judged[0].Verdict; said.Message.State != step.state || v.Decided != step.decided || len(c.inbox()) != step.inbox {
				t.Errorf("%s: %s, decided at %q, inbox %q", step.name, said.Message.State, v.Decided, c.inbox())
			}
			if len(said.Deliveries) == 1 && said.Deliveries[0].State == engawa.Delivered {
				t.Errorf("%s: LINE's yes counts as delivered", step.name)
			}
		}
		var types []string
		for _, e := range c.events() {
			if types = append(types, e.Type); e.Customer != customer && e.Known {
				t.Errorf("%s is of %q", e.Type, e.Customer)
			}
		}
		if types = slices.DeleteFunc(types, func(s string) bool { return s == "line.unknown" }); !slices.Equal(types, []string{"line.followed", "line.blocked", "line.unblocked"}) {
			t.Errorf("events %q", types)
		}
		if bad := c.line.Violations(); len(bad) > 0 {
			t.Errorf("LINE minds: %q", bad)
		}
	})
}

// TestOutOfOrder: what happened last counts, whatever comes last.
func TestOutOfOrder(t *testing.T) {
	onLine(t, func(c *chatter) {
		c.run("n1", time.Minute)
		customer := c.add()
		c.line.Client = channeltest.Client(http.NotFoundHandler()) // the webhook is lost, and comes again later
		c.must(c.line.Block(c.hana, lineID))
		c.line.Settle()
		late := c.line.Deliveries(lineID)
		c.line.Client = nil
		time.Sleep(time.Second)
		c.must(c.line.Follow(c.hana, lineID))
		in := &intake.Intake{Store: c.st, Kinds: kinds, Env: channel.Env{Log: slog.New(slog.DiscardHandler)}}
		take := func(d linesim.Delivery) {
			c.must(in.Accept(context.Background(), "acc_line", http.Header{"X-Line-Signature": {d.Signature}}, d.Body))
		}
		again := []byte(`{"destination":"` + c.bot + `","events":[{"type":"follow","mode":"active","timestamp":` + ms(time.Now()) + `,"webhookEventId":"01HAGAIN","source":{"type":"user","userId":"` + c.line.UserID(c.hana, lineID) + `"},"follow":{"isUnblocked":true}}]}`)
		take(linesim.Delivery{Body: again, Signature: linesim.Sign(lineSecret, again)})
		take(late[len(late)-1])
		if said := c.write(customer, "お帰りなさい", time.Minute); said.Message.State != engawa.MessageSent || len(c.inbox()) != 1 {
			t.Errorf("%s at %q", said.Message.State, said.Judged[0].Verdict.Decided)
		}
	})
}

func ms(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

// TestAcceptedThenLost: LINE took the push and the answer was lost. The same key goes
// again, and one message arrives.
func TestAcceptedThenLost(t *testing.T) {
	onLine(t, func(c *chatter) {
		customer, lose := c.add(), true
		c.line.Answer = func(r *http.Request) (int, bool) {
			if lose && strings.HasSuffix(r.URL.Path, "/push") {
				lose = false
				return -2, true // the connection breaks
			}
			return 0, false
		}
		c.run("n1", time.Minute)
		said := c.write(customer, "お知らせ", 10*time.Minute)
		if said.Message.State != engawa.MessageSent || len(c.inbox()) != 1 || len(said.Attempts) != 2 || said.Attempts[0].Key != said.Attempts[1].Key {
			t.Fatalf("%s, inbox %q, attempts %+v", said.Message.State, c.inbox(), said.Attempts)
		}
		if x := said.Attempts[1].Exchange.Response; !strings.HasPrefix(x, "409") || !strings.Contains(x, "x-line-accepted-request-id: ") || said.Deliveries[0].ProviderID == "" {
			t.Errorf("settled by %q as %q", x, said.Deliveries[0].ProviderID)
		}
	})
}

// TestOutage: LINE took the push, the answer was lost, and then nothing reached LINE
// for 25 hours. By then it has forgotten the key: a person is asked, and nothing goes
// twice.
func TestOutage(t *testing.T) {
	onLine(t, func(c *chatter) {
		customer, pushes := c.add(), 0
		c.line.Answer = func(r *http.Request) (int, bool) {
			if !strings.HasSuffix(r.URL.Path, "/push") {
				return 0, false
			}
			pushes++
			return -2, pushes == 1
		}
		c.run("n1", time.Minute)
		said := c.write(customer, "お知らせ", 20*time.Minute)
		if d := said.Deliveries[0]; d.State != engawa.Retrying || !d.Doubt || pushes < 4 {
			t.Fatalf("after %d pushes it is %s, in doubt %t", pushes, d.State, d.Doubt)
		}
		c.stop()
		before := pushes
		time.Sleep(25 * time.Hour)
		c.line.Answer = func(*http.Request) (int, bool) { return 0, false }
		c.run("n2", time.Minute)
		said = c.later(said.Message.ID, 2*time.Hour)
		tasks, err := c.st.Tasks(context.Background(), ws, 10)
		c.must(err)
		if said.Message.State != engawa.MessageUnknown || pushes != before || len(c.inbox()) != 1 || len(tasks) != 1 || tasks[0].Kind != "delivery.unknown" {
			t.Errorf("%s after %d more pushes, inbox %q, tasks %+v", said.Message.State, pushes-before, c.inbox(), tasks)
		}
	})
}

// TestMonth: when the month's messages are used up the rest waits for the next one in
// Japan, and goes then.
func TestMonth(t *testing.T) {
	onLine(t, func(c *chatter) {
		customer := c.add()
		end := time.Date(2000, 2, 1, 0, 0, 0, 0, time.FixedZone("JST", 9*60*60))
		time.Sleep(time.Until(end.Add(-5 * time.Hour)))
		c.line.UseElsewhere(lineID, 299)
		c.run("n1", time.Minute)
		first := c.write(customer, "最後の1通", time.Minute)
		second := c.write(customer, "来月の1通", time.Minute)
		third := c.write(customer, "来月の2通", time.Minute)
		if first.Message.State != engawa.MessageSent || second.Deliveries[0].Note != "429 month" {
			t.Errorf("%s, then %s %q", first.Message.State, second.Deliveries[0].State, second.Deliveries[0].Note)
		}
		if d := third.Deliveries[0]; d.State != engawa.Held || d.Verdict.Decided != engawa.GateBudget {
			t.Errorf("what comes later is %s, not held for the budget", d.State)
		}
		c.later(second.Message.ID, time.Until(end)-time.Second)
		if len(c.inbox()) != 1 {
			t.Errorf("a second before the month ends: %q", c.inbox())
		}
		c.later(second.Message.ID, 30*time.Minute)
		if len(c.inbox()) != 3 {
			t.Errorf("in the new month: %q", c.inbox())
		}
		if bad := c.line.Violations(); len(bad) > 0 {
			t.Errorf("LINE minds: %q", bad)
		}
	})
}

// TestUnsent: what somebody takes back is nowhere any more: not on a page, not in the
// notice that it made, not in what is taken out, whichever of the two came first.
func TestUnsent(t *testing.T) {
	onLine(t, func(c *chatter) {
		ctx := context.Background()
		const words = "やはり秘密にしてください"
		c.must(c.st.SaveTemplate(ctx, engawa.Template{Workspace: ws, ID: "tpl_said", Name: "said", Words: map[engawa.Locale]engawa.Content{
			engawa.Japanese: {Subject: "LINE", Text: "{{message.text}}"},
		}}))
		c.must(c.st.SaveRoute(ctx, routeOf("rte_said", "line.message",
			engawa.Step{To: "dst_staff", Template: "tpl_said", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}})))
		c.run("n1", time.Minute)
		c.add()
		id, err := c.line.Write(c.hana, lineID, words)
		c.must(err)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !strings.Contains(c.everything(), words) {
			t.Fatal("the message is not there before it is taken back")
		}
		c.must(c.line.Unsend(c.hana, lineID, id))
		c.line.Settle()
		if strings.Contains(c.everything(), words) {
			t.Error("what was taken back is still there")
		}
		early := c.line.Deliveries(lineID)
		body := func(event string) []byte {
			return []byte(`{"destination":"` + c.bot + `","events":[{"mode":"active","timestamp":` + ms(time.Now()) + `,"source":{"type":"user","userId":"` + c.line.UserID(c.hana, lineID) + `"},` + event + `}]}`)
		}
		in := &intake.Intake{Store: c.st, Kinds: kinds, Env: channel.Env{Log: slog.New(slog.DiscardHandler)}}
		for _, event := range []string{`"type":"unsend","webhookEventId":"02","unsend":{"messageId":"99"}`, `"type":"message","webhookEventId":"01","message":{"id":"99","type":"text","text":"` + words + `"}`} {
			b := body(event)
			c.must(in.Accept(ctx, "acc_line", http.Header{"X-Line-Signature": {linesim.Sign(lineSecret, b)}}, b))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if strings.Contains(c.everything(), words) {
			t.Error("what was taken back before it came is there")
		}
		if n := len(c.events()); n < 5 || len(early) == 0 {
			t.Errorf("%d events", n)
		}
	})
}

// everything is what can be read of messages, events and their originals, and what is
// taken out of the workspace.
func (c *chatter) everything() string {
	c.t.Helper()
	var b bytes.Buffer
	for _, e := range c.events() {
		b.Write(e.Data)
		b.Write(e.Raw)
	}
	for _, said := range c.messages() {
		b.WriteString(said.Message.Content.Text)
		for _, a := range said.Attempts {
			b.WriteString(a.Exchange.Request)
		}
	}
	var out bytes.Buffer
	_, err := takeout.Write(context.Background(), c.st, takeout.Options{Workspace: ws}, &out)
	c.must(err)
	zip, err := gzip.NewReader(&out)
	c.must(err)
	_, err = io.Copy(&b, zip)
	c.must(err)
	return b.String()
}

// TestNobodyElse: a check is answered, and what LINE did not sign is kept nowhere.
func TestNobodyElse(t *testing.T) {
	onLine(t, func(c *chatter) {
		d, err := c.line.Forge(lineID, map[string]any{"type": "follow", "timestamp": time.Now().UnixMilli(), "webhookEventId": "01", "source": map[string]any{"type": "user", "userId": "U" + strings.Repeat("0", 32)}})
		if err != nil || d.Status != http.StatusUnauthorized || len(c.events()) != 0 {
			t.Errorf("forged: %d, %v, %d events", d.Status, err, len(c.events()))
		}
		in := &intake.Intake{Store: c.st, Kinds: kinds, Env: channel.Env{Log: slog.New(slog.DiscardHandler)}}
		ping := []byte(`{"destination":"` + c.bot + `","events":[]}`)
		if err := in.Accept(context.Background(), "acc_line", http.Header{"X-Line-Signature": {linesim.Sign(lineSecret, ping)}}, ping); err != nil || len(c.events()) != 0 {
			t.Errorf("a check: %v, %d events", err, len(c.events()))
		}
	})
}
