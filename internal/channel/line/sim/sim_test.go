package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// world is a polite LINE with one account of the provider Own, and a client of it.
type world struct {
	*testing.T
	*Server
	own   Account
	token string
}

// within runs a test in a bubble, with an account that has a plan and may list
// its friends.
func within(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, Server: &Server{Polite: true}}
		defer w.Close()
		w.own = w.AddAccount(Account{Provider: "Own", Name: "ひなた珈琲", Verified: true, Plan: 5000})
		w.token = w.LongLived(w.own.ID)
		test(w)
		synctest.Wait()
	})
}

// answer is what a call was told.
type got struct {
	status int
	header http.Header
	body   string
}

// do calls with headers in pairs; a text that is a form goes as one.
func (w *world) do(method, path, body string, headers ...string) got {
	w.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("User-Agent", "test")
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return got{rec.Code, rec.Header(), rec.Body.String()}
}

// want calls and holds the answer to a status and texts in its body.
func (w *world) want(method, path, body string, status int, texts ...string) got {
	w.Helper()
	g := w.do(method, path, body)
	w.holds(g, method+" "+path+" "+body, status, texts...)
	return g
}

func (w *world) holds(g got, what string, status int, texts ...string) {
	w.Helper()
	if len(what) > 200 {
		what = what[:200]
	}
	if g.status != status {
		w.Errorf("%s: %d %s, want %d", what, g.status, g.body, status)
	}
	for _, text := range texts {
		if !strings.Contains(g.body, text) {
			w.Errorf("%s: %s lacks %s", what, g.body, text)
		}
	}
}

