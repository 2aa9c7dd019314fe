package sim

import (
	"maps"
	"slices"
	"time"
)

// The people and things of the simulated shop.
const (
	customer     = "cus_SimHanako"
	subscription = "sub_1SimMonthly"
	price        = 1980 // yen
)

// Scenarios are what can happen, by name.
var Scenarios = map[string]func(s *Server) []Event{
	"started": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.created", s.Subscription("active", nil), nil)}
	},
	"application failed": func(s *Server) []Event {
		return []Event{s.Make("invoice.payment_failed", s.Invoice("in_1SimFirst", 1, map[string]any{"billing_reason": "subscription_create"}), nil)}
	},
	"card failed": func(s *Server) []Event {
		return []Event{
			s.Make("invoice.payment_failed", s.Invoice("in_1SimNov", 1, map[string]any{"next_payment_attempt": time.Now().Add(72 * time.Hour).Unix()}), nil),
			s.Make("customer.subscription.updated", s.Subscription("past_due", map[string]any{"latest_invoice": "in_1SimNov"}), map[string]any{"status": "active"}),
		}
	},
	"card recovered": func(s *Server) []Event {
		return []Event{
			s.Make("invoice.paid", s.Invoice("in_1SimNov", 2, map[string]any{"status": "paid"}), nil),
			s.Make("customer.subscription.updated", s.Subscription("active", map[string]any{"latest_invoice": "in_1SimNov"}), map[string]any{"status": "past_due"}),
		}
	},
	// Only Stripe's own retries add to an invoice's attempts: both its posts say one.
	"paid by hand": func(s *Server) []Event {
		const invoice = "in_1SimHand"
		latest := map[string]any{"latest_invoice": invoice}
		return []Event{
			s.Make("invoice.payment_failed", s.Invoice(invoice, 1, nil), nil),
			s.Make("customer.subscription.updated", s.Subscription("past_due", latest), map[string]any{"status": "active"}),
			s.Make("invoice.paid", s.Invoice(invoice, 1, map[string]any{"status": "paid"}), nil),
			s.Make("customer.subscription.updated", s.Subscription("active", latest), map[string]any{"status": "past_due"}),
		}
	},
	"authentication": func(s *Server) []Event {
		return []Event{s.Make("invoice.payment_action_required", s.Invoice("in_1SimNov", 1, nil), nil)}
	},
	"bill failed": func(s *Server) []Event {
		bill := s.Invoice("in_1SimBill", 1, map[string]any{"billing_reason": "manual", "parent": nil, "subscription": nil, "subscription_details": nil})
		return []Event{s.Make("invoice.payment_failed", bill, nil), s.Make("invoice.payment_action_required", bill, nil)}
	},
	"cancellation booked": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.updated", s.Subscription("active", map[string]any{"cancel_at_period_end": true}), map[string]any{"cancel_at_period_end": false})}
	},
	"cancellation called off": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.updated", s.Subscription("active", nil), map[string]any{"cancel_at_period_end": true})}
	},
	"ended as booked": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.deleted", s.Subscription("canceled", map[string]any{"cancel_at_period_end": true, "ended_at": time.Now().Unix()}), nil)}
	},
	"ended unpaid": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.deleted", s.Subscription("canceled", map[string]any{
			"ended_at": time.Now().Unix(), "cancellation_details": map[string]any{"reason": "payment_failed"},
		}), nil)}
	},
	"never begun": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.updated", s.Subscription("incomplete_expired", nil), map[string]any{"status": "incomplete"})}
	},
	"paused": func(s *Server) []Event {
		return []Event{
			s.Make("customer.subscription.paused", s.Subscription("paused", nil), nil),
			s.Make("customer.subscription.updated", s.Subscription("paused", nil), map[string]any{"status": "trialing"}),
		}
	},
	"resumed": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.resumed", s.Subscription("active", nil), nil)}
	},
	"trial ending": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.trial_will_end", s.Subscription("trialing", map[string]any{"trial_end": time.Now().Add(72 * time.Hour).Unix()}), nil)}
	},
	"renewed": func(s *Server) []Event {
		return []Event{
			s.Make("invoice.paid", s.Invoice("in_1SimDec", 1, map[string]any{"status": "paid"}), nil),
			s.Make("customer.subscription.updated", s.Subscription("active", nil), map[string]any{"latest_invoice": "in_1SimNov", "current_period_end": time.Now().Unix()}),
		}
	},
	"refunded": func(s *Server) []Event {
		return []Event{s.Make("charge.refunded", map[string]any{
			"id": "ch_1SimNov", "object": "charge", "amount": price, "amount_refunded": 1500, "currency": "jpy", "customer": customer, "payment_intent": "pi_1SimNov",
			"billing_details": map[string]any{"email": "hana@customer.example", "name": "山田 花"}, "refunded": false,
		}, map[string]any{"amount_refunded": 500})}
	},
	"disputed": func(s *Server) []Event {
		return []Event{s.Make("charge.dispute.created", map[string]any{
			"id": "du_1Sim", "object": "dispute", "amount": price, "currency": "jpy", "charge": "ch_1SimNov", "payment_intent": "pi_1SimNov", "reason": "fraudulent",
			"status": "needs_response", "evidence_details": map[string]any{"due_by": time.Now().Add(7 * 24 * time.Hour).Unix()},
		}, nil)}
	},
	"a new type": func(s *Server) []Event {
		return []Event{s.Make("customer.subscription.teleported", s.Subscription("active", nil), nil)}
	},
}

