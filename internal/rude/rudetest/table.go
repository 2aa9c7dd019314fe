// Package rudetest holds the printed table of a simulator's cases to the tests
// of the package it is called from.
package rudetest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Case is one thing that the provider does, and the test that holds the
// simulator to it: a Test function of the package, which may hold several cases,
// or a function of the case's own, which Table runs under the case's name.
type Case struct {
	Says string // what the provider does, or the simulator for who plays with it
	Test func(*testing.T)
}

// Part is cases that belong together.
type Part struct {
	Title string
	Cases []Case
}

// The lines in a document between which the table is printed.
const (
	begin = "<!-- cases: printed by the simulator's TestTable -->\n"
	end   = "<!-- /cases -->\n"
)

// Table runs the cases that have a function of their own and compares the
// document doc, a path, with what they print; with update it prints them there.
// It fails where a Test function of the package holds no case.
func Table(t *testing.T, doc string, update bool, parts []Part) {
	printed, own, wrong := judge(t.Name(), tests(t), parts)
	for _, c := range own {
		t.Run(c.Says, c.Test)
	}
	for _, w := range wrong {
		t.Error(w)
	}
	b, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	now, ok := place(string(b), printed)
	switch {
	case !ok:
		t.Fatalf("%s has no place for the table, between %q and %q", doc, begin, end)
	case now == string(b):
	case update:
		if err := os.WriteFile(doc, []byte(now), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not say what the tests hold; print it with -update", doc)
	}
}

// judge prints the table of the test named self, and says which cases it has to
// run itself and what is wrong with the table, given the package's tests.
func judge(self string, tests []string, parts []Part) (printed string, own []Case, wrong []string) {
	var out strings.Builder
	holds, seen := map[string]bool{self: true}, map[string]bool{}
	for _, p := range parts {
		fmt.Fprintf(&out, "\n### %s\n\n| case | test |\n|---|---|\n", p.Title)
		for _, c := range p.Cases {
			name := called(c.Test)
			if !slices.Contains(tests, name) {
				name, own = self, append(own, c)
			}
			if seen[c.Says] {
				wrong = append(wrong, "twice in the table: "+c.Says)
			}
			seen[c.Says], holds[name] = true, true
			fmt.Fprintf(&out, "| %s | `%s` |\n", strings.ReplaceAll(c.Says, "|", `\|`), name)
		}
	}
	for _, name := range tests {
		if !holds[name] {
			wrong = append(wrong, name+" holds no case of the table")
		}
	}
	return out.String() + "\n", own, wrong
}

// place puts the table into a document; ok is false where there is no place.
func place(doc, table string) (now string, ok bool) {
	before, rest, ok := strings.Cut(doc, begin)
	_, after, ok2 := strings.Cut(rest, end)
	return before + begin + table + end + after, ok && ok2
}

// called is the name of a function as it is declared.
func called(f func(*testing.T)) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return name[strings.LastIndex(name, ".")+1:]
}

// tests are the names of the Test functions in the working directory.
func tests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				out = append(out, fn.Name.Name)
			}
		}
	}
	return out
}
