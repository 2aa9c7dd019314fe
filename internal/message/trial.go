package message

import (
	"context"
	"reflect"
	"slices"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
)

// TrialEvents is on how many of the newest events a route is tried, and TrialShown
// how many of the differences are shown.
const (
	TrialEvents = 100_000
	TrialShown  = 30
)

// Trial is what a route would have done with past events, and what of it differs
// from what the route before it did. Nothing is stored and nothing is sent.
type Trial struct {
	Looked  int        // events looked at
	Before  int        // of these the route before took
	After   int        // the tried one would take
	Added   int        // it alone would take
	Removed int        // the one before alone took
	Changed int        // both, and it would send something else
	Rows    []TrialRow // the newest that differ, TrialShown at most
}

// Difference is how a trial differs for one event.
type Difference string

// The differences.
const (
	Added   Difference = "added"
	Removed Difference = "removed"
	Changed Difference = "changed"
)

// TrialRow is one event for which it differs.
type TrialRow struct {
	Event      engawa.Event
	Difference Difference
	Messages   []store.NewMessage // that would be made now, with their verdicts
}

// Try tries after on past events beside before, which it would replace; before is
// nil for a new route. Each counts as switched on.
func (c *Composer) Try(ctx context.Context, workspace string, before *engawa.Route, after engawa.Route) (Trial, error) {
	var out Trial
	old, err := tried(before)
	if err != nil {
		return out, err
	}
	set, err := tried(&after)
	if err != nil {
		return out, err
	}
	patterns := after.Events
	if before != nil {
		patterns = slices.Concat(patterns, before.Events)
	}
	same := before != nil && reflect.DeepEqual(before.Then, after.Then)
	wanted := func(typ string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return engawa.MatchesType(p, typ) })
	}
	var shown []route.Plan // of the rows, in turn
	var of []int
	out.Looked, err = c.Store.WalkPast(ctx, workspace, TrialEvents, wanted, func(past []store.Past) error {
		for _, p := range past {
			data := Data(p.Event)
			was, _ := old.Plan(p.Event, data, p.Customer)
			would, broken := set.Plan(p.Event, data, p.Customer)
			if len(broken) > 0 {
				return broken[0].Err
			}
			if d := out.count(len(was) > 0, len(would) > 0, same); d != "" && len(out.Rows) < TrialShown {
				out.Rows = append(out.Rows, TrialRow{Event: p.Event, Difference: d})
				for range would {
					of = append(of, len(out.Rows)-1)
				}
				shown = append(shown, would...)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return out, err
	}
	return out, c.show(ctx, workspace, &out, shown, of)
}

// tried compiles a route alone, switched on; of none it makes the empty set.
func tried(r *engawa.Route) (*route.Set, error) {
	if r == nil {
		return route.Compile(nil)
	}
	on := *r
	on.Enabled = true
	return route.Compile([]engawa.Route{on})
}

func (t *Trial) count(was, would, same bool) Difference {
	if was {
		t.Before++
	}
	if would {
		t.After++
	}
	switch {
	case would && !was:
		t.Added++
		return Added
	case was && !would:
		t.Removed++
		return Removed
	case was && !same:
		t.Changed++
		return Changed
	}
	return ""
}

// show composes what the shown rows would send today. A digest is shown as the
// notice of its event.
func (c *Composer) show(ctx context.Context, workspace string, t *Trial, plans []route.Plan, of []int) error {
	var rs []Request
	for i, p := range plans {
		p.Step.Digest = nil
		rs = append(rs, FromPlans(t.Rows[of[i]].Event, []route.Plan{p})...)
	}
	ms, err := c.Compose(ctx, workspace, rs)
	if err != nil {
		return err
	}
	for i, m := range ms {
		row := &t.Rows[of[i]]
		row.Messages = append(row.Messages, m)
	}
	return nil
}
