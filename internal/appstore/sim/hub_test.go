package sim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// client is the hub's own for a store.
func (s *shop) client() *appstore.Client {
	s.Helper()
	v, err := appstore.NewVerifier(appstore.Settings{BundleID: bundle, AppAppleID: appID, Environment: strings.ToLower(s.Environment), Roots: s.RootPEM()})
	s.must(err)
	id, issuer, p8 := s.Key()
	c, err := appstore.NewClient(v, appstore.Access{Key: appstore.Key{IssuerID: issuer, KeyID: id, PrivateKey: engawa.Secret(p8)}, HTTP: channeltest.Client(s)})
	s.must(err)
	return c
}

func wantCode(t *testing.T, err error, code int64) {
	t.Helper()
	if e, ok := errors.AsType[*appstore.APIError](err); !ok || e.Code != code {
		t.Errorf("%v, want %d", err, code)
	}
}

// TestHub: the hub's own client finds in every answer what the store means.
func TestHub(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.Undecided = true
		s.listen(nil)
		ctx, c, who := t.Context(), s.client(), s.person("a")
		sub := s.buy(who, "monthly")
		var beans []string
		for range 25 {
			beans = append(beans, s.buy(who, "beans"))
		}
		wait(time.Minute)
		subs, err := c.Statuses(ctx, beans[0])
		if err != nil || len(subs) != 1 || subs[0].Status != appstore.StatusActive || subs[0].Transaction.OriginalTransactionID != sub {
			t.Fatalf("%+v, %v", subs, err)
		}
		var found []string
		for page, err := range c.History(ctx, sub, appstore.HistoryQuery{}) {
			s.must(err)
			for _, tr := range page.Transactions {
				found = append(found, tr.TransactionID)
			}
		}
		if !slices.Equal(found, append([]string{sub}, beans...)) {
			t.Errorf("%v", found)
		}
		n := 0
		for page, err := range c.Notifications(ctx, appstore.NotificationQuery{From: time.Now().Add(-time.Hour), Until: time.Now()}) {
			s.must(err)
			for _, sent := range page.Sent {
				if n++; sent.Err != nil || sent.Notice.Transaction == nil {
					t.Errorf("%+v", sent)
				}
			}
		}
		if n != 26 {
			t.Errorf("%d notifications", n)
		}
		order, err := s.Order(beans[3])
		s.must(err)
		if got, err := c.Order(ctx, order); err != nil || len(got.Transactions) != 1 || got.Transactions[0].TransactionID != beans[3] {
			t.Errorf("%+v, %v", got, err)
		}
		for i := range 3 {
			_, err := c.Extend(ctx, sub, appstore.Extend{Days: 5, Reason: appstore.ExtendOutage, RequestID: fmt.Sprint("r", i)})
			if i < 2 {
				s.must(err)
			} else {
				wantCode(t, err, 4030005)
			}
		}
		s.must(s.AskRefund(beans[1], "OTHER"))
		tr, err := c.Transaction(ctx, beans[1])
		s.must(err)
		s.must(c.SendConsumption(ctx, tr, appstore.OnFile("consent-1"), appstore.Consumption{Delivery: appstore.Delivered, Preference: "DECLINE"}))
		if a := s.Answers(beans[1]); len(a) != 1 || a[0].Late || a[0].Body["refundPreference"] != "DECLINE" {
			t.Errorf("%+v", a)
		}
		s.must(s.Decide(beans[1], 100))
		for page, err := range c.Refunds(ctx, sub, "") {
			if err != nil || len(page.Transactions) != 1 || page.Transactions[0].TransactionID != beans[1] {
				t.Errorf("%+v, %v", page, err)
			}
		}
		s.must(c.SetAppAccountToken(ctx, sub, token))
		s.must(c.Finish(ctx, beans[0]))
		if app, err := c.AppTransaction(ctx, sub); err != nil || app.BundleID != bundle {
			t.Errorf("%+v, %v", app, err)
		}
		test, err := c.RequestTest(ctx)
		s.must(err)
		wait(time.Second)
		if sent, err := c.TestStatus(ctx, test); err != nil || sent.Err != nil || sent.Notice.Type != "TEST" {
			t.Errorf("%+v, %v", sent, err)
		}
		_, err = c.Transaction(ctx, "1")
		wantCode(t, err, 4040010)
	})
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		// The client waits and is not refused: 360 calls an hour.
		c, start := s.client(), time.Now()
		for range 400 {
			_, err := c.TestStatus(t.Context(), token)
			wantCode(t, err, 4040008)
		}
		if took := time.Since(start); took < time.Hour || took > 2*time.Hour {
			t.Errorf("400 calls took %v", took)
		}
	})
}

