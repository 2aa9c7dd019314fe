package engawa

import (
	"fmt"
	"time"
)

// Customer is who is reached: a person or a contract (a company that subscribed).
type Customer struct {
	Workspace string
	ID        string
	Kind      string // "person" or "contract"
	Name      string
	Locale    Locale
	Country   string // ISO 3166-1 alpha-2; empty: not known
	Zone      string // IANA name; empty: every zone of the country counts
	Minor     bool   // below the age of consent of its country, no guardian's consent on file
	Erased    bool
	// MergedInto is who this customer was found to be; empty: itself. All that
	// it had is that one's now.
	MergedInto string
	CreatedAt  time.Time
}

// Identity links a value that some issuer gave to a customer.
type Identity struct {
	Issuer   string `json:"issuer"`         // "business", "appstore", an OIDC issuer …
	Kind     string `json:"kind"`           // "member_number", "app_account_token", "original_transaction_id" …
	Value    string `json:"value"`          // stored only as a keyed hash
	Role     string `json:"role,omitempty"` // on a contract: "owner" or "staff"
	Customer string `json:"customer,omitempty"`
}

// ContactPoint is one way to reach a customer.
type ContactPoint struct {
	Workspace  string
	ID         string
	Customer   string
	Kind       string // the channel kind it serves: "mail", "line" …
	Address    Address
	Role       string    // "contract", "billing", "technical", "login"
	Purposes   []Purpose // which purposes it serves; empty: all
	VerifiedAt time.Time // zero: not verified
	Shared     bool      // several people read it: what opens one person's data never goes there
	Claimed    bool      // the customer typed it: until it is verified it finds nobody. Only written
	CreatedAt  time.Time
}

// ByHand is the address of the staff place of a mailing list's account at which a
// person is asked for what the list's form cannot do.
const ByHand Address = "by-hand"

// ContactKind is the kind of contact points at which a kind of channel reaches
// customers: its own, but for a mailing list, which takes mail addresses. A
// consent to that kind is one to the channel: the list writes there.
func ContactKind(channel string) string {
	if channel == "listform" {
		return "mail"
	}
	return channel
}

// Format names the contact point without its address, whatever the verb.
func (c ContactPoint) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s contact point %s of %s", c.Kind, c.ID, c.Customer)
}

// Serves reports whether the contact point is chosen for purpose p.
func (c ContactPoint) Serves(p Purpose) bool {
	if len(c.Purposes) == 0 {
		return true
	}
	for _, q := range c.Purposes {
		if q.Class() == p.Class() {
			return true
		}
	}
	return false
}

// Destination is a staff place: a room, the admins' mailbox, an endpoint.
type Destination struct {
	Workspace string
	ID        string
	Name      string
	Account   string // the account that reaches it
	Address   Address
	Locale    Locale
	CreatedAt time.Time
}

// Format names the destination without its address, whatever the verb.
func (d Destination) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "destination %s of %s", d.ID, d.Account)
}

// Subscription is what is known of a customer's subscription of a product.
type Subscription struct {
	Workspace   string
	ID          string
	Customer    string
	App         string
	Product     string // the seller's own name for it
	State       SubscriptionState
	StartsAt    time.Time
	EndsAt      time.Time // zero: open
	Environment string
	EndedAt     time.Time // when its contract was ended here; zero: it was not
}

// SubscriptionState is where a Subscription stands: the five of the App Store
// (https://developer.apple.com/documentation/appstoreserverapi/status) and one
// for what a business suspends itself.
type SubscriptionState string

// The states of a subscription.
const (
	SubscriptionActive    SubscriptionState = "active"
	SubscriptionExpired   SubscriptionState = "expired"
	SubscriptionRetry     SubscriptionState = "billing_retry"
	SubscriptionGrace     SubscriptionState = "billing_grace_period"
	SubscriptionRevoked   SubscriptionState = "revoked"
	SubscriptionSuspended SubscriptionState = "suspended"
)

