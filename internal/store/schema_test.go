package store_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// TestOpenTogether starts several nodes on a new database at once: on PostgreSQL
// all come up and each migration ran once; a SQLite file belongs to the first.
func TestOpenTogether(t *testing.T) {
	storetest.EachEmpty(t, func(t *testing.T, url string) {
		ring := vault.New(vault.Generate(time.Now()))
		const nodes = 8
		var all sync.WaitGroup
		opened := make(chan *store.Store, nodes)
		for range nodes {
			all.Go(func() {
				s, err := store.Open(t.Context(), url, ring)
				if err == nil {
					opened <- s
				} else if code(err) != engawa.CodeConflict || strings.HasPrefix(url, "postgres") {
					t.Error(err)
				}
			})
		}
		all.Wait()
		close(opened)
		n := 0
		for s := range opened {
			n++
			if err := s.AddWorkspace(t.Context(), engawa.Workspace{ID: fmt.Sprint("ws_", n), CreatedAt: time.Now()}); err != nil {
				t.Error(err)
			}
			t.Cleanup(func() { s.Close() })
		}
		if want := map[bool]int{true: nodes, false: 1}[strings.HasPrefix(url, "postgres")]; n != want {
			t.Errorf("%d nodes came up, not %d", n, want)
		}
		files, err := os.ReadDir("migrations")
		if err != nil {
			t.Fatal(err)
		}
		if ran := query(t, storetest.Open(t, url), `SELECT name, at FROM migration ORDER BY name`); len(ran) != len(files) {
			t.Errorf("%d migrations ran of %d: %v", len(ran), len(files), ran)
		}
	})
}

// schema is the database's own account of its tables.
func schema(t *testing.T, db *sql.DB, lite bool) [][]string {
	t.Helper()
	if lite {
		return query(t, db, `SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name`)
	}
	out := query(t, db, `SELECT table_name, column_name, data_type, collation_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`)
	out = append(out, query(t, db, `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`)...)
	return append(out, query(t, db, `SELECT tablename, policyname, qual FROM pg_policies WHERE schemaname = 'public' ORDER BY 1`)...)
}

// TestUpgrade brings a database of the first release, with a workspace and a
// delivery under way in it, up to date; the schema is then that of a new one, and
// opening again changes nothing.
func TestUpgrade(t *testing.T) {
	first, err := os.ReadFile("migrations/0001_road.sql")
	if err != nil {
		t.Fatal(err)
	}
	ring := vault.New(vault.Generate(time.Now()))
	storetest.EachEmpty(t, func(t *testing.T, url string) {
		old, lite := storetest.Open(t, url), !strings.HasPrefix(url, "postgres")
		text := string(first)
		if !lite {
			text = strings.ReplaceAll(text, " TEXT ", ` TEXT COLLATE "C" `)
		}
		for _, q := range []string{
			`CREATE TABLE migration (name TEXT NOT NULL PRIMARY KEY, sum TEXT NOT NULL, at BIGINT NOT NULL)`, text,
			fmt.Sprintf(`INSERT INTO migration (name, sum, at) VALUES ('migrations/0001_road.sql', '%x', 1)`, sha256.Sum256(first)),
			`INSERT INTO workspace (id, name, locale, zone, country, sender, house, created_at) VALUES ('ws_old', 'ひなた珈琲', 'ja', 'Asia/Tokyo', 'JP', '{}', '{}', 1)`,
			`INSERT INTO delivery (workspace, id, message, position, account, customer, contact_point, destination, partner, class, state, bulk, due_at, deadline_at,
				attempts, retry_key, key_at, fence, provider_id, note, handed_at, created_at, updated_at, sealed_by)
				VALUES ('ws_old', 'dlv_old', 'msg_old', 0, 'acc_old', '', '', '', '', 'service', 'sending', FALSE, 1, 0, 1, 'dlv_old', 1, 1, '', '', 1, 1, 1, '')`,
		} {
			if _, err := old.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		reopen := func() [][]string {
			s, err := store.Open(t.Context(), url, ring)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if ws, err := s.Workspaces(t.Context()); err != nil || len(ws) != 1 || ws[0].Name != "ひなた珈琲" {
				t.Errorf("what was there reads as %v, %v", ws, err)
			}
			if n, err := s.Sending(t.Context(), "ws_old", "acc_old"); n != 1 || err != nil {
				t.Errorf("%d deliveries are under way, not 1: %v", n, err)
			}
			return schema(t, old, lite)
		}
		upgraded := reopen()
		if again := reopen(); !slices.EqualFunc(upgraded, again, slices.Equal) {
			t.Error("opening again changed the schema")
		}
		fresh := storetest.Empty(t, map[bool]string{true: storetest.EngineSQLite, false: storetest.EnginePostgres}[lite])
		s, err := store.Open(t.Context(), fresh, ring)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if made := schema(t, storetest.Open(t, fresh), lite); !slices.EqualFunc(withoutOwn(upgraded), withoutOwn(made), slices.Equal) {
			t.Errorf("upgraded:\n%v\nnew:\n%v", upgraded, made)
		}
	})
}

// withoutOwn leaves out the table that this test wrote itself.
func withoutOwn(rows [][]string) [][]string {
	return slices.DeleteFunc(slices.Clone(rows), func(r []string) bool { return slices.Contains(r, "migration") })
}

// TestRefuseNewer: a database that a newer or another program made is not touched.
func TestRefuseNewer(t *testing.T) {
	for name, q := range map[string]string{
		"newer":        `INSERT INTO migration (name, sum, at) VALUES ('migrations/9999_later.sql', 'x', 1)`,
		"another text": `UPDATE migration SET sum = 'x' WHERE name = 'migrations/0001_road.sql'`,
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *shop) {
				s.must(s.Close())
				_, err := storetest.Open(s.t, s.url).ExecContext(s.t.Context(), q)
				s.must(err)
				if again, err := store.Open(s.t.Context(), s.url, s.vault); code(err) != engawa.CodeConflict {
					s.t.Errorf("opened: %v, %v", again, err)
				}
			})
		})
	}
}

