package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// TestTakenTables: every table of the schema leaves in a takeout, or is on the
// list of those that do not, with the reason.
func TestTakenTables(t *testing.T) {
	taken, stays := store.TakenTables(), store.TakeoutStays()
	each(t, func(s *shop) {
		tables := slices.Sorted(maps.Keys(s.columns(storetest.Open(s.t, s.url))))
		for _, table := range tables {
			if slices.Contains(taken, table) == (stays[table] != "") {
				s.t.Errorf("%s: give it an entry in takenTables, or in TakeoutStays with the reason (internal/store/taken.go)", table)
			}
		}
		for _, table := range slices.Concat(taken, slices.Collect(maps.Keys(stays))) {
			if !slices.Contains(tables, table) {
				s.t.Errorf("there is no table %s", table)
			}
		}
	})
}

// line is a row of a takeout.
type line struct{ kind, text string }

// takeOut takes a workspace out, without secrets.
func takeOut(t *testing.T, s *store.Store, workspace string) (lines []line, left map[string][]string, unknown map[string]int) {
	t.Helper()
	err := s.TakeOut(t.Context(), store.TakeOut{Workspace: workspace, Secret: func(_, setting string) bool { return setting == "token" }}, func(k *store.Taking) error {
		for _, kind := range store.TakeoutKinds() {
			if err := k.Each(kind, func(text []byte) error { lines = append(lines, line{kind, string(text)}); return nil }); err != nil {
				return err
			}
		}
		left, unknown = k.Left, k.Unknown
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, left, unknown
}

// next hands lines over.
func next(lines []line) func() (string, []byte, error) {
	return func() (string, []byte, error) {
		if len(lines) == 0 {
			return "", nil, io.EOF
		}
		l := lines[0]
		lines = lines[1:]
		return l.kind, []byte(l.text), nil
	}
}

// estateForTakeout is an estate with whom was erased and merged, and a value
// that an event tells.
func (s *shop) estateForTakeout(of string) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	s.settle(of)
	for _, id := range []string{"cus_gone", "cus_into", "cus_from", "cus_told"} {
		c := store.NewCustomer{
			Customer:      engawa.Customer{Workspace: of, ID: id, Kind: "person", Name: "佐藤 " + id, CreatedAt: now},
			Identities:    []engawa.Identity{{Issuer: "appstore", Kind: "original_transaction_id", Value: "2000" + id}},
			ContactPoints: []engawa.ContactPoint{{Workspace: of, ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(id + "@Customer.example"), VerifiedAt: now, CreatedAt: now}},
		}
		s.must(s.AddCustomer(ctx, c))
		s.must(s.Suppress(ctx, engawa.Suppression{Workspace: of, Channel: "mail", Address: engawa.Address(id + "@customer.example"), Customer: id, Reason: "bounced", At: now}))
	}
	_, err := s.Journal(ctx, []engawa.Event{
		{
			Workspace: of, ID: "evt_store", Account: "acc_" + of, Type: "store.subscribed", DedupKey: "s", Identities: []engawa.Identity{{Issuer: "appstore", Kind: "original_transaction_id", Value: "2000cus_told"}},
			Subject: "transaction:2000cus_told", OccurredAt: now, ReceivedAt: now, Data: []byte(`{"transaction":{"id":1,"price":12345678901234567890}}`), Raw: []byte("\x00raw"),
		},
		{Workspace: of, ID: "evt_gone", Account: "api", Type: "a.b", DedupKey: "g", Customer: "cus_gone", OccurredAt: now, ReceivedAt: now, Data: []byte(`{"note":"erase-canary"}`)},
	})
	s.must(err)
	nobodys := s.message("") // of an event of which nobody knows whose it is
	nobodys.Workspace, nobodys.Event, nobodys.State, nobodys.Chain = of, "evt_store", engawa.MessageRefused, []engawa.Via{{Account: "acc_" + of}}
	s.must(s.Enqueue(ctx, []store.NewMessage{{Message: nobodys, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Refuse, Decided: engawa.GateRecipient}}}}}))
	h := heard(of, "acc_"+of, engawa.Identity{Issuer: "appstore", Kind: "original_transaction_id", Value: "2000cus_told"})
	h.Original = "2000cus_told"
	_, err = s.Hear(ctx, of, []store.Heard{h})
	s.must(err)
	_, err = s.Merge(ctx, store.Merge{Workspace: of, Into: "cus_into", From: "cus_from", Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
	s.must(err)
	_, err = s.Erase(ctx, of, "cus_gone")
	s.must(err)
	s.must(s.EndMember(ctx, of, "mem2_"+of))
	db := storetest.Open(s.t, s.url)
	for _, q := range []string{ // what no method writes yet
		`INSERT INTO source_cursor (workspace, account, cursor, at) VALUES ($1, 'acc', 'page 2', 1)`,
	} {
		_, err := db.ExecContext(ctx, q, of)
		s.must(err)
	}
}

// TestTakeout takes everything of a workspace to another engine and key ring and
// on to a third: what arrives is what left but for what must differ, what was
// under way is sent by nobody, and who was erased stays so.
func TestTakeout(t *testing.T) {
	each(t, func(s *shop) {
		of := "ws_takeout"
		s.estateForTakeout(of)
		first, left, unknown := takeOut(s.t, s.Store, of)
		s.whole(first)
		if len(left["acc_"+of]) != 1 || unknown["suppressions"] != 2 { // the erased customer's, and of an address that nobody has
			s.t.Errorf("left out: %v, unknown: %v", left, unknown)
		}
		for _, l := range first {
			for _, canary := range []string{"t0ken", "erase-canary", "佐藤 cus_gone", "cus_gone@", `"hash"`, `"password"`, `"wrapped"`, "kek_"} {
				if strings.Contains(l.text, canary) {
					s.t.Errorf("%s holds %q: %s", l.kind, canary, l.text)
				}
			}
		}
		elsewhere := storetest.SQLite(s.t)
		second := s.arrive(elsewhere, "", first)
		here := storetest.SQLite(s.t)
		if !s.Lite() {
			here = storetest.Postgres(s.t)
		}
		third := s.arrive(here, "", second)
		same(s.t, "from the first to the second hub", changed(s.t, first), second)
		same(s.t, "from the second to the third hub", second, third)
	})
}

// arrive takes lines in, on a new database with a ring of its own, and out again.
// A dry run before it keeps nothing.
func (s *shop) arrive(url, workspace string, lines []line) []line {
	s.t.Helper()
	hub := &shop{t: s.t, url: url, vault: vault.New(vault.Generate(time.Now()))}
	hub.Store = hub.node()
	dry, err := hub.TakeIn(s.t.Context(), store.TakeIn{Workspace: workspace, Dry: true, Next: next(lines)})
	s.must(err)
	if all, err := hub.Workspaces(s.t.Context()); err != nil || len(all) > 0 {
		s.t.Errorf("a dry run left %v, %v", all, err)
	}
	got, err := hub.TakeIn(s.t.Context(), store.TakeIn{Workspace: workspace, Next: next(lines)})
	s.must(err)
	if fmt.Sprint(dry) != fmt.Sprint(got) {
		s.t.Errorf("the dry run said %v, then came %v", dry, got)
	}
	s.arrived(hub, got)
	out, _, _ := takeOut(s.t, hub.Store, got.Workspace)
	return withoutArrival(s.t, out)
}

// arrived looks at what must hold on a hub that has taken a workspace in.
func (s *shop) arrived(hub *shop, got store.TakenIn) {
	s.t.Helper()
	ctx := s.t.Context()
	for _, o := range hub.verified(got.Workspace) {
		if o.Closed > 0 {
			s.t.Errorf("%+v", o)
		}
	}
	accounts, err := hub.Accounts(ctx, got.Workspace)
	s.must(err)
	for _, a := range accounts {
		if a.Enabled {
			s.t.Errorf("%s is switched on", a.ID)
		}
		if owner, err := hub.WorkspaceOf(ctx, a.ID); err != nil || owner != got.Workspace {
			s.t.Errorf("%s is found in %q, %v", a.ID, owner, err)
		}
		if l, err := hub.Lane(ctx, got.Workspace, a.ID); err != nil || l.Account == "" {
			s.t.Errorf("%s has no lane: %v", a.ID, err)
		}
	}
	waiting, err := hub.Unrouted(ctx, 100)
	s.must(err)
	for _, e := range waiting {
		if e.Type != "task.raised" {
			s.t.Errorf("%s would be routed once more", e.ID)
		}
	}
	if c, err := hub.CustomerBy(ctx, got.Workspace, engawa.Identity{Issuer: "appstore", Kind: "original_transaction_id", Value: "2000cus_told"}); c != "cus_told" {
		s.t.Errorf("an identity that an event tells finds %q, %v", c, err)
	}
	cs, err := hub.Contracts(ctx, got.Workspace, "acc_"+got.Workspace, contractOf)
	if err != nil || len(cs) != 1 || cs[0].Subject != "contract:sb_1" {
		s.t.Errorf("a contract that an event tells: %+v, %v", cs, err)
	}
	if ids, err := hub.CustomerByAddress(ctx, got.Workspace, "mail", "cus_told@customer.example"); len(ids) != 1 {
		s.t.Errorf("an address finds %v, %v", ids, err)
	}
	if p, err := hub.PurchaseBy(ctx, got.Workspace, "acc_ws_takeout", "2000cus_told"); err != nil || p.Customer != "cus_told" || string(p.Facts) != "{}" {
		s.t.Errorf("a purchase that an event tells is %v, %v", p, err)
	}
	gone, err := hub.Customer(ctx, got.Workspace, "cus_gone")
	if err != nil || !gone.Erased || gone.Name != "" {
		s.t.Errorf("the erased customer is %v, %v", gone, err)
	}
	if err := hub.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: got.Workspace, ID: "cus_gone", Kind: "person"}}); !errors.Is(err, store.ErrErased) {
		s.t.Errorf("the erased customer comes back: %v", err)
	}
	tasks, err := hub.TaskPage(ctx, got.Workspace, store.TaskFilter{Kind: store.TaskArrived}, store.Page{})
	if err != nil || len(tasks) != 1 {
		s.t.Errorf("tasks %v, %v", tasks, err)
	}
}

