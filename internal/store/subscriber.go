package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// List is what one partner may know of the subscribers of one app.
type List struct{ Workspace, Partner, App string }

// Subscriber is one entry of a list with what the list is made from. The partner
// is told what Look.Show makes of it, and nothing else.
type Subscriber struct {
	List
	Handle        string
	Customer      string
	Changed       int64     // its place among the list's changes
	EndedAt       time.Time // zero: it resolves; else nothing below is set
	Locale        engawa.Locale
	Zone          string // the workspace's
	Subscriptions []engawa.Subscription
	Known         []Known // one for each of Look.Ways
}

// Format names the entry alone, whatever the verb.
func (s Subscriber) Format(f fmt.State, _ rune) { fmt.Fprint(f, "subscriber "+s.Handle) }

// Way is how, and for what, a subscriber might be written to.
type Way struct {
	Account string
	Purpose engawa.Purpose
}

// Look says how entries are looked at.
type Look struct {
	Ways []Way
	// Show returns what the partner is told, as text that is the same for the
	// same, and whether an address is in it.
	Show func(Subscriber) (view string, shares bool)
}

// Reasons for which a handle ended.
const (
	endedByCustomer = "customer" // who left the partner's app: none is made again before they agree to something
	endedByContract = "contract" // the partner's, or the subscription's
	endedByErasure  = "erasure"
	endedByMerger   = "merger"
)

// gone is what a list has told of a handle that ended.
const gone = "gone"

// Limits of one step.
const (
	marksAtOnce = 200
	scanAtOnce  = 100
	scanEvery   = 24 * time.Hour // for what changes by time alone: a stop that was for a while
)

// retell has lists look at customers again: partners' soon, those of somebody else's
// when the transaction has done all else (tx.seeToLists). It is called by whoever
// changes something that a list may tell, in the same transaction.
func (t *tx) retell(workspace string, customers ...string) error {
	for _, c := range distinct(customers) {
		t.touched = append(t.touched, whose{workspace, c})
		if _, err := t.exec(`INSERT INTO subscriber_mark (workspace, id, customer) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM partner WHERE workspace = $1)`,
			workspace, engawa.NewID("mrk"), c); err != nil {
			return fmt.Errorf("mark %s: %w", c, err)
		}
	}
	return nil
}

// retellAll has the lists of a partner gone through anew.
func (t *tx) retellAll(workspace, partner string) error {
	_, err := t.exec(`UPDATE subscriber_list SET anew = TRUE, scanned = '' WHERE workspace = $1 AND partner = $2`, workspace, partner)
	return err
}

// retellEvery has every list of a workspace gone through anew: the ways to reach
// its customers have changed.
func (t *tx) retellEvery(workspace string) error {
	_, err := t.exec(`UPDATE subscriber_list SET anew = TRUE, scanned = '' WHERE workspace = $1`, workspace)
	return err
}

// listRow is a list as it stands.
type listRow struct {
	List
	n       int64
	anew    bool
	scanned string
	fullAt  time.Time
}

// lists are those of a workspace.
func (t *tx) lists(workspace, how string) ([]*listRow, error) {
	return all(t, func(scan func(...any) error) (*listRow, error) {
		l := &listRow{List: List{Workspace: workspace}}
		var full int64
		err := scan(&l.Partner, &l.App, &l.n, &l.anew, &l.scanned, &full)
		l.fullAt = at(full)
		return l, err
	}, `SELECT partner, app, n, anew, scanned, full_at FROM subscriber_list WHERE workspace = $1 ORDER BY partner, app `+how, workspace)
}

// wantedLists are those that grants in force open. Of all apps, a partner's are
// those that no other partner operates.
func (t *tx) wantedLists(workspace string) ([]List, error) {
	partners, err := t.partners(workspace)
	if err != nil {
		return nil, err
	}
	grants, err := t.allGrants(workspace)
	if err != nil {
		return nil, err
	}
	apps, err := t.apps(workspace)
	var out []List
	for _, p := range partners {
		for _, a := range apps {
			if slices.ContainsFunc(grants, func(g engawa.Grant) bool { return g.Partner == p.ID && g.InForce(time.Now()) && g.Opens(a) }) {
				out = append(out, List{workspace, p.ID, a.ID})
			}
		}
	}
	return out, err
}

