package custom

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/custom/sim"
)

var settings = map[string]string{
	"url": "https://sms.example/v1/send/{{to}}?from={{sender}}", "body": `{"to":"{{to}}","lines":["{{subject}}","{{text}}"],"id":"{{key}}"}`,
	"headers": "Accept: application/json\nX-Shop: hinata", "secret_header": "Authorization", "secret_value": "Bearer s3cret-s3cret", "ok_pointer": "/ok", "ok_equals": "true",
}

// with returns the settings with some changed.
func with(pairs ...string) map[string]string {
	s := maps.Clone(settings)
	for i := 0; i < len(pairs); i += 2 {
		s[pairs[i]] = pairs[i+1]
	}
	return s
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: settings, To: "member-000123",
		Want: map[channeltest.Mood]channel.Class{channeltest.NoSuch: channel.Rejected}, // nothing says whether 404 is the path or the recipient
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{
				Sim: &sim.Server{Secret: "Bearer s3cret-s3cret"},
				Handover: func(r *http.Request, body []byte) (channeltest.Taken, bool) {
					var in struct {
						ID string `json:"id"`
					}
					return channeltest.Taken{Key: in.ID, Body: body}, json.Unmarshal(body, &in) == nil
				},
				Answers: map[channeltest.Mood]http.HandlerFunc{
					channeltest.Limited: chattest.Answered(429, "", ""), channeltest.LimitedFor: chattest.Answered(429, "", "30"), channeltest.Down: chattest.Answered(503, "", ""),
					channeltest.Refuses: chattest.Answered(422, "no", ""), channeltest.Locked: chattest.Answered(401, "", ""), channeltest.NoSuch: chattest.Answered(404, "", ""),
				},
			}.World(t, m)
		},
	})
}

// TestRefusedSettings: what could be turned against somebody is refused when it
// is saved, and the setting at fault is named.
func TestRefusedSettings(t *testing.T) {
	for name, tc := range map[string]struct{ key, value string }{
		"a variable as host":         {"url", "https://{{to}}/x"},
		"a variable in the host":     {"url", "https://a.{{to}}.example/x"},
		"a variable before the host": {"url", "{{to}}://a.example/x"},
		"a variable as user":         {"url", "https://{{to}}@a.example/x"},
		"a variable as query name":   {"url", "https://a.example/x?{{to}}=1"},
		"a variable in a fragment":   {"url", "https://a.example/x#{{to}}"},
		"an unknown variable":        {"url", "https://a.example/{{password}}"},
		"a file":                     {"url", "file:///etc/passwd"},
		"a user":                     {"url", "https://u:p@a.example/x"},
		"a broken header":            {"headers", "no colon"},
		"two headers in one":         {"headers", "X-A: b\rX-C: d"},
		"a header of the connection": {"headers", "Transfer-Encoding: chunked"},
		"another host":               {"headers", "host: b.example"},
		"a header with a variable":   {"headers", "X-To: {{to}}"},
		"a header that is no token":  {"secret_header", "X A"},
		"a key header with colon":    {"key_header", "X:A"},
		"JSON without quotes":        {"body", `{"to":{{to}}}`},
		"JSON with half a quote":     {"body", `{"to":"\{{to}}"}`},
		"broken JSON":                {"body", `{"to":"{{to}}"`},
		"an unknown variable in it":  {"body", `{"to":"{{password}}"}`},
		"half a variable":            {"body", `{"to":"{{to}"}`},
		"no status":                  {"ok_status", "fine"},
		"a status that is none":      {"ok_status", "100-999"},
		"turned statuses":            {"retry_status", "599-500"},
		"a pointer without a slash":  {"ok_pointer", "ok"},
		"too long":                   {"body", `"` + strings.Repeat("x", 17<<10) + `"`},
	} {
		_, err := Kind.Check(with(tc.key, tc.value))
		if e, ok := err.(*engawa.Error); !ok || e.Field != "/settings/"+tc.key || strings.Contains(e.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]map[string]string{
		"a field's name":   with("type", "form", "body", "{{to}}=1"),
		"a broken percent": with("type", "form", "body", "to=%{{to}}"),
		"no secret value":  with("secret_value", ""),
		"equals nowhere":   with("ok_pointer", ""),
	} {
		if _, err := Kind.Check(s); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := Kind.Check(settings); err != nil {
		t.Errorf("the case's own: %v", err)
	}
}

// TestRequest: the method, the headers and the body are those that the account describes,
// and what the account leaves open is the field's default.
func TestRequest(t *testing.T) {
	sent := func(more http.Header) http.Header {
		h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Engawa"}, "Accept": {"application/json"}, "X-Shop": {"hinata"}, "Authorization": {"Bearer s3cret-s3cret"}}
		maps.Copy(h, more)
		return h
	}
	p := channeltest.Parcel("member-000123")
	for name, tc := range map[string]struct {
		s      map[string]string
		method string
		header http.Header
	}{
		"of itself":        {settings, http.MethodPost, sent(nil)},
		"post":             {with("method", "post"), http.MethodPost, sent(nil)},
		"put":              {with("method", "put"), http.MethodPut, sent(nil)},
		"patch":            {with("method", "patch"), http.MethodPatch, sent(nil)},
		"a key":            {with("method", "put", "key_header", "Idempotency-Key"), http.MethodPut, sent(http.Header{"Idempotency-Key": {p.Key}})},
		"another secret":   {with("secret_header", "X-Api-Key", "secret_value", "k3y"), http.MethodPost, sent(http.Header{"X-Api-Key": {"k3y"}, "Authorization": nil})},
		"one's own agent":  {with("headers", "Accept: application/json\nX-Shop: hinata\nuser-agent: Hinata/1"), http.MethodPost, sent(http.Header{"User-Agent": {"Hinata/1"}})},
		"a form":           {with("method", "patch", "type", "form", "body", "to={{to}}"), http.MethodPatch, sent(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})},
		"text":             {with("method", "put", "type", "text", "body", "{{to}}"), http.MethodPut, sent(http.Header{"Content-Type": {"text/plain; charset=utf-8"}})},
		"no header at all": {with("headers", "", "secret_header", "", "secret_value", ""), http.MethodPost, sent(http.Header{"Accept": nil, "X-Shop": nil, "Authorization": nil})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				_, se := chattest.SendParcel(t, Kind, tc.s, p, channel.Env{HTTP: channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					calls++
					body, _ := io.ReadAll(r.Body)
					if r.Method != tc.method || !strings.Contains(string(body), "member-000123") {
						t.Errorf("%s with %s, want %s", r.Method, body, tc.method)
					}
					for name, want := range tc.header {
						if got := r.Header.Values(name); !slices.Equal(got, want) {
							t.Errorf("%s is %q, want %q", name, got, want)
						}
						r.Header.Del(name)
					}
					for _, name := range []string{"Accept-Encoding", "Content-Length"} { // the connection's
						r.Header.Del(name)
					}
					if len(r.Header) != 0 {
						t.Errorf("nobody asked for %v", r.Header)
					}
					_, _ = io.WriteString(w, `{"ok":true}`)
				}))})
				if se != nil || calls != 1 {
					t.Errorf("%d calls: %v", calls, se)
				}
			})
		})
	}
}

