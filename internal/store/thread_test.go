package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// lines are those of a thread, in short.
func (s *shop) lines(message string, most int) (out []string) {
	s.t.Helper()
	h, err := s.Thread(s.t.Context(), ws, message, most)
	s.must(err)
	for _, l := range h.Lines {
		switch a := l.Answer; {
		case a != nil:
			out = append(out, fmt.Sprint(a.ID, " ", a.Body.Text, " ", a.Doubt, " ", a.Gone, a.Files, a.Told, a.Task != ""))
		default:
			out = append(out, fmt.Sprint(l.Said.Message.Content.Text, " ", l.Said.Message.State, " ", l.Said.Erased))
		}
	}
	return out
}

// tells is a webhook of owner's, and a notice to it of what tells of a reply.
func (s *shop) tells(id, owner, reply string) {
	s.t.Helper()
	ctx := s.t.Context()
	s.must(s.AddAccount(ctx, engawa.Account{Workspace: ws, ID: "acc_" + id, Kind: "webhook", Owner: owner, Enabled: true, CreatedAt: time.Now()}))
	s.must(s.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_" + id, Account: "acc_" + id, CreatedAt: time.Now()}))
	evs, err := s.Events(ctx, ws, store.EventFilter{Type: store.PartnerReplied}, store.Page{})
	s.must(err)
	for _, e := range evs {
		if e.DedupKey == "reply:"+reply {
			m := s.message("")
			m.Destination, m.Event, m.Chain = "dst_"+id, e.ID, []engawa.Via{{Account: "acc_" + id}}
			s.send(m)
			return
		}
	}
	s.t.Fatalf("nobody is told of %s", reply)
}

// parts finds each message of a conversation in its part, with the parts next to it.
func (s *shop) parts(l store.List, handle, first, second string) {
	s.t.Helper()
	ids := []string{first, second}
	for range 3 {
		m := s.message("cus_only")
		m.Partner, m.App = l.Partner, l.App
		s.must(s.EnqueueFor(s.t.Context(), news(m)[0], handle))
		ids = append(ids, m.ID)
	}
	want := []string{ // the part of each, then one of the messages before it and after it
		fmt.Sprint(ids[:1], " ", ids[1]), fmt.Sprint(ids[1:3], ids[0], " ", ids[3]), fmt.Sprint(ids[1:3], ids[0], " ", ids[3]), fmt.Sprint(ids[3:], ids[2], " "), fmt.Sprint(ids[3:], ids[2], " "),
	}
	for i, id := range ids {
		h, err := s.Thread(s.t.Context(), ws, id, 2)
		s.must(err)
		var in []string
		for _, line := range h.Lines {
			if line.Answer == nil {
				in = append(in, line.Said.Message.ID)
			}
		}
		if got := fmt.Sprint(in, h.Older, " ", h.Newer); got != want[i] {
			s.t.Errorf("the part of message %d is %s, not %s", i, got, want[i])
		}
	}
}

// tooMany answers a message until there are as many answers as are shown, and once more.
func (s *shop) tooMany(message, delivery string, had int) {
	s.t.Helper()
	for n := had + 1; n <= store.MostAnswers+1; n++ {
		last := fmt.Sprintf("rep_many_%02d", n)
		s.doubted(last, delivery)
		if n < store.MostAnswers {
			continue
		}
		as, more, err := s.Answers(s.t.Context(), ws, "cus_only", message)
		s.must(err)
		h, err := s.Thread(s.t.Context(), ws, message, 0)
		s.must(err)
		if len(as) != store.MostAnswers || as[len(as)-1].ID != last || more != (n > store.MostAnswers) || h.Cut != more {
			s.t.Errorf("of %d answers there are %d to %v; more: %v, %v", n, len(as), as[len(as)-1], more, h.Cut)
		}
	}
}

// TestThread: the messages to a handle and what was answered stand in the order of
// time, as the partner reads them, with the sizes of files and without their octets.
// One that waits names its task, one that was passed on what the partner's webhooks were
// told, and no other's, one that was left that it came, while its words are destroyed. A
// list has one line for each handle. A part has the message that it is asked for, and the
// newest answers. After an erasure no words are left.
func TestThread(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.asks("rte_1", store.PartnerReplied)
		l := s.tenants()
		went, waits := s.wrote(l, "cus_only")
		other, _ := s.wrote(l, "cus_both")
		delivery := s.said(went.ID).Deliveries[0].ID
		for _, id := range []string{"rep_passed", "rep_left", "rep_asked"} {
			s.doubted(id, delivery)
		}
		s.must(s.PassReply(ctx, ws, "rep_passed"))
		s.must(s.LeaveReply(ctx, ws, "rep_left"))
		s.tells("theirs", l.Partner, "rep_passed")
		s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_2", Name: "あおば商店", CreatedAt: time.Now()}))
		s.tells("others", "ptn_2", "rep_passed")
		s.tells("ours", engawa.OwnerWorkspace, "rep_passed")

		words := []string{"words to cus_only sent false", "words to cus_only waiting false"}
		file := "[{a.txt text/plain 1}]"
		want := append(words[:2:2],
			"rep_cus_only 本文  false "+file+" [] false", "rep_left  left true [] [] false", "rep_asked 本文 forged false "+file+" [] true", "rep_passed 本文  false "+file+" [waiting] false")
		if got := s.lines(waits.ID, 0); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the thread is\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		db := storetest.Open(t, s.url)
		defer db.Close()
		if rows := query(t, db, `SELECT sealed, sender FROM partner_reply WHERE id = 'rep_left'`); strings.Trim(rows[0][0], "0") != "" || rows[0][1] != "" {
			t.Errorf("of the one that was left there is %v", rows)
		}
		h, err := s.Thread(ctx, ws, waits.ID, 1)
		s.must(err)
		if h.Handle != s.handleIn(l, "cus_only") || h.Customer != "cus_only" || h.PartnerName != "みどり農園" || h.AppName != "アプリ" || len(h.Lines) != 1 || h.Lines[0].Said.Message.ID != waits.ID || h.Older != went.ID || h.Newer != "" {
			t.Errorf("the newest part is %+v", h)
		}
		if got := s.lines(went.ID, 1); len(got) != 5 || got[0] != words[0] {
			t.Errorf("before it there is %v", got)
		}
		as, more, err := s.Answers(ctx, ws, "cus_only", went.ID)
		if err != nil || len(as) != 4 || more || as[0].Body.Files != nil {
			t.Errorf("%d answers, %v, %v", len(as), more, err)
		}
		cs, err := s.Conversations(ctx, ws, l.Partner, store.Page{Limit: 1})
		s.must(err)
		rest, err := s.Conversations(ctx, ws, l.Partner, store.Page{At: cs[0].CreatedAt, ID: cs[0].ID})
		s.must(err)
		if len(cs) != 1 || cs[0].ID != "rep_passed" || cs[0].Handle != h.Handle || cs[0].AppName != "アプリ" || cs[0].Answers != 4 || cs[0].Waiting != 1 || len(rest) != 1 || rest[0].Message != other.ID || rest[0].Answers != 1 {
			t.Errorf("the conversations are %v and %v", cs, rest)
		}
		if printed := fmt.Sprintf("%+v %#v %+v %+v", as, as, cs, h); strings.Contains(printed, "本文") || strings.Contains(printed, "words to") {
			t.Error("printing them shows words")
		}
		own := s.message("cus_only")
		s.send(own)
		if _, err := s.Thread(ctx, ws, own.ID, 0); code(err) != engawa.CodeNotFound {
			t.Errorf("of the business's own message: %v", err)
		}
		s.parts(l, h.Handle, went.ID, waits.ID)
		s.tooMany(went.ID, delivery, len(as))

		_, err = s.Erase(ctx, ws, "cus_only")
		s.must(err)
		for _, line := range s.lines(went.ID, 0) {
			if !strings.Contains(line, "true") || strings.Contains(line, "本文") || strings.Contains(line, "words to") {
				t.Errorf("after the erasure there is %s", line)
			}
		}
	})
}
