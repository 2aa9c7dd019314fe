package appstore

import (
	"errors"
	"fmt"

	"github.com/engawa/engawa"
)

// Class says why signed data was not taken.
type Class string

// The classes.
const (
	ClassVerification  Class = "verification"   // form, algorithm, certificate, chain or signature
	ClassChainLength   Class = "chain_length"   // x5c has not exactly three certificates
	ClassApp           Class = "app_identifier" // proved, but for another app
	ClassEnvironment   Class = "environment"    // proved, but of another environment
	ClassConfiguration Class = "configuration"  // the settings cannot work
	ClassRetryable     Class = "retryable"      // could not be checked now; may pass later
)

// Error says which part was refused and why. It holds no customer data.
type Error struct {
	Class Class
	Part  string // "notification", "transaction", "renewal info", "app transaction", or a setting's name
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("verify %s: %s: %s", e.Part, e.Class, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// fail returns an Error with a formatted cause; %w works.
func fail(class Class, part, format string, args ...any) *Error {
	return &Error{Class: class, Part: part, Err: fmt.Errorf(format, args...)}
}

// tell turns a refusal into the error that the intake understands. A body
// that can never be accepted is unverified or invalid; a check that could not
// be made is unavailable, so that Apple tries again: it does after 50x, and no
// longer does after 400 (developer forum thread 819050, since 2026-03).
func tell(err error) *engawa.Error {
	var e *Error
	if !errors.As(err, &e) {
		return &engawa.Error{Code: engawa.CodeInvalid, Message: "the notification cannot be read", Remedy: "send what the App Store sent, byte for byte", Err: err}
	}
	switch e.Class {
	case ClassApp:
		return &engawa.Error{
			Code: engawa.CodeInvalid, Err: err,
			Message: "the notification is for another app than this account's",
			Remedy:  "compare bundle id and Apple id of the account with App Store Connect, and the URL entered there with this account's",
		}
	case ClassEnvironment:
		return &engawa.Error{
			Code: engawa.CodeInvalid, Err: err,
			Message: "the notification is of another environment than this account's",
			Remedy:  "enter the production account's URL under production and the sandbox account's under sandbox in App Store Connect",
		}
	case ClassRetryable:
		return &engawa.Error{
			Code: engawa.CodeUnavailable, Err: err,
			Message: "the certificate's status could not be asked for",
			Remedy:  "the App Store sends it again; if it lasts, check that the hub reaches ocsp.apple.com, or switch the status check off",
		}
	case ClassVerification, ClassChainLength, ClassConfiguration:
	}
	return &engawa.Error{
		Code: engawa.CodeUnverified, Err: err,
		Message: "the notification is not signed by the App Store",
		Remedy:  "nothing was taken; if it does come from the App Store, check the account's trusted roots",
	}
}
