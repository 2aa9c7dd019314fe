package purchase

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore"
)

// TestStates holds what docs/app-store.md says of states to the statuses that there
// are, with whether each gives access, and of what is bought once to its kinds.
func TestStates(t *testing.T) {
	page, err := os.ReadFile("../../docs/app-store.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## What each state means\n")
	section, _, _ = strings.Cut(section, "\n## ")
	states, kinds, _ := strings.Cut(section, "What is bought once:")
	rows := func(part string) map[string][]string {
		all := map[string][]string{}
		for _, m := range regexp.MustCompile(`(?m)^\| ([a-z -]+) \| ([^|]+) \|(.*)$`).FindAllStringSubmatch(part, -1) {
			all[string(kind(m[1]))] = m[2:]
		}
		delete(all, "state")
		delete(all, "bought")
		return all
	}
	got := rows(states)
	known := 0
	for s := appstore.StatusActive; s.String() != strconv.Itoa(int(s)); s++ {
		known++
		v := told(t, s, func(_ *appstore.Transaction, r *appstore.RenewalInfo) {
			r.GracePeriodExpiresDate = date(time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC))
		}).At(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
		if row, want := got[s.String()], map[bool]string{true: "yes", false: "no"}[v.Entitled]; v.Status != s || row == nil || row[0] != want {
			t.Errorf("%s gives access: %s; the document says %q", s, want, row)
		}
	}
	if known != 5 || len(got) != known {
		t.Errorf("%d statuses, %d in the document", known, len(got))
	}
	once := rows(kinds)
	for _, k := range []Kind{Consumable, NonConsumable, NonRenewing} {
		if once[string(k)] == nil {
			t.Errorf("the document does not say what a %s entitles to", k)
		}
	}
	if len(once) != 3 {
		t.Errorf("%d kinds are bought once in the document", len(once))
	}
}
