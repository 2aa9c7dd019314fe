package fault

import (
	"syscall"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestDrain asks the program to end under load: it ends by itself with 0
// within its grace, and what it had acknowledged was handed over or is kept.
func TestDrain(t *testing.T) {
	bin := build(t)
	storetest.Each(t, func(t *testing.T, url string) {
		n, l := newNode(t, bin, url, webhooks(t)), newLedger(t)
		n.start()
		stop := make(chan struct{})
		work := n.load(0, l, stop)
		if !eventually(time.Minute, func() bool { return n.far.count() > 0 }) {
			t.Error("nothing was handed over within a minute")
		}
		asked := time.Now()
		code := n.stop(syscall.SIGTERM)
		took := time.Since(asked)
		close(stop)
		work.Wait()
		if limit := n.config.ShutdownGrace + 5*time.Second; code != 0 || took > limit {
			t.Errorf("exit code %d after %s, want 0 within %s", code, took, limit)
		}
		n.settled(l.close(t))
	})
}
