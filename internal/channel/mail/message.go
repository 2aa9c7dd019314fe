package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// letter is a mail ready for the wire.
type letter struct {
	from, to string // envelope
	id       string // Message-ID without its brackets
	head     int    // octets of the header block, its empty line included
	octets   []byte // lines end in CRLF; no dots stuffed yet
	carry    []byte // what keeps a later attempt from signing again
}

// compose writes the mail of p. The same parcel and account give the same
// octets on every attempt: nothing in them comes from the clock or from
// chance. Bodies are quoted-printable or base64, so that they pass servers
// without 8BITMIME unchanged and the signature holds. The error says which of
// the words cannot be sent; it holds no address.
func (a *account) compose(p engawa.Parcel) (*letter, error) {
	to, err := Address(p.To.Reveal())
	if err != nil {
		return nil, err
	}
	if _, domain, _ := strings.Cut(to.Reveal(), "@"); slices.Contains(a.own, domain) {
		return nil, errOwn
	}
	if err := checkWords(p); err != nil {
		return nil, err
	}
	sender := p.SenderName
	if sender == "" {
		sender = a.fromName
	}
	token := digest(p.Workspace, p.Message, p.Delivery)
	id := token + "@" + a.domain

	var b bytes.Buffer
	b.Grow(2048 + 2*len(p.Content.Text) + 2*len(p.Content.HTML))
	from, replyTo := a.addresses(p)
	author := a.alias(p)
	if author != a.from && replyTo == "" {
		replyTo = a.from // nobody reads what comes to an alias
	}
	mailbox(&b, "From", sender, author)
	mailbox(&b, "To", p.ToName, to.Reveal())
	if replyTo != "" {
		mailbox(&b, "Reply-To", "", replyTo)
	}
	text(&b, "Subject", p.Content.Subject)
	line(&b, "Date", p.CreatedAt.UTC().Format(time.RFC1123Z))
	line(&b, "Message-ID", "<"+id+">")
	line(&b, "Auto-Submitted", "auto-generated") // RFC 3834: no vacation notes back
	if a.hop != nil {
		line(&b, "X-Engawa-Hop", a.hop(p.Hops+1))
	}
	stream(&b, p, sender, a.domain)
	if p.Unsubscribe != "" { // RFC 8058
		line(&b, "List-Unsubscribe", "<"+p.Unsubscribe+">")
		line(&b, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	if p.Locale != "" {
		line(&b, "Content-Language", string(p.Locale))
	}
	line(&b, "MIME-Version", "1.0")
	head := body(&b, p.Content, "=_"+token)
	return &letter{from: from, to: to.Reveal(), id: id, head: head, octets: b.Bytes()}, nil
}

// errOwn stops what would come back to the hub.
var errOwn = errors.New("mail for this address comes to this hub itself")

// alias is the address that a mail is from. A partner's is its own for each class
// of purpose, in the domain that comes back: receivers then judge the partner by
// it, not the business's address, and nobody takes the business for the author. It
// stays the same for good. Where the signature would not align with that domain
// (RFC 9989), it is the account's.
func (a *account) alias(p engawa.Parcel) string {
	if p.Partner == "" || a.relay == "" || !a.aligns() {
		return a.from
	}
	return "v-" + digest(p.Workspace, p.Partner, string(p.Purpose.Class())) + "@" + a.relay
}

// aligns reports whether what signs for the account signs for the relay domain too:
// our own key or, where there is none, a server that signs for the sender's domain.
func (a *account) aligns() bool {
	if a.signer == nil {
		return within(a.relay, a.domain)
	}
	return within(a.relay, a.signer.domain) || within(a.signer.domain, a.relay)
}

// checkWords refuses what could break a header apart or says nothing at all.
func checkWords(p engawa.Parcel) error {
	switch {
	case p.Content.Text == "" && p.Content.HTML == "":
		return errors.New("the message has no words")
	case p.Locale != "" && !token(string(p.Locale)):
		return errors.New("the locale is not a language tag")
	}
	for _, f := range [...]struct{ name, s string }{
		{"subject", p.Content.Subject}, {"sender's name", p.SenderName}, {"recipient's name", p.ToName},
	} {
		if strings.ContainsFunc(f.s, breaks) {
			return fmt.Errorf("the %s has a line break or a control character in it", f.name)
		}
	}
	return checkUnsubscribe(p.Unsubscribe)
}

// breaks reports control characters and whatever else some program takes for
// the end of a line.
func breaks(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

func token(s string) bool {
	for i := range len(s) {
		if !atext(s[i]) {
			return false
		}
	}
	return true
}

// maxURL keeps List-Unsubscribe in one line of 998 octets (RFC 5322 2.1.1).
const maxURL = 900

func checkUnsubscribe(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return errors.New("the unsubscribe link is not an http or https URL")
	case len(s) > maxURL, strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }):
		return errors.New("the unsubscribe link has a character that must be escaped, or is longer than 900")
	}
	return nil
}

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// digest names its parts in 26 characters that tell an outsider nothing.
func digest(parts ...string) string {
	b := make([]byte, 0, 256)
	for _, s := range parts {
		b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return idText.EncodeToString(sum[:16])
}

// stream writes what receivers tell one stream of mail from another by:
// Feedback-ID (Gmail: four fields, the last one the sender's id) and, for
// marketing, List-Id (RFC 2919). Both are hashes.
func stream(b *bytes.Buffer, p engawa.Parcel, sender, domain string) {
	class := string(p.Purpose.Class())
	vendor := digest(p.Workspace, sender)[:10]
	line(b, "Feedback-ID", digest(p.Workspace, p.Account, class)[:10]+":"+vendor+":"+class+":engawa")
	if p.Purpose.Class() == engawa.Marketing {
		line(b, "List-Id", "<"+class+"."+vendor+"."+domain+">")
	}
}

// line writes a field whose value is printable ASCII already.
func line(b *bytes.Buffer, name, value string) {
	b.WriteString(name)
	b.WriteString(": ")
	b.WriteString(value)
	b.WriteString("\r\n")
}

const (
	lineWidth = 76 // RFC 2047 2: a line with an encoded word
	wordWidth = 75 // RFC 2047 2: one encoded word
	wordFrame = len("=?utf-8?b??=")
)

// mailbox writes an address field with a display name.
func mailbox(b *bytes.Buffer, field, name, addr string) {
	b.WriteString(field)
	b.WriteString(": ")
	if name == "" {
		b.WriteString(addr)
		b.WriteString("\r\n")
		return
	}
	col := len(field) + 2
	if printable(name) && len(name) <= 50 {
		b.WriteByte('"')
		for i := range len(name) {
			if name[i] == '"' || name[i] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(name[i])
		}
		b.WriteByte('"')
		col += len(name) + 2
	} else {
		col = encodedWords(b, name, col)
	}
	if col+len(addr)+3 > lineWidth {
		b.WriteString("\r\n")
	}
	b.WriteString(" <")
	b.WriteString(addr)
	b.WriteString(">\r\n")
}

// text writes an unstructured field.
func text(b *bytes.Buffer, field, s string) {
	b.WriteString(field)
	b.WriteString(": ")
	if printable(s) && foldable(s) {
		fold(b, s, len(field)+2)
	} else {
		encodedWords(b, s, len(field)+2)
	}
	b.WriteString("\r\n")
}

// printable reports whether s can stand as it is: ASCII, and not to be taken
// for an encoded word.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return !strings.Contains(s, "=?")
}

