// Package intake takes events in: what providers call us with, and what the
// business's own systems post. What it acknowledges is durable.
package intake

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/store"
)

// Intake accepts events. Its exported fields are set once.
type Intake struct {
	Store *store.Store
	Kinds []channel.Kind
	Env   channel.Env

	mu   sync.Mutex
	open map[string]opened
}

// opened is an account's receiver, kept while its version stands.
type opened struct {
	account  engawa.Account
	receiver channel.Receiver
	until    time.Time
}

// fresh is how long an account is used before its row is looked at again: a
// switch-off takes effect within it on every node.
const fresh = 5 * time.Second

// Accept verifies one callback for an account, translates it and journals its
// events. It returns only when they are durable. The error is an *engawa.Error.
func (in *Intake) Accept(ctx context.Context, accountID string, h http.Header, body []byte) error {
	o, err := in.receiver(ctx, accountID)
	if err != nil {
		return err
	}
	evs, err := o.receiver.Receive(h, body)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	for i := range evs {
		evs[i].Workspace, evs[i].Account = o.account.Workspace, o.account.ID
		evs[i].ID, evs[i].ReceivedAt = engawa.NewOrderedID(engawa.PrefixEvent, now), now
		if evs[i].OccurredAt.IsZero() {
			evs[i].OccurredAt = now
		}
		evs[i].Trace = h.Get("Traceparent")
	}
	if len(evs) == 0 {
		return nil // the provider's check that somebody is here
	}
	_, err = in.Store.Journal(ctx, evs)
	return err
}

func (in *Intake) receiver(ctx context.Context, id string) (opened, error) {
	in.mu.Lock()
	o, ok := in.open[id]
	in.mu.Unlock()
	if ok && time.Now().Before(o.until) {
		return o, nil
	}
	ws, err := in.Store.WorkspaceOf(ctx, id)
	if err != nil {
		return o, err
	}
	a, err := in.Store.Account(ctx, ws, id)
	if err != nil {
		return o, err
	}
	if !a.Enabled {
		return o, engawa.NotFound("account that is switched on")
	}
	if !ok || o.account.Version != a.Version {
		r, err := in.openReceiver(a)
		if err != nil {
			return o, err
		}
		o = opened{account: a, receiver: r}
	}
	o.until = time.Now().Add(fresh)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.open == nil {
		in.open = map[string]opened{}
	}
	in.open[id] = o
	return o, nil
}

// openReceiver opens the account as a source, or as a channel that also receives.
func (in *Intake) openReceiver(a engawa.Account) (channel.Receiver, error) {
	for _, k := range in.Kinds {
		if k.Name != a.Kind {
			continue
		}
		s, err := k.Check(a.Settings)
		if err != nil {
			return nil, err
		}
		env := in.Env
		env.Account = a.ID
		if k.Source != nil {
			return k.Source(s, env)
		}
		ch, err := k.New(s, env)
		if err != nil {
			return nil, err
		}
		if r, ok := ch.(channel.Receiver); ok {
			return r, nil
		}
	}
	return nil, engawa.NotFound("account that takes callbacks")
}

// maxBatch is how many events one call may bring.
const maxBatch = 1000

// eventType is lower-case words joined by dots: "contract.terminated".
var eventType = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,7}$`)

// Events journals events that a system of the business posted, all of them or
// none. Each has its workspace, type, dedup key and data filled in by the caller.
func (in *Intake) Events(ctx context.Context, workspace string, evs []engawa.Event) ([]store.Journaled, error) {
	if len(evs) == 0 || len(evs) > maxBatch {
		return nil, engawa.Invalid("", "post between 1 and 1000 events in one call", "there are %d events", len(evs))
	}
	now := time.Now().UTC()
	for i := range evs {
		e := &evs[i]
		if err := check(*e, now); err != nil {
			err.Field = fmt.Sprintf("/%d%s", i, err.Field)
			return nil, err
		}
		e.Workspace, e.Account, e.Known = workspace, engawa.SourceAPI, true
		e.ID, e.ReceivedAt = engawa.NewOrderedID(engawa.PrefixEvent, now), now
		if e.OccurredAt.IsZero() {
			e.OccurredAt = now
		}
	}
	return in.Store.Journal(ctx, evs)
}

func check(e engawa.Event, now time.Time) *engawa.Error {
	switch {
	case !eventType.MatchString(e.Type) || len(e.Type) > 120:
		return engawa.Invalid("/type", `write lower-case words joined by dots, such as "contract.terminated"`, "%q is not an event type", e.Type)
	case e.DedupKey == "" || len(e.DedupKey) > 255:
		return engawa.Invalid("/id", "give every event an id of its own, 1 to 255 characters; the same id is the same event", "the id has %d characters", len(e.DedupKey))
	case !e.OccurredAt.IsZero() && (e.OccurredAt.Year() < 2000 || e.OccurredAt.After(now.Add(24*time.Hour))):
		return engawa.Invalid("/occurred_at", "give the time at which it happened", "%s is not a time at which something can have happened", e.OccurredAt.Format(time.RFC3339))
	case len(e.Subject) > 255:
		return engawa.Invalid("/subject", "shorten it to 255 characters", "the subject has %d characters", len(e.Subject))
	}
	return nil
}
