package catalogue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

// Schema is the part of JSON Schema 2020-12 that describes event data here:
// type, properties, required, items, enum, format (date, date-time) and minimum.
// What a schema does not name is allowed: an event may always say more.
type Schema struct {
	Title      string     `json:"title,omitempty"` // title and description are a workspace's own words
	Says       string     `json:"description,omitempty"`
	Type       string     `json:"type,omitempty"`
	Format     string     `json:"format,omitempty"`
	Enum       []string   `json:"enum,omitempty"`
	Minimum    *float64   `json:"minimum,omitempty"`
	Items      *Schema    `json:"items,omitempty"`
	Properties properties `json:"properties,omitzero"`
	Required   []string   `json:"required,omitempty"`
	Ref        string     `json:"$ref,omitempty"` // only in the embedded files: a part of parts.json
	Dialect    string     `json:"$schema,omitempty"`
}

// Dialect is the JSON Schema that is spoken here.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// The formats of texts, and the types.
const (
	formatDate     = "date"
	formatDateTime = "date-time"
)

var schemaTypes = []string{"object", "array", "string", "integer", "number", "boolean"}

// deepest and widest bound what a workspace's own schema may hold.
const (
	deepest   = 8
	widest    = 200
	maxSchema = 32 << 10
	maxSample = 32 << 10
)

// properties are members by name, in the order in which they were written.
type properties struct {
	names []string
	of    map[string]*Schema
}

// UnmarshalJSON keeps the order.
func (p *properties) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &p.of); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		p.names = append(p.names, fmt.Sprint(name))
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON writes them in order.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, name := range p.names {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.of[name])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s%s:%s", map[bool]string{true: "{", false: ","}[i == 0], key, value)
	}
	if len(p.names) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// IsZero is for omitzero.
func (p properties) IsZero() bool { return p.of == nil }

// ParseSchema reads the schema of a workspace's own type. It describes an
// object in the subset that Schema names; anything else would promise a check
// that is not made, and is refused with its place. The error is an *engawa.Error.
func ParseSchema(b []byte) (*Schema, error) {
	if len(b) > maxSchema {
		return nil, engawa.Invalid("", "describe less, or in fewer words", "the schema has %d bytes; %d are allowed", len(b), maxSchema)
	}
	if err := onlyKnownWords(b, "", 0); err != nil {
		return nil, err
	}
	s := &Schema{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, engawa.Invalid("", "send a JSON Schema of an object", "the schema cannot be read")
	}
	if s.Dialect != "" && s.Dialect != Dialect {
		return nil, engawa.Invalid("/$schema", "leave it out, or write "+Dialect, "this is another dialect of JSON Schema")
	}
	if s.Type != "object" {
		return nil, engawa.Invalid("/type", `write "type": "object": the data of an event is one`, "the type is %q", cut(s.Type))
	}
	return s, s.sound("")
}

// words are the keywords of the subset, and which kind of JSON each holds.
// title and description say nothing that could be checked.
var words = map[string]string{
	"type": "string", "format": "string", "enum": "array", "minimum": "number", "items": "object", "properties": "object", "required": "array",
	"$schema": "string", "title": "string", "description": "string",
}

