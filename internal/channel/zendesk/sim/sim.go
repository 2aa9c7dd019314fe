// Package sim is a Zendesk Support in memory: tickets, the users who asked for
// them, webhooks and the real limits, answered as the provider answers
// (Ticketing API v2). A person can look at its tickets at /, as an agent does,
// change their status and write comments.
package sim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/rude"
)

// The provider's limits.
const (
	accountUpdates = 100 // of any tickets in a minute
	userUpdates    = 5   // of one user in a minute
	indexCalls     = 100 // of the list of tickets in a minute
	keyLife        = 2 * time.Hour
	maxKey         = 255      // characters of an Idempotency-Key
	maxComment     = 64 << 10 // bytes
	minute         = time.Minute
	updates        = 30 // of one ticket in updatesPer
	updatesPer     = 10 * time.Minute
	defaultPlan    = 200     // calls a minute: Suite Team
	maxBody        = 1 << 20 // bytes that are read
	keep           = 2000    // tickets
)

// firstID lies beyond 2^53: a client that reads ids as floating numbers is
// found out.
const firstID = 1 << 60

// Server is the simulated provider. Its exported fields are set before use.
type Server struct {
	Mail, Token string        // the agent and its API token; both empty: any
	OAuth       string        // a valid OAuth token; empty: none, or any where Token is empty too
	Client      Client        // may get tokens for itself; without an ID none, or any where there is no token either
	EndUser     bool          // the token's person is no agent
	Plan        int           // calls a minute; 0: 200
	Told        Told          // how a 429 tells the wait
	Lag         time.Duration // how long search does not find what is new
	JobEnds     string        // how bulk orders end: "" is completed
	Fields      []Field       // the custom fields of tickets
	Page        int           // records of a page by cursor, whatever was asked for; 0: as many as were, or 2 unless it is Polite
	// Answer, if set, is asked about every call first: a status other than 0 is
	// answered instead; with done it is answered after the work was done. Rude
	// makes one that fails now and then.
	Answer rude.Chance
	Polite bool // fails nothing; else, without Answer, it is as Rude(1)
	Hook   Hook

	script  rude.Script
	clock   rude.Clock
	calling rude.Log

	mu      sync.Mutex
	groups  []Group
	brands  []Option
	forms   []Option
	tickets []*Ticket
	users   []*User
	keys    map[string]kept
	calls   []time.Time
	changes []time.Time // of tickets
	lists   []time.Time // calls of the list of tickets
	waits   time.Time   // a 429 told that nothing goes before
	jobs    map[string]*job
	tokens  map[string]grant
	next    int64
	flags   []string
}

// Told is how a 429 tells the wait.
type Told int

// The ways.
const (
	ToldAsJSON Told = iota // Retry-After and a JSON body
	ToldAsText             // Retry-After and a text
	Untold                 // a text alone
)

// Group is a queue of agents.
type Group struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Option is a brand or a ticket form.
type Option struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Active bool   `json:"active"`
}

// Field is a custom field of tickets.
type Field struct {
	ID    int64
	Title string
	Type  string // "text", "integer", "checkbox" …
	Off   bool   // switched off by an admin
}

// MarshalJSON is the field as it is listed.
func (f Field) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"id": f.ID, "title": f.Title, "type": f.Type, "active": !f.Off})
}

// User is somebody who asked for a ticket, or the agent.
type User struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	Mail      string `json:"email"`
	Role      string `json:"role"`
	External  string `json:"external_id"`
	Suspended bool   `json:"suspended"`
	added     time.Time
	changes   []time.Time
}

