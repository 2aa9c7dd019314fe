// Package hindsight judges past messages again, on the facts that were kept with
// them, as if a pack of rules had been switched otherwise, and tells of every
// message with which something else would have been done. It stores and sends
// nothing.
//
// What a changed verdict frees or uses of a customer's day, of a provider's quota
// and of a grant's is simulated again, message by message in the order in which they
// were judged. That is not what was counted then, and what follows from it alone is marked:
// a hold counts as handed over when it ends, whatever would have come between, and
// what was handed over in the 24 hours before the span is as it was.
package hindsight

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// Most is how many messages one trial judges, Shown how many of the differences a
// page has if nobody says, and ShownMost at most.
const (
	Most      = 100_000
	Shown     = 30
	ShownMost = 1000
)

// Spans are over how many days a pack can be tried.
var Spans = [...]int{7, 30, 90}

// Trial asks what would have been.
type Trial struct {
	Workspace string
	Pack      string
	On        bool
	Days      int       // one of Spans
	Until     time.Time // what was made from then on is left out
	Cursor    string    // Report.Next of the page before; empty: the first
	Limit     int       // 0: Shown
}

// Report is what would have been done otherwise.
type Report struct {
	Since, Until time.Time // the messages that were looked at were made between
	Judged       int
	Erased       int // whose facts are gone: not judged
	Cut          bool
	Outdated     int // judged by today's rules otherwise than it was, whatever the pack
	Resimulated  int // of those that differ, by counts that were simulated again
	Differ       int
	Sums         []Sum // the most first
	Rows         []Row // a page, in the order in which they were judged
	First        int   // the place of the first row, from 1; 0: no row
	Next         string
}

// Sum is with how many messages of a purpose one rule makes one difference.
type Sum struct {
	Change      Change
	Rule        string // id; empty: the product itself
	Purpose     engawa.Purpose
	Messages    int
	Resimulated int // of these, by counts that were simulated again
}

// Change is what was done with a message and what would have been.
type Change struct{ Was, Would engawa.Outcome }

// Row is one message that differs.
type Row struct {
	Message     engawa.Message // without content
	At          time.Time      // when it was judged
	Was, Would  engawa.Verdict
	Resimulated bool // it differs by counts that were simulated again
}

// Rule is the one that makes the difference.
func (r Row) Rule() string {
	stricter := r.Was
	if rank(r.Would) > rank(r.Was) || r.Would.Outcome == engawa.Hold && r.Was.Outcome == engawa.Hold && r.Would.Until.After(r.Was.Until) {
		stricter = r.Would
	}
	for _, g := range stricter.Gates {
		if stricter.Outcome != engawa.Send && g.Gate == stricter.Decided {
			return g.Reasons[0].Rule
		}
	}
	for _, o := range slices.Concat(r.Was.Obligations, r.Would.Obligations) {
		if !adds(r.Was, o) || !adds(r.Would, o) {
			return o.Rule
		}
	}
	return ""
}

// adds reports whether a verdict asks for the same to be added, by whichever rule.
func adds(v engawa.Verdict, o engawa.Obligation) bool {
	return slices.ContainsFunc(v.Obligations, func(other engawa.Obligation) bool { return other.Kind == o.Kind && other.Text == o.Text })
}

func rank(v engawa.Verdict) int {
	return slices.Index([]engawa.Outcome{engawa.Send, engawa.Hold, engawa.Refuse}, v.Outcome)
}

// Try judges the messages of a span again under a set of rules. The error is an
// *engawa.Error for a pack, a span or a cursor that is none. The pages of one trial
// look at the same messages, whatever has come since.
func Try(ctx context.Context, st *store.Store, rules *rule.Set, t Trial) (Report, error) {
	j, err := begin(rules, t)
	if err != nil {
		return Report{}, err
	}
	out := &j.report
	since, err := st.WalkJudged(ctx, t.Workspace, out.Since, out.Until, Most, func(batch []store.JudgedMessage) error {
		for _, m := range batch {
			j.take(m)
		}
		return ctx.Err()
	})
	if err != nil {
		return Report{}, err
	}
	j.judgeUntil(time.Time{})
	out.Cut, out.Since = since.After(out.Since), since
	j.finish()
	return *out, nil
}

// judging is a trial under way.
type judging struct {
	Trial
	rules  *rule.Set
	after  place // the last row of the page before
	last   place // of this page
	limit  int
	passed int
	waits  queue
	counts *counters
	sums   map[Sum]*Sum
	report Report
}

// place is where a message stands in the order in which messages were judged.
type place struct {
	at int64 // microseconds
	id string
}

func (p place) before(o place) bool { return p.at < o.at || p.at == o.at && p.id < o.id }

