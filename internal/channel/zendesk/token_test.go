package zendesk

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/zendesk/sim"
)

const (
	clientID     = "engawa_hub"
	clientSecret = "c1ient-s3cret-c1ient-s3cret"
)

// byClient changes the settings to those of an OAuth client.
var byClient = map[string]string{"mail": "", "token": "", "client_id": clientID, "client_secret": clientSecret}

func clientSim() *sim.Server {
	s := newSim()
	s.Client = sim.Client{ID: clientID, Secret: clientSecret, Scopes: []string{"read", "tickets:write"}}
	return s
}

func openedAs(t *testing.T, change map[string]string, h http.Handler) *account {
	t.Helper()
	a, err := connect(with(change), channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(h)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestClient asks every question of the suite of an account with an OAuth client.
func TestClient(t *testing.T) {
	c := suite()
	c.Settings = with(byClient)
	maps.DeleteFunc(c.Settings, func(_, v string) bool { return v == "" })
	c.World = func(t *testing.T, m channeltest.Mood) channeltest.World {
		answers := map[channeltest.Mood]http.HandlerFunc{
			channeltest.Limited:    limited(""),
			channeltest.LimitedFor: limited("30"),
			channeltest.Down:       answered(503, ``),
			channeltest.Refuses:    answered(422, `{"error":"RecordInvalid"}`),
			channeltest.Locked:     answered(403, `{"error":{"title":"Forbidden","message":"You do not have access to this page."}}`),
			channeltest.NoSuch:     answered(422, `{"error":"RecordInvalid"}`),
		}
		return channeltest.HTTP{Sim: clientSim(), Handover: handover, Answers: answers}.World(t, m)
	}
	channeltest.Run(t, c)
}

// TestRenewal: a token is used as long as it lives and not longer, one that was
// revoked is replaced at once, and the ticket is opened once.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clientSim()
		a := openedAs(t, byClient, s)
		send := func(delivery string) {
			t.Helper()
			p := channeltest.Parcel(queue)
			p.Delivery, p.Key = delivery, delivery
			if _, err := a.Send(t.Context(), channeltest.Cleared(t, p)); err != nil {
				t.Error(err)
			}
		}
		for _, step := range []struct {
			name   string
			wait   time.Duration
			before func()
			grants int
		}{
			{"the first call", 0, func() {}, 1},
			{"while it lives", 28 * time.Minute, func() {}, 1},
			{"before it ends", time.Minute, func() {}, 2},
			{"a day later", 24 * time.Hour, func() {}, 3},
			{"revoked", 0, s.Revoke, 1}, // those before are gone
		} {
			time.Sleep(step.wait)
			step.before()
			send("dlv_" + strings.ReplaceAll(step.name, " ", "_"))
			if s.Grants() != step.grants {
				t.Errorf("%s: %d tokens, want %d", step.name, s.Grants(), step.grants)
			}
		}
		if n := len(s.Tickets()); n != 5 {
			t.Errorf("%d tickets of 5 notices", n)
		}
	})
}

// TestShortLife: a life that Zendesk cuts short is believed, and one that it
// does not tell is the one that was asked for.
func TestShortLife(t *testing.T) {
	for told, want := range map[string]time.Duration{
		`,"expires_in":600`: 9 * time.Minute, `,"expires_in":60`: 30 * time.Second, ``: 29 * time.Minute, `,"expires_in":null`: 29 * time.Minute,
		`,"expires_in":-5`: 29 * time.Minute, `,"expires_in":999999999999999`: 48*time.Hour - time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			a := openedAs(t, byClient, answered(200, `{"access_token":"x","token_type":"bearer"`+told+`}`))
			if _, se := a.authorization(t.Context(), ""); se != nil || time.Until(a.client.until) != want {
				t.Errorf("%s: %v, %s; want %s", told, se, time.Until(a.client.until), want)
			}
		})
	}
}

// TestNodes: two nodes with the same client do not end each other's tokens, and
// many calls of one node ask for one.
func TestNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clientSim()
		one, two := openedAs(t, byClient, s), openedAs(t, byClient, s)
		done := make(chan error)
		for _, a := range []*account{one, two, one, two, one, two} {
			go func() { done <- a.Probe(t.Context()) }()
		}
		for range 6 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if s.Grants() != 2 {
			t.Errorf("%d tokens for two nodes", s.Grants())
		}
		for _, a := range []*account{one, two} {
			if err := a.Probe(t.Context()); err != nil || s.Grants() != 2 {
				t.Errorf("%v, %d tokens", err, s.Grants())
			}
		}
	})
}

