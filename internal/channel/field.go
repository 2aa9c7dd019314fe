package channel

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// Name takes any name on one line, at most most characters, as an address: what
// the other side knows a recipient or a place by.
func Name(s string, most int) (engawa.Address, error) {
	s = strings.TrimSpace(s)
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, unicode.IsControl) {
		return "", engawa.Invalid("/address", fmt.Sprintf("give a name of 1 to %d characters on one line", most), "this is not a name of 1 to %d printable characters", most)
	}
	return engawa.Address(s), nil
}

// check reports what is wrong with a value, without repeating a secret.
func (f Field) check(v string) error {
	if f.Type != PEM && f.Type != Lines && f.Type != Own && strings.ContainsAny(v, "\r\n\x00") {
		return errors.New("it must be one line")
	}
	switch f.Type {
	case Number:
		if n, err := strconv.Atoi(v); err != nil || n < 0 {
			return fmt.Errorf("%q is not a whole number from 0", v)
		}
	case Bool:
		if v != "true" && v != "false" {
			return fmt.Errorf("%q is neither true nor false", v)
		}
	case Mail:
		if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
			return errors.New("it is not a mail address")
		}
	case URL:
		if u, err := url.Parse(v); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
			return errors.New("it is not an http or https URL without user and password")
		}
	case Host:
		if strings.ContainsAny(v, "/@ ") {
			return fmt.Errorf("%q is not a host or host:port", v)
		}
	case Choice:
		if !slices.Contains(f.Choices, v) {
			return fmt.Errorf("%q is not one of %s", v, strings.Join(f.Choices, ", "))
		}
	case Own:
		if f.Check != nil {
			return f.Check(v)
		}
	case Lines:
		if strings.ContainsAny(v, "\r\x00") {
			return errors.New("its lines must end with a line feed alone")
		}
	case OfApp:
		if !strings.HasPrefix(v, engawa.PrefixApp+"_") {
			return fmt.Errorf("%q is not the id of an app (%s_…)", v, engawa.PrefixApp)
		}
	case Text, SecretField, PEM, Input, Pick:
	}
	return nil
}
