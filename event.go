package engawa

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Event is a fact that happened. Once journaled it never changes.
type Event struct {
	Workspace  string
	ID         string
	Account    string            // the source account; SourceAPI for the API
	Type       string            // "contract.terminated", "store.did_renew" …
	DedupKey   string            // same account and key: same event
	Actor      Actor             // who caused it, as the source says; as it was journaled, what CausedBy says
	Links      map[string]string // its source's pages about it, by a word: "contract": https URLs
	Subject    string            // what it is about, in the source's words: "contract:456"
	Customer   string            // filled when an identity of the event, or the customer of its Delivery, is known
	Delivery   string            // the delivery on the same account whose fate or answer it tells; not kept
	Identities []Identity
	Newcomer   *Newcomer // what it tells of its customer: of whom nobody knows yet, one is made; nil: nothing. Not kept
	Reached    *Reached  // what a channel tells of its customer's contact point there; nil: nothing. Not kept
	Unsays     string    // the dedup key of what its source takes back: what that said is destroyed; not kept
	UnsaidBy   string    // the dedup key of the event that takes it back, which may have come before it; not kept
	OccurredAt time.Time
	ReceivedAt time.Time
	Data       []byte // JSON
	Raw        []byte // the signed or foreign original, kept as evidence; may be nil
	Sample     bool   // demo data or an import with past times: routes do not send
	Trace      string // W3C traceparent; may be empty
	Answers    string // the provider's id of what this replies to; the intake makes it the message, and it is not stored
	Known      bool   // false: a type that the source's adapter does not know
	Hops       int    // messages of the hub that led to it, one out of the other; over MaxHops no route acts on it
}

// Newcomer is what an event tells of its customer, who may be new to the hub.
type Newcomer struct {
	Name   string
	Mail   Address // checked and in canonical form; empty: it tells none
	Proved bool    // its teller has made sure that Mail is the customer's own
	Find   bool    // it finds who is at Mail, and makes nobody
}

// Format prints nothing of it, whatever the verb.
func (n Newcomer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "a newcomer") }

// Reached is a contact point as a channel tells of it, with its relationship to the
// event's account since the event.
type Reached struct {
	Kind    string
	Address Address
	State   string // "friend", "blocked"; empty: it tells nothing of the relationship
}

// Format names the kind and the state, whatever the verb.
func (r Reached) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.State+" at a contact point of "+r.Kind) }

// Actor is who caused an event.
type Actor struct {
	Type string `json:"type"`         // one of ActorTypes
	ID   string `json:"id,omitempty"` // as the source calls them; in the hub's own events as the hub does
}

// ActorTypes are whom an event may be caused by: a customer, an admin (somebody
// of the business), a partner, or a system, which nobody told to.
var ActorTypes = []string{"customer", "admin", "partner", "system"}

// ActorOf is the actor of an audit trail ("member:mem_1", "customer:cus_1",
// "partner:ptn_1", "key:key_1", or nobody) as events name it. A key is a system's.
func ActorOf(by string) Actor {
	kind, id, _ := strings.Cut(by, ":")
	switch kind {
	case "member":
		return Actor{"admin", id}
	case "customer", "partner":
		return Actor{kind, id}
	}
	return Actor{"system", id}
}

// CausedBy is who caused the event: whom its source names, or where it does so in
// the data alone, the type there.
func (e Event) CausedBy() Actor {
	if e.Actor.Type != "" || !bytes.Contains(e.Data, []byte(`"actor"`)) {
		return e.Actor
	}
	var said struct {
		Actor string `json:"actor"`
	}
	if json.Unmarshal(e.Data, &said) != nil || !slices.Contains(ActorTypes, said.Actor) {
		return e.Actor
	}
	return Actor{Type: said.Actor}
}

// MaxHops is how many messages of the hub may lead to an event, one out of the
// other. A notice that comes back as a notice circles: more of it says nothing new.
const MaxHops = 3

// SourceAPI is the account of events that came over POST /v1/events.
const SourceAPI = "api"

// SourceHub is the account of events that tell of the hub itself.
const SourceHub = "hub"

// Group returns the event group that an operator sends somewhere as a whole:
// general, application, payment, contract, store, or custom.
func (e Event) Group() string { return GroupOf(e.Type) }

// GroupOf returns the group of an event type.
func GroupOf(typ string) string {
	head, _, _ := strings.Cut(typ, ".")
	switch head {
	case "member", "mail", "site", "task":
		return "general"
	case "application", "payment", "contract", "store":
		return head
	}
	return "custom"
}

// EventType is a type of events that a workspace made for itself.
type EventType struct {
	Workspace string
	Type      string            // "shop.order.shipped"
	Names     map[Locale]string // what happened, in a few words
	Schema    []byte            // JSON Schema of the data
	Sample    []byte            // JSON: such data
	UpdatedBy string
	UpdatedAt time.Time
}