// Names lists the scenarios in order.
func Names() []string { return slices.Sorted(maps.Keys(Scenarios)) }

// Subscription is a subscription in a state, in the API version of s.
func (s *Server) Subscription(status string, more map[string]any) map[string]any {
	end := time.Now().Add(8 * 24 * time.Hour).Unix()
	item := map[string]any{
		"id": "si_1Sim", "object": "subscription_item", "quantity": 1,
		"price": map[string]any{"id": "price_1Sim", "object": "price", "unit_amount": price, "currency": "jpy", "nickname": "月額プラン", "product": "prod_Sim"},
	}
	o := map[string]any{
		"id": subscription, "object": "subscription", "status": status, "customer": customer, "currency": "jpy", "start_date": time.Now().Add(-90 * 24 * time.Hour).Unix(),
		"cancel_at": nil, "cancel_at_period_end": false, "canceled_at": nil, "ended_at": nil, "pause_collection": nil, "trial_end": nil, "latest_invoice": "in_1SimOct",
		"collection_method": "charge_automatically", "metadata": map[string]any{"member_number": "A-1"}, "description": nil,
		"items": map[string]any{"object": "list", "data": []any{item}, "has_more": false},
	}
	if s.version() == New {
		item["current_period_end"] = end
	} else {
		o["current_period_end"] = end
	}
	maps.Copy(o, more)
	return o
}

// Invoice is an invoice of the subscription after some attempts to charge it.
func (s *Server) Invoice(id string, attempts int, more map[string]any) map[string]any {
	now := time.Now()
	o := map[string]any{
		"id": id, "object": "invoice", "customer": customer, "customer_email": "hana@customer.example", "customer_name": "山田 花", "currency": "jpy",
		"amount_due": price, "amount_paid": 0, "total": price, "attempt_count": attempts, "attempted": true, "billing_reason": "subscription_cycle",
		"collection_method": "charge_automatically", "created": now.Add(-time.Hour).Unix(), "next_payment_attempt": nil, "status": "open",
		"lines":              map[string]any{"object": "list", "data": []any{map[string]any{"id": "il_1Sim", "object": "line_item", "amount": price, "description": "月額プラン"}}},
		"status_transitions": map[string]any{"finalized_at": now.Add(-time.Hour).Unix(), "paid_at": nil},
	}
	if s.version() == New {
		o["parent"] = map[string]any{"type": "subscription_details", "subscription_details": map[string]any{"subscription": subscription, "metadata": map[string]any{"member_number": "A-1"}}}
	} else {
		o["subscription"] = subscription
		o["subscription_details"] = map[string]any{"metadata": map[string]any{"member_number": "A-1"}}
		o["payment_intent"] = map[string]any{"id": "pi_1SimNov", "last_payment_error": map[string]any{"code": "card_declined", "decline_code": "insufficient_funds", "message": "残高が足りません"}}
	}
	maps.Copy(o, more)
	if o["status"] == "paid" {
		o["amount_paid"] = price
		o["status_transitions"] = map[string]any{"finalized_at": now.Add(-72 * time.Hour).Unix(), "paid_at": now.Unix()}
	}
	return o
}
