package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// nodes are two nodes' stores on PostgreSQL; a SQLite file has one.
func (s *shop) nodes() [2]*store.Store {
	if s.Lite() {
		return [2]*store.Store{s.Store, s.Store}
	}
	return [2]*store.Store{s.Store, s.node()}
}

func (s *shop) lane(account string) store.Lane {
	s.t.Helper()
	l, err := s.Lane(s.t.Context(), ws, account)
	s.must(err)
	return l
}

// lost claims and beats, and wants to be told that the lane has another holder.
func (s *shop) lost(l store.Lane) {
	s.t.Helper()
	judge := func(c *store.Claimed) store.Decision { s.t.Errorf("asked about %s", c.Delivery.ID); return sendAll(c) }
	_, _, err := s.Claim(s.t.Context(), l, 10, store.Decide{Judge: judge, Pace: func() store.Pace { return store.Pace{TAT: time.Now()} }})
	if !errors.Is(err, store.ErrLaneLost) {
		s.t.Errorf("a claim of %s with fence %d: %v", l.Owner, l.Fence, err)
	}
	if err := s.Beat(s.t.Context(), l); !errors.Is(err, store.ErrLaneLost) {
		s.t.Errorf("a beat of %s with fence %d: %v", l.Owner, l.Fence, err)
	}
}

// TestHold: of those who reach for a lane one gets it, and while its beat moves
// nobody takes it.
func TestHold(t *testing.T) {
	each(t, func(s *shop) {
		ctx, nodes := s.t.Context(), s.nodes()
		for round := range 20 {
			seen := s.lane(mailbox)
			var all sync.WaitGroup
			won := make([]store.Lane, 8)
			for i := range won {
				all.Go(func() {
					l, held, err := nodes[i%2].Hold(ctx, fmt.Sprintf("node %d of round %d", i, round), seen)
					if err != nil {
						s.t.Error(err)
					}
					if held {
						won[i] = l
					}
				})
			}
			all.Wait()
			holders := 0
			for _, l := range won {
				if l.Owner != "" {
					holders++
				}
			}
			if now := s.lane(mailbox); holders != 1 || now.Fence != seen.Fence+1 || now.Owner == seen.Owner {
				s.t.Fatalf("round %d: %d holders; fence %d, then %d", round, holders, seen.Fence, now.Fence)
			}
		}
		holder := s.lane(mailbox)
		for range 5 {
			seen := s.lane(mailbox)
			s.must(s.Beat(ctx, holder))
			if _, held, err := s.Hold(ctx, "another", seen); held || err != nil {
				s.t.Fatalf("taken from one that beats: %v", err)
			}
		}
	})
}

// TestLateHolder: who lost the lane claims nothing, moves nothing, and what it
// says of a hand-over that it had begun is kept as evidence.
func TestLateHolder(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		done, begun, waiting := s.message("cus_1"), s.message("cus_1"), s.message("cus_1")
		s.send(done, begun)
		first := s.hold("first", mailbox)
		going := s.claim(first, 10, sendAll)
		if len(going) != 2 {
			s.t.Fatalf("%d go", len(going))
		}
		if going[0].Message.ID != done.ID {
			going[0], going[1] = going[1], going[0]
		}
		_, err := s.Record(ctx, first, []store.Result{accepted(going[0])})
		s.must(err)
		s.send(waiting)

		second := s.hold("second", mailbox)
		s.lost(first)
		if got := s.states(waiting.ID); got != "[queued]" {
			s.t.Errorf("the late claim left %s", got)
		}
		late, err := s.Record(ctx, first, []store.Result{accepted(going[1])})
		s.must(err)
		said := s.said(begun.ID)
		if late != 1 || said.Deliveries[0].State != engawa.Sending || said.Message.State != engawa.MessageWaiting {
			s.t.Errorf("the late result moved it: %d late, %+v", late, said.Deliveries[0])
		}
		if a := said.Attempts[0]; !a.Late || a.Outcome != engawa.OutcomeAccepted || a.Exchange.Response != "250" || a.Fence != first.Fence {
			s.t.Errorf("the evidence: %+v", a)
		}
		if s.said(done.ID).Attempts[0].Late {
			s.t.Error("what was recorded in time is late")
		}
		n, err := s.Recover(ctx, first, func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Retrying, "" }, nil)
		if n != 0 || err != nil && !errors.Is(err, store.ErrLaneLost) || s.states(begun.ID) != "[sending]" {
			s.t.Errorf("the late holder settled %d: %v", n, err)
		}
		if going := s.claim(second, 10, sendAll); len(going) != 1 || going[0].Message.ID != waiting.ID {
			s.t.Errorf("the new holder claims %d", len(going))
		}
		n, err = s.Recover(ctx, second, func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Retrying, "" }, nil)
		if n != 1 || err != nil || s.states(begun.ID) != "[retrying]" {
			s.t.Errorf("the new holder settled %d, %s: %v", n, s.states(begun.ID), err)
		}
	})
}

