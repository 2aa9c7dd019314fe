package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

const (
	batch     = 1024                   // deliveries that one claim takes at most
	waiting   = 2 * batch              // deliveries that may wait for a connection at most
	ahead     = 200 * time.Millisecond // how far a claim may take a steady rate in advance
	idleBeat  = 10 * time.Second       // a holder shows at least so often that it lives
	maxSkew   = time.Second            // a node whose clock is further from the database's does not send
	together  = 20 * time.Millisecond  // how long a result waits for others to be recorded with
	recordMax = 1024
)

// lane sends what one account has to send, while this node holds it.
type lane struct {
	d       *Dispatcher
	kind    channel.Kind
	account engawa.Account
	wake    chan struct{} // capacity 1
	log     *slog.Logger

	row      store.Lane
	ch       channel.Channel
	settings channel.Settings
	mu       sync.Mutex // pace: the claimer takes, the recorder learns
	pace     *pace
	conns    int
	ends     atomic.Int64 // when the lease ends, Unix microseconds
	jobs     chan job
	done     chan store.Result
	flying   atomic.Int64 // claimed and not yet recorded
	window   atomic.Int64 // how many jobs may wait for a connection
	sent     atomic.Int64 // since the window was last set
	busy     atomic.Int64 // nanoseconds that these kept connections
	full     atomic.Bool  // the claimer waits for room
	lost     atomic.Bool

	asked   bool      // a person was asked to repair the account
	more    bool      // the last claim may have left due work behind
	clockAt time.Time // when the clock was last found right
}

// job is a cleared delivery on its way to a connection.
type job struct {
	c      *store.Claimed
	m      verdict.Cleared
	not    time.Time // its slot: not before
	lookUp bool      // before it is sent again
	lost   bool      // it may have arrived, and nobody can look any more
}

// run holds the lane whenever it can, until ctx ends.
func (l *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		if l.take(ctx) {
			l.hold(ctx)
		}
	}
}

// take waits for work and then for the lane. A lane that another node holds is
// taken over when its beat has not moved for a lease's length of our own
// clock, which needs no clock in common.
func (l *lane) take(ctx context.Context) bool {
	if !l.waitForWork(ctx) {
		return false
	}
	seen, err := l.d.Store.Lane(ctx, l.account.Workspace, l.account.ID)
	if err == nil && seen.Owner != "" && !l.d.alone() {
		seen, err = l.watch(ctx, seen)
	}
	if err == nil {
		var held bool
		if l.row, held, err = l.d.Store.Hold(ctx, l.d.Owner, seen); held {
			return true
		}
	}
	if err != nil && ctx.Err() == nil {
		l.log.ErrorContext(ctx, "lane not taken", "err", err)
	}
	sleep(ctx, time.Second)
	return false
}

// watch waits until the lane is given back or its holder has been still for a
// lease.
func (l *lane) watch(ctx context.Context, seen store.Lane) (store.Lane, error) {
	still := time.Now()
	for time.Since(still) < l.d.Lease {
		if !sleep(ctx, l.d.Lease/10) {
			return seen, ctx.Err()
		}
		cur, err := l.d.Store.Lane(ctx, seen.Workspace, seen.Account)
		if err != nil || cur.Owner == "" {
			return cur, err
		}
		if cur.Owner != seen.Owner || cur.Beat != seen.Beat {
			seen, still = cur, time.Now()
		}
	}
	return seen, nil
}

// waitForWork sleeps until something is due; it is woken by new work. It looks
// by itself only as often as a lease, in case a hint was lost.
func (l *lane) waitForWork(ctx context.Context) bool {
	for {
		due, deadline, ok, err := l.d.Store.Next(ctx, l.account.Workspace, l.account.ID)
		if err != nil && ctx.Err() == nil {
			l.log.ErrorContext(ctx, "lane not read", "err", err)
		}
		if ok && !earlier(due, deadline).After(time.Now()) {
			return true
		}
		if l.orphaned(ctx) {
			return true
		}
		wait := l.d.Lease
		if ok {
			wait = min(wait, time.Until(earlier(due, deadline)))
		}
		select {
		case <-ctx.Done():
			return false
		case <-l.wake:
		case <-time.After(wait):
		}
	}
}

// orphaned reports whether an earlier holder left hand-overs open.
func (l *lane) orphaned(ctx context.Context) bool {
	n, err := l.d.Store.Sending(ctx, l.account.Workspace, l.account.ID)
	return err == nil && n > 0
}

