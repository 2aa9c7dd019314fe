package text_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// TestTaskKinds: what the program raises has words that say what to do, and how.
func TestTaskKinds(t *testing.T) {
	kinds, raised := load(t).TaskKinds(), raisedKinds(t)
	for kind, where := range raised {
		if !slices.Contains(kinds, kind) {
			t.Errorf("%s raises %q, which has no words: write task.%s and task.%s.help", where, kind, kind, kind)
		}
	}
	if len(raised) < 3 {
		t.Errorf("found only %v", raised)
	}
}

// raisedKinds are the kinds in the program's task literals, with their places.
func raisedKinds(t *testing.T) map[string]string {
	t.Helper()
	kinds, root := map[string]string{}, repository(t)
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || d.Name() == "gallery.go" {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Task" {
				return true
			}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				name, _ := kv.Key.(*ast.Ident)
				value, ok := kv.Value.(*ast.BasicLit)
				if ok && name != nil && name.Name == "Kind" {
					kind, _ := strconv.Unquote(value.Value)
					kinds[kind] = set.Position(value.Pos()).String()
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

// TestTaskNotice: a notice about a task says in the reader's language what is to be done.
func TestTaskNotice(t *testing.T) {
	w := load(t)
	data := map[string]any{"task": map[string]any{"id": "tsk_1", "kind": "account.closed", "args": map[string]any{"account": "acc_1"}, "due_at": "2026-11-23T13:40:02Z", "url": "https://hub.example.jp/tasks/tsk_1"}}
	e := engawa.Event{ID: "evt_1", Type: "task.overdue"}
	for l, want := range map[engawa.Locale]string{engawa.English: "Repair an account's settings", engawa.Japanese: "アカウントの設定を直してください", engawa.Korean: "계정 설정을 고쳐 주십시오"} {
		vars := w.For(l, nil).EventVars(e, data, text.Person{}, "")
		got, err := text.Render(w.DefaultTemplate(e.Type).Words[l], vars, text.EscapeChat)
		if err != nil || !strings.Contains(got.Text, want) || !strings.Contains(got.Text, "https://hub.example.jp/tasks/tsk_1") || strings.Contains(got.Text, "T13:40") {
			t.Errorf("%s: %s %v", l, got.Text, err)
		}
		if line := w.EventLine(l, e.Type, map[string]any{"task": map[string]any{"kind": "account.closed"}}); !strings.HasSuffix(line, ": "+want) {
			t.Errorf("%s: %s", l, line)
		}
	}
}
