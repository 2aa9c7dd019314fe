package insight

import (
	"time"

	"github.com/engawa/engawa/internal/purchase"
)

// Doubt is how much of what one customer bought was refunded within DoubtSpan.
type Doubt struct{ Bought, Refunded int }

// DoubtSpan is how far back a customer's refunds are counted.
const DoubtSpan = 180 * 24 * time.Hour

// Suspicious reports whether the customer gets money back too often to be
// chance: three times at least, and for half of what was bought or more. It
// accuses nobody; a person looks.
func (d Doubt) Suspicious() bool { return d.Refunded >= 3 && 2*d.Refunded >= d.Bought }

// DoubtOf counts a customer's purchases and refunds that stand, up to now.
func DoubtOf(states []purchase.State, now time.Time) (d Doubt) {
	since := now.Add(-DoubtSpan)
	for _, s := range states {
		for _, p := range s.Periods {
			if at := p.What.PurchasedAt.Time(); at.After(since) && !p.What.Shared {
				d.Bought++
			}
		}
		for _, e := range s.Ledger() {
			switch {
			case !e.At.After(since):
			case e.Kind == purchase.Refunded:
				d.Refunded++
			case e.Kind == purchase.Reversed:
				d.Refunded--
			}
		}
	}
	return d
}
