package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/phone"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/refund"
)

// sessionHeader carries what entering answered.
const sessionHeader = "Engawa-Session"

// maxPhoneBody is the largest body that a device may send, in bytes: MaxShown
// transactions of 5 kB each.
const maxPhoneBody = 512 << 10

// phoneDoor is where devices come in.
func (a *API) phoneDoor() *phone.Door {
	a.door.Do(func() {
		a.doorway = &phone.Door{Store: a.Store, Vault: a.Vault, Follow: a.Follow, HTTP: a.Intake.Env.HTTP}
	})
	return a.doorway
}

// admitPhone counts the call of a device.
func (a *API) admitPhone(c *call) error {
	network := access.Network(remote(c.r)).String()
	if a.From != nil {
		network = a.From(c.r)
	}
	return a.phones.Admit(c.who.Key, network, time.Now())
}

// session is the customer whose device asks.
func (a *API) session(ctx context.Context, c *call) (phone.Session, error) {
	token := c.r.Header.Get(sessionHeader)
	if token == "" {
		return phone.Session{}, &engawa.Error{
			Code: engawa.CodeUnauthorized, Message: "there is no session in the request", Remedy: "post the transactions to /v1/app/transactions, and send the session that it answers as " + sessionHeader,
		}
	}
	return a.phoneDoor().Session(ctx, c.workspace, c.who.App, c.who.Key, token)
}

type appKeyIn struct {
	One
	Body struct {
		Name   string     `json:"name" minLength:"1" maxLength:"200"`
		EndsAt *time.Time `json:"ends_at,omitempty" doc:"A year from now if missing, and at most"`
	}
}

// addAppKey makes a key that an app carries to its customers' devices.
func (a *API) addAppKey(ctx context.Context, c *call, in *appKeyIn) (keyMade, error) {
	app, err := a.app(ctx, c.workspace, in.ID)
	if err != nil {
		return keyMade{}, err
	}
	k, text := access.NewKey("app")
	if k.ExpiresAt, err = endOf(k, in.Body.EndsAt); err != nil {
		return keyMade{}, err
	}
	k.Scopes = []string{string(access.AppUse)}
	row := k.Row(c.workspace, in.Body.Name)
	row.App = app.ID
	return keyMade{k.ID, text.Reveal(), in.Body.Name, k.Scopes, k.ExpiresAt.UTC()}, c.store.AddKey(ctx, row)
}

type appEntitlement struct {
	Name    string     `json:"name" doc:"What is open, as the business calls it (/v1/products); else the product's id"`
	Product string     `json:"product"`
	Until   *time.Time `json:"until" doc:"null: no end is known"`
	Shared  bool       `json:"shared" doc:"By a member of the family"`
	Units   int64      `json:"units,omitempty" doc:"Of consumables: bought and not taken back"`
}

type appPurchase struct {
	Transaction string     `json:"transaction_id" doc:"For Transaction.beginRefundRequest and the refund sheet"`
	Original    string     `json:"original_transaction_id"`
	Product     string     `json:"product"`
	Kind        string     `json:"kind" doc:"In Apple's words"`
	BoughtAt    time.Time  `json:"bought_at"`
	EndsAt      *time.Time `json:"ends_at"`
	Price       *int64     `json:"price" doc:"Thousandths of the currency; null: not known"`
	Currency    string     `json:"currency"`
	Offer       string     `json:"offer" doc:"The offer's identifier that the price came from"`
	Shared      bool       `json:"shared"`
	Refunded    bool       `json:"refunded"`
	Refundable  bool       `json:"refundable" doc:"The app should offer to ask for a refund: paid, own, not taken back, at most 90 days old. The store decides"`
}

// AppBought is what a customer has. It is exported since the document leaves out what
// an unexported struct would bring into another.
type AppBought struct {
	Entitlements []appEntitlement `json:"entitlements"`
	Purchases    []appPurchase    `json:"purchases" doc:"Payments, the latest first, at most 200"`
}

