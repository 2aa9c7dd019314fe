package store_test

import (
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// TestGapComesWithIt: what was told of contracts and the task about it are kept both or
// neither, and no task where nothing is fresh.
func TestGapComesWithIt(t *testing.T) {
	each(t, func(s *shop) {
		ctx := t.Context()
		hear := func(about string) (int, []engawa.Event, []engawa.Task) {
			t.Helper()
			fresh, err := s.HearContracts(ctx, ws, mailbox, []store.Contracted{told(ws, mailbox, "sb_1")}, func(int) engawa.Task {
				return engawa.Task{Workspace: ws, Kind: "smaregi.gap", Ref: mailbox, Customer: about}
			})
			if (err != nil) != (about != "") {
				t.Fatal(err)
			}
			evs, err := s.Events(ctx, ws, store.EventFilter{Type: "app.subscription.started"}, store.Page{Limit: 10})
			s.must(err)
			ks, err := s.Tasks(ctx, ws, 10)
			s.must(err)
			return fresh, evs, ks
		}
		for n, c := range []struct {
			about              string // a customer of whom no task can be
			fresh, events, now int
		}{{"cus_nobody", 0, 0, 0}, {"", 1, 1, 1}, {"", 0, 1, 1}} {
			fresh, evs, ks := hear(c.about)
			if fresh != c.fresh || len(evs) != c.events || len(ks) != c.now || len(ks) > 0 && ks[0].Count != 1 {
				t.Errorf("%d: %d fresh, %d events, %+v", n, fresh, len(evs), ks)
			}
		}
	})
}
