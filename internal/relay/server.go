package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/letter"
)

// Limits bound what the server does for a stranger.
type Limits struct {
	Size        int64         // octets of one mail
	Connections int           // at once; of one address a quarter, at least two
	Recipients  int           // of one mail
	Timeout     time.Duration // for a command, and for a whole mail
}

// taking is how long the database may take for one mail; sooner than a client
// that waits for its answer gives up (RFC 5321 4.5.3.2.6: ten minutes).
const taking = 30 * time.Second

// Server is the SMTP server. It offers no AUTH: nobody sends through it.
type Server struct {
	smtp     *smtp.Server
	receiver *Receiver
	limits   Limits
	log      *slog.Logger

	mu    sync.Mutex
	open  int
	hosts map[string]int
}

// NewServer makes a server that calls itself host. certificate is for STARTTLS;
// nil: none is offered.
func NewServer(r *Receiver, host string, l Limits, certificate *tls.Config, log *slog.Logger) *Server {
	s := &Server{receiver: r, limits: l, log: log, hosts: map[string]int{}}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, peer: peer(c.Conn())}, nil }))
	s.smtp.Domain = host
	s.smtp.TLSConfig = certificate
	s.smtp.MaxMessageBytes = l.Size
	s.smtp.MaxRecipients = l.Recipients
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = l.Timeout, l.Timeout
	s.smtp.ErrorLog = quiet{log}
	return s
}

// quiet logs what go-smtp has to say without its words: they may quote what a
// client sent.
type quiet struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (q quiet) Printf(format string, _ ...any) {
	q.log.Warn("mail server", "about", strings.TrimSpace(format))
}

// Println implements smtp.Logger.
func (q quiet) Println(...any) {
	q.log.Warn("mail server: a connection ended badly")
}

// Serve answers on l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	err := s.smtp.Serve(&gate{Listener: l, server: s})
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Shutdown takes no more connections and lets mails under way finish until ctx
// ends; then it cuts what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.smtp.Shutdown(ctx)
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	if ctx.Err() != nil {
		return s.smtp.Close()
	}
	return err
}

// gate lets so many connections in and turns the others away with 421.
type gate struct {
	net.Listener
	server *Server
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if leave, ok := g.server.enter(c); ok {
			return &guest{Conn: c, leave: leave}, nil
		}
		go turnAway(c)
	}
}

func turnAway(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, "421 4.3.2 too many connections, come again later\r\n") // as a courtesy
	_ = c.Close()
}

// enter counts a connection, of all and of its address (of IPv6, of its /64:
// that much one customer of a provider has to choose from).
func (s *Server) enter(c net.Conn) (leave func(), ok bool) {
	host := network(c.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.limits.Connections || s.hosts[host] >= max(2, s.limits.Connections/4) {
		return nil, false
	}
	s.open++
	s.hosts[host]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
		if s.hosts[host]--; s.hosts[host] == 0 {
			delete(s.hosts, host)
		}
	}), true
}

func network(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return host
}

// guest is a connection that was counted.
type guest struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}

// The answers. Whatever is wrong with a recipient, it is the same one.
var (
	errNoMailbox = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "there is no such mailbox here"}
	errLater     = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "cannot be taken now, please try again"}
	errBareLine  = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "a line ends in CR or LF alone (RFC 5321 2.3.8)"}
	errUnread    = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "the header cannot be read"}
	errCircling  = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 4, 6}, Message: "the mail has passed too many servers"}
)

// session is one connection.
type session struct {
	server *Server
	peer   netip.Addr
	from   string
	to     []Named
}

// peer is who is at the other end; zero: nobody who has an address.
func peer(c net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from, s.to = from, nil
	return nil
}

// Rcpt implements smtp.Session. It asks nothing but the signature: an address
// whose delivery or account is gone is answered like one that is there.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	named, ok := s.server.receiver.Knows(to, time.Now())
	if !ok {
		return errNoMailbox
	}
	s.to = append(s.to, named)
	return nil
}

// Data implements smtp.Session. Its nil is the 250: all of it is committed. A
// client that does not hear it brings the mail again, and it counts once.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if slices.ContainsFunc(s.to, func(n Named) bool { return n.Use == Reply }) {
		defer beat(time.Now())
	}
	if told, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return told // too large
	}
	if err != nil {
		return errLater
	}
	if bare(raw) {
		return errBareLine
	}
	l, err := letter.Read(raw)
	if err != nil {
		return errUnread
	}
	if l.Count("Received") > maxHops {
		return errCircling
	}
	own := s.server.receiver.hops(l)
	if own > engawa.MaxHops {
		return errCircling
	}
	ctx, cancel := context.WithTimeout(context.Background(), taking)
	defer cancel()
	for _, to := range s.to {
		if err := s.server.receiver.Take(ctx, Incoming{Letter: l, Raw: raw, From: s.from, Hops: own, Peer: s.peer}, to); err != nil {
			return s.answer(ctx, to, err)
		}
	}
	return nil
}

// beatEvery is how often answers to mails leave.
const beatEvery = 250 * time.Millisecond

// beat waits for the next beat since the mail was read. What was done with it
// takes longer where the customer is still there; the answer must not tell.
func beat(since time.Time) {
	took := time.Since(since)
	time.Sleep(took.Truncate(beatEvery) + beatEvery - took)
}

// maxHops is how many servers a mail may have passed; one that passed more
// circles, and is refused (RFC 5321 6.3 advises 100; what circles is found sooner).
const maxHops = 30

// answer turns an error into a reply: what may be taken another time is 451, and
// so is what nobody foresaw; the client keeps the mail.
func (s *session) answer(ctx context.Context, to Named, err error) error {
	if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Code != engawa.CodeUnavailable || told.Err != nil {
		s.server.log.ErrorContext(ctx, "incoming mail not taken", "use", string(to.Use), "of", to.ID, "error", err)
	}
	return errLater
}

// bare reports a CR or LF that stands alone. go-smtp ends a mail at CRLF.CRLF
// only, so that such a mail is one here; a server before us may have seen two
// (SMTP smuggling).
func bare(raw []byte) bool {
	for i, c := range raw {
		switch {
		case c == '\n' && (i == 0 || raw[i-1] != '\r'):
			return true
		case c == '\r' && (i+1 == len(raw) || raw[i+1] != '\n'):
			return true
		}
	}
	return bytes.IndexByte(raw, 0) >= 0
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }
