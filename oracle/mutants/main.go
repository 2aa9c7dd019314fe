// Command mutants changes the program text of the verdict and of the rules, one place
// at a time, and says which changes no test notices: those of the packages, and the
// second implementation beside this command.
//
// A condition is turned round, the edge of a comparison moved, a sum made a
// difference, a number one more, a statement left out, a branch taken always or
// never. What does not compile is none of them. It ends with status 1 if fewer than
// 95 of a hundred are noticed.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const bar = 95 // of a hundred

// root is the repository's, seen from oracle/mutants.
const root = "../.."

func main() {
	var files []string
	for _, dir := range []string{"internal/verdict", "internal/rule"} {
		found, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			fail(err)
		}
		for _, f := range found {
			if !strings.HasSuffix(f, "_test.go") {
				files = append(files, f)
			}
		}
	}
	noticed, missed := 0, 0
	for _, f := range files {
		for n := 0; ; n++ {
			at, what, text, err := mutate(f, n)
			if err != nil {
				fail(err)
			}
			if what == "" {
				break
			}
			switch survives, compiles := tested(f, text); {
			case !compiles:
			case survives:
				missed++
				fmt.Printf("%s: %s: nothing notices\n", at, what)
			default:
				noticed++
			}
		}
	}
	share := 100 * float64(noticed) / float64(noticed+missed)
	fmt.Printf("%d mutants, %d noticed: %.1f %%\n", noticed+missed, noticed, share)
	if share < bar {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(2)
}

// mutate makes the nth change of a file; what is empty where there are fewer.
func mutate(file string, n int) (at, what string, text []byte, err error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, nil, parser.ParseComments)
	if err != nil {
		return "", "", nil, err
	}
	var pos token.Pos
	change := func(p token.Pos, name string, do func()) {
		if n == 0 && what == "" {
			pos, what = p, name
			do()
		}
		n--
	}
	ast.Inspect(tree, func(node ast.Node) bool {
		if what != "" {
			return false
		}
		switch x := node.(type) {
		case *ast.ImportSpec, *ast.GenDecl:
			if g, ok := x.(*ast.GenDecl); ok && g.Tok == token.CONST {
				return true
			}
			return false
		case *ast.BinaryExpr:
			binary(x, change)
		case *ast.IfStmt:
			change(x.Pos(), "the branch is always taken", func() { x.Cond = &ast.BinaryExpr{X: x.Cond, Op: token.LOR, Y: ast.NewIdent("true")} })
			change(x.Pos(), "the branch is never taken", func() {
				x.Cond = &ast.BinaryExpr{X: &ast.ParenExpr{X: x.Cond}, Op: token.LAND, Y: ast.NewIdent("false")}
			})
		case *ast.UnaryExpr:
			if x.Op == token.NOT {
				change(x.Pos(), "without the not", func() {
					*x = ast.UnaryExpr{OpPos: x.OpPos, Op: token.NOT, X: &ast.ParenExpr{X: &ast.UnaryExpr{Op: token.NOT, X: x.X}}}
				})
			}
		case *ast.BasicLit:
			if v, err := strconv.Atoi(x.Value); err == nil && x.Kind == token.INT {
				change(x.Pos(), x.Value+" is one more", func() { x.Value = strconv.Itoa(v + 1) })
			}
		case *ast.BlockStmt:
			statements(x, change)
		case *ast.CaseClause:
			for i, c := range x.List {
				if _, ok := c.(*ast.BinaryExpr); !ok {
					continue
				}
				change(c.Pos(), "the case never holds", func() { x.List[i] = &ast.BinaryExpr{X: &ast.ParenExpr{X: c}, Op: token.LAND, Y: ast.NewIdent("false")} })
			}
		}
		return true
	})
	if what == "" {
		return "", "", nil, nil
	}
	var out bytes.Buffer
	err = format.Node(&out, set, tree)
	p := set.Position(pos)
	return fmt.Sprintf("%s:%d:%d", strings.TrimPrefix(file, root+"/"), p.Line, p.Column), what, out.Bytes(), err
}

// edges are what comparisons and sums become.
var edges = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR}, token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LAND: {token.LOR}, token.LOR: {token.LAND}, token.ADD: {token.SUB}, token.SUB: {token.ADD},
}

func binary(x *ast.BinaryExpr, change func(token.Pos, string, func())) {
	for _, op := range edges[x.Op] {
		was := x.Op
		change(x.OpPos, was.String()+" is "+op.String(), func() { x.Op = op })
	}
}

// statements leaves out calls and assignments, one at a time.
func statements(b *ast.BlockStmt, change func(token.Pos, string, func())) {
	for i, s := range b.List {
		switch s := s.(type) {
		case *ast.ExprStmt:
			change(s.Pos(), "the call is left out", func() { b.List[i] = &ast.EmptyStmt{} })
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				change(s.Pos(), "the assignment is left out", func() { b.List[i] = &ast.EmptyStmt{} })
			}
		}
	}
}

// tested runs the tests with text in place of the file.
func tested(file string, text []byte) (survives, compiles bool) {
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	abs, err := filepath.Abs(file)
	if err != nil {
		fail(err)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {abs: changed}})
	if err != nil {
		fail(err)
	}
	if os.WriteFile(changed, text, 0o600) != nil || os.WriteFile(overlay, list, 0o600) != nil {
		fail(fmt.Errorf("no room for a mutant in %s", dir))
	}
	if run(root, "build", "-overlay", overlay, "./internal/verdict", "./internal/rule") != nil {
		return false, false
	}
	if run(root, "test", "-overlay", overlay, "-failfast", "-timeout", "60s", "./internal/rule", "./internal/verdict") != nil {
		return false, true
	}
	return run(filepath.Join(root, "oracle/verdict"), "test", "-overlay", overlay, "-failfast", "-timeout", "2m", "./...") == nil, true
}

func run(dir string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.WaitDelay = dir, 10*time.Second
	return cmd.Run()
}
