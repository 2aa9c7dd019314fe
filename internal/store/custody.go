package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// What an entry of the ledger may have: enough for what people write by hand.
const (
	maxCustodies    = 500  // entries without an account
	maxCustodyLines = 1000 // an entry's
	maxPictures     = 100  // an entry's
)

// firstCustody is when the provider of a new account is asked first: when it was saved
// somebody has asked already.
const firstCustody = 10 * time.Minute

// ownCustody makes the entries of accounts that have none.
func (t *tx) ownCustody(workspace string) error {
	_, err := t.exec(`INSERT INTO custody (workspace, id, account, kind, created_at, next_at)
		SELECT a.workspace, '`+engawa.PrefixCustody+`_' || a.id, a.id, '', a.created_at, $2 FROM account a
		WHERE a.workspace = $1 AND a.ended_at = 0 AND NOT EXISTS (SELECT 1 FROM custody c WHERE c.workspace = a.workspace AND c.account = a.id)`,
		workspace, us(time.Now().Add(firstCustody)))
	return err
}

// custodyBody is what is sealed of an entry.
type custodyBody struct {
	Name  string            `json:"name,omitempty"` // of one without an account
	Facts map[string]string `json:"facts,omitempty"`
}

// Format shows nothing, whatever the verb.
func (custodyBody) Format(f fmt.State, _ rune) { fmt.Fprint(f, "custody") }

type custodyRow struct {
	engawa.Custody

	turn   int64
	sealed []byte
	by     string
}

// Format names the entry alone, whatever the verb.
func (r custodyRow) Format(f fmt.State, verb rune) { r.Custody.Format(f, verb) }

// custodies reads entries without their lines.
func (t *tx) custodies(workspace, where string, args ...any) ([]custodyRow, error) {
	rows, err := all(t, func(scan func(...any) error) (r custodyRow, err error) {
		var created, looked int64
		err = scan(&r.Workspace, &r.ID, &r.Account, &r.Kind, &r.Name, &created, &looked, &r.Silent, &r.turn, &r.sealed, &r.by)
		r.CreatedAt, r.LookedAt = at(created), at(looked)
		return r, err
	}, `SELECT c.workspace, c.id, c.account, COALESCE(a.kind, c.kind), COALESCE(a.name, ''), c.created_at, c.looked_at, c.silent, c.turn, c.sealed, c.sealed_by
		FROM custody c LEFT JOIN account a ON a.workspace = c.workspace AND a.id = c.account
		WHERE c.workspace = $1 AND c.ended_at = 0 `+where, append([]any{workspace}, args...)...)
	if err != nil {
		return nil, err
	}
	ring := keyring{vault: t.s.vault}
	for i := range rows {
		r := &rows[i]
		if r.sealed == nil {
			continue
		}
		var body custodyBody
		plain, err := ring.open(workspace, r.by, "custody", r.ID, r.sealed)
		if err == nil {
			err = json.Unmarshal(plain, &body)
		}
		if err != nil {
			return nil, fmt.Errorf("custody %s: %w", r.ID, err)
		}
		if r.Facts = body.Facts; r.Account == "" {
			r.Name = body.Name
		}
	}
	return rows, nil
}

// sealCustody seals the body of an entry as it is.
func (t *tx) sealCustody(c engawa.Custody) (sealed []byte, by string, err error) {
	body := custodyBody{Facts: c.Facts}
	if c.Account == "" {
		body.Name = c.Name
	}
	plain, err := json.Marshal(body)
	if err != nil {
		return nil, "", err
	}
	return keyring{vault: t.s.vault}.seal(c.Workspace, "", "custody", c.ID, plain)
}

type custodyLineRow struct {
	engawa.CustodyLine

	custody, by string
	sealed      []byte
}

// Format names the line alone, whatever the verb.
func (r custodyLineRow) Format(f fmt.State, verb rune) { r.CustodyLine.Format(f, verb) }

// custodyLines reads lines by their entries, oldest first.
func (t *tx) custodyLines(workspace, where string, args ...any) (map[string][]engawa.CustodyLine, error) {
	rows, err := all(t, func(scan func(...any) error) (r custodyLineRow, err error) {
		var when int64
		err = scan(&r.ID, &r.custody, &when, &r.By, &r.Picture, &r.sealed, &r.by)
		r.At = at(when)
		return r, err
	}, `SELECT id, custody, at, by, picture, sealed, sealed_by FROM custody_line WHERE workspace = $1 `+where+` ORDER BY id`, append([]any{workspace}, args...)...)
	if err != nil {
		return nil, err
	}
	ring := keyring{vault: t.s.vault}
	out := map[string][]engawa.CustodyLine{}
	for _, r := range rows {
		plain, err := ring.open(workspace, r.by, "custody_line", r.ID, r.sealed)
		if err == nil {
			err = json.Unmarshal(plain, &r.CustodyLine)
		}
		if err != nil {
			return nil, fmt.Errorf("custody line %s: %w", r.ID, err)
		}
		out[r.custody] = append(out[r.custody], r.CustodyLine)
	}
	return out, nil
}

