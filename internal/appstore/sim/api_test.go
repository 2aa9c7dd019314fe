package sim_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore/sim"
)

func TestStatuses(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		who, app := s.AddCustomer("a", "JPN", "")
		first := s.buy(who, "monthly")
		club := s.buy(who, "club")
		s.must(s.Renew(who, "club", false))
		wait(8 * day)
		for _, id := range []string{first, club, app} {
			got := s.statuses(id, "")
			if len(got) != 2 || got[0].Status != 1 || got[1].Status != 2 || got[0].Transaction["transactionId"] != first {
				t.Fatalf("%s: %+v", id, got)
			}
		}
		if got := s.statuses(first, "?status=2&status=5"); len(got) != 1 || got[0].Status != 2 {
			t.Fatalf("%+v", got)
		}
		if got := s.statuses(first, "?status=3"); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
		s.refused(4000031, "GET", "v1/subscriptions/"+first+"?status=6", nil)
		s.refused(4000031, "GET", "v1/subscriptions/"+first+"?status=x", nil)
		s.refused(4000006, "GET", "v1/subscriptions/abc", nil)
		s.refused(4040010, "GET", "v1/subscriptions/99", nil)
	})
}

// pages reads a list until hasMore is false and returns the ids and the last revision.
func (s *shop) pages(path, q string) (ids []string, rev string) {
	s.Helper()
	for {
		var in struct {
			Revision           string
			HasMore            bool
			SignedTransactions []string
		}
		at := path + "?" + strings.TrimPrefix(q, "?")
		if rev != "" {
			at += "&revision=" + rev
		}
		s.got("GET", at, nil, &in)
		if in.Revision == "" || len(in.SignedTransactions) > 20 || in.HasMore && len(in.SignedTransactions) != 20 {
			s.Fatalf("%d entries, more %t, revision %q", len(in.SignedTransactions), in.HasMore, in.Revision)
		}
		for _, text := range in.SignedTransactions {
			var tr map[string]any
			unpack(s.T, text, &tr)
			ids = append(ids, tr["transactionId"].(string))
		}
		if rev = in.Revision; !in.HasMore {
			return ids, rev
		}
	}
}

func TestHistory(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		var want []string
		for range 45 {
			want = append(want, s.buy(who, "beans"))
			wait(time.Minute)
		}
		got, rev := s.pages("v2/history/"+want[7], "")
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		slices.Reverse(want)
		if got, _ := s.pages("v2/history/"+want[7], "?sort=DESCENDING"); !slices.Equal(got, want) {
			t.Fatal("the newest first were expected")
		}
		slices.Reverse(want)
		at := "v2/history/" + want[0]
		if more, again := s.pages(at, "revision="+rev); len(more) != 0 || again == "" {
			t.Fatalf("%v since the last revision", more)
		}
		s.must(s.AskRefund(want[3], "OTHER"))
		s.must(s.Decide(want[3], 100))
		fresh := s.buy(who, "beans")
		if more, _ := s.pages(at, "revision="+rev); !slices.Equal(more, []string{want[3], fresh}) {
			t.Fatalf("%v since the last revision, want the refunded and the new one", more)
		}
		if got, _ := s.pages(at, "?revoked=true"); !slices.Equal(got, []string{want[3]}) {
			t.Fatalf("%v", got)
		}
		s.refused(4000005, "GET", at+"?revision=abc", nil)
		s.refused(4000005, "GET", at+"?revoked=true&revision="+rev, nil)
		s.refused(4000006, "GET", "v2/history/x", nil)
		s.refused(4040010, "GET", "v2/history/12", nil)
	})
}

func TestHistoryFilters(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		head, who := s.person("a"), s.person("b")
		s.must(s.Family(head, who))
		start := time.Now()
		s.buy(head, "monthly")
		shared := s.last(who).Transaction["transactionId"].(string)
		wait(time.Hour)
		bean := s.buy(who, "beans")
		wait(time.Hour)
		club := s.buy(who, "club")
		recipes, season := s.buy(who, "recipes"), s.buy(who, "season")
		at := "v2/history/" + bean
		ms := func(d time.Duration) string { return strconv.FormatInt(start.Add(d).UnixMilli(), 10) }
		for q, want := range map[string][]string{
			"":                                 {shared, bean, club, recipes, season},
			"productId=beans":                  {bean},
			"productType=CONSUMABLE":           {bean},
			"inAppOwnershipType=FAMILY_SHARED": {shared},
			"inAppOwnershipType=PURCHASED&productId=monthly":             {},
			"productType=AUTO_RENEWABLE&productType=NON_CONSUMABLE":      {shared, club, recipes},
			"productType=NON_RENEWABLE":                                  {season},
			"subscriptionGroupIdentifier=20500002":                       {club},
			"revoked=true":                                               {},
			"revoked=false":                                              {shared, bean, club, recipes, season},
			"startDate=" + ms(time.Hour) + "&endDate=" + ms(2*time.Hour): {bean},
			"startDate=" + ms(time.Hour):                                 {bean, club, recipes, season},
		} {
			if got, _ := s.pages(at, q); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", q, got, want)
			}
		}
		for q, code := range map[string]int{
			"startDate=x": 4000015, "endDate=-1": 4000016, "startDate=5&endDate=5": 4000013, "sort=UP": 4000021, "productType=Consumable": 4000022, "productId=": 4000023,
			"subscriptionGroupIdentifier=": 4000024, "inAppOwnershipType=MINE": 4000026, "revoked=False": 4000030,
		} {
			s.refused(code, "GET", at+"?"+q, nil)
		}
	})
}

