package follow_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/insight"
	"github.com/engawa/engawa/internal/store"
)

// refunded has a customer buy something and get the money back.
func refunded(s *followtest.Shop, who string) {
	s.T.Helper()
	id := s.Bought(who, "beans")
	wait(time.Second)
	s.Must(s.AskRefund(id, "OTHER"))
	s.Must(s.Decide(id, 100))
	wait(time.Second)
}

// alarms are those that are in the journal after two nodes looked.
func alarms(s *followtest.Shop, typ string) []engawa.Event {
	s.T.Helper()
	for range 2 {
		s.Must((&follow.Watch{Store: s.Hub}).Step(s.T.Context()))
	}
	evs, err := s.Hub.Events(s.T.Context(), followtest.Workspace, store.EventFilter{Type: typ}, store.Page{})
	s.Must(err)
	for _, e := range evs {
		if err := catalogue.Check(e); err != nil {
			s.T.Error(err)
		}
	}
	return evs
}

// TestWatch: a day with far more refunds than before, and a customer who gets
// most of the money back, raise an alarm each, once, however many nodes look.
func TestWatch(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		one := s.Person("JPN", token)
		for range 12 { // twelve days of sales, without a refund
			s.Bought(one, "beans")
			wait(24 * time.Hour)
		}
		refunded(s, one)
		if evs := alarms(s, "refunds.*"); len(evs) != 0 {
			t.Fatalf("%d alarms after one refund", len(evs))
		}
		for i := range 5 {
			refunded(s, s.Person("JPN", fmt.Sprintf("7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c%02d", 10+i)))
		}
		evs := alarms(s, insight.Surged)
		var data struct {
			Refunded int    `json:"refunded"`
			Product  string `json:"product_id"`
		}
		if len(evs) != 1 || json.Unmarshal(evs[0].Data, &data) != nil || data.Refunded != 6 || data.Product != "beans" || evs[0].Customer != "" {
			t.Errorf("%d alarms: %+v", len(evs), data)
		}
		other := s.Person("KOR", "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c99")
		for range 3 {
			refunded(s, other)
		}
		evs = alarms(s, insight.SuspiciousRefunds)
		if len(evs) != 1 || evs[0].Customer == "" {
			t.Errorf("%d alarms about customers: %+v", len(evs), evs)
		}
	})
}

// TestWatchOfYesterday: what came too late in a day to be looked at in it, or while
// nobody looked, is told of on the next, once.
func TestWatchOfYesterday(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		one := s.Person("JPN", token)
		for range 12 {
			s.Bought(one, "beans")
			wait(24 * time.Hour)
		}
		for i := range 6 {
			refunded(s, s.Person("JPN", fmt.Sprintf("7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c%02d", 10+i)))
		}
		for range 2 {
			wait(24 * time.Hour)
			s.Must((&follow.Watch{Store: s.Hub}).Step(t.Context()))
			evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: insight.Surged}, store.Page{})
			if err != nil || len(evs) != 1 {
				t.Fatalf("%d alarms, %v", len(evs), err)
			}
		}
	})
}

// TestWatchSandbox: what a tester buys and gets back in the sandbox, however much it
// is, raises no alarm; nor does it hide or weigh down what the same customer gets back
// in production.
func TestWatchSandbox(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		box := s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
		tester, customer := box.Person("JPN", token), s.Person("JPN", token)
		for range 12 {
			box.Bought(tester, "beans")
			wait(24 * time.Hour)
		}
		for range 8 {
			refunded(box, tester)
		}
		if evs := alarms(s, "refunds.*"); len(evs) != 0 {
			t.Fatalf("the sandbox raised %d alarms: %s", len(evs), evs[0].Data)
		}
		for range 3 {
			refunded(s, customer)
		}
		refunded(box, tester)
		evs := alarms(s, "refunds.*")
		var data struct {
			Refunded int `json:"refunded"`
			Bought   int `json:"bought"`
		}
		if len(evs) != 1 || evs[0].Type != insight.SuspiciousRefunds || evs[0].Account != followtest.AccountID {
			t.Fatalf("%d alarms: %+v", len(evs), evs)
		}
		s.Must(json.Unmarshal(evs[0].Data, &data))
		if data.Refunded != 3 || data.Bought != 3 {
			t.Errorf("%+v", data)
		}
	})
}

// TestWatchApart: of a customer who gets money back in two apps, each app's store is
// told of with its own numbers; and who looks again from further back, as after a
// restart, tells nothing new.
func TestWatchApart(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		tea := s.Beside(sim.Production, "acc_tea", "app_tea", "jp.hinata.tea")
		here, there := s.Person("JPN", token), tea.Person("JPN", token)
		watch := &follow.Watch{Store: s.Hub}
		s.Must(watch.Step(t.Context()))
		told := func(w *follow.Watch) (got []string) {
			t.Helper()
			s.Must(w.Step(t.Context()))
			evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: insight.SuspiciousRefunds}, store.Page{})
			s.Must(err)
			for _, e := range evs {
				var data struct {
					Store            struct{ ID string }
					Refunded, Bought int
				}
				s.Must(json.Unmarshal(e.Data, &data))
				got = append(got, fmt.Sprintf("%s %s %d/%d", e.Account, data.Store.ID, data.Refunded, data.Bought))
			}
			slices.Sort(got)
			return got
		}
		for range 3 {
			refunded(s, here)
			refunded(tea, there)
		}
		s.Bought(here, "beans")
		tea.Bought(there, "beans")
		tea.Bought(there, "beans")
		wait(5 * time.Minute)
		want := []string{"acc_store acc_store 3/4", "acc_tea acc_tea 3/5"}
		if got := told(watch); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		refunded(tea, there)
		wait(5 * time.Minute)
		want = append(want, "acc_tea acc_tea 4/6")
		for _, w := range []*follow.Watch{watch, {Store: s.Hub}} {
			if got := told(w); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
	})
}
