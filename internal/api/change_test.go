package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// ok asks for a 2xx and returns the answer.
func (s *site) ok(method, path, body string) map[string]any {
	s.t.Helper()
	status, out, text := s.do(method, path, s.key, body)
	if status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return out
}

// refused asks for a problem of a code that says what to do.
func (s *site) refused(method, path, body, code string) {
	s.t.Helper()
	_, out, text := s.do(method, path, s.key, body)
	if out["code"] != code || out["remedy"] == "" || out["detail"] == "" {
		s.t.Errorf("%s %s: %s, want %s", method, path, text, code)
	}
}

func later() string { return time.Now().Add(time.Hour).UTC().Format(time.RFC3339) }

const queued = `{"to":{"customer":"%s"},"purpose":"service","trigger":"user","content":{"subject":"件名","text":"本文"},"channels":["mail"],"not_before":"%s"}`

// TestCustomerLife: changed, merged, erased: what each answers, and what is
// there afterwards.
func TestCustomerLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		cu := s.ok("PATCH", "/v1/customers/cus_one", `{"name":"田中 太郎","country":""}`)
		if cu["name"] != "田中 太郎" || cu["country"] != "" || cu["zone"] != "Asia/Tokyo" || cu["locale"] != "ja" {
			t.Errorf("changed: %v", cu)
		}
		s.refused("PATCH", "/v1/customers/cus_one", `{"zone":"Mars/Base"}`, "invalid")
		s.refused("PATCH", "/v1/customers/cus_one", `{"country":"Japan"}`, "invalid")

		twin := s.made("/v1/customers", `{"kind":"person","name":"タナカ","country":"KR","minor":true,"identities":[{"issuer":"appstore","kind":"app_account_token","value":"t-1"}],"contact_points":[{"kind":"mail","address":"twin@customer.example","verified":true}]}`)
		s.ok("POST", "/v1/customers/"+twin+"/consents", `{"act":"contact","purpose":"marketing","channel":"mail","given":true,"evidence":{"wording":"w","version":"1","where":"form","how":"checkbox"}}`)
		waiting := s.made("/v1/messages", fmt.Sprintf(queued, twin, later()))
		merged := s.ok("POST", "/v1/customers/cus_one:merge", `{"from":"`+twin+`"}`)
		if stopped := merged["stopped"].([]any); len(stopped) != 1 || merged["customer"].(map[string]any)["minor"] != true {
			t.Errorf("merged: %v", merged)
		}
		if got := s.ok("GET", "/v1/messages/"+waiting, ""); got["customer"] != "cus_one" || got["erased"] != false {
			t.Errorf("what waited: %v", got)
		}
		if got := s.ok("GET", "/v1/customers/"+twin, ""); got["merged_into"] != "cus_one" || got["name"] != "タナカ" {
			t.Errorf("the other: %v", got)
		}
		found := s.ok("POST", "/v1/customers:find", `{"identity":{"issuer":"appstore","kind":"app_account_token","value":"t-1"}}`)
		if got := found["customers"].([]any); len(got) != 1 || got[0].(map[string]any)["id"] != "cus_one" {
			t.Errorf("found by the other's identity: %v", got)
		}
		for path, body := range map[string]string{
			"/v1/customers/" + twin + ":merge":          `{"from":"cus_one"}`,
			"/v1/customers/" + twin + ":erase":          ``,
			"/v1/customers/" + twin + "/contact-points": `{"kind":"mail","address":"b@customer.example"}`,
			"/v1/messages": fmt.Sprintf(queued, twin, later()),
		} {
			s.refused("POST", path, body, "conflict")
		}
		s.erased(waiting)
	})
}

// erased erases the customer under an idempotency key.
func (s *site) erased(waiting string) {
	s.t.Helper()
	_, first, _ := s.do("POST", "/v1/customers/cus_one:erase", s.key, "", "Idempotency-Key", "k1")
	_, again, _ := s.do("POST", "/v1/customers/cus_one:erase", s.key, "", "Idempotency-Key", "k1")
	if first["canceled"] != 1.0 || again["erased_at"] != first["erased_at"] || again["canceled"] != 1.0 {
		s.t.Errorf("erased: %v, again %v", first, again)
	}
	m := s.ok("GET", "/v1/messages/"+waiting, "")
	if d := m["deliveries"].([]any)[0].(map[string]any); m["erased"] != true || m["state"] != "canceled" || d["state"] != "canceled" || d["note"] != "erased" {
		s.t.Errorf("what waited: %v", m)
	}
	if cs := s.ok("GET", "/v1/customers/cus_one/consents", "")["consents"].([]any); len(cs) != 2 {
		s.t.Errorf("the evidence: %v", cs)
	}
	s.refused("PATCH", "/v1/customers/cus_one", `{"name":"x"}`, "conflict")
	s.refused("POST", "/v1/customers/cus_one/consents", `{"act":"contact","purpose":"marketing","given":false}`, "not_found")
	trail, err := s.st.Audits(s.t.Context(), "ws_one", store.AuditFilter{}, store.Page{})
	s.must(err)
	var lines []string
	for _, a := range trail {
		lines = append(lines, a.Action)
		if !strings.HasPrefix(a.Actor, "key:") {
			s.t.Errorf("nobody did %s: %q", a.Action, a.Actor)
		}
	}
	if got := strings.Join(lines, " "); got != "erase-customer merge-customer give-consent change-customer" {
		s.t.Errorf("the trail says %s", got)
	}
}

// TestEndInPages: a page goes on behind a row that was taken away meanwhile.
func TestEndInPages(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	var ids []string
	for i := range 3 {
		ids = append(ids, s.made("/v1/destinations", fmt.Sprintf(`{"name":"d","account":"acc_mail","address":"staff%d@hinata.example"}`, i)))
	}
	next := s.ok("GET", "/v1/destinations?limit=2", "")["next"].(string)
	s.ok("POST", "/v1/destinations/"+ids[1]+":end", "")
	rest := s.ok("GET", "/v1/destinations?limit=2&cursor="+next, "")
	if rows := rest["destinations"].([]any); len(rows) != 1 || rows[0].(map[string]any)["id"] != ids[2] || rest["next"] != "" {
		t.Errorf("the second page: %v", rest)
	}
	s.refused("POST", "/v1/destinations/"+ids[1]+":end", "", "not_found")
	s.refused("GET", "/v1/destinations/"+ids[1], "", "not_found")
}
