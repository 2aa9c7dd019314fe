package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

const refundColumns = `workspace, id, account, transaction_hash, original_hash, key_id, app, customer, purchase, environment, kind, product, storefront, price, currency, bought_at, advanced,
	reason, requests, asked_at, due_at, state, closed_at, returned, answer, why, alarmed_at, next_at, updated_at, sealed, sealed_by`

type refundRow struct {
	engawa.RefundCase
	sealed []byte
	by     string
}

// refundBody is what is sealed of a case.
type refundBody struct {
	Transaction string          `json:"transaction"`
	Original    string          `json:"original"`
	Facts       json.RawMessage `json:"facts"`
}

func scanRefund(scan func(...any) error) (r refundRow, err error) {
	var bought, asked, due, closed, alarmed, next, updated int64
	var hash, original, key string
	err = scan(&r.Workspace, &r.ID, &r.Account, &hash, &original, &key, &r.App, &r.Customer, &r.Purchase, &r.Environment, &r.Kind, &r.Product, &r.Storefront, &r.Price, &r.Currency,
		&bought, &r.Advanced, &r.Reason, &r.Requests, &asked, &due, &r.State, &closed, &r.Returned, &r.Answer, &r.Why, &alarmed, &next, &updated, &r.sealed, &r.by)
	r.BoughtAt, r.AskedAt, r.DueAt, r.ClosedAt, r.AlarmedAt, r.NextAt, r.UpdatedAt = at(bought), at(asked), at(due), at(closed), at(alarmed), at(next), at(updated)
	return r, err
}

// openRefunds opens cases; those of erased customers have no Facts.
func (t *tx) openRefunds(workspace string, rows []refundRow) ([]engawa.RefundCase, error) {
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return nil, err
	}
	out := make([]engawa.RefundCase, len(rows))
	err = parallel(len(rows), func(i int) error {
		r := rows[i]
		out[i] = r.RefundCase
		if !ring.opens(r.by) {
			return nil
		}
		plain, err := ring.open(workspace, r.by, "refund_case", r.ID, r.sealed)
		if err != nil {
			return err
		}
		var b refundBody
		if err := json.Unmarshal(plain, &b); err != nil {
			return fmt.Errorf("read %s: %w", r.ID, err)
		}
		out[i].Transaction, out[i].Original, out[i].Facts = b.Transaction, b.Original, []byte(b.Facts)
		return nil
	})
	return out, err
}

// transactionHash is how a transaction is found, of whichever account.
func (t *tx) transactionHash(workspace, transaction string) (hash, key string) {
	return t.s.vault.Index(workspace, "transaction", transaction)
}

// hearRefunds keeps the cases that a purchase has by all that was said of it.
func (t *tx) hearRefunds(p engawa.Purchase, cases []engawa.RefundCase) error {
	for _, c := range cases {
		c.Workspace, c.Account, c.App, c.Customer, c.Purchase, c.Environment = p.Workspace, p.Account, p.App, p.Customer, p.ID, p.Environment
		hash, _ := t.transactionHash(p.Workspace, c.Transaction)
		rows, err := all(t, scanRefund, `SELECT `+refundColumns+` FROM refund_case WHERE workspace = $1 AND account = $2 AND transaction_hash = $3 {lock}`,
			p.Workspace, p.Account, hash)
		if err != nil {
			return err
		}
		kept, err := t.openRefunds(p.Workspace, rows)
		if err != nil {
			return err
		}
		if len(kept) == 0 {
			kept = []engawa.RefundCase{{ID: engawa.NewID(engawa.PrefixRefund)}}
		}
		if err := t.hearRefund(kept[0], c); err != nil {
			return fmt.Errorf("hear of a refund: %w", err)
		}
	}
	return nil
}