func (w *world) form(path string, pairs ...string) got {
	w.Helper()
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return w.do("POST", path, f.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (g got) field(t *testing.T, name string) string {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(strings.NewReader(g.body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", g.body, err)
	}
	return fmt.Sprint(v[name])
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// friend is a new person who added the account.
func (w *world) friend(name string) (person, user string) {
	w.Helper()
	person = w.AddPerson(name)
	w.must(w.Follow(person, w.own.ID))
	return person, w.UserID(person, w.own.ID)
}

// texts are what a person's chat shows, in order.
func (w *world) texts(person, account string) []string {
	var out []string
	for _, m := range w.Inbox(person, account) {
		out = append(out, m.Text)
	}
	return out
}

// hub takes the webhooks.
type hub struct {
	status int           // 0: 200
	slow   time.Duration // before it answers
	bodies []string
	heads  []http.Header
	events []map[string]any
}

func (h *hub) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(h.slow):
	}
	h.bodies, h.heads = append(h.bodies, string(b)), append(h.heads, r.Header)
	var in struct{ Events []map[string]any }
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	h.events = append(h.events, in.Events...)
	status := h.status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// listen has the account's webhooks go to a hub.
func (w *world) listen() *hub {
	h := &hub{}
	w.Client = &http.Client{Transport: h}
	w.SetWebhook(w.own.ID, "https://hub.example/in")
	return h
}

// types are the types of the events that came, in order.
func (h *hub) types() []string {
	var out []string
	for _, e := range h.events {
		out = append(out, fmt.Sprint(e["type"]))
	}
	return out
}

const hello = `"messages":[{"type":"text","text":"hello"}]`

func push(to string) string { return `{"to":"` + to + `",` + hello + `}` }

func many(to ...string) string {
	b, _ := json.Marshal(to)
	return `{"to":` + string(b) + `,` + hello + `}`
}

const (
	key     = "123e4567-e89b-12d3-a456-426614174000"
	nobody  = "U00000000000000000000000000000000"
	pushing = "/v2/bot/message/push"
)

// TestTokens: what is minted with an id and secret, how long it lives, how many
// there may be, and how it ends.
func TestTokens(t *testing.T) {
	within(t, func(w *world) {
		works := func(token string, want bool) {
			w.Helper()
			status := 401
			if want {
				status = 200
			}
			w.holds(w.do("GET", "/v2/bot/info", "", "Authorization", "Bearer "+token), "info", status)
		}
		mint := func(path string) string {
			w.Helper()
			g := w.form(path, "grant_type", "client_credentials", "client_id", w.own.ID, "client_secret", w.own.Secret)
			w.holds(g, path, 200, `"token_type":"Bearer"`)
			return g.field(t, "access_token")
		}
		old, again := w.token, w.LongLived(w.own.ID)
		works(old, true)
		works(again, true)
		first := mint("/v2/oauth/accessToken")
		for range 29 {
			mint("/v2/oauth/accessToken")
		}
		works(first, true)
		second := mint("/v2/oauth/accessToken") // the 31st
		works(first, false)
		works(second, true)
		w.holds(w.form("/v2/oauth/verify", "access_token", second), "verify", 200, `"client_id":"`+w.own.ID+`"`, `"expires_in":2592000`)
		w.holds(w.form("/v2/oauth/revoke", "access_token", second), "revoke", 200)
		works(second, false)
		w.holds(w.form("/v2/oauth/revoke", "access_token", "whatever"), "revoke nothing", 200)
		w.holds(w.form("/v2/oauth/verify", "access_token", second), "verify a revoked one", 400, `"error":"invalid_request"`)

		free := mint("/oauth2/v3/token")
		w.form("/v2/oauth/revoke", "access_token", free)
		works(free, true)
		w.holds(w.do("GET", "/oauth2/v2.1/verify?access_token="+url.QueryEscape(free), ""), "verify a stateless one", 200, `"expires_in":900`)
		w.Advance(15*time.Minute - time.Second)
		works(free, true)
		w.Advance(time.Second)
		works(free, false)
		w.Advance(24 * time.Hour)
		works(old, false)
		works(again, true)

		for range 370 {
			mint("/v2/oauth/accessToken")
		}
		w.holds(w.form("/v2/oauth/accessToken", "grant_type", "client_credentials", "client_id", w.own.ID, "client_secret", w.own.Secret), "the 371st in a second", 429)
		w.ReissueSecret(w.own.ID)
		w.holds(w.form("/oauth2/v3/token", "grant_type", "client_credentials", "client_id", w.own.ID, "client_secret", w.own.Secret), "the old secret", 400, `"error":"invalid_client"`)
		w.holds(w.form("/oauth2/v3/token", "grant_type", "password"), "another grant", 400, `"error":"unsupported_grant_type"`)
		w.holds(w.do("POST", "/oauth2/v3/token", `{}`), "no form", 400, `"error":"invalid_request"`)
		if v := w.Violations(); !slices.Contains(v, "GET /v2/bot/info: a call with a revoked token") {
			t.Errorf("%q", v)
		}
	})
}

// TestUnauthorized: how calls without a good token are refused.
func TestUnauthorized(t *testing.T) {
	within(t, func(w *world) {
		for header, text := range map[string]string{
			"":                 "Authorization header required. Must follow the scheme, 'Authorization: Bearer <ACCESS TOKEN>'",
			"Bearer \x7f":      "The access token malformed",
			"Basic " + w.token: "The access token malformed",
			"Bearer nobody":    "Authentication failed. Confirm that the access token in the authorization header is valid.",
		} {
			w.holds(w.do("GET", "/v2/bot/info", "", "Authorization", header), header, 401, text)
		}
		if g := w.do("GET", "/v2/bot/info", ""); g.header.Get("X-Line-Request-Id") == "" {
			t.Error("no request id")
		}
	})
}

// TestRequests: what a call is refused for before anybody is written to.
func TestRequests(t *testing.T) {
	within(t, func(w *world) {
		_, user := w.friend("a")
		long := strings.Repeat("😀", 2501) // of two units each
		for _, c := range []struct {
			method, path, body string
			status             int
			texts              []string
		}{
			{"GET", "/v2/bot/nothing", "", 404, []string{`{"message":"Not found"}`}},
			{"GET", pushing, "", 405, nil},
			{"GET", "/v2/bot/profile/", "", 404, nil}, // as the SDK asks for nobody's
			{"POST", pushing, `{`, 400, []string{"could not be parsed as JSON"}},
			{"POST", pushing, `{"to":5,` + hello + `}`, 400, []string{"The property, 'to', in the request body is invalid"}},
			{"POST", pushing, push("090"), 400, []string{"The property, 'to', in the request body is invalid (line: -, column: -)"}},
			{"POST", pushing, push(""), 400, []string{`"The request body has 1 error(s)"`, `{"message":"May not be empty","property":"to"}`}},
			{"POST", pushing, `{"to":"` + user + `"}`, 400, []string{`{"message":"Size must be between 1 and 5","property":"messages"}`}},
			{"POST", pushing, `{"to":"` + user + `","messages":[` + strings.Repeat(`{"type":"text","text":"a"},`, 5) + `{}]}`, 400, []string{"between 1 and 5"}},
			{"POST", pushing, `{"to":"` + user + `","messages":[{"type":"text","text":"` + long + `"}]}`, 400, []string{`"property":"messages[0].text"`}},
			{"POST", pushing, `{"to":"` + user + `","messages":[{"type":"text","text":"` + long[:len(long)-4] + `"}],"customAggregationUnits":null,"notificationDisabled":false,"x":1}`, 200, nil},
			{"POST", pushing, `{"to":"` + user + `","messages":[{"type":"text","text":""},{"text":"a"}]}`, 400, []string{"2 error(s)", `{"message":"must be specified","property":"messages[1].type"}`}},
			{"POST", pushing, `{"to":"` + user + `",` + hello + `,"customAggregationUnits":["a b"]}`, 400, []string{"customAggregationUnits[0]"}},
			{"POST", pushing, `{"to":"` + user + `",` + hello + `,"customAggregationUnits":["a","b"]}`, 400, []string{"customAggregationUnits"}},
			{"POST", "/v2/bot/message/multicast", `{"to":[],` + hello + `}`, 400, []string{`{"message":"Size must be between 1 and 500","property":"to"}`}},
			{"POST", "/v2/bot/message/multicast", many(slices.Repeat([]string{user}, 501)...), 400, []string{"between 1 and 500"}},
			{"POST", "/v2/bot/message/multicast", many(user, "090"), 400, []string{"The property, to[1], in the request body is invalid"}},
			{"POST", "/v2/bot/message/validate/push", `{` + hello + `}`, 200, nil},
			{"POST", "/v2/bot/message/validate/push", `{"messages":[]}`, 400, nil},
			{"POST", "/v2/bot/message/validate/other", `{` + hello + `}`, 404, nil},
			{"GET", "/v2/bot/richmenu/x/content", "", 404, nil}, // on the other host
		} {
			w.want(c.method, c.path, c.body, c.status, c.texts...)
		}
		w.holds(w.do("POST", pushing, push(user), "Content-Type", "text/plain"), "no JSON", 400, "The content type, text/plain, is not supported")
		w.holds(w.do("POST", pushing, push(user)+strings.Repeat(" ", 2<<20)), "too much", 413)
		w.holds(w.do("POST", "/v2/bot/message/reply", `{}`, "X-Line-Retry-Key", key), "a key for a reply", 400, "retry key")
		w.holds(w.do("GET", "/v2/bot/info", "", "X-Line-Retry-Key", key), "a key for a GET", 400, "retry key")
	})
}

// TestMessages: what messages may hold.
func TestMessages(t *testing.T) {
	within(t, func(w *world) {
		action := func(a string) string {
			return `{"type":"text","text":"a","quickReply":{"items":[{"type":"action","action":` + a + `}]}}`
		}
		buttons := func(more string) string {
			return `{"type":"template","altText":"a","template":{"type":"buttons","text":"a"` + more + `}}`
		}
		postback := `{"type":"postback","label":"a","data":"d"}`
		bubble := `{"type":"bubble","body":{"type":"box","layout":"vertical","contents":[{"type":"text","text":"a"},{"type":"button","action":` + postback + `}]}}`
		for _, c := range [][2]string{
			{`{"type":"sticker","packageId":"1","stickerId":"2"}`, ""},
			{`{"type":"sticker","packageId":"1"}`, "stickerId"},
			{`{"type":"image","originalContentUrl":"https://a.example/a.png","previewImageUrl":"http://a"}`, "previewImageUrl"},
			{`{"type":"video","originalContentUrl":"https://a.example/a","previewImageUrl":"https://a/b"}`, ""},
			{`{"type":"audio","originalContentUrl":"https://a.example/a.mp3"}`, "duration"},
			{`{"type":"location","title":"a","address":"b","latitude":35.6,"longitude":139.7}`, ""},
			{`{"type":"location","title":"a","address":"b"}`, "latitude"},
			{buttons(`,"actions":[` + postback + `]`), ""},
			{buttons(`,"actions":[]`), "template.actions"},
			{buttons(``), "template.actions"},
			{buttons(`,"actions":[{"type":"postback","label":"a","data":"` + strings.Repeat("d", 301) + `"}]`), "action.data"},
			{`{"type":"template","altText":"` + strings.Repeat("a", 1501) + `","template":{"type":"confirm","text":"a","actions":[` + postback + `,` + postback + `]}}`, "altText"},
			{`{"type":"template","altText":"a","template":{"type":"confirm","text":"a","actions":[` + postback + `]}}`, "template.actions"},
			{`{"type":"template","altText":"a","template":{"type":"carousel","columns":[{"text":"a","actions":[` + postback + `]}]}}`, ""},
			{`{"type":"template","altText":"a","template":{"type":"carousel","columns":[{"text":"a"}]}}`, "columns[0].actions"},
			{`{"type":"template","altText":"a","template":{}}`, "template.type"},
			{`{"type":"flex","altText":"a","contents":` + bubble + `}`, ""},
			{`{"type":"flex","contents":` + bubble + `}`, "altText"},
			{`{"type":"flex","altText":"a","contents":{"type":"carousel","contents":[` + strings.Repeat(bubble+",", 12) + bubble + `]}}`, "contents.contents"},
			{`{"type":"flex","altText":"a","contents":{"type":"bubble","body":{"type":"box","layout":"vertical","contents":[{"type":"text","text":"` + strings.Repeat("a", 31<<10) + `"}]}}}`, "30720 bytes"},
			{`{"type":"coupon","couponId":"none"}`, "couponId"},
			{`{"type":"other"}`, "messages[0].type"},
			{`5`, "messages[0]"},
			{action(`{"type":"uri","label":"a","uri":"https://a.example/` + strings.Repeat("a", 983) + `"}`), "action.uri"},
			{action(`{"type":"uri","label":"a","uri":"ftp://a.example"}`), "invalid uri"},
			{action(`{"type":"uri","label":"a","uri":"https://a.example"}`), ""},
			{action(`{"type":"message","label":"a"}`), "action.text"},
			{`{"type":"text","text":"a","quickReply":{"items":[]}}`, "quickReply.items"},
		} {
			message, wrong := c[0], c[1]
			g := w.do("POST", "/v2/bot/message/validate/push", `{"messages":[`+message+`]}`)
			if (g.status == 200) != (wrong == "") || !strings.Contains(g.body, wrong) {
				t.Errorf("%.120s: %d %s, want %q", message, g.status, g.body, wrong)
			}
		}
	})
}

// TestPush: who is reached, who is counted, and who is not even the provider's.
func TestPush(t *testing.T) {
	within(t, func(w *world) {
		friend, friendID := w.friend("a")
		blocked, blockedID := w.friend("b")
		w.must(w.Block(blocked, w.own.ID))
		gone, goneID := w.friend("c")
		w.must(w.Leave(gone))
		never := w.AddPerson("d")
		wrote := w.AddPerson("e")
		if _, err := w.Write(wrote, w.own.ID, "hi"); err != nil {
			t.Fatal(err)
		}
		vendor := w.AddAccount(Account{Provider: "Vendor"})
		foreign := w.UserID(friend, vendor.ID)
		if foreign == friendID || w.UserID(friend, w.AddAccount(Account{Provider: "Own"}).ID) != friendID {
			t.Error("ids are those of the provider")
		}
		for id, want := range map[string]int{friendID: 1, blockedID: 0, goneID: 0, w.UserID(never, w.own.ID): 0, w.UserID(wrote, w.own.ID): 1} {
			before := w.Usage(w.own.ID)
			w.want("POST", pushing, push(id), 200, `"sentMessages":[{"id":"5600`, `"quoteToken":"`)
			if n := w.Usage(w.own.ID) - before; n != want {
				t.Errorf("%d counted, want %d", n, want)
			}
		}
		for _, id := range []string{foreign, nobody, "C" + nobody[1:]} {
			w.want("POST", pushing, push(id), 400, `{"message":"Failed to send messages"}`)
		}
		if got := w.texts(friend, w.own.ID); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("%q", got)
		}
		if len(w.texts(blocked, w.own.ID)) != 0 || len(w.texts(never, w.own.ID)) != 0 || !slices.Equal(w.texts(wrote, w.own.ID), []string{"hi", "hello"}) {
			t.Error("others were reached")
		}
		w.Advance(7 * 24 * time.Hour)
		w.want("POST", pushing, push(w.UserID(wrote, w.own.ID)), 200)
		if n := len(w.texts(wrote, w.own.ID)); n != 2 {
			t.Errorf("%d messages a week later", n)
		}
	})
}

// TestMulticast: friends once each, foreign users by the option, and broadcasts
// to all friends.
func TestMulticast(t *testing.T) {
	within(t, func(w *world) {
		a, first := w.friend("a")
		b, second := w.friend("b")
		blocked, third := w.friend("c")
		w.must(w.Block(blocked, w.own.ID))
		w.want("POST", "/v2/bot/message/multicast", many(first, first, second, third, nobody), 200, `{}`)
		if w.Usage(w.own.ID) != 2 || len(w.texts(a, w.own.ID)) != 1 || len(w.texts(b, w.own.ID)) != 1 || len(w.texts(blocked, w.own.ID)) != 0 {
			t.Errorf("%d", w.Usage(w.own.ID))
		}
		w.ForeignRefused = true
		w.want("POST", "/v2/bot/message/multicast", many(first, nobody), 400, "The property, to[1], in the request body is invalid (line: -, column: -)")
		w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 200, `{}`)
		if w.Usage(w.own.ID) != 4 || len(w.texts(a, w.own.ID)) != 2 {
			t.Errorf("%d", w.Usage(w.own.ID))
		}
		if v := w.Violations(); !slices.Equal(v, []string{"POST /v2/bot/message/multicast: sent to a user that is not the provider's"}) {
			t.Errorf("%q", v)
		}
	})
}

// TestRetryKeys: accepted once for a day, then new; a refusal is not kept.
func TestRetryKeys(t *testing.T) {
	within(t, func(w *world) {
		a, user := w.friend("a")
		with := func(body, key string) got { return w.do("POST", pushing, body, "X-Line-Retry-Key", key) }
		w.holds(with(push(user), "no uuid"), "no UUID", 400, "X-Line-Retry-Key")
		w.holds(with(push(user), ""), "an empty key is none", 200)
		w.holds(with(push(nobody), key), "refused", 400)
		first := with(push(user), key)
		w.holds(first, "first", 200)
		again := with(push(user), key)
		w.holds(again, "again", 409, `"message":"The retry key is already accepted"`, first.body[1:len(first.body)-1])
		if id := again.header.Get("X-Line-Accepted-Request-Id"); id != first.header.Get("X-Line-Request-Id") || id == "" || again.header.Get("X-Line-Request-Id") == id {
			t.Errorf("%v %v", first.header, again.header)
		}
		w.holds(with(`{"to":"`+user+`","messages":[{"type":"text","text":"other"}]}`, key), "another body", 409)
		w.holds(w.do("POST", "/v2/bot/message/multicast", many(user), "X-Line-Retry-Key", strings.ToUpper(key[:8])+key[8:len(key)-1]+"1"), "multicast", 200)
		w.holds(w.do("POST", "/v2/bot/message/multicast", many(user), "X-Line-Retry-Key", strings.ToUpper(key[:8])+key[8:len(key)-1]+"1"), "multicast again", 409, `{"message":"The retry key is already accepted"}`)
		if n := len(w.texts(a, w.own.ID)); n != 3 {
			t.Errorf("%d messages", n)
		}
		w.Advance(24 * time.Hour)
		w.holds(with(push(user), key), "a day later", 200)
		if n := len(w.texts(a, w.own.ID)); n != 4 {
			t.Errorf("%d messages", n)
		}
		want := []string{"sent to a user that is not the provider's", "a retry key with another body", "a retry key after a day: the message goes out twice"}
		for i, v := range w.Violations() {
			if i >= len(want) || !strings.HasSuffix(v, want[i]) {
				t.Errorf("%d: %s", i, v)
			}
		}
	})
}

// TestRates: each endpoint of a channel has a bucket that fills again; one user
// gets not too much.
func TestRates(t *testing.T) {
	within(t, func(w *world) {
		_, user := w.friend("a")
		for range 60 {
			w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 200)
		}
		full := w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 429, `{"message":"The API rate limit has been exceeded. Try again later."}`)
		if full.header.Get("Retry-After") != "" {
			t.Error("LINE tells no wait")
		}
		w.want("POST", pushing, push(user), 200)
		other := w.AddAccount(Account{Provider: "Own"})
		w.holds(w.do("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, "Authorization", "Bearer "+w.LongLived(other.ID)), "another channel", 200)
		w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 429)
		time.Sleep(time.Minute)
		w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 200)
		if v := w.Violations(); !slices.Equal(v, []string{"POST /v2/bot/message/broadcast: no pacing: over the limit again"}) {
			t.Errorf("%q", v)
		}
		w.PerUser = 3
		for range 3 {
			w.want("POST", pushing, push(user), 200)
		}
		w.want("POST", pushing, push(user), 429, "rate limit")
	})
}

