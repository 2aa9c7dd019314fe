package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/dispatch"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

const distrusts = "550 5.7.26 this mail is unauthenticated"

// people adds customers of a domain, whose ids are its first letter and a number.
func (h *hub) people(domain string, n int) (ids []string) {
	h.t.Helper()
	for i := range n {
		id := fmt.Sprintf("cus_%s_%d", domain[:1], i)
		h.must(h.st.AddCustomer(context.Background(), store.NewCustomer{
			Customer:      engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: "田中", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: time.Now()},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(id + "@" + domain), Role: "contract", VerifiedAt: time.Now(), CreatedAt: time.Now()}},
		}))
		ids = append(ids, id)
	}
	return ids
}

func (h *hub) tell(ids ...string) {
	h.t.Helper()
	for _, id := range ids {
		h.event("told "+id, "contract.terminated", id)
	}
}

// noticed routes the end of a contract to the customer, by one way or several.
func (h *hub) noticed(via ...engawa.Via) {
	h.t.Helper()
	h.must(h.st.SaveRoute(context.Background(), routeOf("rte_ended", "contract.terminated",
		engawa.Step{To: "customer", Template: "tpl_notice", Purpose: engawa.Service, Via: via})))
}

// received are the times at which a domain's mails came, by address.
func (h *hub) received(domain string) map[string][]time.Time {
	out := map[string][]time.Time{}
	for _, m := range h.inbox.Mails() {
		if at := len(m.To) - len(domain); at > 0 && m.To[at:] == domain {
			out[m.To] = append(out[m.To], m.At)
		}
	}
	return out
}

func (h *hub) receiver() store.Receiver {
	h.t.Helper()
	rs, err := h.st.Receivers(context.Background(), ws)
	h.must(err)
	if len(rs) == 0 {
		return store.Receiver{}
	}
	return rs[0]
}

// asked counts the open and the done tasks about receivers, and the events.
func (h *hub) asked() (open, done, events int) {
	h.t.Helper()
	tasks, err := h.st.Tasks(context.Background(), ws, 100)
	h.must(err)
	for _, k := range tasks {
		switch {
		case k.Kind == store.BlockedTask && k.State == "open":
			open++
		case k.Kind == store.BlockedTask:
			done++
		}
	}
	evs, err := h.st.Events(context.Background(), ws, store.EventFilter{Type: "mail.blocked"}, store.Page{Limit: 100})
	h.must(err)
	for _, e := range evs {
		if strings.HasPrefix(e.Subject, "breaker:") { // beside those of single mails
			events++
		}
	}
	return open, done, events
}

// TestReceiverBlocks: a receiver blocks us for hours. After five refusals its mail
// waits, but for one probe after each pause; other receivers get theirs at once.
// When it takes mail again, all that waited arrives, once and paced, also what was
// refused before.
func TestReceiverBlocks(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.noticed(engawa.Via{Account: "acc_mail"})
		blocked, others := h.people("blocked.example", 16), h.people("open.example", 5)
		h.inbox.Block("blocked.example", distrusts)
		h.run("n1", time.Minute)
		for _, id := range blocked[:5] {
			h.tell(id)
			time.Sleep(time.Minute)
		}
		h.tell(blocked[5:]...)
		h.tell(others...)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(h.inbox.Barred("blocked.example")); n != 5 {
			t.Fatalf("%d mails met the block before it opened, want 5", n)
		}
		if n := len(h.received("open.example")); n != len(others) {
			t.Errorf("%d of %d mails to others arrived", n, len(others))
		}
		if r := h.receiver(); r.Domain != "blocked.example" || r.Own != "hinata.example" || r.State != breaker.Open || r.Waiting != len(blocked) {
			t.Errorf("%v is %q, %d wait", r, r.State, r.Waiting)
		}
		time.Sleep(time.Hour) // probes after about 10 and 20 minutes more, then 40
		synctest.Wait()
		r := h.receiver()
		if n := len(h.inbox.Barred("blocked.example")); r.Probes < 2 || r.Probes > 3 || n != 5+r.Probes {
			t.Errorf("%d mails met the block, %d of them probes", n, r.Probes)
		}
		if open, done, events := h.asked(); open != 1 || done != 0 || events != 1 {
			t.Errorf("%d tasks, %d done, %d events", open, done, events)
		}
		h.inbox.Block("blocked.example", "")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		h.allArrived("blocked.example", len(blocked))
		if open, done, events := h.asked(); open != 0 || done != 1 || events != 1 {
			t.Errorf("afterwards %d tasks, %d done, %d events", open, done, events)
		}
		tries := 0
		for _, said := range h.messages() {
			tries += len(said.Attempts)
		}
		if want := len(blocked) + len(others) + 5 + r.Probes; tries != want && tries != want+1 { // the last probe of the block may have come after r was read
			t.Errorf("%d attempts in all, want %d: waiting is none", tries, want)
		}
	})
}

// allArrived: each mail came once, and no two within less than a second.
func (h *hub) allArrived(domain string, n int) {
	h.t.Helper()
	got := h.received(domain)
	if len(got) != n {
		h.t.Errorf("%d of %d mails arrived", len(got), n)
	}
	second := map[int64]int{}
	for to, times := range got {
		if len(times) != 1 {
			h.t.Errorf("%s got %d mails", to, len(times))
		}
		if second[times[0].Unix()]++; second[times[0].Unix()] > 2 {
			h.t.Errorf("%d mails in one second", second[times[0].Unix()])
		}
	}
	for _, said := range h.messages() {
		if said.Message.State != engawa.MessageSent {
			h.t.Errorf("message to %s is %s", said.Message.Customer, said.Message.State)
		}
	}
}

