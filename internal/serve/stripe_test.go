package serve

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	stripesim "github.com/engawa/engawa/internal/source/stripe/sim"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

const stripeSecret = "whsec_simulated_secret_of_the_endpoint"

// till is a hub to which a Stripe account posts, with a route that tells the
// staff of what one failed card caused in one notice.
type till struct {
	shop
	t      *testing.T
	stripe *stripesim.Server
}

func newTill(t *testing.T, dsn string) till {
	t.Helper()
	o := till{shop: workingOn(t, dsn), t: t, stripe: &stripesim.Server{}}
	ctx, now := t.Context(), time.Now()
	for _, err := range []error{
		o.Store.AddAccount(ctx, engawa.Account{
			Workspace: "ws_1", ID: "acc_stripe", Kind: "stripe", Name: "Stripe", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
			Settings: map[string]string{"secret": stripeSecret, "mode": "test", "member_key": "member_number"},
		}),
		o.Store.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: "ws_1", ID: "cus_sora", Kind: "person", Name: "佐藤 空", Locale: engawa.Japanese, CreatedAt: now}}),
		o.Store.Link(ctx, "ws_1", "cus_hana", engawa.Identity{Issuer: "business", Kind: "member_number", Value: "A-1"}),
		o.Store.Link(ctx, "ws_1", "cus_sora", engawa.Identity{Issuer: "business", Kind: "member_number", Value: "A-2"}),
		o.Store.AddDestination(ctx, engawa.Destination{Workspace: "ws_1", ID: "dst_staff", Name: "店長", Account: "acc_mail", Address: "staff@hinata.example", Locale: engawa.Japanese, CreatedAt: now}),
		o.Store.SaveRoute(ctx, engawa.Route{
			Workspace: "ws_1", ID: "rte_card", Name: "カードの失敗", Enabled: true, Events: []string{"payment.recurring.failed", "contract.suspended"}, UpdatedAt: now,
			Then: []engawa.Step{{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}, Digest: &engawa.Digest{Within: time.Hour, Cause: true}}},
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// hears posts an event signed with these secrets and returns the status.
func (o till) hears(e stripesim.Event, secrets ...string) int {
	o.t.Helper()
	return o.posted(e.Body, stripesim.Sign(e.Body, time.Now(), secrets...))
}

func (o till) posted(body []byte, signature string) int {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.url+"/in/acc_stripe", bytes.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Stripe-Signature", signature)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// kept are the events of the Stripe account.
func (o till) kept() (evs []engawa.Event) {
	o.t.Helper()
	all, err := o.Store.Events(o.t.Context(), "ws_1", store.EventFilter{}, store.Page{Limit: 100})
	if err != nil {
		o.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e engawa.Event) bool { return e.Account != "acc_stripe" })
}

// mails waits until the routes have seen every event, and returns the mails when
// there are n, or that is too long ago.
func (o till) mails(n int) []string {
	o.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the hub works by itself beside us
		open, err := o.Store.Unrouted(o.t.Context(), 1)
		if err != nil {
			o.t.Fatal(err)
		}
		if got := o.inbox.Mails(); len(open) == 0 && len(got) >= n || time.Now().After(end) {
			var texts []string
			for _, m := range got {
				texts = append(texts, m.Subject+"\n"+m.Text)
			}
			return texts
		}
	}
}

// notice holds that the one message of a customer's failed card tells of both events.
func (o till) notice(customer string) {
	o.t.Helper()
	rows, err := o.Store.Messages(o.t.Context(), "ws_1", store.MessageFilter{Destination: "dst_staff"}, store.Page{Limit: 10})
	if err != nil {
		o.t.Fatal(err)
	}
	n := 0
	for _, row := range rows {
		if row.Message.About != customer {
			continue
		}
		n++
		told, err := o.Store.Gathered(o.t.Context(), "ws_1", row.Message.ID)
		var types []string
		for _, e := range told {
			types = append(types, e.Type)
		}
		slices.Sort(types)
		if err != nil || !slices.Equal(types, []string{"contract.suspended", "payment.recurring.failed"}) {
			o.t.Errorf("the notice about %s tells of %v: %v", customer, types, err)
		}
	}
	if n != 1 {
		o.t.Errorf("%d notices about %s", n, customer)
	}
}

