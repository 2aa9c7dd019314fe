package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestDesk: found by whatever a customer can name; what was typed is in neither
// URL nor log; a purchase says what may be done with it, and the third extension
// is refused with the reason.
func TestDesk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids := s.seed()
		for text, by := range map[string]string{"cus_one": "id", "address-canary@customer.example": "mail", "A-1": "identity", "田中": "name"} {
			out := s.ok("POST", "/v1/customers:find", `{"text":"`+text+`"}`)
			found := out["found"].([]any)
			if len(found) == 0 || found[0].(map[string]any)["by"] != by || len(found) != len(out["customers"].([]any)) {
				t.Errorf("%s: %v", by, out)
			}
		}
		out := s.ok("POST", "/v1/customers:find", `{"text":"MK4TTT1234","ask":true}`)
		asked := out["asked"].([]any)
		sandbox := func(a any) bool { return a.(map[string]any)["outcome"] == "no_orders" }
		if !slices.ContainsFunc(asked, sandbox) || len(out["customers"].([]any)) != 0 {
			t.Errorf("an order in the sandbox: %v", out)
		}
		if status, _, text := s.do("POST", "/v1/customers:find", s.keyOf("customers:read"), `{"text":"MK4TTT1234","ask":true}`); status != 403 {
			t.Errorf("asking the store without the scope: %d %s", status, text)
		}
		for _, bad := range []string{`{}`, `{"text":"a","identity":{"issuer":"business","kind":"member_number","value":"A-1"}}`, `{"text":""}`, `{"text":"` + strings.Repeat("a", 201) + `"}`} {
			if status, _, text := s.do("POST", "/v1/customers:find", s.key, bad); status != 400 && status != 422 {
				t.Errorf("%.40s: %d %s", bad, status, text)
			}
		}
		purchases := s.ok("GET", "/v1/customers/"+ids["buyer"]+"/purchases", "")["purchases"].([]any)
		p := purchases[0].(map[string]any)
		limits := p["extension"].(map[string]any)
		if p["state"] != "active" || p["entitled"] != true || limits["possible"] != true || limits["left"] != 2.0 {
			t.Errorf("%v", p)
		}
		doors := s.ok("GET", "/v1/customers/"+ids["buyer"]+"/entitlements?environment=sandbox", "")["entitlements"].([]any)
		if len(doors) != 1 || doors[0].(map[string]any)["name"] != "monthly" {
			t.Errorf("%v", doors)
		}
		path := "/v1/purchases/" + ids["purchase"] + ":extend"
		for range 2 {
			if x := s.ok("POST", path, `{"days":7,"reason":"service_issue"}`); x["state"] != "done" || x["reason"] != "service_issue" || x["ends_at"] == nil {
				t.Errorf("%v", x)
			}
		}
		status, out, text := s.do("POST", path, s.key, `{"days":7,"reason":"service_issue"}`)
		if status != 409 || !strings.Contains(text, "twice within 365 days") || out["remedy"] == "" {
			t.Errorf("the third: %d %s", status, text)
		}
		for _, bad := range []string{`{"days":0,"reason":"other"}`, `{"days":91,"reason":"other"}`, `{"days":1,"reason":"why"}`, `{}`} {
			if status, _, text := s.do("POST", path, s.key, bad); status != 400 && status != 422 {
				t.Errorf("%s: %d %s", bad, status, text)
			}
		}
		s.ok("POST", "/v1/customers/"+ids["buyer"]+"/notes", `{"text":"電話あり"}`)
		rows := s.ok("GET", "/v1/customers/"+ids["buyer"]+"/timeline?kind=note", "")["rows"].([]any)
		if len(rows) != 1 || rows[0].(map[string]any)["text"] != "電話あり" || !strings.HasPrefix(rows[0].(map[string]any)["actor"].(string), "key:") {
			t.Errorf("%v", rows)
		}
		if n := len(s.ok("GET", "/v1/customers/"+ids["buyer"]+"/timeline?kind=extension", "")["rows"].([]any)); n != 3 {
			t.Errorf("%d extensions in the story: two, and one that was refused", n)
		}
		trail, err := s.st.Audits(t.Context(), "ws_one", store.AuditFilter{Action: "extend-renewal"}, store.Page{})
		if err != nil || len(trail) != 2 || !strings.HasPrefix(trail[0].Actor, "key:") || trail[0].Object != ids["purchase"] {
			t.Errorf("%v %v", trail, err)
		}
		if log := s.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "MK4TTT") {
			t.Errorf("what was looked for is in the log: %s", log)
		}
	})
}

