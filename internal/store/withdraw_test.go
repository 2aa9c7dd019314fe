package store_test

import (
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// withdrawal is a way in which somebody says: no more of this.
type withdrawal struct {
	name string
	// make prepares what is to be withdrawn, called id, and says how a message
	// looks that it concerns.
	make func(s *shop, id string, m *engawa.Message)
	do   func(s *shop, st *store.Store, id string) error
	seen func(store.Known) bool
}

// partnered has a partner called id send, by a grant.
func partnered(s *shop, id string, m *engawa.Message) {
	s.must(s.AddPartner(s.t.Context(), engawa.Partner{Workspace: ws, ID: "ptn_" + id, Name: "みどり農園", CreatedAt: time.Now()}))
	s.must(s.AddGrant(s.t.Context(), engawa.Grant{Workspace: ws, ID: "grt_" + id, Partner: "ptn_" + id, Scopes: []string{"messages:send"}, StartsAt: time.Now().Add(-time.Hour)}))
	m.Partner = "ptn_" + id
}

func broadcast(s *shop, id string, m *engawa.Message) {
	s.must(s.AddBroadcast(s.t.Context(), engawa.Broadcast{Workspace: ws, ID: "brd_" + id, Name: "春のお知らせ", CreatedAt: time.Now()}))
	m.Broadcast = "brd_" + id
}

func staff(s *shop, id string, m *engawa.Message) {
	s.must(s.AddDestination(s.t.Context(), engawa.Destination{Workspace: ws, ID: "dst_" + id, Name: "店長", Account: room, Address: engawa.Address(id), CreatedAt: time.Now()}))
	m.Customer, m.Destination = "", "dst_"+id
}

// boughtBy has the store tell of a subscription that ends, which the message asks
// about.
func boughtBy(s *shop, id string, m *engawa.Message) {
	ps, err := s.Hear(s.t.Context(), ws, []store.Heard{toldOf(id, false)})
	s.must(err)
	m.While = engawa.While{Holds: engawa.WhileRenewalOff, Purchase: ps[0].ID}
}

func toldOf(customer string, renews bool) store.Heard {
	return store.Heard{Workspace: ws, Account: room, Original: "bought by " + customer, Whose: []engawa.Identity{member(customer)}, Fold: func([]byte) (engawa.Purchase, error) {
		return engawa.Purchase{Kind: "auto_renewable_subscription", State: "active", Renews: renews, Facts: []byte(`{}`)}, nil
	}}
}

func nothing(*shop, string, *engawa.Message) {}

func stopped(k store.Known) bool { return k.Facts.Stopped }

func noContact(k store.Known) bool { return k.Facts.Contact == nil && k.To == "" }

func suppressed(k store.Known) bool { return len(k.Facts.Suppressions) == 1 }

var withdrawals = []withdrawal{
	{"consent", nothing, func(s *shop, st *store.Store, id string) error {
		return st.Decide(s.t.Context(), consent(id, false, time.Now()))
	}, func(k store.Known) bool {
		cs := k.Facts.Consents
		return len(cs) > 0 && !cs[len(cs)-1].Given
	}},
	{"address suppressed", nothing, func(s *shop, st *store.Store, id string) error {
		return st.Suppress(s.t.Context(), engawa.Suppression{Workspace: ws, Channel: "mail", Address: address(id), Reason: "complained", At: time.Now()})
	}, suppressed},
	{"staff place suppressed", staff, func(s *shop, st *store.Store, id string) error {
		return st.Suppress(s.t.Context(), engawa.Suppression{Workspace: ws, Channel: "destination", Address: engawa.Address(id), Reason: "operator", At: time.Now()})
	}, suppressed},
	{"staff place ended", staff, func(s *shop, st *store.Store, id string) error {
		return st.EndDestination(s.t.Context(), ws, "dst_"+id)
	}, noContact},
	{"contact point ended", nothing, func(s *shop, st *store.Store, id string) error {
		return st.EndContactPoint(s.t.Context(), ws, id, "cp_"+id)
	}, noContact},
	{"relationship blocked", nothing, func(s *shop, st *store.Store, id string) error {
		return st.Relate(s.t.Context(), ws, mailbox, "cp_"+id, "blocked")
	}, func(k store.Known) bool { return k.Facts.Relationship.State == "blocked" }},
	{"broadcast stopped", broadcast, func(s *shop, st *store.Store, id string) error {
		return st.StopBroadcast(s.t.Context(), ws, "brd_"+id)
	}, stopped},
	{"grant ended", partnered, func(s *shop, st *store.Store, id string) error {
		return st.EndGrant(s.t.Context(), ws, "grt_"+id)
	}, func(k store.Known) bool { return k.Facts.Grant != nil && !k.Facts.Grant.EndedAt.IsZero() }},
	{"customer found to be a minor", nothing, func(s *shop, st *store.Store, id string) error {
		_, err := st.ChangeCustomer(s.t.Context(), ws, id, func(c *engawa.Customer) { c.Minor = true })
		return err
	}, func(k store.Known) bool { return k.Facts.Minor }},
	{"customer erased", nothing, func(s *shop, st *store.Store, id string) error {
		_, err := st.Erase(s.t.Context(), ws, id)
		return err
	}, func(k store.Known) bool { return k.Facts.Erased }},
	{"renewal switched on again", boughtBy, func(s *shop, st *store.Store, id string) error {
		_, err := st.Hear(s.t.Context(), ws, []store.Heard{toldOf(id, true)})
		return err
	}, func(k store.Known) bool { return len(k.Purchases) == 1 && k.Purchases[0].Renews }},
	{"bought anew", boughtBy, func(s *shop, st *store.Store, id string) error {
		h := toldOf(id, true)
		h.Original = "another of " + id
		_, err := st.Hear(s.t.Context(), ws, []store.Heard{h})
		return err
	}, func(k store.Known) bool { return len(k.Purchases) == 2 }},
	{"account switched off", nothing, func(s *shop, st *store.Store, _ string) error {
		a, err := st.Account(s.t.Context(), ws, mailbox)
		if err != nil {
			return err
		}
		a.Enabled = false
		return st.ChangeAccount(s.t.Context(), a)
	}, stopped},
}

// unless lets go what does not show the withdrawal.
func (w withdrawal) unless(c *store.Claimed) store.Decision {
	if w.seen(c.Known) {
		return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse, Decided: engawa.GateConsent}}
	}
	return sendAll(c)
}

