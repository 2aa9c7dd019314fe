package route

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	celast "cel.dev/cel-go/common/ast"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

// What says what is doubtful about something that a condition asks.
type What string

// What may be doubtful.
const (
	Unread   What = "unread"   // the condition cannot be read, whatever the event
	Unknown  What = "unknown"  // no selected type has the member
	Extra    What = "extra"    // none has it, and the condition looks first whether it is there
	Partly   What = "partly"   // some have it, others not
	Compared What = "compared" // it is of another kind than what it is compared with
	Kinds    What = "kinds"    // it is of another kind than what is done with it takes
	Decimal  What = "decimal"  // numbers of events are decimals, which do not mix with whole ones in sums
	Value    What = "value"    // it never is what it is compared with
	Open     What = "open"     // the catalogue has no such type, and nobody can say what its events hold
)

// Doubt is one thing that a condition asks and that events do not answer: where
// it stands, no event of the types Of passes, whatever else they say.
type Doubt struct {
	What    What
	Path    string   // as the condition writes it: "event.data.amont"; empty: Unread
	Nearest string   // of Unknown and Value: what may have been meant; may be empty
	Allowed []string // of Unknown the members that are there, of Value the values, shownNames at most
	Of      []string // the types of which it never holds; empty: of all that are selected
	Is      Kind     // of Compared and Kinds: what it is
	Takes   Kind     // and what it is compared with, or would have to be
	Seen    string   // of Value: what it is compared with; of Unread: why it cannot be read
	Refused bool     // of all types: the condition is not saved so
}

// shownNames is how many names a doubt repeats.
const shownNames = 12

// Told is the doubt for whoever sends the route.
func (d Doubt) Told() *engawa.Error {
	message, remedy := d.says()
	if len(d.Of) > 0 {
		message = "of events " + listed(d.Of) + ": " + message
	}
	return &engawa.Error{Code: engawa.CodeInvalid, Field: "/condition", Message: message, Remedy: remedy}
}

func (d Doubt) says() (message, remedy string) {
	switch d.What {
	case Unread:
		return d.Seen, `write an expression such as event.data.amount >= 1000 && customer.country == "JP"`
	case Unknown:
		remedy = "use one of " + listed(d.Allowed)
		if d.Nearest != "" {
			remedy = "did you mean " + d.Nearest + "?"
		}
		if strings.HasPrefix(d.Path, "event.data.") {
			remedy += "; if your events have it all the same, write has(" + d.Path + ") && … before it"
		}
		return "no event that the route takes has " + d.Path, remedy
	case Extra:
		return "no type of the catalogue names " + d.Path + "; it holds only of events whose sender adds it", "nothing, if yours does" + meant(d.Nearest)
	case Partly:
		return d.Path + " is not there, and what asks for it never holds", "nothing, if that is meant; has(" + d.Path + ") && … says so"
	case Decimal:
		return d.Path + " is a decimal number and cannot be reckoned with a whole one", "write 1.0 for 1, or int(" + d.Path + ")"
	case Value:
		return fmt.Sprintf("%s is never %q", d.Path, d.Seen), "use one of " + listed(d.Allowed) + meant(d.Nearest)
	case Kinds:
		return fmt.Sprintf("%s is %s, and here stands what must be %s", d.Path, kindWords[d.Is], kindWords[d.Takes]), "compare it with something first, or use a member that is " + kindWords[d.Takes]
	case Compared:
		return fmt.Sprintf("%s is %s and never equals, or stands before or after, %s", d.Path, kindWords[d.Is], kindWords[d.Takes]), "compare it with " + kindWords[d.Is]
	case Open:
		return d.Path + " is no type of the catalogue, so nobody can say what its events hold", "check its spelling, or make the type with a schema"
	}
	return "", ""
}

func meant(nearest string) string {
	if nearest == "" {
		return ""
	}
	return "; did you mean " + nearest + "?"
}

func listed(names []string) string {
	shown := names[:min(len(names), shownNames)]
	if more := len(names) - len(shown); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(shown, ", "), more)
	}
	return strings.Join(shown, ", ")
}

// Doubts holds what a route's condition asks against the schemas of the event
// types that the route selects, the workspace's own among them, and against what
// is known of every event and customer. The condition is read as it would be for
// each type by itself: what a comparison of event.type or event.group leaves out,
// and what stands behind has(), is not held against it.
func Doubts(r engawa.Route, own []catalogue.Type) []Doubt {
	if r.Condition == "" {
		return nil
	}
	read, _, err := condition(r.Condition)
	if err != nil {
		return []Doubt{unread(err)}
	}
	all := found{map[spot]*finding{}, map[int64]int{}}
	types := selected(r.Events, own)
	for _, t := range types {
		w := walk{typ: t, types: types, patterns: r.Events, vars: map[string]value{}, sure: map[string]bool{}, asks: map[spot]asked{}, been: map[int64]bool{}}
		whole := read.NativeRep().Expr()
		w.wants(whole, w.value(whole), Truth)
		all.add(w)
	}
	return all.doubts()
}

