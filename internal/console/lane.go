package console

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/store"
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

func orDash(s string) string { return cmp.Or(s, "–") }

func (c *console) lanes(v *visit) error {
	rows, err := c.laneRows(v)
	if err != nil {
		return err
	}
	receivers, err := c.receivers(v)
	if err != nil {
		return err
	}
	return v.show(LanesPage(Lanes{Page: v.titled("lanes", v.T("lanes.title")), Rows: rows, Receivers: receivers}))
}

// laneRows loads the health of every lane.
func (c *console) laneRows(v *visit) ([]LaneRow, error) {
	uses, err := c.Store.Lanes(v.ctx(), v.ws())
	if err != nil {
		return nil, err
	}
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	if err != nil {
		return nil, err
	}
	of := map[string]engawa.Account{}
	for _, a := range accounts {
		of[a.ID] = a
	}
	var rows []LaneRow
	for _, u := range uses {
		kind, _ := c.kind(u.Kind)
		if kind.New == nil {
			continue // a source has nothing to send
		}
		row := LaneRow{
			Account: u.Lane.Account, Name: u.Name, Kind: v.kindBeside(u.Kind, u.Name), Waiting: u.Waiting, OldestAt: u.Oldest,
			PausedUntil: u.Lane.PausedUntil, PauseWhy: u.Lane.PauseCode, Off: !of[u.Lane.Account].Enabled,
		}
		row.Gauges, row.NextFree = gauges(kind, of[u.Lane.Account], u.Lane.Pace, v.Now)
		rows = append(rows, row)
	}
	return rows, nil
}

// paceState is what a lane's row keeps of one limit (dispatch writes it).
type paceState struct {
	Ring      []int64   `json:"ring"` // instants in microseconds, where the provider counts a window
	Shut      time.Time `json:"shut"` // the provider said that nothing goes before
	Used      int       `json:"used"`
	Remaining int       `json:"remaining"`
	ResetsAt  time.Time `json:"resets_at"`
}

// gauges reads how far an account's limits are used and when it is free again.
// Limits for each recipient show the one that is used most.
func gauges(kind channel.Kind, a engawa.Account, pace store.Pace, now time.Time) (out []Gauge, next time.Time) {
	settings, err := kind.Check(a.Settings)
	if err != nil || kind.Limits == nil {
		return nil, time.Time{}
	}
	for _, l := range kind.Limits(settings) {
		g := Gauge{Scope: l.Scope, Limit: l.N, Per: l.Per}
		var free time.Time
		switch {
		case l.Exact || l.ByTo || l.Per >= 24*time.Hour:
			g.Used, free = counted(l, pace, now)
		default:
			g.Used, free = steady(l, pace.TAT, now)
		}
		if !l.ByTo && free.After(next) {
			next = free
		}
		out = append(out, g)
	}
	return out, next
}

// counted reads a limit whose uses are kept one by one, or as a quota.
func counted(l channel.Limit, pace store.Pace, now time.Time) (used int, free time.Time) {
	for scope, raw := range pace.Limits {
		name := strings.TrimPrefix(scope, "quota:")
		if name != l.Scope && !strings.HasPrefix(name, l.Scope+":") {
			continue
		}
		var st paceState
		if json.Unmarshal(raw, &st) != nil {
			continue
		}
		n, at := st.use(l, now)
		if n >= used {
			used, free = n, at
		}
	}
	return used, free
}

// use is how much of l is used at now, and when it is free again if all of it is.
func (s paceState) use(l channel.Limit, now time.Time) (used int, free time.Time) {
	if s.Shut.After(now) {
		return l.N, s.Shut
	}
	if s.ResetsAt.After(now) {
		if s.Remaining <= 0 {
			free = s.ResetsAt
		}
		return s.Used, free
	}
	from := now.Add(-l.Per).UnixMicro()
	ring := slices.DeleteFunc(slices.Clone(s.Ring), func(at int64) bool { return at <= from })
	if len(ring) >= l.N {
		free = time.UnixMicro(ring[len(ring)-l.N]).Add(l.Per)
	}
	return len(ring), free
}

// steady reads a steady rate: how much of the period ahead is taken.
func steady(l channel.Limit, tat, now time.Time) (used int, free time.Time) {
	step := l.Per / time.Duration(max(1, l.N))
	if ahead := tat.Sub(now); ahead > 0 {
		used = min(l.N, int((ahead+step-1)/step))
	}
	free = tat.Add(-time.Duration(max(0, l.Burst-1)) * step)
	return used, free
}

func (c *console) resume(v *visit) error {
	if err := v.by.Pause(v.ctx(), v.ws(), v.r.PathValue("id"), time.Time{}, ""); err != nil {
		return err
	}
	return v.see("/lanes", "resumed")
}
