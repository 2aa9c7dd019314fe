package smaregi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/source/smaregi/sim"
)

const secret = "a-secret-of-the-hub"

// settings are those of an account; pairs differ from the usual.
func settings(t testing.TB, pairs ...string) channel.Settings {
	t.Helper()
	in := map[string]string{
		"app": "app_1", "client_id": "app-client", "secret": secret, "list_url": "https://api.smaregi.dev", "list_path": "some/users",
		"list_client_id": "list-client", "list_client_secret": "list-secret",
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		in[pairs[i]] = pairs[i+1]
	}
	s, err := Kind.Check(in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func receive(t testing.TB) channel.Receiver {
	t.Helper()
	r, err := Kind.Source(settings(t), channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func notice(change map[string]any) []byte {
	m := map[string]any{"contractId": "sb_c1", "event": "AppSubscription", "action": "start", "date": "2026-11-01", "clientId": "app-client"}
	maps.Copy(m, change)
	body, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return body
}

func headers(contract string) http.Header {
	return http.Header{"X-Engawa-Secret": {secret}, "Smaregi-Contract-Id": {contract}}
}

// TestReceive: what stands where something else usually does is read leniently.
func TestReceive(t *testing.T) {
	for name, c := range map[string]struct {
		body []byte
		want string // type and data
	}{
		"plan and options": {
			notice(map[string]any{"plan": map[string]any{"name": "std", "price": 3000}, "options": []any{map[string]any{"name": "5店舗"}, "x", 7, nil}}),
			`app.subscription.started {"app":{"id":"app_1"},"effective_on":"2026-11-01","m":{"id":"sb_c1"},"options":["5店舗","x","7"],"plan":{"name":"std"}}`,
		},
		"a plan that is a text": {notice(map[string]any{"plan": "std", "options": nil}), `app.subscription.started {"app":{"id":"app_1"},"effective_on":"2026-11-01","m":{"id":"sb_c1"},"plan":{"name":"std"}}`},
		"a time for a date":     {notice(map[string]any{"date": "2026/11/01 09:00:00", "action": "end"}), `app.subscription.ended {"app":{"id":"app_1"},"effective_on":"2026-11-01","m":{"id":"sb_c1"}}`},
		"no date":               {notice(map[string]any{"date": nil, "action": "force-stop"}), `app.subscription.force_stopped {"app":{"id":"app_1"},"m":{"id":"sb_c1"}}`},
		"another event":         {notice(map[string]any{"event": "pos:products", "action": "edited"}), `smaregi.pos_products.edited {"app":{"id":"app_1"},"effective_on":"2026-11-01","m":{"id":"sb_c1"}}`},
	} {
		evs, err := receive(t).Receive(headers("sb_c1"), c.body)
		if err != nil || len(evs) != 1 {
			t.Errorf("%s: %d events, %v", name, len(evs), err)
			continue
		}
		e := evs[0]
		if got := e.Type + " " + string(e.Data); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		if e.Known {
			if err := catalogue.Check(e); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if e.Subject != "contract:sb_c1" || len(e.Identities) != 1 || e.DedupKey == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	evs, err := receive(t).Receive(headers("12345678901234567890"), notice(map[string]any{"contractId": json.Number("12345678901234567890")}))
	if err != nil || evs[0].Subject != "contract:12345678901234567890" {
		t.Errorf("a number for an id: %v", err)
	}
}

func FuzzReceive(f *testing.F) {
	channeltest.Fuzz(f, func() channel.Receiver { return receive(f) }, channeltest.Callback{
		Body: notice(nil), Sign: func([]byte, time.Time) http.Header { return headers("sb_c1") },
	})
}

// TestSettings: what would let anybody in, or nothing, is refused when it is saved.
func TestSettings(t *testing.T) {
	good := map[string]string{"app": "app_1", "client_id": "c", "secret": secret}
	for field, change := range map[string]map[string]string{
		"/settings/secret":         {"secret": "short"},
		"/settings/header":         {"header": "smaregi-contract-id"},
		"/settings/list_client_id": {"list_url": "https://api.smaregi.dev"},
		"/settings/list_items":     {"list_url": "https://api.smaregi.dev", "list_client_id": "x", "list_client_secret": "y", "list_items": "data"},
		"/settings/app":            {"app": ""},
	} {
		in := maps.Clone(good)
		maps.Copy(in, change)
		_, err := Kind.Check(in)
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if got := fmt.Sprintf("%v %+v %s", receive(t), receive(t), receive(t)); strings.Contains(got, secret) {
		t.Error("a receiver prints its secret")
	}
}

// roundTrip plugs the simulator in.
type roundTrip struct{ h http.Handler }

func (t roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.Host = r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	t.h.ServeHTTP(w, in)
	return w.Result(), nil
}

func simulator(n int) *sim.Server {
	s := &sim.Server{
		App: sim.Client{ID: "app-client", Secret: "app-secret"}, ListClient: sim.Client{ID: "list-client", Secret: "list-secret"}, ListPath: "some/users", ListItems: "rows",
		Members: sim.Members{Contract: "contract_id", Name: "name", Mail: "email", Plan: "plan", State: "status"},
	}
	for i := range n {
		s.Contracts = append(s.Contracts, &sim.Contract{ID: fmt.Sprintf("sb_c%d", i), Name: "店", Plan: "std", State: "active", Mail: "owner@shop.example", Shares: i%2 == 0})
	}
	return s
}

// TestList: the whole list is read, page by page, or none of it: pages may have fewer
// than was asked for.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ n, most int }{{0, 0}, {1, 0}, {99, 0}, {100, 0}, {101, 0}, {350, 0}, {101, 30}, {60, 30}} {
			s := simulator(c.n)
			s.ListMost = c.most
			l := OpenList(settings(t, "list_items", "/rows"), &http.Client{Transport: roundTrip{s}})
			items, err := l.Items(t.Context())
			if err != nil || len(items) != c.n {
				t.Fatalf("%d of %+v: %v", len(items), c, err)
			}
			if c.n > 1 && (items[0].Mail == "" || items[1].Mail != "" || items[0].Plan != "std") {
				t.Errorf("%q %q", items[0].Mail, items[1].Mail)
			}
			if c.n > 100 { // the second page fails, or is the first again
				time.Sleep(2 * time.Second)
				for want, meddle := range map[engawa.Code]func(*http.Request){
					engawa.CodeUnavailable: func(*http.Request) { s.Down(1, 0) },
					engawa.CodeInvalid:     func(r *http.Request) { r.URL.RawQuery = "limit=100" },
				} {
					first := true
					broken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if !first {
							meddle(r)
						}
						first = false
						s.ServeHTTP(w, r)
					})
					l = OpenList(settings(t, "list_items", "/rows"), &http.Client{Transport: roundTrip{broken}})
					if items, err := l.Items(t.Context()); engawa.CodeOf(err) != want || items != nil {
						t.Errorf("%d items, %v, want %s", len(items), err, want)
					}
				}
			}
			time.Sleep(2 * time.Second)
		}
	})
}

// TestWaits: a reading of more pages than may be asked for in a second waits as long as
// it is told, and goes on; told to wait for longer, all pages together, it ends, and says
// for how long.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator(2500)
		l := OpenList(settings(t, "list_items", "/rows"), &http.Client{Transport: roundTrip{s}})
		began := time.Now()
		items, err := l.Items(t.Context())
		if took := time.Since(began); err != nil || len(items) != 2500 || took != 2*time.Second { // 26 pages, 10 a second
			t.Errorf("%d items after %s, %v", len(items), took, err)
		}
		time.Sleep(time.Second)
		for wait, most := range map[time.Duration]int{80 * time.Second: 4, time.Hour: 1} { // calls of a page that never comes
			s.Down(10, wait)
			calls := len(s.Calls())
			_, err := l.Items(t.Context())
			refused, ok := errors.AsType[*RefusedError](err)
			if n := len(s.Calls()) - calls; !ok || refused.After != wait || n != most {
				t.Errorf("told to wait %s: %d calls, %v", wait, n, err)
			}
		}
		s.Down(0, 0)
		pages := 0
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // each page is refused once
			if pages++; pages%2 == 1 {
				s.Down(1, 40*time.Second)
			}
			s.ServeHTTP(w, r)
		})
		began = time.Now()
		_, err = OpenList(settings(t, "list_items", "/rows"), &http.Client{Transport: roundTrip{slow}}).Items(t.Context())
		if took := time.Since(began); engawa.CodeOf(err) != engawa.CodeUnavailable || took != 280*time.Second {
			t.Errorf("each page told to wait: ended after %s, %v", took, err)
		}
		s.Down(1, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began = time.Now()
		if _, err := l.Items(ctx); err == nil || time.Since(began) != time.Second {
			t.Errorf("ended after %s: %v", time.Since(began), err)
		}
	})
}

