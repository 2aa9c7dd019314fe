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
	"github.com/engawa/engawa/internal/verdict"
)

// repliedTo is an answer to a delivery, with what the partner may read of it.
func repliedTo(id, delivery, partner string) store.Return {
	at := time.Now()
	return store.Return{
		Event: engawa.Event{
			ID: engawa.NewOrderedID(engawa.PrefixEvent, at), Type: "mail.replied", DedupKey: "answer:" + id, Known: true, OccurredAt: at, ReceivedAt: at, Data: []byte(`{}`),
		},
		Delivery: delivery,
		Reply: &engawa.Reply{
			ID: id, Partner: partner, App: "app_1", At: at.Truncate(time.Hour), CreatedAt: at,
			Body: engawa.ReplyBody{Subject: "件名", Text: "本文", Files: []engawa.ReplyFile{{Name: "a.txt", Type: "text/plain", Data: []byte("x")}}},
		},
	}
}

// TestPartnerReplies: what a customer answers is kept once, sealed, for one
// partner, newest first; a merger takes it along; an erasure makes it unreadable,
// and after it nothing is kept.
func TestPartnerReplies(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.customer("cus_2")
		m, delivery := s.handed()
		apps := []string{repliedTo("", "", "").Reply.App}
		for _, id := range []string{"rep_1", "rep_1", "rep_2"} {
			_, err := s.TakeReturn(ctx, repliedTo(id, delivery, "ptn_1"))
			s.must(err)
		}
		rs, err := s.PartnerReplies(ctx, ws, "ptn_1", apps, store.Page{Limit: 1})
		s.must(err)
		rest, err := s.PartnerReplies(ctx, ws, "ptn_1", apps, store.Page{At: rs[0].CreatedAt, ID: rs[0].ID})
		s.must(err)
		if len(rs) != 1 || rs[0].ID != "rep_2" || len(rest) != 1 || rest[0].Message != m.ID || rest[0].Body.Text != "本文" || string(rest[0].Body.Files[0].Data) != "x" {
			t.Errorf("%v, then %v", rs, rest)
		}
		if printed := fmt.Sprintf("%+v %#v", rest[0], rest[0].Body); strings.Contains(printed, "本文") || strings.Contains(printed, "件名") {
			t.Error("printing a reply shows its words")
		}
		if others, err := s.PartnerReplies(ctx, ws, "ptn_2", apps, store.Page{}); err != nil || len(others) != 0 {
			t.Errorf("another partner reads %v, %v", others, err)
		}
		if of, err := s.PartnerReplies(ctx, ws, "ptn_1", []string{"app_other"}, store.Page{}); err != nil || len(of) != 0 {
			t.Errorf("of another app there are %v, %v", of, err)
		}
		_, err = s.Merge(ctx, store.Merge{Workspace: ws, From: "cus_1", Into: "cus_2", Narrow: verdict.Narrow})
		s.must(err)
		if rs, err := s.PartnerReplies(ctx, ws, "ptn_1", apps, store.Page{}); err != nil || len(rs) != 2 || rs[0].Customer != "cus_2" || rs[0].Body.Subject != "件名" {
			t.Errorf("after the merger: %v, %v", rs, err)
		}
		_, err = s.Erase(ctx, ws, "cus_2")
		s.must(err)
		if _, err := s.TakeReturn(ctx, repliedTo("rep_3", delivery, "ptn_1")); err != nil {
			t.Errorf("an answer of who is erased: %v", err)
		}
		rs, err = s.PartnerReplies(ctx, ws, "ptn_1", apps, store.Page{})
		if err != nil || len(rs) != 2 || rs[0].Body.Text != "" || rs[1].Body.Files != nil {
			t.Errorf("after the erasure: %v, %v", rs, err)
		}
	})
}

// doubted is an answer to a delivery whose sender is not proved.
func (s *shop) doubted(id, delivery string) {
	s.t.Helper()
	r := repliedTo(id, delivery, "ptn_1")
	r.Reply.Doubt, r.Reply.Sender = engawa.DoubtForged, "t…@c….example"
	_, err := s.TakeReturn(s.t.Context(), r)
	s.must(err)
}

// askedAbout are the replies that open tasks ask about.
func (s *shop) askedAbout() (refs []string) {
	s.t.Helper()
	ks, err := s.TaskPage(s.t.Context(), ws, store.TaskFilter{State: "open", Kind: store.UnprovedTask}, store.Page{})
	s.must(err)
	for _, k := range ks {
		refs = append(refs, k.Ref)
	}
	slices.Sort(refs)
	return refs
}

