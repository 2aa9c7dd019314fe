package text_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

//go:generate go test . -run ^TestTasksPage$ -update

const (
	tasksPage = "../../docs/tasks.md"
	kindsFrom = "<!-- kinds -->\n"
	kindsTo   = "<!-- end of kinds -->"
)

// TestTasksPage holds the kinds of tasks in docs/tasks.md to the words.
func TestTasksPage(t *testing.T) {
	page := tasksDoc(t)
	head, rest, ok := strings.Cut(page, kindsFrom)
	kinds, tail, ok2 := strings.Cut(rest, kindsTo)
	if !ok || !ok2 {
		t.Fatal("docs/tasks.md has lost the marks around the kinds")
	}
	want := kindsTable(load(t))
	for row := range strings.Lines(want) {
		if gap := regexp.MustCompile(`  |“”|「」|''|[{}]`).FindString(row); gap != "" {
			t.Errorf("a variable of this row has no name in kindsTable (%q): %s", gap, row)
		}
	}
	if *update {
		if err := os.WriteFile(tasksPage, []byte(head+kindsFrom+want+kindsTo+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if kinds != want {
		t.Error("the kinds in docs/tasks.md are not what the words say: run make generate")
	}
}

func tasksDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(tasksPage)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func kindsTable(w *text.Words) string {
	var b strings.Builder
	b.WriteString("| kind | what to do | how | 日本語 | 한국어 |\n|---|---|---|---|---|\n")
	values := regexp.MustCompile(`\{\{\.(\w+)\}\}`)
	for _, kind := range w.TaskKinds() {
		args := map[string]string{}
		for _, name := range []string{"account", "message", "route", "event", "customer", "name", "code", "problem", "why", "changed", "customer", "other", "accounts", "canceled", "unrouted", "unknown", "keys", "identities", "suppressions", "n", "since", "product", "domain", "offer", "left", "partner", "sent", "complaints"} {
			args[name] = `\<` + name + ">" // Markdown would take a bare one for HTML
		}
		row := []string{"`" + kind + "`"}
		for _, l := range engawa.Locales {
			title, help := w.For(l, nil).TaskWords(engawa.Task{Kind: kind, Args: args})
			if l == engawa.English {
				row = append(row[:1], append([]string{title, help}, row[1:]...)...)
				continue
			}
			row = append(row, title)
		}
		fmt.Fprintf(&b, "| %s |\n", values.ReplaceAllString(strings.Join(row, " | "), "$1"))
	}
	return b.String()
}

// TestNothingEndsInTheLog: each warning and error that the program logs is in
// the table of docs/tasks.md, which says what a person sees instead; and the
// table speaks of nothing else.
func TestNothingEndsInTheLog(t *testing.T) {
	page, said := tasksDoc(t), map[string]bool{}
	_, table, _ := strings.Cut(page, "## Nothing ends in the log")
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\S").FindAllStringSubmatch(table, -1) {
		said[m[1]] = true
	}
	logged := loggedTrouble(t)
	for message, where := range logged {
		if !said[message] {
			t.Errorf("%s logs %q: raise a task, show it on a page or answer it, and say so in docs/tasks.md", where, message)
		}
	}
	for message := range said {
		if logged[message] == "" {
			t.Errorf("docs/tasks.md speaks of %q, which nothing logs any more", message)
		}
	}
	if len(logged) < 20 {
		t.Errorf("only %d places were found", len(logged))
	}
}

var troubleLevel = regexp.MustCompile(`^(Warn|Error)(Context)?$`)

// loggedTrouble are the messages of warnings and errors with their places. A
// message that is not a constant is a place that cannot be listed: it has its
// place as its message.
func loggedTrouble(t *testing.T) map[string]string {
	t.Helper()
	found, root := map[string]string{}, repository(t)
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !troubleLevel.MatchString(sel.Sel.Name) || !isLogger(sel.X) {
				return true
			}
			rel, _ := filepath.Rel(root, path)
			place := rel + ":" + strconv.Itoa(set.Position(call.Pos()).Line)
			arg := 0
			if strings.HasSuffix(sel.Sel.Name, "Context") {
				arg = 1
			}
			message := place
			if lit, ok := call.Args[arg].(*ast.BasicLit); ok {
				message, _ = strconv.Unquote(lit.Value)
			}
			found[message] = place
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// isLogger reports whether a method is called on a logger: d.log, a.Log, log, slog.
func isLogger(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return strings.EqualFold(e.Sel.Name, "log") || strings.EqualFold(e.Sel.Name, "logger")
	case *ast.Ident:
		return e.Name == "log" || e.Name == "slog" || e.Name == "logger"
	}
	return false
}
