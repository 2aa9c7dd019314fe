// Package replay hands past events to one endpoint again: it makes the messages
// that the endpoint's routes would make of them now, under the webhook-ids of the
// first time, so that a receiver which remembers ids takes each event once. It
// goes at a bounded rate, in steps that any node may take, and can be stopped.
package replay

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
)

// MaxPerSecond is the most events that a replay looks at in a second; Usual is
// what it does if nobody says.
const (
	MaxPerSecond = 50
	Usual        = 10
)

// Longest is the longest stretch of the journal that one replay takes.
const Longest = 31 * 24 * time.Hour

// every is how long a step rests after the one before.
const every = time.Second

// Runner takes the steps of replays. Its fields are set once.
type Runner struct {
	Store   *store.Store
	Compose *message.Composer
}

// Step takes one step of every replay that is due.
func (r *Runner) Step(ctx context.Context) error {
	due, err := r.Store.DueReplays(ctx)
	if err != nil {
		return err
	}
	for _, p := range due {
		if err := r.step(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) step(ctx context.Context, p engawa.Replay) error {
	evs, err := r.Store.EventsBetween(ctx, p.Workspace, p.Cursor, p.From, p.To, p.PerSecond)
	if err != nil {
		return err
	}
	ms, err := r.messages(ctx, p.Workspace, p.Account, evs)
	if err != nil {
		return err
	}
	step := store.ReplayStep{Looked: len(evs), Messages: ms, Done: len(evs) < p.PerSecond, Next: time.Now().Add(every)}
	if len(evs) > 0 {
		step.Cursor = evs[len(evs)-1].ID
	}
	_, err = r.Store.StepReplay(ctx, p, step) // stopped, or another node's by now: then nothing is made
	return err
}

// Again makes the messages of events for an endpoint once more and returns how
// many.
func (r *Runner) Again(ctx context.Context, workspace, account string, evs []engawa.Event) (int, error) {
	ms, err := r.messages(ctx, workspace, account, evs)
	if err != nil || len(ms) == 0 {
		return 0, err
	}
	return len(ms), r.Store.Enqueue(ctx, ms)
}

// messages are those of events for an endpoint. Each goes under the webhook-id of
// the event's first message there.
func (r *Runner) messages(ctx context.Context, workspace, account string, evs []engawa.Event) ([]store.NewMessage, error) {
	asked, err := r.requests(ctx, workspace, account, evs)
	if err != nil || len(asked) == 0 {
		return nil, err
	}
	var ids []string
	for _, a := range asked {
		ids = append(ids, a.Event.ID)
	}
	keys, err := r.Store.KeysOf(ctx, workspace, account, ids)
	if err != nil {
		return nil, err
	}
	ms, err := r.Compose.Compose(ctx, workspace, asked)
	if err != nil {
		return nil, err
	}
	for i := range ms {
		for j := range ms[i].Deliveries {
			ms[i].Deliveries[j].Key = keys[ms[i].Message.Event]
		}
	}
	return ms, nil
}

// Count says how many events a replay would look at and how many messages it
// would make, without making one.
func (r *Runner) Count(ctx context.Context, workspace, account string, from, to time.Time) (events, messages int, err error) {
	cursor := ""
	for {
		evs, err := r.Store.EventsBetween(ctx, workspace, cursor, from, to, page)
		if err != nil {
			return events, messages, err
		}
		asked, err := r.requests(ctx, workspace, account, evs)
		if err != nil {
			return events, messages, err
		}
		events, messages = events+len(evs), messages+len(asked)
		if len(evs) < page {
			return events, messages, nil
		}
		cursor = evs[len(evs)-1].ID
	}
}

// page is how many events a count reads at once.
const page = 500

// requests are what the routes ask of events for one account, and nothing else
// of what they ask. Sample data is never sent.
func (r *Runner) requests(ctx context.Context, workspace, account string, evs []engawa.Event) ([]message.Request, error) {
	routes, err := r.Store.Routes(ctx, workspace)
	if err != nil {
		return nil, err
	}
	set, err := route.Compile(routes)
	if err != nil {
		return nil, err
	}
	var out []message.Request
	for _, ev := range evs {
		if ev.Sample {
			continue
		}
		customer, err := r.customer(ctx, workspace, ev.Customer)
		if err != nil {
			return nil, err
		}
		plans := set.Plan(ev, message.Data(ev), customer)
		for i := range plans {
			if d := plans[i].Step.Digest; d != nil && d.Cause {
				plans[i].Step.Digest = nil // what happened since has come, or will not
			}
		}
		for _, q := range message.FromPlans(ev, plans) {
			if only, leads := alone(q, account); leads {
				out = append(out, only)
			}
		}
	}
	return out, nil
}

func (r *Runner) customer(ctx context.Context, workspace, id string) (engawa.Customer, error) {
	if id == "" {
		return engawa.Customer{}, nil
	}
	c, err := r.Store.Customer(ctx, workspace, id)
	if e, ok := err.(*engawa.Error); ok && e.Code == engawa.CodeNotFound { //nolint:errorlint // the store returns it as it is
		return engawa.Customer{}, nil // erased since: the fact stays, tied to nobody
	}
	return c, err
}

// alone is a request over one account of its chain, in time for now.
func alone(q message.Request, account string) (message.Request, bool) {
	for _, v := range q.Chain {
		if v.Account != account {
			continue
		}
		if v.Destination != "" {
			q.Destination, q.Customer = v.Destination, ""
		}
		q.Chain, q.ExpiresAt = []engawa.Via{{Account: account}}, time.Time{}
		return q, true
	}
	return q, false
}

// Check says what is wrong with a replay that somebody asks for.
func Check(r engawa.Replay) error {
	switch {
	case !r.To.After(r.From):
		return engawa.Invalid("/to", "name a time after from", "the stretch has no length")
	case r.To.Sub(r.From) > Longest:
		return engawa.Invalid("/to", "replay a month at a time", "the stretch is longer than 31 days")
	case r.PerSecond < 1 || r.PerSecond > MaxPerSecond:
		return engawa.Invalid("/per_second", "choose 1 to 50", "%d events a second are not allowed", r.PerSecond)
	}
	return nil
}