// tricks are values that would do something where they are not escaped.
var tricks = []string{
	`","admin":true,"x":"`, "a&to=b#c?d=e", "../../admin", "..%2f..%2fadmin", "{{text}}{{key}}", "a\r\nX-Evil: 1", "%0d%0aX-Evil:1", "@evil.example/", "\\", "é😀", "//evil.example", "a\x00b", "\u2028",
}

// TestValuesStayValues: whatever a value holds, the request goes to the same
// host, with the same headers, and the value arrives as it was.
func TestValuesStayValues(t *testing.T) {
	for form, body := range map[string]string{"json": settings["body"], "form": "to={{to}}&text={{text}}", "text": "{{text}}"} {
		for _, trick := range tricks {
			synctest.Test(t, func(t *testing.T) {
				var got *http.Request
				var sent []byte
				p := channeltest.Parcel(engawa.Address(trick))
				p.Content.Text, p.SenderName = trick, trick
				_, se := chattest.SendParcel(t, Kind, with("type", form, "body", body), p, channel.Env{HTTP: channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					got = r
					sent, _ = io.ReadAll(r.Body)
					_, _ = io.WriteString(w, `{"ok":true}`)
				}))})
				if se != nil {
					t.Fatalf("%s %q: %v", form, trick, se)
				}
				if got.URL.Host != "sms.example" || got.Header.Get("X-Evil") != "" || got.URL.Query().Get("from") != trick || len(got.URL.Query()) != 1 {
					t.Errorf("%s %q went to %s", form, trick, got.URL)
				}
				if last := strings.TrimPrefix(got.URL.EscapedPath(), "/v1/send/"); strings.Contains(last, "/") {
					t.Errorf("%q climbed to %s", trick, got.URL.EscapedPath())
				} else if v, _ := url.PathUnescape(last); v != trick {
					t.Errorf("%q arrives in the path as %q", trick, v)
				}
				checkSent(t, form, trick, sent)
			})
		}
	}
}

