package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa/internal/rude/rudetest"
)

var update = flag.Bool("update", false, "print docs/chatwork-sim.md anew")

// TestTable prints the cases in docs/chatwork-sim.md and runs those that have no
// test of their own.
func TestTable(t *testing.T) {
	rudetest.Table(t, "../../../../docs/chatwork-sim.md", *update, []rudetest.Part{
		{Title: "Credentials", Cases: []rudetest.Case{
			{Says: "no token, a wrong one, or one in the query: 401 `Invalid API token`", Test: TestTokens},
			{Says: "an OAuth access token is taken until it ends, if the simulator has OAuth; then 401", Test: TestOAuth},
			{Says: "posts appear as the token's person; own messages can be changed and taken away, others' are 403", Test: TestOwnMessages},
		}},
		{Title: "Requests and errors", Cases: []rudetest.Case{
			{Says: "a JSON body: 400", Test: TestJSONIsRefused},
			{Says: "multipart in place of a form is tolerated", Test: multipartPost},
			{Says: "a method in the query of a POST is meant; tasks are ticked off by the parameter that is called `body`", Test: TestTasks},
			{Says: "a path that there is not: 404 `Invalid Endpoint or HTTP method`", Test: answers("GET", "/v2/nothing", "", 404, badEndpoint)},
			{Says: "a method that a path has not: 404", Test: answers("DELETE", "/v2/rooms/11/members", "", 404, badEndpoint)},
			{Says: "a message that there is not: 404", Test: answers("GET", "/v2/rooms/11/messages/5", "", 404, badEndpoint)},
			{Says: "a task that there is not: 404", Test: answers("PUT", "/v2/rooms/11/tasks/5/status", "body=done", 404, badEndpoint)},
		}},
		{Title: "Reading", Cases: []rudetest.Case{
			{Says: "`GET /me`: who the token's person is", Test: answers("GET", "/v2/me", "", 200, `"account_id":1001`, `"room_id"`, `"chatwork_id"`, `"organization_id"`, `"mail"`, `"login_mail"`)},
			{Says: "`GET /my/status`: counts", Test: answers("GET", "/v2/my/status", "", 200, `"unread_num"`)},
			{Says: "`GET /my/tasks` without tasks: 204 and no body", Test: empty("/v2/my/tasks")},
			{Says: "`GET /rooms`: type and role of each, without the rooms of others", Test: answers("GET", "/v2/rooms", "", 200, `"type":"direct"`, `"type":"my"`, `"role":"readonly"`, `"role":"admin"`, `"unread_num"`, `"mention_num"`, `"mytask_num"`, `"file_num"`, `"icon_path"`, `"last_update_time"`, "!よその部屋")},
			{Says: "`GET /rooms/{id}`: the same with its description", Test: answers("GET", "/v2/rooms/11", "", 200, `"description"`)},
			{Says: "`GET /rooms/{id}/members`: who may be named", Test: answers("GET", "/v2/rooms/11/members", "", 200, `"account_id":1002`, `"role":"readonly"`)},
			{Says: "`GET messages` of an empty room: 204 and no body", Test: empty("/v2/rooms/11/messages?force=1")},
			{Says: "`GET tasks` without tasks: 204 and no body", Test: empty("/v2/rooms/11/tasks")},
			{Says: "`force=0` shows a message once for every user of the token, `force=1` always", Test: TestReadMark},
			{Says: "the latest 100 messages, and no more", Test: latest},
			{Says: "tasks by person, by who gave them and by state; 100 at the most", Test: taskFilters},
			{Says: "message ids are texts beyond 2^53", Test: TestMessageIDsDoNotFitAFloat},
			{Says: "`chatwork-message-limitation: true` where the plan hides messages", Test: hides},
		}},
		{Title: "Writing", Cases: []rudetest.Case{
			{Says: "a post is answered with its id", Test: answers("POST", "/v2/rooms/11/messages", "body=a&self_unread=1", 200, `{"message_id":"`)},
			{Says: "no body: 400", Test: answers("POST", "/v2/rooms/11/messages", "", 400, "body")},
			{Says: "a blank body: 400", Test: answers("POST", "/v2/rooms/11/messages", "body=+%0A", 400, "body")},
			{Says: "65535 characters are taken", Test: answers("POST", "/v2/rooms/11/messages", "body="+strings.Repeat("%E3%81%82", 65535), 200, "message_id")},
			{Says: "65536 characters: 400", Test: answers("POST", "/v2/rooms/11/messages", "body="+strings.Repeat("%E3%81%82", 65536), 400, "body")},
			{Says: "bytes that are no UTF-8: 400", Test: answers("POST", "/v2/rooms/11/messages", "body=%ff", 400, "body")},
			{Says: "`self_unread` other than 0 and 1: 400", Test: answers("POST", "/v2/rooms/11/messages", "body=a&self_unread=2", 400, "self_unread")},
			{Says: "a room to read only: 403 `You don't have permission to send/edit message.`", Test: answers("POST", "/v2/rooms/12/messages", "body=a", 403, noPermission)},
			{Says: "a room without the account: 403, and the same for one that there is not", Test: foreign},
			{Says: "a direct chat takes posts", Test: answers("POST", "/v2/rooms/13/messages", "body=a", 200, "message_id")},
			{Says: "the account's own chat takes posts", Test: answers("POST", "/v2/rooms/16/messages", "body=a", 200, "message_id")},
			{Says: "a group that the account runs takes posts", Test: answers("POST", "/v2/rooms/15/messages", "body=a", 200, "message_id")},
			{Says: "the same post again is another message: nothing is idempotent", Test: twice},
			{Says: "a task for each person named, told to the room", Test: answers("POST", "/v2/rooms/11/tasks", "body=a&to_ids=1001,1002&limit_type=none", 200, `{"task_ids":[`)},
			{Says: "a task for somebody who is not in the room: 400", Test: answers("POST", "/v2/rooms/11/tasks", "body=a&to_ids=1001,7&limit_type=none", 400, "to_ids")},
			{Says: "a task for nobody: 400", Test: answers("POST", "/v2/rooms/11/tasks", "body=a&limit_type=none", 400, "to_ids")},
			{Says: "a task has a time unless it says otherwise: without one 400", Test: answers("POST", "/v2/rooms/11/tasks", "body=a&to_ids=1001", 400, "limit_type")},
			{Says: "another `limit_type` than none, date and time: 400", Test: answers("POST", "/v2/rooms/11/tasks", "body=a&to_ids=1001&limit_type=week", 400, "limit_type")},
			{Says: "a task longer than 65535 characters: 400", Test: answers("POST", "/v2/rooms/11/tasks", "to_ids=1001&limit_type=none&body="+strings.Repeat("a", 65536), 400, "body")},
			{Says: "a task in a room to read only: 403", Test: answers("POST", "/v2/rooms/12/tasks", "body=a&to_ids=1001&limit_type=none", 403, noPermission)},
			{Says: "files of 5 MB at the most", Test: TestFiles},
			{Says: "no file: 400", Test: answers("POST", "/v2/rooms/11/files", "body=a", 400, "file")},
			{Says: "tags become boxes, names and quotes, shorthands become pictures, and nothing escapes", Test: TestMarkup},
		}},
		{Title: "Limits", Cases: []rudetest.Case{
			{Says: "300 calls in any 5 minutes of the token, exactly; 10 messages and tasks in 10 s of a room, with the words of each", Test: TestLimits},
			{Says: "every answer tells limit, rest and reset (Unix seconds); a room's refusal has used a call, its reset says nothing of the 10 s, and there is no `Retry-After`", Test: TestHeaders},
			{Says: "or, by the other reading, a window that is fixed from its first call (`Fixed`)", Test: TestFixedWindow},
		}},
		{Title: "Webhooks", Cases: []rudetest.Case{
			{Says: "what a person says is sent, once", Test: TestSayingSendsAWebhook},
			{Says: "signed under the decoded token over the raw body, in header and query alike", Test: signature},
			{Says: "posts, changed posts and mentions, each in its own form", Test: kinds},
			{Says: "a bad signature and a replay, when asked for", Test: variants},
			{Says: "another status than 200, or more than 2048 bytes, is an error; more errors than not in 20 switch it off; nothing is sent again", Test: TestHookGoesOff},
			{Says: "an answer of 2048 bytes is right, one more is an error", Test: longAnswers},
		}},
		{Title: "Trouble", Cases: []rudetest.Case{
			{Says: "a status, before or after the work was done, by a script (`POST /_sim/faults`)", Test: TestScriptedFaults},
			{Says: "dropped before it was accepted: no message is there", Test: dropped(false, 0)},
			{Says: "dropped after it was accepted: the message is there, and `force=1` finds it", Test: dropped(true, 1)},
			{Says: "latency, half an answer, a slow half, a page of HTML: done all the same", Test: badAnswers},
			{Says: "6 calls in 100 fail (`Rude`)", Test: TestRude},
			{Says: "the log has each call with form, type, fault and a hash of its token", Test: TestLog},
			{Says: "what no client must do: unknown path or parameter, wrong type, no token, a call in a wait that was told", Test: TestViolations},
			{Says: "the clock goes ahead (`POST /_sim/clock`), never back", Test: TestClock},
			{Says: "the page shows rooms as people see them, in ja, ko and en", Test: TestPage},
		}},
	})
}

