package contracts_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/contracts"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/source/smaregi"
	"github.com/engawa/engawa/internal/source/smaregi/sim"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

const (
	ws      = "ws_1"
	account = "acc_smaregi"
	app     = "app_stock"
	vendor  = "ptn_vendor"
	header  = "X-Hub-Secret"
	secret  = "a-secret-of-the-hub"
	mail    = "owner@shop.example"
)

// shop is a hub to which a vendor lends its platform app, and Smaregi beside it.
type shop struct {
	*store.Store
	t       *testing.T
	url     string
	smaregi *sim.Server
	keeper  *contracts.Keeper
	intake  *intake.Intake
}

// silent is the host of a list that never answers.
const silent = "silent.example"

// RoundTrip is the network between the two.
func (s *shop) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.URL.Host == silent {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	if r.URL.Host != "hub.example" {
		in := r.Clone(r.Context())
		in.Host = r.URL.Host
		if in.Body == nil {
			in.Body = http.NoBody
		}
		s.smaregi.ServeHTTP(w, in)
		return w.Result(), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for name, values := range r.Header { // as a server reads them
		for _, v := range values {
			h.Add(name, v)
		}
	}
	if err := s.intake.Accept(r.Context(), account, h, body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	return w.Result(), nil
}

// open makes the hub; settings are pairs that differ from the usual.
func open(t *testing.T, url string, settings ...string) *shop {
	t.Helper()
	st, err := store.Open(t.Context(), url, vault.New(vault.Generate(time.Now())))
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{Store: st, t: t, url: url}
	t.Cleanup(func() { s.must(st.Close()) })
	client := &http.Client{Transport: s}
	s.smaregi = &sim.Server{
		App: sim.Client{ID: "app-client", Secret: "app-secret"}, ListClient: sim.Client{ID: "list-client", Secret: "list-secret"}, ListPath: "/some/users", ListItems: "rows",
		Members: sim.Members{Contract: "keiyaku", Name: "kaisha", Mail: "renrakusaki", Plan: "puran", State: "jotai"},
		Hook:    sim.Hook{URL: "https://hub.example/in/" + account, Header: header, Value: secret, Client: client},
	}
	s.keeper = &contracts.Keeper{Store: st, HTTP: client}
	s.intake = &intake.Intake{
		Store: st, Kinds: []channel.Kind{smaregi.Kind}, Env: channel.Env{HTTP: client, Log: slog.New(slog.DiscardHandler), Raise: st.Raise},
		Keep: map[string]func(context.Context, engawa.Account, []engawa.Event) error{"smaregi": s.keeper.Keep},
	}
	in := map[string]string{
		"app": app, "environment": "sandbox", "client_id": "app-client", "header": header, "secret": secret,
		"list_url": "https://api.smaregi.dev", "list_path": "/some/users", "list_client_id": "list-client", "list_client_secret": "list-secret", "list_items": "/rows",
		"list_contract": "keiyaku", "list_name": "kaisha", "list_email": "renrakusaki", "list_plan": "/puran", "list_state": "jotai",
	}
	for i := 0; i+1 < len(settings); i += 2 {
		in[settings[i]] = settings[i+1]
	}
	ctx, now := t.Context(), time.Now()
	s.must(st.AddWorkspace(ctx, engawa.Workspace{ID: ws, Name: "縁側", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}))
	s.must(st.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: vendor, Name: "在庫ソフト", CreatedAt: now}))
	s.must(st.AddApp(ctx, engawa.App{Workspace: ws, ID: app, Name: "在庫くん", Partner: vendor, CreatedAt: now}))
	s.account(account, in)
	return s
}

