package csv

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

// Field is what a column may be taken for. Consents are not among them: a yes
// in a column proves nothing without the words that the customer read.
type Field string

// The fields.
const (
	Number   Field = "number" // the customer's own id in the system: by it the customer is known again
	Mail     Field = "mail"
	Phone    Field = "phone"
	Name     Field = "name"
	Family   Field = "family"
	Given    Field = "given"
	Language Field = "language"
	Country  Field = "country"
	ID       Field = "contract" // of the contract
	Plan     Field = "plan"
	Standing Field = "state"
	Starts   Field = "starts"
	Ends     Field = "ends"
)

// Fields are all of them, in the order of a form.
var Fields = []Field{Number, Name, Family, Given, Mail, Phone, Language, Country, ID, Plan, Standing, Starts, Ends}

// State is where a contract stands.
type State string

// The states of a contract.
const (
	Pending    State = "pending" // not begun, not paid
	Active     State = "active"
	Suspended  State = "suspended"
	Reserved   State = "termination_reserved"
	Terminated State = "terminated" // it ran, and was ended
	Canceled   State = "cancelled"  // before or instead of the sale
)

// States are all of them, in the order of a form.
var States = []State{Pending, Active, Suspended, Reserved, Terminated, Canceled}

// What becomes of a contract that was in the file before and is not any more.
const (
	GoneNothing = ""
	GoneTask    = "task" // a person looks
)

// The limits of a mapping.
const (
	MaxStates  = 50       // words for states
	maxMapping = 64 << 10 // octets of it all
)

// Mapping says what a source's files mean.
type Mapping struct {
	Encoding  string           `json:"encoding,omitempty"`  // empty: guessed for each file
	Separator string           `json:"separator,omitempty"` // the same
	Columns   map[string]Field `json:"columns"`             // by heading; those that are not there are not taken
	States    map[string]State `json:"states,omitempty"`    // by the file's own word
	Verified  bool             `json:"verified,omitempty"`  // the system has proved that addresses are the customers' own
	Gone      string           `json:"gone,omitempty"`
	Country   string           `json:"country,omitempty"` // of customers and numbers where the file says none
}

// Parse reads the setting "mapping". The error is an *engawa.Error.
func Parse(s string) (m Mapping, err error) {
	if s == "" {
		return m, nil
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	if len(s) > maxMapping || d.Decode(&m) != nil || d.More() {
		return m, engawa.Invalid("", "write the mapping on the account's own page", "the mapping cannot be read")
	}
	return m, m.check()
}

// Text is Parse the other way round.
func (m Mapping) Text() (string, error) {
	b, err := json.Marshal(m)
	return string(b), err
}

// check finds what can never work, whatever the file. Its messages name no
// heading: the console's words do.
func (m Mapping) check() error {
	seen := map[Field]bool{}
	for _, f := range m.Columns {
		if !slices.Contains(Fields, f) {
			return engawa.Invalid("/columns", "choose a meaning of the list", "a column means something that is not known here")
		}
		if seen[f] {
			return engawa.Invalid("/columns/"+string(f), "choose one column for it", "two columns mean %s", f)
		}
		seen[f] = true
	}
	for word, s := range m.States {
		if word == "" || len(m.States) > MaxStates || !slices.Contains(States, s) {
			return engawa.Invalid("/states", "choose a state for each word, 50 words at most", "the words for states cannot be taken")
		}
	}
	switch {
	case m.Encoding != "" && !slices.Contains(Encodings, m.Encoding):
		return engawa.Invalid("/encoding", "choose one of the list", "the encoding is not known here")
	case m.Separator != "" && !slices.Contains(Separators, m.Separator):
		return engawa.Invalid("/separator", "choose one of the list", "the separator is not known here")
	case m.Gone != GoneNothing && m.Gone != GoneTask:
		return engawa.Invalid("/gone", "choose nothing or a task", "that cannot be done with contracts that are gone")
	case m.Country != "" && !isCountry(m.Country):
		return engawa.Invalid("/country", "write two letters, such as JP", "the country is not two letters")
	case len(m.Columns) > 0 && !seen[Number]:
		return engawa.Invalid("/columns/number", "say which column holds the member number", "no column is the member number")
	case !seen[ID] && (seen[Plan] || seen[Standing] || seen[Starts] || seen[Ends]):
		return engawa.Invalid("/columns/contract", "say which column holds the contract id, or take no column of contracts", "no column is the contract id")
	}
	return nil
}

// Fits says what keeps the mapping from reading a table; nil: nothing.
func (m Mapping) Fits(t Table) *Fault {
	if len(m.Columns) == 0 {
		return &Fault{Code: "unmapped"}
	}
	for _, f := range Fields { // in one order
		for heading, field := range m.Columns {
			if field == f && !slices.Contains(t.Header, heading) {
				return &Fault{Code: "column_gone", Column: heading}
			}
		}
	}
	return nil
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
