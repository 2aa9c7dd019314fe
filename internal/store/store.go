// Package store keeps everything in SQL. One text of SQL serves SQLite and
// PostgreSQL; the few statements that need two texts stand side by side. A
// method is one transaction and is named after what happens.
//
// SQLite runs in WAL mode with synchronous=FULL, one writing connection and a
// few readers; hot paths share commits (group.go), because one durable commit
// costs as much as a hundred rows in it.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the SQLite engine

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/vault"
)

// Store is the hub's memory. It is safe for concurrent use.
type Store struct {
	*engine
	actor string // who changes things; empty: the hub itself
}

// By returns the store as somebody uses it: what a person or a key changes
// through it goes into the audit trail, in the same transaction. The actor reads
// "member:…", "key:…" or "system:…".
func (s *Store) By(actor string) *Store { return &Store{s.engine, actor} }

// engine is the open database, which every Store of it shares.
type engine struct {
	write, read *sql.DB
	lite        bool
	reading     bool // opened by OpenToRead
	vault       *vault.Vault
	writer      *writer // SQLite only
	journal     *group[journalItem]
	news        chan struct{} // PostgreSQL only: other nodes are to be told of events; capacity 1
	quiet       func()        // ends that
	url         string
	front       string          // where the console is; empty: nobody has said
	relays      []string        // domains whose mail comes to this hub
	file        string          // SQLite only: its URL without pragmas
	lines       engawa.Sequence // of the audit trail and of tasks' histories
	unlock      func()
	closing     sync.Once
	// Tells are the kinds of account whose notices go with whom and what they
	// tell of (engawa.About). It is set before use; other kinds load nothing.
	Tells []string
	// PurgeAfter is how long after the end of a contract what only it needed is
	// destroyed. It is set before use; 0: at once.
	PurgeAfter time.Duration
	// Breaker are the rules by which mail to a receiver that refuses it waits
	// (internal/breaker). Set before use.
	Breaker breaker.Rules
	wake    struct {
		sync.Mutex
		fn func(workspace, account string)
	}
}

const pragmas = "_pragma=busy_timeout(10000)&_pragma=journal_size_limit(67108864)&_pragma=journal_mode(wal)&_pragma=synchronous(full)" +
	"&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&_pragma=cache_size(-20000)&_pragma=wal_autocheckpoint(10000)&_txlock=immediate"

