package engawa

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// OfferPool is codes of one offer of the App Store, of which a customer is given
// one: codes that work once each, or one word that works for many.
type OfferPool struct {
	Workspace string
	ID        string
	Account   string // of the App Store
	App       string // the account's; may be empty
	Name      string
	Offer     string // the offer's id as in App Store Connect, which its transactions name
	Product   string // the store's id
	Word      bool   // one custom code for all, which Most customers may use
	Most      int    // of a Word; 0: no limit is known
	EndsAt    time.Time
	LowAt     int    // with so many left or fewer, a person is asked for more; 0: only when none is left
	Connect   string // the offer's id in the App Store Connect API; empty: codes come by files
	CreatedAt time.Time
	ClosedAt  time.Time // nothing is handed out of it any more; zero: open
}

// Open reports whether codes may be handed out of the pool.
func (p OfferPool) Open(now time.Time) bool { return p.ClosedAt.IsZero() && now.Before(p.EndsAt) }

// OfferState is where an OfferCode stands.
type OfferState string

// The states of a code.
const (
	OfferFree     OfferState = "free"
	OfferHanded   OfferState = "handed"   // to a customer, who has not used it as far as is known
	OfferRedeemed OfferState = "redeemed" // the store told of a purchase by it
	OfferLapsed   OfferState = "lapsed"   // it ended in the customer's hands, who may have another
)

// OfferCode is a code that a customer was given.
type OfferCode struct {
	Workspace  string
	ID         string
	Pool       string
	Account    string
	Offer      string
	Customer   string
	State      OfferState
	Reason     OfferReason
	By         string // who handed it out: "member:…", "key:…", "route:…", "app"
	Code       Secret // empty where its customer was erased
	EndsAt     time.Time
	HandedAt   time.Time
	RedeemedAt time.Time // zero: not that it is known
}

// String names the code without showing it.
func (c OfferCode) String() string { return "offer code " + c.ID + " of " + c.Customer }

// Format prints String whatever the verb.
func (c OfferCode) Format(f fmt.State, verb rune) { printAs(f, verb, c.String()) }

// OfferReason is why a code was handed out.
type OfferReason string

// OfferReasons are all of them, in the order in which forms show them.
var OfferReasons = []OfferReason{"apology", "keep", "win_back", "support", "campaign", "other"}

// OfferPlace stands in a message's words for the link of the customer's code of an
// offer until the message goes.
func OfferPlace(offer string) string { return "{{offer.link:" + offer + "}}" }

// RedemptionLink opens the store with a code filled in.
func RedemptionLink(appleID int64, code Secret) string {
	return "https://apps.apple.com/redeem?ctx=offercodes&id=" + strconv.FormatInt(appleID, 10) + "&code=" + url.QueryEscape(code.Reveal())
}
