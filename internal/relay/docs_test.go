package relay_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPage holds docs/mail.md and docs/relay.md to the tests that they name.
func TestPage(t *testing.T) {
	var tests strings.Builder
	for _, dir := range []string{".", "../letter", "../source/inbox", "../console", "../store", "../breaker", "../refusal", "../channel/mail", "../dispatch", "../serve", "../api", "../demo", "../partner", "scrub"} {
		files, err := filepath.Glob(dir + "/*_test.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	for _, name := range []string{"mail.md", "relay.md"} {
		page, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`").FindAllStringSubmatch(string(page), -1)
		for _, m := range named {
			if !strings.Contains(tests.String(), "\nfunc "+m[1]+"(") {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
		if len(named) < 15 {
			t.Errorf("%s names %d tests", name, len(named))
		}
	}
}
