package sim

import (
	"errors"
	"slices"
	"time"
)

// Times of a refund case, which RefundSpeed shortens. The request for
// consumption information was seen three times, 8 hours apart (forum thread
// 756151); answers count for 12 hours.
const (
	remindAfter = 8 * time.Hour
	requests    = 3
	answerFor   = 12 * time.Hour
	decideAfter = 24 * time.Hour
)

// Reasons that a refund is asked for.
var refundReasons = []string{"UNINTENDED_PURCHASE", "FULFILLMENT_ISSUE", "UNSATISFIED_WITH_PURCHASE", "LEGAL", "OTHER"}

// refund is a case that a customer opened with the store.
type refund struct {
	of      *transaction
	reason  string
	opened  time.Time
	open    bool
	asked   int // how often consumption information was requested
	answers []Answer
}

// Answer is consumption information that the business sent.
type Answer struct {
	At      time.Time
	Late    bool // more than 12 hours after the first request, or no case was open: it was accepted and not read
	Version int  // of the endpoint
	Body    map[string]any
}

func (s *Store) refundPace(d time.Duration) time.Duration {
	return d / time.Duration(max(1, s.RefundSpeed))
}

// AskRefund has the customer of a transaction ask for the money back, for one of
// the store's reasons. Auto-renew of a subscription is switched off.
func (s *Store) AskRefund(transactionID, reason string) error {
	s.enter()
	defer s.leave()
	t, err := s.transaction(transactionID)
	switch {
	case err != nil:
		return err
	case !slices.Contains(refundReasons, reason):
		return errors.New("the store knows no such reason")
	case t.shared || !t.revoked.IsZero() || t.refund != nil && t.refund.open:
		return errors.New("it cannot be refunded: it is shared, taken back, or asked for already")
	}
	t.refund = &refund{of: t, reason: reason, opened: s.now(), open: true}
	s.refunds = append(s.refunds, t.refund)
	if t.sub != nil && t.sub.renew && t.sub.last == t {
		s.setRenew(t.sub, false)
	}
	s.request(t.refund)
	if !s.Undecided {
		s.plan(s.now().Add(s.refundPace(decideAfter)), func() {
			if t.refund.open {
				s.decide(t, t.refund.wish())
			}
		})
	}
	return nil
}

// request asks for consumption information, again while the case is open. Only
// consumables and auto-renewable subscriptions are asked about (forum thread 813480).
func (s *Store) request(r *refund) {
	if typ := r.of.product.Type; !r.open || typ != Consumable && typ != AutoRenewable || r.asked == requests {
		return
	}
	r.asked++
	s.tell(r.of.owner, "CONSUMPTION_REQUEST", "", data{transaction: r.of, reason: r.reason})
	s.plan(s.now().Add(s.refundPace(remindAfter)), func() { s.request(r) })
}

// wish is the part of the price, in thousandths of one in a hundred, that the
// last answer in time would give back; without one, all.
func (r *refund) wish() int64 {
	for _, a := range slices.Backward(r.answers) {
		if a.Late {
			continue
		}
		switch a.Body["refundPreference"] {
		case "DECLINE", 2.0: // V1 wrote numbers: 1 prefer grant, 2 prefer decline
			return 0
		case "GRANT_PRORATED":
			if used, ok := a.Body["consumptionPercentage"].(float64); ok {
				return 100_000 - int64(used)
			}
			return 50_000
		}
		return 100_000
	}
	return 100_000
}

// Decide ends a refund case: percent of the price is given back, or nothing.
// The store may change its mind afterwards, from declined to granted.
func (s *Store) Decide(transactionID string, percent int) error {
	s.enter()
	defer s.leave()
	t, err := s.transaction(transactionID)
	switch {
	case err != nil:
		return err
	case t.refund == nil || !t.revoked.IsZero() || percent < 0 || percent > 100:
		return errors.New("there is no case to decide")
	}
	s.decide(t, int64(percent)*1000)
	return nil
}

func (s *Store) decide(t *transaction, part int64) {
	t.refund.open = false
	if part == 0 {
		s.tell(t.owner, "REFUND_DECLINED", "", data{transaction: t})
		return
	}
	t.revoked, t.revocationPercent, t.revocationType, t.taken = s.now(), part, "REFUND_PRORATED", s.next()
	if part == 100_000 {
		t.revocationType = "REFUND_FULL"
	}
	if t.refund.reason == "FULFILLMENT_ISSUE" {
		t.revocationReason = 1
	}
	s.touch(t)
	if sub := t.sub; sub != nil && sub.last == t {
		sub.turn++
		sub.status, sub.renew, sub.graceUntil = statusRevoked, false, time.Time{}
		s.tellSub(sub, "REFUND", "")
		s.unshare(sub)
		return
	}
	s.tell(t.owner, "REFUND", "", data{transaction: t})
}

// Reverse undoes a refund, as after a dispute.
func (s *Store) Reverse(transactionID string) error {
	s.enter()
	defer s.leave()
	t, err := s.transaction(transactionID)
	switch {
	case err != nil:
		return err
	case t.revoked.IsZero() || t.shared:
		return errors.New("there is no refund to undo")
	}
	t.revoked, t.revocationType, t.revocationPercent, t.revocationReason = time.Time{}, "", 0, 0
	s.touch(t)
	if sub := t.sub; sub != nil && sub.last == t && sub.status == statusRevoked {
		sub.status, sub.intent = statusExpired, intentCanceled
		if t.expires.After(s.now()) {
			sub.status, sub.intent = statusActive, 0
			s.untilEnd(sub)
		}
	}
	s.tell(t.owner, "REFUND_REVERSED", "", data{transaction: t})
	return nil
}

// Answers returns the consumption information that came for a transaction.
func (s *Store) Answers(transactionID string) []Answer {
	s.enter()
	defer s.leave()
	t := s.byID[transactionID]
	if t == nil || t.refund == nil {
		return nil
	}
	return slices.Clone(t.refund.answers)
}
