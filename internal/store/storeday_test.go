package store_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
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
// and not any more who was erased. Counted anew it is all the same.
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
		s.customer("cus_4")
		_, err = s.Hear(s.t.Context(), ws, []store.Heard{{
			Workspace: ws, Account: room, Original: "without a date", Whose: []engawa.Identity{member("cus_4")},
			Fold: func([]byte) (engawa.Purchase, error) {
				return engawa.Purchase{Kind: "auto_renewable_subscription", State: "active", Product: "a", Facts: []byte(`{}`), HeardAt: at}, nil
			},
		}})
		s.must(err)
		live := s.counted("2026-01-01")
		_, err = s.RecountDays(s.t.Context(), ws)
		s.must(err)
		if got := s.counted("2026-01-01"); !slices.Equal(got, live) {
			s.t.Errorf("counted anew: %q\nwant %q", got, live)
		}
	})
}

// TestRecountDays plays a month in which people subscribe, change plans, fail to pay,
// leave, get their money back and lose the family's share, and writes down each evening
// what the figures say. Counted anew every day says the same, row by row, though most
// have no access any more; and in another zone what its own days had.
func TestRecountDays(t *testing.T) {
	each(t, func(s *shop) {
		tokyo := zoneOf(s.t, "Asia/Tokyo")
		first := time.Date(2026, 3, 1, 0, 0, 0, 0, tokyo)
		var told []happened
		for day := range 30 {
			told = append(told, s.playDay(day, first.AddDate(0, 0, day))...)
			s.evening(told, first, day, tokyo)
			_, err := s.RecountDays(s.t.Context(), ws)
			s.must(err)
			s.evening(told, first, day, tokyo)
		}
		for _, zone := range []string{"Asia/Kathmandu", "Asia/Tokyo", "America/St_Johns"} {
			w, err := s.Workspace(s.t.Context(), ws)
			s.must(err)
			w.Zone = zone
			s.must(s.ChangeWorkspace(s.t.Context(), w))
			_, err = s.RecountDays(s.t.Context(), ws)
			s.must(err)
			s.evening(told, first, 29, zoneOf(s.t, zone))
		}
	})
}

// happened is what the figures must tell: n of what at a moment.
type happened struct {
	at            time.Time
	what, product string
	n             int
}

// playDay plays one day of a month, each thing at another hour of it, and returns
// what it adds to the figures. Who subscribed on day d changes plans on d+2, or fails
// to pay with a grace period on d+3; leaves, is refunded or loses the family's share
// on d+5, or is erased.
func (s *shop) playDay(day int, morning time.Time) (out []happened) {
	s.t.Helper()
	said := func(n int, hour time.Duration, state engawa.PurchaseState, product string, shared bool) {
		_, err := s.Hear(s.t.Context(), ws, []store.Heard{{
			Workspace: ws, Account: room, Original: fmt.Sprint("bought by ", n), Whose: []engawa.Identity{member(fmt.Sprint("cus_", n))},
			Fold: func([]byte) (engawa.Purchase, error) {
				at := morning.Add(hour)
				return engawa.Purchase{Kind: "auto_renewable_subscription", State: state, Product: product, Facts: fmt.Appendf(nil, `{"shared":%t}`, shared), BoughtAt: at, HeardAt: at}, nil
			},
		}})
		s.must(err)
	}
	s.customer(fmt.Sprint("cus_", day))
	early, late := 20*time.Minute, 23*time.Hour+40*time.Minute // two more days in most zones
	said(day, early, "active", "month", day%5 == 4)
	out = append(out, happened{morning.Add(early), engawa.DayActive, "month", 1})
	if n := day - 2; n >= 0 && n%5 == 0 {
		said(n, late, "active", "year", false)
		out = append(out, happened{morning.Add(late), engawa.DayActive, "month", -1}, happened{morning.Add(late), engawa.DayActive, "year", 1})
	}
	if n := day - 3; n >= 0 && n%5 == 1 {
		said(n, late, "billing_grace_period", "month", false)
	}
	if n := day - 5; n >= 0 {
		what := []struct {
			state        engawa.PurchaseState
			typ, product string
		}{
			{"expired", "store.expired.voluntary", "year"},
			{"billing_retry", "store.grace_period_expired", "month"},
			{"revoked", "store.refund", "month"},
			{"erased", "", "month"},
			{"revoked", "store.revoke", "month"},
		}[n%5]
		at := morning.Add(late)
		if what.state == "erased" {
			_, err := s.Erase(s.t.Context(), ws, fmt.Sprint("cus_", n))
			s.must(err)
			out = append(out, happened{time.Now(), engawa.DayActive, what.product, -1})
		} else {
			said(n, late, what.state, what.product, n%5 == 4)
			_, err := s.Journal(s.t.Context(), []engawa.Event{{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: room, Type: what.typ, Customer: fmt.Sprint("cus_", n), DedupKey: fmt.Sprint(n), OccurredAt: at, ReceivedAt: at,
				Data: fmt.Appendf(nil, `{"product_id":%q}`, what.product),
			}})
			s.must(err)
			out = append(out, happened{at, engawa.DayActive, what.product, -1}, happened{at, what.typ, what.product, 1})
		}
	}
	return out
}

// evening holds the figures since first against all that happened, by the days of a
// zone, and a day at most after the last.
func (s *shop) evening(told []happened, first time.Time, day int, zone *time.Location) {
	s.t.Helper()
	type key struct{ day, what, product string }
	sums := map[key]int{}
	for _, h := range told {
		sums[key{h.at.In(zone).Format(time.DateOnly), h.what, h.product}] += h.n
	}
	days := slices.SortedFunc(maps.Keys(sums), func(a, b key) int { return strings.Compare(a.day, b.day) })
	active := map[string]int{}
	var want []string
	for _, k := range days {
		n := sums[k]
		if k.what == engawa.DayActive {
			active[k.product] += n
			n = active[k.product]
		}
		want = append(want, fmt.Sprintf("%s %s %s %d", k.day, k.what, k.product, n))
	}
	slices.Sort(want)
	if got := s.counted(first.AddDate(0, 0, -2).Format(time.DateOnly)); !slices.Equal(got, want) {
		s.t.Fatalf("on day %d, %s: %q\nwant %q", day, zone, got, want)
	}
}

// TestQuartersOfBefore: days that were counted before there were quarters stay
// where they are when they are counted anew, also the day of what had no time.
func TestQuartersOfBefore(t *testing.T) {
	text, err := os.ReadFile("migrations/0037_quarters.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, fill, _ := strings.Cut(string(text), ");")
	each(t, func(s *shop) {
		db := storetest.Open(s.t, s.url)
		for _, day := range []string{"0001-01-01", "2024-02-29", "2025-12-31", "2026-01-01", "2026-03-01"} {
			for _, q := range []string{
				`INSERT INTO store_day (workspace, account, day, what, product, n) VALUES ('ws_1', 'acc_room', '` + day + `', 'store.refund', 'a', 2)`,
				`INSERT INTO store_day (workspace, account, day, what, product, n) VALUES ('ws_1', 'acc_room', '` + day + `', 'active', 'a', 1)`,
			} {
				_, err := db.ExecContext(s.t.Context(), q)
				s.must(err)
			}
		}
		before := s.counted("2024-01-01")
		_, err := db.ExecContext(s.t.Context(), fill)
		s.must(err)
		_, err = s.RecountDays(s.t.Context(), ws)
		s.must(err)
		if got := s.counted("2024-01-01"); !slices.Equal(got, before) || len(got) != 9 {
			s.t.Errorf("%q\nwant %q", got, before)
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
