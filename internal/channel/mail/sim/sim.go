// Package sim is a mail provider and its customer's inbox in memory: a real
// SMTP submission server (on go-smtp, so that our own reading of the RFCs is
// not on both sides) and a page that shows what arrived the way a mail program
// would. It can be as rude as real servers are.
package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	maxMails = 1000     // kept; the oldest go first
	maxBytes = 64 << 20 // of all of them together
	maxMail  = 2 << 20  // of one
	silence  = 5 * time.Minute
)

// Step is a point of the dialogue.
type Step string

// The steps.
const (
	AtConnect Step = "connect"
	AtLogin   Step = "login"
	AtMail    Step = "mail"
	AtRcpt    Step = "rcpt"
	AtBody    Step = "body" // in the middle of the letter
	AtEnd     Step = "end"  // the letter is there; with Cut, Silent or Flood it is also taken
)

// Act is one piece of bad manners. Reply is a whole reply line such as
// "550 5.1.1 no such user"; the others leave the client without one.
type Act struct {
	At     Step
	Reply  string
	Cut    bool // the connection breaks
	Silent bool // nothing more is said
	Flood  bool // the answer never ends
}

// rude lists what a share of Inbox.Rude meets.
var rude = []Act{
	{At: AtRcpt, Reply: "451 4.7.1 too many at once, please try again in 20 seconds"},
	{At: AtMail, Reply: "421 4.3.2 closing for maintenance"},
	{At: AtEnd, Reply: "451 4.3.0 queue file write error"},
	{At: AtMail, Cut: true},
	{At: AtEnd, Cut: true},
}

// Inbox is the simulator. The zero value is open, polite and ready; its fields
// are set before the first use. Mail to "nobody@" any domain is refused as an
// unknown mailbox.
type Inbox struct {
	TLS                string        // "starttls", "tls" (from the first octet) or empty
	Certificate        Certificate   // zero: one is made
	Username, Password string        // asked for when set
	NoPipelining       bool          // not announced; only where TLS is empty
	Grey               time.Duration // the first try of each sender and recipient is put off this long
	Slow               time.Duration // before the end of a mail is answered
	Rude               float64       // share of mails that meet a random Act
	Script             []Act         // for the first mails, one each; before Rude
	// Answer, if set, is asked at the end of each mail: a code other than 0 is
	// answered instead of 250, -1 breaks the connection; done keeps the mail.
	Answer func(from, to string) (code int, done bool)
	Keys   map[string]string // DKIM records by name: "s1._domainkey.shop.example"
	Relay  string            // address and port where mail comes back to (back.go); empty: nothing does, and nobody can answer
	HTTP   *http.Client      // for the one-click button; nil: one that waits 10 seconds
	// Sign, if set, signs what goes to Relay, as the provider of the mailboxes would.
	Sign func(mail []byte) ([]byte, error)

	once   sync.Once
	err    error // of making the certificate
	server *smtp.Server
	pipes  *pipes
	page   http.Handler
	done   chan struct{}
	backs  sync.WaitGroup

	mu     sync.Mutex
	played int // acts of Script
	mails  []Mail
	bytes  int
	next   int
	grey   map[string]time.Time
	blocks map[string]string      // reply lines by domain of the recipient
	barred map[string][]time.Time // when mail met one
}

// start makes what the fields ask for.
func (b *Inbox) start() {
	b.once.Do(func() {
		b.done = make(chan struct{})
		b.pipes = &pipes{conns: make(chan net.Conn), done: b.done}
		b.page = b.routes()
		b.server = smtp.NewServer(smtp.BackendFunc(b.session))
		b.server.Domain = "inbox.test"
		b.server.AllowInsecureAuth = true
		b.server.MaxMessageBytes = maxMail
		b.server.MaxRecipients = 100
		b.server.ErrorLog = log.New(io.Discard, "", 0)
		if b.TLS == "" {
			return
		}
		if b.Certificate.config == nil {
			b.Certificate, b.err = newCertificate()
		}
		if b.TLS == "starttls" {
			b.server.TLSConfig = b.Certificate.config
		}
	})
}

