package text_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logRow is a row of docs/tasks.md: what is logged, and who sees what instead.
var logRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.+) \\|$")

// TestNothingEndsInTheLog: each warning and error that the program logs is in
// the table of docs/tasks.md, which says what a person sees instead, or why
// nobody has to see anything; the tasks that it promises exist; and it speaks of
// nothing else.
func TestNothingEndsInTheLog(t *testing.T) {
	_, table, _ := strings.Cut(tasksDoc(t), "## Nothing ends in the log")
	said, kinds := map[string]string{}, load(t).TaskKinds()
	for _, m := range logRow.FindAllStringSubmatch(table, -1) {
		said[m[1]] = m[2]
	}
	logged := loggedTrouble(t)
	for message, where := range logged {
		if said[message] == "" {
			t.Errorf("%s logs %q: raise a task, show it on a page or answer it, and say so in docs/tasks.md", where, message)
		}
	}
	for message, sees := range said {
		if logged[message] == "" {
			t.Errorf("docs/tasks.md speaks of %q, which nothing logs any more", message)
		}
		if strings.HasPrefix(sees, "nothing") && !strings.HasPrefix(sees, "nothing: ") {
			t.Errorf("%q: nobody sees anything, and docs/tasks.md does not say why", message)
		}
		for _, m := range regexp.MustCompile("task `([^`]+)`").FindAllStringSubmatch(sees, -1) {
			if !slices.Contains(kinds, m[1]) {
				t.Errorf("%q: docs/tasks.md promises a task %q, which does not exist", message, m[1])
			}
		}
	}
	if len(logged) < 30 {
		t.Errorf("only %d places were found", len(logged))
	}
}

// loggedTrouble are the messages of warnings and errors with their places, in
// all of the program but what only measures it (internal/bench).
func loggedTrouble(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	eachFile(t, func(rel string, set *token.FileSet, file *ast.File) {
		if strings.HasPrefix(rel, filepath.Join("internal", "bench")) {
			return
		}
		for _, n := range misnamed(file) {
			t.Errorf("%s:%d: a logger is named log, Log or logger, so that what it logs is found", rel, set.Position(n.Pos()).Line)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok && strings.HasPrefix(rel, filepath.Join("internal", "serve")) && logsByItself(lit) {
				t.Errorf("%s:%d: a server without ErrorLog logs where nobody looks", rel, set.Position(lit.Pos()).Line)
			}
			if call, ok := n.(*ast.CallExpr); ok {
				if message, ok := trouble(call); ok {
					place := rel + ":" + strconv.Itoa(set.Position(call.Pos()).Line)
					if message == "" {
						message = place
					}
					found[message] = place
				}
			}
			return true
		})
	})
	return found
}

// logsByItself reports whether a value is an http.Server that names no logger.
func logsByItself(lit *ast.CompositeLit) bool {
	sel, ok := lit.Type.(*ast.SelectorExpr)
	return ok && nameOf(sel.X) == "http" && sel.Sel.Name == "Server" && !slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
		kv, ok := e.(*ast.KeyValueExpr)
		return ok && nameOf(kv.Key) == "ErrorLog"
	})
}

// eachFile reads the program: what is in cmd, internal and the root, without
// tests.
func eachFile(t *testing.T, do func(rel string, set *token.FileSet, file *ast.File)) {
	t.Helper()
	root := repository(t)
	read := func(path string) error {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err == nil {
			rel, _ := filepath.Rel(root, path)
			do(rel, set, file)
		}
		return err
	}
	own, err := filepath.Glob(filepath.Join(root, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") {
				own = append(own, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range own {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if err := read(path); err != nil {
			t.Fatal(err)
		}
	}
}

// trouble reports whether a call logs a warning or an error, or has somebody
// else do so, and with which message; a message that is not a constant is empty.
func trouble(call *ast.CallExpr) (message string, ok bool) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	on, name := nameOf(sel.X), sel.Sel.Name
	arg := 0
	switch {
	case on == "slog" && name == "NewLogLogger":
		return "slog.NewLogLogger", true // of another's server, which says anything
	case name == "WarnContext", name == "ErrorContext":
		arg = 1
	case (name == "Log" || name == "LogAttrs") && isLogger(sel.X) && len(call.Args) > 2:
		if level := nameOf(call.Args[1]); level == "LevelDebug" || level == "LevelInfo" {
			return "", false
		}
		arg = 2
	case (name == "Warn" || name == "Error") && isLogger(sel.X):
	case on == "log" && len(call.Args) > 0 && regexp.MustCompile(`^(Print|Fatal|Panic)(f|ln)?$`).MatchString(name):
	default:
		return "", false
	}
	if lit, ok := call.Args[arg].(*ast.BasicLit); ok {
		message, _ = strconv.Unquote(lit.Value)
	}
	return message, true
}

// isLogger reports whether a method is called on a logger: d.log, a.Log, log,
// slog, slog.Default(), d.log.With(…).
func isLogger(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		return ok && isLogger(sel.X)
	}
	return slices.Contains(loggers, nameOf(e))
}

var loggers = []string{"log", "Log", "logger", "slog"}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// misnamed are the fields and parameters of a file that are a logger and are not
// named like one, since isLogger goes by names.
func misnamed(file *ast.File) (bad []ast.Node) {
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		star, ok := f.Type.(*ast.StarExpr)
		if !ok {
			return true
		}
		if sel, ok := star.X.(*ast.SelectorExpr); !ok || nameOf(sel.X) != "slog" || sel.Sel.Name != "Logger" {
			return true
		}
		for _, name := range f.Names {
			if !slices.Contains(loggers, name.Name) {
				bad = append(bad, name)
			}
		}
		return true
	})
	return bad
}

// TestTrouble: what would slip past the list is found.
func TestTrouble(t *testing.T) {
	for source, want := range map[string]string{
		`h.log.WarnContext(ctx, "a")`: "a", `env.Log.ErrorContext(ctx, "a")`: "a", `slog.Error("a")`: "a", `q.log.Warn("a")`: "a",
		`h.log.With("k", 1).Error("a")`: "a", `slog.Default().Warn("a")`: "a", `log.LogAttrs(ctx, slog.LevelError, "a")`: "a", `log.Log(ctx, level, "a")`: "a",
		`log.Printf("a", x)`: "a", `log.Fatal("a")`: "a", `slog.NewLogLogger(h, slog.LevelWarn)`: "slog.NewLogLogger",
		`h.log.ErrorContext(ctx, said)`: "", `h.log.InfoContext(ctx, "a")`: "no", `http.Error(w, "a", 500)`: "no", `err.Error()`: "no", `math.Log(p)`: "no",
		`log.Log(ctx, slog.LevelInfo, "a")`: "no",
	} {
		e, err := parser.ParseExpr(source)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := trouble(e.(*ast.CallExpr))
		if !ok {
			got = "no"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	for source, want := range map[string]int{
		"package x; type y struct{ log *slog.Logger }": 0, "package x; type y struct{ out *slog.Logger }": 1, "package x; func f(l *slog.Logger) {}": 1, "package x; func f() *slog.Logger { return nil }": 0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(misnamed(file)); got != want {
			t.Errorf("%s: %d, want %d", source, got, want)
		}
	}
}
