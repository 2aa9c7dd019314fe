package api_test

import (
	"encoding/json"
	"flag"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/store/storetest"
)

var update = flag.Bool("update", false, "write openapi.yaml anew")

// TestDocument holds openapi.yaml to the operations.
func TestDocument(t *testing.T) {
	got, err := (&api.API{}).Document().YAML()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "openapi.yaml")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("openapi.yaml is not what the operations say: run make generate")
	}
	for ref := range strings.SplitSeq(string(got), `$ref: "#/components/schemas/`) {
		if name, _, ok := strings.Cut(ref, `"`); ok && !strings.Contains(name, "\n") && !strings.Contains(string(got), "\n    "+name+":\n") {
			t.Errorf("the document refers to %s, which it does not have", name)
		}
	}
}

// TestDocumentServed: both pages are whole and bring nothing from elsewhere.
func TestDocumentServed(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	want, err := s.doc.YAML()
	s.must(err)
	for path, has := range map[string]string{"/openapi.yaml": string(want), "/docs": "messages:check"} {
		res, err := http.Get(s.url + path)
		s.must(err)
		body, err := io.ReadAll(res.Body)
		s.must(err)
		res.Body.Close()
		if res.StatusCode != 200 || !strings.Contains(string(body), has) {
			t.Errorf("%s: %d, %d bytes", path, res.StatusCode, len(body))
		}
		if path == "/docs" && (!strings.HasSuffix(strings.TrimSpace(string(body)), "</html>") || strings.Contains(string(body), "//cdn") || strings.Contains(string(body), "<script")) {
			t.Error("/docs is cut short, or brings something from elsewhere")
		}
	}
}

// operation finds what the document says of a request.
func (s *site) operation(method, path string) *huma.Operation {
	var found *huma.Operation
	for pattern, item := range s.doc.Paths {
		if o := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete}[method]; o != nil && fits(pattern, path) {
			if found == nil || strings.Count(pattern, "{") < strings.Count(found.Path, "{") {
				found = o
			}
		}
	}
	return found
}

// fits reports whether a path is one of a pattern's.
func fits(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, part := range want {
		if !strings.HasPrefix(part, "{") {
			if part != got[i] {
				return false
			}
			continue
		}
		_, verb, _ := strings.Cut(part, "}")
		_, has, ok := strings.Cut(got[i], ":")
		if ok != (verb != "") || verb != "" && verb != ":"+has {
			return false
		}
	}
	return true
}

// conforms holds an answer against what the document says of it.
func (s *site) conforms(req *http.Request, res *http.Response, body []byte) {
	s.t.Helper()
	o := s.operation(req.Method, req.URL.Path)
	if o == nil || req.Method == "HEAD" {
		return
	}
	r := o.Responses[strconv.Itoa(res.StatusCode)]
	if r == nil {
		r = o.Responses["default"]
	}
	if len(r.Content) == 0 {
		return
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	content := r.Content[kind]
	if err != nil || content == nil {
		s.t.Errorf("%s %s: %d is %q; the document says %v", req.Method, req.URL.Path, res.StatusCode, kind, slices.Collect(maps.Keys(r.Content)))
		return
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		s.t.Errorf("%s %s: %v in %.300s", req.Method, req.URL.Path, err, body)
		return
	}
	var faults huma.ValidateResult
	huma.Validate(s.doc.Components.Schemas, content.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &faults)
	for _, fault := range faults.Errors {
		s.t.Errorf("%s %s: %d is not as the document says: %v", req.Method, req.URL.Path, res.StatusCode, fault)
	}
}
