// Package config turns engawa.toml and the environment into one struct.
//
// Every key has a default, so that no file at all works: SQLite in the working
// directory, loopback only. A key of the file is also an environment variable:
// "oidc.client_id" is ENGAWA_OIDC_CLIENT_ID, and the environment wins. A secret
// can also come from a file of its own, named by the key with "_file" after it.
// There are no command line flags for secrets, since every user of a machine
// sees the command lines of all programs; CheckArgs refuses them by name.
//
// Accounts, routes, templates and consents are data, not configuration. This is
// the only package that reads the environment.
package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

//go:generate go test . -run ^TestPage$ -update

// File is the name of the file that Load reads when it is told none.
const File = "engawa.toml"

// MinLease is the shortest lease: a hand-over needs time to end within it. It
// is dispatch.MinLease, which this package may not import; serve's tests hold
// the two together.
const MinLease = 10 * time.Second

// Config is everything that an administrator sets. The tags are its manual:
// toml names the key, default is its value when nothing is said, doc explains
// it, and oneof lists what is allowed.
type Config struct {
	Node          string         `toml:"node" doc:"Name of this node, unique among the nodes that share a database. Empty: the host's name."`
	Database      DSN            `toml:"database" default:"engawa.db" doc:"Where everything is kept: the path of a SQLite file, or postgres://user@host/name for several nodes."`
	KeyFile       string         `toml:"key_file" default:"engawa.key" doc:"File with the key-encryption keys of the vault. Others on the machine must not be able to read it. Keep it apart from the database and its backups: without it no address can be read again."`
	KeyRotation   string         `toml:"key_rotation" default:"auto" oneof:"auto daily off" doc:"daily: a new key-encryption key each day; keys closed for 30 days are destroyed, and with them what older backups hold of erased customers. Several nodes must then share one key file. auto: daily with SQLite, off with PostgreSQL."`
	Listen        string         `toml:"listen" default:"127.0.0.1:8025" doc:"Address and port for the API, the pages and the providers' callbacks."`
	PublicURL     string         `toml:"public_url" doc:"URL under which customers and providers reach this installation; links in messages begin with it. Empty: the listening address, which works on this machine only."`
	MetricsListen string         `toml:"metrics_listen" default:"127.0.0.1:8026" doc:"Address and port for /metrics and pprof. They need no sign-in: keep them on loopback or a private network. Empty: off."`
	TrustedProxy  []netip.Prefix `toml:"trusted_proxies" doc:"Networks of the reverse proxies whose X-Forwarded-For is believed."`
	Lease         time.Duration  `toml:"lease" default:"30s" doc:"How long a node may be silent before another takes over its accounts; at least 10s, and the same on every node. A node cut off from the database stops sending 5s before that."`
	ShutdownGrace time.Duration  `toml:"shutdown_grace" default:"20s" doc:"How long a stopping node lets hand-overs under way finish."`
	Log           Log            `toml:"log"`
	Egress        Egress         `toml:"egress"`
	OIDC          OIDC           `toml:"oidc"`
	Relay         Relay          `toml:"relay"`
	Receivers     Receivers      `toml:"receivers"`
	Customers     Customers      `toml:"customers"`
	Partners      Partners       `toml:"partners"`
}

// Receivers says when mail to a receiver waits that refuses it because of its sender.
type Receivers struct {
	After  int           `toml:"after" default:"5" doc:"So many mails of one of your domains may a receiver refuse because of their sender (5.7.x and the like), without taking one between them. Then mail to it waits, and now and then one is tried."`
	Within time.Duration `toml:"within" default:"15m" doc:"Within what time these refusals count."`
	Pause  time.Duration `toml:"pause" default:"10m" doc:"How long before the first mail is tried; at least 10s. Each that is refused doubles it."`
	Most   time.Duration `toml:"most" default:"6h" doc:"The longest pause between two that are tried."`
}

// Customers is how customers come to their pages.
type Customers struct {
	Frames       string        `toml:"frames" doc:"Origins whose pages may show the consent page in a frame, with commas between them, such as https://shop.example. Empty: none."`
	Issuer       string        `toml:"issuer" doc:"URL of the OpenID Connect provider with which customers sign in to their own page. Empty: by links in messages only."`
	ClientID     string        `toml:"client_id" doc:"Client id of this installation there. Its redirect address is the public URL with /mypage/callback."`
	ClientSecret engawa.Secret `toml:"client_secret" doc:"Client secret that belongs to it. Empty: a public client, with PKCE alone."`
}

