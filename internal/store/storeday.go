package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// storeEvents is how the types of what a store tells begin.
const storeEvents = "store."

// counts reports whether an event is one of a store's own.
func counts(e engawa.Event) bool {
	return e.Account != engawa.SourceAPI && strings.HasPrefix(e.Type, storeEvents)
}

// knownStoreEvents finds which of the store's events among slots were kept before,
// under their very ids: the same call once more, since nobody knew whether it was
// over.
func (t *tx) knownStoreEvents(workspace string, slots []slot) (map[string]bool, error) {
	var ids []string
	for _, sl := range slots {
		if counts(sl.event) {
			ids = append(ids, sl.event.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	kept, err := all(t, scanString, `SELECT id FROM event WHERE workspace = $1 AND id {in $2}`, workspace, t.list(ids))
	known := map[string]bool{}
	for _, id := range kept {
		known[id] = true
	}
	return known, err
}

// countDays counts the store's events among slots that were not here before, on
// the days on which they happened.
func (t *tx) countDays(workspace string, slots []slot, known map[string]bool) error {
	var days []engawa.StoreDay
	var zone *time.Location
	for _, sl := range slots {
		e := sl.event
		if !sl.out.Fresh || known[e.ID] || !counts(e) {
			continue
		}
		if zone == nil {
			var err error
			if zone, err = t.zone(workspace); err != nil {
				return err
			}
		}
		var about struct {
			Product string `json:"product_id"`
		}
		_ = json.Unmarshal(e.Data, &about) // what names no product counts for none
		days = append(days, engawa.StoreDay{Account: e.Account, Day: e.OccurredAt.In(zone).Format(time.DateOnly), What: e.Type, Product: about.Product, N: 1})
	}
	return t.addDays(workspace, days)
}

// countActive counts a purchase that gives access now and did not, or the other
// way, on the day on which the store said so. One that was not known counts from
// the day on which it was bought: it may be heard of months later.
func (t *tx) countActive(was, is engawa.Purchase) error {
	var days []engawa.StoreDay
	if gives(was) && gives(is) && was.Product == is.Product || !gives(was) && !gives(is) {
		return nil
	}
	zone, err := t.zone(is.Workspace)
	if err != nil {
		return err
	}
	since := is.HeardAt
	if was.ID == "" {
		since = is.BoughtAt
	}
	day := since.In(zone).Format(time.DateOnly)
	if gives(was) {
		days = append(days, engawa.StoreDay{Account: is.Account, Day: day, What: engawa.DayActive, Product: was.Product, N: -1})
	}
	if gives(is) {
		days = append(days, engawa.StoreDay{Account: is.Account, Day: day, What: engawa.DayActive, Product: is.Product, N: 1})
	}
	return t.addDays(is.Workspace, days)
}

// giving is what purchases are that gives is true of, but for erased customers'.
const giving = `kind = '` + renewing + `' AND state IN ('active', 'billing_grace_period')`

// gives reports whether a purchase is a subscription with access. Of an erased
// customer's nothing is known any more.
func gives(p engawa.Purchase) bool {
	return p.Facts != nil && p.Kind == renewing && (p.State == "active" || p.State == "billing_grace_period")
}

// forgetActive takes the subscriptions of a customer who is erased out of the
// count: the store's word on them is not followed any more.
func (t *tx) forgetActive(workspace, customer string, at time.Time) error {
	zone, err := t.zone(workspace)
	if err != nil {
		return err
	}
	day := at.In(zone).Format(time.DateOnly)
	days, err := all(t, func(scan func(...any) error) (d engawa.StoreDay, err error) {
		d.Day, d.What, d.N = day, engawa.DayActive, -1
		return d, scan(&d.Account, &d.Product)
	}, `SELECT account, product FROM purchase
		WHERE workspace = $1 AND customer = $2 AND `+giving, workspace, customer)
	if err != nil {
		return err
	}
	return t.addDays(workspace, days)
}

// addDays adds to the counts, in one order everywhere: two that count the same
// wait for each other in turn.
func (t *tx) addDays(workspace string, days []engawa.StoreDay) error {
	slices.SortFunc(days, func(a, b engawa.StoreDay) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Day, b.Day), cmp.Compare(a.What, b.What), cmp.Compare(a.Product, b.Product))
	})
	for i, d := range days {
		if i+1 < len(days) && sameDay(d, days[i+1]) {
			days[i+1].N += d.N
			continue
		}
		if _, err := t.exec(`INSERT INTO store_day (workspace, account, day, what, product, n) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (workspace, account, day, what, product) DO UPDATE SET n = store_day.n + excluded.n`,
			workspace, d.Account, d.Day, d.What, d.Product, d.N); err != nil {
			return fmt.Errorf("count a store's day: %w", err)
		}
	}
	return nil
}

