package sim

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// pipes is a listener whose connections stay in the process, so that an inbox
// also works inside a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	done   chan struct{}
	served sync.Once
}

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, end := net.Pipe()
	server := newBuffered(end)
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, errors.Join(net.ErrClosed, server.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), server.Close())
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; the inbox's own Close ends it.
func (*pipes) Close() error { return nil }

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "inbox", Net: "pipe"} }

// buffered gives one end of a net.Pipe what a socket has: a write returns
// before the other side reads. Without it both sides of a failing TLS
// handshake would wait for each other.
type buffered struct {
	net.Conn
	queue chan []byte

	mu     sync.Mutex
	closed bool
}

const (
	window = 256             // writes under way
	linger = 5 * time.Second // for the rest after Close
)

func newBuffered(c net.Conn) *buffered {
	b := &buffered{Conn: c, queue: make(chan []byte, window)}
	go b.drain()
	return b
}

func (b *buffered) drain() {
	defer b.Conn.Close()
	for p := range b.queue {
		if _, err := b.Conn.Write(p); err != nil {
			_ = b.Close()
		}
	}
}

// Write implements net.Conn. It fails where a socket would block for good.
func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, net.ErrClosed
	}
	select {
	case b.queue <- append([]byte(nil), p...):
		return len(p), nil
	default:
		return 0, net.ErrClosed
	}
}

// Close implements net.Conn: what was written still arrives.
func (b *buffered) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		_ = b.SetReadDeadline(time.Unix(1, 0))
		_ = b.SetWriteDeadline(time.Now().Add(linger))
		close(b.queue)
	}
	return nil
}
