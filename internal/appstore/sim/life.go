package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The statuses of a subscription.
const (
	statusActive  = 1
	statusExpired = 2
	statusRetry   = 3
	statusGrace   = 4
	statusRevoked = 5
)

// Why a subscription expired.
const (
	intentCanceled    = 1
	intentBilling     = 2
	intentPrice       = 3
	intentUnavailable = 4
	intentOther       = 5
)

// Times of the store, which Speed shortens.
const (
	retryFor = 60 * day // of billing retry, the grace period in it
	lapse    = 60 * day // a return within it goes on with the year
)

// subscription is what an originalTransactionId names: a customer's in a group.
type subscription struct {
	owner       *customer
	group       string
	product     *product
	next        *product // at the next renewal
	last        *transaction
	start       time.Time // of the run without a lapse of more than 60 days
	renew       bool
	status      int
	intent      int
	failed      time.Time // the renewal that could not be paid
	graceUntil  time.Time
	increase    *increase
	offer       *Offer // of the current price
	offerLeft   int    // periods after this one
	waiting     *Offer // redeemed, from the next renewal on
	shares      []*subscription
	sharedBy    *subscription
	unexplained bool // it ends with its period, and the store does not say why
	turn        int  // what was planned in an earlier turn is off
}

// increase is a price increase that a subscription has been told of.
type increase struct{ needed, agreed bool }

func (i *increase) status() int {
	if i.agreed || !i.needed {
		return 1
	}
	return 0
}

// coming is the offer of the next renewal, if any.
func (sub *subscription) coming() *Offer {
	if sub.waiting != nil {
		return sub.waiting
	}
	if sub.offerLeft > 0 {
		return sub.offer
	}
	return nil
}

// later plans what happens to sub unless something else happens first.
func (s *Store) later(sub *subscription, at time.Time, do func(*subscription)) {
	turn := sub.turn
	s.plan(at, func() {
		if sub.turn == turn {
			do(sub)
		}
	})
}

// Purchase is what a customer buys, and how.
type Purchase struct {
	Customer, Product string
	AppAccountToken   string // empty: the customer's own
	Quantity          int    // of consumables; 0: 1
	// Offer is the id of a win-back offer, which the store offers itself, or of a
	// promotional one, which the app must have signed.
	Offer  string
	Signed OfferSignature
	// Eligibility is a JWS in which the business says whether the customer may have
	// the introductory offer; empty: the store decides.
	Eligibility string
}

// Buy has a customer buy, and returns the id of the transaction. A product of a
// group in which the customer is subscribed changes the plan: a higher one at
// once, a lower one from the next renewal, when the id is that of the present
// transaction.
func (s *Store) Buy(p Purchase) (transactionID string, err error) {
	s.enter()
	defer s.leave()
	c, err := s.customer(p.Customer)
	if err != nil {
		return "", err
	}
	what, err := s.product(p.Product)
	if err != nil {
		return "", err
	}
	switch {
	case what.notForSale:
		return "", fmt.Errorf("%s is not for sale", what.ID)
	case c.cardFails:
		return "", errors.New("the card was declined")
	}
	if what.Type != AutoRenewable {
		return s.buyOnce(c, what, p), nil
	}
	o, err := s.chosen(c, what, p)
	if err != nil {
		return "", err
	}
	sub, err := s.subscribe(c, what, o, p.AppAccountToken)
	if err != nil {
		return "", err
	}
	return sub.last.id, nil
}

func (s *Store) buyOnce(c *customer, p *product, how Purchase) (id string) {
	t := transaction{token: cmp.Or(how.AppAccountToken, c.token)}
	if p.Type == Consumable {
		t.quantity = how.Quantity
	}
	kept := s.charge(c, p, t)
	s.tell(c, "ONE_TIME_CHARGE", "", data{transaction: kept})
	return kept.id
}

