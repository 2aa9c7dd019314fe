package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
	"github.com/engawa/engawa/internal/verdict"
)

// audited are the lines of the audit trail, newest first: "action object by".
func (s *shop) audited() []string {
	s.t.Helper()
	as, err := s.Audits(s.t.Context(), ws, store.AuditFilter{}, store.Page{})
	s.must(err)
	var out []string
	for _, a := range as {
		out = append(out, a.Action+" "+a.Object+" "+a.Actor)
	}
	return out
}

func (s *shop) find(id engawa.Identity) string {
	s.t.Helper()
	customer, err := s.CustomerBy(s.t.Context(), ws, id)
	s.must(err)
	return customer
}

func (s *shop) points(customer string) []engawa.ContactPoint {
	s.t.Helper()
	ps, err := s.ContactPoints(s.t.Context(), ws, customer)
	s.must(err)
	return ps
}

func (s *shop) decisions(customer string) []engawa.Consent {
	s.t.Helper()
	cs, err := s.Consents(s.t.Context(), ws, customer)
	s.must(err)
	return cs
}

// reaches is where a claim finds a customer: the address, empty for nowhere.
func (s *shop) reaches(customer, account string) engawa.Address {
	s.t.Helper()
	known, err := s.Facts(s.t.Context(), ws, []store.Ask{{Message: s.message(customer), Account: account}})
	s.must(err)
	return known[0].To
}

// TestEnd: what was taken away is found no more, once, by nobody else's hand,
// and the trail says who did it.
func TestEnd(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		if s.reaches("cus_a", mailbox) == "" {
			s.t.Fatal("not reached at first")
		}
		if err := s.By("key:1").EndContactPoint(ctx, ws, "cus_b", "cp_cus_a"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("of another customer: %v", err)
		}
		s.must(s.By("key:1").EndContactPoint(ctx, ws, "cus_a", "cp_cus_a"))
		if got := s.reaches("cus_a", mailbox); got != "" || len(s.points("cus_a")) != 0 {
			s.t.Error("still reached")
		}
		if err := s.By("key:1").EndContactPoint(ctx, ws, "cus_a", "cp_cus_a"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("twice: %v", err)
		}

		second := engawa.Identity{Issuer: "business", Kind: "member_number", Value: "second"}
		other := engawa.Identity{Issuer: "appstore", Kind: "app_account_token", Value: "t"}
		s.must(s.Link(ctx, ws, "cus_a", second))
		s.must(s.Link(ctx, ws, "cus_a", other))
		if _, err := s.By("key:1").Unlink(ctx, ws, "cus_b", second); code(err) != engawa.CodeNotFound {
			s.t.Errorf("of another customer: %v", err)
		}
		if n, err := s.By("key:1").Unlink(ctx, ws, "cus_a", second); n != 1 || err != nil || s.find(second) != "" || s.find(member("cus_a")) != "cus_a" {
			s.t.Errorf("one identity: %d, %v", n, err)
		}
		s.must(s.Link(ctx, ws, "cus_a", second))
		if n, err := s.By("key:1").Unlink(ctx, ws, "cus_a", engawa.Identity{Issuer: "business", Kind: "member_number"}); n != 2 || err != nil || s.find(other) != "cus_a" {
			s.t.Errorf("all of a kind: %d, %v", n, err)
		}
		want := []string{"end-identity cus_a key:1", "end-identity cus_a key:1", "end-contact-point cp_cus_a key:1"}
		if got := s.audited(); !slices.Equal(got, want) {
			s.t.Errorf("the trail says %q", got)
		}
	})
}

// TestMaxOfCustomer: nobody gets identities or contact points without end.
func TestMaxOfCustomer(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		for i := range store.MaxOfCustomer - 1 {
			s.must(s.Link(ctx, ws, "cus_a", engawa.Identity{Issuer: "x", Kind: "y", Value: strconv.Itoa(i)}))
			s.must(s.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: fmt.Sprintf("cp_%d", i), Customer: "cus_a", Kind: "mail", Address: "a@b.example", CreatedAt: time.Now()}))
		}
		for name, err := range map[string]error{
			"identity":      s.Link(ctx, ws, "cus_a", engawa.Identity{Issuer: "x", Kind: "y", Value: "one more"}),
			"contact point": s.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: "cp_more", Customer: "cus_a", Kind: "mail", Address: "a@b.example", CreatedAt: time.Now()}),
		} {
			if code(err) != engawa.CodeConflict || !strings.Contains(err.Error(), "100") {
				s.t.Errorf("one more %s: %v", name, err)
			}
		}
		s.must(s.Link(ctx, ws, "cus_a", member("cus_a"))) // no more than there were
	})
}