// foldable reports whether s survives being broken at its spaces.
func foldable(s string) bool {
	for w := range strings.SplitSeq(s, " ") {
		if len(w) > 60 || w == "" && s != "" {
			return false
		}
	}
	return true
}

func fold(b *bytes.Buffer, s string, col int) {
	for i, w := range strings.Split(s, " ") {
		switch {
		case i > 0 && col+1+len(w) > lineWidth:
			b.WriteString("\r\n ")
			col = 1
		case i > 0:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(w)
		col += len(w)
	}
}

// encodedWords writes s as RFC 2047 words in UTF-8, one a line, starting at
// column col, and returns the column it ends in.
func encodedWords(b *bytes.Buffer, s string, col int) int {
	s = strings.ToValidUTF8(s, "\uFFFD")
	for s != "" {
		n := runesIn(s, (min(lineWidth-col, wordWidth)-wordFrame)/4*3)
		b.WriteString("=?utf-8?b?")
		b.Write(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), []byte(s[:n])))
		b.WriteString("?=")
		col += wordFrame + base64.StdEncoding.EncodedLen(n)
		if s = s[n:]; s != "" {
			b.WriteString("\r\n ")
			col = 1
		}
	}
	return col
}

// runesIn returns how many octets of s, at most limit, hold whole runes.
func runesIn(s string, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return limit
}

