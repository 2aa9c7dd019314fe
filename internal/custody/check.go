package custody

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/store"
)

// Checker asks the providers of connected accounts once a day. Its fields are set once.
type Checker struct {
	Store *store.Store
	Kinds []channel.Kind
	Env   channel.Env
}

// How often a provider is asked.
const (
	daily = 24 * time.Hour
	soon  = time.Hour // when it did not answer
)

// late is by how much a provider may count a message later than it accepts it.
const late = time.Hour

// Step asks the provider of one account that is due, of whichever node takes it.
func (c *Checker) Step(ctx context.Context) error {
	for ctx.Err() == nil {
		l, ok, err := c.Store.DueCustody(ctx)
		if err != nil || !ok {
			return err
		}
		seen, err := c.look(ctx, l.Custody)
		if err != nil {
			return err
		}
		if err := c.Store.LookedAtCustody(ctx, l, seen); err != nil {
			return err
		}
	}
	return nil
}

// look asks one provider, and says what is different.
func (c *Checker) look(ctx context.Context, e engawa.Custody) (store.CustodySeen, error) {
	seen := store.CustodySeen{Next: time.Now().Add(daily), Facts: e.Facts}
	a, err := c.Store.Account(ctx, e.Workspace, e.Account)
	if err != nil {
		return seen, err
	}
	i := slices.IndexFunc(c.Kinds, func(k channel.Kind) bool { return k.Name == a.Kind })
	if i < 0 {
		return seen, nil // of an older or newer program
	}
	env := c.Env
	env.Account = a.ID
	looked, err := c.Kinds[i].Look(ctx, a.Settings, env)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code != engawa.CodeUnavailable {
		seen.Answered, seen.Found = looked.Asked, []engawa.CustodyFound{{What: CredentialsFailing}}
		return seen, nil
	}
	if err != nil {
		seen.Next = time.Now().Add(soon)
		return seen, nil //nolint:nilerr // nobody answered: it is asked again
	}
	seen.Answered, seen.Works = looked.Asked, looked.Asked
	if len(looked.Facts) == 0 {
		return seen, nil
	}
	ours, err := c.ours(ctx, e, looked.Facts)
	if err != nil {
		return seen, err
	}
	seen.Found = Compare(e.Facts, looked.Facts, ours)
	seen.Facts = maps.Clone(e.Facts) // what it does not tell today it told before
	if seen.Facts == nil {
		seen.Facts = channel.Facts{}
	}
	maps.Copy(seen.Facts, looked.Facts)
	return seen, nil
}

// ours counts what this hub handed over since the provider told its count last.
func (c *Checker) ours(ctx context.Context, e engawa.Custody, is channel.Facts) (int, error) {
	if _, err := strconv.Atoi(is[channel.FactUsed]); err != nil || e.LookedAt.IsZero() {
		return 0, nil //nolint:nilerr // it tells no count
	}
	return c.Store.HandedOver(ctx, e.Workspace, e.Account, e.LookedAt.Add(-late))
}
