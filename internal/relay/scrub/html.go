package scrub

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// silent are elements whose content is no text to read, or which show something
// from elsewhere.
var silent = []string{"style", "script", "head", "title", "template", "svg", "math", "object", "iframe", "noscript", "noembed", "noframes", "audio", "video", "canvas", "map", "select", "datalist", "xml"}

// blocks begin a line; cells are apart.
var (
	blocks = []string{"p", "div", "tr", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "pre", "hr", "section", "article", "header", "footer", "dl", "dt", "dd", "center", "address", "form", "fieldset"}
	cells  = []string{"td", "th"}
	void   = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)

// unseenStyle is of elements that a mail program does not show.
var unseenStyle = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|$)|mso-hide\s*:\s*all|opacity\s*:\s*0\s*(?:;|$)|max-height\s*:\s*0`)

// page is an HTML text being read.
type page struct {
	out    strings.Builder
	quote  int    // blockquotes that are open
	hidden int    // elements that are open inside an unseen one, itself included
	within string // the silent element that is open
	nested int    // of the same name inside it
	pre    int
	link   string // of the <a> that is open
	anchor int    // where its words begin
	fresh  bool   // at the beginning of a line
	blank  bool   // a blank is due
	breaks int    // line ends written last
}

// words reads HTML as text: what a reader sees, lines where blocks end, "> " where
// something is quoted, the target behind a link's words. Attributes but alt and
// href, comments, styles and what is hidden are left out: they are not read, and
// may hold anything.
func words(s string) string {
	p := &page{fresh: true}
	z := html.NewTokenizer(strings.NewReader(s))
	z.SetMaxBuf(2 * MaxText)
	for {
		switch z.Next() {
		case html.ErrorToken: // its end: reading from memory has no other error but a token that is too long
			return strings.Trim(p.out.String(), "\n ")
		case html.TextToken:
			p.text(string(z.Text()))
		case html.StartTagToken:
			p.open(z.Token(), false)
		case html.SelfClosingTagToken:
			p.open(z.Token(), true)
		case html.EndTagToken:
			p.close(z.Token().Data)
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func (p *page) text(s string) {
	if p.within != "" || p.hidden > 0 {
		return
	}
	if p.pre > 0 {
		for i, line := range strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
			if i > 0 {
				p.breakLine(true)
			}
			p.write(line)
		}
		return
	}
	for i, word := range strings.FieldsFunc(s, breaking) {
		if i > 0 || breaking(rune(s[0])) {
			p.blank = true
		}
		p.write(word)
	}
	if s != "" && breaking(rune(s[len(s)-1])) {
		p.blank = true
	}
}

// breaking reports the blanks of HTML; a no-break space is a character.
func breaking(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f' }

func (p *page) write(s string) {
	if s == "" {
		return
	}
	if p.fresh && p.quote > 0 {
		p.out.WriteString(strings.Repeat("> ", min(p.quote, 5)))
	}
	if p.blank && !p.fresh {
		p.out.WriteByte(' ')
	}
	p.out.WriteString(strings.ReplaceAll(s, "\u00a0", " "))
	p.fresh, p.blank, p.breaks = false, false, 0
}

// breakLine ends the line; twice only where the mail says so.
func (p *page) breakLine(forced bool) {
	if p.fresh && (!forced || p.breaks > 1) {
		return
	}
	p.out.WriteByte('\n')
	p.fresh, p.blank = true, false
	p.breaks++
}

func (p *page) open(t html.Token, closed bool) {
	name := t.Data
	empty := closed || slices.Contains(void, name)
	switch {
	case name == "body" && p.within == "head": // that nobody ended
		p.within, p.nested = "", 0
		return
	case p.within != "":
		if name == p.within && !empty {
			p.nested++
		}
		return
	case p.hidden > 0:
		if !empty {
			p.hidden++
		}
		return
	case slices.Contains(silent, name):
		if !empty {
			p.within = name
		}
		return
	case unshown(t):
		if !empty {
			p.hidden = 1
		}
		return
	}
	switch {
	case name == "br":
		p.breakLine(true)
	case name == "img":
		p.image(t)
	case name == "a":
		p.link, p.anchor = attribute(t, "href"), p.out.Len()
	case slices.Contains(cells, name):
		p.blank = true
	case slices.Contains(blocks, name):
		p.breakLine(false)
	}
	if name == "blockquote" {
		p.quote++
	}
	if name == "pre" {
		p.pre++
	}
	if name == "li" {
		p.write("- ")
	}
}

func (p *page) close(name string) {
	switch {
	case p.within != "":
		if name == p.within {
			if p.nested--; p.nested < 0 {
				p.within, p.nested = "", 0
			}
		}
		return
	case p.hidden > 0:
		if !slices.Contains(void, name) {
			p.hidden--
		}
		return
	}
	switch {
	case name == "a":
		p.target()
	case slices.Contains(blocks, name):
		p.breakLine(false)
	case slices.Contains(cells, name):
		p.blank = true
	}
	if name == "blockquote" {
		p.quote = max(0, p.quote-1)
	}
	if name == "pre" {
		p.pre = max(0, p.pre-1)
	}
}

// target writes where a link goes if its words do not say so. Only web pages:
// what is behind mailto: and tel: is an address.
func (p *page) target() {
	link := strings.TrimSpace(p.link)
	p.link = ""
	lower := strings.ToLower(link)
	if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") || len(link) > 2000 {
		return
	}
	said := p.out.String()[min(p.anchor, p.out.Len()):]
	if strings.Contains(said, strings.TrimSuffix(link, "/")) {
		return
	}
	p.blank = p.out.Len() > p.anchor
	p.write("<" + link + ">")
}

// image writes what stands for a picture; one of a point only tells that the
// mail was read.
func (p *page) image(t html.Token) {
	if alt := strings.TrimSpace(attribute(t, "alt")); alt != "" && len(alt) < 300 {
		p.write(strings.Join(strings.Fields(alt), " "))
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func unshown(t html.Token) bool {
	for _, a := range t.Attr {
		if a.Key == "hidden" || a.Key == "style" && unseenStyle.MatchString(a.Val) {
			return true
		}
	}
	return false
}

// meta finds the charset that an HTML text names itself.
var meta = regexp.MustCompile(`(?i)<meta[^>]{0,200}charset\s*=\s*["']?\s*([a-z0-9_\-:]+)`)

func declared(b []byte) string {
	if m := meta.FindSubmatch(b[:min(len(b), 4096)]); m != nil {
		return string(bytes.ToLower(m[1]))
	}
	return ""
}