// Purpose says why somebody is written to.
type Purpose string

// The purposes. The sub-kinds of service pass even after a withdrawal.
const (
	Service      Purpose = "service"
	Security     Purpose = "service.security"
	LegalNotice  Purpose = "service.legal_notice"
	ConsentAdmin Purpose = "service.consent_admin"
	Notice       Purpose = "notice"
	Marketing    Purpose = "marketing"
)

// Class returns service, notice or marketing. What is unknown counts as marketing.
func (p Purpose) Class() Purpose {
	switch p {
	case Service, Security, LegalNotice, ConsentAdmin:
		return Service
	case Notice:
		return Notice
	case Marketing:
	}
	return Marketing
}

// Mandatory reports whether p passes even after the customer withdrew everything.
func (p Purpose) Mandatory() bool {
	return p == Security || p == LegalNotice || p == ConsentAdmin
}

// Act is what a consent allows.
type Act string

// The acts.
const (
	ActContact      Act = "contact"
	ActContactNight Act = "contact_at_night"
	ActShareAddress Act = "share_address"
	ActShareUsage   Act = "share_usage"
)

// Consent is one decision of a customer: for this controller, app, act, purpose,
// channel and topic, given or withdrawn. Empty app, channel or topic means all.
type Consent struct {
	Workspace  string
	ID         string
	Customer   string
	Controller string // "workspace" or a partner's id
	App        string
	Act        Act
	Purpose    Purpose
	Channel    string
	Topic      string
	Given      bool
	Pending    bool // given, but a double opt-in is not confirmed yet
	At         time.Time
	Evidence   Evidence
	Said       Said
}

// Scope is a decision without who, when and how: what two of one scope have alike.
func (c Consent) Scope() Consent {
	return Consent{Controller: c.Controller, App: c.App, Act: c.Act, Purpose: c.Purpose, Channel: c.Channel, Topic: c.Topic}
}

// Said is what the customer was told of a decision, where a law asks for it: what
// came of it, and later that it stands (KR Network Act 50(7), 50(8)).
type Said struct {
	ResultAt   time.Time // zero: not yet
	ResultBy   string    // the message that told it, or the task that a person did; set before ResultAt, while it is under way
	ReminderAt time.Time // the last one
	ReminderBy string
}

// ControllerWorkspace is the controller of consents given to the business itself.
const ControllerWorkspace = "workspace"

// Evidence is how a consent can be proved.
type Evidence struct {
	Wording string `json:"wording"` // the text shown
	Version string `json:"version"` // its version
	Where   string `json:"where"`   // page, form, shop, call
	How     string `json:"how"`     // "checkbox", "double_opt_in", "import", "api" …
	Locale  Locale `json:"locale"`
	// Network is where the browser was, cut so that it names a part of a network
	// and no line: /24 of IPv4, /48 of IPv6. Agent is the class of the browser,
	// "phone" or "desktop", without its version. Both are empty where nobody saw one.
	Network string `json:"network,omitempty"`
	Agent   string `json:"agent,omitempty"`
}

// Wording is what customers are shown beside the box to tick for an act and a
// purpose of one app (empty: all). It is never changed: the next version is another.
type Wording struct {
	Workspace string
	App       string
	Act       Act
	Purpose   Purpose
	Version   int64 // from 1
	Words     map[Locale]string
	MadeBy    string // "member:…", "key:…"
	MadeAt    time.Time
}

// Suppression stops messages to an address on a channel.
type Suppression struct {
	Workspace string
	Channel   string
	Address   Address // stored only as a keyed hash
	Customer  string
	Reason    string // "bounced", "complained", "blocked", "opted_out", "operator"
	At        time.Time
	Until     time.Time // zero: for good
}

// Format tells the suppression without its address, whatever the verb.
func (s Suppression) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s suppression: %s", s.Channel, s.Reason)
}
