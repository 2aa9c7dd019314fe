package refund_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/rude"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/verdict"
)

const token = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"

// shop is a followtest.Shop whose refund cases are answered.
type shop struct {
	*followtest.Shop

	*testing.T
	run *refund.Runner
}

// within runs a test in a bubble with a shop on SQLite.
func within(t *testing.T, do func(t *testing.T, s *shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, open(t, storetest.SQLite(t))) })
}

func open(t *testing.T, url string) *shop {
	t.Helper()
	s := followtest.Open(t, url, sim.Production)
	s.Undecided = true
	return &shop{s, t, &refund.Runner{Store: s.Hub, Clients: s.Clients}}
}

// pass lets time go by while a node works.
func (s *shop) pass(d time.Duration) {
	s.Helper()
	for end := time.Now().Add(d); ; {
		synctest.Wait()
		s.Must(s.run.Step(s.Context()))
		left := time.Until(end)
		if left <= 0 {
			return
		}
		time.Sleep(min(left, time.Minute))
	}
}

// policy saves rules for the shop's account.
func (s *shop) policy(p refund.Policy) {
	s.Helper()
	s.Must(p.Check())
	body, err := p.Write()
	s.Must(err)
	kept, err := s.Hub.RefundPolicies(s.Context(), followtest.Workspace, followtest.AccountID, 1)
	s.Must(err)
	var version int64
	if len(kept) > 0 {
		version = kept[0].Version
	}
	s.Must(s.Hub.By("member:mem_1").SaveRefundPolicy(s.Context(), engawa.RefundPolicy{Workspace: followtest.Workspace, Account: followtest.AccountID, Version: version, Body: body}))
}

// always answers every case by one preference, with what is assumed of purchases.
func always(p appstore.RefundPreference) refund.Policy {
	no := false
	return refund.Policy{Rules: []refund.Rule{{Act: refund.Send, Preference: p}}, Delivery: appstore.Delivered, Sample: &no}
}

// decide records a decision of the customer of a purchase.
func (s *shop) decide(customer string, given bool) (id string) {
	s.Helper()
	id = engawa.NewID(engawa.PrefixConsent)
	s.Must(s.Hub.Decide(s.Context(), engawa.Consent{
		Workspace: followtest.Workspace, ID: id, Customer: customer, Controller: engawa.ControllerWorkspace, App: followtest.AppID, Act: engawa.ActShareUsage,
		Purpose: engawa.Service, Given: given, At: time.Now(), Evidence: engawa.Evidence{Wording: "ご利用状況をAppleに伝えます", Version: "1", Where: "app", How: "switch"},
	}))
	return id
}

// the is the one case of a customer.
func (s *shop) the(customer string) engawa.RefundCase {
	s.Helper()
	cs, err := s.Hub.RefundsOf(s.Context(), followtest.Workspace, customer)
	s.Must(err)
	if len(cs) != 1 {
		s.Fatalf("%d cases", len(cs))
	}
	f, err := s.Hub.RefundFacts(s.Context(), followtest.Workspace, cs[0].ID)
	s.Must(err)
	return f.Case
}

// lines are what happened to a case on our side.
func (s *shop) lines(c engawa.RefundCase) (all []refund.Line) {
	s.Helper()
	k, err := refund.Read(c)
	s.Must(err)
	return k.Lines
}

func (s *shop) tell(c engawa.Consumption) {
	s.Helper()
	c.Workspace = followtest.Workspace
	_, err := s.Hub.TellConsumption(s.Context(), c)
	s.Must(err)
}

// alarms counts the events and the tasks that tell that time runs out.
func (s *shop) alarms() (events, open int) {
	s.Helper()
	evs, err := s.Hub.Events(s.Context(), followtest.Workspace, store.EventFilter{Type: "refund.due"}, store.Page{})
	s.Must(err)
	for _, e := range evs {
		if err := catalogue.Check(e); err != nil {
			s.Error(err)
		}
	}
	ks, err := s.Hub.TaskPage(s.Context(), followtest.Workspace, store.TaskFilter{Kind: store.RefundTask, State: "open"}, store.Page{})
	s.Must(err)
	for _, k := range ks {
		if k.Count != 1 {
			s.Errorf("raised %d times", k.Count)
		}
	}
	return len(evs), len(ks)
}

// bought is a customer who bought something and asked for the money back.
func (s *shop) bought(product string) (transaction, customer string) {
	s.Helper()
	transaction = s.Bought(s.Person("JPN", token), product)
	s.pass(time.Minute)
	return transaction, s.Purchase(transaction).Customer
}

