package sim

import "regexp"

// bare is a link that stands for itself.
var bare = regexp.MustCompile(`https?://[^\s<>"]+`)

// pieces cuts s at what mark finds: that becomes a span, and the rest goes to
// between.
func pieces(s string, mark *regexp.Regexp, found func(m []string) Span, between func(string) []Span) (out []Span) {
	for s != "" {
		at := mark.FindStringIndex(s)
		if at == nil {
			return append(out, between(s)...)
		}
		if at[0] > 0 {
			out = append(out, between(s[:at[0]])...)
		}
		out = append(out, found(mark.FindStringSubmatch(s[at[0]:])))
		s = s[at[1]:]
	}
	return out
}

// links makes addresses of the text links to themselves.
func links(s string) []Span {
	return pieces(s, bare, func(m []string) Span { return Span{Kind: "link", Text: m[0], URL: m[0]} },
		func(s string) []Span { return []Span{{Kind: "text", Text: s}} })
}