// Serve answers SMTP on l until Close.
func (b *Inbox) Serve(l net.Listener) error {
	if b.start(); b.err != nil {
		return fmt.Errorf("make test certificate: %w", b.err)
	}
	err := b.server.Serve(&door{l, b})
	if errors.Is(err, net.ErrClosed) || errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Dial connects in process, whatever the address: it fits channel.Env.
func (b *Inbox) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	b.start()
	b.pipes.served.Do(func() { go func() { _ = b.Serve(b.pipes) }() })
	return b.pipes.dial(ctx)
}

// CA is the certificate, in PEM, to trust for "localhost" and "inbox.test";
// empty without TLS.
func (b *Inbox) CA() string {
	b.start()
	return b.Certificate.pem
}

// Close ends every connection, and what is being sent back.
func (b *Inbox) Close() error {
	b.start()
	defer b.backs.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.done:
		return nil
	default:
	}
	close(b.done)
	return b.server.Close()
}

// act takes the manners of the next mail.
func (b *Inbox) act() Act {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.played < len(b.Script) {
		b.played++
		return b.Script[b.played-1]
	}
	if rand.Float64() < b.Rude { //nolint:gosec // manners, not secrets
		return rude[rand.IntN(len(rude))] //nolint:gosec // as above
	}
	return Act{}
}

// actAt takes the next act of the script if it is one for at.
func (b *Inbox) actAt(at Step) (Act, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.played >= len(b.Script) || b.Script[b.played].At != at {
		return Act{}, false
	}
	b.played++
	return b.Script[b.played-1], true
}

// Block has mail to a domain refused for its sender with a reply line such as
// "550 5.7.26 unauthenticated"; an empty one takes it again. It may be called at
// any time.
func (b *Inbox) Block(domain, reply string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.blocks == nil {
		b.blocks, b.barred = map[string]string{}, map[string][]time.Time{}
	}
	b.blocks[domain] = reply
}

// Stall sets Slow. It may be called at any time.
func (b *Inbox) Stall(slow time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Slow = slow
}

func (b *Inbox) slow() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Slow
}

// Barred returns when mail to a domain was refused by Block.
func (b *Inbox) Barred(domain string) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.barred[domain])
}

// blocked is the reply with which mail to an address is refused; empty: it is not.
func (b *Inbox) blocked(to string) string {
	_, domain, _ := strings.Cut(to, "@")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.blocks[domain] != "" {
		b.barred[domain] = append(b.barred[domain], time.Now())
	}
	return b.blocks[domain]
}

// wait passes d, or less when the inbox closes.
func (b *Inbox) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-b.done:
	}
}

// greyed returns how long this pair still has to wait.
func (b *Inbox) greyed(from, to string) time.Duration {
	if b.Grey == 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	pair := from + "\x00" + to
	first, known := b.grey[pair]
	if !known {
		if b.grey == nil || len(b.grey) >= maxMails {
			b.grey = map[string]time.Time{}
		}
		first = time.Now()
		b.grey[pair] = first
	}
	return b.Grey - time.Since(first)
}

func (b *Inbox) session(c *smtp.Conn) (smtp.Session, error) {
	return &session{inbox: b, conn: c, loggedIn: b.Username == ""}, nil
}

// session is one connection.
type session struct {
	inbox    *Inbox
	conn     *smtp.Conn
	loggedIn bool
	act      Act
	from     string
	to       []string
}

// play does what the act of this mail asks for at a step.
func (s *session) play(a Act, at Step) error {
	switch {
	case a.At != at:
		return nil
	case a.Silent:
		s.inbox.wait(silence)
		return s.cut()
	case a.Cut:
		return s.cut()
	case a.Flood:
		for {
			if _, err := s.conn.Conn().Write([]byte("250-and another thing\r\n")); err != nil {
				return s.cut()
			}
		}
	}
	return replyError(a.Reply)
}

func (s *session) cut() error {
	_ = s.conn.Conn().Close()
	return errors.New("cut")
}

