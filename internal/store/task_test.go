package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestRaiseAgain: a thing raised again while its task is open raises the count,
// by however many at once, and the newest arguments are there, also those to type.
// Once done, it is a new task.
func TestRaiseAgain(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		k := engawa.Task{Workspace: ws, Kind: "k", Ref: mailbox, DueAt: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)}
		const times = 12
		var all sync.WaitGroup
		for i := range times {
			all.Go(func() {
				k := k
				k.Args = map[string]string{"n": fmt.Sprint(i), engawa.TypeExactly + "name": fmt.Sprint("name ", i)}
				if err := s.Raise(ctx, k); err != nil {
					s.t.Error(err)
				}
			})
		}
		all.Wait()
		last := k
		last.Args, last.DueAt = map[string]string{"n": "last", engawa.TypeExactly + "name": "山田"}, time.Now().Add(9*time.Hour)
		s.must(s.Raise(ctx, last))
		ks, err := s.Tasks(ctx, ws, 10)
		s.must(err)
		if len(ks) != 1 || ks[0].Count != times+1 || ks[0].Source != mailbox || ks[0].DueAt != k.DueAt || !ks[0].RaisedAt.After(ks[0].CreatedAt) {
			s.t.Fatalf("%+v", ks)
		}
		if got := s.story(ks[0].ID); got.Args["n"] != "last" || got.Args["type.name"] != "山田" || !slices.Equal(got.ToType(), []string{"name"}) {
			s.t.Errorf("the newest arguments are %v", got.Args)
		}
		s.must(s.FinishTask(ctx, ws, ks[0].ID, ""))
		s.must(s.Raise(ctx, k))
		if ks, err = s.Tasks(ctx, ws, 10); err != nil || len(ks) != 2 || ks[0].Count != 1 || ks[0].State != "open" {
			s.t.Errorf("after it was done: %+v, %v", ks, err)
		}
	})
}

func (s *shop) story(id string) store.TaskStory {
	s.t.Helper()
	story, err := s.Task(s.t.Context(), ws, id)
	s.must(err)
	return story
}

func (s *shop) staff() {
	s.t.Helper()
	for id, role := range map[string]engawa.Role{"mem_yuki": engawa.Support, "mem_ken": engawa.Admin, "mem_guest": engawa.Viewer} {
		s.must(s.AddMember(s.t.Context(), store.SignIn{Member: engawa.Member{Workspace: ws, ID: id, Name: id, Mail: engawa.Address(id + "@hinata.example"), Role: role, CreatedAt: time.Now()}}))
	}
}

// TestTaskStory: a task is taken, given to another, moved, noted twice, done with
// a note, opened again; each act is in its history and in the audit trail.
func TestTaskStory(t *testing.T) {
	each(t, func(s *shop) {
		ctx, due := s.t.Context(), time.Now().Add(48*time.Hour).UTC().Truncate(time.Second)
		s.staff()
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_1", Kind: "k", Ref: "rte_1"}))
		yuki, ken := s.By("member:mem_yuki"), s.By("member:mem_ken")
		for _, act := range []func() error{
			func() error { return yuki.AssignTask(ctx, ws, "tsk_1", "mem_yuki") },
			func() error { return yuki.AssignTask(ctx, ws, "tsk_1", "mem_ken") },
			func() error { return ken.MoveTask(ctx, ws, "tsk_1", due) },
			func() error { return ken.NoteTask(ctx, ws, "tsk_1", "電話しました") },
			func() error { return yuki.NoteTask(ctx, ws, "tsk_1", "返事待ちです") },
			func() error { return ken.FinishTask(ctx, ws, "tsk_1", "直しました") },
			func() error { return yuki.ReopenTask(ctx, ws, "tsk_1", "まだでした") },
		} {
			s.must(act())
		}
		got := s.story("tsk_1")
		if got.State != "open" || got.Assignee != "mem_ken" || got.DueAt != due || got.Source != "rte_1" || got.DoneBy != "" || !got.DoneAt.IsZero() {
			s.t.Errorf("%+v", got.Task)
		}
		var lines []string
		for _, l := range got.Lines {
			lines = append(lines, strings.Join([]string{l.Actor, l.Act, l.Detail, l.Text}, "|"))
		}
		want := []string{
			"member:mem_yuki|assign|mem_yuki|", "member:mem_yuki|assign|mem_ken|", "member:mem_ken|due|" + due.Format(time.RFC3339) + "|", "member:mem_ken|note||電話しました",
			"member:mem_yuki|note||返事待ちです", "member:mem_ken|finish||直しました", "member:mem_yuki|reopen||まだでした",
		}
		slices.Sort(lines) // within one millisecond ids are in no order
		slices.Sort(want)
		if !slices.Equal(lines, want) {
			s.t.Errorf("the history is\n%s", strings.Join(lines, "\n"))
		}
		trail, err := s.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
		s.must(err)
		acts := map[string]int{}
		for _, a := range trail {
			if a.Object == "tsk_1" {
				acts[a.Action]++
			}
		}
		if acts["assign-task"] != 2 || acts["due-task"] != 1 || acts["note-task"] != 2 || acts["finish-task"] != 1 || acts["reopen-task"] != 1 {
			s.t.Errorf("the trail has %v", acts)
		}
	})
}

