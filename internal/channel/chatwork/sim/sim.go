// Package sim is a Chatwork in memory: rooms, messages, webhooks and the real
// limits, answered as the provider answers (API v2 and its manual). A person
// can look into its rooms at /, and speak there when webhooks are set.
package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/rude"
)

// The provider's limits.
const (
	tokenCalls = 300 // in tokenPer, over every user of the token
	tokenPer   = 5 * time.Minute
	roomPosts  = 10 // in roomPer, to one room
	roomPer    = 10 * time.Second
	maxBody    = 65535 // characters
	readBack   = 100   // messages or tasks of one answer
	keep       = 2000  // messages of one room
	maxFile    = 5 << 20
)

// firstID lies beyond 2^53, as the provider's do: a client that reads message
// ids as floating numbers is found out.
const firstID = 1 << 60

// Server is the simulated provider. Its exported fields are set before use.
type Server struct {
	Token string // the only valid token; empty: any that is not empty
	// Bearer is an OAuth access token that is valid too until BearerEnds; empty:
	// the simulator has no OAuth.
	Bearer     string
	BearerEnds time.Time
	// The windows: 5 minutes and 10 seconds where 0. Fixed counts the token's from
	// its first call to its end. Else every window of that length counts, the
	// harder of the two readings: the manual does not say which is meant.
	TokenPer, RoomPer time.Duration
	Fixed             bool
	// Hides says in a header that the plan hides older messages.
	Hides bool
	// Answer, if set, is asked about every call first: a status other than 0 is
	// answered instead; with done it is answered after the work was done. Rude
	// makes one that fails now and then.
	Answer rude.Chance
	Hook   Hook

	script  rude.Script
	clock   rude.Clock
	calling rude.Log

	mu    sync.Mutex
	rooms map[int64]*room
	order []int64
	calls []call // of the token, any user of it
	next  int64
	waits time.Time // a 429 told that nothing goes before
	hooks hookHealth
}

type room struct {
	id    int64
	name  string
	kind  string
	posts []time.Time // messages and tasks
	list  []Message
	tasks []Task
	read  int // up to where force=0 has read
	files int
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
// A group has a third, who reads.
var (
	bot    = author{ID: 1001, Name: "Engawa"}
	person = author{ID: 1002, Name: "店長"}
	reader = author{ID: 1003, Name: "アルバイト"}
)

// AddRoom adds a room of a kind: "group", "admin" (a group that the token's
// account administers), "readonly" (one in which it may only read), "foreign"
// (one in which it is no member), "direct" or "my".
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
		s.calls = append(s.calls, call{s.now(), true})
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
	return fmt.Sprintf("chatwork simulator: %d of %d calls", s.used(s.now()), tokenCalls)
}

// ServeHTTP answers the API under /v2 (or at the root), shows the rooms at /,
// and takes orders under /_sim.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /", "GET /view":
		s.view(w, r)
	case "GET /_sim/style.css":
		look.Style(w, styleText)
	case "GET /_sim/live.js":
		look.Live(w, r)
	case "POST /_sim/say":
		s.sayForm(w, r)
	case "POST /_sim/faults":
		s.script.Serve(w, r, tokenCalls, s.UseElsewhere)
	case "POST /_sim/reset":
		s.Reset()
	case "POST /_sim/clock":
		s.clock.Serve(w, r)
	case "GET /_sim/log":
		s.log(w)
	default:
		s.call(w, r)
	}
}

func (s *Server) now() time.Time { return s.clock.Now() }

// Reset empties the rooms, the windows, the script and the log.
func (s *Server) Reset() {
	s.script.Clear()
	s.clock.Clear()
	s.calling.Clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		r.posts, r.list, r.tasks, r.read, r.files = nil, nil, nil, 0, 0
	}
	s.calls, s.waits, s.hooks = nil, time.Time{}, hookHealth{}
}

// call answers one call of the API, or treats it badly, and logs it before the
// caller hears of it.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	f := s.script.Draw(r, s.Answer)
	entry := begin(r, f)
	a := f.Do(r, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		entry.Violations = append(entry.Violations, s.strict(r)...)
		s.api(w, r)
	})
	s.finish(entry, a)
	a.Send(w, r, fail)
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]string{"errors": {why}})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) tokenWindow() time.Duration { return cmp.Or(s.TokenPer, tokenPer) }
func (s *Server) roomWindow() time.Duration  { return cmp.Or(s.RoomPer, roomPer) }

// used forgets the calls that have left the window and counts the rest.
func (s *Server) used(now time.Time) int {
	left := now.Add(-s.tokenWindow())
	if s.Fixed && len(s.calls) > 0 && !s.calls[0].at.After(left) {
		s.calls = nil // the window that began with the first call is over
	}
	for len(s.calls) > 0 && !s.calls[0].at.After(left) {
		s.calls = s.calls[1:]
	}
	return len(s.calls)
}

// count counts a call, if the window has room for it.
func (s *Server) count() bool {
	now := s.now()
	if s.used(now) >= tokenCalls {
		s.waits = s.calls[0].at.Add(s.tokenWindow())
		return false
	}
	s.calls = append(s.calls, call{at: now})
	return true
}

// tell says in the headers how full the token's window is. The reset is in whole
// Unix seconds; a window that nothing was counted in ends one length from now.
func (s *Server) tell(h http.Header, used int) {
	reset := s.now().Add(s.tokenWindow())
	if len(s.calls) > 0 && used > 0 {
		reset = s.calls[0].at.Add(s.tokenWindow())
	}
	h.Set("X-Ratelimit-Limit", strconv.Itoa(tokenCalls))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(0, tokenCalls-used)))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(reset.Unix()+1, 10))
}
