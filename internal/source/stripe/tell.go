package stripe

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Issuer is the issuer of the identities in these events.
const Issuer = "stripe"

// fact is one thing that a post tells, in the catalogue's words. What two posts may
// tell has a key of its own, so that it is kept once.
type fact struct {
	typ  string
	data map[string]any
	key  string
}

// tells says what each type of Stripe's that is known here means
// (docs/channels/stripe.md has the table of them). What tells nothing is kept as
// it came.
var tells = map[string]func(*receiver, post) []fact{
	"customer.subscription.created": (*receiver).created,
	"customer.subscription.updated": (*receiver).updated,
	"customer.subscription.deleted": (*receiver).ended,
	"customer.subscription.paused": func(r *receiver, p post) []fact {
		return []fact{r.contract(p, "contract.suspended", map[string]any{"cause": "unconfirmed_payment"})}
	},
	"customer.subscription.resumed": func(r *receiver, p post) []fact {
		return []fact{r.contract(p, "contract.resumed", nil)}
	},
	"customer.subscription.trial_will_end": func(r *receiver, p post) []fact {
		return []fact{r.contract(p, "contract.trial.ending", map[string]any{"effective_on": r.day(p.object.at("trial_end"))})}
	},
	"invoice.payment_failed": (*receiver).failed,
	"invoice.paid":           (*receiver).paid,
	"invoice.payment_action_required": func(r *receiver, p post) []fact {
		return []fact{r.invoice(p, "payment.authentication.requested", nil)}
	},
	"charge.refunded":        (*receiver).refunded,
	"charge.dispute.created": (*receiver).disputed,
}

// begun reports whether a subscription runs: the first payment is done, or a
// trial needs none. (docs.stripe.com/api/subscriptions/object, status.)
func begun(status string) bool { return status == "active" || status == "trialing" }

func (r *receiver) created(p post) []fact {
	if !begun(p.object.text("status")) {
		return nil // it begins with its first payment, which updates it
	}
	return []fact{r.contract(p, "contract.started", nil)}
}

// updated tells what is new by what was, three things at most: a cancellation
// booked or called off, a status, and a payment that the status shows. What else changes at each renewal tells nothing.
func (r *receiver) updated(p post) []fact {
	var facts []fact
	if f, ok := r.booked(p); ok {
		facts = append(facts, f)
	}
	if f, ok := r.turned(p); ok {
		facts = append(facts, f)
	}
	if f, ok := r.healed(p); ok {
		facts = append(facts, f)
	}
	return facts
}

// booked tells of a cancellation at the end of the period or on a day. (With
// flexible billing Stripe sets cancel_at and leaves cancel_at_period_end false.)
func (r *receiver) booked(p post) (fact, bool) {
	if !p.before.has("cancel_at_period_end") && !p.before.has("cancel_at") || p.object.text("status") == "canceled" {
		return fact{}, false
	}
	was, now := endsAt(p.was()), endsAt(p.object)
	switch {
	case now.IsZero() && !was.IsZero():
		return r.contract(p, "contract.termination.withdrawn", nil), true
	case !now.IsZero() && !now.Equal(was):
		return r.contract(p, "contract.termination.reserved", map[string]any{
			"effective_on": r.day(now), "reason": p.object.text("cancellation_details.comment", "cancellation_details.feedback"),
		}), true
	}
	return fact{}, false
}

// endsAt is when a booked cancellation takes effect; zero: none is booked.
func endsAt(o object) time.Time {
	if at := o.at("cancel_at"); !at.IsZero() {
		return at
	}
	if o.yes("cancel_at_period_end") {
		return periodEnd(o)
	}
	return time.Time{}
}

// periodEnd has stood at the items since basil (2025-03-31), before at the subscription.
func periodEnd(o object) time.Time {
	return o.at("current_period_end", "items.data.current_period_end")
}