// TestFinish: the old history forgets consumables that are finished.
func TestFinish(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who, app := s.AddCustomer("a", "JPN", "")
		first, second := s.buy(who, "beans"), s.buy(who, "beans")
		s.got("POST", "v1/transactions/"+first+"/finish", nil, nil)
		if got, _ := s.pages("v1/history/"+first, ""); !slices.Equal(got, []string{second}) {
			t.Fatalf("%v", got)
		}
		if got, _ := s.pages("v2/history/"+app, ""); !slices.Equal(got, []string{first, second}) {
			t.Fatalf("%v", got)
		}
		s.must(s.Finish(second))
		if got, _ := s.pages("v1/history/"+first, ""); len(got) != 0 {
			t.Fatalf("%v", got)
		}
		s.refused(4000048, "GET", "v1/history/"+app, nil)
		s.refused(4000048, "GET", "v1/transactions/"+app, nil)
		s.refused(4000006, "POST", "v1/transactions/x/finish", nil)
		s.refused(4040010, "POST", "v1/transactions/1/finish", nil)
		s.refused(4040010, "GET", "v1/transactions/1", nil)
	})
}

func TestOrderLookup(t *testing.T) {
	type answer struct {
		Status             int
		SignedTransactions []string
	}
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		id := s.buy(who, "beans")
		order, err := s.Order(id)
		s.must(err)
		var in answer
		s.got("GET", "v1/lookup/"+order, nil, &in)
		var tr map[string]any
		if unpack(t, in.SignedTransactions[0], &tr); in.Status != 0 || len(in.SignedTransactions) != 1 || tr["transactionId"] != id {
			t.Fatalf("%+v", in)
		}
		for _, odd := range []string{"NOSUCHORDER", "A%2FB", "..%2F..%2Fx", "%20"} {
			in = answer{}
			if s.got("GET", "v1/lookup/"+odd, nil, &in); in.Status != 1 || len(in.SignedTransactions) != 0 {
				t.Fatalf("%s: %+v", odd, in)
			}
		}
	})
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		id := s.buy(s.person("a"), "beans")
		order, err := s.Order(id)
		s.must(err)
		if w := s.ask("GET", "v1/lookup/"+order, nil); w.Code != http.StatusNotFound {
			t.Fatalf("the sandbox has no order look-up: %d %s", w.Code, w.Body)
		}
	})
}

func TestAppTransaction(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who, app := s.AddCustomer("a", "JPN", "")
		bean := s.buy(who, "beans")
		for _, id := range []string{app, bean} {
			var in struct{ SignedAppTransactionInfo string }
			s.got("GET", "v1/transactions/appTransactions/"+id, nil, &in)
			var tr map[string]any
			if unpack(t, in.SignedAppTransactionInfo, &tr); tr["appTransactionId"] != app || tr["receiptType"] != "Production" || tr["bundleId"] != bundle {
				t.Fatalf("%v", tr)
			}
		}
		s.must(s.ForgetApp(who))
		s.refused(4040019, "GET", "v1/transactions/appTransactions/"+bean, nil)
		s.refused(4000006, "GET", "v1/transactions/appTransactions/invalid_id", nil)
	})
}

func TestAppAccountToken(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who, app := s.AddCustomer("a", "JPN", "")
		first := s.buy(who, "monthly")
		if s.last(who).Transaction["appAccountToken"] != nil {
			t.Fatal("nobody gave a token")
		}
		wait(40 * day)
		path := "v1/transactions/" + first + "/appAccountToken"
		s.got("PUT", path, map[string]string{"appAccountToken": token}, nil)
		wait(30 * day)
		if n := s.last(who); n.Transaction["appAccountToken"] != token || n.Renewal["appAccountToken"] != token {
			t.Fatal("renewals do not take the token on")
		}
		second := s.last(who).Transaction["transactionId"].(string)
		s.refused(4000183, "PUT", path, map[string]string{"appAccountToken": "member-1"})
		s.refused(4000187, "PUT", "v1/transactions/"+second+"/appAccountToken", map[string]string{"appAccountToken": token})
		s.refused(4000048, "PUT", "v1/transactions/"+app+"/appAccountToken", map[string]string{"appAccountToken": token})
		s.refused(4000006, "PUT", "v1/transactions/x/appAccountToken", map[string]string{"appAccountToken": token})
		s.refused(4040010, "PUT", "v1/transactions/7/appAccountToken", map[string]string{"appAccountToken": token})
		s.refused(4000000, "PUT", path, "no object")
	})
}

