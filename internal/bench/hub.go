package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/serve"
)

// engine is a database engine to run on.
type engine struct {
	name   string // "sqlite", "postgres"
	server string // of PostgreSQL: a URL whose user may create databases
}

// place is a fresh database and key file, removed by close.
type place struct {
	engine engine
	dir    string
	dsn    string
	name   string // of the PostgreSQL database
}

func newPlace(ctx context.Context, e engine) (*place, error) {
	dir, err := os.MkdirTemp("", "engawa-bench-")
	if err != nil {
		return nil, err
	}
	p := &place{engine: e, dir: dir, dsn: filepath.Join(dir, "engawa.db")}
	if e.server == "" {
		return p, nil
	}
	u, err := url.Parse(e.server)
	if err != nil {
		return nil, errors.New("the PostgreSQL server's URL cannot be read")
	}
	p.name = "bench_" + strings.ToLower(rand.Text())
	u.Path = "/" + p.name
	p.dsn = u.String()
	return p, p.execute(ctx, "CREATE DATABASE "+p.name+" TEMPLATE template0 ENCODING 'UTF8'")
}

// execute runs a statement on the server, outside the place's database.
func (p *place) execute(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", p.engine.server)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// analyze counts the rows for the planner, as PostgreSQL does by itself within
// a minute; SQLite needs it for nothing here.
func (p *place) analyze(ctx context.Context) error {
	if p.name == "" {
		return nil
	}
	db, err := sql.Open("pgx", p.dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "ANALYZE")
	return errors.Join(err, db.Close())
}

func (p *place) close() error {
	var err error
	if p.name != "" {
		err = p.execute(context.Background(), "DROP DATABASE "+p.name+" WITH (FORCE)")
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// count returns the one number that a query answers.
func (p *place) count(ctx context.Context, query string) (n int, err error) {
	driver := "sqlite"
	if p.name != "" {
		driver = "pgx"
	}
	db, err := sql.Open(driver, p.dsn)
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, errors.Join(err, db.Close())
}

// hub opens the hub of the place without running it, to furnish it.
func (p *place) hub(ctx context.Context) (*serve.Hub, error) {
	c := config.Default()
	c.Node, c.Database, c.KeyFile = "bench", config.DSN(p.dsn), filepath.Join(p.dir, "engawa.key")
	c.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return serve.Open(ctx, c, slog.New(slog.DiscardHandler))
}

// program is the shipped binary at work, ended by its own process id.
type program struct {
	url  string
	cmd  *exec.Cmd
	peak int           // KiB, once it has ended
	busy time.Duration // of processors, once it has ended
}

// start runs binary on the place and waits until it is ready.
func (p *place) start(ctx context.Context, binary string) (*program, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the program writes to it, not we
	cmd := exec.CommandContext(ctx, binary, "serve")
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.Env = append(cmd.Environ(), "ENGAWA_NODE=bench", "ENGAWA_DATABASE="+p.dsn, "ENGAWA_KEY_FILE="+filepath.Join(p.dir, "engawa.key"),
		"ENGAWA_LISTEN="+addr, "ENGAWA_METRICS_LISTEN=127.0.0.1:0", "ENGAWA_EGRESS_ALLOW=127.0.0.0/8", "ENGAWA_LOG_LEVEL=warn")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &program{url: "http://" + addr, cmd: cmd}
	if err := g.ready(ctx); err != nil {
		text, _ := os.ReadFile(log.Name()) // what it said, if it said anything
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, text), g.stop())
	}
	return g, nil
}

func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (g *program) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if err = exchange(http.DefaultClient, r, http.StatusOK); err == nil { //nolint:forbidigo // no simulator: the real binary over loopback
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the hub is not ready: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the program as an operator does, and fails if it does not go well.
func (g *program) stop() error {
	g.peak, _ = g.memory("VmHWM") // an ended process has none
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	kill := time.AfterFunc(30*time.Second, func() { _ = g.cmd.Process.Kill() })
	defer kill.Stop()
	err := g.cmd.Wait()
	g.busy = g.cmd.ProcessState.UserTime() + g.cmd.ProcessState.SystemTime()
	return err
}

// memory reads a line of /proc/PID/status (proc_pid_status(5)), in KiB.
func (g *program) memory(field string) (int, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name == field {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(value, "kB")))
		}
	}
	return 0, fmt.Errorf("no %s in the process's status", field)
}
