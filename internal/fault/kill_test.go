package fault

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

var seed = flag.Uint64("fault.seed", 0, "seed of the random moments; 0: the clock")

const (
	ws      = "ws_fault"
	account = "acc_far"
	callers = 4
	ahead   = 200 // events that callers offer before the far end has them
)

// TestMain is also the program of the ledger: it acknowledges a line once the
// line is on the disk, and lives in a process that nobody kills.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "ledger" {
		if err := keepLedger(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func keepLedger(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if _, err := fmt.Fprintln(f, in.Text()); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		fmt.Println("kept")
	}
	return f.Close()
}

// ledger is our end of that process.
type ledger struct {
	mu   sync.Mutex
	in   io.WriteCloser
	out  *bufio.Reader
	cmd  *exec.Cmd
	path string
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{path: filepath.Join(t.TempDir(), "ledger")}
	l.cmd = exec.Command(os.Args[0], "ledger", l.path)
	var err error
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.out = bufio.NewReader(out)
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *ledger) keep(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := fmt.Fprintln(l.in, id); err != nil {
		return err
	}
	_, err := l.out.ReadString('\n')
	return err
}

func (l *ledger) close(t *testing.T) []string {
	t.Helper()
	if err := l.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

// node is the real binary on one database.
type node struct {
	t      *testing.T
	bin    string
	file   string
	config config.Config
	far    *far
	key    string
	url    string
	cmd    *exec.Cmd
	out    io.Reader
	said   *os.File
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "engawa")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../../cmd/engawa").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

func newNode(t *testing.T, bin, database string, f *far) *node {
	t.Helper()
	n := newFiles(t, bin, database, filepath.Join(t.TempDir(), "engawa.key"), "one")
	n.far = f
	n.inside(n.furnish)
	return n
}

// newFiles makes the files of a node.
func newFiles(t *testing.T, bin, database, keys, name string) *node {
	t.Helper()
	dir := t.TempDir()
	c := config.Default()
	c.Node, c.Database, c.KeyFile, c.Lease = name, config.DSN(database), keys, config.MinLease
	c.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	n := &node{t: t, bin: bin, file: filepath.Join(dir, "engawa.toml"), config: c}
	text := fmt.Sprintf("node = %q\ndatabase = %q\nkey_file = %q\nlease = %q\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"\"\nkey_rotation = \"off\"\n"+
		"[log]\nlevel = \"error\"\n[egress]\nallow = [\"127.0.0.0/8\"]\n", name, database, keys, c.Lease)
	if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if n.said, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	return n
}

// inside opens the database in this process while no node runs.
func (n *node) inside(do func(context.Context, *serve.Hub) error) {
	n.t.Helper()
	ctx := context.Background()
	h, err := serve.Open(ctx, n.config, slog.New(slog.DiscardHandler))
	if err != nil {
		n.t.Fatal(err)
	}
	if err := do(ctx, h); err != nil {
		n.t.Error(err)
	}
	if err := h.Close(); err != nil {
		n.t.Fatal(err)
	}
}

// furnish makes an account with its far end, and for each place a destination
// and a route that leads there.
func (n *node) furnish(ctx context.Context, h *serve.Hub) error {
	now := time.Now()
	if err := h.Store.AddWorkspace(ctx, engawa.Workspace{ID: ws, Name: "Hinata", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}); err != nil {
		return err
	}
	if err := h.Store.AddAccount(ctx, engawa.Account{
		Workspace: ws, ID: account, Kind: n.far.kind, Name: "far", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now, Settings: n.far.settings,
	}); err != nil {
		return err
	}
	if err := h.Store.SaveTemplate(ctx, engawa.Template{Workspace: ws, ID: "tpl_all", Name: "all", Words: map[engawa.Locale]engawa.Content{
		engawa.Japanese: {Subject: "s", Text: "{{event.subject}}"},
	}}); err != nil {
		return err
	}
	for i, address := range n.far.places {
		d := engawa.Destination{Workspace: ws, ID: fmt.Sprintf("dst_%d", i), Name: "far", Account: account, Address: engawa.Address(address), Locale: engawa.Japanese, CreatedAt: now}
		if err := h.Store.AddDestination(ctx, d); err != nil {
			return err
		}
		if err := h.Store.SaveRoute(ctx, engawa.Route{Workspace: ws, ID: fmt.Sprintf("rte_%d", i), Name: "all", Enabled: true, Events: []string{eventType(i)}, UpdatedAt: now, Then: []engawa.Step{
			{To: d.ID, Template: "tpl_all", Purpose: engawa.Service, Via: []engawa.Via{{Account: account}}},
		}}); err != nil {
			return err
		}
	}
	key, err := api.NewKey(ctx, h.Store, ws, "load", "*")
	n.key = key.Reveal()
	return err
}

// eventType is the type of events that go to a place.
func eventType(place int) string { return fmt.Sprintf("fault.load%d", place) }

func (n *node) start() {
	n.t.Helper()
	n.launch()
	n.ready()
}

// launch starts the program and waits for nothing.
func (n *node) launch() {
	n.t.Helper()
	n.cmd = exec.Command(n.bin, "serve", "--config", n.file)
	n.cmd.Env, n.cmd.Stderr = []string{"PATH=" + os.Getenv("PATH")}, n.said
	var err error
	if n.out, err = n.cmd.StdoutPipe(); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
}

// ready waits for the program to say where it listens.
func (n *node) ready() {
	n.t.Helper()
	line, err := bufio.NewReader(n.out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		n.stop(syscall.SIGKILL)
		log, _ := os.ReadFile(n.said.Name())
		n.t.Fatalf("not ready: %q %v\n%s", line, err, log)
	}
	n.url = url
}

// stop ends the node by a signal and returns its exit code; -1: killed.
func (n *node) stop(s syscall.Signal) int {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Error(err)
	}
	n.cmd.Wait()
	return n.cmd.ProcessState.ExitCode()
}