// StepSubscribers brings the lists of a workspace's partners up to date: what was
// marked first, then a part of a list that is gone through anew. Each entry whose
// view is another than the one that was told gets the next place among its list's
// changes. It reports whether there is more to do now; how entries are looked at it
// asks only if there is something to do.
//
// Of several nodes one at a time does it. A mark that it sees is of a transaction
// that has committed; what it reads after that is at least as new.
func (s *Store) StepSubscribers(ctx context.Context, workspace string, how func(context.Context) (Look, error)) (more bool, err error) {
	idle, err := s.listsRest(ctx, workspace)
	if err != nil || idle {
		return false, err
	}
	look, err := how(ctx)
	if err != nil {
		return false, err
	}
	err = s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		more = false
		lists, err := t.openLists(workspace)
		if err != nil || len(lists) == 0 {
			return err
		}
		before := map[List]int64{}
		for _, l := range lists {
			before[l.List] = l.n
		}
		some, err := t.stepMarks(workspace, lists, look)
		if err == nil && !some { // one of both: it takes customers in one order
			err = t.stepScan(lists, look)
		}
		if err != nil {
			return err
		}
		more = some || slices.ContainsFunc(lists, (*listRow).due)
		return t.saveLists(lists, before)
	})
	if err != nil {
		return false, fmt.Errorf("bring lists of %s up to date: %w", workspace, err)
	}
	return more, nil
}

// listsRest reports, without locking anything, that there is nothing to do.
func (s *Store) listsRest(ctx context.Context, workspace string) (rest bool, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		wanted, err := t.wantedLists(workspace)
		if err != nil {
			return err
		}
		lists, err := t.lists(workspace, "")
		if err != nil {
			return err
		}
		marks, err := all(t, scanString, `SELECT id FROM subscriber_mark WHERE workspace = $1 LIMIT 1`, workspace)
		rest = len(marks) == 0 && !slices.ContainsFunc(lists, (*listRow).due) && !slices.ContainsFunc(wanted, func(w List) bool {
			return !slices.ContainsFunc(lists, func(l *listRow) bool { return l.List == w })
		})
		return err
	})
	return rest, err
}

func (l *listRow) due() bool { return l.anew || time.Since(l.fullAt) >= scanEvery }

// openLists makes the lists that are wanted and not there, and takes all.
func (t *tx) openLists(workspace string) ([]*listRow, error) {
	wanted, err := t.wantedLists(workspace)
	if err != nil {
		return nil, err
	}
	for _, l := range wanted {
		if _, err := t.exec(`INSERT INTO subscriber_list (workspace, partner, app, n, anew, scanned, full_at) VALUES ($1, $2, $3, 0, TRUE, '', 0)
			ON CONFLICT (workspace, partner, app) DO NOTHING`, workspace, l.Partner, l.App); err != nil {
			return nil, err
		}
	}
	return t.lists(workspace, "{lock}")
}

// stepMarks looks at customers who were marked, and reports whether there were some.
func (t *tx) stepMarks(workspace string, lists []*listRow, look Look) (some bool, err error) {
	type mark struct{ id, customer string }
	marks, err := all(t, func(scan func(...any) error) (m mark, err error) { return m, scan(&m.id, &m.customer) },
		`SELECT id, customer FROM subscriber_mark WHERE workspace = $1 ORDER BY id LIMIT $2`, workspace, marksAtOnce)
	if err != nil || len(marks) == 0 {
		return false, err
	}
	var ids, customers []string
	for _, m := range marks {
		ids, customers = append(ids, m.id), append(customers, m.customer)
	}
	if err := t.relist(workspace, lists, distinct(customers), look); err != nil {
		return false, err
	}
	_, err = t.exec(`DELETE FROM subscriber_mark WHERE workspace = $1 AND id {in $2}`, workspace, t.list(ids))
	return true, err
}

// stepScan goes on through one list that is gone through anew.
func (t *tx) stepScan(lists []*listRow, look Look) error {
	i := slices.IndexFunc(lists, (*listRow).due)
	if i < 0 {
		return nil
	}
	l := lists[i]
	if !l.anew {
		l.anew, l.scanned = true, ""
	}
	customers, err := all(t, scanString, `SELECT customer FROM subscription WHERE workspace = $1 AND app = $2 AND customer > $3
		GROUP BY customer ORDER BY customer LIMIT $4`, l.Workspace, l.App, l.scanned, scanAtOnce)
	if err != nil {
		return err
	}
	if len(customers) > 0 {
		l.scanned = customers[len(customers)-1]
		if err := t.relist(l.Workspace, []*listRow{l}, customers, look); err != nil {
			return err
		}
	}
	if len(customers) < scanAtOnce {
		l.anew, l.scanned, l.fullAt = false, "", time.Now()
	}
	return nil
}

