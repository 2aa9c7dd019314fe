package sim_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore/sim"
)

func TestRenewals(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("田中 美咲")
		start := time.Now()
		first := s.buy(who, "monthly")
		s.wantTypes(who, 0, "SUBSCRIBED/INITIAL_BUY")
		if tr := s.last(who).Transaction; tr["originalTransactionId"] != first || tr["appAccountToken"] != token || tr["price"] != 1480_000.0 ||
			tr["currency"] != "JPY" || tr["transactionReason"] != "PURCHASE" || tr["expiresDate"] != millis(start.AddDate(0, 1, 0)) {
			t.Fatalf("%v", tr)
		}
		wait(65 * day)
		s.wantTypes(who, 1, "DID_RENEW", "DID_RENEW")
		got := s.wantStatus(first, 1)
		if tr := got.Transaction; tr["transactionId"] == first || tr["originalTransactionId"] != first || tr["transactionReason"] != "RENEWAL" ||
			tr["purchaseDate"] != millis(start.AddDate(0, 2, 0)) || tr["originalPurchaseDate"] != millis(start) {
			t.Fatalf("%v", tr)
		}
		if got.Renewal["renewalDate"] != millis(start.AddDate(0, 3, 0)) || got.Renewal["autoRenewStatus"] != 1.0 || got.Renewal["renewalPrice"] != 1480_000.0 {
			t.Fatalf("%v", got.Renewal)
		}
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "monthly"}); err == nil {
			t.Fatal("what is held was bought twice")
		}
		s.proved()
	})
	within(t, sim.Production, func(t *testing.T, s *shop) {
		wait(30 * day) // 31 January 2000
		who := s.person("a")
		s.buy(who, "monthly")
		if end := s.last(who).Transaction["expiresDate"]; end != millis(time.Date(2000, 2, 29, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("a month from the 31st ends on %v", end)
		}
	})
}

func TestRenewalOff(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "monthly")
		s.must(s.Renew(who, "monthly", false))
		s.must(s.Renew(who, "monthly", true))
		s.must(s.Renew(who, "monthly", false))
		if s.Renew(who, "monthly", false) == nil {
			t.Fatal("it was switched off twice")
		}
		wait(40 * day)
		s.wantTypes(who, 1, "DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED", "DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_ENABLED",
			"DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED", "EXPIRED/VOLUNTARY")
		if got := s.wantStatus(first, 2); got.Renewal["expirationIntent"] != 1.0 || got.Renewal["autoRenewStatus"] != 0.0 {
			t.Fatalf("%v", got.Renewal)
		}
		run := s.last(who).Renewal["recentSubscriptionStartDate"]
		wait(30 * day)
		if again := s.buy(who, "monthly"); again == first {
			t.Fatal("the same transaction was bought again")
		}
		s.wantTypes(who, 5, "SUBSCRIBED/RESUBSCRIBE")
		if n := s.last(who); n.Transaction["originalTransactionId"] != first || n.Renewal["recentSubscriptionStartDate"] != run {
			t.Fatal("a return within 60 days goes on with the year, under the same original transaction")
		}
		s.must(s.Renew(who, "monthly", false))
		wait(31*day + 61*day)
		s.buy(who, "monthly")
		if s.last(who).Renewal["recentSubscriptionStartDate"] == run {
			t.Fatal("a return after 60 days begins anew")
		}
		s.proved()
	})
}

// TestSpeed: months pass in minutes, and nothing is signed ahead of the clock.
func TestSpeed(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		s.Speed = 8640
		who := s.person("a")
		first := s.buy(who, "monthly")
		for range 60 {
			wait(time.Minute)
			if n := s.last(who); n.SignedDate > time.Now().UnixMilli() || n.Transaction["signedDate"].(float64) > millis(time.Now()) {
				t.Fatal("signed for a time to come")
			}
		}
		if n := len(s.types(who, 1)); n != 12 {
			t.Fatalf("%d renewals in an hour, want 12 of 5 minutes", n)
		}
		if tr := s.wantStatus(first, 1).Transaction; tr["expiresDate"].(float64)-tr["purchaseDate"].(float64) != 300_000 {
			t.Fatalf("%v", tr)
		}
		s.proved()
	})
}