// answers asks once and wants a status and words in the answer, or not in it
// where they begin with !; the call has been counted.
func answers(method, path, body string, code int, says ...string) func(*testing.T) {
	return func(t *testing.T) {
		w := ask(rooms(), method, path, body)
		if w.Code != code || w.Header().Get("X-Ratelimit-Remaining") != "299" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if wrong := struct{ Errors []string }{}; code >= 400 && (json.Unmarshal(w.Body.Bytes(), &wrong) != nil || len(wrong.Errors) != 1) {
			t.Errorf("an error is told as %s", w.Body)
		}
		for _, want := range says {
			if not, negative := strings.CutPrefix(want, "!"); strings.Contains(w.Body.String(), not) == negative {
				t.Errorf("%q in %s: %t", not, w.Body, !negative)
			}
		}
	}
}

// empty asks for a list with nothing in it.
func empty(path string) func(*testing.T) {
	return func(t *testing.T) {
		if w := ask(rooms(), "GET", path, ""); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	}
}

func multipartPost(t *testing.T) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := errors.Join(form.WriteField("body", "a"), form.Close()); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/v2/rooms/11/messages", &body)
	r.Header.Set("X-Chatworktoken", "t")
	r.Header.Set("Content-Type", form.FormDataContentType())
	s, w := rooms(), httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if m := s.Messages(11); w.Code != 200 || len(m) != 1 || m[0].Body != "a" || s.Log()[0].Form.Get("body") != "a" {
		t.Errorf("%d %s %+v", w.Code, w.Body, m)
	}
}