// TestUnderWay: what one claim let go is named until the last of it is recorded.
func TestUnderWay(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.send(s.message("cus_1"), s.message("cus_1"), s.message("cus_1"))
		lane := s.hold("first", mailbox)
		going := append(s.claim(lane, 2, sendAll), s.claim(lane, 2, sendAll)...)
		if len(going) != 3 {
			s.t.Fatalf("%d go", len(going))
		}
		db := storetest.Open(s.t, s.url)
		for _, step := range []struct {
			recorded   []int
			open, rows string
		}{{nil, "3", "2"}, {[]int{0, 2}, "1", "1"}, {[]int{1}, "0", "0"}} {
			var rs []store.Result
			for _, i := range step.recorded {
				rs = append(rs, accepted(going[i]))
			}
			_, err := s.Record(s.t.Context(), lane, rs)
			s.must(err)
			n, err := s.Sending(s.t.Context(), ws, mailbox)
			s.must(err)
			if rows := query(s.t, db, `SELECT count(*) FROM handover`); fmt.Sprint(n) != step.open || rows[0][0] != step.rows {
				s.t.Errorf("%v recorded: %d open in %s handovers, not %s in %s", step.recorded, n, rows[0][0], step.open, step.rows)
			}
		}
	})
}

// TestFirstOfTwo: a delivery may be the first of a claim while what an earlier
// claim let go with it is still under way.
func TestFirstOfTwo(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.send(s.message("cus_1"), s.message("cus_1"))
		lane := s.hold("first", mailbox)
		going := s.claim(lane, 2, sendAll)
		again := accepted(going[0])
		again.Outcome, again.State, again.DueAt = engawa.OutcomeRetry, engawa.Retrying, time.Now()
		_, err := s.Record(s.t.Context(), lane, []store.Result{again})
		s.must(err)
		if second := s.claim(lane, 2, sendAll); len(second) != 1 || second[0].Delivery.ID != going[0].Delivery.ID {
			s.t.Errorf("claimed again: %v", second)
		}
		if n, err := s.Sending(s.t.Context(), ws, mailbox); n != 2 || err != nil {
			s.t.Errorf("%d are under way, not 2: %v", n, err)
		}
	})
}

// TestRecover: a new holder settles each hand-over that the one before left
// open, once, as judged: tried again, or a task for a person.
func TestRecover(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		again, ask := s.message("cus_1"), s.message("cus_1")
		s.send(again, ask)
		s.claim(s.hold("first", mailbox), 10, sendAll)
		second := s.hold("second", mailbox)
		if n, err := s.Sending(ctx, ws, mailbox); n != 2 || err != nil {
			s.t.Errorf("%d open: %v", n, err)
		}
		judge := func(d engawa.Delivery) (engawa.DeliveryState, string) {
			if d.Key == "" || d.KeyAt.IsZero() || d.HandedAt.IsZero() || d.Attempts != 1 {
				s.t.Errorf("to be judged: %+v", d)
			}
			if d.Message == again.ID {
				return engawa.Retrying, "interrupted"
			}
			return engawa.Unknown, "unknown"
		}
		for _, want := range []int{2, 0} {
			if n, err := s.Recover(ctx, second, judge, nil); n != want || err != nil {
				s.t.Errorf("%d settled, not %d: %v", n, want, err)
			}
		}
		for id, want := range map[string]struct {
			delivery string
			message  engawa.MessageState
		}{again.ID: {"[retrying]", engawa.MessageWaiting}, ask.ID: {"[unknown]", engawa.MessageUnknown}} {
			said := s.said(id)
			if got := s.states(id); got != want.delivery || said.Message.State != want.message {
				s.t.Errorf("%s: %s, %s", id, got, said.Message.State)
			}
			if a := said.Attempts[0]; a.Outcome != engawa.OutcomeUnknown || a.EndedAt.IsZero() {
				s.t.Errorf("%s: attempt %+v", id, a)
			}
		}
		tasks, err := s.Tasks(ctx, ws, 10)
		if err != nil || len(tasks) != 1 || tasks[0].Kind != "delivery.unknown" {
			s.t.Errorf("tasks %+v: %v", tasks, err)
		}
		second2 := s.claim(second, 10, sendAll)
		if len(second2) != 1 || !second2[0].Delivery.Doubt || second2[0].Delivery.Attempts != 2 || second2[0].Delivery.Key != s.said(again.ID).Attempts[0].Key {
			s.t.Errorf("tried again with %+v", second2)
		}
		// The holder's own open hand-overs are not another's.
		if n, err := s.Recover(ctx, second, judge, nil); n != 0 || err != nil {
			s.t.Errorf("%d of its own settled: %v", n, err)
		}
		s.must(s.Resolve(ctx, ws, s.said(ask.ID).Deliveries[0].ID, true))
		if got := s.said(ask.ID).Message.State; got != engawa.MessageSent {
			s.t.Errorf("after a person's word: %s", got)
		}
	})
}

