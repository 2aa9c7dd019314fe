package corpus

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"

	"golang.org/x/net/idna"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// charsets are what mail programs of East Asia have written texts in.
var charsets = map[string]encoding.Encoding{
	"utf-8": encoding.Nop, "iso-2022-jp": japanese.ISO2022JP, "shift_jis": japanese.ShiftJIS, "euc-jp": japanese.EUCJP,
	"euc-kr": korean.EUCKR, "ks_c_5601-1987": korean.EUCKR, "gb18030": simplifiedchinese.GB18030, "gb2312": simplifiedchinese.GBK,
}

// in writes s in a charset; what it lacks becomes "?".
func in(charset, s string) []byte {
	e, ok := charsets[charset]
	if !ok || charset == "utf-8" {
		return []byte(s)
	}
	if b, err := e.NewEncoder().Bytes([]byte(s)); err == nil {
		return b
	}
	var kept strings.Builder
	for _, r := range s {
		if _, err := e.NewEncoder().Bytes([]byte(string(r))); err != nil {
			r = '?'
		}
		kept.WriteRune(r)
	}
	b, err := e.NewEncoder().Bytes([]byte(kept.String()))
	if err != nil {
		return []byte(kept.String())
	}
	return b
}

// Disguise is a way to write an address so that a plain search does not see it.
type Disguise struct {
	Name  string
	Write func(string) string
}

// Disguises are the encodings of the canary.
func Disguises() []Disguise {
	return []Disguise{
		{"plain", func(s string) string { return s }},
		{"capitals", strings.ToUpper},
		{"fullwidth", fullwidth},
		{"percent", func(s string) string { return eachOctet(s, "%%%02X") }},
		{"percent-at", func(s string) string { return strings.ReplaceAll(s, "@", "%40") }},
		{"percent-twice", func(s string) string { return strings.ReplaceAll(s, "@", "%2540") }},
		{"entities", func(s string) string { return eachRune(s, "&#%d;") }},
		{"entities-hex", func(s string) string { return eachRune(s, "&#x%x;") }},
		{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
		{"base64+1", func(s string) string { return base64.StdEncoding.EncodeToString([]byte("<" + s + ">")) }},
		{"base64+2", func(s string) string { return base64.StdEncoding.EncodeToString([]byte("e=" + s + "&k=1")) }},
		{"base64url", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("mailto:" + s + "?>>")) }},
		{"quoted-printable", func(s string) string { return eachOctet(s, "=%02X") }},
		{"qp-at", func(s string) string { return strings.ReplaceAll(s, "@", "=40") }},
		{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
		{"hex-capitals", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
		{"utf16-base64", func(s string) string { return base64.StdEncoding.EncodeToString(wide(s, false)) }},
		{"rot13", rot13},
		{"backwards", backwards},
		{"spaced", func(s string) string { return strings.Join(strings.Split(s, ""), " ") }},
		{"zero-width", func(s string) string { return strings.Join(strings.Split(s, ""), "\u200b") }},
		{"soft-hyphens", func(s string) string { return strings.ReplaceAll(s, ".", "\u00ad.\u00ad") }},
		{"at-word", func(s string) string { return strings.NewReplacer("@", " (at) ", ".", " (dot) ").Replace(s) }},
		{"at-bracket", func(s string) string { return strings.NewReplacer("@", "[at]", ".", "[dot]").Replace(s) }},
		{"at-kana", func(s string) string {
			return strings.NewReplacer("@", "アットマーク", ".", "ドット").Replace(s)
		}},
		{"at-hangul", func(s string) string { return strings.NewReplacer("@", "골뱅이", ".", "점").Replace(s) }},
		{"at-star", func(s string) string { return strings.ReplaceAll(s, "@", "★") }},
		{"homoglyphs", func(s string) string {
			return strings.NewReplacer("a", "а", "e", "е", "o", "о", "i", "і").Replace(s)
		}},
		{"utf-7", func(s string) string { return strings.ReplaceAll(s, "@", "+AEA-") }},
		{"backslash-u", func(s string) string { return strings.ReplaceAll(s, "@", `\u0040`) }},
		{"backslash-x", func(s string) string { return strings.ReplaceAll(s, "@", `\x40`) }},
		{"punycode", puny},
		{"tagged", func(s string) string { return strings.Replace(s, "@", "+shop@", 1) }},
		{"encoded-word", func(s string) string {
			return "=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
		}},
		{"broken-lines", func(s string) string { return s[:len(s)/2] + "\n> " + s[len(s)/2:] }},
		{"circled", circled},
		{"xor-hex", func(s string) string { return keyed(s, 0x5a) }},
		{"base64-twice", func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
		}},
	}
}