// choice is one type that a route selects; unlisted, nobody knows what its events hold.
type choice struct {
	name string // empty: of a pattern that no known type fits
	data *catalogue.Schema
}

func selected(patterns []string, own []catalogue.Type) (out []choice) {
	types := append(catalogue.Types(), own...)
	taken := map[string]bool{}
	for _, p := range patterns {
		any := false
		for _, t := range types {
			if !engawa.MatchesType(p, t.Name) {
				continue
			}
			any = true
			if !taken[t.Name] {
				taken[t.Name] = true
				out = append(out, choice{t.Name, t.Schema})
			}
		}
		if !any && !taken[p] {
			taken[p] = true
			out = append(out, choice{name: p})
		}
	}
	return out
}

// spot is one place of a condition and what is doubtful there.
type spot struct {
	id   int64
	what What
}

// found is what was found type by type.
type found struct {
	at   map[spot]*finding
	been map[int64]int // of how many types a place is reached
}

// asked is one doubt of one type, with what would have been there.
type asked struct {
	Doubt
	of     choice
	beside value // of Unknown and Extra: the object that lacks the member
}

type finding []asked

func (f found) add(w walk) {
	for at, a := range w.asks {
		if f.at[at] == nil {
			f.at[at] = &finding{}
		}
		*f.at[at] = append(*f.at[at], a)
	}
	for id := range w.been {
		f.been[id]++
	}
}

// mostDoubts is how many doubts are told at most, the refused ones first.
const mostDoubts = 20

// doubts says of each place of how many types it is doubtful: of all, the
// condition asks for what never is.
func (f found) doubts() (out []Doubt) {
	var kept []finding
	for _, at := range slices.SortedFunc(maps.Keys(f.at), func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.what, b.what))
	}) {
		one := *f.at[at]
		d, ok := one.settle(len(one) == f.been[at.id])
		same := func(o Doubt) bool {
			return o.What == d.What && o.Path == d.Path && o.Is == d.Is && o.Takes == d.Takes && o.Seen == d.Seen && slices.Equal(o.Of, d.Of)
		}
		if ok && !slices.ContainsFunc(out, same) {
			one[0].Doubt = d
			out, kept = append(out, d), append(kept, one)
		}
	}
	slices.SortStableFunc(kept, func(a, b finding) int { return worse(a[0].Doubt) - worse(b[0].Doubt) })
	out = out[:0]
	for _, one := range kept[:min(len(kept), mostDoubts)] {
		out = append(out, one.advised())
	}
	return out
}

func worse(d Doubt) int {
	if d.Refused {
		return 0
	}
	return 1
}

// settle says what it is if it is so of all the types that reach the place, or
// only of some; false: then it is nothing to tell.
func (f finding) settle(all bool) (Doubt, bool) {
	d := f[0].Doubt
	switch {
	case d.What == Open:
		return d, true
	case all:
		d.Refused = d.What != Extra
		return d, true
	case d.What == Extra || d.What == Value:
		return d, false
	case d.What == Unknown:
		d.What = Partly
	}
	for _, a := range f {
		d.Of = append(d.Of, a.of.name)
	}
	return d, true
}

// advised is the doubt with what may have been meant.
func (f finding) advised() Doubt {
	d := f[0].Doubt
	names := map[string]bool{}
	var deep []string
	for _, a := range f {
		for _, n := range append(a.Allowed, a.beside.names()...) {
			names[n] = true
		}
		if a.of.data != nil && a.beside.path != "" {
			for _, m := range a.of.data.Fields() {
				deep = append(deep, "event.data."+m.Path)
			}
		}
	}
	d.Allowed = slices.Sorted(maps.Keys(names))
	switch d.What {
	case Value:
		d.Nearest = nearest(d.Seen, d.Allowed)
	case Unknown, Extra:
		d.Nearest = nearestPath(d.Path, d.Allowed, deep)
	case Unread, Partly, Compared, Kinds, Decimal, Open:
		d.Allowed = nil
	}
	d.Allowed = d.Allowed[:min(len(d.Allowed), shownNames)]
	return d
}

// nearestPath is the member that may have been meant: one beside it of nearly the
// same name, or one of that name elsewhere in the events' data.
func nearestPath(path string, beside, deep []string) string {
	cut := strings.LastIndex(path, ".") + 1
	if name := nearest(path[cut:], beside); name != "" {
		return path[:cut] + name
	}
	for _, d := range deep {
		if strings.HasSuffix(d, "."+path[cut:]) && !strings.Contains(d, "[]") {
			return d
		}
	}
	return ""
}

// nearest is the name that takes the fewest slips of the pen to become from what
// was written: one in three letters at the most.
func nearest(written string, names []string) (best string) {
	least := max(1, len([]rune(written))/3) + 1
	for _, n := range names {
		if d := slips([]rune(written), []rune(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

// slips counts letters that were left out, put in, changed, or swapped with the next.
func slips(a, b []rune) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j], rows[i][j-1], rows[i-1][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// constant is the text that stands at e, if it is one.
func constant(e celast.Expr) (string, bool) {
	if e.Kind() != celast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().Value().(string)
	return s, ok
}
