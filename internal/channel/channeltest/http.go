package channeltest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// HTTP is the World of a provider with an HTTP API. It stands before the
// provider's simulator and plays the mood on the first hand-over.
type HTTP struct {
	// Sim is the simulator, in a kind mood.
	Sim http.Handler
	// Handover reports whether a request hands a message over, and reads from
	// it what Took shows.
	Handover func(r *http.Request, body []byte) (Taken, bool)
	// Answers are the answers of the moods that only the provider can word:
	// Limited, LimitedFor, Down, Refuses, Locked, NoSuch.
	Answers map[Mood]http.HandlerFunc
}

// World returns a provider in mood m.
func (x HTTP) World(t *testing.T, m Mood) World {
	p := &provider{HTTP: x, t: t, mood: m}
	client := Client(p)
	if m == Unreachable {
		client.Transport = &closed{next: client.Transport, first: true}
	}
	return World{HTTP: client, Took: p.list}
}

// provider answers the first hand-over in its mood.
type provider struct {
	HTTP
	t    *testing.T
	mood Mood

	mu   sync.Mutex
	took []Taken
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	taken, handover := p.Handover(r, body)
	if !handover {
		p.Sim.ServeHTTP(w, r)
		return
	}
	if p.take(taken) > 1 {
		p.Sim.ServeHTTP(w, r)
		return
	}
	p.first(w, r)
}

// take notes a hand-over and returns how many there were.
func (p *provider) take(taken Taken) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, taken)
	return len(p.took)
}

func (p *provider) list() []Taken {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Taken(nil), p.took...)
}

func (p *provider) first(w http.ResponseWriter, r *http.Request) {
	switch p.mood {
	case Accepts, Unreachable:
		p.Sim.ServeHTTP(w, r)
	case Silent:
		p.Sim.ServeHTTP(void{}, r)
		<-r.Context().Done()
	case Lost:
		p.Sim.ServeHTTP(void{}, r)
		panic(http.ErrAbortHandler)
	case Flood:
		flood(w)
	case Limited, LimitedFor, Down, Refuses, Locked, NoSuch:
		h := p.Answers[p.mood]
		if h == nil {
			p.t.Errorf("the case has no answer for the mood %s", p.mood)
			return
		}
		h(w, r)
	}
}

// flood writes until the client hangs up.
func flood(w http.ResponseWriter) {
	chunk := []byte(strings.Repeat("an answer without end, ", 4096))
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// void takes an answer that nobody will hear.
type void struct{}

func (void) Header() http.Header         { return http.Header{} }
func (void) WriteHeader(int)             {}
func (void) Write(p []byte) (int, error) { return len(p), nil }

// closed refuses the first connection as a host does where nothing listens.
type closed struct {
	next  http.RoundTripper
	first bool
}

func (c *closed) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.first {
		c.first = false
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return c.next.RoundTrip(r)
}