// TestEndDestination: a place that a route sends to stays; nothing goes to one
// that was taken away, and no route can be saved that names it.
func TestEndDestination(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		for _, id := range []string{"dst_a", "dst_b", "dst_c"} {
			s.must(s.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: id, Name: id, Account: mailbox, Address: "staff@hinata.example", CreatedAt: time.Now()}))
		}
		r := engawa.Route{Workspace: ws, ID: "rte_1", Name: "r", Events: []string{"*"}, Then: []engawa.Step{{To: "dst_a", Via: []engawa.Via{{Account: mailbox}, {Account: room, Destination: "dst_b"}}}}}
		s.must(s.SaveRoute(ctx, r))
		for _, id := range []string{"dst_a", "dst_b"} {
			if err := s.By("key:1").EndDestination(ctx, ws, id); code(err) != engawa.CodeConflict || !strings.Contains(err.Error(), "rte_1") {
				s.t.Errorf("%s, which a route needs: %v", id, err)
			}
		}
		s.must(s.By("key:1").EndDestination(ctx, ws, "dst_c"))
		if err := s.By("key:1").EndDestination(ctx, ws, "dst_c"); code(err) != engawa.CodeNotFound {
			s.t.Errorf("twice: %v", err)
		}
		m := s.message("")
		m.Destination = "dst_c"
		known, err := s.Facts(ctx, ws, []store.Ask{{Message: m, Account: mailbox}})
		s.must(err)
		if known[0].To != "" || known[0].Facts.Contact != nil {
			s.t.Error("the place is still reached")
		}
		r.Version, r.Then[0].To = 1, "dst_c"
		if err := s.SaveRoute(ctx, r); code(err) != engawa.CodeConflict {
			s.t.Errorf("a route to a place that is gone: %v", err)
		}
		r.Then = []engawa.Step{{To: "customer", Via: []engawa.Via{{Account: mailbox}}}}
		s.must(s.SaveRoute(ctx, r))
		s.must(s.By("key:1").EndDestination(ctx, ws, "dst_a"))
		if got := s.audited(); len(got) != 2 || got[0] != "end-destination dst_a key:1" {
			s.t.Errorf("the trail says %q", got)
		}
	})
}

// TestChangeCustomer: what is changed is there for the next claim, and the rest
// stays.
func TestChangeCustomer(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		got, err := s.By("key:1").ChangeCustomer(ctx, ws, "cus_a", func(c *engawa.Customer) { c.Name, c.Country, c.Minor = "佐藤", "KR", true })
		s.must(err)
		read, err := s.Customer(ctx, ws, "cus_a")
		s.must(err)
		if got != read || read.Name != "佐藤" || read.Country != "KR" || !read.Minor || read.Kind != "person" {
			s.t.Errorf("%+v, then %+v", got, read)
		}
		known, err := s.Facts(ctx, ws, []store.Ask{{Message: s.message("cus_a"), Account: mailbox}})
		s.must(err)
		if f := known[0].Facts; !slices.Equal(f.Country, []string{"KR"}) || !f.Minor || known[0].ToName != "佐藤" {
			s.t.Errorf("the facts: %v %v %s", f.Country, f.Minor, known[0].ToName)
		}
		if _, err := s.By("key:1").ChangeCustomer(ctx, ws, "cus_none", func(*engawa.Customer) {}); code(err) != engawa.CodeNotFound {
			s.t.Errorf("nobody: %v", err)
		}
		if got := s.audited(); !slices.Equal(got, []string{"change-customer cus_a key:1"}) {
			s.t.Errorf("the trail says %q", got)
		}
	})
}

