package gap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/gap"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
)

const (
	token = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"
	group = "20500001"
	day   = 24 * time.Hour
)

// hub is a shop whose hub checks.
type hub struct {
	*followtest.Shop
	check gap.Checker
}

func open(t testing.TB, url, environment string) *hub {
	t.Helper()
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := followtest.Open(t, url, environment)
	return &hub{s, gap.Checker{Store: s.Hub, Clients: s.Clients, Follow: s.Follow, Words: words}}
}

func within(t *testing.T, environment string, do func(t *testing.T, h *hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, open(t, storetest.SQLite(t), environment)) })
}

// work does what is due now.
func (h *hub) work() {
	h.T.Helper()
	h.Must(h.check.Attend(h.T.Context()))
	h.Must(h.check.Step(h.T.Context()))
}

// live lets a node run for d.
func (h *hub) live(d time.Duration) { h.look(d, store.Absence-time.Minute) }

// look lets a node work every so often for d.
func (h *hub) look(d, every time.Duration) {
	h.T.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		h.work()
		wait(min(every, time.Until(end)))
	}
}

// down lets d go by without any node.
func (h *hub) down(d time.Duration) {
	h.Down.Store(true)
	wait(d)
	h.Down.Store(false)
}

// wait lets time go by.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h *hub) checkup() engawa.Checkup {
	h.T.Helper()
	c, err := h.Hub.Checkup(h.T.Context(), followtest.Workspace, followtest.AccountID)
	h.Must(err)
	return c
}

func (h *hub) gaps() []engawa.Gap {
	h.T.Helper()
	gs, err := h.Hub.Gaps(h.T.Context(), followtest.Workspace, followtest.AccountID, 10)
	h.Must(err)
	return gs
}

func (h *hub) tasks(kind string) []store.TaskStory {
	h.T.Helper()
	ks, err := h.Hub.Tasks(h.T.Context(), followtest.Workspace, 100)
	h.Must(err)
	var out []store.TaskStory
	for _, k := range ks {
		if k.Kind == kind {
			story, err := h.Hub.Task(h.T.Context(), followtest.Workspace, k.ID)
			h.Must(err)
			out = append(out, story)
		}
	}
	return out
}

// wantGap is that one gap of n was found, of which one task tells, once; and that
// afterwards no check finds it again.
func (h *hub) wantGap(cause engawa.CheckCause, n int) {
	h.T.Helper()
	events := h.events()
	for _, later := range []time.Duration{0, day} {
		h.live(later)
		gs, ks := h.gaps(), h.tasks("gap.found")
		if len(gs) != 1 || gs[0].Cause != cause || gs[0].Missed != n || gs[0].FilledAt.IsZero() {
			h.T.Errorf("%v later: %+v", later, gs)
		}
		if len(ks) != 1 || ks[0].Count != 1 || ks[0].State != "done" || ks[0].Args["n"] != strconv.Itoa(n) {
			h.T.Errorf("%v later: %+v", later, ks)
		}
		if got := h.events(); !slices.Equal(got, events) {
			h.T.Errorf("%v later: %q, before %q", later, got, events)
		}
	}
}

// events are the store's, the newest first, as "type" or "type recovered".
func (h *hub) events() (out []string) {
	h.T.Helper()
	evs, err := h.Hub.Events(h.T.Context(), followtest.Workspace, store.EventFilter{Type: "store.*"}, store.Page{Limit: 200})
	h.Must(err)
	for _, e := range evs {
		var d struct{ Recovered, Superseded bool }
		h.Must(json.Unmarshal(e.Data, &d))
		s := strings.TrimPrefix(e.Type, "store.")
		if d.Recovered {
			s += " recovered"
		}
		if d.Superseded {
			s += " superseded"
		}
		out = append(out, s)
	}
	return out
}

// calls counts the calls of an endpoint since.
func (h *hub) calls(endpoint string, since time.Time) (n int) {
	for _, c := range h.Calls() {
		if c.Endpoint == endpoint && !c.At.Before(since) {
			n++
		}
	}
	return n
}

const (
	statuses = "GET v1/subscriptions/{}"
	history  = "GET v2/history/{}"
	notices  = "POST v1/notifications/history"
)

