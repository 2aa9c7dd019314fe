package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

const ownDomain = "hinata.example"

// refusal is an answer that speaks of the sender.
func refusal(delivery, receiver string) *store.HeardOf {
	return answered(delivery, receiver, breaker.Refused)
}

func answered(delivery, receiver string, said breaker.Said) *store.HeardOf {
	return &store.HeardOf{
		Pair:  breaker.Pair{Own: ownDomain, Receiver: receiver},
		Heard: breaker.Heard{Said: said, Delivery: delivery, Proved: said == breaker.Accepted, Code: "550 5.7.26", At: time.Now()},
	}
}

// refused is a hand-over that a receiver refused because of us, for good.
func refused(c *store.Claimed) store.Result {
	return store.Result{
		Claimed: c, EndedAt: time.Now(), Outcome: engawa.OutcomeFailed, State: engawa.Failed, Code: "550 5.7.26", Note: "550 5.7.26", GoesOn: true,
		Heard: refusal(c.Delivery.ID, "customer.example"),
	}
}

// mails claims as a lane of mail does: what its receiver does not take waits.
func (s *shop) mails(l store.Lane) []*store.Claimed {
	s.t.Helper()
	return s.mailsWhile(l, func() {})
}

// mailsWhile is mails, and has something happen while it decides.
func (s *shop) mailsWhile(l store.Lane, while func()) (going []*store.Claimed) {
	s.t.Helper()
	going, _, err := s.Claim(s.t.Context(), l, 100, store.Decide{
		Judge: func(c *store.Claimed) store.Decision {
			while()
			d := store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: c.Delivery.ID}
			switch c.Watch.Ask(time.Now()) {
			case breaker.Wait:
				d.Later, d.Held = time.Now().Add(store.HeldFor), true
			case breaker.Try:
				c.Watch.Try(c.Delivery.ID, time.Now())
			case breaker.Go:
			}
			return d
		},
		Pace:    func() store.Pace { return store.Pace{} },
		Between: func(to engawa.Address) breaker.Pair { return breaker.Between("shop@"+ownDomain, to.Reveal()) },
	})
	s.must(err)
	return going
}

// alone is a message with one way to go.
func (s *shop) alone() engawa.Message {
	m := s.message("cus_1")
	m.Chain = m.Chain[:1]
	return m
}

func (s *shop) receiver() store.Receiver {
	s.t.Helper()
	rs, err := s.Receivers(s.t.Context(), ws)
	s.must(err)
	if len(rs) != 1 {
		s.t.Fatalf("%d receivers refuse mail: %v", len(rs), rs)
	}
	return rs[0]
}

func (s *shop) blockedTasks(state string) (n int) {
	s.t.Helper()
	tasks, err := s.Tasks(s.t.Context(), ws, 100)
	s.must(err)
	for _, k := range tasks {
		if k.Kind == store.BlockedTask && k.State == state {
			n++
		}
	}
	return n
}

