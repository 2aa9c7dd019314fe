package message

import (
	"context"
	"errors"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// ComposeEach composes what routes ask for and puts each message in its request's
// place. One that cannot be made (a template was removed, an event is too long for an
// endpoint) holds up none of the others: its place is nil, and unmade is told. No
// request has a Cause.
func (c *Composer) ComposeEach(ctx context.Context, workspace string, rs []Request, unmade func(context.Context, Request, error) error) ([]*store.NewMessage, error) {
	out := make([]*store.NewMessage, len(rs))
	ms, err := c.Compose(ctx, workspace, rs)
	for i := range ms {
		out[i] = &ms[i]
	}
	if err == nil {
		return out, nil
	}
	for i, r := range rs { // one by one, to find the one that cannot be made
		ms, err := c.Compose(ctx, workspace, rs[i:i+1])
		switch {
		case err == nil:
			out[i] = &ms[0]
			continue
		case ctx.Err() != nil:
			return nil, err
		case r.Late && asTold(err).Field == "/expires_at":
			continue // its quiet time outlasts it
		}
		if err := unmade(ctx, r, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Unmade raises a task for a message that a route asks for and that cannot be made.
// Trouble of the database is returned: it may pass.
func (c *Composer) Unmade(ctx context.Context, r Request, err error) error {
	e := asTold(err)
	if e.Code == "" || e.Code == engawa.CodeUnavailable {
		return err
	}
	ev := r.Event
	if ev == nil {
		ev = &r.Digest[0]
	}
	return c.Store.Raise(ctx, engawa.Task{
		Workspace: r.Workspace, Kind: "route.broken", Ref: r.Route, DueAt: time.Now().Add(time.Hour),
		Args: map[string]string{"route": r.Route, "event": ev.ID, "problem": e.Message},
	})
}

// asTold returns the error that a user may read; the zero one, if err is none.
func asTold(err error) engawa.Error {
	if e, ok := errors.AsType[*engawa.Error](err); ok {
		return *e
	}
	return engawa.Error{}
}
