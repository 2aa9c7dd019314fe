// Package insight says what follows from what the App Store told: which refunds
// are too many, whom to write to and with which words ready to be used, what an
// app does not use yet, and what its numbers look like over time. It is pure.
package insight

import "math"

// Sales is what happened on one day: how much was sold and how much of what was
// sold, then or before, was refunded.
type Sales struct{ Sold, Refunded int }

// What a day's refunds are held against.
const (
	exposure  = 30    // days: most refunds are asked for within 30 days of the purchase
	baseline  = 28    // days before, four of each day of the week
	least     = 7     // days of sales before anything can be told
	fewest    = 3     // refunds that are worth an alarm
	times     = 2     // what was to be expected, at least
	tolerance = 0.001 // a day in a thousand may be called a surge by chance
)

// Surge is a day's refunds against the app's own past.
type Surge struct {
	Refunded int
	Expected float64 // at the rate of the days before; 0 where nothing can be told
	Is       bool
}

// Surges judges each day of days, which follow each other without a gap.
func Surges(days []Sales) []Surge {
	sold := make([]int, len(days)) // within exposure, up to the day
	first := len(days)
	for i, d := range days {
		for j := max(0, i-exposure+1); j <= i; j++ {
			sold[i] += days[j].Sold
		}
		if d.Sold > 0 {
			first = min(first, i)
		}
	}
	out := make([]Surge, len(days))
	for i, d := range days {
		out[i].Refunded = d.Refunded
		if i-first < least {
			continue
		}
		var refunded, exposed int
		for j := max(first, i-baseline); j < i; j++ {
			refunded, exposed = refunded+days[j].Refunded, exposed+sold[j]
		}
		out[i].judge(refunded, exposed, sold[i])
	}
	return out
}

// judge holds a day on which sold things could be refunded against days on which
// refunded of exposed were.
func (s *Surge) judge(refunded, exposed, sold int) {
	if exposed == 0 || sold == 0 {
		return
	}
	s.Expected = float64(refunded) / float64(exposed) * float64(sold)
	s.Is = s.Refunded >= fewest && float64(s.Refunded) >= times*s.Expected && tail(s.Refunded, refunded, exposed, sold) < tolerance
}

// tail is how likely n or more refunds are. The rate itself is not known but from
// the days before: a few of them say little, which makes it a negative binomial
// distribution (a Poisson one whose rate has the gamma distribution that Jeffreys'
// prior and those days give). Without that a single refund after a month with none
// would always be a surge.
func tail(n, refunded, exposed, sold int) float64 {
	r := float64(refunded) + 0.5
	p := float64(exposed) / float64(exposed+sold)
	below := 0.0
	of, _ := math.Lgamma(r)
	for k := range n {
		a, _ := math.Lgamma(float64(k) + r)
		b, _ := math.Lgamma(float64(k) + 1)
		below += math.Exp(a - b - of + r*math.Log(p) + float64(k)*math.Log1p(-p))
	}
	return max(0, 1-below)
}
