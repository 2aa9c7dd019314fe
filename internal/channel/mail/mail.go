// Package mail hands messages to a mail submission server (RFC 6409) over
// connections that are kept. It writes the mail (RFC 5322, MIME), signs it
// (DKIM) and sends it in two flights where the server pipelines: the envelope,
// then the letter. It always knows how far it got: until the end of data is
// written nothing has been handed over; after it, only the server's answer
// tells, and without one the outcome is unknown.
package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/verdict"
)

// Kind is mail over SMTP submission. It has neither retry key nor look-up: an
// unknown outcome stays one until a person decides.
var Kind = channel.Kind{
	Name: "mail",
	Fields: []channel.Field{
		{Key: "host", Type: channel.Host, Required: true},
		{Key: "tls", Type: channel.Choice, Default: tlsStart, Choices: []string{tlsStart, tlsWhole, tlsNone}},
		{Key: "tls_ca", Type: channel.PEM},
		{Key: "username", Type: channel.Text},
		{Key: "password", Type: channel.SecretField},
		{Key: "from_address", Type: channel.Mail, Required: true},
		{Key: "from_name", Type: channel.Text},
		{Key: "reply_to", Type: channel.Mail},
		{Key: "return_path", Type: channel.Mail},
		{Key: "relay_domain", Type: channel.Host},
		{Key: "relay_replies", Type: channel.Bool, Default: "false"},
		{Key: "dkim_domain", Type: channel.Host},
		{Key: "dkim_selector", Type: channel.Text},
		{Key: "dkim_key", Type: channel.PEM},
		{Key: "per_second", Type: channel.Number, Default: "10"},
		{Key: "connections", Type: channel.Number, Default: "4"},
	},
	Limits:      limits,
	Conns:       connections,
	ToCustomers: true,
	ToStaff:     true,
	Answers:     func(code int) channel.Class { return classify(rcptTo, reply{code: code}).Class },
	Address:     Address,
	Between: func(s channel.Settings, to engawa.Address) breaker.Pair {
		return breaker.Between(s["from_address"], to.Reveal())
	},
	ComesBack: func(s channel.Settings) bool { return s["relay_domain"] != "" },
	New:       open,
}

// The values of the field tls.
const (
	tlsStart = "starttls" // in the clear, then STARTTLS; never without
	tlsWhole = "tls"      // from the first octet (RFC 8314)
	tlsNone  = "none"     // to this machine only
)

var ports = map[string]string{tlsStart: "587", tlsWhole: "465", tlsNone: "25"}

// limits is the rate that the operator set; 0 means none.
func limits(s channel.Settings) []channel.Limit {
	n, err := strconv.Atoi(s["per_second"])
	if err != nil || n <= 0 {
		return nil
	}
	return []channel.Limit{{Scope: "account", N: n, Per: time.Second, Burst: n}}
}

const maxConnections = 50

func connections(s channel.Settings) int {
	n, err := strconv.Atoi(s["connections"])
	if err != nil || n <= 0 {
		return 4
	}
	return min(n, maxConnections)
}

// account is one open mail account.
type account struct {
	id         string
	addr       string // host:port
	tlsMode    string
	tlsConfig  *tls.Config
	username   string
	password   engawa.Secret
	from       string
	domain     string // of from: also names this side in EHLO
	fromName   string
	replyTo    string
	returnPath string
	bounceTo   func(delivery string, at time.Time) string // nil: returnPath for all
	answerTo   func(delivery string, at time.Time) string // nil: replyTo for all
	relay      string                                     // domain of these addresses
	signer     *signer                                    // nil: not signed here
	own        []string                                   // domains whose mail comes to this hub
	hop        func(n int) string                         // nil: mails are not marked
	dial       func(ctx context.Context, network, addr string) (net.Conn, error)
	pool       pool
}

