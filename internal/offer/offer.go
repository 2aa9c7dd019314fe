// Package offer hands out offer codes of the App Store: reads the files of codes
// that App Store Connect gives, and gives a customer one code of an offer with the
// link that redeems it.
package offer

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
)

// Desk hands out codes. It is safe for several goroutines.
type Desk struct {
	Store *store.Store
	HTTP  *http.Client // to App Store Connect; nil: codes come by files alone
}

// Given is a code in a customer's hands.
type Given struct {
	engawa.OfferCode

	Fresh bool   // it was handed out now; else the customer had it already
	Link  string // opens the store with the code filled in
}

// HandOut gives a customer a code of an offer, in the name of by's actor. The
// error is an *engawa.Error: CodeConflict for a customer who has used the offer,
// where no code is left, and where the app's number is not known.
func (d *Desk) HandOut(ctx context.Context, by *store.Store, h store.HandOut) (Given, error) {
	if !slices.Contains(engawa.OfferReasons, h.Reason) {
		return Given{}, engawa.Invalid("/reason", "choose one of "+reasons(), "%q is no reason", h.Reason)
	}
	id, err := d.appleID(ctx, h.Workspace, h.Account)
	if err != nil {
		return Given{}, err
	}
	if err := d.unused(ctx, h); err != nil {
		return Given{}, err
	}
	c, fresh, err := by.HandOut(ctx, h)
	if err == nil && c.State == engawa.OfferRedeemed {
		err = usedUp(h.Offer)
	}
	if err != nil {
		return Given{}, err
	}
	return Given{OfferCode: c, Fresh: fresh, Link: engawa.RedemptionLink(id, c.Code)}, nil
}

