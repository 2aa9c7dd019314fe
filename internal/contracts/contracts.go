// Package contracts keeps what Smaregi says of the contracts that use an app: each
// notice with the subscription that it is about, and twice a day, by the list of those
// who use it, what no notice said. The list also settles what notices leave open, and
// is where an address comes from and goes.
package contracts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/source/smaregi"
	"github.com/engawa/engawa/internal/store"
)

// Keeper keeps contracts. Its fields are set once.
type Keeper struct {
	Store *store.Store
	HTTP  *http.Client
}

// The kinds of tasks, one open of each for an account; store.ContractTask besides.
const (
	taskGap  = "smaregi.gap"  // the list tells of what no notice did
	taskList = "smaregi.list" // the list cannot be read; it closes by itself when it can
)

// How often the list is read. An address that may no longer be shared goes within a
// day, also where one reading in between fails.
const (
	every      = 12 * time.Hour
	soon       = 10 * time.Minute // after trouble that passes, or where the list lacks somebody
	later      = time.Hour        // after trouble that a person has to end, or where there is no list
	mostSilent = 3                // readings that may fail before a person is asked
)

// Keep keeps notices that came in: the event in the journal, and with it how the
// contract stands.
func (k *Keeper) Keep(ctx context.Context, a engawa.Account, evs []engawa.Event) error {
	at, err := k.place(ctx, a)
	if err != nil {
		return err
	}
	var cs []store.Contracted
	today := smaregi.Today(time.Now())
	for _, e := range evs {
		if !e.Known {
			if _, err := k.Store.Journal(ctx, []engawa.Event{e}); err != nil {
				return err
			}
			continue
		}
		w, err := smaregi.Read(e.Raw)
		if err != nil {
			return err
		}
		told, err := smaregi.Event(w, at.app)
		if err != nil {
			return err
		}
		e.Data = told.Data
		cs = append(cs, at.contracted(e, w.Contract, "", func(s smaregi.Standing) store.ContractStanding {
			next, again := s.Hear(w, today)
			return at.standing(next, again)
		}))
	}
	if len(cs) == 0 {
		return nil
	}
	_, err = k.Store.HearContracts(ctx, a.Workspace, a.ID, cs, nil)
	return err
}

// place is the account with what is needed of its workspace.
type place struct {
	account engawa.Account
	app     engawa.App
	locale  engawa.Locale
}

func (k *Keeper) place(ctx context.Context, a engawa.Account) (place, error) {
	p := place{account: a, app: engawa.App{ID: a.Settings["app"]}}
	w, err := k.Store.Workspace(ctx, a.Workspace)
	if err != nil {
		return p, passing(err)
	}
	p.locale = w.Locale
	apps, err := k.Store.Apps(ctx, a.Workspace)
	for _, app := range apps {
		if app.ID == p.app.ID {
			p.app = app
		}
	}
	return p, passing(err)
}

// passing is trouble of the database, after which the provider may come again; what
// is an *engawa.Error already stays.
func passing(err error) error {
	if _, ok := errors.AsType[*engawa.Error](err); ok || err == nil {
		return err
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "the database cannot be read now; nothing was taken", Remedy: "send it again in a moment", Err: err}
}

// contracted is a contract of which something is told. One whom nobody knew is called
// by its id until the list gives a name.
func (p place) contracted(e engawa.Event, contract, name string, hear func(smaregi.Standing) store.ContractStanding) store.Contracted {
	if name == "" {
		name = contract
	}
	return store.Contracted{
		Event: e, App: p.app.ID, Whose: smaregi.Identity(contract), New: engawa.Customer{Kind: "contract", Name: name, Locale: p.locale},
		Hear: func(facts []byte) (store.ContractStanding, error) {
			s, err := read(facts)
			if err != nil {
				return store.ContractStanding{}, err
			}
			return hear(s), nil
		},
	}
}

