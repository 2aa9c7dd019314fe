package scrub

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf8"
)

// derived returns the views that a program would make of v: what is escaped in it
// resolved, what looks like base64 or hexadecimal decoded. Views that would be
// the same as v are left out.
func (v view) derived() []view {
	var out []view
	add := func(d view) {
		if len(d.b) > 0 {
			out = append(out, d)
		}
	}
	add(v.unescaped())
	if !v.resolved {
		add(v.unquoted())
	}
	runs := v.runs(base64Digit, minBase64, true)
	for shift := range 4 {
		add(v.base64(runs, shift))
	}
	add(v.hex(v.hexPairs(), false))
	add(v.hex(v.runs(func(c byte) bool { return nibble(c) < 16 }, minHex, false), true))
	return out
}

// unescaped resolves percent signs, entities, backslashes and UTF-7; empty where
// there are none.
func (v view) unescaped() view {
	if !bytes.ContainsAny(v.b, `%&\+=`) {
		return view{}
	}
	out, changed := grown(len(v.b)), false
	for i := 0; i < len(v.b); {
		text, n := escape(v.b[i:])
		if n == 0 {
			out.add(v.b[i], v.from[i], v.to[i])
			i++
			continue
		}
		changed = true
		s := v.span(i, i+n, "")
		out.addText(text, int32(s.from), int32(s.to)) //nolint:gosec // as in shown
		i += n
	}
	if !changed {
		return view{}
	}
	out.resolved = true
	return out
}

// escape reads the escape that b begins with; n is 0 where it is none.
func escape(b []byte) (text string, n int) {
	switch b[0] {
	case '%':
		if len(b) > 2 && nibble(b[1]) < 16 && nibble(b[2]) < 16 {
			return string([]byte{nibble(b[1])<<4 | nibble(b[2])}), 3
		}
		if len(b) > 5 && b[1] == 'u' { // as old scripts write it
			return backslash(append([]byte{'\\'}, b[1:6]...))
		}
	case '&':
		return entityOf(b)
	case '\\':
		return backslash(b)
	case '+':
		return utf7(b)
	case '=':
		if len(b) > 1 && b[1] == '?' {
			if charset, octets, n, ok := encodedWord(string(b[:min(len(b), 1<<10)])); ok {
				text, _ := decode(charset, octets)
				return text, n
			}
		}
	}
	return "", 0
}

const maxEntity = 12

func entityOf(b []byte) (string, int) {
	end := bytes.IndexByte(b[:min(len(b), maxEntity)], ';')
	n := end + 1
	if end < 0 { // browsers need no semicolon behind a number
		if len(b) < 3 || b[1] != '#' {
			return "", 0
		}
		n = 2
		for n < min(len(b), maxEntity) && (nibble(b[n]) < 16 || n == 2 && b[n]|0x20 == 'x') {
			n++
		}
	}
	raw := string(b[:n])
	text := html.UnescapeString(raw)
	if text == raw {
		return "", 0
	}
	return text, n
}

// backslash reads \xHH, \uHHHH, \u{H…} and the octal \OOO.
func backslash(b []byte) (string, int) {
	if len(b) < 4 {
		return "", 0
	}
	digits, from, base := 0, 2, 16
	switch {
	case b[1] == 'x':
		digits = 2
	case b[1] == 'u' && b[2] == '{':
		end := bytes.IndexByte(b[:min(len(b), maxEntity)], '}')
		if v, err := strconv.ParseUint(string(b[3:max(3, end)]), 16, 21); err == nil {
			return string(rune(v)), end + 1
		}
		return "", 0
	case b[1] == 'u':
		digits = 4
	case b[1] >= '0' && b[1] <= '3':
		digits, from, base = 3, 1, 8
	}
	if digits == 0 || len(b) < from+digits {
		return "", 0
	}
	v, err := strconv.ParseUint(string(b[from:from+digits]), base, 16)
	if err != nil {
		return "", 0
	}
	return string(rune(v)), from + digits
}

// utf7 reads the shift sequence of RFC 2152 that b begins with.
func utf7(b []byte) (string, int) {
	end := 1
	for end < min(len(b), 1<<10) && base64Digit(b[end]) && b[end] != '-' && b[end] != '_' {
		end++
	}
	if end < 4 {
		return "", 0
	}
	octets := looseBase64(b[1:end])
	var text []byte
	for i := 0; i+1 < len(octets); i += 2 {
		text = utf8.AppendRune(text, rune(octets[i])<<8|rune(octets[i+1]))
	}
	if end < len(b) && b[end] == '-' {
		end++
	}
	return string(text), end
}

