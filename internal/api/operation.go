package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/store"
)

// op names one operation. The document and the routes follow from it and from
// the types of the function that answers it.
type op struct {
	id, method, path string
	scope            access.Scope
	status           int // of success
	tag, summary     string
	about            string // more than the summary; may be empty
}

// call is one authorised request.
type call struct {
	w         http.ResponseWriter
	r         *http.Request
	body      []byte
	who       access.Principal
	workspace string
	store     *store.Store // as who asks uses it: what is changed goes into the audit trail
	client    store.Client // the partner who asks; zero: none does
	locale    engawa.Locale
}

// actor names who asks, for the audit trail and for what keeps who changed it.
func (c *call) actor() string {
	if c.who.Partner != "" {
		return "partner:" + c.who.Partner
	}
	if c.who.Member != "" {
		return "member:" + c.who.Member
	}
	return "key:" + c.who.Key
}

// enter lets a request in: who asks, for what, and whether what it carries can
// be a request at all. One with an idempotency key is served once.
func (a *API) enter(w http.ResponseWriter, r *http.Request, scope access.Scope, serve func(*call)) {
	w.Header().Set("Cache-Control", "no-store")
	c := &call{w: w, r: r, locale: localeOf(r)}
	err := a.identify(c)
	if err == nil {
		err = c.who.Require(scope)
	}
	if err == nil {
		c.workspace, c.store = c.who.Workspace, a.Store.By(c.actor())
		err = checkURL(r.URL)
	}
	most := int64(maxBody)
	if err == nil && c.who.App != "" {
		most, err = maxPhoneBody, a.admitPhone(c)
	}
	if err == nil {
		c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	}
	switch keys := r.Header.Values("Idempotency-Key"); {
	case err != nil:
		a.problem(w, r, err)
	case r.Method == http.MethodPost && len(keys) > 0:
		a.once(c, keys, serve)
	default:
		serve(c)
	}
}

// identify says who asks: a partner below its own paths, else a key.
func (a *API) identify(c *call) (err error) {
	if strings.HasPrefix(c.r.URL.Path, partnerPaths) {
		return a.partnerBy(c)
	}
	c.who, err = a.principal(c.r)
	return err
}

// checkURL refuses what no database of ours can keep or look up.
func checkURL(u *url.URL) error {
	query, err := url.QueryUnescape(u.RawQuery)
	if err == nil {
		_, err = url.ParseQuery(u.RawQuery) // refuses semicolons too
	}
	if err != nil {
		return engawa.Invalid("?", "encode the query as URLs are encoded", "the query after the question mark cannot be read")
	}
	for _, text := range []string{query, u.Path} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return engawa.Invalid("?", "send visible characters in UTF-8, percent-encoded", "the URL holds a control character or is not UTF-8")
		}
	}
	return nil
}

type callKey struct{}

// out is what an operation answers, as huma wants it.
type out[T any] struct{ Body T }

// add registers an operation that f answers. A path parameter is an id: one
// that cannot be an id is nobody's.
func add[In, Out any](a *API, api huma.API, o op, f func(context.Context, *call, *In) (Out, error)) {
	h := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, DefaultStatus: o.status, Summary: o.summary, Description: o.about, Tags: []string{o.tag},
		MaxBodyBytes: -1, // enter has read it
		Middlewares:  huma.Middlewares{a.gate(o.scope)},
	}
	describe(&h, o)
	huma.Register(api, h, func(ctx context.Context, in *In) (*out[Out], error) {
		c := ctx.Value(callKey{}).(*call) //nolint:forcetypeassert // the gate sets it
		got, err := f(ctx, c, in)
		if err != nil {
			return nil, a.trouble(c.r, err)
		}
		return &out[Out]{got}, nil
	})
}

// gate is enter before huma.
func (a *API) gate(scope access.Scope) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		a.enter(w, r, scope, func(c *call) {
			if err := checkBody(c); err != nil {
				a.problem(c.w, c.r, err)
				return
			}
			inner := c.r.WithContext(context.WithValue(c.r.Context(), callKey{}, c))
			inner.Body = io.NopCloser(bytes.NewReader(c.body))
			next(request{humago.NewContext(ctx.Operation(), inner, c.w)})
		})
	}
}

func checkBody(c *call) error {
	if len(c.body) == 0 {
		return nil
	}
	if _, err := intake.MediaType(c.r.Header); err != nil {
		return err
	}
	return intake.Strict(c.body)
}

// request is huma's view of a request that enter has let in.
type request struct{ humaContext }

type humaContext huma.Context // under another name, since it has a method Context

// Unwrap is for humago.
func (q request) Unwrap() huma.Context { return q.humaContext }

// SetStatus keeps 422 for an idempotency key that was used for another request:
// a fault of the input is 400.
func (q request) SetStatus(code int) {
	if code == http.StatusUnprocessableEntity {
		code = http.StatusBadRequest
	}
	q.humaContext.SetStatus(code)
}

// SetReadDeadline does nothing: the body has been read.
func (request) SetReadDeadline(time.Time) error { return nil }

// format is JSON by json v2: strict in, deterministic out.
func format() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			return json.MarshalWrite(w, v, jsontext.EscapeForHTML(false), json.Deterministic(true))
		},
		Unmarshal: func(b []byte, v any) error {
			err := json.Unmarshal(b, v, json.RejectUnknownMembers(true))
			if err == nil {
				return nil
			}
			told := intake.Unreadable(err)
			return errors.New(strings.TrimPrefix(told.Field+": ", ": ") + told.Message)
		},
	}
}

// newHuma makes the huma API on m. Its document is served by us.
func (a *API) newHuma(m *mux) huma.API {
	c := huma.DefaultConfig("Engawa", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil // no $schema in answers
	c.Formats = map[string]huma.Format{"application/json": format(), "json": format()}
	c.RejectUnknownQueryParameters = true
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Transformers = []huma.Transformer{func(ctx huma.Context, _ string, v any) (any, error) {
		if m, ok := v.(*huma.ErrorModel); ok {
			r, _ := humago.Unwrap(ctx)
			return a.told(r, m), nil
		}
		return v, nil
	}}
	return humago.New(m, c)
}
