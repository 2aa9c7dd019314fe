package api_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestPage runs every curl of docs/api.md, in order.
func TestPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, storetest.SQLite(t))
	calls := regexp.MustCompile(`(?s)\ncurl -sS \$HUB(\S+)(.*?)-d '(.*?)'\n`).FindAllStringSubmatch(string(page), -1)
	if len(calls) != strings.Count(string(page), "\ncurl ") || len(calls) == 0 {
		t.Fatalf("%d of the page's calls can be read", len(calls))
	}
	for _, c := range calls {
		var headers []string
		for _, h := range regexp.MustCompile(`-H '(.*?): (.*?)'`).FindAllStringSubmatch(c[2], -1) {
			headers = append(headers, h[1], h[2])
		}
		if status, _, text := s.do("POST", c[1], s.key, c[3], headers...); status/100 != 2 {
			t.Errorf("%s: %d %s", c[1], status, text)
		}
	}
}
