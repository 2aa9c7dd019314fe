package mail

import (
	"strings"

	"golang.org/x/net/idna"

	"github.com/engawa/engawa"
)

const (
	maxAddress = 254 // octets of a mailbox (RFC 5321 4.5.3.1.3, erratum 1690)
	maxLocal   = 64  // octets before the @ (RFC 5321 4.5.3.1.1)
	maxDomain  = 253 // octets of a host name in text form (RFC 1035 2.3.4)
)

// Address checks that s is one mailbox of RFC 5321 4.1.2 that every server can
// take, and returns its one canonical form: the domain in lower case and in
// ASCII (RFC 5891), quotes only where the local part needs them. Comments,
// address literals, host names of one label, SMTPUTF8 local parts and quoted
// local parts with anything but letters, digits, atom signs and dots are
// refused. The error is an *engawa.Error and does not repeat the address.
func Address(s string) (engawa.Address, error) {
	s = strings.Trim(s, " ")
	at := strings.LastIndexByte(s, '@')
	switch {
	case at < 0:
		return "", badAddress("it has no @")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "", badAddress("it has a space or a control character in it")
	}
	local, err := localPart(s[:at])
	if err != nil {
		return "", err
	}
	domain, err := domainPart(s[at+1:])
	if err != nil {
		return "", err
	}
	if len(local)+1+len(domain) > maxAddress {
		return "", badAddress("it is longer than 254 characters")
	}
	return engawa.Address(local + "@" + domain), nil
}

func badAddress(why string) *engawa.Error {
	return engawa.Invalid("/address", "give one address such as taro@example.jp", "this is not a mail address that can be written to: %s", why)
}

// localPart checks what stands before the @. Japanese carriers gave out names
// such as "taro..x" that are no dot-string: they are taken when quoted.
func localPart(s string) (string, error) {
	bare := s
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		bare = s[1 : len(s)-1]
	}
	if bare == "" || len(s) > maxLocal {
		return "", badAddress("what stands before the @ must have 1 to 64 characters")
	}
	for i := range len(bare) {
		if c := bare[i]; c != '.' && !atext(c) {
			return "", badAddress("what stands before the @ has a character that not every mail server takes")
		}
	}
	switch dots := bare[0] == '.' || bare[len(bare)-1] == '.' || strings.Contains(bare, ".."); {
	case !dots:
		return bare, nil
	case len(bare) == len(s):
		return "", badAddress(`dots at the start, at the end or side by side need quotes, as in "taro..x"@example.jp`)
	}
	return s, nil
}

// atext reports whether c may stand in an atom (RFC 5322 3.2.3).
func atext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func domainPart(s string) (string, error) {
	domain, err := asciiDomain(s)
	if err != nil || len(domain) > maxDomain {
		return "", badAddress("what stands after the @ is not a domain name")
	}
	labels, last := 0, ""
	for l := range strings.SplitSeq(domain, ".") {
		if !hostLabel(l) {
			return "", badAddress("what stands after the @ is not a domain name")
		}
		labels, last = labels+1, l
	}
	if labels < 2 || strings.Trim(last, "0123456789") == "" {
		return "", badAddress("what stands after the @ is not a full domain name")
	}
	return domain, nil
}

// asciiDomain folds the Unicode and the ASCII spelling of a domain into one.
func asciiDomain(s string) (string, error) {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] == 'x' || s[i] == 'X' { // maybe "xn--": check it too
			return idna.Lookup.ToASCII(s)
		}
	}
	return strings.ToLower(s), nil
}

// hostLabel reports whether s is letters, digits and inner hyphens (RFC 1123 2.1).
func hostLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
