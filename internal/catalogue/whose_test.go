package catalogue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

// TestWhose: an event names its customer by its envelope or, where its type is
// listed, by the member's number, and tells of who may be new.
func TestWhose(t *testing.T) {
	const hana = `{"m":{"id":"123","name":" 山田 花 ","email":"hana@customer.example"}}`
	number := engawa.Identity{Issuer: "business", Kind: "member_number", Value: "123"}
	stripe := engawa.Identity{Issuer: "stripe", Kind: "customer", Value: "cus_1"}
	for name, c := range map[string]struct {
		e      engawa.Event
		id     engawa.Identity
		tells  bool
		proved bool
	}{
		"by number":                      {engawa.Event{Type: "member.provisional", Data: []byte(hana)}, number, true, false},
		"by what it says itself":         {engawa.Event{Type: "member.provisional", Data: []byte(hana), Identities: []engawa.Identity{stripe}}, stripe, true, false},
		"one who is known":               {engawa.Event{Type: "contract.terminated", Data: []byte(hana), Customer: "cus_1"}, engawa.Identity{}, true, false},
		"by address alone":               {engawa.Event{Type: "member.provisional", Data: []byte(strings.Replace(hana, `"id":"123",`, "", 1))}, engawa.Identity{}, true, false},
		"proved":                         {engawa.Event{Type: "member.registered", Data: []byte(strings.Replace(hana, `}}`, `,"email_verified":true}}`, 1))}, number, true, true},
		"who was deleted":                {engawa.Event{Type: "member.deleted", Data: []byte(hana)}, number, true, false},
		"what became of a mail":          {engawa.Event{Type: "mail.bounced", Data: []byte(hana)}, engawa.Identity{}, false, false},
		"a type of one's own":            {engawa.Event{Type: "shop.order.shipped", Data: []byte(hana)}, engawa.Identity{}, false, false},
		"a type of one's own, by name":   {engawa.Event{Type: "shop.order.shipped", Data: []byte(hana), Identities: []engawa.Identity{stripe}}, stripe, true, false},
		"an m that means something else": {engawa.Event{Type: "shop.order.shipped", Data: []byte(`{"m":"meters"}`), Identities: []engawa.Identity{stripe}}, stripe, false, false},
		"a number that is too long":      {engawa.Event{Type: "member.provisional", Data: []byte(strings.Replace(hana, "123", strings.Repeat("1", 513), 1))}, engawa.Identity{}, true, false},
	} {
		ids, n := catalogue.Whose(c.e)
		if got := append(ids, engawa.Identity{})[0]; got != c.id {
			t.Errorf("%s: %v", name, got)
		}
		if (n != nil) != c.tells || n != nil && (n.Proved != c.proved || n.Find != (c.e.Type == "member.deleted") || n.Name != "山田 花" || n.Mail != "hana@customer.example") {
			t.Errorf("%s: tells %t", name, n != nil)
		}
	}
	for _, odd := range []string{"a\\nb", strings.Repeat("a", 201)} {
		if _, n := catalogue.Whose(engawa.Event{Type: "member.provisional", Data: []byte(`{"m":{"id":"1","name":"` + odd + `"}}`)}); n.Name != "" {
			t.Errorf("a name of %d letters", len(n.Name))
		}
	}
	if s := fmt.Sprintf("%v %+v", engawa.Newcomer{Name: "Hana"}, engawa.Newcomer{Name: "Hana"}); strings.Contains(s, "Hana") {
		t.Errorf("it prints %s", s)
	}
}

// TestIdle: what customers do of their own will is no idle type, what a machine or the
// business does is one; each type that is said to be somebody's doing is listed.
func TestIdle(t *testing.T) {
	idle := catalogue.Idle()
	for name, want := range map[string]bool{
		"mail.replied": false, "app.message.seen": false, "store.subscribed.initial_buy": false, "store.offer_redeemed": false, "application.completed": false,
		"store.did_renew": true, "mail.bounced": true, "contract.suspended": true, "payment.recurring.failed": true, "shop.visited": false,
	} {
		if got := slices.Contains(idle, name); got != want {
			t.Errorf("%s: idle %v", name, got)
		}
	}
	if n := len(catalogue.Types()) - len(idle); n != 27 {
		t.Errorf("%d listed types are somebody's own doing, not 27", n)
	}
}