// TestAnswered: with consent on file the policy answers, at once, all that is
// known; the store's decision closes the case.
func TestAnswered(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferDecline))
		beans, who := s.bought("beans")
		consent := s.decide(who, true)
		s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(75_000)), Sample: new(true)})
		s.Must(s.AskRefund(beans, "UNSATISFIED_WITH_PURCHASE"))
		s.pass(time.Minute)
		got := s.Answers(beans)
		if len(got) != 1 || got[0].Late || got[0].Version != 2 {
			t.Fatalf("%+v", got)
		}
		for name, want := range map[string]any{
			"customerConsented": true, "deliveryStatus": "DELIVERED", "sampleContentProvided": true, "consumptionPercentage": 75000.0, "refundPreference": "DECLINE",
		} {
			if got[0].Body[name] != want {
				t.Errorf("%s: %v", name, got[0].Body[name])
			}
		}
		c := s.the(who)
		if c.Answer != engawa.RefundSent || c.State != engawa.RefundOpen || c.Reason != "UNSATISFIED_WITH_PURCHASE" || c.DueAt.Sub(c.AskedAt) != 12*time.Hour || c.Price != 300_000 || c.Currency != "JPY" {
			t.Errorf("%+v", c)
		}
		if l := s.lines(c); len(l) != 1 || l[0].What != refund.DidSend || l[0].Consent != consent || l[0].Version != 1 {
			t.Errorf("%+v", l)
		}
		s.pass(20 * time.Hour)
		if n := len(s.Answers(beans)); n != 1 {
			t.Errorf("answered %d times", n)
		}
		if e, open := s.alarms(); e != 0 || open != 0 {
			t.Errorf("%d alarms, %d tasks", e, open)
		}
		s.Must(s.Decide(beans, 0))
		s.pass(time.Minute)
		if c = s.the(who); c.State != engawa.RefundDeclined || c.Requests != 3 || !c.NextAt.IsZero() {
			t.Errorf("%+v", c)
		}
		s.Must(s.Decide(beans, 100)) // the store changes its mind
		s.pass(time.Minute)
		if c = s.the(who); c.State != engawa.RefundGranted || c.Returned != 300_000 {
			t.Errorf("%+v", c)
		}
		s.Must(s.Reverse(beans))
		s.pass(time.Minute)
		if c = s.the(who); c.State != engawa.RefundReversed || c.Returned != 0 || c.Answer != engawa.RefundSent {
			t.Errorf("%+v", c)
		}
	})
}

// TestPercentage: how far something was used is told where Apple's rules take it: not
// of a subscription, whose share Apple computes, and not of what was not delivered. A
// refund of the unused part that would need it is left to a person.
func TestPercentage(t *testing.T) {
	for name, c := range map[string]struct {
		product  string
		delivery appstore.Delivery
		wish     appstore.RefundPreference
		percent  any // that is sent; nil: none
		why      string
	}{
		"a part":                    {"beans", appstore.Delivered, appstore.PreferProrated, 75000.0, ""},
		"a subscription":            {"monthly", appstore.Delivered, appstore.PreferProrated, nil, ""},
		"undelivered":               {"beans", appstore.UndeliveredQuality, appstore.PreferFull, nil, ""},
		"undelivered, in part":      {"beans", appstore.UndeliveredServerDown, appstore.PreferProrated, nil, refund.WhyPercentage},
		"undelivered subscription":  {"monthly", appstore.UndeliveredOtherReason, appstore.PreferProrated, nil, ""},
		"undelivered, no wish said": {"beans", appstore.UndeliveredWrongItem, "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, s *shop) {
				s.policy(always(c.wish))
				bought, who := s.bought(c.product)
				s.decide(who, true)
				s.tell(engawa.Consumption{Customer: who, Delivery: string(c.delivery), Percent: new(int64(75_000))})
				s.Must(s.AskRefund(bought, "OTHER"))
				s.pass(time.Minute)
				got, is := s.Answers(bought), s.the(who)
				if c.why != "" {
					if len(got) != 0 || is.Answer != engawa.RefundProposed || is.Why != c.why {
						t.Errorf("%+v %+v", got, is)
					}
					return
				}
				if is.Answer != engawa.RefundSent || len(got) != 1 {
					t.Fatalf("%+v %+v", got, is)
				}
				want := map[string]any{"customerConsented": true, "sampleContentProvided": false, "deliveryStatus": string(c.delivery)}
				if c.wish != "" {
					want["refundPreference"] = string(c.wish)
				}
				if c.percent != nil {
					want["consumptionPercentage"] = c.percent
				}
				if !maps.Equal(got[0].Body, want) {
					t.Errorf("%v, want %v", got[0].Body, want)
				}
			})
		})
	}
}

