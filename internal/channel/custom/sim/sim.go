// Package sim is an HTTP API of a business's own: it takes JSON under a secret,
// answers {"ok":true}, and is rude as such APIs are: a refusal may be a 200.
package sim

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// The limit: calls in per, over every path.
const (
	calls = 60
	per   = time.Minute
)

// Server is the API. Its exported fields are set before use.
type Server struct {
	Secret string // what Authorization must hold

	mu    sync.Mutex
	taken []time.Time
}

// ServeHTTP takes any JSON body that holds something.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in)
	switch {
	case r.Header.Get("Authorization") != s.Secret:
		answer(w, http.StatusUnauthorized, map[string]any{"ok": false, "error": "unauthorized"})
	case !s.free():
		w.Header().Set("Retry-After", "60")
		answer(w, http.StatusTooManyRequests, map[string]any{"ok": false, "error": "slow down"})
	case err != nil || len(in) == 0:
		answer(w, http.StatusOK, map[string]any{"ok": false, "error": "empty"})
	default:
		answer(w, http.StatusOK, map[string]any{"ok": true})
	}
}

func (s *Server) free() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for len(s.taken) > 0 && !s.taken[0].After(now.Add(-per)) {
		s.taken = s.taken[1:]
	}
	if len(s.taken) >= calls {
		return false
	}
	s.taken = append(s.taken, now)
	return true
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
