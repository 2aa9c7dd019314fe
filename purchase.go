package engawa

import "time"

// Purchase is one thing that was bought: a subscription with all its renewals
// and changes of plan, or one thing bought once. What its fields say held at
// HeardAt; the facts say what holds now.
type Purchase struct {
	Workspace   string
	ID          string
	Account     string // that heard of it
	App         string // the account's; may be empty
	Customer    string
	Environment string
	Kind        string // "auto_renewable_subscription", "non_renewing_subscription", "consumable", "non_consumable"
	Product     string // the store's id of it
	Group       string // products of which a customer has one at a time; may be empty
	State       PurchaseState
	Renews      bool      // it goes on by itself at EndsAt
	Shared      bool      // bought by a member of the customer's family
	Storefront  string    // ISO 3166-1 alpha-3
	BoughtAt    time.Time // first
	EndsAt      time.Time // of what is paid, or of the access that goes on without; zero: no end is known
	HeardAt     time.Time // when the store said what it last said
	CheckedAt   time.Time // when the store was last asked; zero: never
	Facts       []byte    // all that the store said, as package purchase keeps it; nil after an erasure
}

// PurchaseState is where a Purchase stands: for what renews itself a
// SubscriptionState, for the rest one of these.
type PurchaseState string

// The states of what does not renew itself.
const (
	PurchaseOwned   PurchaseState = "owned"
	PurchaseEnded   PurchaseState = "ended"
	PurchaseRevoked PurchaseState = "revoked"
)

// StoreDay is how often something happened in a store on a day.
type StoreDay struct {
	Account string
	Day     string // "2026-11-29", in the workspace's zone
	What    string // a type of store events, or DayActive
	Product string // the store's id; empty where the event names none
	N       int
}

// DayActive is how many have access by a subscription, on a day on which that
// changed.
const DayActive = "active"

// Product is what the business says of a product of the App Store. One that is not
// described entitles to itself.
type Product struct {
	Workspace    string
	ID           string   // the store's
	Name         string   // may be empty
	Entitlements []string // what it opens; several products may open the same; empty: itself
	Group        string   // of a subscription: the store's id of its group; empty: not said
	Level        int      // within Group, as the store counts: 1 is the highest; 0: not said
	Months, Days int      // how long a non-renewing subscription lasts, which the store does not know; both 0: without end
	UpdatedBy    string   // "member:…", "key:…"
	UpdatedAt    time.Time
}