// TestNoConsent: nothing is answered without consent, an alarm is raised once when
// 3 hours are left, by whatever number of nodes, and after 12 hours it is too late.
func TestNoConsent(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferDecline))
		beans, who := s.bought("beans")
		s.Must(s.AskRefund(beans, "OTHER"))
		asked := time.Now()
		s.pass(9*time.Hour - time.Minute)
		if c := s.the(who); c.Answer != engawa.RefundNoConsent || c.Why != refund.WhyNoConsent {
			t.Errorf("%+v", c)
		}
		if e, open := s.alarms(); e != 0 || open != 0 {
			t.Errorf("%v after the request: %d alarms, %d tasks", time.Since(asked), e, open)
		}
		other := &refund.Runner{Store: s.Hub, Clients: s.Clients} // a node that was started meanwhile
		for range 5 {
			s.pass(time.Minute)
			s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(1000))}) // which has it looked at again
			s.Must(other.Step(t.Context()))
		}
		if e, open := s.alarms(); e != 1 || open != 1 {
			t.Errorf("%d alarms, %d tasks", e, open)
		}
		s.pass(4 * time.Hour)
		c := s.the(who)
		if c.Answer != engawa.RefundLate || len(s.Answers(beans)) != 0 {
			t.Errorf("%+v %v", c, s.Answers(beans))
		}
		if e, open := s.alarms(); e != 1 || open != 0 {
			t.Errorf("when it is over: %d alarms, %d tasks", e, open)
		}
		_, err := s.run.Answer(t.Context(), s.Hub, followtest.Workspace, c.ID, refund.Choice{Preference: appstore.PreferDecline})
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Code != engawa.CodeConflict || !strings.Contains(told.Message, "too late") {
			t.Errorf("%v", err)
		}
		if got := whats(s.lines(c)); !slices.Equal(got, []refund.What{refund.DidWithhold, refund.DidAlarm, refund.DidMiss}) {
			t.Errorf("%v", got)
		}
	})
}

func whats(ls []refund.Line) (all []refund.What) {
	for _, l := range ls {
		all = append(all, l.What)
	}
	return all
}

// TestConsentLater: a consent that comes within the clock lets the answer out at
// once; one for another app does not.
func TestConsentLater(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferFull))
		beans, who := s.bought("beans")
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(time.Hour)
		s.Must(s.Hub.Decide(t.Context(), engawa.Consent{
			Workspace: followtest.Workspace, ID: "cns_other", Customer: who, Controller: engawa.ControllerWorkspace, App: "app_other", Act: engawa.ActShareUsage, Given: true, At: time.Now(),
		}))
		s.pass(time.Hour)
		if n := len(s.Answers(beans)); n != 0 {
			t.Fatalf("answered %d times by a consent for another app", n)
		}
		s.decide(who, true)
		s.pass(time.Minute)
		if got := s.Answers(beans); len(got) != 1 || got[0].Body["refundPreference"] != "GRANT_FULL" {
			t.Errorf("%+v", got)
		}
	})
}

// TestRescinded: after a parent took back the consent to the app, nothing is told of
// the child's use, though the child had agreed; the case says why, also one that was
// open already.
func TestRescinded(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		policy := always(appstore.PreferDecline)
		policy.Rules[0].Act = refund.Propose
		s.policy(policy)
		child := s.Person("JPN", token)
		beans := s.Bought(child, "beans")
		s.pass(time.Minute)
		who := s.Purchase(beans).Customer
		s.decide(who, true)
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(time.Minute)
		if c := s.the(who); c.Answer != engawa.RefundProposed {
			t.Errorf("with the child's consent: %+v", c)
		}
		s.Must(s.RescindConsent(child))
		s.pass(time.Minute)
		s.policy(always(appstore.PreferDecline)) // by which it would go out
		more := s.Bought(child, "beans")
		s.pass(time.Minute)
		s.Must(s.AskRefund(more, "OTHER"))
		s.pass(time.Minute)
		cs, err := s.Hub.RefundsOf(t.Context(), followtest.Workspace, who)
		s.Must(err)
		if len(cs) != 2 {
			t.Fatalf("%d cases", len(cs))
		}
		for _, c := range cs {
			if c.Answer != engawa.RefundNoConsent || c.Why != refund.WhyWithdrawn {
				t.Errorf("%+v", c)
			}
		}
		if n := len(s.Answers(beans)) + len(s.Answers(more)); n != 0 {
			t.Errorf("answered %d times", n)
		}
	})
}

