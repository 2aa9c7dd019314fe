package catalogue

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// Check holds data against the schema. A member that is not required may be
// absent or null, and members that the schema does not know are allowed. The
// error is an *engawa.Error with the place in data, what was seen there and what
// is allowed; it repeats no value, for that may be an address.
func (s *Schema) Check(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return engawa.Invalid("", "send a JSON object", "the data cannot be read")
	}
	return s.check("", v)
}

// Check holds an event that the hub or one of its adapters made against the
// catalogue. A type that the adapter itself does not know is taken as it is; any
// other must be there. It is asked in the tests of whatever makes events.
func Check(e engawa.Event) error {
	if !e.Known {
		return nil
	}
	t, ok := Find(e.Type)
	if !ok {
		return fmt.Errorf("%s is no type of the catalogue", e.Type)
	}
	if err := t.Schema.Check(e.Data); err != nil {
		return fmt.Errorf("%s: %w", e.Type, err)
	}
	return nil
}

func (s *Schema) check(at string, v any) error {
	switch s.Type {
	case "object":
		return s.checkObject(at, v)
	case "array":
		return s.checkArray(at, v)
	case "string":
		return s.checkText(at, v)
	case "integer", "number":
		return s.checkNumber(at, v)
	case "boolean":
		if _, ok := v.(bool); !ok {
			return s.wrong(at, v)
		}
	}
	return nil
}

func (s *Schema) checkObject(at string, v any) error {
	o, ok := v.(map[string]any)
	if !ok {
		return s.wrong(at, v)
	}
	for _, name := range s.Required {
		if o[name] == nil {
			return engawa.Invalid(at+"/"+escape(name), fmt.Sprintf("send %s: %s", name, s.Properties.of[name].allows()), "%s is required and is not there", name)
		}
	}
	for _, name := range s.Properties.names {
		if o[name] == nil {
			continue
		}
		if err := s.Properties.of[name].check(at+"/"+escape(name), o[name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkArray(at string, v any) error {
	list, ok := v.([]any)
	if !ok {
		return s.wrong(at, v)
	}
	if s.Items == nil {
		return nil
	}
	for i, item := range list {
		if err := s.Items.check(fmt.Sprintf("%s/%d", at, i), item); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkText(at string, v any) error {
	text, ok := v.(string)
	var err error
	switch {
	case !ok:
		return s.wrong(at, v)
	case s.Enum != nil && !slices.Contains(s.Enum, text):
		return s.wrong(at, v)
	case s.Format == formatDate:
		_, err = time.Parse(time.DateOnly, text)
	case s.Format == formatDateTime:
		_, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return s.wrong(at, v)
	}
	return nil
}

func (s *Schema) checkNumber(at string, v any) error {
	n, ok := v.(float64)
	if !ok || s.Type == "integer" && n != math.Trunc(n) || s.Minimum != nil && n < *s.Minimum {
		return s.wrong(at, v)
	}
	return nil
}

func (s *Schema) wrong(at string, v any) error {
	return engawa.Invalid(at, "send "+s.allows(), "there is %s here; allowed is %s", seen(v), s.allows())
}

// allows says in words what fits.
func (s *Schema) allows() string {
	switch {
	case s.Enum != nil:
		return "one of " + strings.Join(s.Enum, ", ")
	case s.Format == formatDate:
		return "a date such as 2026-11-23"
	case s.Format == formatDateTime:
		return "a time with zone such as 2026-11-23T12:00:00+09:00"
	case s.Type == "integer" && s.Minimum != nil:
		return fmt.Sprintf("a whole number from %v", *s.Minimum)
	case s.Type == "number" && s.Minimum != nil:
		return fmt.Sprintf("a number from %v", *s.Minimum)
	}
	return article(s.Type)
}

func article(kind string) string {
	switch kind {
	case "object":
		return "an object"
	case "array":
		return "a list"
	case "integer":
		return "a whole number"
	case "string":
		return "a text"
	case "boolean":
		return "true or false"
	case "number":
		return "a number"
	}
	return kind
}

// code is a text that can only be a code, and may be repeated in an answer.
var code = regexp.MustCompile(`^[a-z][a-z_]{0,23}$`)

// seen says what is there without repeating what may be somebody's.
func seen(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case bool:
		return fmt.Sprint(v)
	case float64:
		return fmt.Sprintf("the number %v", v)
	case string:
		if code.MatchString(v) {
			return fmt.Sprintf("the text %q", v)
		}
		return fmt.Sprintf("a text of %d characters", utf8.RuneCountInString(v))
	}
	return "something else"
}

// escape writes a name for a JSON pointer (RFC 6901 §3).
func escape(name string) string {
	return cut(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// cut keeps a name that a caller made huge out of answers.
func cut(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return s
}

func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}
