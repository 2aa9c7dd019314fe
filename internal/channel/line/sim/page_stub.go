package sim

import "net/http"

var styleText []byte

func (s *Server) view(w http.ResponseWriter, r *http.Request)    { http.NotFound(w, r) }
func (s *Server) actForm(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
