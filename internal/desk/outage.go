package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/store"
)

// Outage asks to move the renewal date of all subscribers of a product.
type Outage struct {
	Workspace   string
	Account     string
	Product     string
	Storefronts []string // ISO 3166-1 alpha-3; empty: all
	Days        int
	Reason      appstore.ExtendReason
	RequestID   string // a UUID (NewRequest), of the form that asks: sent twice it is one
	Actor       string
}

var storefront = regexp.MustCompile(`^[A-Z]{3}$`)

// Concerned counts, of what is sold, whom an outage concerns.
func (o Outage) Concerned(sold []store.Sold) (n int64) {
	for _, x := range sold {
		if x.Account == o.Account && x.Product == o.Product && (len(o.Storefronts) == 0 || slices.Contains(o.Storefronts, x.Storefront)) {
			n += x.Living
		}
	}
	return n
}

// ExtendAll has the subscribers of a product extended in the background (Step):
// the App Store takes hours to days. Of one product one is under way at a time.
func (d *Desk) ExtendAll(ctx context.Context, o Outage) (engawa.Extension, error) {
	if err := o.check(); err != nil {
		return engawa.Extension{}, err
	}
	if _, err := d.Clients.Open(ctx, o.Workspace, o.Account); err != nil {
		return engawa.Extension{}, err
	}
	sold, err := d.Store.SoldSubscriptions(ctx, o.Workspace)
	if err != nil {
		return engawa.Extension{}, err
	}
	concerned := o.Concerned(sold)
	if concerned == 0 {
		return engawa.Extension{}, engawa.Invalid("/product", "choose a product and storefronts that have subscribers", "the hub knows no subscriber whom this would concern")
	}
	now := time.Now().UTC()
	x := engawa.Extension{
		Workspace: o.Workspace, ID: engawa.FixedID(engawa.PrefixExtension, o.Workspace, o.RequestID), Account: o.Account, Product: o.Product, Storefronts: o.Storefronts,
		Days: o.Days, Reason: int(o.Reason), RequestID: o.RequestID, State: engawa.ExtensionWaiting, Concerned: concerned, Actor: o.Actor, CreatedAt: now, NextAt: now,
	}
	return x, d.Store.By(o.Actor).OpenExtension(ctx, x)
}

func (o Outage) check() error {
	if err := checkMove(o.Days, o.Reason); err != nil {
		return err
	}
	if !uuid.MatchString(o.RequestID) {
		return engawa.Invalid("/request_id", "send a UUID that was never used", "the request needs a UUID of its own")
	}
	if i := slices.IndexFunc(o.Storefronts, func(s string) bool { return !storefront.MatchString(s) }); i >= 0 {
		return engawa.Invalid("/storefronts/"+strconv.Itoa(i), "write ISO 3166-1 alpha-3, such as JPN", "this is no storefront")
	}
	return nil
}

// Times of an extension of all.
const (
	pollSoon   = time.Minute // the first hour
	pollLater  = 15 * time.Minute
	soon       = time.Hour
	lostAfter  = time.Hour // no trace of a request after that
	settle     = time.Minute
	lastListen = time.Hour // after the end: failures that come late
	maxListed  = 200
)

// Step goes on with what is due: extensions of all subscribers, and look-ups.
// Several nodes may call it; each step is one node's.
func (d *Desk) Step(ctx context.Context) error {
	due, err := d.Store.DueExtensions(ctx)
	for _, x := range due {
		if e := d.goOn(ctx, x); e != nil {
			err = errors.Join(err, fmt.Errorf("extension %s: %w", x.ID, e))
		}
	}
	return err
}

func (d *Desk) goOn(ctx context.Context, x engawa.Extension) error {
	switch {
	case x.Purchase != "":
		_, err := d.Look(ctx, x)
		return err
	case x.State == engawa.ExtensionWaiting:
		return d.begin(ctx, x)
	case x.State == engawa.ExtensionAsking || x.State == engawa.ExtensionRunning:
		return d.poll(ctx, x)
	}
	return d.list(ctx, x) // what came late
}

// begin asks the store, once: from here on the row says that it may have been
// asked, and only a clear "no" leads back.
func (d *Desk) begin(ctx context.Context, x engawa.Extension) error {
	app, err := d.Clients.Open(ctx, x.Workspace, x.Account)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	x.State, x.AskedAt, x.LookedAt, x.NextAt = engawa.ExtensionAsking, now, now, now.Add(longestCall+firstLook)
	if err := d.Store.SettleExtension(ctx, x, engawa.ExtensionWaiting); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestCall)
	defer cancel()
	_, err = app.ExtendAll(asking, x.Product, x.Storefronts, appstore.Extend{Days: x.Days, Reason: appstore.ExtendReason(x.Reason), RequestID: x.RequestID})
	x = begun(x, err, time.Now().UTC())
	if x.State == engawa.ExtensionRefused {
		if err := d.Store.Raise(ctx, askAbout("extension.refused", x)); err != nil {
			return err
		}
	}
	return d.Store.SettleExtension(asking, x, engawa.ExtensionAsking)
}

// begun is an extension of all after the store's answer to the request.
func begun(x engawa.Extension, err error, now time.Time) engawa.Extension {
	e, said := errors.AsType[*appstore.APIError](err)
	switch {
	case err == nil:
		x.State, x.NextAt = engawa.ExtensionRunning, now.Add(pollSoon)
	case said && e.Ambiguous:
		x.NextAt = now.Add(firstLook)
	case said && e.Retryable:
		x.State, x.NextAt = engawa.ExtensionWaiting, now.Add(pollSoon)
		if e.RetryAt.After(x.NextAt) {
			x.NextAt = e.RetryAt.UTC()
		}
	default:
		x.State, x.DoneAt, x.NextAt = engawa.ExtensionRefused, now, time.Time{}
		if said {
			x.Code = e.Code
		}
	}
	return x
}

