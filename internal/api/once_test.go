package api_test

import (
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa/internal/store/storetest"
)

func (s *site) customers() int {
	_, out, _ := s.do("GET", "/v1/customers?limit=200", s.key, "")
	return len(out["customers"].([]any))
}

const aPerson = `{"kind":"person","name":"n"}`

// TestOnce: one effect and one answer under a key, for a day, in one workspace.
func TestOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		before := s.customers()
		post := func(key, idempotency, body string) (int, string) {
			status, _, text := s.do("POST", "/v1/customers", key, body, "Idempotency-Key", idempotency)
			return status, text
		}
		status, first := post(s.key, "k1", aPerson)
		again, second := post(s.key, "k1", aPerson)
		if status != 201 || again != 201 || first != second || s.customers() != before+1 {
			t.Errorf("%d %s, then %d %s; %d customers", status, first, again, second, s.customers()-before)
		}
		if status, text := post(s.key, "k1", `{"kind":"person","name":"m"}`); status != 422 || !strings.Contains(text, `"key_mismatch"`) {
			t.Errorf("another body under the key: %d %s", status, text)
		}
		if status, _, text := s.do("POST", "/v1/partners", s.key, `{"name":"p","sender":{"name":"","postal":"","phone":"","mail":"","contact":""}}`, "Idempotency-Key", "k1"); status != 422 {
			t.Errorf("another path under the key: %d %s", status, text)
		}
		if status, other := post(s.other, "k1", aPerson); status != 201 || other == first {
			t.Errorf("the key in another workspace: %d %s", status, other)
		}
		if status, text := post(s.keyOf("customers:read"), "k1", aPerson); status != 403 || strings.Contains(text, "cus_") {
			t.Errorf("the answer to a key without the scope: %d %s", status, text)
		}
		if status, _ := post(s.key, "k2", `{"kind":"x"}`); status != 400 {
			t.Errorf("bad input: %d", status)
		}
		if status, text := post(s.key, "k2", aPerson); status != 201 {
			t.Errorf("the corrected request under its key: %d %s", status, text)
		}
		s.must2(storetest.Open(t, url).Exec(`UPDATE idempotency SET created_at = created_at - 86400000001`))
		if status, late := post(s.key, "k1", aPerson); status != 201 || late == first {
			t.Errorf("a day later: %d %s", status, late)
		}
	})
}

func (s *site) must2(_ sql.Result, err error) {
	s.t.Helper()
	s.must(err)
}

// TestOnceTogether: of fifty at once one takes effect, and all get its answer.
func TestOnceTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		before := s.customers()
		answers := make([]string, 50)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				req, _ := http.NewRequest("POST", s.url+"/v1/customers", strings.NewReader(aPerson))
				req.Header.Set("Authorization", "Bearer "+s.key)
				req.Header.Set("Idempotency-Key", "together")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					answers[i] = err.Error()
					return
				}
				defer res.Body.Close()
				b, _ := io.ReadAll(res.Body)
				answers[i] = res.Status + string(b)
			})
		}
		all.Wait()
		for _, a := range answers {
			if a != answers[0] || !strings.HasPrefix(a, "201") {
				t.Errorf("%s, and %s", answers[0], a)
			}
		}
		if n := s.customers() - before; n != 1 {
			t.Errorf("%d customers", n)
		}
	})
}

// TestOnceUnanswered: a key whose request never ended stays taken; who repeats
// the request waits a little and is told.
func TestOnceUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		url := storetest.SQLite(t)
		s := newHub(t, url)
		post := func() *httptest.ResponseRecorder {
			req := httptest.NewRequest("POST", "/v1/customers", strings.NewReader(aPerson))
			req.Header.Set("Authorization", "Bearer "+s.key)
			req.Header.Set("Idempotency-Key", "k")
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, req)
			return w
		}
		post()
		s.must2(storetest.Open(t, url).Exec(`UPDATE idempotency SET status = 0`))
		began := time.Now()
		w := post()
		if w.Code != 409 || !strings.Contains(w.Body.String(), `"conflict"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if waited := time.Since(began); waited < time.Second || waited > time.Minute {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestOnceKeys: what is no key is told so; events without one write no row.
func TestOnceKeys(t *testing.T) {
	url := storetest.SQLite(t)
	s := newSite(t, url)
	for name, key := range map[string]string{"1 MB": strings.Repeat("k", 1<<20), "empty": "", "blank": "a b", "not ASCII": "鍵", "256": strings.Repeat("k", 256)} {
		if status, out, text := s.do("POST", "/v1/customers", s.key, aPerson, "Idempotency-Key", key); status != 400 || out["code"] != "invalid" || len(text) > 1000 {
			t.Errorf("%s: %d %.300s", name, status, text)
		}
	}
	count := func() (n int) {
		s.must(storetest.Open(t, url).QueryRow(`SELECT count(*) FROM idempotency`).Scan(&n))
		return n
	}
	s.do("POST", "/v1/events", s.key, `{"id":"e","type":"a.b"}`)
	if n := count(); n != 0 {
		t.Errorf("%d rows for an event without a key", n)
	}
	for range 2 {
		if status, out, text := s.do("POST", "/v1/events", s.key, `{"id":"f","type":"a.b"}`, "Idempotency-Key", "k"); status != 202 || out["fresh"] != true {
			t.Errorf("an event with a key: %d %s", status, text)
		}
	}
	if n := count(); n != 1 {
		t.Errorf("%d rows for an event with a key", n)
	}
}
