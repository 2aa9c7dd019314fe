package breaker

import (
	"fmt"
	"strings"
)

// Pair names the two sides. Own is one of our domains; Receiver is who takes the
// mail: not an address, but a small domain may belong to one person.
type Pair struct{ Own, Receiver string }

// Between is the pair of a From address and a recipient's; the zero Pair where
// either is no mail address.
func Between(from, to string) Pair {
	p := Pair{domain(from), domain(to)}
	if p.Own == "" || p.Receiver == "" {
		return Pair{}
	}
	if operator, known := operators[p.Receiver]; known {
		p.Receiver = operator
	}
	return p
}

// String keeps the receiver out of logs.
func (p Pair) String() string { return "mail of " + p.Own }

// Format prints String whatever the verb.
func (p Pair) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

func domain(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(address[at+1:], "."))
}

// operators are domains whose mail one operator takes under one policy; each is
// counted under the operator's best known domain. Whose MX records lead to them
// is not asked: that would cost a look-up for each mail.
var operators = map[string]string{
	"googlemail.com": "gmail.com",
	"hotmail.com":    "outlook.com", "live.com": "outlook.com", "msn.com": "outlook.com", "outlook.jp": "outlook.com", "hotmail.co.jp": "outlook.com",
	"live.jp": "outlook.com", "outlook.kr": "outlook.com", "hotmail.co.kr": "outlook.com", "live.co.kr": "outlook.com",
	"me.com": "icloud.com", "mac.com": "icloud.com",
	"ymail.ne.jp": "yahoo.co.jp",
	"ymail.com":   "yahoo.com", "rocketmail.com": "yahoo.com", "aol.com": "yahoo.com",
	"i.softbank.jp": "softbank.ne.jp", "au.com": "ezweb.ne.jp",
	"hanmail.net": "daum.net",
}

// Blame reads an enhanced status of a refusal (RFC 3463): Refused where it speaks
// of the sender, Unfit where it speaks of the mail; Unclear otherwise.
func Blame(status string) Said {
	detail, permanent := strings.CutPrefix(status, "5.")
	switch {
	case !permanent:
		return Unclear
	case strings.HasPrefix(detail, "7."), detail == "4.6", detail == "1.7", detail == "1.8":
		return Refused
	case detail == "3.4", detail == "2.3", strings.HasPrefix(detail, "6."):
		return Unfit
	}
	return Unclear
}
