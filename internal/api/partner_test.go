package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/receipt"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/verdict"
)

// vendor is a partner with an app that cus_one subscribed to.
type vendor struct {
	*site
	id, secret, app, grant string
	token                  string
}

// vendor makes one with a grant for its app, and a token of all scopes.
func (s *site) vendor(name, terms string) *vendor {
	s.t.Helper()
	v := &vendor{site: s, id: s.made("/v1/partners", fmt.Sprintf(`{"name":%q,"sender":{"name":%q,"postal":"x","phone":"1","mail":"v@vendor.example","contact":"https://vendor.example"}}`, name, name))}
	v.app = s.made("/v1/apps", fmt.Sprintf(`{"name":%q,"partner":%q}`, name, v.id))
	if terms == "" {
		terms = `"scopes":["*"],"apps":["$app"],"channels":["*"],"purposes":["*"]`
	}
	v.grant = s.made("/v1/grants", fmt.Sprintf(`{"partner":%q,%s}`, v.id, strings.ReplaceAll(terms, "$app", v.app)))
	v.secret = v.newSecret()
	v.token = v.take(v.secret)
	return v
}

func (v *vendor) newSecret() string {
	v.t.Helper()
	status, out, text := v.do("POST", "/v1/partners/"+v.id+"/secrets", v.key, `{}`)
	if status != 201 || out["client_id"] != v.id {
		v.t.Fatalf("secret: %d %s", status, text)
	}
	return out["client_secret"].(string)
}

