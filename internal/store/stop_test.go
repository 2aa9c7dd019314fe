package store_test

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// TestLift: what is stopped is listed by contact point and by place, and lifted for
// one reason at a time, with what came back for the address forgotten.
func TestLift(t *testing.T) {
	each(t, func(s *shop) {
		ctx, now := s.t.Context(), time.Now()
		s.customer("cus_1")
		s.must(s.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_1", Name: "店長", Account: mailbox, Address: "boss@hinata.example", CreatedAt: now}))
		stop := func(channel string, address engawa.Address, reason string, until time.Time) {
			s.must(s.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: channel, Address: address, Reason: reason, At: now, Until: until}))
		}
		stop("mail", address("cus_1"), "bounced", now.Add(time.Hour))
		stop("mail", address("cus_1"), "complained", time.Time{})
		stop("mail", address("cus_1"), "operator", now.Add(-time.Hour)) // over
		stop(store.StaffPlaces, "boss@hinata.example", "bounced", time.Time{})
		list := func() (reasons string) {
			points, err := s.Stops(ctx, ws, "cus_1")
			s.must(err)
			places, err := s.StoppedPlaces(ctx, ws, mailbox)
			s.must(err)
			for _, x := range append(points, places...) {
				reasons += x.Of + " " + x.Reason + "; "
			}
			return reasons
		}
		if got := list(); got != "cp_cus_1 bounced; cp_cus_1 complained; dst_1 bounced; " && got != "cp_cus_1 complained; cp_cus_1 bounced; dst_1 bounced; " {
			s.t.Fatalf("stopped: %s", got)
		}
		by := s.By("member:mem_1")
		s.must(by.Lift(ctx, ws, "cp_cus_1", "bounced", "電話で確認"))
		s.must(by.Lift(ctx, ws, "dst_1", "bounced", "直した"))
		if got := list(); got != "cp_cus_1 complained; " {
			s.t.Errorf("after it was lifted: %s", got)
		}
		for _, c := range [][2]string{{"cp_cus_1", "bounced"}, {"cp_none", "bounced"}, {"dst_1", "operator"}} {
			if err := by.Lift(ctx, ws, c[0], c[1], "x"); code(err) != engawa.CodeNotFound {
				s.t.Errorf("%v: %v", c, err)
			}
		}
		lines, err := s.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
		s.must(err)
		n := 0
		for _, l := range lines {
			if l.Action == "lift-suppression" && l.Actor == "member:mem_1" {
				n++
			}
		}
		if n != 2 {
			s.t.Errorf("%d lines in the audit trail", n)
		}
	})
}

// TestStoppedPlace: a notice to a staff place that is stopped, with no other way to
// go, asks a person: at the claim and already when it is made.
func TestStoppedPlace(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.must(s.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_1", Name: "店長", Account: mailbox, Address: "boss@hinata.example", CreatedAt: time.Now()}))
		notice := func() engawa.Message {
			m := s.message("")
			m.Destination, m.Purpose, m.Chain = "dst_1", engawa.Service, m.Chain[:1]
			return m
		}
		asked := func() (n int) {
			all, err := s.Tasks(ctx, ws, 10)
			s.must(err)
			for _, k := range all {
				if k.Kind == "destination.gone" && k.Ref == "dst_1" && k.Args["account"] == mailbox {
					n += k.Count
				}
			}
			return n
		}
		s.send(notice())
		s.claim(s.hold("n1", mailbox), 1, func(*store.Claimed) store.Decision {
			return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse, Decided: engawa.GateSuppression}}
		})
		if asked() != 1 {
			s.t.Errorf("at the claim: asked %d times", asked())
		}
		early := notice()
		early.State = engawa.MessageRefused
		n := news(early)
		n[0].Deliveries[0].State, n[0].Deliveries[0].Note = engawa.Refused, string(engawa.GateSuppression)
		s.must(s.Enqueue(ctx, n))
		if asked() != 2 {
			s.t.Errorf("when it was made: asked %d times", asked())
		}
		other := notice()
		other.State = engawa.MessageRefused
		n = news(other)
		n[0].Deliveries[0].State, n[0].Deliveries[0].Note = engawa.Refused, string(engawa.GateRules)
		s.must(s.Enqueue(ctx, n))
		if asked() != 2 {
			s.t.Errorf("refused for another reason: asked %d times", asked())
		}
	})
}
