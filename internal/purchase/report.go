package purchase

import "github.com/engawa/engawa/internal/appstore"

// Report is what the App Store said of one purchase at one moment.
type Report struct {
	ID      string        // notificationUUID; empty for an answer of the API
	Type    string        // notificationType; empty for an answer
	Subtype string        //
	At      appstore.Date // when it was signed

	Status      appstore.Status // 0: not told
	Transaction *appstore.Transaction
	Renewal     *appstore.RenewalInfo // nil: not told
	Asked       string                // consumptionRequestReason of a CONSUMPTION_REQUEST
}

// OfNotice is the report in a notification. It is false for one that is about
// no purchase: a test, a summary, a token, a guardian's word.
func OfNotice(n *appstore.Notice) (Report, bool) {
	if n.Transaction == nil {
		return Report{}, false
	}
	r := Report{ID: n.UUID, Type: n.Type, Subtype: n.Subtype, At: n.SignedDate, Transaction: n.Transaction, Renewal: n.Renewal}
	if n.Data != nil {
		r.Status, r.Asked = n.Data.Status, n.Data.ConsumptionRequestReason
	}
	return r, true
}

// OfSubscription is the report in an answer about all statuses. The status is
// not signed itself; it is as old as what is signed beside it.
func OfSubscription(s appstore.Subscription) Report {
	return Report{At: max(s.Transaction.SignedDate, s.Renewal.SignedDate), Status: s.Status, Transaction: s.Transaction, Renewal: s.Renewal}
}

// OfTransaction is the report in a history, an order or a list of refunds.
func OfTransaction(t *appstore.Transaction) Report {
	return Report{At: t.SignedDate, Transaction: t}
}
