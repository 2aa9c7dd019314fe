// Package phone is what an app on a customer's device may ask: it shows what the
// App Store signed for it, and is then let in as that customer for a day. There is
// no other sign-in.
package phone

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/inapp"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// Door lets apps in. Its exported fields are set once; it is safe for several
// goroutines.
type Door struct {
	Store  *store.Store
	Vault  *vault.Vault
	Follow *follow.Follower
	HTTP   *http.Client // to look whether certificates were revoked

	mu   sync.Mutex
	open map[string]opened // by account
}

type opened struct {
	version int64
	account *appstore.Account
}

// Life is how long a session lasts.
const Life = 24 * time.Hour

// Session is a customer's app that was let in.
type Session struct {
	Workspace string
	Key       string // the app key's id
	App       string
	Account   string // of the App Store
	Customer  string
	EndsAt    time.Time
}

// Proof is what an app shows.
type Proof struct {
	Transactions   []string // JWS, as StoreKit gives them
	AppTransaction string   // JWS; may be empty where there is a transaction
	Device         string   // AppStore.deviceVerificationID
}

// MaxShown is how many transactions are taken in one call.
const MaxShown = 50

// Entered is what showing what the App Store signed comes to.
type Entered struct {
	Session                  // Customer is empty: nobody was let in
	Shown   []purchase.State // the purchases that were shown, as they stand now
}

// Enter takes what the App Store signed and keeps the purchases. It lets the customer
// in whom what names this device names; copies that name none let nobody in
// (docs/decisions/0016). The same shown again changes nothing. The error is an
// *engawa.Error as of appstore.Account.Transaction, before anything was taken.
func (d *Door) Enter(ctx context.Context, workspace, app, key string, p Proof) (Entered, error) {
	if len(p.Transactions) == 0 && p.AppTransaction == "" {
		return Entered{}, engawa.Invalid("/transactions", "send a transaction's jwsRepresentation, or the app transaction's", "nothing that the App Store signed was sent")
	}
	accounts, err := d.accounts(ctx, workspace, app)
	if err != nil {
		return Entered{}, err
	}
	var refused error
	for _, a := range accounts {
		proved, err := d.prove(a, p)
		if e, ok := errors.AsType[*appstore.Error](err); ok && (e.Class == appstore.ClassEnvironment || e.Class == appstore.ClassApp) {
			refused = cmp.Or(refused, err)
			continue // perhaps another account's
		}
		if err != nil {
			return Entered{}, err
		}
		in := Entered{Session: Session{Workspace: workspace, Key: key, App: app, Account: a.ID, EndsAt: time.Now().Add(Life).UTC().Truncate(time.Second)}}
		if in.Customer, in.Shown, err = d.keep(ctx, a, proved); err == nil && in.Customer != "" {
			err = d.reach(ctx, in.Session)
		}
		return in, err
	}
	return Entered{}, refused
}

// accounts are the App Store accounts of an app that are switched on.
func (d *Door) accounts(ctx context.Context, workspace, app string) ([]engawa.Account, error) {
	all, err := d.Store.Accounts(ctx, workspace)
	all = slices.DeleteFunc(all, func(a engawa.Account) bool { return a.Kind != follow.Kind || a.Settings["app"] != app || !a.Enabled })
	if err == nil && len(all) == 0 {
		err = &engawa.Error{Code: engawa.CodeConflict, Message: "no App Store account is connected for this app", Remedy: "enter the app's id on the App Store account's page, and switch the account on"}
	}
	return all, err
}

// proved is what the App Store did sign.
type proved struct {
	app    *appstore.AppTransaction // that names the device; nil: none does
	here   []purchase.Report        // of transactions that name the device
	copies []purchase.Report        // of those that name none
}

func (d *Door) prove(a engawa.Account, p Proof) (out proved, err error) {
	with, err := d.account(a)
	if err != nil {
		return out, err
	}
	if p.AppTransaction != "" {
		app, here, err := with.AppTransaction(p.AppTransaction, p.Device)
		if err != nil {
			return out, err
		}
		if here {
			out.app = app
		}
	}
	for _, signed := range p.Transactions {
		t, here, err := with.Transaction(signed, p.Device)
		if err != nil {
			return out, err
		}
		if out.app != nil && t.AppTransactionID != "" && out.app.AppTransactionID != "" && t.AppTransactionID != out.app.AppTransactionID {
			return out, &engawa.Error{Code: engawa.CodeUnverified, Field: "/transactions", Message: "the transactions are of different customers of the store", Remedy: "send those of the customer who is signed in at the store"}
		}
		if here {
			out.here = append(out.here, purchase.OfTransaction(t))
		} else {
			out.copies = append(out.copies, purchase.OfTransaction(t))
		}
	}
	if out.app == nil && len(out.here)+len(out.copies) == 0 {
		return out, &engawa.Error{
			Code: engawa.CodeUnverified, Field: "/app_transaction", Message: "this app transaction names no device, so that anybody may have a copy",
			Remedy: "send AppTransaction.shared's jwsRepresentation as StoreKit hands it out on the device, with AppStore.deviceVerificationID",
		}
	}
	return out, nil
}

