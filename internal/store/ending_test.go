package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// tenants is the list of a partner in the shop's workspace: cus_only came by it
// alone, cus_both agreed to something with the business too.
func (s *shop) tenants() store.List {
	s.t.Helper()
	ctx, when := s.t.Context(), time.Now()
	l := store.List{Workspace: ws, Partner: "ptn_1", App: "app_1"}
	s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: l.Partner, Name: "みどり農園", CreatedAt: when}))
	s.must(s.AddApp(ctx, engawa.App{Workspace: ws, ID: l.App, Name: "アプリ", Partner: l.Partner, CreatedAt: when}))
	s.must(s.AddGrant(ctx, engawa.Grant{
		Workspace: ws, ID: "grt_1", Partner: l.Partner, Scopes: []string{"*"}, Apps: []string{"*"}, Channels: []string{"*"}, Purposes: []engawa.Purpose{"*"}, StartsAt: when.Add(-time.Minute),
	}))
	for _, id := range []string{"cus_only", "cus_both"} {
		c := consent(id, true, when)
		if id == "cus_only" {
			c.Controller, c.App = l.Partner, l.App
		}
		s.must(s.AddCustomer(ctx, store.NewCustomer{
			Customer: engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: "田中 " + id, CreatedAt: when}, Identities: []engawa.Identity{member(id)}, Consents: []engawa.Consent{c},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_" + id, Customer: id, Kind: "mail", Address: address(id), VerifiedAt: when, CreatedAt: when}},
		}))
		s.subscribe(l, id, engawa.SubscriptionActive)
		s.must(s.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: "mail", Address: address(id), Customer: id, Reason: "complained", At: when}))
	}
	s.stepLists(ws)
	return l
}

// handleIn is the handle of a customer in a list.
func (s *shop) handleIn(l store.List, customer string) string {
	s.t.Helper()
	subs, _, err := s.Subscribers(s.t.Context(), l, states, "", 10)
	s.must(err)
	for _, x := range subs {
		if x.Customer == customer {
			return x.Handle
		}
	}
	s.t.Fatalf("%s is not listed", customer)
	return ""
}

// wrote has a partner write to a customer, who answers, and once more, which waits.
func (s *shop) wrote(l store.List, customer string) (went, waits engawa.Message) {
	s.t.Helper()
	ctx := s.t.Context()
	went, waits = s.message(customer), s.message(customer)
	waits.NotBefore = time.Now().Add(time.Hour)
	handle := s.handleIn(l, customer)
	for _, m := range []*engawa.Message{&went, &waits} {
		m.Partner, m.App, m.Content.Text = l.Partner, l.App, "words to "+customer
		s.must(s.EnqueueFor(ctx, news(*m)[0], handle))
	}
	lane := s.hold("life of "+customer, mailbox)
	c := s.claim(lane, 1, sendAll)[0]
	r := accepted(c)
	r.Carry = []byte("carried for " + customer)
	_, err := s.Record(ctx, lane, []store.Result{r})
	s.must(err)
	back := repliedTo("rep_"+customer, c.Delivery.ID, l.Partner)
	back.Event.Subject, back.Event.Data = went.ID, []byte(`{"text":"answer of `+customer+`"}`)
	_, err = s.TakeReturn(ctx, back)
	s.must(err)
	return went, waits
}

// written is what the database has of a contract that is to be destroyed, sealed or
// not, in hexadecimal or as it stands.
func (s *shop) written(customer string) (all []string) {
	s.t.Helper()
	db := storetest.Open(s.t, s.url)
	defer db.Close()
	all = append(all, fmt.Sprintf("%x", "carried for "+customer))
	for _, q := range []string{
		`SELECT sealed FROM message WHERE customer = $1 AND partner <> ''`, `SELECT sealed FROM partner_reply WHERE customer = $1`,
		`SELECT sealed FROM event WHERE customer = $1 AND type = 'mail.replied'`, `SELECT id FROM handle WHERE customer = $1`,
		`SELECT a.sealed FROM attempt a JOIN delivery d ON d.id = a.delivery WHERE d.customer = $1 AND a.sealed IS NOT NULL`,
	} {
		rows := query(s.t, db, q, customer)
		if len(rows) == 0 {
			s.t.Errorf("nothing to destroy: %s", q)
		}
		for _, r := range rows {
			all = append(all, r[0])
		}
	}
	return all
}

