package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
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

// counted is what is added to the counts of a store: n of what happened at a moment.
type counted struct {
	account, what, product string
	at                     time.Time
	n                      int
}

// countDays counts the store's events among slots that were not here before, on
// the days on which they happened.
func (t *tx) countDays(workspace string, slots []slot, known map[string]bool) error {
	var cs []counted
	for _, sl := range slots {
		e := sl.event
		if !sl.out.Fresh || known[e.ID] || !counts(e) {
			continue
		}
		var about struct {
			Product string `json:"product_id"`
		}
		_ = json.Unmarshal(e.Data, &about) // what names no product counts for none
		cs = append(cs, counted{e.Account, e.Type, about.Product, e.OccurredAt, 1})
	}
	return t.count(workspace, cs)
}

// countActive counts a purchase that gives access now and did not, or the other
// way, on the day on which the store said so. One that was not known counts from
// the day on which it was bought: it may be heard of months later.
func (t *tx) countActive(was, is engawa.Purchase) error {
	if gives(was) && gives(is) && was.Product == is.Product {
		return nil
	}
	since := is.HeardAt
	if was.ID == "" {
		since = is.BoughtAt
	}
	var cs []counted
	if gives(was) {
		cs = append(cs, counted{is.Account, engawa.DayActive, was.Product, since, -1})
	}
	if gives(is) {
		cs = append(cs, counted{is.Account, engawa.DayActive, is.Product, since, 1})
	}
	return t.count(is.Workspace, cs)
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
	cs, err := all(t, func(scan func(...any) error) (counted, error) {
		c := counted{what: engawa.DayActive, at: at, n: -1}
		return c, scan(&c.account, &c.product)
	}, `SELECT account, product FROM purchase
		WHERE workspace = $1 AND customer = $2 AND `+giving, workspace, customer)
	if err != nil {
		return err
	}
	return t.count(workspace, cs)
}

// quarter is what the days of every zone are sums of.
const quarter = 15 * time.Minute

// count adds to the counts of quarters and of days, in one order everywhere: two
// that count the same wait for each other in turn.
func (t *tx) count(workspace string, cs []counted) error {
	if len(cs) == 0 {
		return nil
	}
	sum := map[counted]int{}
	for _, c := range cs {
		n := c.n
		c.at, c.n = c.at.UTC().Truncate(quarter), 0
		sum[c] += n
	}
	cs = cs[:0]
	for c, n := range sum {
		c.n = n
		cs = append(cs, c)
	}
	slices.SortFunc(cs, func(a, b counted) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.account, b.account), cmp.Compare(a.what, b.what), cmp.Compare(a.product, b.product))
	})
	for _, c := range cs {
		if _, err := t.exec(`INSERT INTO store_quarter (workspace, at, account, what, product, n) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (workspace, at, account, what, product) DO UPDATE SET n = store_quarter.n + excluded.n`,
			workspace, us(c.at), c.account, c.what, c.product, c.n); err != nil {
			return fmt.Errorf("count a store's quarter of an hour: %w", err)
		}
	}
	zone, err := t.zone(workspace)
	if err != nil {
		return err
	}
	return t.addDays(workspace, cs, zone)
}

// addDays adds quarters to the days of a zone, in one order everywhere.
func (t *tx) addDays(workspace string, quarters []counted, zone *time.Location) error {
	sum := map[engawa.StoreDay]int{}
	for _, c := range quarters {
		sum[engawa.StoreDay{Account: c.account, Day: c.at.In(zone).Format(time.DateOnly), What: c.what, Product: c.product}] += c.n
	}
	days := slices.SortedFunc(maps.Keys(sum), func(a, b engawa.StoreDay) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Day, b.Day), cmp.Compare(a.What, b.What), cmp.Compare(a.Product, b.Product))
	})
	for _, d := range days {
		if _, err := t.exec(`INSERT INTO store_day (workspace, account, day, what, product, n) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (workspace, account, day, what, product) DO UPDATE SET n = store_day.n + excluded.n`,
			workspace, d.Account, d.Day, d.What, d.Product, sum[d]); err != nil {
			return fmt.Errorf("count a store's day: %w", err)
		}
	}
	return nil
}

func (t *tx) zone(workspace string) (*time.Location, error) {
	name, err := one(t, scanString, `SELECT zone FROM workspace WHERE id = $1`, workspace)
	if err != nil {
		return nil, fmt.Errorf("zone of %s: %w", workspace, err)
	}
	return engawa.Zone(name)
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

// RecountDays makes the days of a store anew, in the workspace's zone of now, of what
// was counted by quarters of an hour. Nothing else is read: who has no access any
// more, who was erased and events that were deleted with their time stay counted as
// they were. Notifications that come meanwhile wait. It returns how many quarters
// were added up.
func (s *Store) RecountDays(ctx context.Context, workspace string) (n int, err error) {
	err = s.mergeTx(ctx, workspace, func(t *tx) error {
		zone, err := t.zone(workspace)
		if err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM store_day WHERE workspace = $1`, workspace); err != nil {
			return err
		}
		if n, err = t.addQuarters(workspace, zone); err != nil {
			return err
		}
		return t.noted(workspace, "recount-days", workspace, "n="+strconv.Itoa(n))
	})
	if err != nil {
		return 0, fmt.Errorf("count the days of %s anew: %w", workspace, err)
	}
	return n, nil
}

// recountBatch is how many quarters are read at once.
const recountBatch = 1000

func (t *tx) addQuarters(workspace string, zone *time.Location) (n int, err error) {
	// What has no time is read too: its quarter is 0, or one of the first day of
	// the year 1 where migration 0037 made it of its day.
	last := counted{at: time.Date(0, time.January, 1, 0, 0, 0, 0, time.UTC)}
	for {
		qs, err := all(t, func(scan func(...any) error) (c counted, err error) {
			var began int64
			err = scan(&began, &c.account, &c.what, &c.product, &c.n)
			c.at = at(began)
			return c, err
		}, `SELECT at, account, what, product, n FROM store_quarter
			WHERE workspace = $1 AND (at, account, what, product) > ($2, $3, $4, $5) ORDER BY at, account, what, product LIMIT $6`,
			workspace, us(last.at), last.account, last.what, last.product, recountBatch)
		if err != nil || len(qs) == 0 {
			return n, err
		}
		if err := t.addDays(workspace, qs, zone); err != nil {
			return n, err
		}
		n += len(qs)
		last = qs[len(qs)-1]
	}
}

// quartersOfBefore gives the days of a takeout that was written before there were
// quarters the quarters that migration 0037 gave such days: without them, days that
// are counted anew would be gone.
func (t *tx) quartersOfBefore(workspace string) error {
	quarters, err := one(t, scanInt, `SELECT count(*) FROM store_quarter WHERE workspace = $1`, workspace)
	if err != nil || quarters > 0 {
		return err
	}
	text, err := migrations.ReadFile("migrations/0037_quarters.sql")
	if err != nil {
		return err
	}
	_, fill, _ := strings.Cut(string(text), ");")
	if _, err := t.exec(strings.Replace(fill, "FROM store_day", "FROM store_day WHERE workspace = $1", 1), workspace); err != nil {
		return fmt.Errorf("give the days of before their quarters: %w", err)
	}
	return nil
}