func read(facts []byte) (s smaregi.Standing, err error) {
	if facts == nil {
		return s, nil
	}
	if err := json.Unmarshal(facts, &s); err != nil {
		return s, &engawa.Error{Code: engawa.CodeConflict, Message: "how this contract stood cannot be read", Remedy: "restore its subscription from a backup", Err: err}
	}
	return s, nil
}

func (p place) standing(s smaregi.Standing, same bool) store.ContractStanding {
	facts, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts and a number
	}
	return store.ContractStanding{Same: same, Subscription: s.Subscription(p.account.Environment), Facts: facts, Key: s.Key(), Doubt: string(s.Doubt)}
}

// Step reads the lists that are due, one after another: other nodes take those that
// wait. What fails is asked again later.
func (k *Keeper) Step(ctx context.Context) error {
	var errs []error
	for {
		r, due, err := k.Store.DueReading(ctx, smaregi.Kind.Name)
		if err != nil || !due {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, k.reading(ctx, r))
	}
}

// reading reads one list, and keeps when it is read next.
func (k *Keeper) reading(ctx context.Context, r store.Reading) error {
	a, err := k.Store.Account(ctx, r.Workspace, r.Account)
	if err != nil {
		return err
	}
	s, err := smaregi.Kind.Check(a.Settings)
	list := smaregi.OpenList(s, k.HTTP)
	now := time.Now().UTC()
	if err != nil || list == nil {
		return k.Store.Read(ctx, r, now.Add(later)) // what is wrong with settings was said when they were saved
	}
	again, err := k.settle(ctx, a, list, r)
	if again > 0 { // it was read to its end
		r.ReadAt, r.Failures = now, 0
		return errors.Join(err, k.Store.Read(ctx, r, time.Now().Add(again)))
	}
	refused, ok := errors.AsType[*smaregi.RefusedError](err)
	if !ok {
		return err
	}
	r.Failures++
	wait := max(soon, refused.After)
	if refused.Err.Field != "" {
		wait = later
	}
	if refused.Err.Field != "" || r.Failures >= mostSilent {
		err = k.Store.Raise(ctx, engawa.Task{
			Workspace: a.Workspace, Kind: taskList, Ref: a.ID, Args: map[string]string{"account": a.Name, "status": strconv.Itoa(refused.Status)},
		})
	} else {
		err = nil
	}
	return errors.Join(err, k.Store.Read(ctx, r, time.Now().Add(wait)))
}

// batch is how many findings are kept in one transaction.
const batch = 100

// settle reads a list and keeps what it says otherwise than the notices. It returns
// how long until it is to be read again; 0: it was not read to its end. Contracts that
// cannot be kept are an error beside that, and do not stop the rest.
func (k *Keeper) settle(ctx context.Context, a engawa.Account, list *smaregi.List, r store.Reading) (again time.Duration, err error) {
	p, err := k.place(ctx, a)
	if err != nil {
		return 0, err
	}
	// First what we know, then what they say: a notice in between is newer than both,
	// and what is found of its contract counts for nothing.
	kept, err := k.Store.Contracts(ctx, a.Workspace, a.ID, whose)
	if err != nil {
		return 0, err
	}
	known, unread := map[string]smaregi.Standing{}, map[string]bool{}
	var errs []error
	for _, c := range kept {
		contract := whose(c.Subject).Value
		s, err := read(c.Facts)
		if err != nil {
			unread[contract], errs = true, append(errs, fmt.Errorf("subscription %s: %w", c.Subscription, err))
			continue
		}
		known[contract] = s
	}
	began := time.Now().UTC()
	items, err := list.Items(ctx)
	if err != nil {
		return 0, errors.Join(append(errs, err)...)
	}
	items = slices.DeleteFunc(items, func(i smaregi.Item) bool { return unread[i.Contract] })
	now := time.Now().UTC()
	findings := Compare(known, items, began, now)
	again, errs = every, append(errs, k.keepFound(ctx, p, findings, now, !r.ReadAt.IsZero()))
	if slices.ContainsFunc(findings, func(f Finding) bool { return !f.AbsentAt.IsZero() }) {
		again = soon
	}
	_, err = k.Store.HearContracts(ctx, a.Workspace, a.ID, nil, nil, store.Closing{Kind: taskList, Ref: a.ID})
	if err = errors.Join(append(errs, err)...); err != nil {
		again = min(again, later)
	}
	return again, err
}

