package mail

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/refusal"
)

// phase is where in the dialogue something happened.
type phase string

// The phases. What ends before bodySent has handed nothing over.
const (
	greeting phase = "the greeting"
	hello    phase = "EHLO"
	startTLS phase = "STARTTLS"
	auth     phase = "AUTH"
	reset    phase = "RSET"
	mailFrom phase = "MAIL"
	rcptTo   phase = "RCPT"
	data     phase = "DATA"
	bodySent phase = "the end of the mail"
	noop     phase = "NOOP"
)

// reply is a server's answer (RFC 5321 4.2).
type reply struct {
	code     int
	enhanced string // "5.1.1" (RFC 3463); empty: none given
	text     string // words of all lines, of refusals only; unmasked
}

// label is the reply in short: "550 5.1.1".
func (r reply) label() string {
	if r.enhanced == "" {
		return strconv.Itoa(r.code)
	}
	return strconv.Itoa(r.code) + " " + r.enhanced
}

var errMalformed = errors.New("the answer is not one of SMTP")

// parseLine reads one line of a reply, without its end of line, and reports
// whether more lines follow.
func parseLine(line []byte) (r reply, more bool, err error) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return reply{}, false, errMalformed
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return reply{}, false, errMalformed
		}
		r.code = r.code*10 + int(c-'0')
	}
	if r.code < 200 || r.code > 599 {
		return reply{}, false, errMalformed
	}
	if r.code >= 400 && len(line) > 4 {
		r.text = string(line[4:])
		r.enhanced = enhancedCode(r.text, line[0])
	}
	return r, len(line) > 3 && line[3] == '-', nil
}

// enhancedCode returns the status code of RFC 2034 that text starts with. Its
// class must be the reply's own; one that contradicts it counts as none.
func enhancedCode(text string, class byte) string {
	word, _, _ := strings.Cut(text, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != string(class) {
		return ""
	}
	for _, p := range parts[1:] {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || len(p) > 3 {
			return ""
		}
	}
	return word
}

// classify says what a refusal at a phase means. Only a code that says that
// the mailbox does not exist gives the address up; policy codes (5.7.x) speak
// of the sender or the words, and never do.
func classify(at phase, r reply) *channel.SendError {
	e := &channel.SendError{Code: r.label(), Err: fmt.Errorf("the server refused %s", at)}
	switch {
	case r.code < 400: // an answer that has no place here
		e.Class = channel.Again
	case refusesAccount(at, r):
		e.Class = channel.AccountClosed
	case r.code < 500:
		e.Class = channel.Again
		e.After = wait(r)
	default:
		e.Class = channel.Rejected
	}
	if r.code >= 400 && (at == rcptTo || at == data || at == bodySent) {
		e.Refusal = new(refusal.Read(r.enhanced, r.label()+" "+r.text))
	}
	if e.Class == channel.Rejected {
		e.Blame = blame(r, e.Refusal)
		if e.Refusal != nil && e.Refusal.Reason == refusal.NoMailbox {
			e.Class = channel.AddressGone
		}
	}
	return e
}

// blame says of whom a refusal speaks; of one before the recipient was named, its
// code alone.
func blame(r reply, why *refusal.Refusal) breaker.Said {
	if why == nil {
		return breaker.Blame(r.enhanced)
	}
	return why.Blame()
}

// refusesAccount reports a refusal that every other mail would meet as well:
// of the credentials, of the connection or of the sender's own address.
func refusesAccount(at phase, r reply) bool {
	if r.code < 500 {
		return false
	}
	switch r.code {
	case 530, 534, 535, 538: // RFC 4954 6: authentication is missing, too weak, wrong, needs TLS
		return true
	}
	switch at {
	case greeting, hello, startTLS, auth, noop:
		return true
	case mailFrom:
		return r.enhanced == "" && (r.code == 550 || r.code == 553) ||
			r.enhanced == "5.1.7" || r.enhanced == "5.1.8" || strings.HasPrefix(r.enhanced, "5.7.")
	case reset, rcptTo, data, bodySent:
	}
	return false
}

const (
	greyWait = 5 * time.Minute // what greylists ask for where they do not say
	maxWait  = time.Hour
)

// wait is how long a greylisting server asks to wait; 0 for any other reply.
func wait(r reply) time.Duration {
	s := strings.ToLower(r.text)
	if d := spelledWait(s); d > 0 {
		return min(d, maxWait)
	}
	if strings.Contains(s, "greylist") || strings.Contains(s, "graylist") || strings.Contains(s, "grey list") {
		return greyWait
	}
	return 0
}

// spelledWait finds "300 seconds", "300s" or "5 minutes" in s.
func spelledWait(s string) time.Duration {
	words := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t,;:()", r) })
	for i, w := range words {
		w = strings.TrimRight(w, ".")
		digits := strings.TrimRight(w, "abcdefghijklmnopqrstuvwxyz")
		n, err := strconv.Atoi(digits)
		if err != nil || n <= 0 || n > 1e6 {
			continue
		}
		unit := w[len(digits):]
		if unit == "" && i+1 < len(words) {
			unit = words[i+1]
		}
		switch {
		case unit == "s" || strings.HasPrefix(unit, "sec"):
			return time.Duration(n) * time.Second
		case unit == "m" || strings.HasPrefix(unit, "min"):
			return time.Duration(n) * time.Minute
		case unit == "h" || strings.HasPrefix(unit, "hour"):
			return time.Duration(n) * time.Hour
		}
	}
	return 0
}
