package engawa

import "time"

// Gate is one of the eight questions that a verdict answers.
type Gate string

// The gates, in order.
const (
	GateGrant        Gate = "grant"
	GateRecipient    Gate = "recipient"
	GateRelationship Gate = "relationship"
	GateConsent      Gate = "consent"
	GateDisclosure   Gate = "disclosure"
	GateRules        Gate = "rules"
	GateSuppression  Gate = "suppression"
	GateBudget       Gate = "budget"
)

// Gates lists them in order.
var Gates = [...]Gate{
	GateGrant, GateRecipient, GateRelationship, GateConsent,
	GateDisclosure, GateRules, GateSuppression, GateBudget,
}

// Outcome is what a verdict says.
type Outcome string

// The outcomes; the strictest of all gates is the verdict's.
const (
	Send   Outcome = "send"
	Hold   Outcome = "hold"
	Refuse Outcome = "refuse"
)

// Reason says why, in a code whose words internal/text knows in every locale
// ("verdict." + Code, and "verdict." + Code + ".remedy").
type Reason struct {
	Gate   Gate              `json:"gate"`
	Rule   string            `json:"rule,omitempty"` // "KR-04", "house.cap" …; empty: the product itself
	Code   string            `json:"code"`
	Args   map[string]string `json:"args,omitempty"`
	Source string            `json:"source,omitempty"` // statute or page
}

// GateResult is the answer of one gate.
type GateResult struct {
	Gate    Gate      `json:"gate"`
	Outcome Outcome   `json:"outcome"`
	Until   time.Time `json:"until,omitzero"`
	Reasons []Reason  `json:"reasons"` // also for a gate that passes: why it does
}

// Obligation is something that must be added or done if the message goes.
type Obligation struct {
	Kind string `json:"kind"` // "subject_prefix", "body_prefix", "footer", "one_click"
	Rule string `json:"rule"`
	Text string `json:"text,omitempty"` // fixed text, such as a label
	Code string `json:"code,omitempty"` // of words that internal/text renders
}

// Verdict says whether a message may be said on one account, why, and by which rule.
type Verdict struct {
	Account     string       `json:"account"`
	Channel     string       `json:"channel"`
	Outcome     Outcome      `json:"outcome"`
	Until       time.Time    `json:"until,omitzero"`    // for hold
	Decided     Gate         `json:"decided,omitempty"` // the first gate that refuses, else the first that holds
	Gates       []GateResult `json:"gates"`
	Obligations []Obligation `json:"obligations,omitempty"`
	RuleSet     string       `json:"rule_set"` // version of the rules that were applied
	At          time.Time    `json:"at"`
}

// Facts is everything a verdict is made from. It is plain data: stored with
// the verdict it lets the verdict be made again years later.
type Facts struct {
	Workspace string `json:"workspace"`
	Account   string `json:"account"`
	Channel   string `json:"channel"`

	DisclosureRequired bool `json:"disclosure_required,omitempty"` // the channel's kind forbids unannounced automatic messages

	ToDestination bool    `json:"to_destination,omitempty"` // gates recipient, relationship, consent, disclosure do not apply
	Customer      string  `json:"customer,omitempty"`
	Nobody        bool    `json:"nobody,omitempty"` // a route writes to an event's customer, and nobody knows whose the event is
	Purpose       Purpose `json:"purpose"`
	Trigger       Trigger `json:"trigger"`
	Topic         string  `json:"topic,omitempty"`
	App           string  `json:"app,omitempty"`
	Controller    string  `json:"controller"` // the legal sender: "workspace" or a partner's id

	Content   ContentFacts  `json:"content"`
	Sender    SenderProfile `json:"sender"`
	OneClick  bool          `json:"one_click"` // an unsubscribe link can be made
	Applied   []Obligation  `json:"applied,omitempty"`
	Final     bool          `json:"final,omitempty"` // the words will not be rendered again: what is obliged must be in Applied
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt time.Time     `json:"expires_at,omitzero"`

	Grant        *GrantFacts        `json:"grant,omitempty"` // nil: the workspace itself sends
	Contact      *ContactFacts      `json:"contact,omitempty"`
	Country      []string           `json:"country,omitempty"` // in which the customer may be; empty: not known
	Zones        []string           `json:"zones,omitempty"`   // every zone the customer may be in; empty: not known
	Minor        bool               `json:"minor,omitempty"`
	Erased       bool               `json:"erased,omitempty"`
	Relationship RelationshipFacts  `json:"relationship"`
	Consents     []ConsentFacts     `json:"consents,omitempty"`
	Disclosure   *DisclosureFacts   `json:"disclosure,omitempty"` // nil: none on file
	Suppressions []SuppressionFacts `json:"suppressions,omitempty"`
	SentDay      int                `json:"sent_day"`            // to this customer in the last 24 hours, all senders, service not counted
	SentSender   int                `json:"sent_sender"`         // of these by this controller
	OldestDay    time.Time          `json:"oldest_day,omitzero"` // hand-over that leaves the 24 hours first
	Budgets      []BudgetFacts      `json:"budgets,omitempty"`
	House        House              `json:"house"`
	Stopped      bool               `json:"stopped,omitempty"` // the broadcast was stopped, or the account switched off
	While        *WhileFacts        `json:"while,omitempty"`   // nil: the message asks for nothing of a purchase
	Offer        *OfferFacts        `json:"offer,omitempty"`   // nil: the words hold no code's link

	// About is what Clear hands to the channel with the words. No gate reads it.
	About *About `json:"-"`
}

