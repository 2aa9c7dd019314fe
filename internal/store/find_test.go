package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// named adds a person of a name.
func (s *shop) named(id, name string) {
	s.t.Helper()
	s.must(s.AddCustomer(s.t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: name, CreatedAt: time.Now()}}))
}

// found are the ids of who is found.
func (s *shop) found(q store.Sought) (ids []string) {
	s.t.Helper()
	hits, _, err := s.Find(s.t.Context(), ws, q)
	s.must(err)
	for _, h := range hits {
		ids = append(ids, h.Customer.ID+" "+string(h.By))
	}
	return ids
}

// TestFind: whole values, each by its keyed hash, and the first letters of a
// name's words, whatever their width, case and kana.
func TestFind(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.settle(ws + "_other")
		for id, name := range map[string]string{
			"cus_a": "山田 花", "cus_b": "やまだ ハナコ", "cus_c": "김민수", "cus_d": "Hana YAMADA-Straße", "cus_e": "ﾔﾏﾀﾞ", "cus_f": "林", "cus_g": "Christopher Constantinopolous", "cus_h": "",
		} {
			s.named(id, name)
		}
		for typed, want := range map[string]string{
			"山田": "cus_a", "山田花": "cus_a", "山田　花": "cus_a", "ヤマダ": "cus_b cus_e", "ﾔﾏﾀﾞﾊﾅ": "cus_b", "はなこ": "cus_b", "김민": "cus_c", "김민수": "cus_c",
			"\u1100\u1175\u11b7\u1106\u1175\u11ab": "cus_c", "yamada": "cus_d", "HANA ya": "cus_d", "strasse": "cus_d", "林": "cus_f", "christopher con": "cus_g", "christopher x": "", "constantinopo": "cus_g",
			"h": "", "": "", " - ": "", "山": "", "amada": "",
		} {
			got := s.found(store.Sought{Name: typed})
			var ids []string
			for _, g := range got {
				ids = append(ids, strings.TrimSuffix(g, " name"))
			}
			slices.Sort(ids)
			if strings.Join(ids, " ") != want {
				s.t.Errorf("%q finds %v, not %s", typed, ids, want)
			}
		}
		s.must(s.Link(ctx, ws, "cus_a", engawa.Identity{Issuer: "business", Kind: "member_number", Value: "A-1"}))
		s.must(s.Link(ctx, ws, "cus_c", engawa.Identity{Issuer: "https://id.example", Kind: "subject", Value: "A-1"}))
		s.must(s.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: "cp_a", Customer: "cus_a", Kind: "mail", Address: "Hana@customer.example", CreatedAt: time.Now()}))
		_, err := s.Hear(ctx, ws, []store.Heard{heard(ws, mailbox, engawa.Identity{Issuer: "business", Kind: "member_number", Value: "A-1"})})
		s.must(err)
		for name, tc := range map[string]struct {
			q    store.Sought
			want string
		}{
			"identity of two kinds": {store.Sought{Identity: []string{"A-1", "a-1"}}, "cus_a identity,cus_c identity"},
			"mail":                  {store.Sought{Mail: "hana@CUSTOMER.example"}, "cus_a mail"},
			"transaction":           {store.Sought{Transaction: "2000000002"}, "cus_a transaction"},
			"each once":             {store.Sought{Customer: "cus_a", Transaction: "2000000002", Name: "山田"}, "cus_a id"},
			"nothing":               {store.Sought{Customer: "cus_no", Mail: "no@customer.example", Identity: []string{"no"}, Transaction: "1", Handle: "sub_no", Name: "nobody"}, ""},
		} {
			if got := strings.Join(s.found(tc.q), ","); got != tc.want {
				s.t.Errorf("%s: %s, want %s", name, got, tc.want)
			}
		}
		for i := range store.MaxHits + 5 {
			s.named(fmt.Sprint("cus_many_", i), fmt.Sprint("佐藤 ", i))
		}
		hits, more, err := s.Find(ctx, ws, store.Sought{Name: "佐藤"})
		if err != nil || len(hits) != store.MaxHits || !more {
			s.t.Errorf("%d hits, more %v: %v", len(hits), more, err)
		}
	})
}

