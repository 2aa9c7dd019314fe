package sim

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync"
)

// Statuses that Answer may return beside those of HTTP.
const (
	Hang = -1 // no answer until the caller gives up
	Lost = -2 // the connection breaks
)

type fault struct {
	Status int  `json:"status"`
	Done   bool `json:"done"`
}

// Rude returns an Answer that fails 5 calls in 100: too many, or the service is
// down, or what was done is answered with an error or with nothing. The same
// seed fails the same calls in the same order.
func Rude(seed uint64) func(*http.Request) (status int, done bool) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // faults are not secrets
	list := []fault{{http.StatusTooManyRequests, false}, {http.StatusServiceUnavailable, false}, {http.StatusBadGateway, true}, {http.StatusInternalServerError, true}, {Lost, true}}
	return func(*http.Request) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if n := rng.IntN(100); n < len(list) {
			return list[n].Status, list[n].Done
		}
		return 0, false
	}
}

// draw takes the next scripted fault, or asks Answer.
func (s *Server) draw(r *http.Request) fault {
	s.mu.Lock()
	if len(s.script) > 0 {
		f := s.script[0]
		s.script = s.script[1:]
		s.mu.Unlock()
		return f
	}
	s.mu.Unlock()
	if s.Answer == nil {
		return fault{}
	}
	status, done := s.Answer(r)
	return fault{status, done}
}

// fail answers with a proxy's page: what fails before a service, or behind it,
// is not in the service's words.
func fail(w http.ResponseWriter, r *http.Request, status int) {
	switch status {
	case Hang:
		<-r.Context().Done()
	case Lost:
		panic(http.ErrAbortHandler)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "2")
		http.Error(w, "<html><body>rate limited</body></html>", status)
	default:
		http.Error(w, "<html><body>"+http.StatusText(status)+"</body></html>", status)
	}
}

// faults scripts how the next calls are treated, over HTTP:
// {"next":[{"status":500,"done":true}]}; -1 hangs, -2 breaks the connection.
func (s *Server) faults(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Next []fault `json:"next"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
	for _, f := range in.Next {
		if f.Status != Hang && f.Status != Lost && (f.Status < 400 || f.Status > 599) {
			err = http.ErrNotSupported
		}
	}
	if err != nil {
		http.Error(w, `send {"next":[{"status":500,"done":true}]}; a status is 400 to 599, -1 (hang) or -2 (lost)`, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, in.Next...)
	w.WriteHeader(http.StatusNoContent)
}

// log answers every room with its posts.
func (s *Server) log(w http.ResponseWriter) {
	type entry struct {
		Service string `json:"service"`
		ID      string `json:"id"`
		Name    string `json:"name"`
		Posts   []Post `json:"posts"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := []entry{}
	for _, r := range s.rooms {
		rooms = append(rooms, entry{r.service, r.id, r.name, append([]Post{}, r.list...)})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"rooms": rooms})
}
