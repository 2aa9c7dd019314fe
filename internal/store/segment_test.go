package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestTags: tags are kept tidy and once, found by a hash, sealed, told of in the audit
// trail, joined by a merger and gone with their customer.
func TestTags(t *testing.T) {
	each(t, func(s *shop) {
		ctx, by := s.t.Context(), s.By("member:1")
		for _, id := range []string{"cus_a", "cus_b", "cus_c"} {
			s.customer(id)
		}
		s.must(by.TagCustomer(ctx, ws, "cus_a", []string{" ＶＩＰ ", "vip", "春の会"}, nil))
		s.must(by.TagCustomer(ctx, ws, "cus_a", []string{"vip"}, []string{"nobody's"})) // nothing changes: nothing is told
		s.must(by.TagCustomer(ctx, ws, "cus_b", []string{"vip", "夏"}, nil))
		s.must(by.TagCustomer(ctx, ws, "cus_b", nil, []string{"夏"}))
		of, err := s.Tags(ctx, ws, "cus_a", "cus_b", "cus_c")
		s.must(err)
		if fmt.Sprint(of) != "map[cus_a:[vip 春の会] cus_b:[vip]]" {
			s.t.Error(of)
		}
		used, err := s.UsedTags(ctx, ws)
		s.must(err)
		if fmt.Sprint(used) != "[{vip 2} {春の会 1}]" {
			s.t.Error(used)
		}
		trail, err := s.Audits(ctx, ws, store.AuditFilter{Action: "tag-customer"}, store.Page{})
		s.must(err)
		if len(trail) != 3 || strings.Contains(fmt.Sprint(trail), "vip") {
			s.t.Error(trail)
		}
		for _, tag := range []string{"", "a,b", "a\nb", strings.Repeat("あ", store.MaxTag+1)} {
			if err := s.TagCustomer(ctx, ws, "cus_c", []string{tag}, nil); code(err) != engawa.CodeInvalid {
				s.t.Errorf("%q: %v", tag, err)
			}
		}
		var many []string
		for i := range store.MaxOfCustomer + 1 {
			many = append(many, fmt.Sprint("t", i))
		}
		if err := s.TagCustomer(ctx, ws, "cus_c", many, nil); code(err) != engawa.CodeConflict {
			s.t.Errorf("%d tags: %v", len(many), err)
		}
		for _, row := range query(s.t, storetest.Open(s.t, s.url), `SELECT tag_hash, CAST(sealed AS TEXT) FROM customer_tag`) {
			if strings.Contains(strings.Join(row, " "), "vip") {
				s.t.Error("a tag stands in the database in words")
			}
		}
		s.must(s.TagCustomer(ctx, ws, "cus_c", []string{"秋", "vip"}, nil))
		s.must(s.SeePage(ctx, ws, "cus_c"))
		_, err = s.Merge(ctx, store.Merge{Workspace: ws, Into: "cus_b", From: "cus_c", Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
		s.must(err)
		_, err = s.Erase(ctx, ws, "cus_a")
		s.must(err)
		of, err = s.Tags(ctx, ws, "cus_a", "cus_b", "cus_c")
		s.must(err)
		if fmt.Sprint(of) != "map[cus_b:[vip 秋]]" {
			s.t.Errorf("after a merger and an erasure: %v", of)
		}
		active, err := s.Selected(ctx, store.Selection{Workspace: ws, Where: engawa.Condition{Is: engawa.TraitActive, Days: 1}, Now: time.Now()}, "", 9)
		if err != nil || !slices.Equal(active, []string{"cus_b"}) {
			s.t.Errorf("who opened their page: %v, %v", active, err)
		}
	})
}

// TestSegments: a segment changes where its version is the one that was read, and is
// told of in the audit trail.
func TestSegments(t *testing.T) {
	each(t, func(s *shop) {
		ctx, by := s.t.Context(), s.By("member:1")
		at := time.Now().UTC().Truncate(time.Microsecond)
		made := engawa.Segment{Workspace: ws, ID: "seg_1", Name: "常連", Where: engawa.Condition{All: []engawa.Condition{{Is: engawa.TraitTag, Value: "vip"}, {Is: engawa.TraitCreatedAfter, At: &at, Not: true}}}}
		made, err := by.SaveSegment(ctx, made)
		s.must(err)
		read, err := s.Segment(ctx, ws, "seg_1")
		s.must(err)
		if fmt.Sprint(read.Name, read.Version, read.Where.All[0], read.Where.All[1].At.Equal(at)) != fmt.Sprint("常連", 1, made.Where.All[0], true) || made.Version != 1 {
			s.t.Errorf("%+v", read)
		}
		read.Name = "大切な方"
		if _, err = by.SaveSegment(ctx, read); err != nil {
			s.t.Error(err)
		}
		if _, err = by.SaveSegment(ctx, read); code(err) != engawa.CodeConflict {
			s.t.Errorf("an old version: %v", err)
		}
		s.must(by.EndSegment(ctx, ws, "seg_1"))
		if _, err := by.SaveSegment(ctx, read); code(err) != engawa.CodeNotFound {
			s.t.Errorf("one that is gone: %v", err)
		}
		trail, err := s.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
		s.must(err)
		var did []string
		for _, a := range trail {
			did = append(did, a.Action)
		}
		if !slices.Equal(did, []string{"end-segment", "change-segment", "create-segment"}) {
			s.t.Error(did)
		}
	})
}

// TestBroadcastOnce: of nodes that take the same step at once one makes its messages;
// what is made is made once though a node comes back with the step it had before.
func TestBroadcastOnce(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		var ids []string
		for i := range 6 {
			ids = append(ids, fmt.Sprint("cus_", i))
			s.customer(ids[i])
		}
		s.must(s.AddBroadcast(ctx, engawa.Broadcast{Workspace: ws, ID: "brd_1", Name: "春", CreatedAt: time.Now()}))
		other := s.Store
		if !s.Lite() { // a SQLite file has one node
			other = s.node()
		}
		due, err := s.DueBroadcasts(ctx)
		s.must(err)
		if again, err := other.DueBroadcasts(ctx); len(due) != 1 || len(again) != 0 || err != nil {
			s.t.Fatalf("taken %v, then %v: %v", due, again, err)
		}
		step := func(st *store.Store, b engawa.Broadcast, of []string) bool {
			var ms []engawa.Message
			for _, id := range of {
				m := s.message(id)
				m.ID, m.Broadcast, m.Chain = engawa.FixedID(engawa.PrefixMessage, b.ID, id), b.ID, m.Chain[:1]
				ms = append(ms, m)
			}
			took, err := st.StepBroadcast(ctx, b, store.BroadcastStep{Cursor: of[len(of)-1], Messages: news(ms...), Next: time.Now()})
			if err != nil {
				s.t.Error(err)
			}
			return took
		}
		took := make([]bool, 8)
		var all sync.WaitGroup
		for i := range took {
			all.Go(func() { took[i] = step([]*store.Store{s.Store, other}[i%2], due[0], ids[:3]) })
		}
		all.Wait()
		if n := len(slices.DeleteFunc(took, func(b bool) bool { return !b })); n != 1 {
			s.t.Errorf("%d of 8 took the step", n)
		}
		now, err := s.Broadcast(ctx, ws, "brd_1")
		s.must(err)
		if now.Made != 3 || now.Cursor != "cus_2" || !step(s.Store, now, ids[3:]) {
			s.t.Errorf("%+v", now)
		}
		left, err := s.Selected(ctx, store.Selection{Workspace: ws, Now: time.Now(), Without: "brd_1"}, "", 9)
		n, progressed := s.BroadcastProgress(ctx, ws, "brd_1")
		if len(left) != 0 || n[engawa.MessageWaiting] != 6 || len(n) != 1 || err != nil || progressed != nil {
			s.t.Errorf("%v have no message, and %v: %v, %v", left, n, err, progressed)
		}
		made, err := s.Broadcast(ctx, ws, "brd_1")
		s.must(err)
		made.Cursor = "cus_2" // as a node that slept since
		if step(s.Store, made, ids[3:]) {
			s.t.Error("a step was taken twice")
		}
	})
}