func (s *shop) account(id string, settings map[string]string) {
	s.t.Helper()
	s.must(s.AddAccount(s.t.Context(), engawa.Account{
		Workspace: ws, ID: id, Kind: "smaregi", Name: "在庫くん(スマレジ)", Environment: engawa.Sandbox, Owner: vendor, Enabled: true, Settings: settings, CreatedAt: time.Now(),
	}))
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// add has Smaregi know a contract that the hub does not.
func (s *shop) add(id, plan string, shares bool) {
	s.smaregi.Contracts = append(s.smaregi.Contracts, &sim.Contract{ID: id, Name: "ひなた珈琲", Plan: plan, State: "active", Mail: mail, Shares: shares})
}

// act has Smaregi tell of an action, which the hub must take.
func (s *shop) act(contract, action, day string) {
	s.t.Helper()
	s.must(s.smaregi.Act(s.t.Context(), contract, action, day))
}

// stands is how the subscriptions of a contract stand: "plan state" of each.
func (s *shop) stands(contract string) string {
	s.t.Helper()
	c := s.customer(contract)
	if c == "" {
		return "unknown"
	}
	bs, err := s.Subscriptions(s.t.Context(), ws, c, store.Page{})
	s.must(err)
	var all []string
	for _, b := range bs {
		all = append(all, b.Product+" "+string(b.State))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (s *shop) customer(contract string) string {
	s.t.Helper()
	c, err := s.CustomerBy(s.t.Context(), ws, smaregi.Identity(contract))
	s.must(err)
	return c
}

// told are the types of the events in the journal that are Smaregi's, oldest first.
func (s *shop) told() (types []string) {
	s.t.Helper()
	evs, err := s.Events(s.t.Context(), ws, store.EventFilter{}, store.Page{Limit: 100})
	s.must(err)
	slices.Reverse(evs)
	for _, e := range evs {
		if e.Account != account {
			continue
		}
		typ := strings.TrimPrefix(e.Type, "app.subscription.")
		if strings.Contains(string(e.Data), `"recovered":true`) {
			typ += "*"
		}
		types = append(types, typ)
		if e.Known {
			s.must(catalogue.Check(e))
		}
		if strings.Contains(string(e.Data)+string(e.Raw), mail) {
			s.t.Errorf("the address is in the journal: %s", e.Data)
		}
	}
	return types
}

// open are the kinds of tasks that are open.
func (s *shop) open() (kinds []string) {
	s.t.Helper()
	ks, err := s.Tasks(s.t.Context(), ws, 100)
	s.must(err)
	for _, k := range ks {
		if k.State == "open" {
			kinds = append(kinds, k.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

func (s *shop) same(what string, got, want any) {
	s.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestNotices: each of the six actions is in the journal and in the subscriber list
// when it is answered, with 200 and nothing; the same once more is not two.
func TestNotices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		s.add("sb_c1", "スタンダード", false)
		for n, x := range []struct{ action, day, want string }{
			{"start", "2026-11-01", "スタンダード active"},
			{"change-options", "2026-11-02", "スタンダード active"},
			{"force-stop", "2026-11-03", "スタンダード suspended"},
			{"cancel-force-stop", "2026-11-04", "スタンダード active"},
			{"change-plan", "2026-11-05", "スタンダード expired, プロ active"},
			{"end", "2026-11-06", "スタンダード expired, プロ expired"},
		} {
			if x.action == "change-plan" {
				s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.Plan = "プロ" })
			}
			s.act("sb_c1", x.action, x.day)
			s.act("sb_c1", x.action, x.day) // Smaregi may say it twice
			s.same(x.action, s.stands("sb_c1"), x.want)
			s.same("events", len(s.told()), n+1)
		}
		s.same("told", s.told(), []string{"started", "options_changed", "force_stopped", "force_stop_cancelled", "plan_changed", "ended"})
		bs, err := s.Subscriptions(t.Context(), ws, s.customer("sb_c1"), store.Page{})
		s.must(err)
		for _, b := range bs {
			if b.Product == "プロ" && (b.Environment != engawa.Sandbox || b.StartsAt.Format(time.RFC3339) != "2026-10-31T15:00:00Z" || b.EndsAt.Format(time.RFC3339) != "2026-11-06T14:59:59Z") {
				t.Errorf("%+v", b)
			}
		}
		cu, err := s.Customer(t.Context(), ws, s.customer("sb_c1"))
		if err != nil || cu.Kind != "contract" || cu.Locale != engawa.Japanese {
			t.Errorf("%+v, %v", cu, err)
		}
		s.same("tasks", s.open(), "[]")
		for _, n := range s.smaregi.Sent() {
			if n.Violations != "" {
				t.Errorf("%s: %s", n.Action, n.Violations)
			}
		}
	})
}

// TestContradiction: an end that comes before the start of its day is asked about,
// and the list settles it.
func TestContradiction(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		s.step()
		day := smaregi.Today(time.Now())
		s.act("sb_c1", "end", day)
		s.must(s.smaregi.Send(t.Context(), "sb_c1", "start", s.smaregi.Body("sb_c1", "start", day)))
		s.same("by arrival", s.stands("sb_c1"), "std active")
		s.same("tasks", s.open(), []string{store.ContractTask})
		time.Sleep(13 * time.Hour)
		s.step()
		ks, err := s.Tasks(t.Context(), ws, 10)
		s.must(err)
		if len(ks) != 1 || ks[0].Count != 1 {
			t.Errorf("missing in the list, which tells nothing: %+v", ks)
		}
		time.Sleep(11 * time.Minute)
		s.step()
		s.same("by the list", s.stands("sb_c1"), "std expired")
		s.same("tasks", s.open(), []string{"smaregi.gap"})
	})
}

// TestRude: notices come in pairs, the later one first and both twice, and the last one
// is lost; the list settles what they leave open.
func TestRude(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		s.step()
		s.smaregi.Rude = true
		for n, action := range []string{"force-stop", "cancel-force-stop", "end", "start", "change-plan"} {
			if action == "change-plan" {
				s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.Plan = "pro" })
			}
			s.act("sb_c1", action, fmt.Sprintf("2026-11-30T%02d", n)) // of one day
		}
		s.same("sent", len(s.smaregi.Sent()), 8)
		s.same("by the notices", s.stands("sb_c1"), "std expired")
		s.same("tasks", s.open(), []string{store.ContractTask})
		s.twice()
		s.same("by the list", s.stands("sb_c1"), "pro active, std expired")
		s.same("tasks", s.open(), []string{"smaregi.gap"})
		told := len(s.told())
		s.twice()
		s.same("and it stays so", len(s.told()), told)
	})
}

