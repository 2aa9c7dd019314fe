// Package rude is how simulated providers treat calls badly: by a script, or now
// and then. What a provider says when it fails is the simulator's own. It
// imports nothing of ours.
package rude

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Statuses of a Fault beside those of HTTP.
const (
	Hang = -1 // no answer until the caller gives up
	Lost = -2 // the connection breaks
)

// Fault is how one call is treated badly. The zero Fault does nothing.
type Fault struct {
	Status   int           `json:"status"` // 0: what the work gave
	Done     bool          `json:"done"`   // after the work was done
	Times    int           `json:"times"`  // how often; 0: once
	Latency  time.Duration `json:"latency"`
	Truncate bool          `json:"truncate"` // half of the answer comes
	HTML     bool          `json:"html"`     // a page comes in place of the answer
	Slow     time.Duration `json:"slow"`     // between the two halves of the answer
}

// String names what was done to the call; "" for nothing.
func (f Fault) String() string {
	var out []string
	add := func(on bool, what string) {
		if on {
			out = append(out, what)
		}
	}
	add(f.Latency > 0, "latency")
	add(f.Status == Lost && !f.Done, "drop_before_accept")
	add(f.Status == Lost && f.Done, "drop_after_accept")
	add(f.Status == Hang, "hang")
	add(f.Status > 0, "status "+strconv.Itoa(f.Status))
	add(f.Truncate, "truncate_body")
	add(f.HTML, "html_error_page")
	add(f.Slow > 0, "slow_body")
	return strings.Join(out, ", ")
}

// Chance is asked about a call that nothing is scripted for: a status other than
// 0 is answered instead, with done after the work was done.
type Chance = func(r *http.Request) (status int, done bool)

// Sometimes returns a Chance that meets each of the faults once in 100 calls. The
// same seed fails the same calls in the same order.
func Sometimes(seed uint64, faults ...Fault) Chance {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // faults are not secrets
	return func(*http.Request) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if n := rng.IntN(100); n < len(faults) {
			return faults[n].Status, faults[n].Done
		}
		return 0, false
	}
}

// Script is how the next calls are treated. The zero Script is empty.
type Script struct {
	mu   sync.Mutex
	next []Fault
}

// Clear forgets what is scripted.
func (s *Script) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = nil
}

// Draw takes the next scripted fault; where there is none, chance decides. A nil
// chance is polite.
func (s *Script) Draw(r *http.Request, chance Chance) Fault {
	if f, ok := s.take(); ok || chance == nil {
		return f
	}
	status, done := chance(r)
	return Fault{Status: status, Done: done}
}

func (s *Script) take() (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) == 0 {
		return Fault{}, false
	}
	f := s.next[0]
	if s.next[0].Times--; s.next[0].Times < 1 {
		s.next = s.next[1:]
	}
	return f, true
}

// Serve takes a script over HTTP: {"next":[{"status":500,"done":true,"times":3}]};
// -1 hangs, -2 breaks the connection, before or after the work was done. Latency
// and slow are in nanoseconds. {"used_elsewhere":7} is told to elsewhere: calls
// that another program makes now under the same credential, most at the most.
func (s *Script) Serve(w http.ResponseWriter, r *http.Request, most int, elsewhere func(n int)) {
	var in struct {
		Next          []Fault `json:"next"`
		UsedElsewhere int     `json:"used_elsewhere"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil || in.UsedElsewhere < 0 || in.UsedElsewhere > most {
		http.Error(w, `send {"next":[{"status":500,"done":true}],"used_elsewhere":`+strconv.Itoa(most)+`}`, http.StatusBadRequest)
		return
	}
	if slices.ContainsFunc(in.Next, Fault.unknown) {
		http.Error(w, "a status is 400 to 599, -1 (hang) or -2 (lost)", http.StatusBadRequest)
		return
	}
	if in.UsedElsewhere > 0 {
		elsewhere(in.UsedElsewhere)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, in.Next...)
	w.WriteHeader(http.StatusNoContent)
}

func (f Fault) unknown() bool {
	return f.Status != 0 && f.Status != Hang && f.Status != Lost && (f.Status < 400 || f.Status > 599)
}

// Answer is what a caller is to hear. To the work it is the http.ResponseWriter.
type Answer struct {
	Status int         // Hang and Lost too
	head   http.Header // nil: it fails, and the simulator has the words
	body   []byte
	fault  Fault
}

// Do waits, and does the work unless the fault comes before it.
func (f Fault) Do(r *http.Request, work http.HandlerFunc) *Answer {
	rest(r, f.Latency)
	a := &Answer{Status: http.StatusOK, head: http.Header{}, fault: f}
	if f.Status == 0 || f.Done {
		work(a, r)
	}
	if f.Status != 0 {
		return &Answer{Status: f.Status}
	}
	return a
}

// Fails reports whether the answer is a fault and not what the work gave.
func (a *Answer) Fails() bool { return a.head == nil }

// Header implements http.ResponseWriter.
func (a *Answer) Header() http.Header { return a.head }

// WriteHeader implements http.ResponseWriter.
func (a *Answer) WriteHeader(status int) { a.Status = status }

// Write implements http.ResponseWriter.
func (a *Answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// Send lets the answer out, as badly as the fault asks. The simulator words a
// status that is no proxy's.
func (a *Answer) Send(w http.ResponseWriter, r *http.Request, words func(w http.ResponseWriter, status int)) {
	switch {
	case !a.Fails():
		a.tell(w, r)
	case a.Status == Hang:
		<-r.Context().Done()
	case a.Status == Lost:
		panic(http.ErrAbortHandler)
	case a.Status == http.StatusBadGateway || a.Status == http.StatusServiceUnavailable || a.Status == http.StatusGatewayTimeout:
		Page(w, a.Status)
	default:
		words(w, a.Status)
	}
}

// Page answers with the page of a proxy that stands before a service.
func Page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<html><body>" + http.StatusText(status) + "</body></html>"))
}

// tell writes what the work gave, in two halves.
func (a *Answer) tell(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), a.head)
	if a.fault.HTML {
		w.Header().Set("Content-Type", "text/html")
		a.body = []byte("<html><body>maintenance</body></html>")
	}
	w.WriteHeader(a.Status)
	half := len(a.body) / 2
	_, _ = w.Write(a.body[:half])
	if a.fault.Slow > 0 {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		rest(r, a.fault.Slow)
	}
	if !a.fault.Truncate {
		_, _ = w.Write(a.body[half:])
	}
}

// rest waits for d, or until the caller gives up. Where there is nothing to wait for
// it asks no timer: two that are due at once in a bubble of testing/synctest break
// the race detector (golang/go#78156).
func rest(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-r.Context().Done():
	case <-time.After(d):
	}
}