// TestBroadcastPaused: from a pause on nothing of a broadcast is handed over, also
// what is queued; after it all of it goes on. After a stop nothing goes, and what
// waited for a time is looked at, and ended, now.
func TestBroadcastPaused(t *testing.T) {
	each(t, func(s *shop) {
		ctx, by := s.t.Context(), s.By("member:1")
		s.must(by.AddBroadcast(ctx, engawa.Broadcast{Workspace: ws, ID: "brd_1", Name: "春", CreatedAt: time.Now()}))
		for i := range 4 {
			s.customer(fmt.Sprint("cus_", i))
			m := s.message(fmt.Sprint("cus_", i))
			m.Chain, m.ExpiresAt = m.Chain[:1], time.Now().Add(time.Hour)
			if i < 3 {
				m.Broadcast = "brd_1"
			}
			if i == 2 {
				m.NotBefore = time.Now().Add(30 * time.Minute)
			}
			s.send(m)
		}
		lane := s.hold("node", mailbox)
		goes := func(verdict engawa.Outcome) (n int) {
			s.t.Helper()
			going, _, err := s.Claim(ctx, lane, 10, store.Decide{Judge: func(c *store.Claimed) store.Decision {
				if c.Known.Facts.Stopped {
					return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse, Decided: engawa.GateRules}}
				}
				return store.Decision{Verdict: engawa.Verdict{Outcome: verdict, Until: time.Now().Add(time.Minute)}}
			}, Pace: func() store.Pace { return lane.Pace }})
			s.must(err)
			return len(going)
		}
		s.must(by.PauseBroadcast(ctx, ws, "brd_1"))
		if err := by.PauseBroadcast(ctx, ws, "brd_1"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("paused again: %v", err)
		}
		if n := goes(engawa.Send); n != 1 { // what is not of the broadcast
			s.t.Errorf("%d go while it is paused", n)
		}
		if n := goes(engawa.Send); n != 0 {
			s.t.Errorf("%d go at the second look", n)
		}
		due, err := s.DueBroadcasts(ctx)
		if len(due) != 0 || err != nil {
			s.t.Errorf("a paused broadcast is due: %v", err)
		}
		s.must(by.ResumeBroadcast(ctx, ws, "brd_1"))
		if n := goes(engawa.Send); n != 2 {
			s.t.Errorf("%d go on, not 2", n)
		}
		s.must(by.StopBroadcast(ctx, ws, "brd_1"))
		if n := goes(engawa.Send); n != 0 {
			s.t.Errorf("%d go after the stop", n)
		}
		n, err := s.BroadcastProgress(ctx, ws, "brd_1")
		if n[engawa.MessageRefused] != 1 || err != nil {
			s.t.Errorf("what was to go later: %v, %v", n, err)
		}
		trail, err := s.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
		s.must(err)
		var did []string
		for _, a := range trail {
			did = append(did, a.Action)
		}
		if !slices.Equal(did, []string{"stop-broadcast", "resume-broadcast", "pause-broadcast", "start-broadcast"}) {
			s.t.Error(did)
		}
	})
}
