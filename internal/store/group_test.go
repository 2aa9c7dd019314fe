package store

import (
	"errors"
	"sync"
	"testing"
)

// TestGroupClosed hands items in while the group closes, and after: each gets
// an answer, and only what was committed is said to be.
func TestGroupClosed(t *testing.T) {
	for range 200 {
		var mu sync.Mutex
		committed := map[int]bool{}
		g := newGroup(2, func(vs []int) error {
			mu.Lock()
			defer mu.Unlock()
			for _, v := range vs {
				committed[v] = true
			}
			return nil
		})
		var callers sync.WaitGroup
		said := make([]error, 20)
		for i := range said {
			callers.Go(func() { said[i] = g.add(t.Context(), i) })
		}
		g.close()
		callers.Wait()
		for i, err := range said {
			if err != nil && !errors.Is(err, errClosed) || committed[i] != (err == nil) {
				t.Fatalf("item %d: %v, committed: %v", i, err, committed[i])
			}
		}
		if err := g.add(t.Context(), 99); !errors.Is(err, errClosed) {
			t.Fatalf("after the end: %v", err)
		}
	}
}
