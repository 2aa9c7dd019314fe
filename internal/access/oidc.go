package access

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

const (
	oidcLife    = 10 * time.Minute // from leaving for the provider to coming back
	oidcSkew    = time.Minute      // what two clocks may differ by
	oidcMaxBody = 1 << 20          // bytes of any answer of a provider
	oidcTimeout = 10 * time.Second
	oidcRetry   = 5 * time.Second // between two questions to a provider that is down
	oidcPurpose = "access.oidc"
)

// algorithms are the signatures that an ID token may have. Never "none", never a
// keyed hash: with those, whoever knows a public key could sign.
func algorithms() []string { return []string{oidc.RS256, oidc.ES256, oidc.EdDSA} }

// Provider is the settings of one OpenID provider.
type Provider struct {
	Issuer       string // exactly as the provider spells it; https, or http on loopback
	ClientID     string
	ClientSecret engawa.Secret // empty: a public client
	RedirectURL  string        // exactly as registered with the provider
	SubjectOnly  bool          // who it is counts alone: no mail address is asked for
	Endpoints    *Endpoints    // of one that does not describe itself; nil: it does (OpenID Connect Discovery)
}

// Endpoints are where a provider is asked whose description and keys are not known.
// Whom UserInfo names for the access token that was just traded at Token, both over
// TLS, is who signs in; an ID token counts for nothing.
type Endpoints struct {
	Authorize, Token, UserInfo string
	Scopes                     []string // besides openid
}

// Format names the provider without the secret, whatever the verb.
func (p Provider) Format(f fmt.State, _ rune) { fmt.Fprint(f, "provider "+p.Issuer) }

// OIDC signs people in by an OpenID provider: authorization code with PKCE
// (RFC 7636, S256), state and nonce bound to the browser (OpenID Connect Core
// §3.1, RFC 9700 §2.1). It is safe for concurrent use.
type OIDC struct {
	settings Provider
	client   *http.Client
	vault    *vault.Vault
	cookies  Cookies

	asking   sync.Mutex  // held while the provider is asked about itself
	provider *discovered // nil until it has answered once
	failure  error       // what came of asking last
	failed   time.Time   // when that was

	mu   sync.Mutex
	used map[string]time.Time // states that have come back, until they expire
}

// discovered is what the provider says of itself.
type discovered struct {
	*oidc.Provider
	verifier    *oidc.IDTokenVerifier
	namesItself bool // names itself in its answers (RFC 9207)
	userInfo    bool
}

// Claims is what the provider vouches for. A member is found by Issuer and
// Subject together, never by Mail.
type Claims struct {
	Issuer  string
	Subject string
	Mail    engawa.Address // verified by the provider
	Name    string
	Told    string // what UserInfo of Endpoints said, in JSON
	Next    string // the local path to go on to
}

// Format names who vouches, not for whom, whatever the verb.
func (c Claims) Format(f fmt.State, _ rune) { fmt.Fprint(f, "claims of "+c.Issuer) }

// trip is what the browser carries, sealed, to the provider and back.
type trip struct {
	Issuer   string `json:"iss"`
	Back     string `json:"back"` // where it is to come back to, and nowhere else
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
}

// NewOIDC checks the settings and asks nothing yet: a provider that is down must
// not keep the hub from starting. The client's transport is used, its redirects
// are not followed.
func NewOIDC(p Provider, client *http.Client, v *vault.Vault, c Cookies) (*OIDC, error) {
	if err := checkProviderURL("/issuer", p.Issuer); err != nil {
		return nil, err
	}
	if err := checkProviderURL("/redirect_url", p.RedirectURL); err != nil {
		return nil, err
	}
	if p.ClientID == "" {
		return nil, engawa.Invalid("/client_id", "copy the client id from the provider's page", "the client id is empty")
	}
	o := &OIDC{settings: p, client: bounded(client), vault: v, cookies: c, used: map[string]time.Time{}}
	if p.Endpoints != nil {
		if err := p.Endpoints.check(); err != nil {
			return nil, err
		}
		o.provider = &discovered{Provider: (&oidc.ProviderConfig{
			IssuerURL: p.Issuer, AuthURL: p.Endpoints.Authorize, TokenURL: p.Endpoints.Token, UserInfoURL: p.Endpoints.UserInfo,
		}).NewProvider(context.Background())}
	}
	return o, nil
}

