// Package sim is a business's own system that receives webhooks: it verifies
// Standard Webhooks 1.0 signatures with code of its own, keeps each id once,
// and shows what arrived. It is rude unless told to be polite: it answers a few
// posts with 429 or 503, and a few with 500 although it took them.
package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/look"
)

// MaxBody is the largest body that the receiver takes, in bytes.
const MaxBody = 1 << 20

// Fault is one way to treat a post badly.
type Fault string

// The faults.
const (
	None     Fault = "none"
	Limited  Fault = "429"        // Retry-After: 2, not taken
	Down     Fault = "503"        // not taken
	DoneBut  Fault = "done-500"   // taken, answered with 500
	Lost     Fault = "lost"       // taken, the connection breaks
	Hang     Fault = "hang"       // taken, no answer until the caller gives up
	Page     Fault = "html"       // taken, answered with 200 and a page
	Gone     Fault = "410"        // the endpoint is closed
	Redirect Fault = "302"        // to a private address
	Flood    Fault = "flood"      // taken, an answer of 64 MB
	Past     Fault = "retry-past" // 503 with a Retry-After that lies in the past
)

// Options are how the receiver is set up. The zero value knows no secret and is
// rude with seed 0.
type Options struct {
	Secrets []string // whsec_…; a post must be signed with one of them
	Polite  bool     // no faults but those asked for
	Seed    uint64   // of the rudeness: the same seed, the same faults in the same order
	// Originals: it listens to what the App Store posts too, which is passed on as
	// it is and has no type. The standard recommends a form of the body, and asks for none.
	Originals bool
}

// Entry is one webhook-id and what came under it.
type Entry struct {
	ID     string          `json:"id"`
	Type   string          `json:"type"`
	First  time.Time       `json:"first"`
	Last   time.Time       `json:"last"`
	Count  int             `json:"count"`  // posts under this id
	Bodies int             `json:"bodies"` // different bodies under it: more than 1 is the sender's mistake
	Body   json.RawMessage `json:"body"`   // the first
	Faults []Fault         `json:"faults"` // how each post was treated
	sums   [][sha256.Size]byte
}

// Refusal is a post that was not taken, and why.
type Refusal struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"`
	Why    string    `json:"why"`
}

// Server is the receiver. It is an http.Handler: POST anywhere delivers,
// GET / is a page, GET /_sim/log the ledger as JSON, POST /_sim/faults
// {"next":["429", …]} scripts the next posts, POST /_sim/reset forgets.
type Server struct {
	opt Options
	mux *http.ServeMux

	mu       sync.Mutex
	rng      *rand.Rand
	next     []Fault
	entries  []*Entry
	refusals []Refusal
}

// New returns a receiver.
func New(o Options) *Server {
	s := &Server{opt: o, mux: http.NewServeMux(), rng: rand.New(rand.NewPCG(o.Seed, 1))} //nolint:gosec // faults are not secrets
	s.mux.HandleFunc("POST /_sim/faults", s.script)
	s.mux.HandleFunc("POST /_sim/reset", s.reset)
	s.mux.HandleFunc("GET /_sim/log", s.log)
	s.mux.HandleFunc("GET /_sim/style.css", func(w http.ResponseWriter, _ *http.Request) { look.Style(w, nil) })
	s.mux.HandleFunc("GET /_sim/live.js", look.Live)
	s.mux.HandleFunc("POST /", s.receive)
	s.mux.HandleFunc("GET /", s.page)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Next scripts how the next posts are treated, before chance has its say again.
func (s *Server) Next(f ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, f...)
}

// Ledger returns a copy of what was taken, oldest first.
func (s *Server) Ledger() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Entry, len(s.entries))
	for i, e := range s.entries {
		out[i] = *e
		out[i].Faults = slices.Clone(e.Faults)
	}
	return out
}

func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		s.refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than 1 MB")
		return
	}
	if why := s.wrong(r.Header, body); why != "" {
		s.refuse(w, http.StatusUnauthorized, why)
		return
	}
	var post struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if s.opt.Originals && signed(body) {
		post.Type, post.Timestamp, post.Data = "signedPayload", time.Now(), body
	} else if err := json.Unmarshal(body, &post); err != nil || post.Type == "" || post.Timestamp.IsZero() || len(post.Data) == 0 {
		s.refuse(w, http.StatusBadRequest, "the body is not {type, timestamp, data}")
		return
	}
	f := s.draw()
	if f != Limited && f != Down && f != Gone && f != Redirect && f != Past {
		s.keep(r.Header.Get("webhook-id"), post.Type, body, f)
	}
	treat(w, r, f)
}

