package store

import (
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Stop is a suppression as it stands: of which contact point or staff place, why,
// since when, and until when; a zero Until: for good.
type Stop struct {
	Of        string
	Reason    string
	At, Until time.Time
}

func scanStop(scan func(...any) error) (s Stop, err error) {
	var when, until int64
	err = scan(&s.Of, &s.Reason, &when, &until)
	s.At, s.Until = at(when), at(until)
	return s, err
}

// Stops returns what is suppressed of a customer's contact points.
func (s *Store) Stops(ctx context.Context, workspace, customer string) ([]Stop, error) {
	return s.stops(ctx, workspace, `SELECT c.id, x.reason, x.at, x.until_at FROM contact_point c
		JOIN suppression x ON x.workspace = c.workspace AND x.channel = c.kind AND x.address_index = c.address_index
		WHERE c.workspace = $1 AND c.customer = $2 AND c.ended_at = 0 AND c.address_index <> '' AND (x.until_at = 0 OR x.until_at > $3) ORDER BY x.at`, customer)
}

// StoppedPlaces returns what is suppressed of an account's staff places.
func (s *Store) StoppedPlaces(ctx context.Context, workspace, account string) ([]Stop, error) {
	return s.stops(ctx, workspace, `SELECT d.id, x.reason, x.at, x.until_at FROM destination d
		JOIN suppression x ON x.workspace = d.workspace AND x.channel = '`+StaffPlaces+`' AND x.address_index = d.address_index
		WHERE d.workspace = $1 AND d.account = $2 AND d.ended_at = 0 AND (x.until_at = 0 OR x.until_at > $3) ORDER BY x.at`, account)
}

func (s *Store) stops(ctx context.Context, workspace, q, of string) (out []Stop, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		out, err = all(t, scanStop, q, workspace, of, now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("suppressions of %s: %w", of, err)
	}
	return out, nil
}

// Suppressed is a suppression with whose it is: a customer's contact point's, on
// its channel, or an account's staff place's.
type Suppressed struct {
	Stop

	Customer, Account string // one of them
	Channel           string // StaffPlaces for a staff place
}

// PrefixSuppressed begins the places of suppressions in a page.
const PrefixSuppressed = "sup"

// Place is where it stands in a page.
func (x Suppressed) Place() string { return PrefixSuppressed + "_" + x.Of + "_" + x.Reason }

// SuppressedFilter narrows the list of suppressions; empty fields do not.
type SuppressedFilter struct{ Customer, Account, Of, Channel, Reason string }

// Suppressed returns a page of what is suppressed, newest first. The same address
// is listed once for each contact point and staff place that has it; one that
// nobody has any more is not listed.
func (s *Store) Suppressed(ctx context.Context, workspace string, f SuppressedFilter, p Page) (out []Suppressed, err error) {
	w := where{args: []any{workspace, now()}}
	if p.ID != "" {
		w.and(`(at, place) < (?, ?)`, p.before(), p.ID)
	}
	for _, c := range []struct{ column, value string }{{"customer", f.Customer}, {"account", f.Account}, {"of_id", f.Of}, {"channel", f.Channel}, {"reason", f.Reason}} {
		if c.value != "" {
			w.and(c.column+` = ?`, c.value)
		}
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		out, err = all(t, func(scan func(...any) error) (x Suppressed, err error) {
			var when, until int64
			err = scan(&x.Of, &x.Customer, &x.Account, &x.Channel, &x.Reason, &when, &until)
			x.At, x.Until = at(when), at(until)
			return x, err
		}, `SELECT of_id, customer, account, channel, reason, at, until_at FROM (
			SELECT c.id AS of_id, c.customer, '' AS account, x.channel, x.reason, x.at, x.until_at, '`+PrefixSuppressed+`_' || c.id || '_' || x.reason AS place FROM suppression x
			JOIN contact_point c ON c.workspace = x.workspace AND c.kind = x.channel AND c.address_index = x.address_index
			WHERE x.workspace = $1 AND (x.until_at = 0 OR x.until_at > $2) AND c.ended_at = 0
			UNION ALL
			SELECT d.id, '', d.account, x.channel, x.reason, x.at, x.until_at, '`+PrefixSuppressed+`_' || d.id || '_' || x.reason FROM suppression x
			JOIN destination d ON d.workspace = x.workspace AND d.address_index = x.address_index
			WHERE x.workspace = $1 AND (x.until_at = 0 OR x.until_at > $2) AND x.channel = '`+StaffPlaces+`' AND d.ended_at = 0
		) stopped `+w.text+fmt.Sprintf(` ORDER BY at DESC, place DESC LIMIT %d`, p.limit()), w.args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("suppressions: %w", err)
	}
	return out, nil
}

// Lift ends the suppression of a contact point or staff place that stands for a
// reason, wherever else its address is used, and forgets what came back for it:
// the next return counts as the first. why is a person's word, for the audit trail.
func (s *Store) Lift(ctx context.Context, workspace, of, reason, why string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		channel, index, err := t.addressOf(workspace, of)
		if err != nil {
			return err
		}
		ids, err := t.customersAt(engawa.Suppression{Workspace: workspace, Channel: channel}, index)
		if err != nil {
			return fmt.Errorf("lift: %w", err)
		}
		for _, id := range distinct(ids) { // in order, as a claim takes them
			if _, err := t.exec(`UPDATE customer SET suppression_version = suppression_version + 1 WHERE workspace = $1 AND id = $2`, workspace, id); err != nil {
				return fmt.Errorf("lift: %w", err)
			}
		}
		if err := t.retell(workspace, ids...); err != nil {
			return err
		}
		if err := t.expect("suppression", `DELETE FROM suppression WHERE workspace = $1 AND channel = $2 AND address_index = $3 AND reason = $4`,
			workspace, channel, index, reason); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE mail_return SET address_index = '' WHERE workspace = $1 AND address_index <> '' AND address_index = $2`, workspace, index); err != nil {
			return fmt.Errorf("lift: %w", err)
		}
		return t.noted(workspace, "lift-suppression", of, reason+": "+why)
	})
}

// addressOf is where a contact point's or a staff place's address is looked up.
func (t *tx) addressOf(workspace, of string) (channel, index string, err error) {
	type place struct{ channel, index string }
	p, err := one(t, func(scan func(...any) error) (p place, err error) { return p, scan(&p.channel, &p.index) },
		`SELECT kind, address_index FROM contact_point WHERE workspace = $1 AND id = $2 AND ended_at = 0 AND address_index <> ''
		UNION ALL SELECT '`+StaffPlaces+`', address_index FROM destination WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, of)
	return p.channel, p.index, found("contact point", err)
}

// GoneTask asks a person about a staff place whose address is no more, or that was
// stopped: nothing reaches it. One open task for the place counts its notices.
func GoneTask(d engawa.Delivery, at time.Time) engawa.Task {
	return engawa.Task{
		Workspace: d.Workspace, Kind: "destination.gone", Ref: d.Destination, Source: d.Account, DueAt: at.Add(24 * time.Hour),
		Args: map[string]string{"account": d.Account, "destination": d.Destination, "message": d.Message},
	}
}

// stoppedPlaces asks a person about notices to staff that were refused because
// their place is suppressed, and that go no other way.
func (t *tx) stoppedPlaces(ms []NewMessage) error {
	for _, m := range ms {
		if m.Message.Sample || m.Message.Destination == "" || m.Message.State != engawa.MessageRefused {
			continue
		}
		for _, d := range m.Deliveries {
			if d.Destination != "" && d.Note == string(engawa.GateSuppression) {
				if err := t.raise(GoneTask(d, time.Now())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
