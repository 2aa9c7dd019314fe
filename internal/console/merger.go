package console

import (
	"errors"
	"net/http"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// merger is the page on which the other customer is looked for, and both stand
// beside each other before they become one. Its address may name the other's id,
// which says nothing to whoever reads logs; what else is typed is posted.
func (c *console) merger(v *visit) error {
	view, err := c.mergerView(v)
	if err != nil {
		return err
	}
	if from := v.r.URL.Query().Get("from"); from != "" {
		if view.Problem, err = c.other(v, &view, from); err != nil {
			return err
		}
	}
	return v.show(MergerPage(view))
}

// findOther looks for the other customer.
func (c *console) findOther(v *visit) error {
	view, err := c.mergerView(v)
	if err != nil {
		return err
	}
	f, err := c.find(v, v.typed("q"))
	if err != nil {
		return err
	}
	switch len(f.Hits) {
	case 0:
		view.Problem = v.T("merge.none")
	case 1:
		if view.Problem, err = c.other(v, &view, f.Hits[0].Customer.ID); err != nil {
			return err
		}
	default:
		view.Found = v.hitRows(f.Hits)
	}
	return v.show(MergerPage(view))
}

func (c *console) mergerView(v *visit) (Merger, error) {
	cu, err := c.living(v)
	if err != nil {
		return Merger{}, err
	}
	view := Merger{Page: v.titled("customers", v.T("merge.title")), ID: cu.ID, Name: v.customerName(cu), Ask: c.asks(v)}
	view.Path = "/customers/" + cu.ID + "/merge"
	view.Into, err = c.side(v, cu)
	return view, err
}

// other loads the second customer, or says why the two cannot be one.
func (c *console) other(v *visit, view *Merger, id string) (wrong string, err error) {
	cu, err := c.Store.Customer(v.ctx(), v.ws(), id)
	switch {
	case isNotFound(err):
		return v.T("merge.none"), nil
	case err != nil:
		return "", err
	case cu.ID == view.ID:
		return v.T("merge.same"), nil
	case cu.Erased:
		return v.T("merge.erased"), nil
	case cu.MergedInto != "":
		return v.T("merge.merged"), nil
	case cu.Kind != view.Into.Kind:
		return v.T("merge.kinds"), nil
	}
	from, err := c.side(v, cu)
	view.From = &from
	return "", err
}

func (c *console) side(v *visit, cu engawa.Customer) (Side, error) {
	s := Side{ID: cu.ID, Name: v.customerName(cu), Kind: cu.Kind, Country: cu.Country, Since: cu.CreatedAt, Minor: cu.Minor}
	facts := Customer{Page: v.Page, ID: cu.ID}
	if err := c.customerFacts(v, &facts); err != nil {
		return s, err
	}
	s.Points = facts.Points
	consents, err := c.Store.Consents(v.ctx(), v.ws(), cu.ID)
	if err != nil {
		return s, err
	}
	s.Consents = len(verdict.Standing(consents))
	identities, err := c.Store.Identities(v.ctx(), v.ws(), cu.ID)
	for _, id := range identities {
		s.Identities = append(s.Identities, id.Issuer+" "+id.Kind)
	}
	return s, err
}

// merge makes one of the two who stood beside each other.
func (c *console) merge(v *visit) error {
	view, err := c.mergerView(v)
	if err != nil {
		return err
	}
	if view.Problem, err = c.other(v, &view, v.typed("from")); err != nil {
		return err
	}
	again := func(wrong string) error {
		view.Problem = wrong
		return v.showAs(http.StatusUnprocessableEntity, MergerPage(view))
	}
	if view.Problem != "" {
		return again(view.Problem)
	}
	if unsure, err := c.unsure(v, again); unsure {
		return err
	}
	_, err = v.by.Merge(v.ctx(), store.Merge{Workspace: v.ws(), Into: view.ID, From: view.From.ID, Narrow: verdict.Narrow})
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code == engawa.CodeUnavailable {
		return again(v.T("merge.sending"))
	}
	if err != nil {
		return err
	}
	return v.see("/customers/"+view.ID, "merged")
}
