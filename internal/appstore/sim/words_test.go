package sim

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWords: every word is there in ja, ko and en, and the page asks for no other.
func TestWords(t *testing.T) {
	keys := slices.Sorted(maps.Keys(words["en"]))
	for lang, list := range words {
		if got := slices.Sorted(maps.Keys(list)); !slices.Equal(got, keys) {
			t.Errorf("%s has other words than en", lang)
		}
		for key, text := range list {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", lang, key)
			}
			if other := words["en"][key]; lang != "en" && other == text {
				t.Errorf("%s: %s is the same in English", lang, key)
			}
		}
	}
	var asked strings.Builder
	for _, name := range []string{"page.html", "page.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		asked.Write(b)
	}
	used := map[string]bool{"title": true, "late": true, "shared": true}
	for _, m := range regexp.MustCompile(`\.W\.(\w+)`).FindAllStringSubmatch(asked.String(), -1) {
		used[m[1]] = true
	}
	for _, s := range states {
		used[s[0]] = true
	}
	for _, r := range refundReasons {
		used[r] = true
	}
	for key := range used {
		if words["en"][key] == "" {
			t.Errorf("the page asks for %q", key)
		}
	}
	for _, key := range keys {
		if !used[key] {
			t.Errorf("nobody asks for %q", key)
		}
	}
}
