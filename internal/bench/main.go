// Command bench measures the hub on this machine: the shipped binary, its own
// HTTP API, store and lanes, on SQLite and on PostgreSQL, into sinks on
// loopback, beside a bare loop that sends the same bytes to the same sink over
// as many connections. It prints lines of Go's benchmark format
// (golang.org/x/perf/benchfmt), which benchstat compares, and under each figure
// that has a bar whether it is met. It ends with status 1 if one is missed or if
// the database does not account for what arrived. The URL
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
	messages = 30_000          // through each lane: some four seconds
	withRSA  = 5_000           // through the lane that signs each with RSA-2048
	callers  = 32
	rate     = 200 // messages a second while the latency is measured
)

// The first bars.
const (
	barVerified = 1_500                 // a second and core, warm
	barFirst    = 25 * time.Millisecond // the first notification after the start
	barEvents   = 5_000                 // a second
	barLane     = 0.3                   // of the bare loop
	barIdle     = 50                    // MB
	barTrial    = 5 * time.Second
	barPacks    = 30 * time.Second // of a pack, on as many messages as a trial judges
	barStore    = 60               // s of the simulated clock, for a hundred thousand subscribers
)

// report prints figures and remembers whether a bar was missed.
type report struct {
	engine string // whose figures come; empty: nobody's
	missed int
}

// figure is a number with its unit.
type figure struct {
	value float64
	unit  string
}

func (f figure) String() string {
	if f.value >= 100 {
		return fmt.Sprintf("%.0f %s", f.value, f.unit)
	}
	return fmt.Sprintf("%.4g %s", f.value, f.unit)
}

// line prints what n of something came to.
func (r *report) line(name string, n int, fs ...figure) {
	if r.engine != "" {
		name += "/" + r.engine
	}
	fmt.Printf("Benchmark%-24s %8d", name, n)
	for _, f := range fs {
		fmt.Printf("  %s", f)
	}
	fmt.Println()
}

// bar says whether the figure before it is good enough. The line begins with a
// space: it is none of the format's.
func (r *report) bar(met bool, bar string) {
	verdict := "met"
	if !met {
		verdict = "MISSED"
		r.missed++
	}
	fmt.Printf("  %s: %s\n", bar, verdict)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == "prove-first" {
		if err := proveFirst(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:gocritic // nothing is left to do
		}
		return
	}
	if len(os.Args) == 5 && os.Args[1] == "bare" {
		if err := bareMain(ctx, os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:gocritic // nothing is left to do
		}
		return
	}
	r := &report{}
	if len(os.Args) == 2 && os.Args[1] == "first" { // which needs no database
		r.end(r.first(ctx))
		return
	}
	postgres, err := io.ReadAll(io.LimitReader(os.Stdin, 4<<10))
	server := strings.TrimSpace(string(postgres))
	switch {
	case err != nil:
	case len(os.Args) == 2 && os.Args[1] == "desk":
		err = onEach(ctx, r, server, r.deskSearch)
	case len(os.Args) == 2 && os.Args[1] == "trial":
		err = onEach(ctx, r, server, r.trial)
	case len(os.Args) == 2 && os.Args[1] == "lanes":
		err = built(ctx, func(binary string) error {
			return onEach(ctx, r, server, func(ctx context.Context, e engine) error { _, err := r.lanes(ctx, binary, e); return err })
		})
	case len(os.Args) == 2 && os.Args[1] == "handles":
		err = onEach(ctx, r, server, r.handles)
	case len(os.Args) == 2 && os.Args[1] == "packs":
		err = onEach(ctx, r, server, r.packTrial)
	case len(os.Args) == 2 && os.Args[1] == "verdict":
		err = r.verdicts()
	default:
		err = run(ctx, r, server)
	}
	r.end(err)
}

// end ends the process with status 1 if something failed or was missed.
func (r *report) end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if r.missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d of the bars missed\n", r.missed)
		os.Exit(1)
	}
}

