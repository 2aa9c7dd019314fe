package fault

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	hook    = "acc_hook"
	callers = 4
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

// receiver is the business's system: it counts, for each event, the webhook-ids
// under which it came. It is slow, so that hand-overs are under way at any time.
type receiver struct {
	mu   sync.Mutex
	seen map[string]map[string]int
	n    atomic.Int64
}

var reference = regexp.MustCompile(`e-\d+-\d+`)

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	ref := reference.FindString(string(body))
	if err != nil || ref == "" {
		http.Error(w, "no reference", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	if r.seen[ref] == nil {
		r.seen[ref] = map[string]int{}
	}
	r.seen[ref][req.Header.Get("webhook-id")]++
	r.mu.Unlock()
	r.n.Add(1)
	time.Sleep(20 * time.Millisecond) // the wire; no test waits for it
	w.WriteHeader(http.StatusNoContent)
}

// node is the real binary on one database.
type node struct {
	t      *testing.T
	bin    string
	file   string
	config config.Config
	key    string
	url    string
	cmd    *exec.Cmd
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

func newNode(t *testing.T, bin, database, hookURL string) *node {
	t.Helper()
	dir := t.TempDir()
	c := config.Default()
	c.Database, c.KeyFile = config.DSN(database), filepath.Join(dir, "engawa.key")
	c.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	n := &node{t: t, bin: bin, file: filepath.Join(dir, "engawa.toml"), config: c}
	text := fmt.Sprintf("database = %q\nkey_file = %q\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"\"\nkey_rotation = \"off\"\n[log]\nlevel = \"error\"\n[egress]\nallow = [\"127.0.0.0/8\"]\n", database, c.KeyFile)
	if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if n.said, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	n.inside(func(ctx context.Context, h *serve.Hub) error { return n.furnish(ctx, h, hookURL) })
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

func (n *node) furnish(ctx context.Context, h *serve.Hub, hookURL string) error {
	now := time.Now()
	if err := h.Store.AddWorkspace(ctx, engawa.Workspace{ID: ws, Name: "Hinata", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}); err != nil {
		return err
	}
	if err := h.Store.AddAccount(ctx, engawa.Account{
		Workspace: ws, ID: hook, Kind: "webhook", Name: "hook", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
		Settings: map[string]string{"url": hookURL, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	}); err != nil {
		return err
	}
	if err := h.Store.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_hook", Name: "hook", Account: hook, Address: "q", Locale: engawa.Japanese, CreatedAt: now}); err != nil {
		return err
	}
	if err := h.Store.SaveTemplate(ctx, engawa.Template{Workspace: ws, ID: "tpl_all", Name: "all", Words: map[engawa.Locale]engawa.Content{
		engawa.Japanese: {Subject: "s", Text: "{{event.subject}}"},
	}}); err != nil {
		return err
	}
	if err := h.Store.SaveRoute(ctx, engawa.Route{Workspace: ws, ID: "rte_all", Name: "all", Enabled: true, Events: []string{"fault.load"}, UpdatedAt: now, Then: []engawa.Step{
		{To: "dst_hook", Template: "tpl_all", Purpose: engawa.Service, Via: []engawa.Via{{Account: hook}}},
	}}); err != nil {
		return err
	}
	key, err := api.NewKey(ctx, h.Store, ws, "load", "*")
	n.key = key.Reveal()
	return err
}

func (n *node) start() {
	n.t.Helper()
	n.cmd = exec.Command(n.bin, "serve", "--config", n.file)
	n.cmd.Env, n.cmd.Stderr = []string{"PATH=" + os.Getenv("PATH")}, n.said
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
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
func (n *node) post(client *http.Client, id string) (acknowledged bool, status int) {
	body := fmt.Sprintf(`{"id":%q,"type":"fault.load","subject":%q}`, id, id)
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

// load posts from several callers until stop is closed; what is acknowledged
// goes into the ledger.
func (n *node) load(round int, l *ledger, stop <-chan struct{}) *sync.WaitGroup {
	var work sync.WaitGroup
	var serial atomic.Int64
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
				id := fmt.Sprintf("e-%d-%d", round, serial.Add(1))
				if ok, _ := n.post(client, id); !ok {
					continue
				}
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
func (n *node) kill(round int, l *ledger, r *receiver, rng *rand.Rand) (inFlight int64) {
	n.t.Helper()
	n.start()
	before, stop := r.n.Load(), make(chan struct{})
	work := n.load(round, l, stop)
	if !eventually(time.Minute, func() bool { return r.n.Load() > before }) {
		n.t.Error("nothing was handed over within a minute")
	}
	time.Sleep(time.Duration(rng.Int64N(int64(300 * time.Millisecond)))) // the random moment
	n.stop(syscall.SIGKILL)
	close(stop)
	work.Wait()
	n.inside(func(ctx context.Context, h *serve.Hub) error {
		var err error
		inFlight, err = h.Store.Sending(ctx, ws, hook)
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
// that every message is at its end.
func (n *node) settled(acknowledged []string, r *receiver) {
	n.t.Helper()
	if len(acknowledged) == 0 {
		n.t.Error("nothing was acknowledged")
	}
	arrived := func() (missing int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, id := range acknowledged {
			if len(r.seen[id]) == 0 {
				missing++
			}
		}
		return missing
	}
	n.start()
	eventually(2*time.Minute, func() bool { return arrived() == 0 })
	if code := n.stop(syscall.SIGTERM); code != 0 {
		n.t.Errorf("exit code %d after SIGTERM", code)
	}
	if m := arrived(); m != 0 {
		n.t.Errorf("%d of %d acknowledged events never arrived", m, len(acknowledged))
	}
	r.mu.Lock()
	for ref, keys := range r.seen {
		if len(keys) != 1 {
			n.t.Errorf("%s arrived under %d keys: %v", ref, len(keys), keys)
		}
	}
	r.mu.Unlock()
	n.inside(func(ctx context.Context, h *serve.Hub) error { return n.ended(ctx, h.Store) })
}

func (n *node) ended(ctx context.Context, st *store.Store) error {
	waiting, err := st.Messages(ctx, ws, store.MessageFilter{State: string(engawa.MessageWaiting)}, store.Page{Limit: 200})
	if err == nil && len(waiting) != 0 {
		err = fmt.Errorf("%d messages have no end, the first %s", len(waiting), waiting[0].Message.ID)
	}
	return err
}

// TestKill kills the program under load. SQLite has most of the kills: it takes
// its lanes back at once, while on PostgreSQL a dead node's lane is free only
// after its lease of 30 s, so that several databases are killed side by side.
func TestKill(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./internal/fault -run TestKill -args -fault.seed=%d", s, s)
	bin := build(t)
	var hits atomic.Int64
	t.Run("engines", func(t *testing.T) {
		const perDatabase = 3
		databases := wantKills / 12
		lite := wantKills - databases*perDatabase
		killed := func(t *testing.T, i, kills int, url string) {
			t.Parallel()
			hits.Add(int64(killSome(t, bin, url, kills, rand.New(rand.NewPCG(s, uint64(i))))))
		}
		t.Run("sqlite", func(t *testing.T) { killed(t, 0, lite, storetest.SQLite(t)) })
		for i := range databases {
			t.Run(fmt.Sprintf("postgres%d", i), func(t *testing.T) { killed(t, i+1, perDatabase, storetest.Postgres(t)) })
		}
	})
	t.Logf("%d kills hit work in flight", hits.Load())
	if hits.Load() < wantKills {
		t.Errorf("%d kills hit work in flight, want %d", hits.Load(), wantKills)
	}
}

func killSome(t *testing.T, bin, database string, want int, rng *rand.Rand) (hits int) {
	t.Helper()
	r := &receiver{seen: map[string]map[string]int{}}
	server := httptest.NewServer(r)
	defer server.Close()
	n, l := newNode(t, bin, database, server.URL), newLedger(t)
	for round := 0; hits < want && round < 2*want && !t.Failed(); round++ {
		if n.kill(round, l, r, rng) > 0 {
			hits++
		}
	}
	n.settled(l.close(t), r)
	return hits
}