// TestHurry: one customer's months pass in minutes, another's on the calendar.
func TestHurry(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		hasty, calm := s.person("a"), s.person("b")
		s.must(s.Hurry(hasty, 8640))
		s.buy(hasty, "monthly")
		s.buy(calm, "monthly")
		wait(time.Hour + time.Second)
		if fast, slow := len(s.types(hasty, 1)), len(s.types(calm, 1)); fast != 12 || slow != 0 {
			t.Errorf("%d and %d renewals in an hour", fast, slow)
		}
		if err := s.Hurry("c99", 2); err == nil {
			t.Error("nobody was hurried")
		}
	})
}

// TestPast: a world may begin in the past, and comes to the present.
func TestPast(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		box := s.listen(nil)
		start := time.Now().Add(-100 * day)
		s.must(s.Begin(start))
		who, goesOn := s.person("a"), s.person("b")
		first := s.buy(who, "monthly")
		s.buy(goesOn, "monthly")
		s.Pass(40 * day)
		s.must(s.Renew(who, "monthly", false))
		s.Pass(1000 * day)
		s.CatchUp()
		s.wantTypes(who, 0, "SUBSCRIBED/INITIAL_BUY", "DID_RENEW", "DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED", "EXPIRED/VOLUNTARY")
		s.wantTypes(goesOn, 0, "SUBSCRIBED/INITIAL_BUY", "DID_RENEW", "DID_RENEW", "DID_RENEW")
		var at []time.Time
		for _, n := range s.Notices() {
			if n.Customer == who {
				at = append(at, n.At)
			}
		}
		if !at[0].Equal(start) || !at[2].Equal(start.Add(40*day)) || !at[3].Equal(start.AddDate(0, 2, 0)) {
			t.Fatalf("%v", at)
		}
		if wait(time.Hour); len(box.bodies) != 0 {
			t.Fatal("what is past was sent")
		}
		s.buy(who, "monthly")
		if wait(time.Minute); len(box.bodies) != 1 {
			t.Fatal("what is present was not sent")
		}
		if s.Begin(start) == nil {
			t.Fatal("a world with customers went back in time")
		}
		s.wantStatus(first, 1)
		s.proved()
	})
}

func TestPlans(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "monthly")
		wait(10 * day)
		up := s.buy(who, "premium")
		var old struct{ SignedTransactionInfo string }
		s.got("GET", "v1/transactions/"+first, nil, &old)
		var was map[string]any
		unpack(t, old.SignedTransactionInfo, &was)
		if now := s.wantStatus(first, 1); was["isUpgraded"] != true || now.Transaction["transactionId"] != up || now.Transaction["productId"] != "premium" {
			t.Fatalf("%v, %v", was, now)
		}
		s.buy(who, "light")
		if now := s.wantStatus(first, 1); now.Transaction["productId"] != "premium" || now.Renewal["autoRenewProductId"] != "light" || now.Renewal["renewalPrice"] != 480_000.0 {
			t.Fatalf("%+v", now)
		}
		s.buy(who, "premium") // taken back
		s.buy(who, "monthly")
		wait(31 * day)
		if now := s.wantStatus(first, 1); now.Transaction["productId"] != "monthly" {
			t.Fatalf("%v", now)
		}
		s.buy(who, "monthly.other") // across, of the same length: at once
		s.wantTypes(who, 1, "DID_CHANGE_RENEWAL_PREF/UPGRADE", "DID_CHANGE_RENEWAL_PREF/DOWNGRADE", "DID_CHANGE_RENEWAL_PREF",
			"DID_CHANGE_RENEWAL_PREF/DOWNGRADE", "DID_RENEW", "DID_CHANGE_RENEWAL_PREF/UPGRADE")
		s.proved()
	})
}

