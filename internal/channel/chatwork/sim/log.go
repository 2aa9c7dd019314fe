package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/engawa/engawa/internal/rude"
)

// begin starts the log's line of a call and reads its form.
func begin(r *http.Request, f rude.Fault) rude.Call {
	c := rude.Heard(r, r.Header.Get("X-Chatworktoken")+r.Header.Get("Authorization"), f)
	c.Method = method(r)
	if strings.HasPrefix(c.ContentType, "multipart/form-data") {
		_ = r.ParseMultipartForm(maxFile) // what cannot be read has no fields
	} else {
		_ = r.ParseForm()
	}
	c.Form = r.PostForm
	if strings.HasPrefix(c.ContentType, "application/json") {
		_ = json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxFile)).Decode(&c.JSON)
	}
	return c
}

// method is the call's: a POST may name another in its query.
func method(r *http.Request) string {
	if m := r.URL.Query().Get("method"); r.Method == http.MethodPost && (m == http.MethodPut || m == http.MethodDelete) {
		return m
	}
	return r.Method
}

func (s *Server) finish(c rude.Call, a *rude.Answer) {
	c.Status = a.Status
	if !a.Fails() && a.Status == http.StatusNotFound {
		c.Violations = append(c.Violations, "unknown path")
	}
	s.calling.Add(c)
}

// Log returns the latest calls, oldest first.
func (s *Server) Log() []rude.Call { return s.calling.Calls() }

// Refused counts the latest calls that were over a limit and not told so by a fault.
func (s *Server) Refused() int { return s.calling.Refused() }

// Violations are what a client did that none must do.
func (s *Server) Violations() []string { return s.calling.Violations() }

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
	return out
}

func formed(r *http.Request) bool {
	t := r.Header.Get("Content-Type")
	return strings.HasPrefix(t, "application/x-www-form-urlencoded") || strings.HasPrefix(t, "multipart/form-data")
}
