package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// lineUser is somebody by whom an event on LINE is known, and reached.
const lineUser = "U4af4980629a4e6ebb2f4f4a2b1b4e0b1"

// reaching is an event by which somebody stands so to an account since at.
func reaching(dedup, state string, at time.Time) engawa.Event {
	e := event(dedup)
	e.Account, e.OccurredAt = "acc_line", at
	e.Identities = []engawa.Identity{{Issuer: "line:1", Kind: "line_user", Value: lineUser}}
	e.Newcomer = &engawa.Newcomer{Find: state == "blocked"}
	e.Reached = &engawa.Reached{Kind: "line", Address: lineUser, State: state}
	return e
}

// stands is how a customer stands to an account, as a verdict is told.
func (s *shop) stands(customer, account string) string {
	s.t.Helper()
	known, err := s.Facts(s.t.Context(), ws, []store.Ask{{Message: engawa.Message{Workspace: ws, Customer: customer}, Account: account}})
	s.must(err)
	return known[0].Facts.Relationship.State
}

// TestReached: an event makes the contact point at which its channel reaches the
// customer, and says how that stands to the account. What happened last counts; who
// took the address away has it back by becoming a friend anew and by nothing else.
func TestReached(t *testing.T) {
	each(t, func(s *shop) {
		now := time.Now().UTC().Truncate(time.Microsecond)
		s.must(s.AddAccount(s.t.Context(), engawa.Account{Workspace: ws, ID: "acc_line", Kind: "line", Name: "LINE", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now}))
		s.must(s.AddAccount(s.t.Context(), engawa.Account{Workspace: ws, ID: "acc_other", Kind: "line", Name: "LINE 2", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now}))
		if got := s.whose(reaching("0", "blocked", now)); got[0] != "" {
			s.t.Errorf("who blocks, and is not known, is %q", got)
		}
		id := s.whose(reaching("1", "friend", now.Add(time.Second)))[0]
		if points := s.points(id); len(points) != 1 || points[0].Kind != "line" || points[0].Address != lineUser || points[0].VerifiedAt.IsZero() || len(s.decisions(id)) != 0 {
			s.t.Fatalf("%q has %d contact points", id, len(s.points(id)))
		}
		for n, step := range []struct {
			at    time.Duration
			state string
			want  string
		}{
			{3 * time.Second, "blocked", "blocked"},
			{2 * time.Second, "friend", "blocked"},
			{3 * time.Second, "", "blocked"},
			{4 * time.Second, "friend", "friend"},
			{time.Second, "blocked", "friend"},
		} {
			s.whose(reaching(fmt.Sprint("step", n), step.state, now.Add(step.at)))
			if got := s.stands(id, "acc_line"); got != step.want {
				s.t.Errorf("step %d: %s, want %s", n, got, step.want)
			}
		}
		old := reaching("1", "friend", now.Add(time.Hour))
		if s.whose(old); s.stands(id, "acc_other") != "" || len(s.points(id)) != 1 {
			s.t.Errorf("at another account: %q", s.stands(id, "acc_other"))
		}
		s.must(s.EndContactPoint(s.t.Context(), ws, id, s.points(id)[0].ID))
		for n, state := range []string{"", "blocked", "friend"} {
			s.whose(reaching(fmt.Sprint("back", n), state, now.Add(2*time.Hour)))
			if got, want := s.stands(id, "acc_line"), map[bool]string{true: "friend"}[state == "friend"]; got != want {
				s.t.Errorf("after the address was taken away, %q: %q", state, got)
			}
		}
	})
}

// TestOwnOfTwo: a customer whom two accounts on a channel know, each by another
// address, is reached by each at its own; of two at one account at that of the friend.
func TestOwnOfTwo(t *testing.T) {
	each(t, func(s *shop) {
		now := time.Now()
		s.customer("cus_1")
		for i, account := range []string{"acc_a", "acc_b", "acc_c"} {
			s.must(s.AddAccount(s.t.Context(), engawa.Account{Workspace: ws, ID: account, Kind: "line", Name: account, Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now}))
			s.must(s.AddContactPoint(s.t.Context(), engawa.ContactPoint{Workspace: ws, ID: "cp_" + account, Customer: "cus_1", Kind: "line", Address: engawa.Address(fmt.Sprintf("U%032d", i)), VerifiedAt: now, CreatedAt: now.Add(time.Duration(i) * time.Second)}))
		}
		s.must(s.Relate(s.t.Context(), ws, "acc_a", "cp_acc_a", "friend"))
		s.must(s.Relate(s.t.Context(), ws, "acc_b", "cp_acc_a", "blocked"))
		s.must(s.Relate(s.t.Context(), ws, "acc_b", "cp_acc_b", "friend"))
		s.must(s.Relate(s.t.Context(), ws, "acc_c", "cp_acc_c", "blocked"))
		for account, want := range map[string]string{"acc_a": "U" + strings.Repeat("0", 32), "acc_b": fmt.Sprintf("U%032d", 1), "acc_c": fmt.Sprintf("U%032d", 2)} {
			known, err := s.Facts(s.t.Context(), ws, []store.Ask{{Message: engawa.Message{Workspace: ws, Customer: "cus_1"}, Account: account}})
			s.must(err)
			if known[0].To.Reveal() != want {
				s.t.Errorf("%s writes to %s", account, known[0].To)
			}
		}
	})
}

// TestUnsaid: of something that was said and is taken back nothing is left, whichever
// is kept first, at the same moment too.
func TestUnsaid(t *testing.T) {
	each(t, func(s *shop) {
		const words = "take me back"
		say := func(n string) engawa.Event {
			e := event("message:" + n)
			e.Account = mailbox // one that is there, whose row both wait for
			e.Data, e.Raw, e.UnsaidBy = []byte(`{"text":"`+words+`"}`), []byte(words), "unsend:"+n
			return e
		}
		unsay := func(n string) engawa.Event {
			e := event("unsend:" + n)
			e.Account, e.Unsays = mailbox, "message:"+n
			return e
		}
		other := s.Store
		if strings.HasPrefix(s.url, "postgres") { // a file has one process
			other = s.node()
		}
		journal := func(evs ...engawa.Event) {
			_, err := s.Journal(s.t.Context(), evs)
			s.must(err)
		}
		journal(say("1"), say("10"))
		journal(unsay("1"))
		journal(unsay("2"))
		journal(say("2"))
		journal(say("3"), unsay("3"))
		var both sync.WaitGroup
		for n := range 40 {
			id := fmt.Sprint("at once ", n)
			both.Go(func() { journal(say(id)) })
			both.Go(func() {
				_, err := other.Journal(s.t.Context(), []engawa.Event{unsay(id)})
				s.must(err)
			})
			if n%4 == 3 {
				both.Wait()
			}
		}
		evs, err := s.Events(s.t.Context(), ws, store.EventFilter{}, store.Page{Limit: 100})
		s.must(err)
		for _, e := range evs {
			if left := strings.Contains(string(e.Data)+string(e.Raw), words); left != (e.DedupKey == "message:10") {
				s.t.Errorf("of %s something is left: %t", e.DedupKey, left)
			}
		}
		if len(evs) != 7+80 {
			s.t.Errorf("%d events", len(evs))
		}
	})
}
