package message_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// past journals n events of each type, of amounts 0 … n-1, the odd ones of cus_1.
func (s *shop) past(n int, types ...string) {
	s.t.Helper()
	for _, typ := range types {
		evs := make([]engawa.Event, n)
		for i := range evs {
			now := time.Now()
			evs[i] = engawa.Event{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: typ, DedupKey: fmt.Sprint(typ, i),
				OccurredAt: now, ReceivedAt: now, Known: true, Data: fmt.Appendf(nil, `{"amount":%d}`, i),
			}
			if i%2 == 1 {
				evs[i].Customer = "cus_1"
			}
		}
		_, err := s.Store.Journal(s.t.Context(), evs)
		s.must(err)
	}
}

// TestTry: what a changed route would have done differs from what it did by
// exactly the events that are counted, and nothing is stored.
func TestTry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		s.past(100, "payment.recurring.failed", "contract.terminated")
		toRoom := engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_room"}}}
		toMail := engawa.Step{To: "dst_mail", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}
		toCustomer := engawa.Step{To: "customer", Purpose: engawa.Marketing, Via: []engawa.Via{{Account: "acc_mail"}}}
		digest := toRoom
		digest.Digest = &engawa.Digest{Within: time.Hour}
		payments := engawa.Route{Workspace: ws, ID: "rte_1", Name: "payments", Events: []string{"payment.*"}, Then: []engawa.Step{toRoom}}
		change := func(f func(*engawa.Route)) engawa.Route {
			r := payments
			f(&r)
			return r
		}
		for _, c := range []struct {
			name   string
			before *engawa.Route
			after  engawa.Route
			want   message.Trial
			rows   int
			sent   int // messages of the first row
		}{
			{"a new route", nil, payments, message.Trial{Looked: 200, After: 100, Added: 100}, 30, 1},
			{"the same again", &payments, payments, message.Trial{Looked: 200, Before: 100, After: 100}, 0, 0},
			{
				"fewer by a condition", &payments, change(func(r *engawa.Route) { r.Condition = "event.data.amount >= 90" }),
				message.Trial{Looked: 200, Before: 100, After: 10, Removed: 90},
				30, 0,
			},
			{
				"other events", &payments, change(func(r *engawa.Route) { r.Events = []string{"contract.*"} }),
				message.Trial{Looked: 200, Before: 100, After: 100, Added: 100, Removed: 100},
				30, 1,
			},
			{
				"another place", &payments, change(func(r *engawa.Route) { r.Then = []engawa.Step{toMail, toRoom} }),
				message.Trial{Looked: 200, Before: 100, After: 100, Changed: 100},
				30, 2,
			},
			{
				"a digest", &payments, change(func(r *engawa.Route) { r.Then = []engawa.Step{digest} }),
				message.Trial{Looked: 200, Before: 100, After: 100, Changed: 100},
				30, 1,
			},
			{
				"to customers, of whom nobody knows half", nil, change(func(r *engawa.Route) { r.Then = []engawa.Step{toCustomer} }),
				message.Trial{Looked: 200, After: 100, Added: 100},
				30, 1,
			},
			{
				"by the customer's country", nil, change(func(r *engawa.Route) { r.Condition = `customer.country == "JP"` }),
				message.Trial{Looked: 200, After: 50, Added: 50},
				30, 1,
			},
		} {
			got, err := s.Try(t.Context(), ws, c.before, c.after)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			rows := got.Rows
			got.Rows = nil
			if fmt.Sprint(got) != fmt.Sprint(c.want) || len(rows) != c.rows || c.rows > 0 && len(rows[0].Messages) != c.sent {
				t.Errorf("%s: %+v with %d rows, not %+v with %d", c.name, got, len(rows), c.want, c.rows)
			}
		}
		left, err := s.Store.Messages(t.Context(), ws, store.MessageFilter{}, store.Page{})
		if err != nil || len(left) != 0 {
			t.Errorf("%d messages are stored: %v", len(left), err)
		}
	})
}

// TestTryRefuses: a condition that cannot be read, or not be judged on what came,
// is told of.
func TestTryRefuses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		if _, err := s.Try(t.Context(), ws, nil, engawa.Route{Events: []string{"*"}, Condition: "event.data.amount >"}); err == nil {
			t.Error("tried")
		}
		s.past(3, "payment.recurring.failed")
		_, err := s.Try(t.Context(), ws, nil, engawa.Route{Events: []string{"*"}, Condition: "event.data.amount", Then: []engawa.Step{{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_room"}}}}})
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Field != "/condition" {
			t.Errorf("a number for an answer: %v", err)
		}
	})
}
