package text

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/idna"

	"github.com/engawa/engawa"
)

// Check says whether c may be saved as a template: its parts are not too long,
// its braces close, its names are names, its subject is one line, and its HTML
// carries no script, no event handler and no link that is not what it seems.
// The error is an *engawa.Error, CodeInvalid, with the part as its field.
func Check(c engawa.Content) error {
	if c == (engawa.Content{}) {
		return engawa.Invalid("/text", "write a text", "the template has no words")
	}
	if strings.ContainsAny(c.Subject, "\r\n") {
		return engawa.Invalid("/subject", "write it in one line", "the subject has more than one line")
	}
	parts := []struct{ field, text string }{{"/subject", c.Subject}, {"/text", c.Text}, {"/html", c.HTML}}
	for _, p := range parts {
		if err := checkPlaces(p.field, p.text); err != nil {
			return err
		}
	}
	if _, err := Offer(c); err != nil {
		return err
	}
	if c.HTML == "" {
		return nil
	}
	return checkHTML(c.HTML)
}

func checkPlaces(field, part string) error {
	if len(part) > MaxPart {
		return tooLong(field, len(part))
	}
	for line := range strings.Lines(part) {
		for {
			_, after, found := strings.Cut(line, "{{")
			if !found {
				break
			}
			name, tail, closed := strings.Cut(after, "}}")
			if !closed {
				return unclosed(field)
			}
			if name = strings.TrimSpace(name); !variable.MatchString(name) && !offerWord.MatchString(name) {
				return badName(field, name)
			}
			line = tail
		}
	}
	return nil
}

// forbidden elements run code, load documents or collect input.
var forbidden = []string{
	"script", "iframe", "frame", "object", "embed", "applet", "form", "input", "button",
	"textarea", "select", "base", "link", "meta", "svg", "math", "template",
}

// checkHTML reads the HTML as a mail program would.
func checkHTML(src string) error {
	z := html.NewTokenizer(strings.NewReader(src))
	var href, shown string // the link that is open, and the words inside it
	for {
		switch z.Next() {
		case html.ErrorToken:
			return nil
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			link, err := checkTag(tok)
			if err != nil {
				return err
			}
			if tok.Data == "a" {
				href, shown = link, ""
			}
		case html.TextToken:
			shown += string(z.Text())
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "a" {
				if err := checkShown(href, shown); err != nil {
					return err
				}
				href, shown = "", ""
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

// checkTag refuses dangerous elements and attributes and returns the href.
func checkTag(tok html.Token) (href string, err error) {
	if slices.Contains(forbidden, tok.Data) {
		return "", engawa.Invalid("/html", "remove it", "the element <%s> may not stand in a message", tok.Data)
	}
	for _, a := range tok.Attr {
		switch key := strings.ToLower(a.Key); {
		case strings.HasPrefix(key, "on"):
			return "", engawa.Invalid("/html", "remove it", "the attribute %s would run a script", key)
		case key == "style" && strings.Contains(strings.ToLower(a.Val), "url("), key == "srcset", key == "formaction":
			return "", engawa.Invalid("/html", "remove it", "the attribute %s may not load anything", key)
		case key == "href" || key == "src" || key == "action" || key == "background":
			if err := checkLink(a.Val); err != nil {
				return "", err
			}
			if key == "href" {
				href = a.Val
			}
		}
	}
	return href, nil
}

// checkLink allows web, mail and telephone links, a place in the same message,
// and a link that begins with a variable: Render checks what it becomes.
func checkLink(raw string) error {
	link := strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || unicode.Is(unicode.Cf, r) {
			return -1 // browsers drop these before they read the scheme
		}
		return r
	}, raw)
	if link == "" || strings.HasPrefix(link, "#") || strings.HasPrefix(link, "{{") {
		return nil
	}
	scheme, _, found := strings.Cut(link, ":")
	if !found || !slices.Contains([]string{"http", "https", "mailto", "tel", "cid"}, strings.ToLower(scheme)) {
		return engawa.Invalid("/html", "link to an https:// address", "a link begins with %q; http, https, mailto and tel are allowed", cutRunes(scheme, 20))
	}
	u, err := url.Parse(strings.ReplaceAll(strings.ReplaceAll(link, "{{", "x"), "}}", "x"))
	if err != nil {
		return engawa.Invalid("/html", "correct it", "a link cannot be read as an address")
	}
	if u.User != nil && (u.Scheme == "http" || u.Scheme == "https") {
		return engawa.Invalid("/html", "remove what stands before the @", "a link hides its host behind a user name")
	}
	return checkHost(u.Hostname())
}

// checkHost refuses a host in letters that pass for others: our readers' names
// are written in Latin, Japanese and Korean, and one label never mixes Latin
// with a look-alike script.
func checkHost(host string) error {
	name, err := idna.ToUnicode(host)
	if err != nil {
		name = host
	}
	for _, r := range name {
		if r < 0x80 || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r == 'ー' {
			continue
		}
		if unicode.Is(unicode.Latin, r) && r < 0x250 {
			continue
		}
		return engawa.Invalid("/html", "write the real address of the site", "a link's host has letters that look like others (%q)", string(r))
	}
	return nil
}

// checkShown refuses a link whose words are an address on another host.
func checkShown(href, shown string) error {
	shown = strings.TrimSpace(shown)
	if href == "" || strings.ContainsAny(shown, " \t\n") || strings.Contains(shown, "{{") || strings.Contains(href, "{{") {
		return nil
	}
	says, err := url.Parse(shown)
	if err != nil || says.Scheme != "http" && says.Scheme != "https" {
		return nil //nolint:nilerr // words that are no address promise none
	}
	goes, err := url.Parse(strings.TrimSpace(href))
	if err != nil || strings.EqualFold(goes.Hostname(), says.Hostname()) {
		return nil //nolint:nilerr // a link that goes nowhere is refused elsewhere
	}
	return engawa.Invalid("/html", "let the words and the link name the same site", "a link says %s and goes to %s", says.Hostname(), goes.Hostname())
}

func cutRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
