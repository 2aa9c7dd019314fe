package sim

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // ISO-2022-JP and EUC-KR still arrive
	"github.com/emersion/go-message/mail"
)

// Mail is one mail that arrived, as a mail program reads it.
type Mail struct {
	ID           int       `json:"id"`
	At           time.Time `json:"at"`
	EnvelopeFrom string    `json:"envelope_from"`
	EnvelopeTo   []string  `json:"envelope_to"`
	From         string    `json:"from"`
	FromName     string    `json:"from_name"`
	To           string    `json:"to"`
	Subject      string    `json:"subject"`
	MessageID    string    `json:"message_id"`
	Text         string    `json:"text,omitempty"`
	HTML         string    `json:"html,omitempty"`
	Headers      []Header  `json:"headers"`
	Unsubscribe  string    `json:"unsubscribe,omitempty"` // where a one-click POST goes (RFC 8058)
	Seals        []Seal    `json:"seals"`                 // its DKIM signatures, checked
	Raw          []byte    `json:"-"`
}

// Header is one field, unfolded and decoded.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Mails returns what arrived, oldest first, at most the last thousand.
func (b *Inbox) Mails() []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Mail{}, b.mails...)
}

// Mail returns one mail.
func (b *Inbox) Mail(id int) (Mail, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.mails {
		if m.ID == id {
			return m, true
		}
	}
	return Mail{}, false
}

// Clear empties the inbox.
func (b *Inbox) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails, b.bytes = nil, 0
}

// take keeps a mail and lets the oldest go where there are too many.
func (b *Inbox) take(from string, to []string, raw []byte) Mail {
	m := read(raw)
	m.Seals = b.seals(raw)
	m.At, m.EnvelopeFrom, m.EnvelopeTo = time.Now(), from, slices.Clone(to)
	if m.To == "" && len(to) > 0 {
		m.To = to[0]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	m.ID = b.next
	b.mails = append(b.mails, m)
	b.bytes += len(m.Raw)
	for len(b.mails) > maxMails || b.bytes > maxBytes {
		b.bytes -= len(b.mails[0].Raw)
		b.mails[0] = Mail{}
		b.mails = b.mails[1:]
	}
	return m
}

// sendBack has every marked recipient send something back.
func (b *Inbox) sendBack(m Mail, to []string) {
	if b.Relay == "" || m.EnvelopeFrom == "" {
		return // a bounce of a bounce would go round for ever (RFC 5321 4.5.5)
	}
	for _, t := range to {
		b.backs.Go(func() { b.back(m, t) })
	}
}

// read reads a mail as far as it can be read.
func read(raw []byte) Mail {
	m := Mail{Raw: raw}
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if r == nil || err != nil && !message.IsUnknownCharset(err) {
		m.Text = string(raw)
		return m
	}
	for f := r.Header.Fields(); f.Next(); {
		v, err := f.Text()
		if err != nil {
			v = f.Value()
		}
		m.Headers = append(m.Headers, Header{f.Key(), v})
	}
	m.Subject, _ = r.Header.Subject()
	m.MessageID, _ = r.Header.MessageID()
	if l, err := r.Header.AddressList("From"); err == nil && len(l) > 0 {
		m.From, m.FromName = l[0].Address, l[0].Name
	}
	if l, err := r.Header.AddressList("To"); err == nil && len(l) > 0 {
		m.To = l[0].Address
	}
	m.Unsubscribe = oneClick(r.Header)
	m.readParts(r)
	return m
}

// readParts takes the first text and the first HTML part.
func (m *Mail) readParts(r *mail.Reader) {
	for {
		p, err := r.NextPart()
		if err != nil {
			return
		}
		h, inline := p.Header.(*mail.InlineHeader)
		if !inline {
			continue
		}
		body, err := io.ReadAll(p.Body)
		if err != nil {
			return
		}
		switch kind, _, _ := h.ContentType(); {
		case kind == "text/html" && m.HTML == "":
			m.HTML = string(body)
		case strings.HasPrefix(kind, "text/") && m.Text == "":
			m.Text = string(body)
		}
	}
}

// oneClick returns the link that takes a one-click POST, if there is one.
func oneClick(h mail.Header) string {
	if h.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		return ""
	}
	for link := range strings.SplitSeq(h.Get("List-Unsubscribe"), ",") {
		link = strings.Trim(strings.TrimSpace(link), "<>")
		if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
			return link
		}
	}
	return ""
}