// SubscribersChanged is reported, where a route asks, of a list that has changes.
const SubscribersChanged = "partner.subscribers_changed"

// saveLists keeps the lists, and reports those that have changes.
func (t *tx) saveLists(lists []*listRow, before map[List]int64) error {
	for _, l := range lists {
		if err := t.must("save list", `UPDATE subscriber_list SET n = $4, anew = $5, scanned = $6, full_at = $7 WHERE workspace = $1 AND partner = $2 AND app = $3`,
			l.Workspace, l.Partner, l.App, l.n, l.anew, l.scanned, us(l.fullAt)); err != nil {
			return err
		}
		if l.n == before[l.List] {
			continue
		}
		if err := t.report(engawa.Event{Workspace: l.Workspace, Type: SubscribersChanged, DedupKey: fmt.Sprintf("%s:%s:%d", l.Partner, l.App, l.n)},
			map[string]string{"partner": l.Partner, "app": l.App}); err != nil {
			return err
		}
	}
	return nil
}

// handleRow is a handle as it is kept.
type handleRow struct {
	id, app, partner, customer string
	endedAt                    time.Time
	endedBy, told              string
	changed, sharedAt          int64
}

const handleColumns = `id, app, partner, customer, ended_at, ended_by, told, changed, shared_at`

func scanHandle(scan func(...any) error) (h handleRow, err error) {
	var ended int64
	err = scan(&h.id, &h.app, &h.partner, &h.customer, &ended, &h.endedBy, &h.told, &h.changed, &h.sharedAt)
	h.endedAt = at(ended)
	return h, err
}

