package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestOffers: a file is looked at, taken in, and its codes are handed out, one to
// a customer; what is wrong is said.
func TestOffers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		acc := s.made("/v1/accounts", `{"kind":"appstore","name":"a","settings":{"bundle_id":"jp.hinata.coffee","app_apple_id":"1234567890","environment":"production"}}`)
		pool := "/v1/offers/" + s.made("/v1/offers", `{"account":"`+acc+`","name":"お詫び","offer":"thanks","ends_at":"2126-01-01T00:00:00Z"}`)
		const file = `"file":"Code\nABCDEF1234\n??\nABCDEF1234"`
		for _, tc := range []struct{ body, want string }{
			{`{` + file + `,"dry_run":true}`, "map[faults:[map[code:not_a_code line:3] map[code:twice line:4]] new:1 skipped:2]"},
			{`{` + file + `}`, "map[faults:[map[code:not_a_code line:3] map[code:twice line:4]] new:1 skipped:2]"},
			{`{` + file + `}`, "map[faults:[map[code:known line:2] map[code:not_a_code line:3] map[code:twice line:4]] new:0 skipped:3]"},
		} {
			if status, out, text := s.do("POST", pool+":import", s.key, tc.body); status != 200 || fmt.Sprint(out) != tc.want {
				t.Errorf("%d %s", status, text)
			}
		}
		twin := s.made("/v1/customers", `{"kind":"person","name":"田中"}`)
		for _, tc := range []struct {
			customer, reason, want string
			status                 int
		}{
			{"cus_one", "because", "/reason", 400},
			{"cus_nobody", "apology", "not_found", 404},
			{"cus_one", "apology", `"code":"ABCDEF1234","link":"https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code=ABCDEF1234"`, 200},
			{"cus_one", "apology", `"fresh":false`, 200},
			{twin, "apology", "conflict", 409},
		} {
			status, _, text := s.do("POST", pool+":hand-out", s.key, `{"customer":"`+tc.customer+`","reason":"`+tc.reason+`"}`)
			if status != tc.status || !sorted(text, tc.want) {
				t.Errorf("%s for %s: %d %s", tc.customer, tc.reason, status, text)
			}
		}
		if status, out, text := s.do("GET", pool, s.key, ""); status != 200 || out["left"] != 0.0 || out["handed"] != 1.0 {
			t.Errorf("%d %s", status, text)
		}
		if status, _, text := s.do("POST", "/v1/offers", s.key, `{"account":"`+acc+`","name":"x","offer":"a b","ends_at":"2126-01-01T00:00:00Z"}`); status != 400 || !strings.Contains(text, "/offer") {
			t.Errorf("%d %s", status, text)
		}
		if strings.Contains(s.log.String(), "ABCDEF1234") {
			t.Error("a code is in the log")
		}
	})
}

// sorted reports whether an answer has every member of a part of one.
func sorted(text, part string) bool {
	for member := range strings.SplitSeq(part, ",") {
		if !strings.Contains(text, member) {
			return false
		}
	}
	return true
}
