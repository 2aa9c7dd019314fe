package api

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
)

type findIn struct {
	Body struct {
		Text     string           `json:"text,omitempty" minLength:"1" maxLength:"200" example:"MK4TTT1234" doc:"Whatever the customer can name: an order id of the App Store, a transaction id, an app account token, a handle, a mail address, a member number, the first letters of a name"`
		Ask      bool             `json:"ask,omitempty" doc:"With text: ask the App Store for an order, or for a transaction that is not known here; asks for the scope store:act"`
		Identity *intake.Identity `json:"identity,omitempty" doc:"Or text, or address"`
		Address  *struct {
			Kind    string `json:"kind" maxLength:"64" example:"mail"`
			Address string `json:"address" maxLength:"512"`
		} `json:"address,omitempty" doc:"Or text, or identity"`
	}
}

type foundBy struct {
	Customer string `json:"customer"`
	By       string `json:"by" enum:"id,handle,mail,identity,transaction,order,name,address"`
	Issuer   string `json:"issuer,omitempty" doc:"Of an identity"`
	Kind     string `json:"kind,omitempty" doc:"Of an identity"`
}

type storeAsked struct {
	Account string `json:"account"`
	As      string `json:"as" enum:"order,transaction"`
	Outcome string `json:"outcome" enum:"found,none,no_orders,failed" doc:"no_orders: the sandbox cannot look orders up"`
	Detail  string `json:"detail,omitempty" doc:"Why it failed"`
}

type customersFound struct {
	Customers []customerOut `json:"customers" doc:"50 at most for a text, 200 for an address"`
	Found     []foundBy     `json:"found" doc:"By what each was found, in the same order"`
	More      bool          `json:"more" doc:"There are others; a longer text finds fewer"`
	LookedAs  []string      `json:"looked_as" doc:"What the text was looked for as"`
	Asked     []storeAsked  `json:"asked" doc:"Accounts of the App Store that were asked"`
}

// findCustomers looks somebody up; what is looked for is in the body, since URLs
// are written into logs on the way.
func (a *API) findCustomers(ctx context.Context, c *call, in *findIn) (customersFound, error) {
	out := nobody()
	b := in.Body
	switch {
	case b.Text != "" && b.Identity == nil && b.Address == nil:
		return a.findText(ctx, c, b.Text, b.Ask)
	case b.Identity != nil && b.Text == "" && b.Address == nil:
		id, err := a.Store.CustomerBy(ctx, c.workspace, identityOf(*b.Identity))
		if err != nil || id == "" {
			return out, err
		}
		err = a.foundIDs(ctx, c, &out, foundBy{By: string(store.ByIdentity), Issuer: b.Identity.Issuer, Kind: b.Identity.Kind}, id)
		return out, err
	case b.Address != nil && b.Text == "" && b.Identity == nil:
		ids, err := a.Store.CustomerByAddress(ctx, c.workspace, b.Address.Kind, engawa.Address(strings.TrimSpace(b.Address.Address)))
		if err != nil {
			return out, err
		}
		err = a.foundIDs(ctx, c, &out, foundBy{By: "address"}, ids...)
		return out, err
	}
	return out, engawa.Invalid("", "send a text, an identity, or an address", "exactly one of text, identity and address is expected")
}

// nobody is an answer that names nobody yet.
func nobody() customersFound {
	return customersFound{Customers: []customerOut{}, Found: []foundBy{}, LookedAs: []string{}, Asked: []storeAsked{}}
}

// add names one more.
func (f *customersFound) add(cu engawa.Customer, by foundBy) {
	by.Customer = cu.ID
	f.Customers, f.Found = append(f.Customers, showCustomer(cu)), append(f.Found, by)
}

func (a *API) foundIDs(ctx context.Context, c *call, out *customersFound, by foundBy, ids ...string) error {
	for _, id := range ids {
		cu, err := a.Store.Customer(ctx, c.workspace, id)
		if err != nil {
			return err
		}
		out.add(cu, by)
	}
	return nil
}