// TestFirstDay: the schema has from the first day what would cost much later.
func TestFirstDay(t *testing.T) {
	want := map[string][]string{
		"identity":      {"issuer", "kind", "value_hash", "key_id", "customer", "role"},
		"contact_point": {"kind", "address_index", "key_id", "role", "purposes", "verified_at", "sealed", "sealed_by"},
		"destination":   {"account", "address_index", "key_id", "locale", "sealed", "sealed_by"},
		"purchase":      {"customer", "app", "product", "kind", "state", "bought_at", "environment", "sealed", "sealed_by"},
		"subscription":  {"customer", "app", "product", "state", "starts_at", "ends_at", "environment"},
		"partner":       {"sender", "ended_at"},
		"partner_grant": {"partner", "terms", "starts_at", "ends_at", "ended_at", "version"},
		"broadcast":     {"state", "stopped_at"},
		"lane":          {"owner", "beat", "fence", "tat", "paused_until"},
		"lane_limit":    {"account", "scope", "state"},
		"delivery":      {"fence", "retry_key", "key_at", "bulk", "due_at", "deadline_at", "sealed", "sealed_by"},
		"attempt":       {"fence", "retry_key", "late", "sealed", "sealed_by"},
		"data_key":      {"state", "kek", "wrapped", "erased_at"},
		"consent":       {"controller", "app", "act", "purpose", "channel", "topic", "given", "pending", "evidence"},
		"event":         {"trace", "sealed", "sealed_by"},
		"message":       {"partner", "broadcast", "topic", "trace", "sealed", "sealed_by"},
		"account":       {"environment", "owner", "custodian", "version", "sealed", "sealed_by"},
		"suppression":   {"channel", "address_index", "key_id", "reason", "until_at"},
	}
	each(t, func(s *shop) {
		db := storetest.Open(s.t, s.url)
		columns := s.columns(db)
		for table, cs := range want {
			for _, c := range cs {
				if !slices.Contains(columns[table], c) {
					s.t.Errorf("%s has no %s", table, c)
				}
			}
		}
		for table, cs := range columns { // what is sealed or hashed says by which key
			has := func(c string) bool { return slices.Contains(cs, c) }
			if has("sealed") && !has("sealed_by") {
				s.t.Errorf("%s is sealed by a key that nobody knows", table)
			}
			if (has("address_index") || has("mail_index") || has("value_hash")) && !has("key_id") {
				s.t.Errorf("%s is hashed by a key that nobody knows", table)
			}
		}
		for table, first := range s.keys(db) {
			if !slices.Contains([]string{"ring", "directory", "session", "migration"}, table) && first != "workspace" && (table != "workspace" || first != "id") {
				s.t.Errorf("the key of %s begins with %s", table, first)
			}
		}
	})
}

// columns are the columns of every table.
func (s *shop) columns(db *sql.DB) map[string][]string {
	q := `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND is_generated = 'NEVER'`
	if s.Lite() {
		q = `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`
	}
	out := map[string][]string{}
	for _, row := range query(s.t, db, q) {
		out[row[0]] = append(out[row[0]], row[1])
	}
	return out
}

// keys are the first columns of the tables' primary keys.
func (s *shop) keys(db *sql.DB) map[string]string {
	q := `SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
		WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace`
	if s.Lite() {
		q = `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.pk = 1`
	}
	out := map[string]string{}
	for _, row := range query(s.t, db, q) {
		out[row[0]] = row[1]
	}
	return out
}
