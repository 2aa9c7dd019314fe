// Package api is the HTTP API: JSON in and out, problem+json for errors, API
// keys with scopes. The workspace always comes from the key, never from the
// request. Providers' callbacks are taken as raw bytes.
package api

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

// API answers requests. Its exported fields are set once.
type API struct {
	Store   *store.Store
	Intake  *intake.Intake
	Compose *message.Composer
	Words   *text.Words
	Kinds   []channel.Kind
	Vault   *vault.Vault
	Log     *slog.Logger

	keys keyCache
}

const (
	maxBody     = 5 << 20 // of an API call
	maxCallback = 1 << 20 // of a provider's callback
)

// Handler returns the routes of the API.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /in/{account}", a.callback)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("POST /u/{token}", a.unsubscribe)
	mux.HandleFunc("GET /u/{token}", a.unsubscribePage)
	for _, op := range []struct {
		pattern string
		scope   access.Scope
		serve   func(*call) (int, any, error)
	}{
		{"POST /v1/events", access.EventsWrite, a.postEvents},
		{"GET /v1/events", access.EventsRead, a.listEvents},
		{"GET /v1/events/{id}", access.EventsRead, a.getEvent},
		{"POST /v1/messages", access.MessagesSend, a.postMessage},
		{"POST /v1/messages:check", access.MessagesSend, a.checkMessage},
		{"GET /v1/messages", access.MessagesRead, a.listMessages},
		{"GET /v1/messages/{id}", access.MessagesRead, a.getMessage},
		{"POST /v1/messages/{id}", access.MessagesSend, a.actOnMessage},
		{"GET /v1/accounts", access.AccountsRead, a.listAccounts},
		{"GET /v1/lanes", access.AccountsRead, a.listLanes},
		{"GET /v1/tasks", access.TasksRead, a.listTasks},
		{"POST /v1/customers/{id}/consents", access.ConsentsWrite, a.postConsent},
		{"GET /v1/customers/{id}/consents", access.CustomersRead, a.listConsents},
	} {
		mux.HandleFunc(op.pattern, a.serve(op.scope, op.serve))
	}
	return mux
}

// call is one authorised request.
type call struct {
	w         http.ResponseWriter
	r         *http.Request
	ctx       context.Context //nolint:containedctx // a call lives as long as its request
	workspace string
	locale    engawa.Locale
}

// serve authorises, serves and answers.
func (a *API) serve(scope access.Scope, f func(*call) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		locale := text.Negotiate(r.Header.Get("Accept-Language"), engawa.English)
		p, err := a.principal(r)
		if err == nil {
			err = p.Require(scope)
		}
		if err != nil {
			a.problem(w, r, err)
			return
		}
		status, out, err := f(&call{w: w, r: r, ctx: r.Context(), workspace: p.Workspace, locale: locale})
		if err != nil {
			a.problem(w, r, err)
			return
		}
		answer(w, status, "application/json", out)
	}
}

func answer(w http.ResponseWriter, status int, contentType string, v any) {
	b, err := json.Marshal(v, jsontext.EscapeForHTML(false))
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"code":"internal"}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(b) //nolint:errcheck // the client went away
}

