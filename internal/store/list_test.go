package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// TestTimes: a time reads as the instant that was written, to the microsecond,
// in UTC, wherever it came from; and none reads as none.
func TestTimes(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		for i, at := range []time.Time{
			time.Date(2026, 4, 1, 8, 59, 59, 123456789, tokyo), time.Date(1969, 7, 20, 20, 17, 40, 1000, time.UTC),
			time.Date(2199, 12, 31, 23, 59, 59, 999999999, time.FixedZone("", -12*3600)),
			{},
		} {
			want := at
			if !at.IsZero() {
				want = time.UnixMicro(at.UnixMicro()).UTC()
			}
			ev := event(fmt.Sprint(i))
			ev.OccurredAt = at
			_, err := s.Journal(ctx, []engawa.Event{ev})
			s.must(err)
			m := s.message("cus_1")
			m.NotBefore, m.ExpiresAt, m.CreatedAt = at, at, at
			d := store.NewDelivery(m, 0, time.Now())
			d.DueAt, d.DeadlineAt, d.HandedAt = at, at, at
			s.must(s.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{d}}}))
			c := consent("cus_1", true, at)
			s.must(s.Decide(ctx, c))
			_, err = s.SaveSubscription(ctx, engawa.Subscription{Workspace: ws, Customer: "cus_1", Product: fmt.Sprint(i), State: engawa.SubscriptionActive, StartsAt: at, EndsAt: at})
			s.must(err)

			read, err := s.Event(ctx, ws, ev.ID)
			s.must(err)
			said := s.said(m.ID)
			bs, err := s.Subscriptions(ctx, ws, "cus_1", store.Page{})
			s.must(err)
			b := bs[slices.IndexFunc(bs, func(b engawa.Subscription) bool { return b.Product == fmt.Sprint(i) })]
			cs := s.decisions("cus_1")
			kept := cs[slices.IndexFunc(cs, func(x engawa.Consent) bool { return x.ID == c.ID })]
			for name, got := range map[string]time.Time{
				"occurred": read.OccurredAt, "not before": said.Message.NotBefore, "expires": said.Message.ExpiresAt, "created": said.Message.CreatedAt,
				"due": said.Deliveries[0].DueAt, "deadline": said.Deliveries[0].DeadlineAt, "handed": said.Deliveries[0].HandedAt,
				"decided": kept.At, "starts": b.StartsAt, "ends": b.EndsAt,
			} {
				if got != want {
					s.t.Errorf("%s: %v reads as %v", name, at, got)
				}
			}
		}
	})
}

// list is one of the store's lists, newest first: add puts a new row in, page
// reads ids and where the next page begins.
type list struct {
	name string
	add  func(s *shop, i int, at time.Time) string
	page func(s *shop, p store.Page) ([]string, store.Page)
}

// ids collects what a page holds and its cursor.
func ids[T any](s *shop, rows []T, err error, of func(T) (string, time.Time)) (out []string, next store.Page) {
	s.must(err)
	for _, r := range rows {
		next.ID, next.At = of(r)
		out = append(out, next.ID)
	}
	return out, next
}

