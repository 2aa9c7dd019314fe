package sim

import (
	"net/http"
	"slices"
	"strings"

	"github.com/engawa/engawa/internal/look"
)

// ServeHTTP answers the API under /inApps/, shows the world at /, and takes orders
// under /_sim.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.EscapedPath(), "/inApps/") {
		s.api(w, r)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		s.view(w, r)
	case "GET /_sim/style.css":
		look.Style(w, styleText)
	case "GET /_sim/live.js":
		look.Live(w, r)
	case "POST /_sim/act":
		s.act(w, r)
	case "POST /_sim/faults":
		s.script.Serve(w, r, 0, nil)
	case "GET /_sim/root.pem":
		reply{status: http.StatusOK, kind: "application/x-pem-file", body: []byte(s.RootPEM())}.write(w)
	case "GET /_sim/key":
		id, issuer, p8 := s.Key()
		jsonReply(http.StatusOK, map[string]any{"key_id": id, "issuer_id": issuer, "private_key": p8, "bundle_id": s.BundleID, "app_apple_id": s.AppAppleID, "environment": s.Environment}).write(w)
	case "GET /_sim/log":
		jsonReply(http.StatusOK, map[string]any{"calls": s.Calls()}).write(w)
	default:
		http.NotFound(w, r)
	}
}

// Calls returns the last calls of the API, oldest first.
func (s *Store) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}
