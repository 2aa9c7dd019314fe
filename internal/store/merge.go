package store

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

// Merge asks to make one customer of two.
type Merge struct {
	Workspace string
	Into      string // who stays
	From      string // who turned out to be the same
	// Narrow returns the withdrawals without which the decisions of both,
	// standing together, would allow more than each alone.
	Narrow func(into, from []engawa.Consent, at time.Time) []engawa.Consent
}

// Merge moves everything that From has to Into: identities, contact points,
// decisions, events, messages, subscriptions, purchases, handles. What both
// have stays both, but of one address the contact point of Into alone, unless
// only the other is verified. Where they differ in what law holds, the stricter
// counts: a minor stays one, and of two countries none is kept.
//
// Each row's own key is wrapped anew by Into's key, and From's key is destroyed:
// an erasure of Into then reaches all of it. From stays as a row that names
// Into. It returns the withdrawals that were added.
func (s *Store) Merge(ctx context.Context, m Merge) (stopped []engawa.Consent, err error) {
	if m.From == m.Into {
		return nil, engawa.Invalid("/from", "name the other customer", "a customer cannot be merged into itself")
	}
	err = s.mergeTx(ctx, m.Workspace, func(t *tx) error {
		stopped = nil
		into, from, err := t.mergeable(m)
		if err != nil {
			return err
		}
		if stopped, err = t.mergeConsents(m); err != nil {
			return err
		}
		if err := t.mergeRows(m); err != nil {
			return err
		}
		if err := t.rewrapFor(m); err != nil {
			return err
		}
		if err := t.saveCustomer(joined(into, from)); err != nil {
			return err
		}
		return t.noted(m.Workspace, "merge-customer", m.Into, m.From)
	})
	if err != nil {
		return nil, unavailable(fmt.Errorf("merge %s into %s: %w", m.From, m.Into, err))
	}
	return stopped, nil
}

// sealTx is inTx for what seals rows by the keys of customers whom it does not
// hold. It and a merger in one of the workspaces wait for each other: else a row
// could come in sealed by the key that the merger destroys.
func (s *Store) sealTx(ctx context.Context, workspaces []string, f func(*tx) error) error {
	if s.lite {
		return s.inTx(ctx, scope(workspaces), f)
	}
	return s.postgresTx(ctx, "BEGIN"+mergers("pg_advisory_xact_lock_shared", workspaces), scope(workspaces), f)
}

func (s *Store) mergeTx(ctx context.Context, workspace string, f func(*tx) error) error {
	if s.lite {
		return s.inTx(ctx, workspace, f)
	}
	return s.postgresTx(ctx, "BEGIN"+mergers("pg_advisory_xact_lock", []string{workspace}), workspace, f)
}

// mergeLock is the class of the advisory locks of mergers: "mrge" in ASCII. The
// other half is a hash of the workspace; two that share one wait for each other.
const mergeLock = 0x6d726765

