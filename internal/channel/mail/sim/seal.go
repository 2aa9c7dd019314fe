package sim

import (
	"bytes"
	"errors"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// Seal is what a mail program says of one DKIM signature (RFC 6376).
type Seal struct {
	Domain string `json:"domain"`
	State  string `json:"state"` // valid, broken, or unknown: the key was not to be had
}

// seals checks the signatures of a mail with the keys of Inbox.Keys.
func (b *Inbox) seals(raw []byte) []Seal {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: b.key, MaxVerifications: 5})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return nil
	}
	var out []Seal
	for _, v := range found {
		state := "valid"
		switch {
		case v.Err != nil && dkim.IsTempFail(v.Err):
			state = "unknown"
		case v.Err != nil:
			state = "broken"
		}
		out = append(out, Seal{v.Domain, state})
	}
	return out
}

// key answers for the domain name system. A name that is not there counts as
// trouble that may pass: the inbox cannot tell.
func (b *Inbox) key(name string) ([]string, error) {
	if txt := b.Keys[strings.TrimSuffix(name, ".")]; txt != "" {
		return []string{txt}, nil
	}
	return nil, noKeyError{}
}

// noKeyError is a net.Error that passes.
type noKeyError struct{}

func (noKeyError) Error() string   { return "the inbox knows no such key" }
func (noKeyError) Timeout() bool   { return true }
func (noKeyError) Temporary() bool { return true }