// shownPurchases is how many payments are answered.
const shownPurchases = 200

func (a *API) bought(ctx context.Context, s phone.Session) (AppBought, error) {
	all, err := a.phoneDoor().Bought(ctx, s)
	out := AppBought{Entitlements: []appEntitlement{}, Purchases: []appPurchase{}}
	if err != nil {
		return out, err
	}
	if out.Entitlements, err = a.opened(ctx, s.Workspace, all); err != nil {
		return out, err
	}
	for _, l := range phone.History(all, time.Now()) {
		if len(out.Purchases) == shownPurchases {
			break
		}
		p := appPurchase{
			Transaction: l.TransactionID, Original: l.Original, Product: l.ProductID, Kind: l.Type, BoughtAt: l.PurchasedAt.Time().UTC(), EndsAt: utc(l.ExpiresAt.Time()),
			Currency: l.Currency, Offer: l.Offer.ID, Shared: l.Shared, Refunded: l.Refunded, Refundable: l.Refundable,
		}
		if l.Currency != "" {
			p.Price = &l.Price
		}
		out.Purchases = append(out.Purchases, p)
	}
	return out, nil
}

// opened is what purchases open now.
func (a *API) opened(ctx context.Context, workspace string, all []purchase.State) ([]appEntitlement, error) {
	open, err := a.entitled(ctx, workspace, all)
	out := []appEntitlement{}
	for _, e := range open {
		out = append(out, appEntitlement{e.Name, e.ProductID, utc(e.Until), e.Shared, e.Units})
	}
	return out, err
}

type appEnterIn struct {
	Body struct {
		Transactions   []string `json:"transactions,omitempty" maxItems:"50" maxLength:"20000" doc:"jwsRepresentation of each transaction, unchanged: of a purchase, or all of Transaction.all after a restore"`
		AppTransaction string   `json:"app_transaction,omitempty" maxLength:"20000" doc:"jwsRepresentation of AppTransaction.shared; enough by itself for a customer who bought nothing"`
		Device         string   `json:"device,omitempty" maxLength:"64" doc:"AppStore.deviceVerificationID"`
	}
}

type appEntered struct {
	Session string     `json:"session" doc:"Send it as the header Engawa-Session with every other call of this device; keep it out of logs. Empty: nothing that was posted names a device, so that only what it opens is answered"`
	EndsAt  *time.Time `json:"ends_at" doc:"A day from now; post again then. null: there is no session"`
	AppBought
}

func (a *API) enterApp(ctx context.Context, c *call, in *appEnterIn) (appEntered, error) {
	b := in.Body
	s, err := a.phoneDoor().Enter(ctx, c.workspace, c.who.App, c.who.Key, phone.Proof{Transactions: b.Transactions, AppTransaction: b.AppTransaction, Device: b.Device})
	if err != nil {
		return appEntered{}, err
	}
	if s.Customer == "" {
		out := appEntered{AppBought: AppBought{Purchases: []appPurchase{}}}
		out.Entitlements, err = a.opened(ctx, c.workspace, s.Shown)
		return out, err
	}
	bought, err := a.bought(ctx, s.Session)
	return appEntered{a.phoneDoor().Token(s.Session), &s.EndsAt, bought}, err
}

type none struct{}

func (a *API) appPurchases(ctx context.Context, c *call, _ *none) (AppBought, error) {
	s, err := a.session(ctx, c)
	if err != nil {
		return AppBought{}, err
	}
	return a.bought(ctx, s)
}

type appSignIn struct {
	Body struct {
		Product     string `json:"product" minLength:"1" maxLength:"100"`
		Offer       string `json:"offer" minLength:"1" maxLength:"64" doc:"The promotional offer's identifier"`
		Transaction string `json:"transaction_id,omitempty" maxLength:"32" pattern:"^[0-9]*$" doc:"Of a purchase of this customer, to bind the newer form to"`
		Token       string `json:"app_account_token,omitempty" maxLength:"36" pattern:"^[0-9A-Fa-f-]*$" doc:"The UUID with which the app will buy, to bind the original form to"`
	}
}