func TestClearHistory(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "club")
		s.must(s.ClearHistory(who))
		s.refused(4040010, "GET", "v1/subscriptions/"+first, nil)
		s.refused(4040010, "GET", "v1/transactions/"+first, nil)
		wait(60 * day)
		s.wantTypes(who, 1)
		if s.buy(who, "club") == first || s.last(who).Transaction["offerType"] != 1.0 {
			t.Fatal("everything begins anew, the introductory offer too")
		}
	})
	within(t, sim.Production, func(t *testing.T, s *shop) {
		if s.ClearHistory(s.person("a")) == nil {
			t.Fatal("production forgot purchases")
		}
	})
}

func TestStorefront(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "monthly")
		s.must(s.Move(who, "USA"))
		if s.Move(who, "ATLANTIS") == nil {
			t.Fatal("there is no such storefront")
		}
		wait(35 * day)
		if tr := s.wantStatus(first, 1).Transaction; tr["storefront"] != "USA" || tr["currency"] != "USD" || tr["price"] != 14_800.0 || tr["storefrontId"] != "143441" {
			t.Fatalf("%v", tr)
		}
	})
}

func TestExtend(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		start := time.Now()
		first := s.buy(who, "monthly")
		path := "v1/subscriptions/extend/" + first
		body := func(days any) map[string]any {
			return map[string]any{"extendByDays": days, "extendReasonCode": 1, "requestIdentifier": "outage-1"}
		}
		for _, days := range []any{0, 91, -1, nil} {
			s.refused(4000009, "PUT", path, body(days))
		}
		s.refused(4000010, "PUT", path, map[string]any{"extendByDays": 1, "extendReasonCode": 4, "requestIdentifier": "x"})
		s.refused(4000011, "PUT", path, map[string]any{"extendByDays": 1, "extendReasonCode": 0})
		s.refused(4000008, "PUT", "v1/subscriptions/extend/x", body(1))
		s.refused(4040005, "PUT", "v1/subscriptions/extend/5", body(1))
		s.refused(4040005, "PUT", "v1/subscriptions/extend/"+s.buy(who, "beans"), body(1))

		var done struct {
			OriginalTransactionID, WebOrderLineItemID string
			Success                                   bool
			EffectiveDate                             int64
		}
		s.got("PUT", path, body(90), &done)
		if want := start.AddDate(0, 1, 90); !done.Success || done.OriginalTransactionID != first || done.WebOrderLineItemID == "" || done.EffectiveDate != want.UnixMilli() {
			t.Fatalf("%+v", done)
		}
		s.wantTypes(who, 2, "RENEWAL_EXTENDED")
		wait(100 * day)
		s.wantTypes(who, 3) // not renewed before its new date
		s.got("PUT", path, body(1), nil)
		s.refused(4030005, "PUT", path, body(1))
		if n, err := s.Extensions(who); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		wait(366*day - 100*day)
		s.got("PUT", path, body(1), nil)

		s.must(s.Renew(who, "monthly", false))
		wait(40 * day)
		s.refused(4030004, "PUT", path, body(1)) // expired
		trial := s.buy(who, "club")
		s.refused(4030004, "PUT", "v1/subscriptions/extend/"+trial, body(1)) // free
		s.must(s.Card(who, false))
		wait(8 * day)
		s.refused(4030004, "PUT", "v1/subscriptions/extend/"+trial, body(1)) // billing retry
		s.proved()
	})
}

