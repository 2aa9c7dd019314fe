package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// problem is an error as RFC 9457 says it.
type problem struct {
	Type   string  `json:"type" doc:"Always about:blank: code says which problem it is"`
	Title  string  `json:"title" doc:"The kind of problem, in the language of Accept-Language (ja, ko or en)"`
	Status int     `json:"status"`
	Code   string  `json:"code" doc:"Stable, for programs" example:"invalid"`
	Detail string  `json:"detail" doc:"What was seen and what is allowed"`
	Remedy string  `json:"remedy,omitempty" doc:"What to do now"`
	Errors []fault `json:"errors,omitempty" doc:"Every fault that was found"`
}

// fault is one fault of an input.
type fault struct {
	Location string `json:"location" doc:"A JSON pointer into the body, or the name of a parameter after a question mark" example:"/to/customer"`
	Message  string `json:"message"`
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus is for huma.
func (p *problem) GetStatus() int { return p.Status }

// ContentType is for huma.
func (p *problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// GetHeaders is for huma: what belongs to the status.
func (p *problem) GetHeaders() http.Header {
	h := http.Header{}
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	}
	return h
}

// problem answers an error, once, at this edge.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	p := a.trouble(r, err)
	maps.Copy(w.Header(), p.GetHeaders())
	answer(w, p.Status, problemType, p)
}

// trouble classifies an error and logs what is the hub's own fault.
func (a *API) trouble(r *http.Request, err error) *problem {
	var told *engawa.Error
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		told = &engawa.Error{Code: engawa.CodeTooLarge, Message: fmt.Sprintf("the body is larger than %d bytes", big.Limit), Remedy: "send less in one call"}
	case errors.As(err, &told):
	case errors.Is(err, context.Canceled):
		told = &engawa.Error{Code: engawa.CodeUnavailable, Message: "the request was given up before it was answered", Remedy: "send it again, under an idempotency key"} // nobody is there to read it
	default:
		id := engawa.NewID("err")
		a.Log.ErrorContext(r.Context(), "request failed", "id", id, "path", r.Pattern, "err", err)
		told = &engawa.Error{Code: codeInternal, Message: "the hub failed at this; it is in its log as " + id, Remedy: "try again; if it stays, show the id to who runs the hub"}
	}
	p := a.newProblem(r, told.Code, clip(told.Message, 500), told.Remedy)
	if told.Field != "" {
		p.Errors = []fault{{clip(told.Field, 200), p.Detail}}
	}
	if told.Code == engawa.CodeUnavailable && !errors.Is(err, context.Canceled) {
		a.Log.WarnContext(r.Context(), "not taken", "path", r.Pattern, "err", err)
	}
	return p
}

const codeInternal engawa.Code = "internal"

func (a *API) newProblem(r *http.Request, code engawa.Code, detail, remedy string) *problem {
	return &problem{
		Type: "about:blank", Title: a.Words.T(localeOf(r), "api."+string(code)), Status: statusOf(code), Code: string(code), Detail: detail, Remedy: remedy,
	}
}

func localeOf(r *http.Request) engawa.Locale {
	return text.Negotiate(r.Header.Get("Accept-Language"), engawa.English)
}

func statusOf(c engawa.Code) int {
	switch c {
	case engawa.CodeInvalid:
		return http.StatusBadRequest
	case engawa.CodeUnauthorized, engawa.CodeUnverified:
		return http.StatusUnauthorized
	case engawa.CodeForbidden:
		return http.StatusForbidden
	case engawa.CodeNotFound:
		return http.StatusNotFound
	case engawa.CodeMethod:
		return http.StatusMethodNotAllowed
	case engawa.CodeConflict:
		return http.StatusConflict
	case engawa.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case engawa.CodeMediaType:
		return http.StatusUnsupportedMediaType
	case engawa.CodeMismatch:
		return http.StatusUnprocessableEntity
	case engawa.CodeRateLimited:
		return http.StatusTooManyRequests
	case engawa.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, contentType string, v any) {
	b, err := json.Marshal(v, jsontext.EscapeForHTML(false), json.Deterministic(true))
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"code":"internal"}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(b) // the client went away
}

// told turns what huma found wrong with a request into a problem of ours. The
// values that it carries are left out: they may be addresses or secrets.
func (a *API) told(r *http.Request, m *huma.ErrorModel) *problem {
	const most = 20
	p := a.newProblem(r, engawa.CodeInvalid, m.Detail, "send what /docs says about this operation")
	for _, e := range m.Errors {
		if len(p.Errors) == most {
			break
		}
		p.Errors = append(p.Errors, fault{place(e.Location), clip(faultWords(e), 500)})
	}
	if len(p.Errors) > 0 {
		p.Detail = strings.TrimPrefix(p.Errors[0].Location+": ", ": ") + p.Errors[0].Message
		p.Remedy = "correct what errors lists; /docs says what each field takes"
	}
	return p
}

// place turns huma's "body.to[0].customer" into a JSON pointer, and
// "query.limit" into "?limit".
func place(location string) string {
	if name, ok := strings.CutPrefix(location, "query."); ok {
		return "?" + clip(name, 200)
	}
	rest, ok := strings.CutPrefix(location, "body")
	if !ok {
		return clip(location, 200)
	}
	return clip(strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(rest), 200)
}

// clip keeps a text that a caller made huge out of an answer.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// faultWords says what was seen and what is allowed.
func faultWords(e *huma.ErrorDetail) string {
	rest, ok := strings.CutPrefix(e.Message, "expected ")
	switch {
	case e.Message == "unexpected property" || e.Message == "unknown query parameter":
		return "this name is not known here"
	case !ok:
		return e.Message
	case strings.HasPrefix(rest, "required property "):
		return strings.TrimSuffix(strings.TrimPrefix(rest, "required property "), " to be present") + " is missing"
	}
	return "this is " + kindOf(e.Value) + "; expected is " + rest
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return fmt.Sprintf("a text of %d characters", len([]rune(v)))
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return "an object"
	}
	return "a number"
}
