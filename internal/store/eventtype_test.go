package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

func TestOwnEventTypes(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		e := engawa.EventType{
			Workspace: ws, Type: "shop.ordered", Names: map[engawa.Locale]string{"ja": "ご注文", "ko": "주문", "en": "Ordered"},
			Schema: []byte(`{"type":"object"}`), Sample: []byte(`{"n":1}`), UpdatedBy: "key:1", UpdatedAt: time.Now(),
		}
		st := s.By("key:1")
		s.must(st.SaveEventType(ctx, e))
		e.Sample = []byte(`{"n":2}`)
		s.must(st.SaveEventType(ctx, e))
		got, err := s.EventTypes(ctx, ws)
		s.must(err)
		if len(got) != 1 || got[0].Names["ko"] != "주문" || string(got[0].Sample) != `{"n":2}` || string(got[0].Schema) != `{"type":"object"}` || got[0].UpdatedAt.IsZero() {
			s.t.Errorf("%+v", got)
		}
		s.must(st.EndEventType(ctx, ws, e.Type))
		if err := st.EndEventType(ctx, ws, e.Type); code(err) != engawa.CodeNotFound {
			s.t.Errorf("taken away twice: %v", err)
		}
		if got := s.audited(); !slices.Equal(got, []string{"end-event-type shop.ordered key:1", "save-event-type shop.ordered key:1", "save-event-type shop.ordered key:1"}) {
			s.t.Errorf("the trail has %v", got)
		}
	})
}

func TestEventTypesAreBounded(t *testing.T) {
	each(t, func(s *shop) {
		for i := range 200 {
			s.must(s.SaveEventType(s.t.Context(), engawa.EventType{Workspace: ws, Type: fmt.Sprint("shop.n", i)}))
		}
		if err := s.SaveEventType(s.t.Context(), engawa.EventType{Workspace: ws, Type: "shop.more"}); code(err) != engawa.CodeConflict {
			s.t.Errorf("one too many: %v", err)
		}
		s.must(s.SaveEventType(s.t.Context(), engawa.EventType{Workspace: ws, Type: "shop.n0"}))
	})
}

func TestEventCounts(t *testing.T) {
	each(t, func(s *shop) {
		now := time.Now().UTC()
		add := func(typ, key string, at time.Time) {
			e := event(key)
			e.Type, e.ID, e.ReceivedAt = typ, engawa.NewOrderedID(engawa.PrefixEvent, at), at
			_, err := s.Journal(s.t.Context(), []engawa.Event{e})
			s.must(err)
		}
		add("contract.resumed", "1", now.AddDate(0, 0, -29))
		add("contract.resumed", "2", now)
		add("mail.bounced", "3", now)
		add("mail.bounced", "4", now.AddDate(0, 0, -31))
		counts, all, err := s.EventCounts(s.t.Context(), ws, now.AddDate(0, 0, -30))
		s.must(err)
		if all != 3 || len(counts) != 2 || counts["contract.resumed"] != 2 || counts["mail.bounced"] != 1 {
			s.t.Errorf("%d: %v", all, counts)
		}
	})
}