// TestErase: nothing of the customer can be read or found again; what proves
// and what stops stays; what was queued ends with its reason.
func TestErase(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		_, err := s.Journal(ctx, []engawa.Event{{Workspace: ws, ID: "evt_1", Account: "api", Type: "a.b", DedupKey: "1", Subject: "contract:456", Identities: []engawa.Identity{member("cus_a")}, Data: []byte(`{"a":1}`), ReceivedAt: time.Now()}})
		s.must(err)
		s.must(s.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: "mail", Address: address("cus_a"), Customer: "cus_a", Reason: "bounced", At: time.Now()}))
		mine, theirs := s.message("cus_a"), s.message("cus_b")
		s.send(mine, theirs)
		e, err := s.By("key:1").Erase(ctx, ws, "cus_a")
		s.must(err)
		if e.Canceled != 1 || e.Forgotten != 2 {
			s.t.Errorf("%+v", e)
		}
		said := s.said(mine.ID)
		if !said.Erased || said.Message.Content.Text != "" || said.Message.State != engawa.MessageCanceled || said.Deliveries[0].Note != "erased" || s.states(mine.ID) != "[canceled]" {
			s.t.Errorf("%+v", said)
		}
		if got := s.states(theirs.ID); got != "[queued]" || s.said(theirs.ID).Erased {
			s.t.Errorf("another customer's message: %s", got)
		}
		ev, err := s.Event(ctx, ws, "evt_1")
		s.must(err)
		if ev.Subject != "" || ev.Data != nil {
			s.t.Errorf("the event still says %q %s", ev.Subject, ev.Data)
		}
		c, err := s.Customer(ctx, ws, "cus_a")
		s.must(err)
		if !c.Erased || c.Name != "" || s.find(member("cus_a")) != "" || len(s.points("cus_a")) != 0 {
			s.t.Errorf("still there: %+v", c)
		}
		if len(s.decisions("cus_a")) != 1 {
			s.t.Error("the evidence of the decisions is gone")
		}
		s.must(s.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: ws, ID: "cus_c", Kind: "person", CreatedAt: time.Now()},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_c", Customer: "cus_c", Kind: "mail", Address: address("cus_a"), VerifiedAt: time.Now(), CreatedAt: time.Now()}},
		}))
		known, err := s.Facts(ctx, ws, []store.Ask{{Message: s.message("cus_c"), Account: mailbox}})
		s.must(err)
		if len(known[0].Facts.Suppressions) != 1 {
			s.t.Error("the address is no longer suppressed")
		}
		again, err := s.By("key:1").Erase(ctx, ws, "cus_a")
		if err != nil || again.At.UnixMicro() != e.At.UnixMicro() || again.Canceled != 0 {
			s.t.Errorf("again: %+v %v", again, err)
		}
		if got := s.audited(); !slices.Equal(got, []string{"erase-customer cus_a key:1"}) {
			s.t.Errorf("the trail says %q", got)
		}
		for name, err := range map[string]error{
			"contact point": s.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: "cp_x", Customer: "cus_a", Kind: "mail", Address: "a@b.example"}),
			"identity":      s.Link(ctx, ws, "cus_a", member("cus_a")),
			"message":       s.Enqueue(ctx, news(s.message("cus_a"))),
		} {
			if code(err) != engawa.CodeConflict {
				s.t.Errorf("%s after the erasure: %v", name, err)
			}
		}
	})
}

// TestEraseOnDisk: nothing that was said of an erased customer stands in the
// database's files, nor beside them.
func TestEraseOnDisk(t *testing.T) {
	url := storetest.SQLite(t)
	s := &shop{t: t, url: url, vault: vault.New(vault.Generate(time.Now()))}
	s.Store = s.node()
	s.furnish(ws, mailbox, room)
	ctx, now := t.Context(), time.Now()
	s.must(s.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: "cus_a", Kind: "person", Name: "canary", CreatedAt: now},
		Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "canary"}},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_a", Customer: "cus_a", Kind: "mail", Address: "canary@customer.example", VerifiedAt: now, CreatedAt: now}},
	}))
	_, err := s.Journal(ctx, []engawa.Event{{Workspace: ws, ID: "evt_1", Account: "api", Type: "a.b", DedupKey: "1", Subject: "member:canary", Customer: "cus_a", Data: []byte(`{"x":"canary"}`), Raw: []byte("canary"), ReceivedAt: now}})
	s.must(err)
	m := s.message("cus_a")
	m.Content, m.Unsubscribe = engawa.Content{Subject: "canary", Text: "canary"}, "https://hinata.example/u/canary"
	s.send(m)
	lane := s.hold("n1", mailbox)
	r := accepted(s.claim(lane, 1, sendAll)[0])
	r.Exchange = engawa.Exchange{Request: "canary", Response: "canary"}
	r.Carry = []byte("canary")
	_, err = s.Record(ctx, lane, []store.Result{r})
	s.must(err)
	if !s.onDisk(url, "canary") {
		t.Fatal("the test sees nothing: the subject of an event is not sealed")
	}
	_, err = s.Erase(ctx, ws, "cus_a")
	s.must(err)
	if s.onDisk(url, "canary") {
		t.Error("something of the customer is on the disk after the erasure")
	}
}

