package store_test

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// hot is what the hub does all day. It must go by these indexes, and look at no
// more rows of the large tables than this, however long the history is.
type hot struct {
	name    string
	do      func(s *shop, st *store.Store) error
	indexes []string
	rows    int
}

const batchOfPlans = 10

var hots = []hot{
	{"next", func(s *shop, st *store.Store) error {
		_, _, _, err := st.Next(s.t.Context(), ws, mailbox)
		return err
	}, []string{"delivery_due"}, 20},
	{"claim and record", func(s *shop, st *store.Store) error {
		lane, err := st.Lane(s.t.Context(), ws, mailbox)
		if err != nil {
			return err
		}
		going, _, err := st.Claim(s.t.Context(), lane, batchOfPlans, store.Decide{Judge: sendAll, Pace: func() store.Pace { return lane.Pace }})
		if err != nil || len(going) != batchOfPlans {
			return fmt.Errorf("%d go: %w", len(going), err)
		}
		var rs []store.Result
		for _, c := range going {
			rs = append(rs, accepted(c))
		}
		_, err = st.Record(s.t.Context(), lane, rs)
		return err
	}, []string{"delivery_due", "contact_point_of", "consent_of", "suppression_by"}, 60 * batchOfPlans},
	{"recover", func(s *shop, st *store.Store) error {
		lane, err := st.Lane(s.t.Context(), ws, mailbox)
		if err != nil {
			return err
		}
		_, err = st.Recover(s.t.Context(), lane, func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Retrying, "" }, nil)
		return err
	}, nil, 20},
	{"journal a new event and one again", func(s *shop, st *store.Store) error {
		fresh, again := event(fmt.Sprint("fresh ", time.Now().UnixNano())), event("again")
		fresh.Identities = []engawa.Identity{member("cus_1")}
		_, err := st.Journal(s.t.Context(), []engawa.Event{fresh, again})
		return err
	}, []string{"identity_by"}, 20},
	{"unrouted", func(s *shop, st *store.Store) error {
		_, err := st.Unrouted(s.t.Context(), 10)
		return err
	}, []string{"event_unrouted"}, 40},
	{"find what mail came back for", func(s *shop, st *store.Store) error {
		if _, err := st.Handed(s.t.Context(), "dlv_none"); code(err) != engawa.CodeNotFound {
			return fmt.Errorf("nobody's delivery: %w", err)
		}
		return nil
	}, nil, 20},
	{"live view", func(s *shop, st *store.Store) error {
		_, err := st.Messages(s.t.Context(), ws, store.MessageFilter{}, store.Page{Limit: 20})
		return err
	}, []string{"message_new"}, 80},
	{"live view, further down", func(s *shop, st *store.Store) error {
		rows, err := st.Messages(s.t.Context(), ws, store.MessageFilter{}, store.Page{Limit: 20})
		if err != nil {
			return err
		}
		last := rows[len(rows)-1].Message
		_, err = st.Messages(s.t.Context(), ws, store.MessageFilter{}, store.Page{Limit: 20, At: last.CreatedAt, ID: last.ID})
		return err
	}, []string{"message_new"}, 160},
	{"messages of a customer", func(s *shop, st *store.Store) error {
		_, err := st.Messages(s.t.Context(), ws, store.MessageFilter{Customer: "cus_1"}, store.Page{Limit: 20})
		return err
	}, []string{"message_of"}, 80},
	{"messages of an event", func(s *shop, st *store.Store) error {
		_, err := st.Messages(s.t.Context(), ws, store.MessageFilter{Event: firstEvent}, store.Page{Limit: 20})
		return err
	}, []string{"message_from", "digest_event_of"}, 60},
	{"events of one cause", func(s *shop, st *store.Store) error {
		_, err := st.OneCause(s.t.Context(), engawa.Event{Workspace: ws, ID: firstEvent, OccurredAt: time.Now()}, time.Hour, func(engawa.Event) bool { return true })
		return err
	}, []string{"cause_of"}, 40},
	{"the attempts on an account that has few", func(s *shop, st *store.Store) error {
		_, err := st.Tries(s.t.Context(), ws, room, store.TriedFilter{}, store.Page{Limit: 20})
		return err
	}, []string{"delivery_tried"}, 40},
	{"since when an account fails", func(s *shop, st *store.Store) error {
		_, _, err := st.Failing(s.t.Context(), ws, room, time.Now().Add(-time.Hour))
		return err
	}, []string{"delivery_tried"}, 40},
	{"which digests told of events", func(s *shop, st *store.Store) error {
		_, err := st.TellingOf(s.t.Context(), ws, []string{firstEvent}, time.Time{}, time.Now())
		return err
	}, []string{"digest_event_of"}, 60},
	{"what a message tells of", func(s *shop, st *store.Store) error {
		_, err := st.Gathered(s.t.Context(), ws, "msg_0001")
		return err
	}, []string{"digest_told"}, 20},
	{"one message", func(s *shop, st *store.Store) error {
		_, err := st.Message(s.t.Context(), ws, "msg_0001")
		return err
	}, []string{"delivery_of"}, 20},
	{"journal view", func(s *shop, st *store.Store) error {
		_, err := st.Events(s.t.Context(), ws, store.EventFilter{}, store.Page{Limit: 20})
		return err
	}, nil, 60},
	{"events of a customer", func(s *shop, st *store.Store) error {
		_, err := st.Events(s.t.Context(), ws, store.EventFilter{Customer: "cus_1"}, store.Page{Limit: 20})
		return err
	}, []string{"event_of"}, 60},
	{"customers", func(s *shop, st *store.Store) error {
		_, err := st.Customers(s.t.Context(), ws, store.Page{Limit: 3})
		return err
	}, []string{"customer_new"}, 80},
	{"a customer by identity and by address", func(s *shop, st *store.Store) error {
		if _, err := st.CustomerBy(s.t.Context(), ws, member("cus_1")); err != nil {
			return err
		}
		_, err := st.CustomerByAddress(s.t.Context(), ws, "mail", address("cus_1"))
		return err
	}, []string{"contact_point_by"}, 10},
	{"withdraw and suppress", func(s *shop, st *store.Store) error {
		if err := st.Decide(s.t.Context(), consent("cus_1", true, time.Now())); err != nil {
			return err
		}
		return st.Suppress(s.t.Context(), engawa.Suppression{Workspace: ws, Channel: "mail", Address: address("cus_1"), Reason: "operator", At: time.Now(), Until: time.Now()})
	}, []string{"contact_point_by"}, 20},
}

