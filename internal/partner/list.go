// Package partner is what a partner is told: of the subscribers of its apps, and
// of what became of its messages. Everything in it is made to leak nothing: no
// address that was not shared, no name, no id of a customer, and of a refusal only
// its class.
package partner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// Lists answers for the lists of partners, and keeps them up to date. Its fields
// are set once.
type Lists struct {
	Store *store.Store
	Rules *rule.Set
	Kinds []channel.Kind
}

// Entry is a subscriber as the partner sees one.
type Entry struct {
	Handle        string
	Gone          bool // it ended: nothing below is set
	Locale        engawa.Locale
	Subscriptions []Subscription
	Reach         []Reach
	Address       engawa.Address // of mail; empty: it was not shared with this app
}

// Format names the entry alone, whatever the verb.
func (e Entry) Format(f fmt.State, _ rune) { fmt.Fprint(f, "subscriber "+e.Handle) }

// Subscription is one plan of a subscriber. Days are those of the business's zone:
// an instant would tell two partners that they look at the same customer.
type Subscription struct {
	Plan        string
	State       engawa.SubscriptionState
	StartsOn    string // a date, as 2026-11-30
	EndsOn      string // empty: open
	Environment string
}

// Reach is a kind of channel on which the subscriber may be written to, and for what.
type Reach struct {
	Channel  string
	Purposes []engawa.Purpose
}

// purposes are those that an entry tells of.
var purposes = []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing}

// Step brings all lists up to date.
func (l *Lists) Step(ctx context.Context) error {
	workspaces, err := l.Store.PartnersOf(ctx)
	if err != nil {
		return err
	}
	for _, w := range workspaces {
		look := func(ctx context.Context) (store.Look, error) {
			look, _, err := l.look(ctx, w)
			return look, err
		}
		for more := true; more && ctx.Err() == nil; {
			if more, err = l.Store.StepSubscribers(ctx, w, look); err != nil {
				return err
			}
		}
	}
	return nil
}

// look says how the entries of a workspace's lists are looked at.
func (l *Lists) look(ctx context.Context, workspace string) (store.Look, viewer, error) {
	accounts, err := l.Store.Accounts(ctx, workspace)
	v := viewer{l, nil}
	for _, a := range accounts {
		k, ok := message.Find(l.Kinds, a.Kind)
		if !ok || !k.ToCustomers || k.Form != nil || !a.Enabled || !Carries(a) {
			continue
		}
		for _, p := range purposes {
			v.ways = append(v.ways, store.Way{Account: a.ID, Purpose: p})
		}
	}
	return store.Look{Ways: v.ways, Show: v.text}, v, err
}

// Carries reports whether an account may carry partners' messages: one that is a
// partner's own, such as the endpoint that is told of changes, carries nobody's.
func Carries(a engawa.Account) bool {
	return a.Owner == engawa.OwnerWorkspace || a.Owner == engawa.OwnerOther
}

// Page returns a part of a list, how far it had come before, and whether it is
// still being made.
func (l *Lists) Page(ctx context.Context, list store.List, after string, limit int) ([]Entry, store.ListState, error) {
	look, v, err := l.look(ctx, list.Workspace)
	if err != nil {
		return nil, store.ListState{}, err
	}
	subs, state, err := l.Store.Subscribers(ctx, list, look, after, limit)
	return v.entries(subs), state, err
}

// Changes returns what changed in a list after a place, and the place of the last
// of it.
func (l *Lists) Changes(ctx context.Context, list store.List, after int64, limit int) (es []Entry, last int64, err error) {
	look, v, err := l.look(ctx, list.Workspace)
	if err != nil {
		return nil, after, err
	}
	subs, _, err := l.Store.SubscriberChanges(ctx, list, look, after, limit)
	last = after
	if len(subs) > 0 {
		last = subs[len(subs)-1].Changed
	}
	return v.entries(subs), last, err
}

