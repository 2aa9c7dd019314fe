package api_test

import (
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestEventData: the data of a type that the catalogue describes is held against
// its schema; what the schema does not know is kept, and nothing of a list is
// taken where one of it does not fit.
func TestEventData(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	for _, c := range []struct{ body, place, says string }{
		{`{"id":"1","type":"contract.suspended"}`, "", ""},
		{`{"id":"2","type":"contract.suspended","data":{"c":{"id":"456","more":1},"unknown":{"x":[null]},"cause":null}}`, "", ""},
		{`{"id":"3","type":"shop.opened","data":{"amount":"a lot"}}`, "", ""},
		{`{"id":"4","type":"contract.suspended","data":{"cause":"pigeon"}}`, "/data/cause", "one of unconfirmed_payment, card_failed, admin"},
		{`{"id":"5","type":"contract.termination.reserved","data":{"actor":"customer"}}`, "/data/effective_on", "is required and is not there"},
		{`{"id":"6","type":"payment.recurring.failed","data":{"amount":"1,980"}}`, "/data/amount", "a text of 5 characters here; allowed is a whole number from 0"},
		{`{"id":"7","type":"contract.suspended","data":{"m":{"email":["a@b.example"]}}}`, "/data/m/email", "there is a list here; allowed is a text"},
		{`[{"id":"8","type":"contract.resumed"},{"id":"9","type":"site.maintenance.changed","data":{"enabled":"on"}}]`, "/1/data/enabled", "true or false"},
		{`{"specversion":"1.0","source":"/shop","id":"10","type":"contract.terminated","data":{"ended_on":"2026-12-31T00:00:00Z"}}`, "/data/ended_on", "a date such as"},
	} {
		status, out, text := s.do("POST", "/v1/events", s.key, c.body)
		if c.place == "" {
			if status != 202 {
				t.Errorf("%s: %d %s", c.body, status, text)
			}
			continue
		}
		detail, _ := out["detail"].(string)
		if status != 400 || !strings.Contains(text, `"location":"`+c.place+`"`) || !strings.Contains(detail, c.says) || out["remedy"] == "" || strings.Contains(text, "a@b.example") {
			t.Errorf("%s: %d %s", c.body, status, text)
		}
	}
	if _, out, _ := s.do("GET", "/v1/events", s.key, ""); len(out["events"].([]any)) != 3 {
		t.Errorf("%v was kept", out["events"])
	}
}

// TestSamplesArePosted: every sample of the catalogue is one that the hub takes,
// whether the schema reads it first or the journal.
func TestSamplesArePosted(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	for _, typ := range catalogue.Types() {
		status, _, text := s.do("POST", "/v1/events", s.key, `{"id":"`+typ.Name+`","type":"`+typ.Name+`","data":`+string(typ.Sample)+`}`)
		if status != 202 {
			t.Errorf("%s: %d %s", typ.Name, status, text)
		}
	}
}

// TestOwnTypes: a type that a workspace makes is checked, named and shown like
// the others, and only there.
func TestOwnTypes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		post := func(key, id, data string) int {
			status, _, _ := s.do("POST", "/v1/events", key, `{"id":"`+id+`","type":"shop.order.shipped","data":`+data+`}`)
			return status
		}
		if post(s.key, "1", `{"order":7}`) != 202 {
			t.Error("a type that nobody describes is refused")
		}
		status, out, text := s.do("PUT", "/v1/event-types/shop.order.shipped", s.key, ownType, "Accept-Language", "ko")
		if status != 200 || out["name"] != "발송했습니다" || out["kind"] != "own" || out["group"] != "custom" {
			t.Errorf("made: %d %s", status, text)
		}
		if post(s.key, "2", `{"order":7}`) != 400 || post(s.key, "3", `{"order":"7","more":true}`) != 202 {
			t.Error("the own schema does not count")
		}
		if post(s.other, "1", `{"order":7}`) != 202 {
			t.Error("another workspace is held to it")
		}
		if _, out, text := s.do("GET", "/v1/events", s.key, "", "Accept-Language", "ja"); out["events"].([]any)[0].(map[string]any)["text"] != "発送しました" {
			t.Error("the event is not named: " + text)
		}
		for _, key := range []string{s.key, s.other} {
			_, _, text := s.do("GET", "/v1/event-types", key, "")
			if strings.Contains(text, "shop.order.shipped") != (key == s.key) || !strings.Contains(text, "payment.recurring.failed") {
				t.Errorf("the catalogue of key %.9s: %s", key, text)
			}
		}
		for _, typ := range []string{"contract.terminated", "store.new_one", "Shop"} {
			if status, _, text := s.do("PUT", "/v1/event-types/"+typ, s.key, ownType); status != 400 {
				t.Errorf("%s: %d %s", typ, status, text)
			}
		}
		grouped := strings.Replace(ownType, "{", `{"group":"payment",`, 1)
		if status, _, text := s.do("PUT", "/v1/event-types/shop.order.lost", s.key, grouped); status != 400 || !strings.Contains(text, "/group") {
			t.Errorf("a group that routes would not find: %d %s", status, text)
		}
		if status, _, text := s.do("PUT", "/v1/event-types/payment.points.expired", s.key, grouped); status != 200 {
			t.Errorf("a group by its name: %d %s", status, text)
		}
		if status, _, _ := s.do("DELETE", "/v1/event-types/contract.terminated", s.key, ""); status != 409 {
			t.Errorf("a type of the catalogue is taken away: %d", status)
		}
		if status, _, _ := s.do("DELETE", "/v1/event-types/shop.order.shipped", s.key, ""); status != 200 || post(s.key, "4", `{"order":7}`) != 202 {
			t.Errorf("it is not gone: %d", status)
		}
	})
}
