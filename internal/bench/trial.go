package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
)

// runTrial tries a change of a route with a condition on as many past events as a
// trial looks at, and returns how long that took.
func runTrial(ctx context.Context, e engine) (took time.Duration, err error) {
	p, err := newPlace(ctx, e)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := p.hub(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if _, err := furnish(ctx, h, "webhook", webhookSettings("127.0.0.1:9")); err != nil {
		return 0, err
	}
	const batch = 1000
	for at := 0; at < message.TrialEvents; at += batch {
		evs := make([]engawa.Event, batch)
		for i := range evs {
			now := time.Now()
			evs[i] = engawa.Event{
				Workspace: workspace, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "payment.recurring.failed",
				DedupKey: fmt.Sprint(at + i), OccurredAt: now, ReceivedAt: now, Known: true,
				Data: fmt.Appendf(nil, `{"m":{"id":"%d","name":"Member"},"amount":%d,"currency":"JPY","attempt":1}`, at+i, at+i),
			}
		}
		if _, err := h.Store.Journal(ctx, evs); err != nil {
			return 0, err
		}
	}
	before := engawa.Route{
		Workspace: workspace, Name: "payments", Events: []string{"payment.*"}, Then: []engawa.Step{{To: place0, Purpose: engawa.Service, Via: []engawa.Via{{Account: account}}}},
	}
	after := before
	after.Condition = "event.data.amount >= 50000"
	start := time.Now()
	t, err := h.Compose.Try(ctx, workspace, &before, after)
	took = time.Since(start)
	if err == nil && (t.Looked != message.TrialEvents || t.Before != t.Looked || t.Removed != t.Looked/2) {
		err = fmt.Errorf("a trial on %d events says %+v", message.TrialEvents, t)
	}
	return took, err
}