// Custodies returns the custody ledger, oldest entries first.
func (s *Store) Custodies(ctx context.Context, workspace string) (cs []engawa.Custody, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := t.custodies(workspace, `ORDER BY c.created_at, c.id`)
		if err != nil {
			return err
		}
		lines, err := t.custodyLines(workspace, "")
		for _, r := range rows {
			r.Lines = lines[r.ID]
			cs = append(cs, r.Custody)
		}
		return err
	})
	return cs, err
}

// Custody returns an entry of the ledger.
func (s *Store) Custody(ctx context.Context, workspace, id string) (c engawa.Custody, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		r, err := t.custody(workspace, id, "")
		c = r.Custody
		return err
	})
	return c, err
}

// custody reads one entry with its lines; lock: {lock} to have who else writes wait.
func (t *tx) custody(workspace, id, lock string) (custodyRow, error) {
	if lock != "" {
		if _, err := one(t, scanString, `SELECT id FROM custody WHERE workspace = $1 AND id = $2 AND ended_at = 0 `+lock, workspace, id); err != nil {
			return custodyRow{}, found("entry of the ledger", err)
		}
	}
	rows, err := t.custodies(workspace, `AND c.id = $2`, id)
	if err == nil && len(rows) == 0 {
		err = engawa.NotFound("entry of the ledger")
	}
	if err != nil {
		return custodyRow{}, err
	}
	lines, err := t.custodyLines(workspace, `AND custody = $2`, id)
	rows[0].Lines = lines[id]
	return rows[0], err
}