// whole holds that every kind that leaves has a row in the estate.
func (s *shop) whole(lines []line) {
	s.t.Helper()
	n := map[string]int{}
	for _, l := range lines {
		n[l.kind]++
		for name, v := range row(s.t, l) {
			if text, ok := v.(string); ok && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && json.Valid([]byte(text)) {
				s.t.Errorf("%s.%s is JSON told as a text: name it in takenTables", l.kind, name)
			}
			if number, ok := v.(json.Number); ok && len(number) > 14 {
				s.t.Errorf("%s.%s is a time told as a number: end its name in _at", l.kind, name)
			}
		}
	}
	for _, kind := range store.TakeoutKinds() {
		if n[kind] == 0 {
			s.t.Errorf("the estate has no %s: this test would not see them get lost", kind)
		}
	}
}

// withoutArrival leaves out what an import adds: its task, with event and trail.
func withoutArrival(t *testing.T, lines []line) []line {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(lines), func(l line) bool {
		return l.kind == "tasks" && strings.Contains(l.text, `"kind":"`+store.TaskArrived) || l.kind == "events" && strings.Contains(l.text, store.TaskArrived)
	})
}

// changed is what becomes of lines when they come in.
func changed(t *testing.T, lines []line) (out []line) {
	t.Helper()
	unknown := map[string]bool{}
	for _, l := range lines {
		if r := row(t, l); l.kind == "deliveries" && (r["state"] == "sending" || r["doubt"] == true) {
			unknown[r["message"].(string)] = true
		}
	}
	for _, l := range lines {
		r := row(t, l)
		switch l.kind {
		case "suppressions", "identities", "import-rows":
			if r["address"] == nil && r["value"] == nil {
				continue
			}
		case "accounts":
			r["enabled"] = false
		case "events":
			r["routed"] = true
		case "digests":
			r["state"] = "done"
		case "deliveries":
			switch {
			case r["state"] == "sending" || r["doubt"] == true:
				r["state"], r["note"], r["doubt"] = "unknown", "imported", false
			case slices.Contains([]any{"queued", "held", "retrying"}, r["state"]):
				r["state"], r["note"] = "canceled", "imported"
			}
		case "messages":
			if r["state"] == "waiting" {
				r["state"] = map[bool]string{true: "unknown", false: "canceled"}[unknown[r["id"].(string)]]
			}
		case "replays", "broadcasts":
			r["state"] = map[any]any{"running": "stopped", "paused": "stopped"}[r["state"]]
		case "imports":
			if r["state"] != "done" {
				r["state"] = "expired"
			}
		case "api-keys":
			r["revoked_at"] = "now"
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line{l.kind, string(text)})
	}
	return out
}

