package listform_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/listform"
	"github.com/engawa/engawa/internal/channel/listform/sim"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/dispatch"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

const (
	ws   = "ws_test"
	list = "acc_list"
)

var kinds = []channel.Kind{mail.Kind, listform.Kind}

// hub is a hub with a list and three customers: one agreed to advertising by
// mail, one agreed and took it back, one never said.
type hub struct {
	t    *testing.T
	st   *store.Store
	sim  *sim.Server
	comp *message.Composer
}

func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func onTheRoad(t *testing.T, test func(h *hub)) {
	url := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3 * time.Hour) // noon in Tokyo
		run(t, url, kinds, func(*hub) {}, test)
	})
}

// run runs a hub with these kinds on a database, after what was before.
func run(t *testing.T, url string, kinds []channel.Kind, before, test func(h *hub)) {
	h := &hub{t: t, sim: sim.New(sim.Options{Polite: true})}
	var err error
	h.st, err = store.Open(context.Background(), url, vault.New(vault.Generate(time.Now())))
	h.must(err)
	rules, err := rule.Load()
	h.must(err)
	words, err := text.Load()
	h.must(err)
	h.comp = &message.Composer{Store: h.st, Rules: rules, Words: words, Kinds: kinds, Unsubscribe: func(engawa.Message) string { return "https://u.example" }}
	h.furnish()
	before(h)
	ctx, stop := context.WithCancel(context.Background())
	d := &dispatch.Dispatcher{
		Store: h.st, Compose: h.comp, Rules: rules, Kinds: kinds, Owner: "n1", Lease: time.Minute, Log: slog.New(slog.DiscardHandler),
		Env: channel.Env{HTTP: channeltest.Client(h.sim), Raise: h.st.Raise, Log: slog.New(slog.DiscardHandler)},
	}
	var work sync.WaitGroup
	work.Go(func() { d.Run(ctx) })
	defer func() {
		stop()
		work.Wait()
		h.must(h.st.Close())
	}()
	test(h)
}

func (h *hub) furnish() {
	ctx, now := context.Background(), time.Now()
	h.must(h.st.AddWorkspace(ctx, engawa.Workspace{
		ID: ws, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now,
		Sender: engawa.SenderProfile{Name: "ひなた珈琲", Postal: "石川県金沢市1-1", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"},
	}))
	in := h.sim.Form("sjis").Inputs
	set := map[string]string{
		"url": "https://list.example/sjis/sesform.php", "plan_id": "12", "products": "gold = 34", "mail": in.Mail, "name": in.Name, "plan": in.Plan,
		"success": sim.Done, "failure": sim.Refused, "duplicate": sim.Already,
	}
	checked, err := listform.Kind.Check(set)
	h.must(err)
	w, err := listform.Kind.Form.Read(ctx, checked, channel.Env{HTTP: channeltest.Client(h.sim)})
	h.must(err)
	set["shape"] = w.Shape
	h.must(h.st.AddAccount(ctx, engawa.Account{
		Workspace: ws, ID: list, Kind: "listform", Name: "メルマガ", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now, Settings: set,
	}))
	h.must(h.st.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_hand", Name: "手作業", Account: list, Address: channel.ByHand, Locale: engawa.Japanese, CreatedAt: now}))
	for _, id := range []string{"cus_yes", "cus_back", "cus_never"} {
		h.must(h.st.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: "山田 花", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: now},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(id + "@customer.example"), VerifiedAt: now, CreatedAt: now}},
		}))
	}
	h.decide("cus_yes", true)
	h.decide("cus_back", true)
	time.Sleep(time.Second)
	h.decide("cus_back", false)
	for _, r := range []engawa.Route{
		{ID: "rte_in", Name: "in", Events: listform.Kind.Form.Registers, Then: []engawa.Step{{To: "customer", Purpose: engawa.Marketing, Via: []engawa.Via{{Account: list}}}}},
		{ID: "rte_hand", Name: "hand", Events: listform.Kind.Form.Asks, Then: []engawa.Step{{To: "dst_hand", Purpose: engawa.Service, Via: []engawa.Via{{Account: list}}}}},
	} {
		r.Workspace, r.Enabled, r.UpdatedAt = ws, true, now
		h.must(h.st.SaveRoute(ctx, r))
	}
}

