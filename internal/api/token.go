package api

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/phone"
	"github.com/engawa/engawa/internal/store"
)

// A partner's credentials are its id as client_id and a secret; it takes a token
// for them at /oauth/token, by the client credentials grant (RFC 6749, 4.4), and
// shows the token as bearer (RFC 6750). The secret opens nothing else.

const (
	// tokenLife is short because taking another is one call. A token ends at once
	// with its secret, its partner and its grants, whatever its life.
	tokenLife    = 15 * time.Minute
	partnerToken = "partner"      // the purpose of the vault's token
	tokenPrefix  = "eng_partner." // lets a scanner find one that leaked
	maxTokenBody = 8 << 10
	partnerPaths = "/v1/partner/"
	tokenPath    = "/oauth/token"
)

// What one node takes of a network at /oauth/token, and of a partner besides:
// calls a second, and at once.
const (
	tokenRate, tokenBurst     = 5, 60
	partnerRate, partnerBurst = 50, 500
)

// tokenClaims is what a token says. It is sealed: nobody reads it but the hub.
type tokenClaims struct {
	Partner string   `json:"p"`
	Secret  string   `json:"s"`
	Scopes  []string `json:"c"`
}

type tokenOut struct {
	AccessToken string `json:"access_token" doc:"Send it as Authorization: Bearer"`
	TokenType   string `json:"token_type" enum:"Bearer"`
	ExpiresIn   int    `json:"expires_in" doc:"Seconds"`
	Scope       string `json:"scope" doc:"The scopes of the token, parted by spaces"`
}

// oauthError is an error of RFC 6749, 5.2.
type oauthError struct {
	Code        string `json:"error" enum:"invalid_request,invalid_client,unauthorized_client,unsupported_grant_type,invalid_scope,temporarily_unavailable"`
	Description string `json:"error_description"`
	status      int
	basic       bool // the client used HTTP authentication
}

func (e *oauthError) Error() string { return e.Code }

func badRequest(code, description string) *oauthError {
	return &oauthError{Code: code, Description: description, status: http.StatusBadRequest}
}

// token answers POST /oauth/token.
func (a *API) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	out, refused, err := a.takeToken(r)
	switch {
	case err != nil: // the hub's own fault, or the database's
		_ = a.trouble(r, err) // for its line in the log
		w.Header().Set("Retry-After", "5")
		answer(w, http.StatusServiceUnavailable, "application/json", oauthError{Code: "temporarily_unavailable", Description: "try again in a few seconds"})
	case refused != nil:
		switch {
		case refused.status == http.StatusTooManyRequests:
			w.Header().Set("Retry-After", "1")
		case refused.basic:
			w.Header().Set("WWW-Authenticate", `Basic realm="engawa"`)
		}
		answer(w, refused.status, "application/json", refused)
	default:
		answer(w, http.StatusOK, "application/json", out)
	}
}

func (a *API) takeToken(r *http.Request) (tokenOut, *oauthError, error) {
	network := access.Network(remote(r)).String()
	if a.From != nil {
		network = a.From(r)
	}
	if !a.partnerPace.Take(time.Now(), phone.Limit{Name: "network " + network, Rate: tokenRate, Burst: tokenBurst}) {
		return tokenOut{}, &oauthError{
			Code: "temporarily_unavailable", Description: "too many tokens are asked for from this network; use a token for its whole life", status: http.StatusTooManyRequests,
		}, nil
	}
	f, refused := tokenForm(r)
	if refused != nil {
		return tokenOut{}, refused, nil
	}
	id, secret, basic, refused := credentials(r, f)
	if refused != nil {
		return tokenOut{}, refused, nil
	}
	client, err := a.client(r.Context(), id, secret)
	if err != nil {
		return tokenOut{}, nil, err
	}
	if client.Partner.ID == "" {
		return tokenOut{}, &oauthError{Code: "invalid_client", Description: "client_id and client_secret do not stand for a partner here", status: http.StatusUnauthorized, basic: basic}, nil
	}
	scopes, refused := tokenScopes(client, f)
	if refused != nil {
		return tokenOut{}, refused, nil
	}
	claims, err := json.Marshal(tokenClaims{client.Partner.ID, client.Key.ID, scopes})
	if err != nil {
		return tokenOut{}, nil, fmt.Errorf("make token: %w", err)
	}
	if today := store.Day(time.Now()); client.Key.UsedAt.Before(today) {
		if err := a.Store.UseKey(r.Context(), client.Key.Workspace, client.Key.ID, today); err != nil {
			return tokenOut{}, nil, err
		}
	}
	text := tokenPrefix + a.Vault.Token(partnerToken, claims, time.Now().Add(tokenLife))
	return tokenOut{text, "Bearer", int(tokenLife / time.Second), strings.Join(scopes, " ")}, nil, nil
}

// tokenForm reads the parameters. None may be given twice (RFC 6749, 3.2), and
// none stand in the URL, which ends up in logs (2.3.1).
func tokenForm(r *http.Request) (url.Values, *oauthError) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, badRequest("invalid_request", "post a form: Content-Type is application/x-www-form-urlencoded")
	}
	if r.URL.RawQuery != "" {
		return nil, badRequest("invalid_request", "put the parameters into the body: URLs end up in logs")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxTokenBody+1))
	if err != nil || len(body) > maxTokenBody {
		return nil, badRequest("invalid_request", "the body cannot be read, or is larger than 8 KiB")
	}
	f, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest("invalid_request", "the body is no form")
	}
	for _, values := range f {
		if len(values) > 1 {
			return nil, badRequest("invalid_request", "a parameter is given twice")
		}
	}
	switch f.Get("grant_type") {
	case "client_credentials":
		return f, nil
	case "":
		return nil, badRequest("invalid_request", "grant_type is missing: client_credentials")
	}
	return nil, badRequest("unsupported_grant_type", "the one grant type here is client_credentials")
}

