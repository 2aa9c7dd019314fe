// Package broadcast says one thing to all customers of a segment. Its messages are
// made in steps that any node may take: each customer's once, whatever happens on the
// way. It can be paused and stopped as a whole, and says beforehand what would become
// of it.
package broadcast

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/segment"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

const (
	batch    = 200              // customers of one step
	stretch  = 20 * time.Second // that a node goes on with one broadcast before it looks at others
	lookSoon = 10 * time.Second // whether all messages of a broadcast have gone is looked at so often,
	lookSlow = time.Minute      // and so often if they are many
	many     = 2000
)

// MaxName is how many letters a broadcast's name, and a segment's, has at most.
const MaxName = 100

// Runner takes the steps of broadcasts. Its fields are set once.
type Runner struct {
	Store   *store.Store
	Compose *message.Composer
}

// Step takes the steps that are due. One that fails holds up no other.
func (r *Runner) Step(ctx context.Context) error {
	due, err := r.Store.DueBroadcasts(ctx)
	errs := []error{err}
	for _, b := range due {
		errs = append(errs, r.forth(ctx, b))
	}
	return errors.Join(errs...)
}

// forth goes on with one broadcast for a while.
func (r *Runner) forth(ctx context.Context, b engawa.Broadcast) error {
	for began := time.Now(); ctx.Err() == nil; {
		if b.Walked {
			return r.Store.FinishBroadcast(ctx, b, time.Now().Add(pause(b.Made)))
		}
		on := time.Since(began) < stretch
		took, err := r.step(ctx, &b, on)
		if err != nil || !took || !on {
			return err // paused, stopped, or another node's by now: then nothing was made
		}
	}
	return ctx.Err()
}

func pause(made int) time.Duration {
	if made > many {
		return lookSlow
	}
	return lookSoon
}

// lease is how long this node keeps a broadcast that it goes on with: as the store
// gave it.
const lease = time.Minute

// step makes the messages of the customers who are next. They are in the segment now,
// and were there when it began. on: this node goes on.
func (r *Runner) step(ctx context.Context, b *engawa.Broadcast, on bool) (bool, error) {
	st := store.BroadcastStep{Next: time.Now()}
	if on {
		st.Next = time.Now().Add(lease)
	}
	var ids []string
	if end := b.Body.ExpiresAt; end.IsZero() || end.After(time.Now()) {
		of := segment.Of(b.Workspace, b.Body.Where)
		of.Until, of.Without = b.CreatedAt, b.ID
		var err error
		if ids, err = r.Store.Selected(ctx, of, b.Cursor, batch); err != nil {
			return false, err
		}
	}
	ms, err := r.Compose.ComposeEach(ctx, b.Workspace, Requests(*b, ids), counted(&st.Unmade))
	if err != nil {
		return false, err
	}
	for _, m := range ms {
		if m != nil {
			st.Messages = append(st.Messages, *m)
		}
	}
	if st.Walked = len(ids) < batch; len(ids) > 0 {
		st.Cursor = ids[len(ids)-1]
	}
	took, err := r.Store.StepBroadcast(ctx, *b, st)
	if len(ids) > 0 {
		b.Cursor = st.Cursor
	}
	b.Walked, b.Made = st.Walked, b.Made+len(st.Messages)
	return took, err
}

// counted counts messages that cannot be made. Trouble of the database is returned: it
// may pass.
func counted(n *int) func(context.Context, message.Request, error) error {
	return func(_ context.Context, _ message.Request, err error) error {
		if code := engawa.CodeOf(err); code == "" || code == engawa.CodeUnavailable {
			return err
		}
		*n++
		return nil
	}
}

// Requests are the messages of a broadcast to customers. Their ids are made of both:
// no customer can have two.
func Requests(b engawa.Broadcast, customers []string) []message.Request {
	rs := make([]message.Request, len(customers))
	for i, id := range customers {
		rs[i] = message.Request{
			Workspace: b.Workspace, ID: engawa.FixedID(engawa.PrefixMessage, b.ID, id), Broadcast: b.ID, Customer: id, App: b.Body.App, Purpose: b.Body.Purpose,
			Trigger: engawa.ByUser, Topic: b.Body.Topic, Words: b.Body.Words, Variables: b.Body.Variables, Chain: b.Body.Chain,
			NotBefore: b.Body.NotBefore, ExpiresAt: b.Body.ExpiresAt,
		}
	}
	return rs
}

// Check says what is wrong with a broadcast that somebody wants to begin.
func Check(b engawa.Broadcast, now time.Time) error {
	switch n := len([]rune(b.Name)); {
	case n == 0 || n > MaxName:
		return engawa.Invalid("/name", fmt.Sprintf("write 1 to %d letters", MaxName), "the name has %d letters", n)
	case b.Body.Purpose.Mandatory(), b.Body.Purpose == engawa.Marketing, b.Body.Purpose == engawa.Notice, b.Body.Purpose == engawa.Service:
	default:
		return engawa.Invalid("/purpose", "choose service, notice or marketing", "%q is not a purpose", b.Body.Purpose)
	}
	if len(b.Body.Words) == 0 {
		return engawa.Invalid("/words", "write a text in ja, ko or en, or choose a template", "the message has no words")
	}
	for _, l := range slices.Sorted(maps.Keys(b.Body.Words)) {
		if !slices.Contains(engawa.Locales[:], l) {
			return engawa.Invalid("/words", "write ja, ko and en", "%q is no language of the product", string(l))
		}
		if err := text.Check(b.Body.Words[l]); err != nil {
			return engawa.Within("/words/"+string(l), err)
		}
		if offer, _ := text.Offer(b.Body.Words[l]); offer != "" {
			return engawa.Invalid("/words/"+string(l), "hand codes out by a route", "a broadcast hands out no offer codes")
		}
	}
	from := now
	if b.Body.NotBefore.After(now) {
		from = b.Body.NotBefore
	}
	if !b.Body.ExpiresAt.IsZero() && !b.Body.ExpiresAt.After(from) {
		return engawa.Invalid("/expires_at", "choose a time after not_before and after now", "the broadcast would be over before it may go")
	}
	return nil
}
