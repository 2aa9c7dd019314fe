package serve

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// giveBack returns the pages of the program file to the machine. The start runs
// through most of the program once, and the kernel would keep all that it read
// for it, some 35 MB, until memory is short. What is needed again is read again.
//
// It is a hint (madvise(2), MADV_PAGEOUT, Linux 5.4): where the kernel does not
// take it, for want of rights to the file or of the call, nothing is lost.
func giveBack() {
	file, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for _, p := range programPages(string(maps), file) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, p.from, p.to-p.from, unix.MADV_PAGEOUT)
	}
}

type pages struct{ from, to uintptr }

// programPages returns where a file is mapped and never written to, by the lines
// of proc_pid_maps(5).
func programPages(maps, file string) (out []pages) {
	for line := range strings.Lines(maps) {
		f := strings.Fields(line) // address perms offset dev inode pathname
		if len(f) < 6 || strings.Contains(f[1], "w") || strings.Join(f[5:], " ") != file {
			continue
		}
		low, high, _ := strings.Cut(f[0], "-")
		from, err1 := strconv.ParseUint(low, 16, 64)
		to, err2 := strconv.ParseUint(high, 16, 64)
		if err1 == nil && err2 == nil {
			out = append(out, pages{uintptr(from), uintptr(to)})
		}
	}
	return out
}
