package sim

import (
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func rooms() *Server {
	s := &Server{Token: "t"}
	s.AddRoom(11, "契約", "group")
	s.AddRoom(12, "見るだけ", "readonly")
	s.AddRoom(13, "田中", "direct")
	s.AddRoom(14, "よその部屋", "foreign")
	s.AddRoom(15, "全体", "admin")
	s.AddRoom(16, "マイチャット", "my")
	return s
}

func ask(s http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Chatworktoken", "t")
	if method == http.MethodPost || method == http.MethodPut {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func post(s http.Handler, room, body string) *httptest.ResponseRecorder {
	return ask(s, http.MethodPost, "/v2/rooms/"+room+"/messages", url.Values{"body": {body}}.Encode())
}

func TestTokens(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"none":         httptest.NewRequest("GET", "/v2/me", http.NoBody),
		"in the query": httptest.NewRequest("GET", "/v2/me?x-chatworktoken=t", http.NoBody),
		"another":      {Method: "GET", URL: &url.URL{Path: "/v2/me"}, Header: http.Header{"X-Chatworktoken": {"u"}}, Body: http.NoBody},
	} {
		w := httptest.NewRecorder()
		rooms().ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || w.Body.String() != `{"errors":["Invalid API token"]}`+"\n" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestJSONIsRefused(t *testing.T) {
	r := httptest.NewRequest("POST", "/v2/rooms/11/messages", strings.NewReader(`{"body":"a"}`))
	r.Header.Set("X-Chatworktoken", "t")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	rooms().ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d", w.Code)
	}
}

// The windows are exact: one call is free as soon as one has left, not before.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rooms()
		s.UseElsewhere(299)
		if w := ask(s, "GET", "/v2/me", ""); w.Code != 200 || w.Header().Get("X-Ratelimit-Remaining") != "0" {
			t.Fatalf("call 300: %d", w.Code)
		}
		if w := ask(s, "GET", "/v2/me", ""); w.Code != 429 || w.Body.String() != `{"errors":["Rate limit exceeded"]}`+"\n" {
			t.Fatalf("call 301: %d %s", w.Code, w.Body)
		}
		time.Sleep(tokenPer - time.Nanosecond)
		if w := ask(s, "GET", "/v2/me", ""); w.Code != 429 {
			t.Errorf("just before the window ends: %d", w.Code)
		}
		time.Sleep(time.Nanosecond)
		for n := range 10 {
			if w := post(s, "11", "a"); w.Code != 200 {
				t.Fatalf("post %d: %d", n, w.Code)
			}
		}
		if w := post(s, "11", "a"); w.Code != 429 || w.Body.String() != `{"errors":["Rate limit for message posting per room exceeded."]}`+"\n" {
			t.Errorf("post 11: %d %s", w.Code, w.Body)
		}
		if w := ask(s, "POST", "/v2/rooms/11/tasks", "body=a&to_ids=1001&limit_type=none"); w.Code != 429 {
			t.Errorf("a task after 10 posts: %d", w.Code)
		}
		if w := post(s, "13", "a"); w.Code != 200 {
			t.Errorf("another room: %d", w.Code)
		}
		time.Sleep(roomPer)
		if w := post(s, "11", "a"); w.Code != 200 {
			t.Errorf("after 10 s: %d", w.Code)
		}
	})
}

// force=0 shows a message once for every user of the token, force=1 always.
func TestReadMark(t *testing.T) {
	s := rooms()
	post(s, "11", "a")
	for i, want := range []struct {
		force string
		code  int
	}{{"1", 200}, {"0", 200}, {"0", 204}, {"1", 200}} {
		if w := ask(s, "GET", "/v2/rooms/11/messages?force="+want.force, ""); w.Code != want.code {
			t.Errorf("read %d, force=%s: %d", i, want.force, w.Code)
		}
	}
}

