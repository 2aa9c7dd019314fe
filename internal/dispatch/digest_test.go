package dispatch_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	"github.com/engawa/engawa/internal/channel/mail/sim"
	"github.com/engawa/engawa/internal/store"
)

// TestDigest: the events of ten minutes go as one notice, five together at once.
func TestDigest(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		step := engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Digest: &engawa.Digest{Within: 10 * time.Minute, Count: 5}}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_digest", "payment.*", step)))
		h.run("n1", time.Minute)
		for i := range 3 {
			h.event(fmt.Sprint("P-", i), "payment.recurring.failed", "cus_no")
		}
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 0 {
			t.Fatalf("told before its time: %+v", posts)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		posts := h.room.Messages(11)
		if len(posts) != 1 || strings.Count(posts[0].Body, "cus_no") != 3 || !strings.Contains(posts[0].Body, "3件") || strings.Contains(posts[0].Body, "田中") {
			t.Fatalf("after its time: %+v", posts)
		}
		for i := range 5 {
			h.event(fmt.Sprint("Q-", i), "payment.recurring.failed", "cus_no")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 2 || !strings.Contains(posts[1].Body, "5件") {
			t.Fatalf("five are enough: %+v", posts)
		}
		if rows := h.messages(); len(rows) != 2 {
			t.Errorf("%d messages", len(rows))
		}
	})
}

// TestDigestBy: with a field by which events differ each value has its own digest.
func TestDigestBy(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		step := engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Digest: &engawa.Digest{Within: time.Minute, By: "contract"}}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_digest", "*", step)))
		h.run("n1", time.Minute)
		for i, typ := range []string{"payment.recurring.failed", "contract.suspended"} {
			for _, contract := range []string{"A", "B"} {
				_, err := h.st.Journal(context.Background(), []engawa.Event{{
					Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: engawa.SourceAPI, Type: typ, DedupKey: fmt.Sprint(i, contract),
					OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(`{"contract":"` + contract + `"}`),
				}})
				h.must(err)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		posts := h.room.Messages(11)
		if len(posts) != 2 || !strings.Contains(posts[0].Body, "2件") || !strings.Contains(posts[1].Body, "2件") {
			t.Fatalf("one failed card each: %+v", posts)
		}
	})
}

// fact journals an event of the catalogue with data of its own.
func (h *hub) fact(typ, customer, data string) string {
	h.t.Helper()
	id := engawa.NewOrderedID(engawa.PrefixEvent, time.Now())
	_, err := h.st.Journal(context.Background(), []engawa.Event{{
		Workspace: ws, ID: id, Account: engawa.SourceAPI, Type: typ, DedupKey: id, Customer: customer, OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(data),
		Actor: engawa.Actor{Type: "customer", ID: "no-9"}, Links: map[string]string{"contract": "https://shop.example/c/9"},
	}})
	h.must(err)
	return id
}

// TestCause: a failed card is a payment that failed and a contract that is
// suspended. A route that wants one notice of one cause tells of both in one
// message, to staff and to the customer, as soon as both are there; what stays
// alone goes after the wait in its own words, and what has no kin does not wait.
func TestCause(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		one := &engawa.Digest{Within: 2 * time.Minute, Cause: true}
		r := routeOf("rte_cause", "payment.*",
			engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Digest: one},
			engawa.Step{To: "customer", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}, Digest: one})
		r.Events = append(r.Events, "contract.*")
		h.must(h.st.SaveRoute(context.Background(), r))
		h.run("n1", time.Minute)
		settle := func(d time.Duration) (posts []chatworksim.Message, mails int) {
			time.Sleep(d)
			synctest.Wait()
			return h.room.Messages(11), len(h.inbox.Mails())
		}

		failed := h.fact("payment.recurring.failed", "cus_no", `{"correlation":"invoice:1","c":{"id":"A"},"amount":1980,"currency":"JPY"}`)
		h.fact("payment.recurring.failed", "cus_yes", `{"correlation":"invoice:2","c":{"id":"B"},"amount":1980,"currency":"JPY"}`)
		if posts, mails := settle(20 * time.Second); len(posts) != 0 || mails != 0 {
			t.Fatalf("told before its relatives came: %+v", posts)
		}
		suspended := h.fact("contract.suspended", "cus_no", `{"correlation":"invoice:1","c":{"id":"A"},"cause":"payment_failed"}`)
		posts, mails := settle(10 * time.Second)
		if len(posts) != 1 || mails != 1 || !strings.Contains(posts[0].Body, "2件") || strings.Count(posts[0].Body, "cus_no") != 2 || strings.Contains(posts[0].Body, "cus_yes") {
			t.Fatalf("both are there: %d mails, %+v", mails, posts)
		}
		var to []string
		for _, said := range h.messages() {
			m := said.Message
			told, err := h.st.Gathered(context.Background(), ws, m.ID)
			h.must(err)
			to = append(to, m.Customer+m.Destination)
			if m.Owner() != "cus_no" || m.Event != failed || len(told) != 2 || told[0].ID != failed || told[1].ID != suspended || !strings.Contains(m.Content.Subject, " / ") {
				t.Errorf("message of %s and %d others: %+v", m.Event, len(told), m.Content)
			}
			of, err := h.st.Messages(context.Background(), ws, store.MessageFilter{Event: suspended}, store.Page{})
			if h.must(err); len(of) != 2 {
				t.Errorf("%d messages tell of the second", len(of))
			}
		}
		if slices.Sort(to); !slices.Equal(to, []string{"cus_no", "dst_room"}) {
			t.Errorf("told to %v", to)
		}

		h.fact("payment.refunded", "", `{"amount":1980,"currency":"JPY"}`)
		h.fact("payment.confirmed", "", `{"correlation":"invoice:2"}`)
		if posts, _ := settle(10 * time.Second); len(posts) != 3 {
			t.Fatalf("nothing to wait for: %+v", posts[1:])
		}
		if posts, mails := settle(90 * time.Second); len(posts) != 4 || mails != 2 || strings.Contains(posts[3].Body, "2件") {
			t.Fatalf("alone after the wait: %d mails, %+v", mails, posts[3:])
		}
		h.fact("contract.suspended", "cus_yes", `{"correlation":"invoice:2","c":{"id":"B"}}`)
		if posts, _ := settle(3 * time.Minute); len(posts) != 5 {
			t.Fatalf("too late for its relative: %d", len(posts))
		}
	})
}

