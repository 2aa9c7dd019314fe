package message_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
			sums   string
		}{
			{"a new route", nil, payments, message.Trial{Looked: 200, After: 100, Added: 100}, 30, 1, "added route 100"},
			{"the same again", &payments, payments, message.Trial{Looked: 200, Before: 100, After: 100}, 0, 0, ""},
			{
				"fewer by a condition", &payments, change(func(r *engawa.Route) { r.Condition = "event.data.amount >= 90" }),
				message.Trial{Looked: 200, Before: 100, After: 10, Removed: 90},
				30, 0, "removed condition 90",
			},
			{
				"other events", &payments, change(func(r *engawa.Route) { r.Events = []string{"contract.*"} }),
				message.Trial{Looked: 200, Before: 100, After: 100, Added: 100, Removed: 100},
				30, 1, "added events 100, removed events 100",
			},
			{
				"another place", &payments, change(func(r *engawa.Route) { r.Then = []engawa.Step{toMail, toRoom} }),
				message.Trial{Looked: 200, Before: 100, After: 100, Changed: 100},
				30, 2, "changed to 100",
			},
			{
				"a digest", &payments, change(func(r *engawa.Route) { r.Then = []engawa.Step{digest} }),
				message.Trial{Looked: 200, Before: 100, After: 100, Changed: 100},
				30, 1, "changed digest 100",
			},
			{
				"to customers, of whom nobody knows half", nil, change(func(r *engawa.Route) { r.Then = []engawa.Step{toCustomer} }),
				message.Trial{Looked: 200, After: 100, Added: 100},
				30, 1, "added route 100",
			},
			{
				"by the customer's country", nil, change(func(r *engawa.Route) { r.Condition = `customer.country == "JP"` }),
				message.Trial{Looked: 200, After: 50, Added: 50},
				30, 1, "added route 50",
			},
		} {
			got, err := s.Try(t.Context(), ws, c.before, c.after, message.TrialPage{})
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			rows, sums := got.Rows, ""
			for _, x := range got.Sums {
				sums += fmt.Sprintf("%s %s %d, ", x.Difference, x.Aspect, x.Events)
			}
			if sums = strings.TrimSuffix(sums, ", "); sums != c.sums {
				t.Errorf("%s: it is summed as %q, not %q", c.name, sums, c.sums)
			}
			if got.Next != "" != (got.Differ() > c.rows) || (got.First == 1) != (c.rows > 0) {
				t.Errorf("%s: %d rows from %d of %d, next %q", c.name, len(rows), got.First, got.Differ(), got.Next)
			}
			got.Rows, got.Sums, got.First, got.Next = nil, nil, 0, ""
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
		if _, err := s.Try(t.Context(), ws, nil, engawa.Route{Events: []string{"*"}, Condition: "event.data.amount >"}, message.TrialPage{}); err == nil {
			t.Error("tried")
		}
		s.past(3, "payment.recurring.failed")
		_, err := s.Try(t.Context(), ws, nil, engawa.Route{Events: []string{"*"}, Condition: "event.data.amount", Then: []engawa.Step{{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_room"}}}}}, message.TrialPage{})
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Field != "/condition" {
			t.Errorf("a number for an answer: %v", err)
		}
	})
}

// TestTrialPages: the pages of a trial show every event for which it differs once,
// the newest first, whatever comes in the meantime; the stream of all shows the same.
func TestTrialPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		s.past(50, "payment.recurring.failed", "contract.terminated")
		toRoom := engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_room"}}}
		before := engawa.Route{Workspace: ws, ID: "rte_1", Name: "a", Events: []string{"payment.*"}, Then: []engawa.Step{toRoom}}
		after := before
		after.Condition = "event.data.amount < 7"
		var all []string
		whole, err := s.Differences(t.Context(), ws, &before, after, func(r message.TrialRow) error {
			if len(r.Was) != 1 || len(r.Would) != 0 || r.Difference != message.Removed {
				t.Errorf("%+v", r)
			}
			all = append(all, r.Event.ID)
			return nil
		})
		s.must(err)
		if len(all) != 43 || whole.Differ() != 43 || !slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Fatalf("%d of %d", len(all), whole.Differ())
		}
		var paged []string
		p := message.TrialPage{Limit: 10}
		for {
			got, err := s.Try(t.Context(), ws, &before, after, p)
			s.must(err)
			if got.Looked != 100 || got.Removed != 43 || got.First != len(paged)+1 {
				t.Fatalf("a page from %d of %d, %d looked at, after %d", got.First, got.Removed, got.Looked, len(paged))
			}
			for _, r := range got.Rows {
				paged = append(paged, r.Event.ID)
			}
			if p.Cursor = got.Next; p.Cursor == "" {
				break
			}
			s.past(3, fmt.Sprintf("payment.later%d", len(paged))) // none of the pages tells of them
		}
		if !slices.Equal(paged, all) {
			t.Errorf("the pages show %d, the whole is %d", len(paged), len(all))
		}
		for _, wrong := range []string{"x", "evt_1", "evt_1.evt_2", "evt_.", "cus_1.cus_0"} {
			if _, err := s.Try(t.Context(), ws, &before, after, message.TrialPage{Cursor: wrong}); engawa.CodeOf(err) != engawa.CodeInvalid {
				t.Errorf("the cursor %q: %v", wrong, err)
			}
		}
	})
}

