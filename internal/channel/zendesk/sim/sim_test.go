package sim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func desk() *Server {
	s := &Server{Mail: "a@b.example", Token: "t", OAuth: "o", Polite: true, Fields: []Field{{ID: 9007199254740993, Title: "プラン", Type: "text"}}}
	s.AddGroup(7, "窓口")
	s.Suspend("gone@customer.example")
	return s
}

func ask(s http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("a@b.example/token", "t")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const one = `{"ticket":{"subject":"s","comment":{"body":"b","public":false},"requester":{"name":"n","email":"N@customer.example"},"external_id":"e1"}}`

func TestCredentials(t *testing.T) {
	for auth, want := range map[string]int{
		"": 401, "Basic " + b64("a@b.example:t"): 401, "Basic " + b64("a@b.example/token:t"): 200, "Basic " + b64("A@B.example/token:t"): 200,
		"Basic " + b64("other@b.example/token:t"): 401, "Basic " + b64("a@b.example/token:x"): 401, "Basic " + b64("x/token:y@b.example/token:t"): 401, "Bearer o": 200, "Bearer x": 401, "Bearer ": 401,
	} {
		if w := ask(desk(), "GET", "/api/v2/users/me", "", "Authorization", auth); w.Code != want || want == 401 && !strings.Contains(w.Body.String(), "Couldn't authenticate you") && !strings.Contains(w.Body.String(), "invalid_token") {
			t.Errorf("%q: %d %s", auth, w.Code, w.Body)
		}
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestGrants: a client gets tokens that end, for what it may and asks for.
func TestGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		s.Client = Client{ID: "hub", Secret: "s3cret", Scopes: []string{"read", "tickets:write"}}
		grant := func(body string) (int, string, string) {
			w := ask(s, "POST", "/oauth/tokens", body)
			var out struct {
				Token string `json:"access_token"`
			}
			_ = json.Unmarshal(w.Body.Bytes(), &out)
			return w.Code, out.Token, w.Body.String()
		}
		const all = `"grant_type":"client_credentials","client_id":"hub","client_secret":"s3cret"`
		for body, want := range map[string]struct {
			code int
			says string
		}{
			`{` + all + `,"scope":"read"}`:                     {200, `"token_type":"bearer"`},
			`{` + all + `,"scope":"read","expires_in":301}`:    {200, `"expires_in":301`},
			`{` + all + `,"scope":"read","expires_in":300}`:    {400, "invalid_request"},
			`{` + all + `,"scope":"read","expires_in":172800}`: {400, "invalid_request"},
			`{` + all + `}`:                                      {400, "invalid_scope"},
			`{` + all + `,"scope":"write"}`:                      {400, "invalid_scope"},
			`{"grant_type":"refresh_token"}`:                     {400, "unsupported_grant_type"},
			`{"grant_type":"client_credentials","scope":"read"}`: {401, "invalid_client"},
			`grant_type=client_credentials`:                      {400, "invalid_request"},
		} {
			if code, _, says := grant(body); code != want.code || !strings.Contains(says, want.says) || strings.Contains(says, "refresh_token\"") {
				t.Errorf("%s: %d %s", body, code, says)
			}
		}
		_, token, _ := grant(`{` + all + `,"scope":"read"}`)
		get := func() int { return ask(s, "GET", "/api/v2/users/me", "", "Authorization", "Bearer "+token).Code }
		if post := ask(s, "POST", "/api/v2/tickets", one, "Authorization", "Bearer "+token).Code; get() != 200 || post != 403 {
			t.Errorf("a token to read: posts with %d", post)
		}
		time.Sleep(30*time.Minute - time.Nanosecond)
		last := get()
		time.Sleep(time.Nanosecond)
		if last != 200 || get() != 401 {
			t.Errorf("%d before its end, %d after it", last, get())
		}
		s.Client.Public = true
		if code, _, says := grant(`{` + all + `,"scope":"read"}`); code != 400 || !strings.Contains(says, "unauthorized_client") {
			t.Errorf("a public client: %d %s", code, says)
		}
		if w := ask(s, "POST", "/oauth/tokens", "grant_type=x", "Content-Type", "application/x-www-form-urlencoded"); w.Code != 415 {
			t.Errorf("a form: %d", w.Code)
		}
	})
}

