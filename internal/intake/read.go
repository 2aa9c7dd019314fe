package intake

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
)

// Posted is an event as a system of the business posts it: in our own form, or
// as a CloudEvent 1.0 (https://github.com/cloudevents/spec, JSON format §2-4).
type Posted struct {
	ID         string     `json:"id" minLength:"1" maxLength:"255" doc:"The sender's own id: the same id is the same event"`
	Type       string     `json:"type" maxLength:"120" example:"contract.terminated" doc:"Lower-case words joined by dots"`
	Subject    string     `json:"subject,omitempty" maxLength:"255" doc:"What it is about, in the sender's words"`
	OccurredAt *time.Time `json:"occurred_at,omitempty" doc:"When it happened, with zone; now if missing"`
	Customer   string     `json:"customer,omitempty" maxLength:"64" doc:"The customer's id, if known; of one who is not there, or no more, the event is kept and belongs to nobody"`
	Identities []Identity `json:"identities,omitempty" maxItems:"16" doc:"What the customer is found by; who is not known yet is registered by them"`
	Actor      Object     `json:"actor,omitempty"`
	Links      Object     `json:"links,omitempty"`
	Data       Object     `json:"data,omitempty" doc:"A JSON object: what routes and templates read"`
	Trace      string     `json:"traceparent,omitempty" maxLength:"100" doc:"W3C trace context"`

	// CloudEvents from here on.
	SpecVersion string     `json:"specversion,omitempty" enum:"1.0" doc:"Makes it a CloudEvent, whose source and id together are its id"`
	Source      string     `json:"source,omitempty" maxLength:"1024"`
	Time        *time.Time `json:"time,omitempty"`
	ContentType string     `json:"datacontenttype,omitempty" maxLength:"255"`
	Schema      string     `json:"dataschema,omitempty" maxLength:"1024"`

	// More holds extension attributes of a CloudEvent, and what does not belong.
	More map[string]jsontext.Value `json:",embed"`
}

// Identity is what a customer may be found by.
type Identity struct {
	Issuer string `json:"issuer" minLength:"1" maxLength:"255" example:"business"`
	Kind   string `json:"kind" minLength:"1" maxLength:"64" example:"member_number"`
	Value  string `json:"value" minLength:"1" maxLength:"512"`
}

// Object is the text of a JSON object.
type Object = jsontext.Value

// Content types of CloudEvents.
const (
	cloudEvent      = "application/cloudevents+json"
	cloudEventBatch = "application/cloudevents-batch+json"
)

// read turns the body of a post into events: our own form, a list of them, or
// CloudEvents in their structured, batched and binary forms. list is true for
// a list. Errors are CodeInvalid with the place.
func read(h http.Header, body []byte) (evs []engawa.Event, list bool, err error) {
	kind, err := MediaType(h)
	if err != nil {
		return nil, false, err
	}
	inHeaders := h.Get("Ce-Specversion") != "" && kind != cloudEvent && kind != cloudEventBatch
	if inHeaders && len(body) == 0 {
		body = []byte("{}") // data is optional
	}
	if err := Strict(body); err != nil {
		return nil, false, err
	}
	body = bytes.TrimLeft(body, " \t\r\n")
	if body[0] == '[' && !inHeaders && kind != cloudEvent {
		evs, err = readList(body, kind == cloudEventBatch)
		return evs, true, err
	}
	var e engawa.Event
	if inHeaders {
		e, err = readBinary(h, kind, body)
	} else {
		e, err = readOne(body, kind == cloudEvent)
	}
	return []engawa.Event{e}, false, err
}

// MediaType returns the content type of a request with a JSON body, without its
// parameters; none given is taken as JSON. The error is CodeMediaType.
func MediaType(h http.Header) (string, error) {
	given := h.Get("Content-Type")
	if given == "" {
		return "", nil
	}
	kind, _, err := mime.ParseMediaType(given)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return "", &engawa.Error{
			Code: engawa.CodeMediaType, Message: fmt.Sprintf("the Content-Type is %q", cut(given, 80)),
			Remedy: "send JSON, with the header Content-Type: application/json",
		}
	}
	return kind, nil
}

