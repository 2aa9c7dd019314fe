package dispatch

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/store"
)

// pace knows how fast an account may be used, exactly: a lane has one holder,
// so this is a local number. What it knows travels in the lane's rows to the
// next holder. Its methods are pure but for changing it.
type pace struct {
	limits []channel.Limit
	tat    time.Time            // of the first steady rate
	rings  map[string][]int64   // exact windows by scope and recipient: the last instants, microseconds
	tats   map[string]time.Time // steady rates for each recipient
	shut   map[string]time.Time // by scope: the provider said that nothing goes before
	quotas map[string]quota     // limits over a day or more, by scope
}

// quota counts a long period as the provider does: from a start, to a reset.
type quota struct {
	Used int       `json:"used"`
	N    int       `json:"n"`
	Ends time.Time `json:"ends"`
}

// at is the quota as it stands at now: of a period that is over nothing is left but,
// where months are counted, what this month's refusals did not undo.
func (q quota) at(now time.Time, l channel.Limit) quota {
	switch {
	case q.Ends.After(now):
		return q
	case l.Month == nil:
		return quota{Ends: now.Add(l.Per)}
	}
	begins, ends := monthOf(now, l.Month)
	if !q.Ends.After(begins) {
		q = quota{}
	}
	q.Ends = ends
	return q
}

// monthOf is the calendar month of now in a place.
func monthOf(now time.Time, in *time.Location) (begins, ends time.Time) {
	y, m, _ := now.In(in).Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, in).UTC(), time.Date(y, m+1, 1, 0, 0, 0, 0, in).UTC()
}

// longest is the period from which a limit is a budget that the verdict sees
// (hold until the reset), not a pace.
const longest = 24 * time.Hour

// newPace continues where the lane's rows stand.
func newPace(limits []channel.Limit, saved store.Pace) *pace {
	p := &pace{
		limits: limits, tat: saved.TAT, rings: map[string][]int64{}, tats: map[string]time.Time{},
		shut: map[string]time.Time{}, quotas: map[string]quota{},
	}
	for scope, raw := range saved.Limits {
		var st limitState
		if json.Unmarshal(raw, &st) != nil {
			continue // not ours; a limit that is not known again starts full
		}
		p.restore(scope, st)
	}
	return p
}

// limitState is one lane_limit row.
type limitState struct {
	Ring      []int64   `json:"ring,omitempty"`
	TAT       time.Time `json:"tat,omitzero"`
	Shut      time.Time `json:"shut,omitzero"`
	Used      int       `json:"used,omitempty"`
	Remaining int       `json:"remaining"`
	ResetsAt  time.Time `json:"resets_at,omitzero"`
}

const quotaScope = "quota:"

func (p *pace) restore(scope string, st limitState) {
	if name, isQuota := cutPrefix(scope, quotaScope); isQuota {
		p.quotas[name] = quota{Used: st.Used, N: st.Used + st.Remaining, Ends: st.ResetsAt}
		return
	}
	if len(st.Ring) > 0 {
		p.rings[scope] = st.Ring
	}
	if !st.TAT.IsZero() {
		p.tats[scope] = st.TAT
	}
	if !st.Shut.IsZero() {
		p.shut[scope] = st.Shut
	}
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):], true
	}
	return s, false
}

// save is the state for the lane's rows. What has worn off is left out; rows
// of worn-off limits are overwritten when they are used again.
func (p *pace) save(now time.Time) store.Pace {
	out := store.Pace{TAT: p.tat, Limits: map[string]json.RawMessage{}}
	states := map[string]limitState{}
	for scope, ring := range p.rings {
		st := states[scope]
		st.Ring = ring
		states[scope] = st
	}
	for scope, t := range p.tats {
		if st := states[scope]; t.After(now) {
			st.TAT = t
			states[scope] = st
		}
	}
	for scope, t := range p.shut {
		if st := states[scope]; t.After(now) {
			st.Shut = t
			states[scope] = st
		}
	}
	for name, q := range p.quotas {
		states[quotaScope+name] = limitState{Used: q.Used, Remaining: max(0, q.N-q.Used), ResetsAt: q.Ends}
	}
	for scope, st := range states {
		if b, err := json.Marshal(st); err == nil {
			out.Limits[scope] = b
		}
	}
	return out
}

// clone copies p, for a claim that may fail.
func (p *pace) clone() *pace {
	c := *p
	c.rings = maps.Clone(p.rings)
	for k, r := range c.rings {
		c.rings[k] = slices.Clone(r)
	}
	c.tats, c.shut, c.quotas = maps.Clone(p.tats), maps.Clone(p.shut), maps.Clone(p.quotas)
	return &c
}

