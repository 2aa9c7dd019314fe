// Package gap finds what the App Store told while nobody listened, and what it
// should have told and did not. After a time without any node, every hour for
// what did not arrive, and every night it reads the store's history of
// notifications; what the journal lacks enters it, once, marked as recovered; and
// the store is asked about the purchases concerned. Each check goes in steps that
// any node may take, and goes on where it stood when a node dies.
package gap

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// Checker checks accounts of the App Store. Its fields are set once.
type Checker struct {
	Store   *store.Store
	Clients *follow.Clients
	Follow  *follow.Follower
	Words   *text.Words
}

// Attend notes that this node is there to hear. It is called more often than
// once in store.Absence.
func (c *Checker) Attend(ctx context.Context) error { return c.Store.Attend(ctx, follow.Kind) }

// Step does what is due of every account, several at a time, and returns when
// each has come to its end or rests. A node that stops or dies on the way leaves
// a check where it stood: another goes on a minute later.
func (c *Checker) Step(ctx context.Context) error {
	due, err := c.Store.DueCheckups(ctx)
	errs := make([]error, len(due), len(due)+1)
	var all sync.WaitGroup
	for i, d := range due {
		all.Go(func() { errs[i] = c.run(ctx, d) })
	}
	all.Wait()
	return errors.Join(append(errs, err)...)
}

func (c *Checker) run(ctx context.Context, cu engawa.Checkup) error {
	for {
		st, err := c.step(ctx, cu)
		if err == nil {
			cu, err = c.Store.StepCheckup(ctx, st)
		}
		if errors.Is(err, store.ErrMoved) || ctx.Err() != nil {
			return nil //nolint:nilerr // it goes on elsewhere, or later
		}
		if err != nil || !st.Next.IsZero() {
			return err
		}
	}
}

// place is what a step works in.
type place struct {
	*Checker
	app  *follow.App
	at   engawa.Checkup
	w    engawa.Workspace
	zone *time.Location
}

func (c *Checker) step(ctx context.Context, cu engawa.Checkup) (store.CheckupStep, error) {
	p := place{Checker: c, at: cu}
	var err error
	if p.w, err = c.Store.Workspace(ctx, cu.Workspace); err != nil {
		return store.CheckupStep{}, err
	}
	if p.zone, err = engawa.Zone(p.w.Zone); err != nil {
		p.zone = time.UTC
	}
	p.app, err = c.Clients.Open(ctx, cu.Workspace, cu.Account)
	if code := engawa.CodeOf(err); code != "" && code != engawa.CodeUnavailable {
		return p.noKey(), nil // or the settings do not hold together, which saving them would have said
	}
	if err != nil {
		return store.CheckupStep{}, err
	}
	now := time.Now().UTC()
	switch {
	case cu.Now == nil:
		return begin(cu, follow.Environment(p.app.Account), p.zone, now), nil
	case cu.Now.Stage == engawa.StageHistory:
		return p.history(ctx)
	}
	return p.purchases(ctx)
}
