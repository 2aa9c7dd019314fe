package intake

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
)

// deepest is how far JSON that we take may nest.
const deepest = 32

// exact is the largest whole number that every reader of JSON understands
// alike: 2^53 - 1 (RFC 8259 §6).
const exact = 1<<53 - 1

// Strict refuses JSON that two readers could understand differently or that
// PostgreSQL cannot keep: repeated names, broken UTF-8, lone surrogates,
// U+0000, a byte order mark, more than one value, deep nesting, and numbers
// that a float64 does not hold. The error is CodeInvalid with the place.
func Strict(body []byte) error {
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return engawa.Invalid("", "send UTF-8 without a byte order mark", "the body begins with a byte order mark")
	}
	nul := bytes.Contains(body, []byte(`\u0000`)) // as a byte it is a syntax error
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for n := 0; ; n++ {
		if n > 0 && d.StackDepth() == 0 {
			return ended(d)
		}
		t, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return engawa.Invalid("", "send a JSON value", "the body is empty")
		}
		if err != nil {
			return Unreadable(err)
		}
		if err := checkToken(d, t, nul); err != nil {
			return err
		}
	}
}

// ended reports whether nothing but space follows the value.
func ended(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); errors.Is(err, io.EOF) {
		return nil
	}
	return engawa.Invalid("", "send one JSON value", "something follows the JSON value, at byte %d", d.InputOffset())
}

func checkToken(d *jsontext.Decoder, t jsontext.Token, nul bool) error {
	switch t.Kind() { //nolint:exhaustive // the others hold nothing to check
	case '{', '[':
		if d.StackDepth() > deepest+2 { // a list of events, and data in them
			return engawa.Invalid(place(d), "nest at most 32 levels deep", "the JSON is nested too deep")
		}
	case '"':
		if nul && strings.IndexByte(t.String(), 0) >= 0 {
			return engawa.Invalid(place(d), "remove the character U+0000", "a text holds the character U+0000, which cannot be stored")
		}
	case '0':
		if n := t.String(); !exactly(n) {
			return engawa.Invalid(place(d), "send it as a text in quotes", "the number %s is larger than readers of JSON agree on", short(n))
		}
	}
	return nil
}

// exactly reports whether a float64 holds the number, or comes as near as
// fractions do.
func exactly(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && (f <= exact && f >= -exact || strings.ContainsAny(number, ".eE"))
}

// short keeps a text that a caller made huge out of answers and logs.
func short(s string) string { return cut(s, 24) }

// place is where the decoder stands, as a JSON pointer.
func place(d *jsontext.Decoder) string { return pointer(d.StackPointer()) }

func pointer(p jsontext.Pointer) string { return cut(string(p), 200) }

// cut shortens s to n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// Unreadable turns an error of the JSON decoder into one for the caller, with
// the place as a JSON pointer (RFC 6901).
func Unreadable(err error) *engawa.Error {
	const remedy = "correct the JSON; names must be known and stand once"
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntax):
		return engawa.Invalid(pointer(syntax.JSONPointer), remedy, "the JSON cannot be read at byte %d: %s", syntax.ByteOffset, reason(syntax.Err))
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return engawa.Invalid(pointer(semantic.JSONPointer), remedy, "this name is not known here")
	case errors.As(err, &semantic):
		return engawa.Invalid(pointer(semantic.JSONPointer), "look the field up in /docs", "this value (%s) does not fit here", semantic.JSONKind)
	}
	return engawa.Invalid("", remedy, "the JSON cannot be read")
}

// reason says what is wrong with the syntax without repeating the input.
func reason(err error) string {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "a name stands twice in one object"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case strings.Contains(err.Error(), "UTF-8"):
		return "it is not UTF-8"
	case strings.Contains(err.Error(), "surrogate"):
		return "half of a surrogate pair"
	}
	return "a character is in the wrong place"
}