func begin(rules *rule.Set, t Trial) (*judging, error) {
	p, err := rules.Pack(t.Pack)
	switch {
	case err != nil:
		return nil, err
	case p.Fixed() && !t.On:
		return nil, rule.Unswitchable()
	case !slices.Contains(Spans[:], t.Days):
		return nil, engawa.Invalid("/days", "ask for 7, 30 or 90 days", "%d days cannot be tried", t.Days)
	}
	j := &judging{Trial: t, rules: rules, limit: cmp.Or(min(max(t.Limit, 0), ShownMost), Shown), counts: newCounters(), sums: map[Sum]*Sum{}}
	if t.Cursor != "" {
		if j.Until, j.after, err = cursorOf(t.Cursor); err != nil {
			return nil, err
		}
	}
	j.report.Until = j.Until
	j.report.Since = j.Until.AddDate(0, 0, -t.Days)
	return j, nil
}

// A cursor is the end of the span and the last row, with points between.
func (j *judging) cursor(last place) string {
	return fmt.Sprintf("%d.%d.%s", j.Until.UnixMicro(), last.at, last.id)
}

func cursorOf(text string) (until time.Time, last place, err error) {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) == 3 {
		end, err1 := strconv.ParseInt(parts[0], 10, 64)
		at, err2 := strconv.ParseInt(parts[1], 10, 64)
		if err1 == nil && err2 == nil {
			return time.UnixMicro(end).UTC(), place{at, parts[2]}, nil
		}
	}
	return until, last, engawa.Invalid("/cursor", "give the next of the answer before, with the same pack and days", "this is no cursor of a trial")
}

// waiting is a message whose turn comes when all that were judged before it are done.
type waiting struct {
	place
	said store.JudgedMessage
}

// queue is a heap, the first to be judged on top.
type queue []waiting

func (q queue) Len() int           { return len(q) }
func (q queue) Less(a, b int) bool { return q[a].before(q[b].place) }
func (q queue) Swap(a, b int)      { q[a], q[b] = q[b], q[a] }
func (q *queue) Push(x any)        { *q = append(*q, x.(waiting)) } //nolint:forcetypeassert // of heap.Push below
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = waiting{}
	*q = (*q)[:len(*q)-1]
	return last
}

// take puts a message in the line and judges all whose turn has come: messages are
// taken in the order in which they were made, and none is judged for a time before.
func (j *judging) take(m store.JudgedMessage) {
	j.judgeUntil(m.Message.CreatedAt)
	if m.Erased || len(m.Chain) == 0 {
		j.report.Erased++
		return
	}
	heap.Push(&j.waits, waiting{place{m.Chain[0].Early.Verdict.At.UnixMicro(), m.Message.ID}, m})
}

// judgeUntil judges what waits and was judged before an instant; zero: all.
func (j *judging) judgeUntil(at time.Time) {
	for len(j.waits) > 0 && (at.IsZero() || j.waits[0].at < at.UnixMicro()) {
		j.judge(heap.Pop(&j.waits).(waiting)) //nolint:forcetypeassert // of heap.Push above
	}
}

// judge judges one message as it was, and as it would have been.
func (j *judging) judge(w waiting) {
	j.report.Judged++
	var all []via
	outdated := false
	for _, c := range w.said.Chain {
		v := j.via(c)
		outdated = outdated || v.outdated
		all = append(all, v)
	}
	if outdated {
		j.report.Outdated++
	}
	was := all[goes(all, func(v via) engawa.Verdict { return v.was })]
	would := all[goes(all, func(v via) engawa.Verdict { return v.would })]
	alone := all[goes(all, func(v via) engawa.Verdict { return v.alone })]
	j.counts.both(was.facts, was.was, would.facts, would.would)
	if differ(was.was, would.would) {
		j.add(w.place, Row{w.said.Message, was.was.At, was.was, would.would, differ(alone.alone, would.would)})
	}
}

// goes is the account of a chain by which a message goes, now or later; if none
// does, the first.
func goes(chain []via, verdict func(via) engawa.Verdict) int {
	return max(0, slices.IndexFunc(chain, func(v via) bool { return verdict(v).Outcome != engawa.Refuse }))
}

// via is one account's verdicts.
type via struct {
	facts      engawa.Facts
	was, would engawa.Verdict
	alone      engawa.Verdict // as it would have been, had all counts been as they were
	outdated   bool
}