// form posts a form to /oauth/token.
func (s *site) form(f url.Values, h ...string) (int, http.Header, map[string]any) {
	s.t.Helper()
	req, err := http.NewRequest("POST", s.url+"/oauth/token", strings.NewReader(f.Encode()))
	s.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	var out map[string]any
	s.must(json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, res.Header, out
}

func (v *vendor) asks(secret string, more ...string) url.Values {
	f := url.Values{"grant_type": {"client_credentials"}, "client_id": {v.id}, "client_secret": {secret}}
	for i := 0; i+1 < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return f
}

func (v *vendor) take(secret string) string {
	v.t.Helper()
	status, _, out := v.form(v.asks(secret))
	if status != 200 {
		v.t.Fatalf("token: %d %v", status, out)
	}
	return out["access_token"].(string)
}

// subscribe gives cus_one, or whom it names, a subscription of the vendor's app,
// and returns the handle.
func (v *vendor) subscribe(customer string) string {
	v.t.Helper()
	status, _, text := v.do("POST", "/v1/subscriptions", v.key, fmt.Sprintf(`{"customer":%q,"app":%q,"product":"std","state":"active","starts_at":"2026-01-01T15:00:00Z"}`, customer, v.app))
	if status != 200 {
		v.t.Fatalf("subscribe: %d %s", status, text)
	}
	v.step()
	for _, sub := range v.list() {
		if got := v.customerOf(sub["subscriber"].(string)); got == customer {
			return sub["subscriber"].(string)
		}
	}
	v.t.Fatalf("%s is in no list", customer)
	return ""
}

func (s *site) step() {
	s.t.Helper()
	s.must(s.lists.Step(context.Background()))
}

func (v *vendor) customerOf(handle string) string {
	v.t.Helper()
	_, _, customer, err := v.lists.Entry(context.Background(), "ws_one", v.id, handle)
	v.must(err)
	return customer
}

func (v *vendor) list() (subs []map[string]any) {
	v.t.Helper()
	out := v.get("/v1/partner/apps/" + v.app + "/subscribers")
	for _, s := range out["subscribers"].([]any) {
		subs = append(subs, s.(map[string]any))
	}
	return subs
}

func (v *vendor) get(path string) map[string]any {
	v.t.Helper()
	status, out, text := v.do("GET", path, v.token, "")
	if status != 200 {
		v.t.Fatalf("%s: %d %s", path, status, text)
	}
	return out
}

// changes follows the list from a place: handles, the gone ones with a dash.
func (v *vendor) changes(since string) (seen []string, next string) {
	v.t.Helper()
	for {
		out := v.get("/v1/partner/apps/" + v.app + "/changes?limit=2&cursor=" + since)
		for _, s := range out["subscribers"].([]any) {
			sub := s.(map[string]any)
			mark := ""
			if sub["gone"] == true {
				mark = "-"
			}
			seen = append(seen, mark+sub["subscriber"].(string))
		}
		if since = out["next"].(string); out["more"] == false {
			return seen, since
		}
	}
}

func (v *vendor) says(handle, purpose string) (int, map[string]any, string) {
	v.t.Helper()
	return v.do("POST", "/v1/partner/messages", v.token, fmt.Sprintf(`{"to":{"subscriber":%q},"purpose":%q,"trigger":"automatic","content":{"subject":"s","text":"t"}}`, handle, purpose))
}

// decides records what cus_one decides of the vendor's app.
func (v *vendor) decides(act engawa.Act, purpose engawa.Purpose, given bool) {
	v.t.Helper()
	v.must(v.st.Decide(context.Background(), engawa.Consent{
		Workspace: "ws_one", ID: engawa.NewID(engawa.PrefixConsent), Customer: "cus_one", Controller: v.id, App: v.app, Act: act, Purpose: purpose, Given: given, At: time.Now(),
		Evidence: engawa.Evidence{Wording: "w", Version: "1", Where: "test", How: "checkbox"},
	}))
	v.step()
}

// TestToken: what a client may do wrong at /oauth/token, and what it is told
// (RFC 6749, 5.2).
func TestToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		v := s.vendor("v", "")
		w := s.vendor("w", "")
		good := v.asks(v.secret)
		unauthorized := func(f url.Values, h ...string) {
			t.Helper()
			status, header, out := s.form(f, h...)
			if status != 401 || out["error"] != "invalid_client" || header.Get("Cache-Control") != "no-store" || (len(h) > 0) != (header.Get("WWW-Authenticate") != "") {
				t.Errorf("%d %v %v", status, out, header)
			}
		}
		changed := v.secret[:len(v.secret)-1] + string('0'+('9'-v.secret[len(v.secret)-1])%10)
		_, text := access.NewKey(access.PartnerEnv)
		for _, f := range []url.Values{
			v.asks(changed), v.asks(text.Reveal()), v.asks(""), v.asks(w.secret), w.asks(v.secret), v.asks(s.key),
			{"grant_type": {"client_credentials"}},
			{"grant_type": {"client_credentials"}, "client_id": {v.id}},
			{"grant_type": {"client_credentials"}, "client_secret": {v.secret}},
		} {
			unauthorized(f)
		}
		basic := func(id, secret string) string {
			r := httptest.NewRequest("POST", "/", nil)
			r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
			return r.Header.Get("Authorization")
		}
		unauthorized(url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(v.id, w.secret))
		status, _, out := s.form(url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(v.id, v.secret))
		if status != 200 || out["token_type"] != "Bearer" || out["expires_in"] != 900.0 || out["scope"] != "apps:read messages:read messages:send subscribers:read" {
			t.Errorf("by Basic: %d %v", status, out)
		}
		for want, f := range map[string]url.Values{
			"invalid_request 0":      {"client_id": {v.id}, "client_secret": {v.secret}},
			"unsupported_grant_type": {"grant_type": {"password"}, "client_id": {v.id}, "client_secret": {v.secret}},
			"invalid_request 1":      {"grant_type": {"client_credentials", "client_credentials"}, "client_id": {v.id}},
			"invalid_scope":          v.asks(v.secret, "scope", "messages:send customers:read"),
		} {
			status, _, out := s.form(f)
			if code, _, _ := strings.Cut(want, " "); status != 400 || out["error"] != code {
				t.Errorf("%s: %d %v", want, status, out)
			}
		}
		if status, _, out := s.form(good, "Authorization", basic(v.id, v.secret)); status != 400 || out["error"] != "invalid_request" {
			t.Errorf("twice: %d %v", status, out)
		}
		for _, wrong := range [][2]string{{"/oauth/token?client_secret=x", "application/x-www-form-urlencoded"}, {"/oauth/token", "application/json"}} {
			if status, out, _ := s.do("POST", wrong[0], "", good.Encode(), "Content-Type", wrong[1]); status != 400 || out["error"] != "invalid_request" {
				t.Errorf("%v: %d %v", wrong, status, out)
			}
		}
		if _, _, out := s.form(v.asks(v.secret, "scope", "messages:read")); out["scope"] != "messages:read" {
			t.Errorf("fewer scopes: %v", out)
		} else if status, _, _ := s.do("GET", "/v1/partner/apps/"+v.app+"/subscribers", out["access_token"].(string), ""); status != 403 {
			t.Errorf("a token without subscribers:read lists: %d", status)
		}
		for _, wrong := range []string{"", v.secret, s.key, v.token + "x", v.token[:len(v.token)-2], "eng_partner.", "eng_partner.x.y"} {
			if status, out, _ := s.do("GET", "/v1/partner/apps", wrong, ""); status != 401 || out["code"] != "unauthorized" {
				t.Errorf("bearer %.12q…: %d %v", wrong, status, out["code"])
			}
		}
		if status, _, _ := s.do("GET", "/v1/messages", v.token, ""); status != 401 {
			t.Errorf("a partner's token opens the workspace's paths: %d", status)
		}
		if status, out, _ := s.do("GET", "/v1/messages", v.secret, ""); status != 403 || !strings.Contains(out["remedy"].(string), "/oauth/token") {
			t.Errorf("a client secret as a key: %d %v", status, out)
		}
		s.quiet(v.secret, v.token)
	})
}