func sameDay(a, b engawa.StoreDay) bool {
	a.N = b.N
	return a == b
}

func (t *tx) zone(workspace string) (*time.Location, error) {
	name, err := one(t, scanString, `SELECT zone FROM workspace WHERE id = $1`, workspace)
	if err != nil {
		return nil, fmt.Errorf("zone of %s: %w", workspace, err)
	}
	return time.LoadLocation(name)
}

// StoreDays returns what happened from a day on ("2026-11-29"), by account, day
// and product. Who has access comes first as of the day before from, if anybody did.
func (s *Store) StoreDays(ctx context.Context, workspace, from string) (days []engawa.StoreDay, err error) {
	scan := func(scan func(...any) error) (d engawa.StoreDay, err error) {
		return d, scan(&d.Account, &d.Day, &d.What, &d.Product, &d.N)
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		before, err := all(t, scan, `SELECT account, max(day), what, product, sum(n) FROM store_day
			WHERE workspace = $1 AND what = 'active' AND day < $2 GROUP BY account, what, product ORDER BY account, product`, workspace, from)
		if err != nil {
			return err
		}
		rest, err := all(t, scan, `SELECT account, day, what, product, n FROM store_day
			WHERE workspace = $1 AND day >= $2 ORDER BY day, account, what, product`, workspace, from)
		days = append(before, rest...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count a store's days: %w", err)
	}
	active := map[[2]string]int{}
	for i, d := range days {
		if d.What == engawa.DayActive {
			active[[2]string{d.Account, d.Product}] += d.N
			days[i].N = active[[2]string{d.Account, d.Product}]
		}
	}
	return days, nil
}

// RecountDays counts the days of a store anew from the journal and the purchases:
// after the workspace's zone was changed, say. Who has access now counts from when
// it was bought; those who have none any more are not counted for the past. Of erased customers' events the
// product is not known any more. Notifications that come meanwhile wait. It returns
// how many events and purchases were counted.
func (s *Store) RecountDays(ctx context.Context, workspace string) (n int, err error) {
	err = s.mergeTx(ctx, workspace, func(t *tx) error {
		if _, err := t.exec(`DELETE FROM store_day WHERE workspace = $1`, workspace); err != nil {
			return err
		}
		events, err := t.recountEvents(workspace)
		if err != nil {
			return err
		}
		purchases, err := t.recountActive(workspace)
		n = events + purchases
		if err != nil {
			return err
		}
		return t.noted(workspace, "recount-days", workspace, "n="+strconv.Itoa(n))
	})
	if err != nil {
		return 0, fmt.Errorf("count the days of %s anew: %w", workspace, err)
	}
	return n, nil
}

// recountBatch is how many events are opened at once.
const recountBatch = 1000

func (t *tx) recountEvents(workspace string) (n int, err error) {
	lo, hi := typeRange(storeEvents + "*")
	for after := ""; ; {
		rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1 AND id > $2 AND type >= $3 AND type < $4 ORDER BY id LIMIT $5`,
			workspace, after, lo, hi, recountBatch)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		evs, err := t.openEvents(workspace, rows)
		if err != nil {
			return n, err
		}
		slots := make([]slot, len(evs))
		for i, e := range evs {
			slots[i] = slot{e, &Journaled{ID: e.ID, Fresh: true}}
		}
		if err := t.countDays(workspace, slots, nil); err != nil {
			return n, err
		}
		n += len(evs)
		after = evs[len(evs)-1].ID
	}
}

// recountActive counts who has access since the store last spoke: what was
// before nobody knows any more.
func (t *tx) recountActive(workspace string) (n int, err error) {
	for after := ""; ; {
		rows, err := all(t, scanPurchase, `SELECT `+purchaseColumns+` FROM purchase
			WHERE workspace = $1 AND id > $2 AND `+giving+` ORDER BY id LIMIT $3`,
			workspace, after, recountBatch)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		ps, err := t.openPurchases(workspace, rows)
		if err != nil {
			return n, err
		}
		for _, p := range ps {
			if err := t.countActive(engawa.Purchase{}, p); err != nil {
				return n, err
			}
			n++
			after = p.ID
		}
	}
}
