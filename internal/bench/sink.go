package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// tally is what has arrived at a sink: how much, when, and the first one whole.
type tally struct {
	mu    sync.Mutex
	n     int
	first time.Time
	last  time.Time
	bytes []byte                  // of the first arrival
	heads http.Header             // that came with them, over HTTP
	seen  func(body []byte)       // asked of each arrival; may be nil
	done  map[int]chan<- struct{} // closed when so many have arrived
}

func (t *tally) add(body []byte, heads http.Header) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		t.first, t.bytes, t.heads = now, bytes.Clone(body), heads
	}
	t.n++
	t.last = now
	if t.seen != nil {
		t.seen(body)
	}
	if c := t.done[t.n]; c != nil {
		close(c)
	}
}

// after returns a channel that is closed when n have arrived.
func (t *tally) after(n int) <-chan struct{} {
	c := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = map[int]chan<- struct{}{n: c}
	return c
}

// rate is arrivals per second between the first and the last.
func (t *tally) rate() (n int, perSecond float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n, float64(t.n-1) / t.last.Sub(t.first).Seconds()
}

// sink is a server on loopback that takes everything at once and forgets it, so
// that the sender is what is measured.
type sink struct {
	tally
	addr  string
	close func() error
}

func newHTTPSink(ctx context.Context) (*sink, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{addr: l.Addr().String()}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		s.add(body, r.Header)
		w.WriteHeader(http.StatusNoContent)
	})}
	s.close = server.Close
	go server.Serve(l) //nolint:errcheck // ends when it is closed
	return s, nil
}

func newMailSink(ctx context.Context) (*sink, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{addr: l.Addr().String(), close: l.Close}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.speak(c)
		}
	}()
	return s, nil
}

// speak is the server's side of SMTP (RFC 5321), with PIPELINING and nothing else.
func (s *sink) speak(c net.Conn) {
	defer c.Close()
	in, out := bufio.NewReaderSize(c, 32<<10), bufio.NewWriter(c)
	answer := "220 sink\r\n"
	for {
		_, _ = out.WriteString(answer)
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return
		case bytes.HasPrefix(line, []byte("EHLO")):
			answer = "250-sink\r\n250 PIPELINING\r\n"
		case bytes.HasPrefix(line, []byte("DATA")):
			_, _ = out.WriteString("354 go\r\n")
			if out.Flush() != nil {
				return
			}
			letter, err := readLetter(in)
			if err != nil {
				return
			}
			s.add(letter, nil)
			answer = "250 queued\r\n"
		case bytes.HasPrefix(line, []byte("QUIT")):
			_, _ = out.WriteString("221 bye\r\n")
			_ = out.Flush() // the connection ends either way
			return
		default:
			answer = "250 ok\r\n"
		}
	}
}

// readLetter returns what came after DATA, as it came, without the final dot.
func readLetter(in *bufio.Reader) ([]byte, error) {
	var letter []byte
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return letter, nil
		}
		letter = append(letter, line...)
	}
}
