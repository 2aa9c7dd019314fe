// Package sim is a mailing list system of the old kind: it has public forms, in
// Shift_JIS, EUC-JP and UTF-8, and nothing else. It answers 200 whatever
// happened, with words for people; it refuses names that it does not like; and
// it is rude unless told to be polite: pages fail, answers are lost after the
// entry was made, words change. Names of inputs are other ones on every run, so
// that nobody can know them beforehand.
package sim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/rude"
)

// Fault is one way to treat a visitor badly.
type Fault string

// The faults. Those of the form's page come first.
const (
	None     Fault = "none"
	PageDown Fault = "page-503"      // the form's page: 503, Retry-After: 30
	Login    Fault = "page-login"    // the form's page asks to sign in
	Moved    Fault = "page-moved"    // the form's page redirects to another host
	Refresh  Fault = "page-refresh"  // the form's page holds only a meta refresh and a script
	Giant    Fault = "page-giant"    // the form's page is 64 MB long
	Missing  Fault = "page-404"      // the script is gone
	Foreign  Fault = "page-foreign"  // the form sends to another host
	Captcha  Fault = "page-captcha"  // the form asks whether one is a person
	Late     Fault = "page-late"     // the form's page comes after 5 seconds
	Half     Fault = "page-half"     // half of the form's page comes
	Dropped  Fault = "post-dropped"  // not taken, the connection breaks
	Down     Fault = "post-503"      // not taken
	DoneBut  Fault = "post-done-500" // entered, answered with 500
	Lost     Fault = "post-lost"     // entered, the connection breaks
	Hang     Fault = "post-hang"     // entered, no answer until the caller gives up
	Reworded Fault = "post-reworded" // entered, in words that nobody has seen before
	Other    Fault = "post-charset"  // entered, answered in UTF-8 whatever the form is in
	Slow     Fault = "post-slow"     // entered, half of the answer 5 seconds after the other
	Cut      Fault = "post-cut"      // entered, half of the answer
)

// pause is how long what is late or slow takes.
const pause = 5 * time.Second

// toldWait is what a page that is down says.
const toldWait = 30 * time.Second

// onPage are the faults of the form's page; the others are of a submission.
var onPage = []Fault{PageDown, Login, Moved, Refresh, Giant, Missing, Foreign, Captcha, Late, Half}

// statuses are what faults are answered with, as the log has it; the others: 200.
var statuses = map[Fault]int{
	PageDown: http.StatusServiceUnavailable, Down: http.StatusServiceUnavailable, Moved: http.StatusFound, Missing: http.StatusNotFound,
	DoneBut: http.StatusInternalServerError, Lost: rude.Lost, Dropped: rude.Lost, Hang: rude.Hang,
}

// Options are how the system is set up. The zero value is rude with seed 0.
type Options struct {
	Polite bool   // no faults but those asked for
	Seed   uint64 // of the rudeness and of the names of inputs
}

// Inputs are the names of a form's inputs on this run. Those that a form does
// not have are empty.
type Inputs struct{ Mail, Name, Family, Given, KanaFamily, KanaGiven, Plan, Session string }

// Entry is one address on a list.
type Entry struct {
	At                         time.Time
	Form, Plan, Mail           string
	Name, Family, Given        string
	KanaFamily, KanaGiven      string
	Provisional                bool // a mail asks the person to confirm
	Mojibake                   bool // what was sent is not in the form's charset
	UserAgent, Referer, Method string
}

// Form is one public form. Fields that a test changes are changed between
// requests, through Server.Change.
type Form struct {
	Name    string // "sjis", "eucjp", "utf8": its page is /<name>/sesform.php
	Charset string // in which it is written and read
	Header  string // charset that HTTP names; empty: none
	Meta    string // charset that the page names; empty: none
	Accept  string // accept-charset; empty: none
	Inputs  Inputs
	Plans   []string
	Select  bool // the plan is chosen from a list, not hidden
	Confirm bool // a page shows everything again before it counts
	OptIn   bool // a mail asks to confirm
	Latin   bool // names may have latin letters and katakana
}

// Server is the system. It is an http.Handler: the forms, GET / a page with the
// lists, POST /_sim/faults {"next":["post-lost", …]}, POST /_sim/reset, POST
// /_sim/clock {"advance":"5m"}, GET /_sim/log the entries and calls as JSON.
type Server struct {
	mux     *http.ServeMux
	opt     Options
	clock   rude.Clock
	calling rude.Log

	mu       sync.Mutex
	rng      *rand.Rand
	forms    []*Form
	next     []Fault
	entries  []Entry
	sessions map[string]bool // of forms that were fetched and not submitted
	waits    time.Time       // a page that was down told that nothing goes before
	posts    int
}

// Plan is the plan id that every form knows.
const Plan = "12"