// TestBreaker: the third refusal opens the pair, and takes the two before it back;
// what comes later waits. One of a batch is the probe. A person's word has it
// tried at once and is in the audit trail; a success lets all go and closes the task.
func TestBreaker(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.Breaker = breaker.Rules{After: 3, Within: time.Hour, Pause: time.Hour, Most: 2 * time.Hour}
		s.customer("cus_1")
		l := s.hold("node", mailbox)
		var ms []engawa.Message
		for range 3 {
			m := s.alone()
			ms = append(ms, m)
			s.send(m)
			_, err := s.Record(ctx, l, []store.Result{refused(s.mails(l)[0])})
			s.must(err)
		}
		r := s.receiver()
		if r.State != breaker.Open || r.Domain != "customer.example" || r.Own != ownDomain || r.Waiting != 3 {
			t.Errorf("after three refusals %s is %q, %d wait", r.Domain, r.State, r.Waiting)
		}
		for _, m := range ms {
			if said := s.said(m.ID); said.Message.State != engawa.MessageWaiting || said.Deliveries[0].State != engawa.Held || said.Deliveries[0].Note != store.HeldNote {
				t.Errorf("what was refused is %s, %+v", said.Message.State, said.Deliveries)
			}
		}
		for range 4 {
			m := s.alone()
			ms = append(ms, m)
			s.send(m)
		}
		if going := s.mails(l); len(going) != 0 || s.receiver().Waiting != 7 {
			t.Fatalf("%d go, %d wait", len(going), s.receiver().Waiting)
		}
		if a := s.said(ms[6].ID).Deliveries[0].Attempts; a != 0 {
			t.Errorf("waiting counts as %d attempts", a)
		}
		if n, done := s.blockedTasks("open"), s.blockedTasks("done"); n != 1 || done != 0 {
			t.Errorf("%d tasks, %d done", n, done)
		}
		s.must(s.By("member:1").TryReceiver(ctx, ws, r.ID))
		going := s.mails(l)
		if len(going) != 1 || s.receiver().State != breaker.Probing {
			t.Fatalf("%d go to try it", len(going))
		}
		if err := s.TryReceiver(ctx, ws, r.ID); code(err) != engawa.CodeConflict {
			t.Errorf("tried twice: %v", err)
		}
		if got := s.audited(); !strings.Contains(strings.Join(got, " "), "try-receiver") {
			t.Errorf("the audit trail says %q", got)
		}
		_, err := s.Record(ctx, l, []store.Result{refused(going[0])})
		s.must(err)
		if r = s.receiver(); r.State != breaker.Open || r.Waiting != 7 || time.Until(r.Next) < 90*time.Minute {
			t.Errorf("after a refused probe it is %q, %d wait, the next in %s", r.State, r.Waiting, time.Until(r.Next))
		}
		s.must(s.TryReceiver(ctx, ws, r.ID))
		going = s.mails(l)
		ok := accepted(going[0])
		ok.Heard = answered(going[0].Delivery.ID, "customer.example", breaker.Accepted)
		_, err = s.Record(ctx, l, []store.Result{ok})
		s.must(err)
		if rs, err := s.Receivers(ctx, ws); err != nil || len(rs) != 0 {
			t.Errorf("it takes mail, and is still shown: %v, %v", rs, err)
		}
		if n, done := s.blockedTasks("open"), s.blockedTasks("done"); n != 0 || done != 1 {
			t.Errorf("afterwards %d tasks, %d done", n, done)
		}
		due := map[time.Time]bool{}
		for _, m := range ms {
			if d := s.said(m.ID).Deliveries[0]; d.State == engawa.Held {
				due[d.DueAt.Truncate(time.Millisecond)] = true
				if d.Note != "" || time.Until(d.DueAt) > time.Minute {
					t.Errorf("one still waits: %q until %s", d.Note, d.DueAt)
				}
			}
		}
		if len(due) != 6 {
			t.Errorf("six that waited go at %d times", len(due))
		}
		s.told(1)
	})
}

// told counts the events mail.blocked of the hub itself, and looks that the
// receiver stands nowhere in words.
func (s *shop) told(n int) {
	s.t.Helper()
	found := 0
	for _, e := range s.events(store.EventFilter{Type: "mail.blocked"}) {
		if e.Account == engawa.SourceHub {
			found++
			if !strings.Contains(string(e.Data), `"receiver":"customer.example"`) {
				s.t.Errorf("the event says %s", e.Data)
			}
		}
	}
	if found != n {
		s.t.Errorf("%d events, want %d", found, n)
	}
	db := storetest.Open(s.t, s.url)
	for table := range tablesOf(s.t, db, s.Lite()) {
		for _, row := range query(s.t, db, `SELECT * FROM `+table) {
			if line := strings.Join(row, " "); strings.Contains(line, "customer.example") {
				s.t.Errorf("%s has the receiver in words: %s", table, line)
			}
		}
	}
}

// TestBreakerElse: another way to go is taken at once, and what the hub hears of a
// mail alone, of a recipient or of another domain opens nothing.
func TestBreakerElse(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.Breaker = breaker.Rules{After: 2, Within: time.Hour, Pause: time.Hour, Most: time.Hour}
		s.customer("cus_1")
		l := s.hold("node", mailbox)
		for i, said := range []breaker.Said{breaker.Unfit, breaker.Unclear, breaker.Refused, breaker.Accepted, breaker.Refused, breaker.Refused} {
			m := s.message("cus_1")
			s.send(m)
			going := s.mails(l)
			if len(going) != 1 {
				t.Fatalf("%d: %d go", i, len(going))
			}
			res := refused(going[0])
			if said == breaker.Accepted {
				res = accepted(going[0])
			}
			res.Heard = answered(going[0].Delivery.ID, "customer.example", said)
			_, err := s.Record(ctx, l, []store.Result{res})
			s.must(err)
			if got := s.states(m.ID); said != breaker.Accepted && got != "[failed queued]" {
				t.Errorf("%d: deliveries are %s: the next account has its turn", i, got)
			}
		}
		if r := s.receiver(); r.State != breaker.Open || r.Waiting != 0 {
			t.Errorf("it is %q, %d wait", r.State, r.Waiting)
		}
	})
}

