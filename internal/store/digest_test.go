package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// gather journals events and routes each into a digest.
func (s *shop) gather(g store.Gathered, dedups ...string) {
	s.t.Helper()
	g.Route, g.Version = "rte_1", 1
	for _, dedup := range dedups {
		ev := event(dedup)
		ev.ID = "evt_" + dedup
		_, err := s.Journal(s.t.Context(), []engawa.Event{ev})
		s.must(err)
		s.must(s.Route(s.t.Context(), []store.Routed{{Workspace: ws, Event: ev.ID, Gathered: []store.Gathered{g}}}))
	}
}

func (s *shop) dueDigests() (ds []store.Digest, events string) {
	s.t.Helper()
	ds, err := s.DueDigests(s.t.Context(), 10)
	s.must(err)
	for _, d := range ds {
		events += fmt.Sprint(len(d.Events), " ")
	}
	return ds, events
}

// TestDigest: events gather until their time is over or they are many, apart where
// they differ; each digest is told of once, and not while events still come in.
func TestDigest(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		hour := store.Gathered{Within: time.Hour, Count: 3}
		s.gather(hour, "a", "b")
		if _, events := s.dueDigests(); events != "" {
			s.t.Fatalf("due before the time: %s", events)
		}
		next, ok, err := s.NextDigest(ctx)
		s.must(err)
		if wait := time.Until(next); !ok || wait < 59*time.Minute || wait > time.Hour {
			s.t.Errorf("next in %s", wait)
		}
		other := hour
		other.By = "another cause"
		s.gather(other, "c")
		s.gather(hour, "d")
		ds, events := s.dueDigests()
		if events != "3 " || ds[0].Events[0].ID != "evt_a" || ds[0].Events[2].ID != "evt_d" || string(ds[0].Events[0].Data) == "" {
			s.t.Fatalf("due: %s %+v", events, ds)
		}

		s.gather(hour, "e") // comes in behind the look
		if told, err := s.Tell(ctx, ds[0], nil); told || err != nil {
			s.t.Fatalf("told of a digest that has grown: %v", err)
		}
		ds, _ = s.dueDigests()
		m := s.message("")
		m.Customer, m.Destination = "", "dst_1"
		var all sync.WaitGroup
		told := make([]bool, 4)
		nodes := s.nodes()
		for i := range told {
			all.Go(func() {
				var err error
				n := m
				n.ID = fmt.Sprint(m.ID, "_", i)
				if told[i], err = nodes[i%2].Tell(ctx, ds[0], news(n)); err != nil {
					s.t.Error(err)
				}
			})
		}
		all.Wait()
		first := 0
		for _, ok := range told {
			if ok {
				first++
			}
		}
		rows, err := s.Messages(ctx, ws, store.MessageFilter{}, store.Page{})
		s.must(err)
		if first != 1 || len(rows) != 1 {
			s.t.Errorf("told of %d times, with %d messages", first, len(rows))
		}
		s.gather(hour, "f") // begins the next one
		if _, events := s.dueDigests(); events != "" {
			s.t.Errorf("due: %s", events)
		}
	})
}

// TestDigestOnce: an event that is routed again goes into no digest twice.
func TestDigestOnce(t *testing.T) {
	each(t, func(s *shop) {
		g := store.Gathered{Route: "rte_1", Version: 1, Count: 9}
		s.gather(g, "a")
		s.must(s.Route(s.t.Context(), []store.Routed{{Workspace: ws, Event: "evt_a", Gathered: []store.Gathered{g}}}))
		if _, events := s.dueDigests(); events != "1 " {
			s.t.Errorf("due: %s", events)
		}
	})
}