// quiet says that none of these is in the log.
func (s *site) quiet(secrets ...string) {
	s.t.Helper()
	for _, text := range secrets {
		if strings.Contains(s.log.String(), text) {
			s.t.Error("a secret is in the log")
		}
	}
}

// TestSecrets: two work at once, a third is refused; one that is revoked takes
// its tokens with it, at once.
func TestSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		v := s.vendor("v", "")
		status, second, _ := s.do("POST", "/v1/partners/"+v.id+"/secrets", s.key, `{}`)
		if status != 201 {
			t.Fatal(status)
		}
		s.refused("POST", "/v1/partners/"+v.id+"/secrets", `{}`, "conflict")
		s.refused("POST", "/v1/partners/ptn_none/secrets", `{}`, "not_found")
		token := v.take(second["client_secret"].(string))
		v.get("/v1/partner/apps")
		s.ok("POST", "/v1/keys/"+second["id"].(string)+":revoke", "")
		if status, _, _ := s.do("GET", "/v1/partner/apps", token, ""); status != 401 {
			t.Errorf("the token of a revoked secret: %d", status)
		}
		if status, _, out := s.form(v.asks(second["client_secret"].(string))); status != 401 {
			t.Errorf("a revoked secret: %d %v", status, out)
		}
		v.get("/v1/partner/apps") // the other goes on
		v.newSecret()
		soon := time.Now().Add(300 * 24 * time.Hour).UTC().Format(time.RFC3339)
		s.refused("POST", "/v1/partners/"+v.id+"/secrets", `{"ends_at":"`+soon+`"}`, "conflict")
	})
}

// TestSubscribers: the list of an app, from its making to the end of those in it.
func TestSubscribers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		v := s.vendor("v", "")
		if out := v.get("/v1/partner/apps/" + v.app + "/subscribers"); out["building"] != true {
			t.Errorf("before the first step: %v", out)
		}
		handle := v.subscribe("cus_one")
		out := v.get("/v1/partner/apps/" + v.app + "/subscribers")
		if out["building"] != false || len(out["subscribers"].([]any)) != 1 {
			t.Errorf("%v", out)
		}
		since := out["changes"].(string)
		first := v.list()[0]
		plan := first["subscriptions"].([]any)[0].(map[string]any)
		if first["address"] != nil || first["locale"] != "ja" || plan["plan"] != "std" || plan["starts_on"] != "2026-01-02" || plan["ends_on"] != nil || plan["state"] != "active" {
			t.Errorf("%v", first)
		}
		if got := fmt.Sprint(first["contactable"]); got != "[map[channel:mail purposes:[service]]]" {
			t.Errorf("contactable: %s", got)
		}
		if seen, _ := v.changes(since); len(seen) != 0 {
			t.Errorf("changes of nothing: %v", seen)
		}
		v.decides(engawa.ActContact, engawa.Notice, true)
		v.decides(engawa.ActShareAddress, engawa.Service, true)
		seen, since := v.changes(since)
		if fmt.Sprint(seen) != fmt.Sprint([]string{handle}) {
			t.Errorf("two changes of one: %v", seen)
		}
		one := v.get("/v1/partner/apps/" + v.app + "/subscribers/" + handle)
		if one["address"] != "address-canary@customer.example" || fmt.Sprint(one["contactable"]) != "[map[channel:mail purposes:[service notice]]]" {
			t.Errorf("shared: %v", one)
		}
		lines, err := s.st.Audits(context.Background(), "ws_one", store.AuditFilter{Action: "receive-addresses"}, store.Page{})
		if err != nil || len(lines) == 0 || lines[0].Actor != "partner:"+v.id {
			t.Errorf("who was given addresses: %v %v", lines, err)
		}
		v.decides(engawa.ActShareAddress, engawa.Service, false)
		if v.list()[0]["address"] != nil {
			t.Error("an address is shown after the withdrawal")
		}
		s.must(s.st.Suppress(context.Background(), engawa.Suppression{Workspace: "ws_one", Channel: "mail", Address: "address-canary@customer.example", Customer: "cus_one", Reason: "bounced", At: time.Now()}))
		s.step()
		seen, since = v.changes(since)
		if len(seen) != 1 || v.list()[0]["contactable"] != nil {
			t.Errorf("after a bounce: %v %v", seen, v.list())
		}
		s.ok("POST", "/v1/customers/cus_one:erase", "")
		if status, _, _ := s.do("GET", "/v1/partner/apps/"+v.app+"/subscribers/"+handle, v.token, ""); status != 404 {
			t.Errorf("an erased handle resolves: %d", status)
		}
		s.step()
		seen, _ = v.changes(since)
		if fmt.Sprint(seen) != "[-"+handle+"]" || len(v.list()) != 0 {
			t.Errorf("after the erasure: %v %v", seen, v.list())
		}
	})
}