// TestProbe: an operator sees the first answer without its addresses, and which
// setting does not fit it.
func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		field string
	}{
		"fits":             {[]string{"list_items", "/rows"}, ""},
		"no list there":    {[]string{"list_items", "/data"}, "/settings/list_items"},
		"no contract":      {[]string{"list_items", "/rows", "list_contract", "id"}, "/settings/list_contract"},
		"a wrong secret":   {[]string{"list_items", "/rows", "list_client_secret", "x"}, "/settings/list_client_secret"},
		"a wrong path":     {[]string{"list_path", "/elsewhere"}, "/settings/list_path"},
		"the app's client": {[]string{"list_client_id", "app-client", "list_client_secret", "app-secret"}, "/settings/list_client_secret"},
	} {
		s := settings(t, c.pairs...)
		client := &http.Client{Transport: roundTrip{simulator(3)}}
		_, err := Kind.Try(context.Background(), s, channel.Env{HTTP: client})
		told, _ := errors.AsType[*engawa.Error](err)
		if (told == nil) != (c.field == "") || told != nil && told.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
		shown, _ := OpenList(s, client).First(t.Context())
		if name == "no list there" && (!strings.Contains(shown, `"contract_id": "sb_c0"`) || !strings.Contains(shown, "•••@•••")) {
			t.Errorf("shown: %s", shown)
		}
		if strings.Contains(shown, "owner@shop") || strings.Contains(fmt.Sprint(err), "owner@shop") {
			t.Errorf("%s: the address is shown", name)
		}
	}
}