// TestMissed: what no notice said enters the journal once, as recovered, and asks a
// person; the first list is no gap, since nobody listened before.
func TestMissed(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		s.add("sb_c2", "std", false)
		s.step()
		s.same("the first list", s.told(), "[started* started*]")
		s.same("tasks", s.open(), "[]")
		s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.State = "end" })
		s.smaregi.Change("sb_c2", func(c *sim.Contract) { c.Plan = "pro" })
		s.add("sb_c3", "std", false)
		s.smaregi.Change("sb_c3", func(c *sim.Contract) { c.State = "force-stop" })
		for range 3 {
			time.Sleep(13 * time.Hour)
			s.step()
		}
		s.same("told", s.told(), "[started* started* plan_changed* started* force_stopped* ended*]")
		s.same("c1", s.stands("sb_c1"), "std expired")
		s.same("c2", s.stands("sb_c2"), "pro active, std expired")
		s.same("c3", s.stands("sb_c3"), "std suspended")
		s.same("tasks", s.open(), []string{"smaregi.gap"})
	})
}

// TestAbsent: whom the list lacks is looked at again, soon, and only then has ended; a
// list that was cut short for a moment ends nobody and takes no address away.
func TestAbsent(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", true)
		s.step()
		listed := func(state string) { s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.State = state }) }
		listed("end")
		time.Sleep(13 * time.Hour)
		s.step()
		s.same("missing once", s.stands("sb_c1"), "std active")
		s.same("its address", s.addresses(), "["+mail+"]")
		listed("active")
		time.Sleep(11 * time.Minute)
		s.step()
		listed("end")
		time.Sleep(13 * time.Hour)
		s.step()
		s.same("missing once more, but not twice running", s.stands("sb_c1"), "std active")
		s.act("sb_c1", "change-options", smaregi.Today(time.Now()))
		time.Sleep(11 * time.Minute)
		s.step()
		s.same("told of in between", s.stands("sb_c1"), "std active")
		time.Sleep(11 * time.Minute)
		s.step()
		s.same("missing twice", s.stands("sb_c1"), "std expired")
		s.same("its address", s.addresses(), "[]")
		s.same("told", s.told(), "[started* options_changed ended*]")
	})
}

