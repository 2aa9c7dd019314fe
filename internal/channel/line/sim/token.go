package sim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Kinds of channel access tokens.
const (
	longLived  = "long-lived"
	shortLived = "short-lived"
	byJWT      = "v2.1"
	stateless  = "stateless"
)

const (
	mostTokens    = 30
	shortLife     = 30 * 24 * time.Hour
	statelessLife = 15 * time.Minute
	oldLife       = 24 * time.Hour // of a long-lived token after a new one was issued
	assertionLife = 30 * time.Minute
)

// token is a channel access token.
type token struct {
	text, kind string
	of         *account
	login      *login  // of a Login channel
	who        *person // of a person
	keyID      string
	until      time.Time // zero: for ever
	nth        int64
	revoked    bool
}

func (t *token) dead(now time.Time) bool {
	return t.revoked || !t.until.IsZero() && !now.Before(t.until)
}

// mint makes a token.
func (s *Server) mint(t token) *token {
	t.text, t.nth = rand.Text()+rand.Text()+"/"+rand.Text()+"=", s.next()
	s.tokens[t.text] = &t
	return &t
}

// LongLived issues the long-lived token of an account, as the console's button
// does. The one before lives for another day.
func (s *Server) LongLived(accountID string) string {
	s.enter()
	defer s.leave()
	a := s.account(accountID)
	if a == nil {
		return ""
	}
	for _, t := range s.tokens {
		if t.of == a && t.kind == longLived && t.until.IsZero() {
			t.until = s.now().Add(oldLife)
		}
	}
	return s.mint(token{kind: longLived, of: a}).text
}

// AddAssertionKey registers a key with a channel, as its Admin does in the
// console, and returns its id.
func (s *Server) AddAssertionKey(accountID string, key *rsa.PublicKey) string {
	s.enter()
	defer s.leave()
	a := s.account(accountID)
	if a == nil {
		return ""
	}
	id := newUUID()
	a.keys[id] = key
	return id
}

var bearer = regexp.MustCompile(`^[A-Za-z0-9+/=_.-]+$`)

// caller finds whose token a call carries.
func (s *Server) caller(r *http.Request) (*account, *reply) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	message := ""
	switch t := s.tokens[text]; {
	case r.Header.Get("Authorization") == "":
		message = "Authorization header required. Must follow the scheme, 'Authorization: Bearer <ACCESS TOKEN>'"
	case !ok || !bearer.MatchString(text):
		message = "Authentication failed due to the following reason: The access token malformed. Confirm that the access token in the authorization header is valid."
	case t == nil || t.of == nil || t.dead(s.now()):
		message = "Authentication failed. Confirm that the access token in the authorization header is valid."
	default:
		return t.of, nil
	}
	out := refuse(http.StatusUnauthorized, message)
	return nil, &out
}

// denied is an error as OAuth words it.
func denied(status int, word, description string) reply {
	return answer(status, map[string]any{"error": word, "error_description": description})
}

// form reads a call that must be a form.
func form(r *http.Request, body []byte) (url.Values, *reply) {
	content, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	f, err := url.ParseQuery(string(body))
	if err != nil || content != "application/x-www-form-urlencoded" {
		out := denied(http.StatusBadRequest, "invalid_request", "The request is not a form")
		return nil, &out
	}
	return f, nil
}

