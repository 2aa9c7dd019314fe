// Package sim is Smaregi as an app's vendor sees it: the identity service (tokens,
// sign-in with PKCE, userinfo), the list of who uses the app, and the sender of
// AppSubscription notices. What is rude about it: a notice is not signed, waits three
// seconds for its answer and never comes again; where Server.Rude asks, notices come
// in pairs, the later one first and both twice. The list withholds addresses in three
// ways, gives as few in a page as Server.ListMost says, and is down when Server.Down
// says; what is asked for too often is refused with 429.
//
// The list's path and members are not public, so they are set from outside, the same
// as the adapter's. What it answers where no document was found (errors of the list,
// texts) is its own.
package sim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Hosts of the two environments. Any other host is the sandbox.
var (
	idHosts  = []string{"id.smaregi.dev", "id.smaregi.jp"}
	apiHosts = []string{"api.smaregi.dev", "api.smaregi.jp"}
)

// Client is the credentials of a client.
type Client struct{ ID, Secret string }

// Contract is a company that uses, or used, the app.
type Contract struct {
	ID, Name, Plan string
	State          string // "active", "force-stop" or "end"
	Mail           string
	Shares         bool // the box at the page of purchase is ticked
	Users          []User
}

// User is somebody who signs in for a contract.
type User struct {
	ID, Name, Mail string
	Owner          bool
	Unverified     bool // the address is not known to be theirs
}

// Members are the names of the list's members.
type Members struct{ Contract, Name, Mail, Plan, State string }

// The ways in which a list has no address.
const (
	Absent = "absent"
	Null   = "null"
	Empty  = "empty"
)

// The ways in which userinfo goes wrong.
const (
	Refused   = "refused"   // 401
	Broken    = "broken"    // 500
	Garbage   = "garbage"   // 200 and no JSON
	Bare      = "bare"      // of somebody who has no contract
	Malformed = "malformed" // a contract whose id is none, and whose owner is a text
)

// Faults are all of them.
var Faults = []string{Refused, Broken, Garbage, Bare, Malformed}

// Server is the simulated Smaregi. Its exported fields are set before use; those of
// contracts change through Change. It is an http.Handler.
type Server struct {
	App        Client   // in the sandbox; production knows it with "prod-" before both
	Others     []Client // of other apps, the same
	ListClient Client   // of the list of users: another one
	ListPath   string
	ListItems  string // the member under which the list stands; empty: the answer is the list
	ListMost   int    // how many a page has at most, whatever is asked for; 0: 1000
	Members    Members
	Withheld   string        // how an address is withheld; empty: Absent
	Life       time.Duration // of tokens; 0: an hour
	Hook       Hook
	Rude       bool // a notice waits for the next one and goes behind it, and both go twice
	NoMail     bool // the app may not ask for a user's address: who asks is told none
	Contracts  []*Contract

	mu     sync.Mutex
	user   string // who signs in next, as userinfo's sub; empty: the first owner
	fault  string
	tokens map[string]grant
	codes  map[string]code
	calls  map[string][]time.Time
	log    []Call
	sent   []Notice
	held   []notice // waits for the next one
	down   int
	after  time.Duration
}

// Call is one call as the log has it.
type Call struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Rule   string `json:"rule"` // the rule that answered it
}

type grant struct {
	contract, user string
	scopes         []string
	until          time.Time
	refresh        bool
}

type code struct {
	grant
	client, challenge, redirect string
}

// SignIn has a user of a contract sign in from now on.
func (s *Server) SignIn(contract, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = subject(contract, user)
}

func subject(contract, user string) string { return contract + ":" + user }

// Fault has userinfo go wrong in one of its ways; empty: in none.
func (s *Server) Fault(way string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = way
}

// Change changes a contract.
func (s *Server) Change(id string, change func(*Contract)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.Contracts {
		if c.ID == id {
			change(c)
		}
	}
}

// Down has the next n calls of the list answered 503, or, where after says how long to
// wait, 429.
func (s *Server) Down(n int, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.after = n, after
}

// Calls returns the log, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, rule := s.answer(w, r)
	s.log = append(s.log, Call{r.Method, r.URL.Path, status, rule})
}