func TestExtendAll(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		one, two, free, abroad := s.person("a"), s.person("b"), s.person("c"), s.person("d")
		s.must(s.Move(abroad, "USA"))
		first := s.buy(one, "monthly")
		for _, who := range []string{two, abroad} {
			s.buy(who, "monthly")
		}
		s.buy(free, "club")
		for range 2 {
			s.got("PUT", "v1/subscriptions/extend/"+first, map[string]any{"extendByDays": 1, "extendReasonCode": 3, "requestIdentifier": "r"}, nil)
		}
		const request = "fdf964a4-233b-486c-aac1-97d8d52688ac"
		body := func(change ...any) map[string]any {
			b := map[string]any{"extendByDays": 5, "extendReasonCode": 3, "requestIdentifier": request, "productId": "monthly", "storefrontCountryCodes": []string{"JPN"}}
			for i := 0; i < len(change); i += 2 {
				b[change[i].(string)] = change[i+1]
			}
			return b
		}
		const path = "v1/subscriptions/extend/mass"
		s.refused(4000011, "POST", path, body("requestIdentifier", "r1"))
		s.refused(4000023, "POST", path, body("productId", "nothing"))
		s.refused(4000027, "POST", path, body("storefrontCountryCodes", []string{}))
		s.refused(4000028, "POST", path, body("storefrontCountryCodes", []string{"JP"}))
		s.refused(4000009, "POST", path, body("extendByDays", 100))
		var in struct {
			RequestIdentifier           string
			Complete                    bool
			CompleteDate                int64
			SucceededCount, FailedCount *int
		}
		if s.got("POST", path, body(), &in); in.RequestIdentifier != request {
			t.Fatalf("%+v", in)
		}
		s.refused(4000011, "POST", path, body()) // an identifier is good once
		if s.got("GET", path+"/monthly/"+request, nil, &in); in.Complete || in.SucceededCount != nil {
			t.Fatalf("%+v", in)
		}
		s.refused(4040009, "GET", path+"/light/"+request, nil)
		s.refused(4040009, "GET", path+"/monthly/00000000-0000-0000-0000-000000000000", nil)
		s.refused(4000011, "GET", path+"/"+request+"/monthly", nil)
		wait(3 * time.Hour)
		if s.got("GET", path+"/monthly/"+request, nil, &in); !in.Complete || in.CompleteDate == 0 || *in.SucceededCount != 1 || *in.FailedCount != 1 {
			t.Fatalf("%+v", in)
		}
		s.wantTypes(one, 3, "RENEWAL_EXTENSION/FAILURE")
		s.wantTypes(two, 1, "RENEWAL_EXTENDED")
		s.wantTypes(abroad, 1)
		list := s.Notices()
		if n := s.open(list[len(list)-1].Body); n.Type != "RENEWAL_EXTENSION" || n.Data != nil || n.Summary["succeededCount"] != 1.0 || n.Summary["failedCount"] != 1.0 || n.Summary["requestIdentifier"] != request {
			t.Fatalf("%+v", n)
		}
		s.proved()
	})
}

func TestRefund(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.Undecided = true
		who := s.person("a")
		bean := s.buy(who, "beans")
		s.must(s.AskRefund(bean, "UNINTENDED_PURCHASE"))
		if n := s.last(who); n.Type != "CONSUMPTION_REQUEST" || n.Data["consumptionRequestReason"] != "UNINTENDED_PURCHASE" || n.Transaction["transactionId"] != bean {
			t.Fatalf("%+v", n)
		}
		if s.AskRefund(bean, "OTHER") == nil || s.AskRefund(s.buy(who, "beans"), "BORED") == nil {
			t.Fatal("a second case, or an unknown reason")
		}
		wait(8 * time.Hour)
		s.wantTypes(who, 1, "CONSUMPTION_REQUEST", "ONE_TIME_CHARGE", "CONSUMPTION_REQUEST")
		wait(100 * time.Hour)
		s.wantTypes(who, 4, "CONSUMPTION_REQUEST") // three in all
		s.must(s.Decide(bean, 0))
		s.must(s.Decide(bean, 50)) // the store may change its mind
		s.must(s.Reverse(bean))
		s.wantTypes(who, 5, "REFUND_DECLINED", "REFUND", "REFUND_REVERSED")
		list := s.Notices()
		if tr := s.open(list[len(list)-2].Body).Transaction; tr["revocationType"] != "REFUND_PRORATED" || tr["revocationPercentage"] != 50_000.0 || tr["revocationReason"] != 0.0 || tr["revocationDate"] == nil {
			t.Fatalf("%v", tr)
		}
		if tr := s.last(who).Transaction; tr["revocationDate"] != nil || tr["revocationType"] != nil {
			t.Fatalf("%v", tr)
		}
		at := len(s.types(who, 0))
		quick := s.buy(who, "beans")
		s.must(s.AskRefund(quick, "OTHER"))
		s.must(s.Decide(quick, 0))
		wait(20 * time.Hour)
		s.wantTypes(who, at, "ONE_TIME_CHARGE", "CONSUMPTION_REQUEST", "REFUND_DECLINED") // once: it is open no more
		slow := s.buy(who, "beans")
		s.must(s.AskRefund(slow, "OTHER"))
		wait(9 * time.Hour)
		s.must(s.Decide(slow, 100))
		wait(20 * time.Hour)
		s.wantTypes(who, at+3, "ONE_TIME_CHARGE", "CONSUMPTION_REQUEST", "CONSUMPTION_REQUEST", "REFUND") // twice while it was
		recipes := s.buy(who, "recipes")
		s.must(s.AskRefund(recipes, "OTHER"))
		wait(time.Hour)
		s.wantTypes(who, at+7, "ONE_TIME_CHARGE") // of other products the store does not ask
		s.proved()
	})
}