// TestNoTwoAlike: two partners with the same app, and two apps of one customer,
// share no handle, no day-exact time and no cursor; a grant for all apps leaves
// another partner's alone.
func TestNoTwoAlike(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	v := s.vendor("v", "")
	w := s.vendor("w", `"scopes":["*"],"apps":["*"],"channels":["*"],"purposes":["*"]`)
	own := v.subscribe("cus_one")
	if apps := fmt.Sprint(w.get("/v1/partner/apps")); strings.Contains(apps, v.app) {
		t.Errorf("a grant for all apps opens another partner's: %s", apps)
	}
	if status, _, _ := s.do("GET", "/v1/partner/apps/"+v.app+"/subscribers", w.token, ""); status != 404 {
		t.Errorf("%d", status)
	}
	s.made("/v1/grants", fmt.Sprintf(`{"partner":%q,"scopes":["*"],"apps":[%q],"channels":["*"],"purposes":["*"]}`, w.id, v.app))
	s.step()
	theirs := w.get("/v1/partner/apps/" + v.app + "/subscribers")["subscribers"].([]any)
	if len(theirs) != 1 || theirs[0].(map[string]any)["subscriber"] == own {
		t.Errorf("%v beside %s", theirs, own)
	}
	// What is another's, what ended and what never was have one answer.
	var answers []string
	for _, handle := range []string{theirs[0].(map[string]any)["subscriber"].(string), "sub_00000000000000000000000000", "cus_one", "'"} {
		status, _, text := v.says(handle, "service")
		answers = append(answers, fmt.Sprint(status, text))
	}
	s.ok("POST", "/v1/customers/cus_one:erase", "")
	status, _, text := v.says(own, "service")
	for _, a := range answers {
		if a != fmt.Sprint(status, text) || status != 404 {
			t.Errorf("%s beside %d %s", a, status, text)
		}
	}
}

