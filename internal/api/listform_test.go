package api_test

import (
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestListForm: what nobody promised to work begins switched off, and takes the
// contact points of mail instead of its own.
func TestListForm(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	account := func(kind, more string) any {
		id := s.made("/v1/accounts", `{"kind":"`+kind+`","name":"a","settings":`+more+`}`)
		return s.ok("GET", "/v1/accounts/"+id, "")["enabled"]
	}
	form := `{"url":"https://list.example/np/sesform.php","products":"gold = 1\nsilver = 2"}`
	if on := account("listform", form); on != false {
		t.Errorf("a list form begins enabled: %v", on)
	}
	if on := account("listform", form+`,"enabled":true`); on != true {
		t.Errorf("a list form that is wanted: %v", on)
	}
	if on := account("webhook", `{"url":"https://hook.example","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`); on != true {
		t.Errorf("another account: %v", on)
	}
	s.refused("POST", "/v1/accounts", `{"kind":"listform","name":"a","settings":{"url":"https://list.example","products":"gold = 1\r\n"}}`, "invalid")
	customer := s.made("/v1/customers", `{"kind":"person","name":"花"}`)
	s.refused("POST", "/v1/customers/"+customer+"/contact-points", `{"kind":"listform","address":"hana@customer.example"}`, "invalid")
}
