package sim

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Statuses that Answer may return beside those of HTTP.
const (
	Hang = -1 // no answer until the caller gives up
	Lost = -2 // the connection breaks
)

// fault is how one call is treated badly.
type fault struct {
	Status   int           `json:"status"` // 0: what the work gave
	Done     bool          `json:"done"`   // after the work was done
	Times    int           `json:"times"`  // how often; 0: once
	Latency  time.Duration `json:"latency"`
	Truncate bool          `json:"truncate"` // half of the answer comes
	HTML     bool          `json:"html"`     // a page comes in place of the answer
	Slow     time.Duration `json:"slow"`     // between the two halves of the answer
}

// String names what was done to the call; "" for nothing.
func (f fault) String() string {
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

// Rude returns an Answer that fails 6 calls in 100: they are limited (429) or
// the service is down (500, 503), and some are done and then answered with an
// error or with nothing. The same seed fails the same calls in the same order.
func Rude(seed uint64) func(*http.Request) (status int, done bool) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // faults are not secrets
	faults := []fault{
		{Status: http.StatusTooManyRequests},
		{Status: http.StatusInternalServerError},
		{Status: http.StatusServiceUnavailable},
		{Status: http.StatusInternalServerError, Done: true},
		{Status: http.StatusBadGateway, Done: true},
		{Status: Lost, Done: true},
	}
	return func(*http.Request) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if n := rng.IntN(100); n < len(faults) {
			return faults[n].Status, faults[n].Done
		}
		return 0, false
	}
}

// draw takes the next scripted fault, or asks Answer.
func (s *Server) draw(r *http.Request) fault {
	s.mu.Lock()
	if len(s.script) > 0 {
		f := s.script[0]
		if s.script[0].Times--; s.script[0].Times < 1 {
			s.script = s.script[1:]
		}
		s.mu.Unlock()
		return f
	}
	s.mu.Unlock()
	if s.Answer == nil {
		return fault{}
	}
	status, done := s.Answer(r)
	return fault{Status: status, Done: done}
}

// rest waits for d, or until the caller gives up.
func rest(r *http.Request, d time.Duration) {
	select {
	case <-r.Context().Done():
	case <-time.After(d):
	}
}

// send lets the answer out, as badly as the fault asks.
func (k *kept) send(w http.ResponseWriter, r *http.Request, f fault) {
	maps.Copy(w.Header(), k.header)
	if f.HTML {
		w.Header().Set("Content-Type", "text/html")
		k.body = []byte("<html><body>maintenance</body></html>")
	}
	w.WriteHeader(k.status)
	half := len(k.body) / 2
	_, _ = w.Write(k.body[:half])
	if f.Slow > 0 {
		if fl, ok := w.(http.Flusher); ok {
			fl.Flush()
		}
		rest(r, f.Slow)
	}
	if !f.Truncate {
		_, _ = w.Write(k.body[half:])
	}
}

// fail answers with a fault. What fails before it is counted has no headers of
// the limit, except where the fault is the limit.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int) {
	switch status {
	case Hang:
		<-r.Context().Done()
	case Lost:
		panic(http.ErrAbortHandler)
	case http.StatusTooManyRequests:
		w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(tokenCalls))
		w.Header().Set("X-Ratelimit-Remaining", "0")
		w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(2*time.Second).Unix(), 10))
		refuse(w, status, tokenLimit)
	case http.StatusBadGateway, http.StatusServiceUnavailable: // a proxy's page, not the API's words
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body>" + http.StatusText(status) + "</body></html>"))
	default:
		refuse(w, status, http.StatusText(status))
	}
}

// faults scripts how the next calls are treated, over HTTP:
// {"next":[{"status":500,"done":true,"times":3}]}; -1 hangs, -2 breaks the
// connection, before or after the work was done. Latency and slow are in
// nanoseconds.
func (s *Server) faults(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Next          []fault `json:"next"`
		UsedElsewhere int     `json:"used_elsewhere"` // calls of another user of the token, now
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil || in.UsedElsewhere < 0 || in.UsedElsewhere > tokenCalls {
		http.Error(w, `send {"next":[{"status":500,"done":true}],"used_elsewhere":299}`, http.StatusBadRequest)
		return
	}
	for _, f := range in.Next {
		if f.Status != 0 && f.Status != Hang && f.Status != Lost && (f.Status < 400 || f.Status > 599) {
			http.Error(w, "a status is 400 to 599, -1 (hang) or -2 (lost)", http.StatusBadRequest)
			return
		}
	}
	s.UseElsewhere(in.UsedElsewhere)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, in.Next...)
	w.WriteHeader(http.StatusNoContent)
}

// clock moves the simulator's clock: {"advance":"5m"}.
func (s *Server) clock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
	d, err2 := time.ParseDuration(in.Advance)
	if err != nil || err2 != nil || d < 0 {
		http.Error(w, `send {"advance":"5m"}`, http.StatusBadRequest)
		return
	}
	s.Advance(d)
	w.WriteHeader(http.StatusNoContent)
}

// log answers every room with its messages and tasks, how full the window is,
// and the latest calls.
func (s *Server) log(w http.ResponseWriter) {
	type entry struct {
		ID       int64     `json:"room_id"`
		Name     string    `json:"name"`
		Messages []Message `json:"messages"`
		Tasks    []Task    `json:"tasks"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := []entry{}
	for _, id := range s.order {
		r := s.rooms[id]
		rooms = append(rooms, entry{id, r.name, append([]Message{}, r.list...), append([]Task{}, r.tasks...)})
	}
	answer(w, map[string]any{"rooms": rooms, "used": s.used(s.now()), "limit": tokenCalls, "calls": append([]Logged{}, s.logged...)})
}
