package sim

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	netsmtp "net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// What an inbox sends back, by the beginning of the recipient's local part. Mail
// goes to Inbox.Relay: bounces and notes of programs to the mail's return path,
// from nobody; a person's answer to Reply-To.
const (
	Gone      = "gone-"      // there is no such mailbox (RFC 3464, 5.1.1)
	Full      = "full-"      // the mailbox is full (5.2.2)
	Distrusts = "distrusts-" // the provider does not trust the sender (5.7.26)
	Carrier   = "carrier-"   // the same as Gone, in words alone, as some carriers do
	Complains = "complains-" // the reader calls it spam (RFC 5965)
	Away      = "away-"      // a vacation note (RFC 3834)
	Answers   = "answers-"   // a person answers
)

const (
	backTries = 20
	backPause = 500 * time.Millisecond
	backDelay = 100 * time.Millisecond // a bounce is not there before the answer to DATA
)

// back sends back what a recipient's name asks for, until it is taken or the
// inbox closes.
func (b *Inbox) back(m Mail, to string) {
	sender, recipient, text := b.returned(m, to)
	if text == "" || recipient == "" {
		return
	}
	raw := []byte(lines(text))
	for range backTries {
		b.wait(backDelay)
		err := b.bring(sender, recipient, raw)
		var refused *textproto.Error
		if err == nil || errors.As(err, &refused) && refused.Code >= 500 || b.closed() {
			return
		}
		b.wait(backPause)
	}
}

func (b *Inbox) closed() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

func (b *Inbox) bring(from, to string, raw []byte) error {
	if b.Sign != nil {
		var err error
		if raw, err = b.Sign(raw); err != nil {
			return err
		}
	}
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", b.Relay)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	s, err := netsmtp.NewClient(c, "inbox.test")
	if err != nil {
		return err
	}
	if err := errors.Join(s.Mail(from), s.Rcpt(to)); err != nil { //nolint:gosec // net/smtp takes no line ends in them
		return err
	}
	w, err := s.Data()
	if err != nil {
		return err
	}
	_, err = w.Write(raw)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return s.Quit()
}

// returned is the mail that comes back: from, to, text.
func (*Inbox) returned(m Mail, to string) (from, recipient, text string) {
	head := func(sender, subject, kind string) string { return m.head(sender, m.EnvelopeFrom, subject, kind) }
	report := func(kind, name, words string, machine ...string) string {
		return head("MAILER-DAEMON@inbox.test", words, "multipart/report; report-type="+kind+"; boundary=back") + "Auto-Submitted: auto-replied\n\n" +
			"--back\nContent-Type: text/plain; charset=utf-8\n\n" + words + "\n\n--back\nContent-Type: message/" + name + "\n\n" + strings.Join(machine, "\n") + "\n\n" +
			"--back\nContent-Type: text/rfc822-headers\n\nReturn-Path: <" + m.EnvelopeFrom + ">\nMessage-ID: <" + m.MessageID + ">\nSubject: (removed)\n\n--back--\n"
	}
	failed := func(status, said string) string {
		return report("delivery-status", "delivery-status", "Undelivered mail returned to sender", "Reporting-MTA: dns; inbox.test", "Arrival-Date: "+time.Now().Format(time.RFC1123Z), "",
			"Final-Recipient: rfc822; "+to, "Action: failed", "Status: "+status, "Diagnostic-Code: smtp; 550 "+status+" "+said)
	}
	answer := func(subject, more, words string) string {
		return head("<"+to+">", subject, "text/plain; charset=utf-8") + m.thread() + more + "\n" + words + "\n"
	}
	switch mark, _, _ := strings.Cut(to, "-"); mark + "-" {
	case Gone:
		return "", m.EnvelopeFrom, failed("5.1.1", "no such user")
	case Full:
		return "", m.EnvelopeFrom, failed("5.2.2", "mailbox full")
	case Distrusts:
		return "", m.EnvelopeFrom, failed("5.7.26", "unauthenticated mail is not taken")
	case Carrier:
		return "", m.EnvelopeFrom, head("MAILER-DAEMON@inbox.test", "Mail System Error - Returned Mail", "text/plain; charset=utf-8") + "\n550 Unknown user " + to + "\n"
	case Complains:
		return "fbl@inbox.test", m.EnvelopeFrom, report("feedback-report", "feedback-report", "This mail was reported as spam", "Feedback-Type: abuse", "User-Agent: inbox/1", "Version: 1")
	case Away:
		return "", m.EnvelopeFrom, answer("Automatic reply: away", "Auto-Submitted: auto-replied\n", "I am away until Monday.")
	case Answers:
		return to, m.replyTo(), answer("Re: thank you", "", "ありがとうございます。来週の火曜日に伺います。\n\nOn Monday, the shop wrote:\n> (quoted)")
	}
	return "", "", ""
}

// head is the top of a mail that is sent because of m.
func (m Mail) head(from, to, subject, kind string) string {
	now := time.Now()
	return fmt.Sprintf("From: %s\nTo: <%s>\nSubject: %s\nDate: %s\nMessage-ID: <back-%d-%d@inbox.test>\nMIME-Version: 1.0\nContent-Type: %s\n", from, to, subject, now.Format(time.RFC1123Z), m.ID, now.UnixNano(), kind)
}

// thread says which mail is answered.
func (m Mail) thread() string {
	return "In-Reply-To: <" + m.MessageID + ">\nReferences: <" + m.MessageID + ">\n"
}

// reply sends what a person answers to m, with m quoted below, as mail programs do,
// and returns whether it was taken.
func (b *Inbox) reply(m Mail, words string) error {
	from, to := m.mailbox(), m.replyTo()
	subject := m.Subject
	if !strings.HasPrefix(strings.ToLower(subject), "re:") {
		subject = "Re: " + subject
	}
	var text strings.Builder
	text.WriteString(m.head("<"+from+">", to, mime.BEncoding.Encode("utf-8", subject), "text/plain; charset=utf-8"))
	text.WriteString(m.thread() + "Content-Transfer-Encoding: quoted-printable\n\n")
	body := quotedprintable.NewWriter(&text)
	_, err := body.Write([]byte(strings.ReplaceAll(words, "\r\n", "\n") + "\n" + m.quoted()))
	if err := errors.Join(err, body.Close()); err != nil {
		return err
	}
	return b.bring(from, to, []byte(lines(text.String())))
}

// mailbox is who reads m here.
func (m Mail) mailbox() string {
	if len(m.EnvelopeTo) == 0 {
		return m.To
	}
	return m.EnvelopeTo[0]
}

// quoted is m below an answer.
func (m Mail) quoted() string {
	if m.Text == "" {
		return ""
	}
	text := strings.TrimRight(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n")
	return "\n" + m.At.Format("2006-01-02 15:04") + " " + m.FromName + " <" + m.From + ">:\n> " + strings.ReplaceAll(text, "\n", "\n> ") + "\n"
}

// lines ends every line as SMTP does.
func lines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// replyTo is where a mail program sends an answer.
func (m Mail) replyTo() string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, "Reply-To") {
			return strings.Trim(h.Value, "<>")
		}
	}
	return m.From
}