func row(t *testing.T, l line) map[string]any {
	t.Helper()
	var r map[string]any
	d := json.NewDecoder(strings.NewReader(l.text))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%s: %v: %s", l.kind, err, l.text)
	}
	return r
}

// same compares rows by what they say, in any order of equals: rows whose key is
// a hash come in another order.
func same(t *testing.T, what string, want, got []line) {
	t.Helper()
	texts := func(lines []line) (out []string) {
		for _, l := range lines {
			r := row(t, l)
			if l.kind == "api-keys" && r["revoked_at"] != nil {
				r["revoked_at"] = "now"
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, l.kind+" "+string(text))
		}
		slices.Sort(out)
		return out
	}
	w, g := texts(want), texts(got)
	for _, l := range w {
		if !slices.Contains(g, l) {
			t.Errorf("%s was lost: %s", what, l)
		}
	}
	for _, l := range g {
		if !slices.Contains(w, l) {
			t.Errorf("%s came: %s", what, l)
		}
	}
	if len(w) != len(g) {
		t.Errorf("%s: %d rows became %d", what, len(w), len(g))
	}
}

// TestTakeInRefuses: what cannot come in whole does not come in at all, and says why.
func TestTakeInRefuses(t *testing.T) {
	each(t, func(s *shop) {
		of := "ws_takeout"
		s.estateForTakeout(of)
		lines, _, _ := takeOut(s.t, s.Store, of)
		url := storetest.SQLite(s.t)
		if !s.Lite() {
			url = storetest.Postgres(s.t)
		}
		hub := &shop{t: s.t, url: url, vault: vault.New(vault.Generate(time.Now()))}
		hub.Store = hub.node()
		cut := slices.IndexFunc(lines, func(l line) bool { return l.kind == "identities" })
		with := func(l line) []line { return slices.Concat(lines[:cut], []line{l}, lines[cut:]) }
		broken := errors.New("the file is damaged")
		for name, c := range map[string]struct {
			next func() (string, []byte, error)
			says string
		}{
			"a damaged file": {func() func() (string, []byte, error) {
				rows := next(lines[:cut])
				return func() (string, []byte, error) {
					kind, text, err := rows()
					if errors.Is(err, io.EOF) {
						err = broken
					}
					return kind, text, err
				}
			}(), "the file is damaged"},
			"a newer kind":        {next(with(line{"futures", `{"id":"1"}`})), `knows no "futures"`},
			"a newer column":      {next(with(line{"apps", `{"id":"1","name":"a","partner":"","created_at":null,"colour":"red"}`})), "knows no colour"},
			"no row":              {next(with(line{"apps", `[1]`})), "no JSON object"},
			"a wrong type":        {next(with(line{"apps", `{"id":1,"name":"a","partner":"","created_at":null}`})), "id is not of its type"},
			"a row twice":         {next(slices.Concat(lines, lines[cut:])), "there already"},
			"nobody's key":        {next(with(line{"customers", `{"id":"cus_x","sealed_for":"cus_x","name":"x","kind":"person","locale":"","country":"","zone":"","minor":false,"sample":false,"created_at":null}`})), "cus_x"},
			"no workspace first":  {next(lines[1:]), "not the workspace"},
			"a secret for nobody": {next(with(line{"members", `{"id":"mem_x","password":"x"}`})), "knows no password"},
		} {
			if _, err := hub.TakeIn(s.t.Context(), store.TakeIn{Next: c.next}); err == nil || !strings.Contains(err.Error(), c.says) {
				s.t.Errorf("%s: %v, not %q", name, err, c.says)
			}
		}
		db := storetest.Open(s.t, url)
		for _, table := range store.TakenTables() {
			if n := query(s.t, db, `SELECT count(*) FROM `+table)[0][0]; n != "0" {
				s.t.Errorf("%s rows of %s were left", n, table)
			}
		}
		s.must(hub.AddWorkspace(s.t.Context(), engawa.Workspace{ID: "ws_empty", CreatedAt: time.Now()}))
		got, err := hub.TakeIn(s.t.Context(), store.TakeIn{Workspace: "ws_empty", Next: next(lines)})
		s.must(err)
		if w, err := hub.Workspace(s.t.Context(), "ws_empty"); err != nil || w.Name != "ひなた珈琲" || got.Workspace != "ws_empty" {
			s.t.Errorf("the empty workspace became %v, %v", w, err)
		}
		for workspace, says := range map[string]string{"ws_empty": "is not empty", "": "another workspace of this hub"} {
			if _, err := hub.TakeIn(s.t.Context(), store.TakeIn{Workspace: workspace, Next: next(lines)}); code(err) != engawa.CodeConflict || !strings.Contains(err.Error(), says) {
				s.t.Errorf("once more into %q: %v", workspace, err)
			}
		}
	})
}

