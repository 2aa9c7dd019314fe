package store_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// TestHearBesideClaim: a batch that is heard of locks customers in its own order, a
// claim in the order of their ids. Whichever of the two PostgreSQL ends for the
// circle in which they wait, both are done in the end, and neither caller is told.
func TestHearBesideClaim(t *testing.T) {
	for name, hearing := range map[string]bool{"the claim is ended": false, "the batch is ended": true} {
		t.Run(name, func(t *testing.T) {
			s := &shop{t: t, url: storetest.Postgres(t), vault: vault.New(vault.Generate(time.Now()))}
			s.Store = s.node()
			s.furnish(ws, mailbox, room)
			s.customer("cus_a")
			s.customer("cus_b")
			s.send(s.message("cus_a"), s.message("cus_b"))
			lane := s.hold("one", mailbox)
			db := storetest.Open(t, s.url)
			claims, hears := s.Store, s.patient()
			if hearing {
				claims, hears = hears, claims
			}
			var claimed []*store.Claimed
			var failed error
			var claiming sync.WaitGroup
			var once sync.Once
			folds := 0
			last, first := toldOf("cus_b", false), toldOf("cus_a", false)
			fold := last.Fold
			last.Fold = func(facts []byte) (engawa.Purchase, error) { // the batch has cus_b
				folds++
				once.Do(func() {
					claiming.Go(func() {
						claimed, _, failed = claims.Claim(t.Context(), lane, 10, store.Decide{Judge: sendAll, Pace: func() store.Pace { return store.Pace{} }})
					})
					for s.waiting(db) == 0 { // until the claim has cus_a, and wants cus_b
						runtime.Gosched()
					}
				})
				return fold(facts)
			}
			ps, err := hears.Hear(t.Context(), ws, []store.Heard{last, first})
			claiming.Wait()
			if err != nil || failed != nil || len(ps) != 2 || len(claimed) != 2 {
				t.Errorf("%d heard: %v; %d claimed: %v", len(ps), err, len(claimed), failed)
			}
			if again := folds > 1; again != hearing {
				t.Errorf("heard %d times: the circle did not come about as it should", folds)
			}
		})
	}
}

// patient is a node that looks for no circles: of two that wait in one, PostgreSQL
// ends the one that looks.
func (s *shop) patient() *store.Store {
	s.t.Helper()
	mark := "?"
	if strings.Contains(s.url, "?") {
		mark = "&"
	}
	st, err := store.Open(s.t.Context(), s.url+mark+"deadlock_timeout=600000", s.vault)
	s.must(err)
	s.t.Cleanup(func() { st.Close() })
	return st
}