// signed reports whether a body is a notification as the App Store posts it.
func signed(body []byte) bool {
	var in struct {
		SignedPayload string `json:"signedPayload"`
	}
	return json.Unmarshal(body, &in) == nil && in.SignedPayload != ""
}

// wrong returns why a post is not believed, or nothing.
func (s *Server) wrong(h http.Header, body []byte) string {
	id, at := h.Get("webhook-id"), h.Get("webhook-timestamp")
	if id == "" || strings.Contains(id, ".") {
		return "webhook-id is missing or holds a dot"
	}
	sec, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return "webhook-timestamp is not seconds"
	}
	if age := time.Since(time.Unix(sec, 0)); age > 5*time.Minute || age < -5*time.Minute {
		return "webhook-timestamp is more than 5 minutes away"
	}
	for _, secret := range s.opt.Secrets {
		k, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			continue
		}
		m := hmac.New(sha256.New, k)
		m.Write(slices.Concat([]byte(id), []byte("."), []byte(at), []byte("."), body))
		want := "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
		for got := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
			if hmac.Equal([]byte(got), []byte(want)) {
				return ""
			}
		}
	}
	return "no signature fits"
}

func (s *Server) refuse(w http.ResponseWriter, code int, why string) {
	s.mu.Lock()
	s.refusals = append(s.refusals, Refusal{time.Now(), code, why})
	s.mu.Unlock()
	http.Error(w, why, code)
}

// draw takes the next scripted fault, or lets chance decide: 2 in 100 are told
// to slow down, 2 find the service down, 1 is taken and told it was not, 1 is
// taken and hears nothing.
func (s *Server) draw() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) > 0 {
		f := s.next[0]
		s.next = s.next[1:]
		return f
	}
	if s.opt.Polite {
		return None
	}
	switch n := s.rng.IntN(100); {
	case n < 2:
		return Limited
	case n < 4:
		return Down
	case n < 5:
		return DoneBut
	case n < 6:
		return Lost
	}
	return None
}

// keep notes a post under its id, once.
func (s *Server) keep(id, typ string, body []byte, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, sum := time.Now(), sha256.Sum256(body)
	i := slices.IndexFunc(s.entries, func(e *Entry) bool { return e.ID == id })
	if i < 0 {
		s.entries = append(s.entries, &Entry{ID: id, Type: typ, First: now, Body: slices.Clone(body)})
		i = len(s.entries) - 1
	}
	e := s.entries[i]
	e.Last, e.Count, e.Faults = now, e.Count+1, append(e.Faults, f)
	if !slices.Contains(e.sums, sum) {
		e.sums = append(e.sums, sum)
		e.Bodies = len(e.sums)
	}
}

func treat(w http.ResponseWriter, r *http.Request, f Fault) {
	switch f {
	case None:
		w.WriteHeader(http.StatusNoContent)
	case Limited:
		w.Header().Set("Retry-After", "2")
		http.Error(w, "slow down", http.StatusTooManyRequests)
	case Down:
		http.Error(w, "back soon", http.StatusServiceUnavailable)
	case Past:
		w.Header().Set("Retry-After", "Thu, 01 Jan 1998 00:00:00 GMT")
		http.Error(w, "back soon", http.StatusServiceUnavailable)
	case DoneBut:
		http.Error(w, "something went wrong", http.StatusInternalServerError)
	case Lost:
		panic(http.ErrAbortHandler)
	case Hang:
		<-r.Context().Done()
	case Page:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>thank you</body></html>")
	case Gone:
		http.Error(w, "this endpoint is closed", http.StatusGone)
	case Redirect:
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	case Flood:
		flood(w)
	}
}

func flood(w io.Writer) {
	chunk := []byte(strings.Repeat("0123456789abcdef", 4096))
	for range 1024 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func (s *Server) script(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Next []Fault `json:"next"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil {
		http.Error(w, `send {"next":["429","503","done-500","lost","hang","html","410","302","flood","retry-past"]}`, http.StatusBadRequest)
		return
	}
	s.Next(in.Next...)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) reset(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries, s.refusals, s.next = nil, nil, nil
	s.rng = rand.New(rand.NewPCG(s.opt.Seed, 1)) //nolint:gosec // faults are not secrets
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) log(w http.ResponseWriter, _ *http.Request) {
	taken := s.Ledger()
	s.mu.Lock()
	refused := slices.Clone(s.refusals)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct {
		Taken   []Entry   `json:"taken"`
		Refused []Refusal `json:"refused"`
	}{taken, refused})
}
