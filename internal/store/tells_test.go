package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// desks adds accounts of another kind: one of the workspace's own, one that
// somebody else owns, each with a queue, and an event of the customer.
func (s *shop) desks() engawa.Event {
	s.t.Helper()
	ctx := s.t.Context()
	s.customer("cus_a")
	for id, owner := range map[string]string{"own": engawa.OwnerWorkspace, "lent": engawa.OwnerOther} {
		s.must(s.AddAccount(ctx, engawa.Account{Workspace: ws, ID: "acc_" + id, Kind: "desk", Name: id, Owner: owner, Environment: engawa.Sandbox, Enabled: true, CreatedAt: time.Now()}))
		s.must(s.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_" + id, Name: id, Account: "acc_" + id, Address: "7", CreatedAt: time.Now()}))
	}
	s.must(s.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_mail", Name: "m", Account: mailbox, Address: "staff@hinata.example", CreatedAt: time.Now()}))
	ev := engawa.Event{
		Workspace: ws, ID: "evt_1", Account: "api", Type: "application.completed", DedupKey: "1", Customer: "cus_a", Data: []byte(`{"plan":"yearly"}`), ReceivedAt: time.Now(),
	}
	_, err := s.Journal(ctx, []engawa.Event{ev})
	s.must(err)
	return ev
}

// notice is a notice to staff about the event, over one account.
func (s *shop) notice(ev engawa.Event, account, destination, partner string) engawa.Message {
	m := s.message("")
	m.Event, m.About, m.Destination, m.Partner, m.Purpose, m.Chain = ev.ID, ev.Customer, destination, partner, engawa.Service, []engawa.Via{{Account: account}}
	return m
}

// TestTells: whom a notice tells of is loaded for a claim, for kinds that ask
// for it, on accounts of the workspace's own, for its own notices; nowhere else,
// and it is not kept with the verdict.
func TestTells(t *testing.T) {
	each(t, func(s *shop) {
		ev := s.desks()
		s.Tells = []string{"desk"}
		s.must(s.AddPartner(s.t.Context(), engawa.Partner{Workspace: ws, ID: "ptn_1", Name: "p", CreatedAt: time.Now()}))
		own := s.notice(ev, "acc_own", "dst_own", "")
		known, err := s.Facts(s.t.Context(), ws, []store.Ask{{Message: own, Account: "acc_own"}})
		s.must(err)
		if known[0].Facts.About != nil {
			s.t.Error("composing loads whom it tells of")
		}
		for _, tc := range []struct {
			account, destination, partner string
			told                          bool
		}{
			{"acc_own", "dst_own", "", true},
			{"acc_own", "dst_own", "ptn_1", false},
			{"acc_lent", "dst_lent", "", false},
			{mailbox, "dst_mail", "", false},
		} {
			m := s.notice(ev, tc.account, tc.destination, tc.partner)
			s.send(m)
			var about *engawa.About
			s.claim(s.hold("n1", tc.account), 5, func(c *store.Claimed) store.Decision {
				about = c.Known.Facts.About
				d := sendAll(c)
				d.Facts = c.Known.Facts
				return d
			})
			if (about != nil) != tc.told {
				s.t.Errorf("%s for %q: %v", tc.account, tc.partner, about)
				continue
			}
			if tc.told && (about.Customer != "cus_a" || about.Name != "田中 cus_a" || about.Mail != address("cus_a") || about.Type != ev.Type || string(about.Data) != string(ev.Data)) {
				s.t.Errorf("%+v of %s", *about, about)
			}
			kept, err := json.Marshal(s.said(m.ID))
			s.must(err)
			if strings.Contains(string(kept), "yearly") || strings.Contains(string(kept), "@customer.example") {
				s.t.Errorf("what was told is kept: %s", kept)
			}
		}
	})
}

// TestAnswered: an event that names a delivery on its own account belongs to
// whom the message went to, or the notice told of; one that names a delivery of
// another account belongs to nobody.
func TestAnswered(t *testing.T) {
	each(t, func(s *shop) {
		ev := s.desks()
		own := s.notice(ev, "acc_own", "dst_own", "")
		direct := s.message("cus_a")
		nobody := s.notice(engawa.Event{}, "acc_own", "dst_own", "")
		s.send(own, direct, nobody)
		for i, tc := range []struct {
			account, delivery, want string
		}{
			{"acc_own", s.said(own.ID).Deliveries[0].ID, "cus_a"},
			{mailbox, s.said(direct.ID).Deliveries[0].ID, "cus_a"},
			{"acc_own", s.said(nobody.ID).Deliveries[0].ID, ""},
			{"acc_lent", s.said(own.ID).Deliveries[0].ID, ""},
			{"acc_own", "dlv_none", ""},
			{"acc_own", "", ""},
		} {
			id := "evt_answer" + string(rune('a'+i))
			_, err := s.Journal(s.t.Context(), []engawa.Event{{
				Workspace: ws, ID: id, Account: tc.account, Type: "ticket.status_changed", DedupKey: id, Delivery: tc.delivery, Data: []byte(`{}`), ReceivedAt: time.Now(),
			}})
			s.must(err)
			if got, err := s.Event(s.t.Context(), ws, id); err != nil || got.Customer != tc.want {
				s.t.Errorf("%d: of %q, want %q: %v", i, got.Customer, tc.want, err)
			}
		}
		story, err := s.Events(s.t.Context(), ws, store.EventFilter{Customer: "cus_a"}, store.Page{Limit: 10})
		s.must(err)
		if len(story) != 3 {
			s.t.Errorf("%d events in the customer's story", len(story))
		}
		_, err = s.Erase(s.t.Context(), ws, "cus_a")
		s.must(err)
		_, err = s.Journal(s.t.Context(), []engawa.Event{{
			Workspace: ws, ID: "evt_late", Account: "acc_own", Type: "ticket.commented", DedupKey: "late", Delivery: s.said(own.ID).Deliveries[0].ID, Data: []byte(`{}`), ReceivedAt: time.Now(),
		}})
		s.must(err)
		if got, err := s.Event(s.t.Context(), ws, "evt_late"); err != nil || got.Customer != "" {
			s.t.Errorf("after the erasure: of %q, %v", got.Customer, err)
		}
	})
}
