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
// notices to the child end at once, with the event as evidence, and a person is asked
// to erase what was kept by that consent, once for each word of the store however
// often it comes; also where nobody knows whose child it is.
func TestRescinded(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		who := s.Person("KOR", token)
		sub := s.Bought(who, "monthly")
		wait(time.Second)
		customer := s.Purchase(sub).Customer
		for _, p := range []engawa.Purpose{engawa.Marketing, engawa.Notice} {
			for _, controller := range []string{engawa.ControllerWorkspace, "ptn_1"} {
				s.Must(s.Hub.Decide(t.Context(), engawa.Consent{
					Workspace: followtest.Workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: customer, Controller: controller, Act: engawa.ActContact, Purpose: p, Given: true,
					At: time.Now(), Evidence: engawa.Evidence{Wording: "お知らせを受け取る", Version: "1", Where: "app"},
				}))
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
			if c.Given || c.Evidence.Where != evs[0].ID {
				t.Errorf("%s may still send %s: %+v", c.Controller, c.Purpose, c.Evidence)
			}
		}
		if len(all) != 8 {
			t.Errorf("%d decisions stand, not four and their ends", len(all))
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
