package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/engawa/engawa"
)

// tx is one transaction. Its methods take SQL with $1, $2 … on both engines
// and two macros: {in $n} for a list argument made by list, and {skip},
// {share}, {lock} for PostgreSQL's row locks, which SQLite needs none of.
type tx struct {
	ctx  context.Context //nolint:containedctx // a tx lives inside one call
	s    *Store
	told bool // of something that waits for its routes
	// wipes: something was destroyed, and SQLite's log still has it.
	wipes bool
	// asking are the routes of workspaces in which something was reported (tx.asked).
	asking map[string][]engawa.Route
	// touched are customers of whom something changed that lists of somebody else's may hold.
	touched []whose
	tx      *sql.Tx   // reading on SQLite
	conn    *sql.Conn // everything else
}

// everywhere is the scope of a transaction that may see every workspace: what
// looks a key or a session up before it knows whose it is, and the hub's own work.
const everywhere = "*"

// scope is the one workspace of a batch, or everywhere.
func scope(workspaces []string) string {
	for _, w := range workspaces {
		if w != workspaces[0] {
			return everywhere
		}
	}
	if len(workspaces) == 0 {
		return everywhere
	}
	return workspaces[0]
}

// inTx runs f in a writing transaction for a workspace, or everywhere. On
// PostgreSQL other workspaces' rows do not exist for it (walls.go).
func (s *Store) inTx(ctx context.Context, workspace string, f func(*tx) error) error {
	if s.reading {
		return errReading
	}
	if s.lite {
		return s.writer.inTx(ctx, s, f)
	}
	return s.postgresTx(ctx, "BEGIN", workspace, f)
}

// errReading is a mistake of ours, never of a user's.
var errReading = errors.New("the database was opened to read")

// view runs f in a reading transaction for a workspace, or everywhere.
func (s *Store) view(ctx context.Context, workspace string, f func(*tx) error) error {
	if !s.lite {
		return s.postgresTx(ctx, beginReading, workspace, f)
	}
	t, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer t.Rollback()
	return f(&tx{ctx: ctx, s: s, tx: t})
}

