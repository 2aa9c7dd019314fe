package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
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
		s.view(w, r, http.StatusOK, "")
	case "GET /_sim/style.css":
		asset(w, "text/css; charset=utf-8", slices.Concat(tokensText, styleText))
	case "GET /_sim/live.js":
		asset(w, "text/javascript; charset=utf-8", liveText)
	case "POST /_sim/act":
		s.act(w, r)
	case "GET /_sim/root.pem":
		asset(w, "application/x-pem-file", []byte(s.RootPEM()))
	case "GET /_sim/key":
		id, issuer, p8 := s.Key()
		writeJSON(w, map[string]any{"key_id": id, "issuer_id": issuer, "private_key": p8, "bundle_id": s.BundleID, "app_apple_id": s.AppAppleID, "environment": s.Environment})
	case "GET /_sim/log":
		writeJSON(w, map[string]any{"calls": s.Calls()})
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

func asset(w http.ResponseWriter, kind string, b []byte) {
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(b)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
