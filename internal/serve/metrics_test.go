package serve

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store/storetest"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestHealth scrapes a running hub with an account and a customer whose
// address and secret must not come out.
func TestHealth(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		h := open(t, settings(t, url))
		now := time.Now()
		if err := h.Store.AddWorkspace(t.Context(), engawa.Workspace{ID: "ws_1", Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		err := h.Store.AddAccount(t.Context(), engawa.Account{
			Workspace: "ws_1", ID: "acc_mail", Kind: "mail", Name: "account-canary", Environment: "sandbox", Owner: "workspace", Enabled: true, CreatedAt: now,
			Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "address-canary@hinata.example", "password": "secret-canary"},
		})
		if err != nil {
			t.Fatal(err)
		}
		main, side := loopback(t), loopback(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- h.Run(ctx, main) }()
		go func() { ended <- h.ServeMetrics(ctx, side) }()
		defer func() {
			stop()
			for range 2 {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		}()
		front, back := "http://"+main.Addr().String(), "http://"+side.Addr().String()

		if code, _ := get(t, front+"/healthz"); code != http.StatusOK {
			t.Errorf("healthz: %d", code)
		}
		var parts map[string]string
		if code, body := get(t, front+"/readyz"); code != http.StatusOK || json.Unmarshal([]byte(body), &parts) != nil || len(parts) != 3 {
			t.Errorf("readyz: %d %s", code, body)
		}
		for _, private := range []string{"/metrics", "/debug/pprof/"} {
			if _, body := get(t, front+private); strings.Contains(body, "engawa_lane") || strings.Contains(body, "goroutine") {
				t.Errorf("%s is on the main listener", private)
			}
		}
		h.metrics.count("acc_mail", engawa.OutcomeAccepted)
		_, said := get(t, back+"/metrics")
		for _, want := range []string{
			`engawa_attempts_total{outcome="accepted"} 1`, `engawa_http_requests_total{code="200",method="get"} `, `engawa_lane_waiting{channel="mail"} 0`,
		} {
			if !strings.Contains(said, want) {
				t.Errorf("metrics lack %s", want)
			}
		}
		if found := regexp.MustCompile(`canary|acc_mail|ws_1|@`).FindString(said); found != "" {
			t.Errorf("metrics show %q", found)
		}
		kept, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range regexp.MustCompile(`(?m)^# HELP (engawa_\w+) (.*)$`).FindAllStringSubmatch(said, -1) {
			if row := "| `" + line[1] + "` | " + line[2] + " |"; !strings.Contains(string(kept), row) {
				t.Errorf("docs/metrics.md lacks: %s", row)
			}
		}
		if code, _ := get(t, back+"/debug/pprof/cmdline"); code != http.StatusOK {
			t.Errorf("pprof: %d", code)
		}
	})
}

// TestNotReady: a node that does not work says which part, and 503.
func TestNotReady(t *testing.T) {
	h := open(t, settings(t, storetest.SQLite(t)))
	if err := h.Store.Close(); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h.handler(), ReadHeaderTimeout: time.Second}
	l := loopback(t)
	go server.Serve(l)
	defer server.Close()
	code, body := get(t, "http://"+l.Addr().String()+"/readyz")
	var parts map[string]string
	if err := json.Unmarshal([]byte(body), &parts); err != nil {
		t.Fatal(err)
	}
	if code != http.StatusServiceUnavailable || parts["database"] != "not ready" || parts["lanes"] != "not ready" || parts["disk"] != "ok" {
		t.Errorf("%d %s", code, body)
	}
}