// answer routes a call. It returns the status and the rule behind it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) (int, string) {
	host, production := r.Host, slices.Contains([]string{idHosts[1], apiHosts[1]}, r.Host)
	id, api := !slices.Contains(apiHosts, host), !slices.Contains(idHosts, host)
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if s.limited(r, production) {
		return tooMany(w, time.Second)
	}
	switch {
	case api && r.URL.Path == "/"+strings.Trim(s.ListPath, "/") && s.ListPath != "":
		return s.list(w, r, production)
	case id && r.Method == http.MethodPost && len(parts) == 3 && parts[0] == "app" && parts[2] == "token":
		return s.appToken(w, r, parts[1], production)
	case id && r.URL.Path == "/authorize" && r.Method == http.MethodGet:
		return s.authorize(w, r, production)
	case id && r.URL.Path == "/authorize/token" && r.Method == http.MethodPost:
		return s.userToken(w, r, production)
	case id && r.URL.Path == "/userinfo" && (r.Method == http.MethodGet || r.Method == http.MethodPost):
		return s.userinfo(w, r)
	case api && len(parts) >= 2 && parts[1] == "pos":
		return s.pos(w, r, parts[0])
	}
	return problem(w, http.StatusNotFound, "Not Found", "unknown path")
}

// limited counts calls in any second: 10 reading and 4 writing in the sandbox, 50 and
// 20 in production.
func (s *Server) limited(r *http.Request, production bool) bool {
	most, key := 10, "read"
	if r.Method != http.MethodGet {
		most, key = 4, "write"
	}
	if production {
		most, key = most*5, key+" production"
	}
	now := time.Now()
	if s.calls == nil {
		s.calls = map[string][]time.Time{}
	}
	recent := slices.DeleteFunc(s.calls[key], func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(recent) >= most {
		s.calls[key] = recent
		return true
	}
	s.calls[key] = append(recent, now)
	return false
}

func (c Client) in(production bool) Client {
	if production {
		return Client{"prod-" + c.ID, "prod-" + c.Secret}
	}
	return c
}

func (c Client) made(r *http.Request) bool {
	id, secret, ok := r.BasicAuth()
	return ok && id == c.ID && secret == c.Secret
}

// apps are the clients that people may sign in to.
func (s *Server) apps(production bool) (all []Client) {
	for _, c := range append([]Client{s.App}, s.Others...) {
		all = append(all, c.in(production))
	}
	return all
}

func (s *Server) find(id string) *Contract {
	for _, c := range s.Contracts {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// appToken grants the app's own token for one contract.
func (s *Server) appToken(w http.ResponseWriter, r *http.Request, contract string, production bool) (int, string) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return oauth(w, http.StatusBadRequest, "invalid_request", "form only")
	}
	if !s.App.in(production).made(r) {
		return oauth(w, http.StatusUnauthorized, "invalid_client", "client")
	}
	c := s.find(contract)
	if c == nil || c.State == "end" {
		return oauth(w, http.StatusBadRequest, "invalid_grant", "the contract does not use the app")
	}
	if r.FormValue("grant_type") != "client_credentials" {
		return oauth(w, http.StatusBadRequest, "unsupported_grant_type", "grant type")
	}
	scopes := strings.Fields(r.FormValue("scope"))
	for _, sc := range scopes {
		if !strings.HasPrefix(sc, "pos.") {
			return oauth(w, http.StatusBadRequest, "invalid_scope", "scope")
		}
	}
	return s.grant(w, grant{contract: contract, scopes: scopes}, "token of the app")
}

func (s *Server) grant(w http.ResponseWriter, g grant, rule string) (int, string) {
	life := s.Life
	if life == 0 {
		life = time.Hour
	}
	out := map[string]any{"scope": strings.Join(g.scopes, " "), "token_type": "Bearer", "expires_in": int(life.Seconds()), "access_token": s.issue(g, life)}
	if slices.Contains(g.scopes, "offline_access") {
		g.refresh = true
		out["refresh_token"] = s.issue(g, 30*24*time.Hour)
	}
	return answer(w, http.StatusOK, "application/json", out), rule
}

func (s *Server) issue(g grant, life time.Duration) string {
	if s.tokens == nil {
		s.tokens = map[string]grant{}
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	token := hex.EncodeToString(b[:])
	g.until = time.Now().Add(life)
	s.tokens[token] = g
	return token
}

func (s *Server) bearer(r *http.Request) (grant, bool) {
	g, ok := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	return g, ok && !g.refresh && time.Now().Before(g.until)
}

// pos is the platform's API, which answers an empty list: it is here for whose token
// opens what.
func (s *Server) pos(w http.ResponseWriter, r *http.Request, contract string) (int, string) {
	g, ok := s.bearer(r)
	switch {
	case !ok:
		return problem(w, http.StatusUnauthorized, "Unauthorized", "token")
	case g.contract != contract:
		return problem(w, http.StatusForbidden, "Forbidden", "token of another contract")
	}
	return answer(w, http.StatusOK, "application/json", []any{}), "an empty list"
}

// authorize signs in who was chosen by SignIn, or the first owner, without a page.
// Nobody to sign in is told to whoever asks, as is a person who declines.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, production bool) (int, string) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil || back.Host == "" || q.Get("response_type") != "code":
		return oauth(w, http.StatusBadRequest, "invalid_request", "redirect_uri and response_type")
	case !slices.ContainsFunc(s.apps(production), func(c Client) bool { return c.ID == q.Get("client_id") }):
		return oauth(w, http.StatusUnauthorized, "invalid_client", "client")
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		return oauth(w, http.StatusBadRequest, "invalid_request", "PKCE")
	}
	to := back.Query()
	to.Set("state", q.Get("state"))
	rule := "signed in"
	if c, u := s.visitor(); u != nil {
		if s.codes == nil {
			s.codes = map[string]code{}
		}
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		once := hex.EncodeToString(b[:])
		s.codes[once] = code{grant{contract: c.ID, user: u.ID, scopes: strings.Fields(q.Get("scope")), until: time.Now().Add(time.Minute)}, q.Get("client_id"), q.Get("code_challenge"), q.Get("redirect_uri")}
		to.Set("code", once)
	} else {
		to.Set("error", "access_denied")
		rule = "nobody to sign in"
	}
	back.RawQuery = to.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound) //nolint:gosec // whoever asks a simulator is told where they asked to be
	return http.StatusFound, rule
}