// unquoted resolves quoted-printable; empty where there is none.
func (v view) unquoted() view {
	if bytes.IndexByte(v.b, '=') < 0 {
		return view{}
	}
	out, changed := grown(len(v.b)), false
	for i := 0; i < len(v.b); i++ {
		if v.b[i] == '=' {
			if i+1 < len(v.b) {
				if n := softBreak(v.b[i+1:]); n > 0 {
					i, changed = i+n, true
					continue
				}
			}
			if i+2 < len(v.b) && nibble(v.b[i+1]) < 16 && nibble(v.b[i+2]) < 16 {
				out.add(nibble(v.b[i+1])<<4|nibble(v.b[i+2]), v.from[i], v.to[i+2])
				i, changed = i+2, true
				continue
			}
		}
		out.add(v.b[i], v.from[i], v.to[i])
	}
	if !changed {
		return view{}
	}
	return out
}

// run is a stretch of a view: the octets at these places, without what only
// wraps lines.
type run []int32

const (
	minBase64 = 11 // digits; the shortest mailbox, "a@b.jp", with an octet to each side
	minHex    = 12 // digits
)

func base64Digit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

// runs finds the stretches of at least least digits. Where wraps says so, a line's
// end with the quotation marks behind it does not end one.
func (v view) runs(digit func(byte) bool, least int, wraps bool) (out []run) {
	var now run
	for i := 0; i < len(v.b); {
		if digit(v.b[i]) {
			now = append(now, int32(i))
			i++
			continue
		}
		if n := wrapped(v.b[i:]); wraps && n > 0 && len(now) > 0 {
			i += n
			continue
		}
		if len(now) >= least {
			out = append(out, now)
		}
		now = nil
		i++
	}
	if len(now) >= least {
		out = append(out, now)
	}
	return out
}

// wrapped is how much of b is the end of a line and the quotation marks behind it.
func wrapped(b []byte) int {
	if b[0] != '\n' && b[0] != '\r' {
		return 0
	}
	n := 1
	for n < min(len(b), 64) && (b[n] == '\n' || b[n] == ' ' || b[n] == '\t' || b[n] == '>') {
		n++
	}
	return n
}

// base64 decodes the runs from their octet shift on, in both alphabets. What is
// found in one covers all of it.
func (v view) base64(runs []run, shift int) view {
	total := 0
	for _, r := range runs {
		total += len(r)
	}
	out := grown(total)
	for _, r := range runs {
		whole := v.span(int(r[0]), int(r[len(r)-1])+1, "")
		from, to := int32(whole.from), int32(whole.to) //nolint:gosec // as in shown
		var bits uint32
		n := 0
		for _, i := range r[min(shift, len(r)):] {
			bits = bits<<6 | uint32(sextet(v.b[i]))
			if n += 6; n >= 8 {
				n -= 8
				out.add(byte(bits>>n&0xff), from, to)
			}
		}
		out.add('\n', from, to)
	}
	if total == 0 {
		return view{}
	}
	return out
}

func sextet(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case c >= '0' && c <= '9':
		return c - '0' + 52
	case c == '+' || c == '-':
		return 62
	}
	return 63
}

// hexPairs finds hexadecimal digits, in one row or in pairs with a sign, a blank
// or "0x" between them.
func (v view) hexPairs() (out []run) {
	var now run
	between := 0
	for i := range v.b {
		c := v.b[i]
		switch {
		case nibble(c) < 16 && (c != '0' || i+1 == len(v.b) || v.b[i+1]|0x20 != 'x'):
			now, between = append(now, int32(i)), 0
		case between < 4 && (c == ' ' || c == ':' || c == '-' || c == ',' || c == '\n' || c == '\r' || c|0x20 == 'x' || c == '0' || c == '\\'):
			between++
		default:
			if len(now) >= minHex {
				out = append(out, now)
			}
			now, between = nil, 0
		}
	}
	if len(now) >= minHex {
		out = append(out, now)
	}
	return out
}

// hex decodes runs of hexadecimal digits at both alignments; keyed: as pages hide
// addresses from harvesters, each octet mixed with the first.
func (v view) hex(runs []run, keyed bool) view {
	var out view
	for _, r := range runs {
		whole := v.span(int(r[0]), int(r[len(r)-1])+1, "")
		from, to := int32(whole.from), int32(whole.to) //nolint:gosec // as in shown
		for shift := range 2 {
			var key byte
			for k := shift; k+1 < len(r); k += 2 {
				c := nibble(v.b[r[k]])<<4 | nibble(v.b[r[k+1]])
				if keyed && k == shift {
					key = c
					continue
				}
				out.add(c^key, from, to)
			}
			out.add('\n', from, to)
		}
	}
	return out
}

// rotated reads v in ROT13.
func (v view) rotated() view {
	b := bytes.Clone(v.b)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = 'a' + (c-'a'+13)%26
		case c >= 'A' && c <= 'Z':
			b[i] = 'A' + (c-'A'+13)%26
		}
	}
	return view{b: b, from: v.from, to: v.to}
}

// reversed reads v backwards, character by character.
func (v view) reversed() view {
	out := grown(len(v.b))
	for end := len(v.b); end > 0; {
		_, n := utf8.DecodeLastRune(v.b[:end])
		for i := end - n; i < end; i++ {
			out.add(v.b[i], v.from[i], v.to[i])
		}
		end -= n
	}
	return out
}