// postgresTx begins and names the workspace in one round trip, which
// database/sql's own BeginTx cannot.
func (s *Store) postgresTx(ctx context.Context, begin, workspace string, f func(*tx) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close() //nolint:errcheck // gives the connection back; one whose transaction is open is thrown away
	fate, xid := fateOf(ctx), ""
	if fate != nil && begin != beginReading {
		begin += reserve
	}
	err = raw(conn, func(c *pgconn.PgConn) error {
		xid, err = beginFor(ctx, c, begin, workspace)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	t := &tx{ctx: ctx, s: s, conn: conn}
	err = f(t)
	if err == nil {
		err = t.seeToLists()
	}
	if err != nil {
		rollback(ctx, conn)
		return err
	}
	err = raw(conn, func(c *pgconn.PgConn) error { return commit(ctx, c) })
	if err != nil {
		rollback(ctx, conn)
	}
	if xid != "" {
		err = fate.settle(ctx, s, xid, err)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	t.wake()
	return nil
}

// untangled has do again what PostgreSQL ended because it waited in a circle with
// another transaction (deadlock_detected): the other one has gone on. What locks
// customers in the order in which it hears of them cannot do so in the order of
// their ids, as a claim does.
func untangled(do func() error) error {
	const most = 10
	for n := 1; ; n++ {
		err := do()
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "40P01" || n == most {
			return err
		}
	}
}

// wake has what a committed transaction told of routed now, not at the next look.
func (t *tx) wake() {
	if t.told {
		t.s.wakeUp("", "")
	}
}

func raw(conn *sql.Conn, f func(*pgconn.PgConn) error) error {
	return conn.Raw(func(c any) error { return f(c.(*stdlib.Conn).Conn().PgConn()) })
}

// beginReading begins what only reads, and reserve names what writes.
const (
	beginReading = "BEGIN READ ONLY"
	reserve      = "; SELECT pg_current_xact_id()"
)

// beginFor begins a transaction and answers its id if begin ends with reserve.
func beginFor(ctx context.Context, c *pgconn.PgConn, begin, workspace string) (xid string, err error) {
	name, err := c.EscapeString(workspace)
	if err != nil {
		return "", err
	}
	said, err := c.Exec(ctx, begin+"; SET LOCAL engawa.workspace = '"+name+"'").ReadAll()
	if err == nil && strings.HasSuffix(begin, reserve) {
		xid = string(said[len(said)-2].Rows[0][0])
	}
	return xid, err
}

// commit fails where PostgreSQL answers COMMIT with ROLLBACK: an earlier
// statement had failed.
func commit(ctx context.Context, c *pgconn.PgConn) error {
	rs, err := c.Exec(ctx, "COMMIT").ReadAll()
	if err == nil && (len(rs) != 1 || rs[0].CommandTag.String() != "COMMIT") {
		err = pgx.ErrTxCommitRollback
	}
	return err
}

// rollback ends a transaction also when its caller has gone. A connection on
// which that fails is closed by the driver.
func rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	raw(conn, func(c *pgconn.PgConn) error { //nolint:errcheck // there is nobody left to tell
		if c.TxStatus() == 'I' {
			return nil
		}
		_, err := c.Exec(ctx, "ROLLBACK").ReadAll()
		return err
	})
}

// writer is SQLite's one writing connection with its prepared statements:
// preparing there costs as much as running. Writes do not end half way when
// their caller goes away; they are local and short.
type writer struct {
	turn  chan struct{} // holds one token while nobody writes
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	w := &writer{turn: make(chan struct{}, 1), conn: conn, stmts: map[string]*sql.Stmt{}}
	w.turn <- struct{}{}
	return w, nil
}

func (w *writer) inTx(ctx context.Context, s *Store, f func(*tx) error) error {
	select {
	case <-w.turn:
		defer func() { w.turn <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("begin: %w", ctx.Err())
	}
	if err := ctx.Err(); err != nil { // it was the writer's turn and the caller had gone: select takes either
		return fmt.Errorf("begin: %w", err)
	}
	t := &tx{ctx: context.WithoutCancel(ctx), s: s, conn: w.conn}
	if _, err := t.exec(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			t.exec(`ROLLBACK`) //nolint:errcheck // a failed COMMIT may have rolled back already
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if err := t.seeToLists(); err != nil {
		return err
	}
	if _, err := t.exec(`COMMIT`); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	t.wake()
	return nil
}

func (w *writer) stmt(ctx context.Context, s *Store, q string) (*sql.Stmt, error) {
	if st := w.stmts[q]; st != nil {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, s.text(q))
	if err == nil {
		w.stmts[q] = st
	}
	return st, err
}

func (w *writer) close() error {
	<-w.turn
	defer func() { w.turn <- struct{}{} }() // who still waits finds the connection closed
	for _, st := range w.stmts {
		st.Close() //nolint:errcheck // the database is closing
	}
	return w.conn.Close()
}

var macro = regexp.MustCompile(`\{(in \$[0-9]+|skip|share|lock)\}`)

// text resolves the macros for this engine.
func (s *Store) text(q string) string {
	return macro.ReplaceAllStringFunc(q, func(m string) string {
		switch {
		case m == "{skip}" && !s.lite:
			return "FOR UPDATE SKIP LOCKED"
		case m == "{share}" && !s.lite:
			return "FOR SHARE"
		case m == "{lock}" && !s.lite:
			return "FOR UPDATE"
		case m[1] == 'i' && s.lite:
			return "IN (SELECT value FROM json_each(" + m[4:len(m)-1] + "))"
		case m[1] == 'i':
			return "= ANY(" + m[4:len(m)-1] + ")"
		}
		return ""
	})
}

// list makes a list argument for {in $n}.
func (t *tx) list(v []string) any {
	if !t.s.lite {
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "[]" // strings always marshal
	}
	return string(b)
}

// storable refuses text that one engine takes and the other does not: PostgreSQL
// has no NUL, and neither engine may keep what is no UTF-8, such as a surrogate
// that stands alone. It is asked of every argument, so that no column is forgotten.
func storable(args []any) error {
	for _, a := range args {
		ok := true
		switch a := a.(type) {
		case string:
			ok = storableText(a)
		case []string:
			ok = !slices.ContainsFunc(a, func(s string) bool { return !storableText(s) })
		}
		if !ok {
			return errUnstorable()
		}
	}
	return nil
}

func errUnstorable() error {
	return &engawa.Error{
		Code: engawa.CodeInvalid, Message: "a text holds a NUL character or broken UTF-8, which cannot be stored",
		Remedy: "remove the character, or send the text as UTF-8",
	}
}

func storableText(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

func (t *tx) exec(q string, args ...any) (int64, error) {
	if err := storable(args); err != nil {
		return 0, err
	}
	var r sql.Result
	var err error
	switch {
	case t.tx != nil:
		r, err = t.tx.ExecContext(t.ctx, t.s.text(q), args...)
	case t.s.lite:
		var st *sql.Stmt
		if st, err = t.s.writer.stmt(t.ctx, t.s, q); err == nil {
			r, err = st.ExecContext(t.ctx, args...)
		}
	default:
		r, err = t.conn.ExecContext(t.ctx, t.s.text(q), args...)
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) query(q string, args ...any) (*sql.Rows, error) {
	if err := storable(args); err != nil {
		return nil, err
	}
	switch {
	case t.tx != nil:
		return t.tx.QueryContext(t.ctx, t.s.text(q), args...)
	case !t.s.lite:
		return t.conn.QueryContext(t.ctx, t.s.text(q), args...)
	}
	st, err := t.s.writer.stmt(t.ctx, t.s, q)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(t.ctx, args...)
}

// must runs q and expects it to change exactly one row.
func (t *tx) must(what, q string, args ...any) error {
	n, err := t.exec(q, args...)
	if err == nil && n != 1 {
		err = fmt.Errorf("%s: %d rows changed, expected 1", what, n)
	}
	return err
}

// all collects the rows of q.
func all[T any](t *tx, scan func(func(...any) error) (T, error), q string, args ...any) ([]T, error) {
	return upTo(t, 0, scan, q, args...)
}

// upTo is all, with room for n rows from the beginning.
func upTo[T any](t *tx, n int, scan func(func(...any) error) (T, error), q string, args ...any) ([]T, error) {
	rows, err := t.query(q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := slices.Grow([]T(nil), n)
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one returns the first row of q, or sql.ErrNoRows.
func one[T any](t *tx, scan func(func(...any) error) (T, error), q string, args ...any) (T, error) {
	vs, err := all(t, scan, q, args...)
	if err == nil && len(vs) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return vs[0], nil
}

// tally returns how many there are of each, from rows of one and its number.
func tally[K ~string](t *tx, q string, args ...any) (map[K]int, error) {
	out := map[K]int{}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var of K
		var n int
		err := scan(&of, &n)
		out[of] = n
		return struct{}{}, err
	}, q, args...)
	return out, err
}

func scanString(scan func(...any) error) (v string, err error) { return v, scan(&v) }
func scanInt(scan func(...any) error) (v int64, err error)     { return v, scan(&v) }
