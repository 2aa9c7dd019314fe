package console

import (
	"net/http"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/verdict"
)

// stoppable are the purposes of which a customer can stop all at once.
var stoppable = []engawa.Purpose{engawa.Marketing, engawa.Notice, engawa.Service}

// living is the customer of the path, who was neither erased nor merged.
func (c *console) living(v *visit) (engawa.Customer, error) {
	cu, err := c.Store.Customer(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err == nil && (cu.Erased || cu.MergedInto != "") {
		err = engawa.NotFound("customer")
	}
	return cu, err
}

// withdrawalView loads the page, and the consents that stand.
func (c *console) withdrawalView(v *visit) (Withdrawal, []engawa.Consent, error) {
	cu, err := c.living(v)
	if err != nil {
		return Withdrawal{}, nil, err
	}
	all, err := c.Store.Consents(v.ctx(), v.ws(), cu.ID)
	if err != nil {
		return Withdrawal{}, nil, err
	}
	view := Withdrawal{Page: v.titled("customers", v.T("stop.title")), ID: cu.ID, Name: v.customerName(cu)}
	view.Path = "/customers/" + cu.ID + "/stop"
	standing := verdict.Standing(all)
	for _, d := range standing {
		view.Given = append(view.Given, Choice{d.ID, v.consentWords(v.consentView(d))})
	}
	return view, standing, nil
}

func (c *console) withdrawal(v *visit) error {
	view, _, err := c.withdrawalView(v)
	if err != nil {
		return err
	}
	return v.show(WithdrawalPage(view))
}

// withdraw writes down that a customer said to stop. From then on nothing goes
// by what was withdrawn, what is queued included.
func (c *console) withdraw(v *visit) error {
	view, standing, err := c.withdrawalView(v)
	if err != nil {
		return err
	}
	view.Chosen, view.Where = v.typed("what"), v.typed("where")
	again := func(wrong string) error {
		view.Problem = wrong
		return v.showAs(http.StatusUnprocessableEntity, WithdrawalPage(view))
	}
	w, ok := stopOf(view.Chosen, standing)
	switch {
	case !ok:
		return again(v.T("stop.what.wrong"))
	case view.Where == "" || len(view.Where) > 500:
		return again(v.T("stop.where.wrong"))
	}
	w.Workspace, w.ID, w.Customer, w.At = v.ws(), engawa.NewID(engawa.PrefixConsent), view.ID, time.Now().UTC()
	w.Given, w.Pending, w.Evidence = false, false, engawa.Evidence{Where: view.Where, How: "member"}
	if err := v.by.Decide(v.ctx(), w); err != nil {
		return err
	}
	return v.see("/customers/"+view.ID, "stopped_for")
}

// stopOf is what a choice stops: one consent that stands, or all contact for a
// purpose.
func stopOf(chosen string, standing []engawa.Consent) (engawa.Consent, bool) {
	for _, d := range standing {
		if d.ID == chosen {
			return d, true
		}
	}
	for _, p := range stoppable {
		if string(p) == chosen {
			return engawa.Consent{Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: p}, true
		}
	}
	return engawa.Consent{}, false
}
