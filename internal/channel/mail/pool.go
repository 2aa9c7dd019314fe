package mail

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/channel"
)

// idleLife is how long a connection without work is kept. Servers wait five
// minutes for a command (RFC 5321 4.5.3.2.7), many public ones one.
const idleLife = 30 * time.Second

// pool keeps at most cap(slots) connections.
type pool struct {
	slots chan struct{} // one for each connection in use

	mu     sync.Mutex
	idle   []*conn // the one used last is used next
	sweep  *time.Timer
	closed bool
}

// enter waits for a free slot.
func (p *pool) enter(ctx context.Context) *channel.SendError {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return lost(ctx, "timeout", errors.New("no connection came free in time"))
	}
}

func (p *pool) leave() { <-p.slots }

// take returns an idle connection, or nil when a new one is to be opened. The
// caller holds a slot.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 || time.Since(p.idle[n-1].parked) > idleLife {
		return nil // the sweep takes leave of them
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// park keeps c for the next letter, or takes leave of it.
func (p *pool) park(c *conn) {
	if !c.usable() || !p.keep(c) {
		c.quit()
	}
}

func (p *pool) keep(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if cap(c.out) > keepBuffer {
		c.out = nil
	}
	c.parked = time.Now()
	p.idle = append(p.idle, c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(idleLife, p.closeIdle)
	}
	return true
}

// closeIdle takes leave of the connections that had no work for idleLife and
// comes back as long as others are left.
func (p *pool) closeIdle() {
	p.mu.Lock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].parked) >= idleLife {
		old++
	}
	gone := p.idle[:old:old]
	p.idle = append([]*conn(nil), p.idle[old:]...)
	p.sweep = nil
	if len(p.idle) > 0 && !p.closed {
		p.sweep = time.AfterFunc(idleLife-time.Since(p.idle[0].parked), p.closeIdle)
	}
	p.mu.Unlock()
	for _, c := range gone {
		c.quit()
	}
}

// close takes leave of every idle connection; those in use follow when they
// are parked.
func (p *pool) close() {
	p.mu.Lock()
	gone := p.idle
	p.idle, p.closed = nil, true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.mu.Unlock()
	for _, c := range gone {
		c.quit()
	}
}