func checkSent(t *testing.T, form, trick string, sent []byte) {
	t.Helper()
	switch form {
	case "json":
		var in map[string]any
		if err := json.Unmarshal(sent, &in); err != nil || len(in) != 3 || in["lines"].([]any)[1] != trick {
			t.Errorf("%q arrives as %s", trick, sent)
		}
	case "form":
		in, err := url.ParseQuery(string(sent))
		if err != nil || len(in) != 2 || in.Get("text") != trick {
			t.Errorf("%q arrives as %s", trick, sent)
		}
	case "text":
		if string(sent) != strings.ReplaceAll(trick, "\x00", "") {
			t.Errorf("%q arrives as %q", trick, sent)
		}
	}
}

// TestDots: a value cannot climb out of its part of the path.
func TestDots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, dots := range []engawa.Address{".", ".."} {
			_, se := chattest.Send(t, Kind, settings, dots, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
			if se == nil || se.Class != channel.Rejected {
				t.Errorf("%v", se)
			}
		}
	})
}

// TestSuccess: what counts as taken is what the account says.
func TestSuccess(t *testing.T) {
	for name, tc := range map[string]struct {
		s    map[string]string
		code int
		body string
		want channel.Class
	}{
		"as told":              {settings, 200, `{"ok":true}`, ""},
		"another value":        {settings, 200, `{"ok":false}`, channel.Rejected},
		"an error in a 200":    {settings, 200, `{"error":"no"}`, channel.Rejected},
		"a page in a 200":      {settings, 200, `<html>busy`, channel.Ambiguous},
		"nothing in a 200":     {settings, 204, ``, channel.Ambiguous},
		"beyond 2^53":          {with("ok_pointer", "/a/1/id~1x", "ok_equals", "9007199254740993"), 200, `{"a":[0,{"id/x":9007199254740993}]}`, ""},
		"its neighbour":        {with("ok_pointer", "/a/1/id~1x", "ok_equals", "9007199254740992"), 200, `{"a":[0,{"id/x":9007199254740993}]}`, channel.Rejected},
		"there is enough":      {with("ok_equals", "", "ok_pointer", "/id"), 200, `{"id":null}`, ""},
		"through a number":     {with("ok_equals", "", "ok_pointer", "/id/x"), 200, `{"id":1}`, channel.Rejected},
		"a phrase":             {with("ok_pointer", "", "ok_equals", "", "ok_phrase", "受け付けました"), 200, "受け付けました。", ""},
		"without the phrase":   {with("ok_pointer", "", "ok_equals", "", "ok_phrase", "受け付けました"), 200, "エラー", channel.Rejected},
		"another good status":  {with("ok_status", "200, 409"), 409, `{"ok":true}`, ""},
		"another retry status": {with("retry_status", "404, 500-599"), 502, ``, channel.Again},
		"an unknown outcome":   {settings, 502, ``, channel.Ambiguous},
		"known by its key":     {with("key_header", "Idempotency-Key"), 502, ``, channel.Again},
		"a redirect":           {settings, 307, ``, channel.AccountClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := ""
				_, se := chattest.Send(t, Kind, tc.s, "member-000123", func(w http.ResponseWriter, r *http.Request) {
					key = r.Header.Get("Idempotency-Key")
					w.Header().Set("Location", "http://169.254.169.254/")
					chattest.Answered(tc.code, tc.body, "")(w, r)
				})
				if (se == nil) != (tc.want == "") || se != nil && se.Class != tc.want {
					t.Errorf("%v, want %q", se, tc.want)
				}
				if (key != "") != (tc.s["key_header"] != "") {
					t.Errorf("key %q", key)
				}
			})
		})
	}
}

// TestLimits: the rate is the account's.
func TestLimits(t *testing.T) {
	for in, want := range map[[2]string]channel.Limit{
		{"5", "2"}: {Scope: "endpoint", N: 5, Per: 2 * time.Second, Exact: true}, {"0", "0"}: {Scope: "endpoint", N: 1, Per: time.Second, Exact: true},
		{"", ""}: {Scope: "endpoint", N: 60, Per: time.Minute, Exact: true}, {"9999999", "999999"}: {Scope: "endpoint", N: 86400, Per: 24 * time.Hour, Exact: true},
	} {
		s, err := Kind.Check(with("calls", in[0], "per_seconds", in[1]))
		if err != nil || Kind.Limits(s)[0] != want {
			t.Errorf("%v: %+v, %v", in, Kind.Limits(s), err)
		}
	}
}

// FuzzBody: a template that is accepted stays JSON with any value in it.
func FuzzBody(f *testing.F) {
	f.Add(`{"a":"{{to}}"}`, `"`)
	f.Add(`{"a":"\\{{to}}"}`, `\`)
	f.Add(`{"{{to}}":[1,"{{text}}"]}`, "u0022")
	f.Fuzz(func(t *testing.T, template, value string) {
		if checkBody("json", template) != nil {
			return
		}
		if out := render(template, map[string]string{"to": value, "text": value}, inString); !json.Valid([]byte(out)) {
			t.Errorf("%q with %q becomes %q", template, value, out)
		}
	})
}