// TestWithdrawn: a consent withdrawn between proposal and sending stops it.
func TestWithdrawn(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		no := false
		s.policy(refund.Policy{Delivery: appstore.Delivered, Sample: &no})
		beans, who := s.bought("beans")
		s.decide(who, true)
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(time.Minute)
		c := s.the(who)
		if c.Answer != engawa.RefundProposed || c.Why != refund.WhyNoRule {
			t.Errorf("%+v", c)
		}
		time.Sleep(time.Second)
		s.decide(who, false)
		_, err := s.run.Answer(t.Context(), s.Hub.By("member:mem_1"), followtest.Workspace, c.ID, refund.Choice{By: "member:mem_1", Preference: appstore.PreferDecline})
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Code != engawa.CodeConflict || told.Field != "/consent" || told.Remedy == "" {
			t.Errorf("%v", err)
		}
		s.pass(time.Minute)
		if c = s.the(who); len(s.Answers(beans)) != 0 || c.Answer != engawa.RefundNoConsent || c.Why != refund.WhyWithdrawn {
			t.Errorf("%+v", c)
		}
		s.decide(who, true)
		c, err = s.run.Answer(t.Context(), s.Hub.By("member:mem_1"), followtest.Workspace, c.ID, refund.Choice{By: "member:mem_1", Preference: appstore.PreferDecline})
		if err != nil || c.Answer != engawa.RefundSent || len(s.Answers(beans)) != 1 {
			t.Errorf("%+v, %v", c, err)
		}
		trail, err := s.Hub.Audits(t.Context(), followtest.Workspace, store.AuditFilter{Object: c.ID}, store.Page{})
		if err != nil || len(trail) != 1 || trail[0].Action != "answer-refund" || trail[0].Actor != "member:mem_1" {
			t.Errorf("%+v, %v", trail, err)
		}
		s.decide(who, false)
		s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(50_000))})
		s.pass(time.Hour)
		if c = s.the(who); len(s.Answers(beans)) != 1 || c.Answer != engawa.RefundSent {
			t.Errorf("after a withdrawal: %d answers, %+v", len(s.Answers(beans)), c)
		}
	})
}

// TestRepeated: requests that the store repeats join the case and wind no clock up.
func TestRepeated(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		beans, who := s.bought("beans")
		s.Must(s.AskRefund(beans, "LEGAL"))
		s.pass(time.Minute)
		first := s.the(who)
		s.pass(17 * time.Hour)
		c := s.the(who)
		if c.Requests != 3 || !c.DueAt.Equal(first.DueAt) || c.ID != first.ID || c.Answer != engawa.RefundLate {
			t.Errorf("%+v", c)
		}
		if e, _ := s.alarms(); e != 1 {
			t.Errorf("%d alarms", e)
		}
		s.Must(s.Decide(beans, 0))
		s.pass(time.Hour)
		s.Must(s.AskRefund(beans, "OTHER")) // the customer asks again after the store declined
		s.pass(time.Minute)
		c = s.the(who)
		if c.State != engawa.RefundOpen || c.Requests != 1 || c.Answer == engawa.RefundLate || time.Until(c.DueAt) < 11*time.Hour || c.Reason != "OTHER" {
			t.Errorf("asked anew: %+v", c)
		}
		s.pass(10 * time.Hour)
		if e, open := s.alarms(); e != 2 || open != 1 {
			t.Errorf("%d alarms, %d tasks", e, open)
		}
	})
}

// TestSentAgain: what the business tells within the clock is sent again; the same
// word twice, and a word after the clock, are not.
func TestSentAgain(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferProrated))
		beans, who := s.bought("beans")
		s.decide(who, true)
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(time.Hour)
		if c := s.the(who); c.Answer != engawa.RefundProposed || c.Why != refund.WhyPercentage {
			t.Errorf("%+v", c)
		}
		used := func(part int64) { s.tell(engawa.Consumption{Customer: who, Product: "beans", Percent: &part}) }
		used(40_000)
		s.pass(time.Hour)
		used(40_000)
		s.pass(time.Hour)
		used(60_000)
		s.pass(10 * time.Hour)
		used(80_000)
		s.pass(time.Hour)
		var parts []any
		for _, a := range s.Answers(beans) {
			parts = append(parts, a.Body["consumptionPercentage"])
		}
		if !slices.Equal(parts, []any{40000.0, 60000.0}) {
			t.Errorf("%v", parts)
		}
	})
}

// TestUnderWay: what comes while a node sends an answer has no other node send it
// too. If it changes the answer, that follows at once, whatever the store said.
func TestUnderWay(t *testing.T) {
	for _, status := range []int{0, 400} {
		within(t, func(t *testing.T, s *shop) {
			s.policy(always(appstore.PreferDecline))
			beans, who := s.bought("beans")
			s.decide(who, true)
			s.Must(s.AskRefund(beans, "OTHER"))
			synctest.Wait()
			slow := true
			s.Answer = func(r *http.Request) (int, bool) {
				if !slow || r.Method != http.MethodPut {
					return 0, false
				}
				slow = false
				time.Sleep(50 * time.Second)
				return status, false
			}
			first := make(chan error, 1)
			go func() { first <- s.run.Step(t.Context()) }()
			time.Sleep(10 * time.Second)
			s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(1000))})
			s.pass(30 * time.Second)
			if n := len(s.Answers(beans)); n != 0 {
				t.Errorf("%d: %d answers beside the one under way", status, n)
			}
			s.Must(<-first)
			s.pass(time.Second)
			got := s.Answers(beans)
			if want := 2 - status/400; len(got) != want || got[want-1].Body["consumptionPercentage"] != 1000.0 {
				t.Errorf("%d: %+v", status, got)
			}
		})
	}
}

