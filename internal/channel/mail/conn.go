package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/engawa/engawa/internal/channel"
)

const (
	maxMails   = 500              // letters on one connection
	maxLife    = 10 * time.Minute // of a connection
	maxReply   = 100              // lines of one reply
	bufferSize = 4096             // also the longest line of a reply
	keepBuffer = 1 << 20          // a larger write buffer is not kept
	farewell   = time.Second      // for QUIT and its answer
)

// conn is one connection to a submission server, logged in. One goroutine
// uses it at a time.
type conn struct {
	net.Conn          // raw, or TLS over it
	raw      net.Conn // what is closed: a TLS goodbye could wait for seconds
	in       *bufio.Reader
	out      []byte // what the next flight sends; reused
	log      dialogue

	pipelining bool
	sized      bool  // SIZE announced
	sizeLimit  int64 // octets of one letter; 0: not said
	tlsOffered bool
	mechanisms []string

	opened, parked time.Time
	mails          int  // handed over, or tried to
	open           bool // a transaction may stand open: RSET before the next
	broken         bool // not to be used again
	answers        int  // that came back since the transaction began
}

// connect opens a connection, secures it and logs in. A dialogue that did not
// get through comes back in the error.
func (a *account) connect(ctx context.Context) (*conn, *channel.SendError) {
	raw, err := a.dial(ctx, "tcp", a.addr)
	if err != nil {
		e := lost(ctx, "connect", fmt.Errorf("connect: %w", err))
		e.Exchange.Request = "(connect to " + a.addr + ")"
		return nil, e
	}
	c := &conn{Conn: raw, raw: raw, opened: time.Now()}
	release := c.guard(ctx)
	e := a.login(ctx, c)
	if !release() && e == nil {
		e = lost(ctx, "canceled", context.Cause(ctx))
	}
	if e != nil {
		e.Exchange = c.log.exchange("", a.username, a.password.Reveal())
		_ = raw.Close()
		return nil, e
	}
	return c, nil
}

// guard ends whatever c waits for when ctx ends. The function it returns lets
// go again and reports whether c was left alone.
func (c *conn) guard(ctx context.Context) (release func() bool) {
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}

func (a *account) login(ctx context.Context, c *conn) *channel.SendError {
	if a.tlsMode == tlsWhole {
		if e := a.secure(ctx, c); e != nil {
			return e
		}
	}
	c.in = bufio.NewReaderSize(c.Conn, bufferSize)
	if e := c.expect(ctx, greeting, 220); e != nil {
		return e
	}
	if e := a.hello(ctx, c); e != nil {
		return e
	}
	if a.tlsMode == tlsStart {
		if e := a.startTLS(ctx, c); e != nil {
			return e
		}
	}
	if a.username == "" {
		return nil
	}
	return a.authenticate(ctx, c)
}

// secure makes c a TLS connection.
func (a *account) secure(ctx context.Context, c *conn) *channel.SendError {
	t := tls.Client(c.Conn, a.tlsConfig)
	if err := t.HandshakeContext(ctx); err != nil {
		if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
			return &channel.SendError{Class: channel.AccountClosed, Code: "tls_certificate", Err: fmt.Errorf("secure: %w", err)}
		}
		return lost(ctx, "tls", fmt.Errorf("secure: %w", err))
	}
	c.Conn = t
	c.log.say("(TLS)")
	return nil
}

// hello greets and reads what the server can do (RFC 5321 4.1.1.1).
func (a *account) hello(ctx context.Context, c *conn) *channel.SendError {
	c.pipelining, c.sized, c.sizeLimit, c.tlsOffered, c.mechanisms = false, false, 0, false, nil
	c.out = append(append(append(c.out[:0], "EHLO "...), a.domain...), '\r', '\n')
	c.log.say("EHLO ", a.domain)
	if e := c.write(ctx, hello); e != nil {
		return e
	}
	r, err := c.reply(c.capability)
	if err != nil {
		return c.lost(ctx, hello, err)
	}
	if r.code != 250 {
		return classify(hello, r)
	}
	return nil
}

// capability takes one line of the answer to EHLO.
func (c *conn) capability(line []byte) {
	if len(line) < 5 {
		return
	}
	words := strings.Fields(strings.ToUpper(string(line[4:])))
	if len(words) == 0 {
		return
	}
	switch words[0] {
	case "PIPELINING":
		c.pipelining = true
	case "STARTTLS":
		c.tlsOffered = true
	case "AUTH":
		c.mechanisms = words[1:]
	case "SIZE":
		c.sized = true
		if len(words) > 1 {
			if n, err := strconv.ParseInt(words[1], 10, 64); err == nil {
				c.sizeLimit = n
			}
		}
	}
}

