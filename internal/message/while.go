package message

import (
	"context"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/text"
)

// while ties what a request asks of a purchase to the one that its event is
// about. Past events are told of as they were. Where there is no such purchase
// nothing is named, and the condition does not hold.
func (w *world) while(ctx context.Context, r Request) (engawa.While, error) {
	if r.While == "" || r.Sample {
		return engawa.While{}, nil
	}
	out := engawa.While{Holds: r.While, Purchase: r.Purchase.ID, Product: r.Purchase.Product}
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
	out.Purchase, out.Product = p.ID, text.Value(Data(*r.Event), "product_id")
	return out, err
}

// standing is what became of the reason for a message, by the customer's
// purchases. One whose facts cannot be read says nothing.
func standing(w engawa.While, ps []engawa.Purchase, now time.Time) engawa.WhileFacts {
	known := make([]purchase.Known, len(ps))
	for i, p := range ps {
		known[i] = purchase.Known{ID: p.ID, App: p.App, Group: p.Group}
		if s, err := follow.State(p.Facts); err == nil {
			known[i].State = s
		}
	}
	return purchase.While(w, known, now)
}
