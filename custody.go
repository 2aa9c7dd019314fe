package engawa

import (
	"fmt"
	"slices"
	"time"
)

// Custody is an entry of the custody ledger: a thing that the business has at a
// provider, and who holds what of it. A thing may be in somebody else's hands
// altogether, so an entry needs no account; every account has one.
type Custody struct {
	Workspace string
	ID        string
	Kind      string // "line", "mail" …: also kinds that the hub cannot connect
	Name      string
	Account   string // the connected account; empty: none is
	CreatedAt time.Time
	Lines     []CustodyLine // what was said, done and found, oldest first

	// What the provider itself said, where it can be asked.
	LookedAt time.Time         // when it last answered
	Facts    map[string]string // what it said then, by the names of channel.Facts
	Silent   int               // how often in a row it did not answer since
}

// Format names the entry alone, whatever the verb.
func (c Custody) Format(f fmt.State, _ rune) { fmt.Fprint(f, "custody "+c.ID) }

// Stated returns what was said last of who holds what; false: nobody has said it.
func (c Custody) Stated() (CustodyLine, bool) {
	for _, l := range slices.Backward(c.Lines) {
		if l.Stated != nil {
			return l, true
		}
	}
	return CustodyLine{}, false
}

// CustodyLine is one dated line of an entry, never changed: it is evidence. One of
// Stated, Done and Found is set.
type CustodyLine struct {
	ID      string            `json:"-"`
	At      time.Time         `json:"-"`
	By      string            `json:"-"` // "member:…", "key:…"; empty: the hub
	Stated  *CustodyStatement `json:"stated,omitempty"`
	Done    *CustodyDone      `json:"done,omitempty"`
	Found   *CustodyFound     `json:"found,omitempty"`
	Picture string            `json:"-"` // media type of the picture that belongs to it; empty: none does
}

// Format names the line alone, whatever the verb.
func (l CustodyLine) Format(f fmt.State, _ rune) { fmt.Fprint(f, "custody line "+l.ID) }

// How it is known who holds what.
const (
	KnownTold = "told" // somebody said so
	KnownSeen = "seen" // somebody looked at the provider's page
)

// CustodyStatement is what a person says of who holds what, as of a day.
type CustodyStatement struct {
	Owner   string          `json:"owner"` // whose the thing is: OwnerWorkspace, OwnerOther or a partner's id
	Holders []CustodyHolder `json:"holders"`
	Known   string          `json:"known"`        // KnownTold or KnownSeen
	On      string          `json:"on,omitempty"` // the day of which it tells: "2026-12-01"
	Note    string          `json:"note,omitempty"`
}

// The sides on which a holder of rights can be.
const (
	SideOwn     = "own"     // the business itself
	SideOutside = "outside" // a vendor, an agency, a person outside
	SideGone    = "gone"    // one of those who cannot be reached any more
)

// CustodyHolder is who holds rights at the provider.
type CustodyHolder struct {
	Name   string   `json:"name"`
	Side   string   `json:"side"`
	Rights []string `json:"rights"` // of the kind's, by their names in internal/custody
}

// CustodyStep names one thing to do about an entry.
type CustodyStep struct {
	Key    string `json:"key"`
	Holder string `json:"holder,omitempty"` // whose right it is about
	Right  string `json:"right,omitempty"`
	Found  string `json:"found,omitempty"` // the line that found what it is about
}

// CustodyDone says that a step was done.
type CustodyDone struct {
	Step CustodyStep `json:"step"`
	Note string      `json:"note,omitempty"`
}

// CustodyFound is a difference that a check found at the provider.
type CustodyFound struct {
	What string `json:"what"` // "webhook_changed" …: the end of its event's type
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// What goes on once it is found, until somebody does something about it.
const (
	CustodyFailing = "credentials_failing"  // the provider does not take the credentials
	CustodyQuota   = "quota_used_by_others" // somebody else sends
)

// GoesOn reports whether a finding is found again while it lasts.
func (f CustodyFound) GoesOn() bool { return f.What == CustodyFailing || f.What == CustodyQuota }

// CustodyStepFound is the key of the step that settles what a check found.
const CustodyStepFound = "found"

// Open returns the lines that found something and that nobody has settled.
func (c Custody) Open(what string) (open []CustodyLine) {
	settled := map[string]bool{}
	for _, l := range c.Lines {
		if l.Done != nil {
			settled[l.Done.Step.Found] = true
		}
	}
	for _, l := range c.Lines {
		if l.Found != nil && l.Found.What == what && !settled[l.ID] {
			open = append(open, l)
		}
	}
	return open
}
