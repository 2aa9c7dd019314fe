package text_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// raisedBy names, for each kind of task, the test in which the program raises it
// on its real road, before a real store. A new kind gets a line here.
var raisedBy = map[string]string{
	"account.closed":               "internal/dispatch TestUnopened",
	"consent.reminder":             "internal/confirm TestReminder",
	"consent.result":               "internal/confirm TestUnreachable",
	"custody.credentials_failing":  "internal/custody TestChecks",
	"custody.identity_changed":     "internal/custody TestChecks",
	"custody.menu_changed":         "internal/custody TestChecks",
	"custody.quota_used_by_others": "internal/custody TestChecks",
	"custody.setting_changed":      "internal/custody TestChecks",
	"custody.webhook_changed":      "internal/custody TestChecks",
	"customer.erasure":             "internal/mypage TestErase",
	"customer.rescinded":           "internal/follow TestRescinded",
	"customer.twins":               "internal/follow TestWhose",
	"delivery.failed":              "internal/channel/listform TestRoadStaff",
	"delivery.unknown":             "internal/dispatch TestUnknown",
	"destination.gone":             "internal/dispatch TestPlaceGone",
	"extension.failed":             "internal/desk TestOutage",
	"extension.more_failed":        "internal/desk TestOutageOfMany",
	"extension.refused":            "internal/desk TestOutageRefused",
	"extension.unknown":            "internal/desk TestOutageLost",
	"feedback.unread":              "internal/relay TestLoopsOwnWords",
	"gap.found":                    "internal/gap TestDowntime",
	"gap.history":                  "internal/gap TestEndless",
	"gap.key":                      "internal/gap TestKey",
	"gap.unproved":                 "internal/gap TestForeign",
	"hub.upkeep":                   "internal/serve TestUpkeepAsks",
	"import.gone":                  "internal/intake TestMonths",
	"inbox.off":                    "internal/relay TestSwitchedOff",
	"inbox.unrecognized":           "internal/relay TestRoad",
	"listform.change":              "internal/channel/listform TestRoadByHand",
	"listform.changed":             "internal/channel/listform TestRoadDrift",
	"listform.register":            "internal/channel/listform TestRoadRefused",
	"listform.remove":              "internal/channel/listform TestRoadByHand",
	"listform.unknown":             "internal/channel/listform TestRoadUnclear",
	"mail.blocked":                 "internal/dispatch TestReceiverBlocks",
	"offer.low":                    "internal/store TestHandOut",
	"partner.complaints":           "internal/store TestComplaints",
	"purchase.unread":              "internal/follow TestUnread",
	"refund.due":                   "internal/refund TestNoConsent",
	"reply.unproved":               "internal/relay TestReplyToPartner",
	"route.broken":                 "internal/dispatch TestUnjudged",
	"smaregi.contradicts":          "internal/contracts TestContradiction",
	"smaregi.gap":                  "internal/contracts TestMissed",
	"smaregi.list":                 "internal/contracts TestUnreadable",
	"takeout.arrived":              "internal/store TestTakeout",
	"webhook.disabled":             "internal/serve TestEndpointsAreSwitchedOff",
}

// TestEachTaskIsRaised: each kind that docs/tasks.md promises has a test that
// speaks of it and does not raise it itself.
func TestEachTaskIsRaised(t *testing.T) {
	kinds, root, named := load(t).TaskKinds(), repository(t), taskNames(t)
	for _, kind := range kinds {
		dir, test, ok := strings.Cut(raisedBy[kind], " ")
		if !ok {
			t.Errorf("no test raises a task %s: write one, and its line here", kind)
			continue
		}
		body, ok := bodies(t, filepath.Join(root, dir))[test]
		if !ok {
			t.Errorf("%s: there is no %s in %s", kind, test, dir)
			continue
		}
		speaks, raises := looksFor(body, kind, named[kind])
		if !speaks || raises {
			t.Errorf("%s: %s in %s looks for it: %t, raises it itself: %t", kind, test, dir, speaks, raises)
		}
	}
	for kind := range raisedBy {
		if !slices.Contains(kinds, kind) {
			t.Errorf("%s is no kind of task any more", kind)
		}
	}
}

// taskNames are the constants by which the program calls kinds of tasks, by
// kind.
func taskNames(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string][]string{}
	eachFile(t, func(_ string, _ *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, v := range spec.Values {
				if s, ok := literal(v); ok {
					names[s] = append(names[s], spec.Names[i].Name)
				}
			}
			return true
		})
	})
	return names
}

func literal(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// bodies are the test functions of a folder, each with the functions of its tests
// that it calls by name, and what they call.
func bodies(t *testing.T, dir string) map[string][]*ast.BlockStmt {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	funcs := map[string]*ast.BlockStmt{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				funcs[fn.Name.Name] = fn.Body
			}
		}
	}
	out := map[string][]*ast.BlockStmt{}
	for name := range funcs {
		if strings.HasPrefix(name, "Test") {
			out[name] = called(funcs, name, map[string]bool{})
		}
	}
	return out
}

func called(funcs map[string]*ast.BlockStmt, name string, seen map[string]bool) (all []*ast.BlockStmt) {
	body := funcs[name]
	if body == nil || seen[name] {
		return nil
	}
	seen[name] = true
	all = append(all, body)
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			all = append(all, called(funcs, nameOf(call.Fun), seen)...)
		}
		return true
	})
	return all
}

// looksFor reports whether a test has the kind in a text, alone or with what it
// refers to behind a space, or by one of its names; and whether it makes such a
// task itself.
func looksFor(body []*ast.BlockStmt, kind string, names []string) (speaks, raises bool) {
	isKind := func(n ast.Node) bool {
		if s, ok := literal(n); ok {
			first, _, _ := strings.Cut(s, " ")
			return first == kind
		}
		e, ok := n.(ast.Expr)
		return ok && slices.Contains(names, nameOf(e))
	}
	for _, b := range body {
		ast.Inspect(b, func(n ast.Node) bool {
			speaks = speaks || isKind(n)
			if lit, ok := n.(*ast.CompositeLit); ok && lit.Type != nil && nameOf(lit.Type) == "Task" {
				for _, e := range lit.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok && nameOf(kv.Key) == "Kind" && isKind(kv.Value) {
						raises = true
					}
				}
			}
			return true
		})
	}
	return speaks, raises
}
