package relay

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/source/inbox"
)

// DNS is what is asked of the domain name system. Its fields are those of
// *net.Resolver.
type DNS struct {
	TXT func(ctx context.Context, name string) ([]string, error)
	IP  func(ctx context.Context, network, host string) ([]netip.Addr, error)
	MX  func(ctx context.Context, name string) ([]*net.MX, error)
}

// Resolver asks the domain name system by r.
func Resolver(r *net.Resolver) DNS { return DNS{r.LookupTXT, r.LookupNetIP, r.LookupMX} }

// Proof is by what the domain of From is known to have let a mail be sent.
type Proof string

// The proofs. That of nothing is not one.
const (
	Unproved Proof = ""
	ByDKIM   Proof = "dkim"
	BySPF    Proof = "spf"
	ByFront  Proof = "front" // a mail server of ours before the hub says so
)

// asking is how long the domain name system may take for one mail.
const asking = 10 * time.Second

// Prove says by what the domain of from, the mail's From, is proved. More is asked than DMARC asks
// (RFC 9989 4.4): a signature or a return path must be of the domain itself or of
// one above it, whatever the domain's policy. One below would do for DMARC, but
// whoever rents out names below their own domain would then vouch for its
// mailboxes.
func (d DNS) Prove(ctx context.Context, m Incoming, from, front string) Proof {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	domain := domainOf(from)
	switch {
	case domain == "":
		return Unproved
	case vouched(m.Letter, front):
		return ByFront
	case d.signed(ctx, m.Raw, domain):
		return ByDKIM
	case front == "" && above(domainOf(m.From), domain) && d.spf(ctx, m.Peer, domainOf(m.From)) == "pass":
		return BySPF // behind a front the peer is the front
	}
	return Unproved
}

func domainOf(address string) string {
	return strings.ToLower(strings.Trim(address[strings.LastIndexByte(address, '@')+1:], "."))
}

// above reports whether a domain is another one or above it. A name of one label
// is above nothing.
func above(domain, other string) bool {
	return strings.Contains(domain, ".") && (domain == other || strings.HasSuffix(other, "."+domain))
}

// maxSignatures bounds what is verified of one mail: a signature costs a question and arithmetic.
const maxSignatures = 4

// signed reports a valid DKIM signature (RFC 6376) that is aligned. A signature
// of a part of the body (l=) is none: anything could be behind it.
func (d DNS) signed(ctx context.Context, raw []byte, domain string) bool {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{
		MaxVerifications: maxSignatures, LookupTXT: func(name string) ([]string, error) { return d.TXT(ctx, name) },
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return false
	}
	for _, v := range found {
		if v.Err == nil && above(strings.ToLower(v.Domain), domain) && (v.Expiration.IsZero() || time.Now().Before(v.Expiration)) {
			return true
		}
	}
	return false
}

// vouched reports whether the front says so.
func vouched(l *letter.Letter, front string) bool {
	return front != "" && inbox.Proved(map[string]string{"proof": inbox.ProofAny, "authserv_id": front}, l)
}

// The limits of RFC 7208 4.6.4.
const (
	spfQuestions = 10 // mechanisms that ask
	spfVoid      = 2  // answers that say nothing
	spfHosts     = 10 // of one mx
)

// spf is the evaluation of a domain's policy for a peer (RFC 7208). Macros and
// ptr are not read: a policy that needs them does not pass.
func (d DNS) spf(ctx context.Context, peer netip.Addr, domain string) string {
	if !peer.IsValid() {
		return "none"
	}
	s := &spfCheck{dns: d, peer: peer.Unmap(), left: spfQuestions, void: spfVoid}
	return s.check(ctx, domain)
}

type spfCheck struct {
	dns        DNS
	peer       netip.Addr
	left, void int
}

func (s *spfCheck) check(ctx context.Context, domain string) string {
	terms, ok := s.policy(ctx, domain)
	if !ok {
		return "none"
	}
	redirect := ""
	for _, term := range terms {
		if name, value, ok := strings.Cut(term, "="); ok && !strings.ContainsAny(name, ":/") {
			if strings.EqualFold(name, "redirect") {
				redirect = value
			}
			continue
		}
		result := "pass"
		switch term[0] {
		case '+':
			term = term[1:]
		case '-':
			result, term = "fail", term[1:]
		case '~':
			result, term = "softfail", term[1:]
		case '?':
			result, term = "neutral", term[1:]
		}
		match, fault := s.match(ctx, term, domain)
		if fault {
			return "permerror"
		}
		if match {
			return result
		}
	}
	if redirect == "" {
		return "neutral"
	}
	if !s.ask() || strings.Contains(redirect, "%") {
		return "permerror"
	}
	return s.check(ctx, redirect)
}

