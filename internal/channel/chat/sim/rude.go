package sim

import (
	"encoding/json"
	"net/http"

	"github.com/engawa/engawa/internal/rude"
)

// Rude returns an Answer that fails 5 calls in 100: too many, or the service is
// down, or what was done is answered with an error or with nothing.
func Rude(seed uint64) rude.Chance {
	return rude.Sometimes(seed,
		rude.Fault{Status: http.StatusTooManyRequests},
		rude.Fault{Status: http.StatusServiceUnavailable},
		rude.Fault{Status: http.StatusBadGateway, Done: true},
		rude.Fault{Status: http.StatusInternalServerError, Done: true},
		rude.Fault{Status: rude.Lost, Done: true},
	)
}

// fail answers with a proxy's page: what fails before a service, or behind it,
// is not in the service's words.
func fail(w http.ResponseWriter, status int) {
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "2")
	}
	rude.Page(w, status)
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
