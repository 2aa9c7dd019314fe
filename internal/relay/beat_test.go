package relay

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBeat: answers leave on the beat, whatever was done before.
func TestBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for work, want := range map[time.Duration]time.Duration{0: beatEvery, time.Millisecond: beatEvery, beatEvery - 1: beatEvery, beatEvery: 2 * beatEvery, 3*beatEvery + 1: 4 * beatEvery} {
			begin := time.Now()
			time.Sleep(work)
			beat(begin)
			if took := time.Since(begin); took != want {
				t.Errorf("work of %s is answered after %s, not %s", work, took, want)
			}
		}
	})
}
