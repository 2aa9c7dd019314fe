package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/store/storetest"
)

// hub is engawa serve as a process of its own.
type hub struct {
	url, key string
	mu       sync.Mutex
	answered []string // ids of events that were acknowledged
}

// serve starts the hub on the shell's database, which ends with the test.
func (s *shell) serve() *hub {
	s.Helper()
	key := s.must("key", "add", "load", "--scope", "events:write")[0]
	c := exec.CommandContext(s.Context(), program(s.T), "serve")
	var said bytes.Buffer // read when the process has ended
	c.Dir, c.Stderr, c.Env = s.dir, &said, append(s.environment(), "ENGAWA_LISTEN=127.0.0.1:0", "ENGAWA_METRICS_LISTEN=")
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 20 * time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := c.Wait(); c.ProcessState.ExitCode() != 0 {
			s.Errorf("the hub ended with %v: %s", err, &said)
		}
	})
	first, err := bufio.NewReader(out).ReadString('\n')
	url, ready := strings.CutPrefix(strings.TrimSpace(first), "ready ")
	if err != nil || !ready {
		s.Fatalf("serve said %q, %v", first, err)
	}
	return &hub{url: url, key: key}
}

// post posts one event after the other until ctx ends.
func (h *hub) post(ctx context.Context, name string) error {
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("%s-%d", name, i)
		body := fmt.Sprintf(`{"id":%q,"type":"shop.visited","subject":"load","data":{"n":%d}}`, id, i)
		r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, h.url+"/v1/events", strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+h.key)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusAccepted {
			return fmt.Errorf("%s: answer %d", id, answer.StatusCode)
		}
		h.mu.Lock()
		h.answered = append(h.answered, id)
		h.mu.Unlock()
	}
	return nil
}

func (h *hub) acknowledged() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.answered...)
}

// TestBesideHub: while a hub runs on the database and takes events, it is looked
// at and backed up; the copy, restored, opens and has every event that was
// acknowledged before the backup began. What would change something is refused.
func TestBesideHub(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShell(t, url)
		s.must("workspace", "add", "ひなた珈琲")
		h := s.serve()
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		for i := range 4 {
			load.Go(func() {
				if err := h.post(ctx, fmt.Sprint("load", i)); err != nil {
					t.Error(err)
				}
			})
		}
		for len(h.acknowledged()) < 200 && !t.Failed() {
			time.Sleep(5 * time.Millisecond) // a process of its own: there is nothing to wait on
		}
		s.must("doctor")
		s.must("workspace", "list")
		s.must("key", "list")
		said := strings.Join(s.must("verify"), "\n")
		if !strings.Contains(said, "all that is sealed opens") {
			t.Errorf("verify says %q", said)
		}
		before := h.acknowledged()
		copied := filepath.Join(s.dir, "copy.db")
		if strings.HasPrefix(url, "postgres") {
			s.refused(1, "pg_dump", "backup", copied)
			stop()
			load.Wait()
			return
		}
		s.must("backup", copied)
		after := len(h.acknowledged())
		s.refused(1, "another engawa process", "key", "rotate")
		stop()
		load.Wait()
		if after == len(before) || len(before) < 200 {
			t.Errorf("the hub took %d events before the backup and %d during it", len(before), after-len(before))
		}
		s.holds(copied, before)
	})
}

// holds restores a copy and looks for events in it.
func (s *shell) holds(copied string, ids []string) {
	s.Helper()
	s.database = filepath.Join(s.dir, "restored.db")
	s.must("restore", copied)
	if said := strings.Join(s.must("verify"), "\n"); !strings.Contains(said, "all that is sealed opens") {
		s.Errorf("the copy: %q", said)
	}
	rows, err := storetest.Open(s.T, s.database).QueryContext(s.Context(), `SELECT dedup FROM event`)
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	there := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			s.Fatal(err)
		}
		there[id] = true
	}
	var missing bytes.Buffer
	for _, id := range ids {
		if !there[id] {
			fmt.Fprintln(&missing, id)
		}
	}
	if missing.Len() > 0 || rows.Err() != nil {
		s.Errorf("of %d acknowledged events the copy has %d and lacks: %s (%v)", len(ids), len(there), &missing, rows.Err())
	}
}
