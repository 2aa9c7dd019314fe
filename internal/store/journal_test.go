package store_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

func event(dedup string) engawa.Event {
	now := time.Now()
	return engawa.Event{
		Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "contract.terminated", DedupKey: dedup,
		Subject: "contract:456", OccurredAt: now, ReceivedAt: now, Data: []byte(`{"plan":"月額"}`), Raw: []byte("raw \x00 bytes"), Known: true,
	}
}

func (s *shop) events(f store.EventFilter) []engawa.Event {
	s.t.Helper()
	evs, err := s.Events(s.t.Context(), ws, f, store.Page{Limit: 200})
	s.must(err)
	return evs
}

// TestJournalOnce: of many callers with the same event, on two nodes where the
// engine allows, one is told that it was fresh, and all get the same id.
func TestJournalOnce(t *testing.T) {
	each(t, func(s *shop) {
		nodes := []*store.Store{s.Store, s.Store}
		if !s.Lite() {
			nodes[1] = s.node()
		}
		const callers, keys = 16, 40
		var all sync.WaitGroup
		answers := make([][]store.Journaled, callers)
		for i := range callers {
			all.Go(func() {
				var evs []engawa.Event
				for k := range keys {
					evs = append(evs, event(fmt.Sprint("key ", k)))
				}
				if i%2 == 1 {
					slices.Reverse(evs) // the other way round: no two may wait for each other
				}
				js, err := nodes[i%2].Journal(s.t.Context(), evs)
				if err != nil {
					s.t.Error(err)
					return
				}
				if i%2 == 1 {
					slices.Reverse(js)
				}
				answers[i] = js
			})
		}
		all.Wait()
		if s.t.Failed() {
			return
		}
		for k := range keys {
			fresh := 0
			for i := range callers {
				if answers[i][k].Fresh {
					fresh++
				}
				if answers[i][k].ID != answers[0][k].ID {
					s.t.Errorf("key %d has ids %s and %s", k, answers[i][k].ID, answers[0][k].ID)
				}
			}
			if fresh != 1 {
				s.t.Errorf("key %d was fresh %d times", k, fresh)
			}
		}
		if n := len(s.events(store.EventFilter{})); n != keys {
			s.t.Errorf("%d events are kept, not %d", n, keys)
		}
	})
}

// TestJournalBatch: a batch is kept as a whole or not at all, a repetition in it
// is no trouble, and neighbours that share its commit are not hurt.
func TestJournalBatch(t *testing.T) {
	each(t, func(s *shop) {
		bad := event("bad")
		bad.Subject = "NUL \x00"
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := s.Journal(s.t.Context(), []engawa.Event{event(fmt.Sprint("good ", i))}); err != nil {
					s.t.Error(err)
				}
			})
		}
		_, err := s.Journal(s.t.Context(), []engawa.Event{event("before"), bad, event("behind")})
		all.Wait()
		if code(err) != engawa.CodeInvalid {
			s.t.Errorf("with a text that cannot be stored: %v", err)
		}
		js, err := s.Journal(s.t.Context(), []engawa.Event{event("twice"), event("twice"), event("once")})
		s.must(err)
		if !js[0].Fresh || js[1].Fresh || js[0].ID != js[1].ID || !js[2].Fresh {
			s.t.Errorf("a repetition in one batch: %+v", js)
		}
		var kept []string
		for _, e := range s.events(store.EventFilter{}) {
			kept = append(kept, strings.Fields(e.DedupKey)[0])
		}
		slices.Sort(kept)
		if got := slices.Compact(slices.Clone(kept)); len(kept) != 22 || !slices.Equal(got, []string{"good", "once", "twice"}) {
			s.t.Errorf("kept: %v", kept)
		}
	})
}

// TestJournalKeeps: an event reads as it was written, is unrouted in the order
// received, and causes its messages once however often it is routed.
func TestJournalKeeps(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		first, second := event("first"), event("second")
		first.Identities = []engawa.Identity{member("cus_1")}
		first.Actor, first.Links = engawa.Actor{Type: "customer", ID: "123"}, map[string]string{"contract": "https://shop.example/c/456"}
		first.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		second.Data = []byte(`{"actor":"admin"}`)
		second.ReceivedAt = first.ReceivedAt.Add(-time.Second) // came before, was committed later
		_, err := s.Journal(s.t.Context(), []engawa.Event{first, second})
		s.must(err)
		got, err := s.Event(s.t.Context(), ws, first.ID)
		s.must(err)
		if got.Customer != "cus_1" || string(got.Data) != string(first.Data) || string(got.Raw) != string(first.Raw) || got.Trace != first.Trace || got.Subject != first.Subject ||
			got.Actor != first.Actor || !maps.Equal(got.Links, first.Links) {
			s.t.Errorf("reads as %+v", got)
		}
		if said, err := s.Event(s.t.Context(), ws, second.ID); err != nil || said.Actor != (engawa.Actor{Type: "admin"}) {
			s.t.Errorf("what the data say of who caused it reads as %+v, %v", said.Actor, err)
		}
		waiting, err := s.Unrouted(s.t.Context(), 10)
		s.must(err)
		if len(waiting) != 2 || waiting[0].ID != second.ID || waiting[1].ID != first.ID {
			s.t.Errorf("unrouted: %v", waiting)
		}
		var all sync.WaitGroup
		for range 8 {
			m := s.message("cus_1")
			m.Event = first.ID
			all.Go(func() {
				if err := s.Route(s.t.Context(), []store.Routed{{Workspace: ws, Event: first.ID, Messages: news(m)}}); err != nil {
					s.t.Error(err)
				}
			})
		}
		all.Wait()
		rows, err := s.Messages(s.t.Context(), ws, store.MessageFilter{Event: first.ID}, store.Page{})
		s.must(err)
		if len(rows) != 1 {
			s.t.Errorf("eight routings made %d messages", len(rows))
		}
	})
}

// TestEventTypes: a group matches its own types only, and no filter matches all,
// whatever language the types are in.
func TestEventTypes(t *testing.T) {
	each(t, func(s *shop) {
		for _, typ := range []string{"payment.failed", "payment.recurring.failed", "payments.x", "payment", "payment-x.y", "Payment.failed", "契約.終了"} {
			e := event(typ)
			e.Type = typ
			_, err := s.Journal(s.t.Context(), []engawa.Event{e})
			s.must(err)
		}
		for filter, want := range map[string]int{"payment.*": 2, "payment.failed": 1, "payment": 1, "*": 7, "": 7, "契約.*": 1} {
			if got := s.events(store.EventFilter{Type: filter}); len(got) != want {
				s.t.Errorf("%q matches %d, not %d", filter, len(got), want)
			}
		}
	})
}
