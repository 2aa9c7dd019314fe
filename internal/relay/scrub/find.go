package scrub

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a place in the shown text that holds an identifier.
type span struct {
	from, to int
	class    Class
}

const (
	maxNested = 3  // encodings inside encodings
	maxViews  = 32 // times its own length that a text may be looked through
	freeWork  = 64 << 10
)

// hunt is one search.
type hunt struct {
	*patterns
	spans []span
	left  int // octets that may still be looked through
	over  bool
}

// find returns where text holds identifiers, in order and apart. It is false where
// the text is so encoded that it could not be looked through.
func (p *patterns) find(text string) ([]span, bool) {
	h := &hunt{patterns: p, left: maxViews*len(text) + freeWork}
	v := shown(text)
	h.look(v, 0)
	h.known(v.rotated().fold())
	h.known(v.reversed().fold())
	return merge(text, h.spans), !h.over
}

// look searches a view and what can be decoded out of it.
func (h *hunt) look(v view, depth int) {
	if h.left -= len(v.b); h.left < 0 {
		h.over = true
		return
	}
	f := v.fold()
	h.known(f)
	h.strangers(f)
	h.links(f)
	if depth == maxNested {
		return
	}
	for _, d := range v.derived() {
		h.look(d, depth+1)
	}
}

// known looks for what is known of the customer in a folded view.
func (h *hunt) known(f view) {
	q := f.squeeze()
	for _, m := range h.mailboxes {
		each(q.s, m.local[0], func(i int) {
			if end := m.at(q, i); end > 0 {
				h.spans = append(h.spans, q.span(i, end, m.class))
			}
		})
	}
	for _, n := range h.names {
		each(q.s, n.text, func(i int) {
			end := i + len(n.text)
			if q.tight(i, end, nameGap) && (!n.latin || q.wordEnds(i, end)) {
				h.spans = append(h.spans, q.span(i, end, Name))
			}
		})
	}
	for _, id := range h.ids {
		each(q.s, id.text, func(i int) {
			end := i + len(id.text)
			if q.tight(i, end, idGap) && (len(id.text) >= longID || q.wordEnds(i, end)) {
				h.spans = append(h.spans, q.span(i, end, id.class))
			}
		})
	}
	for _, l := range h.locals {
		each(string(f.b), l, func(i int) {
			if apart(f.b, i, i+len(l)) {
				h.spans = append(h.spans, f.span(i, i+len(l), Address))
			}
		})
	}
	h.numbers(f)
}

// each calls do with every place in s where t stands.
func each(s, t string, do func(i int)) {
	for from := 0; t != ""; {
		i := strings.Index(s[from:], t)
		if i < 0 {
			return
		}
		do(from + i)
		from += i + 1
	}
}

// How wide the gaps inside an identifier may be, in octets of the folded view: a
// line's end with quotation marks fits; a sentence does not.
const (
	boxGap   = 24
	shortGap = 3 // of a mailbox that is so short that words might spell it
	nameGap  = 8
	idGap    = 3
	phoneGap = 7
	short    = 10
	longID   = 12
)

// ats and dots are how people write the signs so that programs do not see them.
var (
	ats  = []string{"", "at", "atmark", "atsign", "アットマーク", "アット", "あっとまーく", "あっと", "골뱅이", "앳", "에트", "艾特", "a", "arroba"}
	dots = []string{"", "dot", "ドット", "どっと", "점", "닷", "쩜", "点", "點", "punkt", "point", "punto", "underscore", "アンダーバー", "アンダースコア", "밑줄", "hyphen", "ハイフン", "하이픈", "dash"}
)

// at returns where the mailbox ends whose local part stands at i of q; 0: it does
// not stand there.
func (m mailbox) at(q squeezed, i int) int {
	local := spelt(q.s, i, m.local)
	if local == 0 {
		return 0
	}
	for _, from := range tagEnds(q, local) {
		for _, sep := range ats {
			if !strings.HasPrefix(q.s[from:], sep) {
				continue
			}
			begin := from + len(sep)
			end := spelt(q.s, begin, m.domain)
			if end > 0 && m.fits(q, i, local, from, begin, end, sep) {
				return end
			}
		}
	}
	return 0
}

const maxTag = 64

// tagEnds returns where the local part may end: at its end, and where a "+tag"
// follows, at each gap behind it.
func tagEnds(q squeezed, end int) []int {
	ends := []int{end}
	if !strings.Contains(q.gap(end), "+") {
		return ends
	}
	for k := end + 1; k < min(len(q.s), end+maxTag); k++ {
		if q.at[k]-q.at[k-1] > 1 && utf8.RuneStart(q.s[k]) {
			ends = append(ends, k)
		}
	}
	return ends
}

