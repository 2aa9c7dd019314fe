package sim

import (
	"net/http"
	"strconv"
	"time"

	"github.com/engawa/engawa/internal/rude"
)

// Rude returns an Answer that fails 8 calls in 100: they are limited (429), the
// store has trouble that passes (404 of a retryable kind, 500 of both kinds, 503),
// and some are done and then answered with an error or with nothing.
func Rude(seed uint64) rude.Chance {
	return rude.Sometimes(seed,
		rude.Fault{Status: http.StatusTooManyRequests},
		rude.Fault{Status: http.StatusNotFound},
		rude.Fault{Status: http.StatusInternalServerError},
		rude.Fault{Status: int(errInternal)},
		rude.Fault{Status: http.StatusServiceUnavailable},
		rude.Fault{Status: http.StatusInternalServerError, Done: true},
		rude.Fault{Status: http.StatusBadGateway, Done: true},
		rude.Fault{Status: rude.Lost, Done: true},
	)
}

// fail words a fault, which may be one of Apple's codes in place of a status.
func fail(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusTooManyRequests:
		out := refusal(errTooMany)
		out.header = http.Header{"Retry-After": {strconv.FormatInt(time.Now().Add(2*time.Second).UnixMilli(), 10)}}
		out.write(w)
	case http.StatusNotFound:
		refusal(errOriginalRetry).write(w)
	case http.StatusInternalServerError:
		refusal(errInternalRetry).write(w)
	default:
		if e := apiError(status); e.known() {
			refusal(e).write(w)
			return
		}
		w.WriteHeader(status)
	}
}