// TestTakenRefunds: a refund case and what was told of usage are found on the other
// hub by the transaction as before; nothing is answered there by itself.
func TestTakenRefunds(t *testing.T) {
	each(t, func(s *shop) {
		const of = "ws_takeout"
		s.estateForTakeout(of)
		percent := int64(40_000)
		_, err := s.TellConsumption(s.t.Context(), engawa.Consumption{Workspace: of, Transaction: "2000000001", Percent: &percent})
		s.must(err)
		lines, _, _ := takeOut(s.t, s.Store, of)
		hub := &shop{t: s.t, url: storetest.SQLite(s.t), vault: vault.New(vault.Generate(time.Now()))}
		hub.Store = hub.node()
		_, err = hub.TakeIn(s.t.Context(), store.TakeIn{Next: next(lines)})
		s.must(err)
		before, err := hub.Refunds(s.t.Context(), of, store.RefundFilter{}, store.Page{})
		s.must(err)
		if len(before) == 0 || !before[0].NextAt.IsZero() {
			s.t.Fatalf("%d cases: %+v", len(before), before)
		}
		k, err := hub.TellConsumption(s.t.Context(), engawa.Consumption{Workspace: of, Transaction: "2000000001", Delivery: "DELIVERED"})
		s.must(err)
		if k.Percent == nil || *k.Percent != percent || k.Customer != before[0].Customer {
			s.t.Errorf("what was told there is not known here: %+v", k)
		}
		_, err = hub.Hear(s.t.Context(), of, []store.Heard{heard(of, "acc_"+of, engawa.Identity{Issuer: "business", Kind: "member_number", Value: "nobody"})})
		s.must(err)
		after, err := hub.Refunds(s.t.Context(), of, store.RefundFilter{}, store.Page{})
		s.must(err)
		if len(after) != len(before) {
			s.t.Errorf("%d cases became %d: one transaction has one case", len(before), len(after))
		}
	})
}