// keyless are the endpoints that need no channel access token.
func (s *Server) keyless(hostName, method, path string) func(*http.Request, []byte) reply {
	if hostName != "api.line.me" {
		return nil
	}
	if path == "/liff/v1/apps" || strings.HasPrefix(path, "/liff/v1/apps/") {
		return s.liffApps
	}
	takes := func(do func(url.Values) reply) func(*http.Request, []byte) reply {
		return func(r *http.Request, body []byte) reply {
			if r.Method == http.MethodGet {
				return do(r.URL.Query())
			}
			f, refused := form(r, body)
			if refused != nil {
				return *refused
			}
			return do(f)
		}
	}
	switch method + " " + path {
	case "POST /oauth2/v3/token":
		return takes(s.issueStateless)
	case "POST /v2/oauth/accessToken":
		return takes(s.issueShort)
	case "POST /oauth2/v2.1/token":
		return takes(func(f url.Values) reply {
			if f.Get("grant_type") == "authorization_code" {
				return s.exchange(f)
			}
			return s.issueV21(f)
		})
	case "POST /oauth2/v2.1/verify":
		return takes(s.verifyIDToken)
	case "GET /oauth2/v2.1/certs":
		return takes(s.certs)
	case "GET /friendship/v1/status":
		return s.byUser(s.friendFlag)
	case "GET /oauth2/v2.1/userinfo":
		return s.byUser(s.userInfo)
	case "GET /v2/profile":
		return s.byUser(s.userProfile)
	case "POST /v2/oauth/verify":
		return takes(s.verify)
	case "GET /oauth2/v2.1/verify":
		return takes(s.verifyV21)
	case "POST /v2/oauth/revoke":
		return takes(s.revoke)
	case "POST /oauth2/v2.1/revoke":
		return takes(s.revokeV21)
	case "GET /oauth2/v2.1/tokens/kid":
		return takes(s.keyIDs)
	}
	return nil
}

func noClient() *reply {
	out := denied(http.StatusBadRequest, "invalid_client", "invalid client_id or client_secret")
	return &out
}

// byClient finds a channel by its id and secret, as a token of it begins.
func (s *Server) byClient(f url.Values) (token, *reply) {
	for _, a := range s.accounts {
		if a.ID == f.Get("client_id") && a.Secret == f.Get("client_secret") {
			return token{of: a}, nil
		}
	}
	if l := s.loginOf(f.Get("client_id")); l != nil && l.Secret == f.Get("client_secret") {
		return token{login: l}, nil
	}
	return token{}, noClient()
}

