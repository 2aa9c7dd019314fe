package gap

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
)

const (
	partTime  = 40 * time.Second // of one step, below the lease
	partPages = 100
	partLost  = 500 // missing notifications that are entered together
	// maxPages is where a history is taken to have no end: five million notifications.
	maxPages = 250_000
	maxEmpty = 1000 // pages one after the other with nothing in them
	maxOdd   = 3    // answers that cannot be read, one after the other
	maxAnew  = 3
)

// haul is what one step read of the history.
type haul struct {
	pages, told, unproved int
	empty                 int             // of the last pages
	lost                  []appstore.Sent // proved, and not in the journal
	token                 string
	ended                 bool
	circle                bool  // the last page says that there is more, and leads nowhere new
	failed                error // of the store
}

// history reads on in the history and enters what is missing.
func (p place) history(ctx context.Context) (store.CheckupStep, error) {
	h, err := p.read(ctx)
	if err != nil {
		return store.CheckupStep{}, err
	}
	events, ask, err := p.recovered(ctx, h.lost)
	if err != nil {
		return store.CheckupStep{}, err
	}
	now := time.Now().UTC()
	check := h.on(*p.at.Now)
	st := store.CheckupStep{Checkup: p.at, Events: events, Ask: ask}
	if len(events) > 0 {
		check.Gap = cmp.Or(check.Gap, engawa.NewID(engawa.PrefixGap))
		if first := events[0].OccurredAt; check.Since.IsZero() || first.Before(check.Since) {
			check.Since = first
		}
		st.Gap = &engawa.Gap{
			Workspace: p.w.ID, ID: check.Gap, Account: p.at.Account, Cause: check.Cause, From: events[0].OccurredAt, To: events[len(events)-1].OccurredAt, FoundAt: check.BegunAt,
		}
		st.Raise = append(st.Raise, p.found(check, check.Missed+len(events)))
	}
	if h.unproved > 0 {
		st.Raise = append(st.Raise, p.unproved(check))
	}
	p.decide(&st, &check, h, now)
	st.Checkup.Now = &check
	return st, nil
}

// on is a check after a haul.
func (h haul) on(c engawa.Check) engawa.Check {
	c.Pages, c.Told, c.Unproved = c.Pages+h.pages, c.Told+h.told, c.Unproved+h.unproved
	switch {
	case h.ended:
		c.Stage, c.Token, c.Mark, c.Failures = engawa.StagePurchases, "", "", 0
	case h.pages > 0:
		c.Token, c.Parts, c.Failures = h.token, c.Parts+1, 0
		if c.Empty += h.pages; h.empty < h.pages {
			c.Empty = h.empty
		}
	}
	return c
}

// decide says how a check goes on after a haul.
func (p place) decide(st *store.CheckupStep, c *engawa.Check, h haul, now time.Time) {
	if h.ended {
		return
	}
	circle := h.circle || h.pages > 0 && c.Token == c.Mark
	if c.Parts&(c.Parts-1) == 0 { // at 1, 2, 4, 8 … (Brent's way to find a circle, here over steps)
		c.Mark = c.Token
	}
	why, until := fateOf(h.failed, now)
	if why != goOn {
		c.Failures++
	}
	switch {
	case circle, c.Pages > maxPages, c.Empty > maxEmpty, why == refuses, why == odd && c.Failures >= maxOdd, why == anew && c.Again >= maxAnew:
		c.Broken, c.Stage, c.Token, c.Mark, c.Failures = true, engawa.StagePurchases, "", "", 0
		st.Raise = append(st.Raise, p.endless())
	case why == noKey:
		st.Checkup = troubled(st.Checkup, engawa.TroubleKey, now)
		st.Next = now.Add(peekEvery)
		st.Raise = append(st.Raise, p.refused())
	case why == anew:
		c.Again++
		c.Token, c.Mark, c.Parts = "", "", 0
	case why == waits:
		st.Next = until
	case why != goOn && h.pages == 0:
		st.Checkup = p.tired(st.Checkup, c.Failures, now)
		st.Next = now.Add(backoff(c.Failures))
	}
}

// weary is after how many failures one after the other a person can see it.
const weary = 5

func (p place) tired(cu engawa.Checkup, failures int, now time.Time) engawa.Checkup {
	if failures < weary {
		return cu
	}
	return troubled(cu, engawa.TroubleBusy, now)
}

