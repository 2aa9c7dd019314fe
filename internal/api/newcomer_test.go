package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
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

// TestNobody: an event of which nobody knows whose it is names each route that would
// write to its customer, why that made nothing and what to do; so does the message.
func TestNobody(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	_, posted, _ := s.do("POST", "/v1/events", s.key, `{"id":"1","type":"contract.terminated","data":{}}`)
	event := posted["id"].(string)
	e, err := s.st.Event(t.Context(), "ws_one", event)
	s.must(err)
	ms, err := s.compose.Compose(t.Context(), "ws_one", []message.Request{{
		Workspace: "ws_one", Event: &e, Route: "rte_1", Nobody: true, Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_mail"}},
	}})
	s.must(err)
	s.must(s.st.Route(t.Context(), []store.Routed{{Workspace: "ws_one", Event: event, Messages: ms}}))
	_, _, told := s.do("GET", "/v1/events/"+event, s.key, "", "Accept-Language", "ko")
	for _, want := range []string{`"route":"rte_1"`, `"code":"recipient.unknown"`, "어느 고객의 이벤트인지 알 수 없습니다", "회원 번호", ms[0].Message.ID} {
		if !strings.Contains(told, want) {
			t.Errorf("%s lacks %s", told, want)
		}
	}
	_, list, _ := s.do("GET", "/v1/messages?state=refused&event="+event, s.key, "")
	if row := list["messages"].([]any)[0].(map[string]any); row["gate"] != "recipient" || row["customer"] != nil || row["destination"] != nil {
		t.Errorf("listed as %v", row)
	}
	if _, _, one := s.do("GET", "/v1/messages/"+ms[0].Message.ID, s.key, ""); !strings.Contains(one, "recipient.unknown") || !strings.Contains(one, `"route":"rte_1"`) {
		t.Errorf("the message says %s", one)
	}
}