// TestUnprovedReply: an answer in doubt asks a person and its partner reads nothing
// of it and is told nothing. Passed on, on two nodes and by many at once, it is the
// partner's once; left, it is gone. Either closes its task and names who did it. Of a
// customer who was erased, and to a partner that ended, nothing is passed on.
func TestUnprovedReply(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		_, delivery := s.handed()
		s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_1", Name: "みどり農園", CreatedAt: time.Now()}))
		s.must(s.AddApp(ctx, engawa.App{Workspace: ws, ID: "app_1", Name: "在庫くん", Partner: "ptn_1", CreatedAt: time.Now()}))
		s.asks("rte_1", store.PartnerReplied)
		reads := func() (ids string) {
			rs, err := s.PartnerReplies(ctx, ws, "ptn_1", []string{"app_1"}, store.Page{})
			s.must(err)
			for _, r := range rs {
				ids += fmt.Sprint(r.ID, " ", r.Body.Text, " ", r.Doubt, r.Sender, ";")
			}
			return ids
		}
		for _, id := range []string{"rep_1", "rep_1", "rep_2", "rep_3"} { // the second time because the first answer was lost
			s.doubted(id, delivery)
		}
		if reads() != "" || len(s.reports()) != 0 {
			t.Errorf("the partner reads %s and is told %v", reads(), s.reports())
		}
		if got := s.askedAbout(); fmt.Sprint(got) != "[rep_1 rep_2 rep_3]" {
			t.Errorf("a person is asked about %v", got)
		}
		ks, err := s.TaskPage(ctx, ws, store.TaskFilter{Kind: store.UnprovedTask}, store.Page{})
		s.must(err)
		for name, want := range map[string]string{"partner": "みどり農園", "app": "在庫くん", "from": "t…@c….example", "why": "forged"} {
			if ks[0].Args[name] != want || ks[0].Count != 1 || ks[0].Customer != "cus_1" {
				t.Errorf("the task says %v", ks[0])
			}
		}
		u, err := s.UnprovedReply(ctx, ws, "rep_1")
		s.must(err)
		if u.PartnerName != "みどり農園" || u.AppName != "在庫くん" || u.Body.Text != "本文" || u.Ended {
			t.Errorf("a person reads %q, %v", u.Body.Text, u)
		}
		if printed := fmt.Sprintf("%+v %#v", u, u); strings.Contains(printed, "本文") {
			t.Error("printing it shows its words")
		}

		nodes := []*store.Store{s.Store, s.Store}
		if !s.Lite() {
			nodes[1] = s.node()
		}
		var all sync.WaitGroup
		outcomes := make([]error, 6)
		for i := range outcomes {
			all.Go(func() { outcomes[i] = nodes[i%2].By("member:mem_1").PassReply(ctx, ws, "rep_1") })
		}
		all.Wait()
		passed := 0
		for _, err := range outcomes {
			if err == nil {
				passed++
			} else if code(err) != engawa.CodeNotFound {
				t.Errorf("a second click: %v", err)
			}
		}
		if got := s.reports("partner", "message"); passed != 1 || len(got) != 1 || !strings.HasPrefix(got[0], "partner.replied partner=ptn_1 message=msg_") {
			t.Errorf("passed on %d times, the partner is told %v", passed, got)
		}
		s.must(s.By("member:mem_2").LeaveReply(ctx, ws, "rep_2"))
		for _, act := range []func() error{
			func() error { return s.PassReply(ctx, ws, "rep_2") }, func() error { return s.LeaveReply(ctx, ws, "rep_2") },
			func() error { return s.LeaveReply(ctx, ws, "rep_1") }, func() error { _, err := s.UnprovedReply(ctx, ws, "rep_1"); return err },
			func() error { return s.PassReply(ctx, "ws_other", "rep_3") },
		} {
			if err := act(); code(err) != engawa.CodeNotFound {
				t.Errorf("once decided, or of another workspace: %v", err)
			}
		}
		if got := reads(); got != "rep_1 本文 ;" {
			t.Errorf("the partner reads %s", got)
		}
		if got := s.askedAbout(); fmt.Sprint(got) != "[rep_3]" {
			t.Errorf("a person is still asked about %v", got)
		}
		as, err := s.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
		s.must(err)
		var trail []string
		for _, a := range as {
			trail = append(trail, a.Actor+" "+a.Action+" "+a.Object)
		}
		if got := fmt.Sprint(trail); got != "[member:mem_2 leave-reply rep_2 member:mem_1 pass-reply rep_1]" {
			t.Errorf("the trail says %s", got)
		}

		_, err = s.EndPartner(ctx, ws, "ptn_1")
		s.must(err)
		if u, err := s.UnprovedReply(ctx, ws, "rep_3"); err != nil || !u.Ended || code(s.PassReply(ctx, ws, "rep_3")) != engawa.CodeConflict {
			t.Errorf("to a partner that ended: %v, %v", u, err)
		}
		_, err = s.Erase(ctx, ws, "cus_1")
		s.must(err)
		if u, err := s.UnprovedReply(ctx, ws, "rep_3"); err != nil || !u.Body.Erased() || code(s.PassReply(ctx, ws, "rep_3")) != engawa.CodeConflict {
			t.Errorf("of a customer who was erased: %v, %v", u, err)
		}
		s.must(s.LeaveReply(ctx, ws, "rep_3"))
		if got := s.askedAbout(); len(got) != 0 {
			t.Errorf("a person is still asked about %v", got)
		}
	})
}