// TestTwoNodes: while one node waits for a list another reads the next one; a list that
// never answers is given up before another node takes it over; and a second look at a list
// that comes sooner than ten minutes after the first ends nobody.
func TestTwoNodes(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.account("acc_silent", map[string]string{
			"app": app, "client_id": "app-client", "secret": secret, "list_url": "https://" + silent, "list_client_id": "x", "list_client_secret": "y",
		})
		db := storetest.Open(t, s.url)
		again := func() { // what the first node leaves for the other
			_, err := db.ExecContext(t.Context(), `UPDATE list_reading SET next_at = 0 WHERE account = $1`, account)
			s.must(err)
		}
		s.add("sb_c1", "std", false)
		s.step()
		s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.State = "end" })
		time.Sleep(13 * time.Hour)
		other := make(chan error)
		began := time.Now()
		go func() { other <- s.keeper.Step(t.Context()) }()
		synctest.Wait()
		s.step()
		for n, wait := range []time.Duration{5 * time.Second, 9 * time.Minute, 54 * time.Second} {
			time.Sleep(wait)
			again()
			s.step()
			s.same(fmt.Sprintf("look %d", n+2), s.stands("sb_c1"), "std active")
			if n == 1 {
				s.must(<-other)
			}
		}
		if took := time.Since(began); took >= 10*time.Minute {
			t.Errorf("the silent list was given up after %s", took)
		}
		time.Sleep(time.Second)
		again()
		s.step()
		s.same("ten minutes after", s.stands("sb_c1"), "std expired")
	})
}

// TestMerged: the contracts of two customers who become one stay two: each hears its own
// notices, and the list, also where their plans are the same.
func TestMerged(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		s.add("sb_c2", "std", false)
		s.step()
		_, err := s.Merge(t.Context(), store.Merge{
			Workspace: ws, Into: s.customer("sb_c1"), From: s.customer("sb_c2"), Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil },
		})
		s.must(err)
		s.same("whose both are", s.customer("sb_c2"), s.customer("sb_c1"))
		day := smaregi.Today(time.Now())
		s.act("sb_c2", "force-stop", day)
		s.same("stopped", s.stands("sb_c1"), "std active, std suspended")
		s.act("sb_c1", "force-stop", day)
		s.act("sb_c2", "cancel-force-stop", day)
		s.same("the other", s.stands("sb_c1"), "std active, std suspended")
		s.same("tasks", s.open(), "[]")
		for _, plan := range []string{"pro", "std"} {
			s.smaregi.Change("sb_c2", func(c *sim.Contract) { c.Plan = plan })
			s.act("sb_c2", "change-plan", day)
		}
		s.same("there and back", s.stands("sb_c1"), "pro expired, std active, std expired, std suspended")
		told := len(s.told())
		time.Sleep(13 * time.Hour)
		s.step()
		s.same("the list agrees", len(s.told()), told)
		s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.State = "end" })
		s.twice()
		s.same("one is gone", s.stands("sb_c1"), "pro expired, std active, std expired, std expired")
	})
}