func latest(t *testing.T) {
	s := rooms()
	for n := range readBack + 1 {
		if err := s.Say(11, fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	var out []Message
	if err := json.Unmarshal(ask(s, "GET", "/v2/rooms/11/messages?force=1", "").Body.Bytes(), &out); err != nil || len(out) != 100 || out[0].Body != "1" || out[99].Body != "100" {
		t.Errorf("%d messages, %v", len(out), err)
	}
}

func taskFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rooms()
		for range readBack + 1 {
			time.Sleep(time.Second)
			ask(s, "POST", "/v2/rooms/11/tasks", "body=a&to_ids=1002&limit_type=none")
		}
		for query, want := range map[string]int{"": 100, "?account_id=1002": 100, "?account_id=1001": 0, "?assigned_by_account_id=1001": 100, "?assigned_by_account_id=1002": 0, "?status=done": 0} {
			var out []Task
			if w := ask(s, "GET", "/v2/rooms/11/tasks"+query, ""); w.Code == 200 && json.Unmarshal(w.Body.Bytes(), &out) != nil || len(out) != want {
				t.Errorf("%q: %d tasks, want %d", query, len(out), want)
			}
		}
	})
}

func hides(t *testing.T) {
	s := rooms()
	for _, hidden := range []bool{false, true} {
		s.Hides = hidden
		if h := ask(s, "GET", "/v2/rooms/11/messages?force=1", "").Header().Get("Chatwork-Message-Limitation"); (h == "true") != hidden {
			t.Errorf("hides %t: %q", hidden, h)
		}
	}
}

func foreign(t *testing.T) {
	for _, room := range []string{"14", "99"} {
		if w := post(rooms(), room, "a"); w.Code != 403 || !strings.Contains(w.Body.String(), noPermission) {
			t.Errorf("%s: %d %s", room, w.Code, w.Body)
		}
	}
}

func twice(t *testing.T) {
	s := rooms()
	first, again := post(s, "11", "a").Body.String(), post(s, "11", "a").Body.String()
	if first == again || len(s.Messages(11)) != 2 {
		t.Errorf("%s %s", first, again)
	}
}

// hub is a server that takes webhooks and answers them with n bytes.
type hub struct {
	*httptest.Server
	requests []*http.Request
	bodies   []string
}

func listen(t *testing.T, s *Server, n int) *hub {
	h := &hub{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.requests, h.bodies = append(h.requests, r), append(h.bodies, string(body))
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	}))
	t.Cleanup(h.Close)
	s.Hook = Hook{URL: h.URL, Token: "c2VjcmV0", Client: h.Client(), Mentions: true}
	return h
}

