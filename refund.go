package engawa

import "time"

// RefundCase is a customer's wish to have money back for one transaction, on
// which the store wants to hear the business. What its fields say of the store's
// side follows from the purchase's facts, in whatever order these came.
type RefundCase struct {
	Workspace   string
	ID          string
	Account     string
	App         string // the account's; may be empty
	Customer    string
	Purchase    string
	Environment string
	Kind        string // as Purchase.Kind
	Product     string
	Storefront  string // ISO 3166-1 alpha-3
	Price       int64  // in thousandths of the currency; what was paid
	Currency    string // empty: the price is not known
	BoughtAt    time.Time
	Advanced    bool   // an Advanced Commerce purchase, which is answered in the older form
	Transaction string // sealed, as Original; empty after an erasure
	Original    string // the first transaction of the purchase

	Reason   string // of the latest request, in Apple's words
	Requests int    // how often the store asked since it decided last
	AskedAt  time.Time
	DueAt    time.Time // until then an answer counts
	State    RefundState
	ClosedAt time.Time
	Returned int64 // in thousandths of the currency; what is given back

	Answer    RefundAnswer
	Why       string    // a code for what stands in the way of an answer; empty: nothing
	AlarmedAt time.Time // when a person was told that time runs out; zero: not in this round
	NextAt    time.Time // when the hub looks at it again; zero: when something happens
	UpdatedAt time.Time
	Facts     []byte // what package refund keeps, sealed; nil after an erasure
}

// RefundFor is how long an answer to the first request counts (App Store Server
// API, Send Consumption Information).
const RefundFor = 12 * time.Hour

// RefundState is where a RefundCase stands with the store.
type RefundState string

// The states.
const (
	RefundOpen     RefundState = "open"
	RefundGranted  RefundState = "granted"
	RefundDeclined RefundState = "declined"
	RefundReversed RefundState = "reversed" // granted, and taken back later
)

// RefundStates lists them.
var RefundStates = [...]RefundState{RefundOpen, RefundGranted, RefundDeclined, RefundReversed}

// RefundAnswer is where the business's answer stands.
type RefundAnswer string

// The answers.
const (
	RefundUnseen    RefundAnswer = ""           // nobody has looked yet
	RefundProposed  RefundAnswer = "proposed"   // waits for a person
	RefundNoConsent RefundAnswer = "no_consent" // may not be given: the customer has not agreed
	RefundSending   RefundAnswer = "sending"
	RefundRetrying  RefundAnswer = "retrying" // the store could not be asked; tried again
	RefundSent      RefundAnswer = "sent"
	RefundRefused   RefundAnswer = "refused" // by the store, for good
	RefundIgnored   RefundAnswer = "ignored" // none, on purpose
	RefundLate      RefundAnswer = "late"    // none, and it counts no more
)

// RefundAnswers lists those that a case is found by.
var RefundAnswers = [...]RefundAnswer{
	RefundProposed, RefundNoConsent, RefundSending, RefundRetrying, RefundSent, RefundRefused, RefundIgnored, RefundLate,
}

// RefundPolicy is one version of an account's rules for refund cases.
type RefundPolicy struct {
	Workspace string
	Account   string
	Version   int64  // 0: none was ever saved
	Body      []byte // as package refund writes it
	By        string // who saved it
	At        time.Time
}

// Consumption is what the business knows of how far something that was bought
// was used: of one transaction, or of a customer's purchases of a product, or of
// all of them.
type Consumption struct {
	Workspace   string
	ID          string
	Transaction string // the store's id, also the original one of a subscription; kept as a keyed hash; empty: of a customer
	Customer    string // empty for a transaction that nobody is known for
	Product     string // the store's id; empty: of every one

	Delivery string // DELIVERED …, in Apple's words; empty: not told
	Sample   *bool  // it could be tried before buying; nil: not told
	Percent  *int64 // used up, in thousandths of a percent: 50000 is 50 %; nil: not told
	Played   *int64 // seconds of use; nil: not told
	At       time.Time
	ByDevice bool // told by the app on a device, which sees a part: use that was told before does not get less; not kept
}

// ConsumptionFor is how long what the business told is kept, and longer while a
// case that it bears on is open.
const ConsumptionFor = 30 * 24 * time.Hour
