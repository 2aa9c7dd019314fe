package scrub

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// labels are the names that mail programs use and the WHATWG's list does not.
var labels = map[string]string{
	"cp932": "shift_jis", "ms932": "shift_jis", "x-ms-cp932": "shift_jis", "sjis": "shift_jis", "windows-932": "shift_jis", "x-sjis-cp932": "shift_jis", "sjis-win": "shift_jis",
	"cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp", "cp50222": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp", "iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-3": "iso-2022-jp", "iso-2022-jp-2004": "iso-2022-jp", "jis": "iso-2022-jp",
	"cp51932": "euc-jp", "eucjp-win": "euc-jp", "eucjp-ms": "euc-jp", "eucjp": "euc-jp", "x-eucjp": "euc-jp",
	"cp949": "euc-kr", "ms949": "euc-kr", "uhc": "euc-kr", "x-windows-949": "euc-kr", "x-cp949": "euc-kr", "ks_c_5601": "euc-kr", "euckr": "euc-kr", "johab": "",
	"cp936": "gbk", "ms936": "gbk", "x-gbk": "gbk", "gb-2312": "gb18030", "gb2312-80": "gb18030", "cp950": "big5",
	"utf8mb4": "utf-8", "unicode": "utf-16le", "ucs-2": "utf-16be",
	"iso8859-1": "windows-1252", "cp1252": "windows-1252", "iso_8859-1": "windows-1252",
}

// broken is how many of a hundred characters may be missing from a text that
// still counts as decoded: carriers' picture characters, a cut line.
const broken = 5

// decode turns octets into text. The label is believed where the octets can be
// what it says; a wrong or unknown one is replaced by what they look like. It is
// false where nothing fits: then the text must not pass.
func decode(label string, b []byte) (string, bool) {
	label = strings.ToLower(strings.Trim(strings.TrimSpace(label), `"'`))
	if better, ok := labels[label]; ok {
		label = better
	}
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b, label = b[3:], "utf-8"
	case wide(b):
		return wideText(b)
	}
	switch label {
	case "utf-7", "unicode-1-1-utf-7", "iso-2022-cn", "iso-2022-cn-ext", "johab", "utf-32", "utf-32le", "utf-32be", "x-mac-japanese":
		return "", false
	case "iso-2022-kr", "csiso2022kr":
		return shifted(b)
	case "hz-gb-2312", "hz":
		return with(simplifiedchinese.HZGB2312, b)
	}
	if bytes.Contains(b, []byte("\x1b$")) || bytes.Contains(b, []byte("\x1b(")) {
		if bytes.Contains(b, []byte("\x1b$)C")) {
			return shifted(b)
		}
		return with(japanese.ISO2022JP, b) // its escapes cannot be anything else
	}
	if plainASCII(b) {
		return string(b), true
	}
	if label == "" || label == "utf-8" || label == "us-ascii" || label == "ascii" || utf8.Valid(b) {
		return guess(b)
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return guess(b)
	}
	if enc == japanese.ShiftJIS {
		b = pictures(b)
	}
	if text, ok := with(enc, b); ok {
		return text, true
	}
	return guess(b)
}

// pictures writes "〓" for the picture characters of Japanese carriers, which stand
// in Shift_JIS where everybody may put what they like.
func pictures(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c < 0x81 || c >= 0xa0 && c < 0xe0 || i+1 == len(b) {
			out = append(out, c)
			continue
		}
		if i++; c >= 0xf0 && c <= 0xf9 && b[i] >= 0x40 {
			out = append(out, 0x81, 0xac)
			continue
		}
		out = append(out, c, b[i])
	}
	return out
}

// plainASCII reports that b means the same in every charset that is not stateful.
func plainASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1b || c == 0x0e || c == 0x0f || c == 0 {
			return false
		}
	}
	return true
}

// guess decodes what says nothing true of itself: UTF-8 where it is, else the
// East Asian charset that leaves the fewest characters out.
func guess(b []byte) (string, bool) {
	if stateful(b) {
		return "", false
	}
	if utf8.Valid(b) {
		return string(b), true
	}
	if text, ok := mostly(string(b)); ok {
		return text, true
	}
	best, bestScore := "", -1
	for _, e := range []encoding.Encoding{japanese.ShiftJIS, japanese.EUCJP, korean.EUCKR, simplifiedchinese.GB18030} {
		octets := b
		if e == japanese.ShiftJIS {
			octets = pictures(b)
		}
		text, ok := with(e, octets)
		score := familiar(text)
		if e == simplifiedchinese.GB18030 {
			score /= 2 // every text is some Chinese
		}
		if ok && score > bestScore {
			best, bestScore = text, score
		}
	}
	return best, bestScore >= 0
}

// stateful reports octets that change what those behind them mean. An escape
// with a bracket only colours a terminal.
func stateful(b []byte) bool {
	for i, c := range b {
		if c == 0 || c == 0x0e || c == 0x1b && (i+1 == len(b) || b[i+1] != '[') {
			return true
		}
	}
	return false
}

// familiar counts the characters that living texts are made of: kana, syllables
// of Hangul, common ideographs.
func familiar(s string) (n int) {
	for _, r := range s {
		switch {
		case r >= 0x3040 && r < 0x3100, r >= 0xac00 && r < 0xd7a4:
			n += 3
		case r >= 0x4e00 && r < 0xa000, r == '。', r == '、':
			n++
		case r >= 0xff61 && r < 0xffa0:
			n--
		case r == utf8.RuneError, r >= 0xe000 && r < 0xf900:
			n -= 3
		}
	}
	return max(n, 0)
}

func with(e encoding.Encoding, b []byte) (string, bool) {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return "", false
	}
	return mostly(string(out))
}

// mostly marks what is missing from a text and is false where that is too much.
func mostly(s string) (string, bool) {
	missing, all := 0, 0
	for _, r := range s {
		if r >= utf8.RuneSelf {
			all++
		}
		if r == utf8.RuneError {
			missing++
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD"), missing*100 <= all*broken || missing == 1 && all < 40
}

// wide reports UTF-16: by its mark, or by its NULs in every other octet.
func wide(b []byte) bool {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return true
	}
	return len(b) >= 4 && len(b)%2 == 0 && bytes.Count(b, []byte{0})*5 > len(b)
}

func wideText(b []byte) (string, bool) {
	order := unicode.LittleEndian
	if b[0] == 0 || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		order = unicode.BigEndian
	}
	text, ok := with(unicode.UTF16(order, unicode.UseBOM), b)
	return text, ok && len(b)%2 == 0 && !strings.ContainsRune(text, 0)
}

// shifted decodes ISO-2022-KR (RFC 1557): between SO and SI stand the characters
// of KS X 1001, each octet without its high bit.
func shifted(b []byte) (string, bool) {
	b = bytes.ReplaceAll(b, []byte("\x1b$)C"), nil)
	if bytes.IndexByte(b, 0x1b) >= 0 {
		return "", false
	}
	out, high := make([]byte, 0, len(b)), byte(0)
	for _, c := range b {
		switch {
		case c == 0x0e:
			high = 0x80
		case c == 0x0f:
			high = 0
		case c == '\r' || c == '\n':
			high = 0 // RFC 1557: a line begins in ASCII
			out = append(out, c)
		case c > ' ':
			out = append(out, c|high)
		default:
			out = append(out, c)
		}
	}
	return with(korean.EUCKR, out)
}