// policy returns the terms of the one record that a domain has.
func (s *spfCheck) policy(ctx context.Context, domain string) (terms []string, ok bool) {
	records, err := s.dns.TXT(ctx, domain)
	if err != nil {
		return nil, false
	}
	n := 0
	for _, r := range records {
		if f := strings.Fields(r); len(f) > 0 && strings.EqualFold(f[0], "v=spf1") {
			terms = f[1:]
			n++
		}
	}
	return terms, n == 1
}

func (s *spfCheck) ask() bool {
	s.left--
	return s.left >= 0
}

// match reports whether a mechanism fits the peer; fault ends the evaluation.
func (s *spfCheck) match(ctx context.Context, term, domain string) (match, fault bool) {
	name, rest := term, ""
	if i := strings.IndexAny(term, ":/"); i >= 0 {
		name, rest = term[:i], term[i:]
	}
	target, bits := domain, rest
	if strings.HasPrefix(rest, ":") {
		target, bits = rest[1:], ""
		if i := strings.IndexByte(target, '/'); i >= 0 && !strings.HasPrefix(strings.ToLower(name), "ip") {
			target, bits = target[:i], target[i:]
		}
	}
	if strings.Contains(target, "%") {
		return false, true
	}
	switch strings.ToLower(name) {
	case "all":
		return true, false
	case "ip4", "ip6":
		return s.within(target)
	case "include":
		if !s.ask() {
			return false, true
		}
		switch s.check(ctx, target) {
		case "pass":
			return true, false
		case "none", "permerror":
			return false, true
		}
		return false, false
	case "a":
		return s.hosts(ctx, []string{target}, bits)
	case "mx":
		if !s.ask() {
			return false, true
		}
		found, err := s.dns.MX(ctx, target)
		if err != nil || len(found) == 0 {
			return false, s.nothing()
		}
		var hosts []string
		for _, mx := range found[:min(len(found), spfHosts)] {
			hosts = append(hosts, mx.Host)
		}
		s.left += len(hosts) // their addresses belong to this question
		return s.hosts(ctx, hosts, bits)
	case "exists":
		if !s.ask() {
			return false, true
		}
		found, err := s.dns.IP(ctx, "ip4", target)
		if err != nil || len(found) == 0 {
			return false, s.nothing()
		}
		return true, false
	}
	return false, true // ptr, and what RFC 7208 does not know
}

// nothing counts an answer that said nothing, and reports that there were too many.
func (s *spfCheck) nothing() bool {
	s.void--
	return s.void < 0
}

func (s *spfCheck) within(block string) (match, fault bool) {
	if !strings.Contains(block, "/") {
		a, err := netip.ParseAddr(block)
		return err == nil && a.Unmap() == s.peer, err != nil
	}
	p, err := netip.ParsePrefix(block)
	return err == nil && p.Contains(s.peer), err != nil
}

// hosts reports whether the peer is near an address of one of the hosts.
func (s *spfCheck) hosts(ctx context.Context, hosts []string, bits string) (match, fault bool) {
	four, six, ok := lengths(bits)
	if !ok {
		return false, true
	}
	for _, h := range hosts {
		if !s.ask() {
			return false, true
		}
		network, length := "ip4", four
		if s.peer.Is6() {
			network, length = "ip6", six
		}
		found, err := s.dns.IP(ctx, network, h)
		if (err != nil || len(found) == 0) && s.nothing() {
			return false, true
		}
		for _, a := range found {
			if p, err := a.Unmap().Prefix(length); err == nil && p.Contains(s.peer) {
				return true, false
			}
		}
	}
	return false, false
}

// lengths reads "/24", "//64" and "/24//64" (RFC 7208 5.6).
func lengths(bits string) (four, six int, ok bool) {
	four, six = 32, 128
	first, second, both := strings.Cut(bits, "//")
	if first = strings.TrimPrefix(first, "/"); first != "" {
		n, err := strconv.Atoi(first)
		if err != nil || n < 0 || n > 32 {
			return 0, 0, false
		}
		four = n
	}
	if both {
		n, err := strconv.Atoi(second)
		if err != nil || n < 0 || n > 128 {
			return 0, 0, false
		}
		six = n
	}
	return four, six, true
}
