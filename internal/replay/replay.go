// Package replay hands past events to one endpoint again: it makes the messages
// that the endpoint's routes would make of them now, under the webhook-ids of the
// first time, so that a receiver which remembers ids takes each event once. What
// was told of in a digest goes in that digest again. It goes at a bounded rate, in
// steps that any node may take, and can be stopped.
package replay

import (
	"context"
	"errors"
	"slices"
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

// Step takes one step of every replay that is due. One that fails holds up no other.
func (r *Runner) Step(ctx context.Context) error {
	due, err := r.Store.DueReplays(ctx)
	errs := []error{err}
	for _, p := range due {
		errs = append(errs, r.step(ctx, p))
	}
	return errors.Join(errs...)
}

// step makes the messages of the events that are next. One that cannot be made raises
// the task that it would raise if its event came now, and the replay goes on.
func (r *Runner) step(ctx context.Context, p engawa.Replay) error {
	evs, err := r.Store.EventsBetween(ctx, p.Workspace, p.Cursor, p.From, p.To, p.PerSecond)
	if err != nil {
		return err
	}
	ms, err := r.messages(ctx, p.Workspace, p.Account, evs, stretch{p.From, p.To}, r.Compose.Unmade)
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
// many. A digest that told of one goes again whole. Whoever asks is told of one that
// cannot be made, and none goes.
func (r *Runner) Again(ctx context.Context, workspace, account string, evs []engawa.Event) (int, error) {
	ms, err := r.messages(ctx, workspace, account, evs, stretch{}, func(_ context.Context, _ message.Request, err error) error { return err })
	if err != nil || len(ms) == 0 {
		return 0, err
	}
	return len(ms), r.Store.Enqueue(ctx, ms)
}

// stretch is the part of the journal that is replayed; the zero stretch is the
// events at hand.
type stretch struct{ from, to time.Time }

// asked is what a route asks for once more.
type asked struct {
	message.Request

	told string // the message that told of its digest then; empty: it is of one event
}

// messages are those of events for an endpoint. Each goes under the webhook-id of
// the event's first message there, a digest's under that of its own.
func (r *Runner) messages(ctx context.Context, workspace, account string, evs []engawa.Event, of stretch, unmade func(context.Context, message.Request, error) error) (made []store.NewMessage, err error) {
	all, together, err := r.requests(ctx, workspace, account, evs, of)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var ids []string
	rs := make([]message.Request, len(all))
	for i, a := range all {
		if rs[i] = a.Request; a.told == "" {
			ids = append(ids, a.Event.ID)
		}
	}
	ofDigests, err := r.Store.KeysOfMessages(ctx, workspace, account, together)
	if err != nil {
		return nil, err
	}
	keys, err := r.Store.KeysOf(ctx, workspace, account, ids, ofDigests)
	if err != nil {
		return nil, err
	}
	ms, err := r.Compose.ComposeEach(ctx, workspace, rs, unmade)
	if err != nil {
		return nil, err
	}
	for i, m := range ms {
		if m == nil {
			continue
		}
		key := keys[m.Message.Event]
		if told := all[i].told; told != "" {
			key = ofDigests[told]
		}
		for j := range m.Deliveries {
			m.Deliveries[j].Key = key
		}
		made = append(made, *m)
	}
	return made, nil
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
		all, _, err := r.requests(ctx, workspace, account, evs, stretch{from, to})
		if err != nil {
			return events, messages, err
		}
		events, messages = events+len(evs), messages+len(all)
		if len(evs) < page {
			return events, messages, nil
		}
		cursor = evs[len(evs)-1].ID
	}
}

// page is how many events a count reads at once.
const page = 500

// requests are what the routes ask of events for one account, and nothing else
// of what they ask, and the messages that told of the events together with others.
// Sample data is never sent.
func (r *Runner) requests(ctx context.Context, workspace, account string, evs []engawa.Event, of stretch) (out []asked, together []string, err error) {
	routes, err := r.Store.Routes(ctx, workspace)
	if err != nil {
		return nil, nil, err
	}
	set := route.Compile(routes)
	told, err := r.told(ctx, workspace, evs, of)
	if err != nil {
		return nil, nil, err
	}
	gone := map[string]bool{} // digests that were asked for
	for _, ev := range evs {
		if ev.Sample {
			continue
		}
		customer, err := r.customer(ctx, workspace, ev.Customer)
		if err != nil {
			return nil, nil, err
		}
		plans, _ := set.Plan(ev, message.Data(ev), customer) // what could not be judged was told of when it came
		for _, p := range plans {
			if !slices.ContainsFunc(p.Step.Via, func(v engawa.Via) bool { return v.Account == account }) {
				continue
			}
			d := told[place{ev.ID, p.Route.ID, p.At}]
			if p.Step.Digest == nil || p.Step.Digest.Cause || !d.Open && d.Message == "" {
				p.Step.Digest = nil // by itself: for a cause, what happened since has come, or will not
				out = append(out, asked{Request: alone(message.FromPlans(ev, []route.Plan{p})[0], account)})
				continue
			}
			if d.Open { // it comes with the digest
				continue
			}
			together = append(together, d.Message)
			if gone[d.Digest] || of != (stretch{}) && d.First != ev.ID {
				continue
			}
			gone[d.Digest] = true
			whole, err := r.Store.Gathered(ctx, workspace, d.Message)
			if err != nil {
				return nil, nil, err
			}
			q := message.FromDigest(store.Digest{Workspace: workspace, Route: p.Route.ID, Events: whole}, p.Step)
			out = append(out, asked{alone(q, account), d.Message})
		}
	}
	return out, together, nil
}

// place is where an event was gathered.
type place struct {
	event, route string
	step         int
}

// told are the digests in which events are, or were, told of.
func (r *Runner) told(ctx context.Context, workspace string, evs []engawa.Event, of stretch) (map[place]store.Telling, error) {
	var ids []string
	for _, ev := range evs {
		ids = append(ids, ev.ID)
	}
	all, err := r.Store.TellingOf(ctx, workspace, ids, of.from, of.to)
	told := map[place]store.Telling{}
	for _, d := range all {
		told[place{d.Event, d.Route, d.Step}] = d
	}
	return told, err
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
func alone(q message.Request, account string) message.Request {
	for _, v := range q.Chain {
		if v.Account == account && v.Destination != "" {
			q.Destination, q.Customer = v.Destination, ""
			break
		}
	}
	q.Chain, q.ExpiresAt = []engawa.Via{{Account: account}}, time.Time{}
	return q
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
