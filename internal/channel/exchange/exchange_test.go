package exchange

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// B31 of the catalogue of bad input.
func TestRetryAfter(t *testing.T) {
	for given, want := range map[string]time.Duration{
		"": 0, "0": 0, "-1": 0, "120": 2 * time.Minute, "1000000000": MaxAfter, "99999999999999999999": 0, "1e9": 0, "soon": 0, "1.5": 0,
		"Sat, 01 Jan 2000 00:05:00 GMT": 5 * time.Minute, "Fri, 31 Dec 1999 00:00:00 GMT": 0, "Sat, 01 Jan 2050 00:00:00 GMT": MaxAfter,
	} {
		synctest.Test(t, func(t *testing.T) { // a bubble begins at 2000-01-01 00:00:00 UTC
			if got := RetryAfter(http.Header{"Retry-After": {given}}); got != want {
				t.Errorf("%q: %s, want %s", given, got, want)
			}
		})
	}
}

func TestSeconds(t *testing.T) {
	nan := 0.0
	nan /= nan
	for given, want := range map[float64]time.Duration{0.25: 250 * time.Millisecond, -1: 0, 0: 0, 1e300: MaxAfter} {
		if got := Seconds(given); got != want {
			t.Errorf("%v: %s, want %s", given, got, want)
		}
	}
	if got := Seconds(nan); got != 0 {
		t.Errorf("no number: %s", got)
	}
}

// TestKept: whatever is said back, in whatever spelling, holds no secret and no
// address, is text, and is short.
func TestKept(t *testing.T) {
	const secret, to = `s3cret/+"ü`, "tanaka+1@customer.example"
	for name, body := range map[string]string{
		"plain": secret + " " + to, "upper": "S3CRET/+\"ü TANAKA+1@customer.example", "in a URL": "s3cret%2F%2B%22%C3%BC tanaka%2B1%40customer.example",
		"in JSON": `s3cret/+\"ü`, "long": strings.Repeat("長"+secret, 4000), "bytes": "\xff\x00" + secret, "at the edge": strings.Repeat("x", MaxKept-4) + secret,
	} {
		synctest.Test(t, func(t *testing.T) {
			x, se := Do(t.Context(), channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })), Request{
				Method: http.MethodPost, URL: "https://a.example/x", Header: http.Header{"X-Key": {secret}}, Body: []byte(body), To: to, Hide: []string{secret},
			})
			if se != nil {
				t.Fatal(se)
			}
			for _, kept := range []string{x.Kept.Request, x.Kept.Response} {
				low := strings.ToLower(kept)
				if strings.Contains(low, "s3cret/") || strings.Contains(low, "s3cret%2f") || strings.Contains(low, "tanaka+1") || strings.Contains(low, "tanaka%2b1") {
					t.Errorf("%s: kept %.300q", name, kept)
				}
				if len(kept) > MaxKept+8 || !utf8.ValidString(kept) || strings.Contains(kept, "\x00") {
					t.Errorf("%s: %d bytes, %.100q", name, len(kept), kept)
				}
			}
		})
	}
}

// TestEdge: a secret that the cut would halve is taken out before it.
func TestEdge(t *testing.T) {
	q := Request{Hide: []string{"0123456789"}}
	for n := range 12 {
		if got := q.clean(strings.Repeat("x", MaxKept-n) + "0123456789"); strings.Contains(got, "01") {
			t.Errorf("%d before the edge: %q", n, got[MaxKept-12:])
		}
	}
}

// TestClass: a redirect is never followed and is a matter for a person.
func TestClass(t *testing.T) {
	for status, want := range map[int]channel.Class{
		301: channel.AccountClosed, 302: channel.AccountClosed, 400: channel.Rejected, 401: channel.AccountClosed, 404: channel.AccountClosed, 408: channel.Again,
		413: channel.Rejected, 429: channel.Again, 500: channel.Ambiguous, 502: channel.Ambiguous, 503: channel.Again, 504: channel.Ambiguous,
	} {
		if got := Class(status); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}
