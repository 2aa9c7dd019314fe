// Package chat is what the channels to chat services share: a notice as one post
// that its words cannot break out of, and how it is handed over.
//
// No chat service here knows a retry key that a webhook could rely on: every
// post ends with a short reference, the same on every attempt, by which a person
// can see whether it arrived.
package chat

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/engawa/engawa"
)

// Style is how a service wants its words.
type Style struct {
	Most   int                 // length of a post in UTF-16 units; services that count otherwise count fewer
	Escape func(r rune) string // makes a character of the words plain text; nil: the service knows no markup
	URL    func(s string) string
	Title  func(s string) string // makes escaped words a title; nil: a line like the others
	Greedy bool                  // a link goes on to the next space, quotes and brackets among it
	Shown  bool                  // the service counts what is read, not what is sent
}

// Post is p's notice as one post: the subject, the words, the reference. What is
// longer than a post may be is cut, says so, and where the hub's own page is
// known, names it. Nothing in the words mentions anybody, hides a link or is
// markup.
func (s Style) Post(p engawa.Parcel, publicURL string) string {
	end := "\n" + s.plain(Reference(p))
	note := "\n" + s.plain(Note(p.Locale))
	if publicURL != "" {
		note += "\n" + s.url(publicURL+"/messages/"+p.Message)
	}
	left := s.Most - width(end)
	title := ""
	if p.Content.Subject != "" {
		words, _ := s.fit(strings.ReplaceAll(p.Content.Subject, "\n", " "), min(maxTitle, left/2))
		if s.Title != nil {
			words = s.Title(words)
		}
		title = words + "\n"
	}
	left -= width(title)
	words, whole := s.fit(strings.TrimRight(p.Content.Text, "\r\n"), left)
	if !whole {
		words, _ = s.fit(p.Content.Text, left-width(note))
		words += note
	}
	return title + words + end
}

// maxTitle is how much of a subject stands above the words, in UTF-16 units.
const maxTitle = 500

// Note says that the words were too long for one post.
func Note(l engawa.Locale) string { return cmp.Or(notes[l], notes[engawa.English]) }

var notes = map[engawa.Locale]string{
	engawa.Japanese: "…(長いため、続きはEngawaの画面でご確認ください)",
	engawa.Korean:   "…(내용이 길어 이어지는 부분은 Engawa 화면에서 확인해 주십시오)",
	engawa.English:  "… (too long for one post: read the rest in Engawa)",
}

// Reference is short and the same on every attempt.
func Reference(p engawa.Parcel) string {
	sum := sha256.Sum256([]byte(p.Key))
	return "ref: " + hex.EncodeToString(sum[:6])
}

// link is what services make a link by themselves.
var link = regexp.MustCompile(`https?://[^\s<>"]+`)

// fit escapes as much of words as most units hold. A link goes whole or not at
// all: the beginning of one would lead elsewhere.
func (s Style) fit(words string, most int) (out string, whole bool) {
	words = Tame(words)
	var b strings.Builder
	used := 0
	add := func(sent, shown string) bool {
		if s.Shown {
			used += width(shown)
		} else {
			used += width(sent)
		}
		if used > most {
			return false
		}
		b.WriteString(sent)
		return true
	}
	for len(words) > 0 {
		at := link.FindStringIndex(words)
		if at == nil {
			at = []int{len(words), len(words)}
		}
		for _, r := range hush(words[:at[0]]) {
			if !add(s.plain(string(r)), string(r)) {
				return b.String(), false
			}
		}
		url := words[at[0]:at[1]]
		words = words[at[1]:]
		apart := ""
		if s.Greedy && words != "" && strings.IndexByte(`<>"`, words[0]) >= 0 {
			apart = " "
		}
		if url != "" && !add(s.url(url)+apart, url+apart) {
			return b.String(), false
		}
	}
	return b.String(), true
}

func (s Style) plain(words string) string {
	if s.Escape == nil {
		return words
	}
	var b strings.Builder
	for _, r := range words {
		b.WriteString(s.Escape(r))
	}
	return b.String()
}

func (s Style) url(url string) string {
	if s.URL == nil {
		return s.plain(url)
	}
	return s.URL(url)
}

// Tame leaves text alone: no control characters but line ends and tabs, none
// that turn the direction of what is read or hide in it, "\n" for every line end.
func Tame(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == 0x2028 || r == 0x2029:
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
}

// joiner is a character without width that no name of a person or group holds.
const joiner = "\u2060"

// hush takes the force out of "@everyone" and "@somebody": a name that follows
// an @ at the beginning of a word is parted from it by what nobody sees. An
// address keeps its own, whose @ stands inside a word.
func hush(s string) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		b.WriteRune(r)
		if r == '@' && !wordy(before) && i+1 < len(s) {
			b.WriteString(joiner)
		}
		before = r
	}
	return b.String()
}

func wordy(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '.' || r == '-' || r == '+'
}

// width is the length of s in UTF-16 units.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}
