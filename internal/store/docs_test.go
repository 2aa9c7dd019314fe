package store_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestPage holds docs/store.md to the tests and tables that exist.
func TestPage(t *testing.T) {
	page := read(t, "../../docs/store.md")
	tests := read(t, "*_test.go") + read(t, "../serve/*_test.go") + read(t, "../fault/*_test.go") + read(t, "../follow/*_test.go") + read(t, "../gap/*_test.go")
	named := regexp.MustCompile("`(Test[A-Z]\\w*)`").FindAllStringSubmatch(page, -1)
	for _, m := range named {
		if !strings.Contains(tests, "\nfunc "+m[1]+"(t *testing.T)") {
			t.Errorf("there is no %s", m[1])
		}
	}
	if len(named) < 40 {
		t.Errorf("the page names %d tests", len(named))
	}
	each(t, func(s *shop) {
		for table := range s.columns(storetest.Open(s.t, s.url)) {
			if !strings.HasPrefix(table, "sqlite_") && !strings.Contains(page, "`"+table+"`") {
				s.t.Errorf("the page does not speak of %s", table)
			}
		}
	})
}

func read(t *testing.T, pattern string) (text string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	return text
}
