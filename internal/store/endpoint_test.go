package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// endpoint stores a webhook called id that takes contract.*.
func (s *shop) endpoint(id string) {
	s.t.Helper()
	now := time.Now()
	s.must(s.AddEndpoint(s.t.Context(),
		engawa.Account{Workspace: ws, ID: "acc_" + id, Kind: "webhook", Name: id, Enabled: true, Settings: map[string]string{"url": "https://a.example/x"}, CreatedAt: now},
		engawa.Destination{Workspace: ws, ID: "dst_" + id, Name: id, Account: "acc_" + id, Address: engawa.Address(id), CreatedAt: now},
		engawa.Route{
			Workspace: ws, ID: "rte_" + id, Name: id, Enabled: true, Events: []string{"contract.*"}, UpdatedAt: now,
			Then: []engawa.Step{{To: "dst_" + id, Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_" + id}}}},
		}))
}

// hand makes a message about an event for an endpoint, with one attempt that
// ended so, begun at a time.
func (s *shop) hand(endpoint, event string, outcome engawa.AttemptOutcome, begun time.Time) {
	s.t.Helper()
	m := engawa.Message{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixMessage), Event: event, Destination: "dst_" + endpoint, Purpose: engawa.Service, State: engawa.MessageWaiting,
		Content: engawa.Content{Text: "x"}, Chain: []engawa.Via{{Account: "acc_" + endpoint}}, CreatedAt: begun,
	}
	n := news(m)
	d := &n[0].Deliveries[0]
	d.Key, d.State, d.Attempts = "key of "+event, engawa.Accepted, 1
	n[0].Attempts = []engawa.Attempt{{Workspace: ws, Delivery: d.ID, N: 1, Key: d.Key, StartedAt: begun, EndedAt: begun.Add(time.Second), Outcome: outcome, Code: "500", Exchange: engawa.Exchange{Request: "POST", Response: "500"}}}
	s.must(s.Enqueue(s.t.Context(), n))
}

// TestEndpointAllOrNothing: the three are there together, or none is.
func TestEndpointAllOrNothing(t *testing.T) {
	each(t, func(s *shop) {
		s.endpoint("a")
		err := s.AddEndpoint(s.t.Context(), engawa.Account{Workspace: ws, ID: "acc_b", Kind: "webhook"},
			engawa.Destination{Workspace: ws, ID: "dst_a", Account: "acc_b"}, engawa.Route{Workspace: ws, ID: "rte_b"})
		if err == nil {
			s.t.Error("a second destination of the same id was stored")
		}
		if _, err := s.Account(s.t.Context(), ws, "acc_b"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("its account stayed: %v", err)
		}
	})
}

// TestEndEndpoint: account, place and route are gone, what waits is canceled; a
// route that leads elsewhere too keeps it.
func TestEndEndpoint(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.endpoint("a")
		s.endpoint("b")
		m := engawa.Message{
			Workspace: ws, ID: "msg_waits", Destination: "dst_a", Purpose: engawa.Service, State: engawa.MessageWaiting,
			Content: engawa.Content{Text: "x"}, Chain: []engawa.Via{{Account: "acc_a"}}, CreatedAt: time.Now(),
		}
		s.must(s.Enqueue(ctx, news(m)))
		s.must(s.EndEndpoint(ctx, ws, "webhook", "acc_a"))
		said, err := s.Message(ctx, ws, "msg_waits")
		if err != nil || said.Message.State != engawa.MessageCanceled || said.Deliveries[0].State != engawa.Canceled {
			s.t.Errorf("what waited: %v %v, %v", said.Message.State, said.Deliveries, err)
		}
		if _, err := s.Account(ctx, ws, "acc_a"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("the account: %v", err)
		}
		rs, err := s.Routes(ctx, ws)
		if err != nil || len(rs) != 1 || rs[0].ID != "rte_b" {
			s.t.Errorf("routes %v, %v", rs, err)
		}
		for name, again := range map[string]string{"twice": "acc_a", "of another kind": room} {
			if err := s.EndEndpoint(ctx, ws, "webhook", again); code(err) != engawa.CodeNotFound {
				s.t.Errorf("%s: %v", name, err)
			}
		}
		both := rs[0]
		both.Then = append(both.Then, engawa.Step{To: "dst_b", Via: []engawa.Via{{Account: room}}})
		s.must(s.SaveRoute(ctx, both))
		if err := s.EndEndpoint(ctx, ws, "webhook", "acc_b"); code(err) != engawa.CodeConflict {
			s.t.Errorf("with a route that leads elsewhere too: %v", err)
		}
	})
}

// TestFailing: from the first failure after the last success, and not before what
// was answered for, to the last failure.
func TestFailing(t *testing.T) {
	each(t, func(s *shop) {
		s.endpoint("a")
		s.endpoint("b")
		now := time.Now().Truncate(time.Microsecond).UTC()
		day := func(n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }
		holds := func(name string, after, first, last time.Time) {
			s.t.Helper()
			from, to, err := s.Failing(s.t.Context(), ws, "acc_a", after)
			s.must(err)
			if !from.Equal(first) || !to.Equal(last) {
				s.t.Errorf("%s: failing from %s to %s, not from %s to %s", name, from, to, first, last)
			}
		}
		never := time.Time{}
		holds("without an attempt", day(10), never, never)
		s.hand("a", "", engawa.OutcomeRetry, day(9))
		s.hand("a", "", engawa.OutcomeAccepted, day(8))
		s.hand("b", "", engawa.OutcomeAccepted, day(1)) // another's success says nothing
		holds("after a success", day(10), never, never)
		for n, o := range map[int]engawa.AttemptOutcome{6: engawa.OutcomeUnknown, 5: engawa.OutcomeFailed, 2: engawa.OutcomeRetry} {
			s.hand("a", "", o, day(n))
		}
		holds("after failures", day(10), day(6), day(2))
		holds("after it was switched on again", day(3), day(2), day(2))
	})
}

