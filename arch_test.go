package engawa_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/engawa/engawa"

// all may import everything: they wire the parts together.
var all = []string{"*"}

// channelKind is what a folder of a channel may import, whatever its kind, and
// chatKind what one to a chat service may import besides.
var (
	channelKind = []string{"", "internal/channel", "internal/channel/exchange", "internal/verdict"}
	chatKind    = append([]string{"internal/channel/chat"}, channelKind...)
)

// simulator is what a sim may import: what its page looks like and how it is
// rude. Nothing else, so that one misreading of a provider's manual cannot sit
// in both the sim and the client.
var simulator = []string{"internal/look", "internal/rude"}

// may lists, for every package, which packages of ours it may import. A sim is
// not listed: simulator holds for all.
var may = map[string][]string{
	"":                               {},
	"cmd/engawa":                     all,
	"internal/access":                {"", "internal/store", "internal/vault"},
	"internal/api":                   {"", "internal/access", "internal/appstore", "internal/catalogue", "internal/broadcast", "internal/channel", "internal/custody", "internal/follow", "internal/desk", "internal/hindsight", "internal/intake", "internal/message", "internal/mypage", "internal/purchase", "internal/receipt", "internal/refund", "internal/offer", "internal/partner", "internal/phone", "internal/replay", "internal/route", "internal/rule", "internal/segment", "internal/store", "internal/text", "internal/vault", "internal/verdict"},
	"internal/appstore":              {""},
	"internal/bench":                 all,
	"internal/breaker":               {},
	"internal/catalogue":             {""},
	"internal/channel":               {"", "internal/breaker", "internal/refusal", "internal/verdict"},
	"internal/channel/builtin":       {"", "internal/appstore", "internal/channel", "internal/channel/chatwork", "internal/channel/custom", "internal/channel/discord", "internal/channel/googlechat", "internal/channel/inapp", "internal/channel/line", "internal/channel/listform", "internal/channel/mail", "internal/channel/slack", "internal/channel/teams", "internal/channel/telegram", "internal/channel/webhook", "internal/channel/zendesk", "internal/source/csv", "internal/source/inbox", "internal/source/smaregi", "internal/source/stripe"},
	"internal/channel/channeltest":   {"", "internal/channel", "internal/rule", "internal/verdict"},
	"internal/channel/chat":          channelKind,
	"internal/channel/chat/chattest": {"", "internal/channel", "internal/channel/channeltest"},
	"internal/channel/chatwork":      chatKind,
	"internal/channel/custom":        channelKind,
	"internal/channel/discord":       chatKind,
	"internal/channel/exchange":      channelKind,
	"internal/channel/googlechat":    chatKind,
	"internal/channel/inapp":         channelKind,
	"internal/channel/line":          chatKind,
	"internal/channel/listform":      channelKind,
	"internal/channel/mail":          append([]string{"internal/breaker", "internal/refusal"}, channelKind...),
	"internal/channel/slack":         chatKind,
	"internal/channel/teams":         chatKind,
	"internal/channel/telegram":      chatKind,
	"internal/channel/webhook":       channelKind,
	"internal/channel/zendesk":       channelKind,
	"internal/config":                {"", "internal/vault"},
	"internal/confirm":               {"", "internal/message", "internal/rule", "internal/store", "internal/text", "internal/verdict"},
	"internal/console":               {"", "internal/access", "internal/appstore", "internal/breaker", "internal/catalogue", "internal/broadcast", "internal/channel", "internal/custody", "internal/desk", "internal/follow", "internal/hindsight", "internal/insight", "internal/intake", "internal/letter", "internal/look", "internal/message", "internal/purchase", "internal/refund", "internal/offer", "internal/replay", "internal/route", "internal/rule", "internal/source/csv", "internal/source/inbox", "internal/segment", "internal/store", "internal/text", "internal/vault", "internal/verdict"},
	"internal/contracts":             {"", "internal/source/smaregi", "internal/store"},
	"internal/custody":               {"", "internal/channel", "internal/store"},
	"internal/demo":                  all,
	"internal/desk":                  {"", "internal/appstore", "internal/follow", "internal/purchase", "internal/refund", "internal/store"},
	"internal/dispatch":              {"", "internal/breaker", "internal/catalogue", "internal/channel", "internal/message", "internal/refusal", "internal/route", "internal/rule", "internal/store", "internal/verdict"},
	"internal/egress":                {},
	"internal/fault":                 {},
	"internal/follow":                {"", "internal/appstore", "internal/insight", "internal/purchase", "internal/store"},
	"internal/follow/followtest":     all,
	"internal/gap":                   {"", "internal/appstore", "internal/follow", "internal/purchase", "internal/store", "internal/text"},
	"internal/hindsight":             {"", "internal/rule", "internal/store", "internal/verdict"},
	"internal/insight":               {"", "internal/purchase", "internal/route"},
	"internal/intake":                {"", "internal/catalogue", "internal/channel", "internal/source/csv", "internal/store"},
	"internal/letter":                {},
	"internal/look":                  {},
	"internal/mypage":                {"", "internal/access", "internal/channel", "internal/look", "internal/message", "internal/receipt", "internal/store", "internal/text", "internal/vault", "internal/verdict"},
	"internal/receipt":               {"", "internal/store", "internal/vault"},
	"internal/look/looktest":         {},
	"internal/offer":                 {"", "internal/appstore", "internal/follow", "internal/store"},
	"internal/partner":               {"", "internal/channel", "internal/message", "internal/rule", "internal/store", "internal/verdict"},
	"internal/phone":                 {"", "internal/appstore", "internal/channel", "internal/channel/inapp", "internal/follow", "internal/purchase", "internal/store", "internal/vault"},
	"internal/refund":                {"", "internal/appstore", "internal/follow", "internal/store", "internal/verdict"},
	"internal/message":               {"", "internal/catalogue", "internal/channel", "internal/follow", "internal/purchase", "internal/route", "internal/rule", "internal/store", "internal/text", "internal/verdict"},
	"internal/purchase":              {"", "internal/appstore"},
	"internal/refusal":               {"internal/breaker"},
	"internal/relay":                 {"", "internal/breaker", "internal/catalogue", "internal/channel/mail", "internal/letter", "internal/refusal", "internal/relay/scrub", "internal/source/inbox", "internal/store", "internal/vault"},
	"internal/relay/corpus":          {},
	"internal/relay/scrub":           {},
	"internal/broadcast":             {"", "internal/message", "internal/segment", "internal/store", "internal/text"},
	"internal/replay":                {"", "internal/message", "internal/route", "internal/store"},
	"internal/route":                 {"", "internal/catalogue"},
	"internal/rude":                  {},
	"internal/rude/rudetest":         {},
	"internal/rule":                  {""},
	"internal/segment":               {"", "internal/catalogue", "internal/store"},
	"internal/serve":                 all,
	"internal/source/csv":            {"", "internal/channel"},
	"internal/source/inbox":          {"", "internal/channel", "internal/letter"},
	"internal/source/smaregi":        {"", "internal/channel", "internal/channel/exchange"},
	"internal/source/stripe":         {"", "internal/channel"},
	"internal/store":                 {"", "internal/breaker", "internal/refusal", "internal/vault"},
	"internal/store/storetest":       {"internal/store", "internal/vault"},
	"internal/takeout":               {"", "internal/store", "internal/text"},
	"internal/text":                  {""},
	"internal/vault":                 {""},
	"internal/vectors":               {},
	"internal/verdict":               {"", "internal/rule"},
}