func (s *Server) issueStateless(f url.Values) reply {
	if f.Get("grant_type") != "client_credentials" {
		return denied(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
	}
	var made token
	var refused *reply
	if f.Get("client_assertion") != "" {
		made.of, _, refused = s.byAssertion(f, false)
	} else {
		made, refused = s.byClient(f)
	}
	if refused != nil {
		return *refused
	}
	made.kind, made.until = stateless, s.now().Add(statelessLife)
	t := s.mint(made)
	return answer(http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": t.text, "expires_in": int(statelessLife / time.Second)})
}

func (s *Server) issueShort(f url.Values) reply {
	if f.Get("grant_type") != "client_credentials" {
		return denied(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
	}
	made, refused := s.byClient(f)
	if refused != nil {
		return *refused
	}
	if made.of != nil && !s.take(made.of, "POST /v2/oauth/accessToken", perSecond370) {
		return refuse(http.StatusTooManyRequests, tooFast)
	}
	if have := s.living(made, shortLived); len(have) >= mostTokens {
		have[0].revoked = true
	}
	made.kind, made.until = shortLived, s.now().Add(shortLife)
	t := s.mint(made)
	return answer(http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": t.text, "expires_in": int(shortLife / time.Second)})
}

// living are a channel's tokens of a kind that are not dead, oldest first.
func (s *Server) living(channel token, kind string) []*token {
	var out []*token
	for _, t := range s.tokens {
		if t.of == channel.of && t.login == channel.login && t.kind == kind && !t.dead(s.now()) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *token) int { return int(a.nth - b.nth) })
	return out
}

func (s *Server) issueV21(f url.Values) reply {
	if f.Get("grant_type") != "client_credentials" {
		return denied(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
	}
	of, life, refused := s.byAssertion(f, true)
	switch {
	case refused != nil:
		return *refused
	case len(s.living(token{of: of}, byJWT)) >= mostTokens:
		return denied(http.StatusBadRequest, "invalid_request", "The maximum number of access tokens has already been issued")
	}
	t := s.mint(token{kind: byJWT, of: of, keyID: hexText(11), until: s.now().Add(life)})
	return answer(http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": t.text, "expires_in": int(life / time.Second), "key_id": t.keyID})
}

// byAssertion proves the JWT that a channel signed with its assertion key, and
// says how long the token is to live where it has to say so.
func (s *Server) byAssertion(f url.Values, needsLife bool) (of *account, life time.Duration, refused *reply) {
	wrong := func(why string) (*account, time.Duration, *reply) {
		out := denied(http.StatusBadRequest, "invalid_client", why)
		return nil, 0, &out
	}
	if f.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return wrong("Invalid client_assertion_type")
	}
	parts := strings.Split(f.Get("client_assertion"), ".")
	if len(parts) != 3 {
		return wrong("Invalid client_assertion")
	}
	var head struct{ Alg, Kid string }
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
		TokenExp      int64 `json:"token_exp"`
	}
	if part(parts[0], &head) != nil || part(parts[1], &claims) != nil {
		return wrong("Invalid client_assertion")
	}
	of = s.account(claims.Iss)
	if of == nil || of.ID != claims.Iss || claims.Sub != claims.Iss || claims.Aud != "https://api.line.me/" {
		return wrong("Invalid iss, sub or aud")
	}
	key := of.keys[head.Kid]
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if key == nil || head.Alg != "RS256" || err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) != nil {
		return wrong("Invalid signature")
	}
	now := s.now()
	if exp := time.Unix(claims.Exp, 0); !exp.After(now) || exp.After(now.Add(assertionLife)) {
		return wrong("Invalid exp")
	}
	life = time.Duration(claims.TokenExp) * time.Second
	if needsLife && (life <= 0 || life > shortLife) {
		return wrong("Invalid token_exp")
	}
	return of, life, nil
}

func part(text string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("read a part of a JWT: %w", err)
	}
	return json.Unmarshal(b, v)
}

// checkToken says whom a token is of and how long it lives, for whom asks.
func (s *Server) checkToken(text string, kinds ...string) reply {
	t := s.tokens[text]
	if t == nil || t.dead(s.now()) || !slices.Contains(kinds, t.kind) {
		return denied(http.StatusBadRequest, "invalid_request", "The access token expired or is invalid")
	}
	out := map[string]any{"client_id": t.client(), "expires_in": int(t.until.Sub(s.now()) / time.Second), "scope": ""}
	if t.login != nil {
		out["scope"] = "openid profile"
	}
	return answer(http.StatusOK, out)
}

func (t *token) client() string {
	if t.login != nil {
		return t.login.ID
	}
	return t.of.ID
}

func (s *Server) verify(f url.Values) reply { return s.checkToken(f.Get("access_token"), shortLived) }

func (s *Server) verifyV21(f url.Values) reply {
	return s.checkToken(f.Get("access_token"), byJWT, stateless, userToken)
}

// revoke ends a short-lived or long-lived token, and says so of any text.
func (s *Server) revoke(f url.Values) reply {
	if f.Get("access_token") == "" {
		return denied(http.StatusBadRequest, "invalid_request", "access_token is required")
	}
	s.endToken(s.tokens[f.Get("access_token")], shortLived, longLived)
	return reply{status: http.StatusOK}
}

func (s *Server) revokeV21(f url.Values) reply {
	channel, refused := s.byClient(f)
	if refused != nil {
		return *refused
	}
	if t := s.tokens[f.Get("access_token")]; t != nil && t.of == channel.of && t.login == channel.login {
		s.endToken(t, byJWT, userToken)
	}
	return reply{status: http.StatusOK}
}

// endToken revokes a token of one of the kinds; a stateless one cannot be.
func (s *Server) endToken(t *token, kinds ...string) {
	if t != nil && slices.Contains(kinds, t.kind) {
		t.revoked = true
	}
}

func (s *Server) keyIDs(f url.Values) reply {
	of, _, refused := s.byAssertion(f, false)
	if refused != nil {
		return *refused
	}
	kids := []string{}
	for _, t := range s.living(token{of: of}, byJWT) {
		kids = append(kids, t.keyID)
	}
	return answer(http.StatusOK, map[string]any{"kids": kids})
}
