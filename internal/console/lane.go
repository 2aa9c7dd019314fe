package console

import (
	"cmp"
	"slices"
)

// full reports whether a limit of the lane is used up for now.
func (r LaneRow) full() bool {
	for _, g := range r.Gauges {
		if g.Percent() >= 100 {
			return true
		}
	}
	return false
}

// tightest is the limit of the lane that is used most.
func (r LaneRow) tightest() Gauge {
	return slices.MaxFunc(r.Gauges, func(a, b Gauge) int { return cmp.Compare(a.Percent(), b.Percent()) })
}

// nextFree is when the lane may send again.
func (p Page) nextFree(r LaneRow) string {
	if r.Off {
		return "–"
	}
	at := r.NextFree
	if r.PausedUntil.After(at) {
		at = r.PausedUntil
	}
	if !at.After(p.Now) {
		return p.T("lanes.now")
	}
	return p.near(at)
}

// gaugeWords reads "token · 300 / 300 · 5 min".
func (p Page) gaugeWords(g Gauge) string {
	per := ""
	if g.Per > 0 {
		per = p.T("lanes.per", "time", p.Duration(g.Per))
	}
	return joinDot(p.scopeWords(g.Scope), p.Number(g.Used)+" / "+p.Number(g.Limit), per)
}

// taskFacts says how often a task was raised and who holds it.
func (p Page) taskFacts(row TaskRow) string {
	times := ""
	if row.Count > 1 {
		times = p.T("tasks.count", "n", row.Count)
	}
	if !row.Open {
		return joinDot(times, row.DoneBy)
	}
	return joinDot(times, row.Assignee)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
