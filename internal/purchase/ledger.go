package purchase

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa/internal/appstore"
)

// Refund is money given back, or the end of a family's share, of one
// transaction. Amounts and shares are in thousandths: 50000 is 50 %.
type Refund struct {
	TransactionID string        `json:"transaction_id"`
	At            appstore.Date `json:"at"`
	Type          string        `json:"type,omitzero"` // REFUND_FULL, REFUND_PRORATED, FAMILY_REVOKE; empty: full
	Reason        string        `json:"reason,omitzero"`
	Percent       int64         `json:"percent,omitzero"` // of the price
	Price         int64         `json:"price,omitzero"`
	Currency      string        `json:"currency,omitzero"`
	Seen          appstore.Date `json:"seen"` // when the store last said so
}

// Why the App Store refunded.
const (
	ReasonOther    = "other"
	ReasonAppIssue = "app_issue"
)

const (
	familyRevoke = "FAMILY_REVOKE"
	allPercent   = 100_000
)

// Remark is what the store said about a refund besides giving it.
type Remark struct {
	TransactionID string        `json:"transaction_id"`
	At            appstore.Date `json:"at"`
	Kind          EntryKind     `json:"kind"`
	Reason        string        `json:"reason,omitzero"` // of a request, in Apple's words
}

// Extension is a renewal date that was moved.
type Extension struct {
	At    appstore.Date `json:"at"`
	Until appstore.Date `json:"until,omitzero"`
}

// EntryKind is what an entry of the ledger is about.
type EntryKind string

// The kinds of entries.
const (
	Requested  EntryKind = "requested" // a customer asked; the store wants usage information
	Declined   EntryKind = "declined"
	Refunded   EntryKind = "refunded"
	Reversed   EntryKind = "reversed"    // the refund was taken back
	ShareEnded EntryKind = "share_ended" // no money: a family member's access
)

// Entry is one line of the ledger. Amount is what was given back (negative when
// taken back), in thousandths of the currency; zero where the price is not known.
type Entry struct {
	At            time.Time
	Kind          EntryKind
	TransactionID string
	Reason        string
	Percent       int64
	Amount        int64
	Currency      string
}

// remarks are the notifications that say something about a refund.
var remarks = map[string]EntryKind{"CONSUMPTION_REQUEST": Requested, "REFUND_DECLINED": Declined, "REFUND_REVERSED": Reversed}

// refund takes what a report says about refunds.
func (s *State) refund(r Report) {
	t := r.Transaction
	if t.RevocationDate != 0 {
		key := refundKey(t.TransactionID, t.RevocationDate)
		s.Refunds[key] = refundOf(t).or(s.Refunds[key])
	}
	if kind, ok := remarks[r.Type]; ok {
		s.Remarks[r.ID] = Remark{TransactionID: t.TransactionID, At: r.At, Kind: kind, Reason: r.Asked}
	}
}

// or returns the later of two words on the same refund.
func (r Refund) or(o Refund) Refund {
	if r.Seen > o.Seen || r.Seen == o.Seen && text(r) > text(o) {
		return r
	}
	return o
}

func refundOf(t *appstore.Transaction) Refund {
	r := Refund{
		TransactionID: t.TransactionID, At: t.RevocationDate, Type: t.RevocationType, Percent: allPercent,
		Price: value(t.Price), Currency: t.Currency, Seen: t.SignedDate,
	}
	if t.RevocationPercentage != nil {
		r.Percent = *t.RevocationPercentage
	}
	if t.RevocationReason != nil {
		r.Reason = ReasonOther
		if *t.RevocationReason == 1 {
			r.Reason = ReasonAppIssue
		}
	}
	return r
}

// amount is what a refund gives back.
func (r Refund) amount() int64 {
	if r.Type == familyRevoke {
		return 0
	}
	return r.Price/allPercent*r.Percent + r.Price%allPercent*r.Percent/allPercent
}

// Ledger lists refunds, what was said about them and what was taken back, oldest
// first. A reversal that no notification told shows in a transaction that was
// refunded and is no longer; it is dated by the store's latest word on it.
func (s State) Ledger() []Entry {
	var all []Entry
	for _, r := range s.Refunds {
		kind := Refunded
		if r.Type == familyRevoke {
			kind = ShareEnded
		}
		all = append(all, Entry{r.At.Time(), kind, r.TransactionID, r.Reason, r.Percent, r.amount(), r.Currency})
		if at, undone := s.reversal(r); undone {
			all = append(all, Entry{at.Time(), Reversed, r.TransactionID, "", r.Percent, -r.amount(), r.Currency})
		}
	}
	for _, m := range s.Remarks {
		if m.Kind != Reversed {
			all = append(all, Entry{At: m.At.Time(), Kind: m.Kind, TransactionID: m.TransactionID, Reason: m.Reason})
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.TransactionID, b.TransactionID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Amount, b.Amount))
	})
	return all
}

// reversal tells whether a refund was taken back, and when: by the first
// notification since the store last spoke of it, or by a later word that no
// longer knows of it.
func (s State) reversal(r Refund) (at appstore.Date, undone bool) {
	for _, m := range s.Remarks {
		if m.Kind == Reversed && m.TransactionID == r.TransactionID && m.At >= r.Seen && (at == 0 || m.At < at) {
			at = m.At
		}
	}
	if at != 0 {
		return at, true
	}
	latest := s.Periods[r.TransactionID]
	return latest.At, latest.At > r.Seen && latest.What.RevokedAt != r.At
}

// revoked tells whether a transaction is taken back at present.
func (s State) revoked(p Period) bool {
	if p.RevokedAt == 0 {
		return false
	}
	_, undone := s.reversal(s.Refunds[refundKey(p.TransactionID, p.RevokedAt)])
	return !undone
}

func refundKey(transaction string, at appstore.Date) string {
	return transaction + " " + strconv.FormatInt(int64(at), 10)
}