// fails has the store's next answers be these; after them it is well.
func (s *shop) fails(faults ...rude.Fault) {
	s.Answer = func(r *http.Request) (int, bool) {
		if len(faults) == 0 || r.Method != http.MethodPut {
			return 0, false
		}
		f := faults[0]
		faults = faults[1:]
		return f.Status, f.Done
	}
}

// TestOutages: a time-out is no end: the same is sent again; what the store
// refuses is shown with its code and not sent again until something changes.
func TestOutages(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferDecline))
		beans, who := s.bought("beans")
		s.decide(who, true)
		s.fails(rude.Fault{Status: rude.Lost, Done: true}, rude.Fault{Status: 429}, rude.Fault{Status: 503}, rude.Fault{Status: 5000000})
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(20 * time.Minute)
		c := s.the(who)
		if c.Answer != engawa.RefundSent || len(s.Answers(beans)) != 2 { // the lost one had arrived
			t.Errorf("%d answers, %+v", len(s.Answers(beans)), c)
		}
		ls := s.lines(c)
		if got := whats(ls); !slices.Equal(got, []refund.What{refund.DidFail, refund.DidFail, refund.DidFail, refund.DidFail, refund.DidSend}) || ls[3].Code != 5000000 || ls[1].Status != 429 || ls[1].Code != 4290000 {
			t.Errorf("%+v", ls)
		}
		s.fails(rude.Fault{Status: 400})
		s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(1000))})
		s.pass(time.Hour)
		c = s.the(who)
		if c.Answer != engawa.RefundRefused || c.Why != refund.WhyRefused || len(s.Answers(beans)) != 2 {
			t.Errorf("%d answers, %+v", len(s.Answers(beans)), c)
		}
		s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(2000))})
		s.pass(time.Hour)
		if c = s.the(who); c.Answer != engawa.RefundSent || len(s.Answers(beans)) != 3 {
			t.Errorf("%d answers, %+v", len(s.Answers(beans)), c)
		}
	})
}

// TestNeverReached: a store that cannot be asked is asked until the clock is over;
// a person is told once.
func TestNeverReached(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferDecline))
		beans, who := s.bought("beans")
		s.decide(who, true)
		s.Answer = func(*http.Request) (int, bool) { return 503, false }
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(10 * time.Hour)
		if c := s.the(who); c.Answer != engawa.RefundRetrying || c.Why != refund.WhyUnreachable {
			t.Errorf("%+v", c)
		}
		if e, open := s.alarms(); e != 1 || open != 1 {
			t.Errorf("%d alarms, %d tasks", e, open)
		}
		s.pass(3 * time.Hour)
		if c := s.the(who); c.Answer != engawa.RefundLate {
			t.Errorf("%+v", c)
		}
	})
}

// TestAnyOrder: requests and decisions that come late, shuffled and five times over
// end in the same case.
func TestAnyOrder(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		beans, who := s.bought("beans")
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(20 * time.Hour)
		s.Must(s.Decide(beans, 0))
		s.pass(time.Hour)
		s.Must(s.AskRefund(beans, "LEGAL"))
		s.pass(time.Hour)
		s.Must(s.Decide(beans, 40))
		s.pass(time.Hour)
		want := s.the(who)
		if want.State != engawa.RefundGranted || want.Returned != 120_000 || want.Requests != 1 || want.Reason != "LEGAL" {
			t.Fatalf("%+v", want)
		}
		notices := s.Notices()
		for range 4 {
			other := open(t, storetest.SQLite(t))
			for range 5 {
				rand.Shuffle(len(notices), func(i, j int) { notices[i], notices[j] = notices[j], notices[i] })
				for _, n := range notices {
					s.Must(hand(s, other, n.Body))
				}
			}
			got := other.the(other.Purchase(beans).Customer)
			if got.State != want.State || got.Returned != want.Returned || got.Requests != want.Requests || !got.AskedAt.Equal(want.AskedAt) || !got.ClosedAt.Equal(want.ClosedAt) {
				t.Errorf("%+v", got)
			}
			if e, open := other.alarms(); e != 0 || open != 0 {
				t.Errorf("%d alarms, %d tasks", e, open)
			}
		}
	})
}

// hand hands another hub of the same app a notification of s.
func hand(s, other *shop, body []byte) error {
	a, err := appstore.Recall(body)
	if err != nil || a.Transaction == nil {
		return err
	}
	e := engawa.Event{Raw: body}
	return other.Follow.Event(context.WithoutCancel(s.Context()), other.Account, &e)
}