// mergers takes the locks of workspaces, in one order everywhere.
func mergers(function string, workspaces []string) string {
	var keys []int32
	for _, w := range workspaces {
		h := fnv.New32a()
		h.Write([]byte(w))
		keys = append(keys, int32(h.Sum32())) //nolint:gosec // the bits count, not the number
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range slices.Compact(keys) {
		fmt.Fprintf(&b, "; SELECT %s(%d, %d)", function, mergeLock, k)
	}
	return b.String()
}

// notMerged refuses a customer who was merged into another.
func (t *tx) notMerged(workspace, customer string) error {
	into, err := all(t, scanString, `SELECT merged_into FROM customer WHERE workspace = $1 AND id = $2 AND merged_into <> '' AND erased_at = 0`, workspace, customer)
	if err == nil && len(into) > 0 {
		err = alive(engawa.Customer{MergedInto: into[0]})
	}
	return err
}

// mergeable takes both rows for itself and refuses what cannot be merged. It
// takes the deliveries first, as a claim does: of the two, one sees the other.
func (t *tx) mergeable(m Merge) (into, from engawa.Customer, err error) {
	states, err := all(t, scanString, `SELECT state FROM delivery WHERE workspace = $1 AND (waits OR state = 'sending')
		AND message IN (SELECT id FROM message WHERE workspace = $1 AND customer <> '' AND customer = $2) ORDER BY id {lock}`, m.Workspace, m.From)
	if err != nil {
		return into, from, err
	}
	if slices.Contains(states, string(engawa.Sending)) {
		return into, from, &engawa.Error{
			Code: engawa.CodeUnavailable, Message: "a message to " + m.From + " is being handed over right now; nothing was changed", Remedy: "try again in a few seconds",
		}
	}
	rows := map[string]customerRow{}
	for _, id := range slices.Sorted(slices.Values([]string{m.Into, m.From})) { // in order, as a claim takes them
		if rows[id], err = t.own(m.Workspace, id); err != nil {
			return into, from, err
		}
	}
	both, err := t.openCustomers(m.Workspace, []customerRow{rows[m.Into], rows[m.From]})
	if err != nil {
		return into, from, err
	}
	if both[0].Kind != both[1].Kind {
		err = &engawa.Error{
			Code: engawa.CodeConflict, Message: fmt.Sprintf("%s is a %s and %s is a %s", m.Into, both[0].Kind, m.From, both[1].Kind),
			Remedy: "merge persons with persons and contracts with contracts; correct the kind first if it is wrong",
		}
	}
	return both[0], both[1], err
}

// joined is the customer that two become.
func joined(into, from engawa.Customer) engawa.Customer {
	c := into
	c.Minor = into.Minor || from.Minor
	c.Name = cmp.Or(into.Name, from.Name)
	c.Country, c.Zone = same(into.Country, from.Country), same(into.Zone, from.Zone)
	return c
}

// same is what two values agree on: a value that is not known disagrees with
// none, and of two that differ neither is known.
func same(a, b string) string {
	if a != "" && b != "" && a != b {
		return ""
	}
	return cmp.Or(a, b)
}

// mergeConsents has the decisions of both stand together, no wider than each.
func (t *tx) mergeConsents(m Merge) ([]engawa.Consent, error) {
	into, err := t.consents(m.Workspace, m.Into)
	if err != nil {
		return nil, err
	}
	from, err := t.consents(m.Workspace, m.From)
	if err != nil {
		return nil, err
	}
	stopped := m.Narrow(into, from, time.Now().UTC())
	for i := range stopped {
		c := &stopped[i]
		c.Workspace, c.ID, c.Customer = m.Workspace, engawa.NewID(engawa.PrefixConsent), m.Into
		c.Evidence = engawa.Evidence{Where: m.From + " merged into " + m.Into, How: howMerge}
		if err := t.keepConsent(*c); err != nil {
			return nil, err
		}
	}
	return stopped, nil
}

// mergeRows gives the rows of From to Into.
func (t *tx) mergeRows(m Merge) error {
	if err := t.endTwins(m); err != nil {
		return err
	}
	if err := t.mergeSubscriptions(m); err != nil {
		return err
	}
	if err := t.mergeOffers(m); err != nil {
		return err
	}
	for _, q := range [...]string{
		`UPDATE contact_point SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE handle SET customer = $3 WHERE workspace = $1 AND customer = $2
			AND NOT EXISTS (SELECT 1 FROM handle o WHERE o.workspace = $1 AND o.app = handle.app AND o.partner = handle.partner AND o.customer = $3)`,
		`UPDATE identity SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE consent SET customer = $3, look_at = CASE WHEN look_at > 0 THEN 1 ELSE 0 END WHERE workspace = $1 AND customer = $2`,
		`UPDATE suppression SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE purchase SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE refund_case SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE consumption SET customer = $3 WHERE workspace = $1 AND customer = $2 AND (transaction_hash <> ''
			OR NOT EXISTS (SELECT 1 FROM consumption o WHERE o.workspace = $1 AND o.customer = $3 AND o.product = consumption.product AND o.transaction_hash = ''))`,
		`UPDATE in_app SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE offer_code SET customer = $3 WHERE workspace = $1 AND customer <> '' AND customer = $2`,
		`UPDATE import_row SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE customer_note SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE customer_tag SET customer = $3 WHERE workspace = $1 AND customer = $2
			AND NOT EXISTS (SELECT 1 FROM customer_tag o WHERE o.workspace = $1 AND o.customer = $3 AND o.tag_hash = customer_tag.tag_hash)`,
		`UPDATE customer SET seen_at = (SELECT max(b.seen_at) FROM customer b WHERE b.workspace = $1 AND b.id IN ($2, $3)) WHERE workspace = $1 AND id = $3`,
		`UPDATE partner_reply SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE partner_end SET customer = $3 WHERE workspace = $1 AND customer <> '' AND customer = $2`,
		`UPDATE extension SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE event SET customer = $3 WHERE workspace = $1 AND customer <> '' AND customer = $2`,
		`UPDATE delivery SET customer = $3 WHERE workspace = $1 AND message IN (SELECT id FROM message WHERE workspace = $1 AND customer <> '' AND customer = $2)`,
		`UPDATE message SET customer = $3 WHERE workspace = $1 AND customer <> '' AND customer = $2`,
		`UPDATE registration SET customer = $3 WHERE workspace = $1 AND customer = $2`,
		`UPDATE task SET customer = $3 WHERE workspace = $1 AND customer <> '' AND customer = $2`,
		`UPDATE customer SET merged_into = $3 WHERE workspace = $1 AND merged_into <> '' AND merged_into = $2`,
		`UPDATE customer SET merged_into = $3 WHERE workspace = $1 AND id = $2`,
	} {
		if _, err := t.exec(q, m.Workspace, m.From, m.Into); err != nil {
			return err
		}
	}
	for _, q := range [...]string{ // of what both have, Into's stays
		`DELETE FROM consumption WHERE workspace = $1 AND customer = $2`,
		`DELETE FROM customer_tag WHERE workspace = $1 AND customer = $2`,
	} {
		if _, err := t.exec(q, m.Workspace, m.From); err != nil {
			return err
		}
	}
	if err := t.lookAgain(m.Workspace, m.Into); err != nil {
		return err
	}
	if err := t.forgetSayings(m.Workspace, m.From); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM name_prefix WHERE workspace = $1 AND customer = $2`, m.Workspace, m.From); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE customer SET consent_version = consent_version + 1, suppression_version = suppression_version + 1 WHERE workspace = $1 AND id {in $2}`,
		m.Workspace, t.list([]string{m.From, m.Into})); err != nil {
		return err
	}
	return t.retell(m.Workspace, m.From, m.Into)
}

