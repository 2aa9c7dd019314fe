package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// TestLastOwner: of two owners who leave, or step back, at the same moment one
// stays.
func TestLastOwner(t *testing.T) {
	each(t, func(s *shop) {
		t := s.t
		for i, leave := range []func(workspace, member string) error{
			func(w, m string) error { return s.EndMember(t.Context(), w, m) },
			func(w, m string) error { return s.SetRole(t.Context(), w, m, engawa.Viewer) },
		} {
			for round := range 20 {
				of := fmt.Sprintf("ws_%d_%d", i, round)
				s.furnish(of, "acc_"+of)
				var owners []string
				for _, id := range []string{"mem_a_", "mem_b_"} {
					m := engawa.Member{Workspace: of, ID: id + of, Name: "店長", Mail: engawa.Address(id + "@hinata.example"), Role: engawa.Owner, CreatedAt: time.Now()}
					s.must(s.AddMember(t.Context(), store.SignIn{Member: m}))
					owners = append(owners, m.ID)
				}
				refused := s.together(owners, func(member string) error { return leave(of, member) })
				all, err := s.Members(t.Context(), of)
				s.must(err)
				left := 0
				for _, m := range all {
					if m.Role == engawa.Owner {
						left++
					}
				}
				if left != 1 || refused != 1 {
					t.Fatalf("%s: %d owners are left, %d were refused", of, left, refused)
				}
			}
		}
	})
}

// together calls f for each at the same time and counts those who were refused
// as the last owner; any other error fails.
func (s *shop) together(of []string, f func(string) error) (refused int) {
	s.t.Helper()
	var work sync.WaitGroup
	errs := make([]error, len(of))
	for i, x := range of {
		work.Go(func() { errs[i] = f(x) })
	}
	work.Wait()
	for _, err := range errs {
		told, ok := errors.AsType[*engawa.Error](err)
		switch {
		case err == nil:
		case ok && told.Code == engawa.CodeConflict && told.Field == "/role":
			refused++
		default:
			s.t.Fatal(err)
		}
	}
	return refused
}

// TestMemberLeaves: nothing of theirs lets them in any more, and what they had
// taken is nobody's again, which their name stands beside.
func TestMemberLeaves(t *testing.T) {
	each(t, func(s *shop) {
		t := s.t
		ctx, now := t.Context(), time.Now()
		s.people(ws)
		s.must(s.AddKey(ctx, store.APIKey{Workspace: ws, ID: "key_own", Name: "k", Hash: "h", Member: "mem2_" + ws, CreatedAt: now, EndsAt: now.Add(time.Hour)}))
		s.must(s.SetRole(ctx, ws, "mem2_"+ws, engawa.Support))
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_taken", Kind: "k", Ref: "r", DueAt: now}))
		s.must(s.AssignTask(ctx, ws, "tsk_taken", "mem2_"+ws))
		for _, hash := range []string{"first", "second"} {
			s.must(s.AddLink(ctx, store.Session{Hash: hash, Workspace: ws, Member: "mem2_" + ws, CreatedAt: now, SeenAt: now, EndsAt: now.Add(time.Hour)}))
		}
		if _, err := s.UseLink(ctx, "first"); err == nil {
			t.Error("a link that a newer one made void lets somebody in")
		}
		if got := s.among("mem2_" + ws); got.LinkUntil.IsZero() || !got.SignedInAt.IsZero() || got.Password || got.OIDC {
			t.Errorf("%+v", got)
		}
		s.must(s.AddSession(ctx, store.Session{Hash: "inside", Workspace: ws, Member: "mem2_" + ws, CreatedAt: now, SeenAt: now, EndsAt: now.Add(time.Hour)}))
		if s.among("mem2_" + ws).SignedInAt.IsZero() {
			t.Error("no time of the sign-in")
		}
		s.must(s.By("member:mem_"+ws).EndMember(ctx, ws, "mem2_"+ws))
		if _, err := s.Session(ctx, "inside"); err == nil {
			t.Error("the session goes on")
		}
		if _, err := s.UseLink(ctx, "second"); err == nil {
			t.Error("the link still works")
		}
		for _, hash := range []string{"late", "later"} {
			x := store.Session{Hash: hash, Workspace: ws, Member: "mem2_" + ws, CreatedAt: now, SeenAt: now, EndsAt: now.Add(time.Hour)}
			if s.AddSession(ctx, x) == nil || s.AddLink(ctx, x) == nil {
				t.Error("somebody who has left gets a session or a link")
			}
		}
		if k, err := s.Key(ctx, "key_own"); err != nil || k.RevokedAt.IsZero() {
			t.Errorf("%v: the member's key works on", err)
		}
		if k, err := s.Key(ctx, "key_"+ws); err != nil || !k.RevokedAt.IsZero() {
			t.Errorf("%v: the business's key was revoked", err)
		}
		story, err := s.Task(ctx, ws, "tsk_taken")
		s.must(err)
		last := story.Lines[len(story.Lines)-1]
		if story.Assignee != "" || last.Act != "assign" || last.Detail != "" || last.Actor != "member:mem_"+ws {
			t.Errorf("the task: %q, %+v", story.Assignee, last)
		}
	})
}

// among is a member as the page of members shows one.
func (s *shop) among(id string) store.Staff {
	s.t.Helper()
	all, err := s.Staff(s.t.Context(), ws)
	s.must(err)
	for _, x := range all {
		if x.ID == id {
			return x
		}
	}
	s.t.Fatalf("%s is not there", id)
	return store.Staff{}
}

// TestUseKey: the day is noted, and never an earlier one.
func TestUseKey(t *testing.T) {
	each(t, func(s *shop) {
		t := s.t
		s.people(ws)
		noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
		for _, x := range []struct{ at, want time.Time }{
			{noon, noon.Add(-12 * time.Hour)}, {noon.Add(-48 * time.Hour), noon.Add(-12 * time.Hour)}, {noon.Add(13 * time.Hour), noon.Add(12 * time.Hour)},
		} {
			s.must(s.UseKey(t.Context(), ws, "key_"+ws, x.at))
			if k, err := s.Key(t.Context(), "key_"+ws); err != nil || !k.UsedAt.Equal(x.want) {
				t.Errorf("used at %s: %s, want %s (%v)", x.at, k.UsedAt, x.want, err)
			}
		}
	})
}
