package mail

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
)

// maxExchange is how much of each side of a dialogue is kept, in octets.
const maxExchange = 4096

// dialogue is what was said on a connection since the last hand-over: said is
// masked when it is written, heard when it is shown. Both are reused.
type dialogue struct{ said, heard []byte }

func (d *dialogue) clear() { d.said, d.heard = d.said[:0], d.heard[:0] }

func (d *dialogue) say(parts ...string) {
	for _, p := range parts {
		d.said = append(d.said, p...)
	}
	d.said = append(d.said, '\r', '\n')
}

// sayLetter shows the fields of a letter and the size of the rest.
func (d *dialogue) sayLetter(l *letter) {
	for row := range bytes.Lines(l.octets[:l.head]) {
		switch {
		case bytes.HasPrefix(row, []byte("List-Unsubscribe: ")): // whoever has the link can use it
			d.said = append(d.said, "List-Unsubscribe: <…>\r\n"...)
		case bytes.HasPrefix(row, []byte("Message-ID: ")):
			d.said = append(d.said, row...)
		default:
			d.said = appendMasked(d.said, row)
		}
	}
	d.said = append(d.said, "(body: "...)
	d.said = strconv.AppendInt(d.said, int64(len(l.octets)-l.head), 10)
	d.said = append(d.said, " octets)\r\n.\r\n"...)
}

func (d *dialogue) hear(line []byte) {
	if len(d.heard) < maxExchange {
		d.heard = append(d.heard, line...)
		d.heard = append(d.heard, '\r', '\n')
	}
}

// exchange returns the dialogue with every address masked and the secrets and
// the recipient's local part, which servers repeat by itself, taken out.
func (d *dialogue) exchange(to string, secrets ...string) engawa.Exchange {
	heard := string(appendMasked(make([]byte, 0, len(d.heard)), d.heard))
	if local, _, ok := strings.Cut(to, "@"); ok && len(local) > 2 {
		heard = maskFold(heard, local)
	}
	for _, s := range secrets {
		if len(s) > 2 {
			heard = maskFold(heard, s)
		}
	}
	return engawa.Exchange{Request: capped(string(d.said)), Response: capped(heard)}
}

func capped(s string) string {
	if len(s) <= maxExchange {
		return s
	}
	return strings.ToValidUTF8(s[:maxExchange-len("…")], "") + "…"
}

// maskFold takes every s out of text, whatever its case.
func maskFold(text, s string) string {
	low, s := strings.ToLower(text), strings.ToLower(s)
	if len(low) != len(text) || !strings.Contains(low, s) {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(low, s)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString("…")
		text, low = text[i+len(s):], low[i+len(s):]
	}
}

// appendMasked appends text with every mail address in it masked.
func appendMasked(dst, text []byte) []byte {
	for {
		at := bytes.IndexByte(text, '@')
		if at < 0 {
			return append(dst, text...)
		}
		start, end := addressStart(text, at), at+1
		for end < len(text) && !delimits(text[end]) {
			end++
		}
		dst = append(dst, text[:start]...)
		dst = append(dst, engawa.MaskAddress(string(text[start:end]))...)
		text = text[end:]
	}
}

// addressStart finds where the local part that ends at at begins.
func addressStart(text []byte, at int) int {
	if at > 0 && text[at-1] == '"' {
		return max(0, bytes.LastIndexByte(text[:at-1], '"'))
	}
	start := at
	for start > 0 && !delimits(text[start-1]) {
		start--
	}
	return start
}

func delimits(c byte) bool { return c <= ' ' || strings.IndexByte(`<>()[]",;:`, c) >= 0 }