// spelt returns where the pieces end that are written from i on, with the words
// for dots and hyphens between them or without; 0: they are not. All readings go
// on side by side: a domain whose labels are such words has many.
func spelt(s string, i int, pieces []string) int {
	ends := []int{i}
	for n, piece := range pieces {
		var next []int
		for _, at := range ends {
			for _, dot := range dots {
				if n == 0 && dot != "" {
					break
				}
				end := at + len(dot) + len(piece)
				if strings.HasPrefix(s[at:], dot) && strings.HasPrefix(s[at+len(dot):], piece) && !slices.Contains(next, end) {
					next = append(next, end)
				}
			}
		}
		if ends = next; len(ends) == 0 {
			return 0
		}
	}
	return ends[0]
}

// fits reports whether what lies between the letters lets them be the mailbox.
func (m mailbox) fits(q squeezed, i, local, from, begin, end int, sep string) bool {
	most := boxGap
	if m.letters+end-begin < short {
		most = shortGap
	}
	if !q.tight(i, local, most) || !q.tight(begin, end, most) || !q.tight(local-1, begin+1, boxGap) && from == local {
		return false
	}
	between := q.gap(from) + q.gap(begin)
	switch {
	case m.swapped:
		return between == "==" // one gap, seen from both sides
	case strings.Contains(between, "@"):
		return true
	case sep == "a":
		return strings.ContainsAny(between, "([{<")
	case sep != "":
		return true
	}
	return m.letters >= 5 && most == boxGap || strings.ContainsFunc(between, symbol)
}

// symbol reports a sign that people put where the at sign was, and that does not
// stand between words otherwise.
func symbol(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.So, unicode.Po, unicode.Sm) || strings.ContainsRune("*#$%&^~=", r)
}

// wordEnds reports whether no letter or digit touches i to j of q. Letters of
// scripts that write no blanks touch everything.
func (q squeezed) wordEnds(i, j int) bool { return apart(q.folded.b, int(q.at[i]), int(q.at[j-1])+1) }

func apart(b []byte, i, j int) bool {
	return (i == 0 || !ascii(b[i-1])) && (j >= len(b) || !ascii(b[j]))
}

