package insight

import (
	"time"

	"github.com/engawa/engawa"
)

// Span is some days up to one, all of one zone.
type Span struct {
	To   time.Time // a moment of the last day, in the zone whose days count
	Days int
}

// Day is the i-th day, from 0, as "2026-11-29".
func (s Span) Day(i int) string {
	y, m, d := s.To.Date()
	return time.Date(y, m, d-s.Days+1+i, 12, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// From is the first day.
func (s Span) From() string { return s.Day(0) }

// index is the place of a day, below 0 before the first.
func (s Span) index(day string) int {
	at, err := time.Parse(time.DateOnly, day)
	first, _ := time.Parse(time.DateOnly, s.From()) // as Day writes it
	if err != nil || at.Before(first) {
		return -1
	}
	return int(at.Sub(first) / (24 * time.Hour))
}

// Enough is how many days are needed to judge the refunds of the last.
const Enough = baseline + exposure + 1

// Of what the store tells, what is sold, refunded and so on: patterns as a route's.
var (
	sold = []string{
		"store.subscribed", "store.subscribed.*", "store.did_renew", "store.did_renew.*", "store.one_time_charge", "store.one_time_charge.*",
		"store.offer_redeemed.initial_buy", "store.offer_redeemed.resubscribe",
	}
	renewed   = []string{"store.did_renew"}
	recovered = []string{"store.did_renew.billing_recovery"}
	unpaid    = []string{"store.did_fail_to_renew", "store.did_fail_to_renew.*"}
	canceled  = []string{"store.did_change_renewal_status.auto_renew_disabled"}
	saved     = []string{"store.did_change_renewal_status.auto_renew_enabled"}
	refunded  = []string{"store.refund"}
	reversed  = []string{"store.refund_reversed"}
	declined  = []string{"store.refund_declined"}
)

// count adds up, by day, how often something happened.
func count(days []engawa.StoreDay, span Span, patterns []string) []int {
	out := make([]int, span.Days)
	for _, d := range days {
		if i := span.index(d.Day); i >= 0 && i < span.Days && engawa.MatchesAny(patterns, d.What) {
			out[i] += d.N
		}
	}
	return out
}

// SalesOf are the sales and refunds of each day.
func SalesOf(days []engawa.StoreDay, span Span) []Sales {
	out := make([]Sales, span.Days)
	refunds := count(days, span, refunded)
	for i, n := range count(days, span, sold) {
		out[i] = Sales{n, refunds[i]}
	}
	return out
}

// MostRefunded is the product that more than half of a day's refunds are for;
// empty: none.
func MostRefunded(days []engawa.StoreDay, day string) string {
	all, by := 0, map[string]int{}
	for _, d := range days {
		if d.Day == day && engawa.MatchesAny(refunded, d.What) {
			all, by[d.Product] = all+d.N, by[d.Product]+d.N
		}
	}
	for product, n := range by {
		if 2*n > all {
			return product
		}
	}
	return ""
}

// active is how many had access at the end of each day. Between two changes of a
// product's number it stays.
func active(days []engawa.StoreDay, span Span) []int {
	type key struct{ account, product string }
	at := map[key]int{}
	out := make([]int, span.Days)
	next := 0
	fill := func(until int) {
		sum := 0
		for _, n := range at {
			sum += n
		}
		for ; next < min(until, span.Days); next++ {
			out[next] = sum
		}
	}
	for _, d := range days { // in the order of their days
		if d.What != engawa.DayActive {
			continue
		}
		fill(span.index(d.Day))
		at[key{d.Account, d.Product}] = d.N
	}
	fill(span.Days)
	return out
}

// Series is one row of numbers, one a day.
type Series struct {
	Name   string // its words are in internal/text
	Values []int
}

// Chart is what is drawn together.
type Chart struct {
	Name   string
	Level  bool // it stands between changes, and is no sum over the day
	Series []Series
	Surges []Surge // of refunds
}

// Charts are the numbers of a store over time. The days are those of the accounts
// and products that are looked at; for surges they reach Enough days further back
// than the span.
func Charts(days []engawa.StoreDay, span Span) []Chart {
	wide := Span{To: span.To, Days: span.Days + Enough}
	n := func(name string, patterns []string) Series { return Series{name, count(days, span, patterns)} }
	return []Chart{
		{Name: "active", Level: true, Series: []Series{{"active", active(days, span)}}},
		{Name: "renewals", Series: []Series{n("renewed", renewed)}},
		{Name: "cancellations", Series: []Series{n("canceled", canceled), n("saved", saved)}},
		{Name: "refunds", Series: []Series{n("refunded", refunded), n("declined", declined), n("reversed", reversed)}, Surges: Surges(SalesOf(days, wide))[Enough:]},
		{Name: "billing", Series: []Series{n("unpaid", unpaid), n("recovered", recovered)}},
	}
}
