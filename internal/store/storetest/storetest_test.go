package storetest

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEach asks each engine for two databases: they must be empty, apart from
// each other, of the engine that the subtest is named after, and gone at the end.
func TestEach(t *testing.T) {
	var engines, urls []string
	Each(t, func(t *testing.T, url string) {
		engine := filepath.Base(t.Name())
		driver, version := "sqlite", "SELECT 'SQLite ' || sqlite_version()"
		other := SQLite
		if strings.HasPrefix(url, "postgres://") {
			driver, version, other = "pgx", "SELECT version()", Postgres
		}
		if (driver == "pgx") != (engine == EnginePostgres) {
			t.Errorf("%s got a database of %s", engine, driver)
		}
		for _, u := range []string{url, other(t)} {
			db, err := sql.Open(driver, u)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE fresh (n BIGINT NOT NULL)"); err != nil {
				t.Errorf("the database is not fresh: %v", err)
			}
			var name string
			if err := db.QueryRowContext(t.Context(), version).Scan(&name); err != nil {
				t.Fatal(err)
			}
			t.Log(name)
			if driver == "pgx" {
				standsBehindWalls(t, db)
			}
			urls = append(urls, u)
		}
		engines = append(engines, engine)
	})
	if len(engines) == 0 || engines[0] != EngineSQLite {
		t.Errorf("ran on %v", engines)
	}
	for _, u := range urls {
		if exists(t, u) {
			t.Errorf("a database was left behind: %s", u)
		}
	}
}

// standsBehindWalls holds that row-level security is in force for whoever a
// test's URL acts as.
func standsBehindWalls(t *testing.T, db *sql.DB) {
	t.Helper()
	var user string
	var above bool
	if err := db.QueryRowContext(t.Context(), "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").Scan(&user, &above); err != nil {
		t.Fatal(err)
	}
	if above {
		t.Errorf("%s walks through row-level security", user)
	}
}

func exists(t *testing.T, url string) bool {
	if !strings.HasPrefix(url, "postgres://") {
		_, err := os.Stat(url)
		return err == nil
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.PingContext(t.Context()) == nil
}

func BenchmarkPostgres(b *testing.B) {
	for b.Loop() {
		Postgres(b)
	}
}
