package catalogue

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/engawa/engawa"
)

// TestFilesUseTheSubset: a keyword that the checker does not know would be
// passed over in silence when the embedded files are read.
func TestFilesUseTheSubset(t *testing.T) {
	words["$ref"] = "string"
	defer delete(words, "$ref")
	raw := func(name string, into any) {
		if err := readFile(name, into); err != nil {
			t.Fatal(err)
		}
	}
	schemas := map[string]json.RawMessage{}
	raw("parts", &schemas)
	for _, group := range append(Groups[:], "store", "system") {
		var some []map[string]json.RawMessage
		raw(group, &some)
		for _, typ := range some {
			for name := range typ {
				if !strings.Contains(" type kind opt_in schema sample variants related ", " "+name+" ") {
					t.Errorf("%s: nobody reads %q", typ["type"], name)
				}
			}
			schemas[string(typ["type"])] = typ["schema"]
		}
	}
	for name, s := range schemas {
		if err := onlyKnownWords(s, "", 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, typ := range Types() {
		s, err := ParseSchema(typ.Schema.JSON())
		if err != nil {
			t.Errorf("%s: its own document is refused: %v", typ.Name, err)
		} else if string(s.JSON()) != string(typ.Schema.JSON()) {
			t.Errorf("%s: the document does not read as it was written", typ.Name)
		}
	}
}

const shipped = `{"type":"object","required":["order"],"properties":{
	"order":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"lines":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer","minimum":1}}}}}},
	"on":{"type":"string","format":"date"},"at":{"type":"string","format":"date-time"},"how":{"type":"string","enum":["post","courier"]},
	"gift":{"type":"boolean"},"weight":{"type":"number","minimum":0},"tags":{"type":"array","items":{"type":"string"}}}}`

func TestCheck(t *testing.T) {
	s, err := ParseSchema([]byte(shipped))
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{"order":{"id":"1"}}`:                                                 "",
		`{"order":{"id":"1","more":[1]},"unknown":{"a":null}}`:                 "",
		`{"order":{"id":"1"},"on":null,"gift":null,"tags":null}`:               "",
		`{"order":{"id":"1","lines":[{"n":1},{"n":2.0}]},"on":"2026-11-23"}`:   "",
		`{"order":{"id":"1"},"at":"2026-11-23T12:00:00.5+09:00","weight":0.5}`: "",
		`{"order":{"id":"1"},"how":"post","gift":false,"tags":["a"]}`:          "",
		`{}`:                    "/order: order is required and is not there",
		`{"order":null}`:        "/order: order is required and is not there",
		`{"order":{"id":null}}`: "/order/id: id is required and is not there",
		`{"order":{}}`:          "/order/id: id is required and is not there",
		`{"order":"1"}`:         "/order: there is a text of 1 characters here; allowed is an object",
		`{"order":{"id":7}}`:    "/order/id: there is the number 7 here; allowed is a text",
		`{"order":{"id":"1","lines":[{"n":1.5}]}}`:  "/order/lines/0/n: there is the number 1.5 here; allowed is a whole number from 1",
		`{"order":{"id":"1","lines":[{},{"n":0}]}}`: "/order/lines/1/n: there is the number 0 here; allowed is a whole number from 1",
		`{"order":{"id":"1","lines":{}}}`:           "/order/lines: there is an object here; allowed is a list",
		`{"order":{"id":"1"},"on":"2026-11-31"}`:    "/on: there is a text of 10 characters here; allowed is a date such as 2026-11-23",
		`{"order":{"id":"1"},"at":"2026-11-23"}`:    "/at: there is a text of 10 characters here; allowed is a time with zone such as 2026-11-23T12:00:00+09:00",
		`{"order":{"id":"1"},"how":"pigeon"}`:       `/how: there is the text "pigeon" here; allowed is one of post, courier`,
		`{"order":{"id":"1"},"how":"a@b.example"}`:  "/how: there is a text of 11 characters here; allowed is one of post, courier",
		`{"order":{"id":"1"},"gift":"yes"}`:         `/gift: there is the text "yes" here; allowed is true or false`,
		`{"order":{"id":"1"},"weight":-1}`:          "/weight: there is the number -1 here; allowed is a number from 0",
		`{"order":{"id":"1"},"tags":[true]}`:        "/tags/0: there is true here; allowed is a text",
		`[]`:                                        ": there is a list here; allowed is an object",
	} {
		got := ""
		if err := s.Check([]byte(data)); err != nil {
			e := &engawa.Error{}
			if !errors.As(err, &e) || e.Code != engawa.CodeInvalid || e.Remedy == "" {
				t.Errorf("%s: %v is not for a user", data, err)
			}
			got = e.Field + ": " + e.Message
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", data, got, want)
		}
	}
}

func TestSchemasThatAreRefused(t *testing.T) {
	for schema, place := range map[string]string{
		`[]`:                  "",
		`null`:                "",
		`{"type":"string"}`:   "/type",
		`{"type":["object"]}`: "/type",
		`{"type":"object","additionalProperties":false}`:                                            "/additionalProperties",
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}}}`:                                 "/properties/a/$ref",
		`{"type":"object","properties":{"a":{"type":"string","pattern":"^a"}}}`:                     "/properties/a/pattern",
		`{"type":"object","properties":{"a/b":{"type":"text"}}}`:                                    "/properties/a~1b/type",
		`{"type":"object","properties":{"a":{}}}`:                                                   "/properties/a/type",
		`{"type":"object","properties":{"a":true}}`:                                                 "/properties/a",
		`{"type":"object","properties":{"a":{"type":"string","format":"email"}}}`:                   "/properties/a/format",
		`{"type":"object","properties":{"a":{"type":"integer","format":"date"}}}`:                   "/properties/a/format",
		`{"type":"object","properties":{"a":{"type":"string","minimum":1}}}`:                        "/properties/a/minimum",
		`{"type":"object","properties":{"a":{"type":"string","enum":[]}}}`:                          "/properties/a/enum",
		`{"type":"object","properties":{"a":{"type":"string","enum":[1]}}}`:                         "",
		`{"type":"object","properties":{"a":{"type":"string","items":{"type":"string"}}}}`:          "/properties/a/items",
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"x"}}}}`:                "/properties/a/items/type",
		`{"type":"object","properties":{"a":{"type":"array","items":[{}]}}}`:                        "/properties/a/items",
		`{"type":"object","required":["b"]}`:                                                        "/required/0",
		`{"type":"object","$schema":"http://json-schema.org/draft-07/schema#"}`:                     "/$schema",
		strings.Repeat(`{"type":"object","properties":{"a":`, 12) + "{}" + strings.Repeat("}}", 12): strings.Repeat("/properties/a", 9),
		`{"type":"object","title":"` + strings.Repeat("x", maxSchema) + `"}`:                        "",
	} {
		_, err := ParseSchema([]byte(schema))
		var e *engawa.Error
		if !errors.As(err, &e) || e.Code != engawa.CodeInvalid || e.Field != place || e.Remedy == "" {
			t.Errorf("%.100s: %v at %q, want %q", schema, err, e.Field, place)
		}
	}
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(shipped), []byte(`{"order":{"id":"1"}}`))
	f.Fuzz(func(t *testing.T, schema, data []byte) {
		s, err := ParseSchema(schema)
		if err != nil {
			return
		}
		_ = s.Check(data)
		again, err := ParseSchema(s.JSON())
		if err != nil || string(again.JSON()) != string(s.JSON()) {
			t.Errorf("%s\nreads as %s\n%v", schema, s.JSON(), err)
		}
	})
}