// TestDowntime: what the store told while no node was there enters the journal
// once, folded and marked; the store is asked about the customers concerned and
// no others; a task tells of the gap and closes by itself; and what the store
// delivers again later changes nothing.
func TestDowntime(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, h *hub) {
		h.work()
		a, b := h.Person("JPN", token), h.Person("KOR", "")
		sub, other := h.Bought(a, "monthly"), h.Bought(b, "club")
		wait(time.Second)
		h.live(2 * time.Hour)
		if c := h.checkup(); c.Last == nil || c.Last.Missed != 0 || len(h.gaps()) != 0 || c.HeardAt.IsZero() {
			t.Fatalf("nothing is missing: %+v, %+v", c.Last, h.gaps())
		}
		h.Down.Store(true)
		wait(10 * time.Minute)
		h.Must(h.Renew(a, group, false))
		wait(time.Minute)
		h.Must(h.Renew(a, group, true))
		wait(time.Minute)
		h.Must(h.Renew(a, group, false))
		h.down(30 * time.Minute)
		if !h.Purchase(sub).Renews {
			t.Fatal("the hub heard of it")
		}
		start := time.Now()
		h.work()
		if p := h.Purchase(sub); p.Renews || p.State != "active" || !p.CheckedAt.Equal(start) {
			t.Errorf("%+v", p)
		}
		if p := h.Purchase(other); !p.CheckedAt.IsZero() || h.calls(statuses, start) != 1 || h.calls(history, start) != 1 {
			t.Errorf("who missed nothing was asked about: %v, %d, %d", p.CheckedAt, h.calls(statuses, start), h.calls(history, start))
		}
		want := []string{
			"did_change_renewal_status.auto_renew_disabled recovered", "did_change_renewal_status.auto_renew_enabled recovered superseded",
			"did_change_renewal_status.auto_renew_disabled recovered superseded", "subscribed.initial_buy", "subscribed.initial_buy",
		}
		if got := h.events(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q", got)
		}
		c, gs := h.checkup(), h.gaps()
		if c.Now != nil || c.Last.Cause != engawa.CheckAbsence || c.Last.Missed != 3 || c.Last.Checked != 1 || !c.KnownTo.Equal(start) {
			t.Errorf("%+v", c.Last)
		}
		if len(gs) != 1 || gs[0].Missed != 3 || gs[0].FilledAt.IsZero() || gs[0].To.Sub(gs[0].From) != 2*time.Minute {
			t.Errorf("%+v", gs)
		}
		ks := h.tasks("gap.found")
		if len(ks) != 1 || ks[0].State != "done" || ks[0].Args["n"] != "3" || ks[0].Args["since"] == "" || ks[0].Args["account"] != "App Store" || !strings.Contains(ks[0].Lines[0].Text, "通知3件") {
			t.Errorf("%+v", ks)
		}
		h.look(3*day, 20*time.Minute) // the store tries again twice, and nights go by
		if got := h.events(); len(got) != 5 || len(h.gaps()) != 1 {
			t.Errorf("afterwards: %q, %+v", got, h.gaps())
		}
	})
}

// TestFailures: what did not arrive while nodes were there is found within the
// hour, also where the store does not try again; a task tells of it once.
func TestFailures(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, h *hub) {
		a := h.Person("JPN", token)
		sub := h.Bought(a, "monthly")
		h.live(90 * time.Minute)
		proper := h.Client
		h.Client = channeltest.Client(answering(400))
		h.Must(h.Renew(a, group, false))
		wait(time.Second)
		h.Client = proper
		h.live(time.Hour + time.Minute)
		if p := h.Purchase(sub); p.Renews {
			t.Errorf("%+v", p)
		}
		want := []string{"did_change_renewal_status.auto_renew_disabled recovered", "subscribed.initial_buy"}
		if got := h.events(); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		h.wantGap(engawa.CheckFailures, 1)
	})
}

