package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestUnread: mail of which nothing could be made is kept sealed, once, and no more of
// it than there is room for; one that does not open keeps none of the others; one task for its account counts each; it is over in the
// end, or when the inbox has read it.
func TestUnread(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		keep := func(n int, at time.Time) {
			s.t.Helper()
			s.must(s.KeepUnread(ctx, store.Unread{Workspace: ws, Account: mailbox, Why: store.InboxOff, Dedup: fmt.Sprint(n), At: at, Raw: []byte("canary mail")}))
		}
		task := func(state string) engawa.Task {
			s.t.Helper()
			ks, err := s.TaskPage(ctx, ws, store.TaskFilter{State: state, Kind: store.InboxOffTask, Order: store.TasksNewest}, store.Page{})
			s.must(err)
			if len(ks) == 0 {
				s.t.Fatalf("no task is %s", state)
			}
			return ks[0]
		}
		for n := range 3 {
			keep(n, time.Now())
			keep(n, time.Now()) // brought again
		}
		if k := task("open"); k.Ref != mailbox || k.Count != 3 || k.Args["account"] != mailbox {
			s.t.Errorf("the task is %+v", k)
		}
		db := storetest.Open(s.t, s.url)
		var sealed []byte
		s.must(db.QueryRowContext(ctx, `SELECT sealed FROM unread_mail LIMIT 1`).Scan(&sealed))
		if bytes.Contains(sealed, []byte("canary")) {
			s.t.Error("it is not sealed")
		}
		kept, err := s.UnreadToRead(ctx, "", 10)
		s.must(err)
		if len(kept) != 3 || string(kept[0].Raw) != "canary mail" || kept[0].EndsAt.Sub(kept[0].At) != store.UnreadFor {
			s.t.Fatalf("%d wait", len(kept))
		}
		_, err = db.ExecContext(ctx, `UPDATE unread_mail SET sealed = `+map[bool]string{true: `'\x00'`, false: `x'00'`}[strings.HasPrefix(s.url, "postgres")]+` WHERE id = '`+kept[0].ID+`'`)
		s.must(err)
		for name, read := range map[string]func() ([]store.Unread, error){
			"of an account": func() ([]store.Unread, error) { return s.UnreadOf(ctx, ws, mailbox, 10) },
			"to be read":    func() ([]store.Unread, error) { return s.UnreadToRead(ctx, "", 10) },
		} {
			some, err := read()
			if err != nil || len(some) != 3 || some[0].Unopened == nil || some[0].Raw != nil || some[1].Unopened != nil || string(some[2].Raw) != "canary mail" {
				s.t.Errorf("%s, one of which does not open: %d, %v", name, len(some), err)
			}
		}
		if later, err := s.UnreadToRead(ctx, kept[1].ID, 10); err != nil || len(later) != 1 || later[0].ID != kept[2].ID {
			s.t.Errorf("after the second are %v, %v", later, err)
		}
		for _, u := range kept {
			s.must(s.EndUnread(ctx, u))
		}
		if task("done").Count != 3 {
			s.t.Error("the task is not done")
		}
		for n := range 205 {
			keep(100+n, time.Now().Add(-store.UnreadFor-time.Minute))
		}
		if kept, err = s.UnreadOf(ctx, ws, mailbox, 1000); err != nil || len(kept) != 200 || task("open").Count != 205 {
			s.t.Errorf("%d are kept, %d counted, %v", len(kept), task("open").Count, err)
		}
		s.must(s.Sweep(ctx))
		if kept, err = s.UnreadOf(ctx, ws, mailbox, 10); err != nil || len(kept) != 0 {
			s.t.Errorf("%d are kept beyond their end, %v", len(kept), err)
		}
		keep(1, time.Now())
		s.must(s.By("member:mem_1").DropUnread(ctx, ws, mailbox))
		if err := s.DropUnread(ctx, ws, mailbox); engawa.CodeOf(err) != engawa.CodeNotFound || s.audited()[0] != "drop-unread "+mailbox+" member:mem_1" {
			s.t.Errorf("%v, %v", err, s.audited()[:1])
		}
	})
}