// TestQuota: what is counted, how it is told, and that nothing goes beyond it.
func TestQuota(t *testing.T) {
	within(t, func(w *world) {
		a, user := w.friend("a")
		b, second := w.friend("b")
		w.want("GET", "/v2/bot/message/quota", "", 200, `{"type":"limited","value":5000}`)
		w.SetPlan(w.own.ID, 3)
		w.want("POST", pushing, push(user), 200)
		w.UseElsewhere(w.own.ID, 1)
		w.want("GET", "/v2/bot/message/quota/consumption", "", 200, `{"totalUsage":2}`)
		w.want("POST", "/v2/bot/message/multicast", many(user, second), 429, `{"message":"You have reached your monthly limit."}`)
		w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 429, "monthly limit")
		if len(w.texts(a, w.own.ID)) != 1 || len(w.texts(b, w.own.ID)) != 0 {
			t.Error("a part was sent")
		}
		w.want("POST", pushing, push(second), 200)
		w.want("POST", pushing, push(second), 429, "monthly limit")
		today := time.Now().In(jst).Format("20060102")
		w.want("GET", "/v2/bot/message/delivery/push?date="+today, "", 200, `{"status":"unready"}`)
		w.want("GET", "/v2/bot/message/delivery/push?date=29991231", "", 400)
		w.want("GET", "/v2/bot/message/delivery/push?date=19991231", "", 200, `{"status":"out_of_service"}`)
		w.Advance(31 * 24 * time.Hour) // another month
		w.want("GET", "/v2/bot/message/delivery/push?date="+today, "", 200, `{"status":"ready","success":2}`)
		w.want("GET", "/v2/bot/message/delivery/multicast?date="+today, "", 200, `"success":0`)
		w.want("GET", "/v2/bot/message/quota/consumption", "", 200, `{"totalUsage":0}`)
		w.want("POST", pushing, push(second), 200)
		w.SetPlan(w.own.ID, Unlimited)
		w.want("GET", "/v2/bot/message/quota", "", 200, `{"type":"none"}`)
	})
}

