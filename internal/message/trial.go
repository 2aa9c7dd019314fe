package message

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
)

// TrialEvents is on how many of the newest events a route is tried, TrialShown how
// many of the differences a page shows if nobody says, and TrialMost at most.
const (
	TrialEvents = 100_000
	TrialShown  = 30
	TrialMost   = 1000
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
	Sums    []TrialSum // of those that differ, by what differs; the most first
	Rows    []TrialRow // a page of them, the newest first
	First   int        // the place of the first row among all that differ, from 1; 0: no row
	Next    string     // the cursor of the next page; empty: this is the last one
}

// Differ is for how many events it differs.
func (t Trial) Differ() int { return t.Added + t.Removed + t.Changed }

// Difference is how a trial differs for one event.
type Difference string

// The differences.
const (
	Added   Difference = "added"
	Removed Difference = "removed"
	Changed Difference = "changed"
)

// Aspect is what of two routes makes the difference for an event.
type Aspect string

// The aspects: the first three are of events that one of the routes does not take.
const (
	NewRoute   Aspect = "route"     // there is none before
	OtherTypes Aspect = "events"    // its type is not among those that the route takes
	Condition  Aspect = "condition" // its condition does not hold of it
	Recipients Aspect = "to"        // other recipients
	Accounts   Aspect = "way"       // other accounts, fallbacks, deadlines or copies
	OtherWords Aspect = "words"
	Gathering  Aspect = "digest"
	Timing     Aspect = "time" // delay, quiet times, expiry, urgency
	Purposes   Aspect = "purpose"
	Standings  Aspect = "while" // the condition on the customer's purchase
)

// TrialSum is for how many events an aspect differs. An event in which several do
// is in each of their sums.
type TrialSum struct {
	Difference Difference
	Aspect     Aspect
	Events     int
}

// TrialRow is one event for which it differs.
type TrialRow struct {
	Event      engawa.Event
	Difference Difference
	Aspects    []Aspect
	Was, Would []engawa.Step      // what the routes ask for on it; none: it is not taken
	Messages   []store.NewMessage // of a page's first TrialShown rows: what would be made now, with its verdict
}

// TrialPage says which of the differences are wanted.
type TrialPage struct {
	Cursor string // Trial.Next of the page before; empty: the first
	Limit  int    // 0: TrialShown
}

// trial is two routes beside one another. A route asks for all of its steps on an
// event, or for none.
type trial struct {
	before, after *engawa.Route // before is nil for a new route
	old, would    *route.Set
	changed       []Aspect // on an event that both take
}