// visitor is who signs in.
func (s *Server) visitor() (*Contract, *User) {
	for _, c := range s.Contracts {
		for i, u := range c.Users {
			if s.user == "" && u.Owner || s.user == subject(c.ID, u.ID) {
				return c, &c.Users[i]
			}
		}
	}
	return nil, nil
}

// userToken trades a code, once and within a minute, or a refresh token, which rotates.
func (s *Server) userToken(w http.ResponseWriter, r *http.Request, production bool) (int, string) {
	if !slices.ContainsFunc(s.apps(production), func(c Client) bool { return c.made(r) }) {
		return oauth(w, http.StatusUnauthorized, "invalid_client", "client")
	}
	id, _, _ := r.BasicAuth()
	switch r.FormValue("grant_type") {
	case "authorization_code":
		c, ok := s.codes[r.FormValue("code")]
		delete(s.codes, r.FormValue("code"))
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || time.Now().After(c.until) || c.client != id || c.redirect != r.FormValue("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge {
			return oauth(w, http.StatusBadRequest, "invalid_grant", "code, age, client, address or verifier")
		}
		return s.grant(w, c.grant, "token of a user")
	case "refresh_token":
		token := r.FormValue("refresh_token")
		g, ok := s.tokens[token]
		delete(s.tokens, token)
		if !ok || !g.refresh || time.Now().After(g.until) {
			return oauth(w, http.StatusBadRequest, "invalid_grant", "refresh token")
		}
		g.refresh = false
		return s.grant(w, g, "token of a user anew")
	}
	return oauth(w, http.StatusBadRequest, "unsupported_grant_type", "grant type")
}

func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) (int, string) {
	g, ok := s.bearer(r)
	c := s.find(g.contract)
	if !ok || c == nil || g.user == "" {
		return problem(w, http.StatusUnauthorized, "Unauthorized", "token")
	}
	i := slices.IndexFunc(c.Users, func(u User) bool { return u.ID == g.user })
	if i < 0 {
		return problem(w, http.StatusUnauthorized, "Unauthorized", "user")
	}
	u := c.Users[i]
	out := map[string]any{"sub": subject(c.ID, u.ID), "contract": map[string]any{"id": c.ID, "user_id": u.ID, "is_owner": u.Owner}}
	if slices.Contains(g.scopes, "profile") {
		out["name"] = u.Name
	}
	if slices.Contains(g.scopes, "email") && !s.NoMail {
		out["email"], out["email_verified"] = u.Mail, !u.Unverified
	}
	switch s.fault {
	case Refused:
		return problem(w, http.StatusUnauthorized, "Unauthorized", "asked to refuse")
	case Broken:
		return problem(w, http.StatusInternalServerError, "Internal Server Error", "asked to break")
	case Garbage:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("<html>" + u.Mail)) // the reader went away
		return http.StatusOK, "garbage"
	case Bare:
		delete(out, "contract")
	case Malformed:
		out["contract"] = map[string]any{"id": c.ID + "/../x", "is_owner": "true"}
	}
	return answer(w, http.StatusOK, "application/json", out), "claims by scope"
}

// list answers who uses the app, by pages. An address whose sharing was not agreed to
// is withheld.
func (s *Server) list(w http.ResponseWriter, r *http.Request, production bool) (int, string) {
	q := r.URL.Query()
	limit, page := number(q.Get("limit"), 100), number(q.Get("page"), 1)
	switch {
	case s.down > 0:
		s.down--
		if s.after > 0 {
			return tooMany(w, s.after)
		}
		return problem(w, http.StatusServiceUnavailable, "Service Unavailable", "down")
	case r.Method != http.MethodGet:
		return problem(w, http.StatusMethodNotAllowed, "Method Not Allowed", "method")
	case !s.ListClient.in(production).made(r):
		return problem(w, http.StatusUnauthorized, "Unauthorized", "client of the list")
	case limit < 1 || limit > 1000 || page < 1:
		return problem(w, http.StatusBadRequest, "Bad Request", "limit up to 1000, page from 1")
	}
	rows := []any{}
	for _, c := range s.Contracts {
		if c.State != "end" {
			rows = append(rows, s.row(c))
		}
	}
	if s.ListMost > 0 {
		limit = min(limit, s.ListMost)
	}
	from := min((page-1)*limit, len(rows))
	rows = rows[from:min(from+limit, len(rows))]
	if s.ListItems != "" {
		return answer(w, http.StatusOK, "application/json", map[string]any{s.ListItems: rows}), "list"
	}
	return answer(w, http.StatusOK, "application/json", rows), "list"
}

func (s *Server) row(c *Contract) map[string]any {
	row := map[string]any{s.Members.Contract: c.ID, s.Members.Name: c.Name, s.Members.Plan: c.Plan, s.Members.State: c.State}
	switch {
	case c.Shares:
		row[s.Members.Mail] = c.Mail
	case s.Withheld == Null:
		row[s.Members.Mail] = nil
	case s.Withheld == Empty:
		row[s.Members.Mail] = ""
	}
	return row
}

func number(s string, usual int) int {
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

func answer(w http.ResponseWriter, status int, typ string, body any) int {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // the values are our own
	}
	w.Header().Set("Content-Type", typ)
	w.WriteHeader(status)
	_, _ = w.Write(text)
	return status
}

func problem(w http.ResponseWriter, status int, title, rule string) (int, string) {
	return answer(w, status, "application/problem+json", map[string]any{"type": "about:blank", "title": title, "detail": rule, "status": status}), rule
}

func tooMany(w http.ResponseWriter, wait time.Duration) (int, string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	return problem(w, http.StatusTooManyRequests, "Too Many Requests", "rate limit")
}

func oauth(w http.ResponseWriter, status int, code, rule string) (int, string) {
	return answer(w, status, "application/json", map[string]any{"error": code, "error_description": fmt.Sprintf("%s (simulated)", rule)}), rule
}
