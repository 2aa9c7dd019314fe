package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Ended is what the end of a contract did.
type Ended struct {
	At      time.Time
	Grants  int64
	Secrets int64
	Handles int64
	Refused int64 // messages that had not been handed over
	Shared  []Shared
	PurgeAt time.Time // from when on what only the contract needed is destroyed
}

// Shared is what a partner was given of the subscribers of an app.
type Shared struct {
	Partner   string `json:"partner"`
	App       string `json:"app"`
	Handles   int64  `json:"handles"`   // ever
	Addresses int64  `json:"addresses"` // of these, with an address
	Messages  int64  `json:"messages"`  // that the partner sent
}

// Destroyed counts what the end of a contract destroys, or has.
type Destroyed struct {
	Texts     int64 `json:"texts"`     // messages whose words, verdicts and hand-overs are gone; that they were, stays
	Replies   int64 `json:"replies"`   // answers that were kept for a partner
	Handles   int64 `json:"handles"`   // names by which a partner knew a customer
	Customers int64 `json:"customers"` // who are erased, since nothing else needs them
	Kept      int64 `json:"kept"`      // customers whom something else needs
}

// Ending is the end of a contract: of a partner, or of one subscription.
type Ending struct {
	Workspace    string
	ID           string
	Partner      string // of a subscription: who operates the app; may be empty
	Subscription string // empty: the whole partner ended
	Customer     string // of a subscription; for the hub alone
	App          string // of a subscription
	StartedAt    time.Time
	EndedAt      time.Time
	PurgeAt      time.Time // from when on what only the contract needed is destroyed
	PurgedAt     time.Time // zero: not all of it is
	Shared       []Shared
	Destroyed    Destroyed // so far
	Left         Destroyed // to be destroyed, as it stands now
	Decisions    int64     // consents and withdrawals that the partner keeps its proof of
	counted      bool      // Shared is
}

// EndPartner ends a partner in one transaction: its grants, its secrets, its
// handles, and what waits of its messages, which is refused; what a claim is just
// looking at, that claim refuses. What only its contract needed is destroyed after
// Store.PurgeAfter. Ending again changes nothing.
func (s *Store) EndPartner(ctx context.Context, workspace, id string) (e Ended, err error) {
	err = s.inTx(ctx, workspace, func(t *tx) error {
		e = s.ends()
		endpoints, err := all(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND owner = $2 AND kind = 'webhook' AND ended_at = 0 ORDER BY id {lock}`, workspace, id)
		if err != nil {
			return err
		}
		if _, err := t.lists(workspace, "{lock}"); err != nil { // behind accounts, and before handles, as who brings lists up to date
			return err
		}
		if err := t.expect("partner that has not ended", `UPDATE partner SET ended_at = $3 WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, id, us(e.At)); err != nil {
			return err
		}
		started, err := one(t, scanInt, `SELECT created_at FROM partner WHERE workspace = $1 AND id = $2`, workspace, id)
		if err != nil {
			return err
		}
		for _, x := range [...]struct {
			q     string
			count *int64
		}{
			{`UPDATE partner_grant SET ended_at = $3, version = version + 1 WHERE workspace = $1 AND partner = $2 AND ended_at = 0`, &e.Grants},
			{`UPDATE api_key SET revoked_at = $3 WHERE workspace = $1 AND partner <> '' AND partner = $2 AND revoked_at = 0`, &e.Secrets},
		} {
			if *x.count, err = t.exec(x.q, workspace, id, us(e.At)); err != nil {
				return err
			}
		}
		if err := t.endContract(Ending{Workspace: workspace, Partner: id, StartedAt: at(started)}, &e); err != nil {
			return err
		}
		for _, account := range endpoints {
			if err := t.endEndpoint(workspace, account); err != nil {
				return err
			}
		}
		return t.noted(workspace, "end-partner", id, fmt.Sprintf("grants=%d secrets=%d handles=%d refused=%d", e.Grants, e.Secrets, e.Handles, e.Refused))
	})
	if err != nil {
		return e, fmt.Errorf("end partner %s: %w", id, err)
	}
	return e, nil
}