// onEach measures something on each engine.
func onEach(ctx context.Context, r *report, postgres string, measure func(context.Context, engine) error) error {
	if postgres == "" {
		return errors.New("standard input names no PostgreSQL server; the bench targets of make start one")
	}
	for _, e := range []engine{{name: "sqlite"}, {name: "postgres", server: postgres}} {
		r.engine = e.name
		if err := measure(ctx, e); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func run(ctx context.Context, r *report, postgres string) error {
	fmt.Printf("goos: %s\ngoarch: %s\ngo: %s\ncores: %d\n", runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU())
	if err := r.first(ctx); err != nil {
		return err
	}
	if err := r.verification(); err != nil {
		return err
	}
	if err := r.verdicts(); err != nil {
		return err
	}
	if err := r.reconciliation(ctx); err != nil {
		return err
	}
	return built(ctx, func(binary string) error {
		return onEach(ctx, r, postgres, func(ctx context.Context, e engine) error { return r.run(ctx, binary, e) })
	})
}

// built builds the program as it is shipped, for as long as do takes.
func built(ctx context.Context, do func(binary string) error) error {
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
	return do(binary)
}

// first measures the first verification of fresh processes. The median has the bar.
func (r *report) first(ctx context.Context) error {
	took, err := firsts(ctx)
	if err != nil {
		return err
	}
	median := took[len(took)/2]
	r.line("Verify/first", len(took), ms(median, "p50-ms"), ms(took[0], "best-ms"), ms(took[len(took)-1], "worst-ms"))
	r.bar(median <= barFirst, fmt.Sprintf("at most %s", barFirst))
	return nil
}

func (r *report) verification() error {
	warm, cold, err := verification(lasting / 2)
	if err != nil {
		return err
	}
	r.line("Verify/warm", int(warm*lasting.Seconds()/2), figure{warm, "notifications/s/core"})
	r.bar(warm >= barVerified, fmt.Sprintf("at least %d a second and core", barVerified))
	r.line("Verify/cold", int(cold*lasting.Seconds()/2), figure{cold, "notifications/s/core"})
	return nil
}

// reconciled is what TestBar of internal/gap prints.
var reconciled = regexp.MustCompile(`reconciled (\d+) in ([\d.]+) s, really (\d+) s`)

// reconciliation has a hundred thousand subscribers reconciled against the App
// Store's simulator in simulated time, which only a test can.
func (r *report) reconciliation(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "test", "./internal/gap", "-run", "^TestBar$", "-count=1", "-v", "-timeout=30m", "-subscribers=100000").CombinedOutput()
	said := reconciled.FindSubmatch(out)
	if said == nil {
		return fmt.Errorf("reconcile: %w\n%s", err, out)
	}
	failed := err // past the bar, too
	took, err := strconv.ParseFloat(string(said[2]), 64)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(said[1]))
	if err != nil {
		return err
	}
	really, err := strconv.ParseFloat(string(said[3]), 64)
	r.line("Reconcile", n, figure{took, "simulated-s-waiting"}, figure{really, "s"})
	r.bar(failed == nil && took <= barStore, fmt.Sprintf("waits for the store's rate for at most %d s of the simulated clock, and is refused nothing", barStore))
	return err
}

// run measures everything that needs a database.
func (r *report) run(ctx context.Context, binary string, e engine) error {
	r.engine = e.name
	kib, err := idle(ctx, binary, e)
	if err != nil {
		return err
	}
	r.line("Idle", 1, megabytes(kib, "MB"))
	r.bar(kib <= barIdle<<10, fmt.Sprintf("at most %d MB", barIdle))
	in, err := runEvents(ctx, binary, e, callers, lasting)
	if err != nil {
		return err
	}
	r.line("Events", in.n, append([]figure{{in.perSecond, "events/s"}}, processors(in.busy, in.server, in.n)...)...)
	r.bar(in.perSecond >= barEvents, fmt.Sprintf("at least %d a second with %d callers", barEvents, callers))
	if err := r.trial(ctx, e); err != nil {
		return err
	}
	peak, err := r.lanes(ctx, binary, e)
	if err != nil {
		return err
	}
	l, err := runLatency(ctx, binary, e, rate, 2*lasting)
	if err != nil {
		return err
	}
	r.line("HandOver", l.n, figure{rate, "requests/s"}, ms(l.p50, "p50-ms"), ms(l.p95, "p95-ms"), ms(l.p99, "p99-ms"))
	r.line("Peak", 1, megabytes(max(peak, l.peak, in.peak), "MB"))
	return r.handles(ctx, e)
}

func megabytes(kib int, unit string) figure { return figure{float64(kib) / 1024, unit} }

func ms(d time.Duration, unit string) figure {
	return figure{float64(d) / float64(time.Millisecond), unit}
}

// processors is what each of n took of the processors on this side, the start of
// the hub among it.
func processors(hub, server time.Duration, n int) []figure {
	each := func(d time.Duration, unit string) figure {
		return figure{float64(d) / float64(time.Microsecond) / float64(n), unit}
	}
	if server == 0 {
		return []figure{each(hub, "hub-µs")}
	}
	return []figure{each(hub, "hub-µs"), each(server, "server-µs")}
}

// lanes measures the lanes beside bare loops; peak is in KiB.
func (r *report) lanes(ctx context.Context, binary string, e engine) (peak int, err error) {
	key, err := signingKey()
	if err != nil {
		return 0, err
	}
	for _, k := range []struct {
		name, kind, unit string
		open             func(context.Context) (*sink, error)
		settings         func(addr string) map[string]string
		more             map[string]string
		n                int
		bar              bool
	}{
		{"MailLane", "mail", "mails/s", newMailSink, mailSettings, nil, messages, true},
		{"MailLaneSigned", "mail", "mails/s", newMailSink, mailSettings, map[string]string{"dkim_domain": "hinata.example", "dkim_selector": "s1", "dkim_key": key}, withRSA, false},
		{"WebhookLane", "webhook", "webhooks/s", newHTTPSink, webhookSettings, nil, messages, true},
	} {
		s, err := k.open(ctx)
		if err != nil {
			return peak, err
		}
		settings := k.settings(s.addr)
		maps.Copy(settings, k.more)
		l, err := runLane(ctx, binary, e, k.kind, s, settings, k.n)
		if err = errors.Join(err, s.close()); err != nil {
			return peak, fmt.Errorf("%s: %w", k.name, err)
		}
		peak = max(peak, l.peak)
		ratio := l.perSecond / l.bare
		fs := append([]figure{{l.perSecond, k.unit}, {l.bare, "bare-" + k.unit}, {ratio, "ratio"}}, processors(l.busy, l.server, k.n)...)
		if l.flight > 0 { // beside a loop with its envelope in one flight
			fs = append(fs, figure{l.flight, "flight-" + k.unit}, figure{l.perSecond / l.flight, "flight-ratio"})
		}
		r.line(k.name, k.n, fs...)
		if k.bar {
			r.bar(ratio >= barLane, fmt.Sprintf("at least %.1f of the bare loop", barLane))
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