// firstEvent sorts before every id that is made.
const firstEvent = "evt_0"

// large are the tables that grow with every event, message or customer, in an
// order in which rows may refer to the tables before.
var large = []string{"customer", "data_key", "contact_point", "identity", "consent", "suppression", "event", "message", "delivery", "attempt", "cause", "digest", "digest_event"}

// history makes thousands of rows of a few in every large table, all of the same
// workspace and accounts, none of them due.
func (s *shop) history() {
	s.t.Helper()
	ctx := s.t.Context()
	for i := range 3 {
		id := fmt.Sprint("cus_", i)
		s.customer(id)
		s.must(s.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: "mail", Address: address(id), Customer: id, Reason: "bounced", At: time.Now(), Until: time.Now()}))
	}
	again := event("again")
	again.Identities, again.ID = []engawa.Identity{member("cus_1")}, firstEvent
	_, err := s.Journal(ctx, []engawa.Event{again})
	s.must(err)
	lane := s.hold("first", mailbox)
	for i := range 6 {
		m := s.message(fmt.Sprint("cus_", i%3))
		m.Event = firstEvent
		s.send(m)
	}
	rs := []store.Result{}
	for _, c := range s.claim(lane, 4, sendAll) {
		rs = append(rs, accepted(c))
	}
	_, err = s.Record(ctx, lane, rs)
	s.must(err)
	s.must(s.Route(ctx, []store.Routed{{
		Workspace: ws, Event: firstEvent, Marks: []string{"c.id=1"}, Gathered: []store.Gathered{{Route: "rte_1", Version: 1, Count: 9}},
	}}))
	ds, _ := s.dueDigests()
	_, err = s.Tell(ctx, ds[0], nil)
	s.must(err)
	db := storetest.Open(s.t, s.url)
	defer db.Close()
	columns := s.columns(db)
	for _, table := range large {
		_, err := db.ExecContext(ctx, copies(table, columns[table]))
		s.must(err)
	}
	s.flood(6*batchOfPlans, engawa.Message{}) // due, of cus_1
	for i := range 30 {
		ev := event(fmt.Sprint("newer ", i))
		ev.Customer = "cus_1"
		_, err := s.Journal(ctx, []engawa.Event{ev})
		s.must(err)
	}
}

