package follow

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/insight"
	"github.com/engawa/engawa/internal/store"
)

// Watch looks at what was refunded in production and raises an event where it is too
// much: of a store on a day, or of one customer. Each alarm is journaled once, however
// many nodes look. Its Step is called by one goroutine.
type Watch struct {
	Store *store.Store

	next time.Time
	seen time.Time // until when refunds were looked at
}

// watchEvery is how often a Watch looks.
const watchEvery = 5 * time.Minute

// watchBack is how far back it looks at first: a hub that was down this long
// misses no customer.
const watchBack = 7 * 24 * time.Hour

// Step looks if it is time to.
func (w *Watch) Step(ctx context.Context) error {
	now := time.Now().UTC()
	if now.Before(w.next) {
		return nil
	}
	w.next = now.Add(watchEvery)
	since := w.seen
	if since.IsZero() {
		since = now.Add(-watchBack)
	}
	workspaces, err := w.Store.Workspaces(ctx)
	if err != nil {
		return err
	}
	for _, ws := range workspaces {
		if err := w.look(ctx, ws, since, now); err != nil {
			return fmt.Errorf("watch the refunds of %s: %w", ws.ID, err)
		}
	}
	w.seen = now
	return nil
}

func (w *Watch) look(ctx context.Context, ws engawa.Workspace, since, now time.Time) error {
	accounts, err := w.Store.Accounts(ctx, ws.ID)
	if err != nil {
		return err
	}
	stores := map[string]engawa.Account{}
	for _, a := range accounts {
		if Production(a) {
			stores[a.ID] = a
		}
	}
	if len(stores) == 0 {
		return nil
	}
	evs, err := w.surges(ctx, ws, stores, now)
	if err != nil {
		return err
	}
	more, err := w.suspicious(ctx, ws.ID, stores, since, now)
	if evs = append(evs, more...); err != nil || len(evs) == 0 {
		return err
	}
	_, err = w.Store.Journal(ctx, evs)
	return err
}

type alarmStore struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// surges are the alarms of today and of yesterday, each once.
func (w *Watch) surges(ctx context.Context, ws engawa.Workspace, stores map[string]engawa.Account, now time.Time) (evs []engawa.Event, err error) {
	zone, err := engawa.Zone(ws.Zone)
	if err != nil {
		return nil, err
	}
	today := now.In(zone)
	span := insight.Span{To: today, Days: insight.Enough}
	days, err := w.Store.StoreDays(ctx, ws.ID, span.From())
	if err != nil {
		return nil, err
	}
	for id, a := range stores {
		own := slices.DeleteFunc(slices.Clone(days), func(d engawa.StoreDay) bool { return d.Account != id })
		sales := insight.SalesOf(own, span)
		surges := insight.Surges(sales)
		for i := max(0, len(sales)-2); i < len(sales); i++ { // yesterday too: its last refunds, and what was missed at night
			s := surges[i]
			if !s.Is {
				continue
			}
			e, err := alarm(a, insight.Surged, span.Day(i), now, map[string]any{
				"store": alarmStore{a.ID, a.Name}, "day": span.Day(i), "refunded": s.Refunded, "expected": math.Round(s.Expected*10) / 10, "sold": sales[i].Sold,
				"product_id": insight.MostRefunded(own, span.Day(i)),
			})
			if err != nil {
				return nil, err
			}
			evs = append(evs, e)
		}
	}
	return evs, nil
}

// suspicious are the alarms about customers who were refunded since, of each store by
// what they bought there.
func (w *Watch) suspicious(ctx context.Context, workspace string, stores map[string]engawa.Account, since, now time.Time) (evs []engawa.Event, err error) {
	refunded, err := w.refunded(ctx, workspace, stores, since)
	for b := range refunded {
		ps, err := w.Store.PurchasesOf(ctx, workspace, b.customer)
		if err != nil {
			return nil, err
		}
		ps = slices.DeleteFunc(ps, func(p engawa.Purchase) bool { return p.Account != b.account })
		states, err := States(ps, engawa.Production)
		if err != nil {
			return nil, err
		}
		a, d := stores[b.account], insight.DoubtOf(states, now)
		if !d.Suspicious() {
			continue
		}
		e, err := alarm(a, insight.SuspiciousRefunds, fmt.Sprint(b.customer, " ", d.Refunded), now, map[string]any{
			"store": alarmStore{a.ID, a.Name}, "refunded": d.Refunded, "bought": d.Bought, "days": int(insight.DoubtSpan / (24 * time.Hour)),
		})
		if err != nil {
			return nil, err
		}
		e.Customer = b.customer
		evs = append(evs, e)
	}
	return evs, err
}

// buyer is a customer of one store.
type buyer struct{ customer, account string }

// refunded finds the buyers of the refunds that stores heard of since.
func (w *Watch) refunded(ctx context.Context, workspace string, stores map[string]engawa.Account, since time.Time) (map[buyer]bool, error) {
	out := map[buyer]bool{}
	for page := (store.Page{Limit: 200}); ; {
		evs, err := w.Store.Events(ctx, workspace, store.EventFilter{Type: "store.refund"}, page)
		if err != nil {
			return nil, err
		}
		for _, e := range evs {
			if e.ReceivedAt.Before(since) {
				return out, nil
			}
			if _, ok := stores[e.Account]; ok && e.Customer != "" && !e.Sample {
				out[buyer{e.Customer, e.Account}] = true
			}
			page.ID = e.ID
		}
		if len(evs) < page.Limit {
			return out, nil
		}
	}
}

// alarm is an event that is journaled once for what it names.
func alarm(a engawa.Account, typ, once string, now time.Time, data map[string]any) (engawa.Event, error) {
	body, err := json.Marshal(data, json.Deterministic(true))
	if err != nil {
		return engawa.Event{}, fmt.Errorf("write an alarm: %w", err)
	}
	return engawa.Event{
		Workspace: a.Workspace, Account: a.ID, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Type: typ, Known: true, DedupKey: typ + " " + once,
		OccurredAt: now, ReceivedAt: now, Data: body,
	}, nil
}
