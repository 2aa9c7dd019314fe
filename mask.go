package engawa

import (
	"log/slog"
	"strings"
)

// Address is where a recipient is reached: a mailbox, a LINE user id, a room.
// Printing, logging or encoding one shows only its shape; Reveal gives the value.
type Address string

// Reveal returns the address itself. Call it where it leaves for the wire or
// for the eyes of somebody who may see it, nowhere else.
func (a Address) Reveal() string { return string(a) }

// String returns a masked form: the first letter and the shape.
func (a Address) String() string { return MaskAddress(string(a)) }

// GoString is String, so that %#v does not reveal either.
func (a Address) GoString() string { return a.String() }

// LogValue masks the address in logs.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText masks the address in JSON and text encodings.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MaskAddress masks any address: "taro@example.jp" becomes "t…@e….jp",
// anything else its first letter and its length class.
func MaskAddress(s string) string {
	if s == "" {
		return ""
	}
	local, domain, mail := strings.Cut(s, "@")
	if !mail {
		return first(s) + "…"
	}
	masked := first(local) + "…@" + first(domain) + "…"
	if i := strings.LastIndexByte(domain, '.'); i > 0 {
		masked += domain[i:]
	}
	return masked
}

func first(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// Secret is a credential. It never prints.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns dots, or nothing when the secret is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "••••••"
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in JSON and text encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