// turned tells of a contract that was suspended, resumed or begun by a change of
// status or of its collection. To and from paused Stripe posts events of their own.
func (r *receiver) turned(p post) (fact, bool) {
	was, now := p.was(), p.object
	from, to := was.text("status"), now.text("status")
	switch {
	case from == "paused" || to == "paused" || to == "canceled":
		return fact{}, false
	case from == "incomplete" && begun(to):
		return r.contract(p, "contract.started", nil), true
	case from == "incomplete" && to == "incomplete_expired":
		return r.contract(p, "contract.cancelled", map[string]any{"refund": "none", "actor": "system", "c.status": "cancelled"}), true
	case !r.stopped(from) && r.stopped(to):
		return r.contract(p, "contract.suspended", map[string]any{"cause": "card_failed", "correlation": correlation(now.text("latest_invoice"))}), true
	case r.stopped(from) && begun(to):
		return r.contract(p, "contract.resumed", map[string]any{"actor": "system", "correlation": correlation(now.text("latest_invoice"))}), true
	case p.before.has("pause_collection") && was.get("pause_collection") == nil && now.get("pause_collection") != nil:
		return r.contract(p, "contract.suspended", map[string]any{"cause": "admin", "actor": "admin"}), true
	case p.before.has("pause_collection") && was.get("pause_collection") != nil && now.get("pause_collection") == nil:
		return r.contract(p, "contract.resumed", map[string]any{"actor": "admin"}), true
	}
	return fact{}, false
}

// healed tells of a charge that had failed before, by the contract's way back from
// past_due or unpaid: a customer's payment by hand leaves no other trace (see paid).
// What was paid and when, only the invoice says.
func (r *receiver) healed(p post) (fact, bool) {
	from := p.was().text("status")
	if from != "past_due" && from != "unpaid" || p.object.text("status") != "active" {
		return fact{}, false
	}
	invoice := p.object.text("latest_invoice")
	f := r.contract(p, recovered, map[string]any{"correlation": correlation(invoice)})
	f.key = recovery(invoice)
	return f, true
}

const recovered = "payment.recurring.recovered"

// recovery is the key of the recovery of an invoice's charge, in whichever way it
// is told; empty for no id of an invoice.
func recovery(invoice string) string {
	if !stripeID.MatchString(invoice) {
		return ""
	}
	return invoice + "/" + recovered
}

// stopped reports whether the business treats a status as suspended.
func (r *receiver) stopped(status string) bool {
	return status == "unpaid" || status == "past_due" && r.suspended == "past_due"
}

// ended tells a running contract that ended from one that never ran.
func (r *receiver) ended(p post) []fact {
	o := p.object
	ended := o.at("ended_at", "canceled_at")
	if ended.IsZero() {
		ended = p.at
	}
	if starts := o.at("start_date"); ended.Before(starts) {
		return []fact{r.contract(p, "contract.cancelled", map[string]any{"refund": "none", "c.status": "cancelled"})}
	}
	cause := "requested"
	switch o.text("cancellation_details.reason") {
	case "payment_failed":
		cause = "unpaid"
	case "payment_disputed":
		cause = "disputed"
	default:
		if !endsAt(o).IsZero() {
			cause = "reserved"
		}
	}
	return []fact{r.contract(p, "contract.terminated", map[string]any{"ended_on": r.day(ended), "cause": cause, "c.status": "terminated"})}
}

// failed tells the first charge of an application from those of each period, by
// why the invoice was made. A bill without a contract is neither: the catalogue has
// no type for it, and it stays Stripe's.
func (r *receiver) failed(p post) []fact {
	gateway := r.gateway(p.object)
	attempt, _ := p.object.number("attempt_count")
	if p.object.text("billing_reason") == "subscription_create" {
		f := r.base(p, "payment.application.failed", map[string]any{"gateway": gateway, "attempt": attempt, "correlation": correlation(p.object.text("id"))})
		f.data["amount"], f.data["currency"] = money(p.object, "amount_due", "total")
		f.data["page"] = map[string]any{"title": contractName(p.object)}
		return []fact{f}
	}
	if subscriptionOf(p.object) == "" {
		return nil
	}
	more := map[string]any{"gateway": gateway, "attempt": attempt}
	if next := p.object.at("next_payment_attempt"); !next.IsZero() {
		more["next_attempt_at"] = next.In(r.zone).Format(time.RFC3339)
	}
	return []fact{r.invoice(p, "payment.recurring.failed", more)}
}

