package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa/internal/api"
)

// unlimited are the inputs that only the body's size limits: they are the
// caller's own data, which templates and routes read.
var unlimited = []string{"postEvents/data", "sendMessage/variables", "checkMessage/variables", "startBroadcast/variables", "checkBroadcast/variables"}

// whole are the lists without pages: short by nature, and how short.
var whole = map[string]string{
	"listWordings":      "versions that people wrote",
	"listKinds":         "the program's own",
	"listPacks":         "those that ship",
	"listIdentities":    "100 of a customer (store.MaxOfCustomer)",
	"findCustomers":     "200 (store.MaxFound)",
	"listRouteVersions": "the newest 100",
	"listTags":          "1000 (store.MaxTagsListed)",
	"listProducts":      "1000 of a workspace (store.MaxProducts)",
	"listEventTypes":    "the program's own and 200 at most of a workspace",
}

// TestLimits walks the document: every text, list, map and number that a caller
// may send has a limit, and every list that is answered has pages.
func TestLimits(t *testing.T) {
	doc := (&api.API{}).Document()
	w := walker{t: t, schemas: doc.Components.Schemas}
	for path, item := range doc.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch} {
			if o == nil || path == "/in/{account}" || path == "/oauth/token" { // raw bytes: 1 MiB; a form: 8 KiB
				continue
			}
			if o.RequestBody != nil {
				w.input(o.OperationID, o.RequestBody.Content["application/json"].Schema)
			}
			for _, p := range o.Parameters {
				w.input(o.OperationID+"?"+p.Name, p.Schema)
			}
			w.answered(o)
		}
	}
}

type walker struct {
	t       *testing.T
	schemas huma.Registry
	inside  []string // the named schemas on the way here
}

func (w walker) input(at string, s *huma.Schema) {
	if slices.Contains(w.inside, s.Ref) {
		return // a group of conditions holds conditions
	}
	if s.Ref != "" {
		w.inside = append(slices.Clip(w.inside), s.Ref)
		s = w.schemas.SchemaFromRef(s.Ref)
	}
	if slices.Contains(unlimited, at) {
		return
	}
	for _, one := range s.OneOf {
		w.input(at, one)
	}
	missing := ""
	switch {
	case s.Type == huma.TypeString && s.MaxLength == nil && len(s.Enum) == 0 && s.Pattern == "" && s.Format != "date-time":
		missing = "maxLength"
	case s.Type == huma.TypeInteger && (s.Minimum == nil || s.Maximum == nil && !strings.HasSuffix(at, "/version")):
		missing = "minimum and maximum"
	case s.Type == huma.TypeArray:
		if s.MaxItems == nil {
			missing = "maxItems"
		}
		w.input(at, s.Items)
	case s.Type == huma.TypeObject:
		for name, p := range s.Properties {
			w.input(at+"/"+name, p)
		}
		if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
			if s.MaxProperties == nil {
				missing = "maxProperties"
			}
			w.input(at+"/*", more)
		}
	}
	if missing != "" {
		w.t.Errorf("%s has no %s", at, missing)
	}
}

// answered asks of an operation that lists things for its limit and cursor.
func (w walker) answered(o *huma.Operation) {
	if !strings.HasPrefix(o.OperationID, "list") && !strings.HasPrefix(o.OperationID, "find") && o.OperationID != "getTimeline" {
		return
	}
	var names []string
	for _, p := range o.Parameters {
		names = append(names, p.Name)
	}
	paged := slices.Contains(names, "limit") && slices.Contains(names, "cursor")
	if _, short := whole[o.OperationID]; paged == short {
		w.t.Errorf("%s: pages %v; it is among the short ones: %v", o.OperationID, paged, short)
	}
}