// TestTrialAspects: what of a changed route makes the difference is named, each
// thing by itself, and of an event that the change does not touch nothing is said.
func TestTrialAspects(t *testing.T) {
	s := newShop(t, storetest.SQLite(t))
	s.must(s.Store.SaveTemplate(t.Context(), engawa.Template{Workspace: ws, ID: "tpl_1", Name: "a", Words: map[engawa.Locale]engawa.Content{engawa.English: {Text: "a"}}, UpdatedAt: time.Now()}))
	s.past(2, "payment.recurring.failed") // the first has no customer: its step says so
	room := engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_room"}}}
	person := engawa.Step{To: "customer", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}
	route := func(steps ...engawa.Step) engawa.Route {
		return engawa.Route{Workspace: ws, ID: "rte_1", Name: "a", Events: []string{"payment.*"}, Then: steps}
	}
	change := func(f func(*engawa.Step)) engawa.Step {
		st := room
		f(&st)
		return st
	}
	for _, c := range []struct {
		name          string
		before, after engawa.Route
		want          string
	}{
		{"words", route(room), route(change(func(st *engawa.Step) { st.Template = "tpl_1" })), "changed words 2"},
		{"a fallback", route(room), route(change(func(st *engawa.Step) { st.Via = append(slices.Clone(st.Via), engawa.Via{Account: "acc_mail"}) })), "changed way 2"},
		{"a delay", route(room), route(change(func(st *engawa.Step) { st.Delay = time.Hour })), "changed time 2"},
		{"quiet times that are none", route(room), route(change(func(st *engawa.Step) { st.Mute = []engawa.Window{} })), ""},
		{"a purpose", route(room), route(change(func(st *engawa.Step) { st.Purpose = engawa.Notice })), "changed purpose 2"},
		{"another place and other words", route(room), route(change(func(st *engawa.Step) { st.To, st.Template, st.Via = "dst_mail", "tpl_1", person.Via })), "changed to 2, changed words 2"},
		{"the order", route(room, person), route(person, room), ""},
		{"the customer besides", route(room), route(room, person), "changed to 2"},
		{"the customer instead", route(room), route(person), "changed to 2"},
		{"a standing condition", route(person), route(func() engawa.Step { st := person; st.While = engawa.WhileUnpaid; return st }()), "changed while 2"},
	} {
		got, err := s.Try(t.Context(), ws, &c.before, c.after, message.TrialPage{})
		s.must(err)
		var sums []string
		for _, x := range got.Sums {
			sums = append(sums, fmt.Sprintf("%s %s %d", x.Difference, x.Aspect, x.Events))
		}
		if strings.Join(sums, ", ") != c.want {
			t.Errorf("%s: %q, not %q", c.name, sums, c.want)
		}
	}
}