// hearRefund adds to a case what is known of the store's side now. One that the
// store opened anew begins without an answer; one that it decided waits for nothing.
func (t *tx) hearRefund(kept, heard engawa.RefundCase) error {
	round := heard.State == engawa.RefundOpen && (kept.State != engawa.RefundOpen || heard.AskedAt.After(kept.AskedAt))
	if !round && kept.State == heard.State && kept.Requests == heard.Requests && kept.AskedAt.Equal(heard.AskedAt) && kept.ClosedAt.Equal(heard.ClosedAt) &&
		kept.Returned == heard.Returned && kept.Customer == heard.Customer && kept.Facts != nil {
		return nil
	}
	heard.ID, heard.UpdatedAt = kept.ID, time.Now()
	if kept.Facts != nil {
		heard.Facts = kept.Facts
	}
	if !round {
		heard.Answer, heard.Why, heard.AlarmedAt = kept.Answer, kept.Why, kept.AlarmedAt
	}
	if heard.State == engawa.RefundOpen {
		heard.NextAt = heard.UpdatedAt
	} else if err := t.closeTask(heard.Workspace, Closing{Kind: RefundTask, Ref: heard.ID}); err != nil {
		return err
	}
	if err := t.keepRefund(heard); err != nil {
		return err
	}
	for _, id := range []string{heard.Transaction, heard.Original} {
		hash, _ := t.transactionHash(heard.Workspace, id)
		if _, err := t.exec(`UPDATE consumption SET customer = $3 WHERE workspace = $1 AND transaction_hash = $2 AND customer = ''`, heard.Workspace, hash, heard.Customer); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) keepRefund(c engawa.RefundCase) error {
	hash, key := t.transactionHash(c.Workspace, c.Transaction)
	original, _ := t.transactionHash(c.Workspace, c.Original)
	ring, err := t.keys(c.Workspace, []string{c.Customer})
	if err != nil {
		return err
	}
	body, err := json.Marshal(refundBody{c.Transaction, c.Original, c.Facts})
	if err != nil {
		return err
	}
	sealed, by, err := ring.seal(c.Workspace, c.Customer, "refund_case", c.ID, body)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO refund_case (`+refundColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)
		ON CONFLICT (workspace, id) DO UPDATE SET app = excluded.app, customer = excluded.customer, purchase = excluded.purchase, environment = excluded.environment,
			kind = excluded.kind, product = excluded.product, storefront = excluded.storefront, price = excluded.price, currency = excluded.currency,
			bought_at = excluded.bought_at, advanced = excluded.advanced, reason = excluded.reason, requests = excluded.requests, asked_at = excluded.asked_at,
			due_at = excluded.due_at, state = excluded.state, closed_at = excluded.closed_at, returned = excluded.returned, answer = excluded.answer, why = excluded.why,
			alarmed_at = excluded.alarmed_at, next_at = excluded.next_at, updated_at = excluded.updated_at, sealed = excluded.sealed, sealed_by = excluded.sealed_by`,
		c.Workspace, c.ID, c.Account, hash, original, key, c.App, c.Customer, c.Purchase, c.Environment, c.Kind, c.Product, c.Storefront, c.Price, c.Currency,
		us(c.BoughtAt), c.Advanced, c.Reason, c.Requests, us(c.AskedAt), us(c.DueAt), string(c.State), us(c.ClosedAt), c.Returned, string(c.Answer), c.Why,
		us(c.AlarmedAt), us(c.NextAt), us(c.UpdatedAt), sealed, by)
	return err
}

// RefundFacts is all that an answer to a case is decided by.
type RefundFacts struct {
	Case     engawa.RefundCase
	Purchase engawa.Purchase // Facts nil: of a customer who was erased
	Consents []engawa.Consent
	Told     []engawa.Consumption // that may bear on the case, newest first; Transaction says only whether one is about it
	Policy   engawa.RefundPolicy
	Earlier  int // purchases of the customer in the case's environment that were refunded before, as far as is known
}

// RefundChange is what becomes of a case.
type RefundChange struct {
	Case   engawa.RefundCase
	Alarm  *engawa.Task // a person is told that time runs out, and routes are
	Ended  bool         // what a person was asked to do is done, or of no use any more
	Action string       // for the audit trail; empty: nothing is noted
	Detail string
}

// ChangeRefund decides on a case by all that is known of it. The customer's row
// is held meanwhile as a claim holds it: no withdrawal and no erasure comes in
// between, and one that came before is seen. A nil change keeps the case as it is.
func (s *Store) ChangeRefund(ctx context.Context, workspace, id string, decide func(RefundFacts) (*RefundChange, error)) (c engawa.RefundCase, err error) {
	err = s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		f, err := t.refundFacts(workspace, id, true)
		if err != nil {
			return err
		}
		c = f.Case
		change, err := decide(f)
		if err != nil || change == nil {
			return err
		}
		change.Case.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
		c = change.Case
		return t.changeRefund(*change)
	})
	if err != nil {
		return c, unavailable(fmt.Errorf("change %s: %w", id, err))
	}
	return c, nil
}

