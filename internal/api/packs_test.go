package api_test

import (
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestRules: packs are shown, switched knowingly and not twice, and tried; trying
// changes nothing, and verdicts name what is off.
func TestRules(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/v1/rules/us/trial?on=false&days=7", "", 200, `"differ":0`},
		{"GET", "/v1/rules/us/trial?on=false&days=8", "", 400, "days"},
		{"GET", "/v1/rules/house/trial?on=false&days=7", "", 400, "cannot be switched off"},
		{"GET", "/v1/rules/us/trial?days=7&cursor=x", "", 400, "no cursor of a trial"},
		{"GET", "/v1/rules/xx/trial?days=7", "", 404, "pack"},
		{"GET", "/v1/rules", "", 200, `"version":0`},
		{"PUT", "/v1/rules/house", `{"on":false,"reason":"r","version":0}`, 400, "cannot be switched off"},
		{"PUT", "/v1/rules/xx", `{"on":false,"reason":"r","version":0}`, 404, "pack"},
		{"PUT", "/v1/rules/us", `{"on":false,"reason":" ","version":0}`, 400, "reason"},
		{"PUT", "/v1/rules/us", `{"on":false,"reason":"送らない","version":0}`, 200, `-without-us","version":1`},
		{"PUT", "/v1/rules/us", `{"on":false,"reason":"送らない","version":1}`, 409, "meanwhile"},
		{"PUT", "/v1/rules/us", `{"on":true,"reason":"送る","version":0}`, 409, "meanwhile"},
		{"GET", "/v1/rules", "", 200, `"pack":"us","on":false`},
		{"PATCH", "/v1/workspace", `{"house":{"cap_per_day":4,"cap_per_sender":1}}`, 200, `"cap_per_day":4`},
		{"GET", "/v1/rules", "", 200, `"reason":"送らない"`},
		{"PUT", "/v1/rules/us", `{"on":true,"reason":"送る","version":1}`, 200, `"version":2`},
	} {
		if status, _, text := s.do(c.method, c.path, s.key, c.body); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s %s %s: %d %.600s", c.method, c.path, c.body, status, text)
		}
	}
}
