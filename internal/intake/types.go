package intake

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

// ownTypes are the schemas of a workspace's own types, kept for a while.
type ownTypes struct {
	schemas map[string]*catalogue.Schema
	until   time.Time
}

// hold holds what a system of the business signed against the rules of what is
// posted to /v1/events. Nothing is kept of what does not fit.
func (in *Intake) hold(ctx context.Context, workspace string, evs []engawa.Event, body []byte) error {
	if err := Strict(body); err != nil {
		return err
	}
	for _, e := range evs {
		if err := (Posted{ID: e.DedupKey, Type: e.Type}).check("/timestamp", e.OccurredAt); err != nil {
			return err
		}
		if !bytes.HasPrefix(bytes.TrimSpace(e.Data), []byte("{")) {
			return engawa.Invalid("/data", "send a JSON object", "data is not a JSON object")
		}
	}
	return in.check(ctx, workspace, evs, false)
}

// check holds the data of posted events against what the catalogue and the
// workspace say of their types. A type that nobody describes is taken as it is.
func (in *Intake) check(ctx context.Context, workspace string, evs []engawa.Event, list bool) error {
	for i, e := range evs {
		s, err := in.schema(ctx, workspace, e.Type)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		place := "/data"
		if list {
			place = fmt.Sprintf("/%d/data", i)
		}
		if err := engawa.Within(place, s.Check(e.Data)); err != nil {
			return err
		}
	}
	return nil
}

// schema is that of a type's data; nil where nobody describes it.
func (in *Intake) schema(ctx context.Context, workspace, typ string) (*catalogue.Schema, error) {
	if t, ok := catalogue.Find(typ); ok {
		return t.Schema, nil
	}
	in.mu.Lock()
	own, ok := in.own[workspace]
	in.mu.Unlock()
	if ok && time.Now().Before(own.until) {
		return own.schemas[typ], nil
	}
	own = ownTypes{map[string]*catalogue.Schema{}, time.Now().Add(fresh)}
	stored, err := in.Store.EventTypes(ctx, workspace)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, e := range stored {
		if own.schemas[e.Type], err = catalogue.ParseSchema(e.Schema); err != nil {
			return nil, fmt.Errorf("event type %s: %w", e.Type, err)
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.own == nil {
		in.own = map[string]ownTypes{}
	}
	in.own[workspace] = own
	return own.schemas[typ], nil
}

// Renew forgets a workspace's own types: they have changed.
func (in *Intake) Renew(workspace string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.own, workspace)
}