// TestTries: newest first, filtered, in pages, with what was said.
func TestTries(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.endpoint("a")
		now := time.Now()
		ev := event("tried")
		_, err := s.Journal(ctx, []engawa.Event{ev})
		s.must(err)
		for n, o := range []engawa.AttemptOutcome{engawa.OutcomeRetry, engawa.OutcomeAccepted, engawa.OutcomeRetry} {
			s.hand("a", ev.ID, o, now.Add(time.Duration(n)*time.Minute))
		}
		all, err := s.Tries(ctx, ws, "acc_a", store.TriedFilter{}, store.Page{})
		if err != nil || len(all) != 3 || all[0].Attempt.StartedAt.Before(all[2].Attempt.StartedAt) || all[0].EventType != ev.Type || all[0].Attempt.Exchange.Response != "500" {
			s.t.Errorf("%+v, %v", all, err)
		}
		for f, want := range map[store.TriedFilter]int{{Outcome: engawa.OutcomeRetry}: 2, {Event: ev.ID}: 3, {Event: "evt_other"}: 0} {
			if got, err := s.Tries(ctx, ws, "acc_a", f, store.Page{}); err != nil || len(got) != want {
				s.t.Errorf("%+v: %d, %v", f, len(got), err)
			}
		}
	})
}

// TestReplays: one at a time to an endpoint, taken by one node, stopped for good.
func TestReplays(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.endpoint("a")
		now := time.Now()
		for n := range 3 {
			ev := event(fmt.Sprint("past ", n))
			ev.ReceivedAt = now.Add(time.Duration(n-2) * time.Hour)
			_, err := s.Journal(ctx, []engawa.Event{ev})
			s.must(err)
		}
		r := engawa.Replay{Workspace: ws, ID: "rpl_1", Account: "acc_a", From: now.Add(-90 * time.Minute), To: now.Add(time.Minute), PerSecond: 1, CreatedAt: now}
		r, err := s.AddReplay(ctx, r)
		if err != nil || r.Events != 2 {
			s.t.Fatalf("%d events, %v", r.Events, err)
		}
		second := r
		second.ID = "rpl_2"
		if _, err := s.AddReplay(ctx, second); code(err) != engawa.CodeConflict {
			s.t.Errorf("a second one: %v", err)
		}
		first, err := s.DueReplays(ctx)
		s.must(err)
		again, err := s.DueReplays(ctx)
		if err != nil || len(first) != 1 || len(again) != 0 {
			s.t.Errorf("taken by %d and %d nodes, %v", len(first), len(again), err)
		}
		evs, err := s.EventsBetween(ctx, ws, "", r.From, r.To, 1)
		if err != nil || len(evs) != 1 {
			s.t.Fatalf("%d events, %v", len(evs), err)
		}
		rest, err := s.EventsBetween(ctx, ws, evs[0].ID, r.From, r.To, 10)
		if err != nil || len(rest) != 1 {
			s.t.Errorf("%d more events, %v", len(rest), err)
		}
		s.must(s.StopReplay(ctx, ws, r.ID))
		m := s.message("")
		m.Customer, m.Destination, m.Event = "", "dst_1", evs[0].ID
		if took, err := s.StepReplay(ctx, first[0], store.ReplayStep{Looked: 1, Done: true, Next: now, Messages: news(m)}); err != nil || took {
			s.t.Errorf("a step of what was stopped: %t, %v", took, err)
		}
		if ms, err := s.Messages(ctx, ws, store.MessageFilter{Event: evs[0].ID}, store.Page{}); err != nil || len(ms) != 0 {
			s.t.Errorf("%d messages of what was stopped, %v", len(ms), err)
		}
		if got, err := s.Replay(ctx, ws, r.ID); err != nil || got.State != engawa.ReplayStopped || got.Looked != 0 || got.EndedAt.IsZero() {
			s.t.Errorf("stopped while a step was under way: %+v, %v", got, err)
		}
		if err := s.StopReplay(ctx, ws, r.ID); code(err) != engawa.CodeNotFound {
			s.t.Errorf("stopped twice: %v", err)
		}
		second.CreatedAt = now.Add(time.Second)
		if _, err := s.AddReplay(ctx, second); err != nil {
			s.t.Errorf("the next one: %v", err)
		}
	})
}

// TestKeysOf: the first key of an event on the account counts.
func TestKeysOf(t *testing.T) {
	each(t, func(s *shop) {
		s.endpoint("a")
		s.endpoint("b")
		s.hand("a", "evt_1", engawa.OutcomeAccepted, time.Now())
		s.hand("b", "evt_2", engawa.OutcomeAccepted, time.Now())
		got, err := s.KeysOf(s.t.Context(), ws, "acc_a", []string{"evt_1", "evt_2", "evt_3"}, nil)
		if err != nil || len(got) != 1 || got["evt_1"] != "key of evt_1" {
			s.t.Errorf("%v, %v", got, err)
		}
	})
}
