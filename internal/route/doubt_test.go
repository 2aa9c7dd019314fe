package route_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/route"
)

// shipped is a type that a workspace made.
func shipped(t *testing.T) catalogue.Type {
	t.Helper()
	names := map[engawa.Locale]string{engawa.Japanese: "発送", engawa.Korean: "발송", engawa.English: "Shipped"}
	own, err := catalogue.OwnType(engawa.EventType{
		Type: "shop.order.shipped", Names: names, Sample: []byte(`{"weight":1.5,"express":true,"lines":[{"sku":"a","count":2}],"at":"2026-11-23T12:00:00+09:00","open":{"a":1}}`),
		Schema: []byte(`{"type":"object","properties":{"weight":{"type":"number"},"express":{"type":"boolean"},"carrier":{"type":"string","enum":["yamato","sagawa"]},
			"at":{"type":"string","format":"date-time"},"open":{"type":"object"},"tags":{"type":"array","items":{"type":"string"}},
			"lines":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"},"count":{"type":"integer"}}}}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// TestDoubts: what a condition asks is held against the schemas of the types that
// the route takes. Refused is what no event answers; of what some types answer it
// is said which do not.
func TestDoubts(t *testing.T) {
	own := shipped(t)
	for _, c := range []struct{ events, condition, want string }{
		{"payment.recurring.failed", `event.data.amount > 3`, ""},
		{"payment.recurring.failed", `event.data.amont > 3`, "refused unknown event.data.amont (event.data.amount)"},
		{"payment.*", `event.data.amont > 3`, "refused unknown event.data.amont (event.data.amount)"},
		{"*", `event.data.amont > 3`, "refused unknown event.data.amont (event.data.amount)"},
		{"payment.recurring.failed", `event.data["amont"] > 3`, "refused unknown event.data.amont (event.data.amount)"},
		{"payment.recurring.failed", `event.data.m.nmae == "a"`, "refused unknown event.data.m.nmae (event.data.m.name)"},
		{"payment.recurring.failed", `event.data.decline_code == "a"`, "refused unknown event.data.decline_code (event.data.gateway.decline_code)"},
		{"payment.recurring.failed", `event.data.wholly_else == 1`, "refused unknown event.data.wholly_else"},
		{"payment.recurring.failed", `event.dta.amount > 3`, "refused unknown event.dta (event.data)"},
		{"payment.recurring.failed", `customer.contry == "JP"`, "refused unknown customer.contry (customer.country)"},
		{"payment.recurring.failed", `event.actor.kind == "admin"`, "refused unknown event.actor.kind"},
		{"payment.*", `!event.opt_in`, ""},
		// Some types have it.
		{"payment.recurring.failed contract.suspended", `event.data.amount > 3`, "partly event.data.amount of contract.suspended"},
		{"payment.recurring.failed contract.suspended", `has(event.data.amount) && event.data.amount > 3`, ""},
		{"payment.recurring.failed contract.suspended", `"amount" in event.data && event.data.amount > 3`, ""},
		{"payment.recurring.failed contract.suspended", `!has(event.data.amount) || event.data.amount > 3`, ""},
		{"payment.recurring.failed contract.suspended", `has(event.data.amount) ? event.data.amount > 3 : true`, ""},
		{"payment.recurring.failed contract.suspended", `event.type == "contract.suspended" || event.data.amount > 3`, ""},
		{"payment.recurring.failed contract.suspended", `event.type == "payment.recurring.failed" && event.data.amount > 3`, ""},
		{"payment.recurring.failed contract.suspended", `event.type in ["payment.recurring.failed"] && event.data.amount > 3`, ""},
		{"payment.recurring.failed contract.suspended", `event.group != "contract" && event.data.amount > 3`, ""},
		{"payment.recurring.failed contract.suspended", `event.type.startsWith("payment.") && event.data.amont > 3`, "refused unknown event.data.amont (event.data.amount)"},
		{"payment.recurring.failed contract.suspended", `event.type == "contract.suspended" ? event.data.amount > 3 : true`, "refused unknown event.data.amount"},
		// What the sender adds is asked for with has().
		{"payment.recurring.failed", `has(event.data.shop_code) && event.data.shop_code == "7"`, "extra event.data.shop_code"},
		{"payment.recurring.failed", `has(event.data.amont)`, "extra event.data.amont (event.data.amount)"},
		// Kinds.
		{"payment.recurring.failed", `event.data.amount > "3"`, "refused compared event.data.amount number text"},
		{"payment.recurring.failed", `event.data.amount == "1980"`, "refused compared event.data.amount number text"},
		{"payment.recurring.failed", `"1980" != event.data.amount`, "refused compared event.data.amount number text"},
		{"payment.recurring.failed", `event.data.currency >= 3`, "refused compared event.data.currency text whole"},
		{"payment.recurring.failed", `event.data.m == "a"`, "refused compared event.data.m object text"},
		{"payment.recurring.failed", `event.data.currency in [1, 2]`, "refused compared event.data.currency text whole"},
		{"payment.recurring.failed", `event.data.currency in ["JPY", "KRW"]`, ""},
		{"payment.recurring.failed", `event.data.amount in [1980, 2980]`, ""},
		{"payment.recurring.failed", `event.data.amount`, "refused kinds event.data.amount number truth"},
		{"payment.recurring.failed", `event.data.m.name && true`, "refused kinds event.data.m.name text truth"},
		{"payment.recurring.failed", `!event.data.amount`, "refused kinds event.data.amount number truth"},
		{"payment.recurring.failed", `event.data.amount.startsWith("1")`, "refused kinds event.data.amount number text"},
		{"payment.recurring.failed", `event.data.currency.amount == 3`, "refused kinds event.data.currency text object"},
		{"payment.recurring.failed", `event.data.amount + 1 > 3`, "refused decimal event.data.amount"},
		{"payment.recurring.failed", `event.data.amount % 2 == 0`, "refused decimal event.data.amount"},
		{"payment.recurring.failed", `int(event.data.amount) % 2 == 0 && event.data.amount * 2.0 > 3.0`, ""},
		{"payment.recurring.failed", `event.data.next_attempt_at > timestamp("2026-01-01T00:00:00Z")`, "refused compared event.data.next_attempt_at text time"},
		{"payment.recurring.failed", `timestamp(event.data.next_attempt_at) > timestamp("2026-01-01T00:00:00Z")`, ""},
		{"payment.recurring.failed", `event.data.correlation == null`, ""},
		// Values.
		{"payment.recurring.failed", `customer.kind == "persn"`, "refused value customer.kind (person)"},
		{"payment.recurring.failed", `event.actor.type == "customer" && customer.locale == "ja"`, ""},
		{"payment.*", `event.type == "payment.recuring.failed"`, "open payment.recuring.failed"},
		{"payment.recurring.failed payment.refunded", `event.type == "payment.recuring.failed" && event.data.amont > 3`, "refused value event.type (payment.recurring.failed)"},
		{"mail.bounced", `event.data.class == "hrad"`, "refused value event.data.class (hard)"},
		{"mail.bounced", `event.data.class != "hrad"`, ""},
		// The workspace's own types.
		{"shop.*", `event.data.wieght > 1`, "refused unknown event.data.wieght (event.data.weight)"},
		{"shop.order.shipped", `event.data.express && event.data.lines.exists(l, l.count >= 2)`, ""},
		{"shop.order.shipped", `event.data.lines.exists(l, l.cuont >= 2)`, "refused unknown event.data.lines[].cuont (event.data.lines[].count)"},
		{"shop.order.shipped", `event.data.lines.all(l, has(l.gift) && l.gift)`, "extra event.data.lines[].gift"},
		{"shop.order.shipped", `event.data.lines.exists(l, l.count == "2")`, "refused compared event.data.lines[].count number text"},
		{"shop.order.shipped", `event.data.lines[0].sku == "a" && event.data.lines.map(l, l.count).size() > 0 && event.data.lines.filter(l, l.sku == "a").size() == 1`, ""},
		{"shop.order.shipped", `event.data.weight.exists(l, true)`, "refused kinds event.data.weight number list"},
		{"shop.order.shipped", `"fragile" in event.data.tags || event.data.tags.exists_one(x, x == "a")`, ""},
		{"shop.order.shipped", `event.data.open.anything > 3`, ""},
		{"shop.order.shipped", `event.data.carrier in ["yamato"]`, ""},
		{"shop.order.shipped", `event.data.carrier == "yamto"`, "refused value event.data.carrier (yamato)"},
		// Types that nobody knows.
		{"warehouse.*", `event.data.anything > 3`, "open warehouse.*"},
		{"payment.recurring.failed payment.failed", `event.data.amount > 3`, "open payment.failed"},
		{"payment.recurring.failed payment.failed", `event.data.amont > 3`, "open payment.failed; partly event.data.amont of payment.recurring.failed"},
		{"warehouse.*", `customer.contry == "JP"`, "refused unknown customer.contry (customer.country)"},
	} {
		r := when(c.condition)
		r.Events = strings.Fields(c.events)
		doubts, err := route.Check(r, nil, []catalogue.Type{own})
		lines := make([]string, len(doubts))
		for i, d := range doubts {
			lines[i] = said(d)
		}
		slices.Sort(lines)
		got := strings.Join(lines, "; ")
		if got != c.want {
			t.Errorf("%s on %s:\n got %q\nwant %q", c.condition, c.events, got, c.want)
		}
		if refused := strings.HasPrefix(c.want, "refused"); refused != (err != nil) {
			t.Errorf("%s on %s: %v", c.condition, c.events, err)
		}
		if err != nil {
			told := err.(*engawa.Error)
			if told.Field != "/condition" || told.Remedy == "" || told.Message == "" {
				t.Errorf("%s: %+v", c.condition, told)
			}
			neverTaken(t, r, own)
		}
	}
}

// TestDoubtsRepeatNoAddress: what stands in a condition and is no name is not
// repeated, for it may be an address.
func TestDoubtsRepeatNoAddress(t *testing.T) {
	const address = "hana@customer.example"
	for _, condition := range []string{
		`event.data["` + address + `"] == 1`, `customer.kind == "` + address + `"`, `event.type == "` + address + `"`, `"` + address + `" + event.data.amount == "a"`,
		`event.data.amount == "` + address + `"`, `"` + address + `" in event.data.currency`,
	} {
		doubts, err := route.Check(when(condition), nil, nil)
		if err == nil || strings.Contains(fmt.Sprint(doubts, err), "hana") {
			t.Errorf("%s: %v %+v", condition, err, doubts)
		}
	}
}

func said(d route.Doubt) string {
	s := string(d.What) + " " + d.Path
	if d.Refused {
		s = "refused " + s
	}
	if d.Is != "" {
		s += " " + string(d.Is) + " " + string(d.Takes)
	}
	if d.Nearest != "" {
		s += " (" + d.Nearest + ")"
	}
	if len(d.Of) > 0 {
		s += " of " + strings.Join(d.Of, " ")
	}
	return s
}

// neverTaken holds a refusal against what the condition does: it takes no sample
// of the types. What compares unequal is always so, and as useless.
func neverTaken(t *testing.T, r engawa.Route, own catalogue.Type) {
	t.Helper()
	set := route.Compile([]engawa.Route{r})
	for _, typ := range append(catalogue.Types(), own) {
		var data map[string]any
		if err := json.Unmarshal(typ.Sample, &data); err != nil {
			t.Fatal(err)
		}
		plans, _ := set.Plan(engawa.Event{Type: typ.Name, Customer: "cus_1", Actor: engawa.Actor{Type: "customer"}}, data, engawa.Customer{Kind: "person", Country: "JP", Locale: "ja"})
		if len(plans) > 0 && !strings.Contains(r.Condition, "!=") && !strings.Contains(r.Condition, ": true") {
			t.Errorf("%s is refused and takes %s", r.Condition, typ.Name)
		}
	}
}

// TestDoubtsOfTheStored: a route that was saved before conditions were held to
// schemas goes on, and can be switched off; only another condition is refused, and
// what cannot be read.
func TestDoubtsOfTheStored(t *testing.T) {
	stored := when(`event.data.amont > 3`)
	if b := route.Compile([]engawa.Route{stored}).Unread(); b != nil {
		t.Fatal(b.Err)
	}
	off := stored
	off.Enabled, off.Name = false, "off"
	doubts, err := route.Check(off, &stored, nil)
	if err != nil || len(doubts) != 1 || !doubts[0].Refused {
		t.Errorf("switched off: %v %v", doubts, err)
	}
	for _, change := range []func(*engawa.Route){
		func(r *engawa.Route) { r.Condition += " || event.data.amont < 1" },
		func(r *engawa.Route) { r.Events = []string{"payment.refunded"} },
	} {
		changed := stored
		change(&changed)
		if _, err := route.Check(changed, &stored, nil); err == nil {
			t.Errorf("saved: %+v", changed)
		}
	}
	unread := when(`event.data.amount >`)
	if doubts, err := route.Check(unread, &unread, nil); err == nil || len(doubts) != 1 || doubts[0].What != route.Unread {
		t.Errorf("what cannot be read: %v %v", doubts, err)
	}
}

// TestDoubtsAreQuick: the longest condition over every type, and the widest types
// of a workspace's own, is read within the time of a page.
func TestDoubtsAreQuick(t *testing.T) {
	var props []string
	for i := range 200 {
		props = append(props, fmt.Sprintf(`"a_member_of_some_length_%d":{"type":"string"}`, i))
	}
	schema, err := catalogue.ParseSchema([]byte(`{"type":"object","properties":{` + strings.Join(props, ",") + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	var own []catalogue.Type
	for i := range 100 {
		own = append(own, catalogue.Type{Name: fmt.Sprintf("shop.t%d", i), Schema: schema})
	}
	r := when(strings.Repeat(`event.data.a_member_of_some_lengh == 1 || `, 85) + `true && event.data.amont > 3`)
	r.Events = []string{"*"}
	began := time.Now()
	if _, err := route.Check(r, nil, own); err == nil {
		t.Error("saved")
	}
	if took := time.Since(began); took > 30*time.Second { // a second, but a busy machine takes its time
		t.Errorf("it took %v", took)
	}
}