// onlyKnownWords refuses keywords outside of the subset.
func onlyKnownWords(b []byte, at string, depth int) error {
	if depth > deepest {
		return engawa.Invalid(at, fmt.Sprintf("nest at most %d levels deep", deepest), "the schema is nested too deep")
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil || members == nil {
		return engawa.Invalid(at, "send a JSON Schema in the form of an object", "this is no schema")
	}
	for name, value := range sorted(members) {
		place := at + "/" + escape(name)
		kind, known := words[name]
		switch {
		case !known:
			return engawa.Invalid(place, "use type, properties, required, items, enum, format, minimum, title and description", "the keyword %q is not checked here", cut(name))
		case kindOf(value) != kind:
			return engawa.Invalid(place, "look the keyword up in JSON Schema 2020-12", "%s holds %s; %s is allowed", name, article(kindOf(value)), article(kind))
		}
		var err error
		switch name {
		case "items":
			err = onlyKnownWords(value, place, depth+1)
		case "properties":
			err = propertiesOnly(value, place, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func propertiesOnly(b []byte, at string, depth int) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return engawa.Invalid(at, "name the members of the object", "this is no object")
	}
	if len(members) > widest {
		return engawa.Invalid(at, "describe the members that routes and templates use", "there are %d members; %d are allowed", len(members), widest)
	}
	for name, value := range sorted(members) {
		if err := onlyKnownWords(value, at+"/"+escape(name), depth); err != nil {
			return err
		}
	}
	return nil
}

// sound refuses what a checker could not go by.
func (s *Schema) sound(at string) error {
	switch {
	case !slices.Contains(schemaTypes, s.Type):
		return engawa.Invalid(at+"/type", "write one of "+strings.Join(schemaTypes, ", "), "the type is %q", cut(s.Type))
	case s.Format != "" && (s.Type != "string" || s.Format != formatDate && s.Format != formatDateTime):
		return engawa.Invalid(at+"/format", "write date or date-time, for a string", "the format %q is not checked here", cut(s.Format))
	case s.Enum != nil && (s.Type != "string" || len(s.Enum) == 0):
		return engawa.Invalid(at+"/enum", "list the texts that are allowed, for a string", "these values cannot be checked")
	case s.Minimum != nil && s.Type != "integer" && s.Type != "number":
		return engawa.Invalid(at+"/minimum", "write it for an integer or a number", "a %s has no minimum", s.Type)
	case s.Items != nil && s.Type != "array":
		return engawa.Invalid(at+"/items", "write it for an array", "a %s has no items", s.Type)
	case (s.Properties.of != nil || s.Required != nil) && s.Type != "object":
		return engawa.Invalid(at+"/properties", "write it for an object", "a %s has no members", s.Type)
	}
	for i, name := range s.Required {
		if s.Properties.of[name] == nil {
			return engawa.Invalid(fmt.Sprintf("%s/required/%d", at, i), "describe it under properties", "%q is required and not described", cut(name))
		}
	}
	if s.Items != nil {
		return s.Items.sound(at + "/items")
	}
	for _, name := range s.Properties.names {
		if err := s.Properties.of[name].sound(at + "/properties/" + escape(name)); err != nil {
			return err
		}
	}
	return nil
}

// resolve puts the parts in place of what refers to them.
func (s *Schema) resolve(parts map[string]*Schema, depth int) (*Schema, error) {
	if s == nil || depth > deepest {
		return nil, fmt.Errorf("no schema, or a part that holds itself")
	}
	if s.Ref != "" {
		return parts[s.Ref].resolve(parts, depth+1)
	}
	out := *s
	out.Properties.of = map[string]*Schema{}
	for name, p := range s.Properties.of {
		var err error
		if out.Properties.of[name], err = p.resolve(parts, depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if s.Properties.of == nil {
		out.Properties.of = nil
	}
	if s.Items != nil {
		var err error
		if out.Items, err = s.Items.resolve(parts, depth+1); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// Member is the schema of an object's member; ok says whether the schema knows it.
func (s *Schema) Member(name string) (m *Schema, ok bool) {
	m, ok = s.Properties.of[name]
	return m, ok
}

// Members names an object's members, in the order in which they were written.
func (s *Schema) Members() []string { return slices.Clone(s.Properties.names) }

// Described reports whether the schema names an object's members. One that it
// names none of holds whatever its sender puts there.
func (s *Schema) Described() bool { return len(s.Properties.names) > 0 }

// Field is one member of event data, as a person reads it.
type Field struct {
	Path     string // "m.name", "items[].amount"
	Says     string // the workspace's own words; empty for the catalogue's types, whose are in internal/text
	Type     string
	Format   string
	Enum     []string
	Required bool // where the object it stands in is there
}

// Fields lists the members, each object before its own.
func (s *Schema) Fields() []Field { return s.fields("") }

func (s *Schema) fields(prefix string) (all []Field) {
	for _, name := range s.Properties.names {
		p := s.Properties.of[name]
		path := prefix + name
		all = append(all, Field{Path: path, Says: cmp.Or(p.Says, p.Title), Type: p.Type, Format: p.Format, Enum: p.Enum, Required: slices.Contains(s.Required, name)})
		if p.Items != nil {
			p, path = p.Items, path+"[]"
		}
		all = append(all, p.fields(path+".")...)
	}
	return all
}

// JSON is the schema as a document of its own.
func (s *Schema) JSON() []byte {
	whole := *s
	whole.Dialect = Dialect
	b, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return nil // a Schema holds nothing that JSON cannot
	}
	return b
}

func kindOf(b []byte) string {
	d := json.NewDecoder(bytes.NewReader(b))
	t, err := d.Token()
	if err != nil && err != io.EOF {
		return "nothing"
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return "array"
		}
		return "object"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	}
	return "null"
}
