// Command bench measures the hub on this machine: the shipped binary, its own
// HTTP API, store and lanes, on SQLite and on PostgreSQL, into sinks on
// loopback, beside a bare loop that sends the same bytes to the same sink over
// as many connections. It prints each figure with its bar and ends with status 1
// if one is missed or if the database does not account for what arrived. The URL
// of a PostgreSQL server, whose user may create databases, is read from
// standard input: it holds a password.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	lasting  = 6 * time.Second // of a measurement over time
	messages = 10_000          // through each lane
	callers  = 32
	rate     = 200 // messages a second while the latency is measured
)

// The first bars.
const (
	barVerified = 1_500 // a second and core, warm
	barEvents   = 5_000 // a second
	barLane     = 0.3   // of the bare loop
	barIdle     = 50    // MB
	barTrial    = 5 * time.Second
	barStore    = 60 // s of the simulated clock, for a hundred thousand subscribers
)

// report prints figures and remembers whether a bar was missed.
type report struct{ missed int }

func (r *report) line(what, format string, args ...any) {
	fmt.Printf("%-44s %s\n", what, fmt.Sprintf(format, args...))
}

// bar prints a figure that has a bar.
func (r *report) bar(met bool, what, format string, args ...any) {
	verdict := "met"
	if !met {
		verdict = "MISSED"
		r.missed++
	}
	fmt.Printf("%-44s %-52s %s\n", what, fmt.Sprintf(format, args...), verdict)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 5 && os.Args[1] == "bare" {
		if err := bareMain(ctx, os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:gocritic // nothing is left to do
		}
		return
	}
	r := &report{}
	postgres, err := io.ReadAll(io.LimitReader(os.Stdin, 4<<10))
	server := strings.TrimSpace(string(postgres))
	switch {
	case err != nil:
	case len(os.Args) == 2 && os.Args[1] == "desk":
		err = runDesk(ctx, r, server)
	default:
		err = run(ctx, r, server)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to do
	}
	if r.missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d of the bars missed\n", r.missed)
		os.Exit(1)
	}
}