// TestTaskRefusals: what cannot be done says why and changes nothing.
func TestTaskRefusals(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.staff()
		k := engawa.Task{Workspace: ws, ID: "tsk_1", Kind: "k", Ref: "r"}
		s.must(s.Raise(ctx, k))
		for name, c := range map[string]struct {
			err  error
			want engawa.Code
		}{
			"to a viewer":      {s.AssignTask(ctx, ws, "tsk_1", "mem_guest"), engawa.CodeInvalid},
			"to nobody known":  {s.AssignTask(ctx, ws, "tsk_1", "mem_none"), engawa.CodeInvalid},
			"no such task":     {s.NoteTask(ctx, ws, "tsk_none", "x"), engawa.CodeNotFound},
			"open again":       {s.ReopenTask(ctx, ws, "tsk_1", ""), engawa.CodeNotFound},
			"raised to nobody": {s.Raise(ctx, engawa.Task{Workspace: ws, Kind: "k", Ref: "r3", Assignee: "mem_none"}), engawa.CodeInvalid},
		} {
			if code(c.err) != c.want {
				s.t.Errorf("%s: %v", name, c.err)
			}
		}
		s.must(s.FinishTask(ctx, ws, "tsk_1", ""))
		for name, err := range map[string]error{"done twice": s.FinishTask(ctx, ws, "tsk_1", ""), "moved": s.MoveTask(ctx, ws, "tsk_1", time.Now()), "given": s.AssignTask(ctx, ws, "tsk_1", "mem_ken")} {
			if code(err) != engawa.CodeNotFound {
				s.t.Errorf("%s: %v", name, err)
			}
		}
		k.ID = "tsk_2"
		s.must(s.Raise(ctx, k))
		if err := s.ReopenTask(ctx, ws, "tsk_1", ""); code(err) != engawa.CodeConflict || !strings.Contains(err.Error(), "tsk_2") {
			s.t.Errorf("opened beside its twin: %v", err)
		}
		if got := s.story("tsk_1"); got.Assignee != "" || len(got.Lines) != 1 {
			s.t.Errorf("%+v", got)
		}
	})
}

// TestTaskSealed: what is to be typed and what is noted is nowhere in words; it
// follows the customer into a merger and goes with an erasure.
func TestTaskSealed(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_1", Kind: "k", Ref: "msg_1", Customer: "cus_a", Args: map[string]string{"why": "refused", engawa.TypeExactly + "mail": "canary-type"}}))
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_2", Kind: "k", Ref: "r", Args: map[string]string{engawa.TypeExactly + "name": "canary-ring"}}))
		s.must(s.NoteTask(ctx, ws, "tsk_1", "canary-note"))
		db := storetest.Open(s.t, s.url)
		for table := range s.columns(db) {
			for _, row := range query(s.t, db, `SELECT * FROM `+table) {
				if line := strings.Join(row, " "); strings.Contains(line, "canary") || strings.Contains(line, fmt.Sprintf("%x", "canary")) {
					s.t.Errorf("%s: %s", table, line)
				}
			}
		}
		_, err := s.Merge(ctx, store.Merge{Workspace: ws, Into: "cus_b", From: "cus_a", Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
		s.must(err)
		if got := s.story("tsk_1"); got.Customer != "cus_b" || got.Args["type.mail"] != "canary-type" || got.Lines[0].Text != "canary-note" {
			s.t.Errorf("after the merger: %+v", got)
		}
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, Kind: "k", Ref: "msg_1", Customer: "cus_a", Args: map[string]string{engawa.TypeExactly + "mail": "newer"}}))
		if got := s.story("tsk_1"); got.Args["type.mail"] != "newer" || got.Customer != "cus_b" {
			s.t.Errorf("raised for who was merged: %+v", got.Task)
		}
		_, err = s.Erase(ctx, ws, "cus_b")
		s.must(err)
		if got := s.story("tsk_1"); !got.Gone || len(got.ToType()) != 0 || !got.Lines[0].Gone || got.Lines[0].Text != "" {
			s.t.Errorf("after the erasure: %+v", got)
		}
		s.must(s.NoteTask(ctx, ws, "tsk_1", "消去後のメモ"))
		if got := s.story("tsk_2"); got.Args["type.name"] != "canary-ring" {
			s.t.Errorf("the other: %+v", got)
		}
	})
}

