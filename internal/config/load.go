package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Load returns the configuration of the file at path under that of environ,
// whose entries are written NAME=value as os.Environ gives them. An empty path
// means File in the working directory if there is one, and no file otherwise.
//
// All that is wrong is told in one error, in words for an administrator: the
// place, what was seen, what is allowed. No secret stands in it.
func Load(path string, environ []string) (Config, error) {
	settings, err := readFile(path)
	if err != nil {
		return Config{}, err
	}
	vars, err := readEnviron(environ)
	if err != nil {
		return Config{}, err
	}
	c := Default()
	var wrong []error
	for _, k := range keysOf(&c) {
		if err := apply(k, settings, vars); err != nil {
			wrong = append(wrong, err)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return Config{}, err
	}
	if err := c.complete(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// setting is one value and where it was found, for the error.
type setting struct{ text, place string }

// apply sets k from the environment, else from the file. A secret in one place
// twice, by value and by file, is an error: nobody could say which one counts.
func apply(k key, settings, vars map[string]setting) error {
	for _, source := range []map[string]setting{vars, settings} {
		value, given := source[k.Name]
		file, byFile := source[k.Name+fileSuffix]
		byFile = byFile && k.secret()
		switch {
		case given && byFile:
			return fmt.Errorf("%s and %s are both set: keep one", value.place, file.place)
		case byFile:
			text, err := readSecret(file.text)
			if err != nil {
				return fmt.Errorf("%s: %w", file.place, err)
			}
			value = setting{text, file.place}
		case !given:
			continue
		}
		if err := k.set(value.text); err != nil {
			return fmt.Errorf("%s %w", value.place, err)
		}
		return nil
	}
	return nil
}

func readFile(path string) (map[string]setting, error) {
	explicit := path != ""
	if !explicit {
		path = File
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var tree map[string]any
	if _, err := toml.Decode(string(text), &tree); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := map[string]setting{}
	if err := flatten(out, path, "", tree); err != nil {
		return nil, err
	}
	if err := checkKeys(out); err != nil {
		return nil, err
	}
	return out, checkInlineSecrets(path, out)
}

// flatten writes the leaves of a TOML tree under their dotted names.
func flatten(out map[string]setting, path, prefix string, tree map[string]any) error {
	for name, value := range tree {
		name = prefix + name
		place := fmt.Sprintf("%s: %s", path, name)
		switch v := value.(type) {
		case map[string]any:
			if err := flatten(out, path, name+".", v); err != nil {
				return err
			}
		case string:
			out[name] = setting{v, place}
		case []any:
			parts := make([]string, len(v))
			for i := range v {
				s, ok := v[i].(string)
				if !ok {
					return fmt.Errorf(`%s: must be a list of texts, such as ["10.0.0.0/8"]`, place)
				}
				parts[i] = s
			}
			out[name] = setting{strings.Join(parts, ","), place}
		default:
			return fmt.Errorf("%s: must be a text in quotes", place)
		}
	}
	return nil
}

// foreign begin the variables that are not settings: those of the test suite,
// and those that Kubernetes gives to every container beside a Service named
// engawa (its manual: "Service", "Environment variables").
var foreign = []string{"TEST_", "SHARED", "SERVICE_HOST", "SERVICE_PORT", "PORT"}

func readEnviron(environ []string) (map[string]setting, error) {
	var c Config
	names := map[string]string{}
	for _, k := range keysOf(&c) {
		names[envOf(k.Name)] = k.Name
		if k.secret() {
			names[envOf(k.Name)+strings.ToUpper(fileSuffix)] = k.Name + fileSuffix
		}
	}
	out := map[string]setting{}
	var wrong []error
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(variable, EnvPrefix)
		isForeign := func(prefix string) bool { return strings.HasPrefix(rest, prefix) }
		if !ours || slices.ContainsFunc(foreign, isForeign) {
			continue
		}
		name, known := names[variable]
		if !known {
			wrong = append(wrong, unknown("environment variable", variable, names))
			continue
		}
		out[name] = setting{value, variable}
	}
	return out, errors.Join(wrong...)
}

// checkKeys refuses names that no key has.
func checkKeys(settings map[string]setting) error {
	var c Config
	known := map[string]string{}
	for _, k := range keysOf(&c) {
		known[k.Name] = k.Name
		if k.secret() {
			known[k.Name+fileSuffix] = k.Name
		}
	}
	var wrong []error
	for name, s := range settings {
		if _, ok := known[name]; !ok {
			path, _, _ := strings.Cut(s.place, ": ")
			wrong = append(wrong, fmt.Errorf("%s: %w", path, unknown("key", name, known)))
		}
	}
	return errors.Join(wrong...)
}
