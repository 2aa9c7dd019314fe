package replay_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/replay"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

const ws = "ws_hinata"

type bench struct {
	t   *testing.T
	url string
	replay.Runner
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// each has a workspace with two endpoints that take contract.*, and five events
// of which three are of that group, on both engines.
func each(t *testing.T, test func(b *bench, start time.Time)) {
	rules, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, url string) {
		st, err := store.Open(t.Context(), url, vault.New(vault.Generate(time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		b := &bench{t: t, url: url, Runner: replay.Runner{Store: st, Compose: &message.Composer{Store: st, Rules: rules, Words: words, Kinds: builtin.Kinds()}}}
		ctx, start := t.Context(), time.Now().Add(-time.Hour)
		b.must(st.AddWorkspace(ctx, engawa.Workspace{ID: ws, Name: "ひなた珈琲", Zone: "Asia/Tokyo", Country: "JP", CreatedAt: start}))
		for _, id := range []string{"a", "b"} {
			b.endpoint(ws, id, start)
		}
		for n, typ := range []string{"contract.terminated", "payment.failed", "contract.resumed", "contract.suspended", "site.changed"} {
			b.event(ws, typ, start.Add(time.Duration(n)*time.Minute), `{"n":9007199254740993,"mail":"tanaka@customer.example"}`)
		}
		test(b, start)
	})
}

// endpoint adds one that takes contract.*.
func (b *bench) endpoint(workspace, id string, at time.Time) {
	b.t.Helper()
	b.must(b.Store.AddEndpoint(b.t.Context(),
		engawa.Account{Workspace: workspace, ID: "acc_" + id, Kind: "webhook", Name: id, Enabled: true, CreatedAt: at, Settings: map[string]string{"url": "https://a.example/x", "content": "event"}},
		engawa.Destination{Workspace: workspace, ID: "dst_" + id, Name: id, Account: "acc_" + id, Address: engawa.Address(id), Locale: engawa.Japanese, CreatedAt: at},
		engawa.Route{
			Workspace: workspace, ID: "rte_" + id, Name: id, Enabled: true, Events: []string{"contract.*"}, Condition: "event.data.n < 9007199254740999", UpdatedAt: at,
			Then: []engawa.Step{{To: "dst_" + id, Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_" + id}}}},
		}))
}

// event journals one of the past.
func (b *bench) event(workspace, typ string, at time.Time, data string) (id string) {
	b.t.Helper()
	id = engawa.NewOrderedID(engawa.PrefixEvent, at)
	_, err := b.Store.Journal(b.t.Context(), []engawa.Event{{
		Workspace: workspace, ID: id, Account: "api", Type: typ, DedupKey: id, OccurredAt: at, ReceivedAt: at, Known: true, Data: []byte(data),
	}})
	b.must(err)
	return id
}

// rows are the messages to an endpoint, with their deliveries' keys.
func (b *bench) rows(endpoint string) (keys, words []string) {
	b.t.Helper()
	ms, err := b.Store.Messages(b.t.Context(), ws, store.MessageFilter{Destination: "dst_" + endpoint}, store.Page{Limit: 100})
	b.must(err)
	for _, m := range ms {
		said, err := b.Store.Message(b.t.Context(), ws, m.Message.ID)
		b.must(err)
		keys, words = append(keys, said.Deliveries[0].Key), append(words, said.Message.Content.Text)
	}
	return keys, words
}

// TestReplay: a dry run makes nothing; a run hands each event that the route
// takes to this endpoint alone, at its pace, and ends by itself.
func TestReplay(t *testing.T) {
	each(t, func(b *bench, start time.Time) {
		ctx := b.t.Context()
		events, messages, err := b.Count(ctx, ws, "acc_a", start, start.Add(time.Hour))
		if keys, _ := b.rows("a"); err != nil || events != 5 || messages != 3 || len(keys) != 0 {
			b.t.Fatalf("dry run: %d events, %d messages, %d made, %v", events, messages, len(keys), err)
		}
		if events, messages, err := b.Count(ctx, ws, "acc_a", start.Add(time.Minute), start.Add(3*time.Minute)); err != nil || events != 2 || messages != 1 {
			b.t.Errorf("a part: %d events, %d messages, %v", events, messages, err)
		}
		r, err := b.Store.AddReplay(ctx, engawa.Replay{Workspace: ws, ID: "rpl_1", Account: "acc_a", From: start, To: start.Add(time.Hour), PerSecond: 2, CreatedAt: time.Now()})
		b.must(err)
		b.must(b.Step(ctx))
		b.must(b.Step(ctx)) // at once: not due yet
		if got, err := b.Store.Replay(ctx, ws, r.ID); err != nil || got.Looked != 2 || got.State != engawa.ReplayRunning {
			b.t.Errorf("after one step: %+v, %v", got, err)
		}
		for range 2 { // what the ticks of the next seconds do
			b.due()
			b.must(b.Step(ctx))
		}
		got, err := b.Store.Replay(ctx, ws, r.ID)
		if err != nil || got.State != engawa.ReplayDone || got.Looked != 5 || got.Sent != 3 || got.EndedAt.IsZero() {
			b.t.Errorf("at the end: %+v, %v", got, err)
		}
		keys, words := b.rows("a")
		if others, _ := b.rows("b"); len(keys) != 3 || len(others) != 0 {
			b.t.Errorf("%d messages, %d to the other endpoint", len(keys), len(others))
		}
		if want := `"data":{"mail":"t…@c….example","n":9007199254740993}`; len(words) > 0 && !strings.Contains(words[0], want) {
			b.t.Errorf("the event: %s", words[0])
		}
	})
}

// TestUnmade: an event that can make no message raises the task of its route, and those
// before and behind it go. A replay that fails all the same holds up no other and goes
// on when it can.
func TestUnmade(t *testing.T) {
	each(t, func(b *bench, start time.Time) {
		const other = "ws_umi"
		ctx, at := b.t.Context(), start.Add(20*time.Minute)
		events := [3]string{}
		for i, pad := range []int{0, 64 << 10, 0} {
			events[i] = b.event(ws, "contract.resumed", at.Add(time.Duration(i)*time.Second), `{"n":1,"pad":"`+strings.Repeat("a", pad)+`"}`)
		}
		b.must(b.Store.AddWorkspace(ctx, engawa.Workspace{ID: other, Name: "うみ書店", Zone: "Asia/Tokyo", Country: "JP", CreatedAt: start}))
		b.endpoint(other, "c", start)
		b.event(other, "contract.resumed", at, `{"n":1}`)
		for _, r := range []engawa.Replay{{Workspace: other, ID: "rpl_other", Account: "acc_c"}, {Workspace: ws, ID: "rpl_1", Account: "acc_a"}} {
			r.From, r.To, r.PerSecond, r.CreatedAt = at, at.Add(time.Minute), 10, time.Now()
			_, err := b.Store.AddReplay(ctx, r)
			b.must(err)
		}
		db := storetest.Open(b.t, b.url)
		_, err := db.ExecContext(ctx, `UPDATE replay SET next_at = 1 WHERE id = 'rpl_1'`) // it is not the first
		b.must(err)
		_, err = db.ExecContext(ctx, `UPDATE workspace SET zone = 'Nowhere' WHERE id = 'ws_umi'`)
		b.must(err)
		if err := b.Step(ctx); err == nil || !strings.Contains(err.Error(), "Nowhere") {
			b.t.Errorf("of the one that fails: %v", err)
		}
		got, err := b.Store.Replay(ctx, ws, "rpl_1")
		if err != nil || got.State != engawa.ReplayDone || got.Looked != 3 || got.Sent != 2 {
			b.t.Errorf("of three events: %+v, %v", got, err)
		}
		for i, want := range []int{1, 0, 1} {
			ms, err := b.Store.Messages(ctx, ws, store.MessageFilter{Event: events[i]}, store.Page{Limit: 10})
			if err != nil || len(ms) != want {
				b.t.Errorf("event %d: %d messages, %v", i, len(ms), err)
			}
		}
		tasks, err := b.Store.Tasks(ctx, ws, 10)
		if err != nil || len(tasks) != 1 || tasks[0].Kind != "route.broken" || tasks[0].Ref != "rte_a" || tasks[0].Count != 1 || tasks[0].Args["event"] != events[1] || !strings.Contains(tasks[0].Args["problem"], "a webhook takes 65536") {
			b.t.Errorf("tasks %+v, %v", tasks, err)
		}

		_, err = db.ExecContext(ctx, `UPDATE workspace SET zone = 'Asia/Tokyo' WHERE id = 'ws_umi'`)
		b.must(err)
		b.due()
		b.must(b.Step(ctx))
		if got, err := b.Store.Replay(ctx, other, "rpl_other"); err != nil || got.State != engawa.ReplayDone || got.Sent != 1 {
			b.t.Errorf("mended: %+v, %v", got, err)
		}
		long, err := b.Store.Event(ctx, ws, events[1])
		b.must(err)
		if n, err := b.Again(ctx, ws, "acc_a", []engawa.Event{long}); n != 0 || engawa.CodeOf(err) != engawa.CodeInvalid {
			b.t.Errorf("whoever sends it again is told %v", err)
		}
	})
}

// TestCauseAgain: an event that waited for the others of its cause goes again by
// itself, and so does one that no digest gathered when it came.
func TestCauseAgain(t *testing.T) {
	each(t, func(b *bench, start time.Time) {
		ctx, at := b.t.Context(), start.Add(20*time.Minute)
		b.event(ws, "contract.suspended", at, `{"c":{"id":"456"}}`)
		for version, d := range []engawa.Digest{{Within: time.Minute, Cause: true}, {Within: time.Minute}} {
			b.must(b.Store.SaveRoute(ctx, engawa.Route{
				Workspace: ws, ID: "rte_b", Name: "b", Version: int64(version) + 1, Enabled: true, Events: []string{"contract.suspended", "payment.recurring.failed"}, UpdatedAt: at,
				Then: []engawa.Step{{To: "dst_b", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_b"}}, Digest: &d}},
			}))
			if _, messages, err := b.Count(ctx, ws, "acc_b", at, at.Add(time.Minute)); err != nil || messages != 1 {
				b.t.Errorf("%+v: %d messages, %v", d, messages, err)
			}
		}
	})
}

// gather does what the dispatcher does with events for a step that gathers, and
// then tells of the digests that are due.
func (b *bench) gather(ids ...string) {
	b.t.Helper()
	ctx := b.t.Context()
	routes, err := b.Store.Routes(ctx, ws)
	b.must(err)
	set := route.Compile(routes)
	for _, id := range ids {
		ev, err := b.Store.Event(ctx, ws, id)
		b.must(err)
		plans, _ := set.Plan(ev, message.Data(ev), engawa.Customer{})
		b.must(b.Store.Route(ctx, []store.Routed{{Workspace: ws, Event: id, Gathered: message.Gather(ev, plans)}}))
	}
	due, err := b.Store.DueDigests(ctx, 10)
	b.must(err)
	for _, d := range due {
		ms, err := b.Compose.Compose(ctx, ws, []message.Request{message.FromDigest(d, routes[1].Then[0])})
		b.must(err)
		_, err = b.Store.Tell(ctx, d, ms)
		b.must(err)
	}
}

// TestDigestAgain: what a digest told of goes in it again, whole and once, under
// its webhook-id of then and no event's own; what still waits in one does not go
// beside it; and whoever begins within a digest gets it too.
func TestDigestAgain(t *testing.T) {
	each(t, func(b *bench, start time.Time) {
		ctx := b.t.Context()
		b.must(b.Store.SaveRoute(ctx, engawa.Route{
			Workspace: ws, ID: "rte_b", Name: "b", Version: 1, Enabled: true, Events: []string{"contract.*"}, UpdatedAt: start,
			Then: []engawa.Step{{To: "dst_b", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_b"}}, Digest: &engawa.Digest{Within: time.Hour, Count: 2}}},
		}))
		evs, err := b.Store.EventsBetween(ctx, ws, "", start, start.Add(time.Hour), 10)
		b.must(err)
		b.gather(evs[0].ID, evs[2].ID) // contract.terminated and .resumed together
		b.gather(evs[3].ID)            // contract.suspended waits
		_, first := b.rows("b")
		if len(first) != 1 {
			b.t.Fatalf("%d digests", len(first))
		}
		db := storetest.Open(b.t, b.url)
		_, err = db.ExecContext(ctx, `UPDATE delivery SET retry_key = 'key of the digest'`)
		b.must(err)
		for _, c := range []struct {
			from, to time.Duration
			want     int
		}{{0, time.Hour, 1}, {0, time.Minute, 1}, {time.Minute, time.Hour, 1}, {150 * time.Second, time.Hour, 0}} {
			if _, messages, err := b.Count(ctx, ws, "acc_b", start.Add(c.from), start.Add(c.to)); err != nil || messages != c.want {
				b.t.Errorf("from %s to %s: %d messages, %v; want %d", c.from, c.to, messages, err, c.want)
			}
		}
		_, err = b.Store.AddReplay(ctx, engawa.Replay{Workspace: ws, ID: "rpl_1", Account: "acc_b", From: start, To: start.Add(time.Hour), PerSecond: 1, CreatedAt: time.Now()})
		b.must(err)
		for range 6 { // event by event: a digest is in one step or in another
			b.must(b.Step(ctx))
			b.due()
		}
		if got, err := b.Store.Replay(ctx, ws, "rpl_1"); err != nil || got.Sent != 1 || got.State != engawa.ReplayDone {
			b.t.Errorf("%+v, %v", got, err)
		}
		if n, err := b.Again(ctx, ws, "acc_b", []engawa.Event{evs[2], evs[0]}); err != nil || n != 1 {
			b.t.Errorf("two events of one digest: %d messages, %v", n, err)
		}
		keys, words := b.rows("b")
		for i := range keys {
			if keys[i] != "key of the digest" || words[i] != first[0] {
				b.t.Errorf("%q: %s", keys[i], words[i])
			}
		}
		if len(keys) != 3 {
			b.t.Errorf("%d messages", len(keys))
		}

		b.must(b.Store.SaveRoute(ctx, engawa.Route{ // the same events one by one too
			Workspace: ws, ID: "rte_c", Name: "c", Enabled: true, Events: []string{"contract.terminated"}, UpdatedAt: start,
			Then: []engawa.Step{{To: "dst_b", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_b"}}}},
		}))
		if n, err := b.Again(ctx, ws, "acc_b", evs[:1]); err != nil || n != 2 {
			b.t.Errorf("by itself and in its digest: %d, %v", n, err)
		}
		keys, _ = b.rows("b")
		slices.Sort(keys)
		if want := []string{"", "key of the digest", "key of the digest", "key of the digest", "key of the digest"}; !slices.Equal(keys, want) {
			b.t.Errorf("%q", keys)
		}
	})
}

// due has the time of the next step come.
func (b *bench) due() {
	b.t.Helper()
	db := storetest.Open(b.t, b.url)
	_, err := db.ExecContext(b.t.Context(), `UPDATE replay SET next_at = 0`)
	b.must(err)
}

// TestTakenOver: a node that was slow, or died, behind the messages of a step has
// made none, and the node that takes the step over makes each once.
func TestTakenOver(t *testing.T) {
	each(t, func(b *bench, start time.Time) {
		ctx := b.t.Context()
		_, err := b.Store.AddReplay(ctx, engawa.Replay{Workspace: ws, ID: "rpl_1", Account: "acc_a", From: start, To: start.Add(time.Hour), PerSecond: 10, CreatedAt: time.Now()})
		b.must(err)
		slow, err := b.Store.DueReplays(ctx) // and composes
		b.must(err)
		b.due()
		b.must(b.Step(ctx))
		evs, err := b.Store.EventsBetween(ctx, ws, "", start, start.Add(time.Hour), 10)
		b.must(err)
		m := engawa.Message{Workspace: ws, ID: "msg_slow", Event: evs[0].ID, Destination: "dst_a", Purpose: engawa.Service, State: engawa.MessageWaiting, Chain: []engawa.Via{{Account: "acc_a"}}, CreatedAt: time.Now()}
		took, err := b.Store.StepReplay(ctx, slow[0], store.ReplayStep{Looked: 5, Cursor: evs[4].ID, Messages: []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, time.Now())}}}})
		if err != nil || took {
			b.t.Errorf("the slow node's step: %t, %v", took, err)
		}
		got, err := b.Store.Replay(ctx, ws, "rpl_1")
		if keys, _ := b.rows("a"); err != nil || len(keys) != 3 || got.Sent != 3 || got.Looked != 5 || got.State != engawa.ReplayDone {
			b.t.Errorf("%d messages, %+v, %v", len(keys), got, err)
		}
	})
}

// TestSameKey: an event that was handed over before goes under the key of then.
func TestSameKey(t *testing.T) {
	each(t, func(b *bench, start time.Time) {
		ctx := b.t.Context()
		evs, err := b.Store.EventsBetween(ctx, ws, "", start, start.Add(time.Hour), 1)
		b.must(err)
		n, err := b.Again(ctx, ws, "acc_a", evs)
		if err != nil || n != 1 {
			b.t.Fatalf("%d, %v", n, err)
		}
		keys, _ := b.rows("a")
		if keys[0] != "" {
			b.t.Errorf("the first is keyed already: %q", keys[0])
		}
		db := storetest.Open(b.t, b.url)
		_, err = db.ExecContext(ctx, `UPDATE delivery SET retry_key = 'key-of-then'`)
		b.must(err)
		for range 2 {
			if _, err := b.Again(ctx, ws, "acc_a", evs); err != nil {
				b.t.Fatal(err)
			}
		}
		keys, words := b.rows("a")
		for i := range keys {
			if keys[i] != "key-of-then" || words[i] != words[0] {
				b.t.Errorf("message %d goes as %q: %s", i, keys[i], words[i])
			}
		}
		if len(keys) != 3 {
			b.t.Errorf("%d messages", len(keys))
		}
	})
}

// TestStopped: nothing is made after the stop.
func TestStopped(t *testing.T) {
	each(t, func(b *bench, start time.Time) {
		ctx := b.t.Context()
		_, err := b.Store.AddReplay(ctx, engawa.Replay{Workspace: ws, ID: "rpl_1", Account: "acc_a", From: start, To: start.Add(time.Hour), PerSecond: 50, CreatedAt: time.Now()})
		b.must(err)
		b.must(b.Store.StopReplay(ctx, ws, "rpl_1"))
		b.must(b.Step(ctx))
		if keys, _ := b.rows("a"); len(keys) != 0 {
			b.t.Errorf("%d messages", len(keys))
		}
	})
}
