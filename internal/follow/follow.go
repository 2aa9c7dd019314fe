// Package follow keeps what the App Store says of purchases: each thing that is
// said is folded into the purchase's state (package purchase) and tied to the
// customer who bought it.
package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/language"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
)

// Follower folds reports. It is safe for several goroutines.
type Follower struct {
	Store *store.Store

	mu   sync.Mutex
	took map[string]time.Time // by account: when it was last noted that something came
}

// How says how reports were come by.
type How struct {
	Asked bool // the store was asked, and so the purchase is checked
	Back  bool // by the customer's own act: one who was erased begins anew
}

// Event folds a notification before it is journaled, and tells the event whose
// it is. What tells of no purchase is left as it is. The error is an
// *engawa.Error of CodeUnavailable: the App Store is to send it again.
func (f *Follower) Event(ctx context.Context, a engawa.Account, e *engawa.Event) error {
	n, err := appstore.Recall(e.Raw)
	if err != nil {
		return fmt.Errorf("follow %s: %w", e.ID, err)
	}
	if err := f.hears(ctx, a); err != nil {
		return err
	}
	r, ok := purchase.OfNotice(n)
	if !ok {
		return nil
	}
	ps, err := f.Save(ctx, a, How{}, r)
	if err != nil {
		return err
	}
	e.Customer = ps[0].Customer
	return nil
}

// Elsewhere says which account a notification is for that one refused: the account of
// the same app in the environment that it is of. The store sends the sandbox's to
// production's URL where only that was entered, and App Review buys in the sandbox
// with the build that is to be published.
func (f *Follower) Elsewhere(ctx context.Context, a engawa.Account, refused error) (string, error) {
	e, ok := errors.AsType[*appstore.Error](refused)
	if !ok || e.Class != appstore.ClassEnvironment {
		return "", nil
	}
	all, err := f.Store.Accounts(ctx, a.Workspace)
	i := slices.IndexFunc(all, func(other engawa.Account) bool {
		return other.Kind == Kind && other.Enabled && other.Settings["bundle_id"] == a.Settings["bundle_id"] && Environment(other) != Environment(a)
	})
	if err != nil || i < 0 {
		return "", err
	}
	return all[i].ID, nil
}

// Environment is that of the store which an account's settings name: production where
// they name none.
func Environment(a engawa.Account) string {
	return cmp.Or(a.Settings["environment"], engawa.Production)
}

// Production reports whether an account is one of the App Store in production. What
// is bought in the sandbox, by testers and by App Review, is another account's: it
// carries the same app account token and is the same customer's, and nobody paid.
func Production(a engawa.Account) bool { return a.Kind == Kind && Environment(a) == engawa.Production }