// post offers one event and reports whether it was acknowledged.
func (n *node) post(client *http.Client, id string, place int) (acknowledged bool, status int) {
	body := fmt.Sprintf(`{"id":%q,"type":%q,"subject":%q}`, id, eventType(place), id)
	req, err := http.NewRequest(http.MethodPost, n.url+"/v1/events", strings.NewReader(body))
	if err != nil {
		return false, 0
	}
	req.Header.Set("Authorization", "Bearer "+n.key)
	res, err := client.Do(req)
	if err != nil {
		return false, 0
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res.StatusCode == http.StatusAccepted, res.StatusCode
}

// load posts from several callers until stop is closed, not far ahead of what
// arrives; what is acknowledged goes into the ledger.
func (n *node) load(round int, l *ledger, stop <-chan struct{}) *sync.WaitGroup {
	var work sync.WaitGroup
	var serial, taken atomic.Int64
	before := n.far.count()
	for range callers {
		work.Go(func() {
			client := &http.Client{Timeout: 5 * time.Second}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				if n.far.most == 0 && int(taken.Load()) > n.far.count()-before+ahead {
					continue
				}
				i := int(serial.Add(1))
				if n.far.most > 0 && i > n.far.most {
					return
				}
				id := fmt.Sprintf("e-%d-%d", round, i)
				if ok, _ := n.post(client, id, (round*n.far.most+i)%len(n.far.places)); !ok {
					continue
				}
				taken.Add(1)
				if err := l.keep(id); err != nil {
					n.t.Errorf("ledger: %v", err)
					return
				}
			}
		})
	}
	return &work
}

// kill runs the node under load, kills it at a random moment after work began
// to flow, and reports how many hand-overs were open in its database.
func (n *node) kill(round int, l *ledger, rng *rand.Rand) (inFlight int64) {
	n.t.Helper()
	n.start()
	before, stop := n.far.count(), make(chan struct{})
	work := n.load(round, l, stop)
	if !eventually(time.Minute, func() bool { return n.far.count() > before }) {
		n.t.Error("nothing was handed over within a minute")
	}
	time.Sleep(time.Duration(rng.Int64N(int64(300 * time.Millisecond)))) // the random moment
	n.stop(syscall.SIGKILL)
	close(stop)
	work.Wait()
	n.inside(func(ctx context.Context, h *serve.Hub) error {
		var err error
		inFlight, err = h.Store.Sending(ctx, ws, account)
		return err
	})
	return inFlight
}

func eventually(limit time.Duration, holds func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

// settled checks that everything acknowledged arrived, under one key each, and
// that every message is at its end. Where nobody can be asked, what did not
// arrive is unknown and a task says so.
func (n *node) settled(acknowledged []string) {
	n.t.Helper()
	if len(acknowledged) == 0 {
		n.t.Error("nothing was acknowledged")
	}
	for end := time.Now().Add(time.Minute); ; {
		n.start()
		eventually(time.Until(end), func() bool { return n.waiting() == 0 && (n.far.asks || len(n.missing(acknowledged)) == 0) })
		if code := n.stop(syscall.SIGTERM); code != 0 {
			n.t.Errorf("exit code %d after SIGTERM", code)
		}
		// An event that is not routed yet has no message that waits: only the database tells.
		if !n.busy() || time.Now().After(end) {
			break
		}
	}
	n.inside(func(ctx context.Context, h *serve.Hub) error { return n.ended(ctx, h.Store, n.missing(acknowledged)) })
	for _, ref := range n.far.twice() {
		n.t.Errorf("%s arrived under %d keys", ref, n.far.keys(ref))
	}
}

// missing lists the acknowledged events that have not arrived.
func (n *node) missing(acknowledged []string) (refs []string) {
	n.far.count()
	for _, ref := range acknowledged {
		if n.far.keys(ref) == 0 {
			refs = append(refs, ref)
		}
	}
	return refs
}

// waiting asks the running node how many messages wait; at most 200, -1: no answer.
func (n *node) waiting() int {
	req, err := http.NewRequest(http.MethodGet, n.url+"/v1/messages?state=waiting&limit=200", nil)
	if err != nil {
		return -1
	}
	req.Header.Set("Authorization", "Bearer "+n.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return -1
	}
	defer res.Body.Close()
	var list struct{ Messages []json.RawMessage }
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&list) != nil || list.Messages == nil {
		return -1
	}
	return len(list.Messages)
}

