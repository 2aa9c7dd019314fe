package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestSimAppStore: the command's store answers as documented: its root, its API key,
// its page; and ends with Ctrl-C.
func TestSimAppStore(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), program(t), "sim", "appstore", "--addr", "127.0.0.1:0", "--production")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	at := ""
	for lines := bufio.NewScanner(out); at == "" && lines.Scan(); {
		at, _ = strings.CutPrefix(lines.Text(), "ready ")
		if !strings.HasPrefix(at, "http://") {
			at = ""
		}
	}
	for path, want := range map[string]string{"/_sim/root.pem": "BEGIN CERTIFICATE", "/_sim/key": "BEGIN PRIVATE KEY", "/": "<html"} {
		if body := get(t, at+path, ""); !strings.Contains(body, want) {
			t.Errorf("%s answers %.200q", path, body)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
}