// TestPeople: a case goes with a customer who is merged, and answers for nobody
// once the customer is erased.
func TestPeople(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferDecline))
		beans, from := s.bought("beans")
		s.decide(from, true)
		into := "cus_other"
		s.Must(s.Hub.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: followtest.Workspace, ID: into, Kind: "person", CreatedAt: time.Now()}}))
		s.tell(engawa.Consumption{Customer: from, Product: "beans", Percent: new(int64(30_000))})
		s.tell(engawa.Consumption{Customer: into, Product: "beans", Percent: new(int64(60_000))})
		_, err := s.Hub.Merge(t.Context(), store.Merge{Workspace: followtest.Workspace, Into: into, From: from, Narrow: verdict.Narrow})
		s.Must(err)
		time.Sleep(time.Second)
		s.Must(s.AskRefund(beans, "OTHER"))
		s.pass(time.Minute)
		c := s.the(into)
		if c.Answer != engawa.RefundSent { // nobody withdrew: a service consent outlives silence
			t.Errorf("%+v", c)
		}
		if got := s.Answers(beans); len(got) != 1 || got[0].Body["consumptionPercentage"] != 60000.0 {
			t.Errorf("%+v", got)
		}
		s.tell(engawa.Consumption{Customer: from, Percent: new(int64(99_000))}) // told of who was merged: it is the other's
		_, err = s.Hub.Erase(t.Context(), followtest.Workspace, into)
		s.Must(err)
		s.pass(13 * time.Hour)
		c = s.the(into)
		if c.Facts != nil || c.Transaction != "" || len(s.Answers(beans)) != 1 {
			t.Errorf("%+v %d", c, len(s.Answers(beans)))
		}
		if e, open := s.alarms(); e != 0 || open != 0 {
			t.Errorf("%d alarms, %d tasks", e, open)
		}
		_, err = s.run.Answer(t.Context(), s.Hub, followtest.Workspace, c.ID, refund.Choice{})
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Code != engawa.CodeConflict {
			t.Errorf("%v", err)
		}
	})
}

// TestKept: what was told is kept 30 days to the minute, and longer while a case is
// open that it bears on.
func TestKept(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		beans, who := s.bought("beans")
		others := s.Bought(s.Person("JPN", ""), "beans")
		s.pass(time.Minute)
		other := s.Purchase(others).Customer
		for _, of := range []string{beans, others, "2000000000009999"} {
			s.tell(engawa.Consumption{Transaction: of, Percent: new(int64(75_000))})
		}
		told := func(customer string) int {
			s.Must(s.Hub.Sweep(t.Context()))
			f, err := s.Hub.RefundFacts(t.Context(), followtest.Workspace, s.the(customer).ID)
			s.Must(err)
			return len(f.Told)
		}
		ask := func(transaction string) {
			s.Must(s.Hub.Sweep(t.Context())) // before there is a case for which it is kept
			s.Must(s.AskRefund(transaction, "OTHER"))
			s.pass(0)
		}
		time.Sleep(engawa.ConsumptionFor - time.Minute)
		ask(beans)
		time.Sleep(2 * time.Minute)
		ask(others)
		if in, late := told(who), told(other); in != 1 || late != 0 {
			t.Errorf("a minute before its end %d are kept, a minute after it %d", in, late)
		}
		time.Sleep(5 * 24 * time.Hour)
		if n := told(who); n != 1 {
			t.Errorf("of an open case %d are kept", n)
		}
		s.Must(s.Decide(beans, 0))
		s.pass(time.Minute)
		if n := told(who); n != 0 {
			t.Errorf("of a closed case %d are kept", n)
		}
	})
}

// TestOlder: an Advanced Commerce purchase is answered in the older form.
func TestOlder(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.policy(always(appstore.PreferDecline))
		beans, who := s.bought("beans")
		s.decide(who, true)
		s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(75_000)), Played: new(int64(7200))})
		now := appstore.Date(time.Now().UnixMilli())
		_, err := s.Follow.Save(t.Context(), s.Account, follow.How{}, purchase.Report{
			ID: "n1", Type: "CONSUMPTION_REQUEST", At: now, Asked: "OTHER",
			Transaction: &appstore.Transaction{
				TransactionID: beans, OriginalTransactionID: beans, ProductID: "beans", Type: sim.Consumable, PurchaseDate: now - 1000, SignedDate: now + 1, AppAccountToken: token, AdvancedCommerceInfo: []byte(`{}`),
			},
		})
		s.Must(err)
		s.pass(time.Minute)
		if c := s.the(who); !c.Advanced || c.Answer != engawa.RefundSent {
			t.Fatalf("%+v %+v", c, s.lines(c))
		}
		put := s.Calls()[len(s.Calls())-1]
		if !strings.Contains(put.Path, "v1/transactions/consumption") {
			t.Errorf("%+v", put)
		}
	})
}