// onDisk looks for a text in the database's files.
func (s *shop) onDisk(path, text string) bool {
	s.t.Helper()
	files, err := filepath.Glob(path + "*")
	s.must(err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		s.must(err)
		if bytes.Contains(b, []byte(text)) {
			s.t.Logf("%q is in %s", text, filepath.Base(name))
			return true
		}
	}
	return false
}

// TestEraseBeforeRouting: an event whose customer was erased before it was
// routed does not stop those behind it.
func TestEraseBeforeRouting(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		mine, theirs := s.message("cus_a"), s.message("cus_b")
		_, err := s.By("key:1").Erase(ctx, ws, "cus_a")
		s.must(err)
		_, err = s.Journal(ctx, []engawa.Event{{Workspace: ws, ID: "evt_1", Account: "api", Type: "a.b", DedupKey: "1", ReceivedAt: time.Now()}})
		s.must(err)
		s.must(s.Route(ctx, []store.Routed{{Workspace: ws, Event: "evt_1", Messages: news(mine, theirs)}}))
		if got := s.states(theirs.ID); got != "[queued]" {
			s.t.Errorf("the other's message is %s", got)
		}
		if _, err := s.Message(ctx, ws, mine.ID); code(err) != engawa.CodeNotFound {
			s.t.Errorf("the erased one's message: %v", err)
		}
	})
}

// TestEraseRace: while a lane claims, customers are erased and merged. Neither
// side fails, and nothing is handed over to whom was erased before the claim.
func TestEraseRace(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		const customers = 60
		var ms []engawa.Message
		for i := range customers {
			id := fmt.Sprintf("cus_%02d", i)
			s.customer(id)
			ms = append(ms, s.message(id), s.message(id))
		}
		s.send(ms...)
		lane := s.hold("n1", mailbox)
		erased := make([]atomic.Bool, customers)
		done := make(chan error, 1)
		go func() {
			for i := customers - 1; i >= 0; i-- { // the lane comes from the other end
				var err error
				if id := fmt.Sprintf("cus_%02d", i); i%3 == 0 && i > 0 {
					_, err = s.By("key:1").Merge(ctx, store.Merge{Workspace: ws, Into: id, From: fmt.Sprintf("cus_%02d", i-1), Narrow: verdict.Narrow})
				} else if i%3 == 1 {
					_, err = s.By("key:1").Erase(ctx, ws, id)
					erased[i].Store(err == nil)
				}
				if err != nil && code(err) != engawa.CodeUnavailable { // of a message being handed over
					done <- err
					return
				}
			}
			done <- nil
		}()
		var results []store.Result
		for range len(ms) {
			var gone []bool
			for i := range erased {
				gone = append(gone, erased[i].Load())
			}
			for _, c := range s.claim(lane, 1, sendAll) {
				if i, err := strconv.Atoi(strings.TrimPrefix(c.Message.Customer, "cus_")); err != nil || gone[i] {
					s.t.Errorf("%s is written to after the erasure", c.Message.Customer)
				}
				results = append(results, accepted(c))
			}
		}
		s.must(<-done)
		_, err := s.Record(ctx, lane, results)
		s.must(err)
		s.t.Logf("%d of %d handed over", len(results), len(ms))
	})
}