// Partners is what holds for those who write through the business.
type Partners struct {
	PurgeDays int `toml:"purge_days" default:"30" doc:"How many days after the end of a partner's, or a subscription's, contract what only it needed is destroyed: texts, answers, the partner's names for customers, and customers whom nothing else needs. An end keeps the days that held when it came."`
}

// Format names the provider without the secret, whatever the verb.
func (c Customers) Format(f fmt.State, _ rune) { fmt.Fprint(f, "customers' provider "+c.Issuer) }

// FrameList is Frames, one by one.
func (c Customers) FrameList() (out []string) {
	for o := range strings.SplitSeq(c.Frames, ",") {
		if o = strings.TrimSpace(o); o != "" {
			out = append(out, o)
		}
	}
	return out
}

// Relay is the SMTP server for bounces, answers and notices. An empty listening
// address means none.
type Relay struct {
	Listen      string        `toml:"listen" doc:"Address and port for incoming mail, such as 127.0.0.1:2525 behind a mail server of yours, or :25 where an MX record points here. Empty: off."`
	Domains     string        `toml:"domains" doc:"Domains whose mail comes here, with commas between them, such as relay.example.jp. The first is also the one of inboxes."`
	TLSCert     string        `toml:"tls_cert" doc:"File with the certificate chain for STARTTLS, in PEM. Empty: no TLS is offered."`
	TLSKey      string        `toml:"tls_key" doc:"File with the private key that belongs to it. Others on the machine must not be able to read it."`
	MaxSize     int           `toml:"max_size" default:"10485760" doc:"Octets of the largest mail that is taken."`
	Connections int           `toml:"connections" default:"50" doc:"How many connections are served at once; from one network a quarter of them."`
	Recipients  int           `toml:"recipients" default:"30" doc:"How many recipients one mail may have."`
	Front       string        `toml:"front" doc:"Name under which a mail server of yours before the hub signs its Authentication-Results (RFC 8601), such as mx.example.jp; it must remove those that others wrote in its name. Empty: only what the hub checks itself counts."`
	Timeout     time.Duration `toml:"timeout" default:"2m" doc:"How long a client may take for a command, and for a whole mail."`
}

// DomainList is Domains, one by one, in lower case.
func (r Relay) DomainList() (out []string) {
	for d := range strings.SplitSeq(r.Domains, ",") {
		if d = strings.ToLower(strings.TrimSpace(d)); d != "" {
			out = append(out, d)
		}
	}
	return out
}

// Log says what is logged and how.
type Log struct {
	Level  string `toml:"level" default:"info" oneof:"debug info warn error" doc:"The least important lines to log."`
	Format string `toml:"format" default:"text" oneof:"text json" doc:"text for people, json for machines."`
}

// Egress says what outgoing connections may reach beside the public internet.
type Egress struct {
	Allow []netip.Prefix `toml:"allow" doc:"Private networks that outgoing connections may reach, such as the one of your mail server. Empty: none."`
}

// OIDC is the provider that members sign in with. An empty issuer means none.
type OIDC struct {
	Issuer       string        `toml:"issuer" doc:"URL of the OpenID Connect provider that members sign in with. Empty: local passwords only."`
	ClientID     string        `toml:"client_id" doc:"Client id of this installation at that provider."`
	ClientSecret engawa.Secret `toml:"client_secret" doc:"Client secret that belongs to it. Empty: a public client, with PKCE alone."`
}

// Format names the provider without the secret, whatever the verb.
func (o OIDC) Format(f fmt.State, _ rune) { fmt.Fprint(f, "provider "+o.Issuer) }

// Default returns the configuration when nothing is set: SQLite in the working
// directory, loopback only.
func Default() Config {
	var c Config
	for _, k := range keysOf(&c) {
		if k.Default == "" {
			continue
		}
		if err := k.set(k.Default); err != nil {
			panic("config: the default of " + k.Name + ": " + err.Error()) // a fault of the tags above
		}
	}
	return c
}
