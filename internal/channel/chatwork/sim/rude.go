package sim

import (
	"net/http"
	"strconv"
	"time"

	"github.com/engawa/engawa/internal/rude"
)

// Rude returns an Answer that fails 6 calls in 100: they are limited (429) or
// the service is down (500, 503), and some are done and then answered with an
// error or with nothing.
func Rude(seed uint64) rude.Chance {
	return rude.Sometimes(seed,
		rude.Fault{Status: http.StatusTooManyRequests},
		rude.Fault{Status: http.StatusInternalServerError},
		rude.Fault{Status: http.StatusServiceUnavailable},
		rude.Fault{Status: http.StatusInternalServerError, Done: true},
		rude.Fault{Status: http.StatusBadGateway, Done: true},
		rude.Fault{Status: rude.Lost, Done: true},
	)
}

// fail words a fault. What fails before it is counted has no headers of the
// limit, except where the fault is the limit.
func fail(w http.ResponseWriter, status int) {
	if status != http.StatusTooManyRequests {
		refuse(w, status, http.StatusText(status))
		return
	}
	w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(tokenCalls))
	w.Header().Set("X-Ratelimit-Remaining", "0")
	w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(2*time.Second).Unix(), 10))
	refuse(w, status, tokenLimit)
}

// log answers every room with its messages and tasks, how full the window is,
// and the latest calls.
func (s *Server) log(w http.ResponseWriter) {
	type entry struct {
		ID       int64     `json:"room_id"`
		Name     string    `json:"name"`
		Messages []Message `json:"messages"`
		Tasks    []Task    `json:"tasks"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := []entry{}
	for _, id := range s.order {
		r := s.rooms[id]
		rooms = append(rooms, entry{id, r.name, append([]Message{}, r.list...), append([]Task{}, r.tasks...)})
	}
	answer(w, map[string]any{"rooms": rooms, "used": s.used(s.now()), "limit": tokenCalls, "calls": s.calling.Calls()})
}
