package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

// people are the customers whose events a trial looks at, in two countries by
// turns; each has a key of its own, under which its events are sealed.
const people = 2_000

// trial measures how long it takes until what a changed route would have done
// otherwise is listed, on as many past events as a trial looks at.
func (r *report) trial(ctx context.Context, e engine) error {
	took, busy, err := runTrial(ctx, e)
	if err != nil {
		return err
	}
	r.line("TrialOfRoute", message.TrialEvents, figure{took.Seconds(), "s"}, figure{busy.Seconds(), "hub-cpu-s"}, figure{people, "customers"}, figure{message.TrialShown, "rows-listed"})
	r.bar(took <= barTrial, fmt.Sprintf("the difference listed in at most %s", barTrial))
	return nil
}

// runTrial asks the hub's own API what a route would have done if it gathered
// what comes within an hour and took only dear payments of customers in Japan,
// and returns how long it took until the answer listed the difference, and how
// long this process was busy with it: on a machine that others use too, the
// former is more.
func runTrial(ctx context.Context, e engine) (took, busy time.Duration, err error) {
	p, err := newPlace(ctx, e)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := p.hub(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	key, err := furnish(ctx, h, "webhook", webhookSettings("127.0.0.1:9"))
	if err == nil {
		err = pastPayments(ctx, h)
	}
	before := engawa.Route{
		Workspace: workspace, ID: "rte_bench", Name: "payments", Enabled: true, Events: []string{"payment.*"}, UpdatedAt: time.Now(),
		Then: []engawa.Step{{To: place0, Purpose: engawa.Service, Via: []engawa.Via{{Account: account}}}},
	}
	if err == nil {
		err = h.Store.SaveRoute(ctx, before)
	}
	if err == nil {
		err = p.analyze(ctx)
	}
	if err != nil {
		return 0, 0, err
	}
	const change = `{"replaces":"rte_bench","name":"payments","enabled":true,"events":["payment.*"],
		"condition":"customer.country == \"JP\" && customer.kind == \"person\" && event.data.amount >= 50000",
		"then":[{"to":"` + place0 + `","purpose":"service","via":[{"account":"` + account + `"}],"digest":{"within_seconds":3600,"count":50}}]}`
	q := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/routes:try", strings.NewReader(change))
	q.Header.Set("Authorization", "Bearer "+key.Reveal())
	q.Header.Set("Content-Type", "application/json")
	w, start, idle := httptest.NewRecorder(), time.Now(), processor()
	h.API.Handler().ServeHTTP(w, q)
	took, busy = time.Since(start), processor()-idle
	var t struct {
		Looked, Before, After, Added, Removed, Changed int
		Rows                                           []struct {
			Difference string
			Messages   []json.RawMessage
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &t); err != nil || w.Code != http.StatusOK {
		return took, busy, fmt.Errorf("a trial is answered %d: %s", w.Code, w.Body)
	}
	const n = message.TrialEvents
	want := t.Looked == n && t.Before == n && t.After == n/4 && t.Added == 0 && t.Removed == n-n/4 && t.Changed == n/4 && len(t.Rows) == message.TrialShown
	for _, row := range t.Rows { // what would be sent otherwise is shown with its message
		want = want && (row.Difference == "changed" && len(row.Messages) == 1 || row.Difference == "removed" && len(row.Messages) == 0)
	}
	if !want {
		return took, busy, fmt.Errorf("a trial on %d events says %s", n, w.Body)
	}
	return took, busy, nil
}

// processor is how long this process has been on the processors.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0 // it fails for an unknown argument alone (getrusage(2))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pastPayments journals the events, of amounts 0, 1, 2 …, the customers by turns.
func pastPayments(ctx context.Context, h *serve.Hub) error {
	for i := range people {
		id := fmt.Sprintf("cus_%06d", i)
		err := h.Store.AddCustomer(ctx, store.NewCustomer{
			Customer: engawa.Customer{Workspace: workspace, ID: id, Kind: "person", Name: "Member " + id, Locale: engawa.English, Country: []string{"JP", "KR"}[i%2], Zone: "Asia/Tokyo", CreatedAt: time.Now()},
		})
		if err != nil {
			return err
		}
	}
	const batch = 1000
	for at := 0; at < message.TrialEvents; at += batch {
		evs := make([]engawa.Event, batch)
		for i := range evs {
			now := time.Now()
			evs[i] = engawa.Event{
				Workspace: workspace, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "payment.recurring.failed",
				DedupKey: fmt.Sprint(at + i), Customer: fmt.Sprintf("cus_%06d", (at+i)%people), OccurredAt: now, ReceivedAt: now, Known: true,
				Data: fmt.Appendf(nil, `{"m":{"id":"%d","name":"Member"},"amount":%d,"currency":"JPY","attempt":1}`, at+i, at+i),
			}
		}
		if _, err := h.Store.Journal(ctx, evs); err != nil {
			return err
		}
	}
	return nil
}
