// Package api is the HTTP API: JSON in and out, problem+json for errors, API
// keys with scopes. The workspace always comes from the key, never from the
// request. Its operations are huma's (operation.go), so that the types are the
// document; events and providers' callbacks are taken as raw bytes.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/mypage"
	"github.com/engawa/engawa/internal/partner"
	"github.com/engawa/engawa/internal/phone"
	"github.com/engawa/engawa/internal/refund"
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
	Desk    *desk.Desk
	Kinds   []channel.Kind
	Vault   *vault.Vault
	Log     *slog.Logger
	Refunds *refund.Runner
	Follow  *follow.Follower
	Lists   *partner.Lists
	Pages   *mypage.Site // the customers' pages, to which it makes links
	// From is the network that a request comes from; nil: that of the connection.
	From func(*http.Request) string

	callers callerCache
	phones  phone.Pace

	partnerPace phone.Pace
	door        sync.Once
	doorway     *phone.Door
}

const (
	maxBody     = 5 << 20 // of an API call
	maxCallback = 1 << 20 // of a provider's callback
)

// Handler returns the routes of the API: /v1, /in, the one-click links, health,
// and the API's own description.
func (a *API) Handler() http.Handler {
	m := newMux()
	m.none = func(w http.ResponseWriter, r *http.Request) { a.problem(w, r, m.missing(w, r)) }
	doc := a.operations(m)
	m.HandleFunc("POST /v1/events", func(w http.ResponseWriter, r *http.Request) {
		a.enter(w, r, access.EventsWrite, a.postEvents) //nolint:contextcheck // a request with an idempotency key outlives its caller
	})
	m.HandleFunc("POST /in/{account}", a.callback)
	m.HandleFunc("POST "+tokenPath, a.token)
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	m.HandleFunc("GET /readyz", a.ready)
	m.HandleFunc("POST /u/{token}", a.unsubscribe)
	m.HandleFunc("GET /u/{token}", a.unsubscribePage)
	m.HandleFunc("GET /openapi.yaml", a.serve("application/yaml", doc.api.YAML))
	m.HandleFunc("GET /docs", a.serve("text/html", doc.html))
	m.HandleFunc("/v1/", m.none)
	return m
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
