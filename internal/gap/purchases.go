package gap

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
)

const (
	asked = 200 // purchases in one step: one transaction, a fifth of a second of the writer's time
	lines = 16  // calls under way at once
)

// purchases asks the store about purchases in doubt.
func (p place) purchases(ctx context.Context) (store.CheckupStep, error) {
	check := *p.at.Now
	d := store.Doubt{Workspace: p.w.ID, Account: p.at.Account, After: check.Cursor, Before: check.BegunAt, Limit: asked}
	if check.Cause == engawa.CheckNight || check.Cause == engawa.CheckAsked {
		d.Old = check.BegunAt.Add(-old)
	}
	ps, missed, err := p.Store.Doubtful(ctx, d)
	if err != nil {
		return store.CheckupStep{}, err
	}
	if len(ps) == 0 {
		return p.ended(), nil
	}
	qs, err := questions(ps, missed)
	if err != nil {
		return store.CheckupStep{}, err
	}
	p.ask(ctx, qs)
	if ctx.Err() != nil {
		return store.CheckupStep{}, ctx.Err()
	}
	return p.answers(ctx, check, ps[len(ps)-1].ID, qs)
}

// question is what the store is asked about one purchase.
type question struct {
	id       string // of the purchase
	original string
	whole    bool // its customer's history too
	reports  []purchase.Report
	err      error
	done     bool // the store was asked
}

// questions leave out purchases of erased customers, of whom nothing is asked.
func questions(ps []engawa.Purchase, missed map[string]bool) (qs []*question, err error) {
	for _, b := range ps {
		if b.Facts == nil {
			continue
		}
		s, err := follow.State(b.Facts)
		if err != nil {
			return nil, err
		}
		qs = append(qs, &question{id: b.ID, original: s.OriginalTransactionID, whole: missed[b.ID]})
	}
	return qs, nil
}

// ask asks all questions, several at once, until one must wait or the time of
// the step is over. An answer about one purchase may answer others: it tells of
// all that its customer has.
func (p place) ask(ctx context.Context, qs []*question) {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	todo, enough := make(chan *question), atomic.Bool{}
	var all sync.WaitGroup
	for range min(lines, len(qs)) {
		all.Go(func() {
			for q := range todo {
				q.reports, q.err = p.about(ctx, *q)
				why, _ := fateOf(q.err, time.Now())
				q.done = why != busy || ctx.Err() == nil // else it was cut short
				if why == noKey || why == waits {
					enough.Store(true) // those under way have their turn already
				}
			}
		})
	}
	for _, q := range qs {
		if ctx.Err() != nil || enough.Load() {
			break
		}
		todo <- q
	}
	close(todo)
	all.Wait()
}

// about is what the store says of a purchase.
func (p place) about(ctx context.Context, q question) (rs []purchase.Report, err error) {
	subs, err := p.app.Statuses(ctx, q.original)
	if err != nil {
		return nil, err
	}
	for _, s := range subs {
		rs = append(rs, purchase.OfSubscription(s))
	}
	if !q.whole {
		return rs, nil
	}
	for page, err := range p.app.History(ctx, q.original, appstore.HistoryQuery{}) {
		if err != nil {
			return nil, err
		}
		for _, t := range page.Transactions {
			rs = append(rs, purchase.OfTransaction(t))
		}
	}
	return rs, nil
}

// answers keeps what the store said, and says how the check goes on.
func (p place) answers(ctx context.Context, check engawa.Check, last string, qs []*question) (store.CheckupStep, error) {
	now := time.Now().UTC()
	st := store.CheckupStep{Checkup: p.at}
	var reports []purchase.Report
	worst, until, tired, open, odds := goOn, time.Time{}, 0, 0, 0
	for _, q := range qs {
		why, at := fateOf(q.err, now)
		switch {
		case !q.done:
			open++
			continue
		case why == goOn:
			reports = append(reports, q.reports...)
			st.Looked = append(st.Looked, q.id)
		case why == refuses || why == odd: // of this purchase nothing is to be learned
			st.Looked = append(st.Looked, q.id)
			check.Unanswered++
			odds += count(why == odd)
		case why == busy || why == anew:
			tired++
		default:
			worst, until, open = why, at, open+1
		}
	}
	if err := p.keep(ctx, reports); err != nil {
		return st, err
	}
	check.Checked += len(st.Looked)
	if len(st.Looked) > 0 {
		check.Failures = 0
	}
	if check.Unproved += odds; odds > 0 {
		st.Raise = append(st.Raise, p.unproved(check))
	}
	switch {
	case worst == noKey:
		st.Checkup = troubled(st.Checkup, engawa.TroubleKey, now)
		st.Next = now.Add(peekEvery)
		st.Raise = append(st.Raise, p.refused())
	case worst == waits:
		st.Next = until
	case tired > 0 && 2*tired >= len(qs), open > 0 && len(st.Looked) == 0: // the store itself has trouble
		if check.Failures++; check.Failures >= weary {
			p.at.Now = &check
			return p.gaveUp(st), nil
		}
		st.Next = now.Add(backoff(check.Failures))
	case open == 0:
		check.Cursor, check.Unanswered, check.Failures = last, check.Unanswered+tired, 0
	}
	st.Checkup.Now = &check
	return st, nil
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// keep folds answers. One that cannot be folded spoils no other's.
func (p place) keep(ctx context.Context, rs []purchase.Report) error {
	rs = slices.DeleteFunc(rs, func(r purchase.Report) bool { return r.Transaction.OriginalTransactionID == "" })
	if len(rs) == 0 {
		return nil
	}
	_, err := p.Follow.Save(ctx, p.app.Account, follow.How{Asked: true}, rs...)
	return err
}

// ended ends the check: what was missing has been entered.
func (p place) ended() store.CheckupStep {
	now := time.Now().UTC()
	cu := p.at
	if cu.Trouble == engawa.TroubleBusy {
		cu.Trouble = "" // it has answered
	}
	st := store.CheckupStep{Checkup: finish(cu, p.zone, now), Close: []store.Closing{{Kind: taskKey, Ref: p.at.Account, Note: p.T("gap.note.key")}}}
	if !p.at.Now.Broken {
		st.Filled = true
		st.Close = append(st.Close, p.filled(*p.at.Now), store.Closing{Kind: taskEndless, Ref: p.at.Account, Note: p.T("gap.note.history")})
	}
	st.Next = earlier(st.Checkup.NightAt, st.Checkup.PeekAt)
	return st
}

// gaveUp ends a check that the store does not answer. What it has not answered
// is asked the next time.
func (p place) gaveUp(st store.CheckupStep) store.CheckupStep {
	now := time.Now().UTC()
	st.Checkup, st.Filled = finish(troubled(p.at, engawa.TroubleBusy, now), p.zone, now), !p.at.Now.Broken
	if st.Filled {
		st.Close = append(st.Close, p.filled(*p.at.Now))
	}
	st.Next = earlier(st.Checkup.NightAt, st.Checkup.PeekAt)
	return st
}
