package api

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// callback takes a provider's post. It answers 200 when the events are
// durable, 4xx for what can never be accepted, 503 for trouble that passes.
func (a *API) callback(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxCallback)
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = a.Intake.Accept(r.Context(), r.PathValue("account"), r.Header, body)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

type identityIn struct {
	Issuer string `json:"issuer"`
	Kind   string `json:"kind"`
	Value  string `json:"value"`
}

// postEvents takes one event or a list, in our own form or as CloudEvents
// (structured, batched or binary). The id is the idempotency key: the same id
// from the same source is the same event.
func (a *API) postEvents(c *call) (int, any, error) {
	body, err := io.ReadAll(c.r.Body)
	if err != nil {
		return 0, nil, err
	}
	out, list, err := a.Intake.Events(c.ctx, c.workspace, c.r.Header, body)
	if err != nil {
		return 0, nil, err
	}
	type accepted struct {
		ID    string `json:"id"`
		Fresh bool   `json:"fresh"`
	}
	all := make([]accepted, len(out))
	for i, j := range out {
		all[i] = accepted{j.ID, j.Fresh}
	}
	if !list {
		return http.StatusAccepted, all[0], nil
	}
	return http.StatusAccepted, map[string]any{"events": all}, nil
}

type eventOut struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Group      string         `json:"group"`
	Account    string         `json:"account"`
	Subject    string         `json:"subject,omitempty"`
	Customer   string         `json:"customer,omitempty"`
	OccurredAt time.Time      `json:"occurred_at"`
	ReceivedAt time.Time      `json:"received_at"`
	Known      bool           `json:"known"`
	Sample     bool           `json:"sample,omitempty"`
	Text       string         `json:"text"`
	Data       jsontext.Value `json:"data,omitempty"`
}

func (a *API) showEvent(c *call, e engawa.Event) eventOut {
	var data map[string]any
	if len(e.Data) > 0 && json.Unmarshal(e.Data, &data) != nil {
		data = nil
	}
	return eventOut{
		e.ID, e.Type, e.Group(), e.Account, e.Subject, e.Customer, e.OccurredAt, e.ReceivedAt, e.Known, e.Sample,
		a.Words.EventLine(c.locale, e.Type, data), e.Data,
	}
}

func (a *API) listEvents(c *call) (int, any, error) {
	q := c.r.URL.Query()
	p, err := page(c)
	if err != nil {
		return 0, nil, err
	}
	evs, err := a.Store.Events(c.ctx, c.workspace, store.EventFilter{Type: q.Get("type"), Customer: q.Get("customer")}, p)
	if err != nil {
		return 0, nil, err
	}
	out := make([]eventOut, len(evs))
	next := ""
	for i, e := range evs {
		out[i] = a.showEvent(c, e)
		next = cursor(time.Time{}, e.ID)
	}
	if len(evs) < limitOf(p) {
		next = ""
	}
	return http.StatusOK, map[string]any{"events": out, "next": next}, nil
}

func (a *API) getEvent(c *call) (int, any, error) {
	e, err := a.Store.Event(c.ctx, c.workspace, c.r.PathValue("id"))
	return http.StatusOK, a.showEvent(c, e), err
}

// cursor names the last row of a page; page reads it back.
func cursor(at time.Time, id string) string {
	if at.IsZero() {
		return "0." + id
	}
	return strconv.FormatInt(at.UnixMicro(), 36) + "." + id
}

func page(c *call) (store.Page, error) {
	var p store.Page
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return p, engawa.Invalid("", "encode the query as URLs are encoded", "the query after the question mark cannot be read")
	}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 200 {
			return p, engawa.Invalid("/limit", "choose 1 to 200", "limit %q is not a number from 1 to 200", s)
		}
		p.Limit = n
	}
	s := q.Get("cursor")
	if s == "" {
		return p, nil
	}
	at, id, ok := strings.Cut(s, ".")
	us, err := strconv.ParseInt(at, 36, 64)
	if !ok || err != nil || us < 0 || !idForm(id) {
		return p, engawa.Invalid("/cursor", `use the "next" of the page before, unchanged`, "this is no cursor of this list")
	}
	p.ID = id
	if us > 0 {
		p.At = time.UnixMicro(us).UTC()
	}
	return p, nil
}

func idForm(id string) bool {
	if len(id) < 5 || len(id) > 64 {
		return false
	}
	for _, r := range id {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}

func limitOf(p store.Page) int {
	if p.Limit == 0 {
		return 50
	}
	return p.Limit
}
