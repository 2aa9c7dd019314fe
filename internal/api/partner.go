package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/receipt"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

type appOut struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Partner   string    `json:"partner" doc:"Who operates it; empty: the workspace itself"`
	CreatedAt time.Time `json:"created_at"`
}

type appList struct {
	Apps []appOut `json:"apps"`
	Next string   `json:"next"`
}

func showApp(p engawa.App) appOut { return appOut{p.ID, p.Name, p.Partner, p.CreatedAt.UTC()} }

func (a *API) listApps(ctx context.Context, c *call, in *Paging) (appList, error) {
	all, err := a.Store.Apps(ctx, c.workspace)
	apps, next, err := part(*in, engawa.PrefixApp, all, err, func(p engawa.App) string { return p.ID }, showApp)
	return appList{apps, next}, err
}

func (a *API) app(ctx context.Context, workspace, id string) (engawa.App, error) {
	all, err := a.Store.Apps(ctx, workspace)
	return pick(all, err, "app", func(p engawa.App) bool { return p.ID == id })
}

func (a *API) getApp(ctx context.Context, c *call, in *One) (appOut, error) {
	p, err := a.app(ctx, c.workspace, in.ID)
	return showApp(p), err
}

type appIn struct {
	Body struct {
		Name    string `json:"name" minLength:"1" maxLength:"200"`
		Partner string `json:"partner,omitempty" maxLength:"64"`
	}
}

func (a *API) addApp(ctx context.Context, c *call, in *appIn) (appOut, error) {
	if in.Body.Partner != "" {
		if _, err := a.partner(ctx, c.workspace, in.Body.Partner); err != nil {
			return appOut{}, err
		}
	}
	p := engawa.App{Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixApp), Name: in.Body.Name, Partner: in.Body.Partner, CreatedAt: time.Now().UTC()}
	return showApp(p), c.store.AddApp(ctx, p)
}

type senderBody struct {
	Name    string `json:"name" maxLength:"200"`
	Postal  string `json:"postal" maxLength:"500"`
	Phone   string `json:"phone" maxLength:"64"`
	Mail    string `json:"mail" maxLength:"254"`
	Contact string `json:"contact" maxLength:"500" doc:"Where complaints go: a URL or an address"`
}