// TestRefusedClient: what only a person can change stops the account, after one
// new token and no more; what passes is tried later; and nothing of the client
// is in what is kept.
func TestRefusedClient(t *testing.T) {
	token := answered(200, `{"access_token":"t0ken-t0ken","expires_in":1800}`)
	for name, tc := range map[string]struct {
		grant, api http.HandlerFunc
		class      channel.Class
		code       string
		grants     int
	}{
		"a wrong secret":    {answered(401, `{"error":"invalid_client","error_description":"`+clientSecret+`"}`), nil, channel.AccountClosed, "token 401 invalid_client", 1},
		"a public client":   {answered(400, `{"error":"unauthorized_client"}`), nil, channel.AccountClosed, "token 400 unauthorized_client", 1},
		"scopes it has not": {answered(400, `{"error":"invalid_scope"}`), nil, channel.AccountClosed, "token 400 invalid_scope", 1},
		"never a good one":  {token, answered(401, `{"error":"invalid_token"}`), channel.AccountClosed, "401 invalid_token", 2},
		"no right":          {token, answered(403, `{"error":{"title":"Forbidden"}}`), channel.AccountClosed, "403 Forbidden", 1},
		"down":              {answered(503, ``), nil, channel.Again, "token 503", 1},
		"too many":          {limited("30"), nil, channel.Again, "token 429", 1},
		"no token at all":   {answered(200, `{"access_token":"t0ken-t0ken\r\nX-Evil: 1"}`), nil, channel.Again, "token 200", 1},
		"a page":            {answered(200, `<html>`), nil, channel.Again, "token 200", 1},
		"lost":              {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, channel.Again, "token broken", 1},
		"silent":            {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, channel.Again, "token timeout", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var grants atomic.Int64
			a := openedAs(t, byClient, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/oauth/tokens" {
					grants.Add(1)
					tc.grant(w, r)
					return
				}
				tc.api(w, r)
			}))
			_, err := a.Send(t.Context(), channeltest.Cleared(t, channeltest.Parcel(queue)))
			se, ok := err.(*channel.SendError)
			if !ok || se.Class != tc.class || se.Code != tc.code || int(grants.Load()) != tc.grants {
				t.Fatalf("%s: %v after %d tokens; want %s %s after %d", name, err, grants.Load(), tc.class, tc.code, tc.grants)
			}
			for _, secret := range []string{clientSecret, "t0ken-t0ken"} {
				if strings.Contains(se.Error()+se.Exchange.Request+se.Exchange.Response, secret) {
					t.Errorf("%s: a secret is kept: %+v", name, se.Exchange)
				}
			}
			told, _ := a.Probe(t.Context()).(*engawa.Error)
			if tc.class == channel.AccountClosed && (told == nil || told.Field != "/settings/client_id") {
				t.Errorf("%s: the operator is told %v", name, told)
			}
		})
	}
}

// TestOptions: what a ticket shall be is checked against what Zendesk has when
// it is saved, and goes with every ticket.
func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		s.AddBrand(9007199254740995, "ひなた珈琲", true)
		s.AddBrand(12, "旧ブランド", false)
		env := channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(s)}
		try := func(change map[string]string) string {
			in := with(change)
			maps.DeleteFunc(in, func(_, v string) bool { return v == "" })
			_, err := Kind.Try(t.Context(), in, env)
			told, _ := err.(*engawa.Error)
			if told == nil {
				return ""
			}
			return told.Field + " " + told.Remedy
		}
		if got := try(map[string]string{"form": "21"}); !strings.HasPrefix(got, "/settings/form ") {
			t.Errorf("a plan without forms: %q", got)
		}
		s.AddForm(21, "申込フォーム", true)
		for brand, says := range map[string]string{"9007199254740995": "", "12": "9007199254740995 (ひなた珈琲)", "9007199254740996": "ひなた珈琲"} {
			if got := try(map[string]string{"brand": brand, "form": "21", "priority": "high"}); (got == "") != (says == "") || !strings.Contains(got, says) {
				t.Errorf("brand %s: %q", brand, got)
			}
		}
		if got := try(map[string]string{"priority": "highest"}); !strings.HasPrefix(got, "/settings/priority ") {
			t.Errorf("a priority that there is not: %q", got)
		}
		has, err := options(t.Context(), settings, env)
		if err != nil || !slices.Equal(has["brand"], []channel.Option{{Value: "9007199254740995", Name: "ひなた珈琲"}}) || len(has["form"]) != 1 {
			t.Errorf("%+v, %v", has, err)
		}
		a := openedAs(t, map[string]string{"brand": "9007199254740995", "form": "21", "priority": "urgent"}, s)
		if _, se := a.create(t.Context(), told(queue)); se != nil {
			t.Fatal(se)
		}
		if got := s.Tickets()[0]; *got.Brand != 9007199254740995 || *got.Form != 21 || *got.Priority != "urgent" {
			t.Errorf("%+v", got)
		}
		a = openedAs(t, map[string]string{"priority": anyPriority}, s)
		p := told(queue)
		p.Key = "another"
		if _, se := a.create(t.Context(), p); se != nil {
			t.Fatal(se)
		}
		if got := s.Tickets()[1]; got.Brand != nil || got.Form != nil || got.Priority != nil {
			t.Errorf("what nobody chose was sent: %+v", got)
		}
	})
}
