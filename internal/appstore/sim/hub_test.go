package sim_test

import (
	"errors"
	"fmt"
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