func TestBillingRetry(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		saved, lost := s.person("a"), s.person("b")
		start := time.Now()
		first, other := s.buy(saved, "monthly"), s.buy(lost, "monthly")
		s.must(s.Card(saved, false))
		s.must(s.Card(lost, false))
		wait(35 * day)
		s.wantTypes(saved, 1, "DID_FAIL_TO_RENEW")
		if got := s.wantStatus(first, 3); got.Renewal["isInBillingRetryPeriod"] != true || got.Renewal["expirationIntent"] != 2.0 {
			t.Fatalf("%v", got.Renewal)
		}
		if _, err := s.Buy(sim.Purchase{Customer: saved, Product: "beans"}); err == nil {
			t.Fatal("a card that fails paid")
		}
		at := time.Now()
		s.must(s.Card(saved, true))
		s.wantTypes(saved, 2, "DID_RENEW/BILLING_RECOVERY")
		if got := s.wantStatus(first, 1); got.Transaction["purchaseDate"] != millis(at) {
			t.Fatal("after the grace period the cycle begins anew")
		}
		wait(60 * day)
		s.wantTypes(lost, 1, "DID_FAIL_TO_RENEW", "EXPIRED/BILLING_RETRY")
		if at := s.last(lost).SignedDate; float64(at) != millis(start.AddDate(0, 1, 60)) {
			t.Fatalf("it was retried until %v", time.UnixMilli(at))
		}
		if got := s.wantStatus(other, 2); got.Renewal["expirationIntent"] != 2.0 {
			t.Fatalf("%v", got.Renewal)
		}
		s.proved()
	})
}

func TestGrace(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.Grace = 16
		saved, lost := s.person("a"), s.person("b")
		start := time.Now()
		first, other := s.buy(saved, "monthly"), s.buy(lost, "monthly")
		s.must(s.Card(saved, false))
		s.must(s.Card(lost, false))
		wait(35 * day)
		s.wantTypes(saved, 1, "DID_FAIL_TO_RENEW/GRACE_PERIOD")
		if got := s.wantStatus(first, 4); got.Renewal["gracePeriodExpiresDate"] != millis(start.AddDate(0, 1, 16)) || got.Renewal["isInBillingRetryPeriod"] != false {
			t.Fatalf("%v", got.Renewal)
		}
		s.must(s.Card(saved, true))
		s.wantTypes(saved, 2, "DID_RENEW/BILLING_RECOVERY")
		if got := s.wantStatus(first, 1); got.Transaction["purchaseDate"] != millis(start.AddDate(0, 1, 0)) {
			t.Fatal("in the grace period the cycle is kept")
		}
		wait(15 * day)
		s.wantTypes(lost, 1, "DID_FAIL_TO_RENEW/GRACE_PERIOD", "GRACE_PERIOD_EXPIRED")
		s.wantStatus(other, 3)
		wait(60 * day)
		s.wantTypes(lost, 3, "EXPIRED/BILLING_RETRY")
		s.proved()
	})
}

func TestPriceIncrease(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		agrees, silent := s.person("a"), s.person("b")
		first, other := s.buy(agrees, "monthly"), s.buy(silent, "monthly")
		s.must(s.RaisePrice("monthly", map[string]int64{"JPN": 1980_000}, true))
		if got := s.wantStatus(first, 1); got.Renewal["priceIncreaseStatus"] != 0.0 || got.Renewal["renewalPrice"] != 1980_000.0 || got.Transaction["price"] != 1480_000.0 {
			t.Fatalf("%+v", got)
		}
		s.must(s.Consent(agrees, "monthly"))
		if s.Consent(agrees, "monthly") == nil {
			t.Fatal("one who agreed was asked")
		}
		wait(35 * day)
		s.wantTypes(agrees, 1, "PRICE_INCREASE/PENDING", "PRICE_INCREASE/ACCEPTED", "DID_RENEW")
		s.wantTypes(silent, 1, "PRICE_INCREASE/PENDING", "EXPIRED/PRICE_INCREASE")
		if got := s.wantStatus(first, 1); got.Transaction["price"] != 1980_000.0 || got.Renewal["priceIncreaseStatus"] != nil {
			t.Fatalf("%+v", got)
		}
		if got := s.wantStatus(other, 2); got.Renewal["expirationIntent"] != 3.0 {
			t.Fatalf("%v", got.Renewal)
		}
		s.must(s.RaisePrice("monthly", map[string]int64{"JPN": 2080_000}, false))
		s.wantTypes(agrees, 4, "PRICE_INCREASE/ACCEPTED")
		s.proved()
	})
}

