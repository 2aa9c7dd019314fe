package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

// RingOf returns the id of the key ring that the database at dsn was made with;
// empty if there is no such database yet, or nothing in it. It changes nothing.
func RingOf(ctx context.Context, dsn string) (id string, err error) {
	driver, table := "pgx", `SELECT count(*) FROM pg_class WHERE oid = to_regclass('ring')`
	if !isPostgres(dsn) {
		path := strings.TrimPrefix(dsn, "sqlite:")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		driver, table = "sqlite", `SELECT count(*) FROM sqlite_master WHERE name = 'ring'`
		dsn = sqliteURL(path) + "?mode=rw&_pragma=busy_timeout(10000)&_pragma=query_only(1)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return "", fmt.Errorf("look for a key ring: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var n int
	if err := db.QueryRowContext(ctx, table).Scan(&n); err != nil {
		return "", fmt.Errorf("look for a key ring: %w", err)
	}
	if n == 0 {
		return "", nil
	}
	if err := db.QueryRowContext(ctx, `SELECT id FROM ring`).Scan(&id); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("look for a key ring: %w", err)
	}
	return id, nil
}

// CheckRing writes the vault's ring into a database that has none, and refuses a
// vault with another ring, or with an old copy of it that lacks the newest key.
func (s *Store) CheckRing(ctx context.Context) error {
	var kept ringRow
	err := s.inTx(ctx, everywhere, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO ring (one, id, kek, made_at) VALUES (1, $1, $2, $3) ON CONFLICT (one) DO NOTHING`,
			s.vault.Ring(), s.vault.Current(), now()); err != nil {
			return err
		}
		var err error
		kept, err = one(t, scanRing, `SELECT id, kek FROM ring`)
		return err
	})
	if err != nil {
		return fmt.Errorf("check key ring: %w", err)
	}
	return s.fits(kept)
}

// fitsRing is CheckRing for who only reads.
func (s *Store) fitsRing(ctx context.Context) error {
	var kept ringRow
	err := s.view(ctx, everywhere, func(t *tx) (err error) {
		kept, err = one(t, scanRing, `SELECT id, kek FROM ring`)
		return err
	})
	if err != nil {
		return fmt.Errorf("check key ring: %w", err)
	}
	return s.fits(kept)
}

// ringRow is the database's ring and the key that it was last given.
type ringRow struct{ id, kek string }

func scanRing(scan func(...any) error) (r ringRow, err error) { return r, scan(&r.id, &r.kek) }

func (s *Store) fits(kept ringRow) error {
	switch {
	case kept.id != s.vault.Ring():
		return &engawa.Error{
			Code:    engawa.CodeConflict,
			Message: fmt.Sprintf("the key file holds ring %s; this database was made with ring %s", s.vault.Ring(), kept.id),
			Remedy:  "restore the key file with ring " + kept.id + " from your key backup; every node of this database needs that same file",
		}
	case !s.vault.Knows(kept.kek):
		return &engawa.Error{
			Code:    engawa.CodeConflict,
			Message: fmt.Sprintf("the key file is older than the database: its newest key is %s; this database was last given key %s", s.vault.Current(), kept.kek),
			Remedy:  "restore the newest copy of the key file; nodes that rotate keys must share one file, or set key_rotation = \"off\"",
		}
	}
	return nil
}

// Rotate has next put a new key in charge of the ring while no other node does,
// and notes the id that next returns. The key must be on the disk by then: this
// node, and those that read the file again, wrap by it from now on.
func (s *Store) Rotate(ctx context.Context, next func() (kek string, err error)) error {
	err := s.inTx(ctx, everywhere, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT kek FROM ring WHERE one = 1 {lock}`); err != nil {
			return err
		}
		kek, err := next()
		if err != nil {
			return err
		}
		return t.must("rotate", `UPDATE ring SET kek = $1 WHERE one = 1`, kek)
	})
	if err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	return nil
}

// wrappedTable is a table whose rows may carry a key wrapped by the ring, in
// their first wrappedSize bytes.
type wrappedTable struct {
	table string
	row   string // an expression for the row's name in keyring.seal
	match string // finds the row by that name again, with args from $5 on
	args  func(row string) []any
}

// wrapped are all such tables but idempotency and import, whose bodies live for a day.
func wrapped() []wrappedTable {
	byID := func(row string) []any { return []any{row} }
	return []wrappedTable{
		{"account", "id", "id = $5", byID},
		{"member", "id", "id = $5", byID},
		{"destination", "id", "id = $5", byID},
		{"event", "id", "id = $5", byID},
		{"message", "id", "id = $5", byID},
		{"delivery", "id", "id = $5", byID},
		{"task", "id", "id = $5", byID},
		{"task_line", "id", "id = $5", byID},
		{"offer_pool", "id", "id = $5", byID},
		{"offer_code", "id", "id = $5", byID},
		{"breaker", "id", "id = $5", byID},
		{"custody", "id", "id = $5", byID},
		{"custody_line", "id", "id = $5", byID},
		{"custody_picture", "id", "id = $5", byID},
		{"attempt", "delivery || '.' || n", "delivery = $5 AND n = $6", attemptKey},
	}
}