// ContentFacts is what the gates need to know of the words.
type ContentFacts struct {
	Subject     string `json:"subject,omitempty"`
	Text        string `json:"text,omitempty"`   // the first 200 characters: where a label stands
	Promotional bool   `json:"promotional"`      // words that make a message an advertisement
	Unsafe      string `json:"unsafe,omitempty"` // why it may not be sent to a customer at all: UnsafePictures, UnsafeEmpty; empty: it may
}

// Why words may not be sent to a customer at all: what an advertisement says
// must be there to be read, under its label, and not in a picture (Korea's
// Network Act, Decree, Annex 6).
const (
	UnsafePictures = "pictures" // the HTML has no words, and what pictures say nobody can judge
	UnsafeEmpty    = "empty"    // an advertisement of which the variables left nothing to read
)

// GrantFacts is the sender's grant.
type GrantFacts struct {
	ID        string    `json:"id"`
	Scopes    []string  `json:"scopes"`
	Apps      []string  `json:"apps"`
	Channels  []string  `json:"channels"`
	Purposes  []Purpose `json:"purposes"`
	StartsAt  time.Time `json:"starts_at"`
	EndsAt    time.Time `json:"ends_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	UsedDay   int       `json:"used_day"`
	UsedMonth int       `json:"used_month"`
	QuotaDay  int       `json:"quota_day"`
	QuotaMon  int       `json:"quota_month"`
	DayEnds   time.Time `json:"day_ends,omitzero"` // when the quotas begin anew: midnight of the workspace
	MonthEnds time.Time `json:"month_ends,omitzero"`
}

// ContactFacts is the contact point that the account would reach.
type ContactFacts struct {
	ID       string `json:"id"`
	Verified bool   `json:"verified"`
	Serves   bool   `json:"serves"` // the customer chose it for this purpose
}

// RelationshipFacts is the channel's own precondition.
type RelationshipFacts struct {
	Required string    `json:"required,omitempty"` // what the kind asks for: "friend"; empty: nothing
	State    string    `json:"state,omitempty"`    // "friend", "blocked", "none"
	Since    time.Time `json:"since,omitzero"`
}

// ConsentFacts is one stored decision that may bear on the message.
type ConsentFacts struct {
	Controller string    `json:"controller"`
	App        string    `json:"app,omitempty"`
	Act        Act       `json:"act"`
	Purpose    Purpose   `json:"purpose"`
	Channel    string    `json:"channel,omitempty"`
	Topic      string    `json:"topic,omitempty"`
	Given      bool      `json:"given"`
	Pending    bool      `json:"pending,omitempty"`
	At         time.Time `json:"at"`
	Wording    string    `json:"wording,omitempty"` // version
	Where      string    `json:"where,omitempty"`
	RemindedAt time.Time `json:"reminded_at,omitzero"` // last two-year notice (KR)
}

// WhileFacts is what became of the reason for a message.
type WhileFacts struct {
	Holds Standing  `json:"holds"`
	Gone  Gone      `json:"gone,omitempty"` // why it holds no more; empty: it holds
	Until time.Time `json:"until,omitzero"` // it holds until then at most; zero: no end is known
}

// Gone is why a standing condition holds no more.
type Gone string

// The reasons.
const (
	GoneUnknown   Gone = "unknown"   // nothing is known of the purchase, or it is another customer's
	GoneRenews    Gone = "renews"    // renewal is on again
	GoneCanceled  Gone = "canceled"  // renewal was switched off
	GoneEnded     Gone = "ended"     // the paid period, or the store's attempt to collect, is over
	GonePaid      Gone = "paid"      // the payment came in
	GoneBack      Gone = "back"      // the customer has access again
	GoneAgreed    Gone = "agreed"    // the customer agreed to the price, or is not asked any more
	GoneChanged   Gone = "changed"   // another plan was chosen
	GoneOffered   Gone = "offered"   // another message offered the customer the same plan
	GoneRefunded  Gone = "refunded"  // the money was given back
	GoneKept      Gone = "kept"      // the refund was taken back
	GoneOtherwise Gone = "otherwise" // the purchase stands in another way
)

// Gones lists them.
var Gones = [...]Gone{GoneUnknown, GoneRenews, GoneCanceled, GoneEnded, GonePaid, GoneBack, GoneAgreed, GoneChanged, GoneOffered, GoneRefunded, GoneKept, GoneOtherwise}

// OfferFacts says whether there is a code for the link in a message's words.
type OfferFacts struct {
	Offer   string       `json:"offer"`
	Missing OfferMissing `json:"missing,omitempty"` // empty: there is
}

// OfferMissing is why no code can be handed out.
type OfferMissing string

// The reasons.
const (
	OfferEmpty    OfferMissing = "empty"    // none is left, or the pool has ended
	OfferUsed     OfferMissing = "used"     // the customer used a code of the offer
	OfferUnlinked OfferMissing = "unlinked" // the account does not say the app's number in the store
)

// DisclosureFacts is the page that tells customers about automatic messages.
type DisclosureFacts struct {
	ID      string    `json:"id"`
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
}

// SuppressionFacts is one stop on the address.
type SuppressionFacts struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"`
}

// BudgetFacts is a quota of the provider or of the account.
type BudgetFacts struct {
	Scope     string    `json:"scope"` // "month", "partner_day" …
	Remaining int       `json:"remaining"`
	ResetsAt  time.Time `json:"resets_at"`
}
