package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/offer"
	"github.com/engawa/engawa/internal/store"
)

// OfferOut is a pool of offer codes as it is shown.
type OfferOut struct {
	ID        string     `json:"id"`
	Account   string     `json:"account"`
	App       string     `json:"app"`
	Name      string     `json:"name"`
	Offer     string     `json:"offer" doc:"The offer's identifier in App Store Connect"`
	Product   string     `json:"product"`
	Word      bool       `json:"word" doc:"One custom code for all, instead of codes that work once"`
	Most      int        `json:"most" doc:"How many customers may use the word; 0: no limit is known"`
	Connect   string     `json:"connect" doc:"The offer's id in the App Store Connect API; empty: codes are imported"`
	LowAt     int        `json:"low_at" doc:"With so many left a task is raised"`
	Left      *int64     `json:"left" doc:"null: no limit"`
	Handed    int64      `json:"handed" doc:"In customers' hands, neither used nor ended"`
	Redeemed  int64      `json:"redeemed"`
	Lapsed    int64      `json:"lapsed" doc:"Ended unused"`
	EndsAt    time.Time  `json:"ends_at"`
	CreatedAt time.Time  `json:"created_at"`
	ClosedAt  *time.Time `json:"closed_at"`
}

func showOffer(p store.PoolCounts) OfferOut {
	out := OfferOut{
		ID: p.ID, Account: p.Account, App: p.App, Name: p.Name, Offer: p.Offer, Product: p.Product, Word: p.Word, Most: p.Most, Connect: p.Connect, LowAt: p.LowAt,
		Handed: p.Handed, Redeemed: p.Redeemed, Lapsed: p.Lapsed, EndsAt: p.EndsAt.UTC(), CreatedAt: p.CreatedAt.UTC(), ClosedAt: utc(p.ClosedAt),
	}
	if p.Free >= 0 {
		out.Left = &p.Free
	}
	return out
}

type offerList struct {
	Offers []OfferOut `json:"offers"`
	Next   string     `json:"next"`
}

func (a *API) listOffers(ctx context.Context, c *call, in *Paging) (offerList, error) {
	all, err := a.Store.OfferPools(ctx, c.workspace)
	offers, next, err := part(*in, engawa.PrefixOfferPool, all, err, func(p store.PoolCounts) string { return p.ID }, showOffer)
	return offerList{offers, next}, err
}

func (a *API) getOffer(ctx context.Context, c *call, in *One) (OfferOut, error) {
	p, err := a.Store.OfferPool(ctx, c.workspace, in.ID)
	return showOffer(p), err
}

type offerIn struct {
	Body struct {
		Account string    `json:"account" maxLength:"64" doc:"Of the App Store"`
		Name    string    `json:"name" minLength:"1" maxLength:"80"`
		Offer   string    `json:"offer" minLength:"1" maxLength:"64" doc:"The offer's identifier in App Store Connect"`
		Product string    `json:"product,omitempty" maxLength:"64"`
		EndsAt  time.Time `json:"ends_at" doc:"None is handed out from then on"`
		LowAt   int       `json:"low_at,omitempty" minimum:"0" maximum:"100000" doc:"With so many left a task is raised"`
		Word    string    `json:"word,omitempty" maxLength:"64" doc:"A custom code, the same for all; without it codes are imported"`
		Connect string    `json:"connect,omitempty" maxLength:"64" doc:"The offer's id in the App Store Connect API, to make codes there"`
		Most    int       `json:"most,omitempty" minimum:"0" maximum:"1000000" doc:"How many customers may use the word"`
	}
}

func (a *API) addOffer(ctx context.Context, c *call, in *offerIn) (OfferOut, error) {
	b := in.Body
	acc, err := a.Store.Account(ctx, c.workspace, b.Account)
	if err != nil {
		return OfferOut{}, err
	}
	now := time.Now().UTC()
	p := engawa.OfferPool{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixOfferPool), Account: b.Account, App: acc.Settings["app"], Name: b.Name, Offer: b.Offer, Product: b.Product,
		Word: b.Word != "", Connect: b.Connect, Most: b.Most, EndsAt: b.EndsAt, LowAt: b.LowAt, CreatedAt: now,
	}
	if err := offer.Check(p, engawa.Secret(b.Word), now); err != nil {
		return OfferOut{}, err
	}
	if err := c.store.AddOfferPool(ctx, p, engawa.Secret(b.Word)); err != nil {
		return OfferOut{}, err
	}
	return a.getOffer(ctx, c, &One{ID: p.ID})
}