func readList(body []byte, cloud bool) ([]engawa.Event, error) {
	var texts []jsontext.Value
	if err := json.Unmarshal(body, &texts); err != nil {
		return nil, Unreadable(err)
	}
	if len(texts) == 0 || len(texts) > MaxBatch {
		return nil, engawa.Invalid("", fmt.Sprintf("post between 1 and %d events in one call", MaxBatch), "there are %d events", len(texts))
	}
	evs := make([]engawa.Event, len(texts))
	for i, text := range texts {
		var err error
		if evs[i], err = readOne(text, cloud); err != nil {
			return nil, engawa.Within(fmt.Sprintf("/%d", i), err)
		}
	}
	return evs, nil
}

func readOne(text []byte, cloud bool) (engawa.Event, error) {
	var p Posted
	if err := json.Unmarshal(text, &p); err != nil {
		return engawa.Event{}, Unreadable(err)
	}
	if cloud && p.SpecVersion == "" {
		return engawa.Event{}, engawa.Invalid("/specversion", "send CloudEvents 1.0", "the content type says CloudEvents, and there is no specversion")
	}
	return p.event(text)
}

// readBinary reads CloudEvents' binary form: attributes in ce- headers, percent-
// encoded, the body is the data (HTTP protocol binding §3.1).
func readBinary(h http.Header, kind string, body []byte) (engawa.Event, error) {
	p, actor := Posted{ContentType: kind, Data: body}, ""
	for _, a := range []struct {
		name string
		to   *string
	}{
		{"Id", &p.ID},
		{"Type", &p.Type},
		{"Subject", &p.Subject},
		{"Source", &p.Source},
		{"Specversion", &p.SpecVersion},
		{"Customer", &p.Customer},
		{"Traceparent", &p.Trace},
		{"Actor", &actor},
	} {
		text, err := url.PathUnescape(h.Get("Ce-" + a.name))
		if err != nil || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return engawa.Event{}, engawa.Invalid("/"+strings.ToLower(a.name), "percent-encode the header as UTF-8", "the header ce-%s cannot be read", strings.ToLower(a.name))
		}
		*a.to = text
	}
	if actor != "" {
		p.Actor, _ = json.Marshal(actor) // a string cannot fail
	}
	if t := h.Get("Ce-Time"); t != "" {
		at, err := time.Parse(time.RFC3339, t)
		if err != nil {
			return engawa.Event{}, engawa.Invalid("/time", "write the time as 2026-11-23T12:00:00Z", "ce-time is not an RFC 3339 time with a zone")
		}
		p.Time = &at
	}
	return p.event(nil)
}

// event checks what was posted and translates it. text is kept as evidence
// where it says more than we read.
func (p Posted) event(text []byte) (e engawa.Event, err error) {
	e = engawa.Event{Type: p.Type, DedupKey: p.ID, Subject: p.Subject, Customer: p.Customer, Trace: p.Trace}
	at := p.OccurredAt
	if p.SpecVersion != "" {
		err = p.checkCloud()
		e.DedupKey, at = p.Source+"\n"+p.ID, p.Time
		if len(p.More) > 0 || p.Actor != nil || p.Links != nil {
			e.Raw = text
		}
		e.Actor = p.cloudActor()
	} else if err = p.checkOwn(); err == nil {
		err = p.envelope(&e)
	}
	if err != nil {
		return e, err
	}
	if at != nil {
		e.OccurredAt = at.UTC()
	}
	when := "/occurred_at"
	if p.SpecVersion != "" {
		when = "/time"
	}
	if err = p.check(when, e.OccurredAt); err != nil {
		return e, err
	}
	if e.Identities, err = p.identities(); err != nil {
		return e, err
	}
	e.Data = bytes.TrimSpace(p.Data)
	if len(e.Data) == 0 {
		e.Data = []byte("{}")
	}
	if e.Data[0] != '{' {
		return e, engawa.Invalid("/data", "send a JSON object", "data is not a JSON object")
	}
	return e, nil
}

// maxIdentities is how many identities one event may name.
const maxIdentities = 16

func (p Posted) identities() ([]engawa.Identity, error) {
	if len(p.Identities) > maxIdentities {
		return nil, engawa.Invalid("/identities", fmt.Sprintf("give %d at most", maxIdentities), "there are %d identities", len(p.Identities))
	}
	var ids []engawa.Identity
	for i, id := range p.Identities {
		for _, part := range [...]struct {
			name, text string
			most       int
		}{{"issuer", id.Issuer, 255}, {"kind", id.Kind, 64}, {"value", id.Value, 512}} {
			if n := runes(part.text); n < 1 || n > part.most {
				return nil, engawa.Invalid(fmt.Sprintf("/identities/%d/%s", i, part.name), fmt.Sprintf("give 1 to %d characters", part.most), "the %s has %d characters", part.name, n)
			}
		}
		ids = append(ids, engawa.Identity{Issuer: id.Issuer, Kind: id.Kind, Value: id.Value})
	}
	return ids, nil
}