// TestOlderNumbers: Apple's numbers for what is known; what is not is undeclared.
func TestOlderNumbers(t *testing.T) {
	played, used := int64(7200), int64(100_000)
	f := store.RefundFacts{Case: engawa.RefundCase{Transaction: "1"}, Told: []engawa.Consumption{{Transaction: "1", Played: &played}}}
	got := refund.Older(refund.Answer{Delivery: appstore.UndeliveredOtherReason, Percent: &used, Preference: appstore.PreferFull}, f)
	want := appstore.ConsumptionV1{Platform: 1, Delivery: 5, ConsumptionStatus: 3, PlayTime: 3, RefundPreference: 1}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestRules: the first rule that fits counts, by each of its conditions.
func TestRules(t *testing.T) {
	now := time.Now()
	f := store.RefundFacts{Earlier: 2, Case: engawa.RefundCase{
		Product: "beans", Kind: "consumable", Storefront: "JPN", Price: 300_000, Currency: "JPY", AskedAt: now, BoughtAt: now.Add(-50 * time.Hour),
	}}
	for name, tc := range map[string]struct {
		rule refund.Rule
		fits bool
	}{
		"everything":         {refund.Rule{}, true},
		"product":            {refund.Rule{Products: []string{"tea", "beans"}}, true},
		"another product":    {refund.Rule{Products: []string{"tea"}}, false},
		"kind":               {refund.Rule{Kinds: []string{"consumable"}}, true},
		"another kind":       {refund.Rule{Kinds: []string{"non_consumable"}}, false},
		"storefront":         {refund.Rule{Storefronts: []string{"JPN"}}, true},
		"another storefront": {refund.Rule{Storefronts: []string{"KOR"}}, false},
		"two days old":       {refund.Rule{AgeFrom: 2, AgeTo: new(2)}, true},
		"too young":          {refund.Rule{AgeFrom: 3}, false},
		"too old":            {refund.Rule{AgeTo: new(1)}, false},
		"refunds":            {refund.Rule{EarlierFrom: 2, EarlierTo: new(2)}, true},
		"too few refunds":    {refund.Rule{EarlierFrom: 3}, false},
		"too many refunds":   {refund.Rule{EarlierTo: new(0)}, false},
		"amount":             {refund.Rule{Currency: "JPY", AmountFrom: new(int64(300_000)), AmountTo: new(int64(300_000))}, true},
		"too cheap":          {refund.Rule{Currency: "JPY", AmountFrom: new(int64(300_001))}, false},
		"too dear":           {refund.Rule{Currency: "JPY", AmountTo: new(int64(299_999))}, false},
		"another currency":   {refund.Rule{Currency: "KRW", AmountTo: new(int64(900_000))}, false},
	} {
		_, place := refund.Policy{Rules: []refund.Rule{tc.rule, {}}}.Rule(f)
		if (place == 0) != tc.fits {
			t.Errorf("%s: rule %d", name, place)
		}
	}
	if r, place := (refund.Policy{}).Rule(f); place != -1 || r.Act != refund.Propose {
		t.Errorf("without rules: %v at %d", r.Act, place)
	}
}

// TestEarlierApart: what a tester got back in the sandbox is no refund before of the
// same customer in production, by which rules answer, nor the other way round. Both
// engines.
func TestEarlierApart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		box := s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
		n := 0
		hears := func(a engawa.Account, product, typ string, told ...string) {
			t.Helper()
			n++
			id := strconv.Itoa(n)
			for i, what := range told {
				now := appstore.Date(time.Now().Add(time.Duration(i) * time.Second).UnixMilli())
				tx := appstore.Transaction{TransactionID: id, OriginalTransactionID: id, ProductID: product, Type: typ, PurchaseDate: 1000, SignedDate: now, AppAccountToken: token}
				if what == "REFUND" {
					tx.RevocationDate = now
				}
				_, err := s.Follow.Save(t.Context(), a, follow.How{}, purchase.Report{ID: what + id, Type: what, At: now, Asked: "OTHER", Transaction: &tx})
				s.Must(err)
			}
		}
		const asks = "CONSUMPTION_REQUEST"
		hears(box.Account, "beans", sim.Consumable, asks, "REFUND")
		hears(box.Account, "recipes", sim.NonConsumable, "REFUND")
		hears(s.Account, "recipes", sim.NonConsumable, "REFUND")
		hears(s.Account, "beans", sim.Consumable, asks)
		hears(box.Account, "beans", sim.Consumable, asks)
		customer, err := s.Hub.CustomerBy(t.Context(), followtest.Workspace, engawa.Identity{Issuer: appstore.Issuer, Kind: appstore.KindAppAccountToken, Value: token})
		s.Must(err)
		cs, err := s.Hub.RefundsOf(t.Context(), followtest.Workspace, customer)
		s.Must(err)
		want := map[string]int{engawa.Production: 1, engawa.Sandbox: 2}
		for _, c := range cs {
			if c.State != engawa.RefundOpen {
				continue
			}
			f, err := s.Hub.RefundFacts(t.Context(), followtest.Workspace, c.ID)
			if s.Must(err); f.Earlier != want[c.Environment] {
				t.Errorf("%s: %d before, want %d", c.Environment, f.Earlier, want[c.Environment])
			}
			delete(want, c.Environment)
		}
		if len(want) > 0 {
			t.Errorf("no open case in %v", want)
		}
	})
}

