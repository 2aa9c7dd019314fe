package store_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

const exported = "会員番号,氏名,メールアドレス\n1,田中 一,one@customer.example\n"

// upload keeps a file of the mailbox's system and begins to apply it.
func (s *shop) upload(id string, lines int) engawa.Import {
	s.t.Helper()
	ctx := s.t.Context()
	i := engawa.Import{Workspace: ws, ID: id, Account: mailbox, CreatedBy: "member:mem_1", CreatedAt: time.Now(), Mapping: "{}", Rows: lines, Refused: 3, Tell: true}
	s.must(s.AddImport(ctx, i, []byte(exported)))
	s.must(s.StartImport(ctx, i))
	i, err := s.Import(ctx, ws, id)
	s.must(err)
	return i
}

var (
	memberOne   = store.ToldKey{Kind: store.ToldMember, Value: "1"}
	contractOne = store.ToldKey{Kind: store.ToldContract, Value: "C1"}
	from        = store.ToldFrom{Workspace: ws, Account: mailbox, Issuer: "business"}
)

// enrol is the work for a line that tells of a new member with a contract.
func enrol(customer string) store.ImportWork {
	now := time.Now()
	return store.ImportWork{
		New: []store.NewCustomer{{
			Customer:      engawa.Customer{Workspace: ws, ID: customer, Kind: "person", Name: "田中 一", CreatedAt: now},
			Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "1"}},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: engawa.NewID("cp"), Customer: customer, Kind: "mail", Address: "one@customer.example", CreatedAt: now}},
		}},
		Remember: []store.Remembered{{Key: memberOne, Customer: customer, Body: []byte(`{"name":"田中 一"}`)}, {Key: contractOne, Customer: customer, Running: true, Body: []byte(`{"id":"C1"}`)}},
		Events: []engawa.Event{{
			Workspace: ws, ID: engawa.NewOrderedID("evt", now), Account: mailbox, Type: "contract.started", DedupKey: "C1", Customer: customer, OccurredAt: now, ReceivedAt: now, Data: []byte(`{"m":{"name":"田中 一"}}`),
		}},
		Counts: engawa.ImportCounts{Customers: engawa.ImportTally{New: 1}, Contracts: engawa.ImportTally{New: 1}, Events: 1},
	}
}

func (s *shop) take(i engawa.Import, decide func(map[store.ToldKey]store.Told) (store.ImportWork, error)) (engawa.Import, error) {
	return s.StepImport(s.t.Context(), store.ImportStep{Import: i, Issuer: "business", To: i.Done + 1, Keys: []store.ToldKey{memberOne, contractOne}, Decide: decide})
}

// TestImport: a file is kept, applied in parts, and remembered: what it told is
// found the next time, changed, marked when it is gone, and told of.
func TestImport(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		if first, err := s.FirstImport(ctx, ws, mailbox); err != nil || !first {
			s.t.Errorf("a source that told nothing yet: %v, %v", first, err)
		}
		i := s.upload("imp_1", 1)
		if i.State != engawa.ImportApplying || !i.Kept || !i.Tell || i.Rows != 1 || i.Refused != 3 || i.Mapping != "{}" {
			s.t.Errorf("begun: %+v", i)
		}
		if file, err := s.ImportFile(ctx, ws, "imp_1"); err != nil || string(file) != exported {
			s.t.Errorf("the file is %q, %v", file, err)
		}
		i, err := s.take(i, func(told map[store.ToldKey]store.Told) (store.ImportWork, error) {
			if len(told) != 0 {
				s.t.Errorf("there is %v before anything", told)
			}
			return enrol("cus_1"), nil
		})
		s.must(err)
		s.must(s.FinishImport(ctx, i, nil))
		done, err := s.Import(ctx, ws, "imp_1")
		if err != nil || done.State != engawa.ImportDone || done.Counts.Customers.New != 1 || done.Counts.Events != 1 || done.EndedAt.IsZero() {
			s.t.Errorf("done: %+v, %v", done, err)
		}
		evs, err := s.Events(ctx, ws, store.EventFilter{Customer: "cus_1"}, store.Page{})
		if err != nil || len(evs) != 1 || evs[0].Account != mailbox || !strings.Contains(string(evs[0].Data), "田中") {
			s.t.Errorf("told of: %v, %v", evs, err)
		}
		told, err := s.Told(ctx, from, []store.ToldKey{memberOne, contractOne, {Kind: store.ToldMember, Value: "C1"}})
		if err != nil || len(told) != 2 || told[memberOne].Customer != "cus_1" || string(told[contractOne].Body) != `{"id":"C1"}` {
			s.t.Errorf("remembered: %d, %v", len(told), err)
		}
		if told, err := s.Told(ctx, store.ToldFrom{Workspace: ws, Account: room, Issuer: "another"}, []store.ToldKey{memberOne, contractOne}); err != nil || len(told) != 0 {
			s.t.Errorf("another source was told %d, %v", len(told), err)
		}
		s.changed()
		s.missed()
	})
}