// chosen is the offer that a purchase is made under, if any.
func (s *Store) chosen(c *customer, p *product, how Purchase) (*Offer, error) {
	sub := c.sub(p.Group, false)
	if how.Offer == "" {
		o := p.offer(Introductory, "")
		eligible, err := s.eligible(c, p, how.Eligibility)
		if o == nil || !eligible {
			return nil, err
		}
		return o, err
	}
	if o := p.offer(WinBack, how.Offer); o != nil {
		if sub == nil || sub.status != statusExpired {
			return nil, errors.New("a win-back offer is for those whose subscription has ended")
		}
		return o, nil
	}
	o := p.offer(Promotional, how.Offer)
	if o == nil {
		return nil, fmt.Errorf("%s has no offer %q", p.ID, how.Offer)
	}
	if sub == nil {
		return nil, errors.New("a promotional offer is for those who are or were subscribed")
	}
	return o, s.proves(c, p, how)
}

// subscribe begins, resumes or changes a subscription under an offer or none.
func (s *Store) subscribe(c *customer, p *product, o *Offer, token string) (*subscription, error) {
	sub := c.sub(p.Group, false)
	switch {
	case sub == nil:
		sub = &subscription{owner: c, group: p.Group}
		c.subs = append(c.subs, sub)
		s.begin(sub, p, o, token)
		s.tellAll(sub, "SUBSCRIBED", "INITIAL_BUY")
		s.share(sub)
	case sub.status == statusExpired || sub.status == statusRevoked:
		s.begin(sub, p, o, token)
		s.tellAll(sub, "SUBSCRIBED", "RESUBSCRIBE")
		s.share(sub)
	case sub.status == statusRetry || sub.status == statusGrace:
		return nil, errors.New("the last renewal is unpaid; it is tried again once the card works")
	case o != nil && o.Type != Introductory:
		s.redeem(sub, p, o)
	case p == sub.next && sub.renew:
		return nil, errors.New("the customer is subscribed to this")
	default:
		s.change(sub, p)
	}
	return sub, nil
}

// begin starts a run of renewals with a first transaction.
func (s *Store) begin(sub *subscription, p *product, o *Offer, token string) {
	now := s.now()
	t := transaction{token: cmp.Or(token, sub.owner.token), sub: sub, offer: o}
	if sub.last == nil || now.Sub(sub.last.expires) > s.pace(sub.owner, lapse) {
		sub.start = now
	}
	if sub.last != nil {
		t.original = sub.last.original
	}
	sub.product, sub.next, sub.renew = p, p, true
	s.period(sub, t, now)
}

// period begins a paid or free time of sub at an instant and plans its end.
func (s *Store) period(sub *subscription, t transaction, from time.Time) {
	t.sub, t.purchased = sub, from
	sub.status, sub.intent, sub.increase, sub.failed, sub.graceUntil, sub.unexplained = statusActive, 0, nil, time.Time{}, time.Time{}, false
	if o := t.offer; o != nil && o != sub.offer {
		sub.offer, sub.offerLeft = o, 0
		if o.Pays == PayAsYouGo {
			sub.offerLeft = max(1, o.Periods) - 1
		}
		if o.Type == Introductory {
			sub.owner.intro[sub.group] = true
		}
	} else if o == nil {
		sub.offer, sub.offerLeft = nil, 0
	}
	t.expires = s.after(sub.owner, from, lasting(sub.product, t.offer))
	sub.last = s.charge(sub.owner, sub.product, t)
	s.untilEnd(sub)
}

// lasting is the length of one transaction's time.
func lasting(p *product, o *Offer) string {
	if o != nil && o.Pays != PayAsYouGo {
		return o.Period
	}
	return p.Period
}

// untilEnd plans the renewal at the end of the present time.
func (s *Store) untilEnd(sub *subscription) {
	sub.turn++
	s.later(sub, sub.last.expires, s.end)
}

// end is what the store does when the paid time of a subscription is over.
func (s *Store) end(sub *subscription) {
	switch {
	case sub.unexplained:
		s.expire(sub, intentOther, "")
	case !sub.renew:
		s.expire(sub, intentCanceled, "VOLUNTARY")
	case sub.increase != nil && sub.increase.status() == 0:
		s.expire(sub, intentPrice, "PRICE_INCREASE")
	case sub.next.notForSale:
		s.expire(sub, intentUnavailable, "PRODUCT_NOT_FOR_SALE")
	case sub.owner.cardFails:
		s.fail(sub)
	default:
		s.renewFrom(sub, sub.last.expires)
		s.tellAll(sub, "DID_RENEW", "")
	}
}