func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// hold sends until there is nothing to do, the lane is lost, or ctx ends; then
// it lets what is under way finish, records it and gives the lane back.
func (l *lane) hold(ctx context.Context) {
	if err := l.open(ctx); err != nil {
		l.unopened(ctx, err)
		l.release(ctx)
		sleep(ctx, l.d.Lease/3)
		return
	}
	var senders, recorder sync.WaitGroup
	for range l.conns {
		senders.Go(func() { l.send(ctx) })
	}
	recorder.Go(func() { l.record(context.WithoutCancel(ctx)) })
	l.claim(ctx)
	close(l.jobs)
	senders.Wait()
	close(l.done)
	recorder.Wait()
	if c, ok := l.ch.(channel.Closer); ok {
		if err := c.Close(); err != nil {
			l.log.WarnContext(ctx, "connections not closed cleanly", "err", err)
		}
	}
	l.release(ctx)
}

// unopened asks a person to repair the settings, once for each time that the lane
// is started: a changed account starts it anew.
func (l *lane) unopened(ctx context.Context, err error) {
	l.log.ErrorContext(ctx, "account not opened", "err", err)
	if l.asked || ctx.Err() != nil {
		return
	}
	err = l.d.Store.Raise(ctx, engawa.Task{
		Workspace: l.account.Workspace, Kind: "account.closed", Ref: l.account.ID, DueAt: time.Now().Add(time.Hour),
		Args: map[string]string{"account": l.account.ID, "code": "settings"},
	})
	l.asked = err == nil
}

// What waits for a connection is claimed already, and a withdrawal comes too
// late for it. So it is little: perConn for each connection or, where the
// receiver is fast and the claim's commit is what takes time, as much as the
// connections take in reach.
const (
	perConn = 8
	reach   = 200 * time.Millisecond
)

// fits sets the window by how long connections were kept since it was last set.
func (l *lane) fits() {
	n, busy := l.sent.Swap(0), l.busy.Swap(0)
	if n == 0 {
		return // what is recorded now was counted with those before
	}
	fast := float64(l.conns) * float64(n) * float64(reach) / float64(max(1, busy))
	l.window.Store(max(int64(l.conns*perConn), int64(min(fast, waiting))))
}

// room is how many more may wait for a connection: none until half of them are
// gone, so that claims are worth their commits.
func (l *lane) room() int {
	window := int(l.window.Load())
	if room := window - len(l.jobs); room >= max(1, window/2) {
		return room
	}
	return 0
}

// open readies the account and settles what an earlier holder left behind.
func (l *lane) open(ctx context.Context) error {
	l.renewed()
	l.lost.Store(false)
	l.more = true
	settings, err := l.kind.Check(l.account.Settings)
	if err != nil {
		return err
	}
	env := l.d.Env
	env.Account = l.account.ID
	if l.ch, err = l.kind.New(settings, env); err != nil {
		return err
	}
	l.settings = settings
	var limits []channel.Limit
	if l.kind.Limits != nil {
		limits = l.kind.Limits(settings)
	}
	l.pace = newPace(limits, l.row.Pace)
	l.conns = l.kind.Connections(settings)
	l.window.Store(int64(l.conns * perConn))
	l.jobs, l.done = make(chan job, max(waiting, l.conns*perConn)), make(chan store.Result, recordMax)
	n, err := l.d.Store.Recover(ctx, l.row, func(d engawa.Delivery) (engawa.DeliveryState, string) {
		return afterUnknown(l.kind, d, time.Now())
	}, l.ask())
	if n > 0 {
		l.log.WarnContext(ctx, "took over hand-overs without an end", "count", n)
	}
	return err
}

// ask says what a person is asked about a hand-over without an end, where that
// depends on its message; nil: it does not.
func (l *lane) ask() func(*store.Claimed) engawa.Task {
	if l.kind.Form == nil {
		return nil
	}
	return func(c *store.Claimed) engawa.Task {
		c.Entry = l.entry(c)
		return look(l.kind, c, time.Now())
	}
}

// entry is what a message of an account that fills in a form has to do with the list
// behind it; nil: the kind is another.
func (l *lane) entry(c *store.Claimed) *store.Entry {
	if l.kind.Form == nil {
		return nil
	}
	act, typed := l.kind.Form.Typed(l.settings, c.Message.Content, c.Known.ToName, c.Known.To)
	e := &store.Entry{Registers: act == channel.Register, Plans: l.kind.Form.Plans(l.settings, c.Message.Content)}
	for _, t := range typed {
		switch t.Key {
		case "mail":
			e.Mail = t.Value
		case "name":
			e.Name = t.Value.Reveal()
		case "kana":
			e.Kana = t.Value.Reveal()
		}
	}
	return e
}

