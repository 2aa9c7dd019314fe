package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// DSN names a database. It may hold a password: printing, logging or encoding
// one leaves that out; Reveal gives the whole.
type DSN string

// Reveal returns the name with its password. Call it to open the database.
func (d DSN) Reveal() string { return string(d) }

// dots stand for what is not shown.
const dots = "••••••"

// String returns the DSN without its password, which may stand before the host
// or among the parameters.
func (d DSN) String() string {
	if !d.postgres() {
		return string(d)
	}
	u, err := url.Parse(string(d))
	if err != nil {
		return "postgres://" + dots
	}
	masked := "postgres://"
	if u.User != nil {
		masked += u.User.Username()
		if _, has := u.User.Password(); has {
			masked += ":" + dots
		}
		masked += "@"
	}
	masked += u.Host + u.EscapedPath()
	if u.RawQuery == "" {
		return masked
	}
	for parameter := range u.Query() {
		if strings.Contains(parameter, "password") {
			return masked + "?" + dots
		}
	}
	return masked + "?" + u.RawQuery
}

// Format prints String whatever the verb.
func (d DSN) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

// LogValue masks the DSN in logs.
func (d DSN) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText masks the DSN in JSON and text encodings.
func (d DSN) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d DSN) postgres() bool {
	return strings.HasPrefix(string(d), "postgres://") || strings.HasPrefix(string(d), "postgresql://")
}

// check refuses what is neither a path nor a postgres URL. It never repeats
// the value.
func (d DSN) check() error {
	switch {
	case d == "":
		return errors.New("must not be empty: give the path of a SQLite file or postgres://user@host/name")
	case d.postgres():
		u, err := url.Parse(string(d))
		if err != nil {
			return errors.New("is not a URL that can be read: check that special characters of the password are escaped (%40 for @)")
		}
		if strings.Trim(u.Path, "/") == "" {
			return errors.New("does not say which database on the server: add its name, postgres://user@host/name")
		}
	case strings.Contains(string(d), "://"):
		return errors.New("must be the path of a SQLite file or begin with postgres://")
	case strings.Contains(string(d), "host=") || strings.Contains(string(d), "password="):
		return errors.New("must be written as a URL: postgres://user@host/name")
	}
	return nil
}