func (t *tx) changeRefund(change RefundChange) error {
	c := change.Case
	if err := t.keepRefund(c); err != nil {
		return err
	}
	if change.Alarm != nil {
		if err := t.raise(*change.Alarm); err != nil {
			return err
		}
		if err := t.tellRefund(c); err != nil {
			return err
		}
	}
	if change.Ended {
		if err := t.closeTask(c.Workspace, Closing{Kind: RefundTask, Ref: c.ID}); err != nil {
			return err
		}
	}
	if change.Action == "" {
		return nil
	}
	return t.noted(c.Workspace, change.Action, c.ID, change.Detail)
}

// RefundTask is the kind of the task that asks a person for an answer.
const RefundTask = "refund.due"

// typeRefundDue is the event that tells that a case's time runs out, once for
// each round of it.
const typeRefundDue = "refund.due"

// tellRefund journals that a case's time runs out. It is the customer's.
func (t *tx) tellRefund(c engawa.RefundCase) error {
	told := map[string]any{
		"id": c.ID, "product": c.Product, "kind": c.Kind, "reason": c.Reason, "why": c.Why, "requests": c.Requests,
		"asked_at": c.AskedAt.UTC().Format(time.RFC3339), "due_at": c.DueAt.UTC().Format(time.RFC3339),
	}
	if url := t.s.URL("/refunds/" + c.ID); url != "" {
		told["url"] = url
	}
	data, err := json.Marshal(map[string]any{"refund": told})
	if err != nil {
		return fmt.Errorf("tell of %s: %w", c.ID, err)
	}
	return t.tellOf(engawa.Event{
		Workspace: c.Workspace, Type: typeRefundDue, DedupKey: typeRefundDue + ":" + c.ID + ":" + strconv.FormatInt(us(c.AskedAt), 36),
		Subject: "refund:" + c.ID, Customer: c.Customer, Data: data,
	})
}

