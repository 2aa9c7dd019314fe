package dispatch_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/channeltest"
	zendesksim "github.com/engawa/engawa/internal/channel/zendesk/sim"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
)

// TestMailRule holds the rule for a room's notices: mail goes as well where
// copies are on; where they are off it goes for what was not posted, whatever the
// reason, and for nothing else. And the account's page can say which and why.
func TestMailRule(t *testing.T) {
	answer := func(status int, done bool) func(*http.Request) (int, bool) {
		return func(r *http.Request) (int, bool) {
			if r.Method == http.MethodPost {
				return status, done
			}
			return 0, false
		}
	}
	const late = 10 * time.Minute
	for name, tc := range map[string]struct {
		copies bool
		before func(h *hub)
		posts  int
		mails  int
		by     time.Duration // when the mail is there
		state  store.SentState
		note   string
		asks   string // the kind of the task that a person gets
	}{
		"it is posted":                  {false, func(*hub) {}, 1, 0, 0, store.SentHere, "", ""},
		"it is posted, copies are on":   {true, func(*hub) {}, 1, 1, time.Minute, store.SentHere, "", ""},
		"the limit is used up":          {false, func(h *hub) { h.room.UseElsewhere(300); h.room.TokenPer = time.Hour }, 0, 1, late, store.SentOn, "deadline", ""},
		"the room refuses":              {false, func(h *hub) { h.room.Answer = answer(403, false) }, 0, 1, time.Minute, store.SentOn, "403", ""},
		"the token is no longer valid":  {false, func(h *hub) { h.room.Token = "another" }, 0, 1, late, store.SentOn, "deadline", "account.closed"},
		"Chatwork is down":              {false, func(h *hub) { h.room.Answer = answer(503, false) }, 0, 1, late, store.SentOn, "deadline", ""},
		"the account is switched off":   {false, (*hub).switchOff, 0, 1, time.Minute, store.SentOn, "rules", ""},
		"switched off, copies are on":   {true, (*hub).switchOff, 0, 1, time.Minute, store.SentOn, "rules", ""},
		"used up, copies are on":        {true, func(h *hub) { h.room.UseElsewhere(300); h.room.TokenPer = time.Hour }, 0, 1, time.Minute, store.SentWaiting, "429", ""},
		"down, copies are on":           {true, func(h *hub) { h.room.Answer = answer(503, false) }, 0, 1, time.Minute, store.SentWaiting, "", ""},
		"the answer of a post was lost": {false, func(h *hub) { h.loseOne() }, 1, 0, 0, store.SentHere, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *hub) {
				ctx := context.Background()
				mail := engawa.Via{Account: "acc_mail", Destination: "dst_staff", Copy: tc.copies}
				chat := engawa.Via{Account: "acc_chat"}
				if !tc.copies {
					chat.Within = late
				}
				h.must(h.st.SaveRoute(ctx, routeOf("rte_room", "contract.*",
					engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{chat, mail}})))
				tc.before(h)
				h.run("n1", time.Minute)
				h.event("A-1", "contract.terminated", "")
				time.Sleep(tc.by + time.Minute)
				synctest.Wait()
				if n := len(h.inbox.Mails()); n != tc.mails {
					t.Errorf("%d mails by %s, want %d", n, tc.by, tc.mails)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if posts, mails := len(h.room.Messages(11)), len(h.inbox.Mails()); posts != tc.posts || mails != tc.mails {
					t.Errorf("in the end %d posts and %d mails, want %d and %d", posts, mails, tc.posts, tc.mails)
				}
				rows, err := h.st.Sent(ctx, ws, "acc_chat", time.Now().Add(-24*time.Hour), tc.state, store.Page{Limit: 10})
				h.must(err)
				if len(rows) != 1 || tc.note != "" && !strings.HasPrefix(rows[0].Note, tc.note) {
					all, _ := h.st.Sent(ctx, ws, "acc_chat", time.Now().Add(-24*time.Hour), "", store.Page{Limit: 10})
					t.Errorf("the page has %+v under %q; all of it: %+v", rows, tc.state, all)
				}
				tasks, err := h.st.Tasks(ctx, ws, 10)
				h.must(err)
				if len(tasks) > 1 || (len(tasks) == 1) != (tc.asks != "") || len(tasks) == 1 && tasks[0].Kind != tc.asks {
					t.Errorf("tasks %+v, want %q", tasks, tc.asks)
				}
			})
		})
	}
}

func (h *hub) switchOff() {
	a, err := h.st.Account(context.Background(), ws, "acc_chat")
	h.must(err)
	a.Enabled = false
	h.must(h.st.ChangeAccount(context.Background(), a))
}

// loseOne has the room take one post and lose the answer.
func (h *hub) loseOne() {
	lost := false
	h.room.Answer = func(r *http.Request) (int, bool) {
		if r.Method != http.MethodPost || lost {
			return 0, false
		}
		lost = true
		return 500, true
	}
}