// read reads pages until there is enough for one step.
func (p place) read(ctx context.Context) (h haul, err error) {
	c := p.at.Now
	part, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	seen := map[string]bool{}
	q := appstore.NotificationQuery{From: c.From, Until: c.To, OnlyFailures: c.Cause == engawa.CheckFailures, Token: c.Token}
	for page, failed := range p.app.Notifications(part, q) {
		if ctx.Err() != nil {
			return h, ctx.Err()
		}
		if h.failed, h.circle = failed, failed != nil && page.More; failed != nil && !h.circle {
			return h, nil
		}
		if i := slices.IndexFunc(page.Sent, later); i >= 0 {
			h.failed = page.Sent[i].Err
			return h, nil
		}
		if err := p.sift(ctx, &h, page, seen); err != nil {
			return h, err
		}
		if h.empty++; len(page.Sent) > 0 {
			h.empty = 0
		}
		h.pages, h.token, h.ended = h.pages+1, page.Token, failed == nil && !page.More
		if failed != nil || h.ended || h.pages >= partPages || len(h.lost) >= partLost || part.Err() != nil {
			return h, nil
		}
	}
	return h, nil
}

// later reports whether a notification cannot be proved now, and may be later.
func later(s appstore.Sent) bool {
	e, ok := errors.AsType[*appstore.Error](s.Err)
	return ok && e.Class == appstore.ClassRetryable
}

// sift takes from a page what the journal lacks.
func (p place) sift(ctx context.Context, h *haul, page appstore.SentPage, seen map[string]bool) error {
	var keys []string
	for _, s := range page.Sent {
		if s.Err == nil {
			keys = append(keys, s.Notice.UUID)
		}
	}
	has, err := p.Store.Journalled(ctx, p.w.ID, p.at.Account, keys)
	if err != nil {
		return err
	}
	h.told += len(page.Sent)
	for _, s := range page.Sent {
		switch {
		case s.Err != nil:
			h.unproved++
		case !has[s.Notice.UUID] && !seen[s.Notice.UUID]:
			seen[s.Notice.UUID] = true
			h.lost = append(h.lost, s)
		}
	}
	return nil
}

// recovered folds what was missing and makes its events, in the order in which
// they happened; ask are the purchases that they tell of. Where the store has
// said more of the same purchase since, the event says so.
func (p place) recovered(ctx context.Context, lost []appstore.Sent) (events []engawa.Event, ask []string, err error) {
	if len(lost) == 0 {
		return nil, nil, nil
	}
	slices.SortStableFunc(lost, func(a, b appstore.Sent) int { return cmp.Compare(a.Notice.SignedDate, b.Notice.SignedDate) })
	of, err := p.fold(ctx, lost)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now().UTC()
	var ids []string
	for _, s := range lost {
		about := of[original(s)]
		e, err := p.app.Recovered(s, about.HeardAt.After(spoken(s.Notice)))
		if err != nil {
			return nil, nil, err
		}
		e.Workspace, e.Account, e.ReceivedAt, e.Customer = p.w.ID, p.at.Account, now, about.Customer
		events, ids = append(events, e), append(ids, engawa.NewOrderedID(engawa.PrefixEvent, now))
		if about.Facts != nil && !slices.Contains(ask, about.ID) {
			ask = append(ask, about.ID)
		}
	}
	slices.Sort(ids) // those of one moment sort as they happened
	for i := range events {
		events[i].ID = ids[i]
	}
	return events, ask, nil
}

// spoken is the latest moment at which a part of a notification was signed.
func spoken(n *appstore.Notice) time.Time {
	last := n.SignedDate
	if n.Transaction != nil {
		last = max(last, n.Transaction.SignedDate)
	}
	if n.Renewal != nil {
		last = max(last, n.Renewal.SignedDate)
	}
	return last.Time()
}

func original(s appstore.Sent) string {
	if s.Notice.Transaction == nil {
		return ""
	}
	return s.Notice.Transaction.OriginalTransactionID
}

// fold keeps what notifications say and returns the purchases by their original
// transactions. What cannot be folded is a person's: the events are entered all
// the same.
func (p place) fold(ctx context.Context, lost []appstore.Sent) (map[string]engawa.Purchase, error) {
	of := map[string]engawa.Purchase{}
	var reports []purchase.Report
	for _, s := range lost {
		if r, ok := purchase.OfNotice(s.Notice); ok {
			reports = append(reports, r)
		}
	}
	if len(reports) == 0 {
		return of, nil
	}
	ps, err := p.Follow.Save(ctx, p.app.Account, follow.How{}, reports...)
	if engawa.CodeOf(err) == engawa.CodeUnavailable || ctx.Err() != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	if err == nil {
		i := 0
		for _, r := range reports { // ps are in the order in which these come first
			if id := r.Transaction.OriginalTransactionID; of[id].ID == "" {
				of[id] = ps[i]
				i++
			}
		}
		return of, nil
	}
	if len(reports) == 1 {
		return of, p.Store.Raise(ctx, engawa.Task{Workspace: p.w.ID, Kind: "purchase.unread", Ref: p.at.Account, Args: map[string]string{"account": p.app.Account.Name}})
	}
	for _, s := range lost {
		one, err := p.fold(ctx, []appstore.Sent{s})
		if err != nil {
			return nil, err
		}
		maps.Copy(of, one)
	}
	return of, nil
}
