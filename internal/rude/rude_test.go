package rude

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// provider does one thing and words its own errors.
type provider struct {
	script Script
	chance Chance
	done   int
	used   int
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_sim/faults" {
		p.script.Serve(w, r, 300, func(n int) { p.used += n })
		return
	}
	p.script.Draw(r, p.chance).Do(r, func(w http.ResponseWriter, _ *http.Request) {
		p.done++
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":1}`)
	}).Send(w, r, func(w http.ResponseWriter, status int) { http.Error(w, "in its own words", status) })
}

func (p *provider) faults(body string) int {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/_sim/faults", strings.NewReader(body)))
	return w.Code
}

// ask calls once, for 10 seconds at most; a broken connection is an error.
func ask(t *testing.T, p *provider) (code int, body string, err error) {
	t.Helper()
	defer func() {
		if e := recover(); e != nil {
			err = e.(error)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil))
	return w.Code, w.Body.String(), ctx.Err()
}

// TestFaults: each fault does what it is called.
func TestFaults(t *testing.T) {
	words := func(code int) func(int, string, error, time.Duration) bool {
		return func(got int, body string, err error, _ time.Duration) bool {
			return err == nil && got == code && body == "in its own words\n"
		}
	}
	broken := func(_ int, _ string, err error, took time.Duration) bool {
		return errors.Is(err, http.ErrAbortHandler) && took == 0
	}
	for name, tc := range map[string]struct {
		fault string
		done  int
		holds func(code int, body string, err error, took time.Duration) bool
	}{
		"": {`{}`, 1, func(code int, body string, err error, took time.Duration) bool {
			return err == nil && code == 201 && body == `{"id":1}` && took == 0
		}},
		"latency": {`{"latency":3000000000}`, 1, func(code int, body string, err error, took time.Duration) bool {
			return err == nil && code == 201 && json.Valid([]byte(body)) && took == 3*time.Second
		}},
		"drop_before_accept": {`{"status":-2}`, 0, broken},
		"drop_after_accept":  {`{"status":-2,"done":true}`, 1, broken},
		"hang": {`{"status":-1}`, 0, func(_ int, _ string, err error, took time.Duration) bool {
			return err != nil && took == 10*time.Second
		}},
		"status 418":          {`{"status":418}`, 0, words(418)},
		"status 500":          {`{"status":500,"done":true}`, 1, words(500)},
		"latency, status 429": {`{"status":429,"latency":1}`, 0, words(429)},
		"status 503": {`{"status":503}`, 0, func(code int, body string, err error, _ time.Duration) bool {
			return err == nil && code == 503 && strings.HasPrefix(body, "<html>")
		}},
		"truncate_body": {`{"truncate":true}`, 1, func(code int, body string, err error, _ time.Duration) bool {
			return err == nil && code == 201 && body == `{"id`
		}},
		"html_error_page": {`{"html":true}`, 1, func(code int, body string, err error, _ time.Duration) bool {
			return err == nil && code == 201 && strings.HasPrefix(body, "<html>")
		}},
		"slow_body": {`{"slow":4000000000}`, 1, func(_ int, body string, err error, took time.Duration) bool {
			return err == nil && took == 4*time.Second && json.Valid([]byte(body))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{}
				if code := p.faults(`{"next":[` + tc.fault + `]}`); code != http.StatusNoContent {
					t.Fatal(code)
				}
				if got := p.script.next[0].String(); got != name {
					t.Errorf("called %q", got)
				}
				start := time.Now()
				code, body, err := ask(t, p)
				if !tc.holds(code, body, err, time.Since(start)) || p.done != tc.done {
					t.Errorf("%d %q %v after %s, done %d times", code, body, err, time.Since(start), p.done)
				}
				if code, _, err := ask(t, p); code != http.StatusCreated || err != nil {
					t.Errorf("the next call: %d %v", code, err)
				}
			})
		})
	}
}

