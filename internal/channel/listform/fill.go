package listform

import (
	"net/url"
	"slices"
	"strings"
)

// fill returns the body of a submission: the form's own values with ours in
// their places, in the form's order and encoding. What cannot be encoded, or is
// none of an input's choices, is not replaced: why says so and a person decides.
func (f form) fill(ours [][2]string) (body, why string) {
	var out []string
	add := func(name, value string) {
		n, ok1 := escape(f.charset, name)
		v, ok2 := escape(f.charset, value)
		if !ok1 || !ok2 {
			why = notEncodable
		}
		out = append(out, n+"="+v)
	}
	for _, in := range f.fields {
		i := slices.IndexFunc(ours, func(p [2]string) bool { return p[0] == in.name })
		switch {
		case i >= 0 && len(in.options) > 0 && !slices.Contains(in.options, ours[i][1]):
			return "", notAChoice
		case i >= 0:
			add(in.name, ours[i][1])
		case in.set:
			add(in.name, in.value)
		}
	}
	for i, p := range ours { // what the page's script would add
		if !f.has(p[0]) && !slices.ContainsFunc(ours[:i], func(o [2]string) bool { return o[0] == p[0] }) {
			add(p[0], p[1])
		}
	}
	return strings.Join(out, "&"), why
}

func (f form) has(name string) bool {
	return slices.ContainsFunc(f.fields, func(in field) bool { return in.name == name })
}

// escape writes s as application/x-www-form-urlencoded in a charset. A browser
// would write &#12345; for what does not fit; in a name that is never right.
func escape(charset, s string) (string, bool) {
	e := charsets[charset]
	if e == nil {
		return "", false
	}
	if charset == "utf-8" {
		return url.QueryEscape(s), true
	}
	b, err := e.NewEncoder().String(s)
	if err != nil {
		return "", false
	}
	back, err := e.NewDecoder().String(b)
	return url.QueryEscape(b), err == nil && back == s
}