// foreign lists the modules that a package may import where that is narrower
// than go.mod: the vocabulary and what guards secrets and the way out.
var foreign = map[string][]string{
	"":                      {},
	"internal/appstore":     {"github.com/go-json-experiment/json", "golang.org/x/crypto/ocsp"},
	"internal/appstore/sim": {},
	"internal/catalogue":    {},
	"internal/config":       {"github.com/BurntSushi/toml"},
	"internal/egress":       {},
	"internal/vault":        {"golang.org/x/crypto"},
}

// pure packages decide on values. They see nothing of the world but what they
// are given.
var (
	pure    = []string{"", "internal/breaker", "internal/catalogue", "internal/insight", "internal/purchase", "internal/refusal", "internal/relay/scrub", "internal/route", "internal/source/csv", "internal/verdict"}
	worldly = []string{"database/sql", "io/fs", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec", "syscall"}
)

// meaningless names say nothing of what a package knows.
var meaningless = []string{"base", "common", "helper", "helpers", "manager", "misc", "mock", "mocks", "models", "repository", "services", "shared", "types", "util", "utils"}

// environment are the ways to read it; readers are the packages that may.
var (
	environment = []string{"Environ", "ExpandEnv", "Getenv", "LookupEnv"}
	readers     = []string{"internal/config", "internal/store/storetest", "internal/vectors", "cmd/engawa"} // cmd/engawa hands os.Environ to config
)

type pkg struct {
	ImportPath, Name, Doc, Dir string
	Imports, GoFiles           []string
}

// path is the package's place in the tree; the root is "".
func (p pkg) path() string { return inTree(p.ImportPath) }

func inTree(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func ours(importPath string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

func std(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Doc,Dir,Imports,GoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
	return found
}

// TestImports holds the package tree of docs/architecture.md. Test files are
// not restricted: a test may bring a sim, a fresh database and the client of
// the other side together.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		allowed, listed := may[p.path()]
		if path.Base(p.path()) == "sim" {
			allowed, listed = simulator, true
		}
		if !listed {
			t.Errorf("%s is not in the table: say what it may import", p.path())
			continue
		}
		modules, narrow := foreign[p.path()]
		for _, imp := range p.Imports {
			switch {
			case imp == "unsafe":
				t.Errorf("%s must not import unsafe: it could make a verdict.Cleared", p.path())
			case std(imp):
				if slices.Contains(pure, p.path()) && slices.Contains(worldly, imp) {
					t.Errorf("%s decides on values and must not import %s", p.path(), imp)
				}
			case ours(imp):
				if !slices.Contains(allowed, inTree(imp)) && !slices.Equal(allowed, all) {
					t.Errorf("%s must not import %s", p.ImportPath, imp)
				}
			case narrow && !slices.ContainsFunc(modules, func(m string) bool { return imp == m || strings.HasPrefix(imp, m+"/") }):
				t.Errorf("%s must not import %s", p.ImportPath, imp)
			}
		}
	}
}

// TestNames wants packages that are named after what they know and that say it.
func TestNames(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		if slices.Contains(meaningless, p.Name) || slices.Contains(meaningless, path.Base(p.path())) {
			t.Errorf("%s is named after nothing: name it after what it knows", p.path())
		}
	}
}

