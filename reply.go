package engawa

import (
	"fmt"
	"time"
)

// Reply is what a customer answered a partner, made anew so that the partner may
// read it (internal/relay/scrub): no address of the customer is in it.
type Reply struct {
	Workspace string
	ID        string
	Customer  string
	Partner   string
	App       string
	Message   string    // the partner's, which it answers
	Handle    string    // to which that was written, as the partner knows the customer; empty: written by none
	At        time.Time // when it came, to the hour
	Body      ReplyBody // sealed with the customer's key; empty after an erasure
	CreatedAt time.Time // the hub's own; not for the partner
	Doubt     Doubt     // why it is not the partner's to read; empty: it is
	Sender    string    // from which masked address it says it came, while it waits
}

// Doubt is why it is not proved that the customer sent an answer.
type Doubt string

// The doubts.
const (
	DoubtNone     Doubt = ""
	DoubtStranger Doubt = "stranger" // its From is none of the customer's mailboxes
	DoubtForged   Doubt = "forged"   // nothing shows that From's domain sent it
	DoubtLeft     Doubt = "left"     // a person decided to leave it: that it came is all that is kept
)

// Format names the reply without its words, whatever the verb.
func (r Reply) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "reply %s to %s", r.ID, r.Message) }

// ReplyBody is what a reply says.
type ReplyBody struct {
	Subject string         `json:"subject"`
	Text    string         `json:"text"`
	Files   []ReplyFile    `json:"files,omitempty"`
	Hidden  map[string]int `json:"hidden,omitempty"` // how many identifiers of each class were replaced
	Held    map[string]int `json:"held,omitempty"`   // how many parts were held back, by reason
}

// Erased reports whether nothing is left of it: what came has words, a file, or a
// reason why it has none.
func (b ReplyBody) Erased() bool {
	return b.Subject == "" && b.Text == "" && len(b.Files) == 0 && len(b.Held) == 0 && len(b.Hidden) == 0
}

// Format tells the size and none of the words, whatever the verb.
func (b ReplyBody) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%d octets, %d files", len(b.Text), len(b.Files))
}

// ReplyFile is a file that came with a reply.
type ReplyFile struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data []byte `json:"data"`
}

// Format tells the file's type and size, whatever the verb.
func (x ReplyFile) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s of %d octets", x.Type, len(x.Data))
}
