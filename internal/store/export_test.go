package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"

	"github.com/engawa/engawa"
)

// Trace has a store on SQLite remember the texts of its statements: what it
// returns gives those since the call before.
func Trace(s *Store) (texts func() []string, err error) {
	seen := &traced{url: s.file + "?" + pragmas + "&_pragma=query_only(1)", inner: s.read.Driver()}
	if err := s.read.Close(); err != nil {
		return nil, err
	}
	s.read = sql.OpenDB(seen)
	return func() []string {
		out := seen.take()
		s.inTx(context.Background(), everywhere, func(t *tx) error {
			for q, st := range t.s.writer.stmts {
				if q != "BEGIN IMMEDIATE" && q != "COMMIT" && q != "ROLLBACK" {
					out = append(out, s.text(q))
					st.Close()
					delete(t.s.writer.stmts, q)
				}
			}
			return nil
		})
		return out
	}, nil
}

// NoteAll writes lines into the audit trail in one transaction: many within one
// millisecond.
func NoteAll(ctx context.Context, s *Store, lines []Audit) error {
	return s.inTx(ctx, lines[0].Workspace, func(t *tx) error {
		for _, a := range lines {
			if err := t.note(a); err != nil {
				return err
			}
		}
		return nil
	})
}

// traced opens connections that remember what they are asked to prepare.
type traced struct {
	url   string
	inner driver.Driver
	mu    sync.Mutex
	texts []string
}

func (c *traced) Driver() driver.Driver { return c.inner }

func (c *traced) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.inner.Open(c.url)
	return tracedConn{conn, c}, err
}

func (c *traced) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.texts
	c.texts = nil
	return out
}

type tracedConn struct {
	driver.Conn
	seen *traced
}

func (c tracedConn) Prepare(text string) (driver.Stmt, error) {
	c.seen.mu.Lock()
	c.seen.texts = append(c.seen.texts, text)
	c.seen.mu.Unlock()
	return c.Conn.Prepare(text)
}

func (c tracedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

// TakenTables are the tables of a takeout.
func TakenTables() (tables []string) {
	for _, x := range takenTables() {
		tables = append(tables, x.table)
	}
	return tables
}

// Candidates are opened at once where names are looked through.
const Candidates = candidates

// Withdrawn reports whether an entry of a list form that was registered for this is to
// come off the list by what a customer decided.
func Withdrawn(purpose engawa.Purpose, app, topic string, all []engawa.Consent) bool {
	r := registrationRow{kind: "listform", purpose: purpose, app: app, topic: topic}
	return r.withdrawn(all)
}
