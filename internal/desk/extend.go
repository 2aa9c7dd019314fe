package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
)

// Obstacle is why a renewal date cannot be moved.
type Obstacle string

// The obstacles.
const (
	Erased      Obstacle = "erased"       // the customer's data were; nothing is known of it
	NotRenewing Obstacle = "not_renewing" // bought once
	Shared      Obstacle = "shared"       // only the family member who bought it can have it moved
	NotPaid     Obstacle = "not_paid"     // neither active nor in the grace period
	FreeOffer   Obstacle = "free_offer"
	UnderWay    Obstacle = "under_way" // one was asked for, and its outcome is not known
	NoneLeft    Obstacle = "none_left" // of two in 365 days
)

// Limits is what may be done with the renewal date of one purchase.
type Limits struct {
	Why   Obstacle  // it cannot be moved; empty: the store may be asked
	Left  int       // of appstore.ExtensionsAllowed, as far as the hub knows
	Until time.Time // the date as it is
	Again time.Time // where none is left: when the next may be
	Open  string    // of UnderWay: the extension
}

// Owned is a purchase with its state.
type Owned struct {
	engawa.Purchase

	State purchase.State
}

// Stands is where a purchase stands at now.
func (o Owned) Stands(now time.Time) (purchase.View, engawa.PurchaseState) {
	v := o.State.At(now)
	return v, follow.StateAt(v, now)
}

// Own reads the states of purchases.
func Own(ps []engawa.Purchase) ([]Owned, error) {
	all := make([]Owned, len(ps))
	for i, p := range ps {
		s, err := follow.State(p.Facts)
		if err != nil {
			return nil, err
		}
		all[i] = Owned{p, s}
	}
	return all, nil
}

// LimitsOf tells what may be done with one of a customer's purchases at now. The
// App Store counts what each customer of an app had moved, so that all purchases
// of the account count, and of each the more of what the store told and what was
// asked for here. Its own count is the one that holds: the store may still refuse.
func LimitsOf(id string, all []Owned, asked []engawa.Extension, now time.Time) Limits {
	i := slices.IndexFunc(all, func(o Owned) bool { return o.ID == id })
	if i < 0 || all[i].Facts == nil {
		return Limits{Why: Erased}
	}
	o := all[i]
	v := o.State.At(now)
	l := Limits{Until: v.Until}
	var used []time.Time
	for _, other := range all {
		if other.Account == o.Account {
			used = append(used, moved(other, asked, now)...)
		}
	}
	slices.SortFunc(used, time.Time.Compare)
	if l.Left = max(0, appstore.ExtensionsAllowed-len(used)); l.Left == 0 {
		l.Again = used[len(used)-appstore.ExtensionsAllowed].Add(appstore.ExtensionsWithin)
	}
	open := slices.IndexFunc(asked, func(x engawa.Extension) bool { return x.Purchase == id && !x.State.Ended() })
	switch {
	case v.Kind != purchase.Renewing:
		l.Why = NotRenewing
	case v.Shared:
		l.Why = Shared
	case v.Status != appstore.StatusActive && v.Status != appstore.StatusBillingGracePeriod:
		l.Why = NotPaid
	case v.Offer.Pays == "FREE_TRIAL":
		l.Why = FreeOffer
	case open >= 0:
		l.Why, l.Open = UnderWay, asked[open].ID
	case l.Left == 0:
		l.Why = NoneLeft
	}
	return l
}

// moved are the moments within the last 365 days when a purchase's date was
// moved: by the store's word or by ours, whichever knows of more.
func moved(o Owned, asked []engawa.Extension, now time.Time) []time.Time {
	since := now.Add(-appstore.ExtensionsWithin)
	var told, done []time.Time
	for _, e := range o.State.Extensions {
		if e.At.Time().After(since) {
			told = append(told, e.At.Time())
		}
	}
	for _, x := range asked {
		if x.Purchase == o.ID && x.State == engawa.ExtensionDone && x.AskedAt.After(since) {
			done = append(done, x.AskedAt)
		}
	}
	if len(done) > len(told) {
		return done
	}
	return told
}

