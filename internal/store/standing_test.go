package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// mailed has a partner's marketing handed over to cus_only, n mails, of which some
// are complained of.
func (s *shop) mailed(l store.List, n, complaints int) {
	s.t.Helper()
	ctx := s.t.Context()
	lane := s.hold(fmt.Sprint("mailed ", s.made.Load()), mailbox)
	var ms []engawa.Message
	for range n {
		m := s.message("cus_only")
		m.Partner, m.App = l.Partner, l.App
		ms = append(ms, m)
	}
	s.send(ms...)
	for left := n; left > 0; {
		var rs []store.Result
		for _, c := range s.claim(lane, 100, sendAll) {
			rs = append(rs, accepted(c))
		}
		if len(rs) == 0 {
			s.t.Fatal("nothing goes")
		}
		_, err := s.Record(ctx, lane, rs)
		s.must(err)
		left -= len(rs)
	}
	for i := range complaints {
		for k := range 2 { // the same mail twice is one
			at := time.Now()
			_, err := s.Journal(ctx, []engawa.Event{{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, at), Account: mailbox, Type: "mail.complained", DedupKey: fmt.Sprint("complaint:", ms[i].ID, k), Subject: ms[i].ID,
				Known: true, OccurredAt: at, ReceivedAt: at, Data: []byte(`{}`),
			}})
			s.must(err)
		}
	}
}

// marketing is what a claim finds for one more message of a partner.
func (s *shop) marketing(l store.List, purpose engawa.Purpose) (f engawa.Facts) {
	s.t.Helper()
	m := s.message("cus_only")
	m.Partner, m.App, m.Purpose = l.Partner, l.App, purpose
	s.send(m)
	s.claim(s.hold("look "+m.ID, mailbox), 1, func(c *store.Claimed) store.Decision {
		f = c.Known.Facts
		return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse}}
	})
	return f
}

// TestComplaints: what those say who get a partner's mail is counted once a mail,
// for that partner alone; what became worse is told once and asks a person; a
// slowed one's marketing has a quarter of the usual for a day, within a batch too; a
// stopped one's does not go; service goes on. A person stops and lifts with a
// reason, and after a lift it counts anew.
func TestComplaints(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		l := s.tenants()
		s.asks("r", store.StandingTask)
		s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_2", Name: "p", CreatedAt: time.Now()}))
		s.mailed(l, 40, 3)
		var seen store.Complained
		watch := func(to engawa.Repute) {
			s.t.Helper()
			s.must(s.WatchComplaints(ctx, ws, func(c store.Complained) engawa.Repute {
				if c.Partner != l.Partner {
					if c.Sent+c.Complaints > 0 {
						s.t.Errorf("of another there are %+v", c)
					}
					return ""
				}
				seen = c
				return to
			}))
		}
		tasks := func() int {
			s.t.Helper()
			open, err := s.TaskPage(ctx, ws, store.TaskFilter{Kind: store.StandingTask, State: "open"}, store.Page{})
			s.must(err)
			if len(open) == 0 {
				return 0
			}
			return open[0].Count
		}
		watch("")
		if seen.Sent != 40 || seen.Marketing != 40 || seen.Complaints != 3 || tasks() != 0 {
			s.t.Errorf("%+v", seen)
		}
		if days := must(s.ComplaintDays(ctx, ws, l.Partner)); len(days) != 1 || days[0].Complaints != 3 || days[0].Sent != 40 {
			s.t.Errorf("%+v", days)
		}
		if f := s.marketing(l, engawa.Marketing); f.Stopped || len(f.Budgets) != 0 {
			s.t.Errorf("in good standing: %+v", f)
		}
		watch(engawa.ReputeWarned)
		watch(engawa.ReputeWarned) // the same is told once
		if tasks() != 1 || len(s.reports("partner", "level")) != 1 {
			s.t.Errorf("%d, %v", tasks(), s.reports("partner", "level"))
		}
		watch(engawa.ReputeSlowed) // 40 in these thirty days, a quarter of one a day: one
		if f := s.marketing(l, engawa.Marketing); f.Stopped || len(f.Budgets) != 1 || f.Budgets[0].Scope != store.SlowScope || f.Budgets[0].Remaining != 1-40 || !f.Budgets[0].ResetsAt.After(time.Now()) {
			s.t.Errorf("slowed: %+v", f.Budgets)
		}
		if f := s.marketing(l, engawa.Service); len(f.Budgets) != 0 {
			s.t.Errorf("service is slowed: %+v", f.Budgets)
		}
		watch(engawa.ReputeStopped)
		if f := s.marketing(l, engawa.Marketing); !f.Stopped {
			s.t.Error("marketing goes on")
		}
		if f := s.marketing(l, engawa.Service); f.Stopped {
			s.t.Error("service is stopped")
		}
		if own := s.marketing(store.List{}, engawa.Marketing); own.Stopped {
			s.t.Error("the business's own is stopped")
		}
		if tasks() != 3 {
			s.t.Errorf("%d", tasks())
		}
		s.must(s.By("member:1").LiftPartner(ctx, ws, l.Partner, "話して直した"))
		if f := s.marketing(l, engawa.Marketing); f.Stopped || len(f.Budgets) != 0 || tasks() != 0 {
			s.t.Error("not lifted")
		}
		if watch(""); seen.Sent+seen.Complaints != 0 || seen.Level != "" {
			s.t.Errorf("what was before the lift counts: %+v", seen)
		}
		s.must(s.By("member:1").StopPartner(ctx, ws, l.Partner, "確かめる"))
		if f := s.marketing(l, engawa.Marketing); !f.Stopped {
			s.t.Error("not stopped by hand")
		}
		if c := must(s.Complaints(ctx, ws, l.Partner)); c.Level != engawa.ReputeStopped || c.SetBy != "member:1" || c.Reason != "確かめる" {
			s.t.Errorf("%+v", c)
		}
		audits, err := s.Audits(ctx, ws, store.AuditFilter{Object: l.Partner}, store.Page{})
		s.must(err)
		var acts []string
		for _, a := range audits {
			acts = append(acts, a.Action+" "+a.Detail)
		}
		if got := strings.Join(acts, ", "); got != "stop-partner 確かめる, lift-partner 話して直した" {
			s.t.Errorf("%s", got)
		}
	})
}

// TestSlowedBatch: of one batch of a slowed partner no more goes than is left of
// its day.
func TestSlowedBatch(t *testing.T) {
	each(t, func(s *shop) {
		l := s.tenants()
		s.mailed(l, 1, 1)
		s.must(s.WatchComplaints(s.t.Context(), ws, func(store.Complained) engawa.Repute { return engawa.ReputeSlowed }))
		for range 3 {
			m := s.message("cus_only")
			m.Partner, m.App = l.Partner, l.App
			s.send(m)
		}
		var left []int
		s.claim(s.hold("node", mailbox), 10, func(c *store.Claimed) store.Decision {
			left = append(left, c.Known.Facts.Budgets[0].Remaining)
			return sendAll(c)
		})
		if fmt.Sprint(left) != "[0 -1 -2]" { // one went before
			s.t.Errorf("left of the day: %v", left)
		}
	})
}
