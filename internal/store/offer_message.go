package store

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/engawa/engawa"
)

// OfferKnown is what the store knows of the code that a message would hand out.
type OfferKnown struct {
	Account string // of the App Store, whose code it would be; empty: no pool was ever made of the offer
	AppleID int64  // the app's number there; 0: the account does not say it
	Left    bool   // the customer has a code, or one is left
	Used    bool   // the customer used the one that was handed out
}

// offerStock is a pool with what is left of it.
type offerStock struct {
	engawa.OfferPool
	left        bool
	environment string // of the account
	appleID     int64
}

// loadOffers loads, where messages hold the link of a code, the pools of these
// offers and the codes that the customers have. For a claim the customers are
// locked: nobody else gives them one meanwhile.
func (t *tx) loadOffers(w *world, workspace string, asks []Ask) error {
	var offers, customers []string
	for _, a := range asks {
		if a.Message.Offer != "" {
			offers, customers = append(offers, a.Message.Offer), append(customers, a.Message.Customer)
		}
	}
	if offers = distinct(offers); len(offers) == 0 {
		return nil
	}
	w.offers, w.inHands = map[string][]offerStock{}, map[string][]codeRow{}
	pools, err := all(t, scanPool, `SELECT `+poolColumns+` FROM offer_pool WHERE workspace = $1 AND offer {in $2} ORDER BY ends_at, id`, workspace, t.list(offers))
	if err != nil {
		return err
	}
	ids := make([]string, len(pools))
	for i, p := range pools {
		ids[i] = p.Account
	}
	accounts, err := t.accounts(workspace, `AND id {in $2}`, t.list(distinct(ids)))
	if err != nil {
		return err
	}
	for _, p := range pools {
		stock := offerStock{OfferPool: p}
		if p.Open(w.now) {
			n, err := t.leftOf(p, 0)
			if err != nil {
				return err
			}
			stock.left = n != 0
		}
		if i := slices.IndexFunc(accounts, func(a engawa.Account) bool { return a.ID == p.Account }); i >= 0 {
			stock.environment = accounts[i].Environment
			stock.appleID, _ = strconv.ParseInt(accounts[i].Settings["app_apple_id"], 10, 64) // 0 where it is not said
		}
		w.offers[p.Offer] = append(w.offers[p.Offer], stock)
	}
	rows, err := t.codeRows(workspace, `AND c.offer {in $2} AND c.customer {in $3} AND c.state IN ('handed', 'redeemed')`, t.list(offers), t.list(distinct(customers)))
	for _, r := range rows {
		w.inHands[r.Customer] = append(w.inHands[r.Customer], r)
	}
	return err
}

// offerFor says of which account a code for m would be: of those with pools of an
// offer of this name, in the environment of the purchase that m is about, which is
// production where m is about none, the one of which the customer has a purchase, then
// the one of the message's app, then one that has a code left. A code of the other
// environment opens nothing for this customer: there is none then.
func (w *world) offerFor(m engawa.Message) OfferKnown {
	var best OfferKnown
	environment := cmp.Or(w.environmentOf(m.Customer, m.While.Purchase), engawa.Production)
	score := -1
	for _, p := range w.offers[m.Offer] {
		if p.environment != environment {
			continue
		}
		n := 0
		if slices.ContainsFunc(w.purchases[m.Customer], func(b engawa.Purchase) bool { return b.Account == p.Account }) {
			n += 4
		}
		if m.App != "" && p.App == m.App {
			n += 2
		}
		if p.left {
			n++
		}
		if n > score {
			best, score = OfferKnown{Account: p.Account, AppleID: p.appleID, Left: p.left}, n
		}
	}
	for _, c := range w.inHands[m.Customer] {
		if c.Account == best.Account && c.Offer == m.Offer {
			best.Used = best.Used || c.State == engawa.OfferRedeemed
			best.Left = best.Left || w.now.Before(c.EndsAt)
		}
	}
	return best
}

// handOut gives what is let go the codes that its words hold the links of, in the
// claim's own transaction: a code is the customer's if, and only if, the message
// goes. Where another of the same claim took the last one, it is judged again.
func (t *tx) handOut(judged []judgement, d Decide) error {
	for i := range judged {
		j := &judged[i]
		m := &j.c.Message
		if m.Offer == "" || j.d.Verdict.Outcome != engawa.Send || !j.d.Later.IsZero() {
			continue
		}
		k := &j.c.Known.Offer
		code, _, err := t.codeFor(HandOut{
			Workspace: m.Workspace, Account: k.Account, Offer: m.Offer, Customer: m.Customer, Reason: "campaign", By: cmp.Or(from("route:", m.Route), from("member:", m.Member), "message:"+m.ID),
		})
		if err != nil {
			return fmt.Errorf("hand out a code of %s: %w", m.Offer, err)
		}
		if code.ID == "" {
			k.Left = false
			j.d = d.Judge(j.c)
			continue
		}
		j.c.Code, j.c.AppleID = code.Code, k.AppleID
	}
	return t.askForCodes(judged)
}

func from(prefix, id string) string {
	if id == "" {
		return ""
	}
	return prefix + id
}

// askForCodes asks a person for codes of each offer for want of which something
// waits, once until somebody brought them.
func (t *tx) askForCodes(judged []judgement) error {
	asked := map[string]bool{}
	for _, j := range judged {
		o := j.d.Facts.Offer
		if o == nil || o.Missing != engawa.OfferEmpty || j.d.Verdict.Outcome != engawa.Hold || asked[o.Offer] {
			continue
		}
		asked[o.Offer] = true
		m := j.c.Message
		k := lowOn(m.Workspace, j.c.Known.Offer.Account, o.Offer, 0)
		open, err := one(t, scanInt, `SELECT count(*) FROM task WHERE workspace = $1 AND kind = $2 AND ref = $3 AND state = 'open'`, k.Workspace, k.Kind, k.Ref)
		if err == nil && open == 0 {
			err = t.raise(k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