// TestPartnerSends: a message from its sending to its end, and every refusal in
// words that say no more than its class.
func TestPartnerSends(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		v := s.vendor("v", "")
		handle := v.subscribe("cus_one")
		status, out, text := v.says(handle, "service")
		if status != 202 || out["state"] != "waiting" || out["verdict"].(map[string]any)["outcome"] != "send" {
			t.Fatalf("%d %s", status, text)
		}
		id := out["id"].(string)
		one := v.get("/v1/partner/messages/" + id)
		if one["subscriber"] != handle || one["app"] != v.app || fmt.Sprint(one["deliveries"]) != "[map[channel:mail state:queued]]" {
			t.Errorf("%v", one)
		}
		if list := v.get("/v1/partner/messages?subscriber=" + handle)["messages"].([]any); len(list) != 1 {
			t.Errorf("%v", list)
		}
		status, out, text = v.says(handle, "marketing")
		if status != 202 || out["state"] != "refused" || !strings.Contains(text, `"class":"no_consent"`) {
			t.Errorf("without consent: %d %s", status, text)
		}
		if status, _, _ := s.do("POST", "/v1/partner/messages/"+id+":cancel", v.token, ""); status != 200 {
			t.Errorf("cancel: %d", status)
		}
		if got := v.get("/v1/partner/messages/" + id)["state"]; got != "canceled" {
			t.Errorf("%v", got)
		}
		w := s.vendor("w", "")
		for _, path := range []string{"/v1/partner/messages/" + id, "/v1/partner/messages/msg_none"} {
			if status, _, _ := s.do("GET", path, w.token, ""); status != 404 {
				t.Errorf("another's message: %d", status)
			}
		}
		var said []string
		for _, channel := range []string{"acc_mail", "pigeon", "line", "appstore"} { // there, nowhere, and not connected
			status, _, text := s.do("POST", "/v1/partner/messages", v.token, `{"to":{"subscriber":"`+handle+`"},"purpose":"service","trigger":"user","content":{"text":"t"},"channels":["`+channel+`"]}`)
			said = append(said, fmt.Sprint(status, strings.ReplaceAll(text, channel, "it")))
		}
		for _, text := range said {
			if text != said[0] || !strings.HasPrefix(text, "400") {
				t.Errorf("channels that may not be used: %v", said)
			}
		}
		waiting, _, _ := v.says(handle, "service")
		if waiting != 202 {
			t.Fatal(waiting)
		}
		s.ok("POST", "/v1/grants/"+v.grant+":end", "")
		if status, _, _ := v.says(handle, "service"); status != 403 && status != 401 {
			t.Errorf("after the end of the grant: %d", status)
		}
		if status, _, out := s.form(v.asks(v.secret)); status != 400 || out["error"] != "unauthorized_client" {
			t.Errorf("token without a grant: %d %v", status, out)
		}
		if s.claims() != 0 {
			t.Error("what was queued went after the grant had ended")
		}
	})
}

// TestEndOfPartner: one call ends all of it.
func TestEndOfPartner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		s.st.PurgeAfter = 30 * 24 * time.Hour
		v := s.vendor("v", "")
		handle := v.subscribe("cus_one")
		v.decides(engawa.ActShareAddress, engawa.Service, true)
		_, sent, _ := v.says(handle, "service")
		s.refused("GET", "/v1/partners/"+v.id+"/certificate", "", "not_found")
		status, hook, text := s.do("POST", "/v1/partner/webhooks", v.token, `{"url":"https://hooks.vendor.example/x"}`)
		if status != 201 {
			t.Fatalf("%d %s", status, text)
		}
		out := s.ok("POST", "/v1/partners/"+v.id+":end", "")
		want := fmt.Sprintf("[map[addresses:1 app:%s handles:1 messages:1 partner:%s]]", v.app, v.id)
		if out["grants"] != 1.0 || out["secrets"] != 1.0 || out["handles"] != 1.0 || out["refused"] != 1.0 || fmt.Sprint(out["shared"]) != want {
			t.Errorf("%v", out)
		}
		if status, _, _ := s.do("GET", "/v1/partner/apps", v.token, ""); status != 401 {
			t.Errorf("its token: %d", status)
		}
		if status, _, _ := s.form(v.asks(v.secret)); status != 401 {
			t.Errorf("its secret: %d", status)
		}
		if _, m, _ := s.do("GET", "/v1/messages/"+sent["id"].(string), s.key, ""); m["state"] != "refused" {
			t.Errorf("what waited: %v", m["state"])
		}
		if status, _, _ := s.do("GET", "/v1/webhooks/"+hook["id"].(string), s.key, ""); status != 404 {
			t.Errorf("its webhook: %d", status)
		}
		s.refused("POST", "/v1/partners/"+v.id+":end", "", "not_found")
		s.refused("POST", "/v1/partners/"+v.id+"/secrets", `{}`, "not_found")
		if out := s.ok("GET", "/v1/partners/"+v.id, ""); out["ended_at"] == nil {
			t.Errorf("%v", out)
		}
		s.step()
		if s.claims() != 0 {
			t.Error("a message of a partner that ended went")
		}
		signed := s.ok("GET", "/v1/partners/"+v.id+"/certificate", "")["certificate"].(string)
		c, err := receipt.CheckCertificate(signed, receipt.KeysOf(s.vault))
		if err != nil || c.Partner != v.id || c.Complete || c.Left.Texts != 1 || c.Left.Handles != 1 || c.DestroyAt.Sub(c.EndedAt) != s.st.PurgeAfter || c.Shared[0].Addresses != 1 {
			t.Errorf("%+v %v", c, err)
		}
		body, _ := base64.RawURLEncoding.DecodeString(strings.Split(signed, ".")[1])
		for _, never := range []string{"cus_", handle, "@"} {
			if strings.Contains(string(body), never) {
				t.Errorf("%s is in %s", never, body)
			}
		}
	})
}

