// Package egress is the one way out: an HTTP client and a dialer that reach
// only public addresses, whatever a name resolves to. The address is checked
// when it is dialled, so that a name that changes between look-up and dial
// gains nothing.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrForbidden says that an address is not public and not allowed.
var ErrForbidden = errors.New("the address is not on the public internet")

// special are the blocks that the IANA special-purpose registries (IPv4 and
// IPv6, 2026) and the multicast and reserved ranges keep from the public
// internet, and those that carry an IPv4 address inside an IPv6 one.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Exit dials out. Allow names private networks that may be reached all the same.
type Exit struct {
	Allow []netip.Prefix
}

// check decides on a dialled "ip:port".
func (e Exit) check(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q is no address", ErrForbidden, address)
	}
	ip := ap.Addr().WithZone("")
	for _, p := range e.Allow {
		if p.Contains(ip.Unmap()) {
			return nil
		}
	}
	for _, p := range special {
		if p.Contains(ip) || p.Contains(ip.Unmap()) {
			return ErrForbidden
		}
	}
	return nil
}

// Dial dials like net.Dialer and refuses addresses that are not public.
func (e Exit) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		Timeout: 10 * time.Second, KeepAlive: 30 * time.Second,
		Control: func(_, addr string, _ syscall.RawConn) error { return e.check(addr) },
	}
	return d.DialContext(ctx, network, address)
}

// Client returns an HTTP client that follows no redirects, uses no proxy of the
// environment, and ends every request within 30 seconds.
func (e Exit) Client() *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			DialContext: e.Dial, ForceAttemptHTTP2: true, MaxIdleConns: 256, MaxIdleConnsPerHost: 64,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 20 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, ExpectContinueTimeout: time.Second,
		},
	}
}