// New returns a system with the three forms.
func New(o Options) *Server {
	s := &Server{opt: o, mux: http.NewServeMux(), rng: rand.New(rand.NewPCG(o.Seed, 5)), sessions: map[string]bool{}} //nolint:gosec // faults are not secrets
	name := func(what string) string { return fmt.Sprintf("%s%d", what, 10+s.rng.IntN(90)) }
	s.forms = []*Form{
		{
			Name: "sjis", Charset: "Shift_JIS", Header: "Shift_JIS", Meta: "Shift_JIS", Plans: []string{Plan, "34"},
			Inputs: Inputs{Mail: name("mail"), Name: name("onamae"), Plan: name("plan"), Session: name("ses")},
		},
		{
			Name: "eucjp", Charset: "EUC-JP", Meta: "EUC-JP", Plans: []string{Plan, "34"}, Select: true, Confirm: true,
			Inputs: Inputs{Mail: name("addr"), Family: name("sei"), Given: name("mei"), KanaFamily: name("kana_a"), KanaGiven: name("kana_b"), Plan: name("course"), Session: name("key")},
		},
		{
			Name: "utf8", Charset: "UTF-8", Header: "UTF-8", Plans: []string{Plan, "34"}, OptIn: true, Latin: true,
			Inputs: Inputs{Mail: name("email"), Name: name("name"), Plan: name("list"), Session: name("token")},
		},
	}
	s.mux.HandleFunc("GET /{form}/sesform.php", s.show)
	s.mux.HandleFunc("POST /{form}/sesform.php", s.take)
	s.mux.HandleFunc("POST /_sim/faults", s.script)
	s.mux.HandleFunc("POST /_sim/reset", s.reset)
	s.mux.HandleFunc("POST /_sim/clock", s.clock.Serve)
	s.mux.HandleFunc("GET /_sim/log", s.log)
	s.mux.HandleFunc("GET /_sim/style.css", func(w http.ResponseWriter, _ *http.Request) { look.Style(w, nil) })
	s.mux.HandleFunc("GET /_sim/live.js", look.Live)
	s.mux.HandleFunc("GET /{$}", s.page)
	s.mux.HandleFunc("/", s.unknown)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Form returns a copy of a form; it panics when there is none of that name.
func (s *Server) Form(name string) Form {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.form(name)
}

// Change changes a form, as its owner might at any time.
func (s *Server) Change(name string, change func(*Form)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.form(name))
}

func (s *Server) form(name string) *Form {
	return s.forms[slices.IndexFunc(s.forms, func(f *Form) bool { return f.Name == name })]
}

// Next scripts the next faults, those of pages and of submissions each in their order.
func (s *Server) Next(f ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, f...)
}

// Entries returns what is on the lists, oldest first.
func (s *Server) Entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// Violations are what a client did that none must do: ask to change or remove an
// entry, or for any other path; send inputs that the form has not, or another
// type; call in a wait that was told.
func (s *Server) Violations() []string { return s.calling.Violations() }

// Log returns the latest calls, oldest first.
func (s *Server) Log() []rude.Call { return s.calling.Calls() }

// Posts is how many submissions came, pages of confirmation not counted.
func (s *Server) Posts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts
}

// draw takes the next scripted fault of a page or of a submission, else chance
// decides; s.mu is held.
func (s *Server) draw(page bool) Fault {
	if i := slices.IndexFunc(s.next, func(f Fault) bool { return slices.Contains(onPage, f) == page || f == None }); i >= 0 {
		f := s.next[i]
		s.next = slices.Delete(s.next, i, i+1)
		return f
	}
	if s.opt.Polite {
		return None
	}
	chance := []Fault{PageDown, PageDown}
	if !page {
		chance = []Fault{Down, DoneBut, Lost, Reworded, Other}
	}
	if n := s.rng.IntN(100); n < len(chance) {
		return chance[n]
	}
	return None
}

func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	c := rude.Heard(r, "", rude.Fault{})
	c.Status, c.Violations = http.StatusNotFound, []string{"unknown path"}
	s.calling.Add(c)
	http.NotFound(w, r)
}

func (s *Server) script(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Next []Fault `json:"next"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil {
		http.Error(w, `{"next":["post-lost"]}, please`, http.StatusBadRequest)
		return
	}
	s.Next(in.Next...)
}

func (s *Server) reset(http.ResponseWriter, *http.Request) {
	s.clock.Clear()
	s.calling.Clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.entries, s.posts, s.sessions, s.waits = nil, nil, 0, map[string]bool{}, time.Time{}
}

func (s *Server) log(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"entries": s.Entries(), "violations": s.Violations(), "calls": s.Log()})
}

// coding is the encoding of a charset's name.
func coding(name string) encoding.Encoding {
	switch name {
	case "Shift_JIS":
		return japanese.ShiftJIS
	case "EUC-JP":
		return japanese.EUCJP
	}
	return unicode.UTF8
}