// EndSubscription ends the contract of one subscription in one transaction: its
// customer's handles in that app no longer resolve, and what waits of partners'
// messages about that app is refused, unless another subscription of the app goes
// on. What is told of it later is refused until it starts anew. What only it
// needed is destroyed after Store.PurgeAfter.
func (s *Store) EndSubscription(ctx context.Context, workspace, id string) (e Ended, err error) {
	err = s.inTx(ctx, workspace, func(t *tx) error {
		e = s.ends()
		b, err := one(t, scanSubscription, `SELECT `+subscriptionColumns+` FROM subscription WHERE workspace = $1 AND id = $2`, workspace, id)
		if err != nil {
			return found("subscription", err)
		}
		if _, err := t.own(workspace, b.Customer); err != nil {
			return err
		}
		if err := t.expect("subscription that has not ended", `UPDATE subscription SET state = 'expired', ended_at = $3,
			ends_at = CASE WHEN ends_at = 0 OR ends_at > $3 THEN $3 ELSE ends_at END WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, id, us(e.At)); err != nil {
			return err
		}
		operators, err := all(t, scanString, `SELECT partner FROM app WHERE workspace = $1 AND id = $2`, workspace, b.App)
		if err != nil {
			return err
		}
		end := Ending{Workspace: workspace, Subscription: id, Customer: b.Customer, App: b.App, StartedAt: b.StartsAt}
		if len(operators) > 0 {
			end.Partner = operators[0]
		}
		if err := t.endContract(end, &e); err != nil {
			return err
		}
		if err := t.retell(workspace, b.Customer); err != nil {
			return err
		}
		return t.noted(workspace, "end-subscription", id, fmt.Sprintf("handles=%d refused=%d", e.Handles, e.Refused))
	})
	if err != nil {
		return e, fmt.Errorf("end subscription %s: %w", id, err)
	}
	return e, nil
}

// ends is an end that begins now.
func (s *Store) ends() Ended {
	when := time.Now().UTC().Truncate(time.Microsecond)
	return Ended{At: when, PurgeAt: when.Add(s.PurgeAfter)}
}

// endContract counts what was shared, ends handles, refuses what waits, and sets the day
// of the purge.
func (t *tx) endContract(end Ending, e *Ended) (err error) {
	end.EndedAt = e.At
	if e.Shared, err = t.shared(end); err != nil {
		return err
	}
	goesOn, err := t.goesOn(end)
	if err != nil {
		return err
	}
	if !goesOn {
		w := end.of("handle")
		w.and(`ended_at = 0`)
		w.args = append(w.args, us(e.At))
		if e.Handles, err = t.exec(fmt.Sprintf(`UPDATE handle SET ended_at = $%d, ended_by = '`+endedByContract+`' `, len(w.args))+w.text, w.args...); err != nil {
			return err
		}
		if e.Refused, err = t.refuseWaiting(end, e.At); err != nil {
			return err
		}
	}
	shared, err := json.Marshal(append([]Shared{}, e.Shared...)) // null means that nobody has counted
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO partner_end (workspace, id, partner, subscription, customer, app, started_at, ended_at, purge_at, next_at, purged_at, shared, destroyed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 0, $10, '{}')`,
		end.Workspace, engawa.NewID(engawa.PrefixEnding), end.Partner, end.Subscription, end.Customer, end.App, us(end.StartedAt), us(e.At), us(e.PurgeAt), string(shared))
	return err
}

// goesOn reports whether something needs what the end of a subscription would take
// away: another subscription of the app, or one that ended later and has its own day.
func (t *tx) goesOn(e Ending) (bool, error) {
	if e.Subscription == "" {
		return false, nil
	}
	others, err := all(t, scanString, `SELECT id FROM subscription WHERE workspace = $1 AND customer = $2 AND app = $3 AND ended_at = 0
		UNION ALL SELECT id FROM partner_end WHERE workspace = $1 AND customer <> '' AND customer = $2 AND app = $3 AND purged_at = 0 AND ended_at > $4 LIMIT 1`,
		e.Workspace, e.Customer, e.App, us(e.EndedAt))
	return len(others) > 0, err
}

// of finds the rows of a table that has partner, app and customer and that belong
// to the contract.
func (e Ending) of(table string) (w where) {
	w.and(table+`.workspace = ?`, e.Workspace)
	w.and(table + `.partner <> ''`)
	if e.Subscription == "" {
		w.and(table+`.partner = ?`, e.Partner)
		return w
	}
	w.and(table + `.customer <> ''`)
	w.and(table+`.customer = ?`, e.Customer)
	w.and(table+`.app = ?`, e.App)
	return w
}

// refuseWaiting refuses what waits of the contract's messages, but for what a
// claim has locked.
func (t *tx) refuseWaiting(e Ending, when time.Time) (int64, error) {
	w := e.of("message")
	w.and(messageState + ` = 'waiting'`)
	messages, err := all(t, scanString, `SELECT message FROM delivery WHERE workspace = $1 AND waits AND message IN (SELECT id FROM message `+w.text+`) ORDER BY id {skip}`, w.args...)
	if err != nil {
		return 0, err
	}
	messages = distinct(messages)
	if _, err := t.exec(`UPDATE delivery SET state = 'refused', note = 'grant.ended', updated_at = $3
		WHERE workspace = $1 AND message {in $2} AND waits`, e.Workspace, t.list(messages), us(when)); err != nil {
		return 0, err
	}
	for _, id := range messages {
		if err := t.settle(e.Workspace, id, when); err != nil {
			return 0, err
		}
	}
	return int64(len(messages)), nil
}

// SharedWith returns what a partner was given, by app: of one that ended, as it
// was then.
func (s *Store) SharedWith(ctx context.Context, workspace, partner string) (out []Shared, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ends, err := all(t, scanEnding, `SELECT `+endingColumns+` FROM partner_end WHERE workspace = $1 AND partner = $2 AND subscription = '' AND shared <> 'null'`, workspace, partner)
		if err == nil && len(ends) > 0 {
			out = ends[0].Shared
			return nil
		}
		if err == nil {
			out, err = t.shared(Ending{Workspace: workspace, Partner: partner})
		}
		return err
	})
	return out, err
}