// TestBatches: what the list tells is kept 100 in a transaction, each with the task of
// how many there are so far; who cannot be kept stops nobody else, and is told of.
func TestBatches(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		for n := range 3 {
			s.add(fmt.Sprintf("sb_bad%d", n), "std", false)
		}
		s.step()
		db := storetest.Open(t, s.url)
		for _, q := range []string{
			`UPDATE subscription SET detail = '{"standing":[]}'`,
			`UPDATE event SET subject = '' WHERE subject = 'contract:sb_bad0'`, // its standing is first asked for when it is kept
		} {
			_, err := db.ExecContext(t.Context(), q)
			s.must(err)
		}
		s.smaregi.Contracts = s.smaregi.Contracts[:2] // one of the others is missing
		for n := range 120 {
			s.add(fmt.Sprintf("sb_c%d", n), "std", false)
		}
		for range 2 {
			time.Sleep(13 * time.Hour)
			err := s.keeper.Step(t.Context())
			if n := strings.Count(fmt.Sprint(err), "subscription sbs_"); n != 3 {
				t.Errorf("%d of 3 are told of: %v", n, err)
			}
			s.same("the first", s.stands("sb_c0"), "std active")
			s.same("the last", s.stands("sb_c119"), "std active")
			ks, err := s.Tasks(t.Context(), ws, 10)
			s.must(err)
			if len(ks) != 1 || ks[0].Kind != "smaregi.gap" || ks[0].Args["n"] != "120" {
				t.Errorf("%+v", ks)
			}
		}
	})
	within(t, func(t *testing.T, s *shop) {
		s.step()
		for n := range 250 {
			s.add(fmt.Sprintf("sb_c%d", n), "std", false)
		}
		time.Sleep(13 * time.Hour)
		s.step()
		ks, err := s.Tasks(t.Context(), ws, 10)
		s.must(err)
		if len(ks) != 1 || ks[0].Count != 3 || ks[0].Args["n"] != "250" {
			t.Errorf("%+v", ks)
		}
	})
}

// TestDead: where the database takes nothing it is not tried again for each contract, and
// who was to be kept is told of without a number.
func TestDead(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		for n := range 120 {
			s.add(fmt.Sprintf("sb_c%d", n), "std", false)
		}
		_, err := storetest.Open(t, s.url).ExecContext(t.Context(), `CREATE TRIGGER dead BEFORE INSERT ON subscription BEGIN SELECT RAISE(ABORT, 'dead'); END`)
		s.must(err)
		err = s.keeper.Step(t.Context())
		if told := fmt.Sprint(err); strings.Count(told, "a new contract: ") != 3 || strings.Contains(told, "sb_c") {
			t.Error(told)
		}
	})
}

// TestOneRefused: a contract that the database does not take stops none of the others.
func TestOneRefused(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		for n := range 5 {
			s.add(fmt.Sprintf("sb_c%d", n), map[bool]string{true: "bad", false: "std"}[n == 1], false)
		}
		db := storetest.Open(t, s.url)
		_, err := db.ExecContext(t.Context(), `CREATE TRIGGER one BEFORE INSERT ON subscription WHEN NEW.product = 'bad' BEGIN SELECT RAISE(ABORT, 'bad'); END`)
		s.must(err)
		err = s.keeper.Step(t.Context())
		if told := fmt.Sprint(err); strings.Count(told, "a new contract: ") != 1 {
			t.Error(told)
		}
		n := 0
		s.must(db.QueryRowContext(t.Context(), `SELECT count(*) FROM subscription`).Scan(&n))
		s.same("kept", n, 4)
	})
}

// TestQuiet: a reading that finds nothing, and a notice that says the same again, wake
// nobody; a notice that leaves the subscription as it was has no list of subscribers told.
func TestQuiet(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", true)
		s.step()
		woken := 0
		s.OnWake(func(string, string) { woken++ })
		marked := func() (n int) {
			s.must(storetest.Open(t, s.url).QueryRowContext(t.Context(), `SELECT count(*) FROM subscriber_mark`).Scan(&n))
			return n
		}
		before := marked()
		day := smaregi.Today(time.Now())
		for n, c := range []struct {
			do           func()
			woken, marks int
		}{
			{func() { time.Sleep(13 * time.Hour); s.step() }, 0, 0},
			{func() { s.act("sb_c1", "change-options", day) }, 1, 0},
			{func() { s.act("sb_c1", "change-options", day) }, 0, 0},
			{func() { s.act("sb_c1", "force-stop", day) }, 1, 1},
		} {
			woken = 0
			c.do()
			s.same(fmt.Sprintf("%d: woken, marks", n), []int{woken, marked() - before}, []int{c.woken, c.marks})
		}
	})
}