// changed applies a file in which the member has another name and address.
func (s *shop) changed() {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	i, err := s.take(s.upload("imp_2", 1), func(told map[store.ToldKey]store.Told) (store.ImportWork, error) {
		if string(told[memberOne].Body) != `{"name":"田中 一"}` {
			s.t.Errorf("in the step it is told %s", told[memberOne].Body)
		}
		point := func(a engawa.Address) []engawa.ContactPoint {
			return []engawa.ContactPoint{{Workspace: ws, ID: engawa.NewID("cp"), Customer: "cus_1", Kind: "mail", Address: a, CreatedAt: now}}
		}
		return store.ImportWork{
			Changes:  []store.CustomerChange{{Customer: "cus_1", Set: func(c *engawa.Customer) { c.Name = "田中 二" }, Add: point("two@customer.example"), End: point("ONE@customer.example")}},
			Remember: []store.Remembered{{Key: memberOne, Customer: "cus_1", Body: []byte(`{"name":"田中 二"}`)}},
		}, nil
	})
	s.must(err)
	s.must(s.FinishImport(ctx, i, nil))
	c, err := s.Customer(ctx, ws, "cus_1")
	s.must(err)
	points, err := s.ContactPoints(ctx, ws, "cus_1")
	s.must(err)
	if c.Name != "田中 二" || len(points) != 1 || points[0].Address != "two@customer.example" {
		s.t.Errorf("changed to %d contact points", len(points))
	}
}

// missed applies an empty file: the contract is gone, once, until it is back.
func (s *shop) missed() {
	s.t.Helper()
	ctx := s.t.Context()
	ask := func() *engawa.Task {
		return &engawa.Task{Workspace: ws, Kind: "import.gone", Ref: mailbox, Args: map[string]string{"account": "会員システム"}}
	}
	s.must(s.FinishImport(ctx, s.upload("imp_3", 0), ask()))
	gone, err := s.GoneRows(ctx, ws, "imp_3")
	if err != nil || len(gone) != 1 || gone[0].Customer != "cus_1" || string(gone[0].Body) != `{"id":"C1"}` {
		s.t.Errorf("gone: %d, %v", len(gone), err)
	}
	tasks, err := s.Tasks(ctx, ws, 10)
	if err != nil || len(tasks) != 1 || tasks[0].Args["n"] != "1" {
		s.t.Errorf("tasks: %+v, %v", tasks, err)
	}
	s.must(s.FinishImport(ctx, s.upload("imp_4", 0), ask()))
	if i, err := s.Import(ctx, ws, "imp_4"); err != nil || i.Gone != 0 {
		s.t.Errorf("gone again: %d, %v", i.Gone, err)
	}
	i, err := s.take(s.upload("imp_5", 1), func(map[store.ToldKey]store.Told) (store.ImportWork, error) { return store.ImportWork{}, nil })
	s.must(err)
	s.must(s.FinishImport(ctx, i, nil))
	if gone, err := s.GoneRows(ctx, ws, "imp_3"); err != nil || len(gone) != 0 {
		s.t.Errorf("back, and still gone: %d, %v", len(gone), err)
	}
}

// TestImportOnce: of many who take the same part one does, its work is done once
// or not at all; of one source one file is applied at a time; and one that was
// stopped goes on where it stood.
func TestImportOnce(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		i := s.upload("imp_1", 2)
		if _, err := s.take(i, func(map[store.ToldKey]store.Told) (store.ImportWork, error) {
			return enrol("cus_half"), fmt.Errorf("half way")
		}); err == nil || store.Moved(err) {
			s.t.Errorf("a step that failed: %v", err)
		}
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(func() {
				_, err := s.take(i, func(map[store.ToldKey]store.Told) (store.ImportWork, error) { return enrol(fmt.Sprint("cus_", n)), nil })
				if err != nil && !store.Moved(err) {
					s.t.Error(err)
				}
			})
		}
		all.Wait()
		cs, err := s.Customers(ctx, ws, store.Page{})
		if err != nil || len(cs) != 1 || cs[0].ID == "cus_half" {
			s.t.Errorf("%d customers, %v", len(cs), err)
		}
		i, err = s.Import(ctx, ws, "imp_1")
		if err != nil || i.Done != 1 || i.Counts.Customers.New != 1 {
			s.t.Errorf("%+v, %v", i, err)
		}
		second := engawa.Import{Workspace: ws, ID: "imp_2", Account: mailbox, CreatedAt: time.Now()}
		s.must(s.AddImport(ctx, second, []byte(exported)))
		if err := s.StartImport(ctx, second); code(err) != engawa.CodeConflict {
			s.t.Errorf("two of one source at a time: %v", err)
		}
		if err := s.DropImport(ctx, ws, "imp_1"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("dropped while it is applied: %v", err)
		}
		s.goesOn(i)
	})
}