// TestBoth: what was bought in the sandbox production does not know, and the sandbox
// tells with the same key.
func TestBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		production, sandbox := open(t, sim.Production), open(t, sim.Sandbox)
		sandbox.UseKey(production.Store)
		id := sandbox.buy(sandbox.person("a"), "monthly")
		p, b := production.client(), sandbox.client()
		_, err := p.Transaction(t.Context(), id)
		if e, ok := errors.AsType[*appstore.APIError](err); !ok || e.Code != 4040010 {
			t.Errorf("production knows it, or says otherwise: %v", err)
		}
		tr, err := b.Transaction(t.Context(), id)
		if err != nil || tr.TransactionID != id {
			t.Fatalf("%+v, %v", tr, err)
		}
	})
}

// signer is the hub's own for a store, with some settings changed.
func (s *shop) signer(change map[string]string) *appstore.Signer {
	s.Helper()
	id, issuer, p8 := s.Key()
	settings := map[string]string{"issuer_id": issuer, "key_id": id, "private_key": p8, "bundle_id": bundle}
	maps.Copy(settings, change)
	by, err := appstore.NewSigner(settings)
	s.must(err)
	return by
}

// TestHubSigns: what the hub signs in the newer form, an eligibility or an offer, the
// store takes once; it refuses, for the right reason and with nothing bought, what
// another signed, what was signed for something else or at another time, and what was
// changed on the way.
func TestHubSigns(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		who, other := s.person("a"), s.person("b")
		first, foreign := s.buy(who, "club"), s.buy(other, "monthly")
		s.must(s.Renew(who, "club", false))
		wait(8 * day) // the free week is had, and over
		fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		s.must(err)
		der, err := x509.MarshalPKCS8PrivateKey(fresh)
		s.must(err)
		_, issuer, p8 := s.Key()
		block, _ := pem.Decode([]byte(p8))
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		s.must(err)
		ours := s.signer(nil)
		stay := func(by *appstore.Signer, product, transaction string, at time.Time) (string, error) {
			return by.OfferJWS(product, "stay", transaction, at)
		}
		may := func(by *appstore.Signer, product, transaction string, at time.Time) (string, error) {
			return by.IntroJWS(product, transaction, true, at)
		}
		for _, kind := range []struct {
			name, audience, other string
			sign, wrong           func(*appstore.Signer, string, string, time.Time) (string, error)
			with                  func(jws string) sim.Purchase
			offer                 float64 // its type, in the transaction
		}{
			{"eligibility", "introductory-offer-eligibility", "promotional-offer", may, stay, func(jws string) sim.Purchase { return sim.Purchase{Eligibility: jws} }, 1},
			{"offer", "promotional-offer", "introductory-offer-eligibility", stay, may, func(jws string) sim.Purchase {
				return sim.Purchase{Offer: "stay", Signed: sim.OfferSignature{JWS: jws}}
			}, 2},
		} {
			buy := func(jws string) error {
				p := kind.with(jws)
				p.Customer, p.Product = who, "club"
				_, err := s.Buy(p)
				return err
			}
			signed := func(by *appstore.Signer, product, transaction string, after time.Duration) string {
				jws, err := kind.sign(by, product, transaction, time.Now().Add(after))
				s.must(err)
				return jws
			}
			good := signed(ours, "club", first, 0)
			byHand := func(head, claims map[string]any) string { // with the right key
				h := map[string]any{"alg": "ES256", "kid": ours.KeyID(), "typ": "JWT"}
				c := map[string]any{
					"iss": issuer, "aud": kind.audience, "bid": bundle, "iat": time.Now().Unix(), "nonce": rand.Text(),
					"productId": "club", "transactionId": first, "offerIdentifier": "stay", "allowIntroductoryOffer": true,
				}
				maps.Copy(h, head)
				maps.Copy(c, claims)
				return jws(t, parsed.(*ecdsa.PrivateKey), h, c)
			}
			another, err := kind.wrong(ours, "club", first, time.Now())
			s.must(err)
			told := len(s.Notices())
			for name, c := range map[string]struct{ jws, want string }{
				"another key":           {signed(s.signer(map[string]string{"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}), "club", first, 0), "a wrong signature"},
				"another key's id":      {signed(s.signer(map[string]string{"key_id": "NOSUCHKEY1"}), "club", first, 0), "another key"},
				"another issuer":        {signed(s.signer(map[string]string{"issuer_id": "00000000-0000-0000-0000-000000000000"}), "club", first, 0), "another issuer"},
				"another bundle":        {signed(s.signer(map[string]string{"bundle_id": "jp.other"}), "club", first, 0), "another issuer"},
				"another product":       {signed(ours, "monthly", first, 0), "another offer|bundle or product"},
				"another's transaction": {signed(ours, "club", foreign, 0), "another customer"},
				"nobody's transaction":  {signed(ours, "club", "2000000000000099", 0), "another customer"},
				"more than a day old":   {signed(ours, "club", first, -day-2*time.Second), "too old"},
				"ahead":                 {signed(ours, "club", first, 2*time.Minute), "too old"},
				"the other kind":        {another, "another issuer, audience"},
				"another audience":      {byHand(nil, map[string]any{"aud": kind.other}), "another issuer, audience"},
				"another algorithm":     {byHand(map[string]any{"alg": "none"}, nil), "not ES256"},
				"no type":               {byHand(map[string]any{"typ": nil}, nil), "not ES256"},
				"no nonce":              {byHand(nil, map[string]any{"nonce": ""}), "was used"},
				"no date":               {byHand(nil, map[string]any{"iat": 0}), "too old"},
				"the product changed":   {changed(t, signed(ours, "monthly", first, 0), `"productId":"monthly"`, `"productId":"club"`), "a wrong signature"},
				"the customer changed":  {changed(t, signed(ours, "club", foreign, 0), foreign, first), "a wrong signature"},
				"the date changed":      {changed(t, signed(ours, "club", first, -2*day), fmt.Sprint(time.Now().Add(-2*day).Unix()), fmt.Sprint(time.Now().Unix())), "a wrong signature"},
				"the signature cut":     {good[:len(good)-4], "no signature"},
			} {
				if err := buy(c.jws); err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
					t.Errorf("%s, %s: %v", kind.name, name, err)
				}
			}
			if n := len(s.Notices()); n != told {
				t.Fatalf("%s: %d notifications of what was refused", kind.name, n-told)
			}
			s.must(buy(good))
			if got := s.last(who); got.Transaction["offerType"] != kind.offer && got.Renewal["offerType"] != kind.offer {
				t.Errorf("%s: %v %v", kind.name, got.Transaction, got.Renewal)
			}
			if err := buy(good); err == nil || !strings.Contains(err.Error(), "was used") {
				t.Errorf("%s: taken twice: %v", kind.name, err)
			}
			wait(time.Minute)
		}
		not, err := ours.IntroJWS("club", foreign, false, time.Now().Add(-day+time.Minute)) // nearly a day old
		s.must(err)
		_, err = s.Buy(sim.Purchase{Customer: other, Product: "club", Eligibility: not})
		s.must(err)
		if tr := s.last(other).Transaction; tr["offerType"] != nil {
			t.Errorf("the hub said no: %v", tr)
		}
		whoever, err := ours.OfferJWS("club", "stay", "", time.Now())
		s.must(err)
		_, err = s.Buy(sim.Purchase{Customer: other, Product: "club", Offer: "stay", Signed: sim.OfferSignature{JWS: whoever}})
		s.must(err)
		s.proved()
	})
}

// changed is a JWS with words of its payload replaced and the signature kept.
func changed(t *testing.T, jws, from, to string) string {
	t.Helper()
	parts := strings.Split(jws, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || strings.Count(string(b), from) != 1 {
		t.Fatalf("%s is not in %s: %v", from, b, err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), from, to, 1)))
	return strings.Join(parts, ".")
}