func TestMessageIDsDoNotFitAFloat(t *testing.T) {
	var out struct {
		ID json.Number `json:"message_id"`
	}
	if err := json.Unmarshal(post(rooms(), "11", "a").Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if n, err := out.ID.Int64(); err != nil || int64(float64(n)) == n {
		t.Errorf("id %s, %v", out.ID, err)
	}
}

func TestRude(t *testing.T) {
	failed := 0
	for f, i := Rude(1), 0; i < 1000; i++ {
		if status, _ := f(nil); status != 0 {
			failed++
		}
	}
	if failed < 30 || failed > 100 {
		t.Errorf("%d of 1000 calls failed", failed)
	}
}

func TestScriptedFaults(t *testing.T) {
	s := rooms()
	if w := ask(s, "POST", "/_sim/faults", `{"next":[{"status":503},{"status":500,"done":true}]}`); w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := post(s, "11", "a"); w.Code != 503 || len(s.Messages(11)) != 0 {
		t.Errorf("%d, %d messages", w.Code, len(s.Messages(11)))
	}
	if w := post(s, "11", "a"); w.Code != 500 || len(s.Messages(11)) != 1 {
		t.Errorf("%d, %d messages", w.Code, len(s.Messages(11)))
	}
}

func TestSayingSendsAWebhook(t *testing.T) {
	var got http.Header
	var body []byte
	hub := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer hub.Close()
	s := rooms()
	s.Hook = Hook{URL: hub.URL, Token: "c2VjcmV0", Client: hub.Client()}
	if w := ask(s, "POST", "/_sim/say", "room=11&body=hello&lang=en"); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got.Get("X-Chatworkwebhooksignature") == "" || !strings.Contains(string(body), `"room_id":11`) {
		t.Errorf("%v %s", got, body)
	}
}

func TestMarkup(t *testing.T) {
	for in, want := range map[string]template.HTML{
		"a<b>&\"":                            "a&lt;b&gt;&amp;&#34;",
		"[info][title]t[/title]b[/info]":     `<div class="info"><b>t</b>b</div>`,
		"[info]a[/info]\nb\nc":               "<div class=\"info\">a</div>b\nc",
		"[info]open":                         `<div class="info">open</div>`,
		"[/info]":                            "[/info]",
		"[info][title]t[/info]":              `<div class="info"><b>t[/info]</b></div>`,
		"［toall］[toall][To:12]":              `［toall］<span class="to">toall</span><span class="to">To:12</span>`,
		"[code][info]<x>[/code][hr]":         `<code>[info]&lt;x&gt;</code><hr>`,
		"[picon:1][pname:1][piconname:1]":    `<span class="to">picon:1</span><span class="to">pname:1</span><span class="to">piconname:1</span>`,
		"[qt][qtmeta aid=1 time=2]q[/qt]":    `<blockquote>q</blockquote>`,
		"[rp aid=1 to=2-3]a":                 `<span class="to">rp aid=1 to=2-3</span>a`,
		"[url]x[/url]":                       `<u>x</u>`,
		"(y) :)［y］":                          "👍 🙂［y］",
		"\\[toall]":                          `\<span class="to">toall</span>`, // nothing escapes
		"see https://a.example/?b=1&c=\"d\"": `see <a href="https://a.example/?b=1&amp;c=" rel="noreferrer">https://a.example/?b=1&amp;c=</a>&#34;d&#34;`,
		"javascript:alert(1)":                "javascript:alert(1)",
	} {
		if got := render(in); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", in, got, want)
		}
	}
}

func TestPage(t *testing.T) {
	s := rooms()
	post(s, "11", "[info][title]定期決済に失敗しました[/title]契約: 456\n<script>[/info]\nref: 0123456789ab")
	for lang, want := range map[string]string{"ja": "直近5分間", "ko": "최근 5분", "en": "in the last 5 minutes"} {
		w := ask(s, "GET", "/?lang="+lang, "")
		b := w.Body.String()
		if !strings.Contains(b, want) || !strings.Contains(b, "<b>定期決済に失敗しました</b>") || strings.Contains(b, "\n<script>[") || strings.Contains(b, "<form") {
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
