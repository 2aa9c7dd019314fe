package route_test

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/route"
)

// order is a type that no catalogue describes: nobody can say what its data holds.
const order = "warehouse.order"

func when(condition string) engawa.Route {
	return engawa.Route{
		ID: "rte_1", Name: "r", Enabled: true, Events: []string{"payment.*"}, Condition: condition,
		Then: []engawa.Step{{To: "dst_1", Via: []engawa.Via{{Account: "acc_1"}}}},
	}
}

// TestConditions: a condition takes an event, leaves it out, or cannot be judged.
// What nobody can judge is told of and does not pass for a no. A field that the
// event does not have is a no.
func TestConditions(t *testing.T) {
	many := make([]any, 1000)
	for i := range many {
		many[i] = float64(i)
	}
	data := map[string]any{"amount": float64(1980), "name": "山田", "paid": true, "items": many, "text": strings.Repeat("a", 100_000)}
	for condition, want := range map[string]string{
		``:                          "takes",
		`event.data.amount >= 1000`: "takes",
		`event.data.amount < 1000`:  "leaves out",
		`event.group == "custom" && customer.country == "JP" && !customer.known`: "takes",
		`event.data.nothing == 1`:                                      "leaves out",
		`has(event.data.nothing)`:                                      "leaves out",
		`event.actor.type == "customer" && event.actor.id == "123"`:    "takes",
		`event.actor.type == "admin"`:                                  "leaves out",
		`event.opt_in`:                                                 "takes", // a type that nobody knows
		`event.data.paid`:                                              "takes",
		`event.data.name`:                                              "cannot be judged",
		`event.data.items.exists(x, x == 999)`:                         "takes",
		`event.data.items.all(x, event.data.items.all(y, x + y >= 0))`: "cannot be judged",
		`event.data.items.all(x, event.data.items.all(y, event.data.items.all(z, true)))`:                                                                  "cannot be judged",
		`event.data.items.map(x, event.data.items.map(y, event.data.items)).size() > 0`:                                                                    "cannot be judged",
		`(event.data.text + event.data.text + event.data.text).matches("(a+)+(a+)+b")`:                                                                     "cannot be judged",
		strings.Repeat(`event.data.amount == 1 || `, 60) + `true`:                                                                                          "takes",
		`[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, true)))))`: "cannot be judged",
	} {
		r := when(condition)
		r.Events = []string{order}
		if _, err := route.Check(r, nil, nil); err != nil {
			t.Errorf("%.60s cannot be saved: %v", condition, err)
			continue
		}
		set := route.Compile([]engawa.Route{r})
		began := time.Now()
		plans, broken := set.Plan(engawa.Event{Type: order, Actor: engawa.Actor{Type: "customer", ID: "123"}}, data, engawa.Customer{Country: "JP"})
		if took := time.Since(began); took > 30*time.Second { // unbounded it takes hours; a busy machine takes its time
			t.Errorf("%.60s took %v", condition, took)
		}
		got := map[[2]int]string{{1, 0}: "takes", {0, 0}: "leaves out", {0, 1}: "cannot be judged"}[[2]int{len(plans), len(broken)}]
		if got != want {
			t.Errorf("%.60s %s, want: %s", condition, got, want)
		}
		for _, b := range broken {
			if b.Route.ID != "rte_1" || b.Err.Field != "/condition" || b.Err.Remedy == "" || strings.Contains(b.Err.Message, "山田") {
				t.Errorf("%.60s: %+v", condition, b)
			}
		}
	}
}

