package store_test

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/store"
)

// tried is a message's delivery that was put off until its attempt of that number,
// which is under way.
func (s *shop) tried(l store.Lane, m engawa.Message, attempts int) *store.Claimed {
	s.t.Helper()
	s.send(m)
	for {
		c := s.mails(l)[0]
		if c.Delivery.Attempts == attempts {
			return c
		}
		_, err := s.Record(s.t.Context(), l, []store.Result{{
			Claimed: c, EndedAt: time.Now(), Outcome: engawa.OutcomeRetry, State: engawa.Retrying, DueAt: time.Now(), Code: "451", Note: "451",
			Heard: answered(c.Delivery.ID, "customer.example", breaker.Unclear),
		}})
		s.must(err)
	}
}

// TestHeldTries: what a receiver refused waits for it, before and after it opens, up
// to its fourth attempt; after the fifth it may be the mail. What came back by mail
// waits never, and is not sent again.
func TestHeldTries(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.Breaker = breaker.Rules{After: 3, Within: time.Hour, Pause: time.Hour, Most: time.Hour}
		s.customer("cus_1")
		l := s.hold("node", mailbox)
		returned, opener := s.alone(), s.alone()
		want := map[string]engawa.DeliveryState{returned.ID: engawa.Failed, opener.ID: engawa.Held}
		var later []*store.Claimed
		for attempts, state := range map[int]engawa.DeliveryState{4: engawa.Held, 5: engawa.Failed} {
			before, after := s.alone(), s.alone()
			want[before.ID], want[after.ID] = state, state
			_, err := s.Record(ctx, l, []store.Result{refused(s.tried(l, before, attempts))})
			s.must(err)
			later = append(later, s.tried(l, after, attempts))
			s.Breaker.After++
		}
		c := s.tried(l, returned, 1)
		_, err := s.Record(ctx, l, []store.Result{accepted(c)})
		s.must(err)
		_, err = s.TakeReturn(ctx, distrusted(c.Delivery.ID, time.Now()))
		s.must(err)
		s.Breaker.After = 4
		_, err = s.Record(ctx, l, []store.Result{refused(s.tried(l, opener, 1))})
		s.must(err)
		if r := s.receiver(); r.State != breaker.Open {
			t.Fatalf("it is %q", r.State)
		}
		for _, c := range later {
			_, err = s.Record(ctx, l, []store.Result{refused(c)})
			s.must(err)
		}
		for id, state := range want {
			said := s.said(id)
			if d := said.Deliveries[0]; d.State != state || (said.Message.State == engawa.MessageWaiting) != (state == engawa.Held) {
				t.Errorf("after %d attempts %s of a message that is %s; want %s", d.Attempts, d.State, said.Message.State, state)
			}
		}
	})
}

// TestOneProbe: two nodes with an account each of one own domain look for mail in the
// same moment, just after the pause. One mail goes, whichever of them is first.
func TestOneProbe(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.Breaker = breaker.Rules{After: 1, Within: time.Hour, Pause: time.Hour, Most: time.Hour}
		s.customer("cus_1")
		s.customer("cus_2") // a customer's row holds a claim up by itself
		s.send(s.alone())
		first := s.hold("node", mailbox)
		_, err := s.Record(ctx, first, []store.Result{refused(s.mails(first)[0])})
		s.must(err)
		s.must(s.TryReceiver(ctx, ws, s.receiver().ID)) // the pause is over
		nodes, second := s.nodes(), s.hold("other", room)
		fresh := s.alone()
		fresh.Customer, fresh.Chain = "cus_2", []engawa.Via{{Account: room}}
		s.send(s.alone(), fresh)
		other := &shop{Store: nodes[1], t: s.t, url: s.url}
		var went []*store.Claimed
		ended := make(chan struct{})
		looked := false
		going := s.mailsWhile(first, func() {
			if looked {
				return
			}
			looked = true
			go func() { went = other.mails(second); close(ended) }()
			select { // the other must not decide before this one has
			case <-ended:
			case <-time.After(200 * time.Millisecond):
			}
		})
		<-ended
		if r := s.receiver(); len(going)+len(went) != 1 || r.State != breaker.Probing || r.Probes != 1 || r.Waiting != 2 {
			t.Errorf("%d and %d go; it is %q, %d probes, %d wait", len(going), len(went), r.State, r.Probes, r.Waiting)
		}
	})
}