// free says when the account as a whole may be used next, and how many calls
// may then go within ahead; limits for each recipient are asked in take.
func (p *pace) free(now time.Time, ahead time.Duration) (n int, at time.Time) {
	n, at = batch, now
	for _, l := range p.limits {
		if l.ByTo || l.Per >= longest {
			continue
		}
		m, t := p.freeOf(l, l.Scope, now, ahead)
		n = min(n, m)
		if t.After(at) {
			at = t
		}
	}
	if at.After(now) {
		return 0, at
	}
	return n, at
}

// freeOf answers for one limit, kept under key.
func (p *pace) freeOf(l channel.Limit, key string, now time.Time, ahead time.Duration) (n int, at time.Time) {
	if t := p.shut[key]; t.After(now) {
		return 0, t
	}
	if l.Exact {
		ring := window(p.rings[key], l, now)
		if len(ring) < l.N {
			return l.N - len(ring), now
		}
		return 0, time.UnixMicro(ring[len(ring)-l.N]).Add(l.Per)
	}
	step := l.Per / time.Duration(max(1, l.N))
	next := p.steady(key, l).Add(-time.Duration(max(0, l.Burst-1)) * step)
	if next.After(now) {
		if next.After(now.Add(ahead)) {
			return 0, next
		}
		return int(now.Add(ahead).Sub(next)/step) + 1, now
	}
	return int(now.Add(ahead).Sub(next)/max(1, step)) + 1, now
}

func (p *pace) steady(key string, l channel.Limit) time.Time {
	if l.ByTo {
		return p.tats[key]
	}
	return p.tat
}

// window drops the instants that the provider counts no more.
func window(ring []int64, l channel.Limit, now time.Time) []int64 {
	from := now.Add(-l.Per).UnixMicro()
	for len(ring) > 0 && ring[0] <= from {
		ring = ring[1:]
	}
	return ring
}

// take uses one call to a recipient and returns the instant at which it may
// go: at most ahead from now. ok is false when it may not go by then; at is
// then when to ask again, and nothing was used.
func (p *pace) take(to engawa.Address, now time.Time, ahead time.Duration) (at time.Time, ok bool) {
	at = now
	for _, l := range p.limits {
		if l.Per >= longest {
			continue
		}
		n, t := p.freeOf(l, scopeOf(l, to), now, ahead)
		if n < 1 {
			return t, false
		}
	}
	for _, l := range p.limits {
		if t := p.use(l, scopeOf(l, to), now); t.After(at) {
			at = t
		}
	}
	return at, true
}

// scopeOf names the state of a limit; a recipient's address is kept only as
// what the lane row needs: the address of a staff place, never a customer's
// mailbox (no kind limits those one by one).
func scopeOf(l channel.Limit, to engawa.Address) string {
	if l.ByTo {
		return l.Scope + ":" + to.Reveal()
	}
	return l.Scope
}

func (p *pace) use(l channel.Limit, key string, now time.Time) (at time.Time) {
	switch {
	case l.Per >= longest:
		q := p.quotas[l.Scope].at(now, l)
		q.Used++
		if q.N = l.N; l.Month != nil {
			q.N = max(q.N, q.Used+1)
		}
		p.quotas[l.Scope] = q
		return now
	case l.Exact:
		ring := append(window(p.rings[key], l, now), now.UnixMicro())
		p.rings[key] = ring[max(0, len(ring)-l.N):]
		return now
	}
	step := l.Per / time.Duration(max(1, l.N))
	tat := p.steady(key, l)
	if tat.Before(now) {
		tat = now
	}
	at = tat.Add(-time.Duration(max(0, l.Burst-1)) * step)
	if l.ByTo {
		p.tats[key] = tat.Add(step)
	} else {
		p.tat = tat.Add(step)
	}
	return at
}

// spent adds the quotas that are used up to what the lane's rows tell a verdict: they
// were written before the last answers.
func (p *pace) spent(told []engawa.BudgetFacts, now time.Time) []engawa.BudgetFacts {
	out := slices.Clone(told)
	for _, scope := range slices.Sorted(maps.Keys(p.quotas)) {
		q := p.quotas[scope]
		if q.Used < q.N || !q.Ends.After(now) {
			continue
		}
		out = slices.DeleteFunc(out, func(b engawa.BudgetFacts) bool { return b.Scope == scope })
		out = append(out, engawa.BudgetFacts{Scope: scope, ResetsAt: q.Ends})
	}
	return out
}

// learn corrects the count by what an answer said: somebody else may use the
// same token.
func (p *pace) learn(seen []channel.Seen, to engawa.Address) {
	for _, s := range seen {
		for _, l := range p.limits {
			switch {
			case l.Scope != s.Scope || s.Remaining > 0 || s.ResetsAt.IsZero():
			case l.Per >= longest:
				p.quotas[l.Scope] = quota{Used: l.N, N: l.N, Ends: s.ResetsAt}
			default:
				p.shut[scopeOf(l, to)] = s.ResetsAt
			}
		}
	}
}
