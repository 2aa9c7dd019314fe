package api

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

type relationOut struct {
	Type   string   `json:"type"`
	By     []string `json:"by" doc:"Members of data, the surest first: where both events have one, it is the same"`
	Within string   `json:"within" doc:"How far apart they may happen" example:"24h"`
}

// EventTypeRow is a type of events in a list.
type EventTypeRow struct {
	Type  string `json:"type" example:"contract.terminated"`
	Group string `json:"group" doc:"By the name's first word: routes for group.* reach it"`
	Kind  string `json:"kind" doc:"business, mail, store (signed by the App Store), system (the hub's own) or own (made by this workspace)"`
	Name  string `json:"name" doc:"What happened, in the language of Accept-Language"`
	OptIn bool   `json:"opt_in" doc:"Nobody expects a notice of it unless somebody asks"`
}

type eventTypeOut struct {
	EventTypeRow
	Names   map[string]string `json:"names" doc:"In ja, ko and en"`
	Schema  object            `json:"schema" doc:"JSON Schema 2020-12 of the data; members that it does not name are allowed"`
	Sample  object            `json:"sample" doc:"Such data"`
	Related []relationOut     `json:"related" doc:"What one cause raises together with it"`
}

type eventTypeList struct {
	Types []EventTypeRow `json:"event_types"`
}

func (a *API) typeRow(l engawa.Locale, t catalogue.Type) EventTypeRow {
	return EventTypeRow{t.Name, t.Group(), string(t.Kind), a.typeName(l, t), t.OptIn}
}

func (a *API) typeName(l engawa.Locale, t catalogue.Type) string {
	if t.Kind == catalogue.Own {
		return t.Names[l]
	}
	return a.Words.EventLine(l, t.Name, nil)
}

func (a *API) showEventType(c *call, t catalogue.Type) eventTypeOut {
	out := eventTypeOut{
		EventTypeRow: a.typeRow(c.locale, t), Names: map[string]string{}, Schema: object(t.Schema.JSON()), Sample: object(t.Sample), Related: make([]relationOut, len(t.Related)),
	}
	for _, l := range engawa.Locales {
		out.Names[string(l)] = a.typeName(l, t)
	}
	for i, r := range t.Related {
		out.Related[i] = relationOut(r)
	}
	return out
}

func (a *API) listEventTypes(ctx context.Context, c *call, _ *struct{}) (eventTypeList, error) {
	own, err := a.Compose.OwnTypes(ctx, c.workspace)
	return eventTypeList{shown(append(catalogue.Types(), own...), func(t catalogue.Type) EventTypeRow { return a.typeRow(c.locale, t) })}, err
}

// NamedType names a type of events.
type NamedType struct {
	Type string `path:"type" maxLength:"120"`
}

func (a *API) getEventType(ctx context.Context, c *call, in *NamedType) (eventTypeOut, error) {
	if t, ok := catalogue.Find(in.Type); ok {
		return a.showEventType(c, t), nil
	}
	own, err := a.Compose.OwnTypes(ctx, c.workspace)
	t, err := pick(own, err, "event type", func(t catalogue.Type) bool { return t.Name == in.Type })
	if err != nil {
		return eventTypeOut{}, err
	}
	return a.showEventType(c, t), nil
}

// EventTypeBody is what a workspace says of a type of its own.
type EventTypeBody struct {
	Names struct {
		Ja string `json:"ja" minLength:"1" maxLength:"80"`
		Ko string `json:"ko" minLength:"1" maxLength:"80"`
		En string `json:"en" minLength:"1" maxLength:"80"`
	} `json:"names" doc:"What happened, in a few words"`
	Group  string `json:"group,omitempty" maxLength:"20" doc:"Need not be said: it follows from the name's first word. A wrong one is refused, since routes for it would not reach the type"`
	Schema object `json:"schema" doc:"JSON Schema of the data: type, properties, required, items, enum, format (date, date-time), minimum"`
	Sample object `json:"sample" doc:"Such data"`
}

type eventTypeIn struct {
	NamedType
	Body EventTypeBody
}

func (a *API) saveEventType(ctx context.Context, c *call, in *eventTypeIn) (eventTypeOut, error) {
	e := engawa.EventType{
		Workspace: c.workspace, Type: in.Type, Schema: in.Body.Schema, Sample: in.Body.Sample, UpdatedBy: c.actor(), UpdatedAt: time.Now().UTC(),
		Names: map[engawa.Locale]string{engawa.Japanese: in.Body.Names.Ja, engawa.Korean: in.Body.Names.Ko, engawa.English: in.Body.Names.En},
	}
	t, err := catalogue.OwnType(e)
	if err != nil {
		return eventTypeOut{}, err
	}
	if g := in.Body.Group; g != "" && g != t.Group() {
		return eventTypeOut{}, engawa.Invalid("/group", "leave it out, or begin the name with the group's: application.… is in the group application", "%s is in the group %s by its name, and routes go by names", t.Name, t.Group())
	}
	if err := c.store.SaveEventType(ctx, e); err != nil {
		return eventTypeOut{}, err
	}
	a.Intake.Renew(c.workspace)
	return a.showEventType(c, t), nil
}

func (a *API) endEventType(ctx context.Context, c *call, in *NamedType) (eventTypeOut, error) {
	if _, ok := catalogue.Find(in.Type); ok {
		return eventTypeOut{}, &engawa.Error{Code: engawa.CodeConflict, Message: in.Type + " is a type of the catalogue", Remedy: "nothing has to be done: a type that no event uses does no harm"}
	}
	gone, err := a.getEventType(ctx, c, in)
	if err == nil {
		err = c.store.EndEventType(ctx, c.workspace, in.Type)
	}
	a.Intake.Renew(c.workspace)
	return gone, err
}

// lines says what happened, for events of one workspace. Its own types are
// loaded when one of them comes.
type lines struct {
	a   *API
	c   *call
	own map[string]engawa.EventType
}

func (l *lines) of(ctx context.Context, e engawa.Event) (string, error) {
	var data map[string]any
	if len(e.Data) > 0 && json.Unmarshal(e.Data, &data) != nil {
		data = nil
	}
	if l.a.Words.Knows(e.Type) {
		return l.a.Words.EventLine(l.c.locale, e.Type, data), nil
	}
	if l.own == nil {
		stored, err := l.a.Store.EventTypes(ctx, l.c.workspace)
		if err != nil {
			return "", err
		}
		l.own = map[string]engawa.EventType{}
		for _, t := range stored {
			l.own[t.Type] = t
		}
	}
	if own, ok := l.own[e.Type]; ok {
		return own.Names[l.c.locale], nil
	}
	return l.a.Words.EventLine(l.c.locale, e.Type, data), nil
}