// target makes a customer and what the withdrawal needs, and returns a maker of
// messages that it concerns.
func (s *shop) target(w withdrawal, id string) func() engawa.Message {
	s.t.Helper()
	s.customer(id)
	var like engawa.Message
	like.Customer = id
	w.make(s, id, &like)
	return func() engawa.Message {
		m := s.message(like.Customer)
		m.Destination, m.Partner, m.Broadcast, m.While = like.Destination, like.Partner, like.Broadcast, like.While
		m.Chain = m.Chain[:1]
		return m
	}
}

// TestWithdrawalWaits begins each withdrawal while a claim is looking at what
// is not yet withdrawn: it must not be over before the claim is. The claim after
// it sees it, also for what was handed over and is to be tried again.
func TestWithdrawalWaits(t *testing.T) {
	each(t, func(s *shop) {
		nodes, lane := s.nodes(), s.hold("first", mailbox)
		for i, w := range withdrawals {
			id := fmt.Sprint("cus_", i)
			next := s.target(w, id)
			before, after := next(), next()
			after.CreatedAt = before.CreatedAt.Add(time.Microsecond)
			s.send(before, after)
			done := make(chan error, 1)
			going := s.claim(lane, 1, func(c *store.Claimed) store.Decision {
				go func() { done <- w.do(s, nodes[1], id) }()
				s.untilBlocked(w.name, done)
				return w.unless(c)
			})
			if len(going) != 1 || going[0].Message.ID != before.ID {
				s.t.Fatalf("%s: %d go at first", w.name, len(going))
			}
			s.must(<-done)
			_, err := s.Record(s.t.Context(), lane, []store.Result{{
				Claimed: going[0], EndedAt: time.Now(), Outcome: engawa.OutcomeRetry, State: engawa.Retrying, DueAt: time.Now(),
			}})
			s.must(err)
			if going := s.claim(lane, 10, w.unless); len(going) != 0 {
				s.t.Errorf("%s: %d go after it", w.name, len(going))
			}
			for _, m := range []engawa.Message{before, after} {
				if got := s.states(m.ID); got != "[refused]" && got != "[canceled]" {
					s.t.Errorf("%s: %s after it", w.name, got)
				}
			}
		}
	})
}

// untilBlocked returns when the withdrawal waits for the claim, and complains
// if it is over instead. On SQLite there is one writer: what has not ended soon
// waits for its turn.
func (s *shop) untilBlocked(name string, done chan error) {
	var blocked func() bool
	if s.Lite() {
		soon := time.Now().Add(2 * time.Millisecond)
		blocked = func() bool { return time.Now().After(soon) }
	} else {
		db := storetest.Open(s.t, s.url)
		defer db.Close()
		blocked = func() bool { return s.waiting(db) > 0 }
	}
	for deadline := time.Now().Add(10 * time.Second); !blocked(); {
		select {
		case err := <-done:
			s.t.Errorf("%s: over while a claim goes by what was before it (%v)", name, err)
			done <- err
			return
		default:
		}
		if time.Now().After(deadline) {
			s.t.Errorf("%s: neither over nor waiting", name)
			return
		}
	}
}

