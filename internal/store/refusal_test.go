package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
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

// TestSentAgain: a delivery whose refusal was told, that is sent once more and taken,
// and then comes back for the same reason, did not arrive. It is not told twice.
func TestSentAgain(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		m := s.message("cus_1")
		s.send(m)
		l := s.hold("node", mailbox)
		c := s.claim(l, 1, sendAll)[0]
		say := func(heard *store.HeardOf) store.Return {
			r := back(c.Delivery.ID, "", time.Now())
			r.Suppress, r.Heard = "", heard
			return r
		}
		refused, said := accepted(c), say(nil)
		refused.Outcome, refused.State, refused.ProviderID, refused.DueAt = engawa.OutcomeFailed, engawa.Retrying, "", time.Now() // as a receiver's release has it
		refused.Return = &said
		_, err := s.Record(s.t.Context(), l, []store.Result{refused})
		s.must(err)
		_, err = s.Record(s.t.Context(), l, []store.Result{accepted(s.claim(l, 1, sendAll)[0])})
		s.must(err)
		for range 2 {
			_, err = s.TakeReturn(s.t.Context(), say(answered(c.Delivery.ID, "customer.example", breaker.Refused)))
			s.must(err)
		}
		if got := s.states(m.ID); got != "[failed queued]" {
			s.t.Errorf("deliveries are %s", got)
		}
		if n := len(s.events(store.EventFilter{Type: "mail.bounced"})); n != 1 {
			s.t.Errorf("%d events", n)
		}
		if r := s.receiver(); len(r.Refusals) != 1 {
			s.t.Errorf("the receiver's refusals: %+v", r.Refusals)
		}
	})
}

// TestRefusedErased: of a customer who was erased while the mail was handed over,
// the event of its refusal keeps nothing.
func TestRefusedErased(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.send(s.message("cus_1"))
		l := s.hold("node", mailbox)
		r := accepted(s.claim(l, 1, sendAll)[0])
		said := back(r.Claimed.Delivery.ID, "no_mailbox", time.Now())
		r.Outcome, r.State, r.ProviderID, r.Return = engawa.OutcomeFailed, engawa.Failed, "", &said
		_, err := s.Erase(s.t.Context(), ws, "cus_1")
		s.must(err)
		_, err = s.Record(s.t.Context(), l, []store.Result{r})
		s.must(err)
		for _, e := range s.events(store.EventFilter{Type: "mail.bounced"}) {
			if e.Customer != "" || strings.Contains(string(e.Data), "田中") || strings.Contains(string(e.Data), "お知らせ") || strings.Contains(string(e.Data), "@") {
				s.t.Errorf("the event of %q keeps %s", e.Customer, e.Data)
			}
		}
	})
}

// TestFullCounts: a full mailbox counts while its mail is tried again, each delivery
// once, and is told of when that costs the address.
func TestFullCounts(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		l := s.hold("node", mailbox)
		for n := range 3 {
			s.send(s.message("cus_1"))
			for _, later := range []time.Duration{0, time.Hour} { // each is tried twice
				c := s.claim(l, 1, sendAll)[0]
				r, said := accepted(c), back(c.Delivery.ID, "full", time.Now())
				said.After, said.Within = 3, 14*24*time.Hour
				r.Outcome, r.State, r.ProviderID, r.DueAt, r.Return = engawa.OutcomeRetry, engawa.Retrying, "", time.Now().Add(later), &said
				_, err := s.Record(s.t.Context(), l, []store.Result{r})
				s.must(err)
			}
			stops, err := s.Stops(s.t.Context(), ws, "cus_1")
			s.must(err)
			if told, want := len(s.events(store.EventFilter{Type: "mail.bounced"})), n/2; told != want || len(stops) != want {
				s.t.Errorf("after %d: %d events, %d stops, want %d", n+1, told, len(stops), want)
			}
		}
	})
}