// TestUnreadable: a list that cannot be read ends nobody's contract and asks a
// person; when it can be read the task is done.
func TestUnreadable(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		s.step()
		s.smaregi.Down(3, 0)
		for range 3 {
			s.same("tasks", s.open(), "[]")
			time.Sleep(13 * time.Hour)
			s.step()
		}
		s.same("tasks", s.open(), []string{"smaregi.list"})
		s.smaregi.ListClient.Secret = "rolled"
		time.Sleep(time.Hour)
		s.step()
		s.same("stands", s.stands("sb_c1"), "std active")
		s.smaregi.ListClient.Secret = "list-secret"
		time.Sleep(2 * time.Hour)
		s.step()
		s.same("tasks", s.open(), "[]")
	})
}

// TestToldToWait: a list that asks to wait is not asked before that.
func TestToldToWait(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		s.smaregi.Down(1, 20*time.Minute)
		for n, want := range []string{"unknown", "unknown", "std active"} {
			if n > 0 {
				time.Sleep(11 * time.Minute)
			}
			s.step()
			s.same(fmt.Sprint(n), s.stands("sb_c1"), want)
		}
	})
}

// TestConsent: an address comes with the box ticked and goes, address and consent,
// within a day of its being unticked, however the list withholds it.
func TestConsent(t *testing.T) {
	for _, withheld := range []string{sim.Absent, sim.Null, sim.Empty} {
		t.Run(withheld, func(t *testing.T) {
			within(t, func(t *testing.T, s *shop) {
				s.smaregi.Withheld = withheld
				s.add("sb_c1", "std", false)
				s.step()
				s.same("before", s.addresses(), "[]")
				tick := func(on bool) {
					s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.Shares = on })
					for range 2 {
						time.Sleep(12 * time.Hour)
						s.step()
					}
				}
				tick(true)
				s.same("ticked", s.addresses(), "["+mail+"]")
				s.same("decisions", s.decisions(), "[true]")
				tick(false)
				s.same("unticked", s.addresses(), "[]")
				s.same("decisions", s.decisions(), "[false true]")
				tick(true)
				s.same("ticked again", s.addresses(), "["+mail+"]")
				s.same("decisions", s.decisions(), "[true false true]")
				s.told()
			})
		})
	}
}

// TestToCome: what a notice tells for a day to come stands against the list until that
// day, and keeps neither the withdrawal of an address nor an end waiting.
func TestToCome(t *testing.T) {
	ahead := smaregi.Today(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC))
	for name, c := range map[string]struct {
		action string
		then   func(*sim.Contract)
		want   string
	}{
		"a plan to come stays":   {"change-plan", func(c *sim.Contract) { c.Plan, c.Shares = "std", false }, "pro active, std expired"},
		"an end to come stays":   {"end", func(c *sim.Contract) { c.State, c.Shares = "active", false }, "std expired"},
		"it ends before its day": {"change-plan", func(c *sim.Contract) { c.State = "end" }, "pro expired, std expired"},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, s *shop) {
				s.add("sb_c1", "std", true)
				s.step()
				s.same("before", s.addresses(), "["+mail+"]")
				if c.action == "change-plan" {
					s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.Plan = "pro" })
				}
				s.act("sb_c1", c.action, ahead)
				s.smaregi.Change("sb_c1", c.then)
				s.twice()
				s.same("stands", s.stands("sb_c1"), c.want)
				s.same("address", s.addresses(), "[]")
			})
		})
	}
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		s.act("sb_c1", "start", ahead)
		s.smaregi.Change("sb_c1", func(c *sim.Contract) { c.State = "end" }) // not there yet
		s.step()
		s.same("a start to come stays", s.stands("sb_c1"), "std active")
		s.act("sb_c1", "end", smaregi.Today(time.Now()))
		s.same("and can be ended before", s.stands("sb_c1"), "std expired")
	})
}

