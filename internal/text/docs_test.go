package text_test

import (
	"fmt"
	"os"
	"regexp"
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
		for _, name := range []string{"account", "message", "route", "event", "customer", "name", "code", "problem", "why", "changed", "customer", "other", "accounts", "canceled", "unrouted", "unknown", "keys", "identities", "suppressions", "n", "since", "product", "domain", "offer", "left", "partner", "sent", "complaints", "app", "from"} {
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
