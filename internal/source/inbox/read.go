package inbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-msgauth/authres"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/letter"
)

// Found is what a mail becomes.
type Found struct {
	Pattern  string // the name of the one that fits; empty: none does
	Type     string
	Data     []byte // JSON
	Values   map[string]string
	Identity engawa.Identity // by which the customer is found, or
	Address  engawa.Address
	Unproved bool // no pattern was tried: the sender could not be believed
}

// Format names the pattern without what was taken out, whatever the verb.
func (f Found) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.Type+" by "+f.Pattern) }

// Read says what a mail becomes by the account's settings. The error is one of
// settings that were not checked.
func Read(settings map[string]string, l *letter.Letter) (Found, error) {
	ps, err := Parse(settings["patterns"])
	if err != nil {
		return Found{}, err
	}
	if !Proved(settings, l) {
		f := unrecognized(l)
		f.Unproved = true
		return f, nil
	}
	return Match(ps, l), nil
}

// Match returns what the first pattern that fits makes of a mail.
func Match(ps []Pattern, l *letter.Letter) Found {
	text := cut(l.Text, MaxSearched)
	for i := range ps {
		if values, ok := ps[i].match(l, text); ok {
			return ps[i].found(values)
		}
	}
	return unrecognized(l)
}

// unrecognized keeps a mail's words, so that a pattern can be written for it.
func unrecognized(l *letter.Letter) Found {
	b, err := json.Marshal(map[string]string{"from": l.From, "subject": l.Subject, "text": cut(l.Text, MaxSearched)})
	if err != nil {
		b = []byte("{}") // strings always marshal
	}
	return Found{Type: Unrecognized, Data: b}
}

func (p *Pattern) match(l *letter.Letter, text string) (map[string]string, bool) {
	values := map[string]string{}
	if !p.fits(l.From) || !take(values, p.subject, l.Subject) || !take(values, p.body, text) {
		return nil, false
	}
	return values, true
}

// fits compares From with an address or a domain; what is below a domain is another's.
func (p *Pattern) fits(from string) bool {
	want := strings.ToLower(p.From)
	if strings.HasPrefix(want, "@") {
		i := strings.LastIndexByte(from, '@')
		return i >= 0 && from[i:] == want
	}
	return want == "" || want == from
}

// take fits an expression to a text and takes its named groups out; none fits all.
func take(values map[string]string, re *regexp.Regexp, text string) bool {
	if re == nil {
		return true
	}
	found := re.FindStringSubmatch(text)
	if found == nil {
		return false
	}
	for i, name := range re.SubexpNames() {
		if name != "" && found[i] != "" {
			values[name] = cut(strings.TrimSpace(found[i]), MaxValue)
		}
	}
	return true
}

func (p *Pattern) found(values map[string]string) Found {
	data := map[string]string{"pattern": p.Name}
	for field, group := range p.Data {
		data[field] = values[group]
	}
	b, err := json.Marshal(data)
	if err != nil {
		b = []byte("{}") // strings always marshal
	}
	f := Found{Pattern: p.Name, Type: p.Type, Data: b, Values: maps.Clone(data)}
	c := p.Customer
	switch {
	case c == nil || values[c.Group] == "":
	case c.By == "address":
		f.Address = engawa.Address(strings.ToLower(values[c.Group]))
	default:
		f.Identity = engawa.Identity{Issuer: c.Issuer, Kind: c.Kind, Value: values[c.Group]}
	}
	return f
}

// Proved reports whether the sender of a mail is to be believed. Only what the
// trusted server says counts, and only its topmost field: those below may have
// come with the mail (RFC 8601 5).
func Proved(settings map[string]string, l *letter.Letter) bool {
	proof := settings["proof"]
	if proof == "" || proof == ProofNone {
		return true
	}
	trusted := strings.ToLower(settings["authserv_id"])
	_, domain, _ := strings.Cut(l.From, "@")
	fields := l.Fields("Authentication-Results")
	if trusted == "" || domain == "" || len(fields) == 0 {
		return false
	}
	server, results, err := authres.Parse(fields[0])
	if err != nil || strings.ToLower(server) != trusted {
		return false
	}
	for _, r := range results {
		switch r := r.(type) {
		case *authres.DKIMResult:
			if r.Value == authres.ResultPass && aligned(r.Domain, domain) {
				return true
			}
		case *authres.SPFResult:
			_, from, _ := strings.Cut(r.From, "@")
			if proof == ProofAny && r.Value == authres.ResultPass && aligned(from, domain) {
				return true
			}
		}
	}
	return false
}

// aligned reports whether the proved domain is From's or one above it, as DMARC's
// relaxed mode does for the signing domain; a top-level domain proves nothing.
func aligned(proved, from string) bool {
	proved = strings.ToLower(proved)
	return strings.Contains(proved, ".") && (proved == from || strings.HasSuffix(from, "."+proved))
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
