// Package dispatch routes journaled events and sends what is due. Each account
// has a lane that one node holds at a time; inside it claiming, sending and
// recording go on side by side. Nothing is polled: lanes sleep until their next
// due time and are woken by new work.
package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// DefaultLease is how long a holder may be still before another takes its lane.
// MinLease leaves a hand-over time to end before that: a Cleared ends
// verdict.LeaseMargin before the lease does.
const (
	DefaultLease = 30 * time.Second
	MinLease     = 2 * verdict.LeaseMargin
)

// Dispatcher moves every event to its end. Its exported fields are set before Run.
type Dispatcher struct {
	Store   *store.Store
	Compose *message.Composer
	Rules   *rule.Set
	Kinds   []channel.Kind
	Env     channel.Env
	Log     *slog.Logger
	Owner   string        // names this process among the nodes; unique
	Lease   time.Duration // 0: DefaultLease; at least MinLease
	Count   func(account string, outcome engawa.AttemptOutcome)

	mu    sync.Mutex
	lanes map[string]*running // by account
	fresh chan struct{}       // events wait for their routes
	moved chan struct{}       // accounts changed
	tend  chan struct{}       // a receiver is to be tried at a new time
}

type running struct {
	lane  *lane
	stop  context.CancelFunc
	ended chan struct{}
	kind  string
	at    int64 // the account's version
}

// Run works until ctx ends, then lets what is under way finish and returns.
func (d *Dispatcher) Run(ctx context.Context) {
	if d.Lease == 0 {
		d.Lease = DefaultLease
	}
	d.Lease = max(d.Lease, MinLease)
	d.mu.Lock()
	d.lanes = map[string]*running{}
	d.fresh, d.moved, d.tend = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	d.mu.Unlock()
	d.Store.OnWake(d.wakeUp)
	var work sync.WaitGroup
	work.Go(func() { d.listen(ctx) })
	work.Go(func() { d.routeAll(ctx) })
	work.Go(func() { d.keepLanes(ctx) })
	work.Go(func() { d.tendReceivers(ctx) })
	work.Wait()
}

// alone reports whether no other node can hold our lanes.
func (d *Dispatcher) alone() bool { return d.Store.Lite() }

// listen takes other nodes' hints and goes on after a broken connection.
func (d *Dispatcher) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := d.Store.Listen(ctx); err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "hints from other nodes stopped; looking by itself meanwhile", "err", err)
		}
		sleep(ctx, d.Lease/10)
	}
}

// wakeUp passes on that a lane, or routing, has work.
func (d *Dispatcher) wakeUp(_, account string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch account {
	case "":
		poke(d.fresh)
		return
	case store.ReceiverWork:
		poke(d.tend)
		return
	}
	if r, ok := d.lanes[account]; ok {
		poke(r.lane.wake)
	}
	poke(d.moved) // the account may be new or changed; keepLanes looks at versions
}

// tendReceivers sees to receivers that refuse mail, until ctx ends: when one is
// tried again, and when a try counts as lost or as a success. It is told of new
// times; tendMost is for those of which it was not.
func (d *Dispatcher) tendReceivers(ctx context.Context) {
	for ctx.Err() == nil {
		wait := tendMost
		switch next, err := d.Store.TendBreakers(ctx); {
		case err != nil && ctx.Err() == nil:
			d.Log.ErrorContext(ctx, "receivers not tended", "err", err)
			wait = d.Lease
		case !next.IsZero():
			wait = min(wait, time.Until(next))
		}
		sleep(ctx, tendLeast)
		select {
		case <-ctx.Done():
		case <-d.tend:
		case <-time.After(wait - tendLeast):
		}
	}
}