func TestRefundOfSubscription(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "monthly")
		s.must(s.AskRefund(first, "FULFILLMENT_ISSUE"))
		s.wantTypes(who, 1, "DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED", "CONSUMPTION_REQUEST")
		wait(25 * time.Hour)
		s.wantTypes(who, 3, "CONSUMPTION_REQUEST", "CONSUMPTION_REQUEST", "REFUND")
		if got := s.wantStatus(first, 5).Transaction; got["revocationReason"] != 1.0 || got["revocationType"] != "REFUND_FULL" {
			t.Fatalf("%v", got)
		}
		s.must(s.Reverse(first))
		s.wantStatus(first, 1)
		wait(40 * day)
		s.wantTypes(who, 6, "REFUND_REVERSED", "EXPIRED/VOLUNTARY")
		s.proved()
	})
}

// TestConsumption: what the business sends counts for 12 hours, and the last word of it.
func TestConsumption(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		bean, sub := s.buy(who, "beans"), s.buy(who, "monthly")
		good := func(change ...any) map[string]any {
			b := map[string]any{"customerConsented": true, "sampleContentProvided": false, "deliveryStatus": "DELIVERED", "refundPreference": "DECLINE", "consumptionPercentage": 50_000}
			for i := 0; i < len(change); i += 2 {
				if b[change[i].(string)] = change[i+1]; change[i+1] == nil {
					delete(b, change[i].(string))
				}
			}
			return b
		}
		path := "v2/transactions/consumption/"
		for code, list := range map[int][]map[string]any{
			4000035: {good("customerConsented", false), good("customerConsented", nil), good("customerConsented", "true")},
			4000041: {good("sampleContentProvided", nil)},
			4000036: {good("deliveryStatus", "LOST"), good("deliveryStatus", nil), good("deliveryStatus", 0)},
			4000000: {
				good("refundPreference", "MAYBE"), good("consumptionPercentage", 100_001), good("consumptionPercentage", -1), good("consumptionPercentage", 0.5),
				good("deliveryStatus", "UNDELIVERED_OTHER"), good("refundPreference", "GRANT_PRORATED", "consumptionPercentage", nil),
			},
		} {
			for _, body := range list {
				s.refused(code, "PUT", path+bean, body)
			}
		}
		s.refused(4000000, "PUT", path+sub, good("refundPreference", "GRANT_PRORATED"))
		s.refused(4000006, "PUT", path+"x", good())
		s.refused(4040010, "PUT", path+"1", good())
		send := func(id string, body map[string]any) {
			t.Helper()
			if w := s.ask("PUT", path+id, body); w.Code != http.StatusAccepted || w.Body.Len() != 0 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		s.must(s.AskRefund(bean, "OTHER"))
		s.must(s.AskRefund(sub, "OTHER"))
		send(bean, good("refundPreference", "GRANT_FULL"))
		wait(11 * time.Hour)
		send(bean, good()) // the later one counts
		wait(2 * time.Hour)
		send(bean, good("refundPreference", "GRANT_FULL")) // too late
		send(sub, good("consumptionPercentage", nil))
		if a := s.Answers(bean); len(a) != 3 || a[1].Late || !a[2].Late || a[1].Body["refundPreference"] != "DECLINE" {
			t.Fatalf("%+v", a)
		}
		wait(12 * time.Hour)
		if n := s.types(who, 0); !slices.Contains(n, "REFUND_DECLINED") || !slices.Contains(n, "REFUND") {
			t.Fatalf("%v: bean declined, subscription refunded", n)
		}

		other := s.buy(who, "beans")
		s.must(s.AskRefund(other, "OTHER"))
		send(other, good("refundPreference", "GRANT_PRORATED", "consumptionPercentage", 30_000))
		wait(25 * time.Hour)
		if tr := s.last(who).Transaction; tr["revocationType"] != "REFUND_PRORATED" || tr["revocationPercentage"] != 70_000.0 {
			t.Fatalf("%v", tr)
		}
	})
}

