package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/engawa/engawa/internal/store"
)

// TestTrail: the trail lists its lines in the order in which they were written,
// also those of one millisecond, page by page, and whoever wrote them.
func TestTrail(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		const hands, times, lines = 4, 5, 40
		var wg sync.WaitGroup
		for h := range hands {
			wg.Go(func() {
				for n := range times {
					var as []store.Audit
					for l := range lines {
						as = append(as, store.Audit{Workspace: ws, Actor: fmt.Sprintf("key:%d", h), Action: "look", Object: fmt.Sprintf("%03d", n*lines+l)})
					}
					if err := store.NoteAll(ctx, s.Store, as); err != nil {
						s.t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		last, total, same := map[string]string{}, 0, 0
		for p := (store.Page{Limit: 30}); ; {
			as, err := s.Audits(ctx, ws, store.AuditFilter{}, p)
			s.must(err)
			for i, a := range as {
				if before := last[a.Actor]; before != "" && a.Object >= before {
					s.t.Errorf("%s: %s is listed after %s", a.Actor, a.Object, before)
				}
				if i > 0 && a.At.UnixMilli() == as[i-1].At.UnixMilli() {
					same++
				}
				last[a.Actor] = a.Object
			}
			if total += len(as); len(as) < 30 {
				break
			}
			p.ID = as[len(as)-1].ID
		}
		if total != hands*times*lines || same == 0 {
			s.t.Errorf("%d lines, %d of them in the millisecond of their neighbour", total, same)
		}
	})
}