func (e *Endpoints) check() error {
	return cmp.Or(checkProviderURL("/authorize", e.Authorize), checkProviderURL("/token", e.Token), checkProviderURL("/userinfo", e.UserInfo))
}

// Start sends the browser to the provider. The form value "next" is where it
// goes on to afterwards; anything but a path of this site becomes "/". The error
// is an *engawa.Error, and then nothing has been written.
func (o *OIDC) Start(w http.ResponseWriter, r *http.Request) error {
	p, err := o.discover(r.Context())
	if err != nil {
		return err
	}
	t := trip{
		Issuer: o.settings.Issuer, Back: o.settings.RedirectURL, State: newToken().Reveal(), Nonce: newToken().Reveal(),
		Verifier: oauth2.GenerateVerifier(), Next: localPath(r.FormValue("next")),
	}
	sealed, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("start sign-in: %w", err)
	}
	o.cookies.set(w, oidcCookie, o.vault.Token(oidcPurpose, sealed, time.Now().Add(oidcLife)), oidcLife)
	ask := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(t.Verifier)}
	if o.settings.Endpoints == nil {
		ask = append(ask, oidc.Nonce(t.Nonce)) // for the ID token to repeat
	}
	to := o.oauth(p).AuthCodeURL(t.State, ask...)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// Finish takes the browser back: it checks the answer, trades the code and
// verifies the ID token, or asks for user info where that is the proof. Whatever comes of it, this trip is over. Every error is
// an *engawa.Error with a Refusal; it holds no code, token or address.
func (o *OIDC) Finish(w http.ResponseWriter, r *http.Request) (Claims, error) {
	o.cookies.clear(w, oidcCookie)
	t, err := o.trip(r, time.Now())
	if err != nil {
		return Claims{}, err
	}
	p, err := o.discover(r.Context())
	if err != nil {
		return Claims{}, err
	}
	code, err := o.answer(p, r.URL.Query())
	if err != nil {
		return Claims{}, err
	}
	ctx := oidc.ClientContext(r.Context(), o.client)
	tokens, err := o.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return Claims{}, refuse(exchangeRefusal(err), errors.New("the code was not traded"))
	}
	if o.settings.Endpoints != nil {
		return o.told(ctx, p, tokens, t)
	}
	id, err := o.verify(ctx, p, tokens, t, time.Now())
	if err != nil {
		return Claims{}, err
	}
	who, err := o.person(ctx, p, id, tokens)
	if err != nil {
		return Claims{}, err
	}
	return Claims{Issuer: id.Issuer, Subject: id.Subject, Mail: who.Mail, Name: who.Name, Next: t.Next}, nil
}

// discover returns what the provider says of itself. It is asked until it has
// answered once, by one sign-in at a time, and after a failure not for a while:
// those who wait get the same answer.
func (o *OIDC) discover(ctx context.Context) (*discovered, error) {
	o.asking.Lock()
	defer o.asking.Unlock()
	switch {
	case o.provider != nil:
		return o.provider, nil
	case o.failure != nil && time.Since(o.failed) < oidcRetry:
		return nil, o.failure
	}
	p, err := o.ask(context.WithoutCancel(ctx)) // others wait for this answer too
	if err != nil {
		o.failure, o.failed = refuse(ProviderDown, err), time.Now()
		return nil, o.failure
	}
	o.provider, o.failure = p, nil
	return p, nil
}

func (o *OIDC) ask(ctx context.Context) (*discovered, error) {
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, o.client), o.settings.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %s", o.settings.Issuer, brief(err))
	}
	var says struct {
		NamesItself bool   `json:"authorization_response_iss_parameter_supported"`
		UserInfo    string `json:"userinfo_endpoint"`
		Keys        string `json:"jwks_uri"`
	}
	if err := p.Claims(&says); err != nil {
		return nil, fmt.Errorf("discover %s: %s", o.settings.Issuer, brief(err))
	}
	for _, u := range []string{p.Endpoint().AuthURL, p.Endpoint().TokenURL, says.Keys} {
		if err := checkProviderURL("", u); err != nil {
			return nil, fmt.Errorf("discover %s: %w", o.settings.Issuer, err)
		}
	}
	return &discovered{
		Provider: p, namesItself: says.NamesItself,
		userInfo: checkProviderURL("", says.UserInfo) == nil,
		verifier: p.Verifier(&oidc.Config{
			ClientID: o.settings.ClientID, SupportedSigningAlgs: algorithms(),
			SkipExpiryCheck: true, // verify looks at the times, with our skew
		}),
	}, nil
}

