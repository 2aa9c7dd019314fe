package scrub

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
)

// header is a header block: fields in their order, unfolded, raw.
type header []field

type field struct{ name, value string }

func (h header) get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// split reads the header block of an entity. It forgives what real servers do:
// LF alone, a line that is no field (it ends nothing), an mbox line before all.
func split(raw []byte) (h header, body []byte, ok bool) {
	rest := raw
	for {
		line, after, more := cutLine(rest)
		if len(raw)-len(rest) > MaxHeader {
			return nil, nil, false
		}
		if len(line) == 0 {
			return h, after, true
		}
		rest = after
		switch name, value, isField := bytes.Cut(line, []byte(":")); {
		case line[0] == ' ' || line[0] == '\t':
			if len(h) > 0 {
				h[len(h)-1].value += string(line)
			}
		case isField && validName(name):
			h = append(h, field{strings.TrimSpace(string(name)), string(value)})
		}
		if !more {
			return h, nil, len(raw) <= MaxHeader
		}
	}
}

func validName(b []byte) bool {
	b = bytes.TrimRight(b, " \t")
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// cutLine returns the first line without its end.
func cutLine(b []byte) (line, rest []byte, more bool) {
	line, rest, more = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest, more
}

// decodeWords decodes the encoded words of RFC 2047 wherever they stand (real
// clients write them inside quotes and without blanks around), and raw octets
// above ASCII. Neighbours of one charset are joined before they are decoded:
// many clients cut in the middle of a character.
func decodeWords(s string) string {
	var out strings.Builder
	var pending []byte // decoded octets of words of charset
	charset := ""
	flush := func() {
		if len(pending) > 0 {
			text, _ := decode(charset, pending)
			out.WriteString(text)
			pending = nil
		}
	}
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		label, octets, n, ok := encodedWord(s[i:])
		between := s[:i]
		if !ok {
			flush()
			out.WriteString(undeclared(s[:i+2]))
			s = s[i+2:]
			continue
		}
		joined := pending != nil && strings.TrimSpace(between) == ""
		if !joined || label != charset {
			flush()
		}
		if !joined {
			out.WriteString(undeclared(between))
		}
		charset, pending = label, append(pending, octets...)
		s = s[i+n:]
	}
	flush()
	out.WriteString(undeclared(s))
	return out.String()
}

func undeclared(s string) string {
	text, _ := decode("", []byte(s))
	return text
}

// maxWord bounds one encoded word; RFC 2047 allows 75 octets, clients write more.
const maxWord = 8 << 10

// encodedWord reads the encoded word that s begins with; n is its length.
func encodedWord(s string) (charset string, octets []byte, n int, ok bool) {
	parts := strings.SplitN(s[:min(len(s), maxWord)], "?", 5)
	if len(parts) != 5 || parts[0] != "=" || !strings.HasPrefix(parts[4], "=") || len(parts[2]) != 1 {
		return "", nil, 0, false
	}
	charset, _, _ = strings.Cut(parts[1], "*") // RFC 2231 5: a language
	switch parts[2] {
	case "B", "b":
		octets = looseBase64([]byte(parts[3]))
	case "Q", "q":
		octets = quotedPrintable([]byte(strings.ReplaceAll(parts[3], "_", " ")))
	default:
		return "", nil, 0, false
	}
	return strings.ToLower(charset), octets, len(strings.Join(parts[:4], "?")) + 2, true
}

// looseBase64 decodes what it can.
func looseBase64(b []byte) []byte {
	b = bytes.TrimRight(b, "= \t\r\n")
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(b)))
	n, err := base64.RawStdEncoding.Decode(out, b)
	_ = err // what stands before the fault counts
	return out[:n]
}

// parameters reads a field like Content-Type: its value in lower case, and its
// parameters by name (RFC 2045 5.1), with the continuations and charsets of RFC
// 2231 and, since clients do it, the encoded words of RFC 2047.
func parameters(s string) (value string, params map[string]string) {
	value, rest, _ := strings.Cut(s, ";")
	params = map[string]string{}
	pieces := map[string]map[int]piece{}
	for n := 0; rest != "" && n < maxParams; n++ {
		var name, val string
		name, val, rest = parameter(rest)
		if name == "" {
			continue
		}
		base, number, extended := continuation(name)
		if number < 0 && !extended {
			if _, twice := params[base]; !twice {
				params[base] = val
			}
			continue
		}
		if pieces[base] == nil {
			pieces[base] = map[int]piece{}
		}
		pieces[base][max(number, 0)] = piece{val, extended}
	}
	for name, ps := range pieces {
		params[name] = assemble(ps)
	}
	return strings.ToLower(strings.TrimSpace(comment(value))), params
}

const maxParams = 200

type piece struct {
	text     string
	extended bool // percent encoded; the first begins with charset'language'
}

// assemble joins the pieces of a parameter until one is missing.
func assemble(ps map[int]piece) string {
	var octets []byte
	charset, declared := "", false
	for i := 0; ; i++ {
		p, ok := ps[i]
		if !ok {
			break
		}
		text := p.text
		if i == 0 && p.extended {
			if parts := strings.SplitN(text, "'", 3); len(parts) == 3 {
				charset, text, declared = parts[0], parts[2], true
			}
		}
		if p.extended {
			octets = append(octets, unpercent(text)...)
		} else {
			octets = append(octets, text...)
		}
	}
	if !declared {
		return string(octets)
	}
	text, _ := decode(charset, octets)
	return text
}

func unpercent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}

// continuation takes "name*1*" apart; number is -1 where there is none.
func continuation(name string) (base string, number int, extended bool) {
	base, extended = strings.CutSuffix(name, "*")
	base, after, numbered := strings.Cut(base, "*")
	if !numbered {
		return base, -1, extended
	}
	n, err := strconv.Atoi(after)
	if err != nil || n < 0 || n > maxParams {
		return base, maxParams + 1, extended
	}
	return base, n, extended
}

// parameter reads one "name=value" behind blanks and semicolons.
func parameter(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, "; \t\r\n")
	i := strings.IndexAny(s, "=;")
	if i < 0 || s[i] == ';' {
		_, rest, _ = strings.Cut(s, ";")
		return "", "", rest
	}
	name = strings.ToLower(strings.TrimSpace(s[:i]))
	s = strings.TrimLeft(s[i+1:], " \t\r\n")
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		return name, strings.TrimSpace(comment(value)), rest
	}
	var b strings.Builder
	for i = 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
			continue
		case '"':
			return name, b.String(), s[i+1:]
		}
		b.WriteByte(s[i])
	}
	return name, b.String(), ""
}

// comment cuts a comment off the end of a token.
func comment(s string) string {
	s, _, _ = strings.Cut(s, "(")
	return s
}