// TestMayHold: what is known of an event before it comes says whether a condition may
// hold of it: only what is false whatever the rest says does not.
func TestMayHold(t *testing.T) {
	known := map[string]any{"environment": "production", "bundle_id": "jp.one"}
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{``, true},
		{`event.data.environment == "production" && event.data.bundle_id in ["jp.one", "jp.two"]`, true},
		{`event.data.environment == "sandbox"`, false},
		{`event.data["bundle_id"] == "jp.two"`, false},
		{`event.data.environment == "sandbox" && event.data.revocation.reason == "app_issue"`, false},
		{`event.data.environment == "production" && event.data.revocation.reason == "app_issue"`, true},
		{`event.data.revocation.reason == "app_issue" || event.data.bundle_id == "jp.two"`, true},
		{`has(event.data.offer)`, true},
		{`!has(event.data.offer) && event.data["offer"].id == "a"`, true},
		{`"offer" in event.data`, true},
		{`event.data.win_back_offers.exists(o, o == "a")`, true},
		{`event.data.win_back_offers.exists(o, o == "a") && event.data.bundle_id != "jp.one"`, false},
		{`customer.country == "JP" && !customer.known`, true},
		{`event.account == "acc_1" && event.type == "store.refund" && event.group == "store"`, true},
		{`event.account == "acc_2"`, false},
		{`event.type == "store.revoke"`, false},
		{`!event.opt_in && event.actor.type == "customer" && event.subject.startsWith("transaction:")`, true},
		{`event.data.environment`, true},    // it cannot be judged
		{`event.data.environment ==`, true}, // nor this
	} {
		if got := route.MayHold(when(c.condition), "store.refund", "acc_1", known); got != c.want {
			t.Errorf("%s: %t", c.condition, got)
		}
	}
	for condition, want := range map[string]bool{`event.type == "store.revoke" && event.account == "acc_2"`: true, `event.group == "x" && event.data.bundle_id == "jp.two"`: false} {
		if got := route.MayHold(when(condition), "", "", known); got != want {
			t.Errorf("of any type and account, %s: %t", condition, got)
		}
	}
}

// TestRefusedConditions: what would take long to read, or can give no answer, is
// refused when it is saved.
func TestRefusedConditions(t *testing.T) {
	for name, condition := range map[string]string{
		"broken":          `event.data.amount >`,
		"a number":        `1 + 1`,
		"a name unknown":  `secrets.key == "a"`,
		"too long":        `event.type == "` + strings.Repeat("a", 4000) + `"`,
		"nested too deep": strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500),
		"lists in lists":  strings.Repeat("[", 300) + strings.Repeat("]", 300) + ".size() == 0",
		"not not not":     strings.Repeat("!(", 400) + "true" + strings.Repeat(")", 400),
	} {
		began := time.Now()
		_, err := route.Check(when(condition), nil, nil)
		e, ok := err.(*engawa.Error)
		if !ok || e.Field != "/condition" || e.Remedy == "" || time.Since(began) > 30*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
	}
}

// TestNobody: a step to the customer is planned of an event that has none too, so
// that somebody can be told, and the route's other steps go on.
func TestNobody(t *testing.T) {
	r := when("")
	r.Then = append([]engawa.Step{{To: route.ToCustomer, Via: r.Then[0].Via}}, r.Then...)
	set := route.Compile([]engawa.Route{r})
	plans, _ := set.Plan(engawa.Event{Type: "payment.recurring.failed"}, nil, engawa.Customer{})
	if len(plans) != 2 || plans[0].Step.To != route.ToCustomer || plans[1].Step.To != "dst_1" {
		t.Errorf("planned %+v", plans)
	}
}

// TestStandby: while another program has the word with a customer on LINE, no route
// writes to the customer, and the staff are told.
func TestStandby(t *testing.T) {
	set := route.Compile([]engawa.Route{{ID: "rte_1", Enabled: true, Events: []string{"line.message"}, Then: []engawa.Step{{To: route.ToCustomer}, {To: "dst_room"}}}})
	for mode, want := range map[string]int{"active": 2, "standby": 1} {
		plans, _ := set.Plan(engawa.Event{Type: "line.message"}, map[string]any{"mode": mode}, engawa.Customer{})
		if len(plans) != want || plans[len(plans)-1].Step.To != "dst_room" {
			t.Errorf("%s: %+v", mode, plans)
		}
	}
}