// TestEraseThenSendAgain: what a person asks to be sent again after the erasure
// ends with its reason; nothing empty goes out, to the customer or to staff.
func TestEraseThenSendAgain(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.must(s.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_a", Name: "d", Account: mailbox, Address: "staff@hinata.example", CreatedAt: time.Now()}))
		own, notice := s.message("cus_a"), s.message("")
		notice.Destination, notice.About = "dst_a", "cus_a"
		s.send(own, notice)
		lane := s.hold("n1", mailbox)
		var results []store.Result
		for _, c := range s.claim(lane, 5, sendAll) {
			results = append(results, store.Result{Claimed: c, EndedAt: time.Now(), Outcome: engawa.OutcomeUnknown, State: engawa.Unknown})
		}
		_, err := s.Record(ctx, lane, results)
		s.must(err)
		_, err = s.By("key:1").Erase(ctx, ws, "cus_a")
		s.must(err)
		for _, r := range results {
			s.must(s.Resolve(ctx, ws, r.Claimed.Delivery.ID, false))
		}
		if going := s.claim(lane, 5, sendAll); len(results) != 2 || len(going) != 0 {
			s.t.Errorf("%d of %d go again", len(going), len(results))
		}
		for _, m := range []engawa.Message{own, notice} {
			if said := s.said(m.ID); !said.Erased || said.Deliveries[0].State != engawa.Canceled || said.Deliveries[0].Note != "erased" {
				s.t.Errorf("%+v", said.Deliveries[0])
			}
		}
	})
}

// TestMerge: everything of the one is the other's, readable, and ends with the
// other's erasure; decisions allow no more than both did.
func TestMerge(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		for _, id := range []string{"cus_a", "cus_b", "cus_c"} {
			s.customer(id)
		}
		_, err := s.Journal(ctx, []engawa.Event{{Workspace: ws, ID: "evt_1", Account: "api", Type: "a.b", DedupKey: "1", Identities: []engawa.Identity{member("cus_b")}, Data: []byte(`{"a":1}`), ReceivedAt: time.Now()}})
		s.must(err)
		done, queued := s.message("cus_b"), s.message("cus_b")
		s.send(done)
		lane := s.hold("n1", mailbox)
		going := s.claim(lane, 1, sendAll)
		merge := store.Merge{Workspace: ws, Into: "cus_a", From: "cus_b", Narrow: verdict.Narrow}
		if _, err := s.By("key:1").Merge(ctx, merge); code(err) != engawa.CodeUnavailable {
			s.t.Errorf("while a message is handed over: %v", err)
		}
		_, err = s.Record(ctx, lane, []store.Result{accepted(going[0])})
		s.must(err)
		s.send(queued)
		night := consent("cus_b", true, time.Now())
		night.Act = engawa.ActContactNight
		s.must(s.Decide(ctx, night))
		_, err = s.SaveSubscription(ctx, engawa.Subscription{Workspace: ws, Customer: "cus_b", App: "app_1", Product: "monthly", State: engawa.SubscriptionActive})
		s.must(err)

		stopped, err := s.By("key:1").Merge(ctx, merge)
		s.must(err)
		if len(stopped) != 1 || stopped[0].Act != engawa.ActContactNight || stopped[0].Evidence.How != "merge" {
			s.t.Errorf("stopped: %+v", stopped)
		}
		if got := s.decisions("cus_a"); len(got) != 4 || len(s.decisions("cus_b")) != 0 {
			s.t.Errorf("decisions: %+v", got)
		}
		if s.find(member("cus_b")) != "cus_a" || len(s.points("cus_a")) != 2 || len(s.points("cus_b")) != 0 {
			s.t.Error("identities or contact points did not move")
		}
		for _, m := range []engawa.Message{done, queued} {
			said := s.said(m.ID)
			if said.Erased || said.Message.Customer != "cus_a" || said.Message.Content.Text != "本文です" || len(said.Deliveries) != 1 {
				s.t.Errorf("%+v", said)
			}
		}
		if said := s.said(done.ID); said.Deliveries[0].Verdict == nil || said.Attempts[0].Exchange.Response != "250" {
			s.t.Errorf("the history is not readable: %+v", said)
		}
		ev, err := s.Event(ctx, ws, "evt_1")
		s.must(err)
		if ev.Customer != "cus_a" || string(ev.Data) != `{"a":1}` {
			s.t.Errorf("%+v", ev)
		}
		from, err := s.Customer(ctx, ws, "cus_b")
		s.must(err)
		if from.MergedInto != "cus_a" || from.Name != "田中 cus_b" {
			s.t.Errorf("%+v", from)
		}
		if going := s.claim(lane, 5, sendAll); len(going) != 1 || going[0].Message.ID != queued.ID || going[0].Known.To == "" {
			s.t.Errorf("what was queued: %+v", going)
		}
		sub := engawa.Subscription{Workspace: ws, Customer: "cus_a", App: "app_1", Product: "monthly", State: engawa.SubscriptionExpired}
		_, err = s.SaveSubscription(ctx, sub)
		s.must(err)
		if bs, err := s.Subscriptions(ctx, ws, "cus_a", store.Page{}); err != nil || len(bs) != 1 || bs[0].State != engawa.SubscriptionExpired {
			s.t.Errorf("subscriptions: %+v %v", bs, err)
		}
		s.afterMerge()
	})
}

