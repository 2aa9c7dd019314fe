package scrub

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// view is a text in which identifiers are looked for, and for each of its octets
// where in the shown text that stands which it was made of. A view is the shown
// text itself, or what a reader or a program would make of it: lower case,
// decoded, read backwards.
type view struct {
	b        []byte
	from, to []int32
	resolved bool // escapes are resolved in it: quoted-printable is not looked for again
}

func shown(s string) view {
	v := view{b: []byte(s), from: make([]int32, len(s)), to: make([]int32, len(s))}
	for i := range s {
		_, n := utf8.DecodeRuneInString(s[i:])
		for j := range n {
			v.from[i+j], v.to[i+j] = int32(i), int32(i+n) //nolint:gosec // a text has at most MaxText octets
		}
	}
	return v
}

func (v *view) add(b byte, from, to int32) {
	v.b, v.from, v.to = append(v.b, b), append(v.from, from), append(v.to, to)
}

func (v *view) addText(s string, from, to int32) {
	for i := range len(s) {
		v.add(s[i], from, to)
	}
}

func grown(n int) view {
	return view{b: make([]byte, 0, n), from: make([]int32, 0, n), to: make([]int32, 0, n)}
}

// fold makes the view in which texts are compared: compatibility forms, lower
// case, without marks on Latin letters, look-alikes as the letter they look
// like, without what cannot be seen.
func (v view) fold() view {
	out := grown(len(v.b))
	for i := 0; i < len(v.b); {
		if c := v.b[i]; c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			out.add(c, v.from[i], v.to[i])
			i++
			continue
		}
		j := i
		for j < len(v.b) && v.b[j] >= utf8.RuneSelf {
			j++
		}
		v.foldRun(&out, i, j)
		i = j
	}
	return out
}

// foldRun folds the octets from i to j, all above ASCII.
func (v view) foldRun(out *view, i, j int) {
	run := v.b[i:j]
	var it norm.Iter
	it.Init(norm.NFKC, run)
	for !it.Done() {
		start := i + it.Pos()
		segment := it.Next()
		last := max(start, i+it.Pos()-1)
		for len(segment) > 0 {
			r, n := utf8.DecodeRune(segment)
			segment = segment[n:]
			if r == utf8.RuneError && n == 1 {
				out.add(1, v.from[start], v.to[last]) // an octet that is no text separates
				continue
			}
			if !unseen(r) {
				out.addText(letter(r), min(v.from[start], v.from[last]), max(v.to[start], v.to[last]))
			}
		}
	}
}

// unseen reports what has no width of its own: format characters, marks, fillers.
func unseen(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800:
		return true
	case 0x3099, 0x309a: // the voicing marks of kana tell letters apart
		return false
	}
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me)
}

// letter returns the folded form of a character.
func letter(r rune) string {
	if l, ok := alike[r]; ok {
		return string(l)
	}
	switch {
	case r >= 0x1f150 && r <= 0x1f169: // negative circled
		return string('a' + r - 0x1f150)
	case r >= 0x1f170 && r <= 0x1f189: // negative squared
		return string('a' + r - 0x1f170)
	case r >= 0x1f1e6 && r <= 0x1f1ff: // regional indicators
		return string('a' + r - 0x1f1e6)
	}
	r = unicode.ToLower(r)
	if l, ok := alike[r]; ok {
		return string(l)
	}
	if r >= utf8.RuneSelf && r < 0x2000 && unicode.Is(unicode.Latin, r) {
		if base, _ := utf8.DecodeRuneInString(norm.NFD.String(string(r))); base < utf8.RuneSelf {
			return string(unicode.ToLower(base))
		}
	}
	return string(r)
}