// TestCauseApart: an endpoint that takes events as they are gets each by itself,
// and one message never tells one customer of another.
func TestCauseApart(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		h.must(h.st.AddAccount(ctx, engawa.Account{
			Workspace: ws, ID: "acc_facts", Kind: "webhook", Name: "facts", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"url": "http://hook.example/in", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "content": "event"},
		}))
		h.must(h.st.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_facts", Name: "facts", Account: "acc_facts", Address: "q", Locale: engawa.Japanese, CreatedAt: time.Now()}))
		one := &engawa.Digest{Within: time.Minute, Cause: true}
		r := routeOf("rte_cause", "payment.*",
			engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Digest: one},
			engawa.Step{To: "dst_facts", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_facts"}}, Digest: one})
		r.Events = append(r.Events, "contract.*")
		h.must(h.st.SaveRoute(ctx, r))
		h.run("n1", time.Minute)
		h.fact("payment.recurring.failed", "cus_no", `{"correlation":"invoice:1"}`)
		h.fact("contract.suspended", "cus_yes", `{"correlation":"invoice:1"}`)
		h.fact("payment.recurring.recovered", "", `{"c":{"id":"A"}}`)
		h.fact("contract.resumed", "cus_yes", `{"c":{"id":"A"}}`)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 3 {
			t.Errorf("the room has %+v", posts)
		}
		facts := 0
		for _, said := range h.messages() {
			m := said.Message
			who := `"actor":{"type":"customer","id":"no-9"},"url":"https://hub.example/events/` + m.Event + `","links":{"contract":"https://shop.example/c/9"}`
			if m.Destination == "dst_facts" && strings.HasPrefix(m.Content.Text, `{"type":`) && strings.Contains(m.Content.Text, who) {
				facts++
			}
		}
		if facts != 4 {
			t.Errorf("%d facts of four", facts)
		}
	})
}

// TestMute: at night nothing goes to the room, and in the morning all of it does; what
// a digest gathered in the night goes then in one message.
func TestMute(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) { // it is 21:00 in Tokyo
		step := engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Mute: []engawa.Window{{From: "21:00", To: "07:30"}}}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_quiet", "contract.*", step)))
		step.Template, step.Digest = "", &engawa.Digest{Within: 10 * time.Minute}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_gathers", "payment.*", step)))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.suspended", "cus_no")
		for i := range 3 {
			h.event(fmt.Sprint("P-", i), "payment.recurring.failed", "cus_no")
		}
		time.Sleep(10*time.Hour + 29*time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 0 {
			t.Fatalf("told at night: %+v", posts)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		posts := h.room.Messages(11)
		if len(posts) != 2 || !slices.ContainsFunc(posts, func(m chatworksim.Message) bool { return strings.Contains(m.Body, "3件") }) {
			t.Fatalf("in the morning: %+v", posts)
		}
		h.event("A-2", "contract.suspended", "cus_no")
		time.Sleep(time.Second)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 3 {
			t.Errorf("by day: %+v", posts)
		}
	})
}