// toldOf are the types of the events about a task, in order.
func (s *shop) toldOf(id string) (types []string) {
	s.t.Helper()
	evs, err := s.Events(s.t.Context(), ws, store.EventFilter{Type: "task.*"}, store.Page{Limit: 200})
	s.must(err)
	for _, e := range evs {
		if e.Subject == "task:"+id {
			types = append(types, e.Type)
		}
	}
	slices.Sort(types)
	return types
}

// TestRemind: a task is told of when it is raised, when it is due soon and when
// it is overdue, each once, however many nodes look at once and however often;
// a new due time is told of anew; what is done is not.
func TestRemind(t *testing.T) {
	each(t, func(s *shop) {
		ctx, now := s.t.Context(), time.Now()
		for id, due := range map[string]time.Time{"tsk_over": now.Add(-time.Minute), "tsk_far": now.Add(90 * time.Hour), "tsk_some_day": {}, "tsk_done": now.Add(-time.Minute)} {
			s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: id, Kind: "account.closed", Ref: id, DueAt: due, Args: map[string]string{"account": mailbox, engawa.TypeExactly + "mail": "canary"}}))
		}
		s.must(s.FinishTask(ctx, ws, "tsk_done", ""))
		var all sync.WaitGroup
		nodes := []*store.Store{s.Store, s.Store}
		if !s.Lite() {
			nodes = append(nodes, s.node(), s.node())
		}
		for _, n := range nodes {
			n.Front("https://hub.example.jp")
		}
		for _, n := range nodes {
			all.Go(func() {
				for range 3 {
					if _, err := n.Remind(ctx); err != nil {
						s.t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if next, err := s.Remind(ctx); err != nil || next.Before(now.Add(67*time.Hour)) || next.After(now.Add(68*time.Hour)) {
			s.t.Errorf("the next is said to be at %v, %v", next, err)
		}
		for id, want := range map[string][]string{
			"tsk_over": {"task.due", "task.overdue", "task.raised"}, "tsk_far": {"task.raised"}, "tsk_some_day": {"task.raised"}, "tsk_done": {"task.raised"},
		} {
			if got := s.toldOf(id); !slices.Equal(got, want) {
				s.t.Errorf("%s: told %v", id, got)
			}
		}
		s.must(s.MoveTask(ctx, ws, "tsk_over", now.Add(-time.Second)))
		s.must(s.MoveTask(ctx, ws, "tsk_some_day", now.Add(40*time.Millisecond)))
		for range 2 { // the second finds nothing
			if _, err := s.Remind(ctx); err != nil {
				s.t.Error(err)
			}
		}
		if got := s.toldOf("tsk_over"); len(got) != 5 {
			s.t.Errorf("after it was moved: %v", got)
		}
		evs, err := s.Unrouted(ctx, 100)
		s.must(err)
		for _, e := range evs {
			if strings.Contains(string(e.Data), "canary") {
				s.t.Errorf("an event says what is to be typed: %s", e.Data)
			}
			if err := catalogue.Check(e); err != nil {
				s.t.Error(err)
			}
		}
		i := slices.IndexFunc(evs, func(e engawa.Event) bool { return e.Type == "task.overdue" })
		if i < 0 || evs[i].Account != engawa.SourceHub || !strings.Contains(string(evs[i].Data), `"url":"https://hub.example.jp/tasks/tsk_over"`) || !strings.Contains(string(evs[i].Data), `"account":"acc_mail"`) {
			s.t.Errorf("%d events, the overdue one is number %d", len(evs), i)
		}
	})
}

// TestNoRound: a message that tells of a task and fails raises a task, which is
// told of to nobody; so does a route that cannot make it.
func TestNoRound(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_first", Kind: "k", Ref: "r", DueAt: time.Now()}))
		evs, err := s.Unrouted(ctx, 10)
		s.must(err)
		m := s.message("cus_1")
		m.Event = evs[0].ID
		s.send(m)
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_of_message", Kind: "k", Ref: m.ID, DueAt: time.Now(), Args: map[string]string{"message": m.ID}}))
		s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_of_event", Kind: "route.broken", Ref: "rte_1", DueAt: time.Now(), Args: map[string]string{"event": evs[0].ID}}))
		_, err = s.Remind(ctx)
		s.must(err)
		if got := s.toldOf("tsk_first"); len(got) != 3 {
			s.t.Errorf("the first: %v", got)
		}
		for _, id := range []string{"tsk_of_message", "tsk_of_event"} {
			if got := s.toldOf(id); len(got) != 0 {
				s.t.Errorf("%s: %v", id, got)
			}
			if got := s.story(id); got.State != "open" {
				s.t.Errorf("%s is not there to do", id)
			}
		}
	})
}

