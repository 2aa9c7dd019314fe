package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "engawa")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// TestDemoQuick runs the shipped program: it ends within 20 s, every step with its time.
func TestDemoQuick(t *testing.T) {
	bin := binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, "demo", "--quick", "--addr", "127.0.0.1:0").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, step := range []string{"answered 200", "journaled store.", "verdict send", "verdict refuse at gate consent", "in the Chatwork room", "went by mail to the staff", "done: every step"} {
		if !strings.Contains(string(out), "s  ") || !strings.Contains(string(out), step) {
			t.Errorf("step not printed: %q\n%s", step, out)
		}
	}
}

// TestDemoLives looks at the living demo as a visitor does, and ends it with Ctrl-C.
func TestDemoLives(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), binary(t), "demo", "--addr", "127.0.0.1:0", "--dir", t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	at := map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if name, rest, ok := strings.Cut(strings.TrimSpace(lines.Text()), " "); ok {
			at[name] = strings.TrimSpace(rest)
		}
		if strings.HasPrefix(lines.Text(), "A few events") {
			break
		}
	}
	key := strings.TrimSpace(strings.TrimPrefix(at["API"], "key"))
	for _, name := range []string{"ready", "pages", "inbox", "Chatwork", "gallery"} {
		if body := get(t, at[name], ""); len(body) < 500 {
			t.Errorf("%s at %q answers %q", name, at[name], body)
		}
	}
	offers := unsubscribed(t, at["inbox"])
	if offers == 0 {
		t.Error("no mail in the inbox can be unsubscribed")
	}
	events, sample := tell(t, at["ready"], key, "/v1/events?limit=200", "events")
	if events != 480 || sample != 480 {
		t.Errorf("%d sample events marked as sample, of %d that are over; the seed tells of 480", sample, events)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
}

func get(t *testing.T, link, key string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s %v", link, res.Status, err)
	}
	return string(b)
}

// unsubscribed presses the one-click button of the customer's offers.
func unsubscribed(t *testing.T, inbox string) (n int) {
	t.Helper()
	var mails []struct {
		ID          int
		Unsubscribe string
	}
	if err := json.Unmarshal([]byte(get(t, inbox+"/api/mails", "")), &mails); err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		if m.Unsubscribe == "" {
			continue
		}
		res, err := http.PostForm(m.Unsubscribe, url.Values{"List-Unsubscribe": {"One-Click"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			n++
		}
	}
	return n
}

// tell walks a list and counts its rows of the past and those marked as sample.
func tell(t *testing.T, hub, key, path, list string) (past, sample int) {
	t.Helper()
	for cursor := ""; ; {
		var page map[string]json.RawMessage
		if err := json.Unmarshal([]byte(get(t, hub+path+"&cursor="+url.QueryEscape(cursor), key)), &page); err != nil {
			t.Fatal(err)
		}
		var rows []struct {
			Sample     bool
			OccurredAt time.Time `json:"occurred_at"`
		}
		if err := json.Unmarshal(page[list], &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if time.Since(r.OccurredAt) > time.Hour {
				past++
			}
			if r.Sample {
				sample++
			}
		}
		if err := json.Unmarshal(page["next"], &cursor); err != nil || cursor == "" {
			return past, sample
		}
	}
}
