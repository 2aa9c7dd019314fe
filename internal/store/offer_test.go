package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// pool makes a pool with n codes.
func (s *shop) pool(p engawa.OfferPool, n int) engawa.OfferPool {
	s.t.Helper()
	p.Workspace, p.Account, p.CreatedAt = ws, mailbox, time.Now()
	if p.EndsAt.IsZero() {
		p.EndsAt = time.Now().Add(time.Hour)
	}
	word := engawa.Secret("")
	if p.Word {
		word = "HARU 2026"
	}
	s.must(s.AddOfferPool(s.t.Context(), p, word))
	codes := make([]engawa.Secret, n)
	for i := range codes {
		codes[i] = engawa.Secret(fmt.Sprint(p.ID, "-", i))
	}
	added, err := s.AddOfferCodes(s.t.Context(), p, codes)
	s.must(err)
	if added != n {
		s.t.Fatalf("%d of %d codes are new", added, n)
	}
	return p
}

func ask(customer, offer string) store.HandOut {
	return store.HandOut{Workspace: ws, Account: mailbox, Offer: offer, Customer: customer, Reason: "apology", By: "member:mem_1"}
}

func (s *shop) given(h store.HandOut) engawa.OfferCode {
	s.t.Helper()
	c, _, err := s.HandOut(s.t.Context(), h)
	s.must(err)
	return c
}

func (s *shop) stand(pool string) string {
	s.t.Helper()
	c, err := s.OfferPool(s.t.Context(), ws, pool)
	s.must(err)
	return fmt.Sprint(c.Free, c.Handed, c.Redeemed, c.Lapsed)
}

// TestHandOut: a customer has one code of an offer and gets it again; what ended
// is replaced, what is used is not; of the last ones a person is told.
func TestHandOut(t *testing.T) {
	each(t, func(s *shop) {
		for _, id := range []string{"cus_1", "cus_2", "cus_3", "cus_4"} {
			s.customer(id)
		}
		soon := s.pool(engawa.OfferPool{ID: "ofp_soon", Offer: "thanks", EndsAt: time.Now().Add(time.Minute)}, 1)
		s.pool(engawa.OfferPool{ID: "ofp_late", Offer: "thanks", LowAt: 1}, 2)
		if n, err := s.AddOfferCodes(t.Context(), soon, []engawa.Secret{"ofp_late-1", "ofp_soon-0"}); n != 0 || err != nil {
			s.t.Errorf("%d known codes came in again: %v", n, err)
		}
		first, fresh, err := s.HandOut(t.Context(), ask("cus_1", "thanks"))
		if err != nil || !fresh || first.Code != "ofp_soon-0" || first.State != engawa.OfferHanded {
			s.t.Fatalf("%+v %v %v: not of the pool that ends first", first, fresh, err)
		}
		again, fresh, err := s.HandOut(t.Context(), ask("cus_1", "thanks"))
		if err != nil || fresh || again.ID != first.ID || again.Code != first.Code {
			s.t.Errorf("%+v %v %v", again, fresh, err)
		}
		_, err = storetest.Open(s.t, s.url).ExecContext(t.Context(), `UPDATE offer_pool SET ends_at = $1 WHERE id = 'ofp_soon'`, time.Now().UnixMicro())
		s.must(err)
		if got := s.stand("ofp_soon"); got != "0 0 0 1" {
			s.t.Errorf("ended: %s", got)
		}
		if c := s.given(ask("cus_1", "thanks")); c.ID == first.ID || c.Pool != "ofp_late" {
			s.t.Errorf("after its end: %+v", c)
		}
		tasks, err := s.Tasks(t.Context(), ws, 10)
		s.must(err)
		if len(tasks) != 1 || tasks[0].Kind != "offer.low" || tasks[0].Args["left"] != "1" || tasks[0].Args["offer"] != "thanks" {
			s.t.Errorf("nobody is asked for more: %+v", tasks)
		}
		s.given(ask("cus_2", "thanks"))
		if _, _, err := s.HandOut(t.Context(), ask("cus_3", "thanks")); code(err) != engawa.CodeConflict {
			s.t.Errorf("there is none left: %v", err)
		}
		if got := s.stand("ofp_late"); got != "0 2 0 0" {
			s.t.Error(got)
		}
		s.redeemed("cus_2", "thanks", time.Now().Add(-time.Hour))
		if got := s.stand("ofp_late"); got != "0 2 0 0" {
			s.t.Errorf("a purchase from before it was handed out counts: %s", got)
		}
		s.redeemed("cus_2", "thanks", time.Now())
		if cs, err := s.OfferCodesOf(t.Context(), ws, "cus_2"); err != nil || len(cs) != 1 || cs[0].State != engawa.OfferRedeemed || cs[0].RedeemedAt.IsZero() || cs[0].Code == "" {
			s.t.Errorf("%+v %v", cs, err)
		}
		s.must(s.CloseOfferPool(t.Context(), ws, "ofp_late"))
		if code(s.CloseOfferPool(t.Context(), ws, "ofp_late")) != engawa.CodeNotFound {
			s.t.Error("closed twice")
		}
	})
}