func (h *hub) decide(customer string, given bool) {
	h.t.Helper()
	h.must(h.st.Decide(context.Background(), engawa.Consent{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixConsent), Customer: customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact,
		Purpose: engawa.Marketing, Channel: "mail", Given: given, At: time.Now(),
		Evidence: engawa.Evidence{Wording: "お得な情報をメールで受け取る", Version: "v1", Where: "signup", How: "checkbox", Locale: engawa.Japanese},
	}))
}

// event journals an event of a customer and lets it run its road.
func (h *hub) event(typ, customer string, data map[string]any) {
	h.t.Helper()
	h.journal(typ, customer, data)
	time.Sleep(30 * time.Second)
	synctest.Wait()
}

func (h *hub) journal(typ, customer string, data map[string]any) {
	h.t.Helper()
	raw, err := json.Marshal(data)
	h.must(err)
	_, err = h.st.Journal(context.Background(), []engawa.Event{{
		Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: engawa.SourceAPI, Type: typ, DedupKey: engawa.NewID(engawa.PrefixEvent), Customer: customer,
		OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: raw,
	}})
	h.must(err)
}

// last is the newest message.
func (h *hub) last() store.Said {
	h.t.Helper()
	rows, err := h.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{Limit: 1})
	h.must(err)
	if len(rows) == 0 {
		h.t.Fatal("no message")
	}
	said, err := h.st.Message(context.Background(), ws, rows[0].Message.ID)
	h.must(err)
	return said
}

func (h *hub) tasks() map[string]engawa.Task {
	h.t.Helper()
	ks, err := h.st.Tasks(context.Background(), ws, 100)
	h.must(err)
	out := map[string]engawa.Task{}
	for _, k := range ks {
		raw, err := json.Marshal(k)
		h.must(err)
		if strings.Contains(string(raw), "@") || strings.Contains(string(raw), "山田") {
			h.t.Errorf("a task holds personal data: %s", raw)
		}
		out[k.Kind+" "+k.Ref] = k
	}
	return out
}

var m = map[string]any{"name": "山田 花", "email": "cus_yes@customer.example"}

// TestRoad: an event registers who agreed at the mail address, with the plan of
// all, of the product or of its own; who did not agree or took it back is not registered.
func TestRoad(t *testing.T) {
	onTheRoad(t, func(h *hub) {
		h.event("member.provisional", "cus_yes", map[string]any{"m": m})
		if said := h.last(); said.Message.State != engawa.MessageSent || strings.Contains(said.Message.Content.Text, "@customer") {
			t.Fatalf("%s: %+v", said.Message.State, said.Deliveries)
		}
		h.event("application.completed", "cus_yes", map[string]any{"m": m, "c": map[string]any{"type": "gold"}})
		for _, customer := range []string{"cus_back", "cus_never"} {
			h.event("member.provisional", customer, map[string]any{"m": m})
			if said := h.last(); said.Message.State != engawa.MessageRefused || said.Judged[0].Verdict.Decided != engawa.GateConsent {
				t.Errorf("%s: %s by %s", customer, said.Message.State, said.Judged[0].Verdict.Decided)
			}
		}
		var got []string
		for _, e := range h.sim.Entries() {
			got = append(got, e.Plan+" "+e.Mail+" "+e.Name)
		}
		if want := []string{"12 cus_yes@customer.example 山田 花", "34 cus_yes@customer.example 山田 花"}; !slices.Equal(got, want) {
			t.Errorf("the list has %q", got)
		}
		h.event("application.completed", "cus_yes", map[string]any{"m": m, "c": map[string]any{"type": "bronze"}})
		if said := h.last(); said.Message.State != engawa.MessageFailed || said.Deliveries[0].Note != "no_plan" {
			t.Errorf("a product without a plan: %s %+v", said.Message.State, said.Deliveries)
		}
		h.event("application.completed", "cus_yes", map[string]any{"m": m, "c": map[string]any{"type": "bronze"}, "plan_ids": []string{"34"}})
		if said := h.last(); said.Message.State != engawa.MessageSent {
			t.Errorf("a plan id of the event's own: %s %+v", said.Message.State, said.Deliveries)
		}
		if k := h.tasks(); len(k) != 0 {
			t.Errorf("tasks %v", k)
		}
	})
}

