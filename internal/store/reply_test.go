package store_test

import (
	"fmt"
	"strings"
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
