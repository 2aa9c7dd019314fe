package insight

import (
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/route"
)

// Family is a type of the store's notifications, with all its subtypes.
type Family struct {
	Type  string // "store.refund"
	Phase Phase
	// Renews: it is of subscriptions that renew themselves, and of nothing else.
	Renews bool
	Rare   bool // it comes only where the app uses something, or at some time
	// Itself: no route is needed. The hub keeps it, or does what is to be done.
	Itself bool
}

// Families lists the types by the phase in which an app takes them up: first
// those that most notifications are, then all the others.
func Families() []Family {
	return []Family{
		{Type: "store.subscribed", Phase: Start, Renews: true},
		{Type: "store.did_renew", Phase: Start, Renews: true},
		{Type: "store.did_fail_to_renew", Phase: Start, Renews: true},
		{Type: "store.expired", Phase: Start, Renews: true},
		{Type: "store.refund", Phase: Start},
		{Type: "store.did_change_renewal_status", Phase: LifeCycle, Renews: true},
		{Type: "store.did_change_renewal_pref", Phase: LifeCycle, Renews: true, Rare: true},
		{Type: "store.grace_period_expired", Phase: LifeCycle, Renews: true, Rare: true},
		{Type: "store.offer_redeemed", Phase: LifeCycle, Renews: true, Rare: true},
		{Type: "store.price_increase", Phase: LifeCycle, Renews: true, Rare: true},
		{Type: "store.renewal_extended", Phase: LifeCycle, Renews: true, Rare: true},
		{Type: "store.renewal_extension", Phase: LifeCycle, Renews: true, Rare: true},
		{Type: "store.revoke", Phase: LifeCycle, Rare: true},
		{Type: "store.consumption_request", Phase: LifeCycle, Rare: true},
		{Type: "store.refund_declined", Phase: LifeCycle, Rare: true},
		{Type: "store.refund_reversed", Phase: LifeCycle, Rare: true},
		{Type: "store.one_time_charge", Phase: LifeCycle, Rare: true},
		{Type: "store.rescind_consent", Phase: LifeCycle, Rare: true, Itself: true},
		{Type: "store.external_purchase_token", Phase: LifeCycle, Rare: true},
		{Type: "store.metadata_update", Phase: LifeCycle, Rare: true, Itself: true},
		{Type: "store.migration", Phase: LifeCycle, Rare: true, Itself: true},
		{Type: "store.price_change", Phase: LifeCycle, Rare: true, Itself: true},
		{Type: "store.test", Phase: LifeCycle, Rare: true, Itself: true},
	}
}

// Adopted is what an app does with one type of notifications.
type Adopted struct {
	Family
	Lately, Long int  // how many came in the last 30 and 180 days
	Routed       bool // a route that is on takes some of them
}

// LongSpan and LatelySpan are the days that Adopted counts.
const (
	LongSpan   = 180
	LatelySpan = 30
)

// Lacks reports whether something is to be done: it should come and does not, or
// it comes and nothing is done with it.
func (a Adopted) Lacks() bool { return a.Long == 0 && !a.Rare || a.Unused() }

// Unused reports whether it comes, and only a route would do something with it.
func (a Adopted) Unused() bool { return a.Long > 0 && !a.Routed && !a.Itself }

// Adoption holds what came to App Store accounts, over LongSpan days, and the routes
// against what the store has to tell. What is of subscriptions is rare where there
// are none.
func Adoption(days []engawa.StoreDay, span Span, routes []engawa.Route, accounts []engawa.Account) []Adopted {
	lately := Span{To: span.To, Days: LatelySpan}
	var out []Adopted
	for _, f := range Families() {
		types := []string{f.Type, f.Type + ".*"}
		a := Adopted{Family: f, Long: sum(count(days, span, types)), Lately: sum(count(days, lately, types))}
		a.Routed = slices.ContainsFunc(routes, func(r engawa.Route) bool { return r.Enabled && f.routed(r, accounts) })
		out = append(out, a)
	}
	known := slices.ContainsFunc(days, func(d engawa.StoreDay) bool { return d.What == engawa.DayActive })
	if !known && othersAlone(out) {
		for i := range out {
			out[i].Rare = out[i].Rare || out[i].Renews
		}
	}
	return out
}

// othersAlone reports whether something of sales came, and nothing of subscriptions.
func othersAlone(all []Adopted) (others bool) {
	for _, a := range all {
		if a.Renews && a.Long > 0 {
			return false
		}
		others = others || !a.Itself && a.Long > 0
	}
	return others
}

// routed reports whether a route takes some of the family from one of the accounts.
func (f Family) routed(r engawa.Route, accounts []engawa.Account) bool {
	return slices.ContainsFunc(r.Events, func(pattern string) bool {
		typ := pattern
		if strings.HasSuffix(pattern, "*") {
			typ = "" // one of several
		}
		return f.isOf(pattern) && slices.ContainsFunc(accounts, func(a engawa.Account) bool {
			return mayTake(r, typ, a, func(engawa.Step) bool { return true })
		})
	})
}

// mayTake reports whether a route's condition may hold of an event of an App Store
// account, and one of its steps, of those that are asked for, tells of it in no other
// app's name. An account that names no app is any's.
func mayTake(r engawa.Route, typ string, a engawa.Account, asked func(engawa.Step) bool) bool {
	app := a.Settings["app"]
	if !slices.ContainsFunc(r.Then, func(st engawa.Step) bool { return asked(st) && (app == "" || st.App == "" || st.App == app) }) {
		return false
	}
	known := map[string]any{"environment": a.Environment}
	if bundle := a.Settings["bundle_id"]; bundle != "" {
		known["bundle_id"] = bundle
	}
	return route.MayHold(r, typ, a.ID, known)
}

// isOf reports whether a route's pattern takes some of the family.
func (f Family) isOf(pattern string) bool {
	return engawa.MatchesType(pattern, f.Type) || strings.HasPrefix(strings.TrimSuffix(pattern, "*"), f.Type+".")
}

func sum(ns []int) (n int) {
	for _, m := range ns {
		n += m
	}
	return n
}

// State is how far a ready-made route has come.
type State string

// The states of a ready-made route.
const (
	Missing State = "missing"
	Off     State = "off" // it is there, and off
	On      State = "on"
)

// Made says whether there is a route for what a ready-made one does, of one of these
// App Store accounts: for the same event, under the same condition of the purchase,
// or to staff. A route that tells of another app's, or of the sandbox's, is none.
func (r Ready) Made(routes []engawa.Route, accounts []engawa.Account) (s State, id string) {
	s = Missing
	for _, other := range routes {
		takes := func(a engawa.Account) bool { return mayTake(other, r.Events[0], a, r.isStep) }
		if !engawa.MatchesAny(other.Events, r.Events[0]) || !slices.ContainsFunc(accounts, takes) {
			continue
		}
		if other.Enabled {
			return On, other.ID
		}
		s, id = Off, other.ID
	}
	return s, id
}

func (r Ready) isStep(st engawa.Step) bool {
	if r.Staff {
		return st.To != route.ToCustomer
	}
	return st.To == route.ToCustomer && st.While == r.While
}
