package desk_test

import (
	"time"

	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/purchase"
)

// stateOf is a subscription that was paid from one moment to another.
func stateOf(from, until time.Time) purchase.State {
	s, err := purchase.State{}.Fold(purchase.OfTransaction(&appstore.Transaction{
		TransactionID: "1", OriginalTransactionID: "1", ProductID: "monthly", Type: "Auto-Renewable Subscription",
		PurchaseDate: appstore.Date(from.UnixMilli()), ExpiresDate: appstore.Date(until.UnixMilli()), SignedDate: appstore.Date(from.UnixMilli()),
	}))
	if err != nil {
		panic(err)
	}
	return s
}
