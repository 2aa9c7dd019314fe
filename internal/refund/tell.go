package refund

import (
	"context"
	"slices"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/store"
)

// Word is what the business, or its app, knows of how far something was used. It
// is about one of Transaction, Customer and Identity.
type Word struct {
	Workspace   string
	Transaction string // the store's id, also the original one of a subscription
	Customer    string
	Identity    engawa.Identity // zero: none
	Product     string          // of the customer's purchases, those of this one; empty: all

	Delivery appstore.Delivery // empty: not told
	Sample   *bool             // it could be tried before buying
	Percent  *int64            // used up, in thousandths of a percent
	Played   *int64            // seconds of use
	ByDevice bool              // as engawa.Consumption has it
}

// maxPlayed is the most seconds of use that are believed: ten years.
const maxPlayed = 10 * 366 * 24 * 60 * 60

// Tell keeps a word for at least engawa.ConsumptionFor. An answer that was sent is
// sent again, if its time is not over, once the runner looks.
func Tell(ctx context.Context, st *store.Store, w Word) (engawa.Consumption, error) {
	if err := w.check(); err != nil {
		return engawa.Consumption{}, err
	}
	if w.Identity.Value != "" {
		customer, err := st.CustomerBy(ctx, w.Workspace, w.Identity)
		if err == nil && customer == "" {
			err = engawa.NotFound("customer")
		}
		if err != nil {
			return engawa.Consumption{}, err
		}
		w.Customer = customer
	}
	return st.TellConsumption(ctx, engawa.Consumption{
		Workspace: w.Workspace, Transaction: w.Transaction, Customer: w.Customer, Product: w.Product,
		Delivery: string(w.Delivery), Sample: w.Sample, Percent: w.Percent, Played: w.Played, ByDevice: w.ByDevice,
	})
}

func (w Word) check() error {
	named := 0
	for _, given := range []bool{w.Transaction != "", w.Customer != "", w.Identity.Value != ""} {
		if given {
			named++
		}
	}
	switch {
	case named != 1:
		return engawa.Invalid("", "name a transaction, a customer or an identity", "%d of the three are named; it is about one", named)
	case w.Transaction != "" && w.Product != "":
		return engawa.Invalid("/product", "leave the product out", "a transaction is of one product already")
	case w.Delivery == "" && w.Sample == nil && w.Percent == nil && w.Played == nil:
		return engawa.Invalid("", "tell delivery, sample_provided, percentage or played_seconds", "nothing is told")
	case w.Delivery != "" && !slices.Contains(Deliveries[:], w.Delivery):
		return engawa.Invalid("/delivery", "choose one of the list", "%.40q is no delivery that the App Store knows", string(w.Delivery))
	case w.Percent != nil && (*w.Percent < 0 || *w.Percent > 100_000):
		return engawa.Invalid("/percentage", "give 0 to 100", "the share lies outside of 0 to 100 %%")
	case w.Played != nil && (*w.Played < 0 || *w.Played > maxPlayed):
		return engawa.Invalid("/played_seconds", "give whole seconds from 0 on, at most ten years", "nobody plays for so long")
	}
	return nil
}