// credentials are a client's, by HTTP Basic or in the form, and not by both
// (RFC 6749, 2.3). Of Basic each half is encoded as in a form (2.3.1).
func credentials(r *http.Request, f url.Values) (id string, secret engawa.Secret, basic bool, refused *oauthError) {
	user, password, basic := r.BasicAuth()
	inForm := f.Has("client_id") || f.Has("client_secret")
	switch {
	case basic && f.Has("client_secret"):
		return "", "", basic, badRequest("invalid_request", "the client authenticates twice: by HTTP Basic and in the form")
	case !basic && !inForm:
		return "", "", false, &oauthError{
			Code: "invalid_client", Description: "send client_id and client_secret, by HTTP Basic or in the form", status: http.StatusUnauthorized, basic: r.Header.Get("Authorization") != "",
		}
	case !basic:
		return f.Get("client_id"), engawa.Secret(f.Get("client_secret")), false, nil
	}
	id, err := url.QueryUnescape(user)
	if err != nil {
		id = user
	}
	plain, err := url.QueryUnescape(password)
	if err != nil {
		plain = password
	}
	if f.Has("client_id") && f.Get("client_id") != id {
		return "", "", true, badRequest("invalid_request", "client_id in the form is another than that of HTTP Basic")
	}
	return id, engawa.Secret(plain), true, nil
}

// client returns the partner whom credentials stand for; the zero Client for
// what stands for nobody. A secret that is unknown, wrong, revoked or over, a
// partner that ended and an id that is not the secret's cost the same work.
func (a *API) client(ctx context.Context, id string, secret engawa.Secret) (store.Client, error) {
	key, hash, _ := access.ParseKey(secret) // its id is empty where the text is no secret
	c, err := a.Store.Client(ctx, key)
	if err != nil {
		return store.Client{}, err
	}
	k := access.Key{ID: c.Key.ID, ExpiresAt: c.Key.EndsAt, RevokedAt: c.Key.RevokedAt}
	if n, err := hex.Decode(k.Hash[:], []byte(c.Key.Hash)); c.Key.ID != "" && (err != nil || n != len(k.Hash)) {
		return store.Client{}, fmt.Errorf("the stored hash of secret %s is damaged", c.Key.ID)
	}
	admitted := k.Admit(hash, remoteNone, time.Now()) == nil
	same := subtle.ConstantTimeCompare([]byte(id), []byte(c.Partner.ID)) == 1
	if !admitted || !same || id == "" {
		return store.Client{}, nil
	}
	return c, nil
}

// tokenScopes are those that were asked for, or else all that grants in force give.
func tokenScopes(c store.Client, f url.Values) ([]string, *oauthError) {
	given := granted(c.Grants, time.Now())
	if len(given) == 0 {
		return nil, &oauthError{Code: "unauthorized_client", Description: "no grant of this partner is in force; ask the business", status: http.StatusBadRequest}
	}
	asked := strings.Fields(f.Get("scope"))
	for _, s := range asked {
		if !slices.Contains(given, s) {
			return nil, badRequest("invalid_scope", "a scope is asked for that no grant in force has; leave scope away for all of them")
		}
	}
	if len(asked) == 0 {
		asked = given
	}
	slices.Sort(asked)
	return slices.Compact(asked), nil
}

// granted are the scopes of grants that are in force, each by name.
func granted(grants []engawa.Grant, at time.Time) (scopes []string) {
	for _, n := range access.Scopes {
		if n.Partner && slices.ContainsFunc(grants, func(g engawa.Grant) bool { return g.InForce(at) && g.Allows(string(n.Scope)) }) {
			scopes = append(scopes, string(n.Scope))
		}
	}
	return scopes
}

// partnerBy says which partner's token a request carries. Secret, partner and
// grants are read anew for each request: what ended has ended for the next one.
func (a *API) partnerBy(c *call) error {
	scheme, text, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	sealed, ok := strings.CutPrefix(text, tokenPrefix)
	if !strings.EqualFold(scheme, "Bearer") || !ok {
		return &engawa.Error{Code: engawa.CodeUnauthorized, Message: "there is no partner's token in the request", Remedy: `take one at /oauth/token, and send the header "Authorization: Bearer eng_partner.…"`}
	}
	var claims tokenClaims
	b, err := a.Vault.OpenToken(partnerToken, sealed, time.Now())
	if err == nil {
		err = json.Unmarshal(b, &claims)
	}
	if err != nil {
		return noToken()
	}
	client, err := a.Store.Client(c.r.Context(), claims.Secret)
	if err != nil {
		return err
	}
	k := client.Key
	if client.Partner.ID == "" || client.Partner.ID != claims.Partner || !k.RevokedAt.IsZero() || !time.Now().Before(k.EndsAt) {
		return noToken()
	}
	c.client = client
	c.who = access.Principal{Workspace: k.Workspace, Key: k.ID, Scopes: claims.Scopes, Partner: client.Partner.ID, Grant: granted(client.Grants, time.Now())}
	if !a.partnerPace.Take(time.Now(), phone.Limit{Name: "partner " + c.who.Partner, Rate: partnerRate, Burst: partnerBurst}) {
		return &engawa.Error{Code: engawa.CodeRateLimited, Message: "too many calls of this partner", Remedy: "wait a second before the next call, and twice as long after each refusal"}
	}
	return nil
}

func noToken() error {
	return &engawa.Error{Code: engawa.CodeUnauthorized, Message: "this token is not valid, or no longer", Remedy: "take a new one at /oauth/token"}
}