// alike are letters of other scripts, in lower case unless only the capital is
// alike, that cannot be told from a Latin one; forms of one ideograph in names;
// and signs that stand for the at sign, the dot or the hyphen.
var alike = map[rune]rune{
	'а': 'a', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'ӏ': 'l', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'ѵ': 'v', 'ԝ': 'w', 'х': 'x', 'у': 'y', 'ү': 'y', 'к': 'k', 'ь': 'b',
	'В': 'b', 'Н': 'h', 'М': 'm', 'Т': 't', 'К': 'k', 'З': '3', 'п': 'n', 'г': 'r', 'ц': 'u',
	'α': 'a', 'ϲ': 'c', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'σ': 'o', 'τ': 't', 'υ': 'u', 'χ': 'x', 'η': 'n', 'γ': 'y', 'ω': 'w', 'β': 'b',
	'Α': 'a', 'Β': 'b', 'Ε': 'e', 'Ζ': 'z', 'Η': 'h', 'Ι': 'i', 'Κ': 'k', 'Μ': 'm', 'Ν': 'n', 'Ο': 'o', 'Ρ': 'p', 'Τ': 't', 'Υ': 'y', 'Χ': 'x',
	'ı': 'i', 'ɑ': 'a', 'ɡ': 'g', 'ɩ': 'i', 'ʟ': 'l', 'ɴ': 'n', 'ʀ': 'r', 'ʏ': 'y', 'ᴀ': 'a', 'ʙ': 'b', 'ᴄ': 'c', 'ᴅ': 'd', 'ᴇ': 'e', 'ɢ': 'g', 'ʜ': 'h', 'ɪ': 'i', 'ᴊ': 'j', 'ᴋ': 'k', 'ᴍ': 'm', 'ᴏ': 'o', 'ᴘ': 'p', 'ꜱ': 's', 'ᴛ': 't', 'ᴜ': 'u', 'ᴠ': 'v', 'ᴡ': 'w', 'ᴢ': 'z',
	'օ': 'o', 'ո': 'n', 'ս': 'u', 'հ': 'h', 'ց': 'g', 'ø': 'o', 'ł': 'l', 'đ': 'd', 'ħ': 'h', 'ŧ': 't', 'ß': 's', 'Ꭺ': 'a',
	'髙': '高', '﨑': '崎', '𠮷': '吉', '邊': '辺', '邉': '辺', '濵': '浜', '濱': '浜', '齋': '斉', '齊': '斉', '斎': '斉', '澤': '沢', '廣': '広', '眞': '真', '嶋': '島', '國': '国', '惠': '恵', '櫻': '桜', '龍': '竜', '瀨': '瀬', '德': '徳', '栁': '柳', '槇': '槙',
	'․': '.', '。': '.', '｡': '.', '·': '.', '•': '.', '‧': '.', '﹒': '.', '﹫': '@', '‐': '-', '‑': '-', '‒': '-', '–': '-', '—': '-', '−': '-',
}

// squeezed is a folded view without anything but letters and digits: so that
// blanks, quotation marks, tags and line ends inside an identifier do not matter.
// at tells for each octet where in the folded view it stands.
type squeezed struct {
	s      string
	at     []int32
	folded view
}

func (v view) squeeze() squeezed {
	b, at := make([]byte, 0, len(v.b)), make([]int32, 0, len(v.b))
	for i := 0; i < len(v.b); {
		r, n := utf8.DecodeRune(v.b[i:])
		if r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9') || r >= utf8.RuneSelf && r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			for j := range n {
				b, at = append(b, v.b[i+j]), append(at, int32(i+j))
			}
		}
		i += n
	}
	return squeezed{string(b), at, v}
}

// gap is what stands in the folded view between the octets i-1 and i.
func (q squeezed) gap(i int) string {
	if i <= 0 || i >= len(q.at) {
		return ""
	}
	return string(q.folded.b[q.at[i-1]+1 : q.at[i]])
}

// tight reports whether no gap inside i to j is wider than most octets.
func (q squeezed) tight(i, j, most int) bool {
	for k := i + 1; k < j; k++ {
		if int(q.at[k]-q.at[k-1])-1 > most {
			return false
		}
	}
	return true
}

// span is what i to j, of the squeezed octets, covers of the shown text.
func (q squeezed) span(i, j int, c Class) span {
	return q.folded.span(int(q.at[i]), int(q.at[j-1])+1, c)
}

// span is what i to j, of the view's octets, covers of the shown text.
func (v view) span(i, j int, c Class) span {
	s := span{int(v.from[i]), int(v.to[i]), c}
	for k := i; k < j; k++ {
		s.from, s.to = min(s.from, int(v.from[k])), max(s.to, int(v.to[k]))
	}
	return s
}
