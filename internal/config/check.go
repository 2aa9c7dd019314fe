package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/vault"
)

// complete fills in what follows from other keys and the machine, and checks
// what one key alone cannot tell.
func (c *Config) complete() error {
	var err error
	if c.Node == "" {
		if c.Node, err = os.Hostname(); err != nil {
			return fmt.Errorf("node: is not set and the host has no name: %w", err)
		}
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	var wrong []error
	check := func(name string, err error) {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s %w", name, err))
		}
	}
	check("database", c.Database.check())
	check("key_file", c.checkKeyFile())
	check("listen", checkListen(c.Listen))
	if c.MetricsListen != "" {
		check("metrics_listen", checkListen(c.MetricsListen))
	}
	if c.PublicURL == "" && !loopback(c.Listen) {
		check("public_url", errors.New("must be set when listen is not on loopback: links in messages begin with it"))
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Listen
	}
	check("public_url", checkURL(c.PublicURL))
	check("lease", c.checkLease())
	check("oidc", c.OIDC.check())
	check("relay", c.Relay.check())
	check("receivers", c.Receivers.check())
	check("customers", c.Customers.check())
	check("partners", c.Partners.check())
	return errors.Join(wrong...)
}

func (c *Config) checkKeyFile() error {
	if c.KeyFile == "" {
		return errors.New("must not be empty: it is the file with the vault's keys")
	}
	if err := vault.CheckPrivate(c.KeyFile); err != nil {
		return fmt.Errorf("is not safe: %w", err)
	}
	return nil
}

func (c *Config) checkLease() error {
	if c.Lease < MinLease {
		return fmt.Errorf("is %s; it must be %s or longer: a hand-over has to end before its lease does", c.Lease, MinLease)
	}
	return nil
}

func (o OIDC) check() error {
	if o.Issuer == "" {
		if o.ClientID != "" || o.ClientSecret != "" {
			return errors.New("has a client but no issuer: set oidc.issuer, or remove the rest")
		}
		return nil
	}
	if err := checkURL(o.Issuer); err != nil {
		return fmt.Errorf("issuer %w", err)
	}
	if o.ClientID == "" {
		return errors.New("has an issuer but no client: set oidc.client_id")
	}
	return nil
}

func (c Customers) check() error {
	for _, o := range c.FrameList() {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.String() != u.Scheme+"://"+u.Host || strings.ContainsAny(u.Host, "*;'\" ") || u.Scheme != "https" && !loopbackHost(u.Hostname()) {
			return fmt.Errorf("frames has %q; write each like https://shop.example, without a path", o)
		}
	}
	if (c.Issuer == "") != (c.ClientID == "") || c.Issuer == "" && c.ClientSecret != "" {
		return errors.New("has one of issuer and client_id: set both, or none")
	}
	if c.Issuer == "" {
		return nil
	}
	if err := checkURL(c.Issuer); err != nil {
		return fmt.Errorf("issuer %w", err)
	}
	return nil
}

// mostPurgeDays is some ten years: longer than any law asks to keep what is
// destroyed at the end of a contract.
const mostPurgeDays = 3660

func (p Partners) check() error {
	if p.PurgeDays > mostPurgeDays {
		return fmt.Errorf("purge_days is %d; it must be at most %d", p.PurgeDays, mostPurgeDays)
	}
	return nil
}

func (r Relay) check() error {
	if r.Listen == "" {
		return nil
	}
	if err := checkListen(r.Listen); err != nil {
		return fmt.Errorf("listen %w", err)
	}
	domains := r.DomainList()
	if len(domains) == 0 {
		return errors.New("has no domain: set relay.domains to what the addresses end in, such as relay.example.jp")
	}
	for _, d := range domains {
		if !strings.Contains(d, ".") || len(d) > 189 || strings.Trim(d, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			return fmt.Errorf("domains has %q; write each like relay.example.jp, in ASCII", d)
		}
	}
	if (r.TLSCert == "") != (r.TLSKey == "") {
		return errors.New("has one of tls_cert and tls_key: set both, or none")
	}
	if r.TLSKey != "" {
		if err := vault.CheckPrivate(r.TLSKey); err != nil {
			return fmt.Errorf("tls_key is not safe: %w", err)
		}
	}
	return nil
}

func (r Receivers) check() error {
	switch {
	case r.After > maxRefusals:
		return fmt.Errorf("after is %d; %d are the most that are kept", r.After, maxRefusals)
	case r.Within < time.Minute:
		return fmt.Errorf("within is %s; it must be 1m or longer", r.Within)
	case r.Pause < 10*time.Second:
		return fmt.Errorf("pause is %s; it must be 10s or longer: who is tried more often is trusted less", r.Pause)
	case r.Most < r.Pause:
		return fmt.Errorf("most is %s, and pause %s: the longest pause cannot be shorter than the first", r.Most, r.Pause)
	}
	return nil
}

// maxRefusals are kept for a pair of domains while they count.
const maxRefusals = 100

func checkListen(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return fmt.Errorf("is %q; it must be an address and a port such as 127.0.0.1:8025 or :8025", addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("is %q; %q is not a port", addr, port)
	}
	if strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("is %q; %q is not an address", addr, host)
	}
	return nil
}

// checkURL wants https, except on this machine itself.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be a URL such as https://hub.example.jp, without user, query or fragment")
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopbackHost(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("is %q; it must begin with https://, except on loopback", text)
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
