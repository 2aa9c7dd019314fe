// Package sim is a Chatwork in memory: rooms, messages and the real limits,
// answered as the provider answers. A person can look into its rooms.
package sim

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	tokenCalls = 300
	tokenPer   = 5 * time.Minute
	roomPosts  = 10
	roomPer    = 10 * time.Second
	readBack   = 100
	keep       = 2000 // messages of one room
)

// Server is the simulated provider. Its exported fields are set before use.
type Server struct {
	Token string // the only valid token; empty: any that is not empty
	// Answer, if set, is asked about every call first: a status other than 0 is
	// answered instead; with done it is answered after the work was done.
	Answer func(r *http.Request) (status int, done bool)

	mu    sync.Mutex
	rooms map[int64]*room
	order []int64
	calls []time.Time // of the token, any user of it
	next  int64
}

type room struct {
	id    int64
	name  string
	kind  string
	posts []time.Time
	list  []Message
}

// Message is a post in a room.
type Message struct {
	ID   string    `json:"message_id"`
	Body string    `json:"body"`
	At   time.Time `json:"-"`
	Sent int64     `json:"send_time"`
}

// AddRoom adds a room of a kind: "group", "direct" or "my".
func (s *Server) AddRoom(id int64, name, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms == nil {
		s.rooms = map[int64]*room{}
	}
	s.rooms[id] = &room{id: id, name: name, kind: kind}
	s.order = append(s.order, id)
}

// UseElsewhere counts n calls as made now by another program with the token.
func (s *Server) UseElsewhere(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.calls = append(s.calls, time.Now())
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

// ServeHTTP answers the API under /v2 (or at the root) and shows the rooms
// under /view.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" || r.URL.Path == "/view" {
		s.view(w)
		return
	}
	status, done := 0, false
	if s.Answer != nil {
		status, done = s.Answer(r)
	}
	if status != 0 && !done {
		refuse(w, status, "the simulator was told to answer so")
		return
	}
	rec := w
	if done {
		rec = discard{http.Header{}}
	}
	s.mu.Lock()
	s.api(rec, r)
	s.mu.Unlock()
	if done {
		refuse(w, status, "done, but answered with an error")
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string][]string{"errors": {why}}) //nolint:errcheck // the client went away
}

func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("X-Chatworktoken")
	if token == "" || s.Token != "" && token != s.Token {
		refuse(w, http.StatusUnauthorized, "Invalid API token")
		return
	}
	if !s.count(w) {
		refuse(w, http.StatusTooManyRequests, "Rate limit exceeded.")
		return
	}
	path := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/v2"), "/"), "/")
	switch {
	case r.Method == http.MethodGet && len(path) == 1 && path[0] == "me":
		answer(w, map[string]any{"account_id": 1, "room_id": 1, "name": "Engawa", "mail": "", "login_mail": ""})
	case r.Method == http.MethodGet && len(path) == 1 && path[0] == "rooms":
		s.listRooms(w)
	case len(path) == 3 && path[0] == "rooms" && path[2] == "messages":
		id, err := strconv.ParseInt(path[1], 10, 64)
		if room := s.rooms[id]; err == nil && room != nil {
			s.messages(w, r, room)
			return
		}
		refuse(w, http.StatusForbidden, "You don't have permission to send/edit message.")
	default:
		refuse(w, http.StatusNotFound, "Invalid Endpoint or HTTP method")
	}
}

// count keeps the exact window of the token and says it in the headers.
func (s *Server) count(w http.ResponseWriter) bool {
	now := time.Now()
	for len(s.calls) > 0 && !s.calls[0].After(now.Add(-tokenPer)) {
		s.calls = s.calls[1:]
	}
	ok := len(s.calls) < tokenCalls
	if ok {
		s.calls = append(s.calls, now)
	}
	h := w.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(tokenCalls))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(tokenCalls-len(s.calls)))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(s.calls[0].Add(tokenPer).Unix()+1, 10))
	return ok
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client went away
}