// Ticket is one ticket with its comments.
type Ticket struct {
	ID          int64          `json:"id"`
	URL         string         `json:"url"`
	External    *string        `json:"external_id"`
	Subject     string         `json:"subject"`
	Description string         `json:"description"`
	Status      string         `json:"status"`
	Priority    *string        `json:"priority"`
	Type        *string        `json:"type"`
	Requester   int64          `json:"requester_id"`
	Submitter   int64          `json:"submitter_id"`
	Group       *int64         `json:"group_id"`
	Brand       *int64         `json:"brand_id"`
	Form        *int64         `json:"ticket_form_id"`
	Tags        []string       `json:"tags"`
	Fields      []FieldValue   `json:"custom_fields"`
	IsPublic    bool           `json:"is_public"`
	CreatedAt   time.Time      `json:"created_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
	Via         map[string]any `json:"via"`

	Comments []Comment `json:"-"`
	changes  []time.Time
}

// FieldValue is what a custom field of a ticket holds.
type FieldValue struct {
	ID    int64 `json:"id"`
	Value any   `json:"value"`
}

// Comment is one of a ticket's.
type Comment struct {
	ID     int64
	Author string
	Staff  bool
	Public bool
	Body   string
	At     time.Time
}

// agent is who opens tickets over the API, and who answers at the page.
var agent = User{ID: firstID + 1, Name: "窓口", Mail: "agent@hinata.example", Role: "agent"}

// AddGroup adds a queue.
func (s *Server) AddGroup(id int64, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = append(s.groups, Group{id, name})
}

// AddBrand adds a brand; the first one is the account's own.
func (s *Server) AddBrand(id int64, name string, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.brands = append(s.brands, Option{id, name, active})
}

// AddForm adds a ticket form; without one the account's plan has none.
func (s *Server) AddForm(id int64, name string, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forms = append(s.forms, Option{id, name, active})
}

// Suspend adds a user who may not be a requester.
func (s *Server) Suspend(mail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user("suspended", mail).Suspended = true
}

// Tickets returns copies of the tickets, oldest first.
func (s *Server) Tickets() []Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Ticket, len(s.tickets))
	for i, t := range s.tickets {
		out[i] = *t
	}
	return out
}

// Requester returns who a ticket is for; the agent's own where nobody was named.
func (s *Server) Requester(t Ticket) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID(t.Requester)
}

// Flags returns what the provider puts right in silence, and a client should not need.
func (s *Server) Flags() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.flags)
}

// UseElsewhere counts n calls as made now by another program.
func (s *Server) UseElsewhere(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.calls = append(s.calls, s.now())
	}
}

// String says how full the minute is.
func (s *Server) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("zendesk simulator: %d tickets, %d of %d calls", len(s.tickets), s.used(s.now()), s.plan())
}

// ServeHTTP answers the API under /api/v2, shows the board at /, and takes
// orders under /_sim.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		s.view(w, r)
	case "GET /_sim/style.css":
		look.Style(w, styleText)
	case "GET /_sim/live.js":
		look.Live(w, r)
	case "POST /_sim/status":
		s.statusForm(w, r)
	case "POST /_sim/comment":
		s.commentForm(w, r)
	case "POST /_sim/faults":
		s.script.Serve(w, r, s.plan(), s.UseElsewhere)
	case "POST /_sim/reset":
		s.Reset()
	case "POST /_sim/clock":
		s.clock.Serve(w, r)
	case "GET /_sim/log":
		answer(http.StatusOK, map[string]any{"tickets": s.Tickets(), "flags": s.Flags(), "calls": s.Log()}).write(w)
	default:
		s.call(w, r)
	}
}

func (s *Server) now() time.Time { return s.clock.Now() }

// Log returns the latest calls, oldest first.
func (s *Server) Log() []rude.Call { return s.calling.Calls() }

// Violations are what a client did that none must do.
func (s *Server) Violations() []string { return s.calling.Violations() }

// Reset takes away the tickets, the users, the windows, the script and the log.
// What the account is set up with stays.
func (s *Server) Reset() {
	s.script.Clear()
	s.clock.Clear()
	s.calling.Clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = slices.DeleteFunc(s.users, func(u *User) bool { return !u.Suspended })
	s.tickets, s.keys, s.calls, s.changes, s.lists, s.jobs, s.flags, s.waits = nil, nil, nil, nil, nil, nil, nil, time.Time{}
}

// call answers one call of the API, or treats it badly, and logs it before the
// caller hears of it.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	f := s.script.Draw(r, s.chance())
	c := rude.Heard(r, r.Header.Get("Authorization"), f)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if json.Valid(body) {
		c.JSON = body
	}
	a := f.Do(r, func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "")
			return
		}
		c.Violations = s.strict(r, body)
		s.once(r, body).write(w)
	})
	if c.Status = a.Status; !a.Fails() && c.Status == http.StatusNotFound && !known(r) {
		c.Violations = append(c.Violations, "unknown path")
	}
	s.calling.Add(c)
	a.Send(w, r, fail)
}

// reply is an answer, kept whole so that it can be given again.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (a reply) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func answer(status int, v any) reply {
	b, _ := json.Marshal(v) // plain values
	return reply{status, http.Header{"Content-Type": {"application/json; charset=utf-8"}}, b}
}

// wrong is an error as Zendesk words it: a name, a description and, for a
// record that cannot be, what is wrong with which field.
func wrong(status int, name, description string, details ...string) reply {
	out := map[string]any{"error": name}
	if description != "" {
		out["description"] = description
	}
	if len(details) == 2 {
		out["details"] = map[string]any{details[0]: []map[string]string{{"description": details[1], "error": "InvalidValue"}}}
	}
	return answer(status, out)
}

func invalid(field, description string) reply {
	return wrong(http.StatusUnprocessableEntity, "RecordInvalid", "Record validation errors", field, description)
}

// forbidden is what the token's person may not: here the error is an object.
func forbidden() reply {
	return answer(http.StatusForbidden, map[string]any{"error": map[string]string{"title": "Forbidden", "message": "You do not have access to this page."}})
}

// often counts one more of what may be most times within per, or returns that it
// is too often.
func (s *Server) often(seen *[]time.Time, most int, per time.Duration, name string) *reply {
	now := s.now()
	for len(*seen) > 0 && !(*seen)[0].After(now.Add(-per)) {
		*seen = (*seen)[1:]
	}
	if len(*seen) < most {
		*seen = append(*seen, now)
		return nil
	}
	a := wrong(http.StatusTooManyRequests, name, "Too many requests of this kind")
	a.header.Set("Retry-After", strconv.Itoa(int((*seen)[0].Add(per).Sub(now)/time.Second)+1))
	return &a
}

func refuse(w http.ResponseWriter, status int, name, description string) {
	wrong(status, name, description).write(w)
}

// kept is the answer to the first use of an idempotency key.
type kept struct {
	at    time.Time
	body  string
	reply reply
}

// once counts a call, proves its credentials, and answers a POST of a ticket
// with a known key as the first time.
func (s *Server) once(r *http.Request, body []byte) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if r.URL.Path == "/oauth/tokens" {
		return s.grantToken(r, body)
	}
	if over := s.count(now); over != nil {
		return *over
	}
	if a := s.prove(r); a != nil {
		return s.limited(*a, now)
	}
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || path(r) != "tickets" || key == "" {
		return s.limited(s.api(r, body), now)
	}
	if len(key) > maxKey {
		return s.limited(wrong(http.StatusBadRequest, "IdempotentRequestError", "Idempotency key is too long"), now)
	}
	if k, ok := s.keys[key]; ok && now.Sub(k.at) < keyLife {
		if k.body != string(body) {
			return s.limited(wrong(http.StatusBadRequest, "IdempotentRequestError", "Request parameters don't match the given idempotency key"), now)
		}
		again := k.reply
		again.header = again.header.Clone()
		again.header.Set("X-Idempotency-Lookup", "hit")
		return s.limited(again, now)
	}
	a := s.api(r, body)
	if a.status == http.StatusCreated {
		if s.keys == nil {
			s.keys = map[string]kept{}
		}
		s.keys[key] = kept{now, string(body), a}
	}
	a.header.Set("X-Idempotency-Lookup", "miss")
	return s.limited(a, now)
}

// prove checks the credentials: Basic with "mail/token:token", or a bearer token.
func (s *Server) prove(r *http.Request) *reply {
	nobody := wrong(http.StatusUnauthorized, "Couldn't authenticate you", "")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if bearer != "" && (bearer == s.OAuth || s.unlocked() && !strings.HasPrefix(bearer, granted)) {
			return nil
		}
		if bearer == "" {
			return &nobody
		}
		return s.proveGrant(r, bearer)
	}
	basic, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Basic ")
	plain, err := base64.StdEncoding.DecodeString(basic)
	at := strings.LastIndex(string(plain), "/token:")
	if err != nil || at < 0 {
		return &nobody
	}
	mail, token := string(plain[:at]), string(plain[at+len("/token:"):])
	if mail == "" || token == "" || s.Token != "" && (token != s.Token || !strings.EqualFold(mail, s.Mail)) {
		return &nobody
	}
	return nil
}

// unlocked reports whether any credentials do.
func (s *Server) unlocked() bool { return s.OAuth == "" && s.Token == "" && s.Client.ID == "" }

func (s *Server) plan() int {
	if s.Plan > 0 {
		return s.Plan
	}
	return defaultPlan
}

// used forgets the calls that are older than a minute and counts the rest.
func (s *Server) used(now time.Time) int {
	for len(s.calls) > 0 && !s.calls[0].After(now.Add(-minute)) {
		s.calls = s.calls[1:]
	}
	return len(s.calls)
}

// count counts a call, or returns why it is one too many.
func (s *Server) count(now time.Time) *reply {
	if s.used(now) < s.plan() {
		s.calls = append(s.calls, now)
		return nil
	}
	a := wrong(http.StatusTooManyRequests, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded")
	if s.Told != ToldAsJSON {
		a = reply{http.StatusTooManyRequests, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte("Number of allowed API requests per minute exceeded")}
	}
	if s.Told == Untold {
		return &a
	}
	a.header.Set("Retry-After", strconv.Itoa(s.left(now)))
	s.waits = now.Add(time.Duration(s.left(now)) * time.Second)
	a = s.limited(a, now)
	return &a
}

// left is how many seconds there are until a call is free again.
func (s *Server) left(now time.Time) int {
	return int(s.calls[0].Add(minute).Sub(now)/time.Second) + 1
}

// limited puts the limit's two families of headers on an answer.
func (s *Server) limited(a reply, now time.Time) reply {
	left := max(0, s.plan()-len(s.calls))
	a.header.Set("X-Rate-Limit", strconv.Itoa(s.plan()))
	a.header.Set("X-Rate-Limit-Remaining", strconv.Itoa(left))
	a.header.Set("Ratelimit-Limit", strconv.Itoa(s.plan()))
	a.header.Set("Ratelimit-Remaining", strconv.Itoa(left))
	a.header.Set("Ratelimit-Reset", strconv.Itoa(s.left(now)))
	return a
}
