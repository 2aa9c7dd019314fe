package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// reports are what the hub reported of its own work, each as "type field=value …".
func (s *shop) reports(fields ...string) (out []string) {
	s.t.Helper()
	evs, err := s.Unrouted(s.t.Context(), 200)
	s.must(err)
	for _, e := range evs {
		if e.Account != engawa.SourceHub || strings.HasPrefix(e.Type, "task.") {
			continue
		}
		var data map[string]string
		s.must(json.Unmarshal(e.Data, &data))
		line := e.Type
		for _, f := range fields {
			line += fmt.Sprint(" ", f, "=", data[f])
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func (s *shop) asks(id string, events ...string) {
	s.t.Helper()
	s.must(s.SaveRoute(s.t.Context(), engawa.Route{
		Workspace: ws, ID: id, Name: id, Enabled: true, Events: events,
		Then: []engawa.Step{{To: engawa.PrefixDestination + "_1", Template: "tpl_1", Purpose: engawa.Service, Via: []engawa.Via{{Account: room}}}},
	}))
}

// TestReports: what became of deliveries, tasks and consents is an event where a
// route names it, and only there; of what tells of that, nothing is reported.
func TestReports(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		work := func(cause string) engawa.Message {
			m := s.message("cus_1")
			m.Event, m.Chain = cause, []engawa.Via{{Account: room}, {Account: mailbox}}
			s.send(m)
			for _, account := range []string{room, mailbox} {
				l := s.hold("node", account)
				c := s.claim(l, 1, sendAll)[0]
				_, err := s.Record(ctx, l, []store.Result{{
					Claimed: c, Outcome: engawa.OutcomeFailed, Code: "451", EndedAt: time.Now(), State: engawa.Failed, Note: "broken", GoesOn: true,
				}})
				s.must(err)
			}
			return m
		}
		task := func(id string) {
			s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: id, Kind: "account.closed", Ref: id}))
			s.must(s.By("member:mem_1").FinishTask(ctx, ws, id, ""))
		}
		decide := func(id string, given, pending bool) {
			s.must(s.Decide(ctx, engawa.Consent{
				Workspace: ws, ID: id, Customer: "cus_1", Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: "mail",
				Given: given, Pending: pending, At: time.Now(), Evidence: engawa.Evidence{Wording: "w", Version: "2026-04", Where: "my page"},
			}))
		}
		s.asks("rte_all", "*")
		work("")
		task("tsk_quiet")
		decide("cns_quiet", true, false)
		if got := s.reports(); len(got) != 0 {
			t.Fatalf("where nobody asks: %v", got)
		}

		s.asks("rte_work", "delivery.*", "manual_task.opened", "manual_task.closed")
		s.asks("rte_consent", "consent.granted", "consent.withdrawn")
		m := work("")
		task("tsk_1")
		decide("cns_1", true, true)
		decide("cns_2", true, false)
		decide("cns_3", false, false)
		want := []string{
			"consent.granted message= account= next_account= task= by= purpose=marketing", "consent.withdrawn message= account= next_account= task= by= purpose=marketing",
			"delivery.failed message=" + m.ID + " account=" + mailbox + " next_account= task= by= purpose=",
			"delivery.fell_back message=" + m.ID + " account=" + room + " next_account=" + mailbox + " task= by= purpose=",
			"manual_task.closed message= account= next_account= task=tsk_1 by=member:mem_1 purpose=", "manual_task.opened message= account= next_account= task=tsk_1 by= purpose=",
		}
		if got := s.reports("message", "account", "next_account", "task", "by", "purpose"); !slices.Equal(got, want) {
			t.Errorf("reported\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}

		for _, e := range s.events(store.EventFilter{Type: "manual_task.closed"}) {
			if e.Actor != (engawa.Actor{Type: "admin", ID: "mem_1"}) {
				s.t.Errorf("a task was done by %+v", e.Actor)
			}
		}
		for _, e := range s.events(store.EventFilter{Type: "delivery.failed"}) {
			if e.Actor != (engawa.Actor{Type: "system"}) {
				s.t.Errorf("a delivery failed by %+v", e.Actor)
			}
		}

		for _, e := range s.events(store.EventFilter{}) { // notices of these reports fail in turn
			if e.Account == engawa.SourceHub {
				work(e.ID)
			}
		}
		if got := s.reports(); len(got) != len(want)+2*2 { // of those of consents alone
			t.Errorf("it goes round: %v", got)
		}
	})
}

