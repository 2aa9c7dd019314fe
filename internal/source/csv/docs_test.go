package csv

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPage holds docs/csv.md to the tests that it names, and to the limits.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../../docs/csv.md")
	if err != nil {
		t.Fatal(err)
	}
	page, tests := string(b), ""
	for _, folder := range []string{".", "../../intake", "../../store", "../../console"} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests += string(source)
		}
	}
	named := regexp.MustCompile("`(Test[A-Z]\\w*)`").FindAllStringSubmatch(page, -1)
	for _, m := range named {
		if !strings.Contains(tests, "\nfunc "+m[1]+"(t *testing.T)") {
			t.Errorf("there is no %s", m[1])
		}
	}
	if len(named) < 15 || !strings.Contains(page, "10 MB, 50,000 lines, 200 columns, 4,000 characters a cell") {
		t.Errorf("the page names %d tests, or other limits", len(named))
	}
	if MaxBytes != 10<<20 || MaxRows != 50_000 || MaxColumns != 200 || MaxCell != 4_000 {
		t.Error("the limits are others than the page says")
	}
}