// PartnerOut is a partner.
type PartnerOut struct {
	ID        string     `json:"id" doc:"Also its client_id at /oauth/token"`
	Name      string     `json:"name"`
	Sender    senderBody `json:"sender" doc:"The legal sender, as the law asks to name it"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

func showPartner(p engawa.Partner) PartnerOut {
	return PartnerOut{p.ID, p.Name, senderBody(p.Sender), p.CreatedAt.UTC(), utc(p.EndedAt)}
}

type partnerList struct {
	Partners []PartnerOut `json:"partners"`
	Next     string       `json:"next"`
}

func (a *API) listPartners(ctx context.Context, c *call, in *Paging) (partnerList, error) {
	all, err := a.Store.Partners(ctx, c.workspace)
	partners, next, err := part(*in, engawa.PrefixPartner, all, err, func(p engawa.Partner) string { return p.ID }, showPartner)
	return partnerList{partners, next}, err
}

func (a *API) partner(ctx context.Context, workspace, id string) (engawa.Partner, error) {
	all, err := a.Store.Partners(ctx, workspace)
	return pick(all, err, "partner", func(p engawa.Partner) bool { return p.ID == id })
}

// standingOut is how a partner stands with those who get its mail.
type standingOut struct {
	Level       string     `json:"level" enum:"good,warned,slowed,stopped" doc:"Of its marketing a quarter goes when slowed, none when stopped"`
	SetBy       string     `json:"set_by" doc:"Who set it, as in the audit trail; empty: the numbers"`
	Why         string     `json:"why" doc:"A person's reason"`
	Since       *time.Time `json:"since" doc:"null: from the beginning"`
	CountedFrom time.Time  `json:"counted_from" doc:"From when on the numbers count: thirty days back, or since it was lifted"`
	Sent        int64      `json:"sent" doc:"Mails handed over"`
	Complaints  int64      `json:"complaints" doc:"Of these, reported as spam"`
}

type partnerStood struct {
	PartnerOut

	Standing standingOut `json:"standing"`
}

func (a *API) getPartner(ctx context.Context, c *call, in *One) (partnerStood, error) {
	p, err := a.Store.Partner(ctx, c.workspace, in.ID)
	if err != nil {
		return partnerStood{}, err
	}
	said, err := a.Store.Complaints(ctx, c.workspace, in.ID)
	level := string(said.Level)
	if said.Level == engawa.ReputeGood {
		level = "good"
	}
	return partnerStood{showPartner(p), standingOut{level, said.SetBy, said.Reason, utc(said.Since), said.From.UTC(), said.Sent, said.Complaints}}, err
}

type standingIn struct {
	One
	Body struct {
		Why string `json:"why" minLength:"1" maxLength:"200" doc:"For the audit trail, and for whoever looks at the partner"`
	}
}

// stopPartner stops a partner's marketing. One that is stopped already stays so.
func (a *API) stopPartner(ctx context.Context, c *call, in *standingIn) (partnerStood, error) {
	return a.setStanding(ctx, c, in, c.store.StopPartner)
}

// liftPartner lets a partner's marketing go on.
func (a *API) liftPartner(ctx context.Context, c *call, in *standingIn) (partnerStood, error) {
	return a.setStanding(ctx, c, in, c.store.LiftPartner)
}

func (a *API) setStanding(ctx context.Context, c *call, in *standingIn, set func(ctx context.Context, workspace, partner, reason string) error) (partnerStood, error) {
	why := text.VeilText(strings.TrimSpace(in.Body.Why))
	if why == "" {
		return partnerStood{}, engawa.Invalid("/why", "say why, in up to 200 characters", "the reason is blank")
	}
	if err := set(ctx, c.workspace, in.ID, why); err != nil {
		return partnerStood{}, err
	}
	return a.getPartner(ctx, c, &in.One)
}

type secretIn struct {
	One
	Body struct {
		EndsAt *time.Time `json:"ends_at,omitempty" doc:"A year from now if missing, and at most"`
	}
}

type secretMade struct {
	ID       string    `json:"id" doc:"Under it the secret is revoked, as a key is: POST /v1/keys/{id}:revoke"`
	ClientID string    `json:"client_id"`
	Secret   string    `json:"client_secret" doc:"Shown once"`
	EndsAt   time.Time `json:"ends_at"`
}

// addSecret makes a client secret of a partner.
func (a *API) addSecret(ctx context.Context, c *call, in *secretIn) (secretMade, error) {
	k, text := access.NewKey(access.PartnerEnv)
	var err error
	if k.ExpiresAt, err = endOf(k, in.Body.EndsAt); err != nil {
		return secretMade{}, err
	}
	row := k.Row(c.workspace, "client secret")
	row.Partner = in.ID
	return secretMade{k.ID, in.ID, text.Reveal(), k.ExpiresAt.UTC()}, c.store.AddSecret(ctx, row)
}

type sharedOut struct {
	Partner   string `json:"partner"`
	App       string `json:"app"`
	Handles   int64  `json:"handles" doc:"Subscribers whom the partner had a handle of, ever"`
	Addresses int64  `json:"addresses" doc:"Of these, with an address that they agreed to share"`
	Messages  int64  `json:"messages" doc:"That the partner asked to be sent"`
}

type partnerEnded struct {
	ID      string      `json:"id"`
	EndedAt time.Time   `json:"ended_at"`
	Grants  int64       `json:"grants" doc:"That were ended by this"`
	Secrets int64       `json:"secrets" doc:"That stopped working"`
	Handles int64       `json:"handles" doc:"That no longer resolve"`
	Refused int64       `json:"refused" doc:"Messages that waited and will not go"`
	Shared  []sharedOut `json:"shared" doc:"What the partner was given, by app"`
	PurgeAt time.Time   `json:"purge_at" doc:"From when on what only its contract needed is destroyed"`
}

// endPartner ends a partner and all that it may do.
func (a *API) endPartner(ctx context.Context, c *call, in *One) (partnerEnded, error) {
	e, err := c.store.EndPartner(ctx, c.workspace, in.ID)
	return partnerEnded{in.ID, e.At, e.Grants, e.Secrets, e.Handles, e.Refused, shown(e.Shared, func(x store.Shared) sharedOut { return sharedOut(x) }), e.PurgeAt}, err
}

type certificateOut struct {
	Certificate string `json:"certificate" doc:"A compact JWS, by a key of /.well-known/jwks.json"`
}

// getCertificate signs what the end of a partner or of a subscription destroyed, or
// will.
func (a *API) getCertificate(ctx context.Context, c *call, in *One) (certificateOut, error) {
	signed, err := receipt.Certify(ctx, a.Store, a.Vault, a.Pages.Base, c.workspace, in.ID)
	return certificateOut{signed}, err
}

type subscriptionEnded struct {
	ID      string      `json:"id"`
	EndedAt time.Time   `json:"ended_at"`
	Handles int64       `json:"handles" doc:"That no longer resolve; none while another subscription of the app goes on"`
	Refused int64       `json:"refused" doc:"Messages of partners that waited and will not go"`
	Shared  []sharedOut `json:"shared" doc:"What partners were given of this customer in the app"`
	PurgeAt time.Time   `json:"purge_at" doc:"From when on what only this contract needed is destroyed"`
}

// endSubscription ends the contract of one subscription.
func (a *API) endSubscription(ctx context.Context, c *call, in *One) (subscriptionEnded, error) {
	e, err := c.store.EndSubscription(ctx, c.workspace, in.ID)
	return subscriptionEnded{in.ID, e.At, e.Handles, e.Refused, shown(e.Shared, func(x store.Shared) sharedOut { return sharedOut(x) }), e.PurgeAt}, err
}

type partnerIn struct {
	Body struct {
		Name   string     `json:"name" minLength:"1" maxLength:"200"`
		Sender senderBody `json:"sender"`
	}
}

func (a *API) addPartner(ctx context.Context, c *call, in *partnerIn) (PartnerOut, error) {
	p := engawa.Partner{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixPartner), Name: in.Body.Name, Sender: engawa.SenderProfile(in.Body.Sender), CreatedAt: time.Now().UTC(),
	}
	return showPartner(p), c.store.AddPartner(ctx, p)
}

// GrantTerms is what a grant allows.
type GrantTerms struct {
	Partner    string           `json:"partner" maxLength:"64"`
	Scopes     []string         `json:"scopes" maxItems:"32" maxLength:"64" doc:"Empty allows nothing; * alone allows all that a partner may have"`
	Apps       []string         `json:"apps" maxItems:"200" maxLength:"64" doc:"Ids; * alone for all"`
	Channels   []string         `json:"channels" maxItems:"32" maxLength:"64" doc:"Kinds; * alone for all"`
	Purposes   []engawa.Purpose `json:"purposes" maxItems:"8" maxLength:"64" doc:"* alone for all"`
	QuotaDay   int              `json:"quota_day,omitzero" minimum:"0" maximum:"1000000000" doc:"Messages in a day; 0 for no limit"`
	QuotaMonth int              `json:"quota_month,omitzero" minimum:"0" maximum:"1000000000"`
	StartsAt   *time.Time       `json:"starts_at,omitempty" doc:"Now if missing"`
	EndsAt     *time.Time       `json:"ends_at,omitempty" doc:"Open if missing"`
}

type grantOut struct {
	ID string `json:"id"`
	GrantTerms
	EndedAt *time.Time `json:"ended_at" doc:"When it was ended early"`
	Version int64      `json:"version"`
}

func showGrant(g engawa.Grant) grantOut {
	return grantOut{g.ID, GrantTerms{g.Partner, g.Scopes, g.Apps, g.Channels, g.Purposes, g.QuotaDay, g.QuotaMonth, utc(g.StartsAt), utc(g.EndsAt)}, utc(g.EndedAt), g.Version}
}

type grantList struct {
	Grants []grantOut `json:"grants" doc:"Ended ones too, newest first"`
	Next   string     `json:"next"`
}

func (a *API) listGrants(ctx context.Context, c *call, in *Paging) (grantList, error) {
	all, err := a.Store.Grants(ctx, c.workspace)
	grants, next, err := part(*in, engawa.PrefixGrant, all, err, func(g engawa.Grant) string { return g.ID }, showGrant)
	return grantList{grants, next}, err
}

func (a *API) grant(ctx context.Context, workspace, id string) (engawa.Grant, error) {
	all, err := a.Store.Grants(ctx, workspace)
	return pick(all, err, "grant", func(g engawa.Grant) bool { return g.ID == id })
}

func (a *API) getGrant(ctx context.Context, c *call, in *One) (grantOut, error) {
	g, err := a.grant(ctx, c.workspace, in.ID)
	return showGrant(g), err
}

type grantIn struct{ Body GrantTerms }

func (a *API) addGrant(ctx context.Context, c *call, in *grantIn) (grantOut, error) {
	b := in.Body
	g := engawa.Grant{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixGrant), Partner: b.Partner, Scopes: b.Scopes, Apps: b.Apps, Channels: b.Channels,
		Purposes: b.Purposes, QuotaDay: b.QuotaDay, QuotaMonth: b.QuotaMonth, StartsAt: time.Now().UTC(), Version: 1,
	}
	set(&g.StartsAt, b.StartsAt)
	set(&g.EndsAt, b.EndsAt)
	if err := a.checkGrant(ctx, g); err != nil {
		return grantOut{}, err
	}
	if err := c.store.AddGrant(ctx, g); err != nil {
		return grantOut{}, err
	}
	return showGrant(g), nil
}

func (a *API) checkGrant(ctx context.Context, g engawa.Grant) error {
	if err := access.CheckScopes(g.Scopes, true); err != nil {
		return err
	}
	if !g.EndsAt.IsZero() && !g.EndsAt.After(g.StartsAt) {
		return engawa.Invalid("/ends_at", "choose an end after its start", "the grant would end before it starts")
	}
	for i, p := range g.Purposes {
		if !knownPurpose(p) && !(len(g.Purposes) == 1 && p == "*") {
			return engawa.Invalid(fmt.Sprintf("/purposes/%d", i), "choose service, notice or marketing, or * alone", "%q is not a purpose", clip(string(p), 80))
		}
	}
	if err := a.checkApps(ctx, g); err != nil {
		return err
	}
	_, err := a.partner(ctx, g.Workspace, g.Partner)
	return err
}

func (a *API) checkApps(ctx context.Context, g engawa.Grant) error {
	if len(g.Apps) == 1 && g.Apps[0] == "*" {
		return nil
	}
	apps, err := a.Store.Apps(ctx, g.Workspace)
	if err != nil {
		return err
	}
	for i, id := range g.Apps {
		if !slices.ContainsFunc(apps, func(p engawa.App) bool { return p.ID == id }) {
			return unknownID(fmt.Sprintf("/apps/%d", i), id)
		}
	}
	return nil
}

// endGrant ends a grant now, also for what is queued.
func (a *API) endGrant(ctx context.Context, c *call, in *One) (grantOut, error) {
	if err := c.store.EndGrant(ctx, c.workspace, in.ID); err != nil {
		return grantOut{}, err
	}
	return a.getGrant(ctx, c, in)
}

// SubscriptionBody is how a subscription stands.
type SubscriptionBody struct {
	Customer    string                   `json:"customer" maxLength:"64"`
	App         string                   `json:"app" maxLength:"64"`
	Product     string                   `json:"product" minLength:"1" maxLength:"200" doc:"Your own name for it"`
	State       engawa.SubscriptionState `json:"state" enum:"active,expired,billing_retry,billing_grace_period,revoked,suspended"`
	StartsAt    time.Time                `json:"starts_at"`
	EndsAt      *time.Time               `json:"ends_at,omitempty" doc:"Open if missing"`
	Environment string                   `json:"environment,omitempty" enum:"production,sandbox" default:"production"`
}

type subscriptionOut struct {
	ID string `json:"id"`
	SubscriptionBody
	EndedAt *time.Time `json:"ended_at" doc:"When its contract was ended here; null: it was not"`
}

func showSubscription(s engawa.Subscription) subscriptionOut {
	return subscriptionOut{s.ID, SubscriptionBody{s.Customer, s.App, s.Product, s.State, s.StartsAt.UTC(), utc(s.EndsAt), s.Environment}, utc(s.EndedAt)}
}

type subscriptionsIn struct {
	Paging
	Customer string `query:"customer" maxLength:"64"`
}

type subscriptionList struct {
	Subscriptions []subscriptionOut `json:"subscriptions"`
	Next          string            `json:"next"`
}

func (a *API) listSubscriptions(ctx context.Context, c *call, in *subscriptionsIn) (subscriptionList, error) {
	p, err := in.page(engawa.PrefixSubscription)
	if err != nil {
		return subscriptionList{}, err
	}
	all, err := a.Store.Subscriptions(ctx, c.workspace, in.Customer, p)
	out := subscriptionList{Subscriptions: make([]subscriptionOut, len(all))}
	for i, s := range all {
		out.Subscriptions[i] = showSubscription(s)
		out.Next = in.next(len(all), time.Time{}, s.ID)
	}
	return out, err
}

type subscriptionIn struct{ Body SubscriptionBody }

// saveSubscription tells what is now so: the same customer, app and product are
// the same subscription.
func (a *API) saveSubscription(ctx context.Context, c *call, in *subscriptionIn) (subscriptionOut, error) {
	b := in.Body
	if _, err := a.app(ctx, c.workspace, b.App); err != nil {
		return subscriptionOut{}, err
	}
	s := engawa.Subscription{
		Workspace: c.workspace, Customer: b.Customer, App: b.App, Product: b.Product, State: b.State, StartsAt: b.StartsAt.UTC(), Environment: b.Environment,
	}
	set(&s.EndsAt, b.EndsAt)
	err := checkSpan(s.StartsAt, s.EndsAt)
	if err == nil {
		s.ID, err = a.Store.SaveSubscription(ctx, s)
	}
	return showSubscription(s), err
}

// checkSpan refuses times that no subscription has. A zero end is open.
func checkSpan(starts, ends time.Time) error {
	last := time.Now().Year() + 100
	switch y := starts.Year(); {
	case y < 2000 || y > last:
		return engawa.Invalid("/starts_at", fmt.Sprintf("give a start from 2000 to %d", last), "it would start in the year %d", y)
	case !ends.IsZero() && !ends.After(starts):
		return engawa.Invalid("/ends_at", "give an end after the start, or none", "it would end at %s, before it starts", ends.UTC().Format(time.RFC3339))
	case ends.Year() > last:
		return engawa.Invalid("/ends_at", fmt.Sprintf("give an end until %d, or none if it is open", last), "it would end in the year %d", ends.Year())
	}
	return nil
}