type appSignature struct {
	JWS       string `json:"jws" doc:"The newer form: Product.PurchaseOption.promotionalOffer(compactJWS:)"`
	KeyID     string `json:"key_id" doc:"From here on the original form: promotionalOffer(offerID:keyID:nonce:signature:timestamp:), SKPaymentDiscount"`
	Nonce     string `json:"nonce"`
	Timestamp int64  `json:"timestamp" doc:"Milliseconds since 1970"`
	Signature string `json:"signature" doc:"base64"`
}

func (a *API) signOffer(ctx context.Context, c *call, in *appSignIn) (appSignature, error) {
	s, err := a.session(ctx, c)
	if err != nil {
		return appSignature{}, err
	}
	b := in.Body
	signed, err := a.phoneDoor().Sign(ctx, s, phone.Wish{Product: b.Product, Offer: b.Offer, Transaction: b.Transaction, Token: b.Token})
	return appSignature{signed.JWS, signed.KeyID, signed.Nonce, signed.Timestamp, signed.Signature}, err
}

type appIntroIn struct {
	Body struct {
		Product string `json:"product" minLength:"1" maxLength:"100"`
	}
}

type appIntro struct {
	Eligible bool   `json:"eligible" doc:"Nothing that the hub knows was bought in this group at an introductory price"`
	JWS      string `json:"jws" doc:"introductoryOfferEligibility(compactJWS:)"`
}

func (a *API) signIntro(ctx context.Context, c *call, in *appIntroIn) (appIntro, error) {
	s, err := a.session(ctx, c)
	if err != nil {
		return appIntro{}, err
	}
	jws, eligible, err := a.phoneDoor().Intro(ctx, s, in.Body.Product)
	return appIntro{eligible, jws}, err
}

type appCode struct {
	Offer  string    `json:"offer"`
	Code   string    `json:"code"`
	Link   string    `json:"link" doc:"Opens the App Store with the code filled in"`
	EndsAt time.Time `json:"ends_at"`
}

type appCodes struct {
	Codes []appCode `json:"codes" doc:"Handed out to this customer, neither used nor ended"`
}

func (a *API) appCodes(ctx context.Context, c *call, _ *none) (appCodes, error) {
	out := appCodes{Codes: []appCode{}}
	s, err := a.session(ctx, c)
	if err != nil {
		return out, err
	}
	all, err := a.Store.OfferCodesOf(ctx, s.Workspace, s.Customer)
	if err != nil {
		return out, err
	}
	for _, code := range all {
		if code.Account != s.Account || code.State != engawa.OfferHanded || code.Code == "" || !time.Now().Before(code.EndsAt) {
			continue
		}
		link, err := a.offers().Link(ctx, code)
		if err != nil {
			return out, err
		}
		out.Codes = append(out.Codes, appCode{code.Offer, code.Code.Reveal(), link, code.EndsAt.UTC()})
	}
	return out, nil
}

type appMessage struct {
	ID          string         `json:"id"`
	Purpose     engawa.Purpose `json:"purpose"`
	Language    engawa.Locale  `json:"language"`
	Subject     string         `json:"subject"`
	Text        string         `json:"text" doc:"Plain; it may hold links, such as one to mend a payment or to redeem an offer"`
	Unsubscribe string         `json:"unsubscribe" doc:"A page to stop such messages; empty where none is owed"`
	KeptAt      time.Time      `json:"kept_at"`
	EndsAt      time.Time      `json:"ends_at" doc:"Show it no longer"`
	Seen        bool           `json:"seen"`
}

type appMessages struct {
	Messages []appMessage `json:"messages" doc:"The latest first, at most 50"`
}