// TestTakenDays: a takeout that was written before there were quarters keeps its days
// when they are counted anew; nobody else's are touched.
func TestTakenDays(t *testing.T) {
	each(t, func(s *shop) {
		const of = "ws_before"
		s.estateForTakeout(of)
		lines, _, _ := takeOut(s.t, s.Store, of)
		lines = slices.DeleteFunc(lines, func(l line) bool { return l.kind == "store-quarters" })
		want, err := s.StoreDays(s.t.Context(), of, "2026-01-01")
		s.must(err)
		hub := &shop{t: s.t, url: storetest.SQLite(s.t), vault: vault.New(vault.Generate(time.Now()))}
		if !s.Lite() {
			hub.url = storetest.Postgres(s.t)
		}
		hub.Store = hub.node()
		db := storetest.Open(s.t, hub.url)
		_, err = db.ExecContext(s.t.Context(), `INSERT INTO store_day (workspace, account, day, what, product, n) VALUES ('ws_else', 'acc', '2026-03-01', 'store.refund', 'a', 2)`)
		s.must(err)
		_, err = hub.TakeIn(s.t.Context(), store.TakeIn{Next: next(lines)})
		s.must(err)
		_, err = hub.RecountDays(s.t.Context(), of)
		s.must(err)
		got, err := hub.StoreDays(s.t.Context(), of, "2026-01-01")
		s.must(err)
		if len(want) == 0 || !slices.Equal(got, want) {
			s.t.Errorf("%v\nwant %v", got, want)
		}
		var others int
		s.must(db.QueryRowContext(s.t.Context(), `SELECT count(*) FROM store_quarter WHERE workspace = 'ws_else'`).Scan(&others))
		if others != 0 {
			s.t.Errorf("another's days got %d quarters", others)
		}
	})
}