// TestRoadByHand: changes and removals become tasks even where the customer has
// withdrawn everything, complained or never agreed.
func TestRoadByHand(t *testing.T) {
	onTheRoad(t, func(h *hub) {
		h.must(h.st.Suppress(context.Background(), engawa.Suppression{Workspace: ws, Channel: "mail", Address: "cus_back@customer.example", Customer: "cus_back", Reason: "complained", At: time.Now()}))
		for event, kind := range map[string]string{"member.updated": "listform.change", "contract.terminated": "listform.remove", "mail.complained": "listform.remove", "member.deleted": "listform.remove", "payment.refunded": "listform.remove", "contract.cancelled": "listform.remove"} {
			h.event(event, "cus_back", map[string]any{"m": m, "c": map[string]any{"type": "gold"}})
			said := h.last()
			k, ok := h.tasks()[kind+" "+said.Message.ID]
			if !ok || said.Message.State != engawa.MessageSent || k.Args["message"] != said.Message.ID || said.Message.About != "cus_back" {
				t.Errorf("%s: %s, tasks %v", event, said.Message.State, h.tasks())
			}
		}
		if h.sim.Posts() != 0 {
			t.Error("something was submitted")
		}
		for key := range h.tasks() {
			if !strings.HasPrefix(key, "listform.") {
				t.Errorf("besides its own task there is %s", key)
			}
		}
	})
}

// TestRoadRefused: a name that the list refuses, and an answer that nobody can
// read, are each submitted once and then a person's.
func TestRoadRefused(t *testing.T) {
	onTheRoad(t, func(h *hub) {
		h.event("member.provisional", "cus_yes", map[string]any{"m": map[string]any{"name": "Hana"}})
		said := h.last()
		if _, ok := h.tasks()["listform.register "+said.Message.ID]; !ok || said.Message.State != engawa.MessageFailed || said.Deliveries[0].Note != "form_refused" {
			t.Errorf("%s %+v %v", said.Message.State, said.Deliveries, h.tasks())
		}
		if x := said.Attempts[0].Exchange; !strings.Contains(x.Response, "お名前に英字は使えません") || strings.Contains(x.Request, "cus_yes@") {
			t.Errorf("kept: %+v", x)
		}
		h.sim.Next(sim.Lost)
		h.event("member.provisional", "cus_yes", map[string]any{"m": m})
		time.Sleep(3 * time.Hour) // nothing tries again
		synctest.Wait()
		said = h.last()
		if _, ok := h.tasks()["listform.unknown "+said.Message.ID]; !ok || said.Message.State != engawa.MessageUnknown || len(said.Attempts) != 1 {
			t.Errorf("%s after %d attempts, tasks %v", said.Message.State, len(said.Attempts), h.tasks())
		}
		if h.sim.Posts() != 2 || len(h.sim.Entries()) != 1 {
			t.Errorf("%d submissions, %d entries", h.sim.Posts(), len(h.sim.Entries()))
		}
	})
}

// TestRoadUnclear: of two customers of whom nobody knows whether the form took
// them, a person is asked by two tasks, each about its own message with what to
// type for it; nothing is submitted twice.
func TestRoadUnclear(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		hasty := listform.Kind
		hasty.Limits = nil
		run(t, url, []channel.Kind{mail.Kind, hasty}, func(*hub) {}, func(h *hub) {
			h.must(h.st.SaveRoute(context.Background(), engawa.Route{ // by day and by night
				Workspace: ws, ID: "rte_in", Name: "in", Version: 1, Enabled: true, Events: listform.Kind.Form.Registers, UpdatedAt: time.Now(),
				Then: []engawa.Step{{To: "customer", Purpose: engawa.Service, Via: []engawa.Via{{Account: list}}}},
			}))
			h.sim.Next(sim.Lost, sim.Reworded)
			names := map[string]string{"cus_yes": "山田 花", "cus_never": "佐藤 空"}
			for customer, name := range names {
				h.journal("member.provisional", customer, map[string]any{"m": map[string]any{"name": name}})
			}
			h.settled(len(names))
			rows, err := h.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{Limit: 10})
			h.must(err)
			a, err := h.st.Account(context.Background(), ws, list)
			h.must(err)
			tasks := h.tasks()
			for _, row := range rows {
				m := row.Message
				said, err := h.st.Message(context.Background(), ws, m.ID)
				h.must(err)
				k, asked := tasks["listform.unknown "+m.ID]
				if !asked || k.Args["account"] != list || k.Args["message"] != m.ID || k.DueAt.IsZero() {
					t.Errorf("of %s nobody is asked: %+v", m.ID, tasks)
				}
				act, typed := listform.Kind.Form.Typed(a.Settings, said.Message.Content, "", "")
				if act != channel.Register || !slices.Contains(typed, channel.Typed{Key: "name", Value: engawa.Address(names[m.Customer])}) {
					t.Errorf("of %s is to be typed: %s, %d values", m.ID, act, len(typed))
				}
			}
			if len(rows) != 2 || len(tasks) != 2 || h.sim.Posts() != 2 {
				t.Errorf("%d messages, %d submissions, tasks %v", len(rows), h.sim.Posts(), tasks)
			}
		})
	})
}

