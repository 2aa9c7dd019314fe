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
	ExpiresIn int            `json:"expires_in_seconds,omitzero" minimum:"0" maximum:"31536000" doc:"From the event, or from the end of delay_hours; 0 for the rule's default"`
	Delay     int            `json:"delay_hours,omitzero" minimum:"0" maximum:"2160" doc:"So long after the event it may go at the earliest; consent, conditions and limits are judged then"`
	Mute      []windowBody   `json:"mute,omitempty" maxItems:"14" doc:"In these times, of the workspace's zone, it waits until they end"`
	Digest    *digestBody    `json:"digest,omitempty" doc:"Many events in one message: to staff, or those of one cause to anybody"`
	While     string         `json:"while,omitempty" enum:"renewal_off,unpaid,expired,price_pending,same_plan,lower_plan,share_ended,refunded" doc:"It goes only as long as this holds of the purchase that the event is about, judged again when it goes: renewal still off, still unpaid, still expired, the higher price still not agreed to, still on the same plan, on a lower plan than product and not yet offered it, the family still sharing no more, still refunded. Only to the customer"`
	Product   string         `json:"product,omitempty" maxLength:"100" doc:"Of lower_plan: the store's id of the plan that is offered; what is lower follows from the groups and levels of PUT /v1/products/{id}"`
}

type windowBody struct {
	Days []string `json:"days,omitempty" maxItems:"7" enum:"mon,tue,wed,thu,fri,sat,sun" doc:"Of the beginning; every day if empty"`
	From string   `json:"from" pattern:"^[0-2][0-9]:[0-5][0-9]$" example:"22:00"`
	To   string   `json:"to" pattern:"^[0-2][0-9]:[0-5][0-9]$" example:"08:00" doc:"At or before from: of the next day"`
}

type digestBody struct {
	Within int    `json:"within_seconds" minimum:"60" maximum:"86400" doc:"After its first event it goes at the latest"`
	Cause  bool   `json:"cause,omitzero" doc:"Only events of one cause go together, as a failed payment and the contract that it suspends, as soon as all that the route takes are there; what stays alone goes after within_seconds, 3600 at most. Without count and by"`
	Count  int    `json:"count,omitzero" minimum:"0" maximum:"500" doc:"And as soon as it holds so many; 0: not for their number"`
	By     string `json:"by,omitempty" maxLength:"100" example:"cause" doc:"A field of the events' data: only those that agree in it go together"`
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
	UpdatedBy string      `json:"updated_by"`
	UpdatedAt time.Time   `json:"updated_at"`
	Doubts    []doubtBody `json:"doubts,omitempty" doc:"Of one route that is read or saved: what its condition asks that events of some types, or none, answer"`
}

type doubtBody struct {
	What    route.What `json:"what" enum:"unread,unknown,extra,partly,compared,kinds,decimal,value,open" doc:"unread: the condition cannot be read, as message says; unknown: no event has it; extra: only of events whose sender adds it; partly: events of the types do not have it; compared, kinds, decimal: it is of another kind than what is done with it takes; value: it never is that; open: the catalogue has no such type"`
	Path    string     `json:"path" example:"event.data.amont" doc:"Empty of unread"`
	Nearest string     `json:"nearest,omitempty" example:"event.data.amount"`
	Types   []string   `json:"types,omitempty" doc:"The types of which it never holds; of all that the route takes if empty"`
	Message string     `json:"message"`
	Remedy  string     `json:"remedy"`
	Refused bool       `json:"refused,omitzero" doc:"A condition that asks so is saved no more; this one was before, and stays as it is"`
}

func showDoubts(ds []route.Doubt) (out []doubtBody) {
	for _, d := range ds {
		told := d.Told()
		out = append(out, doubtBody{d.What, d.Path, d.Nearest, d.Of, told.Message, told.Remedy, d.Refused})
	}
	return out
}