// brief cuts an error that quotes a whole answer.
func brief(err error) string {
	s := err.Error()
	return strings.ToValidUTF8(s[:min(len(s), 200)], "")
}

func (o *OIDC) oauth(p *discovered) *oauth2.Config {
	c := &oauth2.Config{
		ClientID: o.settings.ClientID, ClientSecret: o.settings.ClientSecret.Reveal(),
		Endpoint: p.Endpoint(), RedirectURL: o.settings.RedirectURL, Scopes: []string{oidc.ScopeOpenID},
	}
	switch {
	case o.settings.Endpoints != nil:
		c.Scopes = append(c.Scopes, o.settings.Endpoints.Scopes...)
		c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // to try the other way too would use up the code
	case !o.settings.SubjectOnly:
		c.Scopes = append(c.Scopes, "email", "profile")
	}
	return c
}

// trip opens what the browser carried and uses it up.
func (o *OIDC) trip(r *http.Request, now time.Time) (trip, error) {
	sealed, ok := o.cookies.get(r, oidcCookie)
	if !ok {
		return trip{}, refuse(ProviderState, errors.New("no cookie, or two"))
	}
	plain, err := o.vault.OpenToken(oidcPurpose, sealed, now)
	if err != nil {
		return trip{}, refuse(ProviderState, err)
	}
	var t trip
	if err := json.Unmarshal(plain, &t); err != nil {
		return trip{}, refuse(ProviderState, err)
	}
	state, err := one(r.URL.Query(), "state")
	switch {
	case err != nil:
		return trip{}, refuse(ProviderState, err)
	case t.Issuer != o.settings.Issuer || t.Back != o.settings.RedirectURL:
		return trip{}, refuse(ProviderState, errors.New("begun with another provider"))
	case subtle.ConstantTimeCompare([]byte(state), []byte(t.State)) != 1:
		return trip{}, refuse(ProviderState, errors.New("another state"))
	case !o.useUp(state, now):
		return trip{}, refuse(ProviderState, errors.New("the state came back before"))
	}
	return t, nil
}

// useUp reports whether state comes back for the first time on this node. On
// another node the provider's own single use of codes stands.
func (o *OIDC) useUp(state string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for s, until := range o.used {
		if now.After(until) {
			delete(o.used, s)
		}
	}
	_, seen := o.used[state]
	o.used[state] = now.Add(oidcLife)
	return !seen
}

// answer returns the code of the provider's answer.
func (o *OIDC) answer(p *discovered, q url.Values) (string, error) {
	if q.Has("iss") || p.namesItself { // RFC 9207 §2.4: against mixing up two providers
		if iss, err := one(q, "iss"); err != nil || iss != o.settings.Issuer {
			return "", refuse(ProviderProof, errors.New("the answer names another issuer"))
		}
	}
	if q.Has("error") {
		return "", refuse(ProviderRefused, fmt.Errorf("the provider answered %q", known(q.Get("error"))))
	}
	code, err := one(q, "code")
	if err != nil {
		return "", refuse(ProviderProof, err)
	}
	return code, nil
}

// verify checks the ID token (OpenID Connect Core §3.1.3.7), more strictly in
// one point: no audience but us.
func (o *OIDC) verify(ctx context.Context, p *discovered, tokens *oauth2.Token, t trip, now time.Time) (*oidc.IDToken, error) {
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return nil, refuse(ProviderProof, errors.New("no ID token"))
	}
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, refuse(ProviderProof, errors.New(brief(err)))
	}
	var more struct {
		AZP *string  `json:"azp"`
		NBF *float64 `json:"nbf"`
	}
	if err := id.Claims(&more); err != nil {
		return nil, refuse(ProviderProof, err)
	}
	var wrong string
	switch {
	case id.Issuer != o.settings.Issuer:
		wrong = "iss"
	case id.Subject == "" || len(id.Subject) > 255:
		wrong = "sub"
	case len(id.Audience) != 1 || id.Audience[0] != o.settings.ClientID:
		wrong = "aud"
	case more.AZP != nil && *more.AZP != o.settings.ClientID:
		wrong = "azp"
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1:
		wrong = "nonce"
	case !now.Before(id.Expiry.Add(oidcSkew)):
		wrong = "exp"
	case id.IssuedAt.After(now.Add(oidcSkew)) || id.IssuedAt.Before(now.Add(-oidcLife)):
		wrong = "iat"
	case more.NBF != nil && time.Unix(int64(*more.NBF), 0).After(now.Add(oidcSkew)):
		wrong = "nbf"
	case id.AccessTokenHash != "" && id.VerifyAccessToken(tokens.AccessToken) != nil:
		wrong = "at_hash"
	default:
		return id, nil
	}
	return nil, refuse(ProviderProof, fmt.Errorf("the ID token's %s does not hold", wrong))
}

