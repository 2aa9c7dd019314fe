package sim

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
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

// Rude returns an Answer that fails 6 calls in 100: they are limited (429) or
// the service is down (500, 503), and some are done and then answered with an
// error or with nothing. The same seed fails the same calls in the same order.
func Rude(seed uint64) func(*http.Request) (status int, done bool) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // faults are not secrets
	faults := []fault{
		{http.StatusTooManyRequests, false},
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

// fail answers with a fault. What fails before it is counted has no headers of
// the limit, except where the fault is the limit.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int) {
	switch status {
	case Hang:
		<-r.Context().Done()
	case Lost:
		panic(http.ErrAbortHandler)
	case http.StatusTooManyRequests:
		w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(tokenCalls))
		w.Header().Set("X-Ratelimit-Remaining", "0")
		w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(2*time.Second).Unix(), 10))
		refuse(w, status, tokenLimit)
	case http.StatusBadGateway, http.StatusServiceUnavailable: // a proxy's page, not the API's words
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body>" + http.StatusText(status) + "</body></html>"))
	default:
		refuse(w, status, http.StatusText(status))
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
		UsedElsewhere int `json:"used_elsewhere"` // calls of another user of the token, now
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil || in.UsedElsewhere < 0 || in.UsedElsewhere > tokenCalls {
		http.Error(w, `send {"next":[{"status":500,"done":true}],"used_elsewhere":299}`, http.StatusBadRequest)
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

// log answers every room with its messages, and how full the window is.
func (s *Server) log(w http.ResponseWriter) {
	type entry struct {
		ID       int64     `json:"room_id"`
		Name     string    `json:"name"`
		Messages []Message `json:"messages"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := []entry{}
	for _, id := range s.order {
		rooms = append(rooms, entry{id, s.rooms[id].name, append([]Message{}, s.rooms[id].list...)})
	}
	answer(w, map[string]any{"rooms": rooms, "used": s.used(time.Now()), "limit": tokenCalls})
}