// attribute is the name of a CloudEvents extension (spec §3.1).
var attribute = regexp.MustCompile(`^[a-z0-9]{1,64}$`)

func (p Posted) checkCloud() error {
	kind, _, _ := mime.ParseMediaType(p.ContentType) // an unreadable type is not JSON
	switch {
	case p.SpecVersion != "1.0":
		return engawa.Invalid("/specversion", "send CloudEvents 1.0", "specversion %q is not known", p.SpecVersion)
	case p.Source == "" || runes(p.Source) > 1024:
		return engawa.Invalid("/source", "name the source in 1 to 1024 characters", "the source has %d characters", runes(p.Source))
	case runes(p.ContentType) > 255:
		return engawa.Invalid("/datacontenttype", "send JSON", "the datacontenttype has %d characters; 255 are allowed", runes(p.ContentType))
	case runes(p.Schema) > 1024:
		return engawa.Invalid("/dataschema", "shorten it to 1024 characters", "the dataschema has %d characters", runes(p.Schema))
	case p.OccurredAt != nil:
		return engawa.Invalid("/occurred_at", "call it time, as CloudEvents does", "occurred_at is no attribute of CloudEvents")
	case p.ContentType != "" && kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		return engawa.Invalid("/datacontenttype", "send JSON", "data is not JSON but %q", p.ContentType)
	}
	for _, name := range slices.Sorted(maps.Keys(p.More)) {
		if name == "data_base64" {
			return engawa.Invalid("/data_base64", "send a JSON object in data", "data cannot be binary")
		}
		if !attribute.MatchString(name) {
			return engawa.Invalid("/"+short(name), "use lower-case letters and digits", "this is no name of a CloudEvents attribute")
		}
	}
	return nil
}

func (p Posted) checkOwn() error {
	if names := slices.Sorted(maps.Keys(p.More)); len(names) > 0 {
		return engawa.Invalid("/"+short(names[0]), "correct the JSON; names must be known and stand once", "this name is not known here")
	}
	if p.Source != "" || p.Time != nil || p.ContentType != "" || p.Schema != "" {
		return engawa.Invalid("/specversion", `add "specversion": "1.0", or call the time occurred_at`, "there are attributes of CloudEvents and no specversion")
	}
	return nil
}

// eventType is lower-case words joined by dots: "contract.terminated".
var eventType = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,7}$`)

// check says what is wrong with id, type and the like; when names the member that
// tells the time.
func (p Posted) check(when string, occurred time.Time) error {
	switch {
	case !eventType.MatchString(p.Type) || len(p.Type) > 120:
		return engawa.Invalid("/type", `write lower-case words joined by dots, such as "contract.terminated"`, "%q is not an event type", short(p.Type))
	case p.ID == "" || runes(p.ID) > 255:
		return engawa.Invalid("/id", "give every event an id of its own, 1 to 255 characters; the same id is the same event", "the id has %d characters", runes(p.ID))
	case strings.ContainsFunc(p.ID, func(r rune) bool { return r < ' ' }):
		return engawa.Invalid("/id", "use visible characters", "the id has a control character")
	case !occurred.IsZero() && (occurred.Year() < 2000 || time.Until(occurred) > 24*time.Hour):
		return engawa.Invalid(when, "give the time at which it happened, from the year 2000 until a day from now", "%s is not a time at which something can have happened", occurred.Format(time.RFC3339))
	case runes(p.Subject) > 255:
		return engawa.Invalid("/subject", "shorten it to 255 characters", "the subject has %d characters", runes(p.Subject))
	case len(p.Customer) > 64:
		return engawa.Invalid("/customer", "use the customer's id here, cus_…, or name an identity", "the customer's id has %d characters", len(p.Customer))
	case len(p.Trace) > maxTrace:
		return engawa.Invalid("/traceparent", fmt.Sprintf("send a W3C traceparent of %d characters at most", maxTrace), "the traceparent has %d characters", len(p.Trace))
	}
	return nil
}

func runes(s string) int { return utf8.RuneCountInString(s) }