// TestMasked: addresses are masked wherever they stand.
func TestMasked(t *testing.T) {
	got := Masked([]byte(`{"a":["x <owner@shop.example>, 店@例え.jp"],"b@c.example":{"d":"n"},"e":1}`))
	if strings.Contains(got, "shop.example") || strings.Contains(got, "例え") || strings.Contains(got, "c.example") || !strings.Contains(got, `"d": "n"`) {
		t.Error(got)
	}
}

// TestVisitor: user info names the contract, an owner is whom Smaregi calls so by true
// itself, and an address counts where it is verified.
func TestVisitor(t *testing.T) {
	for in, want := range map[string]string{
		`{"sub":"s","contract":{"id":"sb_1","user_id":"9","is_owner":true}}`:                       "sb_1 owner ",
		`{"contract":{"id":12345678901234567890,"is_owner":false}}`:                                "12345678901234567890 staff ",
		`{"contract":{"id":"c1"}}`:                                                                 "c1 staff ",
		`{"contract":{"id":"c1","is_owner":"true"}}`:                                               "c1 staff ",
		`{"contract":{"id":"c1","is_owner":1}}`:                                                    "c1 staff ",
		`{"contract":{"id":"c1","is_owner":true},"email":"a@x.example","email_verified":true}`:     "c1 owner a@x.example",
		`{"contract":{"id":"c1","is_owner":true},"email":"a@x.example","email_verified":"true"}`:   "c1 owner ",
		`{"contract":{"id":"c1","is_owner":true},"email":"a@x.example"}`:                           "c1 owner ",
		`{"contract":{"id":"c1","is_owner":true},"email":"a <a@x.example>","email_verified":true}`: "c1 owner ",
		`{"contract":{"id":"c1","is_owner":true},"email":7,"email_verified":true}`:                 "c1 owner ",
		`{"contract":{"id":" c1","is_owner":true}}`:                                                "",
		`{"contract":{"id":"c1\u0000","is_owner":true}}`:                                           "",
		`{"contract":{"id":"../c1","is_owner":true}}`:                                              "",
		`{"contract":{"id":null,"is_owner":true}}`:                                                 "",
		`{"contract":{"id":["c1"],"is_owner":true}}`:                                               "",
		`{"contract":"c1"}`: "",
		`{"sub":"c1:1"}`:    "",
		`null`:              "",
		`<html>`:            "",
	} {
		v, err := visitor([]byte(in))
		got := ""
		if err == nil {
			got = v.Identity.Value + " " + v.Identity.Role + " " + v.Mail.Reveal()
		}
		if got != want || err == nil && (v.Identity.Issuer != Issuer || v.Identity.Kind != ContractKind) || err != nil && strings.Contains(err.Error(), "c1") {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
}

// TestSignInSettings: where people sign in, by environment or as it is set, and that
// nothing is offered without a secret, which no print shows.
func TestSignInSettings(t *testing.T) {
	const canary = "a-secret-of-the-sign-in"
	for _, c := range []struct {
		settings map[string]string
		want     string // authorize, token, userinfo, scopes
	}{
		{map[string]string{}, ""},
		{map[string]string{"client_secret": canary}, "https://id.smaregi.jp/authorize https://id.smaregi.jp/authorize/token https://id.smaregi.jp/userinfo []"},
		{map[string]string{"client_secret": canary, "environment": "sandbox", "sign_in_email": "true"}, "https://id.smaregi.dev/authorize https://id.smaregi.dev/authorize/token https://id.smaregi.dev/userinfo [email]"},
		{map[string]string{"client_secret": canary, "sign_in_url": "http://127.0.0.1:8030/", "sign_in_authorize": "a", "sign_in_token": "/t", "sign_in_userinfo": "/u"}, "http://127.0.0.1:8030/a http://127.0.0.1:8030/t http://127.0.0.1:8030/u []"},
		{map[string]string{"client_secret": canary, "sign_in_url": "http://id.example"}, "/settings/sign_in_url"},
	} {
		in := map[string]string{"app": "app_1", "client_id": "c", "secret": "a-secret-of-the-hub"}
		maps.Copy(in, c.settings)
		got := ""
		s, err := Kind.Check(in)
		if told, ok := errors.AsType[*engawa.Error](err); ok {
			got = told.Field
		} else if err != nil {
			t.Fatal(err)
		} else if at := Kind.SignIn(s); at != nil {
			got = fmt.Sprint(at.Authorize, " ", at.Token, " ", at.UserInfo, " ", at.Scopes)
			if at.ClientSecret != canary {
				t.Errorf("the secret is %q", at.ClientSecret.Reveal())
			}
			for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
				if printed := fmt.Sprintf(verb, *at); printed != "sign-in at "+at.Issuer {
					t.Errorf("%s prints %s", verb, printed)
				}
			}
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.settings, got, c.want)
		}
	}
}