// due has the ends of contracts destroyed as if their day had come.
func (s *shop) due() {
	s.t.Helper()
	db := storetest.Open(s.t, s.url)
	_, err := db.ExecContext(s.t.Context(), `UPDATE partner_end SET next_at = 1 WHERE purged_at = 0`)
	s.must(err)
	s.must(db.Close())
	for some := true; some; {
		some, err = s.StepEndings(s.t.Context())
		s.must(err)
	}
}

// TestEndOfPartner: the end refuses what waits and lists what was given; nothing is
// destroyed before its day, and the certificate's numbers say what will be. Then
// neither words, answers and handles nor, of who came by the partner alone, key
// and hashes are left in any table, and on SQLite not in the files. Who has
// something else with the business stays; a suppression stays, tied to nobody.
func TestEndOfPartner(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.PurgeAfter = 30 * 24 * time.Hour
		l := s.tenants()
		went, waits := s.wrote(l, "cus_only")
		s.wrote(l, "cus_both")
		gone := append(s.written("cus_only"), s.written("cus_both")...)
		key, hashes := s.traces("cus_only")
		own := s.message("cus_both")
		own.Content.Text, own.NotBefore = "words of the business", time.Now().Add(time.Hour)
		s.send(own)

		e, err := s.EndPartner(ctx, ws, l.Partner)
		s.must(err)
		shared := []store.Shared{{Partner: l.Partner, App: l.App, Handles: 2, Messages: 4}}
		if e.Refused != 2 || e.Handles != 2 || fmt.Sprint(e.Shared) != fmt.Sprint(shared) || e.PurgeAt.Sub(e.At) != s.PurgeAfter {
			s.t.Errorf("%+v", e)
		}
		if got := s.states(waits.ID); got != "[refused]" {
			s.t.Errorf("what waited is %s", got)
		}
		if _, err := s.EndPartner(ctx, ws, l.Partner); code(err) != engawa.CodeNotFound && code(err) != engawa.CodeConflict {
			s.t.Errorf("ended again: %v", err)
		}
		if some, err := s.StepEndings(ctx); some || err != nil {
			s.t.Errorf("destroyed on the day of the end: %v", err)
		}
		end, err := s.EndOf(ctx, ws, l.Partner)
		s.must(err)
		if want := (store.Destroyed{Texts: 4, Replies: 2, Handles: 2, Customers: 1}); end.Left != want || end.Destroyed != (store.Destroyed{}) || !end.PurgedAt.IsZero() {
			s.t.Errorf("%+v", end)
		}
		if said := s.said(went.ID); said.Message.Content.Text != "words to cus_only" {
			s.t.Error("its words are gone before the day")
		}

		s.due()
		end, err = s.EndOf(ctx, ws, l.Partner)
		s.must(err)
		if want := (store.Destroyed{Texts: 4, Replies: 2, Handles: 2, Customers: 1, Kept: 1}); end.Destroyed != want || end.Left != (store.Destroyed{}) || end.PurgedAt.IsZero() || end.Decisions != 1 {
			s.t.Errorf("%+v", end)
		}
		if got := must(s.SharedWith(ctx, ws, l.Partner)); fmt.Sprint(got) != fmt.Sprint(shared) {
			s.t.Errorf("what was shared is now %v", got)
		}
		db := storetest.Open(s.t, s.url)
		left := dump(s.t, db, tablesOf(s.t, db, s.Lite()), ws)
		for _, x := range append(gone, key) {
			if strings.Contains(left, x) || s.Lite() && (s.onDisk(s.url, x) || !strings.HasPrefix(x, "sub_") && s.onDisk(s.url, string(unhex(s.t, x)))) {
				s.t.Errorf("%.40s is left", x)
			}
		}
		if !strings.Contains(left, "complained") {
			s.t.Error("the suppression is gone")
		}
		for _, hash := range hashes {
			for line := range strings.Lines(left) {
				if strings.Contains(line, hash) && (!strings.HasPrefix(line, "suppression ") || strings.Contains(line, "cus_only")) {
					s.t.Errorf("a hash is left: %.80s", line)
				}
			}
		}
		if said := s.said(went.ID); !said.Erased || said.Message.State != engawa.MessageSent || len(said.Attempts) != 1 {
			s.t.Errorf("that it was sent is gone: %+v", said)
		}
		if h, err := s.Thread(ctx, ws, went.ID, 0); err != nil || len(h.Lines) != 1 || !h.Lines[0].Said.Erased || h.Handle != "" {
			s.t.Errorf("the thread of a message that was destroyed is %+v, %v", h, err)
		}
		if cs, err := s.Conversations(ctx, ws, l.Partner, store.Page{}); err != nil || len(cs) != 0 {
			s.t.Errorf("%d conversations are left, %v", len(cs), err)
		}
		if s.find(member("cus_both")) != "cus_both" || s.said(own.ID).Message.Content.Text != "words of the business" {
			s.t.Error("who has something else with the business is gone")
		}
		if c, err := s.Customer(ctx, ws, "cus_only"); err != nil || !c.Erased {
			s.t.Errorf("%+v, %v", c, err)
		}
		for _, o := range must(s.Verify(ctx, ws)) {
			if o.Closed > 0 {
				s.t.Errorf("%s does not open: %s, %v", o.Table, o.First, o.Why)
			}
		}
	})
}