// renewFrom pays for the next period, which begins at an instant.
func (s *Store) renewFrom(sub *subscription, from time.Time) {
	o := sub.coming()
	if sub.waiting == nil && o != nil {
		sub.offerLeft--
	}
	sub.waiting = nil
	sub.product = sub.next
	s.period(sub, transaction{token: sub.last.token, original: sub.last.original, offer: o, reason: "RENEWAL"}, from)
}

func (s *Store) expire(sub *subscription, intent int, subtype string) {
	sub.turn++
	sub.status, sub.intent, sub.renew, sub.graceUntil = statusExpired, intent, false, time.Time{}
	s.tellAll(sub, "EXPIRED", subtype)
}

// fail begins billing retry, with a grace period where the app has one.
func (s *Store) fail(sub *subscription) {
	sub.turn++
	sub.failed, sub.intent = sub.last.expires, intentBilling
	s.later(sub, sub.failed.Add(s.pace(sub.owner, retryFor)), func(sub *subscription) { s.expire(sub, intentBilling, "BILLING_RETRY") })
	if s.Grace == 0 {
		sub.status = statusRetry
		s.tellAll(sub, "DID_FAIL_TO_RENEW", "")
		return
	}
	sub.status, sub.graceUntil = statusGrace, sub.failed.Add(s.pace(sub.owner, time.Duration(s.Grace)*day))
	s.later(sub, sub.graceUntil, func(sub *subscription) {
		sub.status = statusRetry
		s.tellAll(sub, "GRACE_PERIOD_EXPIRED", "")
	})
	s.tellAll(sub, "DID_FAIL_TO_RENEW", "GRACE_PERIOD")
}

// recover pays what could not be paid. In the grace period the billing cycle is
// kept; after it a new one begins now.
func (s *Store) recover(sub *subscription) {
	from := s.now()
	if sub.status == statusGrace {
		from = sub.failed
	}
	s.renewFrom(sub, from)
	s.tellAll(sub, "DID_RENEW", "BILLING_RECOVERY")
}

// change moves an active subscription to another product of its group.
func (s *Store) change(sub *subscription, p *product) {
	switch {
	case p == sub.product:
		sub.next = p
		if !sub.renew {
			s.setRenew(sub, true)
			return
		}
		s.tellAll(sub, "DID_CHANGE_RENEWAL_PREF", "")
	case upgrade(sub.product, p):
		s.upgrade(sub, p, nil)
		s.tellAll(sub, "DID_CHANGE_RENEWAL_PREF", "UPGRADE")
	default:
		sub.next, sub.renew = p, true
		s.tellAll(sub, "DID_CHANGE_RENEWAL_PREF", "DOWNGRADE")
	}
}

// upgrade tells whether a change takes effect at once: to a higher level, or
// across to the same length.
func upgrade(from, to *product) bool {
	return to.Level < from.Level || to.Level == from.Level && to.Period == from.Period
}

// upgrade ends the present transaction and begins a full period now.
func (s *Store) upgrade(sub *subscription, p *product, o *Offer) {
	for _, x := range append([]*subscription{sub}, sub.shares...) {
		x.last.upgraded = true
		s.touch(x.last)
	}
	sub.product, sub.next, sub.renew, sub.waiting = p, p, true, nil
	s.period(sub, transaction{token: sub.last.token, original: sub.last.original, offer: o}, s.now())
}

// redeem uses an offer in an active subscription.
func (s *Store) redeem(sub *subscription, p *product, o *Offer) {
	switch {
	case p == sub.product:
		sub.waiting, sub.next, sub.renew = o, p, true
		s.tellAll(sub, "OFFER_REDEEMED", "")
	case upgrade(sub.product, p):
		s.upgrade(sub, p, o)
		s.tellAll(sub, "OFFER_REDEEMED", "UPGRADE")
	default:
		sub.waiting, sub.next, sub.renew = o, p, true
		s.tellAll(sub, "OFFER_REDEEMED", "DOWNGRADE")
	}
}

// subscribed finds a customer's own subscription to a group or a product of it.
func (s *Store) subscribed(customer, group string) (*subscription, error) {
	c, err := s.customer(customer)
	if err != nil {
		return nil, err
	}
	if p, err := s.product(group); err == nil {
		group = p.Group
	}
	if sub := c.sub(group, false); sub != nil {
		return sub, nil
	}
	return nil, fmt.Errorf("%s is not subscribed in %s", customer, group)
}

