package fault

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestTakeOver runs two nodes on one PostgreSQL under load and kills whichever
// holds the lane, twice: the other takes it over after the lease, nothing that
// either acknowledged is lost, and nothing comes under two keys.
func TestTakeOver(t *testing.T) {
	url, f := storetest.Postgres(t), webhooks(t)
	one := newNode(t, build(t), url, f)
	two := newFiles(t, one.bin, url, one.config.KeyFile, "two")
	two.far, two.key = f, one.key
	nodes := map[string]*node{"one": one, "two": two}
	db, l := storetest.Open(t, url), newLedger(t)
	one.start()
	two.start()
	stop := map[string]func(){}
	begin := func(name string, round int) {
		ends := make(chan struct{})
		work := nodes[name].load(round, l, ends)
		stop[name] = func() {
			close(ends)
			work.Wait()
		}
	}
	begin("one", 0)
	begin("two", 1)
	for round := range 2 {
		if !eventually(time.Minute, func() bool { return flows(f) }) {
			t.Fatal("nothing is handed over")
		}
		name := holder(t, db)
		nodes[name].stop(syscall.SIGKILL)
		killed, next := time.Now(), name
		stop[name]()
		if !eventually(time.Minute, func() bool { next = holder(t, db); return next != name && next != "" && flows(f) }) {
			t.Fatalf("%s was killed and after a minute the lane is held by %q", name, next)
		}
		took := time.Since(killed)
		t.Logf("%s was killed; %s hands over %s later", name, next, took.Round(100*time.Millisecond))
		if took < config.MinLease/2 {
			t.Errorf("the lane was taken over after %s, before its lease of %s could be over", took, config.MinLease)
		}
		nodes[name].start()
		begin(name, 2+round)
	}
	for name, n := range nodes {
		stop[name]()
		if code := n.stop(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d after SIGTERM", code)
		}
	}
	one.settled(l.close(t))
}

// flows reports whether something arrives now.
func flows(f *far) bool {
	before := f.count()
	time.Sleep(50 * time.Millisecond)
	return f.count() > before
}

// holder names the node that holds the lane; empty: none.
func holder(t *testing.T, db *sql.DB) string {
	t.Helper()
	var owner string
	if err := db.QueryRowContext(t.Context(), `SELECT owner FROM lane WHERE account = $1`, account).Scan(&owner); err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(owner, "/") // the process follows
	return name
}

// TestKillAtStart starts three nodes at once on an empty PostgreSQL, with one
// key file that none of them has made yet, kills each at a random moment of its
// start, or none, and again, and again. Then all three start, with one schema and one key ring.
// SQLite, which belongs to one node, goes through the same with one.
func TestKillAtStart(t *testing.T) {
	bin := build(t)
	for _, c := range []struct {
		engine string
		made   func(testing.TB) string // where nodes meet at the key file, since there is nothing to migrate
		nodes  int
	}{{storetest.EngineSQLite, storetest.SQLite, 1}, {storetest.EnginePostgres, storetest.Postgres, 3}} {
		t.Run(c.engine, func(t *testing.T) {
			killAtStart(t, bin, c.made(t), c.nodes, 0)
			for _, kills := range []int{0, 4, 4} {
				killAtStart(t, bin, storetest.Empty(t, c.engine), c.nodes, kills)
			}
		})
	}
}

// oneOwner waits until nodes that started together have made a first workspace
// and its owner: one of each.
func oneOwner(t *testing.T, database string) {
	t.Helper()
	db := storetest.Open(t, database)
	defer db.Close()
	var workspaces, members int
	made := func() bool {
		err := db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM workspace), (SELECT count(*) FROM member)`).Scan(&workspaces, &members)
		return err == nil && members > 0
	}
	if !eventually(time.Minute, made) {
		t.Fatal("no owner is made")
	}
	time.Sleep(200 * time.Millisecond) // what another node would make comes meanwhile
	if made(); workspaces != 1 || members != 1 {
		t.Errorf("the nodes made %d workspaces and %d owners", workspaces, members)
	}
}

func killAtStart(t *testing.T, bin, database string, many, kills int) {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "engawa.key")
	nodes := make([]*node, many)
	for i := range nodes {
		nodes[i] = newFiles(t, bin, database, keys, fmt.Sprintf("node%d", i))
	}
	for range kills {
		var starts sync.WaitGroup
		for _, n := range nodes {
			moment := time.Duration(rand.Int64N(int64(250 * time.Millisecond)))
			n.launch()
			starts.Go(func() {
				time.Sleep(moment) // the random moment
				n.cmd.Process.Signal(syscall.SIGKILL)
				n.cmd.Wait()
			})
		}
		starts.Wait()
	}
	for _, n := range nodes {
		n.launch()
	}
	for _, n := range nodes {
		n.ready()
	}
	if many > 1 { // SQLite is its node's alone
		oneOwner(t, database)
	}
	for _, n := range nodes {
		if code := n.stop(syscall.SIGTERM); code != 0 {
			log, _ := os.ReadFile(n.said.Name())
			t.Errorf("exit code %d after SIGTERM right after the start: %s", code, log)
		}
	}
	n := nodes[0]
	n.far = webhooks(t)
	n.inside(n.furnish)
	n.start()
	if ok, status := n.post(http.DefaultClient, "e-0-1", 0); !ok {
		t.Errorf("an event was answered with %d", status)
	}
	if !eventually(time.Minute, func() bool { return n.far.count() == 1 }) {
		t.Error("nothing is handed over")
	}
	n.stop(syscall.SIGTERM)
	n.inside(func(ctx context.Context, h *serve.Hub) error { return h.Store.CheckRing(ctx) })
	if info, err := os.Stat(keys); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
}
