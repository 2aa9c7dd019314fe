package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// introducing is an event that names customers by ids and tells mail of them.
func introducing(dedup string, mail engawa.Address, ids ...engawa.Identity) engawa.Event {
	e := event(dedup)
	e.Identities, e.Newcomer = ids, &engawa.Newcomer{Name: "山田 花", Mail: mail}
	return e
}

// whose journals events and returns whom each belongs to.
func (s *shop) whose(evs ...engawa.Event) (out []string) {
	s.t.Helper()
	js, err := s.Journal(s.t.Context(), evs)
	s.must(err)
	for _, j := range js {
		e, err := s.Event(s.t.Context(), ws, j.ID)
		s.must(err)
		out = append(out, e.Customer)
	}
	return out
}

// TestNewcomers: an event about a customer whom nobody knew makes the customer, with
// the identities that it names, an address that is not proved, and no consent; later
// ones find the same one. The address of another stays the other's.
func TestNewcomers(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		hana := engawa.Identity{Issuer: "business", Kind: "member_number", Value: "123"}
		got := s.whose(introducing("a", address("cus_1"), hana), introducing("b", "", hana))
		id := got[0]
		if id == "" || id == "cus_1" || got[1] != id || s.find(hana) != id {
			s.t.Fatalf("they belong to %q", got)
		}
		c, err := s.Customer(s.t.Context(), ws, id)
		s.must(err)
		points := s.points(id)
		if c.Name != "山田 花" || c.Kind != "person" || len(points) != 1 || points[0].Address != address("cus_1") || !points[0].VerifiedAt.IsZero() || len(s.decisions(id)) != 0 {
			s.t.Errorf("%s with %d contact points", c.Kind, len(points))
		}
		if ps := s.points("cus_1"); len(ps) != 1 || s.find(member("cus_1")) != "cus_1" {
			s.t.Errorf("the other has %d contact points", len(ps))
		}
		if got := s.whose(introducing("c", "new@customer.example", hana)); got[0] != id || len(s.points(id)) != 1 {
			s.t.Errorf("it belongs to %q, and the customer got %d contact points", got, len(s.points(id)))
		}
		if got := s.whose(introducing("d", "", hana, member("cus_1")), introducing("e", "", member("cus_1"), hana)); got[0] != id || got[1] != "cus_1" {
			s.t.Errorf("of two, the first counts: %q", got)
		}
		plain := event("f")
		plain.Identities = []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "124"}}
		if got := s.whose(plain); got[0] != "" {
			s.t.Error("an event that introduces nobody made a customer")
		}
	})
}

// TestErasedByNewcomer: a customer who was erased comes back by news, and not by an
// event that is told again.
func TestErasedByNewcomer(t *testing.T) {
	each(t, func(s *shop) {
		hana := engawa.Identity{Issuer: "business", Kind: "member_number", Value: "123"}
		old := introducing("a", "hana@customer.example", hana)
		id := s.whose(old)[0]
		_, err := s.Erase(s.t.Context(), ws, id)
		s.must(err)
		old.ID = engawa.NewOrderedID(engawa.PrefixEvent, time.Now())
		if s.whose(old); s.find(hana) != "" {
			s.t.Error("an event that was told again made the customer anew")
		}
		if got := s.whose(introducing("b", "", hana)); got[0] == "" || got[0] == id {
			s.t.Errorf("news belongs to %q", got)
		}
	})
}

// TestNewcomerByAddress: an event that tells an address alone is about the one
// customer who was entered there; of several it is nobody's, and what a customer
// only claims to be an address of theirs draws no event.
func TestNewcomerByAddress(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.customer("cus_2")
		add := func(customer, mail string, claimed bool) {
			s.must(s.AddContactPoint(s.t.Context(), engawa.ContactPoint{
				Workspace: ws, ID: "cp_" + customer + mail, Customer: customer, Kind: "mail", Address: engawa.Address(mail), Claimed: claimed, CreatedAt: time.Now(),
			}))
		}
		add("cus_1", "shared@customer.example", false)
		add("cus_2", "shared@customer.example", false)
		add("cus_1", "victim@customer.example", true)
		got := s.whose(introducing("a", address("cus_1")), introducing("b", "shared@customer.example"), introducing("c", "victim@customer.example"), introducing("d", "victim@customer.example"))
		if got[0] != "cus_1" || got[1] != "" || got[2] == "" || got[2] == "cus_1" || got[3] != got[2] {
			s.t.Errorf("they belong to %q", got)
		}
		s.must(s.Prove(s.t.Context(), ws, "cus_1", "cp_cus_1victim@customer.example"))
		if got := s.whose(introducing("e", "victim@customer.example")); got[0] != "" {
			s.t.Errorf("of two who are there, it belongs to %q", got)
		}
	})
}

// TestProvedByEvent: who may say so proves an address that the customer has; nothing
// is added, and nobody else's is touched.
func TestProvedByEvent(t *testing.T) {
	each(t, func(s *shop) {
		hana := engawa.Identity{Issuer: "business", Kind: "member_number", Value: "123"}
		id := s.whose(introducing("a", "hana@customer.example", hana))[0]
		other := s.whose(introducing("b", "hana@customer.example", member("x")))[0]
		proving := func(dedup string, mail engawa.Address) engawa.Event {
			e := introducing(dedup, mail, hana)
			e.Newcomer.Proved = true
			return e
		}
		s.whose(proving("c", "other@customer.example"))
		if ps := s.points(id); len(ps) != 1 || !ps[0].VerifiedAt.IsZero() {
			s.t.Fatalf("another address: %d contact points", len(ps))
		}
		s.whose(proving("d", "HANA@customer.example"))
		if ps := s.points(id); len(ps) != 1 || ps[0].VerifiedAt.IsZero() || !s.points(other)[0].VerifiedAt.IsZero() {
			s.t.Errorf("%d contact points", len(ps))
		}
	})
}

// TestNewcomerOnce: of two nodes that hear of the same people at the same time, one
// makes each customer.
func TestNewcomerOnce(t *testing.T) {
	each(t, func(s *shop) {
		nodes := s.nodes()
		var all sync.WaitGroup
		for n, node := range nodes {
			for i := range 20 {
				all.Go(func() {
					id := engawa.Identity{Issuer: "business", Kind: "member_number", Value: fmt.Sprint(i)}
					e := introducing(fmt.Sprint(n, ".", i), engawa.Address(fmt.Sprint(i, "@customer.example")), id)
					if i%2 == 0 {
						e.Identities = nil
					}
					if _, err := node.Journal(s.t.Context(), []engawa.Event{e}); err != nil {
						s.t.Error(err)
					}
				})
			}
		}
		all.Wait()
		cs, err := s.Customers(s.t.Context(), ws, store.Page{Limit: 100})
		s.must(err)
		if len(cs) != 20 {
			s.t.Errorf("%d customers of 20", len(cs))
		}
		for _, e := range s.events(store.EventFilter{}) {
			if e.Customer == "" {
				s.t.Errorf("%s is nobody's", e.DedupKey)
			}
		}
	})
}
