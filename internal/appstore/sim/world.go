package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Types of products as the store writes them.
const (
	AutoRenewable = "Auto-Renewable Subscription"
	NonRenewing   = "Non-Renewing Subscription"
	Consumable    = "Consumable"
	NonConsumable = "Non-Consumable"
)

// Kinds of offers.
const (
	Introductory = 1
	Promotional  = 2
	OfferCode    = 3
	WinBack      = 4
)

// How an offer is paid.
const (
	FreeTrial  = "FREE_TRIAL"
	PayAsYouGo = "PAY_AS_YOU_GO"
	PayUpFront = "PAY_UP_FRONT"
)

// Product is what is sold. Prices are in thousandths, by storefront; one that is
// not named pays that of USA in dollars.
type Product struct {
	ID, Name string
	Type     string
	Group    string // of subscriptions: only one of a group is held at a time
	Level    int    // in the group; 1 is the highest
	Period   string // of a renewal, such as P1W, P1M, P1Y
	Prices   map[string]int64
	Family   bool // shared with the family
	Offers   []Offer
}

// Offer is a reduced price for a time.
type Offer struct {
	ID      string // of an introductory offer: empty
	Type    int
	Pays    string
	Period  string // of a free or prepaid time; of PayAsYouGo that of the product
	Periods int    // of PayAsYouGo; 0: 1
	Prices  map[string]int64
}

type product struct {
	Product
	notForSale bool
}

// offer finds an offer of the product.
func (p *product) offer(kind int, id string) *Offer {
	for i, o := range p.Offers {
		if o.Type == kind && (o.ID == id || kind == Introductory) {
			return &p.Offers[i]
		}
	}
	return nil
}