// AddCustody writes down a thing that is not connected here.
func (s *Store) AddCustody(ctx context.Context, c engawa.Custody) error {
	c.Account = ""
	err := s.inTx(ctx, c.Workspace, func(t *tx) error {
		n, err := one(t, scanInt, `SELECT count(*) FROM custody WHERE workspace = $1 AND account = '' AND ended_at = 0`, c.Workspace)
		if err != nil {
			return err
		}
		if n >= maxCustodies {
			return &engawa.Error{Code: engawa.CodeConflict, Message: "the ledger is full", Remedy: "take entries out that are needed no more"}
		}
		sealed, by, err := t.sealCustody(c)
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO custody (workspace, id, account, kind, created_at, sealed, sealed_by) VALUES ($1, $2, '', $3, $4, $5, $6)`,
			c.Workspace, c.ID, c.Kind, us(c.CreatedAt), sealed, by); err != nil {
			return err
		}
		return t.noted(c.Workspace, "add-custody", c.ID, c.Kind)
	})
	if err != nil {
		return fmt.Errorf("add custody %s: %w", c.ID, err)
	}
	return nil
}

// EndCustody takes out an entry that stands for no account.
func (s *Store) EndCustody(ctx context.Context, workspace, id string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		n, err := t.exec(`UPDATE custody SET ended_at = $3 WHERE workspace = $1 AND id = $2 AND account = '' AND ended_at = 0`, workspace, id, now())
		if err == nil && n == 0 {
			err = engawa.NotFound("entry of the ledger without an account")
		}
		if err != nil {
			return err
		}
		return t.noted(workspace, "end-custody", id, "")
	})
	if err != nil {
		return fmt.Errorf("end custody %s: %w", id, err)
	}
	return nil
}

// BindCustody says that an entry stands for an account that was connected since, of
// whose own entry nothing was said yet.
func (s *Store) BindCustody(ctx context.Context, workspace, id, account string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		c, err := t.custody(workspace, id, "{lock}")
		if err != nil {
			return err
		}
		a, err := t.account(workspace, account)
		if err != nil {
			return err
		}
		other, err := t.custodies(workspace, `AND c.account = $2`, account)
		if err != nil {
			return err
		}
		for _, o := range other {
			said, err := t.custody(workspace, o.ID, "{lock}")
			if err != nil {
				return err
			}
			if c.Account != "" || len(said.Lines) > 0 || a.Kind != c.Kind {
				return &engawa.Error{
					Code: engawa.CodeConflict, Message: "this entry cannot stand for that account",
					Remedy: "choose an account of the same kind of which nothing was said yet",
				}
			}
			if _, err := t.exec(`DELETE FROM custody WHERE workspace = $1 AND id = $2`, workspace, o.ID); err != nil {
				return err
			}
		}
		if err := t.must("bind custody "+id, `UPDATE custody SET account = $3, next_at = 0 WHERE workspace = $1 AND id = $2 AND account = ''`, workspace, id, account); err != nil {
			return err
		}
		return t.noted(workspace, "bind-custody", id, account)
	})
	if err != nil {
		return fmt.Errorf("bind custody %s: %w", id, err)
	}
	return nil
}

// Picture is one that belongs to a line, as evidence.
type Picture struct {
	Type string `json:"type"` // its media type
	Data []byte `json:"data"`
}

// Format shows nothing of it, whatever the verb.
func (p Picture) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "picture of %d bytes", len(p.Data)) }

// CustodyEntry is what somebody writes into the ledger: Stated or Done of its line.
type CustodyEntry struct {
	Workspace, Custody string
	Line               engawa.CustodyLine
	Picture            *Picture // nil: none
	// Of a statement: the line of the one before it, as its author saw it, and who
	// is to be named as the account's custodian.
	Seen, Custodian string
}

// Format names the entry alone, whatever the verb.
func (e CustodyEntry) Format(f fmt.State, _ rune) { fmt.Fprint(f, "entry in custody "+e.Custody) }

// WriteCustody keeps what somebody says of an entry, or did about it. It returns the
// line's id.
func (s *Store) WriteCustody(ctx context.Context, e CustodyEntry) (id string, err error) {
	err = s.inTx(ctx, e.Workspace, func(t *tx) error {
		c, err := t.custody(e.Workspace, e.Custody, "{lock}")
		if err != nil {
			return err
		}
		if err := mayWrite(c.Custody, e); err != nil {
			return err
		}
		e.Line.By = t.s.actor
		if id, err = t.addCustodyLine(c.Custody, e.Line, e.Picture); err != nil {
			return err
		}
		if e.Line.Done != nil {
			if err := t.settleFound(c.Custody, e.Line.Done.Step); err != nil {
				return err
			}
			return t.noted(e.Workspace, "do-custody", e.Custody, e.Line.Done.Step.Key)
		}
		if _, err := t.exec(`UPDATE account SET owner = $3, custodian = $4 WHERE workspace = $1 AND id = $2 AND ended_at = 0`,
			e.Workspace, c.Account, e.Line.Stated.Owner, e.Custodian); err != nil {
			return err
		}
		return t.noted(e.Workspace, "state-custody", e.Custody, id)
	})
	if err != nil {
		return "", fmt.Errorf("write into custody %s: %w", e.Custody, err)
	}
	return id, nil
}

// mayWrite refuses what was said on the ground of what stands there no more, and what
// is too much.
func mayWrite(c engawa.Custody, e CustodyEntry) error {
	before, _ := c.Stated()
	pictures := 0
	for _, l := range c.Lines {
		if l.Picture != "" {
			pictures++
		}
	}
	switch {
	case e.Line.Stated != nil && before.ID != e.Seen:
		return &engawa.Error{Code: engawa.CodeConflict, Message: "somebody else said meanwhile who holds it", Remedy: "read it, and repeat what you know"}
	case len(c.Lines) >= maxCustodyLines || e.Picture != nil && pictures >= maxPictures:
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this entry is full", Remedy: "begin a new one, or leave the picture out"}
	}
	return nil
}

// addCustodyLine adds a line to an entry, now.
func (t *tx) addCustodyLine(c engawa.Custody, l engawa.CustodyLine, p *Picture) (string, error) {
	when := time.Now()
	l.ID = t.s.lines.Next("ctl", when)
	ring := keyring{vault: t.s.vault}
	plain, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	sealed, by, err := ring.seal(c.Workspace, "", "custody_line", l.ID, plain)
	if err != nil {
		return "", err
	}
	media := ""
	if p != nil {
		media = p.Type
	}
	if _, err := t.exec(`INSERT INTO custody_line (workspace, id, custody, at, by, picture, sealed, sealed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.Workspace, l.ID, c.ID, us(when), l.By, media, sealed, by); err != nil || p == nil {
		return l.ID, err
	}
	if plain, err = json.Marshal(p); err != nil {
		return "", err
	}
	if sealed, by, err = ring.seal(c.Workspace, "", "custody_picture", l.ID, plain); err != nil {
		return "", err
	}
	_, err = t.exec(`INSERT INTO custody_picture (workspace, id, sealed, sealed_by) VALUES ($1, $2, $3, $4)`, c.Workspace, l.ID, sealed, by)
	return l.ID, err
}

// CustodyPicture returns the picture of a line.
func (s *Store) CustodyPicture(ctx context.Context, workspace, line string) (p Picture, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		type row struct {
			sealed []byte
			by     string
		}
		r, err := one(t, func(scan func(...any) error) (r row, err error) { return r, scan(&r.sealed, &r.by) },
			`SELECT sealed, sealed_by FROM custody_picture WHERE workspace = $1 AND id = $2`, workspace, line)
		if err != nil {
			return found("picture", err)
		}
		plain, err := keyring{vault: t.s.vault}.open(workspace, r.by, "custody_picture", line, r.sealed)
		if err != nil {
			return err
		}
		return json.Unmarshal(plain, &p)
	})
	return p, err
}
