package channel

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// check reports what is wrong with a value, without repeating a secret.
func (f Field) check(v string) error {
	if f.Type != PEM && f.Type != Lines && strings.ContainsAny(v, "\r\n\x00") {
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
	case Lines:
		if strings.ContainsAny(v, "\r\x00") {
			return errors.New("its lines must end with a line feed alone")
		}
	case Text, SecretField, PEM, Input:
	}
	return nil
}