// winBacks are the ids of the win-back offers, best first as they are listed.
func (p *product) winBacks() []string {
	var ids []string
	for _, o := range p.Offers {
		if o.Type == WinBack {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// currencies of storefronts; elsewhere it is the dollar.
var currencies = map[string]string{
	"JPN": "JPY", "KOR": "KRW", "USA": "USD", "GBR": "GBP", "DEU": "EUR", "FRA": "EUR", "ITA": "EUR", "ESP": "EUR", "TWN": "TWD", "HKG": "HKD", "CHN": "CNY",
}

// storefrontIDs of the storefronts that the page offers.
var storefrontIDs = map[string]string{"JPN": "143462", "KOR": "143466", "USA": "143441", "GBR": "143444", "DEU": "143443", "FRA": "143442", "TWN": "143470"}

// price in a storefront, with its currency.
func price(of map[string]int64, storefront string) (amount int64, currency string) {
	if p, ok := of[storefront]; ok {
		return p, cmp.Or(currencies[storefront], "USD")
	}
	return of["USA"], "USD"
}

// price of the product in a storefront, under an offer or none.
func (p *product) price(o *Offer, storefront string) (amount int64, currency string) {
	if o != nil && o.Pays != FreeTrial {
		return price(o.Prices, storefront)
	}
	if amount, currency = price(p.Prices, storefront); o != nil {
		amount = 0
	}
	return amount, currency
}

// customer is one account of the store that has the app.
type customer struct {
	id, name   string
	storefront string
	appTx      string // its appTransactionId
	noAppTx    bool   // the app was got before there were app transactions
	installed  time.Time
	token      string // appAccountToken that the app gives with purchases
	cardFails  bool
	members    []*customer // of the family that shares this customer's purchases
	bought     []*transaction
	subs       []*subscription
	extended   []time.Time // by the API, every subscription counted
	intro      map[string]bool
	redeemed   map[string]bool // offers whose codes were used
	speed      int             // of the customer's subscriptions; 0: the store's
}

// sub is the customer's subscription in a group, shared by the family or not.
func (c *customer) sub(group string, family bool) *subscription {
	for _, s := range c.subs {
		if s.group == group && (s.sharedBy != nil) == family {
			return s
		}
	}
	return nil
}

// transaction is one purchase or renewal.
type transaction struct {
	id, line, order   string
	owner             *customer
	product           *product
	sub               *subscription // nil: bought once
	original          *transaction
	purchased         time.Time
	expires           time.Time
	quantity          int
	token             string
	shared            bool // by the family
	reason            string
	storefront        string
	price             int64
	currency          string
	offer             *Offer
	upgraded          bool
	finished          bool
	revoked           time.Time
	revocationReason  int
	revocationType    string
	revocationPercent int64 // thousandths of one in a hundred
	changed           int64 // counts the changes of all transactions
	taken             int64 // of a refund: its place among all
	refund            *refund
}

// touch notes that a transaction changed: the history lists by it.
func (s *Store) touch(t *transaction) {
	s.changes++
	t.changed = s.changes
}

// AddProduct puts a product on sale.
func (s *Store) AddProduct(p Product) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.products = append(s.products, &product{Product: p})
}

// AddCustomer adds somebody with the app and returns the customer's id in the
// simulator and the appTransactionId. The app gives token, a UUID, with every
// purchase; it may be empty.
func (s *Store) AddCustomer(name, storefront, token string) (id, appTransactionID string) {
	s.enter()
	defer s.leave()
	c := &customer{
		id: "c" + strconv.Itoa(len(s.customers)+1), name: name, storefront: storefront, token: token, appTx: s.newAppTransactionID(), installed: s.now(),
		intro: map[string]bool{}, redeemed: map[string]bool{},
	}
	s.customers = append(s.customers, c)
	s.byApp[c.appTx] = c
	return c.id, c.appTx
}

// Hurry has what a customer buys from now on live speed times faster than the
// clock, as the renewal rate of a tester does in the real sandbox.
func (s *Store) Hurry(customer string, speed int) error {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err == nil {
		c.speed = speed
	}
	return err
}

func (s *Store) product(id string) (*product, error) {
	i := slices.IndexFunc(s.products, func(p *product) bool { return p.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("there is no product %q", id)
	}
	return s.products[i], nil
}

// customer by the id of AddCustomer, which counts from c1.
func (s *Store) customer(id string) (*customer, error) {
	if len(id) > 1 && id[0] == 'c' {
		if n, err := strconv.Atoi(id[1:]); err == nil && n >= 1 && n <= len(s.customers) {
			return s.customers[n-1], nil
		}
	}
	return nil, fmt.Errorf("there is no customer %q", id)
}

func (s *Store) transaction(id string) (*transaction, error) {
	if t := s.byID[id]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("there is no transaction %q", id)
}

// charge writes a transaction of a product into the customer's history.
func (s *Store) charge(c *customer, p *product, t transaction) *transaction {
	t.id, t.line, t.owner, t.product = s.newTransactionID(), s.newLineID(), c, p
	t.storefront, t.quantity = c.storefront, cmp.Or(t.quantity, 1)
	if t.purchased.IsZero() {
		t.purchased = s.now()
	}
	if t.reason == "" {
		t.reason = "PURCHASE"
	}
	t.price, t.currency = p.price(t.offer, c.storefront)
	t.price *= int64(t.quantity)
	kept := &t
	if t.original == nil {
		kept.original = kept
	}
	if !t.shared {
		kept.order = s.newOrderID()
		s.byOrder[kept.order] = append(s.byOrder[kept.order], kept)
	}
	c.bought = append(c.bought, kept)
	s.byID[kept.id] = kept
	s.touch(kept)
	return kept
}

// millis is a time as the store writes it; zero: left out.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// speed is how fast a customer's subscriptions live; nil: everybody's.
func (s *Store) speed(c *customer) int {
	if c != nil && c.speed > 0 {
		return c.speed
	}
	return max(1, s.Speed)
}

// pace is a time of the store's in the clock's, for a customer.
func (s *Store) pace(c *customer, d time.Duration) time.Duration {
	return d / time.Duration(s.speed(c))
}

const day = 24 * time.Hour

// after is the end of an ISO 8601 period of days, weeks, months or years that
// begins at t. At the clock's own speed months and years are those of the
// calendar; a month that lacks the day ends on its last.
func (s *Store) after(c *customer, t time.Time, period string) time.Time {
	n, err := strconv.Atoi(period[1 : len(period)-1])
	if err != nil || n < 1 {
		panic("a period such as P1M is expected, not " + period) // a product of the caller's
	}
	days, months := 0, 0
	switch period[len(period)-1] {
	case 'D':
		days = n
	case 'W':
		days = 7 * n
	case 'M':
		months = n
	case 'Y':
		months = 12 * n
	}
	if s.speed(c) > 1 {
		if months%12 == 0 {
			days += 365 * (months / 12)
			months = 0
		}
		return t.Add(s.pace(c, time.Duration(days+30*months)*day))
	}
	end := t.AddDate(0, months, days)
	if months > 0 && end.Day() != t.Day() {
		end = end.AddDate(0, 0, -end.Day())
	}
	return end
}
