package follow

import (
	"maps"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/purchase"
)

// refunds are the cases of a purchase: one for each transaction about which the
// store asked. It asks again while a case is open, under a new notificationUUID
// (forum thread 756151); the clock runs from the first of these requests and is
// not wound up again. A request after the store decided begins anew.
func refunds(s purchase.State) []engawa.RefundCase {
	of := map[string]engawa.RefundCase{}
	for _, e := range s.Ledger() { // oldest first
		c, known := of[e.TransactionID]
		switch {
		case e.Kind == purchase.Requested:
			c = asked(c, e)
		case !known:
			continue // refunded without a question
		case e.Kind == purchase.Declined:
			c.State, c.ClosedAt = engawa.RefundDeclined, e.At
		case e.Kind == purchase.Refunded:
			c.State, c.ClosedAt, c.Returned = engawa.RefundGranted, e.At, c.Returned+e.Amount
		case e.Kind == purchase.Reversed:
			c.State, c.ClosedAt, c.Returned = engawa.RefundReversed, e.At, c.Returned+e.Amount
		}
		of[e.TransactionID] = c
	}
	var all []engawa.RefundCase
	for _, id := range slices.Sorted(maps.Keys(of)) {
		all = append(all, described(s, of[id], id))
	}
	return all
}

// asked adds a request to a case.
func asked(c engawa.RefundCase, e purchase.Entry) engawa.RefundCase {
	if c.State != engawa.RefundOpen {
		c.State, c.AskedAt, c.DueAt, c.Requests = engawa.RefundOpen, e.At, e.At.Add(engawa.RefundFor), 0
	}
	c.Reason, c.Requests = e.Reason, c.Requests+1
	return c
}

// described adds what a case is about.
func described(s purchase.State, c engawa.RefundCase, transaction string) engawa.RefundCase {
	p := s.Periods[transaction].What
	c.Transaction, c.Original, c.Facts = transaction, s.OriginalTransactionID, []byte("{}")
	c.Kind, c.Product, c.Storefront, c.Advanced = string(s.At(time.Now()).Kind), p.ProductID, p.Storefront, p.Advanced
	c.Price, c.Currency, c.BoughtAt = p.Price, p.Currency, p.PurchasedAt.Time()
	return c
}
