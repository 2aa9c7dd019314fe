package text

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// blocks end the line before and after them.
var blocks = []string{
	"p", "div", "br", "hr", "ul", "ol", "li", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6",
	"blockquote", "pre", "section", "article", "header", "footer", "figure", "dl", "dt", "dd",
}

var (
	spaces = regexp.MustCompile(`[ \t\r\n\f]+`)
	gaps   = regexp.MustCompile(`\n[ \t]*\n(?:[ \t]*\n)+`)
)

// FromHTML makes the plain text of an HTML part: blocks become lines, items
// get a dash, a link keeps its address in brackets, an image its alt text.
func FromHTML(src string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(src))
	var href, linked string
	hidden := ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return tidy(b.String())
		case html.TextToken:
			if hidden != "" {
				continue
			}
			words := spaces.ReplaceAllString(html.UnescapeString(string(z.Raw())), " ")
			linked += words
			b.WriteString(words)
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			switch {
			case tok.Data == "style" || tok.Data == "script" || tok.Data == "title":
				hidden = tok.Data
			case tok.Data == "a":
				href, linked = attr(tok, "href"), ""
			case tok.Data == "img":
				b.WriteString(attr(tok, "alt"))
			case tok.Data == "li":
				b.WriteString("\n- ")
			case tok.Data == "p" || tok.Data == "h1" || tok.Data == "h2":
				b.WriteString("\n\n")
			case slices.Contains(blocks, tok.Data):
				b.WriteString("\n")
			}
		case html.EndTagToken:
			tok := z.Token()
			switch {
			case tok.Data == hidden:
				hidden = ""
			case tok.Data == "a":
				writeLink(&b, href, linked)
				href = ""
			case tok.Data == "td" || tok.Data == "th":
				b.WriteString("  ")
			case slices.Contains(blocks, tok.Data):
				b.WriteString("\n")
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func writeLink(b *strings.Builder, href, words string) {
	if href == "" || strings.HasPrefix(href, "#") || strings.TrimSpace(words) == href {
		return
	}
	b.WriteString(" (" + strings.TrimPrefix(href, "mailto:") + ")")
}

func attr(tok html.Token, key string) string {
	for _, a := range tok.Attr {
		if a.Key == key {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

func tidy(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.TrimSpace(gaps.ReplaceAllString(strings.Join(lines, "\n"), "\n\n"))
}