// refusal is why a date is not moved, for a program and for whoever reads no
// other words.
func (l Limits) refusal() error {
	says := map[Obstacle][2]string{
		Erased:      {"the customer was erased; nothing is known of this purchase", "nothing can be done with it here"},
		NotRenewing: {"what is bought once has no renewal date", "choose a subscription"},
		Shared:      {"a shared subscription has no renewal date of its own", "extend that of the family member who bought it"},
		NotPaid:     {"only a subscription that is paid, or in its grace period, can be extended", "ask the customer to repair the payment or to subscribe again"},
		FreeOffer:   {"a free offer cannot be extended", "extend after the first paid renewal"},
		UnderWay:    {"an extension was asked for, and nobody knows yet what became of it", "look what became of it first: a second one could extend twice"},
		NoneLeft:    {"this customer's subscriptions were extended twice within 365 days, which is all that the App Store allows", "the next is possible from " + l.Again.UTC().Format(time.DateOnly) + " on; an offer code may do meanwhile"},
	}
	if l.Why == "" {
		return nil
	}
	s := says[l.Why]
	return &engawa.Error{Code: engawa.CodeConflict, Message: s[0], Remedy: s[1]}
}

// Ask asks to move one renewal date.
type Ask struct {
	Workspace string
	Purchase  string
	Days      int // 1 to appstore.MaxExtensionDays
	Reason    appstore.ExtendReason
	Actor     string // "member:…", "key:…"
}

// Standing loads what LimitsOf asks for about a purchase.
func (d *Desk) Standing(ctx context.Context, workspace, id string) (p engawa.Purchase, l Limits, err error) {
	if p, err = d.Store.Purchase(ctx, workspace, id); err != nil {
		return p, l, err
	}
	ps, err := d.Store.PurchasesOf(ctx, workspace, p.Customer)
	if err != nil {
		return p, l, err
	}
	all, err := Own(ps)
	if err != nil {
		return p, l, err
	}
	asked, err := d.asked(ctx, workspace, p.Customer)
	return p, LimitsOf(id, all, asked, time.Now()), err
}

// asked are the extensions of a customer of the last 365 days and those without
// an end: the newest 200, of which more cannot count.
func (d *Desk) asked(ctx context.Context, workspace, customer string) ([]engawa.Extension, error) {
	return d.Store.Extensions(ctx, workspace, customer, store.Page{Limit: 200})
}

// Times of an extension.
const (
	longestCall = time.Minute     // to the store
	firstLook   = 2 * time.Minute // after an unclear answer: what was done can be seen by then
	lookAgain   = 30 * time.Minute
	giveUpLooks = 24 * time.Hour
)