// Renew switches auto-renew of a customer's subscription on or off. group is its
// group or a product of it.
func (s *Store) Renew(customer, group string, on bool) error {
	s.enter()
	defer s.leave()
	sub, err := s.subscribed(customer, group)
	if err != nil {
		return err
	}
	if sub.status == statusExpired || sub.status == statusRevoked || sub.renew == on {
		return errors.New("there is nothing to switch")
	}
	s.setRenew(sub, on)
	if !on && (sub.status == statusRetry || sub.status == statusGrace) {
		s.expire(sub, intentCanceled, "VOLUNTARY")
	}
	return nil
}

func (s *Store) setRenew(sub *subscription, on bool) {
	sub.renew = on
	subtype := "AUTO_RENEW_DISABLED"
	if on {
		subtype = "AUTO_RENEW_ENABLED"
	}
	s.tellAll(sub, "DID_CHANGE_RENEWAL_STATUS", subtype)
}

// Card has a customer's card fail from now on, or work again: then the store
// charges at once what it could not.
func (s *Store) Card(customer string, works bool) error {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return err
	}
	c.cardFails = !works
	for _, sub := range c.subs {
		if works && sub.sharedBy == nil && (sub.status == statusRetry || sub.status == statusGrace) {
			s.recover(sub)
		}
	}
	return nil
}

// RaisePrice changes a product's prices. Subscribers are told, and where their
// consent is needed they have until their next renewal.
func (s *Store) RaisePrice(product string, prices map[string]int64, consent bool) error {
	s.enter()
	defer s.leave()
	p, err := s.product(product)
	if err != nil {
		return err
	}
	p.Prices = prices
	subtype := "ACCEPTED"
	if consent {
		subtype = "PENDING"
	}
	for _, c := range s.customers {
		if sub := c.sub(p.Group, false); sub != nil && sub.next == p && sub.renew && sub.status == statusActive {
			sub.increase = &increase{needed: consent}
			s.tellSub(sub, "PRICE_INCREASE", subtype)
		}
	}
	return nil
}

// Consent has a customer agree to a price increase.
func (s *Store) Consent(customer, group string) error {
	s.enter()
	defer s.leave()
	sub, err := s.subscribed(customer, group)
	if err != nil {
		return err
	}
	if sub.increase == nil || sub.increase.status() == 1 {
		return errors.New("the customer was not asked")
	}
	sub.increase.agreed = true
	s.tellSub(sub, "PRICE_INCREASE", "ACCEPTED")
	return nil
}

// End has a customer's subscription end with its period for a reason that the store
// does not state (expirationIntent 5, EXPIRED without a subtype).
func (s *Store) End(customer, group string) error {
	s.enter()
	defer s.leave()
	sub, err := s.subscribed(customer, group)
	if err != nil {
		return err
	}
	if sub.status != statusActive {
		return errors.New("it has ended, or is not paid")
	}
	sub.unexplained = true
	return nil
}

// ForSale takes a product off sale, or puts it back.
func (s *Store) ForSale(product string, on bool) error {
	s.enter()
	defer s.leave()
	p, err := s.product(product)
	if err != nil {
		return err
	}
	p.notForSale = !on
	return nil
}

// Move changes a customer's storefront: purchases and renewals from now on have
// its currency.
func (s *Store) Move(customer, storefront string) error {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return err
	}
	if !slices.Contains(storefronts, storefront) {
		return fmt.Errorf("there is no storefront %q", storefront)
	}
	c.storefront = storefront
	return nil
}

// ClearHistory forgets what a customer of the sandbox bought.
func (s *Store) ClearHistory(customer string) error {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return err
	}
	if s.Environment != Sandbox {
		return errors.New("only the sandbox forgets purchases")
	}
	for _, sub := range c.subs {
		sub.turn++
		s.unshare(sub)
	}
	for _, t := range c.bought {
		if t.refund != nil {
			t.refund.open = false
		}
		delete(s.byID, t.id)
		delete(s.byOrder, t.order)
	}
	c.bought, c.subs, c.extended = nil, nil, nil
	clear(c.intro)
	clear(c.redeemed)
	return nil
}