func attemptKey(row string) []any {
	dot := strings.LastIndexByte(row, '.')
	n, _ := strconv.ParseInt(row[dot+1:], 10, 64) // the database made it of a number
	return []any{row[:dot], n}
}

// ringRows are the rows of the partial indexes *_ring.
const ringRows = `sealed_by > 'ring:' AND sealed_by < 'ring;'`

// Wrapped counts what is wrapped by these keys of the ring: nothing may be when
// they are destroyed.
func (s *Store) Wrapped(ctx context.Context, keks []string) (n int64, err error) {
	by := make([]string, len(keks))
	for i, k := range keks {
		by[i] = byRing + k
	}
	err = s.view(ctx, everywhere, func(t *tx) error {
		if n, err = one(t, scanInt, `SELECT count(*) FROM data_key WHERE state = 'live' AND kek {in $1}`, t.list(keks)); err != nil {
			return err
		}
		for _, w := range wrapped() {
			m, err := one(t, scanInt, `SELECT count(*) FROM `+w.table+` WHERE `+ringRows+` AND sealed_by {in $1}`, t.list(by))
			if err != nil {
				return err
			}
			n += m
		}
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("count what is wrapped: %w", err)
	}
	return n, nil
}

// rewrapBatch is how many keys one transaction of Rewrap wraps anew: about 20 ms.
const rewrapBatch = 500

// Rewrap wraps by the ring's current key whatever these keys of it wrap, in
// short transactions. Each row says which key opens it, so that an interruption
// leaves nothing half done: the next call goes on.
func (s *Store) Rewrap(ctx context.Context, keks []string) (n int, err error) {
	if len(keks) == 0 {
		return 0, nil
	}
	steps := []func(*tx) (int, error){func(t *tx) (int, error) { return t.rewrapCustomers(keks) }}
	for _, w := range wrapped() {
		steps = append(steps, func(t *tx) (int, error) { return t.rewrapRows(w, keks) })
	}
	for _, step := range steps {
		for done := rewrapBatch; done == rewrapBatch; n += done {
			if err = s.inTx(ctx, everywhere, func(t *tx) (err error) { done, err = step(t); return err }); err != nil {
				return n, fmt.Errorf("rewrap: %w", err)
			}
		}
	}
	return n, nil
}

// wrappedKey is a key as its row has it.
type wrappedKey struct {
	workspace, row, by string
	bytes              []byte
}

func scanWrapped(scan func(...any) error) (k wrappedKey, err error) {
	return k, scan(&k.workspace, &k.row, &k.by, &k.bytes)
}

func (t *tx) rewrapCustomers(keks []string) (int, error) {
	found, err := all(t, scanWrapped, `SELECT workspace, id, kek, wrapped FROM data_key WHERE state = 'live' AND kek {in $1} LIMIT 500 {skip}`, t.list(keks))
	if err != nil {
		return 0, err
	}
	var rows [][]any
	for _, k := range found {
		w, err := t.s.vault.Rewrap(k.workspace, k.row, vault.Wrapped{KEK: k.by, Bytes: k.bytes})
		if err != nil {
			return 0, err
		}
		rows = append(rows, []any{k.workspace, k.row, k.by, w.KEK, w.Bytes})
	}
	_, err = t.update(`UPDATE data_key SET kek = $4, wrapped = $5 WHERE workspace = $1 AND id = $2 AND kek = $3 AND state = 'live'`, rows)
	return len(found), err
}

func (t *tx) rewrapRows(x wrappedTable, keks []string) (int, error) {
	by := make([]string, len(keks))
	for i, k := range keks {
		by[i] = byRing + k
	}
	found, err := all(t, scanWrapped, `SELECT workspace, `+x.row+`, sealed_by, sealed FROM `+x.table+` WHERE `+ringRows+` AND sealed_by {in $1} LIMIT 500 {skip}`, t.list(by))
	if err != nil {
		return 0, err
	}
	var rows [][]any
	for _, k := range found {
		if len(k.bytes) < wrappedSize {
			return 0, fmt.Errorf("%s %s: %w", x.table, k.row, vault.ErrOpen)
		}
		w, err := t.s.vault.Rewrap(k.workspace, x.table+"/"+k.row, vault.Wrapped{KEK: strings.TrimPrefix(k.by, byRing), Bytes: k.bytes[:wrappedSize]})
		if err != nil {
			return 0, err
		}
		rows = append(rows, append([]any{k.workspace, k.by, byRing + w.KEK, append(w.Bytes, k.bytes[wrappedSize:]...)}, x.args(k.row)...))
	}
	_, err = t.update(`UPDATE `+x.table+` SET sealed_by = $3, sealed = $4 WHERE workspace = $1 AND sealed_by = $2 AND `+x.match, rows)
	return len(found), err
}
