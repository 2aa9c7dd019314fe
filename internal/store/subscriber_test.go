package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// club is a workspace with an app, a partner whose grant opens it, and members.
func (s *shop) club(of string, members int) store.List {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	s.furnish(of, "acc_"+of, "acc2_"+of)
	l := store.List{Workspace: of, Partner: "ptn_" + of, App: "app_" + of}
	s.must(s.AddPartner(ctx, engawa.Partner{Workspace: of, ID: l.Partner, Name: "みどり農園", CreatedAt: now}))
	s.must(s.AddApp(ctx, engawa.App{Workspace: of, ID: l.App, Name: "アプリ", Partner: l.Partner, CreatedAt: now}))
	s.must(s.AddGrant(ctx, engawa.Grant{Workspace: of, ID: "grt_" + of, Partner: l.Partner, Scopes: []string{"*"}, Apps: []string{l.App}, StartsAt: now.Add(-time.Minute)}))
	for i := range members {
		s.must(s.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: of, ID: clubber(of, i), Kind: "person", Name: "田中", CreatedAt: now}}))
		s.subscribe(l, clubber(of, i), "p0")
	}
	return l
}

func clubber(of string, i int) string { return fmt.Sprintf("cus_%s_%d", of, i) }

// subscribe tells of a customer's subscription, whose state is what changes.
func (s *shop) subscribe(l store.List, customer string, state engawa.SubscriptionState) {
	s.t.Helper()
	_, err := s.SaveSubscription(s.t.Context(), engawa.Subscription{Workspace: l.Workspace, Customer: customer, App: l.App, Product: "p", State: state, StartsAt: time.Now()})
	s.must(err)
}

// states looks at entries by the state of their subscriptions.
var states = store.Look{Show: func(s store.Subscriber) (string, bool) { return stateOf(s), false }}

func stateOf(s store.Subscriber) string {
	if !s.EndedAt.IsZero() {
		return "gone"
	}
	text := ""
	for _, b := range s.Subscriptions {
		text += string(b.State)
	}
	return text
}

func (s *shop) stepLists(of string) {
	s.t.Helper()
	for more := true; more; {
		var err error
		more, err = s.StepSubscribers(s.t.Context(), of, looking(states))
		s.must(err)
	}
}

// follow reads the changes after a place into seen, and returns where to go on.
func (s *shop) follow(l store.List, since int64, seen map[string]string) int64 {
	s.t.Helper()
	for {
		subs, _, err := s.SubscriberChanges(s.t.Context(), l, states, since, 7)
		s.must(err)
		for _, x := range subs {
			seen[x.Handle] = stateOf(x)
			since = x.Changed
		}
		if len(subs) < 7 {
			return since
		}
	}
}

// TestChangesMissNothing has writers change subscribers at the same time while a
// follower reads changes: in the end it knows what is so.
func TestChangesMissNothing(t *testing.T) {
	each(t, func(s *shop) {
		const members, writers = 24, 8
		l := s.club("ws_changes", members)
		s.stepLists(l.Workspace)
		ctx, stop := context.WithCancel(s.t.Context())
		var work, steps sync.WaitGroup
		for range 2 { // as two nodes
			steps.Go(func() {
				for ctx.Err() == nil {
					if _, err := s.StepSubscribers(context.WithoutCancel(ctx), l.Workspace, looking(states)); err != nil {
						s.t.Error(err)
					}
				}
			})
		}
		for w := range writers {
			work.Go(func() {
				for i := range members { // all write to the same one at about the same time
					state := engawa.SubscriptionState(fmt.Sprintf("w%d.%d", w, i))
					_, err := s.SaveSubscription(context.WithoutCancel(ctx), engawa.Subscription{
						Workspace: l.Workspace, Customer: clubber(l.Workspace, i), App: l.App, Product: "p", State: state, StartsAt: time.Now(),
					})
					if err != nil {
						s.t.Error(err)
					}
				}
			})
		}
		seen, since := map[string]string{}, int64(0)
		done := make(chan struct{})
		go func() { work.Wait(); close(done) }()
		for working := true; working; {
			select {
			case <-done:
				working = false
			default:
			}
			since = s.follow(l, since, seen)
		}
		stop()
		steps.Wait()
		s.stepLists(l.Workspace)
		s.follow(l, since, seen)
		subs, _, err := s.Subscribers(s.t.Context(), l, states, "", 100)
		s.must(err)
		if len(subs) != members || len(seen) != members {
			s.t.Errorf("%d in the list, %d seen, of %d", len(subs), len(seen), members)
		}
		for _, x := range subs {
			if seen[x.Handle] != stateOf(x) {
				s.t.Errorf("%s is %s, and was last seen as %q", x.Handle, stateOf(x), seen[x.Handle])
			}
		}
	})
}

