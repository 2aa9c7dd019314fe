// Command engawa is the hub: one program to serve, to try and to look after it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/demo"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

type cli struct {
	Serve  serveCmd  `cmd:""`
	Demo   demoCmd   `cmd:""`
	Why    whyCmd    `cmd:""`
	Try    tryCmd    `cmd:""`
	Config configCmd `cmd:""`

	Doctor    doctorCmd    `cmd:""`
	Sim       simCmd       `cmd:""`
	Workspace workspaceCmd `cmd:""`
	Member    memberCmd    `cmd:""`
	Key       keyCmd       `cmd:""`
	Partner   partnerCmd   `cmd:""`
	Export    exportCmd    `cmd:""`
	Import    importCmd    `cmd:""`
	Backup    backupCmd    `cmd:""`
	Restore   restoreCmd   `cmd:""`
	Verify    verifyCmd    `cmd:""`
	Receipt   receiptCmd   `cmd:""`
	Version   versionCmd   `cmd:""`
	Help      helpCmd      `cmd:""`
}

type configFile struct {
	Config string `type:"path"`
}

func (f configFile) load() (config.Config, error) { return config.Load(f.Config, os.Environ()) }

// with opens the hub, lets do work with it and closes it.
func (f configFile) with(ctx context.Context, do func(*serve.Hub) error) error {
	return f.opened(ctx, serve.Open, do)
}

// look is with for what changes nothing: it works beside a hub that runs.
func (f configFile) look(ctx context.Context, do func(*serve.Hub) error) error {
	return f.opened(ctx, serve.Look, do)
}

func (f configFile) opened(ctx context.Context, open func(context.Context, config.Config, *slog.Logger) (*serve.Hub, error), do func(*serve.Hub) error) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	h, err := open(ctx, c, quiet(c))
	if err != nil {
		return err
	}
	return errors.Join(do(h), h.Close())
}

// quiet is the log of a command, whose answer is what it prints.
func quiet(c config.Config) *slog.Logger {
	log := c.Log
	log.Level = "warn"
	return serve.Logger(log, os.Stderr)
}

type serveCmd struct{ configFile }

// Run runs the hub until it is interrupted.
func (s serveCmd) Run(ctx context.Context) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	h, err := serve.Open(ctx, c, serve.Logger(c.Log, os.Stderr))
	if err != nil {
		return err
	}
	return errors.Join(s.run(ctx, c, h), h.Close())
}

func (s serveCmd) run(ctx context.Context, c config.Config, h *serve.Hub) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	for _, b := range []struct {
		key, addr string
		serve     func(context.Context, net.Listener) error
	}{{"metrics_listen", c.MetricsListen, h.ServeMetrics}, {"relay.listen", c.Relay.Listen, h.ServeRelay}} {
		wait, err := beside(ctx, b.key, b.addr, b.serve)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		defer wait()
	}
	fmt.Println("ready http://" + l.Addr().String())
	link, err := h.Welcome(ctx)
	switch {
	case ctx.Err() != nil: // asked to end before it began
		return l.Close()
	case err != nil:
		return errors.Join(err, l.Close())
	case link != "":
		fmt.Println("first sign-in, works once within 10 minutes: " + link)
	}
	return h.Run(ctx, l)
}

// beside serves another listener while the hub runs. wait ends it and returns
// when it has ended; how it ended is in the log.
func beside(ctx context.Context, key, addr string, serve func(context.Context, net.Listener) error) (wait func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (%s): %w", addr, key, err)
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l) }()
	return func() {
		stop()
		<-ended //nolint:errcheck // as the comment says
	}, nil
}

type demoCmd struct {
	Addr  string `default:"127.0.0.1:8025"`
	Dir   string `type:"path" aliases:"data"`
	Quick bool
}

// Run plays the main job and stays up.
func (d demoCmd) Run(ctx context.Context) error {
	return demo.Run(ctx, demo.Options{Addr: d.Addr, Data: d.Dir, Quick: d.Quick, Out: os.Stdout, LogFile: os.Stderr, Locale: localeOf(os.Environ())})
}

// localeOf is the language of a POSIX environment: the first of LC_ALL,
// LC_MESSAGES and LANG that is set; English where it is none of ours.
func localeOf(environ []string) engawa.Locale {
	for _, name := range []string{"LC_ALL=", "LC_MESSAGES=", "LANG="} {
		for _, e := range environ {
			value, set := strings.CutPrefix(e, name)
			if !set || value == "" {
				continue
			}
			for _, l := range engawa.Locales {
				if strings.HasPrefix(value, string(l)) {
					return l
				}
			}
			return engawa.English
		}
	}
	return engawa.English
}

