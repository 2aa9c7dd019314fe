// Package inbox turns the notices that other systems mail into events, by
// patterns that an operator writes. It is for systems without any API: their
// mails are sent, or forwarded, to the account's own address. The package only
// reads; internal/relay receives.
package inbox

import (
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Kind is an inbox as a source. It has no callback and sends nothing.
var Kind = channel.Kind{
	Name: "inbox",
	Fields: []channel.Field{
		{Key: "proof", Type: channel.Choice, Default: ProofNone, Choices: []string{ProofNone, ProofDKIM, ProofAny}},
		{Key: "authserv_id", Type: channel.Host},
		{Key: "patterns", Type: channel.Own, Check: func(s string) error { _, err := Parse(s); return err }},
	},
	Mailbox: true,
}

// The values of the field proof: what must be proved of a mail before its From
// is believed.
const (
	ProofNone = "nothing" // the account's address is secret; nobody else writes there
	ProofDKIM = "dkim"    // a signature of the sender's domain
	ProofAny  = "spf_or_dkim"
)

// The limits of patterns. With RE2 a pattern takes time in proportion to its
// size and the text's.
const (
	MaxPatterns = 50
	MaxPattern  = 1000     // characters of one regular expression
	MaxSize     = 64 << 10 // octets of all patterns
	MaxFields   = 50       // data fields of one pattern
	MaxValue    = 4 << 10  // octets of one value that is taken out
	MaxSearched = 64 << 10 // octets of a mail's text that are searched
	maxProgram  = 10_000   // instructions of a compiled expression
	maxName     = 80
)

// Pattern says which mails it fits and what they become.
type Pattern struct {
	Name     string            `json:"name"`
	From     string            `json:"from,omitempty"`    // an address, or "@domain"; empty: anybody
	Subject  string            `json:"subject,omitempty"` // regular expression (RE2)
	Body     string            `json:"body,omitempty"`    // the same; its named groups, and those of Subject, are what Data takes
	Type     string            `json:"type"`              // of the event
	Data     map[string]string `json:"data,omitempty"`    // field of the event: named group
	Customer *Customer         `json:"customer,omitempty"`

	subject, body *regexp.Regexp
}

// Customer says by which group the customer is found.
type Customer struct {
	By     string `json:"by"` // "identity" or "address"
	Issuer string `json:"issuer,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Group  string `json:"group"`
}

// Unrecognized is the type of a mail that no pattern fits.
const Unrecognized = "inbox.unrecognized"

// Parse reads the setting "patterns": a JSON list. The error is an *engawa.Error
// that names the pattern and its field.
func Parse(s string) ([]Pattern, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > MaxSize {
		return nil, engawa.Invalid("", "take patterns away", "the patterns are longer than %d characters", MaxSize)
	}
	var ps []Pattern
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	if err := d.Decode(&ps); err != nil || d.More() {
		return nil, engawa.Invalid("", "write a JSON list of patterns", "the patterns are no JSON list of patterns")
	}
	if len(ps) > MaxPatterns {
		return nil, engawa.Invalid("", "take patterns away", "there are %d patterns; %d are allowed", len(ps), MaxPatterns)
	}
	names := map[string]bool{}
	for i := range ps {
		if err := ps[i].open(); err != nil {
			return nil, engawa.Within(fmt.Sprintf("/%d", i), err)
		}
		if names[ps[i].Name] {
			return nil, engawa.Invalid(fmt.Sprintf("/%d/name", i), "give each pattern a name of its own", "two patterns are called %q", ps[i].Name)
		}
		names[ps[i].Name] = true
	}
	return ps, nil
}

// Text is Parse the other way round.
func Text(ps []Pattern) (string, error) {
	if len(ps) == 0 {
		return "", nil
	}
	b, err := json.Marshal(ps)
	return string(b), err
}

var (
	typeName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}(\.[a-z0-9_]{1,40}){1,5}$`)
	fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,60}$`)
)

// open checks a pattern and compiles its expressions.
func (p *Pattern) open() error {
	if p.Name == "" || len(p.Name) > maxName {
		return engawa.Invalid("/name", "give a name of up to 80 characters", "the pattern has no name, or a long one")
	}
	if !typeName.MatchString(p.Type) || p.Type == Unrecognized {
		return engawa.Invalid("/type", "write it like contract.suspended", "%q is not a type of event", p.Type)
	}
	if strings.Contains(p.From, " ") || p.From != "" && strings.Count(p.From, "@") != 1 {
		return engawa.Invalid("/from", "give one address, or @ and a domain", "from is neither an address nor a domain")
	}
	if p.From == "" && p.Subject == "" && p.Body == "" {
		return engawa.Invalid("/subject", "say by what these mails are known", "the pattern fits every mail")
	}
	var err error
	if p.subject, err = compile("/subject", p.Subject); err != nil {
		return err
	}
	if p.body, err = compile("/body", p.Body); err != nil {
		return err
	}
	return p.checkGroups()
}

// compile compiles an expression within its limits. Dots do not cross lines, ^
// and $ are those of lines: notices are read line by line.
func compile(field, text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	if len([]rune(text)) > MaxPattern {
		return nil, engawa.Invalid(field, "make it shorter", "the expression has more than %d characters", MaxPattern)
	}
	parsed, err := syntax.Parse("(?m:"+text+")", syntax.Perl)
	if err != nil {
		return nil, engawa.Invalid(field, "correct it; the syntax is RE2's", "the expression cannot be read: %s", reason(err))
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil, engawa.Invalid(field, "make repetitions smaller", "the expression is too large")
	}
	re, err := regexp.Compile("(?m:" + text + ")")
	if err != nil {
		return nil, engawa.Invalid(field, "correct it; the syntax is RE2's", "the expression cannot be read: %s", reason(err))
	}
	return re, nil
}

func reason(err error) string {
	if e, ok := err.(*syntax.Error); ok { //nolint:errorlint // syntax.Parse returns no other
		return string(e.Code)
	}
	return "not RE2"
}

// Groups returns the names that the expressions give.
func (p *Pattern) Groups() (names []string) {
	for _, re := range []*regexp.Regexp{p.subject, p.body} {
		if re == nil {
			continue
		}
		for _, name := range re.SubexpNames() {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (p *Pattern) checkGroups() error {
	groups := p.Groups()
	missing := func(field, group string) error {
		return engawa.Invalid(field, "name a group like (?P<"+clip(group)+">…) in subject or body, or use one of: "+strings.Join(groups, ", "), "no expression has a group called %q", group)
	}
	if len(p.Data) > MaxFields {
		return engawa.Invalid("/data", "take fields away", "there are %d fields; %d are allowed", len(p.Data), MaxFields)
	}
	for field, group := range p.Data {
		if !fieldName.MatchString(field) {
			return engawa.Invalid("/data", "use letters, digits and _", "%q is not a name of a field", field)
		}
		if !slices.Contains(groups, group) {
			return missing("/data/"+field, group)
		}
	}
	c := p.Customer
	switch {
	case c == nil:
		return nil
	case c.By != "identity" && c.By != "address":
		return engawa.Invalid("/customer/by", "choose identity or address", "a customer is found by identity or address")
	case c.By == "identity" && (!fieldName.MatchString(c.Kind) || c.Issuer == "" || len(c.Issuer) > 200):
		return engawa.Invalid("/customer/kind", "say whose number it is and what kind, such as business and member_number", "the identity has no issuer or kind")
	case !slices.Contains(groups, c.Group):
		return missing("/customer/group", c.Group)
	}
	return nil
}

func clip(s string) string {
	if fieldName.MatchString(s) {
		return s
	}
	return "name"
}
