package follow_test

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// TestRescinded: where a parent takes back the consent to the app, advertising and
// notices to the child and all that others may be told of the child end at once, with
// the event as evidence, and a person is asked
// to erase what was kept by that consent, once for each word of the store however
// often it comes; also where nobody knows whose child it is.
func TestRescinded(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		who := s.Person("KOR", token)
		sub := s.Bought(who, "monthly")
		wait(time.Second)
		customer := s.Purchase(sub).Customer
		for _, c := range []engawa.Consent{
			{Act: engawa.ActContact, Purpose: engawa.Marketing},
			{Act: engawa.ActContact, Purpose: engawa.Notice},
			{Act: engawa.ActContactNight, Purpose: engawa.Marketing},
			{Act: engawa.ActShareAddress, Purpose: engawa.Service, App: followtest.AppID},
			{Act: engawa.ActShareUsage, Purpose: engawa.Service, App: followtest.AppID},
		} {
			for _, controller := range []string{engawa.ControllerWorkspace, "ptn_1", "ptn_2"} {
				c.Workspace, c.ID, c.Customer, c.Controller, c.Given, c.At = followtest.Workspace, engawa.NewID(engawa.PrefixConsent), customer, controller, true, time.Now()
				c.Evidence = engawa.Evidence{Wording: "お知らせを受け取る", Version: "1", Where: "app"}
				s.Must(s.Hub.Decide(t.Context(), c))
			}
		}
		wait(time.Second)
		s.Must(s.RescindConsent(who))
		wait(time.Minute)
		evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: store.Rescinded}, store.Page{})
		if err != nil || len(evs) != 1 || evs[0].Customer != customer {
			t.Fatalf("%d events: %v", len(evs), err)
		}
		var body []byte
		for _, n := range s.Notices() {
			if n.Type == "RESCIND_CONSENT" {
				body = n.Body
			}
		}
		s.Must(s.Intake.Accept(t.Context(), followtest.AccountID, nil, body)) // again
		all, err := s.Hub.Consents(t.Context(), followtest.Workspace, customer)
		s.Must(err)
		for _, c := range verdict.Standing(all) {
			if !c.Given && c.Evidence.Where != evs[0].ID {
				t.Errorf("%s may not %s any more by %+v", c.Controller, c.Act, c.Evidence)
			}
		}
		for _, controller := range []string{engawa.ControllerWorkspace, "ptn_1", "ptn_2"} {
			for _, act := range []engawa.Act{engawa.ActContact, engawa.ActContactNight, engawa.ActShareAddress, engawa.ActShareUsage} {
				if d := verdict.SharingWith(controller, all, act, followtest.AppID, "mail", time.Now()); d.Given != nil || d.Withdrawn == nil {
					t.Errorf("%s may still %s: %+v", controller, act, d.Given)
				}
			}
		}
		if len(all) != 30 {
			t.Errorf("%d decisions, not fifteen and their ends", len(all))
		}
		tasks := func() []engawa.Task {
			t.Helper()
			ks, err := s.Hub.TaskPage(t.Context(), followtest.Workspace, store.TaskFilter{Kind: store.RescindedTask}, store.Page{})
			s.Must(err)
			return ks
		}
		ks := tasks()
		if len(ks) != 1 || ks[0].Customer != customer || ks[0].Count != 1 || ks[0].Source != evs[0].ID || time.Until(ks[0].DueAt).Round(24*time.Hour) != 10*24*time.Hour {
			t.Errorf("%+v", ks)
		}
		s.Must(s.RescindConsent(s.Person("JPN", "")))
		wait(time.Minute)
		if ks := tasks(); len(ks) != 2 || ks[0].Customer+ks[1].Customer != customer {
			t.Errorf("of a stranger: %+v", ks)
		}
		_, err = s.Hub.Erase(t.Context(), followtest.Workspace, customer)
		s.Must(err)
		s.Must(s.RescindConsent(who))
		wait(time.Minute)
		if len(tasks()) != 3 {
			t.Error("of an erased customer nothing is said")
		}
	})
}
