// Package sim is five chat services in memory: Slack, Microsoft Teams, Discord,
// Telegram and Google Chat, each with its own limits, its own way to word a
// refusal and its own markup. A person sees the rooms of all five at /, read as
// the service would show them: who was mentioned, where a link leads.
package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/rude"
)

// keep is how many posts of a room are kept.
const keep = 500

// firstID lies beyond 2^53, as Discord's do: a client that reads ids as floating
// numbers is found out.
const firstID = 1 << 60

// Server is the five services. Its exported fields are set before use.
type Server struct {
	Token  string // the only valid credential, in whatever place a service has it; empty: any
	Unread bool   // nobody gave the bots the right to read: Slack says so, Discord shows nothing
	// Answer, if set, is asked about every call first: a status other than 0 is
	// answered instead; with done it is answered after the work was done. Rude
	// makes one that fails now and then.
	Answer rude.Chance

	script rude.Script
	mu     sync.Mutex
	rooms  []*room
	calls  map[string][]time.Time // by what a service counts
	given  map[string]string      // answers by requestId (Google Chat)
	next   int64
}

// room is one place of one service.
type room struct {
	service, id, name string
	shut              bool // the bot may read here, not post
	list              []Post
}

// Post is one message, as it came and as the service reads it.
type Post struct {
	ID     string    `json:"id"`
	Thread string    `json:"thread,omitempty"`
	Sent   string    `json:"sent"` // the words as they came
	Spans  []Span    `json:"spans"`
	At     time.Time `json:"at"`
	nonce  string    // Discord's
}

// Span is a piece of a post as a person sees it.
type Span struct {
	Kind string `json:"kind"` // "text", "bold", "link", "mention"
	Text string `json:"text"`
	URL  string `json:"url,omitempty"` // where a link leads
}

// Text is what a person reads.
func (p Post) Text() string {
	var b strings.Builder
	for _, s := range p.Spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

// AddRoom adds a place to a service: "slack", "teams", "discord", "telegram" or
// "googlechat". The id is what its URL or its calls name.
func (s *Server) AddRoom(service, id, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms = append(s.rooms, &room{service: service, id: id, name: name})
}

// ShutRoom adds a Slack or Discord channel to which the bot may not post.
func (s *Server) ShutRoom(service, id, name string) {
	s.AddRoom(service, id, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[len(s.rooms)-1].shut = true
}

// Write is a person writing at a place.
func (s *Server) Write(service, id, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.room(service, id); r != nil {
		s.add(r, "", words, links(words))
	}
}

// Posts returns what a room holds, oldest first.
func (s *Server) Posts(service, id string) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.room(service, id); r != nil {
		return slices.Clone(r.list)
	}
	return nil
}

func (s *Server) room(service, id string) *room {
	for _, r := range s.rooms {
		if r.service == service && r.id == id {
			return r
		}
	}
	return nil
}

// ServeHTTP answers each service below its name, shows the rooms at /, and
// takes orders under /_sim.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /", "GET /view":
		s.view(w, r)
	case "GET /_sim/style.css":
		look.Style(w, styleText)
	case "GET /_sim/live.js":
		look.Live(w, r)
	case "POST /_sim/faults":
		s.script.Serve(w, r, 0, nil)
	case "GET /_sim/log":
		s.log(w)
	default:
		s.call(w, r)
	}
}

// call answers one call of a service, or treats it badly.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	s.script.Draw(r, s.Answer).Do(r, s.serve).Send(w, r, fail)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body := map[string]any{}
	raw, ok := read(w, r, &body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls, s.given = map[string][]time.Time{}, map[string]string{}
	}
	service, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c := call{s: s, w: w, r: r, path: rest, body: body, size: raw, json: ok}
	switch service {
	case "slack":
		c.slack()
	case "teams":
		c.teams()
	case "discord":
		c.discord()
	case "telegram":
		c.telegram()
	case "googlechat":
		c.googleChat()
	default:
		http.NotFound(w, r)
	}
}

// call is one call of a service; s.mu is held.
type call struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	path string // below the service's name
	body map[string]any
	size int  // of the body, in bytes
	json bool // the body was a JSON object
}

// read reads a JSON object of at most 1 MB; ok is false where there is none.
func read(w http.ResponseWriter, r *http.Request, to *map[string]any) (size int, ok bool) {
	counted := &counter{r: http.MaxBytesReader(w, r.Body, 1<<20)}
	err := json.NewDecoder(counted).Decode(to)
	return counted.n, err == nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

type counter struct {
	r interface{ Read([]byte) (int, error) }
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// known reports whether a credential is the right one.
func (c call) known(token string) bool { return token != "" && (c.s.Token == "" || token == c.s.Token) }

// take counts one call of what a service counts. It returns how long until one
// is free; 0: this one was.
func (s *Server) take(what string, n int, per time.Duration) time.Duration {
	now := time.Now()
	calls := s.calls[what]
	for len(calls) > 0 && !calls[0].After(now.Add(-per)) {
		calls = calls[1:]
	}
	if len(calls) >= n {
		s.calls[what] = calls
		return calls[0].Add(per).Sub(now)
	}
	s.calls[what] = append(calls, now)
	return 0
}

// left is how many calls of what are free, and until when the oldest counts.
func (s *Server) left(what string, n int, per time.Duration) (int, time.Duration) {
	calls := s.calls[what]
	if len(calls) == 0 {
		return n, 0
	}
	return n - len(calls), time.Until(calls[len(calls)-1].Add(per))
}

// add puts a post into a room.
func (s *Server) add(to *room, thread, sent string, spans []Span) string {
	s.next++
	p := Post{ID: strconv.FormatInt(firstID+s.next, 10), Thread: thread, Sent: sent, Spans: spans, At: time.Now()}
	to.list = append(to.list, p)
	if over := len(to.list) - keep; over > 0 {
		to.list = to.list[over:]
	}
	return p.ID
}

func (c call) answer(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v)
}

func (c call) text(status int, s string) {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write([]byte(s))
}

// str is a text of the body.
func (c call) str(key string) string { s, _ := c.body[key].(string); return s }

// length is how a service that counts characters counts: UTF-16 units.
func length(s string) int { return len(utf16.Encode([]rune(s))) }

// after writes a wait in whole seconds, rounded up, as services do.
func after(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }
