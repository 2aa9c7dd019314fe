// Package intake takes events in: what providers call us with, and what the
// business's own systems post. What it acknowledges is durable.
package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
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
	// Follow is told, by the kind of its account, of each event before it is
	// journaled, and may say whose it is. An *engawa.Error of CodeUnavailable takes
	// nothing and has the sender come again; after any other the event is journaled
	// all the same, and a person is told.
	Follow map[string]func(context.Context, engawa.Account, *engawa.Event) error
	// Keep journals the events of accounts of a kind where more is kept with them in
	// the same transaction. Its error is an *engawa.Error.
	Keep map[string]func(context.Context, engawa.Account, []engawa.Event) error

	// Elsewhere says, by the kind of an account that refused a callback and why, which
	// account of the workspace it is for; empty: none. That one proves it anew.
	Elsewhere map[string]func(context.Context, engawa.Account, error) (string, error)

	mu   sync.Mutex
	open map[string]opened
	own  map[string]ownTypes
}

// opened is an account's receiver, kept while its version stands.
type opened struct {
	account  engawa.Account
	receiver channel.Receiver
	posts    bool // events of the business itself
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
	o, evs, err := in.receive(ctx, o, h, body)
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
		evs[i].Trace = trace(h)
		if err := in.answer(ctx, &evs[i]); err != nil {
			return unavailable(err)
		}
		if err := in.follow(ctx, o.account, &evs[i]); err != nil {
			return err
		}
		in.introduce(&evs[i], o.posts)
	}
	if len(evs) == 0 {
		return nil // the provider's check that somebody is here
	}
	if o.posts {
		if err := in.hold(ctx, o.account.Workspace, evs, body); err != nil {
			return err
		}
	}
	if keep := in.Keep[o.account.Kind]; keep != nil {
		return keep(ctx, o.account, evs)
	}
	_, err = in.Store.Journal(ctx, evs)
	return err
}

// receive proves a callback at the account that it came to, or at the one that it
// is for.
func (in *Intake) receive(ctx context.Context, o opened, h http.Header, body []byte) (opened, []engawa.Event, error) {
	evs, refused := o.receiver.Receive(h, body)
	find := in.Elsewhere[o.account.Kind]
	if refused == nil || find == nil {
		return o, evs, refused
	}
	id, err := find(ctx, o.account, refused)
	if err != nil {
		return o, nil, unavailable(err)
	}
	if id == "" {
		return o, nil, refused
	}
	if o, err = in.receiver(ctx, id); err != nil {
		return o, nil, err
	}
	evs, err = o.receiver.Receive(h, body)
	return o, evs, err
}

// answer ties a reply to the message that it answers, where the hub sent that:
// it becomes what the event is about, and its data name it.
func (in *Intake) answer(ctx context.Context, e *engawa.Event) error {
	if e.Answers == "" {
		return nil
	}
	message, err := in.Store.Answered(ctx, e.Workspace, e.Account, e.Answers)
	if err != nil || message == "" {
		return err
	}
	data := map[string]json.RawMessage{}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return fmt.Errorf("read a reply's data: %w", err)
	}
	data["message"] = json.RawMessage(strconv.Quote(message)) // an id needs no escape
	if e.Data, err = json.Marshal(data); err != nil {
		return fmt.Errorf("write a reply's data: %w", err)
	}
	e.Subject = store.AboutMessage(message)
	return nil
}

// follow has who follows the account's kind look at an event.
func (in *Intake) follow(ctx context.Context, a engawa.Account, e *engawa.Event) error {
	look := in.Follow[a.Kind]
	if look == nil {
		return nil
	}
	err := look(ctx, a, e)
	if engawa.CodeOf(err) == engawa.CodeUnavailable {
		return err
	}
	if err != nil {
		in.Env.Log.WarnContext(ctx, "an event is kept, but not followed", "event", e.ID, "err", err)
		return in.Env.Raise(ctx, engawa.Task{Workspace: a.Workspace, Kind: "purchase.unread", Ref: a.ID, Args: map[string]string{"event": e.ID}})
	}
	return nil
}