// TestHandles: one customer is another handle to each partner and in each app; a
// list that is gone through anew makes none twice.
func TestHandles(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		l := s.club("ws_handles", 3)
		s.must(s.AddPartner(ctx, engawa.Partner{Workspace: l.Workspace, ID: "ptn_second", Name: "p", CreatedAt: time.Now()}))
		s.must(s.AddApp(ctx, engawa.App{Workspace: l.Workspace, ID: "app_second", Name: "a", CreatedAt: time.Now()}))
		for i := range 3 {
			s.subscribe(store.List{Workspace: l.Workspace, App: "app_second"}, clubber(l.Workspace, i), "p0")
		}
		s.must(s.AddGrant(ctx, engawa.Grant{Workspace: l.Workspace, ID: "grt_second", Partner: "ptn_second", Scopes: []string{"*"}, Apps: []string{l.App, "app_second"}, StartsAt: time.Now().Add(-time.Minute)}))
		all := map[string]string{}
		for range 2 {
			s.stepLists(l.Workspace)
			for _, x := range []store.List{l, {l.Workspace, "ptn_second", l.App}, {l.Workspace, "ptn_second", "app_second"}} {
				subs, state, err := s.Subscribers(ctx, x, states, "", 10)
				s.must(err)
				if len(subs) != 3 || state.Changes != 3 || state.Building {
					s.t.Errorf("%v: %d, %+v", x, len(subs), state)
				}
				for _, sub := range subs {
					all[sub.Handle] = sub.Customer
				}
			}
			s.must(s.AddGrant(ctx, engawa.Grant{Workspace: l.Workspace, ID: engawa.NewID("grt"), Partner: "ptn_second", Scopes: []string{"*"}, StartsAt: time.Now()}))
		}
		if len(all) != 9 {
			s.t.Errorf("%d handles of 3 customers in 3 lists", len(all))
		}
		for handle, customer := range all {
			for _, partner := range []string{l.Partner, "ptn_second", "ptn_none"} {
				if sub, err := s.Subscriber(ctx, l.Workspace, partner, handle, states); err == nil && (sub.Customer != customer || partner == "ptn_none") {
					s.t.Errorf("%s is %s to %s", handle, sub.Customer, partner)
				}
			}
		}
	})
}

// TestGone: what ends by an erasure, by a merger, by the customer and by the end
// of the contract is told as gone, and resolves no longer from that moment on.
func TestGone(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		l := s.club("ws_gone", 5)
		s.stepLists(l.Workspace)
		handles := map[string]string{}
		subs, _, err := s.Subscribers(ctx, l, states, "", 10)
		s.must(err)
		for _, x := range subs {
			handles[x.Customer] = x.Handle
		}
		seen := map[string]string{}
		since := s.follow(l, 0, seen)
		_, err = s.Erase(ctx, l.Workspace, clubber(l.Workspace, 0))
		s.must(err)
		_, err = s.Merge(ctx, store.Merge{
			Workspace: l.Workspace, Into: clubber(l.Workspace, 1), From: clubber(l.Workspace, 2),
			Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil },
		})
		s.must(err)
		s.must(s.LeaveApp(ctx, l, clubber(l.Workspace, 3), engawa.Evidence{Where: "my page"}))
		ended := []string{handles[clubber(l.Workspace, 0)], handles[clubber(l.Workspace, 2)], handles[clubber(l.Workspace, 3)]}
		for _, h := range ended {
			if sub, err := s.Subscriber(ctx, l.Workspace, l.Partner, h, states); err == nil {
				s.t.Errorf("%s resolves to %s", h, sub.Customer)
			}
		}
		s.stepLists(l.Workspace)
		changed := map[string]string{}
		since = s.follow(l, since, changed)
		for _, h := range ended {
			if changed[h] != "gone" {
				s.t.Errorf("%s is told as %q", h, changed[h])
			}
		}
		if kept := handles[clubber(l.Workspace, 1)]; changed[kept] != "p0p0" { // both subscriptions are the one's who stays
			s.t.Errorf("who stays is told as %q", changed[kept])
		}
		e, err := s.EndPartner(ctx, l.Workspace, l.Partner)
		if err != nil || e.Handles != 2 {
			s.t.Errorf("%+v: %v", e, err)
		}
		s.stepLists(l.Workspace)
		changed = map[string]string{}
		s.follow(l, since, changed)
		if subs, _, err := s.Subscribers(ctx, l, states, "", 10); err != nil || len(subs) != 0 {
			s.t.Errorf("%d entries after the end: %v", len(subs), err)
		}
		if fresh, err := s.StepSubscribers(ctx, l.Workspace, looking(states)); err != nil || fresh {
			s.t.Errorf("%v %v", fresh, err)
		}
		if len(e.Shared) != 1 || e.Shared[0].Handles != 5 || !slices.Equal(e.Shared, must(s.SharedWith(ctx, l.Workspace, l.Partner))) {
			s.t.Errorf("%+v", e.Shared)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
