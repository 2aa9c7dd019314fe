package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeaders: every answer says how full the window is, a refusal of the room
// has used a call, and nothing names a wait but the reset, in Unix seconds.
func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rooms()
		for n := range 11 {
			w := post(s, "11", "a")
			h := w.Header()
			if h.Get("X-Ratelimit-Limit") != "300" || h.Get("X-Ratelimit-Remaining") != strconv.Itoa(299-n) || h.Get("Retry-After") != "" {
				t.Errorf("%d: %d %v", n, w.Code, h)
			}
			if reset, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err != nil || time.Until(time.Unix(reset, 0)).Round(time.Minute) != tokenPer {
				t.Errorf("reset %q", h.Get("X-Ratelimit-Reset"))
			}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/me", http.NoBody))
		if w.Code != http.StatusUnauthorized || w.Header().Get("X-Ratelimit-Remaining") != "300" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
}

// TestFixedWindow: by the other reading the window ends 5 minutes after its first
// call, whenever the others came.
func TestFixedWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rooms()
		s.Fixed = true
		ask(s, "GET", "/v2/me", "")
		time.Sleep(tokenPer - time.Second)
		for range 299 {
			ask(s, "GET", "/v2/me", "")
		}
		if w := ask(s, "GET", "/v2/me", ""); w.Code != http.StatusTooManyRequests {
			t.Errorf("call 301: %d", w.Code)
		}
		time.Sleep(time.Second)
		if w := ask(s, "GET", "/v2/me", ""); w.Header().Get("X-Ratelimit-Remaining") != "299" {
			t.Errorf("a new window: %v", w.Header())
		}
	})
}

// TestOAuth: an access token is taken until it ends, if the simulator has OAuth.
func TestOAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rooms()
		me := func() int {
			r := httptest.NewRequest(http.MethodGet, "/v2/me", http.NoBody)
			r.Header.Set("Authorization", "Bearer access")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code
		}
		if me() != 401 {
			t.Error("without OAuth")
		}
		s.Bearer, s.BearerEnds = "access", time.Now().Add(15*time.Minute)
		if me() != 200 {
			t.Error("with OAuth")
		}
		time.Sleep(15 * time.Minute)
		if me() != 401 {
			t.Error("after its end")
		}
	})
}

// TestTasks: one for each person, told to the room, ticked off by the parameter
// that is called body.
func TestTasks(t *testing.T) {
	s := rooms()
	var made struct {
		IDs []json.Number `json:"task_ids"`
	}
	w := ask(s, "POST", "/v2/rooms/11/tasks", "body=豆を買う&to_ids=1001,1002&limit_type=date&limit=4102444800")
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || len(made.IDs) != 2 || !strings.Contains(s.Messages(11)[0].Body, "豆を買う") {
		t.Fatalf("%s %v", w.Body, err)
	}
	one := "/v2/rooms/11/tasks/" + made.IDs[0].String()
	for i, step := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"GET", one, "", 200, "open"},
		{"GET", "/v2/my/tasks", "", 200, made.IDs[0].String()},
		{"GET", "/v2/rooms/11/tasks?account_id=1002", "", 200, made.IDs[1].String()},
		{"PUT", one + "/status", "body=later", 400, ""},
		{"POST", one + "/status?method=PUT", "body=done", 200, ""},
		{"GET", one, "", 200, "done"},
		{"GET", "/v2/my/tasks", "", 204, ""},
		{"GET", "/v2/rooms/11/tasks?status=done", "", 200, "1001"},
	} {
		if w := ask(s, step.method, step.path, step.body); w.Code != step.code || !strings.Contains(w.Body.String(), step.says) {
			t.Errorf("step %d: %d %s", i, w.Code, w.Body)
		}
	}
}

// TestOwnMessages: one's own can be changed and taken away, others' not.
func TestOwnMessages(t *testing.T) {
	s := rooms()
	post(s, "11", "a")
	if err := s.Say(11, "b"); err != nil {
		t.Fatal(err)
	}
	own, other := s.Messages(11)[0].ID, s.Messages(11)[1].ID
	for i, step := range []struct {
		method, id string
		code       int
	}{{"PUT", own, 200}, {"PUT", other, 403}, {"DELETE", other, 403}, {"DELETE", own, 200}, {"DELETE", own, 404}} {
		if w := ask(s, step.method, "/v2/rooms/11/messages/"+step.id, "body=c"); w.Code != step.code {
			t.Errorf("step %d: %d %s", i, w.Code, w.Body)
		}
	}
	s.Hides = true
	if w := ask(s, "GET", "/v2/rooms/11/messages?force=1", ""); w.Header().Get("Chatwork-Message-Limitation") != "true" {
		t.Errorf("%v", w.Header())
	}
}

