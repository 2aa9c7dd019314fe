package engawa

import "time"

// Segment is a saved selection of customers: those of whom its condition holds,
// whenever it is asked.
type Segment struct {
	Workspace string
	ID        string
	Name      string
	Where     Condition
	Version   int64 // from 1
	CreatedBy string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Condition is what must hold of a customer. It is a group, of which all or any
// must hold, or one trait. The zero Condition holds of everybody.
type Condition struct {
	All []Condition `json:"all,omitempty"`
	Any []Condition `json:"any,omitempty"`
	// Is is the trait; which of the fields below say more of it is its own (internal/segment).
	Is           Trait             `json:"is,omitempty"`
	Not          bool              `json:"not,omitempty"` // it, or the group, must not hold
	Value        string            `json:"value,omitempty"`
	App          string            `json:"app,omitempty"`
	Product      string            `json:"product,omitempty"`
	Subscription SubscriptionState `json:"subscription,omitempty"`
	Purpose      Purpose           `json:"purpose,omitempty"`
	Channel      string            `json:"channel,omitempty"`
	Topic        string            `json:"topic,omitempty"`
	Account      string            `json:"account,omitempty"`
	Days         int               `json:"days,omitempty"`
	At           *time.Time        `json:"at,omitempty"`
}

// Trait is what a Condition asks of a customer.
type Trait string

// The traits.
const (
	TraitTag           Trait = "tag"          // has the tag Value
	TraitKind          Trait = "kind"         // is a Value: person, contract
	TraitLocale        Trait = "locale"       // reads Value
	TraitCountry       Trait = "country"      // is in Value; empty: where is not known
	TraitMinor         Trait = "minor"        // is below the age of consent
	TraitSubscription  Trait = "subscription" // of App, of Product, in the state Subscription; each empty: any
	TraitConsent       Trait = "consent"      // agreed to be written to for Purpose on Channel, by App, on Topic
	TraitContact       Trait = "contact"      // has a contact point of the kind Channel
	TraitRelationship  Trait = "relationship" // stands as Value with Account, by the channel's own word
	TraitActive        Trait = "active"       // did something of their own in the last Days days
	TraitCreatedAfter  Trait = "created_after"
	TraitCreatedBefore Trait = "created_before"
)

// Profile is what conditions are asked of one customer.
type Profile struct {
	Customer      Customer
	Tags          []string
	Subscriptions []Subscription
	Consents      []Consent
	Points        []ContactPoint // without addresses
	Relations     []Relation
	ActiveAt      time.Time // the last thing that the customer did; zero: nothing is known
}

// Relation is how a channel says that an account and a contact point stand.
type Relation struct {
	Account string
	State   string // "friend", "blocked" …
}