// TestBreakerReturns: refusals that come back by mail open the pair too, and the
// first of those that say distrust asks a person at once.
func TestBreakerReturns(t *testing.T) {
	each(t, func(s *shop) {
		s.Breaker = breaker.Rules{After: 2, Within: time.Hour, Pause: time.Hour, Most: time.Hour}
		s.customer("cus_1")
		for i := range 2 {
			_, delivery := s.handed()
			for range 2 { // it comes twice, and counts once
				_, err := s.TakeReturn(s.t.Context(), distrusted(delivery, time.Now()))
				s.must(err)
			}
			if n := s.blockedTasks("open"); n != 1 {
				t.Errorf("after %d: %d tasks", i+1, n)
			}
			if open := s.receiver().State == breaker.Open; open != (i == 1) {
				t.Errorf("after %d it is open: %v", i+1, open)
			}
		}
		s.told(1)
	})
}

// distrusted is a refusal of a delivery that comes back by mail. Each report counts once.
func distrusted(delivery string, at time.Time) store.Return {
	b := back(delivery, "", at)
	b.Suppress, b.After, b.Event.Type = "", 0, "mail.blocked"
	b.Heard = refusal(delivery, "customer.example")
	b.Heard.At, b.Heard.Asks = at, true
	return b
}

// handOver is a mail that a submission server takes; it may come back.
func (s *shop) handOver(l store.Lane, c *store.Claimed, at time.Time) {
	s.t.Helper()
	ok := accepted(c)
	ok.Heard = answered(c.Delivery.ID, "customer.example", breaker.Accepted)
	ok.Heard.Proved, ok.Heard.At = false, at
	_, err := s.Record(s.t.Context(), l, []store.Result{ok})
	s.must(err)
}

// TestBreakerLate: a submission server takes all, and the receiver's refusals come
// back an hour later. They open the pair although later mails were taken; the probe
// closes it for the time being, and its own return opens it again: what goes then
// waits, there is one task, and the event says of one refusal. A report that says
// "delivered" ends it.
func TestBreakerLate(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.Breaker = breaker.Rules{After: 3, Within: time.Hour, Pause: time.Hour, Most: 8 * time.Hour}
		s.customer("cus_1")
		l := s.hold("node", mailbox)
		goes := func() *store.Claimed {
			s.t.Helper()
			s.send(s.alone())
			going := s.mails(l)
			if len(going) != 1 {
				s.t.Fatalf("%d go", len(going))
			}
			return going[0]
		}
		var sent []string
		start := time.Now().Add(-30 * time.Minute)
		for i := range 3 {
			c := goes()
			s.handOver(l, c, start.Add(time.Duration(i)*time.Minute))
			sent = append(sent, c.Delivery.ID)
		}
		for i, d := range sent {
			_, err := s.TakeReturn(ctx, distrusted(d, start.Add(time.Duration(10+i)*time.Minute)))
			s.must(err)
			if i < 2 {
				s.handOver(l, goes(), start.Add(time.Duration(10+i)*time.Minute+time.Second))
				s.tend()
			}
		}
		r := s.receiver()
		if r.State != breaker.Open || r.Openings != 1 {
			s.t.Fatalf("after three late returns it is %q, opened %d times", r.State, r.Openings)
		}
		s.must(s.TryReceiver(ctx, ws, r.ID))
		probe := goes()
		s.handOver(l, probe, time.Now().Add(-breaker.Settle-time.Second))
		s.tend()
		if rs, err := s.Receivers(ctx, ws); err != nil || len(rs) != 0 || s.blockedTasks("open") != 0 {
			s.t.Fatalf("two minutes after the probe was taken: %v, %v, %d tasks", rs, err, s.blockedTasks("open"))
		}
		s.handOver(l, goes(), time.Now())
		_, err := s.TakeReturn(ctx, distrusted(probe.Delivery.ID, time.Now()))
		s.must(err)
		if r = s.receiver(); r.State != breaker.Open || r.Openings != 2 || time.Until(r.Next) < 90*time.Minute {
			s.t.Errorf("when the probe came back it is %q, opened %d times, the next in %s", r.State, r.Openings, time.Until(r.Next))
		}
		if n := s.blockedTasks("open"); n != 1 {
			s.t.Errorf("%d tasks", n)
		}
		s.told(2)
		s.send(s.alone())
		if going := s.mails(l); len(going) != 0 || s.receiver().Waiting != 1 {
			s.t.Errorf("%d go, %d wait", len(going), s.receiver().Waiting)
		}
		s.must(s.TryReceiver(ctx, ws, r.ID))
		going := s.mails(l)
		if len(going) != 1 {
			s.t.Fatalf("%d go as the probe", len(going))
		}
		s.handOver(l, going[0], time.Now())
		arrived := distrusted(going[0].Delivery.ID, time.Now())
		arrived.State, arrived.Event.Type, arrived.Heard = engawa.Delivered, "mail.delivered", answered(going[0].Delivery.ID, "customer.example", breaker.Accepted)
		_, err = s.TakeReturn(ctx, arrived)
		s.must(err)
		if rs, err := s.Receivers(ctx, ws); err != nil || len(rs) != 0 || s.blockedTasks("open") != 0 {
			s.t.Errorf("after a proof: %v, %v, %d tasks", rs, err, s.blockedTasks("open"))
		}
	})
}

