package sim

import (
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

// Rude returns an Answer that fails 7 calls in 100: they are limited (429), the
// store has trouble that passes (404 of a retryable kind, 500, 503), and some are
// done and then answered with an error or with nothing. The same seed fails the
// same calls in the same order.
func Rude(seed uint64) func(*http.Request) (status int, done bool) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // faults are not secrets
	faults := []struct {
		status int
		done   bool
	}{
		{http.StatusTooManyRequests, false},
		{http.StatusNotFound, false},
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

// misbehave is the answer of a fault.
func (s *Store) misbehave(r *http.Request, status int) reply {
	switch status {
	case Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Lost:
		panic(http.ErrAbortHandler)
	case http.StatusTooManyRequests:
		out := refusal(errTooMany)
		out.header = http.Header{"Retry-After": {strconv.FormatInt(time.Now().Add(2*time.Second).UnixMilli(), 10)}}
		return out
	case http.StatusNotFound:
		return refusal(errOriginalRetry)
	case http.StatusInternalServerError:
		return refusal(errInternalRetry)
	}
	// A proxy's page, not the API's words.
	return reply{status: status, kind: "text/html", body: []byte("<html><body>" + http.StatusText(status) + "</body></html>")}
}
