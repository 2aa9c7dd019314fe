package appstore

import (
	"context"
	"net/url"
	"strconv"
)

// Subscription is the present state of one subscription.
type Subscription struct {
	Group       string // subscription group
	Status      Status
	Transaction *Transaction // the latest
	Renewal     *RenewalInfo
}

type statusesAnswer struct {
	Environment string `json:"environment,omitzero"`
	BundleID    string `json:"bundleId,omitzero"`
	AppAppleID  int64  `json:"appAppleId,omitzero"`
	Data        []struct {
		Group            string       `json:"subscriptionGroupIdentifier,omitzero"`
		LastTransactions []statusItem `json:"lastTransactions,omitzero"`
	} `json:"data,omitzero"`
}

type statusItem struct {
	Status                Status `json:"status,omitzero"`
	OriginalTransactionID string `json:"originalTransactionId,omitzero"`
	SignedTransactionInfo string `json:"signedTransactionInfo,omitzero"`
	SignedRenewalInfo     string `json:"signedRenewalInfo,omitzero"`
}

// Statuses returns every subscription of the customer who made a transaction:
// any transaction id of theirs does. With statuses only those are returned.
func (c *Client) Statuses(ctx context.Context, anyID string, statuses ...Status) ([]Subscription, error) {
	query := url.Values{}
	for _, s := range statuses {
		query.Add("status", strconv.FormatInt(int64(s), 10))
	}
	var a statusesAnswer
	if err := c.ask(ctx, EndpointStatuses, question{ids: []string{anyID}, query: query}, &a); err != nil {
		return nil, err
	}
	if err := c.ours(a.BundleID, a.AppAppleID, a.Environment); err != nil {
		return nil, err
	}
	var all []Subscription
	for _, group := range a.Data {
		for _, item := range group.LastTransactions {
			s, err := c.subscription(item)
			if err != nil {
				return nil, err
			}
			s.Group = group.Group
			all = append(all, s)
		}
	}
	return all, nil
}

// subscription proves an item: both JWS, and that they and the status beside
// them, which nothing signs, are of the same original transaction.
func (c *Client) subscription(item statusItem) (Subscription, error) {
	t, err := c.v.Transaction(item.SignedTransactionInfo)
	if err != nil {
		return Subscription{}, err
	}
	r, err := c.v.RenewalInfo(item.SignedRenewalInfo)
	if err != nil {
		return Subscription{}, err
	}
	if t.OriginalTransactionID != item.OriginalTransactionID || r.OriginalTransactionID != item.OriginalTransactionID {
		return Subscription{}, fail(ClassVerification, partRenewal, "status, transaction and renewal info are not of one original transaction")
	}
	return Subscription{Status: item.Status, Transaction: t, Renewal: r}, nil
}
