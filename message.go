package engawa

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Message is one thing to say to one recipient.
type Message struct {
	Workspace   string
	ID          string
	Event       string // the event that made it; empty for a request
	Route       string
	Partner     string  // the sender; empty: the workspace itself
	Member      string  // who clicked; empty: a system
	Reason      Because // why Member wrote it; empty: was not asked for
	App         string
	Customer    string // exactly one of Customer
	Destination string // and Destination is set, but where Nobody says so
	About       string // the customer whose event a notice to a destination tells of; empty: nobody's
	// ContactPoint is the one of Customer's that it is to reach; empty: whichever
	// serves its purpose best.
	ContactPoint string
	Broadcast    string
	Purpose      Purpose
	Trigger      Trigger
	Topic        string
	Locale       Locale
	Content      Content // rendered, with what the verdict obliged to add
	Promotional  bool    // the words advertise, by the list of internal/text
	Applied      []Obligation
	Unsubscribe  string // one-click URL; empty where none is owed
	Chain        []Via  // accounts in order
	Urgent       bool
	Sample       bool   // demo data with past times: shown, never sent
	While        While  // else it does not go any more
	Offer        string // of which the words hold a code's link (OfferPlace), put in when it goes; empty: none
	NotBefore    time.Time
	ExpiresAt    time.Time
	State        MessageState
	Verdicts     []Verdict // the early answer, one per account of the chain
	CreatedAt    time.Time
	Trace        string
	Hops         int // of the events that it tells of: the most of Event.Hops
}

// Owner is the customer whose key seals the message: who it goes to, or who a
// notice to staff tells of. Empty: nobody's; the workspace's key does.
func (m Message) Owner() string { return cmp.Or(m.Customer, m.About) }

// Nobody reports whether a route writes to the customer of an event of whom nobody
// knows whose it is: the message is refused, and says so; a staff place that the
// route falls back to still gets it.
func (m Message) Nobody() bool { return m.Customer == "" && m.Destination == "" }

// Unaddressed reports whether the message was to nobody and goes to nobody else: it is
// kept to say so.
func (m Message) Unaddressed() bool { return m.Nobody() && m.State == MessageRefused }

// From is when the message may go at the earliest; it is as old as that.
func (m Message) From() time.Time {
	if m.NotBefore.After(m.CreatedAt) {
		return m.NotBefore
	}
	return m.CreatedAt
}

// Trigger is what set a message off.
type Trigger string

// The triggers.
const (
	ByUser      Trigger = "user"
	ByAutomatic Trigger = "automatic"
)

// MessageState is where a Message stands.
type MessageState string

// The states of a message.
const (
	MessageWaiting  MessageState = "waiting"
	MessageSent     MessageState = "sent" // one delivery accepted or delivered
	MessageRefused  MessageState = "refused"
	MessageFailed   MessageState = "failed"
	MessageUnknown  MessageState = "unknown"
	MessageCanceled MessageState = "canceled"
	MessageExpired  MessageState = "expired"
)

// DeliveryState is where a Delivery stands.
type DeliveryState string

// The states of a delivery. Queued, held and retrying are waiting for their
// due time; sending has an attempt open; the others are final, except that
// accepted may become delivered and unknown may be settled.
const (
	Queued    DeliveryState = "queued"
	Held      DeliveryState = "held"
	Sending   DeliveryState = "sending"
	Retrying  DeliveryState = "retrying"
	Accepted  DeliveryState = "accepted"
	Delivered DeliveryState = "delivered" // only where the provider says so
	Failed    DeliveryState = "failed"
	Unknown   DeliveryState = "unknown"
	Refused   DeliveryState = "refused" // by the verdict
	Canceled  DeliveryState = "canceled"
	Expired   DeliveryState = "expired"
)

// Waiting reports whether the lane may still claim a delivery in this state.
func (s DeliveryState) Waiting() bool { return s == Queued || s == Held || s == Retrying }

// Final reports whether nothing more happens by itself.
func (s DeliveryState) Final() bool { return !s.Waiting() && s != Sending }

// Delivery is a message on one channel account.
type Delivery struct {
	Workspace    string
	ID           string
	Message      string
	Position     int // in the message's chain
	Account      string
	ContactPoint string // or
	Destination  string
	State        DeliveryState
	Bulk         bool // after urgent work
	DueAt        time.Time
	DeadlineAt   time.Time // zero: none; then the next in the chain goes
	Attempts     int
	Key          string    // the provider's retry key, fixed before the first attempt
	KeyAt        time.Time // when it was first used; zero: not yet
	ProviderID   string
	Verdict      *Verdict // the latest; the one that counted when it was sent
	Note         string   // why it stands where it stands: a code
	Doubt        bool     // an attempt may have arrived, and nobody knows
	HandedAt     time.Time
	SeenAt       time.Time // in an app: when the customer saw it first; zero: not told
	UpdatedAt    time.Time
}

