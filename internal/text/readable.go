package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"

	"github.com/engawa/engawa"
)

// Advertises reports whether what a reader sees makes a message an advertisement,
// whichever part it stands in, and whatever its sender calls it.
func Advertises(c engawa.Content) bool {
	return Promotional(c.Subject, c.Text) || c.HTML != "" && Promotional("", FromHTML(c.HTML))
}

// Blank reports whether there is nothing in s to read: no letter and no number.
func Blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsNumber(r)) && !slices.Contains(fillers, r)
	})
}

// fillers are letters to Unicode that nobody sees: Hangul's, in both widths.
var fillers = []rune{'\u115f', '\u1160', '\u3164', '\uffa0'}

// Pictures reports whether an HTML part has nothing to read but what pictures may
// show. A picture's alternative text is not read where pictures are shown, nor is
// what the page hides. It reads on to the first word alone: this runs before every hand-over.
func Pictures(src string) bool {
	if src == "" {
		return false
	}
	z := html.NewTokenizer(strings.NewReader(src))
	hidden, depth := "", 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return true
		case html.TextToken:
			if hidden == "" && !Blank(html.UnescapeString(string(z.Raw()))) {
				return false
			}
		case html.StartTagToken:
			tok := z.Token()
			switch {
			case tok.Data == hidden:
				depth++
			case hidden == "" && unseen(tok):
				hidden, depth = tok.Data, 1
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); hidden != "" && string(name) == hidden {
				if depth--; depth == 0 {
					hidden = ""
				}
			}
		case html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

// void are elements without an end, which hide nothing but themselves.
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// concealed is a style, without its spaces, by which an element is not seen.
var concealed = regexp.MustCompile(`(^|;)(display:none|visibility:hidden|(font-size|opacity):0(\.0+)?(px|pt|em|rem|%)?)(!important)?(;|$)`)

func unseen(tok html.Token) bool {
	if slices.Contains(void, tok.Data) {
		return false
	}
	return slices.Contains([]string{"head", "style", "script", "title", "template"}, tok.Data) || slices.ContainsFunc(tok.Attr, func(a html.Attribute) bool {
		return a.Key == "hidden" || a.Key == "style" && concealed.MatchString(strings.ToLower(spaces.ReplaceAllString(a.Val, "")))
	})
}
