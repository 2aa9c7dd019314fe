package sim

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type trip func(*http.Request) int

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.WriteHeader(f(r))
	return w.Result(), nil
}

func ask(s *Server, method, path, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestPage: the page offers every scenario, a press of its button posts it, and
// looking changes nothing.
func TestPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var posts atomic.Int32
		s := &Server{URL: "https://hub.example/in/acc_1", Secrets: []string{"whsec_x"}, Polite: true, Client: &http.Client{Transport: trip(func(r *http.Request) int {
			if posts.Add(1) == 1 {
				return http.StatusServiceUnavailable
			}
			if !strings.HasPrefix(r.Header.Get("Stripe-Signature"), "t=") {
				t.Error("a post is not signed")
			}
			return http.StatusOK
		})}}
		page := ask(s, "GET", "/", "").Body.String()
		for _, name := range Names() {
			if !strings.Contains(page, `value="`+name+`"`) {
				t.Errorf("the page does not offer %q", name)
			}
		}
		for _, bad := range []struct{ method, path, form string }{{"POST", "/play", "scenario=none"}, {"GET", "/play?scenario=started", ""}, {"POST", "/other", ""}} {
			if w := ask(s, bad.method, bad.path, bad.form); w.Code < 400 {
				t.Errorf("%s %s: %d", bad.method, bad.path, w.Code)
			}
		}
		if w := ask(s, "POST", "/play", url.Values{"scenario": {"started"}}.Encode()); w.Code != http.StatusSeeOther {
			t.Errorf("play: %d", w.Code)
		}
		synctest.Wait()
		if posts.Load() != 1 || len(s.Sent()) != 0 {
			t.Errorf("%d posts before the second try", posts.Load())
		}
		time.Sleep(2 * time.Second) // of the bubble's own time
		if sent := s.Sent(); posts.Load() != 2 || len(sent) != 1 || len(sent[0].Statuses) != 2 || !strings.Contains(ask(s, "GET", "/_sim/log", "").Body.String(), "customer.subscription.created") {
			t.Errorf("%d posts, sent %v", posts.Load(), sent)
		}
	})
}

// TestWords: every scenario and every other word exists in each language.
func TestWords(t *testing.T) {
	for lang, w := range words {
		for _, key := range slices.Concat(Names(), slices.Collect(maps.Keys(words["en"]))) {
			if w[key] == "" || lang != "en" && w[key] == words["en"][key] {
				t.Errorf("%s: no words for %s", lang, key)
			}
		}
	}
}