// TestSource holds what imports do not show: nothing runs before main, and the
// environment is read in one place.
func TestSource(t *testing.T) {
	for _, p := range packages(t) {
		for name, file := range parse(t, p) {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s has an init function: let main or serve call it", p.path(), name)
				}
			}
			if slices.Contains(readers, p.path()) {
				continue
			}
			for _, call := range environment {
				if mentions(file, "os", call) {
					t.Errorf("%s/%s calls os.%s: only internal/config reads the environment", p.path(), name, call)
				}
			}
		}
	}
}

// TestCleared holds that only a verdict makes a Cleared: other packages cannot
// fill its fields, and one function returns it.
func TestCleared(t *testing.T) {
	var makers []string
	declared := false
	for _, p := range packages(t) {
		if p.path() != "internal/verdict" {
			continue
		}
		for _, file := range parse(t, p) {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Name.IsExported() && returns(f, "Cleared") {
					makers = append(makers, f.Name.Name)
				}
			}
			spec := typeSpec(file, "Cleared")
			if spec == nil {
				continue
			}
			declared = true
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
					t.Error("verdict.Cleared has a field that other packages can fill")
				}
			}
		}
	}
	if !declared {
		t.Error("verdict.Cleared is not a type of internal/verdict")
	}
	if !slices.Equal(makers, []string{"Clear"}) {
		t.Errorf("a Cleared is made by %v; only Clear may", makers)
	}
}

// TestDependencies wants a reason in writing for every direct dependency.
func TestDependencies(t *testing.T) {
	reasons, err := os.ReadFile(filepath.Join("docs", "decisions", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	_, takes, _ := strings.Cut(string(reasons), "`internal/appstore` takes")
	takes, _, _ = strings.Cut(takes, "\n\n")
	for _, m := range foreign["internal/appstore"] {
		if !strings.Contains(takes, "`"+m+"`") {
			t.Errorf("docs/decisions/dependencies.md does not say that internal/appstore takes %s", m)
		}
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(string(reasons), "| `"+r.Path+"` |") {
			t.Errorf("%s has no reason in docs/decisions/dependencies.md", r.Path)
		}
	}
}

// parse returns the files of p, without its tests, by name.
func parse(t *testing.T, p pkg) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

// mentions reports whether a file says name.selector.
func mentions(file *ast.File, name, selector string) (found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == selector {
			x, ok := s.X.(*ast.Ident)
			found = found || ok && x.Name == name
		}
		return !found
	})
	return found
}

