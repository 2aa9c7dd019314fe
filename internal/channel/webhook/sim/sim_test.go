package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

const good = `{"type":"message.created","timestamp":"2026-11-24T00:00:00Z","data":{"to":"a"}}`

// deliver signs by the standard's text, not by the receiver's code.
func deliver(s http.Handler, id, body string, at time.Time) *httptest.ResponseRecorder {
	key, err := base64.StdEncoding.DecodeString(secret[len("whsec_"):])
	if err != nil {
		panic(err)
	}
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s.%d.%s", id, at.Unix(), body)
	r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func polite() *Server { return New(Options{Secrets: []string{secret}, Polite: true}) }

func TestAnIDIsTakenOnce(t *testing.T) {
	s := polite()
	for range 3 {
		if w := deliver(s, "msg_1", good, time.Now()); w.Code != http.StatusNoContent {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	deliver(s, "msg_1", strings.Replace(good, `"a"`, `"b"`, 1), time.Now())
	deliver(s, "msg_2", good, time.Now())
	l := s.Ledger()
	if len(l) != 2 || l[0].Count != 4 || l[0].Bodies != 2 || string(l[0].Body) != good || l[1].Count != 1 {
		t.Errorf("%+v", l)
	}
}

func TestWhatIsNotTaken(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		id, body string
		at       time.Time
		want     int
	}{
		"a dot in the id": {"a.b", good, now, 401},
		"no id":           {"", good, now, 401},
		"an old post":     {"a", good, now.Add(-6 * time.Minute), 401},
		"a coming post":   {"a", good, now.Add(6 * time.Minute), 401},
		"no JSON":         {"a", "hello", now, 400},
		"no data":         {"a", `{"type":"a","timestamp":"2026-11-24T00:00:00Z"}`, now, 400},
		"2 MB":            {"a", strings.Repeat(" ", 2<<20), now, 413},
	} {
		s := polite()
		if w := deliver(s, tc.id, tc.body, tc.at); w.Code != tc.want || len(s.Ledger()) != 0 {
			t.Errorf("%s: %d %s, %d taken; want %d", name, w.Code, w.Body, len(s.Ledger()), tc.want)
		}
	}
	if w := deliver(New(Options{Polite: true}), "a", good, now); w.Code != 401 {
		t.Errorf("a receiver without a secret: %d", w.Code)
	}
}

func TestFaults(t *testing.T) {
	for f, want := range map[Fault]struct{ code, taken int }{
		None: {204, 1}, Limited: {429, 0}, Down: {503, 0}, Past: {503, 0}, DoneBut: {500, 1}, Page: {200, 1}, Gone: {410, 0}, Redirect: {302, 0},
	} {
		s := polite()
		s.Next(f)
		if w := deliver(s, "a", good, time.Now()); w.Code != want.code || len(s.Ledger()) != want.taken {
			t.Errorf("%s: %d, %d taken", f, w.Code, len(s.Ledger()))
		}
		if w := deliver(s, "b", good, time.Now()); w.Code != http.StatusNoContent {
			t.Errorf("after %s: %d", f, w.Code)
		}
	}
}

func TestRudeIsTheSameForASeed(t *testing.T) {
	run := func(seed uint64) (faults []Fault, bad int) {
		s := New(Options{Seed: seed})
		for range 1000 {
			f := s.draw()
			faults = append(faults, f)
			if f != None {
				bad++
			}
		}
		return faults, bad
	}
	a, bad := run(7)
	b, _ := run(7)
	c, _ := run(8)
	if fmt.Sprint(a) != fmt.Sprint(b) || fmt.Sprint(a) == fmt.Sprint(c) || bad < 30 || bad > 100 {
		t.Errorf("%d faults in 1000 posts", bad)
	}
}

func TestPage(t *testing.T) {
	s := polite()
	show := func(query, accept string) string {
		r := httptest.NewRequest(http.MethodGet, "/"+query, http.NoBody)
		r.Header.Set("Accept-Language", accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Body.String()
	}
	if b := show("", "ko-KR,en;q=0.5"); !strings.Contains(b, words["ko"]["empty"]) {
		t.Errorf("empty, for a Korean browser: %s", b)
	}
	deliver(s, "msg_1", strings.Replace(good, `"a"`, `"<script>x</script>"`, 1), time.Now())
	deliver(s, "a.b", good, time.Now())
	for lang, w := range words {
		b := show("?lang="+lang, "")
		if !strings.Contains(b, w["taken"]) || !strings.Contains(b, w["refused"]) || strings.Contains(b, "<script>") {
			t.Errorf("%s: %s", lang, b)
		}
		for key, en := range words["en"] {
			if w[key] == "" || lang != "en" && w[key] == en {
				t.Errorf("%s: no words for %s", lang, key)
			}
		}
	}
}
