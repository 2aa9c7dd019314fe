package appstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
)

// TestMalformedAnswers: whatever comes back with a 200, no call panics, waits or
// takes it for more than it is, and the error is of a kind that callers know.
func TestMalformedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain := newTestChain(t, testChain{})
		now := time.Now()
		whose := object{"bundleId": "com.example", "appAppleId": 1234, "environment": "Production"}
		signed := chain.sign(t, with(transaction(now), object{"environment": "Production"}), nil)
		bodies := []any{
			"", " ", "null", "[]", "0", `"x"`, "{", `{"a":`, "{}{}", "<html></html>", "\xff\xfe", `{"signedTransactionInfo":null}`, `{"signedTransactionInfo":7}`, `{"hasMore":"yes"}`,
			`{"hasMore":true}`, `{"hasMore":true,"revision":""}`, `{"data":{}}`, `{"data":[null]}`, `{"data":[{"lastTransactions":[null]}]}`, `{"signedTransactions":[null]}`, `{"signedTransactions":["a.b.c"]}`,
			`{"notificationHistory":[null]}`, `{"notificationHistory":[{}]}`, `{"status":1e99}`, `{"status":1,"status":0}`, strings.Repeat("[", 20000), `{"revision":"` + strings.Repeat("r", 1<<20) + `","hasMore":false}`,
			with(whose, object{"data": []object{{"lastTransactions": []object{{"status": 1, "originalTransactionId": "12345", "signedTransactionInfo": signed}}}}}),
			with(whose, object{"signedTransactions": []string{signed, ""}}),
			with(whose, object{"data": nil, "signedTransactions": nil}),
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 40 {
			bodies = append(bodies, garbled(rng, `{"environment":"Production","bundleId":"com.example","appAppleId":1234,"revision":"r","hasMore":false,"status":0,"signedTransactions":["`+signed[:40]+`"]}`))
		}
		for _, body := range bodies {
			for id, call := range requestCalls() {
				w := &wire{answer: always(200, body)}
				err := call.ask(t.Context(), client(t, chain.production(t), w))
				var proof *Error
				var api *APIError
				var told *engawa.Error
				if err != nil && !errors.As(err, &proof) && !errors.As(err, &api) && !errors.As(err, &told) {
					t.Errorf("%s: %.80v: an error of no known kind: %v", id, body, err)
				}
				if len(w.asked) != 1 || (api != nil && api.Retryable) {
					t.Errorf("%s: %.80v: %d requests, %v", id, body, len(w.asked), err)
				}
			}
		}
	})
}

// garbled changes some bytes of a text, or cuts it.
func garbled(rng *rand.Rand, text string) string {
	b := []byte(text)
	for range 1 + rng.IntN(4) {
		b[rng.IntN(len(b))] = byte(rng.IntN(256))
	}
	return string(b[:1+rng.IntN(len(b))])
}

// TestHistoryWithoutEnd: the real iterators over a server that always has more.
func TestHistoryWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		w := &wire{answer: func(int, asked) (*http.Response, error) {
			n++
			return says(200, object{"bundleId": "com.example", "appAppleId": 1234, "environment": "Production", "revision": strconv.Itoa(n), "hasMore": true}), nil
		}}
		c := client(t, newTestChain(t, testChain{}).production(t), w)
		var last error
		for _, err := range c.History(t.Context(), "1", HistoryQuery{}) {
			last = err
		}
		if !errors.Is(last, errEndless) || n != maxPages {
			t.Errorf("%v after %d pages", last, n)
		}
		w.asked, n = nil, 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, err := range c.Notifications(ctx, NotificationQuery{From: time.Now().Add(-time.Hour), Until: time.Now()}) {
			last = err
		}
		if !errors.Is(last, errNoPlace) || n != 1 { // it answers with a revision, not with a token
			t.Errorf("%v after %d pages", last, n)
		}
	})
}