// Looks are so far apart at least, since another node may hold what is due, and at most.
const (
	tendLeast = time.Second
	tendMost  = 10 * time.Minute
)

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keepLanes runs a lane for every account that can send, and starts it anew
// when the account changes.
func (d *Dispatcher) keepLanes(ctx context.Context) {
	defer d.stopAll()
	for ctx.Err() == nil {
		accounts, err := d.Store.SendingAccounts(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.ErrorContext(ctx, "accounts not read", "err", err)
		}
		for _, a := range accounts {
			if kind, ok := message.Find(d.Kinds, a.Kind); ok {
				d.keep(ctx, a, kind)
			}
		}
		select {
		case <-ctx.Done():
		case <-d.moved:
			sleep(ctx, 50*time.Millisecond) // changes come in groups
		case <-time.After(d.Lease):
		}
	}
}

func (d *Dispatcher) keep(ctx context.Context, a engawa.Account, kind channel.Kind) {
	d.mu.Lock()
	old := d.lanes[a.ID]
	d.mu.Unlock()
	if old != nil {
		if old.at == a.Version {
			return
		}
		old.stop()
		<-old.ended
	}
	laneCtx, stop := context.WithCancel(ctx)
	l := &lane{d: d, kind: kind, account: a, wake: make(chan struct{}, 1), log: d.Log.With("account", a.ID, "kind", a.Kind)}
	r := &running{lane: l, stop: stop, ended: make(chan struct{}), kind: a.Kind, at: a.Version}
	d.mu.Lock()
	d.lanes[a.ID] = r
	d.mu.Unlock()
	go func() {
		defer close(r.ended)
		l.run(laneCtx)
	}()
}

func (d *Dispatcher) stopAll() {
	d.mu.Lock()
	all := d.lanes
	d.lanes = map[string]*running{}
	d.mu.Unlock()
	for _, r := range all {
		r.stop()
	}
	for _, r := range all {
		<-r.ended
	}
}

func (d *Dispatcher) count(rs []store.Result) {
	if d.Count == nil {
		return
	}
	for _, r := range rs {
		d.Count(r.Claimed.Delivery.Account, r.Outcome)
	}
}

const routeBatch = 200

// routeAll routes new events as they come, and tells of digests as they fall due.
func (d *Dispatcher) routeAll(ctx context.Context) {
	var look time.Time // while events come, digests are looked for once a second, and when one began
	for ctx.Err() == nil {
		n, gathered, err := d.routeNew(ctx)
		if gathered {
			look = time.Time{}
		}
		wait := time.Until(look)
		if err == nil && n < routeBatch && (n == 0 || wait <= 0) {
			wait, err = d.tellDue(ctx)
			look = time.Now().Add(min(wait, time.Second))
		}
		if err != nil && ctx.Err() == nil {
			d.Log.ErrorContext(ctx, "events not routed yet", "err", err)
			sleep(ctx, time.Second)
		}
		if n == routeBatch {
			continue
		}
		select {
		case <-ctx.Done():
		case <-d.fresh:
		case <-time.After(wait):
		}
	}
}

// tellBatch is how many digests are read at once.
const tellBatch = 20

// tellDue tells of the digests that are due and says how long there is none.
func (d *Dispatcher) tellDue(ctx context.Context) (wait time.Duration, err error) {
	for {
		due, err := d.Store.DueDigests(ctx, tellBatch)
		if err != nil {
			return d.Lease, err
		}
		for _, g := range due {
			if err := d.tell(ctx, g); err != nil {
				return d.Lease, err
			}
		}
		if len(due) < tellBatch {
			break
		}
	}
	next, ok, err := d.Store.NextDigest(ctx)
	if err != nil || !ok {
		return d.Lease, err
	}
	return min(d.Lease, max(time.Until(next), time.Millisecond)), nil
}

// tell makes the message of a digest by the version of the route that opened it.
func (d *Dispatcher) tell(ctx context.Context, g store.Digest) error {
	versions, err := d.Store.RouteVersions(ctx, g.Workspace, g.Route)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(versions, func(r engawa.Route) bool { return r.Version == g.Version })
	if at < 0 || g.Step >= len(versions[at].Then) || versions[at].Then[g.Step].Digest == nil || len(g.Events) == 0 {
		return fmt.Errorf("digest %s is of no step of route %s that gathers", g.ID, g.Route)
	}
	r := message.FromDigest(g, versions[at].Then[g.Step])
	ms, err := d.Compose.Compose(ctx, g.Workspace, []message.Request{r})
	if err != nil {
		if err := d.unmade(ctx, r, err); err != nil {
			return err
		}
	}
	_, err = d.Store.Tell(ctx, g, ms) // another event or another node came first: the next look tells
	return err
}