// endTwins ends what From has and Into has too: contact points of the same
// address, and handles of the same app.
func (t *tx) endTwins(m Merge) error {
	for _, q := range [...]string{
		`UPDATE contact_point SET ended_at = $4 WHERE workspace = $1 AND customer = $2 AND ended_at = 0 AND EXISTS (SELECT 1 FROM contact_point o
			WHERE o.workspace = $1 AND o.customer = $3 AND o.kind = contact_point.kind AND o.address_index = contact_point.address_index
			AND o.ended_at = 0 AND (o.verified_at > 0 OR contact_point.verified_at = 0))`,
		`UPDATE handle SET ended_at = $4, ended_by = '` + endedByMerger + `' WHERE workspace = $1 AND customer = $2 AND ended_at = 0
			AND EXISTS (SELECT 1 FROM handle o WHERE o.workspace = $1 AND o.app = handle.app AND o.partner = handle.partner AND o.customer = $3)`,
	} {
		if _, err := t.exec(q, m.Workspace, m.From, m.Into, now()); err != nil {
			return err
		}
	}
	return nil
}

// mergeOffers leaves one code of an offer of which both have one: the used one, or
// else Into's.
func (t *tx) mergeOffers(m Merge) error {
	for _, q := range [...]string{
		`UPDATE offer_code SET state = 'lapsed' WHERE workspace = $1 AND customer = $3 AND state = 'handed' AND EXISTS (SELECT 1 FROM offer_code o
			WHERE o.workspace = $1 AND o.account = offer_code.account AND o.offer = offer_code.offer AND o.customer = $2 AND o.state = 'redeemed')`,
		`UPDATE offer_code SET state = 'lapsed' WHERE workspace = $1 AND customer = $2 AND state IN ('handed', 'redeemed') AND EXISTS (SELECT 1 FROM offer_code o
			WHERE o.workspace = $1 AND o.account = offer_code.account AND o.offer = offer_code.offer AND o.customer = $3 AND o.state IN ('handed', 'redeemed'))`,
	} {
		if _, err := t.exec(q, m.Workspace, m.From, m.Into); err != nil {
			return err
		}
	}
	return nil
}

