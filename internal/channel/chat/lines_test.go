package chat_test

import (
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mostLines is how long a chat service may be, in lines that hold code.
const mostLines = 150

// longer are the services that may be longer, each with its reason
// (docs/decisions/0011-chat-services.md).
var longer = map[string]struct {
	most int
	why  string
}{
	"chatwork": {600, "no small service: tasks and who can be given them, rooms, and what it calls back with"},
	"slack":    {240, "asked whether a post arrived; a bot or a webhook; 200 with an error inside"},
	"discord":  {295, "asked whether a post arrived; a bot or a webhook; limits by bucket"},
}

// TestLines: a chat service is what is odd about it and no more: what all share
// stands once, in this package, which none of them made longer by moving there.
func TestLines(t *testing.T) {
	services := built(t)
	for _, name := range []string{"slack", "teams", "discord", "telegram", "googlechat"} {
		if services[name] == 0 {
			t.Errorf("%s is not built on this package", name)
		}
	}
	for name, lines := range services {
		most := mostLines
		if x, ok := longer[name]; ok {
			if most = x.most; lines <= mostLines {
				t.Errorf("%s has %d lines and needs no exception (%s)", name, lines, x.why)
			}
		}
		if lines > most {
			t.Errorf("%s has %d lines of code, at most %d", name, lines, most)
		}
	}
	for name := range longer {
		if services[name] == 0 {
			t.Errorf("an exception for %s, which is no chat service", name)
		}
	}
	const shared = 300
	if lines := folder(t, "."); lines > shared {
		t.Errorf("what they share has %d lines of code, at most %d", lines, shared)
	}
}

// built are the kinds of channels that this package is used by, with their lines
// of code. LINE takes the taming of its words from here and is no chat service.
func built(t *testing.T) map[string]int {
	t.Helper()
	dirs, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, path := range dirs {
		name := filepath.Base(filepath.Dir(path))
		if found[name] == 0 && name != "line" && !strings.HasSuffix(path, "_test.go") && usesChat(t, path) {
			found[name] = folder(t, filepath.Join("..", name))
		}
	}
	return found
}

func usesChat(t *testing.T, path string) bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, imp := range file.Imports {
		if p, _ := strconv.Unquote(imp.Path.Value); p == "github.com/engawa/engawa/internal/channel/chat" {
			return true
		}
	}
	return false
}

// folder counts the lines of a package that hold code, without its tests.
func folder(t *testing.T, dir string) (lines int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			lines += codeLines(b)
		}
	}
	return lines
}

// codeLines counts the lines on which there is more than a comment; a text of
// several lines counts as each of them.
func codeLines(source []byte) int {
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	on := map[int]bool{}
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return len(on)
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue // the scanner's own
		}
		first := file.Line(pos)
		for n := range strings.Count(text, "\n") + 1 {
			on[first+n] = true
		}
	}
}

// TestCodeLines: what is counted.
func TestCodeLines(t *testing.T) {
	for source, want := range map[string]int{
		"package x\n\n// y\n": 1, "package x // y\n": 1, "package x\n\n/*\ny\n*/\nvar a = `1\n\n2`\n": 4, "package x\nvar (\n\ta = 1\n)\n": 4,
	} {
		if got := codeLines([]byte(source)); got != want {
			t.Errorf("%q: %d, want %d", source, got, want)
		}
	}
}
