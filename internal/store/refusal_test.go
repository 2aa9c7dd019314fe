package store_test

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// refusedAt has a message to cus_1 refused at the hand-over, at a time.
func (s *shop) refusedAt(at time.Time) string {
	s.t.Helper()
	s.send(s.message("cus_1"))
	l := s.hold("node", mailbox)
	c := s.claim(l, 1, sendAll)[0]
	r := accepted(c)
	x := back(c.Delivery.ID, "full", at)
	x.After, x.Within = 3, 14*24*time.Hour
	r.Outcome, r.State, r.ProviderID, r.Return = engawa.OutcomeFailed, engawa.Failed, "", &x
	r.Suppress = &engawa.Suppression{Workspace: ws, Channel: "mail", Address: address("cus_1"), Customer: "cus_1", Reason: "bounced", At: at}
	for range 2 { // a lost answer of the database has it recorded again
		_, err := s.Record(s.t.Context(), l, []store.Result{r})
		s.must(err)
	}
	return c.Delivery.ID
}

// TestRefusalsCounted: what was refused in the conversation and what came back are
// counted together, each delivery once, and told of once.
func TestRefusalsCounted(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		told := func() int { return len(s.events(store.EventFilter{Type: "mail.bounced"})) }
		failed := s.refusedAt(time.Now())
		late := back(failed, "full", time.Now())
		late.After, late.Within = 3, 14*24*time.Hour
		if j, err := s.TakeReturn(s.t.Context(), late); err != nil || j.Fresh {
			s.t.Errorf("the report of what was refused is new: %v, %v", j, err)
		}
		s.refusedAt(time.Now())
		if n, got := told(), s.stopped(); n != 2 || len(got) != 0 {
			s.t.Errorf("after two: %d events, stopped for %v", n, got)
		}
		_, delivery := s.handed()
		third := back(delivery, "full", time.Now())
		third.After, third.Within = 3, 14*24*time.Hour
		_, err := s.TakeReturn(s.t.Context(), third)
		s.must(err)
		if n, got := told(), s.stopped(); n != 3 || len(got) != 1 || got[0] != "bounced" {
			s.t.Errorf("after three: %d events, stopped for %v", n, got)
		}
	})
}