// TestNight: every night, in the small hours of the workspace's zone, the store
// is asked about what should have been heard of, and about what was not asked
// about for long; about nothing else.
func TestNight(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, h *hub) {
		a, b := h.Person("JPN", token), h.Person("JPN", "")
		sub, gone := h.Bought(a, "monthly"), h.Bought(b, "club")
		beans := h.Bought(a, "beans")
		h.look(2*day, 20*time.Minute)
		first := h.Purchase(sub).CheckedAt
		if first.IsZero() || !h.Purchase(beans).CheckedAt.IsZero() || h.calls(statuses, time.Time{}) != 2 {
			t.Fatalf("first night: %v, %v, %d calls", first, h.Purchase(beans).CheckedAt, h.calls(statuses, time.Time{}))
		}
		if at := first.In(time.FixedZone("JST", 9*3600)); at.Hour() < 3 || at.Hour() > 4 {
			t.Errorf("checked at %v", at)
		}
		h.URL = "" // nothing is even tried any more, and the history has none of it
		h.Must(h.Renew(b, "20500002", false))
		h.look(32*day, time.Hour)
		v := func(id string) engawa.Purchase { return h.Purchase(id) }
		if p := v(sub); p.State != "active" || !p.EndsAt.After(time.Now()) || p.EndsAt.Before(time.Now().Add(25*day)) {
			t.Errorf("renewed unheard: %+v", p)
		}
		if p := v(gone); p.State != "expired" || p.Renews {
			t.Errorf("ended unheard: %+v", p)
		}
		if n := h.calls(statuses, time.Time{}); n > 6 {
			t.Errorf("%d calls", n)
		}
		if len(h.gaps()) != 0 {
			t.Errorf("%+v", h.gaps())
		}
	})
}

// TestSandbox: where the store remembers 30 days and tries once, a task tells of
// what was missed, once.
func TestSandbox(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, h *hub) {
		h.work()
		h.down(60 * day)
		a := h.Person("JPN", token)
		h.Down.Store(true)
		sub := h.Bought(a, "monthly")
		wait(time.Minute)
		h.down(time.Hour)
		h.live(3 * time.Minute)
		if p := h.Purchase(sub); p.Environment != engawa.Sandbox || p.State != "active" || p.Customer == "" {
			t.Errorf("%+v", p)
		}
		if c := h.checkup(); c.Last.Broken {
			t.Errorf("%+v", c.Last)
		}
		if got := h.events(); !slices.Equal(got, []string{"subscribed.initial_buy recovered"}) {
			t.Errorf("%q", got)
		}
		h.wantGap(engawa.CheckNight, 1)
	})
}

// TestErasedAlone: of a customer who was erased nothing is asked, and nothing is
// begun anew.
func TestErasedAlone(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, h *hub) {
		a := h.Person("JPN", token)
		sub := h.Bought(a, "monthly")
		h.live(time.Minute)
		_, err := h.Hub.By("member:mem_x").Erase(h.T.Context(), followtest.Workspace, h.Purchase(sub).Customer)
		h.Must(err)
		h.Down.Store(true)
		h.Must(h.Renew(a, group, false))
		h.down(20 * time.Minute)
		h.look(2*day, 20*time.Minute)
		if p := h.Purchase(sub); p.Facts != nil || !p.CheckedAt.IsZero() || h.calls(statuses, time.Time{}) != 0 {
			t.Errorf("%+v, %d calls", p, h.calls(statuses, time.Time{}))
		}
		cs, err := h.Hub.Customers(t.Context(), followtest.Workspace, store.Page{})
		if err != nil || len(cs) != 1 {
			t.Errorf("%d customers, %v", len(cs), err)
		}
		if gs := h.gaps(); len(gs) != 1 || gs[0].Missed != 1 || gs[0].FilledAt.IsZero() {
			t.Errorf("%+v", gs) // the fact is kept, tied to nobody
		}
	})
}

// TestKey: an account without a key says so and is checked once it has one; one
// whose key is refused is a person's.
func TestKey(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, h *hub) {
		set := func(change map[string]string) {
			a, err := h.Hub.Account(t.Context(), followtest.Workspace, followtest.AccountID)
			h.Must(err)
			maps.Copy(a.Settings, change)
			h.Must(h.Hub.ChangeAccount(t.Context(), a))
		}
		id, issuer, p8 := h.Key()
		set(map[string]string{"issuer_id": "", "key_id": "", "private_key": ""})
		h.live(2 * time.Minute)
		if c := h.checkup(); c.Trouble != engawa.TroubleNoKey || len(h.tasks("gap.key")) != 0 || c.BeatAt.IsZero() {
			t.Errorf("%+v", c)
		}
		h.Down.Store(true)
		h.Bought(h.Person("JPN", token), "monthly")
		h.down(20 * time.Minute)
		set(map[string]string{"issuer_id": "11111111-2222-3333-4444-555555555555", "key_id": id, "private_key": p8})
		h.live(11 * time.Minute)
		if c, ks := h.checkup(), h.tasks("gap.key"); c.Trouble != engawa.TroubleKey || c.TroubleAt.IsZero() || len(ks) != 1 || ks[0].State != "open" || ks[0].DueAt.IsZero() {
			t.Errorf("%+v, %+v", c, ks)
		}
		set(map[string]string{"issuer_id": issuer})
		h.Must(h.Hub.By("member:mem_x").AskCheckup(t.Context(), followtest.Workspace, followtest.AccountID))
		h.live(10 * time.Minute)
		if c, ks := h.checkup(), h.tasks("gap.key"); c.Trouble != "" || c.Asked || ks[0].State != "done" || len(h.gaps()) != 1 || h.gaps()[0].Missed != 1 {
			t.Errorf("%+v, %+v, %+v", c, ks, h.gaps())
		}
	})
}

