package catalogue

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// Introduces reports whether an event of a type may make its customer: one of the
// business's own systems may, of a type that nobody listed too. What became of a
// mail, what a store says and what the hub itself tells are about customers whom
// somebody has introduced, and who was deleted is not to come back by that news.
func Introduces(typ string) bool {
	t, listed := Find(typ)
	return !listed || t.Kind == Business && typ != "member.deleted"
}

// Limits of what is taken over: as POST /v1/customers and /v1/events have them.
const (
	maxName     = 200
	maxIdentity = 512
)

// Whose says by which identities the customer of an event is known, and what the
// event tells of a customer who may be new: name and mail address as they stand in
// data.m, the address not checked, and not proved unless data.m.email_verified says so.
// An event of a listed type that names nobody itself is about the member of the number
// in data.m.id. newcomer is nil where the event tells of nobody. Of what a channel tells
// it is as its adapter says: who adds an account on LINE, or writes to it, is met there.
func Whose(e engawa.Event) (ids []engawa.Identity, newcomer *engawa.Newcomer) {
	t, listed := Find(e.Type)
	if listed && t.Kind != Business {
		return e.Identities, e.Newcomer
	}
	if !listed && e.Customer == "" && len(e.Identities) == 0 {
		return nil, nil
	}
	var told struct {
		M struct {
			ID     string `json:"id"`
			Name   string `json:"name"`
			Email  string `json:"email"`
			Proved bool   `json:"email_verified"`
		} `json:"m"`
	}
	if json.Unmarshal(e.Data, &told) != nil {
		return e.Identities, nil // m means something else in a type of the business's own
	}
	m := told.M
	ids = e.Identities
	if n := utf8.RuneCountInString(m.ID); listed && e.Customer == "" && len(ids) == 0 && n > 0 && n <= maxIdentity {
		ids = []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: m.ID}}
	}
	newcomer = &engawa.Newcomer{Name: Name(m.Name), Mail: engawa.Address(m.Email), Proved: m.Proved, Find: !Introduces(e.Type)}
	return ids, newcomer
}

// Name is a name as a customer has it: on one line, of 200 letters at most; any
// other is none.
func Name(name string) string {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}

// doing are the listed types of what a customer does of their own will. A machine's
// doing (a renewal, a bounce) and the business's own (a suspension) are no sign that
// somebody is there.
var doing = map[string]bool{
	"application.completed": true, "contract.started": true, "contract.termination.reserved": true, "contract.termination.withdrawn": true,
	"member.provisional": true, "member.registered": true, "mail.replied": true, "partner.replied": true, "app.message.seen": true,
	"app.subscription.started": true, "app.subscription.plan_changed": true, "app.subscription.options_changed": true, "app.cancel_reason": true,
	"store.subscribed.initial_buy": true, "store.subscribed.resubscribe": true, "store.one_time_charge": true, "store.price_increase.accepted": true,
	"store.did_change_renewal_pref": true, "store.did_change_renewal_pref.upgrade": true, "store.did_change_renewal_pref.downgrade": true,
	"store.did_change_renewal_status.auto_renew_enabled": true, "store.did_change_renewal_status.auto_renew_disabled": true,
	"store.offer_redeemed": true, "store.offer_redeemed.initial_buy": true, "store.offer_redeemed.resubscribe": true,
	"store.offer_redeemed.upgrade": true, "store.offer_redeemed.downgrade": true,
}

// Idle are the listed types that are nobody's own doing. A type that is not listed
// is the business's own, made to tell what customers do.
func Idle() (types []string) {
	for _, t := range Types() {
		if !doing[t.Name] {
			types = append(types, t.Name)
		}
	}
	return types
}
