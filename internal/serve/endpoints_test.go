package serve

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// failed keeps an attempt on the endpoint that failed at a time.
func failed(t *testing.T, h *Hub, at time.Time) {
	t.Helper()
	m := engawa.Message{
		Workspace: "ws_1", ID: engawa.NewID(engawa.PrefixMessage), Destination: "dst_hook", Purpose: engawa.Service, State: engawa.MessageWaiting,
		Content: engawa.Content{Text: "x"}, Chain: []engawa.Via{{Account: "acc_hook"}}, CreatedAt: at,
	}
	n := store.NewMessage{Message: m, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, at)}}
	d := &n.Deliveries[0]
	d.State, d.Attempts = engawa.Failed, 1
	n.Attempts = []engawa.Attempt{{Workspace: "ws_1", Delivery: d.ID, N: 1, StartedAt: at, EndedAt: at.Add(time.Second), Outcome: engawa.OutcomeFailed, Code: "500"}}
	if err := h.Store.Enqueue(t.Context(), []store.NewMessage{n}); err != nil {
		t.Fatal(err)
	}
}

// TestEndpointsAreSwitchedOff: after five days of failures an endpoint is
// switched off, with an event for the routes and a task; switched on again, it
// gets five days anew. What was refused once, long ago, says nothing of five days.
func TestEndpointsAreSwitchedOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		h := open(t, settings(t, url))
		ctx, now := t.Context(), time.Now()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(h.Store.AddWorkspace(ctx, engawa.Workspace{ID: "ws_1", Name: "ひなた珈琲", Zone: "Asia/Tokyo", CreatedAt: now}))
		must(h.Store.AddEndpoint(ctx,
			engawa.Account{Workspace: "ws_1", ID: "acc_hook", Kind: "webhook", Name: "Zapier", Enabled: true, CreatedAt: now, Settings: map[string]string{"url": "https://a.example/x"}},
			engawa.Destination{Workspace: "ws_1", ID: "dst_hook", Name: "Zapier", Account: "acc_hook", Address: "zapier", CreatedAt: now},
			engawa.Route{Workspace: "ws_1", ID: "rte_hook", Name: "Zapier", Enabled: true, Events: []string{"a.b"}, UpdatedAt: now, Then: []engawa.Step{{To: "dst_hook", Via: []engawa.Via{{Account: "acc_hook"}}}}}))
		look := func() (on bool, events, tasks int) {
			t.Helper()
			must(h.watchEndpoints(ctx))
			a, err := h.Store.Account(ctx, "ws_1", "acc_hook")
			must(err)
			evs, err := h.Store.Events(ctx, "ws_1", store.EventFilter{Type: typeDisabled}, store.Page{})
			must(err)
			for _, e := range evs {
				must(catalogue.Check(e))
			}
			ks, err := h.Store.TaskPage(ctx, "ws_1", store.TaskFilter{Kind: "webhook.disabled"}, store.Page{})
			must(err)
			return a.Enabled, len(evs), len(ks)
		}
		stays := func(when string) {
			t.Helper()
			if on, events, tasks := look(); !on || events+tasks != 0 {
				t.Fatalf("%s: on %t, %d events, %d tasks", when, on, events, tasks)
			}
		}
		failed(t, h, now.Add(-6*24*time.Hour))
		stays("one post refused six days ago, and none since")
		failed(t, h, now.Add(-24*time.Hour-time.Minute))
		stays("before five days of failures")
		failed(t, h, now.Add(-24*time.Hour))
		for range 2 {
			if on, events, tasks := look(); on || events != 1 || tasks != 1 {
				t.Fatalf("after five days: on %t, %d events, %d tasks", on, events, tasks)
			}
		}
		a, err := h.Store.Account(ctx, "ws_1", "acc_hook")
		must(err)
		a.Enabled = true
		must(h.Store.ChangeAccount(ctx, a))
		if on, events, _ := look(); !on || events != 1 {
			t.Errorf("switched on again: on %t, %d events", on, events)
		}
	})
}

// TestReceiversOfTheSettings: the rules of the settings are those by which mail to
// a receiver waits.
func TestReceiversOfTheSettings(t *testing.T) {
	c := settings(t, storetest.SQLite(t))
	c.Receivers = config.Receivers{After: 7, Within: time.Hour, Pause: 3 * time.Minute, Most: 5 * time.Hour}
	if got, want := open(t, c).Store.Breaker, (breaker.Rules{After: 7, Within: time.Hour, Pause: 3 * time.Minute, Most: 5 * time.Hour}); got != want {
		t.Errorf("the rules are %+v, want %+v", got, want)
	}
}

// TestDisabledIsTold: the event has words in every language, with the name of
// the endpoint, for the mail to the staff.
func TestDisabledIsTold(t *testing.T) {
	h := open(t, settings(t, storetest.SQLite(t)))
	for _, l := range engawa.Locales {
		words := h.Words.DefaultTemplate(typeDisabled).Words[l]
		if !strings.Contains(words.Text, "{{name?}}") {
			t.Errorf("%s: %q", l, words.Text)
		}
	}
}
