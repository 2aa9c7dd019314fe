package console

import (
	"io"
	"slices"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// ending is what the end of a partner destroys, or has; nil: it has not ended.
func (c *console) ending(v *visit, p engawa.Partner) (*Ending, error) {
	if p.EndedAt.IsZero() {
		return nil, nil
	}
	e, err := c.Store.EndOf(v.ctx(), v.ws(), p.ID)
	if err != nil {
		return nil, err
	}
	view := Ending{At: e.PurgeAt, Counts: e.Left, Decisions: e.Decisions}
	if !e.PurgedAt.IsZero() {
		view.Done, view.At, view.Counts = true, e.PurgedAt, e.Destroyed
	}
	return &view, nil
}

// certificate downloads the certificate of erasure of a partner or a subscription
// that ended.
func (c *console) certificate(v *visit) error {
	id := v.r.PathValue("id")
	signed, err := c.Certify(v.ctx(), v.ws(), id)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="certificate-`+id+`.txt"`)
	_, err = io.WriteString(v.w, signed+"\n")
	return err
}

// contracts are a customer's subscriptions of apps, those that go on first.
func (c *console) contracts(v *visit, view *Customer) error {
	all, err := c.Store.Subscriptions(v.ctx(), v.ws(), view.ID, store.Page{Limit: 200})
	if err != nil {
		return err
	}
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	for _, b := range all {
		row := Contract{ID: b.ID, Product: b.Product, State: b.State, StartsAt: b.StartsAt, EndedAt: b.EndedAt, Sandbox: b.Environment == engawa.Sandbox}
		if i := slices.IndexFunc(apps, func(a engawa.App) bool { return a.ID == b.App }); i >= 0 {
			row.App = apps[i].Name
		}
		view.Contracts = append(view.Contracts, row)
	}
	slices.SortStableFunc(view.Contracts, func(a, b Contract) int { return a.EndedAt.Compare(b.EndedAt) })
	return err
}

// endContract ends a subscription of this customer.
func (c *console) endContract(v *visit) error {
	id, contract := v.r.PathValue("id"), v.r.PathValue("contract")
	all, err := c.Store.Subscriptions(v.ctx(), v.ws(), id, store.Page{Limit: 200})
	if err == nil && !slices.ContainsFunc(all, func(b engawa.Subscription) bool { return b.ID == contract }) {
		err = engawa.NotFound("subscription")
	}
	if err != nil {
		return err
	}
	if _, err := v.by.EndSubscription(v.ctx(), v.ws(), contract); err != nil {
		return err
	}
	return v.see("/customers/"+id, "contract_ended")
}