// mergeSubscriptions gives subscriptions the ids under which Into's are told of
// from now on. Of a product that both have, From's row stays under its own id; so does
// one of which an account tells, which is found by its contract.
func (t *tx) mergeSubscriptions(m Merge) error {
	bs, err := all(t, func(scan func(...any) error) (b engawa.Subscription, err error) {
		return b, scan(&b.ID, &b.App, &b.Product)
	}, `SELECT id, app, product FROM subscription WHERE workspace = $1 AND customer = $2`, m.Workspace, m.From)
	if err != nil {
		return err
	}
	for _, b := range bs {
		b.Customer = m.Into
		n, err := t.exec(`UPDATE subscription SET id = $3, customer = $4 WHERE workspace = $1 AND id = $2
			AND source = '' AND NOT EXISTS (SELECT 1 FROM subscription o WHERE o.workspace = $1 AND o.id = $3)`, m.Workspace, b.ID, subscriptionID(b), m.Into)
		if err == nil && n == 0 {
			_, err = t.exec(`UPDATE subscription SET customer = $3 WHERE workspace = $1 AND id = $2`, m.Workspace, b.ID, m.Into)
		} else if err == nil {
			_, err = t.exec(`UPDATE partner_end SET subscription = $3 WHERE workspace = $1 AND subscription <> '' AND subscription = $2`, m.Workspace, b.ID, subscriptionID(b))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rewrapFor wraps the keys of all rows of From by Into's key, and destroys
// From's. mergeRows has given the rows to Into already.
func (t *tx) rewrapFor(m Merge) error {
	ring, err := t.keys(m.Workspace, []string{m.Into, m.From})
	if err != nil {
		return err
	}
	for _, x := range ownedRows() {
		for more := true; more; {
			found, err := all(t, scanWrapped, `SELECT workspace, `+x.row+`, sealed_by, sealed FROM `+x.table+
				` WHERE workspace = $1 AND sealed_by = $3 AND `+x.owned+` LIMIT 500`, m.Workspace, m.Into, m.From)
			if err != nil {
				return err
			}
			if err := t.rewrapPart(ring, m, x.wrappedTable, found); err != nil {
				return err
			}
			more = len(found) == rewrapBatch
		}
	}
	return t.must("destroy the key", `UPDATE data_key SET state = 'erased', wrapped = NULL, erased_at = $3 WHERE workspace = $1 AND id = $2 AND state = 'live'`,
		m.Workspace, m.From, now())
}

func (t *tx) rewrapPart(ring keyring, m Merge, x wrappedTable, found []wrappedKey) error {
	var rows [][]any
	for _, k := range found {
		w, err := ring.rewrap(m, x.table+"/"+k.row, k.bytes)
		if err != nil {
			return err
		}
		rows = append(rows, append([]any{m.Workspace, m.From, m.Into, w}, x.args(k.row)...))
	}
	_, err := t.update(`UPDATE `+x.table+` SET sealed_by = $3, sealed = $4 WHERE workspace = $1 AND sealed_by = $2 AND `+x.match, rows)
	return err
}

// rewrap wraps the key of a sealed row by Into's key instead of From's.
func (r keyring) rewrap(m Merge, id string, sealed []byte) ([]byte, error) {
	if len(sealed) < wrappedSize {
		return nil, fmt.Errorf("%s: %w", id, vault.ErrOpen)
	}
	dk, err := r.rowKey(m.Workspace, m.From, id, sealed[:wrappedSize])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return append(r.customers[m.Into].Wrap(m.Workspace, dk).Bytes, sealed[wrappedSize:]...), nil
}

// ownedTable is a table whose rows customers' keys seal.
type ownedTable struct {
	wrappedTable
	owned string // finds the rows that belong to the customer $2, or are about it
}

// ownedRows are all such tables.
func ownedRows() []ownedTable {
	byID := func(row string) []any { return []any{row} }
	return []ownedTable{
		{wrappedTable{"customer", "id", "id = $5", byID}, `merged_into <> '' AND merged_into = $2`},
		{wrappedTable{"contact_point", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"event", "id", "id = $5", byID}, `customer <> '' AND customer = $2`},
		{wrappedTable{"import_row", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"purchase", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"refund_case", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"customer_note", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"customer_tag", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"partner_reply", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"in_app", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"offer_code", "id", "id = $5", byID}, `customer <> '' AND customer = $2`},
		{wrappedTable{"message", "id", "id = $5", byID}, `id IN ` + concerning},
		{wrappedTable{"task", "id", "id = $5", byID}, `customer <> '' AND customer = $2`},
		{wrappedTable{"registration", "id", "id = $5", byID}, `customer = $2`},
		{wrappedTable{"task_line", "id", "id = $5", byID}, `task IN (SELECT id FROM task WHERE workspace = $1 AND customer <> '' AND customer = $2)`},
		{wrappedTable{"delivery", "id", "id = $5", byID}, `message IN ` + concerning},
		{
			wrappedTable{"attempt", "delivery || '.' || n", "delivery = $5 AND n = $6", attemptKey},
			`delivery IN (SELECT id FROM delivery WHERE workspace = $1 AND message IN ` + concerning + `)`,
		},
	}
}
