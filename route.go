package engawa

import (
	"slices"
	"strings"
	"time"
)

// Route says which events go to which recipients, in which words, with which
// fallback and deadline.
type Route struct {
	Workspace string
	ID        string
	Name      string
	Version   int64
	Enabled   bool
	Events    []string // patterns: "contract.terminated", "payment.*", "*"
	Condition string   // CEL over event and customer; empty: always
	Then      []Step
	UpdatedBy string
	UpdatedAt time.Time
}

// MatchesType reports whether an event type matches a route's pattern: the type
// itself, a group with ".*" that takes in everything below it, or "*".
func MatchesType(pattern, typ string) bool {
	if pattern == "*" || pattern == typ {
		return true
	}
	group, ok := strings.CutSuffix(pattern, "*")
	return ok && strings.HasSuffix(group, ".") && strings.HasPrefix(typ, group)
}

// MatchesAny reports whether an event type matches one of the patterns.
func MatchesAny(patterns []string, typ string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return MatchesType(p, typ) })
}

// Step is one message that a route makes.
type Step struct {
	To        string        `json:"to"` // "customer" or a destination's id
	App       string        `json:"app,omitempty"`
	Template  string        `json:"template"`
	Purpose   Purpose       `json:"purpose"`
	Topic     string        `json:"topic,omitempty"`
	Via       []Via         `json:"via"` // in order: the first account, then its fallbacks
	Urgent    bool          `json:"urgent,omitempty"`
	Delay     time.Duration `json:"delay,omitempty"`      // from the event, before it may go
	ExpiresIn time.Duration `json:"expires_in,omitempty"` // from the event, or from the end of Delay; 0: the rule's default
	Mute      []Window      `json:"mute,omitempty"`       // in these it waits until they end
	Digest    *Digest       `json:"digest,omitempty"`     // many events in one message; nil: a message for each
	While     Standing      `json:"while,omitempty"`      // it goes only as long as this holds of the customer's purchase
	Product   string        `json:"product,omitempty"`    // of WhileLower: the store's id of the plan that is offered
}

// Standing is what must hold of a customer's purchase, now, for a message to go.
type Standing string

// The standing conditions, of the purchase that the message is about.
const (
	WhileRenewalOff   Standing = "renewal_off"   // it is paid, and ends when the period does
	WhileUnpaid       Standing = "unpaid"        // the store tries to collect a failed payment, with access or without
	WhileExpired      Standing = "expired"       // it has ended, and no other of its kind is active
	WhilePricePending Standing = "price_pending" // the customer has not yet agreed to a higher price
	WhileSamePlan     Standing = "same_plan"     // it goes on renewing with the plan it had
	WhileLower        Standing = "lower_plan"    // it is active on a lower plan than the one offered, which no other message offered the customer
	WhileShareEnded   Standing = "share_ended"   // the family shares it no more, and the customer bought none
	WhileRefunded     Standing = "refunded"      // its money was given back, and the refund stands
)

// Standings lists them.
var Standings = [...]Standing{WhileRenewalOff, WhileUnpaid, WhileExpired, WhilePricePending, WhileSamePlan, WhileLower, WhileShareEnded, WhileRefunded}

// While is the standing condition of one message. The zero While asks for nothing.
type While struct {
	Holds    Standing `json:"holds,omitempty"`
	Purchase string   `json:"purchase,omitempty"` // whose state it is; empty: nobody knows, and the condition does not hold
	Product  string   `json:"product,omitempty"`  // that the message was made about or, of WhileLower, that it offers
}

// Window is a time of the day on some days of the week, in the workspace's zone.
// One that ends at or before its beginning ends on the next day.
type Window struct {
	Days []string `json:"days,omitempty"` // of its beginning: "mon" … "sun"; empty: every day
	From string   `json:"from"`           // "22:00"
	To   string   `json:"to"`             // "08:00"
}

// Digest gathers the events of a step for one message to staff.
type Digest struct {
	Within time.Duration `json:"within"`          // after its first event it goes at the latest
	Count  int           `json:"count,omitempty"` // and as soon as it holds so many; 0: not for their number
	By     string        `json:"by,omitempty"`    // a field of the events' data, as "cause": only those that agree in it go together
	Cause  bool          `json:"cause,omitempty"` // only events of one cause, as the catalogue relates them; without Count and By
}

// Via is one account of a chain. After Within (0: no deadline) without being
// accepted, the next in the chain goes.
type Via struct {
	Account     string        `json:"account"`
	Destination string        `json:"destination,omitempty"` // another place than Step.To: the staff mailbox
	Within      time.Duration `json:"within,omitempty"`
	Copy        bool          `json:"copy,omitempty"` // sent besides the first one, not instead of it
}

// Template is words with {{variables}}, per locale.
type Template struct {
	Workspace string
	ID        string
	Name      string
	Version   int64
	Words     map[Locale]Content
	UpdatedAt time.Time
}

// Content is what is said.
type Content struct {
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text,omitempty"`
	HTML    string `json:"html,omitempty"`
}