// problem answers an error as RFC 9457 says, once, at this edge.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	p := struct {
		Type   string           `json:"type"`
		Title  string           `json:"title"`
		Status int              `json:"status"`
		Code   string           `json:"code"`
		Detail string           `json:"detail"`
		Remedy string           `json:"remedy,omitempty"`
		Errors []map[string]any `json:"errors,omitempty"`
	}{Type: "about:blank"}
	var e *engawa.Error
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		e = &engawa.Error{Code: engawa.CodeTooLarge, Message: "the body is larger than " + strconv.FormatInt(big.Limit, 10) + " bytes", Remedy: "send less in one call"}
	case errors.As(err, &e):
	case errors.Is(err, context.Canceled):
		return // nobody is there to read it
	default:
		id := engawa.NewID("err")
		a.Log.ErrorContext(r.Context(), "request failed", "id", id, "path", r.Pattern, "err", err)
		e = &engawa.Error{Code: "internal", Message: "the hub failed at this; it is in its log as " + id, Remedy: "try again; if it stays, show the id to who runs the hub"}
	}
	p.Status = statusOf(e.Code)
	p.Title, p.Code, p.Detail, p.Remedy = http.StatusText(p.Status), string(e.Code), e.Message, e.Remedy
	if e.Field != "" {
		p.Errors = []map[string]any{{"location": e.Field, "message": e.Message}}
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
		a.Log.WarnContext(r.Context(), "not taken", "path", r.Pattern, "err", err)
	}
	answer(w, p.Status, "application/problem+json", p)
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

// decode reads the body strictly: intake.Strict, and no unknown names.
func decode(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if err := intake.Strict(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return intake.Unreadable(err)
	}
	return nil
}

// keyCache remembers keys for a few seconds, so that a revocation takes effect
// within that time on every node.
type keyCache struct {
	mu  sync.Mutex
	all map[string]cachedKey
}

type cachedKey struct {
	key   store.APIKey
	until time.Time
}

const keyLife = 5 * time.Second

func (a *API) key(ctx context.Context, id string) (store.APIKey, error) {
	a.keys.mu.Lock()
	c, ok := a.keys.all[id]
	a.keys.mu.Unlock()
	if ok && time.Now().Before(c.until) {
		return c.key, nil
	}
	k, err := a.Store.Key(ctx, id)
	if err != nil {
		return k, err
	}
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	if a.keys.all == nil || len(a.keys.all) > 10_000 {
		a.keys.all = map[string]cachedKey{}
	}
	a.keys.all[id] = cachedKey{k, time.Now().Add(keyLife)}
	return k, nil
}

// principal says who asks. An unknown key costs the same work as a wrong one.
func (a *API) principal(r *http.Request) (access.Principal, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return access.Principal{}, &engawa.Error{Code: engawa.CodeUnauthorized, Message: "there is no API key in the request", Remedy: `send the header "Authorization: Bearer eng_…"`}
	}
	id, hash, err := access.ParseKey(engawa.Secret(token))
	if err != nil {
		return access.Principal{}, err
	}
	var k access.Key
	row, err := a.key(r.Context(), id)
	var missing *engawa.Error
	if err != nil && (!errors.As(err, &missing) || missing.Code != engawa.CodeNotFound) {
		return access.Principal{}, err
	}
	if err == nil {
		k = access.Key{ID: row.ID, Scopes: row.Scopes, CreatedAt: row.CreatedAt, ExpiresAt: row.EndsAt, RevokedAt: row.RevokedAt}
		if _, err := hex.Decode(k.Hash[:], []byte(row.Hash)); err != nil {
			return access.Principal{}, err
		}
	}
	if err := k.Admit(hash, remote(r), time.Now()); err != nil {
		return access.Principal{}, err
	}
	return k.Principal(row.Workspace), nil
}

func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(host) //nolint:errcheck // the zero address is in no network
	return ip
}

// NewKey makes an API key for a workspace, stores it and returns its text.
func NewKey(ctx context.Context, st *store.Store, workspace, name string, scopes ...string) (engawa.Secret, error) {
	k, text := access.NewKey("live")
	return text, st.AddKey(ctx, store.APIKey{
		Workspace: workspace, ID: k.ID, Name: name, Hash: hex.EncodeToString(k.Hash[:]), Scopes: scopes, CreatedAt: k.CreatedAt, EndsAt: k.ExpiresAt,
	})
}

func (a *API) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.Store.Ping(ctx); err != nil {
		a.problem(w, r, &engawa.Error{Code: engawa.CodeUnavailable, Message: "the database does not answer", Remedy: "look at the database", Err: err})
		return
	}
	w.WriteHeader(http.StatusOK)
}
