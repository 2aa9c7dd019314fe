package intake_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/source/csv"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// office is a workspace with one system whose files are read.
type office struct {
	*intake.Imports
	t *testing.T
	n int
}

func newOffice(t *testing.T, url string, m csv.Mapping) *office {
	t.Helper()
	st, err := store.Open(t.Context(), url, vault.New(vault.Generate(time.Now())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	o := &office{&intake.Imports{Store: st, Kinds: builtin.Kinds()}, t, 0}
	o.must(st.AddWorkspace(t.Context(), engawa.Workspace{ID: "ws", Name: "ひなた珈琲", Zone: "Asia/Tokyo", CreatedAt: time.Now()}))
	text, err := m.Text()
	o.must(err)
	o.must(st.AddAccount(t.Context(), engawa.Account{Workspace: "ws", ID: "acc_1", Kind: "csv", Name: "Luxliner", Enabled: true, CreatedAt: time.Now(), Settings: map[string]string{"mapping": text}}))
	return o
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// upload keeps a file and opens it.
func (o *office) upload(file string) intake.Reading {
	o.t.Helper()
	o.n++
	id := fmt.Sprint("imp_", o.n)
	o.must(o.Store.AddImport(o.t.Context(), engawa.Import{Workspace: "ws", ID: id, Account: "acc_1", CreatedAt: time.Now()}, []byte(file)))
	r, err := o.Open(o.t.Context(), "ws", id)
	o.must(err)
	return r
}

// apply has a file looked at and applied: both must say the same.
func (o *office) apply(file string, tell bool) engawa.Import {
	o.t.Helper()
	ctx := o.t.Context()
	r := o.upload(file)
	if r.Fault != nil {
		o.t.Fatal(r.Fault)
	}
	p, err := o.Look(ctx, r, tell, 10)
	o.must(err)
	o.must(o.Start(ctx, o.Store, r, tell))
	o.must(o.Step(ctx))
	i, err := o.Store.Import(ctx, "ws", r.Import.ID)
	o.must(err)
	if i.State != engawa.ImportDone || i.Done != i.Rows || i.Counts != p.Counts || i.Gone != p.Gone {
		o.t.Errorf("looked %+v and %d gone, applied %+v", p.Counts, p.Gone, i)
	}
	return i
}

// told are the events since the last call, in order.
func (o *office) told(before int) (types []string) {
	o.t.Helper()
	evs, err := o.Store.Events(o.t.Context(), "ws", store.EventFilter{}, store.Page{Limit: 200})
	o.must(err)
	slices.Reverse(evs)
	for _, e := range evs {
		if e.Account == "acc_1" {
			types = append(types, e.Type)
		}
	}
	return types[min(before, len(types)):]
}

const head = "会員番号,氏名,メールアドレス,契約ID,プラン,契約状態,終了日\r\n"

func luxliner() csv.Mapping {
	return csv.Mapping{
		Columns: map[string]csv.Field{"会員番号": csv.Number, "氏名": csv.Name, "メールアドレス": csv.Mail, "契約ID": csv.ID, "プラン": csv.Plan, "契約状態": csv.Standing, "終了日": csv.Ends},
		States:  map[string]csv.State{"契約継続中": csv.Active, "決済未確認": csv.Suspended, "解約予約": csv.Reserved, "解約": csv.Terminated, "キャンセル": csv.Canceled},
		Gone:    csv.GoneTask,
	}
}

// TestMonths: a source's files of some months. The first is the stock and tells
// nothing, the same once more does nothing, and each other tells what changed.
func TestMonths(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) { months(newOffice(t, url, luxliner())) })
}

func months(o *office) {
	o.t.Helper()
	first := head + "1,山田 花,hana@customer.example,C1,月額プラン,契約継続中,\r\n1,山田 花,hana@customer.example,C2,年額プラン,解約予約,2026-12-31\r\n2,佐藤 一,hajime@customer.example,C3,月額プラン,解約,2026-01-31\r\n"
	if got := o.apply(first, false).Counts; got != (engawa.ImportCounts{Customers: engawa.ImportTally{New: 2}, Contracts: engawa.ImportTally{New: 3}}) {
		o.t.Errorf("the first file: %+v", got)
	}
	if got := o.apply(first, true).Counts; got != (engawa.ImportCounts{Customers: engawa.ImportTally{Same: 2}, Contracts: engawa.ImportTally{Same: 3}}) || len(o.told(0)) != 0 {
		o.t.Errorf("the same once more: %+v, told %v", got, o.told(0))
	}
	next := head + "1,山田 花子,hanako@customer.example,C1,月額プラン,キャンセル,\r\n1,山田 花子,hanako@customer.example,C2,年額プラン,契約継続中,\r\n3,鈴木 三,,C4,月額プラン,決済未確認,\r\n4,高橋 四,no address,C3,月額プラン,解約,\r\n"
	got := o.apply(next, true)
	if got.Counts != (engawa.ImportCounts{Customers: engawa.ImportTally{New: 1, Changed: 1}, Contracts: engawa.ImportTally{New: 1, Changed: 2}, Events: 6}) || got.Refused != 1 {
		o.t.Errorf("the next: %+v", got)
	}
	want := []string{"member.updated", "contract.cancelled", "contract.termination.withdrawn", "member.registered", "contract.started", "contract.suspended"}
	if told := o.told(0); !slices.Equal(told, want) {
		o.t.Errorf("told %v", told)
	}
	o.customers()
	if got := o.apply(head+"1,,,C2,,契約継続中,\r\n", true); got.Counts.Events != 0 || got.Gone != 1 { // C4; C3 is over
		o.t.Errorf("the last: %+v", got)
	}
	tasks, err := o.Store.Tasks(o.t.Context(), "ws", 10)
	o.must(err)
	if len(tasks) != 1 || tasks[0].Kind != "import.gone" || tasks[0].Args["account"] != "Luxliner" || tasks[0].Args["n"] != "1" {
		o.t.Errorf("tasks %+v", tasks)
	}
}

// customers holds what the files made of the first member.
func (o *office) customers() {
	o.t.Helper()
	ctx := o.t.Context()
	id, err := o.Store.CustomerBy(ctx, "ws", engawa.Identity{Issuer: "business", Kind: "member_number", Value: "1"})
	o.must(err)
	c, err := o.Store.Customer(ctx, "ws", id)
	o.must(err)
	points, err := o.Store.ContactPoints(ctx, "ws", id)
	o.must(err)
	if c.Name != "山田 花子" || len(points) != 1 || points[0].Address != "hanako@customer.example" || !points[0].VerifiedAt.IsZero() {
		o.t.Errorf("%d contact points", len(points))
	}
	if consents, err := o.Store.Consents(ctx, "ws", id); err != nil || len(consents) != 0 {
		o.t.Errorf("a file gave %d consents, %v", len(consents), err)
	}
	evs, err := o.Store.Events(ctx, "ws", store.EventFilter{Customer: id}, store.Page{})
	o.must(err)
	if len(evs) != 3 || !strings.Contains(string(evs[1].Data), `"cancelled"`) || evs[1].Subject != "contract:C1" {
		o.t.Errorf("%d events", len(evs))
	}
}

// TestHandEdits: what was corrected here stays until the file itself changes,
// and a customer who was known by the number before is the same one.
func TestHandEdits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		o := newOffice(t, url, luxliner())
		ctx := t.Context()
		o.must(o.Store.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: "ws", ID: "cus_1", Kind: "person", Country: "JP", Zone: "Asia/Tokyo", CreatedAt: time.Now()},
			Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "1"}},
			ContactPoints: []engawa.ContactPoint{{Workspace: "ws", ID: "cp_1", Customer: "cus_1", Kind: "mail", Address: "HANA@customer.example", VerifiedAt: time.Now(), CreatedAt: time.Now()}},
		}))
		line := func(name string) string { return head + "1," + name + ",hana@customer.example,,,,\n" }
		if got := o.apply(line("山田"), true).Counts; got.Customers.Changed != 1 || got.Events != 0 {
			t.Errorf("the first word of a known one: %+v", got)
		}
		_, err := o.Store.ChangeCustomer(ctx, "ws", "cus_1", func(c *engawa.Customer) { c.Name = "山田 花" })
		o.must(err)
		o.apply(line("山田"), true)
		name := func() string {
			c, err := o.Store.Customer(ctx, "ws", "cus_1")
			o.must(err)
			return c.Name
		}
		if name() != "山田 花" {
			t.Error("a correction was undone")
		}
		o.apply(line("山本"), true)
		points, err := o.Store.ContactPoints(ctx, "ws", "cus_1")
		if name() != "山本" || err != nil || len(points) != 1 || points[0].ID != "cp_1" {
			t.Errorf("%d contact points, %v", len(points), err)
		}
	})
}

