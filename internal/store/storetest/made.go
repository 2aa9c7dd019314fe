package storetest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// made makes the schema at url, with which no key ring has worked yet: migrating
// each test's database anew takes longer than most tests.
func made(url string) error {
	s, err := store.Open(context.Background(), url, vault.New(vault.Generate(time.Now())))
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	driver := "sqlite"
	if strings.HasPrefix(url, "postgres") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, url)
	if err == nil {
		_, err = db.ExecContext(context.Background(), `DELETE FROM ring`)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return fmt.Errorf("forget the key ring: %w", err)
	}
	return nil
}

// madeSQLite is a file with the schema, for tests to copy.
var madeSQLite = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "engawa-storetest-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "engawa.db")
	err = made(path)
	var file []byte
	if err == nil {
		file, err = os.ReadFile(path)
	}
	return file, errors.Join(err, os.RemoveAll(dir))
})

// madePostgres is the name of a database with the schema on c, for tests to copy:
// one for each schema and server, which test binaries share. It is made under
// another name, behind a lock that they all wait for.
func madePostgres(c cluster) (name string, err error) {
	ctx := context.Background()
	name, err = schemaName(c)
	if err != nil {
		return "", err
	}
	db, err := sql.Open("pgx", c.dsn)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	one, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer one.Close() //nolint:errcheck // its end is the lock's
	if _, err := one.ExecContext(ctx, `SELECT pg_advisory_lock(hashtext($1))`, name); err != nil {
		return "", err
	}
	var exists bool
	if err := one.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil || exists {
		return name, err
	}
	making := name + "_making"
	for _, q := range []string{"DROP DATABASE IF EXISTS " + making + " WITH (FORCE)", "CREATE DATABASE " + making + " OWNER " + c.owner() + " TEMPLATE template0 ENCODING 'UTF8'"} {
		if _, err := one.ExecContext(ctx, q); err != nil {
			return "", err
		}
	}
	at, err := c.url(making)
	if err == nil {
		err = made(at)
	}
	if err == nil {
		_, err = one.ExecContext(ctx, "ALTER DATABASE "+making+" RENAME TO "+name)
	}
	return name, err
}

// schemaName tells schemas and their owners apart.
func schemaName(c cluster) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(root, "internal", "store", "migrations", "*.sql"))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	return fmt.Sprintf("schema_%s_%t", hex.EncodeToString(sum.Sum(nil)[:8]), c.plain), nil
}
