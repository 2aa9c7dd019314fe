// Package letter reads incoming mail (RFC 5322, MIME) within limits: depth,
// parts, header, decoded size. What goes beyond a limit or cannot be decoded is
// left out and said so; nothing is fetched, unpacked or run. Read never fails on
// a body: a mail that is broken is still somebody's mail.
package letter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // ISO-2022-JP, EUC-KR and their like still arrive
	"github.com/emersion/go-message/textproto"
	"golang.org/x/text/encoding/japanese"
)

// The limits. A mail is refused for its header alone; a body is cut.
const (
	MaxHeader = 64 << 10 // octets of one header block
	MaxDepth  = 10       // parts inside parts
	MaxParts  = 100
	MaxText   = 1 << 20 // octets of all texts, decoded
	maxLine   = 4 << 10 // octets of a decoded field
)

// Letter is a mail as far as it was read.
type Letter struct {
	From       string // the one address of From; empty: none, several or broken
	FromName   string
	Subject    string
	MessageID  string // without brackets
	Text       string // the plain texts; of a mail without any, the words of its HTML
	Attached   int    // parts that are no text
	Incomplete bool   // something was over a limit or could not be decoded
	Report     *Report

	header textproto.Header
	html   string
	parts  int
	left   int // octets of text that may still be kept
}

// Format names the letter without addresses and words, whatever the verb.
func (l *Letter) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "letter of %d parts", l.parts) }

// errHeader says that there is no header to go by.
var errHeader = errors.New("the mail has no header that can be read within 64 KiB")

// Read reads a mail.
func Read(raw []byte) (*Letter, error) {
	e, err := message.ReadWithOptions(bytes.NewReader(raw), &message.ReadOptions{MaxHeaderBytes: MaxHeader})
	if e == nil {
		return nil, errors.Join(errHeader, err)
	}
	l := &Letter{left: MaxText, header: e.Header.Header}
	l.Subject = l.Field("Subject")
	l.FromName, l.From = l.sender()
	l.MessageID = id(l.Field("Message-Id"))
	if err != nil {
		l.Incomplete = true
	}
	l.part(e, 0)
	if l.Text == "" && l.html != "" {
		l.Text = words(l.html)
	}
	l.Text = clean(l.Text)
	return l, nil
}

// Field returns a field of the header in UTF-8, unfolded and cut to 4 KiB; of
// several, the first.
func (l *Letter) Field(name string) string { return field(l.header, name) }

// Fields returns every field of a name, the topmost first: the one that the last
// server on the way wrote.
func (l *Letter) Fields(name string) []string { return l.header.Values(name) }

// Count returns how many fields of a name there are.
func (l *Letter) Count(name string) int { return len(l.header.Values(name)) }

func field(h textproto.Header, name string) string {
	raw := h.Get(name)
	decoded, err := (&mime.WordDecoder{CharsetReader: message.CharsetReader}).DecodeHeader(cut(raw, maxLine))
	if err != nil {
		decoded = raw
	}
	return strings.TrimSpace(clean(cut(decoded, maxLine)))
}

// sender returns the mailbox of From. One that is not exactly one address says
// nothing about who wrote: display and check would differ (RFC 5322 3.6.2).
func (l *Letter) sender() (name, address string) {
	if l.Count("From") != 1 {
		return "", ""
	}
	p := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: message.CharsetReader}}
	list, err := p.ParseList(cut(l.header.Get("From"), maxLine))
	if err != nil || len(list) != 1 {
		return "", ""
	}
	return clean(list[0].Name), strings.ToLower(list[0].Address)
}

// part reads one part and those inside it.
func (l *Letter) part(e *message.Entity, depth int) {
	l.parts++
	if depth > MaxDepth || l.parts > MaxParts {
		l.Incomplete = true
		return
	}
	kind, params, err := e.Header.ContentType()
	if err != nil && e.Header.Get("Content-Type") != "" {
		kind = "application/octet-stream"
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		l.multipart(e, strings.EqualFold(kind, "multipart/report") && depth == 0, params["boundary"], depth)
	case kind == "text/plain" && !attached(e):
		l.Text = join(l.Text, l.text(e))
	case kind == "text/html" && !attached(e):
		l.html = join(l.html, l.text(e))
	default:
		l.Attached++
	}
}

// multipart reads the parts of e. Those of a report are read as one, at the top
// only: a report inside a report is somebody's attachment.
func (l *Letter) multipart(e *message.Entity, report bool, boundary string, depth int) {
	if boundary == "" {
		l.Incomplete = true
		return
	}
	if report {
		l.Report = &Report{}
	}
	r := e.MultipartReader()
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if p == nil || l.parts >= MaxParts || headerSize(p.Header.Header) > MaxHeader {
			l.Incomplete = true
			return
		}
		if err != nil {
			l.Incomplete = true
		}
		if report && l.Report.take(l, p) {
			l.parts++
			continue
		}
		l.part(p, depth+1)
	}
}

func headerSize(h textproto.Header) (n int) {
	for f := h.Fields(); f.Next(); {
		n += len(f.Key()) + len(f.Value()) + 4
	}
	return n
}

func attached(e *message.Entity) bool {
	disposition, _, _ := e.Header.ContentDisposition()
	return disposition == "attachment"
}

// text reads a part that is text, as far as there is room.
func (l *Letter) text(e *message.Entity) string {
	b, err := io.ReadAll(io.LimitReader(e.Body, int64(l.left)+1))
	if err != nil || len(b) > l.left {
		l.Incomplete = true
	}
	b = b[:min(len(b), l.left)]
	l.left -= len(b)
	if !utf8.Valid(b) {
		l.Incomplete = true
	}
	return undeclared(b)
}

// undeclared decodes ISO-2022-JP that nobody declared: its escapes cannot be
// anything else, and old Japanese systems write no charset.
func undeclared(b []byte) string {
	if bytes.Contains(b, []byte("\x1b$")) {
		if s, err := japanese.ISO2022JP.NewDecoder().Bytes(b); err == nil {
			return string(s)
		}
	}
	return string(b)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return strings.TrimRight(a, "\r\n") + "\n" + b
}

// clean makes text that can be kept and shown: UTF-8, lines that end in LF,
// without NUL and other controls.
func clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// cut cuts s to n octets, at a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// id returns a message id without its brackets.
func id(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, closed := strings.Cut(s, ">")
	if !closed {
		return ""
	}
	return strings.TrimSpace(s)
}
