package sim

import (
	"net/http"

	"github.com/engawa/engawa/internal/rude"
)

// Rude returns an Answer that fails 7 calls in 100: they are limited (429) or the
// service is down (500, 503), or the connection breaks, and some are done and then
// answered with an error or with nothing.
func Rude(seed uint64) rude.Chance {
	return rude.Sometimes(seed,
		rude.Fault{Status: http.StatusTooManyRequests},
		rude.Fault{Status: http.StatusInternalServerError},
		rude.Fault{Status: http.StatusServiceUnavailable},
		rude.Fault{Status: rude.Lost},
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
	w.Header().Set("X-Line-Request-Id", newUUID())
	message := "The internal server error occurred"
	switch status {
	case http.StatusTooManyRequests:
		message = tooFast
	case http.StatusUnauthorized:
		message = "Authentication failed. Confirm that the access token in the authorization header is valid."
	}
	refuse(status, message).write(w)
}
