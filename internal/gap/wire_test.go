package gap_test

import (
	"net/http"

	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
)

// over reaches the store by way of by.
func (h *hub) over(by http.Handler) *follow.Clients {
	return &follow.Clients{Store: h.Hub, HTTP: channeltest.Client(by)}
}

// answering answers everything with a status.
func answering(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// before has something happen before each call of the store's API.
func before(s *followtest.Shop, do func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do()
		s.ServeHTTP(w, r)
	})
}