// relist brings the entries of customers up to date in lists.
func (t *tx) relist(workspace string, lists []*listRow, customers []string, look Look) error {
	byList := map[List]*listRow{}
	for _, l := range lists {
		byList[l.List] = l
	}
	// An erasure or a merger waits, or has been: it takes its customers' handles behind them too.
	if _, err := all(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id {in $2} ORDER BY id {share}`, workspace, t.list(customers)); err != nil {
		return err
	}
	kept, err := all(t, scanHandle, `SELECT `+handleColumns+` FROM handle WHERE workspace = $1 AND customer {in $2} ORDER BY ended_at, id`, workspace, t.list(customers))
	if err != nil {
		return err
	}
	kept = slices.DeleteFunc(kept, func(h handleRow) bool { return byList[List{workspace, h.partner, h.app}] == nil })
	made, err := t.newHandles(workspace, lists, customers, kept)
	if err != nil {
		return err
	}
	live := made
	for _, h := range kept {
		if h.endedAt.IsZero() {
			live = append(live, h)
			continue
		}
		if h.told != gone {
			if err := t.renumber(byList[List{workspace, h.partner, h.app}], h, gone, false); err != nil {
				return err
			}
		}
	}
	subscribers, err := t.subscribers(workspace, live, look)
	if err != nil {
		return err
	}
	for i, sub := range subscribers {
		view, shares := look.Show(sub)
		told, _ := t.s.vault.Index(workspace, "subscriber:"+sub.Handle, view)
		if told != live[i].told {
			if err := t.renumber(byList[sub.List], live[i], told, shares); err != nil {
				return err
			}
		}
	}
	return nil
}

// renumber gives an entry the next place among its list's changes.
func (t *tx) renumber(l *listRow, h handleRow, told string, shares bool) error {
	l.n++
	shared := h.sharedAt
	if shares && shared == 0 {
		shared = now()
	}
	return t.must("tell of "+h.id, `UPDATE handle SET changed = $3, told = $4, shared_at = $5 WHERE workspace = $1 AND id = $2`, l.Workspace, h.id, l.n, told, shared)
}

// newHandles makes handles for subscribers who have none that resolves. Who left
// has none until they agree to something of that partner again.
func (t *tx) newHandles(workspace string, lists []*listRow, customers []string, kept []handleRow) (made []handleRow, err error) {
	wanted, err := t.wantedLists(workspace)
	if err != nil {
		return nil, err
	}
	type pair struct{ app, customer string }
	pairs, err := all(t, func(scan func(...any) error) (p pair, err error) { return p, scan(&p.app, &p.customer) },
		`SELECT b.app, b.customer FROM subscription b JOIN customer c ON c.workspace = b.workspace AND c.id = b.customer
			WHERE b.workspace = $1 AND b.customer {in $2} AND b.ended_at = 0 AND c.erased_at = 0 AND c.merged_into = '' GROUP BY b.app, b.customer ORDER BY b.app, b.customer`,
		workspace, t.list(customers))
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		if !slices.Contains(wanted, l.List) {
			continue // a contract that rests makes nobody known
		}
		for _, p := range pairs {
			if p.app != l.App {
				continue
			}
			may, err := t.mayList(l.List, p.customer, kept)
			if err != nil {
				return nil, err
			}
			if may {
				made = append(made, handleRow{id: engawa.NewID(engawa.PrefixHandle), app: l.App, partner: l.Partner, customer: p.customer})
			}
		}
	}
	rows := make([][]any, len(made))
	for i, h := range made {
		rows[i] = []any{workspace, h.id, h.app, h.partner, h.customer, now()}
	}
	_, err = t.insert(`INSERT INTO handle (workspace, id, app, partner, customer, created_at) VALUES ($1, $2, $3, $4, $5, $6)`, rows)
	return made, err
}

// mayList reports whether a customer is to have a new handle.
func (t *tx) mayList(l List, customer string, kept []handleRow) (bool, error) {
	var left time.Time
	for _, h := range kept {
		switch {
		case h.app != l.App || h.partner != l.Partner || h.customer != customer:
		case h.endedAt.IsZero():
			return false, nil
		case h.endedBy == endedByCustomer && h.endedAt.After(left):
			left = h.endedAt
		}
	}
	if left.IsZero() {
		return true, nil
	}
	again, err := all(t, scanString, `SELECT id FROM consent WHERE workspace = $1 AND customer = $2 AND controller = $3 AND (app = $4 OR app = '') AND given AND at > $5 LIMIT 1`,
		l.Workspace, customer, l.Partner, l.App, us(left))
	return len(again) > 0, err
}

// subscribers loads what entries are made from; of those that ended, nothing.
func (t *tx) subscribers(workspace string, rows []handleRow, look Look) ([]Subscriber, error) {
	out := make([]Subscriber, len(rows))
	var asks []Ask
	var customers []string
	for i, h := range rows {
		out[i] = Subscriber{List: List{workspace, h.partner, h.app}, Handle: h.id, Customer: h.customer, Changed: h.changed, EndedAt: h.endedAt}
		if !h.endedAt.IsZero() {
			continue
		}
		customers = append(customers, h.customer)
		for _, w := range look.Ways {
			asks = append(asks, Ask{Account: w.Account, Message: engawa.Message{
				Workspace: workspace, ID: h.id, Partner: h.partner, App: h.app, Customer: h.customer, Purpose: w.Purpose, Trigger: engawa.ByAutomatic, CreatedAt: time.Now().UTC(),
			}})
		}
	}
	if len(customers) == 0 {
		return out, nil
	}
	subs, err := all(t, scanSubscription, `SELECT `+subscriptionColumns+` FROM subscription WHERE workspace = $1 AND customer {in $2} ORDER BY starts_at, id`,
		workspace, t.list(distinct(customers)))
	if err != nil {
		return nil, err
	}
	w, err := t.world(workspace, asks, nil, false)
	if err != nil {
		return nil, err
	}
	known, err := w.knowAll(asks)
	if err != nil {
		return nil, err
	}
	locales, err := t.locales(workspace, distinct(customers))
	if err != nil {
		return nil, err
	}
	for i := range out {
		s := &out[i]
		if !s.EndedAt.IsZero() {
			continue
		}
		s.Known, known = known[:len(look.Ways)], known[len(look.Ways):]
		s.Zone, s.Locale = w.workspace.Zone, engawa.Locale(firstSet(locales[s.Customer], string(w.workspace.Locale)))
		for _, b := range subs {
			if b.Customer == s.Customer && b.App == s.App {
				s.Subscriptions = append(s.Subscriptions, b)
			}
		}
	}
	return out, nil
}

// locales are the languages of customers.
func (t *tx) locales(workspace string, customers []string) (map[string]string, error) {
	byID := map[string]string{}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var id, locale string
		err := scan(&id, &locale)
		byID[id] = locale
		return struct{}{}, err
	}, `SELECT id, locale FROM customer WHERE workspace = $1 AND id {in $2}`, workspace, t.list(customers))
	return byID, err
}

// ListState is how far a list has come.
type ListState struct {
	Changes  int64 // how many there were
	Building bool  // it is gone through for the first time
}

// Subscribers returns a page of a list by handle, which says nothing of an entry's
// age, and how far the list had come before the page was read. Page.At is not used.
func (s *Store) Subscribers(ctx context.Context, l List, look Look, after string, limit int) (subs []Subscriber, state ListState, err error) {
	subs, state, err = s.readList(ctx, l, look, `ended_at = 0 AND id > $4 ORDER BY id`, after, limit)
	return subs, state, err
}

// SubscriberChanges returns the entries that changed after a place among the
// list's changes, in their order, each once and as it stands now.
func (s *Store) SubscriberChanges(ctx context.Context, l List, look Look, after int64, limit int) (subs []Subscriber, state ListState, err error) {
	return s.readList(ctx, l, look, `changed > $4 ORDER BY changed`, after, limit)
}

func (s *Store) readList(ctx context.Context, l List, look Look, where string, after any, limit int) (subs []Subscriber, state ListState, err error) {
	err = s.view(ctx, l.Workspace, func(t *tx) error {
		rows, err := all(t, func(scan func(...any) error) (r listRow, err error) {
			var full int64
			err = scan(&r.n, &full)
			r.fullAt = at(full)
			return r, err
		}, `SELECT n, full_at FROM subscriber_list WHERE workspace = $1 AND partner = $2 AND app = $3`, l.Workspace, l.Partner, l.App)
		if err != nil {
			return err
		}
		state.Building = len(rows) == 0 || rows[0].fullAt.IsZero()
		if len(rows) > 0 {
			state.Changes = rows[0].n
		}
		hs, err := all(t, scanHandle, `SELECT `+handleColumns+` FROM handle WHERE workspace = $1 AND partner = $2 AND app = $3 AND `+where+fmt.Sprintf(` LIMIT %d`, limit),
			l.Workspace, l.Partner, l.App, after)
		if err == nil {
			subs, err = t.subscribers(l.Workspace, hs, look)
		}
		return err
	})
	if err != nil {
		return nil, state, fmt.Errorf("read list of %s: %w", l.App, err)
	}
	return subs, state, nil
}

// Subscriber returns the entry of a partner's handle. One that is another
// partner's, that ended, or that never was, is the same CodeNotFound after the
// same look.
func (s *Store) Subscriber(ctx context.Context, workspace, partner, handle string, look Look) (sub Subscriber, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		hs, err := all(t, scanHandle, `SELECT `+handleColumns+` FROM handle WHERE workspace = $1 AND id = $2 AND partner = $3 AND ended_at = 0`, workspace, handle, partner)
		if err != nil {
			return err
		}
		if len(hs) == 0 {
			return engawa.NotFound("subscriber")
		}
		subs, err := t.subscribers(workspace, hs, look)
		if err == nil {
			sub = subs[0]
		}
		return err
	})
	return sub, err
}

// LeaveApp is a customer's end of a partner for one app: what was agreed to there
// is withdrawn, service included, so that nothing that waits is handed over; the
// handle stops resolving; and none is made again before the customer agrees to
// something anew. It is the customer's decision: evidence says where it was made.
func (s *Store) LeaveApp(ctx context.Context, l List, customer string, evidence engawa.Evidence) error {
	err := s.sealTx(ctx, []string{l.Workspace}, func(t *tx) error {
		when := time.Now().UTC()
		for _, c := range leaving {
			c.Workspace, c.ID, c.Customer, c.Controller, c.App, c.At, c.Evidence = l.Workspace, engawa.NewID(engawa.PrefixConsent), customer, l.Partner, l.App, when, evidence
			if err := t.decided(c); err != nil {
				return err
			}
		}
		if _, err := t.exec(`UPDATE handle SET ended_at = $5, ended_by = '`+endedByCustomer+`' WHERE workspace = $1 AND app = $2 AND partner = $3 AND customer = $4 AND ended_at = 0`,
			l.Workspace, l.App, l.Partner, customer, us(when)); err != nil {
			return err
		}
		return t.noted(l.Workspace, "leave-app", customer, l.Partner+" "+l.App)
	})
	if err != nil {
		return fmt.Errorf("leave %s: %w", l.App, err)
	}
	return nil
}

// leaving is what a customer who leaves withdraws.
var leaving = []engawa.Consent{
	{Act: engawa.ActContact, Purpose: engawa.Service},
	{Act: engawa.ActContact, Purpose: engawa.Notice},
	{Act: engawa.ActContact, Purpose: engawa.Marketing},
	{Act: engawa.ActShareAddress, Purpose: engawa.Service},
}