// TestStripeNewcomer: what Stripe tells of somebody whom nobody knows registers them, by
// every number that it names, and proves no address.
func TestStripeNewcomer(t *testing.T) {
	o := newTill(t, storetest.SQLite(t))
	e := o.stripe.Make("invoice.payment_failed", o.stripe.Invoice("in_new", 1, map[string]any{
		"customer": "cus_new", "customer_name": "鈴木 三", "customer_email": "mitsu@customer.example", "metadata": map[string]any{"member_number": "A-9"},
		"parent": map[string]any{"subscription_details": map[string]any{"subscription": "sub_new", "metadata": map[string]any{"member_number": "A-9"}}},
	}), nil)
	if status := o.hears(e, stripeSecret); status != http.StatusOK {
		t.Fatal(status)
	}
	by := func(issuer, kind, value string) string {
		id, err := o.Store.CustomerBy(t.Context(), "ws_1", engawa.Identity{Issuer: issuer, Kind: kind, Value: value})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := by("business", "member_number", "A-9")
	ps, err := o.Store.ContactPoints(t.Context(), "ws_1", id)
	if id == "" || by("stripe", "customer", "cus_new") != id || err != nil || len(ps) != 1 || ps[0].Address != "mitsu@customer.example" || !ps[0].VerifiedAt.IsZero() || o.kept()[0].Customer != id {
		t.Errorf("%q with %d contact points, %v", id, len(ps), err)
	}
}

// TestStripeRoad: a card fails. What Stripe posts about the invoice and about the
// subscription is proved, kept once, known to be of one customer and of one cause, and
// told to the staff in one notice, in whichever order it came; what is not
// proved leaves nothing behind.
func TestStripeRoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		o := newTill(t, dsn)
		card := stripesim.Scenarios["card failed"](o.stripe)
		failed, updated := card[0], card[1]

		altered := bytes.Replace(failed.Body, []byte("1980"), []byte("9999"), 1)
		for name, status := range map[string]int{
			"another's secret": o.hears(failed, "whsec_another_one_entirely"),
			"no signature":     o.posted(failed.Body, ""),
			"another body":     o.posted(altered, stripesim.Sign(failed.Body, time.Now(), stripeSecret)),
			"an old signature": o.posted(failed.Body, stripesim.Sign(failed.Body, time.Now().Add(-10*time.Minute), stripeSecret)),
		} {
			if status != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, status)
			}
		}
		if bytes.Equal(altered, failed.Body) || len(o.kept()) != 0 {
			t.Fatalf("what is not proved is kept: %+v", o.kept())
		}

		for _, e := range []stripesim.Event{failed, failed, updated, updated, failed} {
			if status := o.hears(e, stripeSecret); status != http.StatusOK {
				t.Fatalf("%s: %d", e.Type, status)
			}
		}
		if mails := o.mails(1); len(mails) != 1 || !strings.Contains(mails[0], "2件") {
			t.Fatalf("%d mails: %s", len(mails), mails)
		}
		o.notice("cus_hana")

		// Another customer's: the subscription first, and unpaid at once.
		number := map[string]any{"member_number": "A-2"}
		later := o.stripe.Make("invoice.payment_failed", o.stripe.Invoice("in_1SimSora", 1, map[string]any{
			"customer": "cus_SimSora", "parent": map[string]any{"type": "subscription_details", "subscription_details": map[string]any{"subscription": "sub_1SimSora", "metadata": number}},
		}), nil)
		first := o.stripe.Make("customer.subscription.updated", o.stripe.Subscription("unpaid", map[string]any{
			"id": "sub_1SimSora", "customer": "cus_SimSora", "latest_invoice": "in_1SimSora", "metadata": number,
		}), map[string]any{"status": "active"})
		if status := o.hears(first, stripeSecret); status != http.StatusOK {
			t.Fatal(status)
		}
		if mails := o.mails(1); len(mails) != 1 {
			t.Fatalf("it did not wait for the invoice: %s", mails)
		}
		for _, e := range []stripesim.Event{later, first, updated} {
			if status := o.hears(e, stripeSecret); status != http.StatusOK {
				t.Fatalf("%s: %d", e.Type, status)
			}
		}
		if mails := o.mails(2); len(mails) != 2 || !strings.Contains(mails[1], "2件") {
			t.Fatalf("%d mails: %s", len(mails), mails)
		}
		o.notice("cus_sora")

		var got []string
		for _, e := range o.kept() {
			got = append(got, e.Customer+" "+e.Type)
		}
		slices.Sort(got)
		if want := []string{"cus_hana contract.suspended", "cus_hana payment.recurring.failed", "cus_sora contract.suspended", "cus_sora payment.recurring.failed"}; !slices.Equal(got, want) {
			t.Errorf("the journal has %q", got)
		}
	})
}
