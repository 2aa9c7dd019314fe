package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestPages (and TestPages of internal/hindsight for trials): every list that has a next gives the same rows in pages of two as
// in one, once each and in the same order.
func TestPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids, start := s.seed(), time.Now()
		for i := range 4 {
			s.do("POST", fill("/v1/webhooks/$webhook:replay", ids), s.key, `{"from":"2026-11-01T00:00:00Z","to":"2026-11-30T00:00:00Z"}`)
			for _, c := range walk {
				if strings.HasPrefix(c.id, "add") && c.id != "addIdentity" || c.id == "sendMessage" || c.id == "startBroadcast" {
					s.do("POST", fill(c.path, ids), s.key, fill(c.body, ids))
				}
			}
			s.do("POST", "/v1/events", s.key, fmt.Sprintf(`{"id":"p%d","type":"contract.terminated","identities":[{"issuer":"business","kind":"member_number","value":"A-1"}]}`, i))
			s.do("POST", "/v1/subscriptions", s.key, fill(fmt.Sprintf(`{"customer":"cus_one","app":"$app","product":"p%d","state":"active","starts_at":"2026-01-01T00:00:00Z"}`, i), ids))
			s.must(s.st.OpenExtension(t.Context(), engawa.Extension{
				Workspace: "ws_one", ID: engawa.NewID(engawa.PrefixExtension), Account: "acc_mail", Product: "p", RequestID: fmt.Sprint(i), State: engawa.ExtensionDone, CreatedAt: time.Now(),
			}))
			_, err := s.st.Hear(t.Context(), "ws_one", []store.Heard{{
				Workspace: "ws_one", Account: "acc_store", Original: fmt.Sprint(i), Whose: []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "A-1"}},
				Fold: func([]byte) (engawa.Purchase, error) {
					return engawa.Purchase{Environment: "sandbox", Kind: "consumable", Product: "beans", State: engawa.PurchaseOwned, Facts: []byte("{}")}, nil
				},
			}})
			s.must(err)
			s.must(s.st.Raise(t.Context(), engawa.Task{Workspace: "ws_one", Kind: "delivery.unknown", Ref: fmt.Sprint(i), CreatedAt: time.Now()}))
			s.must(s.st.Suppress(t.Context(), engawa.Suppression{Workspace: "ws_one", Channel: "mail", Address: "twin@customer.example", Reason: "why" + string(rune('a'+i)), At: start}))
		}
		lists := 0
		for id, o := range s.documented() {
			if o.Method != "GET" || id == "tryPack" || s.doc.Components.Schemas.SchemaFromRef(o.Responses["200"].Content["application/json"].Schema.Ref).Properties["next"] == nil {
				continue
			}
			lists++
			path := strings.ReplaceAll(o.Path, "{id}", "cus_one")
			if id == "listSelected" {
				path = "/v1/segments/" + s.made("/v1/segments", `{"name":"everybody","where":{}}`) + "/customers"
			}
			if id == "listReplays" {
				path = fill("/v1/webhooks/$webhook/replays", ids)
			}
			whole, _ := s.page(path, 200, "")
			var parts []string
			for next, n := "", 0; n == 0 || next != ""; n++ {
				var some []string
				some, next = s.page(path, 2, next)
				parts = append(parts, some...)
				if len(some) > 2 || n > 100 {
					t.Fatalf("%s: %d rows in a page of two, page %d", id, len(some), n)
				}
			}
			if least := 4; len(whole) < least && id != "listAccounts" && id != "listLanes" && id != "listReplays" || !slices.Equal(whole, parts) {
				t.Errorf("%s: %d rows in one page, %d in pages of two", id, len(whole), len(parts))
			}
		}
		if lists < 15 {
			t.Errorf("%d lists paged", lists)
		}
	})
}

// page returns the rows of a page as text, and the next cursor.
func (s *site) page(path string, limit int, cursor string) (rows []string, next string) {
	s.t.Helper()
	status, out, text := s.do("GET", fmt.Sprintf("%s?limit=%d&cursor=%s", path, limit, cursor), s.key, "")
	if status != 200 {
		s.t.Fatalf("%s: %d %s", path, status, text)
	}
	for name, v := range out {
		if name == "next" {
			next = v.(string)
			continue
		}
		for _, row := range v.([]any) {
			rows = append(rows, fmt.Sprint(row))
		}
	}
	return rows, next
}

// TestStale: who changes what somebody else changed meanwhile is told.
func TestStale(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids := s.seed()
		for _, id := range []string{"changeAccount", "changeRoute", "changeTemplate"} {
			for _, c := range walk {
				if c.id != id {
					continue
				}
				o := s.documented()[id]
				first, _, _ := s.do(o.Method, fill(c.path, ids), s.key, fill(c.body, ids))
				second, out, text := s.do(o.Method, fill(c.path, ids), s.key, fill(c.body, ids))
				if first != 200 || second != 409 || out["code"] != "conflict" {
					t.Errorf("%s: %d, then %d %s", id, first, second, text)
				}
			}
		}
	})
}

// TestAddresses: they are shown to a key with the scope, and each reading is on
// record; secrets of accounts are shown to nobody and stay when left out.
func TestAddresses(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	path := "/v1/customers/cus_one/contact-points"
	if _, _, text := s.do("GET", path, s.key, ""); strings.Contains(text, "canary") {
		t.Errorf("shown unasked: %s", text)
	}
	if status, _, text := s.do("GET", path+"?addresses=true", s.keyOf("customers:read"), ""); status != 403 || strings.Contains(text, "canary") {
		t.Errorf("without the scope: %d %s", status, text)
	}
	if _, _, text := s.do("GET", path+"?addresses=true", s.keyOf("customers:read", "addresses:read"), ""); !strings.Contains(text, "address-canary@customer.example") {
		t.Errorf("with the scope: %s", text)
	}
	lines, err := s.st.Audits(t.Context(), "ws_one", store.AuditFilter{}, store.Page{})
	s.must(err)
	if len(lines) != 1 || lines[0].Action != "read-addresses" || lines[0].Object != "cus_one" || !strings.HasPrefix(lines[0].Actor, "key:") {
		t.Errorf("on record: %+v", lines)
	}
	status, out, text := s.do("PATCH", "/v1/accounts/acc_mail", s.key, `{"version":1,"settings":{"from_address":"new@hinata.example"}}`)
	if status != 200 || strings.Contains(text, "canary") || !strings.Contains(fmt.Sprint(out["secrets"]), "password") {
		t.Errorf("%d %s", status, text)
	}
	kept, err := s.st.Account(t.Context(), "ws_one", "acc_mail")
	s.must(err)
	if kept.Settings["password"] != "s3cret-canary" || kept.Settings["from_address"] != "new@hinata.example" {
		t.Error("the change lost a setting")
	}
}

// TestTimeline: events, messages and consents of a customer, in time.
func TestTimeline(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.made("/v1/events", `{"id":"1","type":"contract.terminated","customer":"cus_one"}`)
	s.made("/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"subject":"件名","text":"t"},"channels":["mail"]}`)
	s.made("/v1/customers/cus_one/consents", `{"act":"contact","purpose":"marketing","given":false}`)
	_, out, text := s.do("GET", "/v1/customers/cus_one/timeline", s.key, "", "Accept-Language", "ja")
	var kinds []string
	for _, row := range out["rows"].([]any) {
		kinds = append(kinds, row.(map[string]any)["kind"].(string))
	}
	if !slices.Equal(kinds, []string{"consent", "message", "event"}) || !strings.Contains(text, "件名") {
		t.Errorf("%v %s", kinds, text)
	}
}
