package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

const importColumns = `workspace, id, account, state, mapping, tell, lines, done, refused, gone, counts, created_by, created_at, ended_at, sealed_by`

func scanImport(scan func(...any) error) (i engawa.Import, err error) {
	var counts, by string
	var created, ended int64
	if err := scan(&i.Workspace, &i.ID, &i.Account, &i.State, &i.Mapping, &i.Tell, &i.Rows, &i.Done, &i.Refused, &i.Gone, &counts, &i.CreatedBy, &created, &ended, &by); err != nil {
		return i, err
	}
	i.CreatedAt, i.EndedAt, i.Kept = at(created), at(ended), by != ""
	return i, json.Unmarshal([]byte(counts), &i.Counts)
}

// maxFiles bounds the uploaded files that a workspace keeps at a time.
const maxFiles = 20

// AddImport keeps an uploaded file, sealed, until a day has passed.
func (s *Store) AddImport(ctx context.Context, i engawa.Import, file []byte) error {
	err := s.inTx(ctx, i.Workspace, func(t *tx) error {
		_, err := t.account(i.Workspace, i.Account)
		if err != nil {
			return err
		}
		n, err := one(t, scanInt, `SELECT count(*) FROM import WHERE workspace = $1 AND sealed_by <> ''`, i.Workspace)
		if err != nil {
			return err
		}
		if n >= maxFiles {
			return &engawa.Error{Code: engawa.CodeConflict, Message: fmt.Sprintf("%d uploaded files are kept; %d are allowed", n, maxFiles), Remedy: "give up those that are not to be applied, or wait a day"}
		}
		sealed, by, err := keyring{vault: s.vault}.seal(i.Workspace, "", "import", i.ID, file)
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO import (`+importColumns+`, sealed, next_at) VALUES ($1, $2, $3, 'open', '', FALSE, 0, 0, 0, 0, '{}', $4, $5, 0, $6, $7, 0)`,
			i.Workspace, i.ID, i.Account, i.CreatedBy, us(i.CreatedAt), by, sealed); err != nil {
			return err
		}
		return t.noted(i.Workspace, "add-import", i.ID, i.Account)
	})
	if err != nil {
		return fmt.Errorf("add import %s: %w", i.ID, err)
	}
	return nil
}

// Imports returns a page of imports, newest first.
func (s *Store) Imports(ctx context.Context, workspace string, p Page) (is []engawa.Import, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		is, err = all(t, scanImport, `SELECT `+importColumns+` FROM import WHERE workspace = $1 AND (created_at, id) < ($2, $3)
			ORDER BY created_at DESC, id DESC LIMIT `+strconv.Itoa(p.limit()), workspace, p.before(), p.ID)
		return err
	})
	return is, err
}

// Import returns one.
func (s *Store) Import(ctx context.Context, workspace, id string) (i engawa.Import, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		i, err = one(t, scanImport, `SELECT `+importColumns+` FROM import WHERE workspace = $1 AND id = $2`, workspace, id)
		return found("import", err)
	})
	return i, err
}

// ImportFile returns the uploaded file; CodeNotFound when its day is over.
func (s *Store) ImportFile(ctx context.Context, workspace, id string) (file []byte, err error) {
	type row struct {
		by     string
		sealed []byte
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		r, err := one(t, func(scan func(...any) error) (r row, err error) { return r, scan(&r.by, &r.sealed) },
			`SELECT sealed_by, sealed FROM import WHERE workspace = $1 AND id = $2 AND sealed_by <> ''`, workspace, id)
		if err != nil {
			return found("file", err)
		}
		file, err = keyring{vault: s.vault}.open(workspace, r.by, "import", id, r.sealed)
		return err
	})
	return file, err
}

// FirstImport reports whether nothing of an account's files was ever applied.
func (s *Store) FirstImport(ctx context.Context, workspace, account string) (first bool, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ids, err := all(t, scanString, `SELECT id FROM import_row WHERE workspace = $1 AND account = $2 LIMIT 1`, workspace, account)
		first = len(ids) == 0
		return err
	})
	return first, err
}

// StartImport has an import applied from where it stands, by i.Mapping if none
// of it was applied yet. Of one source one is applied at a time.
func (s *Store) StartImport(ctx context.Context, i engawa.Import) error {
	err := s.inTx(ctx, i.Workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND id = $2 {lock}`, i.Workspace, i.Account); err != nil {
			return found("account", err)
		}
		running, err := one(t, scanInt, `SELECT count(*) FROM import WHERE workspace = $1 AND account = $2 AND state = 'applying'`, i.Workspace, i.Account)
		if err != nil {
			return err
		}
		if running > 0 {
			return &engawa.Error{Code: engawa.CodeConflict, Message: "a file of this source is being applied", Remedy: "wait until it is done, or stop it"}
		}
		n, err := t.exec(`UPDATE import SET state = 'applying', next_at = 0, mapping = CASE WHEN state = 'open' THEN $3 ELSE mapping END,
			tell = CASE WHEN state = 'open' THEN $4 ELSE tell END, lines = $5, refused = $6
			WHERE workspace = $1 AND id = $2 AND state IN ('open', 'stopped') AND sealed_by <> ''`, i.Workspace, i.ID, i.Mapping, i.Tell, i.Rows, i.Refused)
		if err != nil {
			return err
		}
		if n == 0 {
			return &engawa.Error{Code: engawa.CodeConflict, Message: "this file was applied or given up, or its day is over", Remedy: "upload it again"}
		}
		return t.noted(i.Workspace, "apply-import", i.ID, i.Account)
	})
	if err != nil {
		return fmt.Errorf("start import %s: %w", i.ID, err)
	}
	return nil
}