// Format keeps the password out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "mail account "+a.id) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	a := &account{
		id:       env.Account,
		tlsMode:  cmp.Or(s["tls"], tlsStart),
		username: s["username"],
		password: engawa.Secret(s["password"]),
		fromName: s["from_name"],
		dial:     env.Dial,
		own:      env.Relays,
		hop:      env.Hop,
		pool:     pool{slots: make(chan struct{}, connections(s))},
	}
	if a.dial == nil {
		a.dial = (&net.Dialer{}).DialContext
	}
	for _, set := range []func(channel.Settings) error{a.setServer, a.setSender, a.setSigner} {
		if err := set(s); err != nil {
			return nil, err
		}
	}
	return a, a.setRelay(s, env)
}

// setRelay has bounces, and answers if that is wished, come to addresses that
// name their delivery (VERP). Without a relay in this hub the domain waits: mail
// goes on with the return path as it was.
func (a *account) setRelay(s channel.Settings, env channel.Env) error {
	if s["relay_domain"] == "" {
		if s["relay_replies"] == "true" {
			return engawa.Invalid("/settings/relay_domain", "fill it in, or switch relay_replies off", "mail: answers can only come to a relay domain")
		}
		return nil
	}
	domain, err := domainPart(s["relay_domain"])
	if err != nil || len(domain) > maxRelay {
		return engawa.Invalid("/settings/relay_domain", "give a domain such as relay."+a.domain, "mail: relay_domain is not a domain that mail can go to")
	}
	a.relay, a.bounceTo = domain, env.BounceTo
	if s["relay_replies"] == "true" {
		a.answerTo = env.ReplyTo
	}
	return nil
}

// maxRelay leaves the 64 octets of a local part and the sign between them room in
// the 254 of a path (RFC 5321 4.5.3.1.3).
const maxRelay = 254 - 64 - 1

// addresses are where bounces of p, and answers to it, go. A return path is not
// part of the mail, so that its time may be that of the attempt; Reply-To is, and
// goes by the message's own.
func (a *account) addresses(p engawa.Parcel) (from, replyTo string) {
	from, replyTo = a.returnPath, a.replyTo
	if a.bounceTo != nil {
		if local := a.bounceTo(p.Delivery, time.Now()); local != "" {
			from = local + "@" + a.relay
		}
	}
	if a.answerTo != nil {
		if local := a.answerTo(p.Delivery, p.CreatedAt); local != "" {
			replyTo = local + "@" + a.relay
		}
	}
	return from, replyTo
}

