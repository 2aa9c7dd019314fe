// Package custody says who holds what of the things that a business has at
// providers, what that puts at risk, and what to do first. Judge and Compare are
// pure; Checker asks the providers once a day.
//
// There are three patterns in which a business loses its own channel to the vendor
// that set it up: the vendor holds a part that nobody can move (1), it holds all (2),
// or it has vanished with it (3).
package custody

import (
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Risk says how the business stands with a thing, the worst first.
type Risk string

// The risks.
const (
	All      Risk = "all"      // pattern 2: all of it is in the vendor's hands
	Vanished Risk = "vanished" // pattern 3: so it is, and the vendor cannot be reached
	Part     Risk = "part"     // pattern 1: the vendor holds a part that can hurt, or that cannot be taken back
	Unstated Risk = "unstated" // nobody has said who holds it
	Unclear  Risk = "unclear"  // nobody is known to hold the main right
	Lent     Risk = "lent"     // others hold rights that the business can end
	Alone    Risk = "alone"    // one person of the business holds the main right
	Sound    Risk = "sound"
)

// Risks are all of them, the worst first.
var Risks = []Risk{All, Vanished, Part, Unstated, Unclear, Lent, Alone, Sound}

// The steps. Each is the key of words under "custody.step.", where a kind may have
// its own under "custody.step.<kind>.".
const (
	StepState      = "state"                 // say who holds it
	StepFind       = "find"                  // find out who holds the main right
	StepRemove     = "remove"                // a main right of somebody else's, now
	StepAskRemove  = "ask_remove"            // a right that only its holder can give back
	StepEnd        = "end"                   // a right, when the contract ends
	StepSecond     = "second"                // a second person of the business with the main right
	StepFound      = engawa.CustodyStepFound // look into what a check found: "custody.step.found.<what>"
	StepConnect    = "connect"               // keep what the thing is reached with where the business holds it
	StepKeep       = "keep"                  // take the data out before notice is given
	StepAskOver    = "ask_over"              // have it handed over in writing
	StepProve      = "prove"                 // prove to the provider whose it is
	StepNothing    = "nothing"               // know that no program and no button brings it back
	StepOwn        = "own"                   // make a new one of one's own
	StepOtherWays  = "other_ways"            // tell customers on ways that are one's own
	StepMove       = "move"                  // bring the customers there
	StepWatch      = "watch"                 // know what stays at risk until then
	StepStateAgain = "state_again"           // what was said is old
)

// Steps are all of them but StepFound, whose words follow what was found.
var Steps = []string{
	StepState, StepFind, StepRemove, StepAskRemove, StepEnd, StepSecond, StepConnect, StepKeep, StepAskOver, StepProve, StepNothing, StepOwn, StepOtherWays, StepMove,
	StepWatch, StepStateAgain,
}

// old is how long what was said holds.
const old = 180 * 24 * time.Hour

// Step is one thing to do.
type Step struct {
	engawa.CustodyStep

	Urgent bool                // today
	Found  engawa.CustodyFound // of StepFound
	Done   *engawa.CustodyLine // which said that it was done; nil: it is to be done
}

// Judgement is what an entry comes to.
type Judgement struct {
	Risk       Risk
	Steps      []Step // in their order; what was done comes last
	Custodians []string
	Holders    []engawa.CustodyHolder // as it is now: without the rights that were taken back since it was said
}

// First is the first thing to do; nil: nothing is.
func (j Judgement) First() *Step {
	if len(j.Steps) == 0 || j.Steps[0].Done != nil {
		return nil
	}
	return &j.Steps[0]
}

// Judge says what an entry comes to at a moment.
func Judge(c engawa.Custody, now time.Time) Judgement {
	v := view{entry: c, kind: KindOf(c.Kind)}
	line, ok := c.Stated()
	if !ok {
		j := Judgement{Risk: Unstated}
		v.found()
		v.add(StepState)
		j.Steps = v.ordered()
		return j
	}
	v.since = line.At
	for _, h := range line.Stated.Holders {
		v.holders = append(v.holders, v.left(h))
	}
	j := Judgement{Risk: v.risk(), Holders: v.holders, Custodians: v.custodians()}
	v.steps(j.Risk, line.Stated.Holders)
	if now.Sub(said(line)) > old {
		v.add(StepStateAgain)
	}
	j.Steps = v.ordered()
	return j
}

// said is the day of which a statement tells.
func said(l engawa.CustodyLine) time.Time {
	if on, err := time.Parse(time.DateOnly, l.Stated.On); err == nil && on.Before(l.At) {
		return on
	}
	return l.At
}

// view is an entry while it is judged.
type view struct {
	entry   engawa.Custody
	kind    Kind
	since   time.Time // of what was said last
	holders []engawa.CustodyHolder
	list    []Step
}

// left is a holder with the rights that are left: one that was taken back after it
// was said that they hold it is gone.
func (v *view) left(h engawa.CustodyHolder) engawa.CustodyHolder {
	out := h
	out.Rights = nil
	for _, r := range h.Rights {
		if v.done(v.takes(h, r)) == nil {
			out.Rights = append(out.Rights, r)
		}
	}
	return out
}

// takes is the step that takes a right back from whom it was lent to.
func (v *view) takes(h engawa.CustodyHolder, right string) engawa.CustodyStep {
	s := engawa.CustodyStep{Key: StepEnd, Holder: h.Name, Right: right}
	switch r := v.kind.Has(right); {
	case r.Lasts:
		s.Key = StepAskRemove
	case r.Main:
		s.Key = StepRemove
	}
	return s
}

// done is the line that said last that a step was done. What takes a right back must
// have been done after it was said that somebody holds it.
func (v *view) done(s engawa.CustodyStep) *engawa.CustodyLine {
	for i := len(v.entry.Lines) - 1; i >= 0; i-- {
		l := v.entry.Lines[i]
		if l.Done != nil && l.Done.Step == s && (s.Right == "" || l.At.After(v.since)) {
			return &v.entry.Lines[i]
		}
	}
	return nil
}

// any reports whether somebody on a side holds a right of which ask is true.
func (v *view) any(side string, ask func(Right) bool) bool {
	return slices.ContainsFunc(v.holders, func(h engawa.CustodyHolder) bool {
		return h.Side == side && slices.ContainsFunc(h.Rights, func(r string) bool { return ask(v.kind.Has(r)) })
	})
}

func main(r Right) bool    { return r.Main }
func grave(r Right) bool   { return r.Main || r.Lasts }
func lasting(r Right) bool { return r.Lasts }
func some(Right) bool      { return true }

func (v *view) risk() Risk {
	switch ours := v.any(engawa.SideOwn, main); {
	case !ours && v.any(engawa.SideOutside, grave):
		return All
	case !ours && v.any(engawa.SideGone, grave):
		return Vanished
	case !ours:
		return Unclear
	case v.any(engawa.SideOutside, grave) || v.any(engawa.SideGone, grave):
		return Part
	case v.any(engawa.SideOutside, some) || v.any(engawa.SideGone, some):
		return Lent
	case v.own() < 2 && v.done(engawa.CustodyStep{Key: StepSecond}) == nil:
		return Alone
	}
	return Sound
}

// own counts those of the business who hold a main right.
func (v *view) own() (n int) {
	for _, h := range v.holders {
		if h.Side == engawa.SideOwn && slices.ContainsFunc(h.Rights, func(r string) bool { return v.kind.Has(r).Main }) {
			n++
		}
	}
	return n
}

// custodians are those who hold a right that counts.
func (v *view) custodians() (names []string) {
	for _, h := range v.holders {
		if slices.ContainsFunc(h.Rights, func(r string) bool { return grave(v.kind.Has(r)) }) {
			names = append(names, h.Name)
		}
	}
	return names
}

// steps are those of a risk, in the order in which they are done: first what keeps
// the thing from being deleted, then what keeps the data, then the way out.
func (v *view) steps(r Risk, said []engawa.CustodyHolder) {
	held := r == All || r == Vanished // nothing can be taken back from whoever holds all
	if !held {
		v.take(said, StepRemove)
	}
	v.found()
	switch r {
	case All:
		if v.kind.Movable {
			v.addAll(StepAskOver, StepKeep)
		} else {
			v.addAll(StepNothing, StepKeep, StepOwn, StepOtherWays, StepMove)
		}
	case Vanished:
		if v.kind.Movable {
			v.add(StepProve)
		} else {
			v.add(StepNothing)
		}
		v.addAll(StepOwn, StepOtherWays, StepMove)
	case Unclear:
		v.add(StepFind)
	case Part:
		v.part(said)
	case Lent, Alone, Sound, Unstated:
		v.second()
	}
	if !held {
		v.take(said, StepEnd)
	}
}

// part are the steps where the business holds a main right and somebody else a part.
// Where that part stays with them and the thing cannot be moved, the only way out is
// a new one.
func (v *view) part(said []engawa.CustodyHolder) {
	v.second()
	lasts := v.any(engawa.SideOutside, lasting) || v.any(engawa.SideGone, lasting)
	if lasts && v.entry.Account == "" {
		v.add(StepConnect)
	}
	v.add(StepKeep)
	v.take(said, StepAskRemove)
	if lasts && !v.kind.Movable {
		v.addAll(StepWatch, StepOwn, StepMove)
	}
}

// second asks for a second person of the business, where there is one.
func (v *view) second() {
	if v.own() == 1 {
		v.add(StepSecond)
	}
}

// take adds the steps by which rights are taken back, one for each right.
func (v *view) take(said []engawa.CustodyHolder, key string) {
	for _, h := range said {
		for _, r := range h.Rights {
			if s := v.takes(h, r); h.Side != engawa.SideOwn && s.Key == key {
				v.list = append(v.list, Step{CustodyStep: s, Urgent: key == StepRemove, Done: v.done(s)})
			}
		}
	}
}

// found adds what checks found, the newest first.
func (v *view) found() {
	for _, l := range slices.Backward(v.entry.Lines) {
		if l.Found == nil {
			continue
		}
		s := engawa.CustodyStep{Key: StepFound, Found: l.ID}
		v.list = append(v.list, Step{CustodyStep: s, Urgent: true, Found: *l.Found, Done: v.done(s)})
	}
}

func (v *view) addAll(keys ...string) {
	for _, key := range keys {
		v.add(key)
	}
}

func (v *view) add(key string) {
	s := engawa.CustodyStep{Key: key}
	st := Step{CustodyStep: s, Urgent: key == StepState || key == StepFind, Done: v.done(s)}
	if key == StepState || key == StepStateAgain || key == StepFind {
		st.Done = nil // saying it anew is what does it
	}
	v.list = append(v.list, st)
}

// ordered has what is to be done before what was.
func (v *view) ordered() []Step {
	slices.SortStableFunc(v.list, func(a, b Step) int { return one(a.Done != nil) - one(b.Done != nil) })
	return v.list
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
