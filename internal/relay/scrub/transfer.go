package scrub

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// untransfer undoes a Content-Transfer-Encoding. It is false for an encoding that
// is not one of RFC 2045's five (uuencode, yEnc, BinHex among them) and for
// base64 in which something else stands.
func untransfer(encoding string, body []byte) ([]byte, bool) {
	switch strings.ToLower(strings.TrimSpace(comment(encoding))) {
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit":
		return body, true
	case "quoted-printable":
		return quotedPrintable(body), true
	case "base64":
		return strictBase64(body)
	}
	return nil, false
}

// strictBase64 decodes base64 on lines of any length. Padding may stand where a
// client encoded in pieces; anything else behind it is a fault.
func strictBase64(b []byte) ([]byte, bool) {
	b = bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, b)
	var out []byte
	for len(b) > 0 {
		end := bytes.IndexByte(b, '=')
		if end < 0 {
			end = len(b)
		}
		piece := make([]byte, base64.RawStdEncoding.DecodedLen(end))
		n, err := base64.RawStdEncoding.Decode(piece, b[:end])
		if err != nil {
			return nil, false
		}
		out = append(out, piece[:n]...)
		b = bytes.TrimLeft(b[end:], "=")
	}
	return out, true
}

// quotedPrintable decodes RFC 2045 6.7. What is no escape stands for itself.
func quotedPrintable(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			out = append(out, b[i])
			continue
		}
		if n := softBreak(b[i+1:]); n > 0 {
			i += n
			continue
		}
		if i+2 < len(b) {
			hi, lo := nibble(b[i+1]), nibble(b[i+2])
			if hi < 16 && lo < 16 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, '=')
	}
	return out
}

// softBreak is how many octets of blanks and a line's end b begins with.
func softBreak(b []byte) int {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	switch {
	case bytes.HasPrefix(b[i:], []byte("\r\n")):
		return i + 2
	case bytes.HasPrefix(b[i:], []byte("\n")):
		return i + 1
	case i == len(b):
		return i
	}
	return 0
}

// nibble is the value of a hexadecimal digit; 16 of anything else.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
