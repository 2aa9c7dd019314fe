package store_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// entry is that of the mailbox.
func (s *shop) entry() engawa.Custody {
	s.t.Helper()
	cs, err := s.Custodies(s.t.Context(), ws)
	s.must(err)
	for _, c := range cs {
		if c.Account == mailbox {
			return c
		}
	}
	s.t.Fatalf("entries are %v", cs)
	return engawa.Custody{}
}

// nowhere reports what stands in the database in words.
func (s *shop) nowhere(secrets ...string) {
	s.t.Helper()
	db := storetest.Open(s.t, s.url)
	words := dump(s.t, db, tablesOf(s.t, db, s.Lite()), ws)
	for _, secret := range secrets {
		if strings.Contains(words, secret) || strings.Contains(words, hex.EncodeToString([]byte(secret))) {
			s.t.Errorf("%q stands in the database", secret)
		}
	}
}

func (s *shop) write(id, seen string, l engawa.CustodyLine, p *store.Picture) (string, error) {
	return s.By("member:mem_1").WriteCustody(s.t.Context(), store.CustodyEntry{Workspace: ws, Custody: id, Line: l, Picture: p, Seen: seen, Custodian: "B社"})
}

func stated(note string) engawa.CustodyLine {
	return engawa.CustodyLine{Stated: &engawa.CustodyStatement{
		Owner: engawa.OwnerOther, Holders: []engawa.CustodyHolder{{Name: "B社", Side: engawa.SideOutside, Rights: []string{"admin"}}}, Known: engawa.KnownSeen, On: "2026-12-01", Note: note,
	}}
}

// TestCustody: each account has an entry by itself; what is said of it is kept line
// by line with its picture, the account's owner and custodian follow, and who did not
// see what was said before does not write over it. A thing without an account has an
// entry too, under a name that is nowhere in words, and may be bound to an account
// that is connected later.
func TestCustody(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		c := s.entry()
		a, err := s.Account(ctx, ws, c.Account)
		s.must(err)
		if c.Name != a.Name || c.Kind != a.Kind || len(c.Lines) != 0 {
			s.t.Errorf("the entry of %v is %+v", a, c.Lines)
		}
		picture := &store.Picture{Type: "image/png", Data: []byte("picture-canary")}
		first, err := s.write(c.ID, "", stated("note-canary"), picture)
		s.must(err)
		if _, err := s.write(c.ID, "", stated("again"), nil); engawa.CodeOf(err) != engawa.CodeConflict {
			s.t.Errorf("who has not seen what was said: %v", err)
		}
		second, err := s.write(c.ID, first, stated("again"), nil)
		s.must(err)
		step := engawa.CustodyStep{Key: "remove", Holder: "B社", Right: "admin"}
		_, err = s.write(c.ID, "", engawa.CustodyLine{Done: &engawa.CustodyDone{Step: step, Note: "電話で確認"}}, nil)
		s.must(err)
		c = s.entry()
		if last, ok := c.Stated(); !ok || last.ID != second || len(c.Lines) != 3 || c.Lines[2].Done.Step != step || c.Lines[2].By != "member:mem_1" || c.Lines[0].Picture != "image/png" {
			s.t.Errorf("lines are %+v", c.Lines)
		}
		if a, err = s.Account(ctx, ws, c.Account); err != nil || a.Owner != engawa.OwnerOther || a.Custodian != "B社" {
			s.t.Errorf("the account is %s's, with %s: %v", a.Owner, a.Custodian, err)
		}
		if p, err := s.CustodyPicture(ctx, ws, first); err != nil || p.Type != "image/png" || !bytes.Equal(p.Data, picture.Data) {
			s.t.Errorf("the picture is %v, %v", p, err)
		}
		if _, err := s.CustodyPicture(ctx, ws, second); engawa.CodeOf(err) != engawa.CodeNotFound {
			s.t.Errorf("there is no picture: %v", err)
		}
		line := engawa.Custody{Workspace: ws, ID: "cst_line", Kind: a.Kind, Name: "name-canary", CreatedAt: time.Now()}
		s.must(s.AddCustody(ctx, line))
		s.must(s.AddCustody(ctx, engawa.Custody{Workspace: ws, ID: "cst_other", Kind: "line", Name: "x", CreatedAt: time.Now()}))
		got, err := s.Custody(ctx, ws, "cst_line")
		if s.must(err); got.Name != "name-canary" || got.Account != "" {
			s.t.Errorf("written down as %v %q", got, got.Name)
		}
		s.bind(c)
		s.nowhere("note-canary", "picture-canary", "name-canary")
	})
}

