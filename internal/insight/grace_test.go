package insight_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// stands says how a subscription stands at the hub now, and what its customer may use.
func (s *shop) stands(subscription string) (how string, until time.Time) {
	s.t.Helper()
	state, err := follow.State(s.Purchase(subscription).Facts)
	s.Must(err)
	open := purchase.Entitlements([]purchase.State{state}, nil, time.Now())
	v := state.At(time.Now())
	for _, e := range open {
		until = e.Until
	}
	return fmt.Sprintf("%s, opens %d", v.Status, len(open)), until
}

// told are the types of what the store told of payments, oldest first.
func (s *shop) told() (types []string) {
	s.t.Helper()
	for _, typ := range []string{"store.did_fail_to_renew.grace_period", "store.grace_period_expired", "store.did_renew.billing_recovery", "store.expired.billing_retry"} {
		evs, err := s.Hub.Events(s.t.Context(), followtest.Workspace, store.EventFilter{Type: typ}, store.Page{})
		s.Must(err)
		types = append(types, slices.Repeat([]string{typ}, len(evs))...)
	}
	return types
}

// TestGrace plays a payment that fails in an app with a grace period: access goes on
// to the end of the grace, the customer is asked to mend the payment, and either does
// in time, so that nothing was interrupted, or does not, so that access ends with the
// grace and the subscription when the store stops trying.
func TestGrace(t *testing.T) {
	const day = 24 * time.Hour
	for name, mended := range map[string]bool{"recovered": true, "expired": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, storetest.SQLite(t))
				s.Grace = 16
				who := s.Person("JPN", token)
				sub := s.Bought(who, monthly)
				wait(time.Second)
				_, paid := s.stands(sub)
				s.Must(s.Card(who, false))
				time.Sleep(time.Until(paid) + day)
				synctest.Wait()

				graced := paid.Add(16 * day)
				if how, until := s.stands(sub); how != "billing_grace_period, opens 1" || !until.Equal(graced) {
					t.Errorf("in the grace period: %s until %v, want %v", how, until, graced)
				}
				stop := s.run()
				wait(time.Minute)
				m := s.last("payment")
				if m.Message.State != engawa.MessageSent || m.Message.Customer != "cus_"+token || len(s.inbox.Mails()) != 1 {
					t.Errorf("asked to mend the payment: %s, %d mails", m.Message.State, len(s.inbox.Mails()))
				}
				stop()
				if mended {
					s.Must(s.Card(who, true))
					wait(time.Minute)
					if how, until := s.stands(sub); how != "active, opens 1" || !until.After(graced) || until.Sub(paid) > 31*day {
						t.Errorf("mended: %s until %v; the period goes on from %v", how, until, paid)
					}
					wait(16 * day)
					if how, _ := s.stands(sub); how != "active, opens 1" {
						t.Errorf("after the grace that was not needed: %s", how)
					}
					if got := s.told(); !slices.Equal(got, []string{"store.did_fail_to_renew.grace_period", "store.did_renew.billing_recovery"}) {
						t.Errorf("told %v", got)
					}
					return
				}
				time.Sleep(time.Until(graced) + time.Minute)
				synctest.Wait()
				if how, _ := s.stands(sub); how != "billing_retry, opens 0" {
					t.Errorf("after the grace: %s", how)
				}
				wait(60 * day)
				if how, _ := s.stands(sub); how != "expired, opens 0" {
					t.Errorf("after sixty days: %s", how)
				}
				if got := s.told(); !slices.Equal(got, []string{"store.did_fail_to_renew.grace_period", "store.grace_period_expired", "store.expired.billing_retry"}) {
					t.Errorf("told %v", got)
				}
				s.run()
				wait(time.Minute)
				if m := s.last("winback_billing"); m.Message.Customer != "cus_"+token {
					t.Errorf("%+v", m.Message)
				}
			})
		})
	}
}