// busy reports whether the database of a stopped node holds work to do.
func (n *node) busy() (busy bool) {
	n.inside(func(ctx context.Context, h *serve.Hub) error {
		fresh, err := h.Store.Unrouted(ctx, 1)
		if err != nil {
			return err
		}
		waiting, err := h.Store.Messages(ctx, ws, store.MessageFilter{State: string(engawa.MessageWaiting)}, store.Page{Limit: 1})
		busy = len(fresh)+len(waiting) > 0
		return err
	})
	return busy
}

// ended checks that no event and no message waits, and that what is missing is
// unknown and counted by the task of its account.
func (n *node) ended(ctx context.Context, st *store.Store, missing []string) error {
	fresh, err := st.Unrouted(ctx, 1)
	if err != nil || len(fresh) != 0 {
		return errors.Join(err, fmt.Errorf("%d events have no route yet", len(fresh)))
	}
	waiting, err := st.Messages(ctx, ws, store.MessageFilter{State: string(engawa.MessageWaiting)}, store.Page{Limit: 200})
	if err != nil || len(waiting) != 0 {
		return errors.Join(err, fmt.Errorf("%d messages have no end", len(waiting)))
	}
	unknown, err := n.unknown(ctx, st)
	if err != nil {
		return err
	}
	for _, ref := range missing {
		if !unknown[ref] {
			n.t.Errorf("%s was acknowledged, never arrived, and nobody was told", ref)
		}
	}
	tasks, err := st.Tasks(ctx, ws, 200)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tasks, func(k engawa.Task) bool { return k.Kind == "delivery.unknown" && k.Ref == account && k.State == "open" })
	switch {
	case len(unknown) == 0:
	case !n.far.asks:
		n.t.Errorf("%d messages are unknown, though the provider can settle them", len(unknown))
	case i < 0 || tasks[i].Count != len(unknown):
		n.t.Errorf("%d messages are unknown and the tasks say %+v", len(unknown), tasks)
	}
	n.t.Logf("%s: %d never arrived, %d unknown", n.far.kind, len(missing), len(unknown))
	return nil
}

// unknown returns the references of the messages of which nobody knows.
func (n *node) unknown(ctx context.Context, st *store.Store) (map[string]bool, error) {
	refs := map[string]bool{}
	page := store.Page{Limit: 200}
	for {
		rows, err := st.Messages(ctx, ws, store.MessageFilter{State: string(engawa.MessageUnknown)}, page)
		if err != nil || len(rows) == 0 {
			return refs, err
		}
		for _, r := range rows {
			m, err := st.Message(ctx, ws, r.Message.ID)
			if err != nil {
				return refs, err
			}
			refs[reference.FindString(m.Message.Content.Text)] = true
		}
		last := rows[len(rows)-1].Message
		page.At, page.ID = last.CreatedAt, last.ID
	}
}

// TestKill kills the program under load. SQLite has most of the kills: it takes
// its lanes back at once, while on PostgreSQL a dead node's lane is free only
// after its lease, so that several databases are killed side by side.
func TestKill(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./internal/fault -run TestKill -args -fault.seed=%d", s, s)
	bin := build(t)
	var hits, mailed, posted atomic.Int64
	t.Run("engines", func(t *testing.T) {
		const perDatabase = 3
		databases := wantKills / 12
		series := uint64(0)
		killed := func(name string, hits *atomic.Int64, kills int, far func(*testing.T) *far, database func(testing.TB) string) {
			series++
			rng := rand.New(rand.NewPCG(s, series))
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				hits.Add(int64(killSome(t, newNode(t, bin, database(t), far(t)), kills, rng)))
			})
		}
		killed("sqlite", &hits, wantKills-databases*perDatabase, webhooks, storetest.SQLite)
		for range databases {
			killed("postgres", &hits, perDatabase, webhooks, storetest.Postgres)
		}
		killed("mail/sqlite", &mailed, wantOthers, mails, storetest.SQLite)
		killed("mail/postgres", &mailed, 1, mails, storetest.Postgres)
		killed("chatwork/sqlite", &posted, wantOthers, rooms, storetest.SQLite)
		killed("chatwork/postgres", &posted, 1, rooms, storetest.Postgres)
	})
	for _, k := range []struct {
		kind string
		hits int64
		want int64
	}{{"webhook", hits.Load(), wantKills}, {"mail", mailed.Load(), wantOthers + 1}, {"chatwork", posted.Load(), wantOthers + 1}} {
		t.Logf("%s: %d kills hit work in flight", k.kind, k.hits)
		if k.hits < k.want {
			t.Errorf("%s: %d kills hit work in flight, want %d", k.kind, k.hits, k.want)
		}
	}
}

func killSome(t *testing.T, n *node, want int, rng *rand.Rand) (hits int) {
	t.Helper()
	l := newLedger(t)
	for round := 0; hits < want && round < 2*want && !t.Failed(); round++ {
		if n.kill(round, l, rng) > 0 {
			hits++
		}
	}
	n.settled(l.close(t))
	return hits
}