// TestRoadKilled: of what a node was doing when it died nobody knows what became. A
// registration is looked for, and is not submitted again; what was to be asked of a
// person is asked.
func TestRoadKilled(t *testing.T) {
	url := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3 * time.Hour)
		ctx, want := context.Background(), map[string]bool{}
		died := func(h *hub) {
			for _, r := range []message.Request{
				{Customer: "cus_yes", Content: engawa.Content{Text: "event: member.provisional\nname: 山田 花"}},
				{Customer: "cus_never", Content: engawa.Content{Text: "event: member.provisional\nname: 佐藤 空"}},
				{Destination: "dst_hand", About: "cus_back", Content: engawa.Content{Text: "event: contract.terminated\nname: 山田 花"}},
			} {
				r.Workspace, r.Purpose, r.Trigger, r.Chain = ws, engawa.Service, engawa.ByUser, []engawa.Via{{Account: list}}
				ms, err := h.comp.Accept(ctx, ws, []message.Request{r})
				h.must(err)
				kind := "listform.unknown "
				if r.Destination != "" {
					kind = "listform.remove "
				}
				want[kind+ms[0].Message.ID] = true
			}
			lane, err := h.st.Lane(ctx, ws, list)
			h.must(err)
			lane, held, err := h.st.Hold(ctx, "dead", lane)
			h.must(err)
			going, _, err := h.st.Claim(ctx, lane, 10, store.Decide{
				Judge: func(c *store.Claimed) store.Decision {
					return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: c.Delivery.ID}
				},
				Pace: func() store.Pace { return lane.Pace },
			})
			h.must(err)
			if !held || len(going) != len(want) {
				t.Fatalf("held %t, %d under way", held, len(going))
			}
		}
		run(t, url, kinds, died, func(h *hub) {
			time.Sleep(time.Hour)
			synctest.Wait()
			tasks := h.tasks()
			for key := range want {
				if k := tasks[key]; k.Count != 1 || k.Args["message"] != k.Ref {
					t.Errorf("%s is not asked: %+v", key, tasks)
				}
			}
			if len(tasks) != len(want) || h.sim.Posts() != 0 {
				t.Errorf("%d tasks, %d submissions", len(tasks), h.sim.Posts())
			}
		})
	})
}

// settled waits until n deliveries ended as unknown.
func (h *hub) settled(n int) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		rows, err := h.st.Messages(context.Background(), ws, store.MessageFilter{State: string(engawa.MessageUnknown)}, store.Page{Limit: 10})
		h.must(err)
		if len(rows) == n {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("%d of %d are unknown", len(rows), n)
		}
	}
}

// TestRoadDrift: a form that changed stops the lane; what waits is registered
// when the operator has looked at it.
func TestRoadDrift(t *testing.T) {
	onTheRoad(t, func(h *hub) {
		ctx := context.Background()
		h.sim.Change("sjis", func(f *sim.Form) { f.Inputs.Mail = "neu" })
		h.event("member.provisional", "cus_yes", map[string]any{"m": m})
		lane, err := h.st.Lane(ctx, ws, list)
		h.must(err)
		k, ok := h.tasks()["listform.changed "+list]
		if !ok || !strings.Contains(k.Args["changed"], "+ text neu (required)") || !lane.PausedUntil.After(time.Now()) || lane.PauseCode != "form_changed" || h.sim.Posts() != 0 {
			t.Fatalf("paused until %s (%s), tasks %v", lane.PausedUntil, lane.PauseCode, h.tasks())
		}
		a, err := h.st.Account(ctx, ws, list)
		h.must(err)
		checked, err := listform.Kind.Check(a.Settings)
		h.must(err)
		w, err := listform.Kind.Form.Read(ctx, checked, channel.Env{HTTP: channeltest.Client(h.sim)})
		h.must(err)
		a.Settings["mail"], a.Settings["shape"] = "neu", w.Shape
		h.must(h.st.ChangeAccount(ctx, a))
		h.must(h.st.Pause(ctx, ws, list, time.Time{}, ""))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if e := h.sim.Entries(); len(e) != 1 || h.last().Message.State != engawa.MessageSent {
			t.Errorf("%d entries, the message is %s", len(e), h.last().Message.State)
		}
	})
}

