// Package storetest gives a test a fresh database of every engine that the store
// runs on: SQLite in a temporary folder, PostgreSQL on the server that
// ENGAWA_TEST_POSTGRES names (a URL whose user may create databases). It has the
// store's schema, no rows, and belongs to the key ring that first opens it; an
// Empty one has nothing.
//
// On a server of ENGAWA_TEST_POSTGRES one database stays for each schema, whose
// name begins with "schema_": the tests' are copies of it.
//
// A superuser walks through row-level security, and is what test servers are
// given. Postgres then returns a URL that acts as a plain role, engawa_test, so
// that whatever is tested on PostgreSQL is tested behind the walls.
//
// Without that variable it starts a cluster of its own by script/postgres, once
// in each test binary, which ends with the binary however that ends. Where the
// PostgreSQL programs are missing the test says so aloud; with CI=true that is
// a failure, and a PostgreSQL that cannot start always is.
package storetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "modernc.org/sqlite"             // registers the driver "sqlite"
)

// The names of the engines, which are the names of the subtests too.
const (
	EngineSQLite   = "sqlite"
	EnginePostgres = "postgres"
)

// Each runs test on a fresh database of each engine, as a subtest named after it.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	on(t, func(t *testing.T, engine string) {
		if engine == EngineSQLite {
			test(t, SQLite(t))
		} else {
			test(t, Postgres(t))
		}
	})
}

// EachEmpty is Each with Empty databases.
func EachEmpty(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	on(t, func(t *testing.T, engine string) { test(t, Empty(t, engine)) })
}

func on(t *testing.T, test func(t *testing.T, engine string)) {
	t.Helper()
	t.Run(EngineSQLite, func(t *testing.T) { test(t, EngineSQLite) })
	if _, err := server(); errors.Is(err, errMissing) && os.Getenv("CI") != "true" {
		t.Logf("NOT tested on PostgreSQL: %v", err)
		return
	}
	t.Run(EnginePostgres, func(t *testing.T) { test(t, EnginePostgres) })
}

// SQLite returns the path of a SQLite file.
func SQLite(tb testing.TB) string {
	tb.Helper()
	file, err := madeSQLite()
	path := Empty(tb, EngineSQLite)
	if err == nil {
		err = os.WriteFile(path, file, 0o600)
	}
	if err != nil {
		tb.Fatalf("SQLite: %v", err)
	}
	return path
}

// Empty returns a database without a schema: the URL of one on PostgreSQL, dropped
// at the end of the test, or the path of a SQLite file that does not exist yet.
func Empty(tb testing.TB, engine string) string {
	tb.Helper()
	if engine == EngineSQLite {
		return filepath.Join(tb.TempDir(), "engawa.db")
	}
	c, err := server()
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	return database(tb, c, "template0")
}

// plainRole acts for the tests where the server's user is above the walls.
const plainRole = "engawa_test"

// Postgres returns the URL of a new PostgreSQL database, which is dropped at
// the end of the test. Whom the URL acts as owns the database.
func Postgres(tb testing.TB) string {
	tb.Helper()
	c, err := server()
	var of string
	if err == nil {
		of, err = copied()
	}
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	return database(tb, c, of)
}

// PostgresWith is Postgres on a cluster of the test's own, whose programs run
// with more in their environment and which ends with the test.
func PostgresWith(tb testing.TB, environment ...string) string {
	tb.Helper()
	c, err := start(environment...)
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	tb.Cleanup(func() { c.stdin.Close() })
	c.plain, err = makePlain(c.dsn)
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	return database(tb, c, "template0")
}

// copied is what a test's database on the server is a copy of.
var copied = sync.OnceValues(func() (string, error) {
	c, err := server()
	if err != nil {
		return "", err
	}
	return madePostgres(c)
})

