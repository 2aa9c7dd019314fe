// Package sim is a Chatwork in memory: rooms, messages, webhooks and the real
// limits, answered as the provider answers (API v2 and its manual). A person
// can look into its rooms at /, and speak there when webhooks are set.
package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The provider's limits.
const (
	tokenCalls = 300 // in tokenPer, over every user of the token
	tokenPer   = 5 * time.Minute
	roomPosts  = 10 // in roomPer, to one room
	roomPer    = 10 * time.Second
	maxBody    = 65535 // characters
	readBack   = 100   // messages of one answer
	keep       = 2000  // messages of one room
)

// firstID lies beyond 2^53, as the provider's do: a client that reads message
// ids as floating numbers is found out.
const firstID = 1 << 60

// Server is the simulated provider. Its exported fields are set before use.
type Server struct {
	Token string // the only valid token; empty: any that is not empty
	// Answer, if set, is asked about every call first: a status other than 0 is
	// answered instead; with done it is answered after the work was done. Rude
	// makes one that fails now and then.
	Answer func(r *http.Request) (status int, done bool)
	Hook   Hook

	mu     sync.Mutex
	rooms  map[int64]*room
	order  []int64
	calls  []call // of the token, any user of it
	next   int64
	script []fault
}

type room struct {
	id    int64
	name  string
	kind  string
	posts []time.Time
	list  []Message
	read  int // up to where force=0 has read
}

// Message is a post in a room.
type Message struct {
	ID     string    `json:"message_id"`
	Author author    `json:"account"`
	Body   string    `json:"body"`
	At     time.Time `json:"-"`
	Sent   int64     `json:"send_time"`
	Update int64     `json:"update_time"`
}

type author struct {
	ID   int64  `json:"account_id"`
	Name string `json:"name"`
}

// The people in every room: the token's account, and one who looks at the page.
var (
	bot    = author{ID: 1001, Name: "Engawa"}
	person = author{ID: 1002, Name: "店長"}
)

// AddRoom adds a room of a kind: "group", "readonly" (a group in which the
// token's account may only read), "direct" or "my".
func (s *Server) AddRoom(id int64, name, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms == nil {
		s.rooms = map[int64]*room{}
	}
	s.rooms[id] = &room{id: id, name: name, kind: kind}
	s.order = append(s.order, id)
}

// call is one counted call of the token.
type call struct {
	at        time.Time
	elsewhere bool // made by another program
}

// UseElsewhere counts n calls as made now by another program with the token.
func (s *Server) UseElsewhere(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.calls = append(s.calls, call{time.Now(), true})
	}
}

// Messages returns what was posted to a room, oldest first.
func (s *Server) Messages(id int64) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[id]; r != nil {
		return append([]Message(nil), r.list...)
	}
	return nil
}

// String says how full the token's window is.
func (s *Server) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("chatwork simulator: %d of %d calls", s.used(time.Now()), tokenCalls)
}

// ServeHTTP answers the API under /v2 (or at the root), shows the rooms at /,
// and takes orders under /_sim.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /", "GET /view":
		s.view(w, r)
	case "GET /_sim/style.css":
		asset(w, "text/css; charset=utf-8", slices.Concat(tokensText, styleText))
	case "GET /_sim/live.js":
		asset(w, "text/javascript; charset=utf-8", liveText)
	case "POST /_sim/say":
		s.sayForm(w, r)
	case "POST /_sim/faults":
		s.faults(w, r)
	case "GET /_sim/log":
		s.log(w)
	default:
		s.call(w, r)
	}
}

// call answers one call of the API, or treats it badly.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	f := s.draw(r)
	if f.status != 0 && !f.done {
		s.fail(w, r, f.status)
		return
	}
	out := w
	if f.status != 0 {
		out = discard{http.Header{}}
	}
	s.mu.Lock()
	s.api(out, r)
	s.mu.Unlock()
	if f.status != 0 {
		s.fail(w, r, f.status)
	}
}

// discard takes an answer that the caller will not hear.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]string{"errors": {why}})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// used forgets the calls that have left the window and counts the rest.
func (s *Server) used(now time.Time) int {
	for len(s.calls) > 0 && !s.calls[0].at.After(now.Add(-tokenPer)) {
		s.calls = s.calls[1:]
	}
	return len(s.calls)
}

// count keeps the exact window of the token and says it in the headers.
func (s *Server) count(w http.ResponseWriter) bool {
	now := time.Now()
	ok := s.used(now) < tokenCalls
	if ok {
		s.calls = append(s.calls, call{at: now})
	}
	h := w.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(tokenCalls))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(0, tokenCalls-len(s.calls))))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(s.calls[0].at.Add(tokenPer).Unix()+1, 10))
	return ok
}
