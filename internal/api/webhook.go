package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/replay"
	"github.com/engawa/engawa/internal/route"
)

// webhookKind is the kind of account behind a webhook.
const webhookKind = "webhook"

// WebhookBody is what a webhook says.
type WebhookBody struct {
	Name      string   `json:"name,omitempty" maxLength:"200"`
	URL       string   `json:"url" minLength:"8" maxLength:"2000" example:"https://hooks.example.jp/engawa"`
	Events    []string `json:"events" minItems:"1" maxItems:"50" maxLength:"120" doc:"Types, groups as payment.*, or *" example:"[\"contract.*\"]"`
	Condition string   `json:"condition,omitempty" maxLength:"4000" doc:"CEL over event and customer; always if empty"`
	Content   string   `json:"content,omitempty" enum:"event,original" doc:"What is posted: the event with addresses masked or, with original, what the App Store posted, byte for byte (events store.* alone). event if empty"`
}

// WebhookShown is a webhook without its secret.
type WebhookShown struct {
	ID      string `json:"id" doc:"Also the id of its account"`
	Route   string `json:"route" doc:"The route that filters for it; empty where it has several"`
	Enabled bool   `json:"enabled" doc:"False: switched off, by a person or after five days of failures"`
	WebhookBody
	CreatedAt time.Time `json:"created_at"`
}

type webhookMade struct {
	WebhookShown
	Secret string `json:"secret" doc:"Signs every post (Standard Webhooks). Shown here and never again"`
}

type webhookIn struct{ Body WebhookBody }

// addWebhook makes an account, a staff place and a route in one: what Zapier and
// the like call subscribing.
func (a *API) addWebhook(ctx context.Context, c *call, in *webhookIn) (webhookMade, error) {
	b, now := in.Body, time.Now().UTC()
	b.Name = cmp.Or(b.Name, "Webhook")
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	secret := "whsec_" + base64.StdEncoding.EncodeToString(raw[:])
	ac := engawa.Account{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixAccount), Kind: webhookKind, Name: b.Name, Environment: engawa.Production,
		Owner: engawa.OwnerWorkspace, Enabled: true, Version: 1, CreatedAt: now,
	}
	var err error
	if ac.Settings, _, err = a.settings(ctx, c.workspace, webhookKind, map[string]string{"url": b.URL, "secret": secret, "content": cmp.Or(b.Content, "event")}); err != nil {
		return webhookMade{}, err
	}
	d := engawa.Destination{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixDestination), Name: b.Name, Account: ac.ID, Address: engawa.Address(ac.ID), Locale: engawa.Japanese, CreatedAt: now,
	}
	r := engawa.Route{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixRoute), Name: b.Name, Enabled: true, Events: b.Events, Condition: b.Condition, UpdatedBy: c.actor(), UpdatedAt: now,
		Then: []engawa.Step{{To: d.ID, Purpose: engawa.Service, Via: []engawa.Via{{Account: ac.ID}}}},
	}
	own, err := a.Compose.OwnTypes(ctx, c.workspace)
	if err != nil {
		return webhookMade{}, err
	}
	if _, err := route.Check(r, nil, own); err != nil {
		return webhookMade{}, err
	}
	if err := c.store.AddEndpoint(ctx, ac, d, r); err != nil {
		return webhookMade{}, err
	}
	return webhookMade{showWebhook(ac, []engawa.Route{r}), secret}, nil
}

type webhookList struct {
	Webhooks []WebhookShown `json:"webhooks"`
	Next     string         `json:"next"`
}

// showWebhook tells an endpoint with the filters of the routes that lead there.
func showWebhook(ac engawa.Account, routes []engawa.Route) WebhookShown {
	out := WebhookShown{ID: ac.ID, Enabled: ac.Enabled, CreatedAt: ac.CreatedAt.UTC()}
	out.Name, out.URL, out.Content, out.Events = ac.Name, ac.Settings["url"], ac.Settings["content"], []string{}
	n := 0
	for _, r := range routes {
		leads := slices.ContainsFunc(r.Then, func(st engawa.Step) bool {
			return slices.ContainsFunc(st.Via, func(v engawa.Via) bool { return v.Account == ac.ID })
		})
		if !leads || !r.Enabled {
			continue
		}
		n++
		out.Route, out.Condition, out.Events = r.ID, r.Condition, append(out.Events, r.Events...)
	}
	if n > 1 {
		out.Route, out.Condition = "", ""
	}
	return out
}

func (a *API) listWebhooks(ctx context.Context, c *call, in *Paging) (webhookList, error) {
	all, err := a.Store.Accounts(ctx, c.workspace)
	all = slices.DeleteFunc(all, func(ac engawa.Account) bool { return ac.Kind != webhookKind })
	if err != nil {
		return webhookList{}, err
	}
	routes, err := a.Store.Routes(ctx, c.workspace)
	list, next, err := part(*in, engawa.PrefixAccount, all, err, func(ac engawa.Account) string { return ac.ID }, func(ac engawa.Account) WebhookShown { return showWebhook(ac, routes) })
	return webhookList{list, next}, err
}