func (s *shop) goesOn(i engawa.Import) {
	s.t.Helper()
	ctx := s.t.Context()
	nothing := func(map[store.ToldKey]store.Told) (store.ImportWork, error) { return store.ImportWork{}, nil }
	s.must(s.StopImport(ctx, ws, i.ID))
	if _, err := s.take(i, nothing); !store.Moved(err) {
		s.t.Errorf("a step of a stopped one: %v", err)
	}
	if err := s.FinishImport(ctx, i, nil); err == nil {
		s.t.Error("finished though it was stopped")
	}
	again := i
	again.Mapping, again.Tell = `{"gone":"task"}`, false
	s.must(s.StartImport(ctx, again))
	if now, err := s.Import(ctx, ws, i.ID); err != nil || now.Mapping != "{}" || !now.Tell || now.Done != 1 {
		s.t.Errorf("it goes on as %+v, %v", now, err)
	}
	due, err := s.DueImports(ctx)
	if err != nil || len(due) != 1 {
		s.t.Errorf("due: %d, %v", len(due), err)
	}
	if due, err := s.DueImports(ctx); err != nil || len(due) != 0 {
		s.t.Errorf("due for another node: %d, %v", len(due), err)
	}
	i, err = s.take(due[0], nothing)
	s.must(err)
	s.must(s.FinishImport(ctx, i, nil))
	s.must(s.DropImport(ctx, ws, i.ID))
	if now, err := s.Import(ctx, ws, i.ID); err != nil || now.State != engawa.ImportDone || now.Kept {
		s.t.Errorf("its file given up: %+v, %v", now, err)
	}
}

// TestImportSealed: of an uploaded file, and of what it told, nothing stands in
// the database in words; a day later the file is gone; and an erasure takes what
// was told of a customer along, so that nothing tells that there was one.
func TestImportSealed(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		i, err := s.take(s.upload("imp_1", 1), func(map[store.ToldKey]store.Told) (store.ImportWork, error) { return enrol("cus_1"), nil })
		s.must(err)
		s.must(s.FinishImport(ctx, i, nil))
		old := engawa.Import{Workspace: ws, ID: "imp_old", Account: mailbox, CreatedAt: time.Now().Add(-engawa.ImportFor - time.Minute)}
		s.must(s.AddImport(ctx, old, []byte(exported)))
		db := storetest.Open(s.t, s.url)
		words := dump(s.t, db, tablesOf(s.t, db, s.Lite()), ws)
		for _, secret := range []string{"one@customer.example", "田中 一", exported, `{"id":"C1"}`} {
			if strings.Contains(words, secret) || strings.Contains(words, hex.EncodeToString([]byte(secret))) {
				s.t.Errorf("%q stands in the database", secret)
			}
		}
		s.must(s.Sweep(ctx))
		if i, err := s.Import(ctx, ws, "imp_old"); err != nil || i.State != engawa.ImportExpired || i.Kept {
			s.t.Errorf("after its day: %+v, %v", i, err)
		}
		if _, err := s.ImportFile(ctx, ws, "imp_old"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("its file: %v", err)
		}
		if file, err := s.ImportFile(ctx, ws, "imp_1"); err != nil || !bytes.Equal(file, []byte(exported)) {
			s.t.Errorf("one of today: %v", err)
		}
		s.customer("cus_2")
		_, err = s.Merge(ctx, store.Merge{Workspace: ws, Into: "cus_2", From: "cus_1", Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
		s.must(err)
		if told, err := s.Told(ctx, from, []store.ToldKey{memberOne, contractOne}); err != nil || told[memberOne].Customer != "cus_2" || string(told[contractOne].Body) != `{"id":"C1"}` {
			s.t.Errorf("merged: %d, %v", len(told), err)
		}
		_, err = s.Erase(ctx, ws, "cus_2")
		s.must(err)
		if told, err := s.Told(ctx, from, []store.ToldKey{memberOne, contractOne}); err != nil || len(told) != 0 {
			s.t.Errorf("erased, and %d are known, %v", len(told), err)
		}
	})
}

// TestMaxOfFiles: a workspace cannot fill the disk with files.
func TestMaxOfFiles(t *testing.T) {
	each(t, func(s *shop) {
		add := func(id string) error {
			return s.AddImport(s.t.Context(), engawa.Import{Workspace: ws, ID: id, Account: mailbox, CreatedAt: time.Now()}, []byte(exported))
		}
		for n := range 20 {
			s.must(add(fmt.Sprint("imp_", n)))
		}
		if err := add("imp_more"); code(err) != engawa.CodeConflict {
			s.t.Errorf("one more: %v", err)
		}
		s.must(s.DropImport(s.t.Context(), ws, "imp_0"))
		s.must(add("imp_more"))
		if err := s.AddImport(s.t.Context(), engawa.Import{Workspace: ws, ID: "imp_x", Account: "acc_none"}, nil); code(err) != engawa.CodeNotFound {
			s.t.Errorf("of no source: %v", err)
		}
	})
}
