package appstore

import (
	"context"

	"github.com/engawa/engawa"
)

type transactionAnswer struct {
	SignedTransactionInfo string `json:"signedTransactionInfo,omitzero"`
}

// Transaction returns one transaction.
func (c *Client) Transaction(ctx context.Context, id string) (*Transaction, error) {
	var a transactionAnswer
	if err := c.ask(ctx, EndpointTransaction, question{ids: []string{id}}, &a); err != nil {
		return nil, err
	}
	return c.v.Transaction(a.SignedTransactionInfo)
}

// Order is what an order id from a customer's receipt mail stands for.
type Order struct {
	Valid        bool // the App Store knows it, and it has purchases of this app
	Transactions []*Transaction
}

type orderAnswer struct {
	Status             int64    `json:"status,omitzero"` // 0 valid, 1 invalid
	SignedTransactions []string `json:"signedTransactions,omitzero"`
}

// Order looks up an order id as the customer wrote it. The sandbox has no
// orders: there it is refused without asking.
func (c *Client) Order(ctx context.Context, id string) (Order, error) {
	if c.v.environment != appleProduction {
		return Order{}, engawa.Invalid("", "ask for a transaction id, or look in production", "order ids exist in production only, not in the sandbox")
	}
	var a orderAnswer
	if err := c.ask(ctx, EndpointOrder, question{ids: []string{id}}, &a); err != nil {
		return Order{}, err
	}
	transactions, err := c.transactions(a.SignedTransactions)
	return Order{Valid: a.Status == 0, Transactions: transactions}, err
}

type appTransactionAnswer struct {
	SignedAppTransactionInfo string `json:"signedAppTransactionInfo,omitzero"`
}

// AppTransaction returns the download of the app by the customer who made a
// transaction.
func (c *Client) AppTransaction(ctx context.Context, anyID string) (*AppTransaction, error) {
	var a appTransactionAnswer
	if err := c.ask(ctx, EndpointAppTransaction, question{ids: []string{anyID}}, &a); err != nil {
		return nil, err
	}
	return c.v.AppTransaction(a.SignedAppTransactionInfo)
}

// SetAppAccountToken ties a purchase made outside the app to a customer, by the
// business's own UUID. It takes the original transaction id alone.
func (c *Client) SetAppAccountToken(ctx context.Context, originalID, token string) error {
	body := struct {
		AppAccountToken string `json:"appAccountToken"`
	}{token}
	return c.ask(ctx, EndpointAccountToken, question{ids: []string{originalID}, body: body}, nil)
}

// Finish marks a transaction as delivered (App Store Server API 1.20), as the
// app does with StoreKit.
func (c *Client) Finish(ctx context.Context, id string) error {
	return c.ask(ctx, EndpointFinish, question{ids: []string{id}}, nil)
}
