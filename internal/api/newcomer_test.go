package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestNewMember: the sample of the catalogue, posted as it stands, registers a new
// member once, who is found again by the number; only a key that may change customers
// proves the address by it, and a wrong address is none.
func TestNewMember(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	provisional, _ := catalogue.Find("member.provisional")
	weak, err := api.NewKey(t.Context(), s.st, "ws_one", "site", "events:write")
	s.must(err)
	post := func(key, id, typ, data string) string {
		t.Helper()
		status, out, body := s.do("POST", "/v1/events", key, fmt.Sprintf(`{"id":%q,"type":%q,"data":%s}`, id, typ, data))
		if status != 202 {
			t.Fatalf("%d %s", status, body)
		}
		e, err := s.st.Event(t.Context(), "ws_one", out["id"].(string))
		s.must(err)
		return e.Customer
	}
	sample := string(provisional.Sample)
	id := post(weak.Reveal(), "1", "member.provisional", sample)
	points := func(id string) string {
		ps, err := s.st.ContactPoints(t.Context(), "ws_one", id)
		s.must(err)
		var out []string
		for _, p := range ps {
			out = append(out, fmt.Sprint(p.Address.Reveal(), " ", !p.VerifiedAt.IsZero()))
		}
		return strings.Join(out, ",")
	}
	c, err := s.st.Customer(t.Context(), "ws_one", id)
	if err != nil || c.Name != "山田 花" || c.Locale != engawa.Japanese || points(id) != "hana@customer.example false" {
		t.Fatalf("%v, %v", c.ID, err)
	}
	proving := strings.Replace(sample, `"stage"`, `"email_verified": true, "stage"`, 1)
	if post(weak.Reveal(), "2", "application.completed", proving) != id || points(id) != "hana@customer.example false" {
		t.Error("a key that may only tell of events proved an address")
	}
	if post(s.key, "3", "member.registered", proving) != id || points(id) != "hana@customer.example true" {
		t.Error("the address is not proved")
	}
	if id := post(s.key, "4", "member.provisional", `{"m":{"id":"9","email":"no address"}}`); id == "" || points(id) != "" {
		t.Errorf("%q has %d contact points", id, len(points(id)))
	}
	if id := post(s.key, "5", "member.provisional", `{"m":{"name":"山田"}}`); id != "" {
		t.Error("a name alone made a customer")
	}
	if id := post(s.key, "6", "member.deleted", `{"m":{"id":"10"}}`); id != "" {
		t.Error("the news of a deletion made a customer")
	}
}
