package engawa

import (
	"fmt"
	"time"
)

// Note is what a member wrote down about a customer.
type Note struct {
	Workspace string
	ID        string
	Customer  string
	Author    string // "member:…", "key:…"
	Text      string // sealed with the customer's key; empty after an erasure
	CreatedAt time.Time
}

// Format names the note without its text, whatever the verb.
func (n Note) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "note %s on %s", n.ID, n.Customer) }

// Because is why a member did something for a customer.
type Because string

// WriteReasons and RefundReasons are those of a message or a ticket, and of an
// answer to a refund case, in the order in which forms show them: the first is the
// likeliest.
var (
	WriteReasons  = []Because{"asked", "complaint", "trouble", "payment", "leaving", "follow_up", "other"}
	RefundReasons = []Because{"rules", "trouble", "goodwill", "used", "repeated", "other"}
)

// Extension is a renewal date that the App Store was asked to move: of one
// purchase or, where Purchase is empty, of all subscribers of a product.
type Extension struct {
	Workspace   string
	ID          string
	Account     string
	Customer    string // of Purchase
	Purchase    string
	Product     string
	Storefronts []string // ISO 3166-1 alpha-3; empty: all
	Days        int
	Reason      int    // Apple's number
	RequestID   string // ours, fixed before the store is asked
	State       ExtensionState
	Code        int64  // of the store's refusal
	Why         string // a code for why the hub refused it and asked nobody; empty: it did not
	Concerned   int64  // subscribers, as far as the hub knew when it was asked for
	Succeeded   int64
	Failed      int64
	Listed      int64     // failures that a person was asked to look after
	BeforeAt    time.Time // the end of what was paid, before
	EndsAt      time.Time // and after; zero: nobody said
	Actor       string    // who asked for it
	CreatedAt   time.Time
	AskedAt     time.Time
	LookedAt    time.Time
	NextAt      time.Time // when the hub goes on with it; zero: never
	DoneAt      time.Time
}

// ExtensionState is how far an Extension has come.
type ExtensionState string

// The states of an extension.
const (
	ExtensionWaiting ExtensionState = "waiting" // of all: the store is asked next
	ExtensionAsking  ExtensionState = "asking"  // the question is on its way; after a crash nobody knows
	ExtensionRunning ExtensionState = "running" // of all: the store is at work
	ExtensionDone    ExtensionState = "done"
	ExtensionRefused ExtensionState = "refused" // by the store or, where Why is set, by the hub
	ExtensionUnknown ExtensionState = "unknown" // no clear answer came
	ExtensionUndone  ExtensionState = "undone"  // looked up: it never happened
)

// Ended reports whether nothing more becomes of it by itself or by a look-up.
func (s ExtensionState) Ended() bool {
	return s == ExtensionDone || s == ExtensionRefused || s == ExtensionUndone
}
