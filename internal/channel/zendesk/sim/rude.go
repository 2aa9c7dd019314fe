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
	status int
	done   bool
}

// Rude returns an Answer that fails 7 calls in 100: they are limited (429), the
// first of two is still at it (409) or the service is down (500, 503), and some
// are done and then answered with an error or with nothing. The same seed fails
// the same calls in the same order.
func Rude(seed uint64) func(*http.Request) (status int, done bool) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // faults are not secrets
	faults := []fault{
		{http.StatusTooManyRequests, false},
		{http.StatusConflict, false},
		{http.StatusInternalServerError, false},
		{http.StatusServiceUnavailable, false},
		{http.StatusInternalServerError, true},
		{http.StatusBadGateway, true},
		{Lost, true},
	}
	return func(*http.Request) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if n := rng.IntN(100); n < len(faults) {
			return faults[n].status, faults[n].done
		}
		return 0, false
	}
}

// draw takes the next scripted fault, or asks Answer, or is rude by itself.
func (s *Server) draw(r *http.Request) fault {
	s.mu.Lock()
	if len(s.script) > 0 {
		f := s.script[0]
		s.script = s.script[1:]
		s.mu.Unlock()
		return f
	}
	if s.Answer == nil && !s.Polite {
		s.Answer = Rude(1)
	}
	ask := s.Answer
	s.mu.Unlock()
	if ask == nil {
		return fault{}
	}
	status, done := ask(r)
	return fault{status, done}
}

// fail answers with a fault.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int) {
	switch status {
	case Hang:
		<-r.Context().Done()
	case Lost:
		panic(http.ErrAbortHandler)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "2")
		refuse(w, status, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded")
	case http.StatusForbidden: // here the error is an object
		answer(status, map[string]any{"error": map[string]string{"title": "Forbidden", "message": "You do not have access to this page."}}).write(w)
	case http.StatusBadGateway, http.StatusServiceUnavailable: // a proxy's page, not the API's words
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body>" + http.StatusText(status) + "</body></html>"))
	default:
		refuse(w, status, "InternalError", http.StatusText(status))
	}
}

// faults scripts how the next calls are treated, over HTTP:
// {"next":[{"status":500,"done":true}]}; -1 hangs, -2 breaks the connection.
func (s *Server) faults(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Next []struct {
			Status int  `json:"status"`
			Done   bool `json:"done"`
		} `json:"next"`
		UsedElsewhere int `json:"used_elsewhere"` // calls of another program, now
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil || in.UsedElsewhere < 0 || in.UsedElsewhere > s.plan() {
		http.Error(w, `send {"next":[{"status":500,"done":true}],"used_elsewhere":199}`, http.StatusBadRequest)
		return
	}
	s.UseElsewhere(in.UsedElsewhere)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range in.Next {
		if f.Status != Hang && f.Status != Lost && (f.Status < 400 || f.Status > 599) {
			http.Error(w, "a status is 400 to 599, -1 (hang) or -2 (lost)", http.StatusBadRequest)
			return
		}
		s.script = append(s.script, fault{f.Status, f.Done})
	}
	w.WriteHeader(http.StatusNoContent)
}
