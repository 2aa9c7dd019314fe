package letter

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"
)

// Report is what a multipart/report says (RFC 6522).
type Report struct {
	Fates     []Fate   // of a delivery status notification (RFC 3464): one for each recipient
	Complaint string   // of a feedback report (RFC 5965): its Feedback-Type
	Original  Original // of the mail that is reported on
	Receipt   bool     // a disposition notification (RFC 8098): somebody's program saw the mail
}

// Fate is what became of a mail for one recipient.
type Fate struct {
	Action     string // failed, delayed, delivered, relayed, expanded
	Status     string // "5.1.1"
	Diagnostic string // the words of the server that refused; may hold addresses
	To         []string
}

// Original is what a report tells of the mail it reports on.
type Original struct {
	MessageID  string
	ReturnPath []string // where its bounces were to go, as far as the report says so
}

// maxFates bounds the recipients of one report.
const maxFates = 100

// take reads a part of a report and tells whether it was one of the report's own.
func (r *Report) take(l *Letter, p *message.Entity) bool {
	kind, _, _ := p.Header.ContentType()
	switch strings.ToLower(kind) {
	case "message/delivery-status", "message/global-delivery-status": // RFC 6533
		r.fates(groups(l.text(p)))
	case "message/feedback-report":
		for _, g := range groups(l.text(p)) {
			r.complaint(g)
		}
	case "message/disposition-notification", "message/global-disposition-notification":
		r.Receipt = true
	case "text/rfc822-headers", "message/rfc822", "message/rfc822-headers", "message/global", "message/global-headers":
		r.original(p.Body)
	default:
		return false
	}
	return true
}

// groups reads the blocks of fields that a status part is made of, forgiving
// lines that are no fields.
func groups(s string) (out []textproto.Header) {
	for block := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n\n") {
		var lines []string
		for line := range strings.SplitSeq(block, "\n") {
			folded := len(lines) > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"))
			if name, _, ok := strings.Cut(line, ":"); folded || ok && name != "" && !strings.ContainsAny(name, " \t") {
				lines = append(lines, line)
			}
		}
		h, err := textproto.ReadHeader(bufio.NewReader(strings.NewReader(strings.Join(lines, "\r\n") + "\r\n\r\n")))
		if err == nil && h.Len() > 0 && len(out) <= maxFates {
			out = append(out, h)
		}
	}
	return out
}

// fates reads the recipients' groups; the first group is the mail's own.
func (r *Report) fates(gs []textproto.Header) {
	for _, g := range gs {
		if !g.Has("Final-Recipient") && !g.Has("Original-Recipient") && !g.Has("Action") || len(r.Fates) >= maxFates {
			continue
		}
		f := Fate{Action: strings.ToLower(word(g.Get("Action"))), Status: word(g.Get("Status")), Diagnostic: afterType(field(g, "Diagnostic-Code"))}
		for _, name := range []string{"Final-Recipient", "Original-Recipient"} {
			if to := strings.ToLower(afterType(field(g, name))); to != "" {
				f.To = append(f.To, strings.Trim(to, "<>"))
			}
		}
		r.Fates = append(r.Fates, f)
	}
}

// word is the first word of a field, without a comment behind it.
func word(s string) string {
	s, _, _ = strings.Cut(s, "(")
	if f := strings.Fields(s); len(f) > 0 {
		return strings.Trim(f[0], ";")
	}
	return ""
}

// afterType drops "rfc822;" and "smtp;" (RFC 3464 2.1.2).
func afterType(s string) string {
	if kind, rest, ok := strings.Cut(s, ";"); ok && len(kind) < 20 && !strings.Contains(kind, " ") {
		return strings.TrimSpace(rest)
	}
	return s
}

func (r *Report) complaint(g textproto.Header) {
	if kind := strings.ToLower(word(g.Get("Feedback-Type"))); kind != "" {
		r.Complaint = kind
	}
	if from := strings.Trim(field(g, "Original-Mail-From"), "<>"); from != "" {
		r.Original.ReturnPath = append(r.Original.ReturnPath, from)
	}
}

// original reads the header of the mail that is reported on.
func (r *Report) original(body io.Reader) {
	raw, err := io.ReadAll(io.LimitReader(body, MaxHeader))
	if err != nil || len(raw) == 0 {
		return
	}
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		raw = raw[:i+4]
	} else if i := bytes.Index(raw, []byte("\n\n")); i >= 0 {
		raw = raw[:i+2]
	} else {
		raw = append(raw, "\r\n\r\n"...)
	}
	h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return
	}
	r.Original.MessageID = id(field(h, "Message-Id"))
	if path := strings.Trim(field(h, "Return-Path"), "<>"); path != "" {
		r.Original.ReturnPath = append(r.Original.ReturnPath, path)
	}
}