// returns reports whether f has a result of the named type, however wrapped.
func returns(f *ast.FuncDecl, name string) (found bool) {
	if f.Type.Results == nil {
		return false
	}
	ast.Inspect(f.Type.Results, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
}

func typeSpec(file *ast.File, name string) *ast.TypeSpec {
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.Name == name {
				return ts
			}
		}
	}
	return nil
}

// heldElsewhere are packages that make events which catalogue.Check is not asked of
// in their own tests, and why.
var heldElsewhere = map[string]string{
	"internal/appstore":        "internal/catalogue holds its types and its data",
	"internal/bench":           "made to measure",
	"internal/channel/webhook": "the business's own word: internal/intake holds it as it comes in",
	"internal/intake":          "holds what is posted as it comes in",
	"internal/demo":            "internal/demo holds its sample",
}

// TestEventsAreHeld: a package that makes events holds them against the catalogue in
// its tests, so that templates find what the catalogue's schemas promise.
func TestEventsAreHeld(t *testing.T) {
	for _, p := range packages(t) {
		makes := false
		for _, file := range parse(t, p) {
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.CompositeLit)
				if !ok {
					return true
				}
				of, _ := lit.Type.(*ast.SelectorExpr)
				makes = makes || of != nil && of.Sel.Name == "Event" && slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
					kv, ok := e.(*ast.KeyValueExpr)
					return ok && kv.Key.(*ast.Ident).Name == "DedupKey"
				})
				return true
			})
		}
		if !makes || heldElsewhere[p.path()] != "" {
			continue
		}
		tests, err := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(tests, func(name string) bool {
			text, err := os.ReadFile(name)
			return err == nil && strings.Contains(string(text), "catalogue.Check(")
		}) {
			t.Errorf("%s makes events, and no test of it asks catalogue.Check", p.path())
		}
	}
}

// TestZonesAreBuiltIn: the program must know every time zone on a machine that
// has no zone data installed.
func TestZonesAreBuiltIn(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/engawa").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Fields(string(out)), "time/tzdata") {
		t.Error("cmd/engawa does not embed time/tzdata: quiet hours would depend on what the machine has installed")
	}
}

// TestNamedTests: each test that a document names is there.
func TestNamedTests(t *testing.T) {
	declared, named := map[string]bool{}, map[string]string{} // by the test's name; where it is named
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".md"):
			return nil
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, ".md") {
			for _, name := range regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(string(text), -1) {
				named[name] = path
			}
			return err
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			declared[m[1]] = true
		}
		return err
	})
	if err != nil || len(named) == 0 {
		t.Fatal(len(named), err)
	}
	for name, path := range named {
		if !declared[name] {
			t.Errorf("%s names %s, which is not there", path, name)
		}
	}
}

// TestTable finds slips of the pen in the table.
func TestTable(t *testing.T) {
	for _, p := range slices.Sorted(maps.Keys(may)) {
		for _, imp := range may[p] {
			if _, listed := may[imp]; !listed && imp != "*" {
				t.Errorf("%s may import %s, which is not in the table", p, imp)
			}
		}
	}
}

// TestPagesStandOnce: no page is copied into whoever shows it. What templ makes of
// a page is a small function around a large one, which the compiler would put into
// every caller: half of the time it took to build the console, and 3 MB.
func TestPagesStandOnce(t *testing.T) {
	pages := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".templ") {
			return err
		}
		text, err := os.ReadFile(path)
		before := ""
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "templ ") {
				if pages++; before != "//go:noinline\n" {
					t.Errorf("%s: write //go:noinline above %s", path, strings.TrimSpace(line))
				}
			}
			before = line
		}
		return err
	})
	if err != nil || pages == 0 {
		t.Fatal(pages, err)
	}
}
