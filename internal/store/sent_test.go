package store_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestSentIsTold: a message of which a delivery arrived is sent to every reader,
// and is none that waits, though its row does not say so.
func TestSentIsTold(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_a")
		sent, waits := s.message("cus_a"), s.message("cus_a")
		sent.Partner, waits.Partner = "ptn_a", "ptn_a"
		s.send(sent, waits)
		lane := s.hold("n", mailbox)
		going := s.claim(lane, 1, sendAll)
		sent, waits = going[0].Message, map[string]engawa.Message{sent.ID: waits, waits.ID: sent}[going[0].Message.ID]
		_, err := s.Record(s.t.Context(), lane, []store.Result{accepted(going[0])})
		s.must(err)
		db := storetest.Open(s.t, s.url)
		if got := query(s.t, db, `SELECT DISTINCT state FROM message`); len(got) != 1 || got[0][0] != "waiting" {
			s.t.Errorf("the rows say %v: this test is of no use", got)
		}
		_, err = db.ExecContext(s.t.Context(), `INSERT INTO partner_message (workspace, message, partner, app, handle, created_at) SELECT workspace, id, partner, app, '', created_at FROM message`)
		s.must(err)
		want := map[engawa.MessageState]string{engawa.MessageSent: sent.ID, engawa.MessageWaiting: waits.ID}
		tally, err := s.Tally(s.t.Context(), ws, time.Now().Add(-time.Hour))
		s.must(err)
		for state, id := range want {
			if got := s.said(id).Message.State; got != state {
				s.t.Errorf("a message that is %s reads as %s", state, got)
			}
			listed, err := s.Messages(s.t.Context(), ws, store.MessageFilter{State: string(state)}, store.Page{})
			if err != nil || len(listed) != 1 || listed[0].Message.ID != id || listed[0].Message.State != state {
				s.t.Errorf("the list of those that are %s: %+v, %v", state, listed, err)
			}
			partners, err := s.PartnerMessages(s.t.Context(), ws, "ptn_a", store.PartnerMessageFilter{State: string(state)}, store.Page{})
			if err != nil || len(partners) != 1 || partners[0].ID != id || partners[0].State != state {
				s.t.Errorf("the partner's list of those that are %s: %+v, %v", state, partners, err)
			}
			n := 0
			for _, h := range tally.Hours {
				n += h.States[state]
			}
			if n != 1 {
				s.t.Errorf("the tally has %d that are %s", n, state)
			}
			if !bytes.Contains(s.takenLine("messages", id), []byte(`"state":"`+string(state)+`"`)) {
				s.t.Errorf("one that is %s leaves as %s", state, s.takenLine("messages", id))
			}
		}
		if err := s.Cancel(s.t.Context(), ws, sent.ID); code(err) != engawa.CodeConflict {
			s.t.Errorf("one that was sent is canceled: %v", err)
		}
		erased, err := s.Erase(s.t.Context(), ws, "cus_a")
		if err != nil || erased.Canceled != 1 {
			s.t.Errorf("an erasure cancels %d messages, not 1: %v", erased.Canceled, err)
		}
		if got := s.said(sent.ID).Message.State; got != engawa.MessageSent {
			s.t.Errorf("after it what was sent is %s", got)
		}
	})
}

// takenLine is the line of a row in a takeout.
func (s *shop) takenLine(kind, id string) (line []byte) {
	s.t.Helper()
	s.must(s.TakeOut(s.t.Context(), store.TakeOut{Workspace: ws}, func(k *store.Taking) error {
		return k.Each(kind, func(l []byte) error {
			if bytes.Contains(l, []byte(`"id":"`+id+`"`)) {
				line = bytes.Clone(l)
			}
			return nil
		})
	}))
	return line
}
