package egress

import (
	"net/netip"
	"slices"
)

// special are the blocks of the IANA special-purpose address registries for
// IPv4 and IPv6 (RFC 6890 and its updates, read in 2026), whatever those say
// about their reach, with multicast added. It takes their union: some entries
// are reachable from some networks, none is a place of business.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network, RFC 791
	netip.MustParsePrefix("10.0.0.0/8"),      // private use, RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by carriers, RFC 6598; a cloud's metadata at 100.100.100.200
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link local, RFC 3927; metadata of most clouds
	netip.MustParsePrefix("172.16.0.0/12"),   // private use
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments; a cloud's metadata at 192.0.0.192
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.31.196.0/24"), // AS112
	netip.MustParsePrefix("192.52.193.0/24"), // AMT
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay, deprecated
	netip.MustParsePrefix("192.168.0.0/16"),  // private use
	netip.MustParsePrefix("192.175.48.0/24"), // AS112
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast

	netip.MustParsePrefix("2001::/23"),         // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),     // documentation
	netip.MustParsePrefix("2002::/16"),         // 6to4: an IPv4 address inside
	netip.MustParsePrefix("2620:4f:8000::/48"), // AS112
	netip.MustParsePrefix("3fff::/20"),         // documentation
}

// unicast is all that IANA has given out of IPv6. What lies outside is no
// public address: loopback, mapped and translated IPv4 (::ffff:0:0/96,
// 64:ff9b::/96, 64:ff9b:1::/48), discard-only, SRv6 (5f00::/16), unique local,
// link local, the old site local, multicast.
var unicast = netip.MustParsePrefix("2000::/3")

// Public reports whether ip is a unicast address of the public internet. An
// IPv4 address written as IPv6 is judged as what it would reach.
func Public(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	if !ip.IsValid() || ip.Is6() && !unicast.Contains(ip) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}
