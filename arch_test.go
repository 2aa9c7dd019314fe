package engawa_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/engawa/engawa"

// may lists, for every package, which packages of ours it may import. "*" may
// import all: the wiring.
var may = map[string][]string{
	"":                              {},
	"cmd/engawa":                    {"*"},
	"internal/access":               {"", "internal/store", "internal/vault"},
	"internal/api":                  {"", "internal/access", "internal/channel", "internal/intake", "internal/message", "internal/rule", "internal/store", "internal/text", "internal/vault"},
	"internal/appstore":             {""},
	"internal/appstore/sim":         {},
	"internal/bench":                {"*"},
	"internal/channel":              {"", "internal/verdict"},
	"internal/channel/builtin":      {"", "internal/appstore", "internal/channel", "internal/channel/chatwork", "internal/channel/mail", "internal/channel/webhook"},
	"internal/channel/channeltest":  {"", "internal/channel", "internal/rule", "internal/verdict"},
	"internal/channel/chatwork":     {"", "internal/channel", "internal/verdict"},
	"internal/channel/chatwork/sim": {},
	"internal/channel/mail":         {"", "internal/channel", "internal/verdict"},
	"internal/channel/mail/sim":     {},
	"internal/channel/webhook":      {"", "internal/channel", "internal/verdict"},
	"internal/channel/webhook/sim":  {},
	"internal/config":               {""},
	"internal/demo":                 {"*"},
	"internal/dispatch":             {"", "internal/channel", "internal/message", "internal/route", "internal/rule", "internal/store", "internal/verdict"},
	"internal/intake":               {"", "internal/channel", "internal/store"},
	"internal/message":              {"", "internal/channel", "internal/route", "internal/rule", "internal/store", "internal/text", "internal/verdict"},
	"internal/route":                {""},
	"internal/rule":                 {""},
	"internal/serve":                {"*"},
	"internal/store":                {"", "internal/vault"},
	"internal/store/storetest":      {},
	"internal/text":                 {""},
	"internal/vault":                {""},
	"internal/verdict":              {"", "internal/rule"},
}

// nouns that name nothing of the trade.
var banned = []string{"util", "utils", "common", "models", "services", "repository", "mock", "mocks", "helpers"}

type pkg struct {
	ImportPath, Doc, Dir string
	Imports, GoFiles     []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Doc,Dir,GoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func short(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

// TestImports holds the package tree of docs/architecture.md.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := short(p.ImportPath)
		allowed, ok := may[name]
		if !ok {
			t.Errorf("%s is not in the map: say what it may import", name)
			continue
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		if slices.Contains(banned, filepath.Base(name)) {
			t.Errorf("%s is named after nothing: name it after what it knows", name)
		}
		for _, imp := range p.Imports {
			ours := imp == module || strings.HasPrefix(imp, module+"/")
			if ours && !slices.Contains(allowed, short(imp)) && !slices.Contains(allowed, "*") {
				t.Errorf("%s must not import %s", name, short(imp))
			}
		}
	}
}

// TestHouse holds rules that a reader of one file cannot see.
func TestHouse(t *testing.T) {
	for _, p := range packages(t) {
		name := short(p.ImportPath)
		for _, f := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			src := string(b)
			if strings.Contains(src, "\nfunc init()") {
				t.Errorf("%s/%s: no init functions", name, f)
			}
			if name != "internal/config" && name != "internal/store/storetest" && (strings.Contains(src, "os.Getenv(") || strings.Contains(src, "os.LookupEnv(") || strings.Contains(src, "os.Environ(")) && name != "cmd/engawa" {
				t.Errorf("%s/%s: only internal/config reads the environment", name, f)
			}
			if name != "internal/verdict" && strings.Contains(src, "verdict.Cleared{&") {
				t.Errorf("%s/%s: only internal/verdict makes a Cleared", name, f)
			}
		}
	}
}