// bind binds what was written down to an account that is connected later.
func (s *shop) bind(of engawa.Custody) {
	s.t.Helper()
	ctx := s.t.Context()
	later := engawa.Account{Workspace: ws, ID: "acc_later", Kind: of.Kind, Name: "later", CreatedAt: time.Now()}
	s.must(s.AddAccount(ctx, later))
	for name, at := range map[string][2]string{
		"of which something was said": {"cst_line", of.Account}, "of another kind": {"cst_other", later.ID}, "that has an account": {of.ID, later.ID},
	} {
		if err := s.BindCustody(ctx, ws, at[0], at[1]); engawa.CodeOf(err) != engawa.CodeConflict {
			s.t.Errorf("bound to one %s: %v", name, err)
		}
	}
	s.must(s.BindCustody(ctx, ws, "cst_line", later.ID))
	all, err := s.Custodies(ctx, ws)
	s.must(err)
	n := 0
	for _, c := range all {
		if c.Account == later.ID {
			n++
			if c.ID != "cst_line" || c.Name != "later" {
				s.t.Errorf("the account's entry is %v %q", c, c.Name)
			}
		}
	}
	if n != 1 {
		s.t.Errorf("%d entries of one account", n)
	}
	if err := s.EndCustody(ctx, ws, "cst_line"); engawa.CodeOf(err) != engawa.CodeNotFound {
		s.t.Errorf("an account's entry is taken out: %v", err)
	}
	s.must(s.EndCustody(ctx, ws, "cst_other"))
	if _, err := s.Custody(ctx, ws, "cst_other"); engawa.CodeOf(err) != engawa.CodeNotFound {
		s.t.Errorf("it is still there: %v", err)
	}
}

// TestCustodyLooks: one node asks; what it finds is a line, an event and a task, once
// while it lasts; what works again settles itself, and what a person has looked into
// closes its task. What a late node brings counts for nothing.
func TestCustodyLooks(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		db := storetest.Open(s.t, s.url)
		due := func() {
			s.t.Helper()
			_, err := db.ExecContext(ctx, `UPDATE custody SET next_at = 1 WHERE account = $1`, mailbox)
			s.must(err)
		}
		if _, ok, err := s.DueCustody(ctx); ok || err != nil {
			s.t.Fatalf("a new account is asked at once: %t, %v", ok, err)
		}
		due()
		look := func(seen store.CustodySeen) {
			s.t.Helper()
			l, ok, err := s.DueCustody(ctx)
			if s.must(err); !ok {
				s.t.Fatal("nothing is due")
			}
			seen.Next = time.Now().Add(-time.Minute)
			s.must(s.LookedAtCustody(ctx, l, seen))
		}
		late, ok, err := s.DueCustody(ctx)
		if s.must(err); !ok {
			s.t.Fatal("nothing is due")
		}
		if again, ok, err := s.DueCustody(ctx); err != nil || ok && again.ID == late.ID {
			s.t.Errorf("two nodes ask about one: %v, %v", again, err)
		}
		due()
		failing := store.CustodySeen{Answered: true, Found: []engawa.CustodyFound{{What: engawa.CustodyFailing}}}
		look(failing)
		look(failing)
		s.must(s.LookedAtCustody(ctx, late, store.CustodySeen{Answered: true, Facts: map[string]string{"webhook": "late"}}))
		c, tasks := s.entry(), s.custodyTasks()
		if len(c.Open(engawa.CustodyFailing)) != 1 || len(c.Lines) != 1 || c.Facts["webhook"] != "" || tasks["custody.credentials_failing"] != 2 || s.heardOf("custody.credentials_failing") != 1 {
			s.t.Errorf("%+v, %v, %d events", c, tasks, s.heardOf("custody.credentials_failing"))
		}
		look(store.CustodySeen{Answered: true, Works: true, Facts: map[string]string{"webhook": "webhook-canary"}, Found: []engawa.CustodyFound{{What: "webhook_changed", Was: "a", Is: "webhook-canary"}}})
		if c, tasks = s.entry(), s.custodyTasks(); len(c.Open(engawa.CustodyFailing)) != 0 || len(tasks) != 1 || tasks["custody.webhook_changed"] != 1 || c.Facts["webhook"] != "webhook-canary" || c.LookedAt.IsZero() {
			s.t.Errorf("when it works again: %+v, %v", c, tasks)
		}
		look(store.CustodySeen{})
		if c := s.entry(); c.Silent != 1 || c.LookedAt.IsZero() {
			s.t.Errorf("when nobody answers: %+v", c)
		}
		found := c.Open("webhook_changed")[0]
		_, err = s.write(c.ID, "", engawa.CustodyLine{Done: &engawa.CustodyDone{Step: engawa.CustodyStep{Key: engawa.CustodyStepFound, Found: found.ID}}}, nil)
		s.must(err)
		if tasks = s.custodyTasks(); len(tasks) != 0 {
			s.t.Errorf("looked into, and still open: %v", tasks)
		}
		s.nowhere("webhook-canary")
	})
}

// custodyTasks are the open tasks, by kind, with how often they were raised.
func (s *shop) custodyTasks() map[string]int {
	s.t.Helper()
	all, err := s.Tasks(s.t.Context(), ws, 100)
	s.must(err)
	open := map[string]int{}
	for _, k := range all {
		if k.State == "open" {
			open[k.Kind] = k.Count
		}
	}
	return open
}

// heardOf counts the events of a type.
func (s *shop) heardOf(typ string) int {
	s.t.Helper()
	evs, err := s.Events(s.t.Context(), ws, store.EventFilter{Type: typ}, store.Page{})
	s.must(err)
	return len(evs)
}