// TestUnits: sends are counted by name, up to a thousand names in a month.
func TestUnits(t *testing.T) {
	within(t, func(w *world) {
		_, user := w.friend("a")
		for i := range 1001 {
			w.want("POST", "/v2/bot/message/multicast", `{"to":["`+user+`"],`+hello+`,"customAggregationUnits":["u`+fmt.Sprint(i)+`"]}`, 200)
			time.Sleep(10 * time.Millisecond)
		}
		w.want("GET", "/v2/bot/message/aggregation/info", "", 200, `{"numOfCustomAggregationUnits":1000}`)
		g := w.want("GET", "/v2/bot/message/aggregation/list?limit=100", "", 200, `"customAggregationUnits":["u0","u1"`)
		w.want("GET", "/v2/bot/message/aggregation/list?start="+g.field(t, "next"), "", 200, `"next":`)
		if w.Usage(w.own.ID) != 1001 {
			t.Errorf("%d", w.Usage(w.own.ID))
		}
	})
}

// TestUsers: profiles of friends, and the list of their ids for who is verified.
func TestUsers(t *testing.T) {
	within(t, func(w *world) {
		var ids []string
		for _, name := range []string{"a", "b", "c"} {
			_, id := w.friend(name)
			ids = append(ids, id)
		}
		blocked, id := w.friend("d")
		w.want("GET", "/v2/bot/profile/"+id, "", 200, `"displayName":"d"`, `"language":"ja"`)
		w.SetLanguage(blocked, "")
		if g := w.want("GET", "/v2/bot/profile/"+id, "", 200); strings.Contains(g.body, "language") {
			t.Error("a language nobody told")
		}
		w.must(w.Block(blocked, w.own.ID))
		w.want("GET", "/v2/bot/profile/"+id, "", 404, `{"message":"Not found"}`)
		w.want("GET", "/v2/bot/profile/"+nobody, "", 404)
		w.want("GET", "/v2/bot/profile/090", "", 400)
		first := w.want("GET", "/v2/bot/followers/ids?limit=2", "", 200, ids[0], ids[1])
		next := first.field(t, "next")
		if g := w.want("GET", "/v2/bot/followers/ids?limit=2&start="+next, "", 200, `["`+ids[2]+`"]`); strings.Contains(g.body, "next") {
			t.Error(g.body)
		}
		for _, limit := range []string{"0", "1001", "x"} {
			w.want("GET", "/v2/bot/followers/ids?limit="+limit, "", 400)
		}
		w.want("GET", "/v2/bot/followers/ids?start=2.x", "", 400, "Invalid start param")
		w.Advance(24 * time.Hour)
		w.want("GET", "/v2/bot/followers/ids?start="+next, "", 400, "Invalid start param")
		plain := w.AddAccount(Account{Provider: "Own"})
		w.holds(w.do("GET", "/v2/bot/followers/ids", "", "Authorization", "Bearer "+w.LongLived(plain.ID)), "not verified", 403, "Access to this API is not available for your account")
		w.want("GET", "/v2/bot/info", "", 200, `"userId":"`+w.own.UserID+`"`, `"basicId":"@`, `"chatMode":"bot"`)
		w.want("POST", "/v2/bot/chat/loading/start", `{"chatId":"`+ids[0]+`"}`, 202, `{}`)
		w.want("POST", "/v2/bot/chat/loading/start", `{"chatId":"`+ids[0]+`","loadingSeconds":7}`, 400)
		w.Polite = false
		w.Answer = func(*http.Request) (int, bool) { return 0, false }
		if g := w.want("GET", "/v2/bot/followers/ids", "", 200); strings.Count(g.body, "U") != 2 {
			t.Errorf("a long page: %s", g.body)
		}
	})
}

