package serve

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

func TestProgramPages(t *testing.T) {
	const maps = `00400000-01df5000 r-xp 00000000 fe:00 1 /opt/en gawa
01df5000-0357a000 r--p 019f5000 fe:00 1 /opt/en gawa
0357a000-036fb000 rw-p 0317a000 fe:00 1 /opt/en gawa
c000000000-c000400000 rw-p 00000000 00:00 0
7f7eeb406000-7f7eeb40e000 r--p 00000000 fe:00 9 /opt/en gawa.db
7ffd1000-7ffd2000 r-xp 00000000 00:00 0 [vdso]
`
	want := []pages{{0x400000, 0x1df5000}, {0x1df5000, 0x357a000}}
	if got := programPages(maps, "/opt/en gawa"); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestGiveBack: after it less of the program is in memory.
func TestGiveBack(t *testing.T) {
	resident := func() int {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
		if m == nil {
			t.Fatal("no RssFile in /proc/self/status")
		}
		n, _ := strconv.Atoi(string(m[1]))
		return n
	}
	before := resident()
	giveBack()
	if after := resident(); after > before*3/4 {
		t.Errorf("%d kB before, %d after", before, after)
	}
}
