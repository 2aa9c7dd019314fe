package api

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/intake"
)

// version is the API's, in openapi.yaml; the paths carry its first number.
const version = "1.0.0"

const about = "Every call names its key: `Authorization: Bearer eng_…`. The workspace comes from the key. The scope that an operation asks for stands in its `security`.\n\n" +
	"Errors are problem+json (RFC 9457): `code` is stable and for programs, `detail` says what was seen and what is allowed, `remedy` what to do, `errors[]` where. " +
	"Titles, reasons and event lines come in the language of `Accept-Language`: ja, ko or en.\n\n" +
	"`Idempotency-Key` on any POST makes it take effect once for 24 hours: the same request again gets the same answer, another request under the key 422. " +
	"Lists take `limit` and the `next` of the page before as `cursor`. Times are RFC 3339."

// document is the description of the API, made from the operations.
type document struct{ api *huma.OpenAPI }

//go:generate go test . -run ^TestDocument$ -update

// Document describes the API; its YAML is openapi.yaml at the root.
func (a *API) Document() *huma.OpenAPI { return a.operations(newMux()).api }

// describe puts into an operation what is alike in all.
func describe(h *huma.Operation, o op) {
	h.Security = []map[string][]string{{"key": {string(o.scope)}}}
	if o.scope == access.AppUse {
		h.Security = []map[string][]string{{"app": {}}}
	}
	if strings.HasPrefix(o.path, partnerPaths) {
		h.Security = []map[string][]string{{"partner": {string(o.scope)}}}
	}
	if o.scope == access.PartnerSelf {
		h.Security = []map[string][]string{{"partner": {}}}
	}
	h.Responses = map[string]*huma.Response{"default": problemResponse()}
	if o.method == http.MethodPost {
		h.Parameters = append(h.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header", Description: "Makes the request take effect once, for 24 hours",
			Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxOnceKey)},
		})
	}
}

func problemResponse() *huma.Response {
	return &huma.Response{
		Description: "What was wrong, and what to do", Content: map[string]*huma.MediaType{problemType: {Schema: &huma.Schema{Ref: refPrefix + "Problem"}}},
	}
}

const refPrefix = "#/components/schemas/"

// schemaName is the name of a type in the document, without the Out that keeps
// Go's types apart from their values.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Out")
}

// operations registers every operation on m and returns their description.
func (a *API) operations(m *mux) document {
	h := a.newHuma(m)
	d := document{api: h.OpenAPI()}
	d.api.Info.Description, d.api.Tags = about, tags()
	d.api.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key of the workspace, with scopes"},
		"app": {Type: "http", Scheme: "bearer", Description: "An app key, which an app carries to its customers' devices"},
		"partner": {
			Type: "oauth2", Description: "A partner's token",
			Flows: &huma.OAuthFlows{ClientCredentials: &huma.OAuthFlow{TokenURL: tokenPath, Scopes: partnerScopes()}},
		},
	}
	schemas := d.api.Components.Schemas
	schemas.Schema(reflect.TypeFor[problem](), true, "")
	a.addOperations(h)
	d.addEvents()
	d.addCallback()
	d.addToken()
	delete(schemas.Map(), "ErrorModel") // huma's own form of a problem: translated before it leaves
	delete(schemas.Map(), "ErrorDetail")
	for _, s := range schemas.Map() {
		neverNull(s)
	}
	return d
}

// neverNull says of arrays that they are never null: ours are empty instead.
func neverNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	neverNull(s.Items)
	for _, p := range s.Properties {
		neverNull(p)
	}
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		neverNull(more)
	}
}

