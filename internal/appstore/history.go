package appstore

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// maxPages bounds the history of one customer: 100,000 transactions.
const maxPages = 5000

// TransactionPage is a page of at most 20 transactions.
type TransactionPage struct {
	Transactions []*Transaction
	Revision     string // keep the last one: from it on, only what is new is told
	More         bool
}

// HistoryQuery narrows a history; the zero value is all of it, oldest first by
// the day of its last change.
type HistoryQuery struct {
	Revision     string    // where to go on; the other fields must then be as before
	From         time.Time // of the purchase, inclusive
	Until        time.Time // exclusive
	ProductIDs   []string
	ProductTypes []string // CONSUMABLE, NON_CONSUMABLE, AUTO_RENEWABLE, NON_RENEWABLE
	Groups       []string // subscription groups
	Ownership    string   // PURCHASED, FAMILY_SHARED; empty: both
	Revoked      *bool    // nil: both
	Sort         string   // ASCENDING, DESCENDING; empty: Apple's choice, ascending
}

func (q HistoryQuery) values() url.Values {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("startDate", milliseconds(q.From))
	set("endDate", milliseconds(q.Until))
	set("inAppOwnershipType", q.Ownership)
	set("sort", q.Sort)
	if q.Revoked != nil {
		v.Set("revoked", strconv.FormatBool(*q.Revoked))
	}
	for key, list := range map[string][]string{"productId": q.ProductIDs, "productType": q.ProductTypes, "subscriptionGroupIdentifier": q.Groups} {
		if len(list) > 0 {
			v[key] = list
		}
	}
	return v
}

func milliseconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

type historyAnswer struct {
	Revision           string   `json:"revision,omitzero"`
	HasMore            bool     `json:"hasMore,omitzero"`
	BundleID           string   `json:"bundleId,omitzero"`
	AppAppleID         int64    `json:"appAppleId,omitzero"`
	Environment        string   `json:"environment,omitzero"`
	SignedTransactions []string `json:"signedTransactions,omitzero"`
}

// History yields the pages of the purchases of a customer, of all product
// types, finished consumables included. Any transaction id of theirs does. It
// ends with the first error; what was yielded before holds, and its last
// Revision is where to go on.
func (c *Client) History(ctx context.Context, anyID string, q HistoryQuery) iter.Seq2[TransactionPage, error] {
	return pages(EndpointHistory, q.Revision, maxPages, func(revision string) (TransactionPage, string, bool, error) {
		query := q.values()
		if revision != "" {
			query.Set("revision", revision)
		}
		var a historyAnswer
		if err := c.ask(ctx, EndpointHistory, question{ids: []string{anyID}, query: query}, &a); err != nil {
			return TransactionPage{}, "", false, err
		}
		if err := c.ours(a.BundleID, a.AppAppleID, a.Environment); err != nil {
			return TransactionPage{}, "", false, err
		}
		return c.page(a)
	})
}

// Refunds yields the pages of what was refunded to a customer, by the day of
// the refund; from a kept revision on, only later refunds.
func (c *Client) Refunds(ctx context.Context, anyID, revision string) iter.Seq2[TransactionPage, error] {
	return pages(EndpointRefunds, revision, maxPages, func(revision string) (TransactionPage, string, bool, error) {
		query := url.Values{}
		if revision != "" {
			query.Set("revision", revision)
		}
		var a historyAnswer // without app and environment, which each transaction names
		if err := c.ask(ctx, EndpointRefunds, question{ids: []string{anyID}, query: query}, &a); err != nil {
			return TransactionPage{}, "", false, err
		}
		return c.page(a)
	})
}

// page proves the transactions of an answer.
func (c *Client) page(a historyAnswer) (p TransactionPage, next string, more bool, err error) {
	p.Transactions, err = c.transactions(a.SignedTransactions)
	if err != nil {
		return TransactionPage{}, "", false, err
	}
	p.Revision, p.More = a.Revision, a.HasMore
	return p, a.Revision, a.HasMore, nil
}

func (c *Client) transactions(signed []string) ([]*Transaction, error) {
	all := make([]*Transaction, 0, len(signed))
	for _, s := range signed {
		t, err := c.v.Transaction(s)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}
