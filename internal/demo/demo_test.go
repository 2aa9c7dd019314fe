package demo

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/engawa/engawa"
)

// TestQuick plays the main job in each language, as `engawa demo --quick` does.
// Every step has a time of the API's. That it takes no more than 20 seconds is
// held by script/demo, with the program as it is shipped.
func TestQuick(t *testing.T) {
	timed := regexp.MustCompile(`^  \d\d:\d\d:\d\d  \S`)
	for _, l := range engawa.Locales {
		t.Run(string(l), func(t *testing.T) {
			var out strings.Builder
			err := Run(context.Background(), Options{Addr: "127.0.0.1:0", Data: t.TempDir(), Quick: true, Out: &out, LogFile: os.Stderr, Locale: l})
			t.Log(out.String())
			if err != nil {
				t.Fatal(err)
			}
			steps := 0
			for line := range strings.Lines(out.String()) {
				if timed.MatchString(line) {
					steps++
				}
			}
			if steps != 21 {
				t.Errorf("%d steps with a time, want 21", steps)
			}
			for _, wrong := range []string{"demo.", "<no value>", "{{"} {
				if strings.Contains(out.String(), wrong) {
					t.Errorf("%q is printed", wrong)
				}
			}
		})
	}
}
