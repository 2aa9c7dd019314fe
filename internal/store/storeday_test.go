package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// counted are a store's days in short, but for those before from.
func (s *shop) counted(from string) (out []string) {
	s.t.Helper()
	days, err := s.StoreDays(s.t.Context(), ws, from)
	s.must(err)
	for _, d := range days {
		out = append(out, fmt.Sprintf("%s %s %s %d", d.Day, d.What, d.Product, d.N))
	}
	slices.Sort(out)
	return out
}

// TestStoreDays: what a store tells is counted once, on the day on which it
// happened where the business is; who has access is counted as the store says,
// and not any more who was erased. Counted anew the notifications are the same, and
// who has access counts from when it was bought.
func TestStoreDays(t *testing.T) {
	each(t, func(s *shop) {
		at := time.Date(2026, 3, 1, 14, 59, 0, 0, time.UTC) // 23:59 in Tokyo
		var evs []engawa.Event
		for i, e := range []struct {
			typ, account, product string
			at                    time.Time
		}{
			{"store.did_renew", room, "a", at},
			{"store.did_renew", room, "a", at.Add(time.Minute)},
			{"store.did_renew", room, "a", at},
			{"store.refund", room, "b", at},
			{"store.test", room, "", at},
			{"payment.recurring.failed", room, "a", at},
			{"store.refund", engawa.SourceAPI, "b", at},
		} {
			evs = append(evs, engawa.Event{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: e.account, Type: e.typ, DedupKey: fmt.Sprint(i), OccurredAt: e.at, ReceivedAt: at,
				Data: fmt.Appendf(nil, `{"product_id":%q}`, e.product),
			})
		}
		for range 2 { // the store says everything twice
			_, err := s.Journal(s.t.Context(), evs)
			s.must(err)
		}
		state := func(customer, product string, state engawa.PurchaseState, days int) {
			s.t.Helper()
			_, err := s.Hear(s.t.Context(), ws, []store.Heard{{
				Workspace: ws, Account: room, Original: "bought by " + customer, Whose: []engawa.Identity{member(customer)},
				Fold: func([]byte) (engawa.Purchase, error) {
					bought := map[string]time.Time{"cus_3": at.AddDate(0, 0, -2)}[customer] // long before it was heard of
					if bought.IsZero() {
						bought = at
					}
					return engawa.Purchase{Kind: "auto_renewable_subscription", State: state, Product: product, Facts: []byte(`{}`), BoughtAt: bought, HeardAt: at.AddDate(0, 0, days)}, nil
				},
			}})
			s.must(err)
		}
		for _, c := range []string{"cus_1", "cus_2", "cus_3"} {
			s.customer(c)
			state(c, "a", "active", 0)
		}
		state("cus_1", "a", "billing_grace_period", 1) // as before
		state("cus_1", "b", "active", 2)               // another plan
		state("cus_2", "a", "expired", 3)
		want := []string{
			"2026-03-01 active a 3", "2026-03-01 store.did_renew a 2", "2026-03-01 store.refund b 1", "2026-03-01 store.test  1", "2026-03-02 store.did_renew a 1",
			"2026-03-03 active a 2", "2026-03-03 active b 1", "2026-03-04 active a 1",
		}
		if got := s.counted("2026-03-01"); !slices.Equal(got, append([]string{"2026-02-27 active a 1"}, want...)) {
			s.t.Errorf("%q\nwant %q", got, want)
		}
		if got := s.counted("2026-03-04"); !slices.Equal(got, []string{"2026-03-03 active a 2", "2026-03-03 active b 1", "2026-03-04 active a 1"}) {
			s.t.Errorf("from the fourth: %q", got)
		}
		_, err := s.Erase(s.t.Context(), ws, "cus_3")
		s.must(err)
		if got := s.counted("2026-03-04"); !slices.Contains(got, time.Now().In(zoneOf(s.t, "Asia/Tokyo")).Format("2006-01-02")+" active a 0") {
			s.t.Errorf("after an erasure: %q", got)
		}
		_, err = s.RecountDays(s.t.Context(), ws)
		s.must(err)
		want = []string{"2026-03-01 active b 1", "2026-03-01 store.did_renew a 2", "2026-03-01 store.refund b 1", "2026-03-01 store.test  1", "2026-03-02 store.did_renew a 1"}
		if got := s.counted("2026-03-01"); !slices.Equal(got, want) {
			s.t.Errorf("counted anew: %q\nwant %q", got, want)
		}
	})
}

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