// TestRecoverAsks: what a person is asked about a hand-over without an end may
// depend on what its message says.
func TestRecoverAsks(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.customer("cus_2")
		one, two := s.message("cus_1"), s.message("cus_2")
		one.Content.Text, two.Content.Text = "first", "second"
		s.send(one, two)
		s.claim(s.hold("first", mailbox), 10, sendAll)
		judge := func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Unknown, "unknown" }
		ask := func(c *store.Claimed) engawa.Task {
			return engawa.Task{Workspace: ws, Kind: "k.unknown", Ref: c.Message.ID, Args: map[string]string{"message": c.Message.ID, "said": c.Message.Content.Text}}
		}
		if n, err := s.Recover(ctx, s.hold("second", mailbox), judge, ask); n != 2 || err != nil {
			s.t.Errorf("%d settled: %v", n, err)
		}
		tasks, err := s.Tasks(ctx, ws, 10)
		s.must(err)
		said := map[string]string{}
		for _, k := range tasks {
			said[k.Kind+" "+k.Ref] = k.Args["said"]
		}
		want := map[string]string{"k.unknown " + one.ID: "first", "k.unknown " + two.ID: "second"}
		if !maps.Equal(said, want) || s.said(one.ID).Message.State != engawa.MessageUnknown {
			s.t.Errorf("asked %v; the message is %s", said, s.said(one.ID).Message.State)
		}
	})
}

// TestPace: how far the account's limits are used goes with the lane from holder
// to holder, whether it was given back or taken.
func TestPace(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		tat := time.Now().Add(7 * time.Second).UTC().Truncate(time.Microsecond)
		pace := store.Pace{TAT: tat, Limits: map[string]json.RawMessage{"room": json.RawMessage(`{"tat":1}`), "token": json.RawMessage(`{"ring":[1,2]}`)}}
		same := func(when string, got store.Pace) {
			s.t.Helper()
			if !got.TAT.Equal(tat) || len(got.Limits) != 2 || string(got.Limits["token"]) != `{"ring":[1,2]}` || string(got.Limits["room"]) != `{"tat":1}` {
				s.t.Errorf("%s: %v %s", when, got.TAT, got.Limits)
			}
		}
		first := s.hold("first", mailbox)
		_, _, err := s.Claim(ctx, first, 10, store.Decide{Judge: sendAll, Pace: func() store.Pace { return pace }})
		s.must(err)
		second := s.hold("second", mailbox) // taken
		same("taken", second.Pace)
		s.must(s.Beat(ctx, second))
		same("after a beat", s.lane(mailbox).Pace)

		tat = tat.Add(time.Second)
		second.Pace.TAT = tat
		s.must(s.Release(ctx, second))
		back := s.lane(mailbox)
		if back.Owner != "" {
			s.t.Errorf("given back, and %q has it", back.Owner)
		}
		same("given back", back.Pace)
		third, held, err := s.Hold(ctx, "third", store.Lane{Workspace: ws, Account: mailbox})
		if !held || err != nil || third.Fence != second.Fence+1 {
			s.t.Fatalf("not free at once: %v %v", held, err)
		}
		same("the next holder", third.Pace)

		second.Pace.TAT = time.Time{}
		s.must(s.Release(ctx, second)) // comes late
		if now := s.lane(mailbox); now.Owner != "third" {
			s.t.Errorf("who lost the lane gave it away: %q", now.Owner)
		}
		same("after a late release", s.lane(mailbox).Pace)
		if other := s.lane(room).Pace; !other.TAT.IsZero() || len(other.Limits) != 0 {
			s.t.Errorf("another lane: %+v", other)
		}
	})
}

// TestPause: a paused lane claims nothing, keeps its holder, and goes on when
// it is let.
func TestPause(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.send(s.message("cus_1"))
		l := s.hold("first", mailbox)
		until := time.Now().Add(time.Hour)
		s.must(s.Pause(ctx, ws, mailbox, until, "closed"))
		going, end, err := s.Claim(ctx, l, 10, store.Decide{Judge: sendAll, Pace: func() store.Pace { return l.Pace }})
		if err != nil || len(going) != 0 || end.PausedUntil.UnixMicro() != until.UnixMicro() {
			s.t.Errorf("paused: %d go, until %v, %v", len(going), end.PausedUntil, err)
		}
		if got := s.lane(mailbox); got.PauseCode != "closed" || got.Owner != "first" {
			s.t.Errorf("the lane: %+v", got)
		}
		s.must(s.Pause(ctx, ws, mailbox, time.Time{}, ""))
		if going := s.claim(l, 10, sendAll); len(going) != 1 {
			s.t.Errorf("let go on: %d go", len(going))
		}
	})
}

