package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/webhook"
	"github.com/engawa/engawa/internal/store"
)

// ask calls the hub and returns what it answers; any error is the test's.
func (o shop) ask(t *testing.T, method, path, token, body string) map[string]any {
	t.Helper()
	kind := "application/json"
	if path == "/oauth/token" {
		kind = "application/x-www-form-urlencoded"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %v %v", method, path, res.Status, out, err)
	}
	return out
}

// posted is what an endpoint got.
type posted struct {
	header http.Header
	body   []byte
}

// answers has a customer answer a partner's message: its endpoint is told of it,
// and the partner reads the words under the handle that it wrote to.
func (o shop) answers(t *testing.T, token, handle, message string, got chan posted) {
	t.Helper()
	m, err := o.Store.Message(t.Context(), "ws_1", message)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	_, err = o.Store.TakeReturn(t.Context(), store.Return{
		Event: engawa.Event{
			ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Type: "mail.replied", DedupKey: "answer", Known: true, OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`),
		},
		Delivery: m.Deliveries[0].ID,
		Reply: &engawa.Reply{
			ID: engawa.NewID(engawa.PrefixReply), Partner: m.Message.Partner, App: m.Message.App, At: now.Truncate(time.Hour), CreatedAt: now,
			Body: engawa.ReplyBody{Subject: "Re: ご請求", Text: "[名前]です。確認しました。", Hidden: map[string]int{"name": 1}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for told := false; !told; {
		select {
		case p := <-got:
			told = strings.Contains(string(p.body), "partner.replied") && strings.Contains(string(p.body), message)
			for _, hidden := range []string{"cus_", handle, "確認"} {
				if strings.Contains(string(p.body), hidden) {
					t.Errorf("the endpoint is told %q: %s", hidden, p.body)
				}
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the endpoint was not told of the answer")
		}
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // until what the endpoint answered is recorded
		as, _, err := o.Store.Answers(t.Context(), "ws_1", m.Message.Customer, message)
		if err != nil || len(as) != 1 {
			t.Fatalf("%d answers, %v", len(as), err)
		}
		if fmt.Sprint(as[0].Told) == "[sent]" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the thread says of the endpoint %v", as[0].Told)
		}
	}
	rs := o.ask(t, "GET", "/v1/partner/replies", token, "")["replies"].([]any)
	if len(rs) != 1 {
		t.Fatalf("the partner reads %v", rs)
	}
	r := rs[0].(map[string]any)
	if r["subscriber"] != handle || r["message"] != message || r["text"] != "[名前]です。確認しました。" || r["gone"] != false || strings.Contains(fmt.Sprint(r), "cus_") {
		t.Errorf("the partner reads %v", r)
	}
}

// vendor is a partner with an app, and a token for all that it may do with it.
func (o shop) vendor(t *testing.T) (vendor, app, token string) {
	t.Helper()
	key := o.key.Reveal()
	id := func(path, body string) string { return o.ask(t, "POST", path, key, body)["id"].(string) }
	vendor = id("/v1/partners", `{"name":"在庫くん","sender":{"name":"在庫くん","postal":"金沢市","phone":"076","mail":"v@vendor.example","contact":"https://vendor.example"}}`)
	app = id("/v1/apps", fmt.Sprintf(`{"name":"在庫くん","partner":%q}`, vendor))
	id("/v1/grants", fmt.Sprintf(`{"partner":%q,"scopes":["*"],"apps":[%q],"channels":["mail"],"purposes":["service"]}`, vendor, app))
	secret := o.ask(t, "POST", "/v1/partners/"+vendor+"/secrets", key, `{}`)["client_secret"].(string)
	token = o.ask(t, "POST", "/oauth/token", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {vendor}, "client_secret": {secret}}.Encode())["access_token"].(string)
	return vendor, app, token
}

// TestPartnerRoad: on a running hub a partner takes a token, finds its subscriber
// in the list, has its endpoint told of a change, signed and naming nobody, writes
// to the subscriber, and sees that the mail went; the metrics tell of none of it.
func TestPartnerRoad(t *testing.T) {
	o := working(t)
	key := o.key.Reveal()
	vendor, app, token := o.vendor(t)

	got := make(chan posted, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body) // what is cut short has no good signature
		got <- posted{r.Header, b}
	}))
	defer endpoint.Close()
	hook := o.ask(t, "POST", "/v1/partner/webhooks", token, fmt.Sprintf(`{"url":%q}`, endpoint.URL))

	o.ask(t, "POST", "/v1/subscriptions", key, fmt.Sprintf(`{"customer":"cus_hana","app":%q,"product":"std","state":"active","starts_at":"2026-01-01T00:00:00Z"}`, app))
	var told posted
	select {
	case told = <-got:
	case <-time.After(20 * time.Second):
		t.Fatal("the endpoint was told of nothing")
	}
	if _, err := webhook.Verify(told.header, told.body, engawa.Secret(hook["secret"].(string))); err != nil {
		t.Errorf("the signature: %v", err)
	}
	for _, hidden := range []string{"cus_", "sub_", "hana", "花", "ws_1", "acc_"} {
		if strings.Contains(string(told.body), hidden) {
			t.Errorf("the endpoint is told %q: %s", hidden, told.body)
		}
	}
	if !strings.Contains(string(told.body), app) || !strings.Contains(string(told.body), "partner.subscribers_changed") {
		t.Errorf("told: %s", told.body)
	}
	subs := o.ask(t, "GET", "/v1/partner/apps/"+app+"/subscribers", token, "")["subscribers"].([]any)
	if len(subs) != 1 {
		t.Fatalf("%v", subs)
	}
	handle := subs[0].(map[string]any)["subscriber"].(string)
	sent := o.ask(t, "POST", "/v1/partner/messages", token, fmt.Sprintf(`{"to":{"subscriber":%q},"purpose":"service","trigger":"user","content":{"subject":"ご請求","text":"確定しました"}}`, handle))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		m := o.ask(t, "GET", "/v1/partner/messages/"+sent["id"].(string), token, "")
		if m["state"] == "sent" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the message: %v", m)
		}
	}
	o.answers(t, token, handle, sent["id"].(string), got)
	w := httptest.NewRecorder()
	o.metrics.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, hidden := range []string{"hana", "花", handle, vendor, "cus_"} {
		if body := w.Body.String(); w.Code != http.StatusOK || strings.Contains(body, hidden) {
			t.Errorf("the metrics tell %q: %d", hidden, w.Code)
		}
	}
}
