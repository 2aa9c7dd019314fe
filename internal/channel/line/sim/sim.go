// Package sim is LINE in memory: providers and their official accounts, people
// who add, block and write to them, the Messaging API with its tokens, limits,
// retry keys and quotas, LINE Login with LIFF, and signed webhooks that come
// again when they are not taken. A person's telephone is at /, where somebody
// can play them. docs/line-sim.md lists what it does and which test holds each.
//
// One handler serves every host of LINE. It goes by the Host header, and where
// that names none of LINE's, by the beginning of the path: /api-data is
// api-data.line.me, /access is access.line.me, /liff is liff.line.me, all else
// is api.line.me.
//
// What the reference leaves open is an option of the Server. What happens by
// itself is driven by time.AfterFunc and looked up at every call, so that it
// works in a testing/synctest bubble.
package sim

import (
	"bytes"
	"container/heap"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/rude"
)

// Server is the simulated provider. Its exported fields are set before use.
type Server struct {
	Client *http.Client // posts webhooks; nil: none are sent

	// ForeignRefused answers 400 to a multicast that names users of another
	// provider; else they are left out in silence. The reference says both.
	ForeignRefused bool
	// Burst is how much of what a limit allows may come at once: 1 where 0. LINE
	// does not say.
	Burst float64
	// PerUser is how many pushes one user may get in a minute: 60 where 0. LINE
	// says only that there is a limit.
	PerUser int
	// HookDelay is how long a new webhook URL takes to act: none where 0. LINE
	// says up to a minute.
	HookDelay time.Duration
	// Redeliver are the pauses before a webhook comes again: 1, 5 and 15 minutes
	// where nil. LINE does not say.
	Redeliver []time.Duration
	// Sending is how long a narrowcast takes: 30 seconds where 0.
	Sending time.Duration
	// LinkRefused is the status for a linkToken of who is no friend: 400 where 0.
	LinkRefused int

	// Answer, if set, is asked about every call for which nothing is scripted.
	// Rude makes one that fails now and then.
	Answer rude.Chance
	Polite bool // fails nothing and words webhooks plainly; else, without Answer, it is as Rude(1)

	script  rude.Script
	clock   rude.Clock
	calling rude.Log

	mu        sync.Mutex
	rng       *rand.Rand // of webhooks
	count     int64      // of all numbers given out
	due       agenda
	timer     *time.Timer
	posting   int // accounts with webhooks under way
	settled   *sync.Cond
	providers []*provider
	accounts  []*account
	persons   []*person
	logins    []*login
	tokens    map[string]*token
	replies   map[string]*replyToken
	links     map[string]*linkToken
	signing   *ecdsa.PrivateKey
	problem   string // of the page's last act
}

// ServeHTTP answers LINE's hosts, shows the telephone at /, and takes orders
// under /_sim.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		s.view(w, r)
	case "GET /_sim/style.css":
		look.Style(w, styleText)
	case "GET /_sim/live.js":
		look.Live(w, r)
	case "POST /_sim/act":
		s.actForm(w, r)
	case "POST /_sim/faults":
		s.script.Serve(w, r, 0, nil)
	case "POST /_sim/reset":
		s.Reset()
	case "POST /_sim/clock":
		s.clock.Serve(w, r)
		s.wake()
	case "GET /_sim/log":
		answer(http.StatusOK, map[string]any{"calls": s.Log(), "mistakes": s.Violations()}).write(w)
	case "GET /_sim/accounts":
		answer(http.StatusOK, map[string]any{"accounts": s.Accounts(), "logins": s.Logins()}).write(w)
	default:
		if name, _ := host(r); r.Method == http.MethodGet && (name == "access.line.me" || name == "liff.line.me") {
			asked(w, r)
			return
		}
		s.call(w, r)
	}
}

// Log returns the latest calls, oldest first.
func (s *Server) Log() []rude.Call { return s.calling.Calls() }

// Violations are what a client did that none must do.
func (s *Server) Violations() []string { return s.calling.Violations() }

// Advance moves the simulator's clock ahead, and what is due then happens.
func (s *Server) Advance(d time.Duration) {
	s.clock.Advance(d)
	s.wake()
}

// Reset takes away everything that was added, the script and the log.
func (s *Server) Reset() {
	s.script.Clear()
	s.clock.Clear()
	s.calling.Clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.due, s.timer, s.providers, s.accounts, s.persons, s.logins = nil, nil, nil, nil, nil, nil
	s.tokens, s.replies, s.links, s.problem = nil, nil, nil, ""
}