// mostTold is how many contracts that cannot be kept are told of after one reading.
const mostTold = 20

// mostRefused is how many in a row the database may refuse before it counts as gone.
const mostRefused = 3

// keepFound keeps findings, a batch in a transaction; where one cannot be kept, the
// batch's one by one. Where the database takes nothing any more it ends. What is fresh
// is a gap, but for the first list: nobody listened before.
func (k *Keeper) keepFound(ctx context.Context, p place, findings []Finding, now time.Time, gap bool) error {
	ids := make([]string, len(findings)) // of one moment, and sorting as they were found
	for i := range ids {
		ids[i] = engawa.NewOrderedID(engawa.PrefixEvent, now)
	}
	slices.Sort(ids)
	cs := make([]store.Contracted, len(findings))
	for i, f := range findings {
		var err error
		if cs[i], err = p.found(f, ids[i], now); err != nil {
			return err
		}
	}
	var raise func(int) engawa.Task
	fresh := 0
	if gap {
		raise = func(n int) engawa.Task {
			return engawa.Task{Workspace: p.account.Workspace, Kind: taskGap, Ref: p.account.ID, Args: map[string]string{"account": p.account.Name, "n": strconv.Itoa(fresh + n)}}
		}
	}
	keep := func(some []store.Contracted) error {
		n, err := k.Store.HearContracts(ctx, p.account.Workspace, p.account.ID, some, raise)
		fresh += n
		return err
	}
	var errs []error
	bad, refused := 0, 0
	for some := range slices.Chunk(cs, batch) {
		err := keep(some)
		if err == nil {
			continue
		}
		for one := range slices.Chunk(some, 1) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			err := keep(one)
			if err == nil {
				refused = 0
				continue
			}
			if bad++; bad <= mostTold {
				errs = append(errs, err)
			}
			if engawa.CodeOf(err) != engawa.CodeUnavailable {
				continue
			}
			if refused++; refused == mostRefused {
				return errors.Join(errs...)
			}
		}
	}
	if bad > mostTold {
		errs = append(errs, fmt.Errorf("and %d more cannot be kept", bad-mostTold))
	}
	return errors.Join(errs...)
}

// whose is the contract that an event is about.
func whose(subject string) engawa.Identity {
	return smaregi.Identity(strings.TrimPrefix(subject, smaregi.ContractKind+":"))
}

// found is a finding as it is kept, with the id of its event if it is one.
func (p place) found(f Finding, id string, now time.Time) (store.Contracted, error) {
	e := engawa.Event{Workspace: p.account.Workspace, Account: p.account.ID}
	if f.Action != "" {
		var err error
		if e, err = smaregi.Event(f.word(), p.app); err != nil {
			return store.Contracted{}, err
		}
		e.Workspace, e.Account, e.ID, e.ReceivedAt, e.OccurredAt = p.account.Workspace, p.account.ID, id, now, now
	}
	c := p.contracted(e, f.Contract, f.Name, func(s smaregi.Standing) store.ContractStanding {
		if s.Words != f.Words {
			return store.ContractStanding{Skip: true}
		}
		next := f.settled(s)
		return p.standing(next, next == s)
	})
	if !f.AbsentAt.IsZero() {
		return c, nil
	}
	c.Shared = &store.SharedAddress{
		Mail: f.Mail, Verified: p.account.Settings["trust_email"] == "true", Controller: p.controller(),
		Evidence: engawa.Evidence{Where: "Smaregi, My Page: the app's page of purchase", How: "checkbox", Version: "unseen", Locale: engawa.Japanese},
	}
	return c, nil
}

// controller is with whom an address is shared: the partner whose app it is.
func (p place) controller() string {
	if p.app.Partner != "" {
		return p.app.Partner
	}
	return engawa.ControllerWorkspace
}