// redeemed has the store tell of a purchase by an offer's code.
func (s *shop) redeemed(customer, offer string, at time.Time) {
	s.t.Helper()
	id := engawa.Identity{Issuer: "app_store", Kind: "app_account_token", Value: customer}
	_ = s.Link(s.t.Context(), ws, customer, id) // the second time it has it
	h := heard(ws, mailbox, id)
	h.Original, h.Redeemed = customer, []store.Redemption{{Offer: offer, At: at}}
	_, err := s.Hear(s.t.Context(), ws, []store.Heard{h})
	s.must(err)
}

// TestWord: one word is given to many, and to no more than may use it.
func TestWord(t *testing.T) {
	each(t, func(s *shop) {
		s.pool(engawa.OfferPool{ID: "ofp_word", Offer: "spring", Word: true, Most: 2}, 0)
		for i, want := range []string{"1 1 0 0", "0 2 0 0"} {
			id := fmt.Sprint("cus_", i)
			s.customer(id)
			if c := s.given(ask(id, "spring")); c.Code != "HARU 2026" || s.stand("ofp_word") != want {
				s.t.Errorf("%+v %s", c, s.stand("ofp_word"))
			}
		}
		s.customer("cus_9")
		if _, _, err := s.HandOut(t.Context(), ask("cus_9", "spring")); code(err) != engawa.CodeConflict {
			s.t.Error(err)
		}
	})
}

// TestHandOutTogether: however many nodes hand out at once, to however many
// customers and to one of them again and again, no code goes to two, and no
// customer gets two.
func TestHandOutTogether(t *testing.T) {
	each(t, func(s *shop) {
		const customers, times = 20, 4
		s.pool(engawa.OfferPool{ID: "ofp_1", Offer: "thanks"}, customers)
		nodes := s.nodes()
		for i := range customers {
			s.customer(fmt.Sprint("cus_", i))
		}
		var mu sync.Mutex
		owner, has := map[string]string{}, map[string]string{}
		var all sync.WaitGroup
		for i := range customers * times {
			customer := fmt.Sprint("cus_", i%customers)
			all.Go(func() {
				c, _, err := nodes[i%2].HandOut(t.Context(), ask(customer, "thanks"))
				mu.Lock()
				defer mu.Unlock()
				code := c.Code.Reveal()
				switch {
				case err != nil:
					s.t.Error(err)
				case owner[code] != "" && owner[code] != customer:
					s.t.Errorf("%s went to two", c.ID)
				case has[customer] != "" && has[customer] != code:
					s.t.Errorf("%s got two", customer)
				}
				owner[code], has[customer] = customer, code
			})
		}
		all.Wait()
		if got := s.stand("ofp_1"); got != fmt.Sprint(0, customers, 0, 0) {
			s.t.Error(got)
		}
	})
}

// TestOffersOfTwo: of two customers who become one, one code of an offer stays,
// the used one; an erasure leaves none to read.
func TestOffersOfTwo(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.customer("cus_2")
		s.pool(engawa.OfferPool{ID: "ofp_1", Offer: "thanks"}, 3)
		s.given(ask("cus_1", "thanks"))
		used := s.given(ask("cus_2", "thanks"))
		s.redeemed("cus_2", "thanks", time.Now())
		_, err := s.Merge(t.Context(), store.Merge{Workspace: ws, Into: "cus_1", From: "cus_2", Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
		s.must(err)
		cs, err := s.OfferCodesOf(t.Context(), ws, "cus_1")
		s.must(err)
		standing := slices.DeleteFunc(slices.Clone(cs), func(c engawa.OfferCode) bool { return c.State == engawa.OfferLapsed })
		if len(cs) != 2 || len(standing) != 1 || standing[0].ID != used.ID || standing[0].Code != used.Code {
			s.t.Errorf("%+v", cs)
		}
		if c := s.given(ask("cus_1", "thanks")); c.ID != used.ID {
			s.t.Errorf("%+v", c)
		}
		_, err = s.Erase(t.Context(), ws, "cus_1")
		s.must(err)
		if cs, err = s.OfferCodesOf(t.Context(), ws, "cus_1"); err != nil || len(cs) != 2 || cs[0].Code != "" || cs[1].Code != "" {
			s.t.Errorf("%+v %v", cs, err)
		}
		if _, _, err := s.HandOut(t.Context(), ask("cus_1", "thanks")); code(err) != engawa.CodeConflict {
			s.t.Error(err)
		}
	})
}