func (in *Intake) receiver(ctx context.Context, id string) (opened, error) {
	in.mu.Lock()
	o, ok := in.open[id]
	in.mu.Unlock()
	if ok && time.Now().Before(o.until) {
		return o, nil
	}
	a, err := in.account(ctx, id)
	if err != nil {
		return o, err
	}
	if !ok || o.account.Version != a.Version {
		r, posts, err := in.openReceiver(a)
		if err != nil {
			return o, err
		}
		o = opened{account: a, receiver: r, posts: posts}
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

// account looks an account up. What is unknown and what is switched off are
// answered alike; trouble of the database is CodeUnavailable, so that the
// provider comes back.
func (in *Intake) account(ctx context.Context, id string) (engawa.Account, error) {
	ws, err := in.Store.WorkspaceOf(ctx, id)
	if err != nil {
		return engawa.Account{}, unavailable(err)
	}
	a, err := in.Store.Account(ctx, ws, id)
	if err == nil && !a.Enabled {
		err = noReceiver()
	}
	return a, unavailable(err)
}

func noReceiver() *engawa.Error { return engawa.NotFound("account that takes callbacks") }

func unavailable(err error) error {
	var told *engawa.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told) && told.Code == engawa.CodeNotFound:
		return noReceiver()
	case errors.As(err, &told):
		return err
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "the database cannot be read now; nothing was taken", Remedy: "send it again in a moment", Err: err}
}

// openReceiver opens the account as a source, or as a channel that also receives.
// posts tells whether the business itself speaks there.
func (in *Intake) openReceiver(a engawa.Account) (r channel.Receiver, posts bool, err error) {
	for _, k := range in.Kinds {
		if k.Name != a.Kind {
			continue
		}
		s, err := k.Check(a.Settings)
		if err != nil {
			return nil, false, err
		}
		env := in.Env
		env.Account = a.ID
		if k.Source != nil {
			r, err = k.Source(s, env)
			return r, k.Posts, err
		}
		if k.New == nil {
			break // it takes mail only
		}
		ch, err := k.New(s, env)
		if err != nil {
			return nil, false, err
		}
		if r, ok := ch.(channel.Receiver); ok {
			return r, k.Posts, nil
		}
	}
	return nil, false, noReceiver()
}

// MaxBatch is how many events one call may bring.
const MaxBatch = 1000

// Events journals what a system of the business posted, all of it or nothing,
// and returns when it is durable. proves: it may say that an address is a
// customer's own. list tells whether a list was posted. The error is an *engawa.Error.
func (in *Intake) Events(ctx context.Context, workspace string, h http.Header, body []byte, proves bool) (out []store.Journaled, list bool, err error) {
	evs, list, err := read(h, body)
	if err != nil {
		return nil, list, err
	}
	if err := in.check(ctx, workspace, evs, list); err != nil {
		return nil, list, err
	}
	now := time.Now().UTC()
	for i := range evs {
		e := &evs[i]
		e.Workspace, e.Account, e.Known = workspace, engawa.SourceAPI, true
		e.ID, e.ReceivedAt = engawa.NewOrderedID(engawa.PrefixEvent, now), now
		if e.OccurredAt.IsZero() {
			e.OccurredAt = now
		}
		if e.Trace == "" {
			e.Trace = trace(h)
		}
		in.introduce(e, proves)
	}
	out, err = in.Store.Journal(ctx, evs)
	return out, list, err
}

// maxTrace is the longest trace context that is kept; version 00 has 55 characters.
const maxTrace = 100

// trace returns the caller's trace context, if it can be one (W3C Trace Context §3.2).
func trace(h http.Header) string {
	if t := h.Get("Traceparent"); len(t) <= maxTrace {
		return t
	}
	return ""
}