// States reads the states of those purchases that were made in an environment and
// whose customer was not erased.
func States(ps []engawa.Purchase, environment string) (states []purchase.State, err error) {
	for _, p := range ps {
		if p.Environment != environment || p.Facts == nil {
			continue
		}
		s, err := State(p.Facts)
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// tookEvery is how exactly it is known when an account last took something.
const tookEvery = time.Minute

// hears notes that an account takes something, once in a while.
func (f *Follower) hears(ctx context.Context, a engawa.Account) error {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.took[a.ID]) < tookEvery {
		return nil
	}
	if f.took == nil {
		f.took = map[string]time.Time{}
	}
	f.took[a.ID] = now
	return f.Store.Took(ctx, a.Workspace, a.ID)
}

// Save folds reports that an account had and returns the purchases that they
// are about, one for each original transaction, in the order in which these
// come first. All of it is kept or nothing.
func (f *Follower) Save(ctx context.Context, a engawa.Account, how How, reports ...purchase.Report) ([]engawa.Purchase, error) {
	if len(reports) == 0 {
		return nil, nil
	}
	w, err := f.Store.Workspace(ctx, a.Workspace)
	if err != nil {
		return nil, err
	}
	var originals []string
	of := map[string][]purchase.Report{}
	for _, r := range reports {
		id := r.Transaction.OriginalTransactionID
		if of[id] == nil {
			originals = append(originals, id)
		}
		of[id] = append(of[id], r)
	}
	hs := make([]store.Heard, len(originals))
	for i, id := range originals {
		hs[i] = heard(a, w.Locale, how, of[id])
	}
	return f.Store.Hear(ctx, a.Workspace, hs)
}

// heard is what reports of one original transaction come to.
func heard(a engawa.Account, locale engawa.Locale, how How, rs []purchase.Report) store.Heard {
	last := rs[len(rs)-1].Transaction
	h := store.Heard{
		Workspace: a.Workspace, Account: a.ID, Original: last.OriginalTransactionID,
		New:   engawa.Customer{Kind: "person", Locale: locale, Country: Country(last.Storefront)},
		Asked: how.Asked, Back: how.Back, Redeemed: redeemed(rs),
	}
	h.Whose, h.Tied = whose(last)
	for _, r := range rs {
		h.Single = append(h.Single, r.Transaction.TransactionID)
	}
	h.Fold = func(facts []byte) (engawa.Purchase, error) {
		s, err := State(facts)
		if err == nil {
			s, err = s.Fold(rs...)
		}
		if err != nil {
			return engawa.Purchase{}, fmt.Errorf("fold a purchase: %w", err)
		}
		return seen(a, s, time.Now())
	}
	h.Refunds = func(facts []byte) ([]engawa.RefundCase, error) {
		s, err := State(facts)
		return refunds(s), err
	}
	return h
}

// redeemed are the uses of offer codes that reports tell of: a period that was paid
// by one, or the next one of a subscription that goes on.
func redeemed(rs []purchase.Report) (used []store.Redemption) {
	for _, r := range rs {
		if t := r.Transaction; t.OfferType == appstore.OfferCode && t.OfferIdentifier != "" {
			used = append(used, store.Redemption{Offer: t.OfferIdentifier, At: t.PurchaseDate.Time()})
		}
		if n := r.Renewal; n != nil && n.OfferType == appstore.OfferCode && n.OfferIdentifier != "" {
			used = append(used, store.Redemption{Offer: n.OfferIdentifier, At: n.SignedDate.Time()})
		}
	}
	return used
}

// whose are the identities in a transaction, the surest first: what the business
// itself gave the customer, what the store gave to the customer of this app, and
// the purchase's own id. That of something bought once is not kept where another
// names the customer, since who buys often would have a thousand: it counts where
// the business tied it to a customer.
func whose(t *appstore.Transaction) (ids, tied []engawa.Identity) {
	add := func(kind, value string) {
		if value != "" {
			ids = append(ids, engawa.Identity{Issuer: appstore.Issuer, Kind: kind, Value: value})
		}
	}
	add(appstore.KindAppAccountToken, strings.ToLower(t.AppAccountToken))
	add(appstore.KindAppTransaction, t.AppTransactionID)
	if len(ids) > 0 && t.SubscriptionGroupIdentifier == "" {
		return ids, []engawa.Identity{{Issuer: appstore.Issuer, Kind: appstore.KindOriginalTransaction, Value: t.OriginalTransactionID}}
	}
	add(appstore.KindOriginalTransaction, t.OriginalTransactionID)
	return ids, nil
}

// Country turns a storefront (ISO 3166-1 alpha-3) into a country; empty if there
// is none of that name.
func Country(storefront string) string {
	r, err := language.ParseRegion(storefront)
	if err != nil || !r.IsCountry() {
		return ""
	}
	return r.String()
}

// State reads the facts of a purchase; nil facts are those of one that nothing
// is known of.
func State(facts []byte) (s purchase.State, err error) {
	if facts == nil {
		return s, nil
	}
	if err := json.Unmarshal(facts, &s); err != nil {
		return s, fmt.Errorf("read the facts of a purchase: %w", err)
	}
	return s, nil
}

// seen is a state as it is stored: its facts, and what they say at now.
func seen(a engawa.Account, s purchase.State, now time.Time) (engawa.Purchase, error) {
	facts, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return engawa.Purchase{}, fmt.Errorf("write the facts of a purchase: %w", err)
	}
	v, first, last := s.At(now), s.First(), s.Heard()
	return engawa.Purchase{
		App: a.Settings["app"], Environment: Environment(a), Kind: string(v.Kind), Product: v.ProductID, Group: v.Group,
		State: StateAt(v, now), Renews: !v.RenewsAt.IsZero() || v.Kind == purchase.Renewing && v.Entitled && !v.Canceled, Shared: v.Shared,
		Storefront: s.Storefront(), BoughtAt: first, EndsAt: cmp.Or(v.Until, v.EndedAt), HeardAt: last, Facts: facts,
	}, nil
}

// StateAt is where a purchase stands at now, of which v is the view.
func StateAt(v purchase.View, now time.Time) engawa.PurchaseState {
	switch {
	case v.Kind == purchase.Renewing:
		return engawa.PurchaseState(v.Status.String())
	case v.Entitled:
		return engawa.PurchaseOwned
	case !v.Until.IsZero() && !now.Before(v.Until):
		return engawa.PurchaseEnded
	}
	return engawa.PurchaseRevoked
}