// TestEnd: a subscription that ends for a reason that is not stated does so with its
// period, and says nothing of why; who subscribes again renews again.
func TestEnd(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "monthly")
		s.must(s.End(who, "monthly"))
		s.wantStatus(first, 1)
		wait(35 * day)
		s.wantTypes(who, 1, "EXPIRED")
		if got := s.wantStatus(first, 2); got.Renewal["expirationIntent"] != 5.0 {
			t.Fatalf("%v", got.Renewal)
		}
		if err := s.End(who, "monthly"); err == nil {
			t.Error("what has ended ends again")
		}
		s.buy(who, "monthly")
		wait(32 * day)
		s.wantTypes(who, 2, "SUBSCRIBED/RESUBSCRIBE", "DID_RENEW")
		s.proved()
	})
}

func TestNotForSale(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "monthly")
		s.must(s.ForSale("monthly", false))
		wait(35 * day)
		s.wantTypes(who, 1, "EXPIRED/PRODUCT_NOT_FOR_SALE")
		if got := s.wantStatus(first, 2); got.Renewal["expirationIntent"] != 4.0 {
			t.Fatalf("%v", got.Renewal)
		}
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "monthly"}); err == nil {
			t.Fatal("what is not for sale was bought")
		}
		s.proved()
	})
}

func TestOneTimePurchases(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		for _, p := range []string{"recipes", "season"} {
			s.buy(who, p)
			if n := s.last(who); n.Renewal != nil || n.Data["status"] != nil || n.Transaction["productId"] != p || n.Transaction["expiresDate"] != nil {
				t.Fatalf("%+v", n)
			}
		}
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "beans", Quantity: 3}); err != nil {
			t.Fatal(err)
		}
		if tr := s.last(who).Transaction; tr["quantity"] != 3.0 || tr["price"] != 900_000.0 || tr["webOrderLineItemId"] != nil {
			t.Fatalf("%v", tr)
		}
		s.wantTypes(who, 0, "ONE_TIME_CHARGE", "ONE_TIME_CHARGE", "ONE_TIME_CHARGE")
		s.proved()
	})
}

func TestIntroductoryOffer(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		first := s.buy(who, "club")
		if tr := s.last(who).Transaction; tr["offerType"] != 1.0 || tr["offerDiscountType"] != "FREE_TRIAL" || tr["price"] != 0.0 || tr["currency"] != "JPY" || tr["expiresDate"] != millis(time.Now().Add(7*day)) {
			t.Fatalf("%v", tr)
		}
		wait(8 * day)
		if tr := s.wantStatus(first, 1).Transaction; tr["offerType"] != nil || tr["price"] != 980_000.0 {
			t.Fatalf("%v", tr)
		}
		s.must(s.Renew(who, "club", false))
		wait(31 * day)
		s.buy(who, "club")
		if tr := s.last(who).Transaction; tr["offerType"] != nil {
			t.Fatal("an introductory offer was had twice")
		}
		id, issuer, p8 := s.Key()
		block, _ := pem.Decode([]byte(p8))
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		s.must(err)
		signed := func(allow bool, customer string) string {
			return jws(t, key.(*ecdsa.PrivateKey), map[string]any{"alg": "ES256", "kid": id, "typ": "JWT"}, map[string]any{
				"iss": issuer, "aud": "introductory-offer-eligibility", "bid": bundle, "iat": time.Now().Unix(), "nonce": rand.Text(),
				"productId": "club", "transactionId": customer, "allowIntroductoryOffer": allow,
			})
		}
		s.must(s.Renew(who, "club", false))
		wait(31 * day)
		other, app := s.AddCustomer("b", "JPN", "")
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "club", Eligibility: signed(true, app)}); err == nil {
			t.Fatal("another customer's eligibility was taken")
		}
		_, err = s.Buy(sim.Purchase{Customer: who, Product: "club", Eligibility: signed(true, first)})
		s.must(err)
		_, err = s.Buy(sim.Purchase{Customer: other, Product: "club", Eligibility: signed(false, app)})
		s.must(err)
		if s.last(who).Transaction["offerType"] != 1.0 || s.last(other).Transaction["offerType"] != nil {
			t.Fatal("the business's word on eligibility does not count")
		}
		s.proved()
	})
}

