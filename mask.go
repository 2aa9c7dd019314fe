package engawa

import (
	"fmt"
	"log/slog"
	"strings"
)

// What holds an address, a secret or words for one person prints only what
// names it, under every verb: Format answers all of them, also those that do not
// fit, where fmt would show the value to help (%d of a string). fmt calls no
// method of an unexported field: a struct that has a secret in one needs a
// Format of its own (TestMasks).

// Address is where a recipient is reached: a mailbox, a LINE user id, a room.
// Printing, logging or encoding one shows only its shape; Reveal gives the value.
type Address string

// Reveal returns the address itself. Call it where it leaves for the wire or
// for the eyes of somebody who may see it, nowhere else.
func (a Address) Reveal() string { return string(a) }

// String returns a masked form: the first letter and the shape.
func (a Address) String() string { return MaskAddress(string(a)) }

// Format prints the masked form whatever the verb.
func (a Address) Format(f fmt.State, verb rune) { printAs(f, verb, a.String()) }

// LogValue masks the address in logs.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText masks the address in JSON and text encodings.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MaskAddress masks any address: "taro@example.jp" becomes "t…@e….jp", anything
// else its first letter.
func MaskAddress(s string) string {
	if s == "" {
		return ""
	}
	local, domain, mail := strings.Cut(s, "@")
	if !mail {
		return first(s) + "…"
	}
	masked := first(local) + "…@" + first(domain) + "…"
	if i := strings.LastIndexByte(domain, '.'); i > 0 && label(domain[i+1:]) {
		masked += domain[i:]
	}
	return masked
}

// label reports whether s could be a top-level domain: anything else behind the
// last dot may be more of the address than its shape.
func label(s string) bool {
	return len(s) <= 12 && !strings.ContainsFunc(s, func(r rune) bool { return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && r != '-' })
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

// Format prints String whatever the verb.
func (s Secret) Format(f fmt.State, verb rune) { printAs(f, verb, s.String()) }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in JSON and text encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// printAs prints text under the verb and flags that something else was to be
// printed under.
func printAs(f fmt.State, verb rune, text string) {
	fmt.Fprintf(f, fmt.FormatString(f, verb), text)
}
