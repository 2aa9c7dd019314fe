package sim

import (
	"net/http"

	"github.com/engawa/engawa/internal/rude"
)

// Rude returns an Answer that fails 7 calls in 100: they are limited (429), the
// first of two is still at it (409) or the service is down (500, 503), and some
// are done and then answered with an error or with nothing.
func Rude(seed uint64) rude.Chance {
	return rude.Sometimes(seed,
		rude.Fault{Status: http.StatusTooManyRequests},
		rude.Fault{Status: http.StatusConflict},
		rude.Fault{Status: http.StatusInternalServerError},
		rude.Fault{Status: http.StatusServiceUnavailable},
		rude.Fault{Status: http.StatusInternalServerError, Done: true},
		rude.Fault{Status: http.StatusBadGateway, Done: true},
		rude.Fault{Status: rude.Lost, Done: true},
	)
}

// chance is Answer, or rude by itself.
func (s *Server) chance() rude.Chance {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Answer == nil && !s.Polite {
		s.Answer = Rude(1)
	}
	return s.Answer
}

// fail words a fault.
func fail(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "2")
		refuse(w, status, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded")
	case http.StatusForbidden:
		forbidden().write(w)
	case http.StatusConflict: // the first of two with the same key is still at it
		refuse(w, status, "Conflict", "A request with this idempotency key is being processed")
	default:
		http.Error(w, http.StatusText(status), status) // not JSON, as some of its are
	}
}