// TestEndOfSubscription: one call ends one customer's contract: the handle is
// nobody's, what waits does not go, and the partner goes on for others.
func TestEndOfSubscription(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		v := s.vendor("v", "")
		handle := v.subscribe("cus_one")
		_, sent, _ := v.says(handle, "service")
		subs := s.ok("GET", "/v1/subscriptions?customer=cus_one", "")["subscriptions"].([]any)
		id := subs[0].(map[string]any)["id"].(string)
		out := s.ok("POST", "/v1/subscriptions/"+id+":end", "")
		if out["handles"] != 1.0 || out["refused"] != 1.0 {
			t.Errorf("%v", out)
		}
		if status, _, _ := v.says(handle, "service"); status != 404 {
			t.Errorf("to the handle: %d", status)
		}
		if got := v.get("/v1/partner/messages/" + sent["id"].(string))["state"]; got != "refused" {
			t.Errorf("what waited: %v", got)
		}
		s.refused("POST", "/v1/subscriptions/"+id+":end", "", "not_found")
		s.refused("POST", "/v1/subscriptions", fmt.Sprintf(`{"customer":"cus_one","app":"%s","product":"%s","state":"active","starts_at":"2026-01-01T00:00:00Z"}`, v.app, subs[0].(map[string]any)["product"]), "conflict")
		if c, err := receipt.CheckCertificate(s.ok("GET", "/v1/subscriptions/"+id+"/certificate", "")["certificate"].(string), receipt.KeysOf(s.vault)); err != nil || c.Subscription != id {
			t.Errorf("%+v %v", c, err)
		}
		if s.claims() != 0 {
			t.Error("what waited went")
		}
	})
}

// TestCustomerLeaves: a customer ends a partner for one app. What waits does not
// go, the handle is gone, and another one comes with a new consent alone.
func TestCustomerLeaves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		v := s.vendor("v", "")
		handle := v.subscribe("cus_one")
		_, since := v.changes("")
		if status, _, _ := v.says(handle, "service"); status != 202 {
			t.Fatal(status)
		}
		s.must(s.st.LeaveApp(context.Background(), store.List{Workspace: "ws_one", Partner: v.id, App: v.app}, "cus_one", engawa.Evidence{Where: "my page", How: "button"}))
		if s.claims() != 0 {
			t.Error("a message went after the customer had left")
		}
		if status, _, _ := v.says(handle, "service"); status != 404 {
			t.Errorf("%d", status)
		}
		s.step()
		seen, since := v.changes(since)
		if fmt.Sprint(seen) != "[-"+handle+"]" || len(v.list()) != 0 {
			t.Errorf("%v %v", seen, v.list())
		}
		v.decides(engawa.ActContact, engawa.Notice, true)
		seen, _ = v.changes(since)
		if len(seen) != 1 || strings.HasPrefix(seen[0], "-") || seen[0] == handle {
			t.Errorf("after a new consent: %v", seen)
		}
	})
}

// claims hands over what is due on the mail account, and says how many.
func (s *site) claims() int {
	s.t.Helper()
	ctx := context.Background()
	seen, err := s.st.Lane(ctx, "ws_one", "acc_mail")
	s.must(err)
	lane, held, err := s.st.Hold(ctx, "test", seen)
	if err != nil || !held {
		s.t.Fatalf("lane not held: %v", err)
	}
	going, _, err := s.st.Claim(ctx, lane, 100, store.Decide{Judge: s.judge, Pace: func() store.Pace { return store.Pace{} }})
	s.must(err)
	s.must(s.st.Release(ctx, lane))
	return len(going)
}