// TestWebhooks: what is told of people, signed over the very bytes.
func TestWebhooks(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		who, user := w.friend("a")
		id, err := w.Write(who, w.own.ID, "hi")
		w.must(err)
		w.must(w.Unsend(who, w.own.ID, id))
		w.must(w.Block(who, w.own.ID))
		w.must(w.Follow(who, w.own.ID))
		w.Settle()
		if want := []string{"follow", "message", "unsend", "unfollow", "follow"}; !slices.Equal(h.types(), want) {
			t.Fatalf("%q, want %q", h.types(), want)
		}
		for i, b := range h.bodies {
			if got := slices.Collect(maps.Values(h.heads[i])); !slices.ContainsFunc(got, func(v []string) bool { return v[0] == Sign(w.own.Secret, []byte(b)) }) {
				t.Errorf("not signed: %v", h.heads[i])
			}
			if !strings.Contains(b, `"destination":"`+w.own.UserID+`"`) {
				t.Error(b)
			}
		}
		for i, e := range h.events {
			source, _ := e["source"].(map[string]any)
			if _, token := e["replyToken"].(string); source["userId"] != user || token != (e["type"] != "unfollow" && e["type"] != "unsend") || len(e["webhookEventId"].(string)) != 26 || e["mode"] != "active" {
				t.Errorf("%d: %v", i, e)
			}
		}
		if first, last := h.events[0]["follow"].(map[string]any), h.events[4]["follow"].(map[string]any); first["isUnblocked"] != false || last["isUnblocked"] != true {
			t.Errorf("%v %v", first, last)
		}
		if m := h.events[1]["message"].(map[string]any); m["text"] != "hi" || m["id"] != id || h.events[2]["unsend"].(map[string]any)["messageId"] != id {
			t.Errorf("%v", m)
		}
		before := len(h.events)
		w.UseWebhook(w.own.ID, false)
		w.must(w.Block(who, w.own.ID))
		w.UseWebhook(w.own.ID, true)
		w.Standby(w.own.ID, true)
		w.must(w.Follow(who, w.own.ID))
		w.Settle()
		if len(h.events) != before+1 || h.events[before]["mode"] != "standby" || h.events[before]["replyToken"] != nil {
			t.Errorf("%v", h.events[before:])
		}
	})
}