// TestMergeLong: a history longer than one part is wrapped anew to its end.
func TestMergeLong(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		var evs []engawa.Event
		for i := range 1001 {
			evs = append(evs, engawa.Event{Workspace: ws, ID: fmt.Sprintf("evt_%04d", i), Account: "api", Type: "a.b", DedupKey: strconv.Itoa(i), Customer: "cus_b", Data: []byte(`{"a":1}`), ReceivedAt: time.Now()})
		}
		_, err := s.Journal(ctx, evs)
		s.must(err)
		_, err = s.By("key:1").Merge(ctx, store.Merge{Workspace: ws, Into: "cus_a", From: "cus_b", Narrow: verdict.Narrow})
		s.must(err)
		for _, e := range evs {
			got, err := s.Event(ctx, ws, e.ID)
			s.must(err)
			if string(got.Data) != `{"a":1}` || got.Customer != "cus_a" {
				s.t.Fatalf("%+v", got)
			}
		}
	})
}

// TestMergeRace: events and messages that come while their customer is merged
// into another are neither lost nor unreadable.
func TestMergeRace(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		const pairs = 40
		for i := range pairs {
			s.customer(fmt.Sprintf("cus_a%02d", i))
			s.customer(fmt.Sprintf("cus_b%02d", i))
		}
		stop := make(chan struct{})
		var came sync.WaitGroup
		var events, messages sync.Map // id -> the number of its pair
		for w := range 3 {
			came.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					i := n % pairs
					from := fmt.Sprintf("cus_b%02d", i)
					e := engawa.Event{Workspace: ws, ID: fmt.Sprintf("evt_%d_%d", w, n), Account: "api", Type: "a.b", DedupKey: fmt.Sprintf("%d.%d", w, n), Identities: []engawa.Identity{member(from)}, Data: []byte(`{"a":1}`), ReceivedAt: time.Now()}
					if _, err := s.Journal(ctx, []engawa.Event{e}); err != nil {
						s.t.Errorf("journal: %v", err)
						return
					}
					events.Store(e.ID, i)
					m := s.message(from)
					m.NotBefore = time.Now().Add(time.Hour)
					switch err := s.Enqueue(ctx, news(m)); {
					case err == nil:
						messages.Store(m.ID, i)
					case code(err) != engawa.CodeConflict:
						s.t.Errorf("enqueue: %v", err)
						return
					}
				}
			})
		}
		for i := range pairs {
			_, err := s.Merge(ctx, store.Merge{Workspace: ws, Into: fmt.Sprintf("cus_a%02d", i), From: fmt.Sprintf("cus_b%02d", i), Narrow: verdict.Narrow})
			s.must(err)
		}
		close(stop)
		came.Wait()
		events.Range(func(id, i any) bool {
			got, err := s.Event(ctx, ws, id.(string))
			if err != nil || got.Customer != fmt.Sprintf("cus_a%02d", i) || string(got.Data) != `{"a":1}` {
				s.t.Errorf("%s of pair %d: %q %q %v", id, i, got.Customer, got.Data, err)
			}
			return !s.t.Failed()
		})
		messages.Range(func(id, i any) bool {
			if said := s.said(id.(string)); said.Erased || said.Message.Customer != fmt.Sprintf("cus_a%02d", i) {
				s.t.Errorf("%s of pair %d: %q erased %v", id, i, said.Message.Customer, said.Erased)
			}
			return !s.t.Failed()
		})
	})
}

