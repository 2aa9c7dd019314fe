package rudetest

import (
	"slices"
	"strings"
	"testing"
)

// TestJudge: a table names the test of every case, and lacks none.
func TestJudge(t *testing.T) {
	own := func(*testing.T) {}
	printed, run, wrong := judge("TestTable", []string{"TestTable", "TestJudge", "TestPlace"}, []Part{{"Answers", []Case{{"one | two", TestJudge}, {"alone", own}, {"alone", own}}}})
	if want := "\n### Answers\n\n| case | test |\n|---|---|\n| one \\| two | `TestJudge` |\n| alone | `TestTable` |\n| alone | `TestTable` |\n\n"; printed != want {
		t.Errorf("%q, want %q", printed, want)
	}
	if len(run) != 2 || !slices.Equal(wrong, []string{"twice in the table: alone", "TestPlace holds no case of the table"}) {
		t.Errorf("%d, %q", len(run), wrong)
	}
}

// TestPlace: what stands around a table stays, and a document without a place
// is told.
func TestPlace(t *testing.T) {
	now, ok := place("a\n"+begin+"old\n"+end+"b\n", "new\n")
	if !ok || now != "a\n"+begin+"new\n"+end+"b\n" {
		t.Errorf("%t %q", ok, now)
	}
	if _, ok := place("a\n"+begin, "new\n"); ok {
		t.Error("no end")
	}
	if names := tests(t); !slices.Contains(names, "TestJudge") || strings.Join(names, "") == "" {
		t.Errorf("%q", names)
	}
}