// refundFacts reads a case with what bears on it; with hold, customer and case
// are taken so that neither changes.
func (t *tx) refundFacts(workspace, id string, hold bool) (f RefundFacts, err error) {
	share, lock := "", ""
	if hold {
		share, lock = " {share}", " {lock}"
	}
	customer, err := one(t, scanString, `SELECT customer FROM refund_case WHERE workspace = $1 AND id = $2`, workspace, id)
	if err != nil {
		return f, found("refund case", err)
	}
	if _, err = all(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id = $2`+share, workspace, customer); err != nil {
		return f, err
	}
	row, err := one(t, scanRefund, `SELECT `+refundColumns+` FROM refund_case WHERE workspace = $1 AND id = $2`+lock, workspace, id)
	if err != nil {
		return f, found("refund case", err)
	}
	if row.Customer != customer {
		return f, &engawa.Error{Code: engawa.CodeUnavailable, Message: "the customer of this case changes right now; nothing was done", Remedy: "try again in a moment"}
	}
	cs, err := t.openRefunds(workspace, []refundRow{row})
	if err != nil {
		return f, err
	}
	f.Case = cs[0]
	return f, t.bearing(&f)
}

// bearing reads what bears on a case.
func (t *tx) bearing(f *RefundFacts) (err error) {
	c := f.Case
	if f.Purchase, err = t.purchase(`id = $2`, c.Workspace, c.Purchase); err != nil {
		return err
	}
	if f.Consents, err = t.consents(c.Workspace, c.Customer); err != nil {
		return err
	}
	if f.Policy, err = t.refundPolicy(c.Workspace, c.Account); err != nil {
		return err
	}
	if f.Told, err = t.usageOf(c); err != nil {
		return err
	}
	n, err := one(t, scanInt, `SELECT (SELECT count(*) FROM refund_case WHERE workspace = $1 AND customer = $2 AND environment = $4 AND state = 'granted' AND id <> $3)
		+ (SELECT count(*) FROM purchase p WHERE p.workspace = $1 AND p.customer = $2 AND p.environment = $4 AND p.state = 'revoked' AND NOT p.shared
			AND NOT EXISTS (SELECT 1 FROM refund_case c WHERE c.workspace = $1 AND c.purchase = p.id))`, c.Workspace, c.Customer, c.ID, c.Environment)
	f.Earlier = int(n)
	return err
}

// RefundFacts reads a case with what bears on it.
func (s *Store) RefundFacts(ctx context.Context, workspace, id string) (f RefundFacts, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		f, err = t.refundFacts(workspace, id, false)
		return err
	})
	return f, err
}

// RefundRef names a case.
type RefundRef struct{ Workspace, ID string }

// DueRefunds returns cases of every workspace that the hub is to look at, the
// longest due first. Several nodes may get the same: ChangeRefund has one decide.
func (s *Store) DueRefunds(ctx context.Context, limit int) (due []RefundRef, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, func(scan func(...any) error) (r RefundRef, err error) { return r, scan(&r.Workspace, &r.ID) },
			`SELECT workspace, id FROM refund_case WHERE next_at > 0 AND next_at <= $1 ORDER BY next_at LIMIT `+strconv.Itoa(limit), now())
		return err
	})
	return due, err
}

// RefundFilter narrows a list of cases; empty fields do not.
type RefundFilter struct {
	Closed   bool // those that the store decided, the latest first; else open ones, the soonest due first
	Over     bool // of the open ones those whose time is over; else those whose is not
	State    engawa.RefundState
	Answer   engawa.RefundAnswer
	Account  string
	Product  string
	Customer string
}

// Refunds returns a page of cases, without Transaction and Facts. The page goes on
// behind the case (At, ID), whose time is DueAt of an open and ClosedAt of a closed one.
func (s *Store) Refunds(ctx context.Context, workspace string, f RefundFilter, p Page) (cs []engawa.RefundCase, err error) {
	var w where
	w.and(`workspace = ?`, workspace)
	order := ` ORDER BY due_at, id LIMIT `
	switch {
	case f.Closed:
		w.and(`state <> 'open'`)
		order = ` ORDER BY closed_at DESC, id DESC LIMIT `
	case f.Over:
		w.and(`state = 'open' AND due_at <= ?`, now())
	default:
		w.and(`state = 'open' AND due_at > ?`, now())
	}
	switch {
	case p.ID != "" && f.Closed:
		w.and(`(closed_at, id) < (?, ?)`, us(p.At), p.ID)
	case p.ID != "":
		w.and(`(due_at, id) > (?, ?)`, us(p.At), p.ID)
	}
	for _, c := range []struct{ column, value string }{
		{"state", string(f.State)}, {"answer", string(f.Answer)}, {"account", f.Account}, {"product", f.Product}, {"customer", f.Customer},
	} {
		if c.value != "" {
			w.and(c.column+` = ?`, c.value)
		}
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanRefund, `SELECT `+refundColumns+` FROM refund_case `+w.text+order+strconv.Itoa(p.limit()), w.args...)
		for _, r := range rows {
			cs = append(cs, r.RefundCase)
		}
		return err
	})
	return cs, err
}

// RefundsOf returns the cases of a customer, open ones first, at most 100.
func (s *Store) RefundsOf(ctx context.Context, workspace, customer string) (cs []engawa.RefundCase, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanRefund, `SELECT `+refundColumns+` FROM refund_case WHERE workspace = $1 AND customer = $2
			ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, asked_at DESC, id LIMIT 100`, workspace, customer)
		if err == nil {
			cs, err = t.openRefunds(workspace, rows)
		}
		return err
	})
	return cs, err
}

func (t *tx) refundPolicy(workspace, account string) (engawa.RefundPolicy, error) {
	p, err := one(t, scanPolicy, `SELECT `+policyColumns+` FROM refund_policy WHERE workspace = $1 AND account = $2 ORDER BY version DESC LIMIT 1`, workspace, account)
	if errors.Is(err, sql.ErrNoRows) {
		return engawa.RefundPolicy{Workspace: workspace, Account: account}, nil
	}
	return p, err
}

const policyColumns = `workspace, account, version, body, saved_by, at`

func scanPolicy(scan func(...any) error) (p engawa.RefundPolicy, err error) {
	var when int64
	var body string
	err = scan(&p.Workspace, &p.Account, &p.Version, &body, &p.By, &when)
	p.Body, p.At = []byte(body), at(when)
	return p, err
}

// RefundPolicies returns the versions of an account's policy, newest first; at
// most limit.
func (s *Store) RefundPolicies(ctx context.Context, workspace, account string, limit int) (ps []engawa.RefundPolicy, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ps, err = all(t, scanPolicy, `SELECT `+policyColumns+` FROM refund_policy WHERE workspace = $1 AND account = $2 ORDER BY version DESC LIMIT `+strconv.Itoa(limit), workspace, account)
		return err
	})
	return ps, err
}

// SaveRefundPolicy keeps a new version of an account's policy. p.Version is the
// one that was changed; if there is a newer one it is a conflict. Open cases that
// nobody has answered are looked at again.
func (s *Store) SaveRefundPolicy(ctx context.Context, p engawa.RefundPolicy) error {
	err := s.inTx(ctx, p.Workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND id = $2 {lock}`, p.Workspace, p.Account); err != nil {
			return found("account", err)
		}
		kept, err := t.refundPolicy(p.Workspace, p.Account)
		if err != nil {
			return err
		}
		if kept.Version != p.Version {
			return &engawa.Error{Code: engawa.CodeConflict, Message: "somebody changed these rules meanwhile", Remedy: "look at them again, then make your change"}
		}
		if _, err := t.exec(`INSERT INTO refund_policy (`+policyColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
			p.Workspace, p.Account, p.Version+1, string(p.Body), t.s.actor, now()); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE refund_case SET next_at = $3 WHERE workspace = $1 AND account = $2 AND state = 'open' AND due_at > $3
			AND answer IN ('', 'proposed', 'no_consent', 'ignored')`, p.Workspace, p.Account, now()); err != nil {
			return err
		}
		return t.noted(p.Workspace, "save-refund-policy", p.Account, "version="+strconv.FormatInt(p.Version+1, 10))
	})
	if err != nil {
		return fmt.Errorf("save refund policy of %s: %w", p.Account, err)
	}
	return nil
}

// lookAgain has the hub look at the open cases of a customer whose decisions
// changed.
func (t *tx) lookAgain(workspace, customer string) error {
	_, err := t.exec(`UPDATE refund_case SET next_at = $3 WHERE workspace = $1 AND customer = $2 AND state = 'open' AND due_at > $3`, workspace, customer, now())
	return err
}

const consumptionColumns = `workspace, id, transaction_hash, key_id, customer, product, delivery, sample, percent, played, at`

func scanConsumption(scan func(...any) error) (c engawa.Consumption, err error) {
	var key string
	var sample, percent, played, when int64
	err = scan(&c.Workspace, &c.ID, &c.Transaction, &key, &c.Customer, &c.Product, &c.Delivery, &sample, &percent, &played, &when)
	if sample >= 0 {
		yes := sample == 1
		c.Sample = &yes
	}
	if percent >= 0 {
		c.Percent = &percent
	}
	if played >= 0 {
		c.Played = &played
	}
	c.At = at(when)
	return c, err
}

// usageOf is what the business told that may bear on a case, the newest first. Of a
// transaction, Transaction holds its id again.
func (t *tx) usageOf(c engawa.RefundCase) ([]engawa.Consumption, error) {
	if c.Transaction == "" {
		return nil, nil
	}
	hash, _ := t.transactionHash(c.Workspace, c.Transaction)
	original, _ := t.transactionHash(c.Workspace, c.Original)
	cs, err := all(t, scanConsumption, `SELECT `+consumptionColumns+` FROM consumption WHERE workspace = $1
		AND (transaction_hash IN ($2, $3) OR transaction_hash = '' AND customer = $4 AND product IN ('', $5)) ORDER BY at DESC, id`,
		c.Workspace, hash, original, c.Customer, c.Product)
	for i := range cs {
		switch cs[i].Transaction {
		case hash:
			cs[i].Transaction = c.Transaction
		case original:
			cs[i].Transaction = c.Original
		}
	}
	return cs, err
}

// TellConsumption keeps what the business knows of how far something was used: of
// the transaction that c names, or of the customer and the product. What it leaves
// untold stays as it was told before. Open cases that it bears on are looked at
// again. It returns all that is told now.
func (s *Store) TellConsumption(ctx context.Context, c engawa.Consumption) (engawa.Consumption, error) {
	err := s.inTx(ctx, c.Workspace, func(t *tx) error {
		hash, original, key := "", "", ""
		if c.Transaction != "" {
			hash, key = t.transactionHash(c.Workspace, c.Transaction)
			original = hash
			var err error
			if c.Customer, err = t.buyerOf(c.Workspace, c.Transaction, hash); err != nil {
				return err
			}
		}
		if c.Customer != "" {
			into, err := t.livesOnAs(c.Workspace, c.Customer)
			if err == nil {
				c.Customer = into
				err = t.living(c.Workspace, c.Customer)
			}
			if err != nil {
				return err
			}
		}
		if err := t.keepConsumption(&c, hash, key); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE refund_case SET next_at = $6 WHERE workspace = $1 AND state = 'open' AND due_at > $6
			AND (transaction_hash = $2 OR original_hash = $3 OR $2 = '' AND customer = $4 AND $5 IN ('', product))`,
			c.Workspace, hash, original, c.Customer, c.Product, now())
		return err
	})
	if err != nil {
		return c, fmt.Errorf("keep what was used: %w", err)
	}
	return c, nil
}

