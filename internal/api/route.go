package api

import (
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

type viaBody struct {
	Account     string `json:"account" maxLength:"64" pattern:"^acc_"`
	Destination string `json:"destination,omitempty" maxLength:"64" pattern:"^dst_" doc:"Another place than the step's own, such as the staff mailbox"`
	Within      int    `json:"within_seconds,omitzero" minimum:"0" maximum:"2592000" doc:"Not accepted by then: the next account goes; 0 for no deadline"`
	Copy        bool   `json:"copy,omitzero" doc:"Sent besides the first one, not instead of it"`
}

type stepBody struct {
	To        string         `json:"to" minLength:"1" maxLength:"64" doc:"customer, or a destination's id"`
	App       string         `json:"app,omitempty" maxLength:"64"`
	Template  string         `json:"template,omitempty" maxLength:"64" doc:"The event's own words if empty"`
	Purpose   engawa.Purpose `json:"purpose" enum:"service,service.security,service.legal_notice,service.consent_admin,notice,marketing"`
	Topic     string         `json:"topic,omitempty" maxLength:"64"`
	Via       []viaBody      `json:"via" minItems:"1" maxItems:"16" doc:"The first account, then its fallbacks"`
	Urgent    bool           `json:"urgent,omitzero"`
	ExpiresIn int            `json:"expires_in_seconds,omitzero" minimum:"0" maximum:"31536000" doc:"From the event; 0 for the rule's default"`
}

// RouteBody is what a route says.
type RouteBody struct {
	Name      string     `json:"name" minLength:"1" maxLength:"200"`
	Enabled   bool       `json:"enabled"`
	Events    []string   `json:"events" minItems:"1" maxItems:"50" maxLength:"120" doc:"Types, groups as payment.*, or *" example:"[\"contract.terminated\"]"`
	Condition string     `json:"condition,omitempty" maxLength:"4000" doc:"CEL over event and customer; always if empty" example:"event.data.amount >= 1000"`
	Then      []stepBody `json:"then" minItems:"1" maxItems:"20"`
}

type routeOut struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	RouteBody
	UpdatedBy string    `json:"updated_by"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (b RouteBody) route(workspace string) engawa.Route {
	r := engawa.Route{Workspace: workspace, Name: b.Name, Enabled: b.Enabled, Events: b.Events, Condition: b.Condition}
	for _, st := range b.Then {
		step := engawa.Step{
			To: st.To, App: st.App, Template: st.Template, Purpose: st.Purpose, Topic: st.Topic, Urgent: st.Urgent, ExpiresIn: time.Duration(st.ExpiresIn) * time.Second,
		}
		for _, v := range st.Via {
			step.Via = append(step.Via, engawa.Via{Account: v.Account, Destination: v.Destination, Within: time.Duration(v.Within) * time.Second, Copy: v.Copy})
		}
		r.Then = append(r.Then, step)
	}
	return r
}

func showRoute(r engawa.Route) routeOut {
	out := routeOut{ID: r.ID, Version: r.Version, UpdatedBy: r.UpdatedBy, UpdatedAt: r.UpdatedAt.UTC()}
	out.Name, out.Enabled, out.Events, out.Condition = r.Name, r.Enabled, r.Events, r.Condition
	for _, st := range r.Then {
		step := stepBody{
			To: st.To, App: st.App, Template: st.Template, Purpose: st.Purpose, Topic: st.Topic, Urgent: st.Urgent, ExpiresIn: int(st.ExpiresIn / time.Second),
		}
		for _, v := range st.Via {
			step.Via = append(step.Via, viaBody{v.Account, v.Destination, int(v.Within / time.Second), v.Copy})
		}
		out.Then = append(out.Then, step)
	}
	return out
}

type routeList struct {
	Routes []routeOut `json:"routes"`
	Next   string     `json:"next"`
}

func (a *API) listRoutes(ctx context.Context, c *call, in *Paging) (routeList, error) {
	all, err := a.Store.Routes(ctx, c.workspace)
	routes, next, err := part(*in, engawa.PrefixRoute, all, err, func(r engawa.Route) string { return r.ID }, showRoute)
	return routeList{routes, next}, err
}

func (a *API) storedRoute(ctx context.Context, workspace, id string) (engawa.Route, error) {
	all, err := a.Store.Routes(ctx, workspace)
	return pick(all, err, "route", func(r engawa.Route) bool { return r.ID == id })
}

func (a *API) getRoute(ctx context.Context, c *call, in *One) (routeOut, error) {
	r, err := a.storedRoute(ctx, c.workspace, in.ID)
	return showRoute(r), err
}

type routeIn struct{ Body RouteBody }

func (a *API) addRoute(ctx context.Context, c *call, in *routeIn) (routeOut, error) {
	r := in.Body.route(c.workspace)
	r.ID = engawa.NewID(engawa.PrefixRoute)
	return a.saveRoute(ctx, c, r)
}

type routeChange struct {
	One
	Body struct {
		Version int64 `json:"version" minimum:"1" doc:"The version that was read"`
		RouteBody
	}
}

func (a *API) changeRoute(ctx context.Context, c *call, in *routeChange) (routeOut, error) {
	if _, err := a.storedRoute(ctx, c.workspace, in.ID); err != nil {
		return routeOut{}, err
	}
	r := in.Body.route(c.workspace)
	r.ID, r.Version = in.ID, in.Body.Version
	return a.saveRoute(ctx, c, r)
}

func (a *API) saveRoute(ctx context.Context, c *call, r engawa.Route) (routeOut, error) {
	if err := a.checkRoute(ctx, r); err != nil {
		return routeOut{}, err
	}
	r.UpdatedBy, r.UpdatedAt = c.actor(), time.Now().UTC()
	if err := c.store.SaveRoute(ctx, r); err != nil {
		return routeOut{}, err
	}
	r.Version++
	return showRoute(r), nil
}

// checkRoute refuses a route that names what the workspace does not have.
func (a *API) checkRoute(ctx context.Context, r engawa.Route) error {
	if err := route.Check(r); err != nil {
		return err
	}
	known, err := a.known(ctx, r.Workspace)
	if err != nil {
		return err
	}
	known[""], known[route.ToCustomer] = true, true
	for i, st := range r.Then {
		at := fmt.Sprintf("/then/%d", i)
		named := []struct{ field, id string }{{at + "/to", st.To}, {at + "/app", st.App}, {at + "/template", st.Template}}
		for j, v := range st.Via {
			at := fmt.Sprintf("%s/via/%d", at, j)
			named = append(named, struct{ field, id string }{at + "/account", v.Account}, struct{ field, id string }{at + "/destination", v.Destination})
		}
		for _, n := range named {
			if !known[n.id] {
				return unknownID(n.field, n.id)
			}
		}
	}
	return nil
}

func unknownID(field, id string) error {
	return engawa.Invalid(field, "use an id from the lists of this workspace", "there is no %q in this workspace", clip(id, 80))
}

// known is the ids of all that a route may name.
func (a *API) known(ctx context.Context, workspace string) (map[string]bool, error) {
	ids := map[string]bool{}
	accounts, err := a.Store.Accounts(ctx, workspace)
	if err != nil {
		return nil, err
	}
	for _, ac := range accounts {
		ids[ac.ID] = true
	}
	destinations, err := a.Store.Destinations(ctx, workspace)
	if err != nil {
		return nil, err
	}
	for _, d := range destinations {
		ids[d.ID] = true
	}
	templates, err := a.Store.Templates(ctx, workspace)
	if err != nil {
		return nil, err
	}
	for _, t := range templates {
		ids[t.ID] = true
	}
	apps, err := a.Store.Apps(ctx, workspace)
	for _, app := range apps {
		ids[app.ID] = true
	}
	return ids, err
}

const (
	triedEvents = 200 // the newest, on which a route is tried
	triedShown  = 30  // of the messages that it would have made
)

type routeTrial struct {
	Looked   int         `json:"looked" doc:"How many of the newest events were looked at"`
	Hit      int         `json:"hit" doc:"On how many the route would have acted"`
	Messages []trialMade `json:"messages" doc:"What it would have made, 30 at most"`
}

type trialMade struct {
	Event       string         `json:"event"`
	Customer    string         `json:"customer,omitempty"`
	Destination string         `json:"destination,omitempty"`
	Outcome     engawa.Outcome `json:"outcome" enum:"send,hold,refuse"`
	Reasons     []reasonOut    `json:"reasons"`
}

// tryRoute asks what a route would have done with the newest events. Nothing
// is stored and nothing is sent.
func (a *API) tryRoute(ctx context.Context, c *call, in *routeIn) (routeTrial, error) {
	r := in.Body.route(c.workspace)
	if err := a.checkRoute(ctx, r); err != nil {
		return routeTrial{}, err
	}
	return a.try(ctx, c, r)
}

func (a *API) tryStoredRoute(ctx context.Context, c *call, in *One) (routeTrial, error) {
	r, err := a.storedRoute(ctx, c.workspace, in.ID)
	if err != nil {
		return routeTrial{}, err
	}
	return a.try(ctx, c, r)
}

func (a *API) try(ctx context.Context, c *call, r engawa.Route) (routeTrial, error) {
	r.Enabled = true
	set, err := route.Compile([]engawa.Route{r})
	if err != nil {
		return routeTrial{}, err
	}
	events, err := a.Store.Events(ctx, c.workspace, store.EventFilter{}, store.Page{Limit: triedEvents})
	if err != nil {
		return routeTrial{}, err
	}
	out := routeTrial{Looked: len(events)}
	for _, e := range events {
		var cu engawa.Customer
		if e.Customer != "" {
			if cu, err = a.Store.Customer(ctx, c.workspace, e.Customer); err != nil {
				return out, err
			}
		}
		plans := set.Plan(e, message.Data(e), cu)
		if len(plans) == 0 {
			continue
		}
		out.Hit++
		if len(out.Messages) >= triedShown {
			continue
		}
		made, err := a.Compose.Compose(ctx, c.workspace, message.FromPlans(e, plans))
		if err != nil {
			return out, err
		}
		out.Messages = append(out.Messages, a.showTrial(c, e, made)...)
	}
	return out, nil
}

func (a *API) showTrial(c *call, e engawa.Event, made []store.NewMessage) []trialMade {
	out := make([]trialMade, len(made))
	for i, m := range made {
		out[i] = trialMade{Event: e.ID, Customer: m.Message.Customer, Destination: m.Message.Destination, Outcome: overall(m.Judged).Outcome}
		for _, v := range a.showJudged(c, m.Judged) {
			out[i].Reasons = append(out[i].Reasons, v.Reasons...)
		}
	}
	return out
}

// TemplateBody is what a template says.
type TemplateBody struct {
	Name  string                 `json:"name" minLength:"1" maxLength:"200"`
	Words map[string]contentBody `json:"words" minProperties:"1" maxProperties:"3" doc:"By language: ja, ko, en. Places are {{path.to.value}}"`
}

type templateOut struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	TemplateBody
	UpdatedAt time.Time `json:"updated_at"`
}

func showTemplate(t engawa.Template) templateOut {
	out := templateOut{ID: t.ID, Version: t.Version, UpdatedAt: t.UpdatedAt.UTC()}
	out.Name, out.Words = t.Name, map[string]contentBody{}
	for l, words := range t.Words {
		out.Words[string(l)] = contentBody(words)
	}
	return out
}

type templateList struct {
	Templates []templateOut `json:"templates"`
	Next      string        `json:"next"`
}

func (a *API) listTemplates(ctx context.Context, c *call, in *Paging) (templateList, error) {
	all, err := a.Store.Templates(ctx, c.workspace)
	templates, next, err := part(*in, engawa.PrefixTemplate, all, err, func(t engawa.Template) string { return t.ID }, showTemplate)
	return templateList{templates, next}, err
}

func (a *API) template(ctx context.Context, workspace, id string) (engawa.Template, error) {
	all, err := a.Store.Templates(ctx, workspace)
	return pick(all, err, "template", func(t engawa.Template) bool { return t.ID == id })
}

func (a *API) getTemplate(ctx context.Context, c *call, in *One) (templateOut, error) {
	t, err := a.template(ctx, c.workspace, in.ID)
	return showTemplate(t), err
}

type templateIn struct{ Body TemplateBody }

func (a *API) addTemplate(ctx context.Context, c *call, in *templateIn) (templateOut, error) {
	return a.saveTemplate(ctx, c, engawa.Template{Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixTemplate)}, in.Body)
}

type templateChange struct {
	One
	Body struct {
		Version int64 `json:"version" minimum:"1" doc:"The version that was read"`
		TemplateBody
	}
}

func (a *API) changeTemplate(ctx context.Context, c *call, in *templateChange) (templateOut, error) {
	if _, err := a.template(ctx, c.workspace, in.ID); err != nil {
		return templateOut{}, err
	}
	return a.saveTemplate(ctx, c, engawa.Template{Workspace: c.workspace, ID: in.ID, Version: in.Body.Version}, in.Body.TemplateBody)
}

func (a *API) saveTemplate(ctx context.Context, c *call, t engawa.Template, b TemplateBody) (templateOut, error) {
	t.Name, t.Words, t.UpdatedAt = b.Name, map[engawa.Locale]engawa.Content{}, time.Now().UTC()
	for _, l := range engawa.Locales {
		words, ok := b.Words[string(l)]
		if !ok {
			continue
		}
		if err := text.Check(engawa.Content(words)); err != nil {
			return templateOut{}, engawa.Within("/words/"+string(l), err)
		}
		t.Words[l] = engawa.Content(words)
	}
	for l := range b.Words {
		if _, ok := t.Words[engawa.Locale(l)]; !ok {
			return templateOut{}, engawa.Invalid("/words/"+clip(l, 80), "write ja, ko and en", "%q is no language of the product", clip(l, 80))
		}
	}
	if err := c.store.SaveTemplate(ctx, t); err != nil {
		return templateOut{}, err
	}
	t.Version++
	return showTemplate(t), nil
}