// replyError reads a reply line; one without an enhanced code is sent without.
func replyError(line string) error {
	e := &smtp.SMTPError{}
	c := &e.EnhancedCode
	code, text, _ := strings.Cut(line, " ")
	if _, err := fmt.Sscanf(code, "%d", &e.Code); err != nil {
		return fmt.Errorf("%q is no reply", line)
	}
	status, rest, _ := strings.Cut(text, " ")
	if _, err := fmt.Sscanf(status, "%d.%d.%d", &c[0], &c[1], &c[2]); err != nil {
		e.EnhancedCode, rest = smtp.NoEnhancedCode, text
	}
	e.Message = rest
	return e
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.inbox.Username == "" {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if a, ok := s.inbox.actAt(AtLogin); ok {
		if err := s.play(a, AtLogin); err != nil {
			return nil, err
		}
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, name, password string) error { return s.login(name, password) }), nil
	case sasl.Login:
		return &loginServer{login: s.login}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) login(name, password string) error {
	if name != s.inbox.Username || password != s.inbox.Password {
		return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "authentication failed for " + name}
	}
	s.loggedIn = true
	return nil
}

// loginServer is the server's side of LOGIN.
type loginServer struct {
	login func(name, password string) error
	name  *string
}

// Next implements sasl.Server.
func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case l.name == nil:
		name := string(response)
		l.name = &name
		return []byte("Password:"), false, nil
	}
	return nil, true, l.login(*l.name, string(response))
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.loggedIn {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "authentication required"}
	}
	s.from, s.act = from, s.inbox.act()
	return s.play(s.act, AtMail)
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.play(s.act, AtRcpt); err != nil {
		return err
	}
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: no such user here"}
	}
	if reply := s.inbox.blocked(to); reply != "" {
		return replyError(reply)
	}
	if d := s.inbox.greyed(s.from, to); d > 0 {
		return &smtp.SMTPError{
			Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1},
			Message: fmt.Sprintf("<%s>: greylisted, please try again in %d seconds", to, int(d.Seconds())+1),
		}
	}
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	if s.act.At == AtBody {
		_, _ = io.CopyN(io.Discard, r, 64)
		return s.play(s.act, AtBody)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if slow := s.inbox.slow(); slow > 0 {
		s.inbox.wait(slow)
	}
	a, take := s.act, s.act.At != AtEnd || s.act.Reply == ""
	if s.inbox.Answer != nil {
		a, take = s.told(a)
	}
	if take {
		m := s.inbox.take(s.from, s.to, raw)
		s.inbox.sendBack(m, s.to)
	}
	return s.play(a, AtEnd)
}

// told asks Inbox.Answer what to do instead of a.
func (s *session) told(a Act) (Act, bool) {
	switch code, done := s.inbox.Answer(s.from, s.to[0]); {
	case code == 0:
		return a, true
	case code < 0:
		return Act{At: AtEnd, Cut: true}, done
	default:
		return Act{At: AtEnd, Reply: fmt.Sprintf("%d %d.3.0 told to answer so", code, code/100)}, done
	}
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to, s.act = "", nil, Act{} }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// door lets connections in.
type door struct {
	net.Listener
	inbox *Inbox
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if a, ok := d.inbox.actAt(AtConnect); ok {
			go d.turnAway(c, a)
			continue
		}
		switch {
		case d.inbox.TLS == "tls":
			return tls.Server(c, d.inbox.Certificate.config), nil
		case d.inbox.NoPipelining && d.inbox.TLS == "":
			return lockstep{c}, nil
		}
		return c, nil
	}
}

// turnAway greets c the way a asks for.
func (d *door) turnAway(c net.Conn, a Act) {
	defer c.Close()
	switch {
	case a.Silent:
		d.inbox.wait(silence)
	case a.Reply != "":
		_, _ = io.WriteString(c, a.Reply+"\r\n")
	}
}

// lockstep keeps go-smtp from announcing PIPELINING, which it always does.
type lockstep struct{ net.Conn }

// Write implements net.Conn.
func (l lockstep) Write(p []byte) (int, error) {
	if string(p) == "250-PIPELINING\r\n" {
		return len(p), nil
	}
	return l.Conn.Write(p)
}
