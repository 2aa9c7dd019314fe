package rude

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

const keepCalls = 10_000

// Call is one call as a simulator saw it. What proves the caller is hashed.
type Call struct {
	At          time.Time       `json:"at"`
	Method      string          `json:"method"`
	Path        string          `json:"path"`
	Query       string          `json:"query,omitempty"`
	ContentType string          `json:"content_type,omitempty"` // with its charset
	Agent       string          `json:"user_agent,omitempty"`
	Token       string          `json:"token,omitempty"`
	Form        url.Values      `json:"form,omitempty"`
	JSON        json.RawMessage `json:"json,omitempty"`
	Status      int             `json:"status"`
	Fault       string          `json:"fault,omitempty"`      // what treated it badly
	Violations  []string        `json:"violations,omitempty"` // what a client must not do
}

// Heard starts the line of a call that proof came with and that f will treat.
func Heard(r *http.Request, proof string, f Fault) Call {
	c := Call{At: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type"), Agent: r.UserAgent(), Fault: f.String()}
	if proof != "" {
		sum := sha256.Sum256([]byte(proof))
		c.Token = hex.EncodeToString(sum[:4])
	}
	return c
}

// Log keeps the latest calls. The zero Log is empty.
type Log struct {
	mu    sync.Mutex
	calls []Call
}

// Add keeps a call.
func (l *Log) Add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	l.calls = l.calls[max(0, len(l.calls)-keepCalls):]
}

// Calls returns the latest calls, oldest first.
func (l *Log) Calls() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Call{}, l.calls...)
}

// Clear forgets them.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = nil
}

// Refused counts the calls that were over a limit and not told so by a fault.
func (l *Log) Refused() int {
	n := 0
	for _, c := range l.Calls() {
		if c.Status == http.StatusTooManyRequests && c.Fault == "" {
			n++
		}
	}
	return n
}

// Violations are what a client did that none must do.
func (l *Log) Violations() []string {
	var out []string
	for _, c := range l.Calls() {
		for _, v := range slices.Sorted(slices.Values(c.Violations)) {
			out = append(out, c.Method+" "+c.Path+": "+v)
		}
	}
	return out
}