func TestConsumptionV1(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		bean, recipes := s.buy(who, "beans"), s.buy(who, "recipes")
		good := func() map[string]any {
			return map[string]any{
				"customerConsented": true, "consumptionStatus": 1, "platform": 2, "sampleContentProvided": false, "deliveryStatus": 3, "appAccountToken": token,
				"accountTenure": 4, "playTime": 5, "lifetimeDollarsRefunded": 6, "lifetimeDollarsPurchased": 7, "userStatus": 4, "refundPreference": 2,
			}
		}
		path := "v1/transactions/consumption/"
		for field, code := range map[string]int{
			"customerConsented": 4000035, "consumptionStatus": 4000034, "platform": 4000039, "sampleContentProvided": 4000041, "deliveryStatus": 4000036, "appAccountToken": 4000033,
			"accountTenure": 4000032, "playTime": 4000040, "lifetimeDollarsRefunded": 4000038, "lifetimeDollarsPurchased": 4000037, "userStatus": 4000042, "refundPreference": 4000000,
		} {
			b := good()
			b[field] = 8
			s.refused(code, "PUT", path+bean, b)
		}
		s.refused(4000047, "PUT", path+recipes, good())
		s.must(s.AskRefund(bean, "OTHER"))
		if w := s.ask("PUT", path+bean, good()); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		wait(25 * time.Hour)
		if n := s.last(who); n.Type != "REFUND_DECLINED" {
			t.Fatal(n.Type)
		}
	})
}

func TestRefundHistory(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.Undecided = true
		who := s.person("a")
		var want []string
		for range 23 {
			id := s.buy(who, "beans")
			s.must(s.AskRefund(id, "OTHER"))
			want = append(want, id)
		}
		slices.Reverse(want)
		for _, id := range want { // refunded in another order than bought
			wait(time.Hour)
			s.must(s.Decide(id, 100))
		}
		got, rev := s.pages("v2/refund/lookup/"+want[0], "")
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		more := s.buy(who, "beans")
		s.must(s.AskRefund(more, "OTHER"))
		s.must(s.Decide(more, 100))
		if got, _ := s.pages("v2/refund/lookup/"+want[0], "revision="+rev); !slices.Equal(got, []string{more}) {
			t.Fatalf("%v", got)
		}
		s.must(s.Reverse(want[0]))
		if got, _ := s.pages("v2/refund/lookup/"+want[0], ""); len(got) != 23 || got[0] != want[1] {
			t.Fatalf("%v", got)
		}
		var old struct{ SignedTransactions []string }
		if s.got("GET", "v1/refund/lookup/"+want[0], nil, &old); len(old.SignedTransactions) != 23 {
			t.Fatal(len(old.SignedTransactions))
		}
		s.refused(4000005, "GET", "v2/refund/lookup/"+want[0]+"?revision=x", nil)
		s.refused(4040010, "GET", "v2/refund/lookup/1", nil)
	})
}

// TestToken: a token is checked strictly, and why it is refused is not told.
func TestToken(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		id := s.buy(s.person("a"), "beans")
		try := func(authorization string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "/inApps/v1/transactions/"+id, nil)
			r.Header.Set("Authorization", authorization)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w
		}
		now := time.Now().Unix()
		for name, change := range map[string]func(h, c map[string]any){
			"good":           func(_, _ map[string]any) {},
			"good, no iat":   func(_, c map[string]any) { delete(c, "iat") },
			"good, an hour":  func(_, c map[string]any) { c["exp"] = now + 3600 },
			"kid":            func(h, _ map[string]any) { h["kid"] = "OTHERKEY01" },
			"alg":            func(h, _ map[string]any) { h["alg"] = "none" },
			"typ":            func(h, _ map[string]any) { delete(h, "typ") },
			"iss":            func(_, c map[string]any) { c["iss"] = "me" },
			"aud":            func(_, c map[string]any) { c["aud"] = "appstore" },
			"bid":            func(_, c map[string]any) { c["bid"] = "jp.other" },
			"no bid":         func(_, c map[string]any) { delete(c, "bid") },
			"ended":          func(_, c map[string]any) { c["exp"] = now },
			"no end":         func(_, c map[string]any) { delete(c, "exp") },
			"more than hour": func(_, c map[string]any) { c["exp"] = now + 3601 },
			"long, no iat":   func(_, c map[string]any) { delete(c, "iat"); c["exp"] = now + 4000 },
			"begins later":   func(_, c map[string]any) { c["iat"] = now + 120; c["exp"] = now + 300 },
		} {
			w := try("Bearer " + s.bearer(change))
			if good := strings.HasPrefix(name, "good"); good != (w.Code == http.StatusOK) || !good && (w.Code != 401 || !strings.HasPrefix(w.Body.String(), "Unauthenticated")) {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		s.must(err)
		kid, issuer, _ := s.Key()
		forged := jws(t, other, map[string]any{"alg": "ES256", "kid": kid, "typ": "JWT"}, map[string]any{"iss": issuer, "aud": "appstoreconnect-v1", "bid": bundle, "iat": now, "exp": now + 60})
		for name, a := range map[string]string{"forged": "Bearer " + forged, "none": "", "basic": "Basic eDp5", "no JWS": "Bearer x", "cut": "Bearer " + s.bearer(nil)[:80]} {
			if w := try(a); w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
	})
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.Unapproved = true
		if w := s.ask("GET", "v1/subscriptions/1", nil); w.Code != http.StatusUnauthorized {
			t.Fatalf("an app that was never approved: %d", w.Code)
		}
	})
}

