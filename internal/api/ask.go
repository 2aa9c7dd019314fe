package api

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/mypage"
	"github.com/engawa/engawa/internal/receipt"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

type askIn struct {
	Body struct {
		Customer  string           `json:"customer" maxLength:"64"`
		App       string           `json:"app,omitempty" maxLength:"64" doc:"All apps of the workspace if empty; a partner's app is asked for in the partner's name"`
		Purposes  []engawa.Purpose `json:"purposes,omitempty" maxItems:"2" enum:"notice,marketing" doc:"One box each, for every channel"`
		Channels  []string         `json:"channels,omitempty" maxItems:"16" maxLength:"64" example:"mail" doc:"Kinds; one box for all of them if empty"`
		Topic     string           `json:"topic,omitempty" maxLength:"64"`
		Night     bool             `json:"night,omitempty" doc:"Ask for advertising at night too, in a box of its own"`
		Address   bool             `json:"share_address,omitempty" doc:"Ask to hand the address to the partner of the app, in a box of its own"`
		Usage     bool             `json:"share_usage,omitempty" doc:"Ask to tell the store of the usage when money is asked back"`
		Where     string           `json:"where" minLength:"1" maxLength:"500" doc:"The page, form or shop where the link stands: part of the evidence"`
		ReturnURL string           `json:"return_url,omitempty" maxLength:"2000" doc:"Where the reader goes on to: https"`
		ExpiresIn int              `json:"expires_in,omitempty" minimum:"60" maximum:"2592000" default:"86400" doc:"Seconds"`
	}
}

type asked struct {
	URL       string    `json:"url" doc:"The page"`
	FrameURL  string    `json:"frame_url" doc:"The same for a frame on one of the origins of the setting customers.frames"`
	ExpiresAt time.Time `json:"expires_at"`
}

// askConsent makes the link to a page on which one customer is asked. Nothing is
// kept before the customer answers.
func (a *API) askConsent(ctx context.Context, c *call, in *askIn) (asked, error) {
	b := in.Body
	ask := mypage.Ask{
		Workspace: c.workspace, Customer: b.Customer, Controller: engawa.ControllerWorkspace, App: b.App, Purposes: b.Purposes, Channels: b.Channels, Topic: b.Topic,
		Night: b.Night, Address: b.Address, Usage: b.Usage, Where: b.Where, Back: b.ReturnURL,
	}
	if b.App != "" {
		app, err := a.app(ctx, c.workspace, b.App)
		if err != nil {
			return asked{}, engawa.Within("/app", err)
		}
		if app.Partner != "" {
			ask.Controller = app.Partner
		}
	}
	if err := a.checkAsk(ask); err != nil {
		return asked{}, err
	}
	if _, err := a.Store.Customer(ctx, c.workspace, b.Customer); err != nil {
		return asked{}, engawa.Within("/customer", err)
	}
	life := cmp.Or(time.Duration(b.ExpiresIn)*time.Second, mypage.AskLife)
	if err := a.Store.Note(ctx, store.Audit{Workspace: c.workspace, Actor: c.actor(), Action: "ask-consent", Object: b.Customer, Detail: b.App}); err != nil {
		return asked{}, err
	}
	page, frame := a.Pages.AskLink(ask, life)
	return asked{page, frame, time.Now().Add(life).UTC().Truncate(time.Second)}, nil
}

func (a *API) checkAsk(ask mypage.Ask) error {
	if len(ask.Purposes) == 0 && !ask.Address && !ask.Usage {
		return engawa.Invalid("/purposes", "name notice or marketing, or ask to share something", "there is nothing to ask")
	}
	if ask.Night && !slices.Contains(ask.Purposes, engawa.Marketing) {
		return engawa.Invalid("/night", "ask for marketing too", "only advertising needs a consent of its own at night")
	}
	if ask.Address && ask.Controller == engawa.ControllerWorkspace {
		return engawa.Invalid("/share_address", "name an app of a partner, or leave this out", "there is no partner to hand the address to")
	}
	for i, name := range ask.Channels {
		if !slices.ContainsFunc(a.Kinds, func(k channel.Kind) bool { return k.Name == name && k.ToCustomers }) {
			return engawa.Invalid("/channels/"+itoa(i), "choose a kind that reaches customers; GET /v1/kinds lists them", "%q reaches no customers", clip(name, 80))
		}
	}
	u, err := url.Parse(ask.Back)
	if ask.Back != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https") {
		return engawa.Invalid("/return_url", "give a whole https URL", "a reader cannot be sent there")
	}
	return nil
}