// TestCause: events with a mark in common go into one digest where Kin agrees,
// which is due with as many types as are expected; they find one another, and no
// more when their customer is erased.
func TestCause(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		all := map[string]engawa.Event{}
		tell := func(dedup, typ, mark string) {
			ev := event(dedup)
			ev.ID, ev.Type, ev.Customer, ev.OccurredAt = "evt_"+dedup, typ, "cus_1", time.Now()
			all[dedup] = ev
			_, err := s.Journal(ctx, []engawa.Event{ev})
			s.must(err)
			kin := func(other engawa.Event) bool { return other.Type != typ }
			s.must(s.Route(ctx, []store.Routed{{
				Workspace: ws, Event: ev.ID, Marks: []string{mark, "c.id=1"},
				Gathered: []store.Gathered{{Route: "rte_1", Version: 1, Within: time.Hour, Count: 2, Kin: kin}},
			}}))
		}
		tell("a", "payment.failed", "correlation=1")
		tell("b", "payment.failed", "correlation=2")
		if _, events := s.dueDigests(); events != "" {
			s.t.Fatalf("due: %s", events)
		}
		tell("c", "contract.suspended", "correlation=1")
		ds, events := s.dueDigests()
		if events != "2 " || ds[0].Events[0].ID != "evt_a" || ds[0].Events[1].ID != "evt_c" {
			s.t.Fatalf("due: %s %+v", events, ds)
		}
		m := s.message("")
		m.Customer, m.Destination, m.Event = "", "dst_1", "evt_a"
		told, err := s.Tell(ctx, ds[0], news(m))
		if s.must(err); !told {
			s.t.Fatal("not told")
		}
		evs, err := s.Gathered(ctx, ws, m.ID)
		if s.must(err); len(evs) != 2 || evs[1].ID != "evt_c" || len(evs[1].Data) == 0 {
			s.t.Errorf("told of %+v", evs)
		}
		if evs, err = s.Gathered(ctx, ws, "msg_other"); err != nil || len(evs) != 0 {
			s.t.Errorf("another message tells of %d: %v", len(evs), err)
		}
		rows, err := s.Messages(ctx, ws, store.MessageFilter{Event: "evt_c"}, store.Page{})
		if s.must(err); len(rows) != 1 || rows[0].Message.ID != m.ID {
			s.t.Errorf("evt_c is told of by %+v", rows)
		}
		tell("d", "contract.suspended", "correlation=2")
		if ds, events := s.dueDigests(); events != "2 " || ds[0].Events[0].ID != "evt_b" {
			s.t.Errorf("the digest that was told of took another: %s", events)
		}

		kin := func(other engawa.Event) bool { return other.ID != "evt_d" }
		if evs, err = s.OneCause(ctx, all["a"], time.Hour, kin); err != nil || len(evs) != 2 || evs[0].ID != "evt_b" || evs[1].ID != "evt_c" {
			s.t.Errorf("of one cause: %+v %v", evs, err)
		}
		far := all["a"]
		far.OccurredAt = far.OccurredAt.Add(-2 * time.Hour)
		if evs, err = s.OneCause(ctx, far, time.Hour, kin); err != nil || len(evs) != 0 {
			s.t.Errorf("two hours apart: %+v %v", evs, err)
		}
		if _, err := s.Erase(ctx, ws, "cus_1"); err != nil {
			s.t.Fatal(err)
		}
		if evs, err = s.OneCause(ctx, all["a"], time.Hour, kin); err != nil || len(evs) != 0 {
			s.t.Errorf("after the erasure: %d %v", len(evs), err)
		}
	})
}

// TestRouteVersions: who changed a route and when stays, with what it said.
func TestRouteVersions(t *testing.T) {
	each(t, func(s *shop) {
		first := time.Date(2026, 11, 23, 3, 4, 5, 6000, time.UTC)
		second := first.Add(25 * time.Hour)
		r := engawa.Route{Workspace: ws, ID: "rte_1", Name: "one", Events: []string{"a.*"}, UpdatedBy: "mem_1", UpdatedAt: first}
		s.must(s.SaveRoute(s.t.Context(), r))
		r.Version, r.Name, r.UpdatedBy, r.UpdatedAt = 1, "two", "key_1", second
		s.must(s.SaveRoute(s.t.Context(), r))
		rs, err := s.RouteVersions(s.t.Context(), ws, "rte_1")
		s.must(err)
		if len(rs) != 2 || rs[0].Version != 2 || rs[0].Name != "two" || rs[0].UpdatedBy != "key_1" || rs[1].Name != "one" || rs[1].UpdatedBy != "mem_1" || rs[1].Events[0] != "a.*" {
			s.t.Errorf("%+v", rs)
		}
		if !rs[0].UpdatedAt.Equal(second) || !rs[1].UpdatedAt.Equal(first) {
			s.t.Errorf("changed at %s and %s", rs[0].UpdatedAt, rs[1].UpdatedAt)
		}
		if _, err := s.RouteVersions(s.t.Context(), ws, "rte_2"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("of no route: %v", err)
		}
	})
}
