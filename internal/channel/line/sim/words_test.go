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
			if strings.TrimSpace(text) == "" || lang != "en" && words["en"][key] == text {
				t.Errorf("%s: %s is %q", lang, key, text)
			}
		}
	}
	html, err := os.ReadFile("page.html")
	if err != nil {
		t.Fatal(err)
	}
	used := []string{"title", "lead", string(Friend), string(Blocked), string(Never), "push", "multicast", "broadcast", "narrowcast", "reply", "person"}
	for _, m := range regexp.MustCompile(`\.W\.(\w+)`).FindAllStringSubmatch(string(html), -1) {
		used = append(used, m[1])
	}
	slices.Sort(used)
	if used = slices.Compact(used); !slices.Equal(used, keys) {
		t.Errorf("the page asks for %q, the words are %q", used, keys)
	}
}