// routeNew plans the messages of the events that no route has seen, and stores
// them with the events' mark. Two nodes may plan the same event; one stores.
// gathered: a digest may have begun.
func (d *Dispatcher) routeNew(ctx context.Context) (n int, gathered bool, err error) {
	evs, err := d.Store.Unrouted(ctx, routeBatch)
	if err != nil {
		return 0, false, err
	}
	routed := make([]store.Routed, 0, len(evs))
	for len(evs) > 0 {
		n := 1
		for n < len(evs) && evs[n].Workspace == evs[0].Workspace {
			n++
		}
		part, err := d.plan(ctx, evs[0].Workspace, evs[:n])
		if err != nil {
			return 0, false, err
		}
		routed, evs = append(routed, part...), evs[n:]
	}
	if len(routed) == 0 {
		return 0, false, nil
	}
	gathered = slices.ContainsFunc(routed, func(r store.Routed) bool { return len(r.Gathered) > 0 })
	return len(routed), gathered, d.Store.Route(ctx, routed)
}

// plan composes what the events of one workspace cause. An event whose
// messages cannot be made (a template was removed, a condition cannot be judged)
// raises a task instead of stopping those behind it.
func (d *Dispatcher) plan(ctx context.Context, workspace string, evs []engawa.Event) ([]store.Routed, error) {
	routes, err := d.Store.Routes(ctx, workspace)
	if err != nil {
		return nil, err
	}
	set := route.Compile(routes)
	out := make([]store.Routed, len(evs))
	var all []message.Request
	var of []int
	for i, ev := range evs {
		out[i] = store.Routed{Workspace: workspace, Event: ev.ID}
		var c engawa.Customer
		if ev.Customer != "" {
			if c, err = d.Store.Customer(ctx, workspace, ev.Customer); err != nil {
				return nil, err
			}
		}
		plans, broken := set.Plan(ev, message.Data(ev), c)
		if ev.Hops > engawa.MaxHops && len(plans) > 0 {
			plans, broken = nil, append(broken, route.Broken{Route: plans[0].Route, Err: errCircles})
		}
		for _, b := range broken {
			if err := d.unmade(ctx, message.Request{Workspace: workspace, Route: b.Route.ID, Event: &ev}, b.Err); err != nil {
				return nil, err
			}
		}
		out[i].Marks, out[i].Gathered = catalogue.Marks(ev), message.Gather(ev, plans)
		for _, r := range message.FromPlans(ev, plans) {
			all, of = append(all, r), append(of, i)
		}
	}
	once := message.Once{}
	ms, err := d.Compose.ComposeEach(ctx, workspace, all, d.unmade)
	if err != nil {
		return nil, err
	}
	for j, m := range ms {
		if m != nil && once.Due(*m) {
			out[of[j]].Messages = append(out[of[j]].Messages, *m)
		}
	}
	return out, nil
}

// errCircles stops what would go round: the hub's own message came back to it as an
// event, and again.
var errCircles = &engawa.Error{
	Code: engawa.CodeConflict, Message: fmt.Sprintf("the event came of more than %d messages of this hub, one out of the other; its routes did not act", engawa.MaxHops),
	Remedy: "look where the route's messages go: a mailbox that is forwarded to this hub, or whose mail comes back",
}

// unmade raises a task for a message that a route asks for and that cannot be
// made. Trouble of the database is returned: then nothing is marked routed.
func (d *Dispatcher) unmade(ctx context.Context, r message.Request, err error) error {
	if failed := d.Compose.Unmade(ctx, r, err); failed != nil {
		return failed
	}
	d.Log.WarnContext(ctx, "a route's message could not be made", "route", r.Route, "err", err)
	return nil
}
