package api

import (
	"bytes"
	"cmp"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

// docsPage is what the reading page shows.
type docsPage struct {
	About   [][]docsSpan // paragraphs
	Groups  []docsGroup
	Schemas []docsSchema
}

// docsSpan is words, or code between them.
type docsSpan struct {
	Text string
	Code bool
}

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Scope, Summary, About string
	Parameters                              []docsField
	Body, Answer                            []string // names of schemas
	Status                                  string
}

type docsSchema struct {
	Name, About string
	Fields      []docsField
}

type docsField struct {
	Name, Type, Ref, About string
	Required               bool
}

// html shows the document as one page, with nothing from elsewhere.
func (d document) html() ([]byte, error) {
	t, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, fmt.Errorf("parse docs.html: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, d.page()); err != nil {
		return nil, fmt.Errorf("render docs.html: %w", err)
	}
	return b.Bytes(), nil
}

func (d document) page() docsPage {
	p := docsPage{}
	for paragraph := range strings.SplitSeq(d.api.Info.Description, "\n\n") {
		p.About = append(p.About, spans(paragraph))
	}
	for _, tag := range d.api.Tags {
		p.Groups = append(p.Groups, docsGroup{Name: tag.Name})
	}
	for _, path := range slices.Sorted(maps.Keys(d.api.Paths)) {
		for _, o := range methods(d.api.Paths[path]) {
			p.add(o)
		}
	}
	schemas := d.api.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := schemas[name]
		shown := docsSchema{Name: name, About: s.Description}
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			shown.Fields = append(shown.Fields, fieldOf(field, s.Properties[field], slices.Contains(s.Required, field)))
		}
		p.Schemas = append(p.Schemas, shown)
	}
	return p
}

// spans parts a text at its backticks.
func spans(s string) (out []docsSpan) {
	for i, part := range strings.Split(s, "`") {
		out = append(out, docsSpan{part, i%2 == 1})
	}
	return out
}

func (p *docsPage) add(o *huma.Operation) {
	i := slices.IndexFunc(p.Groups, func(g docsGroup) bool { return g.Name == o.Tags[0] })
	p.Groups[i].Operations = append(p.Groups[i].Operations, operationOf(o))
}

func operationOf(o *huma.Operation) docsOperation {
	out := docsOperation{ID: o.OperationID, Method: o.Method, Path: o.Path, Summary: o.Summary, About: o.Description}
	for _, need := range o.Security {
		out.Scope = strings.Join(need["key"], " ")
	}
	for _, q := range o.Parameters {
		f := fieldOf(q.Name, q.Schema, q.Required)
		f.About = cmp.Or(q.Description, f.About)
		out.Parameters = append(out.Parameters, f)
	}
	if o.RequestBody != nil {
		out.Body = schemaNames(o.RequestBody.Content["application/json"])
	}
	for status, r := range o.Responses {
		if status != "default" {
			out.Status, out.Answer = status, schemaNames(r.Content["application/json"])
		}
	}
	return out
}

func schemaNames(m *huma.MediaType) []string {
	if m == nil || m.Schema == nil {
		return nil
	}
	var names []string
	for _, s := range append([]*huma.Schema{m.Schema}, m.Schema.OneOf...) {
		if s.Ref != "" {
			names = append(names, strings.TrimPrefix(s.Ref, refPrefix))
		}
	}
	return names
}

// fieldOf says what a field takes, in a few words.
func fieldOf(name string, s *huma.Schema, required bool) docsField {
	f := docsField{Name: name, Required: required, About: s.Description}
	f.Type, f.Ref = typeWords(s)
	for _, v := range s.Enum {
		f.Type += " " + fmt.Sprint(v)
	}
	return f
}

func typeWords(s *huma.Schema) (words, ref string) {
	switch {
	case s.Ref != "":
		return "", strings.TrimPrefix(s.Ref, refPrefix)
	case s.Type == huma.TypeArray && s.Items != nil:
		words, ref = typeWords(s.Items)
		return strings.TrimSpace("list of " + words), ref
	case s.Type == huma.TypeObject:
		if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
			words, ref = typeWords(more)
			return strings.TrimSpace("map of " + words), ref
		}
		return "object", ""
	case s.Type == huma.TypeInteger:
		words = "whole number"
		if s.Minimum != nil && s.Maximum != nil {
			words += fmt.Sprintf(", %v to %v", *s.Minimum, *s.Maximum)
		}
		return words, ""
	}
	words = cmp.Or(s.Format, s.Type, "any")
	if s.MaxLength != nil {
		words += " of " + strconv.Itoa(*s.MaxLength) + " characters at most"
	}
	if s.Nullable {
		words += " or null"
	}
	return words, ""
}

// methods are the operations of a path, in the order in which they are read.
func methods(p *huma.PathItem) []*huma.Operation {
	return slices.DeleteFunc([]*huma.Operation{p.Get, p.Post, p.Put, p.Patch, p.Delete}, func(o *huma.Operation) bool { return o == nil })
}