type whyCmd struct {
	configFile
	ID     string `arg:""`
	Locale string `enum:"ja,ko,en" default:"en"`
}

// Run prints each account's verdict with its reasons.
func (w whyCmd) Run(ctx context.Context) error {
	return w.look(ctx, func(h *serve.Hub) error { return w.explain(ctx, h, os.Stdout) })
}

func (w whyCmd) explain(ctx context.Context, h *serve.Hub, out io.Writer) error {
	workspaces, err := h.Store.Workspaces(ctx)
	if err != nil {
		return err
	}
	say := w.message
	if strings.HasPrefix(w.ID, engawa.PrefixEvent+"_") {
		say = w.event
	}
	for _, ws := range workspaces {
		if err := say(ctx, h, ws.ID, w.ID, out); engawa.CodeOf(err) != engawa.CodeNotFound {
			return err
		}
	}
	return engawa.NotFound("message or event")
}

func (w whyCmd) message(ctx context.Context, h *serve.Hub, workspace, id string, out io.Writer) error {
	said, err := h.Store.Message(ctx, workspace, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s\n", said.Message.ID, said.Message.State)
	showJudged(out, h.Words, engawa.Locale(w.Locale), said.Judged)
	return nil
}

// maxCaused is of how many messages of an event the verdicts are printed.
const maxCaused = 200

// event prints which routes took an event, and the verdict of each message that they made.
func (w whyCmd) event(ctx context.Context, h *serve.Hub, workspace, id string, out io.Writer) error {
	e, err := h.Store.Event(ctx, workspace, id)
	if err != nil {
		return err
	}
	caused, err := h.Store.Messages(ctx, workspace, store.MessageFilter{Event: id}, store.Page{Limit: maxCaused})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s: %d messages\n", e.ID, e.Type, len(caused))
	for _, m := range caused {
		fmt.Fprintf(out, "\n%s ", m.Message.Route)
		if err := w.message(ctx, h, workspace, m.Message.ID, out); err != nil {
			return err
		}
	}
	return nil
}

// showJudged prints each account's verdict with the reasons of its gates.
func showJudged(out io.Writer, w *text.Words, locale engawa.Locale, judged []store.Judged) {
	for _, j := range judged {
		fmt.Fprintf(out, "\n%s (%s): %s\n", j.Verdict.Account, j.Verdict.Channel, j.Verdict.Outcome)
		for _, g := range j.Verdict.Gates {
			for _, r := range g.Reasons {
				words, remedy := w.Reason(locale, r)
				fmt.Fprintf(out, "  %-12s %-6s %s\n", g.Gate, g.Outcome, strings.TrimSpace(words+" "+remedy+" "+r.Rule+" "+r.Source))
			}
		}
	}
}

type configCmd struct {
	Describe describeCmd `cmd:""`
	Check    checkCmd    `cmd:""`
}

type describeCmd struct{}

// Run prints the manual of the configuration.
func (describeCmd) Run() error { return config.Describe(os.Stdout) }

type checkCmd struct{ configFile }

// Run validates and prints.
func (k checkCmd) Run() error {
	c, err := k.load()
	if err != nil {
		return err
	}
	return config.Print(os.Stdout, c)
}

// Exit codes: 0 done, 1 failed, 2 wrong use.
func main() {
	words, err := text.Load()
	if err != nil {
		fmt.Fprintln(os.Stderr, "engawa:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	v := words.For(localeOf(os.Environ()), nil)
	parser := newParser(&cli{}, v, kong.Bind(v), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := run(v, parser, os.Args[1:]); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "engawa:", told(err))
		os.Exit(codeOf(err)) //nolint:gocritic // the signals' handler ends with the program
	}
}

// run does what a command line asks for.
func run(v text.Viewer, parser *kong.Kong, args []string) error {
	if e, ok := errors.AsType[*config.ExposedError](config.CheckArgs(args)); ok {
		return wrong(v, parser.Model.Node, "secret", "name", e.Key, "env", e.Env, "file", e.File)
	}
	k, err := parser.Parse(args)
	if err != nil {
		return misread(v, parser.Model.Node, err)
	}
	return k.Run()
}

func codeOf(err error) int {
	if _, ok := errors.AsType[misuse](err); ok {
		return 2
	}
	return 1
}

// told is what a user reads: what was seen and what to do.
func told(err error) string {
	if e, ok := errors.AsType[*engawa.Error](err); ok {
		return strings.TrimSpace(e.Message + ". " + e.Remedy)
	}
	return err.Error()
}