// TestFindBehindMany: who shares the first letters with hundreds is found all the same.
func TestFindBehindMany(t *testing.T) {
	each(t, func(s *shop) {
		for i := range 2*store.Candidates + 10 {
			s.named(fmt.Sprintf("cus_%04d", i), fmt.Sprint("Christopher A", i))
		}
		s.named("cus_zed", "Christopher Zed")
		s.named("cus_long", "Juan Maria de Christopher Zorro")
		for typed, want := range map[string]string{
			"christopher z": "cus_zed cus_long", "christopher Zo": "cus_long", "Christopher ZED": "cus_zed", "christopherzed": "cus_zed", "Christopher Zo": "cus_long", "de christopher zo": "cus_long", "christopher x": "", "christopher ae": "",
		} {
			hits, more, err := s.Find(s.t.Context(), ws, store.Sought{Name: typed})
			if err != nil || more || len(hits) != len(strings.Fields(want)) || slices.ContainsFunc(hits, func(h store.Hit) bool { return !slices.Contains(strings.Fields(want), h.Customer.ID) }) {
				s.t.Errorf("%s: %d hits, more %t, %v", typed, len(hits), more, err)
			}
		}
	})
}

// TestFindGone: a name is found as it is now, by a merger as the other's, after
// an erasure not at all, and nothing stands in the tables that could find it.
func TestFindGone(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.named("cus_a", "山田 花")
		s.named("cus_b", "田中 健")
		_, err := s.ChangeCustomer(ctx, ws, "cus_a", func(c *engawa.Customer) { c.Name = "鈴木 花" })
		s.must(err)
		if got := s.found(store.Sought{Name: "山田"}); got != nil {
			s.t.Errorf("by the name before: %v", got)
		}
		_, err = s.Hear(ctx, ws, []store.Heard{heard(ws, mailbox, engawa.Identity{Issuer: "business", Kind: "member_number", Value: "A-1"})})
		s.must(err)
		_, err = s.Merge(ctx, store.Merge{Workspace: ws, Into: "cus_b", From: "cus_a", Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
		s.must(err)
		if got := s.found(store.Sought{Name: "鈴木", Customer: "cus_a"}); len(got) != 1 || got[0] != "cus_b id" {
			s.t.Errorf("who was merged: %v", got)
		}
		whose := s.found(store.Sought{Transaction: "2000000002"})
		if len(whose) != 1 {
			s.t.Fatalf("the buyer: %v", whose)
		}
		buyer, _, _ := strings.Cut(whose[0], " ")
		for _, id := range []string{"cus_b", buyer} {
			_, err = s.Erase(ctx, ws, id)
			s.must(err)
		}
		if got := s.found(store.Sought{Name: "田中", Transaction: "2000000002"}); got != nil {
			s.t.Errorf("after the erasure: %v", got)
		}
		db := storetest.Open(s.t, s.url)
		for _, table := range []string{"name_prefix", "purchase_transaction"} {
			if n := query(s.t, db, `SELECT count(*) FROM `+table+` WHERE workspace = $1`, ws)[0][0]; n != "0" {
				s.t.Errorf("%s has %s rows", table, n)
			}
		}
	})
}

// TestNameSome: who was there before the index is found after it was filled, and
// filling ends.
func TestNameSome(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.named("cus_a", "山田 花")
		s.named("cus_b", "田中")
		s.named("cus_c", "鈴木")
		_, err := s.Erase(ctx, ws, "cus_c")
		s.must(err)
		db := storetest.Open(s.t, s.url)
		for _, q := range []string{`DELETE FROM name_prefix`, `UPDATE customer SET names_by = ''`} {
			_, err := db.ExecContext(ctx, q)
			s.must(err)
		}
		if got := s.found(store.Sought{Name: "山田"}); got != nil {
			s.t.Fatalf("found without an index: %v", got)
		}
		for n := 1; n > 0; {
			n, err = s.NameSome(ctx)
			s.must(err)
		}
		if got := s.found(store.Sought{Name: "山田"}); len(got) != 1 {
			s.t.Errorf("%v", got)
		}
		if n := query(s.t, db, `SELECT count(*) FROM customer WHERE names_by = ''`)[0][0]; n != "0" {
			s.t.Errorf("%s are left", n)
		}
	})
}

