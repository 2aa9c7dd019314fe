package api_test

import (
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestWebhooks: what Zapier and the like do: subscribe, look, unsubscribe. The
// secret is said once.
func TestWebhooks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		status, made, text := s.do("POST", "/v1/webhooks", s.key, `{"name":"Zapier","url":"https://hooks.example/1","events":["contract.*","payment.failed"],"condition":"event.data.amount >= 1000"}`)
		secret, _ := made["secret"].(string)
		if status != 201 || !strings.HasPrefix(secret, "whsec_") || made["enabled"] != true {
			t.Fatalf("%d %s", status, text)
		}
		id := made["id"].(string)
		for _, path := range []string{"/v1/webhooks", "/v1/webhooks/" + id, "/v1/accounts/" + id} {
			if status, _, text := s.do("GET", path, s.key, ""); status != 200 || strings.Contains(text, secret) || !strings.Contains(text, id) {
				t.Errorf("%s: %d %s", path, status, text)
			}
		}
		_, got, _ := s.do("GET", "/v1/webhooks/"+id, s.key, "")
		if got["condition"] != "event.data.amount >= 1000" || len(got["events"].([]any)) != 2 || got["url"] != "https://hooks.example/1" {
			t.Errorf("%v", got)
		}
		if status, made, text := s.do("POST", "/v1/webhooks", s.key, `{"url":"https://hooks.example/2","events":["store.*"],"content":"original"}`); status != 201 || made["content"] != "original" || got["content"] != "event" {
			t.Errorf("originals: %d %s; %v", status, text, got)
		}
		if status, _, _ := s.do("GET", "/v1/webhooks/acc_mail", s.key, ""); status != 404 {
			t.Errorf("an account of another kind: %d", status)
		}
		if status, _, text := s.do("DELETE", "/v1/webhooks/"+id, s.key, ""); status != 200 {
			t.Errorf("end: %d %s", status, text)
		}
		for _, path := range []string{"/v1/webhooks/" + id, "/v1/accounts/" + id, "/v1/routes/" + made["route"].(string)} {
			if status, _, _ := s.do("GET", path, s.key, ""); status != 404 {
				t.Errorf("%s after its end: %d", path, status)
			}
		}
		if status, _, _ := s.do("DELETE", "/v1/webhooks/"+id, s.key, ""); status != 404 {
			t.Errorf("ended twice: %d", status)
		}
	})
}

// TestBadWebhooks: what cannot be an endpoint leaves nothing behind.
func TestBadWebhooks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		hook := func(url, more string) string { return `{"url":"` + url + `","events":["a.b"]` + more + `}` }
		for name, body := range map[string]string{
			"a file": hook("file:///etc/passwd", ""), "a user": hook("https://u:p@a.example/", ""), "no host": hook("https:///x", ""), "gopher": hook("gopher://a.example/", ""),
			"no events": `{"url":"https://a.example/","events":[]}`, "an odd pattern": `{"url":"https://a.example/","events":["a*b"]}`,
			"an odd condition": hook("https://a.example/", `,"condition":"event.data.("`), "a condition that is a number": hook("https://a.example/", `,"condition":"1+1"`),
			"a secret of their own": hook("https://a.example/", `,"secret":"whsec_x"`),
		} {
			if status, _, text := s.do("POST", "/v1/webhooks", s.key, body); status != 400 {
				t.Errorf("%s: %d %s", name, status, text)
			}
		}
		if _, list, _ := s.do("GET", "/v1/webhooks", s.key, ""); len(list["webhooks"].([]any)) != 0 {
			t.Errorf("left behind: %v", list)
		}
		id := s.made("/v1/webhooks", hook("https://a.example/", ""))
		for name, body := range map[string]string{
			"backwards": `{"from":"2026-11-02T00:00:00Z","to":"2026-11-01T00:00:00Z"}`, "too long": `{"from":"2026-01-01T00:00:00Z","to":"2026-11-01T00:00:00Z"}`,
			"too fast": `{"from":"2026-11-01T00:00:00Z","to":"2026-11-02T00:00:00Z","per_second":1000}`,
		} {
			if status, _, text := s.do("POST", "/v1/webhooks/"+id+":replay", s.key, body); status != 400 {
				t.Errorf("replay %s: %d %s", name, status, text)
			}
		}
		const month = `{"from":"2026-11-01T00:00:00Z","to":"2026-11-30T00:00:00Z","dry_run":`
		if status, out, text := s.do("POST", "/v1/webhooks/"+id+":replay", s.key, month+`true}`); status != 202 || out["id"] != nil {
			t.Errorf("dry run: %d %s", status, text)
		}
		s.made("/v1/webhooks/"+id+":replay", month+`false}`)
		if status, _, text := s.do("POST", "/v1/webhooks/"+id+":replay", s.key, month+`false}`); status != 409 {
			t.Errorf("a second at once: %d %s", status, text)
		}
	})
}