// startTLS secures c (RFC 3207). What the server was made to say in the clear
// before the handshake and did not belong there is never read: such a
// connection is given up. What it said about itself is asked for again.
func (a *account) startTLS(ctx context.Context, c *conn) *channel.SendError {
	if !c.tlsOffered {
		return &channel.SendError{
			Class: channel.AccountClosed, Code: "starttls_missing",
			Err: errors.New("the server does not offer STARTTLS"),
		}
	}
	c.out = append(c.out[:0], "STARTTLS\r\n"...)
	c.log.say("STARTTLS")
	if e := c.write(ctx, startTLS); e != nil {
		return e
	}
	if e := c.expect(ctx, startTLS, 220); e != nil {
		return e
	}
	if c.in.Buffered() > 0 {
		return &channel.SendError{
			Class: channel.Again, Code: "starttls_injection",
			Err: errors.New("something was put in between STARTTLS and the handshake"),
		}
	}
	if e := a.secure(ctx, c); e != nil {
		return e
	}
	c.in = bufio.NewReaderSize(c.Conn, bufferSize)
	return a.hello(ctx, c)
}

// authenticate logs in (RFC 4954) with PLAIN, or LOGIN where that is all there is.
func (a *account) authenticate(ctx context.Context, c *conn) *channel.SendError {
	var client sasl.Client
	for _, m := range c.mechanisms {
		switch {
		case m == sasl.Plain:
			client = sasl.NewPlainClient("", a.username, a.password.Reveal())
		case m == sasl.Login && client == nil:
			client = sasl.NewLoginClient(a.username, a.password.Reveal())
		}
	}
	if client == nil {
		return &channel.SendError{
			Class: channel.AccountClosed, Code: "auth_missing",
			Err: errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN"),
		}
	}
	mechanism, answer, err := client.Start()
	if err != nil {
		return &channel.SendError{Class: channel.AccountClosed, Code: "auth", Err: fmt.Errorf("log in: %w", err)}
	}
	c.out = append(append(append(c.out[:0], "AUTH "...), mechanism...), ' ')
	c.log.say("AUTH ", mechanism, " ••••••")
	for {
		c.out = append(base64.StdEncoding.AppendEncode(c.out, answer), '\r', '\n')
		if e := c.write(ctx, auth); e != nil {
			return e
		}
		clear(c.out)
		var challenge []byte
		r, err := c.reply(func(line []byte) { challenge = bytes.Clone(line[min(4, len(line)):]) })
		switch {
		case err != nil:
			return c.lost(ctx, auth, err)
		case r.code == 235:
			return nil
		case r.code != 334:
			e := classify(auth, r)
			return e
		}
		asked, err := base64.StdEncoding.DecodeString(string(challenge))
		if err == nil {
			answer, err = client.Next(asked)
		}
		if err != nil {
			return &channel.SendError{Class: channel.AccountClosed, Code: "auth", Err: errors.New("the server asked for something else than the password")}
		}
		c.out = c.out[:0]
		c.log.say("••••••")
	}
}

// write sends c.out.
func (c *conn) write(ctx context.Context, at phase) *channel.SendError {
	if _, err := c.Write(c.out); err != nil {
		return c.lost(ctx, at, err)
	}
	return nil
}

// expect reads one reply and refuses any other than code.
func (c *conn) expect(ctx context.Context, at phase, code int) *channel.SendError {
	r, err := c.reply(nil)
	if err != nil {
		return c.lost(ctx, at, err)
	}
	if r.code != code {
		return classify(at, r)
	}
	return nil
}

// reply reads one answer, all its lines, and shows each to see, if given.
func (c *conn) reply(see func(line []byte)) (reply, error) {
	var first reply
	for n := range maxReply {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return reply{}, err
		}
		line = bytes.TrimRight(line, "\r\n")
		c.log.hear(line)
		r, more, err := parseLine(line)
		if err != nil || n > 0 && r.code != first.code {
			return reply{}, errMalformed
		}
		switch {
		case n == 0:
			first = r
		case len(first.text) < bufferSize:
			first.text += " " + r.text
		}
		if see != nil {
			see(line)
		}
		if !more {
			c.answers++
			return first, nil
		}
	}
	return reply{}, errMalformed
}

// lost gives c up at a phase at which nothing has been handed over yet.
func (c *conn) lost(ctx context.Context, at phase, err error) *channel.SendError {
	c.broken = true
	code := "connection_lost"
	if errors.Is(err, errMalformed) || errors.Is(err, bufio.ErrBufferFull) {
		code = "protocol"
	}
	return lost(ctx, code, fmt.Errorf("at %s: %w", at, err))
}

// lost is an Again: nothing was handed over. An ended ctx is the cause before
// anything else.
func lost(ctx context.Context, code string, err error) *channel.SendError {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		code = "canceled"
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		code = "timeout"
	}
	return &channel.SendError{Class: channel.Again, Code: code, Err: err}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// quit takes leave and closes.
func (c *conn) quit() {
	if !c.broken {
		_ = c.SetDeadline(time.Now().Add(farewell))
		if _, err := c.Write([]byte("QUIT\r\n")); err == nil {
			_, _ = c.reply(nil)
		}
	}
	_ = c.raw.Close()
}

// usable reports whether c may carry another letter.
func (c *conn) usable() bool {
	return !c.broken && c.mails < maxMails && time.Since(c.opened) < maxLife
}