// account opens an account, and keeps it open while its settings stand.
func (d *Door) account(a engawa.Account) (*appstore.Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o, ok := d.open[a.ID]; ok && o.version == a.Version {
		return o.account, nil
	}
	with, err := appstore.OpenAccount(a.Settings, d.HTTP)
	if err != nil {
		return nil, err
	}
	if d.open == nil {
		d.open = map[string]opened{}
	}
	d.open[a.ID] = opened{a.Version, with}
	return with, nil
}

// keep folds the purchases and returns whose device this is; empty: of nobody who is
// known by something that names it. Of one who was erased and shows a device, the
// purchase begins anew: the customer came back. A copy brings nobody back.
func (d *Door) keep(ctx context.Context, a engawa.Account, p proved) (customer string, shown []purchase.State, err error) {
	here, err := d.Follow.Save(ctx, a, follow.How{Back: true}, p.here...)
	if err != nil {
		return "", nil, err
	}
	copies, err := d.Follow.Save(ctx, a, follow.How{}, p.copies...)
	if err != nil {
		return "", nil, err
	}
	for _, kept := range append(here, copies...) {
		if kept.Facts == nil {
			continue // an erased customer's
		}
		state, err := follow.State(kept.Facts)
		if err != nil {
			return "", nil, err
		}
		shown = append(shown, state)
	}
	switch {
	case len(here) > 0:
		customer = here[len(here)-1].Customer
	case p.app != nil:
		customer, err = d.installed(ctx, a, p.app)
	}
	return customer, shown, err
}

// installed finds or makes the customer who has the app and bought nothing in it.
func (d *Door) installed(ctx context.Context, a engawa.Account, t *appstore.AppTransaction) (string, error) {
	if t.AppTransactionID == "" {
		return "", engawa.Invalid("/app_transaction", "build the app with Xcode 16 or later, or send a transaction", "this app transaction has no appTransactionId, which names the customer")
	}
	id := engawa.Identity{Issuer: appstore.Issuer, Kind: appstore.KindAppTransaction, Value: t.AppTransactionID}
	customer, err := d.Store.CustomerBy(ctx, a.Workspace, id)
	if err != nil || customer != "" {
		return customer, err
	}
	w, err := d.Store.Workspace(ctx, a.Workspace)
	if err != nil {
		return "", err
	}
	c := engawa.Customer{Workspace: a.Workspace, ID: engawa.NewID(engawa.PrefixCustomer), Kind: "person", Locale: w.Locale, CreatedAt: time.Now().UTC()}
	err = d.Store.AddCustomer(ctx, store.NewCustomer{Customer: c, Identities: []engawa.Identity{id}})
	if engawa.CodeOf(err) == engawa.CodeConflict {
		return d.Store.CustomerBy(ctx, a.Workspace, id) // another call of the same app was first
	}
	return c.ID, err
}

// reach makes the customer reachable in the app, where messages can be shown there.
func (d *Door) reach(ctx context.Context, s Session) error {
	accounts, err := d.Store.Accounts(ctx, s.Workspace)
	if err != nil || !slices.ContainsFunc(accounts, func(a engawa.Account) bool { return a.Kind == inapp.Kind.Name && a.Settings["app"] == s.App }) {
		return err
	}
	points, err := d.Store.ContactPoints(ctx, s.Workspace, s.Customer)
	if err != nil || slices.ContainsFunc(points, func(p engawa.ContactPoint) bool {
		return p.Kind == inapp.Kind.Name && strings.HasPrefix(p.Address.Reveal(), s.App+"/")
	}) {
		return err
	}
	now := time.Now().UTC()
	return d.Store.AddContactPoint(ctx, engawa.ContactPoint{
		Workspace: s.Workspace, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: s.Customer, Kind: inapp.Kind.Name, Address: inapp.Address(s.App, s.Customer), VerifiedAt: now, CreatedAt: now,
	})
}

// Note is a message that is shown in the app.
type Note struct {
	store.InApp
	channel.Shown
}

// Keep keeps a message for an app: what a channel.Env shows with.
func Keep(st *store.Store) func(context.Context, channel.Shown) error {
	return func(ctx context.Context, s channel.Shown) error {
		body, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("write a message for the app: %w", err)
		}
		return st.KeepInApp(ctx, s.Workspace, s.Delivery, s.App, body)
	}
}