// paid tells of a charge that had failed before and was tried again by Stripe. Any
// attempt counts as the first, and only automatic retries add to the count
// (docs.stripe.com/api/invoices/object, attempt_count): of a charge that the customer
// pays by hand after one failure healed tells.
func (r *receiver) paid(p post) []fact {
	attempts, _ := p.object.number("attempt_count")
	if attempts < 2 || p.object.text("billing_reason") == "subscription_create" || subscriptionOf(p.object) == "" {
		return nil
	}
	more := map[string]any{}
	if at := p.object.at("status_transitions.paid_at"); !at.IsZero() {
		more["paid_at"] = at.In(r.zone).Format(time.RFC3339)
	}
	if at := p.object.at("status_transitions.finalized_at", "created"); !at.IsZero() {
		more["failed_since"] = at.In(r.zone).Format(time.RFC3339)
	}
	f := r.invoice(p, recovered, more)
	f.key = recovery(p.object.text("id"))
	return []fact{f}
}

// invoice tells of an invoice's charge, and of its contract where it has one.
func (r *receiver) invoice(p post, typ string, more map[string]any) fact {
	o := p.object
	f := r.base(p, typ, more)
	f.data["amount"], f.data["currency"] = money(o, "amount_due", "amount_paid", "total")
	if typ != recovered {
		f.data["billing_date"] = r.day(o.at("created"))
		if f.data["gateway"] == nil {
			f.data["gateway"] = r.gateway(o)
		}
	}
	if id := subscriptionOf(o); id != "" {
		f.data["c"] = map[string]any{"id": id, "name": contractName(o)}
	}
	f.data["correlation"] = correlation(o.text("id"))
	return f
}

// subscriptionOf has stood under parent since basil, before at the invoice.
func subscriptionOf(o object) string {
	return o.text("subscription", "parent.subscription_details.subscription", "lines.data.subscription", "lines.data.parent.subscription_item_details.subscription")
}

// refunded tells of what this refund gave back: the difference to before.
func (r *receiver) refunded(p post) []fact {
	f := r.base(p, "payment.refunded", map[string]any{
		"reason": p.object.text("refunds.data.reason"), "gateway": map[string]any{"name": "stripe"}, "correlation": correlation(p.object.text("invoice", "payment_intent", "id")),
	})
	all, _ := p.object.number("amount_refunded")
	before, _ := p.before.number("amount_refunded")
	f.data["amount"], f.data["currency"] = max(0, all-before), currency(p.object)
	return []fact{f}
}

func (r *receiver) disputed(p post) []fact {
	more := map[string]any{
		"reason": p.object.text("reason"), "gateway": map[string]any{"name": "stripe"}, "correlation": correlation(p.object.text("payment_intent", "charge")),
	}
	if by := p.object.at("evidence_details.due_by"); !by.IsZero() {
		more["answer_by"] = by.In(r.zone).Format(time.RFC3339)
	}
	f := r.base(p, "payment.disputed", more)
	f.data["amount"], f.data["currency"] = money(p.object, "amount")
	return []fact{f}
}

// base is a fact with what every one has: the customer, and more of its own.
// Empty texts are left out.
func (r *receiver) base(p post, typ string, more map[string]any) fact {
	o := p.object
	f := fact{typ: typ, data: map[string]any{}}
	m := map[string]any{}
	set(m, "id", r.member(o))
	set(m, "name", o.text("customer_name", "customer.name", "billing_details.name"))
	set(m, "email", o.text("customer_email", "customer.email", "billing_details.email", "receipt_email"))
	if len(m) > 0 {
		f.data["m"] = m
	}
	for name, v := range more {
		if s, ok := v.(string); !ok || s != "" {
			f.data[name] = v
		}
	}
	return f
}

// contract is a fact about a subscription. c.status in more is the catalogue's
// word for its state, where Stripe has one word for two ends.
func (r *receiver) contract(p post, typ string, more map[string]any) fact {
	o := p.object
	c := map[string]any{}
	set(c, "id", o.text("id"))
	set(c, "name", contractName(o))
	set(c, "status", o.text("status"))
	set(c, "started_on", r.day(o.at("start_date")))
	set(c, "period_ends_on", r.day(periodEnd(o)))
	if n, ok := o.number("items.data.price.unit_amount", "items.data.plan.amount", "plan.amount"); ok && n >= 0 {
		c["price"] = n
	}
	set(c, "currency", currency(o))
	if status, ok := more["c.status"].(string); ok {
		c["status"] = status
		delete(more, "c.status")
	}
	f := r.base(p, typ, more)
	if c["id"] != nil {
		f.data["c"] = c
	}
	return f
}