// TestEndOfSubscription: only this customer, in this app; not while another
// subscription of the app goes on. What is told of it later is refused, but a new
// start begins a new contract under another handle.
func TestEndOfSubscription(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		l := s.tenants()
		_, waits := s.wrote(l, "cus_only")
		_, theirs := s.wrote(l, "cus_both")
		old := s.handleIn(l, "cus_only")
		second, err := s.SaveSubscription(ctx, engawa.Subscription{Workspace: ws, Customer: "cus_only", App: l.App, Product: "second", State: engawa.SubscriptionActive, StartsAt: time.Now()})
		s.must(err)
		e, err := s.EndSubscription(ctx, ws, second)
		s.must(err)
		s.due()
		if end := must(s.EndOf(ctx, ws, second)); e.Handles+e.Refused != 0 || end.PurgedAt.IsZero() || end.Destroyed != (store.Destroyed{}) || s.handleIn(l, "cus_only") != old {
			s.t.Errorf("one of two: %+v, %+v", e, end)
		}

		b := engawa.Subscription{Workspace: ws, Customer: "cus_only", App: l.App, Product: "p", State: engawa.SubscriptionActive, StartsAt: time.Now().Add(-time.Hour)}
		first, err := s.SaveSubscription(ctx, b)
		s.must(err)
		e, err = s.EndSubscription(ctx, ws, first)
		if s.must(err); e.Handles != 1 || e.Refused != 1 || len(e.Shared) != 1 || e.Shared[0].Messages != 2 {
			s.t.Errorf("%+v", e)
		}
		if s.states(waits.ID) != "[refused]" || s.states(theirs.ID) != "[queued]" {
			s.t.Errorf("%s, and another's %s", s.states(waits.ID), s.states(theirs.ID))
		}
		if _, err := s.EndSubscription(ctx, ws, first); err == nil {
			s.t.Error("ended again")
		}
		if _, err := s.SaveSubscription(ctx, b); code(err) != engawa.CodeConflict {
			s.t.Errorf("told as before: %v", err)
		}
		s.stepLists(ws)
		if subs, _, err := s.Subscribers(ctx, l, states, "", 10); err != nil || len(subs) != 1 || subs[0].Customer != "cus_both" {
			s.t.Errorf("%v is listed, %v", subs, err)
		}
		b.StartsAt = time.Now().Add(time.Minute)
		_, err = s.SaveSubscription(ctx, b)
		s.must(err)
		s.stepLists(ws)
		if again := s.handleIn(l, "cus_only"); again == old {
			s.t.Error("a new contract has the old handle")
		}
		e, err = s.EndSubscription(ctx, ws, first)
		s.must(err)
		s.due()
		end := must(s.EndOf(ctx, ws, first))
		if want := (store.Destroyed{Texts: 2, Replies: 1, Handles: 2, Customers: 1}); e.Handles != 1 || end.Destroyed != want {
			s.t.Errorf("%+v, %+v", e, end.Destroyed)
		}
		if c := must(s.Customer(ctx, ws, "cus_only")); !c.Erased {
			s.t.Error("nothing needs cus_only, who is still there")
		}
		if c := must(s.Customer(ctx, ws, "cus_both")); c.Erased || s.handleIn(l, "cus_both") == "" {
			s.t.Error("another is gone too")
		}
	})
}

