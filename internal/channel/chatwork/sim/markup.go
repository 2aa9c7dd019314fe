package sim

import (
	"html"
	"html/template"
	"regexp"
	"slices"
	"strings"
)

// marks are the paired tags of Chatwork's markup and what they become.
var marks = map[string]struct{ open, close string }{
	"info":  {`<div class="info">`, `</div>`},
	"title": {`<b>`, `</b>`},
	"code":  {`<code>`, `</code>`},
	"qt":    {`<blockquote>`, `</blockquote>`},
	"url":   {`<u>`, `</u>`},
}

var (
	tag  = regexp.MustCompile(`\[(/?(?:info|title|code|qt|url)|hr|toall|To:\d+|rp aid=\d+ to=\d+-\d+|qtmeta [^\]\n]*|picon:\d+|pname:\d+|piconname:\d+)\]`)
	link = regexp.MustCompile(`https?://[^\s<>"'\]）」]+`)
)

// render shows a body as a room does. What is no markup is text; a tag that
// closes nothing is text too, and what stays open is closed at the end.
func render(body string) template.HTML {
	var out strings.Builder
	var open []string
	for len(body) > 0 {
		at := tag.FindStringSubmatchIndex(body)
		if at == nil {
			out.WriteString(text(body))
			break
		}
		out.WriteString(text(body[:at[0]]))
		name := body[at[2]:at[3]]
		open = mark(&out, open, name, body[at[0]:at[1]])
		body = body[at[1]:]
		if name == "/info" { // a box ends its line by itself
			body = strings.TrimPrefix(body, "\n")
		}
	}
	for _, name := range slices.Backward(open) {
		out.WriteString(marks[name].close)
	}
	return template.HTML(out.String()) //nolint:gosec // every text in it went through html.EscapeString
}

// mark writes one tag and returns what is open after it.
func mark(out *strings.Builder, open []string, name, raw string) []string {
	inside := ""
	if len(open) > 0 {
		inside = open[len(open)-1]
	}
	closes, isEnd := strings.CutPrefix(name, "/")
	switch {
	case isEnd && closes == inside:
		out.WriteString(marks[inside].close)
		return open[:len(open)-1]
	case isEnd || inside == "code":
		out.WriteString(html.EscapeString(raw))
	case name == "hr":
		out.WriteString("<hr>")
	case strings.HasPrefix(name, "qtmeta"):
	case marks[name].open != "":
		out.WriteString(marks[name].open)
		return append(open, name)
	default: // To:, toall, rp, picon: and its kin
		out.WriteString(`<span class="to">` + html.EscapeString(name) + `</span>`)
	}
	return open
}

// faces are some of the shorthands that become pictures; there is no way to
// write one that does not.
var faces = strings.NewReplacer("(y)", "👍", "(bow)", "🙇", "(roger)", "🫡", ":)", "🙂", ":(", "🙁", ";)", "😉")

// text escapes s, makes its addresses links and its shorthands pictures.
func text(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		at := link.FindStringIndex(s)
		if at == nil {
			break
		}
		url := html.EscapeString(s[at[0]:at[1]])
		out.WriteString(html.EscapeString(faces.Replace(s[:at[0]])) + `<a href="` + url + `" rel="noreferrer">` + url + `</a>`)
		s = s[at[1]:]
	}
	return out.String() + html.EscapeString(faces.Replace(s))
}