// Notes are the messages that the app shows, the latest first. They count as
// delivered from now on.
func (d *Door) Notes(ctx context.Context, s Session) (notes []Note, err error) {
	all, err := d.Store.FetchInApp(ctx, s.Workspace, s.App, s.Customer)
	for _, x := range all {
		n := Note{InApp: x}
		if err := json.Unmarshal(x.Body, &n.Shown); err != nil {
			return nil, fmt.Errorf("read a message of the app: %w", err)
		}
		notes = append(notes, n)
	}
	return notes, err
}

// purpose of the tokens of sessions.
const tokenPurpose = "phone session"

// Token is a session as the app keeps it: sealed, so that it shows nothing.
func (d *Door) Token(s Session) string {
	body, err := json.Marshal([]string{s.Workspace, s.Key, s.App, s.Account, s.Customer})
	if err != nil {
		panic("phone: " + err.Error()) // strings always marshal
	}
	return d.Vault.Token(tokenPurpose, body, s.EndsAt)
}

// Session opens the token that a key's app sent. It is CodeUnauthorized for one
// that has ended, is another key's, or whose customer is no more.
func (d *Door) Session(ctx context.Context, workspace, app, key, token string) (Session, error) {
	body, err := d.Vault.OpenToken(tokenPurpose, token, time.Now())
	if err != nil {
		return Session{}, ended(err)
	}
	var f []string
	if err := json.Unmarshal(body, &f); err != nil || len(f) != 5 || f[0] != workspace || f[1] != key || f[2] != app {
		return Session{}, ended(err)
	}
	s := Session{Workspace: f[0], Key: f[1], App: f[2], Account: f[3], Customer: f[4]}
	for range 3 { // a merger of a merger
		c, err := d.Store.Customer(ctx, workspace, s.Customer)
		switch {
		case err != nil:
			return s, fmt.Errorf("open a session: %w", err)
		case c.Erased:
			return s, ended(nil)
		case c.MergedInto == "":
			return s, nil
		}
		s.Customer = c.MergedInto
	}
	return s, ended(nil)
}

func ended(err error) error {
	return &engawa.Error{
		Code: engawa.CodeUnauthorized, Message: "the session has ended, or is not this app's",
		Remedy: "post the transactions again to /v1/app/transactions, and send the session that it answers", Err: err,
	}
}

// Bought is what a customer bought in the app: each purchase's facts.
func (d *Door) Bought(ctx context.Context, s Session) (all []purchase.State, err error) {
	ps, err := d.Store.PurchasesOf(ctx, s.Workspace, s.Customer)
	for _, p := range ps {
		if err != nil || p.Account != s.Account || p.Facts == nil {
			continue
		}
		var state purchase.State
		state, err = follow.State(p.Facts)
		all = append(all, state)
	}
	return all, err
}

// RefundDays is how old a purchase may be for which the app should offer to ask
// for a refund. The App Store says no number; its own page lists purchases of the
// last 90 days (reportaproblem.apple.com).
const RefundDays = 90

// Line is one payment of a customer's history.
type Line struct {
	purchase.Period
	Original   string
	Refundable bool
	Refunded   bool
}

// History are a customer's payments, the latest first.
func History(all []purchase.State, now time.Time) (lines []Line) {
	for _, s := range all {
		for _, said := range s.Periods {
			p := said.What
			l := Line{Period: p, Original: s.OriginalTransactionID, Refunded: p.RevokedAt != 0}
			l.Refundable = !l.Refunded && !p.Shared && p.Price > 0 && now.Sub(p.PurchasedAt.Time()) < RefundDays*24*time.Hour
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(b.PurchasedAt, a.PurchasedAt), strings.Compare(b.TransactionID, a.TransactionID))
	})
	return lines
}

// Reason is the event of a customer who says why a subscription is canceled, in the
// environment of the session's account. Its key has the day, so that what is sent again
// that day is no second one.
func Reason(s Session, environment, reason, text, product string, now time.Time) (engawa.Event, error) {
	data, err := json.Marshal(struct {
		Reason      string            `json:"reason"`
		Text        string            `json:"text,omitempty"`
		Product     string            `json:"product_id,omitempty"`
		Environment string            `json:"environment"`
		App         map[string]string `json:"app"`
	}{reason, text, product, environment, map[string]string{"id": s.App}})
	if err != nil {
		return engawa.Event{}, fmt.Errorf("write a reason: %w", err)
	}
	now = now.UTC().Truncate(time.Microsecond)
	return engawa.Event{
		Workspace: s.Workspace, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: s.Account, Type: "app.cancel_reason", Customer: s.Customer,
		DedupKey: strings.Join([]string{"cancel_reason", s.Customer, product, reason, now.Format(time.DateOnly)}, " "), OccurredAt: now, ReceivedAt: now, Data: data,
	}, nil
}