// TestTaskLists: filters and orders, each page by page.
func TestTaskLists(t *testing.T) {
	each(t, func(s *shop) {
		ctx, now := s.t.Context(), time.Now()
		s.staff()
		for i, k := range []engawa.Task{
			{ID: "tsk_late", Kind: "account.closed", Ref: mailbox, DueAt: now.Add(-time.Hour)},
			{ID: "tsk_soon", Kind: "route.broken", Ref: "rte_1", DueAt: now.Add(time.Hour), Assignee: "mem_yuki"},
			{ID: "tsk_day", Kind: "listform.register", Ref: "msg_1"},
			{ID: "tsk_hand", Kind: engawa.TaskByHand, Ref: "tsk_hand", Source: "member:mem_ken", DueAt: now.Add(30 * time.Minute)},
			{ID: "tsk_done", Kind: "account.closed", Ref: room, DueAt: now.Add(-2 * time.Hour)},
		} {
			k.Workspace = ws
			s.must(s.Raise(ctx, k))
			if i == 4 {
				s.must(s.FinishTask(ctx, ws, k.ID, ""))
			}
		}
		list := func(f store.TaskFilter) (ids []string) {
			p := store.Page{Limit: 2}
			for range 9 {
				ks, err := s.TaskPage(ctx, ws, f, p)
				s.must(err)
				for _, k := range ks {
					ids = append(ids, k.ID)
					p.At, p.ID = f.After(k)
				}
				if len(ks) < 2 {
					break
				}
			}
			return ids
		}
		for name, c := range map[string]struct {
			f    store.TaskFilter
			want string
		}{
			"all, newest":  {store.TaskFilter{}, "tsk_done tsk_hand tsk_day tsk_soon tsk_late"},
			"all, oldest":  {store.TaskFilter{Order: store.TasksOldest}, "tsk_late tsk_soon tsk_day tsk_hand tsk_done"},
			"open, by due": {store.TaskFilter{State: "open", Order: store.TasksDue}, "tsk_late tsk_hand tsk_soon tsk_day"},
			"mine":         {store.TaskFilter{Assignee: "mem_yuki"}, "tsk_soon"},
			"nobody's":     {store.TaskFilter{State: "open", Unassigned: true}, "tsk_hand tsk_day tsk_late"},
			"overdue":      {store.TaskFilter{Overdue: true}, "tsk_late"},
			"a kind":       {store.TaskFilter{Kind: "account.closed"}, "tsk_done tsk_late"},
			"one source":   {store.TaskFilter{Source: mailbox}, "tsk_late"},
			"accounts":     {store.TaskFilter{Source: "acc"}, "tsk_done tsk_late"},
			"messages":     {store.TaskFilter{Source: "msg"}, "tsk_day"},
			"people":       {store.TaskFilter{Source: "member"}, "tsk_hand"},
		} {
			if got := strings.Join(list(c.f), " "); got != c.want {
				s.t.Errorf("%s: %s", name, got)
			}
		}
		n, err := s.CountTasks(ctx, ws)
		if err != nil || n != (store.TaskCounts{Open: 4, Overdue: 1}) {
			s.t.Errorf("%+v, %v", n, err)
		}
		if kinds, err := s.TaskKinds(ctx, ws); err != nil || len(kinds) != 4 {
			s.t.Errorf("%v, %v", kinds, err)
		}
		if _, err := s.TaskPage(ctx, ws, store.TaskFilter{Order: "x"}, store.Page{}); code(err) != engawa.CodeInvalid {
			s.t.Errorf("an order that is none: %v", err)
		}
	})
}