// TestSeen: a message that was seen in an app says when, by itself and in lists,
// from the first time on; it is an event where a route names it, once.
func TestSeen(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.asks("rte_seen", "app.message.seen")
		quiet, m := s.message("cus_1"), s.message("cus_1")
		for _, m := range []engawa.Message{quiet, m} {
			s.send(m)
			said, err := s.Message(ctx, ws, m.ID)
			s.must(err)
			s.must(s.KeepInApp(ctx, ws, said.Deliveries[0].ID, "app_1", []byte(`{}`)))
		}
		said, err := s.Message(ctx, ws, m.ID)
		s.must(err)
		id := engawa.FixedID(engawa.PrefixInApp, ws, said.Deliveries[0].ID)
		if err := s.SeeInApp(ctx, ws, "app_1", "cus_2", id); engawa.CodeOf(err) != engawa.CodeNotFound {
			s.t.Errorf("somebody else saw it: %v", err)
		}
		if !said.Deliveries[0].SeenAt.IsZero() {
			s.t.Error("it is seen before it was")
		}
		for range 2 {
			s.must(s.SeeInApp(ctx, ws, "app_1", "cus_1", id))
			after, err := s.Message(ctx, ws, m.ID)
			s.must(err)
			if first := said.Deliveries[0].SeenAt; after.Deliveries[0].SeenAt.IsZero() || !first.IsZero() && !after.Deliveries[0].SeenAt.Equal(first) {
				s.t.Errorf("seen at %v, and then at %v", first, after.Deliveries[0].SeenAt)
			}
			said = after
		}
		rows, err := s.Messages(ctx, ws, store.MessageFilter{Customer: "cus_1"}, store.Page{})
		s.must(err)
		for _, r := range rows {
			want := map[string]time.Time{m.ID: said.Deliveries[0].SeenAt}[r.Message.ID]
			if !r.SeenAt.Equal(want) {
				s.t.Errorf("in the list %s was seen at %v, not at %v", r.Message.ID, r.SeenAt, want)
			}
		}
		want := []string{"app.message.seen message=" + m.ID + " delivery=" + said.Deliveries[0].ID + " app=app_1"}
		if got := s.reports("message", "delivery", "app"); !slices.Equal(got, want) {
			s.t.Errorf("reported %q, not %q", got, want)
		}
		if evs := s.events(store.EventFilter{Customer: "cus_1"}); len(evs) != 1 {
			s.t.Errorf("the customer's story has %d events", len(evs))
		}
	})
}

// TestRescinded: a parent's withdrawal ends what may be told to the child beyond the
// contract and what others may be told of the child, and is a task, in the transaction that keeps the event; the same word
// again, another's and a sample's do nothing.
func TestRescinded(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.must(s.Decide(ctx, engawa.Consent{
			Workspace: ws, ID: "cns_shared", Customer: "cus_1", Controller: "ptn_1", App: "app_1", Act: engawa.ActShareAddress, Purpose: engawa.Service, Given: true, At: time.Now(),
		}))
		e := engawa.Event{
			Workspace: ws, Account: room, Type: store.Rescinded, Customer: "cus_1", DedupKey: "uuid", OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{}`),
		}
		sample, posted := e, e
		sample.DedupKey, sample.Sample = "sample", true
		posted.DedupKey, posted.Account = "posted", engawa.SourceAPI
		for _, e := range []engawa.Event{e, e, sample, posted} {
			e.ID = engawa.NewOrderedID(engawa.PrefixEvent, time.Now())
			_, err := s.Journal(ctx, []engawa.Event{e})
			s.must(err)
		}
		tasks, err := s.TaskPage(ctx, ws, store.TaskFilter{Kind: store.RescindedTask}, store.Page{})
		s.must(err)
		if len(tasks) != 1 || tasks[0].Customer != "cus_1" || tasks[0].Count != 1 {
			s.t.Errorf("%+v", tasks)
		}
		all, err := s.Consents(ctx, ws, "cus_1")
		s.must(err)
		var ends []string
		for _, c := range all {
			if !c.Given && c.Evidence.How == "parent" && c.App+c.Channel+c.Topic == "" {
				ends = append(ends, c.Controller+" "+string(c.Act)+" "+string(c.Purpose))
			}
		}
		slices.Sort(ends)
		if want := []string{
			"ptn_1 contact marketing", "ptn_1 contact notice", "ptn_1 contact_at_night marketing", "ptn_1 share_address service", "ptn_1 share_usage service",
			"workspace contact marketing", "workspace contact notice", "workspace contact_at_night marketing", "workspace share_address service", "workspace share_usage service",
		}; !slices.Equal(ends, want) {
			s.t.Errorf("%q end among %d decisions", ends, len(all))
		}
	})
}