// TestErasedStaysUnknown: a file in which an erased customer still stands says
// of the line what it says of every new one.
func TestErasedStaysUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		o := newOffice(t, url, luxliner())
		file := head + "1,山田 花,hana@customer.example,C1,月額プラン,契約継続中,\n2,佐藤 一,hajime@customer.example,,,,\n"
		o.apply(file, false)
		id, err := o.Store.CustomerBy(t.Context(), "ws", engawa.Identity{Issuer: "business", Kind: "member_number", Value: "1"})
		o.must(err)
		_, err = o.Store.Erase(t.Context(), "ws", id)
		o.must(err)
		p, err := o.Look(t.Context(), o.upload(file+"3,新しい人,,C9,月額プラン,契約継続中,\n"), false, 10)
		o.must(err)
		if len(p.Lines) != 2 || p.Lines[0].Customer != intake.StandsNew || p.Lines[0].Contract != intake.StandsNew || p.Lines[1].Customer != p.Lines[0].Customer {
			t.Errorf("%d lines change something", len(p.Lines))
		}
	})
}

// TestLong: a file of many parts, whose node dies in the middle and which
// somebody stops, is applied to its end, once.
func TestLong(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t), luxliner())
	ctx := t.Context()
	var b strings.Builder
	b.WriteString(head)
	for i := range 950 {
		fmt.Fprintf(&b, "%d,会員 %d,m%d@customer.example,C%d,月額プラン,契約継続中,\n", i, i, i, i)
	}
	r := o.upload(b.String() + "x\n")
	o.must(o.Start(ctx, o.Store, r, true))
	dying, die := context.WithCancel(ctx)
	o.Store.OnWake(func(string, string) { die() })
	if err := o.Step(dying); err == nil {
		t.Fatal("the node lives")
	}
	i, err := o.Store.Import(ctx, "ws", r.Import.ID)
	o.must(err)
	if i.State != engawa.ImportApplying || i.Done == 0 || i.Done == i.Rows {
		t.Fatalf("it stands at %d of %d", i.Done, i.Rows)
	}
	o.must(o.Store.StopImport(ctx, "ws", i.ID))
	o.must(o.Step(ctx))
	o.must(o.Start(ctx, o.Store, r, false))
	o.must(o.Step(ctx))
	if i, err = o.Store.Import(ctx, "ws", i.ID); err != nil || i.State != engawa.ImportDone || i.Counts.Customers.New != 950 || i.Counts.Events != 1900 || i.Refused != 1 {
		t.Errorf("%+v, %v", i, err)
	}
	counts, _, err := o.Store.EventCounts(ctx, "ws", time.Now().Add(-time.Hour))
	if err != nil || counts["contract.started"] != 950 || counts["member.registered"] != 950 {
		t.Errorf("told %v, %v", counts, err)
	}
}