// buyerOf is whose a transaction is; empty if that is not known.
func (t *tx) buyerOf(workspace, transaction, hash string) (string, error) {
	found, err := all(t, scanString, `SELECT customer FROM refund_case WHERE workspace = $1 AND (transaction_hash = $2 OR original_hash = $2) LIMIT 1`, workspace, hash)
	if err != nil || len(found) > 0 {
		return strings.Join(found, ""), err
	}
	accounts, err := all(t, scanString, `SELECT DISTINCT account FROM purchase WHERE workspace = $1`, workspace)
	if err != nil {
		return "", err
	}
	var hashes []string
	for _, a := range accounts {
		h, _ := t.originalHash(workspace, a, transaction)
		hashes = append(hashes, h)
	}
	found, err = all(t, scanString, `SELECT customer FROM purchase WHERE workspace = $1 AND account {in $2} AND original_hash {in $3} LIMIT 1`, workspace, t.list(accounts), t.list(hashes))
	return strings.Join(found, ""), err
}

func (t *tx) keepConsumption(c *engawa.Consumption, hash, key string) error {
	c.ID, c.At = engawa.NewID(engawa.PrefixConsumption), time.Now().UTC().Truncate(time.Microsecond)
	conflict := `(workspace, customer, product) WHERE transaction_hash = ''`
	if hash != "" {
		conflict = `(workspace, transaction_hash) WHERE transaction_hash <> ''`
	}
	stands := "FALSE"                           // when a delivery that was told stays
	least := func(string) string { return "0" } // below which a use that was told stays
	if c.ByDevice {
		stands = "consumption.delivery <> ''"
		least = func(column string) string { return "consumption." + column }
	}
	sample := int64(-1)
	if c.Sample != nil {
		sample = 0
		if *c.Sample {
			sample = 1
		}
	}
	kept, err := one(t, scanConsumption, `INSERT INTO consumption (`+consumptionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT `+conflict+` DO UPDATE SET customer = excluded.customer, product = excluded.product, at = excluded.at,
			delivery = CASE WHEN excluded.delivery = '' OR `+stands+` THEN consumption.delivery ELSE excluded.delivery END,
			sample = CASE WHEN excluded.sample < 0 THEN consumption.sample ELSE excluded.sample END,
			percent = CASE WHEN excluded.percent < `+least("percent")+` THEN consumption.percent ELSE excluded.percent END,
			played = CASE WHEN excluded.played < `+least("played")+` THEN consumption.played ELSE excluded.played END
		RETURNING `+consumptionColumns,
		c.Workspace, c.ID, hash, key, c.Customer, c.Product, c.Delivery, sample, told64(c.Percent), told64(c.Played), us(c.At))
	kept.Transaction = c.Transaction
	*c = kept
	return err
}

// told64 is a number as a row has it; -1: not told.
func told64(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// forgetConsumption removes what was told before a moment and bears on no open case.
const forgetConsumption = `DELETE FROM consumption WHERE (workspace, id) IN (SELECT workspace, id FROM consumption WHERE at < $1
	AND NOT EXISTS (SELECT 1 FROM refund_case c WHERE c.workspace = consumption.workspace AND c.state = 'open' AND (c.transaction_hash = consumption.transaction_hash
		OR c.original_hash = consumption.transaction_hash OR consumption.customer <> '' AND c.customer = consumption.customer)) LIMIT 500 {skip})`
