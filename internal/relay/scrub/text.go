package scrub

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text that can be shown: lines that end in LF, no controls, and
// none of the characters that have no shape but can carry words, such as tags.
// What joins emoji and letters of scripts that need joiners stays.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	var last rune
	return strings.Map(func(r rune) rune {
		keep := true
		switch {
		case r == '\n' || r == '\t':
		case r == 0x200d || r == 0x200c: // joiners: between letters that join, and emoji
			keep = last >= 0x0600 && !unicode.In(last, unicode.Latin, unicode.Cyrillic, unicode.Greek)
		case r == 0xfe0e || r == 0xfe0f:
			keep = last >= 0x2000 || last == '#' || last == '*' || last >= '0' && last <= '9'
		case r >= 0xfe00 && r <= 0xfe0d || r >= 0xe0100 && r <= 0xe01ef: // of ideographs
			keep = unicode.Is(unicode.Han, last)
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == 0x034f, r == 0x3164, r == 0xffa0, r == 0x115f, r == 0x1160:
			keep = false
		case r == '\u2028' || r == '\u2029':
			r = '\n'
		}
		if !keep {
			return -1
		}
		last = r
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// flowed joins the lines that a program broke (RFC 3676 4).
func flowed(s string, delsp bool) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	open, openDepth := false, 0
	for line := range strings.SplitSeq(s, "\n") {
		depth := len(line) - len(strings.TrimLeft(line, ">"))
		text := strings.TrimPrefix(line[depth:], " ") // space-stuffing
		signature := text == "-- "
		if open && (depth != openDepth || signature) {
			b.WriteByte('\n')
			open = false
		}
		if !open && depth > 0 {
			b.WriteString(strings.Repeat(">", depth) + " ")
		}
		soft := strings.HasSuffix(text, " ") && !signature
		if soft && delsp {
			text = text[:len(text)-1]
		}
		b.WriteString(text)
		if open, openDepth = soft, depth; !soft {
			b.WriteByte('\n')
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var (
	// armored is what OpenPGP and S/MIME write into plain text, up to its end or that of the text.
	armored = regexp.MustCompile(`(?s)-----BEGIN (?:PGP (?:MESSAGE|PUBLIC KEY BLOCK|PRIVATE KEY BLOCK)|PKCS7|CERTIFICATE)[^\n-]*-----.*?(?:-----END [A-Z0-9 ,/]+-----|\z)`)
	signed  = regexp.MustCompile(`(?s)-----BEGIN PGP SIGNATURE-----.*?(?:-----END PGP SIGNATURE-----|\z)`)
	signing = regexp.MustCompile(`-----BEGIN PGP SIGNED MESSAGE-----[^\n]*\n(?:[A-Za-z-]+:[^\n]*\n)*`)
	// encoded are files inside a text: uuencode, yEnc, BinHex.
	encoded = regexp.MustCompile(`(?ms)^[> ]*(?:begin(?:-base64)? [0-7]{3,4} [^\n]*\n.*?(?:^[> ]*(?:end|====)[ \t]*$|\z)|=ybegin [^\n]*\n.*?(?:^[> ]*=yend[^\n]*$|\z)|\(This file must be converted with BinHex[^\n]*\n.*?(?::[ \t]*$|\z))`)
	inlined = regexp.MustCompile(`data:[a-zA-Z0-9/+.\-]{0,60}(?:;[a-zA-Z0-9=\-]{1,40})*,[A-Za-z0-9+/=%_\-]*`)
)

// opaque takes out what a text carries that is not words: keys and sealed mails,
// files, and, not counted, signatures. It returns how many.
func opaque(s string) (text string, sealed, files int) {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	cut := func(re *regexp.Regexp, n *int) {
		s = re.ReplaceAllStringFunc(s, func(string) string { *n++; return "" })
	}
	if strings.Contains(s, "-----BEGIN ") {
		s = signed.ReplaceAllString(signing.ReplaceAllString(s, ""), "")
		cut(armored, &sealed)
	}
	if strings.Contains(s, "begin") || strings.Contains(s, "BinHex") {
		cut(encoded, &files)
	}
	if strings.Contains(s, "data:") {
		cut(inlined, &files)
	}
	return s, sealed, files
}

// enriched takes the words out of text/enriched (RFC 1896): commands stand in
// angle brackets, two of them are one of the text, and single line ends are blanks.
func enriched(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '<' && strings.HasPrefix(s[i:], "<<"):
			b.WriteByte('<')
			i += 2
		case c == '<':
			end := strings.IndexByte(s[i:], '>')
			if end < 0 {
				return b.String()
			}
			tag := strings.ToLower(s[i+1 : i+end])
			i += end + 1
			if tag == "param" { // colours, fonts: between this and its end stand no words
				_, after, _ := strings.Cut(s[i:], "</param>")
				i = len(s) - len(after)
			}
		case c == '\n':
			n := 1
			for i+n < len(s) && s[i+n] == '\n' {
				n++
			}
			b.WriteString(strings.Repeat("\n", n-1))
			if n == 1 {
				b.WriteByte(' ')
			}
			i += n
		default:
			_, n := utf8.DecodeRuneInString(s[i:])
			b.WriteString(s[i : i+n])
			i += n
		}
	}
	return b.String()
}
