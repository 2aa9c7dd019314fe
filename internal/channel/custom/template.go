package custom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// variable is a name between double braces.
var variable = regexp.MustCompile(`\{\{\s*([a-z_]*)\s*\}\}`)

// names are the variables that a template may name.
var names = []string{"to", "to_name", "sender", "subject", "text", "html", "message", "delivery", "key", "purpose", "locale", "unsubscribe"}

// nasty would show a place where a value could break out.
const nasty = "\"\\\n}],{{to}}&=%?#/<é😀"

// sample has the nasty value for every variable.
var sample = func() map[string]string {
	all := map[string]string{}
	for _, name := range names {
		all[name] = nasty
	}
	return all
}()

// escapes make a value fit for its place, by the form of the body.
var escapes = map[string]func(string) string{"json": inString, "form": url.QueryEscape, "text": plain}

// inString is a value as it stands between the quotes of a JSON string.
func inString(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string: it cannot fail
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "")
}

// render puts escaped values into a template. There is no recursion: a value
// that holds braces stays as it is.
func render(template string, values map[string]string, escape func(string) string) string {
	return variable.ReplaceAllStringFunc(template, func(found string) string {
		return escape(values[variable.FindStringSubmatch(found)[1]])
	})
}

// known returns what is wrong with the variables of a template.
func known(template string) error {
	for _, m := range variable.FindAllStringSubmatch(template, -1) {
		if !slices.Contains(names, m[1]) {
			return fmt.Errorf("there is no variable %q; there are %s", m[1], strings.Join(names, ", "))
		}
	}
	if rest := variable.ReplaceAllString(template, ""); strings.Contains(rest, "{{") {
		return errors.New("write variables as {{name}}")
	}
	return nil
}

// maxBody is the longest template, in bytes.
const maxBody = 16 << 10

// checkBody refuses a template that is not of its form with harmless values, or
// whose form a value could change.
func checkBody(form, template string) error {
	if len(template) > maxBody {
		return errors.New("a template may have 16 kB")
	}
	if err := known(template); err != nil {
		return err
	}
	switch form {
	case "json":
		filled := render(template, sample, inString)
		if !json.Valid([]byte(filled)) {
			return errors.New("with values in it, it is not JSON: put every variable between quotes")
		}
	case "form":
		return checkForm(template)
	}
	return nil
}

// checkForm wants the same fields whatever the values.
func checkForm(template string) error {
	few, err1 := url.ParseQuery(render(template, nil, url.QueryEscape))
	many, err2 := url.ParseQuery(render(template, sample, url.QueryEscape))
	if err1 != nil || err2 != nil || len(few) != len(many) {
		return errors.New("write name={{value}} pairs joined by &, percent-encoded")
	}
	for name := range few {
		if len(few[name]) != len(many[name]) {
			return errors.New("a variable cannot be the name of a field")
		}
	}
	return nil
}
