package store_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// TestSwitchPack: a switch counts for the next facts, is kept with who and why, and
// only the one who saw the newest may make another; a change of the workspace keeps it.
func TestSwitchPack(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		by := s.By("member:1")
		off := func() []string {
			s.t.Helper()
			w, err := s.Workspace(ctx, ws)
			s.must(err)
			return w.House.PacksOff
		}
		s.must(by.SwitchPack(ctx, engawa.PackSwitch{Workspace: ws, Version: 0, Pack: "us", Reason: "アメリカには送らない"}))
		s.must(by.SwitchPack(ctx, engawa.PackSwitch{Workspace: ws, Version: 1, Pack: "eu", Reason: "同じく"}))
		for _, p := range []engawa.PackSwitch{
			{Workspace: ws, Version: 1, Pack: "jp", Reason: "r"},
			{Workspace: ws, Version: 3, Pack: "jp", Reason: "r"},
			{Workspace: ws, Version: 2, Pack: "us", Reason: "r"},
			{Workspace: ws, Version: 2, Pack: "jp", On: true, Reason: "r"},
		} {
			if err := by.SwitchPack(ctx, p); code(err) != engawa.CodeConflict {
				s.t.Errorf("%+v: %v", p, err)
			}
		}
		if got := off(); !slices.Equal(got, []string{"eu", "us"}) {
			s.t.Errorf("off are %v", got)
		}
		w, err := s.Workspace(ctx, ws)
		s.must(err)
		w.Name, w.House = "ひなた", engawa.House{CapPerDay: 2}
		s.must(s.ChangeWorkspace(ctx, w))
		s.must(by.SwitchPack(ctx, engawa.PackSwitch{Workspace: ws, Version: 2, Pack: "us", On: true, Reason: "始める"}))
		if got := off(); !slices.Equal(got, []string{"eu"}) {
			s.t.Errorf("off are %v", got)
		}
		past, err := s.PackSwitches(ctx, ws)
		s.must(err)
		if len(past) != 3 || past[0].Version != 3 || past[0].Pack != "us" || !past[0].On || past[0].By != "member:1" || past[0].Reason != "始める" || past[0].At.IsZero() || past[2].On {
			s.t.Errorf("switches %+v", past)
		}
		if got := s.audited()[0]; got != "switch-pack-on us member:1" {
			s.t.Errorf("the trail says %s", got)
		}
	})
}

// TestCustomersByCountry: who is there is counted, each once; not who was erased or
// merged into another.
func TestCustomersByCountry(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		for id, country := range map[string]string{"cus_a": "KR", "cus_b": "KR", "cus_same": "KR", "cus_gone": "KR", "cus_jp": "JP", "cus_left": "JP", "cus_where": ""} {
			s.must(s.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: id, Country: country, CreatedAt: time.Now()}}))
		}
		for _, id := range []string{"cus_gone", "cus_left"} {
			_, err := s.Erase(ctx, ws, id)
			s.must(err)
		}
		_, err := s.Merge(ctx, store.Merge{Workspace: ws, Into: "cus_a", From: "cus_same", Narrow: verdict.Narrow})
		s.must(err)
		got, err := s.CustomersByCountry(ctx, ws)
		s.must(err)
		if want := map[string]int{"KR": 2, "JP": 1, "": 1}; !maps.Equal(got, want) {
			s.t.Errorf("counted %v, not %v", got, want)
		}
	})
}
