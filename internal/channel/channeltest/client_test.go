package channeltest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestClientCarriesARequestAndItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Path", r.RequestURI)
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, r.Host+" "+string(body))
		}))
		res, err := c.Post("https://example.jp/a%20b?c=d", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if got := string(body); got != "example.jp hello" || res.StatusCode != http.StatusTeapot || res.Header.Get("X-Path") != "/a%20b?c=d" {
			t.Errorf("%d %q %v", res.StatusCode, got, res.Header)
		}
	})
}

func TestClientHonoursTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Client(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.jp/", http.NoBody)
		if _, err := c.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
	})
}

func TestClientLosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Client(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		if _, err := c.Get("https://example.jp/"); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("error %v, want a reset", err)
		}
	})
}

func TestClientFollowsNoRedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Client(http.RedirectHandler("https://elsewhere.example/", http.StatusFound))
		res, err := c.Get("https://example.jp/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusFound {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

func TestClientStopsAnEndlessAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Client(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { flood(w) }))
		res, err := c.Get("https://example.jp/")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, res.Body, 1<<20); n != 1<<20 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
		res.Body.Close() // the bubble ends only if the writer does
	})
}
