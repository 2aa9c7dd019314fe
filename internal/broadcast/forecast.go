package broadcast

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/segment"
	"github.com/engawa/engawa/internal/store"
)

// Sample is how many customers a forecast asks the verdict about. Of a larger segment
// it is an estimate.
const Sample = 500

// Forecast is what would become of a broadcast that began now.
type Forecast struct {
	Members int // of the segment
	Asked   int // customers of whom the verdict was asked; fewer than Members: the numbers below are estimates for all
	Send    int
	Hold    int
	Refuse  int
	Unmade  int // for whom no message can be made
	Why     []Why
	Use     []Use
	Shown   []store.NewMessage // some of those that were asked about, of each outcome
}

// Why is for how many customers one reason holds or refuses.
type Why struct {
	Outcome engawa.Outcome
	Reason  engawa.Reason // as the first of them has it
	N       int
}

// Use is how much of an account's quota the broadcast would use up.
type Use struct {
	Account string
	N       int // messages whose first way this account is
	// Budgets are what is known to be left of it: of the provider's month, for example.
	Budgets []engawa.BudgetFacts
}

// shown is how many messages of each outcome a forecast shows.
const shown = 3

// Look asks what would become of a broadcast. Nothing is kept.
func (r *Runner) Look(ctx context.Context, b engawa.Broadcast) (f Forecast, err error) {
	of := segment.Of(b.Workspace, b.Body.Where)
	if f.Members, err = r.Store.CountSelected(ctx, of); err != nil || f.Members == 0 {
		return f, err
	}
	ids, err := r.sample(ctx, of)
	if err != nil {
		return f, err
	}
	if f.Asked = len(ids); f.Asked == 0 { // they left it meanwhile
		return Forecast{}, nil
	}
	ms, err := r.Compose.ComposeEach(ctx, b.Workspace, Requests(b, ids), counted(&f.Unmade))
	if err != nil {
		return f, err
	}
	whys, uses, of3 := map[string]*Why{}, map[string]*Use{}, map[engawa.Outcome]int{}
	for _, m := range ms {
		if m == nil {
			continue
		}
		j := deciding(m.Judged)
		f.count(j.Verdict.Outcome)
		if of3[j.Verdict.Outcome]++; of3[j.Verdict.Outcome] <= shown {
			f.Shown = append(f.Shown, *m)
		}
		if j.Verdict.Outcome != engawa.Refuse {
			use(uses, j)
		}
		if reason, ok := why(j.Verdict); ok {
			key := string(j.Verdict.Outcome) + " " + reason.Code
			if whys[key] == nil {
				whys[key] = &Why{Outcome: j.Verdict.Outcome, Reason: reason}
			}
			whys[key].N++
		}
	}
	for _, w := range whys {
		f.Why = append(f.Why, *w)
	}
	for _, u := range uses {
		f.Use = append(f.Use, *u)
	}
	slices.SortFunc(f.Why, func(a, b Why) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Reason.Code, b.Reason.Code)) })
	slices.SortFunc(f.Use, func(a, b Use) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Account, b.Account)) })
	f.scale()
	return f, nil
}

// sample is all customers, or those behind a random place: ids are random, so any
// stretch of them is as good as another.
func (r *Runner) sample(ctx context.Context, of store.Selection) ([]string, error) {
	from := engawa.NewID(engawa.PrefixCustomer)
	ids, err := r.Store.Selected(ctx, of, from, Sample)
	if err != nil || len(ids) == Sample {
		return ids, err
	}
	before, err := r.Store.Selected(ctx, of, "", Sample)
	for _, id := range before {
		if len(ids) < Sample && id <= from {
			ids = append(ids, id)
		}
	}
	return ids, err
}

func (f *Forecast) count(o engawa.Outcome) {
	switch o {
	case engawa.Send:
		f.Send++
	case engawa.Hold:
		f.Hold++
	case engawa.Refuse:
		f.Refuse++
	}
}

// scale turns what was counted of the sample into what is expected of all.
func (f *Forecast) scale() {
	all := func(n int) int { return (n*f.Members + f.Asked/2) / f.Asked }
	f.Send, f.Hold, f.Refuse, f.Unmade = all(f.Send), all(f.Hold), all(f.Refuse), all(f.Unmade)
	for i := range f.Why {
		f.Why[i].N = all(f.Why[i].N)
	}
	for i := range f.Use {
		f.Use[i].N = all(f.Use[i].N)
	}
}

// deciding is the verdict on the first account that may send; if none may, on the first.
func deciding(js []store.Judged) store.Judged {
	for _, j := range js {
		if j.Verdict.Outcome != engawa.Refuse {
			return j
		}
	}
	return js[0]
}

// why is the reason of the gate that decided.
func why(v engawa.Verdict) (engawa.Reason, bool) {
	for _, g := range v.Gates {
		if g.Gate == v.Decided && v.Outcome != engawa.Send && len(g.Reasons) > 0 {
			return g.Reasons[0], true
		}
	}
	return engawa.Reason{}, false
}

func use(uses map[string]*Use, j store.Judged) {
	u := uses[j.Facts.Account]
	if u == nil {
		u = &Use{Account: j.Facts.Account}
		for _, b := range j.Facts.Budgets {
			if b.ResetsAt.After(time.Now()) {
				u.Budgets = append(u.Budgets, b)
			}
		}
		uses[j.Facts.Account] = u
	}
	u.N++
}