// TestLimits: per endpoint and hour, a tenth in the sandbox, and Retry-After in
// milliseconds since the epoch.
func TestLimits(t *testing.T) {
	full := func(t *testing.T, s *shop, endpoint string, most int) {
		t.Helper()
		s.UseElsewhere(endpoint, most-1)
		start := time.Now()
		path := "v1/lookup/x"
		if w := s.ask("GET", path, nil); w.Code == http.StatusTooManyRequests {
			t.Fatal("the last call was refused")
		}
		wait(10 * time.Minute)
		s.refused(4290000, "GET", path, nil)
		at, err := strconv.ParseInt(s.ask("GET", path, nil).Header().Get("Retry-After"), 10, 64)
		if err != nil || !time.UnixMilli(at).Equal(start.Add(time.Hour)) {
			t.Fatalf("Retry-After %v %v, want %v", time.UnixMilli(at), err, start.Add(time.Hour))
		}
		s.refused(4040010, "GET", "v1/transactions/1", nil) // another endpoint
		time.Sleep(time.Until(time.UnixMilli(at)))
		if w := s.ask("GET", path, nil); w.Code == http.StatusTooManyRequests {
			t.Fatal("it did not end when it said")
		}
	}
	within(t, sim.Production, func(t *testing.T, s *shop) { full(t, s, "GET v1/lookup/{}", 36_000) })
	within(t, sim.Sandbox, func(t *testing.T, s *shop) { full(t, s, "GET v1/lookup/{}", 3600) })
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.PerSecond = true
		for range 10 {
			s.ask("GET", "v1/lookup/x", nil)
		}
		s.refused(4290000, "GET", "v1/lookup/x", nil)
		time.Sleep(time.Second)
		s.ask("GET", "v1/lookup/x", nil)
		s.refused(4040008, "GET", "v1/notifications/test/"+token, nil)
		s.refused(4290000, "GET", "v1/notifications/test/"+token, nil)
	})
}

func TestBadCalls(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		for _, path := range []string{"v3/history/1", "v1/subscriptions", "v1/subscriptions/1/2", "v1/notifications"} {
			if w := s.ask("GET", path, nil); w.Code != http.StatusNotFound {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		if w := s.ask("DELETE", "v1/subscriptions/1", nil); w.Code != http.StatusNotFound {
			t.Error(w.Code)
		}
		s.refused(4000000, "POST", "v1/notifications/history", strings.Repeat("x", 2<<20))
		s.refused(4000000, "POST", "v1/notifications/history", []int{1})
		r := httptest.NewRequest("POST", "/inApps/v1/notifications/history", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer "+s.bearer(nil))
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
			t.Errorf("without a content type: %d", w.Code)
		}
		if n := len(s.Calls()); n != 8 {
			t.Errorf("%d calls in the log", n)
		}
	})
}

// TestFaults: a store that has trouble, some of it after the work was done.
func TestFaults(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		first := s.buy(s.person("a"), "monthly")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", "/_sim/faults", strings.NewReader(`{"next":[{"status":500,"done":true},{"status":429},{"status":404},{"status":503}]}`)))
		if w.Code != http.StatusNoContent {
			t.Fatal(w.Code, w.Body)
		}
		body := map[string]any{"extendByDays": 1, "extendReasonCode": 1, "requestIdentifier": "r"}
		path := "v1/subscriptions/extend/" + first
		s.refused(5000001, "PUT", path, body)
		s.refused(4290000, "PUT", path, body)
		s.refused(4040006, "PUT", path, body)
		if w := s.ask("PUT", path, body); w.Code != 503 || strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%d %s", w.Code, w.Header())
		}
		s.got("PUT", path, body, nil)
		s.refused(4030005, "PUT", path, body) // the first was done
		s.Answer = func(*http.Request) (int, bool) { return 5000000, false }
		if w := s.ask("PUT", path, body); w.Code != 500 || !strings.Contains(w.Body.String(), "5000000") {
			t.Errorf("one of Apple's codes: %d %s", w.Code, w.Body)
		}
		if cs := s.Calls(); cs[len(cs)-1].Status != 500 {
			t.Errorf("%+v", cs[len(cs)-1])
		}
		rude := sim.Rude(7)
		bad := 0
		for range 1000 {
			if status, _ := rude(nil); status != 0 {
				bad++
			}
		}
		if bad < 40 || bad > 100 {
			t.Errorf("%d of 1000 calls failed", bad)
		}
	})
}

