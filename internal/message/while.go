package message

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// while ties what a request asks of a purchase to the one that its event is
// about. Past events are told of as they were. Where there is no such purchase
// nothing is named, and the condition does not hold.
func (w *world) while(ctx context.Context, r Request) (engawa.While, error) {
	if r.While == "" || r.Sample {
		return engawa.While{}, nil
	}
	out := engawa.While{Holds: r.While, Purchase: r.Purchase.ID, Product: cmp.Or(r.Offered, r.Purchase.Product)}
	if r.Event == nil || out.Purchase != "" {
		return out, nil
	}
	original, ok := strings.CutPrefix(r.Event.Subject, "transaction:")
	if !ok {
		return out, nil
	}
	p, err := w.Store.PurchaseBy(ctx, r.Workspace, r.Event.Account, original)
	if engawa.CodeOf(err) == engawa.CodeNotFound {
		return out, nil
	}
	if r.App != "" && p.App != "" && p.App != r.App {
		return out, nil // under the name of another app nothing goes out
	}
	if out.Purchase = p.ID; r.While != engawa.WhileLower {
		out.Product = text.Value(Data(*r.Event), "product_id")
	}
	return out, err
}

// standing is what became of the reason for a message, by the customer's
// purchases. One whose facts cannot be read says nothing.
func standing(w engawa.While, k store.Known, now time.Time) engawa.WhileFacts {
	known := make([]purchase.Known, len(k.Purchases))
	for i, p := range k.Purchases {
		known[i] = purchase.Known{ID: p.ID, App: p.App, Environment: p.Environment, Group: p.Group}
		if s, err := follow.State(p.Facts); err == nil {
			known[i].State = s
		}
	}
	return purchase.While(w, known, purchase.Upsell{Products: k.Products, Made: k.Offered}, now)
}

// Once is what was offered among messages that are made together: customer, plan, and
// the purchase for which the plan is a higher one.
type Once map[[3]string]bool

// Due reports whether a message is kept. One that offers a higher plan is not if it
// has no reason now or another of these offers the same: each renewal of each
// customer would leave a refusal.
func (o Once) Due(m store.NewMessage) bool {
	while := m.Message.While
	if while.Holds != engawa.WhileLower {
		return true
	}
	of := [3]string{m.Message.Customer, while.Product, while.Purchase}
	gone := slices.ContainsFunc(m.Judged, func(j store.Judged) bool { return j.Facts.While != nil && j.Facts.While.Gone != "" })
	if gone || o[of] {
		return false
	}
	o[of] = true
	return true
}