// own are the columns that make a copied row another one, and of another.
var own = []string{"id", "customer", "contact_point", "message", "delivery", "event", "dedup", "value_hash", "address_index", "provider_id", "hash", "digest", "route"}

// copies is the statement that makes a thousand of each row.
func copies(table string, columns []string) string {
	values := make([]string, len(columns))
	for i, c := range columns {
		switch {
		case slices.Contains(own, c):
			values[i] = `CASE WHEN ` + c + ` = '' THEN '' ELSE ` + c + ` || '-' || copy END`
		case c == "due_at":
			values[i] = c + ` + 86400000000`
		case c == "created_at":
			values[i] = c + ` - copy * 1000000`
		default:
			values[i] = c
		}
	}
	return `WITH RECURSIVE series (copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM series WHERE copy < 1000)
		INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) SELECT ` + strings.Join(values, ", ") + ` FROM ` + table + `, series`
}

// TestPlans does what the hub does all day on a history of thousands of rows. On
// PostgreSQL, behind row-level security, it counts the rows that were looked at
// and the uses of indexes; on SQLite it asks for the plans of what was said.
func TestPlans(t *testing.T) {
	each(t, func(s *shop) {
		s.history()
		if s.Lite() {
			s.explain(t)
			return
		}
		s.must(s.Close()) // what it counted is written when it goes
		db := storetest.Open(s.t, s.url)
		_, err := db.ExecContext(s.t.Context(), `ANALYZE`)
		s.must(err)
		for _, h := range hots {
			before := s.uses(db)
			st := s.node()
			if err := h.do(s, st); err != nil {
				s.t.Errorf("%s: %v", h.name, err)
			}
			s.must(st.Close())
			after := s.uses(db)
			rows := 0
			for name, n := range after {
				if d := n - before[name]; strings.HasPrefix(name, "scans of ") && d > 0 {
					s.t.Errorf("%s: %d %s", h.name, d, name)
				} else if strings.HasPrefix(name, "rows of ") {
					rows += d
				}
			}
			if rows > h.rows {
				s.t.Errorf("%s looks at %d rows, more than %d: %v", h.name, rows, h.rows, difference(before, after))
			}
			for _, index := range h.indexes {
				if after[index] == before[index] {
					s.t.Errorf("%s does not go by %s: %v", h.name, index, difference(before, after))
				}
			}
		}
	})
}

func difference(before, after map[string]int) map[string]int {
	out := map[string]int{}
	for name, n := range after {
		if n != before[name] {
			out[name] = n - before[name]
		}
	}
	return out
}

// uses are PostgreSQL's counts, read once nobody else is connected: how often
// each large table was scanned as a whole, how many of its rows were looked at,
// and how often each index was used.
func (s *shop) uses(db *sql.DB) map[string]int {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		others := query(s.t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if others[0][0] == "0" {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatal("somebody stays connected")
		}
	}
	out := map[string]int{}
	count := func(name, n string) {
		v, err := strconv.Atoi(n)
		s.must(err)
		out[name] += v
	}
	for _, row := range query(s.t, db, `SELECT relname, coalesce(seq_scan, 0), coalesce(seq_tup_read, 0) FROM pg_stat_user_tables`) {
		if slices.Contains(large, row[0]) {
			count("scans of "+row[0], row[1])
			count("rows of "+row[0], row[2])
		}
	}
	for _, row := range query(s.t, db, `SELECT relname, indexrelname, idx_scan, idx_tup_read FROM pg_stat_user_indexes`) {
		count(row[1], row[2])
		if slices.Contains(large, row[0]) {
			count("rows of "+row[0], row[3])
		}
	}
	return out
}