func TestOfferCodes(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		fresh, holds, late := s.person("a"), s.person("b"), s.person("c")
		codes, err := s.Codes("club", "thanks", 4)
		s.must(err)
		first, err := s.Redeem(fresh, codes[0])
		s.must(err)
		s.wantTypes(fresh, 0, "SUBSCRIBED/INITIAL_BUY")
		if tr := s.last(fresh).Transaction; tr["offerType"] != 3.0 || tr["offerIdentifier"] != "thanks" || tr["price"] != 2000_000.0 || tr["expiresDate"] != millis(time.Now().AddDate(0, 3, 0)) {
			t.Fatalf("%v", tr)
		}
		for name, do := range map[string]func() (string, error){
			"used":    func() (string, error) { return s.Redeem(holds, codes[0]) },
			"unknown": func() (string, error) { return s.Redeem(holds, "NOSUCHCODE") },
			"twice":   func() (string, error) { return s.Redeem(fresh, codes[1]) },
		} {
			if _, err := do(); err == nil {
				t.Errorf("%s: redeemed", name)
			}
		}
		other := s.buy(holds, "club")
		_, err = s.Redeem(holds, codes[1])
		s.must(err)
		s.wantTypes(holds, 1, "OFFER_REDEEMED")
		if r := s.wantStatus(other, 1).Renewal; r["offerType"] != 3.0 || r["offerIdentifier"] != "thanks" || r["renewalPrice"] != 2000_000.0 {
			t.Fatalf("%v", r)
		}
		wait(8 * day)
		if tr := s.wantStatus(other, 1).Transaction; tr["offerType"] != 3.0 || tr["transactionReason"] != "RENEWAL" {
			t.Fatalf("%v", tr)
		}
		wait(200 * day)
		if _, err := s.Redeem(late, codes[2]); err == nil {
			t.Fatal("a code outlived its six months")
		}
		s.wantStatus(first, 1)
		s.proved()
	})
}

func TestWinBack(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who := s.person("a")
		s.buy(who, "club")
		if _, err := s.Buy(sim.Purchase{Customer: who, Product: "club", Offer: "comeback"}); err == nil {
			t.Fatal("one who is subscribed was won back")
		}
		s.must(s.Renew(who, "club", false))
		wait(8 * day)
		if ids := fmt.Sprint(s.last(who).Renewal["eligibleWinBackOfferIds"]); ids != "[comeback]" {
			t.Fatal(ids)
		}
		_, err := s.Buy(sim.Purchase{Customer: who, Product: "club", Offer: "comeback"})
		s.must(err)
		s.wantTypes(who, 3, "SUBSCRIBED/RESUBSCRIBE")
		if tr := s.last(who).Transaction; tr["offerType"] != 4.0 || tr["price"] != 1500_000.0 {
			t.Fatalf("%v", tr)
		}
		s.proved()
	})
}