type offerCodesIn struct {
	One
	Body struct {
		File   string `json:"file" minLength:"1" maxLength:"5000000" doc:"The text of the file that App Store Connect gives"`
		DryRun bool   `json:"dry_run,omitempty" doc:"Only say what the file holds"`
	}
}

type offerFault struct {
	Line int    `json:"line"`
	Code string `json:"code" enum:"not_a_code,other_app,two_codes,twice,known"`
}

type offerCodes struct {
	New     int          `json:"new" doc:"Codes that were taken in, or would be"`
	Skipped int          `json:"skipped" doc:"Lines that were passed over"`
	Faults  []offerFault `json:"faults" doc:"Why, at most 200"`
}

// shownFaults is how many faults an answer tells of.
const shownFaults = 200

func (a *API) importOffer(ctx context.Context, c *call, in *offerCodesIn) (offerCodes, error) {
	p, err := a.Store.OfferPool(ctx, c.workspace, in.ID)
	if err != nil {
		return offerCodes{}, err
	}
	if p.Word {
		return offerCodes{}, &engawa.Error{Code: engawa.CodeConflict, Message: "this pool has one code for all", Remedy: "make a pool without a word"}
	}
	sheet, err := a.offers().Look(ctx, p.OfferPool, []byte(in.Body.File))
	if err != nil {
		return offerCodes{}, err
	}
	out := offerCodes{New: len(sheet.Codes), Skipped: len(sheet.Faults), Faults: []offerFault{}}
	for _, f := range sheet.Faults[:min(len(sheet.Faults), shownFaults)] {
		out.Faults = append(out.Faults, offerFault{f.Line, f.Code})
	}
	if !in.Body.DryRun {
		out.New, err = c.store.AddOfferCodes(ctx, p.OfferPool, sheet.Codes)
	}
	return out, err
}

type offerFetchIn struct {
	One
	Body struct {
		Make int `json:"make,omitempty" minimum:"0" maximum:"25000" doc:"How many codes to have made first"`
	}
}

type offerFetched struct {
	New int `json:"new"`
}

func (a *API) fetchOffer(ctx context.Context, c *call, in *offerFetchIn) (offerFetched, error) {
	p, err := a.Store.OfferPool(ctx, c.workspace, in.ID)
	if err != nil {
		return offerFetched{}, err
	}
	n, err := a.offers().Fetch(ctx, c.store, p.OfferPool, in.Body.Make)
	return offerFetched{n}, err
}

func (a *API) offers() *offer.Desk { return &offer.Desk{Store: a.Store, HTTP: a.Intake.Env.HTTP} }

func (a *API) closeOffer(ctx context.Context, c *call, in *One) (OfferOut, error) {
	if err := c.store.CloseOfferPool(ctx, c.workspace, in.ID); err != nil {
		return OfferOut{}, err
	}
	return a.getOffer(ctx, c, in)
}

type handOutIn struct {
	One
	Body struct {
		Customer string             `json:"customer" maxLength:"64"`
		Reason   engawa.OfferReason `json:"reason" enum:"apology,keep,win_back,support,campaign,other"`
	}
}

// OfferCodeOut is a code in a customer's hands.
type OfferCodeOut struct {
	ID         string             `json:"id"`
	Pool       string             `json:"pool"`
	Offer      string             `json:"offer"`
	Customer   string             `json:"customer"`
	State      engawa.OfferState  `json:"state" enum:"handed,redeemed,lapsed"`
	Reason     engawa.OfferReason `json:"reason"`
	HandedAt   time.Time          `json:"handed_at"`
	RedeemedAt *time.Time         `json:"redeemed_at"`
	EndsAt     time.Time          `json:"ends_at"`
	Fresh      bool               `json:"fresh" doc:"It was handed out now; else the customer had it already"`
	Code       string             `json:"code"`
	Link       string             `json:"link" doc:"Opens the App Store with the code filled in"`
}

func (a *API) handOutOffer(ctx context.Context, c *call, in *handOutIn) (OfferCodeOut, error) {
	p, err := a.Store.OfferPool(ctx, c.workspace, in.ID)
	if err != nil {
		return OfferCodeOut{}, err
	}
	g, err := a.offers().HandOut(ctx, c.store, store.HandOut{
		Workspace: c.workspace, Account: p.Account, Offer: p.Offer, Customer: in.Body.Customer, Reason: in.Body.Reason, By: c.actor(),
	})
	if err != nil {
		return OfferCodeOut{}, err
	}
	return OfferCodeOut{
		g.ID, g.Pool, g.Offer, g.Customer, g.State, g.Reason, g.HandedAt.UTC(), utc(g.RedeemedAt), g.EndsAt.UTC(), g.Fresh, g.Code.Reveal(), g.Link,
	}, nil
}
