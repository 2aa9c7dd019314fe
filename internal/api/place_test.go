package api_test

import (
	"fmt"
	"testing"

	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	zendesksim "github.com/engawa/engawa/internal/channel/zendesk/sim"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestDestinationsAreAsked: a place that the provider's list refuses is no
// destination; one that is not listed is, and so is any while nobody answers.
func TestDestinationsAreAsked(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	room := &chatworksim.Server{Token: "t0ken"}
	room.AddRoom(7001, "お金の部屋", "group")
	room.AddRoom(7003, "田中", "direct")
	room.AddRoom(7004, "ひとりごと", "my")
	s.provider = room
	account := s.made("/v1/accounts", `{"kind":"chatwork","name":"n","settings":{"token":"t0ken"}}`)
	body := func(address string) string {
		return fmt.Sprintf(`{"name":"d","account":%q,"address":%q}`, account, address)
	}
	for _, address := range []string{"7003", "7004", "7003/tasks?to=1002"} {
		s.refused("POST", "/v1/destinations", body(address), "invalid")
	}
	for _, address := range []string{"7001", "7009", "7001/tasks?to=1002"} {
		s.made("/v1/destinations", body(address))
	}
	s.provider = nil
	s.made("/v1/destinations", body("7003"))
}

// TestZendeskIsAsked: over the API too, an OAuth client that is not one, and a
// brand or a custom field that is not there, are refused when they are saved; the
// answer says where Zendesk could not be asked.
func TestZendeskIsAsked(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	desk := &zendesksim.Server{Client: zendesksim.Client{ID: "hub", Secret: "s3cret-canary"}, Polite: true}
	desk.AddBrand(11, "ひなた珈琲", true)
	s.provider = desk
	body := func(secret, brand string) string {
		return fmt.Sprintf(`{"kind":"zendesk","name":"n","settings":{"subdomain":"hinata","client_id":"hub","client_secret":%q,"brand":%q}}`, secret, brand)
	}
	s.refused("POST", "/v1/accounts", body("another", "11"), "invalid")
	s.refused("POST", "/v1/accounts", body("s3cret-canary", "12"), "invalid")
	account := s.made("/v1/accounts", body("s3cret-canary", "11"))
	s.refused("PATCH", "/v1/accounts/"+account, `{"version":1,"settings":{"custom_fields":"5 = data.plan"}}`, "invalid")
	desk.Fields = []zendesksim.Field{{ID: 5}}
	shown := s.ok("PATCH", "/v1/accounts/"+account, `{"version":1,"settings":{"custom_fields":"5 = data.plan"}}`)
	if doubt, told := shown["doubt"]; told {
		t.Errorf("it was asked: %v", doubt)
	}
	s.provider = nil
	if shown = s.ok("PATCH", "/v1/accounts/"+account, `{"version":2,"name":"m"}`); shown["doubt"] != "unasked" {
		t.Errorf("it could not be asked: %v", shown["doubt"])
	}
	if shown = s.ok("GET", "/v1/accounts/"+account, ""); shown["doubt"] != nil {
		t.Errorf("a look at it: %v", shown["doubt"])
	}
}

// TestAccountOfApp: an account is of an app of its own workspace, or of none.
func TestAccountOfApp(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	app := s.made("/v1/apps", `{"name":"ひなた珈琲"}`)
	body := func(app string) string {
		return fmt.Sprintf(`{"kind":"appstore","name":"n","settings":{"bundle_id":"jp.hinata.coffee","environment":"sandbox","app":%q}}`, app)
	}
	for _, id := range []string{"ひなた珈琲", "app_none", "acc_mail"} {
		s.refused("POST", "/v1/accounts", body(id), "invalid")
	}
	account := s.made("/v1/accounts", body(app))
	if shown := s.ok("GET", "/v1/accounts/"+account, ""); shown["environment"] != "sandbox" {
		t.Errorf("an account whose setting is sandbox says %v", shown["environment"])
	}
	s.refused("PATCH", "/v1/accounts/"+account, `{"version":1,"settings":{"app":"app_none"}}`, "invalid")
	s.made("/v1/accounts", body(""))
}
