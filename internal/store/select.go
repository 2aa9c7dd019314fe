package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Selection asks which customers of a workspace a condition holds of. Who was
// erased, or merged into another, is never among them.
type Selection struct {
	Workspace string
	Where     engawa.Condition
	Now       time.Time // from which days are counted back
	Idle      []string  // types of events that are nobody's own doing
	Until     time.Time // customers who came later are left out; zero: nobody is
	Without   string    // a broadcast: customers who have a message of it are left out
}

// selecting writes a selection as SQL: arguments are numbered as they are added.
type selecting struct {
	t    *tx
	of   Selection
	args []any
}

func (q *selecting) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// text is the FROM and WHERE of the selection. Customers stand under the name c.
func (q *selecting) text() string {
	ws := q.arg(q.of.Workspace)
	text := ` FROM customer c WHERE c.workspace = ` + ws + ` AND c.erased_at = 0 AND c.merged_into = '' AND ` + q.holds(q.of.Where)
	if !q.of.Until.IsZero() {
		text += ` AND c.created_at <= ` + q.arg(us(q.of.Until))
	}
	if q.of.Without != "" {
		text += ` AND NOT EXISTS (SELECT 1 FROM message m WHERE m.workspace = ` + ws + ` AND m.broadcast <> '' AND m.broadcast = ` + q.arg(q.of.Without) + ` AND m.customer = c.id)`
	}
	return text
}

// holds is a condition in SQL. What it means is said once more, on values, by
// segment.Matches; a test holds the two together.
func (q *selecting) holds(c engawa.Condition) string {
	text := ""
	switch {
	case len(c.All) > 0:
		text = q.each(c.All, " AND ")
	case len(c.Any) > 0:
		text = q.each(c.Any, " OR ")
	case c.Is == "":
		text = "TRUE"
	default:
		text = "(" + q.trait(c) + ")"
	}
	if c.Not {
		return "NOT " + text
	}
	return text
}

func (q *selecting) each(cs []engawa.Condition, by string) string {
	texts := make([]string, len(cs))
	for i, c := range cs {
		texts[i] = q.holds(c)
	}
	return "(" + strings.Join(texts, by) + ")"
}

func (q *selecting) trait(c engawa.Condition) string {
	switch c.Is {
	case engawa.TraitTag:
		hash, _ := q.t.s.tagHash(q.of.Workspace, c.Value)
		return q.has("customer_tag", `x.tag_hash = `+q.arg(hash))
	case engawa.TraitKind:
		return `c.kind = ` + q.arg(c.Value)
	case engawa.TraitLocale:
		return `c.locale = ` + q.arg(c.Value)
	case engawa.TraitCountry:
		return `c.country = ` + q.arg(c.Value)
	case engawa.TraitMinor:
		return `c.minor = TRUE`
	case engawa.TraitSubscription:
		return q.has("subscription", `x.ended_at = 0 AND x.environment <> '`+engawa.Sandbox+`'`+q.given("x.app", c.App)+q.given("x.product", c.Product)+q.given("x.state", string(c.Subscription)))
	case engawa.TraitConsent:
		return q.agreed(c)
	case engawa.TraitContact:
		return q.has("contact_point", `x.ended_at = 0 AND x.verified_at > 0 AND x.kind = `+q.arg(c.Channel))
	case engawa.TraitRelationship:
		return q.has("contact_point", `x.ended_at = 0 AND EXISTS (SELECT 1 FROM relationship r WHERE r.workspace = x.workspace AND r.contact_point = x.id
			AND r.state = `+q.arg(c.Value)+q.given("r.account", c.Account)+`)`)
	case engawa.TraitActive:
		return q.active(q.of.Now.AddDate(0, 0, -c.Days))
	case engawa.TraitCreatedAfter:
		return `c.created_at >= ` + q.arg(us(*c.At))
	case engawa.TraitCreatedBefore:
		return `c.created_at < ` + q.arg(us(*c.At))
	}
	return "FALSE" // of a newer program: it holds of nobody
}

// has asks for a row of the customer's in a table, under the name x.
func (q *selecting) has(table, condition string) string {
	return `EXISTS (SELECT 1 FROM ` + table + ` x WHERE x.workspace = c.workspace AND x.customer = c.id AND ` + condition + `)`
}

// given asks for a column where the condition names a value.
func (q *selecting) given(column, value string) string {
	if value == "" {
		return ""
	}
	return ` AND ` + column + ` = ` + q.arg(value)
}

// agreed asks for a consent that stands, by the rule of verdicts
// (internal/verdict): no matching withdrawal is as new, or names less.
func (q *selecting) agreed(c engawa.Condition) string {
	scope := func(n string) string {
		text := ` AND ` + n + `.controller = '` + engawa.ControllerWorkspace + `' AND ` + n + `.act = '` + string(engawa.ActContact) + `'`
		return text + ` AND ` + n + `.app IN ('', ` + q.arg(c.App) + `) AND ` + n + `.channel IN ('', ` + q.arg(c.Channel) + `) AND ` + n + `.topic IN ('', ` + q.arg(c.Topic) + `)`
	}
	class := ` AND w.purpose = 'notice'`
	if c.Purpose == engawa.Marketing { // as is whatever is no purpose
		class = ` AND w.purpose NOT IN ('notice', 'service', 'service.security', 'service.legal_notice', 'service.consent_admin')`
	}
	return q.has("consent", `x.given = TRUE AND x.pending = FALSE AND x.purpose = `+q.arg(string(c.Purpose))+` AND x.at <= `+q.arg(us(q.of.Now))+scope("x")+
		` AND NOT EXISTS (SELECT 1 FROM consent w WHERE w.workspace = x.workspace AND w.customer = x.customer AND w.given = FALSE`+class+scope("w")+
		` AND (x.at <= w.at OR w.app NOT IN ('', x.app) OR w.channel NOT IN ('', x.channel) OR w.topic NOT IN ('', x.topic)))`)
}