// database makes a database on c as a copy of another. The copy is of files: through
// the log, which is PostgreSQL's own choice, it takes four times as long, and its end
// eight times.
func database(tb testing.TB, c cluster, of string) string {
	tb.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	execute(tb, c.dsn, "CREATE DATABASE "+name+" OWNER "+c.owner()+" TEMPLATE "+of+" ENCODING 'UTF8' STRATEGY file_copy")
	tb.Cleanup(func() { execute(tb, c.dsn, "DROP DATABASE "+name+" WITH (FORCE)") })
	at, err := c.url(name)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// owner is whom databases belong to.
func (c cluster) owner() string {
	if c.plain {
		return plainRole
	}
	return "CURRENT_USER"
}

// url is a database's, for who acts as its owner.
func (c cluster) url(database string) (string, error) {
	u, err := url.Parse(c.dsn)
	if err != nil {
		return "", errors.New("ENGAWA_TEST_POSTGRES is not a URL")
	}
	if c.plain {
		u.RawQuery = with(u.Query(), "role", plainRole)
	}
	u.Path = "/" + database
	return u.String(), nil
}

func with(q url.Values, key, value string) string {
	q.Set(key, value)
	return q.Encode()
}

// Open returns the database at url as it is, beside the store: with every
// workspace's rows, and closed at the end of the test.
func Open(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	driver := "sqlite"
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		driver, url = "pgx", everyRow(tb, url)
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() }) //nolint:errcheck // the test is over
	return db
}

// everyRow makes the connections of a URL see past the walls, as the store's
// own transactions that serve every workspace do.
func everyRow(tb testing.TB, dsn string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal("the database's URL is no URL")
	}
	u.RawQuery = with(u.Query(), "engawa.workspace", "*")
	return u.String()
}

// execute runs one statement on a connection of its own. Its context is not
// the test's, which has ended when the test cleans up.
func execute(tb testing.TB, dsn, statement string) {
	tb.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = db.ExecContext(context.Background(), statement)
	if err := errors.Join(err, db.Close()); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// errMissing says that this machine has no PostgreSQL.
var errMissing = errors.New("its programs are not installed (make test installs them)")

// server returns the server to test on, started at the first call.
var server = sync.OnceValues(func() (c cluster, err error) {
	c.dsn = os.Getenv("ENGAWA_TEST_POSTGRES")
	if c.dsn == "" && !installed() {
		return c, errMissing
	}
	if c.dsn == "" {
		if c, err = start(); err != nil {
			return c, err
		}
	}
	c.plain, err = makePlain(c.dsn)
	return c, err
})

// makePlain makes plainRole if the server's user is above row-level security.
// Test binaries that do so at the same moment collide, and the role is there.
func makePlain(dsn string) (plain bool, err error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return false, fmt.Errorf("open server: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var exists bool
	err = db.QueryRowContext(context.Background(), `SELECT rolsuper OR rolbypassrls, EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)
		FROM pg_roles WHERE rolname = current_user`, plainRole).Scan(&plain, &exists)
	if err != nil || !plain || exists {
		return plain, err
	}
	_, err = db.ExecContext(context.Background(), "CREATE ROLE "+plainRole)
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && (pg.Code == "42710" || pg.Code == "23505") {
		err = nil
	}
	return plain, err
}

// installed looks where script/postgres looks.
func installed() bool {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return true
	}
	_, err = exec.LookPath("initdb")
	return err == nil
}

// cluster is the server to test on.
type cluster struct {
	dsn   string
	plain bool      // databases belong to plainRole
	stdin io.Closer // of our own cluster: a pipe that nobody refers to is closed by the garbage collector
}

// start runs a cluster that stops when its standard input ends: that is, with
// this process, even if it is killed.
func start(environment ...string) (cluster, error) {
	root, err := repository()
	if err != nil {
		return cluster{}, err
	}
	cmd := exec.CommandContext(context.Background(), filepath.Join(root, "script", "postgres"), "serve") //nolint:gosec // a file of this repository
	cmd.Env = append(cmd.Environ(), environment...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return cluster{}, fmt.Errorf("start cluster: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return cluster{}, fmt.Errorf("start cluster: %w", err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return cluster{}, fmt.Errorf("start cluster: %w", err)
	}
	dsn, err := bufio.NewReader(out).ReadString('\n')
	if errors.Is(err, io.EOF) {
		return cluster{}, fmt.Errorf("start cluster: %w: %s", cmd.Wait(), &said)
	}
	if err != nil {
		return cluster{}, fmt.Errorf("start cluster: %w", err)
	}
	return cluster{dsn: strings.TrimSpace(dsn), stdin: stdin}, nil
}

// repository is the folder of go.mod above the working directory, which in a
// test is the package's.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find repository: %w", err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("find repository: no go.mod above the working directory")
}