// waiting counts the locks of this database that somebody waits for.
func (s *shop) waiting(db *sql.DB) (n int) {
	err := db.QueryRowContext(s.t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE NOT l.granted AND a.datname = current_database()`).Scan(&n)
	if err != nil {
		s.t.Error(err)
	}
	return n
}

// races of TestWithdrawalRaces: make soak asks for many.
var races = flag.Int("races", 144, "how many races TestWithdrawalRaces has on each engine")

// TestWithdrawalRaces has messages come in, be claimed and be recorded while
// each withdrawal happens at a moment of its own, many times: from its commit on
// no claim goes by what was before it, and none that did commits after it.
func TestWithdrawalRaces(t *testing.T) {
	kinds := withdrawals[:len(withdrawals)-1] // an account is switched off once
	each(t, func(s *shop) {
		nodes, lane := s.nodes(), s.hold("first", mailbox)
		for n := range *races {
			s.race(kinds[n%len(kinds)], fmt.Sprint("cus_", n), nodes, lane)
		}
		fmt.Printf("%d races of a withdrawal against what is sent\n", *races)
	})
}

func (s *shop) race(w withdrawal, id string, nodes [2]*store.Store, lane store.Lane) {
	next := s.target(w, id)
	s.send(next(), next())
	var over atomic.Bool
	var sides sync.WaitGroup
	sides.Go(func() { // messages come in
		for range 4 {
			if err := nodes[0].Enqueue(s.t.Context(), news(next())); err != nil && !(w.name == "customer erased" && code(err) == engawa.CodeConflict) {
				s.t.Errorf("%s: %v", w.name, err)
			}
		}
	})
	sides.Go(func() {
		for range rand.IntN(20) {
			nodes[1].Ping(s.t.Context()) // lets some time pass
		}
		if err := w.do(s, nodes[1], id); err != nil {
			s.t.Errorf("%s: %v", w.name, err)
		}
		over.Store(true)
	})
	for last := false; !last; {
		last = over.Load()
		s.claimAndRecord(w, lane, &over)
	}
	sides.Wait()
	s.claimAndRecord(w, lane, &over)
	if going := s.claim(lane, 100, w.unless); len(going) != 0 {
		s.t.Errorf("%s: %d go after it", w.name, len(going))
	}
}

// claimAndRecord claims two and records one of them as sent and one as to be
// tried again at once.
func (s *shop) claimAndRecord(w withdrawal, lane store.Lane, over *atomic.Bool) {
	old := 0
	judge := func(c *store.Claimed) store.Decision {
		d := w.unless(c)
		if d.Verdict.Outcome == engawa.Send {
			old++
		}
		return d
	}
	pace := func() store.Pace { // all is judged and written, and not committed
		if old > 0 && over.Load() {
			s.t.Errorf("%s: over before a claim that goes by what was before it", w.name)
		}
		return lane.Pace
	}
	going, _, err := s.Claim(s.t.Context(), lane, 2, store.Decide{Judge: judge, Pace: pace})
	if err != nil {
		s.t.Fatal(err)
	}
	var rs []store.Result
	for i, c := range going {
		r := accepted(c)
		if i == 1 {
			r.Outcome, r.State, r.DueAt = engawa.OutcomeRetry, engawa.Retrying, time.Now()
		}
		rs = append(rs, r)
	}
	if _, err := s.Record(s.t.Context(), lane, rs); err != nil {
		s.t.Fatal(err)
	}
}

// TestCancelRaces cancels messages while they are claimed: each was either
// handed over or canceled, and both sides know which.
func TestCancelRaces(t *testing.T) {
	each(t, func(s *shop) {
		nodes, lane := s.nodes(), s.hold("first", mailbox)
		s.customer("cus_1")
		for range 30 {
			ms := []engawa.Message{s.message("cus_1"), s.message("cus_1"), s.message("cus_1")}
			s.send(ms...)
			canceled := make([]bool, len(ms))
			var all sync.WaitGroup
			for i, m := range ms {
				all.Go(func() {
					err := nodes[1].Cancel(s.t.Context(), ws, m.ID)
					if canceled[i] = err == nil; err != nil && code(err) != engawa.CodeConflict {
						s.t.Error(err)
					}
				})
			}
			going := s.claim(lane, 10, sendAll)
			all.Wait()
			going = append(going, s.claim(lane, 10, sendAll)...)
			for i, m := range ms {
				handed := slices.ContainsFunc(going, func(c *store.Claimed) bool { return c.Message.ID == m.ID })
				want := "[sending]"
				if canceled[i] {
					want = "[canceled]"
				}
				if got := s.states(m.ID); handed == canceled[i] || got != want {
					s.t.Fatalf("canceled: %v, handed over: %v, %s", canceled[i], handed, got)
				}
			}
		}
	})
}

// TestRecordBesideClaims records that addresses are gone and an account is closed
// while two lanes claim for the same customers: they wait for each other in turn,
// never in a circle.
func TestRecordBesideClaims(t *testing.T) {
	each(t, func(s *shop) {
		nodes := s.nodes()
		for _, id := range []string{"cus_1", "cus_2", "cus_3"} {
			s.customer(id)
		}
		first, second := s.hold("first", mailbox), s.hold("second", room)
		for range 25 {
			for _, id := range []string{"cus_3", "cus_1", "cus_2"} {
				m := s.message(id)
				m.Chain = m.Chain[:1]
				s.send(m)
			}
			var rs []store.Result
			for _, c := range s.claim(first, 3, sendAll) {
				r := accepted(c)
				r.Outcome, r.State, r.PauseUntil = engawa.OutcomeFailed, engawa.Failed, time.Now()
				r.Suppress = &engawa.Suppression{Workspace: ws, Channel: "mail", Address: c.Known.To, Customer: c.Message.Customer, Reason: "bounced", At: time.Now(), Until: time.Now()}
				rs = append(rs, r)
			}
			for _, account := range []string{mailbox, room} {
				for _, id := range []string{"cus_1", "cus_2", "cus_3"} {
					m := s.message(id)
					m.Chain = []engawa.Via{{Account: account}}
					s.send(m)
				}
			}
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := nodes[0].Record(s.t.Context(), first, rs); err != nil {
					s.t.Error(err)
				}
			})
			for _, lane := range []store.Lane{first, second} {
				all.Go(func() {
					if _, _, err := nodes[1].Claim(s.t.Context(), lane, 10, store.Decide{Judge: sendAll, Pace: func() store.Pace { return lane.Pace }}); err != nil {
						s.t.Error(err)
					}
				})
			}
			all.Wait()
		}
	})
}

// TestCountsWait has two lanes claim at the same moment, for one customer and
// for one partner's quota: the second waits, and counts what the first lets go.
func TestCountsWait(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.customer("cus_2")
		s.must(s.AddPartner(s.t.Context(), engawa.Partner{Workspace: ws, ID: "ptn_1", CreatedAt: time.Now()}))
		s.must(s.AddGrant(s.t.Context(), engawa.Grant{Workspace: ws, ID: "grt_1", Partner: "ptn_1", QuotaDay: 5, StartsAt: time.Now().Add(-time.Minute)}))
		first, second := s.hold("first", mailbox), s.hold("second", room)

		byMail, byRoom := s.message("cus_1"), s.message("cus_1")
		if f := s.twoLanes(first, second, byMail, byRoom); f.SentDay != 1 || f.SentSender != 1 {
			s.t.Errorf("the second counts %d messages to the customer", f.SentDay)
		}
		byMail, byRoom = s.message("cus_1"), s.message("cus_2")
		byMail.Partner, byRoom.Partner = "ptn_1", "ptn_1"
		if f := s.twoLanes(first, second, byMail, byRoom); f.Grant.ID != "grt_1" || f.Grant.UsedDay != 1 || f.Grant.UsedMonth != 1 {
			s.t.Errorf("the second counts %+v", f.Grant)
		}
	})
}

// twoLanes claims byRoom while byMail is being judged, and returns the facts of
// byRoom.
func (s *shop) twoLanes(first, second store.Lane, byMail, byRoom engawa.Message) (f engawa.Facts) {
	s.t.Helper()
	byRoom.Chain = []engawa.Via{{Account: room}}
	s.send(byMail, byRoom)
	other, done := s.nodes()[1], make(chan error, 1)
	s.claim(first, 1, func(c *store.Claimed) store.Decision {
		go func() {
			_, _, err := other.Claim(s.t.Context(), second, 1, store.Decide{Judge: func(c *store.Claimed) store.Decision {
				f = c.Known.Facts
				return sendAll(c)
			}, Pace: func() store.Pace { return second.Pace }})
			done <- err
		}()
		s.untilBlocked("a second claim", done)
		return sendAll(c)
	})
	s.must(<-done)
	return f
}