// TestRoadExpired: a registration whose time is over while the lane stands is a
// person's, and so is one that ends while the form cannot be reached.
func TestRoadExpired(t *testing.T) {
	for _, trouble := range []string{"the form changed", "the form is down"} {
		onTheRoad(t, func(h *hub) {
			h.must(h.st.SaveRoute(context.Background(), engawa.Route{
				Workspace: ws, ID: "rte_in", Name: "in", Version: 1, Enabled: true, Events: listform.Kind.Form.Registers, UpdatedAt: time.Now(),
				Then: []engawa.Step{{To: "customer", Purpose: engawa.Marketing, Via: []engawa.Via{{Account: list}}, ExpiresIn: 90 * time.Minute}},
			}))
			if trouble == "the form is down" {
				h.sim.Next(slices.Repeat([]sim.Fault{sim.PageDown}, 60)...)
			} else {
				h.sim.Change("sjis", func(f *sim.Form) { f.Inputs.Mail = "neu" })
			}
			h.event("member.provisional", "cus_yes", map[string]any{"m": m})
			if _, ok := h.tasks()["listform.register "+h.last().Message.ID]; ok {
				t.Errorf("%s: asked before its time is over", trouble)
			}
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			said := h.last()
			k, ok := h.tasks()["listform.register "+said.Message.ID]
			if !ok || k.Args["message"] != said.Message.ID || said.Message.State == engawa.MessageWaiting || h.sim.Posts() != 0 {
				t.Errorf("%s: %s %+v, tasks %v", trouble, said.Message.State, said.Deliveries, h.tasks())
			}
			for key := range h.tasks() {
				if strings.HasPrefix(key, "delivery.") {
					t.Errorf("%s: besides its own task there is %s", trouble, key)
				}
			}
		})
	}
}

// TestRoadStaff: what fails on its way to a place of the staff and was handed to a
// person by the account asks nobody a second time; what could not even do that does.
func TestRoadStaff(t *testing.T) {
	onTheRoad(t, func(h *hub) {
		h.must(h.st.AddDestination(context.Background(), engawa.Destination{Workspace: ws, ID: "dst_boss", Name: "店長", Account: list, Address: "boss@hinata.example", Locale: engawa.Japanese, CreatedAt: time.Now()}))
		h.must(h.st.SaveRoute(context.Background(), engawa.Route{
			Workspace: ws, ID: "rte_boss", Name: "boss", Enabled: true, Events: []string{"member.link.reissued", "member.updated"}, UpdatedAt: time.Now(),
			Then: []engawa.Step{{To: "dst_boss", Purpose: engawa.Service, Via: []engawa.Via{{Account: list}}}},
		}))
		h.event("member.updated", "cus_back", map[string]any{"m": m})
		if k := h.tasks(); len(k) != 2 || k["delivery.failed "+list].ID != "" {
			t.Errorf("done by hand: %v", k)
		}
		h.event("member.link.reissued", "cus_back", map[string]any{"m": m})
		if k := h.tasks(); k["delivery.failed "+list].Count != 1 {
			t.Errorf("nothing for the list: %v", k)
		}
	})
}

// TestRoadOnlyWhereNamed: a message that names no channel never goes to a list.
func TestRoadOnlyWhereNamed(t *testing.T) {
	accounts := []engawa.Account{{ID: list, Kind: "listform"}, {ID: "acc_mail", Kind: "mail"}}
	if via, err := message.Chain(accounts, kinds, nil, true); err != nil || len(via) != 1 || via[0].Account != "acc_mail" {
		t.Errorf("%v, %v", via, err)
	}
	if via, err := message.Chain(accounts, kinds, []string{"listform"}, true); err != nil || len(via) != 1 || via[0].Account != list {
		t.Errorf("named: %v, %v", via, err)
	}
}

