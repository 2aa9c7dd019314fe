package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// clear holds an answer to bad input: it says what, what is allowed and what to
// do, briefly.
func (s *site) clear(name, text string, status int, out map[string]any, want ...int) {
	s.t.Helper()
	for _, member := range []string{"type", "title", "code", "detail", "remedy"} {
		if v, ok := out[member].(string); !ok || v == "" {
			s.t.Errorf("%s: no %s in %.300s", name, member, text)
		}
	}
	if !slices.Contains(want, status) || len(text) > 6000 {
		s.t.Errorf("%s: %d %.300s, want %v", name, status, text, want)
	}
}

// TestBadBodies: what every operation with a body refuses.
func TestBadBodies(t *testing.T) {
	s := newSite(t, storetest.SQLite(t)) // no database is asked
	ids := s.seed()
	todo := s.documented()
	for _, c := range walk {
		o := todo[c.id]
		if c.body == "" {
			continue
		}
		path, body := fill(c.path, ids), fill(c.body, ids)
		with := func(member string) string { return strings.Replace(body, "{", "{"+member+",", 1) }
		for name, b := range map[string]struct {
			body   string
			status int
			header []string
		}{
			"unknown name":    {with(`"workspace":"ws_two"`), 400, nil},
			"case variant":    {with(`"NAME":"x","ID":"y"`), 400, nil},
			"duplicate name":  {with(`"zz":1,"zz":2`), 400, nil},
			"NUL":             {with(`"zz":"\u0000"`), 400, nil},
			"NUL byte":        {with("\"zz\":\"\x00\""), 400, nil},
			"lone surrogate":  {with(`"zz":"\ud800"`), 400, nil},
			"broken UTF-8":    {with("\"zz\":\"\xff\""), 400, nil},
			"byte order mark": {"\xef\xbb\xbf" + body, 400, nil},
			"two values":      {body + body, 400, nil},
			"no JSON":         {"x", 400, nil},
			"number":          {"1", 400, nil},
			"null":            {"null", 400, nil},
			"list of null":    {"[null]", 400, nil},
			"empty":           {"", 400, nil},
			"deep":            {with(`"zz":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), 400, nil},
			"huge name":       {with(`"` + strings.Repeat("z", 100_000) + `":1`), 400, nil},
			"huge number":     {with(`"zz":1e999`), 400, nil},
			"form":            {body, 415, []string{"Content-Type", "application/x-www-form-urlencoded"}},
			"text":            {body, 415, []string{"Content-Type", "text/plain; charset=utf-8"}},
			"nonsense type":   {body, 415, []string{"Content-Type", "a b/;;"}},
			"too large":       {with(`"zz":"` + strings.Repeat("z", 6<<20) + `"`), 413, nil},
		} {
			status, out, text := s.do(o.Method, path, s.key, b.body, b.header...)
			s.clear(c.id+": "+name, text, status, out, b.status)
		}
	}
}

// hostile are values that fit nowhere, or fit and hurt.
var hostile = []string{
	`null`, `true`, `0`, `-1`, `9007199254740992`, `1.5`, `1e308`, `""`, `" "`, `"x"`, `[]`, `[[]]`, `[null]`, `["x"]`, `{}`, `{"x":{}}`,
	`"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"2026-02-30T00:00:00Z"`, `"Local"`, `"../../etc/passwd"`, `"' OR 1=1 --"`, `"{{.x}}"`,
	`"` + "\u202e\ufeff" + `"`, `"` + strings.Repeat("あ", 70_000) + `"`,
}

// TestHostileValues puts them into every place of every body: each is taken or
// refused clearly, and none is the hub's failure.
func TestHostileValues(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids := s.seed()
		todo := s.documented()
		for _, c := range walk {
			if c.body == "" || c.id == "changeWorkspace" || c.id == "changeAccount" { // the rest needs them as they are
				continue
			}
			var body any
			s.must(json.Unmarshal([]byte(fill(c.body, ids)), &body))
			for at, put := range places(body, "") {
				for _, v := range hostile {
					text := put(v)
					status, out, answer := s.do(todo[c.id].Method, fill(c.path, ids), s.key, text)
					if status >= 500 {
						t.Errorf("%s with %.40s at %s: %d %s", c.id, v, at, status, answer)
					}
					if status >= 400 {
						s.clear(fmt.Sprintf("%s with %.40s at %s", c.id, v, at), answer, status, out, 400, 404, 409)
					}
				}
			}
		}
		if strings.Contains(s.log.String(), "request failed") {
			t.Errorf("the hub failed: %.2000s", s.log)
		}
	})
}

// places maps each place in a JSON value to what writes the whole with another
// value in it.
func places(v any, at string) map[string]func(string) string {
	out := map[string]func(string) string{}
	members := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		members = v
	case []any:
		for i, e := range v {
			members[fmt.Sprint(i)] = e
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		replace := func(with string) string { return write(v, name, with) }
		out[at+"/"+name] = replace
		for below, put := range places(members[name], at+"/"+name) {
			out[below] = func(with string) string { return replace(put(with)) }
		}
	}
	return out
}

// write is the JSON of v with the member's own replaced.
func write(v any, member, with string) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b, _ := json.Marshal(v[name])
			if name == member {
				b = []byte(with)
			}
			parts = append(parts, fmt.Sprintf("%q:%s", name, b))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for i, e := range v {
			b, _ := json.Marshal(e)
			if fmt.Sprint(i) == member {
				b = []byte(with)
			}
			parts = append(parts, string(b))
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// TestBadURLs: queries, cursors and ids that cannot be any.
func TestBadURLs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		for range 3 {
			s.do("POST", "/v1/customers", s.key, aPerson)
		}
		_, page, _ := s.do("GET", "/v1/customers?limit=1", s.key, "")
		foreign := page["next"].(string)
		for id, o := range s.documented() {
			if o.Method != "GET" {
				continue
			}
			bad := []string{"nonsense=1", "%zz=1", "customer=%00", "customer=%ff"}
			if strings.Contains(fmt.Sprint(o.Responses["200"].Content["application/json"].Schema.Ref), "List") {
				bad = append(bad, "limit=0", "limit=-1", "limit=201", "limit=x", "limit=1e2", "limit=99999999999999999999")
				for _, cursor := range []string{"x", "%27;drop", "MC4", strings.Repeat("a", 300), foreign + "a"} {
					bad = append(bad, "cursor="+cursor)
				}
				if id != "listCustomers" {
					bad = append(bad, "cursor="+foreign)
				}
			}
			path := strings.ReplaceAll(o.Path, "{id}", "cus_one")
			for _, q := range bad {
				status, out, text := s.do("GET", path+"?"+q, s.key, "")
				s.clear(id+"?"+q, text, status, out, 400)
			}
			if !strings.Contains(o.Path, "{id}") {
				continue
			}
			for _, x := range []string{"%00", "%ff", "..%2f..", "x'--", strings.Repeat("x", 5000), "%F0%9F%92%A9", "cus_one:", ":"} {
				status, out, text := s.do("GET", strings.ReplaceAll(o.Path, "{id}", x), s.key, "")
				s.clear(id+" "+x[:min(len(x), 20)], text, status, out, 400, 404)
			}
		}
		for _, c := range [][2]string{{"GET", "/v1/nothing"}, {"GET", "/v1/"}, {"POST", "/v1/messages/msg_x:explode"}, {"POST", "/v1/messages/:cancel"}} {
			status, out, text := s.do(c[0], c[1], s.key, "")
			s.clear(c[0]+c[1], text, status, out, 400, 404, 405)
		}
		if status, out, text := s.do("DELETE", "/v1/customers", s.key, ""); status != 405 || !strings.Contains(out["remedy"].(string), "GET or POST") {
			t.Errorf("DELETE: %d %s", status, text)
		}
		if strings.Contains(s.log.String(), "request failed") {
			t.Errorf("the hub failed: %.2000s", s.log)
		}
	})
}