var lists = []list{
	{"events", func(s *shop, i int, at time.Time) string {
		ev := event(fmt.Sprint("paged ", i))
		ev.ReceivedAt = at
		_, err := s.Journal(s.t.Context(), []engawa.Event{ev})
		s.must(err)
		return ev.ID
	}, func(s *shop, p store.Page) ([]string, store.Page) {
		rows, err := s.Events(s.t.Context(), ws, store.EventFilter{}, p)
		return ids(s, rows, err, func(e engawa.Event) (string, time.Time) { return e.ID, time.Time{} })
	}},
	{"messages", func(s *shop, _ int, at time.Time) string {
		m := s.message("cus_1")
		m.CreatedAt = at
		s.send(m)
		return m.ID
	}, func(s *shop, p store.Page) ([]string, store.Page) {
		rows, err := s.Messages(s.t.Context(), ws, store.MessageFilter{Customer: "cus_1"}, p)
		return ids(s, rows, err, func(r store.MessageRow) (string, time.Time) { return r.Message.ID, r.Message.CreatedAt })
	}},
	{"customers", func(s *shop, i int, at time.Time) string {
		c := engawa.Customer{Workspace: ws, ID: fmt.Sprintf("cus_paged_%03d", i), Kind: "person", CreatedAt: at}
		s.must(s.AddCustomer(s.t.Context(), store.NewCustomer{Customer: c}))
		return c.ID
	}, func(s *shop, p store.Page) ([]string, store.Page) {
		rows, err := s.Customers(s.t.Context(), ws, p)
		return ids(s, rows, err, func(c engawa.Customer) (string, time.Time) { return c.ID, c.CreatedAt })
	}},
	{"audits", func(s *shop, i int, _ time.Time) string {
		s.must(s.Note(s.t.Context(), store.Audit{Workspace: ws, Actor: "key:1", Action: "look", Object: fmt.Sprint(i)}))
		as, err := s.Audits(s.t.Context(), ws, store.AuditFilter{}, store.Page{Limit: 200})
		s.must(err)
		return as[slices.IndexFunc(as, func(a store.Audit) bool { return a.Object == fmt.Sprint(i) })].ID
	}, func(s *shop, p store.Page) ([]string, store.Page) {
		rows, err := s.Audits(s.t.Context(), ws, store.AuditFilter{}, p)
		return ids(s, rows, err, func(a store.Audit) (string, time.Time) { return a.ID, time.Time{} })
	}},
	{"tasks", func(s *shop, i int, _ time.Time) string {
		s.must(s.Raise(s.t.Context(), engawa.Task{Workspace: ws, Kind: "k", Ref: fmt.Sprint(i)}))
		ks, err := s.Tasks(s.t.Context(), ws, 200)
		s.must(err)
		return ks[slices.IndexFunc(ks, func(k engawa.Task) bool { return k.Ref == fmt.Sprint(i) })].ID
	}, func(s *shop, p store.Page) ([]string, store.Page) {
		rows, err := s.TaskPage(s.t.Context(), ws, store.TaskFilter{State: "open"}, p)
		return ids(s, rows, err, func(k engawa.Task) (string, time.Time) { return k.ID, k.CreatedAt })
	}},
	{"subscriptions", func(s *shop, i int, _ time.Time) string {
		id, err := s.SaveSubscription(s.t.Context(), engawa.Subscription{Workspace: ws, Customer: "cus_1", Product: fmt.Sprint(i), State: engawa.SubscriptionActive})
		s.must(err)
		return id
	}, func(s *shop, p store.Page) ([]string, store.Page) {
		rows, err := s.Subscriptions(s.t.Context(), ws, "", p)
		return ids(s, rows, err, func(b engawa.Subscription) (string, time.Time) { return b.ID, time.Time{} })
	}},
}

// TestPages reads each list page by page while new rows come in, several of them
// made in the same microsecond: whatever was there at the start is shown once.
func TestPages(t *testing.T) {
	const rows = 45
	each(t, func(s *shop) {
		s.customer("cus_1")
		start := time.Now().Add(-time.Hour)
		for _, l := range lists {
			n, there := 0, []string{}
			for ; n < rows; n++ {
				there = append(there, l.add(s, n, start.Add(time.Duration(n/6)*time.Microsecond)))
			}
			seen := map[string]int{}
			p := store.Page{}
			for pages := 0; ; pages++ {
				p.Limit = 7
				var got []string
				got, p = l.page(s, p)
				for _, id := range got {
					seen[id]++
				}
				if len(got) < 7 || pages > rows {
					break
				}
				l.add(s, n, time.Now())
				n++
			}
			for _, id := range there {
				if seen[id] != 1 {
					s.t.Errorf("%s: %s is shown %d times", l.name, id, seen[id])
				}
			}
			if full, _ := l.page(s, store.Page{Limit: 1000}); len(full) > 200 || len(full) < rows {
				s.t.Errorf("%s: a page of %d", l.name, len(full))
			}
		}
	})
}
