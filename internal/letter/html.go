package letter

import (
	"html"
	"strings"
)

// words takes the words out of HTML: no tags, no styles, no scripts, lines where
// blocks end. It is for reading and matching, not for showing as HTML.
func words(s string) string {
	var b strings.Builder
	for s != "" {
		before, rest, open := strings.Cut(s, "<")
		b.WriteString(before)
		if !open {
			break
		}
		if after, ok := strings.CutPrefix(rest, "!--"); ok {
			_, s, _ = strings.Cut(after, "-->")
			continue
		}
		tag, after, _ := strings.Cut(rest, ">")
		s = after
		name := tagName(tag)
		switch name {
		case "style", "script", "head", "title":
			s = skip(after, "</"+name)
		case "br", "p", "/p", "div", "/div", "tr", "/tr", "li", "h1", "h2", "h3", "/h1", "/h2", "/h3", "table", "/table":
			b.WriteByte('\n')
		case "td", "/td", "th", "/th":
			b.WriteByte(' ')
		}
	}
	return tidy(html.UnescapeString(b.String()))
}

func tagName(tag string) string {
	if i := strings.IndexAny(tag, " \t\r\n"); i >= 0 {
		tag = tag[:i]
	}
	return strings.ToLower(strings.TrimSuffix(tag, "/"))
}

// skip returns what stands behind the end tag that begins with end.
func skip(s, end string) string {
	i := strings.Index(strings.ToLower(s), end)
	if i < 0 {
		return ""
	}
	_, after, _ := strings.Cut(s[i:], ">")
	return after
}

// tidy joins blanks and drops empty lines.
func tidy(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
