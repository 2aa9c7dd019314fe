package mail

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// transact hands one letter over on c. nil means that the server took it.
func (c *conn) transact(ctx context.Context, l *letter) *channel.SendError {
	c.answers = 0
	c.mails++
	if c.sizeLimit > 0 && int64(len(l.octets)) > c.sizeLimit {
		return &channel.SendError{
			Class: channel.Rejected, Code: "552 5.3.4", // of this server, not of a receiver: no Blame
			Err: fmt.Errorf("the mail has %d octets; the server takes %d", len(l.octets), c.sizeLimit),
		}
	}
	if e := c.envelope(ctx, l); e != nil {
		return e
	}
	return c.letter(ctx, l)
}

// envelope says who writes to whom and asks to go on: in one flight where the
// server pipelines (RFC 2920), else one by one.
func (c *conn) envelope(ctx context.Context, l *letter) *channel.SendError {
	verbs := [...]phase{reset, mailFrom, rcptTo, data}
	flight := verbs[1:]
	if c.open {
		flight = verbs[:]
	}
	c.open = true
	c.out = c.out[:0]
	if c.pipelining {
		for _, at := range flight {
			c.command(at, l)
		}
		if e := c.write(ctx, flight[0]); e != nil {
			return e
		}
	}
	var refusal *channel.SendError
	for _, at := range flight {
		if !c.pipelining {
			if refusal != nil {
				break
			}
			c.out = c.out[:0]
			c.command(at, l)
			if e := c.write(ctx, at); e != nil {
				return e
			}
		}
		r, err := c.reply(nil)
		switch {
		case err != nil && refusal != nil:
			c.broken = true
			return refusal
		case err != nil:
			return c.lost(ctx, at, err)
		case refusal != nil && at == data && r.code < 400:
			// It waits for a letter that must not be sent. Not even an empty
			// one: a server that refused MAIL or RCPT and goes on regardless
			// could deliver it.
			c.broken = true
		case refusal == nil && !agrees(at, r.code):
			refusal = classify(at, r)
			c.broken = c.broken || r.code == 421 || r.code < 400 // RFC 5321 3.8: 421 closes
		}
	}
	return refusal
}

func agrees(at phase, code int) bool {
	if at == data {
		return code == 354
	}
	return code/100 == 2
}

// command appends one command to the flight, and its masked form to the log.
func (c *conn) command(at phase, l *letter) {
	switch at {
	case mailFrom:
		c.out = append(append(append(c.out, "MAIL FROM:<"...), l.from...), '>')
		size := ""
		if c.sized {
			size = " SIZE=" + strconv.Itoa(len(l.octets))
		}
		c.out = append(c.out, size...)
		c.log.say("MAIL FROM:<", engawa.MaskAddress(l.from), ">", size)
	case rcptTo:
		c.out = append(append(append(c.out, "RCPT TO:<"...), l.to...), '>')
		c.log.say("RCPT TO:<", engawa.MaskAddress(l.to), ">")
	case reset, data:
		verb := string(at)
		c.out = append(c.out, verb...)
		c.log.say(verb)
	case greeting, hello, startTLS, auth, bodySent, noop:
	}
	c.out = append(c.out, '\r', '\n')
}

// letter sends the letter itself. As long as the last octet of the end of data
// has not been written, the server cannot have taken anything; from then on
// only its answer says.
func (c *conn) letter(ctx context.Context, l *letter) *channel.SendError {
	c.out = appendData(c.out[:0], l.octets)
	c.log.sayLetter(l)
	n, err := c.Write(c.out)
	if err != nil && n < len(c.out) {
		return c.cutShort(ctx, err)
	}
	var r reply
	if err == nil {
		r, err = c.reply(nil)
	}
	switch {
	case err != nil:
		e := c.lost(ctx, bodySent, err)
		e.Class = channel.Ambiguous
		return e
	case r.code/100 == 2:
		c.open = false
		return nil
	case r.code < 400:
		c.broken = true
		return &channel.SendError{Class: channel.Ambiguous, Code: r.label(), Err: errors.New("the server answered the mail with neither yes nor no")}
	}
	c.broken = r.code == 421
	return classify(bodySent, r)
}

// cutShort looks whether a server that stopped reading said why.
func (c *conn) cutShort(ctx context.Context, cause error) *channel.SendError {
	c.broken = true
	if r, err := c.reply(nil); err == nil && r.code >= 400 {
		return classify(data, r)
	}
	return c.lost(ctx, data, cause)
}
