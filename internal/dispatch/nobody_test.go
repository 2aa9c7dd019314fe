package dispatch_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/verdict"
)

// TestNobody: a route that writes to the customer of an event of whom nobody knows
// whose it is leaves a refused message that says so and can be counted; its staff
// step goes on, a staff place that it falls back to is told, and nobody gets a task.
func TestNobody(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		h.must(h.st.SaveRoute(ctx, routeOf("rte_both", "contract.terminated",
			engawa.Step{To: "customer", Template: "tpl_offer", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}, Digest: &engawa.Digest{Within: time.Hour}},
			engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}})))
		h.must(h.st.SaveRoute(ctx, routeOf("rte_back", "contract.suspended",
			engawa.Step{To: "customer", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}, {Account: "acc_chat", Destination: "dst_room"}}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.terminated", "")
		h.event("A-2", "contract.suspended", "")
		time.Sleep(time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 2 || len(h.inbox.Mails()) != 0 || !strings.Contains(posts[0].Body+posts[1].Body, "A-2") {
			t.Errorf("%d posts, %d mails", len(posts), len(h.inbox.Mails()))
		}
		refused := 0
		for _, said := range h.messages() {
			m := said.Message
			if m.Route != "rte_both" || m.Destination != "" {
				continue
			}
			refused++
			v := said.Judged[0].Verdict
			if !m.Nobody() || m.State != engawa.MessageRefused || v.Decided != engawa.GateRecipient || v.Gates[1].Reasons[0].Code != verdict.Unknown || m.Content != (engawa.Content{}) {
				t.Errorf("%s by %s: %+v", m.State, v.Decided, v.Gates[1].Reasons)
			}
		}
		tally, err := h.st.Tally(ctx, ws, time.Now().Add(-time.Hour))
		h.must(err)
		tasks, err := h.st.Tasks(ctx, ws, 10)
		h.must(err)
		if refused != 1 || tally.Gates[engawa.GateRecipient] != 1 || len(tasks) != 0 {
			t.Errorf("%d refused, counted %v, tasks %v", refused, tally.Gates, tasks)
		}
	})
}

// TestNewcomer: a route writes to a customer whom its event introduced, if who told
// of the address may say that it is the customer's; else the refusal says what is missing.
func TestNewcomer(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_welcome", "member.registered",
			engawa.Step{To: "customer", Template: "tpl_offer", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}})))
		h.run("n1", time.Minute)
		for number, proved := range map[string]bool{"123": true, "124": false} {
			now := time.Now()
			_, err := h.st.Journal(context.Background(), []engawa.Event{{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "member.registered", DedupKey: number, OccurredAt: now, ReceivedAt: now, Known: true,
				Identities: []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: number}}, Newcomer: &engawa.Newcomer{Name: "山田", Mail: engawa.Address(number + "@customer.example"), Proved: proved},
			}})
			h.must(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		mails := h.inbox.Mails()
		if len(mails) != 1 || mails[0].To != "123@customer.example" || !strings.Contains(mails[0].Subject, "山田") {
			t.Errorf("%d mails", len(mails))
		}
		states := map[engawa.MessageState]int{}
		for _, said := range h.messages() {
			states[said.Message.State]++
			if said.Message.State == engawa.MessageRefused && said.Judged[0].Verdict.Gates[1].Reasons[0].Code != "recipient.unverified" {
				t.Errorf("refused: %+v", said.Judged[0].Verdict.Gates[1].Reasons)
			}
		}
		if states[engawa.MessageSent] != 1 || states[engawa.MessageRefused] != 1 {
			t.Errorf("states %v", states)
		}
	})
}