func reasons() string {
	var all []string
	for _, r := range engawa.OfferReasons {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

// appleID is the app's number in the store, without which there is no link.
func (d *Desk) appleID(ctx context.Context, workspace, account string) (int64, error) {
	a, err := d.Store.Account(ctx, workspace, account)
	if err == nil && a.Kind != follow.Kind {
		err = engawa.NotFound("App Store account")
	}
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(a.Settings["app_apple_id"], 10, 64)
	if err != nil || id <= 0 {
		return 0, &engawa.Error{
			Code: engawa.CodeConflict, Field: "/settings/app_apple_id", Message: "the account does not say the app's Apple ID, so that no redemption link can be made",
			Remedy: "enter the app's Apple ID on the account's page; it stands in App Store Connect under App Information", Err: err,
		}
	}
	return id, nil
}

// unused refuses a customer who bought by a code of the offer: the store takes one
// code of an offer from a customer.
func (d *Desk) unused(ctx context.Context, h store.HandOut) error {
	ps, err := d.Store.PurchasesOf(ctx, h.Workspace, h.Customer)
	for _, p := range ps {
		if err != nil || p.Account != h.Account {
			continue
		}
		s, failed := follow.State(p.Facts)
		if err = failed; err != nil {
			break
		}
		if s.Redeemed(h.Offer) {
			return usedUp(h.Offer)
		}
	}
	return err
}

// Link is the link that redeems a code.
func (d *Desk) Link(ctx context.Context, c engawa.OfferCode) (string, error) {
	id, err := d.appleID(ctx, c.Workspace, c.Account)
	return engawa.RedemptionLink(id, c.Code), err
}

func usedUp(offer string) error {
	return &engawa.Error{
		Code: engawa.CodeConflict, Message: "this customer has used a code of the offer " + offer + "; the App Store takes one from a customer",
		Remedy: "choose another offer",
	}
}

// idForm is an offer's id as in App Store Connect, and a product's.
var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Check refuses a pool that cannot be one, and names the field that is wrong.
func Check(p engawa.OfferPool, word engawa.Secret, now time.Time) error {
	switch {
	case p.Name == "" || len([]rune(p.Name)) > 80:
		return engawa.Invalid("/name", "enter a name of 1 to 80 characters", "the name has %d characters", len([]rune(p.Name)))
	case !idForm.MatchString(p.Offer):
		return engawa.Invalid("/offer", "copy the offer's identifier from App Store Connect: letters, digits, dots, hyphens and underscores", "%q is no identifier of an offer", p.Offer)
	case p.Product != "" && !idForm.MatchString(p.Product):
		return engawa.Invalid("/product", "copy the product's id from App Store Connect", "%q is no id of a product", p.Product)
	case p.Connect != "" && !idForm.MatchString(p.Connect):
		return engawa.Invalid("/connect", "copy the last part of the address of the offer's page in App Store Connect", "this is no id of App Store Connect")
	case !p.EndsAt.After(now):
		return engawa.Invalid("/ends_at", "enter the day on which App Store Connect lets the codes end, from tomorrow on", "the codes have ended already")
	case p.LowAt < 0 || p.LowAt > 100_000:
		return engawa.Invalid("/low_at", "enter a number from 0 to 100000", "%d is no number of codes to be warned at", p.LowAt)
	case p.Most < 0:
		return engawa.Invalid("/most", "enter how many customers may use the code, 0 where it is not limited", "%d is below 0", p.Most)
	case p.Word && !form.MatchString(word.Reveal()):
		return engawa.Invalid("/word", "enter the custom code as it stands in App Store Connect: 6 to 64 letters and digits", "this is no custom code")
	}
	return nil
}

// Look reads a file of codes for a pool and says, beside what Read says, which
// codes the account has already. It changes nothing: Store.AddOfferCodes takes
// the codes in.
func (d *Desk) Look(ctx context.Context, p engawa.OfferPool, file []byte) (Sheet, error) {
	id, err := d.appleID(ctx, p.Workspace, p.Account)
	if err != nil {
		return Sheet{}, err
	}
	s, err := Read(file, id)
	if err != nil {
		return s, err
	}
	known, err := d.Store.KnownOfferCodes(ctx, p.Workspace, p.Account, s.Codes)
	if err != nil {
		return s, err
	}
	fresh := Sheet{Faults: s.Faults}
	for i, c := range s.Codes {
		if known[i] {
			fresh.Faults = append(fresh.Faults, Fault{Line: s.Lines[i], Code: "known"})
			continue
		}
		fresh.Codes, fresh.Lines = append(fresh.Codes, c), append(fresh.Lines, s.Lines[i])
	}
	slices.SortStableFunc(fresh.Faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return fresh, nil
}

// Fetch has n more codes made in App Store Connect, 0 for none, takes in all codes
// that were made there of the pool's offer for the pool's last day, and returns how
// many are new. Codes that were just made are ready some minutes later: fetch
// again then. Fetching again changes nothing else.
func (d *Desk) Fetch(ctx context.Context, by *store.Store, p engawa.OfferPool, n int) (added int, err error) {
	a, err := d.Store.Account(ctx, p.Workspace, p.Account)
	if err != nil {
		return 0, err
	}
	c, err := appstore.NewConnect(a.Settings, d.HTTP)
	switch {
	case err != nil:
		return 0, err
	case p.Connect == "" || p.Word:
		return 0, engawa.Invalid("/connect", "make a pool with the offer's id in App Store Connect", "the pool does not say which offer of App Store Connect it is of")
	case n < 0 || n > appstore.MaxCodes:
		return 0, engawa.Invalid("/make", "ask for at most "+strconv.Itoa(appstore.MaxCodes)+" codes at once", "%d codes cannot be made", n)
	case !p.Open(time.Now()):
		return 0, &engawa.Error{Code: engawa.CodeConflict, Message: "the pool has ended or was closed", Remedy: "make another pool"}
	}
	last := p.EndsAt.Add(-time.Second)
	if n > 0 {
		if err := by.MakeOfferCodes(ctx, p, n); err != nil {
			return 0, err
		}
		if _, err := c.Make(ctx, p.Connect, n, last); err != nil {
			return 0, err
		}
	}
	batches, err := c.Batches(ctx, p.Connect)
	for _, b := range batches {
		if err != nil || !b.Active || b.EndsOn != last.Format(time.DateOnly) {
			continue
		}
		var more int
		more, err = d.take(ctx, by, c, p, b)
		added += more
	}
	return added, err
}

// take takes the codes of one batch in; of one that is not ready yet, none.
func (d *Desk) take(ctx context.Context, by *store.Store, c *appstore.Connect, p engawa.OfferPool, b appstore.Batch) (int, error) {
	file, err := c.Values(ctx, b.ID)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Field == "/connect" {
		return 0, nil
	}
	if err != nil || len(file) == 0 {
		return 0, err
	}
	sheet, err := Read(file, 0)
	if err != nil {
		return 0, err
	}
	return by.AddOfferCodes(ctx, p, sheet.Codes)
}