var parameter = regexp.MustCompile(`\$([0-9]+)`)

// explain asks SQLite how it does each hot thing, before it has learned anything
// of the tables and after.
func (s *shop) explain(t *testing.T) {
	t.Helper()
	texts, err := store.Trace(s.Store)
	s.must(err)
	texts()
	said := make([][]string, len(hots))
	for i, h := range hots {
		if err := h.do(s, s.Store); err != nil {
			t.Errorf("%s: %v", h.name, err)
		}
		said[i] = texts()
	}
	for _, learned := range []bool{false, true} {
		db := storetest.Open(t, s.url)
		if learned {
			_, err := db.ExecContext(t.Context(), `ANALYZE`)
			s.must(err)
		}
		for i, h := range hots {
			plan := ""
			for _, text := range said[i] {
				plan += s.planOf(db, text)
			}
			for step := range strings.SplitSeq(plan, "\n") {
				what, scan := strings.CutPrefix(step, "SCAN ")
				if scan && !mayScan(what) || walks(step) {
					t.Errorf("%s (learned: %v): %s", h.name, learned, step)
				}
			}
			for _, index := range h.indexes {
				if !strings.Contains(plan, "INDEX "+index) {
					t.Errorf("%s (learned: %v) does not go by %s:\n%s", h.name, learned, index, plan)
				}
			}
		}
	}
}

func (s *shop) planOf(db *sql.DB, text string) (plan string) {
	n := 0
	for _, m := range parameter.FindAllStringSubmatch(text, -1) {
		i, err := strconv.Atoi(m[1])
		s.must(err)
		n = max(n, i)
	}
	for _, step := range query(s.t, db, `EXPLAIN QUERY PLAN `+text, make([]any, n)...) {
		plan += step[3] + "\n"
	}
	return plan
}

// walks tells a search that is one for all of the workspace.
func walks(step string) bool {
	what, search := strings.CutPrefix(step, "SEARCH ")
	return search && strings.HasSuffix(what, "(workspace=?)") && slices.Contains(large, strings.Fields(what)[0])
}

// mayScan: arguments, what has few rows, and the one list that is read from its
// begin and whose index holds nothing but it.
func mayScan(what string) bool {
	first := strings.Fields(what)[0]
	return slices.Contains([]string{"json_each", "CONSTANT", "account", "workspace"}, first) || what == "event USING INDEX event_unrouted"
}

// BenchmarkWalls is what row-level security costs (walls.go): the hub's shortest
// reading and its shortest writing transaction, with the walls and without.
func BenchmarkWalls(b *testing.B) {
	for _, walls := range []bool{true, false} {
		b.Run(fmt.Sprint("walls=", walls), func(b *testing.B) {
			url, ctx := storetest.Postgres(b), b.Context()
			s, err := store.Open(ctx, url, vault.New(vault.Generate(time.Now())))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if err := s.AddWorkspace(ctx, engawa.Workspace{ID: ws, CreatedAt: time.Now()}); err != nil {
				b.Fatal(err)
			}
			if !walls {
				if _, err := storetest.Open(b, url).ExecContext(ctx, `DO $$ DECLARE t name; BEGIN
					FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND rowsecurity LOOP
						EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', t); END LOOP; END $$`); err != nil {
					b.Fatal(err)
				}
			}
			b.Run("read", func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Workspace(ctx, ws); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("write", func(b *testing.B) {
				for b.Loop() {
					if err := s.Raise(ctx, engawa.Task{Workspace: ws, Kind: "k", Ref: "r"}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
