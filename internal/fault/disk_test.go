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
)

// TestFullDisk takes the space away from the running program by the limit on
// the size of its files (prlimit of util-linux; no privilege), so that writing
// fails as on a full disk (class B40): it answers 503 with Retry-After, takes
// events again when there is space, and has every event that it acknowledged.
// The disk of a PostgreSQL server belongs to another program and is not covered.
func TestFullDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "engawa.db")
	n := newNode(t, build(t), file, &far{
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
	offer(0)
	info, err := os.Stat(file + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	n.limit(t, strconv.FormatInt(info.Size()+64<<10, 10))
	var full answer
	for i := 1; i < 1000 && full.status != http.StatusServiceUnavailable; i++ {
		if full = offer(i); full.status != http.StatusAccepted && full.status != http.StatusServiceUnavailable {
			t.Fatalf("answer %+v while the disk became full", full)
		}
	}
	if full.status != http.StatusServiceUnavailable || full.after == "" {
		t.Errorf("answer %+v on a full disk, want 503 with Retry-After", full)
	}
	n.limit(t, "unlimited")
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
