package appstore

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// maxBody is the largest body that is read, in bytes.
const maxBody = 1 << 20

// Receiver takes App Store Server Notifications V2 for one app in one
// environment. It is safe for use by several goroutines.
type Receiver struct{ v *Verifier }

// New returns a Receiver. The error is an *engawa.Error for the operator,
// which names the setting.
func New(s Settings) (*Receiver, error) {
	v, err := NewVerifier(s)
	if err != nil {
		return nil, explain(err)
	}
	return &Receiver{v: v}, nil
}

// Receive proves the body of a notification and returns its one event, which
// keeps body as its evidence. The error is an *engawa.Error: CodeInvalid (no
// notification, another app or environment), CodeUnverified (not signed by the
// App Store) or CodeUnavailable (OCSP could not be asked; answer 503). It does
// no I/O unless OCSP is on.
func (r *Receiver) Receive(_ http.Header, body []byte) ([]engawa.Event, error) {
	payload, err := signedPayload(body)
	if err != nil {
		return nil, err
	}
	n, err := r.v.Notification(payload)
	if err != nil {
		return nil, tell(err)
	}
	e, err := r.v.event(n, body)
	if err != nil {
		return nil, tell(err)
	}
	return []engawa.Event{e}, nil
}

// signedPayload takes the JWS out of {"signedPayload": "…"}.
func signedPayload(body []byte) (string, error) {
	if len(body) > maxBody {
		return "", engawa.Invalid("", "send what the App Store sent, byte for byte", "the body has %d bytes, at most %d are taken", len(body), maxBody)
	}
	var b struct {
		SignedPayload string `json:"signedPayload"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return "", &engawa.Error{Code: engawa.CodeInvalid, Message: "the body is not the JSON of an App Store notification", Remedy: "send what the App Store sent, byte for byte", Err: err}
	}
	if b.SignedPayload == "" {
		return "", engawa.Invalid("/signedPayload", "choose version 2 notifications in App Store Connect", "there is no signedPayload in the body")
	}
	return b.SignedPayload, nil
}

// explain turns a configuration error into words for the operator.
func explain(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	return &engawa.Error{
		Code: engawa.CodeInvalid, Field: "/settings/" + e.Part,
		Message: e.Part + ": " + e.Err.Error(), Remedy: remedy(e.Part), Err: err,
	}
}

// remedy says what to enter in a setting.
func remedy(setting string) string {
	switch setting {
	case "bundle_id":
		return "enter the bundle id of App Store Connect, App Information, such as jp.example.coffee"
	case "app_apple_id":
		return "enter the Apple ID of App Store Connect, App Information: a number of about ten digits"
	case "environment":
		return "choose production or sandbox; each has its own account and its own URL in App Store Connect"
	case "issuer_id":
		return "copy the Issuer ID from App Store Connect, Users and Access, Integrations, In-App Purchase"
	case "key_id":
		return "copy the Key ID of the In-App Purchase key from App Store Connect, Users and Access, Integrations"
	case "private_key":
		return "paste the whole .p8 file of the In-App Purchase key, from BEGIN to END"
	case "roots":
		return "leave it empty for Apple's root, or paste root certificates in PEM form"
	}
	return "switch the status check off, or start the hub with its outbound HTTP client"
}

// Recall reads the body of a notification that was proved when it came, as an
// event keeps it. It proves nothing.
func Recall(body []byte) (*Notice, error) {
	payload, err := signedPayload(body)
	if err != nil {
		return nil, err
	}
	var n Notice
	if err := recall(payload, &n.Notification); err != nil {
		return nil, err
	}
	if d := n.Data; d != nil && d.SignedTransactionInfo != "" {
		if err := recall(d.SignedTransactionInfo, &n.Transaction); err != nil {
			return nil, err
		}
	}
	if d := n.Data; d != nil && d.SignedRenewalInfo != "" {
		if err := recall(d.SignedRenewalInfo, &n.Renewal); err != nil {
			return nil, err
		}
	}
	if d := n.AppData; d != nil && d.SignedAppTransactionInfo != "" {
		if err := recall(d.SignedAppTransactionInfo, &n.AppTransaction); err != nil {
			return nil, err
		}
	}
	return &n, nil
}

func recall(text string, it any) error {
	j, err := split(text)
	if err != nil {
		return tell(fail(ClassVerification, partNotification, "%w", err))
	}
	if err := json.Unmarshal(j.payload, it); err != nil {
		return tell(fail(ClassVerification, partNotification, "decode payload: %w", err))
	}
	return nil
}