func (s *Server) listRooms(w http.ResponseWriter) {
	out := []map[string]any{}
	for _, id := range s.order {
		r := s.rooms[id]
		out = append(out, map[string]any{"room_id": r.id, "name": r.name, "type": r.kind, "role": "member"})
	}
	answer(w, out)
}

func (s *Server) messages(w http.ResponseWriter, r *http.Request, to *room) {
	switch r.Method {
	case http.MethodPost:
		s.post(w, r, to)
	case http.MethodGet:
		if len(to.list) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, to.list[max(0, len(to.list)-readBack):])
	default:
		refuse(w, http.StatusNotFound, "Invalid Endpoint or HTTP method")
	}
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, to *room) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		refuse(w, http.StatusBadRequest, "Request parameters are not form-encoded")
		return
	}
	body := r.PostFormValue("body")
	if strings.TrimSpace(body) == "" || utf8.RuneCountInString(body) > 65535 {
		refuse(w, http.StatusBadRequest, "Parameter 'body' is invalid")
		return
	}
	now := time.Now()
	for len(to.posts) > 0 && !to.posts[0].After(now.Add(-roomPer)) {
		to.posts = to.posts[1:]
	}
	if len(to.posts) >= roomPosts {
		refuse(w, http.StatusTooManyRequests, "Rate limit for message posting per room exceeded.")
		return
	}
	s.next++
	m := Message{ID: strconv.FormatInt(1_000_000+s.next, 10), Body: body, At: now, Sent: now.Unix()}
	to.posts = append(to.posts, now)
	to.list = append(to.list, m)
	to.list = to.list[max(0, len(to.list)-keep):]
	answer(w, map[string]string{"message_id": m.ID})
}

func (s *Server) view(w http.ResponseWriter) {
	type shown struct {
		Name string
		ID   int64
		List []line
	}
	s.mu.Lock()
	var rooms []shown
	for _, id := range s.order {
		r := s.rooms[id]
		v := shown{Name: r.name, ID: id}
		for _, m := range r.list {
			v.List = append(v.List, readLine(m))
		}
		rooms = append(rooms, v)
	}
	used := len(s.calls)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	page.Execute(w, map[string]any{"Rooms": rooms, "Used": used, "Limit": tokenCalls}) //nolint:errcheck // the client went away
}

type line struct {
	At          string
	Title, Text string
}

// readLine shows the markup of a notice: [info][title]…[/title]…[/info].
func readLine(m Message) line {
	l := line{At: m.At.Format("15:04:05"), Text: m.Body}
	if rest, ok := strings.CutPrefix(m.Body, "[info][title]"); ok {
		if title, body, ok := strings.Cut(rest, "[/title]"); ok {
			l.Title, l.Text = title, strings.Replace(body, "[/info]", "", 1)
		}
	}
	return l
}

var page = template.Must(template.New("rooms").Parse(`<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Chatwork (simulator)</title>
<style>:root{color-scheme:light dark}body{margin:0;font:16px/1.6 system-ui,"Noto Sans JP","Hiragino Sans",sans-serif;background:light-dark(#fbf9f4,#17140f);color:light-dark(#26211a,#ede7db)}
main{max-width:760px;margin:0 auto;padding:24px 16px}h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:32px 0 8px}p{color:light-dark(#6a6154,#a89e8d);margin:4px 0}
article{background:light-dark(#fff,#1f1b15);border:1px solid light-dark(#e4ddcf,#352f26);border-radius:10px;padding:12px 16px;margin:8px 0;white-space:pre-line;overflow-wrap:anywhere}
article b{display:block;margin-bottom:4px}time{font-variant-numeric:tabular-nums;color:light-dark(#6a6154,#a89e8d);font-size:.8rem}</style>
<main><h1>Chatwork</h1><p>API {{.Used}} / {{.Limit}} (5 min)</p>
{{range .Rooms}}<h2>{{.Name}}</h2>{{range .List}}<article><time>{{.At}}</time>{{if .Title}}<b>{{.Title}}</b>{{end}}{{.Text}}</article>{{else}}<p>—</p>{{end}}{{end}}</main></html>`))

// String says how full the token's window is.
func (s *Server) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("chatwork simulator: %d of %d calls", len(s.calls), tokenCalls)
}