// poll asks the store how far it is, and lists the failures that it told of.
func (d *Desk) poll(ctx context.Context, x engawa.Extension) error {
	app, err := d.Clients.Open(ctx, x.Workspace, x.Account)
	if err != nil {
		return err
	}
	from := x.State
	asking, cancel := context.WithTimeout(ctx, longestCall)
	defer cancel()
	got, err := app.ExtendedAll(asking, x.Product, x.RequestID)
	if e, ok := errors.AsType[*appstore.APIError](err); ok && e.Status == http.StatusNotFound {
		err = nil
		got.Complete = false
		if x = lost(x, time.Now().UTC()); x.State == engawa.ExtensionUnknown {
			if err := d.Store.Raise(ctx, askAbout("extension.unknown", x)); err != nil {
				return err
			}
		}
	} else if err == nil {
		x = polled(x, got, time.Now().UTC())
	}
	if err != nil {
		return appstore.Explain(err)
	}
	if x, err = d.listed(ctx, x); err != nil {
		return err
	}
	return d.Store.SettleExtension(ctx, x, from)
}

// lost is a request that the store knows nothing of: not yet, or never. It is
// not sent again; after an hour a person is asked.
func lost(x engawa.Extension, now time.Time) engawa.Extension {
	if x.NextAt = now.Add(pollLater); now.After(x.AskedAt.Add(lostAfter)) {
		x.State, x.NextAt = engawa.ExtensionUnknown, time.Time{}
	}
	return x
}

// polled is an extension of all after the store said how far it is.
func polled(x engawa.Extension, got appstore.ExtendedAll, now time.Time) engawa.Extension {
	x.State = engawa.ExtensionRunning
	x.Succeeded, x.Failed = got.SucceededCount, got.FailedCount
	if got.Complete {
		x.State, x.DoneAt, x.NextAt = engawa.ExtensionDone, now, now.Add(lastListen)
		if got.CompleteDate != 0 {
			x.DoneAt = got.CompleteDate.Time()
		}
		return x
	}
	x.NextAt = now.Add(pollLater)
	if now.Before(x.AskedAt.Add(soon)) {
		x.NextAt = now.Add(pollSoon)
	}
	return x
}

// list asks a person to look after failures that came after the end.
func (d *Desk) list(ctx context.Context, x engawa.Extension) error {
	x.NextAt = time.Time{}
	x, err := d.listed(ctx, x)
	if err != nil {
		return err
	}
	return d.Store.SettleExtension(ctx, x, x.State)
}

// TypeFailure is the event that one subscriber could not be extended.
const TypeFailure = "store.renewal_extension.failure"

// listed raises a task for each subscriber whom the store could not extend since
// it was last looked, and for all together beyond the first maxListed. The store
// does not say to which request a failure belongs; of one product one is under
// way at a time.
func (d *Desk) listed(ctx context.Context, x engawa.Extension) (engawa.Extension, error) {
	until := time.Now().UTC().Add(-settle) // what is journaled this moment may not be seen yet
	if !until.After(x.LookedAt) {
		return x, nil
	}
	failures, err := d.failures(ctx, x, until)
	if err != nil {
		return x, err
	}
	for _, e := range failures {
		if x.Listed++; x.Listed > maxListed {
			if err := d.Store.Raise(ctx, askAbout("extension.more_failed", x)); err != nil {
				return x, err
			}
			break
		}
		args := map[string]string{"event": e.ID, "product": x.Product, "extension": x.ID}
		if e.Customer != "" {
			args["customer"] = e.Customer
		}
		if err := d.Store.Raise(ctx, engawa.Task{Workspace: x.Workspace, Kind: "extension.failed", Ref: e.ID, Customer: e.Customer, Args: args}); err != nil {
			return x, err
		}
	}
	x.LookedAt = until
	return x, nil
}

// Failures are what the store told of whom it could not extend, the newest first,
// a little more than maxListed at the most.
func (d *Desk) Failures(ctx context.Context, x engawa.Extension) ([]engawa.Event, error) {
	if x.AskedAt.IsZero() {
		return nil, nil
	}
	x.LookedAt = x.AskedAt
	until := time.Now()
	if !x.DoneAt.IsZero() {
		until = x.DoneAt.Add(lastListen)
	}
	return d.failures(ctx, x, until)
}

// failures are those that were heard of since x was last looked at.
func (d *Desk) failures(ctx context.Context, x engawa.Extension, until time.Time) (found []engawa.Event, err error) {
	p := store.Page{Limit: 200}
	for {
		evs, err := d.Store.Events(ctx, x.Workspace, store.EventFilter{Type: TypeFailure}, p)
		if err != nil {
			return nil, err
		}
		for _, e := range evs {
			if !e.ReceivedAt.After(x.LookedAt) {
				return found, nil
			}
			if !e.ReceivedAt.After(until) && e.Account == x.Account && ofProduct(e, x) {
				found = append(found, e)
			}
			p.ID = e.ID
		}
		if len(evs) < p.Limit || len(found) > maxListed {
			return found, nil
		}
	}
}

func ofProduct(e engawa.Event, x engawa.Extension) bool {
	var f appstore.Facts
	if json.Unmarshal(e.Data, &f) != nil {
		return false
	}
	return f.ProductID == x.Product && (len(x.Storefronts) == 0 || slices.Contains(x.Storefronts, f.Storefront))
}