// Entry returns one entry of a partner's lists, with its app and customer: the
// customer is for the hub alone.
func (l *Lists) Entry(ctx context.Context, workspace, partner, handle string) (e Entry, app, customer string, err error) {
	look, v, err := l.look(ctx, workspace)
	if err != nil {
		return e, "", "", err
	}
	sub, err := l.Store.Subscriber(ctx, workspace, partner, handle, look)
	if err != nil {
		return e, "", "", err
	}
	return v.entry(sub), sub.App, sub.Customer, nil
}

// viewer makes entries of what the store has.
type viewer struct {
	*Lists
	ways []store.Way
}

func (v viewer) entries(subs []store.Subscriber) []Entry {
	out := make([]Entry, len(subs))
	for i, s := range subs {
		out[i] = v.entry(s)
	}
	return out
}

// text is an entry as text, to see whether it is another than before.
func (v viewer) text(s store.Subscriber) (string, bool) {
	e := v.entry(s)
	type plain struct { // Address would mask itself
		Entry
		Address string
	}
	b, err := json.Marshal(plain{e, e.Address.Reveal()})
	if err != nil {
		return "", false // texts always marshal
	}
	return string(b), e.Address != ""
}

func (v viewer) entry(s store.Subscriber) Entry {
	e := Entry{Handle: s.Handle, Gone: !s.EndedAt.IsZero()}
	if e.Gone {
		return e
	}
	e.Locale = s.Locale
	zone, err := engawa.Zone(s.Zone)
	if err != nil {
		zone = time.UTC
	}
	for _, b := range s.Subscriptions {
		e.Subscriptions = append(e.Subscriptions, Subscription{b.Product, b.State, day(b.StartsAt, zone), day(b.EndsAt, zone), b.Environment})
	}
	now := time.Now()
	for i, k := range s.Known {
		e.reach(v.ways[i].Purpose, v.judge(k, now))
		if k.Facts.Channel == "mail" && k.To != "" && e.Address == "" && shares(s.List, k) {
			e.Address = k.To
		}
	}
	slices.SortFunc(e.Reach, func(a, b Reach) int { return cmp.Compare(a.Channel, b.Channel) })
	return e
}

func day(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format(time.DateOnly)
}

// judge is the verdict on a message without words.
func (v viewer) judge(k store.Known, now time.Time) engawa.Verdict {
	kind, _ := message.Find(v.Kinds, k.Facts.Channel)
	return verdict.Judge(message.Complete(k, kind, engawa.Message{}, now), v.Rules, now)
}

// standing gates are those that say for how long something holds, beside what an
// hour, a count or the words of a message do.
var standing = []engawa.Gate{engawa.GateGrant, engawa.GateRecipient, engawa.GateRelationship, engawa.GateConsent, engawa.GateSuppression}

// reach adds what a verdict allows.
func (e *Entry) reach(p engawa.Purpose, v engawa.Verdict) {
	if slices.ContainsFunc(v.Gates, func(g engawa.GateResult) bool { return g.Outcome == engawa.Refuse && slices.Contains(standing, g.Gate) }) {
		return
	}
	i := slices.IndexFunc(e.Reach, func(r Reach) bool { return r.Channel == v.Channel })
	if i < 0 {
		e.Reach, i = append(e.Reach, Reach{Channel: v.Channel}), len(e.Reach)
	}
	if !slices.Contains(e.Reach[i].Purposes, p) {
		e.Reach[i].Purposes = append(e.Reach[i].Purposes, p)
	}
}

// shares reports whether the customer agreed to share the address with the app:
// with this partner, and not with the app at large (APPI 27; off by default).
func shares(l store.List, k store.Known) bool {
	var all []engawa.Consent
	for _, c := range k.Facts.Consents {
		all = append(all, engawa.Consent{
			Controller: c.Controller, App: c.App, Act: c.Act, Purpose: c.Purpose, Channel: c.Channel, Topic: c.Topic, Given: c.Given, Pending: c.Pending, At: c.At,
		})
	}
	return verdict.SharingWith(l.Partner, all, engawa.ActShareAddress, l.App, "mail", time.Now()).Given != nil
}