// TestReceiverFallsBack: with another way to go and a deadline, what waits for a
// receiver takes it in time, as for any other limit; what was refused, at once.
// Nobody gets anything twice, and each delivery says why it ended.
func TestReceiverFallsBack(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.noticed(engawa.Via{Account: "acc_mail", Within: 30 * time.Minute}, engawa.Via{Account: "acc_hook", Destination: "dst_hook"})
		hook := &ledger{}
		h.http = channeltest.Client(hook)
		h.st.Breaker.Pause = time.Hour // no probe before the deadline
		ids := h.people("blocked.example", 7)
		h.inbox.Block("blocked.example", distrusts)
		h.run("n1", time.Minute)
		h.tell(ids[:5]...)
		time.Sleep(time.Minute)
		h.tell(ids[5:]...)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if r := h.receiver(); r.Waiting != 2 { // the five went on to the next account at once
			t.Errorf("%d wait", r.Waiting)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, said := range h.messages() {
			state, note := engawa.Failed, "550 5.7.26"
			if slices.Contains(ids[5:], said.Message.Customer) {
				state, note = engawa.Expired, "deadline"
			}
			ds := said.Deliveries
			if said.Message.State != engawa.MessageSent || len(ds) != 2 || ds[0].Account != "acc_mail" || ds[0].State != state || ds[0].Note != note || ds[1].Account != "acc_hook" || ds[1].State != engawa.Accepted {
				t.Errorf("message %s of %s: %+v; want the mail %s, %q", said.Message.State, said.Message.Customer, ds, state, note)
			}
		}
		if len(hook.seen) != len(ids) || hook.n != len(ids) {
			t.Errorf("the next account got %d of %d, in %d calls", len(hook.seen), len(ids), hook.n)
		}
		if n := len(h.received("blocked.example")); n != 0 {
			t.Errorf("%d went by mail too", n)
		}
	})
}

// TestReceiverProbeLost: the server never answers the probe. That says nothing of
// us: the pair stays open, and another mail is tried.
func TestReceiverProbeLost(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.noticed(engawa.Via{Account: "acc_mail"})
		ids := h.people("blocked.example", 8)
		h.inbox.Block("blocked.example", distrusts)
		h.run("n1", time.Minute)
		h.tell(ids...)
		time.Sleep(time.Minute)
		synctest.Wait()
		r := h.receiver()
		h.inbox.Block("blocked.example", "")
		h.inbox.Stall(time.Hour) // nobody answers
		time.Sleep(time.Until(r.Next) + time.Minute)
		synctest.Wait()
		if r = h.receiver(); r.Probes != 1 {
			t.Fatalf("%d probes after the first pause: %q", r.Probes, r.State)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if r = h.receiver(); r.State == breaker.Closed || r.Probes < 2 || r.Probes > 3 {
			t.Fatalf("after a lost probe: %q, %d probes", r.State, r.Probes)
		}
	})
}

// TestReceiverNodes: two nodes have an account each with the same own domain, and
// a crowd waits on both. When the pause is over, one probe goes.
func TestReceiverNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		v := vault.New(vault.Generate(time.Now()))
		h := newHub(t, url, v)
		h.furnish()
		h.st.Breaker = breaker.Rules{After: 3, Within: time.Minute, Pause: 700 * time.Millisecond, Most: 700 * time.Millisecond}
		h.must(h.st.AddAccount(context.Background(), engawa.Account{
			Workspace: ws, ID: "acc_mail2", Kind: "mail", Name: "mail2", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "news@hinata.example", "per_second": "50"},
		}))
		h.noticed(engawa.Via{Account: "acc_mail"})
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_reserved", "contract.termination.reserved",
			engawa.Step{To: "customer", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail2"}}})))
		ids := h.people("blocked.example", 12)
		h.inbox.Block("blocked.example", distrusts)
		ctx, stop := context.WithCancel(context.Background())
		var work sync.WaitGroup
		work.Go(func() { h.inbox.Serve(h.net) })
		for _, owner := range []string{"n1", "n2"} {
			d := &dispatch.Dispatcher{
				Store: h.st, Compose: h.composer, Rules: h.rules, Kinds: kinds, Owner: owner, Lease: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
				Env: channel.Env{HTTP: h.http, Dial: h.net.Dial, Log: slog.New(slog.DiscardHandler)},
			}
			if owner == "n2" && h.st.Lite() {
				break // SQLite has one node; its two lanes are what is tried there
			}
			work.Go(func() { d.Run(ctx) })
		}
		defer func() { stop(); h.net.Close(); h.inbox.Close(); work.Wait(); h.st.Close() }()
		for _, id := range ids {
			h.event("a "+id, "contract.terminated", id)
			h.event("b "+id, "contract.termination.reserved", id)
		}
		deadline := time.Now().Add(20 * time.Second)
		for h.receiver().Probes < 3 && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
		}
		// What was under way when it opened may add to the first three; a probe is one
		// mail each, and each waits for the one before.
		r, barred := h.receiver(), h.inbox.Barred("blocked.example")
		if r.Probes < 3 {
			t.Fatalf("%d probes", r.Probes)
		}
		for i := len(barred) - 2; i < len(barred); i++ {
			if apart := barred[i].Sub(barred[i-1]); apart < 500*time.Millisecond {
				t.Errorf("two probes are %s apart; the pause is 0.56 s at least", apart)
			}
		}
		h.inbox.Block("blocked.example", "")
		for len(h.inbox.Mails()) < 3 && time.Now().Before(deadline.Add(20*time.Second)) {
			time.Sleep(20 * time.Millisecond)
		}
		if r := h.receiver(); r.Waiting != 0 || r.ID != "" {
			t.Errorf("it takes mail again, and still %d wait", r.Waiting)
		}
	})
}