// TestSignature: the vector of the reference.
func TestSignature(t *testing.T) {
	if got := Sign("8c570fa6dd201bb328f1c1eac23a96d8", []byte(`{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`)); got != "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=" {
		t.Error(got)
	}
}

// TestRudeWebhooks: names in any order, spaces, unknown fields and events,
// several people in one; all of it JSON that is signed as it is.
func TestRudeWebhooks(t *testing.T) {
	within(t, func(w *world) {
		w.Polite = false
		w.Answer = func(*http.Request) (int, bool) { return 0, false }
		h := w.listen()
		shapes, mixed := map[string]bool{}, 0
		for range 60 {
			for _, name := range []string{"a", "b"} {
				w.friend(name)
			}
			w.Settle()
		}
		for _, b := range h.bodies {
			shapes[b[:min(20, len(b))]] = true
			mixed += min(1, max(0, strings.Count(b, `"follow"`)-2))
		}
		unknown := 0
		for _, e := range h.events {
			if e["type"] == "somethingNew" {
				unknown++
			} else if e["x-new"] == nil {
				t.Errorf("%v", e)
			}
		}
		if len(shapes) < 3 || unknown == 0 || unknown > 30 || mixed == 0 {
			t.Errorf("%d shapes, %d unknown events, %d with several people", len(shapes), unknown, mixed)
		}
	})
}

