package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Decide records a customer's decision: a consent given or withdrawn. From the
// moment it returns, no claim passes on the old one: a claim holds a shared
// lock on the customer's row, and this takes it for itself.
func (s *Store) Decide(ctx context.Context, c engawa.Consent) error {
	err := s.sealTx(ctx, []string{c.Workspace}, func(t *tx) error {
		if err := t.decided(c); err != nil {
			return err
		}
		action := "withdraw-consent"
		if c.Given {
			action = "give-consent"
		}
		return t.noted(c.Workspace, action, c.Customer, "consent="+c.ID)
	})
	if err != nil {
		return fmt.Errorf("decide %s: %w", c.ID, err)
	}
	return nil
}

// decided keeps what a customer decided just now, and reports it.
func (t *tx) decided(c engawa.Consent) error {
	if err := t.keepConsent(c); err != nil {
		return err
	}
	return t.reportConsent(c)
}

func (t *tx) keepConsent(c engawa.Consent) error {
	evidence, err := json.Marshal(c.Evidence)
	if err != nil {
		return err
	}
	if c.Customer, err = t.decider(c.Workspace, c.Customer); err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO consent (workspace, id, customer, controller, app, act, purpose, channel, topic, given, pending, at, evidence, look_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		c.Workspace, c.ID, c.Customer, c.Controller, c.App, string(c.Act), string(c.Purpose), c.Channel, c.Topic,
		c.Given, c.Pending, us(c.At), string(evidence), us(firstLook(c)))
	if err == nil {
		err = t.retell(c.Workspace, c.Customer)
	}
	if err != nil || c.Act != engawa.ActShareUsage {
		return err
	}
	return t.lookAgain(c.Workspace, c.Customer)
}

// decider is whose decision it is, their row taken and marked: a decision told
// of one who was merged is the other's, so that a link in an old message still
// works.
func (t *tx) decider(workspace, customer string) (string, error) {
	const mark = `UPDATE customer SET consent_version = consent_version + 1 WHERE workspace = $1 AND id = $2 AND erased_at = 0 AND merged_into = ''`
	n, err := t.exec(mark, workspace, customer)
	if err != nil || n > 0 {
		return customer, err
	}
	into, err := one(t, scanString, `SELECT merged_into FROM customer WHERE workspace = $1 AND id = $2`, workspace, customer)
	if err != nil {
		return "", found("customer", err)
	}
	if n, err = t.exec(mark, workspace, into); err == nil && n == 0 {
		err = engawa.NotFound("customer")
	}
	return into, err
}

// Consents returns every decision of a customer, newest first.
func (s *Store) Consents(ctx context.Context, workspace, customer string) (cs []engawa.Consent, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		cs, err = t.consents(workspace, customer)
		return err
	})
	return cs, err
}

// Consent returns one decision, whoever's it is.
func (s *Store) Consent(ctx context.Context, workspace, id string) (c engawa.Consent, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		c, err = one(t, scanConsent, selectConsent+` WHERE workspace = $1 AND id = $2`, workspace, id)
		return found("decision", err)
	})
	return c, err
}

const (
	consentColumns = `workspace, id, customer, controller, app, act, purpose, channel, topic, given, pending, at, evidence, told_at, told_by, reminded_at, reminded_by`
	selectConsent  = `SELECT ` + consentColumns + ` FROM consent`
)

func scanConsent(scan func(...any) error) (c engawa.Consent, err error) {
	var evidence string
	var when, told, reminded int64
	if err := scan(&c.Workspace, &c.ID, &c.Customer, &c.Controller, &c.App, &c.Act, &c.Purpose, &c.Channel, &c.Topic,
		&c.Given, &c.Pending, &when, &evidence, &told, &c.Said.ResultBy, &reminded, &c.Said.ReminderBy); err != nil {
		return c, err
	}
	c.At, c.Said.ResultAt, c.Said.ReminderAt = at(when), at(told), at(reminded)
	return c, json.Unmarshal([]byte(evidence), &c.Evidence)
}

func (t *tx) consents(workspace, customer string) ([]engawa.Consent, error) {
	return all(t, scanConsent, selectConsent+` WHERE workspace = $1 AND customer = $2 ORDER BY at DESC, id DESC`, workspace, customer)
}

// StaffPlaces is the channel under which the addresses of destinations are
// looked up, whatever account reaches them.
const StaffPlaces = "destination"

// Suppress stops an address on a channel for a reason; the channel of staff
// places is "destination". It takes the rows of every customer or destination
// that has the address, as Decide does, so that no claim under way misses it.
func (s *Store) Suppress(ctx context.Context, x engawa.Suppression) error {
	return s.inTx(ctx, x.Workspace, func(t *tx) error { return t.suppress(x) })
}

// addressIndex is how a suppressed address is looked up, and by which key.
func (t *tx) addressIndex(x engawa.Suppression) (index, key string) {
	return t.s.vault.Index(x.Workspace, "address:"+x.Channel, foldAddress(x.Address))
}

// customersAt are those who have, or had, a suppressed address.
func (t *tx) customersAt(x engawa.Suppression, index string) ([]string, error) {
	return all(t, scanString, `SELECT customer FROM contact_point WHERE workspace = $1 AND kind = $2 AND address_index = $3`, x.Workspace, x.Channel, index)
}

func (t *tx) suppress(x engawa.Suppression) error {
	index, key := t.addressIndex(x)
	ids, err := t.customersAt(x, index)
	if err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	for _, id := range distinct(append(ids, x.Customer)) { // in order, as a claim takes them
		if _, err := t.exec(`UPDATE customer SET suppression_version = suppression_version + 1 WHERE workspace = $1 AND id = $2`, x.Workspace, id); err != nil {
			return fmt.Errorf("suppress: %w", err)
		}
	}
	if err := t.retell(x.Workspace, append(ids, x.Customer)...); err != nil {
		return err
	}
	if x.Channel == StaffPlaces {
		if _, err := all(t, scanString, `SELECT id FROM destination WHERE workspace = $1 AND address_index = $2 ORDER BY id {lock}`, x.Workspace, index); err != nil {
			return fmt.Errorf("suppress: %w", err)
		}
	}
	_, err = t.exec(`INSERT INTO suppression (workspace, channel, address_index, reason, key_id, customer, at, until_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (workspace, channel, address_index, reason) DO UPDATE SET at = excluded.at, until_at = excluded.until_at`,
		x.Workspace, x.Channel, index, x.Reason, key, x.Customer, us(x.At), us(x.Until))
	if err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	return nil
}

// Relate records the state of a channel's own relationship: "friend", "blocked".
// It takes the customer's row, as Decide does.
func (s *Store) Relate(ctx context.Context, workspace, account, contactPoint, state string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		customer, err := one(t, scanString, `SELECT customer FROM contact_point WHERE workspace = $1 AND id = $2`, workspace, contactPoint)
		if err != nil {
			return found("contact point", err)
		}
		if _, err := t.own(workspace, customer); err != nil {
			return err
		}
		return t.relate(workspace, customer, account, contactPoint, state, now())
	})
}

// Disclose files the page that tells customers that messages on an account
// (empty: all) for an app (empty: all) are automatic, and since when it is out.
func (s *Store) Disclose(ctx context.Context, workspace, id, app, account, version string, since time.Time, e engawa.Evidence) error {
	evidence, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("disclose %s: %w", id, err)
	}
	return s.inTx(ctx, workspace, func(t *tx) error {
		_, err := t.exec(`INSERT INTO disclosure (workspace, id, app, account, version, evidence, since) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			workspace, id, app, account, version, string(evidence), us(since))
		return err
	})
}