// TestPlaceGone: a staff mailbox that the server says is no more is stopped and asks
// a person; what comes later goes by its fallback.
func TestPlaceGone(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		h.must(h.st.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_gone", Name: "前の店長", Account: "acc_mail", Address: "nobody@hinata.example", Locale: engawa.Japanese, CreatedAt: time.Now()}))
		step := engawa.Step{To: "dst_gone", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}, {Account: "acc_chat", Destination: "dst_room"}}}
		h.must(h.st.SaveRoute(ctx, routeOf("rte_staff", "contract.*", step)))
		h.run("n1", time.Minute)
		for i := range 2 {
			h.event(fmt.Sprint("A-", i), "contract.suspended", "cus_no")
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		stops, err := h.st.StoppedPlaces(ctx, ws, "acc_mail")
		h.must(err)
		tasks, err := h.st.Tasks(ctx, ws, 10)
		h.must(err)
		if len(stops) != 1 || stops[0].Of != "dst_gone" || len(tasks) != 1 || tasks[0].Kind != "destination.gone" || tasks[0].Ref != "dst_gone" {
			t.Errorf("stopped %+v, tasks %+v", stops, tasks)
		}
		if posts := h.room.Messages(11); len(posts) != 2 || len(h.inbox.Mails()) != 0 {
			t.Errorf("%d posts, %d mails", len(posts), len(h.inbox.Mails()))
		}
	})
}

// TestUnjudged: a condition that cannot be judged on an event, or that cannot be read,
// asks a person, once however many events come, and keeps no other route from them.
func TestUnjudged(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		step := engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}}
		costly := routeOf("rte_costly", "contract.*", step)
		costly.Condition = "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, a + b + c + d > 0))))"
		h.must(h.st.SaveRoute(context.Background(), costly))
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_plain", "contract.*", step)))
		unread := routeOf("rte_unread", "contract.*", step)
		unread.Condition = "event.data.amount >"
		h.must(h.st.SaveRoute(context.Background(), unread))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.suspended", "cus_no")
		h.event("A-2", "contract.suspended", "cus_no")
		time.Sleep(time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 2 {
			t.Errorf("the other route posted %d", len(posts))
		}
		tasks, err := h.st.Tasks(context.Background(), ws, 10)
		h.must(err)
		if len(tasks) != 2 {
			t.Errorf("tasks: %+v", tasks)
		}
		for _, k := range tasks {
			if k.Kind != "route.broken" || k.Ref == "rte_plain" || k.Count != 2 {
				t.Errorf("%s of %s, %d times", k.Kind, k.Ref, k.Count)
			}
		}
	})
}

// TestCircles: a notice that comes back as an event makes another notice so many times
// and no more; a person is told, and gathering does not hide what circles.
func TestCircles(t *testing.T) {
	for name, gathers := range map[string]*engawa.Digest{"at once": nil, "gathered": {Within: 10 * time.Minute}} {
		bubble(t, func(t *testing.T, h *hub) {
			ctx := context.Background()
			h.must(h.st.SaveRoute(ctx, routeOf("rte_round", "contract.*", engawa.Step{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}, Digest: gathers})))
			h.run("n1", time.Minute)
			hops := 0
			for round := range 6 {
				_, err := h.st.Journal(ctx, []engawa.Event{{
					Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: engawa.SourceAPI, Type: "contract.suspended", DedupKey: fmt.Sprint(round),
					OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(`{"contract":"A-1"}`), Hops: hops,
				}})
				h.must(err)
				time.Sleep(time.Hour)
				synctest.Wait()
				if m := h.inbox.Mails(); len(m) > 0 {
					hops = hopOf(t, m[len(m)-1])
				}
			}
			tasks, err := h.st.Tasks(ctx, ws, 10)
			h.must(err)
			if n := len(h.inbox.Mails()); n != engawa.MaxHops+1 || hops != engawa.MaxHops+1 || len(tasks) != 1 || tasks[0].Kind != "route.broken" || tasks[0].Ref != "rte_round" || tasks[0].Count != 2 {
				t.Errorf("%s: %d mails, the last after %d; tasks %+v", name, n, hops, tasks)
			}
		})
	}
}

func hopOf(t *testing.T, m sim.Mail) int {
	t.Helper()
	for _, h := range m.Headers {
		if h.Name == "X-Engawa-Hop" {
			n, err := strconv.Atoi(h.Value)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("a mail without a mark")
	return 0
}

// TestUnopened: an account whose settings cannot be used asks a person, once, and
// what it cannot take in time goes by its fallback.
func TestUnopened(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		a, err := h.st.Account(ctx, ws, "acc_chat")
		h.must(err)
		a.Settings = map[string]string{"token": ""}
		h.must(h.st.ChangeAccount(ctx, a))
		h.must(h.st.SaveRoute(ctx, routeOf("rte_room", "contract.*", engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.suspended", "cus_no")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		tasks, err := h.st.Tasks(ctx, ws, 10)
		h.must(err)
		if len(tasks) != 1 || tasks[0].Kind != "account.closed" || tasks[0].Ref != "acc_chat" || tasks[0].Count != 1 {
			t.Errorf("tasks: %+v", tasks)
		}
	})
}
