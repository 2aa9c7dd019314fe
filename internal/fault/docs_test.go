package fault

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTable holds docs/bad-input.md to the tests that exist, and to the classes
// that it must speak of.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/bad-input.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| (B\\d+) \\|.+\\|.+\\| `([^`]+)`: `(Test\\w+)` \\|$")
	var classes []string
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		classes = append(classes, m[1])
		if !declared(t, m[2], m[3]) {
			t.Errorf("%s: %s has no test %s", m[1], m[2], m[3])
		}
	}
	if want := strings.Count(string(page), "\n| B"); len(classes) != want {
		t.Errorf("%d of %d rows can be read", len(classes), want)
	}
	for _, class := range []string{"B17", "B18", "B20", "B21", "B22", "B23", "B24", "B25", "B26", "B27", "B28", "B29", "B30", "B31", "B32", "B35", "B39", "B40"} {
		if !slices.Contains(classes, class) {
			t.Errorf("no row speaks of %s", class)
		}
	}
}

func declared(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}