// Open opens the database at dsn and brings its schema up to date:
// "postgres://…" for PostgreSQL, else a SQLite file (a path or "sqlite:path").
// Several nodes may open one PostgreSQL database at the same time; a SQLite
// file belongs to one process. The first Open ties the database to v's key ring
// (CheckRing); after that only that ring opens it.
func Open(ctx context.Context, dsn string, v *vault.Vault) (*Store, error) {
	s := &Store{engine: &engine{vault: v, url: dsn, Breaker: breaker.Default}}
	var err error
	if isPostgres(dsn) {
		err = s.openPostgres(dsn)
	} else {
		s.lite = true
		err = s.openSQLite(ctx, strings.TrimPrefix(dsn, "sqlite:"))
	}
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.CheckRing(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.journal = newGroup(journalGroups(s.lite), s.journalBatch)
	if !s.lite {
		s.news = make(chan struct{}, 1)
		told, stop := context.WithCancel(context.WithoutCancel(ctx))
		var work sync.WaitGroup
		work.Go(func() { s.announceAll(told) })
		s.quiet = func() { stop(); work.Wait() }
	}
	return s, nil
}

// OpenToRead opens a database to look at it or to copy it, beside a hub that
// works with it: it takes no lock, migrates nothing and writes nothing. What
// changes something through it fails. There must be a database whose ring is
// v's, made by no newer program; an older one's may lack what is asked for
// (UpToDate).
func OpenToRead(ctx context.Context, dsn string, v *vault.Vault) (*Store, error) {
	s := &Store{engine: &engine{vault: v, url: dsn, reading: true}}
	var err error
	if isPostgres(dsn) {
		err = s.openPostgres(dsn)
	} else {
		err = s.readSQLite(strings.TrimPrefix(dsn, "sqlite:"))
	}
	if err != nil {
		return nil, err
	}
	if err := s.refuseNewer(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.fitsRing(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// readSQLite opens no more than readers. A reader waits for nobody and stops
// nobody: the log only grows until it is done (https://sqlite.org/wal.html).
func (s *Store) readSQLite(path string) (err error) {
	s.lite = true
	s.file = sqliteURL(path)
	s.read, err = sql.Open("sqlite", s.file+"?mode=rw&_pragma=busy_timeout(10000)&_pragma=cache_size(-20000)&_pragma=query_only(1)")
	s.write = s.read
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

func sqliteURL(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func (s *Store) openPostgres(dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if s.reading {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(connected))
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	s.write, s.read = db, db
	return nil
}

func connected(ctx context.Context, c *pgx.Conn) error {
	takeArrays(c)
	return planAnew(ctx, c)
}

// planAnew has PostgreSQL plan a statement each time it runs. A plan that it
// keeps is made for the table as it was: one made while a table was new stays
// with the connection and reads the whole table for each row when it has grown.
// Rows are looked up by their keys, in pages that are in memory or on an SSD.
func planAnew(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SET plan_cache_mode = force_custom_plan; SET jit = off; SET random_page_cost = 1.1", pgx.QueryExecModeSimpleProtocol)
	return err
}

func (s *Store) openSQLite(ctx context.Context, path string) error {
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	s.unlock = unlock
	s.file = sqliteURL(path)
	if s.write, err = sql.Open("sqlite", s.file+"?_pragma=auto_vacuum(incremental)&"+pragmas); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", s.file+"?"+pragmas+"&_pragma=query_only(1)"); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	s.writer, err = newWriter(ctx, s.write)
	return err
}

// Lite reports whether the engine is SQLite: one process, one node.
func (s *Store) Lite() bool { return s.lite }

// Engine names the engine: "sqlite" or "postgres".
func (s *Store) Engine() string {
	if s.lite {
		return "sqlite"
	}
	return "postgres"
}

// Close finishes what was handed in and closes the database. Closing again
// does nothing.
func (s *Store) Close() error {
	err := error(nil)
	s.closing.Do(func() { err = s.close() })
	return err
}

func (s *Store) close() error {
	if s.journal != nil {
		s.journal.close()
	}
	if s.quiet != nil {
		s.quiet()
	}
	var err error
	if s.writer != nil {
		err = s.writer.close()
	}
	err = errors.Join(err, s.write.Close())
	if s.read != s.write {
		err = errors.Join(err, s.read.Close())
	}
	if s.unlock != nil {
		s.unlock()
	}
	return err
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.read.QueryRowContext(ctx, `SELECT 1`).Scan(&one)
}

// Skew is how far the database's clock is ahead of this node's. On SQLite
// they are the same clock.
func (s *Store) Skew(ctx context.Context) (time.Duration, error) {
	if s.lite {
		return 0, nil
	}
	var us int64
	before := time.Now()
	if err := s.read.QueryRowContext(ctx, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`).Scan(&us); err != nil {
		return 0, fmt.Errorf("read the database's clock: %w", err)
	}
	now := before.Add(time.Since(before) / 2)
	return at(us).Sub(now), nil
}

// OnWake calls fn after every commit that gave a lane work. The account is
// empty when events wait for their routes.
func (s *Store) OnWake(fn func(workspace, account string)) {
	s.wake.Lock()
	defer s.wake.Unlock()
	s.wake.fn = fn
}

func (s *Store) wakeUp(workspace, account string) {
	s.wake.Lock()
	fn := s.wake.fn
	s.wake.Unlock()
	if fn != nil {
		fn(workspace, account)
	}
}

// unavailable turns trouble of the database itself into an error that tells
// the caller to come back: nothing was taken. Anything else is returned as is.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*engawa.Error](err); ok {
		return err
	}
	return &engawa.Error{
		Code: engawa.CodeUnavailable, Message: "the database cannot take this now; nothing was taken",
		Remedy: "send it again in a moment", Err: err,
	}
}

// lockFile makes sure that one process uses a SQLite database. The lock goes
// with the process, however it ends.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock database: %w", err)
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(&engawa.Error{
			Code: engawa.CodeConflict, Message: "another engawa process uses this database file",
			Remedy: "stop it, or use PostgreSQL for several nodes", Err: err,
		}, f.Close())
	}
	return func() { f.Close() }, nil //nolint:errcheck // closing gives the lock back either way
}

func us(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
