package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestTrialOverAPI: a trial tells of all differences how many they are and by what,
// and its pages show each once, before and after.
func TestTrialOverAPI(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.must(s.st.AddDestination(t.Context(), engawa.Destination{Workspace: "ws_one", ID: "dst_staff", Name: "staff", Account: "acc_mail", Address: "staff@hinata.example", Locale: engawa.Japanese, CreatedAt: time.Now()}))
	for i := range 12 {
		if status, _, text := s.do("POST", "/v1/events", s.key, fmt.Sprintf(`{"id":"p%d","type":"payment.confirmed","data":{"amount":%d}}`, i, i)); status >= 300 {
			t.Fatal(text)
		}
	}
	const body = `"name":"r","enabled":true,"events":["payment.confirmed"],"then":[{"to":"customer","purpose":"service","via":[{"account":"acc_mail"}]},{"to":"dst_staff","purpose":"service","via":[{"account":"acc_mail"}]}]`
	status, made, text := s.do("POST", "/v1/routes", s.key, "{"+body+"}")
	if status != 201 {
		t.Fatal(text)
	}
	change := `{"replaces":"` + made["id"].(string) + `","limit":4,"condition":"event.data.amount >= 10",` + body
	seen, cursor := map[string]bool{}, ""
	for first := 1; ; first += 4 {
		status, got, text := s.do("POST", "/v1/routes:try", s.key, change+`,"cursor":"`+cursor+`"}`)
		if status != 200 || got["removed"] != 10.0 || got["first"] != float64(first) || !strings.Contains(text, `"sums":[{"difference":"removed","aspect":"condition","events":10}]`) {
			t.Fatalf("from %d: %d %s", first, status, text)
		}
		for _, r := range got["rows"].([]any) {
			row := r.(map[string]any)
			if seen[row["event"].(string)] = true; len(row["before"].([]any)) != 2 || len(row["after"].([]any)) != 0 || row["type"] != "payment.confirmed" {
				t.Errorf("%v", row)
			}
		}
		if cursor = got["next"].(string); cursor == "" {
			break
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d of 10 are shown", len(seen))
	}
	if status, _, text := s.do("POST", "/v1/routes:try", s.key, change+`,"cursor":"evt_1"}`); status != 400 || !strings.Contains(text, "/cursor") {
		t.Errorf("a cursor that is none: %d %s", status, text)
	}
	if status, got, text := s.do("POST", "/v1/routes/"+made["id"].(string)+":try?limit=5", s.key, ""); status != 200 || got["added"] != 12.0 || len(got["rows"].([]any)) != 5 || got["next"] == "" {
		t.Errorf("a stored route: %d %s", status, text)
	}
}

// TestDoubtsOverAPI: a condition that no event answers is refused with what may
// have been meant; one that some do not is saved, and the answers say which.
func TestDoubtsOverAPI(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.must(s.st.AddDestination(t.Context(), engawa.Destination{Workspace: "ws_one", ID: "dst_staff", Name: "staff", Account: "acc_mail", Address: "staff@hinata.example", Locale: engawa.Japanese, CreatedAt: time.Now()}))
	route := func(events, condition string) string {
		return `{"name":"r","enabled":true,"events":[` + events + `],"condition":"` + condition + `","then":[{"to":"dst_staff","purpose":"service","via":[{"account":"acc_mail"}]}]}`
	}
	for path, body := range map[string]string{
		"/v1/routes": route(`"payment.*"`, "event.data.amont > 3"), "/v1/routes:try": route(`"payment.*"`, "event.data.amont > 3"),
		"/v1/webhooks": `{"url":"https://a.example/","events":["payment.*"],"condition":"event.data.amont > 3"}`,
	} {
		if status, got, text := s.do("POST", path, s.key, body); status != 400 || got["remedy"] == nil || !strings.Contains(text, "did you mean event.data.amount?") || !strings.Contains(text, "/condition") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	status, _, text := s.do("PUT", "/v1/event-types/shop.parcel", s.key, strings.Replace(ownType, `"order":{"type":"string"}`, `"order":{"type":"string"},"weight":{"type":"number"}`, 1))
	if status != 200 {
		t.Fatal(text)
	}
	if status, _, text := s.do("POST", "/v1/routes", s.key, route(`"shop.parcel"`, "event.data.wieght > 3")); status != 400 || !strings.Contains(text, "did you mean event.data.weight?") {
		t.Errorf("a type of the workspace's own: %d %s", status, text)
	}
	status, made, text := s.do("POST", "/v1/routes", s.key, route(`"shop.parcel","payment.confirmed"`, "event.data.weight > 3"))
	if status != 201 || !strings.Contains(text, `"what":"partly","path":"event.data.weight","types":["payment.confirmed"]`) {
		t.Fatalf("%d %s", status, text)
	}
	if status, _, text := s.do("GET", "/v1/routes/"+made["id"].(string), s.key, ""); status != 200 || !strings.Contains(text, `"what":"partly"`) {
		t.Errorf("%d %s", status, text)
	}
	s.must(s.st.SaveRoute(t.Context(), engawa.Route{
		Workspace: "ws_one", ID: "rte_unread", Name: "r", Events: []string{"payment.*"}, Condition: "event.data.amount >", UpdatedAt: time.Now(),
		Then: []engawa.Step{{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}},
	}))
	if status, _, text := s.do("GET", "/v1/routes/rte_unread", s.key, ""); status != 200 || !strings.Contains(text, `"what":"unread","path":""`) || !strings.Contains(text, "write an expression") {
		t.Errorf("a condition that cannot be read any more: %d %s", status, text)
	}
}