// TestOptions: a ticket names a brand and a form that are in use, and a
// priority that there is; a plan without forms shows none.
func TestOptions(t *testing.T) {
	s := desk()
	if w := ask(s, "GET", "/api/v2/ticket_forms", ""); w.Code != 403 {
		t.Errorf("no forms: %d", w.Code)
	}
	s.AddBrand(11, "ひなた", true)
	s.AddBrand(12, "旧", false)
	s.AddForm(21, "申込", true)
	for what, want := range map[string]int{
		`"brand_id":11,"ticket_form_id":21,"priority":"high"`: 201, `"brand_id":12`: 422, `"brand_id":21`: 422, `"ticket_form_id":22`: 422, `"priority":"highest"`: 422,
	} {
		if w := ask(s, "POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b","public":false},`+what+`}}`); w.Code != want {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	for path, says := range map[string]string{"brands": `"active":false`, "ticket_forms": `"申込"`} {
		if w := ask(s, "GET", "/api/v2/"+path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestKeys: for two hours a key gives the first answer again; another body is
// refused, and what was refused is not remembered.
func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		post := func(body, key string) *httptest.ResponseRecorder {
			return ask(s, "POST", "/api/v2/tickets", body, "Idempotency-Key", key)
		}
		first := post(one, "k")
		if again := post(one, "k"); first.Header().Get("X-Idempotency-Lookup") != "miss" || again.Header().Get("X-Idempotency-Lookup") != "hit" || again.Body.String() != first.Body.String() {
			t.Errorf("%v %v", first.Header(), again.Header())
		}
		if w := post(strings.Replace(one, "s", "t", 1), "k"); w.Code != 400 || !strings.Contains(w.Body.String(), "IdempotentRequestError") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := post(one, strings.Repeat("k", 256)); w.Code != 400 {
			t.Errorf("a long key: %d", w.Code)
		}
		if w := post(`{"ticket":{}}`, "k2"); w.Code != 422 {
			t.Errorf("%d", w.Code)
		}
		if w := post(one, "k2"); w.Code != 201 {
			t.Errorf("after a refusal: %d", w.Code)
		}
		time.Sleep(keyLife - time.Nanosecond)
		if post(one, "k"); len(s.Tickets()) != 2 {
			t.Errorf("%d tickets within two hours", len(s.Tickets()))
		}
		time.Sleep(time.Nanosecond)
		if post(one, "k"); len(s.Tickets()) != 3 {
			t.Errorf("%d tickets after two hours", len(s.Tickets()))
		}
	})
}

// TestLimit: the minute slides, and a 429 tells the wait in each of the ways.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for told, want := range map[Told][2]string{ToldAsJSON: {"61", "{"}, ToldAsText: {"61", "N"}, Untold: {"", "N"}} {
			s := desk()
			s.Told = told
			s.UseElsewhere(199)
			if w := ask(s, "GET", "/api/v2/users/me", ""); w.Code != 200 || w.Header().Get("Ratelimit-Remaining") != "0" {
				t.Fatalf("call 200: %d", w.Code)
			}
			w := ask(s, "GET", "/api/v2/users/me", "")
			if w.Code != 429 || w.Header().Get("Retry-After") != want[0] || w.Body.String()[:1] != want[1] {
				t.Errorf("%d: %d %q %s", told, w.Code, w.Header().Get("Retry-After"), w.Body)
			}
			time.Sleep(minute)
			if w := ask(s, "GET", "/api/v2/users/me", ""); w.Code != 200 {
				t.Errorf("a minute later: %d", w.Code)
			}
		}
	})
}

// TestLag: the list has what is new, search and users do not yet.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		s.Lag = 30 * time.Second
		ask(s, "POST", "/api/v2/tickets", one)
		count := func(path string) int {
			var out struct{ Count int }
			if err := json.Unmarshal(ask(s, "GET", path, "").Body.Bytes(), &out); err != nil {
				t.Fatal(err)
			}
			return out.Count
		}
		list, search, users := "/api/v2/tickets?external_id=e1", "/api/v2/search?query=external_id:e1", "/api/v2/users/search?query=email:n@customer.example"
		if count(list) != 1 || count(search) != 0 || count(users) != 0 || count("/api/v2/tickets?external_id=e2") != 0 {
			t.Error("at once")
		}
		time.Sleep(s.Lag)
		if count(search) != 1 || count(users) != 1 {
			t.Error("after the lag")
		}
	})
}

// TestUsers: an address is one user, whatever its case; a new one needs a name.
func TestUsers(t *testing.T) {
	s := desk()
	for body, want := range map[string]int{`{"user":{"email":"x@y.example"}}`: 422, `{"user":{"external_id":"c9"}}`: 422, `{}`: 400} {
		if w := ask(s, "POST", "/api/v2/users/create_or_update", body); w.Code != want {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
	for _, want := range []int{201, 200} {
		if w := ask(s, "POST", "/api/v2/users/create_or_update", `{"user":{"name":"n","email":"N@customer.example","external_id":"c1"}}`); w.Code != want {
			t.Errorf("%d, want %d", w.Code, want)
		}
	}
	if w := ask(s, "POST", "/api/v2/users/create_or_update", `{"user":{"name":"m","external_id":"c1"}}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"name":"m"`) {
		t.Errorf("by external_id: %d %s", w.Code, w.Body)
	}
	ask(s, "POST", "/api/v2/tickets", one)
	if u := s.Requester(s.Tickets()[0]); u.Mail != "n@customer.example" || u.External != "c1" {
		t.Errorf("%+v", u)
	}
}

// TestJob: it moves on when it is asked for, and completes with a row that failed.
func TestJob(t *testing.T) {
	s := desk()
	var out struct {
		Job struct {
			ID, Status string
			Results    []struct{ Success bool }
		} `json:"job_status"`
	}
	read := func(w *httptest.ResponseRecorder) {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
	}
	read(ask(s, "POST", "/api/v2/tickets/create_many", `{"tickets":[{"comment":{"body":"b"}},{}]}`))
	for _, want := range []string{"working", "completed"} {
		if read(ask(s, "GET", "/api/v2/job_statuses/"+out.Job.ID, "")); out.Job.Status != want {
			t.Errorf("%s, want %s", out.Job.Status, want)
		}
	}
	if r := out.Job.Results; len(r) != 2 || !r[0].Success || r[1].Success || len(s.Tickets()) != 1 {
		t.Errorf("%+v", r)
	}
	for range maxJobs {
		ask(s, "POST", "/api/v2/tickets/create_many", `{"tickets":[{"comment":{"body":"b"}}]}`)
	}
	if w := ask(s, "POST", "/api/v2/tickets/create_many", `{"tickets":[{"comment":{"body":"b"}}]}`); w.Code != 429 {
		t.Errorf("job %d: %d", maxJobs+1, w.Code)
	}
}

// TestUpdates: a ticket's status changes, 30 times in ten minutes at most.
func TestUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		ask(s, "POST", "/api/v2/tickets", one)
		path := fmt.Sprintf("/api/v2/tickets/%d", s.Tickets()[0].ID)
		if w := ask(s, "PUT", path, `{"ticket":{"status":"painted"}}`); w.Code != 422 {
			t.Errorf("%d", w.Code)
		}
		for range updates - 1 {
			if w := ask(s, "PUT", path, `{"ticket":{"status":"solved"}}`); w.Code != 200 {
				t.Fatalf("%d", w.Code)
			}
		}
		if w := ask(s, "PUT", path, `{"ticket":{"status":"open"}}`); w.Code != 429 || w.Header().Get("Retry-After") != "601" || s.Tickets()[0].Status != "solved" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
}

// TestFlags: what the provider puts right, or does besides, in silence.
func TestFlags(t *testing.T) {
	s := desk()
	ask(s, "POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"tags":["two words"]}}`)
	if got := s.Flags(); len(got) != 2 || s.Tickets()[0].Tags[0] != "two_words" || !s.Tickets()[0].IsPublic {
		t.Errorf("%q %+v", got, s.Tickets()[0])
	}
}

