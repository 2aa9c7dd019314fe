package console

import (
	"errors"
	"net/http"
	"slices"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// erasureView loads the page with what there is to be forgotten.
func (c *console) erasureView(v *visit) (Erasure, error) {
	cu, err := c.living(v)
	if err != nil {
		return Erasure{}, err
	}
	view := Erasure{Page: v.titled("customers", v.T("erase.title")), ID: cu.ID, Name: v.customerName(cu), Ask: c.asks(v)}
	view.Path = "/customers/" + cu.ID + "/erase"
	points, err := c.Store.ContactPoints(v.ctx(), v.ws(), cu.ID)
	if err != nil {
		return view, err
	}
	identities, err := c.Store.Identities(v.ctx(), v.ws(), cu.ID)
	if err != nil {
		return view, err
	}
	lists, err := c.Store.Registrations(v.ctx(), v.ws(), cu.ID)
	view.Points, view.Identities = len(points), len(identities)
	view.Listed = slices.ContainsFunc(lists, func(r store.Registration) bool { return r.EndedAt.IsZero() })
	return view, err
}

func (c *console) erasure(v *visit) error {
	view, err := c.erasureView(v)
	if err != nil {
		return err
	}
	return v.show(ErasurePage(view))
}

// erase erases a customer whose erasure was confirmed in words. Of one who is
// erased already, with traces left, it wipes those.
func (c *console) erase(v *visit) error {
	cu, err := c.Store.Customer(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if cu.Erased {
		return c.eraseNow(v, Erasure{Page: v.titled("customers", v.T("erase.title")), ID: cu.ID, Name: v.customerName(cu)})
	}
	view, err := c.erasureView(v)
	if err != nil {
		return err
	}
	again := func(wrong string) error {
		view.Problem = wrong
		return v.showAs(http.StatusUnprocessableEntity, ErasurePage(view))
	}
	if v.typed("sure") == "" {
		return again(v.T("erase.sure.wrong"))
	}
	if unsure, err := c.unsure(v, again); unsure {
		return err
	}
	return c.eraseNow(v, view)
}

func (c *console) eraseNow(v *visit, view Erasure) error {
	_, err := v.by.Erase(v.ctx(), v.ws(), view.ID)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code == engawa.CodeUnavailable {
		if cu, look := c.Store.Customer(v.ctx(), v.ws(), view.ID); look == nil && cu.Erased {
			view.Traces = true
			return v.showAs(http.StatusServiceUnavailable, ErasurePage(view))
		}
	}
	if err != nil {
		return err
	}
	return v.see("/customers/"+view.ID, "erased")
}
