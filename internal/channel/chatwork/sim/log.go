package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/rude"
)

// Logged is one call as the simulator saw it. The token is hashed.
type Logged struct {
	At          time.Time  `json:"at"`
	Method      string     `json:"method"`
	Path        string     `json:"path"`
	Query       string     `json:"query,omitempty"`
	ContentType string     `json:"content_type,omitempty"`
	Token       string     `json:"token,omitempty"`
	Form        url.Values `json:"form,omitempty"`
	Status      int        `json:"status"`
	Fault       string     `json:"fault,omitempty"`      // what treated it badly
	Violations  []string   `json:"violations,omitempty"` // what a client must not do
}

// begin starts the log's line of a call and reads its form.
func begin(r *http.Request, f rude.Fault) Logged {
	l := Logged{At: time.Now(), Method: method(r), Path: r.URL.Path, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type"), Fault: f.String()}
	if t := r.Header.Get("X-Chatworktoken") + r.Header.Get("Authorization"); t != "" {
		sum := sha256.Sum256([]byte(t))
		l.Token = hex.EncodeToString(sum[:4])
	}
	if r.ParseForm() == nil {
		l.Form = r.PostForm
	}
	return l
}

// method is the call's: a POST may name another in its query.
func method(r *http.Request) string {
	if m := r.URL.Query().Get("method"); r.Method == http.MethodPost && (m == http.MethodPut || m == http.MethodDelete) {
		return m
	}
	return r.Method
}

func (s *Server) finish(l Logged, a *rude.Answer) {
	l.Status = a.Status
	if !a.Fails() && a.Status == http.StatusNotFound {
		l.Violations = append(l.Violations, "unknown path")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logged = append(s.logged, l)
	s.logged = s.logged[max(0, len(s.logged)-keepLog):]
}

// Log returns the latest calls, oldest first.
func (s *Server) Log() []Logged {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logged)
}

// Refused counts the latest calls that were over a limit and not told so by a fault.
func (s *Server) Refused() int {
	n := 0
	for _, l := range s.Log() {
		if l.Status == http.StatusTooManyRequests && l.Fault == "" {
			n++
		}
	}
	return n
}

// Violations are what a client did that none must do.
func (s *Server) Violations() []string {
	var out []string
	for _, l := range s.Log() {
		for _, v := range l.Violations {
			out = append(out, l.Method+" "+l.Path+": "+v)
		}
	}
	return out
}

// params are what each call takes, by method and the last fixed part of its path.
var params = map[string][]string{
	"GET status": {}, "GET me": {}, "GET rooms": {}, "GET members": {},
	"GET tasks":     {"account_id", "assigned_by_account_id", "status"},
	"GET messages":  {"force"},
	"POST messages": {"body", "self_unread"},
	"PUT messages":  {"body"},
	"POST tasks":    {"body", "to_ids", "limit", "limit_type"},
	"PUT status":    {"body"},
	"POST files":    {"message"},
}

// strict names what a careful client would not do; s.mu is held.
func (s *Server) strict(r *http.Request) []string {
	var out []string
	if r.Header.Get("X-Chatworktoken") == "" && r.Header.Get("Authorization") == "" {
		out = append(out, "no authentication")
	}
	if writes := r.Method == http.MethodPost || r.Method == http.MethodPut; writes && r.ContentLength > 0 && !formed(r) {
		out = append(out, "wrong content type")
	}
	last := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(r.URL.Path, "/v2"), "/") {
		if part != "" && strings.Trim(part, "0123456789") != "" {
			last = part
		}
	}
	if known, ok := params[method(r)+" "+last]; ok {
		for key := range r.Form {
			if key != "method" && !slices.Contains(known, key) {
				out = append(out, "unknown parameter "+key)
			}
		}
	}
	if s.now().Before(s.waits) {
		out = append(out, "a call before the told wait was over")
	}
	slices.Sort(out)
	return out
}

func formed(r *http.Request) bool {
	t := r.Header.Get("Content-Type")
	return strings.HasPrefix(t, "application/x-www-form-urlencoded") || strings.HasPrefix(t, "multipart/form-data")
}