func TestFaults(t *testing.T) {
	s := desk()
	if w := ask(s, "POST", "/_sim/faults", `{"next":[{"status":503},{"status":500,"done":true},{"status":403}],"used_elsewhere":3}`); w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, want := range []struct{ code, tickets int }{{503, 0}, {500, 1}, {403, 1}, {201, 2}} {
		if w := ask(s, "POST", "/api/v2/tickets", one); w.Code != want.code || len(s.Tickets()) != want.tickets {
			t.Errorf("%d, %d tickets; want %+v", w.Code, len(s.Tickets()), want)
		}
	}
	if w := ask(s, "POST", "/_sim/faults", `{"next":[{"status":200}]}`); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
}

// TestRude: it is rude by itself, and not too much.
func TestRude(t *testing.T) {
	failed := 0
	s := &Server{}
	for range 190 {
		func() {
			defer func() {
				if recover() != nil {
					failed++
				}
			}()
			if w := ask(s, "GET", "/api/v2/users/me", ""); w.Code != 200 {
				failed++
			}
		}()
	}
	if failed < 3 || failed > 40 {
		t.Errorf("%d of 190 calls failed", failed)
	}
}

// TestBoard: a person changes a status and writes a comment, and the webhook
// tells of both; nothing changes on GET.
func TestBoard(t *testing.T) {
	var got []string
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Zendesk-Webhook-Signature") == "" || r.Header.Get("X-Zendesk-Webhook-Signature-Timestamp") == "" {
			t.Error("unsigned")
		}
		got = append(got, string(body))
	}))
	defer hub.Close()
	s := desk()
	s.Hook = Hook{URL: hub.URL, Secret: "x", Client: hub.Client()}
	ask(s, "POST", "/api/v2/tickets", strings.Replace(one, `"b"`, `"<script>alert(1)</script>"`, 1))
	id := fmt.Sprint(s.Tickets()[0].ID)
	form := func(path string, v url.Values) int {
		v.Set("ticket", id)
		return ask(s, "POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded").Code
	}
	for _, tc := range []struct {
		path string
		form url.Values
		want int
	}{
		{"/_sim/status", url.Values{"status": {"open"}}, 303},
		{"/_sim/status", url.Values{"status": {"open"}}, 303}, // no change, no webhook
		{"/_sim/status", url.Values{"status": {"painted"}}, 400},
		{"/_sim/comment", url.Values{"body": {"了解"}, "public": {"false"}}, 303},
		{"/_sim/comment", url.Values{"body": {" "}}, 400},
	} {
		if code := form(tc.path, tc.form); code != tc.want {
			t.Errorf("%s %v: %d", tc.path, tc.form, code)
		}
	}
	if len(got) != 2 || !strings.Contains(got[0], `"current":"OPEN"`) || !strings.Contains(got[0], `"id":"`+id+`"`) || !strings.Contains(got[1], "comment_added") || !strings.Contains(got[1], "了解") {
		t.Errorf("%q", got)
	}
	for lang, want := range map[string]string{"ja": "オープン", "ko": "진행 중", "en": "Internal note"} {
		w := ask(s, "GET", "/?lang="+lang, "")
		if b := w.Body.String(); !strings.Contains(b, want) || strings.Contains(b, "<script>alert") || !strings.Contains(b, "n@customer.example") {
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