// Attempt is one try of a delivery.
type Attempt struct {
	Workspace string
	ID        string
	Delivery  string
	N         int
	Fence     int64
	Key       string
	StartedAt time.Time
	EndedAt   time.Time // zero: open
	Outcome   AttemptOutcome
	Code      string
	Late      bool // came from a holder that had lost the lane: evidence only
	Exchange  Exchange
}

// AttemptOutcome is how a hand-over ended.
type AttemptOutcome string

// The outcomes.
const (
	OutcomeOpen     AttemptOutcome = "open"
	OutcomeAccepted AttemptOutcome = "accepted"
	OutcomeRetry    AttemptOutcome = "retry"
	OutcomeFailed   AttemptOutcome = "failed"
	OutcomeUnknown  AttemptOutcome = "unknown"
)

// Exchange is what was said to the provider and what it answered, with secrets
// and addresses masked by the channel before it returns.
type Exchange struct {
	Request  string `json:"request"`
	Response string `json:"response"`
}

// Parcel is a delivery made ready for the wire. A channel gets it only inside
// a verdict.Cleared.
type Parcel struct {
	Workspace   string
	Message     string
	Delivery    string
	Account     string
	Attempt     int    // from 1
	Key         string // the same on every attempt
	To          Address
	ToName      string
	SenderName  string // who speaks: "Vendor via Business"
	Partner     string // whose words they are; empty: the workspace's
	Purpose     Purpose
	Locale      Locale
	Content     Content
	Unsubscribe string    // one-click URL; empty where none is owed
	CreatedAt   time.Time // fixed: the Date of a mail; when the message might go first
	Carry       []byte    // what an earlier attempt left for this one
	Hops        int       // of Message.Hops
	About       *About    // for a kind that tells of customers; nil elsewhere
}

// About is whom a notice to staff tells of, and what happened. It goes only to a
// kind that asks for it (channel.Kind.Tells), on an account of the workspace's
// own, and is never stored with a verdict.
type About struct {
	Customer string  // empty: nobody we know
	Name     string  // may be empty
	Mail     Address // where the customer is written to; may be empty
	Event    string  // its id; empty: a request made the notice
	Type     string
	Data     []byte // the event's, JSON; may be nil
}

// Format names the customer and the event without name, address and data.
func (a *About) Format(f fmt.State, verb rune) {
	if a == nil {
		printAs(f, verb, "nobody")
		return
	}
	printAs(f, verb, a.Customer+" in "+a.Event)
}

// String names the parcel without recipient and words.
func (p Parcel) String() string {
	return fmt.Sprintf("attempt %d of %s (%s) on %s", p.Attempt, p.Delivery, p.Message, p.Account)
}

// Format prints String whatever the verb.
func (p Parcel) Format(f fmt.State, verb rune) { printAs(f, verb, p.String()) }

// MarshalText is String, in JSON and text encodings.
func (p Parcel) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Task is what only a person can do.
type Task struct {
	Workspace string
	ID        string
	Kind      string            // "delivery.unknown", "account.closed" …; TaskByHand for what a person asks
	Ref       string            // the id it is about; one open task per kind and ref
	Args      map[string]string // for its words, and under names with TypeExactly what is to be typed
	Source    string            // what raised it: an id, "member:…" or "key:…"; empty: it follows from Ref and Args
	Customer  string            // whose personal data is to be typed; it is sealed by that customer's key
	Listed    bool              // only raised with it: it asks for what the customer of Args["message"] has in the list of Args["account"],
	Plans     []string          // under these plans of the list; none: under every one
	Count     int               // how often it was raised
	Assignee  string            // a member; empty: nobody has taken it
	DueAt     time.Time         // zero: some day
	State     string            // "open" or "done"
	CreatedAt time.Time
	RaisedAt  time.Time // the last time
	DoneAt    time.Time
	DoneBy    string // "member:…", "key:…"
}

// TaskByHand is the kind of a task that a person raised: what to do stands in
// its argument "title", more of it in "text".
const TaskByHand = "by_hand"

// TypeExactly begins the names of arguments whose values a person types into
// another system as they stand: "type.mail". They are kept sealed.
const TypeExactly = "type."

// ToType returns the names of what is to be typed, without TypeExactly, in order.
func (k Task) ToType() (names []string) {
	for name := range k.Args {
		if rest, ok := strings.CutPrefix(name, TypeExactly); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// RaisedFrom is what raised the task: its Source, or what Ref and Args name.
func (k Task) RaisedFrom() string {
	for _, id := range []string{k.Source, k.Ref, k.Args["message"], k.Args["event"], k.Args["route"], k.Args["account"], k.Args["customer"]} {
		for _, prefix := range TaskSources {
			if HasPrefix(id, prefix) || strings.HasPrefix(id, prefix+":") {
				return id
			}
		}
	}
	return ""
}

// TaskSources are the prefixes of what may raise a task.
var TaskSources = [...]string{PrefixMessage, PrefixEvent, PrefixRoute, PrefixAccount, PrefixCustomer, "member", "key"}

// Overdue reports whether the task is open and its time was over at now.
func (k Task) Overdue(now time.Time) bool {
	return k.State == "open" && !k.DueAt.IsZero() && k.DueAt.Before(now)
}