// webhook returns one endpoint.
func (a *API) webhook(ctx context.Context, workspace, id string) (engawa.Account, error) {
	ac, err := a.Store.Account(ctx, workspace, id)
	if err == nil && ac.Kind != webhookKind {
		err = engawa.NotFound("webhook")
	}
	return ac, err
}

func (a *API) getWebhook(ctx context.Context, c *call, in *One) (WebhookShown, error) {
	ac, err := a.webhook(ctx, c.workspace, in.ID)
	if err != nil {
		return WebhookShown{}, err
	}
	routes, err := a.Store.Routes(ctx, c.workspace)
	return showWebhook(ac, routes), err
}

func (a *API) endWebhook(ctx context.Context, c *call, in *One) (ended, error) {
	return ended{in.ID}, c.store.EndEndpoint(ctx, c.workspace, webhookKind, in.ID)
}

type replayIn struct {
	One
	Body struct {
		From      time.Time `json:"from" doc:"Events received at this time or later"`
		To        time.Time `json:"to" doc:"and before this one; at most 31 days later"`
		PerSecond int       `json:"per_second,omitempty" minimum:"1" maximum:"50" default:"10"`
		DryRun    bool      `json:"dry_run,omitempty" doc:"Only say how many"`
	}
}

type replayOut struct {
	ID        string             `json:"id,omitempty" doc:"Empty in a dry run"`
	Webhook   string             `json:"webhook"`
	From      time.Time          `json:"from"`
	To        time.Time          `json:"to"`
	State     engawa.ReplayState `json:"state,omitempty" enum:"running,stopped,done"`
	Events    int                `json:"events" doc:"Events of the stretch"`
	Looked    int                `json:"looked" doc:"Of these so far"`
	Messages  int                `json:"messages" doc:"Made so far; in a dry run, that would be made"`
	CreatedAt *time.Time         `json:"created_at,omitempty"`
	EndedAt   *time.Time         `json:"ended_at,omitempty"`
}

func showReplay(r engawa.Replay) replayOut {
	out := replayOut{ID: r.ID, Webhook: r.Account, From: r.From.UTC(), To: r.To.UTC(), State: r.State, Events: r.Events, Looked: r.Looked, Messages: r.Sent}
	at := r.CreatedAt.UTC()
	out.CreatedAt = &at
	if !r.EndedAt.IsZero() {
		end := r.EndedAt.UTC()
		out.EndedAt = &end
	}
	return out
}

// replayWebhook hands past events to an endpoint again, or counts them.
func (a *API) replayWebhook(ctx context.Context, c *call, in *replayIn) (replayOut, error) {
	ac, err := a.webhook(ctx, c.workspace, in.ID)
	if err != nil {
		return replayOut{}, err
	}
	r := engawa.Replay{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixReplay), Account: ac.ID, From: in.Body.From, To: in.Body.To,
		PerSecond: in.Body.PerSecond, CreatedBy: c.actor(), CreatedAt: time.Now().UTC(),
	}
	if err := replay.Check(r); err != nil {
		return replayOut{}, err
	}
	if in.Body.DryRun {
		out := replayOut{Webhook: ac.ID, From: r.From.UTC(), To: r.To.UTC()}
		out.Events, out.Messages, err = (&replay.Runner{Store: a.Store, Compose: a.Compose}).Count(ctx, c.workspace, ac.ID, r.From, r.To)
		return out, err
	}
	r, err = c.store.AddReplay(ctx, r)
	return showReplay(r), err
}

type replayList struct {
	Replays []replayOut `json:"replays"`
	Next    string      `json:"next"`
}

type replaysIn struct {
	One
	Paging
}

// keptReplays is how many replays of an endpoint are listed at most.
const keptReplays = 1000

func (a *API) listReplays(ctx context.Context, c *call, in *replaysIn) (replayList, error) {
	all, err := a.Store.Replays(ctx, c.workspace, in.ID, keptReplays)
	list, next, err := part(in.Paging, engawa.PrefixReplay, all, err, func(r engawa.Replay) string { return r.ID }, showReplay)
	if err == nil {
		_, err = a.webhook(ctx, c.workspace, in.ID)
	}
	return replayList{list, next}, err
}

func (a *API) getReplay(ctx context.Context, c *call, in *One) (replayOut, error) {
	r, err := a.Store.Replay(ctx, c.workspace, in.ID)
	return showReplay(r), err
}

func (a *API) stopReplay(ctx context.Context, c *call, in *One) (ended, error) {
	return ended{in.ID}, c.store.StopReplay(ctx, c.workspace, in.ID)
}