// runDesk measures the support desk's search alone, which takes minutes to build.
func runDesk(ctx context.Context, r *report, postgres string) error {
	for _, e := range []engine{{name: "sqlite"}, {name: "postgres", server: postgres}} {
		if e.name == "postgres" && postgres == "" {
			return errors.New("standard input names no PostgreSQL server; use make bench-desk, which starts one")
		}
		fmt.Println(e.name)
		if err := r.deskSearch(ctx, e); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func run(ctx context.Context, r *report, postgres string) error {
	if postgres == "" {
		return errors.New("standard input names no PostgreSQL server; use make bench, which starts one")
	}
	dir, err := os.MkdirTemp("", "engawa-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	binary := filepath.Join(dir, "engawa")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/engawa")
	build.Env = append(build.Environ(), "CGO_ENABLED=0") // as docs/install.md has it
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	fmt.Printf("%s, %d cores\n", runtime.Version(), runtime.NumCPU())
	if err := r.verification(); err != nil {
		return err
	}
	if err := r.reconciliation(ctx); err != nil {
		return err
	}
	for _, e := range []engine{{name: "sqlite"}, {name: "postgres", server: postgres}} {
		if err := r.engine(ctx, binary, e); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func (r *report) verification() error {
	warm, cold, err := verification(lasting / 2)
	if err != nil {
		return err
	}
	r.bar(warm >= barVerified, "notifications verified, chain known", "%.0f/s and core (bar %d)", warm, barVerified)
	r.line("notifications verified, chain new", "%.0f/s and core", cold)
	return nil
}

// reconciled is what TestBar of internal/gap prints.
var reconciled = regexp.MustCompile(`reconciled (\d+) in ([\d.]+) s, really (\d+) s`)

// reconciliation has a hundred thousand subscribers reconciled against the App
// Store's simulator in simulated time, which only a test can.
func (r *report) reconciliation(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "test", "./internal/gap", "-run", "^TestBar$", "-count=1", "-v", "-timeout=30m", "-subscribers=100000").CombinedOutput()
	said := reconciled.FindSubmatch(out)
	if err != nil || said == nil {
		return fmt.Errorf("reconcile: %w\n%s", err, out)
	}
	took, err := strconv.ParseFloat(string(said[2]), 64)
	if err != nil {
		return err
	}
	r.bar(took <= barStore, "subscribers reconciled with the App Store", "%s in %s s of the simulated clock (bar %d), %s s really", said[1], said[2], barStore, said[3])
	return nil
}

// engine measures everything that needs a database.
func (r *report) engine(ctx context.Context, binary string, e engine) error {
	fmt.Println("\n" + e.name)
	kib, err := idle(ctx, binary, e)
	if err != nil {
		return err
	}
	r.bar(kib <= barIdle<<10, "memory, idle", "%d MB resident (bar %d)", kib>>10, barIdle)
	in, err := runEvents(ctx, binary, e, callers, lasting)
	if err != nil {
		return err
	}
	r.bar(in.perSecond >= barEvents, "events, durable, through the API", "%.0f/s, %d callers (bar %d)", in.perSecond, callers, barEvents)
	r.processors(in.busy, in.server, in.n, "event")
	took, err := runTrial(ctx, e)
	if err != nil {
		return err
	}
	r.bar(took <= barTrial, "a route's change tried on the past", "100,000 events in %.1f s (bar %.0f s)", took.Seconds(), barTrial.Seconds())
	peak, err := r.lanes(ctx, binary, e)
	if err != nil {
		return err
	}
	l, err := runLatency(ctx, binary, e, rate, 2*lasting)
	if err != nil {
		return err
	}
	r.line(fmt.Sprintf("request to hand-over at %d/s", rate), "p50 %s  p95 %s  p99 %s  (%d)", ms(l.p50), ms(l.p95), ms(l.p99), l.n)
	r.line("memory, peak of these runs", "%d MB resident", max(peak, l.peak, in.peak)>>10)
	return nil
}

// processors prints what n of something took of the processors on this side.
func (r *report) processors(hub, server time.Duration, n int, what string) {
	each := func(d time.Duration) int64 { return d.Microseconds() / int64(n) }
	if server == 0 {
		r.line("  processor that the hub took", "%d µs for each %s, its start among them", each(hub), what)
		return
	}
	r.line("  processor that hub and PostgreSQL took", "%d and %d µs for each %s", each(hub), each(server), what)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }

// lanes measures the lanes beside bare loops; peak is in KiB.
func (r *report) lanes(ctx context.Context, binary string, e engine) (peak int, err error) {
	key, err := signingKey()
	if err != nil {
		return 0, err
	}
	for _, k := range []struct {
		what, kind string
		open       func(context.Context) (*sink, error)
		settings   func(addr string) map[string]string
		more       map[string]string
		bar        bool
	}{
		{"mails through a lane", "mail", newMailSink, mailSettings, nil, true},
		{"mails, signed with RSA-2048", "mail", newMailSink, mailSettings, map[string]string{"dkim_domain": "hinata.example", "dkim_selector": "s1", "dkim_key": key}, false},
		{"webhooks through a lane", "webhook", newHTTPSink, webhookSettings, nil, true},
	} {
		s, err := k.open(ctx)
		if err != nil {
			return peak, err
		}
		settings := k.settings(s.addr)
		maps.Copy(settings, k.more)
		l, err := runLane(ctx, binary, e, k.kind, s, settings, messages)
		if err = errors.Join(err, s.close()); err != nil {
			return peak, fmt.Errorf("%s: %w", k.what, err)
		}
		peak = max(peak, l.peak)
		ratio := l.perSecond / l.bare
		figures := fmt.Sprintf("%.0f/s, bare loop %.0f/s, ratio %.2f", l.perSecond, l.bare, ratio)
		if k.bar {
			r.bar(ratio >= barLane, k.what, "%s (bar %.1f)", figures, barLane)
		} else {
			r.line(k.what, "%s", figures)
		}
		r.processors(l.busy, l.server, messages, "message")
		if l.flight > 0 {
			r.line("  beside a loop with its envelope in one flight", "%.0f/s, ratio %.2f", l.flight, l.perSecond/l.flight)
		}
	}
	return peak, nil
}

func signingKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
