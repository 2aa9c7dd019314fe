package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// handed has a message to cus_1 handed over and accepted.
func (s *shop) handed() (engawa.Message, string) {
	s.t.Helper()
	m := s.message("cus_1")
	s.send(m)
	l := s.hold("node", mailbox)
	c := s.claim(l, 1, sendAll)[0]
	_, err := s.Record(s.t.Context(), l, []store.Result{accepted(c)})
	s.must(err)
	return m, c.Delivery.ID
}

// back is what comes back for a delivery.
func back(delivery, reason string, at time.Time) store.Return {
	return store.Return{
		Event: engawa.Event{
			ID: engawa.NewOrderedID(engawa.PrefixEvent, at), Type: "mail.bounced", DedupKey: "returned:" + delivery + ":5.1.1", Known: true, OccurredAt: at, ReceivedAt: at, Data: []byte(`{}`),
		},
		Delivery: delivery, State: engawa.Failed, Note: "bounced", Reason: reason, Status: "5.1.1", Suppress: "bounced", After: 1,
	}
}

// stopped are the reasons for which the address of cus_1 gets nothing.
func (s *shop) stopped() (reasons []string) {
	s.t.Helper()
	s.send(s.message("cus_1"))
	s.claim(s.hold("node", mailbox), 10, func(c *store.Claimed) store.Decision {
		for _, x := range c.Known.Facts.Suppressions {
			reasons = append(reasons, x.Reason)
		}
		return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse}}
	})
	return reasons
}

func TestReturn(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		m, delivery := s.handed()
		h, err := s.Handed(s.t.Context(), delivery)
		s.must(err)
		if h.Workspace != ws || h.Message != m.ID || h.Customer != "cus_1" || h.Address != address("cus_1") || h.ProviderID != "id at the provider" || h.State != engawa.Accepted {
			t.Errorf("%+v is found, %v", h, h.Address == address("cus_1"))
		}
		r := back(delivery, "no_mailbox", time.Now())
		r.Withdraw = true
		r.Task = &engawa.Task{Kind: "mail.blocked", Ref: mailbox, DueAt: time.Now()}
		j, err := s.TakeReturn(s.t.Context(), r)
		s.must(err)
		e, err := s.Event(s.t.Context(), ws, j.ID)
		s.must(err)
		if e.Account != mailbox || e.Customer != "cus_1" || e.Type != "mail.bounced" {
			t.Errorf("the event is %+v", e)
		}
		if got := s.states(m.ID); got != "[failed queued]" {
			t.Errorf("deliveries are %s: the next account has its turn", got)
		}
		if said := s.said(m.ID); said.Message.State != engawa.MessageWaiting || said.Deliveries[0].Note != "bounced" {
			t.Errorf("the message is %s, its delivery says %q", said.Message.State, said.Deliveries[0].Note)
		}
		if got := s.stopped(); len(got) != 1 || got[0] != "bounced" {
			t.Errorf("the address is stopped for %v", got)
		}
		consents, err := s.Consents(s.t.Context(), ws, "cus_1")
		s.must(err)
		if c := consents[0]; c.Given || c.Purpose != engawa.Marketing || c.Topic != "" || c.Evidence.How != "complaint" {
			t.Errorf("the newest consent is %+v", c)
		}
		tasks, err := s.Tasks(s.t.Context(), ws, 10)
		s.must(err)
		if len(tasks) != 1 || tasks[0].Kind != "mail.blocked" {
			t.Errorf("tasks are %+v", tasks)
		}
		if _, err := s.TakeReturn(s.t.Context(), back("dlv_nobody", "full", time.Now())); code(err) != engawa.CodeNotFound {
			t.Errorf("of a delivery that is not: %v", err)
		}
	})
}

// TestReturnOnce: whoever brings it again, and however many at once, it counts once.
func TestReturnOnce(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		m, delivery := s.handed()
		var fresh, wrong int
		var mu sync.Mutex
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				r := back(delivery, "full", time.Now())
				r.Task = &engawa.Task{Kind: "k", Ref: "r", DueAt: time.Now()}
				j, err := s.TakeReturn(s.t.Context(), r)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					wrong++
				}
				if j.Fresh {
					fresh++
				}
			})
		}
		callers.Wait()
		tasks, err := s.Tasks(s.t.Context(), ws, 10)
		s.must(err)
		if fresh != 1 || wrong != 0 || len(tasks) != 1 || tasks[0].Count != 1 {
			t.Errorf("%d were fresh, %d failed, tasks %+v", fresh, wrong, tasks)
		}
		if got := s.states(m.ID); got != "[failed queued]" {
			t.Errorf("deliveries are %s", got)
		}
	})
}

// TestReturnsCounted: an address is suppressed by the return that makes the
// number full within the window, for as long as is said.
func TestReturnsCounted(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		day := 24 * time.Hour
		start := time.Now().Add(-20 * day)
		bring := func(after time.Duration) {
			t.Helper()
			_, delivery := s.handed()
			r := back(delivery, "full", start.Add(after))
			r.State, r.After, r.Within = "", 3, 14*day
			_, err := s.TakeReturn(s.t.Context(), r)
			s.must(err)
		}
		bring(0)
		bring(15 * day) // the first counts no more
		bring(16 * day)
		if got := s.stopped(); len(got) != 0 {
			t.Errorf("two within the window stop it: %v", got)
		}
		bring(17 * day)
		if got := s.stopped(); len(got) != 1 {
			t.Errorf("three within the window do not stop it: %v", got)
		}
	})
}

// TestReturnTooSoon: a bounce may come before the answer was recorded.
func TestReturnTooSoon(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		m := s.message("cus_1")
		s.send(m)
		l := s.hold("node", mailbox)
		c := s.claim(l, 1, sendAll)[0]
		r := back(c.Delivery.ID, "no_mailbox", time.Now())
		if _, err := s.TakeReturn(s.t.Context(), r); code(err) != engawa.CodeUnavailable {
			t.Fatalf("while it is sent: %v", err)
		}
		_, err := s.Record(s.t.Context(), l, []store.Result{accepted(c)})
		s.must(err)
		if j, err := s.TakeReturn(s.t.Context(), r); err != nil || !j.Fresh {
			t.Errorf("afterwards: %+v, %v", j, err)
		}
		if got := s.states(m.ID); got != "[failed queued]" {
			t.Errorf("deliveries are %s", got)
		}
	})
}

func TestReturnErased(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		_, delivery := s.handed()
		r := back(delivery, "full", time.Now())
		r.After = 5
		_, err := s.TakeReturn(s.t.Context(), r)
		s.must(err)
		_, err = s.Erase(s.t.Context(), ws, "cus_1")
		s.must(err)
		h, err := s.Handed(s.t.Context(), delivery)
		s.must(err)
		if h.Address != "" {
			t.Error("the address is still opened")
		}
		r = back(delivery, "no_mailbox", time.Now())
		r.Event.DedupKey = "another"
		r.Withdraw = true
		j, err := s.TakeReturn(s.t.Context(), r)
		s.must(err)
		e, err := s.Event(s.t.Context(), ws, j.ID)
		s.must(err)
		if e.Customer != "" {
			t.Error("the event is tied to who was erased")
		}
		s.customer("cus_2") // a new customer may have the address
	})
}