// Try tries after on past events beside before, which it would replace; before is
// nil for a new route. Each counts as switched on. It tells of all differences how
// many they are, and shows a page of them. The pages of one trial look at the same
// events, whatever has come since. The error is an *engawa.Error for a condition
// that cannot be read or judged, and for a cursor that is none.
func (c *Composer) Try(ctx context.Context, workspace string, before *engawa.Route, after engawa.Route, p TrialPage) (Trial, error) {
	newest, last, err := cursorOf(p.Cursor)
	if err != nil {
		return Trial{}, err
	}
	limit := cmp.Or(min(max(p.Limit, 0), TrialMost), TrialShown)
	var rows []TrialRow
	passed, more := 0, false
	out, newest, err := c.differences(ctx, workspace, before, after, newest, func(row TrialRow) error {
		switch {
		case last != "" && row.Event.ID >= last:
			passed++
		case len(rows) < limit:
			rows = append(rows, row)
		default:
			more = true
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	out.Rows = rows
	if len(rows) > 0 {
		out.First = passed + 1
	}
	if more {
		out.Next = newest + cursorMark + rows[len(rows)-1].Event.ID
	}
	after.Workspace = workspace
	return out, c.show(ctx, after, rows[:min(len(rows), TrialShown)])
}

// Differences tries like Try, and hands each event for which it differs to f, the
// newest first, without messages. It ends when f fails.
func (c *Composer) Differences(ctx context.Context, workspace string, before *engawa.Route, after engawa.Route, f func(TrialRow) error) (Trial, error) {
	out, _, err := c.differences(ctx, workspace, before, after, "", f)
	return out, err
}

// cursorMark stands between the newest event of a trial and the last that was shown.
const cursorMark = "."

func cursorOf(cursor string) (newest, last string, err error) {
	if cursor == "" {
		return "", "", nil
	}
	newest, last, _ = strings.Cut(cursor, cursorMark)
	if !strings.HasPrefix(newest, engawa.PrefixEvent+"_") || !strings.HasPrefix(last, engawa.PrefixEvent+"_") || last > newest {
		return "", "", engawa.Invalid("/cursor", "give the next of the answer before, with the same route", "this is no cursor of a trial")
	}
	return newest, last, nil
}

func (c *Composer) differences(ctx context.Context, workspace string, before *engawa.Route, after engawa.Route, newest string, f func(TrialRow) error) (out Trial, first string, err error) {
	t := trial{before: before, after: &after}
	if before != nil {
		t.changed = aspectsOf(before.Then, after.Then)
	}
	t.old, t.would = tried(before), tried(&after)
	if b := t.would.Unread(); b != nil {
		return out, "", b.Err
	}
	sums := map[TrialSum]int{}
	looked, first, err := c.Store.WalkPast(ctx, workspace, newest, TrialEvents, t.wants, func(past []store.Past) error {
		for _, p := range past {
			data := Data(p.Event)
			was, _ := t.old.Plan(p.Event, data, p.Customer)
			would, broken := t.would.Plan(p.Event, data, p.Customer)
			if len(broken) > 0 {
				return broken[0].Err
			}
			row := TrialRow{Event: p.Event}
			if len(was) > 0 {
				row.Was = before.Then
			}
			if len(would) > 0 {
				row.Would = after.Then
			}
			row.Difference, row.Aspects = t.compare(row)
			if out.count(row); row.Difference == "" {
				continue
			}
			for _, a := range row.Aspects {
				sums[TrialSum{row.Difference, a, 0}]++
			}
			if err := f(row); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	out.Looked = looked
	for s, n := range sums {
		s.Events = n
		out.Sums = append(out.Sums, s)
	}
	slices.SortFunc(out.Sums, func(a, b TrialSum) int {
		return cmp.Or(b.Events-a.Events, cmp.Compare(a.Difference, b.Difference), cmp.Compare(a.Aspect, b.Aspect))
	})
	return out, first, err
}

// tried compiles a route alone, switched on; of none it makes the empty set.
func tried(r *engawa.Route) *route.Set {
	if r == nil {
		return route.Compile(nil)
	}
	on := *r
	on.Enabled = true
	return route.Compile([]engawa.Route{on})
}

func (t *trial) wants(typ string) bool {
	return t.before != nil && engawa.MatchesAny(t.before.Events, typ) || engawa.MatchesAny(t.after.Events, typ)
}

// compare says how the two differ for an event, and in what; empty: they do not.
func (t *trial) compare(r TrialRow) (Difference, []Aspect) {
	switch {
	case r.Was == nil && r.Would == nil:
		return "", nil
	case r.Was == nil:
		return Added, []Aspect{notTaken(t.before, r.Event)}
	case r.Would == nil:
		return Removed, []Aspect{notTaken(t.after, r.Event)}
	case t.changed == nil:
		return "", nil
	}
	return Changed, t.changed
}

// notTaken is why a route asks for nothing on an event.
func notTaken(r *engawa.Route, e engawa.Event) Aspect {
	switch {
	case r == nil:
		return NewRoute
	case !engawa.MatchesAny(r.Events, e.Type):
		return OtherTypes
	}
	return Condition
}

// aspectsOf says in what two lists of steps differ. Steps to the same recipient are
// held against one another, and those that are left, in their order.
func aspectsOf(was, would []engawa.Step) (all []Aspect) {
	left := slices.Clone(would)
	var moved []engawa.Step
	var pairs [][2]engawa.Step
	for _, st := range was {
		i := slices.IndexFunc(left, func(o engawa.Step) bool { return o.To == st.To })
		if i < 0 {
			moved = append(moved, st)
			continue
		}
		pairs = append(pairs, [2]engawa.Step{st, left[i]})
		left = slices.Delete(left, i, i+1)
	}
	if len(moved)+len(left) > 0 {
		all = append(all, Recipients)
	}
	for i := range min(len(moved), len(left)) {
		other := left[i]
		other.Via = moved[i].Via // another recipient is reached another way
		pairs = append(pairs, [2]engawa.Step{moved[i], other})
	}
	for _, kind := range []struct {
		aspect Aspect
		of     func(engawa.Step) any
	}{
		{Accounts, func(s engawa.Step) any { return s.Via }},
		{OtherWords, func(s engawa.Step) any { return s.Template }},
		{Gathering, func(s engawa.Step) any { return s.Digest }},
		{Timing, func(s engawa.Step) any {
			return []any{s.Delay, s.ExpiresIn, s.Urgent, len(s.Mute), append([]engawa.Window{}, s.Mute...)}
		}},
		{Purposes, func(s engawa.Step) any { return []any{s.Purpose, s.Topic, s.App} }},
		{Standings, func(s engawa.Step) any { return []any{s.While, s.Product} }},
	} {
		if slices.ContainsFunc(pairs, func(p [2]engawa.Step) bool { return !reflect.DeepEqual(kind.of(p[0]), kind.of(p[1])) }) {
			all = append(all, kind.aspect)
		}
	}
	return all
}

func (t *Trial) count(r TrialRow) {
	if r.Was != nil {
		t.Before++
	}
	if r.Would != nil {
		t.After++
	}
	switch r.Difference {
	case Added:
		t.Added++
	case Removed:
		t.Removed++
	case Changed:
		t.Changed++
	}
}

// show composes what the rows would send today. A digest is shown as the notice of
// its event.
func (c *Composer) show(ctx context.Context, after engawa.Route, rows []TrialRow) error {
	var rs []Request
	var of []int
	for i, r := range rows {
		for at, st := range r.Would {
			st.Digest = nil
			made := FromPlans(r.Event, []route.Plan{{Route: after, At: at, Step: st}})
			for range made {
				of = append(of, i)
			}
			rs = append(rs, made...)
		}
	}
	ms, err := c.Compose(ctx, after.Workspace, rs)
	if err != nil {
		return err
	}
	for i, m := range ms {
		rows[of[i]].Messages = append(rows[of[i]].Messages, m)
	}
	return nil
}