// StopImport stops one that is being applied. What it did stays.
func (s *Store) StopImport(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("import under way", `UPDATE import SET state = 'stopped' WHERE workspace = $1 AND id = $2 AND state = 'applying'`, workspace, id); err != nil {
			return err
		}
		return t.noted(workspace, "stop-import", id, "")
	})
}

// DropImport gives up one that is not being applied, and its file.
func (s *Store) DropImport(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("import that waits", `UPDATE import SET state = CASE WHEN state = 'done' THEN state ELSE 'dropped' END, sealed = NULL, sealed_by = ''
			WHERE workspace = $1 AND id = $2 AND state <> 'applying' AND sealed_by <> ''`, workspace, id); err != nil {
			return err
		}
		return t.noted(workspace, "drop-import", id, "")
	})
}

// importLease is how long a node may take for a step before another takes over.
const importLease = time.Minute

// DueImports takes the imports of every workspace whose next step is due. Nobody
// else gets them before the lease is over, which each step renews.
func (s *Store) DueImports(ctx context.Context) (is []engawa.Import, err error) {
	var due []engawa.Import
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, scanImport, `SELECT `+importColumns+` FROM import WHERE state = 'applying' AND next_at <= $1 ORDER BY next_at LIMIT 20`, now())
		return err
	})
	for _, i := range due {
		err = s.inTx(ctx, i.Workspace, func(t *tx) error {
			n, err := t.exec(`UPDATE import SET next_at = $3 WHERE workspace = $1 AND id = $2 AND state = 'applying' AND next_at <= $4`,
				i.Workspace, i.ID, us(time.Now().Add(importLease)), now())
			if err == nil && n == 1 {
				is = append(is, i)
			}
			return err
		})
		if err != nil {
			return is, fmt.Errorf("take import %s: %w", i.ID, err)
		}
	}
	return is, err
}

// FinishImport ends an import whose lines are all applied. Contracts that the
// source told of before and not in this file are marked, and, if ask is given,
// a person is asked to look, with their number as the argument "n".
func (s *Store) FinishImport(ctx context.Context, i engawa.Import, ask *engawa.Task) error {
	err := s.inTx(ctx, i.Workspace, func(t *tx) error {
		gone, err := t.exec(`UPDATE import_row SET gone = $3 WHERE workspace = $1 AND account = $2 AND seen <> $3 AND `+missed,
			i.Workspace, i.Account, i.ID)
		if err != nil {
			return err
		}
		if err := t.must("finish import", `UPDATE import SET state = 'done', ended_at = $3, gone = $4 WHERE workspace = $1 AND id = $2 AND state = 'applying' AND done = lines`,
			i.Workspace, i.ID, now(), gone); err != nil {
			return err
		}
		if gone == 0 || ask == nil {
			return nil
		}
		ask.Args["n"] = strconv.FormatInt(gone, 10)
		return t.raise(*ask)
	})
	if err != nil {
		return fmt.Errorf("finish import %s: %w", i.ID, err)
	}
	return nil
}

// GoneRow is a contract that an import found gone.
type GoneRow struct {
	Customer string
	Body     []byte // what was told of it last
}

// GoneRows returns the contracts that an import found gone and that were in no
// file since, at most 200.
func (s *Store) GoneRows(ctx context.Context, workspace, id string) (out []GoneRow, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanToldRow, `SELECT `+toldColumns+` FROM import_row WHERE workspace = $1 AND gone = $2 AND gone <> '' ORDER BY id LIMIT 200`, workspace, id)
		if err != nil {
			return err
		}
		if err := t.openTold(workspace, rows); err != nil {
			return err
		}
		for _, r := range rows {
			out = append(out, GoneRow{r.customer, r.body})
		}
		return nil
	})
	return out, err
}

// expireImports removes files whose day is over. One that is being applied
// keeps its file until it ends.
const expireImports = `UPDATE import SET state = CASE WHEN state IN ('open', 'stopped') THEN 'expired' ELSE state END, sealed = NULL, sealed_by = ''
	WHERE (workspace, id) IN (SELECT workspace, id FROM import WHERE sealed_by <> '' AND state <> 'applying' AND created_at < $1 LIMIT 500 {skip})`

// errMoved says that somebody stopped the import, or took it over.
var errMoved = errors.New("the import went on elsewhere, or was stopped")

// Moved reports whether a step failed because somebody stopped the import, or
// took it over: what it did is nothing.
func Moved(err error) bool { return errors.Is(err, errMoved) }
