package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// callback takes a provider's post. It answers 200 when the events are
// durable, 4xx for what can never be accepted, 503 for trouble that passes.
func (a *API) callback(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallback))
	if err == nil {
		err = a.Intake.Accept(r.Context(), r.PathValue("account"), r.Header, body)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

type eventAccepted struct {
	ID    string `json:"id" doc:"Of the event; for a repetition, of the one that was kept"`
	Fresh bool   `json:"fresh" doc:"False: the same id was posted before"`
}

type eventsAccepted struct {
	Events []eventAccepted `json:"events"`
}

// postEvents takes one event or a list, in our own form or as CloudEvents
// (structured, batched or binary). The event's own id makes it once; beside
// huma because it is the busiest operation.
func (a *API) postEvents(c *call) {
	kept, list, err := a.Intake.Events(c.r.Context(), c.workspace, c.r.Header, c.body, c.who.Require(access.CustomersWrite) == nil)
	if err != nil {
		a.problem(c.w, c.r, err)
		return
	}
	all := make([]eventAccepted, len(kept))
	for i, j := range kept {
		all[i] = eventAccepted{j.ID, j.Fresh}
	}
	if list {
		answer(c.w, http.StatusAccepted, "application/json", eventsAccepted{all})
		return
	}
	answer(c.w, http.StatusAccepted, "application/json", all[0])
}

// object is the text of a JSON object.
type object jsontext.Value

// MarshalJSON gives the text itself.
func (o object) MarshalJSON() ([]byte, error) { return o, nil }

// UnmarshalJSON keeps the text as it came.
func (o *object) UnmarshalJSON(b []byte) error {
	*o = slices.Clone(b)
	return nil
}

// Schema is for huma.
func (object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

type eventOut struct {
	ID         string            `json:"id"`
	Type       string            `json:"type" example:"contract.terminated"`
	Group      string            `json:"group" doc:"general, application, payment, contract, store or custom"`
	Account    string            `json:"account" doc:"The source account; api for what was posted here"`
	Subject    string            `json:"subject,omitempty"`
	Customer   string            `json:"customer,omitempty"`
	Actor      *actorOut         `json:"actor,omitempty" doc:"Who caused it, where somebody said"`
	OccurredAt time.Time         `json:"occurred_at"`
	ReceivedAt time.Time         `json:"received_at"`
	Known      bool              `json:"known" doc:"False: a type that the source's adapter does not know"`
	Sample     bool              `json:"sample,omitzero" doc:"Sample data: its routes send nothing"`
	Text       string            `json:"text" doc:"The event in words, in the language of Accept-Language"`
	Data       object            `json:"data,omitempty"`
	URL        string            `json:"url" doc:"Its page in the console"`
	Links      map[string]string `json:"links,omitempty" doc:"Its source's pages about it"`
	Related    []string          `json:"related,omitempty" doc:"Asked for by id: the events of one cause with it"`
	Unmade     []unmadeOut       `json:"unmade,omitempty" doc:"Asked for by id: the routes that write to its customer, of whom nobody knows who it is"`
}

type unmadeOut struct {
	Route   string `json:"route"`
	Message string `json:"message" doc:"The refused message, with its verdict"`
	Code    string `json:"code" example:"recipient.unknown"`
	Text    string `json:"text" doc:"Why, in the language of Accept-Language"`
	Remedy  string `json:"remedy" doc:"What to do"`
}

type actorOut struct {
	Type string `json:"type" enum:"customer,admin,partner,system" doc:"admin: somebody of the business"`
	ID   string `json:"id,omitempty" doc:"As the source calls them; in the hub's own events as the hub does"`
}

func showActor(a engawa.Actor) *actorOut {
	if a.Type == "" {
		return nil
	}
	return &actorOut{a.Type, a.ID}
}

func (l *lines) showEvent(ctx context.Context, e engawa.Event) (eventOut, error) {
	text, err := l.of(ctx, e)
	return eventOut{
		e.ID, e.Type, e.Group(), e.Account, e.Subject, e.Customer, showActor(e.Actor), e.OccurredAt.UTC(), e.ReceivedAt.UTC(), e.Known, e.Sample, text, e.Data,
		l.a.Compose.EventURL(e), e.Links, nil, nil,
	}, err
}

type eventsIn struct {
	Paging
	Type     string `query:"type" maxLength:"120" doc:"A type, or a group with .* behind it"`
	Customer string `query:"customer" maxLength:"64"`
}

type eventList struct {
	Events []eventOut `json:"events"`
	Next   string     `json:"next" doc:"The cursor of the next page; empty on the last"`
}

func (a *API) listEvents(ctx context.Context, c *call, in *eventsIn) (eventList, error) {
	p, err := in.page(engawa.PrefixEvent)
	if err != nil {
		return eventList{}, err
	}
	evs, err := a.Store.Events(ctx, c.workspace, store.EventFilter{Type: in.Type, Customer: in.Customer}, p)
	out, l := eventList{Events: make([]eventOut, len(evs))}, lines{a: a, c: c}
	for i, e := range evs {
		if out.Events[i], err = l.showEvent(ctx, e); err != nil {
			return eventList{}, err
		}
		out.Next = in.next(len(evs), time.Time{}, e.ID)
	}
	return out, err
}

// One names the thing that an operation is about.
type One struct {
	ID string `path:"id" maxLength:"64"`
}

func (a *API) getEvent(ctx context.Context, c *call, in *One) (eventOut, error) {
	e, err := a.Store.Event(ctx, c.workspace, in.ID)
	if err != nil {
		return eventOut{}, err
	}
	out, err := (&lines{a: a, c: c}).showEvent(ctx, e)
	if err == nil {
		out.Related, err = a.related(ctx, e)
	}
	if err == nil && e.Customer == "" {
		out.Unmade, err = a.unmade(ctx, c, e.ID)
	}
	return out, err
}

// mostCaused is of how many messages of an event it is looked whether they are to nobody.
const mostCaused = 200

// unmade are the routes that write to the customer of an event that is nobody's.
func (a *API) unmade(ctx context.Context, c *call, event string) (out []unmadeOut, err error) {
	caused, err := a.Store.Messages(ctx, c.workspace, store.MessageFilter{Event: event}, store.Page{Limit: mostCaused})
	for _, m := range caused {
		if m.Message.Unaddressed() {
			why, remedy := a.Words.Reason(c.locale, engawa.Reason{Code: verdict.Unknown})
			out = append(out, unmadeOut{m.Message.Route, m.Message.ID, verdict.Unknown, why, remedy})
		}
	}
	return out, err
}

// related are the ids of the events of one cause with e.
func (a *API) related(ctx context.Context, e engawa.Event) (ids []string, err error) {
	evs, err := a.Compose.OneCause(ctx, e)
	for _, other := range evs {
		ids = append(ids, other.ID)
	}
	return ids, err
}
