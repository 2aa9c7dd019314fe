package text

import (
	"html"
	"strings"

	"github.com/engawa/engawa"
)

// WithOwnPage returns c with the line at its end by which a customer comes to
// their own page.
func (w *Words) WithOwnPage(c engawa.Content, l engawa.Locale, link string) engawa.Content {
	line := w.T(l, "footer.own_page", "link", link)
	c.Text = strings.TrimRight(c.Text, "\n")
	if !strings.Contains(c.Text, "\n--\n") {
		c.Text += "\n\n--"
	}
	c.Text += "\n" + line + "\n"
	if c.HTML != "" {
		words, _, _ := strings.Cut(line, link)
		c.HTML = beforeEnd(c.HTML, `<p style="font-size:12px;line-height:1.6;color:#6a6154"><a href="`+html.EscapeString(link)+`">`+html.EscapeString(strings.TrimRight(words, " :"))+`</a></p>`)
	}
	return c
}
