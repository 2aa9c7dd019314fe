package egress

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// TestForbidden covers the ways to write a private address that a check of
// names or texts would miss: what counts is the dialled one.
func TestForbidden(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:80", "127.1.2.3:443", "0.0.0.0:80", "10.1.2.3:443", "172.16.0.1:443", "192.168.1.1:443", "100.64.0.1:443", "100.100.100.200:80",
		"169.254.169.254:80", "192.0.0.192:443", "192.0.2.1:443", "192.88.99.1:443", "198.18.0.1:443", "203.0.113.9:443", "224.0.0.1:443", "240.0.0.1:443", "255.255.255.255:443",
		"[::]:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "[::ffff:7f00:1]:80", "[::127.0.0.1]:80", "[64:ff9b::7f00:1]:443", "[64:ff9b:1::a00:1]:443",
		"[2002:7f00:1::]:443", "[2001::1]:443", "[fe80::1%eth0]:443", "[fec0::1]:443", "[fd00:ec2::254]:80", "[2001:db8::1]:443", "[ff02::1]:443", "localhost:80", "x",
	} {
		if err := (Exit{}).check(address); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want it forbidden", address, err)
		}
	}
	for _, address := range []string{"8.8.8.8:443", "[2606:4700::1]:443", "1.1.1.1:587"} {
		if err := (Exit{}).check(address); err != nil {
			t.Errorf("%s: %v, want it allowed", address, err)
		}
	}
}

// TestDialled: the check is on the address that is dialled, so a name that
// resolves to this machine is refused, and allowed only by its network.
func TestDialled(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/", http.StatusFound))
	defer s.Close()
	url := "http://localhost:" + netip.MustParseAddrPort(s.Listener.Addr().String()).String()[len("127.0.0.1:"):]
	if _, err := (Exit{}).Client().Get(url); !errors.Is(err, ErrForbidden) {
		t.Errorf("localhost: %v, want it forbidden", err)
	}
	open := Exit{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	res, err := open.Client().Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Errorf("a redirect was followed: %d", res.StatusCode)
	}
}