// afterMerge holds that the one who was merged is no more, but for decisions,
// and that an erasure of the other is one of both.
func (s *shop) afterMerge() {
	s.t.Helper()
	ctx := s.t.Context()
	if _, err := s.By("key:1").Merge(ctx, store.Merge{Workspace: ws, Into: "cus_c", From: "cus_b", Narrow: verdict.Narrow}); code(err) != engawa.CodeConflict {
		s.t.Errorf("merged twice: %v", err)
	}
	_, err := s.Journal(ctx, []engawa.Event{{Workspace: ws, ID: "evt_2", Account: "api", Type: "a.b", DedupKey: "2", Customer: "cus_b", Data: []byte(`{}`), ReceivedAt: time.Now()}})
	s.must(err)
	if ev, err := s.Event(ctx, ws, "evt_2"); err != nil || ev.Customer != "cus_a" || ev.Data == nil {
		s.t.Errorf("an event that names the one who was merged: %+v %v", ev, err)
	}
	s.must(s.Decide(ctx, consent("cus_b", false, time.Now())))
	if got := s.decisions("cus_a"); got[0].Given || len(got) != 5 {
		s.t.Errorf("a withdrawal by an old link: %+v", got[0])
	}
	if _, err := s.By("key:1").Merge(ctx, store.Merge{Workspace: ws, Into: "cus_c", From: "cus_a", Narrow: verdict.Narrow}); code(err) != engawa.CodeUnavailable {
		s.t.Errorf("while a message is handed over: %v", err)
	}
	lane := s.hold("n2", mailbox)
	_, err = s.Recover(ctx, lane, func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Unknown, "x" }, nil)
	s.must(err)
	_, err = s.By("key:1").Merge(ctx, store.Merge{Workspace: ws, Into: "cus_c", From: "cus_a", Narrow: verdict.Narrow})
	s.must(err)
	first, err := s.Customer(ctx, ws, "cus_b")
	s.must(err)
	if first.MergedInto != "cus_c" || first.Name == "" {
		s.t.Errorf("after the second merger: %+v", first)
	}
	if list, err := s.Customers(ctx, ws, store.Page{}); err != nil || len(list) != 1 {
		s.t.Errorf("%d customers listed, %v", len(list), err)
	}
	_, err = s.By("key:1").Erase(ctx, ws, "cus_c")
	s.must(err)
	for _, id := range []string{"cus_a", "cus_b", "cus_c"} {
		c, err := s.Customer(ctx, ws, id)
		s.must(err)
		if !c.Erased || c.Name != "" {
			s.t.Errorf("after the erasure: %+v", c)
		}
	}
	for _, id := range []string{"msg_0001", "msg_0002"} {
		if !s.said(id).Erased {
			s.t.Errorf("%s can be read after the erasure", id)
		}
	}
}

// TestMergeRefused: a person and a contract are not one, and nobody is oneself.
// Two who differ in their law come under every law.
func TestMergeRefused(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		set := func(id string, f func(*engawa.Customer)) {
			_, err := s.By("key:1").ChangeCustomer(ctx, ws, id, f)
			s.must(err)
		}
		merge := func(into, from string) error {
			_, err := s.By("key:1").Merge(ctx, store.Merge{Workspace: ws, Into: into, From: from, Narrow: verdict.Narrow})
			return err
		}
		set("cus_b", func(c *engawa.Customer) { c.Kind, c.Country, c.Zone, c.Minor = "contract", "KR", "Asia/Seoul", true })
		set("cus_a", func(c *engawa.Customer) { c.Country, c.Zone = "JP", "Asia/Tokyo" })
		for name, c := range map[string]struct {
			err  error
			want engawa.Code
		}{
			"a contract": {merge("cus_a", "cus_b"), engawa.CodeConflict},
			"itself":     {merge("cus_a", "cus_a"), engawa.CodeInvalid},
			"nobody":     {merge("cus_a", "cus_none"), engawa.CodeNotFound},
		} {
			if code(c.err) != c.want {
				s.t.Errorf("%s: %v", name, c.err)
			}
		}
		set("cus_b", func(c *engawa.Customer) { c.Kind = "person" })
		s.must(merge("cus_a", "cus_b"))
		got, err := s.Customer(ctx, ws, "cus_a")
		s.must(err)
		if got.Country != "" || got.Zone != "" || !got.Minor {
			s.t.Errorf("%+v", got)
		}
	})
}
