package verdict

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// label is a fixed text at the very beginning, and what imitates it there. Of
// "(광고)" the imitations are "[광고]", "(광 고)", "(AD)", full-width brackets,
// decomposed letters, hidden characters and a "Re:" before it (KR-07).
type label struct {
	Text     string
	Variants []string // those written in round brackets count in brackets of any kind, and only there
}

// imitated reports whether words begin with what is meant to be read as the
// label and is not it. Give it the words after a label that stands there: a
// second one is an imitation too.
func (l label) imitated(words string) bool {
	s := bare(words)
	for more := true; more; {
		s, more = withoutReply(s)
	}
	word, bracketed := leading(s)
	return slices.Contains(l.Variants, word) || bracketed && slices.Contains(l.Variants, "("+word+")")
}

// bare composes letters, makes wide forms narrow, lowers, and drops what is
// not seen.
func bare(s string) string {
	seen := strings.Join(strings.FieldsFunc(s, unseen), "")
	return strings.TrimSpace(strings.ToLower(norm.NFKC.String(seen)))
}

func unseen(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector) || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0'
}

// withoutReply cuts a reply or forward mark from the beginning of s.
func withoutReply(s string) (string, bool) {
	for _, mark := range [...]string{"re:", "fw:", "fwd:", "답장:", "전달:", "回复:", "返信:", "転送:"} {
		if rest, ok := strings.CutPrefix(s, mark); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return s, false
}

// leading returns the letters of what stands in brackets at the beginning of
// s, or of its first word, and whether it stood in brackets.
func leading(s string) (word string, bracketed bool) {
	word = strings.TrimLeftFunc(s, func(r rune) bool { return !letter(r) })
	bracketed = word != s
	if i := strings.IndexFunc(word, func(r rune) bool {
		if bracketed { // what stands in brackets is one word, however spaced
			return unicode.In(r, unicode.Pe, unicode.Pf) || strings.ContainsRune("|>*/:!~", r)
		}
		return !letter(r)
	}); i >= 0 {
		word = word[:i]
	}
	return strings.Join(strings.FieldsFunc(word, func(r rune) bool { return !letter(r) }), ""), bracketed
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
