package engawa

import (
	"errors"
	"fmt"
)

// Error is an error that a user must be told. Code is stable and for programs;
// Message says what was seen and what is allowed; Remedy says what to do now.
// It never holds an address or a secret.
type Error struct {
	Code    Code
	Message string
	Remedy  string
	Field   string // where in the input, as a JSON pointer; may be empty
	Part    string // what of it, where it holds several things, such as a line's id; may be empty
	Err     error  // the cause, for the log; may be nil
}

// Code says what kind of trouble an Error is.
type Code string

// The codes. The HTTP layer maps each to one status.
const (
	CodeInvalid      Code = "invalid"      // 400: can never be accepted as it is
	CodeUnauthorized Code = "unauthorized" // 401
	CodeForbidden    Code = "forbidden"    // 403
	CodeNotFound     Code = "not_found"    // 404
	CodeMethod       Code = "method"       // 405: the path takes other methods
	CodeConflict     Code = "conflict"     // 409
	CodeTooLarge     Code = "too_large"    // 413
	CodeMediaType    Code = "media_type"   // 415: a body of another kind than is taken here
	CodeMismatch     Code = "key_mismatch" // 422: idempotency key used with another body
	CodeUnavailable  Code = "unavailable"  // 503: try again later, nothing was taken
	CodeRateLimited  Code = "rate_limited" // 429
	CodeUnverified   Code = "unverified"   // 401: a callback whose proof does not hold
)

func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the *Error in err; empty: there is none.
func CodeOf(err error) Code {
	if told, ok := errors.AsType[*Error](err); ok {
		return told.Code
	}
	return ""
}

// Invalid returns a CodeInvalid error for field, with what was wrong and what to do.
func Invalid(field, remedy, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Within puts a place before the place that an *Error names: of a part that was
// checked by itself, where it stands in the whole. Other errors stay as they are.
func Within(place string, err error) error {
	told, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	moved := *told
	moved.Field = place + told.Field
	return &moved
}

// NotFound returns a CodeNotFound error for a thing called what.
func NotFound(what string) *Error {
	return &Error{Code: CodeNotFound, Message: "there is no such " + what + " in this workspace", Remedy: "check the id; lists show what exists"}
}