// sign is the signature by the manual, under the words that "c2VjcmV0" encodes.
func sign(body string) string {
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func signature(t *testing.T) {
	s := rooms()
	h := listen(t, s, 0)
	if err := s.Say(11, "a"); err != nil {
		t.Fatal(err)
	}
	r, want := h.requests[0], sign(h.bodies[0])
	if r.Header.Get("X-Chatworkwebhooksignature") != want || r.URL.Query().Get("chatwork_webhook_signature") != want {
		t.Errorf("%v %s, want %s", r.Header, r.URL, want)
	}
}

func kinds(t *testing.T) {
	s := rooms()
	h := listen(t, s, 0)
	if err := errors.Join(s.Say(11, "[To:1001] Engawa\nb"), s.Edit(11, s.Messages(11)[0], "c")); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{
		{`"webhook_event_type":"message_created"`, `"account_id":1002`, `"room_id":11`, `"update_time":0`},
		{`"webhook_event_type":"mention_to_me"`, `"from_account_id":1002`, `"to_account_id":1001`},
		{`"webhook_event_type":"message_updated"`, `"body":"c"`, `"webhook_setting_id"`, `"webhook_event_time"`},
	} {
		for _, w := range want {
			if len(h.bodies) != 3 || !strings.Contains(h.bodies[i], w) {
				t.Errorf("webhook %d: %q lacks %s", i, h.bodies, w)
			}
		}
	}
	post(s, "11", "ours")
	if err := s.Edit(11, s.Messages(11)[1], "d"); err == nil {
		t.Error("the person changes another's message")
	}
}

func variants(t *testing.T) {
	s := rooms()
	h := listen(t, s, 0)
	if err := s.Say(11, "a"); err != nil {
		t.Fatal(err)
	}
	m := s.Messages(11)[0]
	if err := errors.Join(s.Deliver(11, m, ""), s.Deliver(11, m, "Zm9yZ2Vk")); err != nil {
		t.Fatal(err)
	}
	if h.bodies[1] != h.bodies[0] || h.requests[1].Header.Get("X-Chatworkwebhooksignature") != sign(h.bodies[1]) {
		t.Error("the replay is another webhook")
	}
	if h.bodies[2] != h.bodies[0] || h.requests[2].Header.Get("X-Chatworkwebhooksignature") == sign(h.bodies[2]) {
		t.Error("the forged webhook is signed")
	}
}

func longAnswers(t *testing.T) {
	for n, bad := range map[int]bool{2048: false, 2049: true} {
		s := rooms()
		listen(t, s, n)
		if err := s.Say(11, "a"); (err != nil) != bad {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// dropped loses the connection of one post, before or after it was taken.
func dropped(done bool, messages int) func(*testing.T) {
	return func(t *testing.T) {
		s := rooms()
		srv := httptest.NewServer(s)
		defer srv.Close()
		ask(s, "POST", "/_sim/faults", fmt.Sprintf(`{"next":[{"status":-2,"done":%t}]}`, done))
		req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/v2/rooms/11/messages", strings.NewReader(url.Values{"body": {"ref: 1"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Chatworktoken", "t")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if res, err := srv.Client().Do(req); err == nil {
			_ = res.Body.Close()
			t.Errorf("answered %d", res.StatusCode)
		}
		found := strings.Count(ask(s, "GET", "/v2/rooms/11/messages?force=1", "").Body.String(), "ref: 1")
		if len(s.Messages(11)) != messages || found != messages {
			t.Errorf("%d messages, %d found", len(s.Messages(11)), found)
		}
	}
}

func badAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for fault, want := range map[string]struct {
			takes time.Duration
			html  bool
			half  bool
		}{
			`{"latency":2000000000}`: {takes: 2 * time.Second}, `{"slow":3000000000}`: {takes: 3 * time.Second}, `{"truncate":true}`: {half: true}, `{"html":true}`: {html: true},
		} {
			s := rooms()
			ask(s, "POST", "/_sim/faults", `{"next":[`+fault+`]}`)
			at := time.Now()
			w := post(s, "11", "a")
			if time.Since(at) != want.takes || strings.Contains(w.Body.String(), "<html>") != want.html || json.Valid(w.Body.Bytes()) == (want.half || want.html) || len(s.Messages(11)) != 1 {
				t.Errorf("%s: after %s %s, %d messages", fault, time.Since(at), w.Body, len(s.Messages(11)))
			}
		}
	})
}