// TestEngines plays a case on both engines: several nodes answer it once, a
// withdrawal waits for a decision under way, and a merger takes the case along.
func TestEngines(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		s.policy(always(appstore.PreferDecline))
		beans := s.Bought(s.Person("JPN", token), "beans")
		s.Must(s.AskRefund(beans, "OTHER"))
		ask := purchase.Report{ID: "n1", Type: "CONSUMPTION_REQUEST", At: appstore.Date(time.Now().UnixMilli()), Asked: "OTHER", Transaction: &appstore.Transaction{
			TransactionID: beans, OriginalTransactionID: beans, ProductID: "beans", Type: sim.Consumable, PurchaseDate: 1000, SignedDate: appstore.Date(time.Now().UnixMilli()), AppAccountToken: token,
		}}
		ps, err := s.Follow.Save(t.Context(), s.Account, follow.How{}, ask)
		s.Must(err)
		who := ps[0].Customer
		c := s.the(who)
		s.decide(who, true)
		for _, w := range []refund.Word{
			{Transaction: beans, Percent: new(int64(10_000))},
			{Customer: who, Product: "beans", Sample: new(true)},
			{Identity: engawa.Identity{Issuer: appstore.Issuer, Kind: appstore.KindAppAccountToken, Value: token}, Percent: new(int64(90_000)), Played: new(int64(60))},
		} {
			w.Workspace = followtest.Workspace
			told, err := refund.Tell(t.Context(), s.Hub, w)
			if err != nil || told.Customer != who {
				t.Errorf("%+v, %v", told, err)
			}
		}
		for _, w := range []refund.Word{{}, {Customer: who}, {Customer: who, Transaction: beans, Percent: new(int64(1))}, {Transaction: beans, Product: "beans", Percent: new(int64(1))}, {Customer: who, Delivery: "LOST"}, {Customer: who, Percent: new(int64(100_001))}} {
			w.Workspace = followtest.Workspace
			if _, err := refund.Tell(t.Context(), s.Hub, w); err == nil {
				t.Errorf("taken: %+v", w)
			}
		}
		errs := make(chan error, 8)
		for range cap(errs) {
			go func() { errs <- (&refund.Runner{Store: s.Hub, Clients: s.Clients}).Step(t.Context()) }()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		got := s.Answers(beans)
		if len(got) != 1 || got[0].Body["consumptionPercentage"] != 10_000.0 || got[0].Body["sampleContentProvided"] != true {
			t.Errorf("%+v", got)
		}
		decided := make(chan error, 1)
		_, err = s.Hub.ChangeRefund(t.Context(), followtest.Workspace, c.ID, func(store.RefundFacts) (*store.RefundChange, error) {
			go func() {
				decided <- s.Hub.Decide(context.WithoutCancel(t.Context()), engawa.Consent{Workspace: followtest.Workspace, ID: "cns_not", Customer: who, Controller: engawa.ControllerWorkspace, Act: engawa.ActShareUsage, At: time.Now()})
			}()
			select {
			case <-decided:
				t.Error("a withdrawal came in while an answer was decided on")
			case <-time.After(100 * time.Millisecond):
			}
			return nil, nil
		})
		s.Must(err)
		s.Must(<-decided)
		s.tell(engawa.Consumption{Transaction: beans, Percent: new(int64(20_000))})
		s.Must(s.run.Step(t.Context()))
		if n := len(s.Answers(beans)); n != 1 {
			t.Errorf("%d answers after the withdrawal", n)
		}
		s.Must(s.Hub.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: followtest.Workspace, ID: "cus_other", Kind: "person", CreatedAt: time.Now()}}))
		_, err = s.Hub.Merge(t.Context(), store.Merge{Workspace: followtest.Workspace, Into: "cus_other", From: who, Narrow: verdict.Narrow})
		s.Must(err)
		if m := s.the("cus_other"); m.ID != c.ID || m.Transaction != beans || len(s.lines(m)) == 0 {
			t.Errorf("%+v", m)
		}
		s.Must(s.Hub.Sweep(t.Context()))
		if list, err := s.Hub.Refunds(t.Context(), followtest.Workspace, store.RefundFilter{Answer: engawa.RefundSent, Account: followtest.AccountID, Product: "beans"}, store.Page{Limit: 1}); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		_, err = s.Hub.Erase(t.Context(), followtest.Workspace, "cus_other")
		s.Must(err)
		if m := s.the("cus_other"); m.Facts != nil || m.Transaction != "" {
			t.Errorf("%+v", m)
		}
	})
}
