package sim

import (
	"context"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
)

//go:generate cp ../../../console/static/tokens.css tokens.css

// tokensText is the console's own tokens, so that all pages look alike.
//
//go:embed tokens.css
var tokensText []byte

//go:embed style.css
var styleText []byte

//go:embed page.html
var pageText string

var page = template.Must(template.New("stripe").Parse(pageText))

// ServeHTTP shows the page and plays scenarios.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		s.view(w)
	case "GET /_sim/style.css":
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(slices.Concat(tokensText, styleText))
	case "GET /_sim/log":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"sent": s.Sent()})
	case "POST /play":
		s.play(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) play(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	events, ok := Scenarios[r.PostFormValue("scenario")]
	if !ok || s.URL == "" {
		http.Error(w, "name a scenario of the page, and give the simulator an endpoint", http.StatusBadRequest)
		return
	}
	// The tries go on when the page is gone, as Stripe's do.
	go s.Send(context.WithoutCancel(r.Context()), events(s)...) //nolint:errcheck // the log tells
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) view(w http.ResponseWriter) {
	sent := s.Sent()
	slices.Reverse(sent)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'")
	_ = page.Execute(w, map[string]any{"To": s.URL, "Names": Names(), "Sent": sent})
}