// TestNotes: newest first, page by page; sealed, and unreadable after an erasure.
func TestNotes(t *testing.T) {
	each(t, func(s *shop) {
		ctx, at := s.t.Context(), time.Now().Truncate(time.Microsecond)
		s.named("cus_a", "山田 花")
		by := s.By("member:1")
		for i := range 3 {
			s.must(by.AddNote(ctx, engawa.Note{Workspace: ws, ID: fmt.Sprint("nte_", i), Customer: "cus_a", Author: "member:1", Text: fmt.Sprint("電話 ", i), CreatedAt: at}))
		}
		page, err := s.Notes(ctx, ws, "cus_a", store.Page{Limit: 2})
		s.must(err)
		rest, err := s.Notes(ctx, ws, "cus_a", store.Page{Limit: 2, At: page[1].CreatedAt, ID: page[1].ID})
		s.must(err)
		if len(page) != 2 || page[0].Text != "電話 2" || len(rest) != 1 || rest[0].Text != "電話 0" {
			s.t.Errorf("%v %v", page, rest)
		}
		if text := fmt.Sprintf("%+v", page[0]); strings.Contains(text, "電話") {
			s.t.Error("printing a note shows its text")
		}
		trail, err := s.Audits(ctx, ws, store.AuditFilter{Action: "note-customer"}, store.Page{})
		if err != nil || len(trail) != 3 || trail[0].Object != "cus_a" {
			s.t.Errorf("%v %v", trail, err)
		}
		_, err = s.Erase(ctx, ws, "cus_a")
		s.must(err)
		page, err = s.Notes(ctx, ws, "cus_a", store.Page{})
		if err != nil || len(page) != 3 || page[0].Text != "" {
			s.t.Errorf("after the erasure: %v %v", page, err)
		}
		if err := s.AddNote(ctx, engawa.Note{Workspace: ws, ID: "nte_late", Customer: "cus_a", CreatedAt: at}); code(err) != engawa.CodeConflict {
			s.t.Errorf("a note on who was erased: %v", err)
		}
	})
}

// TestExtensionOnce: of those who ask at once one may ask the store; until its
// end nobody else may, and only one settles it.
func TestExtensionOnce(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		for _, all := range []bool{false, true} {
			open := func(i int) error {
				x := engawa.Extension{
					Workspace: ws, ID: fmt.Sprint("ext_", all, i), Account: mailbox, Product: "monthly", Days: 7, RequestID: fmt.Sprint(all, i), State: engawa.ExtensionAsking,
					Actor: "member:1", CreatedAt: time.Now(), NextAt: time.Now(), Storefronts: []string{"JPN"},
				}
				if !all {
					x.Customer, x.Purchase = "cus_a", "pur_a"
				}
				return s.OpenExtension(ctx, x)
			}
			got := make(chan error)
			for i := range 6 {
				go func() { got <- open(i) }()
			}
			opened := 0
			for range 6 {
				if err := <-got; err == nil {
					opened++
				} else if code(err) != engawa.CodeConflict {
					s.t.Error(err)
				}
			}
			if opened != 1 {
				s.t.Errorf("all %v: %d were opened", all, opened)
			}
			customer := "cus_a"
			if all {
				customer = ""
			}
			xs, err := s.Extensions(ctx, ws, customer, store.Page{})
			if err != nil || len(xs) != 1 {
				s.t.Fatalf("%v %v", xs, err)
			}
			due, err := s.DueExtensions(ctx)
			again, err2 := s.DueExtensions(ctx)
			due = slices.DeleteFunc(due, func(x engawa.Extension) bool { return (x.Purchase == "") != all })
			if err != nil || err2 != nil || len(due) != 1 || len(again) != 0 {
				s.t.Errorf("taken %d times, then %d: %v %v", len(due), len(again), err, err2)
			}
			x := xs[0]
			x.State, x.DoneAt, x.NextAt = engawa.ExtensionDone, time.Now(), time.Time{}
			s.must(s.SettleExtension(ctx, x, engawa.ExtensionAsking))
			if err := s.SettleExtension(ctx, x, engawa.ExtensionAsking); code(err) != engawa.CodeConflict {
				s.t.Errorf("settled twice: %v", err)
			}
			s.must(open(9))
		}
	})
}
