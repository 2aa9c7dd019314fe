package sim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func rooms() *Server {
	s := &Server{Token: "t"}
	s.AddRoom("slack", "C1", "受注")
	s.ShutRoom("slack", "C2", "経営")
	s.AddRoom("teams", "w", "受注")
	s.AddRoom("discord", "1", "受注")
	s.AddRoom("telegram", "-1", "受注")
	s.AddRoom("googlechat", "A", "受注")
	return s
}

func ask(s http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer t")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const oneCard = `{"attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"$"}]}}]}`

// TestAnswers: each service's own statuses and words.
func TestAnswers(t *testing.T) {
	long := strings.Repeat("長", 4097)
	for _, tc := range []struct {
		path, body string
		want       int
		says       string
	}{
		{"/slack/services/C1/t", `{"text":"a"}`, 200, "ok"},
		{"/slack/services/C1/x", `{"text":"a"}`, 403, "invalid_token"},
		{"/slack/services/C9/t", `{"text":"a"}`, 404, "no_service"},
		{"/slack/services/C1/t", `{"text":" "}`, 400, "no_text"},
		{"/slack/services/C1/t", `x`, 400, "invalid_payload"},
		{"/slack/api/chat.postMessage", `{"channel":"C1","text":"a"}`, 200, `"ok":true`},
		{"/slack/api/chat.postMessage", `{"channel":"C2","text":"a"}`, 200, "not_in_channel"},
		{"/slack/api/chat.postMessage", `{"channel":"C9","text":"a"}`, 200, "channel_not_found"},
		{"/slack/api/nothing", `{}`, 200, "unknown_method"},
		{"/teams/workflows/w?sig=t", oneCard, 202, ""},
		{"/teams/workflows/w?sig=x", oneCard, 401, "DirectApi"},
		{"/teams/workflows/w?sig=t", `{"text":"a"}`, 400, "Schema"},
		{"/teams/workflows/w?sig=t", strings.Replace(oneCard, "$", strings.Repeat("x", 28<<10), 1), 413, "28 KB"},
		{"/discord/api/webhooks/1/t?wait=true", `{"content":"a"}`, 200, `"id":"1152921504606846977"`},
		{"/discord/api/webhooks/1/t", `{"content":"a"}`, 204, ""},
		{"/discord/api/webhooks/1/x", `{"content":"a"}`, 401, "50027"},
		{"/discord/api/webhooks/2/t", `{"content":"a"}`, 404, "10015"},
		{"/discord/api/webhooks/1/t", `{"content":""}`, 400, "50006"},
		{"/discord/api/webhooks/1/t", `{"content":"` + long[:3*2001] + `"}`, 400, "50035"},
		{"/telegram/bott/sendMessage", `{"chat_id":"-1","text":"a"}`, 200, `"ok":true`},
		{"/telegram/botx/sendMessage", `{"chat_id":"-1","text":"a"}`, 401, "Unauthorized"},
		{"/telegram/bott/sendMessage", `{"chat_id":"-2","text":"a"}`, 400, "chat not found"},
		{"/telegram/bott/sendMessage", `{"chat_id":"-1","text":"` + long + `"}`, 400, "too long"},
		{"/telegram/bott/sendMessage", `{"chat_id":"-1","text":"a<b","parse_mode":"HTML"}`, 400, "parse entities"},
		{"/googlechat/v1/spaces/A/messages?key=k&token=t", `{"text":"a"}`, 200, "spaces/A/messages/"},
		{"/googlechat/v1/spaces/A/messages?key=k&token=x", `{"text":"a"}`, 401, "UNAUTHENTICATED"},
		{"/googlechat/v1/spaces/B/messages?key=k&token=t", `{"text":"a"}`, 404, "NOT_FOUND"},
		{"/googlechat/v1/spaces/A/messages?key=k&token=t", `{"text":"` + long + `"}`, 400, "INVALID_ARGUMENT"},
		{"/nobody", `{}`, 404, ""},
	} {
		if w := ask(rooms(), "POST", tc.path, tc.body); w.Code != tc.want || !strings.Contains(w.Body.String(), tc.says) {
			t.Errorf("%s %.60s: %d %s, want %d %s", tc.path, tc.body, w.Code, w.Body, tc.want, tc.says)
		}
	}
}

// TestBots: what a bot may read and list, with its own words and statuses.
func TestBots(t *testing.T) {
	s := rooms()
	s.ShutRoom("discord", "2", "経営")
	s.Write("slack", "C1", "first")
	s.Write("slack", "C1", "second")
	s.Write("discord", "1", "first")
	s.Write("discord", "1", "second")
	get := func(method, path, body, auth string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", auth)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, tc := range []struct {
		method, path, auth string
		want               int
		says, not          string
	}{
		{"GET", "/slack/api/conversations.history?channel=C1&limit=1", "Bearer t", 200, `"next_cursor":"1"`, "first"},
		{"GET", "/slack/api/conversations.history?channel=C1&limit=1&cursor=1", "Bearer t", 200, "first", "second"},
		{"GET", "/slack/api/conversations.history?channel=C1&oldest=99999999999", "Bearer t", 200, `"messages":[]`, "first"},
		{"GET", "/slack/api/conversations.history?channel=%23受注", "Bearer t", 200, "channel_not_found", ""},
		{"GET", "/slack/api/conversations.history?channel=C2", "Bearer t", 200, "not_in_channel", ""},
		{"GET", "/slack/api/conversations.history?channel=C1&limit=1000", "Bearer t", 200, "invalid_limit", ""},
		{"GET", "/discord/api/channels/1/messages?limit=1", "Bot t", 200, "second", "first"},
		{"GET", "/discord/api/channels/1/messages?limit=101", "Bot t", 400, "50035", ""},
		{"GET", "/discord/api/channels/1/messages", "Bearer t", 401, "Unauthorized", ""},
		{"GET", "/discord/api/channels/9/messages", "Bot t", 404, "10003", ""},
		{"POST", "/discord/api/channels/2/messages", "Bot t", 403, "50013", ""},
		{"POST", "/discord/api/channels/1/messages", "Bot t", 200, `"id":`, ""},
		{"GET", "/discord/api/users/@me", "Bot t", 200, `"bot":true`, ""},
		{"GET", "/discord/api/guilds/" + discordServer + "/channels", "Bot t", 200, `"name":"受注"`, ""},
		{"GET", "/discord/api/guilds/7/channels", "Bot t", 404, "Not Found", ""},
	} {
		code, body := get(tc.method, tc.path, `{"content":"a"}`, tc.auth)
		if code != tc.want || !strings.Contains(body, tc.says) || tc.not != "" && strings.Contains(body, tc.not) {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, code, body)
		}
	}
	s.Unread = true
	for path, says := range map[string]string{"/slack/api/conversations.history?channel=C1": "missing_scope", "/discord/api/channels/1/messages": "[]"} {
		auth := "Bot t"
		if says == "missing_scope" {
			auth = "Bearer t"
		}
		if code, body := get("GET", path, "", auth); code != 200 || !strings.Contains(body, says) {
			t.Errorf("without the right, %s: %d %s", path, code, body)
		}
	}
}

// TestLimits: exact windows, each service's way to tell the wait.
func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		path, body string
		n          int
		per        time.Duration
		says       string
	}{
		{"/slack/services/C1/t", `{"text":"a"}`, 1, time.Second, "rate_limited"},
		{"/slack/api/chat.postMessage", `{"channel":"C1","text":"a"}`, 1, time.Second, "ratelimited"},
		{"/teams/workflows/w?sig=t", oneCard, 60, time.Minute, "Throttled"},
		{"/discord/api/webhooks/1/t", `{"content":"a"}`, 5, 2 * time.Second, `"retry_after":2`},
		{"/telegram/bott/sendMessage", `{"chat_id":"-1","text":"a"}`, 1, time.Second, `"retry_after":1`},
		{"/googlechat/v1/spaces/A/messages?key=k&token=t", `{"text":"a"}`, 1, time.Second, "RESOURCE_EXHAUSTED"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := rooms()
			for n := range tc.n {
				if w := ask(s, "POST", tc.path, tc.body); w.Code >= 300 {
					t.Fatalf("%s, call %d: %d", tc.path, n, w.Code)
				}
			}
			if w := ask(s, "POST", tc.path, tc.body); w.Code != 429 || !strings.Contains(w.Body.String(), tc.says) {
				t.Errorf("%s, one more: %d %s", tc.path, w.Code, w.Body)
			}
			time.Sleep(tc.per)
			if w := ask(s, "POST", tc.path, tc.body); w.Code >= 300 {
				t.Errorf("%s, later: %d %s", tc.path, w.Code, w.Body)
			}
		})
	}
}

// TestGroup: 20 a minute to a Telegram group, however slowly.
func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rooms()
		for n := range 21 {
			if w := ask(s, "POST", "/telegram/bott/sendMessage", `{"chat_id":"-1","text":"a"}`); (w.Code == 429) != (n == 20) {
				t.Errorf("post %d: %d", n, w.Code)
			}
			time.Sleep(time.Second)
		}
	})
}

// TestReading: what each service's markup would do to careless words is seen.
func TestReading(t *testing.T) {
	s := rooms()
	for path, body := range map[string]string{
		"/slack/services/C1/t":                           `{"text":"<!channel> <https://evil.example|bank>"}`,
		"/teams/workflows/w?sig=t":                       strings.Replace(oneCard, "$", "[bank](https://evil.example)", 1),
		"/discord/api/webhooks/1/t":                      `{"content":"@everyone [bank](https://evil.example)"}`,
		"/telegram/bott/sendMessage":                     `{"chat_id":"-1","parse_mode":"HTML","text":"@tanaka_h <a href=\"https://evil.example\">bank</a>"}`,
		"/googlechat/v1/spaces/A/messages?key=k&token=t": `{"text":"<users/all> <https://evil.example|bank>"}`,
	} {
		if w := ask(s, "POST", path, body); w.Code >= 300 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, r := range s.rooms {
		if r.shut {
			continue
		}
		mentions, links := 0, 0
		for _, span := range r.list[0].Spans {
			if span.Kind == "mention" {
				mentions++
			}
			if span.Other() {
				links++
			}
		}
		if links != 1 || mentions != 1 && r.service != "teams" {
			t.Errorf("%s: %d mentions, %d links with other words: %+v", r.service, mentions, links, r.list[0].Spans)
		}
	}
}

func TestScriptedFaults(t *testing.T) {
	s := rooms()
	if w := ask(s, "POST", "/_sim/faults", `{"next":[{"status":503},{"status":500,"done":true}]}`); w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, want := range []int{0, 1} {
		if w := ask(s, "POST", "/slack/services/C1/t", `{"text":"a"}`); w.Code < 500 || len(s.Posts("slack", "C1")) != want {
			t.Errorf("call %d: %d, %d posts", i, w.Code, len(s.Posts("slack", "C1")))
		}
	}
	if w := ask(s, "POST", "/_sim/faults", `{"next":[{"status":200}]}`); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
	if w := ask(s, "GET", "/_sim/log", ""); !strings.Contains(w.Body.String(), `"service":"googlechat"`) {
		t.Errorf("%s", w.Body)
	}
}

func TestPage(t *testing.T) {
	s := rooms()
	ask(s, "POST", "/slack/services/C1/t", `{"text":"<https://evil.example|bank> <script>"}`)
	for lang, want := range map[string]string{"ja": "まだ投稿はありません", "ko": "아직 글이 없습니다", "en": "No posts yet"} {
		b := ask(s, "GET", "/?lang="+lang, "").Body.String()
		if !strings.Contains(b, want) || !strings.Contains(b, words[lang]["leads"]+" https://evil.example") || strings.Contains(b, "<script>\n") || strings.Contains(b, "<script> ") {
			t.Errorf("%s: %s", lang, b)
		}
	}
	for lang := range words {
		for key := range words["en"] {
			if words[lang][key] == "" || lang != "en" && words[lang][key] == words["en"][key] {
				t.Errorf("%s: no words for %s", lang, key)
			}
		}
	}
}