// TestPromotionalOffer: what the business signs is checked, in both forms.
func TestPromotionalOffer(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who, other := s.person("a"), s.person("b")
		first := s.buy(who, "club")
		s.buy(other, "club")
		id, issuer, p8 := s.Key()
		block, _ := pem.Decode([]byte(p8))
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		s.must(err)
		key := parsed.(*ecdsa.PrivateKey)
		signed := func(nonce string, change func(map[string]any)) sim.OfferSignature {
			claims := map[string]any{
				"iss": issuer, "aud": "promotional-offer", "bid": bundle, "iat": time.Now().Unix(), "nonce": nonce, "productId": "club", "offerIdentifier": "stay", "transactionId": first,
			}
			if change != nil {
				change(claims)
			}
			return sim.OfferSignature{JWS: jws(t, key, map[string]any{"alg": "ES256", "kid": id, "typ": "JWT"}, claims)}
		}
		buy := func(customer string, by sim.OfferSignature) error {
			_, err := s.Buy(sim.Purchase{Customer: customer, Product: "club", Offer: "stay", Signed: by})
			return err
		}
		for name, change := range map[string]func(map[string]any){
			"audience": func(c map[string]any) { c["aud"] = "appstoreconnect-v1" },
			"bundle":   func(c map[string]any) { c["bid"] = "jp.other" },
			"offer":    func(c map[string]any) { c["offerIdentifier"] = "more" },
			"product":  func(c map[string]any) { c["productId"] = "monthly" },
			"old":      func(c map[string]any) { c["iat"] = time.Now().Add(-25 * time.Hour).Unix() },
			"no nonce": func(c map[string]any) { delete(c, "nonce") },
			"unknown":  func(c map[string]any) { c["transactionId"] = "1" },
		} {
			if buy(who, signed("n1", change)) == nil {
				t.Errorf("%s: taken", name)
			}
		}
		if buy(other, signed("n1", nil)) == nil {
			t.Error("another customer's offer was taken")
		}
		s.must(buy(who, signed("n1", nil)))
		if buy(who, signed("n1", nil)) == nil {
			t.Error("a nonce was taken twice")
		}
		s.wantTypes(who, 1, "OFFER_REDEEMED")
		for i, want := range []any{2.0, 2.0, nil} { // two periods, then the price
			wait(31 * day)
			if tr := s.wantStatus(first, 1).Transaction; tr["offerType"] != want {
				t.Fatalf("period %d: %v, want an offer of type %v", i, tr, want)
			}
		}

		nonce, at := "7389a31a-fb6d-4569-a2a6-db7d85d84813", time.Now().UnixMilli()
		old := func(offer string) sim.OfferSignature {
			text := strings.Join([]string{bundle, id, "club", offer, token, nonce, fmt.Sprint(at)}, "\u2063")
			sum := sha256.Sum256([]byte(text))
			sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
			s.must(err)
			return sim.OfferSignature{KeyID: id, Nonce: nonce, Timestamp: at, AppAccountToken: strings.ToUpper(token), Signature: base64.StdEncoding.EncodeToString(sig)}
		}
		if buy(other, old("more")) == nil || buy(other, sim.OfferSignature{}) == nil {
			t.Error("a wrong signature of the old form was taken")
		}
		s.must(buy(other, old("stay")))
		s.proved()
	})
}

func TestFamily(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		head, kid, late := s.person("a"), s.person("b"), s.person("c")
		s.must(s.Family(head, kid))
		first := s.buy(head, "monthly")
		s.wantTypes(kid, 0, "SUBSCRIBED/INITIAL_BUY")
		tr := s.last(kid).Transaction
		shared := tr["originalTransactionId"].(string)
		if shared == first || tr["inAppOwnershipType"] != "FAMILY_SHARED" || tr["price"] != nil {
			t.Fatalf("%v", tr)
		}
		wait(35 * day)
		s.must(s.Family(head, late))
		s.wantTypes(kid, 1, "DID_RENEW")
		s.wantTypes(late, 0, "SUBSCRIBED/INITIAL_BUY")
		s.must(s.Leave(head, late))
		s.wantTypes(late, 1, "REVOKE")
		if n := s.last(late); n.Transaction["revocationType"] != "FAMILY_REVOKE" || n.Data["status"] != 5.0 {
			t.Fatalf("%+v", n)
		}
		s.refused(4030007, "PUT", "v1/subscriptions/extend/"+shared, map[string]any{"extendByDays": 1, "extendReasonCode": 1, "requestIdentifier": "r"})
		s.refused(4000185, "PUT", "v1/transactions/"+shared+"/appAccountToken", map[string]any{"appAccountToken": token})
		if s.AskRefund(shared, "OTHER") == nil {
			t.Fatal("a share was refunded")
		}
		last := s.wantStatus(first, 1).Transaction["transactionId"].(string)
		s.must(s.AskRefund(last, "OTHER"))
		s.must(s.Decide(last, 100))
		s.wantTypes(kid, 2, "DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED", "REVOKE")
		s.wantStatus(shared, 5)
		if s.Renew(kid, "monthly", false) == nil {
			t.Fatal("a member switched a share off")
		}
		s.proved()
	})
}