// Extend has the App Store move one renewal date, in the actor's name. The error
// is an *engawa.Error: CodeInvalid, CodeConflict with what stands in the way (the
// hub's own check or the store's), CodeUnavailable where nothing was done.
// Without a clear answer there is no error and the extension is unknown: it is
// looked up, and cannot be asked for again before.
func (d *Desk) Extend(ctx context.Context, a Ask) (engawa.Extension, error) {
	if err := checkMove(a.Days, a.Reason); err != nil {
		return engawa.Extension{}, err
	}
	p, l, err := d.Standing(ctx, a.Workspace, a.Purchase)
	if err != nil {
		return engawa.Extension{}, err
	}
	if err := l.refusal(); err != nil {
		if kept := d.refuse(ctx, a, p, l); kept != nil {
			return engawa.Extension{}, kept
		}
		return engawa.Extension{}, err
	}
	s, err := follow.State(p.Facts)
	if err != nil {
		return engawa.Extension{}, err
	}
	app, err := d.Clients.Open(ctx, a.Workspace, p.Account)
	if err != nil {
		return engawa.Extension{}, err
	}
	now := time.Now().UTC()
	x := engawa.Extension{
		Workspace: a.Workspace, ID: engawa.NewID(engawa.PrefixExtension), Account: p.Account, Customer: p.Customer, Purchase: p.ID, Product: p.Product,
		Days: a.Days, Reason: int(a.Reason), RequestID: NewRequest(), State: engawa.ExtensionAsking, BeforeAt: ends(s), Actor: a.Actor,
		CreatedAt: now, AskedAt: now, NextAt: now.Add(longestCall + firstLook), // should this node not live to tell
	}
	if err := d.Store.By(a.Actor).OpenExtension(ctx, x); err != nil {
		return x, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestCall)
	defer cancel()
	got, err := app.Extend(ctx, s.OriginalTransactionID, appstore.Extend{Days: a.Days, Reason: a.Reason, RequestID: x.RequestID})
	x, told := answered(x, got, err, time.Now().UTC())
	if err := d.Store.SettleExtension(ctx, x, engawa.ExtensionAsking); err != nil {
		return x, err
	}
	if x.State == engawa.ExtensionDone {
		// The new date is shown at once where the store says it at once; else its
		// notification brings it.
		_, _ = d.refresh(ctx, app, s.OriginalTransactionID)
	}
	return x, told
}

// refuse keeps that an extension was refused before the store was asked: once a
// day for each actor and obstacle, so that a program that asks again and again
// fills no customer's story. Of an erased customer nothing is kept.
func (d *Desk) refuse(ctx context.Context, a Ask, p engawa.Purchase, l Limits) error {
	if l.Why == Erased {
		return nil
	}
	now := time.Now().UTC()
	return d.Store.By(a.Actor).RefuseExtension(ctx, engawa.Extension{
		Workspace: a.Workspace, ID: engawa.FixedID(engawa.PrefixExtension, p.ID, a.Actor, string(l.Why), now.Format(time.DateOnly)), Account: p.Account, Customer: p.Customer,
		Purchase: p.ID, Product: p.Product, Days: a.Days, Reason: int(a.Reason), Why: string(l.Why), BeforeAt: l.Until, Actor: a.Actor, CreatedAt: now,
	})
}

func checkMove(days int, reason appstore.ExtendReason) error {
	switch {
	case days < 1 || days > appstore.MaxExtensionDays:
		return engawa.Invalid("/days", "choose 1 to 90 days", "the App Store extends by 1 to %d days at a time", appstore.MaxExtensionDays)
	case reason < appstore.ExtendUndeclared || reason > appstore.ExtendOutage:
		return engawa.Invalid("/reason", "choose one of the four reasons", "the App Store has no such reason")
	}
	return nil
}

// ends is the end of the present period as the store says it.
func ends(s purchase.State) time.Time {
	return s.Periods[s.At(time.Now()).TransactionID].What.ExpiresAt.Time()
}

// answered is an extension after the store's answer, and what to tell of it.
func answered(x engawa.Extension, got appstore.Extended, err error, now time.Time) (engawa.Extension, error) {
	e, said := errors.AsType[*appstore.APIError](err)
	x.NextAt, x.DoneAt = time.Time{}, now
	switch {
	case err == nil && got.Success:
		x.State, x.EndsAt = engawa.ExtensionDone, got.EffectiveDate.Time()
		return x, nil
	case err == nil:
		x.State = engawa.ExtensionRefused
		return x, &engawa.Error{Code: engawa.CodeConflict, Message: "the App Store did not extend it, and gave no reason", Remedy: "look at the subscription's state, then ask again"}
	case said && e.Ambiguous:
		x.State, x.NextAt, x.DoneAt = engawa.ExtensionUnknown, now.Add(firstLook), time.Time{}
		return x, nil
	case said && e.Code != 0 && !e.Retryable:
		x.State, x.Code = engawa.ExtensionRefused, e.Code
	default:
		x.State = engawa.ExtensionUndone
	}
	return x, appstore.Explain(err)
}

