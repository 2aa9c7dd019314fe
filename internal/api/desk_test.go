package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestDesk: found by whatever a customer can name; what was typed is in neither
// URL nor log; a purchase says what may be done with it, and the third extension
// is refused with the reason.
func TestDesk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids := s.seed()
		for text, by := range map[string]string{"cus_one": "id", "address-canary@customer.example": "mail", "A-1": "identity", "田中": "name"} {
			out := s.ok("POST", "/v1/customers:find", `{"text":"`+text+`"}`)
			found := out["found"].([]any)
			if len(found) == 0 || found[0].(map[string]any)["by"] != by || len(found) != len(out["customers"].([]any)) {
				t.Errorf("%s: %v", by, out)
			}
		}
		out := s.ok("POST", "/v1/customers:find", `{"text":"MK4TTT1234","ask":true}`)
		asked := out["asked"].([]any)
		sandbox := func(a any) bool { return a.(map[string]any)["outcome"] == "no_orders" }
		if !slices.ContainsFunc(asked, sandbox) || len(out["customers"].([]any)) != 0 {
			t.Errorf("an order in the sandbox: %v", out)
		}
		if status, _, text := s.do("POST", "/v1/customers:find", s.keyOf("customers:read"), `{"text":"MK4TTT1234","ask":true}`); status != 403 {
			t.Errorf("asking the store without the scope: %d %s", status, text)
		}
		for _, bad := range []string{`{}`, `{"text":"a","identity":{"issuer":"business","kind":"member_number","value":"A-1"}}`, `{"text":""}`, `{"text":"` + strings.Repeat("a", 201) + `"}`} {
			if status, _, text := s.do("POST", "/v1/customers:find", s.key, bad); status != 400 && status != 422 {
				t.Errorf("%.40s: %d %s", bad, status, text)
			}
		}
		purchases := s.ok("GET", "/v1/customers/"+ids["buyer"]+"/purchases", "")["purchases"].([]any)
		p := purchases[0].(map[string]any)
		limits := p["extension"].(map[string]any)
		if p["state"] != "active" || p["entitled"] != true || limits["possible"] != true || limits["left"] != 2.0 {
			t.Errorf("%v", p)
		}
		doors := s.ok("GET", "/v1/customers/"+ids["buyer"]+"/entitlements", "")["entitlements"].([]any)
		if len(doors) != 1 || doors[0].(map[string]any)["name"] != "monthly" {
			t.Errorf("%v", doors)
		}
		path := "/v1/purchases/" + ids["purchase"] + ":extend"
		for range 2 {
			if x := s.ok("POST", path, `{"days":7,"reason":"service_issue"}`); x["state"] != "done" || x["reason"] != "service_issue" || x["ends_at"] == nil {
				t.Errorf("%v", x)
			}
		}
		status, out, text := s.do("POST", path, s.key, `{"days":7,"reason":"service_issue"}`)
		if status != 409 || !strings.Contains(text, "twice within 365 days") || out["remedy"] == "" {
			t.Errorf("the third: %d %s", status, text)
		}
		for _, bad := range []string{`{"days":0,"reason":"other"}`, `{"days":91,"reason":"other"}`, `{"days":1,"reason":"why"}`, `{}`} {
			if status, _, text := s.do("POST", path, s.key, bad); status != 400 && status != 422 {
				t.Errorf("%s: %d %s", bad, status, text)
			}
		}
		s.ok("POST", "/v1/customers/"+ids["buyer"]+"/notes", `{"text":"電話あり"}`)
		rows := s.ok("GET", "/v1/customers/"+ids["buyer"]+"/timeline?kind=note", "")["rows"].([]any)
		if len(rows) != 1 || rows[0].(map[string]any)["text"] != "電話あり" || !strings.HasPrefix(rows[0].(map[string]any)["actor"].(string), "key:") {
			t.Errorf("%v", rows)
		}
		if n := len(s.ok("GET", "/v1/customers/"+ids["buyer"]+"/timeline?kind=extension", "")["rows"].([]any)); n != 2 {
			t.Errorf("%d extensions in the story", n)
		}
		trail, err := s.st.Audits(t.Context(), "ws_one", store.AuditFilter{Action: "extend-renewal"}, store.Page{})
		if err != nil || len(trail) != 2 || !strings.HasPrefix(trail[0].Actor, "key:") || trail[0].Object != ids["purchase"] {
			t.Errorf("%v %v", trail, err)
		}
		if log := s.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "MK4TTT") {
			t.Errorf("what was looked for is in the log: %s", log)
		}
	})
}
