package api

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// eventIn is an event as a system posts it: our own form, or CloudEvents 1.0.
type eventIn struct {
	ID          string         `json:"id"`
	Type        string         `json:"type"`
	Subject     string         `json:"subject"`
	OccurredAt  *time.Time     `json:"occurred_at"`
	Customer    string         `json:"customer"`
	Identities  []identityIn   `json:"identities"`
	Data        jsontext.Value `json:"data"`
	SpecVersion string         `json:"specversion"` // CloudEvents from here on
	Source      string         `json:"source"`
	Time        *time.Time     `json:"time"`
	ContentType string         `json:"datacontenttype"`
	Schema      string         `json:"dataschema"`
	Trace       string         `json:"traceparent"`
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
	ins, single, err := readEvents(c.r)
	if err != nil {
		return 0, nil, err
	}
	evs := make([]engawa.Event, len(ins))
	for i, in := range ins {
		if evs[i], err = in.event(); err != nil {
			return 0, nil, err
		}
	}
	out, err := a.Intake.Events(c.ctx, c.workspace, evs)
	if err != nil {
		return 0, nil, err
	}
	type accepted struct {
		ID    string `json:"id"`
		Fresh bool   `json:"fresh"`
	}
	list := make([]accepted, len(out))
	for i, j := range out {
		list[i] = accepted{j.ID, j.Fresh}
	}
	if single {
		return http.StatusAccepted, list[0], nil
	}
	return http.StatusAccepted, map[string]any{"events": list}, nil
}

func readEvents(r *http.Request) (ins []eventIn, single bool, err error) {
	body, err := readBody(r)
	if err != nil {
		return nil, false, err
	}
	if r.Header.Get("Ce-Id") != "" {
		in, err := binaryEvent(r.Header, body)
		return []eventIn{in}, true, err
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(body, &ins, json.RejectUnknownMembers(true)); err != nil {
			return nil, false, unreadable(err)
		}
		return ins, false, nil
	}
	ins = make([]eventIn, 1)
	if err := json.Unmarshal(body, &ins[0], json.RejectUnknownMembers(true)); err != nil {
		return nil, true, unreadable(err)
	}
	return ins, true, nil
}

// binaryEvent reads CloudEvents' binary form: attributes in ce-* headers.
func binaryEvent(h http.Header, body []byte) (eventIn, error) {
	in := eventIn{
		ID: h.Get("Ce-Id"), Type: h.Get("Ce-Type"), Subject: h.Get("Ce-Subject"), Source: h.Get("Ce-Source"),
		SpecVersion: h.Get("Ce-Specversion"), Customer: h.Get("Ce-Customer"), Trace: h.Get("Ce-Traceparent"), Data: body,
	}
	if t := h.Get("Ce-Time"); t != "" {
		at, err := time.Parse(time.RFC3339, t)
		if err != nil {
			return in, engawa.Invalid("/time", "write the time as 2026-11-23T12:00:00Z", "ce-time %q is not an RFC 3339 time", t)
		}
		in.Time = &at
	}
	return in, nil
}

func (in eventIn) event() (engawa.Event, error) {
	e := engawa.Event{Type: in.Type, DedupKey: in.ID, Subject: in.Subject, Customer: in.Customer, Trace: in.Trace}
	at := in.OccurredAt
	if in.SpecVersion != "" {
		if in.SpecVersion != "1.0" || in.Source == "" {
			return e, engawa.Invalid("/specversion", "send CloudEvents 1.0 with a source", "this is CloudEvents %q from source %q", in.SpecVersion, in.Source)
		}
		e.DedupKey, at = in.Source+"\n"+in.ID, in.Time
		if in.ID == "" {
			e.DedupKey = ""
		}
	}
	if at != nil {
		e.OccurredAt = at.UTC()
	}
	for _, id := range in.Identities {
		if id.Issuer == "" || id.Kind == "" || id.Value == "" {
			return e, engawa.Invalid("/identities", "give issuer, kind and value", "an identity is incomplete")
		}
		e.Identities = append(e.Identities, engawa.Identity{Issuer: id.Issuer, Kind: id.Kind, Value: id.Value})
	}
	e.Data = bytes.TrimSpace(in.Data)
	if len(e.Data) == 0 {
		e.Data = []byte("{}")
	}
	if e.Data[0] != '{' || !jsontext.Value(e.Data).IsValid() {
		return e, engawa.Invalid("/data", "send a JSON object", "data is not a JSON object")
	}
	if depth(e.Data) > 32 {
		return e, engawa.Invalid("/data", "nest at most 32 levels deep", "data is nested too deep")
	}
	return e, nil
}

// depth is how deep a JSON text nests.
func depth(b []byte) int {
	deepest, open, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case quoted:
		case b[i] == '{' || b[i] == '[':
			open++
			deepest = max(deepest, open)
		case b[i] == '}' || b[i] == ']':
			open--
		}
	}
	return deepest
}

// readBody reads the body and refuses what no database of ours can keep.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return nil, engawa.Invalid("", "send UTF-8 without a byte order mark", "the body begins with a byte order mark")
	case !utf8.Valid(body):
		return nil, engawa.Invalid("", "send UTF-8", "the body is not UTF-8")
	case hasNUL(body):
		return nil, engawa.Invalid("", "remove the character U+0000", "a text in the body holds the character U+0000, which cannot be stored")
	case depth(body) > 64:
		return nil, engawa.Invalid("", "nest at most 32 levels deep", "the body is nested too deep")
	}
	return body, nil
}

// hasNUL finds U+0000 as a byte or as an escape.
func hasNUL(b []byte) bool {
	if bytes.IndexByte(b, 0) >= 0 {
		return true
	}
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i+5 < len(b); {
		if b[i+1] == 'u' && string(b[i+2:i+6]) == "0000" {
			return true
		}
		next := bytes.IndexByte(b[i+2:], '\\')
		if next < 0 {
			return false
		}
		i += 2 + next
	}
	return false
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