// TestRedelivery: what was not taken in two seconds comes again in another order
// if that is switched on, with the same ids; else it is lost.
func TestRedelivery(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		h.status = 500
		w.friend("lost")
		w.Settle()
		time.Sleep(time.Hour)
		if len(h.events) != 1 {
			t.Fatalf("%q", h.types())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, Server: &Server{Polite: true}}
		defer w.Close()
		w.own = w.AddAccount(Account{Redelivery: true})
		w.token = w.LongLived(w.own.ID)
		h := w.listen()
		h.slow = 3 * time.Second
		who := w.AddPerson("a")
		w.must(w.Follow(who, w.own.ID))
		w.must(w.Block(who, w.own.ID))
		w.Settle()
		if d := w.Deliveries(w.own.ID); len(d) != 1 || d[0].Status != 0 || len(h.events) != 0 {
			t.Fatalf("%v %q", d, h.types())
		}
		h.slow = 0
		time.Sleep(time.Minute)
		w.Settle()
		if want := []string{"unfollow", "follow"}; !slices.Equal(h.types(), want) {
			t.Fatalf("%q", h.types())
		}
		var first struct {
			Events []struct{ WebhookEventID string }
		}
		w.must(json.Unmarshal(w.Deliveries(w.own.ID)[0].Body, &first))
		for i, e := range h.events {
			if again := e["deliveryContext"].(map[string]any)["isRedelivery"]; again != true || e["webhookEventId"] != first.Events[1-i].WebhookEventID {
				t.Errorf("%v", e)
			}
		}
		time.Sleep(time.Hour)
		if len(h.events) != 2 {
			t.Error("taken, and came again")
		}
	})
}

// TestReplies: a token answers once, within a minute of its arrival, for nothing;
// one that came again not 20 minutes after the event.
func TestReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, Server: &Server{Polite: true, Redeliver: []time.Duration{time.Minute, 10 * time.Minute, 15 * time.Minute}}}
		defer w.Close()
		w.own = w.AddAccount(Account{Redelivery: true})
		w.token = w.LongLived(w.own.ID)
		h := w.listen()
		who, _ := w.friend("a")
		w.Settle()
		body := func() string {
			return `{"replyToken":"` + fmt.Sprint(h.events[len(h.events)-1]["replyToken"]) + `",` + hello + `}`
		}
		reply := func(body string, status int, texts ...string) {
			w.Helper()
			w.want("POST", "/v2/bot/message/reply", body, status, texts...)
		}
		reply(body(), 200, `"sentMessages":[{"id":"`)
		reply(body(), 400, `{"message":"Invalid reply token"}`)
		reply(`{"replyToken":"no",`+hello+`}`, 400, "Invalid reply token")
		if w.Usage(w.own.ID) != 0 || !slices.Equal(w.texts(who, w.own.ID), []string{"hello"}) {
			t.Error("a reply is free")
		}
		write := func() {
			_, err := w.Write(who, w.own.ID, "hi")
			w.must(err)
			w.Settle()
		}
		write()
		time.Sleep(time.Minute + time.Second)
		reply(body(), 400, "Invalid reply token")
		h.status = 500
		write()
		time.Sleep(time.Minute + time.Second) // it came again
		w.Settle()
		reply(body(), 200)
		write()
		time.Sleep(11*time.Minute + time.Second)
		w.Settle()
		again := body()
		time.Sleep(15 * time.Minute) // 26 minutes after the event
		w.Settle()
		if h.events[len(h.events)-1]["deliveryContext"].(map[string]any)["isRedelivery"] != true {
			t.Fatal("it did not come again")
		}
		reply(again, 400, "Invalid reply token")
	})
}

// TestEndpoint: the webhook's URL over the API, and its test.
func TestEndpoint(t *testing.T) {
	within(t, func(w *world) {
		const at = "/v2/bot/channel/webhook/endpoint"
		w.want("GET", at, "", 404, `{"message":"Webhook endpoint not found"}`)
		for _, bad := range []string{"http://hub.example", "https://hub.example/" + strings.Repeat("a", 500), "hub"} {
			w.want("PUT", at, `{"endpoint":"`+bad+`"}`, 400, "Invalid webhook endpoint URL")
		}
		h := w.listen()
		w.HookDelay = time.Minute
		w.want("PUT", at, `{"endpoint":"https://vendor.example/in"}`, 200, `{}`)
		w.want("GET", at, "", 200, `{"active":true,"endpoint":"https://vendor.example/in"}`)
		w.friend("a")
		w.Settle()
		time.Sleep(time.Minute)
		w.friend("b")
		w.Settle()
		if d := w.Deliveries(w.own.ID); len(d) != 2 || d[0].URL != "https://hub.example/in" || d[1].URL != "https://vendor.example/in" {
			t.Errorf("%v", d)
		}
		w.want("POST", "/v2/bot/channel/webhook/test", `{}`, 200, `"success":true`, `"statusCode":200`, `"reason":"OK"`)
		if b := h.bodies[len(h.bodies)-1]; !strings.Contains(b, `"events":[]`) {
			t.Error(b)
		}
		h.status = 503
		w.want("POST", "/v2/bot/channel/webhook/test", `{"endpoint":"https://hub.example"}`, 200, `"success":false`, `"reason":"ERROR_STATUS_CODE"`, `"statusCode":503`)
		h.slow = time.Minute
		w.want("POST", "/v2/bot/channel/webhook/test", `{}`, 200, `"reason":"REQUEST_TIMEOUT"`)
		w.Client = nil
		w.want("POST", "/v2/bot/channel/webhook/test", `{}`, 200, `"reason":"COULD_NOT_CONNECT"`)
		if d, err := w.Forge(w.own.ID); err == nil {
			t.Errorf("%v", d)
		}
	})
}