// TestNoRight: whose platform app it is has no right to read by that, only by a grant.
func TestNoRight(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", true)
		s.step()
		list := store.List{Workspace: ws, Partner: vendor, App: app}
		look := store.Look{Show: func(store.Subscriber) (string, bool) { return "here", false }}
		handles := func() int {
			_, err := s.StepSubscribers(t.Context(), ws, func(context.Context) (store.Look, error) { return look, nil })
			s.must(err)
			subs, _, err := s.Subscribers(t.Context(), list, look, "", 10)
			if engawa.CodeOf(err) != engawa.CodeNotFound {
				s.must(err)
			}
			return len(subs)
		}
		s.same("without a grant", handles(), 0)
		s.must(s.AddGrant(t.Context(), engawa.Grant{
			Workspace: ws, ID: "grt_1", Partner: vendor, Scopes: []string{"subscribers:read"}, Apps: []string{app}, StartsAt: time.Now().Add(-time.Hour),
		}))
		s.same("with one", handles(), 1)
	})
}

// TestForeign: what does not prove itself, or is about another app, is refused and
// leaves nothing.
func TestForeign(t *testing.T) {
	within(t, func(t *testing.T, s *shop) {
		s.add("sb_c1", "std", false)
		body := s.smaregi.Body("sb_c1", "start", "2026-11-01")
		genuine := func() http.Header {
			return http.Header{http.CanonicalHeaderKey(header): {secret}, "Smaregi-Contract-Id": {"sb_c1"}}
		}
		for name, c := range map[string]struct {
			change func(http.Header)
			body   string
			want   engawa.Code
		}{
			"no secret":        {func(h http.Header) { h.Del(header) }, string(body), engawa.CodeUnverified},
			"a wrong secret":   {func(h http.Header) { h.Set(header, secret+"x") }, string(body), engawa.CodeUnverified},
			"two secrets":      {func(h http.Header) { h.Add(header, "x") }, string(body), engawa.CodeUnverified},
			"another contract": {func(h http.Header) { h.Set("Smaregi-Contract-Id", "sb_c2") }, string(body), engawa.CodeUnverified},
			"no contract":      {func(h http.Header) { h.Del("Smaregi-Contract-Id") }, string(body), engawa.CodeUnverified},
			"another app":      {func(http.Header) {}, strings.Replace(string(body), "app-client", "other", 1), engawa.CodeInvalid},
			"no JSON":          {func(http.Header) {}, "x", engawa.CodeInvalid},
			"empty":            {func(http.Header) {}, "", engawa.CodeInvalid},
		} {
			h := genuine()
			c.change(h)
			if err := s.intake.Accept(t.Context(), account, h, []byte(c.body)); engawa.CodeOf(err) != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.same("told", s.told(), "[]")
		unknown := strings.Replace(string(body), `"start"`, `"Transfer it"`, 1)
		s.must(s.intake.Accept(t.Context(), account, genuine(), []byte(unknown)))
		s.must(s.intake.Accept(t.Context(), account, genuine(), []byte(unknown)))
		s.same("an action nobody knows is kept", s.told(), "[smaregi.appsubscription.transfer_it]")
		s.same("and changes nothing", s.stands("sb_c1"), "unknown")
	})
}

// within runs a test in a bubble with a shop on SQLite, from a day on which Smaregi is.
func within(t *testing.T, do func(t *testing.T, s *shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)))
		do(t, open(t, storetest.SQLite(t)))
	})
}

func (s *shop) step() {
	s.t.Helper()
	s.must(s.keeper.Step(s.t.Context()))
}

// twice reads the list when it is due, and soon after, which ends who is missing.
func (s *shop) twice() {
	s.t.Helper()
	time.Sleep(13 * time.Hour)
	s.step()
	time.Sleep(11 * time.Minute)
	s.step()
}

// addresses are all that the hub has of contract sb_c1.
func (s *shop) addresses() (all []string) {
	s.t.Helper()
	ps, err := s.ContactPoints(s.t.Context(), ws, s.customer("sb_c1"))
	s.must(err)
	for _, p := range ps {
		if p.Address != "" {
			all = append(all, p.Address.Reveal())
		}
	}
	return all
}

func (s *shop) decisions() (given []bool) {
	s.t.Helper()
	cs, err := s.Consents(s.t.Context(), ws, s.customer("sb_c1"))
	s.must(err)
	for _, c := range cs {
		if c.Act == engawa.ActShareAddress && c.Controller == vendor && c.App == app {
			given = append(given, c.Given)
		}
	}
	return given
}