func TestMessaging(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "monthly")
		var pic bytes.Buffer
		s.must(png.Encode(&pic, image.NewRGBA(image.Rect(0, 0, 4, 4))))
		put := func(path, kind string, body []byte) *httptest.ResponseRecorder {
			r := httptest.NewRequest("PUT", "/inApps/v1/messaging/"+path, bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+s.bearer(nil))
			r.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w
		}
		const img, msg = "a1b2c3d4-e5f6-7890-a1b2-c3d4e5f67890", "b1b2c3d4-e5f6-7890-a1b2-c3d4e5f67890"
		for want, w := range map[string]*httptest.ResponseRecorder{
			"4000161": put("image/"+img, "image/png", []byte("GIF89a")),
			"4000216": put("image/"+img+"?imageSize=HUGE", "image/png", pic.Bytes()),
			"200":     put("image/"+img+"?imageSize=FULL_SIZE", "image/png", pic.Bytes()),
		} {
			if !strings.Contains(fmt.Sprint(w.Code, w.Body), want) {
				t.Errorf("%d %s, want %s", w.Code, w.Body, want)
			}
		}
		if w := put("image/"+img, "image/png", pic.Bytes()); !strings.Contains(w.Body.String(), "4090000") {
			t.Error(w.Body)
		}
		text := func(header string, image any) map[string]any {
			return map[string]any{"header": header, "body": "もう少し続けませんか", "image": image}
		}
		pictured := map[string]any{"imageIdentifier": img, "altText": "コーヒー"}
		s.refused(4000162, "PUT", "v1/messaging/message/"+msg, text(strings.Repeat("あ", 67), nil))
		s.refused(4040014, "PUT", "v1/messaging/message/"+msg, text("h", map[string]any{"imageIdentifier": msg, "altText": "x"}))
		s.got("PUT", "v1/messaging/message/"+msg, text("お待ちください", pictured), nil)
		s.refused(4090001, "PUT", "v1/messaging/message/"+msg, text("h", nil))
		s.refused(4030019, "DELETE", "v1/messaging/image/"+img, nil)
		at, use := "v1/messaging/default/monthly/ja-JP", map[string]string{"messageIdentifier": msg}
		s.refused(4030017, "PUT", at, use)
		s.ReviewMessaging(true)
		s.got("PUT", at, use, nil)
		var in struct {
			MessageIdentifier, RealtimeURL, RequestID, Result string
			SuccessRate                                       int
		}
		if s.got("GET", at, nil, &in); in.MessageIdentifier != msg {
			t.Error(in)
		}
		s.refused(4040020, "GET", "v1/messaging/default/monthly/ko-KR", nil)
		s.refused(4000164, "GET", "v1/messaging/default/monthly/!", nil)
		s.got("DELETE", at, nil, nil)
		s.got("DELETE", "v1/messaging/message/"+msg, nil, nil)
		s.refused(4040015, "DELETE", "v1/messaging/message/"+msg, nil)
		s.got("DELETE", "v1/messaging/image/"+img, nil, nil)
		s.refused(4040014, "DELETE", "v1/messaging/image/"+img, nil)

		box := s.listen(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte("{}"))
		})
		s.refused(4040021, "GET", "v1/messaging/realtime/url", nil)
		s.refused(4000215, "PUT", "v1/messaging/realtime/url", map[string]string{"realtimeURL": "hub"})
		s.got("PUT", "v1/messaging/realtime/url", map[string]string{"realtimeURL": "https://hub.example/realtime"}, nil)
		s.refused(4000211, "POST", "v1/messaging/performanceTest", map[string]string{"originalTransactionId": "1"})
		s.got("POST", "v1/messaging/performanceTest", map[string]string{"originalTransactionId": first}, &in)
		wait(time.Second)
		if s.got("GET", "v1/messaging/performanceTest/result/"+in.RequestID, nil, &in); in.Result != "PASS" || in.SuccessRate != 100 || len(box.bodies) != 10 {
			t.Errorf("%+v, %d calls", in, len(box.bodies))
		}
		s.refused(4040018, "GET", "v1/messaging/performanceTest/result/"+token, nil)
		s.got("DELETE", "v1/messaging/realtime/url", nil, nil)
	})
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.refused(4030026, "PUT", "v1/messaging/realtime/url", map[string]string{"realtimeURL": "https://hub.example/realtime"})
	})
}

// TestManyCustomers: each of many is found, renewed and answered from memory.
func TestManyCustomers(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		var first string
		for i := range 5000 {
			first = s.buy(s.person(strconv.Itoa(i)), "monthly")
		}
		wait(35 * day)
		if got := s.wantStatus(first, 1); got.Transaction["transactionReason"] != "RENEWAL" {
			t.Fatal(got)
		}
	})
}