func (a *API) findText(ctx context.Context, c *call, text string, ask bool) (customersFound, error) {
	out := nobody()
	if ask {
		if err := c.who.Require(access.StoreAct); err != nil {
			return out, err
		}
	}
	f, err := a.Desk.Find(ctx, c.workspace, text, ask)
	if err != nil {
		return out, err
	}
	out.More = f.More
	for _, form := range f.Forms {
		out.LookedAs = append(out.LookedAs, string(form))
	}
	for _, h := range f.Hits {
		out.add(h.Customer, foundBy{By: string(h.By), Issuer: h.Issuer, Kind: h.Kind})
	}
	for i, asked := range f.Asked {
		said := storeAsked{Account: asked.Account.ID, As: string(asked.As), Outcome: "none"}
		switch {
		case asked.Sandbox:
			said.Outcome = "no_orders"
		case asked.Err != nil:
			said.Outcome, said.Detail = "failed", clip(plainly(asked.Err), 300)
		case len(f.Hits) > 0 && i == len(f.Asked)-1:
			said.Outcome = "found"
		}
		out.Asked = append(out.Asked, said)
	}
	return out, nil
}

type noteIn struct {
	One
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"4000"`
	}
}

type noteOut struct {
	ID        string    `json:"id"`
	Customer  string    `json:"customer"`
	Author    string    `json:"author"`
	Text      string    `json:"text" doc:"Empty after an erasure"`
	CreatedAt time.Time `json:"created_at"`
}

func showNote(n engawa.Note) noteOut {
	return noteOut{n.ID, n.Customer, n.Author, n.Text, n.CreatedAt.UTC()}
}

func (a *API) addNote(ctx context.Context, c *call, in *noteIn) (noteOut, error) {
	if strings.TrimSpace(in.Body.Text) == "" || !utf8.ValidString(in.Body.Text) {
		return noteOut{}, engawa.Invalid("/text", "write what is to be remembered", "the note is empty")
	}
	n := engawa.Note{Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixNote), Customer: in.ID, Author: c.actor(), Text: in.Body.Text, CreatedAt: time.Now().UTC()}
	return showNote(n), c.store.AddNote(ctx, n)
}

type noteList struct {
	Notes []noteOut `json:"notes" doc:"Newest first"`
	Next  string    `json:"next"`
}

type ofCustomer struct {
	One
	Paging
}

func (a *API) listNotes(ctx context.Context, c *call, in *ofCustomer) (noteList, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return noteList{}, err
	}
	p, err := in.page(engawa.PrefixNote)
	if err != nil {
		return noteList{}, err
	}
	all, err := a.Store.Notes(ctx, c.workspace, in.ID, p)
	out := noteList{Notes: shown(all, showNote)}
	if len(all) > 0 {
		last := all[len(all)-1]
		out.Next = in.next(len(all), last.CreatedAt, last.ID)
	}
	return out, err
}

type extendLimits struct {
	Possible bool       `json:"possible" doc:"By what the hub knows; the App Store has the last word"`
	Left     int        `json:"left" doc:"Of two in 365 days"`
	Why      string     `json:"why,omitempty" doc:"Why not" enum:"erased,not_renewing,shared,not_paid,free_offer,under_way,none_left"`
	Again    *time.Time `json:"again,omitempty" doc:"Where none is left: when the next may be"`
	Open     string     `json:"open,omitempty" doc:"Of under_way: the extension whose outcome is not known"`
}

type purchaseOut struct {
	ID                string       `json:"id"`
	Customer          string       `json:"customer"`
	Account           string       `json:"account"`
	App               string       `json:"app"`
	Environment       string       `json:"environment" enum:"production,sandbox"`
	Kind              string       `json:"kind" enum:"auto_renewable_subscription,non_renewing_subscription,consumable,non_consumable"`
	Product           string       `json:"product" doc:"The store's id of it"`
	Group             string       `json:"group,omitempty"`
	State             string       `json:"state" doc:"Now, of a subscription: active, billing_grace_period, billing_retry, expired, revoked; of the rest: owned, ended, revoked"`
	Entitled          bool         `json:"entitled" doc:"It gives access now"`
	Until             *time.Time   `json:"until" doc:"Of the access; null: no end is known"`
	Overdue           bool         `json:"overdue,omitempty" doc:"The store should have spoken by now"`
	Canceled          bool         `json:"canceled,omitempty" doc:"Paid, and ends at until"`
	RenewsAt          *time.Time   `json:"renews_at,omitempty"`
	NextProduct       string       `json:"next_product,omitempty" doc:"What it changes to at the renewal"`
	EndedAt           *time.Time   `json:"ended_at,omitempty"`
	Reason            string       `json:"reason,omitempty" doc:"Why it ended: canceled, billing, price_increase, product_unavailable, other, refunded, share_ended"`
	RetryUntil        *time.Time   `json:"retry_until,omitempty" doc:"The store tries to collect the payment until then"`
	CountKeptUntil    *time.Time   `json:"count_kept_until,omitempty" doc:"A return until then keeps the year's count"`
	PriceConsent      string       `json:"price_consent,omitempty" doc:"Of a price increase, until the subscription ends: pending or agreed"`
	Offer             string       `json:"offer,omitempty" doc:"That the present price came from"`
	Shared            bool         `json:"shared,omitempty" doc:"Bought by a member of the customer's family"`
	Storefront        string       `json:"storefront"`
	BoughtAt          *time.Time   `json:"bought_at"`
	HeardAt           *time.Time   `json:"heard_at" doc:"When the store said what it last said"`
	OriginalID        string       `json:"original_transaction_id,omitempty"`
	LatestTransaction string       `json:"transaction_id,omitempty" doc:"The latest"`
	Extension         extendLimits `json:"extension" doc:"Whether its renewal date can be moved"`
}

func showPurchase(o desk.Owned, l desk.Limits, now time.Time) purchaseOut {
	out := purchaseOut{
		ID: o.ID, Customer: o.Customer, Account: o.Account, App: o.App, Environment: o.Environment, Kind: o.Kind, Product: o.Product, Group: o.Group, State: string(o.Purchase.State),
		Shared: o.Shared, Storefront: o.Storefront, BoughtAt: utc(o.BoughtAt), HeardAt: utc(o.HeardAt),
		Extension: extendLimits{l.Why == "", l.Left, string(l.Why), utc(l.Again), l.Open},
	}
	if o.Facts == nil {
		return out
	}
	v, state := o.Stands(now)
	out.State, out.Entitled, out.Until, out.Overdue, out.Canceled = string(state), v.Entitled, utc(v.Until), v.Overdue, v.Canceled
	out.RenewsAt, out.NextProduct, out.EndedAt, out.Reason = utc(v.RenewsAt), v.Pending, utc(v.EndedAt), string(v.Reason)
	out.RetryUntil, out.CountKeptUntil, out.PriceConsent, out.Offer = utc(v.RetryUntil), utc(v.CountKeptUntil), string(v.PriceConsent), v.Offer.ID
	out.OriginalID, out.LatestTransaction = o.State.OriginalTransactionID, v.TransactionID
	return out
}

// owned loads a customer's purchases with what may be done with them.
func (a *API) owned(ctx context.Context, c *call, customer string) ([]purchaseOut, error) {
	ps, err := a.Store.PurchasesOf(ctx, c.workspace, customer)
	if err != nil {
		return nil, err
	}
	all, err := desk.Own(ps)
	if err != nil {
		return nil, err
	}
	asked, err := a.Store.Extensions(ctx, c.workspace, customer, store.Page{Limit: 200})
	now := time.Now()
	out := make([]purchaseOut, len(all))
	for i, o := range all {
		out[i] = showPurchase(o, desk.LimitsOf(o.ID, all, asked, now), now)
	}
	return out, err
}

type purchaseList struct {
	Purchases []purchaseOut `json:"purchases" doc:"The latest first"`
	Next      string        `json:"next"`
}

func (a *API) listPurchases(ctx context.Context, c *call, in *ofCustomer) (purchaseList, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return purchaseList{}, err
	}
	all, err := a.owned(ctx, c, in.ID)
	rows, next, err := part(in.Paging, engawa.PrefixPurchase, all, err, func(p purchaseOut) string { return p.ID }, func(p purchaseOut) purchaseOut { return p })
	return purchaseList{rows, next}, err
}

func (a *API) getPurchase(ctx context.Context, c *call, in *One) (purchaseOut, error) {
	p, err := a.Store.Purchase(ctx, c.workspace, in.ID)
	if err != nil {
		return purchaseOut{}, err
	}
	all, err := a.owned(ctx, c, p.Customer)
	if err != nil {
		return purchaseOut{}, err
	}
	i := slices.IndexFunc(all, func(o purchaseOut) bool { return o.ID == in.ID })
	if i < 0 { // it was given to somebody else this moment
		return purchaseOut{}, engawa.NotFound("purchase")
	}
	return all[i], nil
}

type entitlementOut struct {
	Name    string     `json:"name" doc:"What is open, as /v1/products names it; else the product's id"`
	Until   *time.Time `json:"until" doc:"null: no end is known"`
	Product string     `json:"product" doc:"By which"`
	Shared  bool       `json:"shared,omitempty" doc:"By the family"`
	Units   int64      `json:"units,omitempty" doc:"Of a consumable: bought and not taken back"`
}

type entitlementsIn struct {
	One
	Environment string `query:"environment" enum:"production,sandbox" default:"production" doc:"sandbox: what testers and App Review bought there opens, which nobody paid for"`
}

type entitlementList struct {
	Environment  string           `json:"environment" enum:"production,sandbox" doc:"Of whose purchases alone"`
	Entitlements []entitlementOut `json:"entitlements" doc:"What is open to the customer now, by name"`
}

func (a *API) getEntitlements(ctx context.Context, c *call, in *entitlementsIn) (entitlementList, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return entitlementList{}, err
	}
	ps, err := a.Store.PurchasesOf(ctx, c.workspace, in.ID)
	if err != nil {
		return entitlementList{}, err
	}
	bought, err := follow.States(ps, in.Environment)
	if err != nil {
		return entitlementList{}, err
	}
	open, err := a.entitled(ctx, c.workspace, bought)
	return entitlementList{in.Environment, shown(open, func(e purchase.Entitlement) entitlementOut {
		return entitlementOut{e.Name, utc(e.Until), e.ProductID, e.Shared, e.Units}
	})}, err
}

type extendIn struct {
	One
	Body struct {
		Days   int    `json:"days" minimum:"1" maximum:"90"`
		Reason string `json:"reason" enum:"undeclared,customer_satisfaction,other,service_issue" doc:"As Apple is told"`
	}
}

// extendReasons are the App Store's numbers by their names here.
var extendReasons = []string{"undeclared", "customer_satisfaction", "other", "service_issue"}

func reasonOf(name string) appstore.ExtendReason {
	for i, n := range extendReasons {
		if n == name {
			return appstore.ExtendReason(i)
		}
	}
	return -1
}

type extensionOut struct {
	ID          string     `json:"id"`
	State       string     `json:"state" enum:"waiting,asking,running,done,refused,unknown,undone" doc:"unknown: no clear answer came; it is looked up, and not asked for again"`
	Account     string     `json:"account"`
	Customer    string     `json:"customer,omitempty" doc:"Empty: of all subscribers"`
	Purchase    string     `json:"purchase,omitempty"`
	Product     string     `json:"product"`
	Storefronts []string   `json:"storefronts" doc:"Empty: all"`
	Days        int        `json:"days"`
	Reason      string     `json:"reason"`
	RequestID   string     `json:"request_id" doc:"Under which the App Store knows it"`
	Code        int64      `json:"code,omitempty" doc:"The App Store's, of a refusal"`
	Why         string     `json:"why,omitempty" doc:"Of a refusal by the hub, which asked nobody: as extension.why of a purchase"`
	Detail      string     `json:"detail,omitempty" doc:"What code or why means, in the language of Accept-Language"`
	Concerned   int64      `json:"concerned,omitempty" doc:"Of all: whom it concerned, by what the hub knew"`
	Succeeded   int64      `json:"succeeded,omitempty"`
	Failed      int64      `json:"failed,omitempty" doc:"Each is a task"`
	EndsAt      *time.Time `json:"ends_at,omitempty" doc:"The new end"`
	Actor       string     `json:"actor"`
	CreatedAt   time.Time  `json:"created_at"`
	DoneAt      *time.Time `json:"done_at"`
}

func (a *API) showExtension(c *call, x engawa.Extension) extensionOut {
	out := extensionOut{
		ID: x.ID, State: string(x.State), Account: x.Account, Customer: x.Customer, Purchase: x.Purchase, Product: x.Product, Storefronts: append([]string{}, x.Storefronts...),
		Days: x.Days, Reason: extendReasons[x.Reason&3], RequestID: x.RequestID, Code: x.Code, Why: x.Why, Concerned: x.Concerned, Succeeded: x.Succeeded, Failed: x.Failed,
		EndsAt: utc(x.EndsAt), Actor: x.Actor, CreatedAt: x.CreatedAt.UTC(), DoneAt: utc(x.DoneAt),
	}
	if x.Why != "" {
		out.Detail = a.Words.T(c.locale, "extend.why."+x.Why)
	}
	if x.Code != 0 {
		out.Detail = (&appstore.APIError{Code: x.Code}).Meaning(c.locale)
	}
	return out
}

func (a *API) extendPurchase(ctx context.Context, c *call, in *extendIn) (extensionOut, error) {
	x, err := a.Desk.Extend(ctx, desk.Ask{Workspace: c.workspace, Purchase: in.ID, Days: in.Body.Days, Reason: reasonOf(in.Body.Reason), Actor: c.actor()})
	if err != nil {
		return extensionOut{}, err
	}
	return a.showExtension(c, x), nil
}

type extendAllIn struct {
	Body struct {
		Account     string   `json:"account" maxLength:"64"`
		Product     string   `json:"product" minLength:"1" maxLength:"255"`
		Storefronts []string `json:"storefronts,omitempty" maxItems:"175" maxLength:"3" example:"JPN" doc:"ISO 3166-1 alpha-3; all if empty"`
		Days        int      `json:"days" minimum:"1" maximum:"90"`
		Reason      string   `json:"reason" enum:"undeclared,customer_satisfaction,other,service_issue"`
		RequestID   string   `json:"request_id" maxLength:"36" example:"5c0e3f2a-7a3b-4f0e-9d55-0a3c1b7e9f10" doc:"A UUID that was never used: sent twice it is one extension"`
	}
}

func (a *API) extendAll(ctx context.Context, c *call, in *extendAllIn) (extensionOut, error) {
	b := in.Body
	if _, err := a.Store.Account(ctx, c.workspace, b.Account); err != nil {
		return extensionOut{}, err
	}
	x, err := a.Desk.ExtendAll(ctx, desk.Outage{
		Workspace: c.workspace, Account: b.Account, Product: b.Product, Storefronts: b.Storefronts, Days: b.Days, Reason: reasonOf(b.Reason), RequestID: b.RequestID, Actor: c.actor(),
	})
	if err != nil {
		return extensionOut{}, err
	}
	return a.showExtension(c, x), nil
}

type extensionList struct {
	Extensions []extensionOut `json:"extensions" doc:"Newest first"`
	Next       string         `json:"next"`
}

type extensionsIn struct {
	Paging
	Customer string `query:"customer" maxLength:"64" doc:"Of one customer; if it is not given, those of all subscribers of a product"`
}

func (a *API) listExtensions(ctx context.Context, c *call, in *extensionsIn) (extensionList, error) {
	p, err := in.page(engawa.PrefixExtension)
	if err != nil {
		return extensionList{}, err
	}
	if in.Customer != "" {
		if _, err := a.Store.Customer(ctx, c.workspace, in.Customer); err != nil {
			return extensionList{}, err
		}
	}
	all, err := a.Store.Extensions(ctx, c.workspace, in.Customer, p)
	out := extensionList{Extensions: shown(all, func(x engawa.Extension) extensionOut { return a.showExtension(c, x) })}
	if len(all) > 0 {
		last := all[len(all)-1]
		out.Next = in.next(len(all), last.CreatedAt, last.ID)
	}
	return out, err
}

func (a *API) getExtension(ctx context.Context, c *call, in *One) (extensionOut, error) {
	x, err := a.Store.Extension(ctx, c.workspace, in.ID)
	if err != nil {
		return extensionOut{}, err
	}
	return a.showExtension(c, x), nil
}

// lookExtension asks the App Store what became of an extension.
func (a *API) lookExtension(ctx context.Context, c *call, in *One) (extensionOut, error) {
	x, err := a.Store.Extension(ctx, c.workspace, in.ID)
	if err != nil {
		return extensionOut{}, err
	}
	by := desk.Desk{Store: c.store, Clients: a.Desk.Clients, Follow: a.Desk.Follow}
	if x, err = by.Look(ctx, x); err != nil {
		return extensionOut{}, err
	}
	return a.showExtension(c, x), nil
}

type storyRow struct {
	At        time.Time     `json:"at"`
	Kind      string        `json:"kind" enum:"event,message,ticket,consent,refund,answer,extension,code,note,task"`
	ID        string        `json:"id"`
	Text      string        `json:"text" doc:"In the language of Accept-Language"`
	State     string        `json:"state,omitempty" doc:"Of a message, a ticket, an extension, a code, a task; of a consent, given or withdrawn; of an answer, sent, refused, ignored, withheld or late"`
	SeenAt    *time.Time    `json:"seen_at,omitempty" doc:"Of a message: when the customer saw it in the app"`
	Actor     string        `json:"actor,omitempty" doc:"Who wrote a message, a ticket or a note, answered a refund case, asked for an extension, handed out a code; of an answer, empty: the hub by its rules"`
	Reason    string        `json:"reason,omitempty" doc:"Why the actor did it, as a code"`
	Why       string        `json:"why,omitempty" doc:"Why a message was refused, an extension was refused or an answer was not sent, as a code; of a refused message the first"`
	Explained string        `json:"explained,omitempty" doc:"It in words, in the language of Accept-Language"`
	Refund    string        `json:"refund,omitempty" doc:"Of an answer: the case"`
	Answer    *refundAnswer `json:"answer,omitempty" doc:"What was answered"`
	Offer     string        `json:"offer,omitempty" doc:"Of a code, which is not shown here"`
}

type timelineIn struct {
	One
	Paging
	Kind string `query:"kind" enum:"event,message,ticket,consent,refund,answer,extension,code,note,task" doc:"Rows of one kind alone"`
}

type timeline struct {
	Rows []storyRow `json:"rows" doc:"Newest first"`
	Next string     `json:"next"`
}

// getTimeline shows a page of a customer's story.
func (a *API) getTimeline(ctx context.Context, c *call, in *timelineIn) (timeline, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return timeline{}, err
	}
	p, err := in.page("")
	if err != nil {
		return timeline{}, err
	}
	rows, err := a.Desk.Story(ctx, c.workspace, in.ID, desk.RowKind(in.Kind), p)
	if err != nil {
		return timeline{}, err
	}
	l := lines{a: a, c: c}
	out := timeline{Rows: make([]storyRow, len(rows))}
	for i, r := range rows {
		if out.Rows[i], err = a.showRow(ctx, &l, r); err != nil {
			return timeline{}, err
		}
		out.Next = in.next(len(rows), r.At, r.ID)
	}
	return out, nil
}

func (a *API) showRow(ctx context.Context, l *lines, r desk.Row) (row storyRow, err error) {
	locale := l.c.locale
	row = storyRow{At: r.At.UTC(), Kind: string(r.Kind), ID: r.ID}
	switch r.Kind {
	case desk.RowEvent:
		row.Text, err = l.of(ctx, r.Event)
	case desk.RowMessage, desk.RowTicket:
		m := r.Message.Message
		row.Text, row.State, row.Reason, row.SeenAt = r.Message.Subject, string(m.State), string(m.Reason), utc(r.Message.SeenAt)
		if m.Member != "" {
			row.Actor = "member:" + m.Member
		}
		if len(r.Refused) > 0 {
			row.Why = r.Refused[0].Code
			row.Explained, _ = a.Words.Reason(locale, r.Refused[0])
		}
	case desk.RowConsent:
		row.Text = a.Words.T(locale, "act."+string(r.Consent.Act)) + " · " + a.Words.T(locale, "purpose."+string(r.Consent.Purpose))
		if row.State = "withdrawn"; r.Consent.Given {
			row.State = "given"
		}
	case desk.RowRefund:
		row.Text = a.Words.T(locale, "refund.entry."+string(r.Refund.Kind)) + " · " + r.Product
		if r.Refund.Currency != "" && r.Refund.Amount != 0 {
			row.Text += " · " + decimal(r.Refund.Amount) + " " + r.Refund.Currency
		}
		row.Text += a.tested(locale, r.Environment)
	case desk.RowAnswer:
		row.Text = a.Words.T(locale, "refund.did."+string(r.Answer.What)) + " · " + r.Product + a.tested(locale, r.Environment)
		row.State, row.Actor, row.Reason, row.Refund, row.Answer = string(r.Answer.What), r.Answer.By, string(r.Answer.Reason), r.Case.ID, showAnswer(r.Answer.Answer)
		if row.Why = r.Answer.Why; row.Why != "" {
			row.Explained = a.Words.T(locale, "value.why."+row.Why)
		}
	case desk.RowCode:
		row.Text, row.Offer = a.Words.T(locale, "story.code.line", "offer", r.Code.Offer), r.Code.Offer
		row.State, row.Actor, row.Reason = string(r.Code.State), r.Code.By, string(r.Code.Reason)
	case desk.RowExtension:
		x := a.showExtension(l.c, r.Extension)
		row.Text = a.Words.T(locale, "extend.line", "product", x.Product, "days", x.Days)
		row.State, row.Actor, row.Reason, row.Explained = x.State, x.Actor, x.Reason, x.Detail
		if row.Why = x.Why; x.Code != 0 {
			row.Why = strconv.FormatInt(x.Code, 10)
		}
	case desk.RowNote:
		row.Text, row.Actor = r.Note.Text, r.Note.Author
	case desk.RowTask:
		row.Text, _ = a.Words.For(locale, nil).TaskWords(r.Task)
		row.State = r.Task.State
	}
	return row, err
}

// tested marks what is of the sandbox, behind something else.
func (a *API) tested(l engawa.Locale, environment string) string {
	if environment != engawa.Sandbox {
		return ""
	}
	return " · " + a.Words.T(l, "purchase.sandbox")
}

// plainly is what an error tells its reader.
func plainly(err error) string {
	if told, ok := errors.AsType[*engawa.Error](err); ok {
		return told.Message
	}
	return err.Error()
}

// decimal writes an amount in thousandths as a decimal: 1480000 is 1480.
func decimal(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := sign + strconv.FormatInt(n/1000, 10)
	if rest := n % 1000; rest != 0 {
		text += "." + strings.TrimRight(strconv.FormatInt(1000+rest, 10)[1:], "0")
	}
	return text
}
