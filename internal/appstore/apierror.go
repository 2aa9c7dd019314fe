package appstore

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// APIError is an answer of the App Store Server API that is no success, or the
// want of an answer. It holds no id, no token and no body but Apple's own words.
type APIError struct {
	Endpoint Endpoint
	Status   int    // HTTP; 0: no whole answer came
	Code     int64  // Apple's errorCode; 0: none was given
	Text     string // Apple's errorMessage, at most maxText bytes

	// Retryable says what Apple calls so, a rate limit, and trouble on the way; see
	// Passing. RetryAt is zero if nobody said when.
	Retryable bool
	RetryAt   time.Time

	// Ambiguous says that the call may have been carried out although it failed,
	// and that doing it twice would matter. Look before asking again.
	Ambiguous bool

	// Skew is how far this machine's clock is ahead of the App Store's, as the
	// refusal of a token (401) told; negative: behind.
	Skew time.Duration

	Err error // why there is no usable answer; nil if there is one
}

func (e *APIError) Error() string {
	s := "ask the App Store, " + string(e.Endpoint) + ":"
	if e.Status != 0 {
		s += " " + strconv.Itoa(e.Status)
	}
	if e.Code != 0 {
		s += " " + strconv.FormatInt(e.Code, 10)
	}
	if e.Err != nil {
		return strings.TrimSuffix(s, ":") + ": " + e.Err.Error()
	}
	return s + " " + e.Meaning(engawa.English)
}

func (e *APIError) Unwrap() error { return e.Err }

// Name is Apple's name of the code, such as RATE_LIMIT_EXCEEDED; empty if the
// code is not known here.
func (e *APIError) Name() string { return codes[e.Code].name }

// Passing reports that the same call may succeed later: it is retryable, or the
// store itself has trouble. Of 5000000 Apple's documentation says "try again
// later", although its libraries do not call it retryable.
func (e *APIError) Passing() bool {
	return e.Retryable || e.Status >= http.StatusInternalServerError && !e.Ambiguous
}

const (
	maxText    = 300              // bytes of Apple's words that are kept
	unsaidWait = time.Minute      // after a 429 that does not say for how long
	longestAsk = time.Hour        // rates are counted by the hour: a longer wait is a mistake
	skewNoted  = 30 * time.Second // a difference of clocks that is worth a word
)

// refused reads an answer that is no success. Apple's words are cleaned of what
// was asked for, should a server on the way echo it.
func refused(name Endpoint, res *http.Response, body []byte, hide []string, now time.Time) *APIError {
	e := &APIError{Endpoint: name, Status: res.StatusCode}
	var told struct {
		Code int64  `json:"errorCode"`
		Text string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &told) == nil {
		e.Code, e.Text = told.Code, clean(told.Text, hide)
	}
	known, ok := codes[e.Code]
	switch {
	case ok && e.Code != 0:
		e.Retryable = known.again
	default:
		e.Retryable = res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout
	}
	if res.StatusCode >= 500 && endpoints[name].once { // no code says that nothing was done
		e.Retryable, e.Ambiguous = false, true
	}
	e.RetryAt = retryAt(res, now)
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil && res.StatusCode == http.StatusUnauthorized {
		e.Skew = now.Sub(date).Truncate(time.Second)
	}
	return e
}

func clean(text string, hide []string) string {
	for _, h := range hide {
		if len(h) > 4 { // a shorter one tells nothing, and stands in many a word
			text = strings.ReplaceAll(text, h, "…")
		}
	}
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}

// retryAt reads Retry-After. The App Store writes a moment in milliseconds
// since 1970 ("Identifying rate limits"); what stands before it may write
// seconds to wait or an HTTP date (RFC 9110 §10.2.3), or seconds since 1970. A
// 429 that says nothing usable asks for a minute; an hour is the longest wait
// that is believed.
func retryAt(res *http.Response, now time.Time) time.Time {
	at := moment(res.Header.Get("Retry-After"), now)
	if !at.After(now) {
		if res.StatusCode != http.StatusTooManyRequests {
			return time.Time{}
		}
		at = now.Add(unsaidWait)
	}
	if limit := now.Add(longestAsk); at.After(limit) {
		return limit
	}
	return at
}

// Bounds that tell the forms of a number apart: seconds to wait, seconds since
// 1970 (from 2001 on), milliseconds since 1970 (from 1973 on).
const (
	firstEpochSeconds      = 1_000_000_000
	firstEpochMilliseconds = 100_000_000_000
)

func moment(text string, now time.Time) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case err != nil:
		at, _ := http.ParseTime(text)
		return at
	case n >= firstEpochMilliseconds:
		return time.UnixMilli(n)
	case n >= firstEpochSeconds:
		return time.Unix(n, 0)
	case n > 0:
		return now.Add(time.Second * time.Duration(min(n, int64(longestAsk/time.Second)+1)))
	}
	return time.Time{}
}

// broken names a call that had no whole answer. Only a connection that did not
// come about proves that nothing was done.
func broken(name Endpoint, err error) *APIError {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // outer shows the URL, which holds an id
	}
	e := &APIError{Endpoint: name, Retryable: true, Err: fmt.Errorf("no whole answer: %w", err)}
	var op *net.OpError
	if endpoints[name].once && (!errors.As(err, &op) || op.Op != "dial") {
		e.Retryable, e.Ambiguous = false, true
	}
	return e
}