// TestScript: in order, as often as told, before chance has its say.
func TestScript(t *testing.T) {
	p := &provider{chance: func(*http.Request) (int, bool) { return 451, true }}
	if code := p.faults(`{"next":[{"status":500,"times":2},{"status":403}],"used_elsewhere":7}`); code != http.StatusNoContent || p.used != 7 {
		t.Fatalf("%d, %d used", code, p.used)
	}
	for i, want := range []int{500, 500, 403, 451} {
		if code, _, _ := ask(t, p); code != want {
			t.Errorf("call %d: %d, want %d", i, code, want)
		}
	}
	for _, bad := range []string{`{"next":[{"status":200}]}`, `{"next":[{"status":-3}]}`, `{"used_elsewhere":301}`, `{"used_elsewhere":-1}`, `[]`} {
		if code := p.faults(bad); code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, code)
		}
	}
	if p.used != 7 || len(p.script.next) != 0 {
		t.Errorf("a wrong script has an effect: %d used, %v", p.used, p.script.next)
	}
	p.faults(`{"next":[{"status":500}]}`)
	p.script.Clear()
	if code, _, _ := ask(t, p); code != 451 {
		t.Errorf("after Clear: %d", code)
	}
}

func TestSometimes(t *testing.T) {
	run := func(seed uint64) string {
		var b strings.Builder
		for f, i := Sometimes(seed, Fault{Status: 429}, Fault{Status: Lost, Done: true}, Fault{Status: 500}), 0; i < 1000; i++ {
			switch status, done := f(nil); {
			case status == Lost && done:
				b.WriteByte('l')
			case status == 429 && !done:
				b.WriteByte('w')
			case status == 500 && !done:
				b.WriteByte('d')
			case status != 0:
				t.Fatalf("%d %t", status, done)
			default:
				b.WriteByte('.')
			}
		}
		return b.String()
	}
	if first, again := run(1), run(1); first != again || first == run(2) {
		t.Error("a seed does not decide")
	}
	for _, f := range []string{"l", "w", "d"} {
		if n := strings.Count(run(1), f); n < 3 || n > 25 {
			t.Errorf("%s: %d in 1000 calls", f, n)
		}
	}
}

// TestClock: a simulator's time goes ahead, and never back.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Clock
		for body, want := range map[string]int{`{"advance":"5m"}`: 204, `{"advance":"-5m"}`: 400, `{"advance":"soon"}`: 400, `{`: 400} {
			w := httptest.NewRecorder()
			if c.Serve(w, httptest.NewRequest(http.MethodPost, "/_sim/clock", strings.NewReader(body))); w.Code != want {
				t.Errorf("%s: %d", body, w.Code)
			}
		}
		c.Advance(time.Second)
		if ahead := time.Until(c.Now()); ahead != 5*time.Minute+time.Second {
			t.Errorf("%s ahead", ahead)
		}
		if c.Clear(); !c.Now().Equal(time.Now()) {
			t.Error("still ahead")
		}
	})
}

// TestLog: a call is kept without what proves its caller, and is refused only
// where no fault refused it.
func TestLog(t *testing.T) {
	var l Log
	r := httptest.NewRequest(http.MethodPost, "/a?b=c", http.NoBody)
	r.Header.Set("Content-Type", "text/html; charset=x")
	for _, f := range []Fault{{}, {Status: 429}} {
		c := Heard(r, "secret", f)
		c.Status, c.Violations = 429, []string{"two", "one"}
		l.Add(c)
	}
	if c := l.Calls()[0]; c.Query != "b=c" || c.ContentType != "text/html; charset=x" || len(c.Token) != 8 || l.Refused() != 1 {
		t.Errorf("%+v, %d refused", c, l.Refused())
	}
	if v := l.Violations(); len(v) != 4 || v[0] != "POST /a: one" {
		t.Errorf("%q", v)
	}
	if l.Clear(); len(l.Calls()) != 0 {
		t.Error("a cleared log has calls")
	}
}