// refresh asks the store how a subscription stands and keeps it.
func (d *Desk) refresh(ctx context.Context, app *follow.App, original string) (purchase.State, error) {
	all, err := app.Statuses(ctx, original)
	if err != nil {
		return purchase.State{}, appstore.Explain(err)
	}
	var reports []purchase.Report
	for _, s := range all {
		reports = append(reports, purchase.OfSubscription(s))
	}
	if len(reports) == 0 {
		return purchase.State{}, engawa.NotFound("subscription in the App Store")
	}
	if _, err := d.Follow.Save(ctx, app.Account, follow.How{Asked: true}, reports...); err != nil {
		return purchase.State{}, err
	}
	p, err := d.Store.PurchaseBy(ctx, app.Account.Workspace, app.Account.ID, original)
	if err != nil {
		return purchase.State{}, err
	}
	return follow.State(p.Facts)
}

// Became tells from a fresh state what became of an extension whose answer was
// not clear; unknown where the state does not say.
func Became(x engawa.Extension, s purchase.State) (engawa.ExtensionState, time.Time) {
	for _, e := range s.Extensions {
		if e.At.Time().After(x.AskedAt) {
			return engawa.ExtensionDone, e.Until.Time()
		}
	}
	latest := s.Periods[s.At(time.Now()).TransactionID].What
	switch ends := latest.ExpiresAt.Time(); {
	case ends.Equal(x.BeforeAt), !latest.PurchasedAt.Time().Before(x.BeforeAt): // as before, or renewed on the old date
		return engawa.ExtensionUndone, time.Time{}
	case ends.After(x.BeforeAt):
		return engawa.ExtensionDone, ends
	}
	return engawa.ExtensionUnknown, time.Time{}
}

// Look asks the store what became of an extension without a clear answer. What
// cannot be told even then stays unknown; after a day a person is asked.
func (d *Desk) Look(ctx context.Context, x engawa.Extension) (engawa.Extension, error) {
	from := x.State
	if x.Purchase == "" || from.Ended() {
		return x, &engawa.Error{Code: engawa.CodeConflict, Message: "there is nothing to look up", Remedy: "look at the extension again"}
	}
	now := time.Now().UTC()
	if from == engawa.ExtensionAsking && now.Before(x.AskedAt.Add(longestCall)) {
		return x, &engawa.Error{Code: engawa.CodeConflict, Message: "the App Store is being asked right now", Remedy: "look again in a minute"}
	}
	p, err := d.Store.Purchase(ctx, x.Workspace, x.Purchase)
	if err != nil {
		return x, err
	}
	s, err := follow.State(p.Facts)
	if err != nil {
		return x, err
	}
	if p.Facts != nil { // not erased meanwhile
		app, err := d.Clients.Open(ctx, x.Workspace, x.Account)
		if err != nil {
			return x, err
		}
		if s, err = d.refresh(ctx, app, s.OriginalTransactionID); err != nil {
			return x, err
		}
	}
	x.LookedAt = now
	x.State, x.EndsAt = Became(x, s)
	x.NextAt, x.DoneAt = time.Time{}, now
	if x.State == engawa.ExtensionUnknown {
		x.DoneAt = time.Time{}
		if now.Before(x.AskedAt.Add(giveUpLooks)) {
			x.NextAt = now.Add(lookAgain)
		} else if err := d.Store.Raise(ctx, askAbout("extension.unknown", x)); err != nil {
			return x, err
		}
	}
	return x, d.Store.SettleExtension(ctx, x, from)
}

// askAbout is a task about an extension.
func askAbout(kind string, x engawa.Extension) engawa.Task {
	args := map[string]string{"account": x.Account, "product": x.Product}
	if x.Customer != "" {
		args["customer"] = x.Customer
	}
	return engawa.Task{Workspace: x.Workspace, Kind: kind, Ref: x.ID, Customer: x.Customer, Args: args}
}