// addEvents describes POST /v1/events, which is served beside huma.
func (d document) addEvents() {
	schemas := d.api.Components.Schemas
	ref := func(t reflect.Type) *huma.Schema { return schemas.Schema(t, true, "") }
	posted := ref(reflect.TypeFor[intake.Posted]())
	s := schemas.SchemaFromRef(posted.Ref)
	delete(s.Properties, "More")
	s.Required = []string{"id", "type"}
	s.Properties["data"] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "What routes and templates read"}
	s.Properties["actor"] = &huma.Schema{
		Type: huma.TypeObject, Description: "Who caused it. Of a CloudEvent the extension attribute actor, a text: customer, or customer:123. Where it is missing and data has an actor of these types, that is taken.",
		Properties: map[string]*huma.Schema{
			"type": {Type: huma.TypeString, Enum: []any{"customer", "admin", "partner", "system"}, Description: "admin: somebody of the business"},
			"id":   {Type: huma.TypeString, MaxLength: new(64), Description: "As you call them; no mail address"},
		}, Required: []string{"type"}, AdditionalProperties: false,
	}
	s.Properties["links"] = &huma.Schema{
		Type: huma.TypeObject, Description: "Your pages about it, 8 at most, by one lower-case word each; not of a CloudEvent", MaxProperties: new(8),
		AdditionalProperties: &huma.Schema{Type: huma.TypeString, Format: "uri", MaxLength: new(1024)},
	}
	s.AdditionalProperties = true // extension attributes, of a CloudEvent alone
	s.Description = "An event in our own form, or a CloudEvent 1.0 (then with specversion and source)"
	list := &huma.Schema{Type: huma.TypeArray, Items: posted, MinItems: new(1), MaxItems: new(intake.MaxBatch)}
	op := &huma.Operation{
		OperationID: "postEvents", Method: http.MethodPost, Path: "/v1/events", Tags: []string{tagEvents}, Summary: "Tell what happened",
		Description: "One event, or a list of up to 1000: all are kept or none. 202 means that they are durable. The same id is the same event: posting it again changes nothing. " +
			"CloudEvents 1.0 are taken in structured, batched and binary form. The data of a type that GET /v1/event-types/{type} describes is held against its schema: " +
			"a wrong type or a missing required member is 400 with the place; members that the schema does not name are kept, and null stands for absent.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json":                   {Schema: &huma.Schema{OneOf: []*huma.Schema{posted, list}}},
			"application/cloudevents+json":       {Schema: posted},
			"application/cloudevents-batch+json": {Schema: list},
		}},
	}
	describe(op, opOf(op, access.EventsWrite))
	op.Responses[strconv.Itoa(http.StatusAccepted)] = &huma.Response{
		Description: http.StatusText(http.StatusAccepted), Content: map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{OneOf: []*huma.Schema{ref(reflect.TypeFor[eventAccepted]()), ref(reflect.TypeFor[eventsAccepted]())}},
		}},
	}
	d.api.AddOperation(op)
}

// partnerScopes are those that a grant can have.
func partnerScopes() map[string]string {
	about := map[access.Scope]string{
		access.MessagesRead: "See what became of your messages", access.MessagesSend: "Write to subscribers", access.SubscribersRead: "See the subscribers of an app", access.AppsRead: "See apps",
	}
	scopes := map[string]string{}
	for _, n := range access.Scopes {
		if n.Partner {
			scopes[string(n.Scope)] = about[n.Scope]
		}
	}
	return scopes
}

// addToken describes how a partner takes a token.
func (d document) addToken() {
	schemas := d.api.Components.Schemas
	json := func(t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(t, true, "")}}
	}
	text := &huma.Schema{Type: huma.TypeString}
	d.api.AddOperation(&huma.Operation{
		OperationID: "takeToken", Method: http.MethodPost, Path: tokenPath, Tags: []string{tagPartner}, Summary: "Take a token",
		Description: "The client credentials grant of OAuth 2.0 (RFC 6749, 4.4). client_id is the partner's id. Client and secret go by HTTP Basic or in the form, and never in the URL. " +
			"A token lives for 15 minutes at most, and ends at once with its secret, with the partner, and with its grants.",
		Security: []map[string][]string{},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-www-form-urlencoded": {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"grant_type"}, Properties: map[string]*huma.Schema{
				"grant_type": {Type: huma.TypeString, Enum: []any{"client_credentials"}}, "client_id": text, "client_secret": text,
				"scope": {Type: huma.TypeString, Description: "Parted by spaces; all of your grants if missing"},
			},
		}}}},
		Responses: map[string]*huma.Response{
			"200":     {Description: http.StatusText(http.StatusOK), Content: json(reflect.TypeFor[tokenOut]())},
			"default": {Description: "An error of RFC 6749, 5.2", Content: json(reflect.TypeFor[oauthError]())},
		},
	})
}

func opOf(h *huma.Operation, scope access.Scope) op {
	return op{method: h.Method, scope: scope}
}

// addCallback describes the way in for providers.
func (d document) addCallback() {
	d.api.AddOperation(&huma.Operation{
		OperationID: "receiveCallback", Method: http.MethodPost, Path: "/in/{account}", Tags: []string{tagEvents}, Summary: "A provider's callback",
		Description: "What a provider posts (the App Store's notifications, for one). It proves itself by its own signature and has no API key. " +
			"200 means that it is durable; 503 asks the provider to come again; 4xx is for what can never be accepted. What a system of the business signs is held against the catalogue of events, as at /v1/events.",
		Security:   []map[string][]string{},
		Parameters: []*huma.Param{{Name: "account", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		}},
		Responses: map[string]*huma.Response{"200": {Description: "Durable"}, "default": problemResponse()},
	})
}

// serve answers with what text makes, which is made once, when first asked for.
func (a *API) serve(contentType string, text func() ([]byte, error)) http.HandlerFunc {
	made := sync.OnceValues(text)
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := made()
		if err != nil {
			a.problem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", contentType+"; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Write(b) // the client went away
	}
}