// TestEntitlementsApart: what a tester bought in the sandbox opens nothing to the same
// customer, and hides nothing that is paid for; it is told of where it is asked for.
func TestEntitlementsApart(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		for _, product := range []string{"monthly", "premium"} {
			s.Must(s.Hub.SaveProduct(t.Context(), engawa.Product{Workspace: followtest.Workspace, ID: product, Entitlements: []string{"plus"}}))
		}
		box := s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
		var customer string
		opened := func(query string) string {
			t.Helper()
			status, out := s.call("GET", "/v1/customers/"+customer+"/entitlements"+query, s.full, "")
			if status != 200 {
				t.Fatalf("%s: %d %v", query, status, out)
			}
			all := []string{fmt.Sprint(out["environment"])}
			for _, e := range out["entitlements"].([]any) {
				e := e.(map[string]any)
				all = append(all, fmt.Sprint(e["name"], " by ", e["product"], " until ", e["until"]))
			}
			return strings.Join(all, ", ")
		}
		want := func(query, want string) {
			t.Helper()
			if got := opened(query); got != want {
				t.Errorf("%q: %s, want %s", query, got, want)
			}
		}
		paid := s.Bought(s.Person("JPN", account), "monthly") // until 1 February
		wait(10 * 24 * time.Hour)
		tested := box.Bought(box.Person("JPN", account), "premium")
		other := box.Bought(box.Person("JPN", another), "premium")
		wait(time.Second)
		if customer = s.Purchase(paid).Customer; box.Purchase(tested).Customer != customer {
			t.Fatal("the tester is another customer")
		}
		const bySold, byTest = "production, plus by monthly until 2000-02-01T00:00:00Z", "sandbox, plus by premium until 2000-02-11T00:00:00Z"
		want("", bySold)
		want("?environment=production", bySold)
		want("?environment=sandbox", byTest)
		if status, out := s.call("GET", "/v1/customers/"+customer+"/entitlements?environment=xcode", s.full, ""); status != 400 || !strings.Contains(fmt.Sprint(out["detail"]), "production, sandbox") {
			t.Errorf("another environment: %d %v", status, out)
		}
		for _, shop := range []*followtest.Shop{s.Shop, box} {
			beans := shop.Bought(shop.Person("JPN", account), "beans")
			wait(time.Second)
			shop.Must(shop.AskRefund(beans, "OTHER"))
			wait(time.Second)
			shop.Must(shop.Decide(beans, 100))
			wait(time.Second)
		}
		_, out := s.call("GET", "/v1/customers/"+customer+"/timeline?kind=refund", s.full, "")
		var texts []string
		for _, r := range out["rows"].([]any) {
			texts = append(texts, fmt.Sprint(r.(map[string]any)["text"]))
		}
		const told, asked = "Apple refunded · beans · 300 JPY", "A refund was asked for; Apple asks about the usage · beans"
		if !slices.Equal(texts, []string{told + " · Sandbox, for tests", asked + " · Sandbox, for tests", told, asked}) {
			t.Errorf("refunds in the story: %q", texts)
		}
		customer = box.Purchase(other).Customer
		want("", "production")
		want("?environment=sandbox", byTest)
	})
}

// TestPurchaseFacts: a purchase says which plan follows, that a price waits for the
// customer's yes, which offer the present price came from, and until when a return
// keeps the year's count.
func TestPurchaseFacts(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		codes, err := s.Codes("club", "thanks", 1)
		s.Must(err)
		a, b := s.Person("JPN", account), s.Person("JPN", "")
		sub := s.Bought(a, "monthly")
		club, err := s.Redeem(b, codes[0])
		s.Must(err)
		wait(time.Second)
		want := func(purchase string, what map[string]any) {
			t.Helper()
			status, out := s.call("GET", "/v1/customers/"+s.Purchase(purchase).Customer+"/purchases", s.full, "")
			list, _ := out["purchases"].([]any)
			if status != 200 || len(list) != 1 {
				t.Fatalf("%d %v", status, out)
			}
			got := list[0].(map[string]any)
			for _, name := range []string{"next_product", "price_consent", "offer", "count_kept_until"} {
				if got[name] != what[name] {
					t.Errorf("%s: %v, want %v", name, got[name], what[name])
				}
			}
		}
		want(sub, nil)
		want(club, map[string]any{"offer": "thanks"})
		s.Bought(a, "light")
		wait(time.Second)
		s.Must(s.RaisePrice("light", map[string]int64{"JPN": 580_000}, true))
		wait(time.Second)
		want(sub, map[string]any{"next_product": "light", "price_consent": "pending"})
		s.Must(s.Consent(a, "20500001"))
		wait(time.Second)
		want(sub, map[string]any{"next_product": "light", "price_consent": "agreed"})
		s.Must(s.Renew(a, "20500001", false))
		wait(32 * 24 * time.Hour)
		want(sub, map[string]any{"count_kept_until": "2000-04-01T00:00:00Z"}) // it ended on 1 February
	})
}

