package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// TestMisuse: what is wrong with a command line is said in the user's language:
// what was seen, what is allowed, what to do.
func TestMisuse(t *testing.T) {
	folder, views := t.TempDir(), map[engawa.Locale]text.Viewer{}
	for _, l := range engawa.Locales {
		views[l] = spoken(t, l)
	}
	gone, phrase := filepath.Join(folder, "gone.json"), filepath.Join(folder, "phrase")
	if err := os.WriteFile(phrase, []byte("horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		key  string
		says []string // in every language
	}{
		{nil, "no_command", []string{"serve, demo, why", "engawa --help"}},
		{[]string{"fly"}, "command", []string{"fly", "serve, demo, why", "engawa --help"}},
		{[]string{"member"}, "no_command", []string{"add, list, link, disable", "engawa member --help"}},
		{[]string{"member", "ad"}, "command", []string{"ad", "add, list, link, disable", "engawa member --help"}},
		{[]string{"member", "owner@shop.example"}, "command", []string{"o…@s….example", "add, list"}},
		{[]string{"member", "add"}, "argument", []string{"<name>", "engawa member add --help"}},
		{[]string{"member", "add", "田中", "佐藤"}, "many", []string{"佐藤", "engawa member add <name> [flags]"}},
		{[]string{"serve", "now"}, "many", []string{"now", "engawa serve [flags]"}},
		{[]string{"serve", "--confg", "x"}, "flag", []string{"--confg", "--help, --config", "engawa serve --help"}},
		{[]string{"serve", "-x"}, "flag", []string{"-x"}},
		{[]string{"member", "add", "田中", "--password=s3cret-canary"}, "flag", []string{"--password", "--mail-file"}},
		{[]string{"key", "add", "cart"}, "required", []string{"--scope", "engawa key add --help"}},
		{[]string{"member", "add", "田中", "--role", "king"}, "value", []string{"--role", "king", "owner, admin, support, viewer"}},
		{[]string{"sim", "moon"}, "value", []string{"<name>", "moon", "appstore, chat, chatwork"}},
		{[]string{"member", "add", "田中", "--role"}, "no_value", []string{"--role"}},
		{[]string{"member", "add", "田中", "--role", "--help"}, "no_value", []string{"--role"}},
		{[]string{"key", "add", "cart", "--scope"}, "no_value", []string{"--scope"}},
		{[]string{"sim", "appstore", "--speed", "fast"}, "number", []string{"--speed", "fast"}},
		{[]string{"demo", "--quick=maybe"}, "switch", []string{"--quick", "maybe", "true"}},
		{[]string{"try", gone}, "file", []string{"<file>", gone}},
		{[]string{"try", folder}, "folder", []string{"<file>", folder}},
		{[]string{"workspace", "add", "x", "--zone", "Nowhere/City"}, "zone", []string{"--zone", "Nowhere/City", "Asia/Seoul"}},
		{[]string{"workspace", "add", "x", "--country", "Japan"}, "country", []string{"--country", "Japan", "KR"}},
		{[]string{"sim", "chatwork", "--addr", "0.0.0.0:80"}, "loopback", []string{"--addr", "0.0.0.0:80", "127.0.0.1:8030"}},
		{[]string{"key", "add", "cart", "--scope", "events:write,all"}, "value", []string{"--scope", "all", "*, events:read"}},
		{[]string{"serve", "--database=postgres://canary"}, "secret", []string{"database", "ENGAWA_DATABASE", "ENGAWA_DATABASE_FILE"}},
		{[]string{"export", gone}, "bare", []string{"--passphrase-file", "--plain", "engawa export --help"}},
		{[]string{"export", gone, "--plain", "--passphrase-file", phrase}, "both", []string{"--passphrase-file", "--plain"}},
		{[]string{"export", gone, "--plain", "--secrets"}, "open_secrets", []string{"--secrets", "--passphrase-file"}},
		{[]string{"help", "member", "fly"}, "command", []string{"fly", "add, list, link, disable"}},
	} {
		for l, v := range views {
			said, code := misused(t, v, c.args)
			shape := regexp.QuoteMeta(v.T("help.wrong."+c.key, "seen", "\x01", "allowed", "\x01", "missing", "\x01", "name", "\x01", "help", "\x01", "env", "\x01", "file", "\x01"))
			if code != 2 || !regexp.MustCompile(`^`+strings.ReplaceAll(shape, "\x01", `(?s:.+)`)).MatchString(said) {
				t.Errorf("%s %q: exit %d: %s", l, c.args, code, said)
			}
			for _, want := range append(c.says, v.T("help.wrong.do", "command", "engawa")) {
				if !strings.Contains(said, want) {
					t.Errorf("%s %q: %s lacks %s", l, c.args, said, want)
				}
			}
			if strings.Contains(said, "canary") {
				t.Errorf("%q: a secret is repeated: %s", c.args, said)
			}
		}
	}
	if said, _ := misused(t, views[engawa.Korean], []string{"member", "ad"}); !strings.Contains(said, "add을(를) 찾으십니까?") {
		t.Errorf("what was meant is not said: %s", said)
	}
}

// misused is what a command line is told, and the code that the program ends with.
func misused(t *testing.T, v text.Viewer, args []string) (said string, code int) {
	t.Helper()
	parser := newParser(&cli{}, v, kong.Bind(v), kong.BindTo(t.Context(), (*context.Context)(nil)), kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
	err := run(v, parser, args)
	if err == nil {
		t.Fatalf("%q does something", args)
	}
	return told(err), codeOf(err)
}

// TestMisuseOfAll: of every command the parser's words are known: nothing falls
// to what is said of a line that cannot be read.
func TestMisuseOfAll(t *testing.T) {
	v := spoken(t, engawa.Japanese)
	other, _, _ := strings.Cut(v.T("help.wrong.other", "seen", "\x01"), "\x01")
	tried := 0
	var walk func(n *kong.Node, path []string)
	walk = func(n *kong.Node, path []string) {
		lines := [][]string{{}, {"--no-such-flag"}, {"a", "b", "c", "d"}}
		for _, x := range valuesOf(n) {
			lines = append(lines, []string{"a", nameOf(x)}, []string{"a", nameOf(x) + "=\x00 no value"}, []string{"a", nameOf(x), "--config"})
		}
		for _, line := range lines {
			parser := newParser(&cli{}, v, kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
			_, err := parser.Parse(append(append([]string{}, path...), line...))
			if err == nil {
				continue
			}
			tried++
			if said := string(misread(v, parser.Model.Node, err)); strings.HasPrefix(said, other) {
				t.Errorf("%q %q: %v", path, line, err)
			}
		}
		for _, c := range n.Children {
			walk(c, append(append([]string{}, path...), c.Name))
		}
	}
	walk(newParser(&cli{}, v).Model.Node, nil)
	if tried < 100 {
		t.Errorf("%d lines were wrong", tried)
	}
}