func set(m map[string]any, name, value string) {
	if value != "" {
		m[name] = value
	}
}

// contractName is the most readable thing that Stripe says of what is paid for.
func contractName(o object) string {
	return o.text("description", "items.data.price.nickname", "plan.nickname", "items.data.price.product.name", "lines.data.description", "lines.data.price.nickname",
		"items.data.price.product", "plan.product")
}

// gateway is why a charge failed, where Stripe says so: an invoice names its
// payment by an id, and only an endpoint that expands it tells more.
func (r *receiver) gateway(o object) map[string]any {
	g := map[string]any{"name": "stripe"}
	for _, at := range []string{"payment_intent.last_payment_error.", "payments.data.payment.payment_intent.last_payment_error.", "charge.failure_", "last_finalization_error."} {
		set(g, "code", o.text(at+"code"))
		set(g, "decline_code", o.text(at+"decline_code"))
		set(g, "message", o.text(at+"message"))
		if len(g) > 1 {
			break
		}
	}
	return g
}

// member is the business's own number of the customer, where the metadata has it.
func (r *receiver) member(o object) string {
	if r.memberKey == "" {
		return ""
	}
	for _, at := range []string{"metadata", "subscription_details.metadata", "parent.subscription_details.metadata", "customer.metadata"} {
		if m, ok := o.get(at).(map[string]any); ok {
			if s, ok := m[r.memberKey].(string); ok && s != "" {
				return s
			}
		}
	}
	return ""
}

func money(o object, paths ...string) (int64, string) {
	n, _ := o.number(paths...)
	return max(0, n), currency(o)
}

// currency in the form in which ISO 4217 has it; Stripe's are small.
func currency(o object) string {
	c := []byte(o.text("currency", "items.data.price.currency", "plan.currency"))
	for i, b := range c {
		if b >= 'a' && b <= 'z' {
			c[i] = b - 'a' + 'A'
		}
	}
	return string(c)
}

// correlation marks what one invoice or payment caused.
func correlation(id string) string {
	if id == "" {
		return ""
	}
	return "stripe:" + id
}

// day is a date in the business's zone; empty for no time.
func (r *receiver) day(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(r.zone).Format(time.DateOnly)
}

// events turns what a post tells into events. The first has the post's own id as
// its key, another the type behind it; a fact with a key of its own has that.
func (r *receiver) events(p post, body []byte) ([]engawa.Event, error) {
	var facts []fact
	tell, known := tells[p.typ]
	if known {
		facts = tell(r, p)
	}
	if len(facts) == 0 {
		facts = []fact{{typ: "stripe." + p.typ, data: p.object}}
	}
	out := make([]engawa.Event, len(facts))
	for i, f := range facts {
		data, err := json.Marshal(f.data)
		if err != nil {
			return nil, fmt.Errorf("stripe event %s: %w", p.id, err)
		}
		out[i] = engawa.Event{
			Type: f.typ, Known: known, DedupKey: p.id, Subject: r.subject(p.object), Identities: r.identities(p.object),
			OccurredAt: p.at, Data: data, Raw: body,
		}
		switch {
		case f.key != "":
			out[i].DedupKey = f.key
		case i > 0:
			out[i].DedupKey += "/" + f.typ
		}
	}
	return out, nil
}

// subject is the contract where there is one, else the object itself.
func (r *receiver) subject(o object) string {
	id, what := o.text("id"), o.text("object")
	if what == "subscription" {
		what = "contract"
	} else if of := subscriptionOf(o); of != "" {
		id, what = of, "contract"
	}
	if !stripeID.MatchString(id) || !stripeID.MatchString(what) {
		return ""
	}
	return what + ":" + id
}

func (r *receiver) identities(o object) []engawa.Identity {
	var ids []engawa.Identity
	add := func(issuer, kind, value string) {
		if value != "" && len(value) <= 512 {
			ids = append(ids, engawa.Identity{Issuer: issuer, Kind: kind, Value: value})
		}
	}
	add(Issuer, "customer", o.text("customer"))
	add("business", "member_number", r.member(o))
	if o.text("object") == "subscription" {
		add(Issuer, "subscription", o.text("id"))
	} else {
		add(Issuer, "subscription", subscriptionOf(o))
	}
	return ids
}