// TestNeeded: each thing that somebody else may have with a customer keeps the
// customer through the end of the partner by whom they came.
func TestNeeded(t *testing.T) {
	for name, need := range map[string]func(s *shop, l store.List) error{
		"nothing": func(*shop, store.List) error { return nil },
		"purchase": func(s *shop, _ store.List) error {
			_, err := s.Hear(s.t.Context(), ws, []store.Heard{heard(ws, mailbox, member("cus_only"))})
			return err
		},
		"subscription": func(s *shop, _ store.List) error {
			_, err := s.SaveSubscription(s.t.Context(), engawa.Subscription{Workspace: ws, Customer: "cus_only", App: "app_own", Product: "p", State: engawa.SubscriptionActive, StartsAt: time.Now()})
			return err
		},
		"decision": func(s *shop, _ store.List) error {
			return s.Decide(s.t.Context(), consent("cus_only", false, time.Now()))
		},
		"message": func(s *shop, _ store.List) error { return s.Enqueue(s.t.Context(), news(s.message("cus_only"))) },
		"event": func(s *shop, _ store.List) error {
			_, err := s.Journal(s.t.Context(), []engawa.Event{{Workspace: ws, ID: "evt_own", Account: "api", Type: "shop.ordered", DedupKey: "1", Customer: "cus_only", Data: []byte(`{}`), ReceivedAt: time.Now()}})
			return err
		},
		"sign-in": func(s *shop, _ store.List) error {
			return s.Link(s.t.Context(), ws, "cus_only", engawa.Identity{Issuer: "https://id.example", Kind: "subject", Value: "7"})
		},
		"friend": func(s *shop, _ store.List) error {
			return s.Relate(s.t.Context(), ws, mailbox, "cp_cus_only", "friend")
		},
		"partner": func(s *shop, l store.List) error {
			s.must(s.AddPartner(s.t.Context(), engawa.Partner{Workspace: ws, ID: "ptn_2", Name: "p", CreatedAt: time.Now()}))
			s.must(s.AddGrant(s.t.Context(), engawa.Grant{Workspace: ws, ID: "grt_2", Partner: "ptn_2", Scopes: []string{"*"}, Apps: []string{l.App}, StartsAt: time.Now().Add(-time.Minute)}))
			s.stepLists(ws)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *shop) {
				l := s.tenants()
				s.must(s.AddApp(s.t.Context(), engawa.App{Workspace: ws, ID: "app_own", Name: "own", CreatedAt: time.Now()}))
				s.must(need(s, l))
				_, err := s.EndPartner(s.t.Context(), ws, l.Partner)
				s.must(err)
				s.due()
				if c := must(s.Customer(s.t.Context(), ws, "cus_only")); c.Erased != (name == "nothing") {
					s.t.Errorf("erased: %v", c.Erased)
				}
			})
		})
	}
}

// TestOverInClaim: what a lane hands over again, after the contract of its
// subscription ended, is judged by a grant that has ended.
func TestOverInClaim(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		l := s.tenants()
		m := s.message("cus_only")
		m.Partner, m.App = l.Partner, l.App
		s.must(s.EnqueueFor(ctx, news(m)[0], s.handleIn(l, "cus_only")))
		lane := s.hold("node", mailbox)
		ended := func(c *store.Claimed) bool { return !c.Known.Facts.Grant.EndedAt.IsZero() }
		c := s.claim(lane, 1, func(c *store.Claimed) store.Decision {
			if ended(c) {
				s.t.Error("its grant has ended before")
			}
			return sendAll(c)
		})[0]
		bs, err := s.Subscriptions(ctx, ws, "cus_only", store.Page{})
		s.must(err)
		_, err = s.EndSubscription(ctx, ws, bs[0].ID)
		s.must(err)
		_, err = s.Record(ctx, lane, []store.Result{{Claimed: c, EndedAt: time.Now(), Outcome: engawa.OutcomeRetry, State: engawa.Retrying, DueAt: time.Now()}})
		s.must(err)
		judged := false
		s.claim(lane, 1, func(c *store.Claimed) store.Decision {
			judged = true
			if !ended(c) {
				s.t.Error("its grant still holds")
			}
			return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse, Decided: engawa.GateGrant}}
		})
		if !judged {
			s.t.Error("nothing was claimed again")
		}
	})
}