func (a *API) appMessages(ctx context.Context, c *call, _ *none) (appMessages, error) {
	out := appMessages{Messages: []appMessage{}}
	s, err := a.session(ctx, c)
	if err != nil {
		return out, err
	}
	notes, err := a.phoneDoor().Notes(ctx, s)
	for _, n := range notes {
		out.Messages = append(out.Messages, appMessage{
			n.ID, n.Purpose, n.Locale, n.Content.Subject, n.Content.Text, n.Unsubscribe, n.KeptAt.UTC(), n.EndsAt.UTC(), !n.SeenAt.IsZero(),
		})
	}
	return out, err
}

type appSeen struct {
	ID string `json:"id"`
}

func (a *API) seeMessage(ctx context.Context, c *call, in *One) (appSeen, error) {
	s, err := a.session(ctx, c)
	if err != nil {
		return appSeen{}, err
	}
	return appSeen{in.ID}, a.Store.SeeInApp(ctx, s.Workspace, s.App, s.Customer, in.ID)
}

type appReasonIn struct {
	Body struct {
		Reason  string `json:"reason" enum:"too_expensive,not_used,missing_feature,technical,another_app,other"`
		Text    string `json:"text,omitempty" maxLength:"2000" doc:"In the customer's own words"`
		Product string `json:"product,omitempty" maxLength:"100"`
	}
}

type appReason struct {
	Event string `json:"event"`
}

// tellReason journals why a customer cancels. The same answer on one day is one
// event, however often it is sent.
func (a *API) tellReason(ctx context.Context, c *call, in *appReasonIn) (appReason, error) {
	s, err := a.session(ctx, c)
	if err != nil {
		return appReason{}, err
	}
	of, err := a.Store.Account(ctx, s.Workspace, s.Account)
	if err != nil {
		return appReason{}, err
	}
	e, err := phone.Reason(s, follow.Environment(of), in.Body.Reason, in.Body.Text, in.Body.Product, time.Now())
	if err != nil {
		return appReason{}, err
	}
	js, err := a.Store.Journal(ctx, []engawa.Event{e})
	if err != nil {
		return appReason{}, err
	}
	return appReason{js[0].ID}, nil
}

type appUsageIn struct {
	Body struct {
		Transaction string   `json:"transaction_id,omitempty" maxLength:"32" pattern:"^[0-9]*$" doc:"Of a purchase of this customer, also the original one of a subscription. Give this or a product"`
		Product     string   `json:"product,omitempty" maxLength:"100" doc:"All of this customer's purchases of it"`
		Delivered   bool     `json:"delivered,omitempty" doc:"What was bought was unlocked and works. That it was not, only the business's server tells"`
		Percentage  *float64 `json:"percentage,omitempty" nullable:"false" minimum:"0" maximum:"100" doc:"How much of it is used up, with at most three decimals"`
		Played      *int64   `json:"played_seconds,omitempty" nullable:"false" minimum:"0" maximum:"316224000" doc:"How long it was used"`
	}
}

type appUsage struct {
	KeptUntil time.Time `json:"kept_until" doc:"At least; longer while a refund case is open that it bears on"`
}

// tellUsage keeps what an app knows of how far its customer's purchases were used.
func (a *API) tellUsage(ctx context.Context, c *call, in *appUsageIn) (appUsage, error) {
	s, err := a.session(ctx, c)
	if err != nil {
		return appUsage{}, err
	}
	b := in.Body
	all, err := a.phoneDoor().Bought(ctx, s)
	if err == nil {
		err = phone.Owns(all, b.Transaction, b.Product)
	}
	if err != nil {
		return appUsage{}, err
	}
	w := refund.Word{Workspace: s.Workspace, Transaction: b.Transaction, Product: b.Product, Played: b.Played, ByDevice: true}
	if b.Product != "" {
		w.Customer = s.Customer
	}
	if b.Delivered {
		w.Delivery = appstore.Delivered
	}
	if w.Percent, err = thousandthsOf(b.Percentage); err != nil {
		return appUsage{}, err
	}
	k, err := refund.Tell(ctx, a.Store, w)
	return appUsage{k.At.UTC().Add(engawa.ConsumptionFor)}, err
}