func (a *account) setServer(s channel.Settings) error {
	port, known := ports[a.tlsMode]
	if !known {
		return engawa.Invalid("/settings/tls", "choose starttls, tls or none", "mail: tls is %q", a.tlsMode)
	}
	host := s["host"]
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strings.Trim(host, "[]") == "" {
		return engawa.Invalid("/settings/host", "give it as smtp.example.jp:587", "mail: host is not a host name with a port")
	}
	host = strings.Trim(host, "[]")
	if a.tlsMode == tlsNone && !loopback(host) {
		return engawa.Invalid("/settings/tls", "choose starttls (port 587) or tls (port 465)", "mail: without TLS only a server on this machine can be used")
	}
	if a.username != "" && a.password == "" {
		return engawa.Invalid("/settings/password", "fill it in, or remove username", "mail: username needs a password")
	}
	a.addr = net.JoinHostPort(host, port)
	a.tlsConfig = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(cap(a.pool.slots))}
	if s["tls_ca"] != "" {
		a.tlsConfig.RootCAs = x509.NewCertPool()
		if !a.tlsConfig.RootCAs.AppendCertsFromPEM([]byte(s["tls_ca"])) {
			return engawa.Invalid("/settings/tls_ca", "paste the certificate that begins with -----BEGIN CERTIFICATE-----", "mail: tls_ca holds no certificate")
		}
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (a *account) setSender(s channel.Settings) error {
	for _, f := range []struct {
		key string
		to  *string
	}{{"from_address", &a.from}, {"reply_to", &a.replyTo}, {"return_path", &a.returnPath}} {
		if s[f.key] == "" && f.key != "from_address" {
			continue
		}
		addr, err := Address(s[f.key])
		if err != nil {
			return engawa.Invalid("/settings/"+f.key, "give one address such as shop@example.jp", "mail: %s is not a mail address that can be used", f.key)
		}
		*f.to = addr.Reveal()
	}
	a.returnPath = cmp.Or(a.returnPath, a.from)
	a.domain = a.from[strings.LastIndexByte(a.from, '@')+1:]
	if strings.ContainsFunc(a.fromName, breaks) {
		return engawa.Invalid("/settings/from_name", "write the name in one line", "mail: from_name has a line break or a control character in it")
	}
	return nil
}

// setSigner opens the DKIM key. Its domain must align with the sender's
// (RFC 9989, relaxed), or receivers would not count the signature.
func (a *account) setSigner(s channel.Settings) error {
	if s["dkim_key"] == "" {
		return nil
	}
	domain, err := domainPart(cmp.Or(s["dkim_domain"], a.domain))
	if err != nil || !within(a.domain, domain) && !within(domain, a.domain) {
		return engawa.Invalid("/settings/dkim_domain", "use "+a.domain+" or the domain above it", "mail: dkim_domain does not belong to the domain of from_address")
	}
	selector := strings.ToLower(s["dkim_selector"])
	for label := range strings.SplitSeq(selector, ".") {
		if !hostLabel(label) {
			return engawa.Invalid("/settings/dkim_selector", "fill in the name before ._domainkey, such as s2027", "mail: dkim_selector is missing or not a host name")
		}
	}
	a.signer, err = newSigner(domain, selector, s["dkim_key"])
	if err != nil {
		return engawa.Invalid("/settings/dkim_key", "paste an RSA-2048 or Ed25519 private key in PEM", "mail: dkim_key cannot be used: %s", err)
	}
	return nil
}

// within reports whether domain is parent or lies below it.
func within(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// Send hands m over. Its ProviderID is the Message-ID, which bounces quote.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.id)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	l, err := a.compose(p)
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "unfit", Err: err}
	}
	if a.signer != nil {
		if err := a.signer.sign(l, p.Carry); err != nil {
			return channel.Receipt{}, &channel.SendError{Class: channel.Again, Code: "sign", Err: err}
		}
	}
	ex, e := a.deliver(ctx, l)
	if e != nil {
		e.Exchange, e.Carry = ex, l.carry
		return channel.Receipt{}, e
	}
	return channel.Receipt{ProviderID: l.id, Exchange: ex}, nil
}

// deliver hands l over on a kept connection or a new one. A kept one that
// turns out to be dead before it answered anything is replaced.
func (a *account) deliver(ctx context.Context, l *letter) (engawa.Exchange, *channel.SendError) {
	if e := a.pool.enter(ctx); e != nil {
		return e.Exchange, e
	}
	defer a.pool.leave()
	for {
		c := a.pool.take()
		kept := c != nil
		if !kept {
			var e *channel.SendError
			if c, e = a.connect(ctx); e != nil {
				return e.Exchange, e
			}
		}
		ex, e := a.use(ctx, c, l)
		if !kept || e == nil || !c.stale(e) || ctx.Err() != nil {
			return ex, e
		}
	}
}

// use hands l over on c and parks c.
func (a *account) use(ctx context.Context, c *conn, l *letter) (engawa.Exchange, *channel.SendError) {
	if c.mails > 0 {
		c.log.clear()
		c.log.say("(kept connection, mail ", strconv.Itoa(c.mails+1), ")")
	}
	release := c.guard(ctx)
	e := c.transact(ctx, l)
	if !release() {
		c.broken = true
	}
	ex := c.log.exchange(l.to, a.username, a.password.Reveal())
	a.pool.park(c)
	return ex, e
}

// stale reports that a kept connection had ended before the letter came: it
// broke without an answer, or its first answer was that it closes.
func (c *conn) stale(e *channel.SendError) bool {
	return c.broken && e.Class == channel.Again && (c.answers == 0 || c.answers == 1 && strings.HasPrefix(e.Code, "421"))
}

// Close takes leave of the server.
func (a *account) Close() error {
	a.pool.close()
	return nil
}
