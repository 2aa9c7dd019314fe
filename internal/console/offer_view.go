package console

import (
	"time"

	"github.com/engawa/engawa"
)

// Offers are the pools of offer codes.
type Offers struct {
	Page
	Rows []PoolRow
}

// PoolRow is a pool with how many of its codes stand where.
type PoolRow struct {
	ID, Name, Offer, Account       string
	Word, Low                      bool // one custom code for all; few are left
	Free, Handed, Redeemed, Lapsed int64
	EndsAt, ClosedAt               time.Time
}

// OfferForm makes a pool.
type OfferForm struct {
	Page
	Accounts                                     []Choice // of the App Store; none: there is none
	Name, Account, Offer, Product, EndsOn, LowAt string
	Kind, Word, Most                             string // "codes", "word"
	Connect                                      string
	Problem, Remedy                              string
	Read                                         *OfferSheet // what a file holds that was looked at
}

// Pool is one pool's page.
type Pool struct {
	Page
	PoolRow
	Product   string
	CreatedAt time.Time
	Codes     []OfferCodeRow // handed out, the latest first
	Next      string
	Problem   string
	Read      *OfferSheet
	Connect   bool // codes can be made in App Store Connect
}

// OfferSheet is what a file of codes holds, and what is wrong with its lines.
type OfferSheet struct {
	New, Known int
	Faults     []RefusedLine
	More       int // faults that are not shown
}

// OfferCodeRow is a code in a customer's hands.
type OfferCodeRow struct {
	Offer, Customer, CustomerName, By string
	State                             engawa.OfferState
	Reason                            engawa.OfferReason
	At, RedeemedAt, EndsAt            time.Time
	Link                              string // empty: not shown here
}

// OfferCard is the part of a customer's page where codes are handed out.
type OfferCard struct {
	Page
	Customer string
	Rows     []OfferCodeRow // what the customer has, the latest first
	Pools    []Choice       // of which a code can be handed out
	May      bool           // the member may hand out
	Problem  string
}

// CustomerOffers is the card on a page of its own.
type CustomerOffers struct {
	OfferCard
	Name string
}
