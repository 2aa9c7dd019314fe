package appstore

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDeprecated: what docs/app-store.md says the hub will not do is all there, each
// with the test that holds it; of endpoints that is what this one asks.
func TestDeprecated(t *testing.T) {
	page, err := os.ReadFile("../../docs/app-store.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## What the hub will not do\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var tests []string
	for _, item := range strings.Split(section, "\n- ")[1:] {
		tests = append(tests, regexp.MustCompile(`Test\w+`).FindString(item))
	}
	if want := []string{"TestConsumptionNeedsConsent", "TestUnclear", "TestRefusals", t.Name()}; !slices.Equal(tests, want) {
		t.Errorf("it names the tests %q, not %q", tests, want)
	}
	for e, how := range endpoints {
		path := strings.TrimPrefix(how.path, "/inApps/")
		if path == how.path || strings.HasPrefix(path, "v1/history") || strings.HasPrefix(path, "v1/refund") {
			t.Errorf("%s is asked at %s", e, how.path)
		}
	}
}