type ownPage struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// linkOwnPage makes the link that stands in messages, for a page of the
// business's own on which the customer is signed in.
func (a *API) linkOwnPage(ctx context.Context, c *call, in *One) (ownPage, error) {
	cu, err := a.Store.Customer(ctx, c.workspace, in.ID)
	if err == nil && (cu.Erased || cu.MergedInto != "") {
		err = &engawa.Error{Code: engawa.CodeConflict, Message: "this customer was erased or merged into another", Remedy: "look the customer up again"}
	}
	if err == nil {
		err = a.Store.Note(ctx, store.Audit{Workspace: c.workspace, Actor: c.actor(), Action: "link-own-page", Object: in.ID})
	}
	if err != nil {
		return ownPage{}, err
	}
	return ownPage{a.Pages.Link(c.workspace, in.ID), time.Now().Add(mypage.LinkLife).UTC().Truncate(time.Second)}, nil
}

// WordingBody is what customers are shown beside a box.
type WordingBody struct {
	App     string         `json:"app,omitempty" maxLength:"64" doc:"All apps if empty"`
	Act     engawa.Act     `json:"act" enum:"contact,contact_at_night,share_address,share_usage"`
	Purpose engawa.Purpose `json:"purpose" enum:"service,notice,marketing" doc:"contact_at_night: marketing; share_address and share_usage: service"`
	Words   WordingTexts   `json:"words" doc:"The sentence to agree to. It may name {{business}}, {{sender}}, {{app}} and {{channel}}. What is used, for how long and that one may say no is added by the page"`
}

// WordingTexts is a text in every language of the pages.
type WordingTexts struct {
	Ja string `json:"ja" minLength:"1" maxLength:"2000"`
	Ko string `json:"ko" minLength:"1" maxLength:"2000"`
	En string `json:"en" minLength:"1" maxLength:"2000"`
}

func (w WordingTexts) byLocale() map[engawa.Locale]string {
	return map[engawa.Locale]string{engawa.Japanese: w.Ja, engawa.Korean: w.Ko, engawa.English: w.En}
}

type wordingOut struct {
	WordingBody
	Version string    `json:"version" doc:"As decisions name it"`
	MadeAt  time.Time `json:"made_at"`
	MadeBy  string    `json:"made_by"`
}

func showWording(w engawa.Wording) wordingOut {
	return wordingOut{WordingBody{w.App, w.Act, w.Purpose, WordingTexts{w.Words[engawa.Japanese], w.Words[engawa.Korean], w.Words[engawa.English]}}, "own-" + itoa(int(w.Version)), w.MadeAt.UTC(), w.MadeBy}
}

type wordingList struct {
	Wordings []wordingOut `json:"wordings" doc:"Every version of every wording, the newest of each first"`
}

type noInput struct{}

func (a *API) listWordings(ctx context.Context, c *call, _ *noInput) (wordingList, error) {
	all, err := a.Store.Wordings(ctx, c.workspace)
	return wordingList{shown(all, showWording)}, err
}

type wordingIn struct{ Body WordingBody }

// addWording keeps the next version. Links that were made before show it too.
func (a *API) addWording(ctx context.Context, c *call, in *wordingIn) (wordingOut, error) {
	b := in.Body
	if b.App != "" {
		if _, err := a.app(ctx, c.workspace, b.App); err != nil {
			return wordingOut{}, engawa.Within("/app", err)
		}
	}
	words := b.Words.byLocale()
	for _, l := range engawa.Locales {
		if err := mypage.CheckWording(words[l]); err != nil {
			return wordingOut{}, engawa.Within("/words/"+string(l), err)
		}
	}
	w, err := c.store.AddWording(ctx, engawa.Wording{Workspace: c.workspace, App: b.App, Act: b.Act, Purpose: b.Purpose, Words: words})
	return showWording(w), err
}

type receiptIn struct {
	One
	App string `query:"app" maxLength:"64" doc:"For a decision on all apps: in which the partner knows the customer"`
}

type receiptOut struct {
	Receipt string `json:"receipt" doc:"A compact JWS, by a key of /.well-known/jwks.json"`
}

// getReceipt signs what a customer decided, for a partner who knows the customer
// by a handle alone.
func (a *API) getReceipt(ctx context.Context, c *call, in *receiptIn) (receiptOut, error) {
	d, err := a.Store.Consent(ctx, c.workspace, in.ID)
	if err != nil {
		return receiptOut{}, err
	}
	app := cmp.Or(d.App, in.App)
	if app == "" || in.App != "" && in.App != app {
		return receiptOut{}, engawa.Invalid("?app", "name one app that the decision is on", "the handle of which app the receipt is to name is not known")
	}
	l := store.List{Workspace: c.workspace, App: app}
	if d.Controller != engawa.ControllerWorkspace {
		l.Partner = d.Controller
	}
	handle, err := a.Store.Handle(ctx, l, d.Customer)
	if err != nil {
		return receiptOut{}, err
	}
	signed, err := receipt.Sign(a.Vault, receipt.New(a.Pages.Base, handle, app, d, time.Now(), text.VeilText))
	return receiptOut{signed}, err
}