// TestFaults: a push that was accepted and then lost is found again by its key.
func TestFaults(t *testing.T) {
	within(t, func(w *world) {
		a, user := w.friend("a")
		script := func(faults string) { w.want("POST", "/_sim/faults", `{"next":[`+faults+`]}`, 204) }
		script(`{"status":-2,"done":true}`)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it was answered")
				}
			}()
			w.do("POST", pushing, push(user), "X-Line-Retry-Key", key)
		}()
		w.holds(w.do("POST", pushing, push(user), "X-Line-Retry-Key", key), "again", 409, "sentMessages")
		if n := len(w.texts(a, w.own.ID)); n != 1 {
			t.Errorf("%d messages", n)
		}
		script(`{"status":500},{"status":429},{"status":503}`)
		w.want("POST", pushing, push(user), 500, `{"message":"The internal server error occurred"}`)
		w.want("POST", pushing, push(user), 429, "rate limit")
		w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 503, "<html>")
		if n := len(w.texts(a, w.own.ID)); n != 1 {
			t.Errorf("%d messages", n)
		}
		w.want("POST", "/v2/bot/message/broadcast", `{`+hello+`}`, 200)
		want := []string{"POST " + pushing + ": a retry without the key of the first attempt", "POST /v2/bot/message/broadcast: a retry without the key of the first attempt"}
		if v := w.Violations(); !slices.Equal(v, want) {
			t.Errorf("%q", v)
		}
	})
}

// TestRude: it fails now and then by itself unless it is polite.
func TestRude(t *testing.T) {
	within(t, func(w *world) {
		w.Polite = false
		failed := 0
		for range 300 {
			func() {
				defer func() {
					if recover() != nil {
						failed++
					}
				}()
				if w.do("GET", "/v2/bot/info", "").status >= 400 {
					failed++
				}
			}()
		}
		if failed < 6 || failed > 60 {
			t.Errorf("%d of 300 failed", failed)
		}
	})
}

// TestMistakes: what is answered as LINE answers and noted all the same.
func TestMistakes(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		who, user := w.friend("a")
		w.must(w.Block(who, w.own.ID))
		w.Settle()
		if len(h.events) != 2 {
			t.Fatal(h.types())
		}
		w.want("POST", pushing, push(user), 200)
		w.want("POST", pushing, push("090"), 400)
		w.want("POST", pushing, push("090"), 400)
		w.want("GET", "/v2/bot/profile/"+nobody, "", 404)
		w.want("PUT", "/v2/bot/channel/webhook/endpoint", `{"endpoint":"http://hub.example"}`, 400)
		w.holds(w.do("GET", "/v2/bot/info?access_token=x", "", "User-Agent", ""), "no agent", 200)
		want := []string{
			"POST " + pushing + ": sent to who is known to block", "POST " + pushing + ": a refused request again",
			"GET /v2/bot/profile/" + nobody + ": asked for the profile of an unknown user", "PUT /v2/bot/channel/webhook/endpoint: a webhook URL without TLS",
			"GET /v2/bot/info: a token in the URL", "GET /v2/bot/info: no User-Agent",
		}
		if v := w.Violations(); !slices.Equal(v, want) {
			t.Errorf("%q", v)
		}
	})
}

// TestTaps: what a person does with what was sent.
func TestTaps(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		who, user := w.friend("a")
		w.want("POST", pushing, `{"to":"`+user+`","messages":[{"type":"template","altText":"引っ越します","template":{"type":"buttons","text":"新しい窓口へ","actions":[
			{"type":"postback","label":"移る","data":"engawa:move","displayText":"移ります"},{"type":"message","label":"質問","text":"質問です"},{"type":"uri","label":"開く","uri":"https://hinata.example"}]}}]}`, 200)
		m := w.Inbox(who, w.own.ID)[0]
		if m.Text != "新しい窓口へ" || len(m.Actions) != 3 {
			t.Fatalf("%+v", m)
		}
		for n, want := range []string{"", "", "https://hinata.example"} {
			if link, err := w.Tap(who, w.own.ID, m.ID, n); err != nil || link != want {
				t.Errorf("%d: %q %v", n, link, err)
			}
		}
		if _, err := w.Tap(who, w.own.ID, m.ID, 3); err == nil {
			t.Error("there are three")
		}
		w.Settle()
		if !slices.Equal(h.types(), []string{"follow", "postback", "message"}) || h.events[1]["postback"].(map[string]any)["data"] != "engawa:move" || h.events[1]["replyToken"] == nil {
			t.Errorf("%v", h.events)
		}
		if got := w.texts(who, w.own.ID); !slices.Equal(got, []string{"新しい窓口へ", "移ります", "質問です"}) {
			t.Errorf("%q", got)
		}
	})
}

// TestRoles: three lists that know nothing of one another; who may delete.
func TestRoles(t *testing.T) {
	within(t, func(w *world) {
		w.must(w.SetRole(w.own.ID, ChannelRole, "vendor", "Admin"))
		w.must(w.SetRole(w.own.ID, ManagerRole, "owner", "admin"))
		if w.Role(w.own.ID, ManagerRole, "vendor") != "" || w.Role(w.own.ID, ChannelRole, "vendor") != "Admin" || w.SetRole(w.own.ID, "other", "a", "b") == nil {
			t.Error("one list for another")
		}
		if err := w.DeleteAccount(w.own.ID, "vendor"); err == nil || !strings.HasPrefix(err.Error(), "403") {
			t.Error(err)
		}
		w.must(w.DeleteAccount(w.own.ID, "owner"))
		w.want("GET", "/v2/bot/info", "", 401)
	})
}
