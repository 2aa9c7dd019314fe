package mail

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// probeTime is the longest that a Probe takes.
const probeTime = 20 * time.Second

// Probe connects, secures the connection, logs in and asks for nothing.
func (a *account) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	c, e := a.connect(ctx)
	if e != nil {
		return a.explain(e)
	}
	defer c.quit()
	release := c.guard(ctx)
	defer release()
	c.out = append(c.out[:0], "NOOP\r\n"...)
	e = c.write(ctx, noop)
	if e == nil {
		e = c.expect(ctx, noop, 250)
	}
	if e != nil {
		c.broken = true
		return a.explain(e)
	}
	return nil
}

// explain puts what went wrong while connecting in an operator's words.
func (a *account) explain(e *channel.SendError) *engawa.Error {
	say := func(message, remedy string) *engawa.Error {
		code := engawa.CodeUnavailable
		if e.Class == channel.AccountClosed {
			code = engawa.CodeInvalid
		}
		return &engawa.Error{Code: code, Message: message, Remedy: remedy, Err: e}
	}
	switch e.Code {
	case "connect":
		return say("no connection to "+a.addr+" could be made",
			"check host and port, and that a firewall lets this machine reach it")
	case "timeout", "canceled":
		return say(a.addr+" did not answer in time",
			"check host and port: 587 goes with starttls, 465 with tls")
	case "tls":
		return say(a.addr+" did not complete the TLS handshake",
			"port 465 goes with tls, port 587 with starttls; the server must know TLS 1.2 or later")
	case "tls_certificate":
		return say("the certificate of "+a.addr+" does not prove that name",
			"use the host name that the certificate is made for, or give the certificate authority in tls_ca")
	case "starttls_missing":
		return say(a.addr+" does not offer STARTTLS, so a password and the mails would travel in the clear",
			"try tls with port 465, or ask the provider which port is for submission")
	case "starttls_injection":
		return say("somebody between here and "+a.addr+" put words into the connection before it was secured",
			"use tls with port 465, and have the network looked at")
	case "auth_missing", "auth":
		return say(a.addr+" takes no user name and password the way Engawa can give them (AUTH PLAIN or LOGIN)",
			"use the submission port (587 or 465), or remove username and password if the server needs none")
	case "connection_lost", "protocol":
		return say(a.addr+" closed the connection or did not answer as a mail server does",
			"check host and port: 587 goes with starttls, 465 with tls")
	}
	if e.Class == channel.AccountClosed {
		return say(a.addr+" refused this account: "+e.Code,
			"check username and password (many providers want an app password), and that the provider lets this account send")
	}
	return say(a.addr+" is refusing for now: "+e.Code, "try again in some minutes; the provider may be limiting connections")
}
