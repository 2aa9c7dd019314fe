package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// EnvPrefix begins the name of every environment variable of ours.
const EnvPrefix = "ENGAWA_"

// fileSuffix after a secret's key names the file that holds the secret.
const fileSuffix = "_file"

// key is one setting: a leaf of Config with what its tags say.
type key struct {
	Name    string // "oidc.client_secret"
	Doc     string
	Default string
	OneOf   []string
	value   reflect.Value
}

// keysOf returns the keys of c in the order of its fields. Setting a key sets
// the field of c.
func keysOf(c *Config) []key { return appendKeys(nil, "", reflect.ValueOf(c).Elem()) }

func appendKeys(keys []key, prefix string, v reflect.Value) []key {
	for field, value := range v.Fields() {
		name := prefix + field.Tag.Get("toml")
		if field.Type.Kind() == reflect.Struct {
			keys = appendKeys(keys, name+".", value)
			continue
		}
		keys = append(keys, key{
			Name:    name,
			Doc:     field.Tag.Get("doc"),
			Default: field.Tag.Get("default"),
			OneOf:   strings.Fields(field.Tag.Get("oneof")),
			value:   value,
		})
	}
	return keys
}

// envOf returns the environment variable of a key's name.
func envOf(name string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// secret reports whether the value must not be shown and may come from a file.
func (k key) secret() bool {
	switch k.value.Interface().(type) {
	case engawa.Secret, DSN:
		return true
	}
	return false
}

// hides reports whether text, as the value of k, has something in it that must
// not be shown.
func (k key) hides(text string) bool {
	return k.secret() && k.set(text) == nil && fmt.Sprint(k.value.Interface()) != text
}

// set reads text into the field. A list is written with commas. The error
// never repeats a secret.
func (k key) set(text string) error {
	if len(k.OneOf) > 0 && !slices.Contains(k.OneOf, text) {
		return fmt.Errorf("is %q; it may be %s", text, strings.Join(k.OneOf, ", "))
	}
	switch p := k.value.Addr().Interface().(type) {
	case *string:
		*p = text
	case *engawa.Secret:
		*p = engawa.Secret(text)
	case *DSN:
		*p = DSN(text)
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("is %q; it must be a length of time such as 20s or 2m", text)
		}
		*p = d
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return fmt.Errorf("is %q; it must be a whole number from 1, in quotes", text)
		}
		*p = n
	case *[]netip.Prefix:
		prefixes, err := parsePrefixes(text)
		if err != nil {
			return err
		}
		*p = prefixes
	default:
		return errors.New("has a type that no file can set: " + k.value.Type().String())
	}
	return nil
}

// text is the value as a file would have it, masked if it is secret.
func (k key) text() string {
	if prefixes, ok := reflect.TypeAssert[[]netip.Prefix](k.value); ok {
		quoted := make([]string, len(prefixes))
		for i, p := range prefixes {
			quoted[i] = `"` + p.String() + `"`
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return fmt.Sprintf("%q", fmt.Sprint(k.value.Interface()))
}

func parsePrefixes(text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("has %q; it must be a network such as 10.0.0.0/8 or fd00::/8", part)
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("has %q, which is an address inside a network; the network is %s", part, p.Masked())
		}
		out = append(out, p)
	}
	return out, nil
}
