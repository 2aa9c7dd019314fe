package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestVerify: of every table that the schema seals something in, each row is
// opened; one that does not open is found, and hides no other.
func TestVerify(t *testing.T) {
	each(t, func(s *shop) {
		of := "ws_verified"
		s.claim(s.settle(of).lane, 1, func(*store.Claimed) store.Decision {
			return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse}}
		})
		db := storetest.Open(s.t, s.url)
		visited := map[string]store.Opened{}
		for _, o := range s.verified(of) {
			visited[o.Table] = o
		}
		sealed := sealing(s, schema(s.t, db, s.Lite()))
		if len(sealed) < 12 || !slices.Contains(sealed, "data_key") {
			s.t.Fatalf("the schema seals only %v", sealed)
		}
		for _, table := range sealed {
			o, ok := visited[table]
			if !ok {
				s.t.Errorf("%s is not visited", table)
				continue
			}
			if o.Open == 0 || o.Closed > 0 {
				s.t.Errorf("%s: %+v", table, o)
			}
			column := map[string]string{"idempotency": "body", "data_key": "wrapped"}[table]
			if column == "" {
				column = "sealed"
			}
			spoil(s, of, table, column)
		}
		for _, o := range s.verified(of) {
			if o.Closed == 0 || o.First == "" || o.Why == nil {
				s.t.Errorf("%s: a spoiled row is not found: %+v", o.Table, o)
			}
			if before := visited[o.Table]; o.Open+o.Closed+o.Erased != before.Open+before.Erased {
				s.t.Errorf("%s: %+v, before %+v", o.Table, o, before)
			}
		}
	})
}

// TestVerifyErased: what an erased customer's key sealed is as it should be.
func TestVerifyErased(t *testing.T) {
	each(t, func(s *shop) {
		s.live("cus_a")
		before := s.verified(ws)
		_, err := s.Erase(s.t.Context(), ws, "cus_a")
		s.must(err)
		erased := 0
		for i, o := range s.verified(ws) {
			erased += o.Erased
			if o.Closed > 0 || o.Table != "data_key" && o.Open+o.Erased != before[i].Open {
				s.t.Errorf("%+v, before %+v", o, before[i])
			}
		}
		if erased < 3 {
			s.t.Errorf("only %d rows are the erased customer's", erased)
		}
	})
}

func (s *shop) verified(of string) []store.Opened {
	s.t.Helper()
	all, err := s.Verify(s.t.Context(), of)
	s.must(err)
	return all
}

// sealing are the tables in which something is sealed or wrapped, as the
// database itself tells.
func sealing(s *shop, rows [][]string) (tables []string) {
	for _, row := range rows {
		var table string
		switch {
		case s.Lite() && row[0] == "table" && (strings.Contains(row[3], "sealed_by") || strings.Contains(row[3], "wrapped")):
			table = row[1]
		case !s.Lite() && len(row) == 4 && (row[1] == "sealed_by" || row[1] == "wrapped"):
			table = row[0]
		}
		if table != "" && !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables
}

// spoil changes the last byte of one row of a table.
func spoil(s *shop, of, table, column string) {
	s.t.Helper()
	last := `set_byte(` + column + `, length(` + column + `) - 1, (get_byte(` + column + `, length(` + column + `) - 1) + 1) % 256)`
	row := `ctid`
	if s.Lite() {
		last, row = `CAST(substr(`+column+`, 1, length(`+column+`) - 1) || CASE substr(`+column+`, -1) WHEN x'00' THEN x'01' ELSE x'00' END AS BLOB)`, `rowid`
	}
	tx := storetest.Open(s.t, s.url)
	defer tx.Close()
	res, err := tx.ExecContext(s.t.Context(), `UPDATE `+table+` SET `+column+` = `+last+` WHERE `+row+` = (SELECT `+row+` FROM `+table+
		` WHERE workspace = $1 AND `+column+` IS NOT NULL LIMIT 1)`, of)
	s.must(err)
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		s.t.Fatalf("%s: %d rows spoiled, %v", table, n, err)
	}
}