// toType is what the open tasks of a kind ask to type, one line a task.
func (h *hub) toType(kind string) (out []string) {
	h.t.Helper()
	ks, err := h.st.Tasks(context.Background(), ws, 100)
	h.must(err)
	for _, k := range ks {
		if k.Kind != kind || k.State != "open" {
			continue
		}
		story, err := h.st.Task(context.Background(), ws, k.ID)
		h.must(err)
		line := fmt.Sprintf("×%d", k.Count)
		for _, name := range story.ToType() {
			line += " " + name + "=" + story.Args[engawa.TypeExactly+name]
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func (h *hub) wantsTyped(when, kind string, want ...string) {
	h.t.Helper()
	if got := h.toType(kind); !slices.Equal(got, want) {
		h.t.Errorf("%s: %s asks %q, want %q", when, kind, got, want)
	}
}

func (h *hub) finish() {
	h.t.Helper()
	ks, err := h.st.Tasks(context.Background(), ws, 100)
	h.must(err)
	for _, k := range ks {
		if k.State == "open" {
			h.must(h.st.FinishTask(context.Background(), ws, k.ID, ""))
		}
	}
}

func (h *hub) moves(customer string, to engawa.Address) {
	h.t.Helper()
	ctx, now := context.Background(), time.Now()
	points, err := h.st.ContactPoints(ctx, ws, customer)
	h.must(err)
	h.must(h.st.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: customer, Kind: "mail", Address: to, VerifiedAt: now, CreatedAt: now}))
	for _, p := range points {
		h.must(h.st.EndContactPoint(ctx, ws, customer, p.ID))
	}
}

// TestRoadLater: what the form took is what a person later finds in the list: a change
// here, told by an event besides or not, is one task with the old text and the new one,
// also while the form is switched off; nobody is registered any more then.
func TestRoadLater(t *testing.T) {
	for _, on := range []bool{true, false} {
		onTheRoad(t, func(h *hub) {
			h.event("member.provisional", "cus_yes", map[string]any{"m": m})
			h.event("application.completed", "cus_yes", map[string]any{"m": m, "c": map[string]any{"type": "gold"}})
			h.sim.Next(sim.Lost)
			h.decide("cus_never", true)
			h.event("member.provisional", "cus_never", map[string]any{"m": map[string]any{"name": "佐藤 空"}})
			h.finish() // somebody has looked
			if !on {
				a, err := h.st.Account(context.Background(), ws, list)
				h.must(err)
				a.Enabled = false
				h.must(h.st.ChangeAccount(context.Background(), a))
				posts := h.sim.Posts()
				h.event("member.provisional", "cus_yes", map[string]any{"m": m})
				if said := h.last(); h.sim.Posts() != posts || said.Message.State != engawa.MessageRefused {
					t.Errorf("switched off, it registers: %s", said.Message.State)
				}
			}
			h.moves("cus_yes", "neu@customer.example")
			h.event("member.updated", "cus_yes", map[string]any{"m": map[string]any{"name": "山田 花", "email": "neu@customer.example"}})
			h.wantsTyped("moved", "listform.change", "×2 mail=cus_yes@customer.example mail_new=neu@customer.example name=山田 花 plan=12, 34")
			h.finish()
			h.event("member.updated", "cus_yes", map[string]any{"m": map[string]any{"email": "neu@customer.example"}})
			h.wantsTyped("told of what is done", "listform.change")
			h.event("contract.terminated", "cus_yes", map[string]any{"m": m, "c": map[string]any{"type": "gold"}})
			h.wantsTyped("one product ended", "listform.remove", "×1 mail=neu@customer.example name=山田 花 plan=34")
			h.moves("cus_never", "sora@customer.example")
			h.wantsTyped("of an unclear answer", "listform.change", "×1 mail=cus_never@customer.example mail_new=sora@customer.example name=佐藤 空 plan=12")
			_, err := h.st.Erase(context.Background(), ws, "cus_yes")
			h.must(err)
			h.wantsTyped("erased", "listform.remove", "×2 mail=neu@customer.example name=山田 花 plan=12, 34")
			h.event("contract.terminated", "cus_back", map[string]any{"m": m})
			if said := h.last(); said.Message.State != engawa.MessageSent || h.tasks()["listform.remove "+said.Message.ID].Count != 1 {
				t.Errorf("of whom the hub registered nobody asks: %s", said.Message.State)
			}
		})
	}
}