// TestFiles: at most 5 MB.
func TestFiles(t *testing.T) {
	s := rooms()
	for size, want := range map[int]int{100: 200, maxFile + 1: 400} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		f, err := form.CreateFormFile("file", "a.txt")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write(make([]byte, size))
		_ = form.Close()
		r := httptest.NewRequest(http.MethodPost, "/v2/rooms/11/files", &body)
		r.Header.Set("X-Chatworktoken", "t")
		r.Header.Set("Content-Type", form.FormDataContentType())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%d bytes: %d %s", size, w.Code, w.Body)
		}
	}
}

// TestLog: a call's line says what treated it badly, and not its token.
func TestLog(t *testing.T) {
	s := rooms()
	if w := ask(s, "POST", "/_sim/faults", `{"next":[{"status":418,"done":true},{"html":true}]}`); w.Code != http.StatusNoContent {
		t.Fatal(w.Code)
	}
	sum := sha256.Sum256([]byte("t"))
	for i, want := range []struct {
		status int
		fault  string
	}{{418, "status 418"}, {200, "html_error_page"}, {200, ""}} {
		post(s, "11", "a")
		l := s.Log()
		if len(l) != i+1 || l[i].Status != want.status || l[i].Fault != want.fault || l[i].Token != hex.EncodeToString(sum[:4]) || l[i].Form.Get("body") != "a" {
			t.Errorf("%+v, want %+v", l, want)
		}
	}
	if n := len(s.Messages(11)); n != 3 {
		t.Errorf("%d messages", n)
	}
}

// TestViolations: the log names what a careful client would not do.
func TestViolations(t *testing.T) {
	s := rooms()
	post(s, "11", "a")
	ask(s, "GET", "/v2/rooms/11/messages?force=1", "")
	if v := s.Violations(); len(v) > 0 {
		t.Fatal(v)
	}
	ask(s, "GET", "/v2/nothing", "")
	ask(s, "GET", "/v2/rooms?page=2", "")
	r := httptest.NewRequest("POST", "/v2/rooms/11/messages", strings.NewReader(`{}`))
	r.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(httptest.NewRecorder(), r)
	s.UseElsewhere(tokenCalls)
	ask(s, "GET", "/v2/me", "")
	ask(s, "GET", "/v2/me", "")
	want := []string{
		"GET /v2/nothing: unknown path", "GET /v2/rooms: unknown parameter page", "POST /v2/rooms/11/messages: no authentication",
		"POST /v2/rooms/11/messages: wrong content type", "GET /v2/me: a call before the told wait was over",
	}
	if got := s.Violations(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	ask(s, "POST", "/_sim/reset", "")
	if len(s.Log()) != 0 || s.Refused() != 0 || len(s.Messages(11)) != 0 {
		t.Error("a reset leaves something")
	}
}

// TestClock: the simulator's time can be moved ahead.
func TestClock(t *testing.T) {
	s := rooms()
	s.UseElsewhere(tokenCalls)
	if w := ask(s, "POST", "/_sim/clock", `{"advance":"5m"}`); w.Code != http.StatusNoContent {
		t.Fatal(w.Code)
	}
	if w := ask(s, "GET", "/v2/me", ""); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	if w := ask(s, "POST", "/_sim/clock", `{"advance":"-5m"}`); w.Code != http.StatusBadRequest {
		t.Errorf("back in time: %d", w.Code)
	}
}

// TestHookGoesOff: a webhook that fails more often than not is switched off, and
// none is ever sent twice.
func TestHookGoesOff(t *testing.T) {
	n, status := 0, http.StatusInternalServerError
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		if r.URL.Query().Get("chatwork_webhook_signature") != r.Header.Get("X-Chatworkwebhooksignature") {
			t.Error("the signature is not in the query too")
		}
		w.WriteHeader(status)
	}))
	defer hub.Close()
	s := rooms()
	s.Hook = Hook{URL: hub.URL, Token: "c2VjcmV0", Client: hub.Client()}
	for range 25 {
		_ = s.Say(11, "a")
	}
	if n != hookLooksAt || !s.HookOff() {
		t.Errorf("%d deliveries, off %t", n, s.HookOff())
	}
}
