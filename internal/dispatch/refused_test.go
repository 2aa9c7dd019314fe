package dispatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/store"
)

// TestRefusedMails: what a receiver says at the hand-over means the same as a report
// that comes back: an event that says whose mail it was, without the address, and the
// end of the address after as many as the rule has. The next of the chain has its turn.
func TestRefusedMails(t *testing.T) {
	cases := []struct {
		reply, typ, reason string
		after              int // so many stop the address; 0: none do
		forGood            bool
	}{
		{"550 5.1.1 no such user", "mail.bounced", "no_mailbox", 1, true},
		{"550 User unknown", "mail.bounced", "no_mailbox", 1, true},
		{"550 5.2.1 disabled", "mail.bounced", "disabled", 2, false},
		{"552 5.2.2 over quota", "mail.bounced", "full", 5, false},
		{"550 5.7.1 not wanted", "mail.blocked", "rule", 0, false},
		{"550 5.7.26 unauthenticated", "mail.blocked", "distrust", 0, false},
		{"554 5.6.0 content", "mail.blocked", "content", 0, false},
		{"552 5.3.4 too big", "mail.blocked", "too_large", 0, false},
	}
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		h.noticed(engawa.Via{Account: "acc_mail"}, engawa.Via{Account: "acc_hook", Destination: "dst_hook"})
		who, stopped := make([]string, len(cases)), make([]int, len(cases)) // stopped after so many
		for i, c := range cases {
			domain := fmt.Sprintf("%c.refuses.example", 'a'+i)
			who[i] = h.people(domain, 1)[0]
			h.inbox.Block(domain, c.reply)
		}
		h.run("n1", time.Minute)
		const mails = 6
		for n := range mails {
			for _, id := range who {
				h.event(fmt.Sprint("told ", id, n), "contract.terminated", id)
			}
			time.Sleep(20 * time.Minute) // refusals of a sender are too far apart to have a receiver waited for
			synctest.Wait()
			for i, c := range cases {
				stops, err := h.st.Stops(ctx, ws, who[i])
				h.must(err)
				if len(stops) > 0 && stopped[i] == 0 {
					stopped[i] = n + 1
					if stops[0].Reason != "bounced" || stops[0].Until.IsZero() != c.forGood {
						t.Errorf("%s: stopped %+v", c.reply, stops[0])
					}
				}
			}
		}
		for i, c := range cases {
			evs, err := h.st.Events(ctx, ws, store.EventFilter{Type: c.typ, Customer: who[i]}, store.Page{Limit: 50})
			h.must(err)
			want := mails
			if c.after > 0 {
				want = c.after // what the verdict refuses is not tried
			}
			if stopped[i] != c.after || len(evs) != want {
				t.Errorf("%s: stopped after %d, want %d; %d events, want %d", c.reply, stopped[i], c.after, len(evs), want)
			}
			for _, e := range evs {
				h.saysWhose(e, who[i], c.reason)
			}
		}
	})
}

// saysWhose holds an event about a refused mail to what it has to tell.
func (h *hub) saysWhose(e engawa.Event, who, reason string) {
	h.t.Helper()
	var said struct {
		M         struct{ Name string }
		Message   struct{ ID, Subject string }
		Reason    string
		Ref       string `json:"address_ref"`
		Address   string
		Permanent bool
	}
	if err := json.Unmarshal(e.Data, &said); err != nil || catalogue.Check(e) != nil {
		h.t.Errorf("%s: %v, %v", e.Data, err, catalogue.Check(e))
	}
	if e.Customer != who || e.Account != "acc_mail" || e.Hops != 1 || said.M.Name != "田中" || said.Message.ID == "" || said.Message.Subject == "" || said.Reason != reason ||
		said.Ref != "cp_"+who || said.Permanent != (reason == "no_mailbox") || said.Address == "" || strings.Contains(string(e.Data), who+"@") {
		h.t.Errorf("%+v says %s", e, e.Data)
	}
}

// TestRefusedLater: a receiver that says "later" until the time is over has its say
// told then, once; what went through in the end is not told.
func TestRefusedLater(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		step := engawa.Step{To: "customer", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}, ExpiresIn: 3 * time.Hour}
		h.must(h.st.SaveRoute(ctx, routeOf("rte_ended", "contract.terminated", step)))
		who := h.people("full.example", 1)[0]
		h.inbox.Block("full.example", "452 4.2.2 over quota")
		h.run("n1", time.Minute)
		h.event("told 1", "contract.terminated", who)
		time.Sleep(4 * time.Hour)
		h.event("told 2", "contract.terminated", who)
		time.Sleep(30 * time.Minute)
		h.inbox.Block("full.example", "")
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		evs, err := h.st.Events(ctx, ws, store.EventFilter{Type: "mail.bounced"}, store.Page{Limit: 50})
		h.must(err)
		if len(evs) != 1 || !strings.Contains(string(evs[0].Data), `"reason":"full"`) || !strings.Contains(string(evs[0].Data), `"permanent":false`) || len(h.received("full.example")) != 1 {
			t.Errorf("%d events, %d mails: %+v", len(evs), len(h.received("full.example")), evs)
		}
	})
}
