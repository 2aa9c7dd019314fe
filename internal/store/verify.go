package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Opened is what came of opening the rows of one table.
type Opened struct {
	Table  string
	Open   int
	Erased int    // sealed by the key of a customer who was erased, which is as it should be
	Closed int    // do not open
	First  string // the id of the first of those
	Why    error
}

// sealedTable is a table whose rows are sealed, each under the name row.
type sealedTable struct {
	table, row, column string
	after, order       string // the place behind a row, and the order of places
	start              []any
	place              func(row string) []any
	with               string // a column that is sealed beside; empty: none is
}

// sealedTables are all of them; TestVerify holds them to the schema.
func sealedTables() []sealedTable {
	var all []sealedTable
	with := map[string]string{"message": "judged"}
	for _, table := range []string{"account", "member", "destination", "customer", "contact_point", "event", "message", "delivery", "task", "task_line", "registration", "import_row", "purchase", "refund_case", "customer_note", "customer_tag", "partner_reply", "offer_pool", "offer_code", "in_app", "breaker", "unread_mail", "custody", "custody_line", "custody_picture"} {
		all = append(all, sealedTable{table, "id", "sealed", "id > $2", "id", []any{""}, func(row string) []any { return []any{row} }, with[table]})
	}
	return append(all,
		sealedTable{"attempt", "delivery || '.' || n", "sealed", "(delivery, n) > ($2, $3)", "delivery, n", []any{"", 0}, attemptKey, ""},
		sealedTable{"idempotency", "key_hash", "body", "key_hash > $2", "key_hash", []any{""}, func(row string) []any { return []any{row} }, ""},
		sealedTable{"import", "id", "sealed", "id > $2", "id", []any{""}, func(row string) []any { return []any{row} }, ""},
	)
}

const verifyPage = 500

// Verify opens every sealed row of a workspace, and the keys of its customers,
// and says of each table how many open. Rows that come in meanwhile may be left
// out. What it opens it throws away.
func (s *Store) Verify(ctx context.Context, workspace string) ([]Opened, error) {
	keys, err := s.verifyKeys(ctx, workspace)
	if err != nil {
		return nil, fmt.Errorf("verify keys of customers: %w", err)
	}
	out := []Opened{keys}
	for _, x := range sealedTables() {
		o, err := s.verifyTable(ctx, workspace, x)
		if err != nil {
			return out, fmt.Errorf("verify %s: %w", x.table, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// note counts a row by what came of opening it.
func (o *Opened) note(row string, err error) {
	switch {
	case err == nil:
		o.Open++
	case errors.Is(err, ErrErased):
		o.Erased++
	default:
		if o.Closed++; o.Closed == 1 {
			o.First, o.Why = row, err
		}
	}
}

func (s *Store) verifyKeys(ctx context.Context, workspace string) (Opened, error) {
	o, last := Opened{Table: "data_key"}, ""
	for n := verifyPage; n == verifyPage; {
		var ids []string
		err := s.view(ctx, workspace, func(t *tx) (err error) {
			ids, err = all(t, scanString, `SELECT id FROM data_key WHERE workspace = $1 AND state = 'live' AND id > $2 ORDER BY id LIMIT 500`, workspace, last)
			for _, id := range ids {
				ring, failed := t.keys(workspace, []string{id})
				if failed == nil && !ring.opens(id) {
					failed = ErrErased // this moment
				}
				o.note(id, failed)
			}
			return err
		})
		if n = len(ids); err != nil {
			return o, err
		}
		if n > 0 {
			last = ids[n-1]
		}
	}
	return o, nil
}

func (s *Store) verifyTable(ctx context.Context, workspace string, x sealedTable) (Opened, error) {
	o, place, page := Opened{Table: x.table}, x.start, verifyPage
	if x.table == "import" {
		page = 4 // a whole uploaded file each
	}
	for n := page; n == page; {
		var rows []sealedRow
		err := s.view(ctx, workspace, func(t *tx) (err error) {
			rows, err = all(t, scanSealed, `SELECT `+x.row+`, sealed_by, `+x.column+`, `+firstSet(x.with, "NULL")+` FROM `+x.table+
				` WHERE workspace = $1 AND `+x.after+` ORDER BY `+x.order+` LIMIT `+strconv.Itoa(page), append([]any{workspace}, place...)...)
			if err == nil {
				err = t.verifyRows(workspace, x, rows, &o)
			}
			return err
		})
		if n = len(rows); err != nil {
			return o, err
		}
		if n > 0 {
			place = x.place(rows[n-1].row)
		}
	}
	return o, nil
}

type sealedRow struct {
	row, by      string
	sealed, with []byte
}

func scanSealed(scan func(...any) error) (r sealedRow, err error) {
	return r, scan(&r.row, &r.by, &r.sealed, &r.with)
}

// verifyRows opens rows. A customer's key that does not open closes that
// customer's rows and no others.
func (t *tx) verifyRows(workspace string, x sealedTable, rows []sealedRow, o *Opened) error {
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	rings := map[string]keyring{}
	broken := map[string]error{}
	for _, id := range openers(by) {
		ring, err := t.keys(workspace, []string{id})
		if err != nil && t.ctx.Err() != nil {
			return err
		}
		rings[id], broken[id] = ring, err
	}
	for _, r := range rows {
		if r.sealed == nil {
			continue // nothing was sealed
		}
		if err := broken[r.by]; err != nil {
			o.note(r.row, err)
			continue
		}
		ring, of := rings[r.by]
		if !of {
			ring = keyring{vault: t.s.vault}
		}
		_, err := ring.open(workspace, r.by, x.table, r.row, r.sealed)
		if err == nil && r.with != nil {
			_, err = ring.openBeside(workspace, r.by, x.table, r.row, r.sealed, x.with, r.with)
		}
		o.note(r.row, err)
	}
	return nil
}
