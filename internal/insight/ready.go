package insight

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/route"
)

// Phase is one of the three in which an app takes up the store's notifications.
type Phase string

// The phases, in order.
const (
	Start     Phase = "start"      // refunds, and the few that most notifications are
	LifeCycle Phase = "life_cycle" // all the others that bear on the app
	Acting    Phase = "acting"     // to write to the right customer at the right time
)

// Ready is a route that is ready to be made. Its words are in internal/text under
// its name.
type Ready struct {
	Name      string
	Events    []string
	Condition string          // CEL; empty: always
	While     engawa.Standing // of the customer's purchase; empty for one to staff
	Purpose   engawa.Purpose
	Staff     bool // it tells staff, in the event's own words
	Delay     time.Duration
}

// comeBack is how long after the end of a subscription one is asked back: not
// while the customer still thinks of why.
const comeBack = 3 * 24 * time.Hour

// Routes lists the ready-made routes.
func Routes() []Ready {
	const status, failed, expired = "store.did_change_renewal_status.", "store.did_fail_to_renew", "store.expired."
	return []Ready{
		{Name: "save", Events: []string{status + "auto_renew_disabled"}, While: engawa.WhileRenewalOff, Purpose: engawa.Marketing},
		{Name: "payment", Events: []string{failed, failed + ".grace_period"}, While: engawa.WhileUnpaid, Purpose: engawa.Service},
		{Name: "price", Events: []string{"store.price_increase.pending"}, While: engawa.WhilePricePending, Purpose: engawa.Service},
		{Name: "winback_canceled", Events: []string{expired + "voluntary"}, While: engawa.WhileExpired, Purpose: engawa.Marketing, Delay: comeBack},
		{Name: "winback_billing", Events: []string{expired + "billing_retry"}, While: engawa.WhileExpired, Purpose: engawa.Marketing, Delay: comeBack},
		{Name: "winback_price", Events: []string{expired + "price_increase"}, While: engawa.WhileExpired, Purpose: engawa.Marketing, Delay: comeBack},
		{Name: "winback_unsold", Events: []string{expired + "product_not_for_sale"}, While: engawa.WhileExpired, Purpose: engawa.Marketing, Delay: comeBack},
		{Name: "winback_other", Events: []string{strings.TrimSuffix(expired, ".")}, While: engawa.WhileExpired, Purpose: engawa.Marketing, Delay: comeBack},
		// Who renews stays; the condition has it said once for each plan that is offered.
		{Name: "upgrade", Events: []string{"store.did_renew"}, While: engawa.WhileLower, Purpose: engawa.Marketing},
		{Name: "share_ended", Events: []string{"store.revoke"}, While: engawa.WhileShareEnded, Purpose: engawa.Marketing},
		// Who had another reason than a fault of the app gets nothing.
		{Name: "sorry", Events: []string{"store.refund"}, Condition: `event.data.revocation.reason == "app_issue"`, While: engawa.WhileRefunded, Purpose: engawa.Service},
		{Name: "surge", Events: []string{Surged}, Purpose: engawa.Service, Staff: true},
		{Name: "suspicious", Events: []string{SuspiciousRefunds}, Purpose: engawa.Service, Staff: true},
		{Name: "rescinded", Events: []string{"store.rescind_consent"}, Purpose: engawa.Service, Staff: true},
	}
}

// The types of the alarms.
const (
	Surged            = "refunds.surged"
	SuspiciousRefunds = "refunds.suspicious"
)

// AsksProduct reports whether the route offers one product.
func (r Ready) AsksProduct() bool { return r.While == engawa.WhileLower }

// Choice is what is chosen when a ready-made route is made.
type Choice struct {
	Name        string   // the route's
	App         string   // may be empty
	Bundles     []string // the app's bundle ids, as events of its App Store accounts have them; none: no account has one yet
	Destination string   // of one to staff
	Template    string   // of one to customers
	Product     string   // of one that asks for it
	Via         []engawa.Via
}

// Route is the route to be made: switched off, for a person to read it first. One to
// customers takes what happens in its app alone, and what the store tells counts in
// production: a tester's subscription in the sandbox is over in minutes, again and again.
func (r Ready) Route(c Choice) engawa.Route {
	st := engawa.Step{To: c.Destination, Purpose: r.Purpose, Via: c.Via}
	if !r.Staff {
		st = engawa.Step{To: route.ToCustomer, App: c.App, Template: c.Template, Purpose: r.Purpose, Via: c.Via, While: r.While, Delay: r.Delay}
	}
	if r.AsksProduct() {
		st.Product = c.Product
	}
	return engawa.Route{Name: c.Name, Events: r.Events, Condition: r.condition(c), Then: []engawa.Step{st}}
}

func (r Ready) condition(c Choice) string {
	var all []string
	if strings.HasPrefix(r.Events[0], "store.") { // an alarm is the hub's own, and has no environment
		all = append(all, fmt.Sprintf("event.data.environment == %q", engawa.Production))
	}
	if !r.Staff && len(c.Bundles) > 0 {
		ids := make([]string, len(c.Bundles))
		for i, id := range c.Bundles {
			ids[i] = strconv.Quote(id)
		}
		all = append(all, fmt.Sprintf("event.data.bundle_id in [%s]", strings.Join(ids, ", ")))
	}
	if r.Condition != "" {
		all = append(all, r.Condition)
	}
	return strings.Join(all, " && ")
}

// Words are a template's for an app, or for a business that named none.
func Words(words map[engawa.Locale]engawa.Content, app string) map[engawa.Locale]engawa.Content {
	if app != "" {
		return words
	}
	out := map[engawa.Locale]engawa.Content{}
	for l, c := range words {
		c.Subject, c.Text = strings.ReplaceAll(c.Subject, "{{app.name}}", "{{workspace.name}}"), strings.ReplaceAll(c.Text, "{{app.name}}", "{{workspace.name}}")
		out[l] = c
	}
	return out
}