// active asks for something of the customer's own doing. Ids of events sort by
// when they were received, and nothing is received before it happened: so what
// is older is not looked at.
func (q *selecting) active(since time.Time) string {
	from := q.arg(us(since))
	return `c.seen_at >= ` + from + ` OR EXISTS (SELECT 1 FROM event x WHERE x.workspace = c.workspace AND x.customer <> '' AND x.customer = c.id AND x.id >= ` +
		q.arg(firstEvent(since)) + ` AND x.occurred_at >= ` + from + ` AND NOT x.type {in ` + q.arg(q.t.list(q.of.Idle)) + `})`
}

// earlyClock is how far a caller's clock may be before ours: what it says happened
// now is received "before".
const earlyClock = 24 * time.Hour

func firstEvent(since time.Time) string {
	id := engawa.NewOrderedID(engawa.PrefixEvent, since.Add(-earlyClock))
	return id[:len(engawa.PrefixEvent)+1+9] // the letters that are the time alone
}

// CountSelected says how many customers there are.
func (s *Store) CountSelected(ctx context.Context, of Selection) (n int, err error) {
	err = s.view(ctx, of.Workspace, func(t *tx) error {
		q := selecting{t: t, of: of}
		text := q.text()
		count, err := one(t, scanInt, `SELECT count(*)`+text, q.args...)
		n = int(count)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count customers: %w", err)
	}
	return n, nil
}

// Selected returns the first customers by their ids, behind the id after.
func (s *Store) Selected(ctx context.Context, of Selection, after string, limit int) (ids []string, err error) {
	err = s.view(ctx, of.Workspace, func(t *tx) error {
		ids, err = t.selected(of, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("select customers: %w", err)
	}
	return ids, nil
}

func (t *tx) selected(of Selection, after string, limit int) ([]string, error) {
	q := selecting{t: t, of: of}
	text := q.text() + ` AND c.id > ` + q.arg(after)
	return all(t, scanString, `SELECT c.id`+text+` ORDER BY c.id LIMIT `+strconv.Itoa(limit), q.args...)
}

// Profiles returns what conditions are asked of customers; idle as in Selection.
// Who was erased or merged, or does not exist, is left out.
func (s *Store) Profiles(ctx context.Context, workspace string, ids, idle []string) (ps []engawa.Profile, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id {in $2} AND erased_at = 0 AND merged_into = '' ORDER BY id`, workspace, t.list(ids))
		if err != nil {
			return err
		}
		cs, err := t.openCustomers(workspace, rows)
		if err != nil {
			return err
		}
		tags, err := t.tagsOf(workspace, ids)
		for _, c := range cs {
			p := engawa.Profile{Customer: c, Tags: tags[c.ID]}
			if err == nil {
				err = t.profile(&p, idle)
			}
			ps = append(ps, p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	return ps, nil
}

// profile loads what one customer has.
func (t *tx) profile(p *engawa.Profile, idle []string) (err error) {
	ws, id := p.Customer.Workspace, p.Customer.ID
	if p.Subscriptions, err = all(t, func(scan func(...any) error) (sub engawa.Subscription, err error) {
		return sub, scan(&sub.ID, &sub.App, &sub.Product, &sub.State)
	}, `SELECT id, app, product, state FROM subscription WHERE workspace = $1 AND customer = $2 AND ended_at = 0 AND environment <> '`+engawa.Sandbox+`'`, ws, id); err != nil {
		return err
	}
	if p.Consents, err = t.consents(ws, id); err != nil {
		return err
	}
	points, err := t.contactPoints(ws, []string{id})
	if err != nil {
		return err
	}
	for _, r := range points {
		p.Points = append(p.Points, r.ContactPoint)
	}
	if p.Relations, err = all(t, func(scan func(...any) error) (r engawa.Relation, err error) {
		return r, scan(&r.Account, &r.State)
	}, `SELECT r.account, r.state FROM relationship r JOIN contact_point x ON x.workspace = r.workspace AND x.id = r.contact_point
		WHERE r.workspace = $1 AND x.customer = $2 AND x.ended_at = 0`, ws, id); err != nil {
		return err
	}
	seen, err := one(t, scanInt, `SELECT seen_at FROM customer WHERE workspace = $1 AND id = $2`, ws, id)
	if err != nil {
		return err
	}
	did, err := one(t, scanInt, `SELECT coalesce(max(occurred_at), 0) FROM event WHERE workspace = $1 AND customer <> '' AND customer = $2 AND NOT type {in $3}`, ws, id, t.list(idle))
	p.ActiveAt = at(max(seen, did))
	return err
}
