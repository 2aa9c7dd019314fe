package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/engawa/engawa"
)

// mux is http.ServeMux with paths that may end in a verb after an id, as
// "/v1/messages/{id}:cancel", which patterns of net/http cannot say.
type mux struct {
	*http.ServeMux
	verbs map[string]map[string]http.HandlerFunc // by the pattern without the verb
	none  http.HandlerFunc                       // answers what no verb does
}

func newMux() *mux {
	return &mux{ServeMux: http.NewServeMux(), verbs: map[string]map[string]http.HandlerFunc{}}
}

// HandleFunc registers a pattern; its last part may be "{name}:verb".
func (m *mux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	front, verb, ok := strings.Cut(pattern, "}:")
	if !ok {
		m.ServeMux.HandleFunc(pattern, h)
		return
	}
	front += "}"
	if m.verbs[front] == nil {
		m.verbs[front] = map[string]http.HandlerFunc{}
		m.ServeMux.HandleFunc(front, m.verb(front))
	}
	m.verbs[front][verb] = h
}

// verb hands a request to what its verb names, the id alone as path value.
func (m *mux) verb(front string) http.HandlerFunc {
	name := front[strings.LastIndex(front, "{")+1 : len(front)-1]
	return func(w http.ResponseWriter, r *http.Request) {
		id, verb, _ := strings.Cut(r.PathValue(name), ":")
		h, ok := m.verbs[front][verb]
		if !ok {
			m.none(w, r)
			return
		}
		r.SetPathValue(name, id)
		h(w, r)
	}
}

// missing says what is wrong with a request that no operation answers.
func (m *mux) missing(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := m.Handler(probe); pattern != "/v1/" && m.answers(pattern, probe) {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return &engawa.Error{Code: engawa.CodeNotFound, Message: "the API has no such path", Remedy: "look the paths up in /docs"}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &engawa.Error{
		Code: engawa.CodeMethod, Message: fmt.Sprintf("%s is not taken on this path", r.Method),
		Remedy: "use " + strings.Join(allowed, " or ") + "; /docs lists every operation",
	}
}

// answers reports whether a pattern takes the request: one with verbs takes
// only those.
func (m *mux) answers(pattern string, r *http.Request) bool {
	verbs, ok := m.verbs[pattern]
	if !ok {
		return true
	}
	_, verb, _ := strings.Cut(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ":")
	return verbs[verb] != nil
}