// Close stops what happens by itself.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.due = nil
	return nil
}

func (s *Server) now() time.Time { return s.clock.Now() }

// next is a number that was not given out yet.
func (s *Server) next() int64 {
	s.count++
	return s.count
}

// happening is something that will be.
type happening struct {
	at  time.Time
	nth int64 // of those of one instant
	do  func()
}

// agenda is a heap of happenings, the next first.
type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].nth < a[j].nth
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// plan has do called at an instant, with s.mu held.
func (s *Server) plan(at time.Time, do func()) {
	heap.Push(&s.due, happening{at, s.next(), do})
}

// enter locks the world and lets what has fallen due happen.
func (s *Server) enter() {
	s.mu.Lock()
	if s.tokens == nil {
		s.tokens, s.replies, s.links = map[string]*token{}, map[string]*replyToken{}, map[string]*linkToken{}
	}
	if s.rng == nil {
		s.rng = rand.New(rand.NewPCG(1, 3)) //nolint:gosec // nothing secret is drawn from it
	}
	for now := s.now(); len(s.due) > 0 && !s.due[0].at.After(now); {
		heap.Pop(&s.due).(happening).do()
	}
}

// leave sets the alarm for what comes next, posts what waits, and unlocks.
func (s *Server) leave() {
	defer s.mu.Unlock()
	if len(s.due) > 0 {
		if wait := s.due[0].at.Sub(s.now()); s.timer == nil {
			s.timer = time.AfterFunc(wait, s.wake)
		} else {
			s.timer.Reset(wait)
		}
	}
	for _, a := range s.accounts {
		if len(a.queue) > 0 && !a.posting {
			a.posting = true
			s.posting++
			go s.post(a)
		}
	}
}

func (s *Server) wake() {
	s.enter()
	s.leave()
}

const maxRead = 20 << 20 // bytes of a body

// call answers one call of LINE's, or treats it badly, and logs it before the
// caller hears of it.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	f := s.script.Draw(r, s.chance())
	c := rude.Heard(r, r.Header.Get("Authorization"), f)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRead))
	if json.Valid(body) {
		c.JSON = body
	}
	requestID := newUUID()
	var heard *call
	a := f.Do(r, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Line-Request-Id", requestID)
		if err != nil {
			refuse(http.StatusRequestEntityTooLarge, "Request body is too large").write(w)
			return
		}
		var out reply
		out, heard = s.answer(r, body, requestID)
		out.write(w)
	})
	c.Status = a.Status
	c.Violations = s.strict(r, body, heard, a)
	s.calling.Add(c)
	a.Send(w, r, fail)
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (a reply) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func answer(status int, v any) reply {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // plain values
	return reply{status, http.Header{"Content-Type": {"application/json"}}, bytes.TrimRight(b.Bytes(), "\n")}
}

// done is the answer that has nothing to say.
func done() reply { return answer(http.StatusOK, struct{}{}) }

// detail is one thing that is wrong with a request.
type detail struct {
	Message  string `json:"message"`
	Property string `json:"property"`
}

// refuse is an error as the Messaging API words it.
func refuse(status int, message string, details ...detail) reply {
	out := map[string]any{"message": message}
	if len(details) > 0 {
		out["details"] = details
	}
	return answer(status, out)
}

// invalid is a request body with errors.
func invalid(details ...detail) reply {
	return refuse(http.StatusBadRequest, "The request body has "+strconv.Itoa(len(details))+" error(s)", details...)
}

// badProperty is how LINE words a value that cannot be at all.
func badProperty(name string) reply {
	return refuse(http.StatusBadRequest, "The property, '"+name+"', in the request body is invalid (line: -, column: -)")
}

func notFound() reply { return refuse(http.StatusNotFound, "Not found") }

func between(property string, low, high int) detail {
	return detail{"Size must be between " + strconv.Itoa(low) + " and " + strconv.Itoa(high), property}
}

func empty(property string) detail { return detail{"May not be empty", property} }

// host is which of LINE's a call goes to, with the path there.
func host(r *http.Request) (name, path string) {
	name, _, _ = strings.Cut(r.Host, ":")
	if slices.Contains([]string{"api.line.me", "api-data.line.me", "access.line.me", "liff.line.me"}, name) {
		return name, r.URL.Path
	}
	for _, name := range []string{"api-data", "access", "liff"} {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/"+name+"/"); ok && (name != "liff" || !strings.HasPrefix(rest, "v1/")) {
			return name + ".line.me", "/" + rest
		}
	}
	return "api.line.me", r.URL.Path
}
