package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

const (
	// failsFor is how long every attempt on an endpoint may fail before it is
	// switched off: so that nothing is kept alive for a receiver that is no more.
	failsFor = 5 * 24 * time.Hour
	// typeDisabled is the event that says so; its routes tell the staff.
	typeDisabled = "webhook.disabled"
)

// watchEndpoints switches off the webhooks that have failed for failsFor without
// a success, raises a task and journals the event that routes tell of.
func (h *Hub) watchEndpoints(ctx context.Context) error {
	all, err := h.Store.SendingAccounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Kind != "webhook" || !a.Enabled {
			continue
		}
		if err := h.watchEndpoint(ctx, a, time.Now()); err != nil {
			return fmt.Errorf("watch %s: %w", a.ID, err)
		}
	}
	return nil
}

func (h *Hub) watchEndpoint(ctx context.Context, a engawa.Account, now time.Time) error {
	told, err := h.lastDisabled(ctx, a)
	if err != nil {
		return err
	}
	first, last, err := h.Store.Failing(ctx, a.Workspace, a.ID, told)
	if err != nil || last.Sub(first) < failsFor { // a failure with nothing after it, however old, is one failure
		return err
	}
	return h.disable(ctx, a, first, now)
}

// lastDisabled is when the endpoint was switched off before: what failed until
// then was answered for when a person switched it on again. Older than twice
// failsFor counts as never.
func (h *Hub) lastDisabled(ctx context.Context, a engawa.Account) (time.Time, error) {
	last := time.Now().Add(-2 * failsFor)
	evs, err := h.Store.Events(ctx, a.Workspace, store.EventFilter{Type: typeDisabled}, store.Page{Limit: 200})
	for _, e := range evs {
		if e.Subject == "account:"+a.ID && e.ReceivedAt.After(last) {
			last = e.ReceivedAt
		}
	}
	return last, err
}

// disable tells first and switches off then: a process that dies between says it
// once more, under the same key.
func (h *Hub) disable(ctx context.Context, a engawa.Account, since, now time.Time) error {
	data, err := json.Marshal(map[string]any{"account": a.ID, "name": a.Name, "failing_since": since.UTC()})
	if err != nil {
		return err
	}
	_, err = h.Store.Journal(ctx, []engawa.Event{{
		Workspace: a.Workspace, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: a.ID, Type: typeDisabled, DedupKey: fmt.Sprintf("disabled:%d", a.Version),
		Subject: "account:" + a.ID, OccurredAt: now.UTC(), ReceivedAt: now.UTC(), Data: data, Known: true,
	}})
	if err != nil {
		return err
	}
	err = h.Store.Raise(ctx, engawa.Task{
		Workspace: a.Workspace, Kind: typeDisabled, Ref: a.ID, DueAt: now.Add(24 * time.Hour), Args: map[string]string{"account": a.ID, "name": a.Name},
	})
	if err != nil {
		return err
	}
	a.Enabled = false
	err = h.Store.By("system").ChangeAccount(ctx, a)
	if e, ok := errors.AsType[*engawa.Error](err); ok && e.Code == engawa.CodeConflict {
		return nil // a person, or another node, has just changed it
	}
	return err
}