// TestTimelineTells: a customer's timeline tells in the reader's language what was done
// for the customer, by whom and for which reason, and of what was refused why, in
// words and as a code; an offer code itself stands nowhere in it.
func TestTimelineTells(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids := s.seed()
		ctx, buyer := t.Context(), ids["buyer"]
		of := func(customer, kind string, h ...string) map[string]any {
			t.Helper()
			status, out, text := s.do("GET", "/v1/customers/"+customer+"/timeline?kind="+kind, s.key, "", h...)
			rows, _ := out["rows"].([]any)
			if status != 200 || len(rows) == 0 {
				t.Fatalf("%s: %d %s", kind, status, text)
			}
			return rows[0].(map[string]any)
		}
		holds := func(row, want map[string]any) {
			t.Helper()
			for k, v := range want {
				if row[k] != v {
					t.Errorf("%s is %v, want %v, of %v", k, row[k], v, row)
				}
			}
		}

		for range 3 {
			_, _, _ = s.do("POST", "/v1/purchases/"+ids["purchase"]+":extend", s.key, `{"days":7,"reason":"service_issue"}`)
		}
		third := map[string]any{"state": "refused", "reason": "service_issue", "why": "none_left", "explained": "365日以内に2回延ばしています"}
		holds(of(buyer, "extension", "Accept-Language", "ja"), third)
		third["explained"] = "365일 안에 두 번 연장했습니다"
		holds(of(buyer, "extension", "Accept-Language", "ko"), third)

		pool := engawa.OfferPool{Workspace: "ws_one", ID: "ofp_1", Account: ids["shop"], Name: "お礼", Offer: "thanks", EndsAt: time.Now().Add(24 * time.Hour), CreatedAt: time.Now()}
		s.must(s.st.AddOfferPool(ctx, pool, ""))
		_, err := s.st.AddOfferCodes(ctx, pool, []engawa.Secret{"CANARYCODE1"})
		s.must(err)
		_, _, err = s.st.HandOut(ctx, store.HandOut{Workspace: "ws_one", Account: ids["shop"], Offer: "thanks", Customer: buyer, Reason: "apology", By: "member:mem_one"})
		s.must(err)
		code := map[string]any{"text": "Handed out a code of the offer thanks", "state": "handed", "actor": "member:mem_one", "reason": "apology", "offer": "thanks"}
		holds(of(buyer, "code", "Accept-Language", "en"), code)
		code["text"] = "오퍼 thanks 코드 전달"
		holds(of(buyer, "code", "Accept-Language", "ko"), code)
		if _, _, text := s.do("GET", "/v1/customers/"+buyer+"/timeline", s.key, ""); strings.Contains(text, "CANARYCODE1") {
			t.Errorf("the code is in the timeline: %s", text)
		}

		asker := s.ok("GET", "/v1/refunds/"+ids["refund"], "")["customer"].(string)
		for _, without := range []string{`{"ignore":true}`, `{"ignore":true,"reason":""}`, `{"preference":"DECLINE"}`} {
			if status, _, text := s.do("POST", "/v1/refunds/"+ids["refund"]+":answer", s.key, without); status != 400 || !strings.Contains(text, "reason") {
				t.Errorf("an answer without a reason, %s: %d %s", without, status, text)
			}
		}
		s.ok("POST", "/v1/refunds/"+ids["refund"]+":answer", `{"ignore":true,"reason":"goodwill"}`)
		answer := of(asker, "answer", "Accept-Language", "ja")
		holds(answer, map[string]any{"text": "回答しないことにしました · beans", "state": "ignored", "reason": "goodwill", "refund": ids["refund"]})
		if by, _ := answer["actor"].(string); !strings.HasPrefix(by, "key:") {
			t.Errorf("by %q", by)
		}

		s.ok("POST", "/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"marketing","trigger":"automatic","content":{"subject":"新しい豆","text":"入りました"}}`)
		refused := of("cus_one", "message", "Accept-Language", "en")
		holds(refused, map[string]any{"text": "新しい豆", "state": "refused"})
		why, _ := refused["why"].(string)
		words, _ := refused["explained"].(string)
		said := s.ok("GET", "/v1/messages/"+refused["id"].(string), "")
		reason := said["verdicts"].([]any)[0].(map[string]any)["reasons"].([]any)[0].(map[string]any)
		if why == "" || why != reason["code"] || words == "" || strings.Contains(words, "verdict.") {
			t.Errorf("why %q, %q; the message says %v", why, words, reason)
		}
		kinds := map[string]bool{}
		for _, r := range s.ok("GET", "/v1/customers/"+buyer+"/timeline", "")["rows"].([]any) {
			kinds[r.(map[string]any)["kind"].(string)] = true
		}
		if !kinds["code"] || !kinds["extension"] {
			t.Errorf("the whole timeline has %v", kinds)
		}
	})
}