// release gives the lane back even when ctx has ended.
func (l *lane) release(ctx context.Context) {
	if l.lost.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if l.pace != nil {
		l.row.Pace.TAT = l.pace.tat
	}
	if err := l.d.Store.Release(ctx, l.row); err != nil {
		l.log.WarnContext(ctx, "lane not given back; it is free after its lease", "err", err)
	}
}

func (l *lane) renewed() { l.ends.Store(time.Now().Add(l.d.Lease).UnixMicro()) }

func (l *lane) leaseEnd() time.Time { return time.UnixMicro(l.ends.Load()) }

// claim claims and hands to the senders until ctx ends, the lane is lost, or,
// where other nodes could use it, nothing has been due for a while.
func (l *lane) claim(ctx context.Context) {
	busy := time.Now()
	for ctx.Err() == nil && !l.lost.Load() {
		wait, worked := l.step(ctx)
		if worked || l.flying.Load() > 0 {
			busy = time.Now()
		}
		if worked && wait == 0 {
			continue
		}
		if !l.d.alone() && wait > l.d.Lease && time.Since(busy) > l.d.Lease {
			return
		}
		l.rest(ctx, wait)
	}
}

// step makes one claim if something is due and the limits allow it, and says
// how long there is nothing to do after it.
func (l *lane) step(ctx context.Context) (wait time.Duration, worked bool) {
	l.full.Store(true)
	room := l.room()
	if room == 0 {
		return 50 * time.Millisecond, false // a sender nudges before that
	}
	l.full.Store(false)
	l.mu.Lock()
	free, at := l.pace.free(time.Now(), ahead)
	l.mu.Unlock()
	n := min(room, free, batch)
	if !l.more || n < 1 {
		due, deadline, ok, err := l.d.Store.Next(ctx, l.account.Workspace, l.account.ID)
		if err != nil {
			l.failed(ctx, err)
			return time.Second, false
		}
		if !ok {
			return 2 * l.d.Lease, false
		}
		if next := earlier(later(due, at), deadline); next.After(time.Now()) {
			return time.Until(next), false
		}
	}
	return l.claimSome(ctx, n)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// claimSome claims up to n (0: only ends what is too late) and hands it on.
func (l *lane) claimSome(ctx context.Context, n int) (wait time.Duration, worked bool) {
	jobs, end, err := l.claimOnce(ctx, n)
	if err != nil {
		l.failed(ctx, err)
		return time.Second, false
	}
	l.more = end.More
	for _, j := range jobs {
		l.flying.Add(1)
		l.jobs <- j // step made sure of the room
	}
	if end.PausedUntil.After(time.Now()) {
		l.more = false
		return time.Until(end.PausedUntil), false
	}
	return 0, true
}

// claimOnce claims up to n and returns them cleared.
func (l *lane) claimOnce(ctx context.Context, n int) ([]job, store.ClaimEnd, error) {
	if err := l.checkClock(ctx); err != nil {
		return nil, store.ClaimEnd{}, err
	}
	l.mu.Lock()
	trial := l.pace.clone()
	l.mu.Unlock()
	cleared := make(map[string]job, n)
	judge := func(c *store.Claimed) store.Decision {
		j, d := l.judge(c, trial)
		cleared[c.Delivery.ID] = j
		return d
	}
	decide := store.Decide{Judge: judge, Pace: func() store.Pace { return trial.save(time.Now()) }}
	if l.kind.Between != nil {
		decide.Between = l.between
	}
	if l.kind.Form != nil {
		decide.Late = func(c *store.Claimed) *engawa.Task {
			c.Entry = l.entry(c)
			return byHand(l.kind, c, "expired", time.Now())
		}
	}
	going, end, err := l.d.Store.Claim(ctx, l.row, n, decide)
	if err != nil {
		return nil, end, err
	}
	l.renewed()
	l.mu.Lock()
	l.adopt(trial)
	l.mu.Unlock()
	jobs := make([]job, len(going))
	for i, c := range going {
		jobs[i] = cleared[c.Delivery.ID]
		jobs[i].c = c
		if c.Message.Offer != "" {
			jobs[i].m.PutCode(c.Message.Offer, c.AppleID, c.Code)
		}
	}
	return jobs, end, nil
}

// checkClock refuses to send on a clock that is not the database's; it asks
// every few seconds.
func (l *lane) checkClock(ctx context.Context) error {
	if time.Since(l.clockAt) < idleBeat {
		return nil
	}
	skew, err := l.d.Store.Skew(ctx)
	if err == nil && skew.Abs() > maxSkew {
		err = errors.New("this node's clock is more than a second from the database's")
	}
	if err == nil {
		l.clockAt = time.Now()
	}
	return err
}

// adopt keeps what a claim used, and what answers said meanwhile.
func (l *lane) adopt(trial *pace) {
	for scope, t := range l.pace.shut {
		if t.After(trial.shut[scope]) {
			trial.shut[scope] = t
		}
	}
	l.pace = trial
}

// judge clears one candidate, or says why it waits or does not go: pure but
// for the pace it uses up.
func (l *lane) judge(c *store.Claimed, p *pace) (job, store.Decision) {
	now := time.Now()
	key := c.Delivery.Key
	if key == "" {
		key = c.Delivery.ID
	}
	f := message.Complete(c.Known, l.kind, c.Message, now)
	f.Final = true
	f.Budgets = p.spent(f.Budgets, now)
	parcel := l.parcel(c, key)
	m, v := verdict.Clear(f, l.d.Rules, now, parcel, l.leaseEnd())
	d := store.Decision{Facts: f, Verdict: v, Key: key}
	if v.Outcome != engawa.Send {
		return job{}, d
	}
	c.Entry = l.entry(c)
	ask := c.Watch.Ask(now)
	if ask == breaker.Wait {
		d.Later, d.Held = now.Add(store.HeldFor), true
		return job{}, d
	}
	slot, ok := p.take(c.Known.To, now, ahead)
	if !ok {
		d.Later = slot
		return job{}, d
	}
	if ask == breaker.Try {
		c.Watch.Try(c.Delivery.ID, now)
	}
	return l.doubted(job{m: m, not: slot}, c.Delivery, now), d
}

// doubted says what is done first about a delivery that may have arrived. It is
// asked when it goes, however long it waited for a limit or a person meanwhile.
func (l *lane) doubted(j job, d engawa.Delivery, now time.Time) job {
	if !d.Doubt {
		return j
	}
	state, note := afterUnknown(l.kind, d, now)
	j.lost, j.lookUp = state == engawa.Unknown, note == lookUp
	return j
}

// parcel makes the delivery ready for the wire.
func (l *lane) parcel(c *store.Claimed, key string) engawa.Parcel {
	return engawa.Parcel{
		Workspace: c.Delivery.Workspace, Message: c.Message.ID, Delivery: c.Delivery.ID, Account: l.account.ID,
		Attempt: c.Delivery.Attempts + 1, Key: key, To: c.Known.To, ToName: c.Known.ToName, SenderName: c.Known.SenderName,
		Purpose: c.Message.Purpose, Locale: c.Message.Locale, Content: l.d.Compose.Leaving(c.Message, l.kind, c.Known.Facts.Contact),
		Unsubscribe: c.Message.Unsubscribe, CreatedAt: c.Message.From(), Carry: c.Carry, Hops: c.Message.Hops,
	}
}

// failed tells a lost lane from trouble of the database.
func (l *lane) failed(ctx context.Context, err error) {
	if errors.Is(err, store.ErrLaneLost) {
		l.lost.Store(true)
		l.log.WarnContext(ctx, "lane lost", "err", err)
		return
	}
	if ctx.Err() == nil {
		l.log.ErrorContext(ctx, "claim failed", "err", err)
	}
}

// rest waits for the earliest of: the time given, new work, a beat being due.
func (l *lane) rest(ctx context.Context, wait time.Duration) {
	beat := max(time.Millisecond, time.Until(l.leaseEnd())-l.d.Lease+min(idleBeat, l.d.Lease/3))
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-time.After(min(max(wait, time.Millisecond), beat)):
		if wait > beat {
			if err := l.d.Store.Beat(ctx, l.row); err != nil {
				l.failed(ctx, err)
				return
			}
			l.renewed()
		}
	}
}

