package phone

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/purchase"
)

// Wish is a promotional offer that an app would have signed.
type Wish struct {
	Product     string
	Offer       string
	Transaction string // of the customer, to bind the newer form to; empty: the latest
	Token       string // the app account token with which the app will buy; may be empty
}

// Signed is an offer in both forms.
type Signed struct {
	appstore.OfferSignature
	JWS string
}

// Sign signs a promotional offer for a customer whom a rule of the account allows
// it. The error is an *engawa.Error: CodeForbidden where none does.
func (d *Door) Sign(ctx context.Context, s Session, w Wish) (Signed, error) {
	by, all, settings, err := d.signer(ctx, s)
	if err != nil {
		return Signed{}, err
	}
	rules, err := appstore.OfferRules(settings["signed_offers"])
	if err != nil {
		return Signed{}, err
	}
	described, err := d.Store.Products(ctx, s.Workspace)
	if err != nil {
		return Signed{}, err
	}
	now := time.Now()
	group := groupsOf(all, described)[w.Product]
	if !slices.ContainsFunc(rules, func(r appstore.OfferRule) bool {
		return r.Product == w.Product && r.Offer == w.Offer && allows(r, group, all, now)
	}) {
		return Signed{}, notAllowed(w.Product, group)
	}
	transaction, err := own(all, w.Transaction)
	if err != nil {
		return Signed{}, err
	}
	var out Signed
	if out.OfferSignature, err = by.Offer(w.Product, w.Offer, w.Token, now); err != nil {
		return out, err
	}
	out.JWS, err = by.OfferJWS(w.Product, w.Offer, transaction, now)
	return out, err
}

// signer is what signs for a session's account, with what the customer bought.
func (d *Door) signer(ctx context.Context, s Session) (*appstore.Signer, []purchase.State, map[string]string, error) {
	a, err := d.Store.Account(ctx, s.Workspace, s.Account)
	if err != nil {
		return nil, nil, nil, err
	}
	by, err := appstore.NewSigner(a.Settings)
	if err != nil {
		return nil, nil, nil, err
	}
	all, err := d.Bought(ctx, s)
	return by, all, a.Settings, err
}

func notAllowed(product, group string) *engawa.Error {
	e := &engawa.Error{
		Code: engawa.CodeForbidden, Message: "no rule of the account allows this customer this offer now",
		Remedy: "show the usual price; the business lists the offers to be signed on the App Store account's page",
	}
	if group == "" {
		e.Message += "; of which subscription group " + product + " is, nobody said"
		e.Remedy += ", and describes the product with its group on Products"
	}
	return e
}

// allows reports whether a customer who bought all this stands where a rule wants
// one to, by a subscription of the product's own group: the store gives promotional
// offers to who is or was subscribed there ("Set up promotional offers" of App Store
// Connect Help). Where nobody knows the group, only the product itself counts.
func allows(r appstore.OfferRule, group string, all []purchase.State, now time.Time) bool {
	return slices.ContainsFunc(all, func(s purchase.State) bool {
		v := s.At(now)
		if v.Kind != purchase.Renewing || v.Shared || v.ProductID != r.Product && (group == "" || v.Group != group) {
			return false
		}
		state := v.Status.String()
		if v.Canceled {
			state = "canceled"
		}
		return len(r.States) == 0 || slices.Contains(r.States, state)
	})
}

// own is a transaction of the customer: the one that was named, or the latest.
func own(all []purchase.State, id string) (string, error) {
	var best purchase.Period
	for _, s := range all {
		for _, said := range s.Periods {
			p := said.What
			if p.TransactionID == id || s.OriginalTransactionID == id {
				return id, nil
			}
			if cmp.Compare(p.PurchasedAt, best.PurchasedAt) > 0 {
				best = p
			}
		}
	}
	if id != "" {
		return "", engawa.Invalid("/transaction_id", "name a transaction of this customer, or none", "this customer has no such transaction")
	}
	return best.TransactionID, nil
}

// Intro says whether a customer may have the introductory offer of a product, as
// far as the hub knows, and signs it. It is CodeConflict for one who bought nothing:
// the store itself knows best then.
func (d *Door) Intro(ctx context.Context, s Session, product string) (jws string, eligible bool, err error) {
	by, all, _, err := d.signer(ctx, s)
	if err != nil {
		return "", false, err
	}
	transaction, err := own(all, "")
	if err == nil && transaction == "" {
		err = &engawa.Error{Code: engawa.CodeConflict, Message: "this customer bought nothing yet, so that nothing can be signed for one", Remedy: "let the store decide: buy without introductoryOfferEligibility"}
	}
	if err != nil {
		return "", false, err
	}
	described, err := d.Store.Products(ctx, s.Workspace)
	if err != nil {
		return "", false, err
	}
	eligible = !had(all, described, product)
	jws, err = by.IntroJWS(product, transaction, eligible, time.Now())
	return jws, eligible, err
}

// groupsOf are the subscription groups of products: as a purchase told, or who
// described the product.
func groupsOf(all []purchase.State, described []engawa.Product) map[string]string {
	groups := map[string]string{}
	for _, s := range all {
		for _, said := range s.Periods {
			groups[said.What.ProductID] = cmp.Or(said.What.Group, groups[said.What.ProductID])
		}
	}
	for _, d := range described {
		groups[d.ID] = cmp.Or(groups[d.ID], d.Group)
	}
	return groups
}

// had reports whether something of the product, or of its group, was bought at an
// introductory price: the store gives one for each group, and what is signed goes
// before its own look. The group is told by who described the product or by a
// purchase of it; where neither does, it may be any.
func had(all []purchase.State, described []engawa.Product, product string) bool {
	groups := groupsOf(all, described)
	for _, s := range all {
		for _, said := range s.Periods {
			p := said.What
			if p.Offer.Type != appstore.OfferIntroductory {
				continue
			}
			if p.ProductID == product || groups[product] == "" || groups[p.ProductID] == "" || groups[p.ProductID] == groups[product] {
				return true
			}
		}
	}
	return false
}