// told returns whom the user-info endpoint names for the token.
func (o *OIDC) told(ctx context.Context, p *discovered, tokens *oauth2.Token, t trip) (Claims, error) {
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil { // it may quote the answer
		return Claims{}, refuse(ProviderDown, errors.New("the user-info endpoint gave no user info"))
	}
	var all json.RawMessage
	if err := info.Claims(&all); err != nil || info.Subject == "" || len(info.Subject) > 255 {
		return Claims{}, refuse(ProviderProof, errors.New("user info names no subject"))
	}
	return Claims{Issuer: o.settings.Issuer, Subject: info.Subject, Told: string(all), Next: t.Next}, nil
}

// profile is what a provider tells of a person.
type profile struct {
	Mail     engawa.Address `json:"email"`
	Verified verified       `json:"email_verified"`
	Name     string         `json:"name"`
}

// verified is true, or "true" as some providers spell it.
type verified bool

func (v *verified) UnmarshalJSON(b []byte) error {
	*v = string(b) == "true" || string(b) == `"true"`
	return nil
}

// person returns what the ID token or, where it has no mail address, the
// user-info endpoint tells. An address that is not verified is refused.
func (o *OIDC) person(ctx context.Context, p *discovered, id *oidc.IDToken, tokens *oauth2.Token) (profile, error) {
	var who profile
	if err := id.Claims(&who); err != nil {
		return profile{}, refuse(ProviderProof, errors.New("the ID token's claims cannot be read"))
	}
	if o.settings.SubjectOnly {
		return profile{}, nil
	}
	if who.Mail == "" && p.userInfo {
		info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return profile{}, refuse(ProviderDown, errors.New("the user-info endpoint did not answer"))
		}
		if info.Subject != id.Subject { // OpenID Connect Core §5.3.2
			return profile{}, refuse(ProviderProof, errors.New("user info is about another subject"))
		}
		if err := info.Claims(&who); err != nil {
			return profile{}, refuse(ProviderProof, errors.New("user info cannot be read"))
		}
	}
	if who.Mail == "" || !who.Verified {
		return profile{}, refuse(MailUnverified, nil)
	}
	return who, nil
}

// exchangeRefusal tells a provider that says no from one that does not answer.
func exchangeRefusal(err error) Refusal {
	var said *oauth2.RetrieveError
	if errors.As(err, &said) && said.Response != nil && said.Response.StatusCode < http.StatusInternalServerError {
		return ProviderProof
	}
	return ProviderDown
}

// one returns the only value of a parameter: two would let two readers of the
// same answer see different ones.
func one(q url.Values, name string) (string, error) {
	if len(q[name]) != 1 || q[name][0] == "" {
		return "", fmt.Errorf("the answer has %d values of %s", len(q[name]), name)
	}
	return q[name][0], nil
}

// known returns an error code of RFC 6749 §4.1.2.1 or OpenID Connect Core
// §3.1.2.6 as it is, and nothing else: the rest is whatever a stranger wrote.
func known(code string) string {
	switch code {
	case "access_denied", "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope",
		"server_error", "temporarily_unavailable", "interaction_required", "login_required",
		"account_selection_required", "consent_required":
		return code
	}
	return "another error"
}

// localPath returns path if a browser stays on this site with it, else "/".
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsAny(path, "\\\r\n\t") || len(path) > 1_000 {
		return "/"
	}
	return path
}

// checkProviderURL refuses what is not https, or http to this machine.
func checkProviderURL(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return engawa.Invalid(field, "give the whole URL, starting with https://", "%q is not an https URL", text)
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// bounded returns a client that follows no redirect, waits at most oidcTimeout
// and reads at most oidcMaxBody of an answer.
func bounded(c *http.Client) *http.Client {
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &http.Client{
		Transport:     limited{transport},
		Timeout:       oidcTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// limited cuts answers off.
type limited struct{ http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, oidcMaxBody), resp.Body}
	return resp, nil
}