// send hands over until there are no more jobs. When ctx ends, what has not
// been handed over yet is given back untouched.
func (l *lane) send(ctx context.Context) {
	for j := range l.jobs {
		if l.full.Load() && l.room() > 0 && l.full.CompareAndSwap(true, false) {
			l.nudge()
		}
		if time.Until(j.not) > 0 {
			sleep(ctx, time.Until(j.not))
		}
		start := time.Now()
		r := l.deliver(ctx, j)
		l.sent.Add(1)
		l.busy.Add(int64(time.Since(start)))
		l.done <- r
	}
}

func (l *lane) deliver(ctx context.Context, j job) store.Result {
	if ctx.Err() != nil || l.lost.Load() {
		return unsent(j.c)
	}
	if j.lost {
		return settle(l.kind, j.c, channel.Receipt{}, &channel.SendError{Class: channel.Ambiguous, Code: noLookUp}, time.Now(), jitter())
	}
	sendCtx, cancel := j.m.Context(context.WithoutCancel(ctx))
	defer cancel()
	r, err := l.exchange(sendCtx, j)
	var se *channel.SendError
	if err != nil && !errors.As(err, &se) {
		se = &channel.SendError{Class: channel.Ambiguous, Code: "channel", Err: err}
	}
	seen := r.Seen
	if se != nil {
		seen = se.Seen
	}
	l.mu.Lock()
	l.pace.learn(seen, j.c.Known.To)
	l.mu.Unlock()
	out := settle(l.kind, j.c, r, se, time.Now(), jitter())
	out.Refused = l.account.Version
	out.Heard = l.heard(j.c, se, out.EndedAt)
	return out
}