// TestBreakerKilled: the node that sent the probe dies before it hears an answer.
// After five minutes another mail is called, and it alone goes; what was lost is a
// person's to look for, and is not sent again.
func TestBreakerKilled(t *testing.T) {
	url := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		st, err := store.Open(context.Background(), url, vault.New(vault.Generate(time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		s := &shop{Store: st, t: t, url: url}
		s.furnish(ws, mailbox)
		s.customer("cus_1")
		s.Breaker.After = 1
		l := s.hold("dies", mailbox)
		for range 4 {
			s.send(s.alone())
		}
		going := s.mails(l)
		_, err = s.Record(t.Context(), l, []store.Result{refused(going[0])})
		s.must(err)
		_, err = s.Record(t.Context(), l, []store.Result{accepted(going[1]), accepted(going[2]), accepted(going[3])}) // under way when it opened
		s.must(err)
		for range 3 {
			s.send(s.alone())
		}
		_ = s.mails(l)
		next := s.tend()
		time.Sleep(time.Until(next))
		s.tend()
		probe := s.mails(l)
		if len(probe) != 1 {
			t.Fatalf("%d go as the probe", len(probe))
		}
		// Here the node dies. Another takes the lane.
		l2, held, err := s.Hold(t.Context(), "lives", s.lane(mailbox))
		s.must(err)
		if !held {
			t.Fatal("the lane is not free")
		}
		n, err := s.Recover(t.Context(), l2, func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Unknown, "unknown" }, nil)
		if err != nil || n != 1 {
			t.Fatalf("%d recovered, %v", n, err)
		}
		if again := s.mails(l2); len(again) != 0 || s.receiver().State != breaker.Probing {
			t.Fatalf("%d go while the probe may be heard of", len(again))
		}
		time.Sleep(breaker.ProbeFor + time.Second)
		s.tend() // gives it up
		time.Sleep(time.Second)
		s.tend() // calls another
		if again := s.mails(l2); len(again) != 1 || again[0].Delivery.ID == probe[0].Delivery.ID {
			t.Fatalf("%d go after the lost one", len(again))
		}
		if late, err := s.Record(t.Context(), l, []store.Result{refused(probe[0])}); late != 1 || err != nil || s.receiver().State != breaker.Probing {
			t.Errorf("the dead node's answer counts: late %d, %v, %q", late, err, s.receiver().State)
		}
	})
}

func (s *shop) tend() time.Time {
	s.t.Helper()
	next, err := s.TendBreakers(s.t.Context())
	s.must(err)
	return next
}

// TestBreakerFormat: a pair in a log line names no receiver.
func TestBreakerFormat(t *testing.T) {
	for _, v := range []any{store.Receiver{ID: "brk_1", Own: ownDomain, Domain: "tanaka.example"}, *refusal("d", "tanaka.example"), refusal("d", "tanaka.example")} {
		for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "tanaka") {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
}
