package sim

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Client is an OAuth client of the account.
type Client struct {
	ID, Secret string
	Public     bool          // its kind: only a confidential one may get tokens for itself
	Scopes     []string      // what it may ask for; nil: anything
	Life       time.Duration // of a token for which no life was asked; 0: 30 minutes
}

// The bounds of a life that is asked for, both excluded.
const (
	shortest = 300    // seconds
	longest  = 172800 // seconds
)

// granted is how every token that was given begins.
const granted = "grant-"

// grant is an access token that was given.
type grant struct {
	scopes []string
	until  time.Time
}

// Revoke ends every token that was given, as an administrator can.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Grants is how many tokens were given and have not been revoked.
func (s *Server) Grants() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens)
}

// grantToken answers POST /oauth/tokens: JSON alone, and the client credentials
// grant alone. It gives no refresh token, and expires_in only to who asked for
// one.
func (s *Server) grantToken(r *http.Request, body []byte) reply {
	if r.Method != http.MethodPost {
		return wrong(http.StatusNotFound, "InvalidEndpoint", "Not found")
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return wrong(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "Please use application/json")
	}
	var in struct {
		Type   string `json:"grant_type"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
		Scope  string `json:"scope"`
		Life   *int   `json:"expires_in"`
	}
	if json.Unmarshal(body, &in) != nil {
		return denied(http.StatusBadRequest, "invalid_request", "The request is not valid JSON.")
	}
	asked := strings.Fields(in.Scope)
	foreign := func(scope string) bool { return s.Client.Scopes != nil && !slices.Contains(s.Client.Scopes, scope) }
	switch {
	case in.Type != "client_credentials":
		return denied(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
	case in.ID == "" || in.Secret == "" || !s.unlocked() && (in.ID != s.Client.ID || in.Secret != s.Client.Secret):
		return denied(http.StatusUnauthorized, "invalid_client", "Client authentication failed")
	case s.Client.Public:
		return denied(http.StatusBadRequest, "unauthorized_client", "The client is not authorized to use this grant type.")
	case len(asked) == 0 || slices.ContainsFunc(asked, foreign):
		return denied(http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
	case in.Life != nil && (*in.Life <= shortest || *in.Life >= longest):
		return denied(http.StatusBadRequest, "invalid_request", "expires_in must be more than 300 and less than 172800")
	}
	life := s.Client.Life
	if life == 0 {
		life = 30 * time.Minute
	}
	out := map[string]any{"token_type": "bearer", "scope": in.Scope}
	if in.Life != nil {
		life = time.Duration(*in.Life) * time.Second
		out["expires_in"] = *in.Life
	}
	token := granted + rand.Text()
	if s.tokens == nil {
		s.tokens = map[string]grant{}
	}
	s.tokens[token] = grant{asked, s.now().Add(life)}
	out["access_token"] = token
	return answer(http.StatusOK, out)
}

// proveGrant says why a bearer token is not one, or not one for this call; nil:
// it is.
func (s *Server) proveGrant(r *http.Request, bearer string) *reply {
	g, ok := s.tokens[bearer]
	if !ok || !s.now().Before(g.until) {
		a := denied(http.StatusUnauthorized, "invalid_token", "The access token provided is expired, revoked, malformed or invalid for other reasons.")
		return &a
	}
	access := "write"
	if r.Method == http.MethodGet {
		access = "read"
	}
	resource, _, _ := strings.Cut(path(r), "/")
	if slices.Contains(g.scopes, access) || slices.Contains(g.scopes, resource+":"+access) {
		return nil
	}
	a := forbidden()
	return &a
}

// denied is an error as OAuth words it (RFC 6749, section 5.2; RFC 6750).
func denied(status int, word, description string) reply {
	return answer(status, map[string]any{"error": word, "error_description": description})
}