// body writes the fields of the body, the empty line and the body, and returns
// where the body starts.
func body(b *bytes.Buffer, c engawa.Content, boundary string) int {
	if c.HTML == "" {
		return part(b, "text/plain", c.Text)
	}
	if c.Text == "" {
		return part(b, "text/html", c.HTML)
	}
	line(b, "Content-Type", "multipart/alternative;\r\n boundary=\""+boundary+`"`)
	b.WriteString("\r\n")
	head := b.Len()
	b.WriteString("--" + boundary + "\r\n")
	part(b, "text/plain", c.Text)
	b.WriteString("--" + boundary + "\r\n")
	part(b, "text/html", c.HTML)
	b.WriteString("--" + boundary + "--\r\n")
	return head
}

// part writes one text, in the encoding that makes it shorter, and returns
// where it starts. "=_" cannot occur in either encoding, so no text can hold
// the boundary.
func part(b *bytes.Buffer, mediaType, s string) int {
	s = strings.ToValidUTF8(s, "\uFFFD")
	line(b, "Content-Type", mediaType+"; charset=utf-8")
	if escapes(s) > len(s)/6 {
		line(b, "Content-Transfer-Encoding", "base64")
		b.WriteString("\r\n")
		start := b.Len()
		base64Lines(b, crlfLines(s))
		return start
	}
	line(b, "Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	start := b.Len()
	quoted(b, crlfLines(s))
	return start
}

// quoted writes s as quoted-printable. Most lines of most mails need no
// encoding, and copying them takes a tenth of the time.
func quoted(b *bytes.Buffer, s []byte) {
	for row := range bytes.Lines(s) {
		row = bytes.TrimSuffix(row, []byte("\r\n"))
		if plain(row) {
			b.Write(row)
		} else {
			w := quotedprintable.NewWriter(b)
			_, _ = w.Write(row) // a bytes.Buffer takes everything
			_ = w.Close()
		}
		b.WriteString("\r\n")
	}
}

// plain reports whether quoted-printable leaves a line as it is.
func plain(row []byte) bool {
	for _, c := range row {
		if (c < ' ' || c > '~' || c == '=') && c != '\t' {
			return false
		}
	}
	return len(row) == 0 || len(row) <= lineWidth && row[len(row)-1] != ' ' && row[len(row)-1] != '\t'
}

// escapes counts the octets that quoted-printable writes as three.
func escapes(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] == '=' {
			n++
		}
	}
	return n
}

func base64Lines(b *bytes.Buffer, s []byte) {
	const octets = lineWidth / 4 * 3
	for len(s) > 0 {
		n := min(octets, len(s))
		b.Write(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), s[:n]))
		b.WriteString("\r\n")
		s = s[n:]
	}
}

// crlfLines returns s with every end of line, CRLF, CR or LF, as CRLF.
func crlfLines(s string) []byte {
	out := make([]byte, 0, len(s)+len(s)/32+2)
	for i := range len(s) {
		switch {
		case s[i] == '\r', s[i] == '\n' && (i == 0 || s[i-1] != '\r'):
			out = append(out, '\r', '\n')
		case s[i] != '\n':
			out = append(out, s[i])
		}
	}
	return out
}

// appendData appends msg the way the DATA command sends it: lines end in CRLF
// and in nothing else, a line that starts with a dot gets another one, and the
// end of data follows (RFC 5321 4.5.2). A stray CR or LF becomes an end of
// line, so that no server can see the end of data before it is there.
func appendData(dst, msg []byte) []byte {
	for len(msg) > 0 {
		var row []byte
		if i := bytes.IndexByte(msg, '\n'); i >= 0 {
			row, msg = msg[:i], msg[i+1:]
		} else {
			row, msg = msg, nil
		}
		row = bytes.TrimSuffix(row, []byte{'\r'})
		for more := true; more; {
			var one []byte
			one, row, more = bytes.Cut(row, []byte{'\r'})
			if len(one) > 0 && one[0] == '.' {
				dst = append(dst, '.')
			}
			dst = append(append(dst, one...), '\r', '\n')
		}
	}
	return append(dst, '.', '\r', '\n')
}
