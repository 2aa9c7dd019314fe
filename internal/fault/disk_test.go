package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestFullDisk takes the space away while the program runs (class B40): it
// answers 503 with Retry-After, takes events again when there is space, and has
// every event that it acknowledged. SQLite loses it by the limit on the size of
// the program's files (prlimit of util-linux; no privilege), a PostgreSQL by a
// library that makes its writes fail (testdata/full.c; no file system to mount).
func TestFullDisk(t *testing.T) {
	bin := build(t)
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "engawa.db")
		full(t, bin, file, func(n *node) {
			info, err := os.Stat(file + "-wal")
			if err != nil {
				t.Fatal(err)
			}
			n.limit(t, strconv.FormatInt(info.Size()+64<<10, 10))
		}, func(n *node) { n.limit(t, "unlimited") })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		library, flag := withoutSpace(t)
		full(t, bin, storetest.PostgresWith(t, "LD_PRELOAD="+library, "FULL_WHEN="+flag), func(*node) {
			if err := os.WriteFile(flag, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, func(*node) {
			if err := os.Remove(flag); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// withoutSpace builds the library, and names the file that fills the disk. Both
// lie where the user of the PostgreSQL may look.
func withoutSpace(t *testing.T) (library, flag string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "engawa-full-") //nolint:usetesting // another user has to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	library = filepath.Join(dir, "full.so")
	out, err := exec.CommandContext(t.Context(), "gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", library, "testdata/full.c", "-ldl").CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v: %s", err, out)
	}
	return library, filepath.Join(dir, "full")
}

func full(t *testing.T, bin, database string, fill, empty func(*node)) {
	n := newNode(t, bin, database, &far{
		kind: "webhook", places: []string{"q"},
		settings: map[string]string{"url": "http://127.0.0.1:9/closed", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	})
	n.start()
	defer func() {
		if code := n.stop(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}()
	var kept []string
	offer := func(i int) answer {
		id := fmt.Sprintf("e-9-%d", i)
		a := n.offer(t, id)
		if a.status == http.StatusAccepted {
			kept = append(kept, id)
		}
		return a
	}
	for i := range 20 {
		offer(i)
	}
	fill(n)
	var last answer
	for i := 20; i < 1000 && last.status != http.StatusServiceUnavailable; i++ {
		if last = offer(i); last.status != http.StatusAccepted && last.status != http.StatusServiceUnavailable {
			t.Fatalf("answer %+v while the disk became full", last)
		}
	}
	if last.status != http.StatusServiceUnavailable || last.after == "" {
		t.Errorf("answer %+v on a full disk, want 503 with Retry-After", last)
	}
	empty(n)
	if !eventually(20*time.Second, func() bool { return offer(2000).status == http.StatusAccepted }) {
		t.Error("no event was taken when there was space again")
	}
	for _, id := range kept {
		if a := n.offer(t, id); a.status != http.StatusAccepted || a.fresh {
			t.Errorf("%s had been acknowledged and is lost: %+v", id, a)
		}
	}
	t.Logf("%d events acknowledged, none lost", len(kept))
}

// limit sets the largest file that the node may write, in bytes.
func (n *node) limit(t *testing.T, bytes string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "prlimit", "--pid", strconv.Itoa(n.cmd.Process.Pid), "--fsize="+bytes+":").CombinedOutput()
	if err != nil {
		t.Fatalf("prlimit: %v: %s", err, out)
	}
}

// answer is what an event was told.
type answer struct {
	status int
	after  string // Retry-After
	fresh  bool   // it was not known before
}

func (n *node) offer(t *testing.T, id string) answer {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"type":"fault.load0","subject":%q,"data":{"pad":%q}}`, id, id, strings.Repeat("x", 4096))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/v1/events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+n.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("the program does not answer: %v", err)
	}
	defer res.Body.Close()
	var told struct{ Fresh bool }
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Get("Retry-After"), told.Fresh}
}
