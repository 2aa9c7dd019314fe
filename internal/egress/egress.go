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
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrForbidden says that a destination is not public and not allowed, or that
// a request is of a form that never leaves. Nothing was sent.
var ErrForbidden = errors.New("the address is not on the public internet")

// Exit dials out. The zero value reaches the public internet alone.
type Exit struct {
	// Allow names private networks that may be reached all the same, on any
	// port: the mail server of a self-hosted installation, the demo's loopback.
	Allow []netip.Prefix
	// Plain lets HTTP requests go to port 80 without TLS. Questions about the
	// state of a certificate (OCSP) go there in any case: RFC 6960 A.1 has them
	// unencrypted, and the answer is signed.
	Plain bool
	// Resolver looks names up; nil: the system's.
	Resolver *net.Resolver
}

// Dial dials like net.Dialer and refuses addresses that are not public. It
// does not limit ports: whoever uses it names one in an account's settings.
func (e Exit) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return e.dial(ctx, network, address, nil)
}

// dial reaches only the given ports outside of e.Allow; nil: every port.
func (e Exit) dial(ctx context.Context, network, address string, ports []uint16) (net.Conn, error) {
	d := net.Dialer{
		Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Resolver: e.Resolver,
		Control: func(_, dialled string, _ syscall.RawConn) error { return e.check(dialled, ports, net.InterfaceAddrs) },
	}
	return d.DialContext(ctx, network, address)
}

// check decides on a dialled "ip:port" on a machine with the given interfaces.
func (e Exit) check(dialled string, ports []uint16, interfaces func() ([]net.Addr, error)) error {
	to, err := netip.ParseAddrPort(dialled)
	if err != nil {
		return fmt.Errorf("%w: it is not an IP address and a port", ErrForbidden)
	}
	ip := to.Addr().WithZone("").Unmap()
	if slices.ContainsFunc(e.Allow, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	if !Public(to.Addr()) || ours(ip, interfaces) {
		return ErrForbidden
	}
	if ports != nil && !slices.Contains(ports, to.Port()) {
		return fmt.Errorf("%w: port %d is not one of %v", ErrForbidden, to.Port(), ports)
	}
	return nil
}

// ours reports whether ip is an address of this machine: a public one too leads
// inside. When the interfaces cannot be read, every address counts as ours.
func ours(ip netip.Addr, interfaces func() ([]net.Addr, error)) bool {
	addrs, err := interfaces()
	if err != nil {
		return true
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == ip {
			return true
		}
	}
	return false
}