func ascii(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// numbers looks for telephone numbers among the digits of a folded view.
func (h *hunt) numbers(f view) {
	if len(h.phones) == 0 {
		return
	}
	digits, at := make([]byte, 0, 64), make([]int32, 0, 64)
	for i := 0; i < len(f.b); {
		r, n := rune(f.b[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(f.b[i:])
		}
		if d := numeral(r); d >= 0 {
			digits, at = append(digits, byte('0'+d)), append(at, int32(i)) //nolint:gosec // as in shown
		}
		i += n
	}
	for _, p := range h.phones {
		each(string(digits), p, func(i int) {
			first, last := int(at[i]), int(at[i+len(p)-1])
			_, n := utf8.DecodeRune(f.b[last:])
			if dialled(f.b, at[i:i+len(p)]) && (len(p) >= 9 || apart(f.b, first, last+n) || i > 0 && digits[i-1] == '0') {
				h.spans = append(h.spans, f.span(first, last+n, Phone))
			}
		})
	}
}

// dialled reports whether nothing but what people put inside a number stands
// between its digits.
func dialled(b []byte, at []int32) bool {
	for k := 1; k < len(at); k++ {
		_, n := utf8.DecodeRune(b[at[k-1]:])
		gap := b[int(at[k-1])+n : at[k]]
		if len(gap) > phoneGap || bytes.ContainsFunc(gap, func(r rune) bool { return unicode.IsLetter(r) && r != 'の' && r != 'ー' }) {
			return false
		}
	}
	return true
}

// keyed is how a token of the hub begins (vault.Vault.Token): with the id of a key.
var keyed = regexp.MustCompile(`s[0-9]{6}[0-9a-z]{8}`)

const (
	minToken = 40 // letters and digits of a token, its key's id among them
	minRest  = 20 // of what stands of one on a further line
	keyGap   = 8
)

// links looks for the tokens in the hub's own links, as the mail that is answered
// holds them: whoever has one may act as the customer. A program may have broken it
// into lines.
func (h *hunt) links(f view) {
	q := f.squeeze()
	for from := 0; from < len(q.s); {
		m := keyed.FindStringIndex(q.s[from:])
		if m == nil {
			return
		}
		i, end := from+m[0], from+m[1]
		from += m[0] + 1
		if !q.tight(i, end, keyGap) {
			continue
		}
		if end = q.rest(end); end-i >= minToken {
			h.spans = append(h.spans, q.span(i, end, Link))
			from = end
		}
	}
}

// rest returns where the token ends that has come as far as i.
func (q squeezed) rest(i int) int {
	for i < len(q.s) {
		broken := strings.Contains(q.gap(i), "\n")
		end := i
		for end < len(q.s) && ascii(q.s[end]) && (end == i || strings.Trim(q.gap(end), "-_.") == "") {
			end++
		}
		if gap := strings.Trim(q.gap(i), "-_. \t\r>|"); end == i || broken && (gap != "\n" || end-i < minRest) || !broken && strings.Trim(q.gap(i), "-_.") != "" {
			return i
		}
		i = end
	}
	return i
}

// bracketed finds a mailbox whose at sign is spelt out in brackets.
var (
	bracketed = regexp.MustCompile(`[a-z0-9._%+'=~&-]{1,64} {0,2}[(\[{<] ?(?:at|@) ?[)\]}>] {0,2}[a-z0-9-]+(?: {0,2}(?:\.|[(\[{<] ?(?:dot|\.) ?[)\]}>]) {0,2}[a-z0-9-]+)+`)
	brackets  = regexp.MustCompile(`[(\[{<] ?(?:at|@) ?[)\]}>]`)
)

// strangers looks for any other mail address.
func (h *hunt) strangers(f view) {
	for i, c := range f.b {
		if c != '@' {
			continue
		}
		from, to := i, i+1
		for from > max(0, i-64) && localOctet(f.b[from-1]) {
			from--
		}
		for to < min(len(f.b), i+255) && domainOctet(f.b[to]) {
			to++
		}
		to = i + 1 + len(bytes.TrimRight(f.b[i+1:to], ".-"))
		h.stranger(f, from, to, string(f.b[from:i]), string(f.b[i+1:to]))
	}
	if !brackets.Match(f.b) {
		return
	}
	for _, m := range bracketed.FindAllIndex(f.b, -1) {
		h.spans = append(h.spans, f.span(m[0], m[1], Another))
	}
}

func localOctet(c byte) bool {
	return ascii(c) || strings.IndexByte("._%+'=~&-", c) >= 0
}

func domainOctet(c byte) bool { return ascii(c) || c == '.' || c == '-' }

// files are endings of names that have an at sign in them for other reasons.
var files = []string{"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "mjs", "ts", "html", "pdf", "mp4", "zip", "json", "txt"}

func (h *hunt) stranger(f view, from, to int, local, domain string) {
	dot := strings.LastIndexByte(domain, '.')
	local = strings.Trim(local, ".'")
	if local == "" || dot <= 0 || !topLevel(domain[dot+1:]) || strings.Contains(domain, "..") || slices.Contains(files, domain[dot+1:]) {
		return
	}
	if to < len(f.b) && f.b[to] == ':' && local == "git" { // git@host:path
		return
	}
	address := local + "@" + domain
	switch {
	case h.spared(address):
	case listed(h.relay, address):
		h.spans = append(h.spans, f.span(from, to, Alias))
	default:
		h.spans = append(h.spans, f.span(from, to, Another))
	}
}

func topLevel(s string) bool {
	if strings.HasPrefix(s, "xn--") {
		return true
	}
	return len(s) >= 2 && len(s) <= 24 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
}

// labelled is the beginning of a line in the header of a quoted mail.
var labelled = regexp.MustCompile(`^[>\s|*]*(?i:from|to|cc|bcc|reply-to|sender|delivered-to|return-path|x-original-to|mail|e-mail|差出人|送信者|宛先|受信者|返信先|보낸 ?사람|보낸이|받는 ?사람|받는이|참조|숨은 ?참조|회신|von|an|kopie|de|à|para|发件人|收件人|抄送)\*?\s*[:：]\*?[ \t]*`)

const (
	maxLine  = 1000 // octets of a line to each side of an address that are looked at
	maxLabel = 200
)

// widen makes spans cover what stands beside an address and tells the same: the
// rest of a quoted header's line, the quoted name before <…>.
func widen(text string, s span) span {
	if s.class == Name || s.class == Phone || s.class == ID || s.class == Link {
		return s
	}
	begin := max(0, s.from-maxLine)
	if i := strings.LastIndexByte(text[begin:s.from], '\n'); i >= 0 {
		begin += i + 1
	} else if begin > 0 {
		return s
	}
	line := text[begin:min(len(text), s.to+maxLine)]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if m := labelled.FindStringIndex(line[:min(len(line), maxLabel)]); m != nil {
		s.from, s.to = min(s.from, begin+m[1]), max(s.to, begin+len(strings.TrimRight(line, "\r ")))
		return s
	}
	before := strings.TrimSuffix(text[begin:s.from], "<")
	if trimmed := strings.TrimRight(before, " "); len(before) < s.from-begin && strings.HasSuffix(trimmed, `"`) {
		if i := strings.LastIndexByte(trimmed[:len(trimmed)-1], '"'); i >= 0 && len(trimmed)-i < 100 {
			s.from = begin + i
		}
	}
	return s
}

// merge orders the spans and joins those that overlap; of several classes the one
// that stands first in Classes counts.
func merge(text string, spans []span) (out []span) {
	for i := range spans {
		spans[i] = widen(text, spans[i])
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for _, s := range spans {
		if n := len(out); n > 0 && s.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			out[n-1].class = prior(out[n-1].class, s.class)
			continue
		}
		out = append(out, s)
	}
	return out
}

func prior(a, b Class) Class {
	order := Classes()
	if slices.Index(order, b) < slices.Index(order, a) {
		return b
	}
	return a
}
