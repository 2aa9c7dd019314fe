package hindsight

import (
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// day is how far back messages to one customer are counted.
const day = 24 * time.Hour

// period is what a quota counts in: until when, and of which account or grant.
type period struct {
	of, scope string
	ends      int64 // microseconds
}

func until(of, scope string, ends time.Time) period { return period{of, scope, ends.UnixMicro()} }

// handed is a message that counts at an instant, in what happened (n is -1) or
// in what would have (1).
type handed struct {
	at     time.Time
	sender string
	n      int
}

// counters are by how much what would have been handed over differs from what was.
type counters struct {
	customers map[string][]handed
	periods   map[period]int
}

func newCounters() *counters {
	return &counters{map[string][]handed{}, map[period]int{}}
}

// adjust gives facts the counts that they would have had at an instant, and says
// whether any differs.
func (c *counters) adjust(f *engawa.Facts, at time.Time) bool {
	differs := c.adjustCustomer(f, at)
	f.Budgets = slices.Clone(f.Budgets)
	for i, b := range f.Budgets {
		n := c.periods[until(f.Account, b.Scope, b.ResetsAt)]
		f.Budgets[i].Remaining -= n
		differs = differs || n != 0
	}
	if f.Grant == nil {
		return differs
	}
	g := *f.Grant
	today, month := c.periods[until(g.ID, "day", g.DayEnds)], c.periods[until(g.ID, "month", g.MonthEnds)]
	g.UsedDay, g.UsedMonth = max(0, g.UsedDay+today), max(0, g.UsedMonth+month)
	f.Grant = &g
	return differs || today != 0 || month != 0
}

func (c *counters) adjustCustomer(f *engawa.Facts, at time.Time) bool {
	all, sender := 0, 0
	var oldest time.Time
	for _, h := range c.customers[f.Customer] {
		if h.at.After(at) || !h.at.After(at.Add(-day)) {
			continue
		}
		all += h.n
		if h.sender == f.Controller {
			sender += h.n
		}
		if h.n > 0 && (oldest.IsZero() || h.at.Before(oldest)) {
			oldest = h.at
		}
	}
	if all == 0 && sender == 0 {
		return false
	}
	f.SentDay, f.SentSender = max(0, f.SentDay+all), max(0, f.SentSender+sender)
	if f.OldestDay.IsZero() || !oldest.IsZero() && oldest.Before(f.OldestDay) {
		f.OldestDay = oldest
	}
	return true
}

// count takes in one message: f are the facts of the account that it goes to, at
// when. n is -1 for what happened and 1 for what would have.
func (c *counters) count(f engawa.Facts, when time.Time, n int) {
	if f.Purpose.Class() != engawa.Service {
		c.customers[f.Customer] = append(c.customers[f.Customer], handed{when, f.Controller, n})
	}
	for _, b := range f.Budgets {
		if when.Before(b.ResetsAt) {
			c.periods[until(f.Account, b.Scope, b.ResetsAt)] += n
		}
	}
	if g := f.Grant; g != nil {
		c.periods[until(g.ID, "day", g.DayEnds)] += n
		c.periods[until(g.ID, "month", g.MonthEnds)] += n
	}
}
