package message

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/route"
)

// TestLate: a customer is written to about an event that was recovered only as
// long as if it had come in time, and not where more is known by now; staff
// always are, and so is everybody of any other event.
func TestLate(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	customer, staff := engawa.Step{To: route.ToCustomer}, engawa.Step{To: "dst_1"}
	short := customer
	short.ExpiresIn = 24 * time.Hour
	for name, c := range map[string]struct {
		typ, data string
		age       time.Duration
		step      engawa.Step
		until     time.Time // zero: no request, or that of any event
		none      bool
	}{
		"in time":               {"store.expired", `{}`, 30 * time.Hour, short, now.Add(24 * time.Hour), false},
		"recovered":             {"store.expired", `{"recovered":true}`, 2 * time.Hour, short, now.Add(22 * time.Hour), false},
		"recovered too late":    {"store.expired", `{"recovered":true}`, 30 * time.Hour, short, time.Time{}, true},
		"at the last moment":    {"store.expired", `{"recovered":true}`, 24 * time.Hour, short, time.Time{}, true},
		"without a deadline":    {"store.expired", `{"recovered":true}`, 71 * time.Hour, customer, now.Add(time.Hour), false},
		"after three days":      {"store.expired", `{"recovered":true}`, 73 * time.Hour, customer, time.Time{}, true},
		"superseded":            {"store.expired", `{"recovered":true,"superseded":true}`, time.Hour, short, time.Time{}, true},
		"staff, after a month":  {"store.expired", `{"recovered":true,"superseded":true}`, 30 * 24 * time.Hour, staff, time.Time{}, false},
		"of the business's own": {"shop.ordered", `{"recovered":true,"superseded":true}`, 30 * time.Hour, customer, time.Time{}, false},
	} {
		ev := engawa.Event{ID: "evt_1", Type: c.typ, Customer: "cus_1", Data: []byte(c.data), OccurredAt: now.Add(-c.age), ReceivedAt: now}
		rs := FromPlans(ev, []route.Plan{{Step: c.step}})
		if (len(rs) == 0) != c.none || len(rs) == 1 && !rs[0].ExpiresAt.Equal(c.until) {
			t.Errorf("%s: %+v", name, rs)
		}
	}
}