func eachOctet(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func eachRune(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

func fullwidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r - '!' + '！'
		}
		return r
	}, s)
}

func circled(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'ⓐ'
		}
		return r
	}, s)
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

func backwards(s string) string {
	var out []rune
	for _, r := range s {
		out = append([]rune{r}, out...)
	}
	return string(out)
}

func puny(s string) string {
	local, domain, _ := strings.Cut(s, "@")
	ascii, err := idna.ToASCII(domain)
	if err != nil {
		return s
	}
	return local + "@" + ascii
}

func keyed(s string, key byte) string {
	out := []byte{key}
	for _, c := range []byte(s) {
		out = append(out, c^key)
	}
	return hex.EncodeToString(out)
}

func wide(s string, mark bool) (out []byte) {
	if mark {
		out = append(out, 0xff, 0xfe)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8)) //nolint:gosec // the two octets of a unit
	}
	return out
}

// quoted writes quoted-printable, with lines of at most 76; every makes it write
// all octets so.
func quoted(b []byte, every bool) string {
	var out strings.Builder
	col := 0
	put := func(s string) {
		if col+len(s) > 75 {
			out.WriteString("=\r\n")
			col = 0
		}
		out.WriteString(s)
		col += len(s)
	}
	for i, c := range b {
		switch {
		case c == '\n':
			out.WriteString("\r\n")
			col = 0
		case c == '\r':
		case every, c == '=', c < ' ' && c != '\t', c >= 0x7f, (c == ' ' || c == '\t') && (i+1 == len(b) || b[i+1] == '\n' || b[i+1] == '\r'):
			put(fmt.Sprintf("=%02X", c))
		default:
			put(string(c))
		}
	}
	return out.String()
}

func inBase64(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	for len(s) > 76 {
		out.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return out.String() + s
}

// word writes text for a header: as it is, or in encoded words. careless cuts in
// the middle of characters, as many programs do.
func word(charset, s string, q, careless bool) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e }) {
		return s
	}
	octets := in(charset, s)
	var words []string
	for len(octets) > 0 {
		n := min(len(octets), 39)
		if !careless || charset == "iso-2022-jp" {
			n = whole(charset, s)
			octets, s = in(charset, string([]rune(s)[:n])), string([]rune(s)[n:])
			words = append(words, oneWord(charset, octets, q))
			octets = in(charset, s)
			continue
		}
		words = append(words, oneWord(charset, octets[:n], q))
		octets = octets[n:]
	}
	return strings.Join(words, "\r\n ")
}

// whole is how many characters of s fit into a word.
func whole(charset, s string) int {
	runes := []rune(s)
	n := len(runes)
	for n > 1 && len(in(charset, string(runes[:n]))) > 42 {
		n--
	}
	return n
}

func oneWord(charset string, octets []byte, q bool) string {
	if !q {
		return "=?" + charset + "?B?" + base64.StdEncoding.EncodeToString(octets) + "?="
	}
	var b strings.Builder
	for _, c := range octets {
		switch {
		case c == ' ':
			b.WriteByte('_')
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return "=?" + charset + "?Q?" + b.String() + "?="
}
