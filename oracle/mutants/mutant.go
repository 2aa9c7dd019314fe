package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
)

// mutant is a file with one change.
type mutant struct {
	at, what string
	text     []byte // of the whole file
	number   int    // by which it is called, from 1
	// Of a change in a function: what the function does then, and where in the file
	// as it was that is to be said.
	instead string
	begin   int
}

func (m mutant) inFunction() bool { return m.instead != "" }

// mutants returns every change of a file.
func mutants(file string) ([]mutant, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []mutant
	for n := 0; ; n++ {
		m, err := mutate(file, source, n)
		if err != nil || m.what == "" {
			return all, err
		}
		all = append(all, m)
	}
}

// mutate makes the nth change; what is empty where there are fewer.
func mutate(file string, source []byte, n int) (mutant, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, source, parser.ParseComments)
	if err != nil {
		return mutant{}, err
	}
	m := mutant{number: n + 1}
	var pos token.Pos
	change := func(p token.Pos, what string, do func()) {
		if n == 0 {
			pos, m.what = p, what
			do()
		}
		n--
	}
	ast.Inspect(tree, func(node ast.Node) bool {
		if m.what != "" {
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
	if m.what == "" {
		return m, nil
	}
	p := set.Position(pos)
	m.at = fmt.Sprintf("%s:%d:%d", strings.TrimPrefix(file, root+"/"), p.Line, p.Column)
	var text bytes.Buffer
	if err := format.Node(&text, set, tree); err != nil {
		return m, err
	}
	m.text = text.Bytes()
	for _, d := range tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Pos() <= pos && pos < f.End() {
			m.begin = set.Position(f.Body.Lbrace).Offset + 1
			m.instead, err = instead(set, f, m.number)
		}
	}
	return m, err
}

// instead calls a function's body, as it is now, in place of what follows.
func instead(set *token.FileSet, f *ast.FuncDecl, number int) (string, error) {
	var call bytes.Buffer
	literal := &ast.FuncLit{Type: &ast.FuncType{Params: &ast.FieldList{}, Results: f.Type.Results}, Body: f.Body}
	if err := format.Node(&call, set, literal); err != nil {
		return "", err
	}
	named := fmt.Sprintf("//line mutant%d.go:1\n", number) // for the compiler's errors
	if f.Type.Results == nil {
		return named + call.String() + "()\nreturn\n", nil
	}
	return named + "return " + call.String() + "()\n", nil
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