// TestRepair: an account that was changed is tried again at once, and a refusal
// of what it was before says nothing of it.
func TestRepair(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.send(s.message("cus_1"))
		l := s.hold("first", mailbox)
		s.must(s.Pause(ctx, ws, mailbox, time.Now().Add(time.Hour), "401"))
		a, err := s.Account(ctx, ws, mailbox)
		s.must(err)
		s.must(s.ChangeAccount(ctx, a))
		going := s.claim(l, 10, sendAll)
		if len(going) != 1 {
			s.t.Fatalf("after the repair %d go", len(going))
		}
		refused := store.Result{
			Claimed: going[0], EndedAt: time.Now(), Outcome: engawa.OutcomeRetry, State: engawa.Retrying, DueAt: time.Now().Add(time.Minute), Code: "401",
			PauseUntil: time.Now().Add(time.Hour), PauseCode: "401", Refused: a.Version,
			Task: &engawa.Task{Workspace: ws, Kind: "account.closed", Ref: mailbox, DueAt: time.Now()},
		}
		tasks := func() int {
			all, err := s.Tasks(ctx, ws, 10)
			s.must(err)
			return len(all)
		}
		_, err = s.Record(ctx, l, []store.Result{refused})
		s.must(err)
		if got := s.lane(mailbox); !got.PausedUntil.IsZero() || tasks() != 0 {
			s.t.Errorf("a refusal of what it was: %+v, %d tasks", got, tasks())
		}
	})
}

// TestHandOver: two nodes take the lane from each other again and again while
// both claim and record; each message is handed over as often as attempts say,
// and accepted once.
func TestHandOver(t *testing.T) {
	each(t, func(s *shop) {
		const messages = 60
		var ids []string
		for i := range messages {
			if i%20 == 0 {
				s.customer(fmt.Sprint("cus_", i))
			}
			m := s.message(fmt.Sprint("cus_", i/20*20))
			ids = append(ids, m.ID)
			s.send(m)
		}
		var all sync.WaitGroup
		for i, st := range s.nodes() {
			all.Go(func() { s.grab(st, fmt.Sprint("node ", i)) })
		}
		all.Wait()
		for _, id := range ids {
			said := s.said(id)
			if said.Message.State != engawa.MessageSent {
				s.t.Errorf("%s is %s", id, said.Message.State)
			}
			inTime, fence := 0, int64(0)
			for _, a := range said.Attempts {
				if a.Outcome == engawa.OutcomeAccepted && !a.Late {
					inTime++
				}
				if a.Fence < fence {
					s.t.Errorf("%s: an attempt of holder %d after one of %d", id, a.Fence, fence)
				}
				fence = a.Fence
			}
			if inTime != 1 || len(said.Attempts) != said.Deliveries[0].Attempts {
				s.t.Errorf("%s: accepted %d times, %d attempts", id, inTime, len(said.Attempts))
			}
		}
	})
}

// grab takes the lane whoever has it, sends a little, and lets it be taken,
// until nothing is left to do.
func (s *shop) grab(st *store.Store, name string) {
	ctx := s.t.Context()
	for range 4_000 { // two may take it from each other many times before one gets to its end
		seen, err := st.Lane(ctx, ws, mailbox)
		if err != nil {
			s.t.Error(err)
			return
		}
		l, held, err := st.Hold(ctx, name, seen)
		if err != nil {
			s.t.Error(err)
			return
		}
		if !held {
			continue
		}
		if left, err := s.turn(st, l); err != nil && !errors.Is(err, store.ErrLaneLost) {
			s.t.Error(err)
			return
		} else if err == nil && left == 0 {
			return
		}
	}
	s.t.Errorf("%s did not come to an end", name)
}

// turn is what a holder does: settle what the one before left, claim, record.
// It returns what is left to do.
func (s *shop) turn(st *store.Store, l store.Lane) (left int, err error) {
	ctx := s.t.Context()
	if _, err := st.Recover(ctx, l, func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Retrying, "" }, nil); err != nil {
		return 0, err
	}
	going, _, err := st.Claim(ctx, l, 5, store.Decide{Judge: sendAll, Pace: func() store.Pace { return l.Pace }})
	if err != nil {
		return 0, err
	}
	var rs []store.Result
	for _, c := range going {
		rs = append(rs, accepted(c))
	}
	late, err := st.Record(ctx, l, rs)
	return len(going) + late, err
}
