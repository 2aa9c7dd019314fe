package serve

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/access"
)

// attempts remembers failed sign-ins of one kind of name (accounts, networks).
// Names share a fixed number of slots by a keyed hash: the memory is bounded,
// nobody can push another's count out of it, and a stranger who shares a slot
// by chance waits minutes at most. It lasts as long as the process, on this node.
type attempts struct {
	pace access.Pace
	seed maphash.Seed

	mu    sync.Mutex
	slots [1 << 14]access.Attempts
}

func newAttempts(p access.Pace) *attempts { return &attempts{pace: p, seed: maphash.MakeSeed()} }

func (a *attempts) slot(name string) *access.Attempts {
	return &a.slots[maphash.String(a.seed, name)%uint64(len(a.slots))]
}

// try counts an attempt. The error holds access.SignInTooSoon where it must wait.
func (a *attempts) try(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.slot(name)
	next, wait := s.Try(a.pace, time.Now())
	if wait > 0 {
		return access.TooSoon()
	}
	*s = next
	return nil
}

// forget is for a name whose owner has come in.
func (a *attempts) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*a.slot(name) = access.Attempts{}
}

// uncount takes back the one try that succeeded. The others stay: who knows one
// password must not guess others for free.
func (a *attempts) uncount(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.slot(name)
	s.Tries = max(0, s.Tries-1)
}