// judge is the verdict that counts, as a lane makes it.
func (s *site) judge(c *store.Claimed) store.Decision {
	kind, _ := message.Find(builtin.Kinds(), c.Known.Facts.Channel)
	f := message.Complete(c.Known, kind, c.Message, time.Now())
	f.Final = true
	return store.Decision{Facts: f, Verdict: verdict.Judge(f, s.lists.Rules, time.Now()), Key: c.Delivery.ID}
}

// TestOneKeyForEach: partners and the business do not share idempotency keys.
func TestOneKeyForEach(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	v, w := s.vendor("v", ""), s.vendor("w", "")
	body := func(v *vendor) string {
		return fmt.Sprintf(`{"to":{"subscriber":%q},"purpose":"service","trigger":"user","content":{"text":"t"}}`, v.subscribe("cus_one"))
	}
	var ids []any
	for _, x := range []*vendor{v, v, w} {
		status, out, text := s.do("POST", "/v1/partner/messages", x.token, body(x), "Idempotency-Key", "1")
		if status != 202 {
			t.Fatalf("%d %s", status, text)
		}
		ids = append(ids, out["id"])
	}
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("%v", ids)
	}
	if status, _, _ := s.do("POST", "/v1/customers", s.key, `{"kind":"person","name":"x"}`, "Idempotency-Key", "1"); status != 201 {
		t.Errorf("the business's own: %d", status)
	}
}

// TestStandingByAPI: whoever may change partners stops one's marketing and lifts
// that, for a reason, which names nobody's address; the partner shows how it stands,
// and of what it would say the advertising is refused meanwhile. Asked again with the
// same idempotency key it is done once.
func TestStandingByAPI(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		v := s.vendor("v", "")
		handle := v.subscribe("cus_one")
		v.decides(engawa.ActContact, engawa.Marketing, true)
		page := "/v1/partners/" + v.id
		standing := func() map[string]any { return s.ok("GET", page, "")["standing"].(map[string]any) }
		stopped := func(purpose string) bool {
			status, _, text := s.do("POST", "/v1/partner/messages:check", v.token, fmt.Sprintf(`{"to":{"subscriber":%q},"purpose":%q,"trigger":"automatic","content":{"subject":"s","text":"t"}}`, handle, purpose))
			if status != 200 {
				t.Fatalf("%d %s", status, text)
			}
			return strings.Contains(text, `"class":"stopped"`)
		}
		if got := standing(); got["level"] != "good" || got["set_by"] != "" || got["since"] != nil || got["sent"] != 0.0 || got["complaints"] != 0.0 || stopped("marketing") {
			t.Errorf("at first: %v", got)
		}
		for _, x := range []struct{ act, level string }{{"stop", "stopped"}, {"stop", "stopped"}, {"lift", "good"}, {"lift", "good"}, {"stop", "stopped"}} {
			out := s.ok("POST", page+":"+x.act, `{"why":" hana@customer.example の苦情 "}`)["standing"].(map[string]any)
			for _, got := range []map[string]any{out, standing()} {
				why := got["why"].(string)
				if got["level"] != x.level || !strings.HasPrefix(got["set_by"].(string), "key:") || got["since"] == nil || !strings.HasSuffix(why, " の苦情") || strings.Contains(why, "hana@") {
					t.Errorf("after %s: %v", x.act, got)
				}
			}
			if stopped("marketing") != (x.level == "stopped") || stopped("service") {
				t.Errorf("after %s: advertising is stopped: %t, what a contract needs: %t", x.act, stopped("marketing"), stopped("service"))
			}
		}
		before := s.trail()
		for i := range 2 {
			if status, _, text := s.do("POST", page+":lift", s.key, `{"why":"話して直した"}`, "Idempotency-Key", "once"); status != 200 || s.trail() != before+1 {
				t.Errorf("time %d: %d %s, %d lines", i+1, status, text, s.trail()-before)
			}
		}
		for _, act := range []string{":stop", ":lift"} {
			s.refused("POST", page+act, `{"why":"  "}`, "invalid")
			s.refused("POST", page+act, `{}`, "invalid")
			s.refused("POST", "/v1/partners/ptn_none"+act, `{"why":"x"}`, "not_found")
		}
		s.ok("POST", page+":end", "")
		s.refused("POST", page+":stop", `{"why":"x"}`, "not_found")
		if got := standing(); got["level"] != "good" || got["why"] != "話して直した" {
			t.Errorf("after the end: %v", got)
		}
	})
}