// TestTokenEnds follows an account whose access tokens end. One that expired and
// one that was revoked cost nobody anything; a client that was taken away asks a
// person, the notice goes by mail at its deadline, and once the client is
// repaired tickets are opened again.
func TestTokenEnds(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		desk := &zendesksim.Server{Client: zendesksim.Client{ID: "hub", Secret: "first"}, Polite: true}
		h.http = channeltest.Client(desk)
		account := engawa.Account{
			Workspace: ws, ID: "acc_desk", Kind: "zendesk", Name: "窓口", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"subdomain": "hinata", "client_id": "hub", "client_secret": "first", "base_url": "http://desk.example"},
		}
		h.must(h.st.AddAccount(ctx, account))
		h.must(h.st.AddDestination(ctx, engawa.Destination{
			Workspace: ws, ID: "dst_desk", Name: "窓口", Account: "acc_desk", Address: "default", Locale: engawa.Japanese, CreatedAt: time.Now(),
		}))
		h.must(h.st.SaveRoute(ctx, routeOf("rte_desk", "contract.*",
			engawa.Step{To: "dst_desk", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_desk", Within: 10 * time.Minute}, {Account: "acc_mail", Destination: "dst_staff"}}})))
		h.run("n1", time.Minute)
		for _, step := range []struct {
			name                  string
			before                func()
			tickets, mails, tasks int
		}{
			{"the first", func() {}, 1, 0, 0},
			{"expired", func() { time.Sleep(40 * time.Minute) }, 2, 0, 0},
			{"revoked", desk.Revoke, 3, 0, 0},
			{"the client is taken away", func() { desk.Client.Secret = "second"; desk.Revoke() }, 3, 1, 1},
			{"repaired", func() {
				now, err := h.st.Account(ctx, ws, "acc_desk")
				h.must(err)
				now.Settings["client_secret"] = "second"
				h.must(h.st.ChangeAccount(ctx, now))
			}, 4, 1, 1},
		} {
			step.before()
			h.event(step.name, "contract.terminated", "cus_no")
			time.Sleep(11 * time.Minute)
			synctest.Wait()
			tasks, err := h.st.Tasks(ctx, ws, 10)
			h.must(err)
			if n, m := len(desk.Tickets()), len(h.inbox.Mails()); n != step.tickets || m != step.mails || len(tasks) != step.tasks {
				t.Errorf("%s: %d tickets, %d mails, tasks %+v", step.name, n, m, tasks)
			}
			if len(tasks) == 1 && (tasks[0].Kind != "account.closed" || tasks[0].Ref != "acc_desk") {
				t.Errorf("%s: the task is %+v", step.name, tasks[0])
			}
		}
		if tickets := desk.Tickets(); len(tickets) > 0 {
			if who := desk.Requester(tickets[0]); who.Name != "田中" || who.Mail != "cus_no@customer.example" {
				t.Errorf("the requester is %+v", who)
			}
		}
	})
}

// TestTicketByHand: a ticket that a person opens about a customer has that
// customer for its requester, though no event tells of them.
func TestTicketByHand(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		desk := &zendesksim.Server{Client: zendesksim.Client{ID: "hub", Secret: "first"}, Polite: true}
		h.http = channeltest.Client(desk)
		h.must(h.st.AddAccount(ctx, engawa.Account{
			Workspace: ws, ID: "acc_desk", Kind: "zendesk", Name: "窓口", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"subdomain": "hinata", "client_id": "hub", "client_secret": "first", "base_url": "http://desk.example"},
		}))
		h.must(h.st.AddDestination(ctx, engawa.Destination{
			Workspace: ws, ID: "dst_desk", Name: "窓口", Account: "acc_desk", Address: "default", Locale: engawa.Japanese, CreatedAt: time.Now(),
		}))
		h.run("n1", time.Minute)
		_, err := h.composer.Accept(ctx, ws, []message.Request{{
			Workspace: ws, Destination: "dst_desk", About: "cus_no", Purpose: engawa.Service, Trigger: engawa.ByUser,
			Chain: []engawa.Via{{Account: "acc_desk"}}, Content: engawa.Content{Subject: "解約の相談", Text: "電話での返事を希望"},
		}})
		h.must(err)
		time.Sleep(time.Minute)
		synctest.Wait()
		tickets := desk.Tickets()
		if len(tickets) != 1 {
			t.Fatalf("%d tickets", len(tickets))
		}
		if who := desk.Requester(tickets[0]); who.Name != "田中" || who.Mail != "cus_no@customer.example" {
			t.Errorf("the requester is %+v", who)
		}
	})
}

// TestTaskOfAnEvent: an event that becomes a task is one in the room of its
// group, for the people of its route.
func TestTaskOfAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		h.must(h.st.AddDestination(ctx, engawa.Destination{
			Workspace: ws, ID: "dst_task", Name: "契約の部屋のタスク", Account: "acc_chat", Address: "11/tasks?days=3&to=1002", Locale: engawa.Japanese, CreatedAt: time.Now(),
		}))
		h.must(h.st.SaveRoute(ctx, routeOf("rte_task", "contract.suspended",
			engawa.Step{To: "dst_task", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.suspended", "")
		h.event("A-2", "contract.terminated", "")
		time.Sleep(time.Minute)
		synctest.Wait()
		if tasks := h.room.Tasks(11); len(tasks) != 1 || tasks[0].Account.ID != 1002 || !strings.Contains(tasks[0].Body, "契約 A-1") || len(h.room.Messages(11)) != 1 { // the room's own notice of the task
			t.Errorf("%+v, %+v", tasks, h.room.Messages(11))
		}
	})
}