// via judges for one account: first as when the message was made, then as when it
// was claimed, if it would have come to that.
func (j *judging) via(c store.JudgedVia) via {
	was, would, alone := j.again(c.Early)
	out := via{facts: c.Early.Facts, was: was, would: would, alone: alone, outdated: c.Early.Verdict.Outcome != was.Outcome}
	if c.Claimed == nil {
		return out
	}
	was2, would2, alone2 := j.again(*c.Claimed)
	earlier := was.Outcome != engawa.Send
	out.was = then(was, was2, false)
	out.would = then(would, would2, earlier && would.Outcome == engawa.Send)
	out.alone = then(alone, alone2, earlier && alone.Outcome == engawa.Send)
	return out
}

// then is what comes of a verdict and the one at the claim. What would have gone at
// once, while it waited, was gone before the claim. Of what waits it is told until
// when it was to wait first.
func then(early, claimed engawa.Verdict, gone bool) engawa.Verdict {
	switch {
	case gone || early.Outcome == engawa.Refuse:
		return early
	case claimed.Outcome == engawa.Refuse || early.Outcome == engawa.Send:
		return claimed
	}
	return early
}

// again judges kept facts as they are, with the pack switched, and with it switched
// but all counts as they were.
func (j *judging) again(k store.Judged) (was, would, alone engawa.Verdict) {
	f, at := k.Facts, k.Verdict.At
	f.Final, f.Applied = false, nil // labels and footers would be made anew
	was = verdict.Judge(f, j.rules, at)
	off := f.House.PacksOff
	f.House.PacksOff = j.switched(off)
	would, alone = was, was
	if !slices.Equal(off, f.House.PacksOff) {
		alone = verdict.Judge(f, j.rules, at)
		would = alone
	}
	if j.counts.adjust(&f, at) {
		would = verdict.Judge(f, j.rules, at)
	}
	return was, would, alone
}

// both takes in what was handed over and what would have been, unless they are one.
func (c *counters) both(by engawa.Facts, was engawa.Verdict, instead engawa.Facts, would engawa.Verdict) {
	at, then := handedAt(was), handedAt(would)
	if by.Account == instead.Account && at.Equal(then) {
		return
	}
	if !at.IsZero() {
		c.count(by, at, -1)
	}
	if !then.IsZero() {
		c.count(instead, then, 1)
	}
}

// handedAt is when what a verdict lets go is handed over; zero: never.
func handedAt(v engawa.Verdict) time.Time {
	switch v.Outcome {
	case engawa.Send:
		return v.At
	case engawa.Hold:
		return v.Until
	case engawa.Refuse:
	}
	return time.Time{}
}

// switched is which packs would have been off.
func (j *judging) switched(off []string) []string {
	switch has := slices.Contains(off, j.Pack); {
	case j.On && has:
		return slices.DeleteFunc(slices.Clone(off), func(name string) bool { return name == j.Pack })
	case !j.On && !has:
		off = append(slices.Clone(off), j.Pack)
		slices.Sort(off)
	}
	return off
}

// differ reports whether something else is done with a message: it goes or not, it
// goes at another time, or it goes with other words.
func differ(a, b engawa.Verdict) bool {
	if a.Outcome != b.Outcome || a.Outcome == engawa.Hold && !a.Until.Equal(b.Until) {
		return true
	}
	return a.Outcome != engawa.Refuse && (addsMore(a, b) || addsMore(b, a))
}

func addsMore(a, b engawa.Verdict) bool {
	return slices.ContainsFunc(a.Obligations, func(o engawa.Obligation) bool { return !adds(b, o) })
}

func (j *judging) add(at place, r Row) {
	out := &j.report
	key := Sum{Change: Change{r.Was.Outcome, r.Would.Outcome}, Rule: r.Rule(), Purpose: r.Message.Purpose}
	s := j.sums[key]
	if s == nil {
		s = &Sum{Change: key.Change, Rule: key.Rule, Purpose: key.Purpose}
		j.sums[key] = s
	}
	out.Differ++
	s.Messages++
	if r.Resimulated {
		out.Resimulated++
		s.Resimulated++
	}
	switch {
	case j.Cursor != "" && !j.after.before(at):
		j.passed++
	case len(out.Rows) < j.limit:
		out.Rows = append(out.Rows, r)
		j.last = at
	default:
		out.Next = j.cursor(j.last)
	}
}

// finish puts the sums in order, the most first.
func (j *judging) finish() {
	out := &j.report
	if len(out.Rows) > 0 {
		out.First = j.passed + 1
	}
	for _, s := range j.sums {
		out.Sums = append(out.Sums, *s)
	}
	slices.SortFunc(out.Sums, func(a, b Sum) int {
		return cmp.Or(b.Messages-a.Messages, strings.Compare(a.name(), b.name()))
	})
}

func (s Sum) name() string {
	return strings.Join([]string{string(s.Change.Was), string(s.Change.Would), s.Rule, string(s.Purpose)}, " ")
}