func (l *lane) between(to engawa.Address) breaker.Pair { return l.kind.Between(l.settings, to) }

// heard is what the end of an attempt says of the receiver; nil: there is none.
func (l *lane) heard(c *store.Claimed, e *channel.SendError, at time.Time) *store.HeardOf {
	if l.kind.Between == nil {
		return nil
	}
	h := store.HeardOf{Pair: l.between(c.Known.To), Heard: breaker.Heard{Said: breaker.Unclear, Delivery: c.Delivery.ID, At: at}}
	switch {
	case e == nil:
		h.Said, h.Proved = breaker.Accepted, l.kind.ComesBack == nil || !l.kind.ComesBack(l.settings)
	case e.Blame != "":
		h.Said, h.Code = e.Blame, e.Code
	}
	return &h
}

// exchange sends, after looking whether an earlier attempt arrived where the
// provider can be asked.
func (l *lane) exchange(ctx context.Context, j job) (channel.Receipt, error) {
	if f, ok := l.ch.(channel.Finder); ok && j.lookUp {
		found, r, err := f.Find(ctx, j.m)
		if errors.Is(err, channel.ErrNoLookup) {
			return r, &channel.SendError{Class: channel.Ambiguous, Code: noLookUp, Err: err}
		}
		if err != nil {
			return r, &channel.SendError{Class: channel.Ambiguous, Code: lookUp, Err: err}
		}
		if found {
			return r, nil
		}
	}
	return l.ch.Send(ctx, j.m)
}

// unsent is the result of a job that never reached the wire.
func unsent(c *store.Claimed) store.Result {
	return store.Result{
		Claimed: c, EndedAt: time.Now(), Outcome: engawa.OutcomeRetry, State: engawa.Retrying, DueAt: time.Now(), Code: "not_sent", Note: "not_sent",
		Doubt: c.Delivery.Doubt,
	}
}

// record stores results in batches, as they come. A result is kept until it is
// stored or the lane is lost: it is what keeps a message from going twice.
func (l *lane) record(ctx context.Context) {
	var rs []store.Result
	for r := range l.done {
		rs = l.gather(append(rs[:0], r))
		l.fits()
		l.recordBatch(ctx, rs)
		l.flying.Add(int64(-len(rs)))
		l.nudge()
	}
}

// gather adds the results that come while others are under way, for a moment:
// many share one commit, which costs as much as recording a hundred.
func (l *lane) gather(rs []store.Result) []store.Result {
	over := time.After(together)
	for len(rs) < recordMax && l.flying.Load() > int64(len(rs)) {
		select {
		case r, ok := <-l.done:
			if !ok {
				return rs
			}
			rs = append(rs, r)
		case <-over:
			return rs
		}
	}
	return rs
}

func (l *lane) recordBatch(ctx context.Context, rs []store.Result) {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		late, err := l.d.Store.Record(ctx, l.row, rs)
		if err == nil {
			if late > 0 {
				l.log.WarnContext(ctx, "results came after the lane was lost; kept as evidence", "count", late)
			}
			l.d.count(rs)
			return
		}
		l.log.ErrorContext(ctx, "results not recorded yet", "count", len(rs), "err", err)
		if time.Now().After(l.leaseEnd().Add(l.d.Lease)) {
			return // the next holder settles them as unknown
		}
		sleep(ctx, wait)
	}
}

func (l *lane) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
