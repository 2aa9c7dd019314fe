package engawa_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// TestSequence: ids sort as they are made: in one millisecond, over a step back
// of the clock, and from many hands at once.
func TestSequence(t *testing.T) {
	var q engawa.Sequence
	now := time.UnixMilli(1_800_000_000_000)
	var ids []string
	for n := range 70_000 { // more than 16 bits count
		ids = append(ids, q.Next("aud", now.Add(-time.Duration(n/60_000)*time.Hour)))
	}
	ids = append(ids, q.Next("aud", now.Add(time.Second)))
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("not in the order of making")
	}
	if other := engawa.NewOrderedID("aud", now); ids[0][:13] != other[:13] || len(ids[0]) != len(other) {
		t.Errorf("%s does not sort with %s", ids[0], other)
	}
	if last := ids[len(ids)-1]; last[:13] != engawa.NewOrderedID("aud", now.Add(time.Second))[:13] {
		t.Error("what was ahead stays ahead")
	}
	var mu sync.Mutex
	var hands sync.WaitGroup
	made := map[string]bool{}
	for range 8 {
		hands.Go(func() {
			before := ""
			for range 1000 {
				id := q.Next("aud", now)
				if strings.Compare(before, id) >= 0 {
					t.Errorf("%s after %s", id, before)
				}
				before = id
				mu.Lock()
				made[id] = true
				mu.Unlock()
			}
		})
	}
	if hands.Wait(); len(made) != 8000 {
		t.Errorf("%d ids", len(made))
	}
}