// Route is the route that the body describes, without id and version.
func (b RouteBody) Route(workspace string) engawa.Route {
	r := engawa.Route{Workspace: workspace, Name: b.Name, Enabled: b.Enabled, Events: b.Events, Condition: b.Condition}
	for _, st := range b.Then {
		step := engawa.Step{
			To: st.To, App: st.App, Template: st.Template, Purpose: st.Purpose, Topic: st.Topic, Urgent: st.Urgent, ExpiresIn: time.Duration(st.ExpiresIn) * time.Second,
			Delay: time.Duration(st.Delay) * time.Hour, While: engawa.Standing(st.While), Product: st.Product,
		}
		for _, w := range st.Mute {
			step.Mute = append(step.Mute, engawa.Window(w))
		}
		if d := st.Digest; d != nil {
			step.Digest = &engawa.Digest{Within: time.Duration(d.Within) * time.Second, Count: d.Count, By: d.By, Cause: d.Cause}
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
	out.Then = showSteps(r.Then)
	return out
}

func showSteps(steps []engawa.Step) []stepBody {
	out := []stepBody{}
	for _, st := range steps {
		step := stepBody{
			To: st.To, App: st.App, Template: st.Template, Purpose: st.Purpose, Topic: st.Topic, Urgent: st.Urgent, ExpiresIn: int(st.ExpiresIn / time.Second),
			Delay: int(st.Delay / time.Hour), While: string(st.While), Product: st.Product,
		}
		for _, w := range st.Mute {
			step.Mute = append(step.Mute, windowBody(w))
		}
		if d := st.Digest; d != nil {
			step.Digest = &digestBody{int(d.Within / time.Second), d.Cause, d.Count, d.By}
		}
		for _, v := range st.Via {
			step.Via = append(step.Via, viaBody{v.Account, v.Destination, int(v.Within / time.Second), v.Copy})
		}
		out = append(out, step)
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
	if err != nil {
		return routeOut{}, err
	}
	own, err := a.Compose.OwnTypes(ctx, c.workspace)
	if err != nil {
		return routeOut{}, err
	}
	out := showRoute(r)
	out.Doubts = showDoubts(route.Doubts(r, own))
	return out, nil
}

type routeIn struct{ Body RouteBody }

func (a *API) addRoute(ctx context.Context, c *call, in *routeIn) (routeOut, error) {
	r := in.Body.Route(c.workspace)
	r.ID = engawa.NewID(engawa.PrefixRoute)
	return a.saveRoute(ctx, c, nil, r)
}

type routeChange struct {
	One
	Body struct {
		Version int64 `json:"version" minimum:"1" doc:"The version that was read"`
		RouteBody
	}
}

func (a *API) changeRoute(ctx context.Context, c *call, in *routeChange) (routeOut, error) {
	stored, err := a.storedRoute(ctx, c.workspace, in.ID)
	if err != nil {
		return routeOut{}, err
	}
	r := in.Body.Route(c.workspace)
	r.ID, r.Version = in.ID, in.Body.Version
	return a.saveRoute(ctx, c, &stored, r)
}

func (a *API) saveRoute(ctx context.Context, c *call, stored *engawa.Route, r engawa.Route) (routeOut, error) {
	doubts, err := a.checkRoute(ctx, stored, r)
	if err != nil {
		return routeOut{}, err
	}
	r.UpdatedBy, r.UpdatedAt = c.actor(), time.Now().UTC()
	if err := c.store.SaveRoute(ctx, r); err != nil {
		return routeOut{}, err
	}
	r.Version++
	out := showRoute(r)
	out.Doubts = showDoubts(doubts)
	return out, nil
}

// checkRoute refuses a route that names what the workspace does not have, or asks
// for what no event has.
func (a *API) checkRoute(ctx context.Context, stored *engawa.Route, r engawa.Route) ([]route.Doubt, error) {
	own, err := a.Compose.OwnTypes(ctx, r.Workspace)
	if err != nil {
		return nil, err
	}
	doubts, err := route.Check(r, stored, own)
	if err != nil {
		return nil, err
	}
	known, err := a.known(ctx, r.Workspace)
	if err != nil {
		return nil, err
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
				return nil, unknownID(n.field, n.id)
			}
		}
	}
	return doubts, nil
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

type routeTryIn struct {
	Body struct {
		RouteBody
		Replaces string `json:"replaces,omitempty" maxLength:"64" doc:"The route that it would replace: the answer then tells what differs"`
		Limit    int    `json:"limit,omitzero" minimum:"1" maximum:"1000" doc:"How many of the differences are shown; 30 if it is left out"`
		Cursor   string `json:"cursor,omitempty" maxLength:"200" doc:"The next of the answer before, with the same route: its pages look at the same events, whatever has come since"`
	}
}

type routeTrial struct {
	Looked  int         `json:"looked" doc:"How many of the newest events were looked at: 100,000 at most"`
	Before  int         `json:"before" doc:"Of these the route that it would replace acts on"`
	After   int         `json:"after" doc:"The tried route would act on"`
	Added   int         `json:"added" doc:"On which it alone would act"`
	Removed int         `json:"removed" doc:"On which it would act no more"`
	Changed int         `json:"changed" doc:"On which it would send something else"`
	Sums    []trialSum  `json:"sums" doc:"Of those that differ, by what differs; an event in which several things do is in each of their sums"`
	First   int         `json:"first" doc:"The place of the first row among all that differ, from 1; 0: there is no row"`
	Rows    []trialMade `json:"rows" doc:"A page of those that differ, the newest first"`
	Next    string      `json:"next" doc:"The cursor of the next page; empty: there is none"`
	Doubts  []doubtBody `json:"doubts,omitempty" doc:"What the condition asks that events of some types, or none, answer"`
}

type trialSum struct {
	Difference message.Difference `json:"difference" enum:"added,removed,changed"`
	Aspect     message.Aspect     `json:"aspect" enum:"route,events,condition,to,way,words,digest,time,purpose,while" doc:"route: none is replaced; events, condition: why one of the routes does not act; the others: what is sent otherwise"`
	Events     int                `json:"events"`
}

type trialMade struct {
	Event      string             `json:"event"`
	Type       string             `json:"type"`
	ReceivedAt time.Time          `json:"received_at"`
	Difference message.Difference `json:"difference" enum:"added,removed,changed"`
	Aspects    []message.Aspect   `json:"aspects" enum:"route,events,condition,to,way,words,digest,time,purpose,while"`
	Before     []stepBody         `json:"before" doc:"What the route that it would replace asks for; empty: nothing"`
	After      []stepBody         `json:"after" doc:"What the tried route asks for; empty: nothing"`
	Messages   []trialMessage     `json:"messages" doc:"That would be made now; of the first 30 rows"`
}

type trialMessage struct {
	Customer    string         `json:"customer,omitempty"`
	Destination string         `json:"destination,omitempty"`
	Outcome     engawa.Outcome `json:"outcome" enum:"send,hold,refuse"`
	Reasons     []reasonOut    `json:"reasons"`
}

// tryRoute asks what a route would have done with past events, and what of it
// differs from what the route that it would replace did. Nothing is stored and
// nothing is sent.
func (a *API) tryRoute(ctx context.Context, c *call, in *routeTryIn) (routeTrial, error) {
	var before *engawa.Route
	if in.Body.Replaces != "" {
		stored, err := a.storedRoute(ctx, c.workspace, in.Body.Replaces)
		if err != nil {
			return routeTrial{}, err
		}
		before = &stored
	}
	r := in.Body.Route(c.workspace)
	doubts, err := a.checkRoute(ctx, before, r)
	if err != nil {
		return routeTrial{}, err
	}
	out, err := a.try(ctx, c, before, r, message.TrialPage{Limit: in.Body.Limit, Cursor: in.Body.Cursor})
	out.Doubts = showDoubts(doubts)
	return out, err
}

type storedTryIn struct {
	One
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"How many of the events that it acts on are shown; 30 if it is left out"`
	Cursor string `query:"cursor" maxLength:"200" doc:"The next of the answer before"`
}

func (a *API) tryStoredRoute(ctx context.Context, c *call, in *storedTryIn) (routeTrial, error) {
	r, err := a.storedRoute(ctx, c.workspace, in.ID)
	if err != nil {
		return routeTrial{}, err
	}
	return a.try(ctx, c, nil, r, message.TrialPage{Limit: in.Limit, Cursor: in.Cursor})
}

func (a *API) try(ctx context.Context, c *call, before *engawa.Route, after engawa.Route, p message.TrialPage) (routeTrial, error) {
	t, err := a.Compose.Try(ctx, c.workspace, before, after, p)
	out := routeTrial{
		Looked: t.Looked, Before: t.Before, After: t.After, Added: t.Added, Removed: t.Removed, Changed: t.Changed, Sums: []trialSum{}, First: t.First,
		Rows: make([]trialMade, len(t.Rows)), Next: t.Next,
	}
	for _, s := range t.Sums {
		out.Sums = append(out.Sums, trialSum(s))
	}
	for i, row := range t.Rows {
		made := trialMade{
			Event: row.Event.ID, Type: row.Event.Type, ReceivedAt: row.Event.ReceivedAt.UTC(), Difference: row.Difference, Aspects: row.Aspects,
			Before: showSteps(row.Was), After: showSteps(row.Would), Messages: []trialMessage{},
		}
		for _, m := range row.Messages {
			made.Messages = append(made.Messages, a.showTrial(c, m))
		}
		out.Rows[i] = made
	}
	return out, err
}

func (a *API) showTrial(c *call, m store.NewMessage) trialMessage {
	out := trialMessage{Customer: m.Message.Customer, Destination: m.Message.Destination, Outcome: overall(m.Judged).Outcome}
	for _, v := range a.showJudged(c, m.Judged) {
		out.Reasons = append(out.Reasons, v.Reasons...)
	}
	return out
}

type versionList struct {
	Versions []routeOut `json:"versions"`
}

// routeVersions tells who changed a route, when, and what it said then.
func (a *API) routeVersions(ctx context.Context, c *call, in *One) (versionList, error) {
	var out versionList
	rs, err := a.Store.RouteVersions(ctx, c.workspace, in.ID)
	for _, r := range rs {
		out.Versions = append(out.Versions, showRoute(r))
	}
	return out, err
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
