package egress

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// elsewhere are the interfaces of a machine behind a router.
func elsewhere() ([]net.Addr, error) {
	return []net.Addr{&net.IPNet{IP: net.IPv4(10, 0, 0, 5), Mask: net.CIDRMask(8, 32)}}, nil
}

// B27 and B28 of the catalogue of bad input: what counts is the dialled address.
func TestForbiddenAddresses(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:443", "127.1.2.3:443", "0.0.0.0:443", "10.0.0.0:443", "10.255.255.255:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443",
		"100.64.0.1:443", "100.127.255.255:443", "100.100.100.200:443", "169.254.169.254:443", "192.0.0.192:443", "192.0.2.1:443", "192.31.196.1:443",
		"192.52.193.1:443", "192.88.99.1:443", "192.175.48.1:443", "198.18.0.1:443", "198.19.255.255:443", "198.51.100.1:443", "203.0.113.9:443",
		"224.0.0.1:443", "239.255.255.255:443", "240.0.0.1:443", "255.255.255.255:443",
		"[::]:443", "[::1]:443", "[::ffff:127.0.0.1]:443", "[::ffff:7f00:1]:443", "[::127.0.0.1]:443", "[::ffff:0:127.0.0.1]:443",
		"[64:ff9b::7f00:1]:443", "[64:ff9b::808:808]:443", "[64:ff9b:1::a00:1]:443", "[100::1]:443", "[100:0:0:1::1]:443",
		"[2001::1]:443", "[2001:0:7f00:1::]:443", "[2001:db8::1]:443", "[2002:7f00:1::]:443", "[2620:4f:8000::1]:443", "[3fff::1]:443", "[5f00::1]:443",
		"[fd00:ec2::254]:443", "[fe80::1]:443", "[fe80::1%eth0]:443", "[fec0::1]:443", "[ff02::1]:443", "[4000::1]:443",
		"localhost:443", "x", "", "/run/docker.sock",
	} {
		if err := (Exit{}).check(address, []uint16{443}, elsewhere); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want it forbidden", address, err)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	for _, address := range []string{
		"8.8.8.8:443", "100.63.255.255:443", "100.128.0.1:443", "172.32.0.1:443", "198.20.0.1:443", "223.255.255.255:443",
		"[2606:4700::1]:443", "[2001:200::1]:443", "[::ffff:8.8.8.8]:443",
	} {
		if err := (Exit{}).check(address, []uint16{443}, elsewhere); err != nil {
			t.Errorf("%s: %v, want it allowed", address, err)
		}
	}
}

// B30: ports of other services are closed to HTTP, and open to Dial, whose
// user names the port in an account.
func TestPorts(t *testing.T) {
	for _, address := range []string{"8.8.8.8:22", "8.8.8.8:25", "8.8.8.8:80", "8.8.8.8:6379", "8.8.8.8:8443", "8.8.8.8:0"} {
		if err := (Exit{}).check(address, []uint16{443}, elsewhere); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want it forbidden", address, err)
		}
		if err := (Exit{}).check(address, nil, elsewhere); err != nil {
			t.Errorf("dial %s: %v", address, err)
		}
	}
}

// B28: our own public address leads inside, on any port; its neighbours do not.
func TestOurOwnAddress(t *testing.T) {
	here := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.ParseIP("8.8.4.4"), Mask: net.CIDRMask(24, 32)}, // in 16 bytes, as interfaces have it
			&net.IPNet{IP: net.ParseIP("2606:4700::53"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	unknown := func() ([]net.Addr, error) { return nil, errors.New("netlink: permission denied") }
	for _, c := range []struct {
		address    string
		interfaces func() ([]net.Addr, error)
		forbidden  bool
	}{
		{"8.8.4.4:443", here, true},
		{"8.8.4.4:25", here, true},
		{"[::ffff:8.8.4.4]:443", here, true},
		{"[2606:4700::53]:443", here, true},
		{"8.8.4.5:443", here, false},
		{"[2606:4700::54]:443", here, false},
		{"8.8.4.4:443", elsewhere, false},
		{"8.8.4.5:443", unknown, true},
	} {
		if err := (Exit{}).check(c.address, nil, c.interfaces); errors.Is(err, ErrForbidden) != c.forbidden {
			t.Errorf("%s: %v, forbidden should be %t", c.address, err, c.forbidden)
		}
	}
}

// An allowed network is open on any port, and only that network.
func TestAllow(t *testing.T) {
	e := Exit{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for address, want := range map[string]bool{
		"10.1.2.3:25": true, "10.1.2.3:443": true, "[::ffff:10.1.2.3]:587": true, "[fd00:1::5]:80": true,
		"10.2.0.1:443": false, "127.0.0.1:443": false, "[fd00:2::1]:443": false, "169.254.169.254:80": false,
	} {
		if err := e.check(address, []uint16{443}, elsewhere); (err == nil) != want {
			t.Errorf("%s: %v, allowed should be %t", address, err, want)
		}
	}
}
