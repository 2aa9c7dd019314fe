package relay

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/engawa/engawa/internal/letter"
)

// zone answers for the domain name system.
type zone map[string][]string

func (z zone) dns() DNS {
	get := func(kind, name string) ([]string, error) {
		if v, ok := z[kind+" "+strings.TrimSuffix(name, ".")]; ok {
			return v, nil
		}
		return nil, errors.New("there is no such name")
	}
	return DNS{
		TXT: func(_ context.Context, name string) ([]string, error) { return get("TXT", name) },
		IP: func(_ context.Context, _, host string) (out []netip.Addr, err error) {
			found, err := get("A", host)
			for _, a := range found {
				out = append(out, netip.MustParseAddr(a))
			}
			return out, err
		},
		MX: func(_ context.Context, name string) (out []*net.MX, err error) {
			found, err := get("MX", name)
			for _, h := range found {
				out = append(out, &net.MX{Host: h})
			}
			return out, err
		},
	}
}

// TestSPF: a policy fits a peer as RFC 7208 says, within its limits.
func TestSPF(t *testing.T) {
	z := zone{
		"TXT inc.example": {"v=spf1 ip4:192.0.2.0/24 -all"}, "TXT loop.example": {"v=spf1 include:loop.example -all"}, "A host.example": {"192.0.2.9", "198.51.100.9"}, "MX mail.example": {"host.example"}, "A own.example": {"192.0.2.1"},
	}
	for policy, want := range map[string]string{
		"v=spf1 -all": "fail", "v=spf1 ~all": "softfail", "v=spf1 ?all": "neutral", "v=spf1 +all": "pass", "v=spf1": "neutral", "v=spf10 +all": "none", "spf2.0/mfrom +all": "none",
		"v=spf1 ip4:192.0.2.1 -all": "pass", "v=spf1 ip4:192.0.2.2 -all": "fail", "v=spf1 ip4:192.0.0.0/16 -all": "pass", "v=spf1 -ip4:192.0.2.1 +all": "fail", "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.1 -all": "pass", "v=spf1 ip4:x +all": "permerror",
		"v=spf1 include:inc.example -all": "pass", "v=spf1 include:none.example +all": "permerror", "v=spf1 redirect=inc.example": "pass", "v=spf1 include:loop.example": "permerror", "v=spf1 redirect=none.example": "none",
		"v=spf1 a:host.example -all": "fail", "v=spf1 a:host.example/24 -all": "pass", "v=spf1 A -all": "pass", "v=spf1 mx:mail.example/28 -all": "pass", "v=spf1 mx:mail.example -all": "fail", "v=spf1 a:host.example/33 +all": "permerror",
		"v=spf1 exists:host.example -all": "pass", "v=spf1 exists:no.example -all": "fail", "v=spf1 exists:a.example exists:b.example exists:c.example +all": "permerror", "v=spf1 exists:%{i}.x.example +all": "permerror", "v=spf1 ptr +all": "permerror", "v=spf1 novelty +all": "permerror", "v=spf1 unknown=x +all": "pass",
		"v=spf1 " + strings.Repeat("exists:host.example ", 1) + strings.Repeat("-exists:no.example ", 2) + "+all": "pass", "v=spf1 " + strings.Repeat("a:host.example ", 11) + "+all": "permerror",
	} {
		z["TXT own.example"] = []string{"other", policy}
		if got := z.dns().spf(t.Context(), netip.MustParseAddr("192.0.2.1"), "own.example"); got != want {
			t.Errorf("%q is %s, not %s", policy, got, want)
		}
	}
	z["TXT own.example"] = []string{"v=spf1 +all", "v=spf1 -all"}
	if got := z.dns().spf(t.Context(), netip.MustParseAddr("192.0.2.1"), "own.example"); got != "none" {
		t.Errorf("two policies are %s", got)
	}
}

// TestProve: a mail is proved by a signature or a return path of the domain of
// From, or of one above it; or by what the front says, at the top and nowhere else.
func TestProve(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	record := []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}
	z := zone{"TXT bird.example": {"v=spf1 ip4:192.0.2.1 -all"}, "TXT evil.example": {"v=spf1 +all"}, "TXT below.mail.bird.example": {"v=spf1 +all"}, "TXT example": {"v=spf1 +all"}}
	for _, d := range []string{"bird.example", "mail.bird.example", "evil.example", "below.mail.bird.example", "example"} {
		z["TXT s._domainkey."+d] = record
	}
	const plain = "From: a@mail.bird.example\r\nTo: x@y.example\r\nSubject: s\r\n\r\nbody\r\n"
	sign := func(domain, mail string) string {
		var b bytes.Buffer
		if err := dkim.Sign(&b, strings.NewReader(mail), &dkim.SignOptions{Domain: domain, Selector: "s", Signer: private, HeaderKeys: []string{"From", "Subject"}}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	results := func(s string) string { return "Authentication-Results: " + s + "\r\n" + plain }
	for i, c := range []struct {
		mail, from, peer, front string
		want                    Proof
	}{
		{plain, "", "192.0.2.1", "", Unproved},
		{sign("mail.bird.example", plain), "", "203.0.113.1", "", ByDKIM},
		{sign("bird.example", plain), "", "203.0.113.1", "", ByDKIM},
		{sign("bird.example", plain) + "more\r\n", "", "203.0.113.1", "", Unproved},
		{sign("evil.example", plain), "a@evil.example", "203.0.113.1", "", Unproved},
		{sign("below.mail.bird.example", plain), "a@below.mail.bird.example", "203.0.113.1", "", Unproved},
		{sign("example", plain), "a@example", "203.0.113.1", "", Unproved},
		{plain, "b@bird.example", "192.0.2.1", "", BySPF},
		{plain, "b@bird.example", "192.0.2.2", "", Unproved},
		{plain, "b@evil.example", "192.0.2.1", "", Unproved},
		{plain, "b@bird.example", "192.0.2.1", "mx.hub.example", Unproved},
		{results("mx.hub.example; dkim=pass header.d=bird.example"), "", "", "mx.hub.example", ByFront},
		{results("mx.hub.example; spf=pass smtp.mailfrom=b@mail.bird.example"), "", "", "mx.hub.example", ByFront},
		{results("mx.hub.example; dkim=fail header.d=bird.example; spf=softfail smtp.mailfrom=b@mail.bird.example"), "", "", "mx.hub.example", Unproved},
		{results("mx.hub.example; dkim=pass header.d=evil.example; dmarc=pass header.from=evil.example"), "", "", "mx.hub.example", Unproved},
		{results("mx.evil.example; dkim=pass header.d=bird.example"), "", "", "mx.hub.example", Unproved},
		{"Authentication-Results: mx.other.example; none\r\n" + results("mx.hub.example; dkim=pass header.d=bird.example"), "", "", "mx.hub.example", Unproved},
		{results("mx.hub.example; dkim=pass header.d=bird.example"), "", "", "", Unproved},
	} {
		l, err := letter.Read([]byte(c.mail))
		if err != nil {
			t.Fatal(err)
		}
		peer, _ := netip.ParseAddr(c.peer)
		if got := z.dns().Prove(t.Context(), Incoming{Letter: l, Raw: []byte(c.mail), From: c.from, Peer: peer}, l.From, c.front); got != c.want {
			t.Errorf("%s is proved by %q, not %q", fmt.Sprint(i), got, c.want)
		}
	}
}