func (t *tx) shared(e Ending) ([]Shared, error) {
	w := e.of("handle")
	scan := func(scan func(...any) error) (x Shared, err error) {
		return x, scan(&x.Partner, &x.App, &x.Handles, &x.Addresses)
	}
	out, err := all(t, scan, `SELECT partner, app, count(*), count(CASE WHEN shared_at > 0 THEN 1 END) FROM handle `+w.text+` GROUP BY partner, app ORDER BY partner, app`, w.args...)
	if err != nil {
		return nil, err
	}
	w = e.of("m")
	sent, err := all(t, func(scan func(...any) error) (x Shared, err error) { return x, scan(&x.Partner, &x.App, &x.Messages) },
		`SELECT p.partner, p.app, count(*) FROM partner_message p JOIN message m ON m.workspace = p.workspace AND m.id = p.message `+w.text+
			` GROUP BY p.partner, p.app ORDER BY p.partner, p.app`, w.args...)
	for _, m := range sent {
		if i := slices.IndexFunc(out, func(x Shared) bool { return x.Partner == m.Partner && x.App == m.App }); i >= 0 {
			out[i].Messages = m.Messages
		} else {
			out = append(out, m)
		}
	}
	return out, err
}

const endingColumns = `workspace, id, partner, subscription, customer, app, started_at, ended_at, purge_at, purged_at, shared, destroyed`

func scanEnding(scan func(...any) error) (e Ending, err error) {
	var shared, destroyed string
	var started, ended, purge, purged int64
	if err := scan(&e.Workspace, &e.ID, &e.Partner, &e.Subscription, &e.Customer, &e.App, &started, &ended, &purge, &purged, &shared, &destroyed); err != nil {
		return e, err
	}
	e.StartedAt, e.EndedAt, e.PurgeAt, e.PurgedAt = at(started), at(ended), at(purge), at(purged)
	if e.counted = shared != "null"; e.counted {
		if err := json.Unmarshal([]byte(shared), &e.Shared); err != nil {
			return e, err
		}
	}
	return e, json.Unmarshal([]byte(destroyed), &e.Destroyed)
}

// EndOf returns how far the end of a partner or of a subscription has come; of a
// subscription that ended more than once, the last one.
func (s *Store) EndOf(ctx context.Context, workspace, id string) (e Ending, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ends, err := all(t, scanEnding, `SELECT `+endingColumns+` FROM partner_end
			WHERE workspace = $1 AND (subscription = $2 OR partner = $2 AND subscription = '') ORDER BY ended_at DESC, id LIMIT 1`, workspace, id)
		if err != nil {
			return err
		}
		if len(ends) == 0 {
			return engawa.NotFound("end of a contract")
		}
		e = ends[0]
		if !e.counted {
			if e.Shared, err = t.shared(e); err != nil {
				return err
			}
		}
		if e.Decisions, err = t.decisions(e); err != nil || !e.PurgedAt.IsZero() {
			return err
		}
		e.Left, err = t.left(e)
		return err
	})
	return e, err
}

// decisions counts what proves what the contract's customers had agreed to.
func (t *tx) decisions(e Ending) (int64, error) {
	if e.Subscription == "" {
		return one(t, scanInt, `SELECT count(*) FROM consent WHERE workspace = $1 AND controller = $2`, e.Workspace, e.Partner)
	}
	return one(t, scanInt, `SELECT count(*) FROM consent WHERE workspace = $1 AND customer = $2 AND app = $3 AND controller <> $4`,
		e.Workspace, e.Customer, e.App, engawa.ControllerWorkspace)
}

// left counts what is still there.
func (t *tx) left(e Ending) (d Destroyed, err error) {
	if goesOn, err := t.goesOn(e); err != nil || goesOn {
		return d, err
	}
	words, replies, handles := e.words(), e.of("partner_reply"), e.of("handle")
	if d.Texts, err = one(t, scanInt, `SELECT count(*) FROM message `+words.text, words.args...); err != nil {
		return d, err
	}
	if d.Replies, err = one(t, scanInt, `SELECT count(*) FROM partner_reply `+replies.text, replies.args...); err != nil {
		return d, err
	}
	if d.Handles, err = one(t, scanInt, `SELECT count(*) FROM handle `+handles.text, handles.args...); err != nil {
		return d, err
	}
	customers, err := all(t, scanString, `SELECT DISTINCT customer FROM handle `+handles.text, handles.args...)
	if err != nil {
		return d, err
	}
	free, err := t.unneeded(e, customers)
	d.Customers = int64(len(free))
	return d, err
}

// words finds the contract's messages that can still be read.
func (e Ending) words() where {
	w := e.of("message")
	w.and(`message.sealed_by <> '` + destroyedBy + `'`)
	w.and(messageState + ` <> 'waiting'`)
	return w
}
