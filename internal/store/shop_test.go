package store_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// The names of what a shop has.
const (
	ws      = "ws_1"
	mailbox = "acc_mail"
	room    = "acc_room"
)

// shop is a store with one workspace and two accounts.
type shop struct {
	*store.Store
	t     *testing.T
	url   string
	vault *vault.Vault
	made  atomic.Int64
}

// each runs test on a shop in a fresh database of each engine.
func each(t *testing.T, test func(s *shop)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, url string) {
		s := &shop{t: t, url: url, vault: vault.New(vault.Generate(time.Now()))}
		s.Store = s.node()
		s.furnish(ws, mailbox, room)
		test(s)
	})
}

// node opens the shop's database once more, as another node would.
func (s *shop) node() *store.Store {
	s.t.Helper()
	st, err := store.Open(s.t.Context(), s.url, s.vault)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { st.Close() })
	return st
}

func (s *shop) furnish(workspace string, accounts ...string) {
	s.t.Helper()
	s.must(s.AddWorkspace(s.t.Context(), engawa.Workspace{ID: workspace, Name: "ひなた珈琲", Zone: "Asia/Tokyo", Country: "JP", CreatedAt: time.Now()}))
	for _, id := range accounts {
		s.must(s.AddAccount(s.t.Context(), engawa.Account{
			Workspace: workspace, ID: id, Kind: "mail", Name: id, Environment: engawa.Sandbox, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"token": "t0ken of " + id},
		}))
	}
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// customer adds a customer with a mail address, an identity and a consent.
func (s *shop) customer(id string) {
	s.t.Helper()
	now := time.Now()
	s.must(s.AddCustomer(s.t.Context(), store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: "田中 " + id, CreatedAt: now},
		Identities:    []engawa.Identity{member(id)},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_" + id, Customer: id, Kind: "mail", Address: address(id), VerifiedAt: now, CreatedAt: now}},
		Consents:      []engawa.Consent{consent(id, true, now)},
	}))
}

func member(id string) engawa.Identity {
	return engawa.Identity{Issuer: "business", Kind: "member_number", Value: "number of " + id}
}

func address(id string) engawa.Address { return engawa.Address(id + "@customer.example") }

func consent(customer string, given bool, at time.Time) engawa.Consent {
	return engawa.Consent{
		Workspace: ws, ID: engawa.NewID("cns"), Customer: customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact,
		Purpose: engawa.Marketing, Topic: "renewal", Given: given, At: at, Evidence: engawa.Evidence{Wording: "新商品のお知らせを受け取る", Version: "1"},
	}
}

// message is a message to a customer by the mailbox, then by the room.
func (s *shop) message(customer string) engawa.Message {
	now := time.Now()
	return engawa.Message{
		Workspace: ws, ID: fmt.Sprintf("msg_%04d", s.made.Add(1)), Customer: customer, Purpose: engawa.Marketing, Topic: "renewal", State: engawa.MessageWaiting,
		Content: engawa.Content{Subject: "お知らせ", Text: "本文です"}, Chain: []engawa.Via{{Account: mailbox}, {Account: room}}, CreatedAt: now,
	}
}

// send stores messages, each with the first delivery of its chain.
func (s *shop) send(ms ...engawa.Message) {
	s.t.Helper()
	s.must(s.Enqueue(s.t.Context(), news(ms...)))
}

func news(ms ...engawa.Message) []store.NewMessage {
	var out []store.NewMessage
	for _, m := range ms {
		out = append(out, store.NewMessage{
			Message: m, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, m.CreatedAt)},
			Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}},
		})
	}
	return out
}

// hold takes an account's lane for owner, whoever had it.
func (s *shop) hold(owner, account string) store.Lane {
	s.t.Helper()
	seen, err := s.Lane(s.t.Context(), ws, account)
	s.must(err)
	l, held, err := s.Hold(s.t.Context(), owner, seen)
	s.must(err)
	if !held {
		s.t.Fatalf("%s does not hold %s", owner, account)
	}
	return l
}

// sendAll lets everything go that is due.
func sendAll(c *store.Claimed) store.Decision {
	return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: "key of " + c.Delivery.ID}
}

// claim claims with judge and leaves the pace as the lane has it.
func (s *shop) claim(l store.Lane, limit int, judge func(*store.Claimed) store.Decision) []*store.Claimed {
	s.t.Helper()
	going, _, err := s.Claim(s.t.Context(), l, limit, store.Decide{Judge: judge, Pace: func() store.Pace { return l.Pace }})
	s.must(err)
	return going
}

func accepted(c *store.Claimed) store.Result {
	return store.Result{
		Claimed: c, EndedAt: time.Now(), Outcome: engawa.OutcomeAccepted, State: engawa.Accepted, ProviderID: "id at the provider",
		Exchange: engawa.Exchange{Request: "RCPT TO " + c.Known.To.Reveal(), Response: "250"},
	}
}

func (s *shop) said(id string) store.Said {
	s.t.Helper()
	said, err := s.Message(s.t.Context(), ws, id)
	s.must(err)
	return said
}

// states are the states of a message's deliveries, in the order of its chain.
func (s *shop) states(id string) string {
	s.t.Helper()
	var out []engawa.DeliveryState
	for _, d := range s.said(id).Deliveries {
		out = append(out, d.State)
	}
	return fmt.Sprint(out)
}

// code is the code of what a user is told; empty if err is no such error.
func code(err error) engawa.Code {
	if e, ok := errors.AsType[*engawa.Error](err); ok {
		return e.Code
	}
	return ""
}