// TestKilled: a node dies in the middle of a long history; another goes on where
// it stood, a minute later, and everything is entered once.
func TestKilled(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, h *hub) {
		h.work()
		h.down(2 * day)
		const n = 1300
		h.past(n)
		ctx, kill := context.WithCancel(t.Context())
		calls, proper := 0, h.check.Clients
		h.check.Clients = h.over(before(h.Shop, func() {
			if calls++; calls == 40 {
				kill()
			}
		}))
		h.Must(h.check.Attend(ctx))
		h.Must(h.check.Step(ctx))
		c := h.checkup()
		if c.Now == nil || c.Now.Token == "" || c.Now.Missed < 400 || c.Now.Missed == n {
			t.Fatalf("killed at %+v", c.Now)
		}
		h.Must(h.check.Step(t.Context()))
		if got := h.checkup(); got.Turn != c.Turn {
			t.Error("taken over before the lease was over")
		}
		other := h.check
		other.Clients = proper
		wait(61 * time.Second)
		resumed := time.Now()
		h.Must(other.Attend(t.Context()))
		h.Must(other.Step(t.Context()))
		c = h.checkup()
		if c.Now != nil || c.Last.Missed != n || c.Last.Told != n || c.Last.Checked != n {
			t.Errorf("%+v", c.Last)
		}
		if pages := h.calls(notices, resumed); pages > (n-400)/20+1 {
			t.Errorf("%d pages were read after the kill", pages)
		}
		if gs := h.gaps(); len(gs) != 1 || gs[0].Missed != n || gs[0].FilledAt.IsZero() {
			t.Errorf("%+v", gs)
		}
	})
}

// past has n customers who subscribed yesterday, of whom the hub was never told.
func (h *hub) past(n int) {
	h.T.Helper()
	if h.Begin(time.Now().Add(-day)) != nil { // it has begun
		h.Pass(2 * day)
	}
	for i := range n {
		who := h.Person("JPN", "")
		h.Bought(who, "monthly")
		if i%100 == 99 {
			h.Pass(time.Second)
		}
	}
	h.CatchUp()
}

// TestNodes: several nodes that find the same work at the same moment do it once.
func TestNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		h := open(t, url, sim.Production)
		h.Must(h.check.Attend(t.Context()))
		h.Down.Store(true)
		const n = 30
		for range n {
			h.Bought(h.Person("JPN", ""), "monthly")
		}
		for len(pending(h)) > 0 {
			time.Sleep(10 * time.Millisecond) // the simulator posts by itself, in real time here
		}
		h.Must(h.Hub.By("member:mem_x").AskCheckup(t.Context(), followtest.Workspace, followtest.AccountID))
		done := make(chan error)
		for range 4 {
			go func() { done <- h.check.Step(t.Context()) }()
		}
		for range 4 {
			h.Must(<-done)
		}
		c := h.checkup()
		if c.Now != nil || c.Last == nil || c.Last.Missed != n || c.Last.Checked != n || len(h.events()) != n {
			t.Errorf("%+v, %d events", c.Last, len(h.events()))
		}
		if calls := h.calls(statuses, time.Time{}); calls != n {
			t.Errorf("%d calls", calls)
		}
	})
}

// pending are the notifications that were not tried yet.
func pending(h *hub) (out []sim.Notice) {
	for _, n := range h.Notices() {
		if len(n.Attempts) == 0 {
			out = append(out, n)
		}
	}
	return out
}