// TestAddressesStayHidden: a problem does not repeat what was sent, which may
// be an address or a secret.
func TestAddressesStayHidden(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	for _, c := range [][2]string{
		{"/v1/customers/cus_one/contact-points", `{"kind":"mail","address":["address-canary@x.example"]}`},
		{"/v1/customers/cus_one/contact-points", `{"kind":"mail","address":"address-canary@@x"}`},
		{"/v1/customers/cus_one/contact-points", `{"kind":"mail","address":"address-canary@x.example","role":"address-canary@x.example"}`},
		{"/v1/destinations", `{"name":"n","account":"acc_mail","address":"address-canary"}`},
		{"/v1/accounts", `{"kind":"mail","name":"n","settings":{"password":"s3cret-canary","host":"127.0.0.1:25","from_address":"address-canary@@x"}}`},
		{"/v1/accounts", `{"kind":"mail","name":"n","settings":{"password":{"x":"s3cret-canary"}}}`},
		{"/v1/customers:find", `{"address":{"kind":"mail","address":{"a":"address-canary@x.example"}}}`},
	} {
		status, _, text := s.do("POST", c[0], s.key, c[1])
		if status != 400 || strings.Contains(text+s.log.String(), "canary") {
			t.Errorf("%s %s: %d %s", c[0], c[1], status, text)
		}
	}
}
