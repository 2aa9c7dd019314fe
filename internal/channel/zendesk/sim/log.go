package sim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// params are what the queries of the lists take.
var params = map[string][]string{
	"users/search": {"query", "external_id"}, "tickets": {"external_id", "page[size]", "page[after]", "page", "per_page", "sort"}, "search": {"query"},
}

// pages are what every other list takes.
var pages = []string{"page[size]", "page[after]", "page", "per_page"}

// strict names what a careful client would not do.
func (s *Server) strict(r *http.Request, body []byte) []string {
	var out []string
	if r.Header.Get("Authorization") == "" && r.URL.Path != "/oauth/tokens" {
		out = append(out, "no authentication")
	}
	if r.Method != http.MethodGet && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		out = append(out, "wrong content type")
	}
	known, listed := params[path(r)]
	if !listed {
		known = pages
	}
	for key := range r.URL.Query() {
		if !slices.Contains(known, key) {
			out = append(out, "unknown parameter "+key)
		}
	}
	if what, _, _ := strings.Cut(path(r), "/"); what == "tickets" && len(body) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		var in struct {
			Ticket  *posted  `json:"ticket"`
			Tickets []posted `json:"tickets"`
		}
		if err := d.Decode(&in); err != nil && strings.Contains(err.Error(), "unknown field") {
			out = append(out, err.Error()[len("json: "):])
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now().Before(s.waits) {
		out = append(out, "a call before the told wait was over")
	}
	return out
}
