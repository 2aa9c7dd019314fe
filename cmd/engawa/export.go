package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/takeout"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

type exportCmd struct {
	inWorkspace
	File           string `arg:"" type:"path"`
	PassphraseFile string `type:"existingfile"`
	Plain          bool
	Secrets        bool
	JSON           bool
}

// check refuses a takeout that nobody said how to protect.
func (e exportCmd) check(v text.Viewer, n *kong.Node) error {
	switch {
	case e.PassphraseFile == "" && !e.Plain:
		return wrong(v, n, "bare")
	case e.PassphraseFile != "" && e.Plain:
		return wrong(v, n, "both")
	case e.Secrets && e.Plain:
		return wrong(v, n, "open_secrets")
	}
	return nil
}

// Run writes the takeout, beside a hub that runs too, and prints what it holds.
func (e exportCmd) Run(ctx context.Context, v text.Viewer, k *kong.Context) error {
	if err := e.check(v, k.Selected()); err != nil {
		return err
	}
	return e.write(ctx)
}

func (e exportCmd) write(ctx context.Context) error { return stopped(ctx, e.run(ctx)) }

func (e exportCmd) run(ctx context.Context) error {
	passphrase, err := passphraseIn(e.PassphraseFile)
	if err != nil {
		return err
	}
	return e.lookIn(ctx, func(h *serve.Hub, workspace string) error {
		o := takeout.Options{Workspace: workspace, Program: version(), Secret: secretOf(h), Progress: progress()}
		if e.Secrets {
			o.Secret = nil
		}
		var m takeout.Manifest
		err := takeout.Create(e.File, func(w io.Writer) (err error) {
			m, err = sealed(ctx, h, o, passphrase, w)
			return err
		})
		if err != nil {
			return err
		}
		if e.Plain {
			fmt.Fprintln(os.Stderr, "WARNING: "+e.File+" is not sealed. Whoever gets it reads every name, address and message in it.")
		}
		return e.show(m)
	})
}

func sealed(ctx context.Context, h *serve.Hub, o takeout.Options, passphrase engawa.Secret, w io.Writer) (takeout.Manifest, error) {
	if passphrase.Reveal() == "" {
		return takeout.Write(ctx, h.Store, o, w)
	}
	out, err := takeout.Seal(w, passphrase)
	if err != nil {
		return takeout.Manifest{}, err
	}
	m, err := takeout.Write(ctx, h.Store, o, out)
	return m, errors.Join(err, out.Close())
}

func (e exportCmd) show(m takeout.Manifest) error {
	if e.JSON {
		return printJSON(map[string]any{"file": e.File, "sealed": !e.Plain, "workspace": m.Workspace, "secrets": m.Secrets, "counts": m.Counts, "left_out": m.LeftOut})
	}
	fmt.Printf("wrote %s: %s %s\n", e.File, m.Workspace.ID, m.Workspace.Name)
	showCounts(m.Counts)
	for _, account := range slices.Sorted(maps.Keys(m.LeftOut.Settings)) {
		fmt.Printf("left out: the secrets of %s (%s)\n", account, strings.Join(m.LeftOut.Settings[account], ", "))
	}
	for _, kind := range slices.Sorted(maps.Keys(m.LeftOut.Values)) {
		fmt.Printf("left out: the values of %d %s, of which only hashes are kept; they cannot be imported\n", m.LeftOut.Values[kind], kind)
	}
	return nil
}

func showCounts(counts map[string]int) {
	for _, kind := range store.TakeoutKinds() {
		if counts[kind] > 0 {
			fmt.Printf("%8d %s\n", counts[kind], kind)
		}
	}
}

func printJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// stopped says that a work was interrupted: to whoever waits for it, it failed.
func stopped(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "it was interrupted; nothing was kept", Remedy: "run it again"}
}

// secretOf says which settings are secrets: what the kind says is one, and all
// of a kind that this program does not know.
func secretOf(h *serve.Hub) func(kind, setting string) bool {
	return func(kind, setting string) bool {
		k, known := message.Find(h.Dispatch.Kinds, kind)
		if !known {
			return true
		}
		for _, f := range k.Fields {
			if f.Key == setting {
				return f.Type.Secret()
			}
		}
		return true // a setting of which nobody knows any more what it is
	}
}

// passphraseLeast is the fewest characters of a passphrase. Scrypt makes each
// guess cost a second; it does not make a short word long.
const passphraseLeast = 12

// passphraseIn reads the first line of a file that others must not read.
func passphraseIn(path string) (engawa.Secret, error) {
	if path == "" {
		return "", nil
	}
	if err := vault.CheckPrivate(path); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSpace(line)
	if n := utf8.RuneCountInString(line); n < passphraseLeast {
		return "", engawa.Invalid("", fmt.Sprintf("give %d or more; openssl rand -base64 24 makes a good one", passphraseLeast), "the passphrase in %s has %d characters", path, n)
	}
	return engawa.Secret(line), nil
}

// progress shows on a terminal how far it is, and nothing in a pipe.
func progress() func(kind string, rows int) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(kind string, rows int) { fmt.Fprintf(os.Stderr, "\r\x1b[K%s %d\r", kind, rows) }
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "(devel)"
}

type importCmd struct {
	configFile
	File           string `arg:"" type:"existingfile"`
	Into           string
	PassphraseFile string `type:"existingfile"`
	DryRun         bool
	JSON           bool
}

// Run checks the whole file, then brings it in, all or nothing.
func (i importCmd) Run(ctx context.Context) error { return stopped(ctx, i.run(ctx)) }

func (i importCmd) run(ctx context.Context) error {
	passphrase, err := passphraseIn(i.PassphraseFile)
	if err != nil {
		return err
	}
	file, err := takeout.Open(i.File, passphrase)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // read only
	m, err := file.Check(ctx)
	if err != nil {
		return err
	}
	return i.with(ctx, func(h *serve.Hub) error {
		next, stop := file.Rows(ctx, progress())
		defer stop()
		got, err := h.Store.By("system:command").TakeIn(ctx, store.TakeIn{Workspace: i.Into, Dry: i.DryRun, Next: next})
		if err != nil {
			return err
		}
		return i.show(m, got)
	})
}

func (i importCmd) show(m takeout.Manifest, got store.TakenIn) error {
	if i.JSON {
		return printJSON(map[string]any{
			"workspace": got.Workspace, "kept": !i.DryRun, "counts": got.Rows, "left_out": map[string]any{"settings": m.LeftOut.Settings, "values": got.LeftOut},
			"ended": got.Ended, "switched_off": got.Open,
		})
	}
	if i.DryRun {
		fmt.Printf("would bring in %s; nothing was kept\n", got.Workspace)
	} else {
		fmt.Printf("brought in %s\n", got.Workspace)
	}
	showCounts(got.Rows)
	for _, kind := range slices.Sorted(maps.Keys(got.LeftOut)) {
		fmt.Printf("left out: %d %s, whose value nobody knows\n", got.LeftOut[kind], kind)
	}
	fmt.Printf("not sent: %d deliveries that waited (canceled), %d that may have been sent (unknown), %d events that no route had seen\n",
		got.Ended["canceled"], got.Ended["unknown"], got.Ended["unrouted"])
	fmt.Printf("switched off: %d accounts; the task in the console says what to do now\n", len(got.Open))
	if !i.DryRun {
		fmt.Printf("sign in: engawa member list --workspace %s, then engawa member link ID --workspace %s\n", got.Workspace, got.Workspace)
	}
	return nil
}
